"""Elementary functions, and relatives of the gamma and error functions, as in scipy.special."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import ingot.numpy as jnp
from ingot.primitives.special import zeta_derivative_p
from ingot.scipy.log_excess import exprel_derivative
from ingot.scipy.special import betaln, digamma, wofz
from ingot.scipy.special_table import define, real

ROOT_PI = math.sqrt(math.pi)
DEGREE = math.pi / 180


# ---- elementary ----
exp10 = define("exp10", "x", """
    10 to the power of x.
    x: real numbers; inf where the power is too large for the dtype.
    >>> special.exp10(-2.0)
    Array(0.01, dtype=float64, weak_type=True)
    """, lambda out, x: math.log(10) * out)


exprel = define("exprel", "x", """
    (exp(x) - 1) / x, the relative error of exp(x) as 1 + x, and 1 at 0.
    x: real numbers; no digits are lost near 0.
    >>> special.exprel(np.array([0.0, 1.0]))
    Array([1.        , 1.71828183], dtype=float64)
    """, exprel_derivative)
cosm1 = define("cosm1", "x", """
    cos(x) - 1, accurate near 0, where cos(x) is 1 to all digits.
    x: angles in radians.
    >>> special.cosm1(1e-8)
    Array(-5.e-17, dtype=float64, weak_type=True)
    """, lambda out, x: -jnp.sin(x))
powm1 = define("powm1", "x y", """
    x^y - 1, accurate where the power is near 1.
    x, y: base and exponent; nan for a negative base with an exponent that is not a whole number.
    >>> special.powm1(2.0, 1e-12)
    Array(6.93147181e-13, dtype=float64, weak_type=True)
    """,
    lambda out, x, y: y * x ** (y - 1), lambda out, x, y: (out + 1) * jnp.log(x))
sindg = define("sindg", "x", """
    Sine of an angle in degrees, exact at multiples of 90 degrees.
    x: angles in degrees.
    >>> special.sindg(np.array([30.0, 180.0]))
    Array([ 0.5, -0. ], dtype=float64)
    """, lambda out, x: DEGREE * cosdg(x))
cosdg = define("cosdg", "x", """
    Cosine of an angle in degrees, exact at multiples of 90 degrees.
    x: angles in degrees.
    >>> special.cosdg(np.array([60.0, 180.0]))
    Array([ 0.5, -1. ], dtype=float64)
    """, lambda out, x: -DEGREE * sindg(x))
tandg = define("tandg", "x", """
    Tangent of an angle in degrees.
    x: angles in degrees; inf at the poles, 90 degrees plus multiples of 180.
    >>> special.tandg(45.0)
    Array(1., dtype=float64, weak_type=True)
    """, lambda out, x: DEGREE * (1 + out * out))
cotdg = define("cotdg", "x", """
    Cotangent of an angle in degrees.
    x: angles in degrees; inf at the poles, the multiples of 180.
    >>> special.cotdg(45.0)
    Array(1., dtype=float64, weak_type=True)
    """, lambda out, x: -DEGREE * (1 + out * out))
radian = define("radian", "d m s", """
    Convert an angle from degrees, minutes and seconds to radians.
    d, m, s: degrees, minutes of arc, seconds of arc; their sum is the angle.
    >>> special.radian(180.0, 0.0, 0.0)
    Array(3.14159265, dtype=float64, weak_type=True)
    """,
    lambda out, d, m, s: 0 * d + DEGREE, lambda out, d, m, s: 0 * d + DEGREE / 60,
    lambda out, d, m, s: 0 * d + DEGREE / 3600)


def huber(delta: Any, r: Any) -> Any:
    """Huber's loss: r^2 / 2 where |r| <= delta, then the line delta (|r| - delta / 2).

    delta: where the line begins; inf below 0. r: residuals -> the broadcast shape, floating. Raises
    TypeError for complex numbers.

    >>> special.huber(1.0, np.array([0.5, 3.0]))
    Array([0.125, 2.5  ], dtype=float64)
    """
    delta, r = real("huber", delta, r)
    size = abs(r)
    value = jnp.where(size <= delta, 0.5 * r * r, delta * (size - 0.5 * delta))
    return jnp.where(delta < 0, math.inf, value)


def pseudo_huber(delta: Any, r: Any) -> Any:
    """Smooth form of Huber's loss: delta^2 (sqrt(1 + (r / delta)^2) - 1), without cancellation.

    delta: where the parabola turns to a line; inf below 0. r: residuals -> the broadcast shape,
    floating. Raises TypeError for complex numbers.

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


