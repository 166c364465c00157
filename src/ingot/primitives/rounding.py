"""Rounding to integers, elementwise: floor, ceil, round, and is_finite."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np

from ingot.core.primitive import ZERO
from ingot.kernel.rules import Lowering, elementwise
from ingot.primitives.families import FLOAT, unary
from ingot.primitives.numerics import widened


class RoundingMethod(IntEnum):
    """What `round` does with numbers halfway between two integers."""

    AWAY_FROM_ZERO = 0
    TO_NEAREST_EVEN = 1


# ---- floor, ceil ---------------------------------------------------------------------------------
floor_p = unary("floor", FLOAT, eval=widened(np.floor), jvp=ZERO, kernel="floor")
ceil_p = unary("ceil", FLOAT, eval=widened(np.ceil), jvp=ZERO, kernel="ceil")


def floor(x: Any) -> Any:
    """The largest integer not above each element, as a float; its derivative is zero.

    x: floating [...] -> same type. Raises TypeError for other dtypes.

    >>> lax.floor(-1.5)
    Array(-2., dtype=float64, weak_type=True)
    """
    return floor_p.bind(x)


def ceil(x: Any) -> Any:
    """The smallest integer not below each element, as a float; its derivative is zero.

    x: floating [...] -> same type. Raises TypeError for other dtypes.

    >>> lax.ceil(-1.5)
    Array(-1., dtype=float64, weak_type=True)
    """
    return ceil_p.bind(x)


# ---- round ---------------------------------------------------------------------------------------
def _round_away(x: np.ndarray) -> np.ndarray:
    whole = np.trunc(x)
    return whole + np.copysign((np.abs(x - whole) >= 0.5).astype(x.dtype), x)


def _round_eval(x: np.ndarray, *, rounding_method: RoundingMethod) -> np.ndarray:
    even = rounding_method == RoundingMethod.TO_NEAREST_EVEN
    return widened(np.rint if even else _round_away)(x)


def _round_scalar(build: Lowering, x: Any, *, out_dtype: Any,
                  rounding_method: RoundingMethod) -> Any:
    even = rounding_method == RoundingMethod.TO_NEAREST_EVEN
    return build.op("rint" if even else "round_away", x)


round_p = unary("round", FLOAT, eval=_round_eval, jvp=ZERO,
                kernel=elementwise(_round_scalar, cost=1))


def round(x: Any, rounding_method: RoundingMethod = RoundingMethod.AWAY_FROM_ZERO) -> Any:
    """The nearest integer to each element, as a float; its derivative is zero.

    x: floating [...]; rounding_method: a RoundingMethod -> same type. Halves go away from zero, or
    to even numbers. Raises TypeError for other dtypes, ValueError for an unknown method.

    >>> lax.round(2.5), lax.round(2.5, lax.RoundingMethod.TO_NEAREST_EVEN)
    (Array(3., dtype=float64, weak_type=True), Array(2., dtype=float64, weak_type=True))
    """
    return round_p.bind(x, rounding_method=RoundingMethod(rounding_method))


# ---- is_finite -----------------------------------------------------------------------------------
is_finite_p = unary("is_finite", FLOAT, eval=widened(np.isfinite), jvp=ZERO, kernel="is_finite",
                    result=lambda _: np.dtype(np.bool_))


def is_finite(x: Any) -> Any:
    """Whether each element is neither infinite nor nan.

    x: floating [...] -> bool [...]. Raises TypeError for other dtypes.

    >>> lax.is_finite(float("inf"))
    Array(False, dtype=bool)
    """
    return is_finite_p.bind(x)


__all__ = ["RoundingMethod", "ceil", "ceil_p", "floor", "floor_p", "is_finite", "is_finite_p",
           "round", "round_p"]
