"""Memory of the host: what back ends share whose buffers are NumPy arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.core.array import to_host
from ingot.core.backend import CompileOptions, Executable
from ingot.core.devices import Device, cpu_devices
from ingot.core.native_calls import NativeCalls
from ingot.core.sharding import ON_CPU, Sharding
from ingot.errors import JaxRuntimeError


class HostMemory:
    """Base class of back ends on the CPU; a buffer is an ndarray, complete when a program returns.

    All devices are names of the one CPU, so that a buffer is on each of them.
    """

    platform = "cpu"
    buffer_type = np.ndarray
    interprets = False
    native_calls: NativeCalls | None = None

    def devices(self) -> list[Device]:
        """Return the names of the CPU."""
        return cpu_devices()

    def prepare(self) -> None:
        """Do nothing: there is nothing to initialize."""

    def put(self, data: Any, sharding: Sharding | None = None) -> np.ndarray:
        """Return the elements as a contiguous ndarray: the argument if it is one."""
        data = to_host(data)
        return data if data.flags.c_contiguous else np.array(data, order="C")

    def fetch(self, buffer: np.ndarray) -> np.ndarray:
        """Return the buffer."""
        return buffer

    def copy(self, buffer: np.ndarray) -> np.ndarray:
        """Return a contiguous copy."""
        return np.array(buffer, order="C")

    def delete(self, buffer: np.ndarray) -> None:
        """Do nothing: memory without references is freed."""

    def ready(self, buffer: np.ndarray) -> bool:
        """Return True: programs are complete when they return."""
        return True

    def wait(self, buffers: Sequence[np.ndarray]) -> None:
        """Do nothing: programs are complete when they return."""

    def sharding_of(self, buffer: np.ndarray) -> Sharding:
        """Return that all elements are on the first device."""
        return ON_CPU

    def deserialize(self, data: bytes, options: CompileOptions) -> Executable:
        """Raise NotImplementedError: programs are kept by the cache on disk alone."""
        raise NotImplementedError("deserialize: executables on the CPU have no serialized form; the"
                                  " cache on disk keeps their machine code (config.cache_dir)")

    def wait_for_effects(self) -> None:
        """Do nothing: host functions have returned when a program returns."""


def check_compiler_options(options: CompileOptions) -> None:
    """Raise JaxRuntimeError for compiler options; those of XLA have no effect on the CPU."""
    unknown = [name for name, _ in options.compiler_options if not name.startswith("xla_")]
    if unknown:
        raise JaxRuntimeError(f"compile: there is no compiler option {unknown[0]!r}; set flags of"
                              " ingot with config.update")


def no_serialized_form() -> bytes:
    """Raise NotImplementedError for an executable on the CPU."""
    raise NotImplementedError("serialize: executables on the CPU have no serialized form; the cache"
                              " on disk keeps their machine code (config.cache_dir)")
