"""Small Arrays are used again: never while anybody can see them, and nothing is lost."""

import gc
import subprocess
import sys
import threading
import time
import weakref

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot.backends.llvm.executable import executables
from ingot.backends.llvm.native.free_list import MOST, free_lists
from ingot.backends.llvm.native.runtime import runtime
from ingot.config import config
from ingot.core.array import Array
from ingot.core.avals import ShapedArray

pytestmark = [
    pytest.mark.llvm("native calls"),
    pytest.mark.native("Python frees Arrays")]


@pytest.fixture(autouse=True)
def loaded():
    runtime.load()


def taught(shape=(3,), dtype=float):
    """A function of the fast path, and its argument."""
    f, x = ingot.jit(lambda x, y: x + y), jnp.ones(shape, dtype)
    for _ in range(5):
        f(x, x)
    return f, x


def place(x):
    """Where an Array's numbers are; it outlives every reference to its buffer made here."""
    return x._data.ctypes.data


def test_arrays_are_used_again():
    # A type whose place is taken has no list; if all the places are taken, some types have one.
    had = [aval.shape for aval in free_lists.types() if aval == ShapedArray(aval.shape, float)]
    calls = (taught(shape) for shape in [*((5, n) for n in range(7, 40)), *had])
    f, x = next((f, x) for f, x in calls if free_lists.address(f(x, x).aval))
    ids = {id(f(x, x)) for _ in range(100)}
    places = {place(f(x, x)) for _ in range(100)}
    most = 10 if config.check_memory else 2  # slow calls are timed in Python, with new arrays
    assert len(ids) <= most and len(places) <= most


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3, 4), (128,), (129,)])
@pytest.mark.parametrize("dtype", ["float64", "float32", "int8", "bool", "complex128", "bfloat16"])
def test_what_is_seen_stays(shape, dtype):
    f, x = taught(shape, dtype)
    y = jnp.asarray(np.zeros(shape, dtype))
    held, views = [], []
    for k in range(3 * MOST):
        z = f(x, y if k % 2 else x)
        if k % 3 == 0:
            held.append((z, np.array(z)))
        elif k % 3 == 1:
            views.append((np.asarray(z), np.array(z)))
        del z
    for a, b in (*held, *views):
        np.testing.assert_array_equal(a, b)
    assert len({id(a) for a, _ in held}) == len(held)
    assert all(a.shape == shape and a.dtype == x.dtype for a, _ in held)


@pytest.mark.parametrize("given", [(2, 3), (3, 2), (6,), (2, 3, 1), (2, 4)])
def test_buffers_of_another_shape_are_not_used(given):
    """No rule should make such an Array, but a wrong one of a user's primitive may."""
    f, x = taught((2, 4))
    for _ in range(2 * MOST):
        Array(np.zeros(given), x.aval)
    assert all(f(x, x)._data.shape == (2, 4) for _ in range(2 * MOST))


def test_weak_references_die():
    f, x = taught()
    gone = []
    for _ in range(20):
        y = f(x, x)
        reference = weakref.ref(y, gone.append)
        del y
        assert reference() is None
    assert len(gone) == 20
    y = f(x, x)
    reference = weakref.ref(y._data)
    address = y._data.ctypes.data
    del y
    assert reference() is None
    assert address is not None


def test_cycles_are_collected():
    f, x = taught()

    for _ in range(50):
        node = [f(x, x)]
        node.append(node)
        reference = weakref.ref(node[0])
        del node
        gc.collect()
        assert reference() is None
    assert gc.is_tracked(f(x, x))


def test_threads():
    f, x = taught()
    wrong = []

    def work(value):
        y = jnp.full(3, float(value))
        for _ in range(3000):
            a = f(y, y)
            b = f(a, y)
            if float(b[0]) != 3 * value or float(a[1]) != 2 * value:
                wrong.append(value)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_deleted_arrays_and_errors():
    f, x = taught((40,))
    for _ in range(10):
        y = f(x, x)
        y.delete()
        del y

    def fail(x):
        raise ValueError("no")

    g = ingot.jit(lambda x: (x + 1, ingot.pure_callback(fail, x, x), x * 2))
    for _ in range(10):
        with pytest.raises(Exception, match="no"):
            g(x)
    np.testing.assert_array_equal(f(x, x), np.full(40, 2.0))


def test_nothing_leaks():
    """A leak is an object in each call at least."""
    (f, x), calls = taught((9, 9)), 2000
    g = ingot.jit(lambda x: {"a": x + 1, "b": [x, (x * 2, x.sum())]})

    def counted():
        for _ in range(calls):
            g(x)
            f(x, x)
        gc.collect()
        return sys.getrefcount(x.aval), sys.getrefcount(type(x)), len(gc.get_objects())

    for executable in executables():
        while executable.upgrading:
            time.sleep(0.01)
    counted()
    for a, b in zip(counted(), counted(), strict=True):
        assert abs(a - b) < calls // 4  # what else the process did meanwhile counts as well


def test_a_process_ends_well():
    """Arrays that are freed while the interpreter goes down, also by the garbage collector."""
    code = """
import ingot, ingot.numpy as jnp
from ingot.backends.llvm.native.runtime import runtime
runtime.load()
f = ingot.jit(lambda x: [x + k for k in range(5)])
for _ in range(10):
    kept = f(jnp.ones(3))
class Late:
    def __del__(self):
        self.arrays = None
late = Late(); late.arrays = f(kept[0]); late.self = late
import builtins
builtins.late = Late(); builtins.late.arrays = f(kept[1])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
