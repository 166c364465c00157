"""Padding: constant, edge, reflect, symmetric, wrap, ramps and statistics of the borders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot.api.eager import trace_cached
from ingot.core.interpreter import Tracer
from ingot.core.static import known
from ingot.numpy import primitives as lax
from ingot.numpy.concrete import concrete_int
from ingot.numpy.families import kind_of
from ingot.numpy.functional import apply_along_axis
from ingot.numpy.indexing import getitem
from ingot.numpy.joining import concatenate
from ingot.numpy.means import mean
from ingot.numpy.promotion import as_array, broadcast, convert
from ingot.numpy.ranges import linspace
from ingot.numpy.reductions import max as max_, min as min_
from ingot.numpy.rounding import round as round_
from ingot.numpy.statistics import median

_OPTIONS: dict[str, tuple[str, ...]] = {
    "constant": ("constant_values",), "edge": (), "empty": (), "linear_ramp": ("end_values",),
    "maximum": ("stat_length",), "mean": ("stat_length",), "median": ("stat_length",),
    "minimum": ("stat_length",), "reflect": ("reflect_type",), "symmetric": ("reflect_type",),
    "wrap": (),
}


def _pairs(name: str, value: Any, rank: int) -> list[tuple[Any, Any]]:
    """One value, one pair, or a pair per axis, as a pair per axis."""
    value = known(value)
    if isinstance(value, Tracer) or np.ndim(value) == 0:
        return [(value, value)] * rank
    rows = [known(row) for row in value]
    if len(rows) == 1 and np.ndim(rows[0]) == 0:
        return [(rows[0], rows[0])] * rank
    if all(np.ndim(r) == 0 for r in rows) and len(rows) == 2:
        return [(rows[0], rows[1])] * rank
    if len(rows) == 1:
        rows = rows * rank
    if len(rows) != rank or any(np.ndim(r) != 1 or len(r) not in (1, 2) for r in rows):
        raise ValueError(f"pad: {name} must be a number, a pair or a pair for each of {rank} axes,"
                         f" got {value!r:.80}")
    return [(r[0], r[-1]) for r in rows]


@trace_cached
def pad(array: Any, pad_width: Any, mode: str | Callable[..., Any] = "constant",
        **kwargs: Any) -> Any:
    """Add borders before and after the elements along each axis.

    array: [...] of any dtype; pad_width: a number, a pair, or a pair for each axis, also a dict;
    mode: "constant" (constant_values=), "empty" (zeros), "edge", "reflect", "symmetric"
    (reflect_type=), "wrap", "linear_ramp" (end_values=), "maximum", "minimum", "mean", "median"
    (stat_length=), or a function of each padded vector, its pair of widths, the axis and kwargs ->
    [...] of the same dtype, longer. Raises ValueError for widths, arguments and empty axes that do
    not fit, NotImplementedError for other modes.

    >>> jnp.pad(np.array([1, 2, 3]), (2, 1), "reflect")
    Array([3, 2, 1, 2, 3, 2], dtype=int64)
    """
    array = as_array("pad", array)
    widths = _widths(pad_width, rank := array.aval.ndim)
    if callable(mode):
        return _by_function(array, widths, mode, kwargs)
    if mode not in _OPTIONS:
        raise NotImplementedError(f"pad: no mode {mode!r}; there are {', '.join(_OPTIONS)}")
    unknown = set(kwargs) - set(_OPTIONS[mode])
    if unknown:
        raise ValueError(f"pad: mode {mode!r} has no argument {', '.join(sorted(unknown))}")
    if mode in ("constant", "empty"):
        return _constant(array, widths, kwargs.get("constant_values", 0))
    for axis, (before, after) in enumerate(widths):
        if not (before or after):
            continue
        if not array.aval.shape[axis]:
            raise ValueError(f"pad: the empty axis {axis} of {array.aval} cannot be extended in"
                             f" mode {mode!r}")
        if mode in ("edge", "reflect", "symmetric", "wrap"):
            array = _indexed(array, axis, before, after, mode, kwargs.get("reflect_type", "even"))
        elif mode == "linear_ramp":
            ends = _pairs("end_values", kwargs.get("end_values", 0), rank)[axis]
            array = _ramp(array, axis, before, after, ends)
        else:
            pair = _pairs("stat_length", kwargs.get("stat_length"), rank)[axis]
            array = _statistic(array, axis, before, after, mode, pair)
    return array


def _widths(pad_width: Any, rank: int) -> list[Any]:
    """How many elements come before and after, for each axis."""
    if isinstance(pad_width, dict):
        widths: list[Any] = [(0, 0)] * rank
        for axis, width in pad_width.items():
            widths[axis] = _pairs("pad_width", width, 1)[0]
    else:
        widths = _pairs("pad_width", pad_width, rank)
    widths = [tuple(concrete_int("pad", n, "pad_width") for n in pair) for pair in widths]
    if any(n < 0 for pair in widths for n in pair):
        raise ValueError(f"pad: widths must not be negative, got {widths}")
    return widths


def _constant(array: Any, widths: Sequence[Any], values: Any) -> Any:
    pairs = _pairs("constant_values", values, array.aval.ndim)
    rank = array.aval.ndim
    first = pairs[0] if pairs else (0, 0)
    if all(v is first[0] for pair in pairs for v in pair):
        fill = convert(first[0], array.aval.dtype, array.aval.weak_type)
        return lax.pad(array, fill, [(a, b, 0) for a, b in widths])
    for axis, (pair, width) in enumerate(zip(pairs, widths, strict=True)):
        for value, before, after in ((pair[0], width[0], 0), (pair[1], 0, width[1])):
            config = [(0, 0, 0)] * rank
            config[axis] = (before, after, 0)
            array = lax.pad(array, convert(value, array.aval.dtype, array.aval.weak_type), config)
    return array


def _indexed(array: Any, axis: int, before: int, after: int, mode: str, reflect_type: str) -> Any:
    """Modes that repeat elements: one gather; odd reflection mirrors at the border's value."""
    n = array.aval.shape[axis]
    i = np.arange(-before, n + after)
    if mode == "edge":
        source = np.clip(i, 0, n - 1)
    elif mode == "wrap":
        source = i % n
    elif mode == "symmetric":
        source = i % (2 * n)
        source = np.where(source < n, source, 2 * n - 1 - source)
    else:
        period = max(2 * (n - 1), 1)
        source = i % period
        source = np.where(source < n, source, period - source)
    if reflect_type not in ("even", "odd"):
        raise ValueError(f"pad: reflect_type must be 'even' or 'odd', got {reflect_type!r}")
    if reflect_type == "even" or mode in ("edge", "wrap"):
        return getitem(array, (*(slice(None),) * axis, source))
    return _odd(array, axis, before, after, mode)