wrightomega = define("wrightomega", "z", """
    Wright's omega function, the solution w of w + log(w) = z.
    z: real or complex; W(exp(z)) of Lambert's function on the principal sheet.
    >>> special.wrightomega(1.0)
    Array(1., dtype=float64, weak_type=True)
    """,
    lambda out, z: out / (1 + out), complex=True)


def _lambertw_eval(z: np.ndarray, k: np.ndarray) -> np.ndarray:
    import scipy.special

    return scipy.special.lambertw(z, np.real(k).astype(np.int64))


_lambertw = define(
    "lambertw", "z k", "Lambert's W.", lambda out, z, k: jnp.where(
        (z == 0) & (k == 0), 1, jnp.exp(-out) / (1 + out)),
    None, evaluate=_lambertw_eval, complex=True)


def lambertw(z: Any, k: Any = 0, tol: float = 1e-8) -> Any:
    """Branch k of Lambert's W function, a solution w of w exp(w) = z, DLMF 4.13.

    z: real or complex. k: integer branch, 0 the principal one. tol: without effect, as SciPy's
    Halley iteration goes to the last digits -> the broadcast shape, complex.

    >>> special.lambertw(np.e)
    Array(1.+0.j, dtype=complex128, weak_type=True)
    """
    return _lambertw(jnp.asarray(z) + 0j, k)


# ---- gamma ----
def _rgamma_derivative(out: Any, x: Any) -> Any:
    """-digamma(x) / gamma(x), and (-1)^n n! at x = -n."""
    pole = (x <= 0) & (jnp.floor(x) == x)
    usual = -digamma(jnp.where(pole, 0.5, x)) * out
    n = jnp.where(pole, -x, 0)
    return jnp.where(pole, (1 - 2 * (n % 2)) / rgamma(n + 1), usual)


rgamma = define("rgamma", "x", """
    Reciprocal of the gamma function, 1 / gamma(x), an entire function.
    x: real numbers; 0 at the poles of gamma, which are 0, -1, -2, ...
    >>> special.rgamma(np.array([-1.0, 3.0]))
    Array([0. , 0.5], dtype=float64)
    """, _rgamma_derivative)


def _sin_cos_pi(x: Any) -> tuple[Any, Any]:
    """sin(pi x) and cos(pi x), exact at whole numbers."""
    whole = jnp.round(x)
    sign, angle = 1 - 2 * (whole % 2), np.pi * (x - whole)
    return sign * jnp.sin(angle), sign * jnp.cos(angle)


def _binom_slopes(n: Any, k: Any) -> tuple[Any, Any]:
    """The derivatives for n > -1 and k < 0, where the coefficient is B(n + 1, -k) times the sine of
    pi (k + 1) divided by pi."""
    size = jnp.exp(betaln(n + 1, -k))
    sine, cosine = _sin_cos_pi(k + 1)
    rest = digamma(n - k + 1)
    return (size * (sine / np.pi) * (digamma(n + 1) - rest),
            size * (cosine + (sine / np.pi) * (rest - digamma(-k))))


def _binom_derivative(out: Any, n: Any, k: Any, of_n: bool) -> Any:
    """By digamma where all arguments of gamma are positive, by reflection where one is not; for
    negative n by 1 / gamma."""
    a, b, c = n + 1, k + 1, n - k + 1
    inner = (a > 0) & (b > 0) & (c > 0)
    p, q, r = (jnp.where(inner, x, 1) for x in (a, b, c))
    plain = out * (digamma(p) - digamma(r) if of_n else digamma(r) - digamma(q))
    beside = (a > 0) & ~inner
    above = k > 0
    slope_n, slope_k = _binom_slopes(jnp.where(beside, n, 1), jnp.where(
        beside, jnp.where(above, n - k, k), -1))
    tail = (slope_n + jnp.where(above, slope_k, 0) if of_n
            else jnp.where(above, -slope_k, slope_k))
    p, q, r = (jnp.where(a > 0, 1.5, x) for x in (a, b, c))
    top, low, rest = 1 / rgamma(p), rgamma(q), rgamma(r)
    slope_low, slope_rest = _rgamma_derivative(low, q), _rgamma_derivative(rest, r)
    outer = (top * low * (digamma(p) * rest + slope_rest) if of_n
             else top * (slope_low * rest - low * slope_rest))
    return jnp.where(inner, plain, jnp.where(beside, tail, outer))


