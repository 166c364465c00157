"""PyTreeDef, the structure of a pytree without its leaves: made, compared, filled, matched."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, repeat
from typing import Any, Self

from ingot.tree.keys import KeyEntry
from ingot.tree.mismatch import TreeView, differences
from ingot.tree.registry import DICT, LIST, TUPLE, NodeType, node_type

_set = object.__setattr__


class _Fields:
    """What a structure consists of, while it is made; then it becomes a PyTreeDef."""

    __slots__ = (
        "__weakref__",
        "_children",
        "_data",
        "_flat",
        "_hash",
        "_interned",
        "_kind",
        "num_leaves",
        "num_nodes",
    )
    _kind: NodeType | None  # None for a leaf
    _data: Any
    _children: tuple[PyTreeDef, ...]
    _flat: bool  # every child is a leaf
    _interned: bool  # the only structure of its value, unless the table was emptied
    _hash: int | None
    num_leaves: int
    num_nodes: int


class PyTreeDef(_Fields):
    """The structure of a pytree: types, keys and static data of its nodes, and a `*` per leaf.

    Immutable, hashable, compared by value; equal structures are usually the same object. Made by
    `tree_structure` and `tree_flatten`, never directly.

    >>> ingot.tree.structure({"a": 1, "b": (2, None)})
    PyTreeDef({'a': *, 'b': (*, None)})
    """

    __slots__ = ()

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """Raises TypeError: structures come from trees."""
        raise TypeError("PyTreeDef: has no constructor; use tree_structure(tree)")

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"PyTreeDef: is immutable, cannot set {name!r}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"PyTreeDef: is immutable, cannot delete {name!r}")

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, PyTreeDef):
            return NotImplemented
        return (
            self._kind is other._kind
            and self.num_leaves == other.num_leaves
            and self.num_nodes == other.num_nodes
            and same_data(self, other._data)
            and self._children == other._children
        )

    def __hash__(self) -> int:
        if self._hash is None:
            try:
                data = hash(self._data)
            except TypeError:  # such data is compared but not hashed
                data = 0
            _set(self, "_hash", hash((self._kind, data, self._children)))
        return self._hash  # type: ignore[return-value]

    def __repr__(self) -> str:
        return f"PyTreeDef({_text(self)})"

    def __reduce__(self) -> Any:
        if self._kind is None:
            return "LEAF"
        return _rebuild, (self._kind.cls, self._data, self._children)

    def children(self) -> list[PyTreeDef]:
        """The structures of the children of the root."""
        return list(self._children)

    def node_data(self) -> tuple[type, Any] | None:
        """Type and static data of the root, or None for a leaf."""
        if self._kind is None:
            return None
        return self._kind.cls, _visible_data(self)

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """The tree of this structure with the given leaves, as many as `num_leaves`."""
        return tree_unflatten(self, leaves)

    def flatten_up_to(self, tree: Any) -> list[Any]:
        """The subtrees of a tree at the leaves of this structure, which must be its prefix.

        Raises ValueError naming the place of the first mismatch.

        >>> from ingot.tree import tree_structure
        >>> tree_structure((0, 0)).flatten_up_to(([1, 2], 3))
        [[1, 2], 3]
        """
        return flatten_up_to(self, tree, _UP_TO, "tree")

    def compose(self, inner: PyTreeDef) -> PyTreeDef:
        """This structure with each of its leaves replaced by another structure.

        >>> from ingot.tree import tree_structure
        >>> tree_structure((0, 0)).compose(tree_structure([0]))
        PyTreeDef(([*], [*]))
        """
        if not isinstance(inner, PyTreeDef):
            raise TypeError(f"compose: expected a PyTreeDef, got {type(inner)}")
        if self._kind is None:
            return inner
        return make(self._kind, self._data, tuple(c.compose(inner) for c in self._children))

    def walk(
        self,
        f_node: Callable[[tuple[Any, ...], Any], Any],
        f_leaf: Callable[[Any], Any] | None,
        leaves: Iterable[Any],
    ) -> Any:
        """Fold leaves over this structure: f_leaf(leaf), f_node(results of children, node data).

        Children come before their parents; f_leaf None leaves the leaves as they are.
        """
        items = iter(_count(self, leaves, "walk"))

        def visit(treedef: PyTreeDef) -> Any:
            if treedef._kind is None:
                leaf = next(items)
                return leaf if f_leaf is None else f_leaf(leaf)
            results = tuple([visit(child) for child in treedef._children])
            return f_node(results, _visible_data(treedef))

        return visit(self)


def _visible_data(treedef: PyTreeDef) -> Any:
    return list(treedef._data) if treedef._kind is DICT else treedef._data


def same_data(treedef: PyTreeDef, data: Any) -> bool:
    """Whether the static data of the root of a structure equals other data."""
    own = treedef._data
    if own is data:
        return True
    try:
        return bool(own == data)
    except ValueError as error:  # arrays compare elementwise
        raise ValueError(
            f"PyTreeDef: static data must be comparable by ==, got {own!r} in a node of type "
            f"{treedef._kind.cls}; make array-valued fields children instead"  # type: ignore[union-attr]
        ) from error


def _text(treedef: PyTreeDef) -> str:
    kind, data = treedef._kind, treedef._data
    if kind is None:
        return "*"
    parts = [_text(child) for child in treedef._children]
    if kind is TUPLE:
        return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"
    if kind is LIST:
        return f"[{', '.join(parts)}]"
    if kind is DICT:
        return (
            "{" + ", ".join(f"{key!r}: {part}" for key, part in zip(data, parts, strict=True)) + "}"
        )
    if kind.cls is type(None):
        return "None"
    return f"CustomNode({kind.label(data)}, [{', '.join(parts)}])"


# ---- making structures --------------------------------------------------------------------------
# Nodes whose data consist of a few atomic types are interned: their equality implies that they are
# interchangeable once the types agree too (1 == True, but they are different dict keys). Other
# nodes, say with a function as data, are found again by the identity of their data as long as
# somebody uses the structure, which keeps the data alive, and compared by value: no table keeps a
# user's object alive. Children enter the key by identity: the table, or the structure, holds them.
_ATOMS = frozenset({str, int, bool, bytes, type(None), type})
_ATOMS_AND_TUPLES = _ATOMS | {tuple}
_TABLE: dict[Any, PyTreeDef] = {}
_TABLE_LIMIT = 8192


def _new(kind: NodeType | None, data: Any, children: tuple[PyTreeDef, ...]) -> PyTreeDef:
    treedef: Any = _Fields()
    leaves, nodes, flat = 0 if kind else 1, 1, kind is not None
    for child in children:
        leaves += child.num_leaves
        nodes += child.num_nodes
        flat = flat and child is LEAF
    treedef._kind, treedef._data, treedef._children = kind, data, children
    treedef._flat, treedef._interned, treedef._hash = flat, False, None
    treedef.num_leaves, treedef.num_nodes = leaves, nodes
    treedef.__class__ = PyTreeDef
    return treedef


class _Living(weakref.ref):  # type: ignore[type-arg]
    """A reference to a structure that somebody uses, by its key in `_LIVING`."""

    __slots__ = ("key",)
    key: Any


_LIVING: dict[Any, _Living] = {}


def _forget(reference: _Living) -> None:
    if _LIVING.get(reference.key) is reference:
        del _LIVING[reference.key]


def _living(key: Any, kind: NodeType, data: Any, children: int | tuple[PyTreeDef, ...]
            ) -> PyTreeDef:
    """The structure of this key that somebody uses, or a new one."""
    reference = _LIVING.get(key)
    treedef = reference() if reference is not None else None
    if treedef is None:
        treedef = _new(kind, data, _expand(children))
        if treedef._flat and type(key[1]) is tuple:  # another name of the node over so many leaves
            return make(kind, data, treedef.num_leaves)
        _LIVING[key] = reference = _Living(treedef, _forget)
        reference.key = key
    return treedef


LEAF = _new(None, None, ())
_set(LEAF, "_interned", True)


def _signature(data: Any) -> Any:
    """Types that make equal data interchangeable, or None if the data are not atomic."""
    cls = type(data)
    if cls is tuple:
        types = set(map(type, data))
        if types <= _ATOMS:
            return types.pop() if len(types) == 1 else tuple(map(type, data))
        if types <= _ATOMS_AND_TUPLES:
            parts = tuple(map(_signature, data))
            return None if None in parts else parts
    elif cls in _ATOMS:
        return (cls,)
    return None


def make(kind: NodeType, data: Any, children: int | tuple[PyTreeDef, ...]) -> PyTreeDef:
    """The structure of a node over child structures, or over that many leaves."""
    shape = children if type(children) is int else tuple(map(id, children))  # type: ignore[arg-type]
    if data is None:
        key = (kind, shape)
    else:
        signature = _signature(data)
        if signature is None:
            parts = tuple(map(id, data)) if type(data) is tuple else id(data)
            return _living((kind, shape, parts), kind, data, children)
        key = (kind, shape, data, signature)
    found = _TABLE.get(key)
    if found is not None:
        return found
    reference = _LIVING.get(key)
    found = reference() if reference is not None else None
    return found if found is not None else _intern(key, kind, data, children)


def _expand(children: int | tuple[PyTreeDef, ...]) -> tuple[PyTreeDef, ...]:
    return (LEAF,) * children if isinstance(children, int) else children


def _intern(key: Any, kind: NodeType, data: Any, children: int | tuple[PyTreeDef, ...]
            ) -> PyTreeDef:
    if type(children) is tuple and not all([child._interned for child in children]):
        return _living(key, kind, data, children)
    children = _expand(children)
    treedef = _new(kind, data, children)
    if len(_TABLE) >= _TABLE_LIMIT:
        _TABLE.clear()
    if treedef._flat and type(key[1]) is tuple:  # another name of the node over so many leaves
        return _TABLE.setdefault(key, make(kind, data, len(children)))
    _set(treedef, "_interned", True)
    return _TABLE.setdefault(key, treedef)


def _rebuild(cls: type, data: Any, children: tuple[PyTreeDef, ...]) -> PyTreeDef:
    kind = node_type(cls)
    if kind is None:
        raise ValueError(
            f"PyTreeDef: cannot be unpickled, {cls} is not registered as a pytree node here; "
            "register it first"
        )
    return make(kind, data, children)


def treedef_tuple(treedefs: Iterable[PyTreeDef]) -> PyTreeDef:
    """Make the structure of a tuple from those of its elements.

    treedefs: structures -> a structure.

    >>> ingot.tree.treedef_tuple([ingot.tree.structure(0), ingot.tree.structure([0])])
    PyTreeDef((*, [*]))
    """
    children = tuple(treedefs)
    for child in children:
        if not isinstance(child, PyTreeDef):
            raise TypeError(f"treedef_tuple: expected PyTreeDefs, got {type(child)}")
    return make(TUPLE, None, children)


def treedef_children(treedef: PyTreeDef) -> list[PyTreeDef]:
    """List the structures of the children of the root.

    treedef: a structure -> a list of structures, empty for a leaf.

    >>> ingot.tree.treedef_children(ingot.tree.structure((0, [0])))
    [PyTreeDef(*), PyTreeDef([*])]
    """
    return treedef.children()


def treedef_is_leaf(treedef: PyTreeDef) -> bool:
    """Tell whether a structure is a single node: a leaf, or a node without children.

    treedef: a structure -> a bool.

    >>> [ingot.tree.treedef_is_leaf(ingot.tree.structure(x)) for x in (0, None, (0,))]
    [True, True, False]
    """
    return treedef.num_nodes == 1


def treedef_is_strict_leaf(treedef: PyTreeDef) -> bool:
    """Tell whether a structure is one leaf; None and empty containers are not.

    treedef: a structure -> a bool.

    >>> [ingot.tree.treedef_is_strict_leaf(ingot.tree.structure(x)) for x in (0, None)]
    [True, False]
    """
    return treedef is LEAF


# ---- unflatten ----------------------------------------------------------------------------------
def _count(treedef: PyTreeDef, leaves: Iterable[Any], operation: str) -> list[Any] | tuple:
    items = leaves if type(leaves) in (list, tuple) else list(leaves)
    if len(items) != treedef.num_leaves:  # type: ignore[arg-type]
        raise ValueError(
            f"{operation}: the number of leaves must be {treedef.num_leaves}, "
            f"got {len(items)} for {treedef}"  # type: ignore[arg-type]
        )
    return items  # type: ignore[return-value]


def _unflatten(treedef: PyTreeDef, items: Iterator[Any]) -> Any:
    kind = treedef._kind
    if kind is None:
        return next(items)
    children = treedef._children
    if treedef._flat:
        return kind.unflatten(treedef._data, tuple(islice(items, len(children))))
    return kind.unflatten(treedef._data, tuple([
        next(items) if child is LEAF else _unflatten(child, items) for child in children]))


def tree_unflatten(treedef: PyTreeDef, leaves: Iterable[Any]) -> Any:
    """Make the tree of a structure with the given leaves; the inverse of `tree_flatten`.

    treedef: a structure. leaves: its leaves, in order, of any type -> a pytree. Raises ValueError
    if their number is not `treedef.num_leaves`.

    >>> treedef = ingot.tree.structure({"a": 0, "b": (0,)})
    >>> ingot.tree.tree_unflatten(treedef, [1, 2])
    {'a': 1, 'b': (2,)}
    """
    if type(treedef) is not PyTreeDef:
        raise TypeError(f"tree_unflatten: expected a PyTreeDef first, got {type(treedef)}")
    return _unflatten(treedef, iter(_count(treedef, leaves, "tree_unflatten")))


def unflattener(treedef: PyTreeDef) -> Callable[[Iterator[Any]], Any]:
    """Return the function from an iterator over as many leaves as a structure has to the tree."""
    if treedef is LEAF:
        return next
    for container in (tuple, list):
        if treedef._flat and treedef._kind is node_type(container):
            return container
    return functools.partial(_unflatten, treedef)


# ---- flatten up to a structure ------------------------------------------------------------------
def _collect(treedef: PyTreeDef, tree: Any, out: list[Any]) -> bool:
    kind = treedef._kind
    if kind is None:
        out.append(tree)
        return True
    if node_type(type(tree)) is not kind:
        return False
    subtrees, data = kind.flatten(tree)
    children = treedef._children
    if len(subtrees) != len(children) or not same_data(treedef, data):
        return False
    if treedef._flat:
        out.extend(subtrees)
        return True
    return all(map(_collect, children, subtrees, repeat(out)))


_UP_TO = "flatten_up_to: the treedef must be a prefix of the tree"


def flatten_up_to(treedef: PyTreeDef, tree: Any, rule: str, name: str) -> list[Any]:
    """The subtrees of `tree` at the leaves of `treedef`; an error states `rule` and the place."""
    out: list[Any] = []
    if _collect(treedef, tree, out):
        return out
    first = next(differences(StructureView(treedef), TreeView(tree), exact=False))
    raise ValueError(f"{rule}; {first.text(name)}")


class StructureView:
    """The View of a structure."""

    leaf_text = "a leaf"

    def __init__(self, treedef: PyTreeDef):
        self._treedef = treedef
        self.kind = treedef._kind
        self.data = treedef._data
        self.count = len(treedef._children)

    def children(self) -> list[StructureView]:
        """Views of the structures of the children."""
        return [StructureView(child) for child in self._treedef._children]

    def keys(self) -> Sequence[KeyEntry]:
        """The key that leads to each child, from the static data alone."""
        return () if self.kind is None else self.kind.keys_from_data(self.data, self.count)
