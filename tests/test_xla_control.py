"""Control flow, calls and side effects on the XLA back end, beside the default one."""

from importlib.util import find_spec

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import lax
from ingot.core import backend
from ingot.errors import HostCallError
from ingot.experimental import io_callback
from ingot.experimental.checkify import check, checkify

pytestmark = pytest.mark.skipif(find_spec("jaxlib") is None, reason="needs jaxlib")


def on_xla(fun, **options):
    return ingot.jit(fun, backend="xla", **options)


def layers(w, x):
    def layer(carry, row):
        carry = ingot.checkpoint(lambda c: jnp.tanh(c @ w + row))(carry)
        return carry, lax.cond(carry[0] > 0, jnp.sum, lambda c: jnp.prod(c) + 1, carry)

    last, sums = lax.scan(layer, jnp.ones(3), x, reverse=True)
    return sums.mean() + jnp.linalg.norm(last)


def newton(w, x):
    def step(s):
        return s[0] + 1, s[1] - (s[1] ** 2 - 2) / (2 * s[1])

    return lax.while_loop(lambda s: (s[0] < 20) & (jnp.abs(s[1] ** 2 - 2) > 1e-12), step,
                          (0, jnp.abs(w[0, 0]) + 1))[1] + lax.switch(
        jnp.argmax(x[0]), [jnp.sum, jnp.max, lambda v: v.min()], w[1])


def drawn(w, x):
    key = ingot.random.key(3)
    keys = ingot.random.split(key, 4)
    return sum(ingot.random.normal(k, (2,)).sum() for k in keys) + ingot.random.gamma(key, 2.5) * (
        w.sum())


def solved(w, x):
    a = w @ w.T + jnp.eye(3)
    return jnp.linalg.slogdet(a)[1] + jnp.linalg.solve(a, x.T).sum() + jnp.linalg.eigvalsh(a)[0]


PROGRAMS = {
    "value": lambda fun, w, x: fun(w, x),
    "gradient": lambda fun, w, x: ingot.grad(fun)(w, x),
    "mapped": lambda fun, w, x: ingot.vmap(fun, (0, None))(jnp.stack([w, 2 * w]), x),
    "hessian": lambda fun, w, x: ingot.hessian(lambda s: fun(s * w, x))(0.5),
}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("fun", [layers, newton, drawn, solved], ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name, fun):
    if name in ("gradient", "hessian") and fun is newton:
        pytest.skip("a while loop of unknown length has no reverse derivative")
    w, x = np.random.default_rng(0).normal(size=(3, 3)), np.arange(6.0).reshape(2, 3) / 7
    got = on_xla(lambda w, x: PROGRAMS[name](fun, w, x))(w, x)
    np.testing.assert_allclose(got, PROGRAMS[name](fun, w, x), rtol=1e-10)


def test_a_function_that_is_called_twice_is_written_once():
    inner = ingot.jit(lambda x: jnp.sin(x) * 2)
    jaxpr = ingot.make_jaxpr(lambda x: inner(x) + inner(x + 1))(1.0)
    text = backend.compile_jaxpr(jaxpr, "xla").as_text("stablehlo")
    assert text.count("stablehlo.sine") == 1 and text.count("func.call") == 2


def test_side_effects_keep_their_order():
    seen = []

    def note(x):
        seen.append(int(x))

    def say(x):
        io_callback(note, None, x, ordered=True)

    inner = ingot.jit(lambda x: (say(x), x + 1)[1])

    def fun(n):
        say(-1)
        k = lax.while_loop(lambda k: (say(100 + k), k < n)[1], lambda k: inner(k), 0)
        lax.scan(lambda c, x: (say(x + 10), None), None, jnp.arange(2))
        return lax.cond(k > 1, lambda: (say(50), k)[1], lambda: (say(60), -k)[1])

    assert on_xla(fun)(2) == 2
    assert seen == [-1, 100, 0, 101, 1, 102, 10, 11, 50]


def test_what_the_host_raises_arrives():
    def fails(x):
        raise ZeroDivisionError("of the user")

    f = on_xla(lambda x: ingot.pure_callback(fails, x, x) + 1)
    for _ in range(2):
        with pytest.raises(HostCallError, match="fails raised.*of the user") as error:
            f(1.0)
        assert isinstance(error.value.__cause__, ZeroDivisionError)
    g = on_xla(lambda x: ingot.pure_callback(lambda v: v + 1, x, x, vmap_method="sequential"))
    np.testing.assert_array_equal(ingot.vmap(g)(jnp.arange(3.0)), [1, 2, 3])


def test_checks():
    def fun(x):
        check(x > 0, "x is {x}", x=x)
        return jnp.sqrt(x)

    error, out = on_xla(checkify(fun))(4.0)
    assert error.get() is None and out == 2
    error, _ = on_xla(checkify(fun))(-4.0)
    assert "x is -4.0" in error.get()
    with pytest.raises(ValueError, match=r"x is -4"):
        on_xla(fun)(-4.0)


def test_debug_prints(capfd):
    on_xla(lambda x: ingot.debug.print("{} of {}", x, x * 2))(3)
    ingot.effects_barrier()
    assert capfd.readouterr().out == "3 of 6\n"


@pytest.mark.parametrize("fun", [layers, newton, drawn, solved], ids=lambda f: f.__name__)
def test_outside_of_programs(fun):
    w, x = np.random.default_rng(0).normal(size=(3, 3)), np.arange(6.0).reshape(2, 3) / 7
    placed = ingot.device_put((w, x), ingot.devices("xla")[1])
    np.testing.assert_allclose(fun(*placed), fun(w, x), rtol=1e-10)
    if fun is not newton:
        np.testing.assert_allclose(ingot.grad(fun)(*placed), ingot.grad(fun)(w, x), rtol=1e-9)
