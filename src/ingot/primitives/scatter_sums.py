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
        update that names it: so time and memory that is touched are those of the updates.

        Numbers are found at the places, in memory of which nothing else is read.
        """
        build = self.build
        target, self.indices, self.updates = build.copy_of(  # type: ignore[attr-defined]
            x, self.indices, self.updates)
        shape, w = self.updates.shape, self.w
        # Slices that do not overlap in part are numbered, not their elements.
        apart = all(a not in w.dims.start_index_map or w.sizes[a] == n
                    for a, n in enumerate(w.operand) if a in w.inside)
        sliced = set(w.dims.offset_dims) if apart else set()
        counted = [1 if d in sliced else n for d, n in enumerate(shape)]
        numbers = build.allocate([1 if apart and a in w.inside else n
                                  for a, n in enumerate(w.operand)], np.dtype(np.int64))

        def number(index: Sequence[Index]) -> tuple[Any, list[Index]]:
            """The number of an update or a slice, and where the number of its place is."""
            place, _ = w.place(build, self.indices, index)
            own: Index = 0
            for i, n, step in zip(index, counted, row_major(counted), strict=True):
                own = own if n == 1 else build.index_add(own, build.index_mul(i, step))
            return build.index(own), [0 if apart and a in w.inside else i
                                      for a, i in enumerate(place)]

        def name(index: Sequence[Index]) -> None:
            own, at = number(index)
            build.store(numbers, at, own)

        build.nest(counted, name, cost=self.cost)
        sums = self.zeros([size_of(counted), *(n for d, n in enumerate(shape) if d in sliced)])
        errors = sums if self.wide is not None else self.zeros(sums.shape)

        def of(index: Sequence[Index], k: Any) -> list[Index]:
            return [build.as_index(k), *(i for d, i in enumerate(index) if d in sliced)]

        def collect(index: Sequence[Index]) -> None:
            _, ok = w.place(build, self.indices, index)
            _, at = number(index)
            self.add(sums, errors, of(index, numbers.at(build, at)), index, ok)

        def write(index: Sequence[Index]) -> None:
            own, at = number(index)
            last = build.op("eq", numbers.at(build, at), own)
            place, _ = w.place(build, self.indices, index)
            total = [m.at(build, of(index, own)) for m in (sums, errors)]
            old = target.at(build, place)
            build.store(target, place, build.select(last, self.sum_of(old, total), old))

        build.nest(shape, collect, cost=self.cost)
        build.nest(shape, write, cost=self.cost)
        return target

    def sum_of(self, old: Any, total: list[Any]) -> Any:
        """An element and the sum of its updates, rounded once."""
        build = self.build
        if self.wide is None:
            return rounded(build, two_sum(build, total, old))
        return build.converted(build.op("add", build.converted(old, self.wide), total[0]),
                               self.dtype)
