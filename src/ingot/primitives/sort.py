"""Sorting: sort of one or several arrays by keys, top_k, and what is built from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot.core.avals import ShapedArray, is_inexact, short
from ingot.core.division import Operands, Spec, merged, whole_along
from ingot.core.interpreter import typeof
from ingot.core.primitive import NOT_LINEAR, ZERO, Primitive
from ingot.kernel.rules import (
    ArrayValue,
    Index,
    LazyArray,
    Lowering,
    Unsupported,
    along,
    argsort_rows,
    check_native_dtypes,
    numpy_sort,
    radix_order,
    small_top_k,
    sort_rows,
)
from ingot.kernel.schedule import SCHEDULE
from ingot.primitives.families import ANY, check_kind
from ingot.primitives.gather import GatherDimensionNumbers, GatherScatterMode, gather
from ingot.primitives.movement import all_to_front, move_axis
from ingot.primitives.ordering import largest, order, sort_into
from ingot.primitives.shape import broadcasted_iota, expand_dims, full
from ingot.primitives.slicing import slice_in_dim
from ingot.util import canonicalize_axis

WORD = np.dtype(np.uint32)


def take_along(x: Any, index: Any, axis: int) -> Any:
    """Elements of `x` at integer places along an axis; the other axes go together."""
    if not typeof(x).size:
        return full(typeof(index).shape, 0, typeof(x).dtype)
    others = tuple(i for i in range(typeof(x).ndim) if i != axis)
    numbers = GatherDimensionNumbers(
        offset_dims=(), collapsed_slice_dims=(axis,), start_index_map=(axis,),
        operand_batching_dims=others, start_indices_batching_dims=others)
    ndim = typeof(index).ndim
    return gather(x, expand_dims(index, (ndim,)), numbers, (1,) * typeof(x).ndim,
                  mode=GatherScatterMode.PROMISE_IN_BOUNDS)


def orderable(x: np.ndarray) -> np.ndarray:
    """Values that NumPy orders as we do: those of dtypes that are not its own as float32. Some of
    these say that they are of the kind of its floats, as float8_e5m2 does."""
    return x.astype(np.float32) if x.dtype.isbuiltin != 1 else x


def _keys(x: np.ndarray) -> list[np.ndarray]:
    """Keys that order as `x` does; complex numbers by real, then by imaginary part, nan last."""
    return [np.real(x), np.imag(x)] if x.dtype.kind == "c" else [orderable(x)]


# ---- sort ----------------------------------------------------------------------------------------
def _sort_type(*xs: ShapedArray, dimension: int, is_stable: bool, num_keys: int
               ) -> list[ShapedArray]:
    if any(x.shape != xs[0].shape for x in xs):
        raise TypeError(f"sort: shapes must match, got {short(xs)}")
    if not 0 <= dimension < max(xs[0].ndim, 1):
        raise ValueError(f"sort: axis {dimension} is out of range for {xs[0]}")
    if not 1 <= num_keys <= len(xs):
        raise ValueError(f"sort: num_keys must be between 1 and {len(xs)}, got {num_keys}")
    check_kind("sort", ANY, *xs[:num_keys])
    return list(xs)


def _sort_eval(*xs: np.ndarray, **params: Any) -> list[np.ndarray]:
    outs = [np.empty(x.shape, x.dtype) for x in xs]
    _sort_into(outs, *xs, **params)
    return outs


def _sort_into(outs: Sequence[np.ndarray], *xs: np.ndarray, dimension: int, is_stable: bool,
               num_keys: int) -> None:
    if xs[0].ndim and len(xs) == 1 and xs[0].dtype.isbuiltin == 1 and (
            xs[0].dtype.kind != "c"):
        sort_into(outs[0], xs[0], dimension)
        return
    if xs[0].ndim == 0 or xs[0].size == 0:
        ordered = list(xs)
    else:
        keys = [key for x in xs[:num_keys] for key in _keys(x)]
        places = (order(keys[0], dimension) if len(keys) == 1
                  else np.lexsort(keys[::-1], axis=dimension))
        ordered = [np.take_along_axis(x, places, dimension) for x in xs]
    for out, x in zip(outs, ordered, strict=True):
        out[...] = x


def _sort_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, dimension: int, is_stable: bool,
              num_keys: int) -> Any:
    shape = typeof(primals[0]).shape
    place = broadcasted_iota(place_dtype(shape[dimension]), shape, dimension)
    *outs, order = sort_p.bind(*primals, place, dimension=dimension, is_stable=is_stable,
                               num_keys=num_keys)
    return outs, [take_along(t, order, dimension) if is_inexact(typeof(x)) else None
                  for x, t in zip(primals, tangents, strict=True)]


def _sort_batch(args: Any, dims: Any, *, dimension: int, **params: Any) -> Any:
    moved = all_to_front(args, dims)
    outs = sort_p.bind(*moved, dimension=dimension + 1, **params)
    return outs, [0] * len(outs)


def _ordinal(build: Lowering, x: Any) -> Any:
    """A u32 scalar that orders as a real number of up to 32 bits does, nan last."""
    dtype = x.dtype
    if dtype.kind in "bu":
        return build.op("convert", x, dtype=WORD)
    top = build.const(1 << 31, WORD)
    if dtype.kind == "i":
        wide = build.op("convert", x, dtype=np.int32)
        return build.op("xor", build.op("bitcast", wide, dtype=WORD), top)
    x = build.op("convert", x, dtype=np.float32)
    x = build.op("add", x, build.const(0, x.dtype))  # -0 + 0 is 0
    pattern = build.op("bitcast", x, dtype=WORD)
    negative = build.op("ge", pattern, top)
    out = build.select(negative, build.op("not", pattern), build.op("or", pattern, top))
    return build.select(build.op("ne", x, x), build.const(0xFFFFFFFF, WORD), out)



def _sort_kernel(build: Lowering, *xs: ArrayValue, out: Any, dimension: int, is_stable: bool,
                 num_keys: int) -> list[ArrayValue]:
    """Keys alone and wide ones by NumPy's routines, others by digits; the rest from its place."""
    check_native_dtypes(*(x.dtype for x in xs))
    keys, n = xs[0], xs[0].shape[dimension] if xs[0].ndim else 0
    if num_keys > 1 or not 0 < n < 1 << 31:
        raise Unsupported("several keys are sorted in Python")
    plain = numpy_sort.available(build, keys.dtype)
    if plain and len(xs) == 1:
        return [along(build, keys, dimension, sort_rows)]
    if keys.dtype.itemsize > 4 and (not plain or n > build.schedule.max_sort_keys):
        raise Unsupported("long lines are sorted in Python")
    rest = [build.materialize(x) if x.cost > build.schedule.inline_max_cost else x for x in xs[1:]]
    if keys.dtype.itemsize <= 4:
        return _by_digits(build, keys, rest, out, dimension)
    places = along(build, keys, dimension, argsort_rows)
    return [_pick(x, places, dimension) for x in (build.materialize(keys), *rest)]


