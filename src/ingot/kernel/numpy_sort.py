"""NumPy's sorts of numbers as routines that native code calls by name.

They work with vectors where the processor has them. A back end says which of them it can find.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot.kernel.ir import Index
from ingot.kernel.lowering import Lowering
from ingot.kernel.values import BOOL, INT, ArrayValue, Buffer, LazyArray, index_of

PREFIX = "numpy:"
FAST, STABLE = "sort", "stable sort"
FAST_ORDER, STABLE_ORDER = "argsort", "stable argsort"


def routine_of(symbol: str) -> tuple[str, np.dtype]:
    """The name and the dtype in 'numpy:NAME DTYPE'."""
    name, _, dtype = symbol.removeprefix(PREFIX).rpartition(" ")
    return name, np.dtype(dtype)


def symbol(name: str, dtype: np.dtype) -> str:
    """The name by which programs refer to a routine."""
    return f"{PREFIX}{name} {dtype.name}"


def available(build: Lowering, dtype: np.dtype) -> bool:
    """Whether lines of real numbers of this dtype can be sorted by NumPy's routines: not float16,
    which they sort wrongly on some processors."""
    return dtype.kind in "biuf" and dtype != np.float16 and all(
        build.has_routine(symbol(name, dtype))
        for name in (FAST, STABLE, FAST_ORDER, STABLE_ORDER))


def along(build: Lowering, x: ArrayValue, axis: int,
          lines: Callable[[Lowering, Buffer], Buffer]) -> ArrayValue:
    """What a function of a stack [lines, n] gives for the lines along an axis."""
    order = (*(a for a in range(x.ndim) if a != axis), axis)
    last = axis == x.ndim - 1
    moved = x if last else moved_axes(x, order)
    source = build.contiguous(moved)
    n = x.shape[axis]
    stack = Buffer(source.memory, (x.size // n, n), x.dtype, source.offset)
    with build.holding(source):  # type: ignore[attr-defined]
        found = lines(build, stack)
    out = Buffer(found.memory, moved.shape, found.dtype)
    return out if last else moved_axes(out, [order.index(a) for a in range(x.ndim)])


def moved_axes(x: ArrayValue, order: Sequence[int]) -> LazyArray:
    """A value whose axis k is axis `order[k]` of `x`."""

    def at(build: Lowering, index: Sequence[Index]) -> Any:
        return x.at(build, index_of(x.ndim, (order, index)))

    out = LazyArray([x.shape[a] for a in order], x.dtype, at, [x])
    out.is_transposed = True
    return out


def sort_rows(build: Lowering, x: Buffer) -> Buffer:
    """Each line in ascending order, NaN last; zeros of both signs stay as they came."""
    lines, n = x.shape
    target = build.allocate(x.shape, x.dtype)
    build.write(target, x)

    def again(line: Index) -> list[Any]:
        with build.loop(n, vector=True) as i:
            build.store(target, (line, i), x.at(build, (line, i)))
        sort_line(build, STABLE, target, line)
        return []

    with build.loop(lines, independent=True) as line:
        sort_line(build, FAST, target, line)
        if x.dtype.kind == "f":
            build.when(_mixed_zeros(build, x, line), lambda: again(line), [])
    return target


def sort_line(build: Lowering, name: str, x: Buffer, line: Index) -> None:
    """Sort a line of a contiguous stack [lines, n] in place."""
    n = x.shape[1]
    build.call_routine(symbol(name, x.dtype), [pointer(build, x, line), ("size", n), ("size", 0)],
               4 * n * n.bit_length())


def _mixed_zeros(build: Lowering, x: Buffer, line: Index) -> Any:
    """Whether a line has zeros of both signs, which vectors take for the same."""
    zero, one = build.const(0, x.dtype), build.const(1, x.dtype)

    def step(i: Index, carry: Sequence[Any]) -> list[Any]:
        v = x.at(build, (line, i))
        is_zero = build.op("eq", v, zero)
        negative = build.op("lt", build.op("copysign", one, v), zero)
        return [build.op("or", carry[0], build.op("and", is_zero, negative)),
                build.op("or", carry[1], build.op("and", is_zero, build.op("not", negative)))]

    no = build.const(False, BOOL)
    return build.op("and", *build.accumulate(x.shape[1], [no, no], step))


def argsort_rows(build: Lowering, x: Buffer) -> Buffer:
    """The stable ascending order of each line as places (i64), NaN last."""
    lines, n = x.shape
    places = build.allocate(x.shape, INT)

    def order(name: str, line: Index) -> list[Any]:
        with build.loop(n, vector=True) as i:
            build.store(places, (line, i), build.index(i))
        build.call_routine(symbol(name, x.dtype), [
            pointer(build, x, line), pointer(build, places, line), ("size", n), ("size", 0)],
            8 * n * n.bit_length())
        return []

    with build.loop(lines, independent=True) as line:
        order(FAST_ORDER, line)
        if n > 1:
            build.when(_ties(build, x, places, line), lambda: order(STABLE_ORDER, line), [])
    return places


def _ties(build: Lowering, x: Buffer, places: Buffer, line: Index) -> Any:
    """Whether neighbors in an order are equal, or both NaN."""

    def step(i: Index, carry: Sequence[Any]) -> list[Any]:
        a, b = (x.at(build, (line, build.as_index(places.at(build, (line, build.index_add(i, k))))))
                for k in (0, 1))
        same = build.op("eq", a, b)
        if x.dtype.kind == "f":
            same = build.op("or", same, build.op("and", *(build.op("ne", v, v) for v in (a, b))))
        return [build.op("or", carry[0], same)]

    return build.accumulate(x.shape[1] - 1, [build.const(False, BOOL)], step)[0]


def pointer(build: Lowering, x: Buffer, line: Index) -> Any:
    """The place of a line, as an argument of a routine."""
    return "pointer", x.memory, build.index_add(x.offset, build.index_mul(line, x.shape[1]))
