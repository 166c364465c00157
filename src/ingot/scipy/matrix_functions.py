"""Functions of matrices: exponential, general functions, Sylvester's equation."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.control.cond import cond
from ingot.control.custom_gradient import linear_call
from ingot.control.custom_jvp import custom_jvp
from ingot.control.scan import scan
from ingot.numpy import primitives as lax
from ingot.numpy.creation import broadcast_to, eye
from ingot.numpy.families import kind_of, like
from ingot.numpy.functional import vectorize
from ingot.numpy.indexing import getitem
from ingot.numpy.linalg import eig, inv, norm, solve as _solve
from ingot.numpy.linalg.factorizations import adjoint, matrices
from ingot.numpy.logic import where
from ingot.numpy.products import matmul
from ingot.numpy.promotion import convert, promote_dtypes
from ingot.numpy.reductions import all as all_, any as any_
from ingot.numpy.triangles import triu
from ingot.primitives import linalg as factors
from ingot.scipy.eigenvalues import schur
from ingot.scipy.factorizations import solve_triangular
from ingot.scipy.special_table import slope

# ---- functions of matrices ----

# Padé coefficients of exp of orders 3, 5, 7, 9, 13, and the norm up to which each is exact to
# double and to single precision (Higham, 2005).
_PADE = {3: (120, 60, 12, 1), 5: (30240, 15120, 3360, 420, 30, 1),
         7: (17297280, 8648640, 1995840, 277200, 25200, 1512, 56, 1),
         9: (17643225600, 8821612800, 2075673600, 302702400, 30270240, 2162160, 110880, 3960, 90,
             1),
         13: (64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800,
              129060195264000, 10559470521600, 670442572800, 33522128640, 1323241920, 40840800,
              960960, 16380, 182, 1)}


def expm(A: Any, *, upper_triangular: bool = False, max_squarings: int | None = None) -> Any:
    """Exponential of square matrices, by scaling and squaring.

    A: [..., n, n]. upper_triangular: without effect. max_squarings: 64 by default; nan where more
    are needed, which depends on norms of powers: few for matrices that are large, but nearly
    nilpotent -> [..., n, n] floating or complex (Al-Mohy and Higham, 2009). Raises ValueError
    unless A is square.

    >>> linalg.expm(np.array([[0.0, 1.0], [0.0, 0.0]]))
    Array([[1., 1.],
           [0., 1.]], dtype=float64)
    """
    A = matrices("expm", A)
    double = dtypes.real_of(A.aval.dtype) == dtypes.float64
    order, limit = (13, 5.371920351148152) if double else (7, 3.925724783138660)
    size = lax.stop_gradient(_root_of_norms(A))
    needed = lax.ceil(lax.div(lax.log(lax.div(size, like(size, limit))), like(size, math.log(2))))
    max_squarings = 64 if max_squarings is None else max_squarings
    squarings = lax.max(where(size > 0, needed, 0), like(size, 0))
    too_many = lax.gt(squarings, like(size, max_squarings))
    squarings = lax.select(too_many, like(size, 0), squarings)
    lead = (*size.aval.shape, 1, 1)
    scale = lax.exp2(lax.neg(squarings))
    scaled = A * lax.reshape(convert(scale, A.aval.dtype), lead)
    numerator, denominator = _pade(scaled, order)
    if upper_triangular:
        result = factors.triangular_solve(denominator, numerator, left_side=True)
    else:
        result = _solve(denominator, numerator)

    def square(state: Any, i: Any) -> tuple[Any, None]:
        todo = lax.lt(convert(i, size.aval.dtype) + like(size, 0), squarings)

        def squared(state: Any) -> Any:
            return where(lax.reshape(todo, lead), matmul(state, state), state)

        return cond(any_(todo), squared, lambda state: state, state), None

    result = scan(square, result, lax.iota(dtypes.int32, max_squarings))[0]
    return where(lax.reshape(too_many, lead), math.nan, result)


def _root_of_norms(A: Any) -> Any:
    """max(|A^4|^(1/4), |A^6|^(1/6)) in the 1-norm, of matrices divided by their own norm first."""
    size = norm(A, 1, (-2, -1))
    usable = (size > 0) & (size < math.inf)
    scale = convert(where(usable, size, 1), A.aval.dtype)
    unit = A / lax.expand_dims(scale, (scale.aval.ndim, scale.aval.ndim + 1))
    a2 = matmul(unit, unit)
    a4 = matmul(a2, a2)
    fourth, sixth = norm(a4, 1, (-2, -1)), norm(matmul(a4, a2), 1, (-2, -1))
    root = lax.max(lax.sqrt(lax.sqrt(fourth)), lax.pow(sixth, like(sixth, 1 / 6)))
    return where(usable, size * root, size)


def _pade(A: Any, order: int) -> tuple[Any, Any]:
    """Numerator and denominator of the diagonal Padé approximant of exp."""
    b = _PADE[order]
    one = broadcast_to(eye(A.aval.shape[-1], dtype=A.aval.dtype), A.aval.shape)
    a2 = matmul(A, A)
    powers = [one, a2]
    if order == 13:
        a4 = matmul(a2, a2)
        a6 = matmul(a4, a2)
        odd = matmul(A, matmul(a6, b[13] * a6 + b[11] * a4 + b[9] * a2)
                     + b[7] * a6 + b[5] * a4 + b[3] * a2 + b[1] * one)
        even = matmul(a6, b[12] * a6 + b[10] * a4 + b[8] * a2) + (
            b[6] * a6 + b[4] * a4 + b[2] * a2 + b[0] * one)
        return even + odd, even - odd
    while len(powers) <= order // 2:
        powers.append(matmul(powers[-1], a2))
    odd = matmul(A, sum((b[2 * i + 1] * p for i, p in enumerate(powers[1:], 1)), b[1] * one))
    even = sum((b[2 * i] * p for i, p in enumerate(powers[1:], 1)), b[0] * one)
    return even + odd, even - odd


def expm_frechet(A: Any, E: Any, *, method: str | None = None, compute_expm: bool = True) -> Any:
    """Derivative of `expm` at a matrix in a direction.

    A, E: [n, n], where and in which direction. method: without effect. compute_expm: whether
    expm(A) is returned before it -> (expm(A), [n, n]), or [n, n]. Raises ValueError for other
    shapes.

    >>> linalg.expm_frechet(np.zeros((1, 1)), np.ones((1, 1)))[1]
    Array([[1.]], dtype=float64)
    """
    A, E = promote_dtypes("expm_frechet", A, E, kind="inexact")
    A, E = matrices("expm_frechet", A), matrices("expm_frechet", E)
    if A.aval.shape != E.aval.shape or A.aval.ndim != 2:
        raise ValueError(
            f"expm_frechet: two matrices of one shape are needed, got {A.aval}, {E.aval}")
    n = A.aval.shape[-1]
    zero = like(A, 0)
    whole = lax.concatenate([lax.concatenate([A, E], 1), lax.concatenate([zero, A], 1)], 0)
    out = expm(whole)
    first, second = out[:n, :n], out[:n, n:]
    return (first, second) if compute_expm else second


def triangular_sqrt(T: Any) -> Any:
    """Square root of an upper triangular matrix, column by column (Björck and Hammarling, 1983)."""
    n = T.aval.shape[-1]
    if not n:
        return T
    diagonal = lax.sqrt(T[np.arange(n), np.arange(n)])
    index = lax.iota(dtypes.int32, n)

    def column(U: Any, j: Any) -> tuple[Any, None]:
        def element(u: Any, k: Any) -> tuple[Any, None]:
            i = j - 1 - k
            row = where(index > i, getitem(U, i), 0)
            right = getitem(T, (i, j)) - (row * u).sum()
            left = getitem(diagonal, i) + getitem(diagonal, j)
            nothing = (left == 0) & (right == 0)  # zero is a root of it
            value = where(nothing, 0, right / where(nothing, 1, left))
            return where((index == i) & (i >= 0), value, u), None

        start = where(index == j, diagonal, 0)
        u = scan(element, start, index)[0]
        return where(index[None, :] == j, u[:, None], U), None

    return scan(column, like(T, 0), index)[0]


@functools.partial(custom_jvp, nondiff_argnums=(0,))
def _parlett(func: Callable[[Any], Any], A: Any) -> tuple[Any, Any]:
    """The function of a matrix by Parlett's recurrence, and an estimate of its error."""
    T, Z = schur(A, output="complex")
    n = T.aval.shape[-1]
    F = func(T[np.arange(n), np.arange(n)])
    F = lax.broadcast_in_dim(F, (n, n), (1,)) * eye(n, dtype=F.aval.dtype)
    smallest = lax.abs(T[0, 0])
    for p in range(1, n):
        for i in range(n - p):
            j = i + p
            s = T[i, j] * (F[j, j] - F[i, i])
            if p > 1:
                inner = slice(i + 1, j)
                s = s + (T[i, inner] * F[inner, j]).sum() - (F[i, inner] * T[inner, j]).sum()
            gap = T[j, j] - T[i, i]
            F = F.at[i, j].set(where(gap != 0, s / where(gap != 0, gap, 1), s))
            smallest = lax.min(smallest, lax.abs(gap))
    F = matmul(matmul(Z, F), adjoint(Z))
    eps = float(dtypes.finfo(dtypes.real_of(F.aval.dtype)).eps)
    smallest = where(smallest == 0, eps, smallest)
    error = lax.min(like(smallest, 1), lax.max(like(smallest, eps), (eps / smallest) * norm(
        triu(T, 1), 1)))
    return F, error


