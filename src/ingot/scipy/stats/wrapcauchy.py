"""Cauchy's distribution wrapped around the circle."""

from __future__ import annotations

import math
from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import cos, log
from ingot.numpy.logic import where
from ingot.scipy.stats.common import INF, NAN, exp, real


def logpdf(x: Any, c: Any) -> Any:
    """Logarithm of the probability density."""
    x, c = real("wrapcauchy.logpdf", x, c)
    value = log(1 - c * c) - math.log(2 * math.pi) - log(1 + c * c - 2 * c * cos(x))
    value = where((x >= 0) & (x <= 2 * math.pi), value, -INF)
    return where((c > 0) & (c < 1), value, NAN)


def pdf(x: Any, c: Any) -> Any:
    """Probability density."""
    return exp(logpdf(x, c))

_hide_frames_of(__name__)
