"""Rows of matrix factorizations and solvers, against NumPy and SciPy."""

from functools import partial

import numpy as np
import scipy.linalg

from examples import Bad, Example, complex_normal, normal
from ingot.numpy.linalg.two_norm import two_norm
from ingot.primitives import decompositions as d, linalg as l, qr as q, tridiagonal as t
from ingot.primitives.matrices import adjoint, divide_by_gap, matmul
from ingot.primitives.movement import reduce_sum
from ingot.primitives.powers import square
from ingot.primitives.slicing import slice_in_dim
from ingot.primitives.spectrum import basis_product_p, untied

TOL = 1e-7


def stable(*shape, seed=0):
    """A well-conditioned matrix with distinct eigenvalues and singular values."""
    n = shape[-1]
    return normal(*shape, seed=seed) * 0.4 + np.diag(np.arange(1.0, n + 1))


def positive(*shape, seed=0):
    """A symmetric positive definite matrix."""
    a = normal(*shape, seed=seed)
    return a @ np.swapaxes(a, -1, -2) + np.diag(np.arange(1.0, shape[-1] + 1))


def hermitian(n):
    a = complex_normal(n, n)
    return (a + a.conj().T) / 2 + np.diag(2.0 * np.arange(n))


def _row(op, args, ref, ulps=1e4, tol=TOL, **more):
    params = more.pop("params", {})
    return Example(op, args if isinstance(args, tuple) else (args,), params, ref=ref, ulps=ulps,
                   tol=tol, **more)


def _cholesky():
    ref = np.linalg.cholesky
    lower = lambda x: scipy.linalg.cholesky((x + x.conj().T) / 2, lower=True)
    complex_ = hermitian(3) + 4 * np.eye(3)
    return [_row(l.cholesky, positive(3, 3), lower), _row(l.cholesky, positive(2, 2, 2), ref),
            _row(l.cholesky, complex_, lower), _row(l.cholesky, np.zeros((0, 0)), lambda x: x),
            _row(l.cholesky, -positive(2, 2), lambda x: np.where(np.tri(2) > 0, np.nan, 0.0),
                 diff=(), maps=()),
            _row(l.cholesky, positive(40, 40), ref, maps=(), diff=())]


def solved(a, b, left_side=False, lower=False, transpose_a=False, conjugate_a=False,
           unit_diagonal=False):
    tri = np.tril(a) if lower else np.triu(a)
    if unit_diagonal:
        tri = tri - np.diag(np.diag(tri)) + np.eye(len(a))
    op = tri.conj() if conjugate_a else tri
    op = op.T if transpose_a else op
    return np.linalg.solve(op, b) if left_side else np.linalg.solve(op.T, b.T).T


def _triangular():
    rows = []
    for i in range(16):
        params = dict(left_side=bool(i & 1), lower=bool(i & 2), transpose_a=bool(i & 4),
                      unit_diagonal=bool(i & 8))
        b = normal(3, 2) if i & 1 else normal(2, 3)
        rows.append(_row(l.triangular_solve, (stable(3, 3), b), solved, params=params))
    for conjugate in (False, True):
        params = dict(left_side=True, lower=True, transpose_a=True, conjugate_a=conjugate)
        rows.append(_row(l.triangular_solve, (stable(3, 3) + 0.2j * normal(3, 3, seed=4),
                                              complex_normal(3, 2)), solved, params=params))
    rows.append(_row(l.triangular_solve, (stable(40, 40), normal(40, 5)), solved, maps=(), diff=(),
                     params=dict(left_side=True, lower=True)))
    return rows


def lu_ref(x):
    p, low, up = scipy.linalg.lu(x)
    k = min(x.shape)
    full = np.zeros(x.shape)
    full[:, :k] += np.tril(low, -1)[:, :k]
    full[:k] += up
    permutation = np.argmax(p, axis=0).astype(np.int32)
    pivots = scipy.linalg.lapack.dgetrf(x)[1].astype(np.int32)
    return [full, pivots, permutation]


def _lu():
    pivots = np.array([2, 2, 2], np.int32)
    return [_row(l.lu, stable(3, 3), lu_ref), _row(l.lu, normal(4, 2), lu_ref),
            _row(l.lu, normal(2, 3), lu_ref), _row(l.lu, stable(2, 3, 3), None),
            _row(l.lu, stable(3, 3) + 1j * normal(3, 3, seed=3), None),
            _row(l.lu_pivots_to_permutation, pivots, lambda p, permutation_size: np.array(
                [2, 0, 1, 3], np.int32), params=dict(permutation_size=4))]


def qr_ref(x, full_matrices=True):
    return list(np.linalg.qr(x, mode="complete" if full_matrices else "reduced"))


