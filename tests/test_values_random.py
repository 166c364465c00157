"""Distributions of samplers at extreme parameters, and in 16 bits."""

import numpy as np
import pytest
from scipy import stats

import ingot
from ingot import numpy as jnp, random
from ingot.config import config

KEY = random.key(7)
HALVES = ["float16", "bfloat16"]
N = 20_000


def data(x):
    return np.asarray(x).astype(np.float64)


def near(x, mean, variance):
    """Mean and variance of a sample within five standard errors of those of a bell curve."""
    assert abs(x.mean() - mean) < 5 * np.sqrt(variance / x.size)
    assert abs(x.var() / variance - 1) < 5 * np.sqrt(2 / x.size)


# ---- enough random bits --------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("name, law", [
    ("uniform", stats.uniform), ("normal", stats.norm), ("gumbel", stats.gumbel_r),
    ("exponential", stats.expon), ("laplace", stats.laplace), ("logistic", stats.logistic)])
def test_samplers_in_16_bits(name, law, dtype):
    x = getattr(random, name)(KEY, (N,), dtype)
    assert x.dtype == dtype
    single = data(getattr(random, name)(KEY, (N,), "float32"))
    np.testing.assert_allclose(data(x), single, rtol=2.0**-7, atol=1e-7)
    assert np.unique(data(x)).size > 900
    assert stats.kstest(data(x), law.cdf).statistic < 0.02
    if name == "uniform":
        assert data(x).max() < 1
        assert ((data(x) < 0.25) == (single < 0.25)).all()


@pytest.mark.parametrize("dtype", HALVES)
def test_every_class_is_drawn(dtype):
    drawn = random.categorical(KEY, jnp.zeros(2000, dtype), shape=(N,))
    assert np.unique(drawn).size == 2000
    chosen = random.choice(KEY, 2000, (N,), p=jnp.full(2000, 1 / 2000, dtype))
    assert np.unique(chosen).size > 1990
    rare = random.bernoulli(KEY, jnp.asarray(1e-4, dtype), (10 * N,)).sum()
    assert 5 <= rare <= 45
    assert np.unique(random.geometric(KEY, jnp.asarray(0.001, dtype), (N,))).size > 2000


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("name, args, mean", [
    ("gamma", (2.0,), 2), ("beta", (2.0, 3.0), 0.4), ("chisquare", (3.0,), 3),
    ("truncated_normal", (1.0, 2.0), 1.3831), ("rayleigh", (2.0,), 2 * np.sqrt(np.pi / 2)),
    ("weibull_min", (1.0, 2.0), 0.8862), ("triangular", (0.0, 1.0, 2.0), 1), ("wald", (1.0,), 1),
    ("binomial", (10, 0.3), 3), ("lognormal", (0.5,), np.exp(0.125)), ("maxwell", (), 1.5958),
    ("pareto", (5.0,), 1.25)])
def test_means_in_16_bits(name, args, mean, dtype):
    x = getattr(random, name)(KEY, *args, shape=(N,), dtype=dtype)
    assert x.dtype == dtype
    assert abs(data(x).mean() - mean) < 0.03 * mean


# ---- integers ------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64",
                                   "uint64"])
def test_randint_is_unbiased(dtype):
    limits = np.iinfo(dtype)
    span = 3 << (limits.bits - 3)
    x = random.randint(KEY, (3 * N,), 0, np.asarray(span, dtype), dtype)
    counts = np.histogram(data(x) / span, 3, (0, 1))[0]
    assert counts.sum() == 3 * N
    assert stats.chisquare(counts).pvalue > 1e-4
    low = random.randint(KEY, (N,), limits.min, limits.min + 5, dtype)
    assert np.unique(low).size == 5
    assert stats.chisquare(np.bincount(np.asarray(random.randint(
        KEY, (N,), 0, 100, dtype)).astype(int))).pvalue > 1e-4


