"""Compiled scatters that add: sums at one place that keep their digits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.kernel.rules import (
    LEAF,
    ArrayValue,
    Index,
    LazyArray,
    Lowering,
    is_inexact,
    rounded,
    row_major,
    two_sum,
)
from ingot.primitives.gather_scatter import Shape, Windows, chosen
from ingot.primitives.sums import WIDE
from ingot.util import size_of

SPARSE = 8
"""How many times as many elements as updates an array has whose sums are kept by themselves."""


def may_lose_digits(x: Any, indices: Shape) -> bool:
    """Whether so many updates may be added to one element that they must not be added in order."""
    return is_inexact(x.dtype) and size_of(indices) > LEAF


def added(build: Lowering, w: Windows, x: ArrayValue, indices: ArrayValue, updates: ArrayValue,
          drops: bool, sums: str) -> ArrayValue:
    """An array with updates added or subtracted, according to `sums`: formed in the array's wider
    form, or of an array that has far more elements than there are updates, beside it."""
    total = _Sums(build, w, indices, updates, x.dtype, drops, sums)
    if updates.size * SPARSE >= x.size:
        return total.in_place_of(x)
    return total.beside(x)


class _Sums:
    """Sums of updates in float64, or with their rounding errors where there is nothing wider."""

    def __init__(self, build: Lowering, w: Windows, indices: ArrayValue, updates: ArrayValue,
                 dtype: np.dtype, drops: bool, sums: str):
        self.build, self.w, self.indices, self.updates = build, w, indices, updates
        self.dtype, self.wide, self.drops, self.sums = dtype, WIDE.get(dtype), drops, sums
        self.cost = updates.cost + 8 + 4 * w.indices[-1]

    def nothing(self, dtype: np.dtype) -> Any:
        """What changes no number to which it is added."""
        return self.build.const(complex(-0.0, -0.0) if dtype.kind == "c" else -0.0, dtype)

    def zeros(self, shape: Sequence[int]) -> Any:
        """Memory for sums of nothing yet."""
        dtype = self.wide or self.dtype
        memory = self.build.allocate(shape, dtype)
        self.build.write(memory, LazyArray(memory.shape, dtype, lambda b, i: self.nothing(dtype)))
        return memory

    def add(self, memory: Any, errors: Any, at: Sequence[Index], index: Sequence[Index], ok: Any
            ) -> None:
        """Add an update to the sum at a place, unless it is to be dropped."""
        build = self.build
        update = build.converted(self.updates.at(build, index), memory.dtype)
        update = build.op("neg", update) if self.sums == "sub" else update
        if self.drops:
            update = chosen(build, ok, update, self.nothing(memory.dtype))
        old = memory.at(build, at)
        if self.wide is not None:
            build.store(memory, at, build.op("add", old, update))
            return
        for target, value in zip((memory, errors), two_sum(
                build, [old, errors.at(build, at)], update), strict=True):
            build.store(target, at, value)

    # ---- of an array with not many more elements than updates ------------------------------------
    def in_place_of(self, x: ArrayValue) -> ArrayValue:
        """The sums are formed in memory of the shape of the array, to which it is copied."""
        build, wide = self.build, self.wide
        if wide is None:
            target, self.indices, self.updates = build.copy_of(  # type: ignore[attr-defined]
                x, self.indices, self.updates)
            errors = self.zeros(x.shape)
        else:
            target = errors = build.allocate(x.shape, wide)
            build.write(target, LazyArray(
                x.shape, wide, lambda b, i: b.converted(x.at(b, i), wide), [x], 1))

        def write(index: Sequence[Index]) -> None:
            place, ok = self.w.place(build, self.indices, index)
            self.add(target, errors, place, index, ok)

        build.nest(self.updates.shape, write, cost=self.cost)
        if wide is not None:
            return LazyArray(x.shape, x.dtype, lambda b, i: b.converted(target.at(b, i), x.dtype),
                             [target], 1)
        build.nest(x.shape, lambda i: build.store(target, i, rounded(
            build, [m.at(build, i) for m in (target, errors)])), vector=True)
        return target

    # ---- of an array with far more elements ------------------------------------------------------
    def beside(self, x: ArrayValue) -> ArrayValue:
        """Each place that is named has its sum beside the array, under the number of the last
        update that names it: so time and memory that is touched are those of the updates."""
        build, w = self.build, self.w
        target, self.indices, self.updates = build.copy_of(  # type: ignore[attr-defined]
            x, self.indices, self.updates)
        numbers = _Numbers(build, w, self.indices, self.updates.shape)
        build.nest(numbers.counted, numbers.name, cost=self.cost)
        sums = self.zeros(numbers.sums_shape)
        errors = sums if self.wide is not None else self.zeros(sums.shape)

        def collect(index: Sequence[Index]) -> None:
            _, ok = w.place(build, self.indices, index)
            self.add(sums, errors, numbers.sum_of(index, numbers.named(index)), index, ok)

        def write(index: Sequence[Index]) -> None:
            own = numbers.own(index)
            last = build.op("eq", numbers.named(index), own)
            place, _ = w.place(build, self.indices, index)
            total = [m.at(build, numbers.sum_of(index, own)) for m in (sums, errors)]
            old = target.at(build, place)
            build.store(target, place, build.select(last, self.rounded(old, total), old))

        build.nest(self.updates.shape, collect, cost=self.cost)
        build.nest(self.updates.shape, write, cost=self.cost)
        return target

    def rounded(self, old: Any, total: list[Any]) -> Any:
        """An element and the sum of its updates, rounded once."""
        build = self.build
        if self.wide is None:
            return rounded(build, two_sum(build, total, old))
        return build.converted(build.op("add", build.converted(old, self.wide), total[0]),
                               self.dtype)


class _Numbers:
    """At each place that is named the number of the last slice that names it, in memory of which
    nothing else is read; numbers of elements, where slices may overlap in part."""

    def __init__(self, build: Lowering, w: Windows, indices: ArrayValue, shape: Shape):
        self.build, self.w, self.indices = build, w, indices
        self.apart = all(a not in w.dims.start_index_map or w.sizes[a] == w.operand[a]
                         for a in w.inside)
        self.sliced = set(w.dims.offset_dims) if self.apart else set[int]()
        self.counted = [1 if d in self.sliced else n for d, n in enumerate(shape)]
        self.sums_shape = [size_of(self.counted),
                           *(n for d, n in enumerate(shape) if d in self.sliced)]
        self.memory = build.allocate([1 if self.apart and a in w.inside else n
                                      for a, n in enumerate(w.operand)], np.dtype(np.int64))

    def own(self, index: Sequence[Index]) -> Any:
        """The number of an element's slice."""
        number: Index = 0
        for i, n, step in zip(index, self.counted, row_major(self.counted), strict=True):
            if n > 1:
                number = self.build.index_add(number, self.build.index_mul(i, step))
        return self.build.index(number)

    def _place(self, index: Sequence[Index]) -> list[Index]:
        place, _ = self.w.place(self.build, self.indices, index)
        return [0 if self.apart and a in self.w.inside else i for a, i in enumerate(place)]

    def name(self, index: Sequence[Index]) -> None:
        """Write the number of an element's slice to its place."""
        self.build.store(self.memory, self._place(index), self.own(index))

    def named(self, index: Sequence[Index]) -> Any:
        """The number that is written at an element's place."""
        return self.memory.at(self.build, self._place(index))

    def sum_of(self, index: Sequence[Index], number: Any) -> list[Index]:
        """Where the sum of an element is, among those of the slice of a number."""
        return [self.build.as_index(number),
                *(i for d, i in enumerate(index) if d in self.sliced)]
