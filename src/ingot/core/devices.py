"""Devices: what a back end's arrays are on, and the names of the one CPU."""

from __future__ import annotations

import enum
import os
import platform as _platform
import re
from dataclasses import dataclass
from typing import Any

from ingot.config import config

MEMORY_KINDS = ("device", "pinned_host", "unpinned_host")
"""Kinds of memory of a CPU device; they are names of the same memory."""


@dataclass(frozen=True)
class Memory:
    """A memory that a device can address."""

    device: Device
    kind: str

    @property
    def platform(self) -> str:
        """The platform of the device."""
        return self.device.platform

    def __repr__(self) -> str:
        return f"{self.platform.upper()}_{self.kind.upper()}_{self.device.id}"


class Space(enum.Enum):
    """Where an array lies, for devices of any kind: the memory of its device, or of the host.

    >>> ingot.device_put(1.5, ingot.memory.Space.Host).sharding.memory_kind
    'pinned_host'
    """

    Device = enum.auto()
    Host = enum.auto()
    Any = enum.auto()

    def kind_on(self, device: Device) -> str | None:
        """Return the kind of a device's memory that is meant; None for any."""
        kinds = {Space.Device: device.memory_kinds[0], Space.Host: "pinned_host"}
        return kinds.get(self)

    def __repr__(self) -> str:
        return f"MemorySpace.{self.name}"


class Device:
    """A device: where arrays are and programs run.

    The CPU has several, numbered from 0, so that programs can divide their work by devices; they
    share the same memory and threads. `num_cpu_devices` says how many. The first of its
    `memory_kinds` is the default; it `is_local` unless it belongs to another process.

    >>> ingot.devices()[0].platform
    'cpu'
    """

    def __init__(self, number: int = 0, platform: str = "cpu", kind: str = "cpu",
                 process_index: int = 0, client: Any = None, *,
                 memory_kinds: tuple[str, ...] = MEMORY_KINDS, is_local: bool = True):
        self.id = self.local_hardware_id = number
        self.platform, self.device_kind, self.num_cores = platform, kind, None
        self.process_index = self.host_id = self.task_id = process_index
        self.client: Any = client or self  # what runs programs on the device
        self.memory_kinds, self.is_local = memory_kinds, is_local

    @property
    def platform_version(self) -> str:
        """The machine's architecture."""
        return f"ingot on {_platform.machine()}"

    @property
    def runtime_type(self) -> str:
        """What runs programs here, by name."""
        return "ingot"

    def memory_stats(self) -> dict[str, int] | None:
        """Bytes in use and available by name; None where this is unknown, as for the CPU."""
        stats = getattr(self.client, "memory_stats", None)
        return None if stats is None or self.client is self else stats(self)

    def addressable_memories(self) -> list[Memory]:
        """The memories that the device can address."""
        return [Memory(self, kind) for kind in self.memory_kinds]

    def default_memory(self) -> Memory:
        """The memory in which arrays lie if nothing else is said."""
        return Memory(self, self.memory_kinds[0])

    def memory(self, kind: str) -> Memory:
        """The memory of this kind; ValueError if there is none."""
        if kind not in self.memory_kinds:
            raise ValueError(
                f"Could not find memory addressable by device {self.device_kind}. Device"
                f" {self.device_kind} can address the following memory kinds:"
                f" {', '.join(self.memory_kinds)}. Got memory kind: {kind}")
        return Memory(self, kind)

    def __deepcopy__(self, memo: Any) -> Device:
        return self

    def __reduce__(self) -> Any:
        if self.client is not self:
            raise TypeError(f"cannot pickle {self!r}: it belongs to a client of this process")
        return _cpu, (self.id,)

    def __repr__(self) -> str:
        return f"{self.platform.title()}Device(id={self.id})"

    def __str__(self) -> str:
        return f"{self.platform}:{self.id}"


CPU = Device()
_cpus: list[Device] = []  # those that have been asked for
_DEFAULT = max(4, 1 << (os.cpu_count() or 1).bit_length() - 1)


def cpu_count_asked_for() -> int | None:
    """Return how many devices `num_cpu_devices` or XLA_FLAGS ask for; None if they do not say."""
    if config.num_cpu_devices >= 1:
        return config.num_cpu_devices
    found = re.search(r"--xla_force_host_platform_device_count=(\d+)",
                      os.environ.get("XLA_FLAGS", ""))
    return None if found is None else max(int(found[1]), 1)


def cpu_devices() -> list[Device]:
    """Return the names of the CPU, as many as are asked for.

    By default as many as cores, rounded down to a power of two, since that divides most sizes, and
    at least four, so that programs which run a Markov chain on each device need not ask.
    """
    count = cpu_count_asked_for() or _DEFAULT
    _cpu(count - 1)
    return _cpus[:count]


def are_asked_for() -> bool:
    """Return whether devices have been asked for: from then on their number is relied on."""
    return bool(_cpus)


def _cpu(number: int) -> Device:
    """Return a name of the CPU by its number."""
    _cpus.extend(Device(i) if i else CPU for i in range(len(_cpus), number + 1))
    return _cpus[number]
