"""Movement that batching and transposition rest on: broadcast, transpose, reshape, reduce_sum."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.array import Array
from ingot.core.avals import ShapedArray
from ingot.core.division import carried, dropping, reducing
from ingot.core.interpreter import typeof
from ingot.core.primitive import LINEAR, Primitive
from ingot.core.specs import UnreducedKind
from ingot.core.static import items
from ingot.core.symbolic import is_symbolic, length
from ingot.errors import ShapeError
from ingot.kernel.rules import (
    ArrayValue,
    Buffer,
    Index,
    LazyArray,
    Lowering,
    RegisterArray,
    index_map,
    reduction,
    repeat_of,
)
from ingot.primitives.constraint import reshard
from ingot.primitives.out_sharding import (
    divided,
    divided_like,
    divided_reduction,
    explicit_sharding,
)
from ingot.primitives.shape_division import broadcast_division, reshape_division, transpose_division
from ingot.primitives.sums import summed
from ingot.util import moved, size_of

Shape = Sequence[int]


def check_axes(name: str, axes: Sequence[int], ndim: int) -> tuple[int, ...]:
    """Axes as distinct nonnegative integers; ValueError otherwise."""
    out = tuple(a + ndim if a < 0 else a for a in map(int, items(axes)))
    if any(not 0 <= a < ndim for a in out):
        raise ValueError(f"{name}: axes {tuple(axes)} are out of range for an array of rank {ndim}")
    if len(set(out)) != len(out):
        raise ValueError(f"{name}: axes {tuple(axes)} name one axis twice")
    return out


# ---- broadcast_in_dim ----------------------------------------------------------------------------
def _broadcast_type(x: ShapedArray, *, shape: Shape, broadcast_dimensions: Shape) -> ShapedArray:
    bad = len(broadcast_dimensions) != x.ndim or any(
        not 0 <= d < len(shape) or n not in (1, shape[d])
        for n, d in zip(x.shape, broadcast_dimensions, strict=False)
    ) or list(broadcast_dimensions) != sorted(set(broadcast_dimensions))
    if bad:
        raise TypeError(
            f"broadcast_in_dim: cannot broadcast {x} to shape {tuple(shape)} with axes"
            f" {tuple(broadcast_dimensions)}; name one increasing axis of the result for each axis"
            " of the operand, of the same length or from length 1"
        )
    return x.update(shape=shape)


def _broadcast_eval(x: np.ndarray, *, shape: Shape, broadcast_dimensions: Shape) -> np.ndarray:
    expanded = [1] * len(shape)
    for n, d in zip(x.shape, broadcast_dimensions, strict=True):
        expanded[d] = n
    return np.broadcast_to(x.reshape(expanded), shape)


def _broadcast_transpose(ct: Any, x: Any, *, shape: Shape, broadcast_dimensions: Shape) -> Any:
    stretched = [d for n, d in zip(x.shape, broadcast_dimensions, strict=True)
                 if n == 1 and shape[d] != 1]
    new = [d for d in range(len(shape)) if d not in broadcast_dimensions]
    return [reshape(reduce_sum(ct, tuple(sorted(new + stretched))), x.shape)]


def _broadcast_batch(args: Any, dims: Any, *, shape: Shape, broadcast_dimensions: Shape) -> Any:
    x = move_axis(args[0], dims[0], 0)
    size = typeof(x).shape[0]
    out = broadcast_in_dim(x, (size, *shape), (0, *(d + 1 for d in broadcast_dimensions)))
    return out, 0


def _broadcast_index(build: Lowering, index: Sequence[Index], x: ArrayValue, *, shape: Shape,
                     broadcast_dimensions: Shape) -> list[Index]:
    return [0 if n == 1 else index[d] for n, d in zip(x.shape, broadcast_dimensions, strict=True)]


def _broadcast_kernel(build: Lowering, x: ArrayValue, *, out: Any, **params: Any) -> ArrayValue:
    if x.cost > build.schedule.inline_max_cost and size_of(out.shape) > x.size:
        x = build.materialize(x)  # or each element would be computed again and again
    if type(x) is RegisterArray and not x.shape:
        return repeat_of(x, out.shape)
    return _broadcast_view(build, x, out=out, **params)


_broadcast_view = index_map(_broadcast_index)

broadcast_in_dim_p = Primitive(
    "broadcast_in_dim", type=_broadcast_type, eval=_broadcast_eval, jvp=LINEAR,
    transpose=_broadcast_transpose, batch=_broadcast_batch, kernel=_broadcast_kernel,
    recompute_cost=0)
broadcast_in_dim_p.division, broadcast_in_dim_p.marks = broadcast_division, carried


def broadcast_in_dim(operand: Any, shape: Shape, broadcast_dimensions: Shape, *,
                     out_sharding: Any = None) -> Any:
    """Repeat an array along new axes or axes of length 1.

    operand: any dtype [...]. shape: the result's. broadcast_dimensions: for each axis of the
    operand, its place in the result. out_sharding: how Explicit axes divide the result -> [*shape]
    of the same dtype. Raises TypeError when they do not fit.

    >>> lax.broadcast_in_dim(np.array([1, 2]), (2, 3), (0,))
    Array([[1, 1, 1],
           [2, 2, 2]], dtype=int64)
    """
    if out_sharding is not None:
        return divided("broadcast_in_dim", broadcast_in_dim, out_sharding, operand, shape,
                       broadcast_dimensions)
    shape = tuple(map(length, items(shape)))
    dims = tuple(map(operator.index, items(broadcast_dimensions)))
    aval = typeof(operand)
    if aval.shape == shape and dims == tuple(range(len(shape))):
        return operand
    order = sorted(range(len(dims)), key=dims.__getitem__)
    if order != list(range(len(dims))):
        operand, dims = transpose(operand, order), tuple(dims[i] for i in order)
    return broadcast_in_dim_p.bind(operand, shape=shape, broadcast_dimensions=dims)


# ---- transpose -----------------------------------------------------------------------------------
def _transpose_type(x: ShapedArray, *, permutation: Shape) -> ShapedArray:
    if sorted(permutation) != list(range(x.ndim)):
        raise TypeError(
            f"transpose: permutation {tuple(permutation)} must name each axis of {x} once")
    return x.update(shape=[x.shape[i] for i in permutation])


def _transpose_batch(args: Any, dims: Any, *, permutation: Shape) -> Any:
    (x,), (dim,) = args, dims
    inner = tuple(i + (i >= dim) for i in permutation)
    return transpose(x, (dim, *inner)), 0


def _transpose_index(build: Lowering, index: Sequence[Index], x: ArrayValue, *,
                     permutation: Shape) -> list[Index]:
    source: list[Index] = [0] * len(permutation)
    for i, axis in zip(index, permutation, strict=True):
        source[axis] = i
    return source


def _transpose_kernel(build: Lowering, x: ArrayValue, **params: Any) -> ArrayValue:
    out = _transpose_view(build, x, **params)
    out.is_transposed = True
    return out


_transpose_view = index_map(_transpose_index)

transpose_p = Primitive(
    "transpose", type=_transpose_type,
    eval=lambda x, *, permutation: np.transpose(x, permutation), jvp=LINEAR,
    transpose=lambda ct, x, *, permutation: [
        transpose(ct, tuple(int(i) for i in np.argsort(permutation)))],
    batch=_transpose_batch, kernel=_transpose_kernel, recompute_cost=0)
transpose_p.division, transpose_p.marks = transpose_division, carried


def transpose(operand: Any, permutation: Shape) -> Any:
    """Reorder axes: axis i of the result is axis `permutation[i]` of the operand.

    operand: any dtype [...]. permutation: integers, each axis once -> the same dtype. Raises
    TypeError unless each axis is named once.

    >>> lax.transpose(np.ones((2, 3)), (1, 0)).shape
    (3, 2)
    """
    permutation = tuple(map(operator.index, items(permutation)))
    if permutation == tuple(range(len(permutation))) and typeof(operand).ndim == len(permutation):
        return operand
    return transpose_p.bind(operand, permutation=permutation)


# ---- reshape -------------------------------------------------------------------------------------
def _reshape_type(x: ShapedArray, *, new_sizes: Shape) -> ShapedArray:
    if any(n < 0 for n in new_sizes) or size_of(new_sizes) != x.size:
        raise ShapeError(
            f"reshape: cannot reshape {x} ({x.size} elements) into shape {tuple(new_sizes)}"
            f" ({size_of(new_sizes)} elements)")
    return x.update(shape=new_sizes)


def _reshape_batch(args: Any, dims: Any, *, new_sizes: Shape) -> Any:
    x = move_axis(args[0], dims[0], 0)
    return reshape(x, (typeof(x).shape[0], *new_sizes)), 0


def _reshape_kernel(build: Lowering, x: ArrayValue, *, out: Any, new_sizes: Shape) -> ArrayValue:
    if isinstance(x, RegisterArray):
        return RegisterArray(out.shape, x.dtype, x.elements)
    if isinstance(x, Buffer) and x.contiguous:
        return Buffer(x.memory, out.shape, x.dtype, x.offset)
    long_in = [a for a, n in enumerate(x.shape) if n != 1]
    long_out = [a for a, n in enumerate(out.shape) if n != 1]
    if [x.shape[a] for a in long_in] != [out.shape[a] for a in long_out]:
        if x.size <= 1 or x.cost > 0 or not isinstance(x, LazyArray):
            y = build.materialize(x)
            if isinstance(y, Buffer) and not y.contiguous:
                y = build.contiguous(y)
            return _reshape_kernel(build, y, out=out, new_sizes=new_sizes)
        return LazyArray(out.shape, x.dtype, lambda b,
                         i: x.at(b, unravel(b, _ravel(b, i, out.shape),
                                                                    x.shape)), [x])

    def at(build: Lowering, index: Sequence[Index]) -> Any:
        source: list[Index] = [0] * x.ndim
        for a, o in zip(long_in, long_out, strict=True):
            source[a] = index[o]
        return x.at(build, source)

    return LazyArray(out.shape, x.dtype, at, [x])


def _ravel(build: Lowering, index: Sequence[Index], shape: Shape) -> Index:
    flat: Index = 0
    for i, n in zip(index, shape, strict=True):
        flat = build.index_add(build.index_mul(flat, n), i)
    return flat


def unravel(build: Lowering, flat: Index, shape: Shape) -> list[Index]:
    """The index of an element from its place in row-major order."""
    out: list[Index] = []
    for n in reversed(shape):
        out.append(build.index_rem(flat, n))
        flat = build.index_div(flat, n)
    return out[::-1]


reshape_p = Primitive(
    "reshape", type=_reshape_type, eval=lambda x, *, new_sizes: x.reshape(new_sizes), jvp=LINEAR,
    transpose=lambda ct, x, *, new_sizes: [reshape(ct, x.shape)],
    batch=_reshape_batch, kernel=_reshape_kernel, recompute_cost=0)
reshape_p.division, reshape_p.marks = reshape_division, carried


def reshape(operand: Any, new_sizes: Shape, dimensions: Shape | None = None, *,
            out_sharding: Any = None) -> Any:
    """Arrange the same elements, in row-major order, in another shape.

    operand: any dtype [...]. new_sizes: the shape. dimensions: an order in which axes are put
    first. out_sharding: how Explicit axes divide the result -> [*new_sizes] of the same dtype.
    Raises TypeError when the number of elements differs.

    >>> lax.reshape(np.arange(4), (2, 2))
    Array([[0, 1],
           [2, 3]], dtype=int64)
    """
    if dimensions is not None:
        operand = transpose(operand, dimensions)
    new_sizes = tuple(map(length, items(new_sizes)))
    if typeof(operand).shape == new_sizes and out_sharding is None:
        return operand
    if out_sharding is not None:
        _check_marks(typeof(operand), explicit_sharding("reshape", out_sharding).spec)
    return divided("reshape", lambda x: reshape_p.bind(x, new_sizes=new_sizes), out_sharding,
                   operand)


def _check_marks(aval: ShapedArray, spec: Any) -> None:
    """Raise ValueError unless a reshaped array has the marks of the array."""
    for name in ("unreduced", "reduced"):
        had, wanted = getattr(aval.sharding.spec, name), getattr(spec, name)
        if wanted and not had:
            raise ValueError(f"out_sharding passed to reshape cannot contain {name} axes, got"
                             f" {spec!r} for {aval}; reshard the result")
        if had != wanted:
            raise ValueError(f"out_sharding passed to reshape must be {name} over the same mesh"
                             f" axes as operand, got {spec!r} for {aval}; reshard the result")


# ---- reduce_sum ----------------------------------------------------------------------------------
def _sum_type(x: ShapedArray, *, axes: Shape) -> ShapedArray:
    if not dtypes.issubdtype(x.dtype, np.number):
        raise TypeError(
            f"reduce_sum: the operand must be of number dtype, got {x}; convert it first")
    return reduced_type("reduce_sum", x, axes)


def reduced_type(name: str, x: ShapedArray, axes: Shape) -> ShapedArray:
    """`x` without the axes; TypeError unless they are distinct and in range."""
    if any(not 0 <= a < x.ndim for a in axes) or len(set(axes)) != len(axes):
        raise TypeError(f"{name}: axes {tuple(axes)} must be distinct axes of {x}")
    return x.update(shape=[n for i, n in enumerate(x.shape) if i not in axes])


def reduced_axes(axes: Shape, dim: int) -> tuple[tuple[int, ...], int]:
    """The axes in the batched operand, and where the mapped axis stands in the result."""
    moved_axes = tuple(a + (a >= dim) for a in axes)
    return moved_axes, dim - sum(a < dim for a in moved_axes)


def _sum_batch(args: Any, dims: Any, *, axes: Shape) -> Any:
    moved_axes, out = reduced_axes(axes, dims[0])
    return reduce_sum(args[0], moved_axes), out


def _sum_transpose(ct: Any, x: Any, *, axes: Shape) -> Any:
    kept = tuple(i for i in range(x.ndim) if i not in axes)
    return [broadcast_in_dim(ct, x.shape, kept)]


reduce_sum_p = Primitive(
    "reduce_sum", type=_sum_type, eval=lambda x, *, axes: summed(x, axes), jvp=LINEAR,
    transpose=_sum_transpose, batch=_sum_batch, kernel=reduction("add", lambda dtype: 0))
reduce_sum_p.division, reduce_sum_p.marks = dropping("axes"), reducing(UnreducedKind.sum)


def reduce_sum(operand: Any, axes: Shape, *, out_sharding: Any = None) -> Any:
    """Sum over axes, in the operand's own dtype.

    operand: number [...]. axes: integers. out_sharding: how Explicit axes divide the result -> the
    axes removed. Raises TypeError for booleans.

    >>> lax.reduce_sum(np.ones((2, 3)), (1,))
    Array([3., 3.], dtype=float64)
    """
    axes = check_axes("reduce_sum", axes, typeof(operand).ndim)
    if out_sharding is not None:
        return divided_reduction(reduce_sum_p, UnreducedKind.sum, out_sharding, operand, axes)
    return reduce_sum_p.bind(operand, axes=axes) if axes else operand


# ---- alignment of mapped axes --------------------------------------------------------------------
def move_axis(x: Any, src: int, dst: int) -> Any:
    """`x` with the axis at `src` moved to `dst`."""
    return transpose(x, moved(range(typeof(x).ndim), src, dst))


def add_axis(x: Any, dim: int, size: int, explicit: tuple[Any, Any] | None = None) -> Any:
    """`x` repeated along a new axis at `dim`; explicit: the mesh and the names that divide it."""
    aval = typeof(x)
    shape = list(aval.shape)
    shape.insert(dim, size)
    out = broadcast_in_dim(x, shape, [i for i in range(len(shape)) if i != dim])
    if explicit is None:
        return out
    return reshard(out, aval.with_axis(dim, size, explicit).sharding)


def explicit_batch(args: Sequence[Any], dims: Sequence[Any]) -> tuple[Any, Any] | None:
    """The mesh and the names of Explicit axes that divide the mapped axis, if types name some."""
    for x, d in zip(args, dims, strict=True):
        sharding = None if d is None else typeof(x)._sharding
        if sharding is not None and sharding.spec[d] is not None:
            return sharding.mesh, sharding.spec[d]
    return None


def batch_size(args: Sequence[Any], dims: Sequence[Any]) -> int:
    """Length of the mapped axis."""
    return next(typeof(x).shape[d] for x, d in zip(args, dims, strict=True) if d is not None)


def move_to_front(x: Any, dim: int | None, size: int) -> Any:
    """`x` with the mapped axis first; repeated if it had none."""
    return add_axis(x, 0, size) if dim is None else move_axis(x, dim, 0)


def all_to_front(args: Sequence[Any], dims: Sequence[Any]) -> list[Any]:
    """Every operand with the mapped axis first; repeated where it had none."""
    size, explicit = batch_size(args, dims), explicit_batch(args, dims)
    return [add_axis(x, 0, size, explicit) if d is None else move_axis(x, d, 0)
            for x, d in zip(args, dims, strict=True)]


def align(args: Sequence[Any], dims: Sequence[Any]) -> tuple[list[Any], int]:
    """Operands of one shape whose mapped axes stand at the same place."""
    dim = next(d for d in dims if d is not None)
    size, explicit = batch_size(args, dims), explicit_batch(args, dims)
    return [add_axis(x, dim, size, explicit) if d is None else move_axis(x, d, dim)
            for x, d in zip(args, dims, strict=True)], dim


def scalar(value: Any, dtype: Any, weak_type: bool = False) -> Array:
    """A concrete rank-0 array; it becomes a literal of the program being traced."""
    aval = ShapedArray((), dtype, weak_type)
    return Array(np.asarray(value, aval.storage), aval)


def full(shape: Shape, value: Any, dtype: Any = None) -> Any:
    """An array of one scalar's value."""
    return broadcast_in_dim(value if dtype is None else scalar(value, dtype), shape, ())


def full_like(x: Any, value: Any) -> Any:
    """An array of the type of `x` (an array, a tracer or an aval) filled with a Python scalar."""
    aval = x if isinstance(x, ShapedArray) else typeof(x)
    return divided_like(
        broadcast_in_dim(scalar(value, aval.dtype, aval.weak_type), aval.shape, ()), aval)


def zeros(aval: ShapedArray) -> Any:
    """The zero of a type: what an absent tangent or cotangent stands for."""
    if aval.dtype == dtypes.float0:
        if not any(map(is_symbolic, aval.shape)):
            return Array(np.zeros(aval.shape, dtypes.float0), aval)
        one = Array(np.zeros((), dtypes.float0), ShapedArray((), aval.dtype))
        return broadcast_in_dim(one, aval.shape, ())
    out = full_like(aval, 0)
    return out if aval._sharding is None else reshard(out, aval._sharding)


__all__ = ["broadcast_in_dim", "broadcast_in_dim_p", "reduce_sum", "reduce_sum_p", "reshape",
           "reshape_p", "transpose", "transpose_p"]
