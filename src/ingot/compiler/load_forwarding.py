"""Load forwarding in fused loops: what a loop has stored, loaded or computed it has once."""

from __future__ import annotations

from typing import Any

from ingot.kernel import ir
from ingot.kernel.access_analysis import AffineExpr, AffineExprs
from ingot.kernel.visit import EffectsCache, roots

Place = tuple[ir.Memory, AffineExpr, Any]


class _Table:
    """Values that are known at a place in a body."""

    def __init__(self, outer: _Table | None = None):
        self.computed: dict[Any, ir.Value] = {} if outer is None else dict(outer.computed)
        self.stored: dict[Place, ir.Value] = {} if outer is None else dict(outer.stored)

    def forget(self, changed: set[ir.Memory], memory: ir.Memory | None = None,
               form: AffineExpr = (0, ()), dtype: Any = None) -> None:
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
    def __init__(self, effects: EffectsCache) -> None:
        self.forms, self.effects = AffineExprs(), effects
        self.instead: dict[int, ir.Value] = {}
        self.alive: list[ir.Value] = []  # so that an id names one scalar

    def scalar(self, x: Any) -> Any:
        return self.instead.get(id(x), x)

    def block(self, block: ir.Block, table: _Table) -> None:
        kept: list[Any] = []
        for node in block.nodes:
            kind = type(node)
            if kind is ir.Value:
                if not self.instruction(node, table):
                    continue
            elif kind is ir.Store:
                node.index, node.value = self.scalar(node.index), self.scalar(node.value)
                form = self.forms.of(node.index)
                table.forget({*roots(node.memory)}, node.memory, form, node.value.dtype)
                table.stored[node.memory, form, node.value.dtype] = node.value
            else:
                self.loop(node, table)
            kept.append(node)
        block.nodes = kept

    def instruction(self, x: ir.Value, table: _Table) -> bool:
        """Whether an instruction is needed."""
        x.args = tuple(map(self.scalar, x.args))
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
            table.forget(self.effects.of(node).writes)
        node.trip_count, node.start = self.scalar(node.trip_count), self.scalar(node.start)
        for phi in node.phis:
            phi.init = self.scalar(phi.init)
        self.block(node.body, _Table(table))
        for phi in node.phis:
            phi.next = self.scalar(phi.next)


def forward_loads(node: ir.For, effects: EffectsCache) -> None:
    """Loads become values that are known, equal instructions one (changed in place)."""
    _Forwarding(effects).loop(node, _Table())
