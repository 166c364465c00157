"""The verifier's look at memory: bounds of accesses, lifetimes of temporaries, independent loops.

What is found is certain to be wrong: accesses at places that are not known are left to the checks
of memory in running programs (`check_memory`).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ingot.kernel import ir
from ingot.kernel.access_analysis import Access, AffineExprs, access_range, accesses
from ingot.kernel.ir import Memory, Value
from ingot.kernel.visit import Path, definitions, is_plain, memories, roots, walk, walk_paths

Fail = Callable[[Any, str], NoReturn]

MAX_PAIRS = 4000
"""Pairs of accesses of a loop that are compared at most."""


def check_accesses(function: ir.Function, fail: Fail, placed: bool = True) -> None:
    """Verify where the nodes of a function read and write; `fail` raises."""
    exprs = AffineExprs()
    for node, _, path in walk_paths(function.body):
        if type(node) is ir.Copy:
            _check_copy(node, fail)
        for memory, index, nbytes, itemsize in _places(node):
            ends = _ends(exprs, index, path)
            if ends is not None and (
                    ends[0] < 0 or ends[1] * itemsize + nbytes > memory.nbytes):
                fail(node, f"touches elements {ends[0]} to {ends[1]} of {memory.nbytes} bytes of"
                           f" {memory.kind} memory, {nbytes} bytes each")
    lives, branches = _lives(function)
    if placed:
        _check_places(function, lives, branches, fail)
    homes = {memory: life.home for memory, life in lives.items()}
    for node in walk(function.body):
        if type(node) is ir.For and (node.vector or node.independent or node.parallel):
            _check_independent(node, homes, exprs, fail)


# ---- bounds --------------------------------------------------------------------------------------
def _places(node: Any) -> Iterator[tuple[Memory, Any, int, int]]:
    """Memory, index and bytes of what a node surely touches, and bytes of what the index counts."""
    if type(node) is Value:
        if node.op == "load":
            size = node.dtype.itemsize
            yield node.args[0], node.args[1], size, size
    elif type(node) is ir.Store:
        size = node.value.dtype.itemsize
        yield node.memory, node.index, size, size
    elif type(node) is ir.Copy:
        yield node.target, node.target_index, node.nbytes, node.dtype.itemsize
        yield node.source, node.source_index, node.nbytes, node.dtype.itemsize
    elif type(node) is ir.Call:
        pairs = [*zip(node.arguments, node.function.arguments, strict=True),
                 *zip(node.results, node.function.results, strict=False)]
        for (memory, index), inside in pairs:
            yield memory, index, inside.nbytes, memory.dtype.itemsize


def _ends(exprs: AffineExprs, index: Any, path: Path) -> tuple[int, int] | None:
    """The least and greatest value of an index; None if not all of it is known, or if branches
    decide whether it is used."""
    if isinstance(index, int):
        return index, index
    if any(type(outer) is not ir.For for outer in path):
        return None
    places = {id(outer.index): k for k, outer in enumerate(path)}
    low, terms = exprs.of(index)
    high = low
    for term, factor in terms:
        if term not in places:
            return None
        loop = path[places[term]]
        first = _ends(exprs, loop.start, path[: places[term]])
        if first is None or not isinstance(loop.trip_count, int):
            return None
        ends = factor * first[0], factor * (first[1] + loop.trip_count - 1)
        low, high = low + min(ends), high + max(ends)
    return low, high


def _check_copy(node: ir.Copy, fail: Fail) -> None:
    if node.source is node.target and isinstance(node.source_index, int) \
            and isinstance(node.target_index, int):
        apart = abs(node.source_index - node.target_index) * node.dtype.itemsize
        if apart < node.nbytes:
            fail(node, "copies between places that overlap")


# ---- lifetimes -----------------------------------------------------------------------------------
@dataclass
class _Life:
    """When a temporary is in use, in numbers of nodes; the loops around all its uses, and around
    any of them; and in which blocks of branches it is used, from and to which numbers."""

    first: int
    last: int
    home: Path
    loops: set[Any]
    branches: dict[ir.Block, tuple[int, int]]
    uses: int = 0
    uses_in: Counter[ir.Block] = field(default_factory=Counter)

    def use(self, number: int, loops: Path, branches: Sequence[ir.Block]) -> None:
        self.first, self.last = min(self.first, number), max(self.last, number)
        pairs = zip(self.home, loops, strict=False)
        self.home = tuple(pair[0] for pair in itertools.takewhile(lambda p: p[0] is p[1], pairs))
        self.loops.update(loops)
        self.uses += 1
        for block in branches:
            low, high = self.branches.get(block, (number, number))
            self.branches[block] = min(low, number), max(high, number)
            self.uses_in[block] += 1

    def within(self, block: ir.Block, span: tuple[int, int]) -> tuple[int, int] | None:
        """When it is in use while a block of a branch runs: what is first used in a branch is not
        in use in the others; None if it never is."""
        used = self.branches.get(block)
        if self.first < span[0]:
            return self.first, self.last
        return None if used is None else (used[0], self.last)


def _overlap(one: _Life, other: _Life, spans: dict[ir.Block, tuple[int, int]]) -> bool:
    """Whether two temporaries are in use at the same time."""
    if one.first > other.last or other.first > one.last:
        return False
    for a, b in ((one, other), (other, one)):
        for block in a.branches:
            start, end = spans[block]
            if a.uses_in[block] == a.uses and start <= a.first and a.last <= end:
                lives = b.within(block, spans[block])
                if lives is None or lives[0] > a.last or lives[1] < a.first:
                    return False
    return True


def _check_places(function: ir.Function, lives: dict[Memory, _Life],
                  spans: dict[ir.Block, tuple[int, int]], fail: Fail) -> None:
    """No two temporaries are in the same place at the same time."""
    ordered = sorted(lives, key=lambda m: m.offset)
    for k, one in enumerate(ordered):
        for other in ordered[k + 1 :]:
            if other.offset >= one.offset + one.nbytes:
                break
            if other.nbytes and _overlap(lives[one], lives[other], spans):
                fail(None, f"temporaries at bytes {one.offset} to {one.offset + one.nbytes} and"
                           f" {other.offset} to {other.offset + other.nbytes} are in use together")
    for one in ordered:
        if one.offset < 0 or one.offset + one.nbytes > function.arena_bytes:
            fail(None, f"a temporary at bytes {one.offset} to {one.offset + one.nbytes} of an"
                       f" arena of {function.arena_bytes}")


def _branches(function: ir.Function) -> tuple[dict[ir.Block, tuple[ir.Block, ...]],
                                             dict[ir.Block, tuple[int, int]]]:
    """For each block the blocks of branches around it, itself included; and their spans, from just
    before the branch to the last number in the block."""
    around: dict[ir.Block, tuple[ir.Block, ...]] = {function.body: ()}
    spans: dict[ir.Block, tuple[int, int]] = {}
    number_of: dict[Any, int] = {}
    block_of: dict[Any, ir.Block] = {}
    for k, (node, block, path) in enumerate(walk_paths(function.body)):
        if block not in around:
            branch = (block,) if type(path[-1]) is ir.Switch else ()
            around[block] = (*around[block_of[path[-1]]], *branch)
        for branch in around[block]:
            start = number_of[path[-1]] if branch is block else spans[branch][0]
            spans[branch] = spans.get(branch, (start, k))[0], k
        if type(node) is not Value:
            number_of[node], block_of[node] = k, block
    return around, spans


def _lives(function: ir.Function
           ) -> tuple[dict[Memory, _Life], dict[ir.Block, tuple[int, int]]]:
    """The lives of temporaries, and the spans of blocks of branches: what is used in a loop and
    outside of it lives as long as the loop runs, and so does what a loop hands on."""
    nodes = list(walk_paths(function.body))
    around, branches = _branches(function)
    spans: dict[Any, tuple[int, int]] = {}
    for k, (node, _, path) in enumerate(nodes):
        if type(node) is ir.For or type(node) is ir.While:
            spans[node] = k, k
        for outer in path:
            if outer in spans:
                spans[outer] = spans[outer][0], k
    lives: dict[Memory, _Life] = {}
    for k, (node, block, path) in enumerate(nodes):
        loops = tuple(outer for outer in path if outer in spans)
        for memory in (m for named in memories(node) for m in roots(named)):
            if memory.kind == "temporary":
                life = lives.setdefault(memory, _Life(k, k, loops, set(loops), {}))
                for number in spans.get(node, (k,)):
                    life.use(number, loops, around[block])
    for life in lives.values():
        for loop in life.loops.difference(life.home):
            life.first = min(life.first, spans[loop][0])
            life.last = max(life.last, spans[loop][1])
    return lives, branches


# ---- iterations ----------------------------------------------------------------------------------
def _check_independent(node: ir.For, homes: dict[Memory, Path], exprs: AffineExprs, fail: Fail
                       ) -> None:
    """No iteration of a loop touches what another one is known to write."""
    if node.parallel is not None:
        if node.phis or node.pointers or not node.independent:
            fail(node, "a parallel loop whose iterations are not independent")
        for memory in node.parallel.private:
            if node not in homes.get(memory, (node,)):
                fail(node, "what each thread has for itself is used outside of the loop")
        for memory, home in homes.items():
            if node in home and memory not in node.parallel.private and memory.nbytes:
                fail(node, "threads share a temporary that only iterations use")
    if node.phis or not isinstance(node.trip_count, int) or node.trip_count < 2 \
            or not is_plain(node.body):
        return
    varying = {id(x) for inner in walk(node.body) for x in definitions(inner) if x.op != "index"}
    found: dict[Memory, list[Access]] = {}
    for access in accesses(node.body):
        found.setdefault(access.memory, []).append(access)
    for memory, uses in found.items():
        own = node in homes.get(memory, ())
        stores = [x for x in uses if x.stores]
        if own or len(stores) * len(uses) > MAX_PAIRS:
            continue
        for x, y in itertools.product(stores, uses):
            ends = [access_range(exprs.of(z.position), z, id(node.index), varying) for z in (x, y)]
            if x.itemsize == y.itemsize and _meet(ends[0], ends[1], int(node.trip_count)):
                fail(node, f"iterations that are said to be independent meet in {memory.kind}"
                           f" memory of {memory.nbytes} bytes")


def _meet(one: Any, other: Any, trips: int) -> bool:
    """Whether different iterations surely touch the same element."""
    if one is None or other is None or one[0] != one[1] or other[0] != other[1] \
            or one[3] != other[3]:
        return False
    (start, _, step, _), (other_start, _, other_step, _) = one, other
    if step == other_step:
        distance = start - other_start
        return distance == 0 if not step else (
            distance != 0 and distance % step == 0 and abs(distance // step) < trips)
    if not step:
        start, step, other_start, other_step = other_start, other_step, start, step
    place = other_start - start  # which the other touches in each iteration
    return not other_step and place % step == 0 and 0 <= place // step < trips
