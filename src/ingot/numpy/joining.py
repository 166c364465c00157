"""Joining and splitting arrays along axes."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ingot.api.eager import trace_cached
from ingot.core.array import ArrayBase
from ingot.core.division import require_whole
from ingot.core.interpreter import to_array
from ingot.core.static import items
from ingot.numpy import primitives as lax
from ingot.numpy.concrete import concrete, concrete_int
from ingot.numpy.indexing import getitem
from ingot.numpy.manipulation import (
    atleast_1d,
    atleast_2d,
    atleast_3d,
    moveaxis,
    ndim,
    ravel,
    transpose,
)
from ingot.numpy.promotion import (
    as_array,
    check_arraylike,
    convert,
    promote_dtypes,
    unsupported,
    user_dtype,
)
from ingot.numpy.reductions import axes_of, one_axis

# ---- joining ----


def _sequence(name: str, arrays: Any) -> list[Any]:
    if isinstance(arrays, (ArrayBase, np.ndarray)):
        arrays = [getitem(to_array(arrays), i) for i in range(len(arrays))]  # type: ignore[arg-type]
    if not isinstance(arrays, (list, tuple)):
        arrays = list(arrays)
    if not len(arrays):
        raise ValueError(f"{name}: at least one array is needed")
    check_arraylike(name, *arrays)
    return list(arrays)


@trace_cached
def concatenate(arrays: Any, axis: int | None = 0, dtype: Any = None) -> Any:
    """Join arrays along an axis.

    arrays: a sequence of arrays [..., n_i, ...] that agree in all other axes; axis: None flattens
    them first; dtype: by default the one they promote to -> [..., sum of n_i, ...] of `dtype`.
    Raises TypeError if the shapes do not agree, ValueError for no arrays, scalars and an axis out
    of bounds.

    >>> jnp.concatenate([np.ones((1, 2)), np.zeros((2, 2))])
    Array([[1., 1.],
           [0., 0.],
           [0., 0.]], dtype=float64)
    """
    made = _sequence("concatenate", arrays)
    want = user_dtype("concatenate", dtype)
    made = promote_dtypes("concatenate", *made) if want is None else [
        convert(a, want) for a in made]
    if axis is None:
        return concatenate([ravel(a) for a in made], 0)
    first = made[0].aval
    if first.ndim == 0 and isinstance(axis, int):
        raise ValueError("concatenate: scalars have no axes to join; use stack")
    axis = one_axis("concatenate", axis, first.ndim)
    for a in made:
        if a.aval.ndim != first.ndim or any(i != axis and n != m for i, (n, m) in enumerate(
                zip(a.aval.shape, first.shape, strict=True))):
            raise TypeError(f"concatenate: shapes must agree except along axis {axis}, got"
                            f" {', '.join(str(b.aval) for b in made[:8])}; reshape them to one rank"
                            " (stack joins along a new axis)")
    return made[0] if len(made) == 1 else lax.concatenate(made, axis)


def concat(arrays: Any, /, *, axis: int | None = 0) -> Any:
    """Join arrays along an axis, as `concatenate`.

    arrays: a sequence of arrays that agree in all other axes; axis: None flattens them first -> an
    array of the dtype they promote to. Raises as `concatenate`.

    >>> jnp.concat([np.array([1]), np.array([2.5])])
    Array([1. , 2.5], dtype=float64)
    """
    return concatenate(arrays, axis)


@trace_cached
def stack(arrays: Any, axis: int = 0, out: None = None, dtype: Any = None) -> Any:
    """Join arrays of one shape along a new axis.

    arrays: a sequence of n arrays [...]; axis: where the new axis is in the result; out: must be
    None; dtype: by default the one they promote to -> [..., n, ...] of `dtype`. Raises ValueError
    for no arrays, for different shapes and an axis out of bounds.

    >>> jnp.stack([np.array([1, 2]), np.array([3, 4])], axis=1)
    Array([[1, 3],
           [2, 4]], dtype=int64)
    """
    unsupported("stack", out=out)
    made = [as_array("stack", a) for a in _sequence("stack", arrays)]
    first = made[0].aval
    if any(a.aval.shape != first.shape for a in made):
        raise ValueError("stack: all arrays must have one shape, got"
                         f" {', '.join(str(a.aval) for a in made[:8])}")
    axis = one_axis("stack", axis, first.ndim + 1)
    return concatenate([lax.expand_dims(a, (axis,)) for a in made], axis, dtype)


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    """Split an array into its slices along an axis.

    x: [..., n, ...] of any dtype; axis: the axis -> a tuple of n arrays without it. Raises
    ValueError for scalars and an axis out of bounds.

    >>> jnp.unstack(np.array([[1, 2], [3, 4]]), axis=1)
    (Array([1, 3], dtype=int64), Array([2, 4], dtype=int64))
    """
    x = as_array("unstack", x)
    if x.aval.ndim == 0:
        raise ValueError("unstack: a scalar has no axis")
    (axis,) = axes_of("unstack", axis, x.aval.ndim)
    require_whole("unstack operand cannot be sharded on the unstacking axis", x.aval, [axis])
    x = moveaxis(x, axis, 0)
    return tuple(getitem(x, i) for i in range(x.aval.shape[0]))


def vstack(tup: Any, dtype: Any = None) -> Any:
    """Join arrays along the first axis; vectors are rows.

    tup: a sequence of arrays; dtype: by default the one they promote to -> two axes at least, of
    `dtype`. Raises TypeError if the other axes do not agree, ValueError for no arrays.

    >>> jnp.vstack([np.array([1, 2]), np.array([[3, 4], [5, 6]])])
    Array([[1, 2],
           [3, 4],
           [5, 6]], dtype=int64)
    """
    return concatenate([atleast_2d(a) for a in _sequence("vstack", tup)], 0, dtype)


def hstack(tup: Any, dtype: Any = None) -> Any:
    """Join arrays along the second axis, vectors along their only one.

    tup: a sequence of arrays; dtype: by default the one they promote to -> an array of `dtype`.
    Raises TypeError if the other axes do not agree, ValueError for no arrays.

    >>> jnp.hstack([np.array([1, 2]), np.array([3])])
    Array([1, 2, 3], dtype=int64)
    """
    made = [atleast_1d(a) for a in _sequence("hstack", tup)]
    return concatenate(made, 0 if made[0].aval.ndim == 1 else 1, dtype)


def dstack(tup: Any, dtype: Any = None) -> Any:
    """Join arrays along the third axis, which they get if they have fewer.

    tup: a sequence of arrays; dtype: by default the one they promote to -> three axes at least, of
    `dtype`. Raises TypeError if the other axes do not agree, ValueError for no arrays.

    >>> jnp.dstack([np.array([1, 2]), np.array([3, 4])])
    Array([[[1, 3],
            [2, 4]]], dtype=int64)
    """
    return concatenate([atleast_3d(a) for a in _sequence("dstack", tup)], 2, dtype)


def column_stack(tup: Any) -> Any:
    """Join vectors as columns, and matrices, along the second axis.

    tup: a sequence of vectors [m] and matrices [m, n_i] -> [m, ...] of the dtype they promote to.
    Raises TypeError if m differs, ValueError for no arrays.

    >>> jnp.column_stack([np.array([1, 2]), np.array([[3, 4], [5, 6]])])
    Array([[1, 3, 4],
           [2, 5, 6]], dtype=int64)
    """
    made = [as_array("column_stack", a) for a in _sequence("column_stack", tup)]
    return concatenate([transpose(atleast_2d(a)) if a.aval.ndim < 2 else a for a in made], 1)


def block(arrays: Any) -> Any:
    """Join nested lists of blocks, the innermost ones along the last axis.

    arrays: lists of arrays, nested to one depth -> an array of the dtype they promote to, with as
    many axes as lists at least. Raises ValueError for empty lists and several depths, TypeError for
    tuples and for blocks that do not fit.

    >>> jnp.block([[np.eye(2), np.zeros((2, 1))], [np.ones((1, 3))]])
    Array([[1., 0., 0.],
           [0., 1., 0.],
           [1., 1., 1.]], dtype=float64)
    """
    depth = _depth(arrays)
    rank = max(depth, *(ndim(leaf) for leaf in _blocks(arrays)))

    def join(x: Any, level: int) -> Any:
        if not isinstance(x, list):
            x = as_array("block", x)
            return lax.reshape(x, (1,) * (rank - x.aval.ndim) + x.aval.shape)
        return concatenate([join(e, level + 1) for e in x], level - depth)

    return join(arrays, 0)


def _blocks(x: Any) -> list[Any]:
    return [leaf for e in x for leaf in _blocks(e)] if isinstance(x, list) else [x]


def _depth(x: Any) -> int:
    if isinstance(x, tuple):
        raise TypeError("block: blocks are nested in lists, got a tuple")
    if not isinstance(x, list):
        return 0
    depths = {_depth(e) for e in x}
    if len(depths) != 1:
        raise ValueError("block: lists must be non-empty and nested to one depth")
    return 1 + depths.pop()


def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """Join values to the end of an array.

    arr, values: arrays; axis: the axis to join along; None flattens both -> [n] or [...] of the
    dtype they promote to. Raises TypeError if the other axes do not agree.

    >>> jnp.append(np.array([[1, 2]]), 3)
    Array([1, 2, 3], dtype=int64)
    """
    arr, values = as_array("append", arr), as_array("append", values)
    if axis is None:
        return concatenate([ravel(arr), ravel(values)], 0)
    return concatenate([arr, values], one_axis("append", axis, arr.aval.ndim))


# ---- splitting ----


def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Cut an array along an axis into sections, whose lengths may differ by one.

    ary: [..., n, ...] of any dtype; indices_or_sections: their number, or the places of the cuts;
    axis: the axis -> a list of arrays of the same dtype, longer ones first. Raises ValueError for a
    number below 1.

    >>> jnp.array_split(np.arange(3), 2)
    [Array([0, 1], dtype=int64), Array([2], dtype=int64)]
    """
    return _split("array_split", ary, indices_or_sections, axis, exact=False)


