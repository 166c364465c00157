"""Functions of SciPy's that JAX does not have: values, derivatives, compiled and mapped."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
import scipy.special

import ingot
from ingot.errors import UndefinedRuleError
from ingot.primitives.quadrature import gauss_legendre
from ingot.scipy import special
from ingot.scipy.special_table import TABLE

R = np.random.RandomState(3)
P, Q, T = R.rand(3, 6)  # probabilities
X, Y, A, B, C = R.rand(5, 6) * 3 + 0.3  # positive
S = R.randn(6)  # of both signs
N = np.array([0.0, 1, 2, 3, 5, 8])
K = np.array([0.0, 0, 1, 2, 3, 4])
Z = S + 1j * X

# name: arguments; those of which derivatives are compared with differences come first by number.
CASES = {
    "jv": (A, X), "jve": (A, X), "yv": (A, X), "yve": (A, X), "iv": (A, X), "ive": (A, X),
    "kv": (A, X), "kve": (A, X), "kn": (N, X), "yn": (N, X), "jn": (N, S),
    **{name: (S,) for name in (
        "j0 j1 ber bei airy itairy exprel cosm1 sindg cosdg tandg rgamma erfi wrightomega exp10"
        " itstruve0 itmodstruve0 psi log_expit softplus cbrt expm1 round sinc").split()},
    **{name: (X,) for name in (
        "y0 y1 k0 k1 k0e k1e ker kei berp beip kerp keip airye itj0y0 iti0k0 it2j0y0 it2i0k0"
        " it2struve0 shichi cotdg zetac exp2 log1p kelvin").split()},
    **{name: (A, X) for name in (
        "hankel1 hankel2 hankel1e hankel2e struve modstruve pbdv pbvv pbwa hyp0f1 agm powm1 huber"
        " pseudo_huber inv_boxcox inv_boxcox1p binom elliprc chdtr chdtrc gammainc").split()},
    **{name: (K, X) for name in (
        "spherical_jn spherical_yn spherical_in spherical_kn eval_legendre eval_chebyt eval_chebyu"
        " eval_chebyc eval_chebys eval_laguerre eval_hermite eval_hermitenorm pdtr pdtrc").split()},
    "eval_sh_legendre": (K, P), "eval_sh_chebyt": (K, P), "eval_sh_chebyu": (K, P),
    "eval_jacobi": (K, A, B, P), "eval_sh_jacobi": (K, B + 3, A, P),
    "eval_gegenbauer": (K, A, P), "eval_genlaguerre": (K, A, X), "lpmv": (K, N, P),
    "hyperu": (A, B, X), "besselpoly": (A, B, C), "wright_bessel": (A, B, X),
    "log_wright_bessel": (A, B, X), "radian": (A, B, C), "lambertw": (Z,), "perm": (N + 2, K),
    "erfcinv": (2 * P,), "ndtri_exp": (-X,), "voigt_profile": (S, X, Y),
    "elliprf": (A, B, C), "elliprd": (A, B, C), "elliprg": (A, B, C), "elliprj": (A, B, C, X),
    "ellipk": (P,), "ellipkm1": (P,), "ellipe": (S - 2,), "ellipkinc": (3 * S, P),
    "ellipeinc": (3 * S, P), "ellipj": (S, P),
    "gammaincinv": (A, P), "gammainccinv": (A, P), "betaincc": (A, B, P), "betaincinv": (A, B, P),
    "betainccinv": (A, B, P), "chdtri": (A, P), "pdtri": (K, P), "gdtr": (A, B, X),
    "gdtrc": (A, B, X), "gdtrix": (A, B, P), "gdtria": (P, B, X), "bdtr": (K, N, P),
    "bdtrc": (K, N, P), "bdtri": (K, N + 1, P), "nbdtr": (K, N + 1, P), "nbdtrc": (K, N + 1, P),
    "nbdtri": (K, N + 1, P), "fdtr": (A, B, X), "fdtrc": (A, B, X), "fdtri": (A, B, P),
    "stdtr": (A, 3 * S), "stdtrit": (A, P), "kolmogorov": (X,), "kolmogi": (P,),
    "smirnov": (N + 1, P), "smirnovi": (N + 1, P), "tklmbda": (S / 3, P + 0.1),
    "chndtr": (X, A, B), "chndtrix": (P, A, B), "bdtrik": (P, N + 9, Q), "bdtrin": (K + 1, P, Q),
    "btdtria": (P, B, Q), "btdtrib": (A, P, Q), "chdtriv": (P, X), "chndtridf": (X, P / 9, B),
    "chndtrinc": (X, A, P / 9), "fdtridfd": (A, P / 3 + 0.3, X + 1), "gdtrib": (A, P, X),
    "nbdtrik": (P, N + 2, Q), "nbdtrin": (K + 1, P, Q), "ncfdtr": (A, B, C, X),
    "ncfdtri": (A, B, C, P), "ncfdtridfd": (A, P, C, X), "ncfdtridfn": (P, B, C, X),
    "ncfdtrinc": (A, B, P, X), "nctdtr": (A, S, X), "nctdtridf": (P, S, X),
    "nctdtrinc": (A, P, X), "nctdtrit": (A, S, P), "nrdtrimn": (P, X, S), "nrdtrisd": (S, P, X),
    "pdtrik": (P, X), "stdtridf": (P / 2, -X),
    "mathieu_a": (K, X), "mathieu_b": (K + 1, X), "pro_cv": (K, K + 1, X), "obl_cv": (K, K + 2, X),
}


# SciPy's have fewer digits than ours: `test_integrals_in_all_digits` has mpmath's.
INEXACT = {"itairy", "itj0y0", "iti0k0", "it2j0y0", "it2i0k0", "itstruve0", "itmodstruve0"}
SPARSE = {"ncfdtridfd", "ncfdtridfn", "nctdtridf"}  # inverses far off where p is rounded


def whole(x):
    """Whether an argument is a degree or a count, which SciPy wants as integers."""
    return x.dtype.kind == "f" and (x == np.rint(x)).all()


def reference(name, args):
    fun = getattr(scipy.special, name)
    return leaves(fun(*(x.astype(np.int64) if whole(x) else x for x in args)))


def leaves(out):
    return [np.asarray(x) for x in (out if isinstance(out, tuple) else (out,))]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", CASES)
def test_values(name):
    args, fun = CASES[name], getattr(special, name)
    want = reference(name, args)
    compiled = ingot.jit(fun)(*args)
    for out in (fun(*args), compiled):
        for x, y in zip(leaves(out), want, strict=True):
            assert x.shape == y.shape
            np.testing.assert_allclose(x, y, rtol=1e-7 if name in INEXACT else 2e-12, atol=1e-14)
    if name in SPARSE:
        return
    narrow = [x.astype("complex64" if x.dtype.kind == "c" else "float32") for x in args]
    want = reference(name, [x.astype(y.dtype) for x, y in zip(narrow, args, strict=True)])
    for x, y in zip(leaves(fun(*narrow)), want, strict=True):
        assert x.dtype.itemsize * 2 == max(y.dtype.itemsize, 8)
        np.testing.assert_allclose(x, y, rtol=2e-5, atol=1e-6)


def slopes(name, args, i):
    """Central differences of the sum in argument i, element by element."""
    step = 1e-6 * np.maximum(1, abs(args[i]))
    up, down = ([*args[:i], args[i] + s, *args[i + 1:]] for s in (step, -step))
    return [(a - b) / (2 * step) for a, b in zip(
        reference(name, up), reference(name, down), strict=True)]


@pytest.mark.parametrize("name", CASES)
def test_derivatives(name):
    args, fun = CASES[name], getattr(special, name)
    known = 0
    for i, x in enumerate(args):
        tangents = [np.ones_like(y) if i == j else np.zeros_like(y) for j, y in enumerate(args)]
        if whole(x):
            continue

        def along(v, i=i):
            return fun(*args[:i], v, *args[i + 1:])

        try:
            _, out = ingot.jvp(along, (x,), (tangents[i],))
        except UndefinedRuleError as error:
            assert name in str(error) and "stop_gradient" in str(error)
            continue
        known += 1
        for a, b in zip(leaves(out), slopes(name, args, i), strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-6, atol=1e-7)
    assert known or name == "perm" or not any(TABLE[name].partials), "no derivative at all"


INTEGRALS = [
    ("itairy", 0, lambda x: mpmath.airyai(x, derivative=-1)),
    ("itairy", 1, lambda x: mpmath.airybi(x, derivative=-1)),
    ("itairy", 2, lambda x: -mpmath.airyai(-x, derivative=-1)),
    ("itairy", 3, lambda x: -mpmath.airybi(-x, derivative=-1)),
    ("itj0y0", 0, lambda t: mpmath.besselj(0, t)), ("itj0y0", 1, lambda t: mpmath.bessely(0, t)),
    ("iti0k0", 0, lambda t: mpmath.besseli(0, t)), ("iti0k0", 1, lambda t: mpmath.besselk(0, t)),
    ("it2j0y0", 0, lambda t: (1 - mpmath.besselj(0, t)) / t),
    ("it2i0k0", 0, lambda t: (mpmath.besseli(0, t) - 1) / t),
    ("itstruve0", None, lambda t: mpmath.struveh(0, t)),
    ("itmodstruve0", None, lambda t: mpmath.struvel(0, t))]


@pytest.mark.parametrize("x", [0.25, 8.0, *(
    pytest.param(x, marks=pytest.mark.long) for x in (20.0, 31.0, 61.0))])
@pytest.mark.parametrize(("name", "part", "exact"), INTEGRALS)
def test_integrals_in_all_digits(name, part, exact, x):
    with mpmath.workdps(25):
        want = exact(x) if name == "itairy" else mpmath.quad(
            exact, mpmath.linspace(0, x, int(x / 4) + 2))
    got = getattr(special, name)(x)
    np.testing.assert_allclose(got if part is None else got[part], float(want), rtol=1e-12)


@pytest.mark.parametrize("name", ["eval_laguerre", "eval_legendre", "eval_chebyt"])
def test_polynomials_do_not_depend_on_what_stands_beside_them(name):
    fun, n, x = getattr(special, name), np.array([170.0, 0.3, -30.0]), np.array([0.7, 0.7, -0.5])
    alone = [fun(a, b) for a, b in zip(n, x, strict=True)]
    np.testing.assert_array_equal(fun(n, x), alone)
    np.testing.assert_allclose(alone[0], getattr(scipy.special, name)(170, 0.7), rtol=1e-14)


def test_derivatives_at_special_points():
    grad, close = ingot.grad, np.testing.assert_allclose
    close(grad(special.ellipk)(0.0), np.pi / 8)
    close(grad(special.ellipe)(0.0), -np.pi / 8)
    close(grad(special.ellipkinc, 1)(5.0, 0.0), 1.25 - np.sin(10) / 8)
    close(grad(special.exprel)(0.0), 0.5)
    close(grad(special.rgamma)(np.array(0.0)), 1)
    close(grad(special.rgamma)(np.array(-3.0)), -6)
    close(grad(special.binom, 0)(5.0, 7.0), slopes(
        "binom", (np.array([5 + 1e-9]), np.array([7 + 1e-9])), 0)[0][0], rtol=1e-6)
    close(grad(special.stdtr, 1)(3.0, 0.0), 2 / np.pi / np.sqrt(3))
    close(grad(special.stdtr, 0)(3.0, 0.0), 0)
    close(grad(special.j1)(0.0), 0.5)
    close(grad(special.spherical_jn, 1)(np.array([1.0])[0], 0.0), 1 / 3)
    close(grad(special.eval_legendre, 1)(3.0, 1.0), 6)
    close(grad(special.eval_chebyt, 1)(4.0, -1.0), -16)
    close(grad(special.eval_hermite, 1)(0.3, 2.0), 0)  # a degree is cut to a whole number
    close(ingot.grad(special.lambertw, holomorphic=True)(0j), 1)
    close(grad(lambda x: special.shichi(x)[0])(0.0), 1)
    close(grad(lambda m: special.ellipj(0.7, m)[0])(0.0), -(0.7 - np.sin(0.7) * np.cos(0.7)) / 4
          * np.cos(0.7))


def test_second_derivatives_and_maps():
    close = np.testing.assert_allclose
    second = ingot.grad(ingot.grad(special.kv, 1), 1)(1.5, 2.0)
    close(second, scipy.special.kvp(1.5, 2.0, 2), rtol=1e-13)
    for name, fun in (("jvp", "jv"), ("yvp", "yv"), ("ivp", "iv"), ("kvp", "kv")):
        want = getattr(scipy.special, name)(A, X, 3)
        close(getattr(special, name)(A, X, 3), want, rtol=1e-12)
        assert getattr(special, fun).__name__ == fun
    grid = ingot.vmap(ingot.vmap(special.iv, (None, 0)), (0, None))(A, X)
    close(grid, scipy.special.iv(A[:, None], X), rtol=1e-13)
    close(special.spherical_jn(K, X, derivative=True), scipy.special.spherical_jn(
        K.astype(int), X, derivative=True), rtol=1e-12)


@pytest.mark.parametrize("name", ["jv", "yv", "iv", "kv", "kve", "hankel1", "hankel2e"])
def test_bessel_functions_of_complex_arguments(name):
    fun, want = getattr(special, name), getattr(scipy.special, name)
    np.testing.assert_allclose(fun(A, Z), want(A, Z), rtol=1e-13)
    slope = ingot.grad(lambda z: fun(1.5, z), holomorphic=True)(Z[0])
    step = (want(1.5, Z[0] + 1e-6) - want(1.5, Z[0] - 1e-6)) / 2e-6
    np.testing.assert_allclose(slope, step, rtol=1e-8)


def test_every_function_of_the_table_is_tried_and_bad_arguments_are_named():
    everything = {name: getattr(special, name) for name in dir(special)}  # loads all modules
    public = {name for name in TABLE if name in everything}
    assert public <= CASES.keys()
    with pytest.raises(TypeError, match=r"kolmogorov: takes 1 argument \(y\), got 2"):
        special.kolmogorov(1.0, 2.0)
    with pytest.raises(TypeError, match="must be real"):
        special.ellipk(1j)
    with pytest.raises(AttributeError, match="no attribute 'define'"):
        special.define  # noqa: B018
    with pytest.raises(ValueError, match="jvp: n must not be negative"):
        special.jvp(1.0, 2.0, -1)


WAVES = {
    **{f"mathieu_{name}": (K + 1, X, 20 * S) for name in ("cem", "sem")},
    **{f"mathieu_mod{name}": (K + 1, X, Y) for name in ("cem1", "cem2", "sem1", "sem2")},
    **{name: (K, K + 1, X, P) for name in ("pro_ang1", "obl_ang1", "obl_rad1", "obl_rad2")},
    **{name: (K, K + 1, X, P + 1.1) for name in ("pro_rad1", "pro_rad2")},
    **{f"{name}_cv": (K, K + 1, X, getattr(scipy.special, f"{name[:3]}_cv")(K, K + 1, X),
                      P + (1.1 if "pro_rad" in name else 0)) for name in (
        "pro_ang1", "obl_ang1", "pro_rad1", "pro_rad2", "obl_rad1", "obl_rad2")},
    "modfresnelp": (X,), "modfresnelm": (X,),
}


@pytest.mark.parametrize("name", WAVES)
def test_waves_have_values_and_say_that_they_have_no_derivatives(name):
    args, fun = WAVES[name], getattr(special, name)
    for x, y, z in zip(fun(*args), ingot.jit(fun)(*args), reference(name, args), strict=True):
        np.testing.assert_allclose(x, z, rtol=1e-12, atol=1e-14)
        np.testing.assert_array_equal(x, y)
    with pytest.raises(UndefinedRuleError, match="stop_gradient"):
        ingot.jvp(lambda x: fun(*args[:-1], x), args[-1:], args[-1:])


def students(df, t):
    """The distribution of Student's t with df degrees of freedom, exactly."""
    df, t = mpmath.mpf(df), mpmath.mpf(t)
    ratio = t * t / (df + t * t)
    if t * t < df:
        return (1 + mpmath.sign(t) * mpmath.betainc(0.5, df / 2, 0, ratio, regularized=True)) / 2
    tail = mpmath.betainc(df / 2, 0.5, 0, df / (df + t * t), regularized=True) / 2
    return tail if t < 0 else 1 - tail


