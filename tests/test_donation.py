"""Donated arguments updated in place: the results of fresh arrays, and nobody else's memory."""

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import lax
from ingot.api.formats import Format, Layout
from ingot.backends.llvm.executable import LLVMExecutable, MachineCode
from ingot.backends.llvm.native.runtime import runtime
from ingot.core.backend import CompileOptions

needs_native = pytest.mark.native("calls go through Python")
takes_memory = pytest.mark.llvm("the reference writes to the memory of no argument")
CALLS = 6  # in Python at first, then by the fast path


@pytest.fixture(autouse=True)
def loaded():
    runtime.load()


def large(dtype, seed=0, size=1000):
    x = np.random.default_rng(seed).normal(size=size) * 9
    return jnp.asarray(x.astype(dtype))


PROGRAMS = {
    "at": lambda x, y: x.at[3].set(y[0]),
    "several": lambda x, y: x.at[3].set(y[0]).at[4:9].add(y[:5]).at[-1].multiply(2),
    "slice": lambda x, y: lax.dynamic_update_slice(x, y[:7], (5,)),
    "loop": lambda x, y: lax.fori_loop(0, 50, lambda i, c: c.at[i].set(c[i] + y[i]), x),
    "scan": lambda x, y: lax.scan(lambda c, i: (c.at[i].add(1), c[i]), x, jnp.arange(9)),
    "while": lambda x, y: lax.while_loop(
        lambda s: s[0] < 7, lambda s: (s[0] + 1, s[1].at[s[0]].set(0)), (0, x))[1],
    "whole": lambda x, y: lax.fori_loop(0, 3, lambda i, c: c * 2 + y, x),
    "cond": lambda x, y: lax.cond(y[0] > 0, lambda c: c.at[1].set(0), lambda c: c, x),
    "switch": lambda x, y: lax.switch(
        2, [lambda c: c, lambda c: c + 1, lambda c: c.at[1:5].set(0)], x),
    "inner": lambda x, y: ingot.jit(lambda c: c.at[0].set(1))(x),
    "same": lambda x, y: x,
    "same twice": lambda x, y: (x, x),
    "old and new": lambda x, y: (x.at[2].set(y[0]), x[::2] + y[::2]),
    "old, whole": lambda x, y: (x.at[2].set(y[0]), x + y),
    "sum of old": lambda x, y: (x.sum(), x.at[2].set(y[0]), x.sum()),
    "reversed": lambda x, y: x.at[::-1].set(x),
    "sorted": lambda x, y: jnp.sort(x.at[0].set(y[1])),
    "callback": lambda x, y: ingot.pure_callback(lambda a: np.asarray(a) + a.dtype.type(1), x,
                                                 x.at[1].set(y[1])),
    "turned": lambda x, y: x.reshape(10, 100).T.reshape(1000).at[1].set(y[0]),
    "segments": lambda x, y: x.at[jnp.arange(500) % 7].add(y[:500]),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32, np.complex64])
@pytest.mark.parametrize("name", PROGRAMS)
def test_results_are_those_of_arrays_that_are_not_donated(name, dtype):
    fun = PROGRAMS[name]
    if dtype == np.complex64 and name in ("cond", "sorted"):
        pytest.skip("complex numbers are not ordered")
    given, kept = ingot.jit(fun, donate_argnums=0), ingot.jit(fun)
    y = large(dtype, 1)
    for k in range(CALLS):
        x, same = large(dtype, k), large(dtype, k)
        want = ingot.tree.leaves(kept(same, y))
        for a, b in zip(ingot.tree.leaves(given(x, y)), want, strict=True):
            np.testing.assert_array_equal(a, b)
        assert x.is_deleted() and not same.is_deleted() and not y.is_deleted()
        np.testing.assert_array_equal(same, large(dtype, k))


@needs_native
@takes_memory
@pytest.mark.parametrize("size", [1000, 100_000], ids=["NumPy's memory", "the pool's"])
@pytest.mark.parametrize(
    "name", ["at", "several", "slice", "loop", "while", "cond", "inner", "same"])
