"""Training steps of small networks: recurrent, convolutional, a transformer's block."""

import numpy as np


def normal(rng, *shape):
    """Initial weights, scaled by the fan-in."""
    return rng.normal(size=shape) / np.sqrt(np.prod(shape[:-1]))


def descend(jax, loss, rate=1e-2):
    """step(weights, *data) -> new weights and the loss."""

    def step(weights, *data):
        value, gradient = jax.value_and_grad(loss)(weights, *data)
        return jax.tree_util.tree_map(lambda w, g: w - rate * g, weights, gradient), value

    return jax.jit(step)


def lstm(jax, jnp, lax, inputs=10, hidden=64, batch=16, length=50):
    """One step of gradient descent of an LSTM that predicts a number from a sequence."""
    rng = np.random.default_rng(1)
    weights = {
        "cell": jnp.asarray(normal(rng, inputs + hidden, 4 * hidden)),
        "bias": jnp.zeros(4 * hidden),
        "out": jnp.asarray(normal(rng, hidden, 1)),
    }
    x = jnp.asarray(rng.normal(size=(length, batch, inputs)))
    y = jnp.asarray(rng.normal(size=(batch, 1)))

    def loss(weights, x, y):
        def cell(state, x):
            h, c = state
            gates = jnp.concatenate([x, h], axis=1) @ weights["cell"] + weights["bias"]
            i, f, g, o = jnp.split(gates, 4, axis=1)
            c = jax.nn.sigmoid(f + 1) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

        zeros = jnp.zeros((batch, hidden))
        (h, _), _ = lax.scan(cell, (zeros, zeros), x)
        return jnp.mean((h @ weights["out"] - y) ** 2)

    return descend(jax, loss), (weights, x, y)


def convolutional(jax, jnp, lax, batch=32):
    """One step of gradient descent of a classifier of 28x28 images, two convolutions deep."""
    rng = np.random.default_rng(2)
    weights = {
        "conv1": jnp.asarray(normal(rng, 3, 3, 1, 8)),
        "conv2": jnp.asarray(normal(rng, 3, 3, 8, 16)),
        "dense": jnp.asarray(normal(rng, 7 * 7 * 16, 10)),
        "bias": jnp.zeros(10),
    }
    images = jnp.asarray(rng.normal(size=(batch, 28, 28, 1)))
    labels = jnp.asarray(rng.integers(0, 10, batch))

    def layer(x, kernel):
        x = lax.conv_general_dilated(
            x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return lax.reduce_window(
            jax.nn.relu(x), -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID"
        )

    def loss(weights, images, labels):
        x = layer(layer(images, weights["conv1"]), weights["conv2"])
        logits = x.reshape(batch, -1) @ weights["dense"] + weights["bias"]
        return -jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(batch), labels])

    return descend(jax, loss), (weights, images, labels)


def transformer_block(jax, jnp, heads, causal=True):
    """Layer normalization, and a block of attention and a perceptron: (weights, x) -> x."""

    def layer_norm(x):
        mean = jnp.mean(x, axis=-1, keepdims=True)
        return (x - mean) / jnp.sqrt(jnp.var(x, axis=-1, keepdims=True) + 1e-6)

    def attend(weights, x):
        batch, length, width = x.shape
        q, k, v = (
            part.reshape(batch, length, heads, -1)
            for part in jnp.split(x @ weights["qkv"], 3, axis=-1)
        )
        scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) / np.sqrt(width / heads)
        if causal:
            scores = jnp.where(jnp.tril(jnp.ones((length, length), bool)), scores, -1e9)
        scores = jax.nn.softmax(scores, axis=-1)
        return jnp.einsum("bhqk,bkhd->bqhd", scores, v).reshape(x.shape) @ weights["mix"]

    def block(weights, x):
        x = x + attend(weights, layer_norm(x))
        return x + jax.nn.gelu(layer_norm(x) @ weights["up"]) @ weights["down"]

    return layer_norm, block


def transformer(jax, jnp, lax, batch=8, length=32, width=64, heads=4, words=50):
    """One step of gradient descent of a language model with one transformer block."""
    rng = np.random.default_rng(3)
    shapes = {
        "embed": (words, width),
        "place": (length, width),
        "qkv": (width, 3 * width),
        "mix": (width, width),
        "up": (width, 4 * width),
        "down": (4 * width, width),
        "out": (width, words),
    }
    weights = {name: jnp.asarray(normal(rng, *shape)) for name, shape in shapes.items()}
    text = jnp.asarray(rng.integers(0, words, (batch, length + 1)))

    layer_norm, block = transformer_block(jax, jnp, heads)

    def loss(weights, text):
        x = weights["embed"][text[:, :-1]] + weights["place"]
        x = block(weights, x)
        logits = jax.nn.log_softmax(layer_norm(x) @ weights["out"])
        return -jnp.mean(jnp.take_along_axis(logits, text[:, 1:, None], axis=-1))

    return descend(jax, loss), (weights, text)
