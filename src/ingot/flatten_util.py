"""Pytrees of arrays as one vector, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import to_array
from ingot.core.tracebacks import api_boundary, hide_frames_of as _hide_frames_of
from ingot.primitives.convert import convert_element_type
from ingot.primitives.movement import reshape
from ingot.primitives.shape import constant
from ingot.primitives.slicing import concatenate, split
from ingot.tree import PyTreeDef, tree_flatten, tree_unflatten


def ravel_pytree(pytree: Any) -> tuple[Any, Callable[[Any], Any]]:
    """All leaves of a tree in one vector, and the function from such vectors to trees.

    pytree: arrays and numbers -> vector [total size] of their common dtype, float32 [0] if there
    are none. The function gives each leaf its shape and dtype back; it raises ValueError for
    vectors of another length and TypeError for another dtype, where that would be lost.

    >>> from ingot.flatten_util import ravel_pytree
    >>> ravel_pytree({"a": np.ones(1), "b": [2.0, 3.0]})[0]
    Array([1., 2., 3.], dtype=float64)
    """
    leaves, treedef = tree_flatten(pytree)
    if not leaves:
        return constant(np.zeros((0,), np.float32), np.float32), _Unravel(treedef, (), None)
    arrays = [to_array(x) for x in leaves]
    types = tuple(x.aval for x in arrays)
    dtype = dtypes.result_type(*(a.dtype for a in types))
    same = all(a.dtype == dtype for a in types)
    if not same:
        arrays = [convert_element_type(x, dtype) for x in arrays]
    vector = concatenate([reshape(x, (x.size,)) for x in arrays], 0)
    return vector, _Unravel(treedef, types, None if same else dtype)


@dataclass(frozen=True)
class _Unravel:
    """The function back; equal for equal structures, so that it can be a static argument."""

    treedef: PyTreeDef
    types: tuple[ShapedArray, ...]
    dtype: Any

    @api_boundary
    def __call__(self, vector: Any) -> Any:
        sizes = [a.size for a in self.types]
        vector = _check(vector, sum(sizes))
        if self.dtype is not None and vector.dtype != self.dtype:
            raise TypeError(f"unravel: the vector must have the dtype it was raveled to, got"
                            f" {vector.dtype}, expected {self.dtype}; convert it first")
        shaped = [reshape(p, a.shape)
                  for p, a in zip(split(vector, sizes, 0), self.types, strict=True)]
        if self.dtype is not None:
            shaped = [convert_element_type(p, a.dtype)
                      for p, a in zip(shaped, self.types, strict=True)]
        return tree_unflatten(self.treedef, shaped)


def _check(vector: Any, size: int) -> Any:
    vector = to_array(vector)
    if vector.shape != (size,):
        raise ValueError(f"unravel: expected a vector of shape ({size},), got {vector.aval};"
                         " it must have as many elements as the raveled tree")
    return vector


__all__ = ["ravel_pytree"]

_hide_frames_of(__name__)
