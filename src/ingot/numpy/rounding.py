"""Rounding, signs, real and imaginary parts, neighbors and extrema, elementwise."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ingot import dtypes
from ingot.numpy import primitives as lax
from ingot.numpy.concrete import concrete_int
from ingot.numpy.elementary import degrees
from ingot.numpy.families import (
    alias,
    binary,
    check_real,
    kind_of,
    like,
    named,
    unary,
    unary_inexact,
)
from ingot.numpy.promotion import as_array, convert, inexact, promote, unsupported

# ---- rounding ----

def _rounding(name: str, op: Callable[..., Any], doc: str) -> Callable[..., Any]:
    """Integers and booleans are unchanged."""

    def function(x: Any, /) -> Any:
        x = as_array(name, x)
        check_real(name, x)
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


floor = _rounding("floor", lax.floor, """Return the largest integer not above x, elementwise.

    x: [...] real -> [...] of the same dtype. Raises TypeError for complex numbers.

    >>> jnp.floor(np.array([-1.5, 1.5]))
    Array([-2.,  1.], dtype=float64)
    """)
ceil = _rounding("ceil", lax.ceil, """Return the smallest integer not below x, elementwise.

    x: [...] real -> [...] of the same dtype. Raises TypeError for complex numbers.

    >>> jnp.ceil(np.array([-1.5, 1.5]))
    Array([-1.,  2.], dtype=float64)
    """)
trunc = _rounding("trunc", _trunc, """Return the nearest integer towards 0, elementwise.

    x: [...] real -> [...] of the same dtype. Raises TypeError for complex numbers.

    >>> jnp.trunc(np.array([-1.5, 1.5]))
    Array([-1.,  1.], dtype=float64)
    """)
rint = unary_inexact("rint", _parts(lambda x: lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN)),
                     """Return the nearest integer, the even one at ties, elementwise.

    {x} Of complex numbers both parts are rounded.

    >>> jnp.rint(np.array([0.5, 1.5, 2.6]))
    Array([0., 2., 3.], dtype=float64)
    """)


def round(a: Any, decimals: int = 0, out: None = None) -> Any:
    """Round to a number of decimals, the even digit at ties.

    a: [...] of any dtype; decimals: a Python int, negative for tens, hundreds and so on -> [...] of
    the same dtype; of complex numbers both parts are rounded. out: must be None. The decimals are
    those of a * 10**decimals, itself rounded. Raises TypeError if `decimals` is no integer.

    >>> jnp.round(np.array([2.567, 0.25]), 1), jnp.round(1250, -2)
    (Array([2.6, 0.2], dtype=float64), Array(1200, dtype=int64, weak_type=True))
    """
    unsupported("round", out=out)
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


sign = unary("sign", _sign, """Return the sign, elementwise: -1, 0 or 1.

    x: [...] of any dtype but booleans -> [...] of the same dtype; of complex numbers it is x / |x|.
    Raises TypeError for booleans.

    >>> jnp.sign(np.array([-2.5, 0.0, np.nan]))
    Array([-1.,  0., nan], dtype=float64)
    """)


def conjugate(x: Any, /) -> Any:
    """Return the complex conjugate, elementwise.

    x: [...] of any dtype -> [...] of the same dtype; real arrays are unchanged.

    >>> jnp.conjugate(np.array([1 + 2j, 3]))
    Array([1.-2.j, 3.-0.j], dtype=complex128)
    """
    x = as_array("conjugate", x)
    return lax.conj(x) if kind_of(x) == "c" else x


conj = alias(conjugate, "conj")


def real(val: Any, /) -> Any:
    """Return the real parts.

    val: [...] of any dtype -> [...] of the dtype of the parts; real arrays are unchanged.

    >>> jnp.real(np.array([1 + 2j, 3]))
    Array([1., 3.], dtype=float64)
    """
    x = as_array("real", val)
    return lax.real(x) if kind_of(x) == "c" else x


def imag(val: Any, /) -> Any:
    """Return the imaginary parts, zeros for real arrays.

    val: [...] of any dtype -> [...] of the dtype of the parts.

    >>> jnp.imag(np.array([1 + 2j, 3]))
    Array([2., 0.], dtype=float64)
    """
    x = as_array("imag", val)
    return lax.imag(x) if kind_of(x) == "c" else like(x, 0)


def angle(z: Any, deg: bool = False) -> Any:
    """Return the angle of complex numbers with the positive real axis, elementwise.

    z: [...] of any dtype; deg: whether in degrees -> [...] floats, radians in [-pi, pi] or degrees
    in [-180, 180].

    >>> jnp.angle(np.array([1j, -1]), deg=True)
    Array([ 90., 180.], dtype=float64)
    """
    z = as_array("angle", z)
    z = convert(z, z.aval.dtype if kind_of(z) in "fc" else dtypes.default_float())
    out = lax.atan2(imag(z), real(z))
    return degrees(out) if deg else out


def signbit(x: Any, /) -> Any:
    """Return whether the sign bit is set, elementwise: for negative numbers and -0.

    x: [...] real -> booleans [...]. Raises ValueError for complex numbers.

    >>> jnp.signbit(np.array([-0.0, 0.0, -1.0]))
    Array([ True, False,  True], dtype=bool)
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
    """Return the absolute value of x1 with the sign of x2, elementwise.

    x1, x2: [...] real, broadcast -> [...] of the float dtype they promote to. Raises TypeError for
    complex numbers, ValueError if the shapes do not broadcast.

    >>> jnp.copysign(np.array([1.0, -2.0]), -0.0)
    Array([-1., -2.], dtype=float64)
    """
    x, y = promote("copysign", x1, x2, kind="inexact")
    check_real("copysign", x)
    size = lax.abs(x)
    return lax.select(signbit(y), lax.neg(size), size)


