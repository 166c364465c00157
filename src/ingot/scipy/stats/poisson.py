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
from ingot.scipy.special import gammaincc
from ingot.scipy.stats.common import INF, NAN, exp, real
from ingot.scipy.stats.densities import log_poisson


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

_hide_frames_of(__name__)
