"""Sparse matrices in compressed rows (BCSR): to and from BCOO, dense and SciPy's, and products."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

import ingot.numpy as jnp
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.experimental.bcoo import BCOO
from ingot.experimental.bcoo_axes import bcoo_broadcast_in_dim, bcoo_concatenate
from ingot.experimental.bcoo_layout import bcoo_extract
from ingot.experimental.bcoo_products import bcoo_dot_general
from ingot.experimental.coordinates import (
    JAXSparse,
    broadcast_batches,
    each_batch,
    full,
    over_batches,
)
from ingot.tree import register_pytree_node


class BCSR(JAXSparse):
    """A matrix given by the values and columns of some elements, row after row; or a stack of them.

    args: data [*batch, nse, *dense], indices integer [*batch, nse], the columns, indptr integer
    [*batch, rows + 1], where rows start. shape: (*batch, rows, columns, *dense). indices_sorted,
    unique_indices: what is known of the columns.

    >>> from ingot.experimental import sparse
    >>> rows = (np.array([3.0]), np.array([1]), np.array([0, 0, 1]))
    >>> sparse.BCSR(rows, shape=(2, 2)).todense()
    Array([[0., 0.],
           [0., 3.]], dtype=float64)
    """

    n_sparse = 2

    def __init__(self, args: tuple[Any, Any, Any], *, shape: Sequence[int],
                 indices_sorted: bool = False, unique_indices: bool = False):
        self.data, self.indices, self.indptr = map(jnp.asarray, args)
        shape = tuple(operator.index(n) for n in shape)
        n = self.indices.ndim - 1
        self.sparse_shape = shape[n:n + 2]
        self.indices_sorted, self.unique_indices = indices_sorted, unique_indices
        if (len(self.sparse_shape) != 2 or self.shape != shape or self.indptr.ndim != n + 1
                or self.data.shape[n] != self.indices.shape[n]
                or self.indptr.shape[n] != shape[n] + 1):
            raise ValueError(
                "BCSR: expected values [*batch, nse, *dense], columns [*batch, nse] and starts"
                f" [*batch, rows + 1], got {self.data.aval}, {self.indices.aval} and"
                f" {self.indptr.aval} for shape {shape}")

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        """(*batch, rows, columns, *dense)."""
        n = self.n_batch
        batch = broadcast_batches([x.shape[:n] for x in (self.data, self.indices, self.indptr)])
        return (*batch, *self.sparse_shape, *self.data.shape[n + 1:])

    @property
    def n_batch(self) -> int:
        """How many leading axes number matrices."""
        return self.indices.ndim - 1

    @property
    def n_dense(self) -> int:
        """How many trailing axes of values are written out."""
        return self.data.ndim - self.indices.ndim

    @property
    def nse(self) -> int:
        """How many elements are specified, in each matrix."""
        return self.indices.shape[-1]

    @classmethod
    def fromdense(cls, mat: Any, *, nse: int | None = None, index_dtype: Any = np.int32,
                  n_dense: int = 0, n_batch: int = 0) -> BCSR:
        """From a dense matrix; inside jit, nse must be given."""
        return cls.from_bcoo(BCOO.fromdense(mat, nse=nse, index_dtype=index_dtype, n_dense=n_dense,
                                            n_batch=n_batch))

    @classmethod
    def from_bcoo(cls, arr: BCOO) -> BCSR:
        """From coordinates, put in order."""
        if arr.n_sparse != 2:
            raise ValueError(f"BCSR.from_bcoo: a matrix is needed, got {arr!r}")
        arr = full(arr if arr.indices_sorted else arr.sort_indices())  # type: ignore[assignment]

        def one(mat: Any) -> tuple[Any, Any]:
            rows = jnp.arange(mat.shape[0] + 1)
            starts = jnp.searchsorted(mat.indices[:, 0], rows).astype(mat.indices.dtype)
            return mat.indices[:, 1], starts

        return cls((arr.data, *each_batch(one, arr)), shape=arr.shape, indices_sorted=True,
                   unique_indices=arr.unique_indices)

    @classmethod
    def from_scipy_sparse(cls, mat: Any, *, index_dtype: Any = np.int32, n_dense: int = 0,
                          n_batch: int = 0) -> BCSR:
        """From a sparse matrix of SciPy."""
        if n_dense or n_batch:
            raise NotImplementedError("BCSR.from_scipy_sparse: n_dense and n_batch must be 0")
        mat = mat.tocsr()
        return cls((mat.data, mat.indices.astype(index_dtype), mat.indptr.astype(index_dtype)),
                   shape=mat.shape)

    def to_bcoo(self) -> BCOO:
        """In coordinate form."""
        def one(columns: Any, starts: Any) -> Any:
            row = jnp.searchsorted(starts, jnp.arange(self.nse), side="right") - 1
            return jnp.stack([row.astype(columns.dtype), columns], -1)

        n = self.n_batch
        batch = self.shape[:n]
        indices = over_batches(one, n, *(jnp.broadcast_to(x, batch + x.shape[n:])
                                         for x in (self.indices, self.indptr)))
        return BCOO((self.data, indices), shape=self.shape, indices_sorted=self.indices_sorted,
                    unique_indices=self.unique_indices)

    def todense(self) -> Any:
        """The same as a dense matrix."""
        return self.to_bcoo().todense()

    def sum_duplicates(self, nse: int | None = None) -> BCSR:
        """Each coordinate once, in order; inside jit, nse must be given."""
        return BCSR.from_bcoo(self.to_bcoo().sum_duplicates(nse))

    def sum(self, axis: int | None = None) -> Any:
        """The sum of all elements (dense), or along an axis (a BCOO)."""
        return self.to_bcoo().sum(axis)

    def transpose(self, axes: Sequence[int] | None = None) -> BCSR:
        """Rows as columns."""
        n = self.n_batch
        swapped = (*range(n), n + 1, n, *range(n + 2, self.ndim))
        return BCSR.from_bcoo(self.to_bcoo().transpose(swapped if axes is None else axes))

    def _with(self, data: Any) -> BCSR:
        return BCSR((data, self.indices, self.indptr), shape=self.shape,
                    indices_sorted=self.indices_sorted, unique_indices=self.unique_indices)

    def astype(self, dtype: Any) -> BCSR:
        """Values in another dtype."""
        return self._with(self.data.astype(dtype))

    def __neg__(self) -> BCSR:
        return self._with(-self.data)

    def __mul__(self, other: Any) -> BCSR:
        other = other.to_bcoo() if isinstance(other, BCSR) else other
        return self._with((self.to_bcoo() * other).data)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> BCSR:
        return self._with((self.to_bcoo() / other).data)

    def __add__(self, other: Any) -> Any:
        if isinstance(other, BCSR):
            return BCSR.from_bcoo(self.to_bcoo() + other.to_bcoo())
        return self.to_bcoo() + other

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self + (-other)

    def __getitem__(self, index: Any) -> BCOO:
        """Elements at integers and slices, in coordinate form."""
        return self.to_bcoo()[index]

    def __matmul__(self, other: Any) -> Any:
        """The product with a dense vector or matrix (dense), or with a BCSR (BCSR)."""
        if isinstance(other, BCSR):
            return BCSR.from_bcoo(self.to_bcoo() @ other.to_bcoo())
        return self.to_bcoo() @ other

    def __rmatmul__(self, other: Any) -> Any:
        return other @ self.to_bcoo()


def _rebuilt(aux: Any, children: Any) -> BCSR:
    """Without checks: leaves may be placeholders."""
    made = object.__new__(BCSR)
    made.data, made.indices, made.indptr = children
    made.sparse_shape, made.indices_sorted, made.unique_indices = aux
    return made


register_pytree_node(
    BCSR, lambda x: ((x.data, x.indices, x.indptr),
                     (x.sparse_shape, x.indices_sorted, x.unique_indices)), _rebuilt)


def bcsr_fromdense(mat: Any, *, nse: int | None = None, n_batch: int = 0, n_dense: int = 0,
                   index_dtype: Any = np.int32) -> BCSR:
    """Make a dense matrix one in compressed rows.

    mat: a dense matrix. nse: how many elements are specified, by default all that are not zero.
    n_batch, n_dense: how many of the first axes are batches, and of the last ones dense.
    index_dtype: of columns and rows -> a BCSR.

    >>> from ingot.experimental import sparse
    >>> sparse.bcsr_fromdense(np.eye(2))
    BCSR(float64[2, 2], nse=2)
    """
    return BCSR.fromdense(mat, nse=nse, n_batch=n_batch, n_dense=n_dense, index_dtype=index_dtype)


def bcsr_todense(mat: BCSR) -> Any:
    """Make a matrix in compressed rows dense.

    mat: a BCSR -> a dense matrix.

    >>> from ingot.experimental import sparse
    >>> sparse.bcsr_todense(sparse.bcsr_fromdense(np.eye(1)))
    Array([[1.]], dtype=float64)
    """
    return mat.todense()


def bcsr_sum_duplicates(mat: BCSR, nse: int | None = None) -> BCSR:
    """Add up the values of elements in the same place.

    mat: a BCSR. nse: how many are left, which must be given inside jit -> a BCSR.

    >>> from ingot.experimental import sparse
    >>> sparse.bcsr_sum_duplicates(sparse.bcsr_fromdense(np.eye(2))).nse
    2
    """
    return mat.sum_duplicates(nse)


def bcsr_extract(indices: Any, indptr: Any, mat: Any) -> Any:
    """Take elements of a dense matrix at given columns of its rows.

    indices: integer [nse], the columns. indptr: integer [rows + 1], where rows start. mat: a dense
    matrix -> [nse].

    >>> from ingot.experimental import sparse
    >>> sparse.bcsr_extract(np.array([1, 0]), np.array([0, 1, 2]), np.arange(4.0).reshape(2, 2))
    Array([1., 2.], dtype=float64)
    """
    mat = jnp.asarray(mat)
    data = jnp.zeros(jnp.shape(indices), mat.dtype)
    at = BCSR((data, indices, indptr), shape=mat.shape).to_bcoo()
    return bcoo_extract(at, mat, assume_unique=True).data


def bcsr_broadcast_in_dim(mat: BCSR, *, shape: Sequence[int], broadcast_dimensions: Sequence[int]
                          ) -> BCSR:
    """Repeat a matrix along new axes of batches.

    mat: a BCSR. shape, broadcast_dimensions: those of `bcoo_broadcast_in_dim` -> a BCSR.

    >>> from ingot.experimental import sparse
    >>> mat = sparse.bcsr_fromdense(np.ones((1, 2, 2)), n_batch=1)
    >>> sparse.bcsr_broadcast_in_dim(mat, shape=(3, 2, 2), broadcast_dimensions=(0, 1, 2)).shape
    (3, 2, 2)
    """
    new = len(shape) - mat.ndim
    wide = mat.to_bcoo() if mat.n_batch or not new else BCOO(
        (mat.data[None], mat.to_bcoo().indices[None]), shape=(1, *mat.shape))
    dims = broadcast_dimensions if wide.ndim == mat.ndim else [
        min(broadcast_dimensions) - 1, *broadcast_dimensions]
    return BCSR.from_bcoo(bcoo_broadcast_in_dim(  # type: ignore[arg-type]
        wide, shape=shape, broadcast_dimensions=dims))


def bcsr_concatenate(operands: Sequence[BCSR], *, dimension: int) -> BCSR:
    """Concatenate matrices along an axis.

    operands: BCSRs of the same other lengths. dimension: the axis -> a BCSR.

    >>> from ingot.experimental import sparse
    >>> sparse.bcsr_concatenate([sparse.bcsr_fromdense(np.eye(2))] * 2, dimension=0)
    BCSR(float64[4, 2], nse=4)
    """
    return BCSR.from_bcoo(bcoo_concatenate(  # type: ignore[arg-type]
        [x.to_bcoo() for x in operands], dimension=dimension))


def bcsr_dot_general(lhs: Any, rhs: Any, *, dimension_numbers: Any, precision: Any = None,
                     preferred_element_type: Any = None, out_sharding: None = None) -> Any:
    """Contract BCSR and dense arrays as `lax.dot_general` does.

    lhs, rhs, dimension_numbers and the rest: those of `bcoo_dot_general` -> a dense array if one is
    dense, else a BCOO.

    >>> from ingot.experimental import sparse
    >>> sparse.bcsr_dot_general(sparse.bcsr_fromdense(np.eye(2)), np.ones(2),
    ...                         dimension_numbers=(((1,), (0,)), ((), ())))
    Array([1., 1.], dtype=float64)
    """
    lhs, rhs = (x.to_bcoo() if isinstance(x, BCSR) else x for x in (lhs, rhs))
    return bcoo_dot_general(lhs, rhs, dimension_numbers=dimension_numbers, precision=precision,
                            preferred_element_type=preferred_element_type)


_hide_frames_of(__name__)
