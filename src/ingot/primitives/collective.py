"""Collectives: operations along a mapped axis that is referred to by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.avals import ShapedArray
from ingot.core.axis_env import Axis, axis_size as size_in_scope, checked_axes
from ingot.core.effects import NamedAxisEffect
from ingot.core.interpreter import to_array, typeof
from ingot.core.manual import ManualAxisType
from ingot.core.primitive import NOT_LINEAR, Primitive, PythonFallback
from ingot.core.specs import UnreducedKind
from ingot.primitives.arithmetic import add, div, mul
from ingot.primitives.casts import (
    as_names,
    check_names,
    in_mesh_order,
    preduced_p,
    reduced_vary_cast_p,
    state,
    varied,
    vary_unreduced_cast_p,
)
from ingot.primitives.compare import eq
from ingot.primitives.convert import convert_element_type
from ingot.primitives.dynamic_slice import dynamic_index_in_dim
from ingot.primitives.movement import broadcast_in_dim, full_like, reduce_sum, scalar
from ingot.primitives.reduce import reduce_max, reduce_min
from ingot.primitives.select import select_n
from ingot.primitives.shape import iota
from ingot.primitives.sums import is_narrow
from ingot.tree import tree_flatten, tree_map, tree_unflatten
from ingot.util import canonicalize_axis

NO_KERNEL = PythonFallback(
    "a collective is gone once its axis is mapped, and has no meaning without one")


def _no_eval(*args: Any, axis: Any = (), **params: Any) -> Any:
    for n in axis:
        size_in_scope(n)
    raise NameError(f"a collective over {axis} was evaluated outside of the map over that axis")


def collective(name: str, *, type: Any, jvp: Any, transpose: Any, batch: Any,
                axes: Callable[..., tuple[Any, ...]]) -> Primitive:
    """A primitive that refers to named axes; `axes(**params)` are their names."""
    primitive = Primitive(
        name, type=type, jvp=jvp, transpose=transpose, batch=batch, kernel=NO_KERNEL,
        eval=lambda *args, **params: _no_eval(axis=axes(**params)),
        axes_of=lambda **params: frozenset(axes(**params)),
        effects=lambda **params: frozenset(NamedAxisEffect(name=n) for n in axes(**params)))
    return primitive


def linear_partial(primitive: Callable[[], Primitive]) -> list[Any]:
    """The `jvp` slot of a collective that is linear in its operand."""
    return [lambda t, out, x, **params: primitive().bind(t, **params)]


# ---- psum, pmax, pmin ---------------------------------------------------------------------------
def _named_axes(*, axes: tuple[Any, ...], **params: Any) -> tuple[Any, ...]:
    return axes


def reduced_over(mat: ManualAxisType, *, axes: tuple[Any, ...], **params: Any) -> ManualAxisType:
    """What types say of a reduction over axes: it is equal along them. ValueError where its
    argument is one of the reduced."""
    if mat.reduced.intersection(axes):
        raise ValueError("a reduction cannot accept args which are reduced, over"
                         f" {set(mat.reduced.intersection(axes))}: it is equal along them already")
    return mat.update(varying=mat.varying.difference(axes),
                      unreduced=mat.unreduced.difference(axes))


def _reducer(name: str, local: Callable[[Any, Sequence[int]], Any],
             same: Callable[[Any, int], Any], jvp: Any, transpose: Any) -> Primitive:
    """A reduction over named axes. same(x, n): the result for n equal values."""
    def batch(axis: Axis, args: Any, dims: Any, *, axes: tuple[Any, ...], **params: Any) -> Any:
        (x,), (dim,) = args, dims
        rest = tuple(n for n in axes if n != axis.name)
        if len(rest) < len(axes):
            x = same(x, axis.size) if dim is None else local(x, (dim,))
            dim = None
        if rest:
            x = primitive.bind(x, axes=rest, **params)
        return x, dim

    primitive = collective(name, type=lambda x, **params: x, jvp=jvp, transpose=transpose,
                            batch=batch, axes=_named_axes)
    primitive.manual = reduced_over
    return primitive


def _psum_transpose(ct: Any, x: Any, *, axes: tuple[Any, ...], **params: Any) -> list[Any]:
    """Where types say that the operand varied, its cotangent is that of the sum at each place."""
    rest = tuple(n for n in axes if n not in x.aval.vma)
    return [psum_p.bind(ct, axes=rest, **params) if rest else ct]


def _multiple(x: Any, n: int) -> Any:
    return mul(x, full_like(x, n))


psum_p = _reducer("psum", reduce_sum, _multiple, linear_partial(lambda: psum_p), _psum_transpose)
psum_invariant_p = _reducer(
    "psum_invariant", reduce_sum, _multiple, linear_partial(lambda: psum_invariant_p),
    lambda ct, x, *, axes: [varied(ct, axes)])
unreduced_psum_p = _reducer(
    "unreduced_psum", reduce_sum, _multiple, linear_partial(lambda: unreduced_psum_p),
    lambda ct, x, *, axes: [ct])


def sum_over(x: Any, names: Any) -> Any:
    """The sum over named axes, by the primitive that fits what the type says of them."""
    names = in_mesh_order(names)
    if not names:
        return x
    if checked_axes().isdisjoint(names):
        return psum_p.bind(x, axes=names, axis_index_groups=None)
    unreduced = tuple(n for n in names if n in typeof(x).mat.unreduced)
    if unreduced:
        x = unreduced_psum_p.bind(x, axes=unreduced)
        names = tuple(n for n in names if n not in unreduced)
    return psum_invariant_p.bind(varied(x, names), axes=names) if names else x


def as_cotangent(ct: Any, mat: ManualAxisType) -> Any:
    """A cotangent of a value whose type says `mat` of the Manual axes: summed over those along
    which the value is equal, reduced where the value is unreduced, and the other way round."""
    given, wanted = typeof(ct).mat, mat.to_ct_mat()
    if given == wanted:
        return ct
    kept = given.varying & wanted.unreduced
    if kept:
        ct = vary_unreduced_cast_p.bind(ct, axes=in_mesh_order(kept))
    ct = sum_over(ct, (given.varying - wanted.varying - kept)
                  | (given.unreduced - wanted.unreduced))
    mat = typeof(ct).mat
    for primitive, axes in ((reduced_vary_cast_p, mat.reduced & wanted.varying),
                            (preduced_p, wanted.reduced - mat.vur)):
        if axes:
            ct = primitive.bind(ct, axes=in_mesh_order(axes))
    return ct


def _extreme_partial(t: Any, out: Any, x: Any, *, axes: Any, axis_index_groups: Any) -> Any:
    """The tangent of the extreme value, the mean of them at a tie."""
    where = convert_element_type(eq(x, out), t.dtype)
    return div(sum_over(mul(t, where), axes), sum_over(where, axes))


pmax_p = _reducer("pmax", reduce_max, lambda x, n: x, [_extreme_partial], NOT_LINEAR)
pmin_p = _reducer("pmin", reduce_min, lambda x, n: x, [_extreme_partial], NOT_LINEAR)
_KINDS = {psum_p: UnreducedKind.sum, pmax_p: UnreducedKind.max, pmin_p: UnreducedKind.min}


def check_groups(name: str, names: tuple[Any, ...], groups: Any, equal: bool = False
                 ) -> list[list[int]]:
    """Groups of positions along mapped axes; ValueError unless each position is in one, and, with
    `equal`, all groups have one size."""
    out = [[int(i) for i in group] for group in groups]
    size = size_in_scope(names)
    if sorted(i for group in out for i in group) != list(range(size)):
        raise ValueError(f"{name}: axis_index_groups must name each position of the mapped axis of"
                         f" size {size} once, got {out}")
    if equal and len({len(group) for group in out}) > 1:
        raise ValueError(f"{name}: axis_index_groups must have one size, got {out}")
    return out


def place_in(table: Sequence[int], names: tuple[Any, ...]) -> Any:
    """The entry of a table for the own position along mapped axes: i32[]."""
    return dynamic_index_in_dim(to_array(np.asarray(table, np.int32)), axis_index(names), 0, False)


def _reduce_groups(leaf: Any, names: tuple[Any, ...], groups: list[list[int]], primitive: Primitive
                   ) -> Any:
    """Reduce within groups: each entry has a slot for every group, and fills that of its own."""
    number = {i: g for g, group in enumerate(groups) for i in group}
    mine = place_in([number[i] for i in range(len(number))], names)
    shape, count = leaf.aval.shape, len(groups)
    own = eq(iota(np.int32, count), broadcast_in_dim(mine, (count,), ()))
    slots = select_n(broadcast_in_dim(own, (count, *shape), (0,)),
                     broadcast_in_dim(scalar(_idle(primitive, leaf.dtype), leaf.dtype),
                                      (count, *shape), ()),
                     broadcast_in_dim(leaf, (count, *shape), range(1, 1 + len(shape))))
    reduced = primitive.bind(slots, axes=names, axis_index_groups=None)
    return dynamic_index_in_dim(reduced, mine, 0, False)


def _idle(primitive: Primitive, dtype: Any) -> Any:
    """What changes nothing in a reduction."""
    if primitive is psum_p:
        return 0
    low = primitive is pmax_p
    if dtypes.kind(dtype) == "b":
        return not low
    if dtypes.kind(dtype) == "f":
        return -np.inf if low else np.inf
    return dtypes.iinfo(dtype).min if low else dtypes.iinfo(dtype).max


def _over_leaves(name: str, x: Any, axis_name: Any, groups: Any, primitive: Primitive,
                 local: Callable[[Any, Sequence[int]], Any]) -> Any:
    """Reduce each leaf over positional axes (integers) here, over named ones by the primitive."""
    names = as_names(axis_name)
    named = tuple(n for n in names if not isinstance(n, int))
    positional = [n for n in names if isinstance(n, int)]
    check_names(name, named)
    if groups is not None:
        if positional:
            raise ValueError(f"{name}: axis_index_groups go with named axes alone, got {names}")
        groups = check_groups(name, named, groups)

    def one(leaf: Any) -> Any:
        leaf = to_array(leaf)
        if name == "psum" and dtypes.kind(leaf.dtype) == "b":
            leaf = convert_element_type(leaf, dtypes.default_int())
        if positional:
            leaf = local(leaf, [canonicalize_axis(a, leaf.ndim) for a in positional])
        if groups is not None:
            return _reduce_groups(leaf, named, groups, primitive)
        return _bound(name, primitive, leaf, named) if named else leaf

    leaves, tree = tree_flatten(x)
    return tree_unflatten(tree, [one(leaf) for leaf in leaves])


def _bound(name: str, primitive: Primitive, x: Any, names: tuple[Any, ...]) -> Any:
    """The reduction of a leaf over named axes; what the type says of them must be the same."""
    if not checked_axes().isdisjoint(names):
        given = state(f"jax.lax.{name}", x, names)
        if given == "reduced":
            raise ValueError(f"{name} cannot accept args which are reduced, got {typeof(x)} and"
                             f" axes={names}; lax.pcast it to 'varying' first")
        if given == "unreduced":
            kind = typeof(x).mat.unreduced_kind
            if kind is not _KINDS[primitive]:
                raise ValueError(f"unreduced_{name} cannot accept args with unreduced_kind {kind},"
                                 f" got {typeof(x)}; use the reduction of that kind")
            if primitive is not psum_p:
                return primitive.bind(x, axes=names, axis_index_groups=None)
        if primitive is psum_p:
            return sum_over(x, names)
    return primitive.bind(varied(x, names), axes=names, axis_index_groups=None)


def psum(x: Any, axis_name: Any, *, axis_index_groups: Any = None) -> Any:
    """Sum over a mapped axis; the same for all of its entries.

    x: pytree of arrays; Python numbers are multiplied by the axis size at once, so that `psum(1,
    name)` is that size. axis_name: the mapped axis, or a tuple of several. axis_index_groups: lists
    of positions, each summed by itself -> the same types. Raises NameError if no such axis is
    mapped, ValueError for other groups.

    >>> ingot.vmap(lambda x: lax.psum(x, "i"), axis_name="i")(np.arange(3.0))
    Array([3., 3., 3.], dtype=float64)
    """
    leaves, tree = tree_flatten(x)
    if leaves and all(isinstance(leaf, (int, float, complex)) for leaf in leaves):
        names = check_names("psum", axis_name)
        groups = [range(size_in_scope(names))] if axis_index_groups is None else check_groups(
            "psum", names, axis_index_groups)
        if len({len(group) for group in groups}) == 1:
            return tree_unflatten(tree, [leaf * len(groups[0]) for leaf in leaves])
    return _over_leaves("psum", x, axis_name, axis_index_groups, psum_p, reduce_sum)


def pmean(x: Any, axis_name: Any, *, axis_index_groups: Any = None) -> Any:
    """Mean over a mapped axis; the same for all of its entries.

    x: pytree of arrays. axis_name, axis_index_groups, errors: those of `psum` -> the same types,
    integers as floats.

    >>> ingot.vmap(lambda x: x - lax.pmean(x, "i"), axis_name="i")(np.arange(3.0))
    Array([-1.,  0.,  1.], dtype=float64)
    """
    total = psum(tree_map(_widen, x), axis_name, axis_index_groups=axis_index_groups)
    count = _count(x, axis_name) if axis_index_groups is None else psum(
        1, axis_name, axis_index_groups=axis_index_groups)

    def mean(s: Any, of: Any) -> Any:
        s = to_array(s)
        if not dtypes.issubdtype(s.dtype, np.inexact):
            s = convert_element_type(s, dtypes.default_float())
        out = div(s, full_like(s, count) if isinstance(count, int) else broadcast_in_dim(
            convert_element_type(count, s.dtype), s.aval.shape, ()))
        return convert_element_type(out, of.dtype) if _is_half(of) else out

    return tree_map(mean, total, x)


def _is_half(x: Any) -> bool:
    """Whether an array's sums may be too large for its dtype, or its dtype too small for counts."""
    return hasattr(x, "dtype") and is_narrow(x.dtype)


