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

NO_DIGITS = 1e30
"""Angles from here on have no digits, though they are sums of two numbers."""

FAR_OUT = 1200
"""Powers of two of this size are 0 or infinite."""


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
    """x to the power y of complex numbers; small integers y are left to NumPy.

    0 to a power with a positive real part is 0. Of complex64 in complex128, whose digits are
    enough.
    """
    if x.dtype == np.complex64:
        return power(x.astype(np.complex128), y.astype(np.complex128)).astype(np.complex64)
    out = np.power(x, y)
    product = (y.imag == 0) & (y.real == np.rint(y.real)) & (np.abs(y.real) < 100)
    product &= np.isfinite(out) & (out != 0)
    finite, nonzero = np.isfinite(x) & np.isfinite(y), (x != 0) & (y != 0)
    out = mended(out, ~finite & nonzero, _power_of_infinite, x, y)
    return mended(out, finite & nonzero & ~product, _power, x, y)


def _power_of_infinite(x: Any, y: Any) -> Any:
    """exp(y log(x)), where a part of y that is 0 leaves out what it multiplies."""
    size, angle = np.log(x).real, np.angle(x)
    c, d = y.real, y.imag

    def times(factor: Any, value: Any) -> Any:
        return np.where(factor == 0, 0, factor * value)

    return np.exp(complex_of(times(c, size) - times(d, angle), times(d, size) + times(c, angle)))


def _power(x: Any, y: Any) -> Any:
    """|x|^c exp(-d t), at the angle c t + d log|x|, where y = c + d i and t is the angle of x."""
    exponent, r, error = _modulus(x)
    angle = np.angle(x)
    c, d = y.real, y.imag
    # The size: 2^(exponent c) r^c exp(c error - d angle), powers of two apart.
    whole, part = _whole_and_part(c, exponent)
    turns = np.clip(np.rint(-d * angle / np.log(2)), -FARTHEST, FARTHEST)
    rest = c * error + ((-d * angle - turns * LN2_HIGH) - turns * LN2_LOW)
    half = np.power(r, c / 2)  # twice, as the whole may overflow where the result does not
    size = np.exp2(part) * np.exp(rest)
    # The angle, of which the largest terms are exact.
    first, lost = two_product(d, exponent * LN2_HIGH)
    more = lost + d * (exponent * LN2_LOW + np.log(r) + error) + c * angle
    total = first + more
    low = more - (total - first)
    direction: Any = complex_of(*unit(total, low))
    # Far out it is 0 or infinite, whatever the factors are.
    log_size = c * (exponent + np.log2(r)) - d * angle / np.log(2)
    first_step = np.clip(whole + turns, -1000, 1000).astype(int)
    last_step = (whole + turns).astype(int) - first_step
    out = scaled(scaled(direction * (half * size), first_step) * half, last_step)
    limit = np.where(log_size > 0, np.inf, 0)
    end = complex_of(*(np.where(v == 0, v, limit * v) for v in (direction.real, direction.imag)))
    return np.where(np.abs(log_size) > FAR_OUT, end, out)


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
    """The cosine and sine of a sum, where `low` is about a rounding error, without digits beyond
    `NO_DIGITS`."""
    low = np.where(np.abs(angle) < NO_DIGITS, low, 0)
    cosine, sine, more, less = np.cos(angle), np.sin(angle), np.cos(low), np.sin(low)
    return cosine * more - less * sine, sine * more + less * cosine


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
