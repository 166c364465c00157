"""Memory of XLA's devices: arrays put there, fetched, copied from one device to another."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.backends.xla.client import without_jax
from ingot.backends.xla.rules import on_device
from ingot.backends.xla.types import Shape, device_dtype
from ingot.core.avals import ShapedArray


class Stored:
    """What an array is on a device, in the attributes that jaxlib asks for.

    `host` is the dtype as which the host reads the elements: another one for float0 alone.
    """

    __slots__ = ("dtype", "host", "shape", "weak_type")

    def __init__(self, shape: Shape, dtype: Any):
        self.shape, self.weak_type = shape, False
        self.dtype = device_dtype(dtype)
        self.host = dtype if isinstance(dtype, np.dtype) else self.dtype

    def __repr__(self) -> str:
        return f"{self.dtype.name}{list(self.shape)}"


def stored(aval: ShapedArray) -> Stored:
    """Return what arrays of a type are on a device."""
    return Stored(aval.shape, aval.dtype)


class Memory:
    """Moves arrays to and from the devices of one client."""

    def __init__(self, xc: Any, devices: Any):
        self._xc, self.devices = xc, list(devices)
        self.replicate = xc.HloSharding.replicate()
        self.shardings = [self.sharding([d], self.replicate) for d in self.devices]
        self._numbers = {d: k for k, d in enumerate(self.devices)}
        self._on_host = self.devices[0].platform == "cpu"

    def sharding(self, devices: Any, tiles: Any) -> Any:
        """Return where the parts of an array are: tiles over devices."""
        return self._xc.GSPMDSharding(self._xc.DeviceList(tuple(devices)), tiles)

    def handlers(self, avals: Any, shardings: Any) -> list[Any]:
        """Return what makes arrays of the results of a program."""
        try:
            return [self._xc.array_result_handler(a, s, True, True)
                    for a, s in zip(avals, shardings, strict=True)]
        except TypeError:  # from jaxlib 0.11.2 on without the last argument
            return [self._xc.array_result_handler(a, s, True)
                    for a, s in zip(avals, shardings, strict=True)]

    def put(self, x: np.ndarray, number: int = 0) -> Any:
        """Return an array on a device; it may share memory with `x`, which must not change."""
        return self.put_parts(Stored(x.shape, x.dtype), self.shardings[number],
                              [on_device(x, x.dtype)], [self.devices[number]])

    def put_parts(self, aval: Stored, sharding: Any, parts: Any, devices: Any) -> Any:
        """Return an array of parts, one for each device."""
        return self._xc.batched_device_put(
            aval, sharding, parts, devices, True, False, self._xc.HostBufferSemantics.ZERO_COPY,
            True)

    def number(self, buffer: Any) -> int | None:
        """Return the number of the device that an array is on; None if it is on several."""
        devices = buffer._sharding._internal_device_list
        return self._numbers[devices[0]] if len(devices) == 1 else None

    def move(self, buffer: Any, number: int) -> Any:
        """Return a copy on a device of an array that is on one."""
        xc = self._xc
        (out,) = xc.batched_copy_array_to_devices_with_sharding(
            [buffer], [xc.DeviceList((self.devices[number],))], [self.shardings[number]],
            [xc.ArrayCopySemantics.ALWAYS_COPY])
        return out

    def fetch(self, buffer: Any) -> np.ndarray:
        """Return the elements of an array on the host, read-only."""
        dtype = buffer.aval.host
        if dtype.itemsize == 0:
            return np.zeros(buffer.aval.shape, dtype)
        whole = self._on_host and self.number(buffer) is not None
        if whole and dtype.isbuiltin == 1:
            return np.asarray(buffer)
        if whole and dtypes.itemsize_bits(dtype) >= 8:  # smaller elements share bytes
            return _view(buffer, dtype)
        with without_jax:
            return _whole(buffer)


def _view(buffer: Any, dtype: np.dtype) -> np.ndarray:
    """The memory of an array on the CPU, for dtypes that the buffer protocol does not know."""
    buffer.block_until_ready()
    shape = buffer.aval.shape
    count = int(np.prod(shape, dtype=np.int64))
    if count == 0:
        return np.zeros(shape, dtype)
    kind = ctypes.c_char * (count * dtype.itemsize)
    memory: Any = kind.from_address(buffer.unsafe_buffer_pointer())
    memory.owner = buffer  # which is alive as long as the view
    view = np.ndarray(shape, dtype, memory)
    view.flags.writeable = False
    return view


def _whole(buffer: Any) -> np.ndarray:
    """The elements of an array that is not on one device of the host, put together."""
    devices = buffer._sharding._internal_device_list
    if len(devices) == 1:
        return buffer._single_device_array_to_np_array_did_copy()[0]
    out = np.empty(buffer.aval.shape, buffer.aval.dtype)
    places = buffer._sharding.devices_indices_map(buffer.aval.shape)
    for device, part in zip(devices, buffer._arrays, strict=True):
        out[places[device]] = part._single_device_array_to_np_array_did_copy()[0]
    return out
