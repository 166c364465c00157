"""Special functions that JAX has no primitive for, as primitives that call SciPy's C functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.control.custom_jvp import custom_jvp
from ingot.core.primitive import PythonFallback
from ingot.errors import UndefinedRuleError
from ingot.kernel.rules import Lowering, Unsupported, elementwise
from ingot.numpy import primitives as lax
from ingot.numpy.families import like
from ingot.primitives.exponential import log1p_p
from ingot.primitives.families import FLOAT, INEXACT, nary, unary
from ingot.primitives.numerics import DOUBLE, widened
from ingot.primitives.special import cython_special, gaussian, in_double, scipy_special
from ingot.scipy.hypergeometric import hyp1f1_derivative, hyp2f1_derivative


def _no_derivative(name: str, argument: str) -> Callable[..., Any]:
    def partial(t: Any, out: Any, *args: Any) -> Any:
        raise UndefinedRuleError(f"{name}: no derivative in {argument} is implemented; hold it"
                                 " fixed with lax.stop_gradient")

    return partial


def _unary(name: str, derivative: Callable[[Any, Any], Any], kernel: Any = None,
           evaluate: Callable[..., Any] | None = None) -> Any:
    """One real argument; `derivative(out, x)`."""
    return unary(name, FLOAT, eval=evaluate or scipy_special(name),
                 kernel=kernel or cython_special(name),
                 jvp=[lambda t, out, x: lax.mul(t, derivative(out, x))])


# ---- x log(y) ----
def _zero_where(fun: Callable[..., Any], none: Callable[..., Any]) -> Callable[..., Any]:
    """An `eval` that is 0 where `none` holds and `fun` elsewhere."""
    def evaluate(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        where = none(x, y)
        return np.where(where, x.dtype.type(0), fun(x, np.where(where, y.dtype.type(1), y)))

    return widened(evaluate)


def _times(name: str, none: Callable[..., Any]) -> Callable[..., Any]:
    """The kernel of such a function: a scalar operation, or the quotient."""
    def rule(build: Lowering, x: Any, y: Any, *, out_dtype: np.dtype) -> Any:
        if out_dtype.kind == "c":
            raise Unsupported("products with complex logarithms")
        zero = build.const(0, out_dtype)
        where = none(build, x, y, zero)
        safe = build.select(where, build.const(1, out_dtype), y)
        value = build.op("div", x, safe) if name == "div" else build.op(
            "mul", x, build.op(name, safe))
        return build.select(where, zero, value)

    return elementwise(rule, cost=30)


def _x_zero(build: Lowering, x: Any, y: Any, zero: Any) -> Any:
    return build.op("and", build.op("eq", x, zero), build.op("eq", y, y))


def _both_zero(build: Lowering, x: Any, y: Any, zero: Any) -> Any:
    return build.op("and", build.op("eq", x, zero), build.op("eq", y, zero))


# x / y, and 0 at 0 / 0: the limit along y, in which the quotient is constant there.
share_p = nary("share", INEXACT, kernel=_times("div", _both_zero),
               eval=_zero_where(np.true_divide, lambda x, y: (x == 0) & (y == 0)),
               jvp=[lambda t, out, x, y: lax.div(t, y),
                    lambda t, out, x, y: lax.mul(t, lax.neg(share_p.bind(out, y)))])
xlogy_p = nary("xlogy", INEXACT, kernel=_times("log", _x_zero),
               eval=_zero_where(lambda x, y: x * np.log(y), lambda x, y: (x == 0) & (y == y)),
               jvp=[lambda t, out, x, y: lax.mul(t, lax.log(y)),
                    lambda t, out, x, y: lax.mul(t, share_p.bind(x, y))])
xlog1py_p = nary("xlog1py", INEXACT, kernel=_times("log1p", _x_zero),
                 eval=_zero_where(lambda x, y: x * log1p_p.rule("eval")(y, accuracy=None),
                                  lambda x, y: (x == 0) & (y == y)),
                 jvp=[lambda t, out, x, y: lax.mul(t, lax.log1p(y)),
                      lambda t, out, x, y: lax.mul(t, share_p.bind(x, lax.add(y, like(y, 1))))])


# ---- exponential integrals ----
expi_p = _unary("expi", lambda out, x: lax.div(lax.exp(x), x))
exp1_p = _unary("exp1", lambda out, x: lax.neg(lax.div(  # there is none below 0
    lax.exp(lax.neg(x)), lax.select(lax.lt(x, like(x, 0)), like(x, math.nan), x))))


@custom_jvp
def expi(x: Any) -> Any:
    """From 700 on by the asymptotic series, as exp(x) may overflow before the quotient by x."""
    far = lax.gt(x, like(x, 700))
    large = lax.select(far, x, like(x, 700))
    inverse, series = lax.div(like(x, 1), large), like(x, 1)
    for k in range(12, 0, -1):
        series = lax.add(like(x, 1), lax.mul(series, lax.mul(like(x, k), inverse)))
    half = lax.exp(lax.mul(large, like(x, 0.5)))
    endless = lax.eq(x, like(x, math.inf))
    value = lax.select(endless, x, lax.mul(lax.mul(half, lax.mul(series, inverse)), half))
    return lax.select(far, value, expi_p.bind(lax.select(far, like(x, 700), x)))


@expi.defjvp
def _expi_jvp(primals: Any, tangents: Any) -> Any:
    """exp(x) / x, in which the exponential may overflow first."""
    (x,), (t,) = primals, tangents
    half = lax.exp(lax.mul(x, like(x, 0.5)))
    divisor = lax.select(lax.eq(x, like(x, math.inf)), like(x, 1), x)
    return expi(x), lax.mul(t, lax.mul(lax.div(half, divisor), half))


def _expn_eval(n: np.ndarray, x: np.ndarray) -> np.ndarray:
    import scipy.special

    return scipy.special.expn(n.astype(np.int64), x)


def _expn_derivative(t: Any, out: Any, n: Any, x: Any) -> Any:
    """Minus the function of one order less, which is elementary for order 0."""
    zero, one = lax.eq(n, like(n, 0)), like(x, 1)
    lower = expn_p.bind(lax.select(zero, like(n, 0), lax.sub(n, like(n, 1))), x)
    return lax.neg(lax.mul(t, lax.select(
        zero, lax.mul(out, lax.add(one, lax.div(one, x))), lower)))


expn_p = nary("expn", FLOAT, eval=in_double(_expn_eval),
              kernel=cython_special("expn", whole=[0]),
              jvp=[_no_derivative("expn", "n"), _expn_derivative])


# ---- relatives of the error function ----
def _polynomial(coefficients: Sequence[float], x: Any) -> Any:
    """By Horner's rule, the constant coefficient first."""
    out = like(x, coefficients[-1])
    for c in coefficients[-2::-1]:
        out = lax.add(lax.mul(out, x), like(x, c))
    return out


