"""Discrete distributions: categories, and counts by inversion and rejection."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ingot import dtypes, numpy as jnp
from ingot.control.scan import scan
from ingot.control.while_loop import while_loop
from ingot.core.interpreter import to_array, typeof
from ingot.ops.convert import convert_element_type
from ingot.ops.random_keys import random_split
from ingot.ops.reduce import argmax
from ingot.ops.shape import expand_dims
from ingot.ops.sort import top_k
from ingot.ops.special import lgamma
from ingot.random.arguments import (
    Shape,
    common_shape,
    dtype_of_kind,
    fitting_shape,
    float_dtype,
    one_key,
)
from ingot.random.uniform import gumbel, pair, unit
from ingot.util import canonicalize_axis


# ---- categorical ---------------------------------------------------------------------------------
def categorical(key: Any, logits: Any, axis: int = -1, shape: Any = None, replace: bool = True,
                mode: Any = None, *, out_sharding: Any = None) -> Any:
    """Random categories with probabilities proportional to exp(logits) along an axis.

    logits: number [...] -> integer [shape], by default the axis removed; further axes of `shape`
    come first. Without `replace` no category repeats along those. Raises ValueError.
    >>> from ingot import random
    >>> random.categorical(random.key(0), np.log([0.5, 0.5]), shape=(3,)).shape
    (3,)
    """
    key, logits = one_key("categorical", key), to_array(logits)
    if not logits.ndim:
        raise ValueError(f"categorical: logits must have rank 1 or more, got {typeof(logits)}")
    axis = canonicalize_axis(axis, logits.ndim)
    logits = convert_element_type(logits, dtypes.to_inexact_dtype(logits.dtype))
    batch = (*logits.shape[:axis], *logits.shape[axis + 1 :])
    shape = fitting_shape("categorical", shape, batch)
    prefix, inner = shape[: len(shape) - len(batch)], list(shape[len(shape) - len(batch) :])
    if replace:
        inner.insert(axis, logits.shape[axis])
        noise = gumbel(key, (*prefix, *inner), logits.dtype, mode)
        total = noise + expand_dims(logits, tuple(range(len(prefix))))
        return argmax(total, len(prefix) + axis, dtypes.default_int())
    count = math.prod(prefix)
    if count > logits.shape[axis]:
        raise ValueError(f"categorical: cannot draw {count} of {logits.shape[axis]} categories"
                         " without replacement")
    noisy = jnp.moveaxis(logits + gumbel(key, logits.shape, logits.dtype, mode), axis, -1)
    return jnp.moveaxis(top_k(noisy, count)[1], -1, 0).reshape(shape)


# ---- geometric -----------------------------------------------------------------------------------
def geometric(key: Any, p: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None
              ) -> Any:
    """How many trials of probability p it takes to succeed once: 1, 2, ...

    >>> from ingot import random
    >>> random.geometric(random.key(0), 0.5, (3,)).shape
    (3,)
    """
    key = one_key("geometric", key)
    dtype = dtype_of_kind("geometric", dtype, "iu", int)
    shape = common_shape("geometric", shape, p)
    p = jnp.asarray(p)
    p = convert_element_type(p, dtypes.to_inexact_dtype(p.dtype))
    drawn = unit(key, shape, p.dtype)
    drawn = jnp.where(drawn == 0, jnp.ones_like(drawn), drawn)
    return (jnp.floor(jnp.log(drawn) / jnp.log1p(-p)) + 1).astype(dtype)


# ---- poisson -------------------------------------------------------------------------------------
def poisson(key: Any, lam: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None
            ) -> Any:
    """Poisson numbers of rate lam, computed in float32; -1 where lam is NaN.

    lam: number [...] -> integer [shape]. Raises ValueError for keys other than threefry2x32.
    >>> from ingot import random
    >>> random.poisson(random.key(0), 3.0, (4,)).shape
    (4,)
    """
    key = one_key("poisson", key)
    dtype = dtype_of_kind("poisson", dtype, "iu", int)
    if typeof(key).dtype.impl != "threefry2x32":
        raise ValueError(f"poisson: needs a threefry2x32 key, got {typeof(key)}")
    shape = common_shape("poisson", shape, lam)
    rate = jnp.broadcast_to(convert_element_type(lam, dtypes.float32), shape)
    small = jnp.isnan(rate) | (rate < 10)
    limit = np.asarray(dtypes.iinfo(dtype).max, dtype)
    few = _poisson_by_products(key, jnp.where(small, rate, 0.0), shape, dtype, limit)
    many = _poisson_by_rejection(key, jnp.where(small, 1e5, rate), shape, dtype, limit)
    return jnp.where(rate == 0, jnp.zeros_like(few), jnp.where(small, few, many))


def _poisson_by_products(key: Any, rate: Any, shape: Shape, dtype: Any, limit: Any) -> Any:
    """How many uniform factors it takes to fall below exp(-rate) (Knuth)."""
    def step(state: Any) -> Any:
        i, count, key, log_product = state
        key, subkey = pair(key)
        count = jnp.where(log_product > -rate, count + 1, count)
        return i + 1, count, key, log_product + jnp.log(unit(subkey, shape, dtypes.float32))

    start = (np.zeros((), dtype), jnp.zeros(shape, dtype), key, jnp.zeros(shape, np.float32))
    _, count, _, _ = while_loop(
        lambda s: (s[3] > -rate).any() & (s[0] < limit), step, start)
    return count - 1


def _poisson_by_rejection(key: Any, rate: Any, shape: Shape, dtype: Any, limit: Any) -> Any:
    """Transformed rejection (Hormann 1993)."""
    b = 0.931 + 2.53 * jnp.sqrt(rate)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    quick = 0.9277 - 3.6224 / (b - 2)
    log_rate = jnp.log(rate)

    def step(state: Any) -> Any:
        i, found, accepted, key = state
        key, first, second = pair(key, 3)
        u = unit(first, shape, rate.dtype) - 0.5
        v = unit(second, shape, rate.dtype)
        inside = 0.5 - jnp.abs(u)
        k = jnp.floor((2 * a / inside + b) * u + rate + 0.43)
        density = -rate + k * log_rate - lgamma(k + 1)
        fits = jnp.log(v * inverse_alpha / (a / (inside * inside) + b)) <= density
        outside = (k < 0) | ((inside < 0.013) & (v > inside))
        good = ((inside >= 0.07) & (v <= quick)) | (~outside & fits)
        return i + 1, jnp.where(good, k, found), accepted | good, key

    start = (np.zeros((), dtype), jnp.full(shape, -1, rate.dtype), jnp.zeros(shape, bool), key)
    _, found, _, _ = while_loop(lambda s: (~s[2]).any() & (s[0] < limit), step, start)
    return found.astype(dtype)


# ---- binomial ------------------------------------------------------------------------------------
def binomial(key: Any, n: Any, p: Any, shape: Any = None, dtype: Any = None) -> Any:
    """Numbers of successes in n trials of probability p, as floats.

    n, p: numbers [...] -> float [shape]. NaN for NaN or negative n and p; inf for infinite n.
    >>> from ingot import random
    >>> random.binomial(random.key(0), 10, 0.5, (4,)).shape
    (4,)
    """
    key, dtype = one_key("binomial", key), float_dtype("binomial", dtype)
    shape = common_shape("binomial", shape, n, p)
    p = jnp.asarray(p)
    p = convert_element_type(p, dtypes.to_inexact_dtype(p.dtype))
    n = jnp.broadcast_to(convert_element_type(n, p.dtype), shape)
    p = jnp.broadcast_to(p, shape)
    rare = p < 0.5
    q = jnp.where(rare, p, 1.0 - p)
    bad_n, bad_q = jnp.isnan(n) | (n < 0), jnp.isnan(q) | (q < 0)
    unknown = jnp.isnan(q)
    q = jnp.where(bad_q, 0.01, q)
    few = bad_n | (n * q <= 10)
    n = jnp.floor(n)
    limit = float(dtypes.finfo(dtype).max)
    drawn = jnp.where(
        few,
        _binomial_by_gaps(key, jnp.where(few, n, 0.0), q, shape, dtype, limit),
        _binomial_by_rejection(key, jnp.where(few, 1e4, n), jnp.where(few, 0.5, q), shape, dtype,
                               limit))
    drawn = jnp.where(bad_n | bad_q, np.asarray(np.nan, dtype), drawn)
    endless = jnp.isinf(n)
    drawn = jnp.where(endless & ~(bad_n | bad_q), np.asarray(np.inf, dtype), drawn)
    return jnp.where(rare | bad_n | unknown | endless, drawn, n.astype(dtype) - drawn)


def _binomial_by_gaps(key: Any, n: Any, p: Any, shape: Shape, dtype: Any, limit: float) -> Any:
    """How many geometric gaps between successes fit into n trials."""
    log_failure = jnp.log1p(-p)

    def step(state: Any) -> Any:
        i, count, total, key = state
        subkey, key = pair(key)
        count = jnp.where(total <= n, count + 1, count)
        gap = jnp.ceil(jnp.log(unit(subkey, shape, p.dtype)) / log_failure)
        return i + 1, count, total + gap, key

    zeros = jnp.zeros(shape, p.dtype)
    _, count, _, _ = while_loop(lambda s: (s[2] <= n).any() & (s[0] < limit), step,
                                (np.zeros((), dtypes.default_int()), zeros, zeros, key))
    return (count - 1).astype(dtype)


def _binomial_by_rejection(key: Any, n: Any, p: Any, shape: Shape, dtype: Any, limit: float
                           ) -> Any:
    """Transformed rejection with squeeze, BTRS (Hormann 1993)."""
    deviation = jnp.sqrt(n * p * (1 - p))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * p
    center = n * p + 0.5
    quick = 0.92 - 4.2 / b
    odds = p / (1 - p)
    alpha = (2.83 + 5.1 / b) * deviation
    m = jnp.floor((n + 1) * p)

    def step(state: Any) -> Any:
        i, found, accepted, key = state
        key, first, second = pair(key, 3)
        u = unit(first, shape, p.dtype) - 0.5
        v = unit(second, shape, p.dtype)
        inside = 0.5 - jnp.abs(u)
        k = jnp.floor((2 * a / inside + b) * u + center)
        bound = ((m + 0.5) * jnp.log((m + 1) / (odds * (n - m + 1)))
                 + (n + 1) * jnp.log((n - m + 1) / (n - k + 1))
                 + (k + 0.5) * jnp.log(odds * (n - k + 1) / (k + 1))
                 + _stirling_tail(m) + _stirling_tail(n - m)
                 - _stirling_tail(k) - _stirling_tail(n - k))
        fits = jnp.log(v * alpha / (a / (inside * inside) + b)) <= bound
        good = ((inside >= 0.07) & (v <= quick)) | (~((k < 0) | (k > n)) & fits)
        return i + 1, jnp.where(good, k, found), accepted | good, key

    start = (np.zeros((), dtypes.default_int()), jnp.full(shape, -1, p.dtype),
             jnp.zeros(shape, bool), key)
    _, found, _, _ = while_loop(lambda s: (~s[2]).any() & (s[0] < limit), step, start)
    return found.astype(dtype)


# log(k!) minus Stirling's approximation (k + 1/2) log(k + 1) - (k + 1) + log(2 pi) / 2.
_TAILS = [math.lgamma(k + 1) - ((k + 0.5) * math.log(k + 1) - (k + 1) + math.log(2 * math.pi) / 2)
          for k in range(10)]


def _stirling_tail(k: Any) -> Any:
    """What Stirling's approximation of log(k!) leaves out: from a table to 9, then a series."""
    small = k <= 9
    k = jnp.clip(k, 0, 9)
    square = (k + 1) * (k + 1)
    series = (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / (k + 1)
    table = np.asarray(_TAILS, k.dtype)
    return jnp.where(small, jnp.take(table, jnp.floor(k).astype(np.int32)), series)


# ---- multinomial ---------------------------------------------------------------------------------
def multinomial(key: Any, n: Any, p: Any, *, shape: Any = None, dtype: Any = None,
                unroll: int | bool = 1) -> Any:
    """How often each of several outcomes occurs in n trials.

    n: number [...], p: probabilities [..., k] -> float [shape], by default the shape of p.
    >>> from ingot import random
    >>> random.multinomial(random.key(0), 10, np.array([0.2, 0.8])).sum()
    Array(10., dtype=float64)
    """
    key = one_key("multinomial", key)
    both = dtypes.to_inexact_dtype(dtypes.result_type(n, p))
    n, p = convert_element_type(n, both), convert_element_type(p, both)
    if not p.ndim:
        raise ValueError(f"multinomial: p must have rank 1 or more, got {typeof(p)}")
    shape = common_shape("multinomial", p.shape if shape is None else shape, p)
    n, p = jnp.broadcast_to(n, shape[:-1]), jnp.moveaxis(jnp.broadcast_to(p, shape), -1, 0)
    left = jnp.cumsum(p[::-1], 0)[::-1]
    ratios = jnp.clip(p / jnp.where(left == 0, jnp.ones_like(left), left), 0, 1)

    def draw(remaining: Any, xs: Any) -> Any:
        ratio, key = xs
        count = binomial(key, remaining, ratio, dtype=remaining.dtype)
        return remaining - count, count

    keys = random_split(key, (shape[-1],))
    _, counts = scan(draw, n, (ratios, keys), unroll=unroll)
    counts = jnp.moveaxis(counts, 0, -1)
    return counts if dtype is None else counts.astype(dtypes.as_user_dtype(dtype, "multinomial"))
