"""Order statistics and correlations: median, quantiles, covariance."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.api.eager import trace_cached
from ingot.core.array import from_numpy
from ingot.core.interpreter import Tracer
from ingot.core.symbolic import is_symbolic
from ingot.numpy import primitives as lax
from ingot.numpy.arithmetic import multiply
from ingot.numpy.concrete import at_hand, concrete_int
from ingot.numpy.families import kind_of, like
from ingot.numpy.joining import concatenate
from ingot.numpy.logic import clip, where
from ingot.numpy.manipulation import moveaxis
from ingot.numpy.means import average, wide
from ingot.numpy.products import dot
from ingot.numpy.promotion import (
    as_array,
    broadcast,
    convert,
    inexact,
    promote_dtypes,
    unsupported,
    user_dtype,
)
from ingot.numpy.reductions import Axis, all as all_, any as any_, axes_of, sum as sum_
from ingot.numpy.rounding import real
from ingot.numpy.sorting import sort, take_along_axis
from ingot.numpy.triangles import diagonal
from ingot.primitives.out_sharding import takes_out_sharding

# ---- quantiles ----

# Continuous methods of Hyndman and Fan: the position of quantile q among n sorted elements is
# q (n + 1 - a - b) + a - 1.
_CONTINUOUS = {
    "linear": (1, 1), "interpolated_inverted_cdf": (0, 1), "hazen": (0.5, 0.5), "weibull": (0, 0),
    "median_unbiased": (1 / 3, 1 / 3), "normal_unbiased": (3 / 8, 3 / 8),
}
_DISCRETE = ("lower", "higher", "midpoint", "nearest", "inverted_cdf", "averaged_inverted_cdf",
             "closest_observation")


def _quantile(name: str, a: Any, q: Any, axis: Axis, method: str, keepdims: bool,
              skip_nan: bool, weights: Any) -> Any:
    if method not in _CONTINUOUS and method not in _DISCRETE:
        raise ValueError(f"{name}: no method {method!r}; there are"
                         f" {', '.join([*_CONTINUOUS, *_DISCRETE])}")
    known = None if isinstance(q, Tracer) else np.ravel(np.asarray(q, float))
    a, q = inexact(name, a), inexact(name, q)
    if kind_of(a) == "c":
        raise ValueError(f"{name}: complex numbers have no order, got {a.aval}")
    result = a.aval.dtype
    # Ranks are as exact as can be, whatever the dtype of the elements.
    level = convert(q, dtypes.promote_types(q.aval.dtype, dtypes.default_float()))
    a = convert(a, dtypes.float32 if result.itemsize < 4 else result)
    a, q = promote_dtypes(name, a, q)
    shape, asked = a.aval.shape, q.aval.shape
    if q.aval.ndim > 1:
        q, level = (lax.reshape(v, (q.aval.size,)) for v in (q, level))
    axes = axes_of(name, axis, len(shape))
    kept = [i for i in range(len(shape)) if i not in axes]
    rows = lax.transpose(a, [*kept, *axes])
    rows = lax.reshape(rows, (*(shape[i] for i in kept), math.prod(shape[i] for i in axes)))
    if weights is not None:
        if method != "inverted_cdf":
            raise ValueError(f"{name}: weights need method 'inverted_cdf', got {method!r}")
        out = _weigh(name, rows, q, weights, shape, axes, kept, skip_nan)
    else:
        out = _of_rows(rows, level, method, skip_nan, known)
    lengths = [1 if i in axes else n for i, n in enumerate(shape) if keepdims or i not in axes]
    return lax.reshape(convert(out, result), (*asked, *lengths))


SHORT = 512
"""Elements of a row up to which it is sorted whole."""


def _picker(rows: Any, known: np.ndarray | None) -> Callable[[Any], Any]:
    """Elements at places of the sorted rows: of long rows few are selected, if levels are known.

    Whatever the method, a quantile q of n elements is made of those around rank q n.
    """
    n, last = rows.aval.shape[-1], rows.aval.ndim - 1
    few = known is not None and not is_symbolic(n) and n > SHORT and 50 * known.size < n
    if not few:
        ordered = sort(rows)
        return lambda index: take_along_axis(ordered, index, -1, "clip")
    assert known is not None
    ranks = np.floor(np.nan_to_num(np.clip(known, 0, 1)) * n)[:, None] + np.arange(-2, 3)
    places = lax.argpartition(rows, tuple(np.unique(np.clip(ranks, 0, n - 1)).astype(int)), last)
    return lambda index: take_along_axis(
        rows, take_along_axis(places, index, -1, "clip"), -1, "clip")


def _of_rows(rows: Any, q: Any, method: str, skip_nan: bool, known: np.ndarray | None) -> Any:
    """Quantiles along the last axis, those of q first."""
    data = at_hand(rows)
    if skip_nan and data is not None and data.size == data.shape[-1]:
        data = data[data == data]
        rows, skip_nan = from_numpy(data.reshape(*rows.aval.shape[:-1], data.size)), not data.size
    n = rows.aval.shape[-1]
    lead = rows.aval.shape[:-1]
    ordered = _picker(rows, None if skip_nan else known)
    bad = lax.ne(rows, rows)
    dtype = rows.aval.dtype
    if skip_nan:
        count = lax.reduce_sum(convert(lax.bitwise_not(bad), q.aval.dtype), (len(lead),))
    else:
        count = broadcast(convert(float(n), q.aval.dtype), lead)
    rank = q.aval.ndim
    full = (*q.aval.shape, *lead)
    count = lax.broadcast_in_dim(count, full, range(rank, len(full)))
    qs = lax.broadcast_in_dim(q, full, range(rank))
    low, high, share = _positions(qs, count, method)
    pick = [convert(_pick(ordered, n, i, count, rank), dtype) for i in (low, high)]
    share = convert(share, dtype)
    # At an element itself the slope jumps: 0 there, as in JAX.
    share = lax.select(lax.eq(share, like(share, 0)), like(share, 0), share)
    below = lax.select(lax.eq(share, like(share, 1)), like(share, 0), pick[0])
    above = lax.select(lax.eq(share, like(share, 0)), like(share, 0), pick[1])
    out = lax.add(lax.mul(below, lax.sub(like(share, 1), share)), lax.mul(above, share))
    wrong = lax.ne(qs, qs)
    if skip_nan:
        wrong = lax.bitwise_or(wrong, lax.eq(count, like(count, 0)))
    else:
        any_bad = lax.reduce_or(bad, (len(lead),))
        wrong = lax.bitwise_or(wrong, lax.broadcast_in_dim(any_bad, full, range(rank, len(full))))
    return lax.select(wrong, like(out, math.nan), out)


def _positions(q: Any, n: Any, method: str) -> tuple[Any, Any, Any]:
    """Lower and upper element of a quantile, and the share of the upper one."""
    one, half = like(q, 1), like(q, 0.5)
    if method in _CONTINUOUS or method in ("lower", "higher", "midpoint", "nearest"):
        a, b = _CONTINUOUS.get(method, (1, 1))
        place = lax.sub(lax.add(lax.mul(q, lax.add(n, like(n, 1 - a - b))), like(q, a)), one)
        low = lax.floor(place)
        share = lax.sub(place, low)
        if method == "lower":
            share = like(q, 0)
        elif method == "higher":
            share = convert(lax.gt(share, like(q, 0)), q.aval.dtype)
        elif method == "midpoint":
            share = lax.select(lax.gt(share, like(q, 0)), half, like(q, 0))
        elif method == "nearest":
            low, share = lax.round(place, lax.RoundingMethod.TO_NEAREST_EVEN), like(q, 0)
        return low, lax.add(low, one), share
    place = lax.mul(q, n)
    if method == "closest_observation":  # at ties the even order statistic, counted from 1
        below = lax.sub(place, like(q, 1.5))
        low = lax.floor(below)
        odd = lax.ne(lax.rem(low, like(q, 2)), like(q, 0))
        stay = lax.bitwise_and(lax.eq(below, low), odd)
        low = lax.select(stay, low, lax.add(low, one))
        return low, low, like(q, 0)
    low = lax.sub(lax.ceil(place), one)
    whole = lax.eq(place, lax.floor(place))
    share = like(q, 0)
    if method == "averaged_inverted_cdf":
        share = lax.select(whole, half, share)
    return low, lax.add(low, one), share


def _pick(ordered: Callable[[Any], Any], n: int, place: Any, count: Any, rank: int) -> Any:
    """Elements of sorted rows at float positions, limited to the rows' valid part."""
    index = clip(place, like(place, 0), lax.max(lax.sub(count, like(count, 1)), like(count, 0)))
    index = convert(lax.select(lax.ne(index, index), like(index, 0), index), dtypes.default_int())
    if n == 0:
        return like(place, math.nan)
    full = place.aval.shape
    if rank == 0:
        column = lax.reshape(index, (*full, 1))
        return lax.reshape(ordered(column), full)
    return moveaxis(ordered(moveaxis(index, 0, -1)), -1, 0)


