"""Why a function is traced again: what differs from the nearest earlier call."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

from ingot.api.arguments import ArgumentSelector, argument_name
from ingot.config import TABLE
from ingot.control.tracing import function_place, tree_differences
from ingot.core.avals import ShapedArray
from ingot.core.logs import say, types_of
from ingot.core.source_info import here
from ingot.tree import PyTreeDef, tree_flatten_with_path, tree_unflatten

Key = tuple[Any, ...]
"""Structure of the arguments, static arguments, types, flags, named axes: see `jit`."""

_TRACED = [flag.name for flag in TABLE if flag.traced]
_codes: weakref.WeakSet[Any] = weakref.WeakSet()


def explain(fun: Callable[..., Any], key: Key, earlier: Sequence[Key]) -> None:
    """Log why no program that a function was traced to so far serves a call."""
    say("miss", f"TRACING CACHE MISS at {here()}: {function_place(fun)} is traced for"
                f" {types_of(key[2])} because {_reason(fun, key, earlier)}")
    code = getattr(fun, "__code__", None)
    if code is not None:
        _codes.add(code)


def _reason(fun: Callable[..., Any], key: Key, earlier: Sequence[Key]) -> str:
    if not earlier:
        if getattr(fun, "__code__", None) in _codes:
            return ("this function object is new, though one of the same code was traced before:"
                    " make it once, outside of loops and of functions that are called often")
        return "it was never traced before"
    nearest = min(reversed(earlier), key=lambda other: _distance(key, other))
    told = _differences(fun, key, nearest)
    return "it differs from the nearest earlier call:\n  " + "\n  ".join(told)


def _distance(key: Key, other: Key) -> int:
    """How many things differ; another structure counts as much as several other types."""
    tree, static, avals, flags, axes = key
    old_tree, old_static, old_avals, old_flags, old_axes = other
    types = 4 if tree != old_tree else sum(
        (a.shape != b.shape) + (a.dtype != b.dtype) + (a.weak_type != b.weak_type)
        for a, b in zip(avals, old_avals, strict=True))
    return types + (static != old_static) + (flags != old_flags) + (axes != old_axes)


def _differences(fun: Callable[..., Any], key: Key, other: Key) -> list[str]:
    """What differs between two calls, a line each."""
    tree, static, avals, flags, axes = key
    old_tree, old_static, old_avals, old_flags, old_axes = other
    told = []
    if static != old_static:
        told += _static_differences(fun, static, old_static)
    if tree != old_tree:
        told.append(f"the structure of the arguments:\n{tree_differences(old_tree, tree, 'args')}")
    elif avals != old_avals:
        told += [_difference(name, a, b) for name, a, b in
                 zip(_names(fun, tree, static), avals, old_avals, strict=True) if a != b]
    told += [f"the flag {name} is {now!r}, it was {before!r}" for name, now, before in
             zip(_TRACED, flags, old_flags, strict=True) if now != before]
    if axes != old_axes:
        told.append(f"the named axes in scope are {dict(axes)}, they were {dict(old_axes)}")
    return told


def _difference(name: str, now: ShapedArray, before: ShapedArray) -> str:
    parts = [what for what, differs in (
        ("shape", now.shape != before.shape), ("dtype", now.dtype != before.dtype),
        ("weak type", now.weak_type != before.weak_type)) if differs]
    return f"{name}: {_with_weakness(now)}, it was {_with_weakness(before)} ({', '.join(parts)})"


def _with_weakness(aval: ShapedArray) -> str:
    return f"{aval} (weakly typed)" if aval.weak_type else str(aval)


def _static_differences(fun: Any, static: Key, before: Key) -> list[str]:
    old = {where: value for where, _, value in before}
    return [f"static argument {where!r}: {value!r:.60}, it was {old.get(where)!r:.60}"
            for where, kind, value in static
            if where not in old or old[where] != value or type(old[where]) is not kind] or [
                "fewer static arguments were given"]


def _names(fun: Callable[..., Any], tree: PyTreeDef, static: Key) -> list[str]:
    """A name for each leaf of the arguments that are not static."""
    args, kwargs = tree_unflatten(tree, [0] * tree.num_leaves)
    empty = tuple((where, kind, None) for where, kind, _ in static)  # None has no leaves
    pairs, _ = tree_flatten_with_path(tuple(map(_as_tree,
                                                ArgumentSelector.join(args, kwargs, empty))))
    return [argument_name(fun, path) for path, _ in pairs]


def _as_tree(arguments: Any) -> Any:
    return tuple(arguments) if isinstance(arguments, list) else arguments
