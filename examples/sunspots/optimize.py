"""Minimization by BFGS with a backtracking line search, written as compiled loops."""

from typing import Any, NamedTuple

import ingot
import ingot.numpy as jnp
from ingot import lax

ARMIJO = 1e-4
SHORTEST_STEP = 1e-10


class Search(NamedTuple):
    """Where the search stands; `inverse` approximates the inverse of the Hessian."""

    position: Any
    value: Any
    gradient: Any
    inverse: Any
    steps: Any
    active: Any


def _backtrack(function, search, direction):
    """Halve the step until the value falls as far as the slope promises; nan counts as too high."""
    slope = ARMIJO * (search.gradient @ direction)

    def too_high(step):
        value = function(search.position + step * direction)
        return ~(value <= search.value + step * slope) & (step > SHORTEST_STEP)

    return lax.while_loop(too_high, lambda step: 0.5 * step, jnp.ones_like(search.value))


def _updated_inverse(inverse, moved, change):
    """The BFGS update; left out where the curvature along the step is not positive."""
    curvature = moved @ change
    safe = jnp.where(curvature > 0, curvature, 1.0)
    shear = jnp.eye(moved.size) - jnp.outer(moved, change) / safe
    update = shear @ inverse @ shear.T + jnp.outer(moved, moved) / safe
    return jnp.where(curvature > 0, update, inverse)


def minimize(function, start, max_steps=200, tolerance=1e-6, longest_step=1.0):
    """Minimum of a smooth scalar function of a vector [D], from one start.

    function: [D] -> scalar, never vectorized by the caller; use vmap over starts for several.
    Stops when no entry of the gradient exceeds `tolerance`, or the line search finds nothing lower.
    """
    value_and_grad = ingot.value_and_grad(function)

    def body(search):
        direction = -search.inverse @ search.gradient
        length = jnp.sqrt(direction @ direction)
        direction = direction * jnp.minimum(1.0, longest_step / jnp.maximum(length, 1e-300))
        moved = _backtrack(function, search, direction) * direction
        position = search.position + moved
        value, gradient = value_and_grad(position)
        lower = value < search.value
        inverse = _updated_inverse(search.inverse, moved, gradient - search.gradient)
        active = lower & (jnp.max(jnp.abs(gradient)) > tolerance)
        moved_on = Search(position, value, gradient, inverse, search.steps + 1, active)
        stayed = search._replace(steps=search.steps + 1, active=active)
        return Search(
            *(jnp.where(lower, new, old) for new, old in zip(moved_on, stayed, strict=True))
        )

    value, gradient = value_and_grad(start)
    first = Search(start, value, gradient, jnp.eye(start.size), jnp.array(0), jnp.isfinite(value))
    return lax.while_loop(lambda s: s.active & (s.steps < max_steps), body, first)
