"""Special functions: error functions, gamma and its relatives, zeta, incomplete beta, Bessel."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot.core.primitive import PythonFallback
from ingot.errors import UndefinedRuleError
from ingot.kernel.rules import Lowering, elementwise
from ingot.primitives.arithmetic import add, div, mul, neg, sub
from ingot.primitives.bits import bitwise_and, bitwise_or
from ingot.primitives.compare import eq, gt
from ingot.primitives.densities import large_beta_mass, log_gamma_mass
from ingot.primitives.exponential import exp, log, log1p
from ingot.primitives.families import FLOAT, nary, unary
from ingot.primitives.movement import full_like
from ingot.primitives.numerics import DOUBLE, same_shape
from ingot.primitives.powers import pow, square
from ingot.primitives.select import clamp, select
from ingot.primitives.tails import bell, beta_tail, gamma_tail, log_gamma_mass_of
from ingot.primitives.zeta import zeta_derivative


def in_double(fun: Callable[..., Any]) -> Callable[..., Any]:
    """An `eval` in float64 whatever the arguments' dtype."""

    def evaluate(*xs: np.ndarray, **params: Any) -> np.ndarray:
        out = fun(*(np.asarray(x, DOUBLE) for x in xs), **params)
        return np.asarray(out).astype(xs[0].dtype)

    return evaluate


def scipy_special(name: str) -> Callable[..., Any]:
    """An `eval` that is a function of scipy.special, in float64 whatever the arguments' dtype."""

    def evaluate(*xs: np.ndarray) -> np.ndarray:
        import scipy.special

        return getattr(scipy.special, name)(*xs)

    return in_double(evaluate)


def cython_special(name: str, odd: bool = False, whole: Sequence[int] = ()) -> Callable[..., Any]:
    """A `kernel` that calls a function of SciPy's C interface, in float64.

    `odd` says that the result has the sign of the argument, at zero too. The arguments `whole` are
    cut to integers, since SciPy warns of others, which a kernel cannot.
    """

    def rule(build: Lowering, *xs: Any, out_dtype: np.dtype) -> Any:
        wide = [build.op("convert", x, dtype=DOUBLE) for x in xs]
        wide = [build.op("trunc", x) if i in whole else x for i, x in enumerate(wide)]
        out = build.external(f"scipy.special.cython_special:{name}", *wide, dtype=DOUBLE)
        if odd:
            out = build.op("copysign", out, wide[0])
        return build.op("convert", out, dtype=out_dtype)

    return elementwise(rule, cost=100)


def odd_scipy_special(name: str) -> Callable[..., Any]:
    """`scipy_special` of an odd function of one argument: the result has its sign, at zero too."""
    fun = scipy_special(name)
    return lambda x: np.copysign(fun(x), x)


# ---- erf, erfc, erf_inv --------------------------------------------------------------------------
def gaussian(x: Any, factor: float, rate: float = 1.0) -> Any:
    """factor * exp(-rate x^2); beyond 64, where it is 0, so are its derivatives."""
    x = clamp(full_like(x, -64), x, full_like(x, 64))
    return mul(full_like(x, factor), exp(mul(full_like(x, -rate), square(x))))


erf_p = unary("erf", FLOAT, eval=scipy_special("erf"), kernel="erf",
              jvp=[lambda t, out, x: mul(t, gaussian(x, 2 / math.sqrt(math.pi)))])


def _erfc_eval(x: np.ndarray) -> np.ndarray:
    """SciPy's, but for the rounding error of x^2, by which it loses digits where the result is
    small."""
    import scipy.special

    out = np.asarray(scipy.special.erfc(x))
    far = (x > 1) & (x < 30)
    if far.any():
        large = x[far]
        high = large.astype(np.float32).astype(DOUBLE)
        power = np.exp(-high * high) * np.exp((high - large) * (high + large))
        out[far] = power * scipy.special.erfcx(large)
    return out


erfc_p = unary("erfc", FLOAT, eval=in_double(_erfc_eval), kernel="erfc",
               jvp=[lambda t, out, x: mul(t, gaussian(x, -2 / math.sqrt(math.pi)))])
erf_inv_p = unary("erf_inv", FLOAT, eval=odd_scipy_special("erfinv"), kernel="erf_inv",
                  jvp=[lambda t, out, x: mul(t, mul(full_like(x, math.sqrt(math.pi) / 2),
                                                    exp(square(out))))])


