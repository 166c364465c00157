"""Distribution functions, tails and quantiles under the names of scipy.special.

Most are incomplete gamma and beta functions of other arguments, whose derivatives in all arguments
are known; the inverses are SciPy's, with derivatives by the implicit function theorem.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import ingot.numpy as jnp
from ingot.kernel.rules import Lowering
from ingot.scipy.many_degrees import FEWEST, many, tail_slope
from ingot.scipy.special import betainc, betaln, gammainc, gammaincc
from ingot.scipy.special_bessel import hyp0f1
from ingot.scipy.special_table import define, of_reals, of_scipy, slope

ROOT_2PI = math.sqrt(2 * math.pi)


# ---- inverses of the incomplete gamma and beta functions ----
def _gamma_density(a: Any, x: Any) -> Any:
    return slope(gammainc, 1, a, x)


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    return slope(betainc, 2, a, b, x)


gammaincinv = define("gammaincinv", "a y", """
    Inverse of the lower incomplete gamma function: the x at which gammainc(a, x) is y.
    a: parameter above 0. y: in [0, 1]; nan beyond.
    >>> special.gammaincinv(1.0, 0.5)
    Array(0.69314718, dtype=float64, weak_type=True)
    """,
    lambda x, a, y: -slope(gammainc, 0, a, x) / _gamma_density(a, x),
    lambda x, a, y: 1 / _gamma_density(a, x))
gammainccinv = define("gammainccinv", "a y", """
    Inverse of the upper incomplete gamma function: the x at which gammaincc(a, x) is y.
    a: parameter above 0. y: in [0, 1], also very small; nan beyond.
    >>> special.gammainccinv(1.0, 1e-300)
    Array(690.7755279, dtype=float64, weak_type=True)
    """,
    lambda x, a, y: -slope(gammainc, 0, a, x) / _gamma_density(a, x),
    lambda x, a, y: -1 / _gamma_density(a, x))
betaincc = define("betaincc", "a b x", """
    Complement of the incomplete beta function: 1 - betainc(a, b, x), accurate where that is small.
    a, b: parameters above 0. x: in [0, 1]; nan beyond.
    >>> special.betaincc(1.0, 20.0, 0.9)
    Array(1.e-20, dtype=float64, weak_type=True)
    """,
    lambda out, a, b, x: -slope(betainc, 0, a, b, x),
    lambda out, a, b, x: -slope(betainc, 1, a, b, x),
    lambda out, a, b, x: -_beta_density(a, b, x))


def _beta_inverse(argument: int) -> Callable[..., Any]:
    return lambda x, a, b, y: -slope(betainc, argument, a, b, x) / _beta_density(a, b, x)


betaincinv = define("betaincinv", "a b y", """
    Inverse of the incomplete beta function: the x at which betainc(a, b, x) is y.
    a, b: parameters above 0. y: in [0, 1]; nan beyond.
    >>> special.betaincinv(2.0, 2.0, 0.5)
    Array(0.5, dtype=float64, weak_type=True)
    """,
    _beta_inverse(0), _beta_inverse(1),
    lambda x, a, b, y: 1 / _beta_density(a, b, x))
betainccinv = define("betainccinv", "a b y", """
    Inverse of the complementary incomplete beta function: the x at which betaincc(a, b, x) is y.
    a, b: parameters above 0. y: in [0, 1], also very small; nan beyond.
    >>> special.betainccinv(1.0, 2.0, 0.25)
    Array(0.5, dtype=float64, weak_type=True)
    """,
    _beta_inverse(0), _beta_inverse(1),
    lambda x, a, b, y: -1 / _beta_density(a, b, x))


# ---- functions of these ----
chdtr = of_reals("chdtr", "v x", """
    Chi-square distribution: the probability of at most x.
    v: degrees of freedom, above 0. x: real numbers; 0 below 0.
    >>> special.chdtr(2.0, 2 * np.log(2))
    Array(0.5, dtype=float64)
    """,
    lambda v, x: gammainc(v / 2, jnp.where(x < 0, 0, x) / 2))
chdtrc = of_reals("chdtrc", "v x", """
    Chi-square distribution: the probability of more than x, accurate where that is small.
    v: degrees of freedom, above 0. x: real numbers; 1 below 0.
    >>> special.chdtrc(2.0, 1000.0)
    Array(7.12457641e-218, dtype=float64, weak_type=True)
    """,
    lambda v, x: gammaincc(v / 2, jnp.where(x < 0, 0, x) / 2))
chdtri = of_reals("chdtri", "v p", """
    Chi-square distribution: the x that is exceeded with probability p, the inverse of chdtrc.
    v: degrees of freedom, above 0. p: in [0, 1]; nan beyond.
    >>> special.chdtri(1.0, 0.05)
    Array(3.84145882, dtype=float64, weak_type=True)
    """,
    lambda v, p: 2 * gammainccinv(v / 2, p))
pdtr = of_reals("pdtr", "k m", """
    Poisson's distribution: the probability of at most k events.
    k: rounded down; nan below 0. m: mean, from 0 on.
    >>> special.pdtr(1, 1.0)
    Array(0.73575888, dtype=float64, weak_type=True)
    """,
    lambda k, m: _if((k >= 0) & (m >= 0), gammaincc(jnp.floor(k) + 1, m)))
pdtrc = of_reals("pdtrc", "k m", """
    Poisson's distribution: the probability of more than k events.
    k: rounded down; nan below 0. m: mean, from 0 on.
    >>> special.pdtrc(1, 1.0)
    Array(0.26424112, dtype=float64, weak_type=True)
    """,
    lambda k, m: _if((k >= 0) & (m >= 0), gammainc(jnp.floor(k) + 1, m)))
pdtri = of_reals("pdtri", "k y", """
    Poisson's distribution: the mean for which at most k events have probability y.
    k: rounded down; nan below 0. y: in [0, 1].
    >>> special.pdtri(1, special.pdtr(1, 3.0))
    Array(3., dtype=float64, weak_type=True)
    """,
    lambda k, y: _if(k >= 0, gammainccinv(jnp.floor(k) + 1, y)))
gdtr = of_reals("gdtr", "a b x", """
    Gamma distribution: the probability of at most x.
    a: rate, the inverse of the scale. b: shape, above 0. x: real numbers; nan below 0.
    >>> special.gdtr(2.0, 1.0, 0.5)
    Array(0.63212056, dtype=float64, weak_type=True)
    """,
    lambda a, b, x: _if(x >= 0, gammainc(b, a * x)))
gdtrc = of_reals("gdtrc", "a b x", """
    Gamma distribution: the probability of more than x, accurate where that is small.
    a: rate, the inverse of the scale. b: shape, above 0. x: real numbers; nan below 0.
    >>> special.gdtrc(2.0, 1.0, 0.5)
    Array(0.36787944, dtype=float64, weak_type=True)
    """,
    lambda a, b, x: _if(x >= 0, gammaincc(b, a * x)))
gdtrix = of_reals("gdtrix", "a b p", """
    Gamma distribution: the x not exceeded with probability p, the inverse of gdtr in x.
    a: rate, the inverse of the scale. b: shape, above 0. p: in [0, 1]; nan beyond.
    >>> special.gdtrix(2.0, 1.0, 0.5)
    Array(0.34657359, dtype=float64, weak_type=True)
    """,
    lambda a, b, p: gammaincinv(b, p) / a)
gdtria = of_reals("gdtria", "p b x", """
    Gamma distribution: the rate with which at most x has probability p, the inverse of gdtr in a.
    p: in [0, 1]; nan beyond. b: shape, above 0. x: above 0.
    >>> special.gdtria(0.5, 1.0, np.log(2))
    Array(1., dtype=float64)
    """,
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


bdtr = of_reals("bdtr", "k n p", """
    Binomial distribution: the probability of at most k successes.
    k: rounded down, at most n; nan below 0. n: number of trials. p: probability of a success.
    >>> special.bdtr(1, 2, 0.5)
    Array(0.75, dtype=float64, weak_type=True)
    """,
    _binomial(math.nan, 1, lambda k, rest, p: betaincc(k + 1, rest, p)))
bdtrc = of_reals("bdtrc", "k n p", """
    Binomial distribution: the probability of more than k successes.
    k: rounded down, at most n; 1 below 0. n: number of trials. p: probability of a success.
    >>> special.bdtrc(1, 2, 0.5)
    Array(0.25, dtype=float64, weak_type=True)
    """,
    _binomial(1, 0, lambda k, rest, p: betainc(k + 1, rest, p)))
bdtri = of_reals("bdtri", "k n y", """
    Binomial distribution: the probability of a success with which bdtr(k, n, p) is y.
    k: rounded down, in [0, n). n: number of trials. y: in [0, 1].
    >>> special.bdtri(1, 2, 0.75)
    Array(0.5, dtype=float64, weak_type=True)
    """,
    _binomial(math.nan, math.nan, lambda k, rest, y: betainccinv(k + 1, rest, y)))
nbdtr = of_reals("nbdtr", "k n p", """
    Negative binomial distribution: the probability of at most k failures before the n-th success.
    k: rounded down; nan below 0. n: number of successes, above 0. p: probability of a success.
    >>> special.nbdtr(1, 1, 0.5)
    Array(0.75, dtype=float64, weak_type=True)
    """,
    lambda k, n, p: _if((k >= 0) & (n > 0), betainc(n, jnp.floor(k) + 1, p)))
nbdtrc = of_reals("nbdtrc", "k n p", """
    Negative binomial distribution: the probability of more than k failures before the n-th success.
    k: rounded down; nan below 0. n: number of successes, above 0. p: probability of a success.
    >>> special.nbdtrc(1, 1, 0.5)
    Array(0.25, dtype=float64, weak_type=True)
    """,
    lambda k, n, p: _if((k >= 0) & (n > 0), betaincc(n, jnp.floor(k) + 1, p)))
nbdtri = of_reals("nbdtri", "k n y", """
    Negative binomial distribution: the probability of a success with which nbdtr(k, n, p) is y.
    k: rounded down. n: number of successes, above 0. y: in [0, 1].
    >>> special.nbdtri(1, 1, 0.75)
    Array(0.5, dtype=float64, weak_type=True)
    """,
    lambda k, n, y: betaincinv(n, jnp.floor(k) + 1, y))


def _f_tail(n: Any, d: Any, x: Any, upper: bool) -> Any:
    """By the smaller of n x / (d + n x) and its complement, which keeps its digits."""
    low, high = n * x / (d + n * x), d / (d + n * x)
    a, b = (betaincc, betainc) if upper else (betainc, betaincc)
    value = jnp.where(low < high, a(n / 2, d / 2, low), b(d / 2, n / 2, high))
    return _if((n > 0) & (d > 0) & (x >= 0), value)


fdtr = of_reals("fdtr", "dfn dfd x", """
    F distribution: the probability of at most x.
    dfn, dfd: degrees of freedom of numerator and denominator, above 0. x: nan below 0.
    >>> special.fdtr(3.0, 3.0, 1.0)
    Array(0.5, dtype=float64, weak_type=True)
    """,
    lambda n, d, x: _f_tail(n, d, x, False))
fdtrc = of_reals("fdtrc", "dfn dfd x", """
    F distribution: the probability of more than x, accurate where that is small.
    dfn, dfd: degrees of freedom of numerator and denominator, above 0. x: nan below 0.
    >>> special.fdtrc(3.0, 3.0, 1.0)
    Array(0.5, dtype=float64, weak_type=True)
    """,
    lambda n, d, x: _f_tail(n, d, x, True))
fdtri = of_reals("fdtri", "dfn dfd p", """
    F distribution: the x not exceeded with probability p, the inverse of fdtr in x.
    dfn, dfd: degrees of freedom of numerator and denominator, above 0. p: in [0, 1].
    >>> special.fdtri(3.0, 3.0, 0.5)
    Array(1., dtype=float64, weak_type=True)
    """,
    lambda n, d, p: d * betaincinv(n / 2, d / 2, p) / (n * betainccinv(d / 2, n / 2, p)))


# ---- Student's t ----
def _t_density(df: Any, t: Any) -> Any:
    """Density of Student's distribution; of many degrees of freedom it is the normal one."""
    df = jnp.minimum(df, 1e30)
    return jnp.exp(-(df + 1) / 2 * jnp.log1p(t * t / df) - betaln(df / 2, 0.5)) / jnp.sqrt(df)


