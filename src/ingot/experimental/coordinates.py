"""Coordinates of elements and their values, in batches: what a BCOO holds, from dense and back."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

import ingot.numpy as jnp
from ingot.api.vmap import vmap
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of


class JAXSparse:
    """What sparse arrays of every form are instances of.

    >>> from ingot.experimental import sparse
    >>> isinstance(sparse.eye(2), sparse.JAXSparse)
    True
    """

    __array_ufunc__ = None  # so that NumPy leaves `array @ sparse` to us
    shape: tuple[int, ...]
    data: Any

    @property
    def dtype(self) -> Any:
        """The dtype of the values."""
        return self.data.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements, zeros included."""
        return math.prod(self.shape)

    @property
    def T(self) -> Any:
        """Axes reversed."""
        return self.transpose()  # type: ignore[attr-defined]

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError(f"{type(self).__name__}: a sparse scalar has no length")
        return self.shape[0]

    def __repr__(self) -> str:
        name = type(self).__name__
        try:
            kinds = [f", {kind}={n}" for kind in ("n_batch", "n_dense")
                     if (n := getattr(self, kind, 0))]
            of = f"{self.dtype.name}{list(self.shape)}, nse={self.nse}"  # type: ignore[attr-defined]
            return f"{name}({of}{''.join(kinds)})"
        except (AttributeError, TypeError, IndexError):  # leaves may be placeholders
            return f"{name}(<invalid>)"

    def block_until_ready(self) -> JAXSparse:
        """Wait for the values -> the array itself."""
        self.data.block_until_ready()
        return self


