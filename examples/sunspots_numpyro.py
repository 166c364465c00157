"""The quasi-periodic model of the sunspot record in NumPyro and tinygp, sampled with NUTS.

The model and its priors are those of `sunspots/model.py`, model B. The script knows nothing of
ingot: `python -m ingot examples/sunspots_numpyro.py` runs it on ingot, `python` on JAX. It prints
the posterior and the seconds that it took, and exits with 1 if the chains disagree.
"""

import math
import sys
import time

BEGIN = time.perf_counter()

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpyro  # noqa: E402
from numpyro import distributions as dist  # noqa: E402
from numpyro.diagnostics import summary  # noqa: E402
from numpyro.infer import MCMC, NUTS, init_to_value  # noqa: E402
from sunspots import data  # noqa: E402
from tinygp import GaussianProcess  # noqa: E402
from tinygp.kernels import quasisep  # noqa: E402

CHAINS, WARMUP, DRAWS = 4, 500, 1000
WORST_RHAT = 1.05
LOG_NORMAL = {"red_sd": (2.0, 1.0), "red_time": (10.0, 1.5), "white_sd": (0.5, 1.0),
              "cycle_sd": (2.0, 1.0), "quality": (5.0, 1.5)}  # median, width of the logarithm
PERIOD_RANGE = (2.0, 100.0)
START = {**{name: median for name, (median, _) in LOG_NORMAL.items()}, "period": 11.0}


def sunspots(years, values):
    p = {name: numpyro.sample(name, dist.LogNormal(math.log(median), width))
         for name, (median, width) in LOG_NORMAL.items()}
    p["period"] = numpyro.sample("period", dist.LogUniform(*PERIOD_RANGE))
    kernel = (quasisep.Exp(scale=p["red_time"], sigma=p["red_sd"])
              + quasisep.Celerite(p["cycle_sd"] ** 2, 0.0, jnp.pi / (p["quality"] * p["period"]),
                                  2 * jnp.pi / p["period"]))
    process = GaussianProcess(kernel, years, diag=p["white_sd"] ** 2)
    numpyro.sample("values", process.numpyro_dist(), obs=values)


def main():
    jax.config.update("jax_enable_x64", True)
    record = data.load()
    kernel = NUTS(sunspots, init_strategy=init_to_value(values=START))
    chains = MCMC(kernel, num_warmup=WARMUP, num_samples=DRAWS, num_chains=CHAINS,
                  chain_method="vectorized", progress_bar=False)
    imported = time.perf_counter()
    chains.run(jax.random.key(0), record.years, record.values)
    chains.print_summary()
    end = time.perf_counter()
    print(f"imports {imported - BEGIN:.1f} s, sampling with compilation {end - imported:.1f} s")
    found = summary(chains.get_samples(group_by_chain=True))
    return int(not all(row["r_hat"] < WORST_RHAT for row in found.values()))


if __name__ == "__main__":
    sys.exit(main())
