"""The flag check_memory: planted faults of the compiler's memory are reported, and by name."""

import hypothesis
import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from harness import compiled, memory_checked
from ingot import grad, jit, lax, vmap
from ingot.backends.llvm import executable, threads
from ingot.compiler import lower
from ingot.config import config
from ingot.core.backend import compile_jaxpr
from ingot.core.interpreter import typeof
from ingot.core.primitive import NOT_LINEAR, ZERO, Primitive
from ingot.errors import MemoryCheckError
from ingot.kernel import ir
from ingot.kernel.rules import Builder, Unsupported
from ingot.primitives.movement import reduce_sum
from ingot.transforms.stage import stage
from ingot.tree import leaves
from programs import points, programs
from test_compositions import SEEDS

pytestmark = pytest.mark.llvm("memory of machine code")

TIERS = pytest.mark.parametrize("tier", ["fast", "full"])


@pytest.fixture(autouse=True)
def checking():
    # The verifier of kernel IR would find some of the planted faults before the programs run.
    with config.override("check_memory", True), config.override("cache", False), \
            config.override("enable_checks", False):
        yield


def program(fun, *args):
    """A function of flat arrays, compiled."""
    return compile_jaxpr(stage(lambda *xs: leaves(fun(*xs)), [typeof(x) for x in args], "planted"),
                         "llvm")


def reported(fun, *args, tier="fast"):
    """What the checks say of a function."""
    with config.override("optimize", tier), pytest.raises(MemoryCheckError) as caught:
        program(fun, *args)(*args)
    return str(caught.value)


def operation(kernel):
    """An operation of one array to one of its type, with a kernel rule."""
    return Primitive("faulty", type=lambda x, **_: x, eval=lambda x, **_: x, jvp=ZERO,
                     transpose=NOT_LINEAR, batch=NOT_LINEAR, kernel=kernel, register=False).bind


X = np.arange(100.0)


# ---- what was never written ----------------------------------------------------------------------
def half(build, x, *, out):
    """Writes the first half of its result."""
    target = build.allocate(out.shape, out.storage)
    with build.loop(50) as i:
        build.store(target, (i,), x.at(build, (i,)))
    return target


@TIERS
def test_a_read_of_what_was_not_written(tier):
    text = reported(lambda x: jnp.cumsum(operation(half)(x)), X, tier=tier)
    assert "planted(f64[100])" in text
    assert "cumsum at " in text and "test_check_memory.py:" in text
    assert "element 50 of a temporary of faulty at" in text
    assert "float64[100], 800 bytes" in text
    assert "nothing has been written there" in text


@TIERS
def test_a_result_that_is_not_wholly_written(tier):
    text = reported(operation(half), X, tier=tier)
    assert "element 400 of a result" in text and "end of the program" in text


@TIERS
def test_what_another_iteration_wrote(tier):
    def stale(build, x, *, out):
        """Scratch that only the first iteration writes to."""
        target, scratch = (build.allocate(out.shape, out.storage) for _ in range(2))
        with build.loop(100) as i:
            def first():
                with build.loop(100, vector=True) as j:
                    build.store(scratch, (j,), x.at(build, (j,)))
                return []

            build.when(build.op("eq", i, build.index(0)), first, [])
            build.store(target, (i,), scratch.at(build, (i,)))
        return target

    assert "nothing has been written" in reported(operation(stale), X, tier=tier)


@pytest.mark.skipif(not threads.supported(), reason="the platform has no such threads")
@pytest.mark.parametrize("number", [1, 4])
@TIERS
def test_scratch_of_threads(tier, number):
    def rows(build, x, *, out):
        """Each row is sorted in scratch, of which the last element is forgotten."""
        target = build.allocate(out.shape, out.storage)
        scratch = build.allocate(out.shape[1:], out.storage)
        n, m = out.shape
        with build.loop(n, independent=True) as i:
            with build.loop(m - 1) as j:
                build.store(scratch, (j,), build.op("exp", x.at(build, (i, j))))
            with build.loop(m) as j:
                build.store(target, (i, j), scratch.at(build, (j,)))
        return target

    with ingot.num_threads(number):
        x = np.ones((2000, 200))
        assert "element 199 of a temporary of faulty" in reported(operation(rows), x, tier=tier)


# ---- lifetimes -----------------------------------------------------------------------------------
def two_levels(a, b):
    """A loop that hands on the updated array and the old one."""
    def step(i, c):
        x, previous = c
        return x.at[i].set(previous[i + 1] + x[i - 1]), x

    x, _ = lax.fori_loop(1, 20, step, (a, b))
    h = jnp.sort(b) * 2
    s = jnp.sort(b * 3) + h
    return [x, s, jnp.sum(h * s)]


@pytest.mark.native("sorts are calls of Python, without memory of their own")
def test_a_buffer_whose_life_ends_too_early(monkeypatch):
    with config.override("optimize", "full"):
        program(two_levels, X, X)(X, X)  # is right
    monkeypatch.setattr(ir, "reached", lambda phi: (frozenset([phi.init]), True))
    text = reported(two_levels, X, X, tier="full")
    assert "its memory belongs by now to a temporary of" in text


