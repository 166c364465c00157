"""Parts of programs that are computed elsewhere than on the device: compute_on."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ingot.api.devices import device_put
from ingot.api.jit import jit
from ingot.core.devices import Space
from ingot.core.tracebacks import api_boundary, hide_frames_of as _hide_frames_of
from ingot.tree import tree_leaves
from ingot.util import wraps

TYPES = ("device_host", "device", "tpu_sparsecore")
STREAM = "gpu_stream:"


def compute_on(f: Callable[..., Any] | None = None, *, compute_type: str, out_memory_spaces: Any,
               compiler_options: dict[str, Any] | None = None) -> Any:
    """Make a function a part of its program by itself, which a compiler may compute elsewhere.

    f: of pytrees of arrays; without it, a decorator. compute_type: "device_host", "device",
    "tpu_sparsecore" or "gpu_stream:" with a number, a hint that nothing follows here yet.
    out_memory_spaces: a `memory.Space` for each result, as a prefix of their tree.
    compiler_options: without effect -> a function of the same values. Raises ValueError for other
    types and spaces.

    >>> from ingot.experimental.compute_on import compute_on
    >>> compute_on(jnp.sin, compute_type="device_host",
    ...            out_memory_spaces=ingot.memory.Space.Device)(0.0)
    Array(0., dtype=float64, weak_type=True)
    """
    if f is None:
        return functools.partial(compute_on, compute_type=compute_type,
                                 out_memory_spaces=out_memory_spaces,
                                 compiler_options=compiler_options)
    if compute_type not in TYPES and not str(compute_type).startswith(STREAM):
        raise ValueError(f"compute_on: Invalid compute type {compute_type!r}; it is one of"
                         f" {', '.join(map(repr, TYPES))} and '{STREAM}#'")
    for space in tree_leaves(out_memory_spaces):
        if not isinstance(space, Space):
            raise ValueError(f"compute_on: out_memory_spaces are of memory.Space, got {space!r}")
    part = jit(f)

    @api_boundary
    @wraps(f)
    def computed(*args: Any, **kwargs: Any) -> Any:
        return device_put(part(*args, **kwargs), out_memory_spaces)

    return computed


__all__ = ["compute_on"]

_hide_frames_of(__name__)
