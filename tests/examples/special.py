"""Rows of special functions, against mpmath."""

import mpmath
import numpy as np

from examples import Bad, Example, between, elementwise, integers, mp, normal
from examples.analysis import limits
from ingot.primitives import bessel, special as s

X, UNIT, POSITIVE = normal(3, 2), between(-0.9, 0.9, 3, 2), between(0.3, 4, 3, 2)
OTHER = between(0.4, 3, 3, 2, seed=1)


def _family(op, *args, fun, ulps=16, accepts="f", tol=1e-8, **more):
    """Rows at ordinary arguments, 0-d, empty and large; the edges are given below."""
    return elementwise(op, *args, ref=mp(fun), ulps=ulps, accepts=accepts, tol=tol, edges=False,
                       **more)


def _edges(op, args, want, ulps=4, jax=True):
    return Example(op, tuple(np.array(a, float) for a in args), diff=(), maps=(), ulps=ulps,
                   ref=lambda *_: np.array(want, float), name=f"{op.__name__}_edges",
                   jax=op.__name__ if jax else False)


INF, NAN = np.inf, np.nan


def _erfs():
    return [
        *elementwise(s.erf, X, ref=limits(mpmath.erf, _scipy("erf")), ulps=4, accepts="f"),
        *elementwise(s.erfc, X, ref=limits(mpmath.erfc, _scipy("erfc")), ulps=6, accepts="f"),
        *_family(s.erf_inv, UNIT, fun=mpmath.erfinv),
        _edges(s.erf_inv, [[-1, 1, 0.0, -0.0, 2, NAN]], [-INF, INF, 0.0, -0.0, NAN, NAN]),
        Example(s.erf, (normal(7, 30),), ref=_scipy("erf"), diff=(), maps=()),
    ]


def _scipy(name):
    import scipy.special

    return getattr(scipy.special, name)


def _gammas():
    psi = lambda n, x: mpmath.psi(int(n), x)
    orders = np.array([[0.0, 1], [2, 3], [1, 4]])
    return [
        *_family(s.lgamma, POSITIVE, fun=mpmath.loggamma),
        Example(s.lgamma, (np.array([-0.5, -1.5, -2.25, 1 + 1e-9, 2 - 1e-9]),), ulps=64,
                ref=lambda x: np.array([float(mpmath.loggamma(mpmath.mpf(v)).real) for v in x])),
        _edges(s.lgamma, [[0, -1, INF, NAN, 1, 2]], [INF, INF, INF, NAN, 0, 0]),
        _edges(s.lgamma, [[1e-310, -5e-324]], [713.8013788281542, 744.4400719213812],
               jax=False),  # whose values are infinite
        *_family(s.digamma, POSITIVE, fun=mpmath.digamma),
        _edges(s.digamma, [[INF, NAN]], [INF, NAN]),
        Example(s.polygamma, (orders, POSITIVE), ref=_each(psi), ulps=64, diff=(1,)),
        *_family(s.zeta, POSITIVE + 1.2, OTHER, fun=mpmath.zeta, ulps=32),
        _edges(s.zeta, [[2, 1], [1, 1]], [np.pi**2 / 6, INF]),
        *_family(s.igamma, POSITIVE, OTHER, ulps=64,
                 fun=lambda a, x: mpmath.gammainc(a, 0, x, regularized=True)),
        *_family(s.igammac, POSITIVE, OTHER, ulps=64,
                 fun=lambda a, x: mpmath.gammainc(a, x, regularized=True)),
        _edges(s.igamma, [[1, 1, 0, 2, -1], [0, INF, 1, NAN, 1]], [0, 1, 1, NAN, NAN]),
        _edges(s.igammac, [[1, 1, 2, -1], [0, INF, NAN, 1]], [1, 0, NAN, NAN]),
        *_family(s.igamma_grad_a, POSITIVE, OTHER, ulps=1e6, fun=lambda a, x: mpmath.diff(
            lambda v: mpmath.gammainc(v, 0, x, regularized=True), a)),
        *_family(s.random_gamma_grad, POSITIVE, OTHER, ulps=1e6, fun=lambda a, x: -mpmath.diff(
            lambda v: mpmath.gammainc(v, 0, x, regularized=True), a) / (
                mpmath.exp(-x) * x ** (a - 1) / mpmath.gamma(a))),
        *_family(s.betainc, POSITIVE, OTHER, between(0.1, 0.9, 3, 2), ulps=128,
                 fun=lambda a, b, x: mpmath.betainc(a, b, 0, x, regularized=True)),
        _edges(s.betainc, [[1, 2, 2, 1], [1, 3, 3, NAN], [0.5, 0, 1, 0.5]], [0.5, 0, 1, NAN]),
    ]


def _each(fun):
    def ref(*xs):
        return np.array([float(fun(*map(float, v))) for v in zip(*(x.flat for x in xs),
                                                                 strict=True)]).reshape(xs[0].shape)
    return ref


def _bessels():
    return [
        *_family(bessel.bessel_i0e, X * 3,
                 fun=lambda x: mpmath.exp(-abs(x)) * mpmath.besseli(0, x)),
        *_family(bessel.bessel_i1e, X * 3,
                 fun=lambda x: mpmath.exp(-abs(x)) * mpmath.besseli(1, x)),
        Example(lambda x: bessel.bessel_ive_p.bind(x, order=2), (X,), ulps=64, name="bessel_ive",
                ref=_each(lambda x: mpmath.exp(-abs(x)) * mpmath.besseli(2, x)), jax=False),
        Example(bessel.bessel_i0, (X,), ref=_each(lambda x: mpmath.besseli(0, x)), ulps=16,
                jax=False),
        Example(bessel.bessel_i1, (X,), ref=_each(lambda x: mpmath.besseli(1, x)), ulps=16,
                jax=False),
    ]


EXAMPLES = [*_erfs(), *_gammas(), *_bessels()]

BAD = [
    Bad(s.erf, (integers(0, 4, 3),), error=r"erf: .*i64\[3\]"),
    Bad(s.lgamma, (X + 1j,), error="lgamma: .*c128"),
    Bad(s.igamma, (normal(3), normal(4)), error="igamma: "),
    Bad(s.betainc, (normal(3), normal(3), integers(0, 3, 3)), error="(betainc|beta)"),
]
