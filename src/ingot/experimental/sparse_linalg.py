"""Sparse linear systems under the name of `jax.experimental.sparse.linalg`, solved by SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np

import ingot.numpy as jnp
from ingot import lax
from ingot.control.callback import pure_callback


def spsolve(data: Any, indices: Any, indptr: Any, b: Any, tol: float = 1e-6, reorder: int = 1
            ) -> Any:
    """x with A x = b for a square sparse matrix in compressed rows (CSR), by sparse LU.

    data: float [nnz], indices: integer [nnz], the columns; indptr: integer [n + 1], where rows
    start; b: [n], of the dtype of `data` -> [n]. Differentiable in `data` and `b`. Raises
    ValueError for other shapes; `tol` and `reorder` have no effect.

    >>> spsolve(np.array([2.0, 4.0]), np.array([0, 1]), np.array([0, 1, 2]), np.array([2.0, 8.0]))
    Array([1., 2.], dtype=float64)
    """
    data, indices, indptr, b = map(jnp.asarray, (data, indices, indptr, b))
    n = indptr.size - 1
    if data.ndim != 1 or indices.shape != data.shape or b.shape != (n,):
        raise ValueError("spsolve: data and indices must have one shape [nnz], indptr the shape"
                         f" [n + 1] and b the shape [n], got {data.aval}, {indices.aval},"
                         f" {indptr.aval} and {b.aval}")
    if data.dtype != b.dtype:
        raise ValueError(f"spsolve: data and b must have one dtype, got {data.aval}, {b.aval}")
    rows = jnp.searchsorted(indptr, jnp.arange(data.size, dtype=indptr.dtype), side="right") - 1

    def product(x: Any) -> Any:
        return jnp.zeros(n, b.dtype).at[rows].add(data * x[indices])

    def solver(transposed: bool) -> Any:
        def solve(_: Any, b: Any) -> Any:
            def host(*arrays: Any) -> Any:
                return _solve(transposed, *map(np.asarray, arrays))

            return pure_callback(host, b, data, indices, indptr, b, vmap_method="sequential")

        return solve

    return lax.custom_linear_solve(product, b, solver(False), solver(True))


def _solve(transposed: bool, data: Any, indices: Any, indptr: Any, b: Any) -> Any:
    from scipy.sparse import csr_matrix
    from scipy.sparse.linalg import splu

    matrix = csr_matrix((data, indices, indptr), (b.size, b.size)).tocsc()
    wide = matrix.astype(np.result_type(data.dtype, np.float32))
    return splu(wide).solve(b.astype(wide.dtype), trans="T" if transposed else "N").astype(b.dtype)


__all__ = ["spsolve"]
