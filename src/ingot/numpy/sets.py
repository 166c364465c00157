"""Set operations on the elements of arrays."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ingot import dtypes
from ingot.core.array import fetch, from_numpy
from ingot.numpy import primitives as lax
from ingot.numpy.concrete import at_hand, concrete, concrete_int
from ingot.numpy.creation import asarray
from ingot.numpy.families import kind_of, like
from ingot.numpy.indexing import getitem
from ingot.numpy.joining import concatenate
from ingot.numpy.logic import where
from ingot.numpy.manipulation import moveaxis, ravel
from ingot.numpy.nonzero import nonzero
from ingot.numpy.promotion import as_array, broadcast, convert, promote_dtypes
from ingot.numpy.reductions import any as any_, axes_of, sum as sum_
from ingot.numpy.sorting import searchsorted, sort

# ---- unique ----


class UniqueAllResult(NamedTuple):
    """What `unique_all` returns."""

    values: Any
    indices: Any
    inverse_indices: Any
    counts: Any


class UniqueCountsResult(NamedTuple):
    """What `unique_counts` returns."""

    values: Any
    counts: Any


class UniqueInverseResult(NamedTuple):
    """What `unique_inverse` returns."""

    values: Any
    inverse_indices: Any


def unique(ar: Any, return_index: bool = False, return_inverse: bool = False,
           return_counts: bool = False, axis: int | None = None, *, equal_nan: bool = True,
           size: int | None = None, fill_value: Any = None, sorted: bool = True) -> Any:
    """Return the distinct elements, or slices along an axis, in ascending order.

    ar: [...] of any dtype; return_index, return_inverse, return_counts: also first places, indices
    that rebuild `ar`, and frequencies; axis: None flattens; sorted: without effect; equal_nan:
    whether nan are one element; size: how many, needed in traced code: surplus ones are dropped,
    missing ones `fill_value`, by default the smallest -> [size] of the same dtype, and arrays of
    the default integer. Raises ConcretizationTypeError in traced code without `size`.

    >>> jnp.unique(np.array([3, 1, 3]), return_counts=True)
    (Array([1, 3], dtype=int64), Array([1, 2], dtype=int64))
    """
    ar = as_array("unique", ar)
    data = at_hand(ar)
    if size is None and axis is None and data is not None and plain(data.dtype):
        return _unique_known(data, return_index, return_inverse, return_counts, equal_nan)
    if size is None:
        concrete("unique", ar, "the array (without a static `size`)",
                 "give size=n, the length to which the result is filled up or cut")
    rows, rest = _rows(ar, axis)
    rows = _one_nan(rows) if equal_nan else rows
    order, first = _groups(rows, equal_nan)
    n = rows.aval.shape[0]
    number = lax.cumsum(convert(first, dtypes.default_int()), 0) - 1
    count = concrete_int("unique", size, "size") if size is not None else (
        int(fetch(number)[-1]) + 1 if n else 0)
    values, places = _firsts(rows, order, first, number, count, size is not None, fill_value)
    values = lax.reshape(values, (count, *rest))
    out: list[Any] = [values if axis is None else moveaxis(values, 0, axis)]
    zero = convert(0, dtypes.default_int())
    if return_index:
        out.append(places)
    if return_inverse:
        inverse = broadcast(zero, (n,)).at[order].set(number)
        out.append(lax.reshape(inverse, ar.aval.shape) if axis is None else inverse)
    if return_counts:
        out.append(broadcast(zero, (count,)).at[number].add(1, mode="drop"))
    return out[0] if len(out) == 1 else tuple(out)


def _one_nan(x: Any) -> Any:
    """Complex numbers of which one or the other part is nan as the same nan."""
    return where(lax.ne(x, x), math.nan, x) if kind_of(x) == "c" else x


def _firsts(rows: Any, order: Any, first: Any, number: Any, count: int, filled: bool,
            fill_value: Any) -> tuple[Any, Any]:
    """The first row of each group and its place, for so many groups."""
    n, int_ = rows.aval.shape[0], dtypes.default_int()
    places = nonzero(first, size=count, fill_value=n)[0]
    total = convert(lax.add(number[-1], like(number[-1], 1)) if n else 0, int_)
    real_ = lax.lt(lax.iota(int_, count), broadcast(total, (count,)))
    if n:
        places = getitem(order, where(real_, places, 0))
        values = getitem(rows, places)
    else:
        values = broadcast(convert(0, rows.aval.dtype), (count, rows.aval.shape[1]))
    if filled and count:
        fill = values[0] if fill_value is None else convert(asarray(fill_value), values.aval.dtype)
        values = where(lax.broadcast_in_dim(real_, values.aval.shape, (0,)), values, fill)
        places = where(real_, places, places[0]) if n else places
    return values, places


def _rows(ar: Any, axis: int | None) -> tuple[Any, tuple[int, ...]]:
    """What is to be distinct, flattened, as rows of a matrix, and its shape."""
    if axis is None:
        return lax.reshape(ar, (ar.aval.size, 1)), ()
    (axis,) = axes_of("unique", axis, ar.aval.ndim)
    front = moveaxis(ar, axis, 0)
    n, *rest = front.aval.shape
    return lax.reshape(front, (n, math.prod(rest))), tuple(rest)


def plain(dtype: np.dtype) -> bool:
    """Whether NumPy's functions order numbers of a dtype as ours do, rightly."""
    return dtype.isbuiltin == 1 and dtype.kind in "biuf" and dtype != np.float16


