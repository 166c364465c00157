"""`jax.experimental` for several devices: meshes, shard_map, pjit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.api.devices import devices as all_devices
from ingot.api.pjit import pjit
from ingot.api.shard_map import shard_map_auto as shard_map
from ingot.core.mesh import EMPTY_MESH, entered_mesh
from ingot.sharding import Mesh, PartitionSpec


def create_device_mesh(mesh_shape: Sequence[int], devices: Any = None, **_: Any) -> np.ndarray:
    """The devices in an array of this shape: ValueError unless there are as many."""
    found = np.array(all_devices() if devices is None else devices, dtype=object)
    if int(np.prod(mesh_shape, dtype=int)) != found.size:
        raise ValueError(f"create_device_mesh: shape {tuple(mesh_shape)} does not take"
                         f" {found.size} devices")
    return found.reshape(tuple(mesh_shape))


class _Environment:
    """What JAX keeps of the meshes that are entered as contexts."""

    @property
    def physical_mesh(self) -> Mesh:
        """The mesh that is entered, else the one that is set."""
        return entered_mesh()


class _ThreadResources:
    env = _Environment()


class EMPTY_ENV:
    """What JAX keeps while no mesh is entered."""

    physical_mesh = EMPTY_MESH


thread_resources = _ThreadResources()
empty_concrete_mesh = EMPTY_MESH

__all__ = ["Mesh", "PartitionSpec", "pjit", "shard_map"]
