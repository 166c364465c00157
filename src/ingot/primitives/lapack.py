"""Factorizations and triangular systems by LAPACK and BLAS, as native code calls them.

A matrix in rows is its transpose in columns, which is how these routines see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.kernel.rules import ArrayValue, Buffer, Index, LazyArray, Lowering, check_native_dtypes
from ingot.primitives.blas import BLAS_PREFIX, call
from ingot.util import size_of

INT32 = np.dtype(np.int32)


def callable_for(x: ArrayValue) -> bool:
    """Whether there are matrices, in a dtype of these routines."""
    return x.dtype in BLAS_PREFIX and x.size > 0


def _pointer(build: Lowering, x: Buffer, matrix: Index) -> Any:
    """The place of one matrix (or row) of a contiguous stack, which holds all from its start on."""
    return "pointer", x.memory, build.index_add(x.offset,
                                                build.index_mul(matrix, size_of(x.shape[1:])))


def _stack(x: Buffer, *shape: int) -> Buffer:
    """The same memory as one stack."""
    return Buffer(x.memory, (x.size // size_of(shape), *shape), x.dtype, x.offset)


def _transpose_matrices(build: Lowering, x: ArrayValue) -> Buffer:
    """Each matrix transposed, in memory of its own."""
    x = build.materialize(x) if x.cost else x

    def at(build: Lowering, index: Sequence[Index]) -> Any:
        return x.at(build, (*index[:-2], index[-1], index[-2]))

    turned = LazyArray((*x.shape[:-2], x.shape[-1], x.shape[-2]), x.dtype, at, [x])
    turned.is_transposed = True
    target = build.allocate(turned.shape, x.dtype)
    build.write(target, turned)
    return target


def cholesky(build: Lowering, x: ArrayValue) -> Buffer:
    """Lower factors of the lower triangles; NaN where there is none."""
    check_native_dtypes(x.dtype)
    n = x.shape[-1]
    target, = build.copy_of(x)  # type: ignore[attr-defined]
    factors = _stack(target, n, n)
    info = build.allocate((factors.shape[0], 1), INT32)
    zero = build.const(0, x.dtype)
    with build.loop(factors.shape[0], independent=True) as b:
        call(build, "potrf", x.dtype, [
            ("char", "U"), ("int", n), _pointer(build, factors, b), ("int", n),
            _pointer(build, info, b)], n**3 // 24, "lapack")
        failed = build.op("ne", info.at(build, (b, 0)), build.const(0, INT32))
        nan = build.const(np.nan, x.dtype)
        with build.loop(n - 1) as i:
            with build.loop(build.index_sub(n - 1, i), vector=True) as k:
                build.store(factors, (b, i, build.index_add(build.index_add(i, 1), k)), zero)

        def spoil() -> list[Any]:
            with build.loop(n) as i, build.loop(build.index_add(i, 1), vector=True) as j:
                build.store(factors, (b, i, j), nan)
            return []

        build.when(failed, spoil, [])
    return target


def triangular_solve(build: Lowering, a: ArrayValue, b: ArrayValue, *, left_side: bool, lower: bool,
                     transpose_a: bool, conjugate_a: bool, unit_diagonal: bool) -> Buffer:
    """op(a) x = b or x op(a) = b; there is no op that conjugates without transposing."""
    check_native_dtypes(a.dtype, b.dtype)
    n, (rows, columns) = a.shape[-1], b.shape[-2:]
    target, a = build.copy_of(b, build.contiguous(a))  # type: ignore[attr-defined]
    matrices = _stack(build.contiguous(a), n, n)
    sides = _stack(target, rows, columns)
    op = ("C" if conjugate_a else "T") if transpose_a else "N"
    with build.loop(matrices.shape[0], independent=True) as k:
        call(build, "trsm", a.dtype, [
            ("char", "R" if left_side else "L"), ("char", "U" if lower else "L"), ("char", op),
            ("char", "U" if unit_diagonal else "N"), ("int", columns), ("int", rows),
            ("float", a.dtype.type(1)), _pointer(build, matrices, k), ("int", n),
            _pointer(build, sides, k), ("int", columns)], n * rows * columns // 16)
    return target


def lu(build: Lowering, x: ArrayValue, places: np.dtype[Any]) -> list[Any]:
    """Factors with row exchanges, the row that each was exchanged with, and the order of rows."""
    check_native_dtypes(x.dtype)
    *lead, m, n = x.shape
    least = min(m, n)
    turned = _transpose_matrices(build, x)
    factors = _stack(turned, n, m)
    pivots, order = (build.allocate((*lead, k), places) for k in (least, m))
    exchanged, orders = _stack(pivots, least), _stack(order, m)
    info = build.allocate((factors.shape[0], 1), INT32)
    one = build.const(1, places)
    with build.loop(factors.shape[0], independent=True) as b:
        call(build, "getrf", x.dtype, [
            ("int", m), ("int", n), _pointer(build, factors, b), ("int", m),
            _pointer(build, exchanged, b), _pointer(build, info, b)], m * n * least // 12, "lapack")
        with build.loop(m, vector=True) as i:
            build.store(orders, (b, i), build.op("convert", build.index(i), dtype=places))
        with build.loop(least) as i:
            pivot = build.op("sub", exchanged.at(build, (b, i)), one)  # LAPACK counts from 1
            build.store(exchanged, (b, i), pivot)
            here, there = (b, i), (b, build.as_index(pivot))
            first, second = orders.at(build, here), orders.at(build, there)
            build.store(orders, here, second)
            build.store(orders, there, first)
    return [_transpose_matrices(build, turned), pivots, order]
