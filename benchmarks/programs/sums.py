"""Everything that adds up numbers, outside of compiled code and in it, with NumPy beside.

`benchmarks/guard.py BASE --group sums` compares two commits by it.
"""

import numpy as np
import scipy.special

from harness import Program

SIZES = (1_000, 10_000, 100_000, 1_000_000)
REAL = ("float32", "float64")
ALL = (*REAL, "complex64", "complex128")


def normal(dtype, *shape):
    """Normal numbers, of both parts if complex."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=shape)
    return (x + 1j * rng.normal(size=shape) if dtype.startswith("c") else x).astype(dtype)


def places(size, count):
    """Places among `count`, in no order."""
    return np.random.default_rng(8).integers(0, count, size)


def program(name, dtype, operands, run, rival, compiled):
    """`run(jax, jnp, *operands)` beside `rival(*operands)`."""

    def make(jax, jnp, lax):
        def function(*xs):
            return run(jax, jnp, *xs)

        return jax.jit(function) if compiled else function, tuple(map(jnp.asarray, operands()))

    def beside():
        arrays = operands()
        return lambda: rival(*arrays)

    mode = "jit" if compiled else "eager"
    return Program(f"{mode}: {name}, {dtype}", make, {"NumPy": beside})


def both(name, dtypes, shapes, run, rival):
    """Eager and compiled, of normal numbers of each dtype in arrays of some shapes."""
    return [
        program(name, dtype, lambda dtype=dtype: [normal(dtype, *s) for s in shapes], run, rival,
                compiled)
        for compiled in (False, True)
        for dtype in dtypes
    ]


def added(name, count, target, shape=()):
    """`count` updates, of a shape each, at random places of `target`."""

    def operands(dtype):
        return normal(dtype, count, *shape), places(count, target)

    def run(jax, jnp, x, i):
        return jnp.zeros((target, *shape), x.dtype).at[i].add(x)

    def rival(x, i):
        if not shape and x.dtype == np.float64:
            return np.bincount(i, x, minlength=target)
        out = np.zeros((target, *shape), x.dtype)
        np.add.at(out, i, x)
        return out

    return [
        program(name, dtype, lambda dtype=dtype: operands(dtype), run, rival, compiled)
        for compiled in (False, True)
        for dtype in REAL
    ]


def standardized(x):
    mean = x.mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


def of_vectors(n):
    """Rows for vectors of n elements."""
    return [
        *both(f"dot, {n}", ALL, [(n,), (n,)], lambda jax, jnp, x, y: jnp.dot(x, y), np.dot),
        *both(f"sum, {n}", REAL, [(n,)], lambda jax, jnp, x: jnp.sum(x), np.sum),
        *both(f"var, {n}", REAL, [(n,)], lambda jax, jnp, x: jnp.var(x), np.var),
        *both(f"cumsum, {n}", REAL, [(n,)], lambda jax, jnp, x: jnp.cumsum(x), np.cumsum),
    ]


def of_matrices(m, n):
    """Rows for matrices of m rows and n columns."""
    shape = f"{m} x {n}"
    return [
        *both(f"matrix @ vector, {shape}", ALL, [(m, n), (n,)],
              lambda jax, jnp, a, x: a @ x, np.matmul),
        *both(f"vector @ matrix, {shape}", REAL, [(m,), (m, n)],
              lambda jax, jnp, x, a: x @ a, np.matmul),
        *both(f"sum of columns, {shape}", REAL, [(m, n)],
              lambda jax, jnp, x: jnp.sum(x, 0), lambda x: np.sum(x, 0)),
        *both(f"var of columns, {shape}", REAL, [(m, n)],
              lambda jax, jnp, x: jnp.var(x, 0), lambda x: np.var(x, 0)),
        *both(f"cumsum of rows, {shape}", REAL, [(m, n)],
              lambda jax, jnp, x: jnp.cumsum(x, 1), lambda x: np.cumsum(x, 1)),
        *both(f"cumsum of columns, {shape}", REAL, [(m, n)],
              lambda jax, jnp, x: jnp.cumsum(x, 0), lambda x: np.cumsum(x, 0)),
        *both(f"standardize, {shape}", REAL, [(m, n)],
              lambda jax, jnp, x: jax.nn.standardize(x), standardized),
        *both(f"softmax, {shape}", REAL, [(m, n)], lambda jax, jnp, x: jax.nn.softmax(x),
              lambda x: scipy.special.softmax(x, -1)),
    ]


def gradient_of_det(n):
    """A row for the gradient of a determinant outside of compiled code."""

    def rival(a):
        return np.linalg.det(a) * np.linalg.inv(a).T

    return program(f"gradient of det, {n} x {n}", "float64", lambda: [normal("float64", n, n)],
                   lambda jax, jnp, a: jax.grad(jnp.linalg.det)(a), rival, False)


PROGRAMS = [
    *(row for n in SIZES for row in of_vectors(n)),
    *(row for shape in ((300, 300), (10_000, 30), (30, 10_000))
      for row in of_matrices(*shape)),
    *added("add at places, 1000 to 1000", 1000, 1000),
    *added("add at places, 100000 to 100000", 100_000, 100_000),
    *added("add at places, 100000 to 100", 100_000, 100),
    *added("add at places, 100 to 100000", 100, 100_000),
    *added("add rows at places, 1000 to 1000", 1000, 1000, (16,)),
    *added("add rows at places, 10000 to 100", 10_000, 100, (16,)),
    gradient_of_det(4),
    gradient_of_det(10),
]
