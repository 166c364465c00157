"""Interpolation of values that are known on a grid."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

import ingot.numpy as jnp
from ingot.core.interpreter import Tracer
from ingot.core.tracebacks import hidden, hide_frames_of as _hide_frames_of
from ingot.numpy.families import kind_of


class RegularGridInterpolator:
    """A function that interpolates values given on a rectangular grid.

    points: for each axis its coordinates, strictly ascending or descending, at least two; values:
    [lengths of points, ...]; method: 'linear' or 'nearest'; fill_value: outside of the grid; None
    extrapolates. Raises ValueError for points that do not fit, NotImplementedError for
    bounds_error.

    >>> RegularGridInterpolator([np.array([0.0, 2.0])], np.array([0.0, 10.0]))(np.array([[0.5]]))
    Array([2.5], dtype=float64)
    """

    def __init__(self, points: Sequence[Any], values: Any, method: str = "linear",
                 bounds_error: bool = False, fill_value: Any = np.nan):
        if method not in ("linear", "nearest"):
            raise ValueError("RegularGridInterpolator: method must be 'linear' or 'nearest', got"
                             f" {method!r}")
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
            if p.ndim != 1 or p.shape[0] != self.values.shape[i] or p.shape[0] < 2:
                raise ValueError("RegularGridInterpolator: points must be vectors of at least 2"
                                 f" coordinates, as many as axis {i} of {self.values.aval} has, got"
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

    @hidden
    def __call__(self, xi: Any, method: str | None = None) -> Any:
        """Values at points xi [..., axes], or a tuple with an array for each axis."""
        method = self.method if method is None else method
        if method not in ("linear", "nearest"):
            raise ValueError("RegularGridInterpolator: method must be 'linear' or 'nearest', got"
                             f" {method!r}")
        n = len(self.grid)
        x = jnp.stack(jnp.broadcast_arrays(*xi), -1) if isinstance(xi, tuple) else jnp.asarray(xi)
        x = x[:, None] if x.ndim == 1 and n == 1 else x
        if x.shape[-1:] != (n,):
            raise ValueError(f"RegularGridInterpolator: points must be [..., {n}], got {x.aval}")
        flat = x.reshape(-1, n)
        places = [self._place(p, flat[:, i]) for i, p in enumerate(self.grid)]
        result = self._linear(places) if method == "linear" else self.values[tuple(
            jnp.where(w <= 0.5, i, i + 1) for i, w in places)]
        if self.fill_value is not None:
            inside = functools.reduce(operator.and_, (
                (flat[:, i] >= p[0]) & (flat[:, i] <= p[-1]) for i, p in enumerate(self.grid)))
            inside = inside.reshape(-1, *[1] * (result.ndim - 1))
            result = jnp.where(inside, result, jnp.asarray(self.fill_value, result.dtype))
        return result.reshape(x.shape[:-1] + self.values.shape[n:])

    def _place(self, points: Any, x: Any) -> tuple[Any, Any]:
        """The cell of a coordinate, and how far from its start to its end."""
        cell = jnp.clip(jnp.searchsorted(points, x) - 1, 0, points.shape[0] - 2)
        start = points[cell]
        return cell, (x - start) / (points[cell + 1] - start)

    def _linear(self, places: Sequence[tuple[Any, Any]]) -> Any:
        trailing = [1] * (self.values.ndim - len(places))
        total = []
        for corner in itertools.product((0, 1), repeat=len(places)):
            weight = functools.reduce(operator.mul, (
                w if c else 1 - w for c, (_, w) in zip(corner, places, strict=True)))
            value = self.values[tuple(i + c for c, (i, _) in zip(corner, places, strict=True))]
            total.append(weight.reshape(-1, *trailing) * value)
        return functools.reduce(operator.add, total)


__all__ = ["RegularGridInterpolator"]

_hide_frames_of(__name__)
