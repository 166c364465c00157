"""The verifier of kernel IR, run after every pass in tests: what a pass must leave as it found it.

Each error names the pass, the function and the node. Types of operands and results; definition
before use; loops and branches that yield what they promise; memory that exists, is written before
it is read and only where that is allowed; calls of Python in their order. `check_accesses.py` looks
at where accesses lie.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import numpy as np

from ingot.errors import InternalError
from ingot.kernel import ir
from ingot.kernel.check_accesses import Fail, check_accesses
from ingot.kernel.ir import Memory, Value
from ingot.kernel.operands import Unlisted, operands
from ingot.kernel.printing import pretty_node
from ingot.kernel.values import BOOL, INT
from ingot.kernel.visit import definitions, memories, reads, roots, uses, walk, writes

ARITY = dict.fromkeys(ir.SCALAR_OPS, 1) | dict.fromkeys(
    (*ir.COMPARE, "add", "sub", "mul", "div", "rem", "min", "max", "pow", "atan2", "nextafter",
     "copysign", "and", "or", "xor", "shift_left", "shift_right_logical",
     "shift_right_arithmetic", "umulhi"), 2) | {"fma": 3, "select": 3, "threefry": 4}
"""Operands of scalar operations."""

CHANGES_TYPE = frozenset(["convert", "bitcast", "is_finite", "threefry", "external"])
"""Operations whose result has another type than their operands."""


def check_function(function: ir.Function, made_by: str, placed: bool = True) -> None:
    """Verify a function that a pass has made; what it calls was verified when that was made.

    `placed`: whether its temporaries have places that last for as long as they live.

    Raises InternalError if something of it cannot be.
    """
    def fail(node: Any, problem: str) -> NoReturn:
        types = ", ".join(f"{m.dtype.name} x {m.nbytes // max(m.dtype.itemsize, 1)}"
                          for m in function.arguments)
        text = f"\n  in {pretty_node(node)}" if node is not None else ""
        raise InternalError(f"{made_by}: the function of ({types}): {problem}{text}")

    _Scopes(function, fail).run()
    _check_contents(function, fail)
    check_accesses(function, fail, placed)


# ---- scalars and memories in scope ---------------------------------------------------------------
class _Scopes:
    """Goes through a function in order, and knows what is defined where it is."""

    def __init__(self, function: ir.Function, fail: Fail):
        self.function, self.fail = function, fail
        self.known: set[int] = set()
        self.memories = {*function.arguments, *function.results, *function.constants,
                         *function.temporaries}

    def run(self) -> None:
        for memory in self.function.results:
            if memory.kind not in ("result", "donated"):
                self.fail(None, f"a result is {memory.kind} memory")
        self.block(self.function.body)

    def block(self, block: ir.Block, then: Callable[[], None] | None = None) -> None:
        """The nodes of a block, then what needs what it defines, which ends with it."""
        begun, memories = set(self.known), set(self.memories)
        for node in block.nodes:
            self.node(node)
        if then is not None:
            then()
        self.known, self.memories = begun, memories

    def node(self, node: Any) -> None:
        self.memory(node)
        if type(node) is Value:
            self.used(node, uses(node))
            _check_types(node, self.fail)
            self.define(node, [node])
            return
        operands, defined = node.OPERANDS(node), node.DEFINES(node)
        self.used(node, operands)
        for x in operands:
            if type(x) is Value and x.dtype != INT and not _is_value(node, x):
                self.fail(node, f"an index of type {x.dtype.name}")
        if type(node) is ir.Switch:
            self.switch(node)
        elif not node.IS_LEAF:
            self.loop(node)
        self.define(node, defined)

    def loop(self, node: Any) -> None:
        _check_carried(node, self.fail)
        outside = set(self.known), set(self.memories)
        self.define(node, node.INTRODUCES(node))
        self.memories.update(p.inside for p in node.pointers)
        if type(node) is ir.While:
            self.block(node.cond, lambda: self.repeated(node))
        else:
            self.block(node.body, lambda: self.ended(node))
        self.known, self.memories = outside
        self.memories.update(p.result for p in node.pointers)

    def repeated(self, node: ir.While) -> None:
        """The condition is known where its block ends; the body follows."""
        self.used(node, [node.predicate])
        self.block(node.body, lambda: self.ended(node))

    def ended(self, node: Any) -> None:
        """What an iteration hands on exists at its end."""
        self.used(node, [p.next for p in node.phis])
        for p in node.pointers:
            if p.next not in self.memories:
                self.fail(node, "hands on memory that does not exist where its body ends")

    def switch(self, node: Any) -> None:
        if not node.branches or len(node.outs) != len(node.branches):
            self.fail(node, f"{len(node.branches)} branches yield {len(node.outs)} lists")
        for branch, outs in zip(node.branches, node.outs, strict=True):
            if [x.dtype for x in outs] != [x.dtype for x in node.results]:
                self.fail(node, "a branch yields other types than the results have")
            self.block(branch, lambda outs=outs: self.used(node, outs))

    def used(self, node: Any, operands: Iterable[Any]) -> None:
        for x in operands:
            if type(x) is Value:
                if x.op != "const" and id(x) not in self.known:
                    self.fail(node, f"uses a {x.op} that is not defined before it")
            elif not isinstance(x, (int, np.integer)):
                self.fail(node, f"an operand is {x!r}")

    def define(self, node: Any, scalars: Iterable[Value]) -> None:
        for x in scalars:
            if id(x) in self.known:
                self.fail(node, "defines what is defined already")
            self.known.add(id(x))

    def memory(self, node: Any) -> None:
        named = memories(node)
        if not named:
            return
        inner = () if type(node) is Value or node.IS_LEAF else {
            m for p in getattr(node, "pointers", ()) for m in (p.inside, p.next, p.result)}
        for memory in named:
            if memory not in self.memories and memory not in inner:
                self.fail(node, f"refers to {_describe(memory)}, which does not exist here")
        for memory in _written(node):
            if memory.kind in ("argument", "constant"):
                self.fail(node, f"writes to {_describe(memory)}, which may only be read")


def _is_value(node: Any, x: Value) -> bool:
    """Whether an operand is not an index."""
    if type(node) is ir.Store:
        return x is node.value and x is not node.index
    return type(node) in (ir.For, ir.While) and any(x is p.init for p in node.phis)


def _written(node: Any) -> Iterable[Memory]:
    """What a node surely writes to."""
    if type(node) is ir.PythonCall or (type(node) is not Value and not node.IS_LEAF):
        return ()
    if type(node) is not ir.ExternCall:
        return writes(node)
    try:
        return [x.memory for x in operands(node, lambda i, n: 0) if x.writes]
    except Unlisted:
        return ()


def _describe(memory: Memory) -> str:
    return f"{memory.kind} {memory.position}" if memory.position >= 0 else f"a {memory.kind}"


# ---- types ---------------------------------------------------------------------------------------
def _check_types(x: Value, fail: Fail) -> None:
    if x.op == "load":
        if not isinstance(x.args[0], Memory):
            fail(x, "loads from no memory")
        if type(x.args[1]) is Value and x.args[1].dtype != INT:
            fail(x, f"an index of type {x.args[1].dtype.name}")
        return
    if x.op == "external":
        return
    if x.op not in ARITY:
        fail(x, f"there is no operation {x.op!r}")
    types = [a.dtype for a in x.args]
    if len(types) != ARITY[x.op]:
        fail(x, f"{x.op} of {len(types)} operands")
    if x.op in ir.COMPARE:
        expected = [types[0], types[0]], BOOL
    elif x.op == "select":
        expected = [BOOL, x.dtype, x.dtype], x.dtype
    elif x.op in CHANGES_TYPE:
        expected = types, x.dtype
    else:
        expected = [x.dtype] * len(types), x.dtype
    if (types, x.dtype) != expected:
        fail(x, f"{x.op} of {', '.join(t.name for t in types)} gives {x.dtype.name}")
    if x.op == "bitcast" and types[0].itemsize != x.dtype.itemsize:
        fail(x, f"bitcast of {types[0].name} to {x.dtype.name}")


def _check_carried(node: ir.For | ir.While, fail: Fail) -> None:
    if type(node) is ir.While and (node.predicate is None or node.predicate.dtype != BOOL):
        fail(node, "the condition is no boolean")
    if type(node) is ir.For and isinstance(node.trip_count, int) and node.trip_count < 1:
        fail(node, f"a loop of {node.trip_count} iterations; it must have one at least")
    for p in node.phis:
        if p.next is None:
            fail(node, "a carried value has no next value")
        if len({p.scalar.dtype, p.init.dtype, p.next.dtype, p.result.dtype}) > 1:
            fail(node, f"carries {p.init.dtype.name}, then {p.next.dtype.name}")
    for p in node.pointers:
        if p.next is None:
            fail(node, "carried memory has no next place")
        if len({m.nbytes for m in (p.inside, p.init, p.next, p.result)}) > 1:
            fail(node, "carries memories of different sizes")


# ---- what must be there --------------------------------------------------------------------------
def _check_contents(function: ir.Function, fail: Fail) -> None:
    """Results are written, temporaries that are read are written, Python is called in order."""
    read: dict[Memory, Any] = {}
    written: set[Memory] = set()
    last = -1
    defined: set[int] = set()
    for node in walk(function.body):
        for memory in writes(node):
            written.update(roots(memory))
        for memory in reads(node):
            if _only_reads(node):
                read.setdefault(memory, node)
        if type(node) is ir.PythonCall:
            if node.number < last:
                fail(node, f"Python function {node.number} is called after function {last}")
            last = node.number
        for x in definitions(node):
            if id(x) in defined:
                fail(node, "is there twice")
            defined.add(id(x))
    for memory in function.results:
        if memory.kind == "result" and memory.nbytes and memory not in written:
            fail(None, f"nothing writes {_describe(memory)}")
    for memory, node in read.items():
        if memory.kind == "temporary" and memory.nbytes and memory not in written:
            fail(node, "reads a temporary that nothing writes")


def _only_reads(node: Any) -> bool:
    return type(node) is Value or type(node) is ir.Copy or type(node) is ir.Call
