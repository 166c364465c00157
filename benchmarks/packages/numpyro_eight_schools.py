"""NumPyro's NUTS on the eight schools, not centred: 1000 warm-up steps, 1000 samples."""
# ruff: noqa: I001 - the clock starts before the imports that are timed

from timing import Phases, estimate

import jax
import numpy as np
import numpyro
from numpyro import distributions as dist
from numpyro.infer import MCMC, NUTS

phases = Phases()
EFFECTS = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
ERRORS = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])


def schools(errors, effects):
    mu = numpyro.sample("mu", dist.Normal(0, 5))
    tau = numpyro.sample("tau", dist.HalfCauchy(5))
    with numpyro.plate("schools", len(ERRORS)):
        base = numpyro.sample("base", dist.Normal(0, 1))
        numpyro.sample("effect", dist.Normal(mu + tau * base, errors), obs=effects)


chain = MCMC(NUTS(schools), num_warmup=1000, num_samples=1000, progress_bar=False)


def run():
    chain.run(jax.random.key(0), ERRORS, EFFECTS)
    return jax.block_until_ready(chain.get_samples())


samples = phases.measure(run)
phases.print(mu=estimate(samples["mu"]), tau=estimate(samples["tau"]))
