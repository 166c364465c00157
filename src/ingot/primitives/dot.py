"""Contractions: dot_general with any batch, free and contracted axes, and its public forms."""

from __future__ import annotations

import enum
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.config import config
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import typeof
from ingot.core.primitive import Primitive, is_linear
from ingot.kernel.rules import (
    ArrayValue,
    Buffer,
    Index,
    LazyArray,
    Lowering,
    check_native_dtypes,
    index_of,
    indices,
    is_inexact,
    reduction,
)
from ingot.primitives.blas import BLAS_PREFIX, matrix_matrix, matrix_vector
from ingot.primitives.convert import convert_element_type_p
from ingot.primitives.dot_division import dot_division, dot_marks
from ingot.primitives.movement import transpose
from ingot.primitives.out_sharding import check_contracted, divided, own_parts
from ingot.primitives.sums import inner, product
from ingot.util import memoize, size_of

Axes = tuple[int, ...]
DimensionNumbers = tuple[tuple[Axes, Axes], tuple[Axes, Axes]]


# ---- precision -----------------------------------------------------------------------------------
class Precision(enum.Enum):
    """How exact contractions must be. A CPU computes in the operands' dtype, whatever is asked."""

    DEFAULT = 0
    HIGH = 1
    HIGHEST = 2

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"

    def __str__(self) -> str:
        return self.name


_PRECISIONS = {
    "default": Precision.DEFAULT, "bfloat16": Precision.DEFAULT, "fastest": Precision.DEFAULT,
    "high": Precision.HIGH, "tensorfloat32": Precision.HIGH, "bfloat16_3x": Precision.HIGH,
    "highest": Precision.HIGHEST, "float32": Precision.HIGHEST,
}  # fmt: skip


def canonicalize_precision(precision: Any) -> tuple[Precision, Precision] | None:
    """The precisions of both operands, or None; ValueError for what names no precision."""
    if precision is None:
        precision = config.default_matmul_precision
        if precision is None:
            return None
    pair = precision if isinstance(precision, (tuple, list)) else (precision, precision)
    found = [p if isinstance(p, Precision) or p is None else
             _PRECISIONS.get(p) if isinstance(p, str) else p for p in pair]
    if len(found) != 2 or not all(p is None or isinstance(p, Precision) for p in found) or (
            None in found and None not in pair):
        raise ValueError(
            f"precision: expected None, a Precision, one of {sorted(_PRECISIONS)}, or a pair of"
            f" these, got {precision!r}")
    left, right = (p or Precision.DEFAULT for p in found)
    return left, right


# ---- types ---------------------------------------------------------------------------------------
@memoize()
def _rank(dtype: Any) -> tuple[Any, ...]:
    """Orders dtypes as mixed operands do: complex, then range, then precision, then width."""
    part = dtypes.real_of(dtype)
    kind = dtypes.kind(part)
    limits = dtypes.finfo(part) if kind == "f" else None
    return (dtypes.kind(dtype) == "c", limits.maxexp if limits else -1,
            limits.nmant if limits else -1,
            1 if kind == "b" else dtypes.itemsize_bits(part), kind != "u")


@memoize()
def contraction_dtype(name: str, lhs: ShapedArray, rhs: ShapedArray, preferred: Any) -> Any:
    """The result dtype of a contraction; TypeError when the operands' dtypes do not mix."""
    for x in (lhs, rhs):
        if dtypes.kind(x.dtype) not in "biufc":
            raise TypeError(f"{name}: operands must be numbers or booleans, got {lhs} and {rhs}")
    left, right = _rank(lhs.dtype), _rank(rhs.dtype)
    if left == right and lhs.dtype != rhs.dtype:
        raise TypeError(f"{name}: dtypes must match, got {lhs} and {rhs}; convert one with"
                        " lax.convert_element_type")
    dtype = lhs.dtype if left >= right else rhs.dtype
    if preferred is None or preferred == dtype:
        return dtype
    if dtypes.kind(dtype) != "f" and _rank(preferred)[3] < _rank(dtype)[3]:
        raise TypeError(
            f"{name}: preferred_element_type must not be narrower than the operands' dtype, got"
            f" {dtypes.short_name(preferred)} for {dtypes.short_name(dtype)}; drop it, and convert"
            " the result")
    return preferred


