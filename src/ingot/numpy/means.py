"""Means, variances and weighted means over axes."""

from __future__ import annotations

import math
from typing import Any

from ingot import dtypes
from ingot.api.eager import trace_cached
from ingot.core.symbolic import is_symbolic
from ingot.numpy import primitives as lax
from ingot.numpy.families import kind_of, like
from ingot.numpy.promotion import (
    as_array,
    convert,
    inexact,
    promote,
    promote_shapes,
    unsupported,
    user_dtype,
)
from ingot.numpy.reductions import Axis, axes_of, chosen, keep_dims, masked, sum
from ingot.util import size_of


def wide(dtype: Any) -> Any:
    """The dtype in which means, and quotients of sums, of this dtype are computed."""
    return dtypes.float32 if dtypes.kind(dtype) == "f" and dtype.itemsize < 4 else dtype


def widened(x: Any) -> Any:
    """An array in that dtype."""
    return x if wide(x.aval.dtype) == x.aval.dtype else convert(x, wide(x.aval.dtype))


def narrowed(x: Any, dtype: Any) -> Any:
    """A result back in the dtype of arguments that were widened."""
    return x if wide(dtype) == dtype else convert(x, dtype)


def _count(name: str, a: Any, axes: tuple[int, ...], where: Any, dtype: Any) -> Any:
    """Number of elements that a reduction sees: a Python number, or an array with a mask."""
    if where is None:
        count = size_of([a.aval.shape[i] for i in axes])
        return convert(count.__jax_array__(), dtype) if is_symbolic(count) else float(count)
    mask, _ = promote_shapes(name, chosen(name, where), a)
    return lax.reduce_sum(convert(mask, dtype), axes)


@trace_cached
def mean(a: Any, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False,
         *, where: Any = None) -> Any:
    """Compute the mean of elements over axes.

    a: [...] of any dtype; dtype: by default that of `a`, of integers the default float; axis, out,
    keepdims, where: as for `sum`, with the same errors -> [other axes] of `dtype`; nan if there are
    no elements. Floats of 16 bits are summed in float32.

    >>> jnp.mean(np.array([[1, 2], [3, 4]]), axis=0)
    Array([2., 3.], dtype=float64)
    """
    if out is not None:
        unsupported("mean", out=out)
    a = as_array("mean", a)
    result = user_dtype("mean", dtype) or dtypes.to_inexact_dtype(a.aval.dtype)
    work = wide(dtypes.to_inexact_dtype(result))
    a = convert(a, work)
    axes = axes_of("mean", axis, a.aval.ndim)
    if where is not None:
        where, a = promote_shapes("mean", chosen("mean", where), a)
    total = lax.reduce_sum(masked("mean", a, where, 0), axes)
    count = _count("mean", a, axes, where, work)
    count = like(total, count) if isinstance(count, float) else count
    out_ = convert(lax.div(total, count), result)
    return keep_dims(out_, a.aval.shape, axes) if keepdims else out_


@trace_cached
def var(a: Any, axis: Axis = None, dtype: Any = None, out: None = None, ddof: int = 0,
        keepdims: bool = False, *, where: Any = None, mean: Any = None,
        correction: int | float | None = None) -> Any:
    """Compute the variance of elements over axes, the mean of |a - mean|^2.

    a: [...] of any dtype; dtype: by default that of `a`, of integers the default float; ddof or
    correction: the divisor is n - ddof, the result nan unless that is positive; mean: the mean,
    with reduced axes of length 1, if it is known; axis, out, keepdims, where: as for `sum`, with
    the same errors -> [other axes], real. In two passes with a correction (Chan, Golub and LeVeque,
    1983). Raises ValueError for both ddof and correction, and a real `dtype` of complex numbers.

    >>> jnp.var(np.array([1.0, 2.0, 4.0]), ddof=1)
    Array(2.33333333, dtype=float64)
    """
    if out is not None:
        unsupported("var", out=out)
    if correction is not None:
        if ddof:
            raise ValueError("var: ddof and correction mean the same; give one of them")
        ddof = correction  # type: ignore[assignment]
    a = as_array("var", a)
    work, result = _variance_dtypes(a, user_dtype("var", dtype))
    a = convert(a, wide(work))
    axes = axes_of("var", axis, a.aval.ndim)
    if where is not None:
        where, a = promote_shapes("var", chosen("var", where), a)
    center = convert(mean, a.aval.dtype) if mean is not None else _mean(a, axes, where)
    centered = lax.sub(*promote_shapes("var", a, center))
    squares = (lax.add(lax.square(lax.real(centered)), lax.square(lax.imag(centered)))
               if kind_of(a) == "c" else lax.square(centered))
    total = lax.reduce_sum(masked("var", squares, where, 0), axes)
    count = _count("var", a, axes, where, total.aval.dtype)
    if mean is None and kind_of(total) == "f":
        total = lax.sub(total, _rounded_mean(centered, total, axes, where, count))
    value = convert(_over_positive(total, count, ddof), result)
    return keep_dims(value, a.aval.shape, axes) if keepdims else value


