"""Arrays of numbers from one end to the other, spaced evenly or in geometric progression."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.api.devices import put_as_asked
from ingot.core.array import from_numpy
from ingot.core.symbolic import is_symbolic, max_dim
from ingot.numpy import primitives as lax
from ingot.numpy.arithmetic import power
from ingot.numpy.concrete import concrete, concrete_int
from ingot.numpy.creation import broadcast_to, filled
from ingot.numpy.families import like
from ingot.numpy.manipulation import moveaxis
from ingot.numpy.promotion import (
    as_array,
    broadcast,
    broadcast_shapes,
    convert,
    promote_dtypes,
    strong,
    user_dtype,
)
from ingot.primitives.movement import scalar
from ingot.util import update_wrapper

# ---- evenly spaced ----


def _placed(function: Any) -> Any:
    """Decorate a function that makes an array, to be put where `device` or `out_sharding` say."""

    def placed(*args: Any, device: Any = None, out_sharding: Any = None, **kwargs: Any) -> Any:
        return put_as_asked(function(*args, **kwargs), device, out_sharding)

    return update_wrapper(placed, function)


@_placed
def arange(start: Any = None, stop: Any = None, step: Any = None, dtype: Any = None, *,
           device: Any = None, out_sharding: Any = None) -> Any:
    """Make evenly spaced numbers from `start` (included) to `stop` (excluded).

    start, stop, step: numbers that are not traced, 0, needed, and 1; dtype: by default the one they
    promote to; device: a device or a sharding; out_sharding: how Explicit axes divide the result ->
    [ceil((stop - start) / step)] of `dtype`. Raises ConcretizationTypeError for traced numbers, on
    which the shape depends, ZeroDivisionError for step 0, TypeError without `stop` and for arrays.

    >>> jnp.arange(2, 10, 3)
    Array([2, 5, 8], dtype=int64)
    """
    if stop is None:
        start, stop = None, start
    if stop is None:
        raise TypeError("arange: a stop must be given")
    given = [x for x in (start, stop, step) if x is not None]
    dtype = user_dtype("arange", dtype) or dtypes.result_type(*map(_with_dtype, given))
    if any(map(is_symbolic, given)):
        return _symbolic_range(*(given if start is not None else (0, *given)), dtype=dtype)
    values = [concrete("arange", x, "a bound") for x in given]
    if any(np.ndim(v) for v in values):
        raise TypeError(f"arange: bounds must be scalars, got {[np.shape(v) for v in values]}")
    values = values if start is not None else [0, *values]
    integer = all(isinstance(v, (int, np.integer)) or getattr(v, "dtype", np.dtype("O")).kind in
                  "iu" for v in values)
    if integer and dtypes.kind(dtype) in "iuf":
        low, high, by = (int(v) for v in (*values, 1)[:3])
        if by == 0:
            raise ZeroDivisionError("arange: the step must not be zero")
        if dtypes.kind(dtype) == "u" and by < 0:
            return from_numpy(np.arange(low, high, by).astype(dtype))
        size = max(0, -((low - high) // by))
        out = lax.iota(dtype, size)
        if by != 1:
            out = lax.mul(out, filled((size,), by, dtype))
        return lax.add(out, filled((size,), low, dtype)) if low else out
    if dtypes.kind(dtype) in "iub":  # the step is that of the first two, as whole numbers
        return from_numpy(np.arange(*values, dtype=dtype))
    return from_numpy(np.arange(*values).astype(dtype))


def _with_dtype(n: Any) -> Any:
    """A bound, or for a symbolic one an integer in its place."""
    return 0 if is_symbolic(n) else n


def _symbolic_range(low: Any, high: Any, by: Any = 1, *, dtype: Any) -> Any:
    """A range whose bounds are symbolic dimensions or integers."""
    size = max_dim(0, -((low - high) // by))
    out = lax.iota(dtype, size)
    out = lax.mul(out, _filled_length(by, size, dtype))
    return lax.add(out, _filled_length(low, size, dtype))


def _filled_length(n: Any, size: Any, dtype: Any) -> Any:
    """A length, symbolic or not, as an array [size] of equal numbers."""
    value = convert(n.__jax_array__(), dtype) if is_symbolic(n) else scalar(n, dtype)
    return lax.broadcast_in_dim(value, (size,), ())


def linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False,
             dtype: Any = None, axis: int = 0, *, device: Any = None) -> Any:
    """Make `num` evenly spaced numbers from `start` to `stop`.

    start, stop: numbers or arrays that broadcast; endpoint: whether `stop` is included; retstep:
    whether the step is returned too; dtype: by default the float one they promote to; axis: where
    the numbers are in the result; device: without effect -> [num, ...] of `dtype`, both ends exact.
    Raises ValueError for a negative `num`, TypeError for one that is no integer.

    >>> jnp.linspace(0, 1, 5)
    Array([0.  , 0.25, 0.5 , 0.75, 1.  ], dtype=float64)
    """
    num = concrete_int("linspace", num, "num")
    if num < 0:
        raise ValueError(f"linspace: num must not be negative, got {num}")
    lo, hi = (strong(x) for x in promote_dtypes("linspace", start, stop, kind="inexact"))
    shape = broadcast_shapes(lo.aval.shape, hi.aval.shape)
    work = lo.aval.dtype
    lo, hi = broadcast_to(lo, shape), broadcast_to(hi, shape)
    pieces = num - 1 if endpoint else num
    result_dtype = user_dtype("linspace", dtype) or work
    if num > 1:
        out = _steps(lo, hi, pieces, dtypes.kind(result_dtype) in "iu")
        if endpoint:
            out = lax.concatenate([out, lax.reshape(hi, (1, *shape))], 0)
    else:
        out = lax.reshape(lo, (1, *shape)) if num == 1 else filled((0, *shape), 0, work)
    if dtypes.kind(result_dtype) in "iu":
        out = lax.floor(out)
    out = convert(out, result_dtype)
    axis = axis + len(shape) + 1 if axis < 0 else axis
    if axis:
        order = list(range(1, len(shape) + 1))
        order.insert(axis, 0)
        out = lax.transpose(out, order)
    if not retstep:
        return out
    step = (lax.div(lax.sub(hi, lo), filled(shape, pieces, work)) if pieces > 0
            else filled(shape, math.nan, work))
    return out, step


def _steps(lo: Any, hi: Any, pieces: int, exact: bool) -> Any:
    """The beginnings of so many equal parts of the way from `lo` to `hi`; if exact, where they are
    whole numbers."""
    shape, dtype = (pieces, *lo.aval.shape), lo.aval.dtype
    place = lax.broadcast_in_dim(lax.iota(dtype, pieces), shape, (0,))
    parts = filled(shape, pieces, dtype)
    low, high = (broadcast_to(v, shape) for v in (lo, hi))
    if exact:
        return lax.add(low, lax.div(lax.mul(place, lax.sub(high, low)), parts))
    share = lax.div(place, parts)
    rest = lax.sub(filled(shape, 1, dtype), share)
    return lax.add(lax.mul(low, rest), lax.mul(high, share))


# ---- geometric progressions ----


def logspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0,
             dtype: Any = None, axis: int = 0) -> Any:
    """Make powers of a base with evenly spaced exponents.

    start, stop, num, endpoint, axis: the exponents, as for `linspace`, with the same errors; base:
    a number; dtype: by default that of the exponents -> [num, ...] of `dtype`.

    >>> jnp.logspace(0, 3, 4, base=2)
    Array([1., 2., 4., 8.], dtype=float64)
    """
    want = user_dtype("logspace", dtype)
    exponents = linspace(start, stop, num, endpoint, dtype=None, axis=axis)
    out = power(convert(as_array("logspace", base), exponents.aval.dtype), exponents)
    return out if want is None else convert(out, want)


def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None,
              axis: int = 0) -> Any:
    """Make numbers in geometric progression from `start` to `stop`.

    start, stop: numbers or arrays that broadcast, of one sign; num, endpoint, dtype, axis: as for
    `linspace`, with the same errors -> [num, ...] of `dtype`, both ends exact; nan if the signs
    differ.

    >>> jnp.geomspace(1, 1000, 4)
    Array([   1.,   10.,  100., 1000.], dtype=float64)
    """
    want = user_dtype("geomspace", dtype)
    num = concrete_int("geomspace", num, "num")
    lo, hi = promote_dtypes("geomspace", start, stop, kind="inexact")
    lo, hi = convert(lo, lo.aval.dtype), convert(hi, hi.aval.dtype)
    shape = broadcast_shapes(lo.aval.shape, hi.aval.shape)
    lo, hi = (lax.broadcast_in_dim(x, shape, range(len(shape) - x.aval.ndim, len(shape)))
              for x in (lo, hi))
    pieces = max(num - 1 if endpoint else num, 1)
    share = lax.div(lax.iota(lo.aval.dtype, num), broadcast(convert(pieces, lo.aval.dtype), (num,)))
    wide = (num, *shape)
    inside = range(1, len(wide))
    low, high = (lax.broadcast_in_dim(x, wide, inside) for x in (lo, hi))
    share = lax.broadcast_in_dim(share, wide, (0,))
    ratio = lax.div(high, low)
    out = lax.mul(low, lax.pow(ratio, share))
    if dtypes.kind(lo.aval.dtype) == "f":
        out = _far_apart(low, high, share, ratio, out)
    if num > 0:
        out = out.at[0].set(lo)
        if endpoint and num > 1:
            out = out.at[-1].set(hi)
    if want is not None and dtypes.kind(want) in "iu":  # a rounding error must not cost a unit
        whole = lax.round(out, lax.RoundingMethod.TO_NEAREST_EVEN)
        out = lax.select(lax.le(abs(out - whole), 1e-6 * abs(whole)), whole, out)
    out = moveaxis(out, 0, axis)
    return out if want is None else convert(out, want)


def _far_apart(low: Any, high: Any, share: Any, ratio: Any, out: Any) -> Any:
    """The progression by logarithms where the ratio of the ends over- or underflows, else `out`."""
    size = lax.abs(ratio)
    usual = lax.bitwise_and(lax.gt(size, like(size, 0)), lax.lt(size, like(size, math.inf)))
    same = lax.gt(lax.mul(lax.sign(low), lax.sign(high)), like(low, 0))
    far = lax.bitwise_and(same, lax.bitwise_not(usual))
    logs = (lax.log(lax.select(far, lax.abs(x), like(x, 1))) for x in (low, high))
    first, last = (lax.mul(x, w) for x, w in zip(
        logs, (lax.sub(like(share, 1), share), share), strict=True))
    return lax.select(far, lax.mul(lax.sign(low), lax.exp(lax.add(first, last))), out)