@memoize()
def accumulator(lhs: Any, rhs: Any, out: Any) -> np.dtype[Any]:
    """The dtype to multiply and add in: for floats at least float32, for others the result's."""
    wide = lhs if _rank(lhs) >= _rank(rhs) else rhs
    if dtypes.kind(wide) == dtypes.kind(out) and dtypes.kind(wide) in "fc":
        wide = wide if _rank(wide) >= _rank(out) else out
    elif dtypes.kind(wide) in "biu":
        wide = out
    if dtypes.kind(wide) == "f" and wide not in (dtypes.float32, dtypes.float64):
        return dtypes.float32
    if dtypes.kind(wide) in "iu" and wide not in _NUMPY_INTS:
        return dtypes.int32
    return wide


_NUMPY_INTS = frozenset(np.dtype(f"{u}int{n}") for u in ("u", "") for n in (8, 16, 32, 64))


# ---- dot_general ---------------------------------------------------------------------------------
def _free(ndim: int, contract: Axes, batch: Axes) -> Axes:
    return tuple(i for i in range(ndim) if i not in contract and i not in batch)


def _check_axes(x: ShapedArray, side: str, contract: Axes, batch: Axes) -> None:
    if any(not 0 <= a < x.ndim for a in (*contract, *batch)):
        raise TypeError(f"dot_general: {side} axes must be nonnegative and below its rank, got"
                        f" contracting {contract} and batch {batch} for {x}")
    if len({*contract, *batch}) != len(contract) + len(batch):
        raise TypeError(f"dot_general: {side} axes must be distinct, got contracting {contract}"
                        f" and batch {batch} for {x}")


def _dot_type(x: ShapedArray, y: ShapedArray, *, dimension_numbers: DimensionNumbers,
              precision: Any, preferred_element_type: Any) -> ShapedArray:
    (x_contract, y_contract), (x_batch, y_batch) = dimension_numbers
    _check_axes(x, "lhs", x_contract, x_batch)
    _check_axes(y, "rhs", y_contract, y_batch)
    for what, x_axes, y_axes in (("batch", x_batch, y_batch),
                                 ("contracting", x_contract, y_contract)):
        x_sizes, y_sizes = [x.shape[a] for a in x_axes], [y.shape[a] for a in y_axes]
        if x_sizes != y_sizes:
            raise TypeError(
                f"dot_general: {what} axes must have the same sizes, got lhs {x} axes {x_axes} of"
                f" sizes {x_sizes} and rhs {y} axes {y_axes} of sizes {y_sizes}; transpose one"
                " operand or name other axes")
    shape = [x.shape[a] for a in (*x_batch, *_free(x.ndim, x_contract, x_batch))]
    shape += [y.shape[a] for a in _free(y.ndim, y_contract, y_batch)]
    dtype = contraction_dtype("dot_general", x, y, preferred_element_type)
    return ShapedArray(shape, dtype, x.weak_type and y.weak_type)


@memoize()
def _dot_forms(x: tuple[int, ...], y: tuple[int, ...], dimension_numbers: DimensionNumbers) -> Any:
    """What makes stacks of matrices of the operands (axes in order, shape; None for what is so),
    and the shape of the result."""
    (x_contract, y_contract), (x_batch, y_batch) = dimension_numbers
    x_free = _free(len(x), x_contract, x_batch)
    y_free = _free(len(y), y_contract, y_batch)
    batch, rows, columns = ([x[a] for a in x_batch], [x[a] for a in x_free],
                            [y[a] for a in y_free])
    terms = size_of([x[a] for a in x_contract])
    left = (*x_batch, *x_free, *x_contract), (*batch, size_of(rows), terms)
    right = (*y_batch, *y_contract, *y_free), (*batch, terms, size_of(columns))
    forms = [(None if axes == tuple(range(len(axes))) else axes,
              None if new == tuple(old[a] for a in axes) else new)
             for (axes, new), old in ((left, x), (right, y))]
    return *forms, (*batch, *rows, *columns)


def _formed(x: np.ndarray, axes: Axes | None, shape: Axes | None) -> np.ndarray:
    x = x if axes is None else x.transpose(axes)
    return x if shape is None else x.reshape(shape)


@memoize()
def _dot_dtypes(x: Any, y: Any, preferred: Any) -> tuple[Any, Any]:
    """The dtypes of the result and of the sums."""
    out = contraction_dtype("dot_general", ShapedArray((), x), ShapedArray((), y), preferred)
    return out, accumulator(x, y, out)


