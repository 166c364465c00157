"""Calls of Python in machine code: a status comes back, whatever is raised and whenever."""

from __future__ import annotations

from typing import Any

HOST_CALL = "ingot_host_call"
HOST_CALL_TYPE = f"declare i32 @{HOST_CALL}(i64, i64, ptr)"

DONE = 0x600D
"""What it returns. Of Python code that raised before its first `try`, ctypes returns nothing, and
there is anything in its place."""

DEFINITION = f"""\
define internal i32 @ingot.host_call(i64 %context, i64 %number, ptr %table) noinline {{
entry:
  %lock = call i32 @PyGILState_Ensure()
  %raised = call i32 @PyErr_CheckSignals()
  %stop = icmp ne i32 %raised, 0
  br i1 %stop, label %leave, label %call
call:
  %returned = call i32 @{HOST_CALL}(i64 %context, i64 %number, ptr %table)
  %failed = icmp ne i32 %returned, {DONE}
  %known = zext i1 %failed to i32
  br label %leave
leave:
  %status = phi i32 [2, %entry], [%known, %call]
  call void @PyGILState_Release(i32 %lock)
  ret i32 %status
}}""".splitlines()
"""Python runs the handlers of pending signals as a function begins, where nothing catches what they
raise; so they are run before it is called, with the lock kept until then."""


def declare(emitter: Any) -> None:
    """Declare the functions by which Python is called and asked for signals."""
    emitter.declare("PyGILState_Ensure", "declare i32 @PyGILState_Ensure()")
    emitter.declare("PyErr_CheckSignals", "declare i32 @PyErr_CheckSignals()")
    emitter.declare("PyGILState_Release", "declare void @PyGILState_Release(i32)")


def call(emitter: Any, number: int, table: str) -> str:
    """Call the host function of a number; the status is 1 if it failed, 2 for an interrupt."""
    declare(emitter)
    emitter.declare(HOST_CALL, HOST_CALL_TYPE)
    if DEFINITION[0] not in emitter.functions:
        emitter.functions += DEFINITION
    return emitter.new(f"call i32 @ingot.host_call(i64 %context, i64 {number}, ptr {table})")
