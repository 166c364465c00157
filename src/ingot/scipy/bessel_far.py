"""Bessel functions at large arguments, by Debye's expansions, which hold for all orders below.

SciPy's are nan there, or lose the phase (DLMF 10.19.6 and 10.41.3 and 4). Formulas are in powers of
1 / x, so that they have no pole at order 0.
"""

from __future__ import annotations

import math
from typing import Any

from ingot import numpy as jnp
from ingot.numpy.families import kind_of, like
from ingot.primitives.bessel import STEP
from ingot.primitives.convert import in_double_parts

FAR, FAR_OF_WAVES = 1e8, 1e4
"""From there on SciPy's modified functions are replaced, and the others, whose series has more
terms, where orders are less than half of the argument."""


def is_far(v: Any, x: Any) -> Any:
    """Where the modified functions below hold."""
    return (abs(x) > FAR) & (abs(v) < abs(x) / 2)


def is_far_wave(v: Any, x: Any) -> Any:
    """Where the others do."""
    return (abs(x) > FAR_OF_WAVES) & (abs(v) < abs(x) / 2)


def of_order(fun: Any, order: int) -> tuple[Any, Any]:
    """Where the function of x of order 0 or 1 is `fun`, and the function."""
    return lambda x: abs(x) > FAR_OF_WAVES, lambda x: fun(like(x, order), x)


def _parity(v: Any, x: Any) -> Any:
    """1, but for negative x -1 for odd orders, and nan for those that are not whole."""
    odd = jnp.where(v / 2 == jnp.floor(v / 2), 1.0, -1.0)
    return jnp.where(x > 0, 1.0, jnp.where(v == jnp.floor(v), odd, math.nan))


# ---- modified ----
def unscaled(scaled: Any, v: Any, x: Any) -> Any:
    """I_v(x) of real numbers by that times exp(-|x|), in steps, as exp(|x|) may overflow first."""
    def value(v: Any, x: Any) -> Any:
        size = abs(x)
        infinite = size > 1e4
        x = jnp.where(infinite, jnp.sign(x), x)
        rest = jnp.where(infinite, size, size - STEP)
        return jnp.where(infinite, _parity(v, x), math.exp(STEP) * scaled(v, x)) * jnp.exp(rest)

    return in_double_parts(value, v, x)


def _modified(v: Any, x: Any) -> tuple[Any, Any, Any]:
    """The exponent, the root of x in the denominator, and the term of order 1 / x."""
    ratio = v / x
    q = jnp.sqrt(1 + ratio * ratio)
    exponent = v * (jnp.arcsinh(ratio) - ratio / (1 + q))
    slant = ratio / q
    return exponent, jnp.sqrt(x) * jnp.sqrt(q), (3 - 5 * slant * slant) / (24 * q) / x


def ive(v: Any, x: Any) -> Any:
    """I_v(x) exp(-|x|) of real numbers."""
    def value(v: Any, x: Any) -> Any:
        exponent, root, term = _modified(v, abs(x))
        return _parity(v, x) * jnp.exp(-exponent) * (1 + term) / root / math.sqrt(2 * math.pi)

    return in_double_parts(value, v, x)


def kve(v: Any, x: Any) -> Any:
    """K_v(x) exp(x) of real or complex numbers; nan for negative ones."""
    def value(v: Any, x: Any) -> Any:
        exponent, root, term = _modified(v, x)
        return jnp.exp(exponent) * (1 - term) / root * math.sqrt(math.pi / 2)

    return in_double_parts(value, v, x)


# ---- of the first and second kind, and Hankel's ----
def _wave(v: Any, x: Any) -> tuple[Any, Any, Any, Any]:
    """The size, the angle by which the phase is less than x, and the series of even terms and of
    odd ones."""
    ratio = v / x
    q = jnp.sqrt(1 - ratio * ratio)
    delay = v * (jnp.arccos(ratio) + ratio / (1 + q)) + math.pi / 4
    square, step = (ratio / q) ** 2, 1 / (q * x)
    even = 1 - step * step * (81 + square * (462 + square * 385)) / 1152
    cubic = 30375 + square * (369603 + square * (765765 + square * 425425))
    odd = step * ((3 + 5 * square) / 24 - step * step * cubic / 414720)
    return math.sqrt(2 / math.pi) / (jnp.sqrt(x) * jnp.sqrt(q)), delay, even, odd


def _real_wave(v: Any, x: Any, second: bool) -> Any:
    """The cosine of x less the delay, or its sine, by those of both: their difference would lose
    digits. It vanishes at infinity."""
    endless = abs(x) == math.inf
    x = jnp.where(endless, like(x, 1), abs(x))
    size, delay, even, odd = _wave(v, x)
    cosine = jnp.cos(x) * jnp.cos(delay) + jnp.sin(x) * jnp.sin(delay)
    sine = jnp.sin(x) * jnp.cos(delay) - jnp.cos(x) * jnp.sin(delay)
    out = sine * even - cosine * odd if second else cosine * even + sine * odd
    return jnp.where(endless, 0.0, size * out)


def jv(v: Any, x: Any) -> Any:
    """J_v(x), also of complex numbers."""
    if kind_of(x) == "c":
        return (hankel(v, x, 1) + hankel(v, x, -1)) / 2
    return in_double_parts(lambda v, x: _parity(v, x) * _real_wave(v, x, False), v, x)


def yv(v: Any, x: Any) -> Any:
    """Y_v(x), also of complex numbers; nan for negative ones."""
    if kind_of(x) == "c":
        return (hankel(v, x, 1) - hankel(v, x, -1)) / 2j
    return in_double_parts(
        lambda v, x: jnp.where(x > 0, _real_wave(v, x, True), math.nan), v, x)


def hankel(v: Any, z: Any, sign: int) -> Any:
    """Hankel's function of the first kind, or for sign -1 of the second, of complex z."""
    return hankel_e(v, z, sign) * jnp.exp(like(z, sign * 1j) * z)


def hankel_e(v: Any, z: Any, sign: int) -> Any:
    """Hankel's function of the first kind times exp(-i z), or for sign -1 of the second, times
    exp(i z), of complex z."""
    def value(v: Any, z: Any) -> Any:
        size, delay, even, odd = _wave(v, z)
        turn = like(z, -sign * 1j)
        return size * jnp.exp(turn * delay) * (even + turn * odd)

    return in_double_parts(value, v, z)