def _widen(x: Any) -> Any:
    return convert_element_type(x, dtypes.float32) if _is_half(x) else x


def _count(x: Any, axis_name: Any) -> int:
    names = as_names(axis_name)
    count = size_in_scope(tuple(n for n in names if not isinstance(n, int)))
    leaves, _ = tree_flatten(x)
    for n in names:
        if isinstance(n, int) and leaves:
            count *= typeof(leaves[0]).shape[n]
    return count


def pmax(x: Any, axis_name: Any, *, axis_index_groups: Any = None) -> Any:
    """Largest value over a mapped axis; the same for all of its entries.

    x: pytree of real arrays. axis_name, axis_index_groups, errors: those of `psum` -> the same
    types.

    >>> ingot.vmap(lambda x: lax.pmax(x, "i"), axis_name="i")(np.arange(3.0))
    Array([2., 2., 2.], dtype=float64)
    """
    return _over_leaves("pmax", x, axis_name, axis_index_groups, pmax_p, reduce_max)


def pmin(x: Any, axis_name: Any, *, axis_index_groups: Any = None) -> Any:
    """Smallest value over a mapped axis; the same for all of its entries.

    x: pytree of real arrays. axis_name, axis_index_groups, errors: those of `psum` -> the same
    types.

    >>> ingot.vmap(lambda x: lax.pmin(x, "i"), axis_name="i")(np.arange(3.0))
    Array([0., 0., 0.], dtype=float64)
    """
    return _over_leaves("pmin", x, axis_name, axis_index_groups, pmin_p, reduce_min)


