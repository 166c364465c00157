"""Arguments of a native call: matched with a plan by identity, their arrays put in a table."""

from __future__ import annotations

from ingot.backends.llvm.native.abi import (
    CARRAY,
    FLOAT_VALUE,
    LIST_ITEMS,
    NDARRAY_DATA,
    NDARRAY_DIMS,
    NDARRAY_DTYPE,
    NDARRAY_FLAGS,
    NDARRAY_NDIM,
    REFERENCES,
    SIZE,
    TUPLE_ITEMS,
    TYPE,
)
from ingot.backends.llvm.native.fields import (
    ARRAY,
    AS_FLOAT32,
    AS_FLOAT64,
    AS_INT32,
    AT_DONATED,
    AT_ITEM,
    AT_NUMBER,
    AT_PLAN,
    AVAL,
    BOOL_TYPE,
    DATA,
    DICT,
    DICT_TYPE,
    DONATED_LEAF,
    EXACT,
    FLOAT,
    FLOAT_TYPE,
    INT,
    INT_TYPE,
    LARGEST_SINGLE,
    LEAF,
    LIST_TYPE,
    NDARRAY,
    NONE,
    NUMBER_AT,
    NUMBER_SIZE,
    NUMPY,
    SEQUENCE,
    STATIC,
    TRUE_OBJECT,
    word_function,
)
from ingot.backends.llvm.native.word_dsl import (
    c,
    context,
    load,
    load_int,
    store,
    store_int,
    to_double,
    to_single,
)


@word_function
def flatten(state: int, x: int) -> int:
    """Match an argument with its plan; the arrays in it go to the table. 0 if it does not fit."""
    plan = load(state, AT_PLAN)
    kind = load(plan)
    if kind == LEAF or kind == DONATED_LEAF:
        if load(x, TYPE) != load(context(), ARRAY) or load(x, AVAL) != load(plan, 8):
            return 0
        data = load(x, DATA)
        if data == 0 or load(data, TYPE) != load(context(), NDARRAY):
            return 0  # deleted
        if kind == DONATED_LEAF:
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


@word_function
def put(state: int, item: int, advance: int) -> int:
    """Add an array to the table and go on in the plan."""
    place = load(state, AT_ITEM)
    store(place, 0, item)
    store(state, AT_ITEM, place + 8)
    store(state, AT_PLAN, load(state, AT_PLAN) + advance)
    return 1


@word_function
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


@word_function
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


@word_function
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


@word_function
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
    store(head, REFERENCES, 1 << 20)  # a count that nobody brings to 0
    store(head, NDARRAY_DATA, head + NUMBER_AT)
    store_int(head, NDARRAY_FLAGS, CARRAY)
    store(head, NUMBER_AT, bits)
    store(state, AT_NUMBER, head + NUMBER_SIZE)
    return put(state, head, 16)
