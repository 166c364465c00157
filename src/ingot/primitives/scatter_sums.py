"""Compiled scatters that add: sums at one place that keep their digits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot.kernel.rules import (
    LEAF,
    ArrayValue,
    Buffer,
    Index,
    LazyArray,
    Lowering,
    is_inexact,
    rounded,
    two_sum,
)
from ingot.primitives.gather_scatter import Shape, Windows, chosen
from ingot.primitives.scatter_places import Census, Numbers, each_in_strips, flat_index, narrow
from ingot.primitives.sums import WIDE
from ingot.util import size_of

SPARSE = 8
"""How many times as many elements as updates an array has whose sums are kept by themselves."""

CROWDED = 8
"""How many times as many updates as elements make it likely that one gets more than `LEAF`."""

CACHED = 1 << 20
"""Bytes of sums, and of their errors, up to which additions do not wait for memory."""


def may_lose_digits(x: Any, indices: Shape) -> bool:
    """Whether so many updates may be added to one element that they must not be added in order."""
    return is_inexact(x.dtype) and size_of(indices) > LEAF


def added(build: Lowering, w: Windows, x: ArrayValue, indices: ArrayValue, updates: ArrayValue,
          drops: bool, sums: str) -> ArrayValue:
    """An array with updates added or subtracted, according to `sums`: in order, if no element gets
    more than `LEAF` of them. That is counted where it is likely, and more memory would cost."""
    total = _Sums(build, w, indices, updates, x.dtype, drops, sums)
    if updates.size > CROWDED * x.size or total.bytes_of(x) <= CACHED or x.dtype.itemsize == 2:
        return total.formed(x)
    return total.in_order_if_few(x)


class _Sums:
    """Sums of updates in float64, or with their rounding errors where there is nothing wider."""

    def __init__(self, build: Lowering, w: Windows, indices: ArrayValue, updates: ArrayValue,
                 dtype: np.dtype, drops: bool, sums: str):
        self.build, self.w, self.indices, self.updates = build, w, indices, updates
        self.dtype, self.wide, self.drops, self.sums = dtype, WIDE.get(dtype), drops, sums
        self.cost = updates.cost + 8 + 4 * w.indices[-1]

    def bytes_of(self, x: ArrayValue) -> int:
        """Bytes of the sums, with their errors, if each element of an array has its own."""
        return x.size * (self.wide.itemsize if self.wide else 2 * self.dtype.itemsize)

    def nothing(self, dtype: np.dtype) -> Any:
        """What changes no number to which it is added."""
        return self.build.const(complex(-0.0, -0.0) if dtype.kind == "c" else -0.0, dtype)

    def zeros(self, shape: Sequence[int]) -> Any:
        """Memory for sums of nothing yet."""
        dtype = self.wide or self.dtype
        memory = self.build.allocate(shape, dtype)
        self.build.write(memory, LazyArray(memory.shape, dtype, lambda b, i: self.nothing(dtype)))
        return memory

    def update(self, index: Sequence[Index], ok: Any, dtype: np.dtype) -> Any:
        """What is to be added for an update; nothing where it is to be dropped."""
        build = self.build
        update = build.converted(self.updates.at(build, index), dtype)
        update = build.op("neg", update) if self.sums == "sub" else update
        return chosen(build, ok, update, self.nothing(dtype)) if self.drops else update

    def add(self, memory: Any, errors: Any, at: Sequence[Index], index: Sequence[Index], ok: Any
            ) -> None:
        """Add an update to the sum at a place, unless it is to be dropped."""
        build = self.build
        update, old = self.update(index, ok, memory.dtype), memory.at(build, at)
        if self.wide is not None:
            build.store(memory, at, build.op("add", old, update))
            return
        for target, value in zip((memory, errors), two_sum(
                build, [old, errors.at(build, at)], update), strict=True):
            build.store(target, at, value)

    def each(self, body: Callable[[Sequence[Index], list[Index], Any], None]) -> None:
        """`body(index, place, whether it is inside)` for each update."""
        self.build.nest(self.updates.shape, lambda index: body(
            index, *self.w.place(self.build, self.indices, index)), cost=self.cost)

    # ---- of few updates for each element ---------------------------------------------------------
    def in_order_if_few(self, x: ArrayValue) -> ArrayValue:
        """An array with the updates added in one way or the other."""
        target, self.indices, self.updates = self.build.copy_of(  # type: ignore[attr-defined]
            x, self.indices, self.updates)
        few = Census(self.build, self.w, self.indices, self.updates.shape).is_few()
        self.build.branch(few, lambda: self.in_order(target), lambda: self.compensated(target))
        return target

    def in_order(self, target: Any) -> None:
        """Each update is added to its element."""
        build, shape = self.build, self.updates.shape
        flat = Buffer(target.memory, (target.size,), target.dtype)

        def compute(index: Sequence[Index]) -> list[Any]:
            place, ok = self.w.place(build, self.indices, index)
            return [narrow(build, flat_index(build, place, target.shape), target.size),
                    self.update(index, ok, self.dtype)]

        def use(values: list[Any]) -> None:
            at = (build.as_index(values[0]),)
            build.store(flat, at, build.op("add", flat.at(build, at), values[1]))

        def write(index: Sequence[Index], place: list[Index], ok: Any) -> None:
            new = build.op("add", target.at(build, place), self.update(index, ok, self.dtype))
            build.store(target, place, new)

        if len(shape) - 1 in self.w.dims.offset_dims:  # no two of the last axis wait for each other
            self.each(write)
        else:
            each_in_strips(build, shape, compute, use)

    # ---- of many ---------------------------------------------------------------------------------
    def compensated(self, target: Any) -> None:
        """Add to an array in place."""
        if self.updates.size * SPARSE < target.size:
            self.beside(target)
        elif self.wide is None:
            self.with_errors(target)
        else:
            self.build.write(target, self.widened(target))

    def formed(self, x: ArrayValue) -> ArrayValue:
        """An array with the updates added, however many they are."""
        if self.wide is not None and self.updates.size * SPARSE >= x.size:
            return self.widened(x)
        target, self.indices, self.updates = self.build.copy_of(  # type: ignore[attr-defined]
            x, self.indices, self.updates)
        self.compensated(target)
        return target

    def widened(self, x: ArrayValue) -> ArrayValue:
        """The sums are formed in the array's wider form."""
        build, wide = self.build, self.wide
        assert wide is not None
        target = build.allocate(x.shape, wide)
        build.write(target, LazyArray(
            x.shape, wide, lambda b, i: b.converted(x.at(b, i), wide), [x], 1))
        self.each(lambda index, place, ok: self.add(target, target, place, index, ok))
        return LazyArray(x.shape, x.dtype, lambda b, i: b.converted(target.at(b, i), x.dtype),
                         [target], 1)

    def with_errors(self, target: Any) -> None:
        """The sums are formed in place, their errors in memory of the same shape."""
        build, errors = self.build, self.zeros(target.shape)
        self.each(lambda index, place, ok: self.add(target, errors, place, index, ok))
        build.nest(target.shape, lambda i: build.store(target, i, rounded(
            build, [m.at(build, i) for m in (target, errors)])), vector=True)

    def beside(self, target: Any) -> None:
        """Of an array with far more elements than there are updates: each place that is named has
        its sum beside the array, under the number of the last update that names it. So time and
        memory that is touched are those of the updates."""
        build = self.build
        numbers = Numbers(build, self.w, self.indices, self.updates.shape)
        build.nest(numbers.counted, numbers.name, cost=self.cost)
        sums = self.zeros(numbers.sums_shape)
        errors = sums if self.wide is not None else self.zeros(sums.shape)

        def collect(index: Sequence[Index], _: list[Index], ok: Any) -> None:
            self.add(sums, errors, numbers.sum_of(index, numbers.named(index)), index, ok)

        def write(index: Sequence[Index], place: list[Index], _: Any) -> None:
            own = numbers.own(index)
            last = build.op("eq", numbers.named(index), own)
            total = [m.at(build, numbers.sum_of(index, own)) for m in (sums, errors)]
            old = target.at(build, place)
            build.store(target, place, build.select(last, self.rounded(old, total), old))

        self.each(collect)
        self.each(write)

    def rounded(self, old: Any, total: list[Any]) -> Any:
        """An element and the sum of its updates, rounded once."""
        build = self.build
        if self.wide is None:
            return rounded(build, two_sum(build, total, old))
        return build.converted(build.op("add", build.converted(old, self.wide), total[0]),
                               self.dtype)