# ---- axis_index, axis_size ----------------------------------------------------------------------
def one_name(*, axis_name: Any, **params: Any) -> tuple[Any, ...]:
    """The axes of a collective with a parameter axis_name."""
    return as_names(axis_name)


axis_index_p = collective(
    "axis_index", type=lambda *, axis_name: ShapedArray((), np.int32), jvp=[],
    transpose=lambda ct, **params: [],
    batch=lambda axis, args, dims, *, axis_name: (iota(np.int32, axis.size), 0), axes=one_name)


def axis_index(axis_name: Any) -> Any:
    """Return the position along a mapped axis.

    axis_name: its name, or a tuple of names, along which positions are counted in row-major order
    -> i32[]. Raises NameError if no such axis is mapped.

    >>> ingot.vmap(lambda x: lax.axis_index("i"), axis_name="i")(np.arange(3.0))
    Array([0, 1, 2], dtype=int32)
    """
    index: Any = None
    for n in check_names("axis_index", axis_name):
        here = varied(axis_index_p.bind(axis_name=n), (n,))
        index = here if index is None else add(mul(index, scalar(size_in_scope(n), np.int32)), here)
    return index


def axis_size(axis_name: Any) -> int:
    """Return the length of a mapped axis.

    axis_name: its name, or a tuple of names for the product of their lengths -> a Python integer.
    Raises NameError if no such axis is mapped.

    >>> ingot.vmap(lambda x: x / lax.axis_size("i"), axis_name="i")(np.array([0.0, 3.0, 6.0]))
    Array([0., 1., 2.], dtype=float64)
    """
    return size_in_scope(axis_name)


__all__ = ["axis_index", "axis_index_p", "axis_size", "pmax", "pmax_p", "pmean", "pmin", "pmin_p",
           "psum", "psum_invariant_p", "psum_p", "unreduced_psum_p"]
