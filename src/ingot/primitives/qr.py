"""QR factorizations and products of reflectors: qr, geqrf, householder_product, ormqr."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.avals import ShapedArray
from ingot.core.division import along_leading_axes
from ingot.core.interpreter import typeof
from ingot.core.primitive import NOT_LINEAR, NoRule, Primitive, PythonFallback
from ingot.primitives.arithmetic import add, sub
from ingot.primitives.complex import complex, imag
from ingot.primitives.linalg import triangular_solve
from ingot.primitives.matrices import (
    adjoint,
    batched,
    check_matrix,
    each_matrix,
    eye_like,
    lapack,
    matmul,
    matrix_transpose,
    on_diagonal,
    permuted_rows,
    tril,
)
from ingot.primitives.movement import all_to_front, full_like
from ingot.primitives.select import select
from ingot.primitives.slicing import concatenate, slice_in_dim
from ingot.primitives.solve import solve

Aval = ShapedArray


def _avals(x: np.ndarray) -> Aval:
    return Aval(x.shape, x.dtype)


# ---- qr ------------------------------------------------------------------------------------------
def _qr_type(x: Aval, *, pivoting: bool, full_matrices: bool, **params: Any) -> list[Aval]:
    check_matrix("qr", x)
    *lead, m, n = x.shape
    k = m if full_matrices else min(m, n)
    out = [Aval((*lead, m, k), x.dtype), Aval((*lead, k, n), x.dtype)]
    return [*out, Aval((*lead, n), dtypes.int32)] if pivoting else out


def _qr_eval(x: np.ndarray, *, pivoting: bool, full_matrices: bool, **params: Any
             ) -> list[np.ndarray]:
    from scipy import linalg as library

    outs = _qr_type(_avals(x), pivoting=pivoting, full_matrices=full_matrices)

    def call(a: np.ndarray) -> list[np.ndarray]:
        if not a.size:
            m, k = outs[0].shape[-2:]
            return [np.eye(m, k), np.zeros(outs[1].shape[-2:]), *[np.arange(a.shape[1])] * pivoting]
        mode = "full" if full_matrices else "economic"
        return list(library.qr(a, mode=mode, pivoting=pivoting, check_finite=False))

    return each_matrix(call, outs, x)


def _qr_jvp(primals: Any, tangents: Any, *, full_matrices: bool, **params: Any) -> Any:
    q, r, *order = qr_p.bind(*primals, full_matrices=full_matrices, **params)
    change = tangents[0]
    if order:
        change = matrix_transpose(permuted_rows(matrix_transpose(change), order[0]))
    m, n = typeof(q).shape[-2], typeof(r).shape[-1]
    if m < n:
        d_q, first = _thin_tangents(q, _columns(r, 0, m), _columns(change, 0, m))
        inner = adjoint(q)
        rest = sub(matmul(inner, _columns(change, m, n)),
                   matmul(inner, d_q, _columns(r, m, n)))
        return [q, r, *order], [d_q, concatenate([first, rest], typeof(r).ndim - 1),
                                *[None] * len(order)]
    thin, square = _columns(q, 0, n), slice_in_dim(r, 0, n, axis=typeof(r).ndim - 2)
    d_q, d_r = _thin_tangents(thin, square, change)
    if full_matrices and m > n:
        d_q = concatenate([d_q, _complement_tangent(q, d_q, n)], typeof(q).ndim - 1)
        below = Aval((*typeof(r).shape[:-2], m - n, n), typeof(r).dtype)
        d_r = concatenate([d_r, full_like(below, 0)], typeof(r).ndim - 2)
    return [q, r, *order], [d_q, d_r, *[None] * len(order)]


def _columns(x: Any, start: int, stop: int) -> Any:
    return slice_in_dim(x, start, stop, axis=typeof(x).ndim - 1)


def _thin_tangents(q: Any, r: Any, change: Any) -> tuple[Any, Any]:
    """Tangents of A = Q R with square R: Q^H dA R^-1 = Q^H dQ + dR R^-1, the first
    skew-Hermitian, the second upper triangular with a real diagonal."""
    scaled = triangular_solve(r, change)
    inner = matmul(adjoint(q), scaled)
    strict = tril(inner, -1)
    turn = sub(strict, adjoint(strict))
    if dtypes.kind(typeof(inner).dtype) == "c":
        phase = complex(full_like(imag(inner), 0), imag(inner))
        turn = add(turn, select(on_diagonal(inner), phase, full_like(inner, 0)))
    rest = sub(turn, inner)
    return add(matmul(q, rest), scaled), matmul(sub(inner, turn), r)


def _complement_tangent(q: Any, d_thin: Any, n: int) -> Any:
    """Tangent of the last columns of a full Q, which the Householder reflectors fix
    (arXiv:2409.13374, equations 32 and 33)."""
    rank, m = typeof(q).ndim, typeof(q).shape[-2]

    def parts(x: Any) -> tuple[Any, Any]:
        return tuple(slice_in_dim(x, *ends, axis=rank - 2) for ends in ((0, n), (n, m)))

    thin, others = _columns(q, 0, n), _columns(q, n, m)
    (top, bottom), (d_top, d_bottom) = parts(thin), parts(d_thin)
    z_adjoint = solve(adjoint(sub(top, eye_like(top))), adjoint(bottom))
    z = adjoint(z_adjoint)
    moved = sub(d_bottom, matmul(z, d_top))
    return sub(matmul(d_thin, z_adjoint), matmul(add(thin, matmul(others, z)), adjoint(moved)))


qr_p = Primitive("qr", type=_qr_type, eval=_qr_eval, jvp=_qr_jvp, transpose=NOT_LINEAR,
                 batch=batched(lambda: qr_p), kernel=PythonFallback("LAPACK"),
                 multiple_results=True)
qr_p.division = along_leading_axes(2)


def qr(x: Any, *, pivoting: bool = False, full_matrices: bool = True, use_magma: Any = None
       ) -> tuple[Any, ...]:
    """QR factorization x = q r, or x[:, p] = q r with `pivoting`.

    x: [..., m, n]; use_magma: without effect -> (q [..., m, m], r [..., m, n]), or k = min(m, n)
    columns of q and rows of r unless `full_matrices`; with `pivoting` also p i32[..., n]. Raises
    TypeError.

    >>> lax.linalg.qr(np.array([[3.], [4.]]), full_matrices=False)[1]
    Array([[-5.]], dtype=float64)
    """
    return tuple(qr_p.bind(x, pivoting=bool(pivoting), full_matrices=bool(full_matrices),
                           use_magma=use_magma))


# ---- geqrf ---------------------------------------------------------------------------------------
BY_PARTS = NoRule("it deals with what LAPACK stores; differentiate qr instead")


def _geqrf_type(x: Aval) -> list[Aval]:
    check_matrix("geqrf", x)
    return [Aval(x.shape, x.dtype), Aval((*x.shape[:-2], min(x.shape[-2:])), x.dtype)]


def _geqrf_eval(x: np.ndarray) -> list[np.ndarray]:
    from scipy import linalg as library

    def call(a: np.ndarray) -> list[np.ndarray]:
        if not a.size:
            return [a, np.zeros((1, min(a.shape)))]
        (packed, taus), _ = library.qr(a, mode="raw", check_finite=False)
        return [packed, taus[None]]

    packed, taus = _geqrf_type(_avals(x))
    rows = Aval((*taus.shape[:-1], 1, taus.shape[-1]), taus.dtype)
    found = each_matrix(call, [packed, rows], x)
    return [found[0], found[1][..., 0, :]]


geqrf_p = Primitive("geqrf", type=_geqrf_type, eval=_geqrf_eval, jvp=BY_PARTS,
                    transpose=NOT_LINEAR, batch=batched(lambda: geqrf_p),
                    kernel=PythonFallback("LAPACK"),
                    multiple_results=True)
geqrf_p.division = along_leading_axes(2)


def geqrf(a: Any) -> tuple[Any, Any]:
    """QR factorization as LAPACK stores it: R, and below its diagonal the reflectors of Q.

    a: [..., m, n] -> ([..., m, n], taus [..., min(m, n)]). Raises TypeError.
    >>> lax.linalg.geqrf(np.array([[3.], [4.]]))[1]
    Array([1.6], dtype=float64)
    """
    return tuple(geqrf_p.bind(a))


# ---- householder_product -------------------------------------------------------------------------


def _check_taus(name: str, a: Aval, taus: Aval) -> None:
    check_matrix(name, a)
    if taus.dtype != a.dtype or taus.shape[:-1] != a.shape[:-2] or (
            taus.ndim < 1 or taus.shape[-1] > min(a.shape[-2:])):
        raise TypeError(f"{name}: expected at most min(m, n) taus for reflectors in the columns of"
                        f" {a}, got {taus}")


def _product_type(a: Aval, taus: Aval) -> Aval:
    _check_taus("householder_product", a, taus)
    if a.shape[-2] < a.shape[-1]:
        raise ValueError(f"householder_product: needs at least as many rows as columns, got {a}")
    return a


def _product_eval(a: np.ndarray, taus: np.ndarray) -> np.ndarray:
    routine = lapack("ungqr" if a.dtype.kind == "c" else "orgqr", a.dtype)

    def call(a: np.ndarray, taus: np.ndarray) -> list[np.ndarray]:
        if not a.size or not taus.size:
            return [np.eye(*a.shape)]
        return [routine(a, taus[0])[0]]

    return each_matrix(call, [_avals(a)], a, taus[..., None, :])[0]


householder_product_p = Primitive(
    "householder_product", type=_product_type, eval=_product_eval, jvp=BY_PARTS,
    transpose=NOT_LINEAR, kernel=PythonFallback("LAPACK"),
    batch=lambda args, dims: (householder_product_p.bind(*all_to_front(args, dims)), 0))
householder_product_p.division = along_leading_axes(2, 1)


def householder_product(a: Any, taus: Any) -> Any:
    """The first n columns of a product of Householder reflectors, as LAPACK stores them.

    a: [..., m, n] with reflectors below the diagonal, taus: [..., k] -> [..., m, n].
    >>> lax.linalg.householder_product(np.array([[-5.], [0.5]]), np.array([1.6]))
    Array([[-0.6],
           [-0.8]], dtype=float64)
    """
    return householder_product_p.bind(a, taus)


# ---- ormqr ---------------------------------------------------------------------------------------
def _ormqr_type(a: Aval, taus: Aval, c: Aval, *, left: bool, transpose: bool) -> Aval:
    _check_taus("ormqr", a, taus)
    check_matrix("ormqr", c)
    if c.dtype != a.dtype or c.shape[:-2] != a.shape[:-2] or (
            c.shape[-2 if left else -1] != a.shape[-2]):
        raise TypeError(f"ormqr: reflectors and operand must match, got {a} and {c} with"
                        f" left={left}")
    return c


def _ormqr_eval(a: np.ndarray, taus: np.ndarray, c: np.ndarray, *, left: bool, transpose: bool
                ) -> np.ndarray:
    code = a.dtype.kind == "c"
    routine = lapack("unmqr" if code else "ormqr", a.dtype)

    def call(a: np.ndarray, taus: np.ndarray, c: np.ndarray) -> list[np.ndarray]:
        if not c.size or not taus.size:
            return [c]
        op = ("C" if code else "T") if transpose else "N"
        work = 64 * max(1, c.shape[1 if left else 0])
        return [routine("L" if left else "R", op, a[:, : taus.size], taus[0], c, work)[0]]

    return each_matrix(call, [_avals(c)], a, taus[..., None, :], c)[0]


ormqr_p = Primitive(
    "ormqr", type=_ormqr_type, eval=_ormqr_eval, jvp=BY_PARTS, transpose=NOT_LINEAR,
    kernel=PythonFallback("LAPACK"),
    batch=lambda args, dims, **params: (ormqr_p.bind(*all_to_front(args, dims), **params), 0))
ormqr_p.division = along_leading_axes(2, 1, 2)


def ormqr(a: Any, taus: Any, c: Any, *, left: bool = True, transpose: bool = False) -> Any:
    """Multiply by the orthogonal matrix q that Householder reflectors make.

    a, taus: as for `householder_product`. c: [..., m, n]. left: whether q stands on the left.
    transpose: whether its adjoint is taken -> q c, or c q, of the type of c. Raises TypeError for
    types that do not match.

    >>> lax.linalg.ormqr(np.array([[-5.], [0.5]]), np.array([1.6]), np.array([[3.], [4.]]),
    ...                  transpose=True)
    Array([[-5.],
           [ 0.]], dtype=float64)
    """
    return ormqr_p.bind(a, taus, c, left=bool(left), transpose=bool(transpose))
