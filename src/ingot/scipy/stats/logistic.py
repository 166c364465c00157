"""The logistic distribution."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import log, logaddexp
from ingot.scipy.special import expit, log_expit, logit
from ingot.scipy.stats.common import LINE, defined_where, exp

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]


_defined = defined_where(support=LINE)


@_defined
def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logistic distribution: the logarithm of the density.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where the density underflows. Raises TypeError for complex numbers.

    >>> stats.logistic.logpdf(1000.0)
    Array(-1000., dtype=float64, weak_type=True)
    """
    half = (x - loc) / (2 * scale)
    return -2 * logaddexp(half, -half) - log(scale)


@_defined
def pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logistic distribution: the probability density, exp(-x) / (1 + exp(-x))^2.

    x: real numbers. loc, scale: x stands for (x - loc) / scale, and the density is divided by
    scale. -> the broadcast shape, in the promoted floating dtype. Raises TypeError for complex
    numbers.

    >>> stats.logistic.pdf(0.0)
    Array(0.25, dtype=float64, weak_type=True)
    """
    return exp(logpdf(x, loc, scale))


@_defined
def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logistic distribution: the probability of at most x.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.logistic.cdf(0.0)
    Array(0.5, dtype=float64, weak_type=True)
    """
    return expit((x - loc) / scale)


@_defined
def sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logistic distribution: the probability of more than x, accurate where it is small.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.logistic.sf(100.0)
    Array(3.72007598e-44, dtype=float64, weak_type=True)
    """
    return expit((loc - x) / scale)


@_defined
def ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logistic distribution: the x not exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. loc, scale: those of `pdf` -> the broadcast shape, in the
    promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.logistic.ppf(0.5)
    Array(0., dtype=float64, weak_type=True)
    """
    return logit(q) * scale + loc


@_defined
def isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logistic distribution: the x exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. Small q keep their digits. loc, scale: those of `pdf` -> the
    broadcast shape, in the promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.logistic.isf(1e-20)
    Array(46.05170186, dtype=float64, weak_type=True)
    """
    return -logit(q) * scale + loc


@_defined
def logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logistic distribution: the logarithm of the probability of at most x.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where cdf underflows. Raises TypeError for complex numbers.

    >>> stats.logistic.logcdf(-1000.0)
    Array(-1000., dtype=float64, weak_type=True)
    """
    return log_expit((x - loc) / scale)


@_defined
def logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logistic distribution: the logarithm of the probability of more than x.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where sf underflows. Raises TypeError for complex numbers.

    >>> stats.logistic.logsf(1000.0)
    Array(-1000., dtype=float64, weak_type=True)
    """
    return log_expit((loc - x) / scale)


_hide_frames_of(__name__)
