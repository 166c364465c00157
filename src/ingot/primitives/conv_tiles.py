"""Convolutions as sums of products in tiles of registers, read where the operand lies.

The operand is padded in memory in the layout it has. Vectors run along output features, with the
kernel laid out for them; or along the last spatial axis where the result has that last. Weights'
gradients are convolutions with few positions and long sums, operands' gradients of strided ones
have several phases: positions of the result that meet the same taps.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ingot.kernel.rules import ArrayValue, Buffer, Index, LazyArray, Lowering, index_of, pairwise
from ingot.kernel.tile_product import Columns, Rows, Sums, Terms, lanes
from ingot.kernel.values import row_major
from ingot.util import size_of

Ints = Sequence[int]

ROWS_AT_ONCE = 192
"""Rows of a call: what they read of the operand stays in the second cache."""

FEW_ROWS = 256
"""Rows for which a kernel is not laid out."""

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


class Kernel(NamedTuple):
    """A kernel as vectors of output features: how far these are apart, and the kernels of groups;
    the steps from one feature and tap to the next."""

    memory: Buffer
    panel: int
    group: int
    feature: int
    taps: list[int]


Line = tuple[int, int, int]
"""An axis of the result: its length, the steps along it in the operand and in the result."""


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

    def sums(self, phases: Sequence[Phase], features: tuple[int, int], taps_a: Ints, taps_b: Ints,
             features_last: bool) -> Sums:
        """The sums over features and taps, in the order in which they are added, by steps."""
        taps = [Terms(p.taps, a, b) for p, a, b in zip(phases, taps_a, taps_b, strict=True)]
        feature = Terms(self.features, *features)
        return Sums(self.build, [*taps, feature] if features_last else [feature, *taps], self.dtype,
                    self.build.schedule.conv_block_terms)

    def group_step(self, x: Buffer) -> int:
        """From the operand of one group to that of the next."""
        batch, feature, _ = self.lhs_strides(x)
        return self.features * feature if self.feature_groups > 1 else self.batch * batch

    def lhs_strides(self, x: Buffer) -> tuple[int, int, list[int]]:
        """Steps in memory from one entry of the batch, one feature and one place to the next."""
        batch, feature, *spatial = (x.strides[i] for i in self.dims.lhs_spec)
        return batch, feature, spatial

    def reads_kernel_directly(self) -> bool:
        """Whether vectors are read where the kernel lies: it has whole ones, and so few rows meet
        each that to lay them out would take longer."""
        rhs, spec = self.rhs, self.dims.rhs_spec
        return (isinstance(rhs, Buffer) and rhs.contiguous and rhs.dtype == self.dtype
                and spec[0] == rhs.ndim - 1 and self.outs % self.lanes == 0
                and self.batch * size_of(self.places) <= FEW_ROWS)

    def packed_kernel(self, features_last: bool) -> Kernel:
        """The kernel as vectors of output features, one for each term."""
        build, rhs, width = self.build, self.rhs, min(self.lanes, self.outs)
        if isinstance(rhs, Buffer) and self.reads_kernel_directly():
            feature, *taps = (rhs.strides[i] for i in self.dims.rhs_spec[1:])
            return Kernel(rhs, self.lanes, self.outs, feature, taps)
        sizes = [*self.window, self.features] if features_last else [self.features, *self.window]
        steps = [width * s for s in row_major(sizes)]
        panel, (whole, rest) = width * size_of(sizes), divmod(self.outs, width)
        group = panel * (whole + bool(rest))
        # vectors of few columns overlap, and the last one ends behind the others
        target = build.allocate((self.groups * group + self.lanes - width,), self.dtype)
        feature, *taps = [steps[-1], *steps[:-1]] if features_last else steps
        kernel = Kernel(target, panel, group, feature, taps)
        self._write_vectors(kernel, features_last, 0, whole, width)
        if rest:
            zero = build.const(0, self.dtype)
            build.nest((self.groups, panel), lambda index: build.store(target, moved(
                build, (whole * panel,), *zip(index, ((group,), (1,)), strict=True)), zero),
                vector=True)
            self._write_vectors(kernel, features_last, whole, 1, rest)
        return kernel

    def _write_vectors(self, kernel: Kernel, features_last: bool, first: int, count: int,
                       columns: int) -> None:
        """Some vectors of the kernel, with as many columns each."""
        build, rhs, spec = self.build, self.rhs, self.dims.rhs_spec
        width = min(self.lanes, self.outs)
        sizes, steps = [self.features, *self.window], [kernel.feature, *kernel.taps]
        order = [*range(len(sizes))]  # of the loops over these
        if features_last:
            order = [*order[1:], 0]
        outs_last = isinstance(rhs, Buffer) and spec[0] == rhs.ndim - 1
        order.insert(len(order) if outs_last else len(order) - 1, len(sizes))

        def store(index: tuple[Index, ...]) -> None:
            group, vector, *rest = index
            by_axis = dict(zip(order, rest, strict=True))
            lane, terms = by_axis[len(sizes)], [by_axis[k] for k in range(len(sizes))]
            (out,) = moved(build, (first * width,), (group, (self.outs,)), (vector, (width,)),
                           (lane, (1,)))
            element = rhs.at(build, index_of(rhs.ndim, (spec, [out, *terms])))
            place = moved(
                build, (first * kernel.panel,), (group, (kernel.group,)),
                (vector, (kernel.panel,)), (lane, (1,)),
                *((term, (step,)) for term, step in zip(terms, steps, strict=True)))
            build.store(kernel.memory, place, build.converted(element, self.dtype))

        lengths = [*sizes, columns]
        build.nest((self.groups, count, *(lengths[k] for k in order)), store, vector=True)

    # ---- vectors along the output features -------------------------------------------------------
    def along_features(self) -> ArrayValue:
        """Rows are positions of the result, or one spatial axis and the batch."""
        build, spec = self.build, self.dims.out_spec
        x = self.padded(False)
        features_last = self.lhs_strides(x)[1] < min(self.lhs_strides(x)[2], default=1)
        kernel = self.packed_kernel(features_last)
        order = [i for i in range(len(spec)) if i != spec[1]] + [spec[1]]
        target = build.allocate([self.out.shape[i] for i in order], self.dtype)
        by_axis = dict(zip(order, target.strides, strict=True))
        combinations = [*itertools.product(*(axis.phases for axis in self.axes))]
        if not all(p.taps for c in combinations for p in c):
            zero = build.const(0, self.dtype)
            build.nest(target.shape, lambda index: build.store(target, index, zero), vector=True)
        with build.holding(x, kernel.memory, target):
            for combination in combinations:
                if all(p.taps for p in combination):
                    self._phase(combination, x, kernel, target, [by_axis[i] for i in spec],
                                features_last)
        if order == list(range(len(spec))):
            return target
        result = LazyArray(self.out.shape, self.dtype, lambda b, index: target.at(
            b, [index[i] for i in order]), [target])
        result.is_transposed = True
        return result

    def _phase(self, phases: Sequence[Phase], x: Buffer, kernel: Kernel, target: Buffer,
               out_steps: Ints, features_last: bool) -> None:
        """Positions of the result that meet the same taps."""
        batch_step, feature_step, steps = self.lhs_strides(x)
        batch_out, _, *places_out = out_steps
        sums = self.sums(phases, (feature_step, kernel.feature),
                         [p.place_step * s for p, s in zip(phases, steps, strict=True)],
                         [p.tap_step * s for p, s in zip(phases, kernel.taps, strict=True)],
                         features_last)
        positions = [(p.count, a.stride * s, p.step * o) for p, a, s, o in zip(
            phases, self.axes, steps, places_out, strict=True)]
        start = tuple(sum(n * s for n, s in zip(numbers, by, strict=True)) for numbers, by in (
            ([p.place for p in phases], steps), ([p.tap for p in phases], kernel.taps),
            ([p.start for p in phases], places_out)))
        self._feature_tasks(sums, x, kernel, target, positions,
                            (self.batch, batch_step, batch_out), start)

    def _feature_tasks(self, sums: Sums, x: Buffer, kernel: Kernel, target: Buffer,
                       positions: list[Line], batch: Line, start: tuple[int, ...]) -> None:
        """The pieces of a phase, which threads share."""
        build, width = self.build, self.lanes
        (outer, inner), others = _two_levels(positions, batch)
        at_once = max(1, min(outer[0], ROWS_AT_ONCE // inner[0]))
        blocks, panels = -(-outer[0] // at_once), -(-self.outs // width)
        tasks = self.groups * blocks * size_of([n for n, _, _ in others])
        parts = 1
        if sums.total_calls >= (PARTS if tasks < TASKS else 4 * PARTS):
            parts = max(1, min(PARTS, sums.first_count, PARTS_ELEMENTS // target.size))
        vectors = 2 * -(-panels // (2 * max(1, min(-(-panels // 2), -(-TASKS // (tasks * parts))))))
        memory = target if parts == 1 else build.allocate((parts, target.size), self.dtype)
        axes = [(parts, (0, 0, target.size)), (self.groups, (self.group_step(x), kernel.group,
                                                             self.outs)),
                (-(-panels // vectors), (0, vectors * kernel.panel, vectors * width)),
                *((n, (a, 0, o)) for n, a, o in others),
                (blocks, (at_once * outer[1], 0, at_once * outer[2]))]
        with pieces(build, axes, start) as (places, (a_at, b_at, out_at)):
            count = build.imin(build.index_sub(outer[0], build.index_mul(places[-1], at_once)),
                               at_once) if outer[0] % at_once else at_once
            columns = build.imin(build.index_sub(self.outs, build.index_mul(
                places[2], vectors * width)), vectors * width)
            sums.add_up((memory.memory, build.index_add(memory.offset, out_at)),
                        (x.memory, build.index_add(x.offset, a_at)),
                        (kernel.memory.memory, build.index_add(kernel.memory.offset, b_at)),
                        Rows(count, inner[0], (outer[1], inner[1]), (outer[2], inner[2])),
                        Columns(columns, width, kernel.panel),
                        None if parts == 1 else share(build, sums.first_count, parts, places[0]))
        if parts > 1:
            _add_parts(build, target, memory)

    # ---- vectors along the last spatial axis -----------------------------------------------------
    def along_positions(self) -> ArrayValue:
        """Rows are output features."""
        build, width = self.build, self.lanes
        x = self.padded(self.places[-1] % width != 0)
        batch_step, feature_step, steps = self.lhs_strides(x)
        kernel = self.ordered_kernel()
        outs_step, kernel_feature, *kernel_taps = kernel.strides
        target = build.allocate(self.out.shape, self.dtype)
        batch_out, outs_out, *places_out = (target.strides[i] for i in self.dims.out_spec)
        phases = [axis.phases[0] for axis in self.axes]
        sums = self.sums(phases, (kernel_feature, feature_step), kernel_taps,
                         [p.place_step * s for p, s in zip(phases, steps, strict=True)], False)
        *others, (count, _, _) = [(self.batch, batch_step, batch_out), *(
            (p.count, a.stride * s, o) for p, a, s, o in zip(
                phases, self.axes, steps, places_out, strict=True))]
        columns = Columns(count, width, width)
        if count <= width and len(others) > 1:  # each vector is a line
            lines, down, _ = others.pop()
            columns = Columns(lines * count, count, down)
        tasks = self.groups * size_of([n for n, _, _ in others])
        at_once = 6 * -(-self.outs // (6 * min(self.outs, -(-TASKS // tasks))))
        axes = [(self.groups, (self.outs * outs_step, self.group_step(x), self.outs * outs_out)),
                *((n, (0, b, o)) for n, b, o in others),
                (-(-self.outs // at_once), (at_once * outs_step, 0, at_once * outs_out))]
        start = (0, sum(p.place * s for p, s in zip(phases, steps, strict=True)), 0)
        with build.holding(x, kernel, target), \
                pieces(build, axes, start) as (places, (a_at, b_at, out_at)):
            rows = build.imin(build.index_sub(self.outs, build.index_mul(places[-1], at_once)),
                              at_once)
            sums.add_up((target.memory, build.index_add(target.offset, out_at)),
                        (kernel.memory, build.index_add(kernel.offset, a_at)),
                        (x.memory, build.index_add(x.offset, b_at)),
                        Rows(1, rows, (0, outs_step), (0, outs_out)), columns)
        return target

    def ordered_kernel(self) -> Buffer:
        """The kernel in memory, [output feature, feature, taps...]."""
        rhs, order = self.rhs, self.dims.rhs_spec
        if tuple(order) == tuple(range(rhs.ndim)) and rhs.dtype == self.dtype:
            return self.build.contiguous(rhs)
        return self.build.contiguous(LazyArray(
            [rhs.shape[i] for i in order], self.dtype, lambda b, index: b.converted(rhs.at(
                b, index_of(rhs.ndim, (order, index))), self.dtype), [rhs]))


# ---- pieces of work ------------------------------------------------------------------------------
def moved(build: Lowering, at: tuple[Index, ...], *steps: tuple[Index, tuple[int, ...]]
          ) -> tuple[Index, ...]:
    """Places in several arrays, after so many of some steps, of which each has one in each array.
    """
    for number, lengths in steps:
        at = tuple(build.index_add(place, build.index_mul(number, length))
                   for place, length in zip(at, lengths, strict=True))
    return at


@contextmanager
def pieces(build: Lowering, axes: Sequence[tuple[int, tuple[int, ...]]], start: tuple[int, ...]
           ) -> Iterator[tuple[list[Index], tuple[Index, ...]]]:
    """One loop over several axes, given by their lengths and steps: where it is along each of them,
    and the places in the arrays."""
    with build.loop(size_of([n for n, _ in axes]), independent=True) as index:
        places: list[Index] = []
        for n, _ in reversed(axes):
            places.insert(0, build.index_rem(index, n))
            index = build.index_div(index, n)
        yield places, moved(build, start, *zip(places, (s for _, s in axes), strict=True))


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


def _two_levels(positions: list[Line], batch: Line) -> tuple[list[Line], list[Line]]:
    """Which two axes of the result are rows, and which ones loops go over."""
    one = (1, 0, 0)
    two = [one, one, *positions][-2:]
    if size_of([n for n, _, _ in two]) >= 4 * 6 or batch[0] == 1:
        return two, [batch, *positions[:-2]]
    last = positions[-1] if positions else one
    if last[0] * batch[0] > size_of([n for n, _, _ in two]):
        return [last, batch], positions[:-1]
    return two, [batch, *positions[:-2]]


def share(build: Lowering, count: int, parts: int, part: Index) -> tuple[Index, Index]:
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
