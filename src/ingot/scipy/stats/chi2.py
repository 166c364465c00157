"""The chi-square distribution."""

from __future__ import annotations

import math
from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import log
from ingot.numpy.logic import where
from ingot.scipy.log_tails import log_gammainc_p, log_gammaincc_p
from ingot.scipy.special import gammainc, gammaincc
from ingot.scipy.special_distributions import gammainccinv, gammaincinv
from ingot.scipy.stats.common import INF, real
from ingot.scipy.stats.gamma import density, log_density

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]


def logpdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the probability density."""
    x, df, loc, scale = real("chi2.logpdf", x, df, loc, scale)
    inside = x >= loc
    y = where(inside, (x - loc) / scale, 1)
    value = log_density(y / 2, df / 2) - math.log(2) - log(scale)
    return where(inside, value, -INF)


def pdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability density."""
    x, df, loc, scale = real("chi2.pdf", x, df, loc, scale)
    inside = x >= loc
    y = where(inside, (x - loc) / scale, 1)
    return where(inside, density(y / 2, df / 2) / (2 * scale), 0)


def cdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Distribution function."""
    x, df, loc, scale = real("chi2.cdf", x, df, loc, scale)
    y = (x - loc) / scale / 2
    return gammainc(df / 2, where(y >= 0, y, 0))


def logcdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the distribution function."""
    x, df, loc, scale = real("chi2.logcdf", x, df, loc, scale)
    y = (x - loc) / scale / 2
    inside = y >= 0
    return where(inside, log_gammainc_p.bind(df / 2, where(inside, y, 1)), -INF)


def sf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Survival function, 1 - cdf."""
    x, df, loc, scale = real("chi2.sf", x, df, loc, scale)
    y = (x - loc) / scale / 2
    return gammaincc(df / 2, where(y >= 0, y, 0))


def logsf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the survival function."""
    x, df, loc, scale = real("chi2.logsf", x, df, loc, scale)
    y = (x - loc) / scale / 2
    inside = y >= 0
    return where(inside, log_gammaincc_p.bind(df / 2, where(inside, y, 1)), 0)


def ppf(q: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Quantile function."""
    q, df, loc, scale = real("chi2.ppf", q, df, loc, scale)
    return 2 * gammaincinv(df / 2, q) * scale + loc


def isf(q: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Inverse survival function."""
    q, df, loc, scale = real("chi2.isf", q, df, loc, scale)
    return 2 * gammainccinv(df / 2, q) * scale + loc


_hide_frames_of(__name__)
