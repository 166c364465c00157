"""The normal distribution truncated to [a, b] standard deviations."""

from __future__ import annotations

import math
from typing import Any

from ingot.control.custom_jvp import custom_jvp
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy import primitives as lax
from ingot.numpy.elementary import log, log1p, logaddexp
from ingot.numpy.logic import where
from ingot.scipy.special import erf, log_ndtr, ndtr
from ingot.scipy.special_elementary import ndtri_exp
from ingot.scipy.stats import norm
from ingot.scipy.stats.common import INF, defined_where, exp

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]

_defined = defined_where(lambda a, b: a < b, support=lambda a, b: (
    a, b, where(a > 0, a, where(b < 0, b, 0))))


def _log_difference(p: Any, q: Any) -> Any:
    """log(exp(p) - exp(q)) for p >= q."""
    gap = where(p > q, q - p, -1)  # where it is not used it may be anything
    return where(p == q, -INF, p + log1p(-exp(gap)))


@custom_jvp
def _log_mass(a: Any, b: Any) -> Any:
    """Logarithm of the normal probability of [a, b], computed in the tail nearer to it."""
    left, right = b <= 0, a > 0
    middle = ~left & ~right
    lo, hi = where(right, -b, a), where(right, -a, b)
    endless = lo == -INF
    top = log_ndtr(where(middle, 0, hi))
    one_tail = _log_difference(top, log_ndtr(where(middle | endless, -1, lo)))
    p, q = where(middle, a, -1), where(middle, -b, -1)
    inner = (erf(-p * math.sqrt(0.5)) + erf(-q * math.sqrt(0.5))) / 2
    narrow = inner < 0.5
    two_tails = where(narrow, log(where(narrow, inner, 1)),
                      log1p(-where(narrow, 0.1, ndtr(p) + ndtr(q))))
    return where(middle, two_tails, where(endless, top, one_tail))


_log_mass.defjvps(lambda t, out, a, b: -t * exp(norm.logpdf(a) - out),
                  lambda t, out, a, b: t * exp(norm.logpdf(b) - out))


@_defined
def logpdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Truncated normal distribution: the logarithm of the density.

    x, a, b, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype.
    Raises TypeError for complex numbers.

    >>> stats.truncnorm.logpdf(0.0, -1.0, 1.0)
    Array(-0.53722339, dtype=float64, weak_type=True)
    """
    y = (x - loc) / scale
    return norm.logpdf(y) - _log_mass(a, b) - log(scale)


@_defined
def pdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Truncated normal distribution: the probability density.

    The density is that of the normal one on [a, b], divided by its share there. x: real numbers. a,
    b: bounds, in standard deviations. loc, scale: x stands for (x - loc) / scale, and the density
    is divided by scale. -> the broadcast shape, in the promoted floating dtype. Raises TypeError
    for complex numbers.

    >>> stats.truncnorm.pdf(0.0, -1.0, 1.0)
    Array(0.58436857, dtype=float64, weak_type=True)
    """
    far = ((x - loc) / scale) ** 2 == INF
    inner = exp(logpdf(where(far, loc, x), a, b, loc, scale))
    return where(far, 0, inner)


@custom_jvp
def _logcdf(y: Any, a: Any, b: Any) -> Any:
    y = lax.min(lax.max(y, a), b)
    value = where(y <= a, -INF, where(y >= b, 0, _log_mass(a, y) - _log_mass(a, b)))
    # Near the right end the complement is the accurate one.
    accurate = log1p(-exp(where(value > -0.1, _log_mass(y, b) - _log_mass(a, b), -1)))
    return where((value > -0.1) & (y < b), accurate, value)


def _log_density(y: Any, a: Any, b: Any) -> Any:
    return norm.logpdf(y) - _log_mass(a, b)


def _inside(y: Any, a: Any, b: Any, value: Any) -> Any:
    return where((y >= a) & (y <= b), value, 0)


def _reversed_hazard(y: Any, a: Any, b: Any, log_cdf: Any) -> Any:
    """The density over the distribution function, which grows as -y."""
    endless = y == -INF
    return where(endless, INF, exp(_log_density(where(endless, 0, y), a, b)
                                   - where(endless, 0, log_cdf)))


