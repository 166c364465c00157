"""Circular and hyperbolic functions of complex scalars and their inverses.

The inverses follow W. Kahan (Branch cuts for complex elementary functions, 1987): roots of 1 - z
and 1 + z whose products do not cancel.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ingot.kernel.complex_arithmetic import (
    DOUBLE,
    LARGE,
    Part,
    Scalars,
    both,
    constant,
    halved,
    in_double,
    is_finite,
    is_infinite,
    is_zero,
    negation,
    root,
    sum_of_squares,
)
from ingot.kernel.values import Complex

NEAR_ZERO = 2.0**-28
"""Up to this size asin(z) is z and acos(z) is pi/2 - z, to rounding, in each part."""

FAR = 2.0**1000
"""Beyond this size the products of roots are computed for z / 16."""


# ---- sinh, cosh, tanh ----------------------------------------------------------------------------
def _hyperbolic(build: Scalars, x: Any) -> tuple[Part, Part]:
    """The functions f -> sinh(x) f and f -> cosh(x) f, which overflow only if the product does."""
    size = build.op("abs", x)
    far = build.op("gt", size, constant(build, math.log(float(np.finfo(x.dtype).max)), x))
    half = build.op("exp", halved(build, size))
    sign = build.op("copysign", constant(build, 1, x), x)

    def times(function: str, signed: bool) -> Part:
        value = build.op(function, x)

        def part(factor: Any) -> Any:
            twice = build.op("mul", build.op("mul", half, halved(build, factor)), half)
            if signed:
                twice = build.op("mul", twice, sign)
            return build.select(far, twice, build.op("mul", value, factor))

        return part

    return times("sinh", True), times("cosh", False)


def sinh(build: Scalars, z: Complex) -> Complex:
    x, y = z.real, z.imag
    by_sinh, by_cosh = _hyperbolic(build, x)
    real, imag = by_sinh(build.op("cos", y)), by_cosh(build.op("sin", y))
    endless = negation(build, is_finite(build, y))
    real = build.select(both(build, endless, is_zero(build, x)), x, real)
    far = both(build, endless, is_infinite(build, x))
    real = build.select(far, build.op("abs", x), real)  # of either sign, by the standard
    on_axis = is_zero(build, y)
    real = build.select(on_axis, build.op("sinh", x), real)
    return Complex(real, build.select(on_axis, y, imag), z.dtype)


def cosh(build: Scalars, z: Complex) -> Complex:
    x, y = z.real, z.imag
    by_sinh, by_cosh = _hyperbolic(build, x)
    real, imag = by_cosh(build.op("cos", y)), by_sinh(build.op("sin", y))
    endless = negation(build, is_finite(build, y))
    far = both(build, endless, is_infinite(build, x))
    real = build.select(far, build.op("abs", x), real)
    level = both(build, endless, is_zero(build, x))
    imag = build.select(level, x, imag)
    signed = build.op("mul", build.op("copysign", constant(build, 1, x), x), y)
    return Complex(real, build.select(is_zero(build, y), signed, imag), z.dtype)


def tanh(build: Scalars, z: Complex) -> Complex:
    """(sinh x cosh x + i sin y cos y) / (sinh^2 x + cos^2 y); 1 and its distance far out."""
    x, y = z.real, z.imag
    sine, cosine = build.op("sin", y), build.op("cos", y)
    turn = build.op("mul", sine, cosine)
    sinh = build.op("sinh", x)
    below = sum_of_squares(build, sinh, cosine)
    near = (build.op("div", build.op("mul", sinh, build.op("cosh", x)), below),
            build.op("div", turn, below))
    size = build.op("abs", x)
    decay = build.op("exp", build.op("mul", size, constant(build, -2, x)))
    distance = build.op("mul", build.op("mul", turn, constant(build, 4, x)), decay)
    distance = build.select(is_infinite(build, x),
                            build.op("copysign", constant(build, 0, x), y), distance)
    one = build.op("copysign", constant(build, 1, x), x)
    endless = negation(build, is_finite(build, y))
    lost = both(build, endless, is_finite(build, x))
    nan = constant(build, math.nan, x)
    level = both(build, endless, is_zero(build, x))
    real = build.select(level, x, near[0])
    far = build.op("gt", size, constant(build, 22 if x.dtype == DOUBLE else 11, x))
    imag = build.select(far, distance, near[1])
    return Complex(build.select(far, build.select(lost, nan, one), real),
                   build.select(is_zero(build, y), y, imag), z.dtype)


def turned(function: Callable[..., Complex]) -> Callable[..., Complex]:
    """i f(-i z)."""

    def rule(build: Scalars, z: Complex) -> Complex:
        out = function(build, Complex(z.imag, build.op("neg", z.real), z.dtype))
        return Complex(build.op("neg", out.imag), out.real, z.dtype)

    return rule


def cos(build: Scalars, z: Complex) -> Complex:
    return cosh(build, Complex(build.op("neg", z.imag), z.real, z.dtype))


sin, tan = turned(sinh), turned(tanh)


# ---- asin, acos, asinh, acosh --------------------------------------------------------------------
def _by_roots(build: Scalars, z: Complex) -> tuple[Any, Any, Any]:
    """The real parts of asin(z) and acos(z), and the imaginary part of asin(z), for finite z."""
    x, y = z.real, z.imag
    size = build.op("max", build.op("abs", x), build.op("abs", y))
    far = build.op("gt", size, constant(build, FAR, x))
    scale = build.select(far, constant(build, 1 / 16, x), constant(build, 1, x))
    u, v = build.op("mul", x, scale), build.op("mul", y, scale)
    one = build.select(far, constant(build, 0, x), constant(build, 1, x))
    less = root(build, Complex(build.op("sub", one, u), build.op("neg", v), z.dtype))
    more = root(build, Complex(build.op("add", one, u), v, z.dtype))
    product = build.op("sub", build.op("mul", less.real, more.real),
                       build.op("mul", less.imag, more.imag))
    across = build.op("sub", build.op("mul", less.real, more.imag),
                      build.op("mul", less.imag, more.real))
    rest = build.select(far, constant(build, math.log(32), x), constant(build, 0, x))
    log_size = build.op("add", build.op("log", build.select(
        far, build.op("abs", across), constant(build, 1, x))), rest)
    imag = build.select(far, build.op("copysign", log_size, y), build.op("asinh", across))
    angle = build.op("atan2", less.real, more.real)
    near = build.op("lt", size, constant(build, NEAR_ZERO, x))
    return (build.select(near, x, build.op("atan2", u, product)),
            build.op("add", angle, angle), build.select(near, y, imag))


def _direction_of(build: Scalars, x: Any, y: Any) -> Any:
    """The angle of an infinite z with these parts, by the standard."""

    def end(part: Any) -> Any:
        one = build.op("copysign", constant(build, 1, part), part)
        none = build.op("mul", part, constant(build, 0, part))  # keeps nan
        return build.select(is_infinite(build, part), one, none)

    return build.op("atan2", end(y), end(x))


def _is_endless(build: Scalars, z: Complex) -> Any:
    return build.op("or", is_infinite(build, z.real), is_infinite(build, z.imag))


@in_double
def asin(build: Scalars, z: Complex) -> Complex:
    x, y = z.real, z.imag
    real, _, imag = _by_roots(build, z)
    real = build.select(is_zero(build, x), x, real)
    endless = _is_endless(build, z)
    angle = build.op("copysign", _direction_of(build, build.op("abs", y), build.op("abs", x)), x)
    imag = build.select(endless, build.op("copysign", constant(build, math.inf, y), y), imag)
    return Complex(build.select(endless, angle, real), imag, z.dtype)


@in_double
def acos(build: Scalars, z: Complex) -> Complex:
    x, y = z.real, z.imag
    _, real, imag = _by_roots(build, z)
    real = build.select(is_zero(build, x), constant(build, math.pi / 2, x), real)
    endless = _is_endless(build, z)
    imag = build.select(endless, build.op("copysign", constant(build, math.inf, y), y), imag)
    angle = _direction_of(build, x, build.op("abs", y))
    return Complex(build.select(endless, angle, real), build.op("neg", imag), z.dtype)


def acosh(build: Scalars, z: Complex) -> Complex:
    out = acos(build, z)
    return Complex(build.op("abs", out.imag), build.op("copysign", out.real, z.imag), z.dtype)


# ---- atan, atanh ---------------------------------------------------------------------------------
@in_double
def atanh(build: Scalars, z: Complex) -> Complex:
    """log1p(4 |x| / ((1 - |x|)^2 + y^2)) / 4, and half the angle of (1 + z) (1 - z*)."""
    x, y = build.op("abs", z.real), z.imag
    one = constant(build, 1, x)
    size = build.op("max", x, build.op("abs", y))
    far = build.op("gt", size, constant(build, LARGE, x))
    p, q = (build.select(far, build.op("div", part, size), part) for part in (x, y))
    distance = build.select(far, p, build.op("sub", one, x))
    share = build.op("div", p, sum_of_squares(build, distance, q))
    four = constant(build, 4, x)
    near = build.op("div", build.op("log1p", build.op("mul", four, share)), four)
    real = build.select(far, build.op("div", share, size), near)
    # Beside the pole at 1 the square of y would be 0.
    pole = both(build, build.op("eq", x, one),
                build.op("lt", build.op("abs", y), constant(build, 1e-100, y)))
    log_of_pole = build.op("sub", constant(build, math.log(2), x), build.op("log", build.select(
        pole, build.op("abs", y), one)))
    real = build.select(pole, halved(build, log_of_pole), real)
    endless = _is_endless(build, z)
    real = build.select(endless, constant(build, 0, x), real)
    real = build.op("copysign", build.select(is_zero(build, x), x, real), z.real)
    turn = build.op("sub", build.op("mul", build.op("sub", one, x), build.op("add", one, x)),
                    build.op("mul", y, y))
    angle = halved(build, build.op("atan2", build.op("add", y, y), turn))
    right = build.op("copysign", constant(build, math.pi / 2, y), y)
    beyond = both(build, build.op("or", far, endless), build.op("eq", y, y))
    return Complex(real, build.select(beyond, right, angle), z.dtype)


asinh, atan = turned(asin), turned(atanh)
