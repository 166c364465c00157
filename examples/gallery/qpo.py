"""A quasi-periodic oscillation, weighed against red noise by nested sampling

Light that wavers at random shows bumps that look periodic. Nested sampling computes how probable
the data are under red noise with and without an oscillation, and at which frequency it is.

After the tutorial of Stingray (Huebner et al. 2022) on Gaussian processes. The kernels, of a lag
t:

    red noise: a exp(-c t),    with oscillation: a exp(-c t) + b exp(-d t) cos(2 pi f t)

A Kalman filter gives the likelihood L of n points in n steps. The evidence is the mean of L over
the prior. Nested sampling (Skilling 2006) keeps `LIVE` points of the prior; it replaces the worst
by points drawn from the prior above the worst L, by random walks that begin at survivors. When k
points live, removing one leaves exp(-1/k) of the prior's volume.
"""

from functools import partial
from pathlib import Path

import numpy as np

import ingot
import ingot.numpy as jnp
from ingot import lax, random
from ingot.scipy.special import logsumexp

HERE = Path(__file__).resolve().parent
TIMES = np.arange(256) / 256  # seconds
ERROR = 0.3
TRUTH = np.log([1.0, 3.0, 0.1, 2.0, 20.0])  # a, c, b, d, f
# The priors of the logarithms are even between these.
LOW, HIGH = np.log([[0.05, 0.5, 0.05, 0.5, 4.0], [20.0, 60.0, 20.0, 60.0, 100.0]])
LIVE, REMOVED, WALK = 300, 20, 25  # points, how many are replaced at once, steps of a walk


def log_likelihood(theta, flux):
    """By a Kalman filter of three states: red noise, and an oscillation that turns in a plane."""
    a, c, b, d, f = jnp.exp(theta)
    h = TIMES[1]
    turn, red, fade = 2 * jnp.pi * f * h, jnp.exp(-c * h), jnp.exp(-d * h)
    cos, sin = fade * jnp.cos(turn), fade * jnp.sin(turn)
    step = jnp.array([[red, 0, 0], [0, cos, -sin], [0, sin, cos]])
    stationary = jnp.array([a, b, b])
    grown = jnp.diag(stationary * (1 - jnp.stack([red, fade, fade]) ** 2))

    def body(state, y):
        mean, cov = state
        seen = cov[:, 0] + cov[:, 1]
        variance = seen[0] + seen[1] + ERROR**2
        miss = y - mean[0] - mean[1]
        mean, cov = mean + seen * (miss / variance), cov - jnp.outer(seen, seen / variance)
        return (step @ mean, step @ cov @ step.T + grown), jnp.log(variance) + miss**2 / variance

    _, terms = lax.scan(body, (jnp.zeros(3), jnp.diag(stationary)), flux)
    return -0.5 * jnp.sum(terms) - 0.5 * len(TIMES) * jnp.log(2 * jnp.pi)


def parameters(u):
    """Logarithms from five numbers between 0 and 1, or from two: then b is 0."""
    theta = LOW[:len(u)] + (HIGH - LOW)[:len(u)] * u
    return theta if len(u) == 5 else jnp.append(theta, jnp.array([-jnp.inf, 0.0, 0.0]))


