"""Where CPython and NumPy keep things, and whether that holds here: if not, the portable mode.

All that depends on a binary interface is in this file; what reads the fields takes the offsets from
here. Each assumption has a probe below, which reads things of known content when ingot is imported.
Where one fails, on platforms that nobody tried, and where INGOT_PORTABLE=1 asks for it, `PORTABLE`
says why, and nothing relies on any of this: see docs/decisions/024-portable-mode.md.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import struct
import sys
import sysconfig
import warnings
import weakref
from contextlib import suppress
from typing import Any

import numpy as np

from ingot.backends.llvm import codegen
from ingot.config import config
from ingot.core.array import Array

PLATFORMS = {("linux", "x86_64"), ("linux", "aarch64")}
"""Systems and machines where native code was tried."""

PYTHONS = ((3, 11), (3, 14))
"""The first and the last version of CPython whose objects are known."""

# Fields of objects.
REFERENCES = 0  # a C int, which is the lower half of a word where the count is one
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
UFUNC_COUNTS, UFUNC_LOOPS, UFUNC_DATA, UFUNC_TYPES = 16, 32, 40, 48
MEMBER_OF_DESCRIPTOR = 40

# Flags of arrays.
CONTIGUOUS, OWNS_DATA, ALIGNED, WRITABLE = 1, 4, 0x100, 0x400
CARRAY = CONTIGUOUS | ALIGNED
PLAIN = CARRAY | OWNS_DATA | WRITABLE

# Fields of a type object, of its table of number operations, and a flag.
TYPE_DEALLOC = 48
TYPE_VECTORCALL_OFFSET = 56
TYPE_NUMBER = 96
TYPE_FLAGS = 168
TYPE_COMPARE = 200
HAVE_VECTORCALL = 1 << 11
NUMBERS = {"add": (0, 2, 7), "sub": (8, 2, 36), "mul": (16, 2, 29), "neg": (48, 1, 30),
           "abs": (64, 1, 6), "invert": (80, 1, 27), "and": (104, 2, 8), "xor": (112, 2, 38),
           "or": (120, 2, 31), "truediv": (240, 2, 37)}
"""Operators: where in the table of number operations, how many operands, and the number by which
PyType_GetSlot gives the same function."""

_SLOT_OF_DEALLOC, _SLOT_OF_REPR, _SLOT_OF_COMPARE, _REPR = 52, 66, 67, 88

COMPARISONS = ("lt", "le", "eq", "ne", "gt", "ge")
"""Operators by the number that a type's comparison is called with."""

COUNT_OF_ARGUMENTS = (1 << 63) - 1
"""The bits of a vectorcall's third argument that count; the highest one is a flag."""

C_FUNCTIONS = {
    "Py_IncRef": "void", "Py_DecRef": "void", "PyObject_Vectorcall": "i64",
    "PyObject_CallNoArgs": "i64", "PyObject_CallOneArg": "i64", "PyType_GenericAlloc": "i64",
    "PyTuple_New": "i64", "PyList_New": "i64", "PyDict_Copy": "i64", "PyDict_SetItem": "i32",
    "PyDict_Size": "i64", "PyDict_GetItemWithError": "i64",
    "PyLong_AsLongLongAndOverflow": "i64", "PyEval_SaveThread": "i64",
    "PyEval_RestoreThread": "void", "PyObject_GC_UnTrack": "void", "PyObject_GC_Track": "void",
    "PyObject_GC_Del": "void", "PyObject_ClearWeakRefs": "void", "_Py_NewReference": "void",
}
"""CPython's functions that native code calls, and LLVM's types of what they return."""

# Places in NumPy's table of functions, and in the table that belongs to a dtype.
_ABI_VERSION, _EMPTY, _TABLE_OF_DTYPE = 0, 184, 365
_CASTS, _OTHERS, _SORTS = 21, 12, 3  # pointers before the sorts, and how many sorts there are
SORTS = {"sort": 0, "stable sort": 2, "argsort": _SORTS, "stable argsort": _SORTS + 2}

STABLE = {"_SLOT_OF_DEALLOC", "_SLOT_OF_REPR", "_SLOT_OF_COMPARE", "_TP_CALL", "_TP_MEMBERS",
          "_READONLY", "_SSIZE", "_LONGLONG", "_BASETYPE", "COUNT_OF_ARGUMENTS", "COMPARISONS",
          "_ABI_VERSION", "_EMPTY", "_TABLE_OF_DTYPE", "_CASTS", "_OTHERS", "_SORTS", "SORTS"}
