"""What LLVM is told about loops, as metadata: iterations that are apart, vectors, unrolling."""

from __future__ import annotations

from collections.abc import Sequence

from ingot.backends.llvm.functions.target import lanes
from ingot.kernel import ir
from ingot.kernel.access_analysis import AffineExprs, accesses
from ingot.kernel.visit import is_plain

MARKS = 1_000_000
"""Number of the first metadata node of a loop."""

LONG_SUM = 256
"""Iterations from which on the loop of a sum is not unrolled: processors look ahead in memory by
the addresses that one instruction reads, and each copy would read a few that lie far apart."""

REGISTERS = 8
"""Vectors that the sums of such a loop may be kept in, as additions wait for each other."""


class LoopMarks:
    """The metadata nodes of the loops of a module."""

    def __init__(self) -> None:
        self.lines = [f'!{MARKS} = !{{!"llvm.loop.unroll.disable"}}',
                      f'!{MARKS + 1} = !{{!"llvm.loop.vectorize.width", i32 {lanes()}}}']

    def access(self, groups: Sequence[str]) -> str:
        """What says that loads and stores belong to all of these groups."""
        if len(groups) == 1:
            return f", !llvm.access.group {groups[0]}"
        k = MARKS + len(self.lines)
        self.lines.append(f"!{k} = !{{{', '.join(groups)}}}")
        return f", !llvm.access.group !{k}"

    def of(self, node: ir.For) -> tuple[str, str]:
        """The mark of a loop, and the group of what its body reads and writes, or ""."""
        k = MARKS + len(self.lines)
        if node.parallel_accesses:
            self.lines += [f"!{k} = distinct !{{}}",
                           f'!{k + 1} = !{{!"llvm.loop.parallel_accesses", !{k}}}',
                           f"!{k + 2} = distinct !{{!{k + 2}, !{k + 1}, !{MARKS}, !{MARKS + 1}}}"]
            return f", !llvm.loop !{k + 2}", f"!{k}"
        if node.vector and any(type(x) is ir.Value and x.op == "pow" for x in node.body.nodes):
            # The instructions of powers wait for each other: two vectors in turns take 7/8.
            self.lines += [f"!{k} = distinct !{{!{k}, !{k + 1}}}",
                           f'!{k + 1} = !{{!"llvm.loop.interleave.count", i32 2}}']
            return f", !llvm.loop !{k}", ""
        if is_long_sum(node):
            turns = max(1, min(4, REGISTERS // len(node.phis)))
            self.lines += [f"!{k} = distinct !{{!{k}, !{MARKS}, !{k + 1}}}",
                           f'!{k + 1} = !{{!"llvm.loop.interleave.count", i32 {turns}}}']
            return f", !llvm.loop !{k}", ""
        if node.independent and are_apart(node):
            self.lines += [f"!{k} = distinct !{{}}",
                           f'!{k + 1} = !{{!"llvm.loop.parallel_accesses", !{k}}}',
                           f"!{k + 2} = distinct !{{!{k + 2}, !{k + 1}}}"]
            return f", !llvm.loop !{k + 2}", f"!{k}"
        return "", ""


def are_apart(node: ir.For) -> bool:
    """Whether iterations of a loop that exchange no values write to places of their own, in memory
    which loops around exchange, so that LLVM could not tell."""
    if node.phis or not is_plain(ir.Block([node])):
        return False
    found, exprs = accesses(node.body), AffineExprs()
    return any(x.memory.phi is not None for x in found) and all(
        dict(exprs.of(x.position)[1]).get(id(node.index)) for x in found if x.stores)


def is_long_sum(node: ir.For) -> bool:
    """Whether a loop adds up, in any order, what it reads from a long stretch of memory."""
    return isinstance(node.trip_count, int) and node.trip_count >= LONG_SUM and bool(
        node.phis) and all(type(p.next) is ir.Value and p.next.attr == "reassociate"
                           for p in node.phis)
