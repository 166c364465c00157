"""Bessel functions and relatives: of real order, scaled, spherical, Airy's, Kelvin's, Struve's."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import ingot.numpy as jnp
from ingot.numpy.creation import concrete_int
from ingot.numpy.families import named
from ingot.primitives.complex import complex as complex_of
from ingot.scipy.special_elementary import rgamma
from ingot.scipy.special_table import define, real

# ---- of integer and real order ----
# Derivatives by the recurrences between orders (DLMF 10.6 and 10.29), which have no pole at 0.
jv = define("jv", "Bessel function of the first kind of order v: jv(v, x).", None,
            lambda out, v, x: (jv(v - 1, x) - jv(v + 1, x)) / 2, complex=True, orders=1)
jn = jv
jve = define("jve", "jv(v, x) exp(-|imag(x)|): jve(v, x).", None,
             lambda out, v, x: (jve(v - 1, x) - jve(v + 1, x)) / 2)
yv = define("yv", "Bessel function of the second kind of order v: yv(v, x).", None,
            lambda out, v, x: (yv(v - 1, x) - yv(v + 1, x)) / 2, complex=True, orders=1)
yve = define("yve", "yv(v, x) exp(-|imag(x)|): yve(v, x).", None,
             lambda out, v, x: (yve(v - 1, x) - yve(v + 1, x)) / 2)
iv = define("iv", "Modified Bessel function of the first kind of order v: iv(v, x).", None,
            lambda out, v, x: (iv(v - 1, x) + iv(v + 1, x)) / 2, complex=True, orders=1)
ive = define("ive", "iv(v, x) exp(-|x|): ive(v, x).", None,
             lambda out, v, x: (ive(v - 1, x) + ive(v + 1, x)) / 2 - jnp.sign(x) * out)
kv = define("kv", "Modified Bessel function of the second kind of order v: kv(v, x).", None,
            lambda out, v, x: -(kv(v - 1, x) + kv(v + 1, x)) / 2, complex=True, orders=1)
kve = define("kve", "kv(v, x) exp(x): kve(v, x).", None,
             lambda out, v, x: out - (kve(v - 1, x) + kve(v + 1, x)) / 2, complex=True, orders=1)


def bessel_jn(z: Any, *, v: int, n_iter: int = 50) -> Any:
    """Bessel functions of the first kind of orders 0 to v: [v + 1, ...]; n_iter has no effect.

    >>> special.bessel_jn(0.0, v=1)
    Array([1., 0.], dtype=float64)
    """
    v = concrete_int("bessel_jn", v, "v")
    (z,) = real("bessel_jn", z)
    z = z.astype(z.dtype)  # no longer weak
    return jnp.stack([jv(jnp.full_like(z, k), z) for k in range(v + 1)])


def kn(n: Any, x: Any) -> Any:
    """Modified Bessel function of the second kind of integer order n, cut to an integer.

    >>> special.kn(2, 2.0)
    Array(0.25375975, dtype=float64, weak_type=True)
    """
    return kv(jnp.trunc(n), x)


def yn(n: Any, x: Any) -> Any:
    """Bessel function of the second kind of integer order n, cut to an integer.

    >>> special.yn(2, 2.0)
    Array(-0.6174081, dtype=float64, weak_type=True)
    """
    return yv(jnp.trunc(n), x)


j0 = define("j0", "Bessel function of the first kind of order 0.", lambda out, x: -j1(x))
j1 = define("j1", "Bessel function of the first kind of order 1.",
            lambda out, x: (j0(x) - jv(2, x)) / 2)
y0 = define("y0", "Bessel function of the second kind of order 0.", lambda out, x: -y1(x))
y1 = define("y1", "Bessel function of the second kind of order 1.",
            lambda out, x: y0(x) - out / x)
k0 = define("k0", "Modified Bessel function of the second kind of order 0.", lambda out, x: -k1(x))
k1 = define("k1", "Modified Bessel function of the second kind of order 1.",
            lambda out, x: -k0(x) - out / x)
k0e = define("k0e", "k0(x) exp(x).", lambda out, x: out - k1e(x))
k1e = define("k1e", "k1(x) exp(x).", lambda out, x: out - k0e(x) - out / x)


def _hankel(name: str, doc: str, sign: int, scaled: bool) -> Callable[..., Any]:
    def derivative(out: Any, v: Any, x: Any) -> Any:
        slope = (fun(v - 1, x) - fun(v + 1, x)) / 2
        return slope - sign * 1j * out if scaled else slope

    fun = define(name, doc, None, derivative, native=False, complex=True, orders=1)

    def hankel(v: Any, z: Any) -> Any:
        return fun(v, jnp.asarray(z) + 0j)

    return named(hankel, name, doc)


hankel1 = _hankel("hankel1", "Hankel function of the first kind, complex: hankel1(v, z).", 1, False)
hankel2 = _hankel("hankel2", "Hankel function of the second kind, complex: hankel2(v, z).", -1,
                  False)
hankel1e = _hankel("hankel1e", "hankel1(v, z) exp(-i z).", 1, True)
hankel2e = _hankel("hankel2e", "hankel2(v, z) exp(i z).", -1, True)


def _repeat_recurrence(name: str, fun: Callable[..., Any], sign: int) -> Callable[..., Any]:
    """Derivatives of order n in x, by the recurrence between orders."""
    def derivative(v: Any, x: Any, n: int = 1) -> Any:
        if n < 0 or n != int(n):
            raise ValueError(f"{name}: n must be a non-negative integer, got {n}")
        terms = [sign**k * math.comb(n, k) * fun(v - n + 2 * k, x) for k in range(n + 1)]
        return sum(terms[1:], terms[0]) / 2**n

    return named(derivative, name, f"The n-th derivative of {fun.__name__}(v, x) in x.")


jvp, yvp = _repeat_recurrence("jvp", jv, -1), _repeat_recurrence("yvp", yv, -1)
ivp, _kvp = _repeat_recurrence("ivp", iv, 1), _repeat_recurrence("kvp", kv, 1)
h1vp, h2vp = _repeat_recurrence("h1vp", hankel1, -1), _repeat_recurrence("h2vp", hankel2, -1)


def kvp(v: Any, x: Any, n: int = 1) -> Any:
    """The n-th derivative of kv(v, x) in x.

    >>> special.kvp(0, 2.0)
    Array(-0.13986588, dtype=float64, weak_type=True)
    """
    return (-1) ** n * _kvp(v, x, n)


# ---- spherical ----
def _spherical(name: str, doc: str, lower: int, upper: int) -> Callable[..., Any]:
    """Its derivative is (lower n f(n - 1) + upper (n + 1) f(n + 1)) / (2 n + 1), DLMF 10.51."""
    def slope(n: Any, z: Any) -> Any:
        below = jnp.where(n > 0, n * fun(jnp.where(n > 0, n - 1, n), z), 0)
        return (lower * below + upper * (n + 1) * fun(n + 1, z)) / (2 * n + 1)

    def evaluate(n: np.ndarray, z: np.ndarray) -> np.ndarray:
        import scipy.special

        return getattr(scipy.special, name)(n.astype(np.int64), z)

    fun = define(name, doc, None, lambda out, n, z: slope(n, z), evaluate=evaluate)

    def spherical(n: Any, z: Any, derivative: bool = False) -> Any:
        return slope(*real(name, n, z)) if derivative else fun(n, z)

    return named(spherical, name, doc)


spherical_jn = _spherical(
    "spherical_jn", "Spherical Bessel function of the first kind of order n >= 0, or its slope.",
    1, -1)
spherical_yn = _spherical(
    "spherical_yn", "Spherical Bessel function of the second kind of order n >= 0, or its slope.",
    1, -1)
spherical_in = _spherical(
    "spherical_in", "Modified spherical Bessel function of the first kind, or its slope.", 1, 1)
spherical_kn = _spherical(
    "spherical_kn", "Modified spherical Bessel function of the second kind, or its slope.", -1, -1)


# ---- several results ----
def _parts(name: str, *partials: Sequence[Any], suffixes: str) -> list[Callable[..., Any]]:
    """The results of a function of SciPy as functions of the table, named `<name>_<suffix>`."""
    def part(i: int) -> Callable[..., Any]:
        def evaluate(*xs: np.ndarray) -> np.ndarray:
            import scipy.special

            return getattr(scipy.special, name)(*xs)[i]

        return evaluate

    return [define(f"{name}_{s}", f"Result {i} of {name}.", *partial, evaluate=part(i))
            for i, (s, partial) in enumerate(zip(suffixes.split(), partials, strict=True))]


def _every(parts: list[Callable[..., Any]], name: str, doc: str) -> Callable[..., Any]:
    def function(*args: Any) -> tuple[Any, ...]:
        return tuple(part(*args) for part in parts)

    return named(function, name, doc)


def _root(x: Any) -> Any:
    return jnp.sqrt(jnp.where(x > 0, x, 0))


_airy = _parts("airy", [lambda out, x: _airy[1](x)], [lambda out, x: x * _airy[0](x)],
               [lambda out, x: _airy[3](x)], [lambda out, x: x * _airy[2](x)],
               suffixes="ai aip bi bip")
airy = _every(_airy, "airy", "Airy's functions and their derivatives: (Ai, Ai', Bi, Bi').")
_airye = _parts(
    "airye", [lambda out, x: _airye[1](x) + jnp.sqrt(x) * out],
    [lambda out, x: x * _airye[0](x) + jnp.sqrt(x) * out],
    [lambda out, x: _airye[3](x) - _root(x) * out],
    [lambda out, x: x * _airye[2](x) - _root(x) * out], suffixes="ai aip bi bip")
airye = _every(_airye, "airye", "Airy's functions and their derivatives, scaled: those of Ai by"
               " exp(2 x sqrt(x) / 3), of Bi by the inverse of its size; reals.")
itairy = _every(_parts(
    "itairy", [lambda out, x: _airy[0](x)], [lambda out, x: _airy[2](x)],
    [lambda out, x: _airy[0](-x)], [lambda out, x: _airy[2](-x)], suffixes="a b c d"), "itairy",
    "Integrals from 0 to x of Ai(t), Bi(t), Ai(-t), Bi(-t).")
itj0y0 = _every(_parts("itj0y0", [lambda out, x: j0(x)], [lambda out, x: y0(x)], suffixes="j y"),
                "itj0y0", "Integrals from 0 to x of j0 and y0.")
iti0k0 = _every(_parts("iti0k0", [lambda out, x: iv(0, x)], [lambda out, x: k0(x)],
                       suffixes="i k"), "iti0k0", "Integrals from 0 to x of i0 and k0.")
it2j0y0 = _every(_parts("it2j0y0", [lambda out, x: (1 - j0(x)) / x], [lambda out, x: -y0(x) / x],
                        suffixes="j y"), "it2j0y0",
                 "Integrals of (1 - j0(t)) / t from 0 to x, and of y0(t) / t from x on.")
it2i0k0 = _every(_parts("it2i0k0", [lambda out, x: (iv(0, x) - 1) / x],
                        [lambda out, x: -k0(x) / x], suffixes="i k"), "it2i0k0",
                 "Integrals of (i0(t) - 1) / t from 0 to x, and of k0(t) / t from x on.")


def _parabolic(name: str, doc: str, second: Callable[..., Any]) -> Callable[..., Any]:
    """A solution of y'' = second(a, x) y, and its derivative."""
    parts = _parts(name, [None, lambda out, a, x: parts[1](a, x)],
                   [None, lambda out, a, x: second(a, x) * parts[0](a, x)], suffixes="y yp")
    return _every(parts, name, doc)


pbdv = _parabolic("pbdv", "Parabolic cylinder function D_v(x) and its derivative: pbdv(v, x).",
                  lambda v, x: x * x / 4 - v - 0.5)
pbvv = _parabolic("pbvv", "Parabolic cylinder function V_v(x) and its derivative: pbvv(v, x).",
                  lambda v, x: x * x / 4 - v - 0.5)
pbwa = _parabolic("pbwa", "Parabolic cylinder function W(a, x) and its derivative: pbwa(a, x).",
                  lambda a, x: a - x * x / 4)

# ---- Kelvin's ----
ber = define("ber", "Kelvin's function ber.", lambda out, x: berp(x))
bei = define("bei", "Kelvin's function bei.", lambda out, x: beip(x))
ker = define("ker", "Kelvin's function ker.", lambda out, x: kerp(x))
kei = define("kei", "Kelvin's function kei.", lambda out, x: keip(x))
berp = define("berp", "Derivative of ber.", lambda out, x: -bei(x) - out / x)
beip = define("beip", "Derivative of bei.", lambda out, x: ber(x) - out / x)
kerp = define("kerp", "Derivative of ker.", lambda out, x: -kei(x) - out / x)
keip = define("keip", "Derivative of kei.", lambda out, x: ker(x) - out / x)


def kelvin(x: Any) -> tuple[Any, Any, Any, Any]:
    """Kelvin's functions as complex numbers: (ber + i bei, ker + i kei) and their derivatives.

    >>> special.kelvin(1.0)[0].round(3)
    Array(0.984+0.25j, dtype=complex128, weak_type=True)
    """
    return (complex_of(ber(x), bei(x)), complex_of(ker(x), kei(x)),
            complex_of(berp(x), beip(x)), complex_of(kerp(x), keip(x)))


# ---- Struve's ----
def _struve_term(v: Any, x: Any) -> Any:
    """(x / 2)^v / (sqrt(pi) gamma(v + 3/2)), which makes the recurrences inhomogeneous."""
    return (x / 2) ** v * rgamma(v + 1.5) / math.sqrt(math.pi)


struve = define("struve", "Struve's function of order v: struve(v, x).", None, lambda out, v, x: (
    struve(v - 1, x) - struve(v + 1, x) + _struve_term(v, x)) / 2)
modstruve = define(
    "modstruve", "Modified Struve function of order v: modstruve(v, x).", None, lambda out, v, x: (
        modstruve(v - 1, x) + modstruve(v + 1, x) + _struve_term(v, x)) / 2)
itstruve0 = define("itstruve0", "Integral of Struve's function of order 0 from 0 to x.",
                   lambda out, x: struve(0, x))
itmodstruve0 = define("itmodstruve0", "Integral of the modified Struve function of order 0.",
                      lambda out, x: modstruve(0, x))
it2struve0 = define("it2struve0", "Integral of struve(0, t) / t from x on.",
                    lambda out, x: -struve(0, x) / x)

# ---- hypergeometric relatives ----
hyp0f1 = define("hyp0f1", "Confluent hypergeometric limit function 0F1(; v; x): hyp0f1(v, x).",
                None, lambda out, v, x: hyp0f1(v + 1, x) / v)
hyperu = define("hyperu", "Tricomi's confluent hypergeometric function U(a, b, x).", None, None,
                lambda out, a, b, x: -a * hyperu(a + 1, b + 1, x))
besselpoly = define("besselpoly", "Integral of x^lmb jv(nu, 2 a x) from 0 to 1:"
                    " besselpoly(a, lmb, nu).", None, None, None)
wright_bessel = define("wright_bessel", "Wright's generalized Bessel function of a, b, x >= 0.",
                       None, None, lambda out, a, b, x: wright_bessel(a, a + b, x))
log_wright_bessel = define(
    "log_wright_bessel", "Logarithm of wright_bessel(a, b, x).", None, None,
    lambda out, a, b, x: jnp.exp(log_wright_bessel(a, a + b, x) - out))
