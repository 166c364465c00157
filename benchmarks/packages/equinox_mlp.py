"""Equinox and optax: a network 2-32-32-1 trained for 1,000 steps of Adam on 256 points."""
# ruff: noqa: I001 - the clock starts before the imports that are timed

from timing import Phases

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

phases = Phases()
rng = np.random.default_rng(0)
x = rng.uniform(-1, 1, size=(256, 2)).astype("float32")
y = np.sin(3 * x[:, :1]) * np.cos(2 * x[:, 1:])
optimizer = optax.adam(optax.cosine_decay_schedule(1e-2, 1000))


def loss(model, x, y):
    return jnp.mean((jax.vmap(model)(x) - y) ** 2)


@eqx.filter_jit
def step(model, state, x, y):
    value, gradients = eqx.filter_value_and_grad(loss)(model, x, y)
    updates, state = optimizer.update(gradients, state)
    return eqx.apply_updates(model, updates), state, value


def train():
    model = eqx.nn.MLP(2, 1, 32, 2, key=jax.random.key(0))
    state = optimizer.init(eqx.filter(model, eqx.is_inexact_array))
    values = []
    for _ in range(1000):
        model, state, value = step(model, state, x, y)
        values.append(value)
    return [float(v) for v in values]


values = phases.measure(train)
# Rounding grows with the steps, so that late losses are the same only roughly.
phases.print(first=values[0], tenth=values[10], last=(values[-1], 0.1 * values[-1]))
