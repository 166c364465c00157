"""The generalized normal distribution."""

from __future__ import annotations

import math
from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import log, log1p
from ingot.numpy.logic import where
from ingot.scipy.log_tails import log_gammaincc_p
from ingot.scipy.special import gammainc, gammaincc, gammaln
from ingot.scipy.special_distributions import gammainccinv
from ingot.scipy.stats.common import LINE, defined_where, exp

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]

_defined = defined_where(lambda beta: beta > 0, support=LINE)


@_defined
def logpdf(x: Any, beta: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Generalized normal distribution: the logarithm of the density.

    x, beta, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype;
    finite where the density underflows. Raises TypeError for complex numbers.

    >>> stats.gennorm.logpdf(50.0, 2.0)
    Array(-2500.57236494, dtype=float64, weak_type=True)
    """
    return log(beta / scale) - math.log(2) - gammaln(1 / beta) - abs((x - loc) / scale) ** beta


@_defined
def pdf(x: Any, beta: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Generalized normal distribution: the probability density.

    The density is beta exp(-|x|^beta) / (2 Gamma(1 / beta)). x: real numbers. beta: shape, above 0:
    1 is Laplace's distribution, 2 a normal one. loc, scale: x stands for (x - loc) / scale, and the
    density is divided by scale. -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.gennorm.pdf(0.0, 2.0)
    Array(0.56418958, dtype=float64, weak_type=True)
    """
    return exp(logpdf(x, beta, loc, scale))


@_defined
def cdf(x: Any, beta: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Generalized normal distribution: the probability of at most x.

    x, beta, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype.
    Raises TypeError for complex numbers.

    >>> stats.gennorm.cdf(0.0, 2.0)
    Array(0.5, dtype=float64, weak_type=True)
    """
    y = (x - loc) / scale
    z = abs(y) ** beta
    return 0.5 * where(y < 0, gammaincc(1 / beta, z), 1 + gammainc(1 / beta, z))


def _quantile(q: Any, beta: Any) -> Any:
    low = q < 0.5
    size = gammainccinv(1 / beta, 2 * where(low, q, 1 - q)) ** (1 / beta)
    return where(q == q, where(low, -size, size), q)


@_defined
def logcdf(x: Any, beta: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Generalized normal distribution: the logarithm of the probability of at most x.

    x, beta, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype;
    finite where cdf underflows. Raises TypeError for complex numbers.

    >>> stats.gennorm.logcdf(-50.0, 2.0)
    Array(-2505.17773503, dtype=float64, weak_type=True)
    """
    y = (x - loc) / scale
    low = y < 0
    tail = log_gammaincc_p.bind(1 / beta, abs(y) ** beta) - math.log(2)
    return where(low, tail, log1p(-exp(where(low, -1, tail))))


@_defined
def sf(x: Any, beta: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Generalized normal distribution: the probability of more than x.

    x, beta, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype.
    Raises TypeError for complex numbers.

    >>> stats.gennorm.sf(5.0, 2.0)
    Array(7.68729897e-13, dtype=float64, weak_type=True)
    """
    return cdf(-x, beta, -loc, scale)


@_defined
def logsf(x: Any, beta: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Generalized normal distribution: the logarithm of the probability of more than x.

    x, beta, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype;
    finite where sf underflows. Raises TypeError for complex numbers.

    >>> stats.gennorm.logsf(50.0, 2.0)
    Array(-2505.17773503, dtype=float64, weak_type=True)
    """
    return logcdf(-x, beta, -loc, scale)


@_defined
def ppf(q: Any, beta: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Generalized normal distribution: the x not exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. beta, loc, scale: those of `pdf` -> the broadcast shape, in
    the promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.gennorm.ppf(0.5, 2.0)
    Array(0., dtype=float64, weak_type=True)
    """
    return _quantile(q, beta) * scale + loc


@_defined
def isf(q: Any, beta: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Generalized normal distribution: the x exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. Small q keep their digits. beta, loc, scale: those of `pdf` ->
    the broadcast shape, in the promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.gennorm.isf(1e-20, 2.0)
    Array(6.54946349, dtype=float64, weak_type=True)
    """
    return -_quantile(q, beta) * scale + loc


_hide_frames_of(__name__)
