"""Orders of elements, stable and with NaN last, by way of NumPy's sort of numbers, its fastest.

NumPy sorts plain numbers with vectors, ten times faster than it finds a stable order. So a key
of 32 bits and the place it stands at are packed into one number, and these are sorted.
"""

from __future__ import annotations

import numpy as np

_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


def sort_into(out: np.ndarray, x: np.ndarray, axis: int) -> None:
    """The elements of real numbers in ascending order; zeros of both signs stay as they came.

    Vectors of float16 are sorted wrongly by NumPy on some processors, where many are equal.
    """
    if x.dtype == np.float16:
        places = np.argsort(ordinals(x), axis, kind="stable")  # of 16 bits: by counting
        out[...] = np.take_along_axis(x, places, axis)
        return
    out[...] = x
    out.sort(axis)
    if x.dtype.kind == "f":
        zero = x == 0
        if zero.any():
            negative = np.signbit(x[zero])
            if negative.any() and not negative.all():
                out[...] = np.sort(x, axis, kind="stable")


def ordinals(x: np.ndarray) -> np.ndarray:
    """Unsigned integers that order as real numbers do: equal for equal ones and for all NaN."""
    bits = 8 * x.dtype.itemsize
    unsigned = np.dtype(f"u{x.dtype.itemsize}")
    top = unsigned.type(1 << (bits - 1))
    if x.dtype.kind in "bu":
        return x.view(unsigned)
    if x.dtype.kind == "i":
        return x.view(unsigned) ^ top
    x = np.where(x == x, x + x.dtype.type(0), x.dtype.type(np.nan))  # -0 + 0 is 0
    pattern = np.asarray(x).view(unsigned)
    return np.where(pattern >= top, ~pattern, pattern | top)


def narrowed(x: np.ndarray) -> np.ndarray:
    """Wide integers that span less than 2^32 as distances from the least."""
    if x.dtype.kind in "iu" and x.dtype.itemsize == 8 and x.size:
        low, high = int(x.min()), int(x.max())
        if high - low < 1 << 32:
            return (x - x.dtype.type(low)).astype(np.uint32)
    return x


def packed(keys: np.ndarray) -> np.ndarray:
    """Numbers that order as keys of up to 32 bits do along the last axis, then by place."""
    return keys.astype(np.uint64) << _HALF | np.arange(keys.shape[-1], dtype=np.uint64)


def places_of(both: np.ndarray) -> np.ndarray:
    """The places that were packed with keys."""
    return (both & _LOW).view(np.int64)


def order(x: np.ndarray, axis: int) -> np.ndarray:
    """The stable ascending order of real numbers along an axis, as int64 places."""
    if x.shape[axis] >= 1 << 32:
        return np.argsort(x, axis, kind="stable")
    rows = narrowed(np.ascontiguousarray(np.moveaxis(x, axis, -1)))
    if rows.dtype.itemsize < 8:
        both = packed(ordinals(rows))
        both.sort(-1)
        return np.moveaxis(places_of(both), -1, axis)
    places = np.argsort(rows, -1)
    values = np.take_along_axis(rows, places, -1)
    same = values[..., 1:] == values[..., :-1]
    if rows.dtype.kind == "f":
        same |= (values[..., 1:] != values[..., 1:]) & (values[..., :-1] != values[..., :-1])
    if same.any():
        _order_runs(places, same)
    return np.moveaxis(places, -1, axis)


def _order_runs(places: np.ndarray, same: np.ndarray) -> None:
    """Put the places of equal elements in ascending order; `same[i]` says that i and i + 1 are."""
    starts = np.ones(places.shape, bool)
    starts[..., 1:] = ~same
    inside = ~starts
    inside[..., :-1] |= same
    flat = np.flatnonzero(inside)
    runs = np.cumsum(starts.reshape(-1))[flat].astype(np.uint64)
    both = runs << _HALF | places.reshape(-1)[flat].view(np.uint64)
    both.sort()
    places.reshape(-1)[flat] = places_of(both)


def largest(x: np.ndarray, k: int, axis: int) -> np.ndarray:
    """Places of the k largest real numbers along an axis, descending, NaN first, equal ones as
    they came."""
    n = x.shape[axis]
    rows = np.ascontiguousarray(np.moveaxis(x, axis, -1))
    if 0 < k < n // 4 and n < 1 << 32:
        keys = narrowed(rows)
        if keys.dtype.itemsize < 8:
            flipped = ~ordinals(keys)
            first = np.partition(packed(flipped), k - 1, -1)[..., :k]
            first.sort(-1)
            return np.moveaxis(places_of(first), -1, axis)
        # Only what reaches the k-th largest takes part; with ties more than k may.
        keys = ordinals(keys)
        bound = np.partition(keys, n - k, -1)[..., n - k, None]
        count = (keys >= bound).sum(-1)
        if count.size and (count == count.reshape(-1)[0]).all():
            width = int(count.reshape(-1)[0])
            where = np.nonzero(keys >= bound)[-1].reshape(*keys.shape[:-1], width)
            descending = order(~np.take_along_axis(keys, where, -1), -1)[..., :k]
            return np.moveaxis(np.take_along_axis(where, descending, -1), -1, axis)
    return np.moveaxis(order(~ordinals(rows), -1)[..., :k], -1, axis)
