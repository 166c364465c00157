"""Rows of the special functions that JAX has no primitive for, against mpmath."""

import mpmath
import numpy as np

from examples import Bad, Example, between, complex_normal, elementwise, mp, normal
from examples.special import X, _each
from ingot.scipy import (  # noqa: F401  (their functions are in the table once they are imported)
    log_tails as tails,
    special_airy,
    special_bessel,
    special_distributions,
    special_elementary,
    special_elliptic,
    special_errors,
    special_inverses,
    special_polynomials,
    special_primitives as more,
)
from ingot.scipy.special_table import scipy_function_p

POSITIVE, UNIT = between(0.3, 4, 3, 2), between(0.1, 0.9, 3, 2)
SMALL, Z = normal(3, 2, seed=4) * 0.4, complex_normal(3, 2) + 1.5


def bound(primitive):
    """The primitive as a function that rows can name."""

    def op(*args, **params):
        return primitive.bind(*args, **params)

    op.__name__ = primitive.name
    return op


def real(primitive, *args, fun, ulps=32, accepts="f", **given):
    """Rows at ordinary arguments, 0-d and empty, of all dtypes."""
    return elementwise(bound(primitive), *args, ref=mp(fun), ulps=ulps, accepts=accepts,
                       edges=False, jax=False, **given)


def edges(primitive, arguments, want):
    """Values where a function has its poles, limits and NaN."""
    args = tuple(np.array(a, float) for a in arguments)
    return Example(bound(primitive), args, diff=(), maps=(), ulps=8, jax=False,
                   ref=lambda *_: np.array(want, float), name=f"{primitive.name}_edges")


def complex_values(fun):
    """A reference for complex arguments."""
    return lambda z: np.array([complex(fun(mpmath.mpc(complex(v)))) for v in z.flat],
                              z.dtype).reshape(z.shape)


def of_complex(primitive, fun, **given):
    return Example(bound(primitive), (Z,), ref=complex_values(fun), ulps=64, accepts="c", jax=False,
                   **given)


def tabled(name, *args, fun, **given):
    """A row of a function in the table of `special_table.py`."""
    return Example(bound(scipy_function_p), args, dict(name=name), ulps=64, jax=False,
                   ref=lambda *xs, name: fun(*xs), name=f"scipy_function_{name}", **given)


def ndtr(x):
    return mpmath.erfc(-x / mpmath.sqrt(2)) / 2


def owens(h, a):
    return mpmath.quad(lambda t: mpmath.exp(-h * h * (1 + t * t) / 2) / (1 + t * t), [0, a]) / (
        2 * mpmath.pi)


def wofz(z):
    return mpmath.exp(-z * z) * mpmath.erfc(-1j * z)


INF, NAN = np.inf, np.nan
ORDERS = np.array([[0.0, 1], [2, 3], [1, 4]])


def slope_of_hyp1f1(a, b, x, orders):
    """The derivative in `a`."""
    slope = lambda a, b, x: float(mpmath.diff(lambda u: mpmath.hyp1f1(u, b, x), a))
    return np.vectorize(slope)(a, b, x)


