"""Differential equations, with gradients through the solver."""

import numpy as np

# The pair of Dormand and Prince: nodes, stages, and the weights of orders 5 and 5 - 4.
NODES = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
STAGES = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
WEIGHTS = (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84, 0.0)
ERRORS = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
END = 10.0


def predators(jnp, y, parameters):
    """Lotka and Volterra's equations."""
    a, b, c, d = parameters
    prey, predator = y
    return jnp.array([a * prey - b * prey * predator, c * prey * predator - d * predator])


def start(jnp):
    return jnp.array([2.0, 1.0]), jnp.array([1.1, 0.4, 0.1, 0.4])


def fixed(jax, jnp, lax, steps=400):
    """Gradient of a loss on a trajectory by the classical Runge-Kutta method."""
    h = END / steps

    def loss(y, parameters):
        def step(y, _):
            k1 = predators(jnp, y, parameters)
            k2 = predators(jnp, y + h / 2 * k1, parameters)
            k3 = predators(jnp, y + h / 2 * k2, parameters)
            k4 = predators(jnp, y + h * k3, parameters)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            return y, y

        _, path = lax.scan(step, y, None, length=steps)
        return jnp.mean((path - 1.0) ** 2)

    return jax.jit(jax.value_and_grad(loss, (0, 1))), start(jnp)


def attempt(jnp, y, t, h, parameters):
    """One step of the pair: the new state, the scaled error, the next step's length."""
    h = jnp.minimum(h, END - t)
    slopes = []
    for stage in STAGES:
        inner = sum((w * k for w, k in zip(stage, slopes, strict=True)), jnp.zeros_like(y))
        slopes.append(predators(jnp, y + h * inner, parameters))
    new = y + h * sum(w * k for w, k in zip(WEIGHTS, slopes, strict=True))
    error = h * sum(w * k for w, k in zip(ERRORS, slopes, strict=True))
    scale = 1e-8 + 1e-6 * jnp.maximum(jnp.abs(y), jnp.abs(new))
    size = jnp.sqrt(jnp.mean((error / scale) ** 2))
    factor = jnp.clip(0.9 * (size + 1e-10) ** -0.2, 0.2, 5.0)
    good = size <= 1.0
    return jnp.where(good, new, y), jnp.where(good, t + h, t), h * factor


def adaptive(jax, jnp, lax):
    """The solution at the end and its derivatives by forward mode through a while loop."""

    def solve(parameters):
        y, _ = start(jnp)
        state = y, jnp.zeros(()), jnp.array(0.1)
        return lax.while_loop(
            lambda s: s[1] < END - 1e-10, lambda s: attempt(jnp, *s, parameters), state
        )[0]

    return jax.jit(lambda p: (solve(p), jax.jacfwd(solve)(p))), start(jnp)[1:]


def bounded(jax, jnp, lax, steps=150):
    """Gradient through an adaptive solver, by reverse mode through a scan of bounded length."""

    def loss(parameters):
        def step(state, _):
            y, t, h = state
            new = attempt(jnp, y, t, jnp.maximum(h, 1e-6), parameters)
            done = t >= END - 1e-10
            return tuple(jnp.where(done, a, b) for a, b in zip(state, new, strict=True)), None

        y, _ = start(jnp)
        (y, _, _), _ = lax.scan(step, (y, jnp.zeros(()), jnp.array(0.1)), None, length=steps)
        return jnp.sum((y - np.array([1.0, 2.0])) ** 2)

    return jax.jit(jax.value_and_grad(loss)), start(jnp)[1:]
