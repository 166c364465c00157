"""Kernel IR: scalar instructions, loops, branches, memory and calls, as a structured SSA tree.

Closed: a back end implements exactly these nodes and the scalar operations in `SCALAR_OPS`.
Scalars are real numbers, integers or booleans; `builder.py` lowers complex arithmetic to pairs.
`threefry` hashes four u32, a key and a counter, to a u64, whose low half is the first word.
Indices and offsets are Python integers where known, else int64 scalars.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ingot.kernel.roles import (
    ARGUMENTS,
    ATTRIBUTE,
    BLOCK,
    BLOCKS,
    CALLEE,
    INDEX,
    OUTS,
    PAIRS,
    PHIS,
    PLACES_BOTH,
    PLACES_READ,
    PLACES_WRITTEN,
    POINTERS,
    READ,
    RESULTS,
    SHADOW,
    USE,
    WRITTEN,
    YIELD,
    Node,
    holds,
    node,
)

ARITHMETIC = ("add", "sub", "mul", "div", "rem", "neg", "abs", "sign", "min", "max", "fma")
COMPARE = ("eq", "ne", "lt", "le", "gt", "ge")
BITS = ("and", "or", "xor", "not", "shift_left", "shift_right_logical",
        "shift_right_arithmetic", "population_count", "clz", "umulhi", "threefry")
CONVERT = ("convert", "bitcast", "select")
ROUND = ("floor", "ceil", "rint", "round_away", "trunc", "nextafter", "copysign", "is_finite")
TRANSCENDENTAL = (
    "sqrt", "cbrt", "exp", "exp2", "expm1", "log", "log1p", "log2", "pow", "sin", "cos", "tan",
    "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf",
    "erfc", "erf_inv", "lgamma", "digamma")
SCALAR_OPS = frozenset(ARITHMETIC + COMPARE + BITS + CONVERT + ROUND + TRANSCENDENTAL)


class Value:
    """The result of one instruction. `op` is a scalar operation, 'load', 'index', 'phi', 'const',
    'external' (a call of a C function named by `attr`), or 'result' of a structured node. The
    operands of a load are a memory and an index."""

    __slots__ = ("args", "attr", "dtype", "name", "op")

    def __init__(self, op: str, args: Sequence[Any], dtype: np.dtype, attr: Any = None):
        self.op, self.args, self.dtype, self.attr = op, args, dtype, attr
        self.name: str | None = None  # the back end's name for it


Index = int | Value


@dataclass(eq=False)
class Memory:
    """A block of memory: an 'argument', 'donated' argument, 'result', 'constant', 'temporary' or
    loop 'pointer'.

    Temporaries share one arena at `offset` bytes. A pointer belongs to a loop's `phi`, and stands
    for one of its `roots`. What is donated may be overwritten, and be a result. `refs` counts the
    live values that refer to it.
    """

    kind: str
    nbytes: int
    dtype: np.dtype
    position: int = -1
    offset: int = -1
    data: np.ndarray | None = None
    phi: PointerPhi | None = None
    refs: int = 0
    name: str | None = None
    _roots: frozenset[Memory] | None = None

    @property
    def roots(self) -> frozenset[Memory]:
        """All that a pointer may stand for, other pointers included: what its loop begins with and
        hands on. It follows from the loops, so no buffer can be missed however late it is made; a
        loop that is still being built has only what it begins with."""
        if self.phi is None:
            return NO_MEMORY
        if self._roots is None:
            found, complete = reached(self.phi)
            if not complete:
                return found
            self._roots = found
        return self._roots

    @property
    def writable(self) -> bool:
        """Whether the program owns it and may update it in place."""
        return self.kind in ("temporary", "pointer", "donated")


@dataclass(eq=False)
class PointerPhi:
    """Memory exchanged around a loop: seen inside, at first, in the next iteration, at last."""

    inside: Memory
    init: Memory
    next: Memory | None
    result: Memory

    def __post_init__(self) -> None:
        self.inside.phi = self.result.phi = self


NO_MEMORY: frozenset[Memory] = frozenset()


def reached(phi: PointerPhi) -> tuple[frozenset[Memory], bool]:
    """The memories that a pointer may stand for, and whether all loops on the way are complete."""
    seen, found, todo = {phi}, set(), [phi]
    while todo:
        one = todo.pop()
        for memory in (one.init, one.next):
            if memory is not None:
                found.add(memory)
                if memory.phi is not None and memory.phi not in seen:
                    seen.add(memory.phi)
                    todo.append(memory.phi)
    return frozenset(found), all(one.next is not None for one in seen)


@node
class Store(Node):
    REMOVABLE = True

    memory: Memory = holds(WRITTEN)
    index: Index = holds(USE)
    value: Value = holds(USE)


@node
class Copy(Node):
    """Move `nbytes` bytes between two places that do not overlap; `streamed` past the caches, from
    a cache-line-aligned temporary."""

    REMOVABLE = True

    target: Memory = holds(WRITTEN)
    target_index: Index = holds(USE)
    source: Memory = holds(READ)
    source_index: Index = holds(USE)
    nbytes: int = holds(ATTRIBUTE)
    dtype: np.dtype = holds(ATTRIBUTE)
    streamed: bool = holds(ATTRIBUTE, default=False)


@dataclass(eq=False)
class Block:
    """Nodes in order of execution."""

    nodes: list[Any] = field(default_factory=list)


@dataclass(eq=False)
class Phi:
    """A value carried around a loop: the scalar inside, its first value, the next, the last."""

    scalar: Value
    init: Value
    next: Value | None
    result: Value


@dataclass(eq=False)
class ParallelRegion:
    """Threads share a loop, and each has a private copy of some temporaries."""

    private: list[Memory]

    @property
    def extent(self) -> tuple[int, int]:
        """Bytes of the arena from the first to behind the last of these temporaries."""
        return (min((m.offset for m in self.private), default=0),
                max((m.offset + m.nbytes for m in self.private), default=0))


@node
class For(Node):
    """`for index in range(start, start + trip_count)`, trip_count >= 1.

    Iterations that are `independent` exchange no values: they may run in any order, and also at
    once if even their calls of Python may (`reentrant_callbacks`). With `vector` the body is also
    short straight-line code, for vector instructions; with `parallel_accesses` the back end
    believes that where it cannot see it, as the body reads at places that it computes.
    """

    index: Value = holds(INDEX)
    trip_count: Index = holds(USE)
    phis: list[Phi] = holds(PHIS)
    body: Block = holds(BLOCK)
    vector: bool = holds(ATTRIBUTE, default=False)
    independent: bool = holds(ATTRIBUTE, default=False)
    reentrant_callbacks: bool = holds(ATTRIBUTE, default=False)
    parallel_accesses: bool = holds(ATTRIBUTE, default=False)
    parallel: ParallelRegion | None = holds(ATTRIBUTE, default=None)
    pointers: list[PointerPhi] = holds(POINTERS, default_factory=list)
    poll_every: int = holds(ATTRIBUTE, default=0)  # iterations between looks for an interrupt
    start: Index = holds(USE, default=0)


@node
class While(Node):
    """`while cond: body`, the condition computed by its own block."""

    phis: list[Phi] = holds(PHIS)
    cond: Block = holds(BLOCK)
    predicate: Value | None = holds(YIELD)
    body: Block = holds(BLOCK)
    pointers: list[PointerPhi] = holds(POINTERS, default_factory=list)
    poll_every: int = holds(ATTRIBUTE, default=0)  # iterations between looks for an interrupt


@node
class Switch(Node):
    """Run branch `index` (already in range); `results[i]` is that branch's `outs[branch][i]`."""

    index: Value = holds(USE)
    branches: list[Block] = holds(BLOCKS)
    outs: list[list[Value]] = holds(OUTS)
    results: list[Value] = holds(RESULTS)


