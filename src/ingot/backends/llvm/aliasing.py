"""Alias scopes: tell LLVM which temporaries, and which pointers that loops carry, lie apart."""

from __future__ import annotations

from collections.abc import Sequence

from ingot.kernel import ir
from ingot.kernel.visit import walk

FIRST = 1
"""Number of the first metadata node that is ours; see `emit.py`."""

SPAN = 512
"""Numbers of nodes that one function may need."""

MOST = 64
"""Memories that are told apart; each is compared with all others."""


class Scopes:
    """An alias scope for each temporary and each pointer that a loop carries; an access names its
    own and those it never overlaps.

    Without it a loop that stores to one temporary must load again what it reads from another, and
    is not vectorized. Nothing is said of two pointers that may be the same memory in different
    iterations: LLVM takes what it is told for the whole function, around loops as well.
    """

    def __init__(self, function: ir.Function, functions: int = 0):
        self.first = FIRST + functions * SPAN  # that many functions of the module have theirs
        loops = [node for node in walk(function.body)
                 if type(node) in (ir.For, ir.While) and node.pointers]
        carried = [p.inside for node in loops for p in node.pointers]
        self.memories = [*function.temporaries, *carried][:MOST]
        self.marks: dict[ir.Memory, str] = {}
        self.number = {m: self.first + 1 + k for k, m in enumerate(self.memories)}
        self.lines: list[str] = []

    def mark(self, memory: ir.Memory) -> str:
        """What an access to a memory has at its end."""
        if memory not in self.number or len(self.memories) < 2:
            return ""
        found = self.marks.get(memory)
        if found is None:
            apart = [m for m in self.memories if self.apart(m, memory)]
            found = self.marks[memory] = (
                f", !alias.scope {self._node([memory])}, !noalias {self._node(apart)}")
        return found

    def apart(self, a: ir.Memory, b: ir.Memory) -> bool:
        """Whether two memories have no byte in common, at any moment."""
        return all(_apart(x, y) for x in _buffers(a) for y in _buffers(b))

    def _node(self, memories: Sequence[ir.Memory]) -> str:
        name = f"!{self.first + 1 + len(self.memories) + len(self.lines)}"
        self.lines.append(f"{name} = !{{{', '.join(f'!{self.number[m]}' for m in memories)}}}")
        return name

    def metadata(self) -> list[str]:
        """The nodes that the marks refer to."""
        if not self.lines:
            return []
        first = self.first
        return [f"!{first} = distinct !{{!{first}}}",
                *(f"!{k} = distinct !{{!{k}, !{first}}}" for k in self.number.values()),
                *self.lines]


def _buffers(memory: ir.Memory) -> list[ir.Memory]:
    """The buffers that a memory is, or may be."""
    return [memory] if memory.phi is None else [m for m in memory.roots if m.phi is None]


def _apart(a: ir.Memory, b: ir.Memory) -> bool:
    """Whether two buffers have no byte in common."""
    if a is b:
        return False
    if a.kind == b.kind == "temporary":
        return not overlap(a, b)
    return "temporary" in (a.kind, b.kind) or (a.kind == b.kind == "result")


def overlap(a: ir.Memory, b: ir.Memory) -> bool:
    """Whether two temporaries have bytes of the arena in common."""
    return a.offset < b.offset + b.nbytes and b.offset < a.offset + a.nbytes
