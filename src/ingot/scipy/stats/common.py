"""What distributions share: promotion of arguments, functions that follow from a logarithm."""

from __future__ import annotations

import math
from typing import Any

from ingot.numpy import primitives as lax
from ingot.numpy.families import kind_of
from ingot.numpy.promotion import promote

INF, NAN = math.inf, math.nan
LOG_2PI = math.log(2 * math.pi)


def real(name: str, *args: Any) -> list[Any]:
    """Arguments as floats of one dtype and shape; TypeError for complex numbers."""
    out = promote(name, *args, kind="inexact")
    if kind_of(out[0]) == "c":
        raise TypeError(f"{name}: the arguments must be real, got {out[0].aval}")
    return out


def exp(x: Any) -> Any:
    """Exponential of an array."""
    return lax.exp(x)
