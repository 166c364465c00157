"""Elliptic integrals and functions: Legendre's, Carlson's, Jacobi's; arithmetic-geometric mean."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import ingot.numpy as jnp
from ingot.numpy.families import kind_of, like
from ingot.scipy.special_primitives import hyp2f1_p
from ingot.scipy.special_table import define, real

# ---- Carlson's symmetric integrals (DLMF 19.18) ----
# The derivative of the first kind in each argument is one of the second kind.
elliprf = define("elliprf", "x y z", """
    Carlson's symmetric elliptic integral of the first kind R_F(x, y, z), DLMF 19.16.1.
    x, y, z: real from 0 on or complex, at most one of them 0. R_F(0, 1 - m, 1) is ellipk(m).
    >>> special.elliprf(1.0, 1.0, 4.0)
    Array(0.760346, dtype=float64, weak_type=True)
    """,
    lambda out, x, y, z: -elliprd(y, z, x) / 6,
    lambda out, x, y, z: -elliprd(x, z, y) / 6,
    lambda out, x, y, z: -elliprd(x, y, z) / 6, complex=True)
elliprc = define("elliprc", "x y", """
    Carlson's degenerate elliptic integral R_C(x, y) = R_F(x, y, y), DLMF 19.2.17.
    x: real from 0 on or complex. y: real or complex, not 0; the principal value for y < 0.
    >>> special.elliprc(0.0, 1.0)
    Array(1.57079633, dtype=float64, weak_type=True)
    """,
    lambda out, x, y: -elliprd(y, y, x) / 6,
    lambda out, x, y: -elliprd(x, y, y) / 3, complex=True)


def _complete_slope(y: Any, z: Any) -> Any:
    """The derivative of R_D(0, y, z) in z, -6 / y^(5/2) times K''(1 - z / y)."""
    ratio = z / y
    series = hyp2f1_p.bind(*(jnp.full_like(y, v) for v in (0.5, 0.5, 3)), 1 - ratio)
    return -27 * math.pi / 32 * series / (ratio * ratio) / (y * y * jnp.sqrt(y))


def _is_complete(x: Any) -> Any:
    """Where the integral is a complete one: differences would be of infinities."""
    return (x == 0) & (kind_of(x) != "c")


def _or_complete(complete: Any, value: Callable[..., Any], general: Callable[..., Any], y: Any,
                 *args: Any) -> Any:
    """`value(y, z)` where the integral is complete, else `general(*args)`; z is the last one."""
    if kind_of(y) == "c":
        return general(*args)
    inner = [jnp.where(complete, like(v, i + 1), v) for i, v in enumerate(args)]
    y, z = (jnp.where(complete, v, like(v, 1)) for v in (y, args[-1]))
    return jnp.where(complete, value(y, z), general(*inner))


def _rd_derivative(out: Any, x: Any, y: Any, z: Any) -> Any:
    """In x: a difference quotient of R_D, where x and z differ; R_D is homogeneous of degree -3/2.
    """
    def general(x: Any, y: Any, z: Any) -> Any:
        return (elliprd(y, z, x) - elliprd(x, y, z)) / (2 * (x - z))

    def value(x: Any, z: Any) -> Any:
        return -(1.5 * elliprd(like(x, 0), x, z) + z * _complete_slope(x, z)) / x

    return _or_complete(_is_complete(y), value, general, x, x, y, z)


def _rd_derivative_z(out: Any, x: Any, y: Any, z: Any) -> Any:
    def general(x: Any, y: Any, z: Any) -> Any:
        out = elliprd(x, y, z)
        rest = x * _rd_derivative(out, x, y, z) + y * _rd_derivative(out, y, x, z)
        return -(1.5 * out + rest) / z

    complete = _is_complete(x) | _is_complete(y)
    return _or_complete(complete, _complete_slope, general, jnp.where(x == 0, y, x), x, y, z)


elliprd = define("elliprd", "x y z", """
    Carlson's elliptic integral of the second kind R_D(x, y, z) = R_J(x, y, z, z), DLMF 19.16.5.
    x, y: real from 0 on or complex, at most one of them 0. z: not 0.
    >>> special.elliprd(4.0, 4.0, 4.0)
    Array(0.125, dtype=float64, weak_type=True)
    """,
    _rd_derivative, lambda out, x, y, z: _rd_derivative(out, y, x, z),
    _rd_derivative_z, complex=True)
elliprg = define("elliprg", "x y z", """
    Carlson's completely symmetric elliptic integral of the second kind R_G(x, y, z), DLMF 19.16.3.
    x, y, z: real from 0 on or complex. R_G(0, 1 - m, 1) is ellipe(m) / 2.
    >>> special.elliprg(4.0, 4.0, 4.0)
    Array(2., dtype=float64, weak_type=True)
    """,
    None, None, None, complex=True)
elliprj = define("elliprj", "x y z p", """
    Carlson's elliptic integral of the third kind R_J(x, y, z, p), DLMF 19.16.2.
    x, y, z: real from 0 on or complex, at most one of them 0. p: not 0; the principal value for p <
    0.
    >>> special.elliprj(4.0, 4.0, 4.0, 4.0)
    Array(0.125, dtype=float64, weak_type=True)
    """,
    None, None, None, None, complex=True)

# ---- Legendre's integrals ----
ellipk = define("ellipk", "m", """
    Complete elliptic integral of the first kind K(m), DLMF 19.2.8.
    m: the parameter, the square of the modulus; inf at 1, nan above. ellipkm1 keeps digits near 1.
    >>> special.ellipk(0.0) / np.pi
    Array(0.5, dtype=float64, weak_type=True)
    """,
    lambda out, m: elliprd(0, 1, 1 - m) / 6)
ellipkm1 = define("ellipkm1", "p", """
    Complete elliptic integral of the first kind near m = 1: ellipk(1 - p).
    p: 1 - m, without the rounding of that difference; inf at 0, nan below.
    >>> special.ellipkm1(1e-30)
    Array(35.92507076, dtype=float64, weak_type=True)
    """,
    lambda out, p: -elliprd(0, 1, p) / 6)
ellipe = define("ellipe", "m", """
    Complete elliptic integral of the second kind E(m), DLMF 19.2.8.
    m: the parameter, the square of the modulus; nan above 1.
    >>> special.ellipe(np.array([0.0, 1.0]))
    Array([1.57079633, 1.        ], dtype=float64)
    """,
    lambda out, m: -elliprd(0, 1 - m, 1) / 6)


def _nearest(phi: Any, m: Any) -> tuple[Any, Any, Any, Any]:
    """Half periods in phi, then sin^3, cos^2 and 1 - m sin^2 of the rest."""
    turns = jnp.rint(phi / math.pi)
    sine = jnp.sin(phi - turns * math.pi)
    square = sine * sine
    return turns, sine * square, 1 - square, 1 - m * square


def _kinc_m(out: Any, phi: Any, m: Any) -> Any:
    turns, cube, cos2, delta = _nearest(phi, m)
    return (cube * elliprd(cos2, 1, delta) + 2 * turns * elliprd(0, 1, 1 - m)) / 6


def _einc_m(out: Any, phi: Any, m: Any) -> Any:
    turns, cube, cos2, delta = _nearest(phi, m)
    return -(cube * elliprd(cos2, delta, 1) + 2 * turns * elliprd(0, 1 - m, 1)) / 6


ellipkinc = define("ellipkinc", "phi m", """
    Incomplete elliptic integral of the first kind F(phi, m), DLMF 19.2.4.
    phi: amplitude in radians. m: the parameter, the square of the modulus; nan above 1.
    >>> special.ellipkinc(1.0, 0.0)
    Array(1., dtype=float64, weak_type=True)
    """,
    lambda out, phi, m: 1 / jnp.sqrt(1 - m * jnp.sin(phi) ** 2), _kinc_m)
ellipeinc = define("ellipeinc", "phi m", """
    Incomplete elliptic integral of the second kind E(phi, m), DLMF 19.2.5.
    phi: amplitude in radians. m: the parameter, the square of the modulus; nan above 1.
    >>> special.ellipeinc(np.pi / 6, 1.0)
    Array(0.5, dtype=float64, weak_type=True)
    """,
    lambda out, phi, m: jnp.sqrt(1 - m * jnp.sin(phi) ** 2), _einc_m)


# ---- Jacobi's functions ----
def _jacobi(name: str, i: int, u: Callable[..., Any], m: Callable[..., Any]) -> Callable[..., Any]:
    def evaluate(*xs: np.ndarray) -> np.ndarray:
        import scipy.special

        return scipy.special.ellipj(*xs)[i]

    return define(f"ellipj_{name}", "u m", f"Jacobi's {name}(u, m).", lambda out, *xs: u(*xs),
                  lambda out, *xs: m(*xs), evaluate=evaluate)


def _amplitude_m(u: Any, m: Any) -> Any:
    """u = F(phi, m) is constant along the amplitude's derivative in m."""
    return -_kinc_m(None, _ph(u, m), m) * _dn(u, m)


