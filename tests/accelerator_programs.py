"""Whole programs that are compiled for accelerators: fits, samplers, steps of training.

All are in single precision. Those of packages written for JAX run with ingot under JAX's name, and
only where they are installed.
"""

import functools
import importlib
import importlib.util
import sys
from pathlib import Path

import numpy as np

import ingot
import ingot.numpy as jnp
from ingot.core.backend import CompileOptions
from ingot.sharding import NamedSharding, PartitionSpec as P

PACKAGES = [name for name in ("numpyro", "flax", "haiku") if importlib.util.find_spec(name)]
if PACKAGES:
    ingot.config.update("enable_x64", True)  # which the rows are written for
    import ingot.as_jax

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def sunspots():
    """The posterior of the example of the README, its mode, and a transition of its sampler."""
    sys.path.insert(0, str(EXAMPLES))
    return [importlib.import_module(f"sunspots.{name}")
            for name in ("data", "model", "hmc", "optimize")]


def fit():
    """Minimization of a Gaussian process' posterior by BFGS, from one start."""
    data, model, _, optimize = sunspots()
    record = data.load()
    years, values = np.float32(record.years), np.float32(record.values)
    return ingot.make_jaxpr(lambda theta: optimize.minimize(
        lambda t: -model.log_posterior(t, years, values), theta))(
            np.ones(model.SIZE_B, np.float32))


def sampler():
    """Hamiltonian Monte Carlo of four chains: warm-up and samples in one program."""
    _, _, hmc, _ = sunspots()
    return ingot.make_jaxpr(lambda key, starts: hmc.sample(
        lambda x: -0.5 * (x ** 2).sum(), key, starts, 10, 10))(
            ingot.random.key(0), np.zeros((4, 3), np.float32))


def nuts():
    """A transition of NumPyro's NUTS on a hierarchical model of eight schools."""
    import numpyro
    import numpyro.distributions as dist
    from numpyro.infer import NUTS

    def schools(sigma, y):
        mu, tau = numpyro.sample("mu", dist.Normal(0, 5)), numpyro.sample("tau", dist.HalfCauchy(5))
        with numpyro.plate("schools", 8):
            theta = numpyro.sample("theta", dist.Normal(mu, tau))
            numpyro.sample("y", dist.Normal(theta, sigma), obs=y)

    data = np.float32([15, 10, 16, 11, 9, 11, 10, 18]), np.float32([28, 8, -3, 7, -1, 1, 18, 12])
    kernel = NUTS(schools)
    state = kernel.init(ingot.random.PRNGKey(0), 5, None, data, {})
    return ingot.make_jaxpr(lambda s: kernel.sample(s, data, {}))(state)


def flax_step():
    """A step of Adam for a convolutional network of Flax."""
    import flax.linen as nn
    import optax

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.relu(nn.Conv(8, (3, 3))(x))
            x = nn.avg_pool(x, (2, 2), strides=(2, 2))
            return nn.Dense(10)(nn.LayerNorm()(x.reshape(x.shape[0], -1)))

    images, labels = np.zeros((8, 28, 28, 1), np.float32), np.zeros(8, np.int32)
    params = Net().init(ingot.random.PRNGKey(0), images)
    return trained(lambda p, x, y: optax.softmax_cross_entropy_with_integer_labels(
        Net().apply(p, x), y).mean(), params, images, labels)


def haiku_step():
    """A step of Adam for a recurrent network of Haiku."""
    import haiku as hk
    import optax

    def net(x):
        core = hk.LSTM(16)
        outs, _ = hk.dynamic_unroll(core, x, core.initial_state(x.shape[1]))
        return hk.Linear(4)(outs[-1])

    words, labels = np.zeros((12, 8, 5), np.float32), np.zeros(8, np.int32)
    run = hk.without_apply_rng(hk.transform(net))
    params = run.init(ingot.random.PRNGKey(0), words)
    return trained(lambda p, x, y: optax.softmax_cross_entropy_with_integer_labels(
        run.apply(p, x), y).mean(), params, words, labels)


