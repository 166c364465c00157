"""What the array API standard asks a namespace to say of itself: devices, dtypes, capabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot import dtypes
from ingot.api.devices import CPU, Device, devices
from ingot.core.placement import default_device

VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12")
VERSION = VERSIONS[-1]

_KINDS: dict[str, tuple[str, ...]] = {
    "bool": ("bool",),
    "signed integer": ("int8", "int16", "int32", "int64"),
    "unsigned integer": ("uint8", "uint16", "uint32", "uint64"),
    "real floating": ("float32", "float64"),
    "complex floating": ("complex64", "complex128"),
}
_KINDS["integral"] = _KINDS["signed integer"] + _KINDS["unsigned integer"]
_KINDS["numeric"] = _KINDS["integral"] + _KINDS["real floating"] + _KINDS["complex floating"]
_ALL = _KINDS["bool"] + _KINDS["numeric"]


class ArrayNamespaceInfo:
    """The namespace's devices, dtypes and capabilities, in the terms of the array API standard.

    With 64 bits off, the dtypes are those of 32 bits. Source: array API standard 2024.12,
    "Inspection".

    >>> ArrayNamespaceInfo().default_dtypes()["real floating"]
    dtype('float64')
    """

    def capabilities(self) -> dict[str, Any]:
        """What programs may rely on everywhere, also under `jit`.

        Outside of `jit`, booleans index arrays and shapes may depend on data; inside, they cannot.

        >>> ArrayNamespaceInfo().capabilities()["max dimensions"]
        64
        """
        return {"boolean indexing": False, "data-dependent shapes": False, "max dimensions": 64}

    def default_device(self) -> Device:
        """The device on which arrays are made.

        >>> ArrayNamespaceInfo().default_device()
        CpuDevice(id=0)
        """
        return default_device()

    def devices(self) -> list[Device]:
        """The devices that arrays can be on; of the host one, as its names share one memory.

        >>> ArrayNamespaceInfo().devices()
        [CpuDevice(id=0)]
        """
        return [CPU] if default_device().client is CPU else devices()

    def default_dtypes(self, *, device: Any = None) -> dict[str, Any]:
        """The dtypes that results have where none is asked for, by kind.

        device: any; all have the same.

        >>> sorted(ArrayNamespaceInfo().default_dtypes())
        ['complex floating', 'indexing', 'integral', 'real floating']
        """
        return {kind: dtypes.canonicalize_dtype(np.dtype(name)) for kind, name in (
            ("real floating", "float64"), ("complex floating", "complex128"),
            ("integral", "int64"), ("indexing", "int64"))}

    def dtypes(self, *, device: Any = None, kind: str | tuple[str, ...] | None = None
               ) -> dict[str, np.dtype]:
        """The dtypes of the standard that arrays can have, by name.

        device: any; all have the same. kind: "bool", "signed integer", "unsigned integer",
        "integral", "real floating", "complex floating", "numeric", or a tuple of these; None: all.
        Raises ValueError for other kinds.

        >>> list(ArrayNamespaceInfo().dtypes(kind="real floating"))
        ['float32', 'float64']
        """
        kinds = kind if isinstance(kind, tuple) else (kind,)
        for each in kinds:
            if each is not None and each not in _KINDS:
                raise ValueError(
                    f"dtypes: unknown kind {each!r}; the kinds are {', '.join(_KINDS)}")
        names = {name for each in kinds for name in (_ALL if each is None else _KINDS[each])}
        return {name: dtype for name in _ALL if name in names
                for dtype in [np.dtype(name)] if dtypes.canonicalize_dtype(dtype) == dtype}


def __array_namespace_info__() -> ArrayNamespaceInfo:
    """The namespace's devices, dtypes and capabilities (array API standard 2024.12).

    >>> jnp.__array_namespace_info__().default_device()
    CpuDevice(id=0)
    """
    return ArrayNamespaceInfo()
