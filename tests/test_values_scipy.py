"""Densities, norms, exponentials and convolutions where plain formulas cancel or overflow."""

import mpmath as mp
import numpy as np
import pytest
import scipy.linalg
import scipy.signal
import scipy.special
import scipy.stats

import ingot
from ingot import numpy as jnp
from ingot.scipy import linalg, signal, special, stats

FLOATS = ["float32", "float64"]


def log_beta(x, y):
    return mp.loggamma(x) + mp.loggamma(y) - mp.loggamma(x + y)


def log_binomial(k, n, p):
    return (mp.loggamma(n + 1) - mp.loggamma(k + 1) - mp.loggamma(n - k + 1) + k * mp.log(p)
            + (n - k) * mp.log(1 - p))


def log_gamma_density(x, a):
    return (a - 1) * mp.log(x) - x - mp.loggamma(a)


DENSITIES = {
    "poisson": (lambda k, mu: k * mp.log(mu) - mu - mp.loggamma(k + 1), [
        (3, 2.5), (70, 100), (10200, 1e4), (9990513, 1e7), (1000063245, 1e9)]),
    "binom": (log_binomial, [(4, 10, 0.3), (500500, 1e6, 0.5), (13, 1e7, 1e-6),
                             (9900314, 1e7, 0.99)]),
    "nbinom": (lambda k, n, p: mp.loggamma(k + n) - mp.loggamma(n) - mp.loggamma(k + 1)
               + n * mp.log(p) + k * mp.log(1 - p), [
        (11, 5, 0.3), (1001000, 1e6, 0.5), (9999000, 1e3, 1e-4), (2, 0.5, 0.2)]),
    "gamma": (log_gamma_density, [(1.2, 0.5), (4, 3), (1030, 1e3), (10003162, 1e7)]),
    "chi2": (lambda x, df: log_gamma_density(x / 2, df / 2) - mp.log(2), [
        (2.4, 1), (2060, 2e3), (20006324, 2e7)]),
    "t": (lambda x, df: mp.loggamma((df + 1) / 2) - mp.loggamma(df / 2) - mp.log(mp.pi * df) / 2
          - (df + 1) / 2 * mp.log(1 + x * x / df), [
        (1.5, 0.5), (1.5, 15), (1.5, 17), (1.5, 1e4), (1.5, 1e10), (40, 1e10)]),
    "betabinom": (lambda k, n, a, b: -mp.log(n + 1) - log_beta(n - k + 1, k + 1)
                  + log_beta(k + a, n - k + b) - log_beta(a, b), [
        (4, 10, 2, 3), (4e5, 1e6, 2, 3), (5e5, 1e6, 1e6, 1e6), (33333, 1e5, 0.1, 0.2),
        (999, 1e3, 1e5, 10)]),
}
ROWS = [(name, args) for name, (_, rows) in DENSITIES.items() for args in rows]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name, args", ROWS)
def test_densities_at_large_parameters(name, args, dtype):
    args = [np.asarray(x, dtype) for x in args]
    with mp.workdps(40):
        want = float(DENSITIES[name][0](*(mp.mpf(float(x)) for x in args)))
    module = getattr(stats, name)
    log = getattr(module, "logpmf", None) or module.logpdf
    tolerance = 50 * np.finfo(dtype).eps
    np.testing.assert_allclose(log(*args), want, rtol=tolerance)
    np.testing.assert_allclose(ingot.jit(log)(*args), want, rtol=tolerance)
    if dtype == "float64" and max(args) < 2e4:
        i, step = len(args) - 1, 1e-5 * args[-1]

        def along(v):
            return log(*args[:i], v)

        slope = (along(args[i] + step) - along(args[i] - step)) / (2 * step)
        np.testing.assert_allclose(ingot.grad(along)(args[i]), slope, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("dtype, tolerance", [("float32", 2e-6), ("float64", 1e-13)])
def test_multinomial_and_dirichlet_at_large_parameters(dtype, tolerance):
    p = np.array([0.25, 0.25, 0.5], dtype)
    counts, n = np.array([250500, 249000, 500500], dtype), 10**6
    with mp.workdps(40):
        factorials = sum(mp.loggamma(float(x) + 1) for x in counts)
        powers = sum(float(x) * mp.log(float(q)) for x, q in zip(counts, p, strict=True))
        want = float(mp.loggamma(n + 1) - factorials + powers)
        total = sum(mp.loggamma(float(x)) for x in counts)
        density = float(mp.loggamma(n) - total + sum(
            (float(x) - 1) * mp.log(float(q)) for x, q in zip(counts, p, strict=True)))
    np.testing.assert_allclose(stats.multinomial.logpmf(counts, n, p), want, rtol=tolerance)
    np.testing.assert_allclose(stats.dirichlet.logpdf(p, counts), density, rtol=tolerance)
    rows = np.array([[1, 0, 3], [2, 1, 1], [0, 0, 4]])
    np.testing.assert_allclose(stats.multinomial.logpmf(rows, 4, p), scipy.stats.multinomial.logpmf(
        rows, 4, p.astype(float)), rtol=1e-6)


def test_densities_at_the_edges():
    inf = np.inf
    close = np.testing.assert_allclose
    k, p = np.array([0.0, 3, 5, 5, 0, 1, 6, -1]), np.array([0.0, 1, 1, 0, 1, 0.5, 0.5, 0.5])
    close(stats.binom.logpmf(k, 5.0, p), scipy.stats.binom.logpmf(k, 5, p), rtol=1e-13)
    k, mu = np.array([0.0, 3, 8, -1, 2.5, 0]), np.array([0.0, 0, 8, 2, 2, 3])
    close(stats.poisson.logpmf(k, mu), scipy.stats.poisson.logpmf(k, mu), rtol=1e-13)
    close(stats.t.logpdf(1.5, inf), scipy.stats.norm.logpdf(1.5), rtol=1e-14)
    close(stats.gamma.logpdf(np.array([inf, 0, 0]), np.array([3.0, 1, 20])), [-inf, 0, -inf])
    close(stats.chi2.logpdf(np.array([inf, 0]), np.array([3.0, 2])), [-inf, -np.log(2)])
    close(ingot.grad(lambda m: stats.poisson.logpmf(0.0, m))(0.0), -1)
    close(ingot.grad(lambda p: stats.binom.logpmf(0.0, 5.0, p))(0.0), -5)
    close(ingot.grad(lambda p: stats.binom.logpmf(5.0, 5.0, p))(1.0), 5)


# ---- norms ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "complex64",
                                   "complex128"])
