"""What loops keep side by side, and functions of several scalars: results stay what they are."""

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import lax
from ingot.backends.llvm import emit, executable, slp
from ingot.backends.llvm.functions import FORMULAS
from ingot.compiler import residual_layout
from ingot.kernel import ir
from ingot.kernel.rules import Builder
from ingot.transforms.stage import stage

pytestmark = pytest.mark.llvm("layout of residuals in machine code")

X = np.linspace(-1.0, 1.0, 100)


def temporaries(fun, *args):
    """The temporaries that a program as compiled makes use of."""
    jaxpr = ingot.make_jaxpr(fun)(*args)
    function = executable.LLVMExecutable(stage(jaxpr, jaxpr.in_avals)).function
    used = {a.memory: None for a in residual_layout._accesses(function.body)}
    return [m for m in used if m.kind == "temporary"]


def plain(monkeypatch, fun, *args):
    """The results without either pass."""
    with monkeypatch.context() as patch:
        patch.setattr("ingot.compiler.pipeline.interleave_residuals", lambda function: None)
        patch.setattr(emit, "pack_math_calls", lambda nodes: nodes)
        ingot.clear_caches()
        with ingot.config.override("cache", False):
            out = ingot.jit(fun)(*args)
    ingot.clear_caches()
    return out


def same(monkeypatch, fun, *args):
    """The results with both passes, which must be those without, to the last bit; in the full tier,
    as the other packs no functions."""
    with ingot.config.override("optimize", "full"):
        expected = ingot.tree.leaves(plain(monkeypatch, fun, *args))
        out = ingot.jit(fun)(*args)
    for a, b in zip(ingot.tree.leaves(out), expected, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    return out


# ---- what loops keep -----------------------------------------------------------------------------
def scalars(count):
    def total(start, inputs):
        def step(carry, x):
            ring = (*carry[1:], carry[0])
            return tuple(0.5 * jnp.sin(a) * b + x for a, b in zip(carry, ring, strict=True)), None

        carry, _ = lax.scan(step, tuple(start[i] for i in range(count)), inputs)
        return sum(carry)

    return total


def matrices(a, inputs):
    def step(carry, x):
        y = carry @ (x * a)
        return y / jnp.sqrt(jnp.sum(y * y) + 1.0), None

    return jnp.sum(lax.scan(step, jnp.eye(3), inputs)[0])


@pytest.mark.parametrize("count", [1, 2, 5, 16])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_residuals_of_scalars_are_one_array(count, dtype, monkeypatch):
    start, inputs = jnp.linspace(0.1, 0.9, count).astype(dtype), jnp.asarray(X, dtype)
    gradient = ingot.value_and_grad(scalars(count), argnums=(0, 1))
    same(monkeypatch, gradient, start, inputs)
    kept = [m for m in temporaries(gradient, start, inputs) if m.nbytes >= inputs.nbytes]
    assert len(kept) == 1
    assert kept[0].nbytes == 3 * count * inputs.nbytes  # sin(a), cos(a) and b of each


def test_what_is_broadcast_is_kept_once():
    x = np.random.default_rng(0).normal(size=(100, 3, 3))
    gradient = ingot.grad(matrices)
    kept = sum(m.nbytes for m in temporaries(gradient, np.eye(3), x)) / x[:, 0, 0].nbytes
    assert kept == 4 * 9 + 2  # four matrices; the square root and a half divided by it once each


@pytest.mark.parametrize("transform", [
    lambda f: f, ingot.grad, ingot.hessian, lambda f: ingot.jacfwd(ingot.grad(f))])
@pytest.mark.parametrize("entries", [None, 3])
def test_transformed_loops(transform, entries, monkeypatch):
    a = np.random.default_rng(1).normal(size=(3, 3) if entries is None else (entries, 3, 3))
    x = np.random.default_rng(0).normal(size=(20, 3, 3))
    f = transform(matrices)
    same(monkeypatch, f if entries is None else ingot.vmap(f, (0, None)), a, x)


def test_loops_within_loops(monkeypatch):
    def inner(c, x):
        def step(d, y):
            return (jnp.tanh(d[0] + y * x), jnp.cos(d[1]) * d[0]), d[0] * d[1]
        d, kept = lax.scan(step, (c, c * x), X[:12])
        return d[0] + d[1] + kept.sum(), None

    def total(c):
        return lax.scan(inner, c, X)[0]

    same(monkeypatch, ingot.value_and_grad(total), 0.3)


def test_results_of_loops_stay_apart(monkeypatch):
    """What the caller gets is not what lies side by side."""
    def run(c):
        def step(c, x):
            a, b = c
            return (jnp.sin(a) + x, jnp.cos(b) * a), (a, b, a * b)
        return lax.scan(step, (c, c), X)[1]

    a, b, product = same(monkeypatch, run, 0.5)
    np.testing.assert_array_equal(a * b, product)


def test_constants_are_not_kept():
    function = kept_by_a_loop(lambda build: [build.const(x, float) for x in (2.0, 3.0)])
    residual_layout.interleave_residuals(function)
    assert not [m for m in function.temporaries if m.nbytes > 8]


def kept_by_a_loop(values):
    """A function whose loop keeps two values in each of 16 iterations, which another loop adds."""
    build = Builder()
    memories = [ir.Memory("temporary", 128, np.dtype(float), offset=128 * k) for k in range(2)]
    result = ir.Memory("result", 8, np.dtype(float), 0)
    zero = build.const(0.0, float)
    first = ir.For(ir.Value("index", (), np.dtype(np.int64)), 16, [], ir.Block())
    second = ir.For(ir.Value("index", (), np.dtype(np.int64)), 16, [], ir.Block())
    for loop in (first, second):
        phi = ir.Phi(ir.Value("phi", (), np.dtype(float)), zero, None,
                     ir.Value("result", (), np.dtype(float)))
        loop.phis.append(phi)
    with build.inside(first.body):
        for memory, value in zip(memories, values(build), strict=True):
            build.block.nodes.append(ir.Store(memory, first.index, value))
        first.phis[0].next = build.op("add", first.phis[0].scalar, build.const(1.0, float))
    with build.inside(second.body):
        total = second.phis[0].scalar
        for memory in memories:
            total = build.op("add", total, build.load(memory, second.index, np.dtype(float)))
        second.phis[0].next = total
    body = ir.Block([first, second, ir.Store(result, 0, second.phis[0].result)])
    return ir.Function(body, [], [result], [], memories, 256)


@pytest.mark.sampled(3)
# ---- functions of several scalars ----------------------------------------------------------------
@pytest.mark.parametrize("op", sorted(FORMULAS))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_each_function_of_several_scalars(op, dtype, monkeypatch):
    """All special values, in vectors of all lengths."""
    function = getattr(lax, op)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-310, 1e-30, 0.5, -0.5, 1.0, -1.0,
                        2.0, 709.0, -745.0, 1e10, -1e30, 3.0])
    values = np.concatenate([special, np.random.default_rng(0).normal(size=30)])
    with np.errstate(over="ignore"):
        values = values.astype(dtype)
    for n in (1, 2, 3, 7, 16, 17, 47):
        x, y = values[:n], values[::-1][:n]
        given = (x, y) if FORMULAS[op][1] == 2 else (x,)
        same(monkeypatch, lambda *given: function(*given), *given)


