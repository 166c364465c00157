"""Gaussian processes as state spaces: likelihood and smoother in O(N) by the Kalman filter."""

from collections.abc import Callable
from typing import Any, NamedTuple

import ingot
import ingot.numpy as jnp
from ingot import lax


class Process(NamedTuple):
    """A stationary process y(t) = observation @ x(t) whose state x moves linearly between times.

    stationary: covariance [S, S] of x; observation: [S]; transition(dt) -> [S, S] over dt years.
    The noise that enters over dt is whatever keeps the process stationary: P - A P A^T.
    """

    stationary: Any
    observation: Any
    transition: Callable


def red_noise(variance, rate):
    """Exponential kernel `variance * exp(-rate * tau)`: one state."""
    return Process(
        stationary=variance * jnp.eye(1),
        observation=jnp.ones(1),
        transition=lambda dt: jnp.exp(-rate * dt) * jnp.eye(1),
    )


def quasi_periodic(variance, rate, frequency):
    """Kernel `variance exp(-rate tau) cos(2 pi frequency tau)`: two states, rotating, decaying."""

    def transition(dt):
        angle = 2 * jnp.pi * frequency * dt
        cos, sin = jnp.cos(angle), jnp.sin(angle)
        return jnp.exp(-rate * dt) * jnp.array([[cos, -sin], [sin, cos]])

    return Process(variance * jnp.eye(2), jnp.array([1.0, 0.0]), transition)


def _block_diagonal(one, two):
    n, m = one.shape[0], two.shape[0]
    return jnp.block([[one, jnp.zeros((n, m))], [jnp.zeros((m, n)), two]])


def add(one, two):
    """The sum of two independent processes: their states side by side."""
    return Process(
        stationary=_block_diagonal(one.stationary, two.stationary),
        observation=jnp.concatenate([one.observation, two.observation]),
        transition=lambda dt: _block_diagonal(one.transition(dt), two.transition(dt)),
    )


# ---- filter ----


def _transitions(process, times):
    """One transition matrix per time, [N, S, S]; the first is the identity."""
    steps = jnp.diff(times, prepend=times[:1])
    return ingot.vmap(process.transition)(steps)


def _predict(process, transition, state):
    mean, covariance = state
    excess = covariance - process.stationary
    return transition @ mean, process.stationary + transition @ excess @ transition.T


def _update(process, noise, value, state):
    """The state after one measurement, and the log density of that measurement."""
    mean, covariance = state
    innovation = value - process.observation @ mean
    variance = process.observation @ covariance @ process.observation + noise
    gain = covariance @ process.observation / variance
    state = mean + gain * innovation, covariance - variance * jnp.outer(gain, gain)
    return state, -0.5 * (jnp.log(2 * jnp.pi * variance) + innovation**2 / variance)


def _initial(process):
    return jnp.zeros_like(process.observation), process.stationary


def log_likelihood(process, noise, times, values):
    """Log density of `values` [N] at sorted `times` [N], with white noise of variance `noise`."""

    def step(state, inputs):
        transition, value = inputs
        return _update(process, noise, value, _predict(process, transition, state))

    inputs = _transitions(process, times), values
    return jnp.sum(lax.scan(step, _initial(process), inputs)[1])


# ---- smoother ----


def smooth(process, noise, times, values, observed):
    """Mean and variance [N] of the noise-free process, given the values at times `observed`.

    Times that are not observed are interpolated, or forecast at the end (Rauch-Tung-Striebel).
    """

    def forward(state, inputs):
        transition, value, seen = inputs
        before = _predict(process, transition, state)
        updated, _ = _update(process, noise, value, before)
        after = tuple(jnp.where(seen, new, old) for new, old in zip(updated, before, strict=True))
        return after, (before, after)

    def backward(smoothed, inputs):
        transition, (mean_next, covariance_next), (mean, covariance) = inputs
        gain = jnp.linalg.solve(covariance_next, transition @ covariance).T
        mean = mean + gain @ (smoothed[0] - mean_next)
        covariance = covariance + gain @ (smoothed[1] - covariance_next) @ gain.T
        return (mean, covariance), (mean, covariance)

    transitions = _transitions(process, times)
    last, (before, after) = lax.scan(forward, _initial(process), (transitions, values, observed))
    following = transitions[1:], tuple(b[1:] for b in before), tuple(a[:-1] for a in after)
    _, (means, covariances) = lax.scan(backward, last, following, reverse=True)
    means = jnp.concatenate([means, last[0][None]])
    covariances = jnp.concatenate([covariances, last[1][None]])
    h = process.observation
    return means @ h, jnp.einsum("i,nij,j->n", h, covariances, h)
