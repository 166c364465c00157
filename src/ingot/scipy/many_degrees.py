"""Student's distribution with many degrees of freedom: its slopes in their number.

The slope is of the order 1 / df^2, where formulas in df lose all digits by cancellation. With
u^2 = df log(1 + t^2 / df) and s = u^2 / df, the density is that of a normal u times
sqrt(s / (1 - exp(-s))), whose powers of s are integrated one by one (Temme, 1992): the
distribution is the normal one of u, less the normal density times a sum of powers of 1 / df.
"""

from __future__ import annotations

import math
from typing import Any

from ingot import numpy as jnp
from ingot.control.custom_jvp import custom_jvp
from ingot.scipy.log_excess import log1p_excess
from ingot.scipy.stats.common import log1p_square

FEWEST = 200.0
"""Degrees of freedom from which the sum is used."""
LARGEST = 0.5
"""The s up to which it is."""

# Of s^k in sqrt(s / (1 - exp(-s))).
COEFFICIENTS = (
    1.0, 0.25, 1 / 96, -1 / 384, -1 / 10240, 5.1540798611111111e-5, 1.2756024718915344e-6,
    -1.1100970878802910e-6, -1.9670584004181823e-8, 2.4836319884715678e-8, 3.3966619960386745e-10,
    -5.6900718339421876e-10, -6.3372301556671302e-12)


def deviation(v: Any) -> Any:
    """log(1 + q) - q / (1 + q) for q = v^2, about q^2 / 2 for small v."""
    small = abs(v) < 0.75
    near, far = jnp.where(small, v, 0), jnp.where(small, 1, v)
    q = near * near
    return jnp.where(small, q * q * log1p_excess(q), log1p_square(far) - 1 / (1 + 1 / far / far))


@custom_jvp
def log_power(y: Any, df: Any) -> Any:
    """df log(1 + y^2 / df)."""
    return df * log1p_square(y / jnp.sqrt(df))


def _power_slope(y: Any, df: Any) -> Any:
    """2 y / (1 + y^2 / df), also where the square overflows."""
    far = abs(y) > 1
    near, large = jnp.where(far, 0, y), jnp.where(far, y, 1)
    return jnp.where(far, 2 / (1 / large + large / df), 2 * near / (1 + near * (near / df)))


log_power.defjvps(lambda t, out, y, df: t * _power_slope(y, df),
                  lambda t, out, y, df: t * deviation(y / jnp.sqrt(df)))


def many(df: Any, t: Any) -> Any:
    """Whether the slope at t is `tail_slope`."""
    return (df >= FEWEST) & (jnp.log1p(t / df * t) < LARGEST)


def tail_slope(df: Any, t: Any, log_tail: Any = 0) -> Any:
    """The derivative in df of the probability beyond |t|, divided by exp(log_tail)."""
    q = t / df * t
    s = jnp.log1p(q)
    u = jnp.sqrt(df) * jnp.sqrt(s)
    power, double, part = u / df, 1 / df, u / df
    total, rate, norm, norm_rate = 0, 0, 1, 0
    for k, c in enumerate(COEFFICIENTS[1:], 1):  # part: of an integral from -infinity to u
        total, rate = total + c * part, rate + k * c * part
        norm, norm_rate = norm + c * double, norm_rate + k * c * double
        power = power * s
        double = double * (2 * k + 1) / df
        part = power + part * (2 * k + 1) / df
    at_fixed_u = (rate - total * norm_rate / norm) / df
    height = sum(c * s**k for k, c in enumerate(COEFFICIENTS))
    of_u = height * deviation(t / jnp.sqrt(df)) / (2 * u)
    density = jnp.exp(-u * u / 2 - log_tail) / math.sqrt(2 * math.pi)
    return -density * (of_u + at_fixed_u) / norm
