"""How elements of sparse arrays are stored: duplicates, order, and which axes have coordinates."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

import ingot.numpy as jnp
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.experimental.coordinates import Coordinates, each_batch, full, row


class SparseEfficiencyError(ValueError):
    """Raised where a change of layout would store more than before.

    >>> from ingot.experimental import sparse
    >>> issubclass(sparse.SparseEfficiencyError, ValueError)
    True
    """


class SparseEfficiencyWarning(UserWarning):
    """Issued where a change of layout stores more than before.

    >>> from ingot.experimental import sparse
    >>> issubclass(sparse.SparseEfficiencyWarning, UserWarning)
    True
    """


class CuSparseEfficiencyWarning(SparseEfficiencyWarning):
    """Never issued: CUDA's sparse products are not used.

    >>> from ingot.experimental import sparse
    >>> issubclass(sparse.CuSparseEfficiencyWarning, sparse.SparseEfficiencyWarning)
    True
    """


def bcoo_sum_duplicates(mat: Coordinates, nse: int | None = None) -> Coordinates:
    """Add up the values of coordinates that repeat.

    mat: a BCOO. nse: how many are left, which must be given inside jit -> a BCOO with each
    coordinate once, in order.

    >>> from ingot.experimental import sparse
    >>> twice = sparse.BCOO((np.ones(2), np.zeros((2, 1), int)), shape=(3,))
    >>> sparse.bcoo_sum_duplicates(twice).data
    Array([2.], dtype=float64)
    """
    shape = mat.sparse_shape
    size = math.prod(shape)

    def one(mat: Coordinates, bound: int) -> tuple[Any, Any, Any]:
        flat = jnp.where(mat.inside(), flat_places(mat), size)
        found, place = jnp.unique(flat, return_inverse=True, size=bound, fill_value=size)
        zeros = jnp.zeros((bound, *mat.data.shape[1:]), mat.dtype)
        data = zeros.at[place.ravel()].add(mat.masked(), mode="drop")
        columns = jnp.stack(jnp.unravel_index(found, shape), -1) if shape else found[:, None][:, :0]
        indices = jnp.where((found < size)[:, None], columns, row(shape))
        return data, indices.astype(mat.indices.dtype), jnp.sum(found < size)

    bound = mat.nse if nse is None else nse
    n = mat.n_batch
    data, indices, counts = each_batch(lambda m: one(m, bound), mat)
    if nse is None:
        most = (slice(None),) * n + (slice(int(jnp.max(counts, initial=0))),)
        data, indices = data[most], indices[most]
    return type(mat)((data, indices), shape=mat.shape, indices_sorted=True, unique_indices=True)


def flat_places(mat: Coordinates) -> Any:
    """Coordinates as numbers in row-major order, without batches."""
    if not mat.n_sparse:
        return jnp.zeros(mat.nse, int)
    return jnp.ravel_multi_index(tuple(mat.indices.T), mat.sparse_shape, mode="clip")


def bcoo_sort_indices(mat: Coordinates) -> Coordinates:
    """Put the elements in the order of their coordinates.

    mat: a BCOO -> a BCOO.

    >>> from ingot.experimental import sparse
    >>> sparse.bcoo_sort_indices(sparse.bcoo_rev(sparse.eye(2), [0])).indices
    Array([[0, 1],
           [1, 0]], dtype=int32)
    """
    if not mat.n_sparse:
        return mat

    def one(mat: Coordinates) -> tuple[Any, Any]:
        order = jnp.lexsort(tuple(mat.indices.T)[::-1])
        return mat.data[order], mat.indices[order]

    return type(mat)(each_batch(one, mat), shape=mat.shape, indices_sorted=True,
                     unique_indices=mat.unique_indices)


def bcoo_extract(sparr: Coordinates, arr: Any, *, assume_unique: bool | None = None) -> Coordinates:
    """Take the elements of a dense array at the coordinates of a BCOO, each one counted once.

    sparr: a BCOO. arr: a dense array of its shape. assume_unique: whether coordinates are known not
    to repeat -> a BCOO.

    >>> from ingot.experimental import sparse
    >>> sparse.bcoo_extract(sparse.eye(2), np.full((2, 2), 3.0)).data
    Array([3., 3.], dtype=float64)
    """
    unique = sparr.unique_indices if assume_unique is None else assume_unique

    def one(mat: Coordinates, arr: Any) -> Any:
        values = arr.at[tuple(mat.indices.T)].get(mode="fill", fill_value=0) if mat.n_sparse else (
            jnp.broadcast_to(arr, (mat.nse, *arr.shape)))
        if unique:
            return values
        _, first = jnp.unique(flat_places(mat), return_index=True, size=mat.nse, fill_value=-1)
        kept = jnp.zeros(mat.nse, bool).at[first].set(True)
        return jnp.where(kept.reshape(-1, *[1] * mat.n_dense), values, 0)

    return sparr._with(each_batch(one, sparr, jnp.asarray(arr)))


def bcoo_update_layout(mat: Coordinates, *, n_batch: int | None = None, n_dense: int | None = None,
                       on_inefficient: str | None = "error") -> Coordinates:
    """Change which axes are of batches, of coordinates and dense.

    mat: a BCOO. n_batch, n_dense: how many there are, by default as many as before. on_inefficient:
    'error', 'warn' or None, what happens if more would be stored -> a BCOO. Raises
    SparseEfficiencyError, ValueError if the axes are not so many.

    >>> from ingot.experimental import sparse
    >>> mat = sparse.bcoo_fromdense(np.ones((2, 3)), n_batch=1)
    >>> sparse.bcoo_update_layout(mat, n_batch=0)
    BCOO(float64[2, 3], nse=6)
    """
    n_batch = mat.n_batch if n_batch is None else n_batch
    n_dense = mat.n_dense if n_dense is None else n_dense
    if n_batch < 0 or n_dense < 0 or n_batch + n_dense > mat.ndim:
        raise ValueError(f"bcoo_update_layout: n_batch={n_batch} and n_dense={n_dense} are too many"
                         f" or negative for {mat!r}")
    _check_efficiency(mat, n_batch, n_dense, on_inefficient)
    for _ in range(mat.n_batch - n_batch):
        mat = _last_batch_to_sparse(mat)
    for _ in range(mat.n_dense - n_dense):
        mat = _first_dense_to_sparse(mat)
    while mat.n_batch < n_batch:
        mat = _first_sparse_to_batch(mat)
    while mat.n_dense < n_dense:
        mat = _last_sparse_to_dense(mat)
    return mat


def _check_efficiency(mat: Coordinates, n_batch: int, n_dense: int, action: str | None) -> None:
    if action not in ("error", "warn", None):
        raise ValueError("bcoo_update_layout: on_inefficient must be 'error', 'warn' or None, got"
                         f" {action!r}")
    grown = [f"{kind} from {old} to {new}" for kind, old, new in (
        ("n_batch", mat.n_batch, n_batch), ("n_dense", mat.n_dense, n_dense)) if new > old]
    if action is None or not grown or mat.nse <= 1:
        return
    text = (f"bcoo_update_layout: {' and '.join(grown)} stores more than before for {mat!r};"
            " on_inefficient=None allows it")
    if action == "error":
        raise SparseEfficiencyError(text)
    warnings.warn(text, SparseEfficiencyWarning, stacklevel=3)


def _last_batch_to_sparse(mat: Coordinates) -> Coordinates:
    mat, n = full(mat), mat.n_batch
    length = mat.shape[n - 1]
    column = jnp.broadcast_to(jnp.arange(length, dtype=mat.indices.dtype)[:, None, None],
                              (*mat.indices.shape[:n + 1], 1))
    indices = jnp.concatenate([column, mat.indices], -1)
    batch, nse = mat.shape[:n - 1], length * mat.nse
    return type(mat)((mat.data.reshape(*batch, nse, *mat.data.shape[n + 1:]),
                      indices.reshape(*batch, nse, indices.shape[-1])), shape=mat.shape,
                     indices_sorted=mat.indices_sorted and not mat.n_sparse,
                     unique_indices=mat.unique_indices)


def _first_dense_to_sparse(mat: Coordinates) -> Coordinates:
    n = mat.n_batch
    length, rest = mat.data.shape[n + 1], mat.data.shape[n + 2:]
    lead = mat.indices.shape[:n + 1]
    column = jnp.broadcast_to(jnp.arange(length, dtype=mat.indices.dtype)[:, None],
                              (*lead, length, 1))
    repeated = jnp.broadcast_to(mat.indices[..., None, :], (*lead, length, mat.n_sparse))
    indices = jnp.concatenate([repeated, column], -1)
    nse = mat.nse * length
    return type(mat)((mat.data.reshape(*mat.data.shape[:n], nse, *rest),
                      indices.reshape(*lead[:-1], nse, mat.n_sparse + 1)), shape=mat.shape,
                     indices_sorted=mat.indices_sorted, unique_indices=mat.unique_indices)


def _first_sparse_to_batch(mat: Coordinates) -> Coordinates:
    """Each entry along the axis keeps all elements, of which those of others are outside and 0."""
    length = mat.sparse_shape[0]

    def one(mat: Coordinates) -> tuple[Any, Any]:
        mine = mat.indices[:, 0] == jnp.arange(length)[:, None]
        data = jnp.where(mine.reshape(*mine.shape, *[1] * mat.n_dense), mat.masked(), 0)
        rest = mat.indices[:, 1:]
        return data, jnp.where(mine[..., None], rest, row(mat.sparse_shape[1:]).astype(rest.dtype))

    return type(mat)(each_batch(one, mat), shape=mat.shape)


def _last_sparse_to_dense(mat: Coordinates) -> Coordinates:
    """Each element becomes a row that is 0 elsewhere."""
    length = mat.sparse_shape[-1]

    def one(mat: Coordinates) -> tuple[Any, Any]:
        data = mat.masked()
        zeros = jnp.zeros((mat.nse, length, *data.shape[1:]), data.dtype)
        placed = zeros.at[np.arange(mat.nse), mat.indices[:, -1]].set(data, mode="drop")
        return placed, mat.indices[:, :-1]

    return type(mat)(each_batch(one, mat), shape=mat.shape)


_hide_frames_of(__name__)
