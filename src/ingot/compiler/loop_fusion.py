"""Loop fusion: loops over the same range that touch the same memory become one.

Two loops of a block become one if no iteration of the second needs what a later iteration of the
first does: they touch common memory at the same element, or within rows of their own. What stands
between them moves in front of or behind both. Then what one has stored the other does not load.
"""

from __future__ import annotations

import functools
from typing import Any

from ingot.compiler.load_forwarding import forward_loads
from ingot.compiler.loop_split import matching_extents, split_like
from ingot.kernel import ir
from ingot.kernel.access_analysis import Access, AffineExprs, access_range, accesses
from ingot.kernel.cost import work
from ingot.kernel.schedule import SCHEDULE
from ingot.kernel.summation import COMPENSATED
from ingot.kernel.visit import (
    Effects,
    EffectsCache,
    blocks,
    definitions,
    is_plain,
    rename,
    roots,
    walk,
)

MAX_CANDIDATES = 8
"""Earlier loops that a loop is compared with."""

MAX_NODES_BETWEEN = 256
"""Nodes that may stand between two loops."""

MAX_MEMORIES = 16
"""Memories that a fused loop may touch, each a stream to and from the caches; in nests, one inner
loop touches few of them."""

COMPUTE_BOUND_INSTRUCTIONS = 60
"""Instructions of a body from which on memory is not what it waits for."""

MIN_WORK_RATIO = 8
"""How many times the work of a loop that vectors run must be in a nest that takes it in."""

MIN_COMMON_BYTES = 1 << 20
"""Bytes in common for which a loop is given another form."""

MIN_SHARED_FRACTION = 8
"""One in how many bytes of the memory touched must be common for fusion to pay."""


def fuse_loops(function: ir.Function, neighbors: bool = False) -> bool:
    """Fuse what can be and pays (changed in place); whether there was anything.

    `neighbors`: only loops with nothing between them that must stay there.
    """
    return _LoopFuser(neighbors).block(function.body, False)


class _Loop:
    """What fusion needs to know of a loop."""

    def __init__(self, node: ir.For, effects: Effects):
        self.node, self.effects = node, effects
        self.straight = all(type(n) is not ir.For for n in node.body.nodes)
        self.fits = not node.pointers and not node.parallel_accesses and node.start == 0 \
            and not effects.python and is_plain(node.body) and _reduces(node)
        self.work = work(node.body) if self.fits else 0

    @functools.cached_property
    def accesses(self) -> list[Access]:
        return accesses(self.node.body)

    @functools.cached_property
    def touches(self) -> set[ir.Memory]:
        return self.effects.touches

    @functools.cached_property
    def nbytes(self) -> int:
        return _nbytes(self.touches)

    def joined(self, other: _Loop, node: ir.For) -> _Loop:
        """The loop that two were fused into."""
        out = _Loop.__new__(_Loop)
        out.node, out.fits = node, True
        out.effects = Effects().add(self.effects).add(other.effects)
        out.straight = False
        out.work = self.work + other.work
        out.__dict__["accesses"] = self.accesses + other.accesses
        return out

    def fits_with(self, other: _Loop, nested: bool) -> bool:
        """Whether a fused loop would run as fast as both, and memory would be touched less."""
        a, b = self.node, other.node
        common = self.touches & other.touches
        if not common or (self.straight and other.straight and len(
                self.touches | other.touches) > MAX_MEMORIES):
            return False
        if _nbytes(common) * MIN_SHARED_FRACTION < min(self.nbytes, other.nbytes):
            return False
        if self.straight != other.straight:
            line, nest = (self, other) if self.straight else (other, self)
            return line.work * MIN_WORK_RATIO <= nest.work and bool(a.phis) == bool(b.phis)
        if bool(a.phis) != bool(b.phis):
            return nested or (self.straight and (not isinstance(a.trip_count, int) or (
                self.work + other.work) * a.trip_count < SCHEDULE.parallel_work))
        if a.independent != b.independent or (self.straight and a.vector != b.vector):
            return False
        return not self.straight or min(self.work, other.work) < COMPUTE_BOUND_INSTRUCTIONS


