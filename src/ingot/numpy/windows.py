"""Window functions of signal processing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.array import from_numpy
from ingot.numpy import primitives as lax
from ingot.numpy.concrete import concrete_int
from ingot.numpy.promotion import convert, inexact


def _window(name: str, M: int, values: Any) -> Any:
    M = concrete_int(name, M, "M")
    if M <= 1:
        return from_numpy(np.ones(max(M, 0), dtypes.default_float()))
    n = np.arange(M)
    return from_numpy(values(n, M).astype(dtypes.default_float()))


def bartlett(M: int) -> Any:
    """Return Bartlett's window, a triangle that begins and ends with 0.

    M: number of points -> [M] of the default float; [0] for M <= 0. Raises TypeError if M is no
    integer.

    >>> jnp.bartlett(5)
    Array([0. , 0.5, 1. , 0.5, 0. ], dtype=float64)
    """
    return _window("bartlett", M, lambda n, m: 1 - np.abs(2 * n + 1 - m) / (m - 1))


def blackman(M: int) -> Any:
    """Return Blackman's window, 0.42 - 0.5 cos(2 pi n / (M - 1)) + 0.08 cos(4 pi n / (M - 1)).

    M: number of points -> [M] of the default float; [0] for M <= 0. Raises TypeError if M is no
    integer.

    >>> jnp.blackman(5).round(3)
    Array([-0.  ,  0.34,  1.  ,  0.34, -0.  ], dtype=float64)
    """
    return _window("blackman", M, lambda n, m: 0.42 - 0.5 * np.cos(2 * math.pi * n / (m - 1))
                   + 0.08 * np.cos(4 * math.pi * n / (m - 1)))


def hamming(M: int) -> Any:
    """Return Hamming's window, 0.54 - 0.46 cos(2 pi n / (M - 1)).

    M: number of points -> [M] of the default float; [0] for M <= 0. Raises TypeError if M is no
    integer.

    >>> jnp.hamming(5)
    Array([0.08, 0.54, 1.  , 0.54, 0.08], dtype=float64)
    """
    return _window("hamming", M, lambda n, m: 0.54 - 0.46 * np.cos(2 * math.pi * n / (m - 1)))


def hanning(M: int) -> Any:
    """Return Hann's window, 0.5 - 0.5 cos(2 pi n / (M - 1)).

    M: number of points -> [M] of the default float; [0] for M <= 0. Raises TypeError if M is no
    integer.

    >>> jnp.hanning(5)
    Array([0. , 0.5, 1. , 0.5, 0. ], dtype=float64)
    """
    return _window("hanning", M, lambda n, m: 0.5 * (1 - np.cos(2 * math.pi * n / (m - 1))))


def kaiser(M: int, beta: Any) -> Any:
    """Return Kaiser's window, I0(beta sqrt(1 - (2 n / (M - 1) - 1)^2)) / I0(beta).

    M: number of points; beta: its shape, a number, which may be traced -> [M] of the default float;
    [0] for M <= 0. Raises TypeError if M is no integer.

    >>> jnp.kaiser(3, 2.0).round(3)
    Array([0.439, 1.   , 0.439], dtype=float64)
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
    """Compute the modified Bessel function of order 0, elementwise.

    x: [...] real -> [...] of the same dtype, of integers the default float. Raises ValueError for
    complex numbers.

    >>> jnp.i0(np.array([0, 1, 2]))
    Array([1.        , 1.26606588, 2.2795853 ], dtype=float64)
    """
    x = inexact("i0", x)
    if dtypes.kind(x.aval.dtype) != "f":
        raise ValueError(f"i0: the argument must be real, got {x.aval}")
    return lax.bessel_i0(x)
