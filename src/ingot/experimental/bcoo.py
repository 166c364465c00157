"""Sparse arrays in coordinate form (BCOO): conversions, movement, sums and products.

Length: one class, and the functions that are its methods under JAX's names.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

import ingot.numpy as jnp
from ingot import lax
from ingot.core.interpreter import Tracer
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.tree import register_pytree_node


class JAXSparse:
    """What sparse arrays of every form are instances of.

    >>> from ingot.experimental import sparse
    >>> isinstance(sparse.eye(2), sparse.JAXSparse)
    True
    """


class BCOO(JAXSparse):
    """An array given by the values and coordinates of some elements; all others are zero.

    args: data [nse], indices integer [nse, rank]. shape: of the array. indices_sorted,
    unique_indices: what is known of the coordinates. These may repeat: their values add up.
    Coordinates outside the shape are ignored.

    >>> from ingot.experimental import sparse
    >>> sparse.BCOO((np.array([3.0]), np.array([[1]])), shape=(2,)).todense()
    Array([0., 3.], dtype=float64)
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
        if not self.ndim or not self.size:
            return zeros + self.sum() if not self.ndim else zeros
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
        order = range(self.ndim)[::-1] if axes is None else axes
        return bcoo_transpose(self, permutation=tuple(order))

    @property
    def T(self) -> BCOO:
        """Axes reversed."""
        return self.transpose()

    def sum_duplicates(self, nse: int | None = None, remove_zeros: bool = True) -> BCOO:
        """Each coordinate once, in order; inside jit, nse must be given."""
        flat = jnp.ravel_multi_index(tuple(self.indices.T), self.shape, mode="clip")
        inside = self._inside()
        flat = jnp.where(inside, flat, self.size)
        found, place = jnp.unique(flat, return_inverse=True, size=nse, fill_value=self.size)
        if nse is None and found.size and int(found[-1]) == self.size:
            found = found[:-1]  # what lies outside
        data = jnp.zeros(found.shape, self.dtype).at[place.ravel()].add(
            jnp.where(inside, self.data, 0), mode="drop")
        indices = jnp.stack(jnp.unravel_index(found, self.shape), -1)
        indices = jnp.where((found < self.size)[:, None], indices, _row(self.shape))
        return BCOO((data, indices.astype(self.indices.dtype)), shape=self.shape,
                    indices_sorted=True, unique_indices=True)

    def sort_indices(self) -> BCOO:
        """The same elements in the order of their coordinates."""
        order = jnp.lexsort(tuple(self.indices.T)[::-1])
        return BCOO((self.data[order], self.indices[order]), shape=self.shape, indices_sorted=True,
                    unique_indices=self.unique_indices)

    def reshape(self, *shape: Any, order: str = "C") -> BCOO:
        """The elements in another shape, one of whose lengths may be -1."""
        if order != "C":
            raise ValueError(f"BCOO.reshape: order must be 'C', got {order!r}")
        sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], Sequence) else shape
        return bcoo_reshape(self, new_sizes=sizes)

    def sum(self, axis: int | Sequence[int] | None = None) -> Any:
        """The sum of all elements (dense), or along axes (a BCOO, whose coordinates may repeat)."""
        if axis is None:
            return jnp.sum(jnp.where(self._inside(), self.data, 0))
        axes = [axis] if isinstance(axis, int) else axis
        return bcoo_reduce_sum(self, axes=[operator.index(a) % self.ndim for a in axes])

    def _inside(self) -> Any:
        """Which coordinates lie in the shape."""
        return jnp.all((self.indices >= 0) & (self.indices < _row(self.shape)), -1)

    def __getitem__(self, index: Any) -> BCOO:
        """Elements at integers, slices, None and an ellipsis."""
        return _item(self, index if isinstance(index, tuple) else (index,))

    def __iter__(self) -> Any:
        if not self.ndim:
            raise TypeError("BCOO: a sparse scalar has no entries to iterate over")
        return (self[i] for i in range(self.shape[0]))

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("BCOO: a sparse scalar has no length")
        return self.shape[0]

    def __neg__(self) -> BCOO:
        return self._with(-self.data)

    def __mul__(self, other: Any) -> BCOO:
        if isinstance(other, BCOO):
            return bcoo_multiply_sparse(self, other)
        other = jnp.asarray(other)
        if other.ndim == 0:
            return self._with(self.data * other)
        return self._with(bcoo_multiply_dense(self, other))

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
        if self.ndim not in (1, 2) or isinstance(other, BCOO) and other.ndim not in (1, 2):
            raise TypeError(f"BCOO: products are for vectors and matrices, got {self!r}")
        if isinstance(other, BCOO):
            return _product(self, other)
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
    """Make a dense array one in coordinate form.

    mat: a dense array. nse: how many elements are specified, by default all that are not zero;
    inside jit it must be given. index_dtype: of coordinates -> a BCOO.

    >>> from ingot.experimental import sparse
    >>> sparse.bcoo_fromdense(np.eye(2))
    BCOO(float64[2, 2], nse=2)
    """
    return BCOO.fromdense(mat, nse=nse, index_dtype=index_dtype)


