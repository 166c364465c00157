"""Which loops are divided among threads, and which memory each thread needs for itself.

A loop is divided if its iterations are independent, none of them calls Python unless the program
says that they may at once (pmap does), and it may have work enough to be worth waking threads; how
long it takes is seen when it runs. Temporaries that
nothing outside such a loop refers to are scratch of an iteration: every thread has its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ingot.kernel import ir
from ingot.kernel.cost import work

PARALLEL_WORK = 200_000
"""Instructions of a loop from which on threads may be worth waking: some 50 microseconds."""


def divide_loops(function: ir.Function) -> None:
    """Set `parallel` of the loops to be divided, the outermost of each nest."""
    chosen = list(_candidates(function.body))
    if not chosen:
        return
    outside = Referred()
    outside.block(function.body, skipped={id(node) for node in chosen})
    seen: dict[int, int] = {}
    inside: list[Referred] = []
    for node in chosen:
        referred = Referred()
        referred.node(node)
        inside.append(referred)
        for memory in referred.memories:
            seen[id(memory)] = seen.get(id(memory), 0) + 1
    shared = {id(m) for m in outside.memories}
    for node, referred in zip(chosen, inside, strict=True):
        own = [m for m in referred.memories if m.kind == "temporary" and id(m) not in shared
               and seen[id(m)] == 1]
        node.parallel = ir.Parallel(own)


def _candidates(block: ir.Block) -> Iterator[ir.For]:
    for node in block.nodes:
        kind = type(node)
        if kind is ir.For and node.independent and not node.phis and not node.pointers \
                and node.first == 0 \
                and (contains(node.body, ir.While) or work(ir.Block([node])) >= PARALLEL_WORK) \
                and (node.at_once or not contains(node.body, ir.HostCall)):
            yield node
        elif kind is ir.For:
            yield from _candidates(node.body)
        elif kind is ir.While:
            yield from _candidates(node.body)
        elif kind is ir.Switch:
            for branch in node.branches:
                yield from _candidates(branch)


def contains(block: ir.Block, kind: type, test: Callable[[Any], bool] = lambda node: True) -> bool:
    """Whether there is such a node of this kind in a block, the blocks inside it or what it calls.
    """
    def within(block: ir.Block) -> bool:
        return any((type(node) is kind and test(node)) or any(map(within, ir.inner_blocks(node)))
                   for node in block.nodes)

    return within(block) or any(within(function.body) for function in ir.called(block))


class Referred:
    """The memories that nodes refer to, the roots of pointers included."""

    def __init__(self) -> None:
        self.memories: dict[ir.Memory, None] = {}

    def add(self, *memories: Any) -> None:
        for memory in memories:
            if memory is not None:
                self.memories[memory] = None
                self.memories.update((m, None) for m in memory.roots if m.phi is None)

    def block(self, block: ir.Block, skipped: set[int]) -> None:
        for node in block.nodes:
            if id(node) not in skipped:
                self.node(node, skipped)

    def node(self, node: Any, skipped: set[int] = frozenset()) -> None:  # type: ignore[assignment]
        kind = type(node)
        if kind is ir.Scalar:
            if node.op == "load":
                self.add(node.args[0])
        elif kind is ir.Store:
            self.add(node.memory)
        elif kind is ir.Copy:
            self.add(node.target, node.source)
        elif kind is ir.For or kind is ir.While:
            for p in node.pointers:
                self.add(p.inside, p.init, p.next, p.result)
            if kind is ir.While:
                self.block(node.cond, skipped)
            self.block(node.body, skipped)
        elif kind is ir.Switch:
            for branch in node.branches:
                self.block(branch, skipped)
        elif kind is ir.Library:
            self.add(*(arg[1] for arg in node.args if arg[0] == "pointer"))
        elif kind is ir.HostCall or kind is ir.Call:
            self.add(*(memory for memory, _ in node.places))
