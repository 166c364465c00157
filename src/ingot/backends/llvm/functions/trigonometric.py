"""Circular functions and their inverses.

Arguments of sin, cos and tan are reduced by multiples of pi/2 in three parts (W. J. Cody and
W. Waite, Software Manual for the Elementary Functions, 1980); those too large for it are left to
the C library.
"""

from __future__ import annotations

from ingot.backends.llvm.functions import coefficients as table
from ingot.backends.llvm.functions.assembler import (
    F64,
    Pair,
    Value,
    bits,
    copysign,
    estrin,
    fabs,
    fast_two_sum,
    fma,
    from_bits,
    sqrt,
    two_product,
    two_sum,
    where,
)
from ingot.backends.llvm.functions.exponential import chosen
from ingot.backends.llvm.functions.slow_path import with_libm_fallback


# ---- sin, cos, tan -------------------------------------------------------------------------------
def reduced(x: Value) -> tuple[Value, Value, Value]:
    """The quadrant as an integer's low bits, and r + r_low = x - n pi/2, |r| <= pi/4.

    Right while n times the first part of pi/2 leaves a difference that is a float: |x| < largest.
    """
    f = x.format
    first, second, third = chosen(table.HALF_PI, f)
    shifted = fma(x, chosen(table.TWO_OVER_PI, f)[0], f.shifter)
    n = shifted - f.shifter
    product, product_low = two_product(n, second)
    r, r_low = two_sum(fma(n, -first, x), -product)
    return bits(shifted), r, fma(n, -third, r_low - product_low)


def is_large(x: Value) -> Value:
    """Whether the library must reduce; also for infinities."""
    return fabs(x) >= (2.0**30 if x.format is F64 else 2.0**16)


def sin_pair(r: Value, low: Value) -> Pair:
    z = r * r
    return r, fma(z * r, estrin(z, chosen(table.SIN, r.format)), low)


def cos_pair(r: Value, low: Value) -> Pair:
    z = r * r
    half = z * 0.5
    w = 1.0 - half
    rest = (1.0 - w) - half
    return w, rest + fma(z * z, estrin(z, chosen(table.COS, r.format)), -(r * low))


def _circular(x: Value, name: str, turn: int) -> Value:
    """sin(x + turn pi/2)."""
    f = x.format
    quadrant, r, low = reduced(x)
    if turn:
        quadrant = quadrant + turn
    (s, s_low), (c, c_low) = sin_pair(r, low), cos_pair(r, low)
    swap = (quadrant & 1).equals(1)
    out = where(swap, c, s) + where(swap, c_low, s_low)
    out = from_bits(bits(out) ^ ((quadrant & 2) << (f.width - 2)))
    if not turn:
        out = where(fabs(x) < f.tiny**0.5, x, out)
    return with_libm_fallback(name, x, is_large(x), out)


def sin(x: Value) -> Value:
    return _circular(x, "sin", 0)


def cos(x: Value) -> Value:
    return _circular(x, "cos", 1)


def tan(x: Value) -> Value:
    f = x.format
    quadrant, r, low = reduced(x)
    s, c = fast_two_sum(*sin_pair(r, low)), fast_two_sum(*cos_pair(r, low))
    swap = (quadrant & 1).equals(1)
    above, above_low = (where(swap, c[k], s[k]) for k in (0, 1))
    below, below_low = (where(swap, s[k], c[k]) for k in (0, 1))
    inverse = 1.0 / below
    q = above * inverse
    out = fma(fma(-q, below_low, fma(-q, below, above) + above_low), inverse, q)
    out = from_bits(bits(out) ^ ((quadrant & 1) << (f.width - 1)))
    out = where(fabs(x) < f.tiny**0.5, x, out)
    return with_libm_fallback("tan", x, is_large(x), out)


# ---- inverses ------------------------------------------------------------------------------------
def odd_series(x: Value, pair: tuple[tuple[float, ...], tuple[float, ...]]) -> Value:
    """x + x^3 P(x^2)."""
    z = x * x
    return fma(z * x, estrin(z, chosen(pair, x.format)), x)


def atan(x: Value) -> Value:
    size = fabs(x)
    large = size > 1.0
    a = odd_series(where(large, 1.0 / size, size), table.ATAN)
    high, low = chosen(table.HALF_PI, x.format)[:2]
    return copysign(where(large, high - (a - low), a), x)


def atan2(y: Value, x: Value) -> Value:
    f = x.format
    height, width = fabs(y), fabs(x)
    steep = height > width
    above, below = where(steep, width, height), where(steep, height, width)
    ratio = above / below
    ratio = where(below.equals(0.0), 0.0, ratio)
    ratio = where(above.equals(float("inf")), 1.0, ratio)
    a = odd_series(ratio, table.ATAN)
    (pi, pi_low), (half, half_low) = chosen(table.PI, f), chosen(table.HALF_PI, f)[:2]
    a = where(steep, half - (a - half_low), a)
    negative = bits(x) < 0
    a = where(negative, pi - (a - pi_low), a)
    return where(x.is_nan() | y.is_nan(), x + y, copysign(a, y))


def _arc(size: Value) -> tuple[Value, Value, Value]:
    """Whether |x| > 1/2; asin(|x|) if not, else asin(sqrt((1 - |x|) / 2)), as s and s^3 P(s^2)."""
    large = size > 0.5
    z = where(large, fma(size, -0.5, 0.5), size * size)
    s = where(large, sqrt(z), size)
    return large, s, s * z * estrin(z, chosen(table.ASIN, size.format))


def asin(x: Value) -> Value:
    large, s, tail = _arc(fabs(x))
    high, low = chosen(table.HALF_PI, x.format)[:2]
    steep = fma(s, -2.0, high) - fma(tail, 2.0, -low)
    return copysign(where(large, steep, s + tail), x)


def acos(x: Value) -> Value:
    f = x.format
    large, s, tail = _arc(fabs(x))
    (pi, pi_low), (half, half_low) = chosen(table.PI, f), chosen(table.HALF_PI, f)[:2]
    negative = x < 0.0
    near = where(negative, fma(s, -2.0, pi) - fma(tail, 2.0, -pi_low), (s + tail) * 2.0)
    middle = half - (copysign(s, x) + (copysign(tail, x) - half_low))
    return where(large, near, middle)
