"""Sums, products and extrema of segments: the functions of `jax.ops`."""

from __future__ import annotations

import operator
from functools import partial
from typing import Any

import ingot.numpy as jnp
from ingot import dtypes
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.primitives.out_sharding import takes_out_sharding

__all__ = ["segment_max", "segment_min", "segment_prod", "segment_sum"]


@partial(takes_out_sharding, fill=lambda dtype: 0)
def segment_sum(data: Any, segment_ids: Any, num_segments: int | None = None,
                indices_are_sorted: bool = False, unique_indices: bool = False,
                bucket_size: int | None = None, mode: Any = None, *,
                out_sharding: Any = None) -> Any:
    """Sum the elements of each segment; a segment without elements has the sum 0.

    data: [*ids, ...] of any numeric dtype. segment_ids: [*ids] integers, the segment of each
    element of `data`; elements with an id below 0 or not below `num_segments` are left out.
    num_segments: the number of segments, max(segment_ids) + 1 by default, which must then be known.
    indices_are_sorted, unique_indices: promises about `segment_ids`. bucket_size: accepted as JAX
    does; sums keep their digits without it. mode: as for `x.at[...].add`, "drop" by default.
    out_sharding: how Explicit axes divide the result -> [num_segments, ...] of the dtype of `data`.
    Raises ValueError if `num_segments` is negative.

    >>> ingot.ops.segment_sum(np.array([1.0, 2.0, 4.0]), np.array([0, 2, 0]))
    Array([5., 0., 2.], dtype=float64)
    """
    return _segments("segment_sum", "add", 0, data, segment_ids, num_segments,
                     indices_are_sorted, unique_indices, mode)


@partial(takes_out_sharding, sums=False)
def segment_prod(data: Any, segment_ids: Any, num_segments: int | None = None,
                 indices_are_sorted: bool = False, unique_indices: bool = False,
                 bucket_size: int | None = None, mode: Any = None, *,
                 out_sharding: Any = None) -> Any:
    """Multiply the elements of each segment; a segment without elements has the product 1.

    Arguments, result and errors are those of `segment_sum`.

    >>> ingot.ops.segment_prod(np.array([3.0, 2.0, 4.0]), np.array([0, 2, 0]))
    Array([12.,  1.,  2.], dtype=float64)
    """
    return _segments("segment_prod", "multiply", 1, data, segment_ids, num_segments,
                     indices_are_sorted, unique_indices, mode)


@partial(takes_out_sharding, sums=False)
def segment_max(data: Any, segment_ids: Any, num_segments: int | None = None,
                indices_are_sorted: bool = False, unique_indices: bool = False,
                bucket_size: int | None = None, mode: Any = None, *,
                out_sharding: Any = None) -> Any:
    """Return the largest element of each segment; one without elements has the lowest value.

    Arguments, result and errors are those of `segment_sum`.

    >>> ingot.ops.segment_max(np.array([3.0, 2.0, 4.0]), np.array([0, 2, 0]))
    Array([  4., -inf,   2.], dtype=float64)
    """
    dtype = jnp.asarray(data).dtype
    return _segments("segment_max", "max", _limit(dtype, -jnp.inf, "min"), data, segment_ids,
                     num_segments, indices_are_sorted, unique_indices, mode)


@partial(takes_out_sharding, sums=False)
def segment_min(data: Any, segment_ids: Any, num_segments: int | None = None,
                indices_are_sorted: bool = False, unique_indices: bool = False,
                bucket_size: int | None = None, mode: Any = None, *,
                out_sharding: Any = None) -> Any:
    """Return the least element of each segment; one without elements has the highest value.

    Arguments, result and errors are those of `segment_sum`.

    >>> ingot.ops.segment_min(np.array([3.0, 2.0, 4.0]), np.array([0, 2, 0]))
    Array([ 3., inf,  2.], dtype=float64)
    """
    dtype = jnp.asarray(data).dtype
    return _segments("segment_min", "min", _limit(dtype, jnp.inf, "max"), data, segment_ids,
                     num_segments, indices_are_sorted, unique_indices, mode)


def _segments(name: str, update: str, initial: Any, data: Any, segment_ids: Any,
              num_segments: int | None, indices_are_sorted: bool, unique_indices: bool,
              mode: Any) -> Any:
    data, ids = jnp.asarray(data), jnp.asarray(segment_ids)
    if num_segments is None:
        num_segments = int(jnp.max(ids)) + 1 if ids.size else 0
    num_segments = operator.index(num_segments)
    if num_segments < 0:
        raise ValueError(f"{name}: num_segments must not be negative, got {num_segments}")
    out = jnp.full((num_segments, *data.shape[ids.ndim:]), initial, data.dtype)
    # Negative ids belong to no segment: they are moved where they are dropped.
    ids = jnp.where(ids < 0, num_segments, ids)
    return getattr(out.at[ids], update)(data, mode=mode or "drop",
                                        indices_are_sorted=indices_are_sorted,
                                        unique_indices=unique_indices)


def _limit(dtype: Any, infinity: float, end: str) -> Any:
    """The lowest or the highest value of a dtype: what its `end`, min or max, is called."""
    if dtypes.issubdtype(dtype, jnp.floating):
        return infinity
    return end == "max" if dtype == jnp.bool_ else getattr(jnp.iinfo(dtype), end)

_hide_frames_of(__name__)