def _pick(x: ArrayValue, places: ArrayValue, dimension: int) -> LazyArray:
    """Elements of `x` from places along an axis."""

    def at(build: Lowering, index: Sequence[Index]) -> Any:
        place = build.as_index(places.at(build, index))
        return x.at(build, [*index[:dimension], place, *index[dimension + 1 :]])

    return LazyArray(x.shape, x.dtype, at, [x, places], SCHEDULE.inline_max_cost)


def _by_digits(build: Lowering, keys: ArrayValue, rest: Sequence[ArrayValue], out: Any,
               dimension: int) -> list[ArrayValue]:
    """Several arrays in the order of a key of up to 32 bits."""
    n = keys.shape[dimension]
    places, ordered = (build.allocate(keys.shape, WORD) for _ in range(2))

    def line(index: Sequence[Index]) -> None:
        def whole(i: Index) -> list[Index]:
            return [*index[:dimension], i, *index[dimension:]]

        found = radix_order(build, n, lambda i: _ordinal(build, keys.at(build, whole(i))))
        with build.loop(n, vector=True) as i:
            for target, x in zip((places, ordered), found, strict=True):
                build.store(target, whole(i), x.at(build, (i,)))

    build.lines([m for a, m in enumerate(keys.shape) if a != dimension], line)
    first = ordered if keys.dtype == WORD else _pick(
        build.materialize(keys), places, dimension)
    return [first, *(_pick(x, places, dimension) for x in rest)]


