"""Pytrees of arrays as one vector, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.array import Array
from ingot.core.interpreter import to_array
from ingot.ops.convert import convert_element_type
from ingot.ops.cutting import concatenate, split
from ingot.ops.movement import reshape
from ingot.ops.shape import constant
from ingot.tree import tree_flatten, tree_unflatten


def ravel_pytree(pytree: Any) -> tuple[Any, Callable[[Any], Any]]:
    """All leaves of a tree in one vector, and the function from such vectors to trees.

    pytree: arrays and numbers -> vector [total size] of their common dtype. The function gives
    each leaf its shape and dtype back; it raises ValueError for vectors of another length and
    TypeError for another dtype, where that would be lost.

    >>> ravel_pytree({"a": 1.0, "b": [2.0, 3.0]})[0]
    Array([1., 2., 3.], dtype=float64)
    """
    leaves, treedef = tree_flatten(pytree)
    if not leaves:
        return _empty(), lambda vector: tree_unflatten(treedef, _check(vector, 0) and [])
    arrays = [to_array(x) for x in leaves]
    types = [x.aval for x in arrays]
    dtype = dtypes.result_type(*leaves)
    vector = concatenate([reshape(convert_element_type(x, dtype), (a.size,))
                          for x, a in zip(arrays, types, strict=True)], 0)
    sizes = [a.size for a in types]
    same = all(a.dtype == dtype for a in types)

    def unravel(vector: Any) -> Any:
        vector = _check(vector, sum(sizes))
        if not same and vector.dtype != dtype:
            raise TypeError(f"unravel: the vector must have the dtype it was raveled to, got"
                            f" {vector.dtype}, expected {dtype}; convert it first")
        parts = split(vector, sizes, 0)
        shaped = [reshape(p, a.shape) for p, a in zip(parts, types, strict=True)]
        if not same:
            shaped = [convert_element_type(p, a.dtype)
                      for p, a in zip(shaped, types, strict=True)]
        return tree_unflatten(treedef, shaped)

    return vector, unravel


def _empty() -> Array:
    return constant(np.zeros((0,), dtypes.default_float()), dtypes.default_float())


def _check(vector: Any, size: int) -> Any:
    vector = to_array(vector)
    if vector.shape != (size,):
        raise ValueError(f"unravel: expected a vector of shape ({size},), got {vector.aval};"
                         " it must have as many elements as the raveled tree")
    return vector


__all__ = ["ravel_pytree"]
