"""The cost of a call: how long it takes to do next to nothing.

Except where a row is about work, only the calls are timed, without waiting for results at the end
of each: that is what a loop in Python pays.
"""

import numpy as np

from harness import Program


def jitted(jax, jnp, lax):
    """jit(x + 1) on three numbers."""
    return jax.jit(lambda x: x + 1), (jnp.ones(3),)


def twenty(jax, jnp, lax):
    """A function of 20 arrays."""
    return jax.jit(lambda *xs: sum(xs)), tuple(jnp.ones(3) * k for k in range(20))


def tree(jax, jnp, lax):
    """jit over a dictionary of 50 arrays."""
    leaves = {f"weight_{i}": jnp.ones(3) for i in range(50)}
    return jax.jit(lambda tree: {name: x + 1 for name, x in tree.items()}), (leaves,)


def tree_to_one(jax, jnp, lax):
    """jit from a dictionary of 50 arrays to one number."""
    leaves = {f"weight_{i}": jnp.ones(3) for i in range(50)}
    return jax.jit(lambda tree: sum(x.sum() for x in tree.values())), (leaves,)


def keywords(jax, jnp, lax):
    """Keyword arguments."""
    f = jax.jit(lambda x, *, scale, shift: x * scale + shift)
    x = jnp.ones(3)
    return lambda: f(x, scale=x, shift=x), ()


def scalar(jax, jnp, lax):
    """A Python number as the argument."""
    return jax.jit(lambda x: x + 1), (2.5,)


def nested(jax, jnp, lax):
    """A nested result."""
    return jax.jit(lambda x: (x, [x + 1, {"a": x * 2}])), (jnp.ones(3),)


def large(jax, jnp, lax):
    """x + 1 on a million numbers: the result's memory is recycled."""
    f, wait = jax.jit(lambda x: x + 1), jax.block_until_ready
    return lambda x: wait(f(x)), (jnp.ones(1_000_000),)


def eager(operation):
    """An operation outside of jit on two arrays of three numbers."""
    def make(jax, jnp, lax):
        return lambda x, y: operation(jnp, x, y), (jnp.ones(3) * 2, jnp.ones(3) * 3)

    return make


def row(jax, jnp, lax):
    """One row of a matrix, outside of jit."""
    return lambda x: x[1], (jnp.ones((4, 3)) * 2,)


def product(jax, jnp, lax):
    """A product of two small matrices, outside of jit."""
    return lambda x: x @ x, (jnp.ones((3, 3)) * 2,)


def update(jax, jnp, lax):
    """One element replaced, under jit."""
    return jax.jit(lambda x: x.at[1].set(2.0)), (jnp.ones(3),)


def donated(jax, jnp, lax):
    """One element of a million replaced, in an argument that is given away."""
    f = jax.jit(lambda x, i: x.at[i].set(2.0), donate_argnums=0)
    state = [jnp.ones(1_000_000) * 1]

    def step(i):
        state[0] = f(state[0], i)
        return jax.block_until_ready(state[0])[:3]

    return step, (1,)


def numpy_add():
    x = np.ones(3)
    return lambda: x + 1


def numpy_exp():
    x = np.ones(3)
    return lambda: np.exp(x)


def numpy_tree():
    leaves = {f"weight_{i}": np.ones(3) for i in range(50)}
    return lambda: {name: x + 1 for name, x in leaves.items()}


def numpy_large():
    x, out = np.ones(1_000_000), np.ones(1_000_000)
    return lambda: np.add(x, 1, out=out)


PROGRAMS = [
    Program("jit(x + 1)", jitted, {"numpy": numpy_add}, wait=False, asked={"jax": 0.05}),
    Program("jit, 20 arrays", twenty, wait=False, asked={"jax": 0.05}),
    Program("jit, 50 leaves", tree, {"numpy": numpy_tree}, wait=False, asked={"jax": 0.08}),
    Program("jit, 50 leaves to one", tree_to_one, wait=False),
    Program("jit, keywords", keywords, wait=False),
    Program("jit, Python number", scalar, wait=False),
    Program("jit, nested result", nested, wait=False),
    Program("jit(x.at[1].set(2))", update, wait=False),
    Program("jit(x + 1), 1e6", large, {"numpy": numpy_large}, wait=False),
    Program("jit, donated 1e6", donated, wait=False),
    Program("x + y", eager(lambda jnp, x, y: x + y), {"numpy": numpy_add}, wait=False,
            asked={"jax": 0.15}),
    Program("x * 2.0", eager(lambda jnp, x, y: x * 2.0), wait=False),
    Program("x < y", eager(lambda jnp, x, y: x < y), wait=False),
    Program("jnp.exp(x)", eager(lambda jnp, x, y: jnp.exp(x)), {"numpy": numpy_exp}, wait=False),
    Program("x.sum()", eager(lambda jnp, x, y: x.sum()), wait=False),
    Program("x[1]", row, wait=False),
    Program("x @ x", product, wait=False),
]
