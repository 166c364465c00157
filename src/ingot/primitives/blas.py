"""Products of matrices and vectors by BLAS; large ones in blocks, which threads share.

The blocks depend on the sizes alone, so that results do not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.kernel.rules import Buffer, Lowering, line_sum, pairwise
from ingot.kernel.schedule import SCHEDULE

BLAS_PREFIX = {dtypes.float32: "s", dtypes.float64: "d", dtypes.complex64: "c",
               dtypes.complex128: "z"}


def call(build: Lowering, name: str, dtype: np.dtype[Any], args: list[Any], work: int,
         library: str = "blas") -> None:
    """Call a routine of BLAS or LAPACK, by its name without the letter of the dtype."""
    symbol = f"scipy.linalg.cython_{library}:{BLAS_PREFIX[dtype]}{name}"
    build.call_routine(symbol, args, work)


def _offset(build: Lowering, pointer: Any, first: Any, step: int) -> Any:
    """The place of row or column `first`, which are so many elements apart."""
    kind, memory, index = pointer
    return kind, memory, build.index_add(index, build.index_mul(first, step))


def _count(length: int, least: int, work: int) -> int:
    """How many blocks a side is cut into: a power of two, so that most numbers of threads get equal
    shares; `work` is what one row or column of it costs, in terms of a block's."""
    most = max(1, min(length // max(least, work), SCHEDULE.blas_max_blocks))
    return 1 << (most.bit_length() - 1)


def _sides(length: int, others: int) -> int:
    """How many blocks the rows or columns of a product are cut into: halves may be shorter."""
    least = min(SCHEDULE.blas_block_side, max(length // 2, SCHEDULE.blas_block_side // 2))
    return _count(length, least, -(-SCHEDULE.blas_block_work // max(others, 1)))


def _in_blocks(build: Lowering, length: int, count: int, body: Callable[[Any, Any, Any], None]
               ) -> None:
    """`body(block, first, size)` for blocks of nearly equal size; threads take one at a time."""
    unit = build.schedule.blas_unit
    units = -(-length // unit)

    def begin(j: Any) -> Any:
        return build.iclamp(build.index_mul(build.index_div(build.index_mul(j, units), count),
                                            unit), length)

    with build.loop(count, independent=True) as j:
        first = begin(j)
        body(j, first, build.index_sub(begin(build.index_add(j, 1)), first))


def matrix_matrix(build: Lowering, a: Any, b: Any, c: Any, sizes: tuple[int, int, int],
                  dtype: np.dtype[Any], blocks: bool = True, accumulate: bool = False) -> None:
    """Column-major C = op(A) op(B); a, b: (pointer, leading size, transposed); c: (pointer, ld).

    `blocks`: whether a large product may be cut, as it should unless it is one of many;
    `accumulate`: whether the product is added to C.
    """
    m, n, k = sizes
    rows, columns = _sides(m, n * k), _sides(n, m * k)
    limits = build.schedule
    parts = _count(k, limits.blas_block_terms, -(-limits.blas_block_work // max(m * n, 1)))
    work = m * n * k // 8
    if k >= 2 * limits.blas_max_terms and m * n <= k:
        parts, blocks = max(parts, -(-k // limits.blas_max_terms)), True
        rows = columns = 1
    if blocks and max(rows, columns) > 1:
        cut = rows > columns

        def block(j: Any, first: Any, size: Any) -> None:
            x, y = (a, b) if cut else (b, a)
            step = x[1] if x[2] is cut else 1  # A's rows lie together if it is transposed
            moved = (_offset(build, x[0], first, step), *x[1:])
            target = _offset(build, c[0], first, 1 if cut else c[1]), c[1]
            _product(build, *((moved, y) if cut else (y, moved)), target,
                     (size, n, k) if cut else (m, size, k), dtype, work // max(rows, columns),
                     accumulate)

        _in_blocks(build, m if cut else n, max(rows, columns), block)
    elif blocks and parts > 1 and c[1] == m:

        def part(first: Any, size: Any, target: Any) -> None:
            _product(build, (_offset(build, a[0], first, 1 if a[2] else a[1]), *a[1:]),
                     (_offset(build, b[0], first, b[1] if b[2] else 1), *b[1:]),
                     (target, m), (m, n, size), dtype, work // parts)

        _partial_sums(build, c[0], m * n, dtype, k, parts, part, accumulate)
    else:
        _product(build, a, b, c, sizes, dtype, work, accumulate)


def _partial_sums(build: Lowering, target: Any, size: int, dtype: np.dtype[Any], terms: int,
                  count: int, product: Callable[[Any, Any, Any], None], accumulate: bool) -> None:
    """A product of which threads compute parts of the sums, and the sum of these.

    `product(first, terms, pointer)` writes the part that begins with one of the terms;
    `accumulate`: whether the sum is added to what is there.
    """
    parts = build.allocate((count, size), dtype)
    _in_blocks(build, terms, count, lambda j, first, length: product(
        first, length, _offset(build, ("pointer", parts.memory, 0), j, size)))
    _add_parts(build, Buffer(target[1], (size,), dtype, target[2]), parts, accumulate)


def _add_parts(build: Lowering, out: Buffer, parts: Buffer, accumulate: bool) -> None:
    """The sum of the rows of `parts`: of few in pairs, of many with the errors of their roundings.
    """
    count, (size,), zero = parts.shape[0], out.shape, build.const(0, out.dtype)
    many = count > build.schedule.blas_max_unrolled_parts
    with build.loop(size, vector=not many, independent=True) as i:
        if many:
            total = line_sum(build, count, lambda j: parts.at(build, (j, i)), zero)
        else:
            total = pairwise(build, [parts.at(build, (j, i)) for j in range(count)])
        if accumulate:
            total = build.op("add", out.at(build, (i,)), total)
        build.store(out, (i,), total)


def _product(build: Lowering, a: Any, b: Any, c: Any, sizes: tuple[Any, Any, Any],
             dtype: np.dtype[Any], work: int, accumulate: bool = False) -> None:
    m, n, k = sizes
    one, before = ("float", dtype.type(1)), ("float", dtype.type(accumulate))
    call(build, "gemm", dtype, [
        ("char", "T" if a[2] else "N"), ("char", "T" if b[2] else "N"),
        ("int", m), ("int", n), ("int", k), one, a[0], ("int", a[1]), b[0], ("int", b[1]),
        before, c[0], ("int", c[1])], work)


def matrix_vector(build: Lowering, a: Any, x: Any, y: Any, rows: int, columns: int, flipped: bool,
                  dtype: np.dtype[Any], blocks: bool = True) -> None:
    """y = A x for row-major A [rows, columns], or its transpose in memory when `flipped`; few
    columns, as BLAS adds up their products in order."""
    one, zero = ("float", dtype.type(1)), ("float", dtype.type(0))
    lead = rows if flipped else columns
    limits = build.schedule
    entries = -(-limits.blas_block_entries // columns)
    count = _count(rows, limits.blas_unit, entries) if blocks else 1

    def product(first: Any, size: Any) -> None:
        """Some of the rows."""
        # Row-major [rows, columns] is column-major [columns, rows].
        m, n = (size, columns) if flipped else (columns, size)
        call(build, "gemv", dtype, [
            ("char", "N" if flipped else "T"), ("int", m), ("int", n), one,
            _offset(build, a, first, 1 if flipped else lead), ("int", lead), x, ("int", 1), zero,
            _offset(build, y, first, 1), ("int", 1)], rows * columns // 2 // count)

    if count > 1:
        _in_blocks(build, rows, count, lambda j, first, size: product(first, size))
    else:
        product(0, rows)
