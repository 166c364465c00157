"""Strip-mining: long loops become loops over strips of one length, so LLVM compiles a body once.

A loop over any number of elements becomes a vectorized one and another for the elements that are
left. Here the loop over a strip has a length that vectors divide. The last strip begins early
enough to be a whole one: what is computed twice is the same both times.
"""

from __future__ import annotations

from typing import Any

from ingot.kernel import ir
from ingot.kernel.cost import work
from ingot.kernel.rules import INT, Builder
from ingot.kernel.schedule import SCHEDULE
from ingot.kernel.visit import reads, replace, roots, writes

NARROW = frozenset(["sin", "cos", "tan", "lgamma", "external"])
"""Operations that have no form for vectors of so many 64-bit numbers."""


def strip_mine_loops(function: ir.Function) -> list[ir.For]:
    """Rewrite the loops of a function that can be (changed in place); the new loops."""
    made: list[ir.For] = []

    def instead(node: Any) -> ir.For | None:
        if type(node) is not ir.For or not is_divisible(node) \
                or work(node.body) < SCHEDULE.min_strip_mined_work:
            return None
        made.append(strip_mine(node))
        return made[-1]

    replace(function.body, instead)
    return made


def is_divisible(node: ir.For) -> bool:
    """Whether a loop is long and straight, and reads nothing that it writes."""
    if not node.vector or node.phis or node.pointers or node.start != 0 \
            or not isinstance(node.trip_count, int) or node.trip_count < SCHEDULE.min_strip_mined:
        return False
    read: set[ir.Memory] = set()
    written: set[ir.Memory] = set()
    for x in node.body.nodes:
        if type(x) is not ir.Value and type(x) is not ir.Store:
            return False
        read.update(m for memory in reads(x) for m in roots(memory))
        written.update(m for memory in writes(x) for m in roots(memory))
    return not read & written


def _draws(node: ir.For) -> bool:
    """Whether a body makes random numbers: mostly work on 32-bit words, which decide how long its
    vectors are best. LLVM goes by the longest numbers, and fills half a vector with words."""
    ops = {x.op for x in node.body.nodes if type(x) is ir.Value}
    return "threefry" in ops and not ops & NARROW


def strip_mine(node: ir.For, length: int | None = None) -> ir.For:
    """The loop over strips that takes the place of a loop, which runs over one of them."""
    stop: Any = node.trip_count
    size = -(-stop // -(-stop // (length or SCHEDULE.strip)))
    size = -(-size // SCHEDULE.strip_unit) * SCHEDULE.strip_unit
    build = Builder()
    out = ir.For(ir.Value("index", (), INT), -(-stop // size), [], ir.Block(), independent=True)
    node.parallel_accesses |= _draws(node)
    with build.inside(out.body):
        node.start, node.trip_count = build.iclamp(build.index_mul(out.index, size),
                                                   stop - size), size
        build.block.nodes.append(node)
    return out