def broadcast_batches(shapes: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """The lengths of batch axes, of which some parts may have 1."""
    return tuple(next((n for n in ns if n != 1), 1) for ns in zip(*shapes, strict=True))


class Coordinates(JAXSparse):
    """What a BCOO holds, whose description is there."""

    def __init__(self, args: tuple[Any, Any], *, shape: Sequence[int],
                 indices_sorted: bool = False, unique_indices: bool = False):
        data, indices = map(jnp.asarray, args)
        shape = tuple(operator.index(n) for n in shape)
        n_batch = indices.ndim - 2
        n_dense = data.ndim - 1 - n_batch
        if n_batch < 0 or n_dense < 0 or (
                len(shape) != n_batch + indices.shape[-1] + n_dense
                or data.shape[n_batch] != indices.shape[n_batch]
                or data.shape[n_batch + 1:] != shape[len(shape) - n_dense:]
                or any(n not in (1, m) for part in (data, indices)
                       for n, m in zip(part.shape, shape[:n_batch], strict=False))):
            raise ValueError(
                "BCOO: expected values [*batch, nse, *dense] and coordinates"
                f" [*batch, nse, n_sparse], got {data.aval} and {indices.aval} for shape {shape}")
        if broadcast_batches((data.shape[:n_batch], indices.shape[:n_batch])) != shape[:n_batch]:
            data = jnp.broadcast_to(data, shape[:n_batch] + data.shape[n_batch:])
        self.data, self.indices = data, indices
        self.sparse_shape = shape[n_batch:len(shape) - n_dense]
        self.indices_sorted, self.unique_indices = indices_sorted, unique_indices

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        """[*batch, *sparse, *dense]."""
        n = self.n_batch
        batch = broadcast_batches((self.data.shape[:n], self.indices.shape[:n]))
        return (*batch, *self.sparse_shape, *self.data.shape[n + 1:])

    @property
    def n_batch(self) -> int:
        """How many leading axes each have coordinates of their own."""
        return self.indices.ndim - 2

    @property
    def n_sparse(self) -> int:
        """How many axes coordinates are of."""
        return len(self.sparse_shape)

    @property
    def n_dense(self) -> int:
        """How many trailing axes of values are written out."""
        return self.data.ndim - 1 - self.n_batch

    @property
    def nse(self) -> int:
        """How many elements are specified, in each batch."""
        return self.indices.shape[-2]

    # ---- from and to other forms ----
    @classmethod
    def fromdense(cls, mat: Any, *, nse: int | None = None, index_dtype: Any = np.int32,
                  n_dense: int = 0, n_batch: int = 0) -> Self:
        """From a dense array; inside jit, nse must be given."""
        mat = jnp.asarray(mat)
        end = mat.ndim - n_dense
        if not 0 <= n_batch <= end <= mat.ndim:
            raise ValueError(f"BCOO.fromdense: n_batch={n_batch} and n_dense={n_dense} must leave"
                             f" axes of {mat.aval}")
        some = jnp.any(mat != 0, axis=tuple(range(end, mat.ndim)))
        if nse is None:
            nse = int(jnp.sum(some, axis=tuple(range(n_batch, end))).max(initial=0))
        sparse = mat.shape[n_batch:end]

        def one(mat: Any, some: Any) -> Any:
            found = jnp.nonzero(some, size=nse, fill_value=sparse) if sparse else (
                ())  # a single element, in the first place
            if not sparse:
                return (jnp.zeros((nse, *mat.shape), mat.dtype).at[:1].set(mat),
                        jnp.zeros((nse, 0), index_dtype))
            return (mat.at[found].get(mode="fill", fill_value=0),
                    jnp.stack(found, -1).astype(index_dtype))

        return cls(over_batches(one, n_batch, mat, some), shape=mat.shape, indices_sorted=True,
                   unique_indices=True)

    @classmethod
    def from_scipy_sparse(cls, mat: Any, *, index_dtype: Any = np.int32, n_dense: int = 0,
                          n_batch: int = 0) -> Self:
        """From a sparse matrix of SciPy."""
        if n_dense or n_batch:
            raise NotImplementedError(
                "BCOO.from_scipy_sparse: n_dense and n_batch must be 0; see update_layout")
        mat = mat.tocoo()
        indices = np.stack([mat.row, mat.col], -1).astype(index_dtype)
        return cls((mat.data, indices), shape=mat.shape)

    def todense(self) -> Any:
        """The same as a dense array."""
        def one(mat: Coordinates) -> Any:
            zeros = jnp.zeros(mat.shape, mat.dtype)
            if not mat.n_sparse:
                return zeros + jnp.sum(mat.data, 0)
            return zeros.at[tuple(mat.indices.T)].add(mat.data, mode="drop") if mat.size else zeros

        return each_batch(one, self)

    def tree_flatten(self) -> Any:
        """The arrays, and what else is known."""
        return (self.data, self.indices), {
            "shape": self.shape, "indices_sorted": self.indices_sorted,
            "unique_indices": self.unique_indices}

    @classmethod
    def tree_unflatten(cls, aux_data: Any, children: Any) -> Self:
        """The inverse of `tree_flatten`."""
        return cls(children, **aux_data)

    def _with(self, data: Any) -> Self:
        """Other values at the same coordinates."""
        return self._with_shape(data, self.shape)

    def _with_shape(self, data: Any, shape: Sequence[int]) -> Self:
        """Other values at the same coordinates, with other dense axes."""
        return type(self)((data, self.indices), shape=shape, indices_sorted=self.indices_sorted,
                          unique_indices=self.unique_indices)

    def inside(self) -> Any:
        """Which coordinates lie in the shape, [*batch, nse]."""
        return jnp.all((self.indices >= 0) & (self.indices < row(self.sparse_shape)), -1)

    def masked(self, keep: Any = True) -> Any:
        """The values, 0 where coordinates are outside of the shape or not to be kept."""
        inside = self.inside() & keep
        return jnp.where(inside.reshape(*inside.shape, *[1] * self.n_dense), self.data, 0)


def row(shape: Sequence[int]) -> Any:
    """A shape as an array, with which coordinates are compared."""
    return jnp.asarray(np.array(shape, np.int32).reshape(len(shape)))


# ---- batches ----
def over_batches(fun: Callable[..., Any], n_batch: int, *args: Any) -> Any:
    """A function of arrays without batches, mapped over their first axes."""
    for _ in range(n_batch):
        fun = vmap(fun)
    return fun(*args)


def full(mat: Coordinates) -> Coordinates:
    """With batch axes of their whole lengths in values and coordinates."""
    n = mat.n_batch
    batch = mat.shape[:n]
    if mat.data.shape[:n] == batch == mat.indices.shape[:n]:
        return mat
    return type(mat)((jnp.broadcast_to(mat.data, batch + mat.data.shape[n:]),
                 jnp.broadcast_to(mat.indices, batch + mat.indices.shape[n:])), shape=mat.shape,
                indices_sorted=mat.indices_sorted, unique_indices=mat.unique_indices)


def each_batch(fun: Callable[..., Any], *args: Any) -> Any:
    """A function of BCOOs without batches (the first argument, others have as many batch axes, as
    dense arrays do), mapped over those."""
    n = args[0].n_batch
    return over_batches(fun, n, *(full(x) if isinstance(x, Coordinates) else x for x in args))


def split_axes(mat: Coordinates, axes: Sequence[int]) -> tuple[list[int], list[int], list[int]]:
    """Axes by kind: of batches, of coordinates (counted from their first) and dense ones (same)."""
    first, end = mat.n_batch, mat.n_batch + mat.n_sparse
    return ([a for a in axes if a < first], [a - first for a in axes if first <= a < end],
            [a - end for a in axes if a >= end])


_hide_frames_of(__name__)
