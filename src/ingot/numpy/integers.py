"""Functions of integers, elementwise: bitwise operations, shifts, common divisors and multiples."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot import dtypes
from ingot.control.while_loop import fori_loop
from ingot.numpy import primitives as lax
from ingot.numpy.families import alias, binary, kind_of, like, unary
from ingot.numpy.promotion import as_array, convert, promote

# ---- bits ----

bitwise_and = binary("bitwise_and", lax.bitwise_and, """Compute the and of pairs of bits.

    {x, y: bits}

    >>> jnp.bitwise_and(0b1100, 0b1010)
    Array(8, dtype=int64, weak_type=True)
    """, loop=np.bitwise_and)
bitwise_or = binary("bitwise_or", lax.bitwise_or, """Compute the or of pairs of bits.

    {x, y: bits}

    >>> jnp.bitwise_or(0b1100, 0b1010)
    Array(14, dtype=int64, weak_type=True)
    """, loop=np.bitwise_or)
bitwise_xor = binary("bitwise_xor", lax.bitwise_xor, """Compute the exclusive or of pairs of bits.

    {x, y: bits}

    >>> jnp.bitwise_xor(0b1100, 0b1010)
    Array(6, dtype=int64, weak_type=True)
    """, loop=np.bitwise_xor)
bitwise_not = unary("bitwise_not", lax.bitwise_not, """Invert each bit.

    x: [...] integers or booleans -> [...] of the same dtype; of a signed integer it is -x - 1.
    Raises TypeError for other dtypes.

    >>> jnp.bitwise_not(np.array([0, 5], "uint8"))
    Array([255, 250], dtype=uint8)
    """, loop=np.bitwise_not)
invert = unary("invert", lax.bitwise_not, """Invert each bit.

    x: [...] integers or booleans -> [...] of the same dtype; of a signed integer it is -x - 1.
    Raises TypeError for other dtypes.

    >>> jnp.invert(np.array([0, 5]))
    Array([-1, -6], dtype=int64)
    """, loop=np.invert)
bitwise_invert = alias(invert, "bitwise_invert")
left_shift = binary("left_shift", lax.shift_left, """Shift the bits of x left by y places.

    x, y: [...] integers or booleans, broadcast -> [...] of the dtype they promote to, of booleans
    int32; 0 if y is negative or not below the number of bits. Raises TypeError for other dtypes,
    ValueError if the shapes do not broadcast.

    >>> jnp.left_shift(3, np.array([0, 2, 64]))
    Array([ 3, 12,  0], dtype=int64)
    """, "numeric")
bitwise_left_shift = alias(left_shift, "bitwise_left_shift")


def right_shift(x1: Any, x2: Any, /) -> Any:
    """Shift the bits of x1 right by x2 places; the sign bit of signed integers is repeated.

    x1, x2: [...] integers or booleans, broadcast -> [...] of the dtype they promote to, of booleans
    int32; -1 for negative x1, else 0, if x2 is negative or not below the number of bits. Raises
    TypeError for other dtypes, ValueError if the shapes do not broadcast.

    >>> jnp.right_shift(np.array([-8, 8]), 1)
    Array([-4,  4], dtype=int64)
    """
    x, y = promote("right_shift", x1, x2, kind="numeric")
    return (lax.shift_right_logical if kind_of(x) == "u" else lax.shift_right_arithmetic)(x, y)


bitwise_right_shift = alias(right_shift, "bitwise_right_shift")


def bitwise_count(x: Any, /) -> Any:
    """Count the ones in the binary form of the absolute value.

    x: [...] integers or booleans -> uint8 [...]. Raises TypeError for other dtypes.

    >>> jnp.bitwise_count(np.array([7, -8]))
    Array([3, 1], dtype=uint8)
    """
    x = as_array("bitwise_count", x)
    if kind_of(x) not in "biu":
        raise TypeError(f"bitwise_count: the argument must be of integer dtype, got {x.aval}")
    x = convert(x, dtypes.uint8) if kind_of(x) == "b" else lax.abs(x) if kind_of(x) == "i" else x
    return convert(lax.population_count(x), dtypes.uint8)


# ---- number theory ----


def gcd(x1: Any, x2: Any) -> Any:
    """Compute the greatest common divisor, elementwise, by Euclid's algorithm.

    x1, x2: [...] integers, broadcast -> [...] of the dtype they promote to; not negative, and
    gcd(0, n) is |n|. Raises ValueError for other dtypes, and if the shapes do not broadcast.

    >>> jnp.gcd(np.array([12, 0]), -18)
    Array([ 6, 18], dtype=int64)
    """
    x, y = promote("gcd", x1, x2)
    if kind_of(x) not in "iu":
        raise ValueError(f"gcd: the arguments must be of integer dtype, got {x.aval}")

    # Euclid's worst case, consecutive Fibonacci numbers, takes 1.44 steps a bit.
    def step(_: Any, pair: Any) -> Any:
        a, b = pair
        zero = lax.eq(b, like(b, 0))
        return (lax.select(zero, a, b),
                lax.select(zero, b, lax.rem(a, lax.select(zero, like(b, 1), b))))

    # The size is taken last: that of the smallest integer is no integer, its remainders' are.
    out = fori_loop(0, int(1.45 * dtypes.itemsize_bits(x.aval.dtype)) + 2, step, (x, y))[0]
    return lax.abs(out) if kind_of(x) == "i" else out


def lcm(x1: Any, x2: Any) -> Any:
    """Compute the least common multiple, elementwise.

    x1, x2: [...] integers, broadcast -> [...] of the dtype they promote to; not negative, and 0 if
    either is 0. Raises ValueError for other dtypes, and if the shapes do not broadcast.

    >>> jnp.lcm(np.array([4, 0]), -6)
    Array([12,  0], dtype=int64)
    """
    x, y = promote("lcm", x1, x2)
    divisor = gcd(x, y)
    if kind_of(x) == "i":
        x, y = lax.abs(x), lax.abs(y)
    none = lax.eq(divisor, like(divisor, 0))
    return lax.mul(x, lax.div(y, lax.select(none, like(divisor, 1), divisor)))
