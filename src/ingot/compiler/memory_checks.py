"""What compiled programs do with memory, verified while they run: the flag `check_memory`.

Beside each temporary and each result lies its shadow, a byte for each byte: the number of the
buffer that wrote it last. Buffers that follow each other in the same memory share its shadow. So a
read finds that nothing was written, or that the memory was given to another buffer too early; no
analysis is trusted that decides about memory. Before each node that touches memory the pass puts
nodes that say what it does (`ir.Check`), which verify that it stays within the buffer, too.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ingot.compiler.arena import rounded
from ingot.compiler.lower import HostFunction
from ingot.compiler.origins import Origins
from ingot.errors import MemoryCheckError
from ingot.kernel import ir
from ingot.kernel.ir import Value
from ingot.kernel.operands import Operand, operands
from ingot.kernel.rules import INT, Builder, Index
from ingot.kernel.visit import blocks, callees, memories, roots, walk_paths

BYTE = np.dtype(np.uint8)
NOBODY, OWNERS, CLAIMED = 0, 254, 255
"""What a byte of a shadow says: nobody wrote it; one of so many numbers of buffers did; the
operation that is about to run will."""


@dataclass
class Checks:
    """What reports say of a program: its sites, each an operation, a buffer and the bytes of an
    element; and the buffers by their numbers. Several may have a number."""

    program: str
    temporary_bytes: int
    sites: list[tuple[str, str, int]] = field(default_factory=list)
    owners: list[str] = field(default_factory=list)
    arguments: list[int] = field(default_factory=list)  # bytes
    results: list[tuple[str, tuple[int, ...], int]] = field(default_factory=list)
    # dtype, shape, and which argument's memory it is, or -1


def add_checks(function: ir.Function, hosts: Sequence[HostFunction], origins: Origins,
               checks: Checks) -> None:
    """Add checks to a program and the functions that it calls (changed in place)."""
    extended: dict[ir.Function, list[int]] = {}
    for one in (*callees(function.body), function):
        checker = _Checker(one, hosts, origins, checks, extended, one is not function)
        checker.run()


@dataclass
class _Range:
    """Where a node touches memory: `nbytes` bytes from an element on, and more of such rows."""

    memory: ir.Memory
    index: Index
    itemsize: int
    nbytes: Index
    rows: Sequence[tuple[Index, Index]] = ()


def _whole(memory: ir.Memory) -> _Range:
    return _Range(memory, 0, 1, memory.nbytes)


class _Checker(Builder):
    """Adds the checks of one function."""

    def __init__(self, function: ir.Function, hosts: Sequence[HostFunction], origins: Origins,
                 checks: Checks, extended: dict[ir.Function, list[int]], is_called: bool):
        super().__init__()
        self.function, self.hosts, self.origins, self.checks = function, hosts, origins, checks
        self.extended, self.is_called = extended, is_called
        self.shadows: dict[ir.Memory, ir.Memory] = {}
        self.owners: dict[ir.Memory, Index] = {}
        self.own: dict[ir.Memory, _Own] = {}
        self.dead = _dead_in_iterations(function)
        self.first: dict[ir.Memory, ir.Memory] = {}  # what pointers stand for at first
        self.operation = "the beginning or end of the program"  # which a node is part of

    # ---- the function ------------------------------------------------------------------------
    def run(self) -> None:
        """Give results their shadows, then go through the body."""
        arena = self.arena = rounded(self.function.arena_bytes)
        results = [m for m in self.function.results if m.kind == "result"]
        donated = [m for m in self.function.arguments if m.kind == "donated"]
        self.all = self.function.at_end(
            arena + sum(rounded(m.nbytes) for m in (*donated, *results)), BYTE)
        offset = self.all.offset + arena
        for memory in () if self.is_called else (*donated, *results):
            self.shadows[memory] = self.part(memory.nbytes, offset)
            offset += rounded(memory.nbytes)
        self.shadows[self.all] = self.all
        begin = [*self.check("forget", _whole(self.all), owned=False)]
        if self.is_called:
            self.shadows.update((m, ir.Memory("result", m.nbytes, BYTE)) for m in results)
            begin += [n for m in results for n in self.check("forget", _whole(m))]
        begin += [n for m in donated for n in self.check("write", _whole(m))]
        self.body(self.function.body)
        end = [n for m in results for n in self.check("read", _whole(m))]
        self.function.body.nodes[:0] = begin
        self.function.body.nodes += end
        if self.is_called:  # those who call it have the shadows of what it writes to
            self.extended[self.function] = [self.function.results.index(m) for m in results]
            self.function.results = [*self.function.results, *(self.shadows[m] for m in results)]

    def part(self, nbytes: int, offset: int) -> ir.Memory:
        """A part of the arena."""
        return ir.Memory("temporary", nbytes, BYTE, offset=offset)

    def shadow(self, memory: ir.Memory) -> ir.Memory | None:
        """The memory that says who wrote to a memory; None if the program does not write there."""
        found = self.shadows.get(memory)
        if found is None and memory.kind == "temporary":
            own = self.own.get(memory)
            found = self.shadows[memory] = self.part(
                memory.nbytes, memory.offset + (self.all.offset if own is None else own.distance))
            if own is not None:
                own.parallel.private.append(found)
        return found

    def owner(self, memory: ir.Memory) -> Index:
        """The number of a buffer, which for pointers is known when the program runs."""
        found = self.owners.get(memory)
        if found is None:
            found = self.owners[memory] = 1 + len(self.checks.owners) % OWNERS
            self.checks.owners.append(self.origins.buffer(memory))
        return found

    # ---- checks ------------------------------------------------------------------------------
    def check(self, act: str, place: _Range, owned: bool = True) -> Iterator[ir.Check]:
        """The check of a range, if there is anything to verify."""
        memory, shadow = place.memory, self.shadow(place.memory)
        if shadow is None and act != "read":
            raise MemoryCheckError(f"{self.checks.program}: {self.operation}: writes to"
                                   f" {self.origins.buffer(memory)}, which it may only read")
        if place.nbytes == 0 or any(n == 0 for n, _ in place.rows):
            return
        if shadow is None and isinstance(place.index, int) and isinstance(place.nbytes, int) \
                and not place.rows and place.index >= 0 \
                and place.index * place.itemsize + place.nbytes <= memory.nbytes:
            return
        owner = self.owner(memory) if owned and shadow is not None else NOBODY
        yield ir.Check(act, memory, place.index, place.itemsize, place.nbytes, place.rows, shadow,
                       owner, self.site(memory, place.itemsize))

    def site(self, memory: ir.Memory, itemsize: int) -> int:
        """The number of what a report says of an access."""
        buffer = self.origins.buffer(self.first_of(memory))
        self.checks.sites.append((self.operation, buffer, itemsize))
        return len(self.checks.sites) - 1

    def first_of(self, memory: ir.Memory) -> ir.Memory:
        """A pointer's first memory, by which reports name it."""
        while memory.kind == "pointer" and memory in self.first:
            memory = self.first[memory]
        return memory

    # ---- nodes -------------------------------------------------------------------------------
    def body(self, block: ir.Block) -> None:
        """Put checks in front of the nodes of a block, and into those."""
        nodes, block.nodes, outer = block.nodes, [], self.operation
        for node in nodes:
            self.operation = self.origins.operation(node) or outer
            with self.inside(ir.Block()) as new:
                after = self.around(node, type(node))
            block.nodes += [*new.nodes, node, *after]
        self.operation = outer

    def around(self, node: Any, kind: type) -> list[Any]:
        """Append what comes before a node; what comes after it."""
        add = self.block.nodes.extend
        if kind is Value:
            if node.op == "load":
                add(self.check("read", _Range(
                    node.args[0], node.args[1], node.dtype.itemsize, node.dtype.itemsize)))
        elif kind is ir.Store:
            size = node.value.dtype.itemsize
            add(self.check("write", _Range(node.memory, node.index, size, size)))
        elif kind is ir.Copy:
            size = node.dtype.itemsize
            self.moved([_Range(node.source, node.source_index, size, node.nbytes)], [],
                       [_Range(node.target, node.target_index, size, node.nbytes)])
        elif kind is ir.ExternCall:
            self.library(operands(node, self.index_mul))
        elif kind is ir.PythonCall:
            host = self.hosts[node.number]
            places = [_Range(m, i, m.dtype.itemsize, a.nbytes) for (m, i), a in zip(
                node.places, (*host.in_avals, *host.out_avals), strict=True)]
            self.moved(places[: len(host.in_avals)], [], places[len(host.in_avals) :])
        elif kind is ir.Call:
            return self.call(node)
        elif kind is ir.Switch:
            for branch in node.branches:
                self.body(branch)
        else:
            self.loop(node)
        return []

    def moved(self, reads: Sequence[_Range], updates: Sequence[_Range], writes: Sequence[_Range]
              ) -> None:
        """A node reads some ranges, and writes others, which do not overlap with those."""
        steps = [("read", updates), ("claim", [*updates, *writes]), ("read", reads),
                 ("write", [*updates, *writes])]
        for act, ranges in steps:
            for place in ranges:
                self.block.nodes.extend(self.check(act, place))

    def library(self, found: Sequence[Operand]) -> None:
        """A routine, by what its operands are."""
        def place(x: Operand) -> _Range:
            size = x.memory.dtype.itemsize
            return _Range(x.memory, x.index, size, self.index_mul(x.length, size), x.rows)

        self.moved([place(x) for x in found if not x.writes],
                   [place(x) for x in found if x.reads and x.writes],
                   [place(x) for x in found if not x.reads])

    def call(self, node: ir.Call) -> list[Any]:
        """A function has the shadows of its results in the caller, and those of its temporaries
        behind these, for which its arena is elsewhere; the place planned for it counts as lost."""
        add, function = self.block.nodes.extend, node.function
        add(self.check("forget", _whole(node.arena)))
        own = self.own.get(node.arena)
        node.arena = self.function.at_end(function.arena_bytes, BYTE)
        if own is not None:
            own.parallel.private.append(node.arena)
        results = [_Range(m, i, m.dtype.itemsize, r.nbytes) for (m, i), r in zip(
            node.results, function.results, strict=False)]
        for place in results:
            add(self.check("claim", place))
        for (memory, index), given in zip(node.arguments, function.arguments, strict=True):
            add(self.check("read", _Range(memory, index, memory.dtype.itemsize, given.nbytes)))
        for k in self.extended[function]:
            memory, index = node.results[k]
            shadow = self.shadow(memory)
            assert shadow is not None  # it is written to
            node.results.append((shadow, self.index_mul(index, memory.dtype.itemsize)))
        return [n for place in results for n in self.check("write", place)]

    # ---- loops -------------------------------------------------------------------------------
    def loop(self, node: ir.For | ir.While) -> None:
        """The loop's pointers get shadows and numbers that go around with them."""
        pointers = [(p, self.pointer(p, node)) for p in [*node.pointers]]
        if type(node) is ir.For and node.parallel is not None:
            self.divided(node)
        first = blocks(node)[0]
        for block in blocks(node):
            self.body(block)
            if block is first:
                block.nodes[:0] = [n for m in self.dead.get(id(node), ())
                                   for n in self.check("forget", _whole(m))]
        for p, (shadow, number) in pointers:
            assert p.next is not None
            shadow.next, number.next = self.shadow(p.next), self.index(self.owner(p.next))
            self.shadows[p.result], self.owners[p.result] = shadow.result, number.result
            self.first[p.result] = p.init

    def pointer(self, p: ir.PointerPhi, node: ir.For | ir.While) -> tuple[ir.PointerPhi, ir.Phi]:
        init = self.shadow(p.init)
        assert init is not None  # loops carry what they write
        inside, result = (ir.Memory("pointer", p.init.nbytes, BYTE) for _ in range(2))
        shadow = ir.PointerPhi(inside, init, None, result)
        number = ir.Phi(Value("phi", (), INT), self.index(self.owner(p.init)), None,
                        Value("result", (), INT))
        node.pointers.append(shadow)
        node.phis.append(number)
        self.shadows[p.inside], self.owners[p.inside] = inside, number.scalar
        self.first[p.inside] = p.init
        return shadow, number

    def divided(self, node: ir.For) -> None:
        """Temporaries that each thread has for itself have such shadows; elsewhere their places
        count as lost, for one of the threads works there."""
        parallel = node.parallel
        assert parallel is not None
        if not parallel.private:
            return
        low, high = parallel.extent
        for memory in parallel.private:
            self.block.nodes.extend(self.check("forget", _whole(memory)))
            del self.shadows[memory]
        distance = self.function.at_end(high - low, BYTE).offset - low
        self.own.update((memory, _Own(parallel, distance)) for memory in parallel.private)


@dataclass
class _Own:
    """Where the shadows of a divided loop's own temporaries are, from these."""

    parallel: ir.ParallelRegion
    distance: int


# ---- what iterations leave -----------------------------------------------------------------------
def _dead_in_iterations(function: ir.Function) -> dict[int, list[ir.Memory]]:
    """For each loop, by its id, the temporaries that only an iteration of it uses: at its beginning
    nothing is in them. Such are those of which all uses are in the loop, unless it exchanges them
    with the next iteration; the innermost such loop counts."""
    homes: dict[ir.Memory, tuple[Any, ...]] = {}

    for node, _, path in walk_paths(function.body):
        loops = tuple(outer for outer in path if type(outer) is not ir.Switch)
        for m in (m for memory in memories(node) for m in roots(memory)):
            if m.kind == "temporary":
                shared = zip(homes.get(m, loops), loops, strict=False)
                homes[m] = tuple(a for a, _ in itertools.takewhile(lambda p: p[0] is p[1], shared))
    dead: dict[int, list[ir.Memory]] = {}
    for memory, path in homes.items():
        if path:
            dead.setdefault(id(path[-1]), []).append(memory)
    return dead
