"""The XLA back end as an object: jaxprs compiled by XLA, arrays in the memory of its devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.backends.xla import contraction, elementwise, indexing, movement, reduction  # noqa: F401
from ingot.backends.xla.arrays import Memory
from ingot.backends.xla.client import cpu_client, jaxlib
from ingot.backends.xla.executable import XLAExecutable
from ingot.core.array import to_host
from ingot.core.backend import CompileOptions, Executable
from ingot.core.devices import Device
from ingot.core.jaxpr import Jaxpr
from ingot.core.native_calls import NativeCalls
from ingot.core.sharding import Sharding, SingleDeviceSharding


class XLABackend:
    """Compiles with XLA for the devices of one client."""

    interprets = False
    native_calls: NativeCalls | None = None

    def __init__(self, name: str, xc: Any, client: Any):
        self.name, self.platform = name, client.platform
        self._xc, self._client = xc, client
        self.buffer_type: type = xc.ArrayImpl
        self._memory = Memory(xc, client.devices())
        self._devices = [Device(k, d.platform, d.device_kind, d.process_index, self)
                         for k, d in enumerate(client.devices())]

    def devices(self) -> Sequence[Device]:
        """Return the devices of the client."""
        return self._devices

    def memory_stats(self, device: Device) -> dict[str, int] | None:
        """Return bytes in use and available by name; None where XLA does not count them."""
        return self._memory.devices[device.id].memory_stats()

    def prepare(self) -> None:
        """Do nothing: the client is started when it is first asked for."""

    # ---- memory ----------------------------------------------------------------------------------
    def put(self, data: Any, sharding: Sharding | None = None) -> Any:
        """Return the elements on the sharding's first device."""
        number = 0 if sharding is None else next(iter(sharding.device_set)).id
        if type(data) is self.buffer_type:
            place = self._memory.number(data)
            if place is not None:
                return data if place == number else self._memory.move(data, number)
        return self._memory.put(to_host(data), number)

    def fetch(self, buffer: Any) -> np.ndarray:
        """Return the elements; they share the device's memory if that is the host's."""
        return self._memory.fetch(buffer)

    def copy(self, buffer: Any) -> Any:
        """Return a copy on the same device."""
        return self._memory.move(buffer, self._memory.number(buffer) or 0)

    def delete(self, buffer: Any) -> None:
        """Free the memory as soon as no program reads it."""
        buffer.delete()

    def ready(self, buffer: Any) -> bool:
        """Return whether the elements have been computed."""
        return buffer.is_ready()

    def wait(self, buffers: Sequence[Any]) -> None:
        """Wait until the elements have been computed; raise what the computation raised."""
        self._xc.batched_block_until_ready(list(buffers))

    def sharding_of(self, buffer: Any) -> Sharding:
        """Return the device that holds the elements."""
        return SingleDeviceSharding(self._devices[self._memory.number(buffer) or 0])

    # ---- programs --------------------------------------------------------------------------------
    def compile(self, jaxpr: Jaxpr, options: CompileOptions) -> XLAExecutable:
        """Compile a jaxpr whose constants are concrete."""
        return XLAExecutable(self._client, self._xc, self._memory, jaxpr, options)

    def deserialize(self, data: bytes, options: CompileOptions) -> Executable:
        """Raise NotImplementedError."""
        raise NotImplementedError("deserialize: XLA's executables are not read yet")

    def wait_for_effects(self) -> None:
        """Do nothing: no program calls the host."""


def start(name: str) -> XLABackend:
    """Start the client that a name stands for.

    Raises ImportError if jaxlib is not installed; the message says which command installs it.
    """
    xc = jaxlib()
    return XLABackend(name, xc, cpu_client(xc))
