"""Window functions of signal processing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.control.custom_jvp import custom_jvp
from ingot.core.array import from_numpy
from ingot.numpy import primitives as lax
from ingot.numpy.creation import concrete_int
from ingot.numpy.promotion import convert, inexact


def _window(name: str, M: int, values: Any) -> Any:
    M = concrete_int(name, M, "M")
    if M <= 1:
        return from_numpy(np.ones(max(M, 0), dtypes.default_float()))
    n = np.arange(M)
    return from_numpy(values(n, M).astype(dtypes.default_float()))


def bartlett(M: int) -> Any:
    """Triangle of M points that begins and ends with 0.

    >>> jnp.bartlett(3)
    Array([0., 1., 0.], dtype=float64)
    """
    return _window("bartlett", M, lambda n, m: 1 - np.abs(2 * n + 1 - m) / (m - 1))


def blackman(M: int) -> Any:
    """Blackman's window of M points.

    >>> jnp.blackman(1)
    Array([1.], dtype=float64)
    """
    return _window("blackman", M, lambda n, m: 0.42 - 0.5 * np.cos(2 * math.pi * n / (m - 1))
                   + 0.08 * np.cos(4 * math.pi * n / (m - 1)))


def hamming(M: int) -> Any:
    """Hamming's window of M points.

    >>> jnp.hamming(1)
    Array([1.], dtype=float64)
    """
    return _window("hamming", M, lambda n, m: 0.54 - 0.46 * np.cos(2 * math.pi * n / (m - 1)))


def hanning(M: int) -> Any:
    """Hann's window of M points.

    >>> jnp.hanning(3)
    Array([0., 1., 0.], dtype=float64)
    """
    return _window("hanning", M, lambda n, m: 0.5 * (1 - np.cos(2 * math.pi * n / (m - 1))))


def kaiser(M: int, beta: Any) -> Any:
    """Kaiser's window of M points; beta may be traced.

    >>> jnp.kaiser(1, 14.0)
    Array([1.], dtype=float64)
    """
    M = concrete_int("kaiser", M, "M")
    dtype = dtypes.default_float()
    if M <= 1:
        return from_numpy(np.ones(max(M, 0), dtype))
    half = (M - 1) / 2
    shape = np.sqrt(np.maximum(1 - ((np.arange(M) - half) / half) ** 2, 0)).astype(dtype)
    beta = convert(inexact("kaiser", beta), dtype)
    return i0(from_numpy(shape) * beta) / i0(beta)


def i0(x: Any) -> Any:
    """Modified Bessel function of order 0.

    >>> jnp.i0(0.0)
    Array(1., dtype=float64, weak_type=True)
    """
    x = inexact("i0", x)
    if dtypes.kind(x.aval.dtype) != "f":
        raise ValueError(f"i0: the argument must be real, got {x.aval}")
    return _i0(x)


@custom_jvp
def _i0(x: Any) -> Any:
    size = lax.abs(x)
    return lax.mul(lax.exp(size), lax.bessel_i0e(size))


@_i0.defjvp
def _i0_jvp(primals: Any, tangents: Any) -> Any:
    """The derivative is the odd function of order 1, which that of |x| does not give at 0."""
    (x,), (t,) = primals, tangents
    return _i0(x), lax.mul(t, lax.mul(lax.exp(lax.abs(x)), lax.bessel_i1e(x)))
