"""Cauchy's distribution."""

from __future__ import annotations

import math
from typing import Any

from ingot.control.custom_jvp import custom_jvp
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import arctan, arctan2, log, log1p, tan
from ingot.numpy.logic import where
from ingot.scipy.stats.common import LINE, defined_where, exp, log1p_square

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]


_defined = defined_where(support=LINE, index=lambda: 1.0)


@_defined
def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Cauchy's distribution: the logarithm of the density.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where the density underflows. Raises TypeError for complex numbers.

    >>> stats.cauchy.logpdf(1e30)
    Array(-139.29983547, dtype=float64, weak_type=True)
    """
    return -log(math.pi * scale) - log1p_square((x - loc) / scale)


@_defined
def pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Cauchy's distribution: the probability density, 1 / (pi (1 + x^2)).

    x: real numbers. loc, scale: x stands for (x - loc) / scale, and the density is divided by
    scale. -> the broadcast shape, in the promoted floating dtype. Raises TypeError for complex
    numbers.

    >>> stats.cauchy.pdf(0.0)
    Array(0.31830989, dtype=float64, weak_type=True)
    """
    return exp(logpdf(x, loc, scale))


@_defined
def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Cauchy's distribution: the probability of at most x.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.cauchy.cdf(0.0)
    Array(0.5, dtype=float64, weak_type=True)
    """
    return arctan2(scale, loc - x) / math.pi


@_defined
def logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Cauchy's distribution: the logarithm of the probability of at most x.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where cdf underflows. Raises TypeError for complex numbers.

    >>> stats.cauchy.logcdf(-1e30)
    Array(-70.22228268, dtype=float64, weak_type=True)
    """
    return _log_below((x - loc) / scale)


@custom_jvp
def _log_below(z: Any) -> Any:
    above = z > 0
    small = arctan2(1, abs(z)) / math.pi
    return where(above, log1p(-small), log(small))


def _slope_below(z: Any) -> Any:
    """1 / ((1 + z^2) (pi / 2 + arctan(z))), far from 0 by 1 / z, whose square does not overflow."""
    far = abs(z) > 1
    u = 1 / abs(where(far, z, 1))
    upper = u * u / ((1 + u * u) * (math.pi - arctan(u)))
    ratio = where(u == 0, 1, u / arctan(where(u == 0, 1, u)))
    near = where(far, 0, z)
    middle = 1 / ((1 + near * near) * (math.pi / 2 + arctan(near)))
    return where(far, where(z > 0, upper, u * ratio / (1 + u * u)), middle)


_log_below.defjvps(lambda t, out, z: t * _slope_below(z))


@_defined
def sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Cauchy's distribution: the probability of more than x, accurate where it is small.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.cauchy.sf(1e30)
    Array(3.18309886e-31, dtype=float64, weak_type=True)
    """
    return cdf(-x, -loc, scale)


@_defined
def logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Cauchy's distribution: the logarithm of the probability of more than x.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where sf underflows. Raises TypeError for complex numbers.

    >>> stats.cauchy.logsf(1e30)
    Array(-70.22228268, dtype=float64, weak_type=True)
    """
    return logcdf(-x, -loc, scale)


def _quantile(q: Any) -> Any:
    """Of the standard distribution, -cot(pi q), from the nearer end."""
    low, high = q < 0.25, q > 0.75
    middle = tan(math.pi * (where(low | high, 0.5, q) - 0.5))
    near = where(low, q, where(high, 1 - q, 0.25))
    far = 1 / tan(math.pi * near)
    return where(low, -far, where(high, far, middle))


@_defined
def ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Cauchy's distribution: the x not exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. loc, scale: those of `pdf` -> the broadcast shape, in the
    promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.cauchy.ppf(0.5)
    Array(0., dtype=float64, weak_type=True)
    """
    return loc + scale * _quantile(q)


@_defined
def isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Cauchy's distribution: the x exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. Small q keep their digits. loc, scale: those of `pdf` -> the
    broadcast shape, in the promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.cauchy.isf(1e-20)
    Array(3.18309886e+19, dtype=float64, weak_type=True)
    """
    return loc - scale * _quantile(q)


_hide_frames_of(__name__)
