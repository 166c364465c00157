"""The exponential distribution."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.nn.functions import log1mexp
from ingot.numpy.elementary import expm1, log, log1p
from ingot.numpy.logic import where
from ingot.scipy.stats.common import INF, NAN, exp, real

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]


def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the probability density."""
    x, loc, scale = real("expon.logpdf", x, loc, scale)
    return where(x < loc, -INF, -(x - loc) / scale - log(scale))


def pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability density."""
    return exp(logpdf(x, loc, scale))


def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Distribution function."""
    x, loc, scale = real("expon.cdf", x, loc, scale)
    return where(x < loc, 0, -expm1(-(x - loc) / scale))


def logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the distribution function."""
    x, loc, scale = real("expon.logcdf", x, loc, scale)
    inside = x >= loc
    return where(inside, log1mexp(where(inside, x - loc, 1) / scale), -INF)


def logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the survival function."""
    x, loc, scale = real("expon.logsf", x, loc, scale)
    return where(x < loc, 0, -(x - loc) / scale)


def sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Survival function, 1 - cdf."""
    return exp(logsf(x, loc, scale))


def ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Quantile function."""
    q, loc, scale = real("expon.ppf", q, loc, scale)
    return where((q < 0) | (q > 1), NAN, loc - scale * log1p(-q))


def isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Inverse survival function."""
    q, loc, scale = real("expon.isf", q, loc, scale)
    return where((q < 0) | (q > 1), NAN, loc - scale * log(q))


_hide_frames_of(__name__)
