"""Functions that a program calls several times: are they compiled once, and as fast to call?"""

import numpy as np
from models import networks

from harness import Program


def layers(count, width=64, batch=8, length=32, heads=4):
    """The gradient of a stack of jitted layers, attention and a perceptron each."""

    def build(jax, jnp, lax):
        rng = np.random.default_rng(5)
        shapes = {
            "qkv": (width, 3 * width),
            "mix": (width, width),
            "up": (width, 4 * width),
            "down": (4 * width, width),
        }
        stack = [
            {n: jnp.asarray(networks.normal(rng, *s)) for n, s in shapes.items()}
            for _ in range(count)
        ]
        x = jnp.asarray(rng.normal(size=(batch, length, width)))

        layer = jax.jit(networks.transformer_block(jax, jnp, heads, causal=False)[1])

        def loss(stack, x):
            for weights in stack:
                x = layer(weights, x)
            return jnp.mean(x**2)

        return jax.jit(jax.value_and_grad(loss)), (stack, x)

    return build


def likelihoods(jax, jnp, lax, count=500):
    """A jitted likelihood with a loop at three places of a program, with gradients."""
    values = jnp.asarray(np.random.default_rng(6).normal(size=count))

    @jax.jit
    def log_likelihood(parameters):
        decay, noise, drive, scale = jnp.exp(parameters)

        def step(state, value):
            mean, variance, level = state
            variance = decay * decay * variance + drive
            innovation = value - decay * mean - jnp.tanh(level)
            total = variance + noise
            gain = variance / total
            level = 0.9 * level + scale * jnp.sin(innovation)
            term = jnp.log(total) + innovation**2 / total
            return (decay * mean + gain * innovation, (1 - gain) * variance, level), term

        first = jnp.zeros(()), jnp.ones(()), jnp.zeros(())
        return -0.5 * jnp.sum(lax.scan(step, first, values)[1])

    def three(a, b, c):
        value_and_grad = jax.value_and_grad(log_likelihood)
        return value_and_grad(a), value_and_grad(b), value_and_grad(c)

    return jax.jit(three), tuple(jnp.full(4, -0.5 - 0.1 * k) for k in range(3))


def scalars(count, operations=60):
    """Calls of a jitted function of some hundred scalar operations, one after the other."""

    def build(jax, jnp, lax):
        @jax.jit
        def iterate(x, y):
            for k in range(operations):
                x, y = jnp.sin(y) * 1.01 + 0.1 * x / (1 + x * x), x - 0.01 * k * y
            return x, y

        def program(x, y):
            for _ in range(count):
                x, y = iterate(x, y)
            return x + y

        return jax.jit(program), (jnp.array(0.3), jnp.array(0.2))

    return build


def loop(jax, jnp, lax, count=20_000):
    """Two calls of a jitted function in each iteration of a loop: what does a call cost?"""

    @jax.jit
    def slope(x, y):
        for _ in range(12):
            x, y = jnp.sin(y) + 0.1 * x / (1 + x * x), x - 0.01 * y
        return x, y

    def step(state, _):
        x, y = state
        a, b = slope(x, y)
        c, d = slope(x + 0.01 * a, y + 0.01 * b)
        return (x + 0.005 * (a + c), y + 0.005 * (b + d)), None

    def program(x, y):
        return lax.scan(step, (x, y), None, length=count)[0]

    return jax.jit(program), (jnp.array(0.3), jnp.array(0.2))


PROGRAMS = [
    Program("jitted layer, 12 times, gradient", layers(12)),
    Program("jitted likelihood with a loop, 3 times, gradient", likelihoods),
    Program("jitted function of 120 scalars, 16 times", scalars(16)),
    Program("jitted function of 120 scalars, 64 times", scalars(64)),
    Program("jitted function twice in a loop of 20,000", loop),
]
