"""Addresses of the C and Fortran routines that native code calls."""

from __future__ import annotations

import ctypes
import functools
import importlib
import sys
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
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


ALONE = ("scipy.linalg.cython_blas", "scipy.linalg.cython_lapack")
"""Extension modules that need nothing of the package they belong to, which is slow to import."""


@functools.cache
def _extension(name: str) -> ModuleType:
    """An extension module; one of those in `ALONE` is loaded without its package.

    It does not stay in `sys.modules`, so that importing the package makes it an attribute there;
    this finds the same module, since an extension is initialized once in a process.
    """
    if name not in sys.modules and name in ALONE:
        top, *inner = name.split(".")
        spec = find_spec(top)
        for root in (spec.submodule_search_locations or ()) if spec else ():
            for suffix in EXTENSION_SUFFIXES:
                path = Path(root, *inner).with_suffix(suffix)
                if path.exists():
                    found = spec_from_file_location(name, path)
                    if found is not None and found.loader is not None:
                        module = module_from_spec(found)
                        found.loader.exec_module(module)
                        sys.modules.pop(name, None)
                        return module
    return importlib.import_module(name)


_provided: dict[str, Callable[[], int]] = {}


def provide(symbol: str, address: Callable[[], int]) -> None:
    """Name something of our own, whose address is asked for when a program refers to it."""
    _provided[symbol] = address


@functools.cache
def address_of(symbol: str) -> int:
    """The address of 'module:name', a function that a Cython module exports, or of our own.

    Raises KeyError if the module has no such function over doubles.
    """
    if symbol in _provided:
        return _provided[symbol]()
    module_name, name = symbol.split(":")
    table = _extension(module_name).__pyx_capi__  # type: ignore[attr-defined]
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
