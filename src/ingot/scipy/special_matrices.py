"""Matrices of a special form under the names of scipy.linalg."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot import dtypes
from ingot.api.eager import trace_cached
from ingot.core.array import from_numpy
from ingot.numpy import primitives as lax
from ingot.numpy.creation import broadcast_to, concrete_int, zeros
from ingot.numpy.families import like
from ingot.numpy.indexing import getitem
from ingot.numpy.manipulation import concatenate
from ingot.numpy.promotion import (
    as_array,
    broadcast_shapes,
    convert,
    inexact,
    promote_dtypes,
    user_dtype,
)
from ingot.numpy.rounding import conjugate


def block_diag(*arrs: Any) -> Any:
    """A matrix with the given ones along its diagonal and zeros elsewhere.

    >>> linalg.block_diag(np.ones((1, 1)), np.ones((1, 1)))
    Array([[1., 0.],
           [0., 1.]], dtype=float64)
    """
    given = arrs or (np.zeros((1, 0)),)
    made = promote_dtypes("block_diag", *given)
    if any(a.aval.ndim > 2 for a in made):
        raise ValueError("block_diag: rank 2 at most is allowed, got"
                         f" {', '.join(str(a.aval) for a in made)}")
    made = [lax.reshape(a, (1,) * (2 - a.aval.ndim) + a.aval.shape) for a in made]
    width = sum(a.aval.shape[1] for a in made)
    rows, start = [], 0
    for a in made:
        n = a.aval.shape[1]
        zero, margins = convert(0, a.aval.dtype), (start, width - start - n, 0)
        rows.append(lax.pad(a, zero, [(0, 0, 0), margins]))
        start += n
    return concatenate(rows, 0)


def _vectors(name: str, *arrays: Any) -> list[Any]:
    """Stacks of vectors of one dtype, with the same leading axes."""
    xs = promote_dtypes(name, *arrays)
    xs = [lax.reshape(x, (1,)) if x.aval.ndim == 0 else x for x in xs]
    lead = broadcast_shapes(*(x.aval.shape[:-1] for x in xs))
    return [broadcast_to(x, (*lead, x.aval.shape[-1])) for x in xs]


@trace_cached
def toeplitz(c: Any, r: Any = None) -> Any:
    """Constant diagonals: first column c, first row r (without its first element), else conj(c).

    c [..., m], r [..., n] -> [..., m, n].

    >>> linalg.toeplitz(np.array([1, 2]))
    Array([[1, 2],
           [2, 1]], dtype=int64)
    """
    c = as_array("toeplitz", c)
    c, r = _vectors("toeplitz", c, conjugate(c) if r is None else r)
    m, n = c.aval.shape[-1], r.aval.shape[-1]
    if not m or not n:
        return zeros((*c.aval.shape, n), c.aval.dtype)
    line = concatenate([lax.rev(c, (c.aval.ndim - 1,)), getitem(r, (..., slice(1, None)))], -1)
    return getitem(line, (..., np.arange(n)[None, :] + np.arange(m)[::-1, None]))


def hankel(c: Any, r: Any = None) -> Any:
    """Constant antidiagonals: first column c, last row r (without its first element), else zeros.

    >>> linalg.hankel(np.array([1, 2]))
    Array([[1, 2],
           [2, 0]], dtype=int64)
    """
    c = as_array("hankel", c)
    c, r = _vectors("hankel", c, like(c, 0) if r is None else r)
    m, n = c.aval.shape[-1], r.aval.shape[-1]
    line = concatenate([c, getitem(r, (..., slice(1, None)))], -1)
    return getitem(line, (..., np.arange(m)[:, None] + np.arange(n)[None, :]))


def circulant(c: Any) -> Any:
    """Each column is the first one, c, turned by one place more.

    >>> linalg.circulant(np.array([1, 2]))
    Array([[1, 2],
           [2, 1]], dtype=int64)
    """
    c = as_array("circulant", c)
    n = c.aval.shape[-1]
    index = (np.arange(n)[:, None] - np.arange(n)[None, :]) % max(n, 1)
    return getitem(c, (Ellipsis, index))


def companion(a: Any) -> Any:
    """The matrix whose characteristic polynomial has the coefficients a.

    >>> linalg.companion(np.array([1.0, -2.0]))
    Array([[2.]], dtype=float64)
    """
    a = inexact("companion", a)
    n = a.aval.shape[-1]
    if n < 2:
        raise ValueError(f"companion: two coefficients at least are needed, got {a.aval}")
    below = np.eye(n - 1, k=-1, dtype=a.aval.dtype)
    out = broadcast_to(from_numpy(below), (*a.aval.shape[:-1], n - 1, n - 1))
    return out.at[..., 0, :].set(-a[..., 1:] / a[..., :1])


def convolution_matrix(a: Any, n: int, mode: str = "full") -> Any:
    """The matrix that convolves vectors of length n with a.

    >>> linalg.convolution_matrix(np.array([1, 2]), 1)
    Array([[1],
           [2]], dtype=int64)
    """
    (a,), n = _vectors("convolution_matrix", a), concrete_int("convolution_matrix", n, "n")
    m = a.aval.shape[-1]
    if n <= 0 or not m:
        raise ValueError(f"convolution_matrix: lengths must be positive, got {a.aval} and {n}")
    zero, widths = convert(0, a.aval.dtype), [*[(0, 0, 0)] * (a.aval.ndim - 1), (0, n - 1, 0)]
    column = lax.pad(a, zero, widths)
    row = lax.pad(a[..., :1], zero, widths)
    full = toeplitz(column, row)
    if mode == "full":
        return full
    if mode == "valid":
        low = min(n, m) - 1
        return full[..., low:low + max(n, m) - min(n, m) + 1, :]
    if mode == "same":
        low = (min(n, m) - 1) // 2
        return full[..., low:low + max(n, m), :]
    raise ValueError(f"convolution_matrix: mode must be 'full', 'same' or 'valid', got {mode!r}")


def dft(n: int, scale: str | None = None, *, dtype: Any = None) -> Any:
    """The matrix of the discrete Fourier transform; scale None, 'sqrtn' or 'n'.

    >>> linalg.dft(1)
    Array([[1.+0.j]], dtype=complex128)
    """
    n = concrete_int("dft", n, "n")
    factors = {None: 1.0, "sqrtn": n ** -0.5 if n else 1.0, "n": 1 / n if n else 1.0}
    if scale not in factors:
        raise ValueError(f"dft: scale must be None, 'sqrtn' or 'n', got {scale!r}")
    k = np.arange(n)
    matrix = np.exp(-2j * np.pi * ((k[:, None] * k) % max(n, 1)) / max(n, 1)) * factors[scale]
    want = user_dtype("dft", dtype) or dtypes.default_complex()
    if dtypes.kind(want) != "c":
        raise ValueError(f"dft: dtype must be complex, got {dtypes.short_name(want)}")
    return from_numpy(matrix.astype(want))


def fiedler(a: Any) -> Any:
    """Absolute differences of all pairs of elements.

    >>> linalg.fiedler(np.array([1, 3]))
    Array([[0, 2],
           [2, 0]], dtype=int64)
    """
    a = as_array("fiedler", a)
    rows = lax.expand_dims(a, (a.aval.ndim,))
    columns = lax.expand_dims(a, (a.aval.ndim - 1,))
    return abs(rows - columns)


def fiedler_companion(a: Any) -> Any:
    """Fiedler's pentadiagonal companion matrix of a polynomial.

    >>> linalg.fiedler_companion(np.array([1.0, -2.0]))
    Array([[2.]], dtype=float64)
    """
    a = inexact("fiedler_companion", a)
    if a.aval.ndim == 0 or a.aval.shape[-1] == 0:
        raise ValueError(f"fiedler_companion: one coefficient at least is needed, got {a.aval}")
    n, lead = a.aval.shape[-1] - 1, a.aval.shape[:-1]
    if n < 1:
        return zeros((*lead, 0, 0), a.aval.dtype)
    a = a / a[..., :1]
    if n == 1:
        return -a[..., 1:, None]
    out = zeros((*lead, n, n), a.aval.dtype)
    k = np.arange(n)
    out = out.at[..., k[3::2], k[1:-2:2]].set(1.0)
    out = out.at[..., k[2::2], k[1:-1:2]].set(-a[..., 3::2]) if n > 2 else out
    out = out.at[..., k[0:-2:2], k[2::2]].set(1.0)
    out = out.at[..., k[0:-1:2], k[1::2]].set(-a[..., 2::2][..., :len(k[1::2])])
    out = out.at[..., 0, 0].set(-a[..., 1])
    return out.at[..., 1, 0].set(1.0)


def hadamard(n: int, dtype: Any = int) -> Any:
    """Sylvester's matrix of orthogonal rows of ±1; n is a power of 2.

    >>> linalg.hadamard(2)
    Array([[ 1,  1],
           [ 1, -1]], dtype=int64)
    """
    n = concrete_int("hadamard", n, "n")
    if n < 1 or n & (n - 1):
        raise ValueError(f"hadamard: n must be a power of 2, got {n}")
    k = np.arange(n)
    bits = np.vectorize(lambda i: i.bit_count(), otypes=[int])(k[:, None] & k)
    return from_numpy((1 - 2 * (bits % 2)).astype(user_dtype("hadamard", dtype)))


def helmert(n: int, full: bool = False) -> Any:
    """Orthonormal rows that sum to zero; `full` puts the constant row first.

    >>> linalg.helmert(1, full=True)
    Array([[1.]], dtype=float64)
    """
    n = concrete_int("helmert", n, "n")
    if n < 1:
        raise ValueError(f"helmert: n must be positive, got {n}")
    H = np.tril(np.ones((n, n)), -1) - np.diag(np.arange(n))
    d = np.arange(n) * np.arange(1, n + 1)
    H[0], d[0] = 1, n
    out = (H / np.sqrt(d)[:, None]).astype(dtypes.default_float())
    return from_numpy(out if full else out[1:])


def hilbert(n: int) -> Any:
    """1 / (i + j + 1).

    >>> linalg.hilbert(1)
    Array([[1.]], dtype=float64)
    """
    k = np.arange(concrete_int("hilbert", n, "n"))
    return from_numpy((1 / (k[:, None] + k + 1)).astype(dtypes.default_float()))


def invhilbert(n: int) -> Any:
    """Inverse of the Hilbert matrix, from its integer elements.

    >>> linalg.invhilbert(1)
    Array([[1.]], dtype=float64)
    """
    import scipy.linalg

    n = concrete_int("invhilbert", n, "n")
    exact = np.array(scipy.linalg.invhilbert(n, exact=True), object)
    return from_numpy(exact.astype(np.float64).astype(dtypes.default_float()))


def leslie(f: Any, s: Any) -> Any:
    """Population matrix: first row f, survival s below the diagonal.

    >>> linalg.leslie(np.array([1.0, 2.0]), np.array([0.5]))
    Array([[1. , 2. ],
           [0.5, 0. ]], dtype=float64)
    """
    f, s = promote_dtypes("leslie", f, s)
    n = f.aval.shape[-1]
    if n < 2 or s.aval.shape[-1] != n - 1:
        raise ValueError(f"leslie: n > 1 and n - 1 elements are needed, got {f.aval} and {s.aval}")
    lead = np.broadcast_shapes(f.aval.shape[:-1], s.aval.shape[:-1])
    out = zeros((*lead, n, n), f.aval.dtype)
    k = np.arange(n - 1)
    out = out.at[..., 0, :].set(broadcast_to(f, (*lead, n)))
    return out.at[..., k + 1, k].set(broadcast_to(s, (*lead, n - 1)))


def pascal(n: int, kind: str | None = None) -> Any:
    """Binomial coefficients: 'symmetric' (default), 'lower' or 'upper'.

    >>> linalg.pascal(2)
    Array([[1., 1.],
           [1., 2.]], dtype=float64)
    """
    return _pascal("pascal", n, kind, "pascal")


def invpascal(n: int, kind: str | None = None) -> Any:
    """Inverse of the Pascal matrix.

    >>> linalg.invpascal(2)
    Array([[ 2., -1.],
           [-1.,  1.]], dtype=float64)
    """
    return _pascal("invpascal", n, kind, "invpascal")


def _pascal(name: str, n: int, kind: str | None, function: str) -> Any:
    import scipy.linalg

    kind = "symmetric" if kind is None else kind
    if kind not in ("symmetric", "lower", "upper"):
        raise ValueError(f"{name}: kind must be 'symmetric', 'lower' or 'upper', got {kind!r}")
    n = concrete_int(name, n, "n")
    if not n:
        return zeros((0, 0))
    made = getattr(scipy.linalg, function)(n, kind=kind, exact=True)
    return from_numpy(np.array(made, object).astype(np.float64).astype(dtypes.default_float()))
