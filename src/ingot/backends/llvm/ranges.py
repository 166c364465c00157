"""Ranges of integers, from the trip counts of loops: which additions and products never overflow.

LLVM's vectorizer has to know that an address grows with its loop's index; without it, accesses that
are a few elements apart are taken for ones that may overlap, and the loop runs one element at a
time. Only what follows from constants is said, so that users' integers go on to wrap.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ingot.kernel import ir

Range = tuple[int, int]
"""The smallest and the largest value."""


def _products(a: Range, b: Range) -> Range:
    products = [x * y for x in a for y in b]
    return min(products), max(products)


def _quotients(a: Range, b: Range) -> Range | None:
    return (a[0] // b[1], a[1] // b[0]) if a[0] >= 0 and b[0] > 0 else None


def _remainders(a: Range, b: Range) -> Range | None:
    return (0, min(a[1], b[1] - 1)) if a[0] >= 0 and b[0] > 0 else None


_RESULTS: dict[str, Callable[[Range, Range], Range | None]] = {
    "add": lambda a, b: (a[0] + b[0], a[1] + b[1]),
    "sub": lambda a, b: (a[0] - b[1], a[1] - b[0]),
    "mul": _products,
    "min": lambda a, b: (min(a[0], b[0]), min(a[1], b[1])),
    "max": lambda a, b: (max(a[0], b[0]), max(a[1], b[1])),
    "div": _quotients,
    "rem": _remainders,
}


class Ranges:
    """Ranges of the int64 scalars of a function, entered in the order in which they are written."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Range, ir.Value]] = {}  # the scalar, so that its id stays

    def enter_loop(self, node: ir.For) -> None:
        """The index of a loop whose start and trip count are constants."""
        if isinstance(node.trip_count, int) and isinstance(node.start, int):
            self._known[id(node.index)] = (
                (node.start, node.start + node.trip_count - 1), node.index)

    def of(self, x: ir.Value) -> Range | None:
        """The range of a scalar, if it is known."""
        if x.op == "const":
            return (int(x.attr), int(x.attr)) if x.dtype == np.int64 else None
        known = self._known.get(id(x))
        return known[0] if known is not None else None

    def flags(self, node: ir.Value) -> str:
        """What LLVM may be told of an operation on two int64 scalars: that it does not wrap as a
        signed one, and as an unsigned one."""
        if node.op not in _RESULTS or node.dtype != np.int64:
            return ""
        a, b = map(self.of, node.args)
        result = _RESULTS[node.op](a, b) if a is not None and b is not None else None
        if result is None or max(-result[0], result[1]) >= 1 << 63:
            return ""
        self._known[id(node)] = result, node
        positive = min(a[0], b[0], result[0]) >= 0  # type: ignore[index]
        return "nuw nsw " if positive else "nsw "
