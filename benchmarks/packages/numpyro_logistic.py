"""NumPyro's NUTS on a logistic regression, 1000 x 20: 500 warm-up steps, 500 samples."""
# ruff: noqa: I001 - the clock starts before the imports that are timed

from timing import Phases, estimate

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
from numpyro import distributions as dist
from numpyro.infer import MCMC, NUTS

phases = Phases()
rng = np.random.default_rng(0)
X = rng.normal(size=(1000, 20)).astype("float32")
TRUE = rng.normal(size=20)
y = (rng.uniform(size=1000) < 1 / (1 + np.exp(-X @ TRUE))).astype("int32")


def regression(X, y):
    beta = numpyro.sample("beta", dist.Normal(jnp.zeros(20), 1.0).to_event(1))
    numpyro.sample("y", dist.Bernoulli(logits=X @ beta), obs=y)


chain = MCMC(NUTS(regression), num_warmup=500, num_samples=500, progress_bar=False)


def run():
    chain.run(jax.random.key(0), X, y)
    return jax.block_until_ready(chain.get_samples())


samples = phases.measure(run)
phases.print(**{f"beta{i}": estimate(samples["beta"][:, i]) for i in (0, 1, -1)})
