"""Poisson and binomial probabilities without cancellation (Loader, 2000), of real arguments too.

They are made of deviances and remainders of Stirling's formula, as densities of other
distributions are.
"""

from __future__ import annotations

import math
from typing import Any

from ingot.control.custom_jvp import custom_jvp
from ingot.numpy import primitives as lax
from ingot.numpy.elementary import log, log1p
from ingot.numpy.logic import where
from ingot.numpy.reductions import prod, sum as sum_
from ingot.primitives.densities import deviance, remainder
from ingot.primitives.special import digamma, lgamma
from ingot.scipy.special import xlogy
from ingot.scipy.stats.common import LOG_2PI, exp


def _slope(x: Any, mean: Any) -> Any:
    """x / mean, and 0 at x = 0."""
    none = x == 0
    return where(none, 0, x / where(none, 1, mean))


@custom_jvp
def log_poisson(x: Any, mean: Any) -> Any:
    """log(mean^x exp(-mean) / x!), for x >= 0."""
    plain = xlogy(x, mean) - mean - lgamma(x + 1)
    inner = (x > 8) & (mean > 0) & (x < math.inf) & (mean < math.inf)
    a, b = where(inner, x, 9), where(inner, mean, 9)
    stirling = -deviance(a, b) - remainder(a) - 0.5 * (LOG_2PI + log(a))
    plain = where((mean == math.inf) | (x == math.inf), -math.inf, plain)
    return where(inner, stirling, plain)


log_poisson.defjvps(
    lambda t, out, x, mean: t * (log(mean) - digamma(x + 1)),
    lambda t, out, x, mean: t * (_slope(x, mean) - 1))


@custom_jvp
def log_binomial(x: Any, n: Any, p: Any, q: Any) -> Any:
    """log(n! / (x! (n - x)!) p^x q^(n - x)), for 0 <= x <= n and p + q = 1."""
    rest = n - x
    inner = (x > 0) & (rest > 0) & (p > 0) & (q > 0)
    a, b = where(inner, x, 1), where(inner, rest, 1)
    p_, q_, m = where(inner, p, 0.5), where(inner, q, 0.5), where(inner, n, 2)
    value = (remainder(m) - remainder(a) - remainder(b) - deviance(a, m * p_) - deviance(b, m * q_)
             - 0.5 * (LOG_2PI + log(a) + log(b / m)))
    return where(inner, value, _xlogp(x, p, q) + _xlogp(rest, q, p))


def _xlogp(x: Any, p: Any, q: Any) -> Any:
    """x log(p) with p = 1 - q, 0 where x is 0."""
    return where(p > 0.5, _xlog1m(x, q), xlogy(x, p))


def _xlog1m(x: Any, q: Any) -> Any:
    none = x == 0
    return where(none, 0, x * log1p(-where(none, 0, q)))


log_binomial.defjvps(
    lambda t, out, x, n, p, q: t * (digamma(n - x + 1) - digamma(x + 1) + log(p) - log(q)),
    lambda t, out, x, n, p, q: t * (digamma(n + 1) - digamma(n - x + 1) + log(q)),
    lambda t, out, x, n, p, q: t * _slope(x, p),
    lambda t, out, x, n, p, q: t * _slope(n - x, q))


# The masses themselves have derivatives at the edges too, where those of their logarithms are
# infinite: each is a difference of masses for one draw less.
def _fewer(x: Any, fun: Any) -> Any:
    """fun(x - 1) where x is at least 1, else 0."""
    some = x >= 1
    return where(some, fun(where(some, x, 1) - 1), 0)


def _times_slope(mass: Any, slope: Any) -> Any:
    """The derivative of a mass whose logarithm has this slope: 0 where there is none of it."""
    none = mass == 0
    return where(none, 0, mass * where(none, 0, slope))


@custom_jvp
def poisson(x: Any, mean: Any) -> Any:
    """mean^x exp(-mean) / x!, for whole x >= 0."""
    return exp(log_poisson(x, mean))


poisson.defjvps(
    lambda t, out, x, mean: t * _times_slope(out, log(mean) - digamma(x + 1)),
    lambda t, out, x, mean: t * (_fewer(x, lambda y: poisson(y, mean)) - out))


@custom_jvp
def binomial(x: Any, n: Any, p: Any, q: Any) -> Any:
    """n! / (x! (n - x)!) p^x q^(n - x), for whole x, 0 <= x <= n and p + q = 1."""
    return exp(log_binomial(x, n, p, q))


def _binomial_by_q(out: Any, x: Any, n: Any, p: Any, q: Any) -> Any:
    """The derivative in q; n need not be whole."""
    rest = n - x
    fewer = _fewer(rest, lambda y: n * binomial(x, x + y, p, q))
    return fewer + out * _slope(where(rest >= 1, 0, rest), q)


binomial.defjvps(
    lambda t, out, x, n, p, q: t * _times_slope(
        out, digamma(n - x + 1) - digamma(x + 1) + log(p) - log(q)),
    lambda t, out, x, n, p, q: t * _times_slope(out, digamma(n + 1) - digamma(n - x + 1) + log(q)),
    lambda t, out, x, n, p, q: t * _fewer(x, lambda y: n * binomial(y, n - x + y, p, q)),
    lambda t, out, x, n, p, q: t * _binomial_by_q(out, x, n, p, q))


def multinomial(x: Any, n: Any, p: Any, axis: int) -> Any:
    """n! / prod(x!) prod(p^x) for x >= 0 along an axis with the sum n: probabilities of 0 are
    factors of their own, as the slope of their logarithm is infinite."""
    edge = (p == 0) & (x > 0)
    factors = where(edge, where(edge, p, 1) ** where(edge, x, 1), 1)
    return exp(log_multinomial(x, n, where(edge, 1, p), axis)) * prod(factors, axis)


def log_multinomial(x: Any, n: Any, p: Any, axis: int) -> Any:
    """log(n! / prod(x!) prod(p^x)) for x >= 0 along an axis with the sum n > 0."""
    some = x > 0
    a, m = where(some, x, 1), where(n > 0, n, 1)
    mean = lax.expand_dims(m, (axis,)) * p if m.aval.ndim == p.aval.ndim - 1 else m * p
    part = where(some, deviance(a, where(some, mean, 1)), mean)
    part = part + where(some, remainder(a) + 0.5 * (LOG_2PI + log(a)), 0)
    # Means that do not add up to n are taken as they are.
    missing = sum_(mean, axis) - m
    value = remainder(m) + 0.5 * (LOG_2PI + log(m)) - sum_(part, axis) + missing
    return where(n > 0, value, 0)
