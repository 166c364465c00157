"""Sums, products, extrema and means along axes, and their forms that skip nan."""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

from ingot import dtypes
from ingot.api.eager import trace_cached
from ingot.core.static import items
from ingot.errors import AxisError, ShapeError
from ingot.numpy import primitives as lax
from ingot.numpy.families import alias, kind_of, like, truth
from ingot.numpy.promotion import (
    as_array,
    broadcast,
    convert,
    inexact,
    promote,
    promote_shapes,
    unsupported,
    user_dtype,
)
from ingot.util import size_of

Axis = None | int | Sequence[int]

# ---- axes ----


def axes_of(name: str, axis: Axis, ndim: int) -> tuple[int, ...]:
    """The axes meant by None, an axis or several, as distinct numbers in [0, ndim)."""
    if axis is None:
        return tuple(range(ndim))
    if type(axis) is int:
        given: tuple[int, ...] = (axis,)
    else:
        given = tuple(operator.index(i) for i in items(axis))
    for i in given:
        if not -ndim <= i < ndim:
            raise AxisError(f"{name}: axis {i} is out of bounds for an array of dimension {ndim}")
    out = tuple(i % ndim for i in given)
    if len(set(out)) != len(out):
        raise ShapeError(f"{name}: duplicate value in axis {given}")
    return out