def products(x):
    """The reflectors of a QR factorization, made into its orthogonal factor."""
    (a, taus), _ = scipy.linalg.qr(x, mode="raw")
    return np.ascontiguousarray(a), taus


def _qr():
    a, taus = products(normal(4, 2))
    b, b_taus = products(complex_normal(4, 2))
    c_full = np.linalg.qr(complex_normal(4, 2), mode="complete")[0]
    full = np.linalg.qr(normal(4, 2), mode="complete")[0]
    other = normal(4, 3)
    return [_row(q.qr, stable(3, 3), qr_ref), _row(q.qr, normal(4, 2), qr_ref,
                                                   params=dict(full_matrices=False)),
            _row(q.qr, normal(4, 2), qr_ref, diff=()),
            _row(q.qr, complex_normal(3, 2), qr_ref, params=dict(full_matrices=False)),
            _row(q.qr, stable(2, 3, 3), None),
            _row(q.geqrf, normal(4, 2), products, diff=()),
            _row(q.geqrf, complex_normal(3, 3), products, diff=()),
            _row(q.geqrf, normal(2, 0, 3), None, diff=()),
            _row(q.householder_product, (a, taus), lambda a, taus: full[:, :2], diff=()),
            _row(q.householder_product, (b, b_taus), lambda a, taus: c_full[:, :2], diff=()),
            _row(q.ormqr, (a, taus, other), lambda a, taus, c: full @ c, diff=()),
            _row(q.ormqr, (b, b_taus, other + 0j), lambda a, taus, c: c_full @ c, diff=()),
            _row(q.ormqr, (a, taus, other), lambda a, taus, c, transpose: full.T @ c, diff=(),
                 params=dict(transpose=True))]


def magnitudes(op):
    """The results with the signs of vectors taken away."""
    def fun(*args, **params):
        return [square(v) for v in op(*args, **params)]
    return fun


def projector(u):
    """That on all columns but two."""
    rest = slice_in_dim(u, 2, u.shape[-1], axis=u.ndim - 1)
    return matmul(rest, adjoint(rest))


def _spectra():
    sym = positive(3, 3)
    values = lambda x, **_: np.linalg.svd(x, compute_uv=False)
    no_uv = dict(compute_uv=False)
    thin = dict(full_matrices=False)
    general = stable(3, 3)
    only = dict(compute_left_eigenvectors=False, compute_right_eigenvectors=False,
                enable_eigvec_derivs=True)
    return [
        _row(d.svd, general, values, params=no_uv), _row(d.svd, normal(4, 2), values, params=no_uv),
        _row(d.svd, general, lambda x, **_: list(np.linalg.svd(x)), params=thin),
        _row(d.svd, normal(4, 2), None, params=thin), _row(d.svd, normal(2, 4), None, params=thin),
        _row(d.svd, normal(3, 2), None), _row(d.svd, normal(2, 3), None),
        _row(d.svd, normal(4, 2), None, diff=()),
        # All of a full basis beyond the singular vectors is one space, whatever its vectors.
        _row(lambda x: projector(d.svd(x)[0]), normal(4, 2), None, name="svd_complement"),
        _row(magnitudes(lambda x: d.svd(x, full_matrices=False)), complex_normal(2, 2), None,
             diff=(), name="svd_magnitudes", jax=False),
        _row(lambda x: d.eigh(x), sym, lambda x: list(np.linalg.eigh(x))[::-1], name="eigh",
             jax=False),
        _row(lambda x: d.eigh(x)[1], hermitian(3), lambda x: np.linalg.eigvalsh(x),
             name="eigh_values", jax=False),
        _row(lambda x: d.eigh(x, lower=False, symmetrize_input=False)[1], sym,
             ref=np.linalg.eigvalsh, name="eigh_values", jax=False),
        _row(lambda x: d.eigh(x, symmetrize_input=False)[1], hermitian(3),
             ref=np.linalg.eigvalsh, name="eigh_values", jax=False),
        _row(d.eig, general, lambda x, **_: np.linalg.eigvals(x).astype(complex), params=only),
        # In no particular order: symmetric functions of the values.
        _row(lambda x: moments(d.eig(x, **only)[0]), general + 0.3j * normal(3, 3, seed=8),
             lambda x: [np.sum(np.linalg.eigvals(x) ** k) for k in (1, 2)], name="eig_moments",
             jax=False),
        _row(d.svd, complex_normal(3, 2), values, params=no_uv),
        _row(d.eig, general + 0.3j, None, diff=(), maps=()),
        _row(lambda x: d.eigh_p.bind(x, lower=True, sort_eigenvalues=True, subset_by_index=None,
                                     algorithm=None)[1], hermitian(3), np.linalg.eigvalsh, diff=(),
             name="eigh_complex", jax=False),
        _row(d.schur, general + 0.3j, None, diff=(), maps=()),
        _row(d.hessenberg, stable(4, 4) + 0.3j, None, diff=()),
        _row(d.tridiagonal, hermitian(3), None, diff=()),
        _row(d.eig, general, None, diff=()),
        _row(d.schur, general, lambda x: list(scipy.linalg.schur(x)), diff=()),
        _row(d.hessenberg, stable(4, 4), lambda x: list(scipy.linalg.lapack.dgehrd(x)[:2]),
             diff=()),
        _row(d.tridiagonal, positive(4, 4), lambda x: list(scipy.linalg.lapack.dsytrd(
            x, lower=1)[:4]), diff=()),
    ]


