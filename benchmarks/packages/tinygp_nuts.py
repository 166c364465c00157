"""NumPyro's NUTS on a tinygp quasiseparable SHO likelihood of 300 points, 300 + 300 draws."""
# ruff: noqa: I001 - the clock starts before the imports that are timed

from timing import Phases, estimate

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.infer import MCMC, NUTS
from tinygp import GaussianProcess
from tinygp.kernels import quasisep

jax.config.update("jax_enable_x64", True)
phases = Phases()
rng = np.random.default_rng(0)
t = np.sort(rng.uniform(0, 30, 300))
y = np.sin(t) + 0.1 * rng.normal(size=300)


def model(t, y):
    omega = jnp.exp(numpyro.sample("log_omega", dist.Normal(0.0, 1.0)))
    quality = jnp.exp(numpyro.sample("log_quality", dist.Normal(1.0, 1.0)))
    sigma = jnp.exp(numpyro.sample("log_sigma", dist.Normal(0.0, 1.0)))
    jitter = jnp.exp(numpyro.sample("log_jitter", dist.Normal(-2.0, 1.0)))
    kernel = quasisep.SHO(omega=omega, quality=quality, sigma=sigma)
    gp = GaussianProcess(kernel, t, diag=jitter**2)
    numpyro.sample("y", gp.numpyro_dist(), obs=y)


def sample():
    mcmc = MCMC(NUTS(model), num_warmup=300, num_samples=300, progress_bar=False)
    mcmc.run(jax.random.PRNGKey(0), t, y)
    return mcmc.get_samples()


samples = phases.measure(sample, repeat=1)
phases.print(**{k: estimate(v) for k, v in samples.items()})
