"""Gumbel's distribution of smallest values."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import expm1, log, log1p
from ingot.numpy.logic import where
from ingot.scipy.stats.common import NAN, exp, real
from ingot.scipy.stats.gumbel_r import log_upper, small_exp

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]


def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the probability density."""
    x, loc, scale = real("gumbel_l.logpdf", x, loc, scale)
    z = (loc - x) / scale
    return where(scale > 0, -(z + exp(-z)) - log(scale), NAN)


def pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability density."""
    x, loc, scale = real("gumbel_l.pdf", x, loc, scale)
    z = (loc - x) / scale
    return where(scale > 0, small_exp(z) * exp(-small_exp(z)) / scale, NAN)


def logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the survival function."""
    x, loc, scale = real("gumbel_l", x, loc, scale)
    z = (loc - x) / scale
    return -exp(-z)


def sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Survival function, 1 - cdf."""
    x, loc, scale = real("gumbel_l", x, loc, scale)
    return exp(-small_exp((loc - x) / scale))


def logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the distribution function."""
    x, loc, scale = real("gumbel_l", x, loc, scale)
    z = (loc - x) / scale
    return log_upper(z)


def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Distribution function."""
    x, loc, scale = real("gumbel_l", x, loc, scale)
    z = (loc - x) / scale
    return -expm1(-small_exp(z))


def ppf(p: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Quantile function."""
    p, loc, scale = real("gumbel_l.ppf", p, loc, scale)
    value = loc + scale * log(-log1p(-p))
    return where((p < 0) | (p > 1) | (scale <= 0), NAN, value)


def isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Inverse survival function."""
    q, loc, scale = real("gumbel_l.isf", q, loc, scale)
    value = loc + scale * log(-log(q))
    return where((q < 0) | (q > 1) | (scale <= 0), NAN, value)


_hide_frames_of(__name__)
