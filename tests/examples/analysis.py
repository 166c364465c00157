"""Rows of exponentials, powers and trigonometric functions, against mpmath."""

import mpmath
import numpy as np

from examples import (
    EDGES,
    Bad,
    Example,
    between,
    booleans,
    complex_normal,
    elementwise,
    integers,
    mp,
    normal,
)
from examples.arithmetic import slope
from ingot.primitives import exponential, powers, trig
from ingot.primitives.movement import full_like

X, UNIT, POSITIVE = normal(3, 2), between(-0.9, 0.9, 3, 2), between(0.2, 3, 3, 2)
ABOVE = between(1.1, 4, 3, 2)
Z = complex_normal(3, 2)
BIG = between(0.1, 0.9, 7, 40)


def limits(fun, numpy_fun):
    """mpmath at finite arguments in range, NumPy's limits elsewhere."""
    one = mp(fun)

    def ref(*xs):
        want = np.array(numpy_fun(*xs))
        usual = np.isfinite(want) & (want != 0)
        for x in xs:
            usual &= np.isfinite(x) & (np.abs(x) < 1e9) & (x != 0)
        want[usual] = one(*(x[usual] for x in xs))
        return want

    return ref


def family(op, arg, fun, numpy_fun, ulps, complex_arg=Z, big=True, accepts="fc", complex_ulps=64):
    """A function of one argument: real rows with edges, a large one, complex ones."""
    rows = elementwise(op, arg, ref=limits(fun, numpy_fun), ulps=ulps, accepts=accepts)
    if complex_arg is not None:
        rows.append(Example(op, (complex_arg,), ref=mp(fun), ulps=complex_ulps))
    if big:
        rows.append(Example(op, (BIG + (1 if op is trig.acosh else 0),), ref=numpy_fun, ulps=ulps,
                            diff=(), maps=()))
    return rows


def _exponential():
    e = exponential
    logistic = lambda x: 1 / (1 + mpmath.exp(-x))
    with_errors = lambda fun: lambda *xs: quiet(fun, *xs)
    return [
        *family(e.exp, X, mpmath.exp, np.exp, 2),
        *family(e.exp2, X, lambda x: mpmath.power(2, x), np.exp2, 2),
        *family(e.expm1, X * 1e-3, mpmath.expm1, np.expm1, 2),
        *family(e.log, POSITIVE, mpmath.log, np.log, 2),
        *family(e.log2, POSITIVE, lambda x: mpmath.log(x, 2), np.log2, 2),
        Example(e.log2, (np.ldexp(1.0, np.arange(-1074, 1024)),), ref=np.log2, ulps=0, diff=(),
                maps=()),
        *family(e.log1p, POSITIVE * 1e-3, mpmath.log1p, np.log1p, 2, Z * 0.1),
        *family(e.logistic, X * 3, logistic, with_errors(lambda x: 1 / (1 + np.exp(-x))), 5),
        Example(lambda x: slope(e.logistic, x), (np.array([-40.0, 40.0, -800.0, 800.0]),), diff=(),
                maps=(), ref=lambda x: np.exp(-np.abs(x)), name="logistic_tails", jax=False),
    ]


def quiet(fun, *xs):
    with np.errstate(all="ignore"):
        return fun(*xs)


def power(x, y):
    """pow of C99, with mpmath for ordinary numbers."""
    return limits(lambda a, b: mpmath.power(a, b).real, np.power)(x, y)