FARTHEST = 1e150
"""From there on a power stands for the tail of Student's distribution: squares overflow."""
MOST = 1e15
"""Degrees of freedom up to which the middle is an incomplete beta function."""


def _stdtr(df: Any, t: Any) -> Any:
    """SciPy's, but in the middle, where it cancels, and where the square of t overflows."""
    import scipy.special

    size = np.abs(t)
    middle = (size < 1) & (df >= 1) & (df <= MOST)
    square = np.where(middle, size * size / df, 0)
    inner = 0.5 - scipy.special.betainc(0.5, df / 2, square / (1 + square)) / 2
    tail = scipy.special.stdtr(df, -np.minimum(size, FARTHEST))
    tail = np.where(middle, inner, tail * (FARTHEST / np.maximum(size, FARTHEST)) ** df)
    return np.where(t < 0, tail, 1 - tail)


def _native_stdtr(build: Lowering, df: Any, t: Any) -> Any:
    """The same in native code."""
    def constant(value: float) -> Any:
        return build.const(value, df.dtype)

    one, half, far = constant(1), constant(0.5), constant(FARTHEST)
    size = build.op("abs", t)
    few = build.op("and", build.op("ge", df, one), build.op("le", df, constant(MOST)))
    middle = build.op("and", build.op("lt", size, one), few)
    square = build.op("div", build.op("mul", size, size), df)
    square = build.select(middle, square, constant(0))
    inner = of_scipy(build, "betainc", half, build.op("mul", df, half),
                     build.op("div", square, build.op("add", one, square)))
    inner = build.op("sub", half, build.op("mul", inner, half))
    tail = of_scipy(build, "stdtr", df, build.op("neg", build.op("min", size, far)))
    farther = build.op("div", far, build.op("max", size, far))
    tail = build.op("mul", tail, build.op("pow", farther, df))
    tail = build.select(middle, inner, tail)
    below = build.op("lt", t, constant(0))
    return build.select(below, tail, build.op("sub", one, tail))


