"""Functions that a program calls in several places: each written once, and how it is called.

`i32 function(arguments, constants, results, ptr arena, ptr stop, i64 context)`: pointers that do
not overlap, and what the program itself gets. The status is the program's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ingot.backends.llvm.aliasing import Scopes
from ingot.kernel import ir

STATE = ("lines", "head", "label", "begun", "may_stop", "may_fail", "own", "stop", "access",
         "scopes")
"""What of an emitter belongs to the function that it writes."""

NEVER = ["@never = internal constant i32 0"]
"""The word that says whether to stop, where no other thread could say so."""


@dataclass
class FunctionBody:
    """A function's body, and by which of the exits it may be left."""

    lines: list[str] = field(default_factory=list)
    may_stop: bool = False
    may_fail: bool = False


@dataclass
class EmittedFunction:
    """A function that was written."""

    name: str
    may_stop: bool
    may_fail: bool


def call(emitter: Any, node: ir.Call) -> None:
    """Call a function, and leave by the same exit as it did."""
    found = emitter.called.get(node.function)
    if found is None:
        found = emitter.called[node.function] = _written(emitter, node.function)
    given = [f"ptr {emitter.address_of_item(memory, index, memory.dtype)}"
             for memory, index in node.places]
    context = "%context" if found.may_fail else "0"  # loops that are divided may not have it
    status = emitter.new(
        f"call i32 @{found.name}({', '.join(given)}, ptr {stop_word(emitter)},"
        f" i64 {context})")
    if found.may_fail:
        emitter.may_fail = True
        emitter.leave_if(emitter.new(f"icmp eq i32 {status}, 1"), "failed")
    if found.may_stop:
        emitter.may_stop = True
        emitter.leave_if(emitter.new(f"icmp ne i32 {status}, 0"), "interrupted")


def stop_word(emitter: Any) -> str:
    """The address of the word by which other threads say that code must stop."""
    if emitter.stop:
        return "%stop"
    if NEVER[0] not in emitter.functions:
        emitter.functions += NEVER
    return "@never"


def _written(emitter: Any, function: ir.Function) -> EmittedFunction:
    """Write a function; where it is called does not matter to it."""
    number = len(emitter.called)
    name = emitter.new_label("function")
    outside = [(m, m.name) for m in function.constants]
    parameters = []
    for kind, memories in (("argument", function.arguments), ("constant", function.constants),
                           ("result", function.results)):
        for memory in memories:
            memory.name = emitter.fresh(kind)
            how = "noalias" if kind == "result" else "noalias readonly"
            parameters.append(f"ptr {how} {memory.name}")
    with emitter.nested_function() as written:
        emitter.own, emitter.stop, emitter.scopes = None, True, Scopes(
            function, 1 + number)
        emitter.called[function] = EmittedFunction(name, True, True)
        emitter.block(function.body)
        scopes = emitter.scopes
    for memory, before in outside:
        memory.name = before
    emitter.marks.lines += scopes.metadata()
    emitter.functions += [
        f"define internal i32 @{name}({', '.join(parameters)}, ptr noalias %arena, ptr %stop,"
        " i64 %context) noinline {", "entry:", *written.lines, "}"]
    return EmittedFunction(name, written.may_stop, written.may_fail)
