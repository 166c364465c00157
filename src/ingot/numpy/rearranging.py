"""Rearranging elements: tile, repeat, roll, flip, rotate, grids of coordinates."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.division import require_whole
from ingot.core.interpreter import Tracer
from ingot.core.static import items
from ingot.errors import ShapeError
from ingot.numpy import primitives as lax
from ingot.numpy.concrete import canonical_shape, concrete, concrete_int
from ingot.numpy.creation import broadcast_to
from ingot.numpy.families import like
from ingot.numpy.indexing import getitem
from ingot.numpy.logic import where
from ingot.numpy.manipulation import atleast_1d, ravel, swapaxes
from ingot.numpy.promotion import as_array, convert
from ingot.numpy.reductions import axes_of, sum as sum_
from ingot.primitives.out_sharding import takes_out_sharding
from ingot.util import size_of

# ---- repetition ----


def tile(A: Any, reps: Any) -> Any:
    """Repeat an array along each axis.

    A: [...] of any dtype; reps: how often, for the last axes; missing axes are inserted in front ->
    [...] of the same dtype, each length times its number. Raises ValueError for negative numbers.

    >>> jnp.tile(np.array([1, 2]), (2, 2))
    Array([[1, 2, 1, 2],
           [1, 2, 1, 2]], dtype=int64)
    """
    A = as_array("tile", A)
    times = canonical_shape("tile", reps)
    rank = max(len(times), A.aval.ndim)
    repeated = [k for k, n in enumerate(times, A.aval.ndim - len(times)) if k >= 0 and n != 1]
    require_whole("tile: the operand cannot be sharded where the tiling is non-trivial", A.aval,
                  repeated)
    times = (1,) * (rank - len(times)) + times
    shape = (1,) * (rank - A.aval.ndim) + A.aval.shape
    wide = lax.broadcast_in_dim(lax.reshape(A, shape), [
        n for pair in zip(times, shape, strict=True) for n in pair], range(1, 2 * rank, 2))
    return lax.reshape(wide, [n * m for n, m in zip(times, shape, strict=True)])


@takes_out_sharding
def repeat(a: Any, repeats: Any, axis: int | None = None, *,
           total_repeat_length: int | None = None, out_sharding: Any = None) -> Any:
    """Repeat each element, or each slice along an axis.

    a: [...] of any dtype; repeats: a number, or one for each slice; axis: None flattens `a`;
    total_repeat_length: length of the result, needed if `repeats` is traced: surplus slices are
    dropped, the last one fills up; out_sharding: how Explicit axes divide the result -> [...] of
    the same dtype. Raises ValueError for negative numbers and unless there is one for each slice.

    >>> jnp.repeat(np.array([1, 2]), np.array([1, 3]))
    Array([1, 2, 2, 2], dtype=int64)
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
        return _repeat_known(a, counts, axis, total_repeat_length)
    counts = broadcast_to(as_array("repeat", repeats), (n,))
    ends = lax.cumsum(convert(counts, dtypes.default_int()), 0)
    place = lax.iota(dtypes.default_int(), total_repeat_length)
    grid = (total_repeat_length, n)
    passed = lax.ge(lax.broadcast_in_dim(place, grid, (0,)), lax.broadcast_in_dim(ends, grid, (1,)))
    index = lax.min(sum_(passed, 1), like(place, max(n - 1, 0)))
    return getitem(a, (*(slice(None),) * axis, index))


