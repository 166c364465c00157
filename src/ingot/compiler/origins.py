"""Lowering that remembers which equation each node and each temporary comes from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from ingot.compiler.lower import Lowering
from ingot.compiler.passes import PassRunner
from ingot.core.avals import ShapedArray
from ingot.core.jaxpr import Eqn, Jaxpr, Var
from ingot.core.rewrite import definitions
from ingot.core.source_info import describe
from ingot.kernel import ir
from ingot.kernel.rules import ArrayValue, Buffer
from ingot.kernel.visit import walk


class Origins:
    """Equations of nodes and of memories, by identity; what is remembered stays alive."""

    def __init__(self) -> None:
        self.equations: list[Eqn] = []  # that are being lowered, the innermost last
        self._of: dict[int, tuple[Any, Eqn]] = {}
        self._shape: dict[int, Sequence[int]] = {}

    def note(self, thing: Any, eqn: Eqn) -> None:
        """Remember where something comes from, unless that is known."""
        self._of.setdefault(id(thing), (thing, eqn))

    def note_nodes(self, nodes: Sequence[Any], eqn: Eqn) -> None:
        """The same of nodes and all inside of them."""
        for node in walk(ir.Block([*nodes])):
            self.note(node, eqn)

    def shaped(self, memory: ir.Memory, shape: Sequence[int]) -> None:
        """Remember that a temporary was made for an array of this shape, and by what."""
        self._shape[id(memory)] = shape
        if self.equations:
            self.note(memory, self.equations[-1])

    def operation(self, thing: Any) -> str:
        """The operation and its line, or nothing."""
        _, eqn = self._of.get(id(thing), (None, None))
        return "" if eqn is None else f"{eqn.primitive.name} at {describe(eqn.source)}"

    def buffer(self, memory: ir.Memory) -> str:
        """What a memory is, in words."""
        if memory.kind in ("argument", "donated", "constant"):
            what = f"{memory.kind} {memory.position}"
        else:
            what = "a result" if memory.kind == "result" else "a temporary"
            operation = self.operation(memory)
            what += f" of {operation}" if operation else ""
        shape = self._shape.get(id(memory))
        array = memory.dtype.name if shape is None else f"{memory.dtype.name}{[*shape]}"
        return f"{what} ({array}, {memory.nbytes} bytes)"


class TracingLowering(Lowering):
    """Lowers as its base class does, and notes what comes from where."""

    def __init__(self, caller: TracingLowering | None = None, full: bool = True,
                 routines: Callable[[str], bool] | None = None,
                 run: PassRunner | None = None) -> None:
        super().__init__(caller, full, routines, run)
        self.origins = caller.origins if caller else Origins()
        self._makers: list[Eqn | None] = []  # of the results

    def function(self, jaxpr: Jaxpr, donated: Collection[int] = ()) -> ir.Function:
        lowered = self.updating(jaxpr)
        makers: dict[Any, Eqn] = dict(definitions(lowered.eqns))
        self._makers = [makers.get(a) for a in lowered.outvars]
        return super().function(jaxpr, donated)

    def result(self, position: int, value: ArrayValue, aval: ShapedArray) -> ir.Memory:
        count, maker = len(self.block.nodes), self._makers[position]
        out = super().result(position, value, aval)
        self.origins.shaped(out, aval.shape)
        if maker is not None:
            self.origins.note(out, maker)
            self.origins.note_nodes(self.block.nodes[count:], maker)
        return out

    def _equation(self, env: dict[Var, ArrayValue], eqn: Eqn, dying: Sequence[Var],
                  uses: dict[Var, int]) -> None:
        nodes, count, origins = self.block.nodes, len(self.block.nodes), self.origins
        origins.equations.append(eqn)
        super()._equation(env, eqn, dying, uses)
        origins.equations.pop()
        origins.note_nodes(nodes[count:], eqn)

    def allocate(self, shape: Sequence[int], dtype: np.dtype, lasting: bool = False) -> Buffer:
        out = super().allocate(shape, dtype, lasting)
        self.origins.shaped(out.memory, shape)
        return out
