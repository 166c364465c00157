"""Movement of the axes of sparse arrays in coordinate form: transposes, shapes, slices, sums."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

import ingot.numpy as jnp
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.experimental.coordinates import Coordinates, each_batch, full, row, split_axes


def bcoo_transpose(mat: Coordinates, *, permutation: Sequence[int]) -> Coordinates:
    """Reorder axes.

    mat: a BCOO. permutation: each axis once, those of a kind in the places of their kind -> a BCOO.
    Raises NotImplementedError where axes of batches, of coordinates and dense ones would mix.

    >>> from ingot.experimental import sparse
    >>> sparse.bcoo_transpose(sparse.bcoo_fromdense(np.ones((1, 2))), permutation=(1, 0))
    BCOO(float64[2, 1], nse=2)
    """
    order = [operator.index(a) % mat.ndim for a in permutation]
    batch, sparse, dense = split_axes(mat, order)
    n, end = mat.n_batch, mat.n_batch + mat.n_sparse
    if order != [*batch, *(a + n for a in sparse), *(a + end for a in dense)]:
        raise NotImplementedError(
            f"bcoo_transpose: axes of batches, of coordinates and dense ones keep apart, got"
            f" permutation {tuple(order)} of {mat!r}; update_layout changes the kinds of axes")
    data = mat.data.transpose((*batch, n, *(a + n + 1 for a in dense)))
    indices = mat.indices.transpose((*batch, n, n + 1))[..., np.array(sparse, int)]
    return type(mat)((data, indices), shape=[mat.shape[a] for a in order],
                     indices_sorted=mat.indices_sorted and sparse == sorted(sparse),
                     unique_indices=mat.unique_indices)


def bcoo_reshape(mat: Coordinates, *, new_sizes: Sequence[int]) -> Coordinates:
    """Arrange the elements, in row-major order, in another shape.

    mat: a BCOO. new_sizes: the shape, one of whose lengths may be -1; as many leading axes are of
    batches as before, and have the same number of elements; dense axes stay -> a BCOO. Raises
    ValueError if that cannot be.

    >>> from ingot.experimental import sparse
    >>> sparse.bcoo_reshape(sparse.bcoo_fromdense(np.ones((1, 2))), new_sizes=(2, -1))
    BCOO(float64[2, 1], nse=2)
    """
    shape = np.broadcast_to(0, mat.shape).reshape(tuple(new_sizes)).shape
    n, d = mat.n_batch, mat.n_dense
    end = len(shape) - d
    if n > end or math.prod(shape[:n]) != math.prod(mat.shape[:n]) or (
            shape[end:] != mat.shape[mat.ndim - d:]):
        raise ValueError(f"bcoo_reshape: axes of batches and dense ones stay apart from those of"
                         f" coordinates, got {mat!r} for the shape {shape}")
    old, new = mat.sparse_shape, shape[n:end]

    def one(mat: Coordinates) -> Coordinates:
        flat = jnp.ravel_multi_index(tuple(mat.indices.T), old, mode="clip") if old else (
            jnp.zeros(mat.nse, int))
        return moved(mat, jnp.unravel_index(flat, new) if new else (), new)

    out = each_batch(one, mat)
    return type(mat)((out.data.reshape(*shape[:n], *out.data.shape[n:]),
                      out.indices.reshape(*shape[:n], *out.indices.shape[n:])), shape=shape)


def moved(mat: Coordinates, places: Sequence[Any], shape: Sequence[int], keep: Any = True
          ) -> Coordinates:
    """The values at new coordinates, without batches; those not kept, or outside before, are
    outside now, or 0. shape: of the sparse axes."""
    inside = mat.inside() & keep
    data, whole = mat.masked(keep), (*shape, *mat.data.shape[1:])
    if not shape:
        return type(mat)((data, jnp.zeros((mat.nse, 0), mat.indices.dtype)), shape=whole)
    columns = jnp.stack([jnp.asarray(p) for p in places], -1)
    indices = jnp.where(inside[:, None], columns, row(shape)).astype(mat.indices.dtype)
    return type(mat)((data, indices), shape=whole)


def _on_parts(mat: Coordinates, axis: int, fun: Any) -> Coordinates:
    """A function of arrays along an axis of batches, or a dense one: of all that lies along it."""
    n = mat.n_batch
    if axis >= n:
        data, indices = fun(mat.data, axis - mat.n_sparse + 1), mat.indices
    else:
        mat = full(mat)
        data, indices = fun(mat.data, axis), fun(mat.indices, axis)
    shape = [*data.shape[:n], *mat.sparse_shape, *data.shape[n + 1:]]
    return type(mat)((data, indices), shape=shape, indices_sorted=mat.indices_sorted,
                     unique_indices=mat.unique_indices)


def bcoo_slice(mat: Coordinates, *, start_indices: Sequence[int], limit_indices: Sequence[int],
               strides: Sequence[int] | None = None) -> Coordinates:
    """Cut a slice of each axis.

    mat: a BCOO. start_indices, limit_indices, strides: for each axis, the strides positive -> a
    BCOO.

    >>> from ingot.experimental import sparse
    >>> mat = sparse.bcoo_fromdense(np.arange(3.0))
    >>> sparse.bcoo_slice(mat, start_indices=[1], limit_indices=[3]).todense()
    Array([1., 2.], dtype=float64)
    """
    steps = [1] * mat.ndim if strides is None else strides
    bounds = list(zip(start_indices, limit_indices, steps, strict=True))
    first, end = mat.n_batch, mat.n_batch + mat.n_sparse
    for axis, (a, b, s) in enumerate(bounds):
        if not first <= axis < end and (a, b, s) != (0, mat.shape[axis], 1):
            mat = _on_parts(mat, axis, lambda x, axis, at=slice(a, b, s): x[
                (*[slice(None)] * axis, at)])
    return each_batch(lambda one: _sliced(one, bounds[first:end]), mat) if mat.n_sparse else mat


def _sliced(mat: Coordinates, bounds: Sequence[tuple[int, int, int]]) -> Coordinates:
    """Slices of the sparse axes, without batches."""
    keep, places = True, []
    for i, (a, b, s) in enumerate(bounds):
        offset = mat.indices[:, i] - a
        keep = keep & (offset >= 0) & (offset < b - a) & (offset % s == 0)
        places.append(offset // s)
    return moved(mat, places, [-(-(b - a) // s) for a, b, s in bounds], keep)


def bcoo_dynamic_slice(mat: Coordinates, start_indices: Sequence[Any], slice_sizes: Sequence[int]
                       ) -> Coordinates:
    """Cut a slice that begins where numbers known at run time say.

    mat: a BCOO without axes of batches or dense ones. start_indices: integers, moved so that the
    slice lies inside. slice_sizes: its lengths -> a BCOO.

    >>> from ingot.experimental import sparse
    >>> mat = sparse.bcoo_fromdense(np.arange(3.0))
    >>> sparse.bcoo_dynamic_slice(mat, [jnp.array(1)], [2]).todense()
    Array([1., 2.], dtype=float64)
    """
    if mat.n_batch or mat.n_dense:
        raise NotImplementedError(f"bcoo_dynamic_slice: only without n_batch and n_dense, got"
                                  f" {mat!r}")
    starts = [jnp.clip(a, 0, n - size) for a, n, size in zip(
        start_indices, mat.shape, slice_sizes, strict=True)]
    return _cut(mat, starts, slice_sizes)


def _cut(mat: Coordinates, starts: Sequence[Any], sizes: Sequence[int]) -> Coordinates:
    offsets = [mat.indices[:, i] - a for i, a in enumerate(starts)]
    keep = True
    for offset, size in zip(offsets, sizes, strict=True):
        keep = keep & (offset >= 0) & (offset < size)
    return moved(mat, offsets, sizes, keep)


def bcoo_rev(mat: Coordinates, dimensions: Sequence[int]) -> Coordinates:
    """Reverse the order of elements along some axes.

    mat: a BCOO. dimensions: the axes -> a BCOO.

    >>> from ingot.experimental import sparse
    >>> sparse.bcoo_rev(sparse.bcoo_fromdense(np.array([0.0, 1.0])), [0]).indices
    Array([[0]], dtype=int32)
    """
    batch, sparse, dense = split_axes(mat, dimensions)
    end = mat.n_batch + mat.n_sparse
    for axis in [*batch, *(a + end for a in dense)]:
        mat = _on_parts(mat, axis, lambda x, axis: jnp.flip(x, axis))
    shape = mat.sparse_shape
    return each_batch(lambda one: moved(one, [
        shape[i] - 1 - x if i in sparse else x for i, x in enumerate(one.indices.T)], shape), mat
    ) if sparse else mat


def bcoo_squeeze(arr: Coordinates, *, dimensions: Sequence[int]) -> Coordinates:
    """Leave out some axes of length 1.

    arr: a BCOO. dimensions: the axes -> a BCOO. Raises ValueError for other lengths.

    >>> from ingot.experimental import sparse
    >>> sparse.bcoo_squeeze(sparse.bcoo_fromdense(np.ones((1, 2))), dimensions=[0])
    BCOO(float64[2], nse=2)
    """
    gone = {operator.index(d) % arr.ndim for d in dimensions}
    if any(arr.shape[d] != 1 for d in gone):
        raise ValueError(f"bcoo_squeeze: axes {sorted(gone)} of {arr!r} must be of length 1")
    batch, sparse, dense = split_axes(arr, sorted(gone))
    kept = [i for i in range(arr.n_sparse) if i not in sparse]
    lengths = [arr.sparse_shape[i] for i in kept]
    if sparse:
        arr = each_batch(lambda one: moved(one, [one.indices[:, i] for i in kept], lengths), arr)
    n = arr.n_batch
    data = jnp.squeeze(arr.data, (*batch, *(a + n + 1 for a in dense)))
    shape = [m for i, m in enumerate(arr.shape) if i not in batch]
    return type(arr)((data, jnp.squeeze(arr.indices, tuple(batch))), shape=[
        *shape[:n - len(batch) + len(lengths)], *data.shape[n - len(batch) + 1:]])


def bcoo_broadcast_in_dim(mat: Coordinates, *, shape: Sequence[int],
                          broadcast_dimensions: Sequence[int]) -> Coordinates:
    """Repeat an array along new axes, and along those of length 1.

    mat: a BCOO. shape: of the result. broadcast_dimensions: for each axis of mat, its place there,
    in ascending order; new axes before its last one of batches are such, and those after its first
    dense one are dense -> a BCOO. Raises ValueError when they do not fit.

    >>> from ingot.experimental import sparse
    >>> mat = sparse.bcoo_fromdense(np.ones(2))
    >>> sparse.bcoo_broadcast_in_dim(mat, shape=(1, 2), broadcast_dimensions=[1])
    BCOO(float64[1, 2], nse=2)
    """
    given = dict(zip(broadcast_dimensions, range(mat.ndim), strict=True))
    n, end = mat.n_batch, mat.n_batch + mat.n_sparse
    first = 0 if not n else broadcast_dimensions[n] if mat.n_sparse else (
        broadcast_dimensions[n - 1] + 1)
    last = broadcast_dimensions[end] if mat.n_dense else len(shape)
    if any(mat.shape[i] not in (1, shape[p]) for p, i in given.items()):
        raise ValueError(f"bcoo_broadcast_in_dim: {mat!r} does not fit into {tuple(shape)}")
    narrow = [mat.shape[given[i]] if i in given else 1 for i in range(len(shape))]
    batch, dense = narrow[:first], narrow[last:]
    places = [given[i] - n if i in given else None for i in range(first, last)]

    def parts(x: Any, own: int, trailing: Sequence[int]) -> Any:
        lengths = [x.shape[given[i]] if i in given else 1 for i in range(first)]
        return x.reshape(*lengths, *x.shape[n:own], *trailing)

    data = parts(mat.data, n + 1, dense)
    data = jnp.broadcast_to(data, (*data.shape[:first + 1], *shape[last:]))
    wide = type(mat)((data, parts(mat.indices, n + 2, ())), shape=[
        *batch, *mat.sparse_shape, *shape[last:]])
    if places != list(range(mat.n_sparse)) or tuple(shape[first:last]) != mat.sparse_shape:
        wide = each_batch(lambda one: _repeated(one, places, shape[first:last]), wide)
    return type(mat)((jnp.broadcast_to(wide.data, (*shape[:first], *wide.data.shape[first:])),
                      wide.indices), shape=shape)


def _repeated(mat: Coordinates, given: Sequence[int | None], shape: Sequence[int]) -> Coordinates:
    """New sparse axes, and longer ones of length 1, without batches."""
    repeated = [i for i, n in enumerate(shape) if n != (
        1 if (g := given[i]) is None else mat.sparse_shape[g])]
    copies = math.prod(shape[i] for i in repeated)
    places = np.unravel_index(np.arange(copies), [shape[i] for i in repeated]) if repeated else ()
    columns: list[Any] = []
    for i in range(len(shape)):
        g = given[i]
        if i in repeated:
            columns.append(jnp.repeat(jnp.asarray(places[repeated.index(i)]), mat.nse))
        else:
            columns.append(jnp.zeros(copies * mat.nse, int) if g is None
                           else jnp.tile(mat.indices[:, g], copies))
    tiled = type(mat)((jnp.tile(mat.data, (copies, *[1] * mat.n_dense)),
                       jnp.tile(mat.indices, (copies, 1))), shape=mat.shape)
    return moved(tiled, columns, shape)


def _padded(mat: Coordinates, nse: int) -> Coordinates:
    """With as many elements specified, of which the new ones are outside."""
    mat, more, n = full(mat), nse - mat.nse, mat.n_batch
    widths = [(0, 0)] * n + [(0, more)]
    data = jnp.pad(mat.data, widths + [(0, 0)] * mat.n_dense)
    outside = jnp.broadcast_to(row(mat.sparse_shape).astype(mat.indices.dtype), (
        *mat.indices.shape[:n], more, mat.n_sparse))
    return type(mat)((data, jnp.concatenate([mat.indices, outside], n)), shape=mat.shape)


def bcoo_concatenate(operands: Sequence[Coordinates], *, dimension: int) -> Coordinates:
    """Concatenate arrays along an axis.

    operands: BCOOs of the same other lengths and kinds of axes. dimension: the axis -> a BCOO.

    >>> from ingot.experimental import sparse
    >>> sparse.bcoo_concatenate([sparse.bcoo_fromdense(np.ones(1))] * 2, dimension=0)
    BCOO(float64[2], nse=2)
    """
    first, n = operands[0], operands[0].n_batch
    dimension %= first.ndim
    for x in operands:
        rest = [[m for i, m in enumerate(y.shape) if i != dimension] for y in (x, first)]
        if rest[0] != rest[1] or (x.n_batch, x.n_dense) != (n, first.n_dense):
            raise ValueError(f"bcoo_concatenate: shapes must agree but along {dimension}, got"
                             f" {list(operands)}")
    shape = list(first.shape)
    shape[dimension] = sum(x.shape[dimension] for x in operands)
    if dimension < n:
        nse = max(x.nse for x in operands)
        parts, axis = [_padded(x, nse) for x in operands], dimension
    else:
        parts, axis = _shifted(operands, dimension, shape), n
    return type(first)((jnp.concatenate([x.data for x in parts], axis),
                        jnp.concatenate([x.indices for x in parts], axis)), shape=shape)


def _shifted(operands: Sequence[Coordinates], dimension: int, shape: Sequence[int]
             ) -> list[Coordinates]:
    """Each array in its place along a sparse axis, or a dense one, of the whole."""
    start, parts, n = 0, [], operands[0].n_batch
    end = n + operands[0].n_sparse
    for x in map(full, operands):
        after = start + x.shape[dimension]
        if dimension >= end:
            widths = [(start, shape[dimension] - after) if a == dimension else (0, 0)
                      for a in range(end, len(shape))]
            part = x._with_shape(jnp.pad(x.data, [(0, 0)] * (n + 1) + widths), shape)
        else:
            part = each_batch(lambda one, by=start: moved(one, [
                c + by if i == dimension - n else c for i, c in enumerate(one.indices.T)],
                shape[n:end]), x)
        parts.append(part)
        start = after
    return parts


def bcoo_reduce_sum(mat: Coordinates, *, axes: Sequence[int]) -> Coordinates:
    """Sum over axes.

    mat: a BCOO. axes: integers -> a BCOO whose coordinates may repeat.

    >>> from ingot.experimental import sparse
    >>> sparse.bcoo_reduce_sum(sparse.eye(2), axes=[0]).todense()
    Array([1., 1.], dtype=float64)
    """
    batch, sparse, dense = split_axes(mat, [operator.index(a) % mat.ndim for a in axes])
    kept = [i for i in range(mat.n_sparse) if i not in sparse]
    lengths = [mat.sparse_shape[i] for i in kept]
    if sparse:
        mat = each_batch(lambda one: moved(one, [one.indices[:, i] for i in kept], lengths), mat)
    n = mat.n_batch
    if dense:
        data = jnp.sum(mat.data, tuple(a + n + 1 for a in dense))
        mat = mat._with_shape(data, (*mat.shape[:n + len(lengths)], *data.shape[n + 1:]))
    if not batch:
        return mat
    mat = full(mat)
    stay = [i for i in range(n) if i not in batch]
    first, shape = [*stay, *batch], [mat.shape[i] for i in stay]
    nse = mat.nse * math.prod(mat.shape[i] for i in batch)

    def merged(x: Any) -> Any:
        return x.transpose((*first, *range(n, x.ndim))).reshape(*shape, nse, *x.shape[n + 1:])

    return type(mat)((merged(mat.data), merged(mat.indices)), shape=[*shape, *mat.shape[n:]])


def _checked_index(mat: Coordinates, i: Any, axis: int) -> int:
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


def item(mat: Coordinates, index: tuple[Any, ...]) -> Coordinates:
    """A static index: slices first, then axes that go and axes that are new."""
    taken = sum(i is not None and i is not Ellipsis for i in index)
    if taken > mat.ndim:
        raise IndexError(f"BCOO: {taken} indices are too many for {mat!r}")
    at = next((k for k, i in enumerate(index) if i is Ellipsis), len(index))
    whole = (*index[:at], *[slice(None)] * (mat.ndim - taken), *index[at + 1:])
    bounds, gone, new, flipped = [], [], [], []
    for i in whole:
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


_hide_frames_of(__name__)
