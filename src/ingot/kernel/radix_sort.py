"""Radix sort: the stable order of a row of 32-bit keys, in a few passes.

Long lines are first divided by their highest digit into parts that stay in a cache (P. M. McIlroy,
K. Bostic and M. D. McIlroy, Engineering Radix Sort, 1993); parts and short lines are sorted by
their other digits, the lowest first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot.kernel.ir import Index
from ingot.kernel.lowering import Lowering
from ingot.kernel.values import INT, Buffer

WORD, RECORD, COUNT = np.dtype(np.uint32), np.dtype(np.uint64), np.dtype(np.int32)

DIGITS_OF_PART, DIGITS_OF_LINE, DIGITS_OF_SHORT = (12, 12), (11, 11, 10), (8, 8, 8, 8)


def radix_order(build: Lowering, n: int, key: Callable[[Index], Any]) -> tuple[Buffer, Buffer]:
    """The places (u32 [n], n < 2^31) of keys in ascending order, and the keys in it.

    `key(i)` is a u32 scalar. Equal keys stay in order.
    """
    return _Radix(build, n).order(key)


class _Radix:
    """Works on records: a key in the upper half, its place in the lower."""

    def __init__(self, build: Lowering, n: int):
        self.build, self.n = build, n
        self.front, self.back = (build.allocate((n,), RECORD) for _ in range(2))
        self.places, self.keys = (build.allocate((n,), WORD) for _ in range(2))

    def order(self, key: Callable[[Index], Any]) -> tuple[Buffer, Buffer]:
        build, n = self.build, self.n
        with build.loop(n, vector=True) as i:
            wide = build.op("convert", key(i), dtype=RECORD)
            place = build.op("convert", build.index(i), dtype=RECORD)
            build.store(self.back, (i,), build.op("or", self.shifted(wide, 32), place))
        if n >= self.build.schedule.radix_partition:
            self.divided()
        else:
            widths = DIGITS_OF_LINE if n > 4096 else DIGITS_OF_SHORT
            self.passes(self.back, self.front, 0, n, widths)
        return self.places, self.keys

    def shifted(self, x: Any, bits: int) -> Any:
        return self.build.op("shift_left", x, self.build.const(bits, RECORD))

    def digit(self, record: Any, low: int, width: int) -> Any:
        """Some bits of a record's key, as an index."""
        build = self.build
        found = build.op("shift_right_logical", record, build.const(32 + low, RECORD))
        mask = build.const((1 << width) - 1, RECORD)
        return build.op("convert", build.op("and", found, mask), dtype=INT)

    # ---- a long line -------------------------------------------------------------------------
    def divided(self) -> None:
        """Divide by the highest digit, then sort the parts."""
        build = self.build
        ends = build.allocate((256,), COUNT)
        self.count([ends], self.back, 0, self.n, [(24, 8)])
        self.move(self.back, 0, self.n, ends, 24, 8, lambda p, record: build.store(
            self.front, (p,), record))
        with build.loop(256, independent=True) as part:
            stop = build.as_index(ends.at(build, (part,)))
            before = build.op("max", build.index_sub(part, 1), build.index(0))
            start = build.select(build.op("gt", part, build.index(0)),
                                 build.as_index(ends.at(build, (before,))), build.index(0))
            size = build.op("sub", stop, start)
            self.sort_part(start, size)

    def sort_part(self, start: Index, size: Any) -> None:
        """Sort `size` records from `start` on, which agree in their highest digit."""
        def by_digits() -> list[Any]:
            self.passes(self.front, self.back, start, size, DIGITS_OF_PART)
            return []

        self.build.when(self.build.op("gt", size, self.build.index(0)), by_digits, [])

    # ---- passes ------------------------------------------------------------------------------
    def passes(self, source: Buffer, other: Buffer, start: Index, size: Index,
               widths: Sequence[int]) -> None:
        """Sort `size` records from `start` on by their lowest digits, of these widths."""
        build = self.build
        lows = [sum(widths[:k]) for k in range(len(widths))]
        digits = list(zip(lows, widths, strict=True))
        tables = [build.allocate((1 << width,), COUNT) for width in widths]
        self.count(tables, source, start, size, digits)

        def result(p: Any, record: Any) -> None:
            place = build.index_add(start, p)
            build.store(self.places, (place,), build.op("convert", record, dtype=WORD))
            key = build.op("shift_right_logical", record, build.const(32, RECORD))
            build.store(self.keys, (place,), build.op("convert", key, dtype=WORD))

        for k, ((low, width), table) in enumerate(zip(digits, tables, strict=True)):
            target = other

            def keep(p: Any, record: Any, target: Buffer = target) -> None:
                build.store(target, (build.index_add(start, p),), record)

            self.move(source, start, size, table, low, width,
                      result if k == len(widths) - 1 else keep)
            source, other = other, source

    def count(self, tables: Sequence[Buffer], source: Buffer, start: Index, size: Index,
              digits: Sequence[tuple[int, int]]) -> None:
        """Where the records of each digit begin, for several digits at once."""
        build = self.build
        for table in tables:
            with build.loop(table.size, vector=True) as d:
                build.store(table, (d,), build.const(0, COUNT))
        with build.loop(size) as i:
            record = source.at(build, (build.index_add(start, i),))
            for table, (low, width) in zip(tables, digits, strict=True):
                d = self.digit(record, low, width)
                more = build.op("add", table.at(build, (d,)), build.const(1, COUNT))
                build.store(table, (d,), more)
        for table in tables:
            def begin(d: Index, carry: Sequence[Any], table: Buffer = table) -> list[Any]:
                here = table.at(build, (d,))
                build.store(table, (d,), carry[0])
                return [build.op("add", carry[0], here)]

            build.accumulate(table.size, [build.const(0, COUNT)], begin)

    def move(self, source: Buffer, start: Index, size: Index, table: Buffer, low: int, width: int,
             put: Callable[[Any, Any], None]) -> None:
        """Put each record where its digit's next one belongs; the table has the ends then."""
        build = self.build
        with build.loop(size) as i:
            record = source.at(build, (build.index_add(start, i),))
            d = self.digit(record, low, width)
            place = table.at(build, (d,))
            build.store(table, (d,), build.op("add", place, build.const(1, COUNT)))
            put(build.as_index(place), record)