TAIL = 8.5
"""Where two large terms would cancel, an asymptotic series takes over."""


def _odd_factorials(sign: int) -> list[float]:
    """(2k + 1)!!, with signs that alternate for sign = -1."""
    return [sign**k * math.prod(range(1, 2 * k + 2, 2)) for k in range(22)]


def _beyond(far: Any, x: Any, series: Callable[[Any], Any], near: Callable[[Any], Any]) -> Any:
    """A series where `far` holds, another function of x elsewhere."""
    return lax.select(far, series(lax.select(far, x, like(x, TAIL))),
                      near(lax.select(far, like(x, 0), x)))


def _slope_tail(x: Any, sign: int) -> Any:
    """1 / (2 x^2) times the sum of (2k + 1)!! (sign / (2 x^2))^k."""
    y = lax.div(like(x, 0.5), lax.square(x))
    return lax.mul(y, _polynomial(_odd_factorials(sign), y))


def _dawsn_derivative(out: Any, x: Any) -> Any:
    """1 - 2 x dawsn(x)."""
    return _beyond(lax.gt(lax.abs(x), like(x, TAIL)), x, lambda x: lax.neg(_slope_tail(x, 1)),
                   lambda x: lax.sub(like(x, 1), lax.mul(like(x, 2), lax.mul(x, dawsn_p.bind(x)))))


def _erfcx_derivative(out: Any, x: Any) -> Any:
    """2 x erfcx(x) - 2 / sqrt(pi)."""
    scale = 2 / math.sqrt(math.pi)
    return _beyond(lax.gt(x, like(x, TAIL)), x,
                   lambda x: lax.mul(like(x, -scale), _slope_tail(x, -1)),
                   lambda x: lax.sub(lax.mul(like(x, 2), lax.mul(x, erfcx_p.bind(x))),
                                     like(x, scale)))


dawsn_p = _unary("dawsn", _dawsn_derivative)
erfcx_p = _unary("erfcx", _erfcx_derivative)
ndtri_p = _unary("ndtri", lambda out, x: lax.div(like(x, 1), gaussian(
    out, 1 / math.sqrt(2 * math.pi), 0.5)))


def _hazard_eval(x: np.ndarray) -> np.ndarray:
    import scipy.special

    return math.sqrt(2 / math.pi) / scipy.special.erfcx(-math.sqrt(0.5) * x)


def _hazard_scalar(build: Lowering, x: Any, *, out_dtype: np.dtype) -> Any:
    x = build.op("mul", build.op("convert", x, dtype=DOUBLE), build.const(-math.sqrt(0.5), DOUBLE))
    scaled = build.external("scipy.special.cython_special:erfcx", x, dtype=DOUBLE)
    out = build.op("div", build.const(math.sqrt(2 / math.pi), DOUBLE), scaled)
    return build.op("convert", out, dtype=out_dtype)


