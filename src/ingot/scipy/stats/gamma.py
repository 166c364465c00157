"""The gamma distribution."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import log
from ingot.numpy.logic import where
from ingot.scipy.log_tails import log_gammainc_p, log_gammaincc_p
from ingot.scipy.special import gammainc, gammaincc, gammaln, xlogy
from ingot.scipy.special_distributions import gammainccinv, gammaincinv
from ingot.scipy.stats.common import INF, exp, real
from ingot.scipy.stats.densities import log_poisson

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]


def logpdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the probability density."""
    x, a, loc, scale = real("gamma.logpdf", x, a, loc, scale)
    inside = x >= loc
    y = where(inside, (x - loc) / scale, 1)
    return where(inside, log_density(y, a) - log(scale), -INF)


def log_density(y: Any, a: Any) -> Any:
    """The density at y >= 0 without location and scale: for large a that of Poisson's law."""
    whole, endless = y, y == INF
    y = where(endless, 1, y)
    many = (a > 8) & (y > 0)
    b, z = where(many, a, 9), where(many, y, 9)
    plain = xlogy(a - 1, y) - y - gammaln(a)
    value = where(many, log_poisson(b, z) + log(b) - log(z), plain)
    return where(endless, -whole * (a / a), value)


def pdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability density."""
    x, a, loc, scale = real("gamma.pdf", x, a, loc, scale)
    inside = x >= loc
    return where(inside, density(where(inside, (x - loc) / scale, 1), a) / scale, 0)


def density(y: Any, a: Any) -> Any:
    """The density at y >= 0 without location and scale; near 0 a product with a power, since
    derivatives of its logarithm cancel there."""
    near = (y < 1) & (a <= 8)
    b, z = where(near, a, 2), where(near, y, 0.5)
    return where(near, z ** (b - 1) * exp(-z - gammaln(b)), exp(log_density(where(near, 1, y), a)))


def cdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Distribution function."""
    x, a, loc, scale = real("gamma.cdf", x, a, loc, scale)
    y = (x - loc) / scale
    return gammainc(a, where(y >= 0, y, 0))


def logcdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the distribution function."""
    x, a, loc, scale = real("gamma.logcdf", x, a, loc, scale)
    y = (x - loc) / scale
    inside = y >= 0
    return where(inside, log_gammainc_p.bind(a, where(inside, y, 1)), -INF)


def sf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Survival function, 1 - cdf."""
    x, a, loc, scale = real("gamma.sf", x, a, loc, scale)
    y = (x - loc) / scale
    return gammaincc(a, where(y >= 0, y, 0))


def logsf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the survival function."""
    x, a, loc, scale = real("gamma.logsf", x, a, loc, scale)
    y = (x - loc) / scale
    inside = y >= 0
    return where(inside, log_gammaincc_p.bind(a, where(inside, y, 1)), 0)


def ppf(q: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Quantile function."""
    q, a, loc, scale = real("gamma.ppf", q, a, loc, scale)
    return gammaincinv(a, q) * scale + loc


def isf(q: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Inverse survival function."""
    q, a, loc, scale = real("gamma.isf", q, a, loc, scale)
    return gammainccinv(a, q) * scale + loc


_hide_frames_of(__name__)
