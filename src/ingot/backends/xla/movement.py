"""Movement of elements in StableHLO: shapes, slices, joins, padding, and arrays that are made."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ingot.backends.xla.rules import RULES, rule
from ingot.backends.xla.sharding_text import constrained, unreduced_here
from ingot.backends.xla.stablehlo import LENGTH, PLATFORM, Builder, Value
from ingot.backends.xla.types import device_dtype, i64_array
from ingot.core.symbolic import is_symbolic

RULES["reshape"] = lambda b, x, out, **_: b.reshape(x, out.shape)
RULES["squeeze"] = lambda b, x, out, **_: b.reshape(x, out.shape)
RULES["transpose"] = lambda b, x, out, permutation: b.transpose(x, permutation)
RULES["rev"] = lambda b, x, out, dimensions: b.same(
    "reverse", x, attributes=f"dimensions = {i64_array(dimensions)}")
RULES["copy"] = lambda b, x, out: x
RULES["stop_gradient"] = lambda b, x, out: x
RULES["name"] = lambda b, x, out, **_: x
RULES["iota"] = lambda b, out, dimension, **_: b.iota(
    out.shape, device_dtype(out.dtype), dimension)
RULES["concatenate"] = lambda b, *xs, out, dimension: b.concatenate(xs, dimension)
RULES["pad"] = lambda b, x, value, out, padding_config: b.pad(x, value, *zip(
    *padding_config, strict=True)) if padding_config else x
RULES["slice"] = lambda b, x, out, start_indices, limit_indices, strides: b.slice(
    x, start_indices, limit_indices, strides)


RULES["platform_index"] = lambda b, out: b.lengths[PLATFORM]
RULES["dim_as_value"] = lambda b, out, dim, **_: b.convert(b.length(dim), device_dtype(out.dtype))


@rule("broadcast_in_dim")
def _broadcast(b: Builder, x: Value, out: Any, shape: Any, broadcast_dimensions: Any, **_: Any
               ) -> Value:
    """The array repeated. Of an unreduced one axes of length 1 go first: along those that it
    stretches, XLA would take the sum as the part of each device."""
    kept = [k for k, d in enumerate(broadcast_dimensions) if x.shape[k] == out.shape[d]]
    sharding = b.avals[0]._sharding if b.avals else None
    if len(kept) < len(x.shape) and sharding is not None and unreduced_here(sharding.spec):
        spec = sharding.spec.padded(len(x.shape))
        x = b.reshape(x, tuple(x.shape[k] for k in kept))
        x = constrained(b, x, sharding.update(
            spec=spec.update(partitions=[spec.partitions[k] for k in kept])), True)
        broadcast_dimensions = [broadcast_dimensions[k] for k in kept]
    return b.broadcast(x, out.shape, broadcast_dimensions)


@rule("optimization_barrier")
def _barrier(b: Builder, *xs: Value, out: Any) -> list[Value]:
    return b.ops("stablehlo.optimization_barrier", xs, [(x.shape, x.dtype) for x in xs])


@rule("split")
def _split(b: Builder, x: Value, out: Any, sizes: Any, axis: int) -> list[Value]:
    ends = list(itertools.accumulate(sizes))
    return [b.slice_axis(x, axis, end - n, end) for end, n in zip(ends, sizes, strict=True)]


@rule("tile")
def _tile(b: Builder, x: Value, out: Any, reps: Any) -> Value:
    shape = (1,) * (len(reps) - len(x.shape)) + x.shape
    pairs = tuple(n for pair in zip(reps, shape, strict=True) for n in pair)
    axes = [2 * (k + len(reps) - len(x.shape)) + 1 for k in range(len(x.shape))]
    return b.reshape(b.broadcast(x, pairs, axes), out.shape)


def _starts(b: Builder, starts: Any) -> list[Value]:
    """Places as StableHLO wants them: all of one dtype."""
    wide = np.dtype(np.int64)
    return list(starts) if len({s.dtype for s in starts}) < 2 else [
        b.convert(s, wide) for s in starts]


def _slice_of_length(b: Builder, x: Value, starts: Any, sizes: Any) -> Value:
    """A slice whose lengths are known when the program is compiled, moved inside."""
    low = b.concatenate([b.reshape(b.convert(s, LENGTH), (1,)) for s in starts], 0)
    last = b.same("subtract", b.vector(x.shape), b.vector(sizes))
    low = b.same("clamp", b.full_like(low, 0), low, last)
    return b.op("stablehlo.real_dynamic_slice", [
        x, low, b.same("add", low, b.vector(sizes)), b.full_like(low, 1)], tuple(sizes), x.dtype)


@rule("dynamic_slice")
def _dynamic_slice(b: Builder, x: Value, *starts: Value, out: Any, slice_sizes: Any, **_: Any
                   ) -> Value:
    if not starts:
        return x
    if any(map(is_symbolic, slice_sizes)):
        return _slice_of_length(b, x, starts, slice_sizes)
    return b.op("stablehlo.dynamic_slice", [x, *_starts(b, starts)], out.shape, x.dtype,
                f"slice_sizes = {i64_array(slice_sizes)}")


@rule("dynamic_update_slice")
def _dynamic_update_slice(b: Builder, x: Value, update: Value, *starts: Value, out: Any) -> Value:
    if not starts:
        return update
    return b.op("stablehlo.dynamic_update_slice", [x, update, *_starts(b, starts)], x.shape,
                x.dtype)
