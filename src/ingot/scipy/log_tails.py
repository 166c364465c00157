"""Logarithms of incomplete gamma and beta functions, also where the functions underflow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ingot.core.primitive import Host
from ingot.numpy import primitives as lax
from ingot.numpy.families import like
from ingot.ops.families import FLOAT, nary
from ingot.ops.special import beta_tail_p, gamma_tail_p, in_double
from ingot.scipy.special_primitives import xlog1py_p, xlogy_p

TINY, TERMS = 1e-280, 400
HOST = Host("a continued fraction or a series in the tails")


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


def _log_gammaincc(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    import scipy.special as s

    def tail() -> np.ndarray:
        f = x + 2 * TERMS + 1 - a
        for n in reversed(range(TERMS)):
            f = x + 2 * n + 1 - a - (n + 1) * (n + 1 - a) / f
        return np.where(x == np.inf, -np.inf, s.xlogy(a, x) - x - s.gammaln(a) - np.log(f))

    with np.errstate(all="ignore"):
        return _log(s.gammaincc(a, x), s.gammainc(a, x), tail)


def _log_betainc(a: np.ndarray, b: np.ndarray, x: np.ndarray, *, upper: bool) -> np.ndarray:
    import scipy.special as s

    if upper:
        a, b, x, rest = b, a, 1 - x, x
    else:
        rest = 1 - x

    def tail() -> np.ndarray:
        term, total = np.ones(a.shape), np.ones(a.shape)
        for n in range(TERMS):
            term = term * x * (a + b + n) / (a + 1 + n)
            total = total + term
        return s.xlogy(a, x) + s.xlog1py(b, -x) - np.log(a) - s.betaln(a, b) + np.log(total)

    with np.errstate(all="ignore"):
        return _log(s.betainc(a, b, x), s.betainc(b, a, rest), tail)


# ---- gamma ----
def _gamma_share(out: Any, a: Any, x: Any, times_x: bool) -> Any:
    """The density at x, or x times it, over exp(out)."""
    power = a if times_x else lax.sub(a, like(a, 1))
    return lax.exp(lax.sub(lax.sub(lax.sub(xlogy_p.bind(power, x), x), lax.lgamma(a)), out))


def _gamma_partials(sign: float) -> list[Callable[..., Any]]:
    def in_a(t: Any, out: Any, a: Any, x: Any) -> Any:
        change = lax.mul(gamma_tail_p.bind(a, x, order=1), _gamma_share(out, a, x, True))
        return lax.mul(t, lax.mul(like(x, sign), change))

    return [in_a, lambda t, out, a, x: lax.mul(
        t, lax.mul(like(x, sign), _gamma_share(out, a, x, False)))]


log_gammainc_p = nary("log_gammainc", FLOAT, eval=in_double(_log_gammainc), kernel=HOST,
                      jvp=_gamma_partials(1.0))
log_gammaincc_p = nary("log_gammaincc", FLOAT, eval=in_double(_log_gammaincc), kernel=HOST,
                       jvp=_gamma_partials(-1.0))


# ---- beta ----
def _beta_share(out: Any, a: Any, b: Any, x: Any, less: float) -> Any:
    """The density at x (`less` 1), or x (1 - x) times it (0), over exp(out)."""
    powers = [lax.sub(v, like(v, less)) for v in (a, b)]
    log = lax.add(xlogy_p.bind(powers[0], x), xlog1py_p.bind(powers[1], lax.neg(x)))
    constant = lax.sub(lax.lgamma(lax.add(a, b)), lax.add(lax.lgamma(a), lax.lgamma(b)))
    return lax.exp(lax.sub(lax.add(log, constant), out))


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
