"""Reductions along axes: prod, max, min, and, or, xor, argmax, argmin; the general `reduce`."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.calls import called, function_place
from ingot.core.avals import ShapedArray, short
from ingot.core.division import dropping, reducing
from ingot.core.interpreter import typeof
from ingot.core.primitive import NOT_LINEAR, ZERO, Primitive
from ingot.core.specs import UnreducedKind
from ingot.core.tracebacks import within
from ingot.kernel.rules import arg_reduction, reduction
from ingot.primitives.arithmetic import add, div as divide, max, min, mul
from ingot.primitives.bits import bitwise_and, bitwise_or, bitwise_xor
from ingot.primitives.compare import eq
from ingot.primitives.convert import convert_element_type
from ingot.primitives.families import ANY, BOOLEAN, INTEGER, NUMBER, check_kind
from ingot.primitives.movement import (
    Shape,
    broadcast_in_dim,
    check_axes,
    full_like,
    move_axis,
    reduce_sum,
    reduced_axes,
    reduced_type,
    reshape,
    transpose,
)
from ingot.primitives.numerics import wide
from ingot.primitives.out_sharding import divided_reduction, says_nothing, takes_out_sharding
from ingot.primitives.shape import constant
from ingot.primitives.slicing import concatenate, slice_in_dim
from ingot.primitives.sums import longer
from ingot.tree import tree_flatten, tree_unflatten
from ingot.util import size_of


def _reducer(name: str, kinds: Any, *, eval: Callable[..., Any], jvp: Any, combine: str,
             init: Callable[[np.dtype], Any]) -> Primitive:
    """A reduction by an associative operation: the slots they share."""

    def type(x: ShapedArray, *, axes: Shape) -> ShapedArray:
        check_kind(name, kinds, x)
        return reduced_type(name, x, axes)

    def batch(args: Any, dims: Any, *, axes: Shape) -> Any:
        inner, out = reduced_axes(axes, dims[0])
        return primitive.bind(args[0], axes=inner), out

    primitive = Primitive(name, type=type, eval=eval, jvp=jvp, transpose=NOT_LINEAR, batch=batch,
                          kernel=reduction(combine, init))
    primitive.division = dropping("axes")
    return primitive


def _restore(out: Any, x: Any, axes: Shape) -> Any:
    """A reduced value, repeated along the reduced axes."""
    shape = typeof(x).shape
    return broadcast_in_dim(out, shape, [i for i in range(len(shape)) if i not in axes])


def lowest(dtype: np.dtype) -> Any:
    """The neutral element of the maximum."""
    if dtype.kind == "b":
        return False
    return dtypes.iinfo(dtype).min if dtypes.issubdtype(dtype, np.integer) else -_infinity(dtype)


def highest(dtype: np.dtype) -> Any:
    """The neutral element of the minimum."""
    if dtype.kind == "b":
        return True
    return dtypes.iinfo(dtype).max if dtypes.issubdtype(dtype, np.integer) else _infinity(dtype)


def _infinity(dtype: np.dtype) -> float:
    """Infinity, or the largest number of a dtype without it."""
    exists = dtype.kind == "c" or bool(np.isinf(np.array(np.inf).astype(dtype)))
    return np.inf if exists else float(dtypes.finfo(dtype).max)


# ---- reduce_max, reduce_min ----------------------------------------------------------------------
def _extreme_eval(ufunc: Any, init: Any) -> Callable[..., Any]:
    def eval(x: np.ndarray, *, axes: Shape) -> Any:
        if x.dtype.kind == "c" and x.size:
            return _complex_extreme(x, axes, ufunc is np.maximum)
        start = np.asarray(init(x.dtype)).astype(x.dtype)
        return ufunc.reduce(x, axis=axes, initial=start) if x.size else np.full(
            [n for i, n in enumerate(x.shape) if i not in axes], start, x.dtype)

    return eval


def _complex_extreme(x: np.ndarray, axes: Shape, largest: bool) -> np.ndarray:
    kept = [i for i in range(x.ndim) if i not in axes]
    rows = x.transpose([*kept, *axes]).reshape([*(x.shape[i] for i in kept), -1])
    order = np.lexsort((np.imag(rows), np.real(rows)), axis=-1)
    pick = order[..., -1:] if largest else order[..., :1]
    return np.take_along_axis(rows, pick, -1)[..., 0]


def _extreme_partial(t: Any, out: Any, x: Any, *, axes: Shape) -> Any:
    """The mean of the tangents of the elements that attain the extreme."""
    here = convert_element_type(eq(x, _restore(out, x, axes)), typeof(t).dtype)
    return divide(reduce_sum(mul(t, here), axes), reduce_sum(here, axes))


reduce_max_p = _reducer("reduce_max", ANY, eval=_extreme_eval(np.maximum, lowest), combine="max",
                        jvp=[_extreme_partial], init=lowest)
reduce_max_p.marks = reducing(UnreducedKind.max)
reduce_min_p = _reducer("reduce_min", ANY, eval=_extreme_eval(np.minimum, highest), combine="min",
                        jvp=[_extreme_partial], init=highest)
reduce_min_p.marks = reducing(UnreducedKind.min)


def reduce_max(operand: Any, axes: Shape, *, out_sharding: Any = None) -> Any:
    """Largest element along axes; NaN if there is one, the lowest value of the dtype if none.

    operand: any dtype [...]. out_sharding: how Explicit axes divide the result -> the axes removed.
    Equal elements share the derivative.

    >>> lax.reduce_max(np.array([1.0, 3.0, 2.0]), (0,))
    Array(3., dtype=float64)
    """
    axes = check_axes("reduce_max", axes, typeof(operand).ndim)
    if not says_nothing(out_sharding):
        return divided_reduction(reduce_max_p, UnreducedKind.max, out_sharding, operand, axes)
    return reduce_max_p.bind(operand, axes=axes)


def reduce_min(operand: Any, axes: Shape, *, out_sharding: Any = None) -> Any:
    """Smallest element along axes; NaN if there is one, the highest value of the dtype if none.

    operand: any dtype [...]. out_sharding: how Explicit axes divide the result -> the axes removed.
    Equal elements share the derivative.

    >>> lax.reduce_min(np.array([1.0, 3.0, 2.0]), (0,))
    Array(1., dtype=float64)
    """
    axes = check_axes("reduce_min", axes, typeof(operand).ndim)
    if not says_nothing(out_sharding):
        return divided_reduction(reduce_min_p, UnreducedKind.min, out_sharding, operand, axes)
    return reduce_min_p.bind(operand, axes=axes)


# ---- reduce_prod ---------------------------------------------------------------------------------
def _prod_eval(x: np.ndarray, *, axes: Shape) -> Any:
    factors = longer(x)
    return np.prod(factors, axis=axes, dtype=factors.dtype).astype(x.dtype)


def _prod_partial(t: Any, out: Any, x: Any, *, axes: Shape) -> Any:
    """Sum over elements of the tangent times the product of all others, right also at zeros."""
    kept = [i for i in range(typeof(x).ndim) if i not in axes]
    order = (*axes, *kept)
    shape = typeof(x).shape
    flat = (size_of([shape[a] for a in axes]), *(shape[i] for i in kept))
    dtype = typeof(x).dtype  # a product of some leaves the range of halves sooner
    rows, tangents = (reshape(transpose(convert_element_type(v, wide(dtype)), order), flat)
                      for v in (x, t))
    return convert_element_type(_prod_tangent(rows, tangents)[1], dtype)


def _prod_tangent(rows: Any, tangents: Any) -> tuple[Any, Any]:
    """Product over the first axis and its tangent."""
    if typeof(rows).shape[0] == 0:
        empty = ShapedArray(typeof(rows).shape[1:], typeof(rows).dtype)
        return full_like(empty, 1), full_like(empty, 0)
    product, tangent = _fold_pairs([rows, tangents], lambda a, b: [
        mul(a[0], b[0]), add(mul(a[1], b[0]), mul(a[0], b[1]))])
    return product, tangent


reduce_prod_p = _reducer("reduce_prod", NUMBER, eval=_prod_eval, jvp=[_prod_partial],
                         combine="mul", init=lambda dtype: 1)


def reduce_prod(operand: Any, axes: Shape) -> Any:
    """Product over axes, in the operand's own dtype.

    operand: number [...] -> the axes removed. Raises TypeError for booleans.

    >>> lax.reduce_prod(np.array([1.0, 3.0, 2.0]), (0,))
    Array(6., dtype=float64)
    """
    axes = check_axes("reduce_prod", axes, typeof(operand).ndim)
    return reduce_prod_p.bind(operand, axes=axes)


# ---- reduce_and, reduce_or, reduce_xor -----------------------------------------------------------
BITS = INTEGER + BOOLEAN
reduce_and_p = _reducer("reduce_and", BITS, jvp=ZERO, combine="and",
                        eval=lambda x, *, axes: np.bitwise_and.reduce(x, axis=axes),
                        init=lambda d: True if d.kind == "b" else np.array(-1).astype(d))
reduce_or_p = _reducer("reduce_or", BITS, jvp=ZERO, combine="or",
                       eval=lambda x, *, axes: np.bitwise_or.reduce(x, axis=axes),
                       init=lambda d: 0)
reduce_xor_p = _reducer("reduce_xor", BITS, jvp=ZERO, combine="xor",
                        eval=lambda x, *, axes: np.bitwise_xor.reduce(x, axis=axes),
                        init=lambda d: 0)


def reduce_and(operand: Any, axes: Shape) -> Any:
    """Bitwise (for booleans: logical) and over axes.

    operand: integer or boolean [...] -> the axes removed. Raises TypeError for floats.

    >>> lax.reduce_and(np.array([6, 3]), (0,))
    Array(2, dtype=int64)
    """
    return reduce_and_p.bind(operand, axes=check_axes("reduce_and", axes, typeof(operand).ndim))


def reduce_or(operand: Any, axes: Shape) -> Any:
    """Bitwise (for booleans: logical) or over axes.

    operand: integer or boolean [...] -> the axes removed. Raises TypeError for floats.

    >>> lax.reduce_or(np.array([6, 3]), (0,))
    Array(7, dtype=int64)
    """
    return reduce_or_p.bind(operand, axes=check_axes("reduce_or", axes, typeof(operand).ndim))


def reduce_xor(operand: Any, axes: Shape) -> Any:
    """Bitwise (for booleans: logical) exclusive or over axes.

    operand: integer or boolean [...] -> the axes removed. Raises TypeError for floats.

    >>> lax.reduce_xor(np.array([6, 3]), (0,))
    Array(5, dtype=int64)
    """
    return reduce_xor_p.bind(operand, axes=check_axes("reduce_xor", axes, typeof(operand).ndim))


# ---- argmax, argmin ------------------------------------------------------------------------------
def _arg_type(name: str) -> Callable[..., ShapedArray]:
    def type(x: ShapedArray, *, axes: Shape, index_dtype: Any) -> ShapedArray:
        check_kind(name, (np.floating, np.integer, np.bool_), x)
        if len(axes) != 1:
            raise TypeError(f"{name}: exactly one axis is reduced, got {tuple(axes)}")
        if not dtypes.issubdtype(index_dtype, np.integer):
            raise TypeError(f"{name}: index_dtype must be an integer,"
                            f" got {dtypes.short_name(index_dtype)}")
        out = reduced_type(name, x, axes)
        if x.shape[axes[0]] == 0:
            raise ValueError(f"{name}: axis {axes[0]} of {x} is empty; there is no {name[3:]}imum")
        return ShapedArray(out.shape, index_dtype)

    return type


def _arg_eval(find: Callable[..., Any]) -> Callable[..., Any]:
    def eval(x: np.ndarray, *, axes: Shape, index_dtype: Any) -> Any:
        if x.dtype.kind == "V" or (x.dtype.kind == "f" and x.dtype.itemsize < 4):
            x = x.astype(np.float32)
        return np.asarray(find(x, axis=axes[0])).astype(index_dtype)

    return eval


def _arg_batch(primitive: Callable[[], Primitive]) -> Callable[..., Any]:
    def batch(args: Any, dims: Any, *, axes: Shape, index_dtype: Any) -> Any:
        inner, out = reduced_axes(axes, dims[0])
        return primitive().bind(args[0], axes=inner, index_dtype=index_dtype), out

    return batch


argmax_p = Primitive(
    "argmax", type=_arg_type("argmax"), eval=_arg_eval(np.argmax), jvp=ZERO, transpose=NOT_LINEAR,
    batch=_arg_batch(lambda: argmax_p), kernel=arg_reduction("max"))
argmax_p.division = dropping("axes")
argmin_p = Primitive(
    "argmin", type=_arg_type("argmin"), eval=_arg_eval(np.argmin), jvp=ZERO, transpose=NOT_LINEAR,
    batch=_arg_batch(lambda: argmin_p), kernel=arg_reduction("min"))
argmin_p.division = dropping("axes")


def _arg(primitive: Primitive, operand: Any, axis: int, index_dtype: Any) -> Any:
    axes = check_axes(primitive.name, (axis,), typeof(operand).ndim)
    dtype = dtypes.as_user_dtype(index_dtype, primitive.name)
    return primitive.bind(operand, axes=axes, index_dtype=dtype)


def argmax(operand: Any, axis: int, index_dtype: Any) -> Any:
    """Index of the first largest element along an axis; that of the first NaN if there is one.

    operand: real [...] -> `index_dtype`, the axis removed. Raises ValueError if it is empty.

    >>> lax.argmax(np.array([1.0, 3.0, 2.0]), 0, int)
    Array(1, dtype=int64)
    """
    return _arg(argmax_p, operand, axis, index_dtype)


def argmin(operand: Any, axis: int, index_dtype: Any) -> Any:
    """Index of the first smallest element along an axis; that of the first NaN if there is one.

    operand: real [...] -> `index_dtype`, the axis removed. Raises ValueError if it is empty.

    >>> lax.argmin(np.array([1.0, 3.0, 2.0]), 0, int)
    Array(0, dtype=int64)
    """
    return _arg(argmin_p, operand, axis, index_dtype)


# ---- reduce --------------------------------------------------------------------------------------
_MONOIDS: dict[Any, Callable[..., Any]] = {
    add: reduce_sum, mul: reduce_prod, max: reduce_max, min: reduce_min, bitwise_and: reduce_and,
    bitwise_or: reduce_or, bitwise_xor: reduce_xor}


@takes_out_sharding
def reduce(operands: Any, init_values: Any, computation: Callable[..., Any], dimensions: Shape,
           out_sharding: Any = None) -> Any:
    """Reduce by an associative elementwise function of two arrays, starting from given values.

    operands: an array, or a pytree of arrays of one shape. init_values: the same with scalars of
    their dtypes. computation: a function of two such pytrees that returns one. dimensions: the
    axes. out_sharding: how Explicit axes divide the result -> operands with the axes removed.
    Elements stay in order but may be grouped in any way. Raises TypeError when types differ.

    >>> lax.reduce(np.array([1.0, 3.0, 2.0]), 0.0, lambda a, b: lax.max(a, b), (0,))
    Array(3., dtype=float64)
    """
    xs, tree = tree_flatten(operands)
    inits, init_tree = tree_flatten(init_values)
    avals = [typeof(x) for x in xs]
    if not xs or tree != init_tree or any(typeof(i).shape for i in inits) or any(
            a.shape != avals[0].shape for a in avals):
        raise TypeError("reduce: operands must have one shape and each a scalar initial value, got"
                        f" {short(avals)} and {short([typeof(i) for i in inits])}")
    if any(typeof(i).dtype != a.dtype and not typeof(i).weak_type
           for i, a in zip(inits, avals, strict=True)):
        raise TypeError("reduce: operands and initial values must have the same dtypes, got"
                        f" {short(avals)} and {short([typeof(i) for i in inits])}")
    axes = check_axes("reduce", dimensions, avals[0].ndim)
    inits = [constant(i, a.dtype, a.weak_type and typeof(i).weak_type)
             for i, a in zip(inits, avals, strict=True)]
    start = [broadcast_in_dim(i, _without(a.shape, axes), ())
             for i, a in zip(inits, avals, strict=True)]
    computation = within(computation)
    if xs[0] is operands and isinstance(computation, Hashable) and computation in _MONOIDS:
        return computation(start[0], _MONOIDS[computation](xs[0], axes))

    def call(a: list[Any], b: list[Any]) -> list[Any]:
        return combined("reduce", computation, tree, a, b)

    if any(avals[0].shape[a] == 0 for a in axes):
        return tree_unflatten(tree, start)
    for axis in sorted(axes, reverse=True):
        xs = _fold_pairs([move_axis(x, axis, 0) for x in xs], call)
    return tree_unflatten(tree, call(start, xs))


def combined(name: str, computation: Callable[..., Any], tree: Any, a: list[Any], b: list[Any]
             ) -> list[Any]:
    """Leaves of computation(accumulated, element), which must be of the types of its arguments."""
    out = called(name, computation, (tree_unflatten(tree, a), tree_unflatten(tree, b)),
                 given="(accumulated, element)")
    leaves = tree_flatten(out)[0]
    if len(leaves) != len(a) or any(typeof(x).shape != typeof(y).shape
                            for x, y in zip(leaves, a, strict=True)):
        raise TypeError(f"{name}: {function_place(computation)} must return what it combines,"
                        f" {short([typeof(x) for x in a])}, got"
                        f" {short([typeof(x) for x in leaves])}")
    return leaves


def _fold_pairs(xs: list[Any], call: Callable[[list[Any], list[Any]], list[Any]]) -> list[Any]:
    """Arrays combined along their first axis, neighbors in pairs, until one is left."""
    while (n := typeof(xs[0]).shape[0]) > 1:
        even = [slice_in_dim(x, 0, n - n % 2, 2) for x in xs]
        odd = [slice_in_dim(x, 1, n, 2) for x in xs]
        pairs = call(even, odd)
        xs = pairs if n % 2 == 0 else [concatenate([p, slice_in_dim(x, n - 1, n)], 0)
                                       for p, x in zip(pairs, xs, strict=True)]
    return [reshape(x, typeof(x).shape[1:]) for x in xs]


def _without(shape: Shape, axes: Shape) -> tuple[int, ...]:
    return tuple(n for i, n in enumerate(shape) if i not in axes)


__all__ = ["argmax", "argmax_p", "argmin", "argmin_p", "reduce", "reduce_and", "reduce_and_p",
           "reduce_max", "reduce_max_p", "reduce_min", "reduce_min_p", "reduce_or", "reduce_or_p",
           "reduce_prod", "reduce_prod_p", "reduce_xor", "reduce_xor_p"]
