"""Interpolation of values that are known on a grid, or at samples."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

import ingot.numpy as jnp
from ingot.api.vmap import vmap
from ingot.core.interpreter import Tracer
from ingot.core.tracebacks import api_boundary, hide_frames_of as _hide_frames_of
from ingot.numpy.families import kind_of
from ingot.scipy.pchip import (
    PchipInterpolator as PchipInterpolator,
    pchip_interpolate as pchip_interpolate,
)

DEGREES = {"slinear": 1, "cubic": 3, "quintic": 5}
METHODS = ("linear", "nearest", "pchip", *DEGREES)


class RegularGridInterpolator:
    """A function that interpolates values given on a rectangular grid.

    points: for each axis its coordinates, strictly ascending or descending; values: [lengths of
    points, ...]; method: 'linear', 'nearest', 'pchip', or 'slinear', 'cubic', 'quintic', products
    of splines without a knot next to the ends, for which an axis has more points than the degree;
    fill_value: outside of the grid; None extrapolates. Raises ValueError for points that do not
    fit, NotImplementedError for bounds_error.

    >>> table = interpolate.RegularGridInterpolator([np.array([0.0, 2.0])], np.array([0.0, 10.0]))
    >>> table(np.array([[0.5]]))
    Array([2.5], dtype=float64)
    """

    def __init__(self, points: Sequence[Any], values: Any, method: str = "linear",
                 bounds_error: bool = False, fill_value: Any = np.nan):
        self._check(method)
        if bounds_error:
            raise NotImplementedError("RegularGridInterpolator: compiled code raises no errors of"
                                      " bounds; test the result for fill_value")
        self.method, self.bounds_error, self.fill_value = method, bounds_error, fill_value
        values = jnp.asarray(values)
        self.values = values.astype(float) if kind_of(values) not in "fc" else values
        grid: list[Any] = [jnp.asarray(p) for p in points]
        if len(grid) > self.values.ndim:
            raise ValueError(f"RegularGridInterpolator: there are {len(grid)} axes of points, and"
                             f" {self.values.ndim} of values")
        axes: list[Any] = []
        for i, p in enumerate(grid):
            if p.ndim != 1 or p.shape[0] != self.values.shape[i] or p.shape[0] < 1:
                raise ValueError("RegularGridInterpolator: points must be vectors of at least 1"
                                 f" coordinate, as many as axis {i} of {self.values.aval} has, got"
                                 f" {p.aval}")
            traced = isinstance(p, Tracer)
            steps: Any = None if traced else np.diff(np.asarray(p))
            if steps is not None and (steps < 0).all():
                self.values, p = jnp.flip(self.values, i), p[::-1]
            elif steps is not None and not (steps > 0).all():
                raise ValueError(f"RegularGridInterpolator: points of axis {i} must be strictly"
                                 " ascending or descending")
            axes.append(p)
        self.grid = tuple(axes)
        fits = np.can_cast(jnp.asarray(0 if fill_value is None else fill_value).dtype,
                           self.values.dtype, "same_kind")
        if not fits:
            raise ValueError("RegularGridInterpolator: fill_value must be None or fit"
                             f" {self.values.dtype}, got {fill_value!r}")

    @api_boundary
    def __call__(self, xi: Any, method: str | None = None) -> Any:
        """Values at points xi [..., axes], or a tuple with an array for each axis."""
        method = self.method if method is None else method
        self._check(method)
        n = len(self.grid)
        x = jnp.stack(jnp.broadcast_arrays(*xi), -1) if isinstance(xi, tuple) else jnp.asarray(xi)
        x = x[:, None] if x.ndim == 1 and n == 1 else x
        if x.shape[-1:] != (n,):
            raise ValueError(f"RegularGridInterpolator: points must be [..., {n}], got {x.aval}")
        flat = x.reshape(-1, n)
        if method == "pchip":
            result = self._pchip(flat)
        elif method in DEGREES:
            result = self._spline(flat, DEGREES[method])
        else:
            places = [self._place(p, flat[:, i]) for i, p in enumerate(self.grid)]
            result = self._linear(places) if method == "linear" else self.values[tuple(
                jnp.where(w <= 0.5, i, i + 1) for i, w in places)]
        if self.fill_value is not None:
            inside = functools.reduce(operator.and_, (
                (flat[:, i] >= p[0]) & (flat[:, i] <= p[-1]) for i, p in enumerate(self.grid)))
            inside = inside.reshape(-1, *[1] * (result.ndim - 1))
            result = jnp.where(inside, result, jnp.asarray(self.fill_value, result.dtype))
        if kind_of(flat) == "f":
            nowhere = jnp.isnan(flat).any(-1).reshape(-1, *[1] * (result.ndim - 1))
            result = jnp.where(nowhere, jnp.asarray(jnp.nan, result.dtype), result)
        return result.reshape(x.shape[:-1] + self.values.shape[n:])

    def _check(self, method: str) -> None:
        if method not in METHODS:
            raise ValueError(f"RegularGridInterpolator: method must be one of {METHODS}, got"
                             f" {method!r}")

    def _spline(self, x: Any, degree: int) -> Any:
        """Each axis by the weights of its samples at the points, one axis after the other."""
        weights = [_spline_weights(p, x[:, i], degree) for i, p in enumerate(self.grid)]
        result = jnp.tensordot(weights[0], self.values, 1)
        for w in weights[1:]:
            lead = w.reshape(w.shape + (1,) * (result.ndim - 2))
            result = (lead * result).sum(1)
        return result

    def _pchip(self, x: Any) -> Any:
        """Curves along one axis after the other, the last one first, each at its point."""
        def one(point: Any) -> Any:
            rest = self.values
            for i, p in reversed(list(enumerate(self.grid))):
                rest = (PchipInterpolator(p, rest, i)(point[i]) if p.shape[0] > 1
                        else jnp.squeeze(rest, i))
            return rest

        return vmap(one)(x)

    def _place(self, points: Any, x: Any) -> tuple[Any, Any]:
        """The cell of a coordinate, and how far from its start to its end."""
        if points.shape[0] == 1:
            return jnp.zeros(x.shape, int), jnp.zeros_like(x)
        cell = jnp.clip(jnp.searchsorted(points, x) - 1, 0, points.shape[0] - 2)
        start = points[cell]
        return cell, (x - start) / (points[cell + 1] - start)

    def _linear(self, places: Sequence[tuple[Any, Any]]) -> Any:
        trailing = [1] * (self.values.ndim - len(places))
        total = []
        for corner in itertools.product((0, 1), repeat=len(places)):
            weight = functools.reduce(operator.mul, (
                w if c else 1 - w for c, (_, w) in zip(corner, places, strict=True)))
            value = self.values[tuple(jnp.minimum(i + c, n - 1) for c, (i, _), n in zip(
                corner, places, self.values.shape, strict=False))]
            total.append(weight.reshape(-1, *trailing) * value)
        return functools.reduce(operator.add, total)


def _basis(knots: Any, x: Any, degree: int) -> Any:
    """All B-splines at x: [points, knots - degree - 1] by Cox and de Boor's recursion; beyond the
    ends the outermost polynomials go on."""
    n = knots.shape[0] - degree - 1
    cell = jnp.clip(jnp.searchsorted(knots, x, side="right") - 1, degree, n - 1)
    out = (jnp.arange(n + degree) == cell[:, None]).astype(x.dtype)
    x = x[:, None]
    for d in range(1, degree + 1):
        width = knots[d:] - knots[:-d]
        share = jnp.where(width > 0, 1 / jnp.where(width > 0, width, 1), 0)
        rising = (x - knots[:-d - 1]) * share[:-1] * out[:, :-1]
        falling = (knots[d + 1:] - x) * share[1:] * out[:, 1:]
        out = rising + falling
    return out


def _spline_weights(points: Any, x: Any, degree: int) -> Any:
    """How much each sample counts at x in the interpolating spline: [points, samples]."""
    if points.shape[0] <= degree:
        raise ValueError(f"RegularGridInterpolator: a spline of degree {degree} needs more than"
                         f" {degree} points an axis, got {points.shape[0]}")
    half = (degree + 1) // 2
    ends = [jnp.broadcast_to(points[i], (degree + 1,)) for i in (0, -1)]
    knots = jnp.concatenate([ends[0], points[half:-half], ends[1]])
    at_samples = _basis(knots, points, degree)
    return jnp.linalg.solve(at_samples.T, _basis(knots, x.astype(knots.dtype), degree).T).T


__all__ = ["PchipInterpolator", "RegularGridInterpolator", "pchip_interpolate"]

_hide_frames_of(__name__)
