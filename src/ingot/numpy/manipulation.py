"""Array manipulation: shapes, axes, joining, splitting, tiling, rearranging."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.api.eager import trace_cached
from ingot.core.array import ArrayBase
from ingot.core.interpreter import to_array
from ingot.core.static import items
from ingot.errors import ShapeError
from ingot.numpy import primitives as lax
from ingot.numpy.creation import concrete, concrete_int
from ingot.numpy.indexing import getitem
from ingot.numpy.promotion import (
    as_array,
    aval_of,
    check_arraylike,
    convert,
    promote_dtypes,
    unsupported,
    user_dtype,
)
from ingot.numpy.reductions import axes_of
from ingot.util import size_of

# ---- shapes ----


def shape(a: Any) -> tuple[int, ...]:
    """The shape of an array.

    >>> jnp.shape(1.0)
    ()
    """
    if a is None:
        return ()
    if isinstance(a, (list, tuple)):
        return np.shape(a)
    return tuple(a.shape) if hasattr(a, "shape") else aval_of("shape", a).shape


def ndim(a: Any) -> int:
    """The number of axes of an array.

    >>> jnp.ndim(1.0)
    0
    """
    if a is None:
        return 0
    if isinstance(a, (list, tuple)):
        return np.ndim(a)
    return a.ndim if hasattr(a, "ndim") else aval_of("ndim", a).ndim


def size(a: Any, axis: int | Sequence[int] | None = None) -> int:
    """The number of elements of an array, or along axes.

    >>> jnp.size(1.0)
    1
    """
    lengths = shape(a)
    return size_of(lengths) if axis is None else size_of(
        [lengths[i] for i in axes_of("size", axis, len(lengths))])


def reshape(a: Any, shape: Any, order: str = "C", *, copy: bool | None = None,
            out_sharding: Any = None) -> Any:
    """The same elements in another shape; one length may be -1.

    order: 'C' counts the last axis fastest, 'F' the first. NumPy's arrays stay NumPy's, also
    where a function is traced. Raises TypeError for other sizes.

    >>> jnp.reshape(np.arange(4), (2, -1))
    array([[0, 1],
           [2, 3]])
    """
    given, a = a, as_array("reshape", a)
    new = _filled_in(a.aval, shape)
    if isinstance(given, np.ndarray | np.generic) and math.prod(new) == given.size:
        return np.reshape(given, new, order=order)  # type: ignore[call-overload]
    if order == "C" or order == "A":
        return lax.reshape(a, new)
    if order != "F":
        raise ValueError(f"reshape: order must be 'C', 'F' or 'A', got {order!r}")
    reversed_ = lax.transpose(a, range(a.aval.ndim)[::-1])
    return lax.transpose(lax.reshape(reversed_, new[::-1]), range(len(new))[::-1])


def _filled_in(aval: Any, shape: Any) -> tuple[int, ...]:
    new = [n if type(n) is int else concrete_int("reshape", n, "shape") for n in items(shape)]
    if new.count(-1) > 1:
        raise ShapeError(f"reshape: only one length may be -1, got {tuple(new)}")
    if -1 in new:
        known = math.prod(n for n in new if n != -1)
        if known == 0 or aval.size % known:
            raise TypeError(f"reshape: cannot reshape {aval} ({aval.size} elements) into shape"
                            f" {tuple(new)}, whose known lengths have product {known}")
        new[new.index(-1)] = aval.size // known
    return tuple(new)


def ravel(a: Any, order: str = "C", *, out_sharding: Any = None) -> Any:
    """The elements in one axis.

    >>> jnp.ravel(np.ones((1, 2)))
    Array([1., 1.], dtype=float64)
    """
    if order == "K":
        raise NotImplementedError("ravel: order 'K' has no meaning here; use 'C'")
    a = as_array("ravel", a)
    return reshape(a, (size(a),), order)


def expand_dims(a: Any, axis: int | Sequence[int]) -> Any:
    """New axes of length 1 at the given places of the result.

    >>> jnp.expand_dims(1.0, 0)
    Array([1.], dtype=float64, weak_type=True)
    """
    a = as_array("expand_dims", a)
    axes = items(axis)
    return lax.expand_dims(a, axes_of("expand_dims", axes, a.aval.ndim + len(axes)))


def squeeze(a: Any, axis: int | Sequence[int] | None = None) -> Any:
    """The array without axes of length 1. Raises ValueError for other lengths.

    >>> jnp.squeeze(np.ones((1, 2)))
    Array([1., 1.], dtype=float64)
    """
    a = as_array("squeeze", a)
    if axis is None:
        axes: tuple[int, ...] = tuple(i for i, n in enumerate(a.aval.shape) if n == 1)
    else:
        axes = axes_of("squeeze", axis, a.aval.ndim)
    if any(a.aval.shape[i] != 1 for i in axes):
        raise ValueError(f"squeeze: axes must have length 1, got axes {axes} of {a.aval}")
    return lax.squeeze(a, axes) if axes else a


def atleast_1d(*arys: Any) -> Any:
    """Arrays with at least one axis.

    >>> jnp.atleast_1d(1.0)
    Array([1.], dtype=float64, weak_type=True)
    """
    return _at_least("atleast_1d", arys, 1, lambda a: (1,))


def atleast_2d(*arys: Any) -> Any:
    """Arrays with at least two axes; new ones come first.

    >>> jnp.atleast_2d(1.0)
    Array([[1.]], dtype=float64, weak_type=True)
    """
    return _at_least("atleast_2d", arys, 2, lambda s: (1,) * (2 - len(s)) + s)


def atleast_3d(*arys: Any) -> Any:
    """Arrays with at least three axes; a vector becomes (1, n, 1).

    >>> jnp.atleast_3d(1.0).shape
    (1, 1, 1)
    """
    forms = {0: lambda s: (1, 1, 1), 1: lambda s: (1, *s, 1), 2: lambda s: (*s, 1)}
    return _at_least("atleast_3d", arys, 3, lambda s: forms[len(s)](s))


def _at_least(name: str, arrays: Sequence[Any], rank: int, form: Any) -> Any:
    made = [as_array(name, a) for a in arrays]
    out = [a if a.aval.ndim >= rank else lax.reshape(a, form(a.aval.shape)) for a in made]
    return out[0] if len(out) == 1 else out


# ---- axes ----


def transpose(a: Any, axes: Sequence[int] | None = None) -> Any:
    """Axes reordered, by default reversed.

    >>> jnp.transpose(np.ones((2, 3))).shape
    (3, 2)
    """
    a = as_array("transpose", a)
    n = a.aval.ndim
    if axes is None:
        return lax.transpose(a, range(n)[::-1])
    order = axes_of("transpose", items(axes), n)
    if len(order) != n:
        raise ShapeError(f"transpose: axes {tuple(axes)} must name each axis of {a.aval} once")
    return lax.transpose(a, order)


def permute_dims(a: Any, /, axes: Sequence[int]) -> Any:
    """Axes reordered.

    >>> jnp.permute_dims(np.ones((2, 3)), (1, 0)).shape
    (3, 2)
    """
    return transpose(a, axes)


def matrix_transpose(x: Any, /) -> Any:
    """The last two axes exchanged.

    >>> jnp.matrix_transpose(np.ones((2, 3))).shape
    (3, 2)
    """
    x = as_array("matrix_transpose", x)
    if x.aval.ndim < 2:
        raise ValueError(f"matrix_transpose: rank 2 at least is needed, got {x.aval}")
    return swapaxes(x, -1, -2)


def swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    """Two axes exchanged.

    >>> jnp.swapaxes(np.ones((2, 3)), 0, 1).shape
    (3, 2)
    """
    a = as_array("swapaxes", a)
    order = list(range(a.aval.ndim))
    i, j = (axes_of("swapaxes", operator.index(i), len(order))[0] for i in (axis1, axis2))
    order[i], order[j] = order[j], order[i]
    return lax.transpose(a, order)


def moveaxis(a: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Any:
    """Axes moved to other places; the rest keep their order.

    >>> jnp.moveaxis(np.ones((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    a = as_array("moveaxis", a)
    src = axes_of("moveaxis", source, a.aval.ndim)
    dst = axes_of("moveaxis", destination, a.aval.ndim)
    if len(src) != len(dst):
        raise ValueError(f"moveaxis: as many sources as destinations, got {source}, {destination}")
    order = [i for i in range(a.aval.ndim) if i not in src]
    for place, i in sorted(zip(dst, src, strict=True)):
        order.insert(place, i)
    return lax.transpose(a, order)


def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """An axis moved before the axis at `start`.

    >>> jnp.rollaxis(np.ones((2, 3, 4)), 2).shape
    (4, 2, 3)
    """
    a = as_array("rollaxis", a)
    (i,) = axes_of("rollaxis", axis, a.aval.ndim)
    if not -a.aval.ndim <= start <= a.aval.ndim:
        raise ValueError(f"rollaxis: start {start} is out of range for {a.aval}")
    start = start + a.aval.ndim if start < 0 else start
    return moveaxis(a, i, start - (i < start))


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
    """Arrays joined along an axis, or flattened and joined if the axis is None.

    >>> jnp.concatenate([np.ones(1), np.zeros(1)])
    Array([1., 0.], dtype=float64)
    """
    made = _sequence("concatenate", arrays)
    want = user_dtype("concatenate", dtype)
    made = promote_dtypes("concatenate", *made) if want is None else [
        convert(a, want) for a in made]
    if axis is None:
        return concatenate([ravel(a) for a in made], 0)
    first = made[0].aval
    if first.ndim == 0:
        raise ValueError("concatenate: scalars have no axes to join; use stack")
    (axis,) = axes_of("concatenate", operator.index(axis), first.ndim)
    for a in made:
        if a.aval.ndim != first.ndim or any(i != axis and n != m for i, (n, m) in enumerate(
                zip(a.aval.shape, first.shape, strict=True))):
            raise TypeError(f"concatenate: shapes must agree except along axis {axis}, got"
                            f" {', '.join(str(b.aval) for b in made[:8])}; reshape them to one rank"
                            " (stack joins along a new axis)")
    return made[0] if len(made) == 1 else lax.concatenate(made, axis)


def concat(arrays: Any, /, *, axis: int | None = 0) -> Any:
    """Arrays joined along an axis.

    >>> jnp.concat([np.ones(1), np.zeros(1)])
    Array([1., 0.], dtype=float64)
    """
    return concatenate(arrays, axis)


@trace_cached
def stack(arrays: Any, axis: int = 0, out: None = None, dtype: Any = None) -> Any:
    """Arrays of one shape joined along a new axis.

    >>> jnp.stack([np.ones(1), np.zeros(1)])
    Array([[1.],
           [0.]], dtype=float64)
    """
    unsupported("stack", out=out)
    made = [as_array("stack", a) for a in _sequence("stack", arrays)]
    first = made[0].aval
    if any(a.aval.shape != first.shape for a in made):
        raise ValueError("stack: all arrays must have one shape, got"
                         f" {', '.join(str(a.aval) for a in made[:8])}")
    (axis,) = axes_of("stack", operator.index(axis), first.ndim + 1)
    return concatenate([lax.expand_dims(a, (axis,)) for a in made], axis, dtype)


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    """The slices of an array along an axis.

    >>> jnp.unstack(np.array([1, 2]))
    (Array(1, dtype=int64), Array(2, dtype=int64))
    """
    x = as_array("unstack", x)
    if x.aval.ndim == 0:
        raise ValueError("unstack: a scalar has no axis")
    x = moveaxis(x, axis, 0)
    return tuple(getitem(x, i) for i in range(x.aval.shape[0]))


def vstack(tup: Any, dtype: Any = None) -> Any:
    """Arrays as rows, joined along the first axis.

    >>> jnp.vstack([np.ones(1), np.zeros(1)]).shape
    (2, 1)
    """
    return concatenate([atleast_2d(a) for a in _sequence("vstack", tup)], 0, dtype)


def hstack(tup: Any, dtype: Any = None) -> Any:
    """Arrays joined along the second axis, vectors along the first.

    >>> jnp.hstack([np.ones(1), np.zeros(1)]).shape
    (2,)
    """
    made = [atleast_1d(a) for a in _sequence("hstack", tup)]
    return concatenate(made, 0 if made[0].aval.ndim == 1 else 1, dtype)


def dstack(tup: Any, dtype: Any = None) -> Any:
    """Arrays joined along the third axis.

    >>> jnp.dstack([np.ones(1), np.zeros(1)]).shape
    (1, 1, 2)
    """
    return concatenate([atleast_3d(a) for a in _sequence("dstack", tup)], 2, dtype)


def column_stack(tup: Any) -> Any:
    """Vectors as columns, joined with matrices along the second axis.

    >>> jnp.column_stack([np.ones(2), np.zeros(2)]).shape
    (2, 2)
    """
    made = [as_array("column_stack", a) for a in _sequence("column_stack", tup)]
    return concatenate([transpose(atleast_2d(a)) if a.aval.ndim < 2 else a for a in made], 1)


def block(arrays: Any) -> Any:
    """An array from nested lists of blocks: the innermost are joined along the last axis.

    >>> jnp.block([[np.ones((1, 1)), np.zeros((1, 1))]])
    Array([[1., 0.]], dtype=float64)
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
    """Values joined to the end of an array.

    >>> jnp.append(np.array([1]), 2)
    Array([1, 2], dtype=int64)
    """
    if axis is None:
        return concatenate([ravel(arr), ravel(values)], 0)
    return concatenate([arr, values], axis)


# ---- splitting ----


def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """An array cut into sections, whose lengths may differ by one.

    >>> jnp.array_split(np.arange(3), 2)
    [Array([0, 1], dtype=int64), Array([2], dtype=int64)]
    """
    return _split("array_split", ary, indices_or_sections, axis, exact=False)


def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """An array cut into equal sections, or at indices.

    >>> jnp.split(np.arange(2), 2)
    [Array([0], dtype=int64), Array([1], dtype=int64)]
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
    """An array cut along the first axis.

    >>> len(jnp.vsplit(np.ones((2, 1)), 2))
    2
    """
    return split(ary, indices_or_sections, 0)


def hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """An array cut along the second axis, a vector along its only one.

    >>> len(jnp.hsplit(np.ones((1, 2)), 2))
    2
    """
    return split(ary, indices_or_sections, 0 if ndim(ary) == 1 else 1)


def dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """An array cut along the third axis.

    >>> len(jnp.dsplit(np.ones((1, 1, 2)), 2))
    2
    """
    return split(ary, indices_or_sections, 2)

