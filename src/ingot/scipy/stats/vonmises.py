"""Von Mises' distribution on the circle."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ingot.control.custom_jvp import custom_jvp
from ingot.control.while_loop import fori_loop
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.arithmetic import sqrt
from ingot.numpy.creation import asarray
from ingot.numpy.elementary import arcsin, cos, log, sin
from ingot.numpy.logic import where
from ingot.numpy.promotion import convert
from ingot.numpy.rounding import rint
from ingot.primitives.quadrature import gauss_legendre
from ingot.primitives.shape import stop_gradient
from ingot.scipy.special import i0, i0e, i1e
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



NODES, DROP = 48, 40.0
"""Points of the quadrature, which ends where the density has fallen by exp(-DROP)."""


def _quadrature(x: Any, kappa: Any, weight: Any) -> Any:
    """The integral of weight(t) times the density over t from -pi to x <= 0, which keeps its digits
    where it is small: the integrand falls from x on."""
    nodes, weights = (convert(asarray(v, x.dtype), x.dtype, x.aval.weak_type)
                      for v in gauss_legendre(NODES))
    half_turn, rest = _two_parts_of_pi(x.dtype)
    length = (x + half_turn) + rest
    last = sin(x / 2) ** 2 + DROP / 2 / where(kappa > 0, kappa, 1)  # the sine's square there
    ends = (last < 1) & (kappa > 0)
    width = where(ends, x + stop_gradient(2 * arcsin(sqrt(where(ends, last, 0.5)))), length)

    def step(i: Any, total: Any) -> Any:
        u = width * (1 + nodes[i]) / 2
        fall = exp(2 * kappa * sin(x - u / 2) * sin(u / 2))
        return total + weights[i] * fall * weight(x - u)

    total = fori_loop(0, NODES, step, 0 * x)
    density = exp(-2 * kappa * sin(x / 2) ** 2) / (2 * math.pi * i0e(kappa))
    return density * width / 2 * total


def _two_parts_of_pi(dtype: Any) -> tuple[float, float]:
    """pi as a number of the dtype and what is left."""
    short = float(np.asarray(math.pi, dtype))
    return short, 1.2246467991473532e-16 + (math.pi - short)


@custom_jvp
def _below(x: Any, kappa: Any) -> Any:
    """The probability below x, for -pi <= x <= 0."""
    return _quadrature(x, kappa, lambda t: 1)


_below.defjvps(
    lambda t, out, x, kappa: t * pdf(x, kappa),
    lambda t, out, x, kappa: t * _quadrature(
        x, kappa, lambda at: cos(at) - i1e(kappa) / i0e(kappa)))


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
    half_turn, rest = _two_parts_of_pi(x.dtype)
    y = (x - turns * (2 * half_turn)) - turns * (2 * rest)
    upper = y > 0
    tail = _below(where(upper, -y, y), kappa)
    return where(upper, 1 - tail, tail) + turns


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
