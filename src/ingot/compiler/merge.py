"""Loops over the same range made one, where they touch the same memory: each is passed once.

Two loops of a block become one if no iteration of the second needs what a later iteration of the
first does: they touch common memory at the same element, or within rows of their own. What stands
between them moves in front of or behind both. Then what one has stored the other does not load.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ingot.compiler.forward import forward
from ingot.compiler.parallel import PARALLEL_WORK
from ingot.compiler.positions import (
    Access,
    Footprint,
    Footprints,
    Forms,
    accesses,
    plain,
    span,
)
from ingot.kernel import ir
from ingot.kernel.cost import work
from ingot.kernel.ir import inner_blocks

CANDIDATES = 8
"""Earlier loops that a loop is compared with."""

BETWEEN = 256
"""Nodes that may stand between two loops."""

MOST_MEMORIES = 16
"""Memories that a merged loop may touch, each a stream to and from the caches; in nests, one inner
loop touches few of them."""

HEAVY = 60
"""Instructions of a body from which on memory is not what it waits for."""

LIGHT = 8
"""How many times the work of a loop that vectors run must be in a nest that takes it in."""

COMMON = 8
"""What part of the memory touched must be common for a merger to pay."""


def merge_loops(function: ir.Function, neighbors: bool = False) -> bool:
    """Merge what can be and pays (changed in place); whether there was anything.

    `neighbors`: only loops with nothing between them that must stay there.
    """
    return _Merger(neighbors).block(function.body, False)


class _Loop:
    """What merging needs to know of a loop."""

    def __init__(self, node: ir.For, foot: Footprint):
        self.node, self.foot = node, foot
        self.straight = all(type(n) is not ir.For for n in node.body.nodes)
        self.work = work(node.body)
        self.fits = not node.pointers and not node.apart and node.first == 0 \
            and foot.known and plain(node.body) and _reduces(node)

    def fits_with(self, other: _Loop, nested: bool) -> bool:
        """Whether a merged loop would run as fast as both, and memory would be touched less."""
        a, b = self.node, other.node
        common = self.foot.touches & other.foot.touches
        if not common or (self.straight and other.straight and len(
                self.foot.touches | other.foot.touches) > MOST_MEMORIES):
            return False
        least = min(_nbytes(x.foot.touches) for x in (self, other))
        if _nbytes(common) * COMMON < least:
            return False
        if self.straight != other.straight:
            line, nest = (self, other) if self.straight else (other, self)
            return line.work * LIGHT <= nest.work and bool(a.phis) == bool(b.phis)
        if bool(a.phis) != bool(b.phis):
            return self.straight and (nested or not isinstance(a.stop, int) or (
                self.work + other.work) * a.stop < PARALLEL_WORK)
        if a.independent != b.independent or (self.straight and a.vector != b.vector):
            return False
        return not self.straight or min(self.work, other.work) < HEAVY


class _Merger:
    def __init__(self, neighbors: bool) -> None:
        self.feet, self.neighbors = Footprints(), neighbors
        self.loops: dict[int, _Loop] = {}
        self.merged: dict[int, ir.For] = {}  # and the values in them are not yet forwarded

    def loop(self, node: ir.For) -> _Loop:
        found = self.loops.get(id(node))
        if found is None:
            found = self.loops[id(node)] = _Loop(node, self.feet.of(node))
        return found

    def block(self, block: ir.Block, nested: bool) -> bool:
        """Merge the loops of a block, then those inside of them."""
        nodes: list[Any] = []
        found = False
        for node in block.nodes:
            place = self.partner(nodes, node, nested) if type(node) is ir.For else None
            if place is None:
                nodes.append(node)
            else:
                found = True
                self.join(nodes, place, node)
        block.nodes = nodes
        for node in nodes:
            if id(node) in self.merged:
                forward(node)
                self.feet.forget(node)
            for inner in inner_blocks(node):
                found |= self.block(inner, nested or type(node) is ir.For)
        return found

    def partner(self, nodes: list[Any], node: ir.For, nested: bool) -> int | None:
        """The place of the loop that one is merged with."""
        tried = 0
        for k in range(len(nodes) - 1, max(len(nodes) - 1 - BETWEEN, -1), -1):
            other = nodes[k]
            if type(other) is not ir.For or other.stop != node.stop or tried >= CANDIDATES:
                continue
            tried += 1
            loop = self.loop(node)
            if not loop.fits:
                return None
            earlier = self.loop(other)
            if earlier.fits and earlier.fits_with(loop, nested) \
                    and self.movable(nodes, k, loop.foot) and _apart(other, node, loop, earlier):
                return k
        return None

    def movable(self, nodes: list[Any], k: int, foot: Footprint) -> bool:
        """Whether what depends on a loop can stay behind one that moves up to it."""
        if not self.feet.of(nodes[k]).gives.isdisjoint(foot.takes):
            return False
        _, behind = self.split(nodes, k)
        if self.neighbors and any(type(n) is not ir.Scalar for n in behind):
            return False
        return not any(self.feet.of(n).conflicts(foot) for n in behind)

    def split(self, nodes: list[Any], k: int) -> tuple[list[Any], list[Any]]:
        """What stands behind node k: what may move in front of it, and what may not."""
        before: list[Any] = []
        behind: list[Any] = []
        held = Footprint()
        held.add(self.feet.of(nodes[k]))
        for node in nodes[k + 1 :]:
            foot = self.feet.of(node)
            if held.conflicts(foot):
                behind.append(node)
                held.add(foot)
            else:
                before.append(node)
        return before, behind

    def join(self, nodes: list[Any], k: int, node: ir.For) -> None:
        """Merge a loop into that at a place."""
        before, behind = self.split(nodes, k)
        a: ir.For = nodes[k]
        _rename(node.body, node.index, a.index)
        for phi in node.phis:
            if phi.next is node.index:
                phi.next = a.index
        merged = ir.For(a.index, a.stop, a.phis + node.phis,
                        ir.Block(a.body.nodes + node.body.nodes),
                        vector=a.vector and node.vector,
                        independent=a.independent and node.independent,
                        at_once=a.at_once and node.at_once)
        self.merged[id(merged)] = merged
        self.feet.of(a).add(self.feet.of(node))
        self.feet.stand(a, merged)
        nodes[k:] = [*before, merged, *behind]


# ---- which loops ---------------------------------------------------------------------------------
def _reduces(node: ir.For) -> bool:
    """Whether what a loop carries are sums and the like, in any order."""
    if not node.phis:
        return True
    carried = {id(p.scalar) for p in node.phis}
    uses: dict[int, int] = {}
    for x in _instructions(node.body):
        for a in x.args:
            if id(a) in carried:
                uses[id(a)] = uses.get(id(a), 0) + 1
    return all(
        type(p.next) is ir.Scalar and any(a is p.scalar for a in p.next.args)
        and uses.get(id(p.scalar)) == 1
        and (p.next.attr in ("reassociate", "no nan")
             or (p.next.op in ("add", "mul", "min", "max", "or", "and", "xor")
                 and p.next.dtype.kind in "iub"))
        for p in node.phis)


def _instructions(block: ir.Block) -> Iterator[ir.Scalar]:
    for node in block.nodes:
        if type(node) is ir.Scalar:
            yield node
        for inner in inner_blocks(node):
            yield from _instructions(inner)


def _defined(node: ir.For) -> Iterator[ir.Scalar]:
    """What is computed in a loop, but for indices."""
    for phi in node.phis:
        yield phi.scalar
        yield phi.result
    for inner in node.body.nodes:
        if type(inner) is ir.For:
            yield from _defined(inner)
        elif type(inner) is ir.Scalar:
            yield inner


def _nbytes(memories: set[ir.Memory]) -> int:
    return sum(m.nbytes for m in memories)


# ---- whether iterations may interleave -----------------------------------------------------------
def _apart(a: ir.For, b: ir.For, second: _Loop, first: _Loop) -> bool:
    """Whether no iteration of `b` touches what another iteration of `a` changes, or changes what
    that one touches."""
    changed = (first.foot.writes & second.foot.touches) | (first.foot.reads & second.foot.writes)
    if not changed:
        return True
    both = [[x for x in accesses(node.body) if x.memory in changed or x.memory.roots]
            for node in (a, b)]
    inside = {id(x) for node in (a, b) for x in _defined(node)}
    forms = Forms({id(b.index): id(a.index)}, inside)
    straight = first.straight and second.straight and a.independent and b.independent
    stop = a.stop if isinstance(a.stop, int) else None
    for x in both[0]:
        for y in both[1]:
            if x.stores or y.stores:
                if x.memory is not y.memory:
                    if not set(_roots(x)).isdisjoint(_roots(y)):
                        return False
                elif x.itemsize != y.itemsize or not _same_element(
                        forms, id(a.index), x, y, straight, stop):
                    return False
    return True


def _roots(x: Access) -> Iterator[ir.Memory]:
    yield x.memory
    yield from x.memory.roots


def _same_element(forms: Forms, index: int, x: Access, y: Access, straight: bool,
                  stop: int | None) -> bool:
    """Whether two accesses meet in the same iteration of a merged loop alone."""
    p, q = forms.of(x.position), forms.of(y.position)
    if straight and p == q and dict(p[1]).keys() & ({index} | forms.varying):
        return True  # iterations that store there exchange nothing
    first, second = span(p, x, index, forms.varying), span(q, y, index, forms.varying)
    if first is None or second is None:
        return False
    (low, high, step, rest), (low2, high2, step2, rest2) = first, second
    if rest != rest2:
        return False
    if step == step2 and max(high, high2) - min(low, low2) < abs(step):
        return True
    if stop is None:
        return False
    low, high = low + min(0, step * (stop - 1)), high + max(0, step * (stop - 1))
    low2, high2 = low2 + min(0, step2 * (stop - 1)), high2 + max(0, step2 * (stop - 1))
    return high < low2 or high2 < low


# ---- merging -------------------------------------------------------------------------------------
def _rename(block: ir.Block, old: ir.Scalar, new: ir.Scalar) -> None:
    """Put one index in the place of another."""
    for node in block.nodes:
        kind = type(node)
        if kind is ir.Scalar:
            if any(a is old for a in node.args):
                node.args = tuple(new if a is old else a for a in node.args)
        elif kind is ir.Store:
            node.index = new if node.index is old else node.index
            node.value = new if node.value is old else node.value
        else:
            node.stop = new if node.stop is old else node.stop
            for phi in node.phis:
                phi.init = new if phi.init is old else phi.init
                phi.next = new if phi.next is old else phi.next
            _rename(node.body, old, new)