@_parlett.defjvp
def _parlett_rule(func: Callable[[Any], Any], primals: Any, tangents: Any) -> tuple[Any, Any]:
    """In the basis of eigenvectors each element of the direction is multiplied by the divided
    difference of two eigenvalues (Daleckii and Krein)."""
    (A,), (E,) = primals, tangents
    w, V = eig(A)
    values, slopes = func(w), slope(func, 0, w)
    gap = w[:, None] - w[None, :]
    size = lax.abs(w)
    close = lax.abs(gap) <= 1e-6 * (size[:, None] + size[None, :])
    quotient = (values[:, None] - values[None, :]) / where(close, 1, gap)
    ratios = where(close, (slopes[:, None] + slopes[None, :]) / 2, quotient)
    inner = _solve(V, matmul(convert(E, V.aval.dtype), V))
    change = matmul(matmul(V, ratios * inner), inv(V))
    F, error = _parlett(func, A)
    return (F, error), (change, like(error, 0))


def funm(A: Any, func: Callable[[Any], Any], disp: bool = True) -> Any:
    """Apply a function of numbers to a matrix, by Parlett's recurrence on the Schur form.

    A: [n, n]. func: complex arrays -> the same, elementwise. disp: if false, an estimate of the
    relative error is returned too -> [n, n] complex, inaccurate where eigenvalues nearly coincide.
    Its derivative needs eigenvectors, and is nan or infinite where there are too few. Raises
    ValueError unless A is square.

    >>> linalg.funm(np.array([[4.0]]), lambda x: x**0.5)
    Array([[2.+0.j]], dtype=complex128)
    """
    F, error = _parlett(func, A)
    return F if disp else (F, error)


