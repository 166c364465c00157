"""Rounding, signs, real and imaginary parts, neighbors and extrema, elementwise."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ingot import dtypes
from ingot.numpy import primitives as lax
from ingot.numpy.creation import concrete_int
from ingot.numpy.elementary import degrees
from ingot.numpy.families import alias, binary, kind_of, like, named, unary, unary_inexact
from ingot.numpy.promotion import as_array, convert, inexact, promote

# ---- rounding ----

def _rounding(name: str, op: Callable[..., Any], doc: str) -> Callable[..., Any]:
    """Integers and booleans are unchanged."""

    def function(x: Any, /) -> Any:
        x = as_array(name, x)
        return x if kind_of(x) in "biu" else op(x)

    return named(function, name, doc)


def _parts(op: Callable[..., Any]) -> Callable[..., Any]:
    """A rounding of complex numbers rounds both parts."""

    def both(x: Any) -> Any:
        if kind_of(x) == "c":
            return lax.complex(op(lax.real(x)), op(lax.imag(x)))
        return op(x)

    return both


def _trunc(x: Any) -> Any:
    return lax.select(lax.lt(x, like(x, 0)), lax.ceil(x), lax.floor(x))


floor = _rounding("floor", lax.floor, "Largest integer not above x.")
ceil = _rounding("ceil", lax.ceil, "Smallest integer not below x.")
trunc = _rounding("trunc", _trunc, "The integer next to x towards 0.")
rint = unary_inexact("rint", _parts(lambda x: lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN)),
                "The nearest integer, the even one at ties.")


def round(a: Any, decimals: int = 0, out: None = None) -> Any:
    """Nearest number with so many decimals, the even one at ties.

    >>> jnp.round(2.567, 1)
    Array(2.6, dtype=float64, weak_type=True)
    """
    a, decimals = as_array("round", a), concrete_int("round", decimals, "decimals")
    to_even = _parts(lambda x: lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN))
    if kind_of(a) in "biu":
        if decimals >= 0:
            return a
        return _round_integer(a, 10 ** -decimals)
    if decimals == 0:
        return to_even(a)
    return _parts(lambda x: _round_float(x, decimals))(a)


def _round_integer(x: Any, unit: int) -> Any:
    """The nearest multiple of a unit, the even one at ties, in integers."""
    limits = None if kind_of(x) == "b" else dtypes.iinfo(x.aval.dtype)
    if limits is None or unit > limits.max:  # less than half a unit, or it is out of range
        return like(x, 0)
    rest = lax.rem(x, like(x, unit))
    whole, rest = lax.sub(x, rest), lax.abs(rest) if kind_of(x) == "i" else rest
    odd = lax.ne(lax.rem(lax.div(whole, like(x, unit)), like(x, 2)), like(x, 0))
    up = lax.bitwise_or(lax.gt(rest, like(x, unit // 2)),
                        lax.bitwise_and(lax.eq(rest, like(x, unit // 2)), odd))
    step = like(x, unit)
    if kind_of(x) == "i":
        step = lax.select(lax.lt(x, like(x, 0)), lax.neg(step), step)
    return lax.add(whole, lax.select(up, step, like(x, 0)))


def _round_float(x: Any, decimals: int) -> Any:
    """The nearest decimal number; the number itself where it has no more digits."""
    dtype, weak = x.aval.dtype, x.aval.weak_type
    wide = convert(x, dtypes.float32) if dtype in (dtypes.float16, dtypes.bfloat16) else x
    unit = like(wide, 10.0 ** decimals)
    scaled = lax.mul(wide, unit)
    out = lax.div(lax.round(scaled, lax.RoundingMethod.TO_NEAREST_EVEN), unit)
    return convert(lax.select(lax.is_finite(scaled), out, wide), dtype, weak)


around = alias(round, "around")


# ---- signs, parts, neighbors ----


def _sign(x: Any) -> Any:
    sign = lax.sign(x)
    return lax.add(sign, like(x, 0)) if kind_of(x) == "f" else sign  # of -0 it is 0


sign = unary("sign", _sign, "Sign: -1, 0 or 1; x / |x| of complex numbers.")
def conjugate(x: Any, /) -> Any:
    """Complex conjugate; real arrays are unchanged.

    >>> jnp.conjugate(1 + 2j)
    Array(1.-2.j, dtype=complex128, weak_type=True)
    """
    x = as_array("conjugate", x)
    return lax.conj(x) if kind_of(x) == "c" else x


conj = alias(conjugate, "conj")


def real(val: Any, /) -> Any:
    """Real part.

    >>> jnp.real(1 + 2j)
    Array(1., dtype=float64, weak_type=True)
    """
    x = as_array("real", val)
    return lax.real(x) if kind_of(x) == "c" else x


def imag(val: Any, /) -> Any:
    """Imaginary part; zeros for real arrays.

    >>> jnp.imag(1 + 2j)
    Array(2., dtype=float64, weak_type=True)
    """
    x = as_array("imag", val)
    return lax.imag(x) if kind_of(x) == "c" else like(x, 0)


def angle(z: Any, deg: bool = False) -> Any:
    """Argument of complex numbers in radians, or degrees if `deg`.

    >>> jnp.angle(1j)
    Array(1.57079633, dtype=float64)
    """
    z = as_array("angle", z)
    z = convert(z, z.aval.dtype if kind_of(z) in "fc" else dtypes.default_float())
    out = lax.atan2(imag(z), real(z))
    return degrees(out) if deg else out


def signbit(x: Any, /) -> Any:
    """Whether the sign bit is set: true for -0 and negative numbers.

    >>> jnp.signbit(-0.0)
    Array(True, dtype=bool)
    """
    x = as_array("signbit", x)
    kind = kind_of(x)
    if kind in "bu":
        return convert(like(x, 0), dtypes.bool_)
    if kind == "i":
        return lax.lt(x, like(x, 0))
    if kind == "c":
        raise ValueError(f"signbit: the argument must be real, got {x.aval}")
    bits = {8: dtypes.int8, 16: dtypes.int16, 32: dtypes.int32, 64: dtypes.int64}
    word = lax.bitcast_convert_type(x, bits[dtypes.itemsize_bits(x.aval.dtype)])
    return lax.lt(word, like(word, 0))


def copysign(x1: Any, x2: Any, /) -> Any:
    """The absolute value of `x1` with the sign of `x2`.

    >>> jnp.copysign(1.0, -0.0)
    Array(-1., dtype=float64, weak_type=True)
    """
    x, y = promote("copysign", x1, x2, kind="inexact")
    if kind_of(x) == "c":
        raise TypeError(f"copysign: the arguments must be real, got {x.aval}")
    size = lax.abs(x)
    return lax.select(signbit(y), lax.neg(size), size)


def nextafter(x: Any, y: Any, /) -> Any:
    """The number next to `x` towards `y`.

    >>> jnp.nextafter(0.0, 1.0) > 0
    Array(True, dtype=bool)
    """
    return lax.nextafter(*promote("nextafter", x, y, kind="inexact"))


def spacing(x: Any, /) -> Any:
    """Distance from x to the next number away from zero, with the sign of x; positive at -0.

    >>> jnp.spacing(1.0)
    Array(2.22044605e-16, dtype=float64)
    """
    x = inexact("spacing", x)
    x = convert(x, x.aval.dtype)
    away = lax.select(lax.lt(x, like(x, 0)), like(x, -math.inf), like(x, math.inf))
    return lax.select(lax.is_finite(x), lax.sub(lax.nextafter(x, away), x), like(x, math.nan))


def heaviside(x1: Any, x2: Any, /) -> Any:
    """0 where x1 < 0, x2 where x1 = 0, 1 where x1 > 0.

    >>> jnp.heaviside(0.0, 0.5)
    Array(0.5, dtype=float64, weak_type=True)
    """
    x, y = promote("heaviside", x1, x2, kind="inexact")
    zero = like(x, 0)
    side = lax.select(lax.lt(x, zero), zero, lax.select(lax.gt(x, zero), like(x, 1), y))
    return lax.select(lax.ne(x, x), x, side)


# ---- extrema ----

def _nan_first(op: Callable[..., Any]) -> Callable[..., Any]:
    """Complex numbers are ordered by their parts, of which one may be nan without the other."""
    def extremum(x: Any, y: Any) -> Any:
        if kind_of(x) != "c":
            return op(x, y)
        return lax.select(lax.ne(x, x), x, lax.select(lax.ne(y, y), y, op(x, y)))

    return extremum


maximum = binary("maximum", _nan_first(lax.max), """The larger of two numbers, nan if either is.

    >>> jnp.maximum(1, 2)
    Array(2, dtype=int64, weak_type=True)
    """)
minimum = binary("minimum", _nan_first(lax.min), """The smaller of two numbers, nan if either is.

    >>> jnp.minimum(1, 2)
    Array(1, dtype=int64, weak_type=True)
    """)


def fmax(x1: Any, x2: Any) -> Any:
    """The larger of two numbers; the other one where one is nan.

    >>> jnp.fmax(float("nan"), 2.0)
    Array(2., dtype=float64, weak_type=True)
    """
    x, y = promote("fmax", x1, x2)
    return lax.select(lax.ne(x, x), y, lax.select(lax.ne(y, y), x, lax.max(x, y)))


def fmin(x1: Any, x2: Any) -> Any:
    """The smaller of two numbers; the other one where one is nan.

    >>> jnp.fmin(float("nan"), 2.0)
    Array(2., dtype=float64, weak_type=True)
    """
    x, y = promote("fmin", x1, x2)
    return lax.select(lax.ne(x, x), y, lax.select(lax.ne(y, y), x, lax.min(x, y)))


def isinf(x: Any, /) -> Any:
    """Whether an element is infinite.

    >>> jnp.isinf(float("inf"))
    Array(True, dtype=bool)
    """
    x = as_array("isinf", x)
    if kind_of(x) == "c":
        return lax.bitwise_or(isinf(lax.real(x)), isinf(lax.imag(x)))
    if kind_of(x) != "f":
        return convert(lax.ne(x, x), dtypes.bool_)
    return lax.eq(lax.abs(x), like(x, math.inf))
