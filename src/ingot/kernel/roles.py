"""What the fields of IR nodes hold, said once where a node is declared; `visit.py` goes by it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, ClassVar, dataclass_transform

Get = Callable[[Any], Sequence[Any]]


class Role:
    """A field of which nothing needs to be known: a number, a name, a flag."""

    is_itself = False  # whether the only answer is what the field holds

    def operands(self, x: Any) -> Sequence[Any]:
        """RegisterArray and indices that the node takes."""
        return ()

    def yields(self, x: Any) -> Sequence[Any]:
        """RegisterArray that the blocks of the node compute for it."""
        return ()

    def defines(self, x: Any) -> Sequence[Any]:
        """RegisterArray that exist from the node on."""
        return ()

    def introduces(self, x: Any) -> Sequence[Any]:
        """RegisterArray that exist in the blocks of the node."""
        return ()

    def blocks(self, x: Any) -> Sequence[Any]:
        """The blocks inside the node."""
        return ()

    def reads(self, x: Any) -> Sequence[Any]:
        """Memories that the node reads by itself, without its blocks."""
        return ()

    def writes(self, x: Any) -> Sequence[Any]:
        """Memories that the node writes by itself, without its blocks."""
        return ()

    def mapped(self, x: Any, to: Any) -> Any:
        """The value of the field with other scalars and blocks: `to.scalar(x)`, `to.block(b)`."""
        return x


class _Use(Role):
    is_itself = True

    def operands(self, x: Any) -> Sequence[Any]:
        return (x,)

    def mapped(self, x: Any, to: Any) -> Any:
        return to.scalar(x)


class _Yield(Role):
    is_itself = True

    def yields(self, x: Any) -> Sequence[Any]:
        return (x,)

    def mapped(self, x: Any, to: Any) -> Any:
        return to.scalar(x)


class _Index(Role):
    is_itself = True

    def introduces(self, x: Any) -> Sequence[Any]:
        return (x,)

    def mapped(self, x: Any, to: Any) -> Any:
        return to.scalar(x)


class _Results(Role):
    def defines(self, x: Sequence[Any]) -> Sequence[Any]:
        return x

    def mapped(self, x: Sequence[Any], to: Any) -> Any:
        return [to.scalar(y) for y in x]


class _Outs(Role):
    """For each block of the node what it yields."""

    def yields(self, x: Sequence[Sequence[Any]]) -> Sequence[Any]:
        return [y for outs in x for y in outs]

    def mapped(self, x: Sequence[Sequence[Any]], to: Any) -> Any:
        return [[to.scalar(y) for y in outs] for outs in x]


class _Phis(Role):
    def operands(self, x: Sequence[Any]) -> Sequence[Any]:
        return [p.init for p in x]

    def yields(self, x: Sequence[Any]) -> Sequence[Any]:
        return [p.next for p in x]

    def introduces(self, x: Sequence[Any]) -> Sequence[Any]:
        return [p.scalar for p in x]

    def defines(self, x: Sequence[Any]) -> Sequence[Any]:
        return [p.result for p in x]

    def mapped(self, x: Sequence[Any], to: Any) -> Any:
        return [type(p)(*map(to.scalar, (p.scalar, p.init, p.next, p.result))) for p in x]


class _Pointers(Role):
    """Memory that iterations exchange may be read and written by each of its names."""

    def reads(self, x: Sequence[Any]) -> Sequence[Any]:
        return [m for p in x for m in (p.inside, p.init, p.next, p.result) if m is not None]

    writes = reads


class _Block(Role):
    is_itself = True

    def blocks(self, x: Any) -> Sequence[Any]:
        return (x,)

    def mapped(self, x: Any, to: Any) -> Any:
        return to.block(x)


class _Blocks(Role):
    def blocks(self, x: Sequence[Any]) -> Sequence[Any]:
        return x

    def mapped(self, x: Sequence[Any], to: Any) -> Any:
        return [to.block(b) for b in x]


class _Read(Role):
    is_itself = True

    def reads(self, x: Any) -> Sequence[Any]:
        return (x,)


class _Written(Role):
    is_itself = True

    def writes(self, x: Any) -> Sequence[Any]:
        return (x,)


class _Shadow(Role):
    """Memory that the node reads and writes, if there is any."""

    def reads(self, x: Any) -> Sequence[Any]:
        return () if x is None else (x,)

    writes = reads


class _Places(Role):
    """Pairs of a memory and an index."""

    def operands(self, x: Sequence[Any]) -> Sequence[Any]:
        return [index for _, index in x]

    def mapped(self, x: Sequence[Any], to: Any) -> Any:
        return [(memory, to.scalar(index)) for memory, index in x]


class _PlacesRead(_Places):
    def reads(self, x: Sequence[Any]) -> Sequence[Any]:
        return [memory for memory, _ in x]


class _PlacesWritten(_Places):
    def writes(self, x: Sequence[Any]) -> Sequence[Any]:
        return [memory for memory, _ in x]


class _PlacesBoth(_PlacesRead, _PlacesWritten):
    """Which of them are read and which written is not known here."""


class _Arguments(Role):
    """Of a library routine: what it does with memory is not known here."""

    def operands(self, x: Sequence[Any]) -> Sequence[Any]:
        return [a[-1] for a in x if a[0] not in CONSTANTS]

    def reads(self, x: Sequence[Any]) -> Sequence[Any]:
        return [a[1] for a in x if a[0] == "pointer"]

    writes = reads

    def mapped(self, x: Sequence[Any], to: Any) -> Any:
        return [a if a[0] in CONSTANTS else (*a[:-1], to.scalar(a[-1])) for a in x]


CONSTANTS = ("char", "float")
"""Kinds of arguments of routines that are known when the program is compiled."""


class _Pairs(Role):
    """Pairs of indices."""

    def operands(self, x: Sequence[Any]) -> Sequence[Any]:
        return [i for pair in x for i in pair]

    def mapped(self, x: Sequence[Any], to: Any) -> Any:
        return [tuple(map(to.scalar, pair)) for pair in x]


class _Callee(Role):
    """A function, which refers to constants of the program by itself."""

    def reads(self, x: Any) -> Sequence[Any]:
        return x.constants


ATTRIBUTE, USE, YIELD, INDEX = Role(), _Use(), _Yield(), _Index()
RESULTS, OUTS = _Results(), _Outs()
PHIS, POINTERS, BLOCK, BLOCKS, READ, WRITTEN = (
    _Phis(), _Pointers(), _Block(), _Blocks(), _Read(), _Written())
PLACES_READ, PLACES_WRITTEN, PLACES_BOTH = _PlacesRead(), _PlacesWritten(), _PlacesBoth()
ARGUMENTS, PAIRS, CALLEE, SHADOW = _Arguments(), _Pairs(), _Callee(), _Shadow()

def holds(role: Role, **default: Any) -> Any:
    """A field of a node and what it holds; `default` as for `dataclasses.field`."""
    return field(metadata={"role": role}, **default)


def _nothing(node: Any) -> Sequence[Any]:
    return ()


def _getter(roles: dict[str, Role], *queries: str) -> Get:
    """The function that asks all fields of a node; where each has one answer, in C."""
    asked = [(name, getattr(role, query)) for query in queries for name, role in roles.items()
             if getattr(type(role), query) is not getattr(Role, query)]
    if not asked:
        return _nothing
    names = [name for name, _ in asked]
    if all(roles[name].is_itself for name in names):
        get = attrgetter(*names)
        return get if len(names) > 1 else lambda node: (get(node),)
    if len(asked) == 1:
        name, answer = asked[0]
        return lambda node: answer(getattr(node, name))
    return lambda node: [x for name, get in asked for x in get(getattr(node, name))]


class Node:
    """What the program does in one place, but for scalar instructions."""

    CALLS_PYTHON: ClassVar[bool] = False  # whether it does more than read and write memory
    REMOVABLE: ClassVar[bool] = False  # whether nobody misses it if what it writes is not read
    ROLES: ClassVar[dict[str, Role]]
    USES: ClassVar[Get]
    OPERANDS: ClassVar[Get]
    YIELDS: ClassVar[Get]
    INTRODUCES: ClassVar[Get]
    DEFINES: ClassVar[Get]
    BLOCKS: ClassVar[Get]
    IS_LEAF: ClassVar[bool]
    READS: ClassVar[Get]
    WRITES: ClassVar[Get]
    MEMORIES: ClassVar[Get]


@dataclass_transform(eq_default=False, field_specifiers=(holds,))
def node(cls: type) -> type:
    """A node: a dataclass each field of which says what it holds, or TypeError is raised."""
    cls = dataclass(eq=False)(cls)
    roles: dict[str, Any] = {f.name: f.metadata.get("role") for f in fields(cls)}
    silent = [name for name, role in roles.items() if role is None]
    if silent:
        raise TypeError(f"{cls.__name__}: {', '.join(silent)} must say what they hold, by `holds`")
    cls.ROLES = roles
    for query in ("operands", "yields", "introduces", "defines", "blocks", "reads", "writes"):
        setattr(cls, query.upper(), staticmethod(_getter(roles, query)))
    cls.USES = staticmethod(_getter(roles, "operands", "yields"))
    cls.MEMORIES = staticmethod(_getter(roles, "reads", "writes"))
    cls.IS_LEAF = cls.BLOCKS is _nothing
    return cls
