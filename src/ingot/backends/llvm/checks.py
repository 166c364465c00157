"""Checks of memory in machine code: calls of small functions, and what is reported when one fails.

`i32 check(...)` looks at shadows, and calls Python to report what is wrong; the status is the
program's. Before a program runs, its arrays are looked at, and what it is to fill is filled with
ones: NaN, or -1.
"""

from __future__ import annotations

import ctypes
import itertools
import math
import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.backends.llvm.argument_unpacking import data_in
from ingot.backends.llvm.host_calls import DONE, HOST_CALL
from ingot.backends.llvm.native.abi import PORTABLE, TUPLE_ITEMS
from ingot.compiler.memory_checks import CLAIMED, NOBODY, Checks
from ingot.errors import MemoryCheckError
from ingot.kernel import ir

ACCESS, ARRAYS = -1, -2
"""What is reported, in the place of the number of a host call."""

ACTS = {"read": 0, "write": 1, "claim": 2, "forget": 3}
SIZES = (1, 2, 4, 8)
EACH = 0x0101010101010101
"""A number times this is the number in each byte of a word."""


# ---- code ----------------------------------------------------------------------------------------
def check(emitter: Any, node: ir.Check) -> None:
    """Call the function that verifies what a node says, and leave if it does not hold."""
    emitter.may_fail = True
    start: Any = node.index
    if isinstance(start, int):
        start = start * node.itemsize
    elif node.itemsize != 1:
        start = emitter.new(f"mul i64 {emitter.name(start)}, {node.itemsize}")
    else:
        start = emitter.name(start)
    shadow = "null" if node.shadow is None else emitter.pointer(node.shadow)
    limit, owner = node.memory.nbytes, emitter.name(node.owner)
    last = f"i64 {owner}, i64 {node.site}, i64 %context"
    if node.shadow is not None and node.act in ("read", "write") and not node.rows \
            and isinstance(node.nbytes, int) and node.nbytes in SIZES:
        call = f"{node.act}{node.nbytes}(ptr {shadow}, i64 {start}, i64 {limit}, {last})"
    else:
        rows = [*node.rows, (1, 0), (1, 0)][:2]
        sizes = ", ".join(f"i64 {emitter.name(x)}" for pair in rows for x in pair)
        call = (f"range(ptr {shadow}, i64 {start}, i64 {emitter.name(node.nbytes)}, {sizes},"
                f" i64 {limit}, i64 {ACTS[node.act]}, {last})")
    status = emitter.new(f"call i32 @ingot.check.{call}")
    emitter.leave_if(emitter.new(f"icmp ne i32 {status}, 0"), "failed")


SCALAR = """\
define internal i32 @ingot.check.$act$n(ptr %shadow, i64 %start, i64 %limit, i64 %owner, \
i64 %site, i64 %context) noinline {
entry:
  %end = add i64 %start, $n
  %behind = icmp sge i64 %start, 0
  %before = icmp ule i64 %end, %limit
  %inside = and i1 %behind, %before
  br i1 %inside, label %look, label %report
look:
  %place = getelementptr i8, ptr %shadow, i64 %start
  %each = mul i64 %owner, $EACH
  %mine = trunc i64 %each to i$bits
  $look
good:
  ret i32 0
report:
  %status = call i32 @ingot.check.report(ptr %shadow, i64 %start, i64 $n, i64 %limit, i64 %owner, \
i64 %site, i64 %context)
  ret i32 %status
}"""

LOOK = {
    "read": """%found = load i$bits, ptr %place, align 1
  %same = icmp eq i$bits %found, %mine
  br i1 %same, label %good, label %report""",
    "write": """store i$bits %mine, ptr %place, align 1
  br label %good"""}

