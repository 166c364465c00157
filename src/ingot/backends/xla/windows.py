"""Reductions over windows in StableHLO, and cumulative operations along an axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.backends.xla.reduction import (
    COMBINATIONS,
    accumulator_dtype,
    arg_of_extreme,
    highest,
    lowest,
)
from ingot.backends.xla.rules import RULES, program, rule
from ingot.backends.xla.stablehlo import Builder, Value
from ingot.backends.xla.types import i64_array
from ingot.control.mapping import associative_scan
from ingot.control.scan import scan
from ingot.core.interpreter import typeof
from ingot.core.symbolic import is_symbolic
from ingot.primitives.arithmetic import abs, add, max, min, mul, neg, sub
from ingot.primitives.compare import eq, ge_p, gt, ne
from ingot.primitives.complex import real
from ingot.primitives.exponential import exp, log1p
from ingot.primitives.movement import full_like, move_axis, reshape
from ingot.primitives.select import select
from ingot.primitives.slicing import concatenate, slice_in_dim
from ingot.primitives.window import windows

PLACE = np.dtype(np.int64)


# ---- windows -------------------------------------------------------------------------------------
def _padded(b: Builder, x: Value, fill: Any, config: Any) -> Value:
    return b.pad(x, b.full((), fill, x.dtype), *zip(*config, strict=True)) if config else x


def _reduce_windows(b: Builder, xs: list[Value], inits: list[Value], shape: Any, w: Any,
                    body: Callable[..., Any]) -> list[Value]:
    """A reduction of all windows of padded arrays together."""
    scalars = [((), x.dtype) for x in xs]
    return b.ops(
        "stablehlo.reduce_window", [*xs, *inits], [(shape, x.dtype) for x in xs],
        f"window_dimensions = {i64_array(w.window_dimensions)}, window_strides ="
        f" {i64_array(w.window_strides)}, window_dilations = {i64_array(w.window_dilation)}",
        [b.region(scalars * 2, body)])


def _reduce_window(name: str) -> Any:
    combine, neutral = COMBINATIONS[name]

    def apply(b: Builder, x: Value, out: Any, **params: Any) -> Value:
        w = windows(params)
        wide = b.convert(x, accumulator_dtype(x.dtype) if name == "sum" else x.dtype)
        fill = neutral(wide.dtype)
        (found,) = _reduce_windows(
            b, [_padded(b, wide, fill, w.config)], [b.full((), fill, wide.dtype)], out.shape, w,
            lambda inner, p, q: [combine(inner, p, q)])
        return b.convert(found, x.dtype)

    return apply


RULES.update({f"reduce_window_{name}": _reduce_window(name) for name in ("sum", "max", "min")})


def _places(b: Builder, x: Value, select_prim: Any, w: Any, shape: Any) -> Value:
    """Where in the padded array, counted in row-major order, the first extreme of a window is."""
    largest = select_prim is ge_p
    start = lowest(x.dtype) if largest else highest(x.dtype)
    padded = _padded(b, x, start, w.config)
    size = int(np.prod(padded.shape, dtype=np.int64))
    places = b.reshape(b.iota((size,), PLACE, 0), padded.shape)
    inits = [b.full((), start, x.dtype), b.full((), np.iinfo(PLACE).max, PLACE)]
    return _reduce_windows(b, [padded, places], inits, shape, w,
                           arg_of_extreme("GT" if largest else "LT", x.dtype))[1]


@rule("select_and_gather_add")
def _gather_extremes(b: Builder, t: Value, x: Value, out: Any, select_prim: Any, **params: Any
                     ) -> Value:
    w = windows(params)
    places = _places(b, x, select_prim, w, out.shape)
    padded = _padded(b, t, 0, w.config)
    flat = b.reshape(padded, (int(np.prod(padded.shape, dtype=np.int64)),))
    index = b.reshape(places, (*places.shape, 1))
    return b.op("stablehlo.gather", [flat, index], out.shape, t.dtype,
                "dimension_numbers = #stablehlo.gather<collapsed_slice_dims = [0],"
                f" start_index_map = [0], index_vector_dim = {len(places.shape)}>, slice_sizes ="
                " array<i64: 1>, indices_are_sorted = false")


@rule("select_and_scatter_add")
def _scatter_extremes(b: Builder, source: Value, x: Value, out: Any, select_prim: Any,
                      **params: Any) -> Value:
    w = windows(params)
    places = _places(b, x, select_prim, w, source.shape)
    index = b.reshape(places, (*places.shape, 1))
    shape = w.padded(x.shape)
    flat = b.full((int(np.prod(shape, dtype=np.int64)),), 0, x.dtype)
    total = b.op(
        "stablehlo.scatter", [flat, index, source], flat.shape, x.dtype,
        "scatter_dimension_numbers = #stablehlo.scatter<inserted_window_dims = [0],"
        f" scatter_dims_to_operand_dims = [0], index_vector_dim = {len(places.shape)}>,"
        " indices_are_sorted = false, unique_indices = false",
        [b.region([((), x.dtype)] * 2, lambda inner, p, q: [inner.same("add", p, q)])])
    inside = _padded(b, b.reshape(total, shape), 0, w.undo)
    return b.slice(inside, [0] * len(x.shape), inside.shape, w.base_dilation)


# ---- cumulative operations -----------------------------------------------------------------------
def _cumulative(fn: Callable[[Any, Any], Any]) -> Any:
    def cumulative(x: Any, *, axis: int, reverse: bool) -> Any:
        if is_symbolic(typeof(x).shape[axis]):
            rows = move_axis(x, axis, 0)
            last = typeof(rows).shape[0] - 1
            edge = slice_in_dim(rows, last, last + 1) if reverse else slice_in_dim(rows, 0, 1)
            first = reshape(edge, typeof(edge).shape[1:])
            rest = slice_in_dim(rows, 0, last) if reverse else slice_in_dim(rows, 1, last + 1)
            _, later = scan(lambda c, row: (fn(c, row),) * 2, first, rest, reverse=reverse)
            found = concatenate([later, edge] if reverse else [edge, later], 0)
            return move_axis(found, 0, axis)
        return associative_scan(fn, x, reverse, axis)

    apply = program(cumulative)

    def in_wide(b: Builder, x: Value, out: Any, **params: Any) -> Value:
        wide = b.convert(x, accumulator_dtype(x.dtype))
        return b.convert(apply(b, wide, out=out.update(dtype=wide.dtype), **params), x.dtype)

    return in_wide


def _log_add_exp(x: Any, y: Any) -> Any:
    """log(exp(x) + exp(y)) without overflow; complex numbers by the greater of the real parts."""
    if dtypes.kind(typeof(x).dtype) == "c":
        first = gt(real(x), real(y))
        high, low = select(first, x, y), select(first, y, x)
        nothing = eq(real(low), full_like(real(low), -np.inf))
        return add(high, select(nothing, full_like(x, 0), log1p(exp(sub(low, high)))))
    change = sub(x, y)
    grown = add(max(x, y), log1p(exp(neg(abs(change)))))
    return select(ne(change, change), add(x, y), grown)


RULES.update({"cumsum": _cumulative(add), "cumprod": _cumulative(mul), "cummax": _cumulative(max),
              "cummin": _cumulative(min), "cumlogsumexp": _cumulative(_log_add_exp)})
