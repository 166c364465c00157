"""Reductions in StableHLO: along axes, the place of an extreme, over windows, cumulative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.backends.xla.elementwise import is_nan, maximum, minimum
from ingot.backends.xla.rules import RULES, rule
from ingot.backends.xla.stablehlo import Builder, Value
from ingot.backends.xla.types import device_dtype

Pair = Callable[[Builder, Value, Value], Value]


def _extreme_of(dtype: np.dtype, low: bool) -> Any:
    """The least or greatest number of a dtype."""
    kind = dtypes.kind(dtype)
    if kind == "b":
        return not low
    if kind in "iu":
        limits = dtypes.iinfo(dtype)
        return limits.min if low else limits.max
    end = -np.inf if low else np.inf
    if kind == "c":
        return complex(end, end)
    limits = dtypes.finfo(dtype)
    has_infinity = np.isinf(np.asarray(np.inf).astype(dtype).astype(np.float32))
    return end if has_infinity else limits.min if low else limits.max


def lowest(dtype: np.dtype) -> Any:
    """Return what no maximum with it changes."""
    return _extreme_of(dtype, True)


def highest(dtype: np.dtype) -> Any:
    """Return what no minimum with it changes."""
    return _extreme_of(dtype, False)


def pair(name: str) -> Pair:
    """Return an operation of two arrays by its name in StableHLO."""
    return lambda b, x, y: b.same(name, x, y)


COMBINATIONS: dict[str, tuple[Pair, Callable[[np.dtype], Any]]] = {
    "sum": (pair("add"), lambda d: 0), "prod": (pair("multiply"), lambda d: 1),
    "max": (maximum, lowest), "min": (minimum, highest),
    "or": (pair("or"), lambda d: 0), "xor": (pair("xor"), lambda d: 0),
    "and": (pair("and"), lambda d: True if d == np.bool_ else np.invert(np.zeros((), d))),
}  # fmt: skip
"""How two elements are combined, and what changes nothing."""


def accumulator_dtype(dtype: np.dtype) -> np.dtype:
    """Return the dtype in which sums and products of a dtype are taken."""
    narrow = dtypes.kind(dtype) == "f" and dtype.itemsize < 4
    return dtypes.float32 if narrow else dtype


def _reduction(name: str) -> Any:
    combine, neutral = COMBINATIONS[name]

    def apply(b: Builder, x: Value, out: Any, axes: Any, **_: Any) -> Value:
        if not axes:
            return x
        wide = b.convert(x, accumulator_dtype(x.dtype))
        init = b.full((), neutral(wide.dtype), wide.dtype)
        (found,) = b.reduce([wide], [init], axes, lambda b, p, q: [combine(b, p, q)])
        return b.convert(found, x.dtype)

    return apply


RULES.update({f"reduce_{name}": _reduction(name) for name in COMBINATIONS})


def arg_of_extreme(direction: str, dtype: np.dtype) -> Any:
    """Return what chooses one of two (element, place): the more extreme element, NaN above all,
    and of equal ones the first."""
    floating = dtypes.kind(dtype) == "f"

    def better(b: Builder, p: Value, i: Value, q: Value, j: Value) -> list[Value]:
        wins, tie = b.compare(direction, p, q), b.compare("EQ", p, q)
        if floating:
            p_nan, q_nan = is_nan(b, p), is_nan(b, q)
            wins = b.same("or", wins, b.same("and", p_nan, b.same("not", q_nan)))
            tie = b.same("or", tie, b.same("and", p_nan, q_nan))
        keep = b.same("or", wins, b.same("and", tie, b.compare("LT", i, j)))
        return [b.select(keep, p, q), b.select(keep, i, j)]

    return better


def _arg_extreme(direction: str) -> Any:
    def apply(b: Builder, x: Value, out: Any, axes: Any, index_dtype: Any) -> Value:
        (axis,) = axes
        places = b.iota(x.shape, device_dtype(index_dtype), axis)
        start = lowest(x.dtype) if direction == "GT" else highest(x.dtype)
        # The place of what the reduction starts from is after all others.
        last = dtypes.iinfo(places.dtype).max
        inits = [b.full((), start, x.dtype), b.full((), last, places.dtype)]
        return b.reduce([x, places], inits, axes, arg_of_extreme(direction, x.dtype))[1]

    return apply


RULES["argmax"], RULES["argmin"] = _arg_extreme("GT"), _arg_extreme("LT")


@rule("two_norm")
def _two_norm(b: Builder, x: Value, out: Any, axes: Any) -> Value:
    """The norm, scaled by the largest element so that squares neither overflow nor underflow."""
    dtype = device_dtype(out.dtype)
    size = b.op("stablehlo.abs", [x], x.shape, dtype)
    top = b.reduce_by("maximum", size, 0, axes)
    zero, infinite = b.full_like(top, 0), b.full_like(top, np.inf)
    plain = b.same("or", b.compare("EQ", top, zero), b.compare("EQ", top, infinite))
    scale = b.select(plain, b.full_like(top, 1), top)
    kept = [a for a in range(len(x.shape)) if a not in axes]
    ratio = b.same("divide", size, b.broadcast(scale, x.shape, kept))
    total = b.reduce_by("add", b.same("multiply", ratio, ratio), 0, axes)
    return b.same("multiply", scale, b.same("sqrt", total))
