"""Factorizations and eigenvalues of stacks of matrices."""

from __future__ import annotations

from typing import Any, NamedTuple

from ingot import dtypes
from ingot.errors import ShapeError
from ingot.numpy import primitives as lax
from ingot.numpy.arithmetic import multiply
from ingot.numpy.families import like
from ingot.numpy.manipulation import matrix_transpose as matrix_transpose
from ingot.numpy.products import (
    matmul as matmul,
    vecdot as vecdot,
)
from ingot.numpy.promotion import (
    convert,
    inexact,
)
from ingot.numpy.rounding import conj
from ingot.primitives import decompositions, linalg as factors, qr as orthogonal


class EigResult(NamedTuple):
    """Eigenvalues and eigenvectors of a matrix."""

    eigenvalues: Any
    eigenvectors: Any


class EighResult(NamedTuple):
    """Eigenvalues and eigenvectors of a Hermitian matrix."""

    eigenvalues: Any
    eigenvectors: Any


class QRResult(NamedTuple):
    """Orthogonal and triangular factor."""

    Q: Any
    R: Any


class SlogdetResult(NamedTuple):
    """Sign and logarithm of the absolute value of a determinant."""

    sign: Any
    logabsdet: Any


class SVDResult(NamedTuple):
    """Left vectors, singular values, right vectors."""

    U: Any
    S: Any
    Vh: Any


def matrices(name: str, a: Any, square: bool = True) -> Any:
    """An array-like as a strong inexact stack of matrices."""
    a = inexact(name, a)
    a = convert(a, dtypes.at_least(a.aval.dtype, dtypes.float32))
    if a.aval.ndim < 2 or square and a.aval.shape[-1] != a.aval.shape[-2]:
        what = "square matrices" if square else "matrices"
        raise ShapeError(f"{name}: {what} are needed, got {a.aval}")
    return a


def adjoint(x: Any) -> Any:
    """Each matrix conjugated and transposed."""
    return conj(matrix_transpose(x))


# ---- factorizations ----

def cholesky(a: Any, *, upper: bool = False, symmetrize_input: bool = True) -> Any:
    """Triangular L with L L^H = a (U with U^H U = a if `upper`); nan if a is not positive definite.

    >>> jnp.linalg.cholesky(np.array([[4.0, 2.0], [2.0, 5.0]]))
    Array([[2., 0.],
           [1., 2.]], dtype=float64)
    """
    a = matrices("cholesky", a)
    if upper and not symmetrize_input:
        a = adjoint(a)
    lower = factors.cholesky(a, symmetrize_input=symmetrize_input)
    return adjoint(lower) if upper else lower


def qr(a: Any, mode: str = "reduced") -> Any:
    """Orthogonal times upper triangular; mode 'reduced', 'complete', 'r', or 'raw' as in NumPy.

    >>> jnp.linalg.qr(np.array([[3.0], [4.0]])).R
    Array([[-5.]], dtype=float64)
    """
    a = matrices("qr", a, square=False)
    if mode not in ("reduced", "complete", "full", "r", "raw"):
        raise ValueError("qr: mode must be 'reduced', 'complete', 'r' or 'raw', got"
                         f" {mode!r}")
    if mode == "raw":
        packed, taus = orthogonal.geqrf(a)
        return QRResult(matrix_transpose(packed), taus)
    q, r = orthogonal.qr(a, full_matrices=mode in ("complete", "full"))
    return r if mode == "r" else QRResult(q, r)


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False,
        subset_by_index: tuple[int, int] | None = None) -> Any:
    """Singular value decomposition a = U diag(S) Vh, S descending.

    >>> jnp.linalg.svd(np.diag([3.0, 4.0]), compute_uv=False)
    Array([4., 3.], dtype=float64)
    """
    a = matrices("svd", a, square=hermitian)
    if hermitian:
        if subset_by_index is not None:
            raise NotImplementedError("svd: subset_by_index does not go with hermitian=True")
        return _hermitian_svd(a, compute_uv)
    out = decompositions.svd(a, full_matrices=full_matrices, compute_uv=compute_uv,
                             subset_by_index=subset_by_index)
    return SVDResult(*out) if compute_uv else out


def _hermitian_svd(a: Any, compute_uv: bool) -> Any:
    vectors, values = decompositions.eigh(a)
    size = lax.abs(values)
    axis = size.aval.ndim - 1
    index = lax.broadcasted_iota(dtypes.int32, size.aval.shape, axis)
    key, order = lax.sort([lax.neg(size), index], dimension=axis, num_keys=1)
    if not compute_uv:
        return lax.neg(key)
    n = size.aval.shape[-1]
    chosen = lax.eq(lax.broadcast_in_dim(order, a.aval.shape, (*range(axis), axis + 1)),
                    lax.broadcasted_iota(dtypes.int32, a.aval.shape, axis))
    u = matmul(vectors, convert(chosen, vectors.aval.dtype))
    negative = matmul(convert(lax.lt(lax.reshape(values, (*values.aval.shape[:-1], 1, n)), like(
        lax.reshape(values, (*values.aval.shape[:-1], 1, n)), 0)), vectors.aval.dtype),
        convert(chosen, vectors.aval.dtype))
    signs = lax.sub(like(negative, 1), lax.add(negative, negative))
    return SVDResult(u, lax.neg(key), adjoint(multiply(u, signs)))


def svdvals(x: Any, /) -> Any:
    """Singular values in descending order.

    >>> jnp.linalg.svdvals(np.diag([3.0, 4.0]))
    Array([4., 3.], dtype=float64)
    """
    return svd(x, compute_uv=False)


# ---- eigenvalues ----

def eigh(a: Any, UPLO: str | None = None, symmetrize_input: bool = True) -> EighResult:
    """Ascending eigenvalues and orthonormal eigenvectors (columns) of Hermitian matrices.

    >>> jnp.linalg.eigh(np.diag([2.0, 1.0])).eigenvalues
    Array([1., 2.], dtype=float64)
    """
    if UPLO not in (None, "L", "U"):
        raise ValueError(f"eigh: UPLO must be None, 'L' or 'U', got {UPLO!r}")
    a = matrices("eigh", a)
    vectors, values = decompositions.eigh(a, lower=UPLO != "U", symmetrize_input=symmetrize_input)
    return EighResult(values, vectors)


def eigvalsh(a: Any, UPLO: str | None = "L", *, symmetrize_input: bool = True) -> Any:
    """Ascending eigenvalues of Hermitian matrices.

    >>> jnp.linalg.eigvalsh(np.diag([2.0, 1.0]))
    Array([1., 2.], dtype=float64)
    """
    return eigh(a, UPLO, symmetrize_input).eigenvalues


def eig(a: Any) -> EigResult:
    """Complex eigenvalues, in no particular order, and eigenvectors (columns).

    Derivatives of vectors keep their norm of 1 and their largest component real, as LAPACK does.

    >>> jnp.linalg.eig(np.eye(1)).eigenvalues
    Array([1.+0.j], dtype=complex128)
    """
    values, vectors = decompositions.eig(matrices("eig", a), compute_left_eigenvectors=False,
                                         enable_eigvec_derivs=True)
    return EigResult(values, vectors)


def eigvals(a: Any) -> Any:
    """Complex eigenvalues, in no particular order.

    >>> jnp.linalg.eigvals(np.eye(1))
    Array([1.+0.j], dtype=complex128)
    """
    return decompositions.eig(matrices("eigvals", a), compute_left_eigenvectors=False,
                              compute_right_eigenvectors=False)[0]
