"""Discrete distributions: categories, and counts by inversion and rejection."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot import dtypes, numpy as jnp
from ingot.config import config
from ingot.control.scan import scan
from ingot.core.interpreter import to_array, typeof
from ingot.primitives.convert import convert_element_type
from ingot.primitives.movement import full_like
from ingot.primitives.out_sharding import takes_out_sharding
from ingot.primitives.random_keys import random_split
from ingot.primitives.reduce import argmax
from ingot.primitives.shape import expand_dims
from ingot.primitives.sort import top_k
from ingot.primitives.special import lgamma
from ingot.random.arguments import (
    Shape,
    at_least_single,
    common_shape,
    drawn_in_single,
    dtype_of_kind,
    fitting_shape,
    float_dtype,
    one_key,
)
from ingot.random.rejection import accepted, repeated
from ingot.random.uniform import gumbel, unit
from ingot.transforms.stage import known_array
from ingot.util import canonicalize_axis


# ---- categorical ---------------------------------------------------------------------------------
@takes_out_sharding
def categorical(key: Any, logits: Any, axis: int = -1, shape: Any = None, replace: bool = True,
                mode: Any = None, *, out_sharding: Any = None) -> Any:
    """Random categories with probabilities proportional to exp(logits) along an axis.

    key, out_sharding: those of `uniform`. logits: real [...]. axis: that of the categories. shape:
    of the result, by default that of logits without the axis; further axes come first. replace: if
    false, no category repeats along those. mode: that of `gumbel`. -> integers [*shape]. Raises
    ValueError for shapes that do not fit, and too few categories.

    >>> random.categorical(random.key(0), np.log([0.5, 0.5]), shape=(3,)).shape
    (3,)
    """
    key, logits = one_key("categorical", key), to_array(logits)
    if not logits.ndim:
        raise ValueError(f"categorical: logits must have rank 1 or more, got {typeof(logits)}")
    axis = canonicalize_axis(axis, logits.ndim)
    logits = at_least_single(convert_element_type(logits, dtypes.to_inexact_dtype(logits.dtype)))
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
@takes_out_sharding
def geometric(key: Any, p: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None
              ) -> Any:
    """Numbers of trials of probability p until the first success: 1, 2, ...

    key, out_sharding: those of `uniform`. p: [...] real, in (0, 1]. shape: by default that of p,
    which must broadcast to it. dtype: an integer dtype -> [*shape]. Raises ValueError for other
    dtypes and shapes.

    >>> random.geometric(random.key(0), 0.5, (3,)).shape
    (3,)
    """
    key = one_key("geometric", key)
    dtype = dtype_of_kind("geometric", dtype, "iu", int)
    shape = common_shape("geometric", shape, p)
    p = jnp.asarray(p)
    p = at_least_single(convert_element_type(p, dtypes.to_inexact_dtype(p.dtype)))
    drawn = unit(key, shape, p.dtype)
    drawn = jnp.where(drawn == 0, jnp.ones_like(drawn), drawn)
    return (jnp.floor(jnp.log(drawn) / jnp.log1p(-p)) + 1).astype(dtype)


# ---- poisson -------------------------------------------------------------------------------------
@takes_out_sharding
def poisson(key: Any, lam: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None
            ) -> Any:
    """Poisson numbers of rate lam.

    key, out_sharding: those of `uniform`. lam: [...] real; -1 where it is nan. shape: by default
    that of lam. dtype: an integer dtype -> [*shape], at most the largest of its dtype, from float32
    random numbers. The distribution is right for all rates; under the flag match_jax, which
    computes as JAX does, up to 1e6. Raises ValueError for keys other than threefry2x32.

    >>> random.poisson(random.key(0), 3.0, (4,)).shape
    (4,)
    """
    key = one_key("poisson", key)
    dtype = dtype_of_kind("poisson", dtype, "iu", int)
    if typeof(key).dtype.impl != "threefry2x32":
        raise ValueError(f"poisson: needs a threefry2x32 key, got {typeof(key)}")
    shape = common_shape("poisson", shape, lam)
    wide = config.enable_x64 and not config.match_jax
    rate = convert_element_type(lam, dtypes.float64 if wide else dtypes.float32)
    if not config.match_jax:
        rate = jnp.minimum(rate, 2.0 ** dtypes.iinfo(dtype).bits)
    rate = jnp.broadcast_to(rate, shape)
    limit = dtypes.iinfo(dtype).max

    def few(rate: Any, _: Any) -> Any:
        return _poisson_by_products(key, rate, shape, dtype, limit)

    def many(rate: Any, needed: Any) -> Any:
        return _poisson_by_rejection(key, rate, shape, dtype, jnp.where(needed, limit, 0))

    known = known_array(lam)
    small = None if known is None else ~(known.astype(np.float32) >= 10)
    drawn = _by_case(small, ~(rate >= 10), few, many, [rate], [0.0], [1e5])
    return jnp.where(rate == 0, jnp.zeros_like(drawn), drawn)


def _by_case(known: Any, case: Any, few: Callable[..., Any], many: Callable[..., Any],
             parameters: Sequence[Any], for_few: Sequence[Any], for_many: Sequence[Any]) -> Any:
    """`few` where the case holds, else `many`; both get all elements, with harmless parameters for
    those of the other case. If `known` says that one will do, that one alone.

    Both are told whether anything of theirs is needed.
    """
    if known is not None and known.all():
        return few(*parameters, True)
    if known is not None and not known.any():
        return many(*parameters, True)
    mine = [jnp.where(case, p, h) for p, h in zip(parameters, for_few, strict=True)]
    others = [jnp.where(case, h, p) for p, h in zip(parameters, for_many, strict=True)]
    return jnp.where(case, few(*mine, case.any()), many(*others, ~case.all()))


def _poisson_by_products(key: Any, rate: Any, shape: Shape, dtype: Any, limit: Any) -> Any:
    """How many uniform factors it takes to fall below exp(-rate) (Knuth)."""
    def step(state: Any, drawn: Any, rate: Any) -> Any:
        count, log_product = state
        return (jnp.where(log_product > -rate, count + 1, count),
                log_product + jnp.log(drawn[0]).astype(rate.dtype))

    start = np.zeros((), dtype), np.zeros((), rate.dtype)
    count, _ = repeated(key, shape, np.float32, start, (rate,), limit, 1, step,
                        lambda state, rate: state[1] > -rate)
    return count - 1


def _poisson_by_rejection(key: Any, rate: Any, shape: Shape, dtype: Any, limit: Any) -> Any:
    """Transformed rejection (Hormann 1993), of float32 numbers u and v."""
    def propose(u: Any, v: Any, rate: Any) -> Any:
        u, v = (convert_element_type(x, rate.dtype) for x in (u, v))
        b = 0.931 + 2.53 * jnp.sqrt(rate)
        a = -0.059 + 0.02483 * b
        inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
        quick = 0.9277 - 3.6224 / (b - 2)
        u = u - 0.5
        inside = 0.5 - jnp.abs(u)
        k = jnp.floor((2 * a / inside + b) * u + rate + 0.43)
        fits = jnp.log(v * inverse_alpha / (a / (inside * inside) + b)) <= _log_poisson(k, rate)
        outside = (k < 0) | ((inside < 0.013) & (v > inside))
        return ((inside >= 0.07) & (v <= quick)) | (~outside & fits), k

    out = accepted(key, shape, np.float32, (rate,), limit, propose, rate.dtype)
    top = np.asarray(dtypes.iinfo(dtype).max)
    return jnp.where(out >= float(top), top.astype(dtype), out.astype(dtype))


def _log_poisson(k: Any, rate: Any) -> Any:
    """Logarithm of the probability of k; by Stirling's formula where terms would cancel."""
    plain = -rate + k * jnp.log(rate) - lgamma(k + 1)
    if config.match_jax:
        return plain
    many = (rate > 1e4) & (k > 1e3)
    safe, mean = jnp.where(many, k, 1e5), jnp.where(many, rate, 1e5)
    stirling = -_deviance(safe, mean) - 1 / (12 * safe)
    return jnp.where(many, stirling - 0.5 * jnp.log(2 * math.pi * safe), plain)


