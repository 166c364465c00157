"""Derivatives of hypergeometric functions in all arguments, by power series with their changes.

A coefficient of the series is a product of (a + k) and 1 / (b + k). With a changed by da it is a
polynomial in da, of which as many coefficients are kept as the order of the derivative asks for:
products and quotients of such polynomials are exact, there are no differences.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

MOST = 20000
"""Terms after which a series is given up: the result is nan."""

Orders = tuple[int, ...]
Jet = dict[Orders, np.ndarray]
"""A polynomial in the changes of the parameters: orders -> coefficient."""

Parameter = tuple[np.ndarray, Sequence[int]]
"""A value, and by how much it changes with each parameter."""


def _lower(place: Orders, i: int) -> Orders:
    return (*place[:i], place[i] - 1, *place[i + 1 :])


def _times(jet: Jet, value: np.ndarray, slopes: Sequence[int]) -> Jet:
    """jet times (value + slopes . changes)."""
    return {p: sum((c * jet[_lower(p, i)] for i, c in enumerate(slopes) if c and p[i]),
                   v * value) for p, v in jet.items()}


def _over(jet: Jet, value: np.ndarray, slopes: Sequence[int]) -> Jet:
    """jet over (value + slopes . changes)."""
    out: Jet = {}
    for p, v in jet.items():  # in ascending order
        rest = sum((c * out[_lower(p, i)] for i, c in enumerate(slopes) if c and p[i]), 0.0)
        out[p] = (v - rest) / value
    return out


def _series(start: Jet, upper: Sequence[Parameter], lower: Parameter, x: np.ndarray, top: Orders
            ) -> Jet:
    """`start` times the hypergeometric series; nan where it does not end, or cancels to nothing.

    The parameters settle once their sums with k are positive and grow; then the terms decrease,
    and the sum ends when they no longer count.
    """
    jet, total = start, dict(start)
    size = np.abs(total[top])
    settled = np.max([np.abs(v) for v, _ in (*upper, lower)], 0) + 2
    going = np.ones(x.shape, bool)
    for k in range(MOST):
        for value, slopes in upper:
            jet = _times(jet, value + k, slopes)
        jet = _over(jet, lower[0] + k, lower[1])
        jet = {p: v * (x / (k + 1)) for p, v in jet.items()}
        total = {p: v + jet[p] for p, v in total.items()}
        size = np.maximum(size, np.abs(total[top]))
        left = np.max([np.abs(v) for v in jet.values()], 0)
        going = (k < settled) | (left > 1e-18 * np.abs(total[top])) & np.isfinite(total[top])
        if not going.any():
            break
    bad = going | (np.abs(total[top]) < 1e-13 * size)
    return {p: np.where(bad, np.nan, v) for p, v in total.items()}


def _start(upper: Sequence[Parameter], lower: Parameter, times: int, orders: Orders) -> Jet:
    """The factor (a)_m ... / (b)_m that m derivatives in x bring."""
    jet: Jet = {p: np.full(lower[0].shape, float(not any(p)))
                for p in np.ndindex(*(n + 1 for n in orders))}
    for k in range(times):
        for value, slopes in upper:
            jet = _times(jet, value + k, slopes)
        jet = _over(jet, lower[0] + k, lower[1])
    return jet


def _factorials(orders: Orders) -> int:
    return math.prod(math.factorial(n) for n in orders)


def hyp1f1_derivative(a: np.ndarray, b: np.ndarray, x: np.ndarray, orders: Orders) -> np.ndarray:
    """The derivative of 1F1(a; b; x) of certain orders in a, b and x, of float64 arrays.

    Relative error near 1e-13 where terms do not cancel; nan beyond |x| = 700. Negative x by
    Kummer's formula, exp(x) 1F1(b - a; b; -x).
    """
    *top, m = orders
    params, p = tuple(top), ((a, (1, 0)), (b, (0, 1)))
    with np.errstate(all="ignore"):
        start = _start(p[:1], p[1], m, params)
        high = b + m, (0, 1)
        flip = x < 0
        direct = _series(start, [(a + m, (1, 0))], high, np.where(flip, 0.0, x), params)[params]
        other = _series(start, [(b - a, (-1, 1))], high, np.where(flip, -x, 0.0), params)[params]
        out = _factorials(params) * np.where(flip, np.exp(x) * other, direct)
    return np.where(np.abs(x) <= 700, out, np.nan)


def hyp2f1_derivative(a: np.ndarray, b: np.ndarray, c: np.ndarray, x: np.ndarray, orders: Orders
                      ) -> np.ndarray:
    """The derivative of 2F1(a, b; c; x) of certain orders in a, b, c and x, of float64 arrays.

    Relative error near 1e-13 where terms do not cancel; nan from x = 0.998 on. Negative x by
    Pfaff's formula, (1 - x)^-a 2F1(a, c - b; c; x / (x - 1)).
    """
    *top, m = orders
    params = tuple(top)
    p = ((a, (1, 0, 0)), (b, (0, 1, 0)), (c, (0, 0, 1)))
    with np.errstate(all="ignore"):
        start = _start(p[:2], p[2], m, params)
        high = c + m, (0, 0, 1)
        flip = x < 0
        direct = _series(start, [(a + m, (1, 0, 0)), (b + m, (0, 1, 0))], high,
                         np.where(flip | (x > 0.998), 0.0, x), params)[params]
        turned = np.where(flip, x / (x - 1), 0.0)
        flip &= turned < 0.998
        jet = _series(start, [(a + m, (1, 0, 0)), (c - b, (0, -1, 1))], high,
                      np.where(flip, turned, 0.0), params)
        log = -np.log1p(-np.where(flip, x, 0.0))
        other = sum(log**k / math.factorial(k) * jet[(params[0] - k, *params[1:])]
                    for k in range(params[0] + 1)) * np.exp((a + m) * log)
        out = _factorials(params) * np.where(flip, other, direct)
    return np.where(flip | (x >= 0) & (x <= 0.998), out, np.nan)
