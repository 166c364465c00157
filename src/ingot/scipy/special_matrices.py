"""Matrices of a special form under the names of scipy.linalg."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot import dtypes
from ingot.api.eager import trace_cached
from ingot.core.array import from_numpy
from ingot.numpy import primitives as lax
from ingot.numpy.concrete import concrete_int
from ingot.numpy.creation import broadcast_to, zeros
from ingot.numpy.families import like
from ingot.numpy.indexing import getitem
from ingot.numpy.joining import concatenate
from ingot.numpy.manipulation import atleast_1d
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
    """Put matrices along a diagonal, with zeros elsewhere.

    arrs: matrices [m, n], of which vectors and scalars count as rows -> [sum of m, sum of n] of
    their promoted dtype. Raises ValueError for more axes.

    >>> linalg.block_diag(np.ones((1, 1)), np.ones((1, 2)))
    Array([[1., 0., 0.],
           [0., 1., 1.]], dtype=float64)
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
    """Make a matrix with constant antidiagonals.

    c: [..., m], the first column. r: [..., n], the last row, of which the first element is not
    used; zeros by default -> [..., m, n] of the promoted dtype.

    >>> linalg.hankel(np.array([1, 2]), np.array([0, 3, 4]))
    Array([[1, 2, 3],
           [2, 3, 4]], dtype=int64)
    """
    c = as_array("hankel", c)
    c, r = _vectors("hankel", c, like(c, 0) if r is None else r)
    m, n = c.aval.shape[-1], r.aval.shape[-1]
    line = concatenate([c, getitem(r, (..., slice(1, None)))], -1)
    return getitem(line, (..., np.arange(m)[:, None] + np.arange(n)[None, :]))


def circulant(c: Any) -> Any:
    """Make the circulant matrix of a vector: each column is the one before, turned by one place.

    c: [..., n], the first column -> [..., n, n] of the same dtype.

    >>> linalg.circulant(np.array([1, 2, 3]))
    Array([[1, 3, 2],
           [2, 1, 3],
           [3, 2, 1]], dtype=int64)
    """
    c = atleast_1d(as_array("circulant", c))
    n = c.aval.shape[-1]
    index = (np.arange(n)[:, None] - np.arange(n)[None, :]) % max(n, 1)
    return getitem(c, (Ellipsis, index))


def companion(a: Any) -> Any:
    """Make the companion matrix of a polynomial, whose eigenvalues are its roots.

    a: [..., n + 1] coefficients, highest power first, n > 0 -> [..., n, n] floating or complex.
    Raises ValueError for fewer than two.

    >>> linalg.companion(np.array([1.0, -3.0, 2.0]))
    Array([[ 3., -2.],
           [ 1.,  0.]], dtype=float64)
    """
    a = inexact("companion", a)
    n = a.aval.shape[-1]
    if n < 2:
        raise ValueError(f"companion: two coefficients at least are needed, got {a.aval}")
    below = np.eye(n - 1, k=-1, dtype=a.aval.dtype)
    out = broadcast_to(from_numpy(below), (*a.aval.shape[:-1], n - 1, n - 1))
    return out.at[..., 0, :].set(-a[..., 1:] / a[..., :1])


def convolution_matrix(a: Any, n: int, mode: str = "full") -> Any:
    """Make the matrix that convolves vectors of length n with a vector.

    a: [m], m > 0. n: a Python integer above 0. mode: 'full', 'same' or 'valid', as in
    `numpy.convolve` -> [m + n - 1, n] for 'full'. Raises ValueError for other shapes and modes.

    >>> linalg.convolution_matrix(np.array([1, 2]), 2)
    Array([[1, 0],
           [2, 1],
           [0, 2]], dtype=int64)
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
    """Make the matrix of the discrete Fourier transform.

    n: a Python integer. scale: None, 'sqrtn' to divide by sqrt(n), which makes it unitary, or 'n'
    to divide by n. dtype: a complex one, by default the default complex -> [n, n]. Raises
    ValueError for other scales.

    >>> linalg.dft(2).real
    Array([[ 1.,  1.],
           [ 1., -1.]], dtype=float64)
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
    """Make Fiedler's matrix: absolute differences of all pairs of elements.

    a: [..., n] -> [..., n, n].

    >>> linalg.fiedler(np.array([1, 3, 4]))
    Array([[0, 2, 3],
           [2, 0, 1],
           [3, 1, 0]], dtype=int64)
    """
    a = as_array("fiedler", a)
    rows = lax.expand_dims(a, (a.aval.ndim,))
    columns = lax.expand_dims(a, (a.aval.ndim - 1,))
    return abs(rows - columns)


def fiedler_companion(a: Any) -> Any:
    """Make Fiedler's pentadiagonal companion matrix of a polynomial.

    a: [n + 1] coefficients, highest power first -> [n, n], floating or complex, whose eigenvalues
    are the roots.

    >>> linalg.fiedler_companion(np.array([1.0, -3.0, 2.0]))
    Array([[ 3., -2.],
           [ 1.,  0.]], dtype=float64)
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
    """Make Sylvester's matrix of orthogonal rows of 1 and -1.

    n: a power of 2. dtype: by default the default integer -> [n, n]. Raises ValueError for other n.

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
    """Make Helmert's matrix, whose rows are orthonormal and sum to zero.

    n: a Python integer above 0, else ValueError. full: whether the constant row is put first -> [n
    - 1, n], or [n, n], of the default float.

    >>> linalg.helmert(2, full=True)
    Array([[ 0.70710678,  0.70710678],
           [ 0.70710678, -0.70710678]], dtype=float64)
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
    """Make the Hilbert matrix, with elements 1 / (i + j + 1), which is badly conditioned.

    n: a Python integer -> [n, n] of the default float.

    >>> linalg.hilbert(2)
    Array([[1.        , 0.5       ],
           [0.5       , 0.33333333]], dtype=float64)
    """
    k = np.arange(concrete_int("hilbert", n, "n"))
    return from_numpy((1 / (k[:, None] + k + 1)).astype(dtypes.default_float()))


def invhilbert(n: int) -> Any:
    """Make the inverse of the Hilbert matrix, from its integer elements.

    n: a Python integer -> [n, n] of the default float.

    >>> linalg.invhilbert(2)
    Array([[ 4., -6.],
           [-6., 12.]], dtype=float64)
    """
    import scipy.linalg

    n = concrete_int("invhilbert", n, "n")
    exact = np.array(scipy.linalg.invhilbert(n, exact=True), object)
    return from_numpy(exact.astype(np.float64).astype(dtypes.default_float()))


def leslie(f: Any, s: Any) -> Any:
    """Make the matrix that takes a population, by classes of age, one step further.

    f: [n] births, the first row. s: [n - 1] survival, below the diagonal -> [n, n] of the promoted
    dtype. Raises ValueError for lengths that do not fit.

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
    """Make the Pascal matrix, of binomial coefficients.

    n: a Python integer. kind: 'symmetric' (default), 'lower' or 'upper' -> [n, n] of the default
    float. Raises ValueError for other kinds.

    >>> linalg.pascal(3)
    Array([[1., 1., 1.],
           [1., 2., 3.],
           [1., 3., 6.]], dtype=float64)
    """
    return _pascal("pascal", n, kind, "pascal")


def invpascal(n: int, kind: str | None = None) -> Any:
    """Make the inverse of the Pascal matrix.

    n: a Python integer. kind: that of `pascal` -> [n, n] of the default float.

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
