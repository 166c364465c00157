"""Differences, integrals, convolution and interpolation of samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.api.eager import trace_cached
from ingot.api.jit import jit
from ingot.numpy import primitives as lax
from ingot.numpy.arithmetic import remainder, subtract
from ingot.numpy.concrete import concrete_int
from ingot.numpy.creation import asarray
from ingot.numpy.families import kind_of, like
from ingot.numpy.indexing import getitem
from ingot.numpy.joining import concatenate
from ingot.numpy.logic import clip, isfinite, where
from ingot.numpy.manipulation import moveaxis, ravel
from ingot.numpy.nanreductions import cumsum
from ingot.numpy.promotion import (
    as_array,
    broadcast,
    convert,
    inexact,
    promote_dtypes,
    user_dtype,
)
from ingot.numpy.rearranging import flip
from ingot.numpy.reductions import axes_of, one_axis, sum as sum_
from ingot.numpy.rounding import conj
from ingot.numpy.sorting import searchsorted

# ---- differences ----


def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Compute n-th differences of neighbors along an axis.

    a: [..., m, ...] of any dtype, of booleans the exclusive or; n: how often; axis: the axis;
    prepend, append: numbers or arrays put before and after -> [..., m - n, ...] of the same dtype.
    Raises ValueError for scalars, a negative n and an axis out of bounds.

    >>> jnp.diff(np.array([1, 4, 9, 16]), n=2)
    Array([2, 2], dtype=int64)
    """
    a, n = as_array("diff", a), concrete_int("diff", n, "n")
    if n < 0:
        raise ValueError(f"diff: n must not be negative, got {n}")
    if a.aval.ndim == 0:
        raise ValueError("diff: rank 1 at least is needed, got a scalar")
    axis = one_axis("diff", axis, a.aval.ndim)
    if n == 0:
        return a
    ends = [_end(a, x, axis) for x in (prepend, append)]
    parts = [ends[0], a, ends[1]]
    if any(e is not None for e in ends):
        a = concatenate([p for p in parts if p is not None], axis)
    for _ in range(n):
        length = a.aval.shape[axis]
        late = lax.slice_in_dim(a, min(1, length), length, axis=axis)
        early = lax.slice_in_dim(a, 0, max(length - 1, 0), axis=axis)
        a = lax.bitwise_xor(late, early) if kind_of(a) == "b" else lax.sub(late, early)
    return a


def _end(a: Any, x: Any, axis: int) -> Any:
    if x is None:
        return None
    x = as_array("diff", x)
    if x.aval.ndim == 0:
        return broadcast(x, tuple(1 if i == axis else n for i, n in enumerate(a.aval.shape)))
    return x


def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """Compute differences of neighbors of the flattened array.

    ary: n elements; to_begin, to_end: numbers or arrays put before and after the differences -> [n
    - 1 + ...] of the dtype of `ary`.

    >>> jnp.ediff1d(np.array([1, 4, 9]), to_begin=0)
    Array([0, 3, 5], dtype=int64)
    """
    out = diff(ravel(ary))
    if to_begin is not None:
        out = concatenate([convert(ravel(asarray(to_begin)), out.aval.dtype), out])
    if to_end is not None:
        out = concatenate([out, convert(ravel(asarray(to_end)), out.aval.dtype)])
    return out


