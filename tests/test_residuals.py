"""What linearized programs keep: derivatives stay the same, cheap values are computed again."""

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import lax
from ingot.config import config

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
