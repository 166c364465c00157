"""Elementary functions, elementwise: exponentials, logarithms, trigonometry."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.api.eager import trace_cached
from ingot.numpy import primitives as lax
from ingot.numpy.families import alias, binary, kind_of, like, unary_inexact
from ingot.numpy.promotion import aval_of, convert, inexact, promote, promote_shapes

# ---- exponentials and logarithms ----

exp = unary_inexact("exp", lax.exp, """Compute e to the power x, elementwise.

    {x} Error 1 ulp for real numbers.

    >>> jnp.exp(np.array([0, 1, 1000]))
    Array([1.        , 2.71828183,        inf], dtype=float64)
    """, loop=np.exp)
exp2 = unary_inexact("exp2", lax.exp2, """Compute 2 to the power x, elementwise.

    {x} Error 1 ulp for real numbers.

    >>> jnp.exp2(np.array([3, -1]))
    Array([8. , 0.5], dtype=float64)
    """)
expm1 = unary_inexact("expm1", lax.expm1, """Compute exp(x) - 1, also accurate near 0, elementwise.

    {x} Error 1 ulp for real numbers.

    >>> jnp.expm1(1e-20)
    Array(1.e-20, dtype=float64, weak_type=True)
    """, loop=np.expm1)
log = unary_inexact("log", lax.log, """Compute the natural logarithm, elementwise.

    {x} -inf for 0, nan for negative reals; of complex numbers the principal value. Error 1 ulp for
    real numbers.

    >>> jnp.log(np.array([1, 0, -1]))
    Array([  0., -inf,  nan], dtype=float64)
    """, loop=np.log)
log1p = unary_inexact("log1p", lax.log1p, """Compute log(1 + x), also accurate near 0, elementwise.

    {x} Error 1 ulp for real numbers.

    >>> jnp.log1p(1e-20)
    Array(1.e-20, dtype=float64, weak_type=True)
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


log2 = unary_inexact("log2", lax.log2, """Compute the logarithm to base 2, elementwise.

    {x} Exact for powers of 2; -inf for 0, nan for negative reals.

    >>> jnp.log2(np.array([8, 10]))
    Array([3.        , 3.32192809], dtype=float64)
    """)
log10 = _log_base("log10", 10, """Compute the logarithm to base 10, elementwise.

    {x} Exact for powers of 10; -inf for 0, nan for negative reals.

    >>> jnp.log10(np.array([1e-5, 1000, 2]))
    Array([-5.     ,  3.     ,  0.30103], dtype=float64)
    """)


@trace_cached
def logaddexp(x1: Any, x2: Any, /) -> Any:
    """Compute log(exp(x1) + exp(x2)) without overflow, elementwise.

    x1, x2: [...] of any numeric dtype, broadcast -> [...] of the float or complex dtype they
    promote to, complex results with angles in [-pi, pi]. Raises ValueError if the shapes do not
    broadcast.

    >>> jnp.logaddexp(np.array([1000.0, -np.inf]), 1000.0)
    Array([1000.69314718, 1000.        ], dtype=float64)
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
    """Compute log2(2**x1 + 2**x2) without overflow, elementwise.

    x1, x2: [...] of any numeric dtype, broadcast -> [...] of the float or complex dtype they
    promote to. Raises ValueError if the shapes do not broadcast.

    >>> jnp.logaddexp2(2000.0, 2000.0)
    Array(2001., dtype=float64, weak_type=True)
    """
    x, y = promote("logaddexp2", x1, x2, kind="inexact")
    scale = like(x, math.log(2))
    return lax.div(logaddexp(lax.mul(x, scale), lax.mul(y, scale)), scale)


def frexp(x: Any, /) -> tuple[Any, Any]:
    """Split numbers into mantissa and exponent: x = mantissa * 2**exponent.

    x: [...] real -> mantissa [...] of the dtype of x, of integers the default float, in [0.5, 1) in
    size; exponent [...] int32. Of 0, inf and nan the mantissa is x itself and the exponent 0.
    Raises TypeError for complex numbers.

    >>> jnp.frexp(np.array([8.0, -3.0]))
    (Array([ 0.5 , -0.75], dtype=float64), Array([4, 2], dtype=int32))
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
    exponent = lax.select(special, like(exponent, 0), exponent)
    return ldexp(x, lax.neg(exponent)), exponent