def nextafter(x: Any, y: Any, /) -> Any:
    """Return the number next to x in the direction of y, elementwise.

    x, y: [...] real, broadcast -> [...] of the float dtype they promote to. Raises TypeError for
    complex numbers, ValueError if the shapes do not broadcast.

    >>> jnp.nextafter(1.0, 2.0) - 1.0
    Array(2.22044605e-16, dtype=float64, weak_type=True)
    """
    x, y = promote("nextafter", x, y, kind="inexact")
    check_real("nextafter", x)
    return lax.nextafter(x, y)


def spacing(x: Any, /) -> Any:
    """Return the distance to the next number away from 0, with the sign of x, elementwise.

    x: [...] real -> [...] of the same dtype, of integers the default float; positive at -0, nan for
    infinities. Raises TypeError for complex numbers.

    >>> jnp.spacing(np.array([1.0, -1000.0]))
    Array([ 2.22044605e-16, -1.13686838e-13], dtype=float64)
    """
    x = inexact("spacing", x)
    check_real("spacing", x)
    x = convert(x, x.aval.dtype)
    away = lax.select(lax.lt(x, like(x, 0)), like(x, -math.inf), like(x, math.inf))
    return lax.select(lax.is_finite(x), lax.sub(lax.nextafter(x, away), x), like(x, math.nan))


def heaviside(x1: Any, x2: Any, /) -> Any:
    """Return 0 where x1 < 0, x2 where x1 = 0 and 1 where x1 > 0.

    x1, x2: [...] real, broadcast -> [...] of the float dtype they promote to. Raises TypeError for
    complex numbers, ValueError if the shapes do not broadcast.

    >>> jnp.heaviside(np.array([-1.5, 0.0, 2.0]), 0.5)
    Array([0. , 0.5, 1. ], dtype=float64)
    """
    x, y = promote("heaviside", x1, x2, kind="inexact")
    check_real("heaviside", x)
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


maximum = binary("maximum", _nan_first(lax.max), """Return the larger number, nan if either is.

    {x, y: same} Complex numbers are ordered by real, then imaginary part.

    >>> jnp.maximum(np.array([1.0, np.nan]), 2.0)
    Array([ 2., nan], dtype=float64)
    """)
minimum = binary("minimum", _nan_first(lax.min), """Return the smaller number, nan if either is.

    {x, y: same} Complex numbers are ordered by real, then imaginary part.

    >>> jnp.minimum(np.array([1.0, np.nan]), 2.0)
    Array([ 1., nan], dtype=float64)
    """)


def fmax(x1: Any, x2: Any) -> Any:
    """Return the larger of two numbers, the other one where one is nan.

    x1, x2: [...] of any dtype, broadcast -> [...] of the dtype they promote to. Raises ValueError
    if the shapes do not broadcast.

    >>> jnp.fmax(np.array([1.0, np.nan]), 2.0)
    Array([2., 2.], dtype=float64)
    """
    x, y = promote("fmax", x1, x2)
    return lax.select(lax.ne(x, x), y, lax.select(lax.ne(y, y), x, lax.max(x, y)))


def fmin(x1: Any, x2: Any) -> Any:
    """Return the smaller of two numbers, the other one where one is nan.

    x1, x2: [...] of any dtype, broadcast -> [...] of the dtype they promote to. Raises ValueError
    if the shapes do not broadcast.

    >>> jnp.fmin(np.array([1.0, np.nan]), 2.0)
    Array([1., 2.], dtype=float64)
    """
    x, y = promote("fmin", x1, x2)
    return lax.select(lax.ne(x, x), y, lax.select(lax.ne(y, y), x, lax.min(x, y)))


def isinf(x: Any, /) -> Any:
    """Return whether numbers are infinite, elementwise.

    x: [...] of any dtype -> booleans [...]; of a complex number, whether either part is.

    >>> jnp.isinf(np.array([np.inf, np.nan, 1.0]))
    Array([ True, False, False], dtype=bool)
    """
    x = as_array("isinf", x)
    if kind_of(x) == "c":
        return lax.bitwise_or(isinf(lax.real(x)), isinf(lax.imag(x)))
    if kind_of(x) != "f":
        return convert(lax.ne(x, x), dtypes.bool_)
    return lax.eq(lax.abs(x), like(x, math.inf))