RANGE = """\
define internal i32 @ingot.check.range(ptr %shadow, i64 %start, i64 %nbytes, i64 %n, i64 %step, \
i64 %m, i64 %far, i64 %limit, i64 %act, i64 %owner, i64 %site, i64 %context) noinline {
entry:
  %each = mul i64 %owner, $EACH
  %unknown = icmp eq ptr %shadow, null
  %reads = icmp eq i64 %act, 0
  %writes = icmp eq i64 %act, 1
  %claims = icmp eq i64 %act, 2
  %lost = select i1 %claims, i64 $CLAIMED, i64 $NOBODY
  %mark = select i1 %writes, i64 %owner, i64 %lost
  %fill = trunc i64 %mark to i8
  %mine = trunc i64 %owner to i8
  %some = icmp sgt i64 %nbytes, 0
  %some.n = icmp sgt i64 %n, 0
  %some.m = icmp sgt i64 %m, 0
  %two = and i1 %some, %some.n
  %three = and i1 %two, %some.m
  br i1 %three, label %outer, label %good
outer:
  %j = phi i64 [0, %entry], [%j.next, %row.last]
  %away = mul i64 %j, %far
  %first = add i64 %start, %away
  br label %row
row:
  %i = phi i64 [0, %outer], [%i.next, %row.done]
  %along = mul i64 %i, %step
  %here = add i64 %first, %along
  %end = add i64 %here, %nbytes
  %behind = icmp sge i64 %here, 0
  %before = icmp ule i64 %end, %limit
  %inside = and i1 %behind, %before
  br i1 %inside, label %known, label %report
known:
  br i1 %unknown, label %row.done, label %act.on
act.on:
  %place = getelementptr i8, ptr %shadow, i64 %here
  br i1 %reads, label %words, label %set
set:
  call void @llvm.memset.p0.i64(ptr %place, i8 %fill, i64 %nbytes, i1 false)
  br label %row.done
words:
  %w = phi i64 [0, %act.on], [%w.next, %word]
  %w.next = add i64 %w, 8
  %whole = icmp sle i64 %w.next, %nbytes
  br i1 %whole, label %word, label %bytes
word:
  %word.at = getelementptr i8, ptr %place, i64 %w
  %found = load i64, ptr %word.at, align 1
  %same = icmp eq i64 %found, %each
  br i1 %same, label %words, label %bytes
bytes:
  %k = phi i64 [%w, %words], [%w, %word], [%k.next, %byte]
  %left = icmp slt i64 %k, %nbytes
  br i1 %left, label %byte, label %row.done
byte:
  %k.next = add i64 %k, 1
  %byte.at = getelementptr i8, ptr %place, i64 %k
  %one = load i8, ptr %byte.at
  %fine = icmp eq i8 %one, %mine
  br i1 %fine, label %bytes, label %bad
row.done:
  %i.next = add i64 %i, 1
  %more = icmp slt i64 %i.next, %n
  br i1 %more, label %row, label %row.last
row.last:
  %j.next = add i64 %j, 1
  %again = icmp slt i64 %j.next, %m
  br i1 %again, label %outer, label %good
good:
  ret i32 0
bad:
  %bad.at = add i64 %here, %k
  br label %report
report:
  %where = phi i64 [%here, %row], [%bad.at, %bad]
  %many = phi i64 [%nbytes, %row], [1, %bad]
  %status = call i32 @ingot.check.report(ptr %shadow, i64 %where, i64 %many, i64 %limit, \
i64 %owner, i64 %site, i64 %context)
  ret i32 %status
}
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)"""

REPORT = """\
define internal i32 @ingot.check.report(ptr %shadow, i64 %start, i64 %nbytes, i64 %limit, \
i64 %owner, i64 %site, i64 %context) noinline cold {
entry:
  %table = alloca [6 x i64]
  %address = ptrtoint ptr %shadow to i64
  $stores
  %returned = call i32 @$HOST_CALL(i64 %context, i64 $ACCESS, ptr %table)
  %failed = icmp ne i32 %returned, $DONE
  %status = zext i1 %failed to i32
  ret i32 %status
}"""
REPORTED = ("address", "start", "nbytes", "limit", "owner", "site")


def definitions() -> list[str]:
    """The functions that checks call."""
    stores = [line for k, name in enumerate(REPORTED) for line in (
        f"%at.{name} = getelementptr i64, ptr %table, i64 {k}",
        f"store i64 %{name}, ptr %at.{name}")]
    texts = [string.Template(REPORT).substitute(
        stores="\n  ".join(stores), HOST_CALL=HOST_CALL, ACCESS=ACCESS, DONE=DONE)]
    for act, look in LOOK.items():
        for n in SIZES:
            bits = 8 * n
            each = "%mine = trunc i64 %each to i$bits" if n < 8 else "%mine = add i64 %each, 0"
            text = SCALAR.replace("%mine = trunc i64 %each to i$bits", each).replace("$look", look)
            texts.append(string.Template(text).substitute(act=act, n=n, bits=bits, EACH=EACH))
    texts.append(string.Template(RANGE).substitute(EACH=EACH, CLAIMED=CLAIMED, NOBODY=NOBODY))
    return "\n".join(texts).split("\n")


