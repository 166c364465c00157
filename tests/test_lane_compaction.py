"""Loops over entries that become loops over lanes, and sorting by digits: beside plain Python."""

import numpy as np
import pytest

import ingot
from ingot import lax, numpy as jnp, random
from ingot.backends.llvm.compilation import Compilation
from ingot.kernel import ir

pytestmark = pytest.mark.llvm("loops of machine code")


def rewritten(fun, *args):
    """Whether a program has a loop over lanes."""
    jaxpr = ingot.make_jaxpr(ingot.vmap(fun))(*args).jaxpr
    todo = [Compilation(jaxpr).kernels().function.body]
    while todo:
        for node in todo.pop().nodes:
            if isinstance(node, ir.For) and node.parallel_accesses:
                return True
            todo += [node.body] if isinstance(node, (ir.For, ir.While)) else []
    return False


def root(a):
    """Newton's iteration, and how many steps it took."""
    def body(s):
        x, count = s
        return 0.5 * (x + a / x) + 0.0 * jnp.sin(jnp.exp(-x) + jnp.log(x)), count + 1

    return lax.while_loop(lambda s: jnp.abs(s[0] * s[0] - a) > 1e-12 * a, body, (a, 0))


@pytest.mark.parametrize("n", [128, 1000, 1537])
def test_each_entry_ends_by_itself(n):
    a = np.random.default_rng(n).uniform(0.1, 1e4, n)
    a[[3, 77]] = 1.0, np.nan  # done at once
    found, steps = (np.asarray(x) for x in ingot.jit(ingot.vmap(root))(a))
    assert rewritten(root, a)
    for i in (0, 3, 77, 100, n - 2, n - 1):
        one, count = ingot.jit(root)(a[i])
        assert (found[i] == one or np.isnan(a[i])) and steps[i] == count
    np.testing.assert_allclose(found, np.sqrt(a), rtol=1e-11)
    assert len(set(steps.tolist())) > 3


def test_loops_in_a_row_shared_carries_and_booleans():
    def fun(x, flag, y):
        def body(s):
            k, own, on, t = s  # k and t are the same for all entries, t is read afterwards
            wave = jnp.sin(own) + 0.1 * jnp.cos(own) * jnp.exp(-own * own)
            return 3 * k + 1, own * 0.5 + wave * k / (1 + k), ~on, t + 2

        _, own, on, t = lax.while_loop(lambda s: (jnp.abs(s[1]) > 0.9) & (s[3] < 40), body,
                                       (1, x, flag, 0))
        z, n = lax.while_loop(
            lambda s: s[0] > 0.1,
            lambda s: (jnp.tanh(jnp.exp(-s[1]) * jnp.log1p(s[0]) * y), s[1] + 1.0), (own + y, 0.0))
        return own, on, t, z * x, n

    rng = np.random.default_rng(0)
    args = rng.uniform(-9, 9, 400), rng.random(400) < 0.5, rng.uniform(0, 3, 400)
    assert rewritten(fun, *args)
    outs = ingot.jit(ingot.vmap(fun))(*args)
    single = ingot.jit(fun)
    for i in range(0, 400, 37):
        for out, one in zip(outs, single(*(a[i] for a in args)), strict=True):
            np.testing.assert_allclose(np.asarray(out)[i], one, rtol=1e-14)


def test_short_steps_and_few_entries_stay_scalar():
    halves = lambda x: lax.while_loop(lambda y: y > 1, lambda y: y / 2, x)  # noqa: E731
    assert not rewritten(halves, np.ones(1000)) and not rewritten(root, np.ones(100))


def test_samplers_draw_the_same_for_arrays_and_for_their_elements():
    """What is drawn does not depend on how many elements step together."""
    key = random.key(3)
    for draw in (lambda k: random.gamma(k, 0.7), lambda k: random.poisson(k, 4.0),
                 lambda k: random.binomial(k, 9.0, 0.4), lambda k: random.poisson(k, 40.0)):
        keys = random.split(key, 200)
        many = np.asarray(ingot.jit(ingot.vmap(draw))(keys))
        few = np.concatenate([np.asarray(ingot.jit(ingot.vmap(draw))(keys[i : i + 50]))
                              for i in (0, 50, 150)])
        np.testing.assert_array_equal(many[[*range(100), *range(150, 200)]], few)


@pytest.mark.parametrize("few, window", [(12, 40), (1, 3), (2, 2), (2, 5)])
@pytest.mark.parametrize("name, args", [
    ("poisson", (np.linspace(0, 40, 60),)), ("poisson", (30.0, (60,))),
    ("binomial", (40.0, np.linspace(0, 1, 60)))])
def test_loops_of_elements_draw_what_loops_of_arrays_do(name, args, few, window, monkeypatch):
    """Also where the turns that are tried, or whose keys are kept, do not suffice."""
    monkeypatch.setattr("ingot.random.rejection.FEW", few)
    monkeypatch.setattr("ingot.random.rejection.WINDOW", window)
    sample = getattr(random, name)
    alone = np.asarray(ingot.jit(lambda k: sample(k, *args))(random.key(5)))
    monkeypatch.setattr("ingot.random.rejection.supports_independent_loops", lambda key,
                        shape: False)
    whole = np.asarray(ingot.jit(lambda k: sample(k, *args))(random.key(5)))
    np.testing.assert_array_equal(alone, whole)


# ---- sorting by digits ---------------------------------------------------------------------------
@pytest.mark.parametrize("n", [1, 7, 300, 5000, 70_000])
@pytest.mark.parametrize("dtype", ["uint32", "int32", "float32", "uint8", "bool", "float16"])
def test_keys_of_up_to_32_bits(n, dtype):
    rng = np.random.default_rng(n)
    keys = rng.integers(0, 1 << 32, n, "uint64").astype("uint32").view("int32")
    keys = (keys / 1e5).astype(dtype) if dtype[0] == "f" else keys.astype(dtype)
    if dtype[0] == "f":
        keys[:: 5], keys[1 :: 9], keys[2 :: 11] = np.nan, 0.0, -0.0
    keys[n // 2 :] = keys[0]
    got, places = (np.asarray(x) for x in ingot.jit(lax.sort_key_val)(keys, np.arange(n)))
    order = np.argsort(keys, kind="stable")
    np.testing.assert_array_equal(places, order)
    bits = f"u{got.itemsize}"
    np.testing.assert_array_equal(got.view(bits), keys[order].view(bits))


def test_lines_along_an_axis_with_several_payloads():
    keys = np.random.default_rng(0).integers(0, 9, (4, 50, 3)).astype("int8")
    outs = ingot.jit(lambda *xs: lax.sort(xs, dimension=1))(keys, keys * 2.0, keys + 1j)
    order = np.argsort(keys, 1, kind="stable")
    for out, x in zip(outs, (keys, keys * 2.0, keys + 1j), strict=True):
        np.testing.assert_array_equal(np.asarray(out), np.take_along_axis(x, order, 1))
