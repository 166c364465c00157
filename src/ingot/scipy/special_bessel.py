"""Bessel functions of real order, scaled, and spherical, and confluent hypergeometric functions."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

import ingot.numpy as jnp
from ingot.control.custom_jvp import custom_jvp
from ingot.numpy.concrete import concrete_int
from ingot.numpy.families import kind_of, like
from ingot.primitives.bessel import STEP, relative_slope
from ingot.primitives.convert import in_double_parts
from ingot.scipy import bessel_far as far
from ingot.scipy.special_table import BY_SCIPY, REAL, define, described, real


# ---- of integer and real order ----
def _scaled_slope(fun: Callable[[Any, Any], Any], v: Any, x: Any, second_kind: bool,
                  near: Callable[[Any, Any, Any], Any], turn: complex = 1) -> Any:
    """The derivative of a scaled function of order v: `near(value, v, x)`, but by a series far out.

    turn: i or -i for Hankel's functions, which are modified ones of the second kind at turn x.
    """
    def slope(v: Any, x: Any) -> Any:
        out = fun(v, x)
        inner = x if turn == 1 else like(x, turn) * x
        far, relative = relative_slope(jnp.real(v), inner, second_kind)
        relative = relative if turn == 1 else like(x, turn) * relative
        return jnp.where(far, out * relative, near(out, v, x))

    return in_double_parts(slope, v, x)


# Derivatives by the recurrences between orders (DLMF 10.6 and 10.29), which have no pole at 0.
jv = define("jv", "v x", """
    Bessel function of the first kind J_v(x), DLMF 10.2.2.
    v: real order. x: real or complex; nan at x < 0 unless v is a whole number.
    >>> special.jv(0.5, np.pi / 2)
    Array(0.63661977, dtype=float64, weak_type=True)
    """, None, lambda out, v, x: (jv(v - 1, x) - jv(v + 1, x)) / 2, complex=True, orders=1,
    far=(far.is_far_wave, far.jv))
jn = jv
jve = define("jve", "v x", """
    Bessel function of the first kind, scaled: J_v(x) exp(-|imag(x)|), for real x that is J_v(x).
    v: real order. x: real numbers; nan below 0 unless v is a whole number.
    >>> special.jve(1, 2.0)
    Array(0.57672481, dtype=float64, weak_type=True)
    """, None, lambda out, v, x: (jve(v - 1, x) - jve(v + 1, x)) / 2,
    far=(far.is_far_wave, far.jv))
yv = define("yv", "v x", """
    Bessel function of the second kind Y_v(x), DLMF 10.2.3.
    v: real order. x: real or complex; -inf at 0, nan at real x < 0.
    >>> special.yv(0.5, np.pi)
    Array(0.45015816, dtype=float64, weak_type=True)
    """, None, lambda out, v, x: (yv(v - 1, x) - yv(v + 1, x)) / 2, complex=True, orders=1,
    far=(far.is_far_wave, far.yv))
yve = define("yve", "v x", """
    Bessel function of the second kind, scaled: Y_v(x) exp(-|imag(x)|), for real x that is Y_v(x).
    v: real order. x: real numbers; nan below 0.
    >>> special.yve(1, 2.0)
    Array(-0.10703243, dtype=float64, weak_type=True)
    """, None, lambda out, v, x: (yve(v - 1, x) - yve(v + 1, x)) / 2,
    far=(far.is_far_wave, far.yv))
iv = define("iv", "v x", """
    Modified Bessel function of the first kind I_v(x), DLMF 10.25.2.
    v: real order. x: real or complex; nan at x < 0 unless v is a whole number.
    >>> special.iv(0, 1.0)
    Array(1.26606588, dtype=float64, weak_type=True)
    """, None, lambda out, v, x: (iv(v - 1, x) + iv(v + 1, x)) / 2, complex=True, orders=1,
    far=(lambda v, x: (abs(x) > STEP) & (kind_of(x) != "c"),
         lambda v, x: x if kind_of(x) == "c" else _large_iv(v, x)))


@custom_jvp
def _large_iv(v: Any, x: Any) -> Any:
    """With the derivative of `iv`: that of a product of exponentials overflows."""
    return far.unscaled(ive, v, x)


_large_iv.defjvps(None, lambda t, out, v, x: t * ((iv(v - 1, x) + iv(v + 1, x)) / 2))

ive = define("ive", "v x", """
    Modified Bessel function of the first kind, scaled: I_v(x) exp(-|x|), which does not overflow.
    v: real order. x: real numbers; nan below 0 unless v is a whole number.
    >>> special.ive(0, 1000.0)
    Array(0.01261724, dtype=float64, weak_type=True)
    """, None, lambda out, v, x: _scaled_slope(ive, v, x, False, lambda out, v, x: (
    (ive(v - 1, x) + ive(v + 1, x)) / 2 - jnp.sign(x) * out)), far=(far.is_far, far.ive))
kv = define("kv", "v x", """
    Modified Bessel function of the second kind K_v(x), DLMF 10.25.3.
    v: real order. x: real or complex; inf at 0, nan at real x < 0.
    >>> special.kv(0.5, 1.0)
    Array(0.4610685, dtype=float64, weak_type=True)
    """, None, lambda out, v, x: -(kv(v - 1, x) + kv(v + 1, x)) / 2, complex=True, orders=1)
kve = define("kve", "v x", """
    Modified Bessel function of the second kind, scaled: K_v(x) exp(x), which does not underflow.
    v: real order. x: real or complex; inf at 0, nan at real x < 0.
    >>> special.kve(0.5, 1000.0)
    Array(0.03963327, dtype=float64, weak_type=True)
    """, None, lambda out, v, x: _scaled_slope(kve, v, x, True, lambda out, v, x: (
    out - (kve(v - 1, x) + kve(v + 1, x)) / 2)), complex=True, orders=1,
    far=(far.is_far, far.kve))


def bessel_jn(z: Any, *, v: int, n_iter: int = 50) -> Any:
    """Bessel functions of the first kind of orders 0 to v, stacked.

    z: [...] of any real dtype. v: the highest order, a Python integer. n_iter: without effect, as
    no recurrence is iterated -> [v + 1, ...] floating. Raises TypeError for complex numbers,
    ValueError for negative v.

    >>> special.bessel_jn(np.pi, v=2)
    Array([-0.30424218,  0.28461534,  0.48543393], dtype=float64)
    """
    v = concrete_int("bessel_jn", v, "v")
    if v < 0:
        raise ValueError(f"bessel_jn: v must not be negative, got {v}")
    (z,) = real("bessel_jn", z)
    z = z.astype(z.dtype)  # no longer weak
    return jnp.stack([jv(jnp.full_like(z, k), z) for k in range(v + 1)])


def kn(n: Any, x: Any) -> Any:
    """Modified Bessel function of the second kind of integer order, K_n(x), DLMF 10.25.3.

    n: order, cut to an integer. x: real or complex; inf at 0, nan at real x < 0 -> the broadcast
    shape, floating or complex.

    >>> special.kn(2, 2.0)
    Array(0.25375975, dtype=float64, weak_type=True)
    """
    return kv(jnp.trunc(n), x)


def yn(n: Any, x: Any) -> Any:
    """Bessel function of the second kind of integer order, Y_n(x), DLMF 10.2.3.

    n: order, cut to an integer. x: real or complex; -inf at 0, nan at real x < 0 -> the broadcast
    shape, floating or complex.

    >>> special.yn(2, 2.0)
    Array(-0.6174081, dtype=float64, weak_type=True)
    """
    return yv(jnp.trunc(n), x)


j0 = define("j0", "x", """
    Bessel function of the first kind of order 0, J_0(x), DLMF 10.2.2.
    x: real numbers.
    >>> special.j0(np.array([0.0, 2.404825557695773])).round(12)
    Array([ 1., -0.], dtype=float64)
    """, lambda out, x: -j1(x), far=far.of_order(far.jv, 0))
j1 = define("j1", "x", """
    Bessel function of the first kind of order 1, J_1(x), DLMF 10.2.2.
    x: real numbers.
    >>> special.j1(np.array([0.0, 1.0]))
    Array([0.        , 0.44005059], dtype=float64)
    """,
    lambda out, x: (j0(x) - jv(2, x)) / 2, far=far.of_order(far.jv, 1))
y0 = define("y0", "x", """
    Bessel function of the second kind of order 0, Y_0(x), DLMF 10.2.3.
    x: real numbers; -inf at 0, nan below.
    >>> special.y0(np.array([0.0, 1.0]))
    Array([      -inf, 0.08825696], dtype=float64)
    """, lambda out, x: -y1(x), far=far.of_order(far.yv, 0))
y1 = define("y1", "x", """
    Bessel function of the second kind of order 1, Y_1(x), DLMF 10.2.3.
    x: real numbers; -inf at 0, nan below.
    >>> special.y1(np.array([0.0, 1.0]))
    Array([       -inf, -0.78121282], dtype=float64)
    """,
    lambda out, x: y0(x) - out / x, far=far.of_order(far.yv, 1))
k0 = define("k0", "x", """
    Modified Bessel function of the second kind of order 0, K_0(x), DLMF 10.25.3.
    x: real numbers; inf at 0, nan below.
    >>> special.k0(np.array([0.0, 1.0]))
    Array([       inf, 0.42102444], dtype=float64)
    """, lambda out, x: -k1(x))
k1 = define("k1", "x", """
    Modified Bessel function of the second kind of order 1, K_1(x), DLMF 10.25.3.
    x: real numbers; inf at 0, nan below.
    >>> special.k1(np.array([0.0, 1.0]))
    Array([       inf, 0.60190723], dtype=float64)
    """,
    lambda out, x: -k0(x) - out / x)
k0e = define("k0e", "x", """
    Modified Bessel function of the second kind of order 0, scaled: K_0(x) exp(x).
    x: real numbers; inf at 0, nan below. It does not underflow.
    >>> special.k0e(1000.0)
    Array(0.03962832, dtype=float64, weak_type=True)
    """, lambda out, x: _scaled_slope(
    lambda v, x: k0e(x), like(x, 0), x, True, lambda out, v, x: out - k1e(x)))
k1e = define("k1e", "x", """
    Modified Bessel function of the second kind of order 1, scaled: K_1(x) exp(x).
    x: real numbers; inf at 0, nan below. It does not underflow.
    >>> special.k1e(1000.0)
    Array(0.03964813, dtype=float64, weak_type=True)
    """, lambda out, x: _scaled_slope(
    lambda v, x: k1e(x), like(x, 1), x, True, lambda out, v, x: out - k0e(x) - out / x))


def _hankel(name: str, parameters: str, doc: str, sign: int, scaled: bool) -> Callable[..., Any]:
    def near(out: Any, v: Any, x: Any) -> Any:
        slope = (fun(v - 1, x) - fun(v + 1, x)) / 2
        return slope - sign * 1j * out if scaled else slope

    def derivative(out: Any, v: Any, x: Any) -> Any:
        return _scaled_slope(fun, v, x, True, near, -sign * 1j) if scaled else near(out, v, x)

    def away(v: Any, z: Any) -> Any:
        return far.hankel_e(v, z, sign) if scaled else far.hankel(v, z, sign)

    fun = define(name, parameters, doc, None, derivative, native=False, complex=True, orders=1,
                 far=(far.is_far_wave, away))

    def hankel(v: Any, z: Any) -> Any:
        return fun(v, jnp.asarray(z) + 0j)

    return described(hankel, name, parameters, doc, complex=True, derivatives=["z"],
                     result="{}, in the promoted complex dtype" + BY_SCIPY)


hankel1 = _hankel("hankel1", "v z", """
    Hankel function of the first kind, J_v(z) + i Y_v(z), DLMF 10.4.3.
    v: real order. z: real or complex.
    >>> special.hankel1(0, 1.0)
    Array(0.76519769+0.08825696j, dtype=complex128, weak_type=True)
    """, 1, False)
hankel2 = _hankel("hankel2", "v z", """
    Hankel function of the second kind, J_v(z) - i Y_v(z), DLMF 10.4.3.
    v: real order. z: real or complex.
    >>> special.hankel2(0, 1.0)
    Array(0.76519769-0.08825696j, dtype=complex128, weak_type=True)
    """, -1, False)
hankel1e = _hankel("hankel1e", "v z", """
    Hankel function of the first kind, scaled: hankel1(v, z) exp(-i z), which does not underflow.
    v: real order. z: real or complex.
    >>> special.hankel1e(0, 1000j)
    Array(0.-0.02522817j, dtype=complex128, weak_type=True)
    """, 1, True)
hankel2e = _hankel("hankel2e", "v z", """
    Hankel function of the second kind, scaled: hankel2(v, z) exp(i z), which does not underflow.
    v: real order. z: real or complex.
    >>> special.hankel2e(0, -1000j)
    Array(-0.+0.02522817j, dtype=complex128, weak_type=True)
    """, -1, True)


def _repeated(name: str, fun: Callable[..., Any], v: Any, x: Any, n: int, sign: int) -> Any:
    """The n-th derivative in x, by the recurrence between orders (DLMF 10.6.7 and 10.29.5)."""
    n = concrete_int(name, n, "n")
    if n < 0:
        raise ValueError(f"{name}: n must not be negative, got {n}")
    terms = [sign**k * math.comb(n, k) * fun(v - n + 2 * k, x) for k in range(n + 1)]
    return sum(terms[1:], terms[0]) / 2**n


def jvp(v: Any, x: Any, n: int = 1) -> Any:
    """Differentiate the Bessel function of the first kind `jv` n times in its argument.

    v: real order. x: real or complex. n: how often, a Python integer; 0 gives jv itself.
    -> what jv(v, x) gives. Raises ValueError if n is negative, TypeError if it is not an integer.

    >>> special.jvp(0, 2.0) == -special.jv(1, 2.0)
    Array(True, dtype=bool)
    """
    return _repeated("jvp", jv, v, x, n, -1)


def yvp(v: Any, x: Any, n: int = 1) -> Any:
    """Differentiate the Bessel function of the second kind `yv` n times in its argument.

    v: real order. x: real or complex. n: how often, a Python integer; 0 gives yv itself.
    -> what yv(v, x) gives. Raises ValueError if n is negative, TypeError if it is not an integer.

    >>> special.yvp(0, 2.0)
    Array(0.10703243, dtype=float64, weak_type=True)
    """
    return _repeated("yvp", yv, v, x, n, -1)


def ivp(v: Any, x: Any, n: int = 1) -> Any:
    """Differentiate the modified Bessel function of the first kind `iv` n times in its argument.

    v: real order. x: real or complex. n: how often, a Python integer; 0 gives iv itself.
    -> what iv(v, x) gives. Raises ValueError if n is negative, TypeError if it is not an integer.

    >>> special.ivp(0, 2.0)
    Array(1.59063685, dtype=float64, weak_type=True)
    """
    return _repeated("ivp", iv, v, x, n, 1)


def kvp(v: Any, x: Any, n: int = 1) -> Any:
    """Differentiate the modified Bessel function of the second kind `kv` n times in its argument.

    v: real order. x: real or complex. n: how often, a Python integer; 0 gives kv itself.
    -> what kv(v, x) gives. Raises ValueError if n is negative, TypeError if it is not an integer.

    >>> special.kvp(0, 2.0)
    Array(-0.13986588, dtype=float64, weak_type=True)
    """
    out = _repeated("kvp", kv, v, x, n, 1)
    return -out if n % 2 else out


def h1vp(v: Any, z: Any, n: int = 1) -> Any:
    """Differentiate the Hankel function of the first kind `hankel1` n times in its argument.

    v: real order. z: real or complex. n: how often, a Python integer; 0 gives hankel1 itself.
    -> what hankel1(v, z) gives. Raises ValueError if n is negative, TypeError if not an integer.

    >>> special.h1vp(0, 2.0)
    Array(-0.57672481+0.10703243j, dtype=complex128, weak_type=True)
    """
    return _repeated("h1vp", hankel1, v, z, n, -1)


def h2vp(v: Any, z: Any, n: int = 1) -> Any:
    """Differentiate the Hankel function of the second kind `hankel2` n times in its argument.

    v: real order. z: real or complex. n: how often, a Python integer; 0 gives hankel2 itself.
    -> what hankel2(v, z) gives. Raises ValueError if n is negative, TypeError if not an integer.

    >>> special.h2vp(0, 2.0)
    Array(-0.57672481-0.10703243j, dtype=complex128, weak_type=True)
    """
    return _repeated("h2vp", hankel2, v, z, n, -1)


# ---- spherical ----
def _spherical(name: str, parameters: str, doc: str, lower: int, upper: int
               ) -> Callable[..., Any]:
    """Its derivative is (lower n f(n - 1) + upper (n + 1) f(n + 1)) / (2 n + 1), DLMF 10.51."""
    def slope(n: Any, z: Any) -> Any:
        below = jnp.where(n > 0, n * fun(jnp.where(n > 0, n - 1, n), z), 0)
        return (lower * below + upper * (n + 1) * fun(n + 1, z)) / (2 * n + 1)

    def evaluate(n: np.ndarray, z: np.ndarray) -> np.ndarray:
        import scipy.special

        return getattr(scipy.special, name)(n.astype(np.int64), z)

    fun = define(name, parameters, doc, None, lambda out, n, z: slope(n, z), evaluate=evaluate)

    def spherical(n: Any, z: Any, derivative: bool = False) -> Any:
        return slope(*real(name, n, z)) if derivative else fun(n, z)

    spherical.__signature__ = inspect.signature(spherical)  # type: ignore[attr-defined]
    return described(spherical, name, parameters, doc, derivatives=["z"], result=REAL + BY_SCIPY)


spherical_jn = _spherical(
    "spherical_jn", "n z", """
    Spherical Bessel function of the first kind j_n(z), DLMF 10.47.3.
    n: order, a whole number from 0 on. z: real numbers. derivative: if true, j_n'(z) instead.
    >>> special.spherical_jn(0, np.pi / 2)
    Array(0.63661977, dtype=float64, weak_type=True)
    """,
    1, -1)
spherical_yn = _spherical(
    "spherical_yn", "n z", """
    Spherical Bessel function of the second kind y_n(z), DLMF 10.47.4.
    n: order, a whole number from 0 on. z: real numbers. derivative: if true, y_n'(z) instead.
    >>> special.spherical_yn(0, np.pi)
    Array(0.31830989, dtype=float64, weak_type=True)
    """,
    1, -1)
spherical_in = _spherical(
    "spherical_in", "n z", """
    Modified spherical Bessel function of the first kind i_n(z), DLMF 10.47.7.
    n: order, a whole number from 0 on. z: real numbers. derivative: if true, i_n'(z) instead.
    >>> special.spherical_in(0, 1.0)
    Array(1.17520119, dtype=float64, weak_type=True)
    """, 1, 1)
spherical_kn = _spherical(
    "spherical_kn", "n z", """
    Modified spherical Bessel function of the second kind k_n(z), DLMF 10.47.9.
    n: order, a whole number from 0 on. z: real numbers. derivative: if true, k_n'(z) instead.
    >>> special.spherical_kn(0, 1.0)
    Array(0.57786367, dtype=float64, weak_type=True)
    """, -1, -1)


# ---- hypergeometric relatives ----
hyp0f1 = define("hyp0f1", "v x", """
    Confluent hypergeometric limit function 0F1(; v; x), the sum of x^k / ((v)_k k!), DLMF 16.2.
    v: real parameter, not 0 or a negative whole number. x: real numbers.
    >>> special.hyp0f1(0.5, 0.25)
    Array(1.54308063, dtype=float64, weak_type=True)
    """,
    None, lambda out, v, x: hyp0f1(v + 1, x) / v)
hyperu = define("hyperu", "a b x", """
    Tricomi's confluent hypergeometric function U(a, b, x), DLMF 13.2.6.
    a, b: real parameters. x: real numbers; nan below 0.
    >>> special.hyperu(1.0, 2.0, 4.0)
    Array(0.25, dtype=float64, weak_type=True)
    """, None, None, lambda out, a, b, x: -a * hyperu(a + 1, b + 1, x))
besselpoly = define("besselpoly", "a lmb nu", """
    Integral of x^lmb J_nu(2 a x) over x from 0 to 1.
    a, lmb, nu: real numbers.
    >>> special.besselpoly(0.5, 1.0, 0.0)
    Array(0.44005059, dtype=float64, weak_type=True)
    """, None, None, None)
wright_bessel = define("wright_bessel", "a b x", """
    Wright's generalized Bessel function, the sum of x^k / (k! gamma(a k + b)), DLMF 10.46.1.
    a, b, x: real numbers from 0 on; nan below.
    >>> special.wright_bessel(0.0, 1.0, 1.0)
    Array(2.71828183, dtype=float64, weak_type=True)
    """,
    None, None, lambda out, a, b, x: wright_bessel(a, a + b, x))
log_wright_bessel = define(
    "log_wright_bessel", "a b x", """
    Logarithm of wright_bessel(a, b, x), also where that overflows.
    a, b, x: real numbers from 0 on; nan below.
    >>> special.log_wright_bessel(0.0, 1.0, 1000.0)
    Array(1000., dtype=float64, weak_type=True)
    """, None, None, lambda out, a, b, x: jnp.exp(log_wright_bessel(a, a + b, x) - out))
