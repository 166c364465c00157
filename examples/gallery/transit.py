"""An exoplanet's transit in the light of a restless star

A planet dims its star by a hundredth for two hours, while the star itself wavers as much. A
Gaussian process takes the wavering, and the curvature of the likelihood tells how well depth,
time and impact parameter are known.

The star of radius 1 has the brightness 1 - u1 (1 - m) - u2 (1 - m)^2 at the distance r from its
centre, with m = sqrt(1 - r^2). A planet of radius k, at the distance z > k from the centre,
covers of each ring the angle

    2 arccos((r^2 + z^2 - k^2) / (2 r z))    for z - k < r < z + k

so that the light lost is one integral over r (20 nodes of Gauss and Legendre; Mandel and Agol
2002 have it in elliptic functions). The star's process has a Matern-3/2 kernel, s^2 (1 + a t)
exp(-a t) with a = sqrt(3) / scale, as a state of two numbers in a Kalman filter: n measurements
take n steps, not n^3. The light curve is made from this model, with the parameters in TRUTH; limb
darkening and period are taken as known.
"""

from pathlib import Path

import numpy as np

import ingot
import ingot.numpy as jnp
from ingot import lax, random
from ingot.scipy.optimize import minimize

HERE = Path(__file__).resolve().parent
HOURS = np.arange(-8, 8, 1 / 30)  # two minutes apart
LIMB = 0.4, 0.25
# Middle (h), radius k, impact parameter, speed (radii of the star per hour); star's wavering
# (parts per thousand) and its scale (h); noise of a measurement (parts per thousand).
NAMES = "middle", "radius", "impact", "speed", "wavering", "scale", "noise"
TRUTH = np.array([0.2, 0.1, 0.6, 0.9, 5.0, 4.0, 0.8])
# The transits before tell about when and how deep.
START = np.array([0.0, 0.09, 0.5, 1.0, 3.0, 3.0, 1.0])
NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)


def transit(z, k):
    """The light lost when the planet is at the distance `z`, as a part of that of the star."""
    low, high = jnp.clip(z - k, 0.0, 1.0), jnp.clip(z + k, 0.0, 1.0)
    # r = low + (high - low) sin(t)^2 takes the roots at both ends out of the integral.
    t = np.pi / 4 * (NODES + 1)
    r = low + (high - low) * np.sin(t) ** 2
    slope = (high - low) * np.sin(2 * t)
    cosine = (r**2 + z**2 - k**2) / (2 * r * z)
    angle = 2 * jnp.arccos(jnp.clip(cosine, -1 + 1e-12, 1 - 1e-12))
    m = jnp.sqrt(jnp.maximum(1 - r**2, 1e-12))
    brightness = 1 - LIMB[0] * (1 - m) - LIMB[1] * (1 - m) ** 2
    lost = np.pi / 4 * jnp.sum(WEIGHTS * slope * r * angle * brightness)
    # Outside of the transit nothing is lost, and nothing follows from the parameters.
    return jnp.where(z < 1 + k, lost / (np.pi * (1 - LIMB[0] / 3 - LIMB[1] / 6)), 0.0)


def light_lost(theta):
    """Parts per thousand at all times."""
    middle, k, impact, speed = theta[:4]
    z = jnp.sqrt(impact**2 + (speed * (HOURS - middle)) ** 2)
    return 1000 * ingot.vmap(transit, (0, None))(z, k)


def filter_star(theta, flux):
    """Log likelihood of a flux that the star's process and noise make up; predicted means."""
    wavering, scale, noise = theta[4:]
    a, h = jnp.sqrt(3) / scale, HOURS[1] - HOURS[0]
    step = jnp.exp(-a * h) * jnp.array([[1 + a * h, h], [-(a**2) * h, 1 - a * h]])
    stationary = wavering**2 * jnp.diag(jnp.array([1.0, a**2]))
    grown = stationary - step @ stationary @ step.T

    def body(state, y):
        mean, cov = state
        f, miss = cov[0, 0] + noise**2, y - mean[0]
        gain = cov[:, 0] / f
        filtered = mean + gain * miss, cov - jnp.outer(gain, cov[0])
        after = step @ filtered[0], step @ filtered[1] @ step.T + grown
        return after, (-0.5 * (jnp.log(2 * jnp.pi * f) + miss**2 / f), filtered[0][0])

    _, (logs, means) = lax.scan(body, (jnp.zeros(2), stationary), flux)
    return jnp.sum(logs), means


def loss(scaled, flux):
    """Minus the log likelihood per measurement, in parameters relative to where one starts."""
    theta = START + scaled * np.where(START == 0, 1.0, START)
    return -filter_star(theta, flux + light_lost(theta))[0] / len(HOURS)


@ingot.jit
def simulate(key):
    """A flux in parts per thousand about the mean of the star."""
    key_star, key_noise = random.split(key)
    distance = np.sqrt(3) / TRUTH[5] * np.abs(HOURS[:, None] - HOURS)
    kernel = TRUTH[4] ** 2 * (1 + distance) * np.exp(-distance) + 1e-9 * np.eye(len(HOURS))
    star = np.linalg.cholesky(kernel) @ random.normal(key_star, HOURS.shape)
    return star + TRUTH[6] * random.normal(key_noise, HOURS.shape) - light_lost(jnp.array(TRUTH))


@ingot.jit
def fit(flux):
    """Parameters of greatest likelihood, with their errors."""
    best = minimize(loss, jnp.zeros(7), (flux,), method="BFGS").x
    covariance = jnp.linalg.inv(len(HOURS) * ingot.hessian(loss)(best, flux))
    units = np.where(START == 0, 1.0, START)
    return START + best * units, units * jnp.sqrt(jnp.diagonal(covariance))


def run():
    """The flux, the fit with errors, and what the fit says of planet and star."""
    flux = simulate(random.key(1995))
    theta, errors = fit(flux)
    lost = light_lost(theta)
    return {"flux": np.asarray(flux), "theta": np.asarray(theta), "errors": np.asarray(errors),
            "lost": np.asarray(lost), "star": np.asarray(filter_star(theta, flux + lost)[1])}


def draw(found):
    """The flux with star and planet; the transit alone."""
    import matplotlib.pyplot as plt

    plt.style.use(HERE / "gallery.mplstyle")
    figure, (left, right) = plt.subplots(1, 2)
    left.plot(HOURS, found["flux"], ".", ms=3, color="C5", label="measured")
    left.plot(HOURS, found["star"], label="star, filtered")
    left.plot(HOURS, found["star"] - found["lost"], color="C1", label="star and planet")
    left.set(xlabel="time (h)", ylabel="flux less its mean (parts per thousand)",
             title="The light curve", ylim=(-8, 14))
    right.plot(HOURS, found["flux"] - found["star"], ".", ms=3, color="C5", label="less the star")
    right.plot(HOURS, -found["lost"], color="C1", label="transit, fitted")
    right.plot(HOURS, -light_lost(jnp.asarray(TRUTH)), "k--", lw=1, label="truth")
    k, error = found["theta"][1], found["errors"][1]
    right.set(xlabel="time (h)", ylabel="flux (parts per thousand)", ylim=(-15, 5),
              title=f"Radius {k:.4f} ± {error:.4f}, truth 0.1")
    for axes in (left, right):
        axes.legend(loc="upper center", ncols=3, columnspacing=1, handlelength=1.2)
    return figure


if __name__ == "__main__":
    found = run()
    for row in zip(NAMES, found["theta"], found["errors"], TRUTH, strict=True):
        print("{:9} {:7.4f} ± {:.4f}, truth {:.2f}".format(*row))
    draw(found).savefig("transit.png")
