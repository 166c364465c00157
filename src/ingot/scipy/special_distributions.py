"""Distribution functions, tails and quantiles under the names of scipy.special.

Most are incomplete gamma and beta functions of other arguments, whose derivatives in all arguments
are known; the inverses are SciPy's, with derivatives by the implicit function theorem.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import ingot.numpy as jnp
from ingot.numpy.families import named
from ingot.scipy.special import betainc, betaln, gammainc, gammaincc, gammaln, xlog1py, xlogy
from ingot.scipy.special_bessel import hyp0f1
from ingot.scipy.special_table import define, real, slope

ROOT_2PI = math.sqrt(2 * math.pi)


# ---- inverses of the incomplete gamma and beta functions ----
def _gamma_density(a: Any, x: Any) -> Any:
    return jnp.exp(xlogy(a - 1, x) - x - gammaln(a))


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    return jnp.exp(xlogy(a - 1, x) + xlog1py(b - 1, -x) - betaln(a, b))


gammaincinv = define("gammaincinv", "The x at which gammainc(a, x) is y: gammaincinv(a, y).",
                     lambda x, a, y: -slope(gammainc, 0, a, x) / _gamma_density(a, x),
                     lambda x, a, y: 1 / _gamma_density(a, x))
gammainccinv = define("gammainccinv", "The x at which gammaincc(a, x) is y: gammainccinv(a, y).",
                      lambda x, a, y: -slope(gammainc, 0, a, x) / _gamma_density(a, x),
                      lambda x, a, y: -1 / _gamma_density(a, x))
betaincc = define("betaincc", "1 - betainc(a, b, x), accurate where that is small.",
                  lambda out, a, b, x: -slope(betainc, 0, a, b, x),
                  lambda out, a, b, x: -slope(betainc, 1, a, b, x),
                  lambda out, a, b, x: -_beta_density(a, b, x))


def _beta_inverse(argument: int) -> Callable[..., Any]:
    return lambda x, a, b, y: -slope(betainc, argument, a, b, x) / _beta_density(a, b, x)


betaincinv = define("betaincinv", "The x at which betainc(a, b, x) is y: betaincinv(a, b, y).",
                    _beta_inverse(0), _beta_inverse(1),
                    lambda x, a, b, y: 1 / _beta_density(a, b, x))
betainccinv = define("betainccinv", "The x at which betaincc(a, b, x) is y: betainccinv(a, b, y).",
                     _beta_inverse(0), _beta_inverse(1),
                     lambda x, a, b, y: -1 / _beta_density(a, b, x))


# ---- functions of these ----
def _derive(name: str, arity: int, doc: str) -> Callable[..., Any]:
    """A decorator: a function of reals of one type, with a name and a sentence."""
    def decorate(fun: Callable[..., Any]) -> Callable[..., Any]:
        def function(*args: Any) -> Any:
            if len(args) != arity:
                raise TypeError(f"{name}: takes {arity} arguments, got {len(args)}")
            return fun(*real(name, *args))

        return named(function, name, doc)

    return decorate


chdtr = _derive("chdtr", 2, "Chi-square distribution function: chdtr(df, x).")(
    lambda v, x: gammainc(v / 2, jnp.where(x < 0, 0, x) / 2))
chdtrc = _derive("chdtrc", 2, "Chi-square survival function: chdtrc(df, x).")(
    lambda v, x: gammaincc(v / 2, jnp.where(x < 0, 0, x) / 2))
chdtri = _derive("chdtri", 2, "Inverse of chdtrc in x: chdtri(df, p).")(
    lambda v, p: 2 * gammainccinv(v / 2, p))
pdtr = _derive("pdtr", 2, "Poisson's distribution function: pdtr(k, mean).")(
    lambda k, m: _if((k >= 0) & (m >= 0), gammaincc(jnp.floor(k) + 1, m)))
pdtrc = _derive("pdtrc", 2, "Poisson's survival function: pdtrc(k, mean).")(
    lambda k, m: _if((k >= 0) & (m >= 0), gammainc(jnp.floor(k) + 1, m)))
pdtri = _derive("pdtri", 2, "Inverse of pdtr in the mean: pdtri(k, y).")(
    lambda k, y: _if(k >= 0, gammainccinv(jnp.floor(k) + 1, y)))
gdtr = _derive("gdtr", 3, "Gamma distribution function: gdtr(rate, shape, x).")(
    lambda a, b, x: _if(x >= 0, gammainc(b, a * x)))
gdtrc = _derive("gdtrc", 3, "Gamma survival function: gdtrc(rate, shape, x).")(
    lambda a, b, x: _if(x >= 0, gammaincc(b, a * x)))
gdtrix = _derive("gdtrix", 3, "Inverse of gdtr in x: gdtrix(rate, shape, p).")(
    lambda a, b, p: gammaincinv(b, p) / a)
gdtria = _derive("gdtria", 3, "Inverse of gdtr in the rate: gdtria(p, shape, x).")(
    lambda p, b, x: gammaincinv(b, p) / x)


def _if(valid: Any, value: Any) -> Any:
    """nan where parameters or numbers are not those of the distribution."""
    return jnp.where(valid, value, math.nan)


def _binomial(start: float, end: float, fun: Callable[..., Any]) -> Callable[..., Any]:
    """fun(k, n - k, p) for 0 <= k < n, `start` below, `end` at n, nan beyond."""
    def function(k: Any, n: Any, p: Any) -> Any:
        k = jnp.floor(k)
        inside = (k >= 0) & (k < n)
        value = fun(jnp.where(inside, k, 0), jnp.where(inside, n - k, 1), p)
        outside = jnp.where((k < 0) & (k <= n), start, _if(k == n, end))
        return _if((p >= 0) & (p <= 1), jnp.where(inside, value, outside))

    return function


bdtr = _derive("bdtr", 3, "Binomial distribution function: bdtr(k, n, p).")(
    _binomial(math.nan, 1, lambda k, rest, p: betaincc(k + 1, rest, p)))
bdtrc = _derive("bdtrc", 3, "Binomial survival function: bdtrc(k, n, p).")(
    _binomial(1, 0, lambda k, rest, p: betainc(k + 1, rest, p)))
bdtri = _derive("bdtri", 3, "Inverse of bdtr in p: bdtri(k, n, y).")(
    _binomial(math.nan, math.nan, lambda k, rest, y: betainccinv(k + 1, rest, y)))
nbdtr = _derive("nbdtr", 3, "Negative binomial distribution function: nbdtr(k, n, p).")(
    lambda k, n, p: _if((k >= 0) & (n > 0), betainc(n, jnp.floor(k) + 1, p)))
nbdtrc = _derive("nbdtrc", 3, "Negative binomial survival function: nbdtrc(k, n, p).")(
    lambda k, n, p: _if((k >= 0) & (n > 0), betaincc(n, jnp.floor(k) + 1, p)))
nbdtri = _derive("nbdtri", 3, "Inverse of nbdtr in p: nbdtri(k, n, y).")(
    lambda k, n, y: betaincinv(n, jnp.floor(k) + 1, y))


def _f_tail(n: Any, d: Any, x: Any, upper: bool) -> Any:
    """By the smaller of n x / (d + n x) and its complement, which keeps its digits."""
    low, high = n * x / (d + n * x), d / (d + n * x)
    a, b = (betaincc, betainc) if upper else (betainc, betaincc)
    value = jnp.where(low < high, a(n / 2, d / 2, low), b(d / 2, n / 2, high))
    return _if((n > 0) & (d > 0) & (x >= 0), value)


fdtr = _derive("fdtr", 3, "F distribution function: fdtr(dfn, dfd, x).")(
    lambda n, d, x: _f_tail(n, d, x, False))
fdtrc = _derive("fdtrc", 3, "F survival function: fdtrc(dfn, dfd, x).")(
    lambda n, d, x: _f_tail(n, d, x, True))
fdtri = _derive("fdtri", 3, "Inverse of fdtr in x: fdtri(dfn, dfd, p).")(
    lambda n, d, p: d * betaincinv(n / 2, d / 2, p) / (n * betainccinv(d / 2, n / 2, p)))


# ---- Student's t ----
def _t_density(df: Any, t: Any) -> Any:
    """Density of Student's distribution."""
    return jnp.exp(-(df + 1) / 2 * jnp.log1p(t * t / df) - betaln(df / 2, 0.5)) / jnp.sqrt(df)


