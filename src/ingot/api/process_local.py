"""What one process has of arrays that are divided over several: sizes, and places in its data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ingot.core.mesh import is_local
from ingot.core.sharding import Index, Sharding


def _shares(sharding: Sharding, ndim: int) -> tuple[tuple[int, ...], list[list[int]], list[bool]]:
    """Return into how many parts each axis of an array is divided, which of them devices of this
    process hold, and whether all processes have as many, and the same or none of this one's."""
    counts, where = sharding._grid(ndim)
    devices, here, uniform = sharding._device_assignment, list[list[int]](), list[bool]()
    for axis in range(ndim):
        of: dict[int, set[int]] = {}
        for device, place in zip(devices, where[:, axis].tolist(), strict=True):
            of.setdefault(device.process_index, set()).add(place)
        shares = list(of.values())
        uniform.append(all(len(mine) == len(other) and (mine == other or not mine & other)
                           for mine in shares for other in shares))
        here.append(sorted({p for d, p in zip(devices, where[:, axis].tolist(), strict=True)
                            if is_local(d)}))
    return counts, here, uniform


def local_to_global_shape(sharding: Sharding, local_shape: Sequence[int]
                          ) -> tuple[int | None, ...]:
    """Return the shape of an array of which this process has as much; None for the length of axes
    of which processes have different shares."""
    counts, here, uniform = _shares(sharding, len(local_shape))
    return tuple(n * count // max(len(mine), 1) if same else None for n, count, mine, same in zip(
        local_shape, counts, here, uniform, strict=True))


class LocalAxes:
    """How the parts that devices of this process hold lie along each axis of an array.

    sharding: of the whole; ndim: its number of axes. Raises ValueError if along an axis one process
    has more parts than another, or some of another's, so that there are no sizes that hold for all.
    """

    def __init__(self, title: str, sharding: Sharding, ndim: int):
        self.title, self.sharding = title, sharding
        self.counts, self.here, uniform = _shares(sharding, ndim)
        if not all(uniform):
            raise ValueError(
                f"{title}: {sharding} gives processes different shares of axis"
                f" {uniform.index(False)}; use make_array_from_callback, which asks for each part")

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
