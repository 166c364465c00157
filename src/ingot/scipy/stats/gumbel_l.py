"""Gumbel's distribution of smallest values."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import expm1, log, log1p
from ingot.scipy.stats.common import LINE, defined_where, exp
from ingot.scipy.stats.gumbel_r import log_upper, small_exp

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]


_defined = defined_where(support=LINE)


@_defined
def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Gumbel's distribution of smallest values: the logarithm of the density.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where the density underflows. Raises TypeError for complex numbers.

    >>> stats.gumbel_l.logpdf(0.0)
    Array(-1., dtype=float64, weak_type=True)
    """
    z = (loc - x) / scale
    return -(z + exp(-z)) - log(scale)


@_defined
def pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Gumbel's distribution of smallest values: the probability density, exp(x - exp(x)).

    x: real numbers. loc, scale: x stands for (x - loc) / scale, and the density is divided by
    scale. -> the broadcast shape, in the promoted floating dtype. Raises TypeError for complex
    numbers.

    >>> stats.gumbel_l.pdf(0.0)
    Array(0.36787944, dtype=float64, weak_type=True)
    """
    z = (loc - x) / scale
    return small_exp(z) * exp(-small_exp(z)) / scale


@_defined
def logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Gumbel's distribution of smallest values: the logarithm of the probability of more than x.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where sf underflows. Raises TypeError for complex numbers.

    >>> stats.gumbel_l.logsf(10.0)
    Array(-22026.46579481, dtype=float64, weak_type=True)
    """
    z = (loc - x) / scale
    return -exp(-z)


@_defined
def sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Gumbel's distribution of smallest values: the probability of more than x.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.gumbel_l.sf(3.0)
    Array(1.89217869e-09, dtype=float64, weak_type=True)
    """
    return exp(-small_exp((loc - x) / scale))


@_defined
def logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Gumbel's distribution of smallest values: the logarithm of the probability of at most x.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where cdf underflows. Raises TypeError for complex numbers.

    >>> stats.gumbel_l.logcdf(-1000.0)
    Array(-1000., dtype=float64, weak_type=True)
    """
    z = (loc - x) / scale
    return log_upper(z)


@_defined
def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Gumbel's distribution of smallest values: the probability of at most x.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.gumbel_l.cdf(0.0)
    Array(0.63212056, dtype=float64, weak_type=True)
    """
    z = (loc - x) / scale
    return -expm1(-small_exp(z))


@_defined
def ppf(p: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Gumbel's distribution of smallest values: the x not exceeded with probability q.

    p, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.gumbel_l.ppf(0.5)
    Array(-0.36651292, dtype=float64, weak_type=True)
    """
    return loc + scale * log(-log1p(-p))


@_defined
def isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Gumbel's distribution of smallest values: the x exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. Small q keep their digits. loc, scale: those of `pdf` -> the
    broadcast shape, in the promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.gumbel_l.isf(1e-20)
    Array(3.82976472, dtype=float64, weak_type=True)
    """
    return loc + scale * log(-log(q))


_hide_frames_of(__name__)
