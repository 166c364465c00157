"""The XLA back end as an object: jaxprs compiled by XLA, arrays in the memory of its devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.backends.operations import Operations
from ingot.backends.xla import (  # noqa: F401 (they fill the table of rules)
    callbacks,
    contraction,
    control,
    elementwise,
    embedding,
    factorizations,
    indexing,
    linalg,
    manual,
    movement,
    ordering,
    random,
    reduction,
    special,
    windows,
)
from ingot.backends.xla.arrays import Memory, stored
from ingot.backends.xla.client import in_dialect, jaxlib
from ingot.backends.xla.compilation import Compiler
from ingot.backends.xla.executable import XLAExecutable
from ingot.backends.xla.plugins import client
from ingot.backends.xla.portable import Portable
from ingot.backends.xla.processes import await_all, cpu_client, explained
from ingot.backends.xla.spmd import mesh_of_types
from ingot.config import config
from ingot.core.array import Array, to_host
from ingot.core.avals import ShapedArray
from ingot.core.backend import CompileOptions, Executable
from ingot.core.devices import Device
from ingot.core.executable_bytes import from_bytes
from ingot.core.jaxpr import Jaxpr
from ingot.core.native_calls import NativeCalls
from ingot.core.primitive import Primitive
from ingot.core.program_division import own_sharding
from ingot.core.sharding import Sharding

_PLACE = {"coords", "core_on_chip", "slice_index"}
"""Where a device is among others, as far as jaxlib's devices say it: those of TPUs."""


class XLABackend:
    """Compiles with XLA for the devices of one client."""

    interprets = False
    native_calls: NativeCalls | None = None

    def __init__(self, name: str, xc: Any, client: Any):
        self.name, self.platform = name, client.platform
        self.platform_version, self.runtime_type = client.platform_version, client.runtime_type
        self.buffer_type: type = xc.ArrayImpl
        self._xc, self._theirs = xc, {d.id: d for d in client.devices()}
        here = client.process_index()
        self._devices = [
            Device(d.id, d.platform, d.device_kind, d.process_index, self,
                   memory_kinds=_memory_kinds(d), is_local=d.process_index == here)
            for d in sorted(self._theirs.values(), key=lambda d: (d.process_index, d.id))]
        for d in self._devices:
            for name in _PLACE & {*dir(self._theirs[d.id])}:
                setattr(d, name, getattr(self._theirs[d.id], name))
        self._memory = Memory(xc, client, self._devices)
        self._compiler = Compiler(xc, client)
        self.portable = Portable(xc, self._compiler, self._memory)
        self._operations = Operations(name)

    def devices(self) -> Sequence[Device]:
        """Return the devices of the client."""
        return self._devices

    def memory_stats(self, device: Device) -> dict[str, int] | None:
        """Return bytes in use and available by name; None where XLA does not count them."""
        return self._theirs[device.id].memory_stats()

    def prepare(self) -> None:
        """Do nothing: the client is started when it is first asked for."""

    # ---- memory ----------------------------------------------------------------------------------
    def put(self, data: Any, sharding: Sharding | None = None, committed: bool = True) -> Any:
        """Return the elements where the sharding says, by default on the first device."""
        to = self._memory.first if sharding is None else sharding
        if type(data) is not self.buffer_type:
            return self._memory.put(to_host(data), to, committed)
        try:
            return self._memory.moved(data, to, committed)
        except RuntimeError as error:
            raise explained(error) from None

    def put_parts(self, aval: ShapedArray, sharding: Sharding, parts: dict[Device, np.ndarray]
                  ) -> Any:
        """Return the array of which the devices of this process hold these parts."""
        return self._memory.assembled(stored(aval), sharding, parts)

    def part(self, buffer: Any, device: Device) -> Any:
        """Return the part that a device of this process holds, as an array there."""
        return self._memory.part(buffer, device)

    def fetch(self, buffer: Any) -> np.ndarray:
        """Return the elements; they share the device's memory if that is the host's."""
        try:
            return self._memory.fetch(buffer)
        except RuntimeError as error:
            raise explained(error) from None

    def copy(self, buffer: Any) -> Any:
        """Return a copy on the same devices."""
        return self._memory.copy(buffer)

    def delete(self, buffer: Any) -> None:
        """Free the memory as soon as no program reads it."""
        buffer.delete()

    def ready(self, buffer: Any) -> bool:
        """Return whether the elements have been computed."""
        return buffer.is_ready()

    def wait(self, buffers: Sequence[Any]) -> None:
        """Wait until the elements have been computed; raise what the computation raised."""
        try:
            self._xc.batched_block_until_ready(list(buffers))
        except RuntimeError as error:
            raise explained(error) from None

    def sharding_of(self, buffer: Any) -> Sharding:
        """Return which device holds which part of the elements."""
        return self._memory.sharding(buffer)

    def is_committed(self, buffer: Any) -> bool:
        """Return whether operations have to follow a buffer to where it is."""
        return self._memory.is_committed(buffer)

    # ---- programs --------------------------------------------------------------------------------
    def evaluate(self, primitive: Primitive, arrays: Sequence[Array], params: dict[str, Any]
                 ) -> Any:
        """Run one operation on devices, as a program that is kept."""
        return self._operations(primitive, arrays, params)

    def compile(self, jaxpr: Jaxpr, options: CompileOptions) -> XLAExecutable:
        """Compile a jaxpr whose constants are concrete."""
        found = XLAExecutable(self._compiler, self._memory, jaxpr, options)
        if options.compiler_options:
            _ = found.program  # XLA raises for options that it does not have
        return found

    def lowered(self, jaxpr: Jaxpr, options: CompileOptions, dialect: str, located: bool = False
                ) -> Any:
        """Return a jaxpr as a module of StableHLO or a computation of HLO, with the user's lines if
        they are asked for."""
        given = options.in_shardings or (None,) * len(jaxpr.invars)
        own = own_sharding(jaxpr)
        home = self._memory.home(own)
        shardings = [s or a._sharding or home
                     for s, a in zip(given, jaxpr.in_avals, strict=True)]
        context = config.abstract_mesh
        mesh = mesh_of_types(jaxpr) or next((m for m in (
            context, getattr(own and own[0], "mesh", None)) if m and m.size > 1), None)
        text = self._compiler.module(jaxpr, options, shardings, home, mesh, located).text()
        counts = [s.num_devices for s in (*given, *(options.out_shardings or ()), home)
                  if s is not None] + ([] if mesh is None else [mesh.size])
        return in_dialect(text, max(counts), dialect, located)

    def deserialize(self, data: bytes, devices: Sequence[Device] | None = None) -> Executable:
        """Return a compiled program that was written by the same version of jaxlib."""
        jaxpr, options, shardings, results, loaded = from_bytes(
            self._compiler.platform, data, {d.id: d for d in devices or self._devices})
        found = self.compile(jaxpr, options)
        found.load(loaded, shardings, results)
        return found

    def wait_for_effects(self) -> None:
        """Do nothing: no program calls the host."""


def _memory_kinds(device: Any) -> tuple[str, ...]:
    """The kinds of memory of jaxlib's device, the default one first."""
    default = device.default_memory().kind
    return (default, *(m.kind for m in device.addressable_memories() if m.kind != default))


def start(name: str) -> XLABackend:
    """Start the client that a name stands for: xla (on the CPU), cuda, tpu.

    Raises ImportError if jaxlib or the plugin is not installed, with the command that installs it;
    RuntimeError if there is no such device.
    """
    xc = jaxlib()
    found = XLABackend(name, xc, cpu_client(xc) if name == "xla" else client(name))
    await_all(name)
    return found
