"""Arithmetic and elementary functions of complex scalars, in pairs of real ones.

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
from ingot.kernel.values import BOOL, Complex, Unsupported

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


def complex_op(build: Scalars, name: str, x: Any, y: Any = None) -> Any:
    """One of `COMPLEX` applied to complex scalars; raises Unsupported for other operations."""
    rule = _RULES.get(name)
    if rule is None:
        raise Unsupported(f"{name} of complex numbers")
    return rule(build, x) if y is None else rule(build, x, y)


# ---- helpers -------------------------------------------------------------------------------------
def _constant(build: Scalars, value: float, like: Value) -> Any:
    return build.const(value, like.dtype)


def _is_infinite(build: Scalars, x: Any) -> Any:
    return build.op("eq", build.op("abs", x), _constant(build, math.inf, x))


def _is_finite(build: Scalars, x: Any) -> Any:
    return build.op("is_finite", x, dtype=BOOL)


def _is_zero(build: Scalars, x: Any) -> Any:
    return build.op("eq", x, _constant(build, 0, x))


def _both(build: Scalars, x: Any, y: Any) -> Any:
    return build.op("and", x, y)


def _not(build: Scalars, x: Any) -> Any:
    return build.op("not", x)


def _halved(build: Scalars, x: Any) -> Any:
    return build.op("mul", x, _constant(build, 0.5, x))


def _in_double(build: Scalars, z: Complex) -> tuple[Any, Any]:
    """The parts, converted from float32."""
    return (build.op("convert", z.real, dtype=DOUBLE), build.op("convert", z.imag, dtype=DOUBLE))


def _sum_of_squares(build: Scalars, x: Any, y: Any) -> Any:
    return build.op("add", build.op("mul", x, x), build.op("mul", y, y))


def _scaled(build: Scalars, x: Any, y: Any) -> tuple[Any, Any, Callable[..., Any]]:
    """Parts in float64 whose squares neither overflow nor lose digits, and how to choose between
    what belongs to parts that were too large and too small, 0 for others."""
    size = build.op("max", build.op("abs", x), build.op("abs", y))
    large = build.op("gt", size, _constant(build, LARGE, x))
    small = build.op("lt", size, _constant(build, SMALL, x))

    def choose(if_large: float, if_small: float, otherwise: float = 0.0) -> Any:
        rest = build.select(small, _constant(build, if_small, x), _constant(build, otherwise, x))
        return build.select(large, _constant(build, if_large, x), rest)

    factor = choose(1 / SCALE, SCALE, 1.0)
    return build.op("mul", x, factor), build.op("mul", y, factor), choose


# ---- arithmetic ----------------------------------------------------------------------------------
def _negated(build: Scalars, z: Complex) -> Complex:
    return Complex(build.op("neg", z.real), build.op("neg", z.imag), z.dtype)


def _by_parts(name: str) -> Callable[..., Complex]:
    def rule(build: Scalars, x: Complex, y: Complex) -> Complex:
        return Complex(build.op(name, x.real, y.real), build.op(name, x.imag, y.imag), x.dtype)

    return rule


def _compared(name: str, joined: str) -> Callable[..., Any]:
    def rule(build: Scalars, x: Complex, y: Complex) -> Any:
        return build.op(joined, build.op(name, x.real, y.real), build.op(name, x.imag, y.imag))

    return rule


def _product(build: Scalars, x: Complex, y: Complex) -> Complex:
    ac, bd = build.op("mul", x.real, y.real), build.op("mul", x.imag, y.imag)
    ad, bc = build.op("mul", x.real, y.imag), build.op("mul", x.imag, y.real)
    return Complex(build.op("sub", ac, bd), build.op("add", ad, bc), x.dtype)


def _quotient(build: Scalars, x: Complex, y: Complex) -> Complex:
    """The quotient of scaled operands, and the scale; that of complex64 in float64."""
    if x.real.dtype != DOUBLE:
        return build.converted(_smith(build, *(build.converted(z, WIDE) for z in (x, y))), x.dtype)
    a, b, of_x = _scaled(build, x.real, x.imag)
    c, d, of_y = _scaled(build, y.real, y.imag)
    up, down = of_x(SCALE, 1 / SCALE, 1.0), of_y(1 / SCALE, SCALE, 1.0)
    one = _constant(build, 1, up)
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
    scale = build.op("div", _constant(build, 1, a),
                     build.op("add", large, build.op("mul", small, ratio)))
    real = build.op("add", along, build.op("mul", across, ratio))
    turned = build.op("mul", along, ratio)
    imag = build.select(wide, build.op("sub", across, turned), build.op("sub", turned, across))
    by_zero = _both(build, wide, _is_zero(build, size))
    real, imag = (
        build.select(by_zero, build.op("div", part, size), build.op("mul", scaled, scale))
        for part, scaled in ((a, real), (b, imag)))
    return Complex(real, imag, x.dtype)


def _direction(build: Scalars, z: Complex) -> Complex:
    """z / |z|, 0 for 0, along an axis for one infinite part."""
    if z.real.dtype != DOUBLE:
        return build.converted(_direction(build, build.converted(z, WIDE)), z.dtype)
    parts = (z.real, z.imag)
    infinite = [_is_infinite(build, part) for part in parts]
    either, both = build.op("or", *infinite), _both(build, *infinite)

    def along(part: Any, is_infinite: Any) -> Any:
        one = build.op("copysign", _constant(build, 1, part), part)
        end = build.select(is_infinite, one, _constant(build, 0, part))
        end = build.select(both, _constant(build, math.nan, part), end)
        return build.select(either, end, part)

    x, y, _ = _scaled(build, *map(along, parts, infinite))
    length = build.op("sqrt", _sum_of_squares(build, x, y))
    length = build.select(_is_zero(build, length), _constant(build, 1, x), length)
    return Complex(build.op("div", x, length), build.op("div", y, length), z.dtype)


# ---- modulus, root, logarithm --------------------------------------------------------------------
def _modulus(build: Scalars, z: Complex) -> Any:
    x, y = z.real, z.imag
    infinite = build.op("or", _is_infinite(build, x), _is_infinite(build, y))
    if x.dtype == DOUBLE:
        u, v, choose = _scaled(build, x, y)
        root = build.op("sqrt", _sum_of_squares(build, u, v))
        out = build.op("mul", root, choose(SCALE, 1 / SCALE, 1.0))
    else:
        root = build.op("sqrt", _sum_of_squares(build, *_in_double(build, z)))
        out = build.op("convert", root, dtype=x.dtype)
    return build.select(infinite, _constant(build, math.inf, x), out)


def _root(build: Scalars, z: Complex) -> Complex:
    """The larger part as the root of (|x| + |z|) / 2, the smaller one by division."""
    if z.real.dtype != DOUBLE:
        return build.converted(_root(build, build.converted(z, WIDE)), z.dtype)
    x, y = z.real, z.imag
    size = build.op("max", build.op("abs", x), build.op("abs", y))
    tiny = build.op("lt", size, _constant(build, 2.0**-1000, x))
    up = build.select(tiny, _constant(build, 2.0**108, x), _constant(build, 1, x))
    down = build.select(tiny, _constant(build, 2.0**-54, x), _constant(build, 1, x))
    u, v = (build.op("mul", build.op("abs", part), up) for part in (x, y))
    modulus = _modulus(build, Complex(u, v, z.dtype))
    large = build.op("sqrt", build.op("add", _halved(build, u), _halved(build, modulus)))
    small = build.op("div", _halved(build, v), large)
    small = build.select(_is_zero(build, large), large, small)
    large, small = (build.op("mul", part, down) for part in (large, small))
    right = build.op("ge", x, _constant(build, 0, x))
    real, imag = build.select(right, large, small), build.select(right, small, large)
    endless = _is_infinite(build, y)
    return Complex(build.select(endless, _constant(build, math.inf, x), real),
                   build.select(endless, y, build.op("copysign", imag, y)), z.dtype)


def _log_of_modulus(build: Scalars, x: Any, y: Any) -> Any:
    """log |z| for parts in float64; |z|^2 - 1 is kept with its rounding errors around 1."""
    u, v, choose = _scaled(build, x, y)
    squares = _sum_of_squares(build, u, v)
    far = build.op("sub", _halved(build, build.op("log", squares)),
                   choose(-math.log(SCALE), math.log(SCALE)))
    wide = build.op("ge", build.op("abs", u), build.op("abs", v))
    large, small = build.select(wide, u, v), build.select(wide, v, u)
    parts = [build.op("mul", part, part) for part in (large, small)]
    errors = [build.op("fma", part, part, build.op("neg", square))
              for part, square in zip((large, small), parts, strict=True)]
    less = build.op("sub", parts[0], _constant(build, 1, x))
    total = build.op("add", less, parts[1])
    kept = build.op("sub", total, less)
    lost = build.op("add", build.op("sub", less, build.op("sub", total, kept)),
                    build.op("sub", parts[1], kept))
    rest = build.op("add", lost, build.op("add", *errors))
    near = _halved(build, build.op("log1p", build.op("add", total, rest)))
    around = _both(build, build.op("gt", squares, _constant(build, 0.5, x)),
                   build.op("lt", squares, _constant(build, 3, x)))
    infinite = build.op("or", _is_infinite(build, x), _is_infinite(build, y))
    return build.select(infinite, _constant(build, math.inf, x), build.select(around, near, far))


def _logarithm(build: Scalars, z: Complex) -> Complex:
    angle = build.op("atan2", z.imag, z.real)
    if z.real.dtype == DOUBLE:
        return Complex(_log_of_modulus(build, z.real, z.imag), angle, z.dtype)
    size = _log_of_modulus(build, *_in_double(build, z))
    return Complex(build.op("convert", size, dtype=z.real.dtype), angle, z.dtype)


def _logarithm_to_base_2(build: Scalars, z: Complex) -> Complex:
    out = _logarithm(build, z)
    base = _constant(build, math.log(2), out.real)
    return Complex(build.op("div", out.real, base), build.op("div", out.imag, base), z.dtype)


# ---- trigonometric and hyperbolic functions ------------------------------------------------------
def _hyperbolic(build: Scalars, x: Any) -> tuple[Part, Part]:
    """The functions f -> sinh(x) f and f -> cosh(x) f, which overflow only if the product does."""
    size = build.op("abs", x)
    far = build.op("gt", size, _constant(build, math.log(float(np.finfo(x.dtype).max)), x))
    half = build.op("exp", _halved(build, size))
    sign = build.op("copysign", _constant(build, 1, x), x)

    def times(function: str, signed: bool) -> Part:
        value = build.op(function, x)

        def part(factor: Any) -> Any:
            twice = build.op("mul", build.op("mul", half, _halved(build, factor)), half)
            if signed:
                twice = build.op("mul", twice, sign)
            return build.select(far, twice, build.op("mul", value, factor))

        return part

    return times("sinh", True), times("cosh", False)


def _sinh(build: Scalars, z: Complex) -> Complex:
    x, y = z.real, z.imag
    by_sinh, by_cosh = _hyperbolic(build, x)
    real, imag = by_sinh(build.op("cos", y)), by_cosh(build.op("sin", y))
    endless = _not(build, _is_finite(build, y))
    real = build.select(_both(build, endless, _is_zero(build, x)), x, real)
    far = _both(build, endless, _is_infinite(build, x))
    real = build.select(far, build.op("abs", x), real)  # of either sign, by the standard
    on_axis = _is_zero(build, y)
    real = build.select(on_axis, build.op("sinh", x), real)
    return Complex(real, build.select(on_axis, y, imag), z.dtype)


def _cosh(build: Scalars, z: Complex) -> Complex:
    x, y = z.real, z.imag
    by_sinh, by_cosh = _hyperbolic(build, x)
    real, imag = by_cosh(build.op("cos", y)), by_sinh(build.op("sin", y))
    endless = _not(build, _is_finite(build, y))
    far = _both(build, endless, _is_infinite(build, x))
    real = build.select(far, build.op("abs", x), real)
    level = _both(build, endless, _is_zero(build, x))
    imag = build.select(level, x, imag)
    signed = build.op("mul", build.op("copysign", _constant(build, 1, x), x), y)
    return Complex(real, build.select(_is_zero(build, y), signed, imag), z.dtype)


def _tanh(build: Scalars, z: Complex) -> Complex:
    """(sinh x cosh x + i sin y cos y) / (sinh^2 x + cos^2 y); 1 and its distance far out."""
    x, y = z.real, z.imag
    sine, cosine = build.op("sin", y), build.op("cos", y)
    turn = build.op("mul", sine, cosine)
    sinh = build.op("sinh", x)
    below = _sum_of_squares(build, sinh, cosine)
    near = (build.op("div", build.op("mul", sinh, build.op("cosh", x)), below),
            build.op("div", turn, below))
    size = build.op("abs", x)
    decay = build.op("exp", build.op("mul", size, _constant(build, -2, x)))
    distance = build.op("mul", build.op("mul", turn, _constant(build, 4, x)), decay)
    distance = build.select(_is_infinite(build, x),
                            build.op("copysign", _constant(build, 0, x), y), distance)
    one = build.op("copysign", _constant(build, 1, x), x)
    endless = _not(build, _is_finite(build, y))
    lost = _both(build, endless, _is_finite(build, x))
    nan = _constant(build, math.nan, x)
    level = _both(build, endless, _is_zero(build, x))
    real = build.select(level, x, near[0])
    far = build.op("gt", size, _constant(build, 22 if x.dtype == DOUBLE else 11, x))
    imag = build.select(far, distance, near[1])
    return Complex(build.select(far, build.select(lost, nan, one), real),
                   build.select(_is_zero(build, y), y, imag), z.dtype)


def _turned(function: Callable[..., Complex]) -> Callable[..., Complex]:
    """i f(-i z)."""

    def rule(build: Scalars, z: Complex) -> Complex:
        out = function(build, Complex(z.imag, build.op("neg", z.real), z.dtype))
        return Complex(build.op("neg", out.imag), out.real, z.dtype)

    return rule


def _cos(build: Scalars, z: Complex) -> Complex:
    return _cosh(build, Complex(build.op("neg", z.imag), z.real, z.dtype))


_RULES: dict[str, Callable[..., Any]] = {
    "neg": _negated, "add": _by_parts("add"), "sub": _by_parts("sub"), "mul": _product,
    "div": _quotient, "eq": _compared("eq", "and"), "ne": _compared("ne", "or"),
    "abs": _modulus, "sign": _direction, "sqrt": _root, "log": _logarithm,
    "log2": _logarithm_to_base_2,
    "sinh": _sinh, "cosh": _cosh, "tanh": _tanh,
    "sin": _turned(_sinh), "cos": _cos, "tan": _turned(_tanh),
}  # fmt: skip

COMPLEX = frozenset([*_RULES, "select"])
"""The operations of complex scalars; others go to the host."""

COSTS = {"div": 40, "abs": 20, "sign": 40, "sqrt": 40, "log": 80, "log2": 90, "sinh": 80,
         "cosh": 80, "tanh": 80, "sin": 80, "cos": 80, "tan": 80}
"""Instructions of those that are more than a few."""
