"""The beta distribution."""

from __future__ import annotations

import math
from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import log
from ingot.numpy.logic import clip, where
from ingot.scipy.special import betainc, betaln, xlog1py, xlogy
from ingot.scipy.stats.common import INF, exp, real


def logpdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the probability density."""
    x, a, b, loc, scale = real("beta.logpdf", x, a, b, loc, scale)
    y = (x - loc) / scale
    outer = (y < 0) | (y > 1)
    inner = where(outer, 0.5, y)
    value = xlogy(a - 1, inner) + xlog1py(b - 1, -inner) - betaln(a, b) - log(scale)
    return where((a > 0) & (b > 0), where(outer, -INF, value), math.nan)


def pdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability density."""
    return exp(logpdf(x, a, b, loc, scale))


def cdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Distribution function."""
    x, a, b, loc, scale = real("beta.cdf", x, a, b, loc, scale)
    return betainc(a, b, clip((x - loc) / scale, 0, 1))


def logcdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the distribution function."""
    return log(cdf(x, a, b, loc, scale))


def sf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Survival function, 1 - cdf."""
    x, a, b, loc, scale = real("beta.sf", x, a, b, loc, scale)
    return betainc(b, a, 1 - clip((x - loc) / scale, 0, 1))


def logsf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the survival function."""
    return log(sf(x, a, b, loc, scale))

_hide_frames_of(__name__)
