"""The text form of kernels."""

from __future__ import annotations

from typing import Any

from ingot.kernel import ir
from ingot.kernel.visit import callees


class _Printer:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[int, str] = {}

    def name(self, x: Any) -> str:
        """A letter-number name for scalars and memories, digits for constants."""
        if isinstance(x, ir.Value):
            if x.op == "const":
                return f"{x.attr}"
            return self.names.setdefault(id(x), f"%{len(self.names)}")
        if isinstance(x, ir.Memory):
            if x.kind == "temporary":
                return f"temporary+{x.offset}"
            if x.kind == "pointer":
                return self.names.setdefault(id(x), f"pointer{len(self.names)}")
            return f"{x.kind}{x.position}"
        return str(x)

    def place(self, memory: Any, index: Any) -> str:
        return f"{self.name(memory)}[{self.name(index)}]"

    def carried(self, node: Any) -> str:
        parts = [f"{self.name(p.scalar)} = {self.name(p.init)}" for p in node.phis]
        parts += [f"{self.name(p.inside)} = {self.name(p.init)}" for p in node.pointers]
        return f" carrying {', '.join(parts)}" if parts else ""

    def following(self, node: Any, indent: str) -> None:
        parts = [self.name(p.next) for p in (*node.phis, *node.pointers)]
        if parts:
            self.lines.append(f"{indent}next {', '.join(parts)}")
        for p in (*node.phis, *node.pointers):
            self.names[id(p.result)] = self.name(p.result)

    def block(self, block: ir.Block, indent: str) -> None:
        for node in block.nodes:
            self.node(node, indent)

    def node(self, node: Any, indent: str) -> None:
        getattr(self, "node_" + type(node).__name__.lower())(node, indent)

    # ---- instructions ----------------------------------------------------------------------------
    def node_value(self, node: ir.Value, indent: str) -> None:
        right = self.place(*node.args) if node.op == "load" else ", ".join(
            map(self.name, node.args))
        what = node.attr if node.op == "external" else node.op
        self.lines.append(f"{indent}{self.name(node)}: {node.dtype.name} = {what} {right}")

    def node_store(self, node: ir.Store, indent: str) -> None:
        self.lines.append(
            f"{indent}{self.place(node.memory, node.index)} = {self.name(node.value)}")

    def node_copy(self, node: ir.Copy, indent: str) -> None:
        self.lines.append(f"{indent}copy {node.nbytes} bytes to"
                          f" {self.place(node.target, node.target_index)} from"
                          f" {self.place(node.source, node.source_index)}")

    def node_check(self, node: ir.Check, indent: str) -> None:
        rows = "".join(f" x {self.name(n)}" for n, _ in node.rows)
        self.lines.append(f"{indent}{node.act}: {self.name(node.nbytes)} bytes{rows} of"
                          f" {self.place(node.memory, node.index)}")

    # ---- loops and branches ----------------------------------------------------------------------
    def node_for(self, node: ir.For, indent: str) -> None:
        how = "parallel " if node.parallel else ""
        start = "" if node.start == 0 else f" - {self.name(node.start)}"
        self.lines.append(f"{indent}{how}for {self.name(node.index)}{start} <"
                          f" {self.name(node.trip_count)}{self.carried(node)}:")
        self.block(node.body, indent + "  ")
        self.following(node, indent + "  ")

    def node_while(self, node: ir.While, indent: str) -> None:
        self.lines.append(f"{indent}while{self.carried(node)}:")
        self.block(node.cond, indent + "  ")
        self.lines.append(f"{indent}do as long as {self.name(node.predicate)}:")
        self.block(node.body, indent + "  ")
        self.following(node, indent + "  ")

    def node_switch(self, node: ir.Switch, indent: str) -> None:
        results = ", ".join(map(self.name, node.results))
        self.lines.append(f"{indent}{results} = switch {self.name(node.index)}:")
        for k, (branch, outs) in enumerate(zip(node.branches, node.outs, strict=True)):
            self.lines.append(f"{indent}case {k}:")
            self.block(branch, indent + "  ")
            self.lines.append(f"{indent}  yield {', '.join(map(self.name, outs))}")

    # ---- calls -----------------------------------------------------------------------------------
    def node_externcall(self, node: ir.ExternCall, indent: str) -> None:
        args = ", ".join(self.place(a[1], a[2]) if a[0] == "pointer" else self.name(a[1])
                         for a in node.args)
        self.lines.append(f"{indent}call {node.symbol}({args})")

    def node_pythoncall(self, node: ir.PythonCall, indent: str) -> None:
        places = ", ".join(self.place(*p) for p in node.places)
        self.lines.append(f"{indent}host call {node.number}({places})")

    def node_call(self, node: ir.Call, indent: str) -> None:
        given, outs = (", ".join(self.place(*p) for p in places)
                       for places in (node.arguments, node.results))
        self.lines.append(f"{indent}{outs} = {self.function(node.function)}({given})")

    def function(self, function: ir.Function) -> str:
        """The name of a function that is called."""
        return self.names.setdefault(id(function), f"function{len(self.names)}")

    def whole(self, function: ir.Function, name: str) -> str:
        """A function with its parameters."""
        self.lines = []
        self.block(function.body, "  ")
        memories = ", ".join(f"{m.kind}{m.position}: {m.nbytes} bytes" for m in (
            *function.arguments, *function.results, *function.constants))
        return "\n".join([f"{name}({memories}; arena: {function.arena_bytes} bytes)", *self.lines])


def pretty_node(node: Any) -> str:
    """The first lines of a node."""
    printer = _Printer()
    printer.node(node, "")
    return "\n  ".join(printer.lines[:4])


def pretty_kernel(function: ir.Function) -> str:
    """A program as text, after the functions that it calls."""
    printer = _Printer()
    texts = [printer.whole(f, printer.function(f)) for f in callees(function.body)]
    return "\n".join([*texts, printer.whole(function, "kernel")])
