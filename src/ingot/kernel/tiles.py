"""Tiles: how transposed arrays are written, so that each line of cache is used up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingot.kernel import ir
from ingot.kernel.ir import Index, Value
from ingot.kernel.values import INT, ArrayValue, Buffer, index_of


def contiguous_axis(build: Any, x: ArrayValue) -> int | None:
    """The axis along which an operand is contiguous that is not so along the last one; or None.

    Found from the addresses that an element of `x` is computed from.
    """
    least = build.schedule.tiled_stride
    with build.inside(ir.Block()) as block:
        index = [Value("index", (), INT) for _ in x.shape]
        x.at(build, index)
    for node in block.nodes:
        if type(node) is not Value or node.op != "load":
            continue
        last, *others = (stride(node.args[1], i) for i in reversed(index))
        if last is None or last < least or x.shape[-1] < least:
            continue
        for axis, step in zip(range(x.ndim - 2, -1, -1), others, strict=True):
            if step == 1 and x.shape[axis] >= least:
                return axis
    return None


def stride(position: Index, variable: Value) -> int | None:
    """How much a position grows with a variable; None if not linearly."""
    if isinstance(position, int) or position.op == "const":
        return 0
    if position is variable:
        return 1
    if position.op not in ("add", "sub", "mul"):
        return None if position.args else 0
    a, b = (stride(x, variable) for x in position.args)
    if a is None or b is None:
        return None
    if position.op == "mul":
        x, y = position.args
        if not a and not b:
            return 0
        factor, growing = (y, a) if a else (x, b)
        return growing * int(factor.attr) if factor.op == "const" else None
    return a + b if position.op == "add" else a - b


def write_tiled(build: Any, target: Buffer, x: ArrayValue, axis: int) -> None:
    """Store every element of `x`, in tiles of one axis and the last.

    A tile is read along the one and written along the other, by way of memory of its own: lines of
    cache that are a power of two apart would drive each other out.
    """
    shape, last = target.shape, x.ndim - 1
    others = [a for a in range(last) if a != axis]

    side = build.schedule.tile_side

    def inside(outer: Sequence[Index]) -> None:
        for rows in _parts(shape[axis], side):
            for columns in _parts(shape[last], side):
                tiles(outer, rows, columns)

    def tiles(outer: Sequence[Index], rows: Any, columns: Any) -> None:
        first_row, height, down = rows
        first_column, width, across = columns
        # of this nest alone, so that each thread has its own
        tile = build.allocate((side, side + 1), x.dtype)
        with build.holding(tile), build.loop(down, independent=True) as r, \
                build.loop(across, independent=True) as c:
            top = build.index_add(first_row, build.index_mul(r, side))
            left = build.index_add(first_column, build.index_mul(c, side))

            def place(i: Index, j: Index) -> list[Index]:
                full = index_of(x.ndim, (others, outer))
                full[axis], full[last] = build.index_add(top, i), build.index_add(left, j)
                return full

            with build.loop(width) as j, build.loop(height, vector=True) as i:
                build.store(tile, (j, i), x.at(build, place(i, j)))
            with build.loop(height) as i, build.loop(width, vector=True) as j:
                build.store(target, place(i, j), tile.at(build, (j, i)))

    build.lines([shape[a] for a in others], inside)


def _parts(n: int, side: int) -> list[tuple[int, int, int]]:
    """First element, length and number of the tiles along an axis: whole ones and the rest."""
    whole, rest = divmod(n, side)
    return [part for part in ((0, side, whole), (n - rest, rest, 1)) if part[1] and part[2]]