def _dot_eval(x: np.ndarray, y: np.ndarray, *, dimension_numbers: DimensionNumbers,
              precision: Any, preferred_element_type: Any) -> np.ndarray:
    out, dtype = _dot_dtypes(x.dtype, y.dtype, preferred_element_type)
    if not x.dtype == y.dtype == dtype:
        x, y = x.astype(dtype, copy=False), y.astype(dtype, copy=False)
    if x.ndim == y.ndim == 1 and dimension_numbers[0][0]:
        total = inner(x, y)
    else:
        left, right, shape = _dot_forms(x.shape, y.shape, dimension_numbers)
        total = product(_formed(x, *left), _formed(y, *right)).reshape(shape)
    return total if out is dtype else total.astype(out, copy=False)


def _dot_transpose(ct: Any, x: Any, y: Any, *, dimension_numbers: DimensionNumbers, precision: Any,
                   preferred_element_type: Any) -> list[Any]:
    (x_contract, y_contract), (x_batch, y_batch) = dimension_numbers
    kwargs = {"precision": precision, "preferred_element_type": preferred_element_type}
    rank_x, rank_y = typeof_or(x).ndim, typeof_or(y).ndim
    x_free, y_free = _free(rank_x, x_contract, x_batch), _free(rank_y, y_contract, y_batch)
    first = len(x_batch)
    batch = tuple(range(first))
    rows = tuple(range(first, first + len(x_free)))
    columns = tuple(range(first + len(x_free), first + len(x_free) + len(y_free)))
    if is_linear(x):
        return [_cotangent(ct, y, ((columns, y_free), (batch, y_batch)), kwargs, x,
                           (*x_batch, *x_free), x_contract, y_contract), None]
    return [None, _cotangent(ct, x, ((rows, x_free), (batch, x_batch)), kwargs, y,
                             (*y_batch, *y_free), y_contract, x_contract)]


def typeof_or(x: Any) -> ShapedArray:
    """The type of an argument of a transpose rule, linear or not."""
    return x.aval if is_linear(x) else typeof(x)


def _cotangent(ct: Any, other: Any, dimensions: DimensionNumbers, kwargs: dict[str, Any],
               linear: Any, leading: Axes, contract: Axes, other_contract: Axes) -> Any:
    out = dot_general(ct, other, dimensions, **kwargs)
    # The axes contracted with `other` come last, in the order in which they stand in it.
    order = sorted(range(len(contract)), key=lambda i: other_contract[i])
    places = (*leading, *(contract[i] for i in order))
    out = transpose(out, tuple(places.index(a) for a in range(len(places))))
    if typeof(out).dtype == linear.dtype:
        return out
    return convert_element_type_p.bind(out, new_dtype=linear.dtype, weak_type=False, sharding=None)


def _dot_batch(args: Any, dims: Any, *, dimension_numbers: DimensionNumbers, **params: Any) -> Any:
    (x, y), (x_dim, y_dim) = args, dims
    (x_contract, y_contract), (x_batch, y_batch) = dimension_numbers
    if x_dim is not None:
        x_contract, x_batch = _make_room(x_contract, x_dim), _make_room(x_batch, x_dim)
    if y_dim is not None:
        y_contract, y_batch = _make_room(y_contract, y_dim), _make_room(y_batch, y_dim)
    if x_dim is not None and y_dim is not None:
        x_batch, y_batch = (x_dim, *x_batch), (y_dim, *y_batch)
        out_dim = 0
    elif x_dim is not None:
        out_dim = len(x_batch) + _free(typeof(x).ndim, x_contract, x_batch).index(x_dim)
    else:
        x_rows = typeof(x).ndim - len(x_contract)
        out_dim = x_rows + _free(typeof(y).ndim, y_contract, y_batch).index(y_dim)
    dimensions = ((x_contract, y_contract), (x_batch, y_batch))
    return dot_general_p.bind(x, y, dimension_numbers=dimensions, **params), out_dim


def _make_room(axes: Axes, dim: int) -> Axes:
    return tuple(a + (a >= dim) for a in axes)


