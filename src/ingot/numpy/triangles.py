"""Triangles and diagonals of matrices, and the indices of their elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.config import config
from ingot.core.array import from_numpy
from ingot.core.interpreter import Tracer, typeof
from ingot.numpy import primitives as lax
from ingot.numpy.concrete import canonical_shape, concrete_int
from ingot.numpy.creation import asarray, zeros
from ingot.numpy.families import like
from ingot.numpy.indexing import getitem
from ingot.numpy.logic import where
from ingot.numpy.manipulation import moveaxis, ravel
from ingot.numpy.promotion import as_array, broadcast, convert, unsupported, user_dtype
from ingot.numpy.reductions import sum as sum_

# ---- triangles ----


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Any:
    """Make a matrix with ones on and below a diagonal, zeros above.

    N, M: rows and columns, M = N if None; k: the diagonal, 0 the main one, positive ones above;
    dtype: the default float if None (float32 under the name `jax.numpy`) -> [N, M] of `dtype`.
    Raises ValueError for negative lengths, TypeError if k is no integer.

    >>> jnp.tri(2, 3, 1, dtype=int)
    Array([[1, 1, 0],
           [1, 1, 1]], dtype=int64)
    """
    shape = canonical_shape("tri", (N, N if M is None else M))
    default = dtypes.float32 if config.match_jax else dtypes.default_float()
    return convert(_lower(shape, k), user_dtype("tri", dtype) or default)


def _lower(shape: tuple[int, ...], k: Any) -> Any:
    row = lax.broadcasted_iota(dtypes.int32, shape, 0)
    if isinstance(k, Tracer):
        k = lax.broadcast_in_dim(convert(k, dtypes.int32), shape, ())
        return lax.ge(lax.add(row, k), lax.broadcasted_iota(dtypes.int32, shape, 1))
    k = concrete_int("tri", k, "k")
    return lax.ge(lax.add(row, like(row, k)) if k else row,
                  lax.broadcasted_iota(dtypes.int32, shape, 1))


def _triangle(name: str, m: Any, k: int, lower: bool) -> Any:
    m = as_array(name, m)
    if m.aval.ndim < 2:
        raise ValueError(f"{name}: rank 2 at least is needed, got {m.aval}")
    mask = broadcast(_lower(m.aval.shape[-2:], k if lower else k - 1), m.aval.shape)
    zero = like(m, 0)
    return lax.select(mask, m, zero) if lower else lax.select(mask, zero, m)


def tril(m: Any, k: int = 0) -> Any:
    """Set the elements above a diagonal to zero.

    m: [..., m, n] of any dtype; k: the diagonal, 0 the main one, positive ones above -> the same
    shape and dtype. Raises ValueError for vectors.

    >>> jnp.tril(np.array([[1, 2], [3, 4]]))
    Array([[1, 0],
           [3, 4]], dtype=int64)
    """
    return _triangle("tril", m, k, True)


def triu(m: Any, k: int = 0) -> Any:
    """Set the elements below a diagonal to zero.

    m: [..., m, n] of any dtype; k: the diagonal, 0 the main one, positive ones above -> the same
    shape and dtype. Raises ValueError for vectors.

    >>> jnp.triu(np.array([[1, 2], [3, 4]]))
    Array([[1, 2],
           [0, 4]], dtype=int64)
    """
    return _triangle("triu", m, k, False)


# ---- diagonals ----


def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Return the diagonals of two axes.

    a: [...] of any dtype; offset: which diagonal, positive ones lie above the main one; axis1,
    axis2: rows and columns -> the other axes, then the diagonal, of the same dtype. Raises
    ValueError for vectors, and for axes out of bounds or the same twice.

    >>> jnp.diagonal(np.array([[1, 2], [3, 4]]), 1)
    Array([2], dtype=int64)
    """
    a = as_array("diagonal", a)
    if a.aval.ndim < 2:
        raise ValueError(f"diagonal: rank 2 at least is needed, got {a.aval}")
    offset = concrete_int("diagonal", offset, "offset")
    a = moveaxis(a, (axis1, axis2), (-2, -1))
    rows, columns = a.aval.shape[-2:]
    row, column = max(-offset, 0), max(offset, 0)
    n = max(min(rows - row, columns - column), 0)
    if n == 0:
        return zeros((*a.aval.shape[:-2], 0), a.aval.dtype)
    steps = np.arange(n)
    return getitem(a, (Ellipsis, steps + row, steps + column))