def test_results_take_the_memory(name, size):
    f = ingot.jit(PROGRAMS[name], donate_argnums=0)
    y = large(np.float64, 1)
    x = large(np.float64, 2, size)
    for _ in range(CALLS):
        x = f(x, y)
    for _ in range(CALLS):
        before = x._data.ctypes.data
        x = f(x, y)
        assert x._data.ctypes.data == before


@needs_native
@pytest.mark.parametrize("shape", [(), (3,), (2, 4)])
@pytest.mark.parametrize("dtype", ["float32", "int64", "bool", "complex128"])
def test_small_results_take_the_memory_of_what_is_given(shape, dtype):
    f = ingot.jit(lambda x, y: (y + x, x * 2, x), donate_argnums=0)
    for _ in range(CALLS):
        x = jnp.asarray(np.ones(shape, dtype))
        before = x.unsafe_buffer_pointer()
        first, second, third = f(x, x + x)
        assert before in [a.unsafe_buffer_pointer() for a in (first, second, third)]
        assert len({a.unsafe_buffer_pointer() for a in (first, second, third)}) == 3
        one = np.ones(shape, dtype)
        for got, want in ((first, one + one + one), (second, one * 2), (third, one)):
            np.testing.assert_array_equal(got, want)
        assert x.is_deleted()


@needs_native
@takes_memory
def test_the_first_call_takes_the_memory_as_well():
    f = ingot.jit(PROGRAMS["at"], donate_argnums=0)
    x, y = large(np.float64, 1, 100_000), large(np.float64)
    before = x.unsafe_buffer_pointer()
    assert f(x, y).unsafe_buffer_pointer() == before
    x = large(np.float64, 1, 100_000)
    seen, kept = np.asarray(x), np.array(x)
    assert f(x, y).unsafe_buffer_pointer() != seen.ctypes.data
    np.testing.assert_array_equal(seen, kept)


def views():
    """Ways to keep an array's memory from being given away."""
    yield "numpy", np.asarray
    yield "slice", lambda x: np.asarray(x)[5:]
    yield "dlpack", np.from_dlpack
    yield "memory", lambda x: memoryview(np.asarray(x))
    yield "array", lambda x: x.reshape(10, -1)


@pytest.mark.parametrize("size", [1000, 100_000])
@pytest.mark.parametrize(("kind", "view"), list(views()))
def test_what_others_see_stays(kind, view, size):
    f = ingot.jit(lambda x: x.at[:].add(1), donate_argnums=0)
    for k in range(CALLS):
        x = large(np.float64, k, size)
        seen = view(x)
        before = np.array(seen)
        after = f(x)
        np.testing.assert_array_equal(np.array(seen), before)
        np.testing.assert_array_equal(np.ravel(before)[-9:] + 1, after[-9:])


def test_an_array_passed_twice_stays():
    f = ingot.jit(lambda x, y: (x.at[0].set(5), y * 2), donate_argnums=0)
    g = ingot.jit(lambda x, y: (x.at[0].set(5), y.at[1].set(6)), donate_argnums=(0, 1))
    for k in range(2 * CALLS):
        x = large(np.float64, k)
        y = x if k % 2 else x + 0
        want = 2 * np.asarray(y)[:3].copy()
        first, second = f(x, y)
        np.testing.assert_array_equal(second[:3], want)
        assert first[0] == 5
        x = large(np.float64, k)
        first, second = g(x, x)
        assert first[0] == 5 and second[1] == 6 and first[1] != 6 and second[0] != 5


def test_constants_of_other_programs_stay():
    x = large(np.float64)
    other = ingot.jit(lambda y: x + y)
    want = np.asarray(other(0.0)).copy()
    f = ingot.jit(lambda x: x.at[0].set(99), donate_argnums=0)
    for k in range(CALLS):
        f(large(np.float64, k))
    assert f(x)[0] == 99
    np.testing.assert_array_equal(other(0.0), want)