# ---- binomial ------------------------------------------------------------------------------------
@drawn_in_single
def binomial(key: Any, n: Any, p: Any, shape: Any = None, dtype: Any = None) -> Any:
    """Numbers of successes in n trials of probability p, as floats.

    key, dtype: those of `uniform`. n, p: [...] real, which broadcast; nan for nan and negative
    ones, inf for infinite n. shape: by default their common shape -> floating [*shape]. Raises
    ValueError for other dtypes and shapes.

    >>> random.binomial(random.key(0), 10, 0.5, (4,)).shape
    (4,)
    """
    key, dtype = one_key("binomial", key), float_dtype("binomial", dtype)
    shape = common_shape("binomial", shape, n, p)
    p = jnp.asarray(p)
    p = at_least_single(convert_element_type(p, dtypes.to_inexact_dtype(p.dtype)))
    known = _known_to_be_few(n, p)
    n = jnp.broadcast_to(convert_element_type(n, p.dtype), shape)
    p = jnp.broadcast_to(p, shape)
    rare = p < 0.5
    q = jnp.where(rare, p, 1.0 - p)
    bad_n, bad_q = jnp.isnan(n) | (n < 0), jnp.isnan(q) | (q < 0)
    unknown = jnp.isnan(q)
    q = jnp.where(bad_q, 0.01, q)
    few = bad_n | (n * q <= 10)
    n = jnp.floor(n)
    limit = dtypes.iinfo(np.int32).max  # turns, of which there are a handful

    def by_gaps(n: Any, q: Any, _: Any) -> Any:
        return _binomial_by_gaps(key, n, q, shape, dtype, limit)

    def by_rejection(n: Any, q: Any, needed: Any) -> Any:
        return _binomial_by_rejection(key, n, q, shape, dtype, jnp.where(needed, limit, 0))

    drawn = _by_case(known, few, by_gaps, by_rejection, [n, q], [0.0, q], [1e4, 0.5])
    drawn = jnp.where(bad_n | bad_q, full_like(drawn, np.nan), drawn)
    endless = jnp.isinf(n)
    drawn = jnp.where(endless & ~(bad_n | bad_q), np.asarray(np.inf, dtype), drawn)
    return jnp.where(rare | bad_n | unknown | endless, drawn, n.astype(dtype) - drawn)