def _bits(x: Any) -> tuple[Any, Any, Any]:
    """Bits of a float after scaling subnormals up, its limits, and where it was scaled."""
    info = dtypes.finfo(x.aval.dtype)
    small = lax.lt(lax.abs(x), like(x, float(info.smallest_normal)))
    scaled = lax.select(small, lax.mul(x, like(x, 2.0 ** (info.nmant + 1))), x)
    integer = {16: dtypes.uint16, 32: dtypes.uint32, 64: dtypes.uint64}[info.bits]
    return lax.bitcast_convert_type(scaled, integer), info, small


def ldexp(x1: Any, x2: Any, /) -> Any:
    """Compute x1 * 2**x2, elementwise, the inverse of `frexp`.

    x1: [...] real or complex; x2: [...] integers, broadcast with x1 -> [...] of the dtype of x1, of
    integers the default float. Exact unless it leaves the range of normal numbers. Raises
    ValueError if x2 are no integers, and if the shapes do not broadcast.

    >>> jnp.ldexp(np.array([0.5, 0.75]), np.array([4, -1]))
    Array([8.   , 0.375], dtype=float64)
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

sin = unary_inexact("sin", lax.sin, """Compute the sine of angles in radians, elementwise.

    {x} Error 1 ulp for real numbers; nan for infinities.

    >>> jnp.sin(np.array([0, np.pi / 2]))
    Array([0., 1.], dtype=float64)
    """, loop=np.sin)
cos = unary_inexact("cos", lax.cos, """Compute the cosine of angles in radians, elementwise.

    {x} Error 1 ulp for real numbers; nan for infinities.

    >>> jnp.cos(np.array([0, np.pi]))
    Array([ 1., -1.], dtype=float64)
    """, loop=np.cos)
tan = unary_inexact("tan", lax.tan, """Compute the tangent of angles in radians, elementwise.

    {x} Error 2 ulp for real numbers; nan for infinities.

    >>> jnp.tan(np.array([0, np.pi / 4]))
    Array([0., 1.], dtype=float64)
    """, loop=np.tan)
arcsin = unary_inexact("arcsin", lax.asin, """Compute the inverse sine in radians, elementwise.

    {x} Real results lie in [-pi/2, pi/2]; reals outside [-1, 1] give nan. Error 1 ulp for real
    numbers.

    >>> jnp.arcsin(np.array([1, 2]))
    Array([1.57079633,        nan], dtype=float64)
    """)
arccos = unary_inexact("arccos", lax.acos, """Compute the inverse cosine in radians, elementwise.

    {x} Real results lie in [0, pi]; reals outside [-1, 1] give nan. Error 1 ulp for real numbers.

    >>> jnp.arccos(np.array([-1, 2]))
    Array([3.14159265,        nan], dtype=float64)
    """)
arctan = unary_inexact("arctan", lax.atan, """Compute the inverse tangent in radians, elementwise.

    {x} Real results lie in [-pi/2, pi/2]. Error 1 ulp for real numbers.

    >>> jnp.arctan(np.array([1, np.inf]))
    Array([0.78539816, 1.57079633], dtype=float64)
    """)
sinh = unary_inexact("sinh", lax.sinh, """Compute the hyperbolic sine, elementwise.

    {x} Error 2 ulp for real numbers.

    >>> jnp.sinh(np.array([0, 1]))
    Array([0.        , 1.17520119], dtype=float64)
    """, loop=np.sinh)
cosh = unary_inexact("cosh", lax.cosh, """Compute the hyperbolic cosine, elementwise.

    {x} Error 2 ulp for real numbers.

    >>> jnp.cosh(np.array([0, 1]))
    Array([1.        , 1.54308063], dtype=float64)
    """, loop=np.cosh)
tanh = unary_inexact("tanh", lax.tanh, """Compute the hyperbolic tangent, elementwise.

    {x} Error 2 ulp for real numbers.

    >>> jnp.tanh(np.array([0, 1, 100]))
    Array([0.        , 0.76159416, 1.        ], dtype=float64)
    """, loop=np.tanh)
arcsinh = unary_inexact("arcsinh", lax.asinh, """Compute the inverse hyperbolic sine.

    {x} Error 2 ulp for real numbers.

    >>> jnp.arcsinh(np.array([0, 1]))
    Array([0.        , 0.88137359], dtype=float64)
    """)
arccosh = unary_inexact("arccosh", lax.acosh, """Compute the inverse hyperbolic cosine.

    {x} Reals below 1 give nan. Error 2 ulp for real numbers.

    >>> jnp.arccosh(np.array([1, 2, 0.5]))
    Array([0.       , 1.3169579,       nan], dtype=float64)
    """)
arctanh = unary_inexact("arctanh", lax.atanh, """Compute the inverse hyperbolic tangent.

    {x} At 1 and -1 it is infinite, reals outside [-1, 1] give nan. Error 2 ulp for real numbers.

    >>> jnp.arctanh(np.array([0.5, 1, 2]))
    Array([0.54930614,        inf,        nan], dtype=float64)
    """)
arctan2 = binary("arctan2", lax.atan2, """Compute the angle of the point (y, x), elementwise.

    {x, y: inexact} The height comes first; the angle is in radians, in [-pi, pi]. Error 1 ulp for
    real numbers.

    >>> jnp.arctan2(np.array([1.0, 0.0]), np.array([0.0, -1.0]))
    Array([1.57079633, 3.14159265], dtype=float64)
    """, "inexact")
asin, acos, atan = alias(arcsin, "asin"), alias(arccos, "acos"), alias(arctan, "atan")
atan2, asinh = alias(arctan2, "atan2"), alias(arcsinh, "asinh")
acosh, atanh = alias(arccosh, "acosh"), alias(arctanh, "atanh")


def _times(factor: float) -> Callable[[Any], Any]:
    return lambda x: lax.mul(x, like(x, factor))


degrees = unary_inexact("degrees", _times(180 / math.pi), """Convert radians to degrees.

    {x}

    >>> jnp.degrees(np.array([np.pi, 1]))
    Array([180.        ,  57.29577951], dtype=float64)
    """)
radians = unary_inexact("radians", _times(math.pi / 180), """Convert degrees to radians.

    {x}

    >>> jnp.radians(np.array([180, 1]))
    Array([3.14159265, 0.01745329], dtype=float64)
    """)
deg2rad, rad2deg = alias(radians, "deg2rad"), alias(degrees, "rad2deg")


def sinc(x: Any, /) -> Any:
    """Compute sin(pi x) / (pi x), elementwise; it is 1 at 0.

    x: [...] of any numeric dtype -> [...] of the same dtype, of integers and booleans the default
    float. Near 0 it is a Taylor series, so that all derivatives are right there.

    >>> jnp.sinc(np.array([0, 0.5, 1]))
    Array([1.        , 0.63661977, 0.        ], dtype=float64)
    """
    x = inexact("sinc", x)
    scaled = lax.mul(x, like(x, math.pi))
    # Near 0 the Taylor series has the right derivatives of every order that matters.
    near = lax.lt(lax.abs(scaled), lax.abs(like(x, 0.02)))
    endless = lax.eq(lax.abs(x), lax.abs(like(x, math.inf)))
    safe = lax.select(lax.bitwise_or(near, endless), like(x, 1), x)
    small = lax.select(near, scaled, like(x, 0))
    squared, series = lax.mul(small, small), like(x, 0)
    for n in range(5, -1, -1):
        series = lax.add(lax.mul(series, squared), like(x, (-1) ** n / math.factorial(2 * n + 1)))
    far = lax.div(_sine_of_turns(safe), lax.mul(safe, like(x, math.pi)))
    return lax.select(near, series, lax.select(endless, like(x, 0), far))


def _sine_of_turns(x: Any) -> Any:
    """sin(pi x), exact at large numbers: whole ones are taken off first."""
    part = lax.real(x) if kind_of(x) == "c" else x
    whole = lax.round(part, lax.RoundingMethod.TO_NEAREST_EVEN)
    odd = lax.ne(lax.mul(whole, like(whole, 0.5)), lax.floor(lax.mul(whole, like(whole, 0.5))))
    rest = lax.sub(x, convert(whole, x.aval.dtype, x.aval.weak_type))
    sine = lax.sin(lax.mul(rest, like(x, math.pi)))
    return lax.select(odd, lax.sub(like(sine, 0), sine), sine)