def test_norms_of_large_and_small_numbers(dtype):
    limits = jnp.finfo(dtype)
    norms = [jnp.linalg.norm, ingot.jit(jnp.linalg.norm), lambda x: ingot.vmap(jnp.linalg.norm)(
        x[None])[0], lambda x: jnp.linalg.vector_norm(x), lambda x: jnp.linalg.norm(
            x.reshape(2, -1), "fro"), lambda x: jnp.linalg.norm(x, 2.0), lambda x: jnp.linalg.norm(
                jnp.asarray(x), 3) * 2 ** (1 / 6)]
    for size in (2, 40):
        for exact in (float(limits.max) / 64, float(limits.tiny) * 4, 3.0, 0.0):
            x = jnp.asarray(np.r_[np.zeros(size - 2), exact, exact], dtype)
            want = float(jnp.asarray(exact, limits.dtype)) * np.sqrt(2)
            for norm in norms:
                np.testing.assert_allclose(float(norm(x)), want, rtol=4 * float(limits.eps))
        for extreme in (np.inf, np.nan):
            x = jnp.asarray([extreme] + [1] * (size - 1), dtype)
            for norm in norms:
                np.testing.assert_equal(float(norm(x)), extreme)
    assert float(jnp.linalg.norm(jnp.full(50, 100, dtype))) == pytest.approx(707.1, rel=0.01)