EXAMPLES = [
    Example(bound(more.hyp1f1_derivative_p), (POSITIVE, POSITIVE + 0.7, SMALL),
            dict(orders=(1, 0, 0)), ref=slope_of_hyp1f1, ulps=512, jax=False),
    *elementwise(bound(more.share_p), X, POSITIVE, ref=np.true_divide, jax=False, edges=False),
    edges(more.share_p, [[0, 0, 1, NAN], [0, 3, 0, 1]], [0, 0, INF, NAN]),
    *real(more.xlogy_p, X, POSITIVE, fun=lambda x, y: x * mpmath.log(y), accepts="fc"),
    edges(more.xlogy_p, [[0, 0, 0, 1, 0], [0, 3, NAN, 0, INF]], [0, 0, NAN, -INF, 0]),
    *real(more.xlog1py_p, X, POSITIVE, fun=lambda x, y: x * mpmath.log1p(y), accepts="fc"),
    edges(more.xlog1py_p, [[0, 0, 0, 1], [-1, 3, NAN, -1]], [0, 0, NAN, -INF]),
    *real(more.hazard_p, X, fun=lambda x: mpmath.npdf(x) / mpmath.ncdf(x)),
    edges(more.hazard_p, [[INF, -INF, NAN, 40, -1e300]], [0, INF, NAN, 0, 1e300]),
    *real(more.expi_p, POSITIVE, fun=mpmath.ei),
    edges(more.expi_p, [[0, INF, -INF, NAN]], [-INF, INF, -0.0, NAN]),
    *real(more.exp1_p, POSITIVE, fun=mpmath.e1),
    edges(more.exp1_p, [[0, INF, NAN]], [INF, 0, NAN]),
    Example(bound(more.expn_p), (ORDERS, POSITIVE), ulps=64, diff=(1,), jax=False, accepts="f",
            ref=_each(lambda n, x: mpmath.expint(int(n), x))),
    *real(more.dawsn_p, X, fun=lambda x: mpmath.sqrt(mpmath.pi) / 2 * mpmath.exp(-x * x)
          * mpmath.erfi(x)),
    *real(more.erfcx_p, X, fun=lambda x: mpmath.exp(x * x) * mpmath.erfc(x)),
    edges(more.erfcx_p, [[INF, -INF, NAN, 0]], [0, INF, NAN, 1]),
    *real(more.ndtri_p, UNIT, fun=lambda p: mpmath.sqrt(2) * mpmath.erfinv(2 * p - 1)),
    edges(more.ndtri_p, [[0, 1, 0.5, -1, 2, NAN]], [-INF, INF, 0, NAN, NAN, NAN]),
    *real(more.log_ndtr_p, X, fun=lambda x: mpmath.log(ndtr(x))),
    edges(more.log_ndtr_p, [[INF, -INF, NAN]], [-0.0, -INF, NAN]),
    *real(more.owens_t_p, X, SMALL, fun=owens, ulps=128),
    of_complex(more.wofz_p, wofz),
    of_complex(more.digamma_complex_p, mpmath.digamma, diff=()),
    of_complex(more.loggamma_p, mpmath.loggamma, once=True),
    *real(more.gamma_p, POSITIVE, fun=mpmath.gamma),
    edges(more.gamma_p, [[1, 2, 5, INF, -1, NAN]], [1, 1, 24, INF, NAN, NAN]),
    *real(more.si_p, X, fun=mpmath.si),
    edges(more.si_p, [[0, INF, -INF, NAN]], [0, np.pi / 2, -np.pi / 2, NAN]),
    *real(more.ci_p, POSITIVE, fun=mpmath.ci, ulps=64),  # close to a zero
    edges(more.ci_p, [[0, INF, NAN]], [-INF, 0, NAN]),
    *real(more.fresnel_s_p, X, fun=mpmath.fresnels),
    *real(more.fresnel_c_p, X, fun=mpmath.fresnelc),
    edges(more.fresnel_s_p, [[0, INF, -INF]], [0, 0.5, -0.5]),
    *real(more.spence_p, POSITIVE, fun=lambda x: mpmath.polylog(2, 1 - x).real),
    edges(more.spence_p, [[1, 0, -1, NAN]], [0, np.pi**2 / 6, NAN, NAN]),
    *real(more.hyp1f1_p, POSITIVE, POSITIVE + 0.7, SMALL, fun=mpmath.hyp1f1, ulps=128),
    *real(more.hyp2f1_p, POSITIVE, UNIT, POSITIVE + 0.7, SMALL, fun=mpmath.hyp2f1, ulps=512),
    *real(tails.log_gammainc_p, POSITIVE, POSITIVE + 0.7, ulps=1e3,
          fun=lambda a, x: mpmath.log(mpmath.gammainc(a, 0, x, regularized=True))),
    *real(tails.log_gammaincc_p, POSITIVE, POSITIVE + 0.7, ulps=1e3,
          fun=lambda a, x: mpmath.log(mpmath.gammainc(a, x, mpmath.inf, regularized=True))),
    Example(lambda a, x: tails.gamma_hazard_p.bind(a, x, slope=False),
            (POSITIVE, POSITIVE + 0.7), ulps=1e3, jax=False, name="gamma_hazard", accepts="f",
            ref=_each(lambda a, x: x ** (a - 1) * mpmath.exp(-x) / mpmath.gammainc(a, x))),
    Example(lambda a, x: tails.gamma_hazard_p.bind(a, x, slope=True),
            (POSITIVE, 80 * POSITIVE + 60), ulps=1e6, jax=False, name="gamma_hazard_slope",
            ref=_each(lambda a, x: x ** (a - 1) * mpmath.exp(-x) / mpmath.gammainc(a, x)
                      - 1 + (a - 1) / x)),
    Example(lambda a, b, x: tails.log_betainc_p.bind(a, b, x, upper=False),
            (POSITIVE, POSITIVE + 0.5, UNIT), ulps=1e3, jax=False, name="log_betainc",
            ref=_each(lambda a, b, x: mpmath.log(mpmath.betainc(a, b, 0, x, regularized=True)))),
    *(tabled("jv", *args, fun=mp(mpmath.besselj), diff=(1,), accepts=accepts) for args, accepts in (
        ((POSITIVE, POSITIVE + 0.5), "fc"), ((POSITIVE[0, 0], POSITIVE[1, 1]), None))),
    tabled("erfi", Z, fun=complex_values(mpmath.erfi), accepts="fc"),
    tabled("elliprf", POSITIVE, UNIT, POSITIVE + 1, fun=mp(mpmath.elliprf)),
    tabled("elliprj", POSITIVE, UNIT, POSITIVE + 1, UNIT + 1, fun=mp(mpmath.elliprj), diff=()),
]

BAD = [
    Bad(bound(more.expi_p), (np.arange(3),), error=r"expi: .*i64\[3\]"),
    Bad(bound(more.wofz_p), (X,), error=r"wofz: .*f64\[3,2\]"),
    Bad(bound(scipy_function_p), (np.arange(3),), dict(name="kv"), error=r"scipy_function: .*i64"),
]
