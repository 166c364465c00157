"""Methods and properties of arrays, and the functions of those that need one of their own."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy import ndarray

from ingot import dtypes
from ingot.api.devices import CPU, Device, block_until_ready, device_put
from ingot.api.formats import format_of
from ingot.core.array import (
    OWNERS,
    Array,
    delete,
    fetch,
    is_deleted,
    make_contiguous,
    to_host,
)
from ingot.core.interpreter import Tracer
from ingot.core.placement import is_committed, sharding_of
from ingot.core.sharding import ON_CPU
from ingot.core.shards import local_shards, shards
from ingot.numpy import (
    creation,
    logic,
    manipulation,
    means,
    nanreductions,
    nonzero,
    products,
    rearranging,
    reductions,
    rounding,
    sorting,
    triangles,
)
from ingot.numpy.at import IndexUpdateHelper
from ingot.numpy.concrete import concrete_array
from ingot.numpy.views import byteswap, view


def to_numpy(self: Any, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    """Return the elements as an ndarray that cannot be written to, or a copy.

    dtype: to convert to; copy: whether to copy always -> ndarray [...]. Raises TypeError for PRNG
    keys, TracerArrayConversionError for traced values.

    >>> np.asarray(jnp.array([1, 2]))
    array([1, 2])
    """
    data = concrete_array(self, "array")._data
    if type(data) is not ndarray:
        data = to_host(data)
    if dtypes.is_key_dtype(self.aval.dtype):
        raise TypeError(f"{self.aval}: PRNG keys have no NumPy form; use random.key_data")
    if dtype is not None and np.dtype(dtype) != data.dtype:
        return data.astype(dtype)
    if copy:
        return data.copy()
    data = data.view()
    data.flags.writeable = False
    return data


def _reshape(self: Any, *args: Any, order: str = "C", out_sharding: Any = None) -> Any:
    """Give the elements another shape, in the same order.

    args: lengths, or a tuple of them, one may be -1; order: as for `jnp.reshape`, with the same
    errors; out_sharding: how Explicit axes divide the result -> [*args] of the same dtype.

    >>> jnp.arange(6).reshape(2, -1)
    Array([[0, 1, 2],
           [3, 4, 5]], dtype=int64)
    """
    shape = args[0] if len(args) == 1 else args
    return manipulation.reshape(self, shape, order, out_sharding=out_sharding)


def _transpose(self: Any, *args: Any) -> Any:
    """Reorder the axes, by default reverse them.

    args: for each axis of the result the one of the array, or a tuple of them -> the same dtype.
    Raises ValueError unless each axis is named once.

    >>> jnp.ones((2, 3, 4)).transpose(1, 2, 0).shape
    (3, 4, 2)
    """
    axes = args[0] if len(args) == 1 and not isinstance(args[0], (int, np.integer)) else args
    return manipulation.transpose(self, axes or None)


def _tobytes(self: Any, order: Literal["K", "A", "C", "F"] | None = "C") -> bytes:
    r"""Return the bytes of the elements.

    order: "C" row by row, "F" column by column -> bytes. Raises TracerArrayConversionError for
    traced values.

    >>> jnp.array([1, 2], "int16").tobytes()
    b'\x01\x00\x02\x00'
    """
    return to_numpy(self).tobytes(order)


def _item(self: Any, *args: int) -> Any:
    """Return an element as a Python number.

    args: its indices, or its place in the flattened array; none if there is only one -> bool, int,
    float or complex. Raises ValueError for several elements without, ConcretizationTypeError for
    traced values.

    >>> jnp.array([[1, 2]]).item(0, 1)
    2
    """
    data = fetch(concrete_array(self, "item"))
    if not args and data.size != 1:
        raise ValueError(
            f"item: only arrays of one element become a Python scalar, got {self.aval}")
    return data.item(*args)


def _argsort(self: Any, axis: int | None = -1, **kwargs: Any) -> Any:
    """Return the indices that sort along an axis.

    axis, kwargs: as for `jnp.argsort`, with the same errors -> the shape of the array, of the
    default integer.

    >>> jnp.array([3, 1, 2]).argsort()
    Array([1, 2, 0], dtype=int64)
    """
    return sorting.argsort(self, axis, **kwargs)


def _sort(self: Any, axis: int | None = -1, **kwargs: Any) -> Any:
    """Sort elements along an axis; the array itself stays as it is.

    axis, kwargs: as for `jnp.sort`, with the same errors -> the same shape and dtype.

    >>> jnp.array([3, 1, 2]).sort()
    Array([1, 2, 3], dtype=int64)
    """
    return sorting.sort(self, axis, **kwargs)


def _astype(self: Any, dtype: Any = None, copy: bool = False, device: Any = None) -> Any:
    """Convert the elements to a dtype.

    dtype: the default float if None; copy, device: without effect -> [...] of `dtype`, as
    `jnp.astype`.

    >>> jnp.array([1.7, -1.7]).astype(int)
    Array([ 1, -1], dtype=int64)
    """
    return creation.astype(self, dtype)


def _clip(self: Any, min: Any = None, max: Any = None) -> Any:
    """Limit elements to [min, max].

    min, max: numbers, arrays that broadcast, or None -> as `jnp.clip`, with the same errors.

    >>> jnp.array([-1, 2, 5]).clip(0, 3)
    Array([0, 2, 3], dtype=int64)
    """
    return logic.clip(self, min, max)


def _squeeze(self: Any, axis: Any = None) -> Any:
    """Remove axes of length 1.

    axis: which ones, by default all -> the same elements and dtype. Raises ValueError for axes of
    other lengths.

    >>> jnp.ones((1, 2)).squeeze().shape
    (2,)
    """
    return manipulation.squeeze(self, axis)


def _flatten(self: Any, order: str = "C", *, out_sharding: Any = None) -> Any:
    """Put the elements in one axis.

    order: "C" row by row, "F" column by column; out_sharding: how Explicit axes divide the result
    -> [size] of the same dtype. Raises as `jnp.ravel`.

    >>> jnp.array([[1, 2], [3, 4]]).flatten("F")
    Array([1, 3, 2, 4], dtype=int64)
    """
    return manipulation.ravel(self, order)


def _to_device(self: Any, device: Any, *, stream: Any = None) -> Any:
    """Return the array on a device.

    device: one of `ingot.devices()`, or a sharding; stream: without effect -> the same shape and
    dtype. Raises ValueError for others.

    >>> jnp.array([1.0]).to_device(ingot.devices()[0])
    Array([1.], dtype=float64)
    """
    if not (isinstance(device, Device) or hasattr(device, "device_set")):
        raise ValueError(f"to_device: expected one of ingot.devices(), got {device!r}")
    if type(self) is Array and device in (sharding_of(self), _device(self)):
        return self  # it is there
    return device_put(self, device)


def _same(self: Any) -> Any:
    """Return the array itself, as it is immutable -> the same array.

    >>> jnp.array([1]).clone()
    Array([1], dtype=int64)
    """
    return self


def _owner(self: Any) -> Any:
    """The back end that owns an array's memory; None for traced values, and for ndarrays."""
    return OWNERS.get(type(self._data)) if type(self) is Array else None


