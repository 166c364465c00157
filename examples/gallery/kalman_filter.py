"""The level of the Nile by a Kalman filter

A hundred years of the river's flow are a random walk seen through noise; two variances say how
much of each. The filter gives their likelihood in one pass, its derivative finds the best two,
and a smoother shows the level.

The local-level model (Durbin and Koopman, Time Series Analysis by State Space Methods, chapter
2):

    y[t] = m[t] + e[t],    m[t+1] = m[t] + w[t],    e ~ N(0, r),    w ~ N(0, q)

The filter carries the mean and the variance of m[t] given y up to t - 1. With v = y[t] - mean and
f = variance + r, the log likelihood is the sum of -(log(2 pi f) + v^2 / f) / 2. Durbin and
Koopman find r = 15099 and q = 1469.1.
"""

from pathlib import Path

import numpy as np

import ingot
import ingot.numpy as jnp
from ingot import lax
from ingot.scipy.optimize import minimize

HERE = Path(__file__).resolve().parent
DIFFUSE = 1e7  # the variance of the first level: nothing is known of it


def load():
    """Years and flows in 10^8 cubic metres."""
    years, flow = np.loadtxt(HERE.parent / "data" / "nile.csv", delimiter=",", skiprows=1).T
    return years, flow


def filter_levels(variances, flow):
    """Log likelihood, and mean and variance of each level given the flows up to its year."""
    r, q = variances

    def step(state, y):
        mean, variance = state
        innovation, f = y - mean, variance + r
        gain = variance / f
        mean, variance = mean + gain * innovation, variance * (1 - gain)
        log_density = -0.5 * (jnp.log(2 * jnp.pi * f) + innovation**2 / f)
        # What is carried on is the prediction for the next year.
        return (mean, variance + q), (log_density, mean, variance)

    _, (log_densities, means, variances) = lax.scan(step, (0.0, DIFFUSE), flow)
    # The first flow only says where the walk starts.
    return jnp.sum(log_densities[1:]), means, variances


def smooth(variances, means, filtered):
    """Mean and variance of each level given all flows: backwards, by Rauch, Tung and Striebel."""
    q = variances[1]

    def step(later, now):
        mean, variance = now
        gain = variance / (variance + q)
        mean = mean + gain * (later[0] - mean)
        variance = variance + gain**2 * (later[1] - variance - q)
        return (mean, variance), (mean, variance)

    last = means[-1], filtered[-1]
    _, (smoothed, spread) = lax.scan(step, last, (means[:-1], filtered[:-1]), reverse=True)
    return jnp.append(smoothed, last[0]), jnp.append(spread, last[1])


@ingot.jit
def fit(flow):
    """The variances of greatest likelihood, from logarithms so that both stay positive."""

    def loss(theta):
        return -filter_levels(jnp.exp(theta), flow)[0] / len(flow)

    start = jnp.full(2, jnp.log(jnp.var(flow) / 2))
    return jnp.exp(minimize(loss, start, method="BFGS").x)


@ingot.jit
def estimate(variances, flow):
    """Log likelihood and smoothed levels with their variances."""
    log_likelihood, means, filtered = filter_levels(variances, flow)
    return log_likelihood, *smooth(variances, means, filtered)


def run():
    """The two variances, their log likelihood, the smoothed level with its standard deviation."""
    years, flow = load()
    variances = fit(flow)
    log_likelihood, level, spread = estimate(variances, flow)
    return {"years": years, "flow": flow, "r": float(variances[0]), "q": float(variances[1]),
            "log_likelihood": float(log_likelihood), "level": np.asarray(level),
            "deviation": np.sqrt(spread)}


def draw(found):
    """The flows and the level with its 95 % band."""
    import matplotlib.pyplot as plt

    plt.style.use(HERE / "gallery.mplstyle")
    figure, axes = plt.subplots()
    years, level, width = found["years"], found["level"], 1.96 * found["deviation"]
    axes.plot(years, found["flow"], "o", ms=3, color="C5", label="measured")
    axes.fill_between(years, level - width, level + width, alpha=0.25, lw=0,
                      label="95 % band of the level")
    axes.plot(years, level, label="smoothed level")
    axes.axvline(1898.5, color="C1", ls=":", label="building of the dam at Aswan begins")
    axes.set(xlabel="year", ylabel="flow ($10^8$ m$^3$ per year)", xlim=(1870, 1971), ylim=(400,
                                                                                            1550),
             title="The Nile at Aswan, and its level by the Kalman smoother")
    axes.legend(ncols=2, loc="upper right")
    return figure


if __name__ == "__main__":
    found = run()
    print(f"noise variance {found['r']:.0f}, level variance {found['q']:.1f}")
    draw(found).savefig("kalman_filter.png")
