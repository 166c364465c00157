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
from ingot.scipy.stats.common import INF, NAN, defined_where, discrete_quantile, exp, real
from ingot.scipy.stats.densities import log_poisson, poisson

__all__ = ["cdf", "entropy", "isf", "logcdf", "logpmf", "logsf", "pmf", "ppf", "sf"]

_defined = defined_where(lambda mu: mu >= 0)


@_defined
def logpmf(k: Any, mu: Any, loc: Any = 0) -> Any:
    """Poisson's distribution: the logarithm of the probability of k.

    k, mu, loc: those of `pmf` -> the broadcast shape, in the promoted floating dtype; finite where
    the probability underflows. Raises TypeError for complex numbers.

    >>> stats.poisson.logpmf(1000, 2.0)
    Array(-5220.98099793, dtype=float64, weak_type=True)
    """
    x = k - loc
    outside = (x < 0) | (floor(x) != x)
    return where(outside, -INF, log_poisson(where(outside, 0, x), mu))


@_defined
def pmf(k: Any, mu: Any, loc: Any = 0) -> Any:
    """Poisson's distribution: the probability of k, exp(-mu) mu^k / k! for k = 0, 1, ....

    k: real numbers; the probability is 0 between whole ones. mu: mean, from 0 on. loc: k stands for
    k - loc. -> the broadcast shape, in the promoted floating dtype. Raises TypeError for complex
    numbers.

    >>> stats.poisson.pmf(2, 2.0)
    Array(0.27067057, dtype=float64, weak_type=True)
    """
    x = k - loc
    outside = (x < 0) | (floor(x) != x)
    return where(outside, 0, poisson(where(outside, 0, x), mu))


@_defined
def cdf(k: Any, mu: Any, loc: Any = 0) -> Any:
    """Poisson's distribution: the probability of at most k.

    k, mu, loc: those of `pmf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.poisson.cdf(2, 2.0)
    Array(0.67667642, dtype=float64, weak_type=True)
    """
    x = k - loc
    return where(x < 0, 0, gammaincc(floor(where(x < 0, 0, x)) + 1, mu))


def entropy(mu: Any, loc: Any = 0) -> Any:
    """Poisson's distribution: the entropy in nats.

    mu, loc: those of `pmf` -> the broadcast shape, in the promoted floating dtype, by summation for
    mu < 100 and by its asymptotic series above; 0 for mu = 0, nan below. Raises TypeError for
    complex numbers.

    >>> stats.poisson.entropy(np.array([1.0, 1e6]))
    Array([1.30484224, 8.32669373], dtype=float64)
    """
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


def _above(k: Any, mu: Any, loc: Any, fun: Any, before: float, after: float) -> Any:
    """fun(k + 1, mu) at whole k from 0 on, `before` at those below, `after` at infinity."""
    x = floor(k - loc)
    inside = (x >= 0) & (x < INF)
    return where(inside, fun(where(inside, x, 0) + 1, mu), where(x < 0, before, after))


@_defined
def logcdf(k: Any, mu: Any, loc: Any = 0) -> Any:
    """Poisson's distribution: the logarithm of the probability of at most k.

    k, mu, loc: those of `pmf` -> the broadcast shape, in the promoted floating dtype; finite where
    cdf underflows. Raises TypeError for complex numbers.

    >>> stats.poisson.logcdf(0, 2.0)
    Array(-2., dtype=float64, weak_type=True)
    """
    return _above(k, mu, loc, log_gammaincc_p.bind, -INF, 0)


@_defined
def sf(k: Any, mu: Any, loc: Any = 0) -> Any:
    """Poisson's distribution: the probability of more than k, accurate where it is small.

    k, mu, loc: those of `pmf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.poisson.sf(100, 2.0)
    Array(3.71290687e-131, dtype=float64, weak_type=True)
    """
    return _above(k, mu, loc, gammainc, 1, 0)


@_defined
def logsf(k: Any, mu: Any, loc: Any = 0) -> Any:
    """Poisson's distribution: the logarithm of the probability of more than k.

    k, mu, loc: those of `pmf` -> the broadcast shape, in the promoted floating dtype; finite where
    sf underflows. Raises TypeError for complex numbers.

    >>> stats.poisson.logsf(1000, 2.0)
    Array(-5227.19460753, dtype=float64, weak_type=True)
    """
    return _above(k, mu, loc, log_gammainc_p.bind, 0, -INF)


def _quantile(q: Any, mu: Any, upper: bool) -> Any:
    return discrete_quantile(lambda k: cdf(k, mu), lambda k: sf(k, mu), q, upper)


@_defined
def ppf(q: Any, mu: Any, loc: Any = 0) -> Any:
    """Poisson's distribution: the k not exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. mu, loc: those of `pmf` -> the broadcast shape, in the
    promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.poisson.ppf(0.5, 2.0)
    Array(2., dtype=float64, weak_type=True)
    """
    return where(q == 1, INF, _quantile(q, mu, False)) + loc


@_defined
def isf(q: Any, mu: Any, loc: Any = 0) -> Any:
    """Poisson's distribution: the k exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. Small q keep their digits. mu, loc: those of `pmf` -> the
    broadcast shape, in the promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.poisson.isf(1e-20, 2.0)
    Array(26., dtype=float64, weak_type=True)
    """
    return where(q == 0, INF, _quantile(q, mu, True)) + loc


_hide_frames_of(__name__)