def _t_tail(df: Any, t: Any) -> Any:
    """The probability beyond |t|, for t != 0."""
    return 0.5 * betainc(df / 2, jnp.full_like(df, 0.5), df / (df + t * t))


def _stdtr_df(out: Any, df: Any, t: Any) -> Any:
    usual = (t != 0) & (abs(t) < math.inf) & (df < math.inf)
    value = slope(_t_tail, 0, jnp.where(usual, df, 1), jnp.where(usual, t, 1))
    return jnp.where(usual, -jnp.sign(t) * value, 0)


stdtr = define("stdtr", "Distribution function of Student's t: stdtr(df, t).", _stdtr_df,
               lambda out, df, t: _t_density(df, t))
stdtrit = define("stdtrit", "Quantile of Student's t: stdtrit(df, p).",
                 lambda t, df, p: -_stdtr_df(p, df, t) / _t_density(df, t),
                 lambda t, df, p: 1 / _t_density(df, t))


# ---- Kolmogorov's, Tukey's, and others ----
def _kolmogorov_slope(y: Any) -> Any:
    """Minus the density: the alternating series for large y, its Poisson sum for small."""
    high = y > 0.9
    large, small = jnp.where(high, y, 1), jnp.where(high | (y <= 0.03), 1, y)
    tail = sum((-1) ** k * k * k * jnp.exp(-2 * k * k * large * large) for k in range(1, 7))
    rates = [((2 * k - 1) * math.pi) ** 2 / 8 for k in range(1, 5)]
    square = small * small
    head = sum(jnp.exp(-c / square) * (2 * c / square - 1) for c in rates)
    return jnp.where(high, 8 * large * tail, jnp.where(y <= 0.03, 0, -ROOT_2PI / square * head))