def gradient(f: Any, *varargs: Any, axis: int | Sequence[int] | None = None,
             edge_order: int | None = None) -> Any:
    """Estimate derivatives of samples along axes: central differences, one-sided ones at the ends.

    f: [...] of any dtype; varargs: spacing of all axes, or one for each: numbers or coordinates
    [n]; axis: which axes, by default all; edge_order: order of the error at the ends, 1 or 2 -> an
    array like `f`, in floats, or a list of one for each axis. Raises ValueError for fewer than
    edge_order + 1 samples and coordinates that do not fit, TypeError for another number of
    spacings.

    >>> jnp.gradient(np.array([1.0, 4.0, 9.0, 16.0]), 2.0)
    Array([1.5, 2. , 3. , 3.5], dtype=float64)
    """
    order = 1 if edge_order is None else concrete_int("gradient", edge_order, "edge_order")
    if order not in (1, 2):
        raise ValueError(f"gradient: edge_order must be 1 or 2, got {order}")
    f = inexact("gradient", f)
    axes = axes_of("gradient", axis, f.aval.ndim)
    if len(varargs) not in (0, 1, len(axes)):
        raise TypeError(f"gradient: {len(varargs)} spacings for {len(axes)} axes")
    if any(f.aval.shape[i] <= order for i in axes):
        raise ValueError(f"gradient: {order + 1} elements along an axis at least for edge_order"
                         f" {order}, got {f.aval}")
    steps = [1.0] * len(axes) if not varargs else list(varargs) * (len(axes) // len(varargs))
    out = [_gradient(f, i, h, order) for i, h in zip(axes, steps, strict=True)]
    return out[0] if isinstance(axis, (int, np.integer)) or len(out) == 1 else out


def _edge(f: Any, axis: int, places: Sequence[int], near: Any, far: Any) -> Any:
    """The derivative at the first of three samples of the parabola through them; `near` and `far`
    are the steps to the second and on to the third."""
    x, y, z = (lax.slice_in_dim(f, i, i + 1, axis=axis) for i in places)
    near, far = (broadcast(v, x.aval.shape) for v in (near, far))
    both = lax.add(near, far)
    slope = lax.div(lax.sub(y, x), near)
    bend = lax.div(lax.sub(lax.div(lax.sub(z, y), far), slope), both)
    return lax.sub(slope, lax.mul(near, bend))


def _gradient(f: Any, axis: int, h: Any, order: int) -> Any:
    n = f.aval.shape[axis]

    def part(start: int, stop: int) -> Any:
        return lax.slice_in_dim(f, start, stop, axis=axis)

    h = convert(inexact("gradient", h), f.aval.dtype)
    first = lax.sub(part(1, 2), part(0, 1))
    last = lax.sub(part(n - 1, n), part(n - 2, n - 1))
    if h.aval.ndim == 0:
        inner = lax.mul(lax.sub(part(2, n), part(0, n - 2)), like(part(2, n), 0.5))
        if order == 2:
            one = like(h, 1)
            first = _edge(f, axis, (0, 1, 2), one, one)
            last = lax.neg(_edge(f, axis, (n - 1, n - 2, n - 3), one, one))
        out = lax.concatenate([first, inner, last], axis)
        return lax.div(out, broadcast(h, out.aval.shape))
    if h.aval.shape != (n,):
        raise ValueError(f"gradient: {n} coordinates are needed along axis {axis}, got {h.aval}")
    d = diff(h)
    a, b = lax.slice_in_dim(d, 0, n - 2), lax.slice_in_dim(d, 1, n - 1)

    def spread(x: Any) -> Any:
        shape = [x.aval.shape[0] if i == axis else m for i, m in enumerate(f.aval.shape)]
        return lax.broadcast_in_dim(x, shape, (axis,))

    total = lax.add(a, b)
    inner = lax.add(lax.add(
        lax.mul(spread(lax.neg(lax.div(b, lax.mul(a, total)))), part(0, n - 2)),
        lax.mul(spread(lax.div(lax.sub(b, a), lax.mul(a, b))), part(1, n - 1))),
        lax.mul(spread(lax.div(a, lax.mul(b, total))), part(2, n)))
    steps = [spread(lax.slice_in_dim(d, i, i + 1)) for i in (0, n - 2)]
    if order == 2:
        others = [spread(lax.slice_in_dim(d, i, i + 1)) for i in (1, n - 3)]
        first = _edge(f, axis, (0, 1, 2), steps[0], others[0])
        last = _edge(f, axis, (n - 1, n - 2, n - 3), lax.neg(steps[1]), lax.neg(others[1]))
        return lax.concatenate([first, inner, last], axis)
    return lax.concatenate([lax.div(first, steps[0]), inner, lax.div(last, steps[1])], axis)


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """Integrate samples along an axis by the trapezoidal rule.

    y: [..., n, ...]; x: coordinates [n] or like `y`; dx: distance of the samples if x is None;
    axis: the axis -> [other axes] of the float or complex dtype they promote to.

    >>> jnp.trapezoid(np.array([0.0, 1.0, 4.0]), np.array([0.0, 1.0, 3.0]))
    Array(5.5, dtype=float64)
    """
    if x is None:
        y, step = promote_dtypes("trapezoid", inexact("trapezoid", y), dx, kind="inexact")
        if step.aval.ndim:  # broadcasts with pairs of neighbors, before axes are moved
            ones = (1,) * (y.aval.ndim - step.aval.ndim)
            step = moveaxis(lax.reshape(step, (*ones, *step.aval.shape)), axis, -1)
        y = moveaxis(convert(y, y.aval.dtype), axis, -1)
    else:
        y, x = promote_dtypes("trapezoid", y, x, kind="inexact")
        if x.aval.ndim == 1:
            step = diff(x)
        else:
            step = diff(moveaxis(x, axis, -1))
        y = moveaxis(convert(y, y.aval.dtype), axis, -1)
    n = y.aval.shape[-1]
    pairs = lax.add(getitem(y, (Ellipsis, slice(1, n))),
                    getitem(y, (Ellipsis, slice(0, max(n - 1, 0)))))
    area = lax.mul(pairs, broadcast(convert(step, y.aval.dtype), pairs.aval.shape))
    return lax.mul(sum_(area, -1), like(sum_(area, -1), 0.5))


# ---- convolution ----


def convolve(a: Any, v: Any, mode: str = "full", *, precision: Any = None,
             preferred_element_type: Any = None) -> Any:
    """Convolve two vectors.

    a, v: [n], [m]; mode: "full" [n + m - 1], "same" [max(n, m)], or "valid" [max(n, m) - min(n, m)
    + 1], without borders; precision: checked, else without effect; preferred_element_type: dtype of
    the result -> a vector of the float or complex dtype they promote to. By sums of products.
    Raises ValueError for other ranks and modes, and empty vectors.

    >>> jnp.convolve(np.array([1, 2, 3]), np.array([1, 1]))
    Array([1., 3., 5., 3.], dtype=float64)
    """
    return _convolve("convolve", a, v, mode, precision, preferred_element_type)


def correlate(a: Any, v: Any, mode: str = "valid", *, precision: Any = None,
              preferred_element_type: Any = None) -> Any:
    """Correlate two vectors: sums of a[i + k] conj(v[i]).

    a, v: [n], [m]; mode, precision, preferred_element_type: as for `convolve`, with the same
    errors; "valid" by default -> a vector of the float or complex dtype they promote to.

    >>> jnp.correlate(np.array([1, 2, 3]), np.array([0, 1]))
    Array([2., 3.], dtype=float64)
    """
    return _convolve("correlate", a, v, mode, precision, preferred_element_type)


def _convolve(name: str, a: Any, v: Any, mode: str, precision: Any, preferred: Any) -> Any:
    x, y = promote_dtypes(name, a, v, kind="inexact")
    weak = x.aval.weak_type
    if x.aval.ndim != 1 or y.aval.ndim != 1:
        raise ValueError(f"{name}: vectors are needed, got {x.aval} and {y.aval}")
    if not x.aval.size or not y.aval.size:
        raise ValueError(f"{name}: empty vectors cannot be convolved: {x.aval}, {y.aval}")
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"{name}: mode must be 'full', 'same' or 'valid', got {mode!r}")
    swapped = x.aval.size < y.aval.size
    if name == "convolve":
        x, y = (y, x) if swapped else (x, y)
        y = flip(y)
        mirrored = False
    else:
        y = conj(y)
        mirrored = swapped
        if swapped:
            x, y = y, x
    n = y.aval.size
    pads = {"valid": (0, 0), "same": (n // 2, n - n // 2 - 1), "full": (n - 1, n - 1)}[mode]
    want = user_dtype(name, preferred)
    out = sliding_sums(lax.reshape(x, (1, 1, x.aval.size)), lax.reshape(y, (1, 1, n)), [pads],
                       precision)
    out = lax.reshape(out, (out.aval.size,))
    out = flip(out) if mirrored else out
    return convert(out, want or out.aval.dtype, weak and want is None)


COMPILED = 1 << 20
"""Products from which on sums of products are compiled outside of compiled code too: NumPy, which
lays out all windows or reads both vectors for each sum, then takes ten times as long."""


def sliding_sums(x: Any, kernel: Any, padding: Sequence[tuple[int, int]], precision: Any) -> Any:
    """Sums of products of one feature [1, 1, ...] with a kernel at all its places."""
    sizes = [n + low + high - k + 1 for n, k, (low, high) in zip(
        x.aval.shape[2:], kernel.aval.shape[2:], padding, strict=True)]
    convolved = _compiled_sums if math.prod(sizes) * kernel.aval.size >= COMPILED else _sums
    return convolved(x, kernel, tuple(padding), precision)


def _sums(x: Any, kernel: Any, padding: tuple[tuple[int, int], ...], precision: Any) -> Any:
    return lax.conv_general_dilated(x, kernel, (1,) * len(padding), padding, precision=precision)


_compiled_sums = jit(_sums, static_argnums=(2, 3))


# ---- interpolation ----


@trace_cached
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
           ) -> Any:
    """Interpolate between points (xp, fp) by straight lines.

    x: [...] real; xp, fp: [n], xp ascending, or in any order with `period`; left, right: values
    beyond the ends, by default those at the ends, or "extrapolate" -> [...] of the float or complex
    dtype they promote to. Raises ValueError for xp and fp of other ranks or different lengths, for
    complex coordinates and other texts.

    >>> jnp.interp(np.array([0.0, 1.5]), np.array([1.0, 2.0]), np.array([10.0, 20.0]))
    Array([10., 15.], dtype=float64)
    """
    xp_, fp_ = as_array("interp", xp), as_array("interp", fp)
    if xp_.aval.ndim != 1 or xp_.aval.shape != fp_.aval.shape:
        raise ValueError(f"interp: xp and fp must be vectors of one length, got {xp_.aval} and"
                         f" {fp_.aval}")
    x, xp_ = promote_dtypes("interp", x, xp_, kind="inexact")
    (fp_,) = promote_dtypes("interp", fp_, kind="inexact")
    fp_ = convert(fp_, dtypes.promote_types(fp_.aval.dtype, x.aval.dtype))
    if kind_of(x) == "c":
        raise ValueError("interp: the coordinates must be real")
    if period is not None:
        x, xp_, fp_ = _periodic(x, xp_, fp_, period)
    n = xp_.aval.size
    i = clip(searchsorted(xp_, x, side="right"), 1, n - 1)
    before = lax.sub(i, like(i, 1))
    x0, y0 = getitem(xp_, before), getitem(fp_, before)
    out = _between(x, x0, getitem(xp_, i), y0, getitem(fp_, i))
    if period is None:
        for side, test, end in ((left, lax.lt, 0), (right, lax.gt, -1)):
            if isinstance(side, str):
                if side != "extrapolate":
                    raise ValueError(
                        f"interp: the only text allowed is 'extrapolate', got {side!r}")
                continue
            value = getitem(fp_, end) if side is None else side
            out = where(test(x, broadcast(getitem(xp_, end), x.aval.shape)), value, out)
    return out


def _between(x: Any, x0: Any, x1: Any, y0: Any, y1: Any) -> Any:
    """The line from (x0, y0) to (x1, y1) at x; at a point its own value, also beside infinities."""
    gap = lax.sub(x1, x0)
    # Equal coordinates make a step: the value to the left, without dividing by zero.
    step = lax.eq(gap, like(gap, 0))
    share = lax.div(lax.sub(x, x0), lax.select(step, like(gap, 1), gap))
    # From an infinite coordinate on, the line is the value at the finite one.
    endless = (x0 == -math.inf) & (x > x0) & (x1 < math.inf)
    share = lax.select(endless, like(share, 1), share)
    undefined = lax.ne(share, share)
    share = where(undefined & (x == x0), 0, where(undefined & (x == x1), 1, share))
    rise = lax.sub(y1, y0)
    wild = lax.bitwise_not(isfinite(rise))
    part = convert(share, y0.aval.dtype)
    rest = lax.sub(like(part, 1), part)
    # From the nearer end, so that each end has its own value.
    rise = lax.select(wild, like(rise, 0), rise)
    plain = where(share > 0.5, lax.sub(y1, lax.mul(rest, rise)), lax.add(y0, lax.mul(part, rise)))
    first, last = lax.eq(share, like(share, 0)), lax.eq(share, like(share, 1))
    mean = lax.add(lax.mul(rest, lax.select(wild, y0, like(y0, 0))),
                   lax.mul(part, lax.select(wild, y1, like(y1, 0))))
    mean = where(first, y0, where(last, y1, mean))
    return where(step, y0, where(wild, mean, plain))


def _periodic(x: Any, xp: Any, fp: Any, period: Any) -> tuple[Any, Any, Any]:
    period = convert(period, xp.aval.dtype)
    if period.aval.ndim:
        raise ValueError(f"interp: the period must be a scalar, got {period.aval}")
    period = lax.abs(period)
    x, xp = remainder(x, period), remainder(xp, period)
    xp, fp = lax.sort([xp, fp], dimension=0, num_keys=1)
    ends = [subtract(getitem(xp, slice(-1, None)), period), xp, getitem(xp, slice(0, 1)) + period]
    return x, concatenate(ends), concatenate([getitem(fp, slice(-1, None)), fp,
                                              getitem(fp, slice(0, 1))])


def unwrap(p: Any, discont: Any = None, axis: int = -1, period: Any = 2 * math.pi) -> Any:
    """Remove jumps of more than half a period from phases, by adding whole periods.

    p: [..., n, ...] real; discont: the least jump to remove, at least half a period; axis: the
    axis; period: 2 pi by default -> an array like `p`, of integers the default float unless
    `period` is an integer too. Raises ValueError for scalars.

    >>> jnp.unwrap(np.array([0, 3, 2, 1]), period=4)
    Array([ 0, -1, -2, -3], dtype=int64)
    """
    p = as_array("unwrap", p)
    p = inexact("unwrap", p) if kind_of(p) not in "iu" or isinstance(period, float) else p
    if not p.aval.ndim:
        raise ValueError(f"unwrap: rank 1 at least is needed, got {p.aval}")
    steps = diff(p, axis=axis)
    whole = kind_of(p) != "f"
    high = period // 2 if whole else period / 2
    low = -high
    wrapped = remainder(steps - low, period) + low
    if not whole or period % 2 == 0:  # a jump of half a period keeps its direction
        wrapped = where((wrapped == low) & (steps > 0), high, wrapped)
    correction = where(abs(steps) < (period / 2 if discont is None else discont), 0,
                       wrapped - steps)
    (i,) = axes_of("unwrap", axis, p.aval.ndim)
    head = (slice(None),) * i + (slice(1, None),)
    return p.at[head].add(cumsum(convert(correction, p.aval.dtype), axis))