def _weigh(name: str, rows: Any, q: Any, weights: Any, shape: Any, axes: Any, kept: Any,
           skip_nan: bool) -> Any:
    weights = convert(as_array(name, weights), rows.aval.dtype)
    if weights.aval.shape != shape:
        if weights.aval.shape != tuple(shape[i] for i in axes):
            raise ValueError(
                f"{name}: weights {weights.aval} do not fit axes {axes} of shape {shape}")
        weights = lax.broadcast_in_dim(weights, shape, axes)
    weights = lax.reshape(lax.transpose(weights, [*kept, *axes]), rows.aval.shape)
    wrong = lax.ne(rows, rows)
    bad = all_(wrong, -1) if skip_nan else any_(wrong, -1)
    if skip_nan:
        weights = where(wrong, 0, weights)
    ordered, weights = lax.sort([rows, weights], dimension=rows.aval.ndim - 1, num_keys=1)
    total = lax.cumsum(weights, rows.aval.ndim - 1)
    share = lax.div(total, lax.broadcast_in_dim(
        sum_(weights, -1), rows.aval.shape, range(rows.aval.ndim - 1)))

    def one(level: Any) -> Any:
        before = lax.lt(share, broadcast(level, share.aval.shape))
        before = lax.bitwise_or(before, lax.eq(share, like(share, 0)))  # what has no weight
        index = sum_(before, -1, keepdims=True)
        value = lax.squeeze(take_along_axis(ordered, index, -1, "clip"), (rows.aval.ndim - 1,))
        return where(bad, math.nan, value)

    if q.aval.ndim == 0:
        return one(q)
    levels = [one(q[i]) for i in range(q.aval.shape[0])]
    return concatenate([lax.expand_dims(x, (0,)) for x in levels], 0)


