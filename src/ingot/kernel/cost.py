"""How large a kernel is and how much work it does, in instructions, estimated."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ingot.kernel import ir
from ingot.kernel.rules import COSTS
from ingot.kernel.visit import blocks

CALL = 20
"""What calling a function costs by itself."""

WHILE_GUESS = 16
"""Iterations assumed of a loop whose trip count is not known."""


def work(block: ir.Block, libraries: bool = True, without: Collection[Any] = ()) -> int:
    """Instructions that one run of a block executes, in libraries too or by itself, and without
    those of some nodes."""
    total = 0
    for node in block.nodes:
        if without and node in without:
            continue
        if type(node) is ir.Value:
            total += COSTS.get(node.op, 1)
        elif type(node) is ir.For:
            trips = node.trip_count if isinstance(node.trip_count, int) else WHILE_GUESS
            total += trips * (work(node.body, libraries, without) + 2)
        elif type(node) is ir.While:
            total += WHILE_GUESS * (
                work(node.cond, libraries) + work(node.body, libraries, without))
        elif type(node) is ir.Switch:
            total += max((work(b, libraries, without) for b in node.branches), default=0)
        elif type(node) is ir.Copy:
            total += node.nbytes // 8
        elif type(node) is ir.Call:
            total += CALL + _of_function(node.function, libraries, without)
        else:
            total += node.work if libraries and type(node) is ir.ExternCall else 10
    return total


def _of_function(function: ir.Function, libraries: bool, without: Collection[Any]) -> int:
    """The work of a function, which may be called in many places."""
    key = libraries, id(without) if without else None
    if key not in function.estimates:  # beside it the collection, which keeps its identity
        function.estimates[key] = work(function.body, libraries, without), without
    return function.estimates[key][0]


def size(block: ir.Block) -> int:
    """Instructions written in a block and the blocks inside it, without functions called there."""
    return len(block.nodes) + sum(size(b) for node in block.nodes for b in blocks(node))
