"""What distributions share: promotion of arguments, functions that follow from a logarithm."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ingot.control.while_loop import while_loop
from ingot.numpy import primitives as lax
from ingot.numpy.creation import full_like
from ingot.numpy.elementary import log, log1p
from ingot.numpy.families import kind_of
from ingot.numpy.logic import where
from ingot.numpy.promotion import promote_dtypes
from ingot.numpy.reductions import all as all_
from ingot.numpy.rounding import floor
from ingot.scipy.special_table import real as real

INF, NAN = math.inf, math.nan
LOG_2PI = math.log(2 * math.pi)


def exp(x: Any) -> Any:
    """Exponential of an array."""
    return lax.exp(x)


def real_dtypes(name: str, *args: Any) -> list[Any]:
    """Arguments as floats of one dtype, each in its shape; TypeError for complex numbers."""
    out = promote_dtypes(name, *args, kind="inexact")
    if kind_of(out[0]) == "c":
        raise TypeError(f"{name}: the arguments must be real, got {out[0].aval}")
    return out


def log1p_square(z: Any) -> Any:
    """log(1 + z^2), also where the square overflows."""
    far = abs(z) > 1
    near, large = where(far, 0, z), where(far, z, 1)
    small = 1 / large
    return where(far, 2 * log(abs(large)) + log1p(small * small), log1p(near * near))


def probability(q: Any) -> Any:
    """A number in [0, 1]; nan elsewhere."""
    return where((q >= 0) & (q <= 1), q, NAN)


def first_integer(holds: Callable[[Any], Any], q: Any) -> Any:
    """The smallest whole number from 0 on at which a monotone condition holds, by bisection.

    q, the probability asked for: [...] -> the number as a float; inf where the condition does not
    hold up to 2^62, -1 where it holds before 0, nan for a nan. It is constant, as derivatives go.
    """
    q = lax.stop_gradient(q)

    def doubled(state: tuple[Any, Any]) -> tuple[Any, Any]:
        low, high = state
        missing = ~holds(high) & (high < 2.0**62)
        return where(missing, high, low), where(missing, 2 * high + 1, high)

    def halved(state: tuple[Any, Any]) -> tuple[Any, Any]:
        low, high = state
        middle = floor((low + high) / 2)
        low_side = ~holds(middle)
        return where(low_side, middle, low), where(low_side, high, middle)

    def open_(state: tuple[Any, Any]) -> Any:
        low, high = state
        middle = floor((low + high) / 2)
        return ~all_((middle <= low) | (middle >= high))

    start = (full_like(q, -1), full_like(q, 0))
    low, high = while_loop(lambda s: ~all_(holds(s[1]) | (s[1] >= 2.0**62) | (q != q)),
                           doubled, start)
    _, high = while_loop(open_, halved, (low, high))
    high = where(holds(full_like(q, -1)), -1, where(holds(high), high, INF))
    return where(q == q, high, NAN)
