"""The native entry: from a call's arguments to a kernel and back to Arrays, without Python.

A *signature* is one form of call that was seen before: how the arguments are nested, the types of
the leaves, and the program to run. It is tried by comparing identities; a call that fits no
signature goes to Python. All of this runs with Python's lock held.
"""

from __future__ import annotations

from ingot.backends.llvm.native.layout import (
    FLOAT_VALUE,
    LIST_ITEMS,
    NDARRAY_DATA,
    NDARRAY_DIMS,
    NDARRAY_DTYPE,
    NDARRAY_FLAGS,
    NDARRAY_NDIM,
    SIGNATURES,
    SIZE,
    SLOW,
    SPACE,
    TUPLE_ITEMS,
    TYPE,
    slot_offset,
)
from ingot.backends.llvm.native.systems import (
    Library,
    c,
    call,
    context,
    load,
    load_int,
    stack,
    store,
    store_int,
    to_double,
    to_single,
)
from ingot.core.array import Array

DATA, AVAL = slot_offset(Array, "_data"), slot_offset(Array, "aval")


def _words(names: str) -> list[int]:
    """Offsets of the fields of a record of words."""
    return [8 * k for k in range(len(names.split()))]


# The global record: types, the list `config.settled`, Python functions to call.
(ARRAY, NDARRAY, TUPLE_TYPE, LIST_TYPE, DICT_TYPE, FLOAT_TYPE, INT_TYPE, BOOL_TYPE, NONE_OBJECT,
 TRUE_OBJECT, SETTLED, DELETED_DATA, FAIL, EMPTY_ARRAY, OPERATORS) = _words("""
 ARRAY NDARRAY TUPLE_TYPE LIST_TYPE DICT_TYPE FLOAT_TYPE INT_TYPE BOOL_TYPE NONE_OBJECT
 TRUE_OBJECT SETTLED DELETED_DATA FAIL EMPTY_ARRAY OPERATORS""")
# A signature; `owner` is the Python object that keeps all of it alive.
(NEXT, OWNER, KEY, COUNT, KEYWORDS, NAMES, ARGUMENTS, PLAN, PROGRAM, RESULT, UNFLATTEN,
 DONATED) = _words(
    "NEXT OWNER KEY COUNT KEYWORDS NAMES ARGUMENTS PLAN PROGRAM RESULT UNFLATTEN DONATED")
# Machine code, and what it is called with.
RUN, CONSTANTS, ARENA, NUMBER = _words("RUN CONSTANTS ARENA NUMBER")
# A program: its kernel, which may be replaced; `calls` counts down to a look from Python.
KERNEL, INPUTS, OUTPUTS, RESULTS, HOLD, CALLS = _words("KERNEL INPUTS OUTPUTS RESULTS HOLD CALLS")
# A result: the arguments of PyArray_Empty, its aval, a Python function that makes large arrays.
NDIM, DIMS, DTYPE, RESULT_AVAL, MAKER, RESULT_SIZE = _words(
    "NDIM DIMS DTYPE RESULT_AVAL MAKER RESULT_SIZE")
# What is under way in a call: place in the plan, places for the next array, the next number,
# place for the next donated Array.
AT_PLAN, AT_ITEM, AT_NUMBER, AT_DONATED, STATE_SIZE = _words(
    "AT_PLAN AT_ITEM AT_NUMBER AT_DONATED STATE_SIZE")
# Kinds of node in a plan, each followed by its fields.
LEAF, SEQUENCE, DICT, NONE, STATIC, FLOAT, INT, BOOL, NUMPY, GIVEN = range(10)
# Ways to store a number.
AS_INT64, AS_INT32, AS_FLOAT64, AS_FLOAT32 = range(4)

CARRAY = 0x101  # contiguous and aligned
NUMBER_SIZE = 96  # an ndarray's head, and the number
NUMBER_AT = 80
LARGEST_SINGLE = 0x47EFFFFFE0000000  # bits of the double
EXACT = 1 << 53
NO_FIT, FAILED, GIVE_UP, DONE = range(4)  # what stands for a result where there is none

library = Library({
    "Py_IncRef": "void", "Py_DecRef": "void", "PyObject_Vectorcall": "i64",
    "PyObject_CallNoArgs": "i64", "PyObject_CallOneArg": "i64", "PyType_GenericAlloc": "i64",
    "PyTuple_New": "i64", "PyList_New": "i64", "PyDict_New": "i64", "PyDict_SetItem": "i32",
    "PyDict_Size": "i64", "PyDict_GetItemWithError": "i64",
    "PyLong_AsLongLongAndOverflow": "i64", "PyEval_SaveThread": "i64",
    "PyEval_RestoreThread": "void",
})
native = library.native