def _dot_kernel(build: Lowering, x: ArrayValue, y: ArrayValue, *, out: Any,
                dimension_numbers: DimensionNumbers, **params: Any) -> ArrayValue:
    (x_contract, y_contract), (x_batch, y_batch) = dimension_numbers
    check_native_dtypes(x.dtype, y.dtype, out.dtype)
    dtype = accumulator(x.dtype, y.dtype, out.dtype)
    check_native_dtypes(dtype)
    terms = [x.shape[a] for a in x_contract]
    rows = size_of([x.shape[a] for a in _free(x.ndim, x_contract, x_batch)])
    columns = size_of([y.shape[a] for a in _free(y.ndim, y_contract, y_batch)])
    work, limits = rows * columns * size_of(terms), build.schedule
    same = x.dtype == y.dtype == out.dtype
    if same and 1 in (rows, columns) and any(
            isinstance(v, LazyArray) and v.expanded for v in (x, y)):
        return _summed(build, x, y, out, dimension_numbers, dtype)
    if is_inexact(dtype) and size_of(terms) > limits.max_scalars and (
            1 in (rows, columns) or not same or work < limits.blas_work):
        x, y = (build.materialize(v) if v.cost > limits.inline_max_cost else v for v in (x, y))
        return _summed(build, x, y, out, dimension_numbers, dtype)
    if same and x.dtype in BLAS_PREFIX and size_of(terms) > 1 and work >= limits.blas_work:
        return _blas(build, x, y, out, dimension_numbers)
    return _fold(build, x, y, out, dimension_numbers, dtype)


def _summed(build: Lowering, x: ArrayValue, y: ArrayValue, out: Any,
            dimension_numbers: DimensionNumbers, dtype: np.dtype[Any]) -> ArrayValue:
    """A sum along the last axes: for products of vectors, long ones that BLAS does not know, and
    those of matrices and vectors of which one is not stored."""
    (x_contract, y_contract), (x_batch, y_batch) = dimension_numbers
    x_free, y_free = _free(x.ndim, x_contract, x_batch), _free(y.ndim, y_contract, y_batch)
    terms = tuple(x.shape[a] for a in x_contract)
    batch, rows = len(x_batch), len(x_batch) + len(x_free)

    def at(build: Lowering, index: Sequence[Index]) -> Any:
        inner = index[len(out.shape) :]
        factors = (build.converted(v.at(build, index_of(
                       v.ndim, (axes, (*index[:batch], *free, *inner)))), dtype)
                   for v, axes, free in (
                       (x, (*x_batch, *x_free, *x_contract), index[batch:rows]),
                       (y, (*y_batch, *y_free, *y_contract), index[rows : len(out.shape)])))
        return build.op("mul", *factors)

    inner = tuple(range(len(out.shape), len(out.shape) + len(terms)))
    order = tuple(range(len(out.shape))) + inner
    if _rows_stay(x, x_contract) or _rows_stay(y, y_contract):  # added up as whole rows
        order = (*range(batch), *inner, *range(batch, len(out.shape)))
    products = LazyArray([(*out.shape, *terms)[a] for a in order], dtype, lambda build, index: at(
        build, index_of(len(order), (order, index))), [x, y], 1)
    axes = tuple(order.index(a) for a in inner)
    total = reduction("add", lambda dtype: 0)(build, products, out=out, axes=axes)
    return total if dtype == out.dtype else LazyArray(
        out.shape, out.dtype, lambda b, i: b.converted(total.at(b, i), out.dtype), [total], 1)


def _rows_stay(x: ArrayValue, contract: Axes) -> bool:
    """Whether the axis of a matrix that lies closest in memory is not contracted."""
    steps = x.strides if isinstance(x, Buffer) else range(x.ndim, 0, -1)
    axes = [(abs(step), -a)
            for a, (step, n) in enumerate(zip(steps, x.shape, strict=True)) if n > 1]
    return len(axes) > 1 and -min(axes)[1] not in contract