def diag(v: Any, k: int = 0) -> Any:
    """Put a vector on a diagonal of a matrix of zeros, or return a diagonal of a matrix.

    v: [n] or [m, n] of any dtype; k: which diagonal, positive ones lie above the main one -> [n +
    |k|, n + |k|] or [length of the diagonal] of the same dtype. Raises ValueError for other ranks.

    >>> jnp.diag(np.array([1, 2]), 1)
    Array([[0, 1, 0],
           [0, 0, 2],
           [0, 0, 0]], dtype=int64)
    """
    v = as_array("diag", v)
    if v.aval.ndim == 2:
        return diagonal(v, k)
    if v.aval.ndim != 1:
        raise ValueError(f"diag: rank 1 or 2 is needed, got {v.aval}")
    k = concrete_int("diag", k, "k")
    n = v.aval.shape[0] + abs(k)
    zero = convert(0, v.aval.dtype, v.aval.weak_type)
    column = lax.pad(v, zero, [(max(k, 0), max(-k, 0), 0)])
    row = lax.broadcasted_iota(dtypes.int32, (n, n), 0)
    on = lax.eq(lax.add(row, like(row, k)), lax.broadcasted_iota(dtypes.int32, (n, n), 1))
    return lax.select(on, lax.broadcast_in_dim(column, (n, n), (1,)), broadcast(zero, (n, n)))


def diagflat(v: Any, k: int = 0) -> Any:
    """Put all elements of an array on a diagonal of a matrix of zeros.

    v: [...] of any dtype, n elements; k: which diagonal, positive ones lie above the main one -> [n
    + |k|, n + |k|] of the same dtype.

    >>> jnp.diagflat(np.array([[1, 2]]))
    Array([[1, 0],
           [0, 2]], dtype=int64)
    """
    return diag(ravel(as_array("diagflat", v)), k)


def fill_diagonal(a: Any, val: Any, wrap: bool = False, *, inplace: bool = True) -> Any:
    """Return a copy of an array with its main diagonal replaced.

    a: [m, n], or more axes of one length, of any dtype; val: a number, or values that are repeated
    in order; wrap, inplace: must be False -> the shape and dtype of `a`. Raises NotImplementedError
    for the default `inplace` and for `wrap`, ValueError for vectors and axes of several lengths.

    >>> jnp.fill_diagonal(np.zeros((2, 2)), np.array([1, 2]), inplace=False)
    Array([[1., 0.],
           [0., 2.]], dtype=float64)
    """
    if inplace:
        raise NotImplementedError("fill_diagonal: arrays are immutable; pass inplace=False and use"
                                  " the result")
    if wrap:
        raise NotImplementedError("fill_diagonal: wrap=True is not supported; write further"
                                  " diagonals with x.at[rows, columns].set(val)")
    a = as_array("fill_diagonal", a)
    if a.aval.ndim < 2 or a.aval.ndim > 2 and len(set(a.aval.shape)) > 1:
        raise ValueError(f"fill_diagonal: rank 2, or equal lengths, are needed, got {a.aval}")
    n = min(a.aval.shape)
    values = ravel(asarray(val))
    if values.aval.size != n:
        values = getitem(values, np.arange(n) % values.aval.size)
    return a.at[(np.arange(n),) * a.aval.ndim].set(values)


def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None,
          out: None = None) -> Any:
    """Sum the diagonals of two axes.

    a: [...] of any dtype; offset, axis1, axis2: as for `diagonal`, with the same errors; dtype: by
    default that of `sum`; out: must be None -> the other axes, of `dtype`.

    >>> jnp.trace(np.array([[1, 2], [3, 4]]))
    Array(5, dtype=int64)
    """
    unsupported("trace", out=out)
    return sum_(diagonal(a, offset, axis1, axis2), -1, dtype)


# ---- indices ----


def tril_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Any, Any]:
    """Return the indices of the elements on and below a diagonal of a matrix, row by row.

    n, m: rows and columns, m = n if None; k: the diagonal, positive ones lie above the main one ->
    rows and columns, two arrays of the default integer. Raises TypeError for others than integers.

    >>> jnp.tril_indices(2)
    (Array([0, 1, 1], dtype=int64), Array([0, 0, 1], dtype=int64))
    """
    return _indices("tril_indices", np.tril_indices, n, k, m)


