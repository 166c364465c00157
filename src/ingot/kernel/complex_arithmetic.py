"""Arithmetic, roots and logarithms of complex scalars, in pairs of real ones.

Each function has the values of C's standard at infinities, nan and signed zeros (C17, annex G) and
computes nothing that overflows before its result does. Parts in float32 are computed in float64
where squares are added.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from ingot.kernel.ir import Value
from ingot.kernel.values import BOOL, Complex

DOUBLE, WIDE = np.dtype(np.float64), np.dtype(np.complex128)
LARGE, SMALL, SCALE = 2.0**510, 2.0**-460, 2.0**600
"""Beyond the first two, squares of float64 overflow or lose digits unless scaled by the third."""

Part = Callable[[Any], Any]


class Scalars(Protocol):
    """What is asked of a builder; see `Lowering`."""

    def const(self, value: Any, dtype: Any) -> Any: ...

    def op(self, name: str, *args: Any, dtype: Any = None, attr: Any = None) -> Any: ...

    def converted(self, scalar: Any, dtype: np.dtype) -> Any: ...

    def select(self, pred: Any, on_true: Any, on_false: Any) -> Any: ...


# ---- helpers -------------------------------------------------------------------------------------
def constant(build: Scalars, value: float, like: Value) -> Any:
    return build.const(value, like.dtype)


def is_infinite(build: Scalars, x: Any) -> Any:
    return build.op("eq", build.op("abs", x), constant(build, math.inf, x))


def is_finite(build: Scalars, x: Any) -> Any:
    return build.op("is_finite", x, dtype=BOOL)


def is_zero(build: Scalars, x: Any) -> Any:
    return build.op("eq", x, constant(build, 0, x))


def both(build: Scalars, x: Any, y: Any) -> Any:
    return build.op("and", x, y)


def negation(build: Scalars, x: Any) -> Any:
    return build.op("not", x)


def halved(build: Scalars, x: Any) -> Any:
    return build.op("mul", x, constant(build, 0.5, x))


def _in_double(build: Scalars, z: Complex) -> tuple[Any, Any]:
    """The parts, converted from float32."""
    return (build.op("convert", z.real, dtype=DOUBLE), build.op("convert", z.imag, dtype=DOUBLE))


def in_double(rule: Callable[..., Complex]) -> Callable[..., Complex]:
    """A rule for complex128 as one for complex64 as well, which is computed in complex128."""

    def computed(build: Scalars, *operands: Complex) -> Complex:
        dtype = operands[0].dtype
        if dtype == WIDE:
            return rule(build, *operands)
        return build.converted(rule(build, *(build.converted(z, WIDE) for z in operands)), dtype)

    return computed


def two_sum(build: Scalars, x: Any, y: Any) -> tuple[Any, Any]:
    """A sum and its rounding error."""
    total = build.op("add", x, y)
    kept = build.op("sub", total, x)
    lost = build.op("add", build.op("sub", x, build.op("sub", total, kept)),
                    build.op("sub", y, kept))
    return total, lost


def two_product(build: Scalars, x: Any, y: Any) -> tuple[Any, Any]:
    """A product and its rounding error."""
    out = build.op("mul", x, y)
    return out, build.op("fma", x, y, build.op("neg", out))


def sum_of_squares(build: Scalars, x: Any, y: Any) -> Any:
    return build.op("add", build.op("mul", x, x), build.op("mul", y, y))


def scaled(build: Scalars, x: Any, y: Any) -> tuple[Any, Any, Callable[..., Any]]:
    """Parts in float64 whose squares neither overflow nor lose digits, and how to choose between
    what belongs to parts that were too large and too small, 0 for others."""
    size = build.op("max", build.op("abs", x), build.op("abs", y))
    large = build.op("gt", size, constant(build, LARGE, x))
    small = build.op("lt", size, constant(build, SMALL, x))

    def choose(if_large: float, if_small: float, otherwise: float = 0.0) -> Any:
        rest = build.select(small, constant(build, if_small, x), constant(build, otherwise, x))
        return build.select(large, constant(build, if_large, x), rest)

    factor = choose(1 / SCALE, SCALE, 1.0)
    return build.op("mul", x, factor), build.op("mul", y, factor), choose


# ---- arithmetic ----------------------------------------------------------------------------------
def negated(build: Scalars, z: Complex) -> Complex:
    return Complex(build.op("neg", z.real), build.op("neg", z.imag), z.dtype)


def by_parts(name: str) -> Callable[..., Complex]:
    def rule(build: Scalars, x: Complex, y: Complex) -> Complex:
        return Complex(build.op(name, x.real, y.real), build.op(name, x.imag, y.imag), x.dtype)

    return rule


def compared(name: str, joined: str) -> Callable[..., Any]:
    def rule(build: Scalars, x: Complex, y: Complex) -> Any:
        return build.op(joined, build.op(name, x.real, y.real), build.op(name, x.imag, y.imag))

    return rule


def product(build: Scalars, x: Complex, y: Complex) -> Complex:
    ac, bd = build.op("mul", x.real, y.real), build.op("mul", x.imag, y.imag)
    ad, bc = build.op("mul", x.real, y.imag), build.op("mul", x.imag, y.real)
    return Complex(build.op("sub", ac, bd), build.op("add", ad, bc), x.dtype)


def quotient(build: Scalars, x: Complex, y: Complex) -> Complex:
    """The quotient of scaled operands, and the scale; that of complex64 in float64."""
    if x.real.dtype != DOUBLE:
        return in_double(_smith)(build, x, y)
    a, b, of_x = scaled(build, x.real, x.imag)
    c, d, of_y = scaled(build, y.real, y.imag)
    up, down = of_x(SCALE, 1 / SCALE, 1.0), of_y(1 / SCALE, SCALE, 1.0)
    one = constant(build, 1, up)
    alike = build.op("eq", build.op("mul", up, down), one)  # 1 after the other would lose digits
    up, down = (build.select(alike, one, factor) for factor in (up, down))
    out = _smith(build, Complex(a, b, x.dtype), Complex(c, d, x.dtype))
    real, imag = (build.op("mul", build.op("mul", part, up), down)
                  for part in (out.real, out.imag))
    return Complex(real, imag, x.dtype)


def _smith(build: Scalars, x: Complex, y: Complex) -> Complex:
    """By the quotient of the smaller and the larger part of `y` (R. L. Smith, CACM 5, 1962)."""
    a, b, c, d = x.real, x.imag, y.real, y.imag
    size = build.op("abs", c)
    wide = build.op("ge", size, build.op("abs", d))
    large, small = build.select(wide, c, d), build.select(wide, d, c)
    along, across = build.select(wide, a, b), build.select(wide, b, a)
    ratio = build.op("div", small, large)
    scale = build.op("div", constant(build, 1, a),
                     build.op("add", large, build.op("mul", small, ratio)))
    real = build.op("add", along, build.op("mul", across, ratio))
    turned = build.op("mul", along, ratio)
    imag = build.select(wide, build.op("sub", across, turned), build.op("sub", turned, across))
    by_zero = both(build, wide, is_zero(build, size))
    real, imag = (
        build.select(by_zero, build.op("div", part, size), build.op("mul", number, scale))
        for part, number in ((a, real), (b, imag)))
    return Complex(real, imag, x.dtype)


@in_double
def direction(build: Scalars, z: Complex) -> Complex:
    """z / |z|, 0 for 0, along an axis for one infinite part."""
    parts = (z.real, z.imag)
    infinite = [is_infinite(build, part) for part in parts]
    either, corner = build.op("or", *infinite), both(build, *infinite)

    def along(part: Any, is_infinite: Any) -> Any:
        one = build.op("copysign", constant(build, 1, part), part)
        end = build.select(is_infinite, one, constant(build, 0, part))
        end = build.select(corner, constant(build, math.nan, part), end)
        return build.select(either, end, part)

    x, y, _ = scaled(build, *map(along, parts, infinite))
    length = build.op("sqrt", sum_of_squares(build, x, y))
    length = build.select(is_zero(build, length), constant(build, 1, x), length)
    return Complex(build.op("div", x, length), build.op("div", y, length), z.dtype)


# ---- modulus, root, logarithm --------------------------------------------------------------------
def modulus(build: Scalars, z: Complex) -> Any:
    x, y = z.real, z.imag
    infinite = build.op("or", is_infinite(build, x), is_infinite(build, y))
    if x.dtype == DOUBLE:
        u, v, choose = scaled(build, x, y)
        length = build.op("sqrt", sum_of_squares(build, u, v))
        out = build.op("mul", length, choose(SCALE, 1 / SCALE, 1.0))
    else:
        length = build.op("sqrt", sum_of_squares(build, *_in_double(build, z)))
        out = build.op("convert", length, dtype=x.dtype)
    return build.select(infinite, constant(build, math.inf, x), out)


@in_double
def root(build: Scalars, z: Complex) -> Complex:
    """The larger part as the root of (|x| + |z|) / 2, the smaller one by division."""
    x, y = z.real, z.imag
    size = build.op("max", build.op("abs", x), build.op("abs", y))
    tiny = build.op("lt", size, constant(build, 2.0**-1000, x))
    up = build.select(tiny, constant(build, 2.0**108, x), constant(build, 1, x))
    down = build.select(tiny, constant(build, 2.0**-54, x), constant(build, 1, x))
    u, v = (build.op("mul", build.op("abs", part), up) for part in (x, y))
    length = modulus(build, Complex(u, v, z.dtype))
    large = build.op("sqrt", build.op("add", halved(build, u), halved(build, length)))
    small = build.op("div", halved(build, v), large)
    small = build.select(is_zero(build, large), large, small)
    large, small = (build.op("mul", part, down) for part in (large, small))
    right = build.op("ge", x, constant(build, 0, x))
    real, imag = build.select(right, large, small), build.select(right, small, large)
    endless = is_infinite(build, y)
    return Complex(build.select(endless, constant(build, math.inf, x), real),
                   build.select(endless, y, build.op("copysign", imag, y)), z.dtype)


def _log_of_modulus(build: Scalars, x: Any, y: Any) -> Any:
    """log |z| for parts in float64; |z|^2 - 1 is kept with its rounding errors around 1."""
    u, v, choose = scaled(build, x, y)
    squares = sum_of_squares(build, u, v)
    far = build.op("sub", halved(build, build.op("log", squares)),
                   choose(-math.log(SCALE), math.log(SCALE)))
    wide = build.op("ge", build.op("abs", u), build.op("abs", v))
    large, small = build.select(wide, u, v), build.select(wide, v, u)
    near = _log_of_squares(build, constant(build, -1, x), large, small)
    around = both(build, build.op("gt", squares, constant(build, 0.5, x)),
                  build.op("lt", squares, constant(build, 3, x)))
    infinite = build.op("or", is_infinite(build, x), is_infinite(build, y))
    return build.select(infinite, constant(build, math.inf, x), build.select(around, near, far))


def _log_of_squares(build: Scalars, start: Any, x: Any, y: Any) -> Any:
    """log(1 + start + x^2 + y^2) / 2, of a sum that is kept with its rounding errors."""
    (a, a_low), (b, b_low) = (two_product(build, part, part) for part in (x, y))
    first, lost = two_sum(build, start, a)
    total, more = two_sum(build, first, b)
    rest = build.op("add", build.op("add", lost, more), build.op("add", a_low, b_low))
    return halved(build, build.op("log1p", build.op("add", total, rest)))


def logarithm(build: Scalars, z: Complex) -> Complex:
    angle = build.op("atan2", z.imag, z.real)
    if z.real.dtype == DOUBLE:
        return Complex(_log_of_modulus(build, z.real, z.imag), angle, z.dtype)
    size = _log_of_modulus(build, *_in_double(build, z))
    return Complex(build.op("convert", size, dtype=z.real.dtype), angle, z.dtype)


@in_double
def logarithm_of_more(build: Scalars, z: Complex) -> Complex:
    """log(1 + z): |1 + z|^2 - 1 is 2x + x^2 + y^2 around 1."""
    x, y = z.real, z.imag
    moved = build.op("add", x, constant(build, 1, x))
    far = _log_of_modulus(build, moved, y)
    near = _log_of_squares(build, build.op("add", x, x), x, y)
    squares = sum_of_squares(build, moved, y)
    around = both(build, build.op("gt", squares, constant(build, 0.5, x)),
                  build.op("lt", squares, constant(build, 3, x)))
    return Complex(build.select(around, near, far), build.op("atan2", y, moved), z.dtype)


def logarithm_to_base_2(build: Scalars, z: Complex) -> Complex:
    out = logarithm(build, z)
    base = constant(build, math.log(2), out.real)
    return Complex(build.op("div", out.real, base), build.op("div", out.imag, base), z.dtype)
