"""Cumulative operations as native code: lines, long lines in segments, or whole rows.

Running sums of floats are made of blocks of `LEAF` elements: each is added up by itself, and to the
sum of the blocks before it, which carries its rounding errors. Running products of narrower floats
are formed in float64. Logarithms of sums are those of sums of exponentials, scaled by about the
largest so far.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingot.kernel.rules import (
    LEAF,
    ArrayValue,
    Buffer,
    Index,
    Lowering,
    RegisterArray,
    Unsupported,
    check_native_dtypes,
    is_inexact,
    line_sum,
    repeat,
    rounded,
    two_sum,
)
from ingot.primitives.movement import unravel
from ingot.util import size_of

LINES = 4
"""Lines that are combined at a time, as each waits for its own last result."""

SEGMENTS = 64
"""Parts of a long line, of which each begins with the combination of those before it."""

TOGETHER = 8
"""Segments that are made at a time."""

ROWS = 4
"""Rows of running sums that are made at a time, while what is carried stays in registers."""


def cumulative_kernel(combine: str | None) -> Callable[..., Any]:
    """The `kernel` of an operation: 'add', 'mul', 'max' or 'min'; None for logsumexp."""
    def kernel(build: Lowering, x: ArrayValue, *, out: Any, axis: int, reverse: bool) -> ArrayValue:
        check_native_dtypes(x.dtype)
        if x.dtype.kind == "c" and combine in ("max", "min", None):
            raise Unsupported("no order of complex numbers in kernels")
        if x.cost > build.schedule.inline_max_cost and x.size > 1:
            x = build.materialize(x)
        rule = _Rule(build, combine, _work_dtype(combine, x.dtype))
        if x.size <= build.schedule.max_unrolled_cumulative:
            return _unrolled(x, axis, reverse, rule)
        target = build.allocate(x.shape, x.dtype)
        _Cumulative(build, x, target, axis, reverse, rule).write()
        return target

    return kernel


def _work_dtype(combine: str | None, dtype: np.dtype) -> np.dtype:
    """The dtype to compute in."""
    if combine == "mul" and dtype.kind in "fcV" and dtype != np.float64:
        return np.dtype(np.complex128 if dtype.kind == "c" else np.float64)
    if combine in ("add", None) and dtype.kind in "fV" and dtype.itemsize <= 2:
        return np.dtype(np.float32)
    return dtype


# ---- what is carried along a line ----------------------------------------------------------------
@dataclass
class _Rule:
    """What is carried from element to element, as a list of scalars, and how."""

    build: Lowering
    combine: str | None
    dtype: np.dtype

    @property
    def sums(self) -> bool:
        """Whether they are sums that are rounded: then lines are made of blocks."""
        return self.combine == "add" and is_inexact(self.dtype)

    def start(self) -> list[Any]:
        """What stands for no elements."""
        build, dtype = self.build, self.dtype
        if self.sums:
            return [build.const(_neutral("add", dtype), dtype)] * 2
        if self.combine is None:
            return [build.const(v, dtype) for v in (np.finfo(dtype).min, 0, 0)]
        return [build.const(_neutral(self.combine, dtype), dtype)]

    def step(self, state: Sequence[Any], x: Any, attr: Any = None) -> list[Any]:
        """One element, or the sum of a block, more."""
        if self.sums:
            return two_sum(self.build, state, x)
        if self.combine is None:
            return self._exponential(state, x)
        return [self.build.op(self.combine, state[0], x,
                              attr=attr if self.combine == "mul" else None)]

    def value(self, state: Sequence[Any]) -> Any:
        """The result up to here."""
        if self.sums:
            return rounded(self.build, state)
        if self.combine is None:
            total = rounded(self.build, state[1:])
            return self.build.op("add", state[0], self.build.op("log", total))
        return state[0]

    def _exponential(self, state: Sequence[Any], x: Any) -> list[Any]:
        """The sum of exponentials with a scale that is less than 1 below the largest exponent."""
        build, (scale, *pair) = self.build, state
        most = build.const(np.finfo(self.dtype).max, self.dtype)
        grows = build.op("gt", x, build.op("add", scale, build.const(1, self.dtype)))
        new = build.select(grows, build.op("min", x, most), scale)
        factor = build.op("exp", build.op("sub", scale, new))
        pair = [build.op("mul", p, factor) for p in pair]
        return [new, *two_sum(build, pair, build.op("exp", build.op("sub", x, new)))]


def _neutral(combine: str, dtype: np.dtype) -> Any:
    """What changes nothing that it is combined with; the sum's keeps the sign of -0."""
    if combine in ("add", "mul"):
        return 1 if combine == "mul" else dtype.type(-0.0) if dtype.kind in "fV" else 0
    lowest = combine != "min"
    if dtype.kind in "fV":
        return -np.inf if lowest else np.inf
    if dtype.kind == "b":
        return not lowest
    return np.iinfo(dtype).min if lowest else np.iinfo(dtype).max


