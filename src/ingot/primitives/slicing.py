"""Arrays cut and joined at places known beforehand: slice, split, concatenate, pad."""

from __future__ import annotations

import bisect
import builtins
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.core.avals import ShapedArray, short
from ingot.core.division import all_alike, carried, equally, require_whole, with_other_lengths
from ingot.core.interpreter import to_array, typeof
from ingot.core.primitive import LINEAR, Primitive, is_linear
from ingot.core.static import items
from ingot.core.symbolic import length
from ingot.kernel.rules import (
    ArrayValue,
    Buffer,
    Index,
    LazyArray,
    Lowering,
    RegisterArray,
    check_native_dtypes,
    indices,
)
from ingot.primitives.movement import (
    align,
    batch_size,
    broadcast_in_dim,
    full,
    move_to_front,
    reduce_sum,
    reshape,
    zeros,
)
from ingot.primitives.select import select_n
from ingot.util import canonicalize_axis

Shape = tuple[int, ...]
Padding = tuple[tuple[int, int, int], ...]


def integers(name: str, what: str, values: Sequence[int]) -> Shape:
    """Static sizes or places as Python integers; TypeError for anything else."""
    try:
        return tuple(length(v) for v in items(values))
    except (TypeError, AttributeError):
        raise TypeError(f"{name}: {what} must be a sequence of Python integers, got {values!r:.80};"
                        " shapes are static, use dynamic_slice for traced places") from None


def view(build: Lowering, x: ArrayValue, shape: Shape, start: Sequence[Index],
         strides: Sequence[int]) -> ArrayValue:
    """The elements `start + strides * index` of an array: the same memory where it is in memory."""
    if isinstance(x, Buffer):
        return part(build, x, shape, start, strides)

    def at(build: Lowering, index: Sequence[Index]) -> Any:
        return x.at(build, [build.index_add(build.index_mul(i, s), a)
                            for i, s, a in zip(index, strides, start, strict=True)])

    return LazyArray(shape, x.dtype, at, [x])


def part(build: Lowering, x: Buffer, shape: Shape, start: Sequence[Index], strides: Sequence[int]
         ) -> Buffer:
    """The memory of the elements `start + strides * index` of an array."""
    return Buffer(x.memory, shape, x.dtype, x.position(build, start) if x.size else x.offset,
                  [n * s for n, s in zip(x.strides, strides, strict=True)])


