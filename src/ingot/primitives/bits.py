"""Bits of integers and booleans, elementwise: and, or, xor, not, shifts, counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.primitive import ZERO
from ingot.kernel.rules import Lowering, elementwise
from ingot.primitives.families import BOOLEAN, INTEGER, binary, unary
from ingot.primitives.numerics import same_shape, widened

BITS = (*INTEGER, *BOOLEAN)


def unsigned(dtype: np.dtype) -> np.dtype:
    """The unsigned integer dtype of the same width."""
    return np.dtype(f"uint{dtypes.itemsize_bits(dtype)}")


# ---- and, or, xor, not ---------------------------------------------------------------------------
and_p = binary("and", BITS, eval=widened(np.bitwise_and), jvp=ZERO, kernel="and")
or_p = binary("or", BITS, eval=widened(np.bitwise_or), jvp=ZERO, kernel="or")
xor_p = binary("xor", BITS, eval=widened(np.bitwise_xor), jvp=ZERO, kernel="xor")
not_p = unary("not", BITS, eval=widened(np.bitwise_not), jvp=ZERO, kernel="not")


def bitwise_and(x: Any, y: Any) -> Any:
    """Elementwise `x & y`.

    x, y: integer or boolean [...] of one type -> same type. Raises TypeError for other dtypes.

    >>> lax.bitwise_and(6, 3)
    Array(2, dtype=int64, weak_type=True)
    """
    return and_p.bind(*same_shape("and", x, y))


def bitwise_or(x: Any, y: Any) -> Any:
    """Elementwise `x | y`.

    x, y: integer or boolean [...] of one type -> same type. Raises TypeError for other dtypes.

    >>> lax.bitwise_or(6, 3)
    Array(7, dtype=int64, weak_type=True)
    """
    return or_p.bind(*same_shape("or", x, y))


def bitwise_xor(x: Any, y: Any) -> Any:
    """Elementwise `x ^ y`.

    x, y: integer or boolean [...] of one type -> same type. Raises TypeError for other dtypes.

    >>> lax.bitwise_xor(6, 3)
    Array(5, dtype=int64, weak_type=True)
    """
    return xor_p.bind(*same_shape("xor", x, y))


def bitwise_not(x: Any) -> Any:
    """Elementwise `~x`; the logical not of booleans.

    x: integer or boolean [...] -> same type. Raises TypeError for other dtypes.

    >>> lax.bitwise_not(6)
    Array(-7, dtype=int64, weak_type=True)
    """
    return not_p.bind(x)


# ---- shifts --------------------------------------------------------------------------------------
# A negative amount counts as one of at least the width, as the amount is read as unsigned.
def _logical_eval(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    bits = unsigned(x.dtype)
    return widened(np.right_shift)(x.view(bits), _amount(y)).view(x.dtype)


def _arithmetic_eval(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    bits = np.dtype(f"int{dtypes.itemsize_bits(x.dtype)}")
    return widened(np.right_shift)(x.view(bits), y.view(bits)).view(x.dtype)


def _amount(y: np.ndarray) -> np.ndarray:
    return y.view(unsigned(y.dtype))


shift_left_p = binary("shift_left", INTEGER, eval=widened(np.left_shift), jvp=ZERO,
                      kernel="shift_left")
shift_right_logical_p = binary("shift_right_logical", INTEGER, eval=_logical_eval, jvp=ZERO,
                               kernel="shift_right_logical")
shift_right_arithmetic_p = binary("shift_right_arithmetic", INTEGER, eval=_arithmetic_eval,
                                  jvp=ZERO, kernel="shift_right_arithmetic")


def shift_left(x: Any, y: Any) -> Any:
    """Elementwise `x << y`; zero when `y` is negative or not less than the width.

    x, y: integer [...] of one type -> same type. Raises TypeError for other dtypes.

    >>> lax.shift_left(3, 2)
    Array(12, dtype=int64, weak_type=True)
    """
    return shift_left_p.bind(*same_shape("shift_left", x, y))


def shift_right_logical(x: Any, y: Any) -> Any:
    """Elementwise `x >> y` with zeros moving in; zero when `y` is negative or at least the width.

    x, y: integer [...] of one type -> same type. Raises TypeError for other dtypes.

    >>> lax.shift_right_logical(-1, 60)
    Array(15, dtype=int64, weak_type=True)
    """
    return shift_right_logical_p.bind(*same_shape("shift_right_logical", x, y))


def shift_right_arithmetic(x: Any, y: Any) -> Any:
    """Elementwise `x >> y` with the sign moving in; 0 or -1 when `y` is negative or too large.

    x, y: integer [...] of one type -> same type; the highest bit counts as the sign of unsigned
    ones too. Raises TypeError for other dtypes.

    >>> lax.shift_right_arithmetic(-12, 2)
    Array(-3, dtype=int64, weak_type=True)
    """
    return shift_right_arithmetic_p.bind(*same_shape("shift_right_arithmetic", x, y))


# ---- population_count, clz -----------------------------------------------------------------------
def _count_eval(x: np.ndarray) -> np.ndarray:
    bits = dtypes.itemsize_bits(x.dtype)
    if bits < 8:
        return np.bitwise_count(x.astype(np.uint8) & ((1 << bits) - 1)).astype(x.dtype)
    return np.bitwise_count(x.view(unsigned(x.dtype))).astype(x.dtype)


def _clz_eval(x: np.ndarray) -> np.ndarray:
    width = dtypes.itemsize_bits(x.dtype)
    bits = (x.astype(np.uint8) & ((1 << width) - 1)) if width < 8 else x.view(unsigned(x.dtype))
    step = 1
    while step < width:  # set every bit below the highest one, then count the others
        bits = bits | (bits >> bits.dtype.type(step))
        step *= 2
    return (width - np.bitwise_count(bits)).astype(x.dtype)


population_count_p = unary("population_count", INTEGER, eval=_count_eval, jvp=ZERO,
                           kernel="population_count")
clz_p = unary("clz", INTEGER, eval=_clz_eval, jvp=ZERO, kernel="clz")


def population_count(x: Any) -> Any:
    """Number of bits set in each element.

    x: integer [...] -> same type. Raises TypeError for other dtypes.

    >>> lax.population_count(7)
    Array(3, dtype=int64, weak_type=True)
    """
    return population_count_p.bind(x)


def clz(x: Any) -> Any:
    """Number of zero bits above the highest bit set; the width for zero.

    x: integer [...] -> same type. Raises TypeError for other dtypes.

    >>> lax.clz(1)
    Array(63, dtype=int64, weak_type=True)
    """
    return clz_p.bind(x)


# ---- mulhi ---------------------------------------------------------------------------------------
def _mulhi_eval(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    width = dtypes.itemsize_bits(x.dtype)
    if width < 64:
        product = x.astype(np.int64) * y.astype(np.int64) if width < 32 or _to_signed(x) else (
            x.astype(np.uint64) * y.astype(np.uint64))
        return (product >> product.dtype.type(width)).astype(x.dtype)
    high = _unsigned_high(x.view(np.uint64), y.view(np.uint64))
    if _to_signed(x):
        high = high - np.where(x < 0, y, 0).view(np.uint64) - np.where(y < 0, x, 0).view(np.uint64)
    return high.view(x.dtype)


def _to_signed(x: np.ndarray) -> bool:
    return dtypes.kind(x.dtype) == "i"


def _unsigned_high(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The upper 64 bits of products of 64-bit numbers, from products of their halves."""
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    x0, x1, y0, y1 = x & low, x >> half, y & low, y >> half
    middle = x1 * y0 + ((x0 * y0) >> half)
    return x1 * y1 + (middle >> half) + ((x0 * y1 + (middle & low)) >> half)


