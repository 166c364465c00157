"""Slices at places known at run time: dynamic_slice, dynamic_update_slice, along one axis too."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.array import Array, fetch
from ingot.core.avals import ShapedArray, short
from ingot.core.division import UNMARKED, Marks, Operands, Spec, only_reduced, with_other_lengths
from ingot.core.interpreter import to_array, typeof
from ingot.core.primitive import Primitive, is_linear
from ingot.core.symbolic import is_symbolic
from ingot.errors import ShardingTypeError
from ingot.kernel.rules import (
    ArrayValue,
    Index,
    Lowering,
    RegisterArray,
    check_native_dtypes,
    indices,
)
from ingot.primitives.arithmetic import add, rem
from ingot.primitives.compare import lt
from ingot.primitives.convert import convert_element_type
from ingot.primitives.gather import gather, gather_p
from ingot.primitives.gather_scatter import (
    CLIP,
    GatherDimensionNumbers,
    ScatterDimensionNumbers,
    start_index,
)
from ingot.primitives.movement import (
    align,
    batch_size,
    broadcast_in_dim,
    full_like,
    reshape,
    scalar,
    zeros,
)
from ingot.primitives.scatter import scatter_p
from ingot.primitives.select import select
from ingot.primitives.slicing import (
    index_in_dim as index_in_dim,
    integers,
    part,
    slice as slice,
    slice_in_dim as slice_in_dim,
    stack,
    unstack,
    view,
)
from ingot.util import canonicalize_axis

Shape = tuple[int, ...]


# ---- where slices start --------------------------------------------------------------------------
def _check_starts(name: str, x: ShapedArray, starts: Sequence[ShapedArray]) -> None:
    if len(starts) != x.ndim:
        raise TypeError(f"{name}: one start index an axis is needed, got {len(starts)} for {x}")
    if any(s.dtype != starts[0].dtype or s.shape
           or not dtypes.issubdtype(s.dtype, np.integer) for s in starts):
        raise TypeError(f"{name}: start indices must be integer scalars of one dtype, got"
                        f" {short(starts)}; convert them with lax.convert_element_type")


def _start_indices(name: str, x: ShapedArray, starts: Any, allow_negative: Any) -> list[Any]:
    """RegisterArray of one dtype, negative ones counted from the end where that is allowed."""
    if hasattr(starts, "shape"):
        starts = unstack(starts) if typeof(starts).ndim == 1 else [starts]
    starts = [to_array(s) for s in starts]
    if len(starts) != x.ndim:
        raise ValueError(f"{name}: one start index an axis is needed, got {len(starts)} for {x}")
    avals = [typeof(s) for s in starts]
    strong = [a.dtype for a in avals if not a.weak_type]
    integer = all(dtypes.issubdtype(a.dtype, np.integer) for a in avals)
    if strong and integer:
        starts = [convert_element_type(s, strong[0]) if a.weak_type else s
                  for s, a in zip(starts, avals, strict=True)]
    _check_starts(name, x, [typeof(s) for s in starts])
    if starts and dtypes.iinfo(typeof(starts[0]).dtype).max < max(
            [n for n in x.shape if not is_symbolic(n)], default=0):
        starts = [convert_element_type(s, np.int32) for s in starts]
    if not isinstance(allow_negative, (list, tuple)):
        allow_negative = [allow_negative] * x.ndim
    return [_counted_from_end(s, n) if allow else s
            for s, n, allow in zip(starts, x.shape, allow_negative, strict=True)]


def _counted_from_end(start: Any, n: int) -> Any:
    aval = typeof(start)
    if dtypes.kind(aval.dtype) == "u":
        return start
    if is_symbolic(n):
        n = convert_element_type(n.__jax_array__(), aval.dtype)
        return select(lt(start, full_like(start, 0)), add(start, n), start)
    if type(start) is Array:  # known now: nothing to compute in the program
        place = int(fetch(start))
        return scalar(place + n, aval.dtype) if -n <= place < 0 else start
    return select(lt(start, full_like(start, 0)), add(start, full_like(start, n)), start)


def _clip(start: np.ndarray, high: int) -> int:
    return min(max(int(start), 0), high)


def _places(build: Lowering, starts: Sequence[ArrayValue], x: ArrayValue, sizes: Shape
            ) -> list[Index]:
    """Where a slice starts in a kernel, moved inside the array."""
    return [build.iclamp(start_index(build, s.at(build, ())), n - m)
            for s, n, m in zip(starts, x.shape, sizes, strict=True)]


def _stack_starts(starts: Sequence[Any], dims: Sequence[Any], size: int) -> Any:
    """Start indices of which some are mapped, as one array [size, k]."""
    return stack([s if d is not None else broadcast_in_dim(s, (size,), ())
                  for s, d in zip(starts, dims, strict=True)], 1)


def _with_zero(starts: Sequence[Any], dim: int) -> list[Any]:
    """Start indices with another one, 0, for an axis at `dim`."""
    zero = scalar(0, typeof(starts[0]).dtype if starts else np.int32)
    return [*starts[:dim], zero, *starts[dim:]]


# ---- dynamic_slice -------------------------------------------------------------------------------
def _slice_type(x: ShapedArray, *starts: ShapedArray, slice_sizes: Shape) -> ShapedArray:
    if len(slice_sizes) != x.ndim or any(
            not 0 <= m <= n for m, n in zip(slice_sizes, x.shape, strict=True)):
        raise TypeError(f"dynamic_slice: one slice size per axis, within the array, is needed, got"
                        f" {slice_sizes} for {x}")
    _check_starts("dynamic_slice", x, starts)
    return x.update(shape=slice_sizes)


def _slice_eval(x: np.ndarray, *starts: np.ndarray, slice_sizes: Shape) -> np.ndarray:
    first = [_clip(s, n - m) for s, n, m in zip(starts, x.shape, slice_sizes, strict=True)]
    return x[tuple(builtins.slice(a, a + m) for a, m in zip(first, slice_sizes, strict=True))]


def _slice_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    return (dynamic_slice_p.bind(*primals, **params),
            dynamic_slice_p.bind(tangents[0], *primals[1:], **params))


def _slice_transpose(ct: Any, x: Any, *starts: Any, slice_sizes: Shape) -> list[Any]:
    return [dynamic_update_slice_p.bind(zeros(x.aval), ct, *starts), *(None for _ in starts)]


def _slice_batch(args: Any, dims: Any, *, slice_sizes: Shape) -> Any:
    (x, *starts), (dim, *start_dims) = args, dims
    if all(d is None for d in start_dims):
        sizes = (*slice_sizes[:dim], typeof(x).shape[dim], *slice_sizes[dim:])
        return dynamic_slice_p.bind(x, *_with_zero(starts, dim), slice_sizes=sizes), dim
    axes = tuple(range(len(slice_sizes)))
    return gather_p.rule("batch")(
        (x, _stack_starts(starts, start_dims, batch_size(args, dims))), (dim, 0),
        dimension_numbers=GatherDimensionNumbers(axes, (), axes), slice_sizes=slice_sizes,
        unique_indices=True, indices_are_sorted=True, mode=CLIP, fill_value=None)


def _slice_kernel(build: Lowering, x: ArrayValue, *starts: ArrayValue, out: Any, slice_sizes: Shape
                  ) -> ArrayValue:
    places = _places(build, starts, x, slice_sizes)
    return view(build, x, slice_sizes, places, (1,) * x.ndim)


dynamic_slice_p = Primitive(
    "dynamic_slice", type=_slice_type, eval=_slice_eval, jvp=_slice_jvp,
    transpose=_slice_transpose, batch=_slice_batch, kernel=_slice_kernel)
dynamic_slice_p.division, dynamic_slice_p.marks = with_other_lengths("dynamic_slice"), only_reduced


def dynamic_slice(operand: Any, start_indices: Any, slice_sizes: Sequence[int], *,
                  allow_negative_indices: bool | Sequence[bool] = True) -> Any:
    """A slice of static sizes at a place known at run time, moved so that it lies in the array.

    operand: any dtype [...]; start_indices: integer scalars, or an array of them, one per axis,
    where negative ones count from the end; slice_sizes: static; allow_negative_indices: whether
    negative places count from the end, a boolean or one per axis -> same dtype [*slice_sizes].
    Raises TypeError for dtypes and sizes, ValueError for the number of indices.

    >>> lax.dynamic_slice(np.arange(5), (3,), (2,))
    Array([3, 4], dtype=int64)
    """
    starts = _start_indices("dynamic_slice", typeof(operand), start_indices, allow_negative_indices)
    return dynamic_slice_p.bind(
        operand, *starts, slice_sizes=integers("dynamic_slice", "slice_sizes", slice_sizes))


# ---- dynamic_update_slice ------------------------------------------------------------------------
def _update_type(x: ShapedArray, update: ShapedArray, *starts: ShapedArray) -> ShapedArray:
    if x.dtype != update.dtype:
        raise TypeError(f"dynamic_update_slice: dtypes must match, got {x} and {update}; convert"
                        " one with lax.convert_element_type")
    if x.ndim != update.ndim or any(m > n for m, n in zip(update.shape, x.shape, strict=True)):
        raise TypeError(f"dynamic_update_slice: the update must have the rank of the operand and"
                        f" fit into it, got {x} and {update}")
    _check_starts("dynamic_update_slice", x, starts)
    return x.update(weak_type=x.weak_type and update.weak_type)


def _update_eval(x: np.ndarray, update: np.ndarray, *starts: np.ndarray) -> np.ndarray:
    first = [_clip(s, n - m) for s, n, m in zip(starts, x.shape, update.shape, strict=True)]
    out = np.array(x, order="C")
    out[tuple(builtins.slice(a, a + m) for a, m in zip(first, update.shape, strict=True))] = update
    return out


def _update_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    return (dynamic_update_slice_p.bind(*primals),
            dynamic_update_slice_p.bind(*tangents[:2], *primals[2:]))


def _update_transpose(ct: Any, x: Any, update: Any, *starts: Any) -> list[Any]:
    shape = typeof(update).shape
    ct_x = ct_update = None
    if is_linear(x):
        ct_x = dynamic_update_slice_p.bind(ct, zeros(typeof(update)), *starts)
    if is_linear(update):
        ct_update = dynamic_slice_p.bind(ct, *starts, slice_sizes=shape)
    return [ct_x, ct_update, *(None for _ in starts)]


def _update_batch(args: Any, dims: Any) -> Any:
    (x, update, *starts), start_dims = args, dims[2:]
    if all(d is None for d in start_dims):
        (x, update), dim = align((x, update), dims[:2])
        return dynamic_update_slice_p.bind(x, update, *_with_zero(starts, dim)), dim
    axes = tuple(range(len(starts)))
    return scatter_p.rule("batch")(
        (x, _stack_starts(starts, start_dims, batch_size(args, dims)), update),
        (dims[0], 0, dims[1]),
        dimension_numbers=ScatterDimensionNumbers(axes, (), axes), unique_indices=True,
        indices_are_sorted=True, mode=CLIP, update_jaxpr=None, update_consts=())


def _update_kernel(build: Lowering, x: ArrayValue, update: ArrayValue, *starts: ArrayValue, out: Any
                   ) -> ArrayValue:
    check_native_dtypes(x.dtype)
    places = _places(build, starts, x, update.shape)
    if out.size <= build.schedule.max_scalars and all(isinstance(p, int) for p in places):
        elements = np.array(range(out.size)).reshape(x.shape)
        merged = list(build.scalars(x).elements)
        for index in indices(update.shape):
            place = tuple(int(p) + i for p, i in zip(places, index, strict=True))  # type: ignore
            merged[elements[place]] = update.at(build, index)
        return RegisterArray(x.shape, x.dtype, merged)
    if update.size <= build.schedule.max_scalars:
        update = build.scalars(update)
    target, update = build.copy_of(x, update)  # type: ignore[attr-defined]
    build.write(part(build, target, update.shape, places, (1,) * x.ndim), update)
    return target


def _update_division(given: Operands) -> list[Spec]:
    x, update = given.specs[:2]
    if x != update:
        given.refuse("dynamic_update_slice operand sharding must be equal to update sharding, got"
                     f" {x} and {update}")
    return [x]


def _update_marks(given: Operands) -> Marks:
    if any(m != UNMARKED for m in given.marks[2:]) or given.marks[0] != given.marks[1]:
        raise ShardingTypeError("dynamic_update_slice operand and update must be unreduced and"
                                " reduced along the same axes, and indices not at all, got"
                                f" {given.types()}; reshard one of them first")
    return given.marks[0]


dynamic_update_slice_p = Primitive(
    "dynamic_update_slice", type=_update_type, eval=_update_eval, jvp=_update_jvp,
    transpose=_update_transpose, batch=_update_batch, kernel=_update_kernel, in_place=True)
dynamic_update_slice_p.division, dynamic_update_slice_p.marks = _update_division, _update_marks


def dynamic_update_slice(operand: Any, update: Any, start_indices: Any, *,
                         allow_negative_indices: bool | Sequence[bool] = True) -> Any:
    """An array with a slice replaced, at a place known at run time and moved inside.

    operand, update: any dtype, the same rank; start_indices: integer scalars, or an array of them,
    one per axis, where negative ones count from the end; allow_negative_indices: whether they do
    so, a boolean or one per axis -> type of the operand. Raises TypeError for dtypes and sizes,
    ValueError for the number of indices.

    >>> lax.dynamic_update_slice(np.zeros(3), np.ones(1), (1,))
    Array([0., 1., 0.], dtype=float64)
    """
    starts = _start_indices("dynamic_update_slice", typeof(operand), start_indices,
                            allow_negative_indices)
    return dynamic_update_slice_p.bind(operand, update, *starts)


# ---- along one axis ------------------------------------------------------------------------------
def _starts_along(name: str, x: Any, index: Any, axis: int) -> tuple[list[Any], int]:
    rank = typeof(x).ndim
    axis = canonicalize_axis(axis, rank, f"{name}: axis")
    if typeof(index).ndim:
        raise TypeError(f"{name}: the index must be a scalar, got {typeof(index)}")
    zero = 0 if typeof(index).weak_type else scalar(0, typeof(index).dtype)
    return [index if a == axis else zero for a in range(rank)], axis


def dynamic_slice_in_dim(operand: Any, start_index: Any, slice_size: int, axis: int = 0, *,
                         allow_negative_indices: bool = True) -> Any:
    """`slice_size` elements along one axis from a place known at run time, moved inside.

    operand: any dtype [...]; start_index: integer scalar; allow_negative_indices: whether negative
    places count from the end -> same dtype. Raises TypeError.

    >>> lax.dynamic_slice_in_dim(np.arange(5), 1, 2)
    Array([1, 2], dtype=int64)
    """
    starts, axis = _starts_along("dynamic_slice_in_dim", operand, start_index, axis)
    sizes = list(typeof(operand).shape)
    sizes[axis] = slice_size
    return dynamic_slice(operand, starts, sizes, allow_negative_indices=allow_negative_indices)


def dynamic_index_in_dim(operand: Any, index: Any, axis: int = 0, keepdims: bool = True, *,
                         allow_negative_indices: bool = True) -> Any:
    """The part of an array at one place, known at run time, along an axis.

    operand: any dtype [...]; index: integer scalar; keepdims: whether the axis stays with length 1;
    allow_negative_indices: whether negative places count from the end -> same dtype, `axis` of
    length 1 or removed. Raises TypeError.

    >>> lax.dynamic_index_in_dim(np.arange(5), 3, keepdims=False)
    Array(3, dtype=int64)
    """
    out = dynamic_slice_in_dim(operand, index, 1, axis,
                               allow_negative_indices=allow_negative_indices)
    shape = typeof(operand).shape
    axis = canonicalize_axis(axis, len(shape))
    return out if keepdims else reshape(out, (*shape[:axis], *shape[axis + 1:]))


def dynamic_update_slice_in_dim(operand: Any, update: Any, start_index: Any, axis: int, *,
                                allow_negative_indices: bool = True) -> Any:
    """An array with a slice along one axis replaced, at a place known at run time and moved inside.

    operand, update: any dtype, the same rank; start_index: integer scalar; allow_negative_indices:
    whether negative places count from the end -> type of the operand. Raises TypeError.

    >>> lax.dynamic_update_slice_in_dim(np.zeros(3), np.ones(2), 1, 0)
    Array([0., 1., 1.], dtype=float64)
    """
    starts, _ = _starts_along("dynamic_update_slice_in_dim", operand, start_index, axis)
    return dynamic_update_slice(operand, update, starts,
                                allow_negative_indices=allow_negative_indices)


def dynamic_update_index_in_dim(operand: Any, update: Any, index: Any, axis: int, *,
                                allow_negative_indices: bool = True) -> Any:
    """An array with its part at one place along an axis replaced.

    operand, update: any dtype; the update has the operand's rank, or lacks `axis`; index: integer
    scalar; allow_negative_indices: whether negative places count from the end -> type of the
    operand. Raises TypeError.

    >>> lax.dynamic_update_index_in_dim(np.zeros(3), 1.0, 1, 0)
    Array([0., 1., 0.], dtype=float64)
    """
    x, u = typeof(operand), typeof(update)
    axis = canonicalize_axis(axis, x.ndim, "dynamic_update_index_in_dim: axis")
    if u.ndim != x.ndim:
        update = reshape(update, (*u.shape[:axis], 1, *u.shape[axis:]))
    return dynamic_update_slice_in_dim(operand, update, index, axis,
                                       allow_negative_indices=allow_negative_indices)


def index_take(src: Any, idxs: Sequence[Any], axes: Sequence[int]) -> Any:
    """The parts of an array at places given by index vectors, modulo the lengths of the axes.

    src: any dtype [...]; idxs: for each of the `axes` an integer vector [n] -> same dtype [n, ...],
    the other axes last. Raises TypeError, ValueError for axes.

    >>> lax.index_take(np.arange(4.0), (np.array([1, -1]),), (0,))
    Array([1., 3.], dtype=float64)
    """
    x = typeof(src)
    axes = tuple(canonicalize_axis(a, x.ndim, "index_take: axis") for a in axes)
    places = []
    for index, axis in zip(idxs, axes, strict=True):
        length = full_like(index, x.shape[axis])
        left = rem(index, length)
        places.append(select(lt(left, full_like(left, 0)), add(left, length), left))
    sizes = [1 if a in axes else n for a, n in enumerate(x.shape)]
    offset = tuple(range(1, x.ndim - len(axes) + 1))
    return gather(src, stack(places, 1),
                  GatherDimensionNumbers(offset, tuple(sorted(axes)), axes), sizes)


__all__ = ["dynamic_index_in_dim", "dynamic_slice", "dynamic_slice_in_dim", "dynamic_slice_p",
           "dynamic_update_index_in_dim", "dynamic_update_slice", "dynamic_update_slice_in_dim",
           "dynamic_update_slice_p", "index_take"]