# ---- arguments -----------------------------------------------------------------------------------
@native
def flatten(state: int, x: int) -> int:
    """Match an argument with its plan; the arrays in it go to the table. 0 if it does not fit."""
    plan = load(state, AT_PLAN)
    kind = load(plan)
    if kind == LEAF or kind == GIVEN:
        if load(x, TYPE) != load(context(), ARRAY) or load(x, AVAL) != load(plan, 8):
            return 0
        data = load(x, DATA)
        if data == 0 or load(data, TYPE) != load(context(), NDARRAY):
            return 0  # deleted
        if kind == GIVEN:
            place = load(state, AT_DONATED)
            store(place, 0, x)
            store(state, AT_DONATED, place + 8)
        return put(state, data, 16)
    if kind == SEQUENCE:
        return flatten_sequence(state, x)
    if kind == DICT:
        return flatten_dict(state, x)
    if kind == NUMPY:
        return flatten_ndarray(state, x)
    if kind == STATIC or kind == NONE:
        store(state, AT_PLAN, plan + 16)
        return x == load(plan, 8)
    return flatten_number(state, x, kind, load(plan, 8))


@native
def put(state: int, item: int, advance: int) -> int:
    """Add an array to the table and go on in the plan."""
    place = load(state, AT_ITEM)
    store(place, 0, item)
    store(state, AT_ITEM, place + 8)
    store(state, AT_PLAN, load(state, AT_PLAN) + advance)
    return 1


@native
def flatten_sequence(state: int, x: int) -> int:
    """A tuple, a named tuple or a list: kind, type, length."""
    plan = load(state, AT_PLAN)
    length = load(plan, 16)
    if load(x, TYPE) != load(plan, 8) or load(x, SIZE) != length:
        return 0
    items = x + TUPLE_ITEMS
    if load(plan, 8) == load(context(), LIST_TYPE):
        items = load(x, LIST_ITEMS)
    store(state, AT_PLAN, plan + 24)
    for k in range(length):
        if not flatten(state, load(items + 8 * k)):
            return 0
    return 1


@native
def flatten_dict(state: int, x: int) -> int:
    """A dictionary with strings as keys: kind, length, then key and node of each entry."""
    plan = load(state, AT_PLAN)
    length = load(plan, 8)
    if load(x, TYPE) != load(context(), DICT_TYPE) or c.PyDict_Size(x) != length:
        return 0
    plan += 16
    for _ in range(length):
        value = c.PyDict_GetItemWithError(x, load(plan))
        store(state, AT_PLAN, plan + 8)
        if value == 0 or not flatten(state, value):
            return 0
        plan = load(state, AT_PLAN)
    store(state, AT_PLAN, plan)
    return 1


@native
def flatten_ndarray(state: int, x: int) -> int:
    """A NumPy array: kind, dtype, rank, lengths."""
    plan = load(state, AT_PLAN)
    ndim = load(plan, 16)
    if load(x, TYPE) != load(context(), NDARRAY) or load(x, NDARRAY_DTYPE) != load(plan, 8):
        return 0
    if load_int(x, NDARRAY_NDIM) != ndim:
        return 0
    lengths = load(x, NDARRAY_DIMS)
    for k in range(ndim):
        if load(lengths + 8 * k) != load(plan + 24 + 8 * k):
            return 0
    return put(state, x, 24 + 8 * ndim)


@native
def flatten_number(state: int, x: int, kind: int, form: int) -> int:
    """A Python number: kind, form; it is stored behind what looks like an ndarray's head."""
    cls = load(x, TYPE)
    head = load(state, AT_NUMBER)
    bits = 0
    if kind == FLOAT:
        if cls != load(context(), FLOAT_TYPE):
            return 0
        bits = load(x, FLOAT_VALUE)
    elif kind == INT:
        if cls != load(context(), INT_TYPE):
            return 0
        bits = c.PyLong_AsLongLongAndOverflow(x, head)
        if load_int(head) != 0 or (form == AS_INT32 and bits != (bits << 32) >> 32):
            return 0
        if form == AS_FLOAT64 or form == AS_FLOAT32:
            if bits > EXACT or bits < -EXACT:
                return 0
            bits = to_double(bits)
    else:
        if cls != load(context(), BOOL_TYPE):
            return 0
        bits = x == load(context(), TRUE_OBJECT)
    if form == AS_FLOAT32:
        if (bits & 0x7FFFFFFFFFFFFFFF) > LARGEST_SINGLE:
            return 0
        bits = to_single(bits)
    store(head, 0, 1 << 20)  # a reference count that nobody brings to 0
    store(head, NDARRAY_DATA, head + NUMBER_AT)
    store_int(head, NDARRAY_FLAGS, CARRAY)
    store(head, NUMBER_AT, bits)
    store(state, AT_NUMBER, head + NUMBER_SIZE)
    return put(state, head, 16)


