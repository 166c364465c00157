"""Linear systems: solve, inverses, least squares, powers and ranks."""

from __future__ import annotations

import functools
from typing import Any

from ingot import dtypes
from ingot.api.vmap import vmap
from ingot.config import config
from ingot.control.custom_jvp import custom_jvp
from ingot.control.linear_solve import custom_linear_solve
from ingot.numpy import primitives as lax
from ingot.numpy.arithmetic import multiply
from ingot.numpy.concrete import concrete_int
from ingot.numpy.creation import broadcast_to, eye
from ingot.numpy.families import like
from ingot.numpy.indexing import getitem
from ingot.numpy.linalg.factorizations import adjoint, matrices, svd
from ingot.numpy.logic import where
from ingot.numpy.manipulation import matrix_transpose as matrix_transpose, ravel
from ingot.numpy.products import (
    matmul as matmul,
    vecdot as vecdot,
)
from ingot.numpy.promotion import (
    as_array,
    common_shape,
    convert,
    inexact,
    promote_dtypes,
)
from ingot.numpy.reductions import max as max_, sum as sum_
from ingot.numpy.rounding import conj, real
from ingot.primitives import linalg as factors


def lu_solve_permuted(lu: Any, permutation: Any, b: Any, trans: int = 0) -> Any:
    """Solve with LU factors [n, n] for b [n, m]; trans: 0 plain, 1 transposed, 2 adjoint."""
    if trans == 0:
        x = factors.triangular_solve(lu, getitem(b, permutation), left_side=True, lower=True,
                                     unit_diagonal=True)
        return factors.triangular_solve(lu, x, left_side=True, lower=False)
    conjugate = trans == 2
    x = factors.triangular_solve(lu, b, left_side=True, lower=False, transpose_a=True,
                                 conjugate_a=conjugate)
    x = factors.triangular_solve(lu, x, left_side=True, lower=True, unit_diagonal=True,
                                 transpose_a=True, conjugate_a=conjugate)
    _, inverse = lax.sort([permutation, lax.iota(permutation.aval.dtype, permutation.aval.size)],
                          dimension=0, num_keys=1)
    return getitem(x, inverse)


def _solve_one(a: Any, b: Any) -> Any:
    """One system, factored once for the solution and all its derivatives."""
    lu, _, permutation = factors.lu(lax.stop_gradient(a))

    def multiply_by(matrix: Any) -> Any:
        return lambda x: matmul(matrix, x)

    return custom_linear_solve(
        multiply_by(a), b, solve=lambda _, r: lu_solve_permuted(lu, permutation, r),
        transpose_solve=lambda _, r: lu_solve_permuted(lu, permutation, r, 1))


def solve(a: Any, b: Any) -> Any:
    """Solve systems of linear equations a x = b.

    a: [..., n, n]; b: [n], or [..., n, k], leading axes broadcast -> x of the shape of b, or [...,
    n, k], floats or complex; inf or nan where `a` is singular. By LU factors with partial pivoting,
    which derivatives use again. Raises ShapeError unless the matrices are square, ValueError for b
    of other shapes.

    >>> jnp.linalg.solve(np.array([[2, 1], [1, 3]]), np.array([5, 10]))
    Array([1., 3.], dtype=float64)
    """
    a, b = promote_dtypes("solve", a, b, kind="inexact")
    a = matrices("solve", a)
    b = convert(b, a.aval.dtype)
    given = b.aval
    if b.aval.ndim == 0:
        raise ValueError(f"solve: b must have rank 1 at least, got {b.aval}")
    vector = b.aval.ndim == 1
    if vector:
        b = lax.reshape(b, (*b.aval.shape, 1))
    n = a.aval.shape[-1]
    if b.aval.shape[-2] != n:
        raise ValueError(f"solve: b must have {n} rows, as a has, got {a.aval} and {given}")
    lead = common_shape("solve", (a, b), (a.aval.shape[:-2], b.aval.shape[:-2]))
    if 0 in lead:
        x = broadcast_to(convert(0, a.aval.dtype), (*lead, *b.aval.shape[-2:]))
    else:
        fun = functools.reduce(lambda f, _: vmap(f), lead, _solve_one)
        x = fun(broadcast_to(a, (*lead, n, n)), broadcast_to(b, (*lead, *b.aval.shape[-2:])))
    return lax.squeeze(x, (x.aval.ndim - 1,)) if vector else x


def inv(a: Any) -> Any:
    """Invert matrices.

    a: [..., n, n] -> [..., n, n], floats or complex; inf and nan where they are singular. By
    `solve`. Raises ShapeError unless the matrices are square.

    >>> jnp.linalg.inv(np.array([[2, 0], [0, 4]]))
    Array([[0.5 , 0.  ],
           [0.  , 0.25]], dtype=float64)
    """
    a = matrices("inv", a)
    return solve(a, broadcast_to(eye(a.aval.shape[-1], dtype=a.aval.dtype), a.aval.shape))