def solve_sylvester(A: Any, B: Any, C: Any, *, method: str = "schur", tol: float = 1e-8) -> Any:
    """Solve A X + X B = C.

    A: [m, m]. B: [n, n]. C: [m, n]. method: 'schur', or 'eigen' for matrices that are
    diagonalizable. tol: up to which sums of eigenvalues count as 0 -> X [m, n]; nan where A and -B
    have a common eigenvalue up to tol. Raises ValueError for other methods and shapes.

    >>> linalg.solve_sylvester(np.eye(1), np.eye(1), np.ones((1, 1)))
    Array([[0.5]], dtype=float64)
    """
    A, B, C = promote_dtypes("solve_sylvester", A, B, C, kind="inexact")
    C = convert(C, A.aval.dtype)
    m, n = A.aval.shape[-1:], B.aval.shape[-1:]
    if min(A.aval.ndim, B.aval.ndim) < 2 or A.aval.shape[-2:] != m + m or (
            B.aval.shape[-2:] != n + n) or C.aval.shape[-2:] != m + n:
        raise ValueError("solve_sylvester: expected [..., m, m], [..., n, n] and [..., m, n], got"
                         f" {A.aval}, {B.aval} and {C.aval}")
    if method not in ("schur", "eigen"):
        raise ValueError(f"solve_sylvester: method must be 'schur' or 'eigen', got {method!r}")
    return vectorize(functools.partial(_solution, tol), signature="(m,m),(n,n),(m,n)->(m,n)")(
        A, B, C)


@functools.partial(custom_jvp, nondiff_argnums=(0,))
def _solution(tol: float, A: Any, B: Any, C: Any) -> Any:
    return _sylvester(tol, A, B, C)


def _solution_rule(tol: float, primals: Any, tangents: Any) -> tuple[Any, Any]:
    """The tangent solves the same equation with another right side."""
    (A, B, C), (dA, dB, dC) = primals, tangents
    X = _solution(tol, A, B, C)

    def transpose(known: Any, ct: Any) -> Any:
        return _solution(tol, known[0].T, known[1].T, ct)

    return X, linear_call(lambda known, right: _solution(tol, *known, right), transpose, (A, B),
                          dC - matmul(dA, X) - matmul(X, dB))


_solution.defjvp(_solution_rule)


def _sylvester(tol: float, A: Any, B: Any, C: Any) -> Any:
    m, n = C.aval.shape
    if not m or not n:
        return C
    R, U = schur(A, output="complex")
    S, V = schur(B, output="complex")
    F = matmul(matmul(adjoint(U), convert(C, R.aval.dtype)), V)
    index = lax.iota(dtypes.int32, n)
    identity = eye(m, dtype=R.aval.dtype)

    def column(Y: Any, k: Any) -> tuple[Any, None]:
        known = matmul(Y, where(index < k, getitem(S, (slice(None), k)), 0))
        right = getitem(F, (slice(None), k)) - known
        y = solve_triangular(R + getitem(S, (k, k)) * identity, right)
        return where(index[None, :] == k, y[:, None], Y), None

    Y = scan(column, like(F, 0), index)[0]
    X = matmul(matmul(U, Y), adjoint(V))
    gaps = lax.abs(R[np.arange(m), np.arange(m)][:, None] + S[np.arange(n), np.arange(n)][None, :])
    X = where(all_(gaps > tol), X, math.nan)
    return X if kind_of(A) == "c" else lax.real(X)

