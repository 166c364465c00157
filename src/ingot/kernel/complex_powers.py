"""Exponentials and powers of complex scalars."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ingot.kernel.complex_arithmetic import (
    Scalars,
    both,
    constant,
    halved,
    in_double,
    is_finite,
    is_zero,
    logarithm,
    negation,
    product,
    quotient,
    scaled,
    sum_of_squares,
    two_product,
    two_sum,
)
from ingot.kernel.values import Complex

LN2_LOW = 2.3190468138462996e-17
"""log(2) less the float nearest to it."""

LN2_SHORT, LN2_REST = 0.6931471805601177, -1.7239444525614835e-13
"""log(2) as a sum whose first part times any exponent is exact."""

MOST_FACTORS = 128
"""Powers below are products."""

NO_DIGITS = 1e30
"""Angles from here on have no digits, though they are sums of two numbers."""

FAR_OUT = 1200
"""Powers of two of this size are 0 or infinite."""

INTEGER = np.dtype(np.int64)


# ---- exp, exp2 -----------------------------------------------------------------------------------
def exp(build: Scalars, z: Complex) -> Complex:
    """exp(x) (cos y + i sin y)."""
    x, y = z.real, z.imag
    size, half = build.op("exp", x), build.op("exp", halved(build, x))
    return _polar(build, z, size, half, build.op("cos", y), build.op("sin", y))


@in_double
def exp2(build: Scalars, z: Complex) -> Complex:
    """2^x (cos y' + i sin y'), where y' = y log(2) with its rounding error."""
    x, y = z.real, z.imag
    angle, low = two_product(build, y, constant(build, math.log(2), y))
    low = build.op("fma", y, constant(build, LN2_LOW, y), low)
    size, half = build.op("exp2", x), build.op("exp2", halved(build, x))
    return _polar(build, z, size, half, *_unit(build, angle, low))


def _unit(build: Scalars, angle: Any, low: Any) -> tuple[Any, Any]:
    """The cosine and sine of a sum, where `low` is about a rounding error, without digits beyond
    `NO_DIGITS`."""
    known = build.op("lt", build.op("abs", angle), constant(build, NO_DIGITS, angle))
    low = build.select(known, low, constant(build, 0, low))
    cosine, sine, more, less = (build.op(name, part) for part in (angle, low)
                                for name in ("cos", "sin"))
    return (build.op("sub", build.op("mul", cosine, more), build.op("mul", less, sine)),
            build.op("add", build.op("mul", sine, more), build.op("mul", less, cosine)))


def _polar(build: Scalars, z: Complex, size: Any, half: Any, cosine: Any, sine: Any) -> Complex:
    """size (cosine + i sine), with the values of C's standard at infinities and signed zeros of the
    exponent z; `half` is the root of the size."""
    x, y = z.real, z.imag
    zero, inf = constant(build, 0, x), constant(build, math.inf, x)
    overflows = build.op("eq", size, inf)  # a small sine or cosine may bring it back in two steps

    def part(factor: Any) -> Any:
        twice = build.op("mul", build.op("mul", half, factor), half)
        return build.select(overflows, twice, build.op("mul", size, factor))

    real, imag = part(cosine), part(sine)
    endless = negation(build, is_finite(build, y))
    real = build.select(both(build, endless, build.op("eq", x, inf)), inf, real)
    nothing = both(build, endless, build.op("eq", x, build.op("neg", inf)))
    on_axis = is_zero(build, y)
    return Complex(build.select(nothing, zero, build.select(on_axis, size, real)),
                   build.select(nothing, zero, build.select(on_axis, y, imag)), z.dtype)


