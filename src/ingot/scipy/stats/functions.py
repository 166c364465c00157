"""Mode, ranks and the standard error of the mean."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ingot import dtypes
from ingot.api.vmap import vmap
from ingot.numpy import primitives as lax
from ingot.numpy.arithmetic import sqrt
from ingot.numpy.families import kind_of
from ingot.numpy.functional import apply_along_axis
from ingot.numpy.joining import concatenate
from ingot.numpy.logic import where
from ingot.numpy.manipulation import moveaxis, ravel
from ingot.numpy.means import std
from ingot.numpy.nanreductions import cumsum, nanstd
from ingot.numpy.promotion import as_array, convert, inexact
from ingot.numpy.reductions import any as any_, argmax, axes_of, keep_dims, sum as sum_
from ingot.numpy.sorting import argsort


class ModeResult(NamedTuple):
    """Most frequent values and how often they occur."""

    mode: Any
    count: Any


def _policy(name: str, nan_policy: str, allowed: tuple[str, ...]) -> None:
    if nan_policy not in ("propagate", "omit", "raise"):
        raise ValueError(f"{name}: nan_policy must be 'propagate', 'omit' or 'raise', got"
                         f" {nan_policy!r}")
    if nan_policy not in allowed:
        raise NotImplementedError(f"{name}: nan_policy {nan_policy!r} is not supported")


def mode(a: Any, axis: int | None = 0, nan_policy: str = "propagate",
         keepdims: bool = False) -> ModeResult:
    """Find the most frequent value along an axis, the smallest of several, and its count.

    a: [..., n, ...] of any real dtype. axis: an integer, or None for the whole array. nan_policy:
    must be 'propagate'; all nan are equal. keepdims: whether the axis stays with length 1 ->
    ModeResult(mode [...], count [...]). Raises ValueError for an empty axis, NotImplementedError
    for another nan_policy.

    >>> stats.mode(np.array([1, 2, 2]))
    ModeResult(mode=Array(2, dtype=int64), count=Array(2, dtype=int64))
    """
    _policy("mode", nan_policy, ("propagate",))
    a = as_array("mode", a)
    shape, rank = a.aval.shape, a.aval.ndim
    axes = axes_of("mode", axis, rank)
    if axis is None:
        a = ravel(a)
    front = moveaxis(a, 0 if axis is None else axes[0], -1)
    n = front.aval.shape[-1]
    if not n:
        raise ValueError(f"mode: an empty axis has no mode: {a.aval}")
    rows = lax.reshape(front, (front.aval.size // n, n))

    def one(row: Any) -> tuple[Any, Any]:
        ordered = lax.sort(row)
        after, before = ordered[1:], ordered[:-1]  # nan are the last
        new = concatenate([np.ones(1, bool), (after != before) & (before == before)])
        group = cumsum(new) - 1
        counts = convert(0, dtypes.default_int()) + np.zeros(n, np.int64)
        counts = counts.at[group].add(1)
        best = argmax(counts)
        best_everywhere = lax.broadcast_in_dim(convert(best, group.aval.dtype), (n,), ())
        first = argmax(lax.eq(group, best_everywhere))
        return ordered[first], counts[best]

    values, counts = vmap(one)(rows)
    lead = front.aval.shape[:-1]
    out = [lax.reshape(x, lead) for x in (values, counts)]
    return ModeResult(*(keep_dims(x, shape, axes) if keepdims else x for x in out))


def rankdata(a: Any, method: str = "average", *, axis: int | None = None,
             nan_policy: str = "propagate") -> Any:
    """Rank the elements of an array from 1.

    a: [...] of any real dtype. method: the rank of ties, their 'average', 'min', 'max', 'dense'
    (without gaps) or 'ordinal' (in order of place). axis: that along which they are ranked, or None
    for the whole array, flattened. nan_policy: beside nan 'propagate' makes all ranks nan, 'omit'
    those of nan alone -> the shape of a, in the default float. Raises ValueError for other methods,
    NotImplementedError for another nan_policy.

    >>> stats.rankdata(np.array([3.0, 1.0, 3.0]))
    Array([2.5, 1. , 2.5], dtype=float64)
    """
    _policy("rankdata", nan_policy, ("propagate", "omit"))
    if method not in ("average", "min", "max", "dense", "ordinal"):
        raise ValueError(f"rankdata: no method {method!r}")
    a = as_array("rankdata", a)
    if axis is not None:
        return apply_along_axis(lambda v: rankdata(v, method, nan_policy=nan_policy), axis, a)
    a = ravel(a)
    ranks, missing = _rank(a, method), lax.ne(a, a)
    if kind_of(a) != "f":
        return ranks
    # What is missing comes last in order, so the others have the ranks they would have alone.
    return where(any_(missing) if nan_policy == "propagate" else missing, math.nan, ranks)


def _rank(a: Any, method: str) -> Any:
    """Ranks of the elements of a vector."""
    n = a.aval.size
    int_ = dtypes.default_int()
    order = argsort(a)
    inverse = convert(np.zeros(n), int_).at[order].set(lax.iota(int_, n))
    if method == "ordinal":
        return _ranks(inverse + 1)
    ordered = a[order]
    new = concatenate([np.ones(min(n, 1), bool), lax.ne(ordered[1:], ordered[:-1])])
    dense = cumsum(convert(new, int_))[inverse]
    if method == "dense":
        return _ranks(dense)
    # Where groups of ties begin; the last bound is the number of elements.
    starts = concatenate([where(new, size=n, fill_value=n)[0], convert(np.full(1, n), int_)])
    if method == "max":
        return _ranks(starts[dense])
    if method == "min":
        return _ranks(starts[dense - 1] + 1)
    return 0.5 * _ranks(starts[dense] + starts[dense - 1] + 1)


def _ranks(x: Any) -> Any:
    return convert(x, dtypes.default_float())


def sem(a: Any, axis: int | None = 0, ddof: int = 1, nan_policy: str = "propagate", *,
        keepdims: bool = False) -> Any:
    """Standard error of the mean along an axis: the standard deviation divided by sqrt(n).

    a: [..., n, ...]. axis: an integer, or None for the whole array. ddof: what is taken off n in
    the variance. nan_policy: 'propagate', or 'omit' to leave nan out. keepdims: whether the axis
    stays with length 1 -> [...] floating. Raises NotImplementedError for nan_policy 'raise'.

    >>> stats.sem(np.array([1.0, 3.0]))
    Array(1., dtype=float64)
    """
    _policy("sem", nan_policy, ("propagate", "omit"))
    a = inexact("sem", a)
    axes = axes_of("sem", axis, a.aval.ndim)
    if nan_policy == "propagate":
        size = float(np.prod([a.aval.shape[i] for i in axes]))
        return std(a, axes, ddof=ddof, keepdims=keepdims) / size**0.5
    count = sum_(lax.eq(a, a), axes, keepdims=keepdims)
    return nanstd(a, axes, ddof=ddof, keepdims=keepdims) / sqrt(convert(count, a.aval.dtype))