def bcoo_todense(mat: BCOO) -> Any:
    """Make an array in coordinate form dense.

    mat: a BCOO -> a dense array.

    >>> from ingot.experimental import sparse
    >>> sparse.bcoo_todense(sparse.eye(2))
    Array([[1., 0.],
           [0., 1.]], dtype=float64)
    """
    return mat.todense()


def _row(shape: Sequence[int]) -> Any:
    return jnp.asarray(np.array(shape, np.int32).reshape(len(shape)))


# ---- movement ----
def bcoo_transpose(mat: BCOO, *, permutation: Sequence[int]) -> BCOO:
    """Reorder axes.

    mat: a BCOO. permutation: each axis once -> a BCOO.

    >>> from ingot.experimental import sparse
    >>> sparse.bcoo_transpose(sparse.bcoo_fromdense(np.ones((1, 2))), permutation=(1, 0))
    BCOO(float64[2, 1], nse=2)
    """
    order = [operator.index(a) for a in permutation]
    return BCOO((mat.data, mat.indices[:, np.array(order, int)]),
                shape=[mat.shape[a] for a in order], unique_indices=mat.unique_indices)


def bcoo_reshape(mat: BCOO, *, new_sizes: Sequence[int]) -> BCOO:
    """Arrange the elements, in row-major order, in another shape.

    mat: a BCOO. new_sizes: the shape, one of whose lengths may be -1 -> a BCOO. Raises ValueError
    if the number of elements differs.

    >>> from ingot.experimental import sparse
    >>> sparse.bcoo_reshape(sparse.bcoo_fromdense(np.ones((1, 2))), new_sizes=(2, -1))
    BCOO(float64[2, 1], nse=2)
    """
    shape = np.broadcast_to(0, mat.shape).reshape(tuple(new_sizes)).shape
    flat = jnp.ravel_multi_index(tuple(mat.indices.T), mat.shape, mode="clip") if mat.ndim else (
        jnp.zeros(mat.nse, int))
    places = jnp.unravel_index(flat, shape) if shape else ()
    return _move(mat, places, shape)


def _move(mat: BCOO, places: Sequence[Any], shape: Sequence[int], keep: Any = True) -> BCOO:
    """The values at new coordinates; those not kept, or outside before, are outside now, or 0."""
    inside = mat._inside() & keep
    data = jnp.where(inside, mat.data, 0)
    if not shape:
        return BCOO((data, jnp.zeros((mat.nse, 0), mat.indices.dtype)), shape=())
    columns = jnp.stack([jnp.asarray(p) for p in places], -1)
    indices = jnp.where(inside[:, None], columns, _row(shape)).astype(mat.indices.dtype)
    return BCOO((data, indices), shape=shape)


