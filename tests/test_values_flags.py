"""What flags must not change: warnings in 32 bits, alarms of debug_nans; types as NumPy's."""

import warnings

import mpmath as mp
import numpy as np
import pytest

import ingot
from ingot import lax, numpy as jnp, random
from ingot.config import config
from ingot.scipy import special, stats
from ingot.scipy.sparse.linalg import bicgstab, cg, gmres

KEY = random.key(3)
X = np.linspace(0.1, 0.9, 12, dtype="f").reshape(3, 4)


@pytest.mark.parametrize("fun", [
    jnp.sort, jnp.median, jnp.nanmedian, jnp.sort_complex, jnp.unique,
    lambda x: jnp.partition(x, 2),
    lambda x: jnp.sort(x, 0), lambda x: jnp.quantile(x, jnp.array([0.1, 0.5], "f"), axis=0),
    lambda x: jnp.percentile(x, 30), lambda x: x.ravel()[jnp.argsort(x.ravel())],
    lambda x: jnp.take_along_axis(x, jnp.argsort(x, 1), 1), lambda x: lax.top_k(x, 2)[0],
    lambda x: jnp.cumprod(x, 1), lambda x: jnp.interp(x, X[0], X[1])])
def test_gradients_in_32_bits_do_not_warn(fun):
    with ingot.enable_x64(False), warnings.catch_warnings():
        warnings.simplefilter("error")
        gradient = ingot.grad(lambda x: jnp.real(fun(x)).sum())
        for out in (gradient(X), ingot.jit(gradient)(X) if fun is not jnp.unique else X):
            assert np.isfinite(out).all()


@pytest.mark.parametrize("fun", [
    lambda: random.binomial(KEY, 20.0, jnp.array([0.1, 0.5])), lambda: random.poisson(KEY, X * 30),
    lambda: random.truncated_normal(KEY, jnp.array([0.0, 7]), jnp.array([1.0, 8])),
    lambda: special.gammasgn(np.arange(4.0)), lambda: random.gamma(KEY, X),
    lambda: jnp.linalg.norm(X), lambda: stats.poisson.logpmf(np.array([0.0, 20]), 3.0),
    lambda: stats.betabinom.logpmf(np.array([0.0, 20]), 30.0, 2.0, 3.0),
    lambda: stats.t.logpdf(X, 30.0), lambda: stats.gamma.logpdf(X, 30.0)])
def test_debug_nans_has_no_false_alarms(fun):
    with ingot.debug_nans(True):
        assert np.isfinite(fun()).all() and np.isfinite(ingot.jit(fun)()).all()


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int32", "uint32", "int64"])
def test_sums_of_integers_are_as_wide_as_numpys(dtype):
    x = np.array([[100, 100], [100, 27]]).astype(dtype)
    for name in ("sum", "prod", "cumsum", "cumprod", "trace", "nansum", "nancumsum"):
        ours, theirs = getattr(jnp, name)(x), getattr(np, name)(x)
        assert ours.dtype == theirs.dtype, name
        np.testing.assert_array_equal(ours, theirs)
    with config.override("match_jax", True):
        assert jnp.cumsum(x).dtype == ("int64" if dtype == "bool" else dtype)


def test_krylov_methods_say_whether_they_arrived():
    a = np.diag(np.arange(1.0, 9)) + 0.1
    for method in (cg, bicgstab, gmres):
        x, info = method(lambda v: a @ v, np.ones(8), tol=1e-10)
        assert info == 0 and np.abs(a @ x - 1).max() < 1e-8
        assert ingot.jit(lambda b, m=method: m(lambda v: a @ v, b, tol=1e-10)[1])(np.ones(8)) == 0
        options = {"restart": 1} if method is gmres else {}
        assert method(lambda v: a @ v, np.ones(8), tol=1e-12, maxiter=2, **options)[1] == 2
        with config.override("match_jax", True):
            assert method(lambda v: a @ v, np.ones(8))[1] is None


def test_zeta_below_one():
    x = np.array([-1.0, 0, 0.5, -3, -2, -0.5, -5.5, 0.99])
    want = [float(mp.zeta(v)) for v in x]
    np.testing.assert_allclose(special.zeta(x, 1.0), want, rtol=1e-13, atol=1e-16)
    np.testing.assert_allclose(ingot.jit(special.zeta)(x, 1.0), want, rtol=1e-13, atol=1e-16)
    want = [float(mp.zeta(v, 2.5)) for v in x]
    np.testing.assert_allclose(special.zeta(x, 2.5), want, rtol=1e-9)
    slope = ingot.grad(special.zeta)(-0.5, 1.0)
    np.testing.assert_allclose(slope, float(mp.zeta(-0.5, 1, 1)), rtol=1e-11)