def _powers():
    p = powers
    rows = []
    for n in (-3, -1, 0, 1, 2, 3, 7, 30):
        ref = lambda x, y: mp(lambda v: mpmath.power(v, y))(x)
        rows += [Example(p.integer_pow, (X,), dict(y=n), ref=ref,
                         accepts=None if n == 30 else "fc" if n < 0 else "iufc",
                         ulps=32 if n == 30 else 8, tol=1e-6 if n == 30 else 1e-8),
                 Example(p.integer_pow, (Z,), dict(y=n), ref=ref, ulps=64,
                         tol=1e-6 if n == 30 else 1e-8)]
        rows.append(Example(p.integer_pow, (EDGES,), dict(y=n), diff=(), ulps=4,
                            ref=lambda x, y: np.power(x, float(y))))
    rows.append(Example(p.integer_pow, (integers(-9, 9, 3, 2),), dict(y=5),
                        ref=lambda x, y: x * x * x * x * x))
    return [
        *rows,
        *elementwise(p.square, X, ref=lambda x: x * x, accepts="iufc", ulps=2),
        Example(p.square, (Z,), ref=lambda x: x * x, ulps=4),
        *elementwise(p.square, integers(-9, 9, 3, 2), ref=lambda x: x * x),
        *elementwise(p.one_minus_square, X, ref=lambda x: (1 + x) * (1 - x), accepts="iufc",
                     ulps=2),
        Example(p.one_minus_square, (Z,), ref=lambda x: 1 - x * x, ulps=16),
        Example(p.one_minus_square, (1 + np.array([-1e-9, 1e-9, -3e-16]),), diff=(), maps=(),
                ref=mp(lambda x: 1 - x * x), ulps=2),
        *elementwise(p.one_minus_square, integers(-9, 9, 3, 2), ref=lambda x: 1 - x * x),
        Example(p.reciprocal, (X,), ref=lambda x: 1 / x, accepts="fc", jax=False),
        *elementwise(p.pow, POSITIVE, normal(3, 2), ref=power, ulps=2),
        Example(p.pow, (Z, complex_normal(3, 2, seed=5)), ref=mp(mpmath.power), ulps=64),
        Example(p.pow, (-POSITIVE, np.arange(6.0).reshape(3, 2)), ref=power, diff=(0,), ulps=2),
        Example(p.pow, (X, integers(-4, 5, 3, 2)), accepts="fc", ulps=8,
                ref=lambda x, y: power(x, y.astype(float))),
        Example(p.pow, (X, integers(0, 5, 3, 2, dtype=np.int8)), ulps=8,
                ref=lambda x, y: power(x, y.astype(float))),
        Example(p.pow, (np.array([-1.0, -1.0, 1.0]), np.array([2**62 + 1, 2**62, 2**62 + 1])),
                ref=lambda x, y: np.array([-1.0, 1.0, 1.0]), diff=(), jax=False),
        # Derivatives at the edge of the domain.
        *(Example(lambda x, y=y: p.pow(x, full_like(x, y)), (x,), ulps=2,
                  ref=lambda x, y=y: power(x, np.full_like(x, y)), name="pow_known", jax=False,
                  diff=(0,) if x is POSITIVE else ())
          for y in (0, 1, 2, -1, 0.5, 1.5, -0.5, -1.5)
          for x in (EDGES, POSITIVE, POSITIVE.astype(np.float32))),
        Example(lambda y: slope(lambda x: p.pow(x, y), np.zeros(4)), (np.array([0.0, 1, 2, 3]),),
                ref=lambda y: np.array([0.0, 1, 0, 0]), diff=(), maps=(), name="pow_base_at_0",
                jax=False),
        Example(lambda x: slope(lambda y: p.pow(x, y), np.full(3, 2.0)), (np.array([0.0, 1, 2]),),
                ref=lambda x: np.array([0.0, 0, 4 * np.log(2)]), diff=(), maps=(),
                name="pow_exponent_at_0", jax=False),
        *family(p.sqrt, POSITIVE, mpmath.sqrt, np.sqrt, 0.5),
        *family(p.rsqrt, POSITIVE, lambda x: 1 / mpmath.sqrt(x), lambda x: 1 / np.sqrt(x), 2),
        *family(p.cbrt, X, lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)), np.cbrt, 2, None,
                accepts="f"),
        Example(lambda x: slope(p.sqrt, x), (np.zeros(2),), ref=lambda x: np.full(2, np.inf),
                diff=(), maps=(), name="sqrt_at_0", jax=False),
    ]


def _trig():
    t = trig
    y, x = normal(3, 2), normal(3, 2, seed=3)
    atan2 = limits(lambda a, b: mpmath.atan2(a, b), np.arctan2)
    return [
        *family(t.sin, X, mpmath.sin, np.sin, 2),
        *family(t.cos, X, mpmath.cos, np.cos, 2),
        *family(t.tan, UNIT, mpmath.tan, np.tan, 3),
        *family(t.asin, UNIT, mpmath.asin, np.arcsin, 2),
        *family(t.acos, UNIT, mpmath.acos, np.arccos, 2),
        *family(t.atan, X, mpmath.atan, np.arctan, 2, Z * 0.5),
        *family(t.sinh, X, mpmath.sinh, np.sinh, 3),
        *family(t.cosh, X, mpmath.cosh, np.cosh, 3),
        *family(t.tanh, X, mpmath.tanh, np.tanh, 3),
        *family(t.asinh, X, mpmath.asinh, np.arcsinh, 3),
        *family(t.acosh, ABOVE, mpmath.acosh, np.arccosh, 3),
        *family(t.atanh, UNIT, mpmath.atanh, np.arctanh, 3, Z * 0.5),
        *elementwise(t.atan2, y, x, ref=atan2, ulps=2),
        Example(t.atan2, (Z, complex_normal(3, 2, seed=5)), ulps=64),
        Example(lambda v: slope(t.tanh, v), (np.array([-30.0, 30.0]),), diff=(), maps=(),
                ref=lambda v: 1 / np.cosh(v) ** 2, name="tanh_tails", jax=False),
    ]


EXAMPLES = [*_exponential(), *_powers(), *_trig()]

BAD = [
    Bad(exponential.exp, (integers(0, 5, 3),), error=r"exp: .*i64\[3\]"),
    Bad(trig.sin, (booleans(3),), error=r"sin: .*bool\[3\]"),
    Bad(powers.integer_pow, (integers(0, 5, 3),), dict(y=-1), error="integer_pow: .*negative"),
    Bad(powers.integer_pow, (X,), dict(y=0.5), error="integer_pow: .*integer"),
    Bad(powers.cbrt, (Z,), error=r"cbrt: .*c128"),
    Bad(trig.atan2, (normal(3), normal(4)), error=r"atan2: .*f64\[3\].*f64\[4\]"),
]
