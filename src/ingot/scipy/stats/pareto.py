"""Pareto's distribution."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.nn.functions import log1mexp
from ingot.numpy.elementary import expm1, log, log1p
from ingot.numpy.logic import where
from ingot.scipy.stats.common import INF, NAN, exp, real

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]


def logpdf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the probability density."""
    x, b, loc, scale = real("pareto.logpdf", x, b, loc, scale)
    y = (x - loc) / scale
    inside = y >= 1
    return where(inside, log(b) - log(scale) - (b + 1) * log(where(inside, y, 1)), -INF)


def pdf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability density."""
    return exp(logpdf(x, b, loc, scale))


def logsf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the survival function."""
    x, b, loc, scale = real("pareto.logsf", x, b, loc, scale)
    y = (x - loc) / scale
    return -b * log(where(y >= 1, y, 1))


def sf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Survival function, 1 - cdf."""
    return exp(logsf(x, b, loc, scale))


def cdf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Distribution function."""
    return -expm1(logsf(x, b, loc, scale))


def logcdf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the distribution function."""
    return log1mexp(-logsf(x, b, loc, scale))


def ppf(q: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Quantile function."""
    q, b, loc, scale = real("pareto.ppf", q, b, loc, scale)
    value = loc + scale * exp(-log1p(-q) / b)
    return where((q < 0) | (q > 1), NAN, value)


def isf(q: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Inverse survival function."""
    q, b, loc, scale = real("pareto.isf", q, b, loc, scale)
    return where((q < 0) | (q > 1), NAN, loc + scale * exp(-log(q) / b))


_hide_frames_of(__name__)