# ---- pow -----------------------------------------------------------------------------------------
@in_double
def power(build: Scalars, x: Complex, y: Complex) -> Complex:
    """A product for small integers, a product of powers of size and angle for other numbers, and
    exp(y log(x)) for what is not finite."""
    c, d = y.real, y.imag
    one = Complex(constant(build, 1, c), constant(build, 0, c), x.dtype)
    zero = Complex(constant(build, 0, c), constant(build, 0, c), x.dtype)
    nan = Complex(constant(build, math.nan, c), constant(build, math.nan, c), x.dtype)
    finite = both(build, *(both(build, is_finite(build, v.real), is_finite(build, v.imag))
                           for v in (x, y)))
    out = build.select(finite, _power(build, x, y), _power_of_infinite(build, x, y))
    whole = both(build, is_zero(build, d), both(
        build, build.op("eq", c, build.op("rint", c)),
        build.op("lt", build.op("abs", c), constant(build, MOST_FACTORS, c))))
    factors = _repeated(build, x, build.select(whole, c, constant(build, 1, c)))
    size = build.op("max", build.op("abs", factors.real), build.op("abs", factors.imag))
    fits = both(build, is_finite(build, size), build.op("gt", size, constant(build, 1e-290, c)))
    out = build.select(both(build, whole, fits), factors, out)
    nothing = both(build, is_zero(build, x.real), is_zero(build, x.imag))
    to_zero = build.op("gt", c, zero.real)
    out = build.select(nothing, build.select(to_zero, zero, nan), out)
    return build.select(both(build, is_zero(build, c), is_zero(build, d)), one, out)


def _power_of_infinite(build: Scalars, x: Complex, y: Complex) -> Complex:
    """exp(y log(x)), where a part of y that is 0 leaves out what it multiplies."""
    log_x = logarithm(build, x)

    def times(factor: Any, value: Any) -> Any:
        zero = constant(build, 0, value)
        return build.select(is_zero(build, factor), zero, build.op("mul", factor, value))

    real = build.op("sub", times(y.real, log_x.real), times(y.imag, log_x.imag))
    imag = build.op("add", times(y.imag, log_x.real), times(y.real, log_x.imag))
    return exp(build, Complex(real, imag, x.dtype))


def _repeated(build: Scalars, x: Complex, n: Any) -> Complex:
    """x to the power of an integer in a float, by repeated squaring."""
    one = Complex(constant(build, 1, n), constant(build, 0, n), x.dtype)
    negative = build.op("lt", n, constant(build, 0, n))
    factor = build.select(negative, quotient(build, one, x), x)
    count = build.op("convert", build.op("abs", n), dtype=INTEGER)
    out = one
    for i in range(MOST_FACTORS.bit_length() - 1):
        bit = build.op("and", count, build.const(1 << i, INTEGER))
        used = build.op("ne", bit, build.const(0, INTEGER))
        times = factor if out is one else product(build, out, factor)
        out = build.select(used, times, out)
        factor = product(build, factor, factor)
    return out


def _modulus(build: Scalars, z: Complex) -> tuple[Any, Any, Any]:
    """|z| = 2^exponent r (1 + error), where r is between sqrt(1/2) and sqrt(2)."""
    u, v, choose = scaled(build, z.real, z.imag)
    size = build.op("max", build.op("abs", u), build.op("abs", v))
    bits = build.op("bitcast", size, dtype=INTEGER)
    raised = build.op("shift_right_logical", bits, build.const(52, INTEGER))
    exponent = build.op("sub", raised, build.const(1022, INTEGER))
    down = _power_of_two(build, build.op("neg", exponent))
    u, v = build.op("mul", u, down), build.op("mul", v, down)
    low = build.op("lt", sum_of_squares(build, u, v), constant(build, 0.5, u))
    up = build.select(low, constant(build, 2, u), constant(build, 1, u))
    u, v = build.op("mul", u, up), build.op("mul", v, up)
    r = build.op("sqrt", sum_of_squares(build, u, v))
    (a, a_low), (b, b_low), (c, c_low) = (two_product(build, part, part) for part in (u, v, r))
    total, lost = two_sum(build, a, b)
    rest = build.op("add", build.op("sub", lost, c_low), build.op("add", a_low, b_low))
    error = build.op("div", build.op("add", build.op("sub", total, c), rest),
                     build.op("add", c, c))
    exponent = build.op("add", build.op("convert", exponent, dtype=u.dtype), choose(600, -600))
    return build.op("sub", exponent, build.select(low, constant(build, 1, u),
                                                  constant(build, 0, u))), r, error


