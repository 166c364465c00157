"""Special functions under the names of scipy.special."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.control.custom_jvp import custom_jvp
from ingot.core.array import from_numpy
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.nn.functions import (
    log_sigmoid as _log_sigmoid,
    log_softmax as _log_softmax,
    logsumexp,
    sigmoid as _sigmoid,
    softmax as _softmax,
    softplus,
)
from ingot.numpy import (
    cbrt,
    exp2,
    expm1,
    log1p,
    primitives as lax,
    rint as _rint,
    sinc,
)
from ingot.numpy.creation import concrete_int
from ingot.numpy.families import kind_of, like, named
from ingot.numpy.promotion import as_array, convert, inexact, promote
from ingot.numpy.reductions import sum as sum_
from ingot.scipy import special_primitives as more
from ingot.scipy.special_beta import (
    beta,
    betaln,
    comb,
    gammasgn,
    poch,
)
from ingot.scipy.special_table import real as _real
from ingot.scipy.spherical import sph_harm_y
from ingot.util import lazily_from, renamed

__all__ = ["bernoulli", "beta", "betainc", "betaln", "cbrt", "comb", "dawsn", "digamma", "entr",
           "erf", "erfc", "erfcx", "erfinv", "exp1", "exp2", "expi", "expit", "expm1", "expn",
           "factorial", "fresnel", "gamma", "gammainc", "gammaincc", "gammaln", "gammasgn",
           "hyp1f1", "hyp2f1", "i0", "i0e", "i1", "i1e", "kl_div", "log1p", "log_expit", "log_ndtr",
           "log_softmax", "loggamma", "logit", "logsumexp", "multigammaln", "ndtr", "ndtri",
           "owens_t", "poch", "polygamma", "psi", "rel_entr", "round", "sici", "sinc", "softmax",
           "softplus", "spence", "sph_harm_y", "wofz", "xlog1py", "xlogy", "zeta"]

# ---- makers ----


def _function(name: str, op: Callable[..., Any], doc: str, arity: int = 1) -> Callable[..., Any]:
    def unary(x: Any) -> Any:
        return op(*_real(name, x))

    def binary(x: Any, y: Any) -> Any:
        return op(*_real(name, x, y))

    def ternary(a: Any, b: Any, x: Any) -> Any:
        return op(*_real(name, a, b, x))

    return named((unary, binary, ternary)[arity - 1], name, doc)


expit = renamed(_sigmoid, "expit", __name__)

# ---- gamma and its relatives ----

gammaln = _function("gammaln", lax.lgamma, "Logarithm of the absolute value of the gamma function.")
digamma = _function("digamma", lax.digamma, "Derivative of gammaln.")
gamma = _function("gamma", more.gamma_p.bind, "The gamma function.")
gammainc = _function("gammainc", lax.igamma, "Regularized lower incomplete gamma function.", 2)
gammaincc = _function("gammaincc", lax.igammac, "Regularized upper incomplete gamma function.", 2)
betainc = _function("betainc", lax.betainc, "Regularized incomplete beta function.", 3)


def loggamma(x: Any) -> Any:
    """Principal branch of the logarithm of gamma; nan for negative reals.

    >>> special.loggamma(1.0)
    Array(0., dtype=float64, weak_type=True)
    """
    x = inexact("loggamma", x)
    if kind_of(x) == "c":
        return more.loggamma_p.bind(x)
    return lax.select(lax.lt(x, like(x, 0)), like(x, math.nan), lax.lgamma(x))


def factorial(n: Any, exact: bool = False) -> Any:
    """n! as gamma(n + 1); 0 for negative n.

    >>> special.factorial(3.0)
    Array(6., dtype=float64, weak_type=True)
    """
    if exact:
        raise NotImplementedError("factorial: exact=True is not supported; use math.factorial")
    (n,) = _real("factorial", n)
    negative = lax.lt(n, like(n, 0))
    safe = lax.select(negative, like(n, 0), n)
    return lax.select(negative, like(n, 0), more.gamma_p.bind(lax.add(safe, like(n, 1))))


def multigammaln(a: Any, d: Any) -> Any:
    """Logarithm of the multivariate gamma function of dimension d.

    >>> special.multigammaln(1.0, 1)
    Array(0., dtype=float64, weak_type=True)
    """
    d = concrete_int("multigammaln", d, "d")
    (a,) = _real("multigammaln", a)
    shifts = from_numpy(np.arange(d).astype(a.aval.dtype) / 2)
    grid = (*a.aval.shape, d)
    terms = lax.lgamma(lax.sub(lax.broadcast_in_dim(a, grid, range(a.aval.ndim)),
                               lax.broadcast_in_dim(shifts, grid, (a.aval.ndim,))))
    out = lax.add(sum_(terms, -1), like(sum_(terms, -1), d * (d - 1) / 4 * math.log(math.pi)))
    return convert(out, a.aval.dtype, a.aval.weak_type)


def polygamma(n: Any, x: Any) -> Any:
    """n-th derivative of digamma.

    >>> special.polygamma(0, 1.0)
    Array(-0.57721566, dtype=float64, weak_type=True)
    """
    return lax.polygamma(*_real("polygamma", n, x))


def zeta(x: Any, q: Any = None) -> Any:
    """Hurwitz' zeta function; Riemann's for q = 1, which must be given. For x < 1 its continuation.

    >>> special.zeta(2.0, 1.0)
    Array(1.64493407, dtype=float64, weak_type=True)
    """
    if q is None:
        raise NotImplementedError("zeta: give q, as in zeta(x, 1) for Riemann's zeta function")
    return lax.zeta(*_real("zeta", x, q))


def bernoulli(n: int) -> Any:
    """Bernoulli numbers B_0 to B_n, with B_1 = -1/2.

    >>> special.bernoulli(2)
    Array([ 1.        , -0.5       ,  0.16666667], dtype=float64)
    """
    import scipy.special

    n = concrete_int("bernoulli", n, "n")
    if n < 0:
        raise ValueError(f"bernoulli: n must not be negative, got {n}")
    return from_numpy(scipy.special.bernoulli(max(n, 2))[:n + 1].astype(dtypes.default_float()))


# ---- error functions and the normal distribution ----
erf = _function("erf", lax.erf, "The error function.")
erfc = _function("erfc", lax.erfc, "1 - erf(x), accurate where that is small.")
erfinv = _function("erfinv", lax.erf_inv, "Inverse of the error function.")
dawsn = _function("dawsn", more.dawsn_p.bind, "Dawson's integral.")
ndtri = _function("ndtri", more.ndtri_p.bind, "Quantile of the normal distribution.")
owens_t = _function("owens_t", more.owens_t_p.bind, "Owen's T function of h and a.", 2)


def erfcx(x: Any) -> Any:
    """exp(x^2) erfc(x), without overflow; real or complex.

    >>> special.erfcx(np.zeros(1))
    Array([1.], dtype=float64)
    """
    x = as_array("erfcx", x)
    if kind_of(x) != "c":
        return more.erfcx_p.bind(*_real("erfcx", x))
    return more.wofz_p.bind(lax.complex(lax.neg(lax.imag(x)), lax.real(x)))


def ndtr(x: Any) -> Any:
    """Distribution function of the normal distribution.

    >>> special.ndtr(0.0)
    Array(0.5, dtype=float64, weak_type=True)
    """
    (x,) = _real("ndtr", x)
    if dtypes.itemsize_bits(x.aval.dtype) < 32:
        return convert(ndtr(convert(x, dtypes.float32)), x.aval.dtype, x.aval.weak_type)
    t = lax.mul(x, like(x, -math.sqrt(0.5)))
    # A relative error of t is one of the result that is 2 t^2 times as large.
    usual = lax.bitwise_and(lax.gt(t, like(t, 0.5)), lax.lt(t, like(t, 100)))
    near = lax.select(usual, t, like(t, 0))
    growth = lax.add(near, lax.sqrt(lax.add(lax.mul(near, near), like(t, 2))))
    error = lax.mul(_product_error(lax.select(usual, x, like(x, 0)), -math.sqrt(0.5),
                                   4.833646656726457e-17), growth)
    tail = lax.mul(like(x, 0.5), lax.erfc(t))
    return lax.sub(tail, lax.mul(tail, lax.stop_gradient(error)))


def _product_error(x: Any, c: float, rest: float) -> Any:
    """What rounding takes off x (c + rest), by halves of both factors, whose products are exact."""
    dtype = x.aval.dtype
    factor = 2.0 ** (dtypes.finfo(dtype).nmant // 2 + 1) + 1
    rounded = dtype.type(c)
    wide = rounded * dtype.type(factor)
    c_high = wide - (wide - rounded)
    scaled = lax.mul(x, like(x, factor))
    high = lax.sub(scaled, lax.sub(scaled, x))
    low = lax.sub(x, high)
    error = lax.sub(lax.mul(high, like(x, float(c_high))), lax.mul(x, like(x, float(rounded))))
    for a, b in ((high, rounded - c_high), (low, c_high), (low, rounded - c_high),
                 (x, c - float(rounded) + rest)):
        error = lax.add(error, lax.mul(a, like(x, float(b))))
    return error


def log_ndtr(x: Any, series_order: int = 3) -> Any:
    """Logarithm of `ndtr`, accurate far below 0; `series_order` is of no consequence.

    >>> special.log_ndtr(0.0)
    Array(-0.69314718, dtype=float64, weak_type=True)
    """
    return more.log_ndtr_p.bind(*_real("log_ndtr", x))


def wofz(z: Any) -> Any:
    """Faddeeva's function exp(-z^2) erfc(-iz), complex.

    >>> special.wofz(0.0)
    Array(1.+0.j, dtype=complex128)
    """
    z = as_array("wofz", z)
    return more.wofz_p.bind(convert(z, dtypes.to_complex(z.aval.dtype)))


# ---- logistic, logarithms ----


def logit(x: Any) -> Any:
    """log(x / (1 - x)).

    >>> special.logit(0.5)
    Array(0., dtype=float64, weak_type=True)
    """
    x = inexact("logit", x)
    return lax.sub(lax.log(x), lax.log1p(lax.neg(x)))


@custom_jvp
def _xlogx(x: Any) -> Any:
    return more.xlogy_p.bind(x, x)


_xlogx.defjvps(lambda t, out, x: lax.mul(t, lax.add(lax.log(x), like(x, 1))))


def xlogy(x: Any, y: Any) -> Any:
    """x log(y), and 0 where x is 0.

    >>> special.xlogy(0.0, 0.0)
    Array(0., dtype=float64, weak_type=True)
    """
    return more.xlogy_p.bind(*promote("xlogy", x, y, kind="inexact"))


def xlog1py(x: Any, y: Any) -> Any:
    """x log(1 + y), and 0 where x is 0.

    >>> special.xlog1py(0.0, -1.0)
    Array(0., dtype=float64, weak_type=True)
    """
    return more.xlog1py_p.bind(*promote("xlog1py", x, y, kind="inexact"))


def entr(x: Any) -> Any:
    """-x log(x); 0 at 0 and -inf below.

    >>> special.entr(0.5)
    Array(0.34657359, dtype=float64, weak_type=True)
    """
    (x,) = _real("entr", x)
    return lax.select(lax.lt(x, like(x, 0)), like(x, -math.inf), lax.neg(_xlogx(x)))


@custom_jvp
def _log_ratio(a: Any, b: Any) -> Any:
    """log(a / b) for positive numbers, though their quotient leaves the range of numbers."""
    ratio = lax.div(a, b)
    usual = lax.bitwise_and(lax.gt(ratio, like(a, 0)), lax.lt(ratio, like(a, math.inf)))
    return lax.select(usual, lax.log(lax.select(usual, ratio, like(a, 1))),
                      lax.sub(lax.log(a), lax.log(b)))


_log_ratio.defjvps(lambda t, out, a, b: lax.div(t, a), lambda t, out, a, b: lax.neg(lax.div(t, b)))


@custom_jvp
def _rel_entr(a: Any, b: Any) -> Any:
    value = lax.mul(a, _log_ratio(a, b))
    return lax.select(lax.eq(a, like(a, math.inf)), a, value)


_rel_entr.defjvps(lambda t, out, a, b: lax.mul(t, lax.add(_log_ratio(a, b), like(a, 1))),
                  lambda t, out, a, b: lax.neg(lax.mul(t, lax.div(a, b))))


def rel_entr(p: Any, q: Any) -> Any:
    """p log(p / q); 0 where p = 0 <= q, and inf elsewhere.

    >>> special.rel_entr(1.0, 1.0)
    Array(0., dtype=float64, weak_type=True)
    """
    p, q = _real("rel_entr", p, q)
    zero = like(p, 0)
    both = lax.bitwise_and(lax.gt(p, zero), lax.gt(q, zero))
    none = lax.bitwise_and(lax.eq(p, zero), lax.ge(q, zero))
    a, b = lax.select(both, p, like(p, 1)), lax.select(both, q, like(q, 1))
    value = _rel_entr(a, b)
    value = lax.select(both, value, lax.select(none, zero, like(p, math.inf)))
    wrong = lax.bitwise_or(lax.ne(p, p), lax.ne(q, q))
    endless = lax.bitwise_and(lax.eq(p, like(p, math.inf)), lax.eq(q, like(p, math.inf)))
    wrong = lax.bitwise_or(wrong, endless)
    return lax.select(wrong, like(p, math.nan), value)


def kl_div(p: Any, q: Any) -> Any:
    """p log(p / q) - p + q.

    >>> special.kl_div(1.0, 1.0)
    Array(0., dtype=float64, weak_type=True)
    """
    p, q = _real("kl_div", p, q)
    first = rel_entr(p, q)
    infinite = lax.eq(first, like(p, math.inf))  # whatever is taken off
    return lax.select(infinite, first, lax.add(lax.sub(first, p), q))


def softmax(x: Any, /, *, axis: Any = None) -> Any:
    """exp(x) divided by its sum over axes, by default all.

    >>> special.softmax(np.zeros(2))
    Array([0.5, 0.5], dtype=float64)
    """
    return _softmax(x, axis)


def log_softmax(x: Any, /, *, axis: Any = None) -> Any:
    """Logarithm of `softmax`.

    >>> special.log_softmax(np.zeros(1))
    Array([0.], dtype=float64)
    """
    return _log_softmax(x, axis)


# ---- exponential integrals and others ----

expi = _function("expi", more.expi_p.bind, "Exponential integral Ei.")
exp1 = _function("exp1", more.exp1_p.bind, "Exponential integral E1.")
expn = _function("expn", more.expn_p.bind, "Generalized exponential integral E_n(x).", 2)
spence = _function(
    "spence", more.spence_p.bind, "Spence's function, the integral of log t / (1 - t).")
hyp1f1 = _function(
    "hyp1f1", more.hyp1f1_p.bind, "Kummer's hypergeometric function 1F1(a; b; x).", 3)


def hyp2f1(a: Any, b: Any, c: Any, x: Any) -> Any:
    """Gauss' hypergeometric function 2F1(a, b; c; x).

    Derivatives in a, b and c by series, for x <= 0.998 (nan beyond) with relative error 1e-12.

    >>> special.hyp2f1(1.0, 1.0, 1.0, 0.5)
    Array(2., dtype=float64, weak_type=True)
    """
    return more.hyp2f1_p.bind(*_real("hyp2f1", a, b, c, x))


def sici(x: Any) -> tuple[Any, Any]:
    """Sine and cosine integrals.

    >>> special.sici(0.0)[0]
    Array(0., dtype=float64, weak_type=True)
    """
    (x,) = _real("sici", x)
    return more.si_p.bind(x), more.ci_p.bind(x)


def fresnel(x: Any) -> tuple[Any, Any]:
    """Fresnel's integrals S and C.

    >>> special.fresnel(0.0)[1]
    Array(0., dtype=float64, weak_type=True)
    """
    (x,) = _real("fresnel", x)
    return more.fresnel_s_p.bind(x), more.fresnel_c_p.bind(x)


# ---- Bessel functions ----

i0 = _function("i0", lax.bessel_i0, "Modified Bessel function of order 0.")
i0e = _function("i0e", lax.bessel_i0e, "exp(-|x|) i0(x).")
i1 = _function("i1", lax.bessel_i1, "Modified Bessel function of order 1.")
i1e = _function("i1e", lax.bessel_i1e, "exp(-|x|) i1(x).")


# ---- the families that JAX does not have ----
def log_expit(x: Any) -> Any:
    """Logarithm of `expit`.

    >>> special.log_expit(0.0)
    Array(-0.69314718, dtype=float64, weak_type=True)
    """
    return _log_sigmoid(x)


psi = renamed(digamma, "psi", __name__)
round = _rint
__getattr__, __dir__ = lazily_from(__name__, (
    "ingot.scipy.special_elementary", "ingot.scipy.special_bessel",
    "ingot.scipy.special_elliptic", "ingot.scipy.special_polynomials",
    "ingot.scipy.special_distributions", "ingot.scipy.special_wave"))
_hide_frames_of(__name__)