# The density of the normal distribution over its distribution function.
hazard_p = _unary("normal_hazard",
                  lambda out, x: lax.neg(lax.mul(out, lax.add(out, lax.min(x, like(x, 64))))),
                  elementwise(_hazard_scalar, cost=100), in_double(_hazard_eval))


def _hazard_series() -> list[float]:
    """Coefficients of the powers 1, 3, 5 ... of 1 / z in w, where the hazard at -z is z + w and
    1 + w' = z w + w^2."""
    a = [1.0]
    for k in range(21):
        a.append(-(2 * k + 1) * a[k] - sum(a[i] * a[k - i] for i in range(k + 1)))
    return a


def _log_ndtr_derivative(out: Any, x: Any) -> Any:
    """The hazard; far below 0 by a series, whose derivatives do not cancel either."""
    def series(x: Any) -> Any:
        y = lax.div(like(x, 1), x)
        return lax.neg(lax.add(x, lax.mul(y, _polynomial(_hazard_series(), lax.square(y)))))

    return _beyond(lax.lt(x, like(x, -12.0)), x, series, hazard_p.bind)


log_ndtr_p = _unary("log_ndtr", _log_ndtr_derivative)


def _owens_h(t: Any, out: Any, h: Any, a: Any) -> Any:
    tail = lax.erf(lax.mul(lax.mul(a, h), like(h, math.sqrt(0.5))))
    return lax.mul(t, lax.mul(gaussian(h, -0.5 / math.sqrt(2 * math.pi), 0.5), tail))


def _owens_a(t: Any, out: Any, h: Any, a: Any) -> Any:
    growth = lax.add(lax.square(a), like(a, 1))
    exponent = lax.mul(like(h, -0.5), lax.mul(lax.square(h), growth))
    return lax.mul(t, lax.div(lax.exp(exponent), lax.mul(like(a, 2 * math.pi), growth)))


owens_t_p = nary("owens_t", FLOAT, eval=scipy_special("owens_t"), kernel=cython_special("owens_t"),
                 jvp=[_owens_h, _owens_a])


def _complex_eval(name: str) -> Callable[..., Any]:
    def evaluate(x: np.ndarray) -> np.ndarray:
        import scipy.special

        return getattr(scipy.special, name)(x.astype(np.complex128)).astype(x.dtype)

    return evaluate


COMPLEX = (np.complexfloating,)
wofz_p = unary("wofz", COMPLEX, eval=_complex_eval("wofz"),
               kernel=PythonFallback("SciPy's wofz is complex"),
               jvp=[lambda t, out, z: lax.mul(t, lax.add(
                   lax.mul(like(z, -2), lax.mul(z, out)), like(z, 2j / math.sqrt(math.pi))))])
digamma_complex_p = unary("digamma_complex", COMPLEX, eval=_complex_eval("digamma"),
                          kernel=PythonFallback("SciPy's psi of complex arguments"),
                          jvp=[_no_derivative("digamma", "a complex argument")])
loggamma_p = unary("loggamma", COMPLEX, eval=_complex_eval("loggamma"),
                   kernel=PythonFallback("SciPy's loggamma is complex"),
                   jvp=[lambda t, out, z: lax.mul(t, digamma_complex_p.bind(z))])


# ---- gamma ----
gamma_p = _unary("gamma", lambda out, x: lax.mul(out, lax.digamma(x)))


# ---- integrals of sine and cosine ----
def _part(name: str, i: int) -> Callable[..., Any]:
    def evaluate(x: np.ndarray) -> np.ndarray:
        import scipy.special

        return getattr(scipy.special, name)(x)[i]

    return in_double(evaluate)


_TWO = PythonFallback("SciPy's function has two results")


def _of_finite(x: Any, fun: Callable[[Any], Any]) -> Any:
    """`fun`, which needs a finite argument; 0 at the infinities, its limit."""
    far = lax.eq(lax.abs(x), like(x, math.inf))
    return lax.select(far, like(x, 0), fun(lax.select(far, like(x, 1), x)))


def _sinc(x: Any) -> Any:
    series = [(-1) ** n / math.factorial(2 * n + 1) for n in range(7)]
    return _taylor(x, 0.1, lambda x: _polynomial(series, lax.square(x)),
                   lambda x: lax.div(lax.sin(x), x))


def _taylor(x: Any, radius: float, series: Callable[[Any], Any], quotient: Callable[[Any], Any]
            ) -> Any:
    """A series near 0, where a quotient is 0 / 0 or its derivatives cancel."""
    near = lax.lt(lax.abs(x), like(x, radius))
    return lax.select(near, series(lax.select(near, x, like(x, 0))),
                      quotient(lax.select(near, like(x, radius), x)))