binom = define("binom", "n k", """
    Binomial coefficient of real numbers, gamma(n + 1) / (gamma(k + 1) gamma(n - k + 1)).
    n, k: real numbers; nan where n is a negative whole number.
    >>> special.binom(5.0, 2.0)
    Array(10., dtype=float64, weak_type=True)
    """,
    lambda out, n, k: _binom_derivative(out, n, k, True),
    lambda out, n, k: _binom_derivative(out, n, k, False))


def perm(N: Any, k: Any, exact: bool = False) -> Any:
    """Number of ways to arrange k of N things, N! / (N - k)!.

    N, k: real numbers that broadcast; 0 where k > N or one is negative. exact: must be False -> the
    broadcast shape, floating. Raises NotImplementedError for exact=True (use math.perm), TypeError
    for complex numbers.

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

    x: [...] real; inf at 1 -> [...] floating. Raises TypeError for complex numbers.

    >>> special.zetac(np.array([2.0, 60.0]))
    Array([6.44934067e-01, 8.67361738e-19], dtype=float64)
    """
    return _zetac(x)


_zetac = define("zetac", "x", "", lambda out, x: zeta_derivative_p.bind(
    x, jnp.ones_like(x), order=1))

# ---- error functions ----
erfi = define("erfi", "x", """
    Imaginary error function, -i erf(i x) = 2 / sqrt(pi) times the integral of exp(t^2) from 0 to x.
    x: real or complex.
    >>> special.erfi(1.0)
    Array(1.65042576, dtype=float64, weak_type=True)
    """,
    lambda out, x: 2 / ROOT_PI * jnp.exp(x * x), complex=True)
erfcinv = define("erfcinv", "y", """
    Inverse of the complementary error function: the x at which erfc(x) is y.
    y: numbers in [0, 2]; inf at 0, -inf at 2, nan beyond. Small y keep their digits.
    >>> special.erfcinv(np.array([1.0, 1e-100]))
    Array([-0.       , 15.0655747], dtype=float64)
    """,
    lambda out, x: -ROOT_PI / 2 * jnp.exp(out * out))
ndtri_exp = define("ndtri_exp", "y", """
    Quantile of the standard normal distribution at exp(y), also where exp(y) underflows.
    y: logarithms of probabilities, at most 0; the inverse of log_ndtr. nan above 0.
    >>> special.ndtri_exp(-1000.0)
    Array(-44.61574773, dtype=float64, weak_type=True)
    """,
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
    "voigt_profile", "x sigma gamma", """
    Voigt's profile: the density of the sum of a normal and a Cauchy variable, both around 0.
    x: where. sigma: standard deviation of the normal one. gamma: half width of Cauchy's at half
    height.
    >>> special.voigt_profile(0.0, 1.0, 0.0)
    Array(0.39894228, dtype=float64, weak_type=True)
    """,
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


_shi = define("shi", "x", "", lambda out, x: _over_x(jnp.sinh, x), evaluate=_shichi_eval(0))
_chi = define("chi", "x", "", lambda out, x: jnp.cosh(x) / x, evaluate=_shichi_eval(1))


def shichi(x: Any) -> tuple[Any, Any]:
    """Hyperbolic sine and cosine integrals Shi(x) and Chi(x), DLMF 6.2(ii).

    x: [...] real -> a tuple (Shi, Chi) of arrays [...] floating; Chi is -inf at 0. Raises TypeError
    for complex numbers.

    >>> special.shichi(0.0)
    (Array(0., dtype=float64, weak_type=True), Array(-inf, dtype=float64, weak_type=True))
    """
    return _shi(x), _chi(x)
