"""Parallel loops: which ones threads share, and which memory each thread needs for itself.

A loop is parallel if its iterations are independent, none of them calls Python unless the program
says that they may at once (pmap does), and it may have work enough to be worth waking threads; how
long it takes is seen when it runs. Temporaries that
nothing outside such a loop refers to are scratch of an iteration: every thread has its own.
"""

from __future__ import annotations

from ingot.kernel import ir
from ingot.kernel.cost import work
from ingot.kernel.roles import Node
from ingot.kernel.schedule import SCHEDULE
from ingot.kernel.visit import contains, outermost, referred


def parallelize_loops(function: ir.Function) -> bool:
    """Set `parallel` of the loops that threads share, the outermost of each nest; says whether
    there are any: then the program must let Python's lock go, for which the threads might wait."""
    chosen = list(outermost(function.body, _is_parallel))
    if not chosen:
        return False
    outside = referred(function.body.nodes, chosen)
    inside = [referred([node]) for node in chosen]
    seen: dict[ir.Memory, int] = {}
    for memories in inside:
        for memory in memories:
            seen[memory] = seen.get(memory, 0) + 1
    for node, memories in zip(chosen, inside, strict=True):
        node.parallel = ir.ParallelRegion([m for m in memories if m.kind == "temporary"
                                     and m not in outside and seen[m] == 1])
    return True


def _is_parallel(node: Node) -> bool:
    """Whether threads may share a loop, and it may have work enough for that."""
    return (type(node) is ir.For and node.independent and not node.phis and not node.pointers
            and node.start == 0
            and (contains(node.body, ir.While) or work(ir.Block([node])) >= SCHEDULE.parallel_work)
            and (node.reentrant_callbacks or not contains(node.body, ir.PythonCall)))
