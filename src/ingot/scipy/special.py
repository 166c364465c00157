"""Special functions under the names of scipy.special."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.control.custom_jvp import custom_jvp
from ingot.core.array import from_numpy
from ingot.core.tracebacks import (
    api_boundary as _api_boundary,
    hide_frames_of as _hide_frames_of,
)
from ingot.nn.activations import (
    log_sigmoid as _log_sigmoid,
    sigmoid as _sigmoid,
    softplus as softplus,
)
from ingot.nn.functions import (
    log_softmax as _log_softmax,
    logsumexp as logsumexp,
    softmax as _softmax,
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
from ingot.numpy.concrete import concrete_int
from ingot.numpy.families import kind_of, like
from ingot.numpy.promotion import convert, inexact, promote
from ingot.numpy.reductions import sum as sum_
from ingot.scipy import special_primitives as more
from ingot.scipy.special_beta import (
    beta,
    betaln,
    comb,
    gammasgn,
    poch,
)
from ingot.scipy.special_errors import (
    dawsn as dawsn,
    erf as erf,
    erfc as erfc,
    erfcx as erfcx,
    erfinv as erfinv,
    log_ndtr as log_ndtr,
    ndtr as ndtr,
    ndtri as ndtri,
    owens_t as owens_t,
    wofz as wofz,
)
from ingot.scipy.special_table import no_slope, of_reals, real as _real, zero_of_slope
from ingot.scipy.spherical import sph_harm_y
from ingot.util import lazily_from, renamed

__all__ = ["bernoulli", "beta", "betainc", "betaln", "cbrt", "comb", "dawsn", "digamma", "entr",
           "erf", "erfc", "erfcx", "erfinv", "exp1", "exp2", "expi", "expit", "expm1", "expn",
           "factorial", "fresnel", "gamma", "gammainc", "gammaincc", "gammaln", "gammasgn",
           "hyp1f1", "hyp2f1", "i0", "i0e", "i1", "i1e", "kl_div", "log1p", "log_expit", "log_ndtr",
           "log_softmax", "loggamma", "logit", "logsumexp", "multigammaln", "ndtr", "ndtri",
           "owens_t", "poch", "polygamma", "psi", "rel_entr", "round", "sici", "sinc", "softmax",
           "softplus", "spence", "sph_harm_y", "wofz", "xlog1py", "xlogy", "zeta"]

# ---- gamma and its relatives ----

gammaln = of_reals("gammaln", "x", """
    Logarithm of the absolute value of the gamma function, log |gamma(x)|.
    x: real numbers; inf at the poles 0, -1, -2, ...
    >>> special.gammaln(np.array([0.0, 5.0]))
    Array([       inf, 3.17805383], dtype=float64)
    """, lax.lgamma)
digamma = of_reals("digamma", "x", """
    Digamma function, the derivative of log(gamma(x)), DLMF 5.2.2.
    x: real numbers; nan at the negative whole numbers, -inf at 0.
    >>> special.digamma(1.0)
    Array(-0.57721566, dtype=float64, weak_type=True)
    """, lax.digamma)
gamma = of_reals("gamma", "x", """
    Gamma function, the integral of t^(x - 1) exp(-t) over t > 0, DLMF 5.2.1.
    x: real numbers; nan at the negative whole numbers, inf or -inf at 0 and -0.
    >>> special.gamma(np.array([0.5, 5.0]))
    Array([ 1.77245385, 24.        ], dtype=float64)
    """, more.gamma_p.bind)
gammainc = of_reals("gammainc", "a x", """
    Regularized lower incomplete gamma function P(a, x), DLMF 8.2.4.
    a: parameter, above 0. x: from 0 on; nan below.
    >>> special.gammainc(1.0, np.log(2))
    Array(0.5, dtype=float64)
    """, lax.igamma)
gammaincc = of_reals("gammaincc", "a x", """
    Regularized upper incomplete gamma function Q(a, x) = 1 - P(a, x), DLMF 8.2.4.
    a: parameter, above 0. x: from 0 on; nan below. Small values keep their digits.
    >>> special.gammaincc(1.0, 100.0)
    Array(3.72007598e-44, dtype=float64, weak_type=True)
    """, lax.igammac)
betainc = of_reals("betainc", "a b x", """
    Regularized incomplete beta function I_x(a, b), DLMF 8.17.2.
    a, b: parameters, above 0. x: in [0, 1]; nan beyond.
    >>> special.betainc(2.0, 2.0, 0.5)
    Array(0.5, dtype=float64, weak_type=True)
    """, lax.betainc)


def loggamma(x: Any) -> Any:
    """Principal branch of the logarithm of the gamma function, DLMF 5.4.

    x: [...] real or complex; nan at negative reals, inf at 0 -> [...] floating or complex.

    >>> special.loggamma(np.array([-0.5, 5.0]))
    Array([       nan, 3.17805383], dtype=float64)
    """
    x = inexact("loggamma", x)
    if kind_of(x) == "c":
        return more.loggamma_p.bind(x)
    return lax.select(lax.lt(x, like(x, 0)), like(x, math.nan), lax.lgamma(x))


def factorial(n: Any, exact: bool = False) -> Any:
    """Factorial of real numbers, n! = gamma(n + 1).

    n: [...] real; 0 below 0. exact: must be False -> [...] floating, inf from 171 on in float64.
    Raises NotImplementedError for exact=True (use math.factorial), TypeError for complex numbers.

    >>> special.factorial(np.array([3.0, -1.0]))
    Array([6., 0.], dtype=float64)
    """
    if exact:
        raise NotImplementedError("factorial: exact=True is not supported; use math.factorial")
    (n,) = _real("factorial", n)
    negative = lax.lt(n, like(n, 0))
    safe = lax.select(negative, like(n, 0), n)
    return lax.select(negative, like(n, 0), more.gamma_p.bind(lax.add(safe, like(n, 1))))


def multigammaln(a: Any, d: Any) -> Any:
    """Logarithm of the multivariate gamma function of dimension d, DLMF 35.3.

    a: [...] real, above (d - 1) / 2 for the integral to exist. d: a Python integer -> [...]
    floating. Raises TypeError for complex numbers.

    >>> special.multigammaln(np.array([1.5, 3.0]), 2)
    Array([0.45158271, 1.55019499], dtype=float64)
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
    """Derivative of order n of the digamma function, DLMF 5.15.

    n: order, a whole number from 0 on. x: real numbers -> the broadcast shape, floating; nan for
    other n. Raises TypeError for complex numbers.

    >>> special.polygamma(1, 1.0) / np.pi**2
    Array(0.16666667, dtype=float64, weak_type=True)
    """
    return lax.polygamma(*_real("polygamma", n, x))


