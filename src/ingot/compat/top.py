"""Names of the module `jax` itself that ingot has elsewhere, or has no need of."""

from __future__ import annotations

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


__all__ = ["Ref", "__version__", "__version_info__", "config", "default_device",
           "ensure_compile_time_eval", "pmap", "print_environment_info"]