def test_functions_in_turn_keep_their_order(monkeypatch):
    """Results that others wait for, with loads and stores between."""
    def run(x):
        a, b = jnp.exp(x[0]), jnp.exp(x[1])
        c = jnp.sin(a) + jnp.sin(b + x[2])
        y = jnp.zeros(100).at[3].set(c).at[4].set(jnp.sin(c))
        return y, jnp.exp(y[3]) + jnp.exp(y[4] * a), jnp.log(a), jnp.log(b), jnp.log(c * c)

    same(monkeypatch, run, np.array([0.1, 0.2, 0.3]))


def test_only_calls_that_wait_for_nothing_are_one():
    nodes = [ir.Value("exp", [ir.Value("phi", (), np.dtype(float))], np.dtype(float))
             for _ in range(9)]
    out = slp.pack_math_calls(nodes)
    groups = [n for n in out if type(n) is slp.CallBundle]
    assert groups and all(len(g.calls) <= g.lanes for g in groups)
    assert [c for n in out for c in getattr(n, "calls", [n])] == nodes
    chain = [ir.Value("exp", [ir.Value("phi", (), np.dtype(float))], np.dtype(float))]
    for _ in range(3):
        chain.append(ir.Value("exp", [chain[-1]], np.dtype(float)))
    assert slp.pack_math_calls(chain) == chain


def test_scalars_of_a_program_are_unchanged_by_threads(monkeypatch):
    x = np.random.default_rng(0).normal(size=(300, 3))
    f = ingot.vmap(ingot.grad(lambda v: scalars(3)(v, X)))
    same(monkeypatch, f, x)


def test_vectors_by_loops_and_by_scalars_in_one_program(monkeypatch):
    """Both need what finds the rare arguments."""
    def run(x, y):
        return jnp.sin(x).sum(), jnp.sin(y), jnp.cos(y)

    same(monkeypatch, run, np.linspace(0.0, 1e12, 5000), np.array([1.0, 1e15, 2.0]))
