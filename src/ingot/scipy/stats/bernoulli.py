"""The distribution of one coin toss."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.logic import where
from ingot.scipy.special import xlog1py, xlogy
from ingot.scipy.stats.common import INF, defined_where, discrete_quantile, like, log_of_parts
from ingot.scipy.stats.densities import binomial

__all__ = ["cdf", "isf", "logcdf", "logpmf", "logsf", "pmf", "ppf", "sf"]

_defined = defined_where(lambda p: (p >= 0) & (p <= 1))


@_defined
def logpmf(k: Any, p: Any, loc: Any = 0) -> Any:
    """Bernoulli's distribution: the logarithm of the probability of k.

    k, p, loc: those of `pmf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.bernoulli.logpmf(1, 0.25)
    Array(-1.38629436, dtype=float64, weak_type=True)
    """
    x = k - loc
    value = xlogy(x, p) + xlog1py(1 - x, -p)
    return where((x == 0) | (x == 1), value, -INF)


@_defined
def pmf(k: Any, p: Any, loc: Any = 0) -> Any:
    """Bernoulli's distribution: the probability of k, p for k = 1 and 1 - p for k = 0.

    k: real numbers; the probability is 0 between whole ones. p: probability of 1. loc: k stands for
    k - loc. -> the broadcast shape, in the promoted floating dtype. Raises TypeError for complex
    numbers.

    >>> stats.bernoulli.pmf(1, 0.25)
    Array(0.25, dtype=float64, weak_type=True)
    """
    x = k - loc
    outside = (x != 0) & (x != 1)
    return where(outside, 0, binomial(where(outside, 0, x), like(x, 1), p, 1 - p))


@_defined
def cdf(k: Any, p: Any, loc: Any = 0) -> Any:
    """Bernoulli's distribution: the probability of at most k.

    k, p, loc: those of `pmf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.bernoulli.cdf(1, 0.25)
    Array(1., dtype=float64, weak_type=True)
    """
    x = k - loc
    return where(x < 0, 0, where(x < 1, 1 - p, 1))


def _quantile(q: Any, p: Any, upper: bool) -> Any:
    return discrete_quantile(lambda k: cdf(k, p), lambda k: sf(k, p), q, upper)


@_defined
def ppf(q: Any, p: Any, loc: Any = 0) -> Any:
    """Bernoulli's distribution: the k not exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. p, loc: those of `pmf` -> the broadcast shape, in the promoted
    floating dtype. Raises TypeError for complex numbers.

    >>> stats.bernoulli.ppf(0.5, 0.25)
    Array(0., dtype=float64, weak_type=True)
    """
    return _quantile(q, p, False) + loc


@_defined
def logcdf(k: Any, p: Any, loc: Any = 0) -> Any:
    """Bernoulli's distribution: the logarithm of the probability of at most k.

    k, p, loc: those of `pmf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.bernoulli.logcdf(0, 0.25)
    Array(-0.28768207, dtype=float64, weak_type=True)
    """
    return log_of_parts(cdf(k, p, loc), sf(k, p, loc))


@_defined
def sf(k: Any, p: Any, loc: Any = 0) -> Any:
    """Bernoulli's distribution: the probability of more than k, accurate where it is small.

    k, p, loc: those of `pmf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.bernoulli.sf(0, 0.25)
    Array(0.25, dtype=float64, weak_type=True)
    """
    x = k - loc
    return where(x < 0, 1, where(x < 1, p, 0))


@_defined
def logsf(k: Any, p: Any, loc: Any = 0) -> Any:
    """Bernoulli's distribution: the logarithm of the probability of more than k.

    k, p, loc: those of `pmf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.bernoulli.logsf(0, 0.25)
    Array(-1.38629436, dtype=float64, weak_type=True)
    """
    return log_of_parts(sf(k, p, loc), cdf(k, p, loc))


@_defined
def isf(q: Any, p: Any, loc: Any = 0) -> Any:
    """Bernoulli's distribution: the k exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. Small q keep their digits. p, loc: those of `pmf` -> the
    broadcast shape, in the promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.bernoulli.isf(0.5, 0.25)
    Array(0., dtype=float64, weak_type=True)
    """
    return _quantile(q, p, True) + loc


_hide_frames_of(__name__)
