"""The fast path: from a call's arguments to a kernel and back to Arrays, without Python.

A *signature* is one form of call that was seen before: how the arguments are nested, the types of
the leaves, and the program to run. It is tried by comparing identities; a call that fits no
signature goes to Python. All of this runs with Python's lock held.
"""

from __future__ import annotations

from ingot.backends.llvm.native.abi import (
    COUNT_OF_ARGUMENTS,
    LIST_ITEMS,
    NDARRAY_BASE,
    NDARRAY_FLAGS,
    OWNS_DATA,
    REFERENCES,
    SIGNATURES,
    SIZE,
    SLOW,
    SPACE,
    TUPLE_ITEMS,
    TYPE,
)
from ingot.backends.llvm.native.arguments import flatten
from ingot.backends.llvm.native.fields import (
    ALLOCATOR,
    ARENA,
    ARGUMENTS,
    ARRAY,
    AT_DONATED,
    AT_ITEM,
    AT_NUMBER,
    AT_PLAN,
    AVAL,
    CALLS,
    CONSTANTS,
    COUNT,
    DATA,
    DELETED_DATA,
    DICT,
    DIMS,
    DONATED,
    DONE,
    DTYPE,
    EMPTY_ARRAY,
    FAIL,
    FAILED,
    FALL_BACK,
    FAST_PATH_GUARD,
    FREE_LIST,
    HOLD,
    INPUTS,
    KERNEL,
    KEY,
    KEYWORDS,
    LEAF,
    LIST_TYPE,
    MISS,
    NAMES,
    NDIM,
    NEXT,
    NONE,
    NUMBER,
    OUTPUTS,
    OVERWRITTEN,
    OWNER,
    PLAN,
    POOLED_ARRAY,
    PROGRAM,
    RESULT,
    RESULT_AVAL,
    RESULT_SIZE,
    RESULTS,
    RUN,
    STATE_SIZE,
    TAKEN,
    UNFLATTEN,
    library,
    word_function,
)
from ingot.backends.llvm.native.free_list import pop_free
from ingot.backends.llvm.native.word_dsl import (
    c,
    call,
    context,
    load,
    load_int,
    stack,
    store,
)


# ---- running -------------------------------------------------------------------------------------
@word_function
def drop(items: int, count: int) -> int:
    """Give up references."""
    for k in range(count):
        c.Py_DecRef(load(items + 8 * k))
    return 0


@word_function
def drop_results(program: int, outs: int, first: int, end: int) -> int:
    """Give up some results that are not finished."""
    for i in range(end - first):
        k = first + i
        spare = load(outs + 8 * (load(program, OUTPUTS) + k))
        if spare:
            c.Py_DecRef(spare)
        else:
            c.Py_DecRef(load(outs + 8 * k))
    return 0


@word_function
def allocate(program: int, inputs: int, outs: int) -> int:
    """Buffers for the results, behind them the free Arrays to which these belong, or 0.

    0 with an error set if there is no memory.
    """
    record, free_lists = load(program, RESULTS), outs + 8 * load(program, OUTPUTS)
    for k in range(load(program, OUTPUTS)):
        x, spare = 0, pop_free(load(record, FREE_LIST))
        store(free_lists + 8 * k, 0, spare)
        if spare:
            x = load(spare, DATA)
        elif load(record, TAKEN):
            x = load(inputs + 8 * load(record, TAKEN) - 8)
            c.Py_IncRef(x)
        elif load(record, ALLOCATOR):
            x = c.PyObject_CallNoArgs(load(record, ALLOCATOR))
        else:
            c.Py_IncRef(load(record, DTYPE))
            x = call(load(context(), EMPTY_ARRAY), load(record, NDIM), load(record, DIMS),
                     load(record, DTYPE), 0)
        if x == 0:
            return drop_results(program, outs, 0, k)
        store(outs + 8 * k, 0, x)
        record += RESULT_SIZE
    return 1


@word_function
def wrap(program: int, outs: int) -> int:
    """Results as Arrays; 0 with an error set if there is no memory."""
    record, count = load(program, RESULTS), load(program, OUTPUTS)
    for k in range(count):
        x = load(outs + 8 * (count + k))
        if x == 0:
            x = c.PyType_GenericAlloc(load(context(), ARRAY), 0)
            if x == 0:
                return drop(outs, k) + drop_results(program, outs, k, count)
            store(x, DATA, load(outs + 8 * k))
            c.Py_IncRef(load(record, RESULT_AVAL))
            store(x, AVAL, load(record, RESULT_AVAL))
        store(outs + 8 * k, 0, x)
        record += RESULT_SIZE
    return 1


