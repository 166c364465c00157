"""What a loop has stored or loaded is not loaded again, and computed once; in merged loops."""

from __future__ import annotations

from typing import Any

from ingot.compiler.positions import Footprints, Form, Forms, roots
from ingot.kernel import ir

Place = tuple[ir.Memory, Form, Any]


class _Table:
    """Values that are known at a place in a body."""

    def __init__(self, outer: _Table | None = None):
        self.computed: dict[Any, ir.Scalar] = {} if outer is None else dict(outer.computed)
        self.stored: dict[Place, ir.Scalar] = {} if outer is None else dict(outer.stored)

    def forget(self, changed: set[ir.Memory], memory: ir.Memory | None = None,
               form: Form = (0, ()), dtype: Any = None) -> None:
        """What may have been written to: anywhere, or at one place of a memory."""
        for place in list(self.stored):
            other, there, kind = place
            if changed.isdisjoint(roots(other)):
                continue
            apart = (other is memory and kind.itemsize == dtype.itemsize
                     and there[1] == form[1] and there[0] != form[0])
            if not apart:
                del self.stored[place]


class _Forwarding:
    def __init__(self, feet: Footprints) -> None:
        self.forms, self.feet = Forms(), feet
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
                table.forget({*roots(node.memory)}, node.memory, form, node.value.dtype)
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
        if table.stored:
            table.forget(self.feet.of(node).writes)
        node.stop, node.first = self.value(node.stop), self.value(node.first)
        for phi in node.phis:
            phi.init = self.value(phi.init)
        self.block(node.body, _Table(table))
        for phi in node.phis:
            phi.next = self.value(phi.next)


def forward(node: ir.For, feet: Footprints) -> None:
    """Loads become values that are known, equal instructions one (changed in place)."""
    _Forwarding(feet).loop(node, _Table())
