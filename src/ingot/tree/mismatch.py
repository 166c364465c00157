"""Where and how two pytrees differ, in words; used only once something has gone wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from ingot.tree.keys import KeyEntry, KeyPath, keystr
from ingot.tree.registry import DICT, LIST, NONE, TUPLE, NodeType, node_type

_KEYS_SHOWN = 10


class Difference(NamedTuple):
    """One place where two trees differ: what each has there, and in what respect they differ."""

    path: KeyPath
    left: str
    right: str
    why: str

    def text(self, name: str) -> str:
        """A sentence about this place in the tree called `name`, ready to end an error message."""
        hint = ""
        if self.left == "None" and self.right != "None":
            hint = "; None has no leaves, pass is_leaf=lambda x: x is None to make it a leaf"
        place = f"at {name}{keystr(self.path)}"
        return f"{place} expected {self.left}, got {self.right} ({self.why}){hint}"


class View(Protocol):
    """The root of a tree or of a structure, as far as comparing needs it."""

    @property
    def kind(self) -> NodeType | None:
        """The type of the node, None for a leaf."""
        ...

    @property
    def data(self) -> Any:
        """The static data of the node, such as the keys of a dict."""
        ...

    @property
    def count(self) -> int:
        """The number of children."""
        ...

    @property
    def leaf_text(self) -> str:
        """What to call the root in a message if it is a leaf."""
        ...

    def children(self) -> Sequence[View]:
        """Views of the subtrees, in order."""
        ...

    def keys(self) -> Sequence[KeyEntry]:
        """The key that leads to each child."""
        ...


class TreeView:
    """The View of a tree; takes it apart only where asked to."""

    def __init__(self, tree: Any, is_leaf: Callable[[Any], bool | None] | None = None):
        self._tree, self._is_leaf = tree, is_leaf
        self.kind = None if is_leaf is not None and is_leaf(tree) else node_type(type(tree))
        self.leaf_text = f"a leaf of type {type(tree).__name__}"

    @cached_property
    def _parts(self) -> tuple[Sequence[Any], Any]:
        return ((), None) if self.kind is None else self.kind.flatten(self._tree)

    @property
    def data(self) -> Any:
        """The static data of the node; None for a leaf."""
        return self._parts[1]

    @property
    def count(self) -> int:
        """The number of children; 0 for a leaf."""
        return len(self._parts[0])

    def children(self) -> Sequence[View]:
        """Views of the subtrees, with the same notion of a leaf."""
        return [TreeView(subtree, self._is_leaf) for subtree in self._parts[0]]

    def keys(self) -> Sequence[KeyEntry]:
        """The key that leads to each child, as the node type reports it."""
        return () if self.kind is None else self.kind.flatten_with_keys(self._tree)[0]


def _describe(view: View) -> str:
    kind, count = view.kind, view.count
    if kind is None:
        return view.leaf_text
    if kind is NONE:
        return "None"
    if kind is TUPLE or kind is LIST:
        return f"a {kind.cls.__name__} of length {count}"
    if kind is DICT:
        keys = f"the keys {list(view.data)}" if count <= _KEYS_SHOWN else f"{count} keys"
        return f"a dict with {keys}"
    noun = "child" if count == 1 else "children"
    data = "" if view.data is None else f" and the static data {view.data}"
    return f"a {kind.cls.__module__}.{kind.cls.__qualname__} with {count} {noun}{data}"


def _respect(left: View, right: View) -> str | None:
    """In what respect two nodes differ by themselves, or None."""
    if left.kind is not right.kind:
        return "the types differ"
    if left.kind is DICT and left.data != right.data:
        more = [key for key in left.data if key not in right.data]
        less = [key for key in right.data if key not in left.data]
        return f"Dict key mismatch: missing {more}, unexpected {less}"
    if left.count != right.count:
        sequence = left.kind is TUPLE or left.kind is LIST
        return "the lengths differ" if sequence else "the numbers of children differ"
    if left.data is not right.data and left.data != right.data:
        return "the static data differ"
    return None


def differences(
    left: View, right: View, *, exact: bool, path: KeyPath = ()
) -> Iterator[Difference]:
    """The places where two trees differ, outermost first; below such a place nothing is compared.

    exact: leaves match leaves only. Otherwise a leaf on the left matches any subtree.
    """
    if left.kind is None and (right.kind is None or not exact):
        return
    why = _respect(left, right)
    if why is not None:
        yield Difference(path, _describe(left), _describe(right), why)
        return
    for key, *pair in zip(right.keys(), left.children(), right.children(), strict=False):
        yield from differences(*pair, exact=exact, path=(*path, key))
