"""The beta-binomial distribution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import log, log1p
from ingot.numpy.logic import where
from ingot.numpy.rounding import floor
from ingot.scipy.special_table import define
from ingot.scipy.stats.common import INF, defined_where, exp
from ingot.scipy.stats.densities import log_binomial

__all__ = ["cdf", "logpmf", "pmf", "sf"]

_defined = defined_where(lambda n, a, b: (n >= 0) & (n % 1 == 0) & (a > 0) & (b > 0))


@_defined
def logpmf(k: Any, n: Any, a: Any, b: Any, loc: Any = 0) -> Any:
    """Beta-binomial distribution: the logarithm of the probability of k.

    k, n, a, b, loc: those of `pmf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers.

    >>> stats.betabinom.logpmf(2, 3, 1.0, 1.0)
    Array(-1.38629436, dtype=float64, weak_type=True)
    """
    x = k - loc
    inside = (x >= 0) & (x <= n) & (floor(x) == x)
    y = where(inside, x, 0)
    # Binomial densities at one probability, whose powers cancel, in place of beta functions.
    c, d = y + a, n - y + b
    p, q = c / (n + a + b), d / (n + a + b)
    value = (log_binomial(y, n, p, q) + log_binomial(a, a + b, p, q)
             - log_binomial(c, c + d, p, q) + log(a) - log(c) + log(b / d) + log1p(n / (a + b)))
    return where(inside, value, -INF)


@_defined
def pmf(k: Any, n: Any, a: Any, b: Any, loc: Any = 0) -> Any:
    """Beta-binomial distribution: the probability of k.

    The probability is binom(n, k) B(k + a, n - k + b) / B(a, b) for k = 0 ... n. k: real numbers;
    the probability is 0 between whole ones. n: number of trials. a, b: shapes of the beta
    distribution of the probability, above 0. loc: k stands for k - loc. -> the broadcast shape, in
    the promoted floating dtype. Raises TypeError for complex numbers.

    >>> stats.betabinom.pmf(2, 3, 1.0, 1.0)
    Array(0.25, dtype=float64, weak_type=True)
    """
    return exp(logpmf(k, n, a, b, loc))


def _sums(name: str) -> Callable[..., Any]:
    """SciPy's sum of probabilities, which has no derivatives."""
    def evaluate(*args: Any) -> Any:
        import scipy.stats

        return getattr(scipy.stats.betabinom, name)(*args)

    return define(f"betabinom.{name}", "x n a b", "", None, None, None, None, evaluate=evaluate)


_cdf, _sf = _sums("cdf"), _sums("sf")


@_defined
def cdf(k: Any, n: Any, a: Any, b: Any, loc: Any = 0) -> Any:
    """Beta-binomial distribution: the probability of at most k.

    k, n, a, b, loc: those of `pmf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers. Computed by SciPy, without derivatives: UndefinedRuleError.

    >>> stats.betabinom.cdf(2, 3, 1.0, 1.0)
    Array(0.75, dtype=float64, weak_type=True)
    """
    return _cdf(k - loc, n, a, b)


@_defined
def sf(k: Any, n: Any, a: Any, b: Any, loc: Any = 0) -> Any:
    """Beta-binomial distribution: the probability of more than k, accurate where it is small.

    k, n, a, b, loc: those of `pmf` -> the broadcast shape, in the promoted floating dtype. Raises
    TypeError for complex numbers. Computed by SciPy, without derivatives: UndefinedRuleError.

    >>> stats.betabinom.sf(2, 3, 1.0, 1.0)
    Array(0.25, dtype=float64, weak_type=True)
    """
    return _sf(k - loc, n, a, b)


_hide_frames_of(__name__)