def _sharding(self: Any) -> Any:
    """Where the parts of the array are; of traced values, how their types say they are divided."""
    return sharding_of(self) if type(self) is Array else self.aval.sharding


def _format(self: Any) -> Any:
    """How the elements lie in memory, row by row, and where."""
    return format_of(self.aval, _sharding(self))


def _device(self: Any) -> Any:
    """The device of the elements, or their sharding if there are several."""
    sharding = ON_CPU if isinstance(self, Tracer) else sharding_of(self)
    return sharding._device_assignment[0] if sharding.num_devices == 1 else sharding


def _block_until_ready(self: Any) -> Any:
    """Wait until the elements are computed -> the array itself.

    >>> jnp.array([1]).block_until_ready()
    Array([1], dtype=int64)
    """
    if type(self) is Array and type(self._data) is not np.ndarray:
        block_until_ready(self)
    return self


def _is_ready(self: Any) -> bool:
    """Return whether the elements are computed -> a bool.

    >>> jnp.array([1]).is_ready()
    True
    """
    owner = _owner(self)
    return owner is None or owner.ready(self._data)


def _of_array(function: Any, traced: Any) -> Any:
    """The function of an array, or what it is for traced values, of which nothing is known."""
    return lambda self: function(self) if type(self) is Array else traced


def _addressable_data(self: Any, index: int) -> Any:
    """Return the part on one of the devices of this process, as an array there.

    index: which device -> [...] of the same dtype. Raises IndexError for other devices.

    >>> jnp.array([1]).addressable_data(0)
    Array([1], dtype=int64)
    """
    return local_shards(self)[index].data


def _nothing(self: Any) -> None:
    """Do nothing, as elements are copied when they are asked for -> None.

    >>> jnp.array([1]).copy_to_host_async()
    """
    return None


def _delete(self: Any) -> None:
    """Free the memory now, unless other arrays share it -> None; later uses raise RuntimeError.

    >>> x = jnp.array([1])
    >>> x.delete()
    >>> x.is_deleted()
    True
    """
    if type(self) is Array:
        delete(self)


def _is_deleted(self: Any) -> bool:
    """Return whether `delete` was called -> a bool.

    >>> jnp.array([1]).is_deleted()
    False
    """
    return type(self) is Array and is_deleted(self)


