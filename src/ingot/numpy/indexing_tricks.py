"""Objects indexed to make grids and arrays: mgrid, ogrid, r_, c_, s_; flat and grid indices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.interpreter import Tracer
from ingot.core.static import known
from ingot.numpy import primitives as lax
from ingot.numpy.arithmetic import remainder
from ingot.numpy.concrete import canonical_shape
from ingot.numpy.creation import asarray
from ingot.numpy.families import kind_of, like
from ingot.numpy.joining import concatenate, stack
from ingot.numpy.logic import clip, where
from ingot.numpy.promotion import (
    as_array,
    convert,
    holding,
    promote_dtypes,
    user_dtype,
)
from ingot.numpy.ranges import arange, linspace
from ingot.numpy.rearranging import meshgrid

index_exp = np.index_exp
s_ = np.s_


def _range(key: slice) -> Any:
    """The numbers of a slice: an imaginary step is a number of points."""
    if key.start is None and key.stop is None and key.step is None:
        return arange(0)
    start = 0 if key.start is None else key.start
    step = 1 if key.step is None else key.step
    if isinstance(step, complex):
        return linspace(start, key.stop, int(abs(step)))
    return arange(start, key.stop, step)


class _Grid:
    """Indexed by slices, the coordinates of a grid: `mgrid` in full, `ogrid` as they broadcast.

    A step of n times 1j means n points, both ends included -> `mgrid`: [number of slices, ...];
    `ogrid`: a list of arrays; for one slice alone a vector.

    >>> jnp.mgrid[0:2, 0:1:3j]
    Array([[[0. , 0. , 0. ],
            [1. , 1. , 1. ]],
           [[0. , 0.5, 1. ],
            [0. , 0.5, 1. ]]], dtype=float64)
    """

    def __init__(self, name: str, sparse: bool):
        self.name, self.sparse = name, sparse

    def __repr__(self) -> str:
        return f"<ingot.numpy.{self.name}>"

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return _range(key)
        if not key:
            return [] if self.sparse else arange(0)
        axes = promote_dtypes(self.name, *map(_range, key))
        grids = meshgrid(*axes, indexing="ij", sparse=self.sparse)
        return grids if self.sparse else stack(grids)


mgrid = _Grid("mgrid", False)
ogrid = _Grid("ogrid", True)


class _Concatenator:
    """Indexed by arrays and slices, joins them: `r_` along the first axis, `c_` as columns.

    A text comes first to choose otherwise: "r", "c", or "axis,ndmin,place" -> an array of the dtype
    they promote to. Raises ValueError for other texts.

    >>> jnp.r_[0:3, 7], jnp.c_[np.array([1, 2]), np.array([3, 4])]
    (Array([0, 1, 2, 7], dtype=int64), Array([[1, 3],
           [2, 4]], dtype=int64))
    """

    def __init__(self, name: str, axis: int, ndmin: int, column: int):
        self.name, self.axis, self.ndmin, self.column = name, axis, ndmin, column

    def __repr__(self) -> str:
        return f"<ingot.numpy.{self.name}>"

    def __getitem__(self, key: Any) -> Any:
        items = key if isinstance(key, tuple) else (key,)
        axis, ndmin, column = self.axis, self.ndmin, self.column
        matrix = ""
        if items and isinstance(items[0], str):
            first, *items = items
            if first in ("r", "c"):
                matrix = first
            else:
                axis, ndmin, column = self._directive(first)
        out = concatenate([_item(x, ndmin, column) for x in items], axis)
        if matrix and out.aval.ndim == 1:  # a row or a column, as of np.matrix
            out = lax.expand_dims(out, (0 if matrix == "r" else 1,))
        return out

    def _directive(self, text: str) -> tuple[int, int, int]:
        try:
            numbers = [int(n) for n in text.split(",")]
        except ValueError:
            raise ValueError(f"{self.name}: expected 'r', 'c' or 'axis,ndmin,place', got {text!r}"
                             ) from None
        defaults = (self.axis, self.ndmin, self.column)
        return tuple([*numbers, *defaults[len(numbers):]])  # type: ignore[return-value]


def _item(x: Any, ndmin: int, column: int) -> Any:
    a = _range(x) if isinstance(x, slice) else asarray(x)
    if a.aval.ndim == 0:
        a = lax.reshape(a, (1,))
    missing = ndmin - a.aval.ndim
    if missing <= 0:
        return a
    # `column` says where the item's axes go among the new ones: -1 last, 0 first.
    place = column if column >= 0 else missing + 1 + column
    before = min(place, missing)
    return lax.reshape(a, (1,) * before + a.aval.shape + (1,) * (missing - before))


r_ = _Concatenator("r_", 0, 1, -1)
c_ = _Concatenator("c_", -1, 2, 0)


# ---- flat and grid indices ----


def unravel_index(indices: Any, shape: Any) -> tuple[Any, ...]:
    """Turn indices into the flattened array into indices of each axis.

    indices: [...] integers, negative ones count from the end, those out of bounds are clipped;
    shape: that of the array -> a tuple of arrays [...] of the same dtype, one for each axis. Raises
    TypeError for other indices.

    >>> jnp.unravel_index(np.array([1, 5]), (2, 3))
    (Array([0, 1], dtype=int64), Array([1, 2], dtype=int64))
    """
    indices = as_array("unravel_index", indices)
    if kind_of(indices) not in "iu":
        raise TypeError(f"unravel_index: indices must be integers, got {indices.aval}")
    if not any(isinstance(n, Tracer) for n in shape):
        shape = canonical_shape("unravel_index", shape)
    total = math.prod(shape)
    if not isinstance(total, Tracer):
        indices = holding(indices, total)
    flat = where(lax.lt(indices, like(indices, 0)), indices + total, indices)
    flat = clip(flat, 0, clip(total - 1, 0) if isinstance(total, Tracer) else max(total - 1, 0))
    out = []
    for n in reversed(shape):
        out.append(remainder(flat, n))
        flat = flat // n
    return tuple(out[::-1])


def ravel_multi_index(multi_index: Sequence[Any], dims: Sequence[int], mode: str = "raise",
                      order: str = "C", *, dtype: Any = None) -> Any:
    """Turn indices of each axis into indices into the flattened array.

    multi_index: arrays of integers, one for each axis; dims: the array's shape; mode: out of bounds
    "raise" (where they are known), "wrap", "clip" or "ignore"; order: "C" row by row, "F" column by
    column; dtype: by default theirs -> [...] of `dtype`. Raises ValueError for indices out of
    bounds, another number of them and other modes, TypeError for others than integers.

    >>> jnp.ravel_multi_index((np.array([0, 1]), np.array([1, 2])), (2, 3))
    Array([1, 5], dtype=int64)
    """
    dims = canonical_shape("ravel_multi_index", dims)
    arrays = [as_array("ravel_multi_index", i) for i in multi_index]
    if len(arrays) != len(dims):
        raise ValueError(f"ravel_multi_index: {len(arrays)} indices for {len(dims)} axes")
    if any(kind_of(i) not in "iu" for i in arrays):
        raise TypeError("ravel_multi_index: indices must be integers")
    want = user_dtype("ravel_multi_index", dtype)
    arrays = [holding(i, math.prod(dims)) if want is None else convert(i, want) for i in arrays]
    if order not in ("C", "F"):
        raise ValueError(f"ravel_multi_index: order must be 'C' or 'F', got {order!r}")
    pairs = list(zip(_in_bounds(arrays, dims, mode), dims, strict=True))
    flat: Any = None
    for i, n in pairs if order == "C" else pairs[::-1]:
        flat = i if flat is None else flat * n + i
    return flat if flat is not None else convert(0, dtypes.default_int())


def _in_bounds(arrays: list[Any], dims: Sequence[int], mode: str) -> list[Any]:
    pairs = list(zip(arrays, dims, strict=True))
    if mode == "raise":
        # In traced code too, arrays whose values are known can be checked.
        if any(bool(((i < 0) | (i >= n)).any()) for i, n in ((known(i), n) for i, n in pairs)):
            raise ValueError("ravel_multi_index: an index is out of bounds")
    elif mode == "clip":
        return [clip(i, 0, n - 1) for i, n in pairs]
    elif mode == "wrap":
        return [remainder(i, n) for i, n in pairs]
    elif mode != "ignore":
        raise ValueError("ravel_multi_index: mode must be 'raise', 'wrap', 'clip' or 'ignore', got"
                         f" {mode!r}")
    return arrays
