"""Rearranging elements: tile, repeat, roll, flip, rotate, triangles, diagonals, grids."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.config import config
from ingot.core.array import from_numpy
from ingot.core.interpreter import Tracer, typeof
from ingot.core.static import items, known
from ingot.errors import ShapeError
from ingot.numpy import primitives as lax
from ingot.numpy.creation import (
    asarray,
    broadcast_to,
    canonical_shape,
    concrete,
    concrete_int,
    zeros,
)
from ingot.numpy.families import like
from ingot.numpy.indexing import getitem
from ingot.numpy.logic import where
from ingot.numpy.manipulation import atleast_1d, moveaxis, ravel, swapaxes
from ingot.numpy.promotion import as_array, broadcast, convert, unsupported, user_dtype
from ingot.numpy.reductions import axes_of, sum as sum_
from ingot.util import size_of

# ---- repetition ----


def tile(A: Any, reps: Any) -> Any:
    """An array repeated along each axis as often as `reps` says.

    >>> jnp.tile(np.array([1, 2]), 2)
    Array([1, 2, 1, 2], dtype=int64)
    """
    A = as_array("tile", A)
    times = canonical_shape("tile", reps)
    rank = max(len(times), A.aval.ndim)
    times = (1,) * (rank - len(times)) + times
    shape = (1,) * (rank - A.aval.ndim) + A.aval.shape
    wide = lax.broadcast_in_dim(lax.reshape(A, shape), [
        n for pair in zip(times, shape, strict=True) for n in pair], range(1, 2 * rank, 2))
    return lax.reshape(wide, [n * m for n, m in zip(times, shape, strict=True)])


def _repeated_indices(n: int, counts: np.ndarray, total: int | None) -> np.ndarray:
    """The indices 0 to n - 1, each as often as its count says; `total` of them if that is given."""
    if counts.size == 1:
        counts = np.full(n, int(counts.reshape(())))
    if counts.shape != (n,):
        raise ValueError(f"repeat: one count for each of {n} slices is needed, got shape"
                         f" {counts.shape}")
    index = np.repeat(np.arange(n), counts.astype(np.int64) if counts.dtype.kind == "u"
                      else counts)
    if total is None:
        return index
    last = index[-1] if len(index) else n - 1
    return np.append(index, np.full(max(total - len(index), 0), last))[:total]


def repeat(a: Any, repeats: Any, axis: int | None = None, *,
           total_repeat_length: int | None = None, out_sharding: Any = None) -> Any:
    """Each element, or slice along an axis, repeated.

    repeats: a number, or one per element. When traced, `total_repeat_length` must be given: then
    surplus elements are dropped and the last one fills up.

    >>> jnp.repeat(np.array([1, 2]), 2)
    Array([1, 1, 2, 2], dtype=int64)
    """
    a = as_array("repeat", a)
    if axis is None:
        a, axis = ravel(a), 0
    if a.aval.ndim == 0:
        a = lax.reshape(a, (1,))
    (axis,) = axes_of("repeat", axis, a.aval.ndim)
    n = a.aval.shape[axis]
    traced = isinstance(repeats, Tracer) and repeats.concrete() is None
    if total_repeat_length is None or not traced:
        counts = np.asarray(concrete(
            "repeat", repeats, "repeats (without total_repeat_length)",
            "give their sum as total_repeat_length=n"))
        if counts.size == 1 and total_repeat_length is None:
            return _repeat_all(a, int(counts.reshape(())), axis)
        index = _repeated_indices(n, counts, total_repeat_length)
        return getitem(a, (*(slice(None),) * axis, index))
    counts = broadcast_to(as_array("repeat", repeats), (n,))
    ends = lax.cumsum(convert(counts, dtypes.default_int()), 0)
    place = lax.iota(dtypes.default_int(), total_repeat_length)
    grid = (total_repeat_length, n)
    passed = lax.ge(lax.broadcast_in_dim(place, grid, (0,)), lax.broadcast_in_dim(ends, grid, (1,)))
    index = lax.min(sum_(passed, 1), like(place, max(n - 1, 0)))
    return getitem(a, (*(slice(None),) * axis, index))


def _repeat_all(a: Any, times: int, axis: int) -> Any:
    if times < 0:
        raise ShapeError(f"repeat: repeats must not be negative, got {times}")
    shape = list(a.aval.shape)
    wide = lax.broadcast_in_dim(a, [*shape[:axis + 1], times, *shape[axis + 1:]],
                                [i + (i > axis) for i in range(len(shape))])
    shape[axis] *= times
    return lax.reshape(wide, shape)


def resize(a: Any, new_shape: Any) -> Any:
    """An array of a new shape, filled with copies of the elements in order.

    >>> jnp.resize(np.array([1, 2]), (3,))
    Array([1, 2, 1], dtype=int64)
    """
    new = canonical_shape("resize", new_shape)
    flat, n = ravel(a), size_of(new)
    if not n or not flat.aval.size:
        return broadcast_to(convert(0, flat.aval.dtype), new)
    copies = -(-n // flat.aval.size)
    return lax.reshape(lax.slice(tile(flat, copies), (0,), (n,)), new)


# ---- shifts and mirrors ----


def flip(m: Any, axis: int | Sequence[int] | None = None) -> Any:
    """Elements in reverse order along axes.

    >>> jnp.flip(np.array([1, 2]))
    Array([2, 1], dtype=int64)
    """
    m = as_array("flip", m)
    axes = axes_of("flip", axis, m.aval.ndim)
    return lax.rev(m, axes) if axes else m


def fliplr(m: Any) -> Any:
    """Columns in reverse order.

    >>> jnp.fliplr(np.array([[1, 2]]))
    Array([[2, 1]], dtype=int64)
    """
    return flip(m, 1)


def flipud(m: Any) -> Any:
    """Rows in reverse order.

    >>> jnp.flipud(np.array([1, 2]))
    Array([2, 1], dtype=int64)
    """
    return flip(m, 0)


def rot90(m: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    """An array turned by k right angles from the first axis towards the second.

    >>> jnp.rot90(np.array([[1, 2]]))
    Array([[2],
           [1]], dtype=int64)
    """
    m = as_array("rot90", m)
    i, j = axes_of("rot90", axes, m.aval.ndim)
    k = operator.index(k) % 4
    if k == 0:
        return m
    if k == 2:
        return flip(m, (i, j))
    return swapaxes(flip(m, j), i, j) if k == 1 else flip(swapaxes(m, i, j), j)


def roll(a: Any, shift: Any, axis: int | Sequence[int] | None = None) -> Any:
    """Elements shifted along axes; what leaves at the end comes back at the beginning.

    shift: a number, or one per axis; may be traced.

    >>> jnp.roll(np.arange(3), 1)
    Array([2, 0, 1], dtype=int64)
    """
    a = as_array("roll", a)
    if axis is None:
        return lax.reshape(roll(ravel(a), shift, 0), a.aval.shape)
    axes = tuple(items(axis))
    if getattr(shift, "ndim", 0) == 1:
        shift = as_array("roll", shift)
        shift = [getitem(shift, i) for i in range(shift.aval.size)]
    shifts = list(shift) if isinstance(shift, (list, tuple)) else [shift]
    if len(shifts) == 1:
        shifts = shifts * len(axes)
    if len(axes) == 1 and len(shifts) > 1:
        axes = axes * len(shifts)
    if len(axes) != len(shifts):
        raise ValueError(f"roll: {len(shifts)} shifts for {len(axes)} axes")
    for by, ax in zip(shifts, axes, strict=True):
        (i,) = axes_of("roll", operator.index(ax), a.aval.ndim)
        a = _roll(a, by, i)
    return a


def _roll(a: Any, shift: Any, axis: int) -> Any:
    n = a.aval.shape[axis]
    if n == 0:
        return a
    if not isinstance(shift, Tracer):
        cut = -operator.index(np.asarray(getattr(shift, "_data", shift)).item()) % n
        if not cut:
            return a
        return lax.concatenate([lax.slice_in_dim(a, cut, n, axis=axis),
                                lax.slice_in_dim(a, 0, cut, axis=axis)], axis)
    shift = convert(shift, shift.aval.dtype if shift.aval.dtype.itemsize >= 4 else dtypes.int32)
    length = like(shift, n)
    rest = lax.rem(shift, length)
    start = lax.select(lax.gt(rest, like(rest, 0)), lax.sub(length, rest), lax.neg(rest))
    starts = [start if i == axis else like(start, 0) for i in range(a.aval.ndim)]
    return lax.dynamic_slice(lax.concatenate([a, a], axis), starts, a.aval.shape)


# ---- triangles ----


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Any:
    """Ones on and below diagonal k, zeros above.

    >>> jnp.tri(2)
    Array([[1., 0.],
           [1., 1.]], dtype=float64)
    """
    shape = canonical_shape("tri", (N, N if M is None else M))
    default = dtypes.float32 if config.match_jax else dtypes.default_float()
    return convert(_lower(shape, k), user_dtype("tri", dtype) or default)


def _lower(shape: tuple[int, ...], k: Any) -> Any:
    row = lax.broadcasted_iota(dtypes.int32, shape, 0)
    if isinstance(k, Tracer):
        k = lax.broadcast_in_dim(convert(k, dtypes.int32), shape, ())
        return lax.ge(lax.add(row, k), lax.broadcasted_iota(dtypes.int32, shape, 1))
    k = concrete_int("tri", k, "k")
    return lax.ge(lax.add(row, like(row, k)) if k else row,
                  lax.broadcasted_iota(dtypes.int32, shape, 1))


def _triangle(name: str, m: Any, k: int, lower: bool) -> Any:
    m = as_array(name, m)
    if m.aval.ndim < 2:
        raise ValueError(f"{name}: rank 2 at least is needed, got {m.aval}")
    mask = broadcast(_lower(m.aval.shape[-2:], k if lower else k - 1), m.aval.shape)
    zero = like(m, 0)
    return lax.select(mask, m, zero) if lower else lax.select(mask, zero, m)


def tril(m: Any, k: int = 0) -> Any:
    """The array with zeros above diagonal k of the last two axes.

    >>> jnp.tril(np.ones((2, 2)))
    Array([[1., 0.],
           [1., 1.]], dtype=float64)
    """
    return _triangle("tril", m, k, True)


def triu(m: Any, k: int = 0) -> Any:
    """The array with zeros below diagonal k of the last two axes.

    >>> jnp.triu(np.ones((2, 2)))
    Array([[1., 1.],
           [0., 1.]], dtype=float64)
    """
    return _triangle("triu", m, k, False)


# ---- diagonals ----


def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The diagonals of two axes, as the last axis of the result.

    >>> jnp.diagonal(np.eye(2))
    Array([1., 1.], dtype=float64)
    """
    a = as_array("diagonal", a)
    if a.aval.ndim < 2:
        raise ValueError(f"diagonal: rank 2 at least is needed, got {a.aval}")
    offset = concrete_int("diagonal", offset, "offset")
    a = moveaxis(a, (axis1, axis2), (-2, -1))
    rows, columns = a.aval.shape[-2:]
    row, column = max(-offset, 0), max(offset, 0)
    n = max(min(rows - row, columns - column), 0)
    if n == 0:
        return zeros((*a.aval.shape[:-2], 0), a.aval.dtype)
    steps = np.arange(n)
    return getitem(a, (Ellipsis, steps + row, steps + column))