def trained(loss, params, *batch):
    """The program of one step of Adam."""
    import optax

    adam = optax.adam(1e-3)

    def step(params, state, *batch):
        value, grads = ingot.value_and_grad(loss)(params, *batch)
        updates, state = adam.update(grads, state, params)
        return value, optax.apply_updates(params, updates), state

    return ingot.make_jaxpr(step)(params, adam.init(params), *batch)


def training_step(params, tokens):
    """One step of gradient descent of a small transformer."""

    def block(x, p):
        q, k, v = (jnp.einsum("bsd,dhk->bhsk", x, p[name]) for name in "qkv")
        scores = ingot.nn.softmax(jnp.einsum("bhsk,bhtk->bhst", q, k) / q.shape[-1] ** 0.5)
        x = x + jnp.einsum("bhst,bhtk,hkd->bsd", scores, v, p["o"])
        return x + ingot.nn.gelu(x @ p["up"]) @ p["down"]

    def loss(params):
        x = params["embedding"][tokens[:, :-1]]
        for p in params["blocks"]:
            x = block(x, p)
        logs = ingot.nn.log_softmax(x @ params["embedding"].T)
        return -jnp.take_along_axis(logs, tokens[:, 1:, None], -1).mean()

    value, grads = ingot.value_and_grad(loss)(params)
    return value, ingot.tree.map(lambda p, g: p - 0.1 * g, params, grads)


LAYOUTS = {
    "data": ({}, P(("x", "y"))),
    "tensor": ({"q": P(None, "y"), "k": P(None, "y"), "v": P(None, "y"), "o": P("y"),
                "up": P(None, "y"), "down": P("y")}, P("x")),
    "fully sharded": (dict.fromkeys(("q", "k", "v", "up", "embedding"), P(("x", "y")))
                      | {"o": P("y", None, "x"), "down": P(("x", "y"))}, P(("x", "y")))}
"""Where weights and batch lie on the mesh in each kind of parallelism."""


def transformer(mesh, kind):
    """The step over a mesh, in one kind of parallelism."""
    d, heads, size, words = 64, 4, 16, 128
    specs, batch = LAYOUTS[kind]
    shapes = {"q": (d, heads, size), "k": (d, heads, size), "v": (d, heads, size),
              "o": (heads, size, d), "up": (d, 4 * d), "down": (4 * d, d)}
    block = {n: np.zeros(s, np.float32) for n, s in shapes.items()}
    where = {n: specs.get(n, P()) for n in shapes}
    params = {"blocks": [block, block], "embedding": np.zeros((words, d), np.float32)}
    places = {"blocks": [where, where], "embedding": specs.get("embedding", P())}
    tokens = np.zeros((8, 17), np.int32)
    leaves = ingot.tree.leaves(places, is_leaf=lambda x: isinstance(x, P))
    ins = [NamedSharding(mesh, s) for s in [*leaves, batch]]
    return ingot.make_jaxpr(training_step)(params, tokens), CompileOptions(in_shardings=tuple(ins))


def single(make):
    """The same in single precision."""
    def made():
        with ingot.config.override("enable_x64", False):
            return make()
    return made


def programs(mesh):
    """(name, dtype, program) of all that can be made here."""
    found = {"Gaussian process fit": fit, "Hamiltonian Monte Carlo": sampler}
    for kind in LAYOUTS:
        found[f"transformer step, {kind} parallel over 2 x 2"] = functools.partial(
            transformer, mesh, kind)
    steps = {"numpyro": nuts, "flax": flax_step, "haiku": haiku_step}
    found |= {f"{package}: {steps[package].__name__}": steps[package] for package in PACKAGES}
    return [(name, "whole programs", single(make)) for name, make in found.items()]
