"""Sparse matrices in compressed rows (BCSR): to and from BCOO, dense and SciPy's, and products."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

import ingot.numpy as jnp
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.experimental.bcoo import BCOO, JAXSparse
from ingot.tree import register_pytree_node


class BCSR(JAXSparse):
    """A matrix given by the values and columns of some elements, row after row.

    args: data [nse], indices integer [nse], the columns, indptr integer [rows + 1], where rows
    start. shape: (rows, columns). indices_sorted, unique_indices: what is known of the columns.

    >>> from ingot.experimental import sparse
    >>> rows = (np.array([3.0]), np.array([1]), np.array([0, 0, 1]))
    >>> sparse.BCSR(rows, shape=(2, 2)).todense()
    Array([[0., 0.],
           [0., 3.]], dtype=float64)
    """

    n_batch = n_dense = 0
    n_sparse = ndim = 2
    __array_ufunc__ = None  # so that NumPy leaves `array @ sparse` to us

    def __init__(self, args: tuple[Any, Any, Any], *, shape: Sequence[int],
                 indices_sorted: bool = False, unique_indices: bool = False):
        self.data, self.indices, self.indptr = map(jnp.asarray, args)
        self.shape = tuple(operator.index(n) for n in shape)
        self.indices_sorted, self.unique_indices = indices_sorted, unique_indices
        if (len(self.shape) != 2 or self.data.ndim != 1 or self.indices.shape != self.data.shape
                or self.indptr.shape != (self.shape[0] + 1,)):
            raise ValueError(
                "BCSR: expected values [nse], columns [nse] and starts [rows + 1], got"
                f" {self.data.aval}, {self.indices.aval} and {self.indptr.aval} for shape"
                f" {self.shape}; batched and partly dense forms are not supported")

    @property
    def nse(self) -> int:
        """How many elements are specified."""
        return self.data.shape[0]

    @property
    def dtype(self) -> Any:
        """The dtype of the values."""
        return self.data.dtype

    @property
    def size(self) -> int:
        """The number of elements, zeros included."""
        return self.shape[0] * self.shape[1]

    def __repr__(self) -> str:
        return f"BCSR({self.data.dtype.name}{list(self.shape)}, nse={self.nse})"

    @classmethod
    def fromdense(cls, mat: Any, *, nse: int | None = None, index_dtype: Any = np.int32) -> BCSR:
        """From a dense matrix; inside jit, nse must be given."""
        return cls.from_bcoo(BCOO.fromdense(mat, nse=nse, index_dtype=index_dtype))

    @classmethod
    def from_bcoo(cls, arr: BCOO) -> BCSR:
        """From coordinates, put in order."""
        if arr.ndim != 2:
            raise ValueError(f"BCSR.from_bcoo: a matrix is needed, got {arr!r}")
        arr = arr if arr.indices_sorted else arr.sort_indices()
        rows = jnp.arange(arr.shape[0] + 1)
        starts = jnp.searchsorted(arr.indices[:, 0], rows).astype(arr.indices.dtype)
        return cls((arr.data, arr.indices[:, 1], starts), shape=arr.shape, indices_sorted=True,
                   unique_indices=arr.unique_indices)

    @classmethod
    def from_scipy_sparse(cls, mat: Any, *, index_dtype: Any = np.int32, n_dense: int = 0,
                          n_batch: int = 0) -> BCSR:
        """From a sparse matrix of SciPy."""
        if n_dense or n_batch:
            raise ValueError("BCSR.from_scipy_sparse: n_dense and n_batch must be 0")
        mat = mat.tocsr()
        return cls((mat.data, mat.indices.astype(index_dtype), mat.indptr.astype(index_dtype)),
                   shape=mat.shape)

    def to_bcoo(self) -> BCOO:
        """In coordinate form."""
        row = jnp.searchsorted(self.indptr, jnp.arange(self.nse), side="right") - 1
        indices = jnp.stack([row.astype(self.indices.dtype), self.indices], -1)
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
        return BCSR.from_bcoo(self.to_bcoo().transpose(axes))

    @property
    def T(self) -> BCSR:
        """Rows as columns."""
        return self.transpose()

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
    made.shape, made.indices_sorted, made.unique_indices = aux
    return made


register_pytree_node(
    BCSR, lambda x: ((x.data, x.indices, x.indptr), (x.shape, x.indices_sorted, x.unique_indices)),
    _rebuilt)


def bcsr_fromdense(mat: Any, *, nse: int | None = None, index_dtype: Any = np.int32) -> BCSR:
    """Make a dense matrix one in compressed rows.

    mat: a dense matrix. nse: how many elements are specified, by default all that are not zero.
    index_dtype: of columns and rows -> a BCSR.

    >>> from ingot.experimental import sparse
    >>> sparse.bcsr_fromdense(np.eye(2))
    BCSR(float64[2, 2], nse=2)
    """
    return BCSR.fromdense(mat, nse=nse, index_dtype=index_dtype)


def bcsr_todense(mat: BCSR) -> Any:
    """Make a matrix in compressed rows dense.

    mat: a BCSR -> a dense matrix.

    >>> from ingot.experimental import sparse
    >>> sparse.bcsr_todense(sparse.bcsr_fromdense(np.eye(1)))
    Array([[1.]], dtype=float64)
    """
    return mat.todense()


_hide_frames_of(__name__)
