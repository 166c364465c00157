"""Values of arrays at places between their elements."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import ingot.numpy as jnp
from ingot.api.eager import trace_cached
from ingot.config import config
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.families import kind_of


def _mirror(index: Any, size: int) -> Any:
    last = max(size - 1, 1)
    return abs((index + last) % (2 * last) - last) if size > 1 else index * 0


def _reflect(index: Any, size: int) -> Any:
    twice = _mirror(2 * index + 1, 2 * size + 1) - 1
    return twice // 2 if kind_of(twice) in "iu" else twice / 2


def _mirrored(x: Any, size: int) -> Any:
    """A coordinate moved into [0, size), where halves are left to be rounded as SciPy does."""
    period = max(2 * size - 2, 1)
    within = abs(x) % period
    return jnp.where(within >= jnp.where(x < 0, size - 1, size), period - within, within)


def _grid_wrap(index: Any, size: int) -> Any:
    return index % size


def _nearest(index: Any, size: int) -> Any:
    return jnp.clip(index, 0, size - 1)


# What takes the place of samples beyond the ends.
_MODES: dict[str, Callable[[Any, int], Any]] = {
    "constant": _nearest, "grid-constant": lambda index, size: index, "nearest": _nearest,
    "wrap": _grid_wrap, "grid-wrap": _grid_wrap, "mirror": _mirror, "reflect": _reflect,
    "grid-mirror": _reflect}


def _wrap(x: Any, size: int) -> Any:
    """A coordinate moved into [0, size - 1], whose ends are the same point."""
    inside = (x >= 0) & (x <= size - 1)
    return jnp.where(inside, x, x % (size - 1)) if size > 1 else x * 0


def _round(x: Any) -> Any:
    """To the nearest integer, halves away from zero."""
    return x if kind_of(x) in "iu" else jnp.sign(x) * jnp.floor(jnp.abs(x) + 0.5)


# ---- splines ----
_PAD = 12
"""Samples that SciPy adds at each end for the modes whose extension no spline has."""


def _cardinal(u: Any, degree: int) -> list[Any]:
    """The B-splines at integer knots that are not 0 at u in [0, 1), by de Boor's recursion."""
    values: list[Any] = [1]
    for d in range(1, degree + 1):
        padded = [0, *values, 0]
        values = [((u + d - m) * padded[m] + (m + 1 - u) * padded[m + 1]) / d
                  for m in range(d + 1)]
    return values


def _spline_neighbors(x: Any, order: int) -> list[tuple[Any, Any]]:
    """Places of the coefficients around a coordinate, each with the value of its B-spline."""
    shifted = x + (0 if order % 2 else 0.5)
    low = jnp.floor(shifted)
    first = low.astype("int32") - order // 2
    return [(first + k, w) for k, w in enumerate(_cardinal(shifted - low, order))]


def _check_mode(name: str, mode: str) -> None:
    if mode not in _MODES:
        raise NotImplementedError(f"{name}: mode must be one of {sorted(_MODES)}, got {mode!r}")


def spline_filter1d(input: Any, order: int = 3, axis: int = -1, output: Any = None,
                    mode: str = "mirror") -> Any:
    """Find the coefficients of the B-splines that pass through the samples along an axis.

    input: [..., n, ...]. order: 0 to 5; below 2 the samples are the coefficients. axis: an integer.
    output: must be None. mode: that of `map_coordinates` -> [..., n, ...] floating or complex, by a
    product with a matrix [n, n]. Raises ValueError for another order, NotImplementedError for other
    modes.

    >>> ndimage.spline_filter1d(np.ones(4)).round(6)
    Array([1., 1., 1., 1.], dtype=float64)
    """
    import scipy.ndimage

    if output not in (None, np.float64):
        raise NotImplementedError("spline_filter1d: there is no `output`; convert the result")
    if order not in range(6):
        raise ValueError(f"spline_filter1d: order must be from 0 to 5, got {order}")
    _check_mode("spline_filter1d", mode)
    x = jnp.asarray(input)
    x = x if kind_of(x) in "fc" else x.astype(float)
    n = x.shape[axis]
    if n < 2 or order < 2:
        return x
    matrix = scipy.ndimage.spline_filter1d(np.eye(n), order, 0, mode=mode)
    moved = jnp.moveaxis(x, axis, -1) @ jnp.asarray(matrix.T, x.dtype)
    return jnp.moveaxis(moved, -1, axis)


def spline_filter(input: Any, order: int = 3, output: Any = None, mode: str = "mirror") -> Any:
    """Find the coefficients of the B-splines that pass through samples, along every axis.

    input, order, output, mode, errors: those of `spline_filter1d` -> [...] floating or complex.

    >>> ndimage.spline_filter(np.ones((2, 3))).round(6)[0]
    Array([1., 1., 1.], dtype=float64)
    """
    out = jnp.asarray(input)
    for axis in range(out.ndim):
        out = spline_filter1d(out, order, axis, output, mode)
    return out