def quantile(a: Any, q: Any, axis: Axis = None, out: None = None, overwrite_input: bool = False,
             method: str = "linear", keepdims: bool = False, *, weights: Any = None) -> Any:
    """Compute quantiles over axes, nan where an element is nan.

    a: [...] real; q: [*q] in [0, 1], others are moved there; axis: None (all), an axis or several;
    method: "linear" or another one of NumPy's names (Hyndman and Fan, 1996); keepdims: whether
    reduced axes stay, with length 1; weights: like `a` or its axes, for method "inverted_cdf"
    alone; out, overwrite_input: not supported -> [*q, other axes] floats. Raises ValueError for
    complex numbers, other methods, and weights that do not fit.

    >>> jnp.quantile(np.array([1.0, 3.0, 4.0]), np.array([0.25, 0.5]))
    Array([2., 3.], dtype=float64)
    """
    unsupported("quantile", out=out, overwrite_input=overwrite_input or None)
    return _quantile("quantile", a, q, axis, method, keepdims, False, weights)


def nanquantile(a: Any, q: Any, axis: Axis = None, out: None = None, overwrite_input: bool = False,
                method: str = "linear", keepdims: bool = False, *, weights: Any = None) -> Any:
    """Compute quantiles over axes of the elements that are not nan.

    a, q, axis, out, overwrite_input, method, keepdims, weights: as for `quantile`, with the same
    errors -> [*q, other axes] floats; nan where all are nan.

    >>> jnp.nanquantile(np.array([1.0, np.nan, 4.0]), 0.5)
    Array(2.5, dtype=float64)
    """
    unsupported("nanquantile", out=out, overwrite_input=overwrite_input or None)
    return _quantile("nanquantile", a, q, axis, method, keepdims, True, weights)


