"""The Hurwitz zeta function and its derivatives in its exponent, by Euler and Maclaurin's formula.
"""

from __future__ import annotations

import math

import numpy as np

TERMS = 16
"""Terms summed one by one; the formula takes over at q + TERMS."""

BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510,
             43867 / 798, -174611 / 330, 854513 / 138, -236364091 / 2730)
"""The Bernoulli numbers B_2, B_4, ..., B_24."""

Series = list[np.ndarray]


def _times(x: Series, y: Series) -> Series:
    """Product of two power series in e, cut off behind the same power."""
    return [sum((x[j] * y[i - j] for j in range(1, i + 1)), x[0] * y[i]) for i in range(len(x))]


def _power(u: np.ndarray, s: np.ndarray, order: int) -> Series:
    """u ** -(s + e) as a series in e."""
    log = np.log(u)
    return [u**-s * (-log) ** i / math.factorial(i) for i in range(order + 1)]


def _linear(constant: np.ndarray, order: int) -> Series:
    """constant + e, as a series."""
    one, zero = np.ones(constant.shape), np.zeros(constant.shape)
    return [constant, one, *[zero] * (order - 1)]


def _reciprocal(constant: np.ndarray, order: int) -> Series:
    """1 / (constant + e), as a series."""
    return [(-1) ** i / constant ** (i + 1) for i in range(order + 1)]


def _rest(u: np.ndarray, s: np.ndarray, order: int) -> Series:
    """The sum of (u + k) ** -(s + e) over k = 0, 1, ... for a large u."""
    power = _power(u, s, order)
    integral = _times(_power(u, s - 1, order), _reciprocal(s - 1, order))
    total = [a + b / 2 for a, b in zip(integral, power, strict=True)]
    rising = [c / u for c in _times(power, _linear(s, order))]
    for j, number in enumerate(BERNOULLI):
        weight = number / math.factorial(2 * j + 2)
        total = [a + weight * b for a, b in zip(total, rising, strict=True)]
        for k in (2 * j + 1, 2 * j + 2):
            rising = [c / u for c in _times(rising, _linear(s + k, order))]
    return total


def zeta_derivative(s: np.ndarray, q: np.ndarray, order: int) -> np.ndarray:
    """d^order zeta(s, q) / ds^order of float64 arrays, continued to s < 1; nan at s = 1 or q <= 0.

    For s > 1 the sum of (-log(q + k))^order (q + k)^-s; relative error 1e-14 times `order`, unless
    terms of both signs cancel (q < 1). For s < 0 terms as large as (q + 16)^-s cancel, so that
    first derivatives at q = 1 are by the functional equation, and other derivatives nan below -4.
    """
    mirrored = (s < -1) & (q == 1) & (order == 1)
    left_out = mirrored | ((s < -4) & (order > 0))
    out = _continued(np.where(left_out, 1.0, s), q, order)
    if not mirrored.any():
        return out
    out[mirrored] = _mirrored(s[mirrored])
    return out


def _mirrored(s: np.ndarray) -> np.ndarray:
    """zeta'(s) for s < 0, as zeta(s) is 2 (2 pi)^(s-1) sin(pi s / 2) gamma(1-s) zeta(1-s)."""
    import scipy.special

    other, turn = 1 - s, math.pi / 2 * np.fmod(s, 4)
    value = scipy.special.zeta(other, 1)
    size = 2 * (2 * math.pi) ** (s - 1) * scipy.special.gamma(other) * value
    change = (math.log(2 * math.pi) - scipy.special.psi(other)
              - _continued(other, np.ones_like(s), 1) / value)
    return size * (np.sin(turn) * change + math.pi / 2 * np.cos(turn))


def _continued(s: np.ndarray, q: np.ndarray, order: int) -> np.ndarray:
    """The derivative by Euler and Maclaurin's formula."""
    inside = (s != 1) & (s > -30) & (q > 0)
    s, q = np.where(inside, s, 2.0), np.where(inside, q, 1.0)
    total = _rest(q + TERMS, s, order)[order]
    for k in reversed(range(TERMS)):
        total = total + _power(q + k, s, order)[order]
    return np.where(inside, math.factorial(order) * total, np.nan)