def _unique_known(x: np.ndarray, index: bool, inverse: bool, counts: bool, equal_nan: bool) -> Any:
    """The distinct elements of an array whose numbers are at hand."""
    found = np.unique(x, index, inverse, counts, equal_nan=equal_nan)
    if not isinstance(found, tuple):
        return from_numpy(found)
    values, *rest = found
    int_, out = dtypes.default_int(), [from_numpy(values)]
    for what, asked in zip("fic", (index, inverse, counts), strict=True):
        if asked:
            data = rest.pop(0).astype(int_)
            out.append(from_numpy(data.reshape(x.shape) if what == "i" else data))
    return tuple(out)


def _groups(rows: Any, equal_nan: bool) -> tuple[Any, Any]:
    """The order that sorts rows, and which of the sorted rows begin a new group."""
    n, width = rows.aval.shape
    int_ = dtypes.default_int()
    columns = [rows[:, i] for i in range(width)]
    *ordered, order = lax.sort([*columns, lax.iota(int_, n)], dimension=0, num_keys=max(width, 1))
    if not n:
        return order, convert(order, dtypes.bool_)
    differs = broadcast(convert(False, dtypes.bool_), (n - 1,))
    for column in ordered:
        here, before = column[1:], column[:-1]
        other = lax.ne(here, before)
        if equal_nan and kind_of(column) in "fc":
            both = lax.bitwise_and(lax.ne(here, here), lax.ne(before, before))
            other = lax.bitwise_and(other, lax.bitwise_not(both))
        differs = lax.bitwise_or(differs, other)
    return order, concatenate([asarray(np.array([True])), differs])