@pytest.mark.native("sorts are calls of Python, without memory of their own")
def test_memory_that_is_given_away_while_it_is_used(monkeypatch):
    monkeypatch.setattr(lower.Arena, "allocate", lambda self, nbytes, fresh=False: 0)
    monkeypatch.setattr(lower.Arena, "size", 4096, raising=False)
    text = reported(lambda x: jnp.cumsum(x) + jnp.sort(x), X)
    assert "element 0 of a temporary of sort at" in text and "is read, but" in text


def test_carried_buffers_are_told_apart(monkeypatch):
    """What a loop exchanges is checked by what the pointers are, not by where they come from."""
    def fib(x):
        return lax.fori_loop(0, 7, lambda i, c: (c[1], jnp.roll(c[0] + c[1], 1)), (x, x + 1))[0]

    for tier in ("fast", "full"):
        with config.override("optimize", tier):
            got = program(fib, X)(X)[0]
    a, b = X, X + 1
    for _ in range(7):
        a, b = b, np.roll(a + b, 1)
    np.testing.assert_array_equal(got, a)


# ---- bounds --------------------------------------------------------------------------------------
@TIERS
@pytest.mark.parametrize("fun", [jnp.sin, lambda x: jnp.cumsum(jnp.sin(x))])
def test_a_loop_that_is_one_too_long(monkeypatch, tier, fun):
    loop = Builder.loop
    monkeypatch.setattr(Builder, "loop", lambda self, stop, *a, **k: loop(
        self, 101 if stop == 100 else stop, *a, **k))
    text = reported(fun, X, tier=tier)
    assert "element 100 of argument 0 (float64, 800 bytes) lies outside of it" in text
    assert "sin at " in text or "cumsum at" in text


@TIERS
def test_an_index_computed_wrongly(tier):
    def before(build, x, *, out):
        target = build.allocate(out.shape, out.storage)
        with build.loop(100) as i:
            build.store(target, (build.index_sub(i, 1),), x.at(build, (i,)))
        return target

    assert "element -1 of a result" in reported(operation(before), X, tier=tier)


def test_writes_to_arguments():
    def spoil(build, x, *, out):
        build.store(x, (0,), build.const(1, x.dtype))
        return x

    assert "writes to argument 0" in reported(operation(spoil), X)


# ---- what is taken back --------------------------------------------------------------------------
def test_a_mark_left_by_what_was_rolled_back(monkeypatch):
    def late(build, x, *, out):
        build.contiguous(x)
        raise Unsupported("only now")

    def forget(self, mark):
        for block, length in zip(self._open, mark[0], strict=True):
            del block.nodes[length:]
        return False

    monkeypatch.setattr(Builder, "roll_back", forget)
    fun = lambda x: operation(late)(x * 2) + 1
    with config.override("enable_checks", False):
        text = reported(fun, np.arange(10.0))
    assert "faulty at" in text and "nothing has been written there" in text


# ---- library and host calls ----------------------------------------------------------------------
@TIERS
def test_a_library_call_whose_operands_overlap(monkeypatch, tier):
    monkeypatch.setattr(lower.Lowering, "copy_of", lambda self, x, *others: (x, *others))

    def fun(x):
        t = jnp.cumsum(x, 0)
        return lax.linalg.triangular_solve(t, t, left_side=True, lower=True)

    text = reported(fun, np.eye(40) + np.ones((40, 40)), tier=tier)
    assert "triangular_solve at" in text and "its operands overlap" in text


def test_a_library_call_with_a_wrong_size(monkeypatch):
    from ingot.primitives import lapack

    call = lapack.call
    monkeypatch.setattr(lapack, "call", lambda build, name, dtype, args, *rest: call(
        build, name, dtype, [("int", a[1] + 1) if a == ("int", 40) else a for a in args], *rest))
    assert "cholesky at" in reported(jnp.linalg.cholesky, np.eye(40))


def test_every_routine_is_listed():
    def unlisted(build, x, *, out):
        build.block.nodes.append(ir.ExternCall("scipy.linalg.cython_blas:dnone", []))
        return x

    with pytest.raises(Exception, match=r"dnone is not in kernel/operands.py"):
        program(operation(unlisted), X)


# ---- arrays --------------------------------------------------------------------------------------
@pytest.mark.native("programs get addresses, without types and shapes to check")
@pytest.mark.parametrize("shape, dtype", [((9, 7), np.float64), ((7, 9), np.float32), (62, float)])
def test_a_result_whose_array_is_wrong(monkeypatch, shape, dtype):
    x = np.ones((7, 9))
    run = program(lambda x: x * 3, x)
    monkeypatch.setattr(executable.pool, "empty", lambda *_: np.empty(shape, dtype))
    with pytest.raises(MemoryCheckError, match=r"result 0 gets an array .*must be float64\[7, 9\]"):
        run(x)


