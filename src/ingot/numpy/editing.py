"""Inserting, deleting and trimming elements; packing of bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.api.eager import trace_cached
from ingot.config import config
from ingot.core.interpreter import Tracer
from ingot.numpy import primitives as lax
from ingot.numpy.concrete import concrete, concrete_int
from ingot.numpy.creation import asarray
from ingot.numpy.families import kind_of, truth
from ingot.numpy.indexing import getitem
from ingot.numpy.joining import concatenate
from ingot.numpy.logic import clip, where
from ingot.numpy.manipulation import moveaxis, ravel
from ingot.numpy.nanreductions import cumsum
from ingot.numpy.promotion import (
    as_array,
    broadcast_shapes,
    convert,
)
from ingot.numpy.reductions import axes_of, sum as sum_
from ingot.numpy.sorting import argsort

# ---- insert and delete ----


def _places(name: str, obj: Any, n: int, clipped: bool = False) -> np.ndarray:
    """Concrete places along an axis of length n."""
    if isinstance(obj, slice):
        return np.arange(n)[obj]
    data = np.asarray(concrete(name, obj, "the places"))
    if data.dtype == bool:
        if data.shape != (n,):
            raise ValueError(f"{name}: a mask must have length {n}, got shape {data.shape}")
        return np.flatnonzero(data)
    data = data.astype(np.int64)
    if clipped:
        return np.clip(np.where(data < 0, data + n, data), 0, n)
    if data.size and ((data < -n) | (data > n)).any():
        raise IndexError(f"{name}: a place is out of bounds for an axis of length {n}")
    return np.where(data < 0, data + n, data)


def delete(arr: Any, obj: Any, axis: int | None = None, *,
           assume_unique_indices: bool = False) -> Any:
    """Return an array without some elements, or slices along an axis.

    arr: [..., n, ...] of any dtype; obj: an integer, a slice, a mask [n], or integers, traced ones
    only with `assume_unique_indices`; axis: None flattens -> [..., n - number of places, ...] of
    the same dtype. Raises IndexError for places out of bounds, ValueError for a mask of another
    length.

    >>> jnp.delete(np.array([[1, 2, 3]]), np.array([0, 2]), axis=1)
    Array([[2]], dtype=int64)
    """
    arr = as_array("delete", arr)
    if axis is None:
        arr, axis = ravel(arr), 0
    (axis,) = axes_of("delete", axis, arr.aval.ndim)
    n = arr.aval.shape[axis]
    if not assume_unique_indices or isinstance(obj, slice):
        keep = np.ones(n, bool)
        gone = _places("delete", obj, n)
        if gone.size and (gone >= n).any():
            raise IndexError(f"delete: a place is out of bounds for an axis of length {n}")
        keep[gone] = False
        return getitem(arr, (*(slice(None),) * axis, np.flatnonzero(keep)))
    gone = ravel(as_array("delete", obj))
    m = gone.aval.size
    hit = asarray(np.zeros(n, bool)).at[gone].set(True)
    keep = where(~hit, size=n - m)[0]
    return getitem(arr, (*(slice(None),) * axis, keep))


def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """Insert values before places along an axis.

    arr: [..., n, ...] of any dtype; obj: an integer, a slice, a mask [n] or integers; values:
    broadcast, in the dtype of `arr`; axis: None flattens -> [..., n + number of values, ...] of the
    same dtype. Raises IndexError for known places out of bounds, which traced ones, and all under
    the name `jax.numpy`, are limited to; ValueError for a mask of another length.

    >>> jnp.insert(np.array([1, 3]), 1, np.array([7, 8]))
    Array([1, 7, 8, 3], dtype=int64)
    """
    arr = as_array("insert", arr)
    values = convert(as_array("insert", values), arr.aval.dtype)
    if axis is None:
        arr, axis = ravel(arr), 0
    (axis,) = axes_of("insert", axis, arr.aval.ndim)
    n = arr.aval.shape[axis]
    places: Any = _traced_places(obj, n) if isinstance(obj, Tracer) else _places(
        "insert", obj, n, clipped=config.match_jax)
    single = places.ndim == 0
    front = moveaxis(arr, axis, 0)
    rest = front.aval.shape[1:]
    if single and values.aval.ndim == arr.aval.ndim:
        values = moveaxis(values, axis, 0)
    elif single:
        values = lax.reshape(values, (1, *values.aval.shape)) if values.aval.ndim else values
    elif values.aval.ndim == arr.aval.ndim:
        values = moveaxis(values, axis, 0)
    flat = places.reshape(-1)
    count = flat.size
    if (single or count == 1) and values.aval.ndim == len(rest) + 1:
        count = values.aval.shape[0]
        flat = flat[np.zeros(count, int)]
    shape = broadcast_shapes(values.aval.shape, (count, *rest))
    values = lax.broadcast_in_dim(values, shape, range(len(shape) - values.aval.ndim, len(shape)))
    return moveaxis(getitem(concatenate([front, values], 0), _sources(flat, n)), 0, axis)


def _sources(places: Any, n: int) -> Any:
    """For each element of the result its place in n elements followed by the inserted ones."""
    count = places.size
    if isinstance(places, np.ndarray):
        order = np.argsort(places, kind="stable")
        target = np.empty(count, int)
        target[order] = places[order] + np.arange(count)
        source = np.full(n + count, -1)
        source[target] = n + np.arange(count)
        source[source < 0] = np.arange(n)
        return source
    target = places + argsort(argsort(places))
    source = asarray(np.full(n + count, -1)).at[target].set(n + np.arange(count))
    return where(source < 0, cumsum(source < 0) - 1, source)


def _traced_places(places: Any, n: int) -> Any:
    return clip(where(places < 0, places + n, places), 0, n)


def trim_zeros(filt: Any, trim: str = "fb", axis: int | Sequence[int] | None = None) -> Any:
    """Remove zeros at the ends of an array, which must not be traced.

    filt: [...] of any dtype; trim: the ends, "f" the front, "b" the back, "fb" both; axis: one axis
    or several, None all -> [...] of the same dtype. Raises ConcretizationTypeError for traced
    arrays, ValueError for another `trim`.

    >>> jnp.trim_zeros(np.array([0, 0, 1, 0, 2, 0]))
    Array([1, 0, 2], dtype=int64)
    """
    if not set(trim) <= {"f", "b"}:
        raise ValueError(f"trim_zeros: trim must be 'f', 'b' or 'fb', got {trim!r}")
    filt = as_array("trim_zeros", filt)
    data = concrete("trim_zeros", filt, "the array")
    axes = axes_of("trim_zeros", axis, filt.aval.ndim)
    found = np.nonzero(data)
    key: list[Any] = [slice(None)] * filt.aval.ndim
    for i in axes:
        if not found[i].size:
            key[i] = slice(0, 0)
            continue
        low = found[i].min() if "f" in trim.lower() else 0
        high = found[i].max() + 1 if "b" in trim.lower() else filt.aval.shape[i]
        key[i] = slice(int(low), int(high))
    return getitem(filt, tuple(key))


# ---- bits ----


@trace_cached
def packbits(a: Any, axis: int | None = None, bitorder: str = "big") -> Any:
    """Pack truth values into bytes along an axis; zeros fill the last byte.

    a: [..., n, ...] integers or booleans, nonzero ones are 1; axis: None flattens; bitorder: "big"
    puts the first value into the highest bit, "little" into the lowest -> [..., ceil(n / 8), ...]
    uint8. Raises TypeError for other dtypes, ValueError for another `bitorder`.

    >>> jnp.packbits(np.array([1, 0, 0, 0, 0, 0, 1, 1]))
    Array([131], dtype=uint8)
    """
    a = as_array("packbits", a)
    if kind_of(a) not in "biu":
        raise TypeError(f"packbits: integers or booleans are needed, got {a.aval}")
    weights = _bit_weights("packbits", bitorder)
    if axis is None:
        a, axis = ravel(a), 0
    bits = convert(moveaxis(truth("packbits", a), axis, -1), dtypes.uint8)
    *lead, n = bits.aval.shape
    pads = [(0, 0, 0)] * len(lead) + [(0, -n % 8, 0)]
    bits = lax.pad(bits, convert(0, dtypes.uint8), pads)
    groups = lax.reshape(bits, (*lead, -(-n // 8), 8))
    packed = sum_(groups * convert(weights, dtypes.uint8), -1, dtype=dtypes.uint8)
    return moveaxis(packed, -1, axis)


@trace_cached
def unpackbits(a: Any, axis: int | None = None, count: int | None = None,
               bitorder: str = "big") -> Any:
    """Unpack bytes into their bits along an axis.

    a: [..., n, ...] uint8; axis: None flattens; count: how many bits, a negative number leaves so
    many out; bitorder: "big" begins with the highest bit, "little" with the lowest -> [..., 8 n,
    ...] uint8, 0 or 1. Raises TypeError for other dtypes, ValueError for another `bitorder`.

    >>> jnp.unpackbits(np.array([131], "uint8"))
    Array([1, 0, 0, 0, 0, 0, 1, 1], dtype=uint8)
    """
    a = as_array("unpackbits", a)
    if a.aval.dtype != dtypes.uint8:
        raise TypeError(f"unpackbits: bytes (uint8) are needed, got {a.aval}")
    weights = _bit_weights("unpackbits", bitorder)
    if axis is None:
        a, axis = ravel(a), 0
    a = moveaxis(a, axis, -1)
    wide = lax.reshape(a, (*a.aval.shape, 1))
    bits = convert((wide & convert(weights, dtypes.uint8)) != 0, dtypes.uint8)
    bits = lax.reshape(bits, (*a.aval.shape[:-1], a.aval.shape[-1] * 8))
    if count is not None:
        n, have = concrete_int("unpackbits", count, "count"), bits.aval.shape[-1]
        n = have + n if n < 0 else n
        pads = [(0, 0, 0)] * (bits.aval.ndim - 1) + [(0, n - have, 0)]
        bits = lax.pad(bits, convert(0, dtypes.uint8), pads)
    return moveaxis(bits, -1, axis)


def _bit_weights(name: str, bitorder: str) -> np.ndarray:
    if bitorder not in ("big", "little"):
        raise ValueError(f"{name}: bitorder must be 'big' or 'little', got {bitorder!r}")
    weights = 2 ** np.arange(8)
    return weights[::-1].copy() if bitorder == "big" else weights