def unique_all(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> UniqueAllResult:
    """Return the distinct elements, first places, inverse and frequencies.

    x, size, fill_value: as for `unique`, with the same errors; nan differ from each other -> a
    named tuple: values [size], indices [size], inverse_indices like x, counts [size].

    >>> jnp.unique_all(np.array([3, 1, 3])).inverse_indices
    Array([1, 0, 1], dtype=int64)
    """
    return UniqueAllResult(*unique(x, True, True, True, equal_nan=False, size=size,
                                   fill_value=fill_value))


def unique_counts(x: Any, /, *, size: int | None = None,
                  fill_value: Any = None) -> UniqueCountsResult:
    """Return the distinct elements and their frequencies.

    x, size, fill_value: as for `unique`, with the same errors; nan differ from each other -> a
    named tuple: values [size], counts [size].

    >>> jnp.unique_counts(np.array([3, 1, 3])).counts
    Array([1, 2], dtype=int64)
    """
    return UniqueCountsResult(*unique(x, return_counts=True, equal_nan=False, size=size,
                                      fill_value=fill_value))


def unique_inverse(x: Any, /, *, size: int | None = None,
                   fill_value: Any = None) -> UniqueInverseResult:
    """Return the distinct elements and the indices that rebuild the array.

    x, size, fill_value: as for `unique`, with the same errors; nan differ from each other -> a
    named tuple: values [size], inverse_indices like x.

    >>> values, inverse = jnp.unique_inverse(np.array([3, 1, 3]))
    >>> values[inverse]
    Array([3, 1, 3], dtype=int64)
    """
    return UniqueInverseResult(*unique(x, return_inverse=True, equal_nan=False, size=size,
                                       fill_value=fill_value))


def unique_values(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> Any:
    """Return the distinct elements in ascending order.

    x, size, fill_value: as for `unique`, with the same errors; nan differ from each other -> [size]
    of the same dtype.

    >>> jnp.unique_values(np.array([3, 1, 3]), size=3, fill_value=0)
    Array([1, 3, 0], dtype=int64)
    """
    return unique(x, equal_nan=False, size=size, fill_value=fill_value)


# ---- membership ----


def isin(element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False, *,
         method: str = "auto") -> Any:
    """Return whether elements are among others.

    element: [...]; test_elements: the others, flattened; assume_unique: without effect; invert:
    whether they are not; method: "auto", "compare_all", "binary_search" or "sort", with the same
    results -> booleans [...]; nan is in no set. Raises ValueError for other methods.

    >>> jnp.isin(np.array([1, 2, 3]), np.array([3, 1]))
    Array([ True, False,  True], dtype=bool)
    """
    if method not in ("auto", "compare_all", "binary_search", "sort"):
        raise ValueError(f"isin: no method {method!r}")
    x, others = promote_dtypes("isin", element, test_elements)
    data, known = at_hand(x), at_hand(others)
    if data is not None and known is not None and plain(data.dtype) and method == "auto":
        return from_numpy(np.asarray(np.isin(data, known, invert=invert)))
    others = ravel(others)
    if not others.aval.size:
        found = broadcast(convert(False, dtypes.bool_), x.aval.shape)
    elif method == "compare_all" or others.aval.size <= 16 and method == "auto":
        wide = (*x.aval.shape, others.aval.size)
        found = any_(lax.eq(lax.broadcast_in_dim(x, wide, range(x.aval.ndim)),
                            lax.broadcast_in_dim(others, wide, (x.aval.ndim,))), -1)
    else:
        ordered = sort(others)
        found = lax.eq(getitem(ordered, searchsorted(ordered, x)), x)
    return lax.bitwise_not(found) if invert else found


# ---- two sets ----


def _both(name: str, ar1: Any, ar2: Any) -> tuple[Any, Any]:
    a, b = promote_dtypes(name, ar1, ar2)
    return ravel(a), ravel(b)


def union1d(ar1: Any, ar2: Any, *, size: int | None = None, fill_value: Any = None) -> Any:
    """Return the distinct elements of two arrays together, in ascending order.

    ar1, ar2: flattened; size, fill_value: as for `unique`, with the same errors -> [size] of the
    dtype they promote to.

    >>> jnp.union1d(np.array([1, 3]), np.array([2, 3]))
    Array([1, 2, 3], dtype=int64)
    """
    return unique(concatenate(_both("union1d", ar1, ar2)), size=size, fill_value=fill_value)


def _kept(values: Any, mask: Any, size: int | None, fill_value: Any) -> Any:
    """Elements of a sorted vector under a mask, or a static number of them."""
    if size is None:
        return getitem(values, nonzero(mask)[0])
    n = values.aval.size
    places = nonzero(mask, size=size, fill_value=n)[0]
    out = getitem(values, lax.min(places, like(places, max(n - 1, 0)))) if n else broadcast(
        convert(0, values.aval.dtype), (size,))
    total = broadcast(sum_(mask), (size,))
    fill = (out[0] if size else 0) if fill_value is None else fill_value
    return where(lax.lt(lax.iota(total.aval.dtype, size), total), out, fill)


def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False, *, size: int | None = None,
              fill_value: Any = None) -> Any:
    """Return the distinct elements of the first array that are not in the second.

    ar1, ar2: flattened; assume_unique: ar1 has no element twice, and keeps its order; size: as for
    `unique`, with the same errors; fill_value: 0 by default -> [size] of the dtype of ar1.

    >>> jnp.setdiff1d(np.array([3, 1, 2]), np.array([2]))
    Array([1, 3], dtype=int64)
    """
    a, b = ravel(as_array("setdiff1d", ar1)), as_array("setdiff1d", ar2)
    if size is not None:
        a = sort(a)
        new = concatenate([asarray(np.array([True])), lax.ne(a[1:], a[:-1])]) if a.aval.size else \
            lax.ne(a, a)
        fill = 0 if fill_value is None else fill_value
        return _kept(a, lax.bitwise_and(new, isin(a, b, invert=True)), size, fill)
    a = a if assume_unique else unique(a)
    return _kept(a, isin(a, b, invert=True), None, fill_value)


def setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False, *, size: int | None = None,
             fill_value: Any = None) -> Any:
    """Return the distinct elements that are in exactly one of two arrays, in ascending order.

    ar1, ar2: flattened; assume_unique: neither has an element twice; size, fill_value: as for
    `unique`, with the same errors -> [size] of the dtype they promote to.

    >>> jnp.setxor1d(np.array([1, 3]), np.array([2, 3]))
    Array([1, 2], dtype=int64)
    """
    a, b = _both("setxor1d", ar1, ar2)
    everything = sort(concatenate([a, b]))
    if not everything.aval.size:
        return everything
    end = asarray(np.array([True]))
    differs = lax.ne(everything[1:], everything[:-1])
    new = concatenate([end, differs])
    if assume_unique:  # as in NumPy, what occurs once, wherever
        mask = lax.bitwise_and(new, concatenate([differs, end]))
    else:
        mask = lax.bitwise_and(new, lax.ne(isin(everything, a), isin(everything, b)))
    if kind_of(everything) in "fc":  # a nan of one array is not that of the other
        wrong = lax.ne(everything, everything)
        place = lax.cumsum(convert(wrong, dtypes.default_int()), 0)
        found = [convert(any_(lax.ne(x, x)), dtypes.default_int()) for x in (a, b)]
        if assume_unique:
            found = [sum_(convert(wrong, dtypes.default_int()))]
        kept = lax.le(place, broadcast(sum(found[1:], found[0]), place.aval.shape))
        mask = lax.select(wrong, kept, mask)
    return _kept(everything, mask, size, fill_value)


