"""Slopes of incomplete gamma and beta functions beside mpmath's, at large parameters too."""

import mpmath as mp
import numpy as np
import pytest

import ingot
from ingot.scipy import special, stats


def log_beta_density(x, a, b):
    return ((a - 1) * mp.log(x) + (b - 1) * mp.log1p(-x) + mp.loggamma(a + b) - mp.loggamma(a)
            - mp.loggamma(b))


@pytest.mark.parametrize("a, b, x", [
    (1e4, 2e4, 1 / 3), (1e8, 1e8, 0.5), (1e10, 0.5, 1 - 1e-10), (0.5, 1e12, 3e-12), (2.0, 3.0, 0.2),
    (1e15, 1e15, 0.5), (2.0, 1e9, 1e-9), (0.3, 0.4, 1e-9), (1e-5, 2.0, 1e-300), (30.0, 1e-3, 0.9)])
def test_slopes_of_the_incomplete_beta_function(a, b, x):
    with mp.workdps(60):
        want = float(mp.exp(log_beta_density(mp.mpf(x), mp.mpf(a), mp.mpf(b))))
    slope = lambda f: float(ingot.grad(f)(x, a, b))
    close = lambda got: np.testing.assert_allclose(got, want, rtol=5e-14)
    close(slope(lambda x, a, b: special.betainc(a, b, x)))
    close(slope(stats.beta.cdf))


@pytest.mark.parametrize("a, x", [(0.5, 0.2), (3.0, 4.0), (1e4, 1e4), (1e8, 1e8 + 1e4),
                                  (1e12, 1e12), (1e12, 1e12 - 3e6), (20.0, 1e-3), (9.0, 60.0)])
def test_slopes_of_the_incomplete_gamma_function(a, x):
    with mp.workdps(60):
        want = float(mp.exp((a - 1) * mp.log(x) - x - mp.loggamma(a)))
    slope = lambda f: float(ingot.grad(f)(x, a))
    np.testing.assert_allclose(slope(lambda x, a: special.gammainc(a, x)), want, rtol=3e-14)
    np.testing.assert_allclose(slope(lambda x, a: -special.gammaincc(a, x)), want, rtol=3e-14)
    for sign, log, plain in ((1, stats.gamma.logcdf, stats.gamma.cdf),
                             (-1, stats.gamma.logsf, stats.gamma.sf)):
        np.testing.assert_allclose(sign * slope(log) * float(plain(x, a)), want, rtol=1e-12)
