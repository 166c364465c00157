"""Devices in the shape of a mesh, ordered by how they are linked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.api.device_grids import device_grid
from ingot.api.devices import devices as all_devices
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of


def create_device_mesh(mesh_shape: Sequence[int], devices: Sequence[Any] | None = None, *,
                       contiguous_submeshes: bool = False,
                       allow_split_physical_axes: bool = False) -> np.ndarray:
    """Return devices in an array whose axes follow the links between chips of TPUs.

    mesh_shape: sizes of axes, those with the most traffic last. devices: by default all.
    contiguous_submeshes: those of each process are a block. allow_split_physical_axes: axes of the
    grid of chips may be split -> an array of devices [*mesh_shape]. Raises ValueError unless there
    are as many, NotImplementedError if axes must be split.

    >>> create_device_mesh((1, 1), ingot.devices()[:1]).shape
    (1, 1)
    """
    found = list(all_devices() if devices is None else devices)
    try:
        shape = tuple(int(n) for n in mesh_shape)
    except TypeError:
        raise ValueError("`mesh_shape` passed to `create_device_mesh` should be a sequence of ints."
                         f" Got {mesh_shape}") from None
    if math.prod(shape) != len(found):
        raise ValueError(f"create_device_mesh: Number of devices {len(found)} must equal the"
                         f" product of mesh_shape {shape}")
    return device_grid(found, shape, contiguous_submeshes=contiguous_submeshes,
                       allow_split_physical_axes=allow_split_physical_axes)


def create_hybrid_device_mesh(mesh_shape: Sequence[int], dcn_mesh_shape: Sequence[int],
                              devices: Sequence[Any] | None = None, *,
                              process_is_granule: bool = False,
                              should_sort_granules_by_key: bool = True,
                              allow_split_physical_axes: bool = False) -> np.ndarray:
    """Return devices of several slices in an array: links inside of a slice are the faster ones.

    mesh_shape: within a slice, as for `create_device_mesh`. dcn_mesh_shape: of the slices, an entry
    for each axis. devices: by default all. process_is_granule: processes stand for slices.
    should_sort_granules_by_key: slices are ordered by their number -> an array of devices whose
    shape is the product of both. Raises ValueError unless there are as many slices, and devices.

    >>> devices = ingot.devices()[:1]
    >>> create_hybrid_device_mesh((1, 1), (1, 1), devices, process_is_granule=True).shape
    (1, 1)
    """
    found = list(all_devices() if devices is None else devices)
    name = "process_index" if process_is_granule else "slice_index"
    if not hasattr(found[0], name):
        raise ValueError(f"create_hybrid_device_mesh: Device {found[0]} does not have attribute"
                         f" {name}. See `process_is_granule` option.")
    slices: dict[int, list[Any]] = {}
    for device in found:
        slices.setdefault(getattr(device, name), []).append(device)
    if math.prod(dcn_mesh_shape) != len(slices):
        raise ValueError(f"create_hybrid_device_mesh: Number of slices {len(slices)} must equal the"
                         f" product of dcn_mesh_shape {tuple(dcn_mesh_shape)}")
    keys = sorted(slices) if should_sort_granules_by_key else list(slices)
    grids = np.stack([create_device_mesh(
        mesh_shape, slices[k], allow_split_physical_axes=allow_split_physical_axes) for k in keys])
    n = len(dcn_mesh_shape)
    blocks = grids.reshape(*dcn_mesh_shape, *mesh_shape)
    order = [axis for k in range(n) for axis in (k, n + k)]
    return blocks.transpose(order).reshape(
        [a * b for a, b in zip(dcn_mesh_shape, mesh_shape, strict=True)])


__all__ = ["create_device_mesh", "create_hybrid_device_mesh"]

_hide_frames_of(__name__)
