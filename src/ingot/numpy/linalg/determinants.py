"""Determinants and their logarithms, with derivatives that hold for singular matrices too."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot import dtypes
from ingot.api.grad import jvp
from ingot.control.custom_jvp import custom_jvp
from ingot.core.array import from_numpy
from ingot.core.static import known
from ingot.numpy import primitives as lax
from ingot.numpy.arithmetic import multiply
from ingot.numpy.creation import broadcast_to, eye
from ingot.numpy.families import kind_of, like
from ingot.numpy.indexing import getitem
from ingot.numpy.linalg.factorizations import SlogdetResult, matrices
from ingot.numpy.logic import where
from ingot.numpy.products import matmul as matmul
from ingot.numpy.promotion import convert
from ingot.numpy.reductions import any as any_, prod, sum as sum_
from ingot.numpy.triangles import diagonal as _diagonal
from ingot.primitives import linalg as factors, matrices as ops

SPARED = 3
"""Rows and columns that `_regular_det` does not eliminate: derivatives up to this order hold."""


def det(a: Any) -> Any:
    """Compute the determinant of matrices.

    a: [..., n, n] -> [...] of the same dtype, of integers the default float. In closed form up to n
    = 3, else by LU factors. The gradient is the matrix of cofactors, for singular matrices too; so
    for derivatives of the second and third order. Raises ShapeError unless the matrices are square.

    >>> jnp.linalg.det(np.array([[1, 2], [3, 4]]))
    Array(-2., dtype=float64)
    """
    a = matrices("det", a)
    n = a.aval.shape[-1]
    if 1 <= n <= SPARED:  # in closed form, whose derivatives hold for singular matrices too
        return _small_det(_entries(a))
    return _det(a)


@custom_jvp
def _det(a: Any) -> Any:
    return _from_factors(*factors.lu(a)[:2])


def _from_factors(lu: Any, pivots: Any) -> Any:
    return multiply(prod(_diagonal(lu, axis1=-2, axis2=-1), -1), _parity(pivots, lu.aval.dtype))


@_det.defjvp
def _det_jvp(primals: Any, tangents: Any) -> Any:
    """By Jacobi's formula where the matrices are known to be regular, as it is faster."""
    (a,), (t,) = primals, tangents
    lu, pivots, permutation = factors.lu(a)
    if not a.aval.size or not _is_regular(known(lu)):
        out = _det(a)
        return out, jvp(_regular_det, primals, tangents)[1] if a.aval.size else like(out, 0)
    out = _from_factors(lu, pivots)
    x = factors.triangular_solve(lu, ops.permuted_rows(t, permutation), left_side=True, lower=True,
                                 unit_diagonal=True)
    x = factors.triangular_solve(lu, x, left_side=True)
    return out, multiply(out, sum_(_diagonal(x, axis1=-2, axis2=-1), -1))


def _is_regular(lu: Any) -> bool:
    """Whether factors of matrices are known, and no pivot is small beside the largest."""
    if not isinstance(lu, np.ndarray):
        return False
    pivots = np.abs(np.diagonal(lu, axis1=-2, axis2=-1))
    return bool((pivots.min(-1) > np.finfo(lu.dtype).eps ** 0.5 * pivots.max(-1)).all())


def _regular_det(a: Any) -> Any:
    """The determinant by elimination of all but the last rows and columns, where pivots may be 0.

    Reflections make the leading columns independent where the rank allows it. Where it does not,
    the derivatives up to order `SPARED` are zero.
    """
    a = _reflect(a)
    *lead, n, _ = a.aval.shape
    k = n - SPARED
    lu, _, permutation = factors.lu(lax.stop_gradient(a[..., :k]))
    pivots = _diagonal(lu, axis1=-2, axis2=-1)
    lost = any_(lax.eq(pivots, like(pivots, 0)), -1, keepdims=True)
    lost = lax.reshape(lost, (*lead, 1, 1))
    a = where(broadcast_to(lost, a.aval.shape), eye(n, dtype=a.aval.dtype), a)
    lu, swaps, permutation = factors.lu(a[..., :k])
    rest = ops.permuted_rows(a[..., k:], permutation)
    top = factors.triangular_solve(lu[..., :k, :], rest[..., :k, :], left_side=True, lower=True,
                                   unit_diagonal=True)
    corner = rest[..., k:, :] - matmul(lu[..., k:, :], top)
    out = multiply(prod(_diagonal(lu, axis1=-2, axis2=-1), -1), _small_det(_entries(corner)))
    # One sign for the row exchanges, one for each reflection.
    out = multiply(out, -_parity(swaps, a.aval.dtype))
    return where(lax.reshape(lost, lead), 0, out)


def _reflect(a: Any) -> Any:
    """The matrices times `SPARED` reflections in directions that no program will have chosen."""
    n = a.aval.shape[-1]
    for k in range(SPARED):
        v = np.cos(np.arange(1, n + 1) * (k + 1) ** 0.5 + k)
        v = from_numpy((v / np.linalg.norm(v)).astype(dtypes.real_of(a.aval.dtype)))
        v = convert(v, a.aval.dtype)
        along = matmul(a, lax.reshape(v + v, (n, 1)))
        a = a - along * v
    return a


def _entries(a: Any) -> list[list[Any]]:
    n = a.aval.shape[-1]
    return [[getitem(a, (Ellipsis, i, j)) for j in range(n)] for i in range(n)]


def _small_det(e: list[list[Any]]) -> Any:
    if len(e) == 1:
        return e[0][0]
    if len(e) == 2:
        return e[0][0] * e[1][1] - e[0][1] * e[1][0]
    return (e[0][0] * e[1][1] * e[2][2] + e[0][1] * e[1][2] * e[2][0]
            + e[0][2] * e[1][0] * e[2][1] - e[0][2] * e[1][1] * e[2][0]
            - e[0][0] * e[1][2] * e[2][1] - e[0][1] * e[1][0] * e[2][2])


def _parity(pivots: Any, dtype: Any) -> Any:
    """The sign of a list of row exchanges."""
    swaps = lax.ne(pivots, lax.broadcasted_iota(pivots.aval.dtype, pivots.aval.shape,
                                                pivots.aval.ndim - 1))
    odd = lax.rem(sum_(swaps, -1, dtype="int32"), like(sum_(swaps, -1, dtype="int32"), 2))
    return convert(lax.sub(like(odd, 1), lax.add(odd, odd)), dtype)


def slogdet(a: Any, *, method: str | None = None) -> SlogdetResult:
    """Compute the sign of determinants and the logarithm of their absolute values.

    a: [..., n, n]; method: "lu" or "qr", with the same result -> a named tuple: sign [...], of
    modulus 1 or 0, and logabsdet [...] real, -inf for singular matrices. By LU factors. Raises
    ShapeError unless the matrices are square, ValueError for other methods.

    >>> jnp.linalg.slogdet(np.diag([2.0, -3.0]))
    SlogdetResult(sign=Array(-1., dtype=float64), logabsdet=Array(1.79175947, dtype=float64))
    """
    if method not in (None, "lu", "qr"):
        raise ValueError(f"slogdet: method must be None, 'lu' or 'qr', got {method!r}")
    a = matrices("slogdet", a)
    lu, pivots, _ = factors.lu(a)
    values = _diagonal(lu, axis1=-2, axis2=-1)
    sign = multiply(prod(lax.sign(lax.stop_gradient(values)) if kind_of(values) != "c" else
                         lax.sign(values), -1), _parity(pivots, a.aval.dtype))
    return SlogdetResult(sign, sum_(lax.log(lax.abs(values)), -1))
