"""Factorizations and solutions of linear systems under the names of scipy.linalg."""

from __future__ import annotations

import functools
from typing import Any

from ingot import dtypes
from ingot.control.custom_jvp import custom_jvp
from ingot.numpy import primitives as lax
from ingot.numpy.creation import broadcast_to, eye
from ingot.numpy.families import kind_of
from ingot.numpy.functional import vectorize
from ingot.numpy.indexing import getitem
from ingot.numpy.linalg import (
    det as _det,
    eigh as _eigh,
    inv as _inv,
    solve as _solve,
    svd as _svd,
)
from ingot.numpy.linalg.factorizations import adjoint, matrices
from ingot.numpy.linalg.solving import common_shape, lu_solve_permuted
from ingot.numpy.promotion import as_array, convert, promote_dtypes
from ingot.numpy.triangles import diagonal, tril, triu
from ingot.primitives import linalg as factors, qr as orthogonal
from ingot.primitives.matrices import columns, divide_by_gap, matmul, rows

# ---- Cholesky ----


def cholesky(a: Any, lower: bool = False, overwrite_a: bool = False,
             check_finite: bool = True) -> Any:
    """Cholesky factor of Hermitian positive definite matrices: U with U^H U = a.

    a: [..., n, n], of which one triangle is read. lower: whether the result is L with L L^H = a
    instead. overwrite_a, check_finite: without effect -> [..., n, n] floating or complex; nan where
    a is not positive definite. Raises ValueError unless a is square.

    >>> linalg.cholesky(np.array([[4.0, 2.0], [2.0, 5.0]]))
    Array([[2., 1.],
           [0., 2.]], dtype=float64)
    """
    a = matrices("cholesky", a)
    factor = factors.cholesky(a if lower else adjoint(a), symmetrize_input=False)
    return factor if lower else adjoint(factor)


def cho_factor(a: Any, lower: bool = False, overwrite_a: bool = False,
               check_finite: bool = True) -> tuple[Any, bool]:
    """Factor a Hermitian positive definite matrix for `cho_solve`.

    a, lower, overwrite_a, check_finite, errors: those of `cholesky` -> (factor [..., n, n], lower),
    with zeros in the other triangle.

    >>> linalg.cho_factor(np.array([[4.0]]))
    (Array([[2.]], dtype=float64), False)
    """
    return cholesky(a, lower), lower


def _check_rows(name: str, a: Any, b: Any) -> None:
    """Raise ValueError unless the right sides, columns or vectors, have as many rows as `a`."""
    n, shape = a.aval.shape[-1], b.aval.shape
    if (shape[-2:] or (None,))[0] != n and shape != a.aval.shape[:-1]:
        raise ValueError(f"{name}: b must have {n} rows, as a has, got {a.aval} and {b.aval}")


def cho_solve(c_and_lower: tuple[Any, bool], b: Any, overwrite_b: bool = False,
              check_finite: bool = True) -> Any:
    """Solve a x = b with the result of `cho_factor(a)`.

    c_and_lower: that result. b: [..., n] or [..., n, k]. overwrite_b, check_finite: without effect
    -> x of the shape of b, floating or complex. Raises TypeError or ValueError for shapes that do
    not fit.

    >>> linalg.cho_solve(linalg.cho_factor(np.array([[4.0]])), np.array([8.0]))
    Array([2.], dtype=float64)
    """
    if not isinstance(c_and_lower, (tuple, list)) or len(c_and_lower) != 2:
        got = getattr(c_and_lower, "aval", type(c_and_lower).__name__)
        raise TypeError(f"cho_solve: the first argument is the pair (c, lower), got {got}; give"
                        " the result of cho_factor(a)")
    c, lower = c_and_lower
    c, b = as_array("cho_solve", c), as_array("cho_solve", b)
    _check_rows("cho_solve", c, b)
    if b.aval.ndim > 1 and b.aval.shape != c.aval.shape[:-1]:  # matrices beside stacks of them
        lead = common_shape("cho_solve", (c, b), (c.aval.shape[:-2], b.aval.shape[:-2]))
        c, b = (broadcast_to(x, (*lead, *x.aval.shape[-2:])) for x in (c, b))
    y = solve_triangular(c, b, trans=0 if lower else 2, lower=lower)
    return solve_triangular(c, y, trans=2 if lower else 0, lower=lower)


