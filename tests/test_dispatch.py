"""Calls: what a call of a compiled function costs beside its work must not cost correctness."""

import gc
import threading

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot.backends.llvm.buffers import POOLED_BYTES, BufferPool, pool, size_class
from ingot.config import config, fast_path_guard
from ingot.core.avals import ShapedArray

F64 = np.dtype(np.float64)


# ---- types ----
def test_equal_types_are_one_object():
    assert ShapedArray((3,), F64) is ShapedArray([3], "float64")
    assert ShapedArray((np.int64(7), 1), np.float32).shape == (7, 1)
    assert type(ShapedArray((np.int64(7), 1), np.float32).shape[0]) is int
    assert ShapedArray((3,), F64, True) is not ShapedArray((3,), F64, False)
    x = jnp.ones(3)
    assert ingot.jit(lambda x: x + 1)(x).aval is x.aval is (x + x).aval


# ---- the ordinary state ----
def test_settled_only_outside_of_transformations_and_overrides():
    seen = []
    ingot.jit(lambda x: seen.append(len(fast_path_guard)) or x)(jnp.ones(3))
    ingot.vmap(lambda x: seen.append(len(fast_path_guard)) or x)(jnp.ones(3))
    ingot.grad(lambda x: seen.append(len(fast_path_guard)) or x)(1.0)
    with config.override("enable_x64", False):
        seen.append(len(fast_path_guard))
    assert len(fast_path_guard) == 1 and min(seen) > 1
    assert fast_path_guard[0] is config.trace_key()
    config.update("threefry_partitionable", not config.threefry_partitionable)
    assert fast_path_guard[0] is None
    config.update("threefry_partitionable", not config.threefry_partitionable)
    assert fast_path_guard[0] is None and config.trace_key() is fast_path_guard[0]


def test_settled_after_errors():
    def fail(x):
        raise KeyError

    for transform in (ingot.jit, ingot.vmap, ingot.grad):
        with pytest.raises(KeyError):
            transform(fail)(jnp.ones(3))
    assert len(fast_path_guard) == 1


# ---- buffers ----
@pytest.mark.llvm("the pool of buffers")
def test_large_results_are_recycled_once_all_arrays_on_them_are_gone():
    f = ingot.jit(lambda x: x + 1)
    x = jnp.ones(POOLED_BYTES // 8)
    y = f(x)
    address = y._data.ctypes.data
    assert address % 64 == 0
    view = np.asarray(y)[3:]
    del y
    z = f(x)
    assert z._data.ctypes.data != address
    assert (view == 2).all()
    del view, z
    again = [f(x), f(x)]
    assert address in [a._data.ctypes.data for a in again]


def test_pool_is_bounded_and_can_be_emptied():
    mine = BufferPool()
    sizes = [POOLED_BYTES + 1000 * k for k in range(10)]
    with config.override("buffer_bytes", 6 * POOLED_BYTES):
        blocks = [mine._take(size_class(n)) for n in sizes]
        for block in blocks:
            mine.release(block)
            assert mine.held <= 6 * POOLED_BYTES
        assert mine.held > 4 * POOLED_BYTES
    assert mine._take(blocks[-1].nbytes) is blocks[-1]  # the latest is kept
    mine.clear()
    assert mine.held == 0


def test_size_classes_waste_little():
    for n in [*range(POOLED_BYTES, POOLED_BYTES + 70_000, 999), 10**9 + 7]:
        assert n <= size_class(n) <= n * 1.125
        assert size_class(size_class(n)) == size_class(n)


def test_pool_from_many_threads():
    held = pool.held

    def work(seed):
        alive = []
        for k in range(300):
            x = pool.empty((POOLED_BYTES // 8 + seed * 31 % 7 * 1000,), F64)
            x[:4] = seed
            alive = [*alive[-3:], x]
            assert all((a[:4] == seed).all() for a in alive)
            if k % 50 == 0:
                gc.collect()

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    gc.collect()
    assert pool.held >= held
