"""Value and gradient of a tinygp likelihood, SHO + Matern-3/2 kernels, at argv[1] points."""
# ruff: noqa: I001 - the clock starts before the imports that are timed

import sys

from timing import Phases

import jax
import jax.numpy as jnp
import numpy as np
from tinygp import GaussianProcess
from tinygp.kernels import quasisep

jax.config.update("jax_enable_x64", True)
phases = Phases()
rng = np.random.default_rng(0)
N = int(sys.argv[1]) if len(sys.argv) > 1 else 300
t = np.sort(rng.uniform(0, N / 10, N))
y = np.sin(t) + 0.1 * rng.normal(size=N)
START = {"omega": 1.0, "quality": 2.0, "sigma": 1.0, "scale": 1.5, "sigma2": 0.3, "jitter": 0.1}


@jax.jit
@jax.value_and_grad
def likelihood(p):
    kernel = (quasisep.SHO(omega=p["omega"], quality=p["quality"], sigma=p["sigma"])
              + quasisep.Matern32(scale=p["scale"], sigma=p["sigma2"]))
    return GaussianProcess(kernel, t, diag=p["jitter"] ** 2).log_probability(y)


params = {k: jnp.asarray(v) for k, v in START.items()}
value, gradient = phases.measure(lambda: jax.block_until_ready(likelihood(params)), repeat=20)
phases.print(value=float(value), **{k: float(v) for k, v in gradient.items()})
