"""Shapes and axes of arrays: their numbers, new shapes, added, removed and reordered axes."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.core.static import items
from ingot.errors import ShapeError
from ingot.numpy import primitives as lax
from ingot.numpy.concrete import concrete_int
from ingot.numpy.promotion import as_array, aval_of
from ingot.numpy.reductions import axes_of
from ingot.primitives.out_sharding import divided
from ingot.util import size_of

# ---- shapes ----


def shape(a: Any) -> tuple[int, ...]:
    """Return the shape of an array.

    a: an array, a number, a nested sequence, or None -> a tuple of ints. Raises TypeError for
    others.

    >>> jnp.shape([[1, 2, 3]])
    (1, 3)
    """
    if a is None:
        return ()
    if isinstance(a, (list, tuple)):
        return np.shape(a)
    return tuple(a.shape) if hasattr(a, "shape") else aval_of("shape", a).shape


def ndim(a: Any) -> int:
    """Return the number of axes of an array.

    a: an array, a number, a nested sequence, or None -> an int. Raises TypeError for others.

    >>> jnp.ndim(np.ones((2, 3)))
    2
    """
    if a is None:
        return 0
    if isinstance(a, (list, tuple)):
        return np.ndim(a)
    return a.ndim if hasattr(a, "ndim") else aval_of("ndim", a).ndim


def size(a: Any, axis: int | Sequence[int] | None = None) -> int:
    """Return the number of elements of an array, or the product of the lengths of some axes.

    a: an array, a number or a nested sequence; axis: None (all), an axis or several -> an int.
    Raises ValueError for axes that `a` does not have.

    >>> jnp.size(np.ones((2, 3))), jnp.size(np.ones((2, 3)), 1)
    (6, 3)
    """
    lengths = shape(a)
    return size_of(lengths) if axis is None else size_of(
        [lengths[i] for i in axes_of("size", axis, len(lengths))])


def reshape(a: Any, shape: Any, order: str = "C", *, copy: bool | None = None,
            out_sharding: Any = None) -> Any:
    """Give the elements another shape, in the same order.

    a: [...] of any dtype; shape: lengths, one of which may be -1; order: "C" counts the last axis
    fastest, "F" the first; out_sharding: how Explicit axes divide the result; copy: without
    effect -> [*shape] of the same dtype; a NumPy array stays one, also where a function is traced.
    Raises TypeError if the size differs, ValueError for a second -1 and other orders.

    >>> jnp.reshape(jnp.arange(4), (2, -1), order="F")
    Array([[0, 2],
           [1, 3]], dtype=int64)
    """
    given, a = a, as_array("reshape", a)
    new = _filled_in(a.aval, shape)
    if (out_sharding is None and isinstance(given, np.ndarray | np.generic)
            and math.prod(new) == given.size):
        return np.reshape(given, new, order=order)  # type: ignore[call-overload]
    if order == "C" or order == "A":
        return lax.reshape(a, new, out_sharding=out_sharding)
    if order != "F":
        raise ValueError(f"reshape: order must be 'C', 'F' or 'A', got {order!r}")

    def by_columns(x: Any) -> Any:
        flipped = lax.transpose(x, range(a.aval.ndim)[::-1])
        return lax.transpose(lax.reshape(flipped, new[::-1]), range(len(new))[::-1])

    return divided("reshape", by_columns, out_sharding, a)


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
    """Put the elements in one axis.

    a: [...] of any dtype; order: "C" row by row, "F" column by column; out_sharding: how Explicit
    axes divide the result -> [size] of the same dtype. Raises ValueError for other orders,
    NotImplementedError for "K".

    >>> jnp.ravel(np.array([[1, 2], [3, 4]]), "F")
    Array([1, 3, 2, 4], dtype=int64)
    """
    if order == "K":
        raise NotImplementedError("ravel: order 'K' has no meaning here; use 'C'")
    a = as_array("ravel", a)
    return reshape(a, (size(a),), order, out_sharding=out_sharding)


def expand_dims(a: Any, axis: int | Sequence[int]) -> Any:
    """Insert axes of length 1.

    a: [...] of any dtype; axis: where they are in the result, an int or several -> the same
    elements and dtype. Raises ValueError for places out of bounds and for one twice.

    >>> jnp.expand_dims(np.ones((2, 3)), (0, -1)).shape
    (1, 2, 3, 1)
    """
    a = as_array("expand_dims", a)
    axes = items(axis)
    return lax.expand_dims(a, axes_of("expand_dims", axes, a.aval.ndim + len(axes)))


def squeeze(a: Any, axis: int | Sequence[int] | None = None) -> Any:
    """Remove axes of length 1.

    a: [...] of any dtype; axis: which ones, by default all -> the same elements and dtype. Raises
    ValueError for axes of other lengths or out of bounds.

    >>> jnp.squeeze(np.ones((1, 2, 1)), 0).shape
    (2, 1)
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
    """Make scalars vectors of one element.

    arys: arrays of any dtypes -> the array, or a tuple if there are several, each with one axis at
    least.

    >>> jnp.atleast_1d(1.0, np.ones(2))
    (Array([1.], dtype=float64, weak_type=True), Array([1., 1.], dtype=float64))
    """
    return _at_least("atleast_1d", arys, 1, lambda a: (1,))