"""What has no probe: what CPython promises not to change (its stable ABI), and places in the tables
of version 2 of NumPy's binary interface, as a probe asks for the version."""

_word = ctypes.c_uint64.from_address
_int = ctypes.c_int.from_address


def _read_pointer(address: int) -> int:
    """The pointer at an address; ValueError if it cannot be one."""
    pointer = _word(address).value
    if pointer % 8 or not 1 << 12 < pointer < 1 << 56:
        raise ValueError("no address where one is expected")
    return pointer


# ---- NumPy's functions ---------------------------------------------------------------------------
@functools.cache
def _numpy_table() -> int:
    core: Any = np._core  # type: ignore[attr-defined]
    return capsule_pointer(core._multiarray_umath._ARRAY_API, None)


def capsule_pointer(capsule: Any, name: bytes | None) -> int:
    """The pointer in a capsule."""
    unwrap = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
        ("PyCapsule_GetPointer", ctypes.pythonapi))
    return unwrap(capsule, name)


def empty_array() -> int:
    """Address of PyArray_Empty."""
    return _word(_numpy_table() + 8 * _EMPTY).value


@functools.cache
def numpy_sort(name: str, dtype: np.dtype) -> int:
    """Address of one of NumPy's sorts of numbers, see `SORTS`; 0 if it is not where it should be.

    It is `int (void *data, npy_intp n, void *)`; those of orders get the places after the data.
    """
    if PORTABLE is not None:
        return 0
    found = _word(_numpy_table() + 8 * _TABLE_OF_DTYPE).value
    if not _in_numpy(found):
        return 0
    table = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object)(found)(dtype)
    address = _word(table + 8 * (_CASTS + _OTHERS + SORTS[name])).value
    return address if address and _in_numpy(address) and _sorts(name, dtype, address) else 0


class _Where(ctypes.Structure):
    """What dladdr finds: the file and the address where it is loaded, the symbol and its own."""

    _fields_ = [("file", ctypes.c_char_p), ("base", ctypes.c_void_p), ("symbol", ctypes.c_char_p),
                ("address", ctypes.c_void_p)]


@functools.cache
def _dladdr() -> Any:
    return ctypes.CDLL(None).dladdr


def _file_of(address: int) -> bytes:
    """The library in which an address is, so that it may be called; b"" if it is in none."""
    where = _Where()
    found = _dladdr()(ctypes.c_void_p(address), ctypes.byref(where))
    return where.file or b"" if found else b""


def _in_numpy(address: int) -> bool:
    core: Any = np._core  # type: ignore[attr-defined]
    return _file_of(address).endswith(
        os.path.basename(core._multiarray_umath.__file__).encode())


def _sorts(name: str, dtype: np.dtype, address: int) -> bool:
    """Whether a function does to a few numbers what its name says."""
    x, places = np.array([1, 0, 1], dtype), np.arange(3)
    order = name.endswith("argsort")
    pointers = [x.ctypes.data, *([places.ctypes.data] if order else []), 3, None]
    types = [ctypes.c_void_p] * (len(pointers) - 2) + [ctypes.c_ssize_t, ctypes.c_void_p]
    ctypes.CFUNCTYPE(ctypes.c_int, *types)(address)(*pointers)
    return bool(x[places[0]] == 0) if order else x.tolist() == [0, 1, 1]


def ufunc_loop(ufunc: np.ufunc, types: str) -> tuple[int, int]:
    """Addresses of a universal function's loop for these types and of the data it is called with;
    of no loop, (0, 0), if it has none or is not laid out as expected."""
    if PORTABLE is not None or types not in ufunc.types or not _is_ufunc(ufunc):
        return 0, 0
    return _loop(ufunc, types)


def _loop(ufunc: Any, types: str) -> tuple[int, int]:
    place = 8 * ufunc.types.index(types)
    functions, data = _word(id(ufunc) + UFUNC_LOOPS).value, _word(id(ufunc) + UFUNC_DATA).value
    return _word(functions + place).value, _word(data + place).value if data else 0


def _is_ufunc(ufunc: np.ufunc) -> bool:
    counts = [_int(id(ufunc) + UFUNC_COUNTS + k).value for k in (0, 4, 8)]
    types = _int(id(ufunc) + UFUNC_TYPES).value
    return [*counts, types] == [ufunc.nin, ufunc.nout, ufunc.nargs, ufunc.ntypes]


# ---- what classes have ---------------------------------------------------------------------------
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


ARRAY_WEAKREFS: int = Array.__weakrefoffset__  # type: ignore[attr-defined]


