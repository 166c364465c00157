"""Von Mises' distribution on the circle."""

from __future__ import annotations

import math
from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import cos, log
from ingot.numpy.logic import where
from ingot.scipy.special import i0, i0e
from ingot.scipy.stats.common import exp, real


def logpdf(x: Any, kappa: Any) -> Any:
    """Logarithm of the probability density."""
    x, kappa = real("vonmises.logpdf", x, kappa)
    # exp(-kappa) I0(kappa) for large kappa; I0 itself for small ones, as it is smooth at 0.
    small = kappa < 1
    low, high = where(small, kappa, 0), where(small, 1, kappa)
    flat = low * cos(x) - log(2 * math.pi * i0(low))
    return where(small, flat, high * (cos(x) - 1) - log(2 * math.pi * i0e(high)))


def pdf(x: Any, kappa: Any) -> Any:
    """Probability density."""
    return exp(logpdf(x, kappa))

_hide_frames_of(__name__)
