"""Sums that keep their digits: short blocks, and sums of blocks that carry their rounding errors.

The error of a sum of n numbers that is computed in order grows with n. Here no more than `LEAF`
numbers are added to each other in order; the sums of such blocks are added by Knuth's two-sum,
which gives the rounding error of each addition, and the errors are added up too. So the error stays
below about LEAF / 2 units of roundoff of the sum of the absolute values, however many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot.kernel.ir import Index
from ingot.kernel.lowering import Lowering
from ingot.kernel.values import Complex, indices
from ingot.util import size_of

LEAF = 32
"""Numbers, or groups of them, that are added to each other in order; a few more where that leaves
fewer over."""

PARTS = 16
"""Parts of a block, of at most `LEAF` numbers, that are read side by side: the loop over a block
adds up their sums of one number of each. Where LLVM makes vectors of the loop there is but one, in
the order of memory, as then the lanes of some vectors are sums of their own."""

FEW_PARTS = 4
"""Parts of blocks of complex numbers, of which LLVM makes no vectors."""

VECTORS_AT_ONCE = 4
"""Vectors that LLVM's loops add side by side; each lane of them adds up `LEAF` numbers of a block.
"""

DOUBLE_BYTES = 8

VECTORS = 4
"""How many times `LEAF` numbers a loop must have for that to be certain."""

WIDE: dict[Any, np.dtype] = {
    np.dtype(np.float32): np.dtype(np.float64), np.dtype(np.complex64): np.dtype(np.complex128)}
"""In what the sums of one number of each part are added up in code that stays scalar, where wider
numbers cost no more."""

COMPENSATED = "compensated"
"""Marks the additions that carry a sum of blocks and the sum of its errors from block to block."""

At = Callable[[Index], Any]
Pair = Sequence[Any]  # a sum, and the sum of the rounding errors made in it


def is_inexact(dtype: np.dtype) -> bool:
    """Whether sums of a dtype are rounded."""
    return dtype.kind in "fcV"


def pairwise(build: Lowering, xs: Sequence[Any], attr: Any = None) -> Any:
    """The sum of a few numbers: neighbors first, then their sums."""
    xs = list(xs)
    while len(xs) > 1:
        xs = [build.op("add", xs[i], xs[i + 1], attr=attr) if i + 1 < len(xs) else xs[i]
              for i in range(0, len(xs), 2)]
    return xs[0]


def two_sum(build: Lowering, pair: Pair, x: Any) -> list[Any]:
    """A number added to a sum, and what rounding takes away added to the sum of the errors."""
    if type(x) is Complex:
        real, imag = (two_sum(build, [getattr(p, part) for p in pair], getattr(x, part))
                      for part in ("real", "imag"))
        return [Complex(a, b, x.dtype) for a, b in zip(real, imag, strict=True)]
    total, errors = pair
    new = build.op("add", total, x, attr=COMPENSATED)
    added = build.op("sub", new, total)
    lost = build.op("sub", total, build.op("sub", new, added))
    error = build.op("add", lost, build.op("sub", x, added))
    return [new, build.op("add", errors, error, attr=COMPENSATED)]


def rounded(build: Lowering, pair: Pair) -> Any:
    """The number that a sum and the sum of its errors stand for.

    Beside infinity errors are nan and count for nothing; where there are none, -0 stays -0.
    """
    total, errors = pair
    if type(total) is Complex:
        real, imag = (rounded(build, [getattr(p, part) for p in pair])
                      for part in ("real", "imag"))
        return Complex(real, imag, total.dtype)
    some = build.op("gt", build.op("abs", errors), build.const(0, errors.dtype))
    return build.select(some, build.op("add", total, errors), total)


def over_blocks(build: Lowering, count: int, block: At, zero: Any,
                last: Callable[[], Any] | None = None) -> Any:
    """The sum of block(0) to block(count - 1), and of `last()` if there is that."""
    pair = build.accumulate(count, [zero, zero], lambda b, c: two_sum(build, c, block(b)))
    return rounded(build, pair if last is None else two_sum(build, pair, last()))


def line_sum(build: Lowering, n: int, at: At, zero: Any, cost: int = 0) -> Any:
    """The sum of at(0) to at(n - 1), the code of which has so many instructions."""
    size = (PARTS if not build.vectors else FEW_PARTS if zero.dtype.kind == "c" else 1) * LEAF
    if size == LEAF:
        size *= VECTORS_AT_ONCE * build.vector_bytes // DOUBLE_BYTES
    if n <= size:
        return block_sum(build, n, at, zero, cost)
    blocks, rest = divmod(n, size)

    def block(b: Index) -> Any:
        first = build.index_mul(b, size)
        return block_sum(build, size, lambda i: at(build.index_add(first, i)), zero, cost)

    def last() -> Any:
        return block_sum(build, rest, lambda i: at(build.index_add(blocks * size, i)), zero, cost)

    return over_blocks(build, blocks, block, zero, last if rest else None)


def nest_sum(build: Lowering, sizes: Sequence[int], at: Callable[[Sequence[Index]], Any], zero: Any,
             cost: int = 0) -> Any:
    """The sum over all indices of a shape: few are written out."""
    if size_of(sizes) <= build.schedule.max_scalars:
        values = [at(index) for index in indices(sizes)]
        return build.op("add", pairwise(build, values), zero) if values else zero
    sizes = [*sizes]

    def level(index: tuple[Index, ...]) -> Any:
        n, inner = sizes[len(index)], sizes[len(index) + 1 :]
        if size_of(inner) == 1:
            rest = (0,) * len(inner)
            return line_sum(build, n, lambda i: at((*index, i, *rest)), zero, cost)
        return level((*index, 0)) if n == 1 else over_blocks(
            build, n, lambda i: level((*index, i)), zero)

    return level(())


def block_sum(build: Lowering, n: int, at: At, zero: Any, cost: int = 0) -> Any:
    """The sum of a block. What is costly is computed before that, as only loads are certain to be
    made vectors of; these add up a part of the block each."""
    if cost > build.schedule.inline_max_cost and n > LEAF:
        here = build.allocate((n,), zero.dtype)
        with build.loop(n, vector=True) as i:
            build.store(here, (i,), at(i))
        return block_sum(build, n, lambda i: here.at(build, (i,)), zero)
    certain = build.vectors and zero.dtype.kind != "c" and n > VECTORS * LEAF
    parts = 1 if certain else min(
        range(-(-n // (LEAF + LEAF // 4)), -(-n // LEAF) + 1), key=lambda p: (n % p, -p))
    length = n // parts

    wide: Any = zero.dtype if build.vectors else WIDE.get(zero.dtype, zero.dtype)

    def step(i: Index, carry: Sequence[Any]) -> list[Any]:
        new = pairwise(build, [at(build.index_add(i, k * length)) for k in range(parts)])
        return [build.op("add", carry[0], build.converted(new, wide), attr="reassociate")]

    (total,) = build.accumulate(length, [build.converted(zero, wide)], step)
    total = build.converted(total, zero.dtype)
    left = [at(i) for i in range(parts * length, n)]
    return pairwise(build, [total, *left]) if left else total
