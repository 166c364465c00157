"""A neural ordinary differential equation learns a pendulum

A small network is the right-hand side of a differential equation, and learns it from noisy
glimpses of motion. What it has learned is a field of velocities, which goes on where the data
end.

The pendulum with friction, angle a and rate b (Chen et al. 2018 name the method):

    da/dt = b,    db/dt = -sin a - 0.2 b

Sixty short pieces of motion are measured with an error of 0.02 at nine times each. The network,
of two hidden layers of 32, is integrated from the first point of each piece by Runge and Kutta's
method, and the sum of squared differences is made small by Adam (Kingma and Ba 2015), through the
derivative of the integrator.
"""

from functools import partial
from pathlib import Path

import numpy as np

import ingot
import ingot.numpy as jnp
from ingot import lax, random, tree

HERE = Path(__file__).resolve().parent
PIECES, TIMES, GAP, ERROR = 60, 9, 0.25, 0.02
LAYERS = 2, 32, 32, 2


def pendulum(state):
    """The truth."""
    return jnp.stack([state[1], -jnp.sin(state[0]) - 0.2 * state[1]])


def network(parameters, state):
    """Rates of change by a network: a list of weights and biases."""
    *hidden, (weights, bias) = parameters
    for w, b in hidden:
        state = jnp.tanh(w @ state + b)
    return weights @ state + bias


def motion(rate, start, times, gap=GAP, substeps=2):
    """States [times, 2] from `start` on, each `gap` after the one before."""
    h = gap / substeps

    def advance(_, y):
        a = rate(y)
        b = rate(y + h / 2 * a)
        c = rate(y + h / 2 * b)
        return y + h / 6 * (a + 2 * b + 2 * c + rate(y + h * c))

    def step(y, _):
        return lax.fori_loop(0, substeps, advance, y), y

    return lax.scan(step, start, length=times)[1]


def measure(key):
    """Pieces of motion [pieces, times, 2] with errors."""
    key_start, key_error = random.split(key)
    starts = jnp.array([3.0, 2.0]) * random.uniform(key_start, (PIECES, 2), minval=-1.0)
    exact = ingot.vmap(lambda start: motion(pendulum, start, TIMES))(starts)
    return exact + ERROR * random.normal(key_error, exact.shape)


def initial(key):
    """Weights of the usual size, 1 / sqrt(inputs), and no biases."""
    keys = random.split(key, len(LAYERS) - 1)
    return [(random.normal(k, (m, n)) / jnp.sqrt(n), jnp.zeros(m))
            for k, n, m in zip(keys, LAYERS[:-1], LAYERS[1:], strict=True)]


def loss(parameters, pieces):
    """The mean square of the differences to the measured motion."""
    rate = partial(network, parameters)
    return jnp.mean((ingot.vmap(lambda p: motion(rate, p[0], TIMES))(pieces) - pieces) ** 2)


@partial(ingot.jit, static_argnums=2)
def train(parameters, pieces, steps, speed=0.01):
    """Parameters after `steps` of Adam, and the losses on the way."""
    def step(state, count):
        parameters, mean, square = state
        value, slope = ingot.value_and_grad(loss)(parameters, pieces)
        mean = tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, slope)
        square = tree.map(lambda s, g: 0.99 * s + 0.01 * g**2, square, slope)
        # The means begin at 0, which is divided out; the speed falls to 0 in the end.
        rate = speed * (1 - count / steps) * jnp.sqrt(1 - 0.99**count) / (1 - 0.9**count)
        parameters = tree.map(lambda p, m, s: p - rate * m / (jnp.sqrt(s) + 1e-8),
                              parameters, mean, square)
        return (parameters, mean, square), value

    zeros, counts = tree.map(jnp.zeros_like, parameters), jnp.arange(1.0, steps + 1)
    (parameters, *_), losses = lax.scan(step, (parameters, zeros, zeros), counts)
    return parameters, losses


@ingot.jit
def swing(parameters):
    """A swing of 25 units of time by the truth and by the network, far longer than a piece."""
    rates = pendulum, partial(network, parameters)
    return [motion(rate, jnp.array([2.5, 0.0]), 250, gap=0.1) for rate in rates]


def run(steps=1000):
    """Losses, and the swing by both with its largest difference."""
    key_data, key_network = random.split(random.key(2018))
    pieces = ingot.jit(measure)(key_data)
    parameters, losses = train(initial(key_network), pieces, steps)
    truth, learned = swing(parameters)
    return {"pieces": np.asarray(pieces), "losses": np.asarray(losses), "parameters": parameters,
            "truth": np.asarray(truth), "learned": np.asarray(learned),
            "worst": float(jnp.max(jnp.abs(truth - learned)))}


def draw(found):
    """Losses; the field with pieces of data; the long swing."""
    import matplotlib.pyplot as plt

    plt.style.use(HERE / "gallery.mplstyle")
    figure, (left, middle, right) = plt.subplots(1, 3)
    left.semilogy(found["losses"])
    # A piece begins at a point with an error, and is held against points with errors.
    left.axhline(2 * ERROR**2, color="C1", ls=":", label=f"2 x {ERROR}$^2$")
    left.set(xlabel="step of Adam", ylabel="mean squared difference", title="Learning")
    left.legend()
    grid = np.mgrid[-3:3:13j, -2.4:2.4:11j].reshape(2, -1)
    field = ingot.vmap(partial(network, found["parameters"]))(jnp.asarray(grid.T))
    middle.quiver(*grid, *np.asarray(field).T, color="C5")
    for k, piece in enumerate(found["pieces"][:20]):
        middle.plot(*piece.T, ".-", ms=2, lw=0.6, color="C1", label="" if k else "20 of 60 pieces")
    middle.set(xlabel="angle (rad)", ylabel="rate (rad per unit of time)", ylim=(-2.6, 3.4),
               title="The field learned")
    middle.legend(loc="upper right")
    times = 0.1 * np.arange(250)
    right.plot(times, found["truth"][:, 0], label="pendulum")
    right.plot(times, found["learned"][:, 0], "--", label="network")
    right.axvspan(0, GAP * (TIMES - 1), color="C5", alpha=0.2, lw=0, label="length of a piece")
    right.set(xlabel="time", ylabel="angle (rad)", ylim=(-2.8, 4.4), title="A longer swing")
    right.legend(loc="upper right")
    return figure


if __name__ == "__main__":
    found = run()
    print(f"the swing is off by {found['worst']:.3f} at most")
    draw(found).savefig("neural_ode.png")