# ---- loops ---------------------------------------------------------------------------------------
@dataclass
class _Cumulative:
    """The loops of one operation on `x`, into `target`."""

    build: Lowering
    x: ArrayValue
    target: Buffer
    axis: int
    reverse: bool
    rule: _Rule

    def write(self) -> None:
        build, axis, n = self.build, self.axis, self.x.shape[self.axis]
        before, behind = self.x.shape[:axis], self.x.shape[axis + 1 :]
        if size_of(behind) > LINES:
            build.lines(before, lambda index: self.rows(index, behind))
            return
        others = (*before, *behind)
        count = size_of(others)
        if count < LINES and n >= self.build.schedule.parallel_cumulative_elements:
            build.nest(others, self.segments)
            return

        def group(first: Index, size: int) -> None:
            lines = [unravel(build, build.index_add(first, k), others) for k in range(size)]
            self.extend([(line, 0) for line in lines], n, [self.rule.start() for _ in lines])

        if count >= LINES:
            with build.loop(count // LINES, independent=True) as g:
                group(build.index_mul(g, LINES), LINES)
        if count % LINES:
            group(count - count % LINES, count % LINES)

    # ---- elements ----------------------------------------------------------------------------
    def place(self, line: Sequence[Index], i: Index) -> list[Index]:
        """The index of element i of a line, from the end if so wanted."""
        at = self.build.index_sub(self.x.shape[self.axis] - 1, i) if self.reverse else i
        return [*line[: self.axis], at, *line[self.axis :]]

    def load(self, line: Sequence[Index], i: Index) -> Any:
        return self.build.converted(self.x.at(self.build, self.place(line, i)), self.rule.dtype)

    def store(self, line: Sequence[Index], i: Index, value: Any) -> None:
        self.build.store(self.target, self.place(line, i),
                         self.build.converted(value, self.x.dtype))

    # ---- lines -------------------------------------------------------------------------------
    def extend(self, starts: Sequence[tuple[Sequence[Index], Index]], n: int,
               states: Sequence[Sequence[Any]]) -> list[list[Any]]:
        """The next n elements of lines, each from its own start, given what comes before."""
        build, rule, width = self.build, self.rule, len(states[0])

        def parted(carry: Sequence[Any]) -> list[list[Any]]:
            return [list(carry[k * width : (k + 1) * width]) for k in range(len(starts))]

        def step(first: Index, carry: Sequence[Any]) -> list[Any]:
            out = []
            for (line, start), state in zip(starts, parted(carry), strict=True):
                at = build.index_add(start, first)
                out.append(rule.step(state, self.load(line, at)))
                self.store(line, at, rule.value(out[-1]))
            return [x for state in out for x in state]

        def block(first: Index, count: int, carry: Sequence[Any]) -> list[Any]:
            before = [rule.value(state) for state in parted(carry)]

            def one(i: Index, sums: Sequence[Any]) -> list[Any]:
                out = []
                for (line, start), base, total in zip(starts, before, sums, strict=True):
                    at = build.index_add(start, build.index_add(first, i))
                    out.append(build.op("add", total, self.load(line, at)))
                    self.store(line, at, build.op("add", base, out[-1]))
                return out

            sums = build.accumulate(count, [rule.start()[0]] * len(starts), one)
            return [x for state, total in zip(parted(carry), sums, strict=True)
                    for x in rule.step(state, total)]

        carry: Sequence[Any] = [x for state in states for x in state]
        if not rule.sums:
            return parted(repeat(build, n, carry, step))
        carry = repeat(build, n // LEAF, carry, lambda b,
                       c: block(build.index_mul(b, LEAF), LEAF, c))
        if n % LEAF:
            carry = block(n - n % LEAF, n % LEAF, carry)
        return parted(carry)

    def segments(self, line: Sequence[Index]) -> None:
        """One long line in parts: what each begins with is found first."""
        build, rule = self.build, self.rule
        length, rest = divmod(self.x.shape[self.axis], SEGMENTS)
        start = rule.start()
        memories = [build.allocate((SEGMENTS + 1,), x.dtype) for x in start]
        totals = build.allocate((SEGMENTS,), rule.dtype)
        with build.loop(SEGMENTS, independent=True) as s:
            build.store(totals, (s,), self.total(line, build.index_mul(s, length), length))

        def add_up(s: Index, carry: Sequence[Any]) -> list[Any]:
            for memory, x in zip(memories, carry, strict=True):
                build.store(memory, (s,), x)
            return rule.step(carry, totals.at(build, (s,)))

        last = build.accumulate(SEGMENTS, start, add_up)
        with build.loop(SEGMENTS // TOGETHER, independent=True) as g:
            parts = [build.index_add(build.index_mul(g, TOGETHER), k) for k in range(TOGETHER)]
            self.extend([(line, build.index_mul(s, length)) for s in parts], length,
                        [[m.at(build, (s,)) for m in memories] for s in parts])
        if rest:
            self.extend([(line, SEGMENTS * length)], rest, [last])

    def total(self, line: Sequence[Index], first: Index, n: int) -> Any:
        """All elements of a part of a line, combined."""
        build, rule = self.build, self.rule

        def at(i: Index) -> Any:
            return self.load(line, build.index_add(first, i))

        if rule.sums:
            return line_sum(build, n, at, rule.start()[0])
        return rule.value(build.accumulate(
            n, rule.start(), lambda i, c: rule.step(c, at(i), "reassociate")))

    # ---- rows --------------------------------------------------------------------------------
    def rows(self, outer: Sequence[Index], shape: Sequence[int]) -> None:
        """Element by element of whole rows, with what is carried in memory."""
        build = self.build
        width = shape[-1]
        tile = self.build.schedule.cumulative_row_tile if len(shape) == 1 else width
        rest = width % tile
        for first, size, tiles in ((0, tile, width // tile), (width - rest, rest, 1)):
            if not size or not tiles:
                continue
            with build.loop(tiles, independent=True) as t:
                start = build.index_add(first, build.index_mul(t, size))

                def line(inner: Sequence[Index], start: Index = start) -> list[Index]:
                    return [*outer, *inner[:-1], build.index_add(start, inner[-1])]

                self.tile((*shape[:-1], size), line)

    def tile(self, part: Sequence[int], line: Callable[[Sequence[Index]], list[Index]]) -> None:
        """A part of all rows that stays in the first cache."""
        build, rule, n = self.build, self.rule, self.x.shape[self.axis]
        states = [build.allocate(part, x.dtype) for x in rule.start()]
        build.nest(part, lambda index: self._put(states, rule.start(), index), vector=True)
        if rule.sums:
            self.tile_of_sums(part, line, states)
            return

        def step(i: Index, index: Sequence[Index]) -> None:
            new = rule.step(self._get(states, index), self.load(line(index), i))
            self._put(states, new, index)
            self.store(line(index), i, rule.value(new))

        with build.loop(n) as i:
            build.nest(part, lambda index: step(i, index), vector=True)

    def tile_of_sums(self, part: Sequence[int], line: Callable[[Sequence[Index]], list[Index]],
                     states: Sequence[Buffer]) -> None:
        """The same of sums: blocks of rows, to which the sum of those before them is added."""
        build, rule, n = self.build, self.rule, self.x.shape[self.axis]
        base, total = (build.allocate(part, rule.dtype) for _ in range(2))

        def several(first: Index, count: int, index: Sequence[Index]) -> None:
            before, here = base.at(build, index), total.at(build, index)
            for k in range(count):
                i = build.index_add(first, k)
                here = build.op("add", here, self.load(line(index), i))
                self.store(line(index), i, build.op("add", before, here))
            build.store(total, index, here)

        def begin(index: Sequence[Index]) -> None:
            self._put([base, total], [rule.value(self._get(states, index)), rule.start()[0]], index)

        def end(index: Sequence[Index]) -> None:
            self._put(states, rule.step(self._get(states, index), total.at(build, index)), index)

        def block(first: Index, count: int) -> None:
            build.nest(part, begin, vector=True)
            with build.loop(count // ROWS) as g:
                build.nest(part, lambda index: several(
                    build.index_add(first, build.index_mul(g, ROWS)), ROWS, index), vector=True)
            if count % ROWS:
                build.nest(part, lambda index: several(
                    build.index_add(first, count - count % ROWS), count % ROWS, index), vector=True)
            build.nest(part, end, vector=True)

        if n >= LEAF:
            with build.loop(n // LEAF) as b:
                block(build.index_mul(b, LEAF), LEAF)
        if n % LEAF:
            block(n - n % LEAF, n % LEAF)

    def _put(self, memories: Sequence[Buffer], values: Sequence[Any], index: Sequence[Index]
             ) -> None:
        for memory, value in zip(memories, values, strict=True):
            self.build.store(memory, index, value)

    def _get(self, memories: Sequence[Buffer], index: Sequence[Index]) -> list[Any]:
        return [memory.at(self.build, index) for memory in memories]


def _unrolled(x: ArrayValue, axis: int, reverse: bool, rule: _Rule) -> ArrayValue:
    """A small array: all elements as scalars; sums are made of short blocks."""
    build = rule.build
    values = build.scalars(x)
    table = np.empty(x.shape, object)
    for k, index in enumerate(np.ndindex(*x.shape)):
        table[index] = values.elements[k]
    lines = np.moveaxis(table, axis, 0)
    order = range(x.shape[axis])[::-1] if reverse else range(x.shape[axis])
    for index in np.ndindex(*lines.shape[1:]):
        state = base = total = out = None
        for k, i in enumerate(order):
            new = build.converted(lines[(i, *index)], rule.dtype)
            if rule.sums:
                if k and k % LEAF == 0:
                    base, total = out, None
                total = new if total is None else build.op("add", total, new)
                out = total if base is None else build.op("add", base, total)
            else:
                state = rule.step(rule.start() if state is None else state, new)
                out = rule.value(state)
            lines[(i, *index)] = build.converted(out, x.dtype)
    return RegisterArray(x.shape, x.dtype, list(table.ravel()))
