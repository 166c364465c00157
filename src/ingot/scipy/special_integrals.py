"""Integrals of Bessel, Airy and Struve functions in NumPy, to the last digits.

SciPy's have 6 to 9 digits in between the places where its series and asymptotic expansions are
good, and none for `itairy` near 8 and `itstruve0` beyond 30. Gauss and Legendre's rule takes the
integrand's own function, up to where the expansions have all digits.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot.primitives.quadrature import gauss_legendre

Function = Callable[..., Any]
FARTHEST = 60.0
"""Up to there the rule is used: no function turns, or grows, more than it resolves."""


@functools.cache
def _rule() -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = gauss_legendre(128)
    return (1 + nodes) / 2, weights / 2


def integral(fun: Function, beyond: Function, farthest: float = FARTHEST) -> Function:
    """x -> the integral of a smooth function from 0 to x; `beyond(x)`, if |x| is above `farthest`.
    """
    def evaluate(x: np.ndarray) -> np.ndarray:
        nodes, weights = _rule()
        near = np.abs(x) <= farthest
        at = np.where(near, x, 0)[..., None] * nodes
        out = np.where(near, x * np.sum(weights * fun(at), axis=-1), 0)
        return np.where(near, out, beyond(np.where(near, 2 * farthest, x))) if not np.all(
            near) else out

    return evaluate


def at_the_end(fun: Function) -> Function:
    """|x| -> the integral of a function that grows as exp does, of which what lies further from the
    end than `FARTHEST` is less than a digit."""
    def evaluate(x: np.ndarray) -> np.ndarray:
        nodes, weights = _rule()
        end = np.minimum(np.abs(x), 1e4)  # from where the function is infinite
        at = (end - FARTHEST)[..., None] + FARTHEST * nodes
        return FARTHEST * np.sum(weights * fun(at), axis=-1)

    return evaluate


def odd(fun: Function) -> Function:
    """A function of |x| as an odd one of x."""
    return lambda x: np.sign(x) * fun(x)


def of_part(name: str, i: int | None = None, order: Sequence[int] = ()) -> Function:
    """A function of SciPy, perhaps of an order, or one of its results."""
    def evaluate(*xs: np.ndarray) -> Any:
        import scipy.special

        out = getattr(scipy.special, name)(*order, *xs)
        return out if i is None else out[i]

    return evaluate


def turned(fun: Function) -> Function:
    """x -> fun(-x)."""
    return lambda x: fun(-x)


def deviation_over(sign: int) -> Function:
    """(J_0(t) - 1) / t for sign -1, (I_0(t) - 1) / t for 1, without cancellation near 0."""
    fun = of_part("j0" if sign < 0 else "i0")

    def evaluate(t: np.ndarray) -> np.ndarray:
        near = np.abs(t) < 1
        square, series = np.where(near, t * t / 4, 0), np.ones_like(t)
        for k in range(12, 1, -1):
            series = 1 + sign * square / (k * k) * series
        far = np.where(near, 1, t)
        return np.where(near, sign * t / 4 * series, (fun(far) - 1) / far)

    return evaluate


def of_y0(x: np.ndarray) -> np.ndarray:
    """The integral of Y_0 from 0 to x > 0, DLMF 10.22.5."""
    import scipy.special as s

    near = (x > 0) & (x <= FARTHEST)
    y = np.where(near, x, 1)
    value = y * s.y0(y) + math.pi / 2 * y * (s.struve(0, y) * s.y1(y) - s.struve(1, y) * s.y0(y))
    value = np.where(y == 1, s.itj0y0(np.ones(()))[1], value)
    return np.where(near, value, s.itj0y0(x)[1])


def of_k0(x: np.ndarray) -> np.ndarray:
    """The integral of K_0 from 0 to x > 0, DLMF 10.43.2."""
    import scipy.special as s

    near = (x > 0) & (x <= FARTHEST)
    y = np.where(near, x, 1)
    value = y * s.k0(y) + math.pi / 2 * y * (
        s.modstruve(0, y) * s.k1(y) + s.modstruve(1, y) * s.k0(y))
    return np.where(near, value, s.iti0k0(x)[1])


def of_k0_over(x: np.ndarray) -> np.ndarray:
    """The integral of K_0(t) / t from x > 0 to infinity; SciPy's is x times as much beyond 12."""
    import scipy.special as s

    nodes, weights = _rule()
    far = np.where(x > 1, x, 1.0)
    at = far[..., None] + FARTHEST * nodes
    decay = np.exp(-FARTHEST * nodes)
    out = FARTHEST * np.exp(-far) * np.sum(weights * decay * s.k0e(at) / at, axis=-1)
    return np.where(x > 1, out, s.it2i0k0(np.where(x > 1, 1.0, x))[1])


def of_y0_over(x: np.ndarray) -> np.ndarray:
    """The integral of Y_0(t) / t from x > 0 to infinity: that from 1 on, less that up to x."""
    import scipy.special as s

    nodes, weights = _rule()
    near = (x > 1) & (x <= FARTHEST)
    width = np.where(near, x - 1, 0.0)
    at = 1 + width[..., None] * nodes
    part = width * np.sum(weights * s.y0(at) / at, axis=-1)
    return np.where(near, s.it2j0y0(np.ones(()))[1] - part, s.it2j0y0(x)[1])


def far_struve(x: np.ndarray) -> np.ndarray:
    """The integral of H_0 from 0 to a large |x|, DLMF 11.7.2."""
    y = np.abs(x)
    terms = [(-1.0) ** (k + 1) * math.factorial(2 * k) * math.factorial(2 * k - 1)
             / math.factorial(k) ** 2 / (2 * y) ** (2 * k) for k in range(1, 12)]
    return of_y0(y) + 2 / math.pi * (np.log(2 * y) + np.euler_gamma + sum(terms))