def _fold(build: Lowering, x: ArrayValue, y: ArrayValue, out: Any,
          dimension_numbers: DimensionNumbers, dtype: np.dtype[Any]) -> LazyArray:
    """Each element of the result as a sum of products, inlined where it is used."""
    (x_contract, y_contract), (x_batch, y_batch) = dimension_numbers
    x_free, y_free = _free(x.ndim, x_contract, x_batch), _free(y.ndim, y_contract, y_batch)
    x, y = (build.materialize(v) if v.cost else v for v in (x, y))
    terms = [x.shape[a] for a in x_contract]
    times, plus = ("and", "or") if dtype == dtypes.bool_ else ("mul", "add")

    def at(build: Lowering, index: Sequence[Index]) -> Any:
        batch, rest = index[: len(x_batch)], index[len(x_batch) :]
        rows, columns = rest[: len(x_free)], rest[len(x_free) :]

        def element(v: ArrayValue, axes: Axes, places: Sequence[Index]) -> Any:
            full: list[Index] = [0] * v.ndim
            for a, i in zip(axes, places, strict=True):
                full[a] = i
            return build.converted(v.at(build, full), dtype)

        def combine(carry: Any, inner: Sequence[Index]) -> Any:
            left = element(x, (*x_batch, *x_free, *x_contract), (*batch, *rows, *inner))
            right = element(y, (*y_batch, *y_free, *y_contract), (*batch, *columns, *inner))
            product = build.op(times, left, right)
            return product if carry is None else build.op(plus, carry, product)

        if 0 < size_of(terms) <= build.schedule.max_scalars:  # the first product starts the sum
            places = list(indices(terms))
            total = None
            for first in range(0, len(places), VECTOR):
                part = functools.reduce(combine, places[first : first + VECTOR], None)
                total = part if total is None else build.op(plus, total, part)
        else:
            total = build.fold(terms, build.const(0, dtype), combine)
        return build.converted(total, out.dtype)

    return LazyArray(out.shape, out.dtype, at, [x, y], 2 * size_of(terms))


VECTOR = 16
"""Products that are added in order where a sum is written out."""

MANY = 4
"""Products in a batch up to which each may be cut into blocks; of more, threads take whole ones."""


def _blas(build: Lowering, x: ArrayValue, y: ArrayValue, out: Any,
          dimension_numbers: DimensionNumbers) -> Buffer:
    """Row-major C = A B as column-major C' = B' A', one call for each batch index."""
    (x_contract, y_contract), (x_batch, y_batch) = dimension_numbers
    x_free, y_free = _free(x.ndim, x_contract, x_batch), _free(y.ndim, y_contract, y_batch)
    order = sorted(range(len(x_contract)), key=lambda i: x_contract[i])
    x_contract = tuple(x_contract[i] for i in order)
    y_contract = tuple(y_contract[i] for i in order)
    batches = size_of([x.shape[a] for a in x_batch])
    m, k = size_of([x.shape[a] for a in x_free]), size_of([x.shape[a] for a in x_contract])
    n = size_of([y.shape[a] for a in y_free])
    left, x_flipped = _matrix(build, x, x_batch, x_free, x_contract)
    right, y_flipped = _matrix(build, y, y_batch, y_contract, y_free)
    target = build.allocate(out.shape, out.dtype)
    with build.loop(batches, independent=True) as b:
        a = ("pointer", left.memory, build.index_add(left.offset, build.index_mul(b, m * k)))
        c = ("pointer", right.memory, build.index_add(right.offset, build.index_mul(b, k * n)))
        result = ("pointer", target.memory,
                  build.index_add(target.offset, build.index_mul(b, m * n)))
        if n == 1:
            matrix_vector(build, a, c, result, m, k, x_flipped, out.dtype, batches <= MANY)
        elif m == 1:
            matrix_vector(build, c, a, result, n, k, not y_flipped, out.dtype, batches <= MANY)
        else:
            lead_x, lead_y = (m if x_flipped else k), (k if y_flipped else n)
            matrix_matrix(build, (c, lead_y, y_flipped), (a, lead_x, x_flipped), (result, n),
                          (n, m, k), out.dtype, blocks=batches <= MANY)
    return target


def _matrix(build: Lowering, x: ArrayValue, batch: Axes, first: Axes, second: Axes
            ) -> tuple[Buffer, bool]:
    """Memory that holds [batch, first, second] row-major, or [batch, second, first] (flipped)."""
    identity = tuple(range(x.ndim))
    if (*batch, *second, *first) == identity and (*batch, *first, *second) != identity:
        return build.contiguous(x), True
    permutation = (*batch, *first, *second)
    if permutation != identity:
        shape = [x.shape[a] for a in permutation]
        source = build.materialize(x) if x.cost else x

        def at(build: Lowering, index: Sequence[Index]) -> Any:
            full: list[Index] = [0] * len(permutation)
            for a, i in zip(permutation, index, strict=True):
                full[a] = i
            return source.at(build, full)

        x = LazyArray(shape, x.dtype, at, [source])
    return build.contiguous(x), False


