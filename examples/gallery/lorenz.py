"""The Lorenz attractor and its sensitivities

Three ordinary differential equations whose solutions forget where they began. Forward derivatives
of the integrator give the sensitivity to each parameter, and how fast neighbours part: Lyapunov's
exponent.

The equations (Lorenz 1963), with s = 10, r = 28, b = 8/3:

    dx/dt = s (y - x),    dy/dt = x (r - z) - y,    dz/dt = x y - b z

A tangent vector that is carried along and made to length 1 after each step grows by the factor g;
the mean of log(g) over time is the largest Lyapunov exponent, 0.9056 in the literature (Sprott
2003).
"""

from functools import partial
from pathlib import Path

import numpy as np

import ingot
import ingot.numpy as jnp
from ingot import lax

HERE = Path(__file__).resolve().parent
PARAMETERS = jnp.array([10.0, 28.0, 8 / 3])
START = jnp.array([1.0, 1.0, 25.0])
STEP = 0.005


def rate(state, parameters):
    """The right-hand side of the equations."""
    x, y, z = state
    s, r, b = parameters
    return jnp.stack([s * (y - x), x * (r - z) - y, x * y - b * z])


def advance(state, parameters, h=STEP):
    """One step of Runge and Kutta's method of fourth order."""
    a = rate(state, parameters)
    b = rate(state + h / 2 * a, parameters)
    c = rate(state + h / 2 * b, parameters)
    d = rate(state + h * c, parameters)
    return state + h / 6 * (a + 2 * b + 2 * c + d)


def trajectory(parameters, start, steps):
    """States after each step [steps, 3]."""
    def step(state, _):
        state = advance(state, parameters)
        return state, state

    return lax.scan(step, start, length=steps)[1]


@partial(ingot.jit, static_argnums=1)
def sensitivities(parameters, steps):
    """The trajectory, and its derivatives [steps, 3, 3] by the three parameters."""
    # Three parameters and thousands of outputs: forward mode carries three tangents along.
    path = partial(trajectory, start=START, steps=steps)
    return path(parameters), ingot.jacfwd(path)(parameters)


@partial(ingot.jit, static_argnums=1)
def lyapunov(start, steps):
    """The running estimate [steps] of the largest exponent, per unit of time."""
    def step(carry, _):
        state, tangent = carry
        state, tangent = ingot.jvp(lambda x: advance(x, PARAMETERS), (state,), (tangent,))
        growth = jnp.linalg.norm(tangent)
        return (state, tangent / growth), jnp.log(growth)

    growths = lax.scan(step, (start, jnp.array([1.0, 0.0, 0.0])), length=steps)[1]
    return jnp.cumsum(growths) / (STEP * jnp.arange(1, steps + 1))


def run(steps=4000, long=400_000):
    """A trajectory with its sensitivities, and Lyapunov's exponent from a long run."""
    path, by_parameter = sensitivities(PARAMETERS, steps)
    exponents = lyapunov(path[-1], long)
    return {"path": np.asarray(path), "sensitivities": np.asarray(by_parameter),
            "exponents": np.asarray(exponents), "exponent": float(exponents[-1])}


def draw(found):
    """The attractor; the sensitivities' growth; the exponent's convergence."""
    import matplotlib.pyplot as plt

    plt.style.use(HERE / "gallery.mplstyle")
    figure, (left, middle, right) = plt.subplots(1, 3)
    path, times = found["path"], STEP * np.arange(1, len(found["path"]) + 1)
    left.plot(path[:, 0], path[:, 2], lw=0.5)
    left.set(xlabel="x", ylabel="z", title="A trajectory, t from 0 to 20")
    sizes = np.linalg.norm(found["sensitivities"], axis=1)
    for k, name in enumerate("srb"):
        middle.semilogy(times, sizes[:, k], lw=0.8, label=f"to {name}")
    middle.semilogy(times, np.exp(found["exponent"] * times), "k--", lw=1, label="exp(0.906 t)")
    middle.set(xlabel="time t", ylabel="length of d(x, y, z)/d parameter", title="Sensitivities")
    middle.legend()
    long = STEP * np.arange(1, len(found["exponents"]) + 1)
    right.semilogx(long[199::50], found["exponents"][199::50])
    right.axhline(0.9056, color="k", ls="--", lw=1, label="literature: 0.9056")
    right.set(xlabel="time t", ylabel="exponent (per unit of time)", ylim=(0.5, 1.3),
              title=f"Lyapunov's exponent: {found['exponent']:.3f}")
    right.legend()
    return figure


if __name__ == "__main__":
    found = run()
    print(f"largest Lyapunov exponent {found['exponent']:.4f}")
    draw(found).savefig("lorenz.png")