def _t_middle(df: Any, t: Any) -> Any:
    """Half of the probability beyond |t|, but for a constant: exact near 0."""
    square = t * t / df
    return -0.5 * betainc(jnp.full_like(df, 0.5), df / 2, square / (1 + square))


def _t_tail(df: Any, t: Any) -> Any:
    """Half of the probability beyond |t|, for t != 0."""
    return 0.5 * betainc(df / 2, jnp.full_like(df, 0.5), df / (df + t * t))


def _stdtr_df(out: Any, df: Any, t: Any) -> Any:
    """Beyond what squares hold the tail is a power of t, and near 0 the slope is as t."""
    size, info = abs(t), jnp.finfo(t.dtype)
    least, most = float(info.tiny) ** 0.45, float(info.max) ** 0.45
    usual = (t != 0) & (size < math.inf) & (df < math.inf)
    x = jnp.where(usual, jnp.clip(size, least, most), 1)
    large = usual & many(df, x)
    near = x < 0.5
    outer, inner = usual & ~large & ~near, usual & ~large & near
    value = slope(_t_tail, 0, jnp.where(outer, df, 1), jnp.where(outer, x, 1))
    value = jnp.where(inner, slope(_t_middle, 0, jnp.where(inner, df, 1),
                                   jnp.where(inner, x, 0.25)), value)
    value = jnp.where(large, tail_slope(jnp.where(large, df, FEWEST), jnp.where(large, x, 1)),
                      value)
    near_zero, far = usual & (size < least), usual & (size > most)
    value = jnp.where(near_zero, value * (size / least), value)
    ratio, few = jnp.where(far, size, most) / most, jnp.where(far, df, 1)
    value = jnp.where(far, value * ratio**-few - stdtr(few, -ratio * most) * jnp.log(ratio), value)
    return jnp.where(usual, -jnp.sign(t) * value, 0)


