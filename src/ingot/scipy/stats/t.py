"""Student's t distribution."""

from __future__ import annotations

import math
from typing import Any

from ingot.control.custom_jvp import custom_jvp
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.arithmetic import sqrt
from ingot.numpy.creation import full_like
from ingot.numpy.elementary import log, log1p
from ingot.numpy.logic import where
from ingot.primitives.shape import stop_gradient
from ingot.scipy.log_tails import log_betainc_p
from ingot.scipy.many_degrees import FEWEST, log_power, many, tail_slope
from ingot.scipy.special import gammaln, log_ndtr
from ingot.scipy.special_distributions import stdtr, stdtrit
from ingot.scipy.special_table import slope, zero_of_slope
from ingot.scipy.stats.common import INF, LINE, LOG_2PI, defined_where, exp
from ingot.scipy.stats.densities import remainder

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]

_defined = defined_where(lambda df: df > 0, support=LINE, index=lambda df: df)


@_defined
def logpdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Student's t distribution: the logarithm of the density.

    x, df, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where the density underflows. Raises TypeError for complex numbers.

    >>> stats.t.logpdf(1e30, 1.0)
    Array(-139.29983547, dtype=float64, weak_type=True)
    """
    y, df = (x - loc) / scale, where(df > 1e30, 1e30, df)  # for an infinite df, the normal's
    half = df / 2
    many = half > 8
    large = where(many, half, 9)
    # log(gamma(h + 1/2) / gamma(h) / sqrt(h)) by Stirling's formula.
    stirling = (log_power(full_like(large, math.sqrt(0.5)), large) - 0.5
                + remainder(large + 0.5) - remainder(large))
    few = where(many, 1, half)
    plain = gammaln(few + 0.5) - gammaln(few) - 0.5 * log(few)
    norm = where(many, stirling, plain) - log(scale) - 0.5 * LOG_2PI
    return norm - log_power(y, df) * (0.5 + 0.5 / df)


@_defined
def pdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Student's t distribution: the probability density.

    The density is (1 + x^2 / df)^(-(df + 1) / 2) / (sqrt(df) B(1/2, df/2)). x: real numbers. df:
    degrees of freedom, above 0. loc, scale: x stands for (x - loc) / scale, and the density is
    divided by scale. -> the broadcast shape, in the promoted floating dtype. Raises TypeError for
    complex numbers.

    >>> stats.t.pdf(0.0, 1.0)
    Array(0.31830989, dtype=float64, weak_type=True)
    """
    return exp(logpdf(x, df, loc, scale))


def _log_tail(z: Any, df: Any) -> Any:
    """The logarithm of the probability below z, which may underflow itself."""
    far, normal = z < -1, df > 1e30
    y, finite = where(far, z, -1), where(normal, 1, df)
    large = many(finite, y)
    tail = where(large, _log_tail_of_many(where(large, y, -1), where(large, finite, FEWEST)),
                 _log_far_tail(where(large, -1, y), where(large, 1, finite)))
    near = stdtr(df, where(far, 0, z))
    high = near > 0.5
    value = where(high, log1p(-stdtr(df, -where(high, z, 0))), log(where(high, 0.5, near)))
    return where(far, where(normal, log_ndtr(where(far & normal, z, -1)), tail), value)


@custom_jvp
def _log_tail_of_many(z: Any, df: Any) -> Any:
    """`_log_far_tail` for many degrees of freedom, with its derivatives by closed formulas."""
    return _log_far_tail(z, df)


def _slope_in_z(z: Any, df: Any) -> Any:
    """That of the tail at fixed degrees of freedom; what it changes by with them is the change of
    the other slope with z."""
    fixed = stop_gradient(df)

    def other(z: Any) -> Any:
        return tail_slope(fixed, z, _log_far_tail(z, fixed))

    own = slope(lambda z: _log_far_tail(z, fixed), 0, z)
    return own + zero_of_slope(df, slope(other, 0, z))


_log_tail_of_many.defjvps(lambda t, out, z, df: t * _slope_in_z(z, df),
                          lambda t, out, z, df: t * tail_slope(df, z, out))


def _log_far_tail(z: Any, df: Any) -> Any:
    """The logarithm of the probability beyond +z and -z: an incomplete beta function of whichever
    is small of z^2 / df and its inverse, and a power from where the square overflows."""
    u = abs(z) / sqrt(df)
    beyond = u > 1e100
    v = where(beyond, 1e100, u)
    wide = v > 1
    half, a = full_like(df, 0.5), df / 2
    r, s = where(wide, 1 / v, 1), where(wide, 1, v)
    outer = log_betainc_p.bind(where(wide, a, 1), half, r * r / (1 + r * r), upper=False)
    inner = log_betainc_p.bind(half, where(wide, 1, a), s * s / (1 + s * s), upper=True)
    power = where(beyond, df * log(where(beyond, u, 1e100) / 1e100), 0)
    return where(wide, outer, inner) - power - math.log(2)


@_defined
def cdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Student's t distribution: the probability of at most x.

    x, df, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.t.cdf(0.0, 1.0)
    Array(0.5, dtype=float64, weak_type=True)
    """
    return stdtr(df, (x - loc) / scale)


@_defined
def logcdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Student's t distribution: the logarithm of the probability of at most x.

    x, df, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where cdf underflows. Raises TypeError for complex numbers.

    >>> stats.t.logcdf(-1e30, 1.0)
    Array(-70.22228268, dtype=float64, weak_type=True)
    """
    return _log_tail((x - loc) / scale, df)


@_defined
def sf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Student's t distribution: the probability of more than x, accurate where it is small.

    x, df, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.t.sf(1e30, 1.0)
    Array(3.18309886e-31, dtype=float64, weak_type=True)
    """
    return stdtr(df, (loc - x) / scale)


@_defined
def logsf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Student's t distribution: the logarithm of the probability of more than x.

    x, df, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype; finite
    where sf underflows. Raises TypeError for complex numbers.

    >>> stats.t.logsf(1e30, 1.0)
    Array(-70.22228268, dtype=float64, weak_type=True)
    """
    return _log_tail((loc - x) / scale, df)


@_defined
def ppf(q: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Student's t distribution: the x not exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. df, loc, scale: those of `pdf` -> the broadcast shape, in the
    promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.t.ppf(0.5, 1.0)
    Array(0., dtype=float64, weak_type=True)
    """
    return where(q == 0, -INF, stdtrit(df, q)) * scale + loc


@_defined
def isf(q: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Student's t distribution: the x exceeded with probability q.

    q: numbers in [0, 1]; nan beyond. Small q keep their digits. df, loc, scale: those of `pdf` ->
    the broadcast shape, in the promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.t.isf(1e-20, 1.0)
    Array(3.18309886e+19, dtype=float64, weak_type=True)
    """
    return where(q == 0, INF, -stdtrit(df, q)) * scale + loc


_hide_frames_of(__name__)