def array_slots() -> tuple[int, int]:
    """Where an Array has its buffer and its type, which are declared in `__slots__`; ValueError if
    what is found lies outside of it."""
    members = [_read_pointer(id(Array.__dict__[name]) + MEMBER_OF_DESCRIPTOR)
               for name in ("_data", "aval")]
    data, aval = (_Member.from_address(member).offset for member in members)
    if not all(TYPE < place < Array.__basicsize__ for place in (data, aval)):
        raise ValueError("no offsets where they are expected")
    return data, aval


VECTORCALL, SIGNATURES, SPACE, SLOW = (object.__basicsize__ + 8 * k for k in range(4))
_READONLY, _SSIZE, _LONGLONG = 1, 19, 17
_TP_CALL, _TP_MEMBERS = 50, 72
_BASETYPE = 1 << 10
_keep: list[Any] = []


@functools.cache
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
    """Let calls of a subclass of that type go to an instance's fast path where it has one.

    Python does not do it for a class that defines `__call__`, which stays the way of those without.
    """
    ctypes.c_ulong.from_address(id(cls) + TYPE_FLAGS).value |= HAVE_VECTORCALL


# ---- probes --------------------------------------------------------------------------------------
def unknown() -> str | None:
    """Why nothing is assumed of this platform; None if it is one that was tried."""
    if sys.implementation.name != "cpython":
        return f"the interpreter is {sys.implementation.name}, not CPython"
    if not PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
        return f"the layout of objects is not known for Python {sys.version.split()[0]}"
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return "this build of Python is free-threaded"
    if sysconfig.get_config_var("Py_TRACE_REFS"):
        return "this build of Python traces references"
    if struct.calcsize("P") != 8 or sys.byteorder != "little":
        return "the machine is not a little-endian one of 64 bits"
    if (sys.platform, platform.machine()) not in PLATFORMS:
        return f"native code is untested on {sys.platform} with {platform.machine()}"
    api = ctypes.pythonapi
    api.PyInterpreterState_Get.restype = api.PyInterpreterState_Main.restype = ctypes.c_void_p
    if api.PyInterpreterState_Get() != api.PyInterpreterState_Main():
        return "this is a sub-interpreter"
    return None


def _objects() -> bool:
    items, x, counted = (1.5, [2.5]), 1.5, object()
    inner, before = items[1], _int(id(counted) + REFERENCES).value
    twice = [counted, counted]
    return (
        _int(id(counted) + REFERENCES).value == before + len(twice)
        and _word(id(x) + TYPE).value == id(float)
        and ctypes.c_double.from_address(id(x) + FLOAT_VALUE).value == 1.5
        and _word(id(items) + SIZE).value == 2
        and _word(id(items) + TUPLE_ITEMS + 8).value == id(inner)
        and _word(id(inner) + SIZE).value == 1
        and _word(_read_pointer(id(inner) + LIST_ITEMS)).value == id(inner[0]))


def _arrays() -> bool:
    array = np.zeros((2, 3))
    at, part, reference = id(array), array[1:], weakref.ref(array)
    return (
        _word(at + TYPE).value == id(np.ndarray)
        and _word(at + NDARRAY_DATA).value == array.__array_interface__["data"][0]
        and _int(at + NDARRAY_NDIM).value == 2
        and _word(_read_pointer(at + NDARRAY_DIMS) + 8).value == 3
        and _word(at + NDARRAY_BASE).value == 0
        and _word(id(part) + NDARRAY_BASE).value == at
        and _word(at + NDARRAY_DTYPE).value == id(array.dtype)
        and _int(at + NDARRAY_FLAGS).value == array.flags.num
        and _word(at + NDARRAY_WEAKREFS).value == id(reference))


def _flags() -> bool:
    """Each flag is set where NumPy says that it holds, and is not where it does not."""
    gaps = np.broadcast_to(np.zeros((2, 1)), (2, 3))
    arrays = np.zeros((2, 3)), gaps, np.zeros(9, np.uint8)[1:].view(float)
    return all(x.flags.num & PLAIN == (
        CONTIGUOUS * x.flags.c_contiguous + OWNS_DATA * x.flags.owndata
        + ALIGNED * x.flags.aligned + WRITABLE * x.flags.writeable) for x in arrays)


