"""The layout of residuals: what a sequential loop keeps of each iteration lies side by side.

A loop that is differentiated stores its residuals, one array for each. The loop that goes backwards
reads all of them in each iteration, so here they become one array, whose rows are the iterations:
few lines of cache, and neighbors that vectors hold. What is stored twice, as a number that was
broadcast, is kept once; constants are not kept at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ingot.compiler.arena import rounded
from ingot.kernel import ir
from ingot.kernel.rules import INT
from ingot.kernel.visit import blocks, memories, outermost, roots

MIN_TRIP_COUNT = 8
"""Iterations below which the layout does not matter."""


@dataclass(eq=False)
class _Residual:
    """A temporary that a loop writes element by element: `width` elements in each iteration."""

    memory: ir.Memory
    loop: ir.For
    width: int
    dtype: np.dtype
    values: dict[int, ir.Value] = field(default_factory=dict)  # by their place in an iteration
    readers: set[int] = field(default_factory=set)  # ids of the loops that read it

    @property
    def rows(self) -> int:
        return self.memory.nbytes // (self.width * self.dtype.itemsize)

    @property
    def group(self) -> Any:
        """What is kept by one loop, for the same loops, may lie side by side."""
        return id(self.loop), self.rows, self.dtype, frozenset(self.readers)


@dataclass(eq=False)
class _Record:
    """A group's new memory, and which element of a row each stored scalar is."""

    memory: ir.Memory
    slots: dict[int, int]

    @property
    def width(self) -> int:
        return len(self.slots)


def interleave_residuals(function: ir.Function) -> None:
    """Put what the function's loops keep side by side (changed in place)."""
    if not any(outermost(function.body, _sequential)):
        return
    accesses = list(_accesses(function.body))
    groups: dict[Any, list[_Residual]] = {}
    for kept in _candidates(accesses):
        groups.setdefault(kept.group, []).append(kept)
    places: dict[ir.Memory, tuple[_Residual, _Record]] = {}
    for members in groups.values():
        row = _row(function, members)
        if row is not None:
            places.update((kept.memory, (kept, row)) for kept in members)
    if places:
        for block in {id(a.block): a.block for a in accesses if a.memory in places}.values():
            _rewrite(block, places)
        new = {id(row): row.memory for _, row in places.values() if row.width}
        function.temporaries = [m for m in function.temporaries if m not in places]
        function.temporaries += new.values()


# ---- what is where -------------------------------------------------------------------------------
@dataclass(eq=False)
class _Access:
    """A node that refers to a memory, its block, and the innermost loop around it."""

    memory: ir.Memory
    node: Any
    block: ir.Block
    loop: Any


def _accesses(block: ir.Block, loop: Any = None) -> Iterator[_Access]:
    for node in block.nodes:
        if type(node) is ir.Value:
            if node.op == "load":
                yield _Access(node.args[0], node, block, loop)
            continue
        inner = blocks(node)
        for memory in memories(node):
            for m in roots(memory) if inner else (memory,):
                yield _Access(m, node, block, loop)
        for block_inside in inner:
            yield from _accesses(block_inside, loop if type(node) is ir.Switch else node)


def _candidates(accesses: Sequence[_Access]) -> list[_Residual]:
    found: dict[ir.Memory, _Residual | None] = {}
    for a in accesses:
        if a.memory.kind == "temporary" and type(a.node) is ir.Store:
            kept = found.get(a.memory) or (None if a.memory in found else _kept(a))
            found[a.memory] = kept if kept is not None and _note_store(kept, a) else None
    for a in accesses:
        kept = found.get(a.memory)
        if kept is not None and type(a.node) is not ir.Store and not _read(kept, a):
            found[a.memory] = None
    return [kept for kept in found.values() if kept is not None]


def _sequential(loop: Any) -> bool:
    return type(loop) is ir.While or (
        type(loop) is ir.For and bool(loop.phis) and not loop.vector)


def _kept(store: _Access) -> _Residual | None:
    loop, memory, dtype = store.loop, store.memory, store.node.value.dtype
    if type(loop) is not ir.For or not _sequential(loop) or store.block is not loop.body:
        return None
    base, width, _ = _affine(store.node.index)
    if base is not loop.index or not width or memory.nbytes % (width * dtype.itemsize):
        return None
    kept = _Residual(memory, loop, width, dtype)
    return kept if kept.rows >= MIN_TRIP_COUNT else None


