"""Loops divided among threads: same results, no thread where one is asked for, fork and Ctrl-C."""

import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

import ingot
import ingot.numpy as np_
from ingot import lax
from ingot.backends.llvm import blas, engine, threads
from ingot.backends.llvm.compilation import Compilation
from ingot.errors import HostCallError
from ingot.experimental import io_callback
from ingot.kernel.schedule import SCHEDULE

pytestmark = [
    pytest.mark.llvm("threads of machine code"),
    pytest.mark.skipif(not threads.supported(), reason="the platform has no such threads")]


SOURCE = str(Path(ingot.__file__).parents[1])


def lanes(x):
    """A loop of its own length for each entry, over an array too large for registers."""
    def one(n):
        def body(state):
            i, a = state
            return i + 1, np_.sin(a) + np_.roll(a, 1) @ np_.cos(a) * 1e-3
        return lax.while_loop(lambda s: s[0] < n, body, (0, np_.arange(100.0) / n))[1].sum()
    return ingot.vmap(one)(x)


def chain(x):
    return np_.exp(-x * x) + x[::-1]


def batched(x):
    return np_.linalg.cholesky(np_.eye(20) * 30 + np_.einsum("bij,bkj->bik", x, x))


PROGRAMS = [
    (lanes, np.array([5, 1, 400, 3, 7, 20, 1, 90])),
    (chain, np.linspace(-1, 1, 300_001)),
    (batched, np.sin(np.arange(300 * 400.0)).reshape(300, 20, 20)),
    (lambda x: lax.map(lambda r: np_.cumsum(r * r)[::2].sum(), x),
     np.cos(np.arange(80_000.0)).reshape(400, 200)),
    (lambda x: lax.scan(lambda c, r: (c + chain(r), c[0]), x[0], x), np.ones((3, 200_000))),
    (lambda x: (x @ x.T[:, :150], x[:150] @ x.T, x.T @ x), np.sin(np.arange(2_000_000.0)).reshape(
        1000, 2000)),
]


@pytest.mark.parametrize("fun, x", PROGRAMS, ids=[
    "lanes", "chain", "batched", "map", "scan", "products"])
def test_results_do_not_depend_on_the_number_of_threads(fun, x):
    f = ingot.jit(fun)
    results = []
    for number in (1, 2, 5):
        with ingot.num_threads(number):
            results.append([np.asarray(y) for _ in range(3) for y in ingot.tree.leaves(f(x))])
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_loops_are_marked_where_iterations_are_independent():
    text = ingot.jit(chain).lower(np.ones(300_000)).compile().as_text("kernels")
    assert "parallel for" in text
    assert "parallel" not in ingot.jit(chain).lower(np.ones(300)).compile().as_text("kernels")
    carried = ingot.jit(lambda x: lax.scan(lambda c, r: (np_.sin(c) + r, None), 0.0, x)[0])
    assert "parallel" not in carried.lower(np.ones(300_000)).compile().as_text("kernels")


@pytest.mark.parametrize("fun, x", [
    (chain, np.ones(300)),
    (ingot.pmap(lambda i: io_callback(lambda k: k, ingot.ShapeDtypeStruct((), int), i)),
     np.arange(2))], ids=["numbers", "callbacks"])
def test_programs_with_divided_loops_let_other_threads_run(fun, x, monkeypatch):
    compiled = Compilation(ingot.make_jaxpr(fun)(x).jaxpr)
    assert not compiled.module(engine.FAST).info.releases_gil
    monkeypatch.setattr(SCHEDULE, "parallel_work", 0)  # whatever the work of a divided loop is
    divided = Compilation(ingot.make_jaxpr(fun)(x).jaxpr)
    assert divided.kernels(engine.FAST).releases and divided.module(engine.FAST).info.releases_gil


