"""Elementwise expressions and reductions at three sizes, with NumPy and SciPy beside."""

import numpy as np
import scipy.special

from harness import Program

SIZES = (1_000, 100_000, 1_000_000)
OPS = {
    "x * y + 1": (lambda xp, x, y: x * y + 1, None),
    "exp(-x * x)": (lambda xp, x, y: xp.exp(-x * x), None),
    "log1p(|x|)": (lambda xp, x, y: xp.log1p(xp.abs(x)), None),
    "sin(x) * cos(y)": (lambda xp, x, y: xp.sin(x) * xp.cos(y), None),
    "where(x > y, sqrt(|x|), tanh(y))": (
        lambda xp, x, y: xp.where(x > y, xp.sqrt(xp.abs(x)), xp.tanh(y)),
        None,
    ),
    "gammaln(|x| + 1)": (None, lambda special, x, y: special.gammaln(abs(x) + 1)),
    "sum((x - y)**2)": (lambda xp, x, y: xp.sum((x - y) ** 2), None),
}


def inputs(size):
    """Two vectors [size] of normal numbers."""
    rng = np.random.default_rng(size)
    return rng.normal(size=size), rng.normal(size=size)


def make(op, size):
    """The jitted expression; `op` needs the numpy module or the special functions."""
    plain, special = op

    def build(jax, jnp, lax):
        arguments = tuple(map(jnp.asarray, inputs(size)))
        if plain is not None:
            return jax.jit(lambda x, y: plain(jnp, x, y)), arguments
        from importlib import import_module

        functions = import_module(f"{jax.__name__}.scipy.special")
        return jax.jit(lambda x, y: special(functions, x, y)), arguments

    return build


def rival(op, size):
    """The same expression in NumPy or SciPy."""
    plain, special = op

    def build():
        x, y = inputs(size)
        if plain is not None:
            return lambda: plain(np, x, y)
        return lambda: special(scipy.special, x, y)

    return build


PROGRAMS = [
    Program(f"{name}, {size}", make(op, size), {"numpy/scipy": rival(op, size)})
    for name, op in OPS.items()
    for size in SIZES
]