# ---- solutions ----


def solve_triangular(a: Any, b: Any, trans: int | str = 0, lower: bool = False,
                     unit_diagonal: bool = False, overwrite_b: bool = False, debug: Any = None,
                     check_finite: bool = True) -> Any:
    """Solve linear systems of triangular matrices by substitution.

    a: [..., n, n], of which one triangle is read, by `lower`. b: [n] or [..., n, k]. trans: 0 or
    'N' for a x = b, 1 or 'T' for the transpose of a, 2 or 'C' for its adjoint. unit_diagonal:
    whether its diagonal counts as ones. overwrite_b, debug, check_finite: without effect -> x of
    the shape of b, floating or complex. Raises ValueError for other trans and shapes.

    >>> linalg.solve_triangular(np.array([[2.0, 1.0], [0.0, 1.0]]), np.array([4.0, 2.0]))
    Array([1., 2.], dtype=float64)
    """
    a, b = promote_dtypes("solve_triangular", a, b, kind="inexact")
    a = matrices("solve_triangular", a)
    b = convert(b, a.aval.dtype)
    codes = {0: (False, False), "N": (False, False), 1: (True, False), "T": (True, False),
             2: (True, True), "C": (True, True)}
    if trans not in codes:
        raise ValueError(f"solve_triangular: trans must be 0, 1, 2, 'N', 'T' or 'C', got {trans!r}")
    transpose, conjugate = codes[trans]
    _check_rows("solve_triangular", a, b)
    vector = b.aval.ndim == 1 or b.aval.ndim == a.aval.ndim - 1
    b = lax.reshape(b, (*b.aval.shape, 1)) if vector else b
    lead = common_shape("solve_triangular", (a, b), (a.aval.shape[:-2], b.aval.shape[:-2]))
    a = broadcast_to(a, (*lead, *a.aval.shape[-2:]))
    b = broadcast_to(b, (*lead, *b.aval.shape[-2:]))
    out = factors.triangular_solve(a, b, left_side=True, lower=lower, transpose_a=transpose,
                                   conjugate_a=conjugate, unit_diagonal=unit_diagonal)
    return lax.squeeze(out, (out.aval.ndim - 1,)) if vector else out


def solve(a: Any, b: Any, lower: bool = False, overwrite_a: bool = False,
          overwrite_b: bool = False, debug: bool = False, check_finite: bool = True,
          assume_a: str = "gen") -> Any:
    """Solve linear systems a x = b.

    a: [..., n, n]. b: [n] or [..., n, k]. assume_a: what a is, by SciPy's short or long name:
    'pos', positive definite, of which one triangle is read, by `lower`; 'diagonal', 'upper
    triangular' or 'lower triangular', of which no other elements are read; 'gen', 'sym', 'her',
    'tridiagonal' or 'banded', read as a whole. overwrite_a, overwrite_b, debug, check_finite:
    without effect -> x of the shape of b, floating or complex; inf or nan where a is singular.
    Raises ValueError for other assumptions and shapes.

    >>> linalg.solve(np.array([[2.0, 0.0], [1.0, 1.0]]), np.array([4.0, 3.0]))
    Array([2., 1.], dtype=float64)
    """
    if assume_a not in _KINDS:
        raise ValueError(f"solve: assume_a must be one of {', '.join(_KINDS)}, got {assume_a!r}")
    a, b = promote_dtypes("solve", a, b, kind="inexact")
    kind = _KINDS[assume_a]
    if kind == "pos":
        return cho_solve(cho_factor(a, lower=lower), b)
    if kind == "diagonal":
        return _solve_diagonal(matrices("solve", a), b)
    if kind in ("upper", "lower"):
        return solve_triangular(a, b, lower=kind == "lower")
    return _solve(a, b)


