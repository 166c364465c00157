"""Array contraction: temporaries shrink to the part of them that one iteration of a loop uses."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ingot.kernel import ir
from ingot.kernel.access_analysis import Access, AffineExprs, access_range, accesses
from ingot.kernel.rewrite import Rewriter
from ingot.kernel.visit import is_plain


def shrink_temporaries(loop: ir.For, memories: Collection[ir.Memory]) -> None:
    """Make temporaries smaller that nothing outside of a loop uses (changed in place)."""
    if not is_plain(loop.body):
        return
    found: dict[ir.Memory, list[Access]] = {m: [] for m in memories}
    for access in accesses(loop.body):
        if access.memory in found:
            found[access.memory].append(access)
    forms = AffineExprs()
    first: dict[ir.Memory, int] = {}
    for memory, uses in found.items():
        ends = _ends(loop, uses, forms)
        if ends is not None:
            memory.nbytes = (ends[1] - ends[0] + 1) * uses[0].itemsize
            first[memory] = ends[0]
    if first:
        _Rewriting(forms, first).rewrite(loop.body)


def _ends(loop: ir.For, uses: list[Access], forms: AffineExprs) -> tuple[int, int] | None:
    """The first and last element that iteration 0 uses, if no other does."""
    low = high = step = None
    for access in uses:
        found = access_range(forms.of(access.position), access, id(loop.index), set())
        if found is None or found[3] or not found[2] or access.itemsize != uses[0].itemsize \
                or step not in (None, found[2]):
            return None
        low = found[0] if low is None else min(low, found[0])
        high = found[1] if high is None else max(high, found[1])
        step = found[2]
    if step is None or high - low >= abs(step):  # type: ignore[operator]
        return None
    return low, high  # type: ignore[return-value]


class _Rewriting(Rewriter):
    """Puts other positions in a loop."""

    def __init__(self, forms: AffineExprs, first: dict[ir.Memory, int]):
        super().__init__()
        self.forms, self.first = forms, first

    def node(self, node: Any) -> None:
        if type(node) is ir.Store and node.memory in self.first:
            node.index = self.place(node.memory, node.index)
        elif type(node) is ir.Value and node.op == "load" and node.args[0] in self.first:
            memory, position = node.args
            node.args = (memory, self.place(memory, position))
        super().node(node)

    def place(self, memory: ir.Memory, position: ir.Index) -> ir.Index:
        """The position within the part of one iteration."""
        constant, terms = self.forms.of(position)
        factors = dict(terms)
        out: ir.Index = constant - self.first[memory]
        for loop in self.path:
            out = self.index_add(out, self.index_mul(loop.index, factors.get(id(loop.index), 0)))
        return out