def _known_to_be_few(n: Any, p: Any) -> Any:
    """Where at most ten successes or failures are expected, or n is no number, if that is known."""
    trials, chance = known_array(n), known_array(p)
    if trials is None or chance is None:
        return None
    chance = chance.astype(typeof(convert_element_type(
        p, dtypes.to_inexact_dtype(typeof(to_array(p)).dtype))).dtype)
    trials = trials.astype(chance.dtype)
    rare = np.where(chance < 0.5, chance, 1 - chance)
    rare = np.where(np.isnan(rare) | (rare < 0), chance.dtype.type(0.01), rare)
    with np.errstate(all="ignore"):
        return np.isnan(trials) | (trials < 0) | (trials * rare <= 10)


def _binomial_by_gaps(key: Any, n: Any, p: Any, shape: Shape, dtype: Any, limit: Any) -> Any:
    """How many geometric gaps between successes fit into n trials."""
    def step(state: Any, drawn: Any, n: Any, p: Any) -> Any:
        count, total = state
        gap = jnp.ceil(jnp.log(drawn[0]) / jnp.log1p(-p))
        return jnp.where(total <= n, count + 1, count), total + gap

    zero = np.zeros((), p.dtype)
    count, _ = repeated(key, shape, p.dtype, (zero, zero), (n, p), limit, 0, step,
                        lambda state, n, p: state[1] <= n)
    return (count - 1).astype(dtype)