def moments(values):
    return [reduce_sum(values, (0,)), reduce_sum(square(values), (0,))]


def banded(dl, dd, du, b, **_):
    return np.linalg.solve(np.diag(dd) + np.diag(dl[1:], -1) + np.diag(du[:-1], 1), b)


def _norms():
    def ref(x, axes):
        return np.sqrt((np.abs(x) ** 2).sum(axes))

    def row(x, *axes, **more):
        return Example(two_norm, (x,), dict(axes=axes), ref=ref, jax=False, tol=TOL, **more)

    big = np.array([[3e200, 4e200], [3e-200, 4e-200]])
    return [row(normal(3, 4), 1, accepts="fc"), row(normal(2, 3, 4), 0, 2),
            row(complex_normal(3, 4), 0), row(normal(40, 3), 0), row(complex_normal(3, 40), 1),
            row(normal(0, 3), 0, diff=()),
            Example(two_norm, (big,), dict(axes=(1,)), ref=lambda x, axes: np.array([
                5e200, 5e-200]), jax=False, diff=(), name="two_norm_scaled")]


def _spectrum():
    """The parts of derivatives of eigenvalues and singular values, where no values are equal."""
    distinct = np.array([3.0, 2.0, 1.0])
    for mirrored in (False, True):
        order = distinct if mirrored else -distinct
        yield Example(untied, (order,), {"mirrored": mirrored}, ref=lambda x, **_: x, jax=False)
        for transposed in (False, True):
            product = partial(basis_product_p.bind, mirrored=mirrored, transposed=transposed)
            for u, x in ((normal(4, 3), normal(4, 3, seed=1)),
                         (complex_normal(3, 3), complex_normal(3, 3, seed=1))):
                yield Example(product, (u, x, order), ref=lambda u, x, w: u * x,
                              name="basis_product", jax=False, diff=(0, 1))


EXAMPLES = [
    Example(divide_by_gap, (normal(3, 2, seed=8), normal(3, 2, seed=9) ** 2 + 0.5),
            ref=np.true_divide, jax=False),
    *_spectrum(),
    *_norms(),
    *_cholesky(), *_triangular(), *_lu(), *_qr(), *_spectra(),
    _row(t.tridiagonal_solve, (normal(3), normal(3) + 4, normal(3, seed=2), normal(3, 2)), banded),
    _row(t.tridiagonal_solve, (complex_normal(3), complex_normal(3) + 4, complex_normal(3, seed=2),
                               complex_normal(3, 2)), banded),
    _row(t.tridiagonal_solve, (normal(2, 3), normal(2, 3) + 4, normal(2, 3, seed=2),
                               normal(2, 3, 2)), None, maps=()),
]

BAD = [
    Bad(two_norm, (np.ones(3, int), (0,)), error=r"two_norm: .*i64\[3\]"),
    Bad(l.cholesky, (normal(2, 3),), error=r"cholesky: .*f64\[2,3\]"),
    Bad(l.cholesky, (normal(3),), error=r"cholesky: .*f64\[3\]"),
    Bad(l.triangular_solve, (stable(3, 3), normal(2, 2)), error="triangular_solve: "),
    Bad(l.triangular_solve, (stable(3, 3), complex_normal(3, 3)), error="triangular_solve: "),
    Bad(l.lu, (normal(3),), error=r"lu: .*f64\[3\]"), Bad(q.qr, (normal(3),), error="qr: "),
    Bad(q.geqrf, (normal(3),), error="geqrf: "),
    Bad(d.svd, (normal(3),), error="svd: "), Bad(d.eigh, (normal(2, 3),), error="eigh: "),
    Bad(d.eig, (normal(2, 3),), error="eig: "), Bad(d.schur, (normal(2, 3),), error="schur: "),
    Bad(d.svd, (np.ones((2, 2), int),), error="svd: .*i64"),
    Bad(l.lu_pivots_to_permutation, (np.array([1.0]), 3), error="lu_pivots_to_permutation: "),
]
