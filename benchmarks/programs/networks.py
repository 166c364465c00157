"""Training of networks: recurrent cells, perceptrons with SGD and Adam, attention, norms, tables.

Each program is one value with its gradients, or some steps of training, in float32 and float64;
PyTorch beside, by hand.
"""

import functools

import numpy as np
from models import torch_networks

from harness import Program

DTYPES = ("float32", "float64")


def normal(dtype, seed, *shape):
    """Numbers of about the size of weights."""
    drawn = np.random.default_rng(seed).normal(size=shape)
    return (drawn / np.sqrt(shape[0])).astype(dtype)


# ---- recurrent cells ----


def recurrent_data(kind, batch, inputs, hidden, length, dtype):
    """Weights {input, state, bias}, inputs [length, batch, inputs] and targets [batch, hidden]."""
    gates = {"lstm": 4, "gru": 3}[kind] * hidden
    weights = {
        "input": normal(dtype, 1, inputs, gates),
        "state": normal(dtype, 2, hidden, gates),
        "bias": normal(dtype, 3, gates),
    }
    x = np.random.default_rng(4).normal(size=(length, batch, inputs)).astype(dtype)
    return weights, x, normal(dtype, 5, batch, hidden)


def recurrent(kind, joined, *sizes):
    """Value and gradient of the loss of a sequence's last state.

    `joined`: the input is put beside the state, and both are multiplied by one matrix, as many
    write an LSTM.
    """

    def build(jax, jnp, lax):
        weights, x, target = recurrent_data(kind, *sizes)
        if joined:
            weights = {
                "matrix": np.concatenate([weights["input"], weights["state"]]),
                "bias": weights["bias"],
            }

        def lstm(weights, state, x):
            h, c = state
            if joined:
                gates = jnp.concatenate([x, h], axis=1) @ weights["matrix"] + weights["bias"]
            else:
                gates = x @ weights["input"] + h @ weights["state"] + weights["bias"]
            i, f, g, o = jnp.split(gates, 4, axis=1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            return jax.nn.sigmoid(o) * jnp.tanh(c), c

        def gru(weights, state, x):
            (h,) = state
            r, z, n = jnp.split(x @ weights["input"] + weights["bias"], 3, axis=1)
            hr, hz, hn = jnp.split(h @ weights["state"], 3, axis=1)
            r, z = jax.nn.sigmoid(r + hr), jax.nn.sigmoid(z + hz)
            return ((1 - z) * jnp.tanh(n + r * hn) + z * h,)

        cell = {"lstm": lstm, "gru": gru}[kind]

        def loss(weights, x, target):
            zeros = jnp.zeros(target.shape, target.dtype)
            state = (zeros,) * (2 if kind == "lstm" else 1)
            state, _ = lax.scan(lambda s, x: (cell(weights, s, x), None), state, x)
            return jnp.mean((state[0] - target) ** 2)

        step = jax.jit(jax.value_and_grad(loss))
        return step, jax.tree_util.tree_map(jnp.asarray, (weights, x, target))

    return build


# ---- perceptrons ----


def dense_data(sizes, batch, dtype):
    """[(matrix, bias)] of layers, inputs and targets."""
    weights = [
        (normal(dtype, k, n, m), np.zeros(m, dtype))
        for k, (n, m) in enumerate(zip(sizes[:-1], sizes[1:], strict=True))
    ]
    rng = np.random.default_rng(99)
    x, y = rng.normal(size=(batch, sizes[0])), rng.normal(size=(batch, sizes[-1]))
    return weights, x.astype(dtype), y.astype(dtype)


def training(optimizer, loop, steps, sizes, batch, dtype):
    """Steps of training a perceptron; `loop`: "scan", "fori", or "once" for one step a call."""

    def build(jax, jnp, lax):
        tree_map = jax.tree_util.tree_map
        weights, x, y = tree_map(jnp.asarray, dense_data(sizes, batch, dtype))

        def loss(weights):
            z = x
            for matrix, bias in weights[:-1]:
                z = jnp.tanh(z @ matrix + bias)
            matrix, bias = weights[-1]
            return jnp.mean((z @ matrix + bias - y) ** 2)

        def sgd(state):
            value, slopes = jax.value_and_grad(loss)(state[0])
            return (tree_map(lambda w, g: w - 1e-3 * g, state[0], slopes),), value

        def adam(state):
            weights, first, second, count = state
            value, slopes = jax.value_and_grad(loss)(weights)
            count = count + 1
            first = tree_map(lambda m, g: 0.9 * m + 0.1 * g, first, slopes)
            second = tree_map(lambda v, g: 0.999 * v + 0.001 * g * g, second, slopes)
            near, far = 1 - 0.9**count, 1 - 0.999**count
            weights = tree_map(
                lambda w, m, v: w - 1e-3 * (m / near) / (jnp.sqrt(v / far) + 1e-8),
                weights, first, second)
            return (weights, first, second, count), value

        step = {"sgd": sgd, "adam": adam}[optimizer]
        zeros = tree_map(jnp.zeros_like, weights)
        state = (weights,) if optimizer == "sgd" else (weights, zeros, zeros,
                                                       jnp.zeros((), dtype))
        if loop == "once":
            return jax.jit(step), (state,)
        if loop == "scan":
            return jax.jit(lambda state: lax.scan(
                lambda state, _: step(state), state, None, length=steps)), (state,)
        return jax.jit(lambda state: lax.fori_loop(
            0, steps, lambda _, state: step(state)[0], state)), (state,)

    return build


# ---- transformers, norms, tables ----


def block_data(batch, length, width, dtype):
    """Weights of a block, and its input."""
    weights = {
        "qkv": normal(dtype, 1, width, 3 * width), "mix": normal(dtype, 2, width, width),
        "up": normal(dtype, 3, width, 4 * width), "down": normal(dtype, 4, 4 * width, width),
        "scale": np.ones((2, width), dtype), "shift": np.zeros((2, width), dtype),
        "lift": np.zeros(4 * width, dtype),
    }
    x = np.random.default_rng(5).normal(size=(batch, length, width)).astype(dtype)
    return weights, x


def transformer(heads, *sizes):
    """Value and gradient of a block of attention and perceptron, with layer norms and gelu."""

    def build(jax, jnp, lax):
        weights, x = jax.tree_util.tree_map(jnp.asarray, block_data(*sizes))

        def norm(weights, k, x):
            mean = jnp.mean(x, axis=-1, keepdims=True)
            spread = jnp.mean((x - mean) ** 2, axis=-1, keepdims=True)
            return ((x - mean) / jnp.sqrt(spread + 1e-5) * weights["scale"][k]
                    + weights["shift"][k])

        def attend(weights, x):
            batch, length, width = x.shape
            q, k, v = (part.reshape(batch, length, heads, -1)
                       for part in jnp.split(x @ weights["qkv"], 3, axis=-1))
            scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) / float(np.sqrt(width / heads))
            causal = jnp.tril(jnp.ones((length, length), bool))
            scores = jax.nn.softmax(jnp.where(causal, scores, -1e9), axis=-1)
            mixed = jnp.einsum("bhqk,bkhd->bqhd", scores, v)
            return mixed.reshape(x.shape) @ weights["mix"]

        def loss(weights, x):
            y = x + attend(weights, norm(weights, 0, x))
            up = jax.nn.gelu(norm(weights, 1, y) @ weights["up"] + weights["lift"])
            return jnp.mean((y + up @ weights["down"]) ** 2)

        return jax.jit(jax.value_and_grad(loss, (0, 1))), (weights, x)

    return build


