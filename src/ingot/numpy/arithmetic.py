"""Arithmetic, elementwise: sums, products, quotients, remainders, powers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot import dtypes
from ingot.config import config
from ingot.core.array import Array, fetch
from ingot.numpy import primitives as lax
from ingot.numpy.families import (
    alias,
    binary,
    check_real,
    kind_of,
    like,
    unary,
    unary_inexact,
    with_loop,
)
from ingot.numpy.promotion import (
    as_array,
    aval_of,
    convert,
    inexact,
    promote,
    promote_shapes,
    unsupported,
)
from ingot.numpy.rounding import isinf, signbit, trunc

# ---- arithmetic ----

def _add(x: Any, y: Any) -> Any:
    return lax.bitwise_or(x, y) if x.aval.dtype == dtypes.bool_ else lax.add(x, y)


def _mul(x: Any, y: Any) -> Any:
    return lax.bitwise_and(x, y) if x.aval.dtype == dtypes.bool_ else lax.mul(x, y)


add = binary("add", _add, """Add, elementwise; of booleans it is the logical or.

    {x, y: same}

    >>> jnp.add(np.array([1, 2]), 0.5)
    Array([1.5, 2.5], dtype=float64, weak_type=True)
    """, loop=np.add)
subtract = binary("subtract", lax.sub, """Subtract, elementwise.

    {x, y: same} Raises TypeError for two booleans.

    >>> jnp.subtract(np.uint8(1), np.uint8(2))
    Array(255, dtype=uint8)
    """, loop=np.subtract)
multiply = binary("multiply", _mul, """Multiply, elementwise; of booleans it is the logical and.

    {x, y: same} Integers are taken modulo 2 to the number of their bits.

    >>> jnp.multiply(np.array([1, 2]), 2.5)
    Array([2.5, 5. ], dtype=float64, weak_type=True)
    """, loop=np.multiply)
divide = binary("divide", lax.div, """Divide, elementwise; x / 0 is inf or -inf, 0 / 0 nan.

    {x, y: inexact}

    >>> jnp.divide(np.array([1, 2]), np.array([4, 0]))
    Array([0.25,  inf], dtype=float64)
    """, "inexact", loop=np.true_divide)
true_divide = alias(divide, "true_divide")
negative = unary("negative", lax.neg, """Negate, elementwise.

    x: [...] of any dtype but booleans -> [...] of the same dtype; unsigned integers are taken
    modulo 2 to the number of their bits. Raises TypeError for booleans.

    >>> jnp.negative(np.array([0.0, 2.0]))
    Array([-0., -2.], dtype=float64)
    """, loop=np.negative)


def positive(x: Any, /) -> Any:
    """Return the array itself.

    x: [...] of any dtype -> [...] of the same dtype.

    >>> jnp.positive(np.array([-2, 3]))
    Array([-2,  3], dtype=int64)
    """
    return as_array("positive", x)


def _absolute(x: Any, /) -> Any:
    """Compute the absolute value, elementwise; of a complex number it is the modulus.

    x: [...] of any dtype -> [...] of the same dtype, of complex numbers the dtype of their parts.
    The modulus does not overflow where it can be represented.

    >>> jnp.absolute(np.array([3 + 4j, -2]))
    Array([5., 2.], dtype=float64)
    """
    x = as_array("absolute", x)
    return x if kind_of(x) in "bu" else lax.abs(x)


absolute = with_loop(_absolute, "absolute", np.absolute)

abs = alias(absolute, "abs")


def fabs(x: Any, /) -> Any:
    """Compute the absolute value as a float, elementwise.

    x: [...] real -> [...] of the same dtype, of integers and booleans the default float. Raises
    TypeError for complex numbers.

    >>> jnp.fabs(np.array([-2, 3]))
    Array([2., 3.], dtype=float64)
    """
    x = inexact("fabs", x)
    if kind_of(x) == "c":
        raise TypeError(f"fabs: the argument must be real, got {x.aval}; use abs")
    return lax.abs(x)


def floor_divide(x1: Any, x2: Any, /) -> Any:
    """Return the largest integer not above the quotient, elementwise.

    x1, x2: [...] real, broadcast -> [...] of the dtype they promote to, of booleans int32. Raises
    TypeError for complex numbers, ValueError if the shapes do not broadcast. Of signed integers 0
    by 0 is -1 and others by 0 are -2, of unsigned ones the largest value, as with XLA. Where an
    operand is infinite, it is the floor of the quotient of floats, as in the array API standard:
    `inf // 2` is inf, `-1 // inf` is -0; Python, NumPy and JAX give nan and -1.

    >>> jnp.floor_divide(np.array([-7, 7]), 2)
    Array([-4,  3], dtype=int64)
    """
    x, y = promote("floor_divide", x1, x2, kind="numeric")
    check_real("floor_divide", x)
    if kind_of(x) == "u":
        return lax.div(x, y)
    if kind_of(x) == "i":
        quotient = lax.div(x, y)
        below = lax.bitwise_and(lax.ne(lax.sign(x), lax.sign(y)),
                                lax.ne(lax.rem(x, y), like(x, 0)))
        return lax.select(below, lax.sub(quotient, like(x, 1)), quotient)
    quotient = _float_divmod(x, y)[0]
    finite = lax.bitwise_and(lax.is_finite(x), lax.is_finite(y))
    return lax.select(finite, quotient, lax.floor(lax.div(x, y)))


def _float_divmod(x: Any, y: Any) -> tuple[Any, Any]:
    zero = like(x, 0)
    rest = lax.rem(x, y)
    quotient = lax.div(lax.sub(x, rest), y)
    adjust = lax.bitwise_and(lax.ne(rest, zero), lax.ne(lax.lt(rest, zero), lax.lt(y, zero)))
    quotient = lax.select(adjust, lax.sub(quotient, like(x, 1)), quotient)
    quotient = lax.round(quotient, lax.RoundingMethod.TO_NEAREST_EVEN)
    quotient = lax.add(quotient, zero)  # of numbers with the same sign it is never -0
    outer = lax.bitwise_or(lax.eq(x, zero), lax.eq(y, zero))
    return lax.select(outer, lax.div(x, y), quotient), _float_remainder(rest, y)


def _rem(x: Any, y: Any) -> Any:
    """Truncated remainder; of integers by zero it is 0."""
    if kind_of(x) == "f":
        return lax.rem(x, y)
    return lax.rem(x, lax.select(lax.eq(y, like(y, 0)), like(y, 1), y))


def remainder(x1: Any, x2: Any, /) -> Any:
    """Return the remainder of `floor_divide`, which has the sign of the divisor, elementwise.

    x1, x2: [...] real, broadcast -> [...] of the dtype they promote to, of booleans int32. Raises
    TypeError for complex numbers, ValueError if the shapes do not broadcast. Integers by 0 give 0,
    floats nan.

    >>> jnp.remainder(np.array([-7, 7]), 4)
    Array([1, 3], dtype=int64)
    """
    x, y = promote("remainder", x1, x2, kind="numeric")
    check_real("remainder", x)
    zero, rest = like(x, 0), _rem(x, y)
    if kind_of(x) == "u":
        return rest
    if kind_of(x) == "f":
        return _float_remainder(rest, y)
    nonzero = lax.ne(rest, zero)
    opposite = lax.ne(lax.lt(rest, zero), lax.lt(y, zero))
    return lax.select(lax.bitwise_and(opposite, nonzero), lax.add(rest, y), rest)


def _float_remainder(rest: Any, y: Any) -> Any:
    """The truncated remainder moved to the side of `y`, computed as if `y` were positive."""
    one, zero = like(y, 1), like(y, 0)
    side = lax.select(lax.lt(y, zero), lax.neg(one), one)
    rest = lax.mul(rest, side)
    lifted = lax.select(lax.lt(rest, zero), lax.mul(y, side), zero)
    return lax.mul(lax.add(rest, lifted), side)  # -0 + 0 is 0


mod = alias(remainder, "mod")


def fmod(x1: Any, x2: Any, /) -> Any:
    """Return the remainder of division towards 0, which has the sign of the dividend, elementwise.

    x1, x2: [...] real, broadcast -> [...] of the dtype they promote to, of booleans int32. Raises
    TypeError for complex numbers, ValueError if the shapes do not broadcast. Integers by 0 give 0,
    floats nan.

    >>> jnp.fmod(np.array([-7, 7]), 4)
    Array([-3,  3], dtype=int64)
    """
    x, y = promote("fmod", x1, x2, kind="numeric")
    check_real("fmod", x)
    return _rem(x, y)


def divmod(x1: Any, x2: Any, /) -> tuple[Any, Any]:
    """Return quotient and remainder of division towards minus infinity, elementwise.

    x1, x2: [...] real, broadcast -> two arrays [...] of the dtype they promote to, of booleans
    int32. Raises TypeError for complex numbers, ValueError if the shapes do not broadcast.

    >>> jnp.divmod(-7.5, 2)
    (Array(-4., dtype=float64, weak_type=True), Array(0.5, dtype=float64, weak_type=True))
    """
    x, y = promote("divmod", x1, x2, kind="numeric")
    check_real("divmod", x)
    if kind_of(x) in "iu":
        return floor_divide(x, y), remainder(x, y)
    return _float_divmod(x, y)


def modf(x: Any, /, out: None = None) -> tuple[Any, Any]:
    """Split numbers into a fractional and a whole part, both with the sign of the number.

    x: [...] real; out: must be None -> two arrays [...] of the dtype of x, of integers the default
    float. Raises TypeError for complex numbers.

    >>> jnp.modf(np.array([-1.5, 2.25]))
    (Array([-0.5 ,  0.25], dtype=float64), Array([-1.,  2.], dtype=float64))
    """
    unsupported("modf", out=out)
    x = inexact("modf", x)
    check_real("modf", x)
    whole = trunc(x)
    # Of negative numbers by their sizes, whose difference is 0, not -0, where they are equal.
    size = lax.sub(lax.neg(x), lax.neg(whole))
    part = lax.select(signbit(x), lax.neg(size), lax.sub(x, whole))
    return lax.select(isinf(x), lax.mul(like(x, 0), lax.sign(x)), part), whole


def reciprocal(x: Any, /) -> Any:
    """Compute 1 / x, elementwise.

    x: [...] of any dtype -> [...] of the same dtype, of integers and booleans the default float.
    The reciprocal of 0 is inf.

    >>> jnp.reciprocal(np.array([4, 0]))
    Array([0.25,  inf], dtype=float64)
    """
    x = inexact("reciprocal", x)
    return lax.div(like(x, 1), x)


# ---- powers ----

def power(x1: Any, x2: Any, /) -> Any:
    """Raise x1 to the power of x2, elementwise.

    x1, x2: [...] of any dtype, broadcast -> [...] of the dtype they promote to, of booleans int32.
    Raises ValueError if the shapes do not broadcast. Python integers as exponents are computed by
    products, as `lax.integer_pow`; integers to negative powers in an array give 0, 1 or -1. Error
    up to 4 ulp. Raises TypeError for integers to a negative Python integer.

    >>> jnp.power(np.array([2, -3]), 3)
    Array([  8, -27], dtype=int64)
    """
    a, b = aval_of("power", x1), aval_of("power", x2, 1)
    if type(x2) is int and b.ndim == 0:
        return _integer_power(as_array("power", x1), x2)
    if type(x2) is Array and b.ndim == 0 and b.weak_type and dtypes.kind(b.dtype) == "i":
        return _integer_power(as_array("power", x1), int(fetch(x2)))
    integers = dtypes.kind(a.dtype) in "biu", dtypes.kind(b.dtype) in "biu"
    if all(integers):
        x, y = promote("power", x1, x2, kind="numeric")
        if kind_of(x) == "f":  # of signed and unsigned ones of 64 bits
            return lax.pow(x, y)
        return _int_by_squaring(x, y)
    if integers[1] and dtypes.kind(b.dtype) != "b":
        # XLA's pow takes integer exponents, which keeps the sign of negative bases exact.
        dtype, weak = dtypes.lattice_promote([a.dtype, b.dtype], [a.weak_type, b.weak_type])
        x, y = promote_shapes("power", convert(x1, dtype, weak), x2)
        return lax.pow(x, y)
    return lax.pow(*promote("power", x1, x2, kind="numeric"))


def _integer_power(x: Any, n: int) -> Any:
    x = _number(x)
    if kind_of(x) in "iu" and n < 0:
        raise TypeError(f"power: integers cannot be raised to negative powers, got {x.aval} ** {n};"
                        " convert to float first")
    return lax.integer_pow(x, n)


def _int_by_squaring(x: Any, n: Any) -> Any:
    """Integer power by at most 64 squarings; with n < 0 it is 1 for 1, ±1 for -1, else 0."""
    one, zero = like(x, 1), like(x, 0)
    result, base, rest = one, x, n
    for _ in range(dtypes.itemsize_bits(x.aval.dtype) - (kind_of(x) == "i")):
        odd = lax.eq(lax.bitwise_and(rest, one), one)
        result = lax.select(odd, lax.mul(result, base), result)
        base, rest = lax.mul(base, base), lax.shift_right_logical(rest, one)
    if kind_of(x) == "u":
        return result
    minus = like(x, -1)
    even = lax.eq(lax.bitwise_and(n, one), zero)
    unit = lax.select(lax.eq(x, one), one, lax.select(
        lax.eq(x, minus), lax.select(even, one, minus), zero))
    return lax.select(lax.lt(n, zero), unit, result)


pow = alias(power, "pow")


def float_power(x: Any, y: Any, /) -> Any:
    """Raise x to the power of y in double precision, elementwise.

    x, y: [...] of any dtype, broadcast -> [...] float64 or complex128; the float dtype they promote
    to where 64-bit types are off, and under the name `jax.numpy`. Raises ValueError if the shapes
    do not broadcast.

    >>> jnp.float_power(np.float32(2), np.array([-1, 0.5]))
    Array([0.5       , 1.41421356], dtype=float64)
    """
    x, y = promote("float_power", x, y, kind="inexact")
    if dtypes.default_float() == dtypes.float64 and not config.match_jax:
        dtype = dtypes.promote_types(x.aval.dtype, dtypes.float64)
        x, y = (convert(v, dtype, v.aval.weak_type) for v in (x, y))
    return lax.pow(x, y)


def _number(x: Any) -> Any:
    return convert(x, dtypes.int32) if kind_of(x) == "b" else x


square = unary("square", lambda x: lax.square(_number(x)),
               """Compute x * x, elementwise.

    x: [...] of any dtype -> [...] of the same dtype, of booleans int32.

    >>> jnp.square(np.array([3 + 4j, -2]))
    Array([-7.+24.j,  4. -0.j], dtype=complex128)
    """)
sqrt = unary_inexact("sqrt", lax.sqrt, """Compute the square root, elementwise.

    {x} Negative reals give nan, complex numbers the principal value. Error 0.5 ulp for real
    numbers.

    >>> jnp.sqrt(np.array([4, 2, -1]))
    Array([2.        , 1.41421356,        nan], dtype=float64)
    """, loop=np.sqrt)
cbrt = unary_inexact("cbrt", lax.cbrt, """Compute the real cube root, elementwise.

    x: [...] real -> [...] of the same dtype, of integers and booleans the default float. Error 1
    ulp. Raises TypeError for complex numbers.

    >>> jnp.cbrt(np.array([-8, 2]))
    Array([-2.        ,  1.25992105], dtype=float64)
    """, loop=np.cbrt)
