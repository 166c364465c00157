"""Logarithms of incomplete gamma and beta functions, also where the functions underflow."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ingot.core.primitive import PythonFallback
from ingot.numpy import primitives as lax
from ingot.numpy.families import like
from ingot.primitives.densities import large_beta_mass, log_gamma_mass
from ingot.primitives.families import FLOAT, nary
from ingot.primitives.special import beta_tail_p, gamma_tail_p, in_double
from ingot.primitives.tails import log_gamma_mass_of
from ingot.scipy.special_beta import betaln
from ingot.scipy.special_primitives import xlog1py_p, xlogy_p

TINY, TERMS = 1e-280, 400
HOST = PythonFallback("a continued fraction or a series in the tails")


def _log(value: np.ndarray, rest: np.ndarray, tail: Callable[[], np.ndarray]) -> np.ndarray:
    """log(value), by 1 - value near 1, by `tail` where it underflows."""
    out = np.where(value > 0.5, np.log1p(-rest), np.log(np.where(value > 0, value, 1)))
    return np.where(value < TINY, tail(), out) if (value < TINY).any() else out


def _log_gammainc(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    import scipy.special as s

    def tail() -> np.ndarray:
        term, total = np.ones(a.shape), np.ones(a.shape)
        for n in range(1, TERMS):
            term = term * x / (a + n)
            total = total + term
        return s.xlogy(a, x) - x - s.gammaln(a + 1) + np.log(total)

    with np.errstate(all="ignore"):
        return _log(s.gammainc(a, x), s.gammaincc(a, x), tail)


def _fraction(a: np.ndarray, x: np.ndarray, first: int) -> np.ndarray:
    """x^a exp(-x) / gamma(a, x) for x well above a by its continued fraction, or its rest."""
    f = x + 2 * TERMS + 1 - a
    for n in reversed(range(first, TERMS)):
        f = x + 2 * n + 1 - a - (n + 1) * (n + 1 - a) / f
    return f


def _log_gammaincc(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    import scipy.special as s

    def tail() -> np.ndarray:
        f = _fraction(a, x, 0)
        return np.where(x == np.inf, -np.inf, s.xlogy(a, x) - x - s.gammaln(a) - np.log(f))

    with np.errstate(all="ignore"):
        return _log(s.gammaincc(a, x), s.gammainc(a, x), tail)


def _beta_fraction(a: np.ndarray, b: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x^a y^b / beta(a, b) / I_x(a, b) for x = 1 - y well below a / (a + b), by its continued
    fraction (DiDonato and Morris, ACM TOMS 18, 1992), in which nothing cancels for large a."""
    c = 1 + (a + b) * y - b

    def partial(n: int) -> np.ndarray:
        change = n * (b - n) * x / (a + 2 * n - 1) if n else 0.0  # 0 / 0 where a is 1
        return n + change + (a + n) / (a + 2 * n + 1) * (c + n * (1 + y))

    f = partial(TERMS)
    for n in reversed(range(1, TERMS + 1)):
        ratio = (a + n - 1) / (a + 2 * n - 1)
        share = (a + b + n - 1) / (a + 2 * n - 1)
        f = partial(n - 1) + ratio * share * n * (b - n) * x * x / f
    return f


def _log_betainc(a: np.ndarray, b: np.ndarray, x: np.ndarray, *, upper: bool) -> np.ndarray:
    import scipy.special as s

    this, other = s.betainc(a, b, x), s.betaincc(a, b, x)
    if upper:
        this, other = other, this

    def tail() -> np.ndarray:
        powers = s.xlogy(a, x) + s.xlog1py(b, -x) - s.betaln(a, b)
        first, second, z, rest = (b, a, 1 - x, x) if upper else (a, b, x, 1 - x)
        value = powers - np.log(_beta_fraction(first, second, z, rest))
        return np.where(powers == -np.inf, powers, value)

    with np.errstate(all="ignore"):
        return _log(this, other, tail)


# ---- gamma ----
def _gamma_share(out: Any, a: Any, x: Any, times_x: bool) -> Any:
    """The density at x, or x times it, over exp(out)."""
    power = a if times_x else lax.sub(a, like(a, 1))
    plain = lax.sub(lax.sub(xlogy_p.bind(power, x), x), lax.lgamma(a))
    large = lax.bitwise_and(_inside(a, 8, math.inf), _inside(x, 0, math.inf))
    b, z = lax.select(large, a, like(a, 9)), lax.select(large, x, like(x, 9))
    mass = log_gamma_mass(b, z)
    mass = mass if times_x else lax.sub(mass, lax.log(z))
    return lax.exp(lax.sub(lax.select(large, mass, plain), out))


def _inside(x: Any, low: float, high: float) -> Any:
    return lax.bitwise_and(lax.gt(x, like(x, low)), lax.lt(x, like(x, high)))


