"""Gumbel's distribution of largest values."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.nn.activations import log1mexp
from ingot.numpy.elementary import expm1, log, log1p
from ingot.numpy.logic import where
from ingot.scipy.stats.common import LINE, defined_where, exp

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]


def small_exp(z: Any) -> Any:
    """exp(-z), at most exp(10): what is computed of it is then constant, with derivatives 0."""
    return exp(-where(z < -10, -10, z))


def log_upper(z: Any) -> Any:
    """log(1 - exp(-exp(-z))), also where the inner one of these vanishes."""
    far = z > 15
    near = log1mexp(small_exp(where(far, 0, z)))
    return where(far, -z - exp(-where(far, z, 15)) / 2, near)


_defined = defined_where(support=LINE)


@_defined
def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Gumbel's distribution of largest values: the logarithm of the density.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where the density underflows. Raises TypeError for complex numbers.

    >>> stats.gumbel_r.logpdf(1000.0)
    Array(-1000., dtype=float64, weak_type=True)
    """
    z = (x - loc) / scale
    return -(z + exp(-z)) - log(scale)


@_defined
def pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Gumbel's distribution of largest values: the probability density, exp(-x - exp(-x)).

    x: real numbers. loc, scale: x stands for (x - loc) / scale, and the density is divided by
    scale. -> the broadcast shape, in the promoted floating dtype. Raises TypeError for complex
    numbers.

    >>> stats.gumbel_r.pdf(0.0)
    Array(0.36787944, dtype=float64, weak_type=True)
    """
    z = (x - loc) / scale
    return small_exp(z) * exp(-small_exp(z)) / scale


@_defined
def logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Gumbel's distribution of largest values: the logarithm of the probability of at most x.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where cdf underflows. Raises TypeError for complex numbers.

    >>> stats.gumbel_r.logcdf(0.0)
    Array(-1., dtype=float64, weak_type=True)
    """
    z = (x - loc) / scale
    return -exp(-z)


@_defined
def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Gumbel's distribution of largest values: the probability of at most x.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.gumbel_r.cdf(0.0)
    Array(0.36787944, dtype=float64, weak_type=True)
    """
    return exp(-small_exp((x - loc) / scale))


@_defined
def logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Gumbel's distribution of largest values: the logarithm of the probability of more than x.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where sf underflows. Raises TypeError for complex numbers.

    >>> stats.gumbel_r.logsf(1000.0)
    Array(-1000., dtype=float64, weak_type=True)
    """
    z = (x - loc) / scale
    return log_upper(z)


@_defined
def sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Gumbel's distribution of largest values: the probability of more than x.

    x, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.gumbel_r.sf(100.0)
    Array(3.72007598e-44, dtype=float64, weak_type=True)
    """
    z = (x - loc) / scale
    return -expm1(-small_exp(z))


@_defined
def ppf(p: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Gumbel's distribution of largest values: the x not exceeded with probability q.

    p, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.gumbel_r.ppf(0.5)
    Array(0.36651292, dtype=float64, weak_type=True)
    """
    return loc - scale * log(-log(p))


@_defined
def isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Gumbel's distribution of largest values: the x exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. Small q keep their digits. loc, scale: those of `pdf` -> the
    broadcast shape, in the promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.gumbel_r.isf(1e-20)
    Array(46.05170186, dtype=float64, weak_type=True)
    """
    return loc - scale * log(-log1p(-q))


_hide_frames_of(__name__)
