"""What scatters that add count: how often each place is named, and the numbers of updates there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot.kernel.rules import (
    INT,
    LEAF,
    ArrayValue,
    Index,
    LazyArray,
    Lowering,
    in_strips,
    row_major,
)
from ingot.primitives.gather_scatter import Shape, Windows, chosen
from ingot.util import size_of

BUCKETS = 8
"""How many updates there are for each count of a `Census`."""

MULTIPLIER = 2654435769
"""Times which consecutive integers are spread over all words: 2^32 over the golden ratio, odd."""

COUNT, HASH = np.dtype(np.uint8), np.dtype(np.uint32)


def flat_index(build: Lowering, index: Sequence[Index], shape: Sequence[int]) -> Index:
    """The number of an element in row-major order."""
    number: Index = 0
    for i, n, step in zip(index, shape, row_major(shape), strict=True):
        if n > 1:
            number = build.index_add(number, build.index_mul(i, step))
    return number


def narrow(build: Lowering, number: Index, size: int) -> Any:
    """A number below `size` as a scalar, of 32 bits where they are enough."""
    dtype = np.dtype(np.int32) if size < 2**31 else INT
    return build.op("convert", build.index(number), dtype=dtype)


def each_in_strips(build: Lowering, shape: Shape, compute: Callable[[Sequence[Index]], list[Any]],
                   use: Callable[[list[Any]], None]) -> None:
    """`use(compute(index))` for all indices of a shape; see `in_strips`."""
    def level(index: tuple[Index, ...]) -> None:
        if len(index) == len(shape) - 1:
            in_strips(build, shape[-1], lambda i: compute((*index, i)), use)
            return
        with build.loop(shape[len(index)]) as i:
            level((*index, i))

    if size_of(shape):
        level(())


class Slices:
    """The slices of a scatter as units: those that cannot overlap in part are counted once, others
    by their elements."""

    def __init__(self, build: Lowering, w: Windows, indices: ArrayValue, shape: Shape):
        self.build, self.w, self.indices = build, w, indices
        self.apart = all(a not in w.dims.start_index_map or w.sizes[a] == w.operand[a]
                         for a in w.inside)
        self.sliced = set(w.dims.offset_dims) if self.apart else set[int]()
        self.counted = tuple(1 if d in self.sliced else n for d, n in enumerate(shape))
        self.places = [1 if self.apart and a in w.inside else n for a, n in enumerate(w.operand)]

    def place(self, index: Sequence[Index]) -> tuple[list[Index], Any]:
        """Where an element's unit is, and whether it is inside."""
        place, ok = self.w.place(self.build, self.indices, index)
        return [0 if n == 1 else i for i, n in zip(place, self.places, strict=True)], ok


def all_counted(build: Lowering, counted: Any, updates: int) -> Any:
    """Whether the sum of all counts is that of updates."""
    return build.op("eq", counted, build.const(updates, INT))


class Census(Slices):
    """Counts of updates by a hash of their places, so few that a cache close to the processor holds
    them: no place is named more often than its count says."""

    def __init__(self, build: Lowering, w: Windows, indices: ArrayValue, shape: Shape):
        super().__init__(build, w, indices, shape)
        self.updates = size_of(self.counted)
        self.bits = max(6, (self.updates // BUCKETS).bit_length())
        self.counts = build.allocate([1 << self.bits], COUNT)
        build.write(self.counts, LazyArray(
            self.counts.shape, COUNT, lambda b, i: b.const(0, COUNT)))

    def bucket(self, index: Sequence[Index]) -> Any:
        """Which count is that of an update's place; any is that of one which is dropped."""
        build = self.build
        place, ok = self.place(index)
        number = chosen(build, ok, *(build.op(
            "convert", build.index(flat_index(build, i, shape)), dtype=HASH)
            for i, shape in ((place, self.places), (index, self.counted))))
        if size_of(self.places) <= 1 << self.bits:
            return build.op("and", number, build.const((1 << self.bits) - 1, HASH))
        spread = build.op("mul", number, build.const(MULTIPLIER, HASH))
        return build.op("shift_right_logical", spread, build.const(32 - self.bits, HASH))

    def is_few(self) -> Any:
        """Whether no element gets more than `LEAF` updates. A count may pass the largest number and
        begin anew, but then the sum of all counts is not the number of updates."""
        build = self.build

        def use(values: list[Any]) -> None:
            at = (build.as_index(values[0]),)
            build.store(self.counts, at, build.op(
                "add", self.counts.at(build, at), build.const(1, COUNT)))

        def step(i: Index, carry: Sequence[Any]) -> list[Any]:
            count = self.counts.at(build, (i,))
            return [build.op("max", carry[0], count),
                    build.op("add", carry[1], build.op("convert", count, dtype=INT))]

        each_in_strips(build, self.counted, lambda index: [self.bucket(index)], use)
        most, counted = build.accumulate(
            self.counts.size, [build.const(0, COUNT), build.const(0, INT)], step)
        return build.op("and", build.op("le", most, build.const(LEAF, COUNT)),
                        all_counted(build, counted, self.updates))


class Numbers(Slices):
    """At each place that is named the number of the last unit that names it, in memory of which
    nothing else is read."""

    def __init__(self, build: Lowering, w: Windows, indices: ArrayValue, shape: Shape):
        super().__init__(build, w, indices, shape)
        self.sums_shape = [size_of(self.counted),
                           *(n for d, n in enumerate(shape) if d in self.sliced)]
        self.memory = build.allocate(self.places, np.dtype(np.int64))

    def own(self, index: Sequence[Index]) -> Any:
        """The number of an element's unit."""
        return self.build.index(flat_index(self.build, index, self.counted))

    def name(self, index: Sequence[Index]) -> None:
        """Write the number of an element's unit to its place."""
        self.build.store(self.memory, self.place(index)[0], self.own(index))

    def named(self, index: Sequence[Index]) -> Any:
        """The number that is written at an element's place."""
        return self.memory.at(self.build, self.place(index)[0])

    def sum_of(self, index: Sequence[Index], number: Any) -> list[Index]:
        """Where the sum of an element is, among those of the unit of a number."""
        return [self.build.as_index(number),
                *(i for d, i in enumerate(index) if d in self.sliced)]