def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Cut an array along an axis into equal sections, or at places.

    ary: [..., n, ...] of any dtype; indices_or_sections: their number, or the places of the cuts;
    axis: the axis -> a list of arrays of the same dtype. Raises ValueError for a number that does
    not divide n.

    >>> jnp.split(np.arange(5), [1, 3])
    [Array([0], dtype=int64), Array([1, 2], dtype=int64), Array([3, 4], dtype=int64)]
    """
    return _split("split", ary, indices_or_sections, axis, exact=True)


def _split(name: str, ary: Any, where: Any, axis: int, exact: bool) -> list[Any]:
    ary = as_array(name, ary)
    (axis,) = axes_of(name, axis, ary.aval.ndim)
    n = ary.aval.shape[axis]
    if isinstance(where, (list, tuple)) or getattr(where, "ndim", 0) > 0:
        cuts = [operator.index(concrete(name, i, "a place")) for i in items(where)]
        cuts = [slice(None, i).indices(n)[1] for i in cuts]
        bounds = [0, *cuts, n]
    else:
        parts = concrete_int(name, where, "the number of sections")
        if parts <= 0 or exact and n % parts:
            raise ValueError(f"{name}: axis {axis} of {ary.aval} has no {parts} equal sections;"
                             " array_split cuts into unequal ones")
        short, longer = divmod(n, parts)
        bounds = [i * short + min(i, longer) for i in range(parts + 1)]
    return [lax.slice_in_dim(ary, a, max(a, b), axis=axis)
            for a, b in zip(bounds, bounds[1:], strict=False)]


def vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Cut an array along the first axis, as `split`.

    ary: [m, ...] of any dtype; indices_or_sections: number of sections, or places of the cuts -> a
    list of arrays of the same dtype. Raises ValueError for a number that does not divide m.

    >>> jnp.vsplit(np.array([[1, 2], [3, 4]]), 2)
    [Array([[1, 2]], dtype=int64), Array([[3, 4]], dtype=int64)]
    """
    return _split("vsplit", ary, indices_or_sections, 0, exact=True)


def hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Cut an array along the second axis, a vector along its only one, as `split`.

    ary: [m, n, ...] or [n] of any dtype; indices_or_sections: number of sections, or places of the
    cuts -> a list of arrays of the same dtype. Raises ValueError for a number that does not divide
    n.

    >>> jnp.hsplit(np.array([[1, 2, 3]]), [2])
    [Array([[1, 2]], dtype=int64), Array([[3]], dtype=int64)]
    """
    return _split("hsplit", ary, indices_or_sections, 0 if ndim(ary) == 1 else 1, exact=True)


def dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Cut an array along the third axis, as `split`.

    ary: [m, n, p, ...] of any dtype; indices_or_sections: number of sections, or places of the cuts
    -> a list of arrays of the same dtype. Raises ValueError for a number that does not divide p,
    and for fewer axes.

    >>> [x.shape for x in jnp.dsplit(np.ones((1, 2, 4)), 2)]
    [(1, 2, 2), (1, 2, 2)]
    """
    return _split("dsplit", ary, indices_or_sections, 2, exact=True)
