"""Counting: bincount and histograms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.array import from_numpy
from ingot.core.interpreter import typeof
from ingot.errors import ShardingTypeError
from ingot.numpy import primitives as lax
from ingot.numpy.arithmetic import divide
from ingot.numpy.concrete import at_hand, concrete, concrete_int
from ingot.numpy.creation import asarray, ones
from ingot.numpy.families import kind_of, like
from ingot.numpy.indexing import getitem
from ingot.numpy.logic import where
from ingot.numpy.manipulation import ravel, transpose
from ingot.numpy.promotion import as_array, broadcast, convert, inexact, promote_dtypes
from ingot.numpy.ranges import linspace
from ingot.numpy.reductions import max as max_, min as min_, sum as sum_
from ingot.numpy.signal import diff
from ingot.numpy.sorting import searchsorted
from ingot.primitives.constraint import own_part
from ingot.primitives.out_sharding import divided, end_of


def bincount(x: Any, weights: Any = None, minlength: int = 0, *, length: int | None = None,
             out_sharding: Any = None) -> Any:
    """Count how often each integer occurs, or sum its weights.

    x: [m] integers or booleans, negative ones count as 0; weights: [m]; minlength: least length of
    the result; length: its length, needed in traced code; larger integers are dropped;
    out_sharding: how Explicit axes divide the result -> [max(x) + 1] of the default integer, or the
    dtype of `weights`. Raises TypeError for other dtypes, ValueError for other shapes and a
    negative minlength, ShardingTypeError if out_sharding divides the result.

    >>> jnp.bincount(np.array([0, 2, 2]), weights=np.array([0.5, 1.0, 2.0]))
    Array([0.5, 0. , 3. ], dtype=float64)
    """
    x = as_array("bincount", x)
    if kind_of(x) not in "iub":
        raise TypeError(f"bincount: integers are needed, got {x.aval}")
    if out_sharding is not None and getattr(out_sharding, "spec", out_sharding).names():
        raise ShardingTypeError("bincount: the result can only be fully replicated or fully"
                                f" unreduced, got {out_sharding!r}; reshard it")
    x = convert(x, dtypes.int32) if kind_of(x) == "b" else x
    dropped = own_part(x, out_sharding, end_of(x.aval.dtype, lowest=False))
    return divided("bincount", _bincount, out_sharding, dropped, weights, minlength, length)


def _bincount(x: Any, weights: Any, minlength: Any, length: Any) -> Any:
    if x.aval.ndim != 1:
        raise ValueError(f"bincount: a vector is needed, got {x.aval}")
    minlength = concrete_int("bincount", minlength, "minlength")
    if minlength < 0:
        raise ValueError(f"bincount: minlength must not be negative, got {minlength}")
    if length is None:
        data = concrete("bincount", x, "the array (without `length`)",
                        "give length=n, the number of counts")
        length = max(minlength, int(data.max()) + 1 if data.size else 0, 0)
    else:
        length = concrete_int("bincount", length, "length")
    counted = ones(x.aval.shape, dtypes.default_int()) if weights is None else as_array(
        "bincount", weights)
    data = at_hand(x)
    if weights is None and data is not None:
        return from_numpy(_counted(data, length))
    if counted.aval.shape != x.aval.shape:
        raise ValueError(f"bincount: weights {counted.aval} do not fit {x.aval}")
    zero = broadcast(convert(0, counted.aval.dtype), (length,))
    place = lax.max(x, like(x, 0)) if kind_of(x) == "i" else x
    return zero.at[place].add(counted, mode="drop")


def _counted(x: np.ndarray, length: int) -> np.ndarray:
    """How often each integer below `length` occurs; negative ones count as 0."""
    if x.dtype == np.uint64:
        x = np.minimum(x, np.uint64(length)).astype(np.int64)
    counts = np.bincount(np.clip(x, 0, length), minlength=length)
    return counts[:length].astype(dtypes.default_int())


def _estimated(rule: str, a: Any, range: Any, weights: Any) -> int:
    """How many bins a rule of NumPy's asks for; the data must be known, as lengths depend on it."""
    if weights is not None:
        raise TypeError(f"histogram_bin_edges: bins={rule!r} does not support weights; give a"
                        " number of bins or edges")
    what = f"for bins={rule!r} the data"
    known = [np.asarray(concrete("histogram_bin_edges", x, what))
             for x in ((a,) if range is None else (a, *range))]
    edges = np.histogram_bin_edges(known[0], rule, None if range is None else (
        float(known[1]), float(known[2])))
    return len(edges) - 1