def _coefficients(x: Any, places: list[Any], order: int, mode: str, outside: Any
                  ) -> tuple[Any, list[Any], str]:
    """Coefficients, and the places in them, for indices of which mode."""
    places = [c if kind_of(c) in "fc" else c.astype(float) for c in places]
    if mode in ("nearest", "grid-constant"):
        given = {"mode": "edge"} if mode == "nearest" else {"constant_values": outside}
        x = jnp.pad(x, _PAD, **given)
        places = [c + _PAD for c in places]
    if mode == "wrap":
        places = [_wrap(c, n) for c, n in zip(places, x.shape, strict=True)]
    if mode == "nearest":
        places = [jnp.clip(c, 0, n - 1) for c, n in zip(places, x.shape, strict=True)]
    spline = {"constant": "mirror", "wrap": "mirror", "nearest": "reflect"}.get(mode, mode)
    return spline_filter(x, order, mode=mode), places, spline


def _neighbors(x: Any, order: int) -> list[tuple[Any, Any]]:
    """Places of samples beside a coordinate, each with its weight."""
    if order > 1:
        return _spline_neighbors(x, order)
    if order == 0 or kind_of(x) in "iu":
        nearest = _round(x) if config.match_jax or kind_of(x) in "iu" else jnp.floor(x + 0.5)
        return [(nearest.astype("int32"), 1)]
    low = jnp.floor(x)
    weight = x - low
    return [(low.astype("int32"), 1 - weight), (low.astype("int32") + 1, weight)]


def _weigh(value: Any, weights: list[Any]) -> Any:
    """A sample times its weights, where one that is not finite counts for nothing at weight 0."""
    weight = functools.reduce(operator.mul, weights, 1)
    if kind_of(value) not in "fc" or isinstance(weight, int):
        return value * weight
    return jnp.where((weight == 0) & ~jnp.isfinite(value), 0, value) * weight


def _interpolate(x: Any, places: Sequence[Any], order: int, index_mode: str, outside: Any) -> Any:
    """The weighted sums of the samples next to places; those beyond the ends are `outside`, or for
    None as the mode of indices has it."""
    total = []
    for combined in itertools.product(*(_neighbors(c, order) for c in places)):
        indices = [_MODES[index_mode](i, n) for (i, _), n in zip(combined, x.shape, strict=True)]
        value = x[tuple(indices)]
        if outside is not None:
            inside = [(0 <= i) & (i < n) for i, n in zip(indices, x.shape, strict=True)]
            value = jnp.where(functools.reduce(operator.and_, inside, True), value, outside)
        total.append(_weigh(value, [w for _, w in combined]))
    return functools.reduce(operator.add, total)


def _jax_coordinates(x: Any, places: Sequence[Any], order: int, mode: str, outside: Any) -> Any:
    """The nearest samples, or those around places, as JAX has them beyond the ends."""
    constant = mode in ("constant", "grid-constant")
    result = _interpolate(x, places, order, "grid-constant" if constant else mode,
                          outside if constant else None)
    return (_round(result) if kind_of(x) in "iu" else result).astype(x.dtype)


@trace_cached
def map_coordinates(input: Any, coordinates: Sequence[Any], order: int, mode: str = "constant",
                    cval: Any = 0.0) -> Any:
    """Values of an array at coordinates: the nearest sample, or splines of an order in each axis.

    input: [...]; coordinates: an array for each axis, all of one shape; order: 0 to 5; mode: what
    is outside, 'constant' (cval beyond the first and the last sample), 'grid-constant' (samples
    cval), 'nearest', 'wrap' (of period n - 1), 'grid-wrap' (n), 'mirror', 'reflect' or
    'grid-mirror', as in scipy.ndimage; under the flag match_jax 'constant' and 'wrap' are those of
    grids below order 2. -> that shape, in the dtype of input.
    Raises ValueError for another number of coordinates, NotImplementedError for another order or
    mode.

    >>> ndimage.map_coordinates(np.array([0.0, 10.0]), [np.array([0.25, 2.0])], 1)
    Array([2.5, 0. ], dtype=float64)
    """
    x, places = jnp.asarray(input), [jnp.asarray(c) for c in coordinates]
    if len(places) != x.ndim:
        raise ValueError(f"map_coordinates: one array of coordinates is needed for each axis of"
                         f" {x.aval}, got {len(places)}")
    if order not in range(6):
        raise NotImplementedError(f"map_coordinates: order must be from 0 to 5, got {order}")
    _check_mode("map_coordinates", mode)
    outside = jnp.asarray(cval, x.dtype)
    places = list(jnp.broadcast_arrays(*places))
    beyond = [(c < 0) | (c > n - 1) for c, n in zip(places, x.shape, strict=True)]
    dtype, integral, index_mode = x.dtype, kind_of(x) in "iu", mode
    if order > 1:
        x, places, index_mode = _coefficients(x, places, order, mode, outside)
    elif config.match_jax:  # all samples are moved or replaced, none of the places
        return _jax_coordinates(x, places, order, mode, outside)
    elif mode == "wrap":
        places = [_wrap(c, n) for c, n in zip(places, x.shape, strict=True)]
    elif order == 0:  # the place is moved inside before it is rounded
        inside = _mirrored if mode == "mirror" else _MODES[mode]
        places = [inside(c, n) for c, n in zip(places, x.shape, strict=True)]
    result = _interpolate(x, places, order, index_mode,
                          outside if mode == "grid-constant" else None)
    if mode == "constant":
        result = jnp.where(functools.reduce(operator.or_, beyond, False), outside, result)
    return (_round(result) if integral else result).astype(dtype)


__all__ = ["map_coordinates", "spline_filter", "spline_filter1d"]

_hide_frames_of(__name__)