class _LoopFuser:
    def __init__(self, neighbors: bool) -> None:
        self.effects, self.neighbors = EffectsCache(), neighbors

    def block(self, block: ir.Block, nested: bool) -> bool:
        """Fuse the loops of a block, then those inside of them."""
        found = self.level(block, nested)
        while not nested and _Level(self.effects, self.neighbors, nested).split(block):
            found |= self.level(block, nested)
        for node in block.nodes:
            for inner in blocks(node):
                found |= self.block(inner, nested or type(node) is ir.For)
        return found

    def level(self, block: ir.Block, nested: bool) -> bool:
        """Fuse the loops of a block."""
        fused = _Level(self.effects, self.neighbors, nested).fused(block)
        for node in fused:
            if any(type(n) is ir.For for n in node.body.nodes):
                forward_loads(node, self.effects)
                self.effects.forget(node)
        return bool(fused)


class _Level:
    """The loops of one block."""

    def __init__(self, effects: EffectsCache, neighbors: bool, nested: bool):
        self.effects, self.neighbors, self.nested = effects, neighbors, nested
        self.nodes: list[Any] = []
        self.loops: dict[ir.For, _Loop] = {}
        self.forms = AffineExprs()  # for all; indices of loops of one length are the same in it
        self.indices: dict[Any, int] = {}

    def fused(self, block: ir.Block) -> list[ir.For]:
        """Fuse what can be; the new loops."""
        found: dict[ir.For, None] = {}
        counts = [node.trip_count for node in block.nodes if type(node) is ir.For]
        for node in block.nodes:
            if type(node) is not ir.For or counts.count(node.trip_count) < 2 \
                    or not self.join(node, found):
                self.nodes.append(node)
        block.nodes = self.nodes
        return list(found)

    def split(self, block: ir.Block) -> bool:
        """Give one loop the form of a sum over the same elements; whether there is such a one."""
        nodes = [n for n in block.nodes if type(n) is ir.For and not n.phis and n.independent]
        sums = [n for n in nodes if any(type(x) is ir.For and x.phis for x in n.body.nodes)]
        for nest in sums:
            for node in nodes:
                lengths = matching_extents(nest, node) if node.trip_count != nest.trip_count else []
                common = self.effects.of(node).touches & self.effects.of(nest).touches
                if lengths and _nbytes(common) >= MIN_COMMON_BYTES and self.loop(node).fits:
                    parts = split_like(node, lengths)
                    pair = [self.loop(parts[0]), self.loop(nest)]
                    if block.nodes.index(nest) < block.nodes.index(node):
                        pair.reverse()
                    else:
                        parts.reverse()  # nothing comes between the two
                    if pair[0].fits and pair[1].fits and pair[0].fits_with(
                            pair[1], self.nested) and self.is_legal_to_fuse(*pair):
                        k = block.nodes.index(node)
                        block.nodes[k : k + 1] = parts
                        return True
        return False

    def loop(self, node: ir.For) -> _Loop:
        found = self.loops.get(node)
        if found is None:
            found = self.loops[node] = _Loop(node, self.effects.of(node))
            if found.fits:
                index = id(node.index)
                self.forms.same[index] = self.indices.setdefault(node.trip_count, index)
                inside = self.forms.inside
                for inner in walk(ir.Block([node])):
                    if type(inner) is ir.Value:
                        inside.add(id(inner))
                    else:
                        inside.update(id(x) for x in definitions(inner) if x.op != "index")
        return found

    def join(self, node: ir.For, found: dict[ir.For, None]) -> bool:
        """Fuse a loop into an earlier one, if there is one that it fits with."""
        nodes, loop, tried = self.nodes, self.loop(node), 0
        for k in range(len(nodes) - 1, max(len(nodes) - 1 - MAX_NODES_BETWEEN, -1), -1):
            other = nodes[k]
            if type(other) is not ir.For or other.trip_count != node.trip_count:
                continue
            tried += 1
            if not loop.fits or tried > MAX_CANDIDATES:
                return False
            earlier = self.loop(other)
            if earlier.fits and earlier.fits_with(loop, self.nested) \
                    and self.is_legal_to_fuse(earlier, loop):
                around = self.around(k, loop.effects)
                if around is not None:
                    fused = self.one(earlier, loop)
                    found.pop(other, None)
                    found[fused] = None
                    nodes[k:] = [*around[0], fused, *around[1]]
                    return True
        return False

    def is_legal_to_fuse(self, first: _Loop, second: _Loop) -> bool:
        """Whether no iteration of the second loop touches what another iteration of the first
        changes, or changes what that one touches."""
        changed = (first.effects.writes & second.touches) | (
            first.effects.reads & second.effects.writes)
        if not changed:
            return True
        a, b = first.node, second.node
        some, others = ([x for x in loop.accesses if x.memory in changed or x.memory.roots]
                        for loop in (first, second))
        straight = first.straight and second.straight and a.independent and b.independent
        index = self.indices[a.trip_count]
        for x in some:
            for y in others:
                if x.memory is not y.memory:
                    if (x.stores or y.stores) and not set(roots(x.memory)).isdisjoint(
                            roots(y.memory)):
                        return False
                elif (x.stores or y.stores) and (x.itemsize != y.itemsize or not _same_element(
                        self.forms, index, x, y, straight, a.trip_count)):
                    return False
        return True

    def around(self, k: int, effects: Effects) -> tuple[list[Any], list[Any]] | None:
        """What stands behind loop k, which one with these effects moves up to: what may move in
        front of it, and what may not; None if the other depends on that."""
        held, rest = Effects().add(self.effects.of(self.nodes[k])), Effects()
        if not held.defs.isdisjoint(effects.uses):
            return None
        before: list[Any] = []
        behind: list[Any] = []
        for node in self.nodes[k + 1 :]:
            if self.effects.follows(held, node):
                if self.neighbors and type(node) is not ir.Value:
                    return None
                behind.append(node)
                self.effects.enter(node, held)
                self.effects.enter(node, rest)
            else:
                before.append(node)
        return None if rest.conflicts(effects) else (before, behind)

    def one(self, first: _Loop, second: _Loop) -> ir.For:
        """Two loops made one."""
        a, b = first.node, second.node
        rename(b.body, {id(b.index): a.index})
        for phi in b.phis:
            if phi.next is b.index:
                phi.next = a.index
        fused = ir.For(a.index, a.trip_count, a.phis + b.phis,
                       ir.Block(a.body.nodes + b.body.nodes),
                        vector=a.vector and b.vector,
                        independent=a.independent and b.independent,
                        reentrant_callbacks=a.reentrant_callbacks and b.reentrant_callbacks)
        if first.straight and second.straight:
            forward_loads(fused, self.effects)  # how heavy it is matters next
        else:
            self.loops[fused] = first.joined(second, fused)
            self.effects.know(fused, self.loops[fused].effects)
        return fused


