"""The negative binomial distribution."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import log1p
from ingot.numpy.logic import where
from ingot.numpy.rounding import floor
from ingot.scipy.log_tails import log_betainc_p
from ingot.scipy.special import betainc
from ingot.scipy.special_distributions import betaincc
from ingot.scipy.stats.common import INF, NAN, defined_where, discrete_quantile, real
from ingot.scipy.stats.densities import binomial, log_binomial

__all__ = ["cdf", "isf", "logcdf", "logpmf", "logsf", "pmf", "ppf", "sf"]

_defined = defined_where(lambda n, p: (n > 0) & (p > 0) & (p <= 1))


@_defined
def logpmf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """Negative binomial distribution: the logarithm of the probability of k.

    k, n, p, loc: those of `pmf` -> the broadcast shape, in the promoted floating dtype; finite
    where the probability underflows. Raises TypeError for complex numbers.

    >>> stats.nbinom.logpmf(5000, 2.0, 0.5)
    Array(-3458.60480399, dtype=float64, weak_type=True)
    """
    x = k - loc
    outside = (x < 0) | (floor(x) != x)
    y = where(outside, 0, x)
    # The last toss is a success: n / (n + x) of all orders.
    return where(outside, -INF, log_binomial(y, n + y, 1 - p, p) - log1p(y / n))


@_defined
def pmf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """Negative binomial distribution: the probability of k.

    The probability is binom(k + n - 1, k) p^n (1 - p)^k for k = 0, 1, .... k: real numbers; the
    probability is 0 between whole ones. n: number of successes, above 0. p: probability of a
    success. loc: k stands for k - loc. -> the broadcast shape, in the promoted floating dtype.
    Raises TypeError for complex numbers.

    >>> stats.nbinom.pmf(2, 2.0, 0.5)
    Array(0.1875, dtype=float64, weak_type=True)
    """
    x = k - loc
    outside = (x < 0) | (x == INF) | (floor(x) != x)
    y = where(outside, 0, x)
    return where(outside, 0, binomial(y, n + y, 1 - p, p) * n / (n + y))


def _mass(name: str, k: Any, n: Any, p: Any, loc: Any, fun: Any, low: float, high: float) -> Any:
    """fun(k, n, p) at whole k from 0 on, `low` before, `high` after."""
    k, n, p, loc = real(name, k, n, p, loc)
    x = floor(k - loc)
    inside = (x >= 0) & (x < INF)
    value = fun(where(inside, x, 0), n, p)
    return where(inside, value, where(x < 0, low, where(x == x, high, NAN)))


@_defined
def cdf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """Negative binomial distribution: the probability of at most k.

    k, n, p, loc: those of `pmf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.nbinom.cdf(2, 2.0, 0.5)
    Array(0.6875, dtype=float64, weak_type=True)
    """
    return _mass("nbinom.cdf", k, n, p, loc,
                 lambda k, n, p: betainc(n, k + 1, p), 0, 1)


@_defined
def logcdf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """Negative binomial distribution: the logarithm of the probability of at most k.

    k, n, p, loc: those of `pmf` -> the broadcast shape, in the promoted floating dtype; finite
    where cdf underflows. Raises TypeError for complex numbers.

    >>> stats.nbinom.logcdf(0, 2.0, 0.5)
    Array(-1.38629436, dtype=float64, weak_type=True)
    """
    return _mass("nbinom.logcdf", k, n, p, loc,
                 lambda k, n, p: log_betainc_p.bind(n, k + 1, p, upper=False), -INF, 0)


@_defined
def sf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """Negative binomial distribution: the probability of more than k.

    k, n, p, loc: those of `pmf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.nbinom.sf(100, 2.0, 0.5)
    Array(2.03131683e-29, dtype=float64, weak_type=True)
    """
    return _mass("nbinom.sf", k, n, p, loc,
                 lambda k, n, p: betaincc(n, k + 1, p), 1, 0)


@_defined
def logsf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """Negative binomial distribution: the logarithm of the probability of more than k.

    k, n, p, loc: those of `pmf` -> the broadcast shape, in the promoted floating dtype; finite
    where sf underflows. Raises TypeError for complex numbers.

    >>> stats.nbinom.logsf(5000, 2.0, 0.5)
    Array(-3458.60440415, dtype=float64, weak_type=True)
    """
    return _mass("nbinom.logsf", k, n, p, loc,
                 lambda k, n, p: log_betainc_p.bind(n, k + 1, p, upper=True), 0, -INF)


def _quantile(q: Any, n: Any, p: Any, upper: bool) -> Any:
    return discrete_quantile(lambda k: cdf(k, n, p), lambda k: sf(k, n, p), q, upper)


@_defined
def ppf(q: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """Negative binomial distribution: the k not exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. n, p, loc: those of `pmf` -> the broadcast shape, in the
    promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.nbinom.ppf(0.5, 2.0, 0.5)
    Array(1., dtype=float64, weak_type=True)
    """
    value = _quantile(q, n, p, False)
    return where(q == 1, INF, value) + loc


@_defined
def isf(q: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """Negative binomial distribution: the k exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. Small q keep their digits. n, p, loc: those of `pmf` -> the
    broadcast shape, in the promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.nbinom.isf(1e-20, 2.0, 0.5)
    Array(71., dtype=float64, weak_type=True)
    """
    value = _quantile(q, n, p, True)
    return where(q == 0, INF, value) + loc


_hide_frames_of(__name__)