def erf(x: Any) -> Any:
    """The error function of each element.

    x: floating [...] -> same type. Error 2 ulp. Raises TypeError for other dtypes.

    >>> lax.erf(0.5)
    Array(0.52049988, dtype=float64, weak_type=True)
    """
    return erf_p.bind(x)


def erfc(x: Any) -> Any:
    """`1 - erf(x)` of each element, accurate where that is small.

    x: floating [...] -> same type. Error 4 ulp. Raises TypeError for other dtypes.

    >>> lax.erfc(0.5)
    Array(0.47950012, dtype=float64, weak_type=True)
    """
    return erfc_p.bind(x)


def erf_inv(x: Any) -> Any:
    """The number whose error function is each element; nan outside [-1, 1].

    x: floating [...] -> same type. Error 4 ulp. Raises TypeError for other dtypes.

    >>> lax.erf_inv(0.5)
    Array(0.47693628, dtype=float64, weak_type=True)
    """
    return erf_inv_p.bind(x)


# ---- lgamma, digamma -----------------------------------------------------------------------------
def _lgamma_eval(x: np.ndarray) -> np.ndarray:
    import scipy.special

    out = scipy.special.gammaln(x)
    tiny = (np.abs(x) < 1e-300) & (x != 0)  # SciPy's is infinite at subnormal numbers
    out = np.where(tiny, -np.log(np.where(tiny, np.abs(x), 1.0)), out)
    out = np.where(np.isinf(x), np.inf, out)
    near = (np.abs(x - 1) < 0.25) | (np.abs(x - 2) < 0.25)
    if not near.any():
        return out
    # SciPy loses digits near the roots 1 and 2: there, take Taylor's series at 2.
    one = x < 1.5
    e = np.where(near, np.where(one, x - 1, x - 2), 0.0)
    orders = np.arange(24, 1, -1)
    series = np.polyval([*(scipy.special.zetac(orders) * (-1.0) ** orders / orders),
                         1 - np.euler_gamma, 0], e)
    return np.where(near, series - np.where(one, np.log1p(e), 0.0), out)


lgamma_p = unary("lgamma", FLOAT, eval=in_double(_lgamma_eval), kernel="lgamma",
                 jvp=[lambda t, out, x: mul(t, digamma(x))])
digamma_p = unary("digamma", FLOAT, eval=scipy_special("psi"), kernel="digamma",
                  jvp=[lambda t, out, x: mul(t, _polygamma(1, x))])


def lgamma(x: Any) -> Any:
    """The logarithm of the absolute value of the gamma function.

    x: floating [...] -> same type; inf at 0, -1, -2, ... Error 4 ulp, near the roots 1 and 2 too;
    near those at negative numbers 1e-15 absolute in eager code. Raises TypeError for other dtypes.

    >>> lax.lgamma(4.0)
    Array(1.79175947, dtype=float64, weak_type=True)
    """
    return lgamma_p.bind(x)


def digamma(x: Any) -> Any:
    """The derivative of `lgamma`.

    x: floating [...] -> same type; infinite at 0, nan at -1, -2, ... Error 4 ulp, near negative
    roots 1e-15 absolute. Raises TypeError for other dtypes.

    >>> lax.digamma(1.0)
    Array(-0.57721566, dtype=float64, weak_type=True)
    """
    return digamma_p.bind(x)


# ---- zeta ----------------------------------------------------------------------------------------
def _zeta_eval(x: np.ndarray, q: np.ndarray) -> np.ndarray:
    import scipy.special

    out = np.where((x == np.inf) & (q > 0), q**-x, scipy.special.zeta(x, q))
    low = (x < 1) & (q > 0)
    if low.any():
        s, u = np.where(low, x, 0.0), np.where(low, q, 1.0)
        continued = np.where(u == 1, scipy.special.zeta(s), zeta_derivative(s, u, 0))
        out = np.where(low, continued, out)
    return out


zeta_p = nary("zeta", FLOAT, eval=in_double(_zeta_eval),
              kernel=PythonFallback("an adaptive series"),
              jvp=[lambda t, out, x, q: mul(t, _zeta_derivative(x, q, 1)),
                   lambda t, out, x, q: mul(t, neg(mul(x, zeta(add(x, full_like(x, 1)), q))))])


