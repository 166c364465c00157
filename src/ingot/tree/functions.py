"""Functions over whole pytrees: map, reduce, transpose, broadcast, compare."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ingot.calls import mismatch
from ingot.tree.flattening import (
    IsLeaf,
    tree_flatten,
    tree_flatten_with_path,
    tree_leaves,
    tree_structure,
)
from ingot.tree.keys import KeyPath
from ingot.tree.mismatch import Difference, TreeView, differences
from ingot.tree.registry import (
    flatten_one_level,
    flatten_one_level_with_keys,
    is_tree_node,
    node_type,
    register_pytree_node,
)
from ingot.tree.treedef import (
    PyTreeDef,
    StructureView,
    flatten_up_to,
    tree_unflatten,
    treedef_is_strict_leaf,
)

_MISSING: Any = object()


# ---- map ----------------------------------------------------------------------------------------
def _match(operation: str, treedef: PyTreeDef, rest: tuple[Any, ...]) -> list[list[Any]]:
    rule = f"{operation}: the first tree must be a prefix of the others"
    return [flatten_up_to(treedef, tree, rule, f"rest[{i}]") for i, tree in enumerate(rest)]


def _map_rows(operation: str, f: Callable[..., Any], *columns: Sequence[Any]) -> list[Any]:
    """What f makes of each row; a TypeError of the call itself names the operation."""
    try:
        return list(map(f, *columns))
    except TypeError as error:
        inside = error.__traceback__ is not None and error.__traceback__.tb_next is not None
        first = [column[0] for column in columns]
        message = None if inside else mismatch(operation, f, first, {}, "a leaf of each tree")
        if message is None:
            raise
        raise TypeError(f"{message}: {error}") from None


def tree_map(f: Callable[..., Any], tree: Any, *rest: Any, is_leaf: IsLeaf | None = None) -> Any:
    """Apply a function to the leaves of trees that are in the same place.

    f: f(leaf, *subtrees of `rest` in the same place). tree: a pytree, whose structure must be a
    prefix of that of each tree in `rest`; ValueError names the first place where it is not.
    is_leaf: is_leaf(subtree) -> bool stops the descent into `tree` -> a tree of the structure of
    `tree`.

    >>> ingot.tree.tree_map(lambda x, y: x + y, {"a": 1, "b": (2,)}, {"a": 10, "b": (20,)})
    {'a': 11, 'b': (22,)}
    """
    if not callable(f):
        raise TypeError(f"tree_map: f must be a function, got {f!r:.60} of type"
                        f" {type(f).__name__}; the tree comes after it")
    leaves, treedef = tree_flatten(tree, is_leaf)
    return tree_unflatten(treedef, _map_rows(
        "tree_map", f, leaves, *_match("tree_map", treedef, rest)))


def tree_map_with_path(
    f: Callable[..., Any],
    tree: Any,
    *rest: Any,
    is_leaf: Callable[..., bool | None] | None = None,
    is_leaf_takes_path: bool = False,
) -> Any:
    """Apply a function to the leaves of trees and their key paths.

    f: f(key path, leaf of tree, *leaves of rest). tree: a pytree. rest: trees of which it is a
    prefix. is_leaf, is_leaf_takes_path: those of `tree_flatten_with_path` -> a tree of the
    structure of `tree`. Raises ValueError if it is no prefix of the rest.

    >>> ingot.tree.tree_map_with_path(lambda path, x: f"{path[0]} is {x}", [5, 6])
    ['[0] is 5', '[1] is 6']
    """
    pairs, treedef = tree_flatten_with_path(tree, is_leaf, is_leaf_takes_path)
    paths, leaves = [path for path, _ in pairs], [leaf for _, leaf in pairs]
    others = _match("tree_map_with_path", treedef, rest)
    return tree_unflatten(treedef, _map_rows("tree_map_with_path", f, paths, leaves, *others))


def tree_leaves_with_path(
    tree: Any, is_leaf: Callable[..., bool | None] | None = None, is_leaf_takes_path: bool = False
) -> list[tuple[KeyPath, Any]]:
    """List the leaves of a tree, in order, each with its key path.

    tree, is_leaf, is_leaf_takes_path: those of `tree_flatten_with_path` -> [(key path, leaf), ...].

    >>> ingot.tree.tree_leaves_with_path([5])
    [((SequenceKey(idx=0),), 5)]
    """
    return tree_flatten_with_path(tree, is_leaf, is_leaf_takes_path)[0]


generate_key_paths = tree_leaves_with_path


# ---- reduce -------------------------------------------------------------------------------------
def tree_reduce(
    function: Callable[[Any, Any], Any],
    tree: Any,
    initializer: Any = _MISSING,
    is_leaf: IsLeaf | None = None,
) -> Any:
    """Combine the leaves of a tree from left to right.

    function: of two arguments. tree: a pytree. initializer: where to start, by default the first
    leaf. is_leaf: that of `tree_leaves` -> function(... function(function(initializer, leaf 0),
    leaf 1) ..., last leaf). Raises TypeError for a tree without leaves if there is no initializer.

    >>> ingot.tree.tree_reduce(lambda x, y: x + y, (1, [2, 3]))
    6
    """
    leaves = tree_leaves(tree, is_leaf)
    if initializer is not _MISSING:
        return functools.reduce(function, leaves, initializer)
    if not leaves:
        raise TypeError("tree_reduce: a tree without leaves needs an initializer, got none")
    return functools.reduce(function, leaves)


def tree_reduce_associative(
    operation: Callable[[Any, Any], Any],
    tree: Any,
    *,
    identity: Any = _MISSING,
    is_leaf: IsLeaf | None = None,
) -> Any:
    """Combine the leaves of a tree by an associative operation, in a balanced binary tree.

    operation: of two arguments, applied in the order of leaves; the depth is the logarithm of their
    number. tree: a pytree. identity: the result for no leaves. is_leaf: that of `tree_leaves` ->
    the combination. Raises TypeError for no leaves without an identity.

    >>> ingot.tree.tree_reduce_associative(lambda x, y: f"({x}{y})", ["a", "b", "c", "d"])
    '((ab)(cd))'
    """

    def combine(leaves: list[Any]) -> Any:
        if len(leaves) == 1:
            return leaves[0]
        half = len(leaves) // 2
        return operation(combine(leaves[:half]), combine(leaves[half:]))

    leaves = tree_leaves(tree, is_leaf)
    if not leaves and identity is _MISSING:
        raise TypeError("tree_reduce_associative: a tree without leaves needs `identity`, got none")
    return combine(leaves) if leaves else identity


def tree_all(tree: Any, *, is_leaf: IsLeaf | None = None) -> bool:
    """Tell whether all leaves of a tree are true.

    tree: a pytree of booleans. is_leaf: a function that stops the descent at subtrees for which it
    is true -> a bool, True for no leaves.

    >>> ingot.tree.tree_all({"a": True, "b": (1, None)})
    True
    """
    return all(tree_leaves(tree, is_leaf))


def all_leaves(iterable: Iterable[Any], is_leaf: IsLeaf | None = None) -> bool:
    """Tell whether each element is a leaf by itself.

    iterable: any values. is_leaf: a function that says what else is a leaf, as None -> a bool.

    >>> ingot.tree.all_leaves([1, 2]), ingot.tree.all_leaves([1, (2,)])
    (True, False)
    """
    if is_leaf is None:
        return all(node_type(type(element)) is None for element in iterable)
    return all(treedef_is_strict_leaf(tree_structure(element, is_leaf)) for element in iterable)


# ---- transpose ----------------------------------------------------------------------------------
def tree_transpose(outer_treedef: PyTreeDef, inner_treedef: PyTreeDef | None,
                   pytree_to_transpose: Any) -> Any:
    """Turn a tree of trees inside out.

    outer_treedef: the structure that is outside. inner_treedef: that which is inside, or None for
    that of the first subtree. pytree_to_transpose: a tree of structure outer over inner -> one of
    structure inner over outer. Only the numbers of leaves have to agree, so that a list may stand
    for a tuple; TypeError if they do not.

    >>> ingot.tree.tree_transpose(ingot.tree.structure((0, 0)), None, ({"a": 1}, {"a": 2}))
    {'a': (1, 2)}
    """
    if inner_treedef is None:
        subtrees = outer_treedef.flatten_up_to(pytree_to_transpose)
        if not subtrees:
            raise ValueError(
                f"tree_transpose: the outer structure must have leaves, got {outer_treedef}; "
                "give inner_treedef"
            )
        inner_treedef = tree_structure(subtrees[0])
    leaves, treedef = tree_flatten(pytree_to_transpose)
    rows, columns = outer_treedef.num_leaves, inner_treedef.num_leaves
    if len(leaves) != rows * columns:
        raise TypeError(
            f"tree_transpose: the tree must have the structure "
            f"{outer_treedef.compose(inner_treedef)}, got {treedef}"
        )
    outers = [tree_unflatten(outer_treedef, leaves[i::columns]) for i in range(columns)]
    return tree_unflatten(inner_treedef, outers)


# ---- broadcast ----------------------------------------------------------------------------------
def broadcast_prefix(prefix_tree: Any, full_tree: Any, is_leaf: IsLeaf | None = None) -> list[Any]:
    """List the leaves of a prefix, each repeated for every leaf of the full tree below it.

    prefix_tree, full_tree, is_leaf, errors: those of `tree_broadcast` -> a list with an entry for
    each leaf of full_tree.

    >>> ingot.tree.broadcast_prefix((1, 2), ([0, 0], 0))
    [1, 1, 2]
    """
    return _broadcast("broadcast_prefix", prefix_tree, full_tree, is_leaf)


def _broadcast(operation: str, prefix: Any, full_tree: Any, is_leaf: IsLeaf | None) -> list[Any]:
    leaves, treedef = tree_flatten(prefix, is_leaf)
    rule = f"{operation}: prefix_tree must be a prefix of full_tree"
    subtrees = flatten_up_to(treedef, full_tree, rule, "full_tree")
    counts = [tree_structure(subtree).num_leaves for subtree in subtrees]
    return [leaf for leaf, count in zip(leaves, counts, strict=True) for _ in range(count)]


def tree_broadcast(prefix_tree: Any, full_tree: Any, is_leaf: IsLeaf | None = None) -> Any:
    """Repeat the leaves of a prefix so that they fill the structure of a full tree.

    prefix_tree: the prefix. full_tree: the tree. is_leaf: for the prefix, as in `tree_flatten` -> a
    tree of the structure of full_tree whose leaves are those of the prefix above them. Raises
    ValueError naming the place if it is no prefix.

    >>> ingot.tree.tree_broadcast((1, 2), ([0, 0], 0))
    ([1, 1], 2)
    """
    leaves = _broadcast("tree_broadcast", prefix_tree, full_tree, is_leaf)
    return tree_unflatten(tree_structure(full_tree), leaves)


def broadcast_flattened_prefix(
    prefix_leaves: Iterable[Any], prefix_treedef: PyTreeDef, full_treedef: PyTreeDef
) -> list[Any]:
    """List the leaves of a prefix as `broadcast_prefix` does, from leaves and structures.

    prefix_leaves: the leaves of the prefix. prefix_treedef: its structure. full_treedef: that of
    the full tree -> a list with an entry for each leaf of the full tree. Raises ValueError if it is
    no prefix.

    >>> full = ingot.tree.structure(([0, 0], 0))
    >>> ingot.tree.broadcast_flattened_prefix([1, 2], ingot.tree.structure((0, 0)), full)
    [1, 1, 2]
    """
    prefix = tree_unflatten(prefix_treedef, map(_Opaque, prefix_leaves))
    full = tree_unflatten(full_treedef, [_Opaque(None)] * full_treedef.num_leaves)
    boxes = _broadcast("broadcast_flattened_prefix", prefix, full, lambda x: type(x) is _Opaque)
    return [box.value for box in boxes]


class _Opaque:
    """A leaf whatever it holds."""

    def __init__(self, value: Any):
        self.value = value


# ---- compare ------------------------------------------------------------------------------------
def prefix_errors(
    prefix_tree: Any, full_tree: Any, is_leaf: IsLeaf | None = None
) -> list[Callable[[str], ValueError]]:
    """Find why one tree is not a prefix of another.

    prefix_tree, full_tree, is_leaf: those of `tree_broadcast` -> a list with a maker of errors for
    each place, empty if it is a prefix. A maker takes the name by which to call the prefix in the
    text, and returns a ValueError.

    >>> [make_error] = ingot.tree.prefix_errors((1, [2]), (1, [2, 3]))
    >>> type(make_error("in_axes"))
    <class 'ValueError'>
    """
    left, right = TreeView(prefix_tree, is_leaf), TreeView(full_tree)
    return [functools.partial(_prefix_error, d) for d in differences(left, right, exact=False)]


def _prefix_error(difference: Difference, name: str) -> ValueError:
    return ValueError(f"pytrees must match: {difference.text(name)}")


def equality_errors(
    tree1: Any, tree2: Any, is_leaf: IsLeaf | None = None
) -> Iterator[tuple[KeyPath, str, str, str]]:
    """Find the places where the structures of two trees differ.

    tree1, tree2: pytrees. is_leaf: as in `tree_flatten` -> an iterator over (key path, the first,
    the second, why), all but the path in words.

    >>> [(_, first, second, why)] = ingot.tree.equality_errors((1, 2), [1, 2])
    >>> first, second, why
    ('a tuple of length 2', 'a list of length 2', 'the types differ')
    """
    return differences(TreeView(tree1, is_leaf), TreeView(tree2, is_leaf), exact=True)


def equality_errors_pytreedef(
    tree1: PyTreeDef, tree2: PyTreeDef
) -> Iterator[tuple[KeyPath, str, str, str]]:
    """Find the places where two structures differ.

    tree1, tree2: structures -> an iterator over (key path, the first, the second, why), all but the
    path in words.

    >>> one, two = ingot.tree.structure(1), ingot.tree.structure((1, 2))
    >>> len(list(ingot.tree.equality_errors_pytreedef(one, two)))
    1
    """
    return differences(StructureView(tree1), StructureView(tree2), exact=True)


# ---- the registry as an object ------------------------------------------------------------------
class PyTreeRegistry:
    """The registry of node types, as an object; `default_registry` is the only one.

    >>> registry = ingot.tree_util.default_registry
    >>> registry.flatten_one_level([1, 2]), registry.flatten_one_level(1)
    (([1, 2], None), None)
    """

    __slots__ = ()
    register_node = staticmethod(register_pytree_node)
    flatten = staticmethod(tree_flatten)
    flatten_with_path = staticmethod(tree_flatten_with_path)

    def is_node(self, tree: Any) -> bool:
        """Whether a tree is more than a leaf."""
        return is_tree_node(type(tree))

    def flatten_one_level(self, tree: Any) -> tuple[Any, Any] | None:
        """As the function `flatten_one_level`, but None for a leaf."""
        return flatten_one_level(tree) if self.is_node(tree) else None

    def flatten_one_level_with_keys(self, tree: Any) -> tuple[Any, Any] | None:
        """As the function `flatten_one_level_with_keys`, but None for a leaf."""
        return flatten_one_level_with_keys(tree) if self.is_node(tree) else None


default_registry = PyTreeRegistry()
