"""The generalized normal distribution."""

from __future__ import annotations

import math
from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import log, log1p
from ingot.numpy.logic import where
from ingot.numpy.rounding import sign
from ingot.scipy.log_tails import log_gammaincc_p
from ingot.scipy.special import gammainc, gammaln
from ingot.scipy.special_distributions import gammainccinv
from ingot.scipy.stats.common import exp, probability, real

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]


def logpdf(x: Any, beta: Any) -> Any:
    """Logarithm of the probability density."""
    x, beta = real("gennorm.logpdf", x, beta)
    return log(beta) - math.log(2) - gammaln(1 / beta) - abs(x) ** beta


def pdf(x: Any, beta: Any) -> Any:
    """Probability density."""
    return exp(logpdf(x, beta))


def cdf(x: Any, beta: Any) -> Any:
    """Distribution function."""
    x, beta = real("gennorm.cdf", x, beta)
    return 0.5 * (1 + sign(x) * gammainc(1 / beta, abs(x) ** beta))


def _quantile(q: Any, beta: Any) -> Any:
    q = probability(q)
    low = q < 0.5
    size = gammainccinv(1 / beta, 2 * where(low, q, 1 - q)) ** (1 / beta)
    return where(low, -size, size)


def logcdf(x: Any, beta: Any) -> Any:
    """Logarithm of the distribution function."""
    x, beta = real("gennorm.logcdf", x, beta)
    low = x < 0
    tail = log_gammaincc_p.bind(1 / beta, abs(x) ** beta) - math.log(2)
    return where(low, tail, log1p(-exp(where(low, -1, tail))))


def sf(x: Any, beta: Any) -> Any:
    """Survival function, 1 - cdf."""
    return cdf(-x, beta)


def logsf(x: Any, beta: Any) -> Any:
    """Logarithm of the survival function."""
    return logcdf(-x, beta)


def ppf(q: Any, beta: Any) -> Any:
    """Quantile function."""
    q, beta = real("gennorm.ppf", q, beta)
    return _quantile(q, beta)


def isf(q: Any, beta: Any) -> Any:
    """Inverse survival function."""
    q, beta = real("gennorm.isf", q, beta)
    return -_quantile(q, beta)


_hide_frames_of(__name__)
