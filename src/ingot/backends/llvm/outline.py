"""Outline loop bodies into functions, so that threads can share the iterations.

What the body uses from outside travels in a frame: scalars and addresses, stored before the call
and loaded at the head of the function.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingot.backends.llvm import blas
from ingot.backends.llvm.calls import stop_word
from ingot.backends.llvm.scalar import llvm_type, quoted
from ingot.kernel import ir
from ingot.kernel.visit import calls_python, contains, definitions, memories, uses, walk

PARALLEL_FOR = "ingot:parallel_for"
"""The symbol of the C function that calls a body on parts of its iterations; see `threads.py`."""


def _find_captured(node: ir.For) -> tuple[list[Any], list[ir.Memory], bool]:
    """What the body of a parallel loop takes from outside: scalars and addresses, and temporaries,
    which are found in the arena; and whether it calls Python."""
    used: dict[Any, None] = {}
    inside: set[Any] = {node.index}
    for inner in walk(node.body):
        inside.update(definitions(inner))
        if type(inner) is ir.For or type(inner) is ir.While:
            inside.update(m for p in inner.pointers for m in (p.inside, p.result))
        used.update((x, None) for x in uses(inner) if type(x) is ir.Value and x.op != "const")
        used.update(dict.fromkeys(memories(inner)))
    outside = [x for x in used if x not in inside]
    temporaries = [x for x in outside if type(x) is ir.Memory and x.kind == "temporary"]
    captured = [x for x in outside if x not in set(temporaries)]
    captured.sort(key=lambda x: type(x) is ir.Memory)  # scalars first
    return captured, temporaries, any(map(calls_python, walk(node.body)))


def _parameter(x: Any) -> str:
    """The type of something captured; addresses as they are in the whole function."""
    if type(x) is not ir.Memory:
        return llvm_type(x.dtype)
    kinds = {"result": "ptr noalias", "donated": "ptr noalias", "pointer": "ptr"}
    return kinds.get(x.kind, "ptr noalias readonly")


def emit_parallel_for(emitter: Any, node: ir.For) -> None:
    """Write the body as a function, and the call that divides the iterations among threads."""
    captured, temporaries, host_calls = _find_captured(node)
    names = [(x, x.name) for x in (*captured, *temporaries)]
    # A frame: type, what is stored, and its name inside.
    slots = [("ptr noalias", "%arena", "%shared")]
    if host_calls:
        slots.append(("i64", "%context", "%context"))
    slots += [(_parameter(x), x.name, emitter.fresh("x")) for x in captured]
    frame = emitter.fresh("frame")
    layout = "{ " + ", ".join(kind.split()[0] for kind, *_ in slots) + " }"
    emitter.head.append(f"  {frame} = alloca {layout}")
    for k, (kind, name, _) in enumerate(slots):
        place = emitter.new(f"getelementptr {layout}, ptr {frame}, i32 0, i32 {k}")
        emitter.do(f"store {kind.split()[0]} {name}, ptr {place}")
    part = emitter.new_label("part")
    for x, (*_, inside) in zip(captured, slots[len(slots) - len(captured) :], strict=True):
        x.name = inside
    for memory in temporaries:
        memory.name = None
    _write_part(emitter, node, part, layout, [(kind, inside) for kind, _, inside in slots])
    for x, name in names:
        x.name = name
    low, high = node.parallel.extent  # type: ignore[union-attr]
    emitter.declare(
        PARALLEL_FOR,
        f"declare i32 @{quoted(PARALLEL_FOR)}(ptr, ptr, i64, ptr, i64, i64, ptr, ptr)")
    before = blas.enter(emitter) if contains(node.body, ir.ExternCall, blas.is_routine) else None
    status = emitter.new(
        f"call i32 @{quoted(PARALLEL_FOR)}(ptr @{part}, ptr {frame},"
        f" i64 {emitter.name(node.trip_count)}, ptr %arena, i64 {low}, i64 {high},"
        f" ptr @{part}.spent, ptr {stop_word(emitter)})")
    if before is not None:
        blas.leave(emitter, before)
    emitter.may_stop = True
    if host_calls:
        emitter.may_fail = True
        emitter.leave_if(emitter.new(f"icmp eq i32 {status}, 1"), "failed")
    emitter.leave_if(emitter.new(f"icmp ne i32 {status}, 0"), "interrupted")


ENTER_PYTHON = """\
  %thread = call ptr @PyGILState_GetThisThreadState()
  %known = icmp ne ptr %thread, null
  br i1 %known, label %ready, label %enter
enter:
  %state = call i32 @PyGILState_Ensure()
  %saved = call ptr @PyEval_SaveThread()
  br label %ready
ready:""".splitlines()
"""Make a thread that Python has not seen known to it once and for all: else each host call would
begin and end a Python thread, with new values of all thread-local variables."""


def _write_part(emitter: Any, node: ir.For, part: str, layout: str,
                slots: Sequence[tuple[str, str]]) -> None:
    """`i32 part(i64 begin, i64 end, ptr frame, ptr arena, ptr stop)`, which takes the frame apart
    for the function that has the loop: its parameters say what does not overlap."""
    with emitter.nested_function() as written:
        emitter.own, emitter.stop = set(node.parallel.private), True  # type: ignore[union-attr]
        emitter.counted(node, "%begin", "%end")
    enter: Sequence[str] = ()
    if written.may_fail:
        for name, kind in (("PyGILState_GetThisThreadState", "ptr"), ("PyGILState_Ensure", "i32"),
                           ("PyEval_SaveThread", "ptr")):
            emitter.declare(name, f"declare {kind} @{name}()")
        enter = ENTER_PYTHON
    loads, given = [], []
    for k, (kind, name) in enumerate(slots):
        bare = kind.split()[0]
        loads += [f"  %place{k} = getelementptr {layout}, ptr %frame, i32 0, i32 {k}",
                  f"  {name} = load {bare}, ptr %place{k}"]
        given.append(f"{bare} {name}")
    parameters = ", ".join(f"{kind} {name}" for kind, name in slots)
    fixed = "i64 %begin, i64 %end, ptr noalias %arena, ptr %stop"
    emitter.functions += [
        f"@{part}.spent = internal global i64 -1",
        f"define internal i32 @{part}.loop({fixed}, {parameters}) {{", "entry:",
        *written.lines, "}",
        f"define internal i32 @{part}(i64 %begin, i64 %end, ptr %frame, ptr %arena, ptr %stop) {{",
        *enter,
        *loads, f"  %status = call i32 @{part}.loop(i64 %begin, i64 %end, ptr %arena, ptr %stop,"
        f" {', '.join(given)})", "  ret i32 %status", "}"]
