"""Eigenvalues, and the Schur and Hessenberg forms, under the names of scipy.linalg."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot import dtypes
from ingot.config import config
from ingot.numpy import primitives as lax
from ingot.numpy.concrete import concrete_int
from ingot.numpy.creation import eye
from ingot.numpy.indexing import getitem
from ingot.numpy.linalg import eigh as _eigh
from ingot.numpy.linalg.factorizations import adjoint, matrices
from ingot.numpy.logic import where
from ingot.numpy.promotion import convert, promote_dtypes
from ingot.numpy.triangles import triu
from ingot.primitives import decompositions, linalg as factors, qr as orthogonal
from ingot.primitives.matrices import from_triangle, matmul
from ingot.scipy.factorizations import cholesky


def eigh(a: Any, b: Any = None, lower: bool = True, eigvals_only: bool = False,
         overwrite_a: bool = False, overwrite_b: bool = False, turbo: bool = True,
         eigvals: None = None, type: int = 1, check_finite: bool = True) -> Any:  # noqa: A002
    """Eigenvalues and eigenvectors of Hermitian matrices, by LAPACK.

    a: [n, n], of which one triangle is read (under the flag match_jax it is (a + a^H) / 2). b:
    positive definite [n, n]: a v = b v w for type 1, a b v = v w for 2, b a v = v w for 3; else
    a v = v w. lower: which triangle. eigvals_only: whether vectors are left out. eigvals: must be
    None, else NotImplementedError. overwrite_a, overwrite_b, turbo, check_finite: without effect.
    -> (w [n] ascending, v [n, n] as columns, with v^H b v = 1, for type 3 v^H b^-1 v = 1), or w.
    Raises ValueError for other types and shapes.

    >>> linalg.eigh(np.array([[2.0]]), np.array([[4.0]]), eigvals_only=True)
    Array([0.5], dtype=float64)
    """
    if type not in (1, 2, 3):
        raise ValueError(f"eigh: type must be 1, 2 or 3, got {type!r}")
    if eigvals is not None:
        raise NotImplementedError("eigh: a range of eigenvalues is not supported; slice the result")
    side = "L" if lower else "U"
    if b is None:
        values, vectors = _eigh(a, side, symmetrize_input=config.match_jax)
        return values if eigvals_only else (values, vectors)
    a, b = promote_dtypes("eigh", a, b, kind="inexact")
    whole = from_triangle(matrices("eigh", a), lower)
    factor = cholesky(b, lower=True) if lower else adjoint(cholesky(b))

    def back(x: Any, transpose: bool) -> Any:
        return factors.triangular_solve(factor, x, left_side=True, lower=True,
                                        transpose_a=transpose, conjugate_a=transpose)

    if type == 1:  # L^-1 a L^-H
        reduced = back(adjoint(back(whole, False)), False)
    else:  # L^H a L
        reduced = matmul(adjoint(factor), whole, factor)
    values, vectors = _eigh(reduced)
    if eigvals_only:
        return values
    return values, matmul(factor, vectors) if type == 3 else back(vectors, True)


def eigh_tridiagonal(d: Any, e: Any, *, eigvals_only: bool = False, select: str = "a",
                     select_range: Any = None, tol: float | None = None, key: Any = None) -> Any:
    """Eigenvalues and eigenvectors of a symmetric tridiagonal matrix.

    d: diagonal [n]. e: off-diagonal [n - 1]. eigvals_only: whether vectors are left out. select:
    'a' for all, 'i' for those at the places select_range = (first, last). tol, key: without effect.
    -> (w [n] ascending, v [n, n] as columns), or w, floating. Raises ValueError for shapes that do
    not fit, NotImplementedError for another select.

    >>> linalg.eigh_tridiagonal(np.array([1.0, 2.0]), np.array([0.0]), eigvals_only=True)
    Array([1., 2.], dtype=float64)
    """
    d, e = promote_dtypes("eigh_tridiagonal", d, e, kind="inexact")
    n = d.aval.shape[0]
    if e.aval.shape != (n - 1,):
        raise ValueError(
            f"eigh_tridiagonal: n and n - 1 elements are needed, got {d.aval}, {e.aval}")
    matrix = lax.broadcast_in_dim(d, (n, n), (1,)) * eye(n, dtype=d.aval.dtype)
    rows = np.arange(n - 1)
    matrix = matrix.at[rows + 1, rows].set(e)
    values, vectors = _eigh(matrix, "L", symmetrize_input=False)
    if select == "i":
        low, high = (concrete_int("eigh_tridiagonal", i, "select_range") for i in select_range)
        values, vectors = values[low:high + 1], vectors[:, low:high + 1]
    elif select != "a":
        raise NotImplementedError(f"eigh_tridiagonal: select must be 'a' or 'i', got {select!r}")
    return values if eigvals_only else (values, vectors)


def schur(a: Any, output: str = "real") -> tuple[Any, Any]:
    """Schur form of a matrix, a = Z T Z^H with unitary Z.

    a: [..., n, n]. output: 'real', in which real a have 2 x 2 blocks for pairs of complex
    eigenvalues, or 'complex', by which T is upper triangular -> (T, Z). Raises ValueError for other
    outputs.

    >>> linalg.schur(np.array([[1.0, 2.0], [0.0, 3.0]]))[0]
    Array([[1., 2.],
           [0., 3.]], dtype=float64)
    """
    if output not in ("real", "complex"):
        raise ValueError(f"schur: output must be 'real' or 'complex', got {output!r}")
    a = matrices("schur", a)
    if output == "complex":
        a = convert(a, dtypes.to_complex(a.aval.dtype))
    t, z = decompositions.schur(a)
    return t, z


def rsf2csf(T: Any, Z: Any, check_finite: bool = True) -> tuple[Any, Any]:
    """Make a real Schur form complex, and so upper triangular.

    T, Z: [n, n], of a = Z T Z^H. check_finite: without effect -> (T, Z) complex. Raises ValueError
    unless both are square.

    >>> T, Z = linalg.rsf2csf(np.array([[0.0, 1.0], [-1.0, 0.0]]), np.eye(2))
    >>> bool(abs(T[1, 0]) < 1e-15)
    True
    """
    T, Z = promote_dtypes("rsf2csf", T, Z, kind="inexact")
    T, Z = matrices("rsf2csf", T), matrices("rsf2csf", Z)
    wide = dtypes.to_complex(T.aval.dtype)
    t, turn = decompositions.schur(convert(T, wide))
    return t, matmul(convert(Z, wide), turn)


def hessenberg(a: Any, *, calc_q: bool = False, overwrite_a: bool = False,
               check_finite: bool = True) -> Any:
    """Reduce matrices to Hessenberg form, zero below the first subdiagonal.

    a: [..., n, n]. calc_q: whether the unitary Q with a = Q H Q^H is returned too. overwrite_a,
    check_finite: without effect -> H [..., n, n], or (H, Q), floating or complex. Raises ValueError
    unless a is square.

    >>> linalg.hessenberg(np.array([[1.0, 2.0], [3.0, 4.0]]))
    Array([[1., 2.],
           [3., 4.]], dtype=float64)
    """
    a = matrices("hessenberg", a)
    n = a.aval.shape[-1]
    if n <= 1:
        return (a, eye(n, dtype=a.aval.dtype) + 0 * a) if calc_q else a
    packed, taus = decompositions.hessenberg(a)
    form = triu(packed, -1)
    if not calc_q:
        return form
    below = getitem(packed, (Ellipsis, slice(1, None), slice(0, n - 1)))
    inner = orthogonal.householder_product(below, taus)
    q = lax.pad(inner, convert(0, a.aval.dtype), [(0, 0, 0)] * (a.aval.ndim - 2) + [(1, 0, 0)] * 2)
    corner = np.zeros((n, n), bool)
    corner[0, 0] = True
    return form, where(corner, 1, q)