def sliced(callback, ordered=False):
    """pmap over two slices with work enough for a thread each, which call a Python function."""
    def one(i):
        x = lax.fori_loop(0, i + 100_000, lambda _, x: np_.sin(x) + 1.0, 0.5)
        k = io_callback(callback, ingot.ShapeDtypeStruct((), int), i, ordered=ordered)
        return x + k
    return ingot.pmap(one)(np.arange(2))


def test_slices_of_pmap_call_python_at_once():
    both, seen = threading.Barrier(2, timeout=30), set()

    def meet(i):
        seen.add(threading.get_ident())
        both.wait()
        return i

    with ingot.num_threads(2):
        threaded = sliced(meet)
    with ingot.num_threads(1):
        alone = sliced(lambda i: i)
    np.testing.assert_array_equal(threaded, alone)
    assert len(seen) == 2


def test_ordered_callbacks_of_pmap_keep_their_order():
    seen = []
    with ingot.num_threads(2):
        sliced(lambda i: seen.append((threading.get_ident(), int(i))) or i, ordered=True)
    assert seen == [(threading.get_ident(), 0), (threading.get_ident(), 1)]


@pytest.mark.parametrize("slice_", [0, 1])
def test_errors_of_slices_reach_the_caller(slice_):
    def fail(i):
        if i == slice_:
            raise LookupError(f"slice {i}")
        return i

    with ingot.num_threads(2):
        for _ in range(3):
            with pytest.raises(HostCallError, match=f"slice {slice_}") as info:
                sliced(fail)
            assert isinstance(info.value.__cause__, LookupError)


def test_python_threads_share_the_pool():
    f, x = ingot.jit(chain), np.linspace(-1, 1, 300_001)
    want = np.asarray(f(x))
    wrong = []

    def run():
        wrong.extend(1 for _ in range(20) if not np.array_equal(f(x), want))

    with ingot.num_threads(3):
        workers = [threading.Thread(target=run) for _ in range(4)]
        for w in workers:
            w.start()
        for w in workers:
            w.join()
    assert not wrong


def test_number_of_threads():
    before = ingot.get_num_threads()
    with ingot.num_threads(3):
        assert ingot.get_num_threads() == 3
    assert ingot.get_num_threads() == before
    with pytest.raises(ValueError, match="set_num_threads: at least one thread is needed, got 0"):
        ingot.set_num_threads(0)


def script(text, **environment):
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=120,
                          env={**os.environ, "PYTHONPATH": SOURCE, **environment})
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


COUNT = """
import os, numpy as np
before = len(os.listdir("/proc/self/task"))
import ingot, ingot.numpy as jnp
f = ingot.jit(lambda x: jnp.exp(-x * x) + x)
x = np.linspace(0, 1, 1_000_001)
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are counted in /proc")
def test_one_thread_means_one_thread():
    text = COUNT + "ingot.config.update('optimize', 'full'); f(x); f(x)\n" \
        "print(len(os.listdir('/proc/self/task')) - before)"
    assert script(text, INGOT_NUM_THREADS="1") == ["0"]
    assert script(text, INGOT_NUM_THREADS="3") == ["2"]


SIZES = [(1024, 128, 128), (130, 300, 1001), (129, 4099, 127), (3, 100_000, 3), (1, 5000, 200),
         (2000, 200, 1), (1, 300_001, 1), (2, 200_000, 1), (128, 128, 128), (4099, 16, 16)]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_large_products_are_cut_into_blocks(sizes, dtype):
    """All ways in which the operands may lie in memory, rows or columns or sums being cut."""
    m, k, n = sizes
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=s).astype(dtype) for s in ((m, k), (k, n)))
    want = x @ y
    for flip_x in (False, True):
        for flip_y in (False, True):
            def product(a, b, flip_x=flip_x, flip_y=flip_y):
                return (a.T if flip_x else a) @ (b.T if flip_y else b)
            got = ingot.jit(product)(x.T.copy() if flip_x else x, y.T.copy() if flip_y else y)
            exact = np.finfo(dtype).eps * np.sqrt(k)
            np.testing.assert_allclose(got, want, rtol=0, atol=50 * exact)


def test_blas_takes_part_in_the_number_of_threads():
    libraries = blas.libraries()
    before = [library.threads for library in libraries]
    with ingot.num_threads(1):
        assert [library.threads for library in libraries] == [1, 1]
    x = np.ones((40, 100, 100))
    ingot.jit(lambda x: (x @ x, x[0] @ x[1]))(x)  # lowered for these, and restored
    assert [library.threads for library in libraries] == before


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_fork_after_use():
    text = COUNT + """