def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    """Return the edges of the bins of a histogram.

    a: numbers; bins: how many, of one width, or the edges, or the name of one of NumPy's rules
    ("auto", "fd", "doane", "scott", "stone", "rice", "sturges", "sqrt"; not for traced numbers);
    range: first and last edge, by default those of the numbers -> [bins + 1] floats. Raises
    ValueError for edges or a range that fall, and one not finite, if they are known, TypeError for
    weights with a rule.

    >>> jnp.histogram_bin_edges(np.array([0, 1, 4]), 4)
    Array([0., 1., 2., 3., 4.], dtype=float64)
    """
    if isinstance(bins, str):
        bins = _estimated(bins, a, range, weights)
    if np.ndim(bins) if not hasattr(bins, "ndim") else bins.ndim:
        return _increasing(inexact("histogram_bin_edges", bins))
    a = ravel(a)
    dtype = dtypes.to_inexact_dtype(a.aval.dtype)
    if range is not None:
        bounds = convert(asarray(range), dtype)
        low, high = getitem(bounds, 0), getitem(bounds, 1)
    elif a.aval.size:
        low, high = (convert(f(a), dtype) for f in (min_, max_))
    else:
        low, high = convert(0.0, dtype), convert(1.0, dtype)
    _check_range(low, high, range is not None)
    same, half = lax.eq(low, high), convert(0.5, dtype)
    low = lax.select(same, lax.sub(low, half), low)
    high = lax.select(same, lax.add(high, half), high)
    count = concrete_int("histogram_bin_edges", bins, "bins")
    if count < 1:
        raise ValueError(f"histogram_bin_edges: bins must be at least 1, got {count}")
    return linspace(low, high, count + 1, dtype=dtype)


def _increasing(edges: Any) -> Any:
    """Edges as they are; ValueError if they are known, and fall."""
    known = at_hand(edges)
    if known is not None and known.ndim == 1 and np.any(known[1:] < known[:-1]):
        raise ValueError(f"histogram: the edges of bins must not fall, got {known}")
    return edges


def _check_range(low: Any, high: Any, given: bool) -> None:
    """ValueError for a known range that is none."""
    first, last = at_hand(low), at_hand(high)
    if first is None or last is None:
        return
    low, high = float(first), float(last)
    if not (math.isfinite(low) and math.isfinite(high)):
        what = "the range" if given else "the range of the data"
        raise ValueError(f"histogram: {what} must be finite, got [{low}, {high}]; give a `range`"
                         " that is, or edges")
    if low > high:
        raise ValueError(f"histogram: the range must not fall, got ({low}, {high})")


def histogram(a: Any, bins: Any = 10, range: Any = None, weights: Any = None,
              density: bool | None = None, *, out_sharding: Any = None) -> tuple[Any, Any]:
    """Count numbers in bins; the last bin contains its upper edge.

    a: numbers, flattened; bins, range: as for `histogram_bin_edges`, with the same errors; weights:
    like `a`, summed instead of 1; density: whether counts are divided by their total and the
    widths; out_sharding: how Explicit axes divide the result -> counts [bins] floats, or of the
    dtype of `weights`, and edges [bins + 1]. Raises ValueError for weights that do not fit.

    >>> jnp.histogram(np.array([0.0, 0.2, 1.0]), 2)
    (Array([2., 1.], dtype=float64), Array([0. , 0.5, 1. ], dtype=float64))
    """
    if out_sharding is not None:
        counts, edges = histogram(a, bins, range, weights, density)
        return divided("histogram", lambda x: x, out_sharding, counts), edges
    a = as_array("histogram", a)
    weights = None if weights is None else as_array("histogram", weights)
    if weights is not None and weights.aval.shape != a.aval.shape:
        raise ValueError(f"histogram: weights {weights.aval} do not fit {a.aval}")
    edges = histogram_bin_edges(a, bins, range, weights)
    a, edges = _alike("histogram", ravel(a), edges)
    counted = ones((a.aval.size,), dtypes.default_int()) if weights is None else ravel(weights)
    counts = _counts(_bin(a, edges), counted, edges.aval.size - 1)
    counts = convert(counts, a.aval.dtype) if weights is None else counts
    if density:
        widths = convert(diff(edges), counts.aval.dtype)
        counts = divide(divide(counts, widths), sum_(counts))
    return counts, edges


def _alike(name: str, a: Any, edges: Any) -> list[Any]:
    """Values and edges in one inexact dtype, also where promotion is strict."""
    return promote_dtypes(name, inexact(name, a), edges, kind="inexact")


