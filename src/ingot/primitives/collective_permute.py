"""Collectives that move data along a mapped axis: exchange, permute, spread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.core.array import Array
from ingot.core.avals import ShapedArray
from ingot.core.axis_env import Axis, axis_size as size_in_scope
from ingot.core.interpreter import to_array, typeof
from ingot.primitives.casts import check_names, varied
from ingot.primitives.collective import (
    axis_index_p,
    check_groups,
    collective,
    linear_partial,
    one_name,
    place_in,
    sum_over,
)
from ingot.primitives.collective_gather import (
    axis_of,
    divide_axis,
    elsewhere,
    gather_over,
    merge_axes,
    of_group,
)
from ingot.primitives.compare import eq
from ingot.primitives.dynamic_slice import dynamic_index_in_dim, index_take
from ingot.primitives.movement import (
    broadcast_in_dim,
    full_like,
    move_axis,
    move_to_front,
    reshape,
    scalar,
    transpose,
    zeros,
)
from ingot.primitives.select import select_n
from ingot.tree import tree_map
from ingot.util import moved


# ---- all_to_all ---------------------------------------------------------------------------------
def _exchange_type(x: ShapedArray, *, split_axis: int, concat_axis: int, **params: Any
                   ) -> ShapedArray:
    return x.update(shape=moved(x.shape, split_axis, concat_axis))


def _exchange_batch(axis: Axis, args: Any, dims: Any, *, split_axis: int, concat_axis: int,
                    axis_name: Any, **params: Any) -> Any:
    (x,), (dim,) = args, dims
    if elsewhere(axis, axis_name):
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
    names = check_names("all_to_all", axis_name)
    groups = axis_index_groups
    size = size_in_scope(names) if groups is None else len(
        check_groups("all_to_all", names, groups, equal=True)[0])

    def one(leaf: Any) -> Any:
        leaf = to_array(leaf)
        source = axis_of("all_to_all", leaf, split_axis, "split_axis")
        target = axis_of("all_to_all", leaf, concat_axis, "concat_axis")
        length = leaf.shape[source]
        if length % size if tiled else length != size:
            raise ValueError(
                f"all_to_all: axis {source} of {leaf.aval} must have the size {size} of the mapped"
                f" axis{', or a multiple of it' if tiled else '; use tiled=True for multiples'}")
        if not tiled:
            return _exchange(leaf, names, source, target, groups)
        parts = _exchange(divide_axis(leaf, source, size), names, source, target, groups)
        return merge_axes(parts, target)

    return tree_map(one, x)


def _exchange(x: Any, names: tuple[Any, ...], split_axis: int, concat_axis: int, groups: Any
              ) -> Any:
    if groups is not None:
        values, place = of_group("all_to_all", x, names, groups)
        return move_axis(dynamic_index_in_dim(values, place, split_axis + 1, False), 0, concat_axis)
    if len(names) != 1:
        return move_axis(_exchange_over(x, names, split_axis), split_axis, concat_axis)
    return all_to_all_p.bind(varied(x, names), split_axis=split_axis, concat_axis=concat_axis,
                             axis_name=names[0], axis_index_groups=None, tiled=False)


def _exchange_over(x: Any, names: tuple[Any, ...], d: int) -> Any:
    """Exchange several axes, the last of which varies fastest, with axis d of the array."""
    shape = x.aval.shape
    x = reshape(x, (*shape[:d], *map(size_in_scope, names), *shape[d + 1:]))
    for k, name in enumerate(names):
        x = all_to_all_p.bind(varied(x, (name,)), split_axis=d + k, concat_axis=d + k,
                              axis_name=name, axis_index_groups=None, tiled=False)
    return reshape(x, shape)


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
    if elsewhere(axis, axis_name):
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
    names = check_names("ppermute", axis_name)
    size = size_in_scope(names)
    if not isinstance(perm, (list, tuple)):
        raise TypeError("`perm` passed to `jax.lax.ppermute` must be a list or a tuple, got perm of"
                        f" type {type(perm)}; make a list of it")
    pairs = tuple((int(s), int(t)) for s, t in perm)
    for place, what in ((0, "sources"), (1, "targets")):
        entries = [pair[place] for pair in pairs]
        if len(set(entries)) < len(entries) or any(not 0 <= i < size for i in entries):
            raise ValueError(f"ppermute: {what} must be distinct and in [0, {size}), got {pairs}")
    if len(names) > 1:
        return tree_map(lambda leaf: _permute_over(to_array(leaf), names, pairs), x)
    return tree_map(lambda leaf: ppermute_p.bind(varied(to_array(leaf), names), axis_name=names,
                                                 perm=pairs), x)


def _permute_over(x: Any, names: tuple[Any, ...], perm: Sequence[tuple[int, int]]) -> Any:
    """`ppermute` over several axes: each entry picks what it gets from the values of all."""
    sources = {target: source for source, target in perm}
    places = range(size_in_scope(names))
    whole = gather_over(names, x, 0, False)
    out = dynamic_index_in_dim(
        whole, place_in([sources.get(i, 0) for i in places], names), 0, False)
    if len(sources) == len(places):
        return out
    receives = eq(place_in([i in sources for i in places], names), scalar(1, np.int32))
    return select_n(receives, full_like(out, 0), out)


def pshuffle(x: Any, axis_name: Any, perm: Sequence[int]) -> Any:
    """Reorder the entries of a mapped axis.

    x: pytree of arrays. axis_name: the mapped axis. perm: a permutation of its positions -> the
    same types; entry i gets the value of entry `perm[i]`. Raises ValueError for other lists,
    NameError if no such axis is mapped.

    >>> ingot.vmap(lambda x: lax.pshuffle(x, "i", [2, 0, 1]), axis_name="i")(np.arange(3.0))
    Array([2., 0., 1.], dtype=float64)
    """
    if sorted(perm) != list(range(size_in_scope(axis_name))):
        raise ValueError(f"pshuffle: `perm` does not represent a permutation: {list(perm)}; the"
                         f" axis {axis_name!r} has {size_in_scope(axis_name)} entries")
    return ppermute(x, axis_name, [(int(s), i) for i, s in enumerate(perm)])


# ---- pbroadcast ---------------------------------------------------------------------------------
def _spread_batch(axis: Axis, args: Any, dims: Any, *, axis_name: Any, source: int) -> Any:
    (x,), (dim,) = args, dims
    if elsewhere(axis, axis_name) or dim is None:
        out = pbroadcast_p.bind(x, axis_name=axis_name, source=source) \
            if elsewhere(axis, axis_name) else x
        return out, dim
    chosen = index_take(move_axis(x, dim, 0), (_constant(np.array([source], np.int32)),), (0,))
    return reshape(chosen, typeof(chosen).shape[1:]), None


def _spread_transpose(ct: Any, x: Any, *, axis_name: Any, source: int) -> list[Any]:
    total = sum_over(ct, one_name(axis_name=axis_name))
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
    names = check_names("pbroadcast", axis_name)
    if len(names) != 1:
        raise ValueError(f"pbroadcast: one axis name is expected, got {names}; nest the calls")
    size = size_in_scope(names)
    if not 0 <= source < size:
        raise ValueError(f"pbroadcast: source must be in [0, {size}), got {source}")
    return tree_map(lambda leaf: pbroadcast_p.bind(
        varied(to_array(leaf), names), axis_name=names[0], source=int(source)), x)


__all__ = ["all_to_all", "all_to_all_p", "pbroadcast", "ppermute", "ppermute_p", "pshuffle",
           "pswapaxes"]