# ---- slice ---------------------------------------------------------------------------------------
def _slice_shape(start: Shape, limit: Shape, strides: Shape | None) -> Shape:
    steps = strides or (1,) * len(start)
    return tuple(-(-(b - a) // s) for a, b, s in zip(start, limit, steps, strict=True))


def _slice_type(x: ShapedArray, *, start_indices: Shape, limit_indices: Shape,
                strides: Shape | None) -> ShapedArray:
    given = f"{start_indices} to {limit_indices}" + (f" by {strides}" if strides else "")
    if not len(start_indices) == len(limit_indices) == len(strides or start_indices) == x.ndim:
        raise TypeError(f"slice: one start, limit and stride per axis are needed, got {given}"
                        f" for {x}")
    if any(s <= 0 for s in strides or ()):
        raise TypeError(f"slice: strides must be positive, got {strides}; use rev to go backwards")
    if not all(0 <= a <= b <= n for a, b, n in
               zip(start_indices, limit_indices, x.shape, strict=True)):
        raise TypeError(f"slice: 0 <= start <= limit <= size must hold on each axis, got {given}"
                        f" for {x}")
    return x.update(shape=_slice_shape(start_indices, limit_indices, strides))


def _slice_eval(x: np.ndarray, *, start_indices: Shape, limit_indices: Shape,
                strides: Shape | None) -> np.ndarray:
    return x[tuple(map(builtins.slice, start_indices, limit_indices, strides or (1,) * x.ndim))]


def _slice_transpose(ct: Any, x: Any, *, start_indices: Shape, limit_indices: Shape,
                     strides: Shape | None) -> list[Any]:
    config = []
    for n, m, a, s in zip(x.shape, ct.shape, start_indices, strides or (1,) * x.ndim, strict=True):
        covered = (m - 1) * s + 1 if m else 0
        config.append((a, n - a - covered, s - 1))
    return [pad(ct, full((), 0, x.dtype), config)]


def _slice_batch(args: Any, dims: Any, *, start_indices: Shape, limit_indices: Shape,
                 strides: Shape | None) -> Any:
    (x,), (dim,) = args, dims

    def inserted(values: Shape, new: int) -> Shape:
        return (*values[:dim], new, *values[dim:])

    return slice_p.bind(x, start_indices=inserted(start_indices, 0),
                        limit_indices=inserted(limit_indices, typeof(x).shape[dim]),
                        strides=strides and inserted(strides, 1)), dim


def _slice_kernel(build: Lowering, x: ArrayValue, *, out: Any, start_indices: Shape,
                  limit_indices: Shape, strides: Shape | None) -> ArrayValue:
    return view(build, x, out.shape, start_indices, strides or (1,) * x.ndim)


slice_p = Primitive(
    "slice", type=_slice_type, eval=_slice_eval, jvp=LINEAR, transpose=_slice_transpose,
    batch=_slice_batch, kernel=_slice_kernel, recompute_cost=0)
slice_p.division, slice_p.marks = with_other_lengths("slicing"), carried


def slice(operand: Any, start_indices: Sequence[int], limit_indices: Sequence[int],
          strides: Sequence[int] | None = None) -> Any:
    """The elements from `start_indices` up to `limit_indices`, every `strides`-th along each axis.

    operand: any dtype [...]; all else: one static nonnegative integer per axis -> same dtype.
    Raises TypeError when they leave the array.

    >>> lax.slice(np.arange(5), (1,), (5,), (2,))
    Array([1, 3], dtype=int64)
    """
    return slice_p.bind(operand, start_indices=integers("slice", "start_indices", start_indices),
                        limit_indices=integers("slice", "limit_indices", limit_indices),
                        strides=None if strides is None else integers("slice", "strides", strides))


def slice_in_dim(operand: Any, start_index: int | None, limit_index: int | None, stride: int = 1,
                 axis: int = 0) -> Any:
    """A slice along one axis; negative places count from its end, None stands for the ends.

    operand: any dtype [...]; start_index, limit_index, stride: as in
    operand[start_index:limit_index:stride] -> same dtype, `axis` shortened. Raises TypeError
    outside the array.

    >>> lax.slice_in_dim(np.arange(5), -2, None)
    Array([3, 4], dtype=int64)
    """
    shape = typeof(operand).shape
    axis = canonicalize_axis(axis, len(shape), "slice_in_dim: axis")
    start, limit, strides = [0] * len(shape), list(shape), [1] * len(shape)
    (stride,) = integers("slice_in_dim", "stride", (stride,))
    for places, place in ((start, start_index), (limit, limit_index)):
        if place is not None:
            (place,) = integers("slice_in_dim", "places", (place,))
            places[axis] = place + shape[axis] if place < 0 else place
    strides[axis] = stride
    return slice(operand, start, limit, strides)


def index_in_dim(operand: Any, index: int, axis: int = 0, keepdims: bool = True) -> Any:
    """The part of an array at one place along an axis; a negative index counts from the end.

    operand: any dtype [...]; keepdims: whether the axis stays, with length 1 -> same dtype, `axis`
    of length 1 or removed. Raises IndexError.

    >>> lax.index_in_dim(np.arange(5), -1, keepdims=False)
    Array(4, dtype=int64)
    """
    shape = typeof(operand).shape
    axis = canonicalize_axis(axis, len(shape), "index_in_dim: axis")
    (index,) = integers("index_in_dim", "index", (index,))
    if not -shape[axis] <= index < shape[axis]:
        raise IndexError(f"index_in_dim: index {index} is out of bounds for axis {axis} of"
                         f" {typeof(operand)}")
    index %= shape[axis]
    out = slice_in_dim(operand, index, index + 1, axis=axis)
    return out if keepdims else reshape(out, (*shape[:axis], *shape[axis + 1:]))


# ---- split ---------------------------------------------------------------------------------------
def _split_type(x: ShapedArray, *, sizes: Shape, axis: int) -> list[ShapedArray]:
    if any(n < 0 for n in sizes) or sum(sizes) != x.shape[axis]:
        raise ValueError(f"split: sizes must be nonnegative and add up to the length of axis {axis}"
                         f" of {x}, got {sizes}")
    return [x.update(shape=(*x.shape[:axis], n, *x.shape[axis + 1:])) for n in sizes]


def _offsets(sizes: Sequence[int]) -> list[int]:
    return [0, *np.cumsum(sizes, dtype=int).tolist()]


def _split_eval(x: np.ndarray, *, sizes: Shape, axis: int) -> list[np.ndarray]:
    return np.split(x, _offsets(sizes)[1:-1], axis) if sizes else []


def _split_batch(args: Any, dims: Any, *, sizes: Shape, axis: int) -> Any:
    dim = dims[0]
    return (split_p.bind(args[0], sizes=sizes, axis=axis + (axis >= dim)), [dim] * len(sizes))


def _split_kernel(build: Lowering, x: ArrayValue, *, out: Any, sizes: Shape, axis: int) -> Any:
    return [view(build, x, aval.shape, [offset if a == axis else 0 for a in range(x.ndim)],
                 (1,) * x.ndim) for offset, aval in zip(_offsets(sizes), out, strict=False)]


split_p = Primitive(
    "split", multiple_results=True, type=_split_type, eval=_split_eval, jvp=LINEAR,
    transpose=lambda cts, x, *, sizes, axis: [concatenate(cts, axis)], batch=_split_batch,
    kernel=_split_kernel)
split_p.division, split_p.marks = with_other_lengths("split"), carried


def split(operand: Any, sizes: Sequence[int], axis: int = 0) -> list[Any]:
    """An array cut along an axis into consecutive parts.

    operand: any dtype [...]; sizes: lengths that add up to that of `axis` -> list of arrays.
    Raises ValueError.

    >>> lax.split(np.arange(3), (1, 2))
    [Array([0], dtype=int64), Array([1, 2], dtype=int64)]
    """
    axis = canonicalize_axis(axis, typeof(operand).ndim, "split: axis")
    return split_p.bind(operand, sizes=integers("split", "sizes", sizes), axis=axis)


# ---- concatenate ---------------------------------------------------------------------------------
def _concatenate_type(*xs: ShapedArray, dimension: int) -> ShapedArray:
    first = xs[0]
    if any(x.dtype != first.dtype for x in xs):
        raise TypeError(f"concatenate: dtypes must match, got {short(xs)}; convert them first"
                        " (numpy functions do this for you)")
    if not 0 <= dimension < first.ndim:
        raise TypeError(f"concatenate: dimension {dimension} is out of range for {short(xs)}")

    def rest(x: ShapedArray) -> Shape:
        return (*x.shape[:dimension], *x.shape[dimension + 1:])

    if any(x.ndim != first.ndim or rest(x) != rest(first) for x in xs):
        raise TypeError(f"concatenate: shapes must match but along axis {dimension}, got"
                        f" {short(xs)}")
    shape = list(first.shape)
    shape[dimension] = sum(x.shape[dimension] for x in xs)
    return ShapedArray(shape, first.dtype, all(x.weak_type for x in xs))


def _concatenate_transpose(ct: Any, *xs: Any, dimension: int) -> list[Any]:
    offsets = _offsets([typeof(x).shape[dimension] for x in xs])
    return [slice_in_dim(ct, a, b, axis=dimension) if is_linear(x) else None
            for x, a, b in zip(xs, offsets, offsets[1:], strict=False)]


def _concatenate_batch(args: Any, dims: Any, *, dimension: int) -> Any:
    xs, dim = align(args, dims)
    return concatenate(xs, dimension + (dimension >= dim)), dim


def _concatenate_kernel(build: Lowering, *xs: ArrayValue, out: Any, dimension: int) -> ArrayValue:
    check_native_dtypes(out.storage)
    offsets = _offsets([x.shape[dimension] for x in xs])
    if out.size <= build.schedule.max_scalars:
        parts = [build.scalars(x) for x in xs]

        def element(index: Shape) -> Any:
            k = bisect.bisect_right(offsets, index[dimension]) - 1
            local = (*index[:dimension], index[dimension] - offsets[k], *index[dimension + 1:])
            return parts[k].at(build, local)

        return RegisterArray(out.shape, out.storage, [element(i) for i in indices(out.shape)])
    target = build.allocate(out.shape, out.storage)
    for x, offset in zip(xs, offsets, strict=False):
        start = [offset if a == dimension else 0 for a in range(x.ndim)]
        build.write(part(build, target, x.shape, start, (1,) * x.ndim), x)
    return target


concatenate_p = Primitive(
    "concatenate", type=_concatenate_type,
    eval=lambda *xs, dimension: np.concatenate(xs, dimension), jvp=LINEAR,
    transpose=_concatenate_transpose, batch=_concatenate_batch, kernel=_concatenate_kernel)
concatenate_p.division, concatenate_p.marks = equally, all_alike


def concatenate(operands: Any, dimension: int) -> Any:
    """Arrays joined along an axis.

    operands: a nonempty sequence of arrays of one dtype, whose shapes differ along `dimension` at
    most -> their dtype. Raises TypeError, ValueError for no operands.

    >>> lax.concatenate([np.arange(2), np.arange(1)], 0)
    Array([0, 1, 0], dtype=int64)
    """
    xs, dimension = list(operands), operator.index(dimension)
    if not xs:
        raise ValueError("concatenate: at least one operand is needed")
    if len(xs) == 1 and 0 <= dimension < typeof(xs[0]).ndim:
        return to_array(xs[0])
    return concatenate_p.bind(*xs, dimension=dimension)


def stack(operands: Sequence[Any], axis: int = 0) -> Any:
    """Arrays of one type joined along a new axis.

    operands: a nonempty sequence of arrays of one shape and dtype -> that dtype, with a new axis at
    `axis`. Raises TypeError, ValueError for no operands.

    >>> lax.stack([np.arange(2), np.arange(2)])
    Array([[0, 1],
           [0, 1]], dtype=int64)
    """
    avals = [typeof(x) for x in operands]
    if not avals:
        raise ValueError("stack: at least one operand is needed")
    if any(a.shape != avals[0].shape for a in avals):
        raise TypeError(f"stack: shapes must match, got {short(avals)}")
    shape = avals[0].shape
    axis = canonicalize_axis(axis, len(shape) + 1, "stack: axis")
    return concatenate([reshape(x, (*shape[:axis], 1, *shape[axis:])) for x in operands], axis)


def unstack(x: Any, axis: int = 0) -> tuple[Any, ...]:
    """The parts of an array along an axis, which they lose.

    x: any dtype [...] -> as many arrays as `axis` is long. Raises ValueError.

    >>> lax.unstack(np.arange(2))
    (Array(0, dtype=int64), Array(1, dtype=int64))
    """
    shape = typeof(x).shape
    axis = canonicalize_axis(axis, len(shape), "unstack: axis")
    require_whole("unstack operand cannot be sharded on the unstacking axis", typeof(x), [axis])
    rest = (*shape[:axis], *shape[axis + 1:])
    return tuple(reshape(part, rest) for part in split(x, (1,) * shape[axis], axis))


# ---- pad -----------------------------------------------------------------------------------------
def _pad_size(n: int, low: int, high: int, interior: int) -> int:
    return low + high + n + max(n - 1, 0) * interior


def _pad_type(x: ShapedArray, value: ShapedArray, *, padding_config: Padding) -> ShapedArray:
    if x.dtype != value.dtype:
        raise TypeError(f"pad: operand and padding value must have one dtype, got"
                        f" {short([x, value])}; convert one with lax.convert_element_type")
    if value.shape:
        raise TypeError(f"pad: the padding value must be a scalar, got {value}")
    if len(padding_config) != x.ndim:
        raise ValueError(f"pad: one (low, high, interior) an axis is needed, got {padding_config}"
                         f" for {x}")
    if any(interior < 0 for _, _, interior in padding_config):
        raise ValueError(f"pad: interior padding must not be negative, got {padding_config}")
    shape = tuple(_pad_size(n, *c) for n, c in zip(x.shape, padding_config, strict=True))
    if any(n < 0 for n in shape):
        raise ValueError(f"pad: negative padding removes more than there is, got {padding_config}"
                         f" for {x}, which leaves shape {shape}")
    return ShapedArray(shape, x.dtype, x.weak_type and value.weak_type)


def _kept(n: int, size: int, low: int, interior: int) -> tuple[int, int, int]:
    """First element that stays, how many do, and where the first one goes."""
    step = interior + 1
    first = max(0, -(low // step))
    count = max(0, min(n, (size - 1 - low) // step + 1) - first)
    return (first, count, low + first * step) if count else (0, 0, 0)


def _pad_plan(shape: Shape, out: Shape, padding_config: Padding) -> tuple[Any, Shape, Any, Any]:
    """Where to cut the operand, the shape cut, where to put it, and in which steps."""
    kept = [_kept(n, m, low, interior)
            for n, m, (low, _, interior) in zip(shape, out, padding_config, strict=True)]
    return ([k[0] for k in kept], tuple(k[1] for k in kept), [k[2] for k in kept],
            [c[2] + 1 for c in padding_config])


def _pad_eval(x: np.ndarray, value: np.ndarray, *, padding_config: Padding) -> np.ndarray:
    shape = tuple(_pad_size(n, *c) for n, c in zip(x.shape, padding_config, strict=True))
    out = np.empty(shape, x.dtype)
    out[...] = value
    first, count, start, step = _pad_plan(x.shape, shape, padding_config)
    if 0 not in count:
        source = tuple(builtins.slice(a, a + n) for a, n in zip(first, count, strict=True))
        place = tuple(builtins.slice(a, a + (n - 1) * s + 1, s)
                      for a, n, s in zip(start, count, step, strict=True))
        out[place] = x[source]
    return out


def _pad_transpose(ct: Any, x: Any, value: Any, *, padding_config: Padding) -> list[Any]:
    shape = typeof(x).shape
    ct_x = ct_value = None
    if is_linear(x):
        undo = [(-low, -high, 0) for low, high, _ in padding_config]
        whole = pad(ct, full((), 0, ct.dtype), undo)
        ct_x = slice(whole, [0] * whole.ndim, whole.shape, [c[2] + 1 for c in padding_config])
    if is_linear(value):
        inside = pad(full(shape, True, np.bool_), False, padding_config)
        outside = select_n(inside, ct, zeros(typeof(ct)))
        ct_value = reduce_sum(outside, tuple(range(len(shape))))
    return [ct_x, ct_value]


def _pad_batch(args: Any, dims: Any, *, padding_config: Padding) -> Any:
    x, value = args
    if dims[1] is None:
        dim = dims[0]
        config = (*padding_config[:dim], (0, 0, 0), *padding_config[dim:])
        return pad_p.bind(x, value, padding_config=config), dim
    size = batch_size(args, dims)
    x = move_to_front(x, dims[0], size)
    config = ((0, 0, 0), *padding_config)
    padded = pad_p.bind(x, full((), 0, typeof(x).dtype), padding_config=config)
    inside = pad(full(typeof(x).shape, True, np.bool_), False, config)
    values = broadcast_in_dim(value, typeof(padded).shape, (0,))
    return select_n(inside, values, padded), 0


def _pad_kernel(build: Lowering, x: ArrayValue, value: ArrayValue, *, out: Any,
                padding_config: Padding) -> ArrayValue:
    check_native_dtypes(x.dtype)
    first, count, start, step = _pad_plan(x.shape, out.shape, padding_config)
    inner = view(build, x, count, first, (1,) * x.ndim) if count != x.shape else x
    if count == out.shape:
        return inner
    if out.size <= build.schedule.max_scalars:
        filling, inner = value.at(build, ()), build.scalars(inner)

        def element(index: Shape) -> Any:
            places = [divmod(i - a, s) for i, a, s in zip(index, start, step, strict=True)]
            found = all(r == 0 and 0 <= q < n for (q, r), n in zip(places, count, strict=True))
            return inner.at(build, [q for q, _ in places]) if found else filling

        return RegisterArray(out.shape, out.storage, [element(i) for i in indices(out.shape)])
    target = build.allocate(out.shape, out.storage)
    filling = value.at(build, ())
    build.write(target, LazyArray(out.shape, x.dtype, lambda build, index: filling))
    if inner.size:
        build.write(part(build, target, count, start, step), inner)
    return target


pad_p = Primitive("pad", type=_pad_type, eval=_pad_eval, jvp=LINEAR, transpose=_pad_transpose,
                  batch=_pad_batch, kernel=_pad_kernel)
pad_p.division, pad_p.marks = with_other_lengths("padding"), carried


def pad(operand: Any, padding_value: Any, padding_config: Sequence[tuple[int, int, int]]) -> Any:
    """An array with a value put before, after and between its elements.

    operand: any dtype [...]; padding_value: a scalar of that dtype; padding_config: (low, high,
    interior) for each axis, where negative low and high remove elements -> same dtype.
    Raises TypeError for dtypes, ValueError for sizes.

    >>> lax.pad(np.ones(2), 0.0, [(1, -1, 2)])
    Array([0., 1., 0., 0.], dtype=float64)
    """
    config = tuple(integers("pad", "padding_config", c) for c in padding_config)
    if any(len(c) != 3 for c in config):
        raise ValueError(f"pad: padding_config needs (low, high, interior) for each axis, got"
                         f" {config}")
    return pad_p.bind(operand, padding_value, padding_config=config)


__all__ = ["concatenate", "concatenate_p", "index_in_dim", "pad", "pad_p", "slice", "slice_in_dim",
           "slice_p", "split", "split_p", "stack", "unstack"]
