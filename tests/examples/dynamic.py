"""Rows of dynamic slices and of indexing along one axis."""

import numpy as np

from examples import Bad, Example, complex_normal, integers, normal
from ingot.primitives import dynamic_slice as i

A, B = normal(4, 5), normal(2, 3, 4)
ONE, TWO = np.array(1), np.array(2)


def sliced(x, *starts, slice_sizes):
    """JAX's rule: negative places count from the end, then the slice is moved inside."""
    first = [min(max(int(s) + n * (int(s) < 0), 0), n - m)
             for s, n, m in zip(starts, x.shape, slice_sizes, strict=True)]
    return tuple(slice(a, a + m) for a, m in zip(first, slice_sizes, strict=True))


def cut(x, *starts, slice_sizes):
    return i.dynamic_slice(x, starts, slice_sizes)


def paste(x, update, *starts):
    return i.dynamic_update_slice(x, update, starts)


def _cut(x, starts, sizes, **more):
    return Example(cut, (x, *map(np.asarray, starts)), dict(slice_sizes=sizes), ulps=0, jax=False,
                   ref=lambda x, *s, slice_sizes: x[sliced(x, *s, slice_sizes=slice_sizes)], **more)


def pasted(x, update, *starts):
    out = x.copy()
    out[sliced(x, *starts, slice_sizes=update.shape)] = update
    return out


def _paste(x, update, starts, **more):
    return Example(paste, (x, update, *map(np.asarray, starts)), ref=pasted, ulps=0, jax=False,
                   **more)


def own_place(x, k):
    """An update that reads the operand it is written to."""
    return i.dynamic_update_slice_in_dim(x, i.dynamic_slice_in_dim(x, 0, 40), k, 0)


def at_own_place(x, k):
    out = x.copy()
    out[int(k) : int(k) + 40] = x[:40]
    return out


def take(x, *places, axes):
    return i.index_take(x, places, axes)


EXAMPLES = [
    _cut(A, (1, 2), (2, 3), accepts="biufc"), _cut(A, (3, 4), (2, 3)), _cut(A, (-1, -9), (1, 2)),
    _cut(A, (0, 1), (0, 2)), _cut(B, (1, 0, 2), (1, 3, 2), maps=(0, 2)), _cut(normal(), (), ()),
    _cut(normal(90, 2), (85, 0), (40, 2), maps=(), diff=()),
    _cut(normal(300), (np.int8(-1),), (1,), maps=()), _cut(A, (np.uint8(200), np.uint8(1)), (2, 2)),
    _cut(A, (np.uint64(2**63), np.uint64(1)), (2, 2), maps=()),
    _cut(complex_normal(3, 4), (1, 1), (2, 2)),
    Example(i.dynamic_slice, (A, np.array([1, -2])), dict(slice_sizes=(2, 2)), ulps=0, maps=(),
            ref=lambda x, s, slice_sizes: x[1:3, 3:5]),
    Example(i.dynamic_slice_in_dim, (A, TWO), dict(slice_size=2, axis=1), ulps=0,
            ref=lambda x, k, slice_size, axis: x[:, 2:4], maps=(0,)),
    Example(i.dynamic_index_in_dim, (A, np.array(-1)), dict(axis=0, keepdims=False), ulps=0,
            ref=lambda x, k, axis, keepdims: x[k], maps=(0,)),
    Example(i.dynamic_index_in_dim, (B, ONE), dict(axis=-1), ulps=0,
            ref=lambda x, k, axis: x[..., 1:2], maps=(0,)),
    _paste(A, normal(2, 3, seed=1), (1, 2), accepts="biufc"),
    _paste(A, normal(2, 3, seed=1), (9, 9)),
    _paste(A, normal(1, 2, seed=1), (-1, -9)), _paste(A, normal(0, 3), (1, 1)),
    _paste(B, normal(1, 3, 2, seed=1), (1, 0, 2), maps=(0, 1, 2)),
    _paste(normal(), normal(seed=1), ()),
    _paste(normal(90, 2), normal(40, 2, seed=1), (85, 0), maps=(), diff=()),
    _paste(complex_normal(3, 4), complex_normal(2, 1), (0, 3)),
    Example(own_place, (normal(90, 2), np.array(7)), ref=at_own_place, ulps=0, maps=(), diff=(),
            jax=False),
    Example(i.dynamic_update_slice_in_dim, (A, normal(2, 5, seed=1), TWO), dict(axis=0), ulps=0,
            ref=lambda x, u, k, axis: np.concatenate([x[:2], u]), maps=(0, 1)),
    Example(i.dynamic_update_index_in_dim, (A, normal(4, seed=1), np.array(-1)), dict(axis=1),
            ref=lambda x, u, k, axis: np.column_stack([x[:, :4], u]), ulps=0, maps=(0, 1)),
    Example(i.dynamic_update_index_in_dim, (A, normal(4, 1, seed=1), ONE), dict(axis=1), ulps=0,
            ref=lambda x, u, k, axis: np.column_stack([x[:, :1], u, x[:, 2:]]), maps=(0, 1)),
    Example(take, (B, integers(-4, 4, 5), integers(-2, 2, 5)), dict(axes=(2, 0)), ulps=0, maps=(0,),
            ref=lambda x, a, b, axes: x[b, :, a], jax=False),
]

BAD = [
    Bad(i.dynamic_slice, (A, (ONE,), (1, 1)), error=r"dynamic_slice: .*got 1 for f64\[4,5\]"),
    Bad(i.dynamic_slice, (A, (ONE, ONE), (5, 1)), error=r"dynamic_slice: .*\(5, 1\).*f64\[4,5\]"),
    Bad(i.dynamic_slice, (A, (ONE, ONE), (1,)), error="dynamic_slice: one slice size"),
    Bad(i.dynamic_slice, (A, (ONE, ONE), (-1, 1)), error="dynamic_slice: one slice size"),
    Bad(i.dynamic_slice, (A, (np.array(1.0), np.array(1.0)), (1, 1)), error=r"f64\[\], f64\[\]"),
    Bad(i.dynamic_slice, (A, (np.int8(1), np.int32(1)), (1, 1)), error=r"i8\[\], i32\[\]"),
    Bad(i.dynamic_slice, (A, (np.array([1]), ONE), (1, 1)), error=r"i64\[1\]"),
    Bad(i.dynamic_update_slice, (A, normal(2), (0, 0)), error=r"f64\[4,5\] and f64\[2\]"),
    Bad(i.dynamic_update_slice, (A, normal(5, 5), (0, 0)), error=r"f64\[4,5\] and f64\[5,5\]"),
    Bad(i.dynamic_update_slice, (A, np.ones((1, 1), np.float32), (0, 0)),
        error="dtypes must match"),
    Bad(i.dynamic_slice_in_dim, (A, 0, 1, 5), error="axis 5"),
    Bad(i.index_in_dim, (A, 7), error=r"index 7 .*f64\[4,5\]", kind=IndexError),
]
