"""Sums of products in tiles of registers, a routine that kernel rules call: its name and arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ingot.kernel.ir import Index
from ingot.kernel.lowering import Lowering
from ingot.util import size_of

ROWS, VECTORS = 6, 2
"""Rows of the largest tile, and vectors of columns."""

VECTOR_BYTES = 32
"""Bytes of a vector of columns, on every processor: operands are laid out for it."""

LETTERS = {np.dtype(np.float32): "s", np.dtype(np.float64): "d"}
"""The dtypes there are routines for, with their letters as BLAS has them."""

PREFIX, NAME = "ingot:", "tile_product"
ARGUMENTS = ("outer", "inner", "a_outer", "a_inner", "out_outer", "out_inner", "columns", "lanes",
             "b_vector", "terms", "add")
"""The sizes that follow the pointers out, a, b and table, in elements.

Rows are `outer` times `inner` ones, whose neighbors lie so many elements apart. The columns of a
row lie side by side in out, and each vector has `lanes` of them, the last one what is left; in b,
where vectors are so many elements apart, they are read whole. The table has for each term two i32,
its places in a and in b. Unless `add` is 0, the sums are added to what is there.
"""


def symbol(dtype: np.dtype[Any]) -> str:
    """The routine for a dtype."""
    return f"{PREFIX}{LETTERS[dtype]}{NAME}"


class Rows(NamedTuple):
    """Rows along two axes: how many, and how far neighbors are apart in a and in out."""

    outer: Index
    inner: Index
    a: tuple[int, int]
    out: tuple[int, int]


class Columns(NamedTuple):
    """Columns side by side, of which a vector has so many; vectors are so far apart in b."""

    size: Index
    lanes: int
    b: int


class Terms(NamedTuple):
    """An axis along which terms are added up: how many, and so many elements apart."""

    size: int
    a: int
    b: int


def lanes(dtype: np.dtype[Any]) -> int:
    """Elements of a vector."""
    return VECTOR_BYTES // dtype.itemsize


class Sums:
    """Sums over several axes, the outer ones by loops around calls that add a block of terms each.

    A call adds at most `block` terms in order, so sums of many keep their digits.
    """

    def __init__(self, build: Lowering, axes: Sequence[Terms], dtype: np.dtype[Any], block: int):
        axes = [axis for axis in axes if axis.size > 1]
        inner: list[Terms] = []
        while axes and axes[-1].size * size_of([a.size for a in inner]) <= block:
            inner.insert(0, axes.pop())
        size = size_of([a.size for a in inner])
        self.build, self.dtype, self.inner_size = build, dtype, size
        self.chunked, self.chunk = Terms(1, 0, 0), 1
        if axes and 2 * size <= block:
            self.chunked = axes.pop()
            calls = -(-self.chunked.size * size // block)
            self.chunk = -(-self.chunked.size // calls)
        self.outer = axes
        self.calls = -(-self.chunked.size // self.chunk)
        blocks = [self.chunked._replace(size=self.chunk), *inner]
        places = np.zeros((1, 2), np.int64)
        for count, a, b in blocks:
            steps = np.arange(count)[:, None] * np.array([a, b])
            places = (places[:, None] + steps).reshape(-1, 2)
        self.table = build.table(places.astype(np.int32))

    @property
    def total_calls(self) -> int:
        """Blocks that a sum is made of."""
        return size_of([axis.size for axis in self.outer]) * self.calls

    @property
    def first_count(self) -> int:
        """Steps of the outermost loop."""
        return self.outer[0].size if self.outer else self.calls

    def add_up(self, out: tuple[Any, Index], a: tuple[Any, Index], b: tuple[Any, Index], rows: Rows,
               columns: Columns, part: tuple[Index, Index] | None = None) -> None:
        """Write the sums of some rows and columns: pointers are memory and index. `part`: the first
        of the steps of the outermost loop to take, and how many."""
        build = self.build
        loops = [*self.outer, Terms(self.calls, self.chunk * self.chunked.a,
                                    self.chunk * self.chunked.b)]

        def level(k: int, seen: Index, a_at: Index, b_at: Index, chunk: Index) -> None:
            if k == len(loops):
                self._call(out, (a[0], a_at), (b[0], b_at), rows, columns, chunk, seen)
                return
            start, count = part if part is not None and k == 0 else (0, loops[k].size)
            with build.loop(count) as i:
                place = build.index_add(start, i)
                level(k + 1, build.index_add(seen, i),
                      build.index_add(a_at, build.index_mul(place, loops[k].a)),
                      build.index_add(b_at, build.index_mul(place, loops[k].b)), place)

        level(0, 0, a[1], b[1], 0)

    def _call(self, out: Any, a: Any, b: Any, rows: Rows, columns: Columns, chunk: Index,
              seen: Index) -> None:
        build = self.build
        left = build.index_sub(self.chunked.size, build.index_mul(chunk, self.chunk))
        count = self.chunk if self.chunked.size % self.chunk == 0 else build.imin(left, self.chunk)
        terms = build.index_mul(count, self.inner_size)
        sizes = (rows.outer, rows.inner, *rows.a, *rows.out, *columns, terms, seen)
        known = [n if isinstance(n, int) else guess for n, guess in (
            (rows.outer, 1), (rows.inner, ROWS), (columns.size, columns.lanes))]
        work = size_of(known) * self.chunk * self.inner_size // 32
        build.call_routine(symbol(self.dtype), [
            *(("pointer", *place) for place in (out, a, b)),
            ("pointer", self.table.memory, self.table.offset),
            *(("size", size) for size in sizes)], work)
