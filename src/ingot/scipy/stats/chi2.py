"""The chi-square distribution."""

from __future__ import annotations

import math
from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import log
from ingot.scipy.log_tails import log_gammainc_p, log_gammaincc_p
from ingot.scipy.special import gammainc, gammaincc
from ingot.scipy.special_distributions import gammainccinv, gammaincinv
from ingot.scipy.stats.common import HALF_LINE, defined_where
from ingot.scipy.stats.gamma import density, log_density

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]

_defined = defined_where(lambda df: df > 0, support=HALF_LINE)


@_defined
def logpdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Chi-square distribution: the logarithm of the density.

    x, df, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where the density underflows. Raises TypeError for complex numbers.

    >>> stats.chi2.logpdf(1000.0, 2.0)
    Array(-500.69314718, dtype=float64, weak_type=True)
    """
    return log_density((x - loc) / scale / 2, df / 2) - math.log(2) - log(scale)


@_defined
def pdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Chi-square distribution: the probability density.

    The density is x^(df/2 - 1) exp(-x/2) / (2^(df/2) Gamma(df/2)) for x >= 0. x: real numbers. df:
    degrees of freedom, above 0. loc, scale: x stands for (x - loc) / scale, and the density is
    divided by scale. -> the broadcast shape, in the promoted floating dtype. Raises TypeError for
    complex numbers.

    >>> stats.chi2.pdf(1.0, 2.0)
    Array(0.30326533, dtype=float64, weak_type=True)
    """
    return density((x - loc) / scale / 2, df / 2) / (2 * scale)


@_defined
def cdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Chi-square distribution: the probability of at most x.

    x, df, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.chi2.cdf(1.0, 2.0)
    Array(0.39346934, dtype=float64, weak_type=True)
    """
    return gammainc(df / 2, (x - loc) / scale / 2)


@_defined
def logcdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Chi-square distribution: the logarithm of the probability of at most x.

    x, df, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where cdf underflows. Raises TypeError for complex numbers.

    >>> stats.chi2.logcdf(1e-300, 2.0)
    Array(-691.46867508, dtype=float64, weak_type=True)
    """
    return log_gammainc_p.bind(df / 2, (x - loc) / scale / 2)


@_defined
def sf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Chi-square distribution: the probability of more than x, accurate where it is small.

    x, df, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.chi2.sf(100.0, 2.0)
    Array(1.92874985e-22, dtype=float64, weak_type=True)
    """
    return gammaincc(df / 2, (x - loc) / scale / 2)


@_defined
def logsf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Chi-square distribution: the logarithm of the probability of more than x.

    x, df, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where sf underflows. Raises TypeError for complex numbers.

    >>> stats.chi2.logsf(1000.0, 2.0)
    Array(-500., dtype=float64, weak_type=True)
    """
    return log_gammaincc_p.bind(df / 2, (x - loc) / scale / 2)


@_defined
def ppf(q: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Chi-square distribution: the x not exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. df, loc, scale: those of `pdf` -> the broadcast shape, in the
    promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.chi2.ppf(0.5, 2.0)
    Array(1.38629436, dtype=float64, weak_type=True)
    """
    return 2 * gammaincinv(df / 2, q) * scale + loc


@_defined
def isf(q: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Chi-square distribution: the x exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. Small q keep their digits. df, loc, scale: those of `pdf` ->
    the broadcast shape, in the promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.chi2.isf(1e-20, 2.0)
    Array(92.10340372, dtype=float64, weak_type=True)
    """
    return 2 * gammainccinv(df / 2, q) * scale + loc


_hide_frames_of(__name__)
