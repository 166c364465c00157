"""Eight schools by Hamiltonian Monte Carlo

The effect of coaching in eight schools, each measured with a large error: how much do the schools
tell of each other? A sampler of thirty lines draws from the posterior, and the exact density of
the spread confirms it.

The model (Rubin 1981; Gelman et al., Bayesian Data Analysis, section 5.5), with effects y and
errors s:

    y[j] ~ N(theta[j], s[j]),    theta[j] = mu + tau eta[j],    eta[j] ~ N(0, 1)
    mu ~ N(0, 5),    tau ~ half-Cauchy(5)

Written with eta, the parameters are nearly independent, and the sampler never meets the funnel
that theta and tau form. Given tau, everything is normal, so that its density is known but for a
factor:

    p(tau | y) ~ p(tau) N(y | 0, diag(s^2 + tau^2) + 25)
"""

from functools import partial
from pathlib import Path

import numpy as np

import ingot
import ingot.numpy as jnp
from ingot import lax, random
from ingot.scipy.stats import cauchy, multivariate_normal, norm

HERE = Path(__file__).resolve().parent
EFFECTS = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
ERRORS = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
WIDTH = 5.0  # of the priors of mu and tau
STEP, LEAPS = 0.4, 12


def constrain(z):
    """mu, tau and theta from ten unconstrained numbers."""
    mu, tau = WIDTH * z[0], jnp.exp(z[1])
    return mu, tau, mu + tau * z[2:]


def log_density(z):
    """Log posterior density of the unconstrained numbers, but for a constant."""
    _, tau, theta = constrain(z)
    prior = norm.logpdf(z[0]) + jnp.sum(norm.logpdf(z[2:]))
    prior += cauchy.logpdf(tau, 0, WIDTH) + z[1]  # z[1] is the log of d tau / d log tau
    return prior + jnp.sum(norm.logpdf(EFFECTS, theta, ERRORS))


def transition(state, key):
    """One step of Hamiltonian Monte Carlo: a leapfrog path, accepted by Metropolis' rule."""
    z, value, gradient = state
    key_momentum, key_length, key_accept = random.split(key, 3)
    momentum = random.normal(key_momentum, z.shape)
    start = value - 0.5 * momentum @ momentum

    def leap(_, path):
        z, p, _, gradient = path
        p = p + 0.5 * STEP * gradient
        z = z + STEP * p
        value, gradient = ingot.value_and_grad(log_density)(z)
        return z, p + 0.5 * STEP * gradient, value, gradient

    # A number of leaps drawn anew each time, so that no path can close on itself.
    count = random.randint(key_length, (), 1, LEAPS + 1)
    new = lax.fori_loop(0, count, leap, (z, momentum, value, gradient))
    change = new[2] - 0.5 * new[1] @ new[1] - start
    accept = jnp.log(random.uniform(key_accept)) < change
    state = tuple(jnp.where(accept, a, b) for a, b in zip((new[0], *new[2:]), state, strict=True))
    return state, (state[0], accept)


@partial(ingot.jit, static_argnums=(1, 2, 3))
def sample(key, chains, warmup, draws):
    """Draws [chains, draws, 10], and whether each path was accepted."""
    def chain(key):
        key_start, key_run = random.split(key)
        z = random.normal(key_start, (10,))
        start = (z, *ingot.value_and_grad(log_density)(z))
        _, (path, accepted) = lax.scan(transition, start, random.split(key_run, warmup + draws))
        return path[warmup:], accepted[warmup:]

    return ingot.vmap(chain)(random.split(key, chains))


@ingot.jit
def tau_density(taus):
    """The exact posterior density on an even grid that covers nearly all of it."""
    def log_joint(tau):
        covariance = jnp.diag(ERRORS**2 + tau**2) + WIDTH**2
        return cauchy.logpdf(tau, 0, WIDTH) + multivariate_normal.logpdf(EFFECTS, jnp.zeros(8),
                                                                         covariance)

    weights = jnp.exp(ingot.vmap(log_joint)(taus))
    return weights / jnp.trapezoid(weights, taus)


def rhat(draws):
    """Gelman and Rubin's measure of how far chains [chains, draws] are apart; 1 is agreement."""
    within, between = draws.var(axis=1, ddof=1).mean(), draws.mean(axis=1).var(ddof=1)
    return float(np.sqrt((draws.shape[1] - 1) / draws.shape[1] + between / within))


def run(chains=4, warmup=500, draws=20_000):
    """Draws of mu, tau and theta; acceptance; agreement of the chains."""
    path, accepted = sample(random.key(1981), chains, warmup, draws)
    mu, tau, theta = ingot.jit(ingot.vmap(ingot.vmap(constrain)))(path)
    return {"mu": np.ravel(mu), "tau": np.ravel(tau), "theta": np.reshape(theta, (-1, 8)),
            "acceptance": float(jnp.mean(accepted)), "rhat": max(rhat(np.asarray(x)) for x in (mu,
                                                                                               tau))}


def draw(found):
    """The schools' effects beside what was measured; the spread between schools."""
    import matplotlib.pyplot as plt

    plt.style.use(HERE / "gallery.mplstyle")
    figure, (left, right) = plt.subplots(1, 2)
    place = np.arange(8)
    low, middle, high = np.percentile(found["theta"], [16, 50, 84], axis=0)
    left.errorbar(place - 0.1, EFFECTS, ERRORS, fmt="o", ms=4, color="C5",
                  label="measured, with error")
    left.errorbar(place + 0.1, middle, (middle - low, high - middle), fmt="o", ms=4,
                  label="posterior median, 68 %")
    left.axhline(found["mu"].mean(), color="C1", ls=":", label=r"mean of $\mu$")
    left.set(xlabel="school", ylabel="effect of coaching (points)", xticks=place,
             xticklabels="ABCDEFGH",
             ylim=(-25, 72), title="Eight schools")
    left.legend(loc="upper right")
    taus = np.linspace(0.01, 60, 3000)
    right.hist(found["tau"], bins=80, range=(0, 25), density=True, alpha=0.6, label="draws")
    right.plot(taus, tau_density(taus), color="C1", label="exact density")
    right.set(xlim=(0, 25), xlabel=r"spread between schools $\tau$ (points)", ylabel="density",
              title=f"80,000 draws, r-hat {found['rhat']:.3f}")
    right.legend()
    return figure


if __name__ == "__main__":
    found = run()
    print(f"mu {found['mu'].mean():.2f}, tau {found['tau'].mean():.2f}, r-hat {found['rhat']:.4f},"
          f" acceptance {found['acceptance']:.2f}")
    draw(found).savefig("eight_schools.png")