@pytest.mark.native("programs get addresses, without types and shapes to check")
def test_a_donated_array_of_another_shape(monkeypatch):
    """It has the bytes of the result, and not its shape."""
    f = ingot.jit(lambda a: a.at[0].set(3.0), donate_argnums=0)
    monkeypatch.setattr(executable.LLVMExecutable, "_with_taken", lambda self, native, args: (
        args[0].reshape(9, 7),))
    with pytest.raises(MemoryCheckError, match=r"result 0 gets an array float64\[9, 7\]"):
        f(jnp.ones((7, 9)))


def test_arrays_that_overlap(monkeypatch):
    x = np.ones((7, 9))
    run = program(lambda x: x * 3, x)
    monkeypatch.setattr(executable.pool, "empty", lambda *_: x)
    with pytest.raises(MemoryCheckError, match="argument 0 and result 0 overlap"):
        run(x)


def test_calls_that_bypass_python_are_checked(monkeypatch):
    f = ingot.jit(operation(half))
    for _ in range(5):
        with pytest.raises(MemoryCheckError):
            f(X)


# ---- programs that are right ---------------------------------------------------------------------
COUNT = 4 if hypothesis.settings.default.derandomize else 300


def gradients(f, xs, y):
    return grad(lambda xs: reduce_sum(vmap(f, (0, None))(xs, y), (0, 1, 2)))(xs)


@hypothesis.settings(max_examples=COUNT)
@hypothesis.given(programs(8), SEEDS)
def test_random_programs_keep_to_their_memory(f, seed):
    """Stacks of arguments, for what is smaller is not in memory. `make fuzz` draws new programs."""
    xs, y = points(seed, 30), points(seed + 1)
    for fun in (vmap(f, (0, None)), lambda *xs: gradients(f, *xs)):
        jaxpr = stage(lambda *args, fun=fun: [fun(*args)], [typeof(xs), typeof(y)])
        with config.override("check_memory", False):
            (want,) = compiled(jaxpr, (xs, y))
        for (got,) in memory_checked(jaxpr, (xs, y)):
            np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9 * np.abs(want).max())


SAMPLE = {
    "two levels": (two_levels, X, X),
    "sorts": (lambda x: jnp.sort(x) + x[jnp.argsort(-x)], np.sin(np.arange(3000.0))),
    "factors": (lambda x: jnp.linalg.solve(x, jnp.linalg.cholesky(x @ x.T)),
                np.eye(60) * 9 + np.sin(np.arange(3600.0)).reshape(60, 60)),
    "transforms": (lambda x: jnp.fft.irfft2(jnp.fft.rfft2(x) * 2), np.ones((30, 40))),
    "products": (lambda x: x @ x.T[:, :150], np.sin(np.arange(400_000.0)).reshape(1000, 400)),
    "lanes": (vmap(lambda n: lax.while_loop(lambda s: s[0] < n, lambda s: (
        s[0] + 1, jnp.sin(s[1]) + jnp.exp(-s[1]) * jnp.cos(s[1])), (0, n / 7.0))[1]),
        np.arange(300) % 17),
    "calls": (lambda x: jit(two_levels)(jit(two_levels)(x, x + 1)[0], x + 2), X),
    "branches": (lambda x: lax.cond(x[0] > 0, jnp.cumsum, lambda x: jnp.sort(x)[::-1], x), X),
    "residuals": (grad(lambda x: lax.scan(lambda c, r: (jnp.sin(c * r), c), 1.0, x)[1].sum()), X),
    "in place": (lambda x: lax.fori_loop(0, 90, lambda i, a: a.at[i].add(a[i + 1]), x * 2), X),
}


@TIERS
@pytest.mark.parametrize("name", SAMPLE)
def test_a_sample_of_programs(name, tier):
    fun, *args = SAMPLE[name]
    jaxpr = stage(lambda *xs: leaves(fun(*xs)), [typeof(x) for x in args])
    with config.override("check_memory", False):
        wanted = compiled(jaxpr, args)
    (found,) = memory_checked(jaxpr, args, [tier])
    for got, want in zip(found, wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9)


# ---- the flag ------------------------------------------------------------------------------------
def test_programs_are_compiled_again_when_the_flag_changes():
    f = ingot.jit(lambda x: jnp.cumsum(x) + 1)
    assert "ingot.check" in f.lower(X).compile().as_text("llvm")
    with config.override("check_memory", False):
        assert "ingot.check" not in f.lower(X).compile().as_text("llvm")
        np.testing.assert_array_equal(f(X), np.cumsum(X) + 1)


def test_reports_of_code_from_the_disk(tmp_path, monkeypatch):
    loop = Builder.loop
    monkeypatch.setattr(Builder, "loop", lambda self, stop, *a, **k: loop(
        self, 101 if stop == 100 else stop, *a, **k))
    with config.override("cache", True), config.override("cache_dir", str(tmp_path)):
        texts = []
        for cached in (False, True):
            run = program(lambda x: jnp.sin(x) * 2, X)
            assert run.code.cached is cached
            with pytest.raises(MemoryCheckError) as caught:
                run(X)
            texts.append(str(caught.value))
    assert texts[0] == texts[1] and "mul at " in texts[0]
