"""Loops over the same range made one, where they touch the same memory: each is passed once.

Two loops of a block become one if no iteration of the second needs what a later iteration of the
first does: they touch common memory at the same element, or within rows of their own. What stands
between them moves in front of or behind both. Then what one has stored the other does not load.
"""

from __future__ import annotations

import functools
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
    roots,
    span,
)
from ingot.compiler.tiling import form_of, tiled
from ingot.kernel import ir
from ingot.kernel.cost import work
from ingot.kernel.ir import inner_blocks
from ingot.kernel.summation import COMPENSATED

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

LARGE = 1 << 20
"""Bytes in common for which a loop is given another form."""

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
        self.fits = not node.pointers and not node.apart and node.first == 0 \
            and foot.known and plain(node.body) and _reduces(node)
        self.work = work(node.body) if self.fits else 0

    @functools.cached_property
    def accesses(self) -> list[Access]:
        return accesses(self.node.body)

    @functools.cached_property
    def touches(self) -> set[ir.Memory]:
        return self.foot.touches

    @functools.cached_property
    def nbytes(self) -> int:
        return _nbytes(self.touches)

    def joined(self, other: _Loop, node: ir.For) -> _Loop:
        """The loop that two were merged into."""
        out = _Loop.__new__(_Loop)
        out.node, out.foot, out.fits = node, Footprint().add(self.foot).add(other.foot), True
        out.straight = False
        out.work = self.work + other.work
        out.__dict__["accesses"] = self.accesses + other.accesses
        return out

    def fits_with(self, other: _Loop, nested: bool) -> bool:
        """Whether a merged loop would run as fast as both, and memory would be touched less."""
        a, b = self.node, other.node
        common = self.touches & other.touches
        if not common or (self.straight and other.straight and len(
                self.touches | other.touches) > MOST_MEMORIES):
            return False
        if _nbytes(common) * COMMON < min(self.nbytes, other.nbytes):
            return False
        if self.straight != other.straight:
            line, nest = (self, other) if self.straight else (other, self)
            return line.work * LIGHT <= nest.work and bool(a.phis) == bool(b.phis)
        if bool(a.phis) != bool(b.phis):
            return nested or (self.straight and (not isinstance(a.stop, int) or (
                self.work + other.work) * a.stop < PARALLEL_WORK))
        if a.independent != b.independent or (self.straight and a.vector != b.vector):
            return False
        return not self.straight or min(self.work, other.work) < HEAVY


class _Merger:
    def __init__(self, neighbors: bool) -> None:
        self.feet, self.neighbors = Footprints(), neighbors

    def block(self, block: ir.Block, nested: bool) -> bool:
        """Merge the loops of a block, then those inside of them."""
        found = self.level(block, nested)
        while not nested and _Level(self.feet, self.neighbors, nested).tile(block):
            found |= self.level(block, nested)
        for node in block.nodes:
            for inner in inner_blocks(node):
                found |= self.block(inner, nested or type(node) is ir.For)
        return found

    def level(self, block: ir.Block, nested: bool) -> bool:
        """Merge the loops of a block."""
        merged = _Level(self.feet, self.neighbors, nested).merged(block)
        for node in merged:
            if any(type(n) is ir.For for n in node.body.nodes):
                forward(node, self.feet)
                self.feet.forget(node)
        return bool(merged)


