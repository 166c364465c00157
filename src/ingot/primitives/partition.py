"""argpartition: places of elements with some ranks where sorting would put them, by selection."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot.core.avals import ShapedArray
from ingot.core.division import whole_along
from ingot.core.interpreter import typeof
from ingot.core.primitive import NOT_LINEAR, ZERO, Primitive
from ingot.kernel.rules import (
    ArrayValue,
    LazyArray,
    Lowering,
    Unsupported,
    along,
    argsort_rows,
    check_native_dtypes,
    numpy_sort,
)
from ingot.primitives.families import check_kind
from ingot.primitives.movement import move_axis
from ingot.primitives.sort import orderable, place_dtype
from ingot.util import canonicalize_axis


# ---- argpartition --------------------------------------------------------------------------------
def _type(x: ShapedArray, *, kth: tuple[int, ...], axis: int) -> ShapedArray:
    check_kind("argpartition", (np.floating, np.integer, np.bool_), x)
    if not 0 <= axis < x.ndim:
        raise ValueError(f"argpartition: axis {axis} is out of range for {x}")
    if any(not 0 <= k < x.shape[axis] for k in kth):
        raise ValueError(f"argpartition: ranks {kth} must be less than the length of axis {axis} of"
                         f" {x}")
    return ShapedArray(x.shape, place_dtype(x.shape[axis]))


def _eval(x: np.ndarray, *, kth: tuple[int, ...], axis: int) -> np.ndarray:
    dtype = place_dtype(x.shape[axis])
    if not kth or not x.size:
        return np.broadcast_to(np.arange(x.shape[axis], dtype=dtype).reshape(
            [-1 if i == axis else 1 for i in range(x.ndim)]), x.shape)
    keys = orderable(x)
    # Vectors of float16 are sorted wrongly by NumPy on some processors.
    keys = keys.astype(np.float32) if keys.dtype == np.float16 else keys
    return np.argpartition(keys, kth, axis).astype(dtype)


def _batch(args: Any, dims: Any, *, kth: tuple[int, ...], axis: int) -> Any:
    return argpartition_p.bind(move_axis(args[0], dims[0], 0), kth=kth, axis=axis + 1), 0


SHORT = 512
"""Elements of a line up to which sorting in native code costs less than a call of Python."""


def _kernel(build: Lowering, x: ArrayValue, *, out: Any, kth: tuple[int, ...], axis: int) -> Any:
    check_native_dtypes(x.dtype)
    if not 0 < x.shape[axis] <= SHORT or not numpy_sort.available(build, x.dtype):
        raise Unsupported("elements of long lines are selected in NumPy")
    places = along(build, x, axis, argsort_rows)
    return LazyArray(out.shape, out.dtype, lambda b, index: b.op(
        "convert", places.at(b, index), dtype=out.dtype), [places], 1)


argpartition_p = Primitive("argpartition", type=_type, eval=_eval, jvp=ZERO, transpose=NOT_LINEAR,
                           batch=_batch, kernel=_kernel)
argpartition_p.division = whole_along("axis", "The operand should be unsharded along the axis")


def argpartition(operand: Any, kth: tuple[int, ...], axis: int = -1) -> Any:
    """Places of elements along an axis, in an order in which those of the ranks `kth` stand where
    sorting would put them, smaller ones before and larger ones behind; nan count as the largest.

    operand: real [...] -> integers of the same shape. Raises ValueError for ranks out of range.

    >>> argpartition(np.array([3.0, 1.0, 2.0]), (0,))[0]
    Array(1, dtype=int32)
    """
    axis = canonicalize_axis(axis, typeof(operand).ndim)
    return argpartition_p.bind(operand, kth=tuple(int(k) for k in kth), axis=axis)