def _buffer_pointer(self: Any) -> int:
    """Return the address of the elements, row by row; it is good for as long as the array.

    -> an int. Raises TracerArrayConversionError for traced values.

    >>> jnp.array([1]).unsafe_buffer_pointer() % 8
    0
    """
    x = concrete_array(self, "array")
    data = fetch(x)
    return (data if data.flags.c_contiguous else make_contiguous(x)).ctypes.data


def _compress(self: Any, condition: Any, axis: int | None = None, **kwargs: Any) -> Any:
    """Return the slices along an axis where a condition holds.

    condition, axis, kwargs: as for `jnp.compress`, with the same errors -> [..., size, ...].

    >>> jnp.array([1, 5, 2]).compress(jnp.array([False, True, True]))
    Array([5, 2], dtype=int64)
    """
    return sorting.compress(condition, self, axis, **kwargs)


def _copy(self: Any) -> Any:
    """Copy the array -> the same shape and dtype.

    >>> jnp.array([1, 2]).copy()
    Array([1, 2], dtype=int64)
    """
    return creation.array(self)


def _tolist(self: Any) -> Any:
    """Return the elements as Python numbers, in nested lists, one for each axis.

    -> a list, or a number. Raises TracerArrayConversionError for traced values.

    >>> jnp.array([[1, 2], [3, 4]]).tolist()
    [[1, 2], [3, 4]]
    """
    return fetch(concrete_array(self, "array")).tolist()


def _devices(self: Any) -> Any:
    """Return the devices that the elements are on -> a set.

    >>> len(jnp.array([1]).devices())
    1
    """
    return sharding_of(self).device_set if type(self) is Array else {CPU}


def _bytes_on_device(self: Any) -> int:
    """Return how many bytes the elements take -> an int.

    >>> jnp.ones(3).on_device_size_in_bytes()
    24
    """
    return self.aval.nbytes


def _flat(self: Any) -> Any:
    """The elements in one axis, row by row."""
    return manipulation.ravel(self)


def _reversed_axes(self: Any) -> Any:
    """The array with its axes reversed."""
    return manipulation.transpose(self)


def _nbytes(self: Any) -> int:
    """How many bytes the elements take."""
    return self.aval.nbytes


def _itemsize(self: Any) -> int:
    """How many bytes an element takes."""
    return self.aval.storage.itemsize


METHODS: dict[str, Any] = {
    "all": reductions.all, "any": reductions.any, "argmax": reductions.argmax,
    "argmin": reductions.argmin, "argpartition": sorting.argpartition, "argsort": _argsort,
    "astype": _astype, "choose": sorting.choose, "clip": _clip,
    "compress": _compress,
    "conj": rounding.conj, "conjugate": rounding.conjugate,
    "copy": _copy, "cumprod": nanreductions.cumprod,
    "cumsum": nanreductions.cumsum, "diagonal": triangles.diagonal, "dot": products.dot,
    "flatten": _flatten, "item": _item, "max": reductions.max, "mean": means.mean,
    "min": reductions.min, "nonzero": nonzero.nonzero, "prod": reductions.prod,
    "ptp": reductions.ptp, "ravel": manipulation.ravel, "repeat": rearranging.repeat,
    "reshape": _reshape, "round": rounding.round, "searchsorted": sorting.searchsorted,
    "sort": _sort, "squeeze": _squeeze, "std": means.std, "sum": reductions.sum,
    "swapaxes": manipulation.swapaxes, "take": sorting.take,
    "tobytes": _tobytes,
    "tolist": _tolist,
    "trace": triangles.trace, "transpose": _transpose, "var": means.var, "view": view,
    "byteswap": byteswap,
    "clone": _same, "block_until_ready": _block_until_ready, "copy_to_host_async": _nothing,
    "to_device": _to_device, "delete": _delete, "is_deleted": _is_deleted,
    "is_ready": _is_ready, "devices": _devices,
    "on_device_size_in_bytes": _bytes_on_device,
    "addressable_data": _addressable_data, "unsafe_buffer_pointer": _buffer_pointer,
}

PROPERTIES: dict[str, Any] = {
    "T": _reversed_axes, "mT": manipulation.matrix_transpose,
    "real": rounding.real, "imag": rounding.imag, "at": IndexUpdateHelper,
    "flat": _flat, "nbytes": _nbytes,
    "itemsize": _itemsize, "device": _device,
    "sharding": _sharding, "format": _format, "committed": _of_array(is_committed, False),
    "_committed": _of_array(is_committed, False),
    "is_fully_addressable": _of_array(lambda x: sharding_of(x).is_fully_addressable, True),
    "is_fully_replicated": _of_array(lambda x: sharding_of(x).is_fully_replicated, True),
    "addressable_shards": local_shards, "global_shards": shards,
}