def _kept(s: Any, limit: Any, strict: bool) -> Any:
    """Reciprocals of the singular values above (or, unless `strict`, at) a limit, 0 for others."""
    keep = lax.gt(s, limit) if strict else lax.bitwise_and(lax.ge(s, limit), lax.gt(s, like(s, 0)))
    return where(keep, 1 / where(keep, s, 1), 0)


@functools.partial(custom_jvp, nondiff_argnums=(1, 2))
def _pinv(a: Any, rtol: Any, hermitian: bool) -> Any:
    u, s, vh = svd(a, full_matrices=False, hermitian=hermitian)
    cutoff = rtol if rtol is not None else (
        10.0 * max(a.aval.shape[-2:]) * float(dtypes.finfo(a.aval.dtype).eps))
    cutoff = convert(cutoff, s.aval.dtype)
    largest = getitem(s, (Ellipsis, slice(0, 1)))
    limit = multiply(lax.reshape(cutoff, (*cutoff.aval.shape, 1)), largest)
    s_inverse = _kept(s, broadcast_to(limit, s.aval.shape), True)
    return matmul(adjoint(vh), multiply(lax.reshape(convert(s_inverse, u.aval.dtype),
                                                    (*s.aval.shape, 1)), adjoint(u)))


@_pinv.defjvp
def _pinv_jvp(rtol: Any, hermitian: bool, primals: Any, tangents: Any) -> Any:
    """Golub and Pereyra (1973), for constant rank; without squares of the longer side of a."""
    (a,), (t,) = primals, tangents
    p = _pinv(a, rtol, hermitian)
    if a.aval.shape[-2] < a.aval.shape[-1]:
        return p, adjoint(_tall_pinv_tangent(adjoint(a), adjoint(p), adjoint(t)))
    return p, _tall_pinv_tangent(a, p, t)


def _tall_pinv_tangent(a: Any, p: Any, t: Any) -> Any:
    ph, th = adjoint(p), adjoint(t)
    out = -matmul(matmul(p, t), p)
    out = out + matmul(matmul(p, ph), th - matmul(matmul(th, a), p))
    return out + matmul(matmul(th - matmul(matmul(p, a), th), ph), p)


def pinv(a: Any, rtol: Any = None, hermitian: bool = False, *, rcond: Any = None) -> Any:
    """Compute the Moore-Penrose inverse of matrices, by singular values.

    a: [..., m, n]; rtol or rcond: singular values up to rtol times the largest count as 0, by
    default 10 max(m, n) eps; hermitian: `a` is -> [..., n, m] floats or complex. Derivatives hold
    for constant rank (Golub and Pereyra, 1973). Raises ShapeError for vectors, ValueError for both
    rtol and rcond.

    >>> jnp.linalg.pinv(np.array([[2.0, 0.0], [0.0, 0.0]]))
    Array([[0.5, 0. ],
           [0. , 0. ]], dtype=float64)
    """
    if rtol is not None and rcond is not None:
        raise ValueError("pinv: rcond is another name of rtol; give one of them")
    a = matrices("pinv", a, square=hermitian)
    if not a.aval.size:
        return matrix_transpose(a)
    return _pinv(a, rtol if rtol is not None else rcond, hermitian)


@functools.partial(custom_jvp, nondiff_argnums=(2,))
def _least_squares(a: Any, b: Any, rcond: float) -> Any:
    """The least x [n, k] with least a x - b, by singular values."""
    u, s, vh = svd(a, full_matrices=False)
    s_inverse = _kept(s, s if not s.aval.size else like(s, 0) + rcond * s[0], False)
    return matmul(adjoint(vh), multiply(lax.reshape(convert(s_inverse, u.aval.dtype),
                                                    (s.aval.size, 1)), matmul(adjoint(u), b)))


@_least_squares.defjvp
def _least_squares_jvp(rcond: float, primals: Any, tangents: Any) -> Any:
    """By the derivative of the pseudoinverse, for constant rank."""
    (a, b), (t, change) = primals, tangents
    x = _least_squares(a, b, rcond)
    p = _pinv(a, rcond, False)
    s = svd(a, full_matrices=False, compute_uv=False)
    full = lax.reduce_and(lax.gt(_kept(s, rcond * s[:1], False), like(s, 0)), (0,))
    ph, th = adjoint(p), adjoint(t)
    out = matmul(p, change - matmul(t, x)) + matmul(p, matmul(ph, matmul(th, b - matmul(a, x))))
    moved = matmul(th, matmul(ph, x))
    rest = moved - matmul(p, matmul(a, moved))
    if a.aval.shape[0] >= a.aval.shape[1]:  # nothing is left where all columns count
        rest = where(full, 0, rest)
    return x, out + rest


