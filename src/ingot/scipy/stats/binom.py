"""The binomial distribution."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.logic import where
from ingot.scipy.stats.common import INF, exp, real
from ingot.scipy.stats.densities import log_binomial


def logpmf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """Logarithm of the probability of each value."""
    k, n, p, loc = real("binom.logpmf", k, n, p, loc)
    x = k - loc
    outside = (x < 0) | (x > n)
    value = log_binomial(where(outside, 0, x), n, p, 1 - p)
    return where(outside, -INF, value)


def pmf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """Probability of each value."""
    return exp(logpmf(k, n, p, loc))

_hide_frames_of(__name__)
