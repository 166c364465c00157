"""Sparse arrays: coordinate form and compressed rows, and functions of them, under JAX's names."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import ingot.numpy as jnp
from ingot import dtypes, random as _random
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.experimental.bcoo import (
    BCOO,
    JAXSparse,
    bcoo_broadcast_in_dim,
    bcoo_concatenate,
    bcoo_dot_general,
    bcoo_extract,
    bcoo_fromdense,
    bcoo_multiply_dense,
    bcoo_multiply_sparse,
    bcoo_reduce_sum,
    bcoo_reshape,
    bcoo_rev,
    bcoo_slice,
    bcoo_sort_indices,
    bcoo_squeeze,
    bcoo_sum_duplicates,
    bcoo_todense,
    bcoo_transpose,
)
from ingot.experimental.bcsr import (
    BCSR,
    bcsr_fromdense,
    bcsr_todense,
)
from ingot.experimental.sparsify import (
    grad,
    sparsify,
    todense,
    value_and_grad,
)

__all__ = ["BCOO", "BCSR", "JAXSparse", "bcoo_broadcast_in_dim", "bcoo_concatenate",
           "bcoo_dot_general", "bcoo_extract", "bcoo_fromdense", "bcoo_multiply_dense",
           "bcoo_multiply_sparse", "bcoo_reduce_sum", "bcoo_reshape", "bcoo_rev", "bcoo_slice",
           "bcoo_sort_indices", "bcoo_squeeze", "bcoo_sum_duplicates", "bcoo_todense",
           "bcoo_transpose", "bcsr_fromdense", "bcsr_todense", "empty", "eye", "grad",
           "random_bcoo", "sparsify", "todense", "value_and_grad"]


def _in_format(mat: BCOO, sparse_format: str) -> BCOO | BCSR:
    if sparse_format not in ("bcoo", "bcsr"):
        raise ValueError(f"sparse: sparse_format must be 'bcoo' or 'bcsr', got {sparse_format!r}")
    return mat if sparse_format == "bcoo" else BCSR.from_bcoo(mat)


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None, index_dtype: Any = "int32",
        sparse_format: str = "bcoo") -> BCOO | BCSR:
    """Make a sparse matrix with ones on a diagonal.

    N, M: numbers of rows and columns, by default as many. k: which diagonal, 0 the main one. dtype:
    of values, by default the default float. index_dtype: of coordinates. sparse_format: 'bcoo' or
    'bcsr' -> a BCOO or BCSR [N, M]. Raises ValueError for another format.

    >>> from ingot.experimental import sparse
    >>> sparse.eye(2)
    BCOO(float64[2, 2], nse=2)
    """
    M = N if M is None else M
    row = np.arange(max(0, -k), max(0, -k, min(N, M - k)))
    indices = np.stack([row, row + k], -1).astype(index_dtype)
    data = jnp.ones(len(row), dtypes.default_float() if dtype is None else dtype)
    return _in_format(BCOO((data, indices), shape=(N, M), indices_sorted=True,
                           unique_indices=True), sparse_format)


def empty(shape: Sequence[int], dtype: Any = None, index_dtype: Any = "int32",
          sparse_format: str = "bcoo") -> BCOO | BCSR:
    """Make a sparse array of zeros, with no elements specified.

    shape: integers. dtype: of values, by default the default float. index_dtype: of coordinates.
    sparse_format: 'bcoo' or 'bcsr' -> a BCOO or BCSR. Raises ValueError for another format.

    >>> from ingot.experimental import sparse
    >>> sparse.empty((2, 3))
    BCOO(float64[2, 3], nse=0)
    """
    data = jnp.zeros(0, dtypes.default_float() if dtype is None else dtype)
    indices = jnp.zeros((0, len(shape)), index_dtype)
    return _in_format(BCOO((data, indices), shape=shape, indices_sorted=True,
                           unique_indices=True), sparse_format)


def random_bcoo(key: Any, shape: Sequence[int], *, dtype: Any = np.float64,
                indices_dtype: Any = np.int32, nse: float = 0.2,
                generator: Callable[..., Any] = _random.uniform, **kwds: Any) -> BCOO:
    """Make a BCOO of random values at distinct random places.

    key: a PRNG key. shape: integers. dtype: of values. indices_dtype: of coordinates. nse: how many
    elements, or below 1 which share. generator: generator(key, (nse,), dtype, **kwds) -> values. ->
    a BCOO.

    >>> from ingot.experimental import sparse
    >>> sparse.random_bcoo(random.key(0), (4, 5))
    BCOO(float64[4, 5], nse=4)
    """
    size = math.prod(shape)
    count = int(math.ceil(nse * size)) if 0 < nse < 1 else int(nse)
    first, second = _random.split(key)
    flat = jnp.sort(_random.choice(first, size, (count,), replace=False))
    indices = jnp.stack(jnp.unravel_index(flat, tuple(shape)), -1).astype(indices_dtype)
    data = generator(second, shape=(count,), dtype=dtypes.canonicalize_dtype(dtype), **kwds)
    return BCOO((data, indices), shape=shape, indices_sorted=True, unique_indices=True)


_hide_frames_of(__name__)
