"""Spherical harmonics, by recurrences of normalized Legendre functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import ingot.numpy as jnp
from ingot.control.while_loop import fori_loop
from ingot.core.interpreter import Tracer
from ingot.errors import ConcretizationTypeError
from ingot.numpy.families import kind_of
from ingot.numpy.promotion import promote_dtypes


def sph_harm_y(n: Any, m: Any, theta: Any, phi: Any, diff_n: int | None = None,
               n_max: int | None = None) -> Any:
    """Spherical harmonics of degree n >= 0 and order m, |m| <= n, with the phase (-1)^m.

    n, m: integers; theta, phi: polar and azimuthal angles in radians, floats; they broadcast.
    n_max: the largest degree, needed while n is traced. -> complex. Raises TypeError for n or m
    that are no integers, NotImplementedError for diff_n.

    >>> special.sph_harm_y(0, 0, 0.1, 0.2).real.round(6)
    Array(0.282095, dtype=float64)
    """
    if diff_n is not None:
        raise NotImplementedError("sph_harm_y: diff_n is not implemented; use jax.grad")
    n, m = jnp.asarray(n), jnp.asarray(m)
    if kind_of(n) not in "iu" or kind_of(m) not in "iu":
        raise TypeError(f"sph_harm_y: n and m must be integers, got {n.aval} and {m.aval}")
    if n_max is None:
        if isinstance(n, Tracer):
            raise ConcretizationTypeError("sph_harm_y: n is traced, so n_max must be given")
        n_max = int(np.max(np.asarray(n), initial=0))
    theta, phi = promote_dtypes("sph_harm_y", theta, phi, kind="inexact")
    n, m, theta, phi = jnp.broadcast_arrays(n, m, theta, phi)
    order = jnp.abs(m)
    legendre = _legendre(n, order, jnp.cos(theta), jnp.sin(theta), n_max)
    odd = (m < 0) & (order % 2 == 1)
    angle = m.astype(phi.dtype) * phi
    return jnp.where(odd, -legendre, legendre) * (jnp.cos(angle) + 1j * jnp.sin(angle))


def _legendre(n: Any, m: Any, x: Any, sine: Any, n_max: int) -> Any:
    """P_n^m(x), normalized over the sphere."""
    def raised(k: Any, p: Any) -> Any:
        k = k + 1
        factor = -jnp.sqrt((2 * k + 1) / (2 * k)).astype(x.dtype) * sine
        return jnp.where(k <= m, factor * p, p)

    first = fori_loop(0, n_max, raised, jnp.full_like(x, math.sqrt(0.25 / math.pi)))
    order = m.astype(x.dtype)

    def next_degree(degree: Any, state: Any) -> Any:
        below, current, result = state
        k = jnp.asarray(degree, x.dtype)
        inside = degree > m
        gap = jnp.where(inside, k * k - order * order, 1)
        rest = jnp.where(inside, (k - 1) ** 2 - order * order, 0)
        step = jnp.sqrt(jnp.abs(4 * k * k - 1) / gap) * (
            x * current - jnp.sqrt(rest / jnp.abs(4 * (k - 1) ** 2 - 1)) * below)
        value = jnp.where(degree == m, first, jnp.where(inside, step, 0))
        return current, value, jnp.where(degree == n, value, result)

    zero = jnp.zeros_like(x)
    return fori_loop(0, n_max + 1, next_degree, (zero, zero, zero))[2]