def _repeat_known(a: Any, counts: np.ndarray, axis: int, total: int | None) -> Any:
    n = a.aval.shape[axis]
    if counts.size == 1 and total is None:
        return _repeat_all(a, int(counts.reshape(())), axis)
    if counts.size == 1:
        counts = np.full(n, int(counts.reshape(())))
    if counts.shape != (n,):
        raise ValueError(f"repeat: one count for each of {n} slices is needed, got shape"
                         f" {counts.shape}")
    if counts.size and counts.min() < 0:
        raise ShapeError(f"repeat: repeats must not be negative, got {counts.min()}")
    index = np.repeat(np.arange(n), counts.astype(np.int64) if counts.dtype.kind == "u" else counts)
    if total is not None:
        last = index[-1] if len(index) else n - 1
        index = np.append(index, np.full(max(total - len(index), 0), last))[:total]
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
    """Fill a shape with the elements in order, repeated as often as needed.

    a: [...] of any dtype; new_shape: lengths -> [*new_shape] of the same dtype; zeros if `a` is
    empty. Raises ValueError for negative lengths.

    >>> jnp.resize(np.array([1, 2, 3]), (2, 2))
    Array([[1, 2],
           [3, 1]], dtype=int64)
    """
    new = canonical_shape("resize", new_shape)
    flat, n = ravel(a), size_of(new)
    if not n or not flat.aval.size:
        return broadcast_to(convert(0, flat.aval.dtype), new)
    copies = -(-n // flat.aval.size)
    return lax.reshape(lax.slice(tile(flat, copies), (0,), (n,)), new)


# ---- shifts and mirrors ----


def flip(m: Any, axis: int | Sequence[int] | None = None) -> Any:
    """Reverse the order of elements along axes.

    m: [...] of any dtype; axis: an axis or several, by default all -> the same shape and dtype.
    Raises ValueError for axes out of bounds or named twice.

    >>> jnp.flip(np.array([[1, 2], [3, 4]]), 1)
    Array([[2, 1],
           [4, 3]], dtype=int64)
    """
    m = as_array("flip", m)
    axes = axes_of("flip", axis, m.aval.ndim)
    return lax.rev(m, axes) if axes else m


def fliplr(m: Any) -> Any:
    """Reverse the order of columns.

    m: [m, n, ...] of any dtype -> the same shape and dtype. Raises ValueError for vectors.

    >>> jnp.fliplr(np.array([[1, 2], [3, 4]]))
    Array([[2, 1],
           [4, 3]], dtype=int64)
    """
    return flip(m, 1)


def flipud(m: Any) -> Any:
    """Reverse the order of rows.

    m: [m, ...] of any dtype -> the same shape and dtype. Raises ValueError for scalars.

    >>> jnp.flipud(np.array([[1, 2], [3, 4]]))
    Array([[3, 4],
           [1, 2]], dtype=int64)
    """
    return flip(m, 0)


def rot90(m: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    """Turn an array by k right angles from the first axis towards the second.

    m: [...] of any dtype; k: an int, may be negative; axes: the plane -> the same dtype, the two
    lengths exchanged if k is odd. Raises ValueError for axes out of bounds, or the same twice.

    >>> jnp.rot90(np.array([[1, 2], [3, 4]]))
    Array([[2, 4],
           [1, 3]], dtype=int64)
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
    """Shift elements along axes; what leaves at the end comes back at the beginning.

    a: [...] of any dtype; shift: an integer, or one for each axis, which may be traced; axis: an
    axis or several; None shifts the flattened array -> the same shape and dtype. Raises ValueError
    if there are not as many shifts as axes, TypeError for shifts that are no integers.

    >>> jnp.roll(np.arange(5), 2)
    Array([3, 4, 0, 1, 2], dtype=int64)
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
        require_whole("roll: `a` cannot be sharded on the axis being rolled over", a.aval, [i])
        a = _roll(a, by, i)
    return a


def _roll(a: Any, shift: Any, axis: int) -> Any:
    n = a.aval.shape[axis]
    if n == 0:
        return a
    if not isinstance(shift, Tracer):
        cut = -concrete_int("roll", np.asarray(getattr(shift, "_data", shift)).item(), "shift") % n
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


# ---- grids ----


def ix_(*args: Any) -> tuple[Any, ...]:
    """Shape vectors so that together they index a grid.

    args: vectors of integers, or of booleans, which stand for the places where they hold -> a tuple
    of arrays, of which the i-th has its elements along axis i. Raises ValueError for other ranks.

    >>> x = jnp.arange(9).reshape(3, 3)
    >>> x[jnp.ix_(np.array([0, 2]), np.array([True, False, True]))]
    Array([[0, 2],
           [6, 8]], dtype=int64)
    """
    out = []
    for i, x in enumerate(args):
        x = as_array("ix_", x)
        if x.aval.ndim != 1:
            raise ValueError(f"ix_: vectors are needed, got {x.aval}")
        x = where(x)[0] if x.aval.dtype == dtypes.bool_ else x
        out.append(lax.reshape(x, [x.aval.size if j == i else 1 for j in range(len(args))]))
    return tuple(out)


def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy"
             ) -> tuple[Any, ...]:
    """Make the coordinates of a grid, one array for each axis.

    xi: numbers or vectors [n_i]; copy: must be True; sparse: whether each array has length 1 but
    along its axis; indexing: "ij", or "xy" with the first two axes exchanged -> a tuple of arrays
    [n_0, n_1, ...], each of its own dtype. Raises ValueError for other ranks, copy=False and other
    `indexing`.

    >>> jnp.meshgrid(np.array([1, 2]), np.array([3, 4, 5]))[0]
    Array([[1, 2],
           [1, 2],
           [1, 2]], dtype=int64)
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
    return tuple(out)
