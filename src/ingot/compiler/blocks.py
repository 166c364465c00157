"""Long loops of much work made of blocks of one length, so that LLVM compiles each body once.

A loop over any number of elements becomes a vectorized one and another for the elements that are
left. Here the loop over a block has a length that vectors divide. The last block begins early
enough to be a whole one: what is computed twice is the same both times.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ingot.kernel import ir
from ingot.kernel.build import INT, Builder
from ingot.kernel.cost import work

LENGTH = 1024
"""Elements of a block, at most; few enough to be short of work, many enough to start a loop for."""

MULTIPLE = 64
"""What the length of a block is a multiple of: a few of the longest vectors."""

FEWEST = 2048
"""Elements from which on little is computed twice."""

STEP = 60
"""Instructions of a body from which on a second copy of it costs."""

NARROW = frozenset(["sin", "cos", "tan", "lgamma", "external"])
"""Operations that have no form for vectors of so many 64-bit numbers."""


def loops_to_blocks(function: ir.Function) -> list[ir.For]:
    """Rewrite the loops of a function that can be (changed in place); the new loops."""
    return list(_rewrite(function.body))


def _rewrite(block: ir.Block) -> Iterator[ir.For]:
    for k, node in enumerate(block.nodes):
        kind = type(node)
        if kind is ir.For:
            if _fits(node):
                block.nodes[k] = in_blocks(node)
                yield block.nodes[k]
            else:
                yield from _rewrite(node.body)
        elif kind is ir.While:
            yield from _rewrite(node.body)
        elif kind is ir.Switch:
            for branch in node.branches:
                yield from _rewrite(branch)


def _fits(node: ir.For) -> bool:
    """Whether a loop may become blocks, and has work enough for that."""
    return is_divisible(node) and work(node.body) >= STEP


def is_divisible(node: ir.For) -> bool:
    """Whether a loop is long and straight, and reads nothing that it writes."""
    if not node.vector or node.phis or node.pointers or node.first != 0 \
            or not isinstance(node.stop, int) or node.stop < FEWEST:
        return False
    read: set[ir.Memory] = set()
    written: set[ir.Memory] = set()
    for x in node.body.nodes:
        if type(x) is ir.Store:
            written |= {x.memory, *x.memory.roots}
        elif type(x) is not ir.Scalar:
            return False
        elif x.op == "load":
            read |= {x.args[0], *x.args[0].roots}
    return not read & written


def _draws(node: ir.For) -> bool:
    """Whether a body makes random numbers: mostly work on 32-bit words, which decide how long its
    vectors are best. LLVM goes by the longest numbers, and fills half a vector with words."""
    ops = {x.op for x in node.body.nodes if type(x) is ir.Scalar}
    return "threefry" in ops and not ops & NARROW


def in_blocks(node: ir.For, length: int | None = None) -> ir.For:
    """The loop over blocks that takes the place of a loop, which runs over one of them."""
    stop: Any = node.stop
    size = -(-stop // -(-stop // (length or LENGTH)))
    size = -(-size // MULTIPLE) * MULTIPLE
    build = Builder()
    out = ir.For(ir.Scalar("index", (), INT), -(-stop // size), [], ir.Block(), independent=True)
    node.apart |= _draws(node)
    with build.inside(out.body):
        node.first, node.stop = build.iclamp(build.imul(out.index, size), stop - size), size
        build.block.nodes.append(node)
    return out