def test_norms_along_axes_and_their_derivatives():
    x = np.random.RandomState(0).randn(3, 4, 50)
    for axis in (0, -1, (0, 2), (1, 0)):
        for keep in (False, True):
            np.testing.assert_allclose(
                ingot.jit(lambda x, a=axis, k=keep: jnp.linalg.norm(x, axis=a, keepdims=k))(x),
                np.linalg.norm(x, axis=axis, keepdims=keep), rtol=1e-14)
    big = np.array([3e200, 4e200])
    np.testing.assert_allclose(ingot.grad(jnp.linalg.norm)(big), [0.6, 0.8], rtol=1e-14)
    np.testing.assert_allclose(ingot.grad(lambda x: jnp.linalg.norm(x, 4))(big),
                               ingot.grad(lambda x: jnp.linalg.norm(x, 4))(big / 1e200), rtol=1e-13)
    np.testing.assert_allclose(ingot.hessian(jnp.linalg.norm)(np.array([3.0, 4.0])),
                               [[0.128, -0.096], [-0.096, 0.072]], rtol=1e-13)


# ---- exponentials of matrices --------------------------------------------------------------------
NILPOTENT = np.triu(np.random.RandomState(0).randn(8, 8), 1)
MATRICES = [np.array([[0, 1e6], [0, 0]]), NILPOTENT * 1e6, np.diag([-1e6, -1.0, 3]),
            np.array([[1, 1e6], [0, -1]]), np.random.RandomState(1).randn(6, 6) * 3,
            np.zeros((3, 3)), NILPOTENT[:3, :3] * 1e100, np.diag([1e-20, 1e-30])]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("i", range(len(MATRICES)))
def test_expm_of_large_matrices(i):
    a = MATRICES[i]
    if np.abs(a).max() > 1e50:
        want = np.eye(3) + a + a @ a / 2
    else:
        with mp.workdps(60):
            want = np.array(mp.expm(mp.matrix(a.tolist())).tolist(), float)
    for out in (linalg.expm(a), ingot.jit(linalg.expm)(a), ingot.vmap(linalg.expm)(a[None])[0],
                linalg.expm(np.stack([a, 0 * a]))[0]):
        assert np.abs(out - want).max() <= 1e-9 * np.abs(want).max()
        diagonal = np.abs(np.diagonal(out) - np.diagonal(want))
        assert (diagonal <= 1e-9 * max(1, np.abs(np.diagonal(want)).max())).all()


def test_expm_in_float32_and_its_limit_of_squarings():
    a = np.array([[0, 1e30], [0, 0]], "f")
    np.testing.assert_array_equal(linalg.expm(a), [[1, np.float32(1e30)], [0, 1]])
    assert np.isnan(linalg.expm(np.diag([1e3, -1e3]), max_squarings=2)).all()


# ---- convolutions --------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_large_convolutions_take_transforms(mode):
    r = np.random.RandomState(0)
    a, b = r.randn(121, 90), r.randn(70, 81)
    text = str(ingot.make_jaxpr(lambda a, b: signal.convolve(a, b, mode))(a, b))
    assert "fft" in text and "conv_general" not in text
    for ours, theirs in ((signal.convolve, scipy.signal.convolve),
                         (signal.correlate, scipy.signal.correlate),
                         (signal.convolve2d, scipy.signal.convolve2d),
                         (signal.correlate2d, scipy.signal.correlate2d)):
        if ours is signal.correlate and mode == "same":
            continue
        np.testing.assert_allclose(ours(a, b, mode), theirs(a, b, mode), atol=1e-10)
    whole = r.randint(-9, 9, (121, 90))
    text = str(ingot.make_jaxpr(lambda a: signal.convolve(a, a, mode))(whole))
    assert "conv_general" in text
    small = str(ingot.make_jaxpr(lambda a: signal.convolve(a, a, mode))(a[:9, :9]))
    assert "conv_general" in small


