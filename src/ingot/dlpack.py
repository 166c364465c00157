"""DLPack: arrays from other libraries without knowing them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.array import Array, from_numpy
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of


def is_supported_dtype(dtype: Any) -> bool:
    """Tell whether arrays of a dtype can be exchanged: NumPy's own numbers and booleans.

    dtype: whatever stands for one -> a bool.

    >>> ingot.dlpack.is_supported_dtype("float32"), ingot.dlpack.is_supported_dtype("bfloat16")
    (True, False)
    """
    found = dtypes.canonicalize_dtype(dtype)
    return isinstance(found, np.dtype) and found.kind in "biufc"


def from_dlpack(external_array: Any, device: Any = None, copy: bool | None = None) -> Any:
    """Make an array with the elements of another library's array in the host's memory.

    external_array: has `__dlpack__`. device: one of ingot's, or None. copy: the elements are
    copied, as arrays are immutable here; those of ingot's own arrays only if it is true -> an array
    of the same shape and dtype. Raises TypeError for objects without `__dlpack__`, ValueError for
    copy=False of other libraries.

    >>> ingot.dlpack.from_dlpack(np.arange(2.0))
    Array([0., 1.], dtype=float64)
    """
    if not hasattr(external_array, "__dlpack__"):
        raise TypeError(
            "from_dlpack: expected an object with __dlpack__ and __dlpack_device__, got"
            f" {type(external_array).__name__}; capsules are no longer part of the standard")
    if isinstance(external_array, Array) and not copy:
        return external_array
    if copy is False:
        raise ValueError("from_dlpack: copy=False is not possible, as arrays are immutable here and"
                         " the other library could write to its own; leave it out")
    data: Any = external_array
    return from_numpy(np.from_dlpack(data))


__all__ = ["from_dlpack", "is_supported_dtype"]

_hide_frames_of(__name__)
