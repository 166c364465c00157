"""What messages call the arguments of exported programs: args[0]['a']."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingot.tree import PyTreeDef, SequenceKey, generate_key_paths, keystr, tree_unflatten


def path_name(path: Sequence[Any]) -> str:
    """Return what a place in (args, kwargs) is called."""
    if path and isinstance(path[0], SequenceKey) and path[0].idx in (0, 1):
        return f"{('args', 'kwargs')[path[0].idx]}{keystr(path[1:])}"
    return keystr(path) or "(args, kwargs)"


def argument_paths(tree: PyTreeDef) -> list[str]:
    """Return what each leaf of (args, kwargs) is called."""
    places = tree_unflatten(tree, list(range(tree.num_leaves)))
    return [path_name(path) for path, _ in generate_key_paths(places)]


__all__ = ["argument_paths", "path_name"]
