"""Side effects of equations, and their ordering."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Effect:
    """A side effect; equations with effects are never dropped, merged or recomputed.

    Ordered effects keep the program's order among themselves, in loops as well. One without a name
    is called as its class.

    >>> from ingot.extend import core
    >>> core.Effect("log", ordered=True).name
    'log'
    """

    name: str = ""
    ordered: bool = False

    def __str__(self) -> str:
        return self.name or type(self).__name__


DEBUG = Effect("Debug")
ORDERED_DEBUG = Effect("OrderedDebug", ordered=True)
IO = Effect("IO")
ORDERED_IO = Effect("OrderedIO", ordered=True)


@dataclass(frozen=True)
class NamedAxisEffect(Effect):
    """The equation refers to a mapped axis by name, so it has no meaning outside of it."""


NO_EFFECTS: frozenset[Effect] = frozenset()
EffectSet = frozenset[Effect]
