"""Convolutions as sums of products in tiles of registers, read where the operand lies.

The operand is padded in memory in the layout it has. Vectors run along output features, with the
kernel laid out for them; or along the last spatial axis where the result has that last. Weights'
gradients are convolutions with few positions and long sums, operands' gradients of strided ones
have several phases: positions of the result that meet the same taps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ingot.kernel.rules import ArrayValue, Buffer, Index, LazyArray, Lowering, index_of, pairwise
from ingot.kernel.tile_product import Columns, Rows, Sums, Terms, lanes
from ingot.kernel.values import row_major
from ingot.util import size_of

Ints = Sequence[int]

ROWS_AT_ONCE = 192
"""Rows of a call: what they read of the operand stays in the second cache."""

PARTS, PARTS_ELEMENTS = 16, 1 << 20
"""Parts of long sums, which threads share, and elements that all of them may have."""

TASKS = 16
"""Pieces of work from which threads get nearly equal shares."""


class Phase(NamedTuple):
    """Positions of the result along an axis that meet the same taps: the first, the step from one
    to the next, how many; taps in steps, and where the first one lies in the padded operand."""

    start: int
    step: int
    count: int
    tap: int
    tap_step: int
    taps: int
    place: int
    place_step: int


class Axis(NamedTuple):
    """A spatial axis: zeros before and after the operand, steps between windows, phases."""

    before: int
    after: int
    stride: int
    phases: list[Phase]


def spatial_axis(n: int, window: int, count: int, stride: int, low: int, holes: int, spread: int
                 ) -> Axis:
    """Which elements meet which taps, where either windows or the operand's elements are apart."""
    phases = []
    for start in range(min(holes, count)):
        taps = [k for k in range(window) if (start + k * spread - low) % holes == 0]
        places = [(start + k * spread - low) // holes for k in taps] or [0]
        steps = (taps[1] - taps[0], places[1] - places[0]) if len(taps) > 1 else (1, 1)
        phases.append(Phase(start, holes, -(-(count - start) // holes), taps[0] if taps else 0,
                            steps[0], len(taps), places[0], steps[1]))
    used = [p for p in phases if p.taps]
    first = min((p.place for p in used), default=0)
    last = max((p.place + (p.taps - 1) * p.place_step + (p.count - 1) * stride for p in used),
               default=0)
    before = max(0, -first)
    return Axis(before, max(0, last - (n - 1)), stride,
                [p._replace(place=p.place + before) for p in phases])


class Convolution:
    """One convolution being built: operands in memory, and what is where."""

    def __init__(self, build: Lowering, lhs: ArrayValue, rhs: ArrayValue, out: Any, dims: Any,
                 dtype: np.dtype[Any], axes: list[Axis], feature_groups: int, batch_groups: int):
        self.build, self.dims, self.dtype, self.axes = build, dims, dtype, axes
        self.lanes, self.out = lanes(dtype), out
        self.feature_groups, self.groups = feature_groups, feature_groups * batch_groups
        outs, self.features, *self.window = (rhs.shape[i] for i in dims.rhs_spec)
        self.outs = outs // self.groups
        self.batch, _, *self.places = (out.shape[i] for i in dims.out_spec)
        self.lhs, self.rhs = lhs, rhs

    def run(self) -> ArrayValue:
        """The result."""
        spec = self.dims.out_spec
        last = len(spec) - 1
        along = (last >= 2 and spec[-1] == last and self.dims.lhs_spec[-1] == last
                 and self.axes[-1].stride == 1 and all(len(a.phases) == 1 for a in self.axes)
                 and self.places[-1] * 2 > self.lanes)
        target = self.along_positions() if along else self.along_features()
        if target.dtype == self.out.dtype:
            return target
        return LazyArray(target.shape, self.out.dtype, lambda b, index: b.converted(
            target.at(b, index), self.out.dtype), [target])

    # ---- operands --------------------------------------------------------------------------------
    def padded(self, whole: bool) -> Buffer:
        """The operand with zeros around, in the order of its axes; `whole`: vectors may be read
        behind its end."""
        build, spec, x = self.build, self.dims.lhs_spec, self.lhs
        before, after = [0] * x.ndim, [0] * x.ndim
        for place, axis in zip(spec[2:], self.axes, strict=True):
            before[place], after[place] = axis.before, axis.after
        pads = any(before) or any(after)
        if not (pads or whole) and x.dtype == self.dtype:
            return build.contiguous(x)
        if x.cost or (x.shape and x.shape[-1] < 8):
            x = build.contiguous(x)
        shape = [b + n + a for b, n, a in zip(before, x.shape, after, strict=True)]
        flat = build.allocate((size_of(shape) + (self.lanes if whole else 0),), self.dtype)
        target = Buffer(flat.memory, shape, self.dtype)
        if pads:
            zero = build.const(0, self.dtype)
            build.nest(flat.shape, lambda index: build.store(flat, index, zero), vector=True)
        inner = Buffer(flat.memory, x.shape, self.dtype,
                       sum(b * s for b, s in zip(before, target.strides, strict=True)),
                       target.strides)
        source = x
        if isinstance(x, Buffer) and x.contiguous:
            source, inner = merged(x, inner)
        build.nest(source.shape, lambda index: build.store(
            inner, index, build.converted(source.at(build, index), self.dtype)), vector=True)
        return target

    def reduction(self, combination: Sequence[Phase], features: tuple[int, int],
                  taps_a: Ints, taps_b: Ints, features_last: bool) -> list[Terms]:
        """The axes of the sums: features and taps, in the order in which they are added."""
        taps = [Terms(p.taps, a, b) for p, a, b in zip(combination, taps_a, taps_b, strict=True)]
        feature = Terms(self.features, *features)
        return [*taps, feature] if features_last else [feature, *taps]

    def lhs_strides(self, x: Buffer) -> tuple[int, int, list[int]]:
        """Steps in memory from one entry of the batch, one feature and one place to the next."""
        batch, feature, *spatial = (x.strides[i] for i in self.dims.lhs_spec)
        return batch, feature, spatial

    def packed_kernel(self, features_last: bool) -> tuple[Buffer, int, list[int]]:
        """The kernel as vectors of output features, one for each term; steps along its axes."""
        build, rhs, width = self.build, self.rhs, self.lanes
        spec = self.dims.rhs_spec
        sizes = [*self.window, self.features] if features_last else [self.features, *self.window]
        steps = [width * s for s in row_major(sizes)]
        panel, panels = width * size_of(sizes), -(-self.outs // width)
        target = build.allocate((self.groups * panels * panel,), self.dtype)
        outs_last = isinstance(rhs, Buffer) and spec[0] == rhs.ndim - 1

        def write(first: int, count: int, columns: int) -> None:
            """Some vectors, with as many columns each."""
            def store(index: tuple[Index, ...]) -> None:
                group, vector, *rest = index
                place = len(rest) - 1 if outs_last else len(rest) - 2
                lane, terms = rest[place], [*rest[:place], *rest[place + 1 :]]
                vector = build.index_add(vector, first)
                out = build.index_add(build.index_add(build.index_mul(group, self.outs),
                                                      build.index_mul(vector, width)), lane)
                feature, *taps = terms if not features_last else [terms[-1], *terms[:-1]]
                element = rhs.at(build, index_of(rhs.ndim, (spec, [out, feature, *taps])))
                at = build.index_add(build.index_mul(group, panels * panel),
                                     build.index_add(build.index_mul(vector, panel), lane))
                for term, step in zip(terms, steps, strict=True):
                    at = build.index_add(at, build.index_mul(term, step))
                build.store(target, (at,), build.converted(element, self.dtype))

            inner = [*sizes, columns] if outs_last else [*sizes[:-1], columns, sizes[-1]]
            build.nest((self.groups, count, *inner), store, vector=True)

        whole, rest = divmod(self.outs, width)
        write(0, whole, width)
        if rest:
            zero = build.const(0, self.dtype)
            build.nest((self.groups, panel), lambda index: build.store(target, (build.index_add(
                build.index_mul(index[0], panels * panel), build.index_add(
                    index[1], whole * panel)),), zero), vector=True)
            write(whole, 1, rest)
        if features_last:
            steps = [steps[-1], *steps[:-1]]
        return target, panel, steps

    # ---- vectors along the output features -------------------------------------------------------
    def along_features(self) -> ArrayValue:
        """Rows are positions of the result, or one spatial axis and the batch."""
        build, spec = self.build, self.dims.out_spec
        x = self.padded(False)
        batch_step, feature_step, steps = self.lhs_strides(x)
        features_last = feature_step < min(steps, default=1)
        kernel, panel, kernel_steps = self.packed_kernel(features_last)
        order = [i for i in range(len(spec)) if i != spec[1]] + [spec[1]]
        shape = [self.out.shape[i] for i in order]
        target = build.allocate(shape, self.dtype)
        strides = dict(zip(order, target.strides, strict=True))
        batch_out, outs_out, *places_out = (strides[i] for i in spec)
        combinations = [[]]
        for axis in self.axes:
            combinations = [[*c, p] for c in combinations for p in axis.phases]
        if not all(p.taps for c in combinations for p in c):
            zero = build.const(0, self.dtype)
            build.nest(shape, lambda index: build.store(target, index, zero), vector=True)
        with build.holding(x, kernel, target):
            for combination in combinations:
                if not all(p.taps for p in combination):
                    continue
                taps_a = [p.place_step * s for p, s in zip(combination, steps, strict=True)]
                taps_b = [p.tap_step * s for p, s in zip(combination, kernel_steps[1:],
                                                         strict=True)]
                sums = Sums(build, self.reduction(combination, (feature_step, kernel_steps[0]),
                                                  taps_a, taps_b, features_last),
                            self.dtype, build.schedule.conv_block_terms)
                # axes of the result: how many positions, steps in x, steps in the result
                positions = [(p.count, a.stride * s, p.step * o) for p, a, s, o in zip(
                    combination, self.axes, steps, places_out, strict=True)]
                a_at = sum(p.place * s for p, s in zip(combination, steps, strict=True))
                b_at = sum(p.tap * s for p, s in zip(combination, kernel_steps[1:], strict=True))
                out_at = sum(p.start * o for p, o in zip(combination, places_out, strict=True))
                self._feature_tasks(sums, x, kernel, target, panel, positions,
                                    (self.batch, batch_step, batch_out), (a_at, b_at, out_at),
                                    feature_step)
        if order == list(range(len(spec))):
            return target
        result = LazyArray(self.out.shape, self.dtype, lambda b, index: target.at(
            b, [index[i] for i in order]), [target])
        result.is_transposed = True
        return result

    def _feature_tasks(self, sums: Sums, x: Buffer, kernel: Buffer, target: Buffer, panel: int,
                       positions: list[tuple[int, int, int]], batch: tuple[int, int, int],
                       start: tuple[int, int, int], feature_step: int) -> None:
        build, width = self.build, self.lanes
        rows, others = _two_levels(positions, batch)
        (outer, a_outer, out_outer), (inner, a_inner, out_inner) = rows
        panels = -(-self.outs // width)
        at_once = max(1, min(outer, ROWS_AT_ONCE // inner))
        blocks = -(-outer // at_once)
        tasks = self.groups * blocks * size_of([n for n, _, _ in others])
        parts = 1
        if sums.total_calls >= (PARTS if tasks < TASKS else 4 * PARTS):
            parts = max(1, min(PARTS, sums.first_count, PARTS_ELEMENTS // target.size))
        tasks *= parts
        pieces = max(1, min(-(-panels // 2), -(-TASKS // tasks)))
        vectors = 2 * -(-panels // (2 * pieces))
        pieces = -(-panels // vectors)
        memory = target if parts == 1 else build.allocate((parts, target.size), self.dtype)
        axes = [parts, self.groups, pieces, *(n for n, _, _ in others), blocks]

        with build.loop(size_of(axes), independent=True) as task:
            part, group, piece, *places, block = _unraveled(build, task, axes)
            a_at, b_at, out_at = start
            for place, (_, a, o) in zip(places, others, strict=True):
                a_at = build.index_add(a_at, build.index_mul(place, a))
                out_at = build.index_add(out_at, build.index_mul(place, o))
            first = build.index_mul(block, at_once)
            a_at = build.index_add(a_at, build.index_mul(first, a_outer))
            out_at = build.index_add(out_at, build.index_mul(first, out_outer))
            group_step = self.features * feature_step if self.feature_groups > 1 \
                else batch[0] * batch[1]
            a_at = build.index_add(a_at, build.index_mul(group, group_step))
            b_at = build.index_add(b_at, build.index_mul(group, panels * panel))
            out_at = build.index_add(out_at, build.index_mul(group, self.outs))
            out_at = build.index_add(out_at, build.index_mul(part, target.size))
            skipped = build.index_mul(piece, vectors)
            b_at = build.index_add(b_at, build.index_mul(skipped, panel))
            out_at = build.index_add(out_at, build.index_mul(skipped, width))
            count = at_once if outer % at_once == 0 else build.imin(
                build.index_sub(outer, first), at_once)
            here = build.imin(build.index_sub(self.outs, build.index_mul(skipped, width)),
                              vectors * width)
            share = None if parts == 1 else _share(build, sums.first_count, parts, part)
            sums.add_up((memory.memory, build.index_add(memory.offset, out_at)),
                        (x.memory, build.index_add(x.offset, a_at)),
                        (kernel.memory, b_at),
                        Rows(count, inner, (a_outer, a_inner),
                             (out_outer, out_inner)),
                        Columns(here, width, panel), share)
        if parts > 1:
            _add_parts(build, target, memory)

    # ---- vectors along the last spatial axis -----------------------------------------------------
    def along_positions(self) -> ArrayValue:
        """Rows are output features."""
        build, spec, width = self.build, self.dims.out_spec, self.lanes
        whole = self.places[-1] % width != 0
        x = self.padded(whole)
        batch_step, feature_step, steps = self.lhs_strides(x)
        order = self.dims.rhs_spec
        rhs = self.rhs
        kernel = build.contiguous(rhs if tuple(order) == tuple(range(rhs.ndim)) and (
            rhs.dtype == self.dtype) else LazyArray(
            [rhs.shape[i] for i in order], self.dtype, lambda b, index: b.converted(rhs.at(
                b, index_of(rhs.ndim, (order, index))), self.dtype), [rhs]))
        outs_step, kernel_feature, *kernel_taps = kernel.strides
        target = build.allocate(self.out.shape, self.dtype)
        batch_out, outs_out, *places_out = (target.strides[i] for i in spec)
        phases = [axis.phases[0] for axis in self.axes]
        terms = self.reduction(
            phases, (kernel_feature, feature_step), kernel_taps,
            [p.place_step * s for p, s in zip(phases, steps, strict=True)], False)
        positions = [(p.count, a.stride * s, o) for p, a, s, o in zip(
            phases, self.axes, steps, places_out, strict=True)]
        *leading, (count, _, _) = positions
        columns = Columns(count, width, width)
        if count <= width and leading:  # each vector is a line
            lines, down, _ = leading.pop()
            columns = Columns(lines * count, count, down)
        others = [(self.batch, batch_step, batch_out), *leading]
        pieces = min(self.outs, -(-TASKS // (self.groups * size_of([n for n, _, _ in others]))))
        at_once = 6 * -(-self.outs // (6 * pieces))
        pieces = -(-self.outs // at_once)
        axes = [self.groups, *(n for n, _, _ in others), pieces]
        start = sum(p.place * s for p, s in zip(phases, steps, strict=True))
        group_step = self.features * feature_step if self.feature_groups > 1 \
            else self.batch * batch_step
        sums = Sums(build, terms, self.dtype, build.schedule.conv_block_terms)
        with build.holding(x, kernel, target), \
                build.loop(size_of(axes), independent=True) as task:
            group, *places, piece = _unraveled(build, task, axes)
            b_at = build.index_add(start, build.index_mul(group, group_step))
            first = build.index_mul(piece, at_once)
            feature = build.index_add(build.index_mul(group, self.outs), first)
            out_at = build.index_mul(feature, outs_out)
            for place, (_, b, o) in zip(places, others, strict=True):
                b_at = build.index_add(b_at, build.index_mul(place, b))
                out_at = build.index_add(out_at, build.index_mul(place, o))
            rows = at_once if self.outs % at_once == 0 else build.imin(
                build.index_sub(self.outs, first), at_once)
            sums.add_up((target.memory, build.index_add(target.offset, out_at)),
                        (kernel.memory, build.index_add(kernel.offset, build.index_mul(
                            feature, outs_step))),
                        (x.memory, build.index_add(x.offset, b_at)),
                        Rows(1, rows, (0, outs_step), (0, outs_out)), columns)
        return target


def merged(x: Buffer, inner: Buffer) -> tuple[Buffer, Buffer]:
    """Views of a contiguous buffer and of where it is copied to, with as few axes as both allow."""
    shape, strides = [], []
    for n, s in zip(x.shape, inner.strides, strict=True):
        if n == 1:
            continue
        if shape and strides[-1] == n * s:
            shape[-1], strides[-1] = shape[-1] * n, s
        else:
            shape.append(n)
            strides.append(s)
    return (Buffer(x.memory, shape, x.dtype, x.offset),
            Buffer(inner.memory, shape, inner.dtype, inner.offset, strides))


def _two_levels(positions: list[tuple[int, int, int]], batch: tuple[int, int, int]
                ) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
    """Which two axes of the result are rows, and which ones loops go over: (length, step in the
    operand, step in the result) each."""
    one = (1, 0, 0)
    two = [one, one, *positions][-2:]
    if size_of([n for n, _, _ in two]) >= 4 * 6 or batch[0] == 1:
        return two, [batch, *positions[:-2]]
    last = positions[-1] if positions else one
    if last[0] * batch[0] > size_of([n for n, _, _ in two]):
        return [last, batch], positions[:-1]
    return two, [batch, *positions[:-2]]


def _unraveled(build: Lowering, index: Index, shape: Sequence[int]) -> list[Index]:
    """The index along each axis."""
    found: list[Index] = []
    for n in reversed(shape):
        found.append(build.index_rem(index, n))
        index = build.index_div(index, n)
    return found[::-1]


def _share(build: Lowering, count: int, parts: int, part: Index) -> tuple[Index, Index]:
    """Which steps of a loop are those of a part: the first, and how many."""
    first = build.index_div(build.index_mul(part, count), parts)
    stop = build.index_div(build.index_mul(build.index_add(part, 1), count), parts)
    return first, build.index_sub(stop, first)


def _add_parts(build: Lowering, target: Buffer, parts: Buffer) -> None:
    """The sum of the rows of `parts`, in pairs."""
    flat = Buffer(target.memory, (target.size,), target.dtype)
    build.nest(flat.shape, lambda index: build.store(flat, index, pairwise(
        build, [parts.at(build, (k, *index)) for k in range(parts.shape[0])])), vector=True,
        cost=2 * parts.shape[0])
