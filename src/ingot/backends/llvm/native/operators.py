"""Operations outside of compiled code: NumPy's own loops, called with no Python on the way.

A function is first computed in Python, by the operation's `eval`. Once it has met the same types a
few times, and NumPy's loop for them proved to give the same bits, the fast path calls that loop.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any

import numpy as np

from ingot.backends.llvm.native.abi import (
    CARRAY,
    COMPARISONS,
    NDARRAY_DATA,
    NDARRAY_FLAGS,
    NUMBERS,
    SIGNATURES,
    SPACE,
    TUPLE_ITEMS,
    TYPE,
    TYPE_COMPARE,
    TYPE_NUMBER,
    ufunc_loop,
)
from ingot.backends.llvm.native.fast_path import search
from ingot.backends.llvm.native.fields import (
    ARRAY,
    FAILED,
    FALL_BACK,
    MISS,
    OPERATORS,
    library,
    word_function,
)
from ingot.backends.llvm.native.program_structs import program_record
from ingot.backends.llvm.native.runtime import runtime
from ingot.backends.llvm.native.signatures import (
    ArgumentLayout,
    NativeCallable,
    Signature,
    UnsupportedCall,
)
from ingot.backends.llvm.native.structs import NativeStruct
from ingot.backends.llvm.native.word_dsl import (
    c,
    call,
    context,
    from_single,
    load,
    load_int,
    stack,
    store,
    store_int,
    to_single,
)
from ingot.config import config, fast_path_guard
from ingot.core.array import Array, fetch, make_contiguous
from ingot.core.avals import ShapedArray
from ingot.core.tracebacks import filter_traceback
from ingot.primitives.numerics import DOUBLE, FLOAT32, IN_DOUBLE, REAL_ONLY
from ingot.util import update_wrapper

# What a loop is called with, in place of a program's constants; strides follow.
LOOP, LOOP_DATA, ELEMENTS, OPERANDS, UNLOCKED, STRIDES = (8 * k for k in range(6))
# An operator: the function with the signatures, the methods for both orders of the operands.
FORWARD, REFLECTED, OPERATOR_SIZE = 8, 16, 24
LONG_LOOP = 20_000  # elements above which other Python threads may run meanwhile
PIECE = 512  # elements that are converted together


# ---- native --------------------------------------------------------------------------------------
@library.exported
def run_loop(inputs: int, outs: int, constants: int, arena: int, number: int) -> int:
    """A kernel that is one of NumPy's loops."""
    count = load(constants, OPERANDS)
    pointers, elements = stack(32), stack(8)
    for k in range(count):
        x = load(inputs + TUPLE_ITEMS + 8 * k)
        if (load_int(x, NDARRAY_FLAGS) & CARRAY) != CARRAY:
            return 3
        store(pointers + 8 * k, 0, load(x, NDARRAY_DATA))
    store(pointers + 8 * count, 0, load(load(outs, TUPLE_ITEMS), NDARRAY_DATA))
    store(elements, 0, load(constants, ELEMENTS))
    thread = 0
    if load(constants, UNLOCKED):
        thread = c.PyEval_SaveThread()
    call(load(constants, LOOP), pointers, elements, constants + STRIDES, load(constants, LOOP_DATA))
    if thread:
        c.PyEval_RestoreThread(thread)
    return 0


@library.exported
def run_loop_in_double(inputs: int, outs: int, constants: int, arena: int, number: int) -> int:
    """A kernel that is a loop of one operand in double precision, between single precision."""
    x = load(inputs + TUPLE_ITEMS)
    if (load_int(x, NDARRAY_FLAGS) & CARRAY) != CARRAY:
        return 3
    source, target = load(x, NDARRAY_DATA), load(load(outs, TUPLE_ITEMS), NDARRAY_DATA)
    operand, result = stack(8 * PIECE), stack(8 * PIECE)
    pointers, elements = stack(16), stack(8)
    store(pointers, 0, operand)
    store(pointers, 8, result)
    thread = 0
    if load(constants, UNLOCKED):
        thread = c.PyEval_SaveThread()
    rest = load(constants, ELEMENTS)
    while rest > 0:
        count = PIECE
        if rest < PIECE:
            count = rest
        for k in range(count):
            store(operand + 8 * k, 0, from_single(load_int(source + 4 * k)))
        store(elements, 0, count)
        call(load(constants, LOOP), pointers, elements, constants + STRIDES,
             load(constants, LOOP_DATA))
        for k in range(count):
            store_int(target + 4 * k, 0, to_single(load(result + 8 * k)))
        source += 4 * count
        target += 4 * count
        rest -= count
    if thread:
        c.PyEval_RestoreThread(thread)
    return 0


