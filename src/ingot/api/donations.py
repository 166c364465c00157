"""Donated arguments: whose memory a result can take."""

from __future__ import annotations

from collections.abc import Sequence

from ingot.core.jaxpr import Jaxpr
from ingot.util import warn


def usable_donations(donated: Sequence[int], jaxpr: Jaxpr) -> tuple[int, ...]:
    """Return the donated arguments whose memory a result can take: one of its type for each, else
    one of as many bytes. Warns of the others."""
    results, usable = list(jaxpr.out_avals), set[int]()
    for measure in (lambda a: (a.shape, a.dtype), lambda a: a.nbytes):
        sizes = list(map(measure, results))
        for k in donated:
            size = measure(jaxpr.in_avals[k])
            if k not in usable and size in sizes:
                del results[sizes.index(size)], sizes[sizes.index(size)]
                usable.add(k)
    unused = [str(jaxpr.in_avals[k]) for k in donated if k not in usable]
    if unused:
        warn(f"Some donated buffers were not usable: {', '.join(unused)} of {jaxpr.debug_name}, as"
             " no result has that size; do not donate them", UserWarning)
    return tuple(k for k in donated if k in usable)


__all__ = ["usable_donations"]