def bcoo_slice(mat: BCOO, *, start_indices: Sequence[int], limit_indices: Sequence[int],
               strides: Sequence[int] | None = None) -> BCOO:
    """Cut a slice of each axis.

    mat: a BCOO. start_indices, limit_indices, strides: for each axis, the strides positive -> a
    BCOO.

    >>> from ingot.experimental import sparse
    >>> mat = sparse.bcoo_fromdense(np.arange(3.0))
    >>> sparse.bcoo_slice(mat, start_indices=[1], limit_indices=[3]).todense()
    Array([1., 2.], dtype=float64)
    """
    steps = [1] * mat.ndim if strides is None else strides
    shape = [-(-(b - a) // s) for a, b, s in zip(start_indices, limit_indices, steps, strict=True)]
    keep, places = True, []
    for i, (a, b, s) in enumerate(zip(start_indices, limit_indices, steps, strict=True)):
        offset = mat.indices[:, i] - a
        keep = keep & (offset >= 0) & (offset < b - a) & (offset % s == 0)
        places.append(offset // s)
    return _move(mat, places, shape, keep)


def bcoo_rev(mat: BCOO, dimensions: Sequence[int]) -> BCOO:
    """Reverse the order of elements along some axes.

    mat: a BCOO. dimensions: the axes -> a BCOO.

    >>> from ingot.experimental import sparse
    >>> sparse.bcoo_rev(sparse.bcoo_fromdense(np.array([0.0, 1.0])), [0]).indices
    Array([[0]], dtype=int32)
    """
    places = [mat.shape[i] - 1 - x if i in dimensions else x for i, x in enumerate(mat.indices.T)]
    return _move(mat, places, mat.shape)


def bcoo_squeeze(arr: BCOO, *, dimensions: Sequence[int]) -> BCOO:
    """Leave out some axes of length 1.

    arr: a BCOO. dimensions: the axes -> a BCOO. Raises ValueError for other lengths.

    >>> from ingot.experimental import sparse
    >>> sparse.bcoo_squeeze(sparse.bcoo_fromdense(np.ones((1, 2))), dimensions=[0])
    BCOO(float64[2], nse=2)
    """
    gone = {operator.index(d) % arr.ndim for d in dimensions}
    if any(arr.shape[d] != 1 for d in gone):
        raise ValueError(f"bcoo_squeeze: axes {sorted(gone)} of {arr!r} must be of length 1")
    kept = [i for i in range(arr.ndim) if i not in gone]
    return _move(arr, [arr.indices[:, i] for i in kept], [arr.shape[i] for i in kept])


def bcoo_broadcast_in_dim(mat: BCOO, *, shape: Sequence[int], broadcast_dimensions: Sequence[int]
                          ) -> BCOO:
    """Repeat an array along new axes, and along those of length 1.

    mat: a BCOO. shape: of the result. broadcast_dimensions: for each axis of mat, its place there
    -> a BCOO. Raises ValueError when they do not fit.

    >>> from ingot.experimental import sparse
    >>> mat = sparse.bcoo_fromdense(np.ones(2))
    >>> sparse.bcoo_broadcast_in_dim(mat, shape=(1, 2), broadcast_dimensions=[1])
    BCOO(float64[1, 2], nse=2)
    """
    given = dict(zip(broadcast_dimensions, range(mat.ndim), strict=True))
    repeated = [i for i, n in enumerate(shape) if n != (
        mat.shape[given[i]] if i in given else 1)]
    copies = math.prod(shape[i] for i in repeated)
    places = np.unravel_index(np.arange(copies), [shape[i] for i in repeated]) if repeated else ()
    columns: list[Any] = []
    for i in range(len(shape)):
        if i in repeated:
            columns.append(jnp.repeat(jnp.asarray(places[repeated.index(i)]), mat.nse))
        else:
            columns.append(jnp.tile(mat.indices[:, given[i]], copies) if i in given
                           else jnp.zeros(copies * mat.nse, int))
    tiled = BCOO((jnp.tile(mat.data, copies), jnp.tile(mat.indices, (copies, 1))), shape=mat.shape)
    return _move(tiled, columns, shape)


def bcoo_concatenate(operands: Sequence[BCOO], *, dimension: int) -> BCOO:
    """Join arrays one after the other along an axis.

    operands: BCOOs of the same other lengths. dimension: the axis -> a BCOO.

    >>> from ingot.experimental import sparse
    >>> sparse.bcoo_concatenate([sparse.bcoo_fromdense(np.ones(1))] * 2, dimension=0)
    BCOO(float64[2], nse=2)
    """
    first = operands[0]
    shape, start, moved = list(first.shape), 0, []
    shape[dimension] = sum(x.shape[dimension] for x in operands)
    for x in operands:
        if [n for i, n in enumerate(x.shape) if i != dimension] != [
                n for i, n in enumerate(shape) if i != dimension]:
            raise ValueError(f"bcoo_concatenate: shapes must agree but along {dimension}, got"
                             f" {[y.shape for y in operands]}")
        places = [c + start if i == dimension else c for i, c in enumerate(x.indices.T)]
        moved.append(_move(x, places, shape))
        start += x.shape[dimension]
    return BCOO((jnp.concatenate([x.data for x in moved]),
                 jnp.concatenate([x.indices for x in moved])), shape=shape)


def _checked_index(mat: BCOO, i: Any, axis: int) -> int:
    """Return an index along an axis, counted from its start."""
    try:
        k = operator.index(i)
    except TypeError:
        raise NotImplementedError(
            "BCOO: indices are integers, slices, None and ...; for others use todense()"
            f" or products, got {i!r:.60}") from None
    if not -mat.shape[axis] <= k < mat.shape[axis]:
        raise IndexError(f"BCOO: index {k} is out of bounds for axis {axis} of {mat!r}")
    return k % mat.shape[axis]


def _item(mat: BCOO, index: tuple[Any, ...]) -> BCOO:
    """A static index: slices first, then axes that go and axes that are new."""
    taken = sum(i is not None and i is not Ellipsis for i in index)
    if taken > mat.ndim:
        raise IndexError(f"BCOO: {taken} indices are too many for {mat!r}")
    at = next((k for k, i in enumerate(index) if i is Ellipsis), len(index))
    full = (*index[:at], *[slice(None)] * (mat.ndim - taken), *index[at + 1:])
    bounds, gone, new, flipped = [], [], [], []
    for i in full:
        axis = len(bounds)
        if i is None:
            new.append(axis + len(new) - len(gone))
        elif isinstance(i, slice):
            a, b, s = i.indices(mat.shape[axis])
            if s < 0:
                count = len(range(a, b, s))
                a, b, s = a + (count - 1) * s, a + 1, -s
                flipped.append(axis)
            bounds.append((a, max(a, b), s))
        else:
            k = _checked_index(mat, i, axis)
            bounds.append((k, k + 1, 1))
            gone.append(axis)
    starts, limits, strides = zip(*bounds, strict=True) if bounds else ((), (), ())
    out = bcoo_slice(mat, start_indices=starts, limit_indices=limits, strides=strides)
    out = bcoo_rev(out, flipped) if flipped else out
    out = bcoo_squeeze(out, dimensions=gone) if gone else out
    if not new:
        return out
    shape = list(out.shape)
    for axis in new:
        shape.insert(axis, 1)
    return bcoo_broadcast_in_dim(out, shape=shape, broadcast_dimensions=[
        i for i in range(len(shape)) if i not in new])


# ---- sums ----
def bcoo_reduce_sum(mat: BCOO, *, axes: Sequence[int]) -> BCOO:
    """Sum over axes.

    mat: a BCOO. axes: integers -> a BCOO whose coordinates may repeat.

    >>> from ingot.experimental import sparse
    >>> sparse.bcoo_reduce_sum(sparse.eye(2), axes=[0]).todense()
    Array([1., 1.], dtype=float64)
    """
    kept = [i for i in range(mat.ndim) if i not in axes]
    return _move(mat, [mat.indices[:, i] for i in kept], [mat.shape[i] for i in kept])


def bcoo_sum_duplicates(mat: BCOO, nse: int | None = None) -> BCOO:
    """Add up the values of coordinates that repeat.

    mat: a BCOO. nse: how many are left, which must be given inside jit -> a BCOO with each
    coordinate once, in order.

    >>> from ingot.experimental import sparse
    >>> twice = sparse.BCOO((np.ones(2), np.zeros((2, 1), int)), shape=(3,))
    >>> sparse.bcoo_sum_duplicates(twice).data
    Array([2.], dtype=float64)
    """
    return mat.sum_duplicates(nse)


def bcoo_sort_indices(mat: BCOO) -> BCOO:
    """Put the elements in the order of their coordinates.

    mat: a BCOO -> a BCOO.

    >>> from ingot.experimental import sparse
    >>> sparse.bcoo_sort_indices(sparse.bcoo_rev(sparse.eye(2), [0])).indices
    Array([[0, 1],
           [1, 0]], dtype=int32)
    """
    return mat.sort_indices()


# ---- products ----
def bcoo_extract(sparr: BCOO, arr: Any, *, assume_unique: bool | None = None) -> BCOO:
    """Take the elements of a dense array at the coordinates of a BCOO, each one counted once.

    sparr: a BCOO. arr: a dense array of its shape. assume_unique: whether coordinates are known not
    to repeat -> a BCOO.

    >>> from ingot.experimental import sparse
    >>> sparse.bcoo_extract(sparse.eye(2), np.full((2, 2), 3.0)).data
    Array([3., 3.], dtype=float64)
    """
    values = jnp.asarray(arr).at[tuple(sparr.indices.T)].get(mode="fill", fill_value=0)
    if not (sparr.unique_indices if assume_unique is None else assume_unique):
        flat = jnp.ravel_multi_index(tuple(sparr.indices.T), sparr.shape, mode="clip")
        _, first = jnp.unique(flat, return_index=True, size=sparr.nse, fill_value=-1)
        values = jnp.where(jnp.zeros(sparr.nse, bool).at[first].set(True), values, 0)
    return sparr._with(values)


def bcoo_multiply_dense(sp_mat: BCOO, v: Any) -> Any:
    """Multiply elementwise by a dense array; only the values are returned.

    sp_mat: a BCOO. v: a dense array that broadcasts to its shape -> [nse].

    >>> from ingot.experimental import sparse
    >>> sparse.bcoo_multiply_dense(sparse.eye(2), np.array([3.0, 4.0]))
    Array([3., 4.], dtype=float64)
    """
    v = jnp.asarray(v)
    if jnp.broadcast_shapes(v.shape, sp_mat.shape) != sp_mat.shape:
        raise ValueError(f"BCOO: {v.aval} does not broadcast to the shape of {sp_mat!r}")
    columns = tuple(sp_mat.indices.T)[sp_mat.ndim - v.ndim:]
    places = tuple(c if n > 1 else c * 0 for c, n in zip(columns, v.shape, strict=True))
    factors = v.at[places].get(mode="fill", fill_value=0) if v.ndim else v
    return sp_mat.data * factors


def bcoo_multiply_sparse(lhs: BCOO, rhs: BCOO) -> BCOO:
    """Multiply two sparse arrays elementwise.

    lhs, rhs: BCOOs of one shape -> a BCOO with the coordinates of the first.

    >>> from ingot.experimental import sparse
    >>> sparse.bcoo_multiply_sparse(sparse.eye(2), sparse.bcoo_fromdense(np.eye(2) * 2)).data
    Array([2., 2.], dtype=float64)
    """
    if lhs.shape != rhs.shape:
        raise ValueError(f"BCOO: shapes must match, got {lhs.shape} and {rhs.shape}")
    if not rhs.nse or not lhs.ndim:
        return lhs._with(lhs.data * rhs.sum())
    rhs = rhs.sum_duplicates(rhs.nse)
    places = jnp.ravel_multi_index(tuple(rhs.indices.T), rhs.shape, mode="clip")
    places = jnp.where(rhs._inside(), places, rhs.size)
    wanted = jnp.ravel_multi_index(tuple(lhs.indices.T), lhs.shape, mode="clip")
    at = jnp.minimum(jnp.searchsorted(places, wanted), rhs.nse - 1)
    found = (places[at] == wanted) & lhs._inside()
    return lhs._with(lhs.data * jnp.where(found, rhs.data[at], 0))


def _product(a: BCOO, b: BCOO) -> BCOO:
    """The sparse product: every element of a meets those in the row of b that its column names.

    Its nse is that of the coordinates met while the data is known; inside jit the least bound:
    nse of a times nse of b, or the size of the result.
    """
    if a.shape[-1] != b.shape[0]:
        raise ValueError(f"BCOO: inner sizes must match, got {a!r} and {b!r}")
    shape = (*a.shape[:-1], *b.shape[1:])
    if not shape:
        total = bcoo_multiply_sparse(a, b).sum()
        return BCOO((total[None], jnp.zeros((1, 0), a.indices.dtype)), shape=())
    size = math.prod(shape)
    traced = any(isinstance(x.indices, Tracer) for x in (a, b))
    if traced and a.nse * b.nse > size:
        return BCOO.fromdense(a.todense() @ b.todense(), nse=size)
    order = jnp.argsort(b.indices[:, 0])
    rows = b.indices[order, 0]
    column = a.indices[:, -1]
    start, stop = (jnp.searchsorted(rows, column, side=s) for s in ("left", "right"))
    counts = jnp.where(a._inside(), stop - start, 0)
    total = a.nse * b.nse if traced else int(counts.sum())
    of_a = jnp.repeat(jnp.arange(a.nse), counts, total_repeat_length=total)
    rank = jnp.arange(total) - (jnp.cumsum(counts) - counts)[of_a] if a.nse else jnp.arange(0)
    of_b = order[start[of_a] + rank] if a.nse and b.nse else jnp.arange(0)
    met = jnp.arange(total) < counts.sum()
    data = jnp.where(met, a.data[of_a] * b.data[of_b], 0)
    places = jnp.concatenate([a.indices[of_a, :-1], b.indices[of_b, 1:]], -1)
    places = jnp.where(met[:, None], places, _row(shape)).astype(a.indices.dtype)
    out = BCOO((data, places), shape=shape)
    return out.sum_duplicates(min(total, size) if traced else None)


def bcoo_dot_general(lhs: Any, rhs: Any, *, dimension_numbers: Any, precision: None = None,
                     preferred_element_type: None = None) -> Any:
    """Contract BCOO and dense arrays as `lax.dot_general` does.

    lhs, rhs: BCOOs or dense arrays. dimension_numbers: ((lhs contracting, rhs contracting), (lhs
    batch, rhs batch)). precision, preferred_element_type: must be None -> a dense array if one is
    dense, else a BCOO. Raises NotImplementedError for batch dimensions of two BCOO.

    >>> from ingot.experimental import sparse
    >>> sparse.bcoo_dot_general(sparse.eye(2), np.ones(2),
    ...                         dimension_numbers=(((1,), (0,)), ((), ())))
    Array([1., 1.], dtype=float64)
    """
    (left, right), batch = dimension_numbers
    both = isinstance(lhs, BCOO) and isinstance(rhs, BCOO)
    if any(map(len, batch)) or not left:
        if both:
            raise NotImplementedError("bcoo_dot_general: products of two BCOO have contracted"
                                      f" dimensions and none of batches, got {dimension_numbers}")
        dense = [x.todense() if isinstance(x, BCOO) else x for x in (lhs, rhs)]
        return lax.dot_general(dense[0], dense[1], dimension_numbers)
    a, free_a = _as_matrix(lhs, left, last=True)
    b, free_b = _as_matrix(rhs, right, last=False)
    return (a @ b).reshape((*free_a, *free_b))


def _as_matrix(x: Any, contracted: Sequence[int], last: bool) -> tuple[Any, list[int]]:
    """Free and contracted axes as the two of a matrix, and the lengths of the free ones."""
    contracted = [operator.index(d) for d in contracted]
    free = [d for d in range(x.ndim) if d not in contracted]
    order = [*free, *contracted] if last else [*contracted, *free]
    inner, outer = (math.prod(x.shape[d] for d in ds) for ds in (contracted, free))
    matrix = x.transpose(tuple(order)).reshape((outer, inner) if last else (inner, outer))
    return matrix, [x.shape[d] for d in free]


_hide_frames_of(__name__)
