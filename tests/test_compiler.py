"""The compiler and the LLVM back end: memory, tiers, host calls, interrupts, stages."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import ingot  # registers the back ends
import ingot.numpy as jnp
from ingot import lax
from ingot.compiler.arena import Arena
from ingot.config import config
from ingot.control.scan import scan
from ingot.control.while_loop import while_loop
from ingot.core.backend import compile_jaxpr
from ingot.core.interpreter import to_array, typeof
from ingot.core.primitive import NOT_LINEAR, ZERO, Primitive, PythonFallback
from ingot.errors import HostCallError
from ingot.kernel import ir
from ingot.primitives.arithmetic import add, mul
from ingot.primitives.compare import lt
from ingot.primitives.dot import dot
from ingot.primitives.dynamic_slice import dynamic_update_slice
from ingot.primitives.exponential import exp
from ingot.primitives.movement import reduce_sum
from ingot.primitives.trig import sin
from ingot.transforms.stage import stage


def compiled(fun, *args):
    """Stage a function on flat lists and compile it with LLVM."""
    return compile_jaxpr(stage(fun, [typeof(to_array(a)) for a in args]), "llvm")


def agree(fun, *args, rtol=1e-14):
    """Compiled and eager results agree; returns the executable."""
    executable = compiled(fun, *args)
    eager = fun(*map(to_array, args))
    for got, want in zip(executable(*map(np.asarray, args)), eager, strict=True):
        np.testing.assert_allclose(got, want._data, rtol=rtol)
    return executable


def nodes(block, kind):
    """All nodes of a kind, at any depth."""
    found = []
    for node in block.nodes:
        if type(node) is kind:
            found.append(node)
        for name in ("body", "cond"):
            if hasattr(node, name):
                found += nodes(getattr(node, name), kind)
        for branch in getattr(node, "branches", ()):
            found += nodes(branch, kind)
    return found


@pytest.mark.parametrize("n", [0, 1, 3, 64, 65, 1000])
def test_sizes_around_the_limit_of_scalars(n):
    x = np.linspace(-2, 2, n)
    agree(lambda x: [add(mul(x, x), sin(x)), reduce_sum(exp(x), (0,))], x)


def test_an_elementwise_chain_is_one_loop_without_temporaries():
    x = np.linspace(0, 1, 1000)
    executable = agree(lambda x: [exp(sin(mul(x, x)))], x)
    assert len(nodes(executable.function.body, ir.For)) == 1
    assert executable.memory_analysis()["temp_size_in_bytes"] == 0


def test_a_producer_is_fused_into_its_reduction():
    x = np.linspace(0, 1, 1000)
    executable = agree(lambda x: [reduce_sum(mul(x, x), (0,))], x)
    assert not nodes(executable.function.body, ir.Store)[1:]
    # What costs more is computed for a block of the sum at a time, which stays in cache.
    x = np.linspace(0, 1, 100_000)
    executable = agree(lambda x: [reduce_sum(exp(x), (0,))], x)
    assert executable.memory_analysis()["temp_size_in_bytes"] < x.nbytes / 8


def test_temporaries_share_memory_once_they_are_dead():
    x = np.random.default_rng(0).normal(size=(64, 64)) / 8

    def chain(x):
        y = x
        for _ in range(10):
            y = dot(y, x)
        return [y]

    executable = agree(chain, x, rtol=1e-12)
    assert executable.memory_analysis()["temp_size_in_bytes"] <= 3 * x.nbytes


def test_a_large_carry_is_exchanged_not_copied():
    x = np.linspace(0, 1, 1000)

    def program(x):
        return [scan(lambda c, _: (mul(c, c), None), x, None, length=3)[0]]

    executable = compiled(program, x)
    np.testing.assert_allclose(executable(x)[0], x**8)
    (loop,) = [n for n in nodes(executable.function.body, ir.For) if n.pointers]
    assert not nodes(loop.body, ir.Copy)


def test_an_update_of_a_carry_is_done_in_place():
    x = np.zeros(1000)

    def program(x):
        def body(c, i):
            return dynamic_update_slice(c, mul(i, i).reshape((1,)), (i.astype("int64"),)), None

        return [scan(body, x, np.arange(1000.0))[0]]

    executable = compiled(program, x)
    np.testing.assert_allclose(executable(x)[0], np.arange(1000.0) ** 2)
    (loop,) = nodes(executable.function.body, ir.For)[:1]
    assert not nodes(loop.body, ir.Copy) and not nodes(loop.body, ir.For)
    np.testing.assert_array_equal(x, 0)


def test_two_carries_that_trade_places():
    a, b = np.zeros(100), np.ones(100)

    def program(a, b):
        return list(scan(lambda c, _: ((c[1], add(c[0], c[1])), None), (a, b), None, length=5)[0])

    got = compiled(program, a, b)(a, b)
    np.testing.assert_array_equal([g[0] for g in got], [5, 8])


N = 1000
STEPS = np.arange(20)


def _wave(x):
    """A value and its predecessor, which trade places."""
    return lax.fori_loop(0, 7, lambda i, c: (c[1] * 0.5 + c[0], c[0]), (x, x + 1.0))


IN_PLACE = {
    "set": lambda x: lax.fori_loop(0, 20, lambda i, x: x.at[i].set(x[i + 1] * 0.5), x),
    "read the old one": lambda x: lax.scan(lambda x, i: (x.at[i].set(1.0), x[i + 1]), x, STEPS),
    "read a slice": lambda x: lax.scan(
        lambda x, i: (x.at[i].add(x[5:305].sum()), jnp.roll(x[5:105], i) @ x[6:106]), x, STEPS),
    "swap elements": lambda x: lax.fori_loop(
        0, 20, lambda i, x: x.at[i].set(x[i + 1]).at[i + 1].set(x[i]), x),
    "swap arrays": lambda x: lax.fori_loop(
        0, 7, lambda i, c: (c[1].at[i].set(9.0), c[0].at[i].mul(2.0)), (x, x + 1.0)),
    "rotate arrays": lambda x: lax.fori_loop(
        0, 7, lambda i, c: (c[1], c[2].at[i].add(1.0), c[0]), (x, x + 1.0, x * 2.0)),
    "wave": _wave,
    "while": lambda x: lax.while_loop(
        lambda c: c[0] < 9, lambda c: (c[0] + 2, c[1].at[c[0]].set(c[1][c[0] + 1])), (0, x)),
    "branch": lambda x: lax.fori_loop(0, 20, lambda i, x: lax.cond(
        i % 3 == 0, lambda x: x.at[i].set(1.0), lambda x: x, x), x),
    "gradient of reads": ingot.grad(lambda x: lax.scan(
        lambda s, i: (s + jnp.sin(x[i]) * x[3] + x[4:9].sum(), None), 0.0, STEPS)[0]),
    "gradient of gather": ingot.grad(lambda x: lax.scan(
        lambda s, i: (s * 0.5 + jnp.sin(x[i]) * x[i + 1], None), 0.0, STEPS)[0]),
    "gradient of set": ingot.grad(lambda x: (lax.scan(
        lambda x, i: (x.at[i].set(jnp.sin(x[i + 1])), x[i]), x, STEPS)[0] ** 2).sum()),
    "gradient of slices": ingot.grad(lambda x: (lax.scan(lambda x, i: (lax.dynamic_update_slice(
        x, jnp.sin(lax.dynamic_slice(x, (i + 1,), (4,))), (i,)), None), x, STEPS)[0] ** 2).sum()),
    "mapped": ingot.vmap(lambda x: lax.scan(
        lambda x, i: (x.at[i].set(x[i + 1] * 2), x[2 * i]), x, STEPS)),
    "mapped gradient": ingot.vmap(ingot.grad(lambda x: (lax.scan(
        lambda x, i: (x.at[i].set(jnp.sin(x[i + 1])), None), x, STEPS)[0] ** 2).sum())),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_loops_update_large_arrays_in_place(name):
    fun = IN_PLACE[name]
    x = np.linspace(-1, 1, N if "mapped" not in name else 4 * N).reshape(
        (N,) if "mapped" not in name else (4, N))
    jaxpr = ingot.make_jaxpr(fun)(x)
    executable = compile_jaxpr(jaxpr, "llvm")
    for got, want in zip(executable(x), compile_jaxpr(jaxpr, "reference")(x), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-14)
    carrying = [n for kind in (ir.For, ir.While) for n in nodes(executable.function.body, kind)
                if n.pointers]
    longest = max((c.nbytes for n in carrying for c in nodes(n.body, ir.Copy)), default=0)
    assert longest <= 300 * 8
    if name != "wave":
        lengths = [m.trip_count for n in carrying for m in nodes(n.body, ir.For)]
        assert max(lengths, default=0) <= 300


def test_results_of_loops_need_no_copy():
    x = np.linspace(0, 1, N)
    for length in (4, 5):
        executable = compiled(lambda x, n=length: [scan(
            lambda c, _: (mul(c, c), None), x, None, length=n)[0]], x)
        np.testing.assert_allclose(executable(x)[0], x ** 2**length)
        assert len(nodes(executable.function.body, ir.Copy)) == 1  # the argument's


def test_a_carry_that_nothing_needs_takes_no_memory():
    fun = ingot.grad(lambda x: lax.fori_loop(0, 9, lambda i, x: x.at[i].set(x[i + 1] * 2), x).sum())
    executable = compile_jaxpr(ingot.make_jaxpr(fun)(np.ones(N)), "llvm")
    assert executable.memory_analysis()["temp_size_in_bytes"] < 8 * N + 1000
    want = np.ones(N)
    want[0], want[1:9], want[9] = 0, 2, 3
    np.testing.assert_array_equal(executable(np.ones(N))[0], want)


def test_an_operand_read_later_is_not_updated_in_place():
    x = np.arange(100.0)

    def program(x):
        y = mul(x, x)
        z = dynamic_update_slice(y, np.full(3, -1.0), (4,))
        return [add(y, z), z]

    agree(program, x)


def test_what_nothing_needs_is_not_computed():
    def program(x):
        (_, unused), ys = scan(lambda c, t: ((add(c[0], t), exp(c[1])), sin(t)),
                               (x, x), np.arange(10.0))
        return [_]

    executable = compiled(program, 1.0)
    assert "exp" not in executable.as_text("kernels")
    assert "sin" not in executable.as_text("kernels")


def test_arena_reuses_and_joins_blocks():
    arena = Arena()
    a, b, c = arena.allocate(100), arena.allocate(64), arena.allocate(10)
    arena.free(a, 100)
    arena.free(b, 64)
    assert arena.allocate(180) == a  # the two holes became one
    arena.free(c, 10)
    size = arena.size
    assert arena.allocate(64) == c and arena.size == size


def _host_primitive(fun):
    return Primitive("host_test", type=lambda x: x, eval=fun, jvp=ZERO, transpose=NOT_LINEAR,
                     batch=NOT_LINEAR, kernel=PythonFallback("tests the host call"), register=False)


def test_host_calls_run_inside_loops_and_are_counted():
    double = _host_primitive(lambda x: 2 * x)

    def program(x):
        return [scan(lambda c, _: (double.bind(c), None), x, None, length=5)[0]]

    for x in (np.asarray(1.5), np.arange(100.0)):
        executable = compiled(program, x)
        np.testing.assert_array_equal(executable(x)[0], 32 * x)
        assert executable.cost_analysis()["host calls"] == 1


def test_an_exception_in_a_host_call_reaches_the_caller():
    def fail(x):
        raise ValueError("the host says no")

    executable = compiled(lambda x: [_host_primitive(fail).bind(x)], 1.0)
    for _ in range(2):
        with pytest.raises(HostCallError, match="ValueError: the host says no"):
            executable(np.asarray(1.0))


@pytest.mark.parametrize("tier", ["fast", "full"])
@pytest.mark.parametrize("in_condition", [False, True])
def test_interrupt_stops_a_loop(tier, in_condition):
    def long(x):
        return scan(lambda c, _: (sin(add(c, x)), None), x, None, length=10**10)[0]

    def program(x):
        if in_condition:
            return [while_loop(lambda c: lt(long(c), x), lambda c: add(c, x), x)]
        return [long(x)]

    with config.override("optimize", tier):
        executable = compiled(program, 0.5)
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        executable(np.asarray(0.5))
    timer.join()


def test_an_interrupt_before_a_host_call_is_not_lost():
    """It comes while a product runs, which does not look for signals."""
    look = _host_primitive(lambda x: x)
    x = np.ones((1500, 1500))
    executable = compiled(lambda x: [look.bind(jnp.dot(x, x)[0, 0])], x)
    for _ in range(3):
        timer = threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            timer.start()
            executable(x)
            timer.join()
            time.sleep(1)  # it came after the call
    assert executable(x)[0] == 1500


def test_other_threads_run_while_a_loop_does():
    def program(x):
        return [while_loop(lambda c: lt(c, to_array(2e7)), lambda c: add(c, to_array(1.0)), x)]

    executable = compiled(program, 0.0)
    ticks = []
    stop = threading.Event()

    def tick():
        while not stop.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    start = time.perf_counter()
    executable(np.asarray(0.0))
    end = time.perf_counter()
    stop.set()
    thread.join()
    assert any(start < t < end for t in ticks)


def test_hot_code_is_optimized_in_the_background():
    x = np.linspace(0, 1, 20_000)
    with config.override("optimize", "auto"):
        executable = compiled(
            lambda x: [scan(lambda c, t: (sin(add(c, t)), None), np.float64(0), x)[0]], x)
    want = executable(x)[0]
    for _ in range(2000):
        executable(x)
        if executable.code.tier.name == "full":
            break
    assert executable.code.tier.name == "full"
    np.testing.assert_allclose(executable(x)[0], want, rtol=1e-13)


def test_arguments_may_be_views():
    x = np.arange(24.0).reshape(4, 6)
    executable = compiled(lambda x: [add(x, x)], x[::2, ::3])
    np.testing.assert_array_equal(executable(x[::2, ::3])[0], 2 * x[::2, ::3])
    np.testing.assert_array_equal(executable(x[::2, ::3].astype("f4"))[0], 2 * x[::2, ::3])


def test_every_stage_has_a_text():
    executable = compiled(lambda x: [exp(x)], 1.0)
    texts = [executable.as_text(s) for s in
             ("jaxpr", "simplified", "kernels", "llvm", "optimized", "assembly")]
    assert all(texts) and len(set(texts)) >= 5
    with pytest.raises(ValueError, match="stage must be one of"):
        executable.as_text("hlo")


def test_compiling_twice_gives_the_same_executable():
    jaxpr = stage(lambda x: [exp(x)], [typeof(1.0)])
    assert compile_jaxpr(jaxpr, "llvm") is compile_jaxpr(jaxpr, "llvm")


def test_threads_may_share_an_executable():
    x = np.random.default_rng(0).normal(size=(50, 50)) / 10
    executable = compiled(lambda x: [dot(dot(x, x), sin(x))], x)
    want = executable(x)[0].copy()
    wrong = []

    def work():
        for _ in range(200):
            if not np.array_equal(executable(x)[0], want):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_back_end_is_the_default():
    assert config.backend == "llvm" and ingot is not None


def test_tables_of_constants_are_not_overwritten_by_loops():
    table = [3, 1, 4, 1, 5]

    def body(i, carry):
        # Sorting takes memory and gives it back, before the table is put into memory.
        x = lax.mul(lax.sort(lax.mul(carry[1], 2.0)), 0.5)
        return carry[0] + lax.dynamic_index_in_dim(np.array(table), i % 5, keepdims=False), x

    total, _ = ingot.jit(lambda x: lax.fori_loop(0, 10, body, (0, x)))(np.arange(40.0))
    assert int(total) == 2 * sum(table)


@pytest.mark.native("modules are imported with their packages")
def test_blas_is_found_without_the_package_around_it():
    """Importing scipy.linalg takes a tenth of a second; it must work all the same afterwards."""
    program = (
        "import sys, ingot, numpy as np\n"
        "x = np.eye(70)\n"
        "ingot.jit(lambda x: x @ x)(x)\n"
        "assert 'scipy.linalg' not in sys.modules\n"
        "import scipy.linalg.cython_blas\n"
        "assert 'dgemm' in scipy.linalg.cython_blas.__pyx_capi__\n"
        "assert scipy.linalg.cholesky(x).sum() == 70\n")
    root = Path(__file__).resolve().parents[1] / "src"
    environment = {**os.environ, "PYTHONPATH": str(root), "INGOT_CACHE": "0"}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)


def test_complex_exponentials_are_native_and_as_numpys():
    values = [0.0, -0.0, 1.0, np.inf, -np.inf, np.nan, 709.9, 710.2, -745.2, 1.5707963267948966]
    z = np.array([complex(x, y) for x in values for y in values])
    exp = ingot.jit(ingot.numpy.exp)
    assert exp.lower(z).compile().cost_analysis()["host calls"] == 0
    with np.errstate(all="ignore"):
        want = np.exp(z)
    got = np.asarray(exp(z))
    for part in (np.real, np.imag):
        ours, theirs = part(got), part(want)
        np.testing.assert_allclose(ours, theirs, rtol=1e-15)
        known = ~np.isnan(theirs) & np.isfinite(np.imag(z))  # C leaves the other signs open
        np.testing.assert_array_equal(np.signbit(ours[known]), np.signbit(theirs[known]))


def test_debug_reports_what_runs():
    def unmistakable(x):
        return ingot.numpy.sin(x) + 1

    f = ingot.jit(unmistakable)
    for tier in ("fast", "full"):
        with config.override("optimize", tier), config.override("cache", False):
            f(1.0)
    found = [r for r in ingot.debug.programs() if r.name == "unmistakable"]
    assert {(r.tier, r.from_disk, r.upgrading, r.host_calls) for r in found} == {
        ("fast", False, False, 0), ("full", False, False, 0)}


def test_compilation_can_be_interrupted():
    """Optimizing a long module takes seconds, which Ctrl-C must not wait for."""
    program = (
        "import signal, threading, time, os, ingot, ingot.numpy as jnp\n"
        "def f(x):\n"
        "    for k in range(1500):\n"
        "        x = jnp.sin(x) * 1.01 + 0.1 * x**2 / (1 + x * x)\n"
        "    return x\n"
        "lowered = ingot.jit(ingot.grad(f)).lower(0.3)\n"
        "from ingot.backends.llvm import worker\n"
        "ask = worker._write\n"
        "def write(*args):\n"
        "    ask(*args)\n"
        "    signal.setitimer(signal.ITIMER_REAL, 0.1)\n"
        "signal.signal(signal.SIGALRM, signal.default_int_handler)\n"
        "worker._write = write\n"
        "try:\n"
        "    lowered.compile()\n"
        "except KeyboardInterrupt:\n"
        "    worker._write = ask\n"
        "    assert worker._process is None\n"
        "    with ingot.config.override('optimize', 'fast'):\n"
        "        assert abs(float(ingot.jit(f)(0.3))) < 100\n"
        "    print('interrupted')\n")
    root = Path(__file__).resolve().parents[1] / "src"
    environment = {**os.environ, "PYTHONPATH": str(root), "INGOT_CACHE": "0",
                   "INGOT_OPTIMIZE": "full"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, check=True,
                          capture_output=True, text=True)
    assert done.stdout == "interrupted\n"


def test_long_straight_code_is_many_blocks_and_calls_functions():
    """LLVM takes longer than in proportion to long basic blocks, and to many inlined bodies."""
    def chain(x):
        for k in range(600):
            x = jnp.sin(x) * 1.01 + 0.1 * x**2 / (1 + k * x * x)
        return x

    def looped(x):
        return lax.scan(lambda c, _: (jnp.sin(c) * 1.01, None), x, None, length=9)[0]

    lowered = ingot.jit(ingot.value_and_grad(chain)).lower(0.3)
    with config.override("optimize", "full"):
        compiled = lowered.compile()
    text = compiled.as_text("llvm")
    lengths = [len(block.splitlines()) for block in text.split("\nthen")]
    assert len(lengths) > 3 and max(lengths) < 2500
    sines = [line for line in text.splitlines() if "call double @ingot.sin.f64(" in line]
    assert len(sines) == 600 and all(line.endswith("noinline") for line in sines)
    with ingot.disable_jit():
        expected = ingot.value_and_grad(chain)(0.3)
    np.testing.assert_allclose(compiled(0.3), expected, rtol=1e-12)
    text = ingot.jit(looped).lower(0.3).compile().as_text("llvm")
    (sine,) = [line for line in text.splitlines() if "call double @ingot.sin.f64(" in line]
    assert not sine.endswith("noinline")


def test_zeros_that_several_sums_of_updates_share():
    """The zeros are one value after common subexpressions, yet each sum is made in place."""
    def fun(x):
        return x[3] * jnp.sin(x[7]) + jnp.cos(x[:9] @ x[20:29])

    x = np.linspace(-1, 1, 100_000)
    executable = compile_jaxpr(ingot.make_jaxpr(ingot.grad(fun))(x), "llvm")
    loops = [n.trip_count for n in nodes(executable.function.body, ir.For)]
    assert sum(n > 1000 for n in loops) <= 1, loops
    np.testing.assert_allclose(executable(x)[0], ingot.grad(fun)(x), rtol=1e-14)