# ---- which loops ---------------------------------------------------------------------------------
def _reduces(node: ir.For) -> bool:
    """Whether what a loop carries are sums and the like, in any order."""
    if not node.phis:
        return True
    carried = {id(p.scalar) for p in node.phis}
    uses: dict[int, int] = {}
    for x in walk(node.body):
        for a in x.args if type(x) is ir.Value else ():
            if id(a) in carried:
                uses[id(a)] = uses.get(id(a), 0) + 1
    return all(
        type(p.next) is ir.Value and any(a is p.scalar for a in p.next.args)
        and (uses.get(id(p.scalar)) == 1 or p.next.attr == COMPENSATED)
        and (p.next.attr in ("reassociate", "no nan", COMPENSATED)
             or (p.next.op in ("add", "mul", "min", "max", "or", "and", "xor")
                 and p.next.dtype.kind in "iub"))
        for p in node.phis)


def _nbytes(memories: set[ir.Memory]) -> int:
    return sum(m.nbytes for m in memories)


# ---- whether iterations may interleave -----------------------------------------------------------
def _same_element(forms: AffineExprs, index: int, x: Access, y: Access, straight: bool,
                  stop: ir.Index) -> bool:
    """Whether two accesses meet in the same iteration of a fused loop alone."""
    p, q = forms.of(x.position), forms.of(y.position)
    if straight and p == q and dict(p[1]).keys() & ({index} | forms.varying):
        return True  # iterations that store there exchange nothing
    first = access_range(p, x, index, forms.varying)
    second = access_range(q, y, index, forms.varying)
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
