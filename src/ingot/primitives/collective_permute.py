"""Collectives that move data along a mapped axis: gather, scatter, exchange, permute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.core.array import Array
from ingot.core.avals import ShapedArray
from ingot.core.axis_env import Axis, axis_size as size_in_scope
from ingot.core.interpreter import to_array, typeof
from ingot.primitives.collective import (
    as_names,
    axis_index_p,
    check_groups,
    check_names,
    collective,
    linear_partial,
    one_name,
    place_in,
    psum_p,
    pvary,
)
from ingot.primitives.compare import eq
from ingot.primitives.dynamic_slice import dynamic_index_in_dim, index_take
from ingot.primitives.movement import (
    add_axis,
    broadcast_in_dim,
    full_like,
    move_axis,
    move_to_front,
    reduce_sum,
    reshape,
    scalar,
    transpose,
    zeros,
)
from ingot.primitives.select import select_n
from ingot.primitives.slicing import concatenate
from ingot.tree import tree_leaves, tree_map
from ingot.util import canonicalize_axis, moved


def _single(name: str, axis_name: Any) -> tuple[Any, ...]:
    """The axis name in a tuple; ValueError for several."""
    names = check_names(name, axis_name)
    if len(names) != 1:
        raise ValueError(f"{name}: one axis name is expected, got {names}; nest the calls")
    return names


def _axis(name: str, x: Any, axis: int, what: str) -> int:
    return canonicalize_axis(axis, typeof(x).ndim, f"{name}: {what}")


def _elsewhere(axis: Axis, axis_name: Any) -> bool:
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


def _gather_batch(axis: Axis, args: Any, dims: Any, *, all_gather_dimension: int, axis_name: Any,
                  axis_size: int, tiled: bool, **params: Any) -> Any:
    (x,), (dim,) = args, dims
    d = all_gather_dimension
    if _elsewhere(axis, axis_name):
        x = move_axis(x, dim, 0)
        out = all_gather_p.bind(x, all_gather_dimension=d + 1, axis_name=axis_name,
                                axis_size=axis_size, tiled=tiled, **params)
        return out, 0
    x = add_axis(x, d, axis.size) if dim is None else move_axis(x, dim, d)
    return (_merge_axes(x, d) if tiled else x), None


def _merge_axes(x: Any, d: int) -> Any:
    """Axes d and d + 1 as one."""
    shape = typeof(x).shape
    return reshape(x, (*shape[:d], shape[d] * shape[d + 1], *shape[d + 2 :]))


def _gather_transpose(ct: Any, x: Any, *, all_gather_dimension: int, **params: Any) -> list[Any]:
    return [reduce_scatter_p.bind(ct, scatter_dimension=all_gather_dimension, **params)]


all_gather_p = collective(
    "all_gather", type=_gather_type, jvp=linear_partial(lambda: all_gather_p),
    transpose=_gather_transpose, batch=_gather_batch, axes=one_name)


def _of_group(name: str, x: Any, names: tuple[Any, ...], groups: Any) -> tuple[Any, Any]:
    """The values of the members of the own group, stacked in front, and the own place in it."""
    members = check_groups(name, names, groups, equal=True)
    whole = all_gather_p.bind(x, all_gather_dimension=0, axis_name=names, axis_index_groups=None,
                              axis_size=size_in_scope(names), tiled=False)
    others, places = [], []
    for i in range(size_in_scope(names)):
        group = next(g for g in members if i in g)
        others.append(group)
        places.append(group.index(i))
    picked = [dynamic_index_in_dim(whole, place_in([o[j] for o in others], names), 0)
              for j in range(len(members[0]))]
    return concatenate(picked, 0), place_in(places, names)


def all_gather(x: Any, axis_name: Any, *, axis_index_groups: Any = None, axis: int = 0,
               tiled: bool = False, to: str = "varying") -> Any:
    """Gather the values of all entries of a mapped axis, stacked along a new axis.

    x: pytree of arrays [...]. axis_name: the mapped axis. axis_index_groups: lists of positions,
    each gathered by itself. axis: where the new axis goes. tiled: whether values are joined along
    the existing axis instead. to: without effect -> [size, ...] for axis 0. Raises NameError if no
    such axis is mapped.

    >>> x = np.arange(4.0).reshape(2, 2)
    >>> ingot.vmap(lambda x: lax.all_gather(x, "i").sum(), axis_name="i")(x)
    Array([6., 6.], dtype=float64)
    """
    names = check_names("all_gather", axis_name)
    if len(names) != 1 and axis_index_groups is None:
        return tree_map(lambda leaf: _gather_over(names, to_array(leaf), axis, tiled), x)
    _single("all_gather", axis_name)

    def one(leaf: Any) -> Any:
        leaf = pvary(to_array(leaf), names)
        d = _axis("all_gather", leaf, axis, "axis") if tiled else canonicalize_axis(
            axis, leaf.ndim + 1, "all_gather: axis")
        if axis_index_groups is not None:
            group = move_axis(_of_group("all_gather", leaf, names, axis_index_groups)[0], 0, d)
            return _merge_axes(group, d) if tiled else group
        return all_gather_p.bind(leaf, all_gather_dimension=d, axis_name=names,
                                 axis_index_groups=None, axis_size=size_in_scope(names),
                                 tiled=bool(tiled))

    return tree_map(one, x)


def _gather_over(names: tuple[Any, ...], x: Any, axis: int, tiled: bool) -> Any:
    """`all_gather` over several axes, the last of which varies fastest."""
    if not tiled:
        axis = canonicalize_axis(axis, x.ndim + 1, "all_gather: axis")
        x = reshape(x, (*x.shape[:axis], 1, *x.shape[axis:]))
    for name in reversed(names):
        x = all_gather(x, name, axis=axis, tiled=True)
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


def _scatter_batch(axis: Axis, args: Any, dims: Any, *, scatter_dimension: int, axis_name: Any,
                   axis_size: int, tiled: bool, **params: Any) -> Any:
    (x,), (dim,) = args, dims
    d = scatter_dimension
    if _elsewhere(axis, axis_name):
        x = move_axis(x, dim, 0)
        out = reduce_scatter_p.bind(x, scatter_dimension=d + 1, axis_name=axis_name,
                                    axis_size=axis_size, tiled=tiled, **params)
        return out, 0
    x = reduce_sum(move_to_front(x, dim, axis.size), (0,))
    _scatter_type(typeof(x), scatter_dimension=d, axis_size=axis_size, tiled=tiled)
    return (_split_axis(x, d, axis.size) if tiled else x), d


def _split_axis(x: Any, d: int, n: int) -> Any:
    """Axis d as two, the first of length n."""
    shape = typeof(x).shape
    return reshape(x, (*shape[:d], n, shape[d] // n, *shape[d + 1 :]))


def _scatter_transpose(ct: Any, x: Any, *, scatter_dimension: int, **params: Any) -> list[Any]:
    return [all_gather_p.bind(ct, all_gather_dimension=scatter_dimension, **params)]


reduce_scatter_p = collective(
    "reduce_scatter", type=_scatter_type, jvp=linear_partial(lambda: reduce_scatter_p),
    transpose=_scatter_transpose, batch=_scatter_batch, axes=one_name)


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
    if len(names) != 1 and axis_index_groups is None:
        return tree_map(lambda leaf: _scatter_over(names, to_array(leaf), scatter_dimension, tiled),
                        x)
    _single("psum_scatter", axis_name)
    if axis_index_groups is not None:
        return tree_map(lambda leaf: _scatter_groups(
            pvary(to_array(leaf), names), names, scatter_dimension, axis_index_groups, tiled), x)
    return tree_map(lambda leaf: reduce_scatter_p.bind(
        pvary(to_array(leaf), names), axis_name=names, axis_index_groups=None,
        axis_size=size_in_scope(names),
        scatter_dimension=_axis("psum_scatter", leaf, scatter_dimension, "scatter_dimension"),
        tiled=bool(tiled)), x)


def _scatter_over(names: tuple[Any, ...], x: Any, dimension: int, tiled: bool) -> Any:
    """`psum_scatter` over several axes, the last of which varies fastest."""
    d = _axis("psum_scatter", x, dimension, "scatter_dimension")
    if not tiled and x.shape[d] != size_in_scope(names):
        raise ValueError(
            f"psum_scatter: axis {d} of {x.aval} must have the size {size_in_scope(names)} of the"
            " mapped axes; use tiled=True for multiples")
    for name in names:
        x = psum_scatter(x, name, scatter_dimension=d, tiled=True)
    return x if tiled else reshape(x, (*x.shape[:d], *x.shape[d + 1 :]))


def _scatter_groups(x: Any, names: tuple[Any, ...], dimension: int, groups: Any,
                    tiled: bool) -> Any:
    """`psum_scatter` within groups: the own part of the sum over the own group."""
    x = to_array(x)
    d = _axis("psum_scatter", x, dimension, "scatter_dimension")
    values, place = _of_group("psum_scatter", x, names, groups)
    n = values.aval.shape[0]
    _scatter_type(x.aval, scatter_dimension=d, axis_size=n, tiled=tiled)
    total = reduce_sum(values, (0,))
    return dynamic_index_in_dim(_split_axis(total, d, n) if tiled else total, place, d, False)


# ---- all_to_all ---------------------------------------------------------------------------------
def _exchange_type(x: ShapedArray, *, split_axis: int, concat_axis: int, **params: Any
                   ) -> ShapedArray:
    return x.update(shape=moved(x.shape, split_axis, concat_axis))


def _exchange_batch(axis: Axis, args: Any, dims: Any, *, split_axis: int, concat_axis: int,
                    axis_name: Any, **params: Any) -> Any:
    (x,), (dim,) = args, dims
    if _elsewhere(axis, axis_name):
        out = all_to_all_p.bind(move_axis(x, dim, 0), split_axis=split_axis + 1,
                                concat_axis=concat_axis + 1, axis_name=axis_name, **params)
        return out, 0
    x = move_to_front(x, dim, axis.size)
    rest = [i for i in range(typeof(x).ndim) if i not in (0, split_axis + 1)]
    rest.insert(concat_axis, 0)
    return transpose(x, (split_axis + 1, *rest)), 0


all_to_all_p = collective(
    "all_to_all", type=_exchange_type, jvp=linear_partial(lambda: all_to_all_p),
    transpose=lambda ct, x, *, split_axis, concat_axis, **params: [all_to_all_p.bind(
        ct, split_axis=concat_axis, concat_axis=split_axis, **params)],
    batch=_exchange_batch, axes=one_name)


def all_to_all(x: Any, axis_name: Any, split_axis: int, concat_axis: int, *,
               axis_index_groups: Any = None, tiled: bool = False) -> Any:
    """Exchange a mapped axis with an axis of the array.

    x: pytree of arrays whose `split_axis` has the size of the mapped axis (with `tiled`, a multiple
    of it). axis_name: the mapped axis. split_axis, concat_axis: axes of x. axis_index_groups: lists
    of positions that exchange among themselves -> for entry i the i-th part of all others, stacked
    (with `tiled`, joined) along `concat_axis`. Raises ValueError for other lengths, NameError if no
    such axis is mapped.

    >>> x = np.arange(4.0).reshape(2, 2)
    >>> ingot.vmap(lambda x: lax.all_to_all(x, "i", 0, 0), axis_name="i")(x)
    Array([[0., 2.],
           [1., 3.]], dtype=float64)
    """
    names = _single("all_to_all", axis_name)
    groups = axis_index_groups
    size = size_in_scope(names) if groups is None else len(
        check_groups("all_to_all", names, groups, equal=True)[0])

    def one(leaf: Any) -> Any:
        leaf = pvary(to_array(leaf), names)
        source = _axis("all_to_all", leaf, split_axis, "split_axis")
        target = _axis("all_to_all", leaf, concat_axis, "concat_axis")
        length = leaf.shape[source]
        if length % size if tiled else length != size:
            raise ValueError(
                f"all_to_all: axis {source} of {leaf.aval} must have the size {size} of the mapped"
                f" axis{', or a multiple of it' if tiled else '; use tiled=True for multiples'}")
        if not tiled:
            return _exchange(leaf, names, source, target, groups)
        parts = _exchange(_split_axis(leaf, source, size), names, source, target, groups)
        return _merge_axes(parts, target)

    return tree_map(one, x)


def _exchange(x: Any, names: tuple[Any, ...], split_axis: int, concat_axis: int, groups: Any
              ) -> Any:
    if groups is not None:
        values, place = _of_group("all_to_all", x, names, groups)
        return move_axis(dynamic_index_in_dim(values, place, split_axis + 1, False), 0, concat_axis)
    return all_to_all_p.bind(x, split_axis=split_axis, concat_axis=concat_axis,
                             axis_name=names[0], axis_index_groups=None, tiled=False)


def pswapaxes(x: Any, axis_name: Any, axis: int, *, axis_index_groups: Any = None) -> Any:
    """Exchange a mapped axis with an axis of the array, of the same size.

    x: pytree of arrays. axis_name, axis_index_groups, errors: those of `all_to_all`. axis: of x ->
    arrays of the same shape.

    >>> ingot.vmap(lambda x: lax.pswapaxes(x, "i", 0), axis_name="i")(np.arange(4.0).reshape(2, 2))
    Array([[0., 2.],
           [1., 3.]], dtype=float64)
    """
    return all_to_all(x, axis_name, axis, axis, axis_index_groups=axis_index_groups)


# ---- ppermute -----------------------------------------------------------------------------------
def _permute_batch(axis: Axis, args: Any, dims: Any, *, axis_name: Any, perm: Any) -> Any:
    (x,), (dim,) = args, dims
    if _elsewhere(axis, axis_name):
        return ppermute_p.bind(x, axis_name=axis_name, perm=perm), dim
    x = move_to_front(x, dim, axis.size)
    source = np.zeros(axis.size, np.int32)
    filled = np.zeros(axis.size, np.bool_)
    for src, dst in perm:
        source[dst], filled[dst] = src, True
    out = index_take(x, (_constant(source),), (0,))
    if not filled.all():
        aval = typeof(out)
        out = select_n(broadcast_in_dim(_constant(filled), aval.shape, (0,)), zeros(aval), out)
    return out, 0


def _constant(x: np.ndarray) -> Array:
    return Array(x, ShapedArray(x.shape, x.dtype))


ppermute_p = collective(
    "ppermute", type=lambda x, **params: x, jvp=linear_partial(lambda: ppermute_p),
    transpose=lambda ct, x, *, axis_name, perm: [ppermute_p.bind(
        ct, axis_name=axis_name, perm=tuple((dst, src) for src, dst in perm))],
    batch=_permute_batch, axes=one_name)


def ppermute(x: Any, axis_name: Any, perm: Sequence[tuple[int, int]]) -> Any:
    """Send values between entries of a mapped axis; who receives nothing gets zeros.

    x: pytree of arrays. axis_name: the mapped axis. perm: pairs (source, target), each at most once
    -> the same types. Raises ValueError for repeated or invalid entries, NameError if no such axis
    is mapped.

    >>> ingot.vmap(lambda x: lax.ppermute(x, "i", [(0, 1), (1, 2)]), axis_name="i")(np.arange(3.0))
    Array([0., 0., 1.], dtype=float64)
    """
    names = _single("ppermute", axis_name)
    size = size_in_scope(names)
    pairs = tuple((int(s), int(t)) for s, t in perm)
    for place, what in ((0, "sources"), (1, "targets")):
        entries = [pair[place] for pair in pairs]
        if len(set(entries)) < len(entries) or any(not 0 <= i < size for i in entries):
            raise ValueError(f"ppermute: {what} must be distinct and in [0, {size}), got {pairs}")
    return tree_map(lambda leaf: ppermute_p.bind(pvary(to_array(leaf), names), axis_name=names,
                                                 perm=pairs), x)


def pshuffle(x: Any, axis_name: Any, perm: Sequence[int]) -> Any:
    """Reorder the entries of a mapped axis.

    x: pytree of arrays. axis_name: the mapped axis. perm: a permutation of its positions -> the
    same types; entry i gets the value of entry `perm[i]`. Raises ValueError for other lists,
    NameError if no such axis is mapped.

    >>> ingot.vmap(lambda x: lax.pshuffle(x, "i", [2, 0, 1]), axis_name="i")(np.arange(3.0))
    Array([2., 0., 1.], dtype=float64)
    """
    if sorted(perm) != list(range(size_in_scope(axis_name))):
        raise ValueError(f"pshuffle: perm must be a permutation of the {size_in_scope(axis_name)}"
                         f" entries of axis {axis_name!r}, got {tuple(perm)}")
    return ppermute(x, axis_name, [(int(s), i) for i, s in enumerate(perm)])


# ---- pbroadcast ---------------------------------------------------------------------------------
def _spread_batch(axis: Axis, args: Any, dims: Any, *, axis_name: Any, source: int) -> Any:
    (x,), (dim,) = args, dims
    if _elsewhere(axis, axis_name) or dim is None:
        out = pbroadcast_p.bind(x, axis_name=axis_name, source=source) \
            if _elsewhere(axis, axis_name) else x
        return out, dim
    chosen = index_take(move_axis(x, dim, 0), (_constant(np.array([source], np.int32)),), (0,))
    return reshape(chosen, typeof(chosen).shape[1:]), None


def _spread_transpose(ct: Any, x: Any, *, axis_name: Any, source: int) -> list[Any]:
    total = psum_p.bind(ct, axes=one_name(axis_name=axis_name), axis_index_groups=None)
    here = eq(axis_index_p.bind(axis_name=axis_name), scalar(source, np.int32))
    return [select_n(here, full_like(total, 0), total)]


pbroadcast_p = collective(
    "pbroadcast", type=lambda x, **params: x, jvp=linear_partial(lambda: pbroadcast_p),
    transpose=_spread_transpose, batch=_spread_batch, axes=one_name)


def pbroadcast(x: Any, axis_name: Any, source: int) -> Any:
    """The value of one entry of a mapped axis, for all of them.

    x: pytree of arrays; axis_name: the mapped axis; source: a position along it -> the same types.
    Raises ValueError if there is no entry `source`.

    >>> import ingot
    >>> ingot.vmap(lambda x: lax.pbroadcast(x, "i", 2), axis_name="i")(np.arange(3.0))
    Array([2., 2., 2.], dtype=float64)
    """
    names = _single("pbroadcast", axis_name)
    size = size_in_scope(names)
    if not 0 <= source < size:
        raise ValueError(f"pbroadcast: source must be in [0, {size}), got {source}")
    return tree_map(lambda leaf: pbroadcast_p.bind(pvary(to_array(leaf), names), axis_name=names[0],
                                                   source=int(source)), x)


def pcast(x: Any, axis_name: Any = None, *, to: str = "varying") -> Any:
    """Return the same values, with a type that says that they vary over mapped axes; see `pvary`.

    x: pytree of arrays. axis_name: the axes. to: must be "varying" -> x.
    Raises ValueError for another `to`, and for values that vary over these axes already.

    >>> lax.pcast(1.0, ())
    1.0
    """
    if to != "varying":
        raise ValueError(f"pcast: values can be cast to 'varying', got to={to!r}; psum makes them"
                         " equal along an axis")
    for leaf in tree_leaves(x):
        again = typeof(leaf).vma.intersection(as_names(axis_name))
        if again:
            raise ValueError(f"pcast: {typeof(leaf)} varies over {set(again)} already; name the"
                             " other axes alone")
    return pvary(x, axis_name)


__all__ = ["all_gather", "all_gather_p", "all_to_all", "all_to_all_p", "pbroadcast", "pcast",
           "ppermute", "ppermute_p", "pshuffle", "psum_scatter", "pswapaxes"]
