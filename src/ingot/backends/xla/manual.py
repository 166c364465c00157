"""shard_map in StableHLO: programs of parts as manual computations, with collectives among devices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ingot import dtypes
from ingot.backends.xla.rules import as_kernel, call_jaxpr, is_ordered, lower_jaxpr, rule, value_of
from ingot.backends.xla.sharding_text import is_recent, marks_text, mesh_text, unreduced_here
from ingot.backends.xla.stablehlo import Builder, Value
from ingot.backends.xla.types import tensor_of
from ingot.core.effects import NamedAxisEffect
from ingot.core.jaxpr import Jaxpr, subjaxprs
from ingot.core.mesh import BaseMesh
from ingot.core.specs import PartitionSpec, UnreducedKind, names_of
from ingot.errors import UndefinedRuleError

INDEX = np.dtype(np.int32)


class Manual(NamedTuple):
    """The mesh whose devices run a program of parts, and the own place along each Manual axis."""

    mesh: BaseMesh
    places: dict[Any, Value]

    def groups(self, names: Sequence[Any]) -> np.ndarray:
        """Return the devices that communicate along some axes, the last of which varies fastest:
        [groups, devices of each]."""
        axes = [self.mesh.axis_names.index(n) for n in names]
        ids = np.arange(self.mesh.size).reshape(self.mesh.axis_sizes)
        count = int(np.prod([self.mesh.axis_sizes[a] for a in axes]))
        return np.moveaxis(ids, axes, range(-len(axes), 0)).reshape(-1, count)


def _here(b: Builder, name: str) -> Manual:
    """What is known of the devices where a collective is; UndefinedRuleError outside of programs
    of parts."""
    if b.manual is None:
        raise UndefinedRuleError(f"{name}: no rule for XLA: the axis that it names is mapped before"
                                 " a program is compiled, but inside shard_map; call it there")
    return b.manual


# ---- shard_map -----------------------------------------------------------------------------------
_stacked = as_kernel("shard_map")


@rule("custom_partitioning")
def _custom_partitioning(b: Builder, *args: Value, out: Any, call: Jaxpr, **params: Any
                         ) -> list[Value]:
    """The function itself: where it is known how arguments lie, a shard_map is in its place."""
    return call_jaxpr(b, call, args)


@rule("shard_map")
def _shard_map(b: Builder, *args: Value, out: Any, jaxpr: Jaxpr, mesh: BaseMesh, in_specs: Any,
               out_specs: Any, newly_manual_axes: Any, **params: Any) -> list[Value]:
    """A manual computation where the module is for that mesh; else parts along leading axes."""
    outer = {} if b.manual is None else b.manual.places
    effects = [e for e in jaxpr.effects if not isinstance(e, NamedAxisEffect)]
    if mesh_text(mesh) not in b.module.header or effects or is_ordered(jaxpr):
        return _stacked(b, *args, out=out, jaxpr=jaxpr, mesh=mesh, in_specs=in_specs,
                        out_specs=out_specs, newly_manual_axes=newly_manual_axes, **params)
    names = [n for n in mesh.axis_names if n in newly_manual_axes]
    closed = len({*names, *outer}) == len(mesh.axis_names)
    asked = _asked(jaxpr)
    outer = {n: place for n, place in outer.items() if n in asked}
    placed = [n for n in names if n in asked]
    # The place along an axis is a part of 0, 1, 2... divided over that axis; a computation sees no
    # values from outside, so that places along outer axes are arguments as well.
    places = [*(b.iota((mesh.shape[n],), INDEX, 0) for n in placed), *outer.values()]

    def body(inner: Builder, *parts: Value) -> list[Value]:
        own = {n: inner.reshape(p, ()) for n, p in zip(placed, parts, strict=False)}
        passed = dict(zip(outer, parts[len(placed):], strict=False))
        inner.manual = Manual(mesh, {**passed, **own})
        outs = lower_jaxpr(inner, jaxpr, parts[len(places):])
        return [_whole_extreme(inner, x, s) for x, s in zip(outs, out_specs, strict=True)]

    local = [*[((1,), INDEX)] * len(placed), *[((), INDEX)] * len(outer), *(
        (v.shape, v.dtype) for v in (value_of("", a) for a in jaxpr.in_avals))]
    specs = [*(PartitionSpec(n) for n in placed), *[PartitionSpec()] * len(outer), *in_specs]
    ndims = [len(x.shape) for x in (*places, *args)]
    axes = ", ".join(f'"{n}"' for n in names)
    found = b.raw(
        "sdy.manual_computation", [*places, *args], [tensor_of(a) for a in out],
        f"in_shardings = {_per_value(mesh, specs, ndims, closed)}, out_shardings ="
        f" {_per_value(mesh, out_specs, [a.ndim for a in out], closed)}, manual_axes ="
        f" #sdy<manual_axes{{{axes}}}>", [b.region(local, body, "sdy.return")])
    return [value_of(n, a) for n, a in zip(found, out, strict=True)]


def _asked(jaxpr: Jaxpr) -> frozenset[Any]:
    """The axes along which a program asks for the own place."""
    def found() -> Iterator[Any]:
        for eqn in jaxpr.eqns:
            if eqn.primitive.name in ("axis_index", "pbroadcast"):
                yield from names_of(eqn.params["axis_name"])
            for inner in subjaxprs(eqn):
                yield from _asked(inner)

    return jaxpr.memo("places", lambda: frozenset(found()))


def _whole_extreme(b: Builder, x: Value, spec: PartitionSpec) -> Value:
    """A result that is unreduced by an extreme as that of all parts: see `unreduced_here`."""
    axes = spec.unreduced - unreduced_here(spec)
    if not axes:
        return x
    ordered = [n for n in b.manual.mesh.axis_names if n in axes]
    return _all_reduced(b, x, _EXTREMES[spec.unreduced_kind], ordered)


def _per_value(mesh: BaseMesh, specs: Sequence[PartitionSpec], ndims: Sequence[int], closed: bool
               ) -> str:
    """How values are divided over the Manual axes; XLA may divide them further over others."""
    rest = "" if closed else "?"

    def entry(names: Sequence[Any]) -> str:
        return "{" + ", ".join([*(f'"{n}"' for n in names), *([rest] if rest else [])]) + "}"

    texts = [f"<@mesh, [{', '.join(entry(names_of(e)) for e in s.padded(n).partitions)}]"
             f"{marks_text(s, mesh)}>" for s, n in zip(specs, ndims, strict=True)]
    return f"#sdy.sharding_per_value<[{', '.join(texts)}]>"


# ---- collectives ---------------------------------------------------------------------------------
def _devices(b: Builder, names: Sequence[Any]) -> str:
    """Which devices communicate: those along some axes of the mesh, by the axes' names where this
    jaxlib knows them, else by the devices' numbers."""
    mesh, groups = b.manual.mesh, b.manual.groups(names)
    if is_recent() and mesh_text(mesh) in b.module.header:
        axes = ", ".join(f'#stablehlo.axis_ref<name = "{n}">' for n in names)
        among = f"#stablehlo.replica_group_mesh_axes<mesh = @mesh, axes = [{axes}]>"
    else:
        rows = ", ".join(f"[{', '.join(map(str, row))}]" for row in groups.tolist())
        among = f"dense<[{rows}]> : tensor<{groups.shape[0]}x{groups.shape[1]}xi64>"
    return (f"replica_groups = {among},"
            f" channel_handle = #stablehlo.channel_handle<handle = {b.module.fresh()}, type = 1>,"
            " use_global_device_ids")


