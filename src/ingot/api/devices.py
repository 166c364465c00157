"""Devices: the one CPU, and what concerns where arrays live and when they are ready."""

from __future__ import annotations

import gc
import platform as _platform
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingot.core.array import Array
from ingot.core.interpreter import to_array
from ingot.tree import tree_map


class Device:
    """A place where arrays live. There is one: the CPU."""

    platform = "cpu"
    device_kind = "cpu"
    id = 0
    process_index = host_id = task_id = local_hardware_id = 0

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
        return "CpuDevice(id=0)"

    def __str__(self) -> str:
        return "cpu:0"


CPU = Device()


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
    if platform not in (None, "cpu") and platform is not CPU:
        raise RuntimeError(f"{name}: the only platform is 'cpu', got {platform!r}; leave it out")


def devices(backend: Any = None) -> list[Device]:
    """The devices: one CPU. Raises RuntimeError for other platforms.

    >>> devices()
    [CpuDevice(id=0)]
    """
    _check_platform("devices", backend)
    return [CPU]


def local_devices(process_index: int | None = None, backend: Any = None, host_id: Any = None
                  ) -> list[Device]:
    """The devices of this process.

    >>> local_devices()
    [CpuDevice(id=0)]
    """
    if process_index not in (None, 0) or host_id not in (None, 0):
        raise ValueError(f"local_devices: the only process is 0, got {process_index or host_id}")
    return devices(backend)


def device_count(backend: Any = None) -> int:
    """How many devices there are.

    >>> device_count()
    1
    """
    return len(devices(backend))


def local_device_count(backend: Any = None) -> int:
    """How many devices this process has.

    >>> local_device_count()
    1
    """
    return len(devices(backend))


def process_index(backend: Any = None) -> int:
    """The number of this process among all: 0.

    >>> process_index()
    0
    """
    return 0


def process_count(backend: Any = None) -> int:
    """How many processes there are: 1.

    >>> process_count()
    1
    """
    return 1


def process_indices(backend: Any = None) -> list[int]:
    """The numbers of all processes.

    >>> process_indices()
    [0]
    """
    return [0]


host_id, host_count, host_ids = process_index, process_count, process_indices


def default_backend() -> str:
    """The platform on which programs run.

    >>> default_backend()
    'cpu'
    """
    return "cpu"


def device_put(x: Any, device: Any = None, *, src: Any = None, donate: Any = False,
               may_alias: bool | None = None) -> Any:
    """The same pytree with its leaves as arrays on the device.

    x: arrays, NumPy arrays or numbers -> arrays. There is one device, so that nothing moves.
    Raises TypeError for leaves that are no arrays.

    >>> device_put(1.5)
    Array(1.5, dtype=float64, weak_type=True)
    """
    return tree_map(to_array, x)


def device_get(x: Any) -> Any:
    """The same pytree with NumPy arrays in place of arrays; they are read-only views.

    Leaves that are no arrays, such as Python's numbers, stay as they are. Raises
    TracerArrayConversionError for traced values.

    >>> device_get(device_put(1.5))
    array(1.5)
    """
    return tree_map(_to_numpy, x)


def _to_numpy(x: Any) -> Any:
    return np.asarray(x) if hasattr(type(x), "__array__") else x


def block_until_ready(x: Any) -> Any:
    """The pytree itself; computations are complete when they return.

    >>> block_until_ready(1.5)
    1.5
    """
    return x


def effects_barrier() -> None:
    """Wait for callbacks under way; they are complete when the program that calls them returns.

    >>> effects_barrier()
    """


def copy_to_host_async(x: Any) -> Any:
    """The pytree itself; arrays are in the host's memory.

    >>> copy_to_host_async(1.5)
    1.5
    """
    return x


def live_arrays(platform: str | None = None) -> list[Array]:
    """All arrays in memory. Searches the whole heap, which takes its time.

    >>> isinstance(live_arrays(), list)
    True
    """
    _check_platform("live_arrays", platform)
    return [x for x in gc.get_objects() if type(x) is Array]


def check_devices(transform: str, wanted: Sequence[Any] | None) -> None:
    """Raise ValueError unless all devices are the CPU."""
    for device in wanted or ():
        if device is not CPU:
            raise ValueError(f"{transform}: the only device is {CPU!r}, got {device!r}")
