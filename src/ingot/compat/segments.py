"""`jax.ops`: sums, products and extrema of segments."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import ingot.numpy as jnp
from ingot import dtypes


def _segment(name: str, update: str, start: Callable[[Any], Any]) -> Callable[..., Any]:
    def segment(data: Any, segment_ids: Any, num_segments: int | None = None,
                indices_are_sorted: bool = False, unique_indices: bool = False,
                bucket_size: int | None = None, mode: Any = None) -> Any:
        data, ids = jnp.asarray(data), jnp.asarray(segment_ids)
        if num_segments is None:
            num_segments = int(jnp.max(ids)) + 1 if ids.size else 0
        num_segments = operator.index(num_segments)
        if num_segments < 0:
            raise ValueError(f"{name}: num_segments must not be negative, got {num_segments}")
        shape = (num_segments, *data.shape[ids.ndim:])
        out = jnp.full(shape, start(data.dtype), data.dtype)
        # Negative ids belong to no segment: they are moved where they are dropped.
        ids = jnp.where(ids < 0, num_segments, ids)
        return getattr(out.at[ids], update)(data, mode=mode or "drop",
                                            indices_are_sorted=indices_are_sorted,
                                            unique_indices=unique_indices)

    segment.__name__ = segment.__qualname__ = name
    segment.__doc__ = (f"For each segment, the {update} of the elements of `data` whose id it is;"
                       " ids outside of it are left out.")
    return segment


def _lowest(dtype: Any) -> Any:
    if dtypes.issubdtype(dtype, jnp.floating):
        return -jnp.inf
    return False if dtype == jnp.bool_ else jnp.iinfo(dtype).min


def _highest(dtype: Any) -> Any:
    if dtypes.issubdtype(dtype, jnp.floating):
        return jnp.inf
    return True if dtype == jnp.bool_ else jnp.iinfo(dtype).max


segment_sum = _segment("segment_sum", "add", lambda dtype: 0)
segment_prod = _segment("segment_prod", "multiply", lambda dtype: 1)
segment_max = _segment("segment_max", "max", _lowest)
segment_min = _segment("segment_min", "min", _highest)
