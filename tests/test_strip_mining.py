"""Long loops as blocks, and hashes as calls: the results are those of the plain loops."""

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import lax, random
from ingot.backends.llvm import engine, executable
from ingot.compiler import strip_mining
from ingot.core.backend import compile_jaxpr
from ingot.kernel import ir
from ingot.kernel.schedule import SCHEDULE
from ingot.transforms.stage import stage

pytestmark = pytest.mark.llvm("loops of machine code")


def heavy(x):
    return jnp.sin(jnp.exp(jnp.cos(x))) * jnp.tanh(x) + jnp.log1p(x * x)


def loops(block):
    for node in block.nodes:
        if type(node) is ir.For:
            yield node
            yield from loops(node.body)


def kernel(fun, *args):
    """The loops of a program as compiled."""
    jaxpr = ingot.make_jaxpr(fun)(*args)
    program = executable.LLVMExecutable(stage(jaxpr, jaxpr.in_avals))
    return list(loops(program.function.body))


@pytest.mark.parametrize("n", [*(SCHEDULE.min_strip_mined + k for k in (-1, 0, 1)), 5000,
                               100_003])
def test_blocks_cover_all_elements_once_or_twice(n, monkeypatch):
    x = np.random.default_rng(n).normal(size=n)
    found = [loop for loop in kernel(heavy, x) if loop.start != 0]
    assert len(found) == (n >= SCHEDULE.min_strip_mined)
    for loop in found:
        assert loop.trip_count % SCHEDULE.strip_unit == 0 and loop.trip_count <= n
    y = ingot.jit(heavy)(x)
    monkeypatch.setattr(strip_mining, "is_divisible", lambda node: False)
    ingot.clear_caches()
    with ingot.config.override("cache", False):
        np.testing.assert_array_equal(y, ingot.jit(heavy)(x))


def test_what_a_loop_overwrites_is_read_once():
    """An array updated in place must not be updated twice where blocks overlap."""
    x = np.linspace(0.0, 1.0, 3001)

    def step(a, _):
        return heavy(a) * 0.5, None

    def twice(a):
        return lax.scan(step, a, None, length=3)[0]

    expected = x
    for _ in range(3):
        expected = np.asarray(heavy(expected)) * 0.5
    np.testing.assert_allclose(ingot.jit(twice)(x), expected, rtol=1e-12)
    changed = ingot.jit(lambda a: (a * 1.0).at[:].add(heavy(a)))(x)
    np.testing.assert_allclose(changed, x + np.asarray(heavy(x)), rtol=1e-12)


@pytest.mark.parametrize("optimize", ["fast", "full"])
@pytest.mark.parametrize("n", [1, 5, 300, 4099])
def test_hashes_are_the_same_wherever_they_are_computed(n, optimize):
    """Written out in loops, called from lanes, called by themselves."""
    def draw(key):
        keys = random.split(key, 3)
        return (random.bits(keys[0], (n,)), random.bits(keys[1], (n,), "uint8"),
                random.key_data(random.split(keys[2], n)), random.gamma(key, 2.5, (n,)),
                random.categorical(key, jnp.zeros(5), shape=(n,)))

    key = random.key(7)
    with ingot.config.override("optimize", optimize):
        got = ingot.jit(draw)(key)
    for mine, plain in zip(got, draw(key), strict=True):
        np.testing.assert_allclose(mine, plain, rtol=1e-12)


def test_repeated_hashes_are_one_function():
    jaxpr = ingot.make_jaxpr(lambda key: random.key_data(random.split(random.split(key)[1])))(
        random.key(0))
    text = compile_jaxpr(stage(jaxpr, jaxpr.in_avals)).as_text("llvm")
    assert text.count("call i64 @ingot.threefry(") > 2
    assert len([line for line in text.splitlines() if " shl i32 " in line]) == 20


def test_functions_are_called_from_lanes():
    """Bodies of lanes call what is long, and the variant for vectors gives the same."""
    def draw(key):
        return random.gamma(key, 2.5, (5000,)), random.binomial(key, 100, 0.3, (5000,))

    key = random.key(3)
    text = compile_jaxpr(ingot.jit(draw).trace(key).jaxpr).as_text("llvm")
    assert "@ingot.log.f64.lanes(" in text and "@ingot.erf_inv.f64.lanes(" in text
    results = []
    for optimize in ("fast", "full"):  # scalar code, and the variants
        with ingot.config.override("optimize", optimize):
            results.append(ingot.jit(draw)(key))
    for fast, full in zip(*results, strict=True):
        np.testing.assert_array_equal(fast, full)


@pytest.mark.sampled(2)
@pytest.mark.parametrize(("n", "p"), [
    (100, 0.3), (100, 0.7), (5, 0.5), (100, 0.01), (np.array([5.0, 1000.0]), 0.5),
    (np.nan, 0.5), (-1.0, 0.5), (10.0, np.nan), (np.inf, 0.5), (30, np.array([0.1, 0.9]))])
def test_known_parameters_of_binomial_numbers_change_nothing(n, p):
    key, shape = random.key(5), (3, 2)
    unknown = ingot.jit(lambda n, p: random.binomial(key, n, p, shape))(n, p)
    known = ingot.jit(lambda: random.binomial(key, n, p, shape))()
    np.testing.assert_array_equal(known, unknown)


def test_less_passes_where_nearly_all_work_is_in_lanes_or_blocks():
    def level(fun):
        program = compile_jaxpr(ingot.jit(fun).trace(random.key(0)).jaxpr)
        return program.compilation.module(engine.FULL).opt_level

    def chain(key):
        factors = random.normal(key, (3000, 3, 3))
        return lax.scan(lambda c, x: (jnp.sin(c @ x), None), jnp.eye(3), factors)[0]

    assert level(lambda key: random.gamma(key, 2.5, (5000,))) == 1
    assert level(lambda key: random.normal(key, (5000,))) == 1
    assert level(chain) == 2 and level(lambda key: random.key_data(key) + 1) == 2


@pytest.mark.parametrize("fun", [jnp.exp, jnp.sin, lambda x: x])
def test_loops_that_draw_are_as_wide_as_words(fun):
    def draw(key):
        return fun(random.normal(key, (5000,)))

    key = random.key(1)
    program = executable.LLVMExecutable(ingot.jit(draw).trace(key).jaxpr)
    wide = [loop.parallel_accesses for loop in loops(program.function.body) if loop.start != 0]
    assert wide == [fun is not jnp.sin]
    results = []
    for optimize in ("fast", "full"):
        with ingot.config.override("optimize", optimize):
            results.append(ingot.jit(draw)(key))
    np.testing.assert_array_equal(*results)
