"""What the slopes of logarithms in a scale are made of, without cancellation."""

from __future__ import annotations

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
