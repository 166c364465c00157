"""Where native loops look for Ctrl-C: within a tenth of a second, and at no cost.

A loop polls every `poll_every` iterations, chosen from the work of its body; loops too short to
matter do not, nor do loops over independent elements: looking would keep LLVM from vectorizing
them, and memory is filled at a gigabyte a second. Loops divided among threads are looked after by
whoever waits for the threads.
"""

from __future__ import annotations

from ingot.kernel import ir
from ingot.kernel.cost import work

INSTRUCTIONS = 50_000_000
"""Work between two polls: some 20 to 100 ms."""


def place_polls(block: ir.Block) -> bool:
    """Set `poll_every` of the loops in a block; says whether there are any that poll."""
    found = False
    for node in block.nodes:
        kind = type(node)
        if kind is ir.For or kind is ir.While:
            inner = work(node.body) + (work(node.cond) if kind is ir.While else 0) + 2
            total = None if kind is ir.While or not isinstance(node.stop, int) \
                else inner * node.stop
            smooth = kind is ir.For and (node.vector or node.parallel is not None)
            if total is None or (total > INSTRUCTIONS and not smooth):
                node.poll_every = max(INSTRUCTIONS // inner, 1)
                found = True
            found |= place_polls(node.body)
        elif kind is ir.Switch:
            for branch in node.branches:
                found |= place_polls(branch)
    return found
