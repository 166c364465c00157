"""Contractions of groups of rows, whose sizes are values: ragged_dot and its general form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.interpreter import to_array, typeof
from ingot.errors import ShapeError
from ingot.primitives.arithmetic import sub
from ingot.primitives.bits import bitwise_and
from ingot.primitives.compare import ge, lt
from ingot.primitives.convert import convert_element_type
from ingot.primitives.cumulative import cumsum
from ingot.primitives.dot import dot_general
from ingot.primitives.movement import broadcast_in_dim, zeros
from ingot.primitives.out_sharding import takes_out_sharding
from ingot.primitives.select import select_n
from ingot.primitives.shape import iota


@dataclass(frozen=True)
class RaggedDotDimensionNumbers:
    """Which axes of a grouped contraction are which.

    dot_dimension_numbers: contracted and batch axes, as for `dot_general`. lhs_ragged_dimensions:
    the axis of lhs that is divided into groups. rhs_group_dimensions: the axis of rhs that counts
    them.

    >>> lax.RaggedDotDimensionNumbers((((1,), (1,)), ((), ())), [0], [0]).lhs_ragged_dimensions
    [0]
    """

    dot_dimension_numbers: tuple[tuple[Sequence[int], Sequence[int]],
                                 tuple[Sequence[int], Sequence[int]]]
    lhs_ragged_dimensions: Sequence[int]
    rhs_group_dimensions: Sequence[int]


def _group(x: Any, axis: int, sizes: Any) -> Any:
    """[groups, *x]: for each group x with zeros outside of it along an axis."""
    n, groups = x.aval.shape[axis], sizes.aval.shape[0]
    ends = cumsum(convert_element_type(sizes, dtypes.int32), 0)
    starts = sub(ends, convert_element_type(sizes, dtypes.int32))
    place = broadcast_in_dim(iota(dtypes.int32, n), (groups, n), (1,))
    inside = bitwise_and(ge(place, broadcast_in_dim(starts, (groups, n), (0,))),
                         lt(place, broadcast_in_dim(ends, (groups, n), (0,))))
    shape = (groups, *x.aval.shape)
    wide = broadcast_in_dim(x, shape, range(1, len(shape)))
    return select_n(broadcast_in_dim(inside, shape, (0, axis + 1)),
                    zeros(typeof(wide).update(weak_type=False)), wide)


def _ragged_axis(d: RaggedDotDimensionNumbers, lhs: Any) -> tuple[int, tuple[int, ...], bool]:
    """Return the ragged axis of lhs, the group axes of rhs, and whether the ragged axis is free."""
    (lhs_contract, rhs_contract), (lhs_batch, rhs_batch) = d.dot_dimension_numbers
    if len(d.lhs_ragged_dimensions) != 1 or not 0 <= d.lhs_ragged_dimensions[0] < lhs.aval.ndim:
        raise TypeError("ragged_dot_general: lhs_ragged_dimensions must name one axis of lhs,"
                        f" {lhs.aval}, got {d.lhs_ragged_dimensions}")
    (ragged,), groups = d.lhs_ragged_dimensions, tuple(d.rhs_group_dimensions)
    free = ragged not in lhs_contract and ragged not in lhs_batch
    if len(groups) != free or set(groups) & {*rhs_contract, *rhs_batch}:
        raise TypeError("ragged_dot_general: rhs_group_dimensions must name one free axis of rhs"
                        f" for a free ragged axis, and none else, got {groups}")
    return ragged, groups, free


@takes_out_sharding
def ragged_dot_general(lhs: Any, rhs: Any, group_sizes: Any,
                       ragged_dot_dimension_numbers: RaggedDotDimensionNumbers,
                       precision: Any = None, preferred_element_type: Any = None,
                       group_offset: Any = None, *, out_sharding: Any = None) -> Any:
    """Contract as `dot_general` does, with lhs divided into groups along one axis.

    lhs, rhs, precision, preferred_element_type, out_sharding: those of `dot_general`. group_sizes:
    integers [groups]. ragged_dot_dimension_numbers: which axes correspond; that of the groups may
    be a free axis of lhs: each group is multiplied by its own part of rhs, rows that belong to none
    give zeros; a contracted axis: a product for each group, stacked in front; or a batch axis: as
    `dot_general`. group_offset: must be None -> as `dot_general`. Raises TypeError for other axes,
    NotImplementedError for sizes that vary along batches, and for a group_offset.

    >>> d = lax.RaggedDotDimensionNumbers((((1,), (1,)), ((), ())), [0], [0])
    >>> lax.ragged_dot_general(
    ...     np.ones((3, 1)), np.array([[[2.0]], [[5.0]]]), np.array([1, 2]), d)
    Array([[2.],
           [5.],
           [5.]], dtype=float64)
    """
    if group_offset is not None:
        raise NotImplementedError("ragged_dot_general: group_offset is not implemented")
    d = ragged_dot_dimension_numbers
    lhs, rhs, sizes = to_array(lhs), to_array(rhs), _group_sizes(group_sizes)
    options = {"precision": precision, "preferred_element_type": preferred_element_type}
    (lhs_contract, rhs_contract), (lhs_batch, rhs_batch) = d.dot_dimension_numbers
    ragged, groups, free = _ragged_axis(d, lhs)
    if ragged in lhs_batch:
        return dot_general(lhs, rhs, d.dot_dimension_numbers, **options)
    wide = _group(lhs, ragged, sizes)
    shifted = [i + 1 for i in lhs_contract], [i + 1 for i in lhs_batch]
    count = sizes.aval.shape[0]
    if free:
        _check_groups(rhs.aval.shape[groups[0]], count)
        return dot_general(wide, rhs, (([0, *shifted[0]], [*groups, *rhs_contract]),
                                       (shifted[1], rhs_batch)), **options)
    many = broadcast_in_dim(rhs, (count, *rhs.aval.shape), range(1, rhs.aval.ndim + 1))
    return dot_general(wide, many, ((shifted[0], [i + 1 for i in rhs_contract]),
                                    ([0, *shifted[1]], [0, *(i + 1 for i in rhs_batch)])),
                       **options)


def _group_sizes(group_sizes: Any) -> Any:
    """The sizes as an array; raise unless they are a vector of integers."""
    sizes = to_array(group_sizes)
    if dtypes.kind(sizes.aval.dtype) not in "iu":
        raise TypeError(f"ragged_dot_general: group_sizes must be integers, got {sizes.aval}")
    if sizes.aval.ndim != 1:
        raise NotImplementedError("ragged_dot_general: group_sizes must be a vector, got"
                                  f" {sizes.aval}; use vmap for batches of them")
    return sizes


def _check_groups(parts: int, count: int) -> None:
    if parts != count:
        raise TypeError(f"ragged_dot_general: rhs has {parts} groups, and group_sizes {count}")


@takes_out_sharding
def ragged_dot(lhs: Any, rhs: Any, group_sizes: Any, precision: Any = None,
               preferred_element_type: Any = None, group_offset: Any = None, *,
               out_sharding: Any = None) -> Any:
    """Multiply consecutive groups of rows, each with a matrix of its own.

    lhs: [m, k]. rhs: [groups, k, n]. group_sizes: integers [groups]. preferred_element_type: the
    dtype of the result. precision: without effect; out_sharding: how Explicit axes divide the
    result. group_offset: must be None -> [m, n]; rows after the last group give zeros. Raises
    TypeError for shapes that do not fit, NotImplementedError for a group_offset.

    >>> lax.ragged_dot(np.ones((3, 1)), np.array([[[2.0]], [[5.0]]]), np.array([1, 2]))
    Array([[2.],
           [5.],
           [5.]], dtype=float64)
    """
    shapes = np.ndim(lhs), np.ndim(rhs), np.ndim(group_sizes)
    if shapes != (2, 3, 1):
        raise ShapeError("ragged_dot: expected a matrix, a stack of matrices and a vector of sizes,"
                         f" got ranks {shapes}")
    numbers = RaggedDotDimensionNumbers((([1], [1]), ([], [])), [0], [0])
    return ragged_dot_general(lhs, rhs, group_sizes, numbers, precision, preferred_element_type,
                              group_offset)
