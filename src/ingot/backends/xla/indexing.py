"""Gather and scatter in StableHLO: slices at places known at run time."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot import dtypes
from ingot.backends.xla.elementwise import maximum, minimum
from ingot.backends.xla.reduction import Pair, pair
from ingot.backends.xla.rules import RULES, on_device, rule
from ingot.backends.xla.stablehlo import Builder, Value
from ingot.backends.xla.types import i64_array, integers
from ingot.core.symbolic import is_symbolic
from ingot.primitives.gather import fill_element
from ingot.primitives.gather_scatter import (
    CLIP,
    FILL,
    GatherDimensionNumbers,
    ScatterDimensionNumbers,
    gather_dims,
    windows,
)

WIDE = np.dtype(np.int64)


def _bool(x: Any) -> str:
    return "true" if x else "false"


def _to_signed(b: Builder, indices: Value) -> Value:
    """Indices as int32 or int64; those beyond int64 become its largest number."""
    if indices.dtype == np.uint64:
        top = b.full_like(indices, np.iinfo(np.int64).max)
        return b.convert(b.same("minimum", indices, top), WIDE)
    return b.convert(indices, WIDE if indices.dtype.itemsize > 2 else np.dtype(np.int32))


def _limits(b: Builder, high: Any, d: GatherDimensionNumbers, like: Value) -> Value:
    """The last place at which a slice may start, for each component of indices like these."""
    last = b.convert(b.vector([high[a] for a in d.start_index_map]), like.dtype)
    return b.broadcast(last, like.shape, [len(like.shape) - 1])


def _valid(b: Builder, indices: Value, limits: Value) -> Value:
    """Which slices lie inside the operand."""
    inside = b.same("and", b.compare("GE", indices, b.full_like(indices, 0)),
                    b.compare("LE", indices, limits))
    return b.reduce_by("and", inside, True, [len(indices.shape) - 1])


@rule("gather")
def _gather(b: Builder, x: Value, indices: Value, out: Any,
            dimension_numbers: GatherDimensionNumbers, slice_sizes: Any, mode: Any,
            indices_are_sorted: bool = False, fill_value: Any = None, **_: Any) -> Value:
    d, indices = dimension_numbers, _to_signed(b, indices)
    dynamic = any(map(is_symbolic, slice_sizes))
    sizes = "" if dynamic else f" slice_sizes = {i64_array(slice_sizes)},"
    found = b.op(
        "stablehlo.dynamic_gather" if dynamic else "stablehlo.gather",
        [x, indices, b.vector(slice_sizes)] if dynamic else [x, indices], out.shape, x.dtype,
        "dimension_numbers = #stablehlo.gather<"
        f"offset_dims = {integers(d.offset_dims)},"
        f" collapsed_slice_dims = {integers(d.collapsed_slice_dims)},"
        f" operand_batching_dims = {integers(d.operand_batching_dims)},"
        f" start_indices_batching_dims = {integers(d.start_indices_batching_dims)},"
        f" start_index_map = {integers(d.start_index_map)},"
        f" index_vector_dim = {len(indices.shape) - 1}>,{sizes}"
        f" indices_are_sorted = {_bool(indices_are_sorted)}")
    if mode is not FILL or not d.start_index_map:
        return found
    w = windows(d, x.shape, indices.shape, slice_sizes)
    valid = _valid(b, indices, _limits(b, w.high, d, indices))
    outer = [a for a in range(len(out.shape)) if a not in d.offset_dims]
    filling = on_device(np.asarray(fill_element(out.storage, fill_value)), out.dtype)
    return b.select(b.broadcast(valid, out.shape, outer), found,
                    b.broadcast(b.constant(filling), out.shape))


def _scatter(combine: Pair | None) -> Any:
    def apply(b: Builder, x: Value, indices: Value, updates: Value, out: Any,
              dimension_numbers: ScatterDimensionNumbers, mode: Any,
              indices_are_sorted: bool = False, unique_indices: bool = False, **_: Any) -> Value:
        d, indices = dimension_numbers, _to_signed(b, indices)
        if mode is CLIP and len(d.scatter_dims_to_operand_dims):
            limits = _limits(b, _high(d, x, updates), gather_dims(d), indices)
            indices = b.same("clamp", b.full_like(indices, 0), indices, limits)
        body = b.region([((), x.dtype)] * 2, lambda b, old, new: [
            new if combine is None else combine(b, old, new)])
        return b.op(
            "stablehlo.scatter", [x, indices, updates], x.shape, x.dtype,
            "scatter_dimension_numbers = #stablehlo.scatter<"
            f"update_window_dims = {integers(d.update_window_dims)},"
            f" inserted_window_dims = {integers(d.inserted_window_dims)},"
            f" input_batching_dims = {integers(d.operand_batching_dims)},"
            f" scatter_indices_batching_dims = {integers(d.scatter_indices_batching_dims)},"
            f" scatter_dims_to_operand_dims = {integers(d.scatter_dims_to_operand_dims)},"
            f" index_vector_dim = {len(indices.shape) - 1}>, indices_are_sorted ="
            f" {_bool(indices_are_sorted)}, unique_indices = {_bool(unique_indices)}", [body])

    return apply


def _high(d: ScatterDimensionNumbers, x: Value, updates: Value) -> list[int]:
    """The last place at which an update may start along each axis of the operand."""
    removed = {*d.inserted_window_dims, *d.operand_batching_dims}
    sizes = iter(updates.shape[a] for a in d.update_window_dims)
    return [n - (1 if a in removed else next(sizes)) for a, n in enumerate(x.shape)]


def _times(b: Builder, x: Value, y: Value) -> Value:
    return b.same("and" if dtypes.kind(x.dtype) == "b" else "multiply", x, y)


RULES.update({
    "scatter": _scatter(None), "scatter-add": _scatter(pair("add")),
    "scatter-sub": _scatter(pair("subtract")), "scatter-mul": _scatter(_times),
    "scatter-max": _scatter(maximum), "scatter-min": _scatter(minimum)})
