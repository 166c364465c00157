"""Tests of the sunspot example against dense linear algebra and known distributions."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from sunspots import data, diagnostics, evidence, hmc, model, optimize, statespace

import ingot
import ingot.numpy as jnp
from ingot import lax, random

THETA = np.log([1.5, 18.0, 0.2, 2.6, 7.0, 1.0])
TIMES = {
    "yearly": np.arange(1700.0, 1760.0),
    "irregular": np.sort(np.random.default_rng(1).uniform(0, 90, 60)),
}


def dense_kernel(theta, tau):
    """Covariance at lags `tau` straight from the formulas, without the white noise."""
    p = [float(x) for x in model.constrain(jnp.asarray(theta)) if x is not None]
    kernel = p[0] ** 2 * np.exp(-tau / p[1])
    if len(p) == model.SIZE_B:
        rate = np.pi / (p[4] * p[5])
        kernel += p[3] ** 2 * np.exp(-rate * tau) * np.cos(2 * np.pi * tau / p[5])
    return kernel


def dense_covariance(theta, times):
    noise = np.exp(2 * theta[2]) * np.eye(len(times))
    return dense_kernel(theta, np.abs(times[:, None] - times)) + noise


def dense_log_likelihood(theta, times, values):
    factor = scipy.linalg.cholesky(dense_covariance(theta, times), lower=True)
    white = scipy.linalg.solve_triangular(factor, values, lower=True)
    volume = 2 * np.log(np.diag(factor)).sum() + len(times) * np.log(2 * np.pi)
    return -0.5 * (white @ white + volume)


def log_likelihood(theta, times, values):
    parameters = model.constrain(theta)
    process = model.process(parameters)
    return statespace.log_likelihood(process, parameters.white_sd**2, times, values)


@pytest.fixture(params=TIMES)
def times(request):
    return TIMES[request.param]


@pytest.fixture
def values(times):
    return 3 * np.sin(0.57 * times) + np.random.default_rng(2).normal(size=len(times))


@pytest.mark.parametrize("size", [model.SIZE_A, model.SIZE_B])
def test_likelihood_is_that_of_the_dense_process(size, times, values):
    theta = THETA[:size]
    got = ingot.jit(log_likelihood)(jnp.asarray(theta), jnp.asarray(times), jnp.asarray(values))
    assert float(got) == pytest.approx(dense_log_likelihood(theta, times, values), abs=1e-9)


@pytest.mark.parametrize("size", [model.SIZE_A, model.SIZE_B])
def test_gradient_is_that_of_the_dense_process(size, times, values):
    theta = THETA[:size]
    gradient = ingot.jit(ingot.grad(log_likelihood))(
        jnp.asarray(theta), jnp.asarray(times), jnp.asarray(values)
    )
    h = 1e-3
    for index, unit in enumerate(np.eye(size)):
        ends = [dense_log_likelihood(theta + s * h * unit, times, values) for s in (-2, -1, 1, 2)]
        difference = (ends[0] - 8 * ends[1] + 8 * ends[2] - ends[3]) / (12 * h)
        assert float(gradient[index]) == pytest.approx(difference, rel=1e-6, abs=1e-6)


def test_likelihood_of_the_record():
    record = data.load()
    assert record.years[[0, -1]].tolist() == [1700, 2008]
    assert len(record.years) == 309
    got = log_likelihood(jnp.asarray(THETA), jnp.asarray(record.years), jnp.asarray(record.values))
    expected = dense_log_likelihood(THETA, record.years, record.values)
    assert float(got) == pytest.approx(expected, abs=1e-9)


def test_smoother_is_the_dense_conditional(times, values):
    observed = np.arange(len(times)) % 3 > 0
    observed[-5:] = False
    predict = ingot.jit(model.predict)
    mean, variance, _ = predict(*map(jnp.asarray, (THETA, times, values, observed)))
    cross = dense_kernel(THETA, np.abs(times[:, None] - times[observed]))
    solved = np.linalg.solve(dense_covariance(THETA, times[observed]), cross.T)
    np.testing.assert_allclose(mean, solved.T @ values[observed], atol=1e-9)
    expected = dense_kernel(THETA, np.zeros(1)) - np.sum(cross.T * solved, axis=0)
    np.testing.assert_allclose(variance, expected, atol=1e-9)


def test_spectrum_is_the_transform_of_the_kernel():
    lags = np.arange(0.0, 3000.0)
    kernel = dense_kernel(THETA, lags)
    kernel[0] += np.exp(2 * THETA[2])
    frequencies = np.array([0.003, 0.05, 0.0931, 0.31, 0.5])
    waves = np.cos(2 * np.pi * np.outer(frequencies, lags))
    expected = 2 * waves @ kernel - kernel[0]
    got = model.spectrum(jnp.asarray(THETA), jnp.asarray(frequencies))
    np.testing.assert_allclose(got, expected, rtol=1e-9)


@pytest.mark.parametrize("size", [model.SIZE_A, model.SIZE_B])
def test_prior_is_normalized(size):
    draws = 3 * np.random.default_rng(3).standard_t(4, (200_000, size)) + 1
    proposal = scipy.stats.t.logpdf((draws - 1) / 3, 4).sum(axis=1) - size * np.log(3)
    logs = np.asarray(ingot.vmap(model.log_prior)(jnp.asarray(draws)))
    assert np.mean(np.exp(logs - proposal)) == pytest.approx(1, abs=0.06)


def test_minimum_of_rosenbrock_from_several_starts():
    def rosenbrock(x):
        return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2

    starts = jnp.array([[-1.2, 1.0], [0.0, 3.0], [2.0, -2.0]])
    found = ingot.jit(ingot.vmap(lambda x: optimize.minimize(rosenbrock, x)))(starts)
    np.testing.assert_allclose(found.position, np.ones((3, 2)), atol=1e-5)


MEAN = jnp.array([1.0, -2.0])
FACTOR = jnp.array([[0.5, 0.0], [0.4, 2.0]])


def gaussian(x):
    """A density that is exp(3) times that of a normal distribution, so its log evidence is 3."""
    z = jnp.linalg.solve(FACTOR, x - MEAN)
    return 3 - 0.5 * z @ z - jnp.log(2 * jnp.pi) - jnp.sum(jnp.log(jnp.diagonal(FACTOR)))


def test_evidence_of_a_gaussian():
    approximation = evidence.laplace(gaussian, MEAN)
    assert float(approximation.log_evidence) == pytest.approx(3, abs=1e-9)
    np.testing.assert_allclose(approximation.factor, FACTOR, atol=1e-9)
    weighted, size = evidence.importance(gaussian, approximation, random.key(0), 4000)
    assert float(weighted) == pytest.approx(3, abs=0.05)
    assert 1000 < float(size) < 4000


def test_laplace_away_from_a_maximum_is_nan():
    assert np.isnan(float(evidence.laplace(lambda x: jnp.sum(x**2), jnp.zeros(2)).log_evidence))


def test_sampler_draws_from_a_gaussian():
    told = []
    loop = ingot.progress(lax.scan, show=lambda *facts: told.append(facts))
    run = ingot.jit(
        lambda key, starts: hmc.sample(gaussian, key, starts, 1000, 2000, loop=loop)
    )
    chains = ingot.block_until_ready(run(random.key(4), jnp.zeros((4, 2))))
    draws = np.asarray(chains.position)
    assert draws.shape == (2000, 4, 2)
    assert not np.any(chains.divergent)
    assert np.mean(chains.acceptance) == pytest.approx(hmc.TARGET, abs=0.08)
    for index in range(2):
        assert diagnostics.split_rhat(draws[..., index]) < 1.02
        assert diagnostics.effective_size(draws[..., index]) > 1000
    flat = draws.reshape(-1, 2)
    np.testing.assert_allclose(flat.mean(axis=0), MEAN, atol=0.15)
    np.testing.assert_allclose(np.cov(flat.T), FACTOR @ FACTOR.T, rtol=0.2, atol=0.03)
    assert told[-1] == (3000, 3000)


def test_diagnostics_of_known_chains():
    rng = np.random.default_rng(5)
    independent = rng.normal(size=(2000, 4))
    assert diagnostics.split_rhat(independent) == pytest.approx(1, abs=0.005)
    assert diagnostics.effective_size(independent) == pytest.approx(8000, rel=0.1)
    chain, phi = np.zeros((20_000, 4)), 0.8
    for i in range(1, len(chain)):
        chain[i] = phi * chain[i - 1] + rng.normal(size=4)
    expected = chain.size * (1 - phi) / (1 + phi)
    assert diagnostics.effective_size(chain) == pytest.approx(expected, rel=0.1)
    apart = independent + np.array([0, 0, 0, 3.0])
    assert diagnostics.split_rhat(apart) > 1.2
    drifting = independent + np.linspace(0, 3, 2000)[:, None]
    assert diagnostics.split_rhat(drifting) > 1.2


# ---- the script ----


@pytest.fixture(scope="module")
def script():
    """examples/sunspots.py, which a plain import would confuse with the package beside it."""
    path = Path(__file__).with_name("sunspots.py")
    spec = importlib.util.spec_from_file_location("sunspots_script", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("center", "rhat", "status"),
    [(11.0, 1.01, 0), (11.0, 1.06, 1), (11.0, np.nan, 1), (9.0, 1.01, 1), (np.nan, 1.0, 1)],
)
def test_exit_status(script, center, rhat, status):
    period = center + 0.2 * np.random.default_rng(6).normal(size=(500, 4))
    assert script.verdict(period, rhat) == status


def test_one_chain_that_went_wrong_is_not_overlooked(script):
    draws = np.random.default_rng(7).normal(size=(500, 4, 6))
    assert script.parameter_table(draws)[1] < 1.02
    draws[3, 0, 1] = np.nan
    assert not script.parameter_table(draws)[1] <= script.WORST_RHAT
