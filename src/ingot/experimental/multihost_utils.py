"""What several processes tell each other: values gathered, broadcast, compared, and waited for."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from ingot.api.devices import device_get, device_put, devices
from ingot.api.global_arrays import make_array_from_callback, make_array_from_process_local_data
from ingot.api.jit import jit
from ingot.api.process_local import gathered
from ingot.core.array import Array, fetch
from ingot.core.mesh import Mesh
from ingot.core.placement import sharding_of
from ingot.core.processes import PROCESSES
from ingot.core.sharding import NamedSharding
from ingot.core.shards import local_shards
from ingot.core.specs import PartitionSpec
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.tree import broadcast_prefix, tree_flatten, tree_leaves, tree_map, tree_unflatten


def _is_global(x: Any) -> bool:
    return type(x) is Array and not sharding_of(x).is_fully_addressable


def _mesh() -> Mesh:
    """All devices: a row for each process."""
    grid = np.array(devices(), dtype=object).reshape(PROCESSES.count, -1)
    return Mesh(grid, ("processes", "devices"))


def _rows(x: np.ndarray) -> Array:
    """An array with one row for each process, which is what the process gave."""
    sharding = NamedSharding(_mesh(), PartitionSpec("processes"))
    return make_array_from_process_local_data(sharding, x[None])


def _everywhere(x: Array) -> np.ndarray:
    """All elements of an array that lies on devices of several processes."""
    sharding = sharding_of(x)
    if not sharding.is_fully_replicated:
        named = isinstance(sharding, NamedSharding)
        x = device_put(x, sharding.update(spec=PartitionSpec()) if named else sharding.replicated())
    return fetch(x)


# ---- gathered and broadcast ----------------------------------------------------------------------
def process_allgather(in_tree: Any, tiled: bool = False) -> Any:
    """Gather the arrays of all processes; each process gets all of them.

    in_tree: arrays [n, ...] of the same shape in all processes -> NumPy arrays [processes, n, ...],
    or, if tiled, [processes * n, ...], and [processes] for scalars. An array whose parts are in
    several processes is one array, of which all elements are given; that needs tiled=True, or
    ValueError is raised.

    >>> from ingot.experimental import multihost_utils
    >>> multihost_utils.process_allgather(jnp.arange(2))
    array([[0, 1]])
    """
    return tree_map(lambda x: _gathered(x, tiled), in_tree)


def _gathered(x: Any, tiled: bool) -> np.ndarray:
    if _is_global(x):
        if not tiled:
            raise ValueError(
                "process_allgather: Gathering global non-fully-addressable arrays only supports"
                f" tiled=True, got one of type {x.aval}")
        return _everywhere(x)
    data = np.asarray(device_get(x))
    if PROCESSES.count == 1:
        return data if tiled else data[None]
    rows = _everywhere(_rows(data))
    return rows.reshape(-1, *data.shape[1:]) if tiled and data.ndim else rows


def _combined(rows: Array) -> np.ndarray:
    return _everywhere(jit(_sum_of_rows)(rows))


def _sum_of_rows(x: Any) -> Any:
    return x.sum(0, dtype=x.dtype)


def broadcast_one_to_all(in_tree: Any, is_source: bool | None = None) -> Any:
    """Give all processes the arrays that one of them has.

    in_tree: arrays of the same shapes and dtypes in all processes; is_source: whether this is the
    process whose arrays are given, by default number 0 -> NumPy arrays, equal bit by bit.

    >>> from ingot.experimental import multihost_utils
    >>> multihost_utils.broadcast_one_to_all({"a": jnp.arange(2)})
    {'a': array([0, 1])}
    """
    if PROCESSES.count == 1:
        return tree_map(lambda x: np.asarray(device_get(x)), in_tree)
    source = PROCESSES.index == 0 if is_source is None else is_source

    def one(x: Any) -> np.ndarray:
        data = np.asarray(_everywhere(x) if _is_global(x) else device_get(x))
        bits = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
        found = _combined(_rows(bits if source else np.zeros_like(bits)))
        return np.frombuffer(found.tobytes(), data.dtype).reshape(data.shape).copy()

    return tree_map(one, in_tree)


# ---- compared and waited for ---------------------------------------------------------------------
def sync_global_devices(name: str) -> None:
    """Wait until all processes have come to the place of this name.

    Raises AssertionError if they wait at places of different names.

    >>> from ingot.experimental import multihost_utils
    >>> multihost_utils.sync_global_devices("a checkpoint is written")
    """
    assert_equal(np.uint32(zlib.crc32(name.encode())),
                 f"sync_global_devices name mismatch ('{name}')")


def assert_equal(in_tree: Any, fail_message: str = "") -> None:
    """Raise AssertionError, with a message, unless all processes have the same arrays.

    >>> from ingot.experimental import multihost_utils
    >>> multihost_utils.assert_equal(jnp.arange(2), "shapes of batches")
    """
    for x in tree_leaves(in_tree):
        mine = np.asarray(x.addressable_data(0) if _is_global(x) else device_get(x))
        rows = _gathered(mine, tiled=False)
        for index, row in enumerate(rows):
            if not np.array_equal(mine, row):
                raise AssertionError(
                    f"{fail_message}. Processes have different values: process {index} has {row},"
                    f" process {PROCESSES.index} has {mine}")


def reached_preemption_sync_point(step_id: int) -> bool:
    """Tell whether all processes are to write a checkpoint as one of them will be ended: no, for
    notices of schedulers are not received.

    >>> from ingot.experimental import multihost_utils
    >>> multihost_utils.reached_preemption_sync_point(3)
    False
    """
    return False


# ---- local and global arrays ---------------------------------------------------------------------
def host_local_array_to_global_array(local_inputs: Any, global_mesh: Mesh, pspecs: Any) -> Any:
    """Make arrays over a mesh of all processes from what each process has of them.

    local_inputs: a pytree of arrays; pspecs: a PartitionSpec, or a tree of them that is a prefix of
    local_inputs -> the tree of whole arrays; those that lie in several processes already stay as
    they are. Raises ValueError for None as spec, and where processes have different shares.

    >>> from ingot.experimental import multihost_utils
    >>> multihost_utils.host_local_array_to_global_array(
    ...     np.arange(4), ingot.make_mesh((2,), "x"), ingot.P("x"))
    Array([0, 1, 2, 3], dtype=int64)
    """
    def one(x: Any, spec: PartitionSpec) -> Any:
        if _is_global(x):
            return x
        return make_array_from_process_local_data(NamedSharding(global_mesh, spec), x)

    return _with_specs("host_local_array_to_global_array", one, local_inputs, pspecs)


def global_array_to_host_local_array(global_inputs: Any, global_mesh: Mesh, pspecs: Any) -> Any:
    """Make arrays of what this process has of arrays over a mesh of all processes.

    global_inputs: a pytree of arrays; pspecs: by which they are divided first, a PartitionSpec or a
    prefix of the tree -> arrays over the part of the mesh that this process has; those that lie in
    this process alone stay as they are. Raises ValueError for None as spec, and where the devices
    of this process are no block of the mesh.

    >>> from ingot.experimental import multihost_utils
    >>> multihost_utils.global_array_to_host_local_array(
    ...     jnp.arange(4), ingot.make_mesh((2,), "x"), ingot.P("x"))
    Array([0, 1, 2, 3], dtype=int64)
    """
    title = "global_array_to_host_local_array"

    def one(x: Any, spec: PartitionSpec) -> Any:
        if not _is_global(x):
            return x
        sharding = NamedSharding(global_mesh, spec)
        shards = local_shards(device_put(x, sharding))
        parts = [(s.index, fetch(s.data)) for s in shards if s.data is not None]
        data = gathered(title, sharding, x.shape, parts, x.dtype)
        return make_array_from_callback(
            data.shape, NamedSharding(global_mesh.local_mesh, spec), lambda index: data[index])

    return _with_specs(title, one, global_inputs, pspecs)


def _with_specs(title: str, fun: Callable[[Any, PartitionSpec], Any], arrays: Any, pspecs: Any
                ) -> Any:
    def is_spec(x: Any) -> bool:
        return x is None or isinstance(x, PartitionSpec)

    leaves, tree = tree_flatten(arrays)
    specs = broadcast_prefix(pspecs, arrays, is_leaf=is_spec)
    if any(s is None for s in specs):
        raise ValueError(f"{title}: `None` is not a valid input to the pspecs argument; use"
                         " PartitionSpec() for arrays that all devices hold wholly")
    return tree_unflatten(tree, [fun(x, s) for x, s in zip(leaves, specs, strict=True)])


__all__ = ["assert_equal", "broadcast_one_to_all", "global_array_to_host_local_array",
           "host_local_array_to_global_array", "process_allgather",
           "reached_preemption_sync_point", "sync_global_devices"]

_hide_frames_of(__name__)
