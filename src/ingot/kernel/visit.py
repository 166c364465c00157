"""The walker of kernel IR: blocks, operands and memories of nodes, their effects, copies, renaming.

Whoever goes through kernels goes through them with these functions, which follow what the nodes
declare (`roles.py`): so no block is missed, nor a memory of a node that was added later.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from copy import copy
from typing import Any

from ingot.kernel import ir
from ingot.kernel.ir import Block, Memory, Value

Path = tuple[Any, ...]
"""The nodes around a node, the outermost first."""


# ---- one node ------------------------------------------------------------------------------------
def blocks(node: Any) -> Sequence[Block]:
    """The blocks inside a node, called functions left out."""
    return () if type(node) is Value or node.IS_LEAF else node.BLOCKS(node)


def uses(node: Any) -> Sequence[Any]:
    """The scalars and indices that a node itself takes, from outside and from its blocks."""
    if type(node) is Value:
        return node.args[1:] if node.op == "load" else node.args
    return node.USES(node)


def definitions(node: Any) -> list[Value]:
    """The scalars that a node defines, for its blocks and for what follows."""
    if type(node) is Value:
        return [node]
    return [*node.INTRODUCES(node), *node.DEFINES(node)]


def reads(node: Any) -> Sequence[Memory]:
    """The memories that a node itself may read."""
    if type(node) is Value:
        return node.args[:1] if node.op == "load" else ()
    return node.READS(node)


def writes(node: Any) -> Sequence[Memory]:
    """The memories that a node itself may write."""
    return () if type(node) is Value else node.WRITES(node)


def memories(node: Any) -> Sequence[Memory]:
    """The memories that a node itself refers to, perhaps several times."""
    if type(node) is Value:
        return node.args[:1] if node.op == "load" else ()
    return node.MEMORIES(node)


def roots(memory: Memory) -> list[Memory]:
    """The memory, and what it may stand for."""
    return [memory, *memory.roots]


def calls_python(node: Any) -> bool:
    """Whether a node itself, or a function that it calls, does more than read and write memory."""
    if type(node) is ir.Call:
        return any(map(calls_python, walk(node.function.body)))
    return type(node) is not Value and node.CALLS_PYTHON


def is_plain(block: Block) -> bool:
    """Whether there are only instructions, stores and loops, carrying no pointers, in a block."""
    for node in block.nodes:
        if type(node) is ir.For:
            if node.pointers or node.parallel_accesses or node.start != 0 \
                    or not is_plain(node.body):
                return False
        elif type(node) is not Value and type(node) is not ir.Store:
            return False
    return True


# ---- all nodes -----------------------------------------------------------------------------------
def walk(block: Block) -> list[Any]:
    """The nodes of a block and of the blocks inside them, in order of execution, each before what
    is inside of it."""
    found: list[Any] = []
    for node in block.nodes:
        found.append(node)
        if type(node) is not Value and not node.IS_LEAF:
            for inner in node.BLOCKS(node):
                found += walk(inner)
    return found


def walk_paths(block: Block, path: Path = ()) -> Iterator[tuple[Any, Block, Path]]:
    """The same, with the block of each node and the nodes around it."""
    for node in block.nodes:
        yield node, block, path
        if type(node) is not Value and not node.IS_LEAF:
            for inner in node.BLOCKS(node):
                yield from walk_paths(inner, (*path, node))


def callees(block: Block) -> list[ir.Function]:
    """The functions that a block calls, directly or not: callees before those who call them."""
    found: dict[ir.Function, None] = {}
    for node in walk(block):
        if type(node) is ir.Call and node.function not in found:
            found.update(dict.fromkeys(callees(node.function.body)))
            found[node.function] = None
    return list(found)


def contains(block: Block, kind: type, test: Callable[[Any], bool] = lambda node: True) -> bool:
    """Whether there is such a node of this kind in a block, the blocks inside it or what it calls.
    """
    def within(block: Block) -> bool:
        return any(type(node) is kind and test(node) for node in walk(block))

    return within(block) or any(within(function.body) for function in callees(block))


def outermost(block: Block, test: Callable[[Any], bool]) -> Iterator[Any]:
    """The nodes other than instructions that pass a test, in a block and inside of nodes that do
    not."""
    for node in block.nodes:
        if type(node) is Value:
            continue
        if test(node):
            yield node
        else:
            for inner in blocks(node):
                yield from outermost(inner, test)


def referred(nodes: Iterable[Any], without: Collection[Any] = ()) -> dict[Memory, None]:
    """The memories that nodes refer to, themselves or inside, and what pointers among them stand
    for, in order; `without` some of the nodes and what is inside of these."""
    found: dict[Memory, None] = {}
    for node in nodes:
        if node in without:
            continue
        for memory in memories(node):
            found[memory] = None
            found.update((m, None) for m in memory.roots if m.phi is None)
        for inner in blocks(node):
            found.update(referred(inner.nodes, without))
    return found


def replace(block: Block, instead: Callable[[Any], Any | None]) -> None:
    """Put what `instead` answers in the place of nodes (changed in place); where it answers None,
    go on inside of the node."""
    for k, node in enumerate(block.nodes):
        if type(node) is Value:
            continue
        new = instead(node)
        if new is not None:
            block.nodes[k] = new
            continue
        for inner in blocks(node):
            replace(inner, instead)


# ---- effects -------------------------------------------------------------------------------------
class Effects:
    """What nodes do, with all inside of them: memories read and written, scalars used and defined
    (by their ids), and whether that is all."""

    __slots__ = ("defs", "python", "reads", "uses", "writes")

    def __init__(self) -> None:
        self.reads: set[Memory] = set()
        self.writes: set[Memory] = set()
        self.uses: set[int] = set()
        self.defs: set[int] = set()
        self.python = False  # whether Python is called, which may do anything

    @property
    def touches(self) -> set[Memory]:
        return self.reads | self.writes

    def add(self, other: Effects) -> Effects:
        self.reads |= other.reads
        self.writes |= other.writes
        self.uses |= other.uses
        self.defs |= other.defs
        self.python |= other.python
        return self

    def conflicts(self, other: Effects) -> bool:
        """Whether the two may not trade places, `other` being the later one."""
        return (self.python or other.python or not (
            self.defs.isdisjoint(other.uses) and self.writes.isdisjoint(other.reads)
            and self.writes.isdisjoint(other.writes) and self.reads.isdisjoint(other.writes)))


class EffectsCache:
    """Effects of nodes; those of all but instructions and stores are found once."""

    def __init__(self) -> None:
        self._memo: dict[int, Effects] = {}
        self._alive: list[Any] = []

    def of(self, node: Any) -> Effects:
        """The effects of a node, and of all inside of it."""
        found = self._memo.get(id(node))
        if found is None:
            found = Effects()
            if type(node) is Value or type(node) is ir.Store:
                self.enter(node, found)
                return found
            for memory in reads(node):
                found.reads.update(roots(memory))
            for memory in writes(node):
                found.writes.update(roots(memory))
            found.uses.update(map(id, uses(node)))
            found.defs.update(map(id, definitions(node)))
            found.python = calls_python(node)
            for inner in blocks(node):
                for child in inner.nodes:
                    self.enter(child, found)
            self.know(node, found)
        return found

    def know(self, node: Any, effects: Effects) -> None:
        """Remember the effects of a node."""
        self._alive.append(node)
        self._memo[id(node)] = effects

    def forget(self, node: Any) -> None:
        """A node has changed, or what is inside of it."""
        self._memo.pop(id(node), None)
        for inner in blocks(node):
            for child in inner.nodes:
                if type(child) is not Value:
                    self.forget(child)

    def enter(self, node: Any, effects: Effects) -> None:
        """Add what a node does to other effects."""
        kind = type(node)
        if kind is Value:
            effects.defs.add(id(node))
            effects.uses.update(map(id, node.args))
            if node.op == "load":
                effects.reads.update(roots(node.args[0]))
        elif kind is ir.Store:
            effects.writes.update(roots(node.memory))
            effects.uses.add(id(node.index))
            effects.uses.add(id(node.value))
        else:
            effects.add(self.of(node))

    def follows(self, held: Effects, node: Any) -> bool:
        """Whether a node must stay behind what has such effects."""
        if type(node) is not Value:
            return held.conflicts(self.of(node))
        if any(id(a) in held.defs for a in node.args):
            return True
        return node.op == "load" and (
            held.python or not held.writes.isdisjoint(roots(node.args[0])))


# ---- other names ---------------------------------------------------------------------------------
class _Renaming:
    """RegisterArray with other names, in the same blocks."""

    def __init__(self, names: Mapping[int, Any]):
        self.names = names

    def scalar(self, x: Any) -> Any:
        return self.names.get(id(x), x)

    def block(self, block: Block) -> Block:
        rename(block, self.names)
        return block


def rename(block: Block, names: Mapping[int, Any]) -> None:
    """Use other scalars for those with these ids, everywhere in a block (changed in place)."""
    to = _Renaming(names)
    for node in block.nodes:
        if type(node) is not Value or any([id(a) in names for a in node.args]):
            rename_own(node, to)


def rename_own(node: Any, to: Any) -> None:
    """The same for the fields of one node; `to` says what becomes of scalars and of blocks."""
    if type(node) is Value:
        node.args = tuple(map(to.scalar, node.args))
        return
    for name, role in node.ROLES.items():
        setattr(node, name, role.mapped(getattr(node, name), to))


class _Copying(_Renaming):
    """The same in new blocks."""

    def block(self, block: Block) -> Block:
        out = Block()
        for node in block.nodes:
            if type(node) is Value:
                new = self.names[id(node)]
                new.args = tuple(map(self.scalar, node.args))
            else:
                new = copy(node)
                rename_own(new, self)
            out.nodes.append(new)
        return out


def clone(block: Block, names: dict[int, Any]) -> Block:
    """A copy of a block that carries no pointers, with other names for some values; the names of
    what it defines are added to these."""
    for node in walk(block):
        for x in definitions(node):
            names[id(x)] = Value(x.op, x.args, x.dtype, x.attr)
    return _Copying(names).block(block)
