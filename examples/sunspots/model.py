"""The two models of the sunspot record: their parameters, priors, posterior densities and spectra.

Both work on y = sqrt(yearly mean count) - mean, in root counts:

    A  red noise      red_sd^2 exp(-tau / red_time) + white_sd^2 [tau = 0]
    B  quasi-periodic A + cycle_sd^2 exp(-pi tau / (quality period)) cos(2 pi tau / period)

`quality` is that of a damped oscillator, angular frequency / (2 damping rate). The priors are weak:
each parameter but the period is log-normal, the table below gives its median and width; the period
is log-uniform between 2 and 100 years. A vector `theta` holds the logarithms of the log-normal ones
and, for the period, the logit of its place in the logarithmic range, so every real vector is legal.
"""

from typing import NamedTuple

import ingot.numpy as jnp
from ingot import random

from . import statespace

NAMES = ("red_sd", "red_time", "white_sd", "cycle_sd", "quality", "period")
UNITS = ("root counts", "yr", "root counts", "root counts", "", "yr")
PRIOR_MEDIAN = (2.0, 10.0, 0.5, 2.0, 5.0)
PRIOR_WIDTH = (1.0, 1.5, 1.0, 1.0, 1.5)
PERIOD_RANGE = (2.0, 100.0)
SIZE_A, SIZE_B = 3, 6


class Parameters(NamedTuple):
    """The parameters in their own units, in the order of NAMES; None where model A has none."""

    red_sd: object
    red_time: object
    white_sd: object
    cycle_sd: object = None
    quality: object = None
    period: object = None


def _sigmoid(x):
    return 0.5 * (1.0 + jnp.tanh(0.5 * x))


def constrain(theta):
    """Parameters from an unconstrained vector: 3 entries are model A, 6 are model B."""
    if theta.shape[0] == SIZE_A:
        return Parameters(*jnp.exp(theta))
    low, high = PERIOD_RANGE
    period = low * (high / low) ** _sigmoid(theta[5])
    return Parameters(*jnp.exp(theta[:5]), period)


def process(parameters):
    """The noise-free process that the parameters describe."""
    red = statespace.red_noise(parameters.red_sd**2, 1.0 / parameters.red_time)
    if parameters.period is None:
        return red
    frequency = 1.0 / parameters.period
    rate = jnp.pi * frequency / parameters.quality
    return statespace.add(red, statespace.quasi_periodic(parameters.cycle_sd**2, rate, frequency))


def log_prior(theta):
    """Normalized log prior density of `theta`."""
    size = min(theta.shape[0], len(PRIOR_MEDIAN))
    width = jnp.array(PRIOR_WIDTH[:size])
    z = (theta[:size] - jnp.log(jnp.array(PRIOR_MEDIAN[:size]))) / width
    density = jnp.sum(-0.5 * z**2 - jnp.log(width)) - 0.5 * size * jnp.log(2 * jnp.pi)
    if theta.shape[0] == SIZE_A:
        return density
    place = theta[5]
    return density - jnp.abs(place) - 2 * jnp.log1p(jnp.exp(-jnp.abs(place)))


def log_posterior(theta, years, values):
    """Unnormalized log posterior density: log likelihood + log prior."""
    parameters = constrain(theta)
    noise = parameters.white_sd**2
    likelihood = statespace.log_likelihood(process(parameters), noise, years, values)
    return likelihood + log_prior(theta)


def starts(key, count, size):
    """Starting points [count, size] for the fit: the prior, narrowed to half its width."""
    center = jnp.concatenate([jnp.log(jnp.array(PRIOR_MEDIAN)), jnp.zeros(1)])[:size]
    width = jnp.array((*PRIOR_WIDTH, 1.8))[:size]
    return center + 0.5 * width * random.normal(key, (count, size))


def predict(theta, years, values, observed):
    """Mean and variance [N] of the noise-free process, and the variance of the white noise."""
    parameters = constrain(theta)
    noise = parameters.white_sd**2
    return *statespace.smooth(process(parameters), noise, years, values, observed), noise


def spectrum(theta, frequencies):
    """Power spectral density (counts yr, two-sided) of yearly samples at `frequencies` (1/yr)."""
    parameters = constrain(theta)
    omega = 2 * jnp.pi * frequencies

    def line(variance, rate, center):
        # The transform of exp(-rate |k|) cos(center k) over whole years k, so aliasing is included.
        decay = jnp.exp(-rate)
        return variance * (1 - decay**2) / (1 - 2 * decay * jnp.cos(omega - center) + decay**2)

    density = parameters.white_sd**2 + line(parameters.red_sd**2, 1 / parameters.red_time, 0.0)
    if parameters.period is None:
        return density
    center = 2 * jnp.pi / parameters.period
    rate = 0.5 * center / parameters.quality
    half = 0.5 * parameters.cycle_sd**2
    return density + line(half, rate, center) + line(half, rate, -center)