_sort_kernel.into = _sort_into  # type: ignore[attr-defined]  # what it leaves to NumPy

sort_p = Primitive(
    "sort", multiple_results=True, type=_sort_type, eval=_sort_eval, jvp=_sort_jvp,
    transpose=NOT_LINEAR, batch=_sort_batch, kernel=_sort_kernel)
sort_p.division = whole_along("dimension", "Arguments to sort must be unsharded along it")


def sort(operand: Any, dimension: int = -1, is_stable: bool = True, num_keys: int = 1) -> Any:
    """Sort along an axis, ascending, NaN last; several arrays go together, by the first `num_keys`.

    operand: an array or a sequence of arrays of one shape; dimension: the axis; is_stable: whether
    equal keys keep their order, as they always do -> the same, sorted. Raises TypeError when shapes
    differ.

    >>> lax.sort((np.array([2, 1]), np.array([0.5, 1.5])))
    (Array([1, 2], dtype=int64), Array([1.5, 0.5], dtype=float64))
    """
    several = isinstance(operand, (tuple, list))
    xs = list(operand) if several else [operand]
    if not xs:
        raise TypeError("sort: at least one array is needed")
    if not typeof(xs[0]).ndim:
        raise ValueError(f"sort: needs an axis to sort along, got {typeof(xs[0])}")
    dimension = canonicalize_axis(dimension, typeof(xs[0]).ndim)
    outs = sort_p.bind(*xs, dimension=dimension, is_stable=bool(is_stable), num_keys=num_keys)
    return tuple(outs) if several else outs[0]


def sort_key_val(keys: Any, values: Any, dimension: int = -1, is_stable: bool = True
                 ) -> tuple[Any, Any]:
    """Sort keys along an axis and put values of the same shape in the keys' order.

    keys, values: any dtype [...]; dimension, is_stable: those of `sort` -> the same types. Raises
    TypeError when shapes differ.

    >>> lax.sort_key_val(np.array([2, 1]), np.array([0.5, 1.5]))
    (Array([1, 2], dtype=int64), Array([1.5, 0.5], dtype=float64))
    """
    keys, values = sort((keys, values), dimension, is_stable, 1)
    return keys, values


# ---- top_k ---------------------------------------------------------------------------------------
def _top_k_type(x: ShapedArray, *, k: int, axis: int) -> list[ShapedArray]:
    check_kind("top_k", (np.floating, np.integer, np.bool_), x)
    if not 0 <= axis < x.ndim:
        raise ValueError(f"top_k: axis {axis} is out of range for {x}")
    if not 0 <= k <= x.shape[axis]:
        raise ValueError(f"top_k: k = {k} must be between 0 and the length of axis {axis} of {x}")
    shape = [*x.shape[:axis], k, *x.shape[axis + 1 :]]
    return [x.update(shape=shape), ShapedArray(shape, np.int32)]


def _top_k_eval(x: np.ndarray, *, k: int, axis: int) -> list[np.ndarray]:
    places = largest(orderable(x), k, axis)
    return [np.take_along_axis(x, places, axis), places.astype(np.int32)]


def _top_k_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, k: int, axis: int) -> Any:
    values, places = top_k_p.bind(*primals, k=k, axis=axis)
    return [values, places], [take_along(tangents[0], places, axis), None]


def _top_k_batch(args: Any, dims: Any, *, k: int, axis: int) -> Any:
    outs = top_k_p.bind(move_axis(args[0], dims[0], 0), k=k, axis=axis + 1)
    return outs, [0, 0]


SORTED = 128
"""Elements of a line that is sorted instead."""

PACKED = np.dtype(np.uint64)


def _first_of_sorted(build: Lowering, n: int, k: int, at: Callable[[Index], Any]
                     ) -> tuple[list[Any], list[Any]]:
    """The k largest of a short line of numbers of up to 32 bits, and their places, by sorting
    keys and places packed into words."""
    words = build.allocate((1, n), PACKED)
    half = build.const(32, PACKED)
    with build.loop(n, vector=True) as i:
        key = build.op("convert", build.op("not", _ordinal(build, at(i))), dtype=PACKED)
        place = build.op("convert", build.index(i), dtype=PACKED)
        build.store(words, (0, i), build.op("or", build.op("shift_left", key, half), place))
    numpy_sort.sort_line(build, numpy_sort.FAST, words, 0)
    low = build.const(0xFFFFFFFF, PACKED)
    places = [build.as_index(build.op("and", words.at(build, (0, j)), low)) for j in range(k)]
    return [at(place) for place in places], places