def test_randint_draws_jaxs_bits_where_those_are_uniform_or_asked_for():
    def draw(span, dtype):
        return np.asarray(random.randint(KEY, (50,), 0, span, dtype))

    for span, dtype, same in ((10, "int32", True), (1 << 20, "int32", True), (100, "int64", True),
                              (10**6, "int64", True), (3 << 29, "int32", False),
                              (3 << 40, "int64", False)):
        with config.override("match_jax", True):
            theirs = draw(span, dtype)
        assert (draw(span, dtype) == theirs).all() == same


# ---- tails ---------------------------------------------------------------------------------------
BOUNDS = [(3.5, 4.0), (6.0, 7.0), (8.0, np.inf), (20.0, 20.1), (38.0, np.inf), (-7.0, -6.0),
          (-np.inf, -38.0), (-3.1, -3.0), (-np.inf, np.inf), (-9.0, 12.0)]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("a, b", BOUNDS)
def test_truncated_normal_in_tails(a, b, dtype):
    law = stats.truncnorm(a, b) if a < -8 < b else None
    fun = ingot.jit(lambda a, b: random.truncated_normal(KEY, a, b, (N,), dtype))
    x = data(fun(a, b))
    np.testing.assert_allclose(x, data(random.truncated_normal(KEY, a, b, (N,), dtype)),
                               rtol=1e-5)
    assert (x > a).all() and (x < b).all()
    if law is not None and b > -8:
        assert stats.kstest(x, law.cdf).statistic < 0.015
        return
    near_, far, y = (a, b, x) if a > 0 else (-b, -a, -x)
    gone = np.exp(stats.norm.logsf(far) - stats.norm.logsf(near_))
    share = (1 - np.exp(stats.norm.logsf(y) - stats.norm.logsf(near_))) / (1 - gone)
    assert stats.kstest(share, "uniform").statistic < 0.015


def test_truncated_normal_at_limits():
    def draw(a, b, dtype="float64"):
        return random.truncated_normal(KEY, a, b, dtype=dtype)

    assert np.isnan(draw(2.0, 1.0)) and np.isnan(draw(np.nan, 1.0))
    assert draw(5.0, 5.0) == 5 and 1e20 < draw(1e20, np.inf, "float32") < 1.001e20
    mixed = random.truncated_normal(KEY, np.array([-1.0, 6, -7]), np.array([1.0, 7, -6]))
    assert (np.abs(mixed) < [1, 7, 7]).all() and mixed[1] > 6 and mixed[2] < -6
    slope = ingot.grad(draw)(6.0, np.inf)
    np.testing.assert_allclose(slope, (draw(6.00001, np.inf) - draw(5.99999, np.inf)) / 2e-5, 1e-5)


@pytest.mark.sampled(3)
# ---- counts --------------------------------------------------------------------------------------
@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("rate", [12.0, 1e4, 1e6, 1e7, 1e8, 1e9, 2e9, 1e17, 9e18])
def test_poisson_at_large_rates(rate, wide):
    if not wide and rate > 2e9:
        return
    with ingot.enable_x64(wide):
        near(data(random.poisson(KEY, rate, (N,))), rate, rate)
        top = random.poisson(KEY, 1e30)
        assert top == dtypes_max(wide) == random.poisson(KEY, np.inf)


def dtypes_max(wide):
    return np.iinfo(np.int64 if wide else np.int32).max


@pytest.mark.sampled(3)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n, p", [(100, 0.3), (1e5, 0.5), (1.6e7, 0.4), (1e8, 0.9), (1e9, 0.5),
                                  (1e9, 1e-7), (1e12, 0.3)])
def test_binomial_of_many_trials(n, p, dtype):
    p, n = np.asarray(p, dtype), np.asarray(n, dtype)
    x = data(random.binomial(KEY, n, p, (N,)))
    near(x, float(n) * float(p), float(n) * float(p) * (1 - float(p)))
