"""Reductions in which the last axis stays: whole rows are combined, element with element.

Rows are taken `schedule.rows_at_once` at a time, combined in pairs, and the result is read and
written once for that. Where they are added up, at most `LEAF` such groups make a block, and blocks
are added up with their rounding errors, as `summation.py` says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ingot.kernel.ir import Index
from ingot.kernel.lowering import Lowering
from ingot.kernel.schedule import SCHEDULE
from ingot.kernel.summation import LEAF, rounded, two_sum
from ingot.kernel.values import Buffer
from ingot.util import size_of

Carry = Sequence[Any]
Rows = Sequence[Sequence[Index]]
Step = Callable[[Carry, Rows], Carry]
Place = Callable[[Index], tuple[Buffer, Sequence[Index]]]


@dataclass
class RowReduction:
    """Combines at(index along the reduced axes, place along the row), from the neutral `start`."""

    build: Lowering
    sizes: Sequence[int]  # of the reduced axes
    at: Callable[[Sequence[Index], Index], Any]
    combine: Callable[[Any, Any], Any]
    start: Any
    sums: bool  # whether they are sums that are rounded

    def into(self, width: int, place: Callable[[Index], tuple[Buffer, Sequence[Index]]]) -> None:
        """Rows of one width, into memory."""
        if not self.sums or steps(self.sizes) <= LEAF:
            self.fill(width, place)
            self.groups(self.sizes, (), 0, (), self.adding(width, place))
            return
        build, dtype = self.build, self.start.dtype
        here, total, errors = (build.allocate((width,), dtype) for _ in range(3))
        for memory in (total, errors):
            self.fill(width, lambda j, memory=memory: (memory, (j,)))

        def block(carry: Carry, groups: Callable[[Carry, Step], Carry]) -> Carry:
            self.fill(width, lambda j: (here, (j,)))
            groups((), self.adding(width, lambda j: (here, (j,))))
            with build.loop(width, vector=True) as j:
                pair = two_sum(build, [m.at(build, (j,)) for m in (total, errors)],
                               here.at(build, (j,)))
                for memory, value in zip((total, errors), pair, strict=True):
                    build.store(memory, (j,), value)
            return carry

        self.blocks((), block)
        with build.loop(width, vector=True) as j:
            memory, index = place(j)
            build.store(memory, index, rounded(
                build, [m.at(build, (j,)) for m in (total, errors)]))

    def few(self, width: int) -> list[Any]:
        """Short rows, in registers: loops that carry them."""
        def step(carry: Carry, rows: Rows) -> Carry:
            return [self.combine(total, self.pairwise([self.at(r, j) for r in rows]))
                    for j, total in enumerate(carry)]

        start = [self.start] * width
        if not self.sums or steps(self.sizes) <= LEAF:
            return list(self.groups(self.sizes, (), 0, start, step))

        def block(carry: Carry, groups: Callable[[Carry, Step], Carry]) -> Carry:
            pairs = [two_sum(self.build, carry[2 * j : 2 * j + 2], x)
                     for j, x in enumerate(groups(start, step))]
            return [x for pair in pairs for x in pair]

        carry = self.blocks([self.start] * (2 * width), block)
        return [rounded(self.build, carry[2 * j : 2 * j + 2]) for j in range(width)]

    # ---- parts -------------------------------------------------------------------------------
    def fill(self, width: int, place: Place) -> None:
        with self.build.loop(width, vector=True) as j:
            self.build.store(*place(j), self.start)

    def adding(self, width: int, place: Place) -> Step:
        """Combine several rows with one in memory."""
        def step(carry: Carry, rows: Rows) -> Carry:
            with self.build.loop(width, vector=True) as j:
                memory, index = place(j)
                new = self.pairwise([self.at(row, j) for row in rows])
                self.build.store(memory, index, self.combine(memory.at(self.build, index), new))
            return carry

        return step

    def pairwise(self, xs: list[Any]) -> Any:
        """Neighbors first, then their results."""
        while len(xs) > 1:
            xs = [self.combine(*xs[i : i + 2]) if i + 1 < len(xs) else xs[i]
                  for i in range(0, len(xs), 2)]
        return xs[0]

    # ---- loops over rows ---------------------------------------------------------------------
    def blocks(self, carry: Carry, block: Callable[..., Carry]) -> Carry:
        """`block(carry, groups)` for blocks of rows, where groups(carry, step) runs over one."""
        sizes = self.sizes

        def part(index: tuple[Index, ...], first: Index, count: int, carry: Carry) -> Carry:
            lengths = (count, *sizes[len(index) + 1 :])
            return block(carry, lambda c, step: self.groups(lengths, index, first, c, step))

        def level(index: tuple[Index, ...], carry: Carry) -> Carry:
            n, inner = sizes[len(index)], steps(sizes[len(index) + 1 :])
            if inner > LEAF // 2:
                return repeat(self.build, n, carry, lambda i, c: level((*index, i), c))
            at_once = self.build.schedule.rows_at_once
            size = LEAF // inner if len(index) + 1 < len(sizes) else LEAF * at_once
            whole, left = divmod(n, size)
            carry = repeat(self.build, whole, carry, lambda b, c: part(
                index, self.build.index_mul(b, size), size, c))
            return part(index, whole * size, left, carry) if left else carry

        return level((), carry)

    def groups(self, lengths: Sequence[int], index: tuple[Index, ...], first: Index, carry: Carry,
               step: Step) -> Carry:
        """`step(carry, rows)` for some rows at a time: those from an index on, of which the first
        axis begins at `first`."""
        build, at_once = self.build, self.build.schedule.rows_at_once
        n, *inner = lengths

        if inner:
            return repeat(build, n, carry, lambda i, c: self.groups(
                inner, (*index, build.index_add(first, i)), 0, c, step))

        def group(g: Index, carry: Carry) -> Carry:
            begin = build.index_add(first, build.index_mul(g, at_once))
            return step(carry, [(*index, build.index_add(begin, k)) for k in range(at_once)])

        carry = repeat(build, n // at_once, carry, group)
        left = [(*index, build.index_add(first, i)) for i in range(n - n % at_once, n)]
        return step(carry, left) if left else carry


def steps(sizes: Sequence[int]) -> int:
    """How many groups of rows are combined one after the other."""
    return size_of(sizes[:-1]) * -(-sizes[-1] // SCHEDULE.rows_at_once) if sizes else 1


def repeat(build: Lowering, count: int, carry: Carry, body: Callable[[Index, Carry], Carry]
           ) -> Carry:
    """A loop that carries values, unless it runs once or never."""
    if count <= 1:
        return body(0, carry) if count else carry
    return build.accumulate(count, carry, body)
