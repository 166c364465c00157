"""What linearized programs keep: derivatives stay the same, cheap values are computed again."""

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import lax
from ingot.config import config
from ingot.control.scan_bodies import linearize_body, transpose_body

TABLE = np.linspace(0.5, 1.5, 100)


def gelu(x):
    return 0.5 * x * (1 + jnp.tanh(0.797 * (x + 0.044715 * x**3)))


def normalized(x):
    mean = x.mean(-1, keepdims=True)
    return (x - mean) / jnp.sqrt(x.var(-1, keepdims=True) + 1e-6)


FUNCTIONS = {
    "gelu": gelu,
    "normalized": normalized,
    "constant": lambda x: x * TABLE * 3.0 + TABLE,
    "argument": lambda x: x * x,
    "result": lambda x: jnp.exp(x),
    "result of another": lambda x: (jnp.exp(x), jnp.exp(x) * 2 * x),
    "choice": lambda x: jnp.where(x > 0, x * 2, jnp.sin(x)) * jnp.maximum(x, 0.1),
    "long": lambda x: ((x + 1) * (x + 2) * (x + 3) * (x + 4) * (x + 5) * jnp.cos(x)),
    "product": lambda x: gelu(x) @ gelu(x).T,
    "loop": lambda x: lax.scan(lambda c, v: (gelu(c) + v * 2, c * v), x[0], x)[1],
    "other types": lambda x: (x.astype(np.float32) * 2 * x).astype(float) + jnp.abs(x) * (1 + 2j),
    "inside": lambda x: ingot.jit(lambda y: gelu(y) * y)(x * 2) + x,
    "several": lambda x: x[0] * 2 * x[1:].sum(0) / (1 + x[2] * x[2]),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("shape", [(5, 100), (3, 100), (0, 100)])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_are_those_of_the_program_without_a_call(name, shape):
    fun = FUNCTIONS[name]
    if shape[0] == 0 and name in ("loop", "several"):
        shape = (4, 100)
    x = jnp.asarray(np.random.default_rng(0).normal(size=shape))

    def transforms(f):
        total = lambda x: sum(jnp.real(y).sum() for y in ingot.tree.leaves(f(x)))  # noqa: E731
        grad = ingot.grad(total)
        return (grad, ingot.vmap(grad) if name not in ("loop", "several", "product") else grad,
                lambda x: ingot.jvp(grad, (x,), (x + 1,)), lambda x: ingot.jvp(f, (x,), (x,)),
                ingot.grad(lambda x: (grad(x) ** 2).sum()),
                ingot.grad(ingot.checkpoint(total)))

    with config.override("optimize", "fast"):
        pairs = [(ingot.jit(a)(x), ingot.jit(b)(x)) for a, b in
                 zip(transforms(fun), transforms(ingot.jit(fun)), strict=True)]
    for a, b in pairs:
        for u, v in zip(ingot.tree.leaves(a), ingot.tree.leaves(b), strict=True):
            np.testing.assert_allclose(u, v, rtol=1e-13, atol=1e-13)


def kept(fun, x):
    """How many values the forward pass of a gradient keeps, besides its results."""
    jaxpr = ingot.make_jaxpr(ingot.grad(lambda x: ingot.jit(fun)(x).sum()))(x)
    *forward, backward = [e for e in jaxpr.eqns if e.primitive.name == "jit"]
    if not forward:  # it is not needed
        return 0
    return len([v for v in forward[0].outvars if v in backward.invars])


@pytest.mark.parametrize(("fun", "count"), [
    (gelu, 2),  # tanh, and its slope: 1 - tanh^2 would lose the digits of the tails
    (lambda x: x * TABLE * 3.0 + TABLE, 0),
    (lambda x: x * x * 2 + x, 0),
    (jnp.exp, 1),  # the result
    (lambda x: jnp.sin(x), 1),
    (lambda x: jnp.tanh(x) * 3 * TABLE / 2 - x, 1),
])
def test_what_is_cheap_is_not_kept(fun, count):
    assert kept(fun, jnp.ones((5, 100))) == count


def test_scalars_are_kept():
    """A few numbers cost less to keep than to compute again."""
    assert kept(lambda x: (x + 1) * (x + 2) * jnp.sin(x), jnp.ones(3)) >= 3


# ---- which part of a loop's carry has tangents ---------------------------------------------------
@ingot.jit
def clocked(t, y, x):
    """A call, of whose results one depends on no tangent."""
    return t + 0.1, jnp.sin(t) * y + x


def flagged(a, b, x):
    return lax.stop_gradient(b) + 1.0, (x > 0) * 2.0 + 0.0 * jnp.floor(a)


BODIES = {
    "a clock in a call": (lambda c, x: clocked(*c, x), (0.0, 1.0), (False, True)),
    "in a ring": (lambda c, x: (c[1], c[2], c[0] + x), (0.0, 0.0, 0.0), (True, True, True)),
    "through a flag": (lambda c, x: flagged(*c, x), (0.0, 0.0), (False, False)),
    "on itself": (lambda c, x: (2 * c[0], lax.stop_gradient(x) + c[0]), (1.0, 1.0), (False, False)),
    "an integer": (lambda c, x: (c[0] + 1, c[1] * c[0] + x), (0, 1.0), (False, True)),
}


@pytest.mark.parametrize("name", BODIES)
def test_what_is_carried_has_a_tangent_only_if_it_depends_on_one(name):
    body, init, expected = BODIES[name]
    init = tuple(jnp.asarray(c) for c in init)
    jaxpr = ingot.make_jaxpr(lambda *args: body(args[:-1], args[-1]))(*init, jnp.float64(0.5))
    found = linearize_body(jaxpr, [False] * len(init) + [True], 0, len(init))
    assert tuple(found.nonzero[:-1]) == expected

    def last(x):
        return lax.scan(lambda c, x: (body(c, x), None), init, x)[0][-1]

    x = jnp.linspace(0.1, 0.9, 4)
    slope = (last(x.at[1].add(1e-6)) - last(x.at[1].add(-1e-6))) / 2e-6
    wanted = 0.0 if not any(expected) else slope  # where no gradient flows
    np.testing.assert_allclose(ingot.grad(last)(x)[1], wanted, rtol=1e-6, atol=1e-9)


def sums(state, total, x):
    return 0.5 * state + x, total + state


@pytest.mark.parametrize("step", [sums, ingot.jit(sums)], ids=["inlined", "called"])
@pytest.mark.parametrize("cts", [(True, False), (False, True)])
def test_what_is_carried_back_has_a_cotangent_only_if_a_result_with_one_depends_on_it(step, cts):
    """The total depends on the state, not the state on the total."""
    one = jnp.float64(1.0)
    body = ingot.make_jaxpr(step)(one, one, one)
    back = transpose_body(body, (0, 0), (0, 1), cts, ())
    assert back.carry == [True, cts[1]] and back.xs == [True]


def test_checkpoint_returns_what_it_saves_once():
    """A saved value that is a result or an argument is not returned again as a residual."""
    policy = ingot.checkpoint_policies.everything_saveable
    fun = ingot.checkpoint(lambda x: ingot.numpy.exp(x), policy=policy)
    jaxpr = ingot.make_jaxpr(ingot.grad(lambda x: fun(x).sum()))(np.arange(3.0))
    first, *_ = (e for e in jaxpr.eqns if e.primitive.name == "remat2")
    assert len(first.outvars) == 1
    np.testing.assert_allclose(ingot.grad(lambda x: fun(x).sum())(np.arange(3.0)),
                               np.exp(np.arange(3.0)), rtol=1e-15)
