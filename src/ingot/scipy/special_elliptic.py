"""Elliptic integrals and functions: Legendre's, Carlson's, Jacobi's; arithmetic-geometric mean."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import ingot.numpy as jnp
from ingot.scipy.special_table import define

# ---- Carlson's symmetric integrals (DLMF 19.18) ----
# The derivative of the first kind in each argument is one of the second kind.
elliprf = define("elliprf", "Carlson's integral of the first kind R_F(x, y, z).",
                 lambda out, x, y, z: -elliprd(y, z, x) / 6,
                 lambda out, x, y, z: -elliprd(x, z, y) / 6,
                 lambda out, x, y, z: -elliprd(x, y, z) / 6, complex=True)
elliprc = define("elliprc", "Carlson's degenerate integral R_C(x, y) = R_F(x, y, y).",
                 lambda out, x, y: -elliprd(y, y, x) / 6,
                 lambda out, x, y: -elliprd(x, y, y) / 3, complex=True)


def _rd_derivative(out: Any, x: Any, y: Any, z: Any) -> Any:
    """In x: a difference quotient of R_D, where x and z differ."""
    return (elliprd(y, z, x) - out) / (2 * (x - z))


def _rd_derivative_z(out: Any, x: Any, y: Any, z: Any) -> Any:
    """R_D is homogeneous of degree -3/2."""
    rest = x * _rd_derivative(out, x, y, z) + y * _rd_derivative(out, y, x, z)
    return -(1.5 * out + rest) / z


elliprd = define("elliprd", "Carlson's integral of the second kind R_D(x, y, z).",
                 _rd_derivative, lambda out, x, y, z: _rd_derivative(out, y, x, z),
                 _rd_derivative_z, complex=True)
elliprg = define("elliprg", "Carlson's integral of the second kind R_G(x, y, z), symmetric.",
                 None, None, None, complex=True)
elliprj = define("elliprj", "Carlson's integral of the third kind R_J(x, y, z, p).",
                 None, None, None, None, complex=True)

# ---- Legendre's integrals ----
ellipk = define("ellipk", "Complete elliptic integral of the first kind, of the parameter m.",
                lambda out, m: elliprd(0, 1, 1 - m) / 6)
ellipkm1 = define("ellipkm1", "ellipk(1 - p), accurate near p = 0.",
                  lambda out, p: -elliprd(0, 1, p) / 6)
ellipe = define("ellipe", "Complete elliptic integral of the second kind, of the parameter m.",
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


ellipkinc = define("ellipkinc", "Incomplete elliptic integral of the first kind F(phi, m).",
                   lambda out, phi, m: 1 / jnp.sqrt(1 - m * jnp.sin(phi) ** 2), _kinc_m)
ellipeinc = define("ellipeinc", "Incomplete elliptic integral of the second kind E(phi, m).",
                   lambda out, phi, m: jnp.sqrt(1 - m * jnp.sin(phi) ** 2), _einc_m)


# ---- Jacobi's functions ----
def _jacobi(name: str, i: int, u: Callable[..., Any], m: Callable[..., Any]) -> Callable[..., Any]:
    def evaluate(*xs: np.ndarray) -> np.ndarray:
        import scipy.special

        return scipy.special.ellipj(*xs)[i]

    return define(f"ellipj_{name}", f"Jacobi's {name}(u, m).", lambda out, *xs: u(*xs),
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
    """Jacobi's elliptic functions of u and the parameter m: (sn, cn, dn, amplitude).

    >>> special.ellipj(0.0, 0.5)[1]
    Array(1., dtype=float64, weak_type=True)
    """
    return _sn(u, m), _cn(u, m), _dn(u, m), _ph(u, m)


# ---- the arithmetic-geometric mean, pi / (2 R_F(0, a^2, b^2)) ----
def _agm_derivative(out: Any, a: Any, b: Any) -> Any:
    return 2 / (3 * math.pi) * out * out * abs(a) * elliprd(0, b * b, a * a)


agm = define("agm", "Arithmetic-geometric mean of a and b, of one sign.",
             _agm_derivative, lambda out, a, b: _agm_derivative(out, b, a))