def zeta(x: Any, q: Any = None) -> Any:
    """Hurwitz' zeta function, the sum of (q + k)^(-x) over k >= 0, DLMF 25.11.1.

    x: real numbers; inf at 1, the analytic continuation below. q: real, 1 for Riemann's function ->
    the broadcast shape, floating. Raises NotImplementedError without q, TypeError for complex
    numbers.

    >>> special.zeta(2.0, 1.0) / np.pi**2
    Array(0.16666667, dtype=float64, weak_type=True)
    """
    if q is None:
        raise NotImplementedError("zeta: give q, as in zeta(x, 1) for Riemann's zeta function")
    return lax.zeta(*_real("zeta", x, q))


def bernoulli(n: int) -> Any:
    """Return the Bernoulli numbers B_0 to B_n, with B_1 = -1/2, DLMF 24.2.

    n: a Python integer from 0 on -> [n + 1] of the default float. Raises ValueError if it is
    negative.

    >>> special.bernoulli(4)
    Array([ 1.        , -0.5       ,  0.16666667,  0.        , -0.03333333],
          dtype=float64)
    """
    import scipy.special

    n = concrete_int("bernoulli", n, "n")
    if n < 0:
        raise ValueError(f"bernoulli: n must not be negative, got {n}")
    return from_numpy(scipy.special.bernoulli(max(n, 2))[:n + 1].astype(dtypes.default_float()))


# ---- logistic, logarithms ----


def logit(x: Any) -> Any:
    """Inverse of the logistic function, elementwise: log(x / (1 - x)).

    x: [...] of any numeric dtype; -inf at 0, inf at 1, nan for reals beyond -> [...] floating or
    complex.

    >>> special.logit(np.array([0.25, 1.0]))
    Array([-1.09861229,         inf], dtype=float64)
    """
    x = inexact("logit", x)
    return lax.sub(lax.log(x), lax.log1p(lax.neg(x)))


@custom_jvp
def _xlogx(x: Any) -> Any:
    return more.xlogy_p.bind(x, x)


_xlogx.defjvps(lambda t, out, x: lax.mul(t, lax.add(lax.log(x), like(x, 1))))


def xlogy(x: Any, y: Any) -> Any:
    """x log(y), and 0 where x is 0.

    x, y: numbers of any dtype that broadcast -> the broadcast shape, floating or complex.

    >>> special.xlogy(np.array([0.0, 2.0]), np.array([0.0, np.e]))
    Array([0., 2.], dtype=float64)
    """
    return more.xlogy_p.bind(*promote("xlogy", x, y, kind="inexact"))


