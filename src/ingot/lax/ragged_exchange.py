"""Exchanges of rows among devices, where each pair of devices exchanges as many as it likes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot import dtypes, numpy as jnp
from ingot.core.axis_env import axis_size
from ingot.core.interpreter import to_array
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.primitives.collective import axis_index
from ingot.primitives.collective_gather import all_gather


def ragged_all_to_all(operand: Any, output: Any, input_offsets: Any, send_sizes: Any,
                      output_offsets: Any, recv_sizes: Any, *, axis_name: Any,
                      axis_index_groups: Any = None) -> Any:
    """Send slices of rows to the other devices of a mapped axis, whose lengths are values.

    operand: [n, ...]. output: [m, ...], in which what is received replaces rows. input_offsets,
    send_sizes, output_offsets, recv_sizes: integers, equally many for each device: where its slice
    begins in the operand, how many rows it has, where they go in its output, how many come from it.
    axis_name: the mapped axis; axis_index_groups: None -> [m, ...]. Each device gets all rows
    first. Raises ValueError for other types and lengths.

    >>> send = lambda x, n: lax.ragged_all_to_all(
    ...     x, jnp.zeros(4), n[0], n[1], n[2], n[3], axis_name="i")
    >>> n = np.array([[[0, 1], [1, 1], [0, 0], [1, 2]], [[0, 2], [2, 1], [1, 1], [1, 1]]])
    >>> ingot.vmap(send, axis_name="i")(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), n).tolist()
    [[1.0, 4.0, 5.0, 0.0], [2.0, 6.0, 0.0, 0.0]]
    """
    x, out = to_array(operand), to_array(output)
    count = axis_size(axis_name, "ragged_all_to_all")
    given = {"input_offsets": input_offsets, "send_sizes": send_sizes,
             "output_offsets": output_offsets, "recv_sizes": recv_sizes}
    tables = {name: to_array(table) for name, table in given.items()}
    _check(x, out, tables, count, axis_index_groups)
    if not x.size or not out.size:
        return out
    parts = jnp.stack([tables[n] for n in ("input_offsets", "send_sizes", "output_offsets")])
    ours = all_gather(parts, axis_name).reshape(count, 3, count, -1)
    begin, length, place = jnp.moveaxis(jnp.take(ours, axis_index(axis_name), 2), 1, 0)
    rows = jnp.arange(out.shape[0], dtype=begin.dtype)[:, None]
    inside = (rows >= place.ravel()) & (rows < (place + length).ravel())
    last = inside.shape[1] - 1 - jnp.argmax(inside[:, ::-1], axis=1)
    first = begin + x.shape[0] * jnp.arange(count, dtype=begin.dtype)[:, None] - place
    everything = all_gather(x, axis_name, tiled=True)
    source = jnp.clip(rows[:, 0] + first.ravel()[last], 0, everything.shape[0] - 1)
    received = inside.any(1).reshape(-1, *[1] * (out.ndim - 1))
    return jnp.where(received, everything[source], out)


def _check(x: Any, out: Any, tables: dict[str, Any], count: int, groups: Any) -> None:
    if groups is not None:
        raise NotImplementedError("ragged_all_to_all: axis_index_groups must be None, got"
                                  f" {groups}; use an axis of the mesh for each group")
    if x.dtype != out.dtype or not x.ndim or x.shape[1:] != out.shape[1:]:
        raise ValueError("ragged_all_to_all: the output must be of the operand's dtype, with rows"
                         f" of its shape, got {x.aval} and {out.aval}")
    for name, table in tables.items():
        if not dtypes.issubdtype(table.dtype, np.integer):
            raise ValueError(f"ragged_all_to_all {name} must be integer type, got {table.aval}")
        if table.ndim != 1 or not table.shape[0] or table.shape[0] % count:
            raise ValueError(f"ragged_all_to_all {name} must be a vector with as many entries for"
                             f" each of the {count} devices, got {table.aval}")


__all__ = ["ragged_all_to_all"]
_hide_frames_of(__name__)