def diag(v: Any, k: int = 0) -> Any:
    """The matrix with a vector on diagonal k, or the diagonal of a matrix.

    >>> jnp.diag(np.array([1, 2]))
    Array([[1, 0],
           [0, 2]], dtype=int64)
    """
    v = as_array("diag", v)
    if v.aval.ndim == 2:
        return diagonal(v, k)
    if v.aval.ndim != 1:
        raise ValueError(f"diag: rank 1 or 2 is needed, got {v.aval}")
    k = concrete_int("diag", k, "k")
    n = v.aval.shape[0] + abs(k)
    zero = convert(0, v.aval.dtype, v.aval.weak_type)
    column = lax.pad(v, zero, [(max(k, 0), max(-k, 0), 0)])
    row = lax.broadcasted_iota(dtypes.int32, (n, n), 0)
    on = lax.eq(lax.add(row, like(row, k)), lax.broadcasted_iota(dtypes.int32, (n, n), 1))
    return lax.select(on, lax.broadcast_in_dim(column, (n, n), (1,)), broadcast(zero, (n, n)))


def diagflat(v: Any, k: int = 0) -> Any:
    """The matrix with all elements of an array on diagonal k.

    >>> jnp.diagflat(np.array([[1, 2]])).shape
    (2, 2)
    """
    return diag(ravel(as_array("diagflat", v)), k)