# ---- running -------------------------------------------------------------------------------------
@native
def drop(items: int, count: int) -> int:
    """Give up references."""
    for k in range(count):
        c.Py_DecRef(load(items + 8 * k))
    return 0


@native
def allocate(program: int, outs: int) -> int:
    """New arrays for the results; 0 with an error set if there is no memory."""
    record = load(program, RESULTS)
    for k in range(load(program, OUTPUTS)):
        x = 0
        if load(record, MAKER):
            x = c.PyObject_CallNoArgs(load(record, MAKER))
        else:
            c.Py_IncRef(load(record, DTYPE))
            x = call(load(context(), EMPTY_ARRAY), load(record, NDIM), load(record, DIMS),
                     load(record, DTYPE), 0)
        if x == 0:
            return drop(outs, k)
        store(outs + 8 * k, 0, x)
        record += RESULT_SIZE
    return 1


@native
def wrap(program: int, outs: int) -> int:
    """Results as Arrays; 0 with an error set if there is no memory."""
    record, count = load(program, RESULTS), load(program, OUTPUTS)
    for k in range(count):
        x = c.PyType_GenericAlloc(load(context(), ARRAY), 0)
        if x == 0:
            return drop(outs, count)
        store(x, DATA, load(outs + 8 * k))
        c.Py_IncRef(load(record, RESULT_AVAL))
        store(x, AVAL, load(record, RESULT_AVAL))
        store(outs + 8 * k, 0, x)
        record += RESULT_SIZE
    return 1


@native
def run_kernel(program: int, kernel: int, inputs: int, outs: int, arena: int) -> int:
    """Call the kernel with new arrays, which become Arrays: DONE, or what stands for no result."""
    if not allocate(program, outs):
        return FAILED
    status = call(load(kernel, RUN), inputs - TUPLE_ITEMS, outs - TUPLE_ITEMS,
                  load(kernel, CONSTANTS), arena, load(kernel, NUMBER)) & 0xFFFFFFFF
    if status == 0:
        if wrap(program, outs):
            return DONE
        return FAILED
    drop(outs, load(program, OUTPUTS))
    if status == 3:
        return GIVE_UP  # an argument is not contiguous
    if status == 1:
        c.PyObject_CallNoArgs(load(context(), FAIL))  # raises
    return FAILED


@native
def delete_donated(state: int, count: int) -> int:
    """Give up the buffers of donated Arrays."""
    for _ in range(count):
        place = load(state, AT_DONATED) - 8
        x = load(place)
        store(state, AT_DONATED, place)
        data = load(x, DATA)
        c.Py_IncRef(load(context(), DELETED_DATA))
        store(x, DATA, load(context(), DELETED_DATA))
        c.Py_DecRef(data)
    return 0


@native
def execute(signature: int, state: int) -> int:
    """Run the program on the arrays in the table: the result, or what stands for none."""
    program = load(signature, PROGRAM)
    kernel, left = load(program, KERNEL), load(program, CALLS) - 1
    arena = load(kernel, ARENA)
    store(program, CALLS, left)
    if left < 0 or arena == 0:
        return GIVE_UP  # time for a look from Python, or the arena is in use
    inputs, count = state + STATE_SIZE, load(program, INPUTS)
    outs, held = inputs + 8 * count, load(program, HOLD)
    owner = load(signature, OWNER)
    c.Py_IncRef(owner)
    if held:
        for k in range(count):
            c.Py_IncRef(load(inputs + 8 * k))
    store(kernel, ARENA, 0)
    result = run_kernel(program, kernel, inputs, outs, arena)
    store(kernel, ARENA, arena)
    if held:
        drop(inputs, count)
    if result == DONE:
        delete_donated(state, load(signature, DONATED))
        result = gather(signature, state, outs, load(program, OUTPUTS))
    c.Py_DecRef(owner)
    return result


# ---- results -------------------------------------------------------------------------------------
@native
def gather(signature: int, state: int, outs: int, count: int) -> int:
    """Arrays put into the structure of the result; takes the references."""
    if load(signature, RESULT) == 0:
        return load(outs)
    store(state, AT_PLAN, load(signature, RESULT))
    store(state, AT_ITEM, outs)
    result = build(state)
    if result == 0:
        done = load(state, AT_ITEM)
        drop(done, (outs + 8 * count - done) >> 3)
        return FAILED
    if load(signature, UNFLATTEN):
        flat = result
        result = c.PyObject_CallOneArg(load(signature, UNFLATTEN), flat)
        c.Py_DecRef(flat)
        if result == 0:
            return FAILED
    return result