def zeta(x: Any, q: Any) -> Any:
    """The Hurwitz zeta function: the sum of `(q + k) ** -x` over k = 0, 1, ...

    x, q: floating [...] of one shape, or one a scalar -> same type. Error 8 ulp; for x < 1, where
    it is the analytic continuation, 1e-13 of (q + 16) ** -x unless q = 1. Raises TypeError for
    other dtypes.

    >>> lax.zeta(2.0, 1.0)
    Array(1.64493407, dtype=float64, weak_type=True)
    """
    return zeta_p.bind(*same_shape("zeta", x, q))


def _zeta_jvp_q(t: Any, out: Any, x: Any, q: Any, *, order: int) -> Any:
    # d/dq of (-log u)^n u^-x at u = q + k is -(n (-log u)^(n-1) + x (-log u)^n) u^-(x+1).
    up = add(x, full_like(x, 1))
    lower = zeta(up, q) if order == 1 else _zeta_derivative(up, q, order - 1)
    total = add(mul(full_like(x, order), lower), mul(x, _zeta_derivative(up, q, order)))
    return mul(t, neg(total))


zeta_derivative_p = nary(
    "zeta_derivative", FLOAT, eval=in_double(zeta_derivative),
    kernel=PythonFallback("a series of series"),
    jvp=[lambda t, out, x, q, *, order: mul(t, _zeta_derivative(x, q, order + 1)), _zeta_jvp_q])


def _zeta_derivative(x: Any, q: Any, order: int) -> Any:
    return zeta_derivative_p.bind(x, q, order=order)


# ---- polygamma -----------------------------------------------------------------------------------
def _polygamma_eval(m: np.ndarray, x: np.ndarray) -> np.ndarray:
    import scipy.special

    whole = (m >= 0) & (m == np.floor(m))
    n = np.where(whole, m, 1)
    higher = scipy.special.gamma(n + 1) * scipy.special.zeta(n + 1, x)
    out = np.where(n == 0, scipy.special.psi(x), np.where(n % 2 == 0, -higher, higher))
    return np.where(whole, out, np.nan)


def _polygamma_jvp_m(t: Any, out: Any, m: Any, x: Any) -> Any:
    raise UndefinedRuleError("polygamma: no derivative with respect to the order, which is a whole"
                             " number; apply lax.stop_gradient to it")


polygamma_p = nary("polygamma", FLOAT, eval=in_double(_polygamma_eval),
                   kernel=PythonFallback("an adaptive series"),
                   jvp=[_polygamma_jvp_m, lambda t, out, m, x: mul(
                       t, polygamma(add(m, full_like(m, 1)), x))])


def polygamma(m: Any, x: Any) -> Any:
    """The m-th derivative of `digamma`; nan unless m is 0, 1, 2, ...

    m, x: floating [...] of one shape, or one a scalar -> same type. Error 16 ulp. Raises TypeError
    for other dtypes, UndefinedRuleError for derivatives with respect to m.

    >>> lax.polygamma(1.0, 1.0)
    Array(1.64493407, dtype=float64, weak_type=True)
    """
    return polygamma_p.bind(*same_shape("polygamma", m, x))


def _polygamma(m: int, x: Any) -> Any:
    return digamma(x) if m == 0 else polygamma(full_like(x, m), x)


# ---- igamma, igammac -----------------------------------------------------------------------------
def _gamma_density(a: Any, x: Any) -> Any:
    """dP/dx: exp(-x) x^(a-1) / gamma(a), with the limits 1 at a = 1 and x = 0, 0 at x = inf."""
    one = full_like(a, 1)
    corner = bitwise_and(eq(a, one), eq(x, full_like(x, 0)))
    end = eq(x, full_like(x, np.inf))
    safe = select(bitwise_or(corner, end), one, x)
    large = bitwise_and(gt(a, full_like(a, 8)), gt(safe, full_like(x, 0)))
    few, many, near = select(large, one, a), select(large, a, one), select(large, safe, one)
    plain = sub(mul(sub(few, one), log(safe)), add(x, lgamma(few)))
    out = exp(select(large, sub(log_gamma_mass(many, near), log(near)), plain))
    return select(end, full_like(x, 0), out)


def _bell(orders: Sequence[int], g: Callable[..., Any], like: Any) -> Any:
    return bell(orders, g, add, lambda n, v: mul(full_like(like, n), v), mul)


def _gamma_bell(a: Any, x: Any, order: int) -> Any:
    """A derivative in a of the density, divided by the density."""
    return _bell([order], lambda k: sub(log(x), digamma(a)) if k == 1
                 else neg(_polygamma(k - 1, a)), a)


