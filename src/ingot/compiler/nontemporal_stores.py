"""Non-temporal stores: large results pass by the caches, in parts from a small temporary.

A store to memory that is not in a cache reads the line first, and drives out another. What is far
larger than the caches is not there when it is read again, so lines that are written whole need no
cache. Vectors are written to the temporary; the copy knows where lines begin.
"""

from __future__ import annotations

from typing import Any

from ingot.compiler.strip_mining import is_divisible, strip_mine
from ingot.kernel import ir
from ingot.kernel.access_analysis import AffineExpr, AffineExprs, accesses
from ingot.kernel.rules import Builder
from ingot.kernel.schedule import SCHEDULE
from ingot.kernel.visit import is_plain


def store_past_caches(function: ir.Function) -> None:
    """Rewrite the loops of a function that fill large results (changed in place)."""
    large = {m for m in function.results
             if m.kind == "result" and m.nbytes * 8 >= SCHEDULE.nontemporal_bytes}
    if not large:
        return
    for node in function.body.nodes:
        if type(node) is ir.For and is_plain(ir.Block([node])):
            touched = {a.memory for a in accesses(ir.Block([node]))}
            if touched & large and sum(m.nbytes for m in touched) >= SCHEDULE.nontemporal_bytes:
                _Streaming(function, touched & large).rewrite(function.body, [node])


class _Streaming(Builder):
    """Puts parts in the place of the results that a loop writes."""

    def __init__(self, function: ir.Function, results: set[ir.Memory]):
        super().__init__()
        self.function, self.results = function, results

    def rewrite(self, block: ir.Block, nodes: list[Any]) -> None:
        """Rewrite some of the loops of a block."""
        for node in nodes:
            if type(node) is not ir.For:
                continue
            if any(type(n) is ir.For for n in node.body.nodes):
                self.rewrite(node.body, [*node.body.nodes])
            elif any(type(n) is ir.Store and n.memory in self.results for n in node.body.nodes):
                self.innermost(block, node)

    def innermost(self, block: ir.Block, node: ir.For) -> None:
        """Rewrite a loop without loops in it: a long one becomes blocks first."""
        if not isinstance(node.trip_count, int):
            return
        widest = max(n.value.dtype.itemsize for n in node.body.nodes if type(n) is ir.Store)
        if is_divisible(node):
            outer = strip_mine(node, SCHEDULE.nontemporal_part_bytes // widest)
            block.nodes[block.nodes.index(node)] = outer
            block = outer.body
        forms = AffineExprs()
        read = {a.memory for a in accesses(node.body) if not a.stores}
        stores = [n for n in node.body.nodes if type(n) is ir.Store and n.memory in self.results]
        memories = [n.memory for n in stores]
        place = block.nodes.index(node) + 1
        for store in stores:
            start = self.start(node, forms.of(store.index), forms)
            if start is not None and memories.count(store.memory) == 1 \
                    and store.memory not in read:
                block.nodes[place:place] = self.redirected(node, store, start)

    def start(self, node: ir.For, form: AffineExpr, forms: AffineExprs
              ) -> list[tuple[Any, int]] | None:
        """What the place of the first store is made of: scalars and factors; None if the stores
        are not one behind the other, or their number does not fit."""
        inside = {id(n) for n in node.body.nodes}
        terms = dict(form[1])
        if terms.pop(id(node.index), 0) != 1 or terms.keys() & inside:
            return None
        return [(1, form[0]), (node.start, 1),
                *((forms.scalars[term], factor) for term, factor in terms.items())]

    def redirected(self, node: ir.For, store: ir.Store, start: list[tuple[Any, int]]
                   ) -> list[Any]:
        """Store to a temporary; the nodes that copy it afterwards."""
        size, dtype = int(node.trip_count), store.value.dtype  # type: ignore[arg-type]
        nbytes = size * dtype.itemsize
        if not (SCHEDULE.min_nontemporal_row_bytes <= nbytes
                <= SCHEDULE.max_nontemporal_row_bytes):
            return []
        target, part = store.memory, self.function.at_end(nbytes, dtype)
        with self.inside(ir.Block()) as before:
            store.index = self.index_sub(node.index, node.start)
        at = node.body.nodes.index(store)
        node.body.nodes[at:at] = before.nodes
        store.memory = part
        with self.inside(ir.Block()) as after:
            position: ir.Index = 0
            for scalar, factor in start:
                position = self.index_add(position, self.index_mul(scalar, factor))
            after.nodes.append(ir.Copy(
                target, position, part, 0, nbytes, dtype, streamed=True))
        return after.nodes