def test_after_an_error_half_way_it_is_gone_or_whole():
    def fail(x):
        raise ValueError("no")

    f = ingot.jit(lambda x: ingot.pure_callback(fail, x, x.at[0].set(1)), donate_argnums=0)
    for k in range(CALLS):
        x = large(np.float64, k)
        with pytest.raises(Exception, match="no"):
            f(x)
        if not x.is_deleted():
            np.testing.assert_array_equal(x, large(np.float64, k))


def test_many_results_exchange_their_memory():
    """Two donated arrays that change places take each other's memory or new one."""
    f = ingot.jit(lambda x, y: (y.at[0].set(1), x.at[0].set(2)), donate_argnums=(0, 1))
    x, y = large(np.float64, 1), large(np.float64, 2)
    old = np.array(x), np.array(y)
    for _ in range(2 * CALLS):
        x, y = f(x, y)
    np.testing.assert_array_equal(x[1:], old[0][1:])
    np.testing.assert_array_equal(y[1:], old[1][1:])
    assert x[0] == 1 and y[0] == 2


# ---- results of another type in as many bytes ----------------------------------------------------
def _two(fun):
    """With a result of the donated argument's type, without which nothing is donated."""
    return lambda x: (fun(x), x * 2)


SAME_BYTES = {
    "transposed": _two(lambda x: (x * 3).T),
    "transposed in place": lambda x: (x.at[0].set(1).T, x.sum()),
    "turned back": lambda x: (x.T.at[0].set(1), x + 1),
    "reshaped": _two(lambda x: x.at[0].multiply(3).reshape(x.size)),
    "reshaped twice": lambda x: (x.at[0].add(1).reshape(-1).at[0].add(1).reshape(x.shape), x[0]),
    "a longer shape": _two(lambda x: x[None, :, None]),
    "bits": _two(lambda x: lax.bitcast_convert_type(x.at[0].set(2), _as_wide(x.dtype))),
    "converted": _two(lambda x: x.astype(_as_wide(x.dtype))),
    "converted in a loop": lambda x: lax.fori_loop(
        0, 3, lambda i, c: (c[0] + 1, c[1] * 2), (x.astype(_as_wide(x.dtype)), x.T)),
    "a loop": lambda x: lax.fori_loop(0, 3, lambda i, c: c.at[i].add(1), x).T,
    "scan": lambda x: lax.scan(lambda c, i: (c.at[i].add(1), c[i, 0]), x, jnp.arange(2))[0].T,
    "cond": lambda x: lax.cond(x.sum() > 0, lambda c: c.at[0].set(1), lambda c: c, x).T,
    "map": _two(lambda x: ingot.vmap(lambda r: r.at[0].set(r[1]), 1)(x)),
    "gradient": _two(lambda x: ingot.grad(lambda v: (v.astype(float) ** 2).sum())(
        x.astype(float)).astype(x.dtype).T),
    "called": _two(lambda x: ingot.jit(lambda c: c.at[0].set(1).T)(x)),
    "both": lambda x: (x.T, x.reshape(-1), x),
}
SHAPES = [(7, 9), (2, 3), (40, 50), (3, 3), (2, 1)]


def _as_wide(dtype):
    return np.dtype({4: "int32", 8: "int64"}[np.dtype(dtype).itemsize])


def same_results(fun, make, argnums=0):
    """Results with donation are those without it, types included, call after call."""
    given = ingot.jit(fun, donate_argnums=argnums)
    with ingot.disable_jit():
        want = ingot.tree.leaves(fun(*make()))
    for _ in range(CALLS):
        got = ingot.tree.leaves(given(*make()))
        assert len(got) == len(want)
        for g, w in zip(got, want, strict=True):
            assert (g.shape, g.dtype) == (w.shape, w.dtype)
            assert (np.asarray(g).shape, np.asarray(g).dtype) == (w.shape, w.dtype)
            np.testing.assert_allclose(np.asarray(g), np.asarray(w), rtol=1e-6)
            np.testing.assert_allclose(np.asarray(g + g), 2 * np.asarray(w), rtol=1e-6)


