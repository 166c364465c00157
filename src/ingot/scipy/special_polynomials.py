"""Orthogonal polynomials at points, and Legendre functions, under the names of scipy.special.

Derivatives in x are polynomials of one degree less, so that the ends of intervals are no exception
(DLMF 18.9). Degrees may be any real numbers where SciPy's are; integers are exact recurrences.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import ingot.numpy as jnp
from ingot.scipy.special_table import define

MOST = 2.0**31
"""Degrees below are integers, if they are whole."""

MOST_STEPS = 10**5
"""Of recurrences."""


def _polynomial(name: str, parameters: str, doc: str, derivative: Callable[..., Any],
                leading: Callable[..., Any] = lambda *_: 1) -> Callable[..., Any]:
    """`derivative(*parameters)`, that in x, the last; there is none in degrees and others.

    leading: the sign of the first coefficient by the degree and other parameters, nan if unknown.
    """
    whole = name in ("eval_hermite", "eval_hermitenorm")

    def evaluate(n: np.ndarray, *rest: np.ndarray) -> np.ndarray:
        import scipy.special

        fun = getattr(scipy.special, name)
        integer = whole | (n == np.rint(n)) & (abs(n) < MOST)
        degree = np.where(integer, n, 0).astype(np.int64)
        with np.errstate(all="ignore"):  # nan, warned of here, may be overwritten
            exact = fun(degree, *rest)
            exact = np.where(np.isnan(exact) & (degree >= 0), far_out(fun, degree, *rest), exact)
            exact = _by_recurrence(name, exact, degree, *rest)
            exact = np.where(np.isnan(sum(rest, n)), np.nan, exact)
            return exact if np.all(integer) else np.where(integer, exact, fun(n, *rest))

    def far_out(fun: Any, n: np.ndarray, *rest: np.ndarray) -> np.ndarray:
        """What a polynomial is beyond its zeros, where terms overflow: infinite, or constant."""
        *others, x = rest
        ends = {"eval_hermite": 2 * np.sqrt(n + 1), "eval_hermitenorm": 2 * np.sqrt(n + 1),
                "eval_laguerre": 4 * (n + 1), "eval_genlaguerre": 4 * (n + 1 + sum(others))}
        beyond = abs(x) > ends.get(name, 2)
        signs = np.where(n % 2 == 0, 1, np.sign(x)) * np.where(beyond, leading(n, *others), np.nan)
        return np.where(n == 0, fun(0, *others, 0.0), np.inf * signs)

    others = len(parameters.split()) - 1
    return define(name, parameters, doc, *[None] * others, lambda out, *xs: derivative(*xs),
                  evaluate=evaluate)


# Of the recurrence P_{k+1} = (a x + b) P_k - c P_{k-1}, DLMF 18.9.1: a, b, c by k and parameters.
RECURRENCES: dict[str, Callable[..., tuple[Any, Any, Any]]] = {
    "eval_hermite": lambda k: (2, 0, 2 * k), "eval_hermitenorm": lambda k: (1, 0, k),
    "eval_laguerre": lambda k: (-1 / (k + 1), (2 * k + 1) / (k + 1), k / (k + 1)),
    "eval_genlaguerre": lambda k, a: (-1 / (k + 1), (2 * k + 1 + a) / (k + 1), (k + a) / (k + 1)),
    "eval_gegenbauer": lambda k, a: (2 * (k + a) / (k + 1), 0, (k + 2 * a - 1) / (k + 1)),
    "eval_jacobi": lambda k, a, b: _jacobi_step(k, a, b)}


def _jacobi_step(k: int, a: Any, b: Any) -> tuple[Any, Any, Any]:
    if k == 0:
        return (a + b + 2) / 2, (a - b) / 2, 0
    double = 2 * k + a + b
    below = 2 * (k + 1) * (k + a + b + 1)
    return ((double + 1) * (double + 2) / below, (a * a - b * b) * (double + 1) / below / double,
            2 * (k + a) * (k + b) * (double + 2) / below / double)


def _by_recurrence(name: str, out: np.ndarray, n: np.ndarray, *rest: np.ndarray) -> np.ndarray:
    """`out`, but where it is not finite though all arguments are, the recurrence with powers of two
    apart: SciPy's overflows before the polynomial does, and loses the sign."""
    lost = ~np.isfinite(out) & np.isfinite(sum(rest)) & (n > 0) & (n <= MOST_STEPS)
    if name not in RECURRENCES or not lost.any():
        return out
    n, *others, x = (np.broadcast_to(v, out.shape)[lost] for v in (n, *rest))
    before, value, exponent, found = 0 * x, 0 * x + 1, np.zeros(x.shape, int), 0 * x
    for k in range(int(n.max())):
        a, b, c = RECURRENCES[name](k, *others)
        before, value = value, (a * x + b) * value - c * before
        shift = np.frexp(np.maximum(abs(before), abs(value)))[1]
        before, value = np.ldexp(before, -shift), np.ldexp(value, -shift)
        exponent += shift
        found = np.where(n == k + 1, np.ldexp(value, np.minimum(exponent, 5000)), found)
    out = np.array(out)
    out[lost] = np.where(np.isnan(found), out[lost], found)
    return out


