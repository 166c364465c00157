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
from ingot.scipy.stats.common import INF, exp
from ingot.scipy.stats.densities import log_multinomial

__all__ = ["logpmf", "pmf"]


def logpmf(x: Any, n: Any, p: Any) -> Any:
    """Logarithm of the probability of counts x [..., k] in n draws with probabilities p."""
    counts = as_array("multinomial.logpmf", x)
    x, p = promote_dtypes("multinomial.logpmf", counts, p, kind="inexact")
    n = as_array("multinomial.logpmf", n)
    total = convert(n, x.aval.dtype)
    x, p = promote_shapes("multinomial.logpmf", x, p)
    shape = broadcast_shapes(x.aval.shape, p.aval.shape)
    x, p = broadcast(x, shape), broadcast(p, shape)
    value = log_multinomial(x, broadcast(total, shape[:-1]), p, len(shape) - 1)
    return where(lax.eq(*promote_dtypes("multinomial.logpmf", sum_(counts, -1), n)), value, -INF)


def pmf(x: Any, n: Any, p: Any) -> Any:
    """Probability of counts."""
    return exp(logpmf(x, n, p))

_hide_frames_of(__name__)