igamma_p = nary("igamma", FLOAT, eval=scipy_special("gammainc"), kernel=cython_special("gammainc"),
                jvp=[lambda t, out, a, x: mul(t, igamma_grad_a(a, x)),
                     lambda t, out, a, x: mul(t, _gamma_density(a, x))])
igammac_p = nary("igammac", FLOAT, eval=scipy_special("gammaincc"),
                 kernel=cython_special("gammaincc"),
                 jvp=[lambda t, out, a, x: mul(t, neg(igamma_grad_a(a, x))),
                      lambda t, out, a, x: mul(t, neg(_gamma_density(a, x)))])


def igamma(a: Any, x: Any) -> Any:
    """The regularized lower incomplete gamma function P(a, x), with derivatives in both arguments.

    a, x: floating [...] of one shape, or one a scalar -> same type; nan outside a >= 0, x >= 0.
    Relative error 1e-14, more in far tails. Raises TypeError for other dtypes.

    >>> lax.igamma(1.0, 2.0)
    Array(0.86466472, dtype=float64, weak_type=True)
    """
    return igamma_p.bind(*same_shape("igamma", a, x))


def igammac(a: Any, x: Any) -> Any:
    """The regularized upper incomplete gamma function Q(a, x) = 1 - P(a, x).

    a, x: floating [...] of one shape, or one a scalar -> same type; nan outside a >= 0, x >= 0.
    Relative error 1e-14, more in far tails. Raises TypeError for other dtypes.

    >>> lax.igammac(1.0, 2.0)
    Array(0.13533528, dtype=float64, weak_type=True)
    """
    return igammac_p.bind(*same_shape("igammac", a, x))


# ---- igamma_grad_a, random_gamma_grad ------------------------------------------------------------
QUADRATURE = PythonFallback("quadrature over a tail")


