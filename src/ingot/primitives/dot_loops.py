"""Contractions as native code: sums, written out or as loops, and products of matrices by BLAS."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.avals import ShapedArray
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
from ingot.kernel.schedule import SCHEDULE
from ingot.primitives.blas import BLAS_PREFIX, matrix_matrix, matrix_vector
from ingot.primitives.dot_types import Axes, DimensionNumbers, accumulator, free_axes
from ingot.util import size_of


def dot_kernel(build: Lowering, x: ArrayValue, y: ArrayValue, *, out: Any,
               dimension_numbers: DimensionNumbers, **params: Any) -> ArrayValue:
    """The kernel rule of dot_general."""
    check_native_dtypes(x.dtype, y.dtype, out.dtype)
    dtype = accumulator(x.dtype, y.dtype, out.dtype)
    check_native_dtypes(dtype)
    _, rows, columns, terms = sizes(x.shape, y.shape, dimension_numbers)
    limits, same = build.schedule, x.dtype == y.dtype == out.dtype
    if same and 1 in (rows, columns) and any(
            isinstance(v, LazyArray) and v.expanded for v in (x, y)):
        return _summed(build, x, y, out, dimension_numbers, dtype)
    if is_inexact(dtype) and terms > limits.max_scalars and (
            1 in (rows, columns) or not same or rows * columns * terms < limits.blas_work):
        x, y = (build.materialize(v) if v.cost > limits.inline_max_cost else v for v in (x, y))
        return _summed(build, x, y, out, dimension_numbers, dtype)
    if _is_for_blas(x, y, out, rows * columns, terms):
        target = build.allocate(out.shape, out.dtype)
        _blas(build, x, y, target, dimension_numbers, accumulate=False)
        return target
    return _fold(build, x, y, out, dimension_numbers, dtype)


def sizes(x: Sequence[int], y: Sequence[int], dimension_numbers: DimensionNumbers
          ) -> tuple[int, int, int, int]:
    """How many matrices operands of these shapes are, and the rows, columns and terms of each
    product."""
    (x_contract, y_contract), (x_batch, y_batch) = dimension_numbers
    return (size_of([x[a] for a in x_batch]),
            size_of([x[a] for a in free_axes(len(x), x_contract, x_batch)]),
            size_of([y[a] for a in free_axes(len(y), y_contract, y_batch)]),
            size_of([x[a] for a in x_contract]))


def _is_for_blas(x: Any, y: Any, out: Any, elements: int, terms: int) -> bool:
    return (x.dtype == y.dtype == out.dtype and x.dtype in BLAS_PREFIX and terms > 1
            and elements * terms >= SCHEDULE.blas_work)


def adds_in_place(x: ShapedArray, y: ShapedArray, out: ShapedArray,
                  dimension_numbers: DimensionNumbers) -> bool:
    """Whether BLAS computes a contraction as a product of matrices, which it can add to an array.
    """
    _, rows, columns, terms = sizes(x.shape, y.shape, dimension_numbers)
    return 1 not in (rows, columns) and _is_for_blas(x, y, out, rows * columns, terms)


def add_dot_kernel(build: Lowering, total: ArrayValue, x: ArrayValue, y: ArrayValue, *, out: Any,
                   dimension_numbers: DimensionNumbers, **params: Any) -> ArrayValue:
    """The kernel rule of `add_dot`, where `adds_in_place`."""
    target, x, y = build.copy_of(total, x, y)
    _blas(build, x, y, target, dimension_numbers, accumulate=True)
    return target


def _summed(build: Lowering, x: ArrayValue, y: ArrayValue, out: Any,
            dimension_numbers: DimensionNumbers, dtype: np.dtype[Any]) -> ArrayValue:
    """A sum along the last axes: for products of vectors, long ones that BLAS does not know, and
    those of matrices and vectors of which one is not stored."""
    (x_contract, y_contract), (x_batch, y_batch) = dimension_numbers
    x_free, y_free = free_axes(x.ndim, x_contract, x_batch), free_axes(y.ndim, y_contract, y_batch)
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
    x_free, y_free = free_axes(x.ndim, x_contract, x_batch), free_axes(y.ndim, y_contract, y_batch)
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


def _blas(build: Lowering, x: ArrayValue, y: ArrayValue, target: Buffer,
          dimension_numbers: DimensionNumbers, accumulate: bool) -> None:
    """Row-major C = A B as column-major C' = B' A', one call for each batch index."""
    (x_contract, y_contract), (x_batch, y_batch) = dimension_numbers
    x_free, y_free = free_axes(x.ndim, x_contract, x_batch), free_axes(y.ndim, y_contract, y_batch)
    order = sorted(range(len(x_contract)), key=lambda i: x_contract[i])
    x_contract = tuple(x_contract[i] for i in order)
    y_contract = tuple(y_contract[i] for i in order)
    batches, m, n, k = sizes(x.shape, y.shape, dimension_numbers)
    vector = 1 in (m, n)
    left = _matrix(build, x, x_batch, x_free, x_contract, strided=not vector)
    right = _matrix(build, y, y_batch, y_contract, y_free, strided=not vector)
    with build.loop(batches, independent=True) as b:
        a, c = left.pointer(build, b), right.pointer(build, b)
        result = ("pointer", target.memory,
                  build.index_add(target.offset, build.index_mul(b, m * n)))
        if n == 1:
            matrix_vector(build, a, c, result, m, k, left.flipped, target.dtype, batches <= MANY)
        elif m == 1:
            matrix_vector(build, c, a, result, n, k, not right.flipped, target.dtype,
                          batches <= MANY)
        else:
            matrix_matrix(build, (c, right.lead, right.flipped), (a, left.lead, left.flipped),
                          (result, n), (n, m, k), target.dtype, batches <= MANY, accumulate)


