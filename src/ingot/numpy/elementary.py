"""Elementary functions, elementwise: exponentials, logarithms, trigonometry."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.api.eager import replayed
from ingot.numpy import primitives as lax
from ingot.numpy.families import alias, binary, kind_of, like, unary_inexact
from ingot.numpy.promotion import aval_of, convert, inexact, promote, promote_shapes

# ---- exponentials and logarithms ----

exp = unary_inexact("exp", lax.exp, """Exponential, elementwise.

    >>> jnp.exp(0.0)
    Array(1., dtype=float64, weak_type=True)
    """, loop=np.exp)
exp2 = unary_inexact("exp2", lax.exp2, """2 to the power of x.

    >>> jnp.exp2(3.0)
    Array(8., dtype=float64, weak_type=True)
    """)
expm1 = unary_inexact("expm1", lax.expm1, """exp(x) - 1, accurate near 0.

    >>> jnp.expm1(0.0)
    Array(0., dtype=float64, weak_type=True)
    """, loop=np.expm1)
log = unary_inexact("log", lax.log, """Natural logarithm; nan for negative reals, -inf for 0.

    >>> jnp.log(1.0)
    Array(0., dtype=float64, weak_type=True)
    """, loop=np.log)
log1p = unary_inexact("log1p", lax.log1p, """log(1 + x), accurate near 0.

    >>> jnp.log1p(0.0)
    Array(0., dtype=float64, weak_type=True)
    """)


def _log_base(name: str, base: float, doc: str) -> Callable[..., Any]:
    def op(x: Any) -> Any:
        logarithm = lax.log(convert(x, x.aval.dtype))
        if kind_of(x) == "c":
            parts = lax.real(logarithm), lax.imag(logarithm)
            return lax.complex(*(lax.div(p, like(p, math.log(base))) for p in parts))
        return _whole(lax.div(logarithm, like(logarithm, math.log(base))))

    return unary_inexact(name, op, doc)


def _whole(x: Any) -> Any:
    """A logarithm that is a whole number but for rounding errors as that number."""
    nearest = lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN)
    error = lax.sub(nearest, x)
    eps = float(dtypes.finfo(x.aval.dtype).eps)
    near = lax.le(lax.abs(error), lax.mul(lax.abs(nearest), like(x, 2 * eps)))
    near = lax.bitwise_and(near, lax.is_finite(x))
    return lax.add(x, lax.stop_gradient(lax.select(near, error, like(x, 0))))


log2 = _log_base("log2", 2, """Logarithm to base 2, exact for powers of 2.

    >>> jnp.log2(8.0)
    Array(3., dtype=float64)
    """)
log10 = _log_base("log10", 10, """Logarithm to base 10, exact for powers of 10.

    >>> jnp.log10(100.0)
    Array(2., dtype=float64)
    """)


@replayed
def logaddexp(x1: Any, x2: Any, /) -> Any:
    """log(exp(x1) + exp(x2)) without overflow.

    >>> jnp.logaddexp(-float("inf"), 2.0)
    Array(2., dtype=float64, weak_type=True)
    """
    x, y = promote("logaddexp", x1, x2, kind="inexact")
    real = kind_of(x) != "c"
    # One choice for both: so the parts of the derivative agree where x equals y.
    larger = lax.gt(x, y) if real else lax.gt(lax.real(x), lax.real(y))
    high, low = lax.select(larger, x, y), lax.select(larger, y, x)
    delta = lax.sub(low, high)
    if not real:
        out = lax.add(high, lax.log1p(lax.exp(delta)))
        angle = lax.imag(out)  # of a logarithm: between -pi and pi
        turns = lax.ceil(lax.div(lax.sub(angle, like(angle, math.pi)), like(angle, 2 * math.pi)))
        turned = lax.sub(angle, lax.mul(turns, like(angle, 2 * math.pi)))
        return lax.complex(lax.real(out), turned)
    # At equal infinities the difference is nan, and the sum of both is the answer; below, what is
    # added to nothing changes nothing.
    undefined = lax.bitwise_and(lax.ne(delta, delta), lax.eq(x, y))
    safe = lax.select(undefined, like(x, 0), delta)
    both = lax.select(lax.lt(x, like(x, 0)), like(x, -math.inf), lax.add(x, y))
    return lax.select(undefined, both, lax.add(high, lax.log1p(lax.exp(safe))))


def logaddexp2(x1: Any, x2: Any, /) -> Any:
    """log2(2**x1 + 2**x2) without overflow.

    >>> jnp.logaddexp2(3.0, 3.0)
    Array(4., dtype=float64, weak_type=True)
    """
    x, y = promote("logaddexp2", x1, x2, kind="inexact")
    scale = like(x, math.log(2))
    return lax.div(logaddexp(lax.mul(x, scale), lax.mul(y, scale)), scale)


def frexp(x: Any, /) -> tuple[Any, Any]:
    """Mantissa in [0.5, 1) and exponent: x = m * 2**e.

    >>> jnp.frexp(8.0)
    (Array(0.5, dtype=float64), Array(4, dtype=int32))
    """
    x = inexact("frexp", x)
    x = convert(x, x.aval.dtype)
    if kind_of(x) == "c":
        raise TypeError(f"frexp: the argument must be real, got {x.aval}")
    bits, info, small = _bits(x)
    mantissa_bits = info.nmant
    bias = (1 << (info.bits - info.nmant - 2)) - 1
    special = lax.bitwise_or(lax.eq(x, like(x, 0)), lax.bitwise_not(lax.is_finite(x)))
    field = lax.bitwise_and(lax.shift_right_logical(bits, like(bits, mantissa_bits)),
                            like(bits, (1 << (info.bits - info.nmant - 1)) - 1))
    exponent = lax.sub(convert(field, dtypes.int32), like(convert(field, dtypes.int32), bias - 1))
    exponent = lax.sub(exponent, lax.select(small, like(exponent, info.nmant + 1),
                                            like(exponent, 0)))
    keep = ((1 << info.bits) - 1) ^ (((1 << (info.bits - info.nmant - 1)) - 1) << mantissa_bits)
    half = lax.bitwise_or(lax.bitwise_and(bits, like(bits, keep)),
                          like(bits, (bias - 1) << mantissa_bits))
    mantissa = lax.bitcast_convert_type(half, x.aval.dtype)
    return (lax.select(special, x, mantissa), lax.select(special, like(exponent, 0), exponent))


def _bits(x: Any) -> tuple[Any, Any, Any]:
    """Bits of a float after scaling subnormals up, its limits, and where it was scaled."""
    info = dtypes.finfo(x.aval.dtype)
    small = lax.lt(lax.abs(x), like(x, float(info.smallest_normal)))
    scaled = lax.select(small, lax.mul(x, like(x, 2.0 ** (info.nmant + 1))), x)
    integer = {16: dtypes.uint16, 32: dtypes.uint32, 64: dtypes.uint64}[info.bits]
    return lax.bitcast_convert_type(scaled, integer), info, small


def ldexp(x1: Any, x2: Any, /) -> Any:
    """x1 * 2**x2, elementwise; exact where it does not leave the range of normal numbers.

    >>> jnp.ldexp(0.5, 4)
    Array(8., dtype=float64)
    """
    if dtypes.kind(aval_of("ldexp", x2, 1).dtype) not in "iu":
        raise ValueError(
            f"ldexp: the exponent must be of integer dtype, got {aval_of('ldexp', x2)}")
    x = inexact("ldexp", x1)
    x, n = promote_shapes("ldexp", convert(x, x.aval.dtype), x2)
    # Three powers of two that are normal numbers reach from the least to the largest number.
    most = -int(dtypes.finfo(x.aval.dtype).minexp)
    info = dtypes.iinfo(n.aval.dtype)
    n = lax.clamp(like(n, max(-3 * most, int(info.min))), n, like(n, min(3 * most, int(info.max))))
    n = convert(n, dtypes.int32)
    for _ in range(3):
        part = lax.clamp(like(n, -most), n, like(n, most))
        n = lax.sub(n, part)
        x = lax.mul(x, lax.exp2(convert(part, x.aval.dtype, x.aval.weak_type)))
    return x


# ---- trigonometry ----

sin = unary_inexact("sin", lax.sin, """Sine of x radians.

    >>> jnp.sin(0.0)
    Array(0., dtype=float64, weak_type=True)
    """, loop=np.sin)
cos = unary_inexact("cos", lax.cos, """Cosine of x radians.

    >>> jnp.cos(0.0)
    Array(1., dtype=float64, weak_type=True)
    """, loop=np.cos)
tan = unary_inexact("tan", lax.tan, """Tangent of x radians.

    >>> jnp.tan(0.0)
    Array(0., dtype=float64, weak_type=True)
    """, loop=np.tan)
arcsin = unary_inexact(
    "arcsin", lax.asin, "Inverse sine in radians, in [-pi/2, pi/2]; nan outside [-1, 1].")
arccos = unary_inexact(
    "arccos", lax.acos, "Inverse cosine in radians, in [0, pi]; nan outside [-1, 1].")
arctan = unary_inexact("arctan", lax.atan, "Inverse tangent in radians, in [-pi/2, pi/2].")
sinh = unary_inexact("sinh", lax.sinh, "Hyperbolic sine.", loop=np.sinh)
cosh = unary_inexact("cosh", lax.cosh, "Hyperbolic cosine.", loop=np.cosh)
tanh = unary_inexact("tanh", lax.tanh, "Hyperbolic tangent.", loop=np.tanh)
arcsinh = unary_inexact("arcsinh", lax.asinh, "Inverse hyperbolic sine.")
arccosh = unary_inexact("arccosh", lax.acosh, "Inverse hyperbolic cosine; nan below 1.")
arctanh = unary_inexact("arctanh", lax.atanh, "Inverse hyperbolic tangent; nan outside [-1, 1].")
arctan2 = binary("arctan2", lax.atan2, """Angle in radians of the vector (x2, x1), in [-pi, pi].

    >>> jnp.arctan2(0.0, 1.0)
    Array(0., dtype=float64, weak_type=True)
    """, "inexact")
asin, acos, atan = alias(arcsin, "asin"), alias(arccos, "acos"), alias(arctan, "atan")
atan2, asinh = alias(arctan2, "atan2"), alias(arcsinh, "asinh")
acosh, atanh = alias(arccosh, "acosh"), alias(arctanh, "atanh")
degrees = unary_inexact(
    "degrees", lambda x: lax.mul(x, like(x, 180 / math.pi)), "Radians to degrees.")
radians = unary_inexact(
    "radians", lambda x: lax.mul(x, like(x, math.pi / 180)), "Degrees to radians.")
deg2rad, rad2deg = alias(radians, "deg2rad"), alias(degrees, "rad2deg")


def sinc(x: Any, /) -> Any:
    """sin(pi x) / (pi x), and 1 at 0, with all derivatives.

    >>> jnp.sinc(0.0)
    Array(1., dtype=float64, weak_type=True)
    """
    x = inexact("sinc", x)
    scaled = lax.mul(x, like(x, math.pi))
    # Near 0 the Taylor series has the right derivatives of every order that matters.
    near = lax.lt(lax.abs(scaled), lax.abs(like(x, 0.02)))
    safe = lax.select(near, like(x, 1), scaled)
    small = lax.select(near, scaled, like(x, 0))
    squared, series = lax.mul(small, small), like(x, 0)
    for n in range(5, -1, -1):
        series = lax.add(lax.mul(series, squared), like(x, (-1) ** n / math.factorial(2 * n + 1)))
    return lax.select(near, series, lax.div(lax.sin(safe), safe))
