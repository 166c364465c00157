"""Loops whose iterations wait for each other, with what does not wait done before, in vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ingot.kernel.ir import Index
from ingot.kernel.lowering import Lowering

STRIP = 1024
"""Iterations whose numbers are computed at once: they fit a cache close to the processor."""


def in_strips(build: Lowering, n: int, compute: Callable[[Index], Sequence[Any]],
              use: Callable[[list[Any]], None]) -> None:
    """`use(compute(i))` for i = 0 to n - 1 in order, where `use` writes nothing that is read to
    compute. The numbers of a strip are kept in memory, since LLVM leaves loops that it cannot make
    vectors of as they are."""
    strips = -(-n // STRIP)
    length = n // max(strips, 1)

    def strip(first: Index, size: int) -> None:
        kept: list[Any] = []
        with build.loop(size, vector=True) as i:
            for k, value in enumerate(compute(build.index_add(first, i))):
                if k == len(kept):
                    kept.append(build.allocate((size,), value.dtype))
                build.store(kept[k], (i,), value)
        with build.loop(size) as i:
            use([memory.at(build, (i,)) for memory in kept])

    if length < 2 or not build.vectors:
        with build.loop(n) as i:
            use(list(compute(i)))
        return
    with build.loop(strips) as s:
        strip(build.index_mul(s, length), length)
    if n > strips * length:
        with build.loop(n - strips * length) as i:
            use(list(compute(build.index_add(strips * length, i))))
