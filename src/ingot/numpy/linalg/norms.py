"""Norms, condition numbers, and products of several matrices or tensors."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from typing import Any

from ingot import dtypes
from ingot.api.eager import trace_cached
from ingot.numpy import primitives as lax
from ingot.numpy.arithmetic import divide, multiply, power
from ingot.numpy.families import like
from ingot.numpy.indexing import getitem
from ingot.numpy.linalg.factorizations import matrices, svd, svdvals
from ingot.numpy.linalg.solving import inv, solve
from ingot.numpy.linalg.two_norm import two_norm
from ingot.numpy.logic import where
from ingot.numpy.manipulation import matrix_transpose as matrix_transpose, moveaxis, ravel
from ingot.numpy.products import (
    cross as _cross,
    matmul as matmul,
    outer as _outer,
    tensordot as _tensordot,
    vecdot as vecdot,
)
from ingot.numpy.promotion import (
    as_array,
    convert,
    inexact,
    promote_dtypes,
)
from ingot.numpy.rearranging import diagonal as _diagonal, trace as _trace
from ingot.numpy.reductions import axes_of, max as max_, min as min_, sum as sum_

# ---- norms ----

@trace_cached
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Norm of vectors or matrices: ord None (2-norm of all elements), a number, 'fro', 'nuc', inf.

    >>> jnp.linalg.norm(np.array([3.0, 4.0]))
    Array(5., dtype=float64)
    """
    x = inexact("norm", x)
    x = convert(x, x.aval.dtype)
    rank = x.aval.ndim
    if axis is None:
        if ord is None:
            return _two_norm(x, tuple(range(rank)), keepdims)
        if rank not in (1, 2):
            raise ValueError(
                f"norm: with ord={ord!r} and no axis rank 1 or 2 is needed, got {x.aval}")
        axis = tuple(range(rank))
    axes = axes_of("norm", axis, rank)
    if len(axes) == 1:
        return _vector_norm(x, ord, axes, keepdims)
    if len(axes) == 2:
        return _matrix_norm(x, ord, axes, keepdims)
    raise ValueError(f"norm: one or two axes are needed, got {axes}")


