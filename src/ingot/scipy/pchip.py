"""Monotone cubic interpolation: PCHIP."""

from __future__ import annotations

import functools
import operator
from typing import Any

import numpy as np

import ingot.numpy as jnp
from ingot.core.interpreter import Tracer
from ingot.core.tracebacks import api_boundary, hide_frames_of as _hide_frames_of
from ingot.numpy.families import kind_of


def pchip_slopes(x: Any, y: Any) -> Any:
    """Derivatives at the samples y [n, ...] at x [n]: weighted harmonic means of the slopes beside
    them, 0 where these differ in sign (F. N. Fritsch and J. Butland, SIAM J. Sci. Stat. Comput. 5,
    1984)."""
    h = jnp.diff(x).reshape(-1, *[1] * (y.ndim - 1))
    slope = jnp.diff(y, axis=0) / h
    if y.shape[0] == 2:
        return jnp.concatenate([slope, slope])
    first, second = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
    same = slope[:-1] * slope[1:] > 0
    low, high = (jnp.where(same, s, 1) for s in (slope[:-1], slope[1:]))
    inner = jnp.where(same, (first + second) / (first / low + second / high), 0)
    ends = [_end(h[i], h[j], slope[i], slope[j])[None] for i, j in ((0, 1), (-1, -2))]
    return jnp.concatenate([ends[0], inner, ends[1]])


def _end(h: Any, next_h: Any, slope: Any, next_slope: Any) -> Any:
    """The derivative at an end by three samples, limited so that the curve is monotone."""
    value = ((2 * h + next_h) * slope - h * next_slope) / (h + next_h)
    turned = jnp.sign(value) != jnp.sign(slope)
    steep = (jnp.sign(slope) != jnp.sign(next_slope)) & (jnp.abs(value) > 3 * jnp.abs(slope))
    return jnp.where(turned, 0, jnp.where(steep, 3 * slope, value))


class PchipInterpolator:
    """A function through samples that is monotone where they are, with continuous derivative.

    x: [n] ascending; y: values, n along `axis`; extrapolate: whether the outermost polynomials go
    on beyond the ends, where it is nan otherwise. Raises ValueError for samples that do not fit.

    >>> curve = interpolate.PchipInterpolator(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 4.0]))
    >>> curve(1.0)
    Array(1., dtype=float64)
    """

    def __init__(self, x: Any, y: Any, axis: int = 0, extrapolate: bool | None = None):
        self.x, y = jnp.asarray(x), jnp.asarray(y)
        y = jnp.moveaxis(y if kind_of(y) == "f" else y.astype(float), axis, 0)
        self.x = self.x.astype(y.dtype)
        if self.x.ndim != 1 or self.x.shape[0] != y.shape[0] or y.shape[0] < 2:
            raise ValueError("PchipInterpolator: x must be a vector of at least 2 coordinates, as"
                             f" many as there are samples, got {self.x.aval} and {y.aval}")
        known: Any = None if isinstance(self.x, Tracer) else np.diff(np.asarray(self.x))
        if known is not None and not (known > 0).all():
            raise ValueError("PchipInterpolator: x must be strictly ascending")
        self.y, self.axis = y, axis
        self.extrapolate = extrapolate is None or bool(extrapolate)
        self.slopes = pchip_slopes(self.x, y)

    @api_boundary
    def __call__(self, x: Any, nu: int = 0, extrapolate: bool | None = None) -> Any:
        """Values at x [...], which takes the place of the samples' axis, or the nu-th derivatives
        there; extrapolate: as for the class, by default as it was given there. Raises ValueError
        for a negative nu."""
        if operator.index(nu) < 0:
            raise ValueError(f"PchipInterpolator: nu must not be negative, got {nu}")
        x = jnp.asarray(x)
        flat = x.reshape(-1).astype(self.x.dtype)
        cell = jnp.clip(jnp.searchsorted(self.x, flat, side="right") - 1, 0, self.x.shape[0] - 2)
        h = self.x[cell + 1] - self.x[cell]
        t = ((flat - self.x[cell]) / h).reshape(-1, *[1] * (self.y.ndim - 1))
        h = h.reshape(t.shape)
        low, high = self.y[cell], self.y[cell + 1]
        rise = high - low
        start, end = h * self.slopes[cell], h * self.slopes[cell + 1]
        terms = [low, start, 3 * rise - 2 * start - end, start + end - 2 * rise]
        for _ in range(nu):
            terms = [k * c / h for k, c in enumerate(terms)][1:]
        value = functools.reduce(lambda sum_, c: c + t * sum_, terms[::-1], 0 * low)
        if not (self.extrapolate if extrapolate is None else extrapolate):
            outside = (flat < self.x[0]) | (flat > self.x[-1])
            value = jnp.where(outside.reshape(t.shape), jnp.nan, value)
        value = jnp.where(jnp.isnan(flat).reshape(t.shape), jnp.nan, value)
        value = value.reshape(x.shape + self.y.shape[1:])
        axis = self.axis + self.y.ndim if self.axis < 0 else self.axis
        return jnp.moveaxis(value, range(x.ndim), range(axis, axis + x.ndim))


def pchip_interpolate(xi: Any, yi: Any, x: Any, axis: int = 0) -> Any:
    """Interpolate samples by a monotone cubic polynomial between each two, at points.

    xi: [n] ascending. yi: [..., n, ...]. x: points, of any shape. axis: that of the samples ->
    values [..., *x.shape, ...] floating. Raises ValueError for less than two samples, and lengths
    that do not fit.

    >>> interpolate.pchip_interpolate(np.array([0.0, 1.0]), np.array([0.0, 2.0]), 0.5)
    Array(1., dtype=float64)
    """
    return PchipInterpolator(xi, yi, axis)(x)


_hide_frames_of(__name__)
