"""One training step of a small multilayer perceptron: loss, gradient, update with momentum."""

import numpy as np

from harness import Program

SHAPES = {
    "8-32-32-1, batch 64": ((8, 32, 32, 1), 64),
    "64-256-256-10, batch 128": ((64, 256, 256, 10), 128),
}


def make(sizes, batch):
    """step(weights, momentum, x, y) -> weights, momentum, loss."""

    def build(jax, jnp, lax):
        rng = np.random.default_rng(0)
        weights = [
            (jnp.asarray(rng.normal(size=(n, m)) / np.sqrt(n)), jnp.zeros(m))
            for n, m in zip(sizes[:-1], sizes[1:], strict=True)
        ]
        momentum = [(jnp.zeros(w.shape), jnp.zeros(b.shape)) for w, b in weights]
        x = jnp.asarray(rng.normal(size=(batch, sizes[0])))
        y = jnp.asarray(rng.normal(size=(batch, sizes[-1])))

        def loss(weights, x, y):
            for matrix, bias in weights[:-1]:
                x = jnp.tanh(x @ matrix + bias)
            matrix, bias = weights[-1]
            return jnp.mean((x @ matrix + bias - y) ** 2)

        def step(weights, momentum, x, y):
            value, gradient = jax.value_and_grad(loss)(weights, x, y)
            momentum = jax.tree_util.tree_map(lambda m, g: 0.9 * m + g, momentum, gradient)
            weights = jax.tree_util.tree_map(lambda w, m: w - 1e-3 * m, weights, momentum)
            return weights, momentum, value

        return jax.jit(step), (weights, momentum, x, y)

    return build


PROGRAMS = [Program(name, make(*shape)) for name, shape in SHAPES.items()]
