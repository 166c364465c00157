"""Elementary functions, and relatives of the gamma and error functions, as in scipy.special."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import ingot.numpy as jnp
from ingot.control.custom_jvp import custom_jvp
from ingot.primitives.special import zeta_derivative_p
from ingot.scipy.special import digamma, wofz
from ingot.scipy.special_table import define, real

ROOT_PI = math.sqrt(math.pi)
DEGREE = math.pi / 180


# ---- elementary ----
exp10 = define("exp10", "10 to the power of x.", lambda out, x: math.log(10) * out)


def _exprel_derivative(out: Any, x: Any) -> Any:
    """(exp(x) - exprel(x)) / x, by its series near 0."""
    near, below = abs(x) < 0.5, x <= -0.5
    small, series = jnp.where(near, x, 0), 0 * x
    for k in range(16, -1, -1):
        series = series * small + (k + 1) / math.factorial(k + 2)
    low, high = jnp.where(below, x, -1), jnp.where(near | below, 1, x)
    low = (jnp.exp(low) - jnp.expm1(low) / low) / low
    high = jnp.exp(high) * (1 + jnp.expm1(-high) / high) / high
    return jnp.where(near, series, jnp.where(below, low, high))


exprel = define("exprel", "(exp(x) - 1) / x, and 1 at 0.", _exprel_derivative)
cosm1 = define("cosm1", "cos(x) - 1, accurate near 0.", lambda out, x: -jnp.sin(x))
powm1 = define("powm1", "x^y - 1, accurate where that is small.",
               lambda out, x, y: y * x ** (y - 1), lambda out, x, y: (out + 1) * jnp.log(x))
sindg = define("sindg", "Sine of x degrees.", lambda out, x: DEGREE * cosdg(x))
cosdg = define("cosdg", "Cosine of x degrees.", lambda out, x: -DEGREE * sindg(x))
tandg = define("tandg", "Tangent of x degrees.", lambda out, x: DEGREE * (1 + out * out))
cotdg = define("cotdg", "Cotangent of x degrees.", lambda out, x: -DEGREE * (1 + out * out))
radian = define("radian", "Radians of degrees, minutes and seconds: radian(d, m, s).",
                lambda out, d, m, s: 0 * d + DEGREE, lambda out, d, m, s: 0 * d + DEGREE / 60,
                lambda out, d, m, s: 0 * d + DEGREE / 3600)


def huber(delta: Any, r: Any) -> Any:
    """Huber's loss: r^2 / 2 for |r| <= delta, then delta (|r| - delta / 2); inf for delta < 0.

    >>> special.huber(1.0, 3.0)
    Array(2.5, dtype=float64, weak_type=True)
    """
    delta, r = real("huber", delta, r)
    size = abs(r)
    value = jnp.where(size <= delta, 0.5 * r * r, delta * (size - 0.5 * delta))
    return jnp.where(delta < 0, math.inf, value)


def pseudo_huber(delta: Any, r: Any) -> Any:
    """delta^2 (sqrt(1 + (r / delta)^2) - 1), without cancellation; inf for delta < 0.

    >>> special.pseudo_huber(4.0, 3.0)
    Array(4., dtype=float64, weak_type=True)
    """
    delta, r = real("pseudo_huber", delta, r)
    endless, steep = abs(delta) == math.inf, abs(r) == math.inf
    e = jnp.where(steep, 0, r)
    d = jnp.where(endless | (delta == 0) & (e == 0), 1, delta)
    value = d * e * (e / (jnp.hypot(d, e) + d))
    value = jnp.where(endless, 0.5 * r * r, value)
    value = jnp.where(steep & (delta != 0), abs(r), value)
    return jnp.where(delta < 0, math.inf, value)


def _box(log: Any, exponent: Any) -> Any:
    """(exp(exponent log) - 1) / exponent, and its limit at exponent 0."""
    # Powers that are 1 to all digits: the logarithm itself, also where its product underflows.
    tiny = float(jnp.finfo(exponent.dtype).tiny)
    zero = (abs(exponent * log) < tiny) | (exponent == 0)
    safe = jnp.where(zero, 1, exponent)
    return jnp.where(zero, log, jnp.expm1(safe * log) / safe)


def _box_slope(log: Any, exponent: Any) -> Any:
    """Its derivative in the exponent."""
    return log * log * _exprel_derivative(None, exponent * log)


@custom_jvp
def _boxcox(x: Any, lmbda: Any) -> Any:
    return _box(jnp.log(x), lmbda)


_boxcox.defjvps(lambda t, out, x, lmbda: t * x ** (lmbda - 1),
                lambda t, out, x, lmbda: t * _box_slope(jnp.log(x), lmbda))


@custom_jvp
def _boxcox1p(x: Any, lmbda: Any) -> Any:
    return _box(jnp.log1p(x), lmbda)


_boxcox1p.defjvps(lambda t, out, x, lmbda: t * (1 + x) ** (lmbda - 1),
                  lambda t, out, x, lmbda: t * _box_slope(jnp.log1p(x), lmbda))


def boxcox(x: Any, lmbda: Any) -> Any:
    """(x^lambda - 1) / lambda, log(x) for lambda = 0.

    >>> special.boxcox(3.0, 1.0)
    Array(2., dtype=float64, weak_type=True)
    """
    return _boxcox(*real("boxcox", x, lmbda))


def boxcox1p(x: Any, lmbda: Any) -> Any:
    """boxcox(1 + x, lambda), accurate near 0.

    >>> special.boxcox1p(2.0, 1.0)
    Array(2., dtype=float64, weak_type=True)
    """
    return _boxcox1p(*real("boxcox1p", x, lmbda))


def inv_boxcox(y: Any, lmbda: Any) -> Any:
    """The x of which y is the Box-Cox transform: (lambda y + 1)^(1 / lambda), exp(y) for 0.

    >>> special.inv_boxcox(2.0, 1.0).round(6)
    Array(3., dtype=float64, weak_type=True)
    """
    return jnp.exp(_inverse_box("inv_boxcox", y, lmbda))


def inv_boxcox1p(y: Any, lmbda: Any) -> Any:
    """inv_boxcox(y, lambda) - 1, accurate near 0.

    >>> special.inv_boxcox1p(2.0, 1.0).round(6)
    Array(2., dtype=float64, weak_type=True)
    """
    return jnp.expm1(_inverse_box("inv_boxcox1p", y, lmbda))


def _inverse_box(name: str, y: Any, lmbda: Any) -> Any:
    y, lmbda = real(name, y, lmbda)
    zero = lmbda == 0
    safe = jnp.where(zero, 1, lmbda)
    return jnp.where(zero, y, jnp.log1p(safe * jnp.where(zero, 0, y)) / safe)


wrightomega = define("wrightomega", "Wright's omega function, the solution of w + log(w) = z.",
                     lambda out, z: out / (1 + out), complex=True)


def _lambertw_eval(z: np.ndarray, k: np.ndarray) -> np.ndarray:
    import scipy.special

    return scipy.special.lambertw(z, np.real(k).astype(np.int64))


_lambertw = define(
    "lambertw", "Lambert's W.", lambda out, z, k: jnp.where(
        (z == 0) & (k == 0), 1, jnp.exp(-out) / (1 + out)),
    None, evaluate=_lambertw_eval, complex=True)


def lambertw(z: Any, k: Any = 0, tol: float = 1e-8) -> Any:
    """Branch k of Lambert's function, the solution w of w exp(w) = z, complex; `tol` has no effect.

    >>> special.lambertw(0.0)
    Array(0.+0.j, dtype=complex128, weak_type=True)
    """
    return _lambertw(jnp.asarray(z) + 0j, k)


# ---- gamma ----
def _rgamma_derivative(out: Any, x: Any) -> Any:
    """-digamma(x) / gamma(x), and (-1)^n n! at x = -n."""
    pole = (x <= 0) & (jnp.floor(x) == x)
    usual = -digamma(jnp.where(pole, 0.5, x)) * out
    n = jnp.where(pole, -x, 0)
    return jnp.where(pole, (1 - 2 * (n % 2)) / rgamma(n + 1), usual)


rgamma = define("rgamma", "1 / gamma(x), 0 at the poles of gamma.", _rgamma_derivative)


def _binom_derivative(out: Any, n: Any, k: Any, of_n: bool) -> Any:
    """By digamma where all arguments of gamma are positive, by 1 / gamma elsewhere."""
    a, b, c = n + 1, k + 1, n - k + 1
    inner = (a > 0) & (b > 0) & (c > 0)
    p, q, r = (jnp.where(inner, x, 1) for x in (a, b, c))
    plain = out * (digamma(p) - digamma(r) if of_n else digamma(r) - digamma(q))
    p, q, r = (jnp.where(inner, 1.5, x) for x in (a, b, c))
    top, low, rest = 1 / rgamma(p), rgamma(q), rgamma(r)
    slope_low, slope_rest = _rgamma_derivative(low, q), _rgamma_derivative(rest, r)
    outer = (top * low * (digamma(p) * rest + slope_rest) if of_n
             else top * (slope_low * rest - low * slope_rest))
    return jnp.where(inner, plain, outer)


binom = define("binom", "Binomial coefficient of real n and k: binom(n, k).",
               lambda out, n, k: _binom_derivative(out, n, k, True),
               lambda out, n, k: _binom_derivative(out, n, k, False))


def perm(N: Any, k: Any, exact: bool = False) -> Any:
    """Number of ways to arrange k of N things, N! / (N - k)!; 0 for k > N or negative arguments.

    >>> special.perm(4.0, 2.0).round(6)
    Array(12., dtype=float64, weak_type=True)
    """
    if exact:
        raise NotImplementedError("perm: exact=True is not supported; use math.perm")
    N, k = real("perm", N, k)
    none = (k > N) | (N < 0) | (k < 0)
    n, m = jnp.where(none, 1, N), jnp.where(none, 1, k)
    return jnp.where(none, 0, binom(n, m) / rgamma(m + 1))


def zetac(x: Any) -> Any:
    """Riemann's zeta function less 1, accurate where that is small.

    >>> special.zetac(2.0)
    Array(0.64493407, dtype=float64, weak_type=True)
    """
    return _zetac(x)


_zetac = define("zetac", "", lambda out, x: zeta_derivative_p.bind(x, jnp.ones_like(x), order=1))

# ---- error functions ----
erfi = define("erfi", "Imaginary error function, -i erf(i x).",
              lambda out, x: 2 / ROOT_PI * jnp.exp(x * x), complex=True)
erfcinv = define("erfcinv", "Inverse of erfc.",
                 lambda out, x: -ROOT_PI / 2 * jnp.exp(out * out))
ndtri_exp = define("ndtri_exp", "Quantile of the normal distribution at exp(y), y <= 0.",
                   lambda out, y: jnp.exp(y + 0.5 * out * out) * math.sqrt(2 * math.pi))


def _voigt(x: Any, sigma: Any, gamma: Any) -> tuple[Any, Any, Any]:
    """The complex argument, Faddeeva's function there, and its derivative."""
    z = (x + 1j * gamma) / (sigma * math.sqrt(2))
    w = wofz(z)
    return z, w, -2 * z * w + 2j / ROOT_PI