@dataclass
class _Matrices:
    """Matrices in memory: their rows lie `lead` elements apart, or their columns if `flipped`."""

    memory: Buffer
    batch: Axes
    lead: int
    flipped: bool

    def pointer(self, build: Lowering, b: Index) -> Any:
        """Where matrix b begins."""
        place = self.memory.offset
        for k, a in reversed([*enumerate(self.batch)]):
            inner, n = b, self.memory.shape[a]
            if k:
                inner, b = build.index_rem(b, n), build.index_div(b, n)
            place = build.index_add(place, build.index_mul(inner, self.memory.strides[a]))
        return "pointer", self.memory.memory, place


def _matrix(build: Lowering, x: ArrayValue, batch: Axes, first: Axes, second: Axes, strided: bool
            ) -> _Matrices:
    """Matrices [first, second] as they lie in memory, or copied if BLAS cannot read them there;
    `strided`: whether there may be something between their rows."""
    found = _as_it_lies(x, batch, first, second, strided) if isinstance(x, Buffer) else None
    if found is not None:
        return found
    identity = tuple(range(x.ndim))
    flipped = (*batch, *second, *first) == identity and (*batch, *first, *second) != identity
    permutation = identity if flipped else (*batch, *first, *second)
    if permutation != identity:
        shape = [x.shape[a] for a in permutation]
        source = build.materialize(x) if x.cost else x

        def at(build: Lowering, index: Sequence[Index]) -> Any:
            full: list[Index] = [0] * len(permutation)
            for a, i in zip(permutation, index, strict=True):
                full[a] = i
            return source.at(build, full)

        x = LazyArray(shape, x.dtype, at, [source])
    copy = build.contiguous(x)
    rest = copy.shape[len(batch) :]
    lead = size_of(rest[len(second if flipped else first) :])
    return _Matrices(copy, identity[: len(batch)], lead, flipped)


def _as_it_lies(x: Buffer, batch: Axes, first: Axes, second: Axes, strided: bool
                ) -> _Matrices | None:
    rows, columns = _step(x, first), _step(x, second)
    m, n = (size_of([x.shape[a] for a in axes]) for axes in (first, second))
    for flipped, lead, step, length in ((False, rows, columns, n), (True, columns, rows, m)):
        if step == 1 and (lead == length or (strided and lead > length)):
            return _Matrices(x, batch, lead, flipped)
    return None


def _step(x: Buffer, axes: Axes) -> int:
    """How far apart neighbors along several axes lie, taken as one; 0 if that differs."""
    long = [a for a in axes if x.shape[a] > 1]
    for outer, inner in itertools.pairwise(long):
        if x.strides[outer] != x.shape[inner] * x.strides[inner]:
            return 0
    return x.strides[long[-1]] if long else 1