def triu_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Any, Any]:
    """Return the indices of the elements on and above a diagonal of a matrix, row by row.

    n, m: rows and columns, m = n if None; k: the diagonal, positive ones lie above the main one ->
    rows and columns, two arrays of the default integer. Raises TypeError for others than integers.

    >>> jnp.triu_indices(2)
    (Array([0, 0, 1], dtype=int64), Array([0, 1, 1], dtype=int64))
    """
    return _indices("triu_indices", np.triu_indices, n, k, m)


def _indices(name: str, find: Callable[..., Any], n: Any, k: Any, m: Any) -> Any:
    n, k, m = (concrete_int(name, value, what)
               for value, what in ((n, "n"), (k, "k"), (n if m is None else m, "m")))
    return tuple(from_numpy(i.astype(dtypes.default_int())) for i in find(n, k, m))


def tril_indices_from(arr: Any, k: int = 0) -> tuple[Any, Any]:
    """Return the indices of the elements on and below a diagonal of a given matrix.

    arr: [m, n], of which only the shape matters; k: the diagonal -> as `tril_indices`. Raises
    ValueError for other ranks.

    >>> jnp.tril_indices_from(np.eye(2))
    (Array([0, 1, 1], dtype=int64), Array([0, 0, 1], dtype=int64))
    """
    rows, columns = _matrix("tril_indices_from", arr)
    return tril_indices(rows, k, columns)


def triu_indices_from(arr: Any, k: int = 0) -> tuple[Any, Any]:
    """Return the indices of the elements on and above a diagonal of a given matrix.

    arr: [m, n], of which only the shape matters; k: the diagonal -> as `triu_indices`. Raises
    ValueError for other ranks.

    >>> jnp.triu_indices_from(np.eye(2))
    (Array([0, 0, 1], dtype=int64), Array([0, 1, 1], dtype=int64))
    """
    rows, columns = _matrix("triu_indices_from", arr)
    return triu_indices(rows, k, columns)


def _matrix(name: str, arr: Any) -> tuple[int, int]:
    shape = typeof(arr).shape
    if len(shape) != 2:
        raise ValueError(f"{name}: a matrix is needed, got {typeof(arr)}")
    return shape


def diag_indices(n: int, ndim: int = 2) -> tuple[Any, ...]:
    """Return the indices of the main diagonal of an array with axes of one length.

    n: their length; ndim: their number -> a tuple of `ndim` arrays [n] of the default integer.
    Raises ValueError for negative numbers.

    >>> jnp.diag_indices(2)
    (Array([0, 1], dtype=int64), Array([0, 1], dtype=int64))
    """
    if n < 0 or ndim < 0:
        raise ValueError(f"diag_indices: n and ndim must not be negative, got {n} and {ndim}")
    return (lax.iota(dtypes.default_int(), n),) * ndim


def diag_indices_from(arr: Any) -> tuple[Any, ...]:
    """Return the indices of the main diagonal of a given array with axes of one length.

    arr: [n, n, ...], of which only the shape matters -> a tuple of arr.ndim arrays [n] of the
    default integer. Raises ValueError for vectors and axes of several lengths.

    >>> jnp.diag_indices_from(np.eye(2))
    (Array([0, 1], dtype=int64), Array([0, 1], dtype=int64))
    """
    shape = typeof(arr).shape
    if len(shape) < 2 or len(set(shape)) != 1:
        raise ValueError(f"diag_indices_from: axes must have one length, got shape {shape}")
    return diag_indices(shape[0], len(shape))


def mask_indices(n: int, mask_func: Any, k: int = 0, *, size: int | None = None) -> Any:
    """Return the indices of the nonzero elements of `mask_func(ones((n, n)), k)`.

    n: rows and columns; mask_func: as `triu`; k: its second argument; size: how many indices,
    needed in traced code, as for `nonzero` -> rows and columns, two arrays of the default integer.

    >>> jnp.mask_indices(2, jnp.triu, 1)
    (Array([0], dtype=int64), Array([1], dtype=int64))
    """
    return where(mask_func(zeros((n, n)) + 1, k), size=size)
