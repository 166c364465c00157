"""Cauchy's distribution."""

from __future__ import annotations

import math
from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import arctan2, log, log1p, tan
from ingot.numpy.logic import where
from ingot.scipy.stats.common import exp, probability, real


def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the probability density."""
    x, loc, scale = real("cauchy.logpdf", x, loc, scale)
    return -log(math.pi * scale) - log1p(((x - loc) / scale) ** 2)


def pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability density."""
    return exp(logpdf(x, loc, scale))


def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Distribution function."""
    x, loc, scale = real("cauchy.cdf", x, loc, scale)
    return arctan2(1, (loc - x) / scale) / math.pi


def logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the distribution function."""
    x, loc, scale = real("cauchy.logcdf", x, loc, scale)
    y = (x - loc) / scale
    above = y > 0
    small = arctan2(1, where(above, y, -y)) / math.pi
    return where(above, log1p(-small), log(small))


def sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Survival function, 1 - cdf."""
    return cdf(-x, -loc, scale)


def logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the survival function."""
    return logcdf(-x, -loc, scale)


def _quantile(q: Any) -> Any:
    """Of the standard distribution, -cot(pi q), from the nearer end."""
    q = probability(q)
    low, high = q < 0.25, q > 0.75
    middle = tan(math.pi * (where(low | high, 0.5, q) - 0.5))
    near = where(low, q, where(high, 1 - q, 0.25))
    far = 1 / tan(math.pi * near)
    return where(low, -far, where(high, far, middle))


def ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Quantile function."""
    q, loc, scale = real("cauchy.ppf", q, loc, scale)
    return loc + scale * _quantile(q)


def isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Inverse survival function."""
    q, loc, scale = real("cauchy.isf", q, loc, scale)
    return loc - scale * _quantile(q)


_hide_frames_of(__name__)