@node
class ExternCall(Node):
    """Call a C or Fortran routine. `args`: ('pointer', memory, index); a value passed by reference,
    ('int', index), ('float', a NumPy scalar), ('char', 'N'); or ('size', index), passed as it is.
    `work` is in simple instructions. An inner loop of a universal function of NumPy, of so many
    `dimensions`, is called as these are: with a table of the pointers before the last, tables of
    the sizes of its dimensions and of the strides that follow, and the last pointer."""

    symbol: str = holds(ATTRIBUTE)
    args: list[Any] = holds(ARGUMENTS)
    work: int = holds(ATTRIBUTE, default=10)
    dimensions: int = holds(ATTRIBUTE, default=0)


@node
class PythonCall(Node):
    """Call back into Python: `number` picks the function, places hold operands and results."""

    CALLS_PYTHON = True

    number: int = holds(ATTRIBUTE)
    places: list[tuple[Memory, Index]] = holds(PLACES_BOTH)


@dataclass(eq=False)
class Function:
    """One native function and the memory it works on: a program, or what is called in several
    places. Constants are those of the program that the function refers to."""

    body: Block
    arguments: list[Memory]
    results: list[Memory]
    constants: list[Memory]
    temporaries: list[Memory]
    arena_bytes: int
    estimates: dict[Any, tuple[int, Any]] = field(default_factory=dict)  # see `cost.work`

    def at_end(self, nbytes: int, dtype: np.dtype) -> Memory:
        """A new temporary, at the end of the arena."""
        offset = -(-self.arena_bytes // 64) * 64
        memory = Memory("temporary", nbytes, dtype, offset=offset, refs=1)
        self.arena_bytes = offset + nbytes
        self.temporaries.append(memory)
        return memory


@node
class Call(Node):
    """Run a function: places hold arguments and results, `arena` its temporaries meanwhile. It may
    be left out as a store may, unless the function calls Python."""

    REMOVABLE = True

    function: Function = holds(CALLEE)
    arguments: list[tuple[Memory, Index]] = holds(PLACES_READ)
    results: list[tuple[Memory, Index]] = holds(PLACES_WRITTEN)
    arena: Memory = holds(WRITTEN)

    @property
    def places(self) -> list[tuple[Memory, Index]]:
        """What it is called with."""
        constants = [(m, 0) for m in self.function.constants]
        return [*self.arguments, *constants, *self.results, (self.arena, 0)]


@node
class Check(Node):
    """What the node that follows does with memory, so that it can be verified; see
    `compiler/memory_checks.py`.

    It is about `nbytes` bytes from element `index` of so many bytes on, repeated as often and as
    many bytes apart as the pairs of `rows` say, which must lie within the memory. `shadow` says of
    each byte who wrote it last: a 'read' demands that it was the `owner`, which a 'write' becomes;
    for what the same node only writes, a 'claim' forbids reads; 'forget' says that nobody wrote it.
    """

    CALLS_PYTHON = True  # to report

    act: str = holds(ATTRIBUTE)
    memory: Memory = holds(ATTRIBUTE)
    index: Index = holds(USE)
    itemsize: int = holds(ATTRIBUTE)
    nbytes: Index = holds(USE)
    rows: Sequence[tuple[Index, Index]] = holds(PAIRS)
    shadow: Memory | None = holds(SHADOW)
    owner: Index = holds(USE)
    site: int = holds(ATTRIBUTE)  # which of those of the program