def _power_of_two(build: Scalars, exponent: Any) -> Any:
    """2^exponent for an integer between -1022 and 1023."""
    biased = build.op("add", exponent, build.const(1023, INTEGER))
    bits = build.op("shift_left", biased, build.const(52, INTEGER))
    return build.op("bitcast", bits, dtype=np.dtype(np.float64))


def _clamped(build: Scalars, x: Any, bound: float) -> Any:
    low = build.op("max", x, constant(build, -bound, x))
    return build.op("min", low, constant(build, bound, x))


def _power(build: Scalars, x: Complex, y: Complex) -> Complex:
    """|x|^c exp(-d t), at the angle c t + d log|x|, where y = c + d i and t is the angle of x."""
    exponent, r, error = _modulus(build, x)
    c, d = y.real, y.imag
    t = build.op("atan2", x.imag, x.real)
    # Far out it is 0 or infinite, whatever the factors are.
    log_size = build.op("sub", build.op("mul", c, build.op("add", exponent, build.op("log2", r))),
                        build.op("div", build.op("mul", d, t), constant(build, math.log(2), c)))
    far = build.op("gt", build.op("abs", log_size), constant(build, FAR_OUT, c))
    limit = build.select(build.op("gt", log_size, constant(build, 0, c)),
                         constant(build, math.inf, c), constant(build, 0, c))
    factors = _factors(build, exponent, r, error, y, t)

    def sized(part: Any) -> Any:
        out = part
        for number in factors:
            out = build.op("mul", out, number)
        end = build.select(is_zero(build, part), part, build.op("mul", part, limit))
        return build.select(far, end, out)

    real, imag = _turn(build, exponent, r, error, y, t)
    return Complex(sized(real), sized(imag), x.dtype)


def _factors(build: Scalars, exponent: Any, r: Any, error: Any, y: Complex, t: Any) -> list[Any]:
    """The size 2^(exponent c) r^c exp(c error - d t), powers of two apart, in an order in which
    no product overflows before the whole one."""
    c, d = y.real, y.imag
    shift, low = two_product(build, c, exponent)
    whole = _clamped(build, build.op("rint", shift), 5000)
    part = build.op("add", build.op("sub", shift, whole), low)
    part = build.select(build.op("le", build.op("abs", part), constant(build, 1, c)), part,
                        constant(build, 0, c))
    decay = build.op("neg", build.op("mul", d, t))
    turns = build.op("rint", build.op("div", decay, constant(build, math.log(2), c)))
    turns = _clamped(build, turns, 5000)
    rest = build.op("sub", decay, build.op("mul", turns, constant(build, LN2_SHORT, c)))
    rest = build.op("sub", rest, build.op("mul", turns, constant(build, LN2_REST, c)))
    rest = build.op("add", build.op("mul", c, error), rest)
    half = build.op("pow", r, halved(build, c))
    scale = build.op("mul", build.op("exp2", part), build.op("exp", rest))
    shift, steps = build.op("add", whole, turns), []
    for _ in range(3):
        step = _clamped(build, shift, 1000)
        steps.append(_power_of_two(build, build.op("convert", step, dtype=INTEGER)))
        shift = build.op("sub", shift, step)
    return [scale, half, steps[0], half, *steps[1:]]


def _turn(build: Scalars, exponent: Any, r: Any, error: Any, y: Complex, t: Any
          ) -> tuple[Any, Any]:
    """The cosine and sine of c t + d log|x|, of which the largest terms are exact."""
    c, d = y.real, y.imag
    first, lost = two_product(build, d, build.op("mul", exponent, constant(build, LN2_SHORT, c)))
    log_r = build.op("add", build.op("log", r), error)
    log_r = build.op("add", build.op("mul", exponent, constant(build, LN2_REST, c)), log_r)
    more = build.op("add", build.op("add", lost, build.op("mul", d, log_r)),
                    build.op("mul", c, t))
    total = build.op("add", first, more)
    return _unit(build, total, build.op("sub", more, build.op("sub", total, first)))
