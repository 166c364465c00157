"""What distributions share: promotion of arguments, functions that follow from a logarithm."""

from __future__ import annotations

import math
from typing import Any

from ingot.numpy import primitives as lax
from ingot.scipy.special_table import real as real

INF, NAN = math.inf, math.nan
LOG_2PI = math.log(2 * math.pi)


def exp(x: Any) -> Any:
    """Exponential of an array."""
    return lax.exp(x)
