"""`jax.experimental.colocated_python`: devices' own CPUs, and functions that are not run there."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ingot.core.devices import Device
from ingot.sharding import Mesh

DeviceList = tuple[Device, ...]

def colocated_cpu_devices(devices: Any) -> Any:
    """The devices themselves, or the mesh, if they are CPUs; ValueError for others."""
    found = devices.devices.flat if isinstance(devices, Mesh) else devices
    if any(d.platform != "cpu" for d in found):
        raise ValueError("colocated_cpu_devices: the CPUs beside accelerators are devices of"
                         " another back end; use jax.devices('cpu')")
    return devices if isinstance(devices, Mesh) else tuple(devices)


def colocated_python(fun: Callable[..., Any]) -> Callable[..., Any]:
    """A function that cannot be called: Python runs in the process that calls it."""
    @functools.wraps(fun)
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(
            f"colocated_python of {fun.__name__}: functions of Python run in the process that calls"
            " them; call the function itself in each process")

    return refuse


__all__ = ["DeviceList", "colocated_cpu_devices", "colocated_python"]