@pytest.mark.parametrize("df", [0.1, 0.5, 1.0, 2.0, 5.0, 100.0])
def test_students_distribution_near_its_median_and_far_out(df):
    """SciPy's is off by 3e-9 at 1e-8 with one degree of freedom, and 0 where t * t overflows."""
    sizes = np.array([1e-300, 1e-8, 1e-3, 0.3, 0.999, 1.5, 30.0, 1e160])
    t = np.concatenate([sizes, -sizes])
    with mpmath.workdps(300):
        want = np.array([float(students(df, float(x))) for x in t])
        h = mpmath.mpf(10) ** -60 * df
        around = [(students(df + h, float(x)), students(df - h, float(x))) for x in t]
        slopes = np.array([float((high - low) / (2 * h)) for high, low in around])
    for fun in (special.stdtr, ingot.jit(special.stdtr)):
        np.testing.assert_allclose(fun(df, t), want, rtol=2e-14, atol=1e-300)
    got = ingot.vmap(ingot.grad(special.stdtr), (None, 0))(df, t)
    usual = (np.abs(t) > 1e-10) & (np.abs(t) < 1e100)
    np.testing.assert_allclose(got[usual], slopes[usual], rtol=2e-9, atol=1e-300)


POLYNOMIALS = {  # a, b, c by k: P_{k+1} = (a x + b) P_k - c P_{k-1}; P_0 and P_1 by x
    "chebyt": (lambda k: (2, 0, 1), lambda x: (1, x)),
    "chebyu": (lambda k: (2, 0, 1), lambda x: (1, 2 * x)),
    "chebyc": (lambda k: (1, 0, 1), lambda x: (2, x)),
    "chebys": (lambda k: (1, 0, 1), lambda x: (1, x)),
    "legendre": (lambda k: (Fraction(2 * k + 1, k + 1), 0, Fraction(k, k + 1)), lambda x: (1, x)),
    "hermite": (lambda k: (2, 0, 2 * k), lambda x: (1, 2 * x)),
    "hermitenorm": (lambda k: (1, 0, k), lambda x: (1, x)),
    "laguerre": (lambda k: (Fraction(-1, k + 1), Fraction(2 * k + 1, k + 1), Fraction(k, k + 1)),
                 lambda x: (1, 1 - x))}


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials_at_any_size(name):
    """Values and slopes by the exact recurrence; infinities have those of 1e300 that overflow."""
    steps, first = POLYNOMIALS[name]
    fun = getattr(special, f"eval_{name}")
    largest = Fraction(float(np.finfo(float).max))

    def rounded(v):
        return float(v) if abs(v) <= largest else float(np.inf if v > 0 else -np.inf)

    def exact(n, x):
        p, q = first(x)
        dp, dq = 0, q - first(x - 1)[1]
        for k in range(1, n):
            a, b, c = steps(k)
            p, q, dp, dq = q, (a * x + b) * q - c * p, dq, (a * x + b) * dq + a * q - c * dp
        return (q, dq) if n else (p, dp)

    for n in (0, 1, 2, 3, 10, 37):
        x = np.array([0, 0.5, -2, 1e8, -1e30, 1e100, -1e150, 1e155, -1e300, np.inf, -np.inf])
        places = [Fraction(v) if np.isfinite(v) else 10**700 * int(np.sign(v)) for v in x]
        want = np.array([[rounded(v) for v in exact(n, place)] for place in places])
        slope = ingot.grad(lambda x, n=n: fun(n, x).sum())(x)
        np.testing.assert_allclose(fun(n, x), want[:, 0], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(slope, want[:, 1], rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(("name", "args", "want"), [
    ("eval_jacobi", (1000, 1000.0, 2.0, -0.3), 4.065553114402383e91),
    ("eval_jacobi", (400, 1000.0, 2.0, -0.95), 38312.68385472836),
    ("eval_gegenbauer", (270, 1000.0, 0.3), -6.712290490347462e198),
    ("eval_gegenbauer", (1000, 1000.0, 0.3), -np.inf),
    ("eval_genlaguerre", (1000, 50.0, 2800.0), -np.inf), ("eval_laguerre", (400, 1520.0), np.inf),
    ("eval_hermite", (400, 0.28), -np.inf), ("eval_hermitenorm", (270, 23.0), -np.inf)])
def test_polynomials_whose_terms_overflow(name, args, want):
    np.testing.assert_allclose(getattr(special, name)(*args), want, rtol=1e-10)


@pytest.mark.parametrize(("fun", "exact"), [
    (special.expi, mpmath.ei), (special.i0, lambda x: mpmath.besseli(0, x)),
    (lambda x: special.iv(2.5, x), lambda x: mpmath.besseli(2.5, x))])
def test_functions_whose_exponential_overflows_first(fun, exact):
    x = np.array([699.0, 705, 712])
    slope = ingot.grad(lambda x: fun(x).sum())
    for f, order in ((fun, 0), (ingot.jit(fun), 0), (slope, 1)):
        want = [float(mpmath.diff(exact, v, order)) for v in x]
        np.testing.assert_allclose(f(x), want, rtol=1e-12)
        assert f(np.array([np.inf]))[0] == np.inf


@pytest.mark.parametrize("x", [-4.0, -20.3, -60.2])
def test_slopes_of_zeta_far_below_zero(x):
    want = float(mpmath.diff(mpmath.zeta, x))
    for fun in (special.zetac, lambda x: special.zeta(x, 1.0)):
        np.testing.assert_allclose(ingot.grad(fun)(x), want, rtol=1e-12)


def test_weights_of_quadrature():
    """NumPy's are off by 1e-11 for 128 points."""
    n = 128
    nodes, weights = gauss_legendre(n)
    with mpmath.workdps(40):
        for node, weight in list(zip(nodes, weights, strict=True))[:n // 2:7]:
            x = mpmath.mpf(float(node))
            for _ in range(2):
                before, p = mpmath.legendre(n - 1, x), mpmath.legendre(n, x)
                slope = n * (before - x * p) / (1 - x * x)
                x -= p / slope
            before = mpmath.legendre(n - 1, x)
            want = 2 * (1 - x * x) / (n * before) ** 2
            assert abs(float(weight) / want - 1) < 3e-14


@pytest.mark.parametrize("x", [1.5, 12.5, 60.5, 300.0])
def test_integrals_to_the_last_digits(x):
    """SciPy's of K_0(t) / t is x times as much beyond 12."""
    close = np.testing.assert_allclose
    with mpmath.workdps(25):
        at = mpmath.mpf(x)
        far = mpmath.quad(lambda u: mpmath.exp(at) * mpmath.besselk(0, at + u) / (at + u),
                          [0, 3, 60])
        close(special.it2i0k0(x)[1], float(far * mpmath.exp(-at)), rtol=1e-13)
    with mpmath.workdps(160):
        i0, i1, l0, l1 = (f(n, at) for f in (mpmath.besseli, mpmath.struvel) for n in (0, 1))
        want = float(at * i0 + mpmath.pi / 2 * at * (l1 * i0 - l0 * i1))  # DLMF 10.43.2
    close(special.iti0k0(np.array([x, -x]))[0], [want, -want], rtol=1e-13)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name, order", [("i0e", 0), ("i1e", 1), ("k0e", 0), ("k1e", 1),
                                         ("ive", 2.5), ("kve", 2.5), ("ive", 10), ("kve", 10)])
def test_slopes_of_scaled_bessel_functions(name, order, dtype):
    """They are as small as a difference of neighbours, which cancels far out."""
    bessel, scale = (mpmath.besseli, -1) if name[0] == "i" else (mpmath.besselk, 1)
    fun = getattr(special, name)
    x = np.array([2, 19, 31, 300, 1e4, 9e7, 1e9, 1e15], dtype)

    def scaled(x):
        return fun(order, x) if name[1] == "v" else fun(x)

    slope = ingot.grad(lambda x: scaled(x).sum())
    first, second = slope(x), ingot.grad(lambda x: slope(x).sum())(x)
    with mpmath.workdps(60):
        for i, at in enumerate(map(mpmath.mpf, map(float, x))):
            below, value, above = (bessel(order + k, at) * mpmath.exp(scale * at)
                                   for k in (-1, 0, 1))
            change = -scale * (below + above) / 2
            bend = (1 + (order / at) ** 2) * value - change / at
            wanted = (scale * value + change, value + 2 * scale * change + bend)
            for got, want in zip((first[i], second[i]), wanted, strict=True):
                error = abs(float(got) / want - 1) / float(np.finfo(dtype).eps)
                exact = dtype == "float32" or at > 2 * max(15, order**2)
                assert error < (8 if exact else max(40, 4 * at**2)), float(at)


@pytest.mark.parametrize("name", ["jv", "yve", "ive", "kve", "hankel1", "hankel2e"])
@pytest.mark.parametrize("order", [0.5, 3.0, 300.0])
def test_bessel_functions_far_out(name, order):
    """SciPy's are nan there, or those of a rounded phase."""
    fun = getattr(special, name)
    x = np.array([3e4, 2e8, 1e12, 1e30])
    exact = {"jv": mpmath.besselj, "yve": mpmath.bessely, "hankel1": mpmath.hankel1,
             "ive": lambda v, x: mpmath.exp(-x) * mpmath.besseli(v, x),
             "kve": lambda v, x: mpmath.exp(x) * mpmath.besselk(v, x),
             "hankel2e": lambda v, x: mpmath.exp(1j * x) * mpmath.hankel2(v, x)}[name]
    with mpmath.workdps(80):
        want = np.array([complex(exact(order, mpmath.mpf(v)) * mpmath.sqrt(v)) for v in x])
    for compute in (fun, ingot.jit(fun)):
        got = np.asarray(compute(order, x)) * np.sqrt(x)
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-13)
    narrow = x.astype("float32")
    with mpmath.workdps(80):
        want = np.array([complex(exact(order, mpmath.mpf(float(v))) * mpmath.sqrt(float(v)))
                         for v in narrow])
    got = np.asarray(fun(np.float32(order), narrow)) * np.sqrt(narrow.astype(float))
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["j0", "j1", "y0", "y1"])
def test_bessel_functions_of_first_orders_keep_their_phase(name):
    exact = mpmath.besselj if name[0] == "j" else mpmath.bessely
    fun, x = getattr(special, name), np.array([3e4, 1e10, 1e20])
    with mpmath.workdps(150):
        want = [float(exact(int(name[1]), mpmath.mpf(v)) * mpmath.sqrt(v)) for v in x]
    np.testing.assert_allclose(fun(x) * np.sqrt(x), want, rtol=1e-13, atol=1e-15)
    assert fun(np.inf) == 0 and ingot.grad(fun)(np.inf) == 0
