"""Poisson's distribution."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy import primitives as lax
from ingot.numpy.elementary import log
from ingot.numpy.logic import where
from ingot.numpy.rounding import floor
from ingot.scipy.log_tails import log_gammainc_p, log_gammaincc_p
from ingot.scipy.special import gammainc, gammaincc
from ingot.scipy.stats.common import INF, NAN, exp, first_integer, probability, real
from ingot.scipy.stats.densities import log_poisson

__all__ = ["cdf", "entropy", "isf", "logcdf", "logpmf", "logsf", "pmf", "ppf", "sf"]


def logpmf(k: Any, mu: Any, loc: Any = 0) -> Any:
    """Logarithm of the probability of each value."""
    k, mu, loc = real("poisson.logpmf", k, mu, loc)
    x = k - loc
    outside = (x < 0) | (floor(x) != x)
    return where(outside, -INF, log_poisson(where(outside, 0, x), mu))


def pmf(k: Any, mu: Any, loc: Any = 0) -> Any:
    """Probability of each value."""
    return exp(logpmf(k, mu, loc))


def cdf(k: Any, mu: Any, loc: Any = 0) -> Any:
    """Distribution function."""
    k, mu, loc = real("poisson.cdf", k, mu, loc)
    x = k - loc
    return where(x < 0, 0, gammaincc(floor(where(x < 0, 0, x)) + 1, mu))


def entropy(mu: Any, loc: Any = 0) -> Any:
    """Entropy in nats: by summation for mu < 100, by its asymptotic series above."""
    mu, _ = real("poisson.entropy", mu, loc)
    k = np.arange(200.0)
    wide = lax.broadcast_in_dim(mu, (*mu.aval.shape, 200), range(mu.aval.ndim))
    safe = where(wide < 100, wide, 1)
    terms = exp(logpmf(k, safe)) * logpmf(k, safe)
    small = -where(exp(logpmf(k, safe)) > 0, terms, 0).sum(-1)
    big = where(mu < 100, 100, mu)
    series = 1 / (12 * big) + 1 / (24 * big**2) + 19 / (360 * big**3)
    large = 0.5 * (log(2 * math.pi * big) + 1) - series
    return where(mu == 0, 0, where(mu < 100, where(mu > 0, small, NAN), large))


def _above(k: Any, mu: Any, loc: Any, fun: Any, before: float) -> Any:
    """fun(k + 1, mu) at whole k from 0 on, `before` at those below."""
    x = floor(k - loc)
    return where(x < 0, before, fun(where(x < 0, 0, x) + 1, mu))


def logcdf(k: Any, mu: Any, loc: Any = 0) -> Any:
    """Logarithm of the distribution function."""
    k, mu, loc = real("poisson.logcdf", k, mu, loc)
    return _above(k, mu, loc, log_gammaincc_p.bind, -INF)


def sf(k: Any, mu: Any, loc: Any = 0) -> Any:
    """Survival function, 1 - cdf."""
    k, mu, loc = real("poisson.sf", k, mu, loc)
    return _above(k, mu, loc, gammainc, 1)


def logsf(k: Any, mu: Any, loc: Any = 0) -> Any:
    """Logarithm of the survival function."""
    k, mu, loc = real("poisson.logsf", k, mu, loc)
    return _above(k, mu, loc, log_gammainc_p.bind, 0)


def ppf(q: Any, mu: Any, loc: Any = 0) -> Any:
    """Quantile function."""
    q, mu, loc = real("poisson.ppf", q, mu, loc)
    q = probability(q) + 0 * cdf(0 * q, mu)
    return where(q == 1, INF, first_integer(lambda k: cdf(k, mu) >= q, q)) + loc


def isf(q: Any, mu: Any, loc: Any = 0) -> Any:
    """Inverse survival function."""
    q, mu, loc = real("poisson.isf", q, mu, loc)
    q = probability(q) + 0 * cdf(0 * q, mu)
    return where(q == 0, INF, first_integer(lambda k: sf(k, mu) <= q, q)) + loc


_hide_frames_of(__name__)
