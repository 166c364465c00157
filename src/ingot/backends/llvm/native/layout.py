"""Where CPython and NumPy keep things, and whether this interpreter is one that we know."""

from __future__ import annotations

import ctypes
import struct
import sys
import sysconfig
import weakref
from typing import Any

import numpy as np

from ingot.core.array import Array

# An object's reference count is its first word, its type the second.
TYPE = 8
SIZE = 16  # of lists and tuples
TUPLE_ITEMS = tuple.__basicsize__
LIST_ITEMS = 24  # address of the items
FLOAT_VALUE = 16
NDARRAY_DATA = 16
NDARRAY_NDIM = 24
NDARRAY_DIMS = 32
NDARRAY_BASE = 48
NDARRAY_DTYPE = 56
NDARRAY_FLAGS = 64
NDARRAY_WEAKREFS = 72
UFUNC_LOOPS, UFUNC_DATA = 32, 40

# Fields of a type object, of its table of number operations, and a flag.
TYPE_DEALLOC = 48
TYPE_VECTORCALL_OFFSET = 56
TYPE_NUMBER = 96
TYPE_FLAGS = 168
TYPE_COMPARE = 200
HAVE_VECTORCALL = 1 << 11


def unsupported() -> str | None:
    """Why calls stay in Python here; None if they need not."""
    if sys.implementation.name != "cpython":
        return f"the interpreter is {sys.implementation.name}, not CPython"
    if not (3, 11) <= sys.version_info[:2] <= (3, 14):
        return f"the layout of objects is not known for Python {sys.version.split()[0]}"
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return "this build of Python is free-threaded"
    if sysconfig.get_config_var("Py_TRACE_REFS"):
        return "this build of Python traces references"
    if struct.calcsize("P") != 8 or sys.byteorder != "little":
        return "the machine is not a little-endian one of 64 bits"
    if sys.platform == "win32":
        return "the calling conventions of Windows are untested"
    api = ctypes.pythonapi
    api.PyInterpreterState_Get.restype = api.PyInterpreterState_Main.restype = ctypes.c_void_p
    if api.PyInterpreterState_Get() != api.PyInterpreterState_Main():
        return "this is a sub-interpreter"
    return None if _as_expected() else "objects are not laid out as expected"


def _as_expected() -> bool:
    """Whether objects of known content look as this module believes."""
    array = np.zeros((2, 3))
    word = ctypes.c_uint64.from_address
    flags = ctypes.c_ulong.from_address(id(Array) + TYPE_FLAGS).value
    items, part, reference = [array], array[1:], weakref.ref(array)
    return (
        word(id(array) + TYPE).value == id(np.ndarray)
        and word(id(array) + NDARRAY_DATA).value == array.ctypes.data
        and ctypes.c_int.from_address(id(array) + NDARRAY_NDIM).value == 2
        and word(word(id(array) + NDARRAY_DIMS).value + 8).value == 3
        and word(id(array) + NDARRAY_BASE).value == 0
        and word(id(part) + NDARRAY_BASE).value == id(array)
        and word(id(array) + NDARRAY_DTYPE).value == id(array.dtype)
        and ctypes.c_int.from_address(id(array) + NDARRAY_FLAGS).value == array.flags.num
        and word(id(array) + NDARRAY_WEAKREFS).value == id(reference)
        and word(word(id(items) + LIST_ITEMS).value).value == id(array)
        and word(id(items) + SIZE).value == 1
        and ctypes.c_double.from_address(id(1.5) + FLOAT_VALUE).value == 1.5
        and flags == Array.__flags__
    )


class _Member(ctypes.Structure):
    """CPython's PyMemberDef."""

    _fields_ = [("name", ctypes.c_char_p), ("type", ctypes.c_int), ("offset", ctypes.c_ssize_t),
                ("flags", ctypes.c_int), ("doc", ctypes.c_char_p)]


class _Slot(ctypes.Structure):
    """CPython's PyType_Slot."""

    _fields_ = [("number", ctypes.c_int), ("function", ctypes.c_void_p)]


class _Spec(ctypes.Structure):
    """CPython's PyType_Spec."""

    _fields_ = [("name", ctypes.c_char_p), ("basicsize", ctypes.c_int),
                ("itemsize", ctypes.c_int), ("flags", ctypes.c_uint),
                ("slots", ctypes.POINTER(_Slot))]


REASON = unsupported()
"""Why calls stay in Python; None if they need not."""


def slot_offset(cls: type, name: str) -> int:
    """Where instances keep what a class declares in `__slots__`."""
    if REASON is not None:
        return 0
    descriptor = id(cls.__dict__[name])  # its fifth field is the address of a PyMemberDef
    member = ctypes.c_void_p.from_address(descriptor + 5 * 8).value
    assert member is not None
    return _Member.from_address(member).offset


# ---- the type of native callables ----------------------------------------------------------------
VECTORCALL, SIGNATURES, SPACE, SLOW = (object.__basicsize__ + 8 * k for k in range(4))
_READONLY, _SSIZE, _LONGLONG = 1, 19, 17
_TP_CALL, _TP_DOC, _TP_MEMBERS = 50, 56, 72
_BASETYPE = 1 << 10
_keep: list[Any] = []


def native_callable_type() -> type:
    """A type with words for native code: its entry, signatures, stack needed, Python's function."""
    members = (_Member * 6)(
        (b"__vectorcalloffset__", _SSIZE, VECTORCALL, _READONLY, None),
        (b"_vectorcall", _LONGLONG, VECTORCALL, 0, None),
        (b"_signatures", _LONGLONG, SIGNATURES, 0, None),
        (b"_space", _LONGLONG, SPACE, 0, None), (b"_slow", _LONGLONG, SLOW, 0, None))
    address = ctypes.cast(ctypes.pythonapi.PyVectorcall_Call, ctypes.c_void_p)
    slots = (_Slot * 3)((_TP_MEMBERS, ctypes.addressof(members)), (_TP_CALL, address.value))
    spec = _Spec(b"ingot.NativeCallable", SLOW + 8, 0, _BASETYPE | HAVE_VECTORCALL, slots)
    _keep.extend([members, slots, spec])
    make = ctypes.pythonapi.PyType_FromSpec
    make.restype, make.argtypes = ctypes.py_object, [ctypes.c_void_p]
    return make(ctypes.addressof(spec))


def call_natively(cls: type) -> None:
    """Let calls of a subclass of that type go to an instance's native entry where it has one.

    Python does not do it for a class that defines `__call__`, which stays the way of those without.
    """
    offset = ctypes.c_ssize_t.from_address(id(cls) + TYPE_VECTORCALL_OFFSET)
    flags = ctypes.c_ulong.from_address(id(cls) + TYPE_FLAGS)
    assert flags.value == cls.__flags__ and offset.value == VECTORCALL
    flags.value |= HAVE_VECTORCALL
    assert cls.__flags__ & HAVE_VECTORCALL
