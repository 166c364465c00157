"""A Gaussian process with tinygp, dense and quasiseparable: log-likelihoods and gradients."""

import jax
import jax.numpy as jnp
from tinygp import GaussianProcess, kernels

jax.config.update("jax_enable_x64", True)
t = jnp.sort(jax.random.uniform(jax.random.key(1), (40,), maxval=10.0))
y = jnp.sin(t) + 0.1 * jnp.cos(5 * t)
families = {
    "dense": lambda p: p[0] ** 2 * kernels.Matern32(jnp.exp(p[1])),
    "quasisep": lambda p: kernels.quasisep.SHO(sigma=p[0], omega=jnp.exp(p[1]), quality=2.0),
}
for kernel in families.values():
    def loss(p, kernel=kernel):
        return -GaussianProcess(kernel(p), t, diag=0.01).log_probability(y)

    value, gradient = jax.jit(jax.value_and_grad(loss))(jnp.array([1.0, 0.3]))
    print(float(value), *map(float, gradient))
