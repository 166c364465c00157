"""Top-k for small k: a sorted list in registers, with rare insertions.

Blocks of which no element comes before the last of the list are skipped by vector comparisons.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ingot.kernel.ir import Index
from ingot.kernel.lowering import Lowering
from ingot.kernel.reduce import beats
from ingot.kernel.values import BOOL


def small_top_k(build: Lowering, n: int, k: int, at: Callable[[Index], Any]
                ) -> tuple[list[Any], list[Any]]:
    """The k largest of n elements, descending, NaN first, equal ones as they came; their places."""
    values: list[Any] = []
    places: list[Any] = []
    for i in range(k):
        _insert(build, values, places, at(i), i, grow=True)

    def consider(first: Index) -> Callable[..., list[Any]]:
        def step(i: Index, carry: Sequence[Any]) -> list[Any]:
            place = build.index_add(first, i)
            new = at(place)

            def inserted() -> list[Any]:
                lists = list(carry[:k]), list(carry[k:])
                _insert(build, *lists, new, place)
                return [*lists[0], *lists[1]]

            return build.when(beats(build, "max", new, carry[k - 1]), inserted, list(carry))

        return step

    size = build.schedule.top_k_block

    def block(b: Index, carry: Sequence[Any]) -> list[Any]:
        first = build.index_add(k, build.index_mul(b, size))
        (some,) = build.accumulate(size, [build.const(False, BOOL)], lambda i, c: [build.op(
            "or", c[0], beats(build, "max", at(build.index_add(first, i)), carry[k - 1]))])
        return build.when(some, lambda: build.accumulate(size, carry, consider(first)),
                          list(carry))

    blocks, rest = divmod(n - k, size)
    carry = [*values, *places]
    if blocks:
        carry = build.accumulate(blocks, carry, block)
    if rest:
        carry = build.accumulate(rest, carry, consider(n - rest))
    return carry[:k], carry[k:]


def _insert(build: Lowering, values: list[Any], places: list[Any], new: Any, place: Index,
            grow: bool = False) -> None:
    """Put a later element where it belongs; the last one falls off unless the lists grow."""
    here = build.index(place)
    before = [beats(build, "max", new, v) for v in values]
    if grow:
        values.append(new)
        places.append(here)
    shifted = list(values), list(places)
    for j, first in enumerate(before):
        for out, old, element in zip((values, places), shifted, (new, here), strict=True):
            moved = build.select(before[j - 1], old[j - 1], element) if j else element
            out[j] = build.select(first, moved, old[j])
    if grow and before:
        for out, old, element in zip((values, places), shifted, (new, here), strict=True):
            out[-1] = build.select(before[-1], old[-2], element)
