"""The generalized normal distribution."""

from __future__ import annotations

import math
from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import log
from ingot.numpy.rounding import sign
from ingot.scipy.special import gammainc, gammaln
from ingot.scipy.stats.common import exp, real


def logpdf(x: Any, beta: Any) -> Any:
    """Logarithm of the probability density."""
    x, beta = real("gennorm.logpdf", x, beta)
    return log(beta) - math.log(2) - gammaln(1 / beta) - abs(x) ** beta


def pdf(x: Any, beta: Any) -> Any:
    """Probability density."""
    return exp(logpdf(x, beta))


def cdf(x: Any, beta: Any) -> Any:
    """Distribution function."""
    x, beta = real("gennorm.cdf", x, beta)
    return 0.5 * (1 + sign(x) * gammainc(1 / beta, abs(x) ** beta))

_hide_frames_of(__name__)
