"""Key paths: where a leaf or subtree stands inside a pytree, and how that place is written."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = [
    "DictKey",
    "FlattenedIndexKey",
    "GetAttrKey",
    "KeyEntry",
    "KeyPath",
    "SequenceKey",
    "keystr",
]


@dataclass(frozen=True, slots=True)
class SequenceKey:
    """The step `tree[idx]` into a list or tuple, in a key path.

    >>> str(ingot.tree.SequenceKey(2))
    '[2]'
    """

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx}]"


@dataclass(frozen=True, slots=True)
class DictKey:
    """The step `tree[key]` into a dict, in a key path.

    >>> str(ingot.tree.DictKey("a"))
    "['a']"
    """

    key: Hashable

    def __str__(self) -> str:
        return f"[{self.key!r}]"


@dataclass(frozen=True, slots=True)
class GetAttrKey:
    """The step `tree.name` into a namedtuple or dataclass, in a key path.

    >>> str(ingot.tree.GetAttrKey("x"))
    '.x'
    """

    name: str

    def __str__(self) -> str:
        return f".{self.name}"


@dataclass(frozen=True, slots=True)
class FlattenedIndexKey:
    """The step to the child number `key` of a node whose type was registered without keys.

    >>> str(ingot.tree.FlattenedIndexKey(0))
    '[<flat index 0>]'
    """

    key: int

    def __str__(self) -> str:
        return f"[<flat index {self.key}>]"


KeyEntry: TypeAlias = Any  # one of the four above, or whatever a registered type uses as a key
KeyPath: TypeAlias = tuple[KeyEntry, ...]


def _bare(entry: KeyEntry) -> str:
    match entry:
        case SequenceKey(key) | DictKey(key) | GetAttrKey(key) | FlattenedIndexKey(key):
            return str(key)
        case _:
            return str(entry)


def keystr(keys: Iterable[KeyEntry], *, simple: bool = False, separator: str = "") -> str:
    """Write a key path as text.

    keys: the entries, outermost first. simple: whether `a` is written and not `['a']` or `.a`.
    separator: put between entries -> a string.

    >>> ((path, _),) = ingot.tree.leaves_with_path({"w": [1.0]})
    >>> ingot.tree.keystr(path), ingot.tree.keystr(path, simple=True, separator="/")
    ("['w'][0]", 'w/0')
    """
    return separator.join(map(_bare if simple else str, keys))
