"""Sub-programs compiled once and called: what they compute is what the inlined program computes."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import lax
from ingot.compiler import outlining
from ingot.config import config
from ingot.errors import HostCallError
from ingot.kernel import ir
from ingot.kernel.visit import callees

pytestmark = pytest.mark.llvm("functions of machine code")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Everything that occurs twice is called, in code that depends on no cache."""
    for name, value in (("MIN_INSTRUCTIONS", 0), ("MIN_EQUATIONS", 1), ("MIN_WORK_IN_LOOPS", 0),
                        ("MIN_WORK_ONCE", 0)):
        monkeypatch.setattr(outlining, name, value)
    with config.override("cache", False), config.override("optimize", "fast"):
        yield


def kernel(fun, *args, **options):
    return ingot.jit(fun, **options).lower(*args).compile()._executable.function


def functions(fun, *args, **options):
    """What a program calls."""
    return callees(kernel(fun, *args, **options).body)


def inlined(fun, *args, **options):
    """The results of the program without calls."""
    before, outlining.MIN_INSTRUCTIONS = outlining.MIN_INSTRUCTIONS, 10**9
    try:
        return ingot.jit(lambda *a: fun(*a), **options)(*args)
    finally:
        outlining.MIN_INSTRUCTIONS = before


def assert_same(found, expected):
    found, expected = ingot.tree.leaves(found), ingot.tree.leaves(expected)
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert a.aval == b.aval
        np.testing.assert_array_equal(a, b)


@ingot.jit
def mixed(x, y):
    """RegisterArray and arrays, loops and branches."""
    total, parts = lax.scan(lambda c, v: (c + jnp.sin(v) * y, c * v), y, x)
    z = lax.cond(total > 0, lambda a: a * 2, lambda a: a[::-1] + y, x)
    return jnp.tanh(z) + parts, total


def several(x, y):
    for _ in range(3):
        x, y = mixed(x, y)
    return x, y


X, Y = jnp.linspace(-1.0, 1.0, 100), jnp.array(0.4, float)

PROGRAMS = {
    "in a row": lambda x, y: several(x, y),
    "gradient": lambda x, y: ingot.grad(lambda x, y: several(x, y)[0].sum(), (0, 1))(x, y),
    "forward": lambda x, y: ingot.jvp(several, (x, y), (x + 1, y)),
    "second": lambda x, y: ingot.grad(
        lambda y: ingot.grad(lambda y: several(x, y)[1])(y))(y),
    "mapped": lambda x, y: ingot.vmap(several, (None, 0))(x, y + jnp.arange(5.0)),
    "gradient of mapped": lambda x, y: ingot.grad(
        lambda y: ingot.vmap(several, (None, 0))(x, y)[0].sum())(y + jnp.arange(5.0)),
    "in a loop": lambda x, y: lax.scan(lambda c, _: (several(*c), c[1]), (x, y), None, length=4),
    "in while": lambda x, y: lax.while_loop(
        lambda c: c[0] < 5, lambda c: (c[0] + 1, *several(*c[1:])), (0, x, y)),
    "in branches": lambda x, y: lax.cond(y > 0, several, lambda x, y: mixed(x, y), x, y),
    "over entries": lambda x, y: lax.map(lambda v: mixed(x, v)[1] - mixed(x, -v)[1], x),
    "entries that differ in length": lambda x, y: ingot.vmap(lambda v: lax.while_loop(
        lambda c: c[0] < 9, lambda c: (c[0] + 1 + v * v, mixed(x, mixed(x, c[1])[1])[1]),
        (v, y))[1])(x[:6]),
    "nested": lambda x, y: [ingot.jit(several)(x, y + k) for k in range(3)],
    "rematerialized": lambda x, y: ingot.grad(
        lambda x: ingot.checkpoint(lambda x: several(x, y)[0].sum())(x))(x),
    "part of the results": lambda x, y: mixed(x, mixed(x, y)[1])[1] + mixed(x, y)[0][3],
    "rows": lambda x, y: [mixed(v, y) for v in x.reshape(4, 25)],
    "columns": lambda x, y: [mixed(v, y) for v in x.reshape(25, 4).T],
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_results_are_those_of_the_inlined_program(name):
    fun = PROGRAMS[name]
    assert functions(fun, X, Y)
    assert_same(ingot.jit(fun)(X, Y), inlined(fun, X, Y))


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint32", "float16", "bfloat16", "float32",
                                   "complex64", "complex128"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 50)])
