"""Random loops that hand on, rotate and update the arrays they carry, against NumPy's loops.

LLVM may believe too much of memory that changes its role from one iteration to the next: what it
was told of it must hold around loops, too.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import lax
from ingot.config import config


def assigned(a, i, x):
    """A copy of an array with another element, or with others from one on."""
    a = a.copy()
    a[i] = x
    return a


# Each update as ingot computes it and as NumPy does; a and b are carried, i counts, n is a length.
UPDATES = {
    "keep": (lambda a, b, i, n: a,) * 2,
    "add": (lambda a, b, i, n: a * 0.75 + b * 0.5,) * 2,
    "flip": (lambda a, b, i, n: a[::-1] * 0.5,) * 2,
    "halves": (lambda a, b, i, n: jnp.concatenate([a[n // 2:] * 0.5, b[: n // 2]]),
               lambda a, b, i, n: np.concatenate([a[n // 2:] * 0.5, b[: n // 2]])),
    "roll": (lambda a, b, i, n: jnp.roll(a, 1) * 0.5 - b * 0.25,
             lambda a, b, i, n: np.roll(a, 1) * 0.5 - b * 0.25),
    "product": (lambda a, b, i, n: jnp.sin(a) * b, lambda a, b, i, n: np.sin(a) * b),
    "sums": (lambda a, b, i, n: jnp.cumsum(a, 0) / n, lambda a, b, i, n: np.cumsum(a, 0) / n),
    "set": (lambda a, b, i, n: a.at[1 % n].set(b[2 % n] * 0.5),
            lambda a, b, i, n: assigned(a, 1 % n, b[2 % n] * 0.5)),
    "add at": (lambda a, b, i, n: a.at[2 % n].add(b[1 % n] * 0.5),
               lambda a, b, i, n: assigned(a, 2 % n, a[2 % n] + b[1 % n] * 0.5)),
    "set i": (lambda a, b, i, n: a.at[i % n].set(b[(i + 1) % n]),
              lambda a, b, i, n: assigned(a, i % n, b[(i + 1) % n])),
    "update": (lambda a, b, i, n: lax.dynamic_update_slice(
                   a, b[: -(-n // 2)] * 0.5, (jnp.minimum(i % n, n // 2), *[0] * (a.ndim - 1))),
               lambda a, b, i, n: assigned(a, slice(min(i % n, n // 2),
                                                    min(i % n, n // 2) + -(-n // 2)),
                                           b[: -(-n // 2)] * 0.5)),
}
OF_COLUMNS = {
    "set column": (lambda a, b, i, n: a.at[:, 0].set(b[:, -1] * 0.5),
                   lambda a, b, i, n: assigned(a, np.s_[:, 0], b[:, -1] * 0.5)),
    "add to column": (lambda a, b, i, n: a.at[:, -1].add(b[:, 0] * 0.5),
                      lambda a, b, i, n: assigned(a, np.s_[:, -1], a[:, -1] + b[:, 0] * 0.5)),
    "stack": (lambda a, b, i, n: jnp.stack([*(a[:, k] - b[:, k - 1] * 0.5 for k in range(
                  a.shape[1]))], 1),
              lambda a, b, i, n: np.stack([*(a[:, k] - b[:, k - 1] * 0.5 for k in range(
                  a.shape[1]))], 1),),
    "systems": (lambda a, b, i, n: a + 0.25 * jnp.stack([*(
                    jnp.sin(b[:, k - 1]) * a[:, k] for k in range(a.shape[1]))], 1),
                lambda a, b, i, n: a + 0.25 * np.stack([*(
                    np.sin(b[:, k - 1]) * a[:, k] for k in range(a.shape[1]))], 1)),
}
UPDATES |= OF_COLUMNS


@dataclass
class Program:
    """Loops over some arrays of one shape; `inner` updates them in each iteration first."""

    body: list[tuple[str, int, int]]
    inner: list[tuple[str, int, int]]
    loop: str
    shape: tuple[int, ...]
    trips: int
    unroll: int

    @classmethod
    def drawn(cls, seed: int) -> Program:
        """The program of a seed."""
        rng = random.Random(seed)
        count = rng.choice([2, 2, 3, 4, 5])
        columns = rng.choice([(), (2,), (3,), (4,)])
        known = [name for name in UPDATES if columns or name not in OF_COLUMNS]

        def updates() -> list[tuple[str, int, int]]:
            names = [rng.choice(known) if rng.random() < 0.6 else "keep"
                     for _ in range(count)]
            return [(name, rng.randrange(count), rng.randrange(count)) for name in names]

        return cls(updates(), updates() if rng.random() < 0.6 else [],
                   rng.choice(["scan", "fori_loop", "while_loop"]),
                   (rng.choice([1, 3, 4, 8, 17, 64, 100, 257]), *columns),
                   rng.choice([1, 2, 5, 12]),
                   rng.choice([1, 1, 2, 3]))

    def step(self, numpy: int, arrays, i):
        """One iteration, by NumPy or not."""
        for k in range(3 if numpy and self.inner else 0):
            arrays = self.updated(1, self.inner, arrays, i + k)
        if not numpy and self.inner:
            arrays = lax.fori_loop(
                0, 3, lambda k, xs: self.updated(0, self.inner, xs, i + k), arrays)
        return self.updated(numpy, self.body, arrays, i)

    def updated(self, numpy: int, updates, arrays, i):
        """The arrays after these updates."""
        return tuple(UPDATES[name][numpy](arrays[a], arrays[b], i, self.shape[0])
                     for name, a, b in updates)

    def run(self, arrays, trips):
        """The program, for ingot."""
        if self.loop == "scan":
            return lax.scan(lambda xs, i: (self.step(0, xs, i), None), arrays,
                            jnp.arange(self.trips), unroll=self.unroll)[0]
        if self.loop == "fori_loop":
            return lax.fori_loop(0, trips, lambda i, xs: self.step(0, xs, i), arrays)
        return lax.while_loop(lambda state: state[0] < trips, lambda state: (
            state[0] + 1, self.step(0, state[1], state[0])), (0, arrays))[1]


def check(program: Program, seed: int) -> None:
    """A program gives what NumPy's loop does, in both tiers."""
    rng = np.random.default_rng(seed)
    arrays = tuple(rng.normal(size=program.shape) for _ in program.body)
    expected = arrays
    for i in range(program.trips):
        expected = program.step(1, expected, i)
    for tier in ("fast", "full"):
        with config.override("optimize", tier):
            run = ingot.jit(program.run, donate_argnums=(0,) if seed % 3 == 0 else ())
            found = run(tuple(map(jnp.asarray, arrays)), program.trips)
        for x, y in zip(found, expected, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-9, err_msg=f"{seed}: {program}")


def test_memory_that_rotates_while_it_is_updated():
    """LLVM's elimination of redundant loads took an old value, as what a loop exchanges was said
    to lie apart: it looks around loops, where one pointer is another."""
    check(Program([("add", 3, 2), ("add at", 0, 3), ("keep", 3, 0), ("add", 0, 2)],
                  [("update", 3, 0), ("keep", 0, 0), ("product", 2, 0), ("set", 1, 3)],
                  "while_loop", (100,), 5, 1), 1)


@pytest.mark.parametrize("part", range(4))
def test_loops_that_exchange_memory(part):
    for seed in range(part * 4, part * 4 + 4):
        check(Program.drawn(seed), seed)


@pytest.mark.long
@pytest.mark.parametrize("part", range(20))
def test_many_loops_that_exchange_memory(part):
    for seed in range(1000 + part * 50, 1050 + part * 50):
        check(Program.drawn(seed), seed)
