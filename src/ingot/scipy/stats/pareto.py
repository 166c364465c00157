"""Pareto's distribution."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.nn.activations import log1mexp
from ingot.numpy.elementary import expm1, log, log1p
from ingot.scipy.stats.common import INF, defined_where, exp

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]

_defined = defined_where(lambda b: b > 0, support=(1.0, INF, 2.0),
                         index=lambda b: b)


@_defined
def logpdf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Pareto's distribution: the logarithm of the density.

    x, b, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where the density underflows. Raises TypeError for complex numbers.

    >>> stats.pareto.logpdf(1e200, 2.0)
    Array(-1380.85790862, dtype=float64, weak_type=True)
    """
    y = (x - loc) / scale
    return log(b) - log(scale) - (b + 1) * log(y)


@_defined
def pdf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Pareto's distribution: the probability density, b / x^(b + 1) for x >= 1.

    x: real numbers. b: shape, above 0. loc, scale: x stands for (x - loc) / scale, and the density
    is divided by scale. -> the broadcast shape, in the promoted floating dtype. Raises TypeError
    for complex numbers.

    >>> stats.pareto.pdf(2.0, 2.0)
    Array(0.25, dtype=float64, weak_type=True)
    """
    return exp(logpdf(x, b, loc, scale))


@_defined
def logsf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Pareto's distribution: the logarithm of the probability of more than x.

    x, b, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where sf underflows. Raises TypeError for complex numbers.

    >>> stats.pareto.logsf(1e200, 2.0)
    Array(-921.0340372, dtype=float64, weak_type=True)
    """
    return -b * log((x - loc) / scale)


@_defined
def sf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Pareto's distribution: the probability of more than x, accurate where it is small.

    x, b, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.pareto.sf(1e10, 2.0)
    Array(1.e-20, dtype=float64, weak_type=True)
    """
    return exp(logsf(x, b, loc, scale))


@_defined
def cdf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Pareto's distribution: the probability of at most x.

    x, b, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.pareto.cdf(2.0, 2.0)
    Array(0.75, dtype=float64, weak_type=True)
    """
    return -expm1(logsf(x, b, loc, scale))


@_defined
def logcdf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Pareto's distribution: the logarithm of the probability of at most x.

    x, b, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where cdf underflows. Raises TypeError for complex numbers.

    >>> stats.pareto.logcdf(1.0000001, 2.0)
    Array(-15.42494862, dtype=float64, weak_type=True)
    """
    return log1mexp(-logsf(x, b, loc, scale))


@_defined
def ppf(q: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Pareto's distribution: the x not exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. b, loc, scale: those of `pdf` -> the broadcast shape, in the
    promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.pareto.ppf(0.5, 2.0)
    Array(1.41421356, dtype=float64, weak_type=True)
    """
    return loc + scale * exp(-log1p(-q) / b)


@_defined
def isf(q: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Pareto's distribution: the x exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. Small q keep their digits. b, loc, scale: those of `pdf` ->
    the broadcast shape, in the promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.pareto.isf(1e-20, 2.0)
    Array(1.e+10, dtype=float64, weak_type=True)
    """
    return loc + scale * exp(-log(q) / b)


_hide_frames_of(__name__)
