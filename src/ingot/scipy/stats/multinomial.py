"""The multinomial distribution."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy import primitives as lax
from ingot.numpy.logic import where
from ingot.numpy.promotion import (
    as_array,
    broadcast,
    broadcast_shapes,
    convert,
    promote_dtypes,
    promote_shapes,
)
from ingot.numpy.reductions import sum as sum_
from ingot.scipy.stats.common import INF, real_dtypes
from ingot.scipy.stats.densities import log_multinomial, multinomial

__all__ = ["logpmf", "pmf"]


def logpmf(x: Any, n: Any, p: Any) -> Any:
    """Multinomial distribution: the logarithm of the probability of counts in n draws.

    x, n, p: those of `pmf` -> [...] floating; -inf unless the sum of x is n. Raises TypeError for
    complex numbers.

    >>> stats.multinomial.logpmf(np.array([1, 1]), 2, np.array([0.5, 0.5]))
    Array(-0.69314718, dtype=float64)
    """
    return _of("multinomial.logpmf", log_multinomial, -INF, x, n, p)


def _of(name: str, fun: Any, none: float, x: Any, n: Any, p: Any) -> Any:
    """fun(x, n, p, axis) where the sum of the counts x is n, else `none`."""
    counts = as_array(name, x)
    x, p = real_dtypes(name, counts, p)
    n = as_array(name, n)
    total = convert(n, x.aval.dtype)
    x, p = promote_shapes(name, x, p)
    shape = broadcast_shapes(x.aval.shape, p.aval.shape)
    x, p = broadcast(x, shape), broadcast(p, shape)
    value = fun(x, broadcast(total, shape[:-1]), p, len(shape) - 1)
    return where(lax.eq(*promote_dtypes(name, sum_(counts, -1), n)), value, none)


def pmf(x: Any, n: Any, p: Any) -> Any:
    """Multinomial distribution: the probability of counts in n draws.

    x: [..., k] counts; the probability is 0 unless their sum is n. n: [...] number of draws. p:
    [..., k] probabilities of a draw -> [...] floating. Raises TypeError for complex numbers.

    >>> stats.multinomial.pmf(np.array([1, 1]), 2, np.array([0.5, 0.5]))
    Array(0.5, dtype=float64)
    """
    return _of("multinomial.pmf", multinomial, 0, x, n, p)


_hide_frames_of(__name__)
