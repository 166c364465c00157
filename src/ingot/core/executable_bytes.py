"""Compiled programs as bytes: their jaxprs and options, with devices by their numbers.

Reading runs code, so that bytes must come from a trusted source.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from typing import Any

from ingot.core.devices import Device
from ingot.version import __version__

MAGIC = b"ingot executable 1 "


class _Writer(pickle.Pickler):
    def persistent_id(self, obj: Any) -> int | None:
        return obj.id if isinstance(obj, Device) else None


class _Reader(pickle.Unpickler):
    def __init__(self, file: Any, devices: Mapping[int, Device]):
        super().__init__(file)
        self._devices = devices

    def persistent_load(self, pid: Any) -> Device:
        if pid not in self._devices:
            raise ValueError(f"deserialize: the program is for device {pid}, of which there is none"
                             f" among {list(self._devices.values())}")
        return self._devices[pid]


def to_bytes(kind: str, value: Any) -> bytes:
    """Return a value as bytes, for `from_bytes` of the same kind and version.

    Raises NotImplementedError if parts of it exist in this process alone, as functions do.
    """
    file = io.BytesIO()
    file.write(_header(kind))
    try:
        _Writer(file).dump(value)
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        raise NotImplementedError("serialize: a program with functions of Python, such as callbacks"
                                  f" and rules, has no serialized form: {error}") from None
    return file.getvalue()


def from_bytes(kind: str, data: bytes, devices: Mapping[int, Device]) -> Any:
    """Return what `to_bytes` wrote, with these devices by number.

    Raises ValueError for bytes of another kind or version, and for devices that are not there.
    """
    head = _header(kind)
    if bytes(data[:len(head)]) != head:
        raise ValueError(f"deserialize: expected bytes of ingot {__version__} for {kind}, got"
                         f" {bytes(data[:len(head)])!r}; compile the program here")
    return _Reader(io.BytesIO(bytes(data[len(head):])), devices).load()


def _header(kind: str) -> bytes:
    return MAGIC + f"{__version__} {kind}\n".encode()


__all__ = ["from_bytes", "to_bytes"]
