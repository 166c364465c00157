"""Values of arrays at places between their elements."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import ingot.numpy as jnp
from ingot.numpy.families import kind_of


def _mirror(index: Any, size: int) -> Any:
    last = max(size - 1, 1)
    return abs((index + last) % (2 * last) - last) if size > 1 else index * 0


_MODES: dict[str, Callable[[Any, int], Any]] = {
    "constant": lambda index, size: index,
    "nearest": lambda index, size: jnp.clip(index, 0, size - 1),
    "wrap": lambda index, size: index % size,
    "mirror": _mirror,
    "reflect": lambda index, size: (_mirror(2 * index + 1, 2 * size + 1) - 1) // 2}


def _rounded(x: Any) -> Any:
    """To the nearest integer, halves away from zero."""
    return x if kind_of(x) in "iu" else jnp.sign(x) * jnp.floor(jnp.abs(x) + 0.5)


def _neighbors(x: Any, order: int) -> list[tuple[Any, Any]]:
    """Places of samples beside a coordinate, each with its weight."""
    if order == 0 or kind_of(x) in "iu":
        return [(_rounded(x).astype("int32"), 1)]
    low = jnp.floor(x)
    weight = x - low
    return [(low.astype("int32"), 1 - weight), (low.astype("int32") + 1, weight)]


def map_coordinates(input: Any, coordinates: Sequence[Any], order: int, mode: str = "constant",
                    cval: Any = 0.0) -> Any:
    """Values of an array at coordinates, from the nearest sample or linear in each axis.

    input: [...]; coordinates: an array for each axis, all of one shape; order: 0 or 1; mode:
    outside, 'constant' (which gives cval), 'nearest', 'wrap', 'mirror' or 'reflect'. -> that shape,
    in the dtype of input. Raises ValueError for another number of coordinates,
    NotImplementedError for another order or mode.

    >>> map_coordinates(np.array([0.0, 10.0]), [np.array([0.25, 2.0])], 1)
    Array([2.5, 0. ], dtype=float64)
    """
    x = jnp.asarray(input)
    places = [jnp.asarray(c) for c in coordinates]
    if len(places) != x.ndim:
        raise ValueError(f"map_coordinates: one array of coordinates is needed for each axis of"
                         f" {x.aval}, got {len(places)}")
    if order not in (0, 1):
        raise NotImplementedError(f"map_coordinates: order must be 0 or 1, got {order}")
    if mode not in _MODES:
        raise NotImplementedError(f"map_coordinates: mode must be one of {sorted(_MODES)}, got"
                                  f" {mode!r}")
    outside = jnp.asarray(cval, x.dtype)
    total = []
    for combined in itertools.product(*(_neighbors(c, order) for c in places)):
        indices = [_MODES[mode](i, n) for (i, _), n in zip(combined, x.shape, strict=True)]
        value = x[tuple(indices)]
        if mode == "constant":
            inside = [(0 <= i) & (i < n) for i, n in zip(indices, x.shape, strict=True)]
            value = jnp.where(functools.reduce(operator.and_, inside, True), value, outside)
        total.append(functools.reduce(operator.mul, (w for _, w in combined), value))
    result = functools.reduce(operator.add, total)
    return (_rounded(result) if kind_of(x) in "iu" else result).astype(x.dtype)


__all__ = ["map_coordinates"]
