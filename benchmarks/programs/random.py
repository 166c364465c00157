"""A million random numbers of each common distribution, with NumPy's Generator beside."""

import numpy as np

from harness import Program

SIZE = 1_000_000
DISTRIBUTIONS = {
    "bits": (
        lambda random, key, n: random.bits(key, (n,), "uint32"),
        lambda rng, n: rng.integers(0, 1 << 32, n, "uint32"),
    ),
    "uniform": (lambda random, key, n: random.uniform(key, (n,)), lambda rng, n: rng.random(n)),
    "uniform float32": (
        lambda random, key, n: random.uniform(key, (n,), "float32"),
        lambda rng, n: rng.random(n, "float32"),
    ),
    "normal": (
        lambda random, key, n: random.normal(key, (n,)),
        lambda rng, n: rng.standard_normal(n),
    ),
    "normal float32": (
        lambda random, key, n: random.normal(key, (n,), "float32"),
        lambda rng, n: rng.standard_normal(n, "float32"),
    ),
    "exponential": (
        lambda random, key, n: random.exponential(key, (n,)),
        lambda rng, n: rng.standard_exponential(n),
    ),
    "gamma": (
        lambda random, key, n: random.gamma(key, 2.5, (n,)),
        lambda rng, n: rng.standard_gamma(2.5, n),
    ),
    "beta": (
        lambda random, key, n: random.beta(key, 2.0, 3.0, (n,)),
        lambda rng, n: rng.beta(2.0, 3.0, n),
    ),
    "poisson 3": (
        lambda random, key, n: random.poisson(key, 3.0, (n,)),
        lambda rng, n: rng.poisson(3.0, n),
    ),
    "poisson 30": (
        lambda random, key, n: random.poisson(key, 30.0, (n,)),
        lambda rng, n: rng.poisson(30.0, n),
    ),
    "binomial": (
        lambda random, key, n: random.binomial(key, 100, 0.3, (n,)),
        lambda rng, n: rng.binomial(100, 0.3, n),
    ),
    "categorical": (
        lambda random, key, n: random.categorical(key, np.log(np.arange(1.0, 9.0)), shape=(n,)),
        lambda rng, n: rng.choice(8, n, p=np.arange(1.0, 9.0) / 36),
    ),
    "permutation": (
        lambda random, key, n: random.permutation(key, n),
        lambda rng, n: rng.permutation(n),
    ),
}


def make(draw):
    def build(jax, jnp, lax):
        return jax.jit(lambda key: draw(jax.random, key, SIZE)), (jax.random.key(0),)

    return build


def rival(draw):
    def build():
        rng = np.random.default_rng(0)
        return lambda: draw(rng, SIZE)

    return build


ASKED = {"numpy": (None, 1.3)}
COMPILE_SECONDS = 0.2

PROGRAMS = [
    Program(name, make(ours), {"numpy": rival(numpys)}, differing=1e-4)
    for name, (ours, numpys) in DISTRIBUTIONS.items()
]
