"""The multinomial distribution."""

from __future__ import annotations

from typing import Any

from ingot.numpy import primitives as lax
from ingot.numpy.logic import where
from ingot.numpy.promotion import as_array, promote_dtypes
from ingot.numpy.reductions import sum as sum_
from ingot.scipy.special import gammaln, xlogy
from ingot.scipy.stats.common import INF, exp


def logpmf(x: Any, n: Any, p: Any) -> Any:
    """Logarithm of the probability of counts x [..., k] in n draws with probabilities p."""
    counts = as_array("multinomial.logpmf", x)
    x, p = promote_dtypes("multinomial.logpmf", counts, p, kind="inexact")
    n = as_array("multinomial.logpmf", n)
    value = gammaln(n + 1) + sum_(xlogy(x, p) - gammaln(x + 1), -1)
    return where(lax.eq(*promote_dtypes("multinomial.logpmf", sum_(counts), n)), value, -INF)


def pmf(x: Any, n: Any, p: Any) -> Any:
    """Probability of counts."""
    return exp(logpmf(x, n, p))
