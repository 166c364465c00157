"""Cumulative operations along an axis: sum, product, maximum, minimum, logsumexp."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot.core.avals import ShapedArray
from ingot.core.division import whole_along
from ingot.core.interpreter import typeof
from ingot.core.primitive import LINEAR, NOT_LINEAR, Primitive
from ingot.primitives.arithmetic import add, div, max, min, mul, sub
from ingot.primitives.compare import eq
from ingot.primitives.cumulative_loops import cumulative_kernel
from ingot.primitives.exponential import exp, log
from ingot.primitives.families import INEXACT, NUMBER, check_kind
from ingot.primitives.movement import full_like
from ingot.primitives.select import select
from ingot.primitives.slicing import concatenate, slice_in_dim
from ingot.primitives.sums import longer, running
from ingot.util import canonicalize_axis

Combine = Callable[[Any, Any], Any]


def _family(name: str, kinds: Any, *, eval: Any, jvp: Any, transpose: Any, combine: str | None
            ) -> Primitive:
    """A cumulative operation: the slots they share."""

    def type(x: ShapedArray, *, axis: int, reverse: bool) -> ShapedArray:
        check_kind(name, kinds, x)
        if not 0 <= axis < x.ndim:
            raise ValueError(f"{name}: axis {axis} is out of range for {x}")
        return x

    def batch(args: Any, dims: Any, *, axis: int, reverse: bool) -> Any:
        inner = axis + (axis >= dims[0])
        return primitive.bind(args[0], axis=inner, reverse=reverse), dims[0]

    def evaluate(x: np.ndarray, *, axis: int, reverse: bool) -> np.ndarray:
        if reverse:
            return np.flip(eval(np.flip(x, axis), axis), axis)
        return eval(x, axis)

    primitive = Primitive(name, type=type, eval=evaluate, jvp=jvp, transpose=transpose,
                          batch=batch, kernel=cumulative_kernel(combine))
    primitive.division = whole_along(
        "axis", "Input should be unsharded over the axis being reduced or scanned")
    return primitive


# ---- cumsum --------------------------------------------------------------------------------------
cumsum_p = _family(
    "cumsum", NUMBER, eval=running, jvp=LINEAR,
    transpose=lambda ct, x, *, axis, reverse: [cumsum(ct, axis, not reverse)], combine="add")


def cumsum(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Running sum along an axis, from the end if `reverse`.

    operand: number [...] -> same type. Raises TypeError for booleans.

    >>> lax.cumsum(np.array([1.0, 3.0, 2.0]))
    Array([1., 4., 6.], dtype=float64)
    """
    axis = canonicalize_axis(axis, typeof(operand).ndim)
    return cumsum_p.bind(operand, axis=axis, reverse=bool(reverse))


# ---- cumprod -------------------------------------------------------------------------------------
def _scan_by_doubling(combine: Callable[[list[Any], list[Any]], list[Any]], xs: list[Any],
                      axis: int,
                      reverse: bool, neutral: Sequence[float]) -> list[Any]:
    """An associative scan by doubling: log2(n) steps of whole-array operations."""
    n = typeof(xs[0]).shape[axis]
    step = 1
    while step < n:
        shifted = []
        for x, value in zip(xs, neutral, strict=True):
            edge = full_like(slice_in_dim(x, 0, step, axis=axis), value)
            body = (slice_in_dim(x, step, n, axis=axis) if reverse
                    else slice_in_dim(x, 0, n - step, axis=axis))
            shifted.append(concatenate([body, edge] if reverse else [edge, body], axis))
        xs = combine(shifted, xs)
        step *= 2
    return xs


def _cumprod_partial(t: Any, out: Any, x: Any, *, axis: int, reverse: bool) -> Any:
    def combine(a: list[Any], b: list[Any]) -> list[Any]:
        return [mul(a[0], b[0]), add(mul(a[1], b[0]), mul(a[0], b[1]))]

    return _scan_by_doubling(combine, [x, t], axis, reverse, (1, 0))[1]


def _cumprod_eval(x: np.ndarray, axis: int) -> np.ndarray:
    factors = longer(x)
    return np.cumprod(factors, axis, dtype=factors.dtype).astype(x.dtype, copy=False)


cumprod_p = _family(
    "cumprod", NUMBER, eval=_cumprod_eval,
    jvp=[_cumprod_partial], transpose=NOT_LINEAR, combine="mul")


