"""Dead code elimination in kernels: instructions, carried scalars and stores that nothing needs.

A mark-and-sweep over the structured tree, so that values carried around loops only for their own
sake disappear, and with them temporaries that are written but never read.
"""

from __future__ import annotations

from typing import Any

from ingot.kernel import ir
from ingot.kernel.ir import Value
from ingot.kernel.visit import blocks, calls_python, reads, roots, uses, writes


class _Marker:
    """Finds what a function needs, from its effects backwards."""

    def __init__(self) -> None:
        self.live: set[int] = set()  # ids of scalars and of nodes that write
        self.needed: set[int] = set()  # ids of temporaries that are read
        self.phi_of: dict[int, ir.Phi] = {}
        self.switch_of: dict[int, tuple[ir.Switch, int]] = {}
        self.stores: dict[int, list[Any]] = {}
        self.pointers_to: dict[int, list[ir.PointerPhi]] = {}  # by memory, roots included
        self.todo: list[Any] = []

    def collect(self, block: ir.Block) -> None:
        """Index the tree, and put what has effects on the list."""
        for node in block.nodes:
            if type(node) is Value:
                continue
            if not node.IS_LEAF:
                self.structured(node)
                for inner in blocks(node):
                    self.collect(inner)
            elif node.REMOVABLE and not calls_python(node):
                self.writer(node)
            else:
                self.need(node)

    def structured(self, node: Any) -> None:
        """A loop or a branch: what decides how it runs is needed."""
        if type(node) is ir.Switch:
            self.todo.append(node.index)
            self.switch_of.update((id(r), (node, k)) for k, r in enumerate(node.results))
            return
        self.todo += [node.predicate] if type(node) is ir.While else [node.start, node.trip_count]
        for phi in node.phis:
            self.phi_of[id(phi.scalar)] = self.phi_of[id(phi.result)] = phi
        for pointer in node.pointers:
            for memory in _reachable(pointer):
                self.pointers_to.setdefault(id(memory), []).append(pointer)
        for pointer in node.pointers:
            if any(map(self.seen, _reachable(pointer))):
                self.memory(pointer.inside)

    def writer(self, node: Any) -> None:
        """Something that matters once anything that it writes to is needed."""
        written = writes(node)
        if any(map(self.seen, written)):
            self.need(node)
        else:
            for memory in written:
                self.stores.setdefault(id(memory), []).append(node)

    def seen(self, memory: ir.Memory) -> bool:
        """Whether memory is known to be read, by the caller or in this function."""
        return memory.kind not in ("temporary", "pointer") or id(memory) in self.needed

    def need(self, node: Any) -> None:
        """A store, copy or call that matters."""
        if id(node) not in self.live:
            self.live.add(id(node))
            self.todo += uses(node)
            for memory in reads(node):
                self.memory(memory)

    def memory(self, memory: ir.Memory) -> None:
        """Memory that is read: what was written to it, and to what may be the same, matters."""
        todo = roots(memory)
        while todo:
            m = todo.pop()
            if id(m) in self.needed:
                continue
            self.needed.add(id(m))
            for pointer in self.pointers_to.pop(id(m), ()):
                todo += _reachable(pointer)
            for node in self.stores.pop(id(m), ()):
                self.need(node)

    def mark(self) -> None:
        """Follow operands until nothing new is found."""
        while self.todo:
            x = self.todo.pop()
            if type(x) is not Value or id(x) in self.live:
                continue
            self.live.add(id(x))
            if x.op == "load":
                self.memory(x.args[0])
                self.todo.append(x.args[1])
            elif x.op in ("phi", "result"):
                self.carried(x)
            else:
                self.todo.extend(x.args)

    def carried(self, x: Value) -> None:
        phi = self.phi_of.get(id(x))
        if phi is not None:
            self.todo += [phi.scalar, phi.init, phi.next, phi.result]
        else:
            node, k = self.switch_of[id(x)]
            self.todo += [outs[k] for outs in node.outs]


def _reachable(pointer: ir.PointerPhi) -> list[ir.Memory]:
    """The memories that a pointer is, or may stand for."""
    there = (pointer.inside, pointer.init, pointer.next, pointer.result)
    return [m for memory in there if memory is not None for m in roots(memory)]


def _sweep(block: ir.Block, live: set[int], needed: set[int]) -> None:
    kept: list[Any] = []
    for node in block.nodes:
        if type(node) is Value or node.REMOVABLE:
            if id(node) in live:
                kept.append(node)
            continue
        inner = blocks(node)
        if inner:
            _narrow(node, live, needed)
        for block_inside in inner:
            _sweep(block_inside, live, needed)
        if not inner or not _is_empty(node):
            kept.append(node)
    block.nodes = kept


def _narrow(node: Any, live: set[int], needed: set[int]) -> None:
    """Take out what a loop carries, or branches give, to nobody."""
    if type(node) is ir.Switch:
        keep = [k for k, r in enumerate(node.results) if id(r) in live]
        node.results = [node.results[k] for k in keep]
        node.outs = [[outs[k] for k in keep] for outs in node.outs]
    else:
        node.phis = [p for p in node.phis if id(p.scalar) in live]
        node.pointers = [p for p in node.pointers if id(p.inside) in needed]


def _is_empty(node: Any) -> bool:
    """Whether a loop or branch does nothing; what it is not known to end counts as something."""
    if type(node) is ir.Switch:
        return not node.results and not any(b.nodes for b in node.branches)
    return type(node) is ir.For and not (node.phis or node.pointers or node.body.nodes)


def eliminate_dead_code(function: ir.Function) -> ir.Function:
    """The function without what its results and effects do not need (changed in place)."""
    marker = _Marker()
    marker.collect(function.body)
    marker.mark()
    _sweep(function.body, marker.live, marker.needed)
    return function
