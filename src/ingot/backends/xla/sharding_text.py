"""How arrays are divided over a mesh, in the text of Shardy."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from ingot.backends.xla.client import version
from ingot.backends.xla.stablehlo import Builder, Module, Value
from ingot.core.jaxpr import Jaxpr, subjaxprs
from ingot.core.mesh import BaseMesh
from ingot.core.sharding import NamedSharding, Sharding
from ingot.core.specs import UNCONSTRAINED, PartitionSpec, UnreducedKind, names_of


def mesh_text(mesh: BaseMesh, name: str = "mesh") -> str:
    """Return the definition of a mesh in a module."""
    axes = ", ".join(f'"{axis}"={size}' for axis, size in mesh.shape.items())
    return f"  sdy.mesh @{name} = <[{axes}]>"


def sharding_text(sharding: Sharding | None, ndim: int, by_type: bool = False) -> str:
    """Return how an argument or result is divided, as its attribute; nothing where XLA may choose.

    by_type: it is a type that says it, which leaves Auto axes to XLA, and no others.
    """
    if not isinstance(sharding, NamedSharding):
        return ""
    is_open = by_type and bool(sharding.mesh.auto_axes)
    fixed = sharding.mesh.explicit_axes if is_open else ()
    entries = ["?" if p is UNCONSTRAINED else ", ".join(
        [f'"{n}"' for n in names_of(p)] + ["?"] * is_open)
               for p in sharding.spec.padded(ndim).partitions]
    return (f"sdy.sharding = #sdy.sharding<@mesh, [{', '.join(f'{{{e}}}' for e in entries)}]"
            f"{marks_text(sharding.spec, sharding.mesh, fixed)}>")


def marks_text(spec: PartitionSpec, mesh: BaseMesh, fixed: Sequence[Any] = ()) -> str:
    """Return the axes over which arrays are still to be combined, and those over which they are
    whole on each device: reduced ones, and others of the `fixed` ones, which XLA must not use."""
    whole = spec.reduced.union(fixed).difference(spec.names()) - spec.unreduced
    chosen = spec.unreduced_kind
    kind = "" if chosen in (None, UnreducedKind.sum) else chosen.name
    said = [("replicated=", whole), (f"unreduced={kind}", unreduced_here(spec))]
    quoted = [(what, [f'"{n}"' for n in mesh.axis_names if n in axes]) for what, axes in said]
    return "".join(f", {what}{{{', '.join(names)}}}" for what, names in quoted if names)


def is_sum(spec: PartitionSpec) -> bool:
    """Return whether the parts of an unreduced array are summands, not values to choose from."""
    return spec.unreduced_kind in (None, UnreducedKind.sum)


def unreduced_here(spec: PartitionSpec) -> frozenset[Any]:
    """Return the axes over which devices of XLA hold parts that are to be combined.

    Where this jaxlib has no word for parts that are combined by extremes, such an array is whole on
    each of them: the extreme of equal parts is the same.
    """
    return spec.unreduced if is_sum(spec) or is_recent() else frozenset()


@functools.cache
def is_recent() -> bool:
    """Return whether this jaxlib, from 0.12 on, has words for arrays that are unreduced by an
    extreme, and for devices along axes of a mesh."""
    return tuple(map(int, version().split(".")[:2])) >= (0, 12)


def constrained(b: Builder, x: Value, sharding: NamedSharding, by_type: bool = False) -> Value:
    """Return an array divided as told, where the program is for that mesh."""
    for line in b.module.header:
        name = line.partition("@")[2].partition(" ")[0]
        if line == mesh_text(sharding.mesh, name):
            text = sharding_text(sharding, len(x.shape), by_type).replace("<@mesh,", f"<@{name},")
            return b.op("sdy.sharding_constraint", [x], x.shape, x.dtype,
                        text.removeprefix("sdy."))
    return x


FIRST_DEVICE = "  sdy.mesh @first_device = <[], device_ids=[0]>"


def on_first_device(module: Module, results: int) -> str:
    """Return the attribute, after a comma, of a call with side effects: these happen once, on the
    first device of a program for several; nothing in others."""
    if not module.header:
        return ""
    if FIRST_DEVICE not in module.header:
        module.header.append(FIRST_DEVICE)
    places = ", ".join(["<@first_device, []>"] * max(results, 1))
    return f", sdy.sharding = #sdy.sharding_per_value<[{places}]>"


# ---- several meshes ------------------------------------------------------------------------------
def meshes_of(jaxpr: Jaxpr, shardings: Sequence[Any]) -> dict[BaseMesh, str]:
    """Return the meshes by which a program and its arguments are divided, each with a name."""
    found: dict[BaseMesh, str] = {}

    def add(mesh: Any) -> None:
        if isinstance(mesh, BaseMesh) and mesh.size > 1 and mesh.abstract_mesh not in found:
            found[mesh.abstract_mesh] = f"mesh_{len(found)}" if found else "mesh"

    def visit(program: Jaxpr) -> None:
        for eqn in program.eqns:
            add(getattr(eqn.params.get("sharding"), "mesh", None))
            add(eqn.params.get("mesh"))
            for inner in subjaxprs(eqn):
                visit(inner)

    for s in shardings:
        add(getattr(s, "mesh", None))
    for a in jaxpr.in_avals:
        add(a.sharding.mesh)
    visit(jaxpr)
    return found


def devices_of(meshes: dict[BaseMesh, str]) -> int:
    """Return how many devices a program with these meshes is for."""
    return max((m.size for m in meshes), default=1)


def note(sharding: Any, ndim: int, meshes: dict[BaseMesh, str]) -> str:
    """Return how an argument or result is divided over one of several meshes, as its attribute."""
    if not isinstance(sharding, NamedSharding) or sharding.mesh.abstract_mesh not in meshes:
        return ""
    name = meshes[sharding.mesh.abstract_mesh]
    return sharding_text(sharding, ndim).replace("<@mesh,", f"<@{name},")