def fill_diagonal(a: Any, val: Any, wrap: bool = False, *, inplace: bool = True) -> Any:
    """A copy with the main diagonal replaced; `inplace` must be False.

    >>> jnp.fill_diagonal(np.zeros((2, 2)), 1.0, inplace=False)
    Array([[1., 0.],
           [0., 1.]], dtype=float64)
    """
    if inplace:
        raise NotImplementedError("fill_diagonal: arrays are immutable; pass inplace=False and use"
                                  " the result")
    unsupported("fill_diagonal", wrap=wrap or None)
    a = as_array("fill_diagonal", a)
    if a.aval.ndim < 2 or a.aval.ndim > 2 and len(set(a.aval.shape)) > 1:
        raise ValueError(f"fill_diagonal: rank 2, or equal lengths, are needed, got {a.aval}")
    n = min(a.aval.shape)
    values = ravel(asarray(val))
    if values.aval.size != n:
        values = getitem(values, np.arange(n) % values.aval.size)
    return a.at[(np.arange(n),) * a.aval.ndim].set(values)


def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None,
          out: None = None) -> Any:
    """Sum of the diagonal of two axes.

    >>> jnp.trace(np.eye(2))
    Array(2., dtype=float64)
    """
    unsupported("trace", out=out)
    return sum_(diagonal(a, offset, axis1, axis2), -1, dtype)


