"""Small programs with work for each pass of the compiler, and their results without a compiler."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest import mock

import numpy as np

import ingot
import ingot.numpy as jnp
from ingot import lax
from ingot.backends.llvm import compilation, engine
from ingot.compiler import (
    loop_fusion,
    outlining,
)
from ingot.kernel.schedule import SCHEDULE

LOWERED = [(loop_fusion, "MIN_COMMON_BYTES", 1), (SCHEDULE, "parallel_reduction_work", 500),
           (SCHEDULE, "reduction_block", 32),
           (SCHEDULE, "parallel_work", 20_001), (SCHEDULE, "min_compacted_work", 1),
           (SCHEDULE, "min_strip_mined_work", 20), (SCHEDULE, "nontemporal_bytes", 100_000),
           (SCHEDULE, "blas_work", 50), (outlining, "MIN_INSTRUCTIONS", 1),
           (outlining, "MIN_EQUATIONS", 2),
           (outlining, "MIN_WORK_ONCE", 0), (outlining, "MIN_WORK_IN_LOOPS", 0)]


@contextlib.contextmanager
def busy_passes() -> Iterator[None]:
    """Constants are lowered so that passes act on small programs; LLVM's passes, which take most of
    the time, are left out."""
    with contextlib.ExitStack() as stack:
        for module, name, value in LOWERED:
            stack.enter_context(mock.patch.object(module, name, value))
        stack.enter_context(mock.patch.object(engine, "FULL", engine.Tier("full", 0, 0)))
        stack.enter_context(mock.patch.object(compilation, "STRAIGHT_PASSES", 0))
        stack.enter_context(ingot.config.override("optimize", "full"))
        stack.enter_context(ingot.config.override("cache", False))
        yield


def standardized(x):
    x = x - x.mean(-1, keepdims=True)
    return x / jnp.sqrt(x.var(-1, keepdims=True) + 1e-5)


def oscillator(start, inputs):
    def step(carry, x):
        a, b, c = carry
        return (0.5 * jnp.sin(b) * a + x, jnp.cos(a) - b * x, a - c), a * b

    carry, outs = lax.scan(step, (start[0], start[1], start[2]), inputs)
    return carry[0] - 2 * carry[1] + 3 * carry[2] + outs.sum()


def newton(a):
    def body(s):
        x, count = s
        return 0.5 * (x + a / x) + 0.0 * jnp.sin(jnp.exp(-x)), count + 1

    return lax.while_loop(lambda s: (jnp.abs(s[0] * s[0] - a) > 1e-9 * a) & (s[1] < 60), body,
                          (a, 0))


@ingot.jit
def wave(x, k):
    return jnp.sin(x) * k + jnp.cos(x) / (1 + x * x) - jnp.tanh(k * x)


def waves(x):
    return wave(x, 2.0) + wave(x + 1, 2.0) * wave(x - 1, 3.0)


def masked(i, x):
    return lax.cond(i > 1, lambda x: x.at[i].set(7.0), lambda x: x, x)


def exchanged(x):
    def step(k, c):
        a, b = c
        return b, a * 0.5 + jnp.roll(b, 1)

    return lax.fori_loop(0, 5, step, (x, x * 2))


def branches(x):
    def step(c, k):
        return lax.cond(k % 3 == 0, lambda c: c * 0.5 + 1, lambda c: c - jnp.sin(c), c), c[3]

    return lax.scan(step, x, jnp.arange(7))


def calls(x):
    a = ingot.pure_callback(lambda v: np.asarray(v) * 2, x, jnp.sin(x))
    b = ingot.pure_callback(lambda v: np.asarray(v) + 1, x, a * x)
    return a - b, b * x


def pieces(x):
    """The gradient of a function that reads parts of an array."""
    return ingot.grad(lambda x: jnp.sum(x[1:200] * x[:199]) + jnp.sum(jnp.sin(x[50:150]))
                      + x[3] * x[4])(x)


def choices(x, y):
    same = jnp.where(x > 0, y, y)
    return jnp.where(x > y, x, lax.stop_gradient(same)) * 3, jnp.where(x > y, y, x)


def updates(x):
    y = x * 2
    z = y.at[10:20].set(x[:10])
    return z + y[::-1], z.at[5].add(y[3])


def shuffled(r):
    """What needs temporaries for each row."""
    return jnp.cumsum(jnp.sin(r))[::-1] * jnp.roll(jnp.cumsum(r), 3)


def weighted(x, w):
    """Value and derivative of a sum that is done in parts."""
    return ingot.value_and_grad(lambda x: jnp.sum(jnp.tanh(x * x) * w))(x)


def recurrent(weights, bias, xs):
    """Value and gradient of a recurrent network: products beside transposes, and sums of them."""
    def loss(weights, bias, xs):
        state, inputs = weights[:12], weights[12:]

        def step(h, x):
            return jnp.tanh(h @ state + x @ inputs + bias), None

        h, _ = lax.scan(step, jnp.zeros((2, 12)), xs)
        return jnp.sum(h**2) + jnp.sum(state.T @ state * bias)

    return ingot.value_and_grad(loss, (0, 1, 2))(weights, bias, xs)


def drawn(n: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(n).uniform(0.1, 2.0, shape)


PROGRAMS: dict[str, tuple[Callable[..., Any], Sequence[np.ndarray]]] = {
    "rows": (standardized, [drawn(0, 70, 20)]),
    "softmax": (ingot.nn.softmax, [drawn(21, 70, 20)]),
    "patched": (lambda x: (lambda y: y.at[5].set(0.0) * 2 + x)(jnp.sin(x) * x), [drawn(22, 300)]),
    "chain": (lambda x, w: (jnp.tanh(x * w) * x, x - jnp.sin(x), (x - w) / (x + w)),
              [drawn(1, 3000), drawn(2, 3000)]),
    "shifted": (lambda x: (lambda y: (y, y[1:] - y[:-1], y[::-1] * x))(jnp.sin(x) * x),
                [drawn(3, 300)]),
    "sums": (weighted, [drawn(4, 1030), drawn(5, 1030)]),
    "gradient of a scan": (ingot.value_and_grad(oscillator, (0, 1)), [drawn(6, 3), drawn(7, 100)]),
    "recurrent": (recurrent, [drawn(23, 20, 12) / 9, drawn(24, 12), drawn(25, 6, 2, 8)]),
    "batch of loops": (ingot.vmap(newton), [drawn(8, 301)]),
    "heavy": (lambda x: jnp.sin(jnp.exp(jnp.cos(x))) * jnp.tanh(x), [drawn(9, 2100)]),
    "threads": (functools.partial(lax.map, shuffled), [drawn(10, 40, 130)]),
    "functions": (waves, [drawn(11, 100)]),
    "masked": (ingot.vmap(masked), [np.array([1, 3, 5]), drawn(12, 3, 100)]),
    "exchanged": (exchanged, [drawn(13, 100)]),
    "branches": (branches, [drawn(14, 100)]),
    "calls": (calls, [drawn(15, 100)]),
    "pieces": (pieces, [drawn(16, 200)]),
    "choices": (choices, [drawn(17, 100), drawn(18, 100)]),
    "updates": (updates, [drawn(19, 100)]),
    "scalars": (lambda x: jnp.stack([jnp.sin(x[k]) * jnp.exp(x[k + 1]) for k in range(6)]),
                [drawn(20, 7)]),
}


def leaves(results: Any) -> list[np.ndarray]:
    return [np.asarray(x) for x in ingot.tree.leaves(results)]


def compiled(name: str) -> list[np.ndarray]:
    """Results of a program that is compiled now."""
    fun, args = PROGRAMS[name]
    ingot.clear_caches()
    return leaves(ingot.jit(lambda *xs: fun(*xs))(*[jnp.array(x) for x in args]))


@functools.cache
def expected(name: str) -> list[np.ndarray]:
    """Results of the reference back end."""
    fun, args = PROGRAMS[name]
    with ingot.config.override("backend", "reference"):
        return leaves(ingot.jit(lambda *xs: fun(*xs))(*[jnp.array(x) for x in args]))


def agree(got: Sequence[np.ndarray], want: Sequence[np.ndarray]) -> bool:
    """Whether results are the same but for rounding."""
    return all(np.allclose(a, b, rtol=1e-9, atol=1e-11) for a, b in zip(got, want, strict=True))
