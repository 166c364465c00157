"""Orders of elements in StableHLO: sort, top_k, argpartition, searchsorted, the total order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.backends.xla.elementwise import imag, is_nan, real
from ingot.backends.xla.rules import RULES, program, rule
from ingot.backends.xla.stablehlo import Builder, Value
from ingot.backends.xla.types import device_dtype
from ingot.control.while_loop import fori_loop
from ingot.core.interpreter import typeof
from ingot.primitives.arithmetic import add, div
from ingot.primitives.bits import bitwise_and, bitwise_not, bitwise_or
from ingot.primitives.compare import eq, lt, ne
from ingot.primitives.complex import imag as imag_part, real as real_part
from ingot.primitives.movement import full, full_like, reshape
from ingot.primitives.select import select
from ingot.primitives.sort import place_dtype, take_along
from ingot.util import size_of


def order_key(b: Builder, x: Value) -> Value:
    """Append floats that the total order compares as we do: -0 is 0, and NaN comes last."""
    if dtypes.kind(x.dtype) != "f":
        return x
    zero = b.full_like(x, 0)
    x = b.select(b.compare("EQ", x, zero), zero, x)
    return b.select(is_nan(b, x), b.full_like(x, np.nan), x)


def _before(b: Builder, pairs: Sequence[tuple[Value, Value]], direction: str) -> Value:
    """Whether the first elements of pairs come before the second ones, by the first difference."""
    (p, q), rest = pairs[0], pairs[1:]
    less = b.compare(direction, p, q, total=True)
    if not rest:
        return less
    tie = b.compare("EQ", p, q, total=True)
    return b.same("or", less, b.same("and", tie, _before(b, rest, direction)))


def sort(b: Builder, xs: Sequence[Value], axis: int, num_keys: int = 1, direction: str = "LT"
         ) -> list[Value]:
    """Append arrays sorted together by the first ones; equal elements keep their order."""

    def comparator(inner: Builder, *values: Value) -> list[Value]:
        pairs = list(zip(values[::2], values[1::2], strict=True))[:num_keys]
        parts = [part for p, q in pairs for part in (
            [(real(inner, p), real(inner, q)), (imag(inner, p), imag(inner, q))]
            if p.dtype.kind == "c" else [(p, q)])]
        keys = [(order_key(inner, p), order_key(inner, q)) for p, q in parts]
        return [_before(inner, keys, direction)]

    scalars = [((), x.dtype) for x in xs for _ in range(2)]
    return b.ops("stablehlo.sort", xs, [(x.shape, x.dtype) for x in xs],
                 f"dimension = {axis} : i64, is_stable = true", [b.region(scalars, comparator)])


@rule("sort")
def _sort(b: Builder, *xs: Value, out: Any, dimension: int, num_keys: int, **_: Any
          ) -> list[Value]:
    return sort(b, xs, dimension, num_keys) if xs[0].shape else list(xs)


@rule("top_k")
def _top_k(b: Builder, x: Value, out: Any, k: int, axis: int) -> list[Value]:
    places = b.iota(x.shape, device_dtype(out[1].dtype), axis)
    return [b.slice_axis(v, axis, 0, k) for v in sort(b, [x, places], axis, 1, "GT")]


@rule("argpartition")
def _argpartition(b: Builder, x: Value, out: Any, kth: Any, axis: int) -> Value:
    places = b.iota(x.shape, device_dtype(out.dtype), axis)
    return sort(b, [x, places], axis)[1] if kth and 0 not in x.shape else places


def _total_order(direction: str) -> Any:
    return lambda b, x, y, out: b.compare(direction, x, y, total=True)


RULES.update({f"{name.lower()}_to": _total_order(name) for name in ("EQ", "LT", "LE")})


# ---- searchsorted --------------------------------------------------------------------------------
def _less(x: Any, y: Any) -> Any:
    """x < y, with NaN after everything; complex numbers compare by their real parts first."""
    if dtypes.kind(typeof(x).dtype) == "c":
        first = _less(real_part(x), real_part(y))
        tie = bitwise_not(bitwise_or(first, _less(real_part(y), real_part(x))))
        return bitwise_or(first, bitwise_and(tie, _less(imag_part(x), imag_part(y))))
    found = lt(x, y)
    return found if dtypes.kind(typeof(x).dtype) != "f" else bitwise_or(
        found, bitwise_and(eq(x, x), ne(y, y)))


def _searchsorted(a: Any, v: Any, *, side: str) -> Any:
    """Binary search: the places of all values are narrowed down together."""
    *lead, n = typeof(a).shape
    shape = typeof(v).shape
    values = reshape(v, (*lead, size_of(shape[len(lead):])))
    low = full(typeof(values).shape, 0, place_dtype(n))

    def narrow(_: Any, bounds: Any) -> Any:
        low, high = bounds
        middle = div(add(low, high), full_like(low, 2))
        element = take_along(a, middle, len(lead))
        behind = _less(element, values) if side == "left" else bitwise_not(_less(values, element))
        inside = lt(low, high)
        return (select(bitwise_and(inside, behind), add(middle, full_like(middle, 1)), low),
                select(bitwise_and(inside, bitwise_not(behind)), middle, high))

    if n and size_of(shape):
        low, _ = fori_loop(0, n.bit_length(), narrow, (low, full_like(low, n)))
    return reshape(low, shape)


RULES["searchsorted"] = program(_searchsorted)
