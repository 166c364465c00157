"""Sparse matrices in SciPy's forms: coordinates (COO), compressed rows (CSR), columns (CSC)."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

import ingot.numpy as jnp
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.experimental.bcoo import BCOO
from ingot.experimental.coordinates import JAXSparse
from ingot.tree import register_pytree_node


class Matrix(JAXSparse):
    """What the forms share: values and two arrays of integers, and products by way of BCOO."""

    _parts: tuple[str, str, str]

    def __init__(self, args: tuple[Any, Any, Any], *, shape: Sequence[int]):
        for name, x in zip(self._parts, map(jnp.asarray, args), strict=True):
            setattr(self, name, x)
        self.shape = tuple(operator.index(n) for n in shape)
        if len(self.shape) != 2 or any(getattr(self, name).ndim != 1 for name in self._parts):
            raise ValueError(f"{type(self).__name__}: expected {', '.join(self._parts)} as vectors"
                             f" and a shape of two lengths, got"
                             f" {[getattr(self, n).aval for n in self._parts]} for {self.shape}")

    @property
    def nse(self) -> int:
        """How many elements are specified."""
        return self.data.shape[0]

    def to_bcoo(self) -> BCOO:
        """In batched coordinate form."""
        row, col = self.places()
        return BCOO((self.data, jnp.stack([row, col], -1)), shape=self.shape)

    def places(self) -> tuple[Any, Any]:
        """Rows and columns of the elements."""
        raise NotImplementedError

    @classmethod
    def from_bcoo(cls, mat: BCOO) -> Self:
        """From batched coordinate form."""
        raise NotImplementedError

    @classmethod
    def fromdense(cls, mat: Any, *, nse: int | None = None, index_dtype: Any = np.int32) -> Self:
        """From a dense matrix; inside jit, nse must be given."""
        return cls.from_bcoo(BCOO.fromdense(mat, nse=nse, index_dtype=index_dtype))

    @classmethod
    def from_scipy_sparse(cls, mat: Any, *, index_dtype: Any = np.int32, n_dense: int = 0,
                          n_batch: int = 0) -> Self:
        """From a sparse matrix of SciPy."""
        return cls.from_bcoo(BCOO.from_scipy_sparse(
            mat, index_dtype=index_dtype, n_dense=n_dense, n_batch=n_batch).sort_indices())

    def todense(self) -> Any:
        """The same as a dense matrix."""
        return self.to_bcoo().todense()

    def transpose(self, axes: Sequence[int] | None = None) -> Matrix:
        """Rows as columns."""
        if axes not in (None, (1, 0), [1, 0]):
            raise NotImplementedError(f"{type(self).__name__}.transpose: axes must be (1, 0), got"
                                      f" {axes}")
        return self._transposed()

    def _transposed(self) -> Matrix:
        raise NotImplementedError

    def tree_flatten(self) -> Any:
        """The arrays, and the shape."""
        return tuple(getattr(self, name) for name in self._parts), {"shape": self.shape}

    @classmethod
    def tree_unflatten(cls, aux_data: Any, children: Any) -> Self:
        """The inverse of `tree_flatten`."""
        return cls(children, shape=aux_data["shape"])

    def _with(self, data: Any) -> Self:
        return type(self)((data, *(getattr(self, n) for n in self._parts[1:])), shape=self.shape)

    def astype(self, dtype: Any) -> Self:
        """Values in another dtype."""
        return self._with(self.data.astype(dtype))

    def __neg__(self) -> Self:
        return self._with(-self.data)

    def __mul__(self, other: Any) -> Self:
        return self._with((self.to_bcoo() * _in_coordinates(other)).data)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Self:
        return self._with((self.to_bcoo() / other).data)

    def __add__(self, other: Any) -> Any:
        total = self.to_bcoo() + _in_coordinates(other)
        return self.from_bcoo(total.sort_indices()) if isinstance(total, BCOO) else total

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self + (-other)

    def __matmul__(self, other: Any) -> Any:
        """The product with a dense array (dense), or with a sparse matrix (of this form)."""
        out = self.to_bcoo() @ _in_coordinates(other)
        return self.from_bcoo(out) if isinstance(out, BCOO) and out.ndim == 2 else out

    def __rmatmul__(self, other: Any) -> Any:
        return other @ self.to_bcoo()


def _in_coordinates(x: Any) -> Any:
    return x.to_bcoo() if hasattr(x, "to_bcoo") else x


class COO(Matrix):
    """A matrix given by the values, rows and columns of some elements.

    args: data [nse], row and col integer [nse]. shape: (rows, columns). rows_sorted, cols_sorted:
    what is known of the order.

    >>> from ingot.experimental import sparse
    >>> sparse.COO((np.array([3.0]), np.array([1]), np.array([0])), shape=(2, 2)).todense()
    Array([[0., 0.],
           [3., 0.]], dtype=float64)
    """

    _parts = ("data", "row", "col")
    row: Any
    col: Any

    def __init__(self, args: tuple[Any, Any, Any], *, shape: Sequence[int],
                 rows_sorted: bool = False, cols_sorted: bool = False):
        super().__init__(args, shape=shape)
        self._rows_sorted, self._cols_sorted = rows_sorted, cols_sorted

    def places(self) -> tuple[Any, Any]:
        """Rows and columns of the elements."""
        return self.row, self.col

    @classmethod
    def from_bcoo(cls, mat: BCOO) -> Self:
        """From batched coordinate form."""
        return cls((mat.data, *mat.indices.T), shape=mat.shape, rows_sorted=mat.indices_sorted)

    def _transposed(self) -> COO:
        return COO((self.data, self.col, self.row), shape=self.shape[::-1],
                   rows_sorted=self._cols_sorted, cols_sorted=self._rows_sorted)

    def _sort_indices(self) -> COO:
        return COO.from_bcoo(self.to_bcoo().sort_indices())


class CSR(Matrix):
    """A matrix given by the values and columns of some elements, row after row.

    args: data [nse], indices integer [nse], the columns, indptr integer [rows + 1], where rows
    start. shape: (rows, columns).

    >>> from ingot.experimental import sparse
    >>> sparse.CSR((np.array([3.0]), np.array([1]), np.array([0, 0, 1])), shape=(2, 2)).todense()
    Array([[0., 0.],
           [0., 3.]], dtype=float64)
    """

    _parts = ("data", "indices", "indptr")
    indices: Any
    indptr: Any

    def places(self) -> tuple[Any, Any]:
        """Rows and columns of the elements."""
        return _line_of_each(self.indptr, self.indices), self.indices

    @classmethod
    def from_bcoo(cls, mat: BCOO) -> Self:
        """From batched coordinate form."""
        mat = mat if mat.indices_sorted else mat.sort_indices()
        row, col = mat.indices.T
        return cls((mat.data, col, _starts(row, mat.shape[0])), shape=mat.shape)

    def _transposed(self) -> CSC:
        return CSC((self.data, self.indices, self.indptr), shape=self.shape[::-1])


class CSC(Matrix):
    """A matrix given by the values and rows of some elements, column after column.

    args: data [nse], indices integer [nse], the rows, indptr integer [columns + 1], where columns
    start. shape: (rows, columns).

    >>> from ingot.experimental import sparse
    >>> sparse.CSC((np.array([3.0]), np.array([1]), np.array([0, 1, 1])), shape=(2, 2)).todense()
    Array([[0., 0.],
           [3., 0.]], dtype=float64)
    """

    _parts = ("data", "indices", "indptr")
    indices: Any
    indptr: Any

    def places(self) -> tuple[Any, Any]:
        """Rows and columns of the elements."""
        return self.indices, _line_of_each(self.indptr, self.indices)

    @classmethod
    def from_bcoo(cls, mat: BCOO) -> Self:
        """From batched coordinate form."""
        flipped = CSR.from_bcoo(mat.transpose())
        return cls((flipped.data, flipped.indices, flipped.indptr), shape=mat.shape)

    def _transposed(self) -> CSR:
        return CSR((self.data, self.indices, self.indptr), shape=self.shape[::-1])


def _line_of_each(starts: Any, like: Any) -> Any:
    """The row of each element, from where rows start."""
    places = jnp.arange(like.shape[0])
    return (jnp.searchsorted(starts, places, side="right") - 1).astype(like.dtype)


def _starts(lines: Any, count: int) -> Any:
    return jnp.searchsorted(lines, jnp.arange(count + 1)).astype(lines.dtype)


def _rebuild(kind: type[Matrix], extra: Sequence[str]) -> Any:
    def rebuilt(aux: Any, children: Any) -> Any:
        """Without checks: leaves may be placeholders."""
        made = object.__new__(kind)
        for name, x in zip((*kind._parts, "shape", *extra), (*children, *aux), strict=True):
            setattr(made, name, x)
        return made

    return rebuilt


for _kind, _extra in ((COO, ("_rows_sorted", "_cols_sorted")), (CSR, ()), (CSC, ())):
    register_pytree_node(
        _kind, lambda x, extra=_extra: (tuple(getattr(x, name) for name in x._parts),
                                        (x.shape, *(getattr(x, name) for name in extra))),
        _rebuild(_kind, _extra))


def coo_fromdense(mat: Any, *, nse: int | None = None, index_dtype: Any = np.int32) -> COO:
    """Make a dense matrix one in coordinates.

    mat: a dense matrix. nse: how many elements are specified, by default all that are not zero;
    inside jit it must be given. index_dtype: of integers -> a COO.

    >>> from ingot.experimental import sparse
    >>> sparse.coo_fromdense(np.eye(2))
    COO(float64[2, 2], nse=2)
    """
    return COO.fromdense(mat, nse=nse, index_dtype=index_dtype)


def coo_todense(mat: COO) -> Any:
    """Make a matrix in coordinates dense.

    mat: a COO -> a dense matrix.

    >>> from ingot.experimental import sparse
    >>> sparse.coo_todense(sparse.coo_fromdense(np.eye(1)))
    Array([[1.]], dtype=float64)
    """
    return mat.todense()


def coo_matvec(mat: COO, v: Any, transpose: bool = False) -> Any:
    """Multiply a vector by a matrix in coordinates.

    mat: a COO [n, m]. v: [m], or [n] with transpose -> [n], or [m] with transpose.

    >>> from ingot.experimental import sparse
    >>> sparse.coo_matvec(sparse.coo_fromdense(np.eye(2)), np.array([3.0, 4.0]))
    Array([3., 4.], dtype=float64)
    """
    return (mat.T if transpose else mat) @ jnp.asarray(v)


def coo_matmat(mat: COO, B: Any, *, transpose: bool = False) -> Any:
    """Multiply a dense matrix by one in coordinates.

    mat: a COO [n, m]. B: [m, k], or [n, k] with transpose -> [n, k], or [m, k] with transpose.

    >>> from ingot.experimental import sparse
    >>> sparse.coo_matmat(sparse.coo_fromdense(np.eye(2)), np.ones((2, 1)))
    Array([[1.],
           [1.]], dtype=float64)
    """
    return (mat.T if transpose else mat) @ jnp.asarray(B)


def csr_fromdense(mat: Any, *, nse: int | None = None, index_dtype: Any = np.int32) -> CSR:
    """Make a dense matrix one in compressed rows.

    mat: a dense matrix. nse: how many elements are specified, by default all that are not zero;
    inside jit it must be given. index_dtype: of integers -> a CSR.

    >>> from ingot.experimental import sparse
    >>> sparse.csr_fromdense(np.eye(2))
    CSR(float64[2, 2], nse=2)
    """
    return CSR.fromdense(mat, nse=nse, index_dtype=index_dtype)


def csr_todense(mat: CSR) -> Any:
    """Make a matrix in compressed rows dense.

    mat: a CSR -> a dense matrix.

    >>> from ingot.experimental import sparse
    >>> sparse.csr_todense(sparse.csr_fromdense(np.eye(1)))
    Array([[1.]], dtype=float64)
    """
    return mat.todense()


def csr_matvec(mat: CSR, v: Any, transpose: bool = False) -> Any:
    """Multiply a vector by a matrix in compressed rows.

    mat: a CSR [n, m]. v: [m], or [n] with transpose -> [n], or [m] with transpose.

    >>> from ingot.experimental import sparse
    >>> sparse.csr_matvec(sparse.csr_fromdense(np.eye(2)), np.array([3.0, 4.0]))
    Array([3., 4.], dtype=float64)
    """
    return (mat.T if transpose else mat) @ jnp.asarray(v)


def csr_matmat(mat: CSR, B: Any, *, transpose: bool = False) -> Any:
    """Multiply a dense matrix by one in compressed rows.

    mat: a CSR [n, m]. B: [m, k], or [n, k] with transpose -> [n, k], or [m, k] with transpose.

    >>> from ingot.experimental import sparse
    >>> sparse.csr_matmat(sparse.csr_fromdense(np.eye(2)), np.ones((2, 1)))
    Array([[1.],
           [1.]], dtype=float64)
    """
    return (mat.T if transpose else mat) @ jnp.asarray(B)


_hide_frames_of(__name__)