# ---- indices ----


def tril_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Any, Any]:
    """Indices of the elements on and below diagonal k of an n x m matrix.

    >>> jnp.tril_indices(1)
    (Array([0], dtype=int64), Array([0], dtype=int64))
    """
    return _indices(np.tril_indices(n, k, m))


def triu_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Any, Any]:
    """Indices of the elements on and above diagonal k of an n x m matrix.

    >>> jnp.triu_indices(1)
    (Array([0], dtype=int64), Array([0], dtype=int64))
    """
    return _indices(np.triu_indices(*map(known, (n, k, m))))


def _indices(found: Any) -> Any:
    return tuple(from_numpy(i.astype(dtypes.default_int())) for i in found)


def tril_indices_from(arr: Any, k: int = 0) -> tuple[Any, Any]:
    """Indices of the lower triangle of a matrix.

    >>> len(jnp.tril_indices_from(np.eye(2))[0])
    3
    """
    return tril_indices(arr.shape[-2], k, arr.shape[-1])


def triu_indices_from(arr: Any, k: int = 0) -> tuple[Any, Any]:
    """Indices of the upper triangle of a matrix.

    >>> len(jnp.triu_indices_from(np.eye(2))[0])
    3
    """
    return triu_indices(arr.shape[-2], k, arr.shape[-1])


def diag_indices(n: int, ndim: int = 2) -> tuple[Any, ...]:
    """Indices of the main diagonal of an array with `ndim` axes of length n.

    >>> jnp.diag_indices(2)[0]
    Array([0, 1], dtype=int64)
    """
    if n < 0 or ndim < 0:
        raise ValueError(f"diag_indices: n and ndim must not be negative, got {n} and {ndim}")
    return (lax.iota(dtypes.default_int(), n),) * ndim


def diag_indices_from(arr: Any) -> tuple[Any, ...]:
    """Indices of the main diagonal of an array whose axes have one length.

    >>> len(jnp.diag_indices_from(np.eye(2)))
    2
    """
    shape = typeof(arr).shape
    if len(shape) < 2 or len(set(shape)) != 1:
        raise ValueError(f"diag_indices_from: axes must have one length, got shape {shape}")
    return diag_indices(shape[0], len(shape))


def mask_indices(n: int, mask_func: Any, k: int = 0, *, size: int | None = None) -> Any:
    """Indices of the nonzero elements of `mask_func(ones((n, n)), k)`.

    >>> len(jnp.mask_indices(2, jnp.triu))
    2
    """
    return where(mask_func(zeros((n, n)) + 1, k), size=size)


def ix_(*args: Any) -> tuple[Any, ...]:
    """Vectors shaped so that together they index a grid.

    >>> [i.shape for i in jnp.ix_(np.arange(2), np.arange(3))]
    [(2, 1), (1, 3)]
    """
    out = []
    for i, x in enumerate(args):
        x = as_array("ix_", x)
        if x.aval.ndim != 1:
            raise ValueError(f"ix_: vectors are needed, got {x.aval}")
        x = where(x)[0] if x.aval.dtype == dtypes.bool_ else x
        out.append(lax.reshape(x, [x.aval.size if j == i else 1 for j in range(len(args))]))
    return tuple(out)


def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> list[Any]:
    """The coordinates of a grid, one array per axis; 'xy' puts the second axis first.

    >>> [x.shape for x in jnp.meshgrid(np.arange(2), np.arange(3))]
    [(3, 2), (3, 2)]
    """
    if not copy:
        raise ValueError("meshgrid: copy=False is not supported, as arrays are immutable")
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing must be 'xy' or 'ij', got {indexing!r}")
    axes = [atleast_1d(as_array("meshgrid", x)) for x in xi]
    if any(x.aval.ndim != 1 for x in axes):
        raise ValueError("meshgrid: arguments must be scalars or vectors")
    if indexing == "xy" and len(axes) > 1:
        axes[:2] = axes[1::-1]
    shape = [x.aval.size for x in axes]
    out = [lax.broadcast_in_dim(x, [n if j == i or not sparse else 1 for j, n in enumerate(shape)],
                                (i,)) for i, x in enumerate(axes)]
    if indexing == "xy" and len(out) > 1:
        out[:2] = out[1::-1]
    return out