want = f(x)
for _ in range(20):
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(f(x), want) else 1)
    assert os.waitpid(child, 0)[1] == 0
print("fine")
"""
    assert script(text, INGOT_NUM_THREADS="3", PYTHONWARNINGS="ignore")[-1] == "fine"


def test_ctrl_c_stops_all_threads():
    text = """
import signal, time, ingot, numpy as np
from ingot import lax
f = ingot.jit(ingot.vmap(lambda n: lax.while_loop(lambda i: i != n, lambda i: i + 2, 0)))
f(np.array([2, 4]))
signal.signal(signal.SIGALRM, signal.getsignal(signal.SIGINT))
signal.setitimer(signal.ITIMER_REAL, 0.2)
try:
    f(np.array([2, 1]))
except KeyboardInterrupt:
    print("stopped", *f(np.array([2, 4])))
"""
    assert script(text, INGOT_NUM_THREADS="2") == ["stopped", "2", "4"]


def test_ctrl_c_stops_loops_of_functions_that_divided_loops_call():
    """The inner loop is not divided again: it must look at what stops the outer one."""
    text = """
import signal, ingot, ingot.numpy as jnp, numpy as np
from ingot import lax
def steps(x, n):
    return lax.while_loop(lambda c: c[1] != n + 2 * (x > 2),
                          lambda c: (jnp.sin(c[0]) + x, c[1] + 2), (x, 0))[0]
@ingot.jit
def layer(xs, n):
    ys = ingot.vmap(steps, (0, None))(xs, n)
    return jnp.tanh(ys * jnp.cos(xs)) + jnp.exp(-xs) * jnp.sinh(ys) * xs
def lane(xs, n):
    return lax.while_loop(lambda c: c[1] < n, lambda c: (layer(layer(c[0], n), n), c[1] + 1),
                          (xs, 0))[0]
f = ingot.jit(ingot.vmap(lane))
x = np.linspace(0.1, 0.9, 32).reshape(4, 8)
compiled = f.lower(x, np.full(4, 2)).compile().as_text("llvm")
print(compiled.count("define internal i32 @function"),
      compiled.count("call i32 @\\"ingot:parallel_for"))
want = f(x, np.full(4, 2))
signal.signal(signal.SIGALRM, signal.getsignal(signal.SIGINT))
signal.setitimer(signal.ITIMER_REAL, 0.2)
try:
    f(x, np.full(4, 3))
except KeyboardInterrupt:
    print("stopped", np.array_equal(f(x, np.full(4, 2)), want))
"""
    assert script(text, INGOT_NUM_THREADS="2") == ["1", "2", "stopped", "True"]


def test_code_of_the_pool_outlives_the_interpreter():
    """Threads that have not been scheduled yet begin in it while the interpreter ends."""
    code = """
        import os
        import ingot
        from ingot.backends.llvm import threads
        class Watch:
            def __init__(self, name): self.name = name
            def __del__(self, write=os.write): write(1, self.name)
        threads._code().owner.watch = Watch(b"code freed ")
        threads.pool()._memory.watch = Watch(b"state freed ")
        ingot.module_global = Watch(b"modules freed ")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True,
                          text=True, env={**os.environ, "PYTHONPATH": SOURCE}, timeout=100)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "modules freed "
