"""Where instructions read and write, as affine forms of loop indices.

Two positions with equal forms are the same place; where forms differ by a constant, the places
do. What is not linear, as the quotients and remainders of a reshaped array, is a term by itself,
equal for equal operations on equal forms.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ingot.kernel import ir
from ingot.kernel.visit import Path, blocks

AffineExpr = tuple[int, tuple[tuple[int, int], ...]]
"""A constant, and pairs of a term and its coefficient, in the order in which terms were met."""


class AffineExprs:
    """Forms of positions; `same` says which scalars stand for which others."""

    def __init__(self, same: dict[int, int] | None = None,
                 inside: set[int] | None = None):
        self.same = {} if same is None else same
        self.inside = set() if inside is None else inside  # compared by how it is computed
        self.varying: set[int] = set()  # terms that are computed inside
        self._memo: dict[int, AffineExpr] = {}
        self._terms: dict[Any, int] = {}
        self._order: dict[int, int] = {}  # ids differ between processes, the order does not
        self.scalars: dict[int, ir.Value] = {}  # those that are terms, by their ids
        self._alive: list[Any] = []  # so that an id names one scalar

    def of(self, x: ir.Index) -> AffineExpr:
        """The form of an index."""
        if isinstance(x, int):
            return x, ()
        found = self._memo.get(id(x))
        if found is None:
            self._alive.append(x)
            found = self._memo[id(x)] = self._of(x)
        return found

    def _of(self, x: ir.Value) -> AffineExpr:
        if x.op == "const" and x.dtype.kind in "iu":
            return int(x.attr), ()
        if x.op in ("add", "sub") and x.dtype.itemsize == 8:
            return self._sum(self.of(x.args[0]), self.of(x.args[1]), 1 if x.op == "add" else -1)
        if x.op == "mul" and x.dtype.itemsize == 8:
            left, right = map(self.of, x.args)
            for one, other in ((left, right), (right, left)):
                if not one[1]:
                    return self._sum((0, ()), other, one[0])
        term = self._term(x)
        self._order.setdefault(term, len(self._order))
        return 0, ((term, 1),)

    def _sum(self, a: AffineExpr, b: AffineExpr, factor: int) -> AffineExpr:
        """a + factor b"""
        terms = dict(a[1])
        for term, coefficient in b[1]:
            terms[term] = terms.get(term, 0) + factor * coefficient
        return a[0] + factor * b[0], tuple(
            (t, terms[t]) for t in sorted(terms, key=self._order.__getitem__) if terms[t])

    def _term(self, x: ir.Value) -> int:
        if id(x) not in self.inside:
            self.scalars[id(x)] = x
            return self.same.get(id(x), id(x))
        if x.op in ("load", "phi", "result"):
            self.varying.add(id(x))
            return id(x)
        key = (x.op, x.dtype, x.attr, *map(self.of, x.args))
        term = self._terms.setdefault(key, -1 - len(self._terms))
        self.varying.add(term)
        return term


class Access(NamedTuple):
    """One load or store in a loop."""

    memory: ir.Memory
    position: ir.Index
    itemsize: int
    stores: bool
    loops: Path  # inside of the loop, around the access


def accesses(block: ir.Block, loops: Path = ()) -> list[Access]:
    """Loads and stores of a block of instructions and loops."""
    found: list[Access] = []
    for node in block.nodes:
        if type(node) is ir.Value:
            if node.op == "load":
                memory, index = node.args
                found.append(Access(memory, index, node.dtype.itemsize, False, loops))
        elif type(node) is ir.Store:
            found.append(Access(node.memory, node.index, node.value.dtype.itemsize, True, loops))
        for inner in blocks(node) if type(node) is not ir.Value else ():
            found += accesses(inner, (*loops, node))
    return found


def access_range(form: AffineExpr, access: Access, index: int, varying: set[int]) -> tuple[
        int, int, int, list[tuple[int, int]]] | None:
    """The first and last element that an access touches in iteration 0 of a loop, the elements
    from one iteration to the next, and what else the position is made of; None if that is not
    known."""
    loops = {id(loop.index): loop for loop in access.loops}
    low = high = form[0]
    step, rest = 0, []
    for term, factor in form[1]:
        if term == index:
            step = factor
        elif term in loops:
            stop = loops[term].trip_count
            if not isinstance(stop, int):
                return None
            low, high = low + min(0, factor * (stop - 1)), high + max(0, factor * (stop - 1))
        elif term in varying:
            return None
        else:
            rest.append((term, factor))
    return low, high, step, rest
