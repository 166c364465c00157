"""The binomial distribution."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.logic import where
from ingot.numpy.rounding import floor
from ingot.scipy.log_tails import log_betainc_p
from ingot.scipy.special import betainc
from ingot.scipy.special_distributions import betaincc
from ingot.scipy.stats.common import INF, NAN, defined_where, discrete_quantile, real
from ingot.scipy.stats.densities import binomial, log_binomial

__all__ = ["cdf", "isf", "logcdf", "logpmf", "logsf", "pmf", "ppf", "sf"]

_defined = defined_where(lambda n, p: (n >= 0) & (n % 1 == 0) & (p >= 0) & (p <= 1))


@_defined
def logpmf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """Binomial distribution: the logarithm of the probability of k.

    k, n, p, loc: those of `pmf` -> the broadcast shape, in the promoted floating dtype; finite
    where the probability underflows. Raises TypeError for complex numbers.

    >>> stats.binom.logpmf(2, 3, 0.5)
    Array(-0.98082925, dtype=float64, weak_type=True)
    """
    x = k - loc
    outside = (x < 0) | (x > n) | (floor(x) != x)
    value = log_binomial(where(outside, 0, x), n, p, 1 - p)
    return where(outside, -INF, value)


@_defined
def pmf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """Binomial distribution: the probability of k.

    The probability is binom(n, k) p^k (1 - p)^(n - k) for k = 0 ... n. k: real numbers; the
    probability is 0 between whole ones. n: number of trials. p: probability of a success. loc: k
    stands for k - loc. -> the broadcast shape, in the promoted floating dtype. Raises TypeError for
    complex numbers.

    >>> stats.binom.pmf(2, 3, 0.5)
    Array(0.375, dtype=float64, weak_type=True)
    """
    x = k - loc
    outside = (x < 0) | (x > n) | (floor(x) != x)
    return where(outside, 0, binomial(where(outside, 0, x), n, p, 1 - p))


def _mass(name: str, k: Any, n: Any, p: Any, loc: Any, fun: Any, low: float, high: float) -> Any:
    """fun(k, n, p) at whole k below n, `low` before, `high` after."""
    k, n, p, loc = real(name, k, n, p, loc)
    x = floor(k - loc)
    inside = (x >= 0) & (x < n)
    value = fun(where(inside, x, 0), n, p)
    return where(inside, value, where(x < 0, low, where(x == x, high, NAN)))


@_defined
def cdf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """Binomial distribution: the probability of at most k.

    k, n, p, loc: those of `pmf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.binom.cdf(2, 3, 0.5)
    Array(0.875, dtype=float64, weak_type=True)
    """
    return _mass("binom.cdf", k, n, p, loc,
                 lambda k, n, p: betaincc(k + 1, n - k, p), 0, 1)


@_defined
def logcdf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """Binomial distribution: the logarithm of the probability of at most k.

    k, n, p, loc: those of `pmf` -> the broadcast shape, in the promoted floating dtype; finite
    where cdf underflows. Raises TypeError for complex numbers.

    >>> stats.binom.logcdf(0, 3, 0.5)
    Array(-2.07944154, dtype=float64, weak_type=True)
    """
    return _mass("binom.logcdf", k, n, p, loc,
                 lambda k, n, p: log_betainc_p.bind(k + 1, n - k, p, upper=True), -INF, 0)


@_defined
def sf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """Binomial distribution: the probability of more than k, accurate where it is small.

    k, n, p, loc: those of `pmf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.binom.sf(2, 3, 0.5)
    Array(0.125, dtype=float64, weak_type=True)
    """
    return _mass("binom.sf", k, n, p, loc,
                 lambda k, n, p: betainc(k + 1, n - k, p), 1, 0)


@_defined
def logsf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """Binomial distribution: the logarithm of the probability of more than k.

    k, n, p, loc: those of `pmf` -> the broadcast shape, in the promoted floating dtype; finite
    where sf underflows. Raises TypeError for complex numbers.

    >>> stats.binom.logsf(2, 3, 0.5)
    Array(-2.07944154, dtype=float64, weak_type=True)
    """
    return _mass("binom.logsf", k, n, p, loc,
                 lambda k, n, p: log_betainc_p.bind(k + 1, n - k, p, upper=False), 0, -INF)


def _quantile(q: Any, n: Any, p: Any, upper: bool) -> Any:
    return discrete_quantile(lambda k: cdf(k, n, p), lambda k: sf(k, n, p), q, upper)


@_defined
def ppf(q: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """Binomial distribution: the k not exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. n, p, loc: those of `pmf` -> the broadcast shape, in the
    promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.binom.ppf(0.5, 3, 0.5)
    Array(1., dtype=float64, weak_type=True)
    """
    value = _quantile(q, n, p, False)
    return where(q == 1, n, value) + loc


@_defined
def isf(q: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """Binomial distribution: the k exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. Small q keep their digits. n, p, loc: those of `pmf` -> the
    broadcast shape, in the promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.binom.isf(1e-20, 3, 0.5)
    Array(3., dtype=float64, weak_type=True)
    """
    value = _quantile(q, n, p, True)
    return where(q == 0, n, value) + loc


_hide_frames_of(__name__)
