"""A routine of our own: sums of products in tiles that stay in registers, as convolutions need.

It computes, for rows i and columns j, the sum over terms t of a[row i, a_place t] b[b_place t,
column j], and writes or adds it to out[row i, column j]. Places are in a table, so windows are read
where they lie and never copied side by side. A tile has up to six rows and two vectors of columns:
twelve sums, which processors can add to at once. Each sum adds its terms in order.

Written in LLVM's text with vectors, compiled once for a machine and kept on disk: programs call it.
"""

from __future__ import annotations

import functools
import string
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from ingot.backends.llvm import engine, symbols
from ingot.backends.llvm.functions.target import has_fma
from ingot.kernel.tile_product import (
    ARGUMENTS,
    LETTERS,
    NAME,
    ROWS,
    VECTOR_BYTES,
    VECTORS,
    symbol,
)
from ingot.util import once

TYPES = {"s": ("float", 4), "d": ("double", 8)}
SIZES = ", ".join(f"i64 %{name}" for name in ARGUMENTS)


GROUP = 8
"""Vectors of columns that a tile's rows meet one after the other."""


class _Tile:
    """A function for a tile of so many rows, given as pointers into a and out, and vectors."""

    def __init__(self, letter: str, rows: int, vectors: int):
        self.scalar, nbytes = TYPES[letter]
        self.lanes = VECTOR_BYTES // nbytes
        self.vector, self.mask = (f"<{self.lanes} x {kind}>" for kind in (self.scalar, "i1"))
        self.suffix = f"v{self.lanes}f{8 * nbytes}"
        self.name = f"tile_{rows}_{vectors}"
        self.nbytes, self.rows, self.vectors = nbytes, rows, vectors
        self.sums = [(i, v) for i in range(rows) for v in range(vectors)]

    def text(self) -> str:
        return "\n".join([
            f"define internal void @{self.name}(ptr %places, i64 %shift, ptr %b0, ptr %b1,"
            " ptr %table, i64 %terms, i1 %adds, i64 %lanes0, i64 %lanes1, i64 %apart) {",
            *self.begin(), *self.terms_loop(), *self.stores(), "}", ""])

    def begin(self) -> Iterator[str]:
        yield "entry:"
        for i in range(self.rows):
            for k, array in enumerate(("a", "out")):
                yield f"  %{array}_at{i} = getelementptr ptr, ptr %places, i64 {2 * i + k}"
                yield f"  %{array}{i} = load ptr, ptr %{array}_at{i}"
        yield "  br label %term"

    def terms_loop(self) -> Iterator[str]:
        """Each term is a number of each row times the vectors of columns."""
        yield from ["term:", "  %t = phi i64 [0, %entry], [%next, %term]"]
        for i, v in self.sums:
            yield f"  %s{i}_{v} = phi {self.vector} [zeroinitializer, %entry], [%n{i}_{v}, %term]"
        for k, array in enumerate(("a", "b")):
            yield from [f"  %{array}_entry = getelementptr [2 x i32], ptr %table, i64 %t, i32 {k}",
                        f"  %{array}_short = load i32, ptr %{array}_entry",
                        f"  %{array}_place = sext i32 %{array}_short to i64"]
        for v in range(self.vectors):
            yield f"  %bp{v} = getelementptr {self.scalar}, ptr %b{v}, i64 %b_place"
            yield f"  %bv{v} = load {self.vector}, ptr %bp{v}, align {self.nbytes}"
        for i in range(self.rows):
            yield f"  %ap{i} = getelementptr {self.scalar}, ptr %a{i}, i64 %a_place"
            yield f"  %as{i} = load {self.scalar}, ptr %ap{i}"
            yield from splat(f"%av{i}", f"%as{i}", self.scalar, self.lanes)
            for v in range(self.vectors):
                yield from self.added(i, v)
        yield from ["  %next = add i64 %t, 1", "  %more = icmp ult i64 %next, %terms",
                    "  br i1 %more, label %term, label %store"]

    def added(self, i: int, v: int) -> Iterator[str]:
        if has_fma():
            yield (f"  %n{i}_{v} = call {self.vector} @llvm.fma.{self.suffix}({self.vector}"
                   f" %av{i}, {self.vector} %bv{v}, {self.vector} %s{i}_{v})")
        else:
            yield f"  %m{i}_{v} = fmul {self.vector} %av{i}, %bv{v}"
            yield f"  %n{i}_{v} = fadd {self.vector} %s{i}_{v}, %m{i}_{v}"

    def stores(self) -> Iterator[str]:
        """Sums are written, or added; where a vector has fewer columns, only these."""
        yield "store:"
        for i in range(self.rows):
            yield f"  %to{i}_0 = getelementptr {self.scalar}, ptr %out{i}, i64 %shift"
            if self.vectors > 1:
                yield f"  %to{i}_1 = getelementptr {self.scalar}, ptr %to{i}_0, i64 %apart"
        yield from [
            f"  %least = call i64 @llvm.umin.i64(i64 %lanes0, i64 %lanes{self.vectors - 1})",
            f"  %all = icmp eq i64 %least, {self.lanes}",
            "  br i1 %all, label %whole, label %part", "whole:",
            "  br i1 %adds, label %sum, label %put", "put:"]
        for i, v in self.sums:
            yield f"  store {self.vector} %n{i}_{v}, ptr %to{i}_{v}, align {self.nbytes}"
        yield from ["  ret void", "sum:"]
        for i, v in self.sums:
            yield from [f"  %old{i}_{v} = load {self.vector}, ptr %to{i}_{v}, align {self.nbytes}",
                        f"  %new{i}_{v} = fadd {self.vector} %old{i}_{v}, %n{i}_{v}",
                        f"  store {self.vector} %new{i}_{v}, ptr %to{i}_{v}, align {self.nbytes}"]
        yield from ["  ret void", "part:", *self.masks()]
        for i, v in self.sums:
            yield (f"  %was{i}_{v} = call {self.vector} @llvm.masked.load.{self.suffix}.p0(ptr"
                   f" %to{i}_{v}, i32 {self.nbytes}, {self.mask} %read{v}, {self.vector}"
                   " zeroinitializer)")
            yield f"  %is{i}_{v} = fadd {self.vector} %was{i}_{v}, %n{i}_{v}"
            yield (f"  call void @llvm.masked.store.{self.suffix}.p0({self.vector} %is{i}_{v}, ptr"
                   f" %to{i}_{v}, i32 {self.nbytes}, {self.mask} %mask{v})")
        yield "  ret void"

    def masks(self) -> Iterator[str]:
        """Which columns are written, and which are read before; of words as long as elements."""
        word = f"i{8 * self.nbytes}"
        numbers = ", ".join(f"{word} {k}" for k in range(self.lanes))
        for v in range(self.vectors):
            yield f"  %before{v} = select i1 %adds, i64 %lanes{v}, i64 0"
            for name, count in (("mask", "lanes"), ("read", "before")):
                short = f"%{name}_short{v}"
                yield (f"  {short} = trunc i64 %{count}{v} to i32" if self.nbytes == 4
                       else f"  {short} = add i64 %{count}{v}, 0")
                yield from splat(f"%{name}_count{v}", short, word, self.lanes)
                yield (f"  %{name}{v} = icmp slt <{self.lanes} x {word}> <{numbers}>,"
                       f" %{name}_count{v}")

    def declarations(self) -> list[str]:
        return [f"declare {self.vector} @llvm.fma.{self.suffix}({self.vector}, {self.vector},"
                f" {self.vector})",
                f"declare {self.vector} @llvm.masked.load.{self.suffix}.p0(ptr, i32, {self.mask},"
                f" {self.vector})",
                f"declare void @llvm.masked.store.{self.suffix}.p0({self.vector}, ptr, i32,"
                f" {self.mask})", "declare i64 @llvm.umin.i64(i64, i64)"]


