"""A power spectrum, fitted from a hundred starts

A quasi-periodic signal stands as a bump on the red noise of a spectrum, and a fit easily misses
it. A hundred searches run at once, from a hundred places, and the lowest minimum is told from the
others.

The periodogram of a stationary process scatters about its spectrum by an exponential
distribution, so that minus the log likelihood (Whittle 1953; Vaughan 2005) of powers I at
frequencies f is the sum of

    log S(f) + I / S(f),    S(f) = A f^-alpha + B / (1 + ((f - f0) / w)^2) + C

The powers here are drawn from such a spectrum with a bump at f0 = 20 Hz; nothing of it is told to
the fit.
"""

from functools import partial
from pathlib import Path

import numpy as np

import ingot
import ingot.numpy as jnp
from ingot import random
from ingot.scipy.optimize import minimize

HERE = Path(__file__).resolve().parent
NAMES = "A", "alpha", "B", "f0", "w", "C"
TRUTH = np.array([60.0, 1.6, 12.0, 20.0, 1.0, 0.4])
FREQUENCIES = np.arange(1, 1025) / 16.0  # of a light curve of 16 s, up to 64 Hz


def spectrum(theta, f):
    """Power at frequency `f`, from the logarithms of the six parameters."""
    a, alpha, b, f0, w, c = jnp.exp(theta)
    return a * f**-alpha + b / (1 + ((f - f0) / w) ** 2) + c


def loss(theta, powers):
    """Minus the log likelihood of a power, on average."""
    model = spectrum(theta, FREQUENCIES)
    return jnp.mean(jnp.log(model) + powers / model)


@ingot.jit
def simulate(key):
    """Powers that scatter about the true spectrum."""
    return spectrum(jnp.log(TRUTH), FREQUENCIES) * random.exponential(key, FREQUENCIES.shape)


@partial(ingot.jit, static_argnums=2)
def search(key, powers, count):
    """Where each of `count` searches ends [count, 6], and the losses there."""
    low, high = jnp.log(jnp.array([[1, 0.5, 0.1, 0.2, 0.1, 0.01], [1e3, 3, 100, 60, 10, 10]]))
    starts = low + (high - low) * random.uniform(key, (count, 6))
    # `vmap` makes one program of the hundred searches; each stops where its own gradient vanishes.
    found = ingot.vmap(lambda start: minimize(loss, start, (powers,), method="BFGS"))(starts)
    return found.x, found.fun


@ingot.jit
def errors(theta, powers):
    """Standard deviations of the logarithms, from the curvature at the minimum."""
    return jnp.sqrt(jnp.diagonal(jnp.linalg.inv(len(powers) * ingot.hessian(loss)(theta, powers))))


def run(count=100):
    """The best of the fits with its errors, and the losses of all, relative to it."""
    key_data, key_starts = random.split(random.key(64))
    powers = simulate(key_data)
    thetas, losses = search(key_starts, powers, count)
    best = int(jnp.nanargmin(losses))
    # What a difference of one log likelihood means: exp(1) times less likely.
    excess = len(powers) * (losses - losses[best])
    return {"powers": np.asarray(powers), "theta": np.asarray(thetas[best]),
            "errors": np.asarray(errors(thetas[best], powers)), "excess": np.sort(excess),
            "loss": float(losses[best]), "agreeing": int(jnp.sum(excess < 0.01))}


def draw(found):
    """The spectrum with its fit, and where the searches ended."""
    import matplotlib.pyplot as plt

    plt.style.use(HERE / "gallery.mplstyle")
    figure, (left, right) = plt.subplots(1, 2, width_ratios=(1.6, 1))
    left.loglog(FREQUENCIES, found["powers"], lw=0.5, color="C5", label="powers")
    left.loglog(FREQUENCIES, spectrum(jnp.log(TRUTH), FREQUENCIES), "k--", lw=1, label="truth")
    left.loglog(FREQUENCIES, spectrum(found["theta"], FREQUENCIES), color="C1", label="best fit")
    f0, error = np.exp(found["theta"][3]), np.exp(found["theta"][3]) * found["errors"][3]
    left.set(xlabel="frequency (Hz)", ylabel="power (arbitrary units)", ylim=(1e-3, None),
             title=f"A bump at {f0:.2f} ± {error:.2f} Hz")
    left.legend(loc="lower left")
    excess = np.maximum(found["excess"], 1e-6)
    right.semilogy(np.arange(1, len(excess) + 1), excess, ".")
    right.axhline(0.01, color="C1", ls=":", label="counted as the best minimum")
    right.set(xlabel="search, in order of success", ylabel="log likelihood below the best",
              ylim=(5e-7, 1e4), title=f"{found['agreeing']} of {len(excess)} find the best minimum")
    right.legend()
    return figure


if __name__ == "__main__":
    found = run()
    for name, theta, error, truth in zip(NAMES, found["theta"], found["errors"], TRUTH,
                                         strict=True):
        print(f"{name:5} {np.exp(theta):8.3f}, error {100 * error:3.0f} %, truth {truth:6.2f}")
    print(f"{found['agreeing']} of {len(found['excess'])} searches find the best minimum")
    draw(found).savefig("power_spectrum.png")