stdtr = define("stdtr", "df t", """
    Student's distribution: the probability of at most t.
    df: degrees of freedom, above 0; the normal distribution at inf. t: real numbers.
    >>> special.stdtr(1.0, 1.0)
    Array(0.75, dtype=float64, weak_type=True)
    """, _stdtr_df, lambda out, df, t: _t_density(df, t), evaluate=_stdtr, scalar=_native_stdtr)
stdtrit = define("stdtrit", "df p", """
    Student's distribution: the t not exceeded with probability p, the inverse of stdtr in t.
    df: degrees of freedom, above 0. p: in [0, 1]; nan beyond.
    >>> special.stdtrit(1.0, 0.75)
    Array(1., dtype=float64, weak_type=True)
    """,
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


kolmogorov = define("kolmogorov", "y", """
    Kolmogorov's limit distribution: the probability of a largest deviation above y / sqrt(n).
    y: real numbers; 1 at and below 0. The number n of samples is large.
    >>> special.kolmogorov(1.0)
    Array(0.26999967, dtype=float64, weak_type=True)
    """,
    lambda out, y: _kolmogorov_slope(y))
kolmogi = define("kolmogi", "p", """
    Inverse of Kolmogorov's survival function: the y at which kolmogorov(y) is p.
    p: in [0, 1]; nan beyond.
    >>> special.kolmogi(0.05)
    Array(1.35809864, dtype=float64, weak_type=True)
    """, lambda out, p: 1 / _kolmogorov_slope(out))
smirnov = define("smirnov", "n d", """
    Smirnov's one-sided statistic of n points: the probability of a deviation of at least d.
    n: number of points, a whole number above 0. d: in [0, 1].
    >>> special.smirnov(1, 0.25)
    Array(0.75, dtype=float64, weak_type=True)
    """, None, None)
smirnovi = define("smirnovi", "n p", """
    Inverse of Smirnov's survival function: the d at which smirnov(n, d) is p.
    n: number of points, a whole number above 0. p: in [0, 1].
    >>> special.smirnovi(1, 0.75)
    Array(0.25, dtype=float64, weak_type=True)
    """, None, None)


def _tukey_derivative(out: Any, x: Any, lmbda: Any) -> Any:
    """1 / (F^(lambda - 1) + (1 - F)^(lambda - 1)) inside the support."""
    inside = (out > 0) & (out < 1)
    p = jnp.where(inside, out, 0.5)
    return jnp.where(inside, 1 / (p ** (lmbda - 1) + (1 - p) ** (lmbda - 1)), 0)


tklmbda = define("tklmbda", "x lmbda", """
    Tukey's lambda distribution: the probability of at most x, whose inverse has a closed form.
    x: real numbers. lmbda: shape; 0 is the logistic distribution.
    >>> special.tklmbda(0.0, 1.0)
    Array(0.5, dtype=float64, weak_type=True)
    """,
    _tukey_derivative, None)


def _chndtr_x(out: Any, x: Any, df: Any, nc: Any) -> Any:
    """The density: the central one, times exp(-nc / 2) 0F1(df / 2, nc x / 4)."""
    return _gamma_density(df / 2, x / 2) / 2 * jnp.exp(-nc / 2) * hyp0f1(df / 2, nc * x / 4)


chndtr = define("chndtr", "x df nc", """
    Noncentral chi-square distribution: the probability of at most x.
    x: from 0 on. df: degrees of freedom, above 0. nc: noncentrality, from 0 on.
    >>> special.chndtr(2 * np.log(2), 2.0, 0.0)
    Array(0.5, dtype=float64)
    """,
    _chndtr_x, None, lambda out, x, df, nc: (chndtr(x, df + 2, nc) - out) / 2)
chndtrix = define("chndtrix", "p df nc", """
    Noncentral chi-square distribution: the x not exceeded with probability p.
    p: in [0, 1). df: degrees of freedom, above 0. nc: noncentrality, from 0 on.
    >>> special.chndtrix(special.chndtr(3.0, 2.0, 1.0), 2.0, 1.0)
    Array(3., dtype=float64, weak_type=True)
    """,
    lambda out, p, df, nc: 1 / _chndtr_x(p, out, df, nc), None, None)
