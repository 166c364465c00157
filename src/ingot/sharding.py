"""Meshes and shardings: how arrays are divided over devices, in JAX's terms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from ingot.api.axis_types import auto_axes, explicit_axes, reshard
from ingot.api.device_grids import device_grid
from ingot.api.devices import CPU, Device, devices as all_devices
from ingot.api.global_arrays import (
    make_array_from_callback,
    make_array_from_process_local_data,
    make_array_from_single_device_arrays,
)
from ingot.api.shard_map import INFER as Infer, shard_map, smap
from ingot.config import config
from ingot.core.interpreter import trace_state_clean
from ingot.core.manual import ManualAxisType
from ingot.core.mesh import (
    EMPTY_MESH,
    AbstractDevice,
    AbstractMesh,
    AxisType,
    Mesh,
    abstract_mesh,
    concrete_mesh,
)
from ingot.core.sharding import (
    NamedSharding,
    PositionalSharding,
    Sharding,
    SingleDeviceSharding,
)
from ingot.core.shards import Shard
from ingot.core.specs import PartitionSpec, UnreducedKind
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of


def make_mesh(axis_shapes: Sequence[int], axis_names: Any, axis_types: Any = None, *,
              devices: Any = None) -> Mesh:
    """Return a mesh of the first devices.

    axis_shapes: sizes of the axes; axis_names: a name for each; axis_types: an AxisType for each,
    by default Explicit; devices: by default all of this process -> a Mesh. Raises ValueError if
    the sizes are no ints, or multiply to more devices than there are.

    >>> ingot.make_mesh((1, 1), ("x", "y"))
    Mesh(axis_sizes=(1, 1), axis_names=('x', 'y'), axis_types=(Explicit, Explicit))
    """
    found = list(all_devices() if devices is None else devices)
    if not all(isinstance(n, (int, np.integer)) for n in axis_shapes):
        raise ValueError("`axis_sizes` passed to `make_mesh` should be a sequence of ints, got"
                         f" {axis_shapes!r:.80}")
    shape = tuple(map(int, axis_shapes))
    needed = math.prod(shape)
    if needed > len(found):
        raise ValueError(f"make_mesh: Number of devices {len(found)} must be >= the product of"
                         f" mesh_shape {shape}; the flag num_cpu_devices gives the CPU more names")
    grid = device_grid(found[:needed], shape)
    names = (axis_names,) if isinstance(axis_names, str) else tuple(axis_names)
    types = (AxisType.Explicit,) * len(names) if axis_types is None else axis_types
    return Mesh(grid, names, types)


def get_abstract_mesh() -> AbstractMesh:
    """Return the mesh that is set, without its devices; an empty one if there is none.

    -> an AbstractMesh; inside `jit` and `shard_map`, with the types that its axes have there.

    >>> ingot.get_abstract_mesh()
    AbstractMesh((), axis_types=())
    """
    return abstract_mesh()


def get_mesh() -> Mesh:
    """Return the mesh that `set_mesh` has set; an empty one if there is none.

    -> a Mesh. Raises ValueError inside `jit` and other transformations, which know no devices.

    >>> ingot.get_mesh()
    Mesh(axis_sizes=(), axis_names=())
    """
    if not trace_state_clean():
        raise ValueError("`get_mesh` can only be used outside of `jit` and other transformations;"
                         " inside, use `get_abstract_mesh()`")
    return concrete_mesh()


class set_mesh:  # noqa: N801 - a function, and a context
    """Set the mesh to which specs without a mesh refer, for all threads; None for no mesh.

    As a context, it sets the mesh before again at its end. Raises ValueError unless `mesh` is a
    Mesh or None, and inside `jit` and other transformations.

    >>> with ingot.set_mesh(ingot.make_mesh((1,), "x")):
    ...     ingot.get_abstract_mesh().shape_tuple
    (('x', 1),)
    """

    def __init__(self, mesh: Mesh | None):
        if not (mesh is None or isinstance(mesh, Mesh)):
            raise ValueError(f"set_mesh: Expected mesh of type `Mesh`, got {type(mesh)}")
        if mesh is not None and mesh.manual_axes:
            raise ValueError(f"set_mesh: {mesh} contains manual axes, {mesh.manual_axes}; these are"
                             " for programs inside shard_map")
        if not trace_state_clean():
            raise ValueError("`set_mesh` can only be used outside of `jit` and other"
                             " transformations; inside, use `use_abstract_mesh`")
        self._before = config.mesh
        config.update("mesh", None if mesh is EMPTY_MESH else mesh)

    def __enter__(self) -> None:
        """Keep the mesh set until the end of the context."""

    def __exit__(self, *_: Any) -> None:
        config.update("mesh", self._before)


use_mesh = set_mesh


def use_abstract_mesh(mesh: AbstractMesh) -> AbstractContextManager[None]:
    """Return a context in which specs refer to a mesh without devices, in this thread alone.

    mesh: an AbstractMesh -> a context manager. Raises ValueError for anything else, and for a mesh
    of another size than the one in force.

    >>> with ingot.use_abstract_mesh(ingot.sharding.AbstractMesh((2,), "x")):
    ...     ingot.get_abstract_mesh().size
    2
    """
    if not isinstance(mesh, AbstractMesh):
        raise ValueError(f"use_abstract_mesh: Expected mesh of type `AbstractMesh`, got"
                         f" {type(mesh)}")
    before = abstract_mesh()
    if not before.empty and not mesh.empty and before.size != mesh.size:
        raise ValueError(f"use_abstract_mesh cannot change the size of the mesh: got {mesh} of"
                         f" size {mesh.size} where {before} of size {before.size} is in force; use"
                         " set_mesh for other devices")
    return config.override("abstract_mesh", mesh)


def make_single_device_sharding(device: Device = CPU, *, memory_kind: str | None = None
                                ) -> SingleDeviceSharding:
    """Return the sharding that puts whole arrays on a device.

    device: by default the first; memory_kind: of its memory, by default the device's -> a
    SingleDeviceSharding. Raises ValueError for a kind that the device does not have.

    >>> ingot.sharding.make_single_device_sharding()
    SingleDeviceSharding(device=CpuDevice(id=0), memory_kind=device)
    """
    return SingleDeviceSharding(device, memory_kind=memory_kind)


__all__ = ["AbstractDevice", "AbstractMesh", "AxisType", "Infer", "ManualAxisType", "Mesh",
           "NamedSharding", "PartitionSpec",
           "PositionalSharding", "Shard", "Sharding", "SingleDeviceSharding", "UnreducedKind",
           "auto_axes", "explicit_axes", "get_abstract_mesh", "get_mesh",
           "make_array_from_callback", "make_array_from_process_local_data",
           "make_array_from_single_device_arrays", "make_mesh", "make_single_device_sharding",
           "reshard", "set_mesh", "shard_map", "smap", "use_abstract_mesh", "use_mesh"]

_hide_frames_of(__name__)
