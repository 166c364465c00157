"""`jax._src.lax.parallel`: where along a mapped axis an extreme value is."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot import lax
from ingot.core.interpreter import to_array


def _first(x: Any, extreme: Any, axis_name: Any) -> Any:
    """The first position along an axis where a value is the extreme one."""
    x = to_array(x)
    none = lax.full_like(x, np.iinfo(np.int32).max, np.int32)
    here = lax.broadcast_in_dim(lax.axis_index(axis_name), x.shape, ())
    return lax.pmin(lax.select(lax.eq(x, extreme), here, none), axis_name)


def pargmax(x: Any, axis_name: Any) -> Any:
    """The position along a mapped axis of the largest value."""
    return _first(x, lax.pmax(x, axis_name), axis_name)


def pargmin(x: Any, axis_name: Any) -> Any:
    """The position along a mapped axis of the smallest value."""
    return _first(x, lax.pmin(x, axis_name), axis_name)