def xlog1py(x: Any, y: Any) -> Any:
    """x log(1 + y), and 0 where x is 0, accurate for small y.

    x, y: numbers of any dtype that broadcast -> the broadcast shape, floating or complex.

    >>> special.xlog1py(np.array([0.0, 2.0]), np.array([-1.0, 1e-20]))
    Array([0.e+00, 2.e-20], dtype=float64)
    """
    return more.xlog1py_p.bind(*promote("xlog1py", x, y, kind="inexact"))


def entr(x: Any) -> Any:
    """Entropy of a probability, elementwise: -x log(x).

    x: [...] real; 0 at 0, -inf below -> [...] floating, in nats. Raises TypeError for complex
    numbers.

    >>> special.entr(np.array([0.25, 0.5]))
    Array([0.34657359, 0.34657359], dtype=float64)
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
    """Elementwise term of relative entropy: p log(p / q).

    p, q: real numbers that broadcast; 0 where p = 0 <= q, inf where else one is not positive -> the
    broadcast shape, floating. Raises TypeError for complex numbers.

    >>> special.rel_entr(np.array([0.0, 1.0]), 0.5)
    Array([0.        , 0.69314718], dtype=float64)
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
    value = lax.select(wrong, like(p, math.nan), value)
    lost = lax.bitwise_not(lax.bitwise_or(both, lax.bitwise_and(none, lax.gt(q, zero))))
    beside = lax.bitwise_not(lax.bitwise_or(both, none))
    steep = lax.select(none, like(p, -math.inf), zero)  # the slope of p log(p) at 0
    start = zero_of_slope(p, lax.select(lost, like(p, math.nan), steep))
    return lax.add(value, lax.add(start, no_slope(q, beside)))


def kl_div(p: Any, q: Any) -> Any:
    """Elementwise term of the Kullback-Leibler divergence: p log(p / q) - p + q.

    p, q: real numbers that broadcast, from 0 on; inf below -> the broadcast shape, floating, never
    negative; q where p is 0. Raises TypeError for complex numbers.

    >>> special.kl_div(np.array([0.0, 1.0]), 0.5)
    Array([0.5       , 0.19314718], dtype=float64)
    """
    p, q = _real("kl_div", p, q)
    first = rel_entr(p, q)
    infinite = lax.eq(first, like(p, math.inf))  # whatever is taken off
    return lax.select(infinite, first, lax.add(lax.sub(first, p), q))


def softmax(x: Any, /, *, axis: Any = None) -> Any:
    """Exponentials divided by their sum along axes, by default all.

    x: [...] of any numeric dtype. axis: an integer, a tuple, or None for all axes -> [...]
    floating. Raises ValueError if it is out of bounds.

    >>> special.softmax(np.log(np.array([1.0, 3.0])))
    Array([0.25, 0.75], dtype=float64)
    """
    return _softmax(x, axis)


def log_softmax(x: Any, /, *, axis: Any = None) -> Any:
    """Logarithm of `softmax`: x minus logsumexp(x) along axes.

    x: [...] of any numeric dtype. axis: an integer, a tuple, or None for all axes -> [...]
    floating. Raises ValueError if it is out of bounds.

    >>> special.log_softmax(np.zeros(2))
    Array([-0.69314718, -0.69314718], dtype=float64)
    """
    return _log_softmax(x, axis)


# ---- exponential integrals and others ----

expi = of_reals("expi", "x", """
    Exponential integral Ei(x), the principal value of that of exp(t) / t up to x, DLMF 6.2.5.
    x: real numbers; -inf at 0.
    >>> special.expi(1.0)
    Array(1.89511782, dtype=float64, weak_type=True)
    """, more.expi)
exp1 = of_reals("exp1", "x", """
    Exponential integral E_1(x), that of exp(-t) / t from x to infinity, DLMF 6.2.1.
    x: real numbers; inf at 0, nan below.
    >>> special.exp1(1.0)
    Array(0.21938393, dtype=float64, weak_type=True)
    """, more.exp1_p.bind)
expn = of_reals("expn", "n x", """
    Generalized exponential integral E_n(x), of exp(-x t) / t^n over t > 1, DLMF 8.19.3.
    n: order, a whole number from 0 on. x: from 0 on; nan below.
    >>> special.expn(2, 0.0)
    Array(1., dtype=float64, weak_type=True)
    """, more.expn_p.bind, ["x"])
spence = of_reals("spence", "x", """
    Spence's function, the integral of log(t) / (1 - t) from 1 to x.
    x: from 0 on; nan below. It is the dilogarithm of 1 - x, DLMF 25.12.1.
    >>> special.spence(0.0)
    Array(1.64493407, dtype=float64, weak_type=True)
    """, more.spence_p.bind)
