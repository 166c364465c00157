"""Free lists: small Arrays without references are kept for the next results of their type.

To make an Array and its buffer, and to free both, takes three times as long as to compute a few
numbers. What nobody refers to any more waits in a list of its type; a result takes it from there.
"""

from __future__ import annotations

import atexit
import ctypes
from typing import Any

from ingot.backends.llvm.native.abi import (
    ARRAY_WEAKREFS,
    NDARRAY_BASE,
    NDARRAY_DIMS,
    NDARRAY_DTYPE,
    NDARRAY_FLAGS,
    NDARRAY_NDIM,
    NDARRAY_WEAKREFS,
    PLAIN,
    REFERENCES,
    TYPE,
    TYPE_DEALLOC,
)
from ingot.backends.llvm.native.fields import (
    ARRAY,
    AVAL,
    DATA,
    FREE_LISTS,
    NDARRAY,
    library,
    word_function,
)
from ingot.backends.llvm.native.structs import NativeStruct
from ingot.backends.llvm.native.word_dsl import c, context, load, load_int, store
from ingot.core.array import Array
from ingot.core.avals import ShapedArray

SLOTS = 256
"""Types of which free Arrays are kept; a slot is found by the address of the aval."""

MOST = 64
"""Spare Arrays of one type."""

LARGEST = 1024
"""Bytes of their buffers."""

# A slot of the table: an aval and its list. A list: how many there are, the dtype, the rank and the
# address of the lengths of the buffers, the Arrays.
LIST, SLOT_SIZE = 8, 16
LENGTH, LIST_DTYPE, LIST_NDIM, LIST_DIMS, ITEMS = 0, 8, 16, 24, 32
MASK = SLOTS - 1


# ---- native --------------------------------------------------------------------------------------
@word_function
def free_list_for(x: int) -> int:
    """The list where an Array that nobody refers to can wait; 0 if there is none."""
    data, aval = load(x, DATA), load(x, AVAL)
    if data == 0 or load(x, TYPE) != load(context(), ARRAY) or load(x, ARRAY_WEAKREFS):
        return 0
    slot = load(context(), FREE_LISTS) + SLOT_SIZE * ((aval >> 4) & MASK)
    if aval == 0 or load(slot) != aval:
        return 0
    spare = load(slot, LIST)
    if load(spare) == MOST or load(data, TYPE) != load(context(), NDARRAY):
        return 0
    if load_int(data, REFERENCES) != 1:
        return 0
    if load(data, NDARRAY_BASE) or load(data, NDARRAY_WEAKREFS):
        return 0
    if load(data, NDARRAY_DTYPE) != load(spare, LIST_DTYPE):
        return 0
    ndim, dims, expected = load(spare, LIST_NDIM), load(data, NDARRAY_DIMS), load(spare, LIST_DIMS)
    if load_int(data, NDARRAY_NDIM) != ndim:
        return 0
    for k in range(ndim):  # a wrong rule may have made an Array that is smaller than it says
        if load(dims + 8 * k) != load(expected + 8 * k):
            return 0
    if (load_int(data, NDARRAY_FLAGS) & PLAIN) != PLAIN:
        return 0
    return spare


@library.exported
def deallocate(x: int) -> int:
    """What CPython calls for an Array, or as the base of one, that nobody refers to."""
    c.PyObject_GC_UnTrack(x)
    spare = free_list_for(x)
    if spare:
        length = load(spare)
        store(spare + 8 * length, ITEMS, x)
        store(spare, LENGTH, length + 1)
        return 0
    if load(x, ARRAY_WEAKREFS):
        c.PyObject_ClearWeakRefs(x)
    data, aval, cls = load(x, DATA), load(x, AVAL), load(x, TYPE)
    store(x, DATA, 0)
    store(x, AVAL, 0)
    if data:
        c.Py_DecRef(data)
    if aval:
        c.Py_DecRef(aval)
    c.PyObject_GC_Del(x)
    c.Py_DecRef(cls)
    return 0


@word_function
def pop_free(spare: int) -> int:
    """An Array from a list, with one reference; 0 if there is none."""
    length = 0
    if spare:
        length = load(spare) - 1
    if length < 0 or spare == 0:
        return 0
    x = load(spare + 8 * length, ITEMS)
    store(spare, LENGTH, length)
    c._Py_NewReference(x)
    c.PyObject_GC_Track(x)
    return x


# ---- lists ---------------------------------------------------------------------------------------
class FreeLists:
    """The lists by type; a type whose slot is taken has none."""

    def __init__(self) -> None:
        self.table = NativeStruct([0] * (SLOTS * SLOT_SIZE // 8))
        self._kept: list[Any] = []

    def types(self) -> list[ShapedArray]:
        """The types that have a list."""
        return [kept for kept in self._kept if isinstance(kept, ShapedArray)]

    def address(self, aval: ShapedArray) -> int:
        """The list of a type, 0 if it has none."""
        slot = SLOT_SIZE * ((id(aval) >> 4) & MASK)
        if self.table[slot] == id(aval):
            return self.table[slot + LIST]
        if self.table[slot] or aval.nbytes > LARGEST or not aval.storage.itemsize:
            return 0
        lengths = NativeStruct(aval.shape)
        spare = NativeStruct([0, id(aval.storage), aval.ndim, lengths.address, *[0] * MOST],
                             lengths)
        self._kept += [aval, aval.storage, spare]
        self.table[slot + LIST] = spare.address
        self.table[slot] = id(aval)
        return spare.address


free_lists = FreeLists()


def install(functions: dict[str, int]) -> None:
    """Let CPython free Arrays by `deallocate`, until the process ends."""
    place = ctypes.c_uint64.from_address(id(Array) + TYPE_DEALLOC)
    before = place.value
    place.value = functions["deallocate"]

    def restore() -> None:
        place.value = before

    atexit.register(restore)
