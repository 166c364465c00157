"""Shards: the parts of an array that devices hold, as views of its elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.core.array import OWNERS, Array, fetch
from ingot.core.devices import Device
from ingot.core.placement import (
    PlacedBuffer,
    client_of,
    is_committed,
    parts_of,
    place,
    sharding_of,
)
from ingot.core.sharding import Index, Sharding, SingleDeviceSharding
from ingot.core.unreduced import unreduced_axes


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
    def data(self) -> Array | None:
        """The part, as an array on the device; None on devices of other processes."""
        whole = self._whole
        if not self.device.is_local:
            return None
        owner = OWNERS.get(type(whole._data), OWNERS[PlacedBuffer])
        aval = whole.aval.unplaced().update(shape=sharding_of(whole).shard_shape(whole.shape))
        if owner is not OWNERS[PlacedBuffer]:
            return Array(owner.part(whole._data, self.device), aval)
        part = Array(np.asarray(_part(whole, self.device)[self.index]), aval)
        return place(part, SingleDeviceSharding(self.device), is_committed(whole))

    def __repr__(self) -> str:
        part = self.data
        return (f"Shard(device={self.device!r}, index={self.index}, replica_id={self.replica_id},"
                f" data={'of another process' if part is None else fetch(part)})")


def _part(whole: Array, device: Device) -> np.ndarray:
    """The elements that count for a device: of an unreduced array, those of its part."""
    sharding: Any = sharding_of(whole)
    names = unreduced_axes(sharding)
    if not names:
        return fetch(whole)
    (where,) = np.argwhere(sharding.mesh.devices == device)
    place = dict(zip(sharding.mesh.axis_names, where, strict=True))
    return fetch(parts_of(whole, sharding))[tuple(place[n] for n in names)]


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
    """Return the array of which the devices of this process hold these parts."""
    client = client_of(sharding)
    if not isinstance(client, Device):
        return Array(client.put_parts(aval, sharding, parts), aval)
    whole = np.empty(aval.shape, aval.storage)
    for device, index in sharding.devices_indices_map(aval.shape).items():
        whole[index] = parts[device]
    return place(Array(whole, aval), sharding)


def local_shards(x: Array) -> Sequence[Shard]:
    """Return the parts of an array on devices of this process."""
    return [s for s in shards(x) if s.device.is_local]
