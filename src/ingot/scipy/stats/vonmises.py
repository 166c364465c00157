"""Von Mises' distribution on the circle."""

from __future__ import annotations

import math
from typing import Any

from ingot.control.while_loop import fori_loop
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.arithmetic import sqrt
from ingot.numpy.elementary import cos, log, sin
from ingot.numpy.logic import where
from ingot.numpy.rounding import rint
from ingot.scipy.special import i0, i0e, ndtr
from ingot.scipy.stats.common import defined_where, exp

__all__ = ["cdf", "logpdf", "pdf", "sf"]

_defined = defined_where(lambda kappa: kappa >= 0)


@_defined
def logpdf(x: Any, kappa: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Von Mises' distribution on the circle: the logarithm of the density.

    x, kappa, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype;
    finite where the density underflows. Raises TypeError for complex numbers.

    >>> stats.vonmises.logpdf(0.0, 1.0)
    Array(-1.07379142, dtype=float64, weak_type=True)
    """
    x = (x - loc) / scale
    # exp(-kappa) I0(kappa) for large kappa; I0 itself for small ones, as it is smooth at 0.
    small = kappa < 1
    low, high = where(small, kappa, 0), where(small, 1, kappa)
    flat = low * cos(x) - log(2 * math.pi * i0(low))
    peaked = high * (cos(x) - 1) - log(2 * math.pi * i0e(high))
    return where(small, flat, peaked) - log(scale)


@_defined
def pdf(x: Any, kappa: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Von Mises' distribution on the circle: the probability density.

    The density is exp(kappa cos(x)) / (2 pi I_0(kappa)). x: real numbers. kappa: concentration,
    from 0 on. loc, scale: x stands for (x - loc) / scale, and the density is divided by scale. ->
    the broadcast shape, in the promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.vonmises.pdf(0.0, 1.0)
    Array(0.34171049, dtype=float64, weak_type=True)
    """
    return exp(logpdf(x, kappa, loc, scale))

TERMS = 64
"""Terms of the Fourier series: for kappa below 50 those beyond are less than 1e-17."""


def _series(x: Any, kappa: Any) -> Any:
    """The Fourier series of the distribution function from -pi on, its quotients of Bessel
    functions by backward recurrence (G. W. Hill, ACM TOMS 3, 1977)."""
    def step(i: Any, state: tuple[Any, Any]) -> tuple[Any, Any]:
        ratio, total = state
        n = TERMS - i
        ratio = kappa / (2 * n + kappa * ratio)
        return ratio, ratio * (sin(n * x) / n + total)

    zero = 0 * x
    total = fori_loop(0, TERMS, step, (zero, zero))[1]
    return 0.5 + x / (2 * math.pi) + total / math.pi


def _concentrated(x: Any, kappa: Any) -> Any:
    """The probability below x <= 0 for large kappa: with z = 2 sqrt(kappa) sin(x / 2) the density
    is that of the normal distribution times a power series in z^2 / (4 kappa)."""
    z = 2 * sqrt(kappa) * sin(x / 2)
    density = exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    moment, odd, factor = ndtr(z), z, 1 + 0 * z
    total = moment
    for m in range(1, 14):
        moment = (2 * m - 1) * moment - odd * density
        odd, factor = odd * z * z, factor * ((2 * m - 1) / (2 * m) / 4) / kappa
        total = total + factor * moment
    return total / (sqrt(2 * math.pi * kappa) * i0e(kappa))


@_defined
def cdf(x: Any, kappa: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Von Mises' distribution on the circle: the probability of at most x.

    x, kappa, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype.
    Raises TypeError for complex numbers. It is 1/2 at 0, and grows by 1 with each turn of 2 pi.

    >>> stats.vonmises.cdf(0.0, 1.0)
    Array(0.5, dtype=float64, weak_type=True)
    """
    x = (x - loc) / scale
    turns = rint(x / (2 * math.pi))
    y = x - 2 * math.pi * turns
    wide = kappa < 50
    flat = _series(y, where(wide, kappa, 1))
    upper = y > 0
    tail = _concentrated(where(upper, -y, y), where(wide, 50, kappa))
    return where(wide, flat, where(upper, 1 - tail, tail)) + turns


@_defined
def sf(x: Any, kappa: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Von Mises' distribution on the circle: the probability of more than x.

    x, kappa, loc, scale: those of `pdf` -> the broadcast shape, in the promoted floating dtype.
    Raises TypeError for complex numbers.

    >>> stats.vonmises.sf(3.0, 1.0)
    Array(0.00656994, dtype=float64, weak_type=True)
    """
    return cdf(-x, kappa, -loc, scale)


_hide_frames_of(__name__)
