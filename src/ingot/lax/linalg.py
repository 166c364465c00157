"""Matrix decompositions and solves, under the names of `jax.lax.linalg`."""

from typing import Any

from ingot.control.while_loop import fori_loop
from ingot.core.interpreter import to_array
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.lax.missing import MISSING_LINALG, absent
from ingot.lax.polar import qdwh
from ingot.primitives.arithmetic import abs, add, div, mul, sub
from ingot.primitives.compare import eq
from ingot.primitives.complex import complex
from ingot.primitives.decompositions import (
    EighImplementation,
    EigImplementation,
    SvdAlgorithm,
    eig,
    eig_p,
    eigh,
    eigh_p,
    hessenberg,
    hessenberg_p,
    schur,
    schur_p,
    svd,
    svd_p,
    tridiagonal,
    tridiagonal_p,
)
from ingot.primitives.dot import dot_general
from ingot.primitives.dynamic_slice import dynamic_index_in_dim, dynamic_update_index_in_dim
from ingot.primitives.linalg import (
    cholesky,
    cholesky_p,
    lu,
    lu_p,
    lu_pivots_to_permutation,
    lu_pivots_to_permutation_p,
    triangular_solve,
    triangular_solve_p,
)
from ingot.primitives.matrices import triu
from ingot.primitives.movement import full_like
from ingot.primitives.qr import (
    geqrf,
    geqrf_p,
    householder_product,
    householder_product_p,
    ormqr,
    ormqr_p,
    qr,
    qr_p,
)
from ingot.primitives.select import select
from ingot.primitives.shape import broadcast
from ingot.primitives.tridiagonal import (
    tridiagonal_solve,
    tridiagonal_solve_p,
)

__all__ = ["EigImplementation", "EighImplementation", "SvdAlgorithm", "cholesky", "cholesky_p",
           "cholesky_update", "eig", "eig_p", "eigh", "eigh_p", "geqrf", "geqrf_p", "hessenberg",
           "hessenberg_p", "householder_product", "householder_product_p", "lu", "lu_p",
           "lu_pivots_to_permutation", "lu_pivots_to_permutation_p", "ormqr", "ormqr_p", "qdwh",
           "qr", "qr_p", "schur", "schur_p", "svd", "svd_p", "symmetric_product",
           "triangular_solve", "triangular_solve_p", "tridiagonal", "tridiagonal_p",
           "tridiagonal_solve", "tridiagonal_solve_p"]


def cholesky_update(r_matrix: Any, w_vector: Any) -> Any:
    """The Cholesky factor of r^T r + w w^T by n rotations, each of two rows.

    r_matrix: float [n, n], upper triangular; w_vector: [n] of the same dtype -> [n, n], upper
    triangular. Raises ValueError for other shapes.

    >>> import numpy as np
    >>> lax.linalg.cholesky_update(np.array([[3.0]]), np.array([4.0]))
    Array([[5.]], dtype=float64)
    """
    r, w = to_array(r_matrix), to_array(w_vector)
    n = w.aval.size
    if r.aval.shape != (n, n) or w.aval.ndim != 1:
        raise ValueError(f"cholesky_update: a square matrix and a vector of its size are needed,"
                         f" got {r.aval} and {w.aval}")

    def rotate(k: Any, carry: Any) -> Any:
        r, w = carry
        row, new = dynamic_index_in_dim(r, k, keepdims=False), dynamic_index_in_dim(w, k, 0, False)
        old = dynamic_index_in_dim(row, k, 0, False)
        size = abs(complex(old, new))  # which does not overflow
        nothing = eq(size, full_like(size, 0))
        size = select(nothing, full_like(size, 1), size)
        c = select(nothing, size, div(old, size))
        c, s = (broadcast(x, (n,)) for x in (c, div(new, size)))
        return (dynamic_update_index_in_dim(r, add(mul(c, row), mul(s, w)), k, 0),
                sub(mul(c, w), mul(s, row)))

    return triu(fori_loop(0, n, rotate, (r, w))[0])


def symmetric_product(a_matrix: Any, c_matrix: Any, *, alpha: float = 1.0, beta: float = 0.0,
                      symmetrize_output: bool = False) -> Any:
    """alpha a a^T + beta c.

    a_matrix: [..., n, m]; c_matrix: [..., n, n], symmetric -> [..., n, n]; symmetrize_output has no
    effect. Raises ValueError for shapes that do not fit.

    >>> import numpy as np
    >>> lax.linalg.symmetric_product(np.ones((1, 2)), np.ones((1, 1)), beta=3.0)
    Array([[5.]], dtype=float64)
    """
    a, c = to_array(a_matrix), to_array(c_matrix)
    batch = list(range(a.aval.ndim - 2))
    last = a.aval.ndim - 1
    product = dot_general(a, a, (([last], [last]), (batch, batch)))
    if product.aval.shape != c.aval.shape:
        raise ValueError(f"symmetric_product: a a^T is {product.aval}, and c {c.aval}")
    return add(mul(full_like(product, alpha), product), mul(full_like(c, beta), c))


def __getattr__(name: str) -> Any:
    raise absent("ingot.lax.linalg", MISSING_LINALG, name)

_hide_frames_of(__name__)
