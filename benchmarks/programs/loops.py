"""Loops with small bodies, forward and gradient, Numba's loop beside; times per iteration."""

import math

import numpy as np

from harness import Program

STEPS = 2000
CARRIES = (2, 4, 8, 16, 32, 64)
SIZES = (3, 8)


# ---- many scalars ----


def scalars(count, gradient):
    """A scan whose carry is a tuple of `count` scalars, each coupled to its neighbor."""

    def build(jax, jnp, lax):
        def step(carry, x):
            ring = (*carry[1:], carry[0])
            return tuple(
                0.5 * jnp.sin(a) + 0.3 * b + x for a, b in zip(carry, ring, strict=True)
            ), None

        def total(start, inputs):
            carry, _ = lax.scan(step, tuple(start[i] for i in range(count)), inputs)
            return sum(carry)

        function = jax.value_and_grad(total) if gradient else total
        return jax.jit(function), (jnp.ones(count), jnp.linspace(0.0, 1.0, STEPS))

    return build


def numba_scalars(count):
    """The same forward loop by hand."""

    def build():
        import numba

        @numba.njit
        def total(start, inputs):
            carry, following = start.copy(), np.empty_like(start)
            for k in range(inputs.size):
                for i in range(carry.size):
                    ahead = carry[(i + 1) % carry.size]
                    following[i] = 0.5 * math.sin(carry[i]) + 0.3 * ahead + inputs[k]
                carry[:] = following
            return carry.sum()

        start, inputs = np.ones(count), np.linspace(0.0, 1.0, STEPS)
        return lambda: total(start, inputs)

    return build


# ---- small matrices ----


def factors(size):
    """Matrices [STEPS, size, size] close to the identity."""
    return 0.01 * np.random.default_rng(size).normal(size=(STEPS, size, size)) + np.eye(size)


def matrices(size, gradient):
    """A product of small matrices, scaled at each step."""

    def build(jax, jnp, lax):
        def step(carry, factor):
            return (carry @ factor) / jnp.sqrt(jnp.sum(carry * carry) + 1.0), None

        def total(inputs):
            return jnp.sum(lax.scan(step, jnp.eye(size), inputs)[0])

        function = jax.value_and_grad(total) if gradient else total
        return jax.jit(function), (jnp.asarray(factors(size)),)

    return build


def numba_matrices(size):
    """The same forward loop by hand."""

    def build():
        import numba

        @numba.njit
        def total(inputs):
            carry, product = np.eye(size), np.empty((size, size))
            for k in range(inputs.shape[0]):
                scale = 1 / math.sqrt((carry * carry).sum() + 1.0)
                for i in range(size):
                    for j in range(size):
                        entry = 0.0
                        for m in range(size):
                            entry += carry[i, m] * inputs[k, m, j]
                        product[i, j] = entry * scale
                carry[:] = product
            return carry.sum()

        inputs = factors(size)
        return lambda: total(inputs)

    return build


# ---- while ----


def while_loop(jax, jnp, lax):
    """Maximum of an array by a while loop of scalar steps."""

    def maximum(values):
        def step(state):
            best, i = state
            return jnp.maximum(best, values[i]), i + 1

        return lax.while_loop(lambda state: state[1] < STEPS, step, (-jnp.inf, 0))[0]

    return jax.jit(maximum), (jnp.linspace(0.0, 1.0, STEPS),)


def numba_while():
    import numba

    @numba.njit
    def maximum(values):
        best, i = -np.inf, 0
        while i < values.size:
            best = max(best, values[i])
            i += 1
        return best

    values = np.linspace(0.0, 1.0, STEPS)
    return lambda: maximum(values)


# ---- loops of unequal length ----


def unequal(mapped):
    """64 loops, one of them 64 times longer, by vmap or one after the other."""

    def build(jax, jnp, lax):
        def one(count):
            return lax.while_loop(
                lambda state: state[0] < count,
                lambda state: (state[0] + 1, jnp.sin(state[1]) + 0.5), (0, 0.1))[1]

        counts = np.full(64, 1000)
        counts[5] = 64_000
        function = jax.vmap(one) if mapped else lambda counts: lax.map(one, counts)
        return jax.jit(function), (jnp.asarray(counts),)

    return build


ASKED = {"numba": (None, 1.3)}

PROGRAMS = [
    Program("while, 64 entries of which one is long", unequal(True)),
    Program("the same, one after the other", unequal(False)),
]
PROGRAMS += [Program("while, 2 scalars", while_loop, {"numba": numba_while}, per=STEPS)]
for _n in CARRIES:
    PROGRAMS += [
        Program(f"scan, {_n} scalars", scalars(_n, False), {"numba": numba_scalars(_n)}, STEPS),
        Program(f"scan, {_n} scalars, gradient", scalars(_n, True), per=STEPS),
    ]
for _n in SIZES:
    PROGRAMS += [
        Program(f"scan, {_n}x{_n}", matrices(_n, False), {"numba": numba_matrices(_n)}, STEPS),
        Program(f"scan, {_n}x{_n}, gradient", matrices(_n, True), per=STEPS),
    ]
