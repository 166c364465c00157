"""What one process has of arrays that are divided over several: sizes, and places in its data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ingot.core.sharding import Index, Sharding


class LocalAxes:
    """How the parts that devices of this process hold lie along each axis of an array.

    sharding: of the whole; ndim: its number of axes. Raises ValueError if along an axis one process
    has more parts than another, or some of another's, so that there are no sizes that hold for all.
    """

    def __init__(self, title: str, sharding: Sharding, ndim: int):
        self.title, self.sharding = title, sharding
        self.counts, where = sharding._grid(ndim)
        devices = sharding._device_assignment
        self.here: list[list[int]] = []
        for axis in range(ndim):
            of: dict[int, set[int]] = {}
            for device, place in zip(devices, where[:, axis].tolist(), strict=True):
                of.setdefault(device.process_index, set()).add(place)
            self._check_uniform(axis, list(of.values()))
            self.here.append(sorted({p for d, p in zip(devices, where[:, axis].tolist(),
                                                       strict=True) if d.is_local}))

    def _check_uniform(self, axis: int, parts: Sequence[set[int]]) -> None:
        for mine in parts:
            for other in parts:
                if len(mine) != len(other) or (mine != other and mine & other):
                    raise ValueError(
                        f"{self.title}: {self.sharding} gives processes different shares of axis"
                        f" {axis}; use make_array_from_callback, which asks for each part")

    def global_shape(self, local: Sequence[int], wanted: Sequence[int | None] | None
                     ) -> tuple[int, ...]:
        """Return the shape of the whole; sizes that are not given follow from those of local data.

        Raises ValueError if a given size is neither that, nor that of local data.
        """
        follows = [n * count // max(len(here), 1)
                   for n, count, here in zip(local, self.counts, self.here, strict=True)]
        if wanted is None:
            return tuple(follows)
        if len(wanted) != len(local):
            raise ValueError(f"{self.title}: global_shape {tuple(wanted)} has {len(wanted)} axes,"
                             f" but local_data of shape {tuple(local)} has {len(local)}")
        shape = tuple(n if w is None else w for n, w in zip(follows, wanted, strict=True))
        for axis, (n, mine, other) in enumerate(zip(shape, follows, local, strict=True)):
            if n not in (mine, other):
                raise ValueError(
                    f"{self.title}: axis {axis} of local_data of shape {tuple(local)} fits neither"
                    f" an array of shape {shape}, nor this process's share of it by"
                    f" {self.sharding}, which would be {n * other // max(mine, 1)} long")
        return shape

    def in_local_data(self, index: Index, shape: Sequence[int], local: Sequence[int]) -> Index:
        """Return where the part at an index of the whole is in the data of this process."""
        return tuple(
            s if n == m else self._shifted(axis, s, n)
            for axis, (s, n, m) in enumerate(zip(index, shape, local, strict=True)))

    def _shifted(self, axis: int, s: slice, size: int) -> slice:
        length = size // self.counts[axis]
        start = self.here[axis].index((s.start or 0) // length) * length
        return slice(start, start + length)


def local_shape(sharding: Sharding, shape: Sequence[int], title: str) -> tuple[int, ...]:
    """Return the shape of what this process has of an array."""
    axes = LocalAxes(title, sharding, len(shape))
    return tuple(n * len(here) // count
                 for n, count, here in zip(shape, axes.counts, axes.here, strict=True))


def gathered(title: str, sharding: Sharding, shape: Sequence[int],
             parts: Sequence[tuple[Index, np.ndarray]], dtype: np.dtype) -> np.ndarray:
    """Return what this process has of an array in one piece, from its parts there."""
    axes, mine = LocalAxes(title, sharding, len(shape)), local_shape(sharding, shape, title)
    out = np.empty(mine, dtype)
    for index, part in parts:
        out[axes.in_local_data(index, shape, mine)] = part
    return out