def cumprod(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Running product along an axis, from the end if `reverse`.

    operand: number [...] -> same type. Raises TypeError for booleans.

    >>> lax.cumprod(np.array([1.0, 3.0, 2.0]))
    Array([1., 3., 6.], dtype=float64)
    """
    axis = canonicalize_axis(axis, typeof(operand).ndim)
    return cumprod_p.bind(operand, axis=axis, reverse=bool(reverse))


# ---- cummax, cummin ------------------------------------------------------------------------------
def _extreme_partial(choose: Combine) -> Callable[..., Any]:
    def partial(t: Any, out: Any, x: Any, *, axis: int, reverse: bool) -> Any:
        def combine(a: list[Any], b: list[Any]) -> list[Any]:
            best = choose(a[0], b[0])
            from_a, from_b = eq(a[0], best), eq(b[0], best)
            both = mul(add(a[1], b[1]), full_like(b[1], 0.5))
            tangent = select(from_a, select(from_b, both, a[1]), b[1])
            return [best, tangent]

        edge = -np.inf if choose is max else np.inf
        return _scan_by_doubling(combine, [x, t], axis, reverse, (edge, 0))[1]

    return partial


cummax_p = _family(
    "cummax", NUMBER, eval=lambda x, axis: np.maximum.accumulate(x, axis),
    jvp=[_extreme_partial(max)], transpose=NOT_LINEAR, combine="max")
cummin_p = _family(
    "cummin", NUMBER, eval=lambda x, axis: np.minimum.accumulate(x, axis),
    jvp=[_extreme_partial(min)], transpose=NOT_LINEAR, combine="min")


def cummax(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Running maximum along an axis, from the end if `reverse`.

    operand: any dtype [...] -> same type.

    >>> lax.cummax(np.array([1.0, 3.0, 2.0]))
    Array([1., 3., 3.], dtype=float64)
    """
    axis = canonicalize_axis(axis, typeof(operand).ndim)
    return cummax_p.bind(operand, axis=axis, reverse=bool(reverse))


def cummin(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Running minimum along an axis, from the end if `reverse`.

    operand: any dtype [...] -> same type.

    >>> lax.cummin(np.array([1.0, 3.0, 2.0]))
    Array([1., 1., 1.], dtype=float64)
    """
    axis = canonicalize_axis(axis, typeof(operand).ndim)
    return cummin_p.bind(operand, axis=axis, reverse=bool(reverse))


# ---- cumlogsumexp --------------------------------------------------------------------------------
def _logsumexp_eval(x: np.ndarray, axis: int) -> np.ndarray:
    if x.dtype.kind == "c":
        return _complex_logsumexp(x, axis)
    wide = np.longdouble if x.dtype == np.float64 else np.float64  # errors grow with the length
    return np.logaddexp.accumulate(x.astype(wide), axis).astype(x.dtype)


def _complex_logsumexp(x: np.ndarray, axis: int) -> np.ndarray:
    out = np.array(np.moveaxis(x, axis, 0))
    for i in range(1, len(out)):
        high, low = (np.where(out[i - 1].real > out[i].real, *pair)
                     for pair in ((out[i - 1], out[i]), (out[i], out[i - 1])))
        grown = np.where(np.isneginf(low.real), 0, np.log1p(np.exp(low - high)))
        out[i] = high + grown
    return np.moveaxis(out, 0, axis)


def _logsumexp_partial(t: Any, out: Any, x: Any, *, axis: int, reverse: bool) -> Any:
    """The running sum of exp(x) t, as weighted means so that nothing overflows."""

    def combine(a: list[Any], b: list[Any]) -> list[Any]:
        high = max(a[0], b[0])
        safe = select(eq(sub(high, high), full_like(high, 0)), high, full_like(high, 0))
        left, right = exp(sub(a[0], safe)), exp(sub(b[0], safe))
        total = add(left, right)
        empty = eq(total, full_like(total, 0))
        total = select(empty, full_like(total, 1), total)
        mean = mul(add(mul(left, a[1]), mul(right, b[1])), div(full_like(total, 1), total))
        return [select(empty, full_like(total, -np.inf), add(safe, log(total))), mean]

    return _scan_by_doubling(combine, [x, t], axis, reverse, (-np.inf, 0))[1]


cumlogsumexp_p = _family(
    "cumlogsumexp", INEXACT, eval=_logsumexp_eval, jvp=[_logsumexp_partial], transpose=NOT_LINEAR,
    combine=None)


def cumlogsumexp(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Logarithm of the running sum of exponentials along an axis, from the end if `reverse`.

    operand: floating or complex [...] -> same type. Raises TypeError for other dtypes.

    >>> lax.cumlogsumexp(np.array([0.0, -np.inf]))
    Array([0., 0.], dtype=float64)
    """
    axis = canonicalize_axis(axis, typeof(operand).ndim)
    return cumlogsumexp_p.bind(operand, axis=axis, reverse=bool(reverse))


__all__ = ["cumlogsumexp", "cumlogsumexp_p", "cummax", "cummax_p", "cummin", "cummin_p", "cumprod",
           "cumprod_p", "cumsum", "cumsum_p"]