def test_long_direct_convolutions_are_compiled():
    r = np.random.RandomState(1)
    a, b = r.randn(3000), r.randn(1000)
    for mode in ("full", "same", "valid"):
        assert "jit" in str(ingot.make_jaxpr(lambda a, b, m=mode: jnp.convolve(a, b, m))(a, b))
        np.testing.assert_allclose(jnp.convolve(a, b, mode), np.convolve(a, b, mode), atol=1e-11)
        np.testing.assert_allclose(jnp.correlate(a, b, mode), np.correlate(a, b, mode), atol=1e-11)
    planes = r.randint(-9, 9, (60, 50)), r.randint(-9, 9, (30, 40))
    np.testing.assert_array_equal(signal.convolve(*planes, "same"),
                                  scipy.signal.convolve(*planes, "same", method="direct"))


# ---- special functions ---------------------------------------------------------------------------
@pytest.mark.parametrize("dtype, tolerance", [("float32", 2e-5), ("float64", 2e-13)])
def test_binomial_coefficients_and_rising_factorials_of_large_numbers(dtype, tolerance):
    rows = [(10, 3), (1e5, 2), (1e6, 3.5), (1e6, 1e-3), (1e7, 1), (4e3, 10), (30, 15)]
    n, k = np.array(rows, dtype).T
    with mp.workdps(60):
        pairs = [(mp.mpf(float(a)), mp.mpf(float(b))) for a, b in zip(n, k, strict=True)]
        comb = [float(mp.binomial(a, b)) for a, b in pairs]
        poch = [float(mp.rf(a, b)) for a, b in pairs]
    np.testing.assert_allclose(special.comb(n, k), np.array(comb), rtol=tolerance)
    usable = np.array(poch) < 1e30
    np.testing.assert_allclose(np.asarray(special.poch(n, k))[usable], np.array(poch)[usable],
                               rtol=2 * tolerance)
    np.testing.assert_allclose(ingot.grad(special.poch)(3.0, 2.0), 7, rtol=1e-12)
    np.testing.assert_allclose(special.poch(np.array([-1.5, 2.0]), np.array([2.0, -1])),
                               [0.75, 1], rtol=1e-12)


def test_relative_entropy_of_nearly_equal_numbers():
    p, q = np.array([1e6, 1e6, 3.0, 0, np.inf, 1e300]), np.array([1e6 + 1, 1e6, 2, 1, 1, 1e-300])
    np.testing.assert_allclose(special.rel_entr(p, q), scipy.special.rel_entr(p, q), rtol=1e-9)
    np.testing.assert_allclose(ingot.grad(special.rel_entr, (0, 1))(3.0, 2.0),
                               [np.log(1.5) + 1, -1.5], rtol=1e-14)


# ---- beside mpmath and SciPy at special arguments ------------------------------------------------
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("a, b, x", [
    (1e6, 1e6, 0.5), (1e8, 1e8, 0.5), (1e5, 3e5, 0.25), (50, 60, 0.4), (1e4, 0.5, 0.9),
    (1e7, 2, 0.999), (25, 1.5, 0.875)])
def test_beta_densities_at_large_parameters(a, b, x, dtype):
    args = [np.asarray(v, dtype) for v in (x, a, b)]
    with mp.workdps(60):
        y, c, d = (mp.mpf(float(v)) for v in args)
        want = float((c - 1) * mp.log(y) + (d - 1) * mp.log1p(-y) - log_beta(c, d))
    rtol = 2e-6 if dtype == "float32" else 1e-14
    for fun in (stats.beta.logpdf, ingot.jit(stats.beta.logpdf)):
        np.testing.assert_allclose(fun(*args), want, rtol=rtol, atol=rtol * 4)
    if dtype == "float64":
        with mp.workdps(60):
            slope = (c - 1) / y - (d - 1) / (1 - y)
            by_a = mp.log(y) - mp.digamma(c) + mp.digamma(c + d)
        np.testing.assert_allclose(ingot.grad(stats.beta.logpdf)(*args), float(slope), 1e-8)
        np.testing.assert_allclose(ingot.grad(stats.beta.logpdf, 1)(*args), float(by_a), 1e-8,
                                   1e-14)