def test_all_types_and_shapes_are_passed(dtype, shape):
    step = ingot.jit(lambda x, k: (jnp.where(k > 1, x, -x if dtype != "bool" else ~x), x.sum()))
    x = jnp.asarray(np.random.default_rng(0).normal(size=shape) * 3).astype(dtype)

    def program(x, k):
        a, s = step(x, k)
        b, t = step(a[::-1] if shape else a, k + 1)
        return a, b, s, t

    assert functions(program, x, 1)
    assert_same(ingot.jit(program)(x, 1), inlined(program, x, 1))


def test_special_values_pass_unchanged():
    step = ingot.jit(lambda x: x * jnp.array([1.0, -1.0, 1.0, 1.0, 1.0]))
    x = jnp.array([np.nan, 0.0, -0.0, np.inf, 5e-324])
    y = ingot.jit(lambda x: step(step(x)))(x)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(np.signbit(y), np.signbit(x))


# ---- what counts as the same ---------------------------------------------------------------------
def wave(x):
    for _ in range(10):
        x = jnp.sin(x) * 1.5
    return x


def test_functions_that_are_traced_twice_are_one():
    def loop(x):
        return lax.fori_loop(0, 5, lambda i, c: wave(c) + i, x)

    assert len(functions(lambda x: loop(loop(x)), X)) == 1
    fresh = [ingot.jit(lambda x: wave(x)) for _ in range(3)]
    assert len(functions(lambda x: [f(x + k) for k, f in enumerate(fresh)], X)) == 1


def test_each_layer_of_a_gradient_is_one_function():
    layer = ingot.jit(lambda w, x: jnp.tanh(x @ w) + x)

    def loss(ws, x):
        for w in ws:
            x = layer(w, x)
        return x.sum()

    ws, x = [jnp.eye(12) + 0.1 * k for k in range(8)], jnp.ones((5, 12))
    assert len(functions(ingot.grad(loss), ws, x)) == 2
    assert_same(ingot.jit(ingot.grad(loss))(ws, x), inlined(ingot.grad(loss), ws, x))


def test_what_differs_is_not_one():
    a, b = jnp.arange(300.0), jnp.arange(300.0) + 1
    one, two = ingot.jit(lambda x: wave(x + a)), ingot.jit(lambda x: wave(x + b))
    assert not functions(lambda x: (one(x), two(x)), jnp.ones(300))
    assert_same(ingot.jit(lambda x: (one(x), two(x)))(b), (one(b), two(b)))
    assert not functions(lambda x: (ingot.jit(wave)(x), ingot.jit(wave)(x[:7])), X)


def test_numbers_that_are_the_same_everywhere_are_part_of_the_function():
    power = ingot.jit(lambda x, n: lax.fori_loop(0, n, lambda i, c: wave(c), x))
    (same,) = functions(lambda x: power(power(x, 3), 3), 0.5)
    (differing,) = functions(lambda x: power(power(x, 3), 4), 0.5)
    assert (len(same.arguments), len(differing.arguments)) == (1, 2)
    program = lambda x: power(power(x, 3), 4)  # noqa: E731
    assert_same(ingot.jit(program)(0.5), inlined(program, 0.5))


def test_large_constants_are_shared():
    table = jnp.asarray(np.random.default_rng(1).normal(size=5000))
    look = ingot.jit(lambda i: wave(table[i] + table.sum()))
    program = lambda i: look(i) + look(i + 1)  # noqa: E731
    assert len(functions(program, 3)) == 1
    assert_same(ingot.jit(program)(3), inlined(program, 3))
    loop = lambda i: lax.map(program, jnp.arange(400))  # noqa: E731
    assert_same(ingot.jit(loop)(3), inlined(loop, 3))


