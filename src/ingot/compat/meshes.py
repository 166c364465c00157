"""`jax.experimental` for several devices and processes: meshes, shard_map, pjit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.api.devices import Format, devices as all_devices
from ingot.api.jit import jit as pjit
from ingot.api.shard_map import shard_map_auto as shard_map
from ingot.sharding import Mesh, PartitionSpec
from ingot.tree import tree_map

Layout = Format


def create_device_mesh(mesh_shape: Sequence[int], devices: Any = None, **_: Any) -> np.ndarray:
    """The devices in an array of this shape: ValueError unless there are as many."""
    found = np.array(all_devices() if devices is None else devices, dtype=object)
    if int(np.prod(mesh_shape, dtype=int)) != found.size:
        raise ValueError(f"create_device_mesh: shape {tuple(mesh_shape)} does not take"
                         f" {found.size} devices")
    return found.reshape(tuple(mesh_shape))


def sync_global_devices(name: str) -> None:
    """Wait for the other processes: there are none."""


def broadcast_one_to_all(in_tree: Any, is_source: bool | None = None) -> Any:
    """What process 0 has: the same."""
    return in_tree


def process_allgather(in_tree: Any, tiled: bool = False) -> Any:
    """What all processes have, along a new axis (or the first, if tiled)."""
    return tree_map(lambda x: np.asarray(x) if tiled else np.asarray(x)[None], in_tree)


def assert_equal(in_tree: Any, fail_message: str = "") -> None:
    """Whether all processes have the same: there is one."""


__all__ = ["Format", "Layout", "Mesh", "PartitionSpec", "pjit", "shard_map"]
