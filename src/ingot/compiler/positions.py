"""Where instructions read and write, as linear forms of loop indices, and what nodes touch.

Two positions with equal forms are the same place; where forms differ by a constant, the places
do. What is not linear, as the quotients and remainders of a reshaped array, is a term by itself,
equal for equal operations on equal forms.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ingot.compiler.parallel import contains
from ingot.kernel import ir
from ingot.kernel.ir import inner_blocks

Form = tuple[int, tuple[tuple[int, int], ...]]
"""A constant, and pairs of a term and its coefficient, by term."""


class Forms:
    """Forms of positions; `same` says which scalars stand for which others."""

    def __init__(self, same: dict[int, int] | None = None,
                 inside: set[int] | None = None):
        self.same = {} if same is None else same
        self.inside = set() if inside is None else inside  # compared by how it is computed
        self.varying: set[int] = set()  # terms that are computed inside
        self._memo: dict[int, Form] = {}
        self._terms: dict[Any, int] = {}
        self.scalars: dict[int, ir.Scalar] = {}  # those that are terms, by their ids
        self._alive: list[Any] = []  # so that an id names one scalar

    def of(self, x: ir.Index) -> Form:
        """The form of an index."""
        if isinstance(x, int):
            return x, ()
        found = self._memo.get(id(x))
        if found is None:
            self._alive.append(x)
            found = self._memo[id(x)] = self._of(x)
        return found

    def _of(self, x: ir.Scalar) -> Form:
        if x.op == "const" and x.dtype.kind in "iu":
            return int(x.attr), ()
        if x.op in ("add", "sub") and x.dtype.itemsize == 8:
            return _sum(self.of(x.args[0]), self.of(x.args[1]), 1 if x.op == "add" else -1)
        if x.op == "mul" and x.dtype.itemsize == 8:
            left, right = map(self.of, x.args)
            for one, other in ((left, right), (right, left)):
                if not one[1]:
                    return _sum((0, ()), other, one[0])
        return 0, ((self._term(x), 1),)

    def _term(self, x: ir.Scalar) -> int:
        if id(x) not in self.inside:
            self.scalars[id(x)] = x
            return self.same.get(id(x), id(x))
        if x.op in ("load", "phi", "result"):
            self.varying.add(id(x))
            return id(x)
        key = (x.op, x.dtype, x.attr, *map(self.of, x.args))
        term = self._terms.setdefault(key, -1 - len(self._terms))
        self.varying.add(term)
        return term


def _sum(a: Form, b: Form, factor: int) -> Form:
    """a + factor b"""
    terms = dict(a[1])
    for term, coefficient in b[1]:
        terms[term] = terms.get(term, 0) + factor * coefficient
    return a[0] + factor * b[0], tuple(sorted((t, c) for t, c in terms.items() if c))


class Access(NamedTuple):
    """One load or store in a loop."""

    memory: ir.Memory
    position: ir.Index
    itemsize: int
    stores: bool
    loops: tuple[ir.For, ...]  # inside of the loop, around the access


def plain(block: ir.Block) -> bool:
    """Whether there are only instructions, stores and loops, carrying no pointers, in a block."""
    for node in block.nodes:
        if type(node) is ir.For:
            if node.pointers or node.apart or node.first != 0 or not plain(node.body):
                return False
        elif type(node) is not ir.Scalar and type(node) is not ir.Store:
            return False
    return True


def accesses(block: ir.Block, loops: tuple[ir.For, ...] = ()) -> list[Access]:
    """Loads and stores of a block of instructions and loops."""
    found: list[Access] = []
    for node in block.nodes:
        kind = type(node)
        if kind is ir.Scalar:
            if node.op == "load":
                found.append(Access(node.args[0], node.args[1], node.dtype.itemsize, False, loops))
        elif kind is ir.Store:
            found.append(Access(node.memory, node.index, node.value.dtype.itemsize, True, loops))
        else:
            found += accesses(node.body, (*loops, node))
    return found


def span(form: Form, access: Access, index: int, varying: set[int]) -> tuple[
        int, int, int, list[tuple[int, int]]] | None:
    """The first and last element that an access touches in iteration 0 of a loop, the elements
    from one iteration to the next, and what else the position is made of; None if that is not
    known."""
    loops = {id(loop.index): loop for loop in access.loops}
    low = high = form[0]
    step, rest = 0, []
    for term, factor in form[1]:
        if term == index:
            step = factor
        elif term in loops:
            stop = loops[term].stop
            if not isinstance(stop, int):
                return None
            low, high = low + min(0, factor * (stop - 1)), high + max(0, factor * (stop - 1))
        elif term in varying:
            return None
        else:
            rest.append((term, factor))
    return low, high, step, rest


def roots(memory: ir.Memory) -> list[ir.Memory]:
    """The memory, and what it may stand for."""
    return [memory, *memory.roots]


class Footprint:
    """What a node reads and writes, and which scalars it takes and gives."""

    __slots__ = ("gives", "known", "reads", "takes", "writes")

    def __init__(self) -> None:
        self.reads: set[ir.Memory] = set()
        self.writes: set[ir.Memory] = set()
        self.takes: set[int] = set()
        self.gives: set[int] = set()
        self.known = True  # whether this is all that the node does

    @property
    def touches(self) -> set[ir.Memory]:
        return self.reads | self.writes

    def add(self, other: Footprint) -> Footprint:
        self.reads |= other.reads
        self.writes |= other.writes
        self.takes |= other.takes
        self.gives |= other.gives
        self.known &= other.known
        return self

    def conflicts(self, other: Footprint) -> bool:
        """Whether the two may not trade places, `other` being the later one."""
        return not (self.known and other.known and self.gives.isdisjoint(other.takes)
                    and self.writes.isdisjoint(other.reads)
                    and self.writes.isdisjoint(other.writes)
                    and self.reads.isdisjoint(other.writes))


class Footprints:
    """Footprints of nodes; those of loops and branches are found once."""

    def __init__(self) -> None:
        self._memo: dict[int, Footprint] = {}
        self._alive: list[Any] = []

    def of(self, node: Any) -> Footprint:
        found = self._memo.get(id(node))
        if found is not None:
            return found
        kind, foot = type(node), Footprint()
        if kind is ir.Scalar or kind is ir.Store:
            self.enter(node, foot)
            return foot
        if kind is ir.For or kind is ir.While or kind is ir.Switch:
            self._structured(node, foot)
        else:
            self._others(node, foot)
        return self.know(node, foot)

    def know(self, node: Any, foot: Footprint) -> Footprint:
        """Remember a footprint."""
        self._alive.append(node)
        self._memo[id(node)] = foot
        return foot

    def forget(self, node: Any) -> None:
        """A node has changed, or what is inside of it."""
        self._memo.pop(id(node), None)
        for block in inner_blocks(node):
            for child in block.nodes:
                if type(child) is not ir.Scalar:
                    self.forget(child)

    def enter(self, node: Any, foot: Footprint) -> None:
        """Add what a node does to a footprint."""
        kind = type(node)
        if kind is ir.Scalar:
            foot.gives.add(id(node))
            if node.op == "load":
                foot.reads.update(roots(node.args[0]))
            foot.takes.update(map(id, node.args))
        elif kind is ir.Store:
            foot.writes.update(roots(node.memory))
            foot.takes.add(id(node.index))
            foot.takes.add(id(node.value))
        else:
            foot.add(self.of(node))

    def follows(self, held: Footprint, node: Any) -> bool:
        """Whether a node must stay behind what has a footprint."""
        if type(node) is not ir.Scalar:
            return held.conflicts(self.of(node))
        if any(id(a) in held.gives for a in node.args):
            return True
        return node.op == "load" and not (
            held.known and held.writes.isdisjoint(roots(node.args[0])))

    def _others(self, node: Any, foot: Footprint) -> None:
        kind = type(node)
        if kind is ir.Copy:
            foot.writes.update(roots(node.target))
            foot.reads.update(roots(node.source))
            foot.takes |= {id(node.target_index), id(node.source_index)}
        elif kind is ir.Library:
            for arg in node.args:
                if arg[0] == "pointer":
                    foot.reads.update(roots(arg[1]))
                    foot.writes.update(roots(arg[1]))
                foot.takes.add(id(arg[-1]))
        elif kind is ir.Call:
            foot.reads.update(m for place in node.arguments for m in roots(place[0]))
            foot.reads.update(node.function.constants)
            foot.writes.update(m for place in node.results for m in roots(place[0]))
            foot.writes.add(node.arena)
            foot.takes.update(id(index) for _, index in node.places)
            foot.known &= not contains(node.function.body, ir.HostCall)
        else:
            for memory, index in getattr(node, "places", ()):
                foot.reads.update(roots(memory))
                foot.writes.update(roots(memory))
                foot.takes.add(id(index))
            foot.known = False

    def _structured(self, node: Any, foot: Footprint) -> None:
        for block in inner_blocks(node):
            for child in block.nodes:
                self.enter(child, foot)
        if type(node) is ir.Switch:
            foot.takes.add(id(node.index))
            foot.takes.update(id(x) for outs in node.outs for x in outs)
            foot.gives.update(map(id, node.results))
            return
        for phi in node.phis:
            foot.takes |= {id(phi.init), id(phi.next)}
            foot.gives.add(id(phi.result))
        for pointer in node.pointers:
            there = (pointer.inside, pointer.init, pointer.next, pointer.result)
            for memory in there:
                if memory is not None:
                    foot.reads.update(roots(memory))
                    foot.writes.update(roots(memory))
        if type(node) is ir.For:
            foot.takes |= {id(node.stop), id(node.first)}
        else:
            foot.takes.add(id(node.predicate))
