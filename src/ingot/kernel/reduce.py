"""Reductions as loops: element by element in blocks, or whole rows where the last axis stays.

Sums of floats are made of short blocks, or blocks of rows, as `summation.py` says, so that their
error does not grow with the number of elements. Other reductions are regrouped into blocks of
`schedule.reduction_block` elements for the sake of vectors. Narrow floats are added up in float32.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ingot.kernel.complex_functions import COMPLEX
from ingot.kernel.ir import Index
from ingot.kernel.lowering import Lowering
from ingot.kernel.rows import RowReduction
from ingot.kernel.summation import is_inexact, line_sum, over_blocks, pairwise
from ingot.kernel.values import (
    BOOL,
    ArrayValue,
    Buffer,
    LazyArray,
    RegisterArray,
    Unsupported,
    check_native_dtypes,
    index_of,
    indices,
)
from ingot.util import size_of

ScalarRule = str | Callable[..., Any]


def reduction(rule: ScalarRule, init: Callable[[np.dtype], Any]) -> Callable[..., Any]:
    """Combine the elements along `axes` with a scalar operation, from `init(dtype)`."""

    def kernel(build: Lowering, x: ArrayValue, *, out: Any, axes: Sequence[int],
               **params: Any) -> ArrayValue:
        check_native_dtypes(x.dtype)
        if isinstance(rule, str) and rule not in COMPLEX and x.dtype.kind == "c":
            raise Unsupported(f"{rule} of complex numbers")
        wide = x.dtype.kind in "fV" and x.dtype.itemsize == 2 and rule in ("add", "mul")
        dtype = np.dtype(np.float32) if wide else x.dtype
        start = build.const(init(dtype), dtype)
        return _Reduction(build, x, tuple(axes), rule, start).value(tuple(out.shape))

    return kernel


@dataclass
class _Reduction:
    """One reduction of `x` along `axes`; `start` is neutral and of the dtype to compute in."""

    build: Lowering
    x: ArrayValue
    axes: tuple[int, ...]
    rule: ScalarRule
    start: Any

    @property
    def sums(self) -> bool:
        """Whether the numbers that are added up are rounded."""
        return self.rule == "add" and is_inexact(self.start.dtype)

    def value(self, shape: tuple[int, ...]) -> ArrayValue:
        x, axes = self.x, self.axes
        self.kept = tuple(a for a in range(x.ndim) if a not in axes)
        self.sizes = [x.shape[a] for a in axes]
        count = size_of(self.sizes)
        lazy = LazyArray(shape, x.dtype, lambda build, index: self.element(index), [x],
                         x.cost * max(count - 1, 0) + count)
        work, limits = count * (x.cost + 1), self.build.schedule
        if count == 1 or x.size <= limits.max_scalars or (
                count <= limits.max_scalars and work <= limits.inline_reduction_work):
            return lazy
        last = max((a for a, n in enumerate(x.shape) if n > 1), default=0)
        if not shape or size_of(shape) == 1:
            scalars = self.build.scalars(LazyArray((), x.dtype, lambda b, i: self.element(
                [0] * len(shape))))
            return RegisterArray(shape, x.dtype, scalars.elements)
        return self.build.materialize(lazy) if last in axes else self.rows(last, shape)

    # ---- scalars -----------------------------------------------------------------------------
    def load(self, index: Sequence[Index]) -> Any:
        """An element of the operand in the dtype to compute in."""
        return self.build.converted(self.x.at(self.build, index), self.start.dtype)

    def combine(self, a: Any, b: Any) -> Any:
        if a is None or b is None:
            return a if b is None else b
        if isinstance(self.rule, str):
            return self.build.op(self.rule, a, b, attr="reassociate")
        return self.rule(self.build, a, b)

    # ---- one element of the result -----------------------------------------------------------
    def element(self, kept: Sequence[Index]) -> Any:
        """The reduction of the elements that belong to one index of the result."""
        def at(inner: Sequence[Index]) -> Any:
            return self.load(index_of(self.x.ndim, (self.kept, kept), (self.axes, inner)))

        count, limits = size_of(self.sizes), self.build.schedule
        work = self.x.size * (self.x.cost + 2)
        if count == 1 or self.x.size <= limits.max_scalars or self.short(count):
            total = self.combine(self.start, self.written_out(self.sizes, at))
        elif not self.kept and work >= limits.parallel_reduction_work:
            total = self.in_parts(at)
        else:
            total = self.nest((), at)
        return self.build.converted(total, self.x.dtype)

    def in_parts(self, at: Callable[[Sequence[Index]], Any]) -> Any:
        """Parts of equal length of the first axis, which threads share, and what they leave."""
        build, sizes = self.build, self.sizes
        count = build.schedule.reduction_parts
        unit = build.schedule.reduction_block if all(n == 1 for n in sizes[1:]) else 1
        size = unit * (sizes[0] // unit // count)
        rest = sizes[0] - size * count
        total: Any = None
        if size:
            parts = build.allocate((count,), self.start.dtype)
            self.sizes = [size, *sizes[1:]]
            with build.loop(count, independent=True) as p:
                first = build.index_mul(p, size)
                build.store(parts, (p,), self.nest(
                    (), lambda i: at((build.index_add(first, i[0]), *i[1:]))))
            total = over_blocks(build, count, lambda p: parts.at(build, (p,)), self.start) if (
                self.sums) else self.combine(self.start, self.written_out(
                    (count,), lambda p: parts.at(build, p)))
        if rest:
            self.sizes = [rest, *sizes[1:]]
            total = self.combine(total, self.nest(
                (), lambda i: at((build.index_add(size * count, i[0]), *i[1:]))))
        self.sizes = sizes
        return total

    def nest(self, index: tuple[Index, ...], at: Callable[[Sequence[Index]], Any]) -> Any:
        """Loops over the reduced axes from `len(index)` on; each starts anew."""
        build, sizes = self.build, self.sizes
        depth = len(index)
        if depth == len(sizes):
            return at(index)
        if sizes[depth] == 0:
            return self.start
        if all(n == 1 for n in sizes[depth + 1 :]):
            rest = (0,) * (len(sizes) - depth - 1)
            return self.line(sizes[depth], lambda i: at((*index, i, *rest)))
        if sizes[depth] == 1:
            return self.nest((*index, 0), at)
        if self.sums:
            return self.nest_of_sums(index, at)
        return build.accumulate(sizes[depth], [self.start], lambda i, c: [
            self.combine(c[0], self.nest((*index, i), at))])[0]

    def nest_of_sums(self, index: tuple[Index, ...], at: Callable[[Sequence[Index]], Any]) -> Any:
        """Loops over several axes: short ones are written out, in blocks of the axis before."""
        depth = len(index)
        n, inner = self.sizes[depth], self.sizes[depth + 1 :]
        if self.short(size_of(inner)):
            return line_sum(
                self.build, n, lambda i: self.written_out(inner, lambda j: at((*index, i, *j))),
                self.start, (self.x.cost + 1) * size_of(inner))
        return over_blocks(self.build, n, lambda i: self.nest((*index, i), at), self.start)

    def written_out(self, sizes: Sequence[int], at: Callable[[Sequence[Index]], Any]) -> Any:
        """All elements of a few, a vector of them in order, and the sums of these in pairs."""
        totals: list[Any] = []
        for k, inner in enumerate(indices(sizes)):
            if k % self.build.schedule.reduction_vector == 0:
                totals.append(None)
            totals[-1] = self.combine(totals[-1], at(inner))
        if self.sums and len(totals) > 1:
            return pairwise(self.build, totals)
        return functools.reduce(self.combine, totals, None)

    def short(self, count: int) -> bool:
        """Whether so many elements are few enough to be written out."""
        return count * (self.x.cost + 2) <= self.build.schedule.max_unrolled_reduction_work

    def line(self, n: int, at: Callable[[Index], Any]) -> Any:
        """A loop along one axis, in blocks if it is long."""
        build = self.build
        if self.short(n):
            return self.written_out((n,), lambda i: at(i[0]))
        if self.sums:
            return line_sum(build, n, at, self.start, self.x.cost)
        size = build.schedule.reduction_block
        if n <= 2 * size:
            return self.block(n, at)
        blocks, rest = divmod(n, size)

        def block(b: Index, carry: Sequence[Any]) -> list[Any]:
            first = build.index_mul(b, size)
            return [self.combine(carry[0], self.block(
                size, lambda i: at(build.index_add(first, i))))]

        (total,) = build.accumulate(blocks, [self.start], block)
        if rest:
            total = self.combine(total, self.block(
                rest, lambda i: at(build.index_add(blocks * size, i))))
        return total

    def block(self, n: int, at: Callable[[Index], Any]) -> Any:
        """One loop over few elements, which vectors can take several at a time."""
        build = self.build
        if self.rule not in ("min", "max") or self.start.dtype.kind == "c":
            return build.accumulate(n, [self.start], lambda i, c: [self.combine(c[0], at(i))])[0]
        # Whether there is a nan is found out apart from the extreme of the numbers.
        if self.start.dtype.kind not in "fV":
            return build.accumulate(n, [self.start], lambda i, c: [
                build.op(self.rule, c[0], at(i))])[0]  # type: ignore[arg-type]

        def step(i: Index, carry: Sequence[Any]) -> list[Any]:
            new = at(i)
            return [build.op(self.rule, carry[0], new, attr="no nan"),  # type: ignore[arg-type]
                    build.op("or", carry[1], build.op("ne", new, new))]

        extreme, nan = build.accumulate(n, [self.start, build.const(False, BOOL)], step)
        return build.select(nan, build.const(np.nan, self.start.dtype), extreme)

    # ---- rows --------------------------------------------------------------------------------
    def rows(self, last: int, shape: tuple[int, ...]) -> ArrayValue:
        """The last axis stays: whole rows are combined, element with element."""
        build, x = self.build, self.x
        target = build.allocate(shape, self.start.dtype)
        others = [a for a in self.kept if a != last]
        n, axes = x.shape[last], [a for a in self.axes if x.shape[a] != 1]

        def result(outer: Sequence[Index], j: Index) -> list[Index]:
            full = index_of(x.ndim, (others, outer), ((last,), (j,)))
            return [full[a] for a in self.kept]

        def one(outer: Sequence[Index]) -> None:
            def at(inner: Sequence[Index], j: Index) -> Any:
                return self.load(index_of(
                    x.ndim, (others, outer), (axes, inner), ((last,), (j,))))

            rows = RowReduction(build, [x.shape[a] for a in axes], at, self.combine, self.start,
                                self.sums)
            if n <= self.build.schedule.register_row and self.short(n):
                for j, total in enumerate(rows.few(n)):
                    build.store(target, result(outer, j), total)
                return
            wide = build.schedule.row_tile
            for first, width, tiles in ((0, wide, n // wide), (n - n % wide, n % wide, 1)):
                if not width or not tiles:
                    continue
                with build.loop(tiles) as tile:
                    start = build.index_add(first, build.index_mul(tile, width))
                    replace(rows, at=lambda i, j, s=start: at(i, build.index_add(s, j))).into(
                        width, lambda j, s=start: (target, result(outer, build.index_add(s, j))))

        build.nest([x.shape[a] for a in others], one)
        if target.dtype == x.dtype:
            return target
        return LazyArray(shape, x.dtype,
                         lambda b, i: self.build.converted(target.at(b, i), x.dtype), [target], 1)


# ---- places of extremes --------------------------------------------------------------------------
def arg_reduction(rule: str) -> Callable[..., Any]:
    """The first place along one axis of the 'max' or 'min', or of the first NaN."""

    def kernel(build: Lowering, x: ArrayValue, *, out: Any, axes: Sequence[int],
               index_dtype: Any) -> ArrayValue:
        check_native_dtypes(x.dtype)
        (axis,) = axes
        count, dtype = x.shape[axis], np.dtype(index_dtype)
        start = build.const(0, x.dtype)
        search = _Place(build, x, tuple(axes), rule, start)

        def at(build: Lowering, index: Sequence[Index]) -> Any:
            def element(i: Index) -> Any:
                return x.at(build, [*index[:axis], i, *index[axis:]])

            return build.op("convert", search.first(count, element), dtype=dtype)

        lazy = LazyArray(out.shape, dtype, at, [x], (2 * x.cost + 4) * count)
        inner = all(n == 1 for n in x.shape[axis + 1 :])
        if inner or x.size <= build.schedule.max_scalars:
            return lazy
        places = search.rows_of_places(tuple(out.shape))
        return LazyArray(out.shape, dtype, lambda b, index: b.op(
            "convert", places.at(b, index), dtype=dtype), [places], 1)

    return kernel


def beats(build: Lowering, rule: ScalarRule, new: Any, best: Any) -> Any:
    """Whether a later element takes the place: the first NaN wins over everything."""
    if new.dtype.kind not in "fV":
        return build.op("gt" if rule == "max" else "lt", new, best)
    no_better = build.op("le" if rule == "max" else "ge", new, best)
    return build.op("and", build.op("not", no_better), build.op("eq", best, best))


class _Place(_Reduction):
    """Searches for extremes; `start` is not used but for its dtype."""

    def better(self, new: Any, best: Any) -> Any:
        return beats(self.build, self.rule, new, best)

    def first(self, count: int, element: Callable[[Index], Any]) -> Any:
        """The place as an index: the best block is found first, then the place within."""
        build = self.build

        def step(i: Index, carry: Sequence[Any]) -> list[Any]:
            new = element(i)
            take = self.better(new, carry[0])
            return [build.select(take, new, carry[0]),
                    build.select(take, build.index(i), carry[1])]

        carry = [element(0), build.index(0)]
        if count <= 16:
            for i in range(1, count):
                carry = step(i, carry)
            return carry[1]
        self.start = element(0)
        width = min(count, self.build.schedule.reduction_block)
        blocks, rest = divmod(count, width)

        def block(first: Index, n: int, carry: Sequence[Any]) -> list[Any]:
            extreme = self.block(n, lambda i: element(build.index_add(first, i)))
            take = self.better(extreme, carry[0])
            return [build.select(take, extreme, carry[0]),
                    build.select(take, build.index(first), carry[1])]

        if blocks == 1:
            carry = block(0, width, carry)
        else:
            carry = build.accumulate(
                blocks, carry, lambda b, c: block(build.index_mul(b, width), width, c))
        if rest:
            carry = block(blocks * width, rest, carry)
        return self.within(element, carry[0], carry[1], width, count)

    def within(self, element: Callable[[Index], Any], best: Any, first: Any, width: int, count: int
               ) -> Any:
        """The first place from `first` on where the extreme stands, which is less than `width` on.

        A block that would end behind the last element is begun earlier.
        """
        build, floats = self.build, best.dtype.kind in "fV"
        start = build.iclamp(first, count - width) if count > width else 0
        nowhere = build.const(width, np.int32)

        def step(i: Index, carry: Sequence[Any]) -> list[Any]:
            new = element(build.index_add(start, i))
            here = build.op("eq", new, best)
            if floats:
                both = build.op("and", build.op("ne", new, new), nan)
                here = build.op("or", here, both)
            place = build.op("convert", build.index(i), dtype=np.int32)
            return [build.op("min", carry[0], build.select(here, place, nowhere))]

        nan = build.op("ne", best, best) if floats else None
        (offset,) = build.accumulate(width, [nowhere], step)
        return build.index(build.index_add(start, build.as_index(offset)))

    def rows_of_places(self, shape: tuple[int, ...]) -> Buffer:
        """The places, found for whole rows at once."""
        build, x, (axis,) = self.build, self.x, self.axes
        best = build.allocate(shape, x.dtype)
        places = build.allocate(shape, np.dtype(np.int32))
        inner = x.ndim - 1 - axis
        outer, row = shape[: len(shape) - inner], shape[len(shape) - inner :]

        def one(index: tuple[Index, ...]) -> None:
            def first(rest: tuple[Index, ...]) -> None:
                build.store(best, (*index, *rest), x.at(build, (*index, 0, *rest)))
                build.store(places, (*index, *rest), build.const(0, np.int32))

            build.nest(row, first, vector=True)
            with build.loop(x.shape[axis] - 1) as k:
                i = build.index_add(k, 1)

                def later(rest: tuple[Index, ...]) -> None:
                    new = x.at(build, (*index, i, *rest))
                    old = best.at(build, (*index, *rest))
                    take = self.better(new, old)
                    place = build.op("convert", build.index(i), dtype=np.int32)
                    build.store(best, (*index, *rest), build.select(take, new, old))
                    build.store(places, (*index, *rest), build.select(
                        take, place, places.at(build, (*index, *rest))))

                build.nest(row, later, vector=True)

        build.nest(outer, one)
        return places


__all__ = ["arg_reduction", "reduction"]
