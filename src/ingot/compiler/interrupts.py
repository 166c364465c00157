"""Where native loops look for Ctrl-C: within a tenth of a second, and at no cost.

A loop polls every `poll_every` iterations, chosen from the work of its body; loops too short to
matter do not, nor do loops over independent elements: looking would keep LLVM from vectorizing
them, and memory is filled at a gigabyte a second. Parallel loops are looked after by the thread
that waits for the others.
"""

from __future__ import annotations

from ingot.kernel import ir
from ingot.kernel.cost import work
from ingot.kernel.visit import blocks, walk

INSTRUCTIONS = 50_000_000
"""Work between two polls: some 20 to 100 ms."""


def place_polls(block: ir.Block) -> bool:
    """Set `poll_every` of the loops in a block; says whether there are any that poll."""
    found = False
    for node in walk(block):
        if type(node) is ir.While or (type(node) is ir.For and _is_long(node)):
            node.poll_every = max(INSTRUCTIONS // _of_iteration(node), 1)
            found = True
    return found


def _of_iteration(node: ir.For | ir.While) -> int:
    return sum(map(work, blocks(node))) + 2


def _is_long(node: ir.For) -> bool:
    if not isinstance(node.trip_count, int):
        return True
    smooth = node.vector or node.parallel is not None
    return not smooth and _of_iteration(node) * node.trip_count > INSTRUCTIONS
