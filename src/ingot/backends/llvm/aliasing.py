"""Alias scopes: tell LLVM which temporaries of the arena never overlap."""

from __future__ import annotations

from collections.abc import Sequence

from ingot.kernel import ir

FIRST = 1
"""Number of the first metadata node that is ours; see `emit.py`."""

SPAN = 256
"""Numbers of nodes that one function may need."""

MOST = 64
"""Temporaries that are told apart; each is compared with all others."""


class Scopes:
    """An alias scope for each temporary; an access names its own and those it never overlaps.

    Without it a loop that stores to one temporary must load again what it reads from another, and
    is not vectorized.
    """

    def __init__(self, temporaries: Sequence[ir.Memory], functions: int = 0):
        self.first = FIRST + functions * SPAN  # that many functions of the module have theirs
        self.temporaries = list(temporaries)[:MOST]
        self.marks: dict[ir.Memory, str] = {}
        self.number = {m: self.first + 1 + k for k, m in enumerate(self.temporaries)}
        self.lines: list[str] = []

    def mark(self, memory: ir.Memory) -> str:
        """What an access to a memory has at its end."""
        if memory not in self.number or len(self.temporaries) < 2:
            return ""
        found = self.marks.get(memory)
        if found is None:
            apart = [m for m in self.temporaries if m is not memory and not overlap(m, memory)]
            found = self.marks[memory] = (
                f", !alias.scope {self._node([memory])}, !noalias {self._node(apart)}")
        return found

    def _node(self, memories: Sequence[ir.Memory]) -> str:
        name = f"!{self.first + 1 + len(self.temporaries) + len(self.lines)}"
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


def overlap(a: ir.Memory, b: ir.Memory) -> bool:
    """Whether two temporaries have bytes of the arena in common."""
    return a.offset < b.offset + b.nbytes and b.offset < a.offset + a.nbytes
