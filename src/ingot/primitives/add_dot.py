"""The sum of an array and a contraction, which BLAS adds in place; only the compiler makes it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot.core.avals import ShapedArray
from ingot.core.primitive import NoRule, Primitive
from ingot.primitives.dot import dot_general_p
from ingot.primitives.dot_loops import add_dot_kernel

_LATE = NoRule("programs are transformed before they are compiled")


def _type(total: ShapedArray, x: ShapedArray, y: ShapedArray, **params: Any) -> ShapedArray:
    return total.update(weak_type=total.weak_type and x.weak_type and y.weak_type)


def _eval(total: np.ndarray, x: np.ndarray, y: np.ndarray, **params: Any) -> np.ndarray:
    return np.add(total, dot_general_p.rule("eval")(x, y, **params))


add_dot_p = Primitive(
    "add_dot", type=_type, eval=_eval, jvp=_LATE, transpose=_LATE, batch=_LATE,
    kernel=add_dot_kernel, in_place=True, register=False)

__all__ = ["add_dot_p"]