@word_function
def run_kernel(program: int, kernel: int, inputs: int, outs: int, arena: int) -> int:
    """Call the kernel with new arrays, which become Arrays: DONE, or what stands for no result."""
    if not allocate(program, inputs, outs):
        return FAILED
    status = call(load(kernel, RUN), inputs - TUPLE_ITEMS, outs - TUPLE_ITEMS,
                  load(kernel, CONSTANTS), arena, load(kernel, NUMBER)) & 0xFFFFFFFF
    if status == 0:
        if wrap(program, outs):
            return DONE
        return FAILED
    drop_results(program, outs, 0, load(program, OUTPUTS))
    if status == 3:
        return FALL_BACK  # an argument is not contiguous
    if status == 1:
        c.PyObject_CallNoArgs(load(context(), FAIL))  # raises
    return FAILED


@word_function
def alone(data: int) -> int:
    """Whether an Array has the only reference to its buffer, and that to its memory."""
    base = load(data, NDARRAY_BASE)
    if load_int(data, REFERENCES) != 1:
        return 0
    if base == 0:
        return load_int(data, NDARRAY_FLAGS) & OWNS_DATA
    return load(base, TYPE) == load(context(), POOLED_ARRAY) and load_int(base, REFERENCES) == 1


@word_function
def may_overwrite(numbers: int, inputs: int, count: int) -> int:
    """Whether inputs with these numbers belong to nobody else, nor are passed twice."""
    for i in range(load(numbers)):
        mine = load(numbers + 8 * i, 8)
        data, found = load(inputs + 8 * mine), 0
        for k in range(count):
            found += load(inputs + 8 * k) == data
        if found != 1 or not alone(data):
            return 0
    return 1


@word_function
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


@word_function
def execute(signature: int, state: int) -> int:
    """Run the program on the arrays in the table: the result, or what stands for none."""
    program = load(signature, PROGRAM)
    kernel, left = load(program, KERNEL), load(program, CALLS) - 1
    arena = load(kernel, ARENA)
    store(program, CALLS, left)
    if left < 0 or arena == 0:
        return FALL_BACK  # time for a look from Python, or the arena is in use
    inputs, count = state + STATE_SIZE, load(program, INPUTS)
    outs, held = inputs + 8 * count, load(program, HOLD)
    if load(program, OVERWRITTEN) and not may_overwrite(load(program, OVERWRITTEN), inputs, count):
        return FALL_BACK
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
    if result == DONE or (result == FAILED and load(program, OVERWRITTEN)):
        delete_donated(state, load(signature, DONATED))
    if result == DONE:
        result = gather(signature, state, outs, load(program, OUTPUTS))
    c.Py_DecRef(owner)
    return result


# ---- results -------------------------------------------------------------------------------------
@word_function
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


@word_function
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


@word_function
def build_dict(state: int) -> int:
    """A dictionary: kind, length, one with these keys, then key and node of each entry."""
    plan = load(state, AT_PLAN)
    length, tree = load(plan, 8), c.PyDict_Copy(load(plan, 16))  # it does not have to grow
    store(state, AT_PLAN, plan + 24)
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
@word_function
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


@word_function
def attempt(signature: int, args: int, state: int) -> int:
    """Run the signature's program if the arguments are those it was made for."""
    inputs = state + STATE_SIZE
    program, plan = load(signature, PROGRAM), load(signature, PLAN)
    store(state, AT_ITEM, inputs)
    given = inputs + 8 * (load(program, INPUTS) + 2 * load(program, OUTPUTS))
    store(state, AT_DONATED, given)
    store(state, AT_NUMBER, given + 8 * load(signature, DONATED))
    for _ in range(load(signature, ARGUMENTS)):
        store(state, AT_PLAN, plan + 8)
        if not flatten(state, load(args + 8 * load(plan))):
            return MISS
        plan = load(state, AT_PLAN)
    return execute(signature, state)


@word_function
def search(signature: int, args: int, count: int, keywords: int, state: int) -> int:
    """Try signatures one after the other, unless a transformation or an override is under way."""
    fast_path_guard = load(context(), FAST_PATH_GUARD)
    if load(fast_path_guard, SIZE) != 1:
        return FALL_BACK
    key = load(load(fast_path_guard, LIST_ITEMS))
    while signature:
        if fits(signature, key, count, keywords):
            result = attempt(signature, args, state)
            if result != MISS:
                return result
        signature = load(signature, NEXT)
    return MISS


@library.exported
def vectorcall(self: int, args: int, flagged: int, keywords: int) -> int:
    """CPython's vectorcall protocol."""
    count = flagged & COUNT_OF_ARGUMENTS
    result = search(load(self, SIGNATURES), args, count, keywords, stack(load(self, SPACE)))
    if result == FAILED:
        return 0
    if result != MISS and result != FALL_BACK:
        return result
    total = count
    if keywords:
        total += load(keywords, SIZE)
    passed = stack(8 * total + 8)
    store(passed, 0, self)
    for k in range(total):
        store(passed + 8 * k, 8, load(args + 8 * k))
    return c.PyObject_Vectorcall(load(self, SLOW), passed, count + 1, keywords)
