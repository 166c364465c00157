"""The binomial distribution."""

from __future__ import annotations

from typing import Any

from ingot.numpy.logic import where
from ingot.scipy.special import gammaln, xlog1py, xlogy
from ingot.scipy.stats.common import INF, exp, real


def logpmf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """Logarithm of the probability of each value."""
    k, n, p, loc = real("binom.logpmf", k, n, p, loc)
    x = k - loc
    value = (gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1)
             + xlogy(x, p) + xlog1py(n - x, -p))
    return where((x >= 0) & (x < n + 1), value, -INF)


def pmf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """Probability of each value."""
    return exp(logpmf(k, n, p, loc))