class _Level:
    """The loops of one block."""

    def __init__(self, feet: Footprints, neighbors: bool, nested: bool):
        self.feet, self.neighbors, self.nested = feet, neighbors, nested
        self.nodes: list[Any] = []
        self.loops: dict[ir.For, _Loop] = {}
        self.forms = Forms()  # one for all, in which indices of loops of one length are the same
        self.indices: dict[Any, int] = {}

    def merged(self, block: ir.Block) -> list[ir.For]:
        """Merge what can be; the new loops."""
        found: dict[ir.For, None] = {}
        stops = [node.stop for node in block.nodes if type(node) is ir.For]
        for node in block.nodes:
            if type(node) is not ir.For or stops.count(node.stop) < 2 or not self.join(node, found):
                self.nodes.append(node)
        block.nodes = self.nodes
        return list(found)

    def tile(self, block: ir.Block) -> bool:
        """Give one loop the form of a sum over the same elements; whether there is such a one."""
        nodes = [n for n in block.nodes if type(n) is ir.For and not n.phis and n.independent]
        sums = [n for n in nodes if any(type(x) is ir.For and x.phis for x in n.body.nodes)]
        for nest in sums:
            for node in nodes:
                lengths = form_of(nest, node) if node.stop != nest.stop else []
                common = self.feet.of(node).touches & self.feet.of(nest).touches
                if lengths and _nbytes(common) >= LARGE and self.loop(node).fits:
                    tiles = tiled(node, lengths)
                    pair = [self.loop(tiles[0]), self.loop(nest)]
                    if block.nodes.index(nest) < block.nodes.index(node):
                        pair.reverse()
                    else:
                        tiles.reverse()  # nothing comes between the two
                    if pair[0].fits and pair[1].fits and pair[0].fits_with(
                            pair[1], self.nested) and self.apart(*pair):
                        k = block.nodes.index(node)
                        block.nodes[k : k + 1] = tiles
                        return True
        return False

    def loop(self, node: ir.For) -> _Loop:
        found = self.loops.get(node)
        if found is None:
            found = self.loops[node] = _Loop(node, self.feet.of(node))
            if found.fits:
                index = id(node.index)
                self.forms.same[index] = self.indices.setdefault(node.stop, index)
                self.forms.inside.update(map(id, _computed(node)))
        return found

    def join(self, node: ir.For, found: dict[ir.For, None]) -> bool:
        """Merge a loop into an earlier one, if there is one that it fits with."""
        nodes, loop, tried = self.nodes, self.loop(node), 0
        for k in range(len(nodes) - 1, max(len(nodes) - 1 - BETWEEN, -1), -1):
            other = nodes[k]
            if type(other) is not ir.For or other.stop != node.stop:
                continue
            tried += 1
            if not loop.fits or tried > CANDIDATES:
                return False
            earlier = self.loop(other)
            if earlier.fits and earlier.fits_with(loop, self.nested) and self.apart(earlier, loop):
                around = self.around(k, loop.foot)
                if around is not None:
                    merged = self.one(earlier, loop)
                    found.pop(other, None)
                    found[merged] = None
                    nodes[k:] = [*around[0], merged, *around[1]]
                    return True
        return False

    def apart(self, first: _Loop, second: _Loop) -> bool:
        """Whether no iteration of the second loop touches what another iteration of the first
        changes, or changes what that one touches."""
        changed = (first.foot.writes & second.touches) | (first.foot.reads & second.foot.writes)
        if not changed:
            return True
        a, b = first.node, second.node
        some, others = ([x for x in loop.accesses if x.memory in changed or x.memory.roots]
                        for loop in (first, second))
        straight = first.straight and second.straight and a.independent and b.independent
        index = self.indices[a.stop]
        for x in some:
            for y in others:
                if x.memory is not y.memory:
                    if (x.stores or y.stores) and not set(roots(x.memory)).isdisjoint(
                            roots(y.memory)):
                        return False
                elif (x.stores or y.stores) and (x.itemsize != y.itemsize or not _same_element(
                        self.forms, index, x, y, straight, a.stop)):
                    return False
        return True

    def around(self, k: int, foot: Footprint) -> tuple[list[Any], list[Any]] | None:
        """What stands behind loop k, which one with this footprint moves up to: what may move in
        front of it, and what may not; None if the other depends on that."""
        held, rest = Footprint().add(self.feet.of(self.nodes[k])), Footprint()
        if not held.gives.isdisjoint(foot.takes):
            return None
        before: list[Any] = []
        behind: list[Any] = []
        for node in self.nodes[k + 1 :]:
            if self.feet.follows(held, node):
                if self.neighbors and type(node) is not ir.Scalar:
                    return None
                behind.append(node)
                self.feet.enter(node, held)
                self.feet.enter(node, rest)
            else:
                before.append(node)
        return None if rest.conflicts(foot) else (before, behind)

    def one(self, first: _Loop, second: _Loop) -> ir.For:
        """Two loops made one."""
        a, b = first.node, second.node
        _rename(b.body, b.index, a.index)
        for phi in b.phis:
            if phi.next is b.index:
                phi.next = a.index
        merged = ir.For(a.index, a.stop, a.phis + b.phis, ir.Block(a.body.nodes + b.body.nodes),
                        vector=a.vector and b.vector,
                        independent=a.independent and b.independent,
                        at_once=a.at_once and b.at_once)
        if first.straight and second.straight:
            forward(merged, self.feet)  # how heavy it is matters next
        else:
            self.loops[merged] = first.joined(second, merged)
            self.feet.know(merged, self.loops[merged].foot)
        return merged


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
        and (uses.get(id(p.scalar)) == 1 or p.next.attr == COMPENSATED)
        and (p.next.attr in ("reassociate", "no nan", COMPENSATED)
             or (p.next.op in ("add", "mul", "min", "max", "or", "and", "xor")
                 and p.next.dtype.kind in "iub"))
        for p in node.phis)


def _instructions(block: ir.Block) -> Iterator[ir.Scalar]:
    for node in block.nodes:
        if type(node) is ir.Scalar:
            yield node
        for inner in inner_blocks(node):
            yield from _instructions(inner)


def _computed(node: ir.For) -> Iterator[ir.Scalar]:
    """What is computed in a loop, but for indices."""
    for phi in node.phis:
        yield phi.scalar
        yield phi.result
    for inner in node.body.nodes:
        if type(inner) is ir.For:
            yield from _computed(inner)
        elif type(inner) is ir.Scalar:
            yield inner


def _nbytes(memories: set[ir.Memory]) -> int:
    return sum(m.nbytes for m in memories)


# ---- whether iterations may interleave -----------------------------------------------------------
def _same_element(forms: Forms, index: int, x: Access, y: Access, straight: bool,
                  stop: ir.Index) -> bool:
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
    if not isinstance(stop, int):
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