@pytest.mark.parametrize("dtype", FLOATS)
def test_tails_of_the_normal_distribution_keep_their_digits(dtype):
    x = np.array([-1, -3, -5.3, -8, -11, -12.7, -20.1, -25, -30.3, -37.2, -37.5], dtype)
    x = x[:6] if dtype == "float32" else x
    with mp.workdps(40):
        want = [float(mp.ncdf(float(v))) for v in x]
    eps = np.finfo(dtype).eps
    for fun in (special.ndtr, ingot.jit(special.ndtr)):
        np.testing.assert_allclose(fun(x), want, rtol=6 * eps)
        ends = np.array([-np.inf, np.inf, np.nan], dtype)
        np.testing.assert_array_equal(fun(ends), [0, 1, np.nan])
    with mp.workdps(40):
        want = [float(mp.erfc(float(-v))) for v in x / 2]
    for fun in (special.erfc, ingot.jit(special.erfc)):
        np.testing.assert_allclose(fun(-x / 2), want, rtol=6 * eps)


def test_beta_functions_at_poles_and_infinities():
    rows = [(0.0, 0.0), (0.0, 2.0), (-0.0, 2.0), (np.inf, 0.0), (np.inf, 1.5), (-1.0, 1.0),
            (-1.0, 2.0), (-2.0, 1.0), (-2.0, 2.0), (-3.0, 2.0), (-2.0, 0.5), (-0.5, 0.5),
            (-0.5, -0.5), (-1.5, 1.0), (3.0, 4.0), (-4.5, 2.5)]
    for a, b in rows:
        for ours, theirs in ((special.beta, scipy.special.beta), (special.betaln,
                                                                scipy.special.betaln)):
            want = theirs(a, b)
            np.testing.assert_allclose(ours(a, b), want, rtol=1e-14, atol=1e-15)
            np.testing.assert_allclose(ours(b, a), theirs(b, a), rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(special.beta(1e5, 1.0), 1e-5, rtol=1e-14)
    assert ingot.grad(special.betaln)(np.inf, 2.0) == 0
    with mp.workdps(30):
        want = float(mp.log(abs(mp.beta(-0.5, 1e5))))
    np.testing.assert_allclose(special.betaln(np.float32(-0.5), np.float32(1e5)), want, rtol=1e-6)


def test_special_functions_outside_their_domains():
    values = np.array([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 7.0, np.nan])
    grid = [g.ravel() for g in np.meshgrid(values, values, values)]
    counts = np.meshgrid(np.array([-1.0, 0.0, 1.0, 4.0]), np.arange(-1, 5), values)
    counts = [g.ravel() for g in counts]
    for name, args in (("pdtr", grid[:2]), ("pdtrc", grid[:2]), ("gdtr", grid), ("gdtrc", grid),
                       ("fdtr", grid), ("fdtrc", grid), ("bdtr", counts), ("bdtrc", counts),
                       ("nbdtr", counts), ("nbdtrc", counts), ("rel_entr", grid[:2]),
                       ("kl_div", grid[:2]), ("poch", grid[:2]), ("boxcox1p", grid[:2])):
        known = ~np.isnan(np.sum(args, axis=0)) if name in ("pdtr", "pdtrc") else slice(None)
        args = [x[known] for x in args]
        with np.errstate(all="ignore"):
            want = getattr(scipy.special, name)(*args)
            np.testing.assert_allclose(getattr(special, name)(*args), want, rtol=1e-12,
                                       atol=1e-300, err_msg=name)
    assert special.boxcox1p(1e-300, 1e-300) == 1e-300
    np.testing.assert_allclose(special.fdtr(np.float32(2), np.float32(0.3), np.float32(1e4)),
                               scipy.special.fdtr(2, np.float32(0.3), 1e4), rtol=2e-6)


@pytest.mark.parametrize("x", [[np.nan, 1, 1], [np.nan, 1, 2], [np.nan, np.nan, 1], [np.nan]])
def test_mode_takes_all_nan_for_equal(x):
    np.testing.assert_array_equal(stats.mode(np.array(x)), scipy.stats.mode(x))
