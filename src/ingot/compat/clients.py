"""`jax.extend.backend` and `jax._src.xla_bridge`: the back ends as JAX's clients show them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ingot.api.devices import device_count, devices, live_arrays, local_devices, process_index
from ingot.core.backend import Backend, Device, get_backend as backend_called
from ingot.core.devices import are_asked_for
from ingot.version import __version__


class Client:
    """One back end as JAX's client of a runtime: its platform, its devices and its arrays."""

    runtime_type = "ingot"

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    @property
    def platform(self) -> str:
        """The kind of its devices: "cpu", "gpu" or "tpu"."""
        return self._backend.platform

    @property
    def platform_version(self) -> str:
        """The versions that compiled programs depend on, in words."""
        versions = [f"ingot {__version__}", self._backend.name]
        return " ".join(versions)

    def devices(self) -> list[Device]:
        """All devices, those of other processes among them."""
        return devices(self._backend.name)

    def local_devices(self) -> list[Device]:
        """The devices of this process."""
        return local_devices(backend=self._backend.name)

    def device_count(self) -> int:
        """The number of devices of all processes."""
        return device_count(self._backend.name)

    def local_device_count(self) -> int:
        """The number of devices of this process."""
        return len(self.local_devices())

    def process_index(self) -> int:
        """The number of this process."""
        return process_index(self._backend.name)

    def live_arrays(self) -> list[Any]:
        """The arrays that are in its memory now."""
        return live_arrays(self.platform)


_CLIENTS: dict[str, Client] = {}


def get_backend(platform: str | None = None) -> Client:
    """The client of a platform, by default that of the first device.

    Raises RuntimeError for a platform that is not there.

    >>> from ingot.compat import clients
    >>> clients.get_backend("cpu").platform_version.startswith(f"ingot {ingot.__version__} ")
    True
    """
    backend = backend_called(platform)
    if backend.name not in _CLIENTS:
        _CLIENTS[backend.name] = Client(backend)
    return _CLIENTS[backend.name]


def backends() -> dict[str, Client]:
    """The clients by the names of their platforms."""
    first = get_backend()
    return {first.platform: first, "cpu": get_backend("cpu")}


class _Known(Mapping[str, Client]):
    """The clients by name once devices have been asked for; nothing before, when packages may still
    set XLA_FLAGS to have more of them."""

    def __getitem__(self, name: str) -> Client:
        return self._clients()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._clients())

    def __len__(self) -> int:
        return len(self._clients())

    def _clients(self) -> dict[str, Client]:
        return backends() if are_asked_for() else {}


_backends = _Known()


def backends_are_initialized() -> bool:
    """Whether devices are known: always."""
    return True


def canonicalize_platform(platform: str) -> str:
    """The name of a platform among those of exported programs."""
    return {"gpu": "cuda"}.get(platform, platform)
