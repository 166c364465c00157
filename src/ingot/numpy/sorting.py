"""Sorting, searching and picking: sort, argsort, searchsorted, take, choose."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot import dtypes
from ingot.api.eager import trace_cached
from ingot.config import config
from ingot.core.array import Array, fetch
from ingot.core.interpreter import to_array
from ingot.core.static import items
from ingot.numpy import primitives as lax
from ingot.numpy.at import fitting
from ingot.numpy.concrete import concrete_int
from ingot.numpy.creation import asarray
from ingot.numpy.families import kind_of, like, truth
from ingot.numpy.indexing import as_index, getitem
from ingot.numpy.logic import where
from ingot.numpy.manipulation import moveaxis, ravel
from ingot.numpy.promotion import (
    as_array,
    broadcast,
    broadcast_shapes,
    convert,
    holding,
    promote_dtypes,
    unsupported,
    user_dtype,
)
from ingot.numpy.reductions import axes_of, one_axis, sum as sum_

# ---- sorting ----


@trace_cached
def sort(a: Any, axis: int | None = -1, *, kind: None = None, order: None = None,
         stable: bool = True, descending: bool = False) -> Any:
    """Sort elements along an axis, nan at the end.

    a: [..., n, ...] of any dtype, complex numbers by real, then imaginary part; axis: None
    flattens; kind, order: must be None; stable: whether equal elements keep their order;
    descending: from the largest, nan first -> the same shape and dtype, or [size]. Raises
    ValueError for an axis out of bounds.

    >>> jnp.sort(np.array([3.0, np.nan, 1.0]))
    Array([ 1.,  3., nan], dtype=float64)
    """
    unsupported("sort", kind=kind, order=order)
    a, axis = _axis("sort", a, axis)
    if kind_of(a) == "c":  # also where only one part is nan
        out = lax.sort([lax.ne(a, a), a], dimension=axis, is_stable=stable, num_keys=2)[1]
    else:
        out = lax.sort(a, dimension=axis, is_stable=stable)
    return lax.rev(out, (axis,)) if descending else out


def _axis(name: str, a: Any, axis: int | None) -> tuple[Any, int]:
    """The array, flat if the axis is None, and its axis in [0, ndim)."""
    a = as_array(name, a)
    if axis is None:
        return ravel(a), 0
    return a, one_axis(name, axis, a.aval.ndim)


@trace_cached
def argsort(a: Any, axis: int | None = -1, *, kind: None = None, order: None = None,
            stable: bool = True, descending: bool = False, dtype: Any = None) -> Any:
    """Return the indices that sort along an axis, as `sort`.

    a, axis, kind, order, stable, descending: as for `sort`; equal elements keep their order also if
    descending; dtype: the default integer if None -> the shape of `a`, or [size], of `dtype`.
    Raises ValueError for an axis out of bounds.

    >>> jnp.argsort(np.array([3, 1, 2]))
    Array([1, 2, 0], dtype=int64)
    """
    unsupported("argsort", kind=kind, order=order)
    a, axis = _axis("argsort", a, axis)
    index = lax.broadcasted_iota(user_dtype("argsort", dtype) or dtypes.default_int(),
                                 a.aval.shape, axis)
    if descending:  # mirrored twice, so that equal elements keep their order
        a, index = lax.rev(a, (axis,)), lax.rev(index, (axis,))
    keys = [lax.ne(a, a), a] if kind_of(a) == "c" else [a]
    out = lax.sort([*keys, index], dimension=axis, is_stable=stable, num_keys=len(keys))[-1]
    return lax.rev(out, (axis,)) if descending else out


def lexsort(keys: Any, axis: int = -1) -> Any:
    """Return the indices that sort by several keys, of which the last decides first.

    keys: a sequence of arrays of one shape; axis: the axis to sort along -> [...] of the default
    integer. Raises TypeError for no keys, ValueError for different shapes.

    >>> jnp.lexsort((np.array([2, 1, 0]), np.array([5, 3, 5])))
    Array([1, 2, 0], dtype=int64)
    """
    arrays = [as_array("lexsort", getitem(to_array(keys), i) if hasattr(keys, "ndim") else key)
              for i, key in enumerate(keys)]
    if not arrays:
        raise TypeError("lexsort: at least one key is needed")
    if len({a.aval.shape for a in arrays}) > 1:
        raise ValueError("lexsort: keys must have one shape, got"
                         f" {', '.join(str(a.aval) for a in arrays)}")
    if arrays[0].aval.ndim == 0:
        return convert(0, dtypes.default_int())
    (axis,) = axes_of("lexsort", axis, arrays[0].aval.ndim)
    index = lax.broadcasted_iota(dtypes.default_int(), arrays[0].aval.shape, axis)
    return lax.sort([*arrays[::-1], index], dimension=axis, num_keys=len(arrays))[-1]


def sort_complex(a: Any) -> Any:
    """Sort elements as complex numbers, by real, then imaginary part, along the last axis.

    a: [...] of any dtype -> [...] complex. Raises ValueError for scalars.

    >>> jnp.sort_complex(np.array([2, 1j, 1]))
    Array([0.+1.j, 1.+0.j, 2.+0.j], dtype=complex128)
    """
    a = as_array("sort_complex", a)
    return sort(convert(a, dtypes.to_complex(a.aval.dtype)))


def partition(a: Any, kth: int, axis: int = -1) -> Any:
    """Put smaller elements before the k-th of the sorted order and larger ones behind it.

    a: [..., n, ...] of any dtype; kth: a place, or several, also counted from the end; axis: None
    flattens -> the same shape and dtype, or [size]; the order on each side is unspecified. Raises
    ValueError for a place or an axis out of bounds.

    >>> jnp.partition(np.array([4, 1, 3, 2]), 1)[1]
    Array(2, dtype=int64)
    """
    a, axis = _axis("partition", a, axis)
    ranks = _ranks("partition", kth, a, axis)
    if kind_of(a) == "c":
        return sort(a, axis)
    return lax.take_along(a, lax.argpartition(a, ranks, axis), axis)


def _ranks(name: str, kth: Any, a: Any, axis: int) -> tuple[int, ...]:
    """Places in the sorted order, counted from its beginning."""
    n = a.aval.shape[axis]
    given = [concrete_int(name, k, "kth") for k in items(kth)]
    if any(not -n <= k < n for k in given):
        raise ValueError(f"{name}: kth must be in [{-n}, {n}), as that is the length of axis {axis}"
                         f" of {a.aval}, got {kth}")
    return tuple(sorted({k % n for k in given}))


def argpartition(a: Any, kth: int, axis: int = -1) -> Any:
    """Return the indices of `partition`.

    a, kth, axis: as for `partition`, with the same errors -> the shape of `a`, or [size], of int32.

    >>> x = jnp.array([4, 1, 3, 2])
    >>> x[jnp.argpartition(x, 1)[1]]
    Array(2, dtype=int64)
    """
    a, axis = _axis("argpartition", a, axis)
    ranks = _ranks("argpartition", kth, a, axis)
    out = argsort(a, axis) if kind_of(a) == "c" else lax.argpartition(a, ranks, axis)
    return convert(out, dtypes.int32)


def top_k(a: Any, k: int, *, axis: int = -1) -> list[Any]:
    """Return the k largest elements along an axis in descending order, and their indices.

    a: [..., n, ...] of any real dtype; k: an int; axis: the axis -> [..., k, ...] of the same
    dtype, and of int32; of equal elements the first comes first, nan are the largest. Raises
    ValueError unless 0 <= k <= n.

    >>> jnp.top_k(np.array([1, 3, 2]), 2)
    [Array([3, 2], dtype=int64), Array([1, 2], dtype=int32)]
    """
    a, axis = _axis("top_k", a, axis)
    return [moveaxis(x, -1, axis) for x in lax.top_k(moveaxis(a, axis, -1), k)]


# ---- searching ----


def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None, *,
                 method: str = "scan") -> Any:
    """Find where elements go into a sorted vector.

    a: [n], ascending; v: [...]; side: "left" of equal elements or "right"; sorter: indices that
    sort `a`; method: accepted, the results are the same -> [...] of the default integer (int32
    under the name `jax.numpy`), in [0, n]. Raises ValueError for other ranks of `a` and other
    values of `side` and `method`.

    >>> jnp.searchsorted(np.array([1, 3, 5]), np.array([0, 3, 6]))
    Array([0, 1, 3], dtype=int64)
    """
    if side not in ("left", "right"):
        raise ValueError(f"searchsorted: side must be 'left' or 'right', got {side!r}")
    if method not in ("default", "scan", "scan_unrolled", "sort", "compare_all"):
        raise ValueError(f"searchsorted: no method {method!r}")
    a, v = promote_dtypes("searchsorted", a, v)
    if a.aval.ndim != 1:
        raise ValueError(f"searchsorted: a vector is needed, got {a.aval}")
    if sorter is not None:
        a = getitem(a, sorter)
    places = lax.searchsorted(a, v, side)
    return places if config.match_jax else convert(places, dtypes.canonicalize_dtype(np.int64))



def digitize(x: Any, bins: Any, right: bool = False, *, method: str | None = None) -> Any:
    """Find the bins that elements fall into, between the monotonic edges `bins`.

    x: [...]; bins: [n], rising: i with bins[i-1] <= x < bins[i], with `right` bins[i-1] < x <=
    bins[i]; or falling: bins[i-1] > x >= bins[i], with `right` bins[i-1] >= x > bins[i]; method:
    accepted, without effect -> [...] of the default integer (int32 under the name `jax.numpy`), in
    [0, n]. Raises ValueError for other ranks of `bins`.

    >>> jnp.digitize(np.array([0.5, 2.0, 9.0]), np.array([1, 2, 3]))
    Array([0, 2, 3], dtype=int64)
    """
    x, bins = as_array("digitize", x), as_array("digitize", bins)
    if bins.aval.ndim != 1:
        raise ValueError(f"digitize: bins must be a vector, got {bins.aval}")
    n = bins.aval.shape[0]
    if not n:
        return searchsorted(bins, x)
    side = "right" if not right else "left"
    up = searchsorted(bins, x, side)
    down = lax.sub(like(up, n), searchsorted(lax.rev(bins, (0,)), x, side))
    behind = searchsorted(getitem(bins, slice(0, 1)), getitem(bins, -1), "right")
    rising = lax.eq(behind, like(behind, 1))
    return where(rising, up, down)


# ---- picking ----


def take(a: Any, indices: Any, axis: int | None = None, out: None = None, mode: str | None = None,
         unique_indices: bool = False, indices_are_sorted: bool = False,
         fill_value: Any = None) -> Any:
    """Take elements, or slices along an axis, at indices.

    a: [..., n, ...] of any dtype; indices: [*ids] integers; axis: None flattens; mode: out of
    bounds "fill" (default: `fill_value`, else nan or the extreme integer), "clip" or "wrap";
    unique_indices, indices_are_sorted: promises; out: must be None -> [..., *ids, ...] of the same
    dtype. Raises TypeError for other indices, IndexError for an empty axis, NotImplementedError for
    mode "raise".

    >>> jnp.take(np.array([5.0, 6.0]), np.array([1, 0, 7]))
    Array([ 6.,  5., nan], dtype=float64)
    """
    unsupported("take", out=out)
    a, axis = _axis("take", a, axis)
    indices = as_array("take", indices)
    if kind_of(indices) not in "iu":
        raise TypeError(f"take: indices must be integers, got {indices.aval}")
    n = a.aval.shape[axis]
    if mode in ("raise", None) and n == 0 and indices.aval.size:
        raise IndexError(f"take: no element to take from an empty axis of {a.aval}")
    if mode in ("wrap", "clip"):
        indices = holding(indices, n)
    if mode == "wrap":
        indices, mode = _floor_mod(indices, n), "promise_in_bounds"
    elif mode == "raise":
        raise NotImplementedError("take: mode 'raise' is not possible; use 'fill', 'clip', 'wrap'")
    elif mode == "clip":
        indices = lax.min(lax.max(indices, like(indices, 0)), like(indices, n - 1))
    key = (*(slice(None),) * axis, lax.reshape(indices, indices.aval.shape))
    return getitem(a, key, mode or "fill", fill_value, indices_are_sorted, unique_indices,
                   wrap_negative_indices=mode not in ("clip", "promise_in_bounds"))


def _floor_mod(i: Any, n: int) -> Any:
    rest = lax.rem(i, like(i, n))
    return lax.select(lax.lt(rest, like(i, 0)), lax.add(rest, like(i, n)), rest)


def take_along_axis(arr: Any, indices: Any, axis: int | None = -1, mode: Any = None,
                    fill_value: Any = None, *, wrap_negative_indices: bool | None = None) -> Any:
    """Take elements along an axis, at indices for each place in the other axes.

    arr: [..., n, ...] of any dtype; indices: [..., m, ...] integers, other axes broadcast; axis:
    None flattens both; mode, fill_value: as for `take`, or "one_hot"; wrap_negative_indices:
    whether they count from the end -> [..., m, ...] of the same dtype. Raises TypeError for other
    indices, ValueError if the ranks differ.

    >>> x = np.array([[3, 1, 2], [4, 6, 5]])
    >>> jnp.take_along_axis(x, jnp.argsort(x), axis=1)
    Array([[1, 2, 3],
           [4, 5, 6]], dtype=int64)
    """
    arr, axis_ = _axis("take_along_axis", arr, axis)
    indices = as_array("take_along_axis", indices)
    if kind_of(indices) not in "iu":
        raise TypeError(f"take_along_axis: indices must be integers, got {indices.aval}")
    if axis is None:
        indices = ravel(indices)
    if indices.aval.ndim != arr.aval.ndim:
        raise ValueError(f"take_along_axis: ranks must agree, got {indices.aval} for {arr.aval}")
    if mode == "one_hot":
        return _by_one_hot(arr, indices, axis_)
    key = _grid("take_along_axis", arr.aval.shape, indices, axis_,
                wrap_negative_indices is not False)
    return getitem(arr, key, mode or "fill", fill_value, wrap_negative_indices=False)


def _by_one_hot(arr: Any, indices: Any, axis: int) -> Any:
    """Sums of products with ones and zeros; 0 out of bounds."""
    n = arr.aval.shape[axis]
    indices = moveaxis(as_index(indices, n), axis, -1)
    hit = lax.expand_dims(indices, (indices.aval.ndim,)) == np.arange(n)
    rows = lax.expand_dims(moveaxis(arr, axis, -1), (arr.aval.ndim - 1,))
    return moveaxis(sum_(where(hit, rows, 0), -1, dtype=arr.aval.dtype), -1, axis)


def _grid(name: str, shape: tuple[int, ...], indices: Any, axis: int, wrap: bool = True
          ) -> tuple[Any, ...]:
    """Index arrays for all axes: `indices` along one, positions along the others."""
    have = indices.aval.shape
    rest = broadcast_shapes(*([m for j, m in enumerate(s) if j != axis] for s in (shape, have)))
    grid = (*rest[:axis], have[axis], *rest[axis:])
    key = []
    for j, n in enumerate(shape):
        if j == axis:
            key.append(broadcast(as_index(indices, n, wrap), grid))
        else:
            step = np.arange(grid[j]) if n != 1 else np.zeros(grid[j], int)
            key.append(step.reshape([-1 if i == j else 1 for i in range(len(grid))]))
    return tuple(key)


def put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None, inplace: bool = True, *,
                   mode: str | None = None) -> Any:
    """Return a copy of an array with elements along an axis replaced.

    arr: [..., n, ...]; indices: [..., m, ...] integers; values: broadcast with them; axis: None
    flattens; inplace: must be False; mode: as for `x.at[...]` -> the shape and dtype of `arr`.
    Raises ValueError for the default `inplace`.

    >>> jnp.put_along_axis(np.zeros((2, 2)), np.array([[1], [0]]), 5.0, 1, inplace=False)
    Array([[0., 5.],
           [5., 0.]], dtype=float64)
    """
    if inplace:
        raise ValueError("put_along_axis: arrays are immutable; pass inplace=False and use the"
                         " result")
    whole = as_array("put_along_axis", arr)
    arr, axis_ = _axis("put_along_axis", whole, axis)
    indices = as_array("put_along_axis", indices)
    indices = ravel(indices) if axis is None else indices
    key = _grid("put_along_axis", arr.aval.shape, indices, axis_)
    out = arr.at[key].set(values, mode=mode, wrap_negative_indices=False)
    return lax.reshape(out, whole.aval.shape)


def put(a: Any, ind: Any, v: Any, mode: str | None = None, *, inplace: bool = True) -> Any:
    """Return a copy of an array with elements, counted in the flattened array, replaced.

    a: [...]; ind: integers; v: values, repeated in order; mode: out of bounds None (left out),
    "clip" or "wrap"; inplace: must be False -> the shape and dtype of `a`. Raises ValueError for
    the default `inplace` and for other modes.

    >>> jnp.put(np.zeros((2, 2)), np.array([0, 3]), 5.0, inplace=False)
    Array([[5., 0.],
           [0., 5.]], dtype=float64)
    """
    if inplace:
        raise ValueError("put: arrays are immutable; pass inplace=False and use the result")
    a, ind, v = as_array("put", a), ravel(as_array("put", ind)), ravel(asarray(v))
    n = a.aval.size
    if not n or not ind.aval.size or not v.aval.size:
        return a
    ind = holding(ind, n)
    if mode == "wrap":
        ind = _floor_mod(ind, n)
    elif mode == "clip":
        ind = lax.min(lax.max(ind, like(ind, 0)), like(ind, n - 1))
    elif mode is not None:
        raise ValueError(f"put: mode must be None, 'clip' or 'wrap', got {mode!r}")
    if v.aval.size != ind.aval.size:
        v = getitem(v, np.arange(ind.aval.size) % v.aval.size)
    return lax.reshape(ravel(a).at[ind].set(v, mode="drop"), a.aval.shape)


def place(arr: Any, mask: Any, vals: Any, *, inplace: bool = True) -> Any:
    """Return a copy of an array with the elements where a mask holds replaced, in order.

    arr: [...]; mask: as many booleans; vals: values, repeated as needed; inplace: must be False ->
    the shape and dtype of `arr`. Raises ValueError for the default `inplace`, for a mask of another
    size and for no values.

    >>> jnp.place(np.zeros(3), np.array([True, False, True]), np.array([5, 6]), inplace=False)
    Array([5., 0., 6.], dtype=float64)
    """
    if inplace:
        raise ValueError("place: arrays are immutable; pass inplace=False and use the result")
    arr, mask, vals = as_array("place", arr), truth("place", mask), ravel(asarray(vals))
    if mask.aval.size != arr.aval.size:
        raise ValueError(f"place: mask and array differ in size: {mask.aval}, {arr.aval}")
    if not vals.aval.size:
        raise ValueError("place: at least one value is needed")
    flat = ravel(mask)
    order = lax.sub(lax.cumsum(convert(flat, dtypes.default_int()), 0),
                    broadcast(convert(1, dtypes.default_int()), flat.aval.shape))
    picked = getitem(vals, _floor_mod(order, vals.aval.size))
    return lax.reshape(where(flat, fitting("place", arr, picked), ravel(arr)), arr.aval.shape)


def choose(a: Any, choices: Any, out: None = None, mode: str = "raise") -> Any:
    """Choose for each index i the element of the i-th array.

    a: [...] integers; choices: arrays, broadcast with `a`; out: must be None; mode: out of bounds
    "raise" (not in traced code), "wrap" or "clip" -> [...] of the dtype the choices promote to.
    Raises ValueError for indices out of bounds or not integers, and other modes, TypeError for mode
    "raise" of traced indices.

    >>> jnp.choose(np.array([1, 0]), [np.array([1, 2]), np.array([3, 4])])
    Array([3, 2], dtype=int64)
    """
    unsupported("choose", out=out)
    a = as_array("choose", a)
    if kind_of(a) not in "iu":
        raise ValueError(f"choose: the indices must be integers, got {a.aval}")
    n = len(choices)
    a = holding(a, n)
    if mode == "raise":
        a = as_array("choose", a)
        known = a if type(a) is Array else a.concrete()
        if known is None:
            raise TypeError(f"choose: mode 'raise' cannot check traced indices {a.aval}; use"
                            " 'clip' or 'wrap'")
        if ((fetch(known) < 0) | (fetch(known) >= n)).any():
            raise ValueError(f"choose: an index is out of range for {n} choices")
    elif mode == "wrap":
        a = _floor_mod(a, n)
    elif mode == "clip":
        a = lax.min(lax.max(a, like(a, 0)), like(a, n - 1))
    else:
        raise ValueError(f"choose: mode must be 'raise', 'wrap' or 'clip', got {mode!r}")
    made = promote_dtypes("choose", *(getitem(to_array(choices), i) if hasattr(choices, "ndim")
                                      else c for i, c in enumerate(choices)))
    shape = broadcast_shapes(a.aval.shape, *(c.aval.shape for c in made))
    stacked = lax.concatenate([lax.reshape(broadcast(c, shape), (1, *shape)) for c in made], 0)
    index = lax.reshape(broadcast(a, shape), (1, *shape))
    return lax.reshape(take_along_axis(stacked, index, 0), shape)


def compress(condition: Any, a: Any, axis: int | None = None, *, size: int | None = None,
             fill_value: Any = 0, out: None = None) -> Any:
    """Return the slices along an axis where a condition holds.

    condition: booleans [m], m <= n; a: [..., n, ...] of any dtype; axis: None flattens; size: how
    many slices, needed in traced code: surplus ones are dropped, missing ones `fill_value`; out:
    must be None -> [..., size, ...] of the same dtype. Raises ValueError for other ranks of the
    condition, and if it holds beyond n, ConcretizationTypeError for a traced one without `size`.

    >>> jnp.compress(np.array([False, True]), np.array([[1, 2], [3, 4]]), axis=0)
    Array([[3, 4]], dtype=int64)
    """
    unsupported("compress", out=out)
    condition = truth("compress", condition)
    if condition.aval.ndim != 1:
        raise ValueError(f"compress: the condition must be a vector, got {condition.aval}")
    a, axis = _axis("compress", a, axis)
    n = a.aval.shape[axis]
    if size is None:
        (index,) = where(condition)
        if index.aval.size and int(fetch(index)[-1]) >= n:
            raise ValueError(f"compress: the condition holds beyond the length {n}")
        return getitem(a, (*(slice(None),) * axis, index))
    (index,) = where(condition, size=concrete_int("compress", size, "size"), fill_value=n)
    return getitem(a, (*(slice(None),) * axis, index), "fill", fill_value)


def extract(condition: Any, arr: Any, *, size: int | None = None, fill_value: Any = 0) -> Any:
    """Return the elements of the flattened array where a condition holds.

    condition: booleans, flattened too; arr: [...] of any dtype; size, fill_value: as for
    `compress`, with the same errors -> [size] of the same dtype.

    >>> x = np.array([1, 5, 2, 8])
    >>> jnp.extract(x > 3, x)
    Array([5, 8], dtype=int64)
    """
    return compress(ravel(condition), ravel(arr), size=size, fill_value=fill_value)

