"""Cauchy's distribution wrapped around the circle."""

from __future__ import annotations

import math
from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import arctan, cos, log, tan
from ingot.numpy.logic import where
from ingot.scipy.stats.common import defined_where, exp, log_of_parts

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]

_defined = defined_where(lambda c: (c > 0) & (c < 1), support=(0.0, 2 * math.pi, 1.0))


@_defined
def logpdf(x: Any, c: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Wrapped Cauchy distribution: the logarithm of the density.

    x, c, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.wrapcauchy.logpdf(0.0, 0.5)
    Array(-0.73926478, dtype=float64, weak_type=True)
    """
    x = (x - loc) / scale
    value = log(1 - c * c) - math.log(2 * math.pi) - log(1 + c * c - 2 * c * cos(x))
    return value - log(scale)


@_defined
def pdf(x: Any, c: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Wrapped Cauchy distribution: the probability density.

    The density is (1 - c^2) / (2 pi (1 + c^2 - 2 c cos(x))) on [0, 2 pi]. x: real numbers. c:
    concentration, in (0, 1). loc, scale: x stands for (x - loc) / scale, and the density is divided
    by scale. -> the broadcast shape, in the promoted floating dtype. Raises TypeError for complex
    numbers.

    >>> stats.wrapcauchy.pdf(0.0, 0.5)
    Array(0.47746483, dtype=float64, weak_type=True)
    """
    return exp(logpdf(x, c, loc, scale))


def _below(x: Any, c: Any, start: Any) -> Any:
    """The probability between 0 and x <= pi, or between x and 2 pi."""
    return arctan((1 + c) / (1 - c) * tan(abs(x - start) / 2)) / math.pi


def _halves(x: Any, c: Any, upper: bool) -> Any:
    """The probability below x, or above, each taken from the nearer end."""
    right = x > math.pi
    left_part = _below(where(right, 0, x), c, 0)
    right_part = _below(where(right, x, 2 * math.pi), c, 2 * math.pi)
    return where(right, right_part, 1 - left_part) if upper else where(
        right, 1 - right_part, left_part)


def _quantile(q: Any, c: Any) -> Any:
    return 2 * arctan(abs(tan(math.pi * q)) * (1 - c) / (1 + c))


@_defined
def cdf(x: Any, c: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Wrapped Cauchy distribution: the probability of at most x.

    x, c, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.wrapcauchy.cdf(1.0, 0.5)
    Array(0.32561123, dtype=float64, weak_type=True)
    """
    return _halves((x - loc) / scale, c, False)


@_defined
def logcdf(x: Any, c: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Wrapped Cauchy distribution: the logarithm of the probability of at most x.

    x, c, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.wrapcauchy.logcdf(0.1, 0.5)
    Array(-3.0484562, dtype=float64, weak_type=True)
    """
    return log_of_parts(cdf(x, c, loc, scale), sf(x, c, loc, scale))


@_defined
def sf(x: Any, c: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Wrapped Cauchy distribution: the probability of more than x, accurate where it is small.

    x, c, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.wrapcauchy.sf(6.0, 0.5)
    Array(0.1286304, dtype=float64, weak_type=True)
    """
    return _halves((x - loc) / scale, c, True)


@_defined
def logsf(x: Any, c: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Wrapped Cauchy distribution: the logarithm of the probability of more than x.

    x, c, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.wrapcauchy.logsf(6.0, 0.5)
    Array(-2.05081212, dtype=float64, weak_type=True)
    """
    return log_of_parts(sf(x, c, loc, scale), cdf(x, c, loc, scale))


@_defined
def ppf(q: Any, c: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Wrapped Cauchy distribution: the x not exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. c, loc, scale: those of `pdf` -> the broadcast shape, in the
    promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.wrapcauchy.ppf(0.5, 0.5)
    Array(3.14159265, dtype=float64, weak_type=True)
    """
    low = q < 0.5
    upper = 2 * math.pi - _quantile(where(low, 0, 1 - q), c)
    return where(low, _quantile(where(low, q, 0), c), upper) * scale + loc


@_defined
def isf(q: Any, c: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Wrapped Cauchy distribution: the x exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. Small q keep their digits. c, loc, scale: those of `pdf` ->
    the broadcast shape, in the promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.wrapcauchy.isf(0.5, 0.5)
    Array(3.14159265, dtype=float64, weak_type=True)
    """
    low = q < 0.5
    upper = 2 * math.pi - _quantile(where(low, q, 0), c)
    return where(low, upper, _quantile(where(low, 0, 1 - q), c)) * scale + loc


_hide_frames_of(__name__)
