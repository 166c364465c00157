"""Arrays made of their parts: from a function of indices, from parts on devices or in processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.array import Array, fetch
from ingot.core.avals import ShapedArray
from ingot.core.placement import check_divisible, sharding_of, type_at
from ingot.core.sharding import Index, Sharding
from ingot.core.shards import assemble


def _shape_of(shape: Any) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)


def make_array_from_callback(shape: Any, sharding: Sharding,
                             data_callback: Callable[[Index | None], Any], *, dtype: Any = None
                             ) -> Array:
    """Return the array whose parts a function gives.

    shape: of the whole; sharding: how it is divided; data_callback: the index of a part, a tuple
    of slices -> array of its shape, called once for each different part; dtype: by default that of
    the parts -> the array. Raises
    ValueError for parts of other shapes, and where parts would not be equal.

    >>> place = ingot.sharding.make_single_device_sharding()
    >>> ingot.sharding.make_array_from_callback((3,), place, lambda index: np.arange(3.0)[index])
    Array([0., 1., 2.], dtype=float64)
    """
    shape = _shape_of(shape)
    parts: dict[Any, Any] = {}
    found: dict[Any, np.ndarray] = {}
    for device, index in sharding.addressable_devices_indices_map(shape).items():
        key = tuple((s.start, s.stop) for s in index)
        if key not in found:
            found[key] = _part(data_callback(index), dtype)
        parts[device] = found[key]
    return _assembled("make_array_from_callback", shape, sharding, parts)


def _part(value: Any, dtype: Any) -> np.ndarray:
    data = fetch(value) if type(value) is Array else np.asarray(value)
    wanted: Any = dtypes.canonicalize_dtype(data.dtype if dtype is None else dtype)
    return data.astype(wanted, copy=False)


def _assembled(title: str, shape: tuple[int, ...], sharding: Sharding,
               parts: dict[Any, np.ndarray]) -> Array:
    wanted = sharding.shard_shape(shape)
    for device, part in parts.items():
        if part.shape != wanted:
            raise ValueError(f"{title}: Expected shard shape {wanted} doesn't match the single"
                             f" device array shape {part.shape}. Shape of Array is {shape}, its"
                             f" sharding {sharding}, the part is that of {device}")
    kinds = {part.dtype for part in parts.values()}
    if len(kinds) != 1:
        raise ValueError(f"{title}: parts must have one dtype, got {sorted(map(str, kinds))}; pass"
                         " dtype= where there are no parts")
    aval = ShapedArray(shape, kinds.pop())
    check_divisible(title, aval, sharding)
    return assemble(type_at(aval, sharding), sharding, parts)


def make_array_from_single_device_arrays(shape: Any, sharding: Sharding, arrays: Sequence[Array], *,
                                         dtype: Any = None) -> Array:
    """Return the array whose parts are arrays on the devices of a sharding, one for each device.

    shape: of the whole; sharding: how it is divided; arrays: a sequence of one array for each
    device of this process; dtype: needed where there are none -> the array. Raises TypeError unless
    these are arrays, ValueError if a device has none or several, and for
    parts of other shapes or dtypes.

    >>> x = ingot.device_put(1.5, ingot.devices()[0])
    >>> ingot.sharding.make_array_from_single_device_arrays((), x.sharding, [x])
    Array(1.5, dtype=float64)
    """
    if not isinstance(arrays, Sequence):
        raise TypeError("make_array_from_single_device_arrays: `arrays` argument should be a"
                        f" sequence, got {type(arrays)}")
    parts: dict[Any, np.ndarray] = {}
    for x in arrays:
        if type(x) is not Array:
            raise TypeError("make_array_from_single_device_arrays: expected arrays, got"
                            f" {type(x)}; device_put makes one of it")
        devices = sharding_of(x)._device_assignment
        if len(devices) != 1:
            raise ValueError("When making an array from single-device arrays the input arrays must"
                             f" have one shard each, but one of them had {len(devices)}")
        parts[devices[0]] = _part(x, dtype)
    if len(parts) != len(arrays) or set(parts) != sharding.addressable_devices:
        raise ValueError(
            f"make_array_from_single_device_arrays: expected one array on each of the"
            f" {len(sharding.addressable_devices)} addressable devices of {sharding}, got"
            f" {len(arrays)} on {sorted(map(str, parts))}")
    return _assembled("make_array_from_single_device_arrays", _shape_of(shape), sharding, parts)


def make_array_from_process_local_data(sharding: Any, local_data: Any, global_shape: Any = None
                                       ) -> Any:
    """Return the array of which each process has a part; with one process, that is all of it.

    sharding: one, or a tree of them; local_data: an array or a tree of them; global_shape: by
    default that of the local data where one process has all -> the array, or the tree of them.
    Raises ValueError for local data of another shape.

    >>> place = ingot.sharding.make_single_device_sharding()
    >>> ingot.sharding.make_array_from_process_local_data(place, np.arange(3.0))
    Array([0., 1., 2.], dtype=float64)
    """
    data = np.asarray(fetch(local_data) if type(local_data) is Array else local_data)
    shape = data.shape if global_shape is None else tuple(
        n if wanted is None else wanted
        for n, wanted in zip(data.shape, _shape_of(global_shape), strict=True))
    if shape != data.shape:
        raise ValueError(f"make_array_from_process_local_data: local data of shape {data.shape} is"
                         f" not what this process holds of an array of shape {shape} with"
                         f" {sharding}")
    return make_array_from_callback(shape, sharding, lambda index: data[index])
