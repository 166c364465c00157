"""Shards: the parts of an array that devices hold, as views of its elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.core.array import Array, fetch
from ingot.core.devices import Device
from ingot.core.placement import is_committed, place, sharding_of
from ingot.core.sharding import Index, Sharding, SingleDeviceSharding


class Shard:
    """The part of an array on one device: `data`, a view; `index`, where it is in the whole;
    `replica_id`, how many devices before this one hold the same part; `device`.

    >>> ingot.numpy.arange(3).addressable_shards[0].index
    (slice(None, None, None),)
    """

    def __init__(self, device: Device, index: Index, replica_id: int, whole: Array):
        self.device, self.index, self.replica_id = device, index, replica_id
        self._whole = whole

    @property
    def data(self) -> Array:
        """The part, as an array on the device."""
        part = np.asarray(fetch(self._whole)[self.index])
        aval = self._whole.aval.unplaced().update(shape=part.shape)
        return place(Array(part, aval), SingleDeviceSharding(self.device),
                     is_committed(self._whole))

    def __repr__(self) -> str:
        return (f"Shard(device={self.device!r}, index={self.index}, replica_id={self.replica_id},"
                f" data={fetch(self.data)})")


def shards(x: Array) -> list[Shard]:
    """Return the parts of an array on all devices, in their order."""
    sharding = sharding_of(x)
    found: list[Shard] = []
    seen: dict[Any, int] = {}
    for device, index in sharding.devices_indices_map(x.shape).items():
        key = tuple((s.start, s.stop) for s in index)
        seen[key] = seen.get(key, -1) + 1
        found.append(Shard(device, index, seen[key], x))
    return found


def assemble(aval: Any, sharding: Sharding, parts: dict[Device, np.ndarray]) -> Array:
    """Return the array whose parts the devices hold."""
    whole = np.empty(aval.shape, aval.storage)
    for device, index in sharding.devices_indices_map(aval.shape).items():
        if device in parts:
            whole[index] = parts[device]
    return place(Array(whole, aval), sharding)


def local_shards(x: Array) -> Sequence[Shard]:
    """Return the parts of an array on devices of this process."""
    return [s for s in shards(x) if s.device.is_local]
