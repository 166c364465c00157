"""What networks and optimizers do over and over: several results or sums from the same arrays."""

import numpy as np

from harness import Program
from programs.bandwidth import adam

SIZES = {"L2": 1 << 16, "memory": 1 << 22}
COLUMNS = 256


def layer_norm(jnp, x, scale, shift):
    x = x - jnp.mean(x, -1, keepdims=True)
    return x / jnp.sqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-5) * scale + shift


def layer_norm_gradient(jax, x, scale, shift, t):
    def loss(x, scale, shift):
        return jax.numpy.sum(layer_norm(jax.numpy, x, scale, shift) * t)

    return jax.value_and_grad(loss, (0, 1, 2))(x, scale, shift)


def cross_entropy_gradient(jax, logits, labels):
    def loss(logits):
        return -jax.numpy.mean(jax.numpy.sum(labels * jax.nn.log_softmax(logits), -1))

    return jax.value_and_grad(loss)(logits)


def gelu_gradient(jax, x, t):
    return jax.value_and_grad(lambda x: jax.numpy.sum(jax.nn.gelu(x) * t))(x)


def tanh_layer(jax, x, w):
    y, pull = jax.vjp(lambda x, w: jax.numpy.tanh(x * w), x, w)
    return y, *pull(y)


def standardize(jax, x):
    return (x - x.mean(0)) / (x.std(0) + 1e-6)


PATTERNS = {  # function of jax and arrays, and what these are
    "Adam": (lambda jax, *xs: adam(jax.numpy, *xs), "vvvv"),
    "layer norm": (lambda jax, *xs: layer_norm(jax.numpy, *xs), "mrr"),
    "layer norm, gradient": (layer_norm_gradient, "mrrm"),
    "softmax": (lambda jax, x: jax.nn.softmax(x), "m"),
    "cross-entropy, gradient": (cross_entropy_gradient, "mm"),
    "gelu, gradient": (gelu_gradient, "vv"),
    "tanh and its pullback": (tanh_layer, "vv"),
    "mean and var": (lambda jax, x: (x.mean(), x.var()), "v"),
    "two moments": (lambda jax, x: (x.mean(), (x * x).mean()), "v"),
    "standardization": (standardize, "m"),
}


def make(run, kinds, dtype, size):
    shapes = {"v": (size,), "m": (size // COLUMNS, COLUMNS), "r": (COLUMNS,)}

    def build(jax, jnp, lax):
        rng = np.random.default_rng(0)
        arrays = [jnp.asarray(rng.uniform(0.5, 2, shapes[k]).astype(dtype)) for k in kinds]
        return jax.jit(lambda *xs: run(jax, *xs)), tuple(arrays)

    return build


ASKED = {"jax": (0.6, 1.1)}

PROGRAMS = [
    Program(f"{name}, {dtype}, {level}", make(run, kinds, dtype, size))
    for name, (run, kinds) in PATTERNS.items()
    for dtype in ("float32", "float64")
    for level, size in SIZES.items()
]
