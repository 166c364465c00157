"""Devices: what a back end's arrays are on, and the names of the one CPU."""

from __future__ import annotations

import gc
import os
import platform as _platform
import re
from dataclasses import dataclass
from typing import Any

from ingot.config import config
from ingot.core.array import Array


class Device:
    """A device: where arrays are and programs run.

    The CPU has several, numbered from 0, so that programs can divide their work by devices; they
    share the same memory and threads. `num_cpu_devices` says how many.
    """

    def __init__(self, number: int = 0, platform: str = "cpu", kind: str = "cpu",
                 process_index: int = 0, client: Any = None):
        self.id = self.local_hardware_id = number
        self.platform, self.device_kind = platform, kind
        self.process_index = self.host_id = self.task_id = process_index
        self.client: Any = client or self  # what runs programs on the device

    @property
    def platform_version(self) -> str:
        """The machine's architecture."""
        return f"ingot on {_platform.machine()}"

    def memory_stats(self) -> dict[str, int] | None:
        """Bytes in use and available by name; None where this is unknown, as for the CPU."""
        stats = getattr(self.client, "memory_stats", None)
        return None if stats is None or self.client is self else stats(self)

    def live_buffers(self) -> list[Array]:
        """The arrays in memory."""
        return live_arrays()

    def __repr__(self) -> str:
        return f"{self.platform.title()}Device(id={self.id})"

    def __str__(self) -> str:
        return f"{self.platform}:{self.id}"


CPU = Device()
_cpus = [CPU]
_DEFAULT = max(4, 1 << (os.cpu_count() or 1).bit_length() - 1)


def cpu_devices() -> list[Device]:
    """Return the names of the CPU, as many as `num_cpu_devices` or XLA_FLAGS ask for.

    By default as many as cores, rounded down to a power of two, since that divides most sizes, and
    at least four, so that programs which run a Markov chain on each device need not ask.
    """
    count = config.num_cpu_devices
    if count < 1:
        found = re.search(r"--xla_force_host_platform_device_count=(\d+)",
                          os.environ.get("XLA_FLAGS", ""))
        count = _DEFAULT if found is None else max(int(found[1]), 1)
    _cpus.extend(Device(i) for i in range(len(_cpus), count))
    return _cpus[:count]


def live_arrays() -> list[Array]:
    """Return all arrays in memory, found by searching the whole heap."""
    return [x for x in gc.get_objects() if type(x) is Array]


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


ON_CPU = SingleDeviceSharding(CPU)
