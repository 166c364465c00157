"""Buffer assignment: each temporary gets a place in the arena for the time in which it is used.

Lowering places them in the order of its equations; once loops have been fused, some live longer,
and others are gone, or smaller.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from ingot.compiler.arena import Arena
from ingot.compiler.array_contraction import shrink_temporaries
from ingot.kernel import ir
from ingot.kernel.visit import EffectsCache, blocks, memories, reads, roots


def assign_buffers(function: ir.Function) -> None:
    """Give each temporary that is used its place in the arena (changed in place)."""
    assigner = _BufferAssigner(function.temporaries)
    function.arena_bytes, placed = assigner.blocks([function.body], set(function.temporaries))
    used = set(placed)
    function.temporaries = [m for m in function.temporaries if m in used]


class _BufferAssigner:
    """Places relative to the arena of the node in which alone a temporary is used."""

    def __init__(self, temporaries: list[ir.Memory]) -> None:
        self.effects = EffectsCache()
        self.number = {m: k for k, m in enumerate(temporaries)}  # sets have no order

    def blocks(self, blocks: Sequence[ir.Block], mine: set[ir.Memory]
               ) -> tuple[int, list[ir.Memory]]:
        """Bytes needed for those of `mine` that are used in one of the blocks, and these; what
        several blocks use is kept during all."""
        uses = [{m for node in block.nodes for m in self.used(node)} & mine for block in blocks]
        common = {m for k, used in enumerate(uses) for other in uses[:k] for m in used & other}
        arena = Arena()
        for memory in sorted(common, key=self.number.__getitem__):
            memory.offset = arena.allocate(memory.nbytes)
        base, size = arena.size, arena.size
        placed = list(common)
        for block, used in zip(blocks, uses, strict=True):
            needed, inner = self.block(block, used - common)
            for memory in inner:
                memory.offset += base
            size = max(size, base + needed)
            placed += inner
        return size, placed

    def used(self, node: Any) -> Collection[ir.Memory]:
        if type(node) is ir.Value:
            return roots(node.args[0]) if node.op == "load" else ()
        if blocks(node):
            return self.effects.of(node).touches
        return [m for memory in memories(node) for m in roots(memory)]

    def block(self, block: ir.Block, mine: set[ir.Memory]) -> tuple[int, list[ir.Memory]]:
        first: dict[ir.Memory, int] = {}
        last: dict[ir.Memory, int] = {}
        for k, node in enumerate(block.nodes):
            for memory in self.used(node):
                if memory in mine:
                    first.setdefault(memory, k)
                    last[memory] = k
        arena, placed = Arena(), []
        begins: dict[int, list[ir.Memory]] = {}
        inside: dict[int, set[ir.Memory]] = {}
        for memory, k in first.items():
            if last[memory] == k and blocks(block.nodes[k]) \
                    and memory not in self.carried(block.nodes[k]):
                inside.setdefault(k, set()).add(memory)
            else:
                begins.setdefault(k, []).append(memory)
        ends: dict[int, list[ir.Memory]] = {}
        for k in sorted(begins.keys() | inside.keys() | set(last.values())):
            for memory in sorted(begins.get(k, ()), key=self.number.__getitem__):
                memory.offset = arena.allocate(memory.nbytes)
                ends.setdefault(last[memory], []).append(memory)
                placed.append(memory)
            if k in inside:
                if type(block.nodes[k]) is ir.For:
                    shrink_temporaries(block.nodes[k], inside[k])
                size, inner = self.blocks(blocks(block.nodes[k]), inside[k])
                base = arena.allocate(size)
                for memory in inner:
                    memory.offset += base
                placed += inner
                arena.free(base, size)
            for memory in ends.get(k, ()):
                arena.free(memory.offset, memory.nbytes)
        return arena.size, placed

    def carried(self, node: Any) -> set[ir.Memory]:
        """What a loop exchanges from one iteration to the next."""
        return {root for m in reads(node) for root in roots(m)}
