"""Student's t distribution."""

from __future__ import annotations

import math
from typing import Any

from ingot.numpy.elementary import log, log1p
from ingot.scipy.special import gammaln
from ingot.scipy.stats.common import exp, real


def logpdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the probability density."""
    x, df, loc, scale = real("t.logpdf", x, df, loc, scale)
    y = (x - loc) / scale
    norm = gammaln((df + 1) / 2) - gammaln(df / 2) - log(scale) - 0.5 * log(math.pi * df)
    return norm - (df + 1) / 2 * log1p(y * y / df)


def pdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability density."""
    return exp(logpdf(x, df, loc, scale))
