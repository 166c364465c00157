"""Writing to slices of an array at places known at run time: scatter and its combining forms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot.core.interpreter import typeof
from ingot.core.primitive import NOT_LINEAR, Primitive, is_linear
from ingot.errors import UndefinedRuleError
from ingot.kernel.rules import Lowering, Unsupported
from ingot.primitives.arithmetic import add, div, indicator, max_p, min_p, mul, neg
from ingot.primitives.compare import eq
from ingot.primitives.families import ANY, NUMBER
from ingot.primitives.gather import (
    GatherScatterMode as GatherScatterMode,
    ScatterDimensionNumbers as ScatterDimensionNumbers,
    gather_updates,
    operation,
    scatter_add as scatter_add,
    scatter_add_p as scatter_add_p,
    scatter_batch,
    scatter_eval,
    scatter_kernel,
    scatter_params,
    scatter_type,
)
from ingot.primitives.indexing_division import scatter_division, scatter_marks
from ingot.primitives.movement import full, full_like, reshape, zeros
from ingot.primitives.select import select
from ingot.primitives.shape import iota
from ingot.primitives.slicing import concatenate, slice_in_dim
from ingot.primitives.sort import sort
from ingot.util import size_of


def _linear_jvp(primitive: Callable[[], Primitive]) -> Callable[..., Any]:
    """The rule of a scatter that is linear in operand and updates together."""

    def rule(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
        return (primitive().bind(*primals, **params),
                primitive().bind(tangents[0], primals[1], tangents[2], **params))

    return rule


# ---- scatter -------------------------------------------------------------------------------------
def _write(view: np.ndarray, index: Any, updates: np.ndarray) -> None:
    view[index] = updates


def _counts(size: int) -> np.dtype:
    """A dtype that holds numbers up to the size."""
    return np.dtype(np.int32 if size < 2**31 - 1 else np.int64)


def _last(x: Any, indices: Any, updates: Any, params: dict[str, Any]) -> Any:
    """Which updates are not overwritten by later ones, nor dropped."""
    shape = typeof(updates).shape
    dtype = _counts(size_of(shape))
    numbers = reshape(add(iota(dtype, size_of(shape)), full((), 1, dtype)), shape)
    written = scatter_p.bind(full(x.shape, 0, dtype), indices, numbers, **params)
    return eq(gather_updates(written, indices, updates, params), numbers)


def _several(indices: Any, params: dict[str, Any]) -> bool:
    """Whether there is more than one index, so that the same place may be written twice."""
    shape, alone = typeof(indices).shape, params["dimension_numbers"].scatter_indices_batching_dims
    return size_of([n for a, n in enumerate(shape[:-1]) if a not in alone]) > 1


def _scatter_transpose(ct: Any, x: Any, indices: Any, updates: Any, **params: Any) -> list[Any]:
    ct_x = ct_updates = None
    if is_linear(x):
        ct_x = scatter_p.bind(ct, indices, zeros(typeof(updates)), **params)
    if is_linear(updates):
        ct_updates = gather_updates(ct, indices, updates, params)
        if not params["unique_indices"] and _several(indices, params):
            ct_updates = select(_last(ct, indices, updates, params), ct_updates,
                                full_like(ct_updates, 0))
    return [ct_x, None, ct_updates]


scatter_p = Primitive(
    "scatter", type=scatter_type("scatter", None), eval=scatter_eval(_write),
    jvp=_linear_jvp(lambda: scatter_p), transpose=_scatter_transpose,
    batch=scatter_batch(lambda: scatter_p), kernel=scatter_kernel(lambda build, old, new: new),
    in_place=True)
scatter_p.division, scatter_p.marks = scatter_division, scatter_marks


def scatter(operand: Any, scatter_indices: Any, updates: Any,
            dimension_numbers: ScatterDimensionNumbers, *, indices_are_sorted: bool = False,
            unique_indices: bool = False, mode: str | GatherScatterMode | None = None) -> Any:
    """Replace slices of an array by updates; of those with the same index, the last wins.

    operand, scatter_indices, updates (of any dtype), dimension_numbers, indices_are_sorted,
    unique_indices, mode, errors: those of `scatter_add` -> type of the operand.

    >>> d = lax.ScatterDimensionNumbers((), (0,), (0,))
    >>> lax.scatter(np.zeros(2), np.array([[1]]), np.ones(1), d)
    Array([0., 1.], dtype=float64)
    """
    return scatter_p.bind(operand, scatter_indices, updates, **scatter_params(
        dimension_numbers, indices_are_sorted, unique_indices, mode))


def scatter_apply(operand: Any, scatter_indices: Any, func: Callable[[Any], Any],
                  dimension_numbers: ScatterDimensionNumbers, *, update_shape: Sequence[int] = (),
                  indices_are_sorted: bool = False, unique_indices: bool = False,
                  mode: str | GatherScatterMode | None = None) -> Any:
    """Apply an elementwise function to slices of an array, once even if an index recurs.

    operand: any dtype. func: a function of an array that returns one of the same type.
    update_shape: the shape of all slices together. scatter_indices, dimension_numbers,
    indices_are_sorted, unique_indices, mode, errors: those of `scatter_add` -> type of the operand.

    >>> d = lax.ScatterDimensionNumbers((), (0,), (0,))
    >>> lax.scatter_apply(np.ones(2), np.array([[1]]), lax.neg, d, update_shape=(1,))
    Array([ 1., -1.], dtype=float64)
    """
    params = scatter_params(dimension_numbers, indices_are_sorted, unique_indices, mode)
    like = full(tuple(update_shape), 0, typeof(operand).dtype)
    scatter_p.rule("type")(typeof(operand), typeof(scatter_indices), typeof(like), **params)
    updates = func(gather_updates(operand, scatter_indices, like, params))
    return scatter_p.bind(operand, scatter_indices, updates, **params)


# ---- scatter_sub ---------------------------------------------------------------------------------
def _sub_transpose(ct: Any, x: Any, indices: Any, updates: Any, **params: Any) -> list[Any]:
    return [ct if is_linear(x) else None, None,
            neg(gather_updates(ct, indices, updates, params)) if is_linear(updates) else None]


scatter_sub_p = Primitive(
    "scatter-sub", type=scatter_type("scatter_sub", NUMBER), jvp=_linear_jvp(lambda: scatter_sub_p),
    eval=scatter_eval(np.subtract.at, -1), transpose=_sub_transpose,
    batch=scatter_batch(lambda: scatter_sub_p),
    kernel=scatter_kernel(operation("sub"), neutral=0.0, sums="sub"), in_place=True)
scatter_sub_p.division, scatter_sub_p.marks = scatter_division, scatter_marks


def scatter_sub(operand: Any, scatter_indices: Any, updates: Any,
                dimension_numbers: ScatterDimensionNumbers, *, indices_are_sorted: bool = False,
                unique_indices: bool = False, mode: str | GatherScatterMode | None = None) -> Any:
    """Subtract updates from slices of an array; those with the same index add up.

    operand, scatter_indices, updates, dimension_numbers, indices_are_sorted, unique_indices, mode,
    errors: those of `scatter_add` -> type of the operand.

    >>> d = lax.ScatterDimensionNumbers((), (0,), (0,))
    >>> lax.scatter_sub(np.zeros(2), np.array([[1], [1]]), np.ones(2), d)
    Array([ 0., -2.], dtype=float64)
    """
    return scatter_sub_p.bind(operand, scatter_indices, updates, **scatter_params(
        dimension_numbers, indices_are_sorted, unique_indices, mode))


# ---- scatter_mul ---------------------------------------------------------------------------------
def _need_unique(params: dict[str, Any]) -> None:
    if not params["unique_indices"]:
        raise UndefinedRuleError(
            "scatter_mul: derivatives with respect to the updates need unique_indices=True")


def _shift(x: Any, step: int, fill: Any) -> Any:
    """A vector moved to higher indices (lower ones if `step` is negative), filled up."""
    n, many = typeof(x).shape[0], abs(step)
    new = full((many,), fill, typeof(x).dtype)
    if step > 0:
        return concatenate([new, slice_in_dim(x, 0, n - many)], 0)
    return concatenate([slice_in_dim(x, many, n), new], 0)


def _before(values: Any, group: Any, sign: int) -> Any:
    """For each element of groups that stand together the product of those before it in its group
    (behind it for `sign` -1), in steps that double."""
    step, n = 1, typeof(values).shape[0]
    one = full_like(values, 1)

    def moved(x: Any, step: int) -> Any:
        same = eq(group, _shift(group, sign * step, -1))
        return select(same, _shift(x, sign * step, 1), one)

    product = moved(values, 1)
    while step < n:
        product = mul(product, moved(product, step))
        step *= 2
    return product


def _others(x: Any, indices: Any, updates: Any, params: dict[str, Any]) -> Any:
    """For each update the product of all others that go to the same element, by sorting."""
    shape, aval = typeof(x).shape, typeof(updates)
    numbers = reshape(iota(_counts(size_of(shape)), size_of(shape)), shape)
    places = gather_updates(add(numbers, full_like(numbers, 1)), indices, updates, params)
    group, values, order = sort([reshape(places, (aval.size,)), reshape(updates, (aval.size,)),
                                 iota(_counts(aval.size), aval.size)])
    product = mul(_before(values, group, 1), _before(values, group, -1))
    return reshape(sort([order, product])[1], aval.shape)


def _mul_tangent(t: Any, out: Any, x: Any, indices: Any, updates: Any, **params: Any) -> Any:
    factors = gather_updates(x, indices, updates, params)
    if not params["unique_indices"] and _several(indices, params):
        factors = mul(factors, _others(x, indices, updates, params))
    return scatter_add_p.bind(full_like(x, 0), indices, mul(factors, t), **params)


def _mul_transpose(ct: Any, x: Any, indices: Any, updates: Any, **params: Any) -> list[Any]:
    if is_linear(x):
        return [scatter_mul_p.bind(ct, indices, updates, **params), None, None]
    _need_unique(params)
    return [None, None, mul(gather_updates(x, indices, updates, params),
                            gather_updates(ct, indices, updates, params))]


scatter_mul_p = Primitive(
    "scatter-mul", type=scatter_type("scatter_mul", NUMBER), eval=scatter_eval(np.multiply.at),
    jvp=[lambda t, out, x, indices, updates, **params:
         scatter_mul_p.bind(t, indices, updates, **params), None, _mul_tangent],
    transpose=_mul_transpose, batch=scatter_batch(lambda: scatter_mul_p),
    kernel=scatter_kernel(operation("mul")), in_place=True)
scatter_mul_p.division = scatter_division


def scatter_mul(operand: Any, scatter_indices: Any, updates: Any,
                dimension_numbers: ScatterDimensionNumbers, *, indices_are_sorted: bool = False,
                unique_indices: bool = False, mode: str | GatherScatterMode | None = None) -> Any:
    """Multiply slices of an array by updates; those with the same index multiply up.

    operand, scatter_indices, updates, dimension_numbers, indices_are_sorted, unique_indices, mode,
    errors: those of `scatter_add` -> type of the operand. Derivatives with respect to the updates
    sort them by their places, unless `unique_indices` is set.

    >>> d = lax.ScatterDimensionNumbers((), (0,), (0,))
    >>> lax.scatter_mul(np.ones(2), np.array([[1], [1]]), np.array([2.0, 3.0]), d)
    Array([1., 6.], dtype=float64)
    """
    return scatter_mul_p.bind(operand, scatter_indices, updates, **scatter_params(
        dimension_numbers, indices_are_sorted, unique_indices, mode))


# ---- scatter_min, scatter_max --------------------------------------------------------------------
def _extremum_eval(primitive: Primitive, ufunc: np.ufunc) -> Callable[..., np.ndarray]:
    def combine(view: np.ndarray, index: Any, updates: np.ndarray) -> None:
        if view.dtype.kind != "c":
            ufunc.at(view, index, updates)
            return
        for place in np.ndindex(index[0].shape):  # complex numbers have an order of our own
            at = tuple(i[place] for i in index)
            view[at] = primitive.rule("eval")(view[at], updates[place])

    return scatter_eval(combine)


def _extremum_jvp(primitive: Callable[[], Primitive]) -> Callable[..., Any]:
    """Equal shares for all that attain the extremum, the operand included."""

    def rule(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
        (x, indices, updates), (t_x, _, t_updates) = primals, tangents
        out = primitive().bind(*primals, **params)
        zero = full_like(x, 0)
        kept = indicator(eq(x, out), x)
        chosen = indicator(eq(updates, gather_updates(out, indices, updates, params)), updates)
        count = add(kept, scatter_add_p.bind(zero, indices, chosen, **params))
        total = scatter_add_p.bind(mul(kept, t_x), indices, mul(chosen, t_updates), **params)
        return out, div(total, count)

    return rule


def _extremum_kernel(name: str, logical: str) -> Callable[..., Any]:
    def combine(build: Lowering, old: Any, new: Any) -> Any:
        return build.op(logical if old.dtype == np.bool_ else name, old, new)

    native = scatter_kernel(combine)

    def kernel(build: Lowering, x: Any, *args: Any, **params: Any) -> Any:
        if x.dtype.kind == "c":
            raise Unsupported("the order of complex numbers")
        return native(build, x, *args, **params)

    return kernel


scatter_min_p = Primitive(
    "scatter-min", type=scatter_type("scatter_min", ANY), eval=_extremum_eval(min_p, np.minimum),
    jvp=_extremum_jvp(lambda: scatter_min_p), transpose=NOT_LINEAR,
    batch=scatter_batch(lambda: scatter_min_p), kernel=_extremum_kernel("min", "and"),
    in_place=True)
scatter_min_p.division = scatter_division
scatter_max_p = Primitive(
    "scatter-max", type=scatter_type("scatter_max", ANY), eval=_extremum_eval(max_p, np.maximum),
    jvp=_extremum_jvp(lambda: scatter_max_p), transpose=NOT_LINEAR,
    batch=scatter_batch(lambda: scatter_max_p), kernel=_extremum_kernel("max", "or"), in_place=True)
scatter_max_p.division = scatter_division


def scatter_min(operand: Any, scatter_indices: Any, updates: Any,
                dimension_numbers: ScatterDimensionNumbers, *, indices_are_sorted: bool = False,
                unique_indices: bool = False, mode: str | GatherScatterMode | None = None) -> Any:
    """Replace slices of an array by the smaller of them and the updates.

    operand, scatter_indices, updates (booleans too), dimension_numbers, indices_are_sorted,
    unique_indices, mode, errors: those of `scatter_add` -> type of the operand. All elements that
    attain the minimum get equal shares of the derivative.

    >>> d = lax.ScatterDimensionNumbers((), (0,), (0,))
    >>> lax.scatter_min(np.ones(2), np.array([[1], [1]]), np.array([0.5, 3.0]), d)
    Array([1. , 0.5], dtype=float64)
    """
    return scatter_min_p.bind(operand, scatter_indices, updates, **scatter_params(
        dimension_numbers, indices_are_sorted, unique_indices, mode))


def scatter_max(operand: Any, scatter_indices: Any, updates: Any,
                dimension_numbers: ScatterDimensionNumbers, *, indices_are_sorted: bool = False,
                unique_indices: bool = False, mode: str | GatherScatterMode | None = None) -> Any:
    """Replace slices of an array by the larger of them and the updates.

    operand, scatter_indices, updates (booleans too), dimension_numbers, indices_are_sorted,
    unique_indices, mode, errors: those of `scatter_add` -> type of the operand. All elements that
    attain the maximum get equal shares of the derivative.

    >>> d = lax.ScatterDimensionNumbers((), (0,), (0,))
    >>> lax.scatter_max(np.ones(2), np.array([[1], [1]]), np.array([0.5, 3.0]), d)
    Array([1., 3.], dtype=float64)
    """
    return scatter_max_p.bind(operand, scatter_indices, updates, **scatter_params(
        dimension_numbers, indices_are_sorted, unique_indices, mode))


WRITES = (scatter_p, scatter_add_p, scatter_sub_p, scatter_mul_p, scatter_min_p, scatter_max_p)


__all__ = ["scatter", "scatter_apply", "scatter_max", "scatter_max_p", "scatter_min",
           "scatter_min_p", "scatter_mul", "scatter_mul_p", "scatter_p", "scatter_sub",
           "scatter_sub_p"]
