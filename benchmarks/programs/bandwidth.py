"""Elementwise chains over arrays that no cache holds, beside a copy of as many bytes.

Each is one loop over memory, whatever the number of operands and results. The rival copies half of
the bytes that the chain reads and writes, with as many threads as there are processors.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness import Program

NBYTES = 1 << 26
"""Of each operand and result."""

DTYPES = ("float32", "float64")


def adam(jnp, p, m, v, g):
    """New parameters and moments."""
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * g * g
    return p - 1e-3 * (m / 0.5) / (jnp.sqrt(v / 0.25) + 1e-8), m, v


@dataclass(frozen=True)
class Chain:
    """A function of jax.numpy and operands, how many these are, and how many its results."""

    run: Any
    operands: int
    results: int

    @property
    def nbytes(self):
        """What a call reads and writes."""
        return (self.operands + self.results) * NBYTES


CHAINS = {
    "1 in, 1 out": Chain(lambda jnp, x: 2 * x + 1, 1, 1),
    "1 in, chain of 8, 1 out": Chain(
        lambda jnp, x: jnp.maximum((x * x + 2 * x - 1) * (x + 0.5), 0.1 * x) + 1, 1, 1
    ),
    "2 in, 1 out": Chain(lambda jnp, x, y: x * y + 2 * x - y, 2, 1),
    "1 in, 2 out": Chain(lambda jnp, x: (2 * x + 1, x * x - 3), 1, 2),
    "Adam: 4 in, 3 out": Chain(adam, 4, 3),
}


def make(chain, dtype):
    def build(jax, jnp, lax):
        rng = np.random.default_rng(0)
        size = NBYTES // np.dtype(dtype).itemsize
        operands = [
            jnp.asarray(rng.uniform(1, 2, size).astype(dtype)) for _ in range(chain.operands)
        ]
        return jax.jit(lambda *xs: chain.run(jnp, *xs)), tuple(operands)

    return build


def copying(nbytes):
    """A copy that reads and writes so many bytes, in a thread for each processor."""

    def build():
        source = np.ones(nbytes // 2, np.uint8)
        target = np.zeros_like(source)
        count = len(os.sched_getaffinity(0))
        if count == 1:
            return lambda: np.copyto(target, source)
        pool = ThreadPoolExecutor(count)
        parts = [*zip(np.array_split(target, count), np.array_split(source, count), strict=True)]
        return lambda: list(pool.map(lambda part: np.copyto(*part), parts))

    return build


ASKED = {"copy": (None, 1 / 0.8)}

BYTES = {f"{name}, {dtype}": chain.nbytes for name, chain in CHAINS.items() for dtype in DTYPES}

PROGRAMS = [
    Program(f"{name}, {dtype}", make(chain, dtype), {"copy": copying(chain.nbytes)})
    for name, chain in CHAINS.items()
    for dtype in DTYPES
]
