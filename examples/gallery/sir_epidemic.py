"""An epidemic of influenza, fitted by an SIR model

Fourteen daily counts of boys in bed tell how fast influenza spread through a boarding school, and
how fast it healed. The differential equation is solved inside the likelihood, whose derivatives
give fit and errors.

The model of Kermack and McKendrick (1927) for S susceptible, I infected and R recovered of N
boys:

    dS/dt = -beta S I / N,    dI/dt = beta S I / N - gamma I,    dR/dt = gamma I

Counts are negative binomial about I, so that days may scatter more than Poisson's law says:
variance I + I^2 / phi. The unknowns are the logarithms of beta, gamma, I at the first day, and
phi; the curvature of the log likelihood at its maximum gives their covariance (Laplace's
approximation). The reproduction number is beta / gamma. The counts: British Medical Journal
(1978) 1, 587.
"""

from pathlib import Path

import numpy as np

import ingot
import ingot.numpy as jnp
from ingot import lax, random
from ingot.scipy.optimize import minimize
from ingot.scipy.special import gammaln

HERE = Path(__file__).resolve().parent
BOYS = 763
STEPS = 10  # steps of the integrator per day
START = np.log([2.0, 0.5, 2.0, 10.0])


def load():
    """Days, and boys in bed on each."""
    days, in_bed = np.loadtxt(HERE.parent / "data" / "influenza.csv", delimiter=",", skiprows=1).T
    return days, in_bed


def rates(state, beta, gamma):
    """Rates of change of S and I, per day; those of R follow from them."""
    susceptible, infected = state
    caught = beta * susceptible * infected / BOYS
    return jnp.stack([-caught, caught - gamma * infected])


def epidemic(theta, days):
    """The infected at day 0, 1, ..., days - 1, by Runge and Kutta's method of fourth order."""
    beta, gamma, first = jnp.exp(theta[:3])
    h = 1 / STEPS

    def step(_, y):
        a = rates(y, beta, gamma)
        b = rates(y + h / 2 * a, beta, gamma)
        c = rates(y + h / 2 * b, beta, gamma)
        d = rates(y + h * c, beta, gamma)
        return y + h / 6 * (a + 2 * b + 2 * c + d)

    def day(state, _):
        # A loop whose length is known can be differentiated in both modes.
        return lax.fori_loop(0, STEPS, step, state), state[1]

    start = jnp.stack([BOYS - first, first])
    return lax.scan(day, start, length=days)[1]


def log_likelihood(theta, in_bed):
    """Negative binomial about the infected, with `phi` as the number of failures."""
    mean, phi = epidemic(theta, len(in_bed)), jnp.exp(theta[3])
    choices = gammaln(in_bed + phi) - gammaln(phi) - gammaln(in_bed + 1)
    failures, successes = phi / (phi + mean), mean / (phi + mean)
    return jnp.sum(choices + phi * jnp.log(failures) + in_bed * jnp.log(successes))


@ingot.jit
def fit(in_bed):
    """The maximum of the likelihood, and the covariance of its parameters."""
    def loss(theta):
        return -log_likelihood(theta, in_bed)

    best = minimize(loss, jnp.asarray(START), method="BFGS").x
    return best, jnp.linalg.inv(ingot.hessian(loss)(best))


@ingot.jit
def predict(key, best, covariance):
    """Epidemics [draws, days] from parameters drawn around the maximum, and counts about them."""
    key_theta, key_gamma, key_count = random.split(key, 3)
    thetas = random.multivariate_normal(key_theta, best, covariance, (2000,))
    infected = ingot.vmap(lambda theta: epidemic(theta, 14))(thetas)
    phi = jnp.exp(thetas[:, 3:])
    # A negative binomial count is Poisson's with a mean drawn from a gamma distribution.
    means = infected / phi * random.gamma(key_gamma, phi, infected.shape)
    return thetas, infected, random.poisson(key_count, means)


def run():
    """Parameters with errors, the reproduction number, and epidemics drawn from the fit."""
    days, in_bed = load()
    best, covariance = fit(in_bed)
    thetas, infected, counts = predict(random.key(1978), best, covariance)
    reproduction = np.exp(thetas[:, 0] - thetas[:, 1])
    names = "beta", "gamma", "first", "phi"
    return {"days": days, "in_bed": in_bed, **dict(zip(names, np.exp(best).tolist(), strict=True)),
            "best": np.asarray(best), "covariance": np.asarray(covariance),
            "infected": np.asarray(infected),
            "counts": np.asarray(counts), "reproduction": reproduction}


def draw(found):
    """The counts with the predictive band, and the reproduction number."""
    import matplotlib.pyplot as plt

    plt.style.use(HERE / "gallery.mplstyle")
    figure, (left, right) = plt.subplots(1, 2, width_ratios=(2, 1))
    days = found["days"]
    low, high = np.percentile(found["counts"], [2.5, 97.5], axis=0)
    left.fill_between(days, low, high, alpha=0.2, lw=0, label="95 % of counts predicted")
    left.plot(days, np.median(found["infected"], axis=0), label="infected, median")
    left.plot(days, found["in_bed"], "o", color="C1", ms=4, label="boys in bed")
    left.set(xlabel="days since 22 January 1978", ylabel="boys", ylim=(0, None),
             title="Influenza at a boarding school")
    left.legend()
    right.hist(found["reproduction"], bins=40, range=(2, 6), density=True)
    right.set(xlabel=r"reproduction number $\beta/\gamma$", ylabel="density",
              title=f"It is {found['reproduction'].mean():.2f} ± {found['reproduction'].std():.2f}")
    return figure


if __name__ == "__main__":
    found = run()
    print(f"beta {found['beta']:.2f} per day, gamma {found['gamma']:.2f} per day,"
          f" reproduction number {found['beta'] / found['gamma']:.2f}")
    draw(found).savefig("sir_epidemic.png")
