"""Arrays made of their parts: from a function of indices, from parts on devices or in processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.api.devices import device_put, named
from ingot.api.formats import Format, Layout
from ingot.api.process_local import LocalAxes
from ingot.core.array import Array, fetch
from ingot.core.avals import ShapedArray
from ingot.core.devices import Device
from ingot.core.interpreter import Tracer
from ingot.core.placement import check_divisible, sharding_of, type_at
from ingot.core.processes import PROCESSES
from ingot.core.sharding import Index, Sharding, SingleDeviceSharding
from ingot.core.shards import assemble
from ingot.core.specs import PartitionSpec
from ingot.errors import UnexpectedTracerError
from ingot.tree import broadcast_prefix, tree_flatten, tree_unflatten


def _shape_of(shape: Any) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)


def make_array_from_callback(shape: Any, sharding: Sharding | Format,
                             data_callback: Callable[[Index | None], Any], *, dtype: Any = None
                             ) -> Array:
    """Return the array whose parts a function gives.

    shape: of the whole; sharding: one, or a Format with one; data_callback: the index of a part, a
    tuple of slices -> array of its shape, called once for each different part; dtype: of the parts,
    needed where there are none -> the array. Raises ValueError for parts of other shapes or dtypes,
    TypeError for other shardings, UnexpectedTracerError for traced parts.

    >>> place = ingot.sharding.make_single_device_sharding()
    >>> ingot.sharding.make_array_from_callback((3,), place, lambda index: np.arange(3.0)[index])
    Array([0., 1., 2.], dtype=float64)
    """
    title, shape = "jax.make_array_from_callback", _shape_of(shape)
    if isinstance(sharding, Format) and sharding.layout is Layout.AUTO:
        raise TypeError(f"{title}: `Layout.AUTO` cannot be used in place of a device-local layout,"
                        f" got {sharding}")
    place = sharding.sharding if isinstance(sharding, Format) else sharding
    if not isinstance(place, Sharding):
        raise TypeError(f"{title}: sharding should be an instance of `jax.sharding`, or a Format"
                        f" with one, got {place!r:.80}")
    parts: dict[Any, Any] = {}
    found: dict[Any, np.ndarray] = {}
    for device, index in place.addressable_devices_indices_map(shape).items():
        key = tuple((s.start, s.stop) for s in index)
        if key not in found:
            found[key] = _part(title, data_callback(index))
        parts[device] = found[key]
    return _assembled(title, shape, place, parts, dtype)


def _part(title: str, value: Any) -> np.ndarray:
    if isinstance(value, Tracer):
        raise UnexpectedTracerError(f"{title} cannot be called within a traced context: its parts"
                                    f" must have values, got one of type {value.aval}")
    data = fetch(value) if type(value) is Array else np.asarray(value)
    wanted: Any = dtypes.canonicalize_dtype(data.dtype)
    return data.astype(wanted, copy=False)


def _assembled(title: str, shape: tuple[int, ...], sharding: Sharding,
               parts: dict[Any, np.ndarray], dtype: Any) -> Array:
    wanted = sharding.shard_shape(shape)
    for device, part in parts.items():
        if part.shape != wanted:
            raise ValueError(f"{title}: Expected shard shape {wanted} doesn't match the single"
                             f" device array shape {part.shape}. Shape of Array is {shape}, its"
                             f" sharding {sharding}, the part is that of {device}")
    aval = ShapedArray(shape, _dtype_of(title, list(parts.values()), dtype))
    check_divisible(title, aval, sharding)
    return assemble(type_at(aval, sharding), sharding, parts)


def _dtype_of(title: str, parts: Sequence[np.ndarray], dtype: Any) -> Any:
    """Return the one dtype of the parts; ValueError if they have others than said, or none."""
    if not parts and dtype is None:
        raise ValueError("If the Array has no addressable shards, `dtype` must be provided via the"
                         f" `dtype` argument to `{title}`.")
    kinds = {part.dtype for part in parts}
    first: Any = dtypes.canonicalize_dtype(dtype) if not parts else parts[0].dtype
    if dtype is not None and dtypes.canonicalize_dtype(dtype) != first:
        raise ValueError(f"If `dtype` is provided to `{title}`, it must match the dtype of the"
                         f" addressable shards. Got dtype={dtype} and shards of {first}")
    if len(kinds) > 1:
        raise ValueError(f"{title}: Input buffers to `Array` must have matching dtypes. Got"
                         f" {', '.join(sorted(map(str, kinds)))}, expected {first}")
    return first


def make_array_from_single_device_arrays(shape: Any, sharding: Sharding, arrays: Sequence[Array], *,
                                         dtype: Any = None) -> Array:
    """Return the array whose parts are arrays on the devices of a sharding, one for each device.

    shape: of the whole; sharding: how it is divided; arrays: a list or tuple of one array for each
    device of this process; dtype: of the parts, needed where there are none -> the array. Raises
    TypeError unless these are arrays, ValueError if a device has none or several, and for parts of
    other shapes or dtypes.

    >>> x = ingot.device_put(1.5, ingot.devices()[0])
    >>> ingot.sharding.make_array_from_single_device_arrays((), x.sharding, [x])
    Array(1.5, dtype=float64)
    """
    title = "jax.make_array_from_single_device_arrays"
    if not isinstance(arrays, (list, tuple)):
        raise TypeError(f"{title} `arrays` argument must be a list or tuple, but got"
                        f" {type(arrays)}.")
    if any(isinstance(x, Tracer) for x in arrays):
        raise ValueError(f"{title} requires a list of concrete arrays as input, but got types"
                         f" {sorted({type(x).__name__ for x in arrays})}")
    parts, devices = [], []
    for x in arrays:
        if type(x) is not Array:
            raise TypeError(f"{title}: expected arrays, got {type(x)}; device_put makes one of it")
        found = sharding_of(x)._device_assignment
        if len(found) != 1:
            raise ValueError("When making an array from single-device arrays the input arrays must"
                             f" have one shard each. An argument array had {len(found)} shard(s).")
        parts.append(_part(title, x))
        devices.append(found[0])
    if not parts and dtype is None:
        _dtype_of(title, parts, dtype)
    check_parts_fit(sharding, devices)
    return _assembled(title, _shape_of(shape), sharding, dict(zip(devices, parts, strict=True)),
                      dtype)


def check_parts_fit(sharding: Sharding, devices: Sequence[Device]) -> None:
    """Raise ValueError unless these are the devices of this process that a sharding divides over.
    """
    wanted = sharding.addressable_devices
    if len(devices) != len(wanted):
        raise ValueError(f"Expected {len(wanted)} per-device arrays (this is how many devices are"
                         f" addressable by the sharding), but got {len(devices)}")
    have = set(devices)
    if len(have) != len(devices):
        raise ValueError("When making an array from single-device arrays, the input arrays must be"
                         f" from distinct devices, but got device IDs {[d.id for d in devices]}")
    if have == wanted:
        return
    without, beyond = {d.id for d in wanted - have}, {d.id for d in have - wanted}
    raise ValueError(
        "Addressable devices and per-device arrays devices do not match. Sharding contains devices"
        f" {without} that are not present in per-device arrays. Per-device arrays contain devices"
        f" {beyond} that are not present in the sharding.")


def make_array_from_process_local_data(sharding: Any, local_data: Any, global_shape: Any = None
                                       ) -> Any:
    """Return the array of which each process has a part; with one process, that is all of it.

    sharding: a device, a sharding, a spec for the mesh that is set, or a tree of them;
    local_data: this process's share of each axis of an array, or all of it, or a tree of them;
    global_shape: of the whole, None for axes whose length follows from the local data's, or a tree
    of shapes -> the array, or the tree of them. Raises ValueError for local data of another shape,
    and where processes have different shares of an axis.

    >>> place = ingot.sharding.make_single_device_sharding()
    >>> ingot.sharding.make_array_from_process_local_data(place, np.arange(3.0))
    Array([0., 1., 2.], dtype=float64)
    """
    leaves, tree = tree_flatten(local_data)
    shapes = broadcast_prefix(global_shape, local_data, is_leaf=_is_shape)
    if PROCESSES.count > 1:
        places = broadcast_prefix(sharding, local_data, is_leaf=_is_spec)
        return tree_unflatten(tree, [_from_share(s, x, shape) for s, x, shape in zip(
            places, leaves, shapes, strict=True)])
    for wanted, leaf in zip(shapes, leaves, strict=True):
        if wanted is not None and _shape_of(wanted) != np.shape(leaf):
            raise ValueError(
                "When calling `make_array_from_process_local_data` on a single process,"
                " global_shape should be None or equal to local_data.shape. Got"
                f" global_shape={wanted} and local_data.shape={np.shape(leaf)}.")
    return device_put(local_data, sharding)


def _from_share(place: Any, x: Any, global_shape: Any) -> Array:
    """The array of which each of several processes gives its share."""
    title = "make_array_from_process_local_data"
    data = fetch(x) if type(x) is Array else np.asarray(x)
    sharding = SingleDeviceSharding(place) if isinstance(place, Device) else named(title, place)
    axes = LocalAxes(title, sharding, data.ndim)
    shape = axes.global_shape(data.shape, None if global_shape is None else _shape_of(global_shape))
    return make_array_from_callback(
        shape, sharding, lambda index: data[axes.in_local_data(index or (), shape, data.shape)])


def _is_spec(x: Any) -> bool:
    return isinstance(x, (Sharding, PartitionSpec, Device))


def _is_shape(x: Any) -> bool:
    return x is None or isinstance(x, (int, tuple))