@custom_jvp
def _half_pi_square(x: Any) -> Any:
    """pi x^2 / 2, less whole turns: the square is a sum of two numbers, by Dekker's product."""
    given = x.aval.dtype
    x = lax.convert_element_type(x, np.float32) if given.itemsize < 4 else x
    largest = like(x, 2 / float(dtypes.finfo(x.aval.dtype).eps))  # all are even from there on
    x = lax.select(lax.lt(lax.abs(x), largest), x, lax.mul(x, like(x, 0)))
    half = 1 + 2 ** ((dtypes.finfo(x.aval.dtype).nmant + 2) // 2)
    scaled = lax.mul(x, like(x, half))
    high = lax.sub(scaled, lax.sub(scaled, x))
    low = lax.sub(x, high)
    square = lax.square(x)
    twice = lax.mul(like(x, 2), lax.mul(high, low))
    rest = lax.add(lax.add(lax.sub(lax.square(high), square), twice), lax.square(low))
    turn = lax.add(lax.rem(square, like(x, 4)), lax.rem(rest, like(x, 4)))
    return lax.convert_element_type(lax.mul(like(x, math.pi / 2), turn), given)


_half_pi_square.defjvps(lambda t, out, x: lax.mul(t, lax.mul(like(x, math.pi), x)))

si_p = _unary("si", lambda out, x: _of_finite(x, _sinc), _TWO, _part("sici", 0))
ci_p = _unary("ci", lambda out, x: _of_finite(x, lambda x: lax.div(lax.cos(x), x)), _TWO,
              _part("sici", 1))
fresnel_s_p = _unary("fresnel_s", lambda out, x: lax.sin(_half_pi_square(x)), _TWO,
                     _part("fresnel", 0))
fresnel_c_p = _unary("fresnel_c", lambda out, x: lax.cos(_half_pi_square(x)), _TWO,
                     _part("fresnel", 1))


def _spence_derivative(out: Any, x: Any) -> Any:
    """log(x) / (1 - x)."""
    series = [-((-1.0) ** k) / (k + 1) for k in range(16)]
    d = lax.sub(x, like(x, 1))
    near = lax.lt(lax.abs(d), like(x, 0.06))
    far = lax.select(near, like(x, 2), x)
    return lax.select(near, _polynomial(series, lax.select(near, d, like(x, 0))),
                      lax.div(lax.log(far), lax.sub(like(x, 1), far)))


spence_p = _unary("spence", _spence_derivative)


# ---- hypergeometric functions ----
def _up(*xs: Any) -> list[Any]:
    return [lax.add(x, like(x, 1)) for x in xs]


def _derivatives(name: str, fun: Callable[..., np.ndarray], arity: int) -> Any:
    """The primitive of all derivatives of a function; `orders` says how many in each argument."""
    def partial(i: int) -> Callable[..., Any]:
        def rule(t: Any, out: Any, *args: Any, orders: tuple[int, ...]) -> Any:
            return lax.mul(t, primitive.bind(*args, orders=tuple(
                n + (i == k) for k, n in enumerate(orders))))

        return rule

    primitive = nary(name, FLOAT, eval=in_double(fun),
                     kernel=PythonFallback("a series of polynomials"),
                     jvp=[partial(i) for i in range(arity)])
    return primitive


def _first(primitive: Any, arity: int, i: int) -> Callable[..., Any]:
    orders = tuple(int(i == k) for k in range(arity))
    return lambda t, out, *args: lax.mul(t, primitive.bind(*args, orders=orders))


hyp1f1_derivative_p = _derivatives("hyp1f1_derivative", hyp1f1_derivative, 3)
hyp2f1_derivative_p = _derivatives("hyp2f1_derivative", hyp2f1_derivative, 4)
hyp1f1_p = nary("hyp1f1", FLOAT, eval=scipy_special("hyp1f1"), kernel=cython_special("hyp1f1"),
                 jvp=[
    *[_first(hyp1f1_derivative_p, 3, i) for i in range(2)],
    lambda t, out, a, b, x: lax.mul(t, lax.mul(lax.div(a, b), hyp1f1_p.bind(*_up(a, b), x)))])
hyp2f1_p = nary("hyp2f1", FLOAT, eval=scipy_special("hyp2f1"), kernel=cython_special("hyp2f1"),
                 jvp=[
    *[_first(hyp2f1_derivative_p, 4, i) for i in range(3)],
    lambda t, out, a, b, c, x: lax.mul(t, lax.mul(lax.div(lax.mul(a, b), c),
                                                  hyp2f1_p.bind(*_up(a, b, c), x)))])