def _variance_dtypes(a: Any, asked: Any) -> tuple[Any, Any]:
    """The dtype to compute in, and that of the result."""
    if asked is not None and kind_of(a) == "c" and dtypes.kind(asked) != "c":
        raise ValueError(f"var: dtype must be complex for a complex array, got {asked.name} for"
                         f" {a.aval}; convert the result, which is real")
    work = dtypes.to_inexact_dtype(a.aval.dtype if asked is None or kind_of(a) == "c" else
                                   dtypes.promote_types(a.aval.dtype, asked))
    return work, asked or dtypes.real_of(work)


def _over_positive(total: Any, count: Any, ddof: Any) -> Any:
    """A sum over its count less `ddof`, nan unless that is positive."""
    if not isinstance(count, float):
        divisor = lax.sub(count, like(count, ddof))
    elif isinstance(ddof, (int, float)):
        divisor = count - float(ddof)
        return lax.div(total, like(total, divisor)) if divisor > 0 else like(total, math.nan)
    else:
        divisor = lax.sub(like(total, count), like(total, ddof))
    return lax.select(lax.gt(divisor, like(divisor, 0)), lax.div(total, divisor),
                      like(total, math.nan))


def _rounded_mean(centered: Any, total: Any, axes: tuple[int, ...], where: Any, count: Any) -> Any:
    """What the rounding error of the mean adds to a sum of squares: |sum of differences|^2 / n.

    Two-pass algorithm with correction: Chan, Golub and LeVeque, "Algorithms for computing the
    sample variance", The American Statistician 37 (1983). Its derivatives are 0.
    """
    rest = lax.abs(lax.reduce_sum(masked("var", centered, where, 0), axes))
    count = like(total, count) if isinstance(count, float) else count
    extra = lax.mul(rest, lax.div(rest, count))
    largest = like(total, dtypes.finfo(total.aval.dtype).max)  # an infinite sum stays infinite
    return lax.stop_gradient(lax.min(lax.min(extra, total), largest))


_mean_function = mean


def _mean(a: Any, axes: tuple[int, ...], where: Any) -> Any:
    return _mean_function(a, axes, keepdims=True, where=where)


@trace_cached
def std(a: Any, axis: Axis = None, dtype: Any = None, out: None = None, ddof: int = 0,
        keepdims: bool = False, *, where: Any = None, mean: Any = None,
        correction: int | float | None = None) -> Any:
    """Compute the standard deviation over axes, the square root of `var`.

    a, axis, dtype, out, ddof, keepdims, where, mean, correction: as for `var`, with the same errors
    -> [other axes], real. Raises ValueError for a `dtype` of integers.

    >>> jnp.std(np.array([1.0, 2.0, 4.0]), ddof=1)
    Array(1.52752523, dtype=float64)
    """
    unsupported("std", out=out)
    if dtype is not None and user_dtype("std", dtype) not in dtypes.INEXACT:
        raise ValueError(f"std: dtype must be floating or complex, got {dtype}")
    return lax.sqrt(var(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean,
                        correction=correction))


def average(a: Any, axis: Axis = None, weights: Any = None, returned: bool = False,
            keepdims: bool = False) -> Any:
    """Compute the weighted mean over axes.

    a: [...] of any dtype; weights: of the same shape, or that of the axes in `axis`; None: all 1;
    returned: whether the sum of weights is wanted too; axis, keepdims: as for `sum` -> [other axes]
    of the float or complex dtype they promote to, or a pair of these. Raises ValueError if the
    weights do not fit; weights of sum 0 give nan.

    >>> jnp.average(np.array([1.0, 2.0]), weights=np.array([3, 1]), returned=True)
    (Array(1.25, dtype=float64), Array(4., dtype=float64))
    """
    if weights is None:
        out = mean(a, axis, keepdims=keepdims)
        a = as_array("average", a)
        size = size_of([a.aval.shape[i] for i in axes_of("average", axis, a.aval.ndim)])
        return (out, like(out, size)) if returned else out
    a, weights = inexact("average", a), inexact("average", weights)
    shape = a.aval.shape
    axes = axes_of("average", axis, len(shape))
    if weights.aval.shape != shape:
        if axis is None:
            raise ValueError("average: an axis is needed when weights and array differ in shape:"
                             f" {weights.aval}, {a.aval}")
        if weights.aval.shape != tuple(shape[i] for i in axes):
            raise ValueError(f"average: weights {weights.aval} do not fit axes {axes} of {a.aval}")
        order = sorted(range(len(axes)), key=lambda i: axes[i])
        weights = lax.broadcast_in_dim(lax.transpose(weights, order), shape, sorted(axes))
    a, weights = promote("average", a, weights)
    result = a.aval.dtype
    a, weights = widened(a), widened(weights)
    total = sum(weights, axes, keepdims=keepdims)
    out = narrowed(lax.div(sum(lax.mul(a, weights), axes, keepdims=keepdims), total), result)
    return (out, narrowed(total, result)) if returned else out
