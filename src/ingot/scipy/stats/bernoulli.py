"""The distribution of one coin toss."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import log
from ingot.numpy.logic import where
from ingot.scipy.special import xlog1py, xlogy
from ingot.scipy.stats.common import INF, NAN, exp, real

__all__ = ["cdf", "isf", "logcdf", "logpmf", "logsf", "pmf", "ppf", "sf"]


def logpmf(k: Any, p: Any, loc: Any = 0) -> Any:
    """Logarithm of the probability of each value."""
    k, p, loc = real("bernoulli.logpmf", k, p, loc)
    x = k - loc
    value = xlogy(x, p) + xlog1py(1 - x, -p)
    return where((x == 0) | (x == 1), value, -INF)


def pmf(k: Any, p: Any, loc: Any = 0) -> Any:
    """Probability of each value."""
    return exp(logpmf(k, p, loc))


def cdf(k: Any, p: Any) -> Any:
    """Distribution function."""
    k, p = real("bernoulli.cdf", k, p)
    value = where(k < 0, 0, where(k < 1, 1 - p, 1))
    return where((p >= 0) & (p <= 1) & (k == k), value, NAN)


def ppf(q: Any, p: Any) -> Any:
    """Quantile function."""
    q, p = real("bernoulli.ppf", q, p)
    value = where(q <= 1 - p, 0 * q, 0 * q + 1)
    value = where(q == 0, -1.0, value)
    return where((p >= 0) & (p <= 1) & (q >= 0) & (q <= 1), value, NAN)


def logcdf(k: Any, p: Any) -> Any:
    """Logarithm of the distribution function."""
    return log(cdf(k, p))


def sf(k: Any, p: Any) -> Any:
    """Survival function, 1 - cdf."""
    k, p = real("bernoulli.sf", k, p)
    value = where(k < 0, 1, where(k < 1, p, 0))
    return where((p >= 0) & (p <= 1) & (k == k), value, NAN)


def logsf(k: Any, p: Any) -> Any:
    """Logarithm of the survival function."""
    return log(sf(k, p))


def isf(q: Any, p: Any) -> Any:
    """Inverse survival function."""
    return ppf(1 - q, p)


_hide_frames_of(__name__)
