"""Addresses of the C and Fortran routines that native code calls."""

from __future__ import annotations

import ctypes
import functools
import importlib
from typing import Any


def _capsule_address(capsule: Any) -> int:
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype = ctypes.c_char_p
    api.PyCapsule_GetName.argtypes = [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    return api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule))


def _is_double_version(signature: bytes) -> bool:
    """Cython exports one function per type; native code calls the one over doubles."""
    inside = signature[signature.index(b"(") + 1 : -1].split(b", ")
    return signature.startswith(b"double ") and all(
        t.startswith((b"double", b"int ")) for t in inside)


@functools.cache
def address_of(symbol: str) -> int:
    """The address of 'module:name', a function that a Cython module exports.

    Raises KeyError if the module has no such function over doubles.
    """
    module_name, name = symbol.split(":")
    table = importlib.import_module(module_name).__pyx_capi__
    if name in table:
        return _capsule_address(table[name])
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype = ctypes.c_char_p
    api.PyCapsule_GetName.argtypes = [ctypes.py_object]
    for key, capsule in table.items():
        if key.startswith("__pyx_fuse_") and key.split("_", 4)[-1].lstrip("0123456789") == name:
            if _is_double_version(api.PyCapsule_GetName(capsule)):
                return _capsule_address(capsule)
    raise KeyError(f"{module_name} exports no function {name} over doubles")
