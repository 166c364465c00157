"""Lengths of vectors of two components."""

from __future__ import annotations

import math
from typing import Any

from ingot.control.custom_jvp import custom_jvp
from ingot.numpy import primitives as lax
from ingot.numpy.families import kind_of, like
from ingot.numpy.promotion import promote


def hypot(x1: Any, x2: Any, /) -> Any:
    """Compute the length of the vector (x1, x2) without overflow on the way, elementwise.

    x1, x2: [...] real, broadcast -> [...] of the float dtype they promote to; inf where either is
    infinite, also beside nan; derivatives nan where both are 0. Raises ValueError for complex
    numbers, and if the shapes do not broadcast.

    >>> jnp.hypot(np.array([3.0, 3e200]), np.array([4.0, 4e200]))
    Array([5.e+000, 5.e+200], dtype=float64)
    """
    x, y = promote("hypot", x1, x2, kind="inexact")
    if kind_of(x) == "c":
        raise ValueError(f"hypot: the arguments must be real, got {x.aval}")
    return _length(x, y)


@custom_jvp
def _length(x: Any, y: Any) -> Any:
    x, y = lax.abs(x), lax.abs(y)
    infinite, other = lax.eq(x, like(x, math.inf)), lax.eq(y, like(y, math.inf))
    zero = lax.eq(lax.max(x, y), like(x, 0))
    plain = lax.bitwise_not(lax.bitwise_or(zero, lax.bitwise_or(infinite, other)))
    larger = lax.gt(x, y)
    large = lax.select(plain, lax.select(larger, x, y), like(x, 1))
    small = lax.select(plain, lax.select(larger, y, x), like(x, 0))
    ratio = lax.div(small, large)
    length = lax.mul(large, lax.sqrt(lax.add(like(x, 1), lax.integer_pow(ratio, 2))))
    length = lax.select(zero, lax.max(x, y), length)
    return lax.select(infinite, x, lax.select(other, y, length))


@_length.defjvp
def _length_jvp(primals: Any, tangents: Any) -> Any:
    cosine, sine = _direction(*primals)
    dx, dy = tangents
    return _length(*primals), lax.add(lax.mul(cosine, dx), lax.mul(sine, dy))


@custom_jvp
def _direction(x: Any, y: Any) -> tuple[Any, Any]:
    """Cosine and sine of the vector's angle to the first axis; nan where it has no length."""
    sizes = [lax.abs(x), lax.abs(y)]
    inf = like(x, math.inf)
    infinite = lax.eq(lax.max(*sizes), inf)
    scale = lax.select(infinite, like(x, 1), lax.max(*sizes))
    u, v = (lax.div(lax.select(infinite, lax.select(lax.eq(size, inf), lax.sign(c), like(c, 0)), c),
                    scale) for c, size in zip((x, y), sizes, strict=True))
    length = lax.sqrt(lax.add(lax.integer_pow(u, 2), lax.integer_pow(v, 2)))
    return lax.div(u, length), lax.div(v, length)


@_direction.defjvp
def _direction_jvp(primals: Any, tangents: Any) -> Any:
    """By the change of the angle, which is exactly 0 for a change along the vector."""
    cosine, sine = _direction(*primals)
    dx, dy = tangents
    turn = lax.div(lax.sub(lax.mul(cosine, dy), lax.mul(sine, dx)), _length(*primals))
    return (cosine, sine), (lax.neg(lax.mul(sine, turn)), lax.mul(cosine, turn))