kolmogorov = define("kolmogorov", "Survival function of Kolmogorov's distribution.",
                    lambda out, y: _kolmogorov_slope(y))
kolmogi = define("kolmogi", "Inverse of kolmogorov.", lambda out, p: 1 / _kolmogorov_slope(out))
smirnov = define("smirnov", "Survival function of the one-sided Kolmogorov-Smirnov statistic of n"
                 " points: smirnov(n, d).", None, None)
smirnovi = define("smirnovi", "Inverse of smirnov in d: smirnovi(n, p).", None, None)


def _tukey_derivative(out: Any, x: Any, lmbda: Any) -> Any:
    """1 / (F^(lambda - 1) + (1 - F)^(lambda - 1)) inside the support."""
    inside = (out > 0) & (out < 1)
    p = jnp.where(inside, out, 0.5)
    return jnp.where(inside, 1 / (p ** (lmbda - 1) + (1 - p) ** (lmbda - 1)), 0)


tklmbda = define("tklmbda", "Tukey's lambda distribution function: tklmbda(x, lmbda).",
                 _tukey_derivative, None)


def _chndtr_x(out: Any, x: Any, df: Any, nc: Any) -> Any:
    """The density: the central one, times exp(-nc / 2) 0F1(df / 2, nc x / 4)."""
    return _gamma_density(df / 2, x / 2) / 2 * jnp.exp(-nc / 2) * hyp0f1(df / 2, nc * x / 4)


chndtr = define("chndtr", "Noncentral chi-square distribution function: chndtr(x, df, nc).",
                _chndtr_x, None, lambda out, x, df, nc: (chndtr(x, df + 2, nc) - out) / 2)
chndtrix = define("chndtrix", "Inverse of chndtr in x: chndtrix(p, df, nc).",
                  lambda out, p, df, nc: 1 / _chndtr_x(p, out, df, nc), None, None)


def _plain(name: str, arity: int) -> Callable[..., Any]:
    return define(name, f"scipy.special.{name}, elementwise, without derivatives.",
                  *[None] * arity)


# Inverses in parameters, and noncentral distributions.
bdtrik = _plain("bdtrik", 3)
bdtrin = _plain("bdtrin", 3)
btdtria = _plain("btdtria", 3)
btdtrib = _plain("btdtrib", 3)
chdtriv = _plain("chdtriv", 2)
chndtridf = _plain("chndtridf", 3)
chndtrinc = _plain("chndtrinc", 3)
fdtridfd = _plain("fdtridfd", 3)
gdtrib = _plain("gdtrib", 3)
nbdtrik = _plain("nbdtrik", 3)
nbdtrin = _plain("nbdtrin", 3)
ncfdtr = _plain("ncfdtr", 4)
ncfdtri = _plain("ncfdtri", 4)
ncfdtridfd = _plain("ncfdtridfd", 4)
ncfdtridfn = _plain("ncfdtridfn", 4)
ncfdtrinc = _plain("ncfdtrinc", 4)
nctdtr = _plain("nctdtr", 3)
nctdtridf = _plain("nctdtridf", 3)
nctdtrinc = _plain("nctdtrinc", 3)
nctdtrit = _plain("nctdtrit", 3)
nrdtrimn = _plain("nrdtrimn", 3)
nrdtrisd = _plain("nrdtrisd", 3)
pdtrik = _plain("pdtrik", 2)
stdtridf = _plain("stdtridf", 2)