def _combine(name: str) -> Callable[..., list[Value]]:
    return lambda inner, p, q: [inner.same(name, p, q)]


_EXTREMES: dict[Any, str] = {UnreducedKind.max: "maximum", UnreducedKind.min: "minimum"}


def _all_reduced(b: Builder, x: Value, operation: str, axes: Sequence[Any]) -> Value:
    body = b.region([((), x.dtype)] * 2, _combine(operation))
    return b.op("stablehlo.all_reduce", [x], x.shape, x.dtype, _devices(b, axes),
                [body])


def _reduced(primitive: str, operation: str) -> None:
    @rule(primitive)
    def _(b: Builder, x: Value, out: Any, axes: Any, **_: Any) -> Value:
        _here(b, primitive)
        return _all_reduced(b, x, operation, axes)


for _name in ("psum", "psum_invariant", "unreduced_psum"):
    _reduced(_name, "add")
_reduced("pmax", "maximum")
_reduced("pmin", "minimum")


@rule("axis_index")
def _axis_index(b: Builder, out: Any, axis_name: Any) -> Value:
    return _here(b, "axis_index").places[axis_name]


@rule("all_gather", "all_gather_invariant", "all_gather_reduced")
def _all_gather(b: Builder, x: Value, out: Any, all_gather_dimension: int, axis_name: Any,
                axis_size: int, tiled: bool, **_: Any) -> Value:
    _here(b, "all_gather")
    d = all_gather_dimension
    part = x if tiled else b.reshape(x, (*x.shape[:d], 1, *x.shape[d:]))
    return b.op("stablehlo.all_gather", [part], out.shape, x.dtype,
                f"all_gather_dim = {d} : i64, {_devices(b, names_of(axis_name))}")


