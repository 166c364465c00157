"""Arrays that are divided over devices: shardings as XLA's tiles, and as attributes of Shardy."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.backends.xla.rules import rule
from ingot.backends.xla.sharding_text import (
    constrained,
    is_sum,
    mesh_text,
    sharding_text,
    unreduced_here,
)
from ingot.backends.xla.stablehlo import Builder, Value
from ingot.backends.xla.types import tensor
from ingot.core.avals import ShapedArray
from ingot.core.jaxpr import Eqn, Jaxpr, subjaxprs
from ingot.core.mesh import AxisType, BaseMesh, Mesh
from ingot.core.rewrite import definitions
from ingot.core.sharding import NamedSharding, Sharding
from ingot.core.specs import PartitionSpec
from ingot.primitives.constraint import own_part_p


# ---- tiles ---------------------------------------------------------------------------------------
def tiles(xc: Any, sharding: Sharding, ndim: int, numbers: Sequence[int] | None = None) -> Any:
    """Return which part each device holds, as XLA says it: a grid of parts, in which devices stand.

    numbers: of the devices in a program, by default in the order of the sharding.
    """
    counts, where = sharding._grid(ndim)
    copies = len(where) // max(int(np.prod(counts)), 1)
    if copies == len(where):
        if isinstance(sharding, NamedSharding) and sharding.spec.unreduced and (
                is_sum(sharding.spec)):
            return xc.HloSharding.unreduced()  # of equal parts jaxlib puts the first one everywhere
        return xc.HloSharding.replicate()
    # Devices by the part they hold; those that hold the same one are neighbors.
    order = np.argsort(np.ravel_multi_index(tuple(where.T), counts), kind="stable")
    proto = xc.OpSharding()
    proto.type = xc.OpSharding.Type.OTHER
    proto.tile_assignment_dimensions = [*counts, copies] if copies > 1 else list(counts)
    proto.tile_assignment_devices = (
        order if numbers is None else np.asarray(numbers)[order]).tolist()
    proto.replicate_on_last_tile_dim = copies > 1
    return xc.HloSharding.from_proto(proto)


def copying(xc: Any, given: Sharding, to: Sharding, aval: Any) -> tuple[str, bool]:
    """Return a program that divides an array in another way over the same devices, and whether it
    says so in Shardy's words, which know one mesh alone.

    aval: what the array is on a device. Both divisions are said in the order of devices of `given`.
    """
    ndim, type_ = len(aval.shape), tensor(aval.shape, aval.dtype)
    if isinstance(given, NamedSharding) and isinstance(to, NamedSharding) and given.mesh == to.mesh:
        before, after = (sharding_text(s, ndim) for s in (given, to))
        told = after.removeprefix("sdy.")
        return (f"module @divide {{\n{mesh_text(given.mesh)}\n  func.func public @main(%x: {type_}"
                f" {{{before}}}) -> ({type_} {{{after}}}) {{\n"
                f'    %y = "sdy.sharding_constraint"(%x) <{{{told}}}> : ({type_}) -> {type_}\n'
                f"    return %y : {type_} }} }}"), True
    order = {d: k for k, d in enumerate(given._device_assignment)}
    places = [order[d] for d in to._device_assignment]
    before, after = (f'{{mhlo.sharding = "{x}"}}' for x in (
        tiles(xc, given, ndim), tiles(xc, to, ndim, places)))
    return (f"module @divide {{ func.func public @main(%x: {type_} {before}) -> ({type_} {after})"
            f" {{ return %x : {type_} }} }}"), False


def named(mesh: Mesh, hlo: Any, ndim: int) -> NamedSharding:
    """Return a sharding over a mesh that divides arrays as XLA has chosen to.

    Raises ValueError if none does.
    """
    if hlo.is_replicated():
        return NamedSharding(mesh, PartitionSpec())
    found = _over(mesh, tuple(hlo.tile_assignment_dimensions())[:ndim], _places(hlo, ndim))
    if found is None:
        raise ValueError(f"XLA divides an array as {hlo}, which axes of {mesh} do not describe")
    return found


def _over(mesh: Mesh, counts: Sequence[int], wanted: np.ndarray) -> NamedSharding | None:
    """A sharding over a mesh that divides axes into so many parts, of which devices hold those that
    are wanted; None if there is none."""
    sizes = {n: k for n, k in mesh.shape.items() if k > 1}
    choices = [[names for r in range(len(sizes) + 1) for names in itertools.permutations(sizes, r)
                if int(np.prod([sizes[n] for n in names], dtype=int)) == count]
               for count in counts]
    for entries in itertools.product(*choices):
        flat = [n for names in entries for n in names]
        if len(set(flat)) == len(flat):
            while entries and not entries[-1]:
                entries = entries[:-1]
            found = NamedSharding(mesh, PartitionSpec(*(names or None for names in entries)))
            if (found._grid(len(counts))[1] == wanted).all():
                return found
    return None


def as_typed(found: NamedSharding, aval: ShapedArray) -> NamedSharding:
    """Return how a result lies as its type says it, with axes of length 1, where that is the same
    for the devices; where all are Explicit with an entry for each axis, as types have."""
    said = aval._sharding
    if said is not None and said.mesh.axis_names == found.mesh.axis_names:
        mesh: Any = found.mesh
        typed = NamedSharding(mesh.update(axis_types=said.mesh.axis_types), said.spec)
        if typed.is_equivalent_to(found, aval.ndim):
            return typed
    if found.mesh.are_all_axes_explicit:
        return found.update(spec=found.spec.padded(aval.ndim))
    return found


def of_type(aval: ShapedArray, mesh: BaseMesh) -> NamedSharding | None:
    """Return how a type says that an array is divided over this mesh, if it does."""
    said = aval._sharding
    return said if said is not None and said.mesh.shape_tuple == mesh.shape_tuple else None


def _places(hlo: Any, ndim: int) -> np.ndarray:
    """Which part of each axis the devices hold: [devices, ndim]."""
    shape = tuple(hlo.tile_assignment_dimensions())
    where = np.zeros((hlo.num_devices(), ndim), int)
    devices = np.reshape(hlo.tile_assignment_devices(), shape)
    for place, device in np.ndenumerate(devices):
        where[device] = place[:ndim]
    return where


def on_devices(xc: Any, devices: Sequence[Any], divided: bool, shardy: bool = True) -> Any:
    """Return XLA's options for one program over these devices of jaxlib.

    divided: whether arrays are, as attributes of Shardy say, or of its predecessor.
    """
    found = xc.CompileOptions()
    built = found.executable_build_options
    found.num_replicas = built.num_replicas = 1
    found.num_partitions = built.num_partitions = len(devices)
    built.use_spmd_partitioning, built.use_shardy_partitioner = divided, divided and shardy
    ids = np.array([[d.id for d in devices]], np.int32)
    found.device_assignment = built.device_assignment = xc.DeviceAssignment.create(ids)
    return found


def mesh_of(shardings: Sequence[Sharding | None]) -> Mesh | None:
    """Return the mesh that divides some of the arrays; None if all are on one device each."""
    several = [s for s in shardings if s is not None and s.num_devices > 1]
    for sharding in several:
        if isinstance(sharding, NamedSharding) and isinstance(sharding.mesh, Mesh):
            return sharding.mesh
    divided = sorted(several, key=lambda s: s.is_fully_replicated)
    grids = [g for g in (s.device_grid() for s in divided) if g is not None]
    if not grids:
        return None
    finest = max(grids, key=lambda grid: sum(n > 1 for n in grid.shape))
    names = tuple(f"axis{k}" for k in range(finest.ndim))
    return Mesh(finest, names, axis_types=(AxisType.Auto,) * len(names))


def one_device_mesh(shardings: Sequence[Sharding | None]) -> Mesh | None:
    """Return the first mesh among shardings of arrays that are on one device; None if there is
    none."""
    return next((s.mesh for s in shardings if isinstance(s, NamedSharding)
                 and isinstance(s.mesh, Mesh) and s.num_devices == 1), None)


def mesh_of_program(shardings: Sequence[Sharding | None], ndims: Sequence[int],
                    home: Sharding | None) -> Mesh | None:
    """Return the mesh for which a program is compiled: that of its arguments and results, or its
    own one, by whose axes its programs of parts are named, if that divides these as well."""
    found, own = mesh_of([*shardings, home]), mesh_of([home])
    if found is None or own is None or own.axis_names == found.axis_names or (
            tuple(own.devices.flat) != tuple(found.devices.flat)):
        return found
    same = all(s is None or on_mesh(own, s, n).is_equivalent_to(s, n)
               for s, n in zip(shardings, ndims, strict=True))
    return own if same else found


def on_mesh(mesh: Mesh, sharding: Sharding | None, ndim: int) -> NamedSharding:
    """Return the sharding over this mesh that divides arrays in the same way, else that they are
    replicated."""
    if isinstance(sharding, NamedSharding) and sharding.mesh == mesh:
        return sharding
    if sharding is not None and sharding.num_devices > 1 and (
            sharding.device_set == set(mesh.devices.flat)):
        number = {d: k for k, d in enumerate(sharding._device_assignment)}
        counts, where = sharding._grid(ndim)
        found = _over(mesh, counts, where[[number[d] for d in mesh.devices.flat]])
        if found is not None:
            return found
    return NamedSharding(mesh, PartitionSpec())


def in_default_memory(sharding: Sharding) -> Sharding:
    """Return a sharding in the memory of devices in which programs have their arrays."""
    default = sharding._device_assignment[0].memory_kinds[0]
    return sharding if sharding.memory_kind == default else sharding.with_memory_kind(default)


def mesh_of_types(jaxpr: Jaxpr) -> BaseMesh | None:
    """Return the mesh whose Explicit axes types in a program name; None if there is none."""
    avals = [*jaxpr.in_avals, *(v.aval for e in jaxpr.eqns for v in e.outvars)]
    for aval in avals:
        if aval._sharding is not None:
            return aval._sharding.mesh
    for eqn in jaxpr.eqns:
        for inner in subjaxprs(eqn):
            found = mesh_of_types(inner)
            if found is not None:
                return found
    return None


@rule("reshard")
def _resharded(b: Builder, x: Value, out: Any, dst_sharding: NamedSharding) -> Value:
    """The array divided as told. What becomes unreduced lies as it did before, unless it is made of
    own parts: Shardy would take the operation that makes it as one that makes parts, which are to
    be combined."""
    spec, own = dst_sharding.spec, b.avals[0].sharding.spec
    new = unreduced_here(spec) - own.unreduced
    if new and not _is_of_own_parts(*b.equation, new):
        before = own if new.intersection(own.names()) else spec
        x = constrained(b, x, dst_sharding.update(spec=PartitionSpec(*before.partitions)), True)
    return constrained(b, x, dst_sharding, by_type=True)


_COMBINING = ("dot_general", "reduce_sum", "reduce_max", "reduce_min", "scatter-add")


def _is_of_own_parts(jaxpr: Jaxpr, eqn: Eqn, axes: frozenset[Any]) -> bool:
    """Whether the argument of an equation combines elements along these mesh axes, of which each
    device of theirs has the part that it computes."""
    made = jaxpr.memo("definitions", lambda: definitions(jaxpr.eqns))
    source = made.get(eqn.invars[0])
    if source is None or source.primitive.name not in _COMBINING:
        return False
    seen = set[Any]()
    todo = list(source.invars)
    while todo:
        operand = made.get(atom) if (atom := todo.pop()) not in seen else None
        seen.add(atom)
        if operand is None or operand.primitive.name in _COMBINING:
            continue
        if operand.primitive is own_part_p:
            return axes == frozenset(operand.params["axes"])
        todo += operand.invars
    return False


@rule("layout_constraint")
def _laid_out(b: Builder, x: Value, out: Any, major_to_minor: Sequence[int]) -> Value:
    """The array in memory as told: XLA's layouts begin with the fastest axis."""
    order = f"[dense<{list(reversed(major_to_minor))}> : tensor<{len(major_to_minor)}xindex>]"
    return b.op("stablehlo.custom_call", [x], x.shape, x.dtype,
                f'call_target_name = "LayoutConstraint", api_version = 1 : i32, operand_layouts ='
                f" {order}, result_layouts = {order}") if x.shape else x


@rule("own_part")
def _own_part(b: Builder, x: Value, out: Any, **_: Any) -> Value:
    """The array as it is: XLA itself lets each device sum its own part."""
    return x


@rule("sharding_constraint")
def _constrained(b: Builder, x: Value, out: Any, sharding: Sharding, **_: Any) -> Value:
    """The array divided as told, where the program is for that mesh."""
    return constrained(b, x, sharding) if isinstance(sharding, NamedSharding) else x
