"""The logistic distribution."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import log, logaddexp
from ingot.scipy.special import expit, log_expit, logit
from ingot.scipy.stats.common import exp, real

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]


def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the probability density."""
    x, loc, scale = real("logistic.logpdf", x, loc, scale)
    half = (x - loc) / (2 * scale)
    return -2 * logaddexp(half, -half) - log(scale)


def pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability density."""
    return exp(logpdf(x, loc, scale))


def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Distribution function."""
    x, loc, scale = real("logistic.cdf", x, loc, scale)
    return expit((x - loc) / scale)


def sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Survival function, 1 - cdf."""
    x, loc, scale = real("logistic.sf", x, loc, scale)
    return expit((loc - x) / scale)


def ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Quantile function."""
    q, loc, scale = real("logistic.ppf", q, loc, scale)
    return logit(q) * scale + loc


def isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Inverse survival function."""
    q, loc, scale = real("logistic.isf", q, loc, scale)
    return -logit(q) * scale + loc


def logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the distribution function."""
    x, loc, scale = real("logistic.logcdf", x, loc, scale)
    return log_expit((x - loc) / scale)


def logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the survival function."""
    x, loc, scale = real("logistic.logsf", x, loc, scale)
    return log_expit((loc - x) / scale)


_hide_frames_of(__name__)