def _alternating(n: np.ndarray, *_: np.ndarray) -> np.ndarray:
    return np.where(n % 2 == 0, 1, -1)


def _below(n: Any, polynomial: Callable[..., Any], *rest: Any) -> Any:
    """A polynomial of degree n - 1, and 0 for n = 0."""
    none = n == 0
    return jnp.where(none, 0, polynomial(jnp.where(none, 0, n - 1), *rest))


eval_jacobi = _polynomial("eval_jacobi", "n alpha beta x", """
    Jacobi polynomial P_n^(alpha, beta)(x), DLMF 18.3.
    n: degree. alpha, beta: real parameters, above -1 for orthogonality on [-1, 1]. x: real numbers.
    >>> special.eval_jacobi(2, 0.0, 0.0, 0.5)
    Array(-0.125, dtype=float64, weak_type=True)
    """, lambda n, a, b, x: (
    (n + a + b + 1) / 2 * _below(n, eval_jacobi, a + 1, b + 1, x)),
    leading=lambda n, a, b: np.where((a > -1) & (b > -1), 1, np.nan))
eval_sh_jacobi = _polynomial("eval_sh_jacobi", "n p q x", """
    Shifted Jacobi polynomial G_n(p, q, x), orthogonal on [0, 1], with leading coefficient 1.
    n: degree. p, q: real parameters, q > 0 and p > q - 1 for orthogonality. x: real numbers.
    >>> special.eval_sh_jacobi(1, 1.0, 1.0, 0.75)
    Array(0.25, dtype=float64, weak_type=True)
    """, lambda n, p, q, x: (
    n * _below(n, eval_sh_jacobi, p + 2, q + 1, x)))
eval_gegenbauer = _polynomial("eval_gegenbauer", "n alpha x", """
    Gegenbauer (ultraspherical) polynomial C_n^(alpha)(x), DLMF 18.3.
    n: degree. alpha: real parameter, above -1/2 for orthogonality on [-1, 1]. x: real numbers.
    >>> special.eval_gegenbauer(2, 1.0, 0.5)
    Array(0., dtype=float64, weak_type=True)
    """, lambda n, a, x: (
    2 * a * _below(n, eval_gegenbauer, a + 1, x)),
    leading=lambda n, a: np.where(a > 0, 1, np.nan))
eval_legendre = _polynomial("eval_legendre", "n x", """
    Legendre polynomial P_n(x), orthogonal on [-1, 1], DLMF 18.3.
    n: degree. x: real numbers.
    >>> special.eval_legendre(2, np.array([0.0, 1.0]))
    Array([-0.5,  1. ], dtype=float64)
    """, lambda n, x: (
    (n + 1) / 2 * _below(n, eval_jacobi, 1, 1, x)))
eval_sh_legendre = _polynomial("eval_sh_legendre", "n x", """
    Shifted Legendre polynomial P_n(2 x - 1), orthogonal on [0, 1], DLMF 18.3.
    n: degree. x: real numbers.
    >>> special.eval_sh_legendre(2, np.array([0.5, 1.0]))
    Array([-0.5,  1. ], dtype=float64)
    """, lambda n, x: (
    (n + 1) * _below(n, eval_jacobi, 1, 1, 2 * x - 1)))
eval_chebyt = _polynomial("eval_chebyt", "n x", """
    Chebyshev polynomial of the first kind T_n(x), with T_n(cos(a)) = cos(n a), DLMF 18.3.
    n: degree. x: real numbers.
    >>> special.eval_chebyt(2, np.array([0.5, 1.0]))
    Array([-0.5,  1. ], dtype=float64)
    """, lambda n, x: n * _below(n, eval_chebyu, x))
eval_chebyu = _polynomial("eval_chebyu", "n x", """
    Chebyshev polynomial of the second kind U_n(x), where U_n(cos(a)) = sin((n + 1) a) / sin(a).
    n: degree. x: real numbers.
    >>> special.eval_chebyu(2, np.array([0.5, 1.0]))
    Array([0., 3.], dtype=float64)
    """, lambda n, x: 2 * _below(n, eval_gegenbauer, 2, x))