def _note_store(kept: _Residual, store: _Access) -> bool:
    """Note a store; False if it is not in the loop, or of an element stored already."""
    base, width, place = _affine(store.node.index)
    if store.block is not kept.loop.body or base is not kept.loop.index or width != kept.width \
            or not 0 <= place < width or place in kept.values \
            or store.node.value.dtype != kept.dtype:
        return False
    kept.values[place] = store.node.value
    return True


def _read(kept: _Residual, load: _Access) -> bool:
    """Note a load; False if rows would not serve it well."""
    if type(load.node) is not ir.Value or load.node.dtype != kept.dtype \
            or not _sequential(load.loop):
        return False
    kept.readers.add(id(load.loop))
    return _place(kept, load.node.args[1]) is not None


def _place(kept: _Residual, index: Any) -> tuple[Any, int] | None:
    """The iteration, and the place in it, of an index into what is kept."""
    if kept.width == 1:
        return index, 0
    base, width, place = _affine(index)
    return (base, place) if width == kept.width and place in kept.values else None


def _affine(index: Any) -> tuple[Any, int, int]:
    """(base, width, place) of an index that is base * width + place."""
    place = 0
    while type(index) is ir.Value and index.op == "add" and index.args[1].op == "const":
        index, place = index.args[0], place + int(index.args[1].attr)
    if type(index) is ir.Value and index.op == "mul" and index.args[1].op == "const":
        return index.args[0], int(index.args[1].attr), place
    return index, 1, place


# ---- the new layout ------------------------------------------------------------------------------
def _row(function: ir.Function, members: Sequence[_Residual]) -> _Record | None:
    """The memory of a group, in the place of its members' if these are neighbors; None if it is as
    good as it was."""
    slots: dict[int, int] = {}
    for kept in members:
        for value in kept.values.values():
            if value.op != "const":
                slots.setdefault(id(value), len(slots))
    if len(members) == 1 and len(slots) == members[0].width:
        return None
    ordered = sorted((kept.memory for kept in members), key=lambda m: m.offset)
    nbytes = members[0].rows * len(slots) * members[0].dtype.itemsize
    offset = ordered[0].offset
    if any(a.offset + rounded(a.nbytes) != b.offset
           for a, b in zip(ordered, ordered[1:], strict=False)):
        offset = function.arena_bytes
        function.arena_bytes += rounded(nbytes)
    return _Record(ir.Memory("temporary", nbytes, members[0].dtype, offset=offset), slots)


def _rewrite(block: ir.Block, places: dict[ir.Memory, tuple[_Residual, _Record]]) -> None:
    nodes: list[Any] = []
    known: dict[Any, ir.Value] = {}  # indices by what they are made of

    def index(op: str, x: Any, constant: int) -> Any:
        if isinstance(x, int):
            return x * constant if op == "mul" else x + constant
        if constant == (op == "mul"):
            return x
        key = op, id(x), constant
        if key not in known:
            known[key] = ir.Value(op, [x, ir.Value("const", (), INT, constant)], INT)
            nodes.append(known[key])
        return known[key]

    def place(row: _Record, base: Any, value: ir.Value) -> Any:
        return index("add", index("mul", base, row.width), row.slots[id(value)])

    stored: set[tuple[ir.Memory, int]] = set()
    for node in block.nodes:
        if type(node) is ir.Store and node.memory in places:
            kept, row = places[node.memory]
            slot = row.slots.get(id(node.value))
            if slot is None or (row.memory, slot) in stored:
                continue
            stored.add((row.memory, slot))
            node.index = place(row, kept.loop.index, node.value)
            node.memory = row.memory
        elif type(node) is ir.Value and node.op == "load" and node.args[0] in places:
            kept, row = places[node.args[0]]
            base, at = _place(kept, node.args[1])  # type: ignore[misc]
            value = kept.values[at]
            if value.op == "const":  # users of the load see the constant
                node.op, node.args, node.attr = "const", (), value.attr
                continue
            node.args = (row.memory, place(row, base, value))
        nodes.append(node)
    block.nodes = nodes