@partial(ingot.jit, static_argnums=(1, 2, 3))
def nested_sampling(key, log_density, dimensions, rounds):
    """Log evidence, points [n, dimensions] with log weights, and the largest weight alive."""
    def walk(key, u, value, floor, factor):
        """Steps inside the unit cube that never go below the floor; the part that was taken."""
        def step(state, key):
            new = state[0] + factor @ random.normal(key, u.shape)
            new_value = log_density(jnp.clip(new, 0.0, 1.0))
            taken = jnp.all((new > 0) & (new < 1)) & (new_value > floor)
            return lax.cond(taken, lambda: (new, new_value), lambda: state), taken

        state, taken = lax.scan(step, (u, value), random.split(key, WALK))
        return *state, jnp.mean(taken)

    def replace(state, key):
        live, values, scale = state
        order = jnp.argsort(values)
        live, values = live[order], values[order]
        key_choice, seeds = random.split(key)
        chosen = random.randint(key_choice, (REMOVED,), REMOVED, LIVE)
        factor = scale * jnp.linalg.cholesky(jnp.cov(live.T) + 1e-12 * jnp.eye(dimensions))
        new, new_values, taken = ingot.vmap(walk, (0, 0, 0, None, None))(
            random.split(seeds, REMOVED), live[chosen], values[chosen], values[REMOVED - 1], factor)
        scale = scale * jnp.exp(jnp.mean(taken) - 0.3)  # so that three steps of ten are taken
        state = jnp.concatenate([new, live[REMOVED:]]), jnp.append(new_values, values[REMOVED:])
        return (*state, scale), (live[:REMOVED], values[:REMOVED])

    key_start, key_run = random.split(key)
    live = random.uniform(key_start, (LIVE, dimensions))
    start = live, ingot.vmap(log_density)(live), 1.0
    (live, values, _), dead = lax.scan(replace, start, random.split(key_run, rounds))
    # The volume shrinks by exp(-1/k) as the k-th last of a round goes.
    shrink = np.tile(1 / np.arange(LIVE, LIVE - REMOVED, -1), rounds)
    log_volume = -np.cumsum(shrink)
    log_widths = log_volume + np.log(np.expm1(shrink))
    points = jnp.concatenate([dead[0].reshape(-1, dimensions), live])
    last = log_volume[-1] - np.log(LIVE) + values
    weights = jnp.append(log_widths + dead[1].ravel(), last)
    log_evidence = logsumexp(weights)
    return log_evidence, points, weights - log_evidence, jnp.max(last - log_evidence)


@ingot.jit
def simulate(key):
    """A light curve with an oscillation, from the covariance of its points."""
    (a, c, b, d, f), lag = np.exp(TRUTH), np.abs(TIMES[:, None] - TIMES)
    kernel = a * np.exp(-c * lag) + b * np.exp(-d * lag) * np.cos(2 * np.pi * f * lag)
    return np.linalg.cholesky(kernel + ERROR**2 * np.eye(256)) @ random.normal(key, (256,))


def run(rounds=250):
    """The logarithm of Bayes' factor for the oscillation, and the posterior of ln f."""
    key_data, key_red, key_both = random.split(random.key(20), 3)
    flux = simulate(key_data)
    density = lambda u: log_likelihood(parameters(u), flux)
    red = nested_sampling(key_red, density, 2, rounds)[0]
    both, points, weights, alive = nested_sampling(key_both, density, 5, rounds)
    log_f, weights = LOW[4] + (HIGH - LOW)[4] * points[:, 4], jnp.exp(weights)
    mean = jnp.sum(weights * log_f)
    return {"flux": np.asarray(flux),
            "log_bayes": float(both - red),
            "log_f": np.asarray(log_f), "weights": np.asarray(weights), "mean": float(mean),
            "deviation": np.sqrt(np.sum(weights * (log_f - mean) ** 2)), "alive": float(alive)}


def draw(found):
    """The light curve and the posterior of the frequency."""
    import matplotlib.pyplot as plt

    plt.style.use(HERE / "gallery.mplstyle")
    figure, (left, right) = plt.subplots(1, 2, width_ratios=(1.6, 1))
    left.errorbar(TIMES, found["flux"], ERROR, fmt=".", ms=3, lw=0.5)
    left.set(xlabel="time (s)", ylabel="flux with errors (arbitrary units)",
             title=f"Log Bayes factor for an oscillation: {found['log_bayes']:.1f}")
    right.hist(found["log_f"], bins=60, range=(2.85, 3.15), weights=found["weights"], density=True)
    right.axvline(TRUTH[4], color="C1", label="truth, ln 20")
    right.set(xlabel="ln(frequency / Hz)", ylabel="posterior density",
              title=f"ln f = {found['mean']:.3f} ± {found['deviation']:.3f}")
    right.legend()
    return figure


if __name__ == "__main__":
    found = run()
    print(f"log Bayes factor {found['log_bayes']:.2f}, ln f {found['mean']:.3f}, truth 2.996")
    draw(found).savefig("qpo.png")