def splat(name: str, scalar: str, kind: str, lanes: int) -> list[str]:
    """A vector of equal elements."""
    vector = f"<{lanes} x {kind}>"
    return [f"  {name}_0 = insertelement {vector} poison, {kind} {scalar}, i32 0",
            f"  {name} = shufflevector {vector} {name}_0, {vector} poison, <{lanes} x i32>"
            " zeroinitializer"]


DRIVER = """
define void @tile_product(ptr %out, ptr %a, ptr %b, ptr %table, $SIZES) {
entry:
  %places = alloca [$POINTERS x ptr]
  %adds = icmp ne i64 %add, 0
  %rows = mul i64 %outer, %inner
  ; all tiles have nearly equal sizes
  %rounded = add i64 %rows, $LESS
  %count = udiv i64 %rounded, $ROWS
  %short = udiv i64 %rows, %count
  %covered = mul i64 %short, %count
  %longer = sub i64 %rows, %covered
  ; the last vector begins earlier instead of being shorter, where b has its columns side by side
  ; and nothing would be added twice
  %beside = icmp eq i64 %b_vector, %lanes
  %wide_lanes = icmp eq i64 %lanes, $LANES
  %enough = icmp uge i64 %columns, %lanes
  %overlaps0 = and i1 %beside, %wide_lanes
  %overlaps1 = and i1 %overlaps0, %enough
  %overlaps = select i1 %adds, i1 false, i1 %overlaps1
  br label %group
group:
  ; columns whose part of b stays in the first caches while all rows meet it
  %first = phi i64 [0, %entry], [%first_next, %grouped]
  %group_columns = phi i64 [%columns, %entry], [%behind, %grouped]
  %most = mul i64 %lanes, $GROUP
  %here = call i64 @llvm.umin.i64(i64 %group_columns, i64 %most)
  %behind = sub i64 %group_columns, %here
  %first_next = add i64 %first, $GROUP
  br label %tile
tile:
  %number = phi i64 [0, %group], [%following, %on]
  %outer0 = phi i64 [0, %group], [%outer2, %on]
  %inner0 = phi i64 [0, %group], [%inner2, %on]
  %long = icmp ult i64 %number, %longer
  %more = zext i1 %long to i64
  %height = add i64 %short, %more
  br label %row
row:
  %i = phi i64 [0, %tile], [%j, %row]
  %outer1 = phi i64 [%outer0, %tile], [%outer2, %row]
  %inner1 = phi i64 [%inner0, %tile], [%inner2, %row]
  %a_far = mul i64 %outer1, %a_outer
  %a_near = mul i64 %inner1, %a_inner
  %a_off = add i64 %a_far, %a_near
  %a_row = getelementptr $SCALAR, ptr %a, i64 %a_off
  %o_far = mul i64 %outer1, %out_outer
  %o_near = mul i64 %inner1, %out_inner
  %o_off = add i64 %o_far, %o_near
  %o_row = getelementptr $SCALAR, ptr %out, i64 %o_off
  %place = getelementptr [2 x ptr], ptr %places, i64 %i
  store ptr %a_row, ptr %place
  %place1 = getelementptr ptr, ptr %place, i64 1
  store ptr %o_row, ptr %place1
  %next_inner = add i64 %inner1, 1
  %next_outer = add i64 %outer1, 1
  %wraps = icmp eq i64 %next_inner, %inner
  %inner2 = select i1 %wraps, i64 0, i64 %next_inner
  %outer2 = select i1 %wraps, i64 %next_outer, i64 %outer1
  %j = add i64 %i, 1
  %another = icmp ult i64 %j, %height
  br i1 %another, label %row, label %column
column:
  %v = phi i64 [%first, %row], [%w, %called]
  %left = phi i64 [%here, %row], [%later, %called]
  %left0 = call i64 @llvm.umin.i64(i64 %left, i64 %lanes)
  %left1 = sub i64 %left, %left0
  %left2 = call i64 @llvm.umin.i64(i64 %left1, i64 %lanes)
  %later = sub i64 %left1, %left2
  %two = icmp ne i64 %left2, 0
  %short0 = sub i64 %lanes, %left0
  %short1 = sub i64 %lanes, %left2
  %back0 = select i1 %overlaps, i64 %short0, i64 0
  %back1 = select i1 %overlaps, i64 %short1, i64 0
  %lanes0 = add i64 %left0, %back0
  %lanes1 = add i64 %left2, %back1
  %shift_ = mul i64 %v, %lanes
  %shift = sub i64 %shift_, %back0
  %apart = sub i64 %lanes, %back1
  %b_off_ = mul i64 %v, %b_vector
  %b_off = sub i64 %b_off_, %back0
  %b_apart = sub i64 %b_vector, %back1
  %b0 = getelementptr $SCALAR, ptr %b, i64 %b_off
  %b1 = getelementptr $SCALAR, ptr %b0, i64 %b_apart
  %wide = select i1 %two, i64 $ROWS, i64 0
  %which = add i64 %wide, %height
  switch i64 %which, label %called [$CASES]
$CALLS
called:
  %w = add i64 %v, 2
  %remain = icmp ne i64 %later, 0
  br i1 %remain, label %column, label %on
on:
  %following = add i64 %number, 1
  %again = icmp ult i64 %following, %count
  br i1 %again, label %tile, label %grouped
grouped:
  %any = icmp ne i64 %behind, 0
  br i1 %any, label %group, label %exit
exit:
  ret void
}
"""


