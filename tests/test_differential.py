"""Functions of ingot.scipy beside those of SciPy and mpmath over grids, invalid arguments too."""

import inspect
import itertools

import mpmath as mp
import numpy as np
import pytest
import scipy.fft
import scipy.interpolate
import scipy.linalg
import scipy.signal
import scipy.stats

import ingot
import ingot.numpy as jnp
from ingot.scipy import fft, interpolate, linalg, signal, special, stats

inf, nan = np.inf, np.nan

# ---- distributions ------------------------------------------------------------------------------
X = [-inf, -30.0, -1.0, -0.5, 0.0, 1e-8, 0.5, 1.0, 2.0, 7.0, 40.0, 1e3, inf, nan]
K = [-inf, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 9.0, 10.0, 11.0, 1e3, inf, nan]
Q = [-0.5, 0.0, 1e-5, 0.1, 0.3, 0.45, 0.9, 1.0, 1.5, nan]
POSITIVE, SHARES = [-1.0, 0.0, 0.5, 1.0, 7.5, 1e3, nan], [-0.1, 0.0, 0.1, 0.5, 0.9, 1.0, 1.1, nan]
COUNTS = [-1.0, 0.0, 1.0, 2.5, 10.0, 1e3, nan]
PLACES = [(0.0, 1.0), (1.5, 2.0), (0.0, 0.0), (0.0, -1.0), (nan, 1.0), (0.0, nan)]
CONTINUOUS = {
    "beta": [POSITIVE, POSITIVE], "cauchy": [], "chi2": [POSITIVE], "expon": [],
    "gamma": [POSITIVE], "gennorm": [POSITIVE], "gumbel_l": [], "gumbel_r": [], "laplace": [],
    "logistic": [], "norm": [], "pareto": [POSITIVE], "t": [POSITIVE], "uniform": [],
    "truncnorm": [[-2.0, 0.0, 1.0, nan], [2.0, 0.0, -1.0, 8.5, nan]],
    "vonmises": [[-1.0, 0.0, 0.5, 7.5, nan]], "wrapcauchy": [[-0.5, 0.0, 0.3, 0.9, 1.0, nan]]}
DISCRETE = {"bernoulli": [SHARES], "binom": [COUNTS, SHARES], "geom": [SHARES],
            "betabinom": [COUNTS, POSITIVE, POSITIVE], "nbinom": [POSITIVE, SHARES],
            "poisson": [POSITIVE]}
FUNCTIONS = [(law, name) for law in (*CONTINUOUS, *DISCRETE)
             for name in getattr(stats, law).__all__ if name != "entropy"]
MOST = 4000


