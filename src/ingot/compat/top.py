"""Names of the module `jax` itself that ingot has elsewhere, or has no need of."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot import dtypes, numpy as jnp
from ingot.api.devices import device_put
from ingot.api.make_jaxpr import ensure_compile_time_eval
from ingot.api.pmap import pmap
from ingot.compat import (  # hang JAX's attributes on our types
    attributes as attributes,
    op_shardings as op_shardings,
    shown as shown,
)
from ingot.compat.environment import print_environment_info
from ingot.compat.flags import config, context as option
from ingot.compat.version import __version__, __version_info__
from ingot.config import context
from ingot.core.mesh import Mesh
from ingot.core.sharding import NamedSharding
from ingot.core.specs import PartitionSpec
from ingot.core.transfers import transfer_guard as transfer_guard
from ingot.tree import tree_map

default_device = option("jax_default_device")
transfer_guard_device_to_device = option("jax_transfer_guard_device_to_device")
transfer_guard_device_to_host = option("jax_transfer_guard_device_to_host")
transfer_guard_host_to_device = option("jax_transfer_guard_host_to_device")
thread_guard = option("jax_thread_guard")
array_garbage_collection_guard = option("jax_array_garbage_collection_guard")
debug_key_reuse = option("jax_debug_key_reuse")
legacy_prng_key = option("jax_legacy_prng_key")
softmax_custom_jvp = option("jax_softmax_custom_jvp")
jax_debug_infs = context("debug_infs")


def _over(devices: Any) -> NamedSharding:
    """A leading axis with an entry for each device."""
    return NamedSharding(Mesh(np.array(devices, dtype=object), ("_devices",)),
                         PartitionSpec("_devices"))


def _stacked(xs: Any) -> Any:
    """Arrays along a new leading axis, on the host, where keys have no form."""
    keys = dtypes.is_key_dtype(getattr(xs[0], "dtype", None))
    return jnp.stack(xs) if keys else np.stack(xs)


def device_put_sharded(shards: Any, devices: Any) -> Any:
    """Stack pytrees along a new leading axis, whose entries lie on these devices.

    shards: a pytree for each device; devices: a list -> a pytree of arrays. Raises ValueError
    unless there are as many.

    >>> from ingot.compat.top import device_put_sharded
    >>> device_put_sharded([np.zeros(2), np.ones(2)], ingot.devices()[:2]).shape
    (2, 2)
    """
    if len(shards) != len(devices):
        raise ValueError(f"device_put_sharded: expected a shard for each of {len(devices)} devices,"
                         f" got {len(shards)}")
    return device_put(tree_map(lambda *xs: _stacked(xs), *shards), _over(devices))


def device_put_replicated(x: Any, devices: Any) -> Any:
    """Repeat a pytree along a new leading axis, whose entries lie on these devices.

    x: a pytree of arrays; devices: a list -> a pytree of arrays.

    >>> from ingot.compat.top import device_put_replicated
    >>> device_put_replicated(np.ones(3), ingot.devices()[:2]).shape
    (2, 3)
    """
    return device_put(tree_map(lambda leaf: _stacked([leaf] * len(devices)), x), _over(devices))


__all__ = ["__version__", "__version_info__", "config", "default_device",
           "device_put_replicated", "device_put_sharded",
           "ensure_compile_time_eval", "pmap", "print_environment_info", "transfer_guard"]
