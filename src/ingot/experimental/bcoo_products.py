"""Products of sparse arrays in coordinate form: elementwise, contractions, at given coordinates."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import ingot.numpy as jnp
from ingot import lax
from ingot.api.vmap import vmap
from ingot.core.interpreter import Tracer
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.experimental.bcoo_axes import bcoo_broadcast_in_dim, bcoo_reshape, bcoo_transpose
from ingot.experimental.bcoo_layout import bcoo_sum_duplicates, bcoo_update_layout
from ingot.experimental.coordinates import Coordinates, each_batch, full, row

Dims = Sequence[int]


# ---- elementwise ----
def bcoo_multiply_dense(sp_mat: Coordinates, v: Any) -> Any:
    """Multiply elementwise by a dense array; only the values are returned.

    sp_mat: a BCOO. v: a dense array that broadcasts to its shape -> [*batch, nse, *dense].

    >>> from ingot.experimental import sparse
    >>> sparse.bcoo_multiply_dense(sparse.eye(2), np.array([3.0, 4.0]))
    Array([3., 4.], dtype=float64)
    """
    v = jnp.asarray(v)
    if jnp.broadcast_shapes(v.shape, sp_mat.shape) != sp_mat.shape:
        raise ValueError(f"BCOO: {v.aval} does not broadcast to the shape of {sp_mat!r}")
    n = sp_mat.n_batch
    own = v.ndim - sp_mat.ndim + n  # axes of v that belong to batches
    if own > 0:
        v = v.reshape(*[1] * (sp_mat.ndim - v.ndim), *v.shape)
        v = jnp.broadcast_to(v, (*sp_mat.shape[:n], *v.shape[n:]))
        return each_batch(_times, sp_mat, v)
    return each_batch(lambda mat: _times(mat, v), sp_mat)


def divided(sp_mat: Coordinates, v: Any) -> Any:
    """The values divided by those of a dense array, which broadcasts, at their coordinates."""
    ones = sp_mat._with(jnp.ones_like(sp_mat.data))
    divisors = bcoo_multiply_dense(ones, v)
    inside = sp_mat.inside()
    inside = inside.reshape(*inside.shape, *[1] * sp_mat.n_dense)
    return jnp.where(inside, sp_mat.data / jnp.where(inside, divisors, 1), 0)


def _times(mat: Coordinates, v: Any) -> Any:
    """The values times those of a dense array at their coordinates, without batches."""
    taken = max(v.ndim - mat.n_dense, 0)  # axes of v along which there are coordinates
    columns = tuple(mat.indices.T)[mat.n_sparse - taken:]
    places = tuple(c if n > 1 else c * 0 for c, n in zip(columns, v.shape, strict=False))
    return mat.data * (v.at[places].get(mode="fill", fill_value=0) if taken else v)


def bcoo_multiply_sparse(lhs: Coordinates, rhs: Coordinates) -> Coordinates:
    """Multiply two sparse arrays elementwise.

    lhs, rhs: BCOOs of one shape -> a BCOO with the coordinates of the first.

    >>> from ingot.experimental import sparse
    >>> sparse.bcoo_multiply_sparse(sparse.eye(2), sparse.bcoo_fromdense(np.eye(2) * 2)).data
    Array([2., 2.], dtype=float64)
    """
    if lhs.shape != rhs.shape:
        raise ValueError(f"BCOO: shapes must match, got {lhs.shape} and {rhs.shape}")
    if lhs.n_batch or lhs.n_dense or rhs.n_batch or rhs.n_dense:
        lhs, rhs = alike(lhs, rhs)
    return lhs._with(each_batch(_meeting, lhs, rhs))


def _meeting(lhs: Coordinates, rhs: Coordinates) -> Any:
    """The values of one times those of the other at the same coordinates, without batches."""
    if not rhs.nse or not lhs.n_sparse:
        return lhs.data * jnp.sum(rhs.masked(), 0)
    rhs = bcoo_sum_duplicates(rhs, rhs.nse)
    places = jnp.ravel_multi_index(tuple(rhs.indices.T), rhs.sparse_shape, mode="clip")
    places = jnp.where(rhs.inside(), places, math.prod(rhs.sparse_shape))
    wanted = jnp.ravel_multi_index(tuple(lhs.indices.T), lhs.sparse_shape, mode="clip")
    at = jnp.minimum(jnp.searchsorted(places, wanted), rhs.nse - 1)
    found = (places[at] == wanted) & lhs.inside()
    found = found.reshape(-1, *[1] * lhs.n_dense)
    return lhs.data * jnp.where(found, rhs.data[at], 0)


def alike(*mats: Coordinates) -> list[Coordinates]:
    """With as many axes of batches and dense ones as all of them have."""
    batch, dense = min(x.n_batch for x in mats), min(x.n_dense for x in mats)
    return [bcoo_update_layout(x, n_batch=batch, n_dense=dense) for x in mats]


# ---- contractions ----
def matmul(lhs: Coordinates, rhs: Any) -> Any:
    """lhs @ rhs as NumPy has it: dense for a dense rhs, else sparse."""
    rhs = rhs if isinstance(rhs, Coordinates) else jnp.asarray(rhs)
    if not lhs.ndim or not rhs.ndim:
        raise TypeError(f"BCOO: products are for vectors and matrices, got {lhs!r} and {rhs!r}")
    inner = 0 if rhs.ndim == 1 else rhs.ndim - 2
    if lhs.shape[-1] != rhs.shape[inner]:
        raise ValueError(f"BCOO: inner sizes must match, got {lhs!r} and {_shown(rhs)}")
    batches = min(max(lhs.ndim - 2, 0), max(rhs.ndim - 2, 0))
    if not batches and rhs.ndim <= 2:
        return bcoo_dot_general(lhs, rhs, dimension_numbers=(((lhs.ndim - 1,), (inner,)), ((), ())))
    if isinstance(rhs, Coordinates):
        if lhs.shape[:-2] != rhs.shape[:-2]:
            raise NotImplementedError("BCOO: products of sparse stacks of matrices need the same"
                                      f" axes of batches, got {lhs!r} and {rhs!r}")
        axes = tuple(range(batches))
        return bcoo_dot_general(lhs, rhs, dimension_numbers=(
            ((lhs.ndim - 1,), (rhs.ndim - 2,)), (axes, axes)))
    if lhs.ndim == 1:
        return lhs.todense() @ rhs
    batch = jnp.broadcast_shapes(lhs.shape[:-2], rhs.shape[:-2])
    if lhs.shape[:-2] != batch:
        lhs = bcoo_broadcast_in_dim(lhs, shape=(*batch, *lhs.shape[-2:]), broadcast_dimensions=
                                    range(len(batch) + 2 - lhs.ndim, len(batch) + 2))
    rhs = jnp.broadcast_to(rhs, (*batch, *rhs.shape[-2:]))
    axes = tuple(range(len(batch)))
    return bcoo_dot_general(lhs, rhs, dimension_numbers=(
        ((lhs.ndim - 1,), (rhs.ndim - 2,)), (axes, axes)))


def _shown(x: Any) -> Any:
    return repr(x) if isinstance(x, Coordinates) else x.aval


def bcoo_dot_general(lhs: Any, rhs: Any, *, dimension_numbers: Any, precision: Any = None,
                     preferred_element_type: Any = None, out_sharding: None = None) -> Any:
    """Contract BCOO and dense arrays as `lax.dot_general` does.

    lhs, rhs: BCOOs or dense arrays. dimension_numbers: ((lhs contracting, rhs contracting), (lhs
    batch, rhs batch)). precision, out_sharding: without effect. preferred_element_type: of the
    result -> a dense array if one is dense, else a BCOO. Raises NotImplementedError where dense
    axes of a BCOO are contracted, and for batch dimensions of two BCOO that are not axes of
    batches in both.

    >>> from ingot.experimental import sparse
    >>> sparse.bcoo_dot_general(sparse.eye(2), np.ones(2),
    ...                         dimension_numbers=(((1,), (0,)), ((), ())))
    Array([1., 1.], dtype=float64)
    """
    (lc, rc), (lb, rb) = dimension_numbers
    lc, rc, lb, rb = ([operator.index(d) for d in ds] for ds in (lc, rc, lb, rb))
    sparse = [isinstance(x, Coordinates) for x in (lhs, rhs)]
    if all(sparse):
        out: Any = _of_two(lhs, rhs, lc, rc, lb, rb)
    elif sparse[0]:
        out = _with_dense(lhs, jnp.asarray(rhs), lc, rc, lb, rb)
    elif sparse[1]:
        out = _with_dense(rhs, jnp.asarray(lhs), rc, lc, rb, lb)
        n, free = len(lb), rhs.ndim - len(rc) - len(rb)
        out = jnp.transpose(out, (*range(n), *range(n + free, out.ndim), *range(n, n + free)))
    else:
        out = lax.dot_general(lhs, rhs, dimension_numbers)
    return out if preferred_element_type is None else out.astype(preferred_element_type)


def _without(axes: list[int], gone: int) -> list[int]:
    """Axes counted without one of them."""
    return [a - (a > gone) for a in axes if a != gone]


def _with_dense(lhs: Coordinates, rhs: Any, lc: list[int], rc: list[int], lb: list[int],
                rb: list[int]) -> Any:
    """A product with a dense array; axes of batches one by one, with `vmap`."""
    if not lhs.n_batch:
        return _unbatched_with_dense(lhs, rhs, lc, rc, lb, rb)
    lhs, place, inner = full(lhs), None, None
    if 0 in lb:
        k = lb.index(0)
        place, inner = rb[k], k
    elif 0 in lc:
        place = rc[lc.index(0)]

    def one(mat: Coordinates, x: Any) -> Any:
        right = [rc, rb] if place is None else [_without(rc, place), _without(rb, place)]
        left = [_without(lc, 0), _without(lb, 0)]
        return _with_dense(mat, x, left[0], right[0], left[1], right[1])

    if inner is None and place is not None:  # contracted
        return jnp.sum(vmap(one, (0, place))(lhs, rhs), 0)
    return vmap(one, (0, place), len(lb) if inner is None else inner)(lhs, rhs)


def _unbatched_with_dense(lhs: Coordinates, rhs: Any, lc: list[int], rc: list[int],
                          lb: list[int], rb: list[int]) -> Any:
    if any(d >= lhs.n_sparse for d in (*lc, *lb)):
        raise NotImplementedError(f"bcoo_dot_general: dense axes of {lhs!r} are neither contracted"
                                  " nor batch dimensions; see update_layout")
    if lb or not lc:
        return lax.dot_general(lhs.todense(), rhs, ((lc, rc), (lb, rb)))
    a, free_a = _sparse_matrix(lhs, lc, last=True)
    b, free_b = _dense_matrix(rhs, rc)
    at_row, at_column = a.indices.T
    taken = b.at[at_column].get(mode="fill", fill_value=0)
    data = a.data.reshape(a.nse, math.prod(lhs.shape[lhs.n_sparse:]), 1)  # dense axes as one
    if data.shape[1] == 1 or taken.shape[1] == 1:  # three axes would cost more than two
        terms = data[:, 0] * taken if data.shape[1] == 1 else data[:, :, 0] * taken
    else:
        terms = data * taken[:, None]
    zeros = jnp.zeros((a.shape[0], *terms.shape[1:]), terms.dtype)
    out = zeros.at[at_row].add(terms, mode="drop")
    return out.reshape(*free_a, *lhs.shape[lhs.n_sparse:], *free_b)


def _sparse_matrix(x: Coordinates, contracted: list[int], last: bool
                   ) -> tuple[Coordinates, list[int]]:
    """Free and contracted sparse axes as the two of a matrix, and the lengths of the free ones."""
    free = [d for d in range(x.n_sparse) if d not in contracted]
    order = [*free, *contracted] if last else [*contracted, *free]
    lengths = [x.shape[d] for d in free]
    inner, outer = math.prod(x.shape[d] for d in contracted), math.prod(lengths)
    dense = x.shape[x.n_sparse:]
    if order != list(range(x.n_sparse)):
        x = bcoo_transpose(x, permutation=(*order, *range(x.n_sparse, x.ndim)))
    if len(free) != 1 or len(contracted) != 1:
        x = bcoo_reshape(x, new_sizes=((outer, inner) if last else (inner, outer)) + dense)
    return x, lengths


def _dense_matrix(x: Any, contracted: list[int]) -> tuple[Any, list[int]]:
    """Contracted axes first, as one, then the free ones as one, and the lengths of these."""
    free = [d for d in range(x.ndim) if d not in contracted]
    inner = math.prod(x.shape[d] for d in contracted)
    lengths = [x.shape[d] for d in free]
    return x.transpose((*contracted, *free)).reshape(inner, math.prod(lengths)), lengths


def _of_two(lhs: Coordinates, rhs: Coordinates, lc: list[int], rc: list[int], lb: list[int],
            rb: list[int]) -> Coordinates:
    """A product of two BCOO; batch dimensions that are the first axes of batches of both, with
    `vmap`."""
    n = len(lb)
    if n and (lb != list(range(n)) or rb != lb or min(lhs.n_batch, rhs.n_batch) < n):
        raise NotImplementedError("bcoo_dot_general: batch dimensions of two BCOO must be their"
                                  f" first axes of batches, got {lb}, {rb} of {lhs!r}, {rhs!r}")
    lhs, rhs = (bcoo_update_layout(x, n_batch=n, n_dense=0) for x in (lhs, rhs))
    lc, rc = ([d - n for d in ds] for ds in (lc, rc))

    def one(lhs: Coordinates, rhs: Coordinates) -> Coordinates:
        return _contracted(lhs, rhs, lc, rc)

    if not n:
        return one(lhs, rhs)
    out = each_batch(one, lhs, rhs)
    known = not any(isinstance(x.indices, Tracer) for x in (lhs, rhs))
    return bcoo_sum_duplicates(out) if known else out


def _contracted(lhs: Coordinates, rhs: Coordinates, lc: list[int], rc: list[int]) -> Coordinates:
    if not lc:
        raise NotImplementedError("bcoo_dot_general: products of two BCOO contract an axis at"
                                  f" least, got none for {lhs!r} and {rhs!r}")
    if len(lc) == lhs.n_sparse and len(rc) == rhs.n_sparse:
        met = _meeting(bcoo_transpose(lhs, permutation=lc), bcoo_transpose(rhs, permutation=rc))
        total = jnp.sum(jnp.where(lhs.inside(), met, 0))
        return type(lhs)((total[None], jnp.zeros((1, 0), lhs.indices.dtype)), shape=())
    a, free_a = _sparse_matrix(lhs, lc, last=True)
    b, free_b = _sparse_matrix(rhs, rc, last=False)
    out = _matrix_product(a, b)
    return bcoo_reshape(out, new_sizes=(*free_a, *free_b))


def _matrix_product(a: Coordinates, b: Coordinates) -> Coordinates:
    """The sparse product: every element of a meets those in the row of b that its column names.

    Its nse is that of the coordinates met while the data is known; inside jit the least bound:
    nse of a times nse of b, or the size of the result.
    """
    shape = (a.shape[0], b.shape[1])
    size = math.prod(shape)
    if not a.nse or not b.nse:
        zeros = jnp.zeros(0, jnp.result_type(a.data, b.data))
        return type(a)((zeros, jnp.zeros((0, 2), a.indices.dtype)), shape=shape)
    traced = any(isinstance(x.indices, Tracer) for x in (a, b))
    if traced and a.nse * b.nse > size:
        return type(a).fromdense(a.todense() @ b.todense(), nse=size)
    order = jnp.argsort(b.indices[:, 0])
    rows = b.indices[order, 0]
    column = a.indices[:, -1]
    start, stop = (jnp.searchsorted(rows, column, side=s) for s in ("left", "right"))
    counts = jnp.where(a.inside(), stop - start, 0)
    total = a.nse * b.nse if traced else int(counts.sum())
    of_a = jnp.repeat(jnp.arange(a.nse), counts, total_repeat_length=total)
    rank = jnp.arange(total) - (jnp.cumsum(counts) - counts)[of_a]
    of_b = order[start[of_a] + rank]
    met = jnp.arange(total) < counts.sum()
    data = jnp.where(met, a.data[of_a] * b.data[of_b], 0)
    places = jnp.concatenate([a.indices[of_a, :-1], b.indices[of_b, 1:]], -1)
    places = jnp.where(met[:, None], places, row(shape)).astype(a.indices.dtype)
    out = type(a)((data, places), shape=shape)
    return bcoo_sum_duplicates(out, min(total, size) if traced else None)


def bcoo_dot_general_sampled(A: Any, B: Any, indices: Any, *, dimension_numbers: Any) -> Any:
    """Contract dense arrays as `lax.dot_general` does, and take the result at coordinates.

    A, B: dense arrays. indices: integer [*batch, nse, n_sparse]. dimension_numbers: those of
    `lax.dot_general` -> [*batch, nse, ...], 0 outside of the shape.

    >>> from ingot.experimental import sparse
    >>> sparse.bcoo_dot_general_sampled(np.eye(2), np.ones((2, 2)), np.array([[0, 1]]),
    ...                                 dimension_numbers=(((1,), (0,)), ((), ())))
    Array([1.], dtype=float64)
    """
    def taken(dense: Any, indices: Any) -> Any:
        if indices.ndim > 2:
            return vmap(taken)(dense, indices)
        return dense.at[tuple(indices.T)].get(mode="fill", fill_value=0)

    return taken(lax.dot_general(A, B, dimension_numbers), jnp.asarray(indices))


_hide_frames_of(__name__)