hyp1f1 = of_reals("hyp1f1", "a b x", """
    Kummer's confluent hypergeometric function 1F1(a; b; x), DLMF 13.2.2.
    a: real parameter. b: one that is not 0 or a negative whole number. x: real numbers.
    >>> special.hyp1f1(1.0, 1.0, 1.0)
    Array(2.71828183, dtype=float64, weak_type=True)
    """, more.hyp1f1_p.bind)


def hyp2f1(a: Any, b: Any, c: Any, x: Any) -> Any:
    """Gauss' hypergeometric function 2F1(a, b; c; x), DLMF 15.2.1.

    a, b, c: real parameters, c not 0 or a negative whole number. x: real, up to 1 -> the broadcast
    shape, floating. Derivatives in a, b and c are series for x <= 0.998 (nan beyond) with relative
    error 1e-12. Raises TypeError for complex numbers.

    >>> special.hyp2f1(1.0, 1.0, 2.0, 0.5) / np.log(4)
    Array(1., dtype=float64)
    """
    return more.hyp2f1_p.bind(*_real("hyp2f1", a, b, c, x))


def sici(x: Any) -> tuple[Any, Any]:
    """Sine and cosine integrals Si(x) and Ci(x), DLMF 6.2(ii).

    x: [...] real -> a tuple (Si, Ci) of arrays [...] floating; Ci is -inf at 0, and Ci(-x) below.
    Raises TypeError for complex numbers.

    >>> special.sici(np.inf)
    (Array(1.57079633, dtype=float64, weak_type=True), Array(0., dtype=float64, weak_type=True))
    """
    (x,) = _real("sici", x)
    return more.si_p.bind(x), more.ci_p.bind(x)


def fresnel(x: Any) -> tuple[Any, Any]:
    """Fresnel integrals S(x) and C(x), of sin(pi t^2 / 2) and cos(pi t^2 / 2) from 0 to x.

    x: [...] real -> a tuple (S, C) of arrays [...] floating. Raises TypeError for complex numbers.

    >>> [float(v) for v in special.fresnel(np.inf)]
    [0.5, 0.5]
    """
    (x,) = _real("fresnel", x)
    return more.fresnel_s_p.bind(x), more.fresnel_c_p.bind(x)


# ---- Bessel functions ----

i0 = of_reals("i0", "x", """
    Modified Bessel function of the first kind of order 0, I_0(x), DLMF 10.25.2.
    x: real numbers.
    >>> special.i0(np.array([0.0, 1.0]))
    Array([1.        , 1.26606588], dtype=float64)
    """, lax.bessel_i0)
i0e = of_reals("i0e", "x", """
    Modified Bessel function of the first kind of order 0, scaled: I_0(x) exp(-|x|).
    x: real numbers. It does not overflow.
    >>> special.i0e(1000.0)
    Array(0.01261724, dtype=float64, weak_type=True)
    """, lax.bessel_i0e)
i1 = of_reals("i1", "x", """
    Modified Bessel function of the first kind of order 1, I_1(x), DLMF 10.25.2.
    x: real numbers.
    >>> special.i1(np.array([0.0, 1.0]))
    Array([0.       , 0.5651591], dtype=float64)
    """, lax.bessel_i1)
i1e = of_reals("i1e", "x", """
    Modified Bessel function of the first kind of order 1, scaled: I_1(x) exp(-|x|).
    x: real numbers. It does not overflow.
    >>> special.i1e(1000.0)
    Array(0.01261093, dtype=float64, weak_type=True)
    """, lax.bessel_i1e)


# ---- the families that JAX does not have ----
def expit(x: Any) -> Any:
    """Logistic function, elementwise: 1 / (1 + exp(-x)), the inverse of `logit`.

    x: [...] of any numeric dtype -> [...] floating or complex.

    >>> special.expit(np.array([-1000.0, 0.0]))
    Array([0. , 0.5], dtype=float64)
    """
    return _sigmoid(x)


def log_expit(x: Any) -> Any:
    """Logarithm of the logistic function, elementwise: -log(1 + exp(-x)), without overflow.

    x: [...] of any numeric dtype -> [...] floating or complex.

    >>> special.log_expit(np.array([-1000.0, 0.0]))
    Array([-1.00000000e+03, -6.93147181e-01], dtype=float64)
    """
    return _log_sigmoid(x)


psi = renamed(digamma, "psi", __name__)
round = _rint
__getattr__, __dir__ = lazily_from(__name__, (
    "ingot.scipy.special_elementary", "ingot.scipy.special_boxcox", "ingot.scipy.special_bessel",
    "ingot.scipy.special_airy", "ingot.scipy.special_inverses",
    "ingot.scipy.special_elliptic", "ingot.scipy.special_polynomials",
    "ingot.scipy.special_distributions", "ingot.scipy.special_wave"), _api_boundary)
_hide_frames_of(__name__)
