"""The exponential distribution."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.nn.activations import log1mexp
from ingot.numpy.elementary import expm1, log, log1p
from ingot.scipy.stats.common import HALF_LINE, defined_where, exp

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]


_defined = defined_where(support=HALF_LINE)


@_defined
def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Exponential distribution: the logarithm of the density.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where the density underflows. Raises TypeError for complex numbers.

    >>> stats.expon.logpdf(1000.0)
    Array(-1000., dtype=float64, weak_type=True)
    """
    return -(x - loc) / scale - log(scale)


@_defined
def pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Exponential distribution: the probability density, exp(-x) for x >= 0.

    x: real numbers. loc, scale: x stands for (x - loc) / scale, and the density is divided by
    scale. -> the broadcast shape, in the promoted floating dtype. Raises TypeError for complex
    numbers.

    >>> stats.expon.pdf(1.0)
    Array(0.36787944, dtype=float64, weak_type=True)
    """
    return exp(logpdf(x, loc, scale))


@_defined
def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Exponential distribution: the probability of at most x.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.expon.cdf(1.0)
    Array(0.63212056, dtype=float64, weak_type=True)
    """
    return -expm1(-(x - loc) / scale)


@_defined
def logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Exponential distribution: the logarithm of the probability of at most x.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where cdf underflows. Raises TypeError for complex numbers.

    >>> stats.expon.logcdf(1e-300)
    Array(-690.7755279, dtype=float64, weak_type=True)
    """
    return log1mexp((x - loc) / scale)


@_defined
def logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Exponential distribution: the logarithm of the probability of more than x.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where sf underflows. Raises TypeError for complex numbers.

    >>> stats.expon.logsf(1000.0)
    Array(-1000., dtype=float64, weak_type=True)
    """
    return -(x - loc) / scale


@_defined
def sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Exponential distribution: the probability of more than x, accurate where it is small.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.expon.sf(100.0)
    Array(3.72007598e-44, dtype=float64, weak_type=True)
    """
    return exp(logsf(x, loc, scale))


@_defined
def ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Exponential distribution: the x not exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. loc, scale: those of `pdf` -> the broadcast shape, in the
    promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.expon.ppf(0.5)
    Array(0.69314718, dtype=float64, weak_type=True)
    """
    return loc - scale * log1p(-q)


@_defined
def isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Exponential distribution: the x exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. Small q keep their digits. loc, scale: those of `pdf` -> the
    broadcast shape, in the promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.expon.isf(1e-20)
    Array(46.05170186, dtype=float64, weak_type=True)
    """
    return loc - scale * log(q)


_hide_frames_of(__name__)
