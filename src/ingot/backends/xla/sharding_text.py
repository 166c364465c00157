"""How arrays are divided over a mesh, in the text of Shardy."""

from __future__ import annotations

from typing import Any

from ingot.backends.xla.stablehlo import Builder, Value
from ingot.core.mesh import BaseMesh
from ingot.core.sharding import NamedSharding, Sharding
from ingot.core.specs import UNCONSTRAINED, names_of


def mesh_text(mesh: BaseMesh) -> str:
    """Return the definition of a mesh in a module."""
    axes = ", ".join(f'"{name}"={size}' for name, size in mesh.shape.items())
    return f"  sdy.mesh @mesh = <[{axes}]>"


def sharding_text(sharding: Sharding | None, ndim: int) -> str:
    """Return how an argument or result is divided, as its attribute; nothing where XLA may choose.
    """
    if not isinstance(sharding, NamedSharding):
        return ""
    names = {n for p in sharding.spec for n in names_of(p)}
    said = [("replicated", sharding.spec.reduced - names), ("unreduced", sharding.spec.unreduced)]
    marks = "".join(f", {what}={{{', '.join(_quoted(sharding, axes))}}}" for what, axes in said
                    if axes)
    entries = ["?" if p is UNCONSTRAINED else ", ".join(f'"{n}"' for n in names_of(p))
               for p in sharding.spec.padded(ndim).partitions]
    return f"sdy.sharding = #sdy.sharding<@mesh, [{', '.join(f'{{{e}}}' for e in entries)}]{marks}>"


def _quoted(sharding: NamedSharding, axes: Any) -> list[str]:
    return [f'"{n}"' for n in sharding.mesh.axis_names if n in axes]


def constrained(b: Builder, x: Value, sharding: NamedSharding) -> Value:
    """Return an array divided as told, where the program is for that mesh."""
    if mesh_text(sharding.mesh) not in b.module.header:
        return x
    return b.op("sdy.sharding_constraint", [x], x.shape, x.dtype,
                sharding_text(sharding, len(x.shape)).removeprefix("sdy."))
