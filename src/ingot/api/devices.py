"""Devices: names for the one CPU, and what concerns where arrays live and when they are ready."""

from __future__ import annotations

import gc
import os
import platform as _platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingot.config import config
from ingot.core.array import Array
from ingot.core.interpreter import Tracer, to_array
from ingot.dtypes import KeyDType
from ingot.tree import broadcast_prefix, tree_map
from ingot.util import renamed


class Device:
    """A name for the CPU, where all arrays live.

    It has several, numbered from 0, so that programs can divide their work by devices; they share
    the same memory and threads. `num_cpu_devices` says how many.
    """

    platform = "cpu"
    device_kind = "cpu"
    process_index = host_id = task_id = 0

    def __init__(self, number: int = 0):
        self.id = self.local_hardware_id = number

    @property
    def client(self) -> Device:
        """What runs programs on the device: itself."""
        return self

    @property
    def platform_version(self) -> str:
        """The machine's architecture."""
        return f"ingot on {_platform.machine()}"

    def memory_stats(self) -> dict[str, int] | None:
        """Nothing is known of the memory's use."""
        return None

    def live_buffers(self) -> list[Array]:
        """The arrays in memory."""
        return live_arrays()

    def __repr__(self) -> str:
        return f"CpuDevice(id={self.id})"

    def __str__(self) -> str:
        return f"cpu:{self.id}"


CPU = Device()
_all = [CPU]


def _count() -> int:
    """How many devices were asked for, by our flag or as XLA is asked, or else the greatest power
    of two up to the number of cores, since that divides most sizes, and at least four, so that
    programs which run a Markov chain on each device need not ask."""
    if config.num_cpu_devices >= 1:
        return config.num_cpu_devices
    found = re.search(r"--xla_force_host_platform_device_count=(\d+)",
                      os.environ.get("XLA_FLAGS", ""))
    return _DEFAULT if found is None else max(int(found[1]), 1)


_DEFAULT = max(4, 1 << (os.cpu_count() or 1).bit_length() - 1)


@dataclass(frozen=True)
class SingleDeviceSharding:
    """The whole array is on one device."""

    device: Device = CPU
    memory_kind: str = "device"

    @property
    def device_set(self) -> set[Device]:
        """The devices that hold a part: one."""
        return {self.device}

    @property
    def is_fully_addressable(self) -> bool:
        """Whether this process sees the whole array: yes."""
        return True

    is_fully_replicated = is_fully_addressable

    def shard_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the part on a device: the whole."""
        return tuple(shape)

    def is_equivalent_to(self, other: Any, ndim: int) -> bool:
        """Whether another sharding puts the array on the same device."""
        return getattr(other, "device_set", None) == self.device_set

    def __repr__(self) -> str:
        return f"SingleDeviceSharding(device={self.device!r}, memory_kind={self.memory_kind})"


def _check_platform(name: str, platform: Any) -> None:
    if platform not in (None, "cpu") and not isinstance(platform, Device):
        raise RuntimeError(f"{name}: Unknown backend {platform!r}: there is 'cpu' alone; leave"
                           " it out")


def devices(backend: Any = None) -> list[Device]:
    """The devices: names of the one CPU, as many as the flag `num_cpu_devices` says.

    By default there are as many as cores, rounded down to a power of two, and at least four.
    Raises RuntimeError for other platforms.

    >>> ingot.devices()[:2]
    [CpuDevice(id=0), CpuDevice(id=1)]
    """
    _check_platform("devices", backend)
    _all.extend(Device(i) for i in range(len(_all), _count()))
    return _all[: _count()]


def local_devices(process_index: int | None = None, backend: Any = None, host_id: Any = None
                  ) -> list[Device]:
    """The devices of this process.

    >>> ingot.local_devices()[0]
    CpuDevice(id=0)
    """
    if process_index not in (None, 0) or host_id not in (None, 0):
        raise ValueError(f"local_devices: the only process is 0, got {process_index or host_id}")
    return devices(backend)


def device_count(backend: Any = None) -> int:
    """How many devices there are.

    >>> ingot.device_count() == len(ingot.devices())
    True
    """
    return len(devices(backend))


def local_device_count(backend: Any = None) -> int:
    """How many devices this process has: all of them.

    >>> ingot.local_device_count() >= 4
    True
    """
    return device_count(backend)


def process_index(backend: Any = None) -> int:
    """The number of this process among all: 0.

    >>> ingot.process_index()
    0
    """
    return 0


def process_count(backend: Any = None) -> int:
    """How many processes there are: 1.

    >>> ingot.process_count()
    1
    """
    return 1


def process_indices(backend: Any = None) -> list[int]:
    """The numbers of all processes.

    >>> ingot.process_indices()
    [0]
    """
    return [0]


host_id, host_count = renamed(process_index, "host_id"), renamed(process_count, "host_count")
host_ids = renamed(process_indices, "host_ids")


def default_backend() -> str:
    """The platform on which programs run.

    >>> ingot.default_backend()
    'cpu'
    """
    return "cpu"


def device_put(x: Any, device: Any = None, *, src: Any = None, donate: Any = False,
               may_alias: bool | None = None) -> Any:
    """The same pytree with its leaves as arrays on the device.

    x: arrays, NumPy arrays or numbers -> arrays. There is one device, so that nothing moves.
    Raises TypeError for leaves that are no arrays.

    >>> ingot.device_put(1.5)
    Array(1.5, dtype=float64, weak_type=True)
    """
    if isinstance(device, (list, tuple, dict)):
        broadcast_prefix(device, x, is_leaf=lambda d: d is None)  # raises where it is none
    return tree_map(to_array, x)


def device_get(x: Any) -> Any:
    """The same pytree with NumPy arrays in place of arrays; they are read-only views.

    Other leaves stay as they are: Python's numbers, PRNG keys, traced values.

    >>> ingot.device_get(ingot.device_put(1.5))
    array(1.5)
    """
    return tree_map(_to_numpy, x)


def _to_numpy(x: Any) -> Any:
    if isinstance(x, Tracer) or isinstance(getattr(x, "dtype", None), KeyDType):
        return x
    return np.asarray(x) if hasattr(type(x), "__array__") else x


def block_until_ready(x: Any) -> Any:
    """The pytree itself; computations are complete when they return.

    >>> ingot.block_until_ready(1.5)
    1.5
    """
    return x


def effects_barrier() -> None:
    """Wait for callbacks under way; they are complete when the program that calls them returns.

    >>> ingot.effects_barrier()
    """


def copy_to_host_async(x: Any) -> Any:
    """The pytree itself; arrays are in the host's memory.

    >>> ingot.copy_to_host_async(1.5)
    1.5
    """
    return x


def live_arrays(platform: str | None = None) -> list[Array]:
    """All arrays in memory. Searches the whole heap, which takes its time.

    >>> isinstance(ingot.live_arrays(), list)
    True
    """
    _check_platform("live_arrays", platform)
    return [x for x in gc.get_objects() if type(x) is Array]


def check_devices(transform: str, wanted: Sequence[Any] | None) -> None:
    """Raise ValueError unless all devices are names of the CPU."""
    for device in wanted or ():
        if not isinstance(device, Device):
            raise ValueError(f"{transform}: the only device is {CPU!r}, got {device!r}")
