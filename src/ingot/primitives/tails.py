"""Derivatives of the gamma and beta distribution functions in their parameters, by quadrature.

F(x) = C * integral of exp(f(z)) dz up to z(x), with f concave: gamma has z = log t and
f = a z - e^z, beta has z = log(t / (1 - t)) and f = -a log(1 + e^-z) - b log(1 + e^z).
Differentiating in the parameters multiplies the integrand by a polynomial w in log t - E log t
(and the like), whose integral over everything is zero. So the derivative is the integral over the
left tail, or minus that over the right one, whichever holds no change of sign of w: nothing
cancels, and the error is near 1e-13. The functions here divide it by the density C exp(f(z(x)))
of z, whereby C drops out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot.primitives.quadrature import gauss_legendre

Function = Callable[..., Any]
DROP = 45.0
"""Integration ends where the integrand is exp(-45) of its maximum."""

NODES, WEIGHTS = gauss_legendre(32)
BREAKS = np.array([-40.0, -20.0, -10.0, -5.0, 0.0, 3.0, 6.0, 10.0, 20.0, 40.0])
CHUNK = 4096


# ---- complete Bell polynomials: derivatives of exp(g) divided by exp(g) --------------------------
def bell(orders: Sequence[int], g: Callable[..., Any], add: Function, scale: Function,
         mul: Function) -> Any:
    """The derivative of exp(G) of certain orders divided by exp(G); `g(*orders)` are those of G.

    None stands for 1. `scale(number, value)`, `add` and `mul` are the arithmetic of the values.
    """
    first = next((i for i, n in enumerate(orders) if n), None)
    if first is None:
        return None
    rest = [n - (i == first) for i, n in enumerate(orders)]
    total = None
    for taken in np.ndindex(*(n + 1 for n in rest)):
        count = math.prod(math.comb(n, k) for n, k in zip(rest, taken, strict=True))
        term = g(*(k + (i == first) for i, k in enumerate(taken)))
        factor = bell([n - k for n, k in zip(rest, taken, strict=True)], g, add, scale, mul)
        term = term if factor is None else mul(term, factor)
        term = term if count == 1 else scale(count, term)
        total = term if total is None else add(total, term)
    return total


# ---- density -------------------------------------------------------------------------------------
def log_gamma_mass_of(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """log(x^a exp(-x) / gamma(a)) of NumPy arrays, for large a by Stirling's formula."""
    import scipy.special

    large = np.maximum(a, 10.0)
    remainder = (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - (1 / 1188 - 691 / 360360 / large**2)
                 / large**2) / large**2) / large**2) / large**2) / large
    v = (a - x) / (a + x)
    series = sum(v ** (2 * k) / (2 * k + 1) for k in range(1, 10))
    near = (a - x) * v + 2 * a * v * series
    deviance = np.where(np.abs(v) < 0.1, near, scipy.special.xlogy(a, a / x) + x - a)
    stirling = np.log(a / (2 * math.pi)) / 2 - remainder - deviance
    direct = scipy.special.xlogy(a, x) - x - scipy.special.gammaln(a)
    return np.where(a > 10, stirling, direct)


# ---- quadrature ----------------------------------------------------------------------------------
def _extent(log_density: Function, mode: np.ndarray, side: np.ndarray, steepest: np.ndarray
            ) -> np.ndarray:
    """How far to integrate; `log_density(d)` is f(z + d) - f(z), largest at `mode`."""
    top = log_density(np.where(side * mode > 0, mode, 0.0))
    width = 1 / (1 + steepest)
    for _ in range(1100):
        short = ~(top - log_density(side * width) >= DROP)
        if not short.any():
            break
        width = np.where(short, 2 * width, width)
    low = width / 2
    for _ in range(4):
        middle = (low + width) / 2
        short = ~(top - log_density(side * middle) >= DROP)
        low, width = np.where(short, middle, low), np.where(short, width, middle)
    return width


def _integrate(integrand: Callable[[np.ndarray, Any], np.ndarray], z: np.ndarray, low: np.ndarray,
               high: np.ndarray) -> np.ndarray:
    """Integral of `integrand(d, rows)` by Gauss's rule, piecewise between the `BREAKS` of z + d."""
    edges = [low, *(np.clip(b - z, low, high) for b in BREAKS), high]
    total = np.zeros(z.shape)
    for left, right in zip(edges, edges[1:], strict=False):
        rows = np.flatnonzero(right > left)
        if rows.size:
            half, middle = (right - left)[rows, None] / 2, (right + left)[rows, None] / 2
            values = integrand(middle + half * NODES, rows)
            total[rows] += half[:, 0] * (values @ WEIGHTS)
    return total


def _tail(log_density: Any, weight: Any, z: np.ndarray, mode: np.ndarray, left: np.ndarray,
          steepest: np.ndarray) -> np.ndarray:
    """Integral of exp(f(z + d) - f(z)) w(z + d) over the left tail, or minus the right one.

    steepest: a bound of the slope of f near z.
    """
    side = np.where(left, -1.0, 1.0)
    width = _extent(lambda d: log_density(d, slice(None)), mode, side, steepest)
    low, high = np.where(left, -width, 0.0), np.where(left, 0.0, width)

    def integrand(d: np.ndarray, rows: Any) -> np.ndarray:
        return np.exp(log_density(d, rows)) * weight(d, rows)

    return -side * _integrate(integrand, z, low, high)