def batch_norm(rows, width, dtype):
    """Value and gradient of a layer with batch norm and relu."""

    def build(jax, jnp, lax):
        matrix, x = jnp.asarray(normal(dtype, 1, width, width)), jnp.asarray(
            normal(dtype, 2, rows, width))
        scale, shift = jnp.ones(width, dtype), jnp.zeros(width, dtype)

        def loss(matrix, scale, shift, x):
            y = x @ matrix
            mean = jnp.mean(y, axis=0)
            spread = jnp.mean((y - mean) ** 2, axis=0)
            y = jax.nn.relu((y - mean) / jnp.sqrt(spread + 1e-5) * scale + shift)
            return jnp.mean(y * y)

        return jax.jit(jax.value_and_grad(loss, (0, 1, 2, 3))), (matrix, scale, shift, x)

    return build


def embedding(words, width, count, dtype):
    """Value and gradient of a table of vectors of which some are looked up."""

    def build(jax, jnp, lax):
        table = jnp.asarray(normal(dtype, 1, words, width))
        places = jnp.asarray(np.random.default_rng(2).integers(0, words, count))

        def loss(table, places):
            return jnp.mean(jnp.tanh(table[places]) ** 2)

        return jax.jit(jax.value_and_grad(loss)), (table, places)

    return build


