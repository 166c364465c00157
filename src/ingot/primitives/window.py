"""Reductions over windows: sum, maximum, minimum, any other; derivatives of the extremes."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.array import Array, fetch
from ingot.core.avals import ShapedArray, short
from ingot.core.division import Operands, Spec, with_other_lengths
from ingot.core.interpreter import to_array, typeof
from ingot.core.primitive import LINEAR, NOT_LINEAR, Primitive
from ingot.core.tracebacks import within
from ingot.kernel.rules import (
    ArrayValue,
    Buffer,
    Index,
    LazyArray,
    Lowering,
    RegisterArray,
    Unsupported,
    check_native_dtypes,
    indices,
    is_inexact,
    nest_sum,
    row_major,
)
from ingot.kernel.schedule import SCHEDULE
from ingot.primitives.arithmetic import add, max, min
from ingot.primitives.compare import ge_p, le_p
from ingot.primitives.conv import padtype_to_pads as padtype_to_pads
from ingot.primitives.families import NUMBER, check_kind
from ingot.primitives.movement import all_to_front, broadcast_in_dim, move_axis, scalar, zeros
from ingot.primitives.reduce import combined, highest, lowest
from ingot.primitives.shape import constant
from ingot.primitives.slicing import integers, pad, pad_p, slice, view
from ingot.primitives.sums import is_narrow
from ingot.primitives.window_positions import Shape, Windows, windows
from ingot.tree import tree_flatten, tree_unflatten
from ingot.util import size_of

REAL = (np.floating, np.integer, np.bool_)
_LEAF = tree_flatten(0)[1]


# ---- reduce_window_sum, reduce_window_max, reduce_window_min -------------------------------------
def _family(name: str, kinds: Any, ufunc: np.ufunc, init: Callable[[np.dtype], Any],
            combine: Callable[[np.dtype], str], jvp: Any, transpose: Any) -> Primitive:
    """A reduction over windows: the slots they share."""

    def type(x: ShapedArray, **params: Any) -> ShapedArray:
        check_kind(name, kinds, x)
        w = windows(params)
        w.check(name, x)
        return x.update(shape=w.out(x.shape))

    def evaluate(x: np.ndarray, **params: Any) -> np.ndarray:
        lines = windows(params).lines(x, init(x.dtype))
        if ufunc is np.add and x.dtype.kind in "fV" and x.dtype.itemsize < 4:
            return np.add.reduce(lines.astype(np.float32), -1).astype(x.dtype)
        return ufunc.reduce(lines, -1, dtype=x.dtype if x.dtype.kind in "iufc" else None)

    def batch(args: Any, dims: Any, **params: Any) -> Any:
        return primitive.bind(move_axis(args[0], dims[0], 0), **windows(params).mapped().params), 0

    primitive = Primitive(name, type=type, eval=evaluate, jvp=jvp, transpose=transpose, batch=batch,
                          kernel=_window_kernel(init, combine))
    primitive.division = with_other_lengths("reduce_window")
    return primitive


def _window_kernel(init: Callable[[np.dtype], Any], combine: Callable[[np.dtype], str]
                   ) -> Callable[..., LazyArray]:
    """Return the kernel rule that combines the elements of each window where it is used."""
    def kernel(build: Lowering, x: ArrayValue, *, out: Any, **params: Any) -> LazyArray:
        check_native_dtypes(x.dtype)
        w = windows(params)
        padded = w.pad(build, x, init(x.dtype))
        operation = combine(x.dtype)
        wide = np.dtype(np.float32) if is_narrow(x.dtype) else x.dtype

        def at(build: Lowering, index: Sequence[Index]) -> Any:
            if operation == "add" and is_inexact(x.dtype):
                total = nest_sum(build, w.window_dimensions, lambda i: build.converted(
                    padded.at(build, w.place(build, index, i)), wide), build.const(0, wide))
                return build.converted(total, x.dtype)
            return build.fold(
                w.window_dimensions, build.const(init(x.dtype), x.dtype),
                lambda carry, inner: build.op(
                    operation, carry, padded.at(build, w.place(build, index, inner)),
                    attr="reassociate"))

        return LazyArray(out.shape, x.dtype, at, [padded], 2 * size_of(w.window_dimensions))

    return kernel


def _sum_transpose(ct: Any, x: Any, **params: Any) -> list[Any]:
    """Sums of cotangents over the same windows: a window covers a place as places cover it."""
    w = windows(params)
    spread = w.spread(x.shape)
    lengths = [(m - 1) * s + 1 if m else 0
               for m, s in zip(ct.shape, w.window_strides, strict=True)]
    config = [(span - 1 - low, n + low - m, s - 1) for span, (low, _), n, m, s in
              zip(w.spans, w.padding, spread, lengths, w.window_strides, strict=True)]
    if 0 in x.shape:
        return [zeros(x.aval)]
    back = Windows(w.window_dimensions, w.base_dilation, ((0, 0),) * x.ndim, (1,) * x.ndim,
                   w.window_dilation)
    return [reduce_window_sum_p.bind(pad(ct, scalar(0, ct.dtype), config), **back.params)]


def _extreme_partial(select_prim: Primitive) -> Callable[..., Any]:
    return lambda t, out, x, **params: select_and_gather_add_p.bind(
        t, x, select_prim=select_prim, **params)


reduce_window_sum_p = _family(
    "reduce_window_sum", NUMBER, np.add, lambda dtype: 0, lambda dtype: "add", LINEAR,
    _sum_transpose)
reduce_window_max_p = _family(
    "reduce_window_max", REAL, np.maximum, lowest,
    lambda dtype: "or" if dtype == np.bool_ else "max", [_extreme_partial(ge_p)], NOT_LINEAR)
reduce_window_min_p = _family(
    "reduce_window_min", REAL, np.minimum, highest,
    lambda dtype: "and" if dtype == np.bool_ else "min", [_extreme_partial(le_p)], NOT_LINEAR)


# ---- select_and_gather_add, select_and_scatter_add -----------------------------------------------
def _outside(select_prim: Primitive, dtype: np.dtype) -> Any:
    """What padding counts as in a search for extremes."""
    return lowest(dtype) if select_prim is ge_p else highest(dtype)


def _chosen(x: np.ndarray, select_prim: Primitive, w: Windows) -> np.ndarray:
    """Which element of each window is its first extreme: [*out, 1]."""
    lines = w.lines(x, _outside(select_prim, x.dtype))
    if x.dtype.isbuiltin != 1:
        lines = lines.astype(np.float32)
    find = np.argmax if select_prim is ge_p else np.argmin
    if 0 in lines.shape:
        return np.zeros((*lines.shape[:-1], 1), int)
    return find(lines, -1)[..., None]


def _chosen_place(build: Lowering, padded: ArrayValue, select_prim: Primitive, w: Windows,
                  index: Sequence[Index], strides: Sequence[int]) -> Any:
    """Position in the padded operand of the first extreme of a window."""
    best = place = None
    for inner in indices(w.window_dimensions):
        here = w.place(build, index, inner)
        new = padded.at(build, here)
        flat: Index = 0
        for i, s in zip(here, strides, strict=True):
            flat = build.index_add(flat, build.index_mul(i, s))
        if best is None:
            best, place = new, build.index(flat)
            continue
        kept = build.op(select_prim.name, best, new)  # False at NaN, the first of which stays
        if padded.dtype.kind == "f":
            kept = build.op("or", kept, build.op("ne", best, best))
        best, place = build.select(kept, best, new), build.select(kept, place, build.index(flat))
    return place


def _need_short(w: Windows, *dtypes: np.dtype) -> None:
    check_native_dtypes(*dtypes)
    if size_of(w.window_dimensions) > SCHEDULE.max_scalars:
        raise Unsupported("windows are searched by straight-line code")


def _gather_type(t: ShapedArray, x: ShapedArray, *, select_prim: Primitive, **params: Any
                 ) -> ShapedArray:
    w = windows(params)
    w.check("select_and_gather_add", x)
    check_kind("select_and_gather_add", (np.floating,), x)
    if t.shape != x.shape or t.dtype != x.dtype:
        raise TypeError(f"select_and_gather_add: tangents and operand must be of one type, got"
                        f" {short([t, x])}")
    return t.update(shape=w.out(x.shape))


def _gather_eval(t: np.ndarray, x: np.ndarray, *, select_prim: Primitive, **params: Any
                 ) -> np.ndarray:
    w = windows(params)
    return np.take_along_axis(w.lines(t, 0), _chosen(x, select_prim, w), -1)[..., 0]


def _both_batch(primitive: Callable[[], Primitive]) -> Callable[..., Any]:
    def batch(args: Any, dims: Any, *, select_prim: Primitive, **params: Any) -> Any:
        return primitive().bind(*all_to_front(args, dims), select_prim=select_prim,
                                **windows(params).mapped().params), 0

    return batch


def _gather_kernel(build: Lowering, t: ArrayValue, x: ArrayValue, *, out: Any,
                   select_prim: Primitive, **params: Any) -> ArrayValue:
    w = windows(params)
    _need_short(w, t.dtype, x.dtype)
    padded = w.pad(build, x, _outside(select_prim, x.dtype))
    tangents = build.contiguous(w.pad(build, t, 0))
    strides = row_major(tangents.shape)
    flat = Buffer(tangents.memory, (tangents.size,), t.dtype, tangents.offset)
    return LazyArray(out.shape, t.dtype, lambda build, index: flat.at(
        build, [_chosen_place(build, padded, select_prim, w, index, strides)]), [padded, flat],
        5 * size_of(w.window_dimensions))


select_and_gather_add_p = Primitive(
    "select_and_gather_add", type=_gather_type, eval=_gather_eval,
    jvp=[lambda t, out, tangents, x, **params: select_and_gather_add_p.bind(t, x, **params), None],
    transpose=lambda ct, t, x, **params: [select_and_scatter_add_p.bind(ct, x, **params), None],
    batch=_both_batch(lambda: select_and_gather_add_p),
    kernel=_gather_kernel)
select_and_gather_add_p.division = with_other_lengths("reduce_window")


def _scatter_type(source: ShapedArray, x: ShapedArray, *, select_prim: Primitive, **params: Any
                  ) -> ShapedArray:
    w = windows(params)
    w.check("select_and_scatter_add", x)
    check_kind("select_and_scatter_add", (np.floating,), x)
    if source.shape != w.out(x.shape) or source.dtype != x.dtype:
        raise TypeError(f"select_and_scatter_add: one element of the operand's dtype a window is"
                        f" needed, got {short([source, x])} for {w}")
    return x.update(weak_type=source.weak_type)


def _scatter_eval(source: np.ndarray, x: np.ndarray, *, select_prim: Primitive, **params: Any
                  ) -> np.ndarray:
    w = windows(params)
    total = np.zeros(w.padded(x.shape), x.dtype)
    inner = np.unravel_index(_chosen(x, select_prim, w)[..., 0], w.window_dimensions)
    place = [i * s + k * d for i, s, k, d in zip(
        np.indices(source.shape), w.window_strides, inner, w.window_dilation, strict=True)]
    np.add.at(total, tuple(place), source)
    inside = pad_p.rule("eval")(total, np.zeros((), x.dtype), padding_config=w.undo)
    return inside[tuple(builtins.slice(None, None, b) for b in w.base_dilation)]


def _scatter_kernel(build: Lowering, source: ArrayValue, x: ArrayValue, *, out: Any,
                    select_prim: Primitive, **params: Any) -> ArrayValue:
    w = windows(params)
    _need_short(w, x.dtype)
    padded = w.pad(build, x, _outside(select_prim, x.dtype))
    total = build.allocate(padded.shape, x.dtype)
    zero = build.const(0, x.dtype)
    build.write(total, LazyArray(total.shape, x.dtype, lambda build, index: zero))
    flat = Buffer(total.memory, (total.size,), x.dtype)
    strides = row_major(total.shape)

    def scatter(index: Sequence[Index]) -> None:
        place = _chosen_place(build, padded, select_prim, w, index, strides)
        build.store(flat, [place], build.op("add", flat.at(build, [place]),
                                            source.at(build, index)))

    build.nest(source.shape, scatter, cost=source.cost + 5 * size_of(w.window_dimensions))
    if not any(any(c) for c in w.config):
        return total
    aval = ShapedArray(w.spread(x.shape), x.dtype)
    inside = pad_p.rule("kernel")(build, total, RegisterArray((), x.dtype, [zero]), out=aval,
                                  padding_config=w.undo)
    return view(build, inside, out.shape, [0] * x.ndim, w.base_dilation)


def _scatter_division(given: Operands) -> list[Spec]:
    return [given.specs[1]]


select_and_scatter_add_p = Primitive(
    "select_and_scatter_add", type=_scatter_type, eval=_scatter_eval,
    jvp=[lambda t, out, source, x, **params: select_and_scatter_add_p.bind(t, x, **params), None],
    transpose=lambda ct, source, x, **params: [
        select_and_gather_add_p.bind(ct, x, **params), None],
    batch=_both_batch(lambda: select_and_scatter_add_p),
    kernel=_scatter_kernel)
select_and_scatter_add_p.division = _scatter_division


# ---- reduce_window -------------------------------------------------------------------------------
_MONOIDS: dict[Any, tuple[Primitive, Callable[..., Any]]] = {
    add: (reduce_window_sum_p, lambda dtype: 0), max: (reduce_window_max_p, lowest),
    min: (reduce_window_min_p, highest)}


def _all_windows(x: Any, init: Any, w: Windows) -> list[Any]:
    """For each place within a window, the elements of all windows there."""
    padded = pad(x, init, w.config)
    out = w.out(typeof(x).shape)
    parts = []
    for inner in indices(w.window_dimensions):
        start = [k * d for k, d in zip(inner, w.window_dilation, strict=True)]
        limit = [a + (m - 1) * s + 1 if m else a
                 for a, m, s in zip(start, out, w.window_strides, strict=True)]
        parts.append(slice(padded, start, limit, w.window_strides))
    return parts


def _reduce_windows(xs: list[Any], inits: list[Any], call: Callable[..., Any], w: Windows
                    ) -> list[Any]:
    out = w.out(typeof(xs[0]).shape)
    start = [broadcast_in_dim(i, out, ()) for i in inits]
    if 0 in out:
        return start
    places = list(zip(*(_all_windows(x, i, w) for x, i in zip(xs, inits, strict=True)),
                      strict=True))

    def combined(first: int, stop: int) -> list[Any]:
        if stop - first == 1:
            return list(places[first])
        middle = (first + stop) // 2  # in pairs: sums keep their digits, programs stay shallow
        return list(call(combined(first, middle), combined(middle, stop)))

    return list(call(start, combined(0, len(places))))


def _initial_values(avals: Sequence[ShapedArray], inits: Sequence[Any]) -> list[Any]:
    """Return the initial values of a reduction of operands of these types, in their dtypes."""
    if not avals or len(inits) != len(avals) or any(typeof(i).shape for i in inits) or any(
            a.shape != avals[0].shape for a in avals):
        raise TypeError("reduce_window: operands must have one shape and each a scalar initial"
                        f" value, got {short(avals)} and {short([typeof(i) for i in inits])}")
    inits = [constant(i, a.dtype) if typeof(i).weak_type else to_array(i)
             for i, a in zip(inits, avals, strict=True)]
    if any(typeof(i).dtype != a.dtype for i, a in zip(inits, avals, strict=True)):
        raise TypeError("reduce_window: operands and initial values must have the same dtypes, got"
                        f" {short(avals)} and {short([typeof(i) for i in inits])}")
    return inits


def reduce_window(operand: Any, init_value: Any, computation: Callable[..., Any],
                  window_dimensions: Sequence[int], window_strides: Sequence[int] | None = None,
                  padding: str | Sequence[tuple[int, int]] = "VALID",
                  base_dilation: Sequence[int] | None = None,
                  window_dilation: Sequence[int] | None = None) -> Any:
    """Combine the elements of each window with an elementwise associative function.

    operand: array [...], or a pytree of them. init_value: the same with scalars, the start and the
    padding. computation: two such pytrees -> one, for all but sums, maxima and minima applied once
    for each element of a window. window_dimensions, window_strides: lengths and steps. padding:
    'VALID', 'SAME', 'SAME_LOWER' or pairs. base_dilation, window_dilation: spread of both. -> one
    element a window. Raises TypeError when types or lengths differ.
    >>> lax.reduce_window(np.arange(4.0), 0.0, lax.add, (2,))
    Array([1., 3., 5.], dtype=float64)
    """
    xs, tree = tree_flatten(operand)
    inits = tree_flatten(init_value)[0]
    avals = [typeof(x) for x in xs]
    given, inits = inits, _initial_values(avals, inits)
    w = _windows(avals[0], window_dimensions, window_strides, padding, base_dilation,
                 window_dilation)
    computation = within(computation)
    if tree == _LEAF and isinstance(computation, Hashable) and computation in _MONOIDS:
        primitive, neutral = _MONOIDS[computation]
        ordered = dtypes.kind(avals[0].dtype) != "c" or primitive is reduce_window_sum_p
        if ordered and _is(inits[0], given[0], neutral(avals[0].dtype)):
            return primitive.bind(xs[0], **w.params)

    def call(a: list[Any], b: list[Any]) -> list[Any]:
        return combined("reduce_window", computation, tree, a, b)

    return tree_unflatten(tree, _reduce_windows(xs, inits, call, w))


def _is(init: Any, given: Any, value: Any) -> bool:
    """Whether an initial value is known to be this number; an infinity stands for the limit of
    dtypes that have none."""
    if type(init) is not Array:
        return False
    if isinstance(given, float) and np.isinf(given):
        return bool(np.sign(given) == np.sign(value) and dtypes.kind(init.dtype) == "f")
    return bool(fetch(init) == np.asarray(value).astype(init.aval.dtype))


def _windows(x: ShapedArray, dimensions: Any, strides: Any, padding: Any, base: Any, window: Any
             ) -> Windows:
    """The windows that the arguments of `reduce_window` describe."""
    ones = (1,) * x.ndim
    sizes, strides, base, window = (
        ones if v is None else integers("reduce_window", what, v) for v, what in (
            (dimensions, "window_dimensions"), (strides, "window_strides"),
            (base, "base_dilation"), (window, "window_dilation")))
    w = Windows(sizes, strides, ((0, 0),) * x.ndim, base, window)
    w.check("reduce_window", x)
    if isinstance(padding, str):
        padding = padtype_to_pads(w.spread(x.shape), w.spans, strides, padding)
    pads = tuple(integers("reduce_window", "padding", p) for p in padding)
    if any(len(p) != 2 for p in pads):
        raise TypeError(f"reduce_window: padding needs (low, high) for each axis, got {pads}")
    w = replace(w, padding=pads)
    w.check("reduce_window", x)
    return w


def reduce_window_shape_tuple(operand_shape: Sequence[int], window_dimensions: Sequence[int],
                              window_strides: Sequence[int], padding: Sequence[tuple[int, int]],
                              base_dilation: Sequence[int] | None = None,
                              window_dilation: Sequence[int] | None = None) -> Shape:
    """Count the windows along each axis.

    operand_shape: a shape. padding: pairs. Others are those of `reduce_window` -> a tuple.
    >>> lax.reduce_window_shape_tuple((5,), (3,), (2,), [(1, 1)])
    (3,)
    """
    x = ShapedArray(operand_shape, np.float32)
    return _windows(x, window_dimensions, window_strides, padding, base_dilation,
                    window_dilation).out(x.shape)


__all__ = ["reduce_window", "reduce_window_max_p", "reduce_window_min_p", "reduce_window_sum_p",
           "reduce_window_shape_tuple", "select_and_gather_add_p", "select_and_scatter_add_p"]