_KINDS = {"gen": "gen", "general": "gen", "sym": "gen", "symmetric": "gen", "her": "gen",
          "hermitian": "gen", "tridiagonal": "gen", "banded": "gen", "pos": "pos",
          "positive definite": "pos", "diagonal": "diagonal", "upper triangular": "upper",
          "lower triangular": "lower"}
"""What SciPy's assumptions about a matrix come to here."""


def _solve_diagonal(a: Any, b: Any) -> Any:
    """Solve a x = b for diagonal matrices a [..., n, n] and b [n] or [..., n, k]."""
    n = a.aval.shape[-1]
    if b.aval.shape[-2:][:1] != (n,):
        raise ValueError(f"solve: b must have {n} rows, as a has, got {a.aval} and {b.aval}")
    entries = diagonal(a, 0, -2, -1)
    return b / (entries if b.aval.ndim == 1 else lax.expand_dims(entries, (entries.aval.ndim,)))


def inv(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """Invert square matrices, by LU factorization.

    a: [..., n, n]. overwrite_a, check_finite: without effect -> [..., n, n] floating or complex;
    inf or nan where a is singular. Raises ValueError unless a is square.

    >>> linalg.inv(np.array([[2.0, 0.0], [0.0, 4.0]]))
    Array([[0.5 , 0.  ],
           [0.  , 0.25]], dtype=float64)
    """
    return _inv(a)


def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """Determinant of square matrices, by LU factorization.

    a: [..., n, n]. overwrite_a, check_finite: without effect -> [...] floating or complex. Raises
    ValueError unless a is square.

    >>> linalg.det(np.array([[1.0, 2.0], [3.0, 4.0]])).round(6)
    Array(-2., dtype=float64)
    """
    return _det(a)


# ---- LU, QR, SVD ----


def lu_factor(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> tuple[Any, Any]:
    """LU factorization with row exchanges, for `lu_solve`.

    a: [..., m, n]. overwrite_a, check_finite: without effect -> (both factors in one matrix [...,
    m, n], the row that each row was exchanged with i32[..., min(m, n)]).

    >>> linalg.lu_factor(np.array([[1.0, 2.0], [2.0, 5.0]]))[1]
    Array([1, 1], dtype=int32)
    """
    packed, pivots, _ = factors.lu(matrices("lu_factor", a, square=False))
    return packed, pivots


def lu_solve(lu_and_piv: tuple[Any, Any], b: Any, trans: int = 0, overwrite_b: bool = False,
             check_finite: bool = True) -> Any:
    """Solve a x = b with the result of `lu_factor(a)`.

    lu_and_piv: that result. b: [n] or [..., n, k]. trans: 0 for a itself, 1 for its transpose, 2
    for its adjoint. overwrite_b, check_finite: without effect -> x of the shape of b, floating or
    complex. Raises ValueError for shapes that do not fit.

    >>> linalg.lu_solve(linalg.lu_factor(np.array([[2.0]])), np.array([4.0]))
    Array([2.], dtype=float64)
    """
    if trans not in (0, 1, 2):
        raise ValueError(f"lu_solve: trans must be 0, 1 or 2, got {trans!r}")
    packed, pivots = lu_and_piv
    packed, b = promote_dtypes("lu_solve", packed, b, kind="inexact")
    permutation = factors.lu_pivots_to_permutation(as_array("lu_solve", pivots),
                                                   packed.aval.shape[-2])
    one = functools.partial(lu_solve_permuted, trans=trans)
    many = vectorize(one, signature="(n,n),(n),(n,k)->(n,k)")
    vector = b.aval.ndim == 1
    column = lax.reshape(b, (b.aval.size, 1)) if vector else b
    _check_rows("lu_solve", packed, b)
    x = many(packed, permutation, column)
    return lax.squeeze(x, (x.aval.ndim - 1,)) if vector else x


def lu(a: Any, permute_l: bool = False, overwrite_a: bool = False,
       check_finite: bool = True) -> Any:
    """LU factorization with row exchanges, a = P L U.

    a: [..., m, n]. permute_l: whether P L is returned in place of P and L. overwrite_a,
    check_finite: without effect -> (P [..., m, m], L [..., m, k], U [..., k, n]) with k = min(m,
    n), or (P L, U), floating or complex.

    >>> linalg.lu(np.array([[1.0, 2.0], [2.0, 4.0]]))[2]
    Array([[2., 4.],
           [0., 0.]], dtype=float64)
    """
    a = matrices("lu", a, square=False)
    packed, _, permutation = factors.lu(a)
    m, n = a.aval.shape[-2:]
    k = min(m, n)
    dtype = a.aval.dtype
    lower = tril(getitem(packed, (Ellipsis, slice(0, k))), -1) + eye(m, k, dtype=dtype)
    upper = triu(getitem(packed, (Ellipsis, slice(0, k), slice(None))))
    grid = (*permutation.aval.shape, m)
    rank = len(grid)
    rows = lax.broadcasted_iota(permutation.aval.dtype, grid, rank - 2)
    places = lax.broadcast_in_dim(permutation, grid, (*range(rank - 2), rank - 1))
    p = convert(lax.eq(rows, places), dtypes.real_of(dtype))
    if permute_l:
        return matmul(p, lower), upper
    return p, lower, upper


def qr(a: Any, overwrite_a: bool = False, lwork: Any = None, mode: str = "full",
       pivoting: bool = False, check_finite: bool = True) -> Any:
    """QR factorization, a = Q R, or a[:, p] = Q R with pivoting.

    a: [..., m, n]. mode: 'full', 'economic' for k = min(m, n) columns of Q and rows of R, or 'r'
    for R alone. pivoting: whether columns are exchanged so that the diagonal of R falls.
    overwrite_a, lwork, check_finite: without effect -> (Q, R), (R,) for 'r', then p i32[..., n]
    with pivoting. Raises ValueError for other modes.

    >>> linalg.qr(np.array([[3.0], [4.0]]), mode="r")[0]
    Array([[-5.],
           [ 0.]], dtype=float64)
    """
    if mode not in ("full", "economic", "r"):
        raise ValueError(f"qr: mode must be 'full', 'economic' or 'r', got {mode!r}")
    out = orthogonal.qr(matrices("qr", a, square=False), pivoting=pivoting,
                        full_matrices=mode != "economic")
    return out[1:] if mode == "r" else out


def qr_multiply(a: Any, c: Any, mode: str = "right", pivoting: bool = False,
                conjugate: bool = False, overwrite_a: bool = False, overwrite_c: bool = False
                ) -> Any:
    """Multiply by the orthogonal factor Q of a QR factorization, which is not formed.

    a: [..., m, n]. c: with k = min(m, n), [..., l, m] for c Q (mode 'right'), [..., k, l] for Q c
    ('left'); a vector stands for one row or column. pivoting: that of `qr`. conjugate: whether Q is
    conjugated. overwrite_a, overwrite_c: without effect -> (product, R), and with pivoting the
    permutation. Raises ValueError for other modes and shapes.

    >>> linalg.qr_multiply(np.array([[3.0], [4.0]]), np.array([[3.0, 4.0]]))[0]
    Array([[-5.]], dtype=float64)
    """
    if mode not in ("left", "right"):
        raise ValueError(f"qr_multiply: mode must be 'left' or 'right', got {mode!r}")
    a, c = promote_dtypes("qr_multiply", a, c, kind="inexact")
    Q, *rest = qr(a, mode="economic", pivoting=pivoting)
    Q = lax.conj(Q) if conjugate and kind_of(Q) == "c" else Q
    vector = c.aval.ndim == 1
    if vector:
        c = lax.expand_dims(c, (0,) if mode == "right" else (1,))
    m, k = Q.aval.shape[-2:]
    if mode == "left" and c.aval.shape[-2] == m != k:  # all of Q is asked for
        Q = qr(a, mode="full", pivoting=pivoting)[0]
        Q = lax.conj(Q) if conjugate and kind_of(Q) == "c" else Q
    out = matmul(c, Q) if mode == "right" else matmul(Q, c)
    if vector:
        out = lax.squeeze(out, (out.aval.ndim - (2 if mode == "right" else 1),))
    return (out, *rest)


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, overwrite_a: bool = False,
        check_finite: bool = True, lapack_driver: str = "gesdd") -> Any:
    """Singular value decomposition a = U diag(s) Vh, s in descending order.

    a: [..., m, n]. full_matrices: whether U is [..., m, m] and Vh [..., n, n], else min(m, n)
    columns and rows. compute_uv: whether they are returned. overwrite_a, check_finite,
    lapack_driver: without effect -> (U, s, Vh), or s, floating or complex.

    >>> linalg.svd(np.array([[3.0, 0.0], [0.0, 4.0]]), compute_uv=False)
    Array([4., 3.], dtype=float64)
    """
    out = _svd(a, full_matrices, compute_uv)
    return tuple(out) if compute_uv else out


def polar(a: Any, side: str = "right", *, method: str = "qdwh", eps: float | None = None,
          max_iterations: int | None = None) -> tuple[Any, Any]:
    """Polar decomposition into a unitary and a positive semidefinite factor.

    a: [..., m, n]. side: 'right' for a = u p, 'left' for a = p u. method, eps, max_iterations:
    without effect, as it is made of the singular value decomposition -> (u [..., m, n], p),
    floating or complex. Raises ValueError for other sides.

    >>> linalg.polar(np.array([[-2.0]]))
    (Array([[-1.]], dtype=float64), Array([[2.]], dtype=float64))
    """
    if side not in ("right", "left"):
        raise ValueError(f"polar: side must be 'right' or 'left', got {side!r}")
    a = matrices("polar", a, square=False)
    tall = a.aval.shape[-2] >= a.aval.shape[-1]
    unitary = _unitary(a) if tall else adjoint(_unitary(adjoint(a)))
    if side == "right":
        return unitary, matmul(adjoint(unitary), a)
    return unitary, matmul(a, adjoint(unitary))


@custom_jvp
def _unitary(a: Any) -> Any:
    """The unitary factor U of a = U P for a [..., m, n], m >= n."""
    u, _, vh = _svd(a, full_matrices=False)
    return matmul(u, vh)


@_unitary.defjvp
def _unitary_jvp(primals: Any, tangents: Any) -> Any:
    """dU = U X + (1 - U U^H) dA P^-1, where X P + P X is the skew part of U^H dA, twice."""
    (a,), (t,) = primals, tangents
    unitary = _unitary(a)
    p = matmul(adjoint(unitary), a)
    p = (p + adjoint(p)) / 2
    inner = matmul(adjoint(unitary), t)
    change = matmul(unitary, _lyapunov(p, inner - adjoint(inner)))
    if a.aval.shape[-2] > a.aval.shape[-1]:
        rest = t - matmul(unitary, inner)
        change = change + adjoint(_solve(p, adjoint(rest)))
    return unitary, change


@custom_jvp
def _lyapunov(p: Any, c: Any) -> Any:
    """The solution X of p X + X p = c for Hermitian p."""
    w, v = _eigh(p)
    w = convert(w, c.aval.dtype)
    inner = matmul(adjoint(v), c, v)
    return matmul(v, divide_by_gap(inner, rows(w, inner) + columns(w, inner)), adjoint(v))


@_lyapunov.defjvp
def _lyapunov_jvp(primals: Any, tangents: Any) -> Any:
    (p, c), (t, change) = primals, tangents
    x = _lyapunov(p, c)
    return x, _lyapunov(p, change - matmul(t, x) - matmul(x, t))
