"""Dirichlet's distribution on the simplex."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy import primitives as lax
from ingot.numpy.elementary import log
from ingot.numpy.families import like
from ingot.numpy.joining import concatenate
from ingot.numpy.logic import where
from ingot.numpy.promotion import broadcast, promote_shapes
from ingot.numpy.reductions import all as all_, sum as sum_
from ingot.scipy.special import gammaln, xlogy
from ingot.scipy.stats.common import INF, exp, real_dtypes
from ingot.scipy.stats.densities import log_multinomial

__all__ = ["logpdf", "pdf"]


def logpdf(x: Any, alpha: Any) -> Any:
    """Dirichlet's distribution: the logarithm of the density.

    x, alpha: those of `pdf` -> [...] floating; -inf outside of the simplex. Raises ValueError for
    other shapes, TypeError for complex numbers.

    >>> stats.dirichlet.logpdf(np.array([0.2, 0.3, 0.5]), np.ones(3))
    Array(0.69314718, dtype=float64)
    """
    x, alpha = real_dtypes("dirichlet.logpdf", x, alpha)
    if alpha.aval.ndim != 1:
        raise ValueError(f"dirichlet.logpdf: alpha must be a vector, got {alpha.aval}")
    k = alpha.aval.shape[0]
    if x.aval.shape[0] not in (k, k - 1):
        raise ValueError(f"dirichlet.logpdf: x must have {k} or {k - 1} components, got {x.aval}")
    if x.aval.shape[0] == k - 1:
        x = concatenate([x, lax.sub(like(x[:1], 1), sum_(x, 0, keepdims=True))], 0)
    column = lax.reshape(alpha, (k,) + (1,) * (x.aval.ndim - 1))
    value = sum_(gammaln(alpha)) * -1 + gammaln(sum_(alpha)) + sum_(
        xlogy(*promote_shapes("dirichlet", column - 1, x)), 0)
    column, x = promote_shapes("dirichlet", column, x)
    whole = broadcast(column, x.aval.shape)
    inner = (x > 0) & (sum_(alpha) > 8)
    safe = where(inner, x, 1 / k)
    total = broadcast(sum_(alpha), x.aval.shape[1:])
    stirling = log_multinomial(whole, total, safe, 0) - log(total) + sum_(
        log(whole) - log(safe), 0)
    value = where(all_(inner, 0), stirling, value)
    inside = all_(x >= 0, 0) & (abs(sum_(x, 0) - 1) < 1e-6)
    return where(inside, value, -INF)


def pdf(x: Any, alpha: Any) -> Any:
    """Dirichlet's distribution: the density prod x^(alpha - 1) / B(alpha) on the simplex.

    x: [k, ...], or [k - 1, ...] without the last component, which completes the sum of 1. alpha:
    [k], above 0 -> [...] floating; 0 outside of the simplex. Raises ValueError for other shapes,
    TypeError for complex numbers.

    >>> stats.dirichlet.pdf(np.array([0.2, 0.3, 0.5]), np.ones(3))
    Array(2., dtype=float64)
    """
    return exp(logpdf(x, alpha))

_hide_frames_of(__name__)