def _voigt_sigma(out: Any, x: Any, sigma: Any, gamma: Any) -> Any:
    z, w, dw = _voigt(x, sigma, gamma)
    return -jnp.real(w + z * dw) / (sigma * sigma * math.sqrt(2 * math.pi))


voigt_profile = define(
    "voigt_profile", "Density of the sum of a normal (sigma) and a Cauchy (gamma) variable at x:"
    " voigt_profile(x, sigma, gamma).",
    lambda out, x, s, g: jnp.real(_voigt(x, s, g)[2]) / (2 * ROOT_PI * s * s), _voigt_sigma,
    lambda out, x, s, g: -jnp.imag(_voigt(x, s, g)[2]) / (2 * ROOT_PI * s * s))


# ---- integrals ----
def _over_x(fun: Any, x: Any) -> Any:
    zero = x == 0
    return jnp.where(zero, 1, fun(jnp.where(zero, 1, x)) / jnp.where(zero, 1, x))


def _shichi_eval(i: int) -> Any:
    def evaluate(x: np.ndarray) -> np.ndarray:
        import scipy.special

        return scipy.special.shichi(x)[i]

    return evaluate


_shi = define("shi", "", lambda out, x: _over_x(jnp.sinh, x), evaluate=_shichi_eval(0))
_chi = define("chi", "", lambda out, x: jnp.cosh(x) / x, evaluate=_shichi_eval(1))


def shichi(x: Any) -> tuple[Any, Any]:
    """Hyperbolic sine and cosine integrals.

    >>> special.shichi(0.0)[0]
    Array(0., dtype=float64, weak_type=True)
    """
    return _shi(x), _chi(x)
