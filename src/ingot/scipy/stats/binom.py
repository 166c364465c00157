"""The binomial distribution."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.logic import where
from ingot.numpy.rounding import floor
from ingot.scipy.log_tails import log_betainc_p
from ingot.scipy.special import betainc
from ingot.scipy.special_distributions import betaincc
from ingot.scipy.stats.common import INF, NAN, exp, first_integer, probability, real
from ingot.scipy.stats.densities import log_binomial

__all__ = ["cdf", "isf", "logcdf", "logpmf", "logsf", "pmf", "ppf", "sf"]


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


def _mass(name: str, k: Any, n: Any, p: Any, loc: Any, fun: Any, low: float, high: float) -> Any:
    """fun(k, n, p) at whole k below n, `low` before, `high` after."""
    k, n, p, loc = real(name, k, n, p, loc)
    x = floor(k - loc)
    inside = (x >= 0) & (x < n)
    value = fun(where(inside, x, 0), n, p)
    return where(inside, value, where(x < 0, low, where(x == x, high, NAN)))


def cdf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """Distribution function."""
    return _mass("binom.cdf", k, n, p, loc,
                 lambda k, n, p: betaincc(k + 1, n - k, p), 0, 1)


def logcdf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """Logarithm of the distribution function."""
    return _mass("binom.logcdf", k, n, p, loc,
                 lambda k, n, p: log_betainc_p.bind(k + 1, n - k, p, upper=True), -INF, 0)


def sf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """Survival function, 1 - cdf."""
    return _mass("binom.sf", k, n, p, loc,
                 lambda k, n, p: betainc(k + 1, n - k, p), 1, 0)


def logsf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """Logarithm of the survival function."""
    return _mass("binom.logsf", k, n, p, loc,
                 lambda k, n, p: log_betainc_p.bind(k + 1, n - k, p, upper=False), 0, -INF)


def ppf(q: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """Quantile function."""
    q, n, p, loc = real("binom.ppf", q, n, p, loc)
    q = probability(q) + 0 * cdf(0 * q, n, p)
    value = first_integer(lambda k: cdf(k, n, p) >= q, q)
    return where(q == 1, n, value) + loc


def isf(q: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """Inverse survival function."""
    q, n, p, loc = real("binom.isf", q, n, p, loc)
    q = probability(q) + 0 * cdf(0 * q, n, p)
    value = first_integer(lambda k: sf(k, n, p) <= q, q)
    return where(q == 0, n, value) + loc


_hide_frames_of(__name__)