@word_function
def operate(place: int, args: int, count: int, method: int) -> int:
    """Try the signatures of an operator's function, then call one of its methods in Python.

    A reflected method gets its operands from behind, which stand there in the other order.
    """
    operator = load(context(), OPERATORS) + place
    function = load(operator)
    result = search(load(function, SIGNATURES), args, count, 0, stack(load(function, SPACE)))
    if result == FAILED:
        return 0
    if result == MISS or result == FALL_BACK:
        if method == REFLECTED:
            args += 8
        return c.PyObject_Vectorcall(load(operator, method), args, count, 0)
    return result


@word_function
def unary(place: int, x: int) -> int:
    """What stands in the type's table for an operator of one operand."""
    args = stack(8)
    store(args, 0, x)
    return operate(place, args, 1, FORWARD)


@word_function
def binary(place: int, x: int, y: int) -> int:
    """What stands in the type's table for an operator of two, one of which is an Array."""
    args = stack(24)  # in both orders
    store(args, 0, x)
    store(args, 8, y)
    store(args, 16, x)
    if load(x, TYPE) == load(context(), ARRAY):
        return operate(place, args, 2, FORWARD)
    return operate(place, args, 2, REFLECTED)


@word_function
def compare(first: int, x: int, y: int, which: int) -> int:
    """What stands in the type for comparisons; these operators stand in a row."""
    args = stack(16)
    store(args, 0, x)
    store(args, 8, y)
    return operate(first + OPERATOR_SIZE * (which & 0xFF), args, 2, FORWARD)


_NAMES = (*NUMBERS, *COMPARISONS)
for _k, (_name, (_, _count, _)) in enumerate(NUMBERS.items()):
    library.bind(f"operator_{_name}", binary if _count == 2 else unary, OPERATOR_SIZE * _k)
library.bind("operator_compare", compare, OPERATOR_SIZE * len(NUMBERS))

_functions: dict[str, NativeCallable] = {}


def set_operators(functions: Mapping[str, Any]) -> None:
    """Functions behind Python's operators, by the operators' names; others are left alone."""
    _functions.update({name: f for name, f in functions.items()
                       if name in _NAMES and isinstance(f, NativeCallable)})


def _install(record: NativeStruct) -> None:
    """Put the native operators into the type's tables, in front of those of Python."""
    if set(_NAMES) - set(_functions):
        return
    words: list[int] = []
    kept: list[Any] = [dict(_functions)]
    for name in _NAMES:
        method = getattr(Array, f"__{name}__")
        reflected = getattr(Array, f"__r{name}__", method)
        words += map(id, (_functions[name], method, reflected))
        kept += [method, reflected]
    table = NativeStruct(words, kept)
    word = ctypes.c_uint64.from_address
    numbers = word(id(Array) + TYPE_NUMBER).value
    places = {name: numbers + offset for name, (offset, *_) in NUMBERS.items()}
    places["compare"] = id(Array) + TYPE_COMPARE
    record.kept = (*record.kept, table)
    record[OPERATORS] = table.address
    for name, place in places.items():
        word(place).value = runtime.functions[f"operator_{name}"]


runtime.on_load.append(_install)


# ---- functions -----------------------------------------------------------------------------------
OFTEN = 4
"""Calls with the same types after which the loop is looked for; and again, if it was forgotten,
at each multiple of AGAIN."""

AGAIN = 4096
MAX_SEEN = 1024


_by_name: dict[str, Elementwise] = {}


def _elementwise(name: str) -> Elementwise:
    return _by_name[name]