eval_chebyc = _polynomial("eval_chebyc", "n x", """
    Chebyshev polynomial of the first kind on [-2, 2], C_n(x) = 2 T_n(x / 2), DLMF 18.1.3.
    n: degree. x: real numbers.
    >>> special.eval_chebyc(2, np.array([1.0, 2.0]))
    Array([-1.,  2.], dtype=float64)
    """, lambda n, x: n * _below(n, eval_chebys, x))
eval_chebys = _polynomial("eval_chebys", "n x", """
    Chebyshev polynomial of the second kind on [-2, 2], S_n(x) = U_n(x / 2), DLMF 18.1.3.
    n: degree. x: real numbers.
    >>> special.eval_chebys(2, np.array([1.0, 2.0]))
    Array([0., 3.], dtype=float64)
    """, lambda n, x: _below(n, eval_gegenbauer, 2, x / 2))
eval_sh_chebyt = _polynomial("eval_sh_chebyt", "n x", """
    Shifted Chebyshev polynomial of the first kind T_n(2 x - 1), orthogonal on [0, 1], DLMF 18.3.
    n: degree. x: real numbers.
    >>> special.eval_sh_chebyt(2, np.array([0.5, 1.0]))
    Array([-1.,  1.], dtype=float64)
    """, lambda n, x: (
    2 * n * _below(n, eval_sh_chebyu, x)))
eval_sh_chebyu = _polynomial("eval_sh_chebyu", "n x", """
    Shifted Chebyshev polynomial of the second kind U_n(2 x - 1), orthogonal on [0, 1], DLMF 18.3.
    n: degree. x: real numbers.
    >>> special.eval_sh_chebyu(2, np.array([0.5, 1.0]))
    Array([-1.,  3.], dtype=float64)
    """, lambda n, x: (
    4 * _below(n, eval_gegenbauer, 2, 2 * x - 1)))
eval_genlaguerre = _polynomial("eval_genlaguerre", "n alpha x", """
    Generalized Laguerre polynomial L_n^(alpha)(x), DLMF 18.3.
    n: degree. alpha: real parameter, above -1 for orthogonality on [0, inf). x: real numbers.
    >>> special.eval_genlaguerre(1, 2.0, 0.5)
    Array(2.5, dtype=float64, weak_type=True)
    """, lambda n, a, x: (
    -_below(n, eval_genlaguerre, a + 1, x)), leading=_alternating)
eval_laguerre = _polynomial("eval_laguerre", "n x", """
    Laguerre polynomial L_n(x), orthogonal on [0, inf) with the weight exp(-x), DLMF 18.3.
    n: degree. x: real numbers.
    >>> special.eval_laguerre(2, np.array([0.0, 2.0]))
    Array([ 1., -1.], dtype=float64)
    """, lambda n, x: -_below(n, eval_genlaguerre, 1, x), leading=_alternating)
eval_hermite = _polynomial("eval_hermite", "n x", """
    Hermite polynomial of physicists H_n(x), orthogonal with the weight exp(-x^2), DLMF 18.3.
    n: degree, a whole number. x: real numbers.
    >>> special.eval_hermite(2, np.array([0.0, 1.0]))
    Array([-2.,  2.], dtype=float64)
    """, lambda n, x: 2 * jnp.trunc(n) * _below(jnp.trunc(n), eval_hermite, x))
eval_hermitenorm = _polynomial("eval_hermitenorm", "n x", """
    Hermite polynomial of probabilists He_n(x), orthogonal with the weight exp(-x^2 / 2), DLMF 18.3.
    n: degree, a whole number. x: real numbers.
    >>> special.eval_hermitenorm(2, np.array([0.0, 1.0]))
    Array([-1.,  0.], dtype=float64)
    """, lambda n, x: (
    jnp.trunc(n) * _below(jnp.trunc(n), eval_hermitenorm, x)))

lpmv = define("lpmv", "m v x", """
    Associated Legendre function P_v^m(x) with the sign (-1)^m, DLMF 14.3.6.
    m: order, a whole number. v: real degree. x: in [-1, 1]; nan beyond.
    >>> special.lpmv(1, 2.0, 0.5)
    Array(-1.29903811, dtype=float64, weak_type=True)
    """, None, None, lambda out, m, v, x: (
    v * x * out - (v + m) * lpmv(m, v - 1, x)) / (x * x - 1))
