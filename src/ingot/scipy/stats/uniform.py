"""The uniform distribution on [loc, loc + scale]."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import log
from ingot.scipy.stats.common import UNIT, defined_where, exp, log_of_parts

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]


_defined = defined_where(support=UNIT)


@_defined
def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Uniform distribution: the logarithm of the density.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.uniform.logpdf(0.5)
    Array(0., dtype=float64, weak_type=True)
    """
    return 0 * x - log(scale)  # no number if x is none


@_defined
def pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Uniform distribution: the probability density, 1 for 0 <= x <= 1.

    x: real numbers. loc, scale: x stands for (x - loc) / scale, and the density is divided by
    scale. -> the broadcast shape, in the promoted floating dtype. Raises TypeError for complex
    numbers.

    >>> stats.uniform.pdf(0.5)
    Array(1., dtype=float64, weak_type=True)
    """
    return exp(logpdf(x, loc, scale))


@_defined
def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Uniform distribution: the probability of at most x.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.uniform.cdf(0.5)
    Array(0.5, dtype=float64, weak_type=True)
    """
    return (x - loc) / scale


@_defined
def ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Uniform distribution: the x not exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. loc, scale: those of `pdf` -> the broadcast shape, in the
    promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.uniform.ppf(0.5)
    Array(0.5, dtype=float64, weak_type=True)
    """
    return q * scale + loc


@_defined
def logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Uniform distribution: the logarithm of the probability of at most x.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.uniform.logcdf(1e-300)
    Array(-690.7755279, dtype=float64, weak_type=True)
    """
    return log_of_parts(cdf(x, loc, scale), sf(x, loc, scale))


@_defined
def sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Uniform distribution: the probability of more than x, accurate where it is small.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.uniform.sf(0.999)
    Array(0.001, dtype=float64, weak_type=True)
    """
    return 1 - (x - loc) / scale


@_defined
def logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Uniform distribution: the logarithm of the probability of more than x.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.uniform.logsf(0.999)
    Array(-6.90775528, dtype=float64, weak_type=True)
    """
    return log_of_parts(sf(x, loc, scale), cdf(x, loc, scale))


@_defined
def isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Uniform distribution: the x exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. Small q keep their digits. loc, scale: those of `pdf` -> the
    broadcast shape, in the promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.uniform.isf(0.5)
    Array(0.5, dtype=float64, weak_type=True)
    """
    return (1 - q) * scale + loc


_hide_frames_of(__name__)