def arguments(law, name):
    """A table of arguments, a row each."""
    first = Q if name in ("ppf", "isf") else X if law in CONTINUOUS else K
    grid = itertools.product(first, *{**CONTINUOUS, **DISCRETE}[law])
    places = PLACES if law in CONTINUOUS else [(0.0,), (2.0,), (nan,)]
    rows = [(*row, *place) for row, place in itertools.product(grid, places)]
    return np.array(rows[:: len(rows) // MOST + 1]).T


def uncertain(law, name, x, q):
    """Where SciPy 1.17 is not what to compare with; q is the last shape parameter."""
    if law == "vonmises" or name.endswith(("pdf", "pmf")):  # angles; logarithms of inf / inf
        return np.isinf(x)
    if name in ("ppf", "isf") and law in DISCRETE:  # sure events
        return (q == 0) | (q == 1)
    return np.zeros(x.shape, bool)


@pytest.mark.sampled(3)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("law, name", FUNCTIONS)
def test_distributions_on_a_grid(law, name):
    """nan where SciPy says so: of invalid parameters no probability is known."""
    args = arguments(law, name)
    want = getattr(getattr(scipy.stats, law), name.removeprefix("log"))(*args)
    want = np.log(want) if name.startswith("log") else np.asarray(want, float)
    got = np.asarray(ingot.jit(getattr(getattr(stats, law), name))(*args))
    underflow = np.isneginf(want) & (got < -650)
    keep = ~underflow & ~uncertain(law, name, args[0], args[-2 if law in DISCRETE else -3])
    np.testing.assert_array_equal(np.isnan(got[keep]), np.isnan(want[keep]))
    np.testing.assert_allclose(got[keep], want[keep], rtol=1e-7, atol=1e-9)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("law, name", FUNCTIONS)
def test_nothing_is_known_of_invalid_parameters(law, name):
    """The value is nan, derivatives are nan or absent."""
    fun = getattr(getattr(stats, law), name)
    if law == "betabinom" and name in ("cdf", "sf"):
        return  # without derivatives
    valid = {"a": 0.5, "b": 1.5, "n": 3.0, "p": 0.3, "c": 0.3, "loc": 0.0, "scale": 1.0}
    invalid = {"n": -1.0, "p": 1.5, "c": 1.5, "scale": -1.0, "loc": nan,
               **({"a": 2.0} if law == "truncnorm" else {})}
    names = list(inspect.signature(fun).parameters)
    good = [0.4 if name in ("ppf", "isf") else 1.0, *(valid.get(n, 1.0) for n in names[1:])]
    assert not np.isnan(fun(*good))
    for place, argument in enumerate(names):
        for wrong in {invalid.get(argument, nan if place == 0 else -1.0), nan}:
            args = [wrong if i == place else v for i, v in enumerate(good)]
            value, slopes = ingot.value_and_grad(fun, tuple(range(len(args))))(*args)
            assert np.isnan(value), (argument, wrong)
            assert all(s == 0 or np.isnan(s) for s in slopes), (argument, wrong, slopes)


# ---- large parameters ---------------------------------------------------------------------------
def log_t_tail(y, df):
    """log P(T < y) for y < 0: the density at y times an integral of quotients of densities."""
    y, df = mp.mpf(y), mp.mpf(df)
    power = lambda u: (df + 1) / 2 * mp.log1p(u * u / df)
    if df < 1e5:
        return mp.log(mp.betainc(df / 2, mp.mpf(1) / 2, 0, df / (df + y * y), True) / 2)
    rest = mp.quad(lambda u: mp.exp(power(y) - power(u)), [y - 20, y - 5, y - 1, y - 0.1, y])
    constant = mp.loggamma((df + 1) / 2) - mp.loggamma(df / 2) - mp.log(mp.pi * df) / 2
    return mp.log(rest) + constant - power(y)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("y, df", [
    (-3, 10), (-40, 1e3), (-3, 1e6), (-40, 1e8), (-3, 1e10), (-40, 1e12), (-3, 1e15), (-3, 1e17),
    (-40, 1e18), (-3, 1e25), (-1e10, 1e-5), (-1e3, 0.1), (-1e200, 2)])
def test_tails_of_t_with_many_degrees_of_freedom(y, df):
    with mp.workdps(50):
        want = float(log_t_tail(y, df))
        step = mp.mpf(y) * mp.mpf(10) ** -15
        slope = float((log_t_tail(y + step, df) - log_t_tail(y - step, df)) / (2 * step))
    for value in (stats.t.logcdf(float(y), df), stats.t.logsf(float(-y), df)):
        np.testing.assert_allclose(value, want, rtol=1e-14)
    np.testing.assert_allclose(ingot.grad(stats.t.logcdf)(float(y), df), slope, rtol=1e-12)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("y, df", [
    (-3, 3.0), (-3, 250.0), (-12, 900.0), (-0.1, 4e4), (-150, 6e4), (-0.1, 1e6), (-12, 1e6),
    (-1, 1e9), (-40, 1e9), (-3, 1e12), (-150, 1e12), (-0.1, 1e15), (-12, 1e15)])
def test_slopes_of_t_in_the_degrees_of_freedom(y, df):
    with mp.workdps(60):
        x, power = mp.mpf(y), lambda u, n: (n + 1) / 2 * mp.log1p(u * u / n)

        def density(n):
            return mp.loggamma((n + 1) / 2) - mp.loggamma(n / 2) - mp.log(mp.pi * n) / 2 - power(
                x, n)

        def tail(n):  # the integral of quotients of densities, in units of their decay
            unit = 1 / (1 + abs(x) * n / (n + x * x))
            ends = [-mp.inf] * (n < 100) + [x - k * unit for k in (150, 60, 25, 10, 4, 1, 0)]
            return density(n) + mp.log(mp.quad(lambda u: mp.exp(power(x, n) - power(u, n)), ends))

        step = mp.mpf(df) * mp.mpf(10) ** -15
        slopes = [float((f(df + step) - f(df - step)) / (2 * step)) for f in (tail, density)]
        size = float(mp.exp(tail(mp.mpf(df))))
    np.testing.assert_allclose(ingot.grad(stats.t.logpdf, 1)(float(y), df), slopes[1], rtol=1e-9)
    np.testing.assert_allclose(ingot.grad(stats.t.logcdf, 1)(float(y), df), slopes[0], rtol=1e-7)
    np.testing.assert_allclose(ingot.grad(stats.t.cdf, 1)(float(y), df), slopes[0] * size,
                               rtol=1e-7, atol=1e-300)


@pytest.mark.parametrize("df", [np.inf, 1e300])
def test_t_with_infinitely_many_degrees_of_freedom_is_normal(df):
    y = np.array([-40.0, -3.0, -0.5, 0.0, 2.0])
    for name in ("logcdf", "logsf", "cdf", "sf", "logpdf", "pdf"):
        np.testing.assert_allclose(getattr(stats.t, name)(y, df), getattr(stats.norm, name)(y),
                                   rtol=1e-14, err_msg=name)


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
    close(-slope(stats.beta.sf))
    for log, plain in ((stats.beta.logcdf, stats.beta.cdf), (stats.beta.logsf, stats.beta.sf)):
        np.testing.assert_allclose(abs(slope(log)) * float(plain(x, a, b)), want, rtol=1e-12)


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


@pytest.mark.parametrize("a, b", [(-inf, inf), (-2.0, inf), (-2.0, 8.5), (1.0, 9.0), (-9.0, -3.0)])
@pytest.mark.parametrize("q", [1e-300, 1e-20, 0.1, 0.5, 0.9])
def test_far_quantiles_of_truncated_normal_numbers(a, b, q):
    """Where the logarithm of the tail is that of q."""
    y = stats.truncnorm.isf(q, a, b)
    if b - y < 1e-7:
        return  # nothing is between the quantile and the end
    np.testing.assert_allclose(stats.truncnorm.logsf(y, a, b), np.log(q), rtol=1e-8)
    np.testing.assert_allclose(stats.truncnorm.ppf(q, -b, -a), -y, rtol=1e-15)
    assert np.isfinite(ingot.grad(stats.truncnorm.isf)(q, a, b)) or q < 1e-200


@pytest.mark.parametrize("log, plain, args", [
    (stats.uniform.logsf, lambda x: mp.log(1 - x), (1e-8,)),
    (stats.uniform.logcdf, mp.log, (1 - 1e-10,)),
    (stats.geom.logcdf, lambda k, p: mp.log(1 - (1 - p) ** k), (100.0, 0.9)),
    (stats.bernoulli.logcdf, lambda k, p: mp.log(1 - p), (0.0, 1e-10)),
    (stats.bernoulli.logsf, lambda k, p: mp.log(p), (0.0, 1e-10)),
    (stats.wrapcauchy.logsf, lambda x, c: mp.log(1 - mp.atan((1 + c) / (1 - c) * mp.tan(x / 2))
                                                 / mp.pi), (1e-9, 0.3)),
    (stats.gennorm.cdf, lambda x, b: mp.gammainc(1 / b, (-x) ** b, regularized=True) / 2,
     (-7.0, 2.0)),
    (stats.beta.sf, lambda x, a, b: 1 - mp.betainc(a, b, 0, x, True), (1e-300, 1e-5, 2.0))])
def test_small_differences_from_one(log, plain, args):
    with mp.workdps(350):
        want = float(plain(*map(mp.mpf, args)))
    np.testing.assert_allclose(log(*args), want, rtol=1e-13)


# ---- linear algebra, transforms, signals --------------------------------------------------------
RNG = np.random.default_rng(0)
SQUARES = RNG.normal(size=(2, 3, 3)) + 3 * np.eye(3)
TRANSFORMS = [f"{i}{kind}" for i in ("", "i") for kind in ("dct", "dst")]


@pytest.mark.parametrize("trans", [0, 1, 2])
@pytest.mark.parametrize("b", [np.arange(3.0), RNG.normal(size=(3, 2)), RNG.normal(size=(2, 3, 2))])
@pytest.mark.parametrize("a", [SQUARES, SQUARES[0] + 1j * SQUARES[1]])
def test_lu_solve_of_many_matrices(a, b, trans):
    solve = lambda a, b: linalg.lu_solve(linalg.lu_factor(a), b, trans)
    want = scipy.linalg.lu_solve(scipy.linalg.lu_factor(a), b, trans)
    for run in (solve, ingot.jit(solve)):
        np.testing.assert_allclose(run(a, b), want, rtol=1e-10)


@pytest.mark.parametrize("kind", [
    "gen", "general", "sym", "symmetric", "her", "hermitian", "pos", "positive definite",
    "diagonal", "tridiagonal", "banded", "upper triangular", "lower triangular"])
@pytest.mark.parametrize("b", [np.arange(3.0), RNG.normal(size=(3, 2))])
def test_solve_with_what_is_known_of_the_matrix(kind, b):
    a = np.array([[4.0, 1.0, 0.0], [1.0, 5.0, -1.0], [0.0, -1.0, 3.0]])
    np.testing.assert_allclose(linalg.solve(a, b, assume_a=kind),
                               scipy.linalg.solve(a, b, assume_a=kind), rtol=1e-12)


@pytest.mark.parametrize("name", ["sqrtm", "logm", "expm", "cosm", "hessenberg", "inv", "det"])
def test_functions_of_matrices_without_elements(name):
    empty = np.zeros((0, 0))
    assert np.shape(getattr(linalg, name)(empty)) == (() if name == "det" else (0, 0))
    for solve in (linalg.solve_lyapunov, linalg.solve_discrete_lyapunov):
        assert solve(empty, empty).shape == (0, 0)
    assert linalg.solve_sylvester(empty, np.eye(2), np.zeros((0, 2))).shape == (0, 2)


@pytest.mark.parametrize("a", [np.zeros((2, 2)), np.diag([0.0, 0.0, 4.0]), np.diag([1.0, 0.0])])
def test_square_roots_of_singular_matrices(a):
    np.testing.assert_allclose(linalg.sqrtm(a), np.sqrt(a), atol=1e-15)


@pytest.mark.parametrize("a", [np.array([[1.0, 0.3], [0.2, 2.0]]), 2 * np.eye(3),
                               np.array([[0.0, 1.0], [-1.0, 0.0]])])
@pytest.mark.parametrize("fun", [jnp.exp, jnp.cos])
def test_derivatives_of_functions_of_matrices(fun, a):
    """Those of the exponential and the cosine by other means."""
    known = linalg.expm if fun is jnp.exp else linalg.cosm
    weights = np.arange(1.0, 1 + a.size).reshape(a.shape)
    total = lambda f: lambda a: jnp.sum(jnp.real(f(a)) * weights)
    mine = total(lambda a: linalg.funm(a, fun))
    np.testing.assert_allclose(ingot.grad(mine)(a), ingot.grad(total(known))(a), rtol=1e-9,
                               atol=1e-12)
    np.testing.assert_allclose(ingot.jvp(mine, (a,), (weights,))[1],
                               ingot.jvp(total(known), (a,), (weights,))[1], rtol=1e-9,
                               atol=1e-12)


@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
@pytest.mark.parametrize("type", [1, 2, 3, 4])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_cosine_transforms_of_complex_numbers_and_one_axis(name, type, norm):
    x = RNG.normal(size=(3, 4)) + 1j * RNG.normal(size=(3, 4))
    for y, options in ((x, {}), (x, {"axis": 0, "n": 5})):
        np.testing.assert_allclose(getattr(fft, name)(y, type, norm=norm, **options),
                                   getattr(scipy.fft, name)(y, type, norm=norm, **options),
                                   rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(getattr(fft, name + "n")(x.real, type, axes=0),
                               getattr(scipy.fft, name + "n")(x.real, type, axes=0), rtol=1e-12)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("shapes", [((5, 6), (3, 2)), ((5, 6), (2, 4)), ((4, 4), (3, 3))])
@pytest.mark.parametrize("boundary, fill", [("fill", 0), ("fill", 1.5), ("wrap", 0), ("symm", 0)])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("name", ["convolve2d", "correlate2d"])
def test_convolutions_of_matrices_beyond_their_ends(name, mode, boundary, fill, shapes):
    x, y = (RNG.normal(size=shape) + 1j * RNG.normal(size=shape) for shape in shapes)
    want = getattr(scipy.signal, name)(x, y, mode, boundary, fill)
    fun = lambda x, y: getattr(signal, name)(x, y, mode, boundary, fill)
    for run in (fun, ingot.jit(fun)):
        np.testing.assert_allclose(run(x, y), want, rtol=1e-12)


# ---- derivatives at special points --------------------------------------------------------------
POINTS = [  # function, arguments, derivatives: nan where there is none
    (special.poch, (0.0, 1.0), (1.0, 0.0)), (special.poch, (0.0, 3.0), (2.0, 0.0)),
    (special.poch, (0.0, 0.5), (np.sqrt(np.pi), 0.0)), (special.poch, (-2.0, 3.0), (2.0, 0.0)),
    (special.poch, (0.0, 0.0), (0.0, nan)), (special.poch, (-2.0, 1.0), (1.0, nan)),
    (special.poch, (-2.0, 2.0), (-3.0, nan)), (special.poch, (0.0, -1.0), (-1.0, nan)),
    (special.beta, (0.0, 1.0), (nan, nan)), (special.beta, (0.0, 0.0), (nan, nan)),
    (special.beta, (-1.0, 2.0), (nan, nan)), (special.beta, (-1.0, 1.0), (-1.0, nan)),
    (special.beta, (1.0, -2.0), (nan, -0.25)), (special.beta, (-0.5, 0.5), (-2 * np.pi,) * 2),
    (special.betaln, (0.0, 1.0), (nan, nan)), (special.betaln, (-2.0, 1.0), (0.5, nan)),
    (special.kl_div, (0.0, 2.0), (-inf, 1.0)), (special.rel_entr, (0.0, 2.0), (-inf, 0.0)),
    (special.kl_div, (0.0, 0.0), (nan, 1.0)), (special.rel_entr, (1.0, 0.0), (nan, nan)),
    (special.kl_div, (-1.0, 1.0), (nan, nan)), (special.kl_div, (1.0, 2.0), (-np.log(2), 0.5))]


@pytest.mark.parametrize("fun, args, want", POINTS)
def test_derivatives_at_special_points(fun, args, want):
    places = tuple(range(len(args)))
    for run in (ingot.grad(fun, places), ingot.jit(ingot.grad(fun, places))):
        np.testing.assert_allclose(run(*args), want, rtol=1e-13)
    beside = [np.array([x, 0.7]) for x in args]  # other elements have theirs all the same
    slopes = ingot.grad(lambda *xs: fun(*xs).sum(), places)(*beside)
    for k, slope in enumerate(slopes):
        np.testing.assert_allclose(slope[1], ingot.grad(fun, k)(*[0.7] * len(args)), rtol=1e-13)


def test_the_length_of_a_complex_number_has_no_second_derivative_at_zero():
    length = lambda v: jnp.abs(v[0] + 1j * v[1])
    np.testing.assert_array_equal(ingot.grad(length)(np.zeros(2)), np.zeros(2))
    assert np.isnan(ingot.hessian(length)(np.zeros(2))).all()
    np.testing.assert_allclose(ingot.hessian(length)(np.array([3.0, 4.0])),
                               np.array([[16.0, -12.0], [-12.0, 9.0]]) / 125, rtol=1e-14)


# ---- interpolation, ranks -----------------------------------------------------------------------
NODES = np.array([0.0, 1.0, 2.5, 4.0, 7.0, 9.0])
PLACES_BETWEEN = np.array([-1.0, 0.0, 0.3, 2.5, 6.0, 9.0, 11.0, nan])


@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("extrapolate", [None, True, False])
@pytest.mark.parametrize("nu", range(5))
def test_derivatives_of_pchip(nu, extrapolate, axis):
    y = np.moveaxis(RNG.normal(size=(6, 2)), 0, axis)
    mine, theirs = (lib.PchipInterpolator(NODES, y, axis) for lib in (
        interpolate, scipy.interpolate))
    want = theirs(PLACES_BETWEEN, nu, extrapolate)
    for run in (lambda x: mine(x, nu, extrapolate), ingot.jit(lambda x: mine(x, nu, extrapolate))):
        np.testing.assert_allclose(run(PLACES_BETWEEN), want, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("method", ["linear", "nearest", "slinear", "cubic", "pchip"])
@pytest.mark.parametrize("fill", [nan, 0.0, None])
def test_nowhere_on_a_grid_is_nan(method, fill):
    axes = (NODES[:4], NODES[:5])
    values, points = RNG.normal(size=(4, 5)), np.array([[nan, 1.0], [0.5, nan], [0.5, 0.7]])
    got = interpolate.RegularGridInterpolator(axes, values, method, fill_value=fill)(points)
    np.testing.assert_array_equal(np.isnan(got), [True, True, False])


@pytest.mark.parametrize("axis", [None, 0, -1])
@pytest.mark.parametrize("policy", ["propagate", "omit"])
@pytest.mark.parametrize("method", ["average", "min", "max", "dense", "ordinal"])
def test_ranks_beside_nan(method, policy, axis):
    x = np.array([[2.0, nan, 1.0, 2.0], [nan, 0.0, -inf, inf], [5.0, 5.0, 5.0, 4.0]])
    want = scipy.stats.rankdata(x, method, axis=axis, nan_policy=policy)
    rank = lambda x: stats.rankdata(x, method, axis=axis, nan_policy=policy)
    for run in (rank, ingot.jit(rank)):
        np.testing.assert_array_equal(run(x), want)


def test_bad_boundaries_and_orders_are_named():
    x = np.ones((3, 3))
    with pytest.raises(ValueError, match="boundary must be 'fill', 'wrap' or 'symm', got 'foo'"):
        signal.convolve2d(x, x, boundary="foo")
    with pytest.raises(ValueError, match="assume_a must be one of gen, general, .*got 'foo'"):
        linalg.solve(x, x, assume_a="foo")