@native
def build(state: int) -> int:
    """A new tree by its plan; 0 with an error set if there is no memory."""
    plan = load(state, AT_PLAN)
    kind = load(plan)
    if kind == LEAF:
        item = load(state, AT_ITEM)
        store(state, AT_ITEM, item + 8)
        store(state, AT_PLAN, plan + 16)
        return load(item)
    if kind == NONE:
        c.Py_IncRef(load(plan, 8))
        store(state, AT_PLAN, plan + 16)
        return load(plan, 8)
    if kind == DICT:
        return build_dict(state)
    length, tree = load(plan, 16), 0
    if load(plan, 8) == load(context(), LIST_TYPE):
        tree = c.PyList_New(length)
    else:
        tree = c.PyTuple_New(length)
    store(state, AT_PLAN, plan + 24)
    for k in range(length):
        items = tree + TUPLE_ITEMS
        if tree == 0:
            return 0
        if load(plan, 8) == load(context(), LIST_TYPE):
            items = load(tree, LIST_ITEMS)
        x = build(state)
        if x == 0:
            c.Py_DecRef(tree)
            return 0
        store(items + 8 * k, 0, x)
    return tree


@native
def build_dict(state: int) -> int:
    """A dictionary."""
    plan, tree = load(state, AT_PLAN), c.PyDict_New()
    length = load(plan, 8)
    store(state, AT_PLAN, plan + 16)
    for _ in range(length):
        if tree == 0:
            return 0
        plan = load(state, AT_PLAN)
        store(state, AT_PLAN, plan + 8)
        x = build(state)
        if x == 0 or c.PyDict_SetItem(tree, load(plan), x) != 0:
            if x:
                c.Py_DecRef(x)
            c.Py_DecRef(tree)
            return 0
        c.Py_DecRef(x)
    return tree


# ---- calls ---------------------------------------------------------------------------------------
@native
def fits(signature: int, key: int, count: int, keywords: int) -> int:
    """Whether a call has this signature's number of arguments and names."""
    if load(signature, KEY) != key or load(signature, COUNT) != count:
        return 0
    if keywords == 0:
        return load(signature, KEYWORDS) == 0
    named = load(signature, KEYWORDS)
    if load(keywords, SIZE) != named:
        return 0
    names = load(signature, NAMES)
    for k in range(named):
        if load(names + 8 * k) != load(keywords + TUPLE_ITEMS + 8 * k):
            return 0
    return 1


@native
def attempt(signature: int, args: int, state: int) -> int:
    """Run the signature's program if the arguments are those it was made for."""
    inputs = state + STATE_SIZE
    program, plan = load(signature, PROGRAM), load(signature, PLAN)
    store(state, AT_ITEM, inputs)
    given = inputs + 8 * (load(program, INPUTS) + load(program, OUTPUTS))
    store(state, AT_DONATED, given)
    store(state, AT_NUMBER, given + 8 * load(signature, DONATED))
    for _ in range(load(signature, ARGUMENTS)):
        store(state, AT_PLAN, plan + 8)
        if not flatten(state, load(args + 8 * load(plan))):
            return NO_FIT
        plan = load(state, AT_PLAN)
    return execute(signature, state)


@native
def search(signature: int, args: int, count: int, keywords: int, state: int) -> int:
    """Try signatures one after the other, unless a transformation or an override is under way."""
    settled = load(context(), SETTLED)
    if load(settled, SIZE) != 1:
        return GIVE_UP
    key = load(load(settled, LIST_ITEMS))
    while signature:
        if fits(signature, key, count, keywords):
            result = attempt(signature, args, state)
            if result != NO_FIT:
                return result
        signature = load(signature, NEXT)
    return NO_FIT


@library.exported
def vectorcall(self: int, args: int, flagged: int, keywords: int) -> int:
    """CPython's vectorcall protocol."""
    count = flagged & 0x7FFFFFFFFFFFFFFF
    result = search(load(self, SIGNATURES), args, count, keywords, stack(load(self, SPACE)))
    if result == FAILED:
        return 0
    if result != NO_FIT and result != GIVE_UP:
        return result
    total = count
    if keywords:
        total += load(keywords, SIZE)
    passed = stack(8 * total + 8)
    store(passed, 0, self)
    for k in range(total):
        store(passed + 8 * k, 8, load(args + 8 * k))
    return c.PyObject_Vectorcall(load(self, SLOW), passed, count + 1, keywords)