# ---- the list ----

CELLS = (  # batch, inputs, hidden, length
    (1, 8, 16, 100), (1, 16, 64, 500), (16, 10, 64, 50), (16, 32, 128, 100), (32, 64, 128, 100),
    (64, 32, 256, 20), (128, 64, 512, 20),
)
PERCEPTRONS = (((8, 32, 1), 64), ((64, 256, 256, 10), 128), ((784, 512, 512, 10), 128))
BLOCKS = ((4, 8, 32, 64), (8, 4, 128, 256))  # heads, batch, length, width


def _row(name, build, rival, dtype):
    narrow = dtype == "float32"
    return Program(f"{name}, {dtype}", build, {"torch": rival}, differing=1e-3 if narrow else 0.0)


def rows(dtype):
    """All programs in a dtype."""
    rival = functools.partial
    for sizes in CELLS:
        name, data = "x".join(map(str, sizes)), (*sizes, dtype)
        for kind in ("lstm", "gru"):
            yield _row(f"{kind} {name}", recurrent(kind, False, *data), rival(
                torch_networks.recurrent, kind, recurrent_data(kind, *data)), dtype)
    for sizes in CELLS[2:5]:
        name, data = "x".join(map(str, sizes)), (*sizes, dtype)
        yield _row(f"lstm {name}, joined", recurrent("lstm", True, *data), rival(
            torch_networks.recurrent, "lstm", recurrent_data("lstm", *data)), dtype)
    for sizes, batch in PERCEPTRONS:
        name = f"{'-'.join(map(str, sizes))}, batch {batch}"
        for optimizer, loop, steps in (("sgd", "once", 1), ("sgd", "scan", 20), ("adam", "once", 1),
                                       ("adam", "scan", 20), ("adam", "fori", 20)):
            if loop == "fori" and sizes != PERCEPTRONS[1][0]:
                continue
            yield _row(f"{optimizer} {loop} {steps} {name}",
                       training(optimizer, loop, steps, sizes, batch, dtype), rival(
                           torch_networks.training, optimizer, steps,
                           dense_data(sizes, batch, dtype)), dtype)
    for heads, *sizes in BLOCKS:
        yield _row(f"transformer {'x'.join(map(str, sizes))}, {heads} heads",
                   transformer(heads, *sizes, dtype), rival(
                       torch_networks.transformer, heads, block_data(*sizes, dtype)), dtype)
    for count, width in ((256, 128), (4096, 256)):
        yield _row(f"batch norm {count}x{width}", batch_norm(count, width, dtype), rival(
            torch_networks.batch_norm, normal(dtype, 1, width, width),
            normal(dtype, 2, count, width)), dtype)
    for words, width, count in ((1000, 64, 512), (30_000, 128, 4096)):
        yield _row(f"embedding {words}x{width}, {count}", embedding(words, width, count, dtype),
                   rival(torch_networks.embedding, normal(dtype, 1, words, width), count), dtype)


ASKED = {"jax": (None, 1.0), "torch": (None, 1.0)}

PROGRAMS = [program for dtype in DTYPES for program in rows(dtype)]