def test_small_functions_are_inlined(monkeypatch):
    monkeypatch.undo()
    small = ingot.jit(lambda x: x * 2 + 1 - x / 3 + x)
    assert not functions(lambda x: small(small(x)), X)


def test_values_computed_where_they_are_used_stay_so(monkeypatch):
    """All pairs of points would not fit into memory."""
    monkeypatch.undo()
    pairs = ingot.jit(lambda x: wave(x[:, None] - x))
    x = jnp.ones(50_000)
    program = ingot.jit(lambda x: pairs(x).sum() + pairs(x + 1).sum()).lower(x).compile()
    assert program.memory_analysis()["temp_size_in_bytes"] < 10**8


@pytest.mark.parametrize("often", [False, True])
def test_arrays_are_updated_in_place_as_if_inlined(often, monkeypatch):
    monkeypatch.undo()

    @ingot.jit
    def put(x, i):
        return x.at[i].set(wave(wave(wave(wave(x[i])))))

    def program(x):
        if often:
            return lax.fori_loop(0, 9, lambda i, c: put(put(c, i), i + 1), x)
        return put(put(x, 1), 2)

    x = jnp.arange(100_000.0)
    text = ingot.jit(program).lower(x).compile().as_text("kernels")
    monkeypatch.setattr(outlining, "MIN_INSTRUCTIONS", 10**9)
    assert text == ingot.jit(lambda x: program(x)).lower(x).compile().as_text("kernels")
    monkeypatch.undo()
    assert_same(ingot.jit(program, donate_argnums=0)(x + 0), inlined(program, x))


# ---- effects -------------------------------------------------------------------------------------
def test_host_functions_are_called_in_order():
    seen = []

    @ingot.jit
    def told(x):
        ingot.debug.callback(lambda v: seen.append(float(v)), x, ordered=True)
        return wave(x)

    def program(x):
        return lax.fori_loop(0, 2, lambda i, c: told(told(c) + i), x)

    compiled = ingot.jit(program).lower(0.5).compile()
    assert compiled.cost_analysis()["host calls"] == 1
    compiled(0.5)
    ingot.effects_barrier()
    expected, x = [], 0.5
    for i in range(2):
        for k in range(2):
            expected.append(float(x))
            x = wave(x) + (i if k == 0 else 0)
    np.testing.assert_allclose(seen, expected, rtol=1e-12)


def test_other_host_functions_are_other_programs():
    def calling(fun):
        return ingot.jit(lambda x: ingot.pure_callback(
            fun, ingot.ShapeDtypeStruct((), np.float64), wave(x)))

    one, two = calling(lambda v: np.asarray(v + 1)), calling(lambda v: np.asarray(v + 2))
    assert not functions(lambda x: (one(x), two(x)), 0.5)
    a, b = ingot.jit(lambda x: (one(x), two(x)))(0.5)
    assert float(b - a) == 1.0


@pytest.mark.parametrize("looped", [False, True])
def test_errors_of_host_functions_leave_the_program(looped):
    def fail(v):
        if v > 2:
            raise ValueError("too much")
        return np.asarray(v + 1)

    step = ingot.jit(lambda x: ingot.pure_callback(
        fail, ingot.ShapeDtypeStruct((), np.float64), x + wave(x) * 0))

    def program(x):
        if looped:
            return lax.fori_loop(0, 3, lambda i, c: step(step(c)), x)
        return step(step(step(x)))

    assert len(functions(program, np.float64(0.5))) == 1
    with pytest.raises(HostCallError, match="too much"):
        ingot.jit(program)(np.float64(0.5))


@pytest.mark.skipif(os.name != "posix", reason="signals are sent")
def test_interrupts_leave_the_program():
    @ingot.jit
    def endless(x):
        return lax.while_loop(lambda c: c < 2, lambda c: jnp.sin(c), x)

    program = ingot.jit(lambda x: endless(endless(x))).lower(0.5).compile()
    assert callees(program._executable.function.body)
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        program(0.5)
    timer.join()


