"""Laplace's distribution."""

from __future__ import annotations

import math
from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import log, log1p
from ingot.numpy.logic import where
from ingot.scipy.stats.common import LINE, defined_where, exp

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]


_defined = defined_where(support=LINE)


@_defined
def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Laplace's distribution: the logarithm of the density.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where the density underflows. Raises TypeError for complex numbers.

    >>> stats.laplace.logpdf(1000.0)
    Array(-1000.69314718, dtype=float64, weak_type=True)
    """
    return -abs(x - loc) / scale - log(2 * scale)


@_defined
def pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Laplace's distribution: the probability density, exp(-|x|) / 2.

    x: real numbers. loc, scale: x stands for (x - loc) / scale, and the density is divided by
    scale. -> the broadcast shape, in the promoted floating dtype. Raises TypeError for complex
    numbers.

    >>> stats.laplace.pdf(0.0)
    Array(0.5, dtype=float64, weak_type=True)
    """
    return exp(logpdf(x, loc, scale))


@_defined
def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Laplace's distribution: the probability of at most x.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.laplace.cdf(0.0)
    Array(0.5, dtype=float64, weak_type=True)
    """
    z = (x - loc) / scale
    tail = 0.5 * exp(where(z <= 0, z, -z))
    return where(z <= 0, tail, 1 - tail)


def _quantile(q: Any) -> Any:
    """Of the standard distribution, in the tail that q lies in."""
    low = q < 0.5
    return where(low, log(2 * where(low, q, 0.25)), -log(2 * (1 - where(low, 0.5, q))))


@_defined
def logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Laplace's distribution: the logarithm of the probability of at most x.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where cdf underflows. Raises TypeError for complex numbers.

    >>> stats.laplace.logcdf(-1000.0)
    Array(-1000.69314718, dtype=float64, weak_type=True)
    """
    z = (x - loc) / scale
    low = z <= 0
    return where(low, z - math.log(2), log1p(-0.5 * exp(-where(low, 0, z))))


@_defined
def sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Laplace's distribution: the probability of more than x, accurate where it is small.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.laplace.sf(100.0)
    Array(1.86003799e-44, dtype=float64, weak_type=True)
    """
    return cdf(-x, -loc, scale)


@_defined
def logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Laplace's distribution: the logarithm of the probability of more than x.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where sf underflows. Raises TypeError for complex numbers.

    >>> stats.laplace.logsf(1000.0)
    Array(-1000.69314718, dtype=float64, weak_type=True)
    """
    return logcdf(-x, -loc, scale)


@_defined
def ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Laplace's distribution: the x not exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. loc, scale: those of `pdf` -> the broadcast shape, in the
    promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.laplace.ppf(0.5)
    Array(0., dtype=float64, weak_type=True)
    """
    return _quantile(q) * scale + loc


@_defined
def isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Laplace's distribution: the x exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. Small q keep their digits. loc, scale: those of `pdf` -> the
    broadcast shape, in the promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.laplace.isf(1e-20)
    Array(45.35855468, dtype=float64, weak_type=True)
    """
    return -_quantile(q) * scale + loc


_hide_frames_of(__name__)
