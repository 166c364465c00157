"""Plugins of accelerators: found by their wheels and loaded by path, with a device or without."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
from pathlib import Path
from typing import Any

from ingot.backends.xla.client import INSTALL, jaxlib
from ingot.backends.xla.processes import plugin_options
from ingot.core.processes import PROCESSES

CUDA_WHEELS = {"jax-cuda13-pjrt": "jax_cuda13_plugin", "jax-cuda12-pjrt": "jax_cuda12_plugin"}
"""The wheel that holds the plugin, and the package of its custom calls. Nothing of the wheels'
package `jax_plugins` is imported, for it imports jax."""

H100 = """
gpu_device_info {
  threads_per_block_limit: 1024 threads_per_warp: 32 threads_per_core_limit: 2048
  shared_memory_per_block: 49152 shared_memory_per_core: 233472
  shared_memory_per_block_optin: 232448 registers_per_core_limit: 65536
  registers_per_block_limit: 65536 core_count: 132 fpus_per_core: 128
  block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
  memory_bandwidth: 3352320000000 l2_cache_size: 52428800 clock_rate_ghz: 1.98
  device_memory_size: 84929347584 cuda_compute_capability { major: 9 } }
platform_name: "CUDA" dnn_version_info { major: 9 minor: 12 } runtime_version { major: 13 }
device_description_str: "NVIDIA H100 80GB HBM3"
"""
"""What XLA wants to know of a GPU that is not there, as NVIDIA's data sheet has it."""


def _cuda_plugin() -> tuple[str, str] | None:
    """The path of the plugin, and the package of its custom calls."""
    for wheel, package in CUDA_WHEELS.items():
        try:
            found = importlib.metadata.distribution(wheel)
        except importlib.metadata.PackageNotFoundError:
            continue
        for file in found.files or ():
            if file.name == "xla_cuda_plugin.so":
                return str(found.locate_file(file)), package
    return None


def _tpu_plugin() -> tuple[str, str] | None:
    spec = importlib.util.find_spec("libtpu")
    if spec is None or spec.origin is None:
        return None
    return str(Path(spec.origin).with_name("libtpu.so")), ""


FINDERS = {"cuda": _cuda_plugin, "tpu": _tpu_plugin}


def installed(platform: str) -> bool:
    """Return whether the plugin of a platform is installed."""
    return FINDERS[platform]() is not None


@functools.cache
def loaded(platform: str) -> Any:
    """Return the interface of a platform's plugin, loaded once.

    Raises ImportError if it is not installed; the message says which command installs it.
    """
    xc, found = jaxlib(), FINDERS[platform]()
    if found is None:
        raise ImportError(f"the plugin for {platform} is not installed; install it with:"
                          f" {INSTALL[platform]}")
    api = xc.load_pjrt_plugin_dynamically(platform, found[0])
    xc.initialize_pjrt_plugin(platform)
    if platform == "cuda":
        _register_custom_calls(xc, api, importlib.import_module(
            f"{found[1]}.cuda_plugin_extension"))
    return api


def _register_custom_calls(xc: Any, api: Any, extension: Any) -> None:
    """Let programs on GPUs call what the plugin's wheel brings, as Python functions of the host."""
    xc.register_custom_type_handler("CUDA", functools.partial(extension.register_custom_type, api))
    xc.register_custom_call_handler(
        "CUDA", functools.partial(extension.register_custom_call_target, api))
    for name, value in extension.ffi_types().items():
        xc.register_custom_type(name, value, platform="CUDA")
    for name, value in extension.ffi_handlers().items():
        xc.register_custom_call_target(name, value, platform="CUDA", api_version=1)


def client(platform: str) -> Any:
    """Return a client for the devices of a platform; RuntimeError if none is visible."""
    loaded(platform)
    xc = jaxlib()
    options = xc.generate_pjrt_gpu_plugin_options() if platform == "cuda" else {}
    return xc.make_c_api_client(platform, {**options, **plugin_options()}, PROCESSES.client)


def absent_devices(platform: str) -> list[Any]:
    """Return devices that programs can be compiled for though they are not there: four H100 in one
    machine, or a TPU v5e of 2 x 2 chips."""
    api, xc = loaded(platform), jaxlib()
    if platform == "cuda":
        topology = xc.make_c_api_device_topology(api, "", topology="1x1x4", target_config=H100)
    else:
        topology = xc.make_tfrt_tpu_c_api_device_topology("v5e:2x2")
    return topology._make_compile_only_devices()
