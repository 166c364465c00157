"""Special functions that JAX has no primitive for, as primitives that call SciPy's C functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ingot.core.primitive import Host
from ingot.errors import UndefinedRuleError
from ingot.numpy import primitives as lax
from ingot.numpy.families import like
from ingot.ops.families import FLOAT, nary, unary
from ingot.ops.special import cython_special, in_double, scipy_special


def _no_derivative(name: str, argument: str) -> Callable[..., Any]:
    def partial(t: Any, out: Any, *args: Any) -> Any:
        raise UndefinedRuleError(f"{name}: no derivative in {argument} is implemented; hold it"
                                 " fixed with lax.stop_gradient")

    return partial


def _gaussian(x: Any, factor: float, rate: float = 1.0) -> Any:
    """factor * exp(-rate x^2)."""
    return lax.mul(like(x, factor), lax.exp(lax.mul(like(x, -rate), lax.square(x))))


def _unary(name: str, derivative: Callable[[Any, Any], Any], kernel: Any = None,
           evaluate: Callable[..., Any] | None = None) -> Any:
    """One real argument; `derivative(out, x)`."""
    return unary(name, FLOAT, eval=evaluate or scipy_special(name),
                 kernel=kernel or cython_special(name),
                 jvp=[lambda t, out, x: lax.mul(t, derivative(out, x))])


# ---- exponential integrals ----
expi_p = _unary("expi", lambda out, x: lax.div(lax.exp(x), x))
exp1_p = _unary("exp1", lambda out, x: lax.neg(lax.div(lax.exp(lax.neg(x)), x)))


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
dawsn_p = _unary("dawsn", lambda out, x: lax.sub(
    like(x, 1), lax.mul(like(x, 2), lax.mul(x, out))))
erfcx_p = _unary("erfcx", lambda out, x: lax.sub(
    lax.mul(like(x, 2), lax.mul(x, out)), like(x, 2 / math.sqrt(math.pi))))
ndtri_p = _unary("ndtri", lambda out, x: lax.div(like(x, 1), _gaussian(
    out, 1 / math.sqrt(2 * math.pi), 0.5)))
log_ndtr_p = _unary("log_ndtr", lambda out, x: lax.exp(lax.sub(
    lax.mul(like(x, -0.5), lax.square(x)),
    lax.add(out, like(x, 0.5 * math.log(2 * math.pi))))))


def _owens_h(t: Any, out: Any, h: Any, a: Any) -> Any:
    tail = lax.erf(lax.mul(lax.mul(a, h), like(h, math.sqrt(0.5))))
    return lax.mul(t, lax.mul(_gaussian(h, -0.5 / math.sqrt(2 * math.pi), 0.5), tail))


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
wofz_p = unary("wofz", COMPLEX, eval=_complex_eval("wofz"), kernel=Host("SciPy's wofz is complex"),
               jvp=[lambda t, out, z: lax.mul(t, lax.add(
                   lax.mul(like(z, -2), lax.mul(z, out)), like(z, 2j / math.sqrt(math.pi))))])
digamma_complex_p = unary("digamma_complex", COMPLEX, eval=_complex_eval("digamma"),
                          kernel=Host("SciPy's psi of complex arguments"),
                          jvp=[_no_derivative("digamma", "a complex argument")])
loggamma_p = unary("loggamma", COMPLEX, eval=_complex_eval("loggamma"),
                   kernel=Host("SciPy's loggamma is complex"),
                   jvp=[lambda t, out, z: lax.mul(t, digamma_complex_p.bind(z))])


# ---- gamma ----
gamma_p = _unary("gamma", lambda out, x: lax.mul(out, lax.digamma(x)))


# ---- integrals of sine and cosine ----
def _part(name: str, i: int) -> Callable[..., Any]:
    def evaluate(x: np.ndarray) -> np.ndarray:
        import scipy.special

        return getattr(scipy.special, name)(x)[i]

    return in_double(evaluate)


_TWO = Host("SciPy's function has two results")


def _sinc(x: Any) -> Any:
    zero = lax.eq(x, like(x, 0))
    safe = lax.select(zero, like(x, 1), x)
    return lax.select(zero, like(x, 1), lax.div(lax.sin(safe), safe))


def _half_pi_square(x: Any) -> Any:
    return lax.mul(like(x, math.pi / 2), lax.square(x))


si_p = _unary("si", lambda out, x: _sinc(x), _TWO, _part("sici", 0))
ci_p = _unary("ci", lambda out, x: lax.div(lax.cos(x), x), _TWO, _part("sici", 1))
fresnel_s_p = _unary("fresnel_s", lambda out, x: lax.sin(_half_pi_square(x)), _TWO,
                     _part("fresnel", 0))
fresnel_c_p = _unary("fresnel_c", lambda out, x: lax.cos(_half_pi_square(x)), _TWO,
                     _part("fresnel", 1))


def _spence_derivative(out: Any, x: Any) -> Any:
    one = lax.eq(x, like(x, 1))
    safe = lax.select(one, like(x, 2), x)
    return lax.select(one, like(x, -1), lax.div(lax.log(safe), lax.sub(like(x, 1), safe)))


spence_p = _unary("spence", _spence_derivative)


# ---- hypergeometric and Bessel functions ----
def _up(*xs: Any) -> list[Any]:
    return [lax.add(x, like(x, 1)) for x in xs]


hyp1f1_p = nary("hyp1f1", FLOAT, eval=scipy_special("hyp1f1"), kernel=cython_special("hyp1f1"),
                 jvp=[
    _no_derivative("hyp1f1", "a"), _no_derivative("hyp1f1", "b"),
    lambda t, out, a, b, x: lax.mul(t, lax.mul(lax.div(a, b), hyp1f1_p.bind(*_up(a, b), x)))])
hyp2f1_p = nary("hyp2f1", FLOAT, eval=scipy_special("hyp2f1"), kernel=cython_special("hyp2f1"),
                 jvp=[
    _no_derivative("hyp2f1", "a"), _no_derivative("hyp2f1", "b"), _no_derivative("hyp2f1", "c"),
    lambda t, out, a, b, c, x: lax.mul(t, lax.mul(lax.div(lax.mul(a, b), c),
                                                  hyp2f1_p.bind(*_up(a, b, c), x)))])


def _jv_derivative(t: Any, out: Any, v: Any, x: Any) -> Any:
    one = like(v, 1)
    gap = lax.sub(jv_p.bind(lax.sub(v, one), x), jv_p.bind(lax.add(v, one), x))
    return lax.mul(t, lax.mul(gap, like(x, 0.5)))


jv_p = nary("jv", FLOAT, eval=scipy_special("jv"), kernel=cython_special("jv"),
            jvp=[_no_derivative("jv", "the order"), _jv_derivative])

