"""The beta-binomial distribution."""

from __future__ import annotations

from typing import Any

from ingot.numpy.elementary import log
from ingot.numpy.logic import where
from ingot.numpy.rounding import floor
from ingot.scipy.special import betaln
from ingot.scipy.stats.common import INF, NAN, exp, real


def logpmf(k: Any, n: Any, a: Any, b: Any, loc: Any = 0) -> Any:
    """Logarithm of the probability of each value."""
    k, n, a, b, loc = real("betabinom.logpmf", k, n, a, b, loc)
    x = floor(k - loc)
    value = (-log(n + 1) - betaln(n - x + 1, x + 1) + betaln(x + a, n - x + b) - betaln(a, b))
    value = where((x >= 0) & (x <= n), value, -INF)
    return where((n < 0) | (a <= 0) | (b <= 0), NAN, value)


def pmf(k: Any, n: Any, a: Any, b: Any, loc: Any = 0) -> Any:
    """Probability of each value."""
    return exp(logpmf(k, n, a, b, loc))
