"""What slopes of logarithms and exponentials in a scale are made of, without cancellation."""

from __future__ import annotations

import math
from typing import Any

from ingot import numpy as jnp


def log1p_excess(z: Any) -> Any:
    """(log(1 + z) - z / (1 + z)) / z^2 for z > -1, which is 1/2 at 0.

    Near 0 by log(1 + z) = 2 artanh(w) with w = z / (2 + z).
    """
    small = abs(z) < 0.6
    near, far = jnp.where(small, z, 0), jnp.where(small, 1, z)
    w = near / (2 + near)
    square = w * w
    series = sum(square**k * 2 / (2 * k + 3) for k in reversed(range(20)))
    series = 1 / ((1 + near) * (2 + near)) + series * near / (2 + near) ** 3
    return jnp.where(small, series, (jnp.log1p(far) / far - 1 / (1 + far)) / far)


def exprel_derivative(out: Any, x: Any) -> Any:
    """(exp(x) - exprel(x)) / x, by its series near 0."""
    near, below = abs(x) < 0.5, x <= -0.5
    small, series = jnp.where(near, x, 0), 0 * x
    for k in range(16, -1, -1):
        series = series * small + (k + 1) / math.factorial(k + 2)
    low, high = jnp.where(below, x, -1), jnp.where(near | below, 1, x)
    low = (jnp.exp(low) - jnp.expm1(low) / low) / low
    high = jnp.exp(high) * (1 + jnp.expm1(-high) / high) / high
    return jnp.where(near, series, jnp.where(below, low, high))
