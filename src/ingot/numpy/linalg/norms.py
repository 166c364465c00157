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
from ingot.numpy.reductions import axes_of, max as max_, min as min_, sum as sum_
from ingot.numpy.triangles import diagonal as _diagonal, trace as _trace

# ---- norms ----

@trace_cached
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Compute norms of vectors or matrices.

    x: [...]; axis: one axis for vectors, two for matrices, None for all; ord: None is the 2-norm of
    all elements; of vectors inf, -inf, 0 or a power; of matrices "fro", "nuc", 1, -1, 2, -2, inf or
    -inf; keepdims: whether reduced axes stay, with length 1 -> [other axes] real. The 2-norm
    neither overflows nor underflows on the way. Raises ValueError for other `ord` and numbers of
    axes.

    >>> jnp.linalg.norm(np.array([[3.0, 4.0], [6.0, 8.0]]), axis=1)
    Array([ 5., 10.], dtype=float64)
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
    """Compute norms of vectors, over one axis, several, or all.

    x: [...]; axis: an axis, several, or None for all; keepdims, ord: as for `norm` of vectors, with
    the same errors -> [other axes] real.

    >>> jnp.linalg.vector_norm(np.array([3.0, 4.0]), ord=1)
    Array(7., dtype=float64)
    """
    x = inexact("vector_norm", x)
    axes = axes_of("vector_norm", axis, x.aval.ndim)
    return _vector_norm(convert(x, x.aval.dtype), ord, axes, keepdims)


def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """Compute norms of the matrices in the last two axes.

    x: [..., m, n]; keepdims, ord: as for `norm` of matrices, with the same errors -> [...] real.

    >>> jnp.linalg.matrix_norm(np.array([[1.0, 2.0], [3.0, 4.0]]), ord=1)
    Array(6., dtype=float64)
    """
    return norm(x, ord, (-2, -1), keepdims)


def cond(x: Any, p: Any = None) -> Any:
    """Compute condition numbers: the norm of a matrix times that of its inverse.

    x: [..., m, n], square unless p is None, 2 or -2, by singular values; p: as `ord` of `norm`,
    None for 2 -> [...] real, inf for singular matrices. Raises ShapeError for vectors and matrices
    that are not square, ValueError for empty ones.

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
    """Compute the vector product of vectors of length 3.

    x1, x2: [..., 3, ...], broadcast; axis: the axis of length 3 -> [..., 3, ...] of the dtype they
    promote to. Raises ValueError for other lengths.

    >>> jnp.linalg.cross(np.array([1, 0, 0]), np.array([0, 1, 0]))
    Array([0, 0, 1], dtype=int64)
    """
    a, b = as_array("cross", x1), as_array("cross", x2)
    if a.aval.shape[axis] != 3 or b.aval.shape[axis] != 3:
        raise ValueError(f"cross: vectors must have length 3, got {a.aval} and {b.aval}")
    return _cross(a, b, axis=axis)


def outer(x1: Any, x2: Any, /) -> Any:
    """Multiply all pairs of elements of two vectors.

    x1, x2: [m], [n] -> [m, n] of the dtype they promote to. Raises ValueError for other ranks.

    >>> jnp.linalg.outer(np.array([1, 2]), np.array([3, 4]))
    Array([[3, 4],
           [6, 8]], dtype=int64)
    """
    a, b = as_array("outer", x1), as_array("outer", x2)
    if a.aval.ndim != 1 or b.aval.ndim != 1:
        raise ValueError(f"outer: vectors are needed, got {a.aval} and {b.aval}")
    return _outer(a, b)


def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2, precision: Any = None,
              preferred_element_type: Any = None, out_sharding: Any = None) -> Any:
    """Multiply and sum over several axes, as `jnp.tensordot`.

    x1, x2, axes, precision, preferred_element_type: as there, with the same errors; out_sharding:
    without effect -> the other axes of x1, then those of x2.

    >>> jnp.linalg.tensordot(np.array([1, 2]), np.array([3, 4]), axes=1)
    Array(11, dtype=int64)
    """
    return _tensordot(x1, x2, axes, precision=precision,
                      preferred_element_type=preferred_element_type)


def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """Return the diagonals of the matrices in the last two axes.

    x: [..., m, n] of any dtype; offset: which diagonal, positive ones lie above the main one ->
    [..., length] of the same dtype. Raises ValueError for vectors.

    >>> jnp.linalg.diagonal(np.array([[1, 2], [3, 4]]))
    Array([1, 4], dtype=int64)
    """
    return _diagonal(x, offset, -2, -1)


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """Sum the diagonals of the matrices in the last two axes.

    x: [..., m, n]; offset: which diagonal, positive ones lie above the main one; dtype: by default
    that of `jnp.sum` -> [...] of `dtype`. Raises ValueError for vectors.

    >>> jnp.linalg.trace(np.array([[1, 2], [3, 4]]))
    Array(5, dtype=int64)
    """
    return _trace(x, offset, -2, -1, dtype)


def multi_dot(arrays: Sequence[Any], *, precision: Any = None) -> Any:
    """Multiply several matrices in the order of fewest multiplications.

    arrays: two matrices [n_i, n_i+1] at least, or vectors at the ends; precision: checked, else
    without effect -> [n_0, n_k], [n] or [], of the dtype they promote to. By dynamic programming.
    Raises ValueError for fewer arrays and other ranks, TypeError for lengths that differ.

    >>> jnp.linalg.multi_dot([np.eye(2), np.array([[1, 2], [3, 4]]), np.array([5, 6])])
    Array([17., 39.], dtype=float64)
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
    """Invert the linear map from the last axes of an array to the first `ind` ones.

    a: [*s, *t] with as many elements in s as in t; ind: number of axes in s -> [*t, *s] floats or
    complex. Raises ValueError if the numbers differ, and for ind < 1.

    >>> jnp.linalg.tensorinv(2 * np.eye(4).reshape(4, 2, 2), ind=1).shape
    (2, 2, 4)
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

    a: [*b.shape, *s], with as many elements in s as in b; axes: those of `a` to move to the end
    before -> x [*s] floats or complex. Raises ValueError if the numbers differ.

    >>> jnp.linalg.tensorsolve(np.array([[2, 1], [1, 3]]), np.array([5, 10]))
    Array([1., 3.], dtype=float64)
    """
    a, b = promote_dtypes("tensorsolve", a, b, kind="inexact")
    if axes is not None:
        a = moveaxis(a, tuple(axes), range(a.aval.ndim - len(axes), a.aval.ndim))
    shape = a.aval.shape[b.aval.ndim:]
    n = math.prod(shape)
    if n != b.aval.size:
        raise ValueError(f"tensorsolve: {a.aval} is not square for {b.aval}")
    return lax.reshape(solve(lax.reshape(a, (n, n)), ravel(b)), shape)