def _gamma_in_a(t: Any, out: Any, a: Any, x: Any) -> Any:
    return lax.mul(t, lax.mul(gamma_tail_p.bind(a, x, order=1), _gamma_share(out, a, x, True)))


log_gammainc_p = nary("log_gammainc", FLOAT, eval=in_double(_log_gammainc), kernel=HOST, jvp=[
    _gamma_in_a, lambda t, out, a, x: lax.mul(t, _gamma_share(out, a, x, False))])


def _gamma_hazard(a: np.ndarray, x: np.ndarray, *, slope: bool) -> np.ndarray:
    """The density over the tail above x; with `slope` the derivative of its logarithm."""
    import scipy.special as s

    with np.errstate(all="ignore"):
        far = x > 2 * a + 50
        b, y = np.where(far, a, 1), np.where(far & (x < np.inf), x, 1e9)
        z = np.where(far, 1, x)
        plain = s.xlogy(a - 1, z) - z - s.gammaln(a)  # also at z = 0
        density = np.where(a > 10, log_gamma_mass_of(a, z) - np.log(z), plain)
        near = np.exp(density - _log_gammaincc(a, z))
        if not slope:
            return np.where(far, np.where(x < np.inf, _fraction(b, y, 0) / y, 1), near)
        rest = np.where(x < np.inf, (b - 1) / _fraction(b, y, 1) / y, 0)
        return np.where(far, rest, near - 1 + np.where(a == 1, 0, (a - 1) / x))


def _hazard(a: Any, x: Any, slope: bool = False) -> Any:
    return gamma_hazard_p.bind(a, x, slope=slope)


def _gamma_hazard_in_a(t: Any, out: Any, a: Any, x: Any, *, slope: bool) -> Any:
    h = _hazard(a, x)
    inner = lax.add(lax.sub(lax.log(x), lax.digamma(a)), lax.mul(
        lax.mul(x, h), gamma_tail_p.bind(a, x, order=1)))
    change = lax.mul(h, inner)
    return lax.mul(t, lax.add(change, lax.div(like(x, 1), x)) if slope else change)


def _gamma_hazard_in_x(t: Any, out: Any, a: Any, x: Any, *, slope: bool) -> Any:
    change = lax.mul(_hazard(a, x), _hazard(a, x, True))
    if slope:
        change = lax.sub(change, lax.div(lax.div(lax.sub(a, like(a, 1)), x), x))
    return lax.mul(t, change)


gamma_hazard_p = nary("gamma_hazard", FLOAT, eval=in_double(_gamma_hazard), kernel=HOST,
                      jvp=[_gamma_hazard_in_a, _gamma_hazard_in_x])
def _log_gammaincc_in_a(t: Any, out: Any, a: Any, x: Any) -> Any:
    """It grows as log(x)."""
    slope = lax.mul(gamma_tail_p.bind(a, x, order=1), lax.mul(x, _hazard(a, x)))
    return lax.mul(t, lax.select(lax.eq(x, like(x, np.inf)), x, lax.neg(slope)))


log_gammaincc_p = nary("log_gammaincc", FLOAT, eval=in_double(_log_gammaincc), kernel=HOST, jvp=[
    _log_gammaincc_in_a,
    lambda t, out, a, x: lax.mul(lax.neg(t), _hazard(a, x))])


# ---- beta ----
def _beta_share(out: Any, a: Any, b: Any, x: Any, less: float) -> Any:
    """The density at x (`less` 1), or x (1 - x) times it (0), over exp(out)."""
    large, a, b, mass = large_beta_mass(a, b, x)
    powers = [lax.sub(v, like(v, less)) for v in (a, b)]
    log = lax.add(xlogy_p.bind(powers[0], x), xlog1py_p.bind(powers[1], lax.neg(x)))
    if less:
        mass = lax.sub(mass, lax.add(lax.log(x), lax.log1p(lax.neg(x))))
    return lax.exp(lax.sub(lax.select(large, mass, lax.sub(log, betaln(a, b))), out))


def _beta_partial(orders: tuple[int, int] | None) -> Callable[..., Any]:
    def partial(t: Any, out: Any, a: Any, b: Any, x: Any, *, upper: bool) -> Any:
        change = _beta_share(out, a, b, x, 0.0 if orders else 1.0)
        if orders:
            change = lax.mul(beta_tail_p.bind(a, b, x, orders=orders), change)
        return lax.mul(t, lax.neg(change) if upper else change)

    return partial


# log I_x(a, b), or with `upper` log(1 - I_x(a, b)).
log_betainc_p = nary("log_betainc", FLOAT, eval=in_double(_log_betainc), kernel=HOST,
                     jvp=[_beta_partial((1, 0)), _beta_partial((0, 1)), _beta_partial(None)])
