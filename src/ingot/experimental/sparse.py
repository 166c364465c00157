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
    bcoo_fromdense,
    bcoo_todense,
)
from ingot.experimental.bcoo_axes import (
    bcoo_broadcast_in_dim,
    bcoo_concatenate,
    bcoo_dynamic_slice,
    bcoo_reduce_sum,
    bcoo_reshape,
    bcoo_rev,
    bcoo_slice,
    bcoo_squeeze,
    bcoo_transpose,
)
from ingot.experimental.bcoo_layout import (
    CuSparseEfficiencyWarning,
    SparseEfficiencyError,
    SparseEfficiencyWarning,
    bcoo_extract,
    bcoo_sort_indices,
    bcoo_sum_duplicates,
    bcoo_update_layout,
)
from ingot.experimental.bcoo_products import (
    bcoo_dot_general,
    bcoo_dot_general_sampled,
    bcoo_multiply_dense,
    bcoo_multiply_sparse,
)
from ingot.experimental.bcsr import (
    BCSR,
    bcsr_broadcast_in_dim,
    bcsr_concatenate,
    bcsr_dot_general,
    bcsr_extract,
    bcsr_fromdense,
    bcsr_sum_duplicates,
    bcsr_todense,
)
from ingot.experimental.coordinates import (
    JAXSparse,
)
from ingot.experimental.sparse_formats import (
    COO,
    CSC,
    CSR,
    coo_fromdense,
    coo_matmat,
    coo_matvec,
    coo_todense,
    csr_fromdense,
    csr_matmat,
    csr_matvec,
    csr_todense,
)
from ingot.experimental.sparsify import (
    grad,
    jacfwd,
    jacobian,
    jacrev,
    sparsify,
    todense,
    value_and_grad,
)

__all__ = ["BCOO", "BCSR", "COO", "CSC", "CSR", "CuSparseEfficiencyWarning", "JAXSparse",
           "SparseEfficiencyError", "SparseEfficiencyWarning", "bcoo_broadcast_in_dim",
           "bcoo_concatenate", "bcoo_dot_general", "bcoo_dot_general_sampled",
           "bcoo_dynamic_slice", "bcoo_extract", "bcoo_fromdense", "bcoo_multiply_dense",
           "bcoo_multiply_sparse", "bcoo_reduce_sum", "bcoo_reshape", "bcoo_rev", "bcoo_slice",
           "bcoo_sort_indices", "bcoo_squeeze", "bcoo_sum_duplicates", "bcoo_todense",
           "bcoo_transpose", "bcoo_update_layout", "bcsr_broadcast_in_dim", "bcsr_concatenate",
           "bcsr_dot_general", "bcsr_extract", "bcsr_fromdense", "bcsr_sum_duplicates",
           "bcsr_todense", "coo_fromdense", "coo_matmat", "coo_matvec", "coo_todense",
           "csr_fromdense", "csr_matmat", "csr_matvec", "csr_todense", "empty", "eye", "grad",
           "jacfwd", "jacobian", "jacrev", "random_bcoo", "sparsify", "todense", "value_and_grad"]


_FORMATS: dict[str, Any] = {"bcoo": BCOO, "bcsr": BCSR, "coo": COO, "csr": CSR, "csc": CSC}


def _in_format(mat: BCOO, sparse_format: str) -> Any:
    if sparse_format not in _FORMATS:
        raise ValueError(f"sparse: sparse_format must be one of {', '.join(_FORMATS)}, got"
                         f" {sparse_format!r}")
    return mat if sparse_format == "bcoo" else _FORMATS[sparse_format].from_bcoo(mat)


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None, index_dtype: Any = "int32",
        sparse_format: str = "bcoo") -> Any:
    """Make a sparse matrix with ones on a diagonal.

    N, M: numbers of rows and columns, by default as many. k: which diagonal, 0 the main one. dtype:
    of values, by default the default float. index_dtype: of coordinates. sparse_format: 'bcoo',
    'bcsr', 'coo', 'csr' or 'csc' -> a sparse matrix [N, M]. Raises ValueError for another format.

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
          sparse_format: str = "bcoo") -> Any:
    """Make a sparse array of zeros, with no elements specified.

    shape: integers. dtype: of values, by default the default float. index_dtype: of coordinates.
    sparse_format: that of `eye` -> a sparse array. Raises ValueError for another format.

    >>> from ingot.experimental import sparse
    >>> sparse.empty((2, 3))
    BCOO(float64[2, 3], nse=0)
    """
    data = jnp.zeros(0, dtypes.default_float() if dtype is None else dtype)
    indices = jnp.zeros((0, len(shape)), index_dtype)
    return _in_format(BCOO((data, indices), shape=shape, indices_sorted=True,
                           unique_indices=True), sparse_format)


def random_bcoo(key: Any, shape: Sequence[int], *, dtype: Any = np.float64,
                indices_dtype: Any = np.int32, nse: float = 0.2, n_batch: int = 0, n_dense: int = 0,
                unique_indices: bool = True, sorted_indices: bool = False,
                generator: Callable[..., Any] = _random.uniform, **kwds: Any) -> BCOO:
    """Make a BCOO of random values at random places.

    key: a PRNG key. shape: integers. dtype: of values. indices_dtype: of coordinates. nse: how many
    elements in each batch, or below 1 which share. n_batch, n_dense: how many axes are batches, and
    dense. unique_indices: whether places differ. sorted_indices: whether they are in order.
    generator: generator(key, shape, dtype, **kwds) -> values. -> a BCOO.

    >>> from ingot.experimental import sparse
    >>> sparse.random_bcoo(random.key(0), (4, 5))
    BCOO(float64[4, 5], nse=4)
    """
    shape, end = tuple(shape), len(shape) - n_dense
    if not 0 <= n_batch <= end <= len(shape):
        raise ValueError(f"random_bcoo: n_batch={n_batch} and n_dense={n_dense} must be within the"
                         f" rank of {shape}")
    batch, lengths, dense = shape[:n_batch], shape[n_batch:end], shape[end:]
    size = math.prod(lengths)
    count = int(math.ceil(nse * size)) if 0 < nse < 1 else int(nse)
    if not 0 <= count <= size:
        raise ValueError(f"random_bcoo: nse must be at most {size}, got {count}")
    first, *rest = _random.split(key, math.prod(batch) + 1)

    def places(key: Any) -> Any:
        if not lengths:
            return jnp.zeros((count, 0), indices_dtype)
        flat = _random.choice(key, size, (count,), replace=not unique_indices)
        return jnp.stack(jnp.unravel_index(flat, lengths), -1).astype(indices_dtype)

    indices = jnp.stack([places(key) for key in rest] if rest else [
        jnp.zeros((count, len(lengths)), indices_dtype)])[:math.prod(batch)]
    indices = indices.reshape(*batch, count, len(lengths))
    data = generator(first, shape=(*batch, count, *dense),
                     dtype=dtypes.canonicalize_dtype(dtype), **kwds)
    made = BCOO((data, indices), shape=shape, unique_indices=unique_indices)
    return made.sort_indices() if sorted_indices else made


_hide_frames_of(__name__)
