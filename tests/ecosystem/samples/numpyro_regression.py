"""A regression with NumPyro: SVI, NUTS, predictions, and the numbers of the summary's table."""

import contextlib
import io
import re

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from numpyro.infer import MCMC, NUTS, SVI, Predictive, Trace_ELBO
from numpyro.infer.autoguide import AutoNormal

jax.config.update("jax_enable_x64", True)
x = jnp.linspace(-1.0, 1.0, 20)
y = 0.5 + 2.0 * x + 0.3 * jnp.sin(7.0 * x)


def model(x, y=None):
    a = numpyro.sample("a", dist.Normal(0.0, 2.0))
    b = numpyro.sample("b", dist.StudentT(5.0, 0.0, 2.0))
    scale = numpyro.sample("scale", dist.HalfNormal(1.0))
    with numpyro.plate("points", len(x)):
        numpyro.sample("y", dist.Normal(a + b * x, scale), obs=y)


guide = AutoNormal(model)
svi = SVI(model, guide, numpyro.optim.Adam(0.05), Trace_ELBO(num_particles=2))
result = svi.run(jax.random.key(0), 200, x, y, progress_bar=False)
print(*map(float, result.losses[::50]), *map(float, guide.median(result.params).values()))

posterior = guide.sample_posterior(jax.random.key(1), result.params, sample_shape=(50,))
predicted = Predictive(model, posterior)(jax.random.key(2), x[:3])["y"]
print(predicted.shape[0], *map(float, predicted.mean(0)), *map(float, predicted[7]))

# A few draws: after many, chains that differ in the last bit differ in the first.
mcmc = MCMC(NUTS(model, step_size=0.05, adapt_step_size=False, adapt_mass_matrix=False,
                 max_tree_depth=3), num_warmup=0, num_samples=8, num_chains=2,
            chain_method="vectorized", progress_bar=False)
mcmc.run(jax.random.key(3), x, y)
print(*map(float, mcmc.get_samples()["b"]))
table = io.StringIO()
with contextlib.redirect_stdout(table):
    mcmc.print_summary()
print(*re.findall(r"(?<= )-?\d+\.\d+", table.getvalue()))
