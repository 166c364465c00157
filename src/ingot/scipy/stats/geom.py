"""The distribution of the number of tosses until the first success."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import expm1, log
from ingot.numpy.logic import where
from ingot.numpy.rounding import floor
from ingot.scipy.special import xlog1py
from ingot.scipy.stats.common import INF, defined_where, discrete_quantile, exp, log_of_parts
from ingot.scipy.stats.densities import binomial

__all__ = ["cdf", "isf", "logcdf", "logpmf", "logsf", "pmf", "ppf", "sf"]

_defined = defined_where(lambda p: (p > 0) & (p <= 1))


@_defined
def logpmf(k: Any, p: Any, loc: Any = 0) -> Any:
    """Geometric distribution: the logarithm of the probability of k.

    k, p, loc: those of `pmf` -> the broadcast shape, in the promoted floating dtype; finite where
    the probability underflows. Raises TypeError for complex numbers.

    >>> stats.geom.logpmf(5000, 0.5)
    Array(-3465.7359028, dtype=float64, weak_type=True)
    """
    x = k - loc
    outside = (x <= 0) | (floor(x) != x)
    return where(outside, -INF, xlog1py(where(outside, 1, x) - 1, -p) + log(p))


@_defined
def pmf(k: Any, p: Any, loc: Any = 0) -> Any:
    """Geometric distribution: the probability of k, (1 - p)^(k - 1) p for k = 1, 2, ....

    k: real numbers; the probability is 0 between whole ones. p: probability of a success. loc: k
    stands for k - loc. -> the broadcast shape, in the promoted floating dtype. Raises TypeError for
    complex numbers.

    >>> stats.geom.pmf(2, 0.5)
    Array(0.25, dtype=float64, weak_type=True)
    """
    x = k - loc
    outside = (x <= 0) | (x == INF) | (floor(x) != x)
    before = where(outside, 1, x) - 1
    return where(outside, 0, p * binomial(before, before, 1 - p, p))


def _log_tail(k: Any, p: Any, loc: Any) -> Any:
    """The logarithm of (1 - p)^k, the probability of more than k tosses; 0 before the first."""
    x = floor(k - loc)
    return xlog1py(where(x < 0, 0, x), -p)


@_defined
def cdf(k: Any, p: Any, loc: Any = 0) -> Any:
    """Geometric distribution: the probability of at most k.

    k, p, loc: those of `pmf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.geom.cdf(2, 0.5)
    Array(0.75, dtype=float64, weak_type=True)
    """
    return -expm1(_log_tail(k, p, loc))


@_defined
def logcdf(k: Any, p: Any, loc: Any = 0) -> Any:
    """Geometric distribution: the logarithm of the probability of at most k.

    k, p, loc: those of `pmf` -> the broadcast shape, in the promoted floating dtype; finite where
    cdf underflows. Raises TypeError for complex numbers.

    >>> stats.geom.logcdf(1, 0.5)
    Array(-0.69314718, dtype=float64, weak_type=True)
    """
    tail = _log_tail(k, p, loc)
    return log_of_parts(-expm1(tail), exp(tail))


@_defined
def sf(k: Any, p: Any, loc: Any = 0) -> Any:
    """Geometric distribution: the probability of more than k, accurate where it is small.

    k, p, loc: those of `pmf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.geom.sf(100, 0.5)
    Array(7.88860905e-31, dtype=float64, weak_type=True)
    """
    return exp(_log_tail(k, p, loc))


@_defined
def logsf(k: Any, p: Any, loc: Any = 0) -> Any:
    """Geometric distribution: the logarithm of the probability of more than k.

    k, p, loc: those of `pmf` -> the broadcast shape, in the promoted floating dtype; finite where
    sf underflows. Raises TypeError for complex numbers.

    >>> stats.geom.logsf(5000, 0.5)
    Array(-3465.7359028, dtype=float64, weak_type=True)
    """
    return _log_tail(k, p, loc)


def _quantile(q: Any, p: Any, upper: bool) -> Any:
    return discrete_quantile(lambda k: cdf(k, p), lambda k: sf(k, p), q, upper)


@_defined
def ppf(q: Any, p: Any, loc: Any = 0) -> Any:
    """Geometric distribution: the k not exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. p, loc: those of `pmf` -> the broadcast shape, in the promoted
    floating dtype. Raises TypeError for complex numbers.

    >>> stats.geom.ppf(0.5, 0.5)
    Array(1., dtype=float64, weak_type=True)
    """
    value = _quantile(q, p, False)
    return where(q == 0, 0, where(q == 1, INF, value)) + loc


@_defined
def isf(q: Any, p: Any, loc: Any = 0) -> Any:
    """Geometric distribution: the k exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. Small q keep their digits. p, loc: those of `pmf` -> the
    broadcast shape, in the promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.geom.isf(1e-20, 0.5)
    Array(67., dtype=float64, weak_type=True)
    """
    value = _quantile(q, p, True)
    return where(q == 1, 0, where(q == 0, INF, value)) + loc


_hide_frames_of(__name__)
