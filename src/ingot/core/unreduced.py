"""Unreduced arrays of the host: which part of the sum each device of a mesh axis holds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.core.sharding import Sharding
from ingot.core.specs import PartitionSpec, UnreducedKind, names_of

_COMBINED: dict[Any, Any] = {UnreducedKind.sum: np.sum, UnreducedKind.max: np.max,
                             UnreducedKind.min: np.min}


def unreduced_axes(sharding: Sharding | None) -> tuple[Any, ...]:
    """Return the mesh axes over which arrays are unreduced, in the order of the mesh."""
    unreduced = getattr(getattr(sharding, "spec", None), "unreduced", ())
    return tuple(n for n in sharding.mesh.axis_names if n in unreduced) if unreduced else ()  # type: ignore[union-attr]


def own_positions(name: Any, mesh: Any, spec: PartitionSpec, shape: Sequence[int]
                  ) -> tuple[np.ndarray, list[int]]:
    """Return what each device along a mesh axis has of an array divided as told, and along which
    axis: a boolean [devices, length]; of a whole array the first one has it all: [devices]."""
    devices = np.arange(mesh.shape[name])
    for axis, entry in enumerate(spec.padded(len(shape))):
        names = names_of(entry)
        if name in names:
            sizes = [mesh.shape[n] for n in names]
            block = np.arange(shape[axis]) // max(shape[axis] // math.prod(sizes), 1)
            return devices[:, None] == np.unravel_index(block, sizes)[names.index(name)], [axis]
    return devices == 0, []


def parts_of_whole(data: np.ndarray, sharding: Any, before: PartitionSpec) -> np.ndarray:
    """Return the parts, along leading axes, of an array that was divided as told before and is
    unreduced now; all of them may be the extreme of them all."""
    names = unreduced_axes(sharding)
    shape = tuple(sharding.mesh.shape[n] for n in names)
    if sharding.spec.unreduced_kind is not UnreducedKind.sum:
        return np.broadcast_to(data, (*shape, *data.shape))
    mine = np.ones((*shape, *data.shape), bool)
    for k, name in enumerate(names):
        mask, axes = own_positions(name, sharding.mesh, before, data.shape)
        lengths = [1] * mine.ndim
        for at, n in zip([k, *(len(names) + a for a in axes)], mask.shape, strict=True):
            lengths[at] = n
        mine &= mask.reshape(lengths)
    return np.where(mine, data, np.zeros((), data.dtype))


def combined(parts: np.ndarray, sharding: Any) -> np.ndarray:
    """Return the array whose parts along leading axes these are."""
    axes = tuple(range(len(unreduced_axes(sharding))))
    combine = _COMBINED[sharding.spec.unreduced_kind]
    return np.asarray(combine(parts, axis=axes,
                              **({"dtype": parts.dtype} if combine is np.sum else {})))