def _top_k_kernel(build: Lowering, x: ArrayValue, *, out: Any, k: int, axis: int) -> list[Any]:
    check_native_dtypes(x.dtype)
    n = x.shape[axis]
    if not 0 < k <= build.schedule.max_top_k:
        raise Unsupported("more than a few elements are sorted in NumPy")
    values, places = (build.allocate(a.shape, a.storage) for a in out)
    short = k > 1 and n <= SORTED and x.dtype.itemsize <= 4 and numpy_sort.available(build, PACKED)
    x = build.materialize(x) if short and x.cost > build.schedule.inline_max_cost else x

    def line(index: Sequence[Index]) -> None:
        def place(i: Index) -> list[Index]:
            return [*index[:axis], i, *index[axis:]]

        search = _first_of_sorted if short else small_top_k
        found = search(build, n, k, lambda i: x.at(build, place(i)))
        for i, (value, where) in enumerate(zip(*found, strict=True)):
            build.store(values, place(i), value)
            build.store(places, place(i), build.op("convert", where, dtype=places.dtype))

    build.lines([m for a, m in enumerate(x.shape) if a != axis], line)
    return [values, places]


top_k_p = Primitive(
    "top_k", multiple_results=True, type=_top_k_type, eval=_top_k_eval, jvp=_top_k_jvp,
    transpose=NOT_LINEAR, batch=_top_k_batch, kernel=_top_k_kernel)
top_k_p.division = whole_along("axis", "The input should be unsharded along the axis")


def top_k(operand: Any, k: int, *, axis: int = -1) -> list[Any]:
    """The k largest elements along an axis, descending, and their indices (int32).

    operand: real [...] -> two arrays with that axis of length k. Equal elements keep their order.
    Raises ValueError when the axis is shorter than k.

    >>> lax.top_k(np.array([1.0, 3.0, 2.0]), 2)
    [Array([3., 2.], dtype=float64), Array([1, 2], dtype=int32)]
    """
    axis = canonicalize_axis(axis, typeof(operand).ndim)
    return list(top_k_p.bind(operand, k=int(k), axis=axis))


def approx_max_k(operand: Any, k: int, reduction_dimension: int = -1, recall_target: float = 0.95,
                 reduction_input_size_override: int = -1, aggregate_to_topk: bool = True
                 ) -> list[Any]:
    """Find the k largest elements along an axis and their indices; exact, whatever the recall.

    operand: real [..., n, ...]. k: a Python integer. reduction_dimension: the axis. recall_target,
    reduction_input_size_override, aggregate_to_topk: without effect -> (values, i32 indices), of
    length k along the axis, descending. Raises ValueError when the axis is shorter than k.

    >>> lax.approx_max_k(np.array([1.0, 3.0, 2.0]), 1)
    [Array([3.], dtype=float64), Array([1], dtype=int32)]
    """
    return top_k(operand, k, axis=reduction_dimension)


def approx_min_k(operand: Any, k: int, reduction_dimension: int = -1, recall_target: float = 0.95,
                 reduction_input_size_override: int = -1, aggregate_to_topk: bool = True
                 ) -> list[Any]:
    """Find the k smallest elements along an axis and their indices; exact, whatever the recall.

    operand, k, reduction_dimension, recall_target, reduction_input_size_override,
    aggregate_to_topk, errors: those of `approx_max_k` -> (values, i32 indices), ascending.

    >>> lax.approx_min_k(np.array([1.0, 3.0, 2.0]), 1)
    [Array([1.], dtype=float64), Array([0], dtype=int32)]
    """
    axis = canonicalize_axis(reduction_dimension, typeof(operand).ndim)
    place = broadcasted_iota(np.int32, typeof(operand).shape, axis)
    values, order = sort_key_val(operand, place, axis)
    n = typeof(operand).shape[axis]
    if not 0 <= k <= n:
        raise ValueError(f"approx_min_k: k = {k} must be between 0 and {n}")
    return [slice_in_dim(values, 0, k, axis=axis), slice_in_dim(order, 0, k, axis=axis)]


