"""Student's t distribution."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import log, log1p
from ingot.numpy.logic import where
from ingot.scipy.special import gammaln
from ingot.scipy.stats.common import LOG_2PI, exp, real
from ingot.scipy.stats.densities import remainder


def logpdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the probability density."""
    x, df, loc, scale = real("t.logpdf", x, df, loc, scale)
    y, df = (x - loc) / scale, where(df > 1e30, 1e30, df)  # for an infinite df, the normal's
    half = df / 2
    many = half > 8
    large = where(many, half, 9)
    # log(gamma(h + 1/2) / gamma(h) / sqrt(h)) by Stirling's formula.
    stirling = (large * log1p(0.5 / large) - 0.5 + remainder(large + 0.5) - remainder(large))
    few = where(many, 1, half)
    plain = gammaln(few + 0.5) - gammaln(few) - 0.5 * log(few)
    norm = where(many, stirling, plain) - log(scale) - 0.5 * LOG_2PI
    return norm - (df + 1) / 2 * log1p(y * y / df)


def pdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability density."""
    return exp(logpdf(x, df, loc, scale))

_hide_frames_of(__name__)