# No difference that cancels, nor one of infinities.
_logcdf.defjvps(
    lambda t, out, y, a, b: t * _inside(y, a, b, _reversed_hazard(y, a, b, out)),
    lambda t, out, y, a, b: -t * _inside(y, a, b, exp(
        _log_density(a, a, b) + _logcdf(-y, -b, -a) - out)),
    lambda t, out, y, a, b: -t * _inside(y, a, b, exp(_log_density(b, a, b))))


@custom_jvp
def _cdf(y: Any, a: Any, b: Any) -> Any:
    return exp(_logcdf(y, a, b))


_cdf.defjvps(lambda t, out, y, a, b: t * _inside(y, a, b, pdf(y, a, b)),
             lambda t, out, y, a, b: -t * _inside(y, a, b, pdf(a, a, b) * _cdf(-y, -b, -a)),
             lambda t, out, y, a, b: -t * _inside(y, a, b, pdf(b, a, b) * out))


@_defined
def logcdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Truncated normal distribution: the logarithm of the probability of at most x.

    x, a, b, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype.
    Raises TypeError for complex numbers.

    >>> stats.truncnorm.logcdf(-0.999, -1.0, 1.0)
    Array(-7.94447879, dtype=float64, weak_type=True)
    """
    return _logcdf((x - loc) / scale, a, b)


@_defined
def cdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Truncated normal distribution: the probability of at most x.

    x, a, b, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype.
    Raises TypeError for complex numbers.

    >>> stats.truncnorm.cdf(0.0, -1.0, 1.0)
    Array(0.5, dtype=float64, weak_type=True)
    """
    return _cdf((x - loc) / scale, a, b)


@_defined
def logsf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Truncated normal distribution: the logarithm of the probability of more than x.

    x, a, b, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype.
    Raises TypeError for complex numbers.

    >>> stats.truncnorm.logsf(0.999, -1.0, 1.0)
    Array(-7.94447879, dtype=float64, weak_type=True)
    """
    return logcdf(-x, -b, -a, -loc, scale)


@_defined
def sf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Truncated normal distribution: the probability of more than x, accurate where it is small.

    x, a, b, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype.
    Raises TypeError for complex numbers.

    >>> stats.truncnorm.sf(0.999, -1.0, 1.0)
    Array(0.00035461, dtype=float64, weak_type=True)
    """
    return cdf(-x, -b, -a, -loc, scale)


def _below(log_q: Any, mass: Any, a: Any) -> Any:
    """The logarithm of the normal probability below the quantile of the interval from a on."""
    return logaddexp(log_ndtr(a), log_q + mass)


def _quantile(log_q: Any, log_p: Any, a: Any, b: Any) -> Any:
    """Where the distribution function is q = 1 - p, in the tail nearer to the interval."""
    mass = _log_mass(a, b)
    left = lax.stop_gradient(_below(log_q, mass, a) < _below(log_p, mass, -b))
    below = _below(where(left, log_q, -1), mass, where(left, a, -1))
    above = _below(where(left, -1, log_p), mass, where(left, -1, -b))
    value = where(left, ndtri_exp(where(left, below, -1)), -ndtri_exp(where(left, -1, above)))
    return where(log_q == -INF, a, where(log_p == -INF, b, value))


@_defined
def ppf(q: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Truncated normal distribution: the x not exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. a, b, loc, scale: those of `pdf` -> the broadcast shape, in
    the promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.truncnorm.ppf(0.25, -1.0, 1.0)
    Array(-0.44177055, dtype=float64, weak_type=True)
    """
    return _quantile(log(q), log1p(-q), a, b) * scale + loc


@_defined
def isf(q: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Truncated normal distribution: the x exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. Small q keep their digits. a, b, loc, scale: those of `pdf` ->
    the broadcast shape, in the promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.truncnorm.isf(0.25, -1.0, 1.0)
    Array(0.44177055, dtype=float64, weak_type=True)
    """
    return _quantile(log1p(-q), log(q), a, b) * scale + loc


_hide_frames_of(__name__)