# ---- searchsorted --------------------------------------------------------------------------------
def _search_type(a: ShapedArray, v: ShapedArray, *, side: str) -> ShapedArray:
    check_kind("searchsorted", ANY, a)
    if a.ndim < 1 or a.dtype != v.dtype or a.shape[:-1] != v.shape[: a.ndim - 1]:
        raise TypeError("searchsorted: sorted vectors and values of their dtype are needed, with"
                        f" the same leading axes, got {a} and {v}")
    return ShapedArray(v.shape, place_dtype(a.shape[-1]))


def place_dtype(n: int) -> Any:
    """The dtype of places along an axis of a length."""
    return np.dtype(np.int32 if n < 1 << 31 else np.int64)


def _search_eval(a: np.ndarray, v: np.ndarray, *, side: str) -> np.ndarray:
    out, right = np.empty(v.shape, place_dtype(a.shape[-1])), side == "right"
    for lead in np.ndindex(a.shape[:-1]):
        out[lead] = np.searchsorted(orderable(a[lead]), orderable(v[lead]),
                                    "right" if right else "left")
    return out


def _goes_right(build: Lowering, side: str, element: Any, value: Any) -> Any:
    """Whether a value belongs behind an element, in the order of sort: nan after everything."""
    if side == "right":
        return build.op("not", _goes_right(build, "left", value, element))
    less = build.op("lt", element, value)
    if element.dtype.kind not in "fV":
        return less
    number, nan = build.op("eq", element, element), build.op("ne", value, value)
    return build.op("or", less, build.op("and", number, nan))


def _search_kernel(build: Lowering, a: ArrayValue, v: ArrayValue, *, out: Any,
                   side: str) -> LazyArray:
    """Bisection with a fixed number of steps, so that several values are sought at a time."""
    check_native_dtypes(a.dtype)
    if a.dtype.kind == "c":
        raise Unsupported("complex numbers are ordered by NumPy")
    a, lead, n = build.materialize(a), a.ndim - 1, a.shape[-1]

    def at(build: Lowering, index: Sequence[Index]) -> Any:
        value, low, length = v.at(build, index), build.index(0), n
        while length > 0:  # the place is in [low, low + length]
            half = (length + 1) // 2
            middle = build.index_add(low, half - 1)
            right = _goes_right(build, side, a.at(build, (*index[:lead], middle)), value)
            low = build.select(right, build.index(build.index_add(low, half)), low)
            length -= half
        return build.op("convert", low, dtype=out.dtype)

    return LazyArray(out.shape, out.dtype, at, [a, v], 8 * n.bit_length())


def _search_division(given: Operands) -> list[Spec]:
    """As the values that are sought; the sorted vectors must be whole."""
    vectors, values = given.specs
    lead = len(vectors) - 1
    if vectors[lead]:
        given.refuse("the sorted vector is divided")
    return [(*merged(given, [vectors[:lead], values[:lead]]), *values[lead:])]


def _search_batch(args: Any, dims: Any, *, side: str) -> Any:
    if dims[0] is None and typeof(args[0]).ndim == 1:
        return searchsorted_p.bind(*args, side=side), dims[1]
    return searchsorted_p.bind(*all_to_front(args, dims), side=side), 0


searchsorted_p = Primitive(
    "searchsorted", type=_search_type, eval=_search_eval, jvp=ZERO, transpose=NOT_LINEAR,
    batch=_search_batch, kernel=_search_kernel)
searchsorted_p.division = _search_division


def searchsorted(a: Any, v: Any, side: str = "left") -> Any:
    """Where elements of `v` go into the sorted vector `a`: before ('left') or after equal ones.

    a: number or boolean [..., n], ascending, NaN last; v: [..., any shape], the same dtype -> int32
    of the shape of `v`. Raises TypeError when types differ.

    >>> searchsorted(np.array([1, 3]), np.array([2, 3]))
    Array([1, 1], dtype=int32)
    """
    return searchsorted_p.bind(a, v, side=side)


__all__ = ["approx_max_k", "approx_min_k", "sort", "sort_key_val", "sort_p", "top_k", "top_k_p"]
