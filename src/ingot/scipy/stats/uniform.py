"""The uniform distribution on [loc, loc + scale]."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import log
from ingot.numpy.logic import where
from ingot.scipy.stats.common import INF, NAN, exp, real

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]


def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the probability density."""
    x, loc, scale = real("uniform.logpdf", x, loc, scale)
    return where((x < loc) | (x > loc + scale), -INF, -log(scale))


def pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability density."""
    return exp(logpdf(x, loc, scale))


def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Distribution function."""
    x, loc, scale = real("uniform.cdf", x, loc, scale)
    y = (x - loc) / scale
    return where(y < 0, 0, where(y > 1, 1, y))


def ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Quantile function."""
    q, loc, scale = real("uniform.ppf", q, loc, scale)
    return where((q < 0) | (q > 1), NAN, q * scale + loc)


def logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the distribution function."""
    return log(cdf(x, loc, scale))


def sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Survival function, 1 - cdf."""
    x, loc, scale = real("uniform.sf", x, loc, scale)
    y = (x - loc) / scale
    return 1 - where(y < 0, 0, where(y > 1, 1, y))


def logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the survival function."""
    return log(sf(x, loc, scale))


def isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Inverse survival function."""
    q, loc, scale = real("uniform.isf", q, loc, scale)
    return where((q < 0) | (q > 1), NAN, (1 - q) * scale + loc)


_hide_frames_of(__name__)