def atleast_2d(*arys: Any) -> Any:
    """Make scalars and vectors matrices of one row.

    arys: arrays of any dtypes -> the array, or a tuple if there are several, each with two axes at
    least.

    >>> jnp.atleast_2d(np.array([1, 2]))
    Array([[1, 2]], dtype=int64)
    """
    return _at_least("atleast_2d", arys, 2, lambda s: (1,) * (2 - len(s)) + s)


def atleast_3d(*arys: Any) -> Any:
    """Give arrays three axes at least: [n] becomes [1, n, 1], and [m, n] becomes [m, n, 1].

    arys: arrays of any dtypes -> the array, or a tuple if there are several.

    >>> [x.shape for x in jnp.atleast_3d(1.0, np.ones(2), np.ones((2, 3)))]
    [(1, 1, 1), (1, 2, 1), (2, 3, 1)]
    """
    forms = {0: lambda s: (1, 1, 1), 1: lambda s: (1, *s, 1), 2: lambda s: (*s, 1)}
    return _at_least("atleast_3d", arys, 3, lambda s: forms[len(s)](s))


def _at_least(name: str, arrays: Sequence[Any], rank: int, form: Any) -> Any:
    made = [as_array(name, a) for a in arrays]
    out = [a if a.aval.ndim >= rank else lax.reshape(a, form(a.aval.shape)) for a in made]
    return out[0] if len(out) == 1 else tuple(out)


# ---- axes ----


def transpose(a: Any, axes: Sequence[int] | None = None) -> Any:
    """Reorder the axes.

    a: [...] of any dtype; axes: for each axis of the result the one of `a`, by default reversed ->
    the same dtype. Raises ValueError unless each axis is named once.

    >>> jnp.transpose(np.ones((2, 3, 4)), (1, 2, 0)).shape
    (3, 4, 2)
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
    """Reorder the axes, as `transpose`.

    a: [...] of any dtype; axes: for each axis of the result the one of `a` -> the same dtype.
    Raises ValueError unless each axis is named once.

    >>> jnp.permute_dims(np.ones((2, 3, 4)), (1, 2, 0)).shape
    (3, 4, 2)
    """
    return transpose(a, axes)


def matrix_transpose(x: Any, /) -> Any:
    """Exchange the last two axes.

    x: [..., m, n] of any dtype -> [..., n, m] of the same dtype. Raises ValueError for fewer axes.

    >>> jnp.matrix_transpose(np.array([[1, 2], [3, 4]]))
    Array([[1, 3],
           [2, 4]], dtype=int64)
    """
    x = as_array("matrix_transpose", x)
    if x.aval.ndim < 2:
        raise ValueError(f"matrix_transpose: rank 2 at least is needed, got {x.aval}")
    return swapaxes(x, -1, -2)


def swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    """Exchange two axes.

    a: [...] of any dtype; axis1, axis2: the axes, also counted from the end -> the same dtype.
    Raises ValueError for axes out of bounds.

    >>> jnp.swapaxes(np.ones((2, 3, 4)), 0, -1).shape
    (4, 3, 2)
    """
    a = as_array("swapaxes", a)
    order = list(range(a.aval.ndim))
    i, j = (axes_of("swapaxes", operator.index(i), len(order))[0] for i in (axis1, axis2))
    order[i], order[j] = order[j], order[i]
    return lax.transpose(a, order)


def moveaxis(a: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Any:
    """Move axes to other places; the rest keep their order.

    a: [...] of any dtype; source, destination: an axis or several, as many -> the same dtype.
    Raises ValueError for axes out of bounds, named twice, or not as many.

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
    """Move one axis before another one; `moveaxis` is easier to read.

    a: [...] of any dtype; axis: the axis; start: the axis it comes before, up to a.ndim -> the same
    dtype. Raises ValueError if one is out of bounds.

    >>> jnp.rollaxis(np.ones((2, 3, 4)), 2).shape
    (4, 2, 3)
    """
    a = as_array("rollaxis", a)
    (i,) = axes_of("rollaxis", axis, a.aval.ndim)
    if not -a.aval.ndim <= start <= a.aval.ndim:
        raise ValueError(f"rollaxis: start {start} is out of range for {a.aval}")
    start = start + a.aval.ndim if start < 0 else start
    return moveaxis(a, i, start - (i < start))