def _types() -> bool:
    """What PyType_GetSlot gives stands where we write."""
    get = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_int)(
        ("PyType_GetSlot", ctypes.pythonapi))
    numbers = _read_pointer(id(int) + TYPE_NUMBER)
    return (
        ctypes.c_ulong.from_address(id(Array) + TYPE_FLAGS).value == Array.__flags__
        and all(_word(id(Array) + place).value == get(Array, slot) for place, slot in (
            (TYPE_DEALLOC, _SLOT_OF_DEALLOC), (_REPR, _SLOT_OF_REPR)))
        and _word(id(int) + TYPE_COMPARE).value == get(int, _SLOT_OF_COMPARE)
        and all(_word(numbers + place).value == (get(int, slot) or 0)
                for place, _, slot in NUMBERS.values()))


def _functions() -> bool:
    return all(hasattr(ctypes.pythonapi, name) for name in C_FUNCTIONS)


def _slots() -> bool:
    """Where an Array has its buffer, type and weak references; the words of native callables."""
    data, aval = array_slots()
    buffer, kind, cls = object(), object(), native_callable_type()
    x: Any = object.__new__(Array)
    x._data, x.aval = buffer, kind
    reference = weakref.ref(x)
    place = ctypes.c_ssize_t.from_address(id(cls) + TYPE_VECTORCALL_OFFSET).value
    return (_word(id(x) + data).value == id(buffer) and _word(id(x) + aval).value == id(kind)
            and _word(id(x) + ARRAY_WEAKREFS).value == id(reference)
            and place == VECTORCALL and bool(cls.__flags__ & HAVE_VECTORCALL)
            and _words_of_callables(object.__new__(cls)))


def _words_of_callables(f: Any) -> bool:
    f._vectorcall, f._signatures, f._space, f._slow = 0, 1, 2, 3
    places = VECTORCALL, SIGNATURES, SPACE, SLOW
    return ([_word(id(f) + place).value for place in places] == [0, 1, 2, 3]
            and bool(type(len).__flags__ & HAVE_VECTORCALL)
            and not object.__flags__ & HAVE_VECTORCALL)


def _numpy() -> bool:
    """NumPy's binary interface is of the version whose tables these are: it makes an array."""
    version, empty = _word(_numpy_table() + 8 * _ABI_VERSION).value, empty_array()
    if not (_in_numpy(version) and _in_numpy(empty)
            and ctypes.CFUNCTYPE(ctypes.c_uint)(version)() >> 24 == 2):
        return False
    dtype = np.dtype(np.float64)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(dtype))  # the function takes it
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_int, ctypes.c_void_p, ctypes.py_object,
                             ctypes.c_int)(empty)
    shape = ctypes.c_ssize_t(3)  # is in memory until the call is over
    array = make(1, ctypes.addressof(shape), dtype, 0)
    return type(array) is np.ndarray and array.shape == (3,) and array.dtype is dtype


def _ufuncs() -> bool:
    """A loop, and its data: the function that it calls, unless it has become one of vectors."""
    step = np.heaviside
    if not (_is_ufunc(step) and _read_pointer(id(step) + UFUNC_LOOPS)
            and (not _word(id(step) + UFUNC_DATA).value or _read_pointer(id(step) + UFUNC_DATA))):
        return False
    function, data = _loop(step, "dd->d")
    if not (_in_numpy(function) and (not data or _file_of(data))):
        return False
    x, sizes = (ctypes.c_double * 6)(-1, 0, 0.25, 0.5), (ctypes.c_ssize_t * 4)(2, 8, 8, 8)
    at, lines = ctypes.addressof(x), ctypes.addressof(sizes)
    ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)(function)(
        (ctypes.c_void_p * 3)(at, at + 16, at + 32), lines, lines + 8, data)
    return x[4:] == [0, 0.5]


_PROBES = {"objects": _objects, "arrays": _arrays, "flags of arrays": _flags, "types": _types,
           "functions of CPython": _functions, "slots": _slots, "NumPy's tables": _numpy,
           "universal functions": _ufuncs}


def unexpected() -> str | None:
    """What is not laid out as this file says, found by looking at things of known content."""
    for what, probe in _PROBES.items():
        with suppress(Exception):
            if probe():
                continue
        return f"{what} are not laid out as expected"
    return None


def _portable() -> str | None:
    if config.portable:
        return "INGOT_PORTABLE is set"
    reason = unknown()
    if reason is None:
        reason = unexpected()
        if reason is not None:
            warnings.warn(f"ingot runs in its portable mode, where short calls take many times"
                          f" longer: {reason} in Python {sys.version.split()[0]} with NumPy"
                          f" {np.__version__}; INGOT_PORTABLE=1 chooses it without this warning",
                          RuntimeWarning, stacklevel=2)
    return reason


codegen.check_version()
PORTABLE = _portable()
"""Why the portable mode is in force; None in the ordinary one."""

if PORTABLE is not None:
    codegen.use_public_interface()
