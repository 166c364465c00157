"""Sparse matrices in coordinate form (BCOO): from dense and SciPy's, products, sums, transposes."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import ingot.numpy as jnp
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.tree import register_pytree_node


class BCOO:
    """An array given by the values and coordinates of some elements; all others are zero.

    args: data [nse], indices integer [nse, rank]; shape: of the array. Coordinates may repeat:
    their values add up. Coordinates outside the shape are ignored.
    """

    n_batch = n_dense = 0
    __array_ufunc__ = None  # so that NumPy leaves `array @ sparse` to us

    def __init__(self, args: tuple[Any, Any], *, shape: Sequence[int],
                 indices_sorted: bool = False, unique_indices: bool = False):
        self.data, self.indices = map(jnp.asarray, args)
        self.shape = tuple(operator.index(n) for n in shape)
        self.indices_sorted, self.unique_indices = indices_sorted, unique_indices
        if self.data.ndim != 1 or self.indices.shape != (self.data.shape[0], len(self.shape)):
            raise ValueError(
                "BCOO: expected values [nse] and coordinates [nse, rank], got"
                f" {self.data.aval} and {self.indices.aval} for shape {self.shape}; batched and"
                " partly dense forms are not supported")

    @property
    def nse(self) -> int:
        """How many elements are specified."""
        return self.data.shape[0]

    @property
    def dtype(self) -> Any:
        """The dtype of the values."""
        return self.data.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    n_sparse = ndim

    @property
    def size(self) -> int:
        """The number of elements, zeros included."""
        return math.prod(self.shape)

    def __repr__(self) -> str:
        return f"BCOO({self.data.dtype.name}{list(self.shape)}, nse={self.nse})"

    # ---- from and to other forms ----
    @classmethod
    def fromdense(cls, mat: Any, *, nse: int | None = None, index_dtype: Any = np.int32) -> BCOO:
        """From a dense array; inside jit, nse must be given."""
        mat = jnp.asarray(mat)
        found = jnp.nonzero(mat) if nse is None else jnp.nonzero(
            mat, size=nse, fill_value=tuple(mat.shape))
        indices = jnp.stack(found, -1).astype(index_dtype)
        data = mat.at[found].get(mode="fill", fill_value=0)
        return cls((data, indices), shape=mat.shape, indices_sorted=True, unique_indices=True)

    @classmethod
    def from_scipy_sparse(cls, mat: Any, *, index_dtype: Any = np.int32, n_dense: int = 0,
                          n_batch: int = 0) -> BCOO:
        """From a sparse matrix of SciPy."""
        if n_dense or n_batch:
            raise ValueError("BCOO.from_scipy_sparse: n_dense and n_batch must be 0")
        mat = mat.tocoo()
        indices = np.stack([mat.row, mat.col], -1).astype(index_dtype)
        return cls((mat.data, indices), shape=mat.shape)

    def todense(self) -> Any:
        """The same as a dense array."""
        zeros = jnp.zeros(self.shape, self.data.dtype)
        return zeros.at[tuple(self.indices.T)].add(self.data, mode="drop")

    # ---- elementwise and movement ----
    def _with(self, data: Any) -> BCOO:
        return BCOO((data, self.indices), shape=self.shape, indices_sorted=self.indices_sorted,
                    unique_indices=self.unique_indices)

    def astype(self, dtype: Any) -> BCOO:
        """Values in another dtype."""
        return self._with(self.data.astype(dtype))

    def transpose(self, axes: Sequence[int] | None = None) -> BCOO:
        """Axes in another order, by default reversed."""
        order = list(range(self.ndim))[::-1] if axes is None else list(axes)
        return BCOO((self.data, self.indices[:, jnp.asarray(order)]),
                    shape=[self.shape[a] for a in order], unique_indices=self.unique_indices)

    @property
    def T(self) -> BCOO:
        """Axes reversed."""
        return self.transpose()

    def sum_duplicates(self, nse: int | None = None, remove_zeros: bool = True) -> BCOO:
        """Each coordinate once, in order; inside jit, nse must be given."""
        flat = jnp.ravel_multi_index(tuple(self.indices.T), self.shape, mode="clip")
        inside = jnp.all(self.indices < jnp.asarray(self.shape), -1)
        flat = jnp.where(inside, flat, self.size)
        found, place = jnp.unique(flat, return_inverse=True, size=nse, fill_value=self.size)
        data = jnp.zeros(found.shape, self.dtype).at[place.ravel()].add(
            jnp.where(inside, self.data, 0))
        indices = jnp.stack(jnp.unravel_index(found, self.shape), -1)
        indices = jnp.where((found < self.size)[:, None], indices, jnp.asarray(self.shape))
        return BCOO((data, indices.astype(self.indices.dtype)), shape=self.shape,
                    indices_sorted=True, unique_indices=True)

    def sum(self, axis: int | None = None) -> Any:
        """The sum of all elements, or along an axis of a matrix (dense)."""
        if axis is None:
            inside = jnp.all(self.indices < jnp.asarray(self.shape), -1)
            return jnp.sum(jnp.where(inside, self.data, 0))
        return jnp.sum(self.todense(), axis)

    def __neg__(self) -> BCOO:
        return self._with(-self.data)

    def __mul__(self, other: Any) -> BCOO:
        other = jnp.asarray(other)
        if other.ndim == 0:
            return self._with(self.data * other)
        other = jnp.broadcast_to(other, self.shape)
        return self._with(self.data * other.at[tuple(self.indices.T)].get(mode="fill",
                                                                         fill_value=0))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> BCOO:
        other = jnp.asarray(other)
        if other.ndim:
            raise TypeError("BCOO: division is by scalars only, as 0/0 is not zero; got"
                            f" {other.aval}")
        return self._with(self.data / other)

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, BCOO):
            return self.todense() + other
        if other.shape != self.shape:
            raise ValueError(f"BCOO: shapes must match, got {self.shape} and {other.shape}")
        return BCOO((jnp.concatenate([self.data, other.data]),
                     jnp.concatenate([self.indices, other.indices])), shape=self.shape)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self + (-other)

    # ---- products ----
    def __matmul__(self, other: Any) -> Any:
        """The product with a dense vector or matrix (dense), or with a BCOO (BCOO)."""
        if self.ndim not in (1, 2):
            raise TypeError(f"BCOO: products are for vectors and matrices, got {self!r}")
        if isinstance(other, BCOO):
            return BCOO.fromdense(self.todense() @ other.todense())
        other = jnp.asarray(other)
        if other.ndim == 0 or other.shape[0 if other.ndim == 1 else -2] != self.shape[-1]:
            raise ValueError(f"BCOO: inner sizes must match, got {self!r} and {other.aval}")
        if self.ndim == 1 or other.ndim > 2:
            return self.todense() @ other
        row, column = self.indices.T
        values = self.data if other.ndim == 1 else self.data[:, None]
        terms = values * other.at[column].get(mode="fill", fill_value=0)
        shape = (self.shape[0], *other.shape[1:])
        return jnp.zeros(shape, terms.dtype).at[row].add(terms, mode="drop")

    def __rmatmul__(self, other: Any) -> Any:
        other = jnp.asarray(other)
        if other.ndim in (1, 2) and self.ndim == 2:
            return (self.T @ other.T).T
        return other @ self.todense()


register_pytree_node(
    BCOO, lambda x: ((x.data, x.indices), (x.shape, x.indices_sorted, x.unique_indices)),
    lambda aux, children: _rebuilt(aux, children))


def _rebuilt(aux: Any, children: Any) -> BCOO:
    """Without checks: leaves may be placeholders."""
    made = object.__new__(BCOO)
    made.data, made.indices = children
    made.shape, made.indices_sorted, made.unique_indices = aux
    return made


def bcoo_fromdense(mat: Any, *, nse: int | None = None, index_dtype: Any = np.int32) -> BCOO:
    """A dense array in coordinate form.

    >>> bcoo_fromdense(np.eye(2))
    BCOO(float64[2, 2], nse=2)
    """
    return BCOO.fromdense(mat, nse=nse, index_dtype=index_dtype)


def bcoo_todense(mat: BCOO) -> Any:
    """An array in coordinate form as a dense one.

    >>> bcoo_todense(bcoo_fromdense(np.eye(2)))
    Array([[1., 0.],
           [0., 1.]], dtype=float64)
    """
    return mat.todense()


def todense(arr: Any) -> Any:
    """A dense array, whichever form it has.

    >>> todense(bcoo_fromdense(np.eye(1)))
    Array([[1.]], dtype=float64)
    """
    return arr.todense() if isinstance(arr, BCOO) else arr


def sparsify(f: Callable[..., Any], use_tracer: bool = False) -> Callable[..., Any]:
    """The function itself: operators of BCOO work on it; functions of numpy need `todense`.

    >>> sparsify(lambda x: x * 2)(bcoo_fromdense(np.eye(2)))
    BCOO(float64[2, 2], nse=2)
    """
    return f


JAXSparse = BCOO
__all__ = ["BCOO", "JAXSparse", "bcoo_fromdense", "bcoo_todense", "sparsify", "todense"]

_hide_frames_of(__name__)
