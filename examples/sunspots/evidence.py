"""The evidence of a model by Laplace's approximation, and by importance sampling to check it."""

import math
from typing import Any, NamedTuple

import ingot
import ingot.numpy as jnp
from ingot import random

DEGREES = 4  # of freedom of the Student t proposal, whose tails cover the posterior's


class Laplace(NamedTuple):
    """Gaussian approximation: mode [D], Cholesky factor [D, D] of the covariance, log evidence."""

    mode: Any
    factor: Any
    log_evidence: Any


def laplace(log_density, mode):
    """Expand an unnormalized log density to second order at its maximum.

    Where the Hessian is not negative definite, the factor and the evidence are nan.
    """
    precision = -ingot.hessian(log_density)(mode)
    factor = jnp.linalg.cholesky(jnp.linalg.inv(precision))
    volume = 0.5 * mode.size * math.log(2 * math.pi) + jnp.sum(jnp.log(jnp.diagonal(factor)))
    return Laplace(mode, factor, log_density(mode) + volume)


def _log_student(z, size):
    """Log density of the standard Student t in `size` dimensions at squared radius sum(z^2)."""
    half = 0.5 * (DEGREES + size)
    constant = (
        math.lgamma(half) - math.lgamma(0.5 * DEGREES) - 0.5 * size * math.log(DEGREES * math.pi)
    )
    return constant - half * jnp.log1p(jnp.sum(z**2) / DEGREES)


def importance(log_density, approximation, key, draws):
    """Log evidence from weighted Student t draws around the mode, and their effective number."""
    size = approximation.mode.size
    key_normal, key_scale = random.split(key)
    squares = jnp.sum(random.normal(key_scale, (draws, DEGREES)) ** 2, axis=1)
    z = random.normal(key_normal, (draws, size)) * jnp.sqrt(DEGREES / squares)[:, None]

    def log_weight(z):
        theta = approximation.mode + approximation.factor @ z
        jacobian = jnp.sum(jnp.log(jnp.diagonal(approximation.factor)))
        return log_density(theta) + jacobian - _log_student(z, size)

    logs = ingot.vmap(log_weight)(z)
    logs = jnp.where(jnp.isnan(logs), -jnp.inf, logs)
    top = jnp.max(logs)
    weights = jnp.exp(logs - top)
    return top + jnp.log(jnp.mean(weights)), jnp.sum(weights) ** 2 / jnp.sum(weights**2)
