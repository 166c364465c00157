"""The beta distribution."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import log, log1p
from ingot.numpy.logic import where
from ingot.scipy.log_tails import log_betainc_p
from ingot.scipy.special import betainc, betaln, xlog1py, xlogy
from ingot.scipy.special_distributions import betaincc, betainccinv, betaincinv
from ingot.scipy.stats.common import INF, UNIT, defined_where, exp
from ingot.scipy.stats.densities import log_binomial

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]

_defined = defined_where(lambda a, b: (a > 0) & (b > 0), support=UNIT)


@_defined
def logpdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Beta distribution: the logarithm of the density.

    x, a, b, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype;
    finite where the density underflows. Raises TypeError for complex numbers.

    >>> stats.beta.logpdf(0.25, 2.0, 3.0)
    Array(0.52324814, dtype=float64, weak_type=True)
    """
    y = (x - loc) / scale
    value = xlogy(a - 1, y) + xlog1py(b - 1, -y) - betaln(a, b)
    # Large powers and the beta function cancel: as a binomial probability, where nothing does.
    large = (a + b > 20) & (a > 1) & (b > 1) & (y > 0) & (y < 1) & (a + b < INF)
    c, d, z = where(large, a, 2), where(large, b, 2), where(large, y, 0.5)
    binomial = log_binomial(c, c + d, z, 1 - z) + log(c) + log(d / (c + d)) - log(z) - log1p(-z)
    return where(large, binomial, value) - log(scale)


@_defined
def pdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Beta distribution: the probability density, x^(a - 1) (1 - x)^(b - 1) / B(a, b) on [0, 1].

    x: real numbers. a, b: shapes, above 0. loc, scale: x stands for (x - loc) / scale, and the
    density is divided by scale. -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.beta.pdf(0.25, 2.0, 3.0)
    Array(1.6875, dtype=float64, weak_type=True)
    """
    y = (x - loc) / scale
    few = (a > 0) & (a <= 8) & (b > 0) & (b <= 8)
    p, q, z = where(few, a, 1), where(few, b, 1), where(few, y, 0.5)
    powers = z ** (p - 1) * (1 - z) ** (q - 1) * exp(-betaln(p, q)) / scale
    return where(few, powers, exp(logpdf(where(few, loc + 0.5 * scale, x), a, b, loc, scale)))


@_defined
def cdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Beta distribution: the probability of at most x.

    x, a, b, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype.
    Raises TypeError for complex numbers.

    >>> stats.beta.cdf(0.25, 2.0, 3.0)
    Array(0.26171875, dtype=float64, weak_type=True)
    """
    return betainc(a, b, (x - loc) / scale)


@_defined
def logcdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Beta distribution: the logarithm of the probability of at most x.

    x, a, b, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype;
    finite where cdf underflows. Raises TypeError for complex numbers.

    >>> stats.beta.logcdf(1e-200, 2.0, 3.0)
    Array(-919.24227773, dtype=float64, weak_type=True)
    """
    return log_betainc_p.bind(a, b, (x - loc) / scale, upper=False)


@_defined
def sf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Beta distribution: the probability of more than x, accurate where it is small.

    x, a, b, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype.
    Raises TypeError for complex numbers.

    >>> stats.beta.sf(0.999, 2.0, 3.0)
    Array(3.997e-09, dtype=float64, weak_type=True)
    """
    return betaincc(a, b, (x - loc) / scale)


@_defined
def logsf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Beta distribution: the logarithm of the probability of more than x.

    x, a, b, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype;
    finite where sf underflows. Raises TypeError for complex numbers.

    >>> stats.beta.logsf(0.999, 2.0, 3.0)
    Array(-19.33772176, dtype=float64, weak_type=True)
    """
    return log_betainc_p.bind(a, b, (x - loc) / scale, upper=True)


@_defined
def ppf(q: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Beta distribution: the x not exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. a, b, loc, scale: those of `pdf` -> the broadcast shape, in
    the promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.beta.ppf(0.5, 2.0, 3.0)
    Array(0.38572757, dtype=float64, weak_type=True)
    """
    return betaincinv(a, b, q) * scale + loc


@_defined
def isf(q: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Beta distribution: the x exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. Small q keep their digits. a, b, loc, scale: those of `pdf` ->
    the broadcast shape, in the promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.beta.isf(0.5, 2.0, 3.0)
    Array(0.38572757, dtype=float64, weak_type=True)
    """
    return betainccinv(a, b, q) * scale + loc


_hide_frames_of(__name__)