def _mulhi_scalar(build: Lowering, x: Any, y: Any, *, out_dtype: np.dtype) -> Any:
    if out_dtype.kind == "u":
        return build.op("umulhi", x, y)
    word, zero = unsigned(out_dtype), build.const(0, out_dtype)
    high = build.op("umulhi", *(build.op("bitcast", v, dtype=word) for v in (x, y)))
    high = build.op("bitcast", high, dtype=out_dtype)
    for a, b in ((x, y), (y, x)):
        high = build.op("sub", high, build.select(build.op("lt", a, zero), b, zero))
    return high


mulhi_p = binary("mulhi", INTEGER, eval=_mulhi_eval, jvp=ZERO, kernel=elementwise(_mulhi_scalar))


def mulhi(x: Any, y: Any, /) -> Any:
    """The upper half of the exact product of integers.

    x, y: integer [...] of one type -> same type. Raises TypeError for other dtypes.

    >>> lax.mulhi(2**62, 8)
    Array(2, dtype=int64, weak_type=True)
    """
    return mulhi_p.bind(*same_shape("mulhi", x, y))


__all__ = ["and_p", "bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor", "clz", "clz_p",
           "mulhi", "mulhi_p", "not_p", "or_p", "population_count", "population_count_p",
           "shift_left", "shift_left_p", "shift_right_arithmetic", "shift_right_arithmetic_p",
           "shift_right_logical", "shift_right_logical_p", "xor_p"]
