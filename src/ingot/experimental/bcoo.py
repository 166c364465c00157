"""BCOO: sparse arrays in batched coordinate form, with the methods and operators of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import ingot.numpy as jnp
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.experimental import bcoo_axes, bcoo_layout, bcoo_products
from ingot.experimental.coordinates import Coordinates
from ingot.tree import register_pytree_node


class BCOO(Coordinates):
    """An array given by the values and coordinates of some elements; all others are zero.

    args: data [*batch, nse, *dense], indices integer [*batch, nse, n_sparse]; lengths of batch axes
    may be 1 in either. shape: [*batch, *sparse, *dense]. indices_sorted, unique_indices: what is
    known of the coordinates. These may repeat: their values add up. Coordinates outside the shape
    are ignored.

    >>> from ingot.experimental import sparse
    >>> sparse.BCOO((np.array([3.0]), np.array([[1]])), shape=(2,)).todense()
    Array([0., 3.], dtype=float64)
    """
    # ---- movement ----
    def astype(self, dtype: Any) -> BCOO:
        """Values in another dtype."""
        return self._with(self.data.astype(dtype))

    def transpose(self, axes: Sequence[int] | None = None) -> Any:
        """Axes in another order, by default reversed."""
        order = range(self.ndim)[::-1] if axes is None else axes
        return bcoo_axes.bcoo_transpose(self, permutation=tuple(order))

    def reshape(self, *shape: Any, order: str = "C") -> Any:
        """The elements in another shape, one of whose lengths may be -1."""
        if order != "C":
            raise ValueError(f"BCOO.reshape: order must be 'C', got {order!r}")
        sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], Sequence) else shape
        return bcoo_axes.bcoo_reshape(self, new_sizes=sizes)

    def sum(self, axis: int | Sequence[int] | None = None) -> Any:
        """The sum of all elements (dense), or along axes (a BCOO, whose coordinates may repeat)."""
        if axis is None:
            return bcoo_axes.bcoo_reduce_sum(self, axes=range(self.ndim)).todense()
        axes = [axis] if isinstance(axis, int) else axis
        return bcoo_axes.bcoo_reduce_sum(self, axes=axes)

    def __getitem__(self, index: Any) -> Any:
        """Elements at integers, slices, None and an ellipsis."""
        return bcoo_axes.item(self, index if isinstance(index, tuple) else (index,))

    def __iter__(self) -> Any:
        if not self.ndim:
            raise TypeError("BCOO: a sparse scalar has no entries to iterate over")
        return (self[i] for i in range(self.shape[0]))

    # ---- layout ----
    def sum_duplicates(self, nse: int | None = None, remove_zeros: bool = True) -> Any:
        """Each coordinate once, in order; inside jit, nse must be given."""
        return bcoo_layout.bcoo_sum_duplicates(self, nse)

    def sort_indices(self) -> Any:
        """The same elements in the order of their coordinates."""
        return bcoo_layout.bcoo_sort_indices(self)

    def update_layout(self, *, n_batch: int | None = None, n_dense: int | None = None,
                      on_inefficient: str | None = "error") -> Any:
        """Other axes as batches and dense ones; see `bcoo_update_layout`."""
        return bcoo_layout.bcoo_update_layout(self, n_batch=n_batch, n_dense=n_dense,
                                              on_inefficient=on_inefficient)

    # ---- operators ----
    def __neg__(self) -> BCOO:
        return self._with(-self.data)

    def __abs__(self) -> BCOO:
        x = once(self)
        return x._with(abs(x.data))

    def __pow__(self, exponent: Any) -> BCOO:
        if not isinstance(exponent, int) or exponent < 1:
            raise NotImplementedError("BCOO: powers are positive integers, as 0 stays 0 for no"
                                      f" others, got {exponent!r}")
        x = once(self)
        return x._with(x.data ** exponent)

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, BCOO):
            return bcoo_products.bcoo_multiply_sparse(self, other)
        other = jnp.asarray(other)
        if other.ndim == 0:
            return self._with(self.data * other)
        return self._with(bcoo_products.bcoo_multiply_dense(self, other))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> BCOO:
        other = jnp.asarray(other)
        if other.ndim:  # what is not specified stays 0, whatever it would be divided by
            return self._with(bcoo_products.divided(self, other))
        return self._with(self.data / other)

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, BCOO):
            return self.todense() + other
        if other.shape != self.shape:
            raise ValueError(f"BCOO: shapes must match, got {self.shape} and {other.shape}")
        return total(self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self + (-other)

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __matmul__(self, other: Any) -> Any:
        """The product with a dense array (dense), or with a BCOO (BCOO)."""
        return bcoo_products.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        other = jnp.asarray(other)
        if other.ndim in (1, 2) and self.ndim == 2 and not self.n_dense:
            return bcoo_products.bcoo_dot_general(other, self, dimension_numbers=(
                ((other.ndim - 1,), (0,)), ((), ())))
        return other @ self.todense()


def _rebuilt(aux: Any, children: Any) -> BCOO:
    """Without checks: leaves may be placeholders."""
    made = object.__new__(BCOO)
    made.data, made.indices = children
    made.sparse_shape, made.indices_sorted, made.unique_indices = aux
    return made


# The structure says nothing of batches, so that vmap and scan can take them from the leaves.
register_pytree_node(
    BCOO, lambda x: ((x.data, x.indices), (x.sparse_shape, x.indices_sorted, x.unique_indices)),
    _rebuilt)


def once(x: BCOO) -> BCOO:
    """With each coordinate at most once."""
    return x if x.unique_indices else x.sum_duplicates(x.nse)


def total(*mats: BCOO) -> Any:
    """The sum of BCOOs of one shape: all their elements, side by side."""
    parts = bcoo_products.alike(*mats)
    n = parts[0].n_batch
    batch = parts[0].shape[:n]
    return BCOO(tuple(jnp.concatenate([jnp.broadcast_to(
        p, batch + p.shape[n:]) for p in (getattr(x, name) for x in parts)], n)
        for name in ("data", "indices")), shape=parts[0].shape)  # type: ignore[arg-type]


def bcoo_fromdense(mat: Any, *, nse: int | None = None, n_batch: int = 0, n_dense: int = 0,
                   index_dtype: Any = np.int32) -> BCOO:
    """Make a dense array one in coordinate form.

    mat: a dense array. nse: how many elements are specified, by default all that are not zero;
    inside jit it must be given. n_batch, n_dense: how many of the first axes are batches, and of
    the last ones dense. index_dtype: of coordinates -> a BCOO.

    >>> from ingot.experimental import sparse
    >>> sparse.bcoo_fromdense(np.eye(2), n_batch=1)
    BCOO(float64[2, 2], nse=1, n_batch=1)
    """
    return BCOO.fromdense(mat, nse=nse, n_batch=n_batch, n_dense=n_dense, index_dtype=index_dtype)


def bcoo_todense(mat: BCOO) -> Any:
    """Make an array in coordinate form dense.

    mat: a BCOO -> a dense array.

    >>> from ingot.experimental import sparse
    >>> sparse.bcoo_todense(sparse.eye(2))
    Array([[1., 0.],
           [0., 1.]], dtype=float64)
    """
    return mat.todense()


_hide_frames_of(__name__)