def _text(letter: str) -> str:
    """The routine: vectors of columns two by two, and for these all rows."""
    tiles = [_Tile(letter, r, v) for v in range(1, VECTORS + 1) for r in range(1, ROWS + 1)]
    calls = [line for tile in tiles for line in (
        f"{tile.name}:", f"  call void @{tile.name}(ptr %places, i64 %shift, ptr %b0, ptr %b1,"
        " ptr %table, i64 %terms, i1 %adds, i64 %lanes0, i64 %lanes1, i64 %apart)",
        "  br label %called")]
    driver = string.Template(DRIVER).substitute(
        SIZES=SIZES, SCALAR=tiles[0].scalar, LANES=tiles[0].lanes, ROWS=ROWS, LESS=ROWS - 1,
        POINTERS=2 * ROWS, GROUP=GROUP, CALLS="\n".join(calls), CASES=" ".join(
            f"i64 {k + 1}, label %{tile.name}" for k, tile in enumerate(tiles)))
    return "\n".join([*(tile.text() for tile in tiles), driver, *tiles[0].declarations()])


def _compiled(letter: str) -> tuple[dict[str, int], Any]:
    """The address of the routine, and what owns its code."""
    code = engine.kept_object_code(_text(letter), engine.FULL, opt_level=0)
    return engine.functions(code, [NAME], engine.FULL)


_CODES = {symbol(dtype): once(functools.partial(_compiled, letter))
          for dtype, letter in LETTERS.items()}


def _address(name: str) -> int:
    return _CODES[name]()[0][NAME]


for _name in _CODES:
    symbols.provide(_name, functools.partial(_address, _name))


def prepare(names: Iterable[str]) -> None:
    """Compile those routines that are among these, beside what refers to them."""
    for name in _CODES.keys() & set(names):
        threading.Thread(target=_address, args=(name,), name="ingot-tiles").start()