def _odd(array: Any, axis: int, before: int, after: int, mode: str) -> Any:
    skip = 1 if mode == "reflect" else 0
    while before or after:
        n = array.aval.shape[axis]
        most = n - skip if n > 1 or not skip else 1
        left, right = min(before, most), min(after, most)

        def take(index: np.ndarray, source: Any = array) -> Any:
            return getitem(source, (*(slice(None),) * axis, index % source.aval.shape[axis]))

        first, last = take(np.array([0])), take(np.array([n - 1]))
        head = 2 * first - take(np.arange(left - 1 + skip, skip - 1, -1))
        tail = 2 * last - take(n - 1 - skip - np.arange(right))
        array = concatenate([head, array, tail], axis)
        before, after = before - left, after - right
    return array


def _ramp(array: Any, axis: int, before: int, after: int, ends: tuple[Any, Any]) -> Any:
    n = array.aval.shape[axis]
    edges = [lax.squeeze(lax.slice_in_dim(array, i, i + 1, axis=axis), (axis,)) for i in (0, n - 1)]
    parts = [linspace(end, edge, count, endpoint=False, dtype=array.aval.dtype, axis=axis)
             for end, edge, count in zip(ends, edges, (before, after), strict=True)]
    return lax.concatenate([parts[0], array, lax.rev(parts[1], (axis,))], axis)


def _statistic(array: Any, axis: int, before: int, after: int, mode: str,
               lengths: tuple[Any, Any]) -> Any:
    function = {"maximum": max_, "minimum": min_, "mean": mean, "median": median}[mode]
    n = array.aval.shape[axis]
    parts = []
    for width, length, front in ((before, lengths[0], True), (after, lengths[1], False)):
        size = n if length is None else min(concrete_int("pad", length, "stat_length"), n)
        if size <= 0:
            raise ValueError(f"pad: stat_length must be positive, got {length}")
        border = lax.slice_in_dim(array, 0 if front else n - size, size if front else n, axis=axis)
        value = function(border, axis=axis, keepdims=True)
        if kind_of(array) in "iu":
            value = round_(value)
        value = convert(value, array.aval.dtype)
        shape = tuple(width if i == axis else m for i, m in enumerate(array.aval.shape))
        parts.append(broadcast(value, shape))
    return lax.concatenate([parts[0], array, parts[1]], axis)


def _by_function(array: Any, widths: Sequence[Any], mode: Callable[..., Any], kwargs: Any) -> Any:
    """The function gets each padded vector, its widths, the axis and the keywords."""
    out = lax.pad(array, convert(0, array.aval.dtype), [(a, b, 0) for a, b in widths])
    for axis, width in enumerate(widths):
        out = apply_along_axis(mode, axis, out, width, axis, kwargs)
    return out


