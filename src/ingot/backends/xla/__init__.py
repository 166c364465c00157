"""The XLA back end, through jaxlib alone: CPUs, GPUs and TPUs. Nothing is loaded until it is used.

An accelerator is the default where a device and its plugin are found, as in JAX.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from ingot.core.backend import prefer, register_later
from ingot.core.processes import PROCESSES

ACCELERATORS = {
    "cuda": (("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg"),
             ("jax_cuda13_plugin", "jax_cuda12_plugin")),
    "tpu": (("/dev/accel0", "/dev/vfio/0"), ("libtpu",)),
}
"""Files that exist where there is such a device, and packages of which one is its plugin."""


def found_accelerator() -> str | None:
    """Return the name of the back end of an accelerator that is here with its plugin, if any."""
    for name, (files, packages) in ACCELERATORS.items():
        if any(Path(f).exists() for f in files) and any(
                importlib.util.find_spec(p) is not None for p in packages):
            return name
    return None


for _name in ("xla", "cuda", "tpu"):
    register_later(_name, f"{__name__}.backend")
PROCESSES.module = f"{__name__}.processes"
if (_found := found_accelerator()) is not None:
    prefer(_found)
