"""Tridiagonal systems: tridiagonal_solve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.core.avals import ShapedArray
from ingot.core.division import along_leading_axes
from ingot.core.interpreter import typeof
from ingot.core.primitive import Primitive, PythonFallback, is_linear
from ingot.primitives.arithmetic import mul, neg
from ingot.primitives.matrices import check_matrix, columns, each_matrix, lapack
from ingot.primitives.movement import all_to_front, full_like
from ingot.primitives.slicing import concatenate, slice_in_dim


# ---- tridiagonal_solve ---------------------------------------------------------------------------
def _type(dl: ShapedArray, d: ShapedArray, du: ShapedArray, b: ShapedArray, *,
          perturb_singular: bool) -> ShapedArray:
    check_matrix("tridiagonal_solve", b)
    if any(v.dtype != b.dtype for v in (dl, d, du)) or not (dl.shape == d.shape == du.shape):
        raise TypeError("tridiagonal_solve: the diagonals must have one shape and the dtype of the"
                        f" right-hand side, got {dl}, {d}, {du} and {b}")
    if b.shape[:-1] != d.shape:
        raise TypeError("tridiagonal_solve: the right-hand side must be [..., n, m] for diagonals"
                        f" [..., n], got {d} and {b}")
    return b


def _eval(dl: np.ndarray, d: np.ndarray, du: np.ndarray, b: np.ndarray, *,
          perturb_singular: bool) -> np.ndarray:
    if not b.size:
        return b
    routine = lapack("gtsv", b.dtype)

    def solve(dl: np.ndarray, d: np.ndarray, du: np.ndarray, b: np.ndarray) -> list[np.ndarray]:
        dl, d, du = dl[1:, 0], d[:, 0], du[:-1, 0]
        if len(d) == 1:
            return [b / d]
        *_, x, info = routine(dl, d, du, b)
        if info and perturb_singular:
            limits = np.finfo(b.dtype)
            tiny = max(limits.eps * np.abs(d).max(), limits.tiny)
            *_, x, info = routine(dl, d + tiny, du, b)
        if info:
            raise np.linalg.LinAlgError
        return [x]

    diagonals = [v[..., None] for v in (dl, d, du)]
    out, = each_matrix(solve, [ShapedArray(b.shape, b.dtype)], *diagonals, b)
    return out


def _shift(x: Any, step: int, axis: int) -> Any:
    """Elements moved up by one place along an axis (step 1) or down (-1), zero filled."""
    aval = typeof(x)
    n = aval.shape[axis]
    if n == 0:
        return x
    shape = list(aval.shape)
    shape[axis] = 1
    gap = full_like(ShapedArray(shape, aval.dtype), 0)
    if step > 0:
        return concatenate([gap, slice_in_dim(x, 0, n - 1, axis=axis)], axis)
    return concatenate([slice_in_dim(x, 1, n, axis=axis), gap], axis)


def _diagonal_partial(step: int) -> Any:
    """Derivative by the diagonal that multiplies the unknowns `step` places before."""

    def partial(t: Any, out: Any, dl: Any, d: Any, du: Any, b: Any, **params: Any) -> Any:
        x = _shift(out, step, typeof(out).ndim - 2) if step else out
        return tridiagonal_solve_p.bind(dl, d, du, neg(mul(columns(t, x), x)), **params)

    return partial


def _transpose(ct: Any, dl: Any, d: Any, du: Any, b: Any, **params: Any) -> list[Any]:
    if not is_linear(b):
        return [None] * 4
    last = typeof(d).ndim - 1
    out = tridiagonal_solve_p.bind(_shift(du, 1, last), d, _shift(dl, -1, last), ct, **params)
    return [None, None, None, out]


def _batch(args: Sequence[Any], dims: Sequence[Any], **params: Any) -> Any:
    return tridiagonal_solve_p.bind(*all_to_front(args, dims), **params), 0


tridiagonal_solve_p = Primitive(
    "tridiagonal_solve", type=_type, eval=_eval, transpose=_transpose, batch=_batch,
    jvp=[_diagonal_partial(1), _diagonal_partial(0), _diagonal_partial(-1),
         lambda t, out, dl, d, du, b, **params: tridiagonal_solve_p.bind(dl, d, du, t, **params)],
    kernel=PythonFallback("LAPACK"))
tridiagonal_solve_p.division = along_leading_axes(1, 1, 1, 2)


def tridiagonal_solve(dl: Any, d: Any, du: Any, b: Any, *, perturb_singular: bool = False) -> Any:
    """Solve tridiagonal systems by elimination with row exchanges; NaN where singular.

    dl, d, du: [..., n], where the first of dl and the last of du are not read; b: [..., n, m]
    -> the type of b. `perturb_singular` shifts a singular diagonal by rounding error.
    Raises TypeError.
    >>> zero, one = np.zeros(2), np.ones(2)
    >>> lax.linalg.tridiagonal_solve(zero, 2 * one, one, np.array([[3.], [2.]]))
    Array([[1.],
           [1.]], dtype=float64)
    """
    return tridiagonal_solve_p.bind(dl, d, du, b, perturb_singular=bool(perturb_singular))
