"""Hyperbolic functions and their inverses.

The inverses are logarithms of 1 + a (W. Kahan, Branch Cuts for Complex Elementary Functions, 1987).
"""

from __future__ import annotations

from ingot.backends.llvm.functions import coefficients as table
from ingot.backends.llvm.functions.assembler import (
    F64,
    Value,
    copysign,
    estrin,
    fabs,
    fma,
    minimum,
    sqrt,
    where,
)
from ingot.backends.llvm.functions.exponential import (
    chosen,
    log1p,
    power_of_two,
    scaled_exp,
)
from ingot.backends.llvm.functions.trigonometric import odd_series


def sinh(x: Value) -> Value:
    size = fabs(x)
    half = scaled_exp(size, extra=-1)
    return copysign(where(size < 1.0, odd_series(size, table.SINH), half - 0.25 / half), x)


def cosh(x: Value) -> Value:
    half = scaled_exp(fabs(x), extra=-1)
    return half + 0.25 / half


def tanh(x: Value) -> Value:
    """tanh(n log(2) / 2 + r) = (a + b t) / (b + a t), a and b = 1 -+ 2^-n, t = tanh(r).

    That is c + (a - b c + (b - a c) t) / (b + a t) for any c. With one near a / b the quotient is
    small, and so is what it is rounded by: c = a^2, for which a - b c = 4^-n a.
    """
    f = x.format
    size = minimum(fabs(x), 20.0 if f is F64 else 10.0)
    center = f.shifter + f.bias
    shifted = fma(size, -2 * chosen(table.LOG2E, f)[0], center)
    minus_n = shifted - center
    high, low = (part / 2 for part in chosen(table.LN2_FULL, f))
    r = fma(minus_n, high, size)  # exact for small n, of which the result has the digits
    z = r * r
    t = r + fma(z * r, estrin(z, chosen(table.TANH, f)), minus_n * low)
    power = power_of_two(shifted)
    a, b = 1.0 - power, power + 1.0
    c = a * a
    quotient = fma(fma(-c, a, b), t, a * (power * power)) / fma(a, t, b)
    return copysign(c + quotient, x)


def asinh(x: Value) -> Value:
    f = x.format
    size = fabs(x)
    large = size > 2.0 ** (f.mantissa + 4)
    square = size * size
    a = size + square / (sqrt(square + 1.0) + 1.0)
    out = log1p(where(large, size, a)) + where(large, chosen(table.LN2_FULL, f)[0],
                                              x.constant(0.0))
    return copysign(out, x)


def acosh(x: Value) -> Value:
    f = x.format
    large = x > 2.0 ** (f.mantissa + 4)
    t = x - 1.0
    a = t + sqrt(fma(t, t, t + t))
    out = log1p(where(large, x, a)) + where(large, chosen(table.LN2_FULL, f)[0],
                                           x.constant(0.0))
    return where(x < 1.0, x.nan(), out)


def atanh(x: Value) -> Value:
    size = fabs(x)
    double = size + size
    out = log1p(fma(double, size / (1.0 - size), double)) * 0.5
    return where(size > 1.0, x.nan(), copysign(out, x))
