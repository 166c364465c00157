"""Distribution functions, tails and quantiles beside SciPy's, in the far tails too."""

import mpmath as mp
import numpy as np
import pytest
import scipy.special
import scipy.stats

import ingot
from ingot.scipy import stats

X = np.array([-3.0, -0.4, 0.0, 0.3, 1.0, 1.7, 4.5])
Q = np.array([0.0, 1e-12, 0.01, 0.3, 0.5, 0.8, 1 - 1e-9, 1.0, -0.1])
K = np.array([-1.0, 0, 1, 2.5, 4, 7, 30])
LAWS = {  # parameters, and whether there are loc and scale
    "norm": ((), 2), "laplace": ((), 2), "logistic": ((), 2), "uniform": ((), 2), "cauchy": ((), 2),
    "expon": ((), 2), "gumbel_l": ((), 2), "gumbel_r": ((), 2), "t": ((2.5,), 2),
    "beta": ((0.7, 2.5), 2), "gamma": ((1.7,), 2), "chi2": ((3.0,), 2), "pareto": ((2.5,), 2),
    "truncnorm": ((-1.0, 2.0), 2), "gennorm": ((1.5,), 2), "wrapcauchy": ((0.3,), 2),
    "bernoulli": ((0.3,), 1), "binom": ((7.0, 0.3), 1), "nbinom": ((3.0, 0.4), 1),
    "geom": ((0.3,), 1), "poisson": ((2.5,), 1)}
NAMES = ["cdf", "logcdf", "sf", "logsf", "ppf", "isf"]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("law", LAWS)
def test_beside_scipy(law):
    parameters, places = LAWS[law]
    rest = (*parameters, *(0.5, 1.3)[:places]) if places == 2 else (*parameters, *[1.0] * places)
    module, theirs = getattr(stats, law), getattr(scipy.stats, law)
    for name in NAMES:
        x = Q if name in ("ppf", "isf") else K if hasattr(module, "pmf") else X
        want = getattr(theirs, name)(x, *rest)
        fun = getattr(module, name)
        for out in (fun(x, *rest), ingot.jit(fun)(x, *rest)):
            np.testing.assert_allclose(out, want, rtol=1e-11, atol=1e-15, err_msg=name)
        narrow = [np.float32(v) for v in (x, *rest)]
        out = fun(*narrow)
        assert out.dtype == np.float32
        if hasattr(module, "pmf") and name in ("ppf", "isf"):
            continue  # steps at rounded probabilities
        want = getattr(theirs, name)(*(np.float64(v) for v in narrow))
        np.testing.assert_allclose(out, want, rtol=1e-4, atol=1e-6, err_msg=name)


TAILS = [("t", -1e5, (3.0,)), ("t", -60.0, (1e3,)), ("t", -1e9, (50.0,)), ("laplace", -900.0, ()),
         ("logistic", -900.0, ()), ("gennorm", -40.0, (2.0,)), ("cauchy", -1e20, ()),
         ("wrapcauchy", 1e-18, (0.3,)), ("uniform", 1e-19, ())]


@pytest.mark.parametrize("law, x, parameters", TAILS)
def test_far_tails(law, x, parameters):
    """From mpmath, with log(cdf) where the distribution function itself underflows."""
    import mpmath as mp

    module = getattr(stats, law)
    with mp.workdps(60):
        z = mp.mpf(x)
        want = float(mp.log({
            "t": lambda v=0: mp.betainc(mp.mpf(v) / 2, 0.5, 0, v / (v + z * z), True) / 2,
            "laplace": lambda: mp.exp(z) / 2, "logistic": lambda: 1 / (1 + mp.exp(-z)),
            "gennorm": lambda b=2: mp.gammainc(1 / mp.mpf(b), abs(z) ** b, regularized=True) / 2,
            "cauchy": lambda: 0.5 + mp.atan(z) / mp.pi,
            "wrapcauchy": lambda c=0.3: mp.atan((1 + mp.mpf(c)) / (1 - mp.mpf(c)) * mp.tan(z / 2))
            / mp.pi, "uniform": lambda: z}[law](*parameters)))
    for fun in (module.logcdf, ingot.jit(module.logcdf)):
        np.testing.assert_allclose(fun(x, *parameters), want, rtol=1e-12)
    mirrored = {"wrapcauchy": None, "uniform": None}.get(law, -x)
    if mirrored is not None:
        np.testing.assert_allclose(module.logsf(mirrored, *parameters), want, rtol=1e-12)
        if want > -700:
            np.testing.assert_allclose(module.sf(mirrored, *parameters), np.exp(want), rtol=1e-11)


@pytest.mark.parametrize("law", [name for name, (_, places) in LAWS.items() if places != 1
                                 and name != "bernoulli"])
