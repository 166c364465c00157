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
    fast_two_sum,
    fma,
    minimum,
    sqrt,
    two_sum,
    where,
)
from ingot.backends.llvm.functions.exponential import (
    chosen,
    log1p,
    power_of_two,
    reduce_exp,
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
    """u / (u + 2) with u = exp(2 |x|) - 1, of which no digits are lost near 0."""
    f = x.format
    shifted, r, r_low = reduce_exp(minimum(fabs(x) * 2.0, 40.0 if f is F64 else 20.0))
    q = fma(r * r, estrin(r, chosen(table.EXP, f)), r_low)
    power = power_of_two(shifted)
    high, low = fast_two_sum(power - 1.0, power * r)
    u = high + fma(power, q, low)
    below, rest = two_sum(u, x.constant(2.0))
    out = u / below  # and below = 2 / (1 - out), by which its own rounding is corrected
    return copysign(fma(out * rest, fma(out, 0.5, -0.5), out), x)


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