def _by_rows(fun: Callable[..., np.ndarray], valid: np.ndarray, edge: np.ndarray,
             *args: np.ndarray) -> np.ndarray:
    """`fun` on rows of float64 numbers where they are valid; 0 at the edge and nan elsewhere."""
    out = np.where(edge, 0.0, np.nan).ravel()
    flat = [np.asarray(x, np.float64).ravel() for x in args]
    rows = np.flatnonzero(valid.ravel())
    for start in range(0, rows.size, CHUNK):
        some = rows[start : start + CHUNK]
        out[some] = fun(*(x[some] for x in flat))
    return out.reshape(valid.shape)


def _polygamma(n: int, x: np.ndarray) -> np.ndarray:
    import scipy.special

    return scipy.special.psi(x) if n == 0 else scipy.special.polygamma(n, x)


def _column(x: np.ndarray, rows: Any, like: np.ndarray) -> np.ndarray:
    """Rows of parameters, to go with nodes if `like` has some."""
    return x[rows, None] if like.ndim == 2 else x[rows]


def _polynomial(orders: Sequence[int], g: Callable[..., Any]) -> Any:
    return bell(orders, g, lambda a, b: a + b, lambda n, a: n * a, lambda a, b: a * b)


# ---- the two distributions -----------------------------------------------------------------------
def gamma_tail(a: np.ndarray, x: np.ndarray, order: int) -> np.ndarray:
    """d^order P(a, x) / da^order over x dP/dx; 0 at x = 0 and inf, nan outside a > 0, x >= 0."""
    inside = (a > 0) & np.isfinite(a) & (x > 0) & np.isfinite(x)
    edge = (a > 0) & ((x == 0) | (x == np.inf))
    return _by_rows(lambda a, x: _gamma_rows(a, x, order), inside, edge, a, x)


def _gamma_rows(a: np.ndarray, x: np.ndarray, order: int) -> np.ndarray:
    z = np.log(x)
    psi = [_polygamma(k, a) for k in range(order)]

    def log_density(d: np.ndarray, rows: Any) -> np.ndarray:
        return _column(a, rows, d) * d - _column(x, rows, d) * np.expm1(d)

    def weight(d: np.ndarray, rows: Any) -> np.ndarray:
        first = (z - psi[0])[rows, None] + d
        return _polynomial([order], lambda k: first if k == 1 else -psi[k - 1][rows, None])

    return _tail(log_density, weight, z, np.log(a) - z, z < psi[0], a + x)


def beta_tail(a: np.ndarray, b: np.ndarray, x: np.ndarray, orders: tuple[int, int]) -> np.ndarray:
    """A derivative of I_x(a, b) in a and b, of certain orders, divided by x (1 - x) dI/dx.

    0 at x = 0 and x = 1, nan outside a > 0, b > 0, 0 <= x <= 1.
    """
    positive = (a > 0) & (b > 0) & np.isfinite(a) & np.isfinite(b)
    return _by_rows(lambda a, b, x: _beta_rows(a, b, x, orders), positive & (x > 0) & (x < 1),
                    positive & ((x == 0) | (x == 1)), a, b, x)


def _log_mix(t: np.ndarray, u: np.ndarray, d: np.ndarray) -> np.ndarray:
    """log(t + u exp(d)) for t + u = 1, accurate for small d and without overflow for large d."""
    near = np.log1p(u * np.expm1(np.clip(d, -1, 1)))
    return np.where(np.abs(d) < 1, near, np.logaddexp(np.log(t), np.log(u) + d))


def _beta_rows(a: np.ndarray, b: np.ndarray, x: np.ndarray, orders: tuple[int, int]) -> np.ndarray:
    rest = 1 - x
    z = np.log(x) - np.log1p(-x)
    psi = {(i, k): _polygamma(k, v) for i, v in enumerate((a, b, a + b))
           for k in range(sum(orders))}
    means = (psi[0, 0] - psi[2, 0], psi[1, 0] - psi[2, 0])

    def log_density(d: np.ndarray, rows: Any) -> np.ndarray:
        p, q, t, u = (_column(v, rows, d) for v in (a, b, x, rest))
        return -p * _log_mix(t, u, -d) - q * _log_mix(u, t, d)

    def weight(d: np.ndarray, rows: Any) -> np.ndarray:
        logit = z[rows, None] + d

        def g(i: int, j: int) -> np.ndarray:
            if i + j == 1:
                return -np.logaddexp(0, -logit if i else logit) - means[j][rows, None]
            total = psi[2, i + j - 1]
            if i * j == 0:
                total = total - psi[int(i == 0), i + j - 1]
            return total[rows, None]

        return _polynomial(orders, g)

    left = np.log(x) < means[0] if orders[0] else np.log1p(-x) > means[1]
    return _tail(log_density, weight, z, np.log(a) - np.log(b) - z, left, a + b)
