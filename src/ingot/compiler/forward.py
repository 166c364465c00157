"""What a loop has stored or loaded is not loaded again, and computed once; in merged loops."""

from __future__ import annotations

from typing import Any

from ingot.compiler.positions import Form, Forms, accesses, roots
from ingot.kernel import ir

Place = tuple[ir.Memory, Form, Any]


class _Table:
    """Values that are known at a place in a body."""

    def __init__(self, outer: _Table | None = None):
        self.computed: dict[Any, ir.Scalar] = {} if outer is None else dict(outer.computed)
        self.stored: dict[Place, ir.Scalar] = {} if outer is None else dict(outer.stored)

    def forget(self, memory: ir.Memory, form: Form | None = None, dtype: Any = None) -> None:
        """What may have been written to a memory, at one place or anywhere."""
        changed = set(roots(memory))
        for place in list(self.stored):
            other, there, kind = place
            if changed.isdisjoint(roots(other)):
                continue
            apart = (form is not None and other is memory and kind.itemsize == dtype.itemsize
                     and there[1] == form[1] and there[0] != form[0])
            if not apart:
                del self.stored[place]


class _Forwarding:
    def __init__(self) -> None:
        self.forms = Forms()
        self.instead: dict[int, ir.Scalar] = {}
        self.alive: list[ir.Scalar] = []  # so that an id names one scalar

    def value(self, x: Any) -> Any:
        return self.instead.get(id(x), x)

    def block(self, block: ir.Block, table: _Table) -> None:
        kept: list[Any] = []
        for node in block.nodes:
            kind = type(node)
            if kind is ir.Scalar:
                if not self.scalar(node, table):
                    continue
            elif kind is ir.Store:
                node.index, node.value = self.value(node.index), self.value(node.value)
                form = self.forms.of(node.index)
                table.forget(node.memory, form, node.value.dtype)
                table.stored[node.memory, form, node.value.dtype] = node.value
            else:
                self.loop(node, table)
            kept.append(node)
        block.nodes = kept

    def scalar(self, x: ir.Scalar, table: _Table) -> bool:
        """Whether an instruction is needed."""
        x.args = tuple(map(self.value, x.args))
        if x.op == "load":
            place = (x.args[0], self.forms.of(x.args[1]), x.dtype)
            found = table.stored.setdefault(place, x)
        else:
            found = table.computed.setdefault((x.op, x.dtype, x.attr, *map(id, x.args)), x)
        if found is x:
            return True
        self.instead[id(x)] = found
        self.alive.append(x)
        return False

    def loop(self, node: ir.For, table: _Table) -> None:
        written = {a.memory for a in accesses(node.body) if a.stores}
        for memory in written:
            table.forget(memory)
        node.stop, node.first = self.value(node.stop), self.value(node.first)
        for phi in node.phis:
            phi.init = self.value(phi.init)
        self.block(node.body, _Table(table))
        for phi in node.phis:
            phi.next = self.value(phi.next)


def forward(node: ir.For) -> None:
    """Loads become values that are known, equal instructions one (changed in place)."""
    _Forwarding().loop(node, _Table())
