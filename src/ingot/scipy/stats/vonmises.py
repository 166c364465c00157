"""Von Mises' distribution on the circle."""

from __future__ import annotations

import math
from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import cos, log
from ingot.scipy.special import i0e
from ingot.scipy.stats.common import exp, real


def logpdf(x: Any, kappa: Any) -> Any:
    """Logarithm of the probability density."""
    x, kappa = real("vonmises.logpdf", x, kappa)
    return kappa * (cos(x) - 1) - log(2 * math.pi * i0e(kappa))


def pdf(x: Any, kappa: Any) -> Any:
    """Probability density."""
    return exp(logpdf(x, kappa))

_hide_frames_of(__name__)
