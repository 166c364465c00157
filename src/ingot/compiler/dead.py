"""Dead code in kernels: instructions, carried scalars and stores that nothing needs.

A mark-and-sweep over the structured tree, so that values carried around loops only for their own
sake disappear, and with them temporaries that are written but never read.
"""

from __future__ import annotations

from typing import Any

from ingot.compiler.parallel import contains
from ingot.kernel import ir


class _Marker:
    """Finds what a function needs, from its effects backwards."""

    def __init__(self) -> None:
        self.live: set[int] = set()  # ids of live scalars
        self.needed: set[int] = set()  # ids of temporaries that are read
        self.phi_of: dict[int, ir.Phi] = {}
        self.switch_of: dict[int, tuple[ir.Switch, int]] = {}
        self.stores: dict[int, list[Any]] = {}
        self.pointers_to: dict[int, list[ir.PointerPhi]] = {}  # by memory, roots included
        self.todo: list[Any] = []

    def collect(self, block: ir.Block) -> None:
        """Index the tree, and put what has effects on the list."""
        for node in block.nodes:
            kind = type(node)
            if kind is ir.Store or kind is ir.Copy:
                self.writer(node)
            elif kind is ir.For or kind is ir.While:
                self.loop(node)
            elif kind is ir.Switch:
                self.todo.append(node.index)
                for k, result in enumerate(node.results):
                    self.switch_of[id(result)] = (node, k)
                for branch in node.branches:
                    self.collect(branch)
            elif kind is ir.HostCall:
                for memory, index in node.places:
                    self.memory(memory)
                    self.todo.append(index)
            elif kind is ir.Library:
                for arg in node.args:
                    if arg[0] == "pointer":
                        self.memory(arg[1])
                    self.todo.append(arg[-1])
            elif kind is ir.Call:
                if contains(node.function.body, ir.HostCall):
                    self.write(node)
                else:
                    self.writer(node)

    def loop(self, node: ir.For | ir.While) -> None:
        for phi in node.phis:
            self.phi_of[id(phi.scalar)] = self.phi_of[id(phi.result)] = phi
        for pointer in node.pointers:
            for memory in _reached(pointer):
                self.pointers_to.setdefault(id(memory), []).append(pointer)
        for pointer in node.pointers:
            for memory in _reached(pointer):
                if self.seen(memory):
                    self.memory(pointer.inside)
        if type(node) is ir.While:
            self.collect(node.cond)
            self.todo.append(node.predicate)
        elif type(node) is ir.For:
            self.todo += [node.first, node.stop]
        self.collect(node.body)

    def writer(self, node: Any) -> None:
        """Something that matters once anything that it writes to is needed."""
        if any(self.seen(memory) for memory in _written(node)):
            self.write(node)
        else:
            for memory in _written(node):
                self.stores.setdefault(id(memory), []).append(node)

    def seen(self, memory: ir.Memory) -> bool:
        """Whether memory is known to be read, by whoever called or in this function."""
        return memory.kind not in ("temporary", "pointer") or id(memory) in self.needed

    def write(self, node: Any) -> None:
        """A store, copy or call that matters."""
        if type(node) is ir.Call:
            if id(node) not in self.live:
                self.live.add(id(node))
                for memory, index in node.arguments:
                    self.memory(memory)
                    self.todo.append(index)
                self.todo += [index for _, index in node.results]
        elif type(node) is ir.Store:
            self.todo += [node.index, node.value]
        else:
            self.memory(node.source)
            self.todo += [node.target_index, node.source_index]

    def memory(self, memory: ir.Memory) -> None:
        """Memory that is read: what was written to it, and to what may be the same, matters."""
        todo = [memory, *memory.roots]
        while todo:
            m = todo.pop()
            if id(m) in self.needed:
                continue
            self.needed.add(id(m))
            for pointer in self.pointers_to.pop(id(m), ()):
                todo += _reached(pointer)
            for node in self.stores.pop(id(m), ()):
                self.write(node)

    def mark(self) -> None:
        """Follow operands until nothing new is found."""
        while self.todo:
            x = self.todo.pop()
            if not isinstance(x, ir.Scalar) or id(x) in self.live:
                continue
            self.live.add(id(x))
            if x.op == "load":
                self.memory(x.args[0])
                self.todo.append(x.args[1])
            elif x.op in ("phi", "result"):
                self.carried(x)
            else:
                self.todo.extend(x.args)

    def carried(self, x: ir.Scalar) -> None:
        phi = self.phi_of.get(id(x))
        if phi is not None:
            self.todo += [phi.scalar, phi.init, phi.next, phi.result]
        else:
            node, k = self.switch_of[id(x)]
            self.todo += [outs[k] for outs in node.outs]


def _written(node: Any) -> list[ir.Memory]:
    """What a store, a copy or a call writes to."""
    if type(node) is ir.Call:
        return [memory for memory, _ in node.results]
    return [node.memory if type(node) is ir.Store else node.target]


def _reached(pointer: ir.PointerPhi) -> list[ir.Memory]:
    """The memories that a pointer is, or may stand for."""
    there = (pointer.inside, pointer.init, pointer.next, pointer.result)
    return [m for memory in there if memory is not None for m in (memory, *memory.roots)]


def _sweep(block: ir.Block, live: set[int], needed: set[int]) -> None:
    kept: list[Any] = []
    for node in block.nodes:
        kind = type(node)
        if kind is ir.Scalar:
            if id(node) not in live:
                continue
        elif kind is ir.Call:
            if id(node) not in live:
                continue
        elif kind is ir.Store or kind is ir.Copy:
            (memory,) = _written(node)
            if memory.kind in ("temporary", "pointer") and id(memory) not in needed:
                continue
        elif kind is ir.For or kind is ir.While:
            node.phis = [p for p in node.phis if id(p.scalar) in live]
            node.pointers = [p for p in node.pointers if id(p.inside) in needed]
            if kind is ir.While:
                _sweep(node.cond, live, needed)
            _sweep(node.body, live, needed)
            if kind is ir.For and not node.phis and not node.body.nodes and not node.pointers:
                continue
        elif kind is ir.Switch:
            keep = [k for k, r in enumerate(node.results) if id(r) in live]
            node.results = [node.results[k] for k in keep]
            node.outs = [[outs[k] for k in keep] for outs in node.outs]
            for branch in node.branches:
                _sweep(branch, live, needed)
            if not node.results and not any(b.nodes for b in node.branches):
                continue
        kept.append(node)
    block.nodes = kept


def remove_dead(function: ir.Function) -> ir.Function:
    """The function without what its results and effects do not need (changed in place)."""
    marker = _Marker()
    marker.collect(function.body)
    marker.mark()
    _sweep(function.body, marker.live, marker.needed)
    return function