def lstsq(a: Any, b: Any, rcond: float | None = None, *, numpy_resid: bool = False) -> Any:
    """Solve a x = b by least squares, with the least x, by singular values.

    a: [m, n]; b: [m] or [m, k]; rcond: singular values below rcond times the largest count as 0, by
    default max(m, n) eps; numpy_resid: whether residuals are left out where NumPy does -> x [n] or
    [n, k], sums of squared residuals [k], rank, singular values. Derivatives hold for
    constant rank. Raises ValueError for other shapes.

    >>> jnp.linalg.lstsq(np.array([[1.0], [1.0]]), np.array([1.0, 3.0]))[:2]
    (Array([2.], dtype=float64), Array([2.], dtype=float64))
    """
    a, b = promote_dtypes("lstsq", a, b, kind="inexact")
    a, vector = matrices("lstsq", a, square=False), b.aval.ndim == 1
    b = convert(b, a.aval.dtype)
    if a.aval.ndim != 2 or b.aval.ndim not in (1, 2) or a.aval.shape[0] != b.aval.shape[0]:
        raise ValueError(f"lstsq: a matrix and as many rows are needed, got {a.aval} and {b.aval}")
    b = lax.reshape(b, (b.aval.size, 1)) if vector else b
    m, n = a.aval.shape
    dtype = a.aval.dtype
    eps = float(dtypes.finfo(dtype).eps)
    if rcond is None:
        rcond = eps * max(n, m)
    elif rcond < 0:
        rcond = eps
    s = svd(a, full_matrices=False, compute_uv=False)
    limit = like(s, 0) + rcond * s[0] if s.aval.size else s
    rank = sum_(lax.bitwise_and(lax.ge(s, limit), lax.gt(s, like(s, 0))))
    x = _least_squares(a, b, rcond)
    residual = b - matmul(a, x)
    squares = sum_(real(residual * conj(residual)), 0)
    if not numpy_resid:
        resid = squares
    elif m <= n or int(rank) < n:
        resid = getitem(squares, slice(0, 0))
    else:
        resid = squares
    return (ravel(x) if vector else x), resid, rank, s


def matrix_power(a: Any, n: int) -> Any:
    """Raise square matrices to an integer power.

    a: [..., n, n]; n: a static number, negative ones are powers of the inverse -> [..., n, n] of
    the same dtype, floats for negative n. By repeated squaring. Raises TypeError unless the
    matrices are square and n is an integer.

    >>> jnp.linalg.matrix_power(np.array([[1, 1], [1, 0]]), 10)
    Array([[89, 55],
           [55, 34]], dtype=int64)
    """
    a = as_array("matrix_power", a)
    n = concrete_int("matrix_power", n, "n")
    if a.aval.ndim < 2 or a.aval.shape[-1] != a.aval.shape[-2]:
        raise TypeError(f"matrix_power: square matrices are needed, got {a.aval}")
    if n < 0:
        a, n = inv(a), -n
    result = None
    while n:
        if n % 2:
            result = a if result is None else matmul(result, a)
        n //= 2
        a = matmul(a, a) if n else a
    return broadcast_to(eye(a.aval.shape[-1], dtype=a.aval.dtype), a.aval.shape) \
        if result is None else result


def matrix_rank(M: Any, rtol: Any = None, *, hermitian: bool = False, tol: Any = None) -> Any:
    """Compute the rank of matrices: how many singular values are above a limit.

    M: [..., m, n], or a vector, whose rank is 1 unless it is 0; rtol: times the largest one is the
    limit, by default max(m, n) eps (under the flag match_jax, what is given is the limit itself);
    tol: another name of it; hermitian: M is -> [...] of the default integer. Raises ValueError for
    both rtol and tol.

    >>> jnp.linalg.matrix_rank(np.array([[1.0, 2.0], [2.0, 4.0]]))
    Array(1, dtype=int64)
    """
    M = inexact("matrix_rank", M)
    if M.aval.ndim < 2:
        return convert(lax.reduce_or(lax.ne(M, like(M, 0)), tuple(range(M.aval.ndim))),
                       dtypes.default_int())
    s = svd(M, full_matrices=False, compute_uv=False, hermitian=hermitian)
    if rtol is not None and tol is not None:
        raise ValueError("matrix_rank: tol is another name of rtol; give one of them")
    rtol = tol if rtol is None else rtol
    relative = rtol is None or not config.match_jax
    if rtol is None:
        rtol = max(M.aval.shape[-2:]) * float(dtypes.finfo(s.aval.dtype).eps)
    rtol = convert(as_array("matrix_rank", rtol), s.aval.dtype)
    limit = multiply(max_(s, -1, initial=0), rtol) if relative else broadcast_to(
        rtol, s.aval.shape[:-1])
    return sum_(lax.gt(s, broadcast_to(lax.reshape(limit, (*limit.aval.shape, 1)), s.aval.shape)),
                -1)
