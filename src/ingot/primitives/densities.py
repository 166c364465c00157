"""Densities of gamma and beta distributions without cancellation (Loader, 2000).

The logarithms of factorials and powers in these, each as large as x log(x), add up to little.
Here Stirling's formula takes them together: what remains are a deviance, remainders of the formula
and the logarithm of a width, none of them much larger than the result.
"""

from __future__ import annotations

import math
from typing import Any

from ingot.primitives.arithmetic import abs, add, div, min, mul, sub
from ingot.primitives.bits import bitwise_and
from ingot.primitives.compare import gt, lt
from ingot.primitives.exponential import log, log1p
from ingot.primitives.movement import full_like
from ingot.primitives.select import select

_LOG_2PI = math.log(2 * math.pi)
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156,
             -3617 / 122400)


def remainder(x: Any) -> Any:
    """log(x!) - ((x + 1/2) log(x) - x + log(2 pi) / 2), for x > 0: a series from 8 on, to which
    recurrence leads."""
    half, one, eight = (full_like(x, v) for v in (0.5, 1, 8))
    small = lt(x, eight)
    few, many = select(small, x, one), select(small, add(x, eight), x)
    steps = full_like(x, 0)
    for k in range(8):
        y = add(few, full_like(x, k))
        steps = add(steps, sub(mul(add(y, half), log1p(div(one, y))), one))
    square, series = div(one, mul(many, many)), full_like(x, _STIRLING[-1])
    for term in _STIRLING[-2::-1]:
        series = add(mul(series, square), full_like(x, term))
    series = div(series, many)
    return select(small, add(series, steps), series)


def deviance(x: Any, mean: Any) -> Any:
    """x log(x / mean) + mean - x, for x, mean > 0: a series in (x - mean) / (x + mean) near 0."""
    v = div(sub(x, mean), add(x, mean))
    close = lt(abs(v), full_like(v, 0.1))
    v = select(close, v, full_like(v, 0))
    square, series = mul(v, v), full_like(v, 1 / 19)
    for n in range(17, 1, -2):
        series = add(mul(series, square), full_like(v, 1 / n))
    near = add(mul(sub(x, mean), v), mul(mul(add(x, x), v), mul(square, series)))
    ratio, one = div(x, mean), full_like(x, 1)
    usual = bitwise_and(gt(ratio, full_like(x, 0)), lt(ratio, full_like(x, math.inf)))
    far = select(usual, log(select(usual, ratio, one)), sub(log(x), log(mean)))
    return select(close, near, sub(add(mul(x, far), mean), x))


def log_gamma_mass(a: Any, x: Any) -> Any:
    """log(x^a exp(-x) / gamma(a)), x times the density, for a and x > 0 and finite."""
    width = mul(full_like(a, 0.5), sub(log(a), full_like(a, _LOG_2PI)))
    return sub(width, add(deviance(a, x), remainder(a)))


def log_beta_mass(a: Any, b: Any, x: Any, y: Any) -> Any:
    """log(x^a y^b / beta(a, b)), x y times the density at x = 1 - y, for all > 0 and finite."""
    n = add(a, b)
    width = mul(full_like(a, 0.5), add(log(a), sub(log(div(b, n)), full_like(a, _LOG_2PI))))
    rest = sub(remainder(n), add(remainder(a), remainder(b)))
    return sub(add(width, rest), add(deviance(a, mul(n, x)), deviance(b, mul(n, y))))


def large_beta_mass(a: Any, b: Any, x: Any) -> tuple[Any, Any, Any, Any]:
    """Where plain logarithms cancel, a and b with ones in those places, and there the logarithm of
    x^a (1 - x)^b / beta(a, b)."""
    zero, one, half = full_like(a, 0), full_like(a, 1), full_like(a, 0.5)
    n = add(a, b)
    large = bitwise_and(gt(n, full_like(n, 20)), lt(n, full_like(n, math.inf)))
    large = bitwise_and(large, gt(min(a, b), zero))
    large = bitwise_and(large, bitwise_and(gt(x, zero), lt(x, one)))
    p, q, z = select(large, a, one), select(large, b, one), select(large, x, half)
    return large, select(large, one, a), select(large, one, b), log_beta_mass(p, q, z, sub(one, z))


__all__ = ["deviance", "large_beta_mass", "log_beta_mass", "log_gamma_mass", "remainder"]