def _dn_m(u: Any, m: Any) -> Any:
    """Of dn^2 = 1 - m sn^2."""
    sn, dn = _sn(u, m), _dn(u, m)
    return -(sn * sn / 2 + m * sn * _cn(u, m) * _amplitude_m(u, m)) / dn


_sn = _jacobi("sn", 0, lambda u, m: _cn(u, m) * _dn(u, m),
              lambda u, m: _cn(u, m) * _amplitude_m(u, m))
_cn = _jacobi("cn", 1, lambda u, m: -_sn(u, m) * _dn(u, m),
              lambda u, m: -_sn(u, m) * _amplitude_m(u, m))
_dn = _jacobi("dn", 2, lambda u, m: -m * _sn(u, m) * _cn(u, m), _dn_m)
_ph = _jacobi("ph", 3, lambda u, m: _dn(u, m), _amplitude_m)


def ellipj(u: Any, m: Any) -> tuple[Any, Any, Any, Any]:
    """Jacobi's elliptic functions: sn(u | m), cn(u | m), dn(u | m) and the amplitude, DLMF 22.2.

    u: real numbers. m: the parameter, the square of the modulus, in [0, 1]; nan beyond -> a tuple
    of 4 arrays, each of the broadcast shape, floating. Raises TypeError for complex numbers.

    >>> [round(float(x), 6) for x in special.ellipj(1.0, 0.0)]
    [0.841471, 0.540302, 1.0, 1.0]
    """
    u, m = real("ellipj", u, m)
    return _sn(u, m), _cn(u, m), _dn(u, m), _ph(u, m)


# ---- the arithmetic-geometric mean, pi / (2 R_F(0, a^2, b^2)) ----
def _agm_derivative(out: Any, a: Any, b: Any) -> Any:
    return 2 / (3 * math.pi) * out * out * abs(a) * elliprd(0, b * b, a * a)


agm = define("agm", "a b", """
    Arithmetic-geometric mean of two numbers, DLMF 19.8(i).
    a, b: real numbers of one sign; nan for two signs. pi / (2 agm(1, sqrt(1 - m))) is ellipk(m).
    >>> special.agm(24.0, 6.0)
    Array(13.45817148, dtype=float64, weak_type=True)
    """,
    _agm_derivative, lambda out, a, b: _agm_derivative(out, b, a))
