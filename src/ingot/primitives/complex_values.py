"""Complex quotients, signs and powers of NumPy arrays that keep their digits at extreme sizes.

NumPy's lose them where intermediate results overflow or are subnormal, and its powers have the
error of exp(y log x), whose argument is large. Products and sums with their rounding errors follow
T. J. Dekker (Numer. Math. 18, 1971).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot.primitives.numerics import complex_of

SPLITTER = 2.0**27 + 1
LN2_HIGH, LN2_LOW = 0.6931471805601177, -1.7239444525614835e-13
"""log(2) as a sum whose first part times any exponent is exact."""

ROOT = 0.5**0.5
FARTHEST = 5000
"""No exponent of a float is larger."""


# ---- sizes ---------------------------------------------------------------------------------------
def largest_part(x: Any) -> Any:
    """The larger one of the sizes of both parts."""
    return np.maximum(np.abs(x.real), np.abs(x.imag))


def exponent_of(x: Any) -> Any:
    """The power of two just above the larger part; 0 for zero."""
    return np.frexp(largest_part(x))[1]


def scaled(x: Any, exponent: Any) -> Any:
    """x times a power of two."""
    return complex_of(np.ldexp(x.real, exponent), np.ldexp(x.imag, exponent))


def extreme(x: Any) -> Any:
    """Whether elements are finite, but their quotients may lose digits."""
    info, size = np.finfo(x.dtype), largest_part(x)
    ordinary = (size >= 8 * info.tiny / info.eps) & (size <= info.max / 8)
    return ~ordinary & (size > 0) & (size <= info.max)


def mended(out: Any, where: Any, compute: Any, *xs: Any) -> Any:
    """`out`, with some elements computed otherwise."""
    if not where.any():
        return out
    out = np.array(out)
    out[where] = compute(*(np.broadcast_to(x, out.shape)[where] for x in xs))
    return out


# ---- quotients and signs -------------------------------------------------------------------------
def quotient(x: Any, y: Any) -> Any:
    """x / y of complex numbers."""
    fits = np.isfinite(x) & np.isfinite(y) & (y != 0)
    return mended(np.true_divide(x, y), (extreme(x) | extreme(y)) & fits, _quotient, x, y)


def reciprocal(x: Any) -> Any:
    """1 / x of complex numbers."""
    return quotient(np.ones_like(x), x)


def _quotient(x: Any, y: Any) -> Any:
    up, down = exponent_of(x), exponent_of(y)
    return scaled(np.true_divide(scaled(x, -up), scaled(y, -down)), up - down)


def sign(x: Any) -> Any:
    """x / |x| of complex numbers, 0 for 0."""
    return mended(np.sign(x), extreme(x), lambda x: np.sign(scaled(x, -exponent_of(x))), x)


# ---- powers --------------------------------------------------------------------------------------
def power(x: Any, y: Any) -> Any:
    """x to the power y of complex numbers; small integers y and special values are left to NumPy.

    Of complex64 in complex128, whose digits are enough.
    """
    if x.dtype == np.complex64:
        return power(x.astype(np.complex128), y.astype(np.complex128)).astype(np.complex64)
    out = np.power(x, y)
    product = (y.imag == 0) & (y.real == np.rint(y.real)) & (np.abs(y.real) < 100)
    product &= np.isfinite(out) & (out != 0)
    return mended(out, np.isfinite(x) & np.isfinite(y) & (x != 0) & ~product, _power, x, y)


def _power(x: Any, y: Any) -> Any:
    """|x|^c exp(-d t), at the angle c t + d log|x|, where y = c + d i and t is the angle of x."""
    exponent, r, error = _modulus(x)
    angle = np.angle(x)
    c, d = y.real, y.imag
    # The size: 2^(exponent c) r^c exp(c error - d angle), powers of two apart.
    whole, part = _whole_and_part(c, exponent)
    turns = np.clip(np.rint(-d * angle / np.log(2)), -FARTHEST, FARTHEST)
    rest = c * error + ((-d * angle - turns * LN2_HIGH) - turns * LN2_LOW)
    size = np.power(r, c) * np.exp2(part) * np.exp(rest)
    # The angle, of which the largest terms are exact.
    first, lost = two_product(d, exponent * LN2_HIGH)
    more = lost + d * (exponent * LN2_LOW + np.log(r) + error) + c * angle
    total = first + more
    cosine, sine = unit(total, more - (total - first))
    return scaled(complex_of(size * cosine, size * sine), (whole + turns).astype(int))


def _modulus(x: Any) -> tuple[Any, Any, Any]:
    """|x| = 2^exponent r (1 + error), where r is between sqrt(1/2) and sqrt(2)."""
    exponent = exponent_of(x)
    small = np.abs(scaled(x, -exponent)) < ROOT
    exponent = exponent - small
    near = scaled(x, -exponent)
    r = np.abs(near)
    squares = [two_product(v, v) for v in (near.real, near.imag, r)]
    (a, a_low), (b, b_low), (c, c_low) = squares
    total, low = two_sum(a, b)
    return exponent, r, ((total - c) + (low + a_low + b_low - c_low)) / (2 * c)


def _whole_and_part(c: Any, exponent: Any) -> tuple[Any, Any]:
    """c * exponent as a whole number, at most `FARTHEST`, and what is left of it."""
    product, low = two_product(c, exponent.astype(float))
    whole = np.clip(np.rint(product), -FARTHEST, FARTHEST)
    part = (product - whole) + low
    return whole, np.where(np.abs(part) <= 1, part, 0)


def unit(angle: Any, low: Any) -> tuple[Any, Any]:
    """The cosine and sine of a sum, where `low` is about a rounding error."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return cosine - low * sine, sine + low * cosine


def two_sum(x: Any, y: Any) -> tuple[Any, Any]:
    """A sum and its rounding error."""
    total = x + y
    moved = total - x
    return total, (x - (total - moved)) + (y - moved)


def two_product(x: Any, y: Any) -> tuple[Any, Any]:
    """A product and its rounding error, 0 where it overflows."""
    product = x * y
    (a, a_low), (b, b_low) = (_halves(v) for v in (x, y))
    low = ((a * b - product) + a * b_low + a_low * b) + a_low * b_low
    return product, np.where(np.isfinite(low), low, 0)


def _halves(x: Any) -> tuple[Any, Any]:
    moved = SPLITTER * x
    high = moved - (moved - x)
    return high, x - high