def _igamma_grad_a_eval(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    scale = np.exp(log_gamma_mass_of(a, x))
    tail = gamma_tail(a, x, 1)
    return np.where((tail == 0) | (scale == 0), np.where(np.isnan(tail), tail, 0.0), scale * tail)


def _igamma_grad_a_jvp_a(t: Any, out: Any, a: Any, x: Any) -> Any:
    return mul(t, mul(mul(x, _gamma_density(a, x)), _gamma_tail(a, x, 2)))


igamma_grad_a_p = nary("igamma_grad_a", FLOAT, eval=in_double(_igamma_grad_a_eval),
                       kernel=QUADRATURE,
                       jvp=[_igamma_grad_a_jvp_a, lambda t, out, a, x: mul(
                           t, mul(_gamma_density(a, x), _gamma_bell(a, x, 1)))])


def igamma_grad_a(a: Any, x: Any) -> Any:
    """The derivative of `igamma` with respect to its first argument, itself differentiable.

    a, x: floating [...] of one shape, or one a scalar -> same type; nan outside a > 0, x >= 0.
    Relative error 1e-12. Raises TypeError for other dtypes.

    >>> lax.igamma_grad_a(2.0, 3.0)
    Array(-0.19742542, dtype=float64, weak_type=True)
    """
    return igamma_grad_a_p.bind(*same_shape("igamma_grad_a", a, x))


def _gamma_tail_jvp_a(t: Any, out: Any, a: Any, x: Any, *, order: int) -> Any:
    return mul(t, sub(_gamma_tail(a, x, order + 1), mul(out, sub(log(x), digamma(a)))))


def _gamma_tail_jvp_x(t: Any, out: Any, a: Any, x: Any, *, order: int) -> Any:
    return mul(t, div(sub(_gamma_bell(a, x, order), mul(out, sub(a, x))), x))


gamma_tail_p = nary("gamma_tail", FLOAT, eval=in_double(gamma_tail), kernel=QUADRATURE,
                    jvp=[_gamma_tail_jvp_a, _gamma_tail_jvp_x])


def _gamma_tail(a: Any, x: Any, order: int) -> Any:
    return gamma_tail_p.bind(a, x, order=order)


def random_gamma_grad(a: Any, x: Any) -> Any:
    """How a gamma sample moves with its shape parameter at a fixed quantile: `dx/da`.

    a: shape parameters, floating [...]; x: samples, same type -> same type; nan outside a > 0, x
    >= 0. Relative error 1e-13. Raises TypeError for other dtypes.

    >>> lax.random_gamma_grad(2.0, 3.0)
    Array(1.32179852, dtype=float64, weak_type=True)
    """
    a, x = same_shape("random_gamma_grad", a, x)
    return neg(mul(x, _gamma_tail(a, x, 1)))


# ---- regularized_incomplete_beta -----------------------------------------------------------------
def _beta_density(a: Any, b: Any, x: Any) -> Any:
    """dI/dx: x^(a-1) (1-x)^(b-1) gamma(a + b) / (gamma(a) gamma(b))."""
    one = full_like(a, 1)
    large, a, b, mass = large_beta_mass(a, b, x)
    constant = sub(lgamma(add(a, b)), add(lgamma(a), lgamma(b)))
    plain = mul(exp(constant), mul(pow(x, sub(a, one)), pow(sub(one, x), sub(b, one))))
    return select(large, exp(sub(mass, add(log(x), log1p(neg(x))))), plain)


def _beta_scale(a: Any, b: Any, x: Any) -> Any:
    """x (1 - x) dI/dx."""
    large, a, b, mass = large_beta_mass(a, b, x)
    constant = sub(lgamma(add(a, b)), add(lgamma(a), lgamma(b)))
    plain = add(constant, add(mul(a, log(x)), mul(b, log1p(neg(x)))))
    return exp(select(large, mass, plain))


def _beta_bell(a: Any, b: Any, x: Any, orders: tuple[int, int]) -> Any:
    """A derivative in a and b of the density, divided by the density."""
    both = add(a, b)

    def g(i: int, j: int) -> Any:
        total = _polygamma(i + j - 1, both)
        if i + j == 1:
            own = sub(log(x), digamma(a)) if i else sub(log1p(neg(x)), digamma(b))
            return add(own, total)
        return total if i * j else sub(total, _polygamma(i + j - 1, a if i else b))

    return _bell(orders, g, a)


regularized_incomplete_beta_p = nary(
    "regularized_incomplete_beta", FLOAT, eval=scipy_special("betainc"),
    kernel=cython_special("betainc"),
    jvp=[lambda t, out, a, b, x: mul(t, mul(_beta_scale(a, b, x), _beta_tail(a, b, x, (1, 0)))),
         lambda t, out, a, b, x: mul(t, mul(_beta_scale(a, b, x), _beta_tail(a, b, x, (0, 1)))),
         lambda t, out, a, b, x: mul(t, _beta_density(a, b, x))])


def betainc(a: Any, b: Any, x: Any) -> Any:
    """The regularized incomplete beta function I_x(a, b), with derivatives in all arguments.

    a, b, x: floating [...] of one shape, or some scalars -> same type; nan outside a, b >= 0 and
    0 <= x <= 1. Relative error 1e-13, more in far tails. Raises TypeError for other dtypes.

    >>> lax.betainc(2.0, 3.0, 0.5)
    Array(0.6875, dtype=float64, weak_type=True)
    """
    return regularized_incomplete_beta_p.bind(*same_shape("betainc", a, b, x))


regularized_incomplete_beta = betainc


def _beta_tail_jvp(i: int) -> Callable[..., Any]:
    def partial(t: Any, out: Any, a: Any, b: Any, x: Any, *, orders: tuple[int, int]) -> Any:
        higher = (orders[0] + (i == 0), orders[1] + (i == 1))
        slope = _beta_bell(a, b, x, (1 - i, i))
        return mul(t, sub(_beta_tail(a, b, x, higher), mul(out, slope)))

    return partial


def _beta_tail_jvp_x(t: Any, out: Any, a: Any, b: Any, x: Any, *, orders: tuple[int, int]) -> Any:
    rest = sub(full_like(x, 1), x)
    change = mul(out, sub(mul(a, rest), mul(b, x)))
    return mul(t, div(sub(_beta_bell(a, b, x, orders), change), mul(x, rest)))


beta_tail_p = nary("beta_tail", FLOAT, eval=in_double(beta_tail), kernel=QUADRATURE,
                   jvp=[_beta_tail_jvp(0), _beta_tail_jvp(1), _beta_tail_jvp_x])


def _beta_tail(a: Any, b: Any, x: Any, orders: tuple[int, int]) -> Any:
    return beta_tail_p.bind(a, b, x, orders=orders)


__all__ = ["betainc", "digamma", "digamma_p", "erf", "erf_inv", "erf_inv_p", "erf_p", "erfc",
           "erfc_p", "igamma", "igamma_grad_a", "igamma_grad_a_p", "igamma_p", "igammac",
           "igammac_p", "lgamma", "lgamma_p", "polygamma", "polygamma_p", "random_gamma_grad",
           "regularized_incomplete_beta_p", "zeta", "zeta_p"]
