"""The normal distribution."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy import primitives as lax
from ingot.numpy.elementary import log
from ingot.numpy.families import like
from ingot.scipy.special import log_ndtr, ndtr, ndtri
from ingot.scipy.stats.common import LOG_2PI, exp, real

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]


def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the probability density."""
    x, loc, scale = real("norm.logpdf", x, loc, scale)
    return -0.5 * (LOG_2PI + ((x - loc) / scale) ** 2) - log(scale)


def pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability density."""
    x, loc, scale = real("norm.pdf", x, loc, scale)
    y = (x - loc) / scale
    # Beyond 64 it is 0, and so are all derivatives, not products of 0 and infinity.
    return exp(-0.5 * (LOG_2PI + lax.clamp(like(y, -64), y, like(y, 64)) ** 2) - log(scale))


def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Distribution function."""
    x, loc, scale = real("norm.cdf", x, loc, scale)
    return ndtr((x - loc) / scale)


def logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the distribution function."""
    x, loc, scale = real("norm.logcdf", x, loc, scale)
    return log_ndtr((x - loc) / scale)


def sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Survival function, 1 - cdf."""
    x, loc, scale = real("norm.sf", x, loc, scale)
    return ndtr((loc - x) / scale)


def logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the survival function."""
    x, loc, scale = real("norm.logsf", x, loc, scale)
    return log_ndtr((loc - x) / scale)


def ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Quantile function."""
    q, loc, scale = real("norm.ppf", q, loc, scale)
    return ndtri(q) * scale + loc


def isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Inverse survival function."""
    q, loc, scale = real("norm.isf", q, loc, scale)
    return -ndtri(q) * scale + loc

_hide_frames_of(__name__)
