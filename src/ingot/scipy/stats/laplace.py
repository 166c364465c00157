"""Laplace's distribution."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import log
from ingot.numpy.logic import where
from ingot.scipy.stats.common import exp, real


def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the probability density."""
    x, loc, scale = real("laplace.logpdf", x, loc, scale)
    return -abs(x - loc) / scale - log(2 * scale)


def pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability density."""
    return exp(logpdf(x, loc, scale))


def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Distribution function."""
    x, loc, scale = real("laplace.cdf", x, loc, scale)
    z = (x - loc) / scale
    tail = 0.5 * exp(where(z <= 0, z, -z))
    return where(z <= 0, tail, 1 - tail)

_hide_frames_of(__name__)