@pytest.mark.native("loops are not divided among threads")
def test_threads_have_arenas_of_their_own():
    @ingot.jit
    def work(x):
        y = lax.fori_loop(0, 20, lambda i, c: jnp.sin(c) + c[::-1], x)
        return jnp.sort(y).sum() + lax.while_loop(lambda c: c < 3, lambda c: c + 1, y[0])

    def program(x):
        return lax.map(lambda v: work(v) - work(v + 1), x)

    x = jnp.asarray(np.random.default_rng(2).normal(size=(2000, 100)))
    kernels = kernel(program, x)
    assert callees(kernels.body) and any(
        type(node) is ir.For and node.parallel for node in kernels.body.nodes)
    with ingot.num_threads(1):
        expected = inlined(program, x)
    with ingot.num_threads(3):
        assert_same(ingot.jit(program)(x), expected)


@pytest.mark.native("loops are not divided among threads")
def test_loops_in_functions_are_divided():
    @ingot.jit
    def heavy(x):
        return wave(wave(x)) @ x

    x = jnp.asarray(np.random.default_rng(3).normal(size=100_000))
    program = lambda x: heavy(x) + heavy(x + 1)  # noqa: E731
    (function,) = functions(program, x)
    assert any(type(node) is ir.For and node.parallel for node in function.body.nodes)
    with ingot.num_threads(2):
        assert_same(ingot.jit(program)(x), inlined(program, x))


def test_what_nobody_needs_is_not_called():
    pair = ingot.jit(lambda x: (wave(x), wave(x + 1)))

    def program(x):
        pair(x)  # its results are dropped
        return lax.fori_loop(0, 5, lambda i, c: (pair(c[0])[1], pair(c[1])[0]), (x, x))[0]

    assert len(functions(program, 0.5)) <= 2
    assert_same(ingot.jit(program)(0.5), inlined(program, 0.5))


# ---- looking inside, and from the disk -----------------------------------------------------------
def test_texts_and_analyses_know_functions():
    compiled = ingot.jit(several).lower(X, Y).compile()
    for stage in ingot.debug.STAGES:
        assert compiled.as_text(stage)
    assert "function0(argument0" in compiled.as_text("kernels")
    one = ingot.jit(lambda x, y: mixed(x, y)).lower(X, Y).compile()
    ratio = compiled.cost_analysis()["instructions"] / one.cost_analysis()["instructions"]
    assert 2.5 < ratio < 3.5


def test_optimized_code_agrees():
    with config.override("optimize", "full"):
        found = ingot.jit(several)(X, Y)
    for a, b in zip(found, inlined(several, X, Y), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)


def test_a_second_process_finds_the_program(tmp_path):
    program = (
        "import numpy as np, ingot, ingot.numpy as jnp\n"
        "from ingot.backends.llvm.executable import executables\n"
        "from ingot.compiler import outlining\n"
        "outlining.MIN_INSTRUCTIONS = outlining.MIN_EQUATIONS = outlining.MIN_WORK_ONCE = 0\n"
        "table = jnp.asarray(np.arange(5000.0) % 7)\n"
        "def host(v):\n    return np.asarray(v * 2)\n"
        "@ingot.jit\n"
        "def f(x):\n"
        "    y = ingot.pure_callback(host, ingot.ShapeDtypeStruct((), np.float64), x)\n"
        "    return jnp.sin(y) + table[x.astype(int)] + table.sum()\n"
        "g = ingot.jit(lambda x: f(f(x)) + f(x + 1))\n"
        "print(float(g(2.0)), [e.code.cached for e in executables()][-1])\n")
    environment = {**os.environ, "INGOT_CACHE_DIR": str(tmp_path),
                   "PYTHONPATH": str(Path(ingot.__file__).parents[1])}
    lines = [subprocess.run([sys.executable, "-c", program], env=environment, check=True,
                            capture_output=True, text=True).stdout.split() for _ in range(2)]
    assert lines[0][0] == lines[1][0]
    assert [line[1] for line in lines] == ["False", "True"]
