"""Collectives that gather the parts along mapped axes, and those that divide a sum among them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot.core.avals import ShapedArray
from ingot.core.axis_env import Axis, axis_size as size_in_scope, checked_axes
from ingot.core.interpreter import to_array, typeof
from ingot.core.primitive import Primitive
from ingot.primitives.arithmetic import mul
from ingot.primitives.casts import check_names, state, varied
from ingot.primitives.collective import (
    axis_index,
    check_groups,
    collective,
    linear_partial,
    one_name,
    place_in,
)
from ingot.primitives.dynamic_slice import dynamic_index_in_dim, dynamic_slice_in_dim
from ingot.primitives.movement import (
    add_axis,
    move_axis,
    move_to_front,
    reduce_sum,
    reshape,
    scalar,
)
from ingot.primitives.slicing import concatenate
from ingot.tree import tree_map
from ingot.util import canonicalize_axis


def axis_of(name: str, x: Any, axis: int, what: str) -> int:
    return canonicalize_axis(axis, typeof(x).ndim, f"{name}: {what}")


def elsewhere(axis: Axis, axis_name: Any) -> bool:
    """Whether a collective refers to another axis than the one being mapped."""
    return axis.name not in one_name(axis_name=axis_name)


# ---- all_gather ---------------------------------------------------------------------------------
def _gather_type(x: ShapedArray, *, all_gather_dimension: int, axis_size: int, tiled: bool,
                 **params: Any) -> ShapedArray:
    shape, d = list(x.shape), all_gather_dimension
    if tiled:
        shape[d] *= axis_size
    else:
        shape.insert(d, axis_size)
    return x.update(shape=shape)


def _gather_batch(primitive: Primitive, axis: Axis, args: Any, dims: Any, *,
                  all_gather_dimension: int, axis_name: Any, axis_size: int, tiled: bool,
                  **params: Any) -> Any:
    (x,), (dim,) = args, dims
    d = all_gather_dimension
    if elsewhere(axis, axis_name):
        x = move_axis(x, dim, 0)
        out = primitive.bind(x, all_gather_dimension=d + 1, axis_name=axis_name,
                             axis_size=axis_size, tiled=tiled, **params)
        return out, 0
    x = add_axis(x, d, axis.size) if dim is None else move_axis(x, dim, d)
    return (merge_axes(x, d) if tiled else x), None


def merge_axes(x: Any, d: int) -> Any:
    """Axes d and d + 1 as one."""
    shape = typeof(x).shape
    return reshape(x, (*shape[:d], shape[d] * shape[d + 1], *shape[d + 2 :]))


def _gather(name: str, transpose: Any) -> Primitive:
    primitive = collective(
        name, type=_gather_type, jvp=linear_partial(lambda: primitive), transpose=transpose,
        batch=lambda *args, **params: _gather_batch(primitive, *args, **params), axes=one_name)
    return primitive


def _gather_transpose(ct: Any, x: Any, *, all_gather_dimension: int, **params: Any) -> list[Any]:
    return [reduce_scatter_p.bind(ct, scatter_dimension=all_gather_dimension, **params)]


def _gather_invariant_transpose(ct: Any, x: Any, *, all_gather_dimension: int, axis_name: Any,
                                axis_size: int, tiled: bool, **params: Any) -> list[Any]:
    """The own part of a cotangent that all entries have."""
    d = all_gather_dimension
    length = ct.aval.shape[d] // axis_size
    start = mul(axis_index(axis_name), scalar(length, np.int32))
    part = dynamic_slice_in_dim(ct, start, length, d)
    return [part if tiled else reshape(part, x.aval.shape)]


def _gather_reduced_transpose(ct: Any, x: Any, *, all_gather_dimension: int, **params: Any
                              ) -> list[Any]:
    return [unreduced_reduce_scatter_p.bind(ct, scatter_dimension=all_gather_dimension, **params)]


all_gather_p = _gather("all_gather", _gather_transpose)
all_gather_invariant_p = _gather("all_gather_invariant", _gather_invariant_transpose)
all_gather_invariant_p.manual = lambda mat, *, axis_name, **params: mat.update(
    varying=mat.varying.difference(axis_name))
all_gather_reduced_p = _gather("all_gather_reduced", _gather_reduced_transpose)
all_gather_reduced_p.manual = lambda mat, *, axis_name, **params: mat.update(
    varying=mat.varying.difference(axis_name), reduced=mat.reduced.union(axis_name))


def of_group(name: str, x: Any, names: tuple[Any, ...], groups: Any) -> tuple[Any, Any]:
    """The values of the members of the own group, stacked in front, and the own place in it."""
    members = check_groups(name, names, groups, equal=True)
    whole = gather_over(names, x, 0, False)
    others, places = [], []
    for i in range(size_in_scope(names)):
        group = next(g for g in members if i in g)
        others.append(group)
        places.append(group.index(i))
    picked = [dynamic_index_in_dim(whole, place_in([o[j] for o in others], names), 0)
              for j in range(len(members[0]))]
    return concatenate(picked, 0), place_in(places, names)


_GATHERS = {"varying": all_gather_p, "invarying": all_gather_invariant_p,
            "reduced": all_gather_reduced_p}


def all_gather(x: Any, axis_name: Any, *, axis_index_groups: Any = None, axis: int = 0,
               tiled: bool = False, to: str = "varying") -> Any:
    """Gather the values of all entries of mapped axes, stacked along a new axis.

    x: pytree of arrays [...]. axis_name: the mapped axis, or several. axis_index_groups: lists of
    positions, each gathered by itself. axis: where the new axis goes. tiled: whether values are
    joined along the existing axis instead. to: "varying", "invarying" or "reduced", what types in
    `shard_map` say of the result -> [size, ...] for axis 0. Raises NameError if no such axis is
    mapped, ValueError for another `to`.

    >>> x = np.arange(4.0).reshape(2, 2)
    >>> ingot.vmap(lambda x: lax.all_gather(x, "i").sum(), axis_name="i")(x)
    Array([6., 6.], dtype=float64)
    """
    names = check_names("all_gather", axis_name)
    if to not in _GATHERS:
        raise ValueError("Got unexpected `to` value for `jax.lax.all_gather`: allowed are"
                         f" {list(_GATHERS)}, got {to!r}")
    if axis_index_groups is not None and to != "varying":
        raise NotImplementedError("all_gather: with axis_index_groups results vary, got to="
                                  f"{to!r}; leave one of them out")

    def one(leaf: Any) -> Any:
        leaf = to_array(leaf)
        d = axis_of("all_gather", leaf, axis, "axis") if tiled else canonicalize_axis(
            axis, leaf.ndim + 1, "all_gather: axis")
        if axis_index_groups is not None:
            group = move_axis(of_group("all_gather", leaf, names, axis_index_groups)[0], 0, d)
            return merge_axes(group, d) if tiled else group
        return gather_over(names, leaf, d, bool(tiled), to)

    return tree_map(one, x)


def gather_over(names: tuple[Any, ...], x: Any, d: int, tiled: bool, to: str = "varying") -> Any:
    """`all_gather` over axes, the last of which varies fastest."""
    if len(names) != 1 and not tiled:
        x = reshape(x, (*x.aval.shape[:d], 1, *x.aval.shape[d:]))
    for name in reversed(names):
        primitive = _GATHERS[to] if name in checked_axes() else all_gather_p
        x = primitive.bind(varied(x, (name,)), all_gather_dimension=d, axis_name=(name,),
                           axis_index_groups=None, axis_size=size_in_scope(name),
                           tiled=tiled or len(names) != 1)
    return x


# ---- psum_scatter -------------------------------------------------------------------------------
def _scatter_type(x: ShapedArray, *, scatter_dimension: int, axis_size: int, tiled: bool,
                  **params: Any) -> ShapedArray:
    shape, d = list(x.shape), scatter_dimension
    if tiled:
        if shape[d] % axis_size:
            raise ValueError(f"psum_scatter: axis {d} of {x} must be a multiple of the size"
                             f" {axis_size} of the mapped axis")
        shape[d] //= axis_size
    else:
        if shape[d] != axis_size:
            raise ValueError(f"psum_scatter: axis {d} of {x} must have the size {axis_size} of the"
                             " mapped axis; use tiled=True for multiples of it")
        del shape[d]
    return x.update(shape=shape)


def _scatter_batch(primitive: Primitive, axis: Axis, args: Any, dims: Any, *,
                   scatter_dimension: int, axis_name: Any, axis_size: int, tiled: bool,
                   **params: Any) -> Any:
    (x,), (dim,) = args, dims
    d = scatter_dimension
    if elsewhere(axis, axis_name):
        x = move_axis(x, dim, 0)
        out = primitive.bind(x, scatter_dimension=d + 1, axis_name=axis_name,
                             axis_size=axis_size, tiled=tiled, **params)
        return out, 0
    x = reduce_sum(move_to_front(x, dim, axis.size), (0,))
    _scatter_type(typeof(x), scatter_dimension=d, axis_size=axis_size, tiled=tiled)
    return (divide_axis(x, d, axis.size) if tiled else x), d


def divide_axis(x: Any, d: int, n: int) -> Any:
    """Axis d as two, the first of length n."""
    shape = typeof(x).shape
    return reshape(x, (*shape[:d], n, shape[d] // n, *shape[d + 1 :]))


def _scatter(name: str, gather: Any) -> Primitive:
    """A sum of which each entry gets its part; the transpose gathers."""
    primitive = collective(
        name, type=_scatter_type, jvp=linear_partial(lambda: primitive),
        transpose=lambda ct, x, *, scatter_dimension, **params: [
            gather.bind(ct, all_gather_dimension=scatter_dimension, **params)],
        batch=lambda *args, **params: _scatter_batch(primitive, *args, **params), axes=one_name)
    return primitive


reduce_scatter_p = _scatter("reduce_scatter", all_gather_p)
unreduced_reduce_scatter_p = _scatter("unreduced_reduce_scatter", all_gather_reduced_p)
unreduced_reduce_scatter_p.manual = lambda mat, *, axis_name, **params: mat.update(
    varying=mat.varying.union(axis_name), unreduced=mat.unreduced.difference(axis_name))


def psum_scatter(x: Any, axis_name: Any, *, scatter_dimension: int = 0,
                 axis_index_groups: Any = None, tiled: bool = False) -> Any:
    """Sum over a mapped axis, of which each entry gets its part along an axis of the array.

    x: pytree of arrays [size, ...]. axis_name, axis_index_groups: those of `psum`.
    scatter_dimension: the axis that is divided. tiled: whether it stays, [k * size, ...] -> [k,
    ...] -> [...]. Raises ValueError for other lengths, NameError if no such axis is mapped.

    >>> ingot.vmap(lambda x: lax.psum_scatter(x, "i"), axis_name="i")(np.arange(4.0).reshape(2, 2))
    Array([2., 4.], dtype=float64)
    """
    names = check_names("psum_scatter", axis_name)

    def one(leaf: Any) -> Any:
        leaf = to_array(leaf)
        d = axis_of("psum_scatter", leaf, scatter_dimension, "scatter_dimension")
        if axis_index_groups is None:
            return _scatter_over(names, leaf, d, bool(tiled))
        return _scatter_groups(leaf, names, d, axis_index_groups, tiled)

    return tree_map(one, x)


def _scatter_over(names: tuple[Any, ...], x: Any, d: int, tiled: bool) -> Any:
    """`psum_scatter` over axes, the last of which varies fastest."""
    several = len(names) != 1
    if several and not tiled and x.aval.shape[d] != size_in_scope(names):
        raise ValueError(
            f"psum_scatter: axis {d} of {x.aval} must have the size {size_in_scope(names)} of the"
            " mapped axes; use tiled=True for multiples")
    checked = tuple(n for n in names if n in checked_axes())
    unreduced = bool(checked) and state("jax.lax.psum_scatter", x, checked) == "unreduced"
    for name in names:
        primitive = unreduced_reduce_scatter_p if unreduced else reduce_scatter_p
        x = primitive.bind(x if unreduced else varied(x, (name,)), axis_name=(name,),
                           axis_index_groups=None, axis_size=size_in_scope(name),
                           scatter_dimension=d, tiled=tiled or several)
    shape = x.aval.shape
    return reshape(x, (*shape[:d], *shape[d + 1:])) if several and not tiled else x


def _scatter_groups(x: Any, names: tuple[Any, ...], d: int, groups: Any, tiled: bool) -> Any:
    """`psum_scatter` within groups: the own part of the sum over the own group."""
    values, place = of_group("psum_scatter", x, names, groups)
    n = values.aval.shape[0]
    _scatter_type(x.aval, scatter_dimension=d, axis_size=n, tiled=tiled)
    total = reduce_sum(values, (0,))
    return dynamic_index_in_dim(divide_axis(total, d, n) if tiled else total, place, d, False)


__all__ = ["all_gather", "all_gather_invariant_p", "all_gather_p", "all_gather_reduced_p",
           "psum_scatter", "reduce_scatter_p", "unreduced_reduce_scatter_p"]
