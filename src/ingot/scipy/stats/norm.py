"""The normal distribution."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy import primitives as lax
from ingot.numpy.elementary import log
from ingot.numpy.families import like
from ingot.scipy.special import log_ndtr, ndtr, ndtri
from ingot.scipy.stats.common import LINE, LOG_2PI, defined_where, exp

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]


_defined = defined_where(support=LINE)


@_defined
def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Normal distribution: the logarithm of the density.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where the density underflows. Raises TypeError for complex numbers.

    >>> stats.norm.logpdf(50.0)
    Array(-1250.91893853, dtype=float64, weak_type=True)
    """
    return -0.5 * (LOG_2PI + ((x - loc) / scale) ** 2) - log(scale)


@_defined
def pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Normal distribution: the probability density, exp(-x^2 / 2) / sqrt(2 pi).

    x: real numbers. loc, scale: x stands for (x - loc) / scale, and the density is divided by
    scale. -> the broadcast shape, in the promoted floating dtype. Raises TypeError for complex
    numbers.

    >>> stats.norm.pdf(0.0)
    Array(0.39894228, dtype=float64, weak_type=True)
    """
    y = (x - loc) / scale
    # Beyond 64 it is 0, and so are all derivatives, not products of 0 and infinity.
    return exp(-0.5 * (LOG_2PI + lax.clamp(like(y, -64), y, like(y, 64)) ** 2) - log(scale))


@_defined
def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Normal distribution: the probability of at most x.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.norm.cdf(0.0)
    Array(0.5, dtype=float64, weak_type=True)
    """
    return ndtr((x - loc) / scale)


@_defined
def logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Normal distribution: the logarithm of the probability of at most x.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where cdf underflows. Raises TypeError for complex numbers.

    >>> stats.norm.logcdf(-50.0)
    Array(-1254.83136114, dtype=float64, weak_type=True)
    """
    return log_ndtr((x - loc) / scale)


@_defined
def sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Normal distribution: the probability of more than x, accurate where it is small.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.norm.sf(10.0)
    Array(7.61985302e-24, dtype=float64, weak_type=True)
    """
    return ndtr((loc - x) / scale)


@_defined
def logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Normal distribution: the logarithm of the probability of more than x.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where sf underflows. Raises TypeError for complex numbers.

    >>> stats.norm.logsf(50.0)
    Array(-1254.83136114, dtype=float64, weak_type=True)
    """
    return log_ndtr((loc - x) / scale)


@_defined
def ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Normal distribution: the x not exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. loc, scale: those of `pdf` -> the broadcast shape, in the
    promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.norm.ppf(0.5)
    Array(0., dtype=float64, weak_type=True)
    """
    return ndtri(q) * scale + loc


@_defined
def isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Normal distribution: the x exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. Small q keep their digits. loc, scale: those of `pdf` -> the
    broadcast shape, in the promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.norm.isf(1e-20)
    Array(9.26234009, dtype=float64, weak_type=True)
    """
    return -ndtri(q) * scale + loc

_hide_frames_of(__name__)