class Elementwise(NativeCallable):
    """A function that is one NumPy loop for most types; `function` is what it means for all."""

    def __init__(self, function: Callable[..., Any], loop: np.ufunc):
        update_wrapper(self, function)
        self._known = ()
        self._function, self._loop = function, loop
        self._seen: dict[Any, int] = {}
        _by_name[self.__name__] = self  # type: ignore[attr-defined]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            result = self._function(*args, **kwargs)
        except Exception as error:
            filter_traceback(error, self._function)
            raise
        if type(result) is Array and not kwargs and runtime.ready(cost=2):
            self._see(args, result)
        return result

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<function {self.__name__}>"  # type: ignore[attr-defined]

    def __reduce__(self) -> Any:
        return _elementwise, (self.__name__,)  # type: ignore[attr-defined]

    def _see(self, args: tuple[Any, ...], result: Array) -> None:
        """Count calls with these types; at the right time, teach the fast path."""
        key = tuple([x.aval if type(x) is Array else type(x) for x in args])
        if len(self._seen) > MAX_SEEN:
            self._seen.clear()
        count = self._seen[key] = self._seen.get(key, 0) + 1
        if count > OFTEN:  # the fast path knows these types, but sent the call here
            for x in args:
                if (type(x) is Array and type(x._data) is np.ndarray
                        and not x._data.flags.c_contiguous):
                    make_contiguous(x)
        if count != OFTEN and count % AGAIN:
            return
        flags = config.trace_key()
        if (fast_path_guard != [flags] or config.debug_nans or config.debug_infs
                or config.elsewhere):
            self._seen[key] = count - 1  # the next call is as good
            return
        try:
            self._add_signature(_signature(self._loop, flags, args, result))
        except UnsupportedCall:
            pass


def _signature(loop: np.ufunc, key: Any, args: tuple[Any, ...], result: Array) -> Signature:
    """Return the signature of a call whose arguments have one dtype.

    Raises UnsupportedCall if it is more than one loop.
    """
    dtypes = {x.aval.dtype for x in args if type(x) is Array}
    dtype = next(iter(dtypes), None)
    if len(args) != loop.nin or len(dtypes) != 1 or not isinstance(dtype, np.dtype):
        raise UnsupportedCall
    if dtype.kind == "c" and loop in REAL_ONLY:
        raise UnsupportedCall
    layout, strides, shape = ArgumentLayout([]), [], result.aval.shape
    single = dtype == FLOAT32 and loop in IN_DOUBLE
    inner, outer = (DOUBLE, DOUBLE) if single else (dtype, result.aval.storage)
    for i, x in enumerate(args):
        layout.words.append(i)
        if type(x) is Array and x.aval.shape in (shape, ()):
            layout.leaf(x, x.aval)
            strides.append(inner.itemsize if x.aval.shape == shape else 0)
        elif dtype.kind in _KINDS.get(type(x), ""):
            layout.leaf(x, ShapedArray((), dtype))
            strides.append(0)
        else:
            raise UnsupportedCall
    words = _loop_words(loop, inner, strides, outer, result.aval.size)
    with np.errstate(all="ignore"):  # a number may be too large for the dtype
        operands = [np.asarray(fetch(x) if type(x) is Array else x, inner) for x in args]
        _prove(words, operands, outer, result)
    kernel = runtime.functions["run_loop_in_double" if single else "run_loop"]
    return Signature(_program(kernel, words, result.aval), key, len(args), (), layout, (None, None))


_KINDS = {float: "f", int: "fi", bool: "b"}
"""Arrays of which kinds keep their dtype beside a Python number."""


def _loop_words(loop: np.ufunc, dtype: np.dtype, strides: list[int], out: np.dtype, size: int
                ) -> NativeStruct:
    """What `run_loop` is called with; UnsupportedCall if NumPy has no such loop."""
    function, data = ufunc_loop(loop, f"{dtype.char * loop.nin}->{out.char}")
    if not function:
        raise UnsupportedCall
    return NativeStruct([function, data, size, loop.nin, size > LONG_LOOP, *strides, out.itemsize])


def _program(function: int, words: NativeStruct, out: ShapedArray) -> NativeStruct:
    """The record of a program that is one loop; it needs no arena, and any address does for one."""
    kernel = NativeStruct([function, words.address, words.address, 0], words)
    return program_record(kernel, words[OPERANDS], [out], bool(words[UNLOCKED]))


def _prove(words: NativeStruct, args: list[np.ndarray], dtype: np.dtype, result: Array) -> None:
    """Raise UnsupportedCall unless the loop gives what Python gave, bit for bit."""
    args = [np.ascontiguousarray(x) for x in args]
    out = np.empty(result.aval.shape, dtype)
    pointers = (ctypes.c_void_p * (len(args) + 1))(*[x.ctypes.data for x in (*args, out)])
    function = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)(words[LOOP])
    function(ctypes.addressof(pointers), words.address + ELEMENTS, words.address + STRIDES,
             words[LOOP_DATA])
    if out.astype(result.aval.storage).tobytes() != fetch(result).tobytes():
        raise UnsupportedCall
