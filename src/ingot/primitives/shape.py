"""Shapes changed and arrays made: squeeze, expand_dims, rev, tile, iota, full, identities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.array import Array, fetch
from ingot.core.avals import ShapedArray, is_inexact
from ingot.core.division import carried, dropping, like_first
from ingot.core.interpreter import to_array, typeof
from ingot.core.primitive import LINEAR, NOT_LINEAR, ZERO, NoRule, Primitive
from ingot.core.static import items
from ingot.core.symbolic import length
from ingot.kernel.rules import (
    ArrayValue,
    Complex,
    Index,
    LazyArray,
    Lowering,
    check_native_dtypes,
    index_map,
    real_dtype,
)
from ingot.primitives.casts import varied
from ingot.primitives.constraint import reshard
from ingot.primitives.convert import convert_element_type_p
from ingot.primitives.movement import broadcast_in_dim, check_axes, reduce_sum, reshape, reshape_p
from ingot.primitives.out_sharding import divided, divided_like, takes_out_sharding
from ingot.primitives.shape_division import tile_division
from ingot.primitives.slicing import (
    concatenate as concatenate,
    integers,
    pad as pad,
    split as split,
    stack as stack,
    unstack as unstack,
)
from ingot.tree import tree_map

Shape = tuple[int, ...]


# ---- squeeze -------------------------------------------------------------------------------------
def _squeeze_type(x: ShapedArray, *, dimensions: Shape) -> ShapedArray:
    if any(x.shape[d] != 1 for d in dimensions):
        raise ValueError(f"squeeze: axes must have length 1, got axes {dimensions} of {x}")
    return x.update(shape=[n for i, n in enumerate(x.shape) if i not in dimensions])


def _squeeze_batch(args: Any, dims: Any, *, dimensions: Shape) -> Any:
    dim = dims[0]
    inner = tuple(d + (d >= dim) for d in dimensions)
    return squeeze(args[0], inner), dim - sum(d < dim for d in inner)


squeeze_p = Primitive(
    "squeeze", type=_squeeze_type, eval=lambda x, *, dimensions: np.squeeze(x, dimensions),
    jvp=LINEAR, transpose=lambda ct, x, *, dimensions: [reshape(ct, x.shape)],
    batch=_squeeze_batch,
    kernel=lambda build, x, *, out, dimensions: reshape_p.rule("kernel")(
        build, x, out=out, new_sizes=out.shape), recompute_cost=0)
squeeze_p.division, squeeze_p.marks = dropping("dimensions"), carried


def squeeze(array: Any, dimensions: Sequence[int]) -> Any:
    """An array without some of its axes of length 1; negative ones count from the end.

    array: any dtype [...]; dimensions: the axes -> same dtype. Raises ValueError for other lengths.

    >>> lax.squeeze(np.ones((1, 2)), (0,))
    Array([1., 1.], dtype=float64)
    """
    x = typeof(array)
    axes = check_axes("squeeze", integers("squeeze", "dimensions", dimensions), x.ndim)
    return squeeze_p.bind(array, dimensions=axes) if axes else to_array(array)


def expand_dims(array: Any, dimensions: Sequence[int]) -> Any:
    """An array with new axes of length 1 at these places of the result.

    array: any dtype [...]; dimensions: places, negative ones from the end -> same dtype.
    Raises ValueError.

    >>> lax.expand_dims(np.ones(2), (0,))
    Array([[1., 1.]], dtype=float64)
    """
    shape = list(typeof(array).shape)
    rank = len(shape) + len(dimensions)
    places = integers("expand_dims", "dimensions", dimensions)
    axes = sorted(check_axes("expand_dims", places, rank))
    for axis in axes:
        shape.insert(axis, 1)
    if not axes:
        return to_array(array)
    return broadcast_in_dim(array, shape, [i for i in range(rank) if i not in axes])


def collapse(operand: Any, start_dimension: int, stop_dimension: int | None = None) -> Any:
    """An array with the axes from `start_dimension` up to `stop_dimension` made one.

    operand: any dtype [...]; stop_dimension: None for all the rest; negative ones count from the
    end -> same dtype. Raises ValueError unless start < stop.

    >>> lax.collapse(np.ones((2, 3, 4)), 0, 2).shape
    (6, 4)
    """
    shape = typeof(operand).shape
    start, stop, _ = slice(start_dimension, stop_dimension).indices(len(shape))
    if stop < start:
        raise ValueError(f"collapse: start_dimension must not follow stop_dimension, got"
                         f" {start_dimension} and {stop_dimension} for {typeof(operand)}")
    return reshape(operand, (*shape[:start], math.prod(shape[start:stop]), *shape[stop:]))


# ---- broadcasting --------------------------------------------------------------------------------
@takes_out_sharding
def broadcast(operand: Any, sizes: Sequence[int], *, out_sharding: Any = None) -> Any:
    """An array repeated along new leading axes.

    operand: any dtype [...]. out_sharding: how Explicit axes divide the result -> same dtype
    [*sizes, ...]. Raises TypeError.

    >>> lax.broadcast(1.0, (2,))
    Array([1., 1.], dtype=float64, weak_type=True)
    """
    shape = typeof(operand).shape
    sizes = integers("broadcast", "sizes", sizes)
    return broadcast_in_dim(operand, (*sizes, *shape),
                            range(len(sizes), len(sizes) + len(shape)))


def broadcast_shapes(*shapes: Sequence[int]) -> Shape:
    """Find the shape to which arrays broadcast as in NumPy.

    shapes: tuples of integers -> a tuple. Raises ValueError if there is none.

    >>> lax.broadcast_shapes((2, 1), (3,))
    (2, 3)
    """
    known = [tuple(map(length, items(s))) for s in shapes]
    rank = max(map(len, known), default=0)
    out = []
    for lengths in zip(*((*(1,) * (rank - len(s)), *s) for s in known), strict=True):
        others = {n for n in lengths if n != 1}
        if len(others) > 1:
            raise ValueError("broadcast_shapes: Incompatible shapes for broadcasting, got "
                             + ", ".join(map(str, known)))
        out.append(others.pop() if others else 1)
    return tuple(out)


def broadcast_to_rank(x: Any, rank: int) -> Any:
    """An array with leading axes of length 1 up to a rank; as it is if it has that rank or more.

    x: any dtype [...] -> same dtype.

    >>> lax.broadcast_to_rank(np.ones(2), 3).shape
    (1, 1, 2)
    """
    return expand_dims(x, range(max(rank - typeof(x).ndim, 0)))


def broadcast_like(arr: Any, like_arr: Any) -> Any:
    """An array broadcast as in NumPy to the shape of another one.

    arr: any dtype [...] -> same dtype, the shape of `like_arr`. Raises ValueError.

    >>> lax.broadcast_like(1.0, np.zeros(2))
    Array([1., 1.], dtype=float64, weak_type=True)
    """
    have, like = typeof(arr), typeof(like_arr)
    shape, want = have.shape, like.shape
    if broadcast_shapes(shape, want) != want:
        raise ValueError(f"broadcast_like: {have} does not broadcast to shape {want}")
    out = broadcast_in_dim(arr, want, range(len(want) - len(shape), len(want)))
    spec, wanted = typeof(out).sharding.spec, like.sharding.spec
    if any(d not in (None, w) for d, w in zip(spec, wanted, strict=True)):
        raise ValueError(f"broadcast_like: Incompatible types for broadcasting, got {have} and"
                         f" {like}; reshard one of them first")
    if spec.partitions == wanted.partitions:
        return out
    return reshard(out, like.sharding.update(spec=spec.update(partitions=wanted.partitions)))


# ---- rev -----------------------------------------------------------------------------------------
def _rev_type(x: ShapedArray, *, dimensions: Shape) -> ShapedArray:
    if any(not 0 <= d < x.ndim for d in dimensions) or len(set(dimensions)) != len(dimensions):
        raise TypeError(f"rev: dimensions must be distinct axes of {x}, got {dimensions}")
    return x


def _rev_batch(args: Any, dims: Any, *, dimensions: Shape) -> Any:
    dim = dims[0]
    return rev_p.bind(args[0], dimensions=tuple(d + (d >= dim) for d in dimensions)), dim


def _rev_index(build: Lowering, index: Sequence[Index], x: ArrayValue, *, dimensions: Shape
               ) -> list[Index]:
    return [build.index_sub(n - 1, i) if a in dimensions else i
            for a, (i, n) in enumerate(zip(index, x.shape, strict=True))]


rev_p = Primitive(
    "rev", type=_rev_type, eval=lambda x, *, dimensions: np.flip(x, dimensions), jvp=LINEAR,
    transpose=lambda ct, x, *, dimensions: [rev(ct, dimensions)], batch=_rev_batch,
    kernel=index_map(_rev_index))
rev_p.division = like_first


def rev(operand: Any, dimensions: Sequence[int]) -> Any:
    """An array with the order of elements reversed along some axes.

    operand: any dtype [...]; dimensions: the axes -> same type. Raises TypeError unless the axes
    are distinct.

    >>> lax.rev(np.arange(3), (0,))
    Array([2, 1, 0], dtype=int64)
    """
    return rev_p.bind(operand, dimensions=integers("rev", "dimensions", dimensions))


# ---- tile ----------------------------------------------------------------------------------------
def _tile_type(x: ShapedArray, *, reps: Shape) -> ShapedArray:
    if len(reps) != x.ndim or any(r < 0 for r in reps):
        raise TypeError(f"tile: one nonnegative number of repetitions an axis is needed, got {reps}"
                        f" for {x}")
    return x.update(shape=[n * r for n, r in zip(x.shape, reps, strict=True)])


def _tile_transpose(ct: Any, x: Any, *, reps: Shape) -> list[Any]:
    pairs = [k for pair in zip(reps, x.shape, strict=True) for k in pair]
    return [reduce_sum(reshape(ct, pairs), range(0, 2 * x.ndim, 2))]


def _tile_batch(args: Any, dims: Any, *, reps: Shape) -> Any:
    dim = dims[0]
    return tile_p.bind(args[0], reps=(*reps[:dim], 1, *reps[dim:])), dim


tile_p = Primitive(
    "tile", type=_tile_type, eval=lambda x, *, reps: np.tile(x, reps), jvp=LINEAR,
    transpose=_tile_transpose, batch=_tile_batch,
    kernel=index_map(lambda build, index, x, *, reps: [
        i if r == 1 else build.index_rem(i, n) for i, n,
        r in zip(index, x.shape, reps, strict=True)]))
tile_p.division = tile_division


def tile(operand: Any, reps: Sequence[int]) -> Any:
    """An array repeated as a whole along each axis.

    operand: any dtype [...]; reps: a nonnegative integer per axis -> same dtype. Raises TypeError.

    >>> lax.tile(np.arange(2), (2,))
    Array([0, 1, 0, 1], dtype=int64)
    """
    return tile_p.bind(operand, reps=integers("tile", "reps", reps))


# ---- iota ----------------------------------------------------------------------------------------
def _iota_type(*, dtype: Any, shape: Shape, dimension: int, sharding: Any = None) -> ShapedArray:
    if dtypes.kind(dtype) not in "iufc":
        raise TypeError(f"iota: the dtype must be a number's, got {dtypes.short_name(dtype)}")
    if any(n < 0 for n in shape):
        raise TypeError(f"iota: lengths must not be negative, got shape {shape}")
    if not 0 <= dimension < len(shape):
        raise ValueError(f"iota: dimension {dimension} is out of range for shape {shape}")
    return ShapedArray(shape, dtype)


def _iota_eval(*, dtype: Any, shape: Shape, dimension: int, **_: Any) -> np.ndarray:
    along = np.arange(shape[dimension]).astype(dtype)
    return np.broadcast_to(along.reshape([-1 if i == dimension else 1 for i in range(len(shape))]
                                         if along.size else shape), shape)


def _iota_kernel(build: Lowering, *, out: Any, dimension: int, **_: Any) -> ArrayValue:
    check_native_dtypes(out.storage)
    dtype = out.storage
    part = real_dtype(dtype) if dtype.kind == "c" else dtype

    def at(build: Lowering, index: Sequence[Index]) -> Any:
        i = index[dimension]
        number = (build.const(np.int64(i).astype(part), part) if isinstance(i, int)
                  else build.op("convert", i, dtype=part))
        return Complex(number, build.const(0, part), dtype) if dtype.kind == "c" else number

    return LazyArray(out.shape, dtype, at)


iota_p = Primitive(
    "iota", type=_iota_type, eval=_iota_eval, jvp=ZERO, transpose=NOT_LINEAR,
    batch=NoRule("takes no arrays"), kernel=_iota_kernel)


def iota(dtype: Any, size: int) -> Any:
    """The numbers 0, 1, ..., size - 1.

    dtype: a number's -> dtype [size]. Raises TypeError.

    >>> lax.iota("int32", 3)
    Array([0, 1, 2], dtype=int32)
    """
    return broadcasted_iota(dtype, (size,), 0)


@takes_out_sharding
def broadcasted_iota(dtype: Any, shape: Sequence[int], dimension: int, *,
                     out_sharding: Any = None) -> Any:
    """Make an array whose elements are their own index along one axis.

    dtype: a number's. shape: integers. dimension: the axis. out_sharding: how Explicit axes divide
    the result -> dtype [*shape]. Raises TypeError for other dtypes, ValueError for an axis out of
    range.

    >>> lax.broadcasted_iota(int, (2, 2), 1)
    Array([[0, 1],
           [0, 1]], dtype=int64)
    """
    return iota_p.bind(dtype=dtypes.as_user_dtype(dtype, "iota"),
                       shape=integers("iota", "shape", shape),
                       dimension=dimension.__index__(), sharding=None)


# ---- full ----------------------------------------------------------------------------------------
def constant(value: Any, dtype: Any, weak_type: bool = False) -> Any:
    """A scalar or array in another dtype; concrete values are converted now, not in the program."""
    x = to_array(value)
    aval = x.aval.update(dtype=dtype, weak_type=weak_type)
    if aval == x.aval:
        return x
    if isinstance(value, complex) and dtypes.kind(dtype) != "c":
        raise TypeError(f"full: cannot convert the complex number {value} to"
                        f" {dtypes.short_name(dtype)}; take its real part first")
    if type(x) is Array and not isinstance(aval.dtype, dtypes.KeyDType):
        convert = convert_element_type_p.rule("eval")
        return Array(np.asarray(convert(fetch(x), new_dtype=aval.dtype)), aval)
    return convert_element_type_p.bind(x, new_dtype=dtype, weak_type=weak_type, sharding=None)


def _shape(shape: Any) -> Shape:
    shape = integers("full", "shape", shape)
    if any(n < 0 for n in shape):
        raise TypeError(f"full: lengths must not be negative, got shape {shape}")
    return shape


def full(shape: Any, fill_value: Any, dtype: Any = None, *, sharding: Any = None) -> Any:
    """An array of one value.

    shape: integers, or one; fill_value: a scalar; dtype: None for that of the value; sharding:
    without effect -> dtype [*shape]. Raises TypeError unless the value is a scalar.

    >>> lax.full((2,), 1.5)
    Array([1.5, 1.5], dtype=float64, weak_type=True)
    """
    if sharding is not None:
        return divided("full", full, sharding, shape, fill_value, dtype)
    aval = typeof(fill_value)
    if aval.shape:
        raise TypeError(f"full: the value must be a scalar, got {aval}; use broadcast_in_dim")
    if dtype is None:
        return broadcast_in_dim(to_array(fill_value), _shape(shape), ())
    value = constant(fill_value, dtypes.as_user_dtype(dtype, "full"))
    return broadcast_in_dim(value, _shape(shape), ())


def full_like(x: Any, fill_value: Any, dtype: Any = None, shape: Any = None,
              sharding: Any = None) -> Any:
    """Make an array of one value with the shape and dtype of another, where these are not given.

    x: array, number, or anything with a shape and a dtype. fill_value: a scalar. dtype, shape:
    those of the result. sharding: how Explicit axes divide the result -> an array. Raises TypeError
    unless the value is a scalar.

    >>> lax.full_like(np.zeros(2), 1)
    Array([1., 1.], dtype=float64)
    """
    if sharding is not None:
        return divided("full_like", full_like, sharding, x, fill_value, dtype, shape)
    like: Any = x if hasattr(x, "shape") and hasattr(x, "dtype") else typeof(x)
    weak = dtype is None and dtypes.is_weak(like)
    dtype = dtypes.as_user_dtype(like.dtype if dtype is None else dtype, "full_like")
    if typeof(fill_value).shape:
        raise TypeError(f"full: the value must be a scalar, got {typeof(fill_value)}; use"
                        " broadcast_in_dim")
    out = broadcast_in_dim(constant(fill_value, dtype, weak),
                           _shape(like.shape if shape is None else shape), ())
    return varied(divided_like(out, typeof(x)), typeof(x).vma)


@takes_out_sharding
def empty(shape: Any, dtype: Any, *, out_sharding: Any = None) -> Any:
    """An array whose values must not matter; they are zero.

    shape: integers, or one; out_sharding: how Explicit axes divide the result -> dtype [*shape].

    >>> lax.empty((2,), "float32")
    Array([0., 0.], dtype=float32)
    """
    return full(shape, 0, dtype)


# ---- copy, stop_gradient -------------------------------------------------------------------------
copy_p = Primitive(
    "copy", type=lambda x: x, eval=lambda x: x.copy(), jvp=LINEAR,
    transpose=lambda ct, x: [ct], batch=lambda args, dims: (copy_p.bind(*args), dims[0]),
    kernel=lambda build, x, *, out: x)
copy_p.division, copy_p.marks = like_first, carried


def copy(x: Any) -> Any:
    """The same array in memory of its own.

    x: any dtype [...] -> same type.

    >>> copy(1.5)
    Array(1.5, dtype=float64, weak_type=True)
    """
    return copy_p.bind(x)


stop_gradient_p = Primitive(
    "stop_gradient", type=lambda x: x, eval=lambda x: x, jvp=ZERO,
    transpose=lambda ct, x: [None],  # mapped branches that are not taken read linear operands so
    batch=lambda args, dims: (stop_gradient_p.bind(*args), dims[0]),
    kernel=lambda build, x, *, out: x)
stop_gradient_p.division, stop_gradient_p.marks = like_first, carried


def stop_gradient(x: Any) -> Any:
    """The same values, which no derivative passes.

    x: a pytree of arrays -> the same pytree.

    >>> lax.stop_gradient(1.5)
    Array(1.5, dtype=float64, weak_type=True)
    """
    return tree_map(lambda v: stop_gradient_p.bind(v) if is_inexact(typeof(v)) else to_array(v),
                    x)


__all__ = ["broadcast", "broadcast_like", "broadcast_shapes", "broadcast_to_rank",
           "broadcasted_iota", "collapse", "copy_p", "empty", "expand_dims", "full", "full_like",
           "iota", "iota_p", "rev", "rev_p",
           "squeeze", "squeeze_p", "stop_gradient", "stop_gradient_p", "tile", "tile_p"]
