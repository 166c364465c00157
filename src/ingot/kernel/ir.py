"""Kernel IR: scalar instructions, loops, branches, memory and calls, as a structured SSA tree.

Closed: a back end implements exactly these nodes and the scalar operations in `SCALAR_OPS`.
Scalars are real numbers, integers or booleans; `build.py` makes complex arithmetic of pairs.
`threefry` hashes four u32, a key and a counter, to a u64, whose low half is the first word.
Indices and offsets are Python integers where known, else int64 scalars.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

ARITHMETIC = ("add", "sub", "mul", "div", "rem", "neg", "abs", "sign", "min", "max", "fma")
COMPARE = ("eq", "ne", "lt", "le", "gt", "ge")
BITS = ("and", "or", "xor", "not", "shift_left", "shift_right_logical",
        "shift_right_arithmetic", "population_count", "clz", "umulhi", "threefry")
CONVERT = ("convert", "bitcast", "select")
ROUND = ("floor", "ceil", "rint", "round_away", "trunc", "nextafter", "copysign", "is_finite")
ANALYSIS = ("sqrt", "cbrt", "exp", "exp2", "expm1", "log", "log1p", "pow", "sin", "cos", "tan",
            "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
            "erf", "erfc", "erf_inv", "lgamma", "digamma")
SCALAR_OPS = frozenset(ARITHMETIC + COMPARE + BITS + CONVERT + ROUND + ANALYSIS)


class Scalar:
    """The result of one instruction. `op` is a scalar operation, 'load', 'index', 'phi', 'const',
    'external' (a call of a C function named by `attr`), or 'result' of a structured node."""

    __slots__ = ("args", "attr", "dtype", "name", "op")

    def __init__(self, op: str, args: Sequence[Any], dtype: np.dtype, attr: Any = None):
        self.op, self.args, self.dtype, self.attr = op, args, dtype, attr
        self.name: str | None = None  # the back end's name for it


Index = int | Scalar


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


@dataclass(eq=False)
class Store:
    memory: Any
    index: Index
    value: Scalar


@dataclass(eq=False)
class Copy:
    """Move `nbytes` bytes between two places that do not overlap; `streamed` past the caches, from
    a temporary that begins a line of the caches."""

    target: Any
    target_index: Index
    source: Any
    source_index: Index
    nbytes: int
    dtype: np.dtype
    streamed: bool = False


@dataclass(eq=False)
class Block:
    """Nodes in order of execution."""

    nodes: list[Any] = field(default_factory=list)


@dataclass(eq=False)
class Phi:
    """A value carried around a loop: the scalar inside, its first value, the next, the last."""

    scalar: Scalar
    init: Scalar
    next: Scalar | None
    result: Scalar


@dataclass(eq=False)
class Parallel:
    """A loop is divided among threads, each of which has its own copy of some temporaries."""

    own: list[Memory]

    @property
    def extent(self) -> tuple[int, int]:
        """Bytes of the arena from the first to behind the last of these temporaries."""
        return (min((m.offset for m in self.own), default=0),
                max((m.offset + m.nbytes for m in self.own), default=0))


@dataclass(eq=False)
class For:
    """`for index in range(first, first + stop)`, stop >= 1.

    Iterations that are `independent` exchange no values: they may run in any order, and also
    `at_once` if even their host calls may. With `vector` the body is also short straight-line code,
    for vector instructions; with `apart` the back end believes it where it cannot see it, as the
    body reads at places that it computes.
    """

    index: Scalar
    stop: Index
    phis: list[Phi]
    body: Block
    vector: bool = False
    independent: bool = False
    at_once: bool = False
    apart: bool = False
    parallel: Parallel | None = None
    pointers: list[PointerPhi] = field(default_factory=list)
    poll_every: int = 0  # iterations between looks for an interrupt; 0: never
    first: Index = 0


@dataclass(eq=False)
class While:
    """`while cond: body`, the condition computed by its own block."""

    phis: list[Phi]
    cond: Block
    predicate: Scalar | None
    body: Block
    pointers: list[PointerPhi] = field(default_factory=list)
    poll_every: int = 0  # iterations between looks for an interrupt; 0: never


@dataclass(eq=False)
class Switch:
    """Run branch `index` (already in range); `results[i]` is that branch's `outs[branch][i]`."""

    index: Scalar
    branches: list[Block]
    outs: list[list[Scalar]]
    results: list[Scalar]


@dataclass(eq=False)
class Library:
    """Call a C or Fortran routine. `args`: ('pointer', memory, index); a value passed by reference,
    ('int', index), ('float', a NumPy scalar), ('char', 'N'); or ('size', index), passed as it is.
    `work` is in simple instructions. An inner loop of a universal function of NumPy, of so many
    `dimensions`, is called as these are: with a table of the pointers before the last, tables of
    the sizes of its dimensions and of the strides that follow, and the last pointer."""

    symbol: str
    args: list[Any]
    work: int = 10
    dimensions: int = 0


@dataclass(eq=False)
class HostCall:
    """Call back into Python: `number` picks the function, places hold operands and results."""

    number: int
    places: list[tuple[Any, Index]]


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


@dataclass(eq=False)
class Call:
    """Run a function: places hold arguments and results, `arena` its temporaries meanwhile."""

    function: Function
    arguments: list[tuple[Any, Index]]
    results: list[tuple[Any, Index]]
    arena: Memory

    @property
    def places(self) -> list[tuple[Any, Index]]:
        """All that it reads or writes."""
        constants = [(m, 0) for m in self.function.constants]
        return [*self.arguments, *constants, *self.results, (self.arena, 0)]


@dataclass(eq=False)
class Check:
    """What the node that follows does with memory, so that it can be verified; see
    `compiler/checking.py`.

    It is about `nbytes` bytes from element `index` of so many bytes on, repeated as often and as
    many bytes apart as the pairs of `rows` say, which must lie within the memory. `shadow` says of
    each byte who wrote it last: a 'read' demands that it was the `owner`, which a 'write' becomes;
    for what the same node only writes, a 'claim' forbids reads; 'forget' says that nobody wrote it.
    """

    act: str
    memory: Memory
    index: Index
    itemsize: int
    nbytes: Index
    rows: Sequence[tuple[Index, Index]]
    shadow: Memory | None
    owner: Index
    site: int  # which of those of the program


def inner_blocks(node: Any) -> list[Block]:
    """The blocks inside a node, called functions left out."""
    if type(node) is For:
        return [node.body]
    if type(node) is While:
        return [node.cond, node.body]
    return node.branches if type(node) is Switch else []


def called(block: Block) -> list[Function]:
    """The functions that a block calls, directly or not: callees before those who call them."""
    found: dict[Function, None] = {}

    def visit(block: Block) -> None:
        for node in block.nodes:
            if type(node) is Call and node.function not in found:
                visit(node.function.body)
                found[node.function] = None
            for inner in inner_blocks(node):
                visit(inner)

    visit(block)
    return list(found)
