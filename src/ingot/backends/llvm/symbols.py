"""Addresses of the C and Fortran routines that native code calls."""

from __future__ import annotations

import ctypes
import functools
import importlib
from collections.abc import Callable
from typing import Any

from ingot.backends.llvm.native import abi
from ingot.kernel import numpy_fft, numpy_sort
from ingot.util import extension_path, load_extension_alone


def _signature(capsule: Any) -> bytes:
    """The type of the function in a capsule of Cython's, which is the capsule's name."""
    return ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(
        ("PyCapsule_GetName", ctypes.pythonapi))(capsule)


def _is_double_version(signature: bytes) -> bool:
    """Cython exports one function per type; native code calls the one over doubles."""
    inside = signature[signature.index(b"(") + 1 : -1].split(b", ")
    return signature.startswith(b"double ") and all(
        t.startswith((b"double", b"int ")) for t in inside)


FORTRAN = ("scipy.linalg.cython_blas", "scipy.linalg.cython_lapack")
"""Modules whose functions are a library's subroutines. The library is linked with the module, and
so there when the module is loaded as a file: to import it takes several times longer."""


FORTRAN_NAMES = ("scipy_{}_", "{}_")
"""How compilers of Fortran with 32-bit integers name a subroutine; the first is that of wheels."""


@functools.cache
def fortran_library(module_name: str) -> ctypes.CDLL:
    """The file of such a module, through which symbols of the library behind it are found."""
    return ctypes.CDLL(extension_path(module_name) or load_extension_alone(module_name).__file__)


_provided: dict[str, Callable[[], int]] = {}


def provide(symbol: str, address: Callable[[], int]) -> None:
    """Name something of our own, whose address is asked for when a program refers to it."""
    _provided[symbol] = address


def exists(symbol: str) -> bool:
    """Whether there is a routine of this name."""
    return address_of(symbol) != 0


@functools.cache
def address_of(symbol: str) -> int:
    """The address of 'module:name', a function that a Cython module exports, or of our own; 0 of
    routines of NumPy that are not where they should be.

    Raises KeyError if the module has no such function over doubles.
    """
    if symbol in _provided:
        return _provided[symbol]()
    if symbol.startswith(numpy_sort.PREFIX):
        return abi.numpy_sort(*numpy_sort.routine_of(symbol))
    if symbol.startswith(numpy_fft.PREFIX):
        return abi.ufunc_loop(*numpy_fft.routine_of(symbol))[0]
    module_name, name = symbol.split(":")
    if module_name in FORTRAN and abi.PORTABLE is None:
        for form in FORTRAN_NAMES:
            function = getattr(fortran_library(module_name), form.format(name), None)
            if function is not None:
                return ctypes.cast(function, ctypes.c_void_p).value or 0
    alone = module_name in FORTRAN and abi.PORTABLE is None
    table = (load_extension_alone if alone else importlib.import_module)(module_name).__pyx_capi__
    if name in table:
        return abi.capsule_pointer(table[name], _signature(table[name]))
    for key, capsule in table.items():
        if key.startswith("__pyx_fuse_") and key.split("_", 4)[-1].lstrip("0123456789") == name:
            signature = _signature(capsule)
            if _is_double_version(signature):
                return abi.capsule_pointer(capsule, signature)
    raise KeyError(f"{module_name} exports no function {name} over doubles")
