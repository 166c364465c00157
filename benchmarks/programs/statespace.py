"""State-space Gaussian processes: value and gradient of a log-likelihood, in the parameters.

The kernel is a stochastically driven damped oscillator (SHO, two states), alone or plus a
Matern-3/2 (two more), by a Kalman filter in `lax.scan` with small matrices, as a user writes it.
"""

import numpy as np

from harness import Program

TRUTH = {"sho": [0.3, 1.0, 1.2, -1.5], "sho+matern32": [0.3, 1.0, 1.2, -1.5, -0.5, 1.0]}


def observations(count):
    """Sorted irregular times [count] and values [count]."""
    rng = np.random.default_rng(count)
    times = np.cumsum(rng.exponential(0.1, count))
    return times, np.sin(1.35 * times) + 0.3 * rng.normal(size=count)


def make(terms, count):
    """A builder of value_and_grad(log-likelihood)(parameters) over `count` points."""

    def build(jax, jnp, lax):
        times, values = map(jnp.asarray, observations(count))

        def sho(log_sigma, log_omega, log_quality):
            omega, quality = jnp.exp(log_omega), jnp.exp(log_quality)
            root = jnp.sqrt(4 * quality**2 - 1)
            rate, angular = omega / (2 * quality), omega * root / (2 * quality)

            def transition(dt):
                cos, sin = jnp.cos(angular * dt), jnp.sin(angular * dt) / root
                rows = [
                    [cos + sin, 2 * quality * sin / omega],
                    [-2 * quality * omega * sin, cos - sin],
                ]
                return jnp.exp(-rate * dt) * jnp.array(rows)

            stationary = jnp.exp(2 * log_sigma) * jnp.diag(jnp.array([1.0, omega**2]))
            return stationary, transition

        def matern32(log_sigma, log_scale):
            rate = jnp.sqrt(3.0) * jnp.exp(-log_scale)

            def transition(dt):
                rows = [[1 + rate * dt, dt], [-(rate**2) * dt, 1 - rate * dt]]
                return jnp.exp(-rate * dt) * jnp.array(rows)

            stationary = jnp.exp(2 * log_sigma) * jnp.diag(jnp.array([1.0, rate**2]))
            return stationary, transition

        def join(one, two):
            zeros = jnp.zeros((2, 2))
            return jnp.block([[one, zeros], [zeros, two]])

        def model(parameters):
            stationary, transition = sho(*parameters[:3])
            if terms == "sho":
                return stationary, transition, jnp.array([1.0, 0.0])
            more, other = matern32(*parameters[4:])
            observation = jnp.array([1.0, 0.0, 1.0, 0.0])
            return (
                join(stationary, more),
                lambda dt: join(transition(dt), other(dt)),
                observation,
            )

        def log_likelihood(parameters):
            stationary, transition, observation = model(parameters)
            noise = jnp.exp(2 * parameters[3])

            def step(state, inputs):
                mean, covariance = state
                dt, value = inputs
                move = transition(dt)
                mean = move @ mean
                covariance = stationary + move @ (covariance - stationary) @ move.T
                innovation = value - observation @ mean
                variance = observation @ covariance @ observation + noise
                gain = covariance @ observation / variance
                state = mean + gain * innovation, covariance - variance * jnp.outer(gain, gain)
                return state, jnp.log(2 * jnp.pi * variance) + innovation**2 / variance

            first = jnp.zeros_like(observation), stationary
            steps = jnp.diff(times, prepend=times[:1])
            return -0.5 * jnp.sum(lax.scan(step, first, (steps, values))[1])

        return jax.jit(jax.value_and_grad(log_likelihood)), (jnp.array(TRUTH[terms]),)

    return build


MOST = {("sho", 10_000): 0.05, ("sho+matern32", 10_000): 0.02}

PROGRAMS = [
    Program(f"{terms}, {count} points", make(terms, count),
            asked={"jax": MOST[terms, count]} if (terms, count) in MOST else {})
    for terms in TRUTH
    for count in (300, 10_000)
]
