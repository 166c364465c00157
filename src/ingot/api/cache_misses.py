"""Why a function is traced again: what differs from the nearest earlier call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ingot.api.arguments import ArgumentSelector, argument_name
from ingot.config import TABLE
from ingot.control.tracing import tree_differences
from ingot.core.avals import ShapedArray
from ingot.tree import PyTreeDef, tree_flatten_with_path, tree_unflatten

Key = tuple[Any, ...]
"""Structure of the arguments, static arguments, types, flags, named axes: see `jit`."""

REMEDIES = {
    "function": "make the function once, outside of loops and of functions that are called often,"
                " and pass what it closes over as arguments",
    "closure": "pass what it closes over as arguments: those were values of a transformation that"
               " has ended",
    "static argument": "each value makes a program; an ordinary argument does not, and serves"
                       " unless a shape or a Python branch depends on it",
    "structure": "pass the same containers with the same keys at each call",
    "shape": "pad data to a few lengths and mask what is added, or cut them into equal parts",
    "dtype": "convert at one place, by jnp.asarray(x, dtype)",
    "weak type": "numbers of Python are weakly typed: pass jnp.asarray(x, dtype), or always the"
                 " number",
    "sharding": "put arrays at one place, by device_put",
    "flag": "set flags once, when the program starts",
    "named axes": "jit around vmap and shard_map, not within them under changing names",
}
"""What to do about each kind of change."""

_TRACED = [flag.name for flag in TABLE if flag.traced]


class Change(NamedTuple):
    """What differs between two calls: a kind, of `REMEDIES`; of what; in words."""

    kind: str
    of: str
    text: str


def changes_of(fun: Callable[..., Any], key: Key, earlier: Sequence[Key]) -> tuple[Change, ...]:
    """What differs from the nearest of the earlier calls."""
    nearest = min(reversed(earlier), key=lambda other: _distance(key, other))
    if nearest == key:
        return (Change("closure", "", "values that it closes over belonged to a transformation"
                       " that has ended"),)
    return tuple(_differences(fun, key, nearest))


def _distance(key: Key, other: Key) -> int:
    """How many things differ; another structure counts as much as several other types."""
    tree, static, avals, flags, axes = key
    old_tree, old_static, old_avals, old_flags, old_axes = other
    types = 4 if tree != old_tree else sum(
        len(_parts(a, b)) for a, b in zip(avals, old_avals, strict=True) if a != b)
    return types + (static != old_static) + (flags != old_flags) + (axes != old_axes)


def _differences(fun: Callable[..., Any], key: Key, other: Key) -> list[Change]:
    tree, static, avals, flags, axes = key
    old_tree, old_static, old_avals, old_flags, old_axes = other
    told = []
    if static != old_static:
        told += _static_differences(static, old_static)
    if tree != old_tree:
        told += [Change("structure", name, "the structure of the arguments:\n"
                        + tree_differences(before, now, name))
                 for name, now, before in zip(("args", "kwargs"), tree.children(),
                                              old_tree.children(), strict=True) if now != before]
    elif avals != old_avals:
        told += [_difference(name, a, b) for name, a, b in
                 zip(_names(fun, tree, static), avals, old_avals, strict=True) if a != b]
    told += [Change("flag", name, f"the flag {name} is {now!r}, it was {before!r}")
             for name, now, before in zip(_TRACED, flags, old_flags, strict=True) if now != before]
    if axes != old_axes:
        told.append(Change("named axes", "", f"the named axes in scope are {dict(axes)}, they were"
                           f" {dict(old_axes)}"))
    return told


def _parts(now: ShapedArray, before: ShapedArray) -> list[str]:
    """In what two types differ."""
    return [what for what, differs in (
        ("shape", now.shape != before.shape), ("dtype", now.dtype != before.dtype),
        ("weak type", now.weak_type != before.weak_type)) if differs] or ["sharding"]


def _difference(name: str, now: ShapedArray, before: ShapedArray) -> Change:
    parts = _parts(now, before)
    return Change(parts[0], name, f"{name}: {_with_weakness(now)}, it was"
                  f" {_with_weakness(before)} ({', '.join(parts)})")


def _with_weakness(aval: ShapedArray) -> str:
    return f"{aval} (weakly typed)" if aval.weak_type else str(aval)


def _static_differences(static: Key, before: Key) -> list[Change]:
    old = {where: value for where, _, value in before}
    return [Change("static argument", repr(where), f"static argument {where!r}: {value!r:.60}, it"
                   f" was {old.get(where)!r:.60}")
            for where, kind, value in static
            if where not in old or old[where] != value or type(old[where]) is not kind] or [
                Change("static argument", "", "fewer static arguments were given")]


def _names(fun: Callable[..., Any], tree: PyTreeDef, static: Key) -> list[str]:
    """A name for each leaf of the arguments that are not static."""
    args, kwargs = tree_unflatten(tree, [0] * tree.num_leaves)
    empty = tuple((where, kind, None) for where, kind, _ in static)  # None has no leaves
    pairs, _ = tree_flatten_with_path(tuple(map(_as_tree,
                                                ArgumentSelector.join(args, kwargs, empty))))
    return [argument_name(fun, path) for path, _ in pairs]


def _as_tree(arguments: Any) -> Any:
    return tuple(arguments) if isinstance(arguments, list) else arguments
