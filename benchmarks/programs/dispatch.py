"""The cost of a call: how long it takes to do next to nothing."""

import numpy as np

from harness import Program


def jitted(jax, jnp, lax):
    """jit(x + 1) on three numbers."""
    return jax.jit(lambda x: x + 1), (jnp.ones(3),)


def eager(jax, jnp, lax):
    """x + y outside of jit."""
    return lambda x, y: x + y, (jnp.ones(3), jnp.ones(3))


def eager_function(jax, jnp, lax):
    """jnp.exp outside of jit."""
    return jnp.exp, (jnp.ones(3),)


def tree(jax, jnp, lax):
    """jit over a dictionary of 50 arrays."""
    leaves = {f"weight_{i}": jnp.ones(3) for i in range(50)}
    return jax.jit(lambda tree: {name: x + 1 for name, x in tree.items()}), (leaves,)


def update(jax, jnp, lax):
    """One element replaced, under jit."""
    return jax.jit(lambda x: x.at[1].set(2.0)), (jnp.ones(3),)


def numpy_add():
    x = np.ones(3)
    return lambda: x + 1


def numpy_exp():
    x = np.ones(3)
    return lambda: np.exp(x)


def numpy_tree():
    leaves = {f"weight_{i}": np.ones(3) for i in range(50)}
    return lambda: {name: x + 1 for name, x in leaves.items()}


PROGRAMS = [
    Program("jit(x + 1)", jitted, {"numpy": numpy_add}),
    Program("x + y", eager, {"numpy": numpy_add}),
    Program("jnp.exp(x)", eager_function, {"numpy": numpy_exp}),
    Program("jit, 50 leaves", tree, {"numpy": numpy_tree}),
    Program("jit(x.at[1].set(2))", update),
]