def test_derivatives_of_functions_and_quantiles(law):
    """The slope of cdf is pdf, of sf minus pdf, of ppf one over pdf; of logs the ratios."""
    parameters, _ = LAWS[law]
    module, close = getattr(stats, law), np.testing.assert_allclose
    for q in (0.02, 0.45, 0.93):
        x = float(module.ppf(q, *parameters))
        pdf = float(module.pdf(x, *parameters))
        want = {"cdf": pdf, "sf": -pdf, "logcdf": pdf / q, "logsf": -pdf / (1 - q)}
        for name, slope in want.items():
            close(ingot.grad(getattr(module, name))(x, *parameters), slope, rtol=1e-8, err_msg=name)
        close(ingot.grad(module.ppf)(q, *parameters), 1 / pdf, rtol=1e-8)
        close(ingot.grad(module.isf)(1 - q, *parameters), -1 / pdf, rtol=1e-8)
        for i in range(1, 1 + len(parameters)):
            step = 1e-6
            up, down = (module.ppf(q, *(p + s * (j == i) for j, p in enumerate(parameters, 1)))
                        for s in (step, -step))
            close(ingot.grad(module.ppf, i)(q, *parameters), (up - down) / 2 / step, rtol=1e-5,
                  atol=1e-7)


def test_quantiles_of_counts_at_large_parameters_and_under_transformations():
    close = np.testing.assert_array_equal
    q = np.array([1e-6, 0.2, 0.7, 0.999])
    for law, parameters in (("poisson", (1e6,)), ("binom", (1e6, 0.3)), ("nbinom", (50.0, 1e-4)),
                            ("geom", (1e-5,))):
        module, theirs = getattr(stats, law), getattr(scipy.stats, law)
        close(module.ppf(q, *parameters), theirs.ppf(q, *parameters))
        close(ingot.vmap(lambda q, m=module, p=parameters: m.ppf(q, *p))(q), theirs.ppf(
            q, *parameters))
        assert float(ingot.grad(lambda p, m=module, r=parameters: m.ppf(0.3, *r[:-1], p))(
            parameters[-1])) == 0


@pytest.mark.parametrize("kappa", [0.0, 0.5, 3, 49.9, 50, 80, 1e3])
def test_von_mises_distribution_function(kappa):
    x = np.array([-7.0, -3, -1, -0.3, -0.01, 0, 0.2, 2, 3.1, 4])
    turns = np.rint(x / (2 * np.pi))
    with mp.workdps(25):
        k = mp.mpf(kappa)
        norm = 2 * mp.pi * mp.besseli(0, k) * mp.exp(-k)
        cuts = [-mp.pi, -mp.mpf(8) / mp.sqrt(k + 9), 0]

        def below(y):
            ends = [c for c in cuts if c < y] + [y]
            return mp.quad(lambda t: mp.exp(k * (mp.cos(t) - 1)), ends) / norm

        want = [float(below(mp.mpf(v) - 2 * mp.pi * int(n)) + int(n)) for v, n in zip(
            x, turns, strict=True)]
    for fun in (stats.vonmises.cdf, ingot.jit(stats.vonmises.cdf)):
        np.testing.assert_allclose(fun(x, kappa), want, rtol=1e-12, atol=2e-15)
    np.testing.assert_allclose(stats.vonmises.sf(x, kappa), 1 - np.array(want), rtol=1e-9,
                               atol=1e-14)
    slope = ingot.vmap(ingot.grad(stats.vonmises.cdf), (0, None))(x, kappa)
    np.testing.assert_allclose(slope, stats.vonmises.pdf(x, kappa), rtol=1e-9, atol=1e-14)
    h = 1e-4 * max(kappa, 0.1)
    by_kappa = ingot.vmap(ingot.grad(stats.vonmises.cdf, 1), (0, None))(x, kappa + h)
    difference = (np.asarray(stats.vonmises.cdf(x, kappa + 2 * h))
                  - np.asarray(stats.vonmises.cdf(x, kappa))) / (2 * h)
    np.testing.assert_allclose(by_kappa, difference, rtol=1e-5, atol=1e-7)


def test_beta_binomial_distribution_function():
    k = np.array([-1.0, 0, 3.5, 9, 10, 12, np.nan])
    for name in ("cdf", "sf"):
        ours, theirs = getattr(stats.betabinom, name), getattr(scipy.stats.betabinom, name)
        want = theirs(k, 10, 2, 3)
        np.testing.assert_allclose(ours(k, 10, 2.0, 3.0), want, rtol=1e-12)
        np.testing.assert_allclose(ingot.jit(ours)(k, 10, 2.0, 3.0), want, rtol=1e-12)
    with pytest.raises(ingot.errors.UndefinedRuleError, match=r"betabinom.cdf: .*stop_gradient"):
        ingot.grad(stats.betabinom.cdf, 2)(2.0, 3, 1.0, 1.0)


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (1.0, 2.0), (0.5, 3.0), (2.0, 1.0), (1.0, 0.5)])
def test_beta_distribution_of_subnormal_numbers(a, b):
    """The continued fraction begins with 0 / 0 where a parameter is 1."""
    x = np.array([1e-310, 1e-300, 1e-285, 1e-200])
    want = a * np.log(x) - np.log(a) - scipy.special.betaln(a, b)
    for fun in (stats.beta.logcdf, ingot.jit(stats.beta.logcdf)):
        np.testing.assert_allclose(fun(x, a, b), want, rtol=1e-12)
    upper = stats.beta.logsf(np.array([1.0 - 2.0**-53]), b, a)
    np.testing.assert_allclose(upper, a * np.log(2.0**-53) - np.log(a) - scipy.special.betaln(a, b),
                               rtol=1e-12)


