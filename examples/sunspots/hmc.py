"""Hamiltonian Monte Carlo: warm-up and sampling of all chains as one compiled loop.

The mass matrix is the identity: give the sampler coordinates where the density is about standard
normal, such as those of its Laplace approximation. That is the same as taking the inverse of that
covariance for the mass matrix. The number of leapfrog steps is drawn anew at each iteration, so no
period of the motion can be resonant. During warm-up, dual averaging (Hoffman and Gelman 2014,
section 3.2) tunes one step size to the mean acceptance of all chains.
"""

from typing import Any, NamedTuple

import ingot
import ingot.numpy as jnp
from ingot import lax, random

TARGET, GAMMA, DELAY, FORGET = 0.8, 0.05, 10.0, 0.75
DIVERGENT = 1000.0  # an error of the energy that large means that the integrator has lost the path


class Point(NamedTuple):
    """A place, the log density there, and its gradient."""

    position: Any
    log_density: Any
    gradient: Any


class StepSize(NamedTuple):
    """State of dual averaging: the step to try next, the averaged one, and the mean shortfall."""

    log_step: Any
    log_average: Any
    shortfall: Any


class Samples(NamedTuple):
    """Positions [iterations, chains, D], acceptance, divergence, and the step size in the end."""

    position: Any
    acceptance: Any
    divergent: Any
    step_size: Any


# ---- one transition of one chain ----


def _leapfrog(value_and_grad, point, momentum, step, count):
    def body(_, state):
        point, momentum = state
        momentum = momentum + 0.5 * step * point.gradient
        position = point.position + step * momentum
        point = Point(position, *value_and_grad(position))
        return point, momentum + 0.5 * step * point.gradient

    return lax.fori_loop(0, count, body, (point, momentum))


def _transition(value_and_grad, key, point, step, count):
    """Propose a point `count` leapfrog steps away and accept it by Metropolis' rule."""
    key_momentum, key_accept = random.split(key)
    momentum = random.normal(key_momentum, point.position.shape)
    proposal, final = _leapfrog(value_and_grad, point, momentum, step, count)
    gain = (
        proposal.log_density - 0.5 * final @ final - point.log_density + 0.5 * momentum @ momentum
    )
    gain = jnp.where(jnp.isnan(gain), -jnp.inf, gain)
    acceptance = jnp.exp(jnp.minimum(gain, 0.0))
    accepted = random.uniform(key_accept) < acceptance
    chosen = Point(
        *(jnp.where(accepted, new, old) for new, old in zip(proposal, point, strict=True))
    )
    return chosen, acceptance, gain < -DIVERGENT


# ---- step size ----


def _adapt(state, iteration, start, acceptance):
    count = iteration + 1.0
    weight = 1.0 / (count + DELAY)
    shortfall = (1 - weight) * state.shortfall + weight * (TARGET - acceptance)
    log_step = jnp.log(10.0 * start) - jnp.sqrt(count) / GAMMA * shortfall
    share = count**-FORGET
    return StepSize(log_step, share * log_step + (1 - share) * state.log_average, shortfall)


# ---- the loop ----


def sample(log_density, key, starts, warmup, samples, *, max_leapfrog=6, step=0.5, loop=lax.scan):
    """Run one chain from each of `starts` [chains, D]; the first `warmup` iterations tune the step.

    log_density: [D] -> scalar. loop: what runs the iterations, as `progress(lax.scan)`.
    """
    value_and_grad = ingot.value_and_grad(log_density)

    def advance(key, point, step, count):
        return _transition(value_and_grad, key, point, step, count)

    def iteration(carry, i):
        points, tuning = carry
        key_count, key_chains = random.split(random.fold_in(key, i))
        warming = i < warmup
        size = jnp.exp(jnp.where(warming, tuning.log_step, tuning.log_average))
        count = random.randint(key_count, (), 1, max_leapfrog + 1)
        keys = random.split(key_chains, len(starts))
        points, acceptance, divergent = ingot.vmap(advance, (0, 0, None, None))(
            keys, points, size, count
        )
        adapted = _adapt(tuning, i, step, jnp.mean(acceptance))
        tuning = StepSize(*(jnp.where(warming, a, t) for a, t in zip(adapted, tuning, strict=True)))
        return (points, tuning), (points.position, acceptance, divergent)

    points = Point(starts, *ingot.vmap(value_and_grad)(starts))
    tuning = StepSize(jnp.log(step), jnp.log(step), 0.0)
    tuning = StepSize(*(jnp.asarray(t) for t in tuning))
    (_, tuning), trace = loop(iteration, (points, tuning), jnp.arange(warmup + samples))
    return Samples(*(t[warmup:] for t in trace), jnp.exp(tuning.log_average))