def _binomial_by_rejection(key: Any, n: Any, p: Any, shape: Shape, dtype: Any, limit: Any
                           ) -> Any:
    """Transformed rejection with squeeze, BTRS (Hormann 1993)."""
    def propose(u: Any, v: Any, n: Any, p: Any) -> Any:
        deviation = jnp.sqrt(n * p * (1 - p))
        b = 1.15 + 2.53 * deviation
        a = -0.0873 + 0.0248 * b + 0.01 * p
        quick = 0.92 - 4.2 / b
        odds = p / (1 - p)
        alpha = (2.83 + 5.1 / b) * deviation
        m = jnp.floor((n + 1) * p)
        u = u - 0.5
        inside = 0.5 - jnp.abs(u)
        k = jnp.floor((2 * a / inside + b) * u + (n * p + 0.5))
        fits = jnp.log(v * alpha / (a / (inside * inside) + b)) <= _log_ratio(k, m, n, p, odds)
        return ((inside >= 0.07) & (v <= quick)) | (~((k < 0) | (k > n)) & fits), k

    return accepted(key, shape, p.dtype, (n, p), limit, propose).astype(dtype)


def _log_ratio(k: Any, m: Any, n: Any, p: Any, odds: Any) -> Any:
    """Logarithm of the probability of k successes divided by that of the mode m."""
    tails = (_stirling_tail(m) + _stirling_tail(n - m) - _stirling_tail(k) - _stirling_tail(n - k))
    plain = ((m + 0.5) * jnp.log((m + 1) / (odds * (n - m + 1)))
             + (n + 1) * jnp.log((n - m + 1) / (n - k + 1))
             + (k + 0.5) * jnp.log(odds * (n - k + 1) / (k + 1)) + tails)
    if config.match_jax:
        return plain
    # For many trials terms as large as n cancel: here none is larger than the result by much.
    many = (n > 1e4) & (k > 10) & (n - k > 10)
    n, p, k, m = (jnp.where(many, x, safe) for x, safe in ((n, 1e5), (p, 0.5), (k, 5e4), (m, 5e4)))

    def log_density(k: Any) -> Any:
        return (-_deviance(k, n * p) - _deviance(n - k, n * (1 - p))
                - 0.5 * (jnp.log(k / n) + jnp.log1p(-k / n)) - 1 / (12 * k) - 1 / (12 * (n - k)))

    return jnp.where(many, log_density(k) - log_density(m), plain)


def _deviance(k: Any, mean: Any) -> Any:
    """k log(k / mean) + mean - k."""
    ratio = (k - mean) / mean
    return mean * ((1 + ratio) * jnp.log1p(ratio) - ratio)


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

    key: that of `uniform`. n: [...] real. p: probabilities [..., k]. shape: by default that of p.
    dtype: floating or integer. unroll: how many outcomes a step of the loop is for, for speed alone
    -> [*shape]. Raises ValueError for shapes that do not fit.

    >>> random.multinomial(random.key(0), 10, np.array([0.2, 0.8])).sum()
    Array(10., dtype=float64)
    """
    key = one_key("multinomial", key)
    both = dtypes.to_inexact_dtype(dtypes.result_type(n, p))
    n, p = (at_least_single(convert_element_type(v, both)) for v in (n, p))
    if not p.ndim:
        raise ValueError(f"multinomial: p must have rank 1 or more, got {typeof(p)}")
    shape = fitting_shape("multinomial", p.shape if shape is None else shape, p.shape,
                          (*n.shape, 1))
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