@rule("reduce_scatter", "unreduced_reduce_scatter")
def _reduce_scatter(b: Builder, x: Value, out: Any, scatter_dimension: int, axis_name: Any,
                    axis_size: int, **_: Any) -> Value:
    _here(b, "reduce_scatter")
    d = scatter_dimension
    shape = (*x.shape[:d], x.shape[d] // axis_size, *x.shape[d + 1:])
    part = b.op("stablehlo.reduce_scatter", [x], shape, x.dtype,
                f"scatter_dimension = {d} : i64, {_devices(b, names_of(axis_name))}",
                [b.region([((), x.dtype)] * 2, _combine("add"))])
    return b.reshape(part, out.shape)


@rule("all_to_all")
def _all_to_all(b: Builder, x: Value, out: Any, split_axis: int, concat_axis: int, axis_name: Any,
                **_: Any) -> Value:
    here = _here(b, "all_to_all")
    count = here.groups(names_of(axis_name)).shape[1]
    among = _devices(b, names_of(axis_name)).removesuffix(", use_global_device_ids")
    exchanged = b.op(
        "stablehlo.all_to_all", [x], x.shape, x.dtype,
        f"split_dimension = {split_axis} : i64, concat_dimension = {split_axis} : i64, split_count"
        f" = {count} : i64, {among}")
    order = [a for a in range(len(x.shape)) if a != split_axis]
    order.insert(concat_axis, split_axis)
    return b.transpose(exchanged, order)


@rule("ppermute")
def _ppermute(b: Builder, x: Value, out: Any, axis_name: Any, perm: Any) -> Value:
    pairs = [[group[s], group[t]] for group in _here(b, "ppermute").groups(names_of(axis_name))
             for s, t in perm]
    rows = ", ".join(f"[{s}, {t}]" for s, t in pairs)
    return b.op("stablehlo.collective_permute", [x], x.shape, x.dtype,
                f"source_target_pairs = dense<[{rows}]> : tensor<{len(pairs)}x2xi64>,"
                f" channel_handle = #stablehlo.channel_handle<handle = {b.module.fresh()}, type ="
                " 1>") if pairs else b.full_like(x, 0)


@rule("pbroadcast")
def _pbroadcast(b: Builder, x: Value, out: Any, axis_name: Any, source: int) -> Value:
    here = _here(b, "pbroadcast")
    (name,) = names_of(axis_name)
    place = here.places[name]
    mine = b.compare("EQ", place, b.full_like(place, source))
    as_number = b.convert(x, INDEX) if dtypes.kind(x.dtype) == "b" else x
    kept = b.select(mine, as_number, b.full_like(as_number, 0))
    total = b.op("stablehlo.all_reduce", [kept], kept.shape, kept.dtype,
                 _devices(b, (name,)),
                 [b.region([((), kept.dtype)] * 2, _combine("add"))])
    return b.convert(total, x.dtype)
