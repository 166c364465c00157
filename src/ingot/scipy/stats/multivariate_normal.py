"""The multivariate normal distribution."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy import primitives as lax
from ingot.numpy.creation import broadcast_to
from ingot.numpy.elementary import log
from ingot.numpy.linalg import cholesky
from ingot.numpy.promotion import broadcast_shapes, promote_dtypes
from ingot.numpy.reductions import sum as sum_
from ingot.numpy.triangles import diagonal
from ingot.primitives.linalg import triangular_solve
from ingot.scipy.stats.common import LOG_2PI, exp

__all__ = ["logpdf", "pdf"]


def logpdf(x: Any, mean: Any, cov: Any, allow_singular: None = None) -> Any:
    """Multivariate normal distribution: the logarithm of the density.

    x, mean, cov: those of `pdf`. allow_singular: must be None -> [...] floating; nan unless cov is
    positive definite. Raises ValueError for other shapes, NotImplementedError for another
    allow_singular.

    >>> stats.multivariate_normal.logpdf(np.zeros(2), np.zeros(2), np.eye(2))
    Array(-1.83787707, dtype=float64)
    """
    if allow_singular is not None:
        raise NotImplementedError("multivariate_normal.logpdf: allow_singular is not supported")
    x, mean, cov = promote_dtypes("multivariate_normal.logpdf", x, mean, cov, kind="inexact")
    if not mean.aval.shape:
        return -0.5 * (x - mean) ** 2 / cov - 0.5 * (LOG_2PI + log(cov))
    n = mean.aval.shape[-1]
    if not cov.aval.shape:
        y = x - mean
        return -0.5 * sum_(y * y, -1) / cov - n / 2 * (LOG_2PI + log(cov))
    if cov.aval.ndim < 2 or cov.aval.shape[-2:] != (n, n):
        raise ValueError(f"multivariate_normal.logpdf: cov must be [{n}, {n}], got {cov.aval}")
    lower = cholesky(cov)
    points = broadcast_shapes(x.aval.shape, mean.aval.shape)[:-1]
    lead = broadcast_shapes(points, cov.aval.shape[:-2])
    y = broadcast_to(x - mean, (*lead, n))
    if cov.aval.ndim == 2:  # one factor for all points: solve for them together
        columns = lax.transpose(lax.reshape(y, (y.aval.size // n if n else 0, n)), (1, 0))
        z = triangular_solve(lower, columns, left_side=True, lower=True)
        squares = lax.reshape(sum_(z * z, 0), lead)
    else:
        z = triangular_solve(broadcast_to(lower, (*lead, n, n)), lax.reshape(y, (*lead, n, 1)),
                             left_side=True, lower=True)
        squares = sum_(z * z, (-1, -2))
    return -0.5 * squares - n / 2 * LOG_2PI - sum_(log(diagonal(lower, axis1=-1, axis2=-2)), -1)


def pdf(x: Any, mean: Any, cov: Any) -> Any:
    """Multivariate normal distribution: the probability density at points.

    x: [..., k] points. mean: [..., k]. cov: [..., k, k] covariance. Where both are scalars, k is 1
    and x [...] -> [...] floating; nan unless cov is positive definite. Raises ValueError for other
    shapes.

    >>> 2 * np.pi * stats.multivariate_normal.pdf(np.zeros(2), np.zeros(2), np.eye(2))
    Array(1., dtype=float64)
    """
    return exp(logpdf(x, mean, cov))

_hide_frames_of(__name__)
