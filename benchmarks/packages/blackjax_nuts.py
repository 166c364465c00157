"""blackjax: NUTS after window adaptation, for a regression of 200 points on 5 predictors."""
# ruff: noqa: I001 - the clock starts before the imports that are timed

from timing import Phases, estimate

import blackjax
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy import stats

phases = Phases()
rng = np.random.default_rng(0)
X = rng.normal(size=(200, 5)).astype(np.float32)
y = (X @ np.array([1.0, -0.5, 0.0, 2.0, 0.3]) + 0.5 * rng.normal(size=200)).astype(np.float32)


def logdensity(p):
    scale = jnp.exp(p["log_scale"])
    prior = stats.norm.logpdf(p["w"]).sum() + stats.norm.logpdf(p["log_scale"])
    return prior + stats.norm.logpdf(y, X @ p["w"], scale).sum()


def sample(key):
    warmup_key, sample_key = jax.random.split(key)
    start = {"w": jnp.zeros(5), "log_scale": jnp.zeros(())}
    warmup = blackjax.window_adaptation(blackjax.nuts, logdensity)
    (state, tuned), _ = warmup.run(warmup_key, start, 1000)
    step = blackjax.nuts(logdensity, **tuned).step

    def body(state, key):
        state, info = step(key, state)
        return state, (state.position, info.num_integration_steps)

    return jax.lax.scan(body, state, jax.random.split(sample_key, 1000))[1]


positions, steps = phases.measure(lambda: jax.block_until_ready(sample(jax.random.key(0))))
weights = {f"w{i}": estimate(positions["w"][:, i]) for i in range(5)}
phases.print(**weights, log_scale=estimate(positions["log_scale"]), steps=estimate(steps))
