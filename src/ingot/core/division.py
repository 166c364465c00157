"""How results are divided over the axes of a mesh, given how the arguments of an operation are.

A division has an entry for each axis of an array, as those of a PartitionSpec. Where the axes of
the mesh are Auto, each division is as right as any other, and the rules choose one that needs no
communication where there is one; where they are Explicit, a rule raises ShardingTypeError if there
is more than one answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ingot.core.avals import ShapedArray
from ingot.core.specs import names_of
from ingot.errors import ShardingTypeError

Spec = tuple[Any, ...]


@dataclass(frozen=True)
class Operands:
    """What a rule of division knows: the operation's name and parameters, types and divisions of
    its arguments, types of its results, sizes of the mesh's axes, and whether they are Explicit."""

    name: str
    params: Mapping[str, Any]
    avals: Sequence[ShapedArray]
    specs: Sequence[Spec]
    outs: Sequence[ShapedArray]
    sizes: Mapping[Any, int]
    strict: bool = False

    def refuse(self, why: str) -> None:
        """Raise ShardingTypeError if the axes are Explicit."""
        if self.strict:
            types = ", ".join(map(str, self.avals))
            raise ShardingTypeError(f"{self.name} of {types}: {why}; reshard an argument first,"
                                    " or give out_sharding= where the function has it")


Rule = Callable[[Operands], list[Spec]]


def whole(ndim: int) -> Spec:
    """Return the division of an array that is not divided."""
    return (None,) * ndim


def merged(given: Operands, specs: Sequence[Spec]) -> Spec:
    """Return the division that arguments with the same axes agree on: what one of them says of an
    axis, others that leave it whole follow."""
    if len(specs) == 1:
        return specs[0]
    entries: list[Any] = []
    for choices in zip(*specs, strict=True):
        said = list(dict.fromkeys(c for c in choices if names_of(c)))
        if len(said) > 1:
            _conflict(given, specs)
        entries.append(said[0] if said else None)
    return without_repeats(given, tuple(entries), specs)


def without_repeats(given: Operands, entries: Spec, specs: Sequence[Spec]) -> Spec:
    """Return the entries, those that name an axis of the mesh again left out."""
    used: set[Any] = set()
    kept: list[Any] = []
    for entry in entries:
        names = names_of(entry)
        if used.intersection(names):
            _conflict(given, specs)
            entry, names = None, ()
        used.update(names)
        kept.append(entry)
    return tuple(kept)


def _conflict(given: Operands, specs: Sequence[Spec]) -> None:
    given.refuse("got incompatible shardings for broadcasting:"
                 f" {', '.join(map(str, specs))}")


def like_operands(given: Operands) -> list[Spec]:
    """The rule where there is no other: each result is divided as the arguments of its rank, along
    axes that have the same length in both."""
    found = []
    for out in given.outs:
        alike = [(a, s) for a, s in zip(given.avals, given.specs, strict=True)
                 if a.ndim == out.ndim]
        specs = [tuple(e if n == m else None for e, n, m in zip(s, a.shape, out.shape, strict=True))
                 for a, s in alike]
        if given.strict and not (alike and all(a.shape == out.shape or not a.ndim
                                               for a in given.avals)):
            given.refuse("it is not known how its result is divided")
        found.append(merged(given, specs) if specs else whole(out.ndim))
    return found


def divide(primitive: Any, given: Operands) -> list[Spec]:
    """Return how each result of an operation is divided."""
    rule: Rule | None = primitive.division
    if rule is not None:
        return rule(given)
    if not any(map(any, given.specs)):
        return [whole(a.ndim) for a in given.outs]
    return like_operands(given)


def lenient(given: Operands) -> Operands:
    """Return the same where any answer will do."""
    return replace(given, strict=False)
