"""The distribution of the number of tosses until the first success."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import expm1, log
from ingot.numpy.logic import where
from ingot.numpy.rounding import floor
from ingot.scipy.special import xlog1py
from ingot.scipy.stats.common import INF, NAN, exp, first_integer, probability, real

__all__ = ["cdf", "isf", "logcdf", "logpmf", "logsf", "pmf", "ppf", "sf"]


def logpmf(k: Any, p: Any, loc: Any = 0) -> Any:
    """Logarithm of the probability of each value."""
    k, p, loc = real("geom.logpmf", k, p, loc)
    x = k - loc
    return where(x <= 0, -INF, xlog1py(where(x <= 0, 1, x) - 1, -p) + log(p))


def pmf(k: Any, p: Any, loc: Any = 0) -> Any:
    """Probability of each value."""
    return exp(logpmf(k, p, loc))


def _log_tail(k: Any, p: Any, loc: Any) -> Any:
    """The logarithm of (1 - p)^k, the probability of more than k tosses; 0 before the first."""
    x = floor(k - loc)
    return xlog1py(where(x < 0, 0, x), -p)


def cdf(k: Any, p: Any, loc: Any = 0) -> Any:
    """Distribution function."""
    k, p, loc = real("geom.cdf", k, p, loc)
    return -expm1(_log_tail(k, p, loc))


def logcdf(k: Any, p: Any, loc: Any = 0) -> Any:
    """Logarithm of the distribution function."""
    k, p, loc = real("geom.logcdf", k, p, loc)
    return log(-expm1(_log_tail(k, p, loc)))


def sf(k: Any, p: Any, loc: Any = 0) -> Any:
    """Survival function, 1 - cdf."""
    k, p, loc = real("geom.sf", k, p, loc)
    return exp(_log_tail(k, p, loc))


def logsf(k: Any, p: Any, loc: Any = 0) -> Any:
    """Logarithm of the survival function."""
    k, p, loc = real("geom.logsf", k, p, loc)
    return _log_tail(k, p, loc)


def ppf(q: Any, p: Any, loc: Any = 0) -> Any:
    """Quantile function."""
    q, p, loc = real("geom.ppf", q, p, loc)
    q = probability(where((p > 0) & (p <= 1), q, NAN))
    value = first_integer(lambda k: cdf(k, p) >= q, q)
    return where(q == 0, 0, where(q == 1, INF, value)) + loc


def isf(q: Any, p: Any, loc: Any = 0) -> Any:
    """Inverse survival function."""
    q, p, loc = real("geom.isf", q, p, loc)
    q = probability(where((p > 0) & (p <= 1), q, NAN))
    value = first_integer(lambda k: sf(k, p) <= q, q)
    return where(q == 1, 0, where(q == 0, INF, value)) + loc


_hide_frames_of(__name__)
