"""The gamma distribution."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import log
from ingot.numpy.families import like
from ingot.numpy.logic import where
from ingot.scipy.log_tails import log_gammainc_p, log_gammaincc_p
from ingot.scipy.special import gammainc, gammaincc, gammaln, xlogy
from ingot.scipy.special_distributions import gammainccinv, gammaincinv
from ingot.scipy.special_table import zero_of_slope
from ingot.scipy.stats.common import HALF_LINE, INF, defined_where, exp
from ingot.scipy.stats.densities import log_poisson

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]

_defined = defined_where(lambda a: a > 0, support=HALF_LINE)


@_defined
def logpdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Gamma distribution: the logarithm of the density.

    x, a, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where the density underflows. Raises TypeError for complex numbers.

    >>> stats.gamma.logpdf(1000.0, 2.0)
    Array(-993.09224472, dtype=float64, weak_type=True)
    """
    return log_density((x - loc) / scale, a) - log(scale)


def log_density(y: Any, a: Any) -> Any:
    """The density at y >= 0 without location and scale: for large a that of Poisson's law."""
    whole, endless = y, y == INF
    y = where(endless, 1, y)
    many = (a > 8) & (y > 0)
    b, z = where(many, a, 9), where(many, y, 9)
    plain = xlogy(a - 1, y) - y - gammaln(a)
    value = where(many, log_poisson(b, z) + log(b) - log(z), plain)
    return where(endless, -whole + zero_of_slope(a, where(endless, like(a, INF), 0)), value)


@_defined
def pdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Gamma distribution: the probability density, x^(a - 1) exp(-x) / Gamma(a) for x >= 0.

    x: real numbers. a: shape, above 0. loc, scale: x stands for (x - loc) / scale, and the density
    is divided by scale. -> the broadcast shape, in the promoted floating dtype. Raises TypeError
    for complex numbers.

    >>> stats.gamma.pdf(1.0, 2.0)
    Array(0.36787944, dtype=float64, weak_type=True)
    """
    return density((x - loc) / scale, a) / scale


def density(y: Any, a: Any) -> Any:
    """The density at y >= 0 without location and scale; near 0 a product with a power, since
    derivatives of its logarithm cancel there."""
    near = (y < 1) & (a <= 8)
    b, z = where(near, a, 2), where(near, y, 0.5)
    return where(near, z ** (b - 1) * exp(-z - gammaln(b)), exp(log_density(where(near, 1, y), a)))


@_defined
def cdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Gamma distribution: the probability of at most x.

    x, a, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.gamma.cdf(1.0, 2.0)
    Array(0.26424112, dtype=float64, weak_type=True)
    """
    return gammainc(a, (x - loc) / scale)


@_defined
def logcdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Gamma distribution: the logarithm of the probability of at most x.

    x, a, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where cdf underflows. Raises TypeError for complex numbers.

    >>> stats.gamma.logcdf(1e-200, 2.0)
    Array(-921.72718438, dtype=float64, weak_type=True)
    """
    return log_gammainc_p.bind(a, (x - loc) / scale)


@_defined
def sf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Gamma distribution: the probability of more than x, accurate where it is small.

    x, a, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.gamma.sf(100.0, 2.0)
    Array(3.75727674e-42, dtype=float64, weak_type=True)
    """
    return gammaincc(a, (x - loc) / scale)


@_defined
def logsf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Gamma distribution: the logarithm of the probability of more than x.

    x, a, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where sf underflows. Raises TypeError for complex numbers.

    >>> stats.gamma.logsf(1000.0, 2.0)
    Array(-993.09124522, dtype=float64, weak_type=True)
    """
    return log_gammaincc_p.bind(a, (x - loc) / scale)


@_defined
def ppf(q: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Gamma distribution: the x not exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. a, loc, scale: those of `pdf` -> the broadcast shape, in the
    promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.gamma.ppf(0.5, 2.0)
    Array(1.67834699, dtype=float64, weak_type=True)
    """
    return gammaincinv(a, q) * scale + loc


@_defined
def isf(q: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Gamma distribution: the x exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. Small q keep their digits. a, loc, scale: those of `pdf` ->
    the broadcast shape, in the promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.gamma.isf(1e-20, 2.0)
    Array(49.98319799, dtype=float64, weak_type=True)
    """
    return gammainccinv(a, q) * scale + loc


_hide_frames_of(__name__)
