"""Laplace's distribution."""

from __future__ import annotations

import math
from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import log, log1p
from ingot.numpy.logic import where
from ingot.scipy.stats.common import exp, probability, real

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]


def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the probability density."""
    x, loc, scale = real("laplace.logpdf", x, loc, scale)
    return -abs(x - loc) / scale - log(2 * scale)


def pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability density."""
    return exp(logpdf(x, loc, scale))


def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Distribution function."""
    x, loc, scale = real("laplace.cdf", x, loc, scale)
    z = (x - loc) / scale
    tail = 0.5 * exp(where(z <= 0, z, -z))
    return where(z <= 0, tail, 1 - tail)


def _quantile(q: Any) -> Any:
    """Of the standard distribution, in the tail that q lies in."""
    q = probability(q)
    low = q < 0.5
    return where(low, log(2 * where(low, q, 0.25)), -log(2 * (1 - where(low, 0.5, q))))


def logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the distribution function."""
    x, loc, scale = real("laplace.logcdf", x, loc, scale)
    z = (x - loc) / scale
    low = z <= 0
    return where(low, z - math.log(2), log1p(-0.5 * exp(-where(low, 0, z))))


def sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Survival function, 1 - cdf."""
    return cdf(-x, -loc, scale)


def logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the survival function."""
    return logcdf(-x, -loc, scale)


def ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Quantile function."""
    q, loc, scale = real("laplace.ppf", q, loc, scale)
    return _quantile(q) * scale + loc


def isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Inverse survival function."""
    q, loc, scale = real("laplace.isf", q, loc, scale)
    return -_quantile(q) * scale + loc


_hide_frames_of(__name__)