def _percent(name: str, q: Any) -> Any:
    if isinstance(q, Tracer):
        q = inexact(name, q)
        return lax.div(q, like(q, 100))
    data = np.asarray(as_array(name, q))  # known levels stay known under jit
    return data.astype(dtypes.to_inexact_dtype(data.dtype)) / 100


@takes_out_sharding
def percentile(a: Any, q: Any, axis: Axis = None, out: None = None, overwrite_input: bool = False,
               method: str = "linear", keepdims: bool = False, *, weights: Any = None,
               out_sharding: Any = None) -> Any:
    """Compute quantiles over axes, with q in percent.

    a, axis, out, overwrite_input, method, keepdims, weights: as for `quantile`, with the same
    errors; q: [*q] in [0, 100]; out_sharding: how Explicit axes divide the result -> [*q, other
    axes] floats.

    >>> jnp.percentile(np.array([1.0, 3.0, 4.0]), 25)
    Array(2., dtype=float64)
    """
    return quantile(a, _percent("percentile", q), axis, out, overwrite_input, method, keepdims,
                    weights=weights)


def nanpercentile(a: Any, q: Any, axis: Axis = None, out: None = None,
                  overwrite_input: bool = False, method: str = "linear", keepdims: bool = False, *,
                  weights: Any = None) -> Any:
    """Compute quantiles over axes of the elements that are not nan, with q in percent.

    a, axis, out, overwrite_input, method, keepdims, weights: as for `quantile`, with the same
    errors; q: [*q] in [0, 100] -> [*q, other axes] floats; nan where all are nan.

    >>> jnp.nanpercentile(np.array([1.0, np.nan, 4.0]), 50)
    Array(2.5, dtype=float64)
    """
    return nanquantile(a, _percent("nanpercentile", q), axis, out, overwrite_input, method,
                       keepdims, weights=weights)


@trace_cached
def median(a: Any, axis: Axis = None, out: None = None, overwrite_input: bool = False,
           keepdims: bool = False) -> Any:
    """Compute the median over axes, of an even number of elements the mean of the middle two.

    a: [...] real; axis, out, overwrite_input, keepdims: as for `quantile`, with the same errors ->
    [other axes] floats; nan where an element is nan, and for no elements.

    >>> jnp.median(np.array([[1, 5, 2], [8, 7, 9]]), axis=1)
    Array([2., 8.], dtype=float64)
    """
    return quantile(a, 0.5, axis, out, overwrite_input, "midpoint", keepdims)


def nanmedian(a: Any, axis: Axis = None, out: None = None, overwrite_input: bool = False,
              keepdims: bool = False) -> Any:
    """Compute the median over axes of the elements that are not nan.

    a: [...] real; axis, out, overwrite_input, keepdims: as for `quantile`, with the same errors ->
    [other axes] floats; nan where all are nan.

    >>> jnp.nanmedian(np.array([1.0, np.nan, 4.0, 2.0]))
    Array(2., dtype=float64)
    """
    return nanquantile(a, 0.5, axis, out, overwrite_input, "midpoint", keepdims)


# ---- correlation ----