def _bin(a: Any, edges: Any) -> Any:
    """The bin of each element, or one beyond the last if it is in none."""
    n = edges.aval.size
    place = searchsorted(edges, a, side="right")
    last = lax.eq(a, broadcast(getitem(edges, -1), a.aval.shape))
    place = lax.select(last, like(place, n - 1), place)
    outside = lax.bitwise_or(lax.eq(place, like(place, 0)), lax.ne(a, a))
    return lax.select(outside, like(place, n - 1), lax.sub(place, like(place, 1)))


def _counts(place: Any, counted: Any, n: int) -> Any:
    zero = broadcast(convert(0, counted.aval.dtype), (n,))
    return zero.at[place].add(counted, mode="drop")


def histogram2d(x: Any, y: Any, bins: Any = 10, range: Any = None, weights: Any = None,
                density: bool | None = None) -> tuple[Any, Any, Any]:
    """Count pairs in the rectangles of two axes of bins.

    x, y: [m]; bins: as for `histogram`, for both or a pair; range: None or a pair of pairs;
    weights: [m]; density: whether counts are divided by their total and the areas -> counts [nx,
    ny] of the default integer, or floats, and edges [nx + 1], [ny + 1]. Raises ValueError for other
    shapes, and as `histogram`.

    >>> jnp.histogram2d(np.array([0.0, 1.0, 1.0]), np.array([0.0, 1.0, 0.0]), 2)[0]
    Array([[1, 0],
           [1, 1]], dtype=int64)
    """
    x, y = as_array("histogram2d", x), as_array("histogram2d", y)
    if x.aval.shape != y.aval.shape or x.aval.ndim != 1:
        raise ValueError(f"histogram2d: vectors of one length are needed, got {x.aval}, {y.aval}")
    several = isinstance(bins, (list, tuple)) or getattr(bins, "ndim", 0) > 0
    if several and len(bins) not in (1, 2):
        bins = [asarray(bins)] * 2
    sample = transpose(lax.concatenate([lax.reshape(v, (1, v.aval.size)) for v in promote_dtypes(
        "histogram2d", x, y)], 0))
    counts, edges = histogramdd(sample, bins, range, weights, density)
    return counts, edges[0], edges[1]


def histogramdd(sample: Any, bins: Any = 10, range: Sequence[Any] | None = None,
                weights: Any = None, density: bool | None = None) -> tuple[Any, list[Any]]:
    """Count points in the boxes of several axes of bins.

    sample: [m, d], points in rows; bins: as for `histogram`, for all axes or a list; range: None or
    a list of pairs; weights: [m]; density: whether counts are divided by their total and the
    volumes -> counts [n_1, ..., n_d] of the default integer, or floats, and the list of edges.
    Raises ValueError for other shapes and numbers of bins or ranges, and as `histogram`.

    >>> jnp.histogramdd(np.array([[0.0, 0.0], [1.0, 0.5]]), [2, 1])[0]
    Array([[1],
           [1]], dtype=int64)
    """
    sample = as_array("histogramdd", sample)
    if sample.aval.ndim != 2:
        raise ValueError(f"histogramdd: points must be the rows of a matrix, got {sample.aval}")
    points, rank = sample.aval.shape
    several = isinstance(bins, (list, tuple)) or getattr(bins, "ndim", 0) > 0
    per_axis = list(bins) if several else [bins] * rank
    for what, given in (("bins", per_axis), ("a range", range)):
        if given is not None and len(given) != rank:
            raise ValueError(
                f"histogramdd: {what} for each of {rank} axes must be given, got {len(given)}")
    edges, flat, inside = [], None, None
    for i, b in enumerate(per_axis):
        column = getitem(sample, (slice(None), i))
        limits = None if range is None else range[i]
        edge = histogram_bin_edges(column, b, limits, weights)
        column, edge = _alike("histogramdd", column, edge)
        place, n = _bin(column, edge), edge.aval.size - 1
        valid = lax.lt(place, like(place, n))
        flat = place if flat is None else lax.add(lax.mul(flat, like(flat, n)), place)
        inside = valid if inside is None else lax.bitwise_and(inside, valid)
        edges.append(edge)
    shape = tuple(e.aval.size - 1 for e in edges)
    total = int(np.prod(shape))
    counted = ones((points,), dtypes.default_int()) if weights is None else \
        convert(as_array("histogramdd", weights), dtypes.to_inexact_dtype(typeof(weights).dtype))
    counts = lax.reshape(_counts(where(inside, flat, total), counted, total), shape)
    return _density(counts, edges) if density else counts, edges


def _density(counts: Any, edges: Sequence[Any]) -> Any:
    counts = divide(counts, sum_(counts))
    for i, e in enumerate(edges):
        widths = convert(diff(e), counts.aval.dtype)
        counts = divide(counts, lax.broadcast_in_dim(widths, counts.aval.shape, (i,)))
    return counts


