"""Flattening: from a pytree to its leaves, with or without key paths, and its structure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ingot.tree.keys import KeyPath
from ingot.tree.registry import LEAF_TYPES, NODES, node_type
from ingot.tree.treedef import LEAF, PyTreeDef, make

IsLeaf = Callable[[Any], bool | None]


def _flatten(tree: Any, leaves: list[Any]) -> PyTreeDef:
    cls = type(tree)
    kind = NODES.get(cls)
    if kind is None and (cls in LEAF_TYPES or (kind := node_type(cls)) is None):
        leaves.append(tree)
        return LEAF
    children, data = kind.flatten(tree)  # type: ignore[union-attr]
    if LEAF_TYPES.issuperset(map(type, children)):
        leaves.extend(children)
        return make(kind, data, len(children))  # type: ignore[arg-type]
    treedefs = []
    for child in children:
        if type(child) in LEAF_TYPES:
            leaves.append(child)
            treedefs.append(LEAF)
        else:
            treedefs.append(_flatten(child, leaves))
    return make(kind, data, tuple(treedefs))  # type: ignore[arg-type]


def _stops(answer: Any) -> bool:
    if answer is True:
        return True
    if answer is False or answer is None:
        return False
    raise ValueError(f"tree_flatten: is_leaf must return a bool, got {answer!r}")


def _flatten_until(tree: Any, leaves: list[Any], is_leaf: IsLeaf) -> PyTreeDef:
    answer = is_leaf(tree)
    cls = type(tree)
    kind = None if answer is True or (answer is not False and _stops(answer)) else (
        NODES.get(cls) or node_type(cls))
    if kind is None:
        leaves.append(tree)
        return LEAF
    children, data = kind.flatten(tree)
    return make(kind, data, tuple([_flatten_until(child, leaves, is_leaf) for child in children]))


def _flatten_paths(
    tree: Any, path: KeyPath, pairs: list[tuple[KeyPath, Any]], stop: Callable[..., Any] | None
) -> PyTreeDef:
    stopped = stop is not None and _stops(stop(path, tree))
    kind = None if stopped else node_type(type(tree))
    if kind is None:
        pairs.append((path, tree))
        return LEAF
    keys, children, data = kind.flatten_with_keys(tree)
    treedefs = [
        _flatten_paths(x, (*path, key), pairs, stop) for key, x in zip(keys, children, strict=True)
    ]
    return make(kind, data, tuple(treedefs))


def _ignoring_path(is_leaf: IsLeaf) -> Callable[[KeyPath, Any], bool | None]:
    return lambda _, subtree: is_leaf(subtree)


def tree_flatten(tree: Any, is_leaf: IsLeaf | None = None) -> tuple[list[Any], PyTreeDef]:
    """Take a tree apart into its leaves, in order, and its structure.

    tree: a pytree. is_leaf: is_leaf(subtree) -> bool stops the descent where it is true -> (a list
    of leaves, a PyTreeDef). Dicts are visited in the order of their sorted keys; None is a node
    without leaves. Raises ValueError for keys that cannot be sorted.

    >>> ingot.tree.tree_flatten({"b": 1, "a": (2, None)})
    ([2, 1], PyTreeDef({'a': (*, None), 'b': *}))
    """
    leaves: list[Any] = []
    if is_leaf is None:
        return leaves, _flatten(tree, leaves)
    return leaves, _flatten_until(tree, leaves, is_leaf)


def tree_leaves(tree: Any, is_leaf: IsLeaf | None = None) -> list[Any]:
    """List the leaves of a tree, in order.

    tree: a pytree. is_leaf: a function that stops the descent at subtrees for which it is true -> a
    list. None has no leaves, keys of dictionaries are sorted.

    >>> ingot.tree.tree_leaves([1, (2, None), {"a": 3}])
    [1, 2, 3]
    """
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree: Any, is_leaf: IsLeaf | None = None) -> PyTreeDef:
    """Return the structure of a tree, without its leaves.

    tree, is_leaf: those of `tree_leaves` -> a PyTreeDef.

    >>> ingot.tree.tree_structure([1, (2, None)])
    PyTreeDef([*, (*, None)])
    """
    return tree_flatten(tree, is_leaf)[1]


def tree_flatten_with_path(
    tree: Any, is_leaf: Callable[..., bool | None] | None = None, is_leaf_takes_path: bool = False
) -> tuple[list[tuple[KeyPath, Any]], PyTreeDef]:
    """Take a tree apart into its leaves with their key paths, and its structure.

    tree: a pytree. is_leaf: is_leaf(subtree), or is_leaf(path, subtree) if is_leaf_takes_path,
    stops the descent where it is true -> ([(key path, leaf), ...], structure), the leaves in order.

    >>> ingot.tree.tree_flatten_with_path({"a": [5]})[0]
    [((DictKey(key='a'), SequenceKey(idx=0)), 5)]
    """
    stop = is_leaf if is_leaf is None or is_leaf_takes_path else _ignoring_path(is_leaf)
    pairs: list[tuple[KeyPath, Any]] = []
    return pairs, _flatten_paths(tree, (), pairs, stop)
