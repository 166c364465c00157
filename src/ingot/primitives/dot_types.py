"""What contractions are of: dtypes of results and of sums, and which axes are free."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.avals import ShapedArray
from ingot.util import memoize

Axes = tuple[int, ...]
DimensionNumbers = tuple[tuple[Axes, Axes], tuple[Axes, Axes]]


def free_axes(ndim: int, contract: Axes, batch: Axes) -> Axes:
    """The axes of an operand that the result has, in order, besides the batch axes."""
    return tuple(i for i in range(ndim) if i not in contract and i not in batch)


@memoize()
def _rank(dtype: Any) -> tuple[Any, ...]:
    """Orders dtypes as mixed operands do: complex, then range, then precision, then width."""
    part = dtypes.real_of(dtype)
    kind = dtypes.kind(part)
    limits = dtypes.finfo(part) if kind == "f" else None
    return (dtypes.kind(dtype) == "c", limits.maxexp if limits else -1,
            limits.nmant if limits else -1,
            1 if kind == "b" else dtypes.itemsize_bits(part), kind != "u")


@memoize()
def contraction_dtype(name: str, lhs: ShapedArray, rhs: ShapedArray, preferred: Any) -> Any:
    """The result dtype of a contraction; TypeError when the operands' dtypes do not mix."""
    for x in (lhs, rhs):
        if dtypes.kind(x.dtype) not in "biufc":
            raise TypeError(f"{name}: operands must be numbers or booleans, got {lhs} and {rhs}")
    left, right = _rank(lhs.dtype), _rank(rhs.dtype)
    if left == right and lhs.dtype != rhs.dtype:
        raise TypeError(f"{name}: dtypes must match, got {lhs} and {rhs}; convert one with"
                        " lax.convert_element_type")
    dtype = lhs.dtype if left >= right else rhs.dtype
    if preferred is None or preferred == dtype:
        return dtype
    if dtypes.kind(dtype) != "f" and _rank(preferred)[3] < _rank(dtype)[3]:
        raise TypeError(
            f"{name}: preferred_element_type must not be narrower than the operands' dtype, got"
            f" {dtypes.short_name(preferred)} for {dtypes.short_name(dtype)}; drop it, and convert"
            " the result")
    return preferred


@memoize()
def accumulator(lhs: Any, rhs: Any, out: Any) -> np.dtype[Any]:
    """The dtype to multiply and add in: for floats at least float32, for others the result's."""
    wide = lhs if _rank(lhs) >= _rank(rhs) else rhs
    if dtypes.kind(wide) == dtypes.kind(out) and dtypes.kind(wide) in "fc":
        wide = wide if _rank(wide) >= _rank(out) else out
    elif dtypes.kind(wide) in "biu":
        wide = out
    if dtypes.kind(wide) == "f" and wide not in (dtypes.float32, dtypes.float64):
        return dtypes.float32
    if dtypes.kind(wide) in "iu" and wide not in _NUMPY_INTS:
        return dtypes.int32
    return wide


_NUMPY_INTS = frozenset(np.dtype(f"{u}int{n}") for u in ("u", "") for n in (8, 16, 32, 64))


__all__ = ["Axes", "DimensionNumbers", "accumulator", "contraction_dtype", "free_axes"]
