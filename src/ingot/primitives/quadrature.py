"""The rule of Gauss and Legendre, whose weights have all digits."""

from __future__ import annotations

import functools

import numpy as np


@functools.cache
def gauss_legendre(n: int) -> tuple[np.ndarray, np.ndarray]:
    """The nodes and weights of n points on [-1, 1].

    NumPy's nodes have all digits, its weights lose up to 5 for n = 128. Here they are
    2 / ((1 - x^2) P_n'(x)^2) by the recurrence of Legendre polynomials, at the zero of P_n beside
    the rounded node.
    """
    x, _ = np.polynomial.legendre.leggauss(n)
    before, p = np.ones_like(x), x
    for k in range(1, n):
        before, p = p, x * p + k / (k + 1) * (x * p - before)
    rest = (1 - x) * (1 + x)
    slope = n * (before - x * p) / rest
    return x, 2 / (rest * slope**2) * (1 + 2 * x / rest * (p / slope))