@pytest.mark.filterwarnings("ignore:Some donated buffers were not usable")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", SAME_BYTES)
def test_results_have_their_types_though_as_many_bytes_were_donated(name, shape, dtype):
    same_results(SAME_BYTES[name], lambda: (
        jnp.arange(1, 1 + np.prod(shape), dtype=dtype).reshape(shape),))


@pytest.mark.filterwarnings("ignore:Some donated buffers were not usable")
def test_donated_arrays_without_elements_or_axes_have_their_shapes():
    for shape in ((0, 3), (3, 0), (0,), (), (1,), (1, 1)):
        same_results(lambda x: (x.reshape(x.shape[::-1]), x * 2, x.reshape(-1)),
                     lambda shape=shape: (jnp.ones(shape),))
        same_results(lambda x, y: (y, x.T, x + y.T, y.reshape(x.shape)), lambda shape=shape: (
            jnp.ones(shape), jnp.ones(shape[::-1])), (0, 1))


def test_the_same_array_is_not_updated_under_another_argument_nor_a_constant():
    large, small = jnp.arange(1000.0), jnp.arange(4.0)
    for x in (large, small):
        fun = ingot.jit(lambda a, b: (a.at[0].set(b[1] + 5), b.at[1].set(a[0] - 5), b),
                        donate_argnums=(0, 1))
        want = [np.asarray(o) for o in fun(x + 0, x + 0)]
        for _ in range(CALLS):
            both = x + 0
            for g, w in zip(fun(both, both), want, strict=True):
                np.testing.assert_array_equal(np.asarray(g), w)
        closed = x + 0
        held = ingot.jit(lambda a, closed=closed: a.at[0].set(9) + closed, donate_argnums=0)
        np.testing.assert_array_equal(
            np.asarray(held(closed)), np.asarray(x.at[0].set(9) + x))


def test_tiers_may_take_other_arguments():
    """The optimized code of a program may overwrite what the first did not; no call sees one's code
    with the other's results."""
    jaxpr = ingot.make_jaxpr(lambda x: (x.at[0].set(1), x.sum()))(large(np.float64))
    executable = LLVMExecutable(getattr(jaxpr, "jaxpr", jaxpr), CompileOptions((0,)))
    other = LLVMExecutable(getattr(jaxpr, "jaxpr", jaxpr))
    assert executable.native.info.overwritten == [0] and other.native.info.overwritten == []
    before = executable.record.words[:]
    executable._install(MachineCode(other.native.code, other.native.info))
    after = executable.record.words[:]
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 3  # code, results, list
    x = jnp.arange(1000.0)
    first, total = executable.run([x], consume=True)
    assert first[0] == 1 and x[0] == 0 and total == x.sum()


@pytest.mark.parametrize(("given", "other"), [
    ("in_shardings", "output"), ("out_shardings", "input")])
def test_layouts_are_chosen_for_donated_arguments_and_results_or_for_neither(given, other):
    auto = Format(Layout.AUTO)
    f = ingot.jit(lambda x: x * 2, donate_argnums=0, **{given: auto})
    with pytest.raises(ValueError, match=f"Did you mean to set the .*{other} layout.*AUTO"):
        f(jnp.ones(3))
    both = ingot.jit(lambda x: x * 2, donate_argnums=0, in_shardings=auto, out_shardings=auto)
    assert both(jnp.ones(3)).tolist() == [2, 2, 2]
    here = ingot.device_put(np.ones(3), ingot.devices()[0])
    results = ingot.jit(lambda x: x * 2, donate_argnums=0, out_shardings=auto)
    assert results(here).tolist() == [2, 2, 2] and here.is_deleted()
