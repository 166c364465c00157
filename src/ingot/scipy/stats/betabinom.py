"""The beta-binomial distribution."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import log, log1p
from ingot.numpy.logic import where
from ingot.numpy.rounding import floor
from ingot.scipy.stats.common import INF, NAN, exp, real
from ingot.scipy.stats.densities import log_binomial


def logpmf(k: Any, n: Any, a: Any, b: Any, loc: Any = 0) -> Any:
    """Logarithm of the probability of each value."""
    k, n, a, b, loc = real("betabinom.logpmf", k, n, a, b, loc)
    x = floor(k - loc)
    inside = (x >= 0) & (x <= n)
    y = where(inside, x, 0)
    # Binomial densities at one probability, whose powers cancel, in place of beta functions.
    c, d = y + a, n - y + b
    p, q = c / (n + a + b), d / (n + a + b)
    value = (log_binomial(y, n, p, q) + log_binomial(a, a + b, p, q)
             - log_binomial(c, c + d, p, q) + log(a) - log(c) + log(b / d) + log1p(n / (a + b)))
    value = where(inside, value, -INF)
    return where((n < 0) | (a <= 0) | (b <= 0), NAN, value)


def pmf(k: Any, n: Any, a: Any, b: Any, loc: Any = 0) -> Any:
    """Probability of each value."""
    return exp(logpmf(k, n, a, b, loc))

_hide_frames_of(__name__)