def intersect1d(ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False, *,
                size: int | None = None, fill_value: Any = None) -> Any:
    """Return the distinct elements that are in both of two arrays, in ascending order.

    ar1, ar2: flattened; assume_unique: without effect; return_indices: also first places in each;
    size, fill_value: as for `unique`, with the same errors -> [size] of the dtype they promote to,
    and arrays of the default integer.

    >>> jnp.intersect1d(np.array([3, 1, 3]), np.array([2, 3]), return_indices=True)
    (Array([3], dtype=int64), Array([0], dtype=int64), Array([1], dtype=int64))
    """
    a, b = _both("intersect1d", ar1, ar2)
    n, int_ = a.aval.size, dtypes.default_int()
    key, order = lax.sort([a, lax.iota(int_, n)], dimension=0, num_keys=1)
    new = concatenate([asarray(np.array([True])), lax.ne(key[1:], key[:-1])]) if n else (
        lax.ne(key, key))
    mask = lax.bitwise_and(new, isin(key, b))
    common = _kept(key, mask, size, fill_value)
    if not return_indices:
        return common
    first = _kept(order, mask, size, n)
    m = b.aval.size
    key_b, order_b = lax.sort([b, lax.iota(int_, m)], dimension=0, num_keys=1)
    second = getitem(order_b, lax.min(searchsorted(key_b, common), like(
        searchsorted(key_b, common), max(m - 1, 0)))) if m else from_numpy(np.zeros(0, int_))
    if size is not None:
        valid = lax.lt(lax.iota(int_, size), broadcast(sum_(mask), (size,)))
        second = where(valid, second, m)
    return common, first, second