def keep_dims(reduced: Any, shape: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    """A reduced array with its axes back, of length 1."""
    return lax.reshape(reduced, [1 if i in axes else n for i, n in enumerate(shape)])


def lowest(dtype: Any) -> Any:
    """The identity of max."""
    kind = dtypes.kind(dtype)
    return -math.inf if kind in "fc" else False if kind == "b" else int(dtypes.iinfo(dtype).min)


def highest(dtype: Any) -> Any:
    """The identity of min."""
    kind = dtypes.kind(dtype)
    return math.inf if kind in "fc" else True if kind == "b" else int(dtypes.iinfo(dtype).max)


def sum_dtype(dtype: Any) -> Any:
    """The dtype of sums and products: integers get the default width at least."""
    kind = dtypes.kind(dtype)
    if kind == "b":
        return dtypes.default_int()
    if kind not in "iu":
        return dtype
    default = dtypes.default_int() if kind == "i" else dtypes.default_uint()
    return default if dtypes.itemsize_bits(dtype) < dtypes.itemsize_bits(default) else dtype


def chosen(name: str, where: Any) -> Any:
    """The argument `where` of a reduction, an array of booleans."""
    mask = as_array(name, where)
    if mask.aval.dtype != dtypes.bool_:
        raise ValueError(f"{name}: where must be None or an array of booleans, got {mask.aval};"
                         " compare first, as in x != 0")
    return mask


def _masked(name: str, a: Any, mask: Any, identity: Any) -> Any:
    """`a` with the identity of the reduction where the mask is False."""
    if mask is None:
        return a
    mask, a = promote_shapes(name, chosen(name, mask), a)
    return lax.select(mask, a, like(a, identity))


def _reduce(name: str, op: Callable[..., Any], a: Any, axis: Axis, keepdims: bool, initial: Any,
            combine: Callable[..., Any]) -> Any:
    axes = axes_of(name, axis, a.aval.ndim)
    if not axes and kind_of(a) == "K":
        raise TypeError(f"{name}: numbers and booleans only, got {a.aval}; random.key_data gives"
                        " the bits of keys")
    out = op(a, axes) if axes else a
    if initial is not None:
        start = convert(initial, out.aval.dtype)
        if start.aval.ndim:
            raise ValueError(f"{name}: initial must be a scalar, got {start.aval}")
        out = combine(out, broadcast(start, out.aval.shape))
    return keep_dims(out, a.aval.shape, axes) if keepdims else out


# ---- sums and products ----


@trace_cached
def sum(a: Any, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False,
        initial: Any = None, where: Any = None, promote_integers: bool = True) -> Any:
    """Sum over axes; small integers are summed in the default integer dtype.

    >>> import ingot.numpy as jnp
    >>> jnp.sum(jnp.asarray(2.0))
    Array(2., dtype=float64)
    """
    if out is not None:
        unsupported("sum", out=out)
    a = _summand("sum", a, dtype, promote_integers)
    a = _masked("sum", a, where, 0)
    if kind_of(a) == "b":
        return _reduce("sum", lax.reduce_or, a, axis, keepdims, initial, lax.bitwise_or)
    return _reduce("sum", lax.reduce_sum, a, axis, keepdims, initial, lax.add)


def _summand(name: str, a: Any, dtype: Any, promote_integers: bool) -> Any:
    a = as_array(name, a)
    have = a.aval.dtype
    want = user_dtype(name, dtype)
    if want is None:
        want = sum_dtype(have) if promote_integers or have == dtypes.bool_ else have
    return convert(a, want)


@trace_cached
def prod(a: Any, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False,
         initial: Any = None, where: Any = None, promote_integers: bool = True) -> Any:
    """Product over axes; small integers are multiplied in the default integer dtype.

    >>> jnp.prod(3)
    Array(3, dtype=int64)
    """
    if out is not None:
        unsupported("prod", out=out)
    a = _summand("prod", a, dtype, promote_integers)
    a = _masked("prod", a, where, 1)
    if kind_of(a) == "b":
        return _reduce("prod", lax.reduce_and, a, axis, keepdims, initial, lax.bitwise_and)
    return _reduce("prod", lax.reduce_prod, a, axis, keepdims, initial, lax.mul)


# ---- extrema ----


def _extremum(name: str, op: Callable[..., Any], combine: Callable[..., Any],
              identity: Callable[[Any], Any], a: Any, axis: Axis, out: None, keepdims: bool,
              initial: Any, where: Any) -> Any:
    if out is not None:
        unsupported(name, out=out)
    a = as_array(name, a)
    a = convert(a, a.aval.dtype)
    if where is not None and initial is None:
        raise ValueError(f"{name}: there is no identity, so with `where` give `initial` too")
    axes = axes_of(name, axis, a.aval.ndim)
    if initial is None and builtins.any(a.aval.shape[i] == 0 for i in axes):
        raise ValueError(f"{name}: zero-size array has no {name}: {a.aval} over axes {axes};"
                         " give `initial`")
    a = a if where is None else _masked(name, a, where, identity(a.aval.dtype))
    out = _reduce(name, op, a, axes, keepdims, initial, combine)
    if kind_of(a) != "c":
        return out
    wrong = _reduce(name, lax.reduce_or, lax.ne(a, a), axes, keepdims, None, combine)
    return lax.select(wrong, like(out, math.nan), out)


@trace_cached
def max(a: Any, axis: Axis = None, out: None = None, keepdims: bool = False, initial: Any = None,
        where: Any = None) -> Any:
    """Largest element over axes; nan if there is one. Raises ValueError for empty axes.

    >>> jnp.max(3)
    Array(3, dtype=int64)
    """
    return _extremum("max", lax.reduce_max, lax.max, lowest, a, axis, out, keepdims, initial, where)


@trace_cached
def min(a: Any, axis: Axis = None, out: None = None, keepdims: bool = False, initial: Any = None,
        where: Any = None) -> Any:
    """Smallest element over axes; nan if there is one. Raises ValueError for empty axes.

    >>> jnp.min(3)
    Array(3, dtype=int64)
    """
    return _extremum(
        "min", lax.reduce_min, lax.min, highest, a, axis, out, keepdims, initial, where)


amax, amin = alias(max, "amax"), alias(min, "amin")


def ptp(a: Any, axis: Axis = None, out: None = None, keepdims: bool = False) -> Any:
    """Largest minus smallest element over axes.

    >>> jnp.ptp(3.0)
    Array(0., dtype=float64)
    """
    unsupported("ptp", out=out)
    return lax.sub(max(a, axis, keepdims=keepdims), min(a, axis, keepdims=keepdims))


# ---- truth ----


@trace_cached
def all(a: Any, axis: Axis = None, out: None = None, keepdims: bool = False, *,
        where: Any = None) -> Any:
    """Whether all elements over axes are nonzero.

    >>> jnp.all(1)
    Array(True, dtype=bool)
    """
    if out is not None:
        unsupported("all", out=out)
    a = _masked("all", truth("all", a), where, True)
    return _reduce("all", lax.reduce_and, a, axis, keepdims, None, lax.bitwise_and)


@trace_cached
def any(a: Any, axis: Axis = None, out: None = None, keepdims: bool = False, *,  # noqa: A001
        where: Any = None) -> Any:
    """Whether an element over axes is nonzero.

    >>> jnp.any(0)
    Array(False, dtype=bool)
    """
    if out is not None:
        unsupported("any", out=out)
    a = _masked("any", truth("any", a), where, False)
    return _reduce("any", lax.reduce_or, a, axis, keepdims, None, lax.bitwise_or)


def count_nonzero(a: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Number of nonzero elements over axes.

    >>> jnp.count_nonzero(2)
    Array(1, dtype=int64)
    """
    return sum(truth("count_nonzero", a), axis, keepdims=keepdims)


# ---- means ----


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
        return float(size_of([a.aval.shape[i] for i in axes]))
    mask, _ = promote_shapes(name, chosen(name, where), a)
    return lax.reduce_sum(convert(mask, dtype), axes)


@trace_cached
def mean(a: Any, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False,
         *, where: Any = None) -> Any:
    """Mean over axes; integers become floats.

    >>> jnp.mean(3)
    Array(3., dtype=float64)
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
    total = lax.reduce_sum(_masked("mean", a, where, 0), axes)
    count = _count("mean", a, axes, where, work)
    count = like(total, count) if isinstance(count, float) else count
    out_ = convert(lax.div(total, count), result)
    return keep_dims(out_, a.aval.shape, axes) if keepdims else out_


@trace_cached
def var(a: Any, axis: Axis = None, dtype: Any = None, out: None = None, ddof: int = 0,
        keepdims: bool = False, *, where: Any = None, mean: Any = None,
        correction: int | float | None = None) -> Any:
    """Variance over axes with divisor n - ddof; nan if that is not positive.

    >>> jnp.var(3)
    Array(0., dtype=float64)
    """
    if out is not None:
        unsupported("var", out=out)
    if correction is not None:
        if ddof:
            raise ValueError("var: ddof and correction mean the same; give one of them")
        ddof = correction  # type: ignore[assignment]
    a = as_array("var", a)
    work, result = _var_dtypes(a, user_dtype("var", dtype))
    a = convert(a, wide(work))
    axes = axes_of("var", axis, a.aval.ndim)
    if where is not None:
        where, a = promote_shapes("var", chosen("var", where), a)
    center = convert(mean, a.aval.dtype) if mean is not None else _mean(a, axes, where)
    centered = lax.sub(*promote_shapes("var", a, center))
    squares = (lax.add(lax.square(lax.real(centered)), lax.square(lax.imag(centered)))
               if kind_of(a) == "c" else lax.square(centered))
    total = lax.reduce_sum(_masked("var", squares, where, 0), axes)
    count = _count("var", a, axes, where, total.aval.dtype)
    if mean is None and kind_of(total) == "f":
        total = lax.sub(total, _rounded_mean(centered, total, axes, where, count))
    value = convert(_over_freedom(total, count, ddof), result)
    return keep_dims(value, a.aval.shape, axes) if keepdims else value


def _var_dtypes(a: Any, asked: Any) -> tuple[Any, Any]:
    """The dtype to compute a variance in, and that of the result, given the dtype asked for."""
    if asked is not None and kind_of(a) == "c" and dtypes.kind(asked) != "c":
        raise ValueError(f"var: dtype must be complex for a complex array, got {asked.name} for"
                         f" {a.aval}; convert the result, which is real")
    work = dtypes.to_inexact_dtype(a.aval.dtype if asked is None or kind_of(a) == "c" else
                                   dtypes.promote_types(a.aval.dtype, asked))
    return work, asked or dtypes.real_of(work)


def _over_freedom(total: Any, count: Any, ddof: Any) -> Any:
    """A sum of squares over the degrees of freedom; nan if these are not positive."""
    if isinstance(count, float):
        divisor = count - float(ddof) if isinstance(ddof, (int, float)) else lax.sub(
            like(total, count), like(total, ddof))
    else:
        divisor = lax.sub(count, like(count, ddof))
    if isinstance(divisor, float):
        return lax.div(total, like(total, divisor)) if divisor > 0 else like(total, math.nan)
    return lax.select(lax.gt(divisor, like(divisor, 0)), lax.div(total, divisor),
                      like(total, math.nan))


def _rounded_mean(centered: Any, total: Any, axes: tuple[int, ...], where: Any, count: Any) -> Any:
    """What the rounding error of the mean adds to a sum of squares: |sum of differences|^2 / n.

    Two-pass algorithm with correction: Chan, Golub and LeVeque, "Algorithms for computing the
    sample variance", The American Statistician 37 (1983). Its derivatives are 0.
    """
    rest = lax.abs(lax.reduce_sum(_masked("var", centered, where, 0), axes))
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
    """Standard deviation over axes with divisor n - ddof.

    >>> jnp.std(3)
    Array(0., dtype=float64)
    """
    unsupported("std", out=out)
    if dtype is not None and user_dtype("std", dtype) not in dtypes.INEXACT:
        raise ValueError(f"std: dtype must be floating or complex, got {dtype}")
    return lax.sqrt(var(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean,
                        correction=correction))


def average(a: Any, axis: Axis = None, weights: Any = None, returned: bool = False,
            keepdims: bool = False) -> Any:
    """Weighted mean over axes; with `returned` also the sum of weights.

    >>> jnp.average(3.0)
    Array(3., dtype=float64)
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


# ---- arg extrema ----


def _arg(name: str, op: Callable[..., Any], a: Any, axis: int | None, out: None,
         keepdims: bool | None) -> Any:
    unsupported(name, out=out)
    a = as_array(name, a)
    shape = a.aval.shape
    if axis is None:
        a, axis_ = lax.reshape(a, (a.aval.size,)), 0
    else:
        if not shape:
            a = lax.reshape(a, (1,))
        (axis_,) = axes_of(name, operator.index(axis), a.aval.ndim)
    if a.aval.shape[axis_] == 0:
        raise ValueError(f"{name}: attempt to get {name} of an empty sequence: {a.aval}")
    found = op(a, axis_, dtypes.default_int())
    if not shape:
        return lax.reshape(found, ())
    if keepdims:
        return keep_dims(found, shape, tuple(range(len(shape))) if axis is None else (axis_,))
    return found


@trace_cached
def argmax(a: Any, axis: int | None = None, out: None = None, keepdims: bool | None = None) -> Any:
    """Index of the first largest element along an axis, or in the flat array; the first nan wins.

    >>> jnp.argmax(3)
    Array(0, dtype=int64)
    """
    return _arg("argmax", lax.argmax, a, axis, out, keepdims)


@trace_cached
def argmin(a: Any, axis: int | None = None, out: None = None, keepdims: bool | None = None) -> Any:
    """Index of the first smallest element along an axis, or in the flat array; the first nan wins.

    >>> jnp.argmin(3)
    Array(0, dtype=int64)
    """
    return _arg("argmin", lax.argmin, a, axis, out, keepdims)

