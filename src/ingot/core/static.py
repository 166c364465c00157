"""Static values: what must be known while tracing, from numbers, arrays and sequences of any type.

Shapes, axes and counts come as tuples, NumPy's arrays, arrays of ours, or objects of packages that
can be iterated over (TensorFlow's TensorShape). Iterating over an array in traced code gives traced
elements, even if its values are known, so the values are taken first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.core.array import Array, fetch
from ingot.core.interpreter import Tracer


def known(x: Any) -> Any:
    """The NumPy data of an array whose value is known; anything else as it is."""
    if isinstance(x, Tracer):
        value = x.concrete()
        return x if value is None else fetch(value)
    return fetch(x) if type(x) is Array else x


def items(x: Any) -> Sequence[Any]:
    """The elements of a shape or of axes; one number counts as a sequence of one.

    What is no number and cannot be iterated over comes back alone, for the caller's error message.
    """
    if type(x) in (tuple, list, range):
        return x
    x = known(x)
    if getattr(x, "ndim", 1) == 0 or not hasattr(x, "__iter__"):
        return (x,)
    return x.tolist() if isinstance(x, np.ndarray) else tuple(x)


__all__ = ["items", "known"]
