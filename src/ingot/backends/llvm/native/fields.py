"""Offsets of the fields of the structs that the fast path reads, and the C functions it calls."""

from __future__ import annotations

from ingot.backends.llvm.native.abi import C_FUNCTIONS, NDARRAY_WEAKREFS, PORTABLE, array_slots
from ingot.backends.llvm.native.word_dsl import NativeModule

DATA, AVAL = (0, 0) if PORTABLE is not None else array_slots()


def _words(names: str) -> list[int]:
    """Offsets of the fields of a record of words."""
    return [8 * k for k in range(len(names.split()))]


# The global record: types, the list `config.fast_path_guard`, Python functions to call.
(ARRAY, NDARRAY, TUPLE_TYPE, LIST_TYPE, DICT_TYPE, FLOAT_TYPE, INT_TYPE, BOOL_TYPE, NONE_OBJECT,
 TRUE_OBJECT, FAST_PATH_GUARD, DELETED_DATA, FAIL, POOLED_ARRAY, FREE_LISTS, EMPTY_ARRAY,
 OPERATORS) = _words("""
 ARRAY NDARRAY TUPLE_TYPE LIST_TYPE DICT_TYPE FLOAT_TYPE INT_TYPE BOOL_TYPE NONE_OBJECT
 TRUE_OBJECT FAST_PATH_GUARD DELETED_DATA FAIL POOLED_ARRAY FREE_LISTS EMPTY_ARRAY OPERATORS""")
# A signature; `owner` is the Python object that keeps all of it alive.
(NEXT, OWNER, KEY, COUNT, KEYWORDS, NAMES, ARGUMENTS, PLAN, PROGRAM, RESULT, UNFLATTEN,
 DONATED) = _words(
    "NEXT OWNER KEY COUNT KEYWORDS NAMES ARGUMENTS PLAN PROGRAM RESULT UNFLATTEN DONATED")
# Machine code, and what it is called with.
RUN, CONSTANTS, ARENA, NUMBER = _words("RUN CONSTANTS ARENA NUMBER")
# A program: its kernel, which may be replaced; `calls` counts down to a look from Python;
# `overwritten`: how many inputs are written to, and their numbers.
KERNEL, INPUTS, OUTPUTS, RESULTS, HOLD, CALLS, OVERWRITTEN = _words(
    "KERNEL INPUTS OUTPUTS RESULTS HOLD CALLS OVERWRITTEN")
# A result: the arguments of PyArray_Empty, its aval, a Python function that makes large arrays;
# one more than the number of the input that it takes, or 0; the list of free Arrays, or 0.
NDIM, DIMS, DTYPE, RESULT_AVAL, ALLOCATOR, TAKEN, FREE_LIST, RESULT_SIZE = _words(
    "NDIM DIMS DTYPE RESULT_AVAL ALLOCATOR TAKEN FREE_LIST RESULT_SIZE")
# What is under way in a call: place in the plan, places for the next array, the next number,
# place for the next donated Array.
AT_PLAN, AT_ITEM, AT_NUMBER, AT_DONATED, STATE_SIZE = _words(
    "AT_PLAN AT_ITEM AT_NUMBER AT_DONATED STATE_SIZE")
# Kinds of node in a plan, each followed by its fields.
LEAF, SEQUENCE, DICT, NONE, STATIC, FLOAT, INT, BOOL, NUMPY, DONATED_LEAF = range(10)
# Ways to store a number.
AS_INT64, AS_INT32, AS_FLOAT64, AS_FLOAT32 = range(4)

NUMBER_AT = NDARRAY_WEAKREFS + 8  # behind what looks like an ndarray's head
NUMBER_SIZE = NUMBER_AT + 16
LARGEST_SINGLE = 0x47EFFFFFE0000000  # bits of the double
EXACT = 1 << 53
MISS, FAILED, FALL_BACK, DONE = range(4)  # what stands for a result where there is none

library = NativeModule(C_FUNCTIONS)
word_function = library.word_function
