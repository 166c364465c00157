"""Lane compaction: batches of while loops step together, those that go on side by side.

`for entry: while condition: step` runs scalar code, one entry after the other. Here the entries of
a block step together: those that are not yet done stand in a list, and each turn of one loop steps
all of the list, some lanes at a time, and keeps those that go on. What an entry computes does not
change. Carried values that are the same for all entries, such as a key from which all draw, are
stepped once for all. Applied where a step has work enough to pay for the list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ingot.kernel import ir
from ingot.kernel.cost import work
from ingot.kernel.rules import BOOL, INT, Buffer, Builder, Index
from ingot.kernel.schedule import SCHEDULE
from ingot.kernel.visit import definitions, replace, uses, walk

ENTRY_DTYPE = np.dtype(np.int32)


def compact_while_loops(function: ir.Function) -> list[ir.For]:
    """Rewrite the loops of a function that can be (changed in place); the new loops."""
    made: list[ir.For] = []

    def instead(node: Any) -> ir.For | None:
        form = _form_of(node) if type(node) is ir.For else None
        if form is None:
            return None
        made.append(_Lanes(function, node, form).rewritten())
        return made[-1]

    replace(function.body, instead)
    return made


# ---- which loops, and what in them is the same for all entries -----------------------------------
class _LoopForm:
    """The body of a loop: its straight-line parts and inner loops in order, and what varies."""

    def __init__(self, node: ir.For):
        self.parts: list[Any] = [[]]
        for inner in node.body.nodes:
            if type(inner) is ir.While:
                self.parts += [inner, []]
            else:
                self.parts[-1].append(inner)
        self.loops = [p for p in self.parts if type(p) is ir.While]
        self.inside = {id(node.index)} | {
            id(x) for p in self.parts for n in _nodes(p) for x in definitions(n)}
        self.written = {id(n.memory) for n in node.body.nodes if type(n) is ir.Store}
        read_outside = [
            {id(x) for q in self.parts if q is not p for x in _operands(q)} for p in self.loops]
        self.common = {
            id(phi) for p, elsewhere in zip(self.loops, read_outside, strict=True)
            for phi in p.phis if id(phi.result) not in elsewhere}
        self.uniform: set[int] = set()
        while self._narrow_carry():
            pass

    def _narrow_carry(self) -> bool:
        """Take out carried values that turn out to vary, given those that are left."""
        self.uniform = set()
        for part in self.parts:
            if type(part) is ir.While:
                self.uniform |= {id(p.scalar) for p in part.phis
                                 if id(p) in self.common and self.same(p.init)}
            self._mark(part)
        varying = {id(p) for loop in self.loops for p in loop.phis
                   if id(p) in self.common and not (self.same(p.init) and self.same(p.next))}
        self.common -= varying
        return bool(varying)

    def _mark(self, part: Any) -> None:
        for x in _instructions(part):
            if all(self.same(a) for a in x.args) and not (
                    x.op == "load" and id(x.args[0]) in self.written):
                self.uniform.add(id(x))

    def same(self, x: Any) -> bool:
        """Whether something has one value for all entries."""
        return id(x) not in self.inside or id(x) in self.uniform


def _form_of(node: ir.For) -> _LoopForm | None:
    """How to rewrite a loop; None if it has another form, or is not worth it."""
    if not node.independent or node.phis or node.pointers or not isinstance(node.trip_count, int) \
            or node.trip_count < SCHEDULE.min_compacted:
        return None
    loops = [n for n in node.body.nodes if type(n) is ir.While]
    rest = [n for n in node.body.nodes if type(n) is not ir.While]
    if not loops or any(type(n) not in (ir.Value, ir.Store) for n in rest):
        return None
    stored = {id(n.memory) for n in rest if type(n) is ir.Store}
    for loop in loops:
        if loop.pointers or any(type(n) is not ir.Value
                                for n in (*loop.cond.nodes, *loop.body.nodes)) \
                or work(loop.cond) + work(loop.body) < SCHEDULE.min_compacted_work:
            return None
        seen = {id(n) for n in loop.cond.nodes}
        if any(id(a) in seen for n in loop.body.nodes for a in n.args) or any(
                id(p.next) in seen for p in loop.phis):
            return None
    form = _LoopForm(node)
    if any(x.op == "load" and id(x.args[0]) in stored
           for part in form.parts for x in _instructions(part)):
        return None
    return form


def _nodes(part: Any) -> Iterable[Any]:
    return walk(ir.Block([part] if type(part) is ir.While else part))


def _instructions(part: Any) -> Iterator[ir.Value]:
    return (n for n in _nodes(part) if type(n) is ir.Value)


def _operands(part: Any) -> Iterator[Any]:
    """What a part takes as operands."""
    return (x for node in _nodes(part) for x in uses(node))


# ---- the new loop --------------------------------------------------------------------------------
class _Lanes(Builder):
    """Builds the loop over blocks that takes the place of a loop over entries."""

    def __init__(self, function: ir.Function, node: ir.For, form: _LoopForm):
        super().__init__()
        self.function, self.node, self.form = function, node, form
        self.stop = int(node.trip_count)  # type: ignore[arg-type]
        self.size = -(-self.stop // max(-(-self.stop // SCHEDULE.lane_block), 2))
        self.blocks = -(-self.stop // self.size)
        self.kept: dict[int, Buffer] = {}  # values of each entry that later parts read
        self.names: dict[int, Any] = {}  # what is the same for all entries
        self.active_list = self.allocate((self.size + SCHEDULE.lanes,), ENTRY_DTYPE)
        self.active = self.allocate((self.size,), BOOL)
        self.first: Index = 0

    def allocate(self, shape: Sequence[int], dtype: np.dtype, lasting: bool = False) -> Buffer:
        """Memory at the end of the arena."""
        nbytes = int(np.prod(shape)) * dtype.itemsize
        return Buffer(self.function.at_end(nbytes, dtype), shape, dtype)

    def rewritten(self) -> ir.For:
        """The loop over blocks. The last one starts early enough to be a whole one: what is
        computed twice is the same both times."""
        out = ir.For(ir.Value("index", (), INT), self.blocks, [], ir.Block(), independent=True)
        parts = self.form.parts
        with self.inside(out.body):
            self.first = self.iclamp(self.index_mul(out.index, self.size),
                                     self.stop - self.size)
            for k in range(0, len(parts), 2):
                following = parts[k + 1] if k + 1 < len(parts) else None
                self.straight(parts[k], following)
                if following is not None:
                    self.loop_of(following)
        return out

    # ---- values ------------------------------------------------------------------------------
    def value(self, x: Any, names: dict[int, Any], lane: Index) -> Any:
        """An operand where the entry `lane` of the block is computed."""
        if not isinstance(x, ir.Value) or id(x) not in self.form.inside:
            return x
        if id(x) in self.names:
            return self.names[id(x)]
        if id(x) not in names:
            names[id(x)] = (self.index(self.index_add(self.first, lane)) if x is self.node.index
                            else self.kept[id(x)].at(self, (lane,)))
        return names[id(x)]

    def copied(self, nodes: Iterable[Any], names: dict[int, Any], lane: Index = 0,
               uniform: bool = False) -> None:
        """Append nodes again, with other operands: those that are `uniform`, or the others."""
        for node in nodes:
            if type(node) is ir.Store:
                if not uniform:
                    self.block.nodes.append(ir.Store(node.memory, self.value(
                        node.index, names, lane), self.value(node.value, names, lane)))
            elif (id(node) in self.form.uniform) == uniform:
                args = [self.value(a, names, lane) for a in node.args]
                new = ir.Value(node.op, args, node.dtype, node.attr)
                self.block.nodes.append(new)
                names[id(node)] = new

    def lanes(self, stop: int) -> ir.For:
        """A loop over lanes; none of them reads what another writes."""
        node = ir.For(ir.Value("index", (), INT), stop, [], ir.Block(), vector=True,
                      independent=True, parallel_accesses=True)
        self.block.nodes.append(node)
        return node

    def keep(self, x: ir.Value, value: Any, lane: Index) -> None:
        """Store the value of an entry for later parts."""
        if id(x) not in self.kept:
            self.kept[id(x)] = self.allocate((self.size,), x.dtype)
        self.store(self.kept[id(x)], (lane,), value)

    # ---- straight-line parts -----------------------------------------------------------------
    def straight(self, nodes: Any, following: ir.While | None) -> None:
        """Run a part for all entries, and list those that enter the loop that follows."""
        self.copied(nodes, self.names, uniform=True)
        later = self.later(nodes)
        loop = self.lanes(self.size)
        with self.inside(loop.body):
            names: dict[int, Any] = {}
            lane = loop.index
            self.copied(nodes, names, lane)
            for x in later:
                self.keep(x, names[id(x)], lane)
            if following is not None:
                before = dict(names)
                for phi in following.phis:
                    value = before[id(phi.scalar)] = self.value(phi.init, names, lane)
                    if id(phi) not in self.form.common:
                        self.keep(phi.scalar, value, lane)
                        self.kept[id(phi.result)] = self.kept[id(phi.scalar)]
                self.store(self.active, (lane,), self.condition(following, before, lane))

    def later(self, nodes: Any) -> list[ir.Value]:
        """What varies and is read after the part that computes it."""
        elsewhere = {id(x) for p in self.form.parts if p is not nodes for x in _operands(p)}
        return [x for x in nodes if type(x) is ir.Value and id(x) in elsewhere
                and id(x) not in self.form.uniform]

    def condition(self, loop: ir.While, names: dict[int, Any], lane: Index) -> Any:
        """Whether an entry goes on, for the carried values in `names`."""
        for node in loop.cond.nodes:
            args = [self.value(a, names, lane) for a in node.args]
            names[id(node)] = new = ir.Value(node.op, args, node.dtype, node.attr)
            self.block.nodes.append(new)
        return self.value(loop.predicate, names, lane)

    # ---- loops -------------------------------------------------------------------------------
    def loop_of(self, loop: ir.While) -> None:
        """Step the listed entries until none is left."""
        count = self.list_active()
        common = [p for p in loop.phis if id(p) in self.form.common]
        phis = [ir.Phi(ir.Value("phi", (), x.dtype), x, None, ir.Value("result", (), x.dtype))
                for x in (count, *(self.value(p.init, {}, 0) for p in common))]
        node = ir.While(phis, ir.Block(), None, ir.Block())
        left = phis[0].scalar
        with self.inside(node.cond):
            node.predicate = self.op("gt", left, self.index(0))
        with self.inside(node.body):
            for phi, new in zip(common, phis[1:], strict=True):
                self.names[id(phi.scalar)] = new.scalar
            self.copied(loop.body.nodes, self.names, uniform=True)
            after = {id(p.scalar): self.value(p.next, {}, 0) for p in common}
            for new, value in zip(phis, (self.iteration(loop, left, after), *after.values()),
                                  strict=True):
                new.next = value
        for phi in common:
            del self.names[id(phi.scalar)]
        self.block.nodes.append(node)

    def list_active(self) -> Any:
        """Put all entries that go on in the list; how many there are."""
        def step(lane: Index, carry: list[Any]) -> list[Any]:
            entry = self.op("convert", self.index(lane), dtype=ENTRY_DTYPE)
            self.store(self.active_list, (carry[0],), entry)
            more = self.op("convert", self.active.at(self, (lane,)), dtype=INT)
            return [self.op("add", carry[0], more)]

        (count,) = self.accumulate(self.size, [self.index(0)], step)
        self.pad(count)
        return count

    def pad(self, count: Any) -> None:
        """Fill up the last lanes with the last entry: they compute the same as it does."""
        last = self.active_list.at(self, (self.op("max", self.op("sub", count, self.index(1)),
                                           self.index(0)),))
        loop = self.lanes(SCHEDULE.lanes)
        with self.inside(loop.body):
            self.store(self.active_list, (self.op("add", count, loop.index),), last)

    def iteration(self, loop: ir.While, left: Any, after: dict[int, Any]) -> Any:
        """Step the listed entries once; how many stay in the list."""
        own = [p for p in loop.phis if id(p) not in self.form.common and p.next is not p.scalar]
        new = [self.allocate((SCHEDULE.lanes,), p.scalar.dtype) for p in own]
        active = self.allocate((SCHEDULE.lanes,), BOOL)

        def group(g: Index, carry: list[Any]) -> list[Any]:
            first = self.index_mul(g, SCHEDULE.lanes)
            steps = self.lanes(SCHEDULE.lanes)
            with self.inside(steps.body):
                self.step(loop, own, new, active, self.index_add(first, steps.index), after,
                          steps.index)

            def commit(k: Index, carry: list[Any]) -> list[Any]:
                place = self.index_add(first, k)
                entry = self.active_list.at(self, (place,))
                lane = self.as_index(entry)
                for phi, target in zip(own, new, strict=True):
                    self.store(self.kept[id(phi.scalar)], (lane,), target.at(self, (k,)))
                self.store(self.active_list, (carry[0],), entry)
                more = self.op("and", active.at(self, (k,)), self.op("lt", place, left))
                return [self.op("add", carry[0], self.op("convert", more, dtype=INT))]

            return self.accumulate(SCHEDULE.lanes, carry, commit)

        groups = self.index_div(self.index_add(left, SCHEDULE.lanes - 1), SCHEDULE.lanes)
        (count,) = self.accumulate(groups, [self.index(0)], group)
        self.pad(count)
        return count

    def step(self, loop: ir.While, own: Sequence[ir.Phi], new: Sequence[Buffer], active: Buffer,
             place: Index, after: dict[int, Any], k: Index) -> None:
        """One step of one entry of the list."""
        lane = self.as_index(self.active_list.at(self, (place,)))
        names: dict[int, Any] = {}
        self.copied(loop.body.nodes, names, lane)
        following = dict(after)
        for phi in loop.phis:
            if id(phi) not in self.form.common:
                following[id(phi.scalar)] = self.value(phi.next, names, lane)
        for phi, target in zip(own, new, strict=True):
            self.store(target, (k,), following[id(phi.scalar)])
        hidden = {i: self.names.pop(i) for i in after}
        self.store(active, (k,), self.condition(loop, following, lane))
        self.names.update(hidden)
