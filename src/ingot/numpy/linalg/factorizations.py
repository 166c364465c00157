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
    """The eigenvalues [..., n] and eigenvectors [..., n, n] that `eig` returns -> a named tuple.

    >>> jnp.linalg.EigResult._fields
    ('eigenvalues', 'eigenvectors')
    """

    eigenvalues: Any
    eigenvectors: Any


class EighResult(NamedTuple):
    """The eigenvalues [..., n] and eigenvectors [..., n, n] that `eigh` returns -> a named tuple.

    >>> jnp.linalg.EighResult._fields
    ('eigenvalues', 'eigenvectors')
    """

    eigenvalues: Any
    eigenvectors: Any


class QRResult(NamedTuple):
    """The orthogonal factor Q and the triangular factor R that `qr` returns -> a named tuple.

    >>> jnp.linalg.QRResult._fields
    ('Q', 'R')
    """

    Q: Any
    R: Any


class SlogdetResult(NamedTuple):
    """The sign [...] and the logarithm logabsdet [...] that `slogdet` returns -> a named tuple.

    >>> jnp.linalg.SlogdetResult._fields
    ('sign', 'logabsdet')
    """

    sign: Any
    logabsdet: Any


class SVDResult(NamedTuple):
    """The left vectors U, singular values S, right vectors Vh that `svd` returns -> a named tuple.

    >>> jnp.linalg.SVDResult._fields
    ('U', 'S', 'Vh')
    """

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
    """Factor positive definite Hermitian matrices: L L^H = a, or U^H U = a.

    a: [..., n, n]; upper: whether U is wanted; symmetrize_input: whether (a + a^H) / 2 is factored
    -> [..., n, n], triangular, of the same dtype, of integers the default float; nan where a matrix
    is not positive definite. By LAPACK. Raises ShapeError unless the matrices are square.

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
    """Factor matrices into an orthogonal Q and an upper triangular R.

    a: [..., m, n], k = min(m, n); mode: "reduced": Q [..., m, k] and R [..., k, n]; "complete": Q
    [..., m, m] and R [..., m, n]; "r": R alone; "raw": reflections, transposed, and their factors
    -> a named tuple, or R. By LAPACK. Raises ShapeError for vectors, ValueError for other
    modes.

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
    """Factor matrices as U diag(S) Vh, with orthonormal vectors and S in descending order.

    a: [..., m, n], k = min(m, n); full_matrices: U [..., m, m] and Vh [..., n, n], else [..., m, k]
    and [..., k, n]; compute_uv: whether vectors are wanted; hermitian: `a` is, so that `eigh`
    serves; subset_by_index: first and last + 1 of the singular values wanted -> a named tuple, or S
    [..., k] alone, real. By LAPACK. Raises ShapeError for vectors, NotImplementedError for
    `hermitian` with a subset.

    >>> jnp.linalg.svd(np.array([[3.0, 0.0], [0.0, -4.0]])).S
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
    """Compute the singular values of matrices, in descending order.

    x: [..., m, n] -> [..., min(m, n)] real. Raises ShapeError for vectors.

    >>> jnp.linalg.svdvals(np.array([[3.0, 0.0], [0.0, -4.0]]))
    Array([4., 3.], dtype=float64)
    """
    return svd(x, compute_uv=False)


# ---- eigenvalues ----

def eigh(a: Any, UPLO: str | None = None, symmetrize_input: bool = True) -> EighResult:
    """Compute eigenvalues, ascending, and orthonormal eigenvectors of Hermitian matrices.

    a: [..., n, n]; UPLO: the triangle that is read, "L" or "U"; symmetrize_input: whether (a + a^H)
    / 2 is taken -> a named tuple: eigenvalues [..., n] real, eigenvectors [..., n, n] in columns.
    By LAPACK. Raises ShapeError unless the matrices are square, ValueError for
    another UPLO.

    >>> jnp.linalg.eigh(np.array([[2.0, 1.0], [1.0, 2.0]])).eigenvalues
    Array([1., 3.], dtype=float64)
    """
    if UPLO not in (None, "L", "U"):
        raise ValueError(f"eigh: UPLO must be None, 'L' or 'U', got {UPLO!r}")
    a = matrices("eigh", a)
    vectors, values = decompositions.eigh(a, lower=UPLO != "U", symmetrize_input=symmetrize_input)
    return EighResult(values, vectors)


def eigvalsh(a: Any, UPLO: str | None = "L", *, symmetrize_input: bool = True) -> Any:
    """Compute the eigenvalues of Hermitian matrices, in ascending order.

    a, UPLO, symmetrize_input: as for `eigh`, with the same errors -> [..., n] real.

    >>> jnp.linalg.eigvalsh(np.array([[2.0, 1.0], [1.0, 2.0]]))
    Array([1., 3.], dtype=float64)
    """
    return eigh(a, UPLO, symmetrize_input).eigenvalues


def eig(a: Any) -> EigResult:
    """Compute eigenvalues, in no particular order, and eigenvectors of matrices.

    a: [..., n, n] -> a named tuple: eigenvalues [..., n] and eigenvectors [..., n, n] in columns,
    of norm 1 and with a real largest component, which derivatives keep; complex. By LAPACK.
    Raises ShapeError unless the matrices are square.

    >>> jnp.linalg.eig(np.array([[2.0, 1.0], [0.0, 3.0]])).eigenvalues
    Array([2.+0.j, 3.+0.j], dtype=complex128)
    """
    values, vectors = decompositions.eig(matrices("eig", a), compute_left_eigenvectors=False,
                                         enable_eigvec_derivs=True)
    return EigResult(values, vectors)


def eigvals(a: Any) -> Any:
    """Compute the eigenvalues of matrices, in no particular order.

    a: [..., n, n] -> [..., n] complex. By LAPACK. Raises ShapeError unless the matrices are
    square.

    >>> jnp.linalg.eigvals(np.array([[0, 1], [-1, 0]]))
    Array([0.+1.j, 0.-1.j], dtype=complex128)
    """
    return decompositions.eig(matrices("eigvals", a), compute_left_eigenvectors=False,
                              compute_right_eigenvectors=False)[0]