def before_run(function: ir.Function) -> list[str]:
    """Look at the arrays, and fill what the program is to fill."""
    lines = ["  %arrays = alloca [2 x ptr]", "  store ptr %arguments, ptr %arrays",
             "  %arrays.1 = getelementptr ptr, ptr %arrays, i64 1",
             "  store ptr %results, ptr %arrays.1",
             f"  %verified = call i32 @{HOST_CALL}(i64 %context, i64 {ARRAYS}, ptr %arrays)",
             f"  %wrong = icmp ne i32 %verified, {DONE}",
             "  br i1 %wrong, label %refuse, label %begin", "refuse:", "  ret i32 1", "begin:"]
    filled = [("%arena", function.arena_bytes)] + [
        (f"%data.results{k}", m.nbytes) for k, m in enumerate(function.results)
        if m.kind == "result"]
    return lines + [f"  call void @llvm.memset.p0.i64(ptr {place}, i8 -1, i64 {nbytes}, i1 false)"
                    for place, nbytes in filled]


# ---- reports -------------------------------------------------------------------------------------
def report(checks: Checks, number: int, table: int) -> None:
    """Raise MemoryCheckError for what code found, or if its arrays are not as they must be."""
    if number == ARRAYS:
        _look_at_arrays(checks, *(ctypes.c_uint64 * 2).from_address(table))
        return
    shadow, start, nbytes, limit, owner, site = (ctypes.c_int64 * 6).from_address(table)
    operation, buffer, itemsize = checks.sites[site]
    text = f"{operation}: element {start // itemsize} of {buffer}"
    if start < 0 or start + nbytes > limit:
        raise _error(checks, f"{text} lies outside of it")
    found = next(k for k in bytes((ctypes.c_uint8 * nbytes).from_address(shadow + start))
                 if k != owner)
    if found == NOBODY:
        raise _error(checks, f"{text} is read, but nothing has been written there")
    if found == CLAIMED:
        raise _error(checks, f"{text} is read, and the same operation writes there: its operands"
                             " overlap")
    others = " or ".join(checks.owners[found - 1 :: CLAIMED - 1])
    raise _error(checks, f"{text} is read, but its memory belongs by now to {others}, which wrote"
                         " there")


def _error(checks: Checks, text: str) -> MemoryCheckError:
    return MemoryCheckError(f"{checks.program}: {text}")


def _look_at_arrays(checks: Checks, arguments: int, results: int) -> None:
    """Raise unless results have arrays of their types, which overlap with no others."""
    taken: set[int] = set()
    spans: list[tuple[int, int, str]] = []
    for k, nbytes in enumerate(checks.arguments):
        start = data_in(arguments, k)
        spans.append((start, start + nbytes, f"argument {k}"))
    for k, (dtype, shape, argument) in enumerate(checks.results):
        if PORTABLE is None:  # else there is a table of addresses
            _look_at_result(checks, k, results + TUPLE_ITEMS + 8 * k)
        if argument >= 0:
            taken.add(argument)
        else:
            start, nbytes = data_in(results, k), math.prod(shape) * np.dtype(dtype).itemsize
            spans.append((start, start + nbytes, f"result {k}"))
    _apart(checks, spans, {*taken, *range(len(checks.arguments), len(spans))})


def _look_at_result(checks: Checks, k: int, place: int) -> None:
    """Raise unless result k is as it must be, given where a tuple refers to it."""
    dtype, shape, _ = checks.results[k]
    x: Any = ctypes.cast(ctypes.c_void_p.from_address(place), ctypes.py_object).value
    if x.dtype.name != dtype or x.shape != shape or not x.flags.carray:
        raise _error(checks, f"result {k} gets an array {x.dtype.name}{[*x.shape]} with strides"
                             f" {x.strides}, which must be {dtype}{[*shape]}, contiguous")


def _apart(checks: Checks, arrays: Sequence[tuple[int, int, str]], written: set[int]) -> None:
    """Raise if an array that is written to overlaps with any other."""
    spans = [(k, *span) for k, span in enumerate(arrays) if span[0] < span[1]]
    for (j, start, end, name), (k, other, behind, also) in itertools.combinations(spans, 2):
        if start < behind and other < end and not written.isdisjoint((j, k)):
            raise _error(checks, f"the arrays of {name} and {also} overlap")
