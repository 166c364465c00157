"""Array: an immutable buffer with its type. NumPy's operators come from `numpy/methods.py`."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import numpy as np

from ingot import dtypes
from ingot.config import config
from ingot.core.avals import ShapedArray
from ingot.core.devices import Device
from ingot.core.transfers import guard

if TYPE_CHECKING:
    from ingot.core.array_members import ArrayMembers as _Members
else:
    _Members = object


class _ArrayMeta(type):
    """Makes tracers count as instances of `Array`, as users expect of `isinstance`."""

    def __instancecheck__(cls, instance: Any) -> bool:
        if type.__instancecheck__(cls, instance):
            return True
        return cls.__name__ == "Array" and isinstance(instance, ArrayBase)


class ArrayBase(_Members):
    """What arrays and tracers have in common; `numpy/methods.py` hangs the operators here."""

    __slots__ = ("__weakref__",)
    __array_priority__ = 100

    aval: ShapedArray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.aval.shape

    @property
    def dtype(self) -> Any:
        return self.aval.dtype

    @property
    def ndim(self) -> int:
        return len(self.aval.shape)

    @property
    def size(self) -> int:
        return self.aval.size

    @property
    def weak_type(self) -> bool:
        return self.aval.weak_type


class Array(ArrayBase, metaclass=_ArrayMeta):
    """An immutable array: a dtype, a shape, and memory of the back end that holds its elements.

    Arrays are made by `ingot.numpy` and by programs; they have NumPy's attributes, methods and
    operators, and `x.at[index].set(value)` for a changed copy. data, aval: a buffer of the back end
    and its type.

    >>> x = ingot.numpy.arange(3.0)
    >>> x.at[0].set(7.0)
    Array([7., 1., 2.], dtype=float64)
    """

    __slots__ = ("_data", "aval")

    def __init__(self, data: np.ndarray, aval: ShapedArray):
        self._data = data
        self.aval = aval

    def __reduce__(self) -> Any:
        return _rebuild, (fetch(self), self.aval.unplaced())


def _rebuild(data: np.ndarray, aval: ShapedArray) -> Array:
    return Array(data, aval)


OWNERS: dict[type, Any] = {}
"""The back end of each type of buffer but ndarrays, written by `core.backend.register_backend`."""


CHOOSERS: list[Any] = []
"""The function from the name of a back end or platform, None for the chosen one, to the back end:
the last one; `core.backend` writes it."""


def fetch(x: Array) -> np.ndarray:
    """Return the elements of an array as an ndarray, which is its buffer if it is on the CPU."""
    data = x._data
    if type(data) is np.ndarray:
        return data
    if config.transfer_guard_device_to_host is not None and OWNERS[type(data)].platform != "cpu":
        guard("device_to_host", x.aval)
    return to_host(data)


def to_host(buffer: Any) -> np.ndarray:
    """Return the elements of a buffer of any back end as an ndarray."""
    owner = OWNERS.get(type(buffer))
    return buffer if owner is None else owner.fetch(buffer)


def from_numpy(x: Any) -> Array:
    """An Array with a copy of NumPy data, 64-bit types narrowed when 64 bit is off."""
    if not isinstance(x, (np.ndarray, np.generic)):
        x = np.asarray(x)
    elif isinstance(x, np.ma.MaskedArray):
        raise ValueError("masked arrays of NumPy are not supported: their masks would be lost; use"
                         " filled() or an array of booleans beside the data")
    dtype: Any = x.dtype if x.dtype == dtypes.float0 else dtypes.canonicalize_dtype(x.dtype)
    data = np.array(x, dtype=dtype, copy=True, order="C")
    return Array(data, ShapedArray(data.shape, dtype))


class Deleted:
    """Stands for the buffer of an array that was given away; every use is an error."""

    __slots__ = ("_type",)

    def __init__(self, aval: ShapedArray | None = None):
        self._type = "" if aval is None else (
            f" with shape={aval.dtype}[{','.join(map(str, aval.shape))}]")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and not name.startswith("__array"):
            raise AttributeError(name)  # Python asks what kind of object this is
        raise RuntimeError(
            f"Array has been deleted{self._type}. Its memory was given away (by donate_argnums or"
            " delete()); use the result in its place, or pass a copy")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return self.buffer

    def __getitem__(self, index: Any) -> Any:
        return self.buffer


DELETED_BUFFER: Any = Deleted()
"""What native calls put in the place of the buffers that they take over."""


def is_deleted(x: Array) -> bool:
    """Return whether the buffer of an array was given away."""
    return type(x._data) is Deleted


def delete(x: Array) -> None:
    """Give up the buffer of an array; its type stays known."""
    if is_deleted(x):
        return
    owner = OWNERS.get(type(x._data))
    if owner is not None:
        owner.delete(x._data)
    x._data = Deleted(x.aval)  # type: ignore[assignment]


def live_arrays() -> list[Array]:
    """Return all arrays in memory, found by searching the whole heap."""
    return [x for x in gc.get_objects() if type(x) is Array]


Device.live_buffers = lambda self: live_arrays()  # type: ignore[attr-defined]


def make_contiguous(x: Array) -> np.ndarray:
    """Copy the buffer of an array on the CPU to row-major memory, which is its buffer from now on.

    Elements elsewhere are fetched, and the array stays where it is.
    """
    data = fetch(x)
    if data is not x._data:
        return np.ascontiguousarray(data).reshape(data.shape)
    x._data = np.array(data, order="C")
    return x._data