def cov(m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None,
        fweights: Any = None, aweights: Any = None, dtype: Any = None) -> Any:
    """Estimate the covariance matrix of variables.

    m, y: variables in rows, or in columns if rowvar is False, or one as a vector; ddof: the divisor
    is n - ddof, by default 1, or 0 if `bias`; fweights: integers, how often each observation
    occurs; aweights: how much each counts; dtype: that of the result -> [k, k], or [] for one
    variable, floats or complex. Raises ValueError for higher ranks, weights that do not fit and a
    `dtype` of integers, TypeError if ddof is no integer.

    >>> jnp.cov(np.array([[0.0, 1.0, 2.0], [2.0, 1.0, 3.0]]))
    Array([[1. , 0.5],
           [0.5, 1. ]], dtype=float64)
    """
    rows = [_variables("cov", x, rowvar) for x in (m, y) if x is not None]
    x = concatenate(promote_dtypes("cov", *rows), 0)
    want = user_dtype("cov", dtype)
    if want is not None and dtypes.kind(want) not in "fc":
        raise ValueError(f"cov: dtype must be of floats or complex numbers, got {want.name}")
    result = want if want is not None else x.aval.dtype
    x = convert(x, wide(result))
    if not x.aval.size:
        return broadcast(convert(math.nan, result), () if len(x) == 1 else (len(x), len(x)))
    ddof = int(not bias) if ddof is None else concrete_int("cov", ddof, "ddof")
    weights = _weights("cov", x, fweights, aweights)
    center, total = average(x, 1, weights, returned=True)
    total = total[0] if weights is not None or total.aval.ndim else total
    total = lax.reshape(total, ())
    divisor = like(total, x.aval.shape[1] - ddof) if weights is None else _weighted_divisor(
        total, weights, aweights, ddof)
    x = lax.sub(x, lax.broadcast_in_dim(center, x.aval.shape, (0,)))
    rest = average(x, 1, weights)  # the means' rounding error
    x = lax.sub(x, lax.broadcast_in_dim(lax.stop_gradient(rest), x.aval.shape, (0,)))
    other = x if weights is None else multiply(x, weights)
    product = dot(x, lax.transpose(other, (1, 0)) if kind_of(x) != "c" else
                  lax.conj(lax.transpose(other, (1, 0))))
    divisor = lax.max(lax.real(divisor) if kind_of(divisor) == "c" else divisor,
                      convert(0, dtypes.real_of(divisor.aval.dtype)))
    out = lax.div(product, broadcast(convert(divisor, product.aval.dtype), product.aval.shape))
    return convert(lax.squeeze(out, [i for i in (0, 1) if out.aval.shape[i] == 1]), result)


def _weighted_divisor(total: Any, weights: Any, aweights: Any, ddof: int) -> Any:
    """The divisor of a covariance whose weights have this total."""
    if ddof == 0 or aweights is None:
        return lax.sub(total, like(total, ddof))
    spread = sum_(multiply(weights, convert(as_array("cov", aweights), weights.aval.dtype)))
    return lax.sub(total, lax.div(lax.mul(convert(spread, total.aval.dtype), like(total, ddof)),
                                  total))


def _variables(name: str, x: Any, rowvar: bool) -> Any:
    x = inexact(name, x)
    if x.aval.ndim > 2:
        raise ValueError(f"{name}: rank 1 or 2 is needed, got {x.aval}")
    if x.aval.ndim < 2:
        return lax.reshape(x, (1, x.aval.size))
    return x if rowvar or x.aval.shape[0] == 1 else lax.transpose(x, (1, 0))


def _weights(name: str, x: Any, fweights: Any, aweights: Any) -> Any:
    out = None
    for given, kinds in ((fweights, "iu"), (aweights, "biuf")):
        if given is None:
            continue
        w = as_array(name, given)
        if w.aval.shape != (x.aval.shape[1],) or kind_of(w) not in kinds:
            raise ValueError(f"{name}: weights must be a vector, one for each of"
                             f" {x.aval.shape[1]} observations (fweights integers), got {w.aval}")
        w = lax.abs(w) if kind_of(w) in "if" else w
        out = w if out is None else multiply(out, w)
    return out


def corrcoef(x: Any, y: Any = None, rowvar: bool = True, dtype: Any = None) -> Any:
    """Compute the matrix of correlation coefficients of variables.

    x, y, rowvar, dtype: as for `cov`, with the same errors -> [k, k], or [] for one variable, in
    [-1, 1]; nan where a variance is 0.

    >>> jnp.corrcoef(np.array([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    Array([[ 1., -1.],
           [-1.,  1.]], dtype=float64)
    """
    c = cov(x, y, rowvar, dtype=dtype)
    if c.aval.ndim < 2:
        return lax.div(c, c)
    deviation = lax.sqrt(real(diagonal(c)))
    deviation = convert(deviation, c.aval.dtype)
    for axis in (0, 1):
        c = lax.div(c, lax.broadcast_in_dim(deviation, c.aval.shape, (axis,)))
    one = convert(1, dtypes.real_of(c.aval.dtype))
    if kind_of(c) == "c":
        return lax.complex(*(clip(p, -one, one) for p in (lax.real(c), lax.imag(c))))
    return clip(c, -one, one)

