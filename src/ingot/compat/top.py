"""Names of the module `jax` itself that ingot has elsewhere, or has no need of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ingot.api.devices import CPU, device_put
from ingot.api.make_jaxpr import ensure_compile_time_eval
from ingot.api.pmap import pmap
from ingot.compat import attributes as attributes, shown as shown  # hang JAX's on our types
from ingot.compat.environment import print_environment_info
from ingot.compat.flags import config, context as option
from ingot.compat.version import __version__, __version_info__
from ingot.config import context
from ingot.core.array import Array
from ingot.sharding import (
    NamedSharding,
    PartitionSpec as P,
    make_mesh,
    reshard,
    set_mesh,
    shard_map,
)

default_device = option("jax_default_device")
transfer_guard = option("jax_transfer_guard")
transfer_guard_device_to_device = option("jax_transfer_guard_device_to_device")
transfer_guard_device_to_host = option("jax_transfer_guard_device_to_host")
transfer_guard_host_to_device = option("jax_transfer_guard_host_to_device")
thread_guard = option("jax_thread_guard")
array_garbage_collection_guard = option("jax_array_garbage_collection_guard")
debug_key_reuse = option("jax_debug_key_reuse")
legacy_prng_key = option("jax_legacy_prng_key")
softmax_custom_jvp = option("jax_softmax_custom_jvp")
jax_debug_infs = context("debug_infs")


class Ref:
    """Mutable arrays; there are none, so nothing is an instance."""


class Shard:
    """The part of an array that a device holds: all of it."""

    def __init__(self, data: Array):
        self.data, self.device, self.replica_id = data, CPU, 0
        self.index = tuple(slice(None) for _ in data.shape)


def make_array_from_callback(shape: Any, sharding: Any, data_callback: Callable[..., Any],
                             **_: Any) -> Array:
    """The array whose parts a function gives for an index: one part, the whole."""
    return device_put(data_callback(tuple(slice(0, n) for n in shape)))


def make_array_from_process_local_data(sharding: Any, local_data: Any, global_shape: Any = None
                                       ) -> Array:
    """The array whose parts the processes have: one part, the whole."""
    return device_put(local_data)


def make_array_from_single_device_arrays(shape: Any, sharding: Any, arrays: Any, **_: Any) -> Array:
    """The array whose parts the devices have: one part, the whole."""
    (only,) = arrays
    return only


__all__ = ["NamedSharding", "P", "Ref", "Shard", "__version__", "__version_info__", "config",
           "default_device", "ensure_compile_time_eval", "make_mesh", "pmap",
           "print_environment_info", "reshard", "set_mesh",
           "shard_map"]
