"""Kernel density estimation with Gaussian kernels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ingot import random
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.nn.functions import logsumexp
from ingot.numpy import primitives as lax
from ingot.numpy.concrete import concrete_int
from ingot.numpy.creation import asarray, full
from ingot.numpy.elementary import log
from ingot.numpy.manipulation import atleast_2d, squeeze
from ingot.numpy.products import matmul
from ingot.numpy.promotion import as_array, convert, inexact
from ingot.numpy.reductions import sum as sum_
from ingot.numpy.statistics import cov
from ingot.numpy.triangles import diagonal
from ingot.primitives.linalg import cholesky, triangular_solve
from ingot.scipy.special import ndtr
from ingot.tree import register_pytree_node_class


@register_pytree_node_class
class gaussian_kde:  # noqa: N801 (SciPy's name)
    """Kernel density estimate from points, with Gaussian kernels.

    dataset: [d, n] points, or [n] numbers. bw_method: None or 'scott', 'silverman', a number, or a
    function of the estimate: the factor by which the covariance's square root is scaled. weights:
    [n], equal by default. Raises ValueError for other weights and methods, and for a single point.

    >>> estimate = stats.gaussian_kde(np.array([-1.0, 0.0, 1.0]))
    >>> estimate(0.0)
    Array([0.31815622], dtype=float64)
    """

    neff: Any
    dataset: Any
    weights: Any
    covariance: Any
    inv_cov: Any

    def __init__(self, dataset: Any, bw_method: Any = None, weights: Any = None):
        data = atleast_2d(inexact("gaussian_kde", dataset))
        if data.aval.size <= 1:
            raise ValueError("gaussian_kde: two points at least are needed")
        d, n = data.aval.shape
        if weights is None:
            weights = full((n,), 1 / n, data.aval.dtype)
        else:
            weights = convert(as_array("gaussian_kde", weights), data.aval.dtype)
            if weights.aval.shape != (n,):
                raise ValueError(f"gaussian_kde: {n} weights are needed, got {weights.aval}")
            weights = weights / sum_(weights)
        self.dataset, self.weights = data, weights
        self.neff = 1 / sum_(weights * weights)
        factor = self._factor(bw_method)
        base = atleast_2d(cov(data, rowvar=True, bias=False, aweights=weights))
        self.covariance = base * factor**2
        lower = cholesky(base)
        identity = asarray(np.eye(d, dtype=data.aval.dtype))
        whitened = triangular_solve(lower, identity, left_side=True, lower=True)
        self.inv_cov = matmul(whitened.T, whitened) / factor**2

    def _factor(self, method: Any) -> Any:
        if method is None or method == "scott":
            return self.neff ** (-1 / (self.d + 4))
        if method == "silverman":
            return (self.neff * (self.d + 2) / 4) ** (-1 / (self.d + 4))
        if callable(method):
            return method(self)
        if isinstance(method, str):
            raise ValueError(f"gaussian_kde: no bandwidth {method!r}")
        return method

    def tree_flatten(self) -> Any:
        """Children and no static data, as `register_pytree_node_class` wants them."""
        return (self.neff, self.dataset, self.weights, self.covariance, self.inv_cov), None

    @classmethod
    def tree_unflatten(cls, aux: Any, children: Any) -> gaussian_kde:
        """The estimate with these children, none of them computed anew."""
        out = object.__new__(cls)
        out.neff, out.dataset, out.weights, out.covariance, out.inv_cov = children
        return out

    @property
    def d(self) -> int:
        """The dimension of the points."""
        return self.dataset.shape[0]

    @property
    def n(self) -> int:
        """The number of points."""
        return self.dataset.shape[1]

    def _points(self, points: Any) -> Any:
        points = atleast_2d(as_array("gaussian_kde", points))
        d, m = points.aval.shape
        if d != self.d:
            if d != 1 or m != self.d:
                raise ValueError(
                    f"gaussian_kde: points of dimension {self.d} are needed, got {points.aval}")
            points = points.T
        return convert(points, self.dataset.aval.dtype)

    def _log_terms(self, points: Any, precision: Any) -> Any:
        """Weighted logarithms of the kernels: [points, n]."""
        factor = cholesky(precision)  # L L^T
        a, b = matmul(factor.T, points), matmul(factor.T, self.dataset)
        gap = a.T[:, None, :] - b.T[None, :, :]
        norm = sum_(log(diagonal(factor))) - self.d / 2 * math.log(2 * math.pi)
        return norm - 0.5 * sum_(gap * gap, -1) + log(self.weights)

    def evaluate(self, points: Any) -> Any:
        """Density at points [d, m]."""
        return lax.exp(self.logpdf(points))

    __call__ = evaluate

    def pdf(self, x: Any) -> Any:
        """Density at points [d, m]."""
        return self.evaluate(x)

    def logpdf(self, x: Any) -> Any:
        """Logarithm of the density at points [d, m]."""
        return logsumexp(self._log_terms(self._points(x), self.inv_cov), -1)

    def integrate_gaussian(self, mean: Any, cov: Any) -> Any:
        """Integral of the product with a normal density."""
        dtype = self.dataset.aval.dtype
        mean = lax.reshape(convert(as_array("gaussian_kde", mean), dtype), (self.d, 1))
        total = self.covariance + atleast_2d(convert(as_array("gaussian_kde", cov), dtype))
        lower = cholesky(total)
        z = triangular_solve(lower, self.dataset - mean, left_side=True, lower=True)
        norm = self.d / 2 * math.log(2 * math.pi) + sum_(log(diagonal(lower)))
        return sum_(lax.exp(-0.5 * sum_(z * z, 0) - norm) * self.weights)

    def integrate_box_1d(self, low: Any, high: Any) -> Any:
        """Probability of [low, high] in one dimension."""
        if self.d != 1:
            raise ValueError(f"integrate_box_1d: one dimension is needed, got {self.d}")
        sigma = squeeze(lax.sqrt(self.covariance))
        upper, lower = (ndtr((x - self.dataset[0]) / sigma) for x in (high, low))
        return sum_(self.weights * (upper - lower))

    def integrate_kde(self, other: gaussian_kde) -> Any:
        """Integral of the product with another estimate."""
        if other.d != self.d:
            raise ValueError(f"integrate_kde: dimensions differ: {self.d} and {other.d}")
        lower = cholesky(self.covariance + other.covariance)
        a, b = (triangular_solve(lower, x.dataset, left_side=True, lower=True)
                for x in (self, other))
        gap = a.T[:, None, :] - b.T[None, :, :]
        norm = self.d / 2 * math.log(2 * math.pi) + sum_(log(diagonal(lower)))
        terms = lax.exp(-0.5 * sum_(gap * gap, -1) - norm)
        return sum_(terms * self.weights[:, None] * other.weights[None, :])

    def resample(self, key: Any, shape: Any = ()) -> Any:
        """Random points [d, ...] of the estimate."""
        shape = tuple(concrete_int("resample", n, "shape") for n in shape)
        index_key, noise_key = random.split(key)
        index = random.choice(index_key, self.n, shape=shape, p=self.weights)
        noise = random.multivariate_normal(
            noise_key, np.zeros(self.d), self.covariance, shape=shape, dtype=self.dataset.dtype).T
        return self.dataset[:, index] + noise

    def set_bandwidth(self, bw_method: Any = None) -> None:
        """Refused: estimates are immutable."""
        raise NotImplementedError("set_bandwidth: estimates are immutable; make a new gaussian_kde")

_hide_frames_of(__name__)