# ---- outside of supports, at infinities, and what is not a number --------------------------------
CONTINUOUS = {name: parameters for name, (parameters, places) in LAWS.items() if places == 2
              and not hasattr(getattr(stats, name), "pmf")}
BEYOND = {"uniform": (-1e300, 1e300), "expon": (-1e300,), "beta": (-2.0, 3.0), "gamma": (-1e300,),
          "chi2": (-1e300,), "pareto": (0.5, -1e300), "truncnorm": (-1.5, 2.5),
          "wrapcauchy": (-1.0, 7.0)}


def both_modes(fun, *args):
    """The derivatives in all arguments at each place, forward and reverse."""
    args = np.broadcast_arrays(*args)
    every = tuple(range(len(args)))
    forward = [ingot.jvp(fun, args, tuple(np.full_like(v, i == k) for k, v in enumerate(args)))[1]
               for i in every]
    reverse = ingot.grad(lambda *args: fun(*args).sum(), every)(*args)
    return np.array(forward), np.array(reverse)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("law", CONTINUOUS)
def test_derivatives_beyond_supports(law):
    """The limits are constants: what is finite does not change with any argument; what is not a
    number has no slope."""
    module, rest = getattr(stats, law), (*CONTINUOUS[law], 0.5)
    outside = [0.5 + 1.25 * x for x in BEYOND.get(law, ())]
    x = np.array([np.nan, 1.0, np.inf, -np.inf, *outside])
    scale = np.where(x == 1, 0, 1.25)
    for name in ("pdf", "logpdf", "cdf", "logcdf", "sf", "logsf"):
        value = np.asarray(getattr(module, name)(x, *rest, scale))
        forward, reverse = both_modes(getattr(module, name), x, *rest, scale)
        known = np.isfinite(value)
        np.testing.assert_array_equal(forward[:, known], 0, err_msg=name)
        np.testing.assert_array_equal(reverse[:, known], 0, err_msg=name)
        np.testing.assert_array_equal(forward[:, 4:], reverse[:, 4:], err_msg=name)
        assert np.isnan([forward[0, :2], reverse[0, :2]]).all()
    for name in ("ppf", "isf"):
        modes = both_modes(getattr(module, name), np.array([-0.5, 1.5, np.nan]), *rest, 1.25)
        assert np.isnan([mode[0] for mode in modes]).all()


@pytest.mark.parametrize("kappa, x", [(0.0, -3.14159), (20.0, -3.0), (51.0, -2.0), (300.0, -1.0)])
def test_tails_of_von_mises(kappa, x):
    with mp.workdps(30):
        k, at = mp.mpf(kappa), mp.mpf(x)
        end = at + mp.pi
        mass = mp.quad(lambda u: mp.exp(k * (mp.cos(at - u) - mp.cos(at))),
                       [0, *(end / 2**i for i in range(10, -1, -2))])
        want = float(mass * mp.exp(k * mp.cos(at)) / (2 * mp.pi * mp.besseli(0, k)))
    np.testing.assert_allclose(stats.vonmises.cdf(x, kappa), want, rtol=1e-13)
    np.testing.assert_allclose(stats.vonmises.sf(-x, kappa), want, rtol=1e-13)
    np.testing.assert_allclose(stats.vonmises.cdf(x + 2 * np.pi, kappa), 1 + want, rtol=1e-13)


@pytest.mark.parametrize("z, df", [(-2.0, 300.0)])
def test_second_derivatives_of_students_tail(z, df):
    """Mixed ones are the same in either order, and the change of the first ones."""
    slopes = ingot.grad(lambda p: stats.t.logcdf(p[0], p[1]))
    at, steps = np.array([z, df]), np.array([1e-5, 1e-5 * df])
    second = ingot.jacfwd(slopes)(at)
    for i, h in enumerate(np.diag(steps)):
        change = (np.asarray(slopes(at + h)) - np.asarray(slopes(at - h))) / (2 * steps[i])
        np.testing.assert_allclose(second[i], change, rtol=1e-6)


def test_students_slopes_at_extreme_places():
    z, df = np.meshgrid([1e-300, -1e-300, 1e200], [2.5, 1e10, np.inf])
    forward, reverse = both_modes(stats.t.logcdf, z.ravel(), df.ravel())
    assert np.isfinite(forward).all()
    np.testing.assert_allclose(forward, reverse, rtol=1e-12)
