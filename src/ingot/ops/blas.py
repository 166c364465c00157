"""Products of matrices and vectors by BLAS; large ones in blocks, which threads share.

The blocks depend on the sizes alone, so that results do not depend on the number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot import dtypes
from ingot.kernel import ir
from ingot.kernel.build import Buffer, Builder

BLAS_PREFIX = {dtypes.float32: "s", dtypes.float64: "d", dtypes.complex64: "c",
               dtypes.complex128: "z"}

BLOCK_WORK = 1 << 22
"""Multiplications of a block: some 60 microseconds, enough to wake a thread for."""

BLOCK_SIDE = 128
"""Rows or columns of a block, for the other factor is packed anew by each."""

BLOCK_TERMS = 256
"""Terms of the sums of a block, where all blocks are parts of the same sums."""

MOST_BLOCKS = 64


def _call(build: Builder, name: str, dtype: np.dtype[Any], args: list[Any], work: int) -> None:
    symbol = f"scipy.linalg.cython_blas:{BLAS_PREFIX[dtype]}{name}"
    build.block.nodes.append(ir.Library(symbol, args, work))


def _offset(build: Builder, pointer: Any, block: Any, step: int) -> Any:
    """The place of a block, so many elements after the one before."""
    kind, memory, index = pointer
    return kind, memory, build.iadd(index, build.imul(block, step))


def _count(length: int, least: int, rest: int) -> int:
    """How many blocks a side is cut into, given the lengths of the other sides multiplied."""
    return max(1, min(length // max(least, -(-BLOCK_WORK // max(rest, 1))), MOST_BLOCKS))


def matrix_matrix(build: Builder, a: Any, b: Any, c: Any, sizes: tuple[int, int, int],
                  dtype: np.dtype[Any], blocks: bool = True) -> None:
    """Column-major C = op(A) op(B); a, b: (pointer, leading size, transposed); c: (pointer, ld).

    `blocks`: whether a large product may be cut, as it should unless it is one of many.
    """
    m, n, k = sizes
    rows, columns = _count(m, BLOCK_SIDE, n * k), _count(n, BLOCK_SIDE, m * k)
    if blocks and max(rows, columns) > 1:
        cut = rows > columns
        length, count = (m, rows) if cut else (n, columns)
        size = length // count

        def block(j: Any, length: int) -> None:
            x, y = (a, b) if cut else (b, a)
            step = size * x[1] if x[2] is cut else size  # A's rows lie together if it is transposed
            moved = (_offset(build, x[0], j, step), *x[1:])
            target = _offset(build, c[0], j, size if cut else size * c[1]), c[1]
            _product(build, *((moved, y) if cut else (y, moved)), target,
                     (length, n, k) if cut else (m, length, k), dtype)

        with build.loop(count, independent=True) as j:
            block(j, size)
        if length > count * size:
            block(count, length - count * size)
        return
    parts = _count(k, BLOCK_TERMS, m * n)
    if blocks and parts > 1 and c[1] == m:
        _partial_sums(build, a, b, c, sizes, dtype, parts)
    else:
        _product(build, a, b, c, sizes, dtype)


def _partial_sums(build: Builder, a: Any, b: Any, c: Any, sizes: tuple[int, int, int],
                  dtype: np.dtype[Any], count: int) -> None:
    """A product of a wide and a long matrix: products of parts, then their sum."""
    m, n, k = sizes
    size, rest = divmod(k, count)
    parts = build.allocate((count + (rest > 0), m * n), dtype)  # type: ignore[attr-defined]

    def part(j: Any, length: int) -> None:
        _product(build, (_offset(build, a[0], j, size * (1 if a[2] else a[1])), *a[1:]),
                 (_offset(build, b[0], j, size * (b[1] if b[2] else 1)), *b[1:]),
                 (_offset(build, ("pointer", parts.memory, 0), j, m * n), m), (m, n, length), dtype)

    with build.loop(count, independent=True) as j:
        part(j, size)
    if rest:
        part(count, rest)
    target = Buffer(c[0][1], (m * n,), dtype, c[0][2])
    with build.loop(m * n, vector=True, independent=True) as i:
        total = parts.at(build, (0, i))
        for j in range(1, parts.shape[0]):
            total = build.op("add", total, parts.at(build, (j, i)))
        build.store(target, (i,), total)


def _product(build: Builder, a: Any, b: Any, c: Any, sizes: tuple[int, int, int],
             dtype: np.dtype[Any]) -> None:
    m, n, k = sizes
    one, zero = ("float", dtype.type(1)), ("float", dtype.type(0))
    _call(build, "gemm", dtype, [
        ("char", "T" if a[2] else "N"), ("char", "T" if b[2] else "N"),
        ("int", m), ("int", n), ("int", k), one, a[0], ("int", a[1]), b[0], ("int", b[1]),
        zero, c[0], ("int", c[1])], work=m * n * k // 8)


def matrix_vector(build: Builder, a: Any, x: Any, y: Any, rows: int, columns: int, flipped: bool,
                  dtype: np.dtype[Any]) -> None:
    """y = A x for row-major A [rows, columns], or its transpose in memory when `flipped`."""
    one, zero = ("float", dtype.type(1)), ("float", dtype.type(0))
    # Row-major [rows, columns] is column-major [columns, rows].
    m, n, op = (rows, columns, "N") if flipped else (columns, rows, "T")
    _call(build, "gemv", dtype, [
        ("char", op), ("int", m), ("int", n), one, a, ("int", m), x, ("int", 1), zero, y,
        ("int", 1)], work=rows * columns // 2)
