"""The gamma distribution."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import log
from ingot.numpy.logic import clip, where
from ingot.scipy.special import gammainc, gammaincc, gammaln, xlogy
from ingot.scipy.stats.common import INF, exp, real
from ingot.scipy.stats.densities import log_poisson


def logpdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the probability density."""
    x, a, loc, scale = real("gamma.logpdf", x, a, loc, scale)
    inside = x >= loc
    y = where(inside, (x - loc) / scale, 1)
    return where(inside, log_density(y, a) - log(scale), -INF)


def log_density(y: Any, a: Any) -> Any:
    """The density at y >= 0 without location and scale: for large a that of Poisson's law."""
    endless = y == INF
    y = where(endless, 1, y)
    many = (a > 8) & (y > 0)
    b, z = where(many, a, 9), where(many, y, 9)
    plain = xlogy(a - 1, y) - y - gammaln(a)
    value = where(many, log_poisson(b, z) + log(b) - log(z), plain)
    return where(endless, -INF, value)


def pdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability density."""
    return exp(logpdf(x, a, loc, scale))


def cdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Distribution function."""
    x, a, loc, scale = real("gamma.cdf", x, a, loc, scale)
    return gammainc(a, clip((x - loc) / scale, 0))


def logcdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the distribution function."""
    return log(cdf(x, a, loc, scale))


def sf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Survival function, 1 - cdf."""
    x, a, loc, scale = real("gamma.sf", x, a, loc, scale)
    return gammaincc(a, clip((x - loc) / scale, 0))


def logsf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the survival function."""
    return log(sf(x, a, loc, scale))

_hide_frames_of(__name__)