def _two_norm(x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    out = two_norm(x, axes)
    return lax.expand_dims(out, sorted(axes)) if keepdims else out


def _vector_norm(x: Any, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    if ord is None or ord == 2:
        return _two_norm(x, axes, keepdims)
    if isinstance(ord, str):
        raise ValueError(f"norm: vectors have no norm {ord!r}")
    size = lax.abs(x)
    if ord == math.inf:
        return max_(size, axes, keepdims=keepdims, initial=0)
    if ord == -math.inf:
        return min_(size, axes, keepdims=keepdims)
    if ord == 0:
        return sum_(convert(lax.ne(x, like(x, 0)), size.aval.dtype), axes, keepdims=keepdims)
    if ord == 1:
        return sum_(size, axes, keepdims=keepdims)
    if size.aval.dtype.itemsize < 4:
        wide = convert(size, dtypes.float32)
        return convert(_power_mean(wide, ord, axes, keepdims), size.aval.dtype)
    return _power_mean(size, ord, axes, keepdims)


def _power_mean(size: Any, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """(sum size^ord)^(1 / ord), scaled so that no power that counts over- or underflows."""
    largest = max_(size, axes, keepdims=True, initial=0) if ord > 0 else min_(
        size, axes, keepdims=True)
    usable = (largest > 0) & (largest < math.inf)
    scale = lax.stop_gradient(where(usable, largest, 1))
    total = sum_(power(divide(size, scale), ord), axes, keepdims=True)
    out = multiply(scale, power(total, 1.0 / ord))
    return out if keepdims else lax.squeeze(out, axes)


def _matrix_norm(x: Any, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    row, column = axes
    if ord in (None, "f", "fro"):
        return _two_norm(x, axes, keepdims)
    if ord in (1, -1, math.inf, -math.inf):
        summed, other = (row, column) if abs(ord) == 1 else (column, row)
        totals = sum_(lax.abs(x), summed, keepdims=True)
        out = max_(totals, other, keepdims=True, initial=0) if ord > 0 else min_(
            totals, other, keepdims=True)
    elif ord in (2, -2, "nuc"):
        s = svd(moveaxis(x, axes, (-2, -1)), compute_uv=False)
        out = max_(s, -1, initial=0) if ord == 2 else (min_ if ord == -2 else sum_)(s, -1)
        out = lax.expand_dims(out, sorted(axes))
    else:
        raise ValueError(f"norm: matrices have no norm {ord!r}; use 'fro', 'nuc', 1, 2, inf or"
                         " their negatives")
    return out if keepdims else lax.squeeze(out, axes)


def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """Norm of the elements over axes, by default all.

    >>> jnp.linalg.vector_norm(np.array([3.0, 4.0]))
    Array(5., dtype=float64)
    """
    x = inexact("vector_norm", x)
    axes = axes_of("vector_norm", axis, x.aval.ndim)
    return _vector_norm(convert(x, x.aval.dtype), ord, axes, keepdims)


def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """Norm of the matrices in the last two axes.

    >>> jnp.linalg.matrix_norm(np.eye(2), ord=1)
    Array(1., dtype=float64)
    """
    return norm(x, ord, (-2, -1), keepdims)


def cond(x: Any, p: Any = None) -> Any:
    """Condition number: norm of a matrix times that of its inverse; by default the 2-norm.

    >>> jnp.linalg.cond(np.diag([4.0, 2.0]))
    Array(2., dtype=float64)
    """
    x = matrices("cond", x, square=False)
    if not x.aval.size:
        raise ValueError(f"cond: an empty matrix has none: {x.aval}")
    if p in (None, 2, -2):
        s = svdvals(x)
        large, small = getitem(s, (Ellipsis, 0)), getitem(s, (Ellipsis, -1))
        ratio = lax.div(small, large) if p == -2 else lax.div(large, small)
    else:
        ratio = multiply(norm(x, p, (-2, -1)), norm(inv(x), p, (-2, -1)))
    any_nan = lax.reduce_or(lax.ne(x, x), (x.aval.ndim - 2, x.aval.ndim - 1))
    return where(lax.bitwise_and(lax.ne(ratio, ratio), lax.bitwise_not(any_nan)), math.inf, ratio)


# ---- products and parts ----

def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """Vector product of vectors of length 3.

    >>> jnp.linalg.cross(np.array([1, 0, 0]), np.array([0, 1, 0]))
    Array([0, 0, 1], dtype=int64)
    """
    a, b = as_array("cross", x1), as_array("cross", x2)
    if a.aval.shape[axis] != 3 or b.aval.shape[axis] != 3:
        raise ValueError(f"cross: vectors must have length 3, got {a.aval} and {b.aval}")
    return _cross(a, b, axis=axis)


def outer(x1: Any, x2: Any, /) -> Any:
    """Products of all pairs of elements of two vectors.

    >>> jnp.linalg.outer(np.array([1, 2]), np.array([3]))
    Array([[3],
           [6]], dtype=int64)
    """
    a, b = as_array("outer", x1), as_array("outer", x2)
    if a.aval.ndim != 1 or b.aval.ndim != 1:
        raise ValueError(f"outer: vectors are needed, got {a.aval} and {b.aval}")
    return _outer(a, b)


def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2, precision: Any = None,
              preferred_element_type: Any = None, out_sharding: Any = None) -> Any:
    """Sum of products over several axes.

    >>> jnp.linalg.tensordot(np.ones(2), np.ones(2), axes=1)
    Array(2., dtype=float64)
    """
    return _tensordot(x1, x2, axes, precision=precision,
                      preferred_element_type=preferred_element_type)


def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """Diagonals of the matrices in the last two axes.

    >>> jnp.linalg.diagonal(np.eye(2))
    Array([1., 1.], dtype=float64)
    """
    return _diagonal(x, offset, -2, -1)


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """Sums of the diagonals of the matrices in the last two axes.

    >>> jnp.linalg.trace(np.eye(2))
    Array(2., dtype=float64)
    """
    return _trace(x, offset, -2, -1, dtype)


def multi_dot(arrays: Sequence[Any], *, precision: Any = None) -> Any:
    """Product of several matrices in the order of fewest multiplications.

    >>> jnp.linalg.multi_dot([np.eye(2), np.eye(2), np.ones(2)])
    Array([1., 1.], dtype=float64)
    """
    made = promote_dtypes("multi_dot", *arrays)
    if len(made) < 2:
        raise ValueError(f"multi_dot: at least two arrays are needed, got {len(made)}")
    if any(a.aval.ndim not in ((1, 2) if i in (0, len(made) - 1) else (2,))
           for i, a in enumerate(made)):
        raise ValueError("multi_dot: matrices are needed, vectors only at the ends")
    sizes = [1 if made[0].aval.ndim == 1 else made[0].aval.shape[0],
             *(a.aval.shape[0 if i and a.aval.ndim == 1 else -1] if i < len(made) - 1 or
               a.aval.ndim == 2 else 1 for i, a in enumerate(made))]

    @functools.cache
    def best(i: int, j: int) -> tuple[int, int]:
        """Cost of the product of arrays i to j, and where to cut it."""
        if i == j:
            return 0, i
        return min((best(i, k)[0] + best(k + 1, j)[0] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                   for k in range(i, j))

    def product(i: int, j: int) -> Any:
        if i == j:
            return made[i]
        k = best(i, j)[1]
        return matmul(product(i, k), product(k + 1, j), precision=precision)

    return product(0, len(made) - 1)


def tensorinv(a: Any, ind: int = 2) -> Any:
    """Inverse of the linear map from the last axes to the first `ind` ones.

    >>> jnp.linalg.tensorinv(np.eye(2).reshape(2, 1, 2), ind=1).shape
    (1, 2, 2)
    """
    a = inexact("tensorinv", a)
    ind = operator.index(ind)
    if ind <= 0:
        raise ValueError(f"tensorinv: ind must be positive, got {ind}")
    shape = a.aval.shape
    n = math.prod(shape[:ind])
    if n != math.prod(shape[ind:]):
        raise ValueError(f"tensorinv: {a.aval} is not square at axis {ind}")
    return lax.reshape(inv(lax.reshape(a, (n, n))), (*shape[ind:], *shape[:ind]))


def tensorsolve(a: Any, b: Any, axes: Sequence[int] | None = None) -> Any:
    """Solve tensordot(a, x, x.ndim) = b.

    >>> jnp.linalg.tensorsolve(np.eye(2), np.ones(2))
    Array([1., 1.], dtype=float64)
    """
    a, b = promote_dtypes("tensorsolve", a, b, kind="inexact")
    if axes is not None:
        a = moveaxis(a, tuple(axes), range(a.aval.ndim - len(axes), a.aval.ndim))
    shape = a.aval.shape[b.aval.ndim:]
    n = math.prod(shape)
    if n != b.aval.size:
        raise ValueError(f"tensorsolve: {a.aval} is not square for {b.aval}")
    return lax.reshape(solve(lax.reshape(a, (n, n)), ravel(b)), shape)