def _dot_partial(position: int) -> Any:
    def partial(t: Any, out: Any, x: Any, y: Any, **params: Any) -> Any:
        return dot_general_p.bind(*((t, y) if position == 0 else (x, t)), **params)

    return partial


dot_general_p = Primitive(
    "dot_general", type=_dot_type, eval=_dot_eval, jvp=[_dot_partial(0), _dot_partial(1)],
    transpose=_dot_transpose, batch=_dot_batch, kernel=_dot_kernel)
dot_general_p.division, dot_general_p.marks = dot_division, dot_marks


def _axes(axes: Any) -> Axes:
    return tuple(int(a) for a in axes) if isinstance(axes, (Sequence, np.ndarray)) else (int(axes),)


def dot_general(lhs: Any, rhs: Any, dimension_numbers: Any, precision: Any = None,
                preferred_element_type: Any = None, *, out_sharding: Any = None) -> Any:
    """Sum products over contracted axes, once for each index of the batch axes.

    dimension_numbers: ((lhs contracting, rhs contracting), (lhs batch, rhs batch)); precision:
    without effect; out_sharding: how Explicit axes divide the result -> array [batch, lhs free, rhs
    free] of `preferred_element_type` or the operands' dtype. Floats below 32 bits are summed in
    float32. Raises TypeError when axes or dtypes do not fit.

    >>> lax.dot_general(np.ones((2, 3)), np.ones((2, 3)), (((1,), (1,)), ((0,), (0,))))
    Array([3., 3.], dtype=float64)
    """
    preferred = None if preferred_element_type is None else dtypes.as_user_dtype(
        preferred_element_type, "dot_general")
    contracted, batch = (tuple(map(_axes, pair)) for pair in dimension_numbers)
    check_contracted("dot_general", out_sharding, (lhs, contracted[0]), (rhs, contracted[1]))
    return divided("dot_general", dot_general_p.bind, out_sharding,
                   *own_parts([lhs, rhs], out_sharding), dimension_numbers=(contracted, batch),
                   preferred_element_type=preferred, precision=canonicalize_precision(precision))


def dot(lhs: Any, rhs: Any, *, dimension_numbers: Any = None, precision: Any = None,
        preferred_element_type: Any = None, out_sharding: Any = None) -> Any:
    """Product of matrices or vectors; with `dimension_numbers`, the same as `dot_general`.

    lhs: [(m,) k], rhs: [k (, n)]; precision: without effect; preferred_element_type: the dtype of
    the result; out_sharding: how Explicit axes divide the result -> [(m,) (n)]. Raises ValueError
    for other ranks or sizes.

    >>> lax.dot(np.array([1., 2.]), np.array([3., 4.]))
    Array(11., dtype=float64)
    """
    if dimension_numbers is None:
        x, y = typeof(lhs), typeof(rhs)
        if not (1 <= x.ndim <= 2 and 1 <= y.ndim <= 2 and x.shape[-1] == y.shape[0]):
            raise ValueError(f"dot: expected [(m,) k] and [k (, n)], got {x} and {y}; give"
                             " dimension_numbers for other products")
        dimension_numbers = (((x.ndim - 1,), (0,)), ((), ()))
    return dot_general(lhs, rhs, dimension_numbers, precision, preferred_element_type,
                       out_sharding=out_sharding)


def batch_matmul(lhs: Any, rhs: Any, precision: Any = None) -> Any:
    """Products of stacks of matrices.

    lhs: [..., m, k], rhs: [..., k, n] with equal leading axes; precision: without effect, all
    digits of the dtype count -> [..., m, n]. Raises ValueError for other ranks.

    >>> lax.batch_matmul(np.ones((2, 1, 3)), np.ones((2, 3, 1))).shape
    (2, 1, 1)
    """
    x, y = typeof(lhs), typeof(rhs)
    if min(x.ndim, y.ndim) < 2 or x.ndim != y.ndim:
        raise ValueError(f"batch_matmul: arguments must have one rank of at least 2, got {x} and"
                         f" {y}")
    batch = tuple(range(x.ndim - 2))
    return dot_general(lhs, rhs, (((x.ndim - 1,), (x.ndim - 2,)), (batch, batch)), precision)


__all__ = ["Precision", "batch_matmul", "dot", "dot_general", "dot_general_p"]
