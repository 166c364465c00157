"""Rows of reductions by order and by bits, arguments of extremes, sorting and top_k."""

import numpy as np

from examples import Bad, Example, booleans, complex_normal, distinct, integers, normal
from examples.arithmetic import slope
from ingot.primitives import partition as p, reduce as r, sort as o
from ingot.primitives.slicing import slice_in_dim

A, B = distinct(3, 4), distinct(2, 3, 4)
I = integers(-9, 9, 3, 4)
TIES = np.array([[1.0, 3.0, 3.0, 2.0], [5.0, 5.0, 5.0, 0.0]])
WILD = np.array([[1.0, np.nan, -np.inf, 0.0], [-0.0, np.inf, 2.0, -5.0], [0.0, -1.0, -2.0, -3.0]])


def folded(ufunc):
    return lambda x, axes: ufunc.reduce(x, axis=axes)


def _reduce(op, x, *axes, ref, ulps=0, **more):
    return Example(op, (x,), dict(axes=axes), ref=ref, ulps=ulps, jax=op.__name__, **more)


def complex_max(x, axes):
    (axis,) = axes
    rows = [sorted(row, key=lambda z: (z.real, z.imag))[-1] for row in np.moveaxis(x, axis, -1)]
    return np.array(rows)


def _extremes():
    rows = []
    for op, ufunc in ((r.reduce_max, np.maximum), (r.reduce_min, np.minimum)):
        ref = folded(ufunc)
        rows += [_reduce(op, A, 1, ref=ref, accepts="biufc"), _reduce(op, B, 0, 2, ref=ref),
                 _reduce(op, A, 0, 1, ref=ref), _reduce(op, I, 0, ref=ref),
                 _reduce(op, booleans(3, 4), 1, ref=ref), _reduce(op, WILD, 1, ref=ref, diff=(),
                                                                 maps=()),
                 _reduce(op, normal(0, 3), 0, ref=lambda x, axes, op=op: np.full(
                     3, -np.inf if op is r.reduce_max else np.inf), diff=()),
                 _reduce(op, normal(7, 50), 1, ref=ref, maps=(), diff=()),
                 _reduce(op, normal(50, 7), 0, ref=ref, maps=(), diff=())]
    return [*rows, _reduce(r.reduce_max, complex_normal(3, 4), 1, ref=complex_max),
            Example(lambda x: slope(lambda v: r.reduce_max(v, (1,)), x), (TIES,), diff=(),
                    maps=(), ref=lambda x: np.ones(2), name="reduce_max_tie", jax=False)]


def _products():
    ref = folded(np.multiply)
    zeros = np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 5.0], [1.0, 2.0, -1.0]])
    return [_reduce(r.reduce_prod, A, 1, ref=ref, ulps=8, accepts="iufc"),
            _reduce(r.reduce_prod, B * 0.3, 0, 2, ref=ref, ulps=16),
            _reduce(r.reduce_prod, zeros, 1, ref=ref, ulps=4),
            _reduce(r.reduce_prod, complex_normal(2, 3), 1, ref=ref, ulps=32),
            _reduce(r.reduce_prod, I, 0, ref=ref), _reduce(r.reduce_prod, normal(0, 2), 0, ref=ref),
            _reduce(r.reduce_prod, normal(5, 50), 1, ref=ref, ulps=256, maps=(), diff=())]


def _bits():
    names = {r.reduce_and: np.bitwise_and, r.reduce_or: np.bitwise_or, r.reduce_xor: np.bitwise_xor}
    return [row for op, ufunc in names.items() for row in (
        _reduce(op, I, 1, ref=folded(ufunc), accepts="biu"),
        _reduce(op, booleans(3, 4), 0, ref=folded(ufunc)),
        _reduce(op, I.reshape(2, 3, 2), 0, 2, ref=folded(ufunc)),
        _reduce(op, integers(0, 9, 0, 2), 0, ref=folded(ufunc)))]


def _places():
    rows = []
    for op, find in ((r.argmax, np.argmax), (r.argmin, np.argmin)):
        ref = lambda x, axis, index_dtype, find=find: find(x, axis).astype(index_dtype)
        args = lambda x, axis, dtype="int32", op=op, ref=ref, **more: Example(
            op, (x,), dict(axis=axis, index_dtype=np.dtype(dtype)), ref=ref, **more)
        rows += [args(A, 1, accepts="biuf"), args(B, 0), args(B, -1, "int64", jax=False),
                 args(TIES, 1),
                 args(WILD, 1, "uint8", maps=()), args(I, 0), args(booleans(3, 4), 1),
                 args(normal(5, 50), 1, maps=())]
    return rows


def sort_pairs(*xs, **params):
    return o.sort(xs, **params)


def lexsorted(*xs, dimension=-1, num_keys=1, **_):
    order = np.lexsort(xs[:num_keys][::-1], axis=dimension)
    return [np.take_along_axis(x, order, dimension) for x in xs]


def top(x, k, axis=-1):
    """Descending, equal ones in order, nan first."""
    key = np.where(np.isnan(x), -np.inf, -x) if x.dtype.kind == "f" else -x.astype(np.int64)
    order = np.take(np.argsort(key, axis, kind="stable"), range(k), axis)
    return [np.take_along_axis(x, order, axis), order.astype(np.int32)]


def _searches():
    vector, values = np.array([-1.0, 0.0, 0.0, 2.0, np.inf, np.nan]), np.array(
        [[-2.0, -1.0, -0.0], [1.0, np.inf, np.nan]])
    ref = lambda a, v, side="left": np.searchsorted(a, v, side).astype(np.int32)
    stack = np.sort(normal(2, 70), -1)
    found = lambda a, v: np.array([np.searchsorted(*row) for row in zip(a, v, strict=True)], "i4")
    return [
        Example(o.searchsorted, (vector, values), ref=ref, jax=False, maps=()),
        Example(o.searchsorted, (vector, values), dict(side="right"), ref=ref, jax=False, maps=()),
        Example(o.searchsorted, (np.sort(A[0]), A), ref=ref, jax=False, maps=(), accepts="biufc"),
        Example(o.searchsorted, (normal(0), A), ref=ref, jax=False, maps=()),
        Example(o.searchsorted, (stack, normal(2, 90)), ref=found, jax=False),
    ]


def of_rank(x, rank, axis):
    """The element that sorting would put at a rank."""
    return o.take_along(x, slice_in_dim(p.argpartition(x, (rank, 0), axis), rank, rank + 1,
                                        axis=axis), axis)


def _selections():
    ref = lambda x, rank, axis: np.take(np.sort(x, axis), [rank], axis)
    row = lambda x, rank, axis, **more: Example(
        of_rank, (x,), dict(rank=rank, axis=axis), ref=ref, ulps=0, jax=False,
        name="argpartition", **more)
    return [row(A, 2, 1, accepts="biuf"), row(B, 1, 0), row(B, 2, 1), row(I, 0, 0),
            row(booleans(3, 4), 3, 1), row(WILD, 3, 1, diff=(), maps=()),
            row(normal(2, 600), 300, 1, maps=(), diff=()), row(normal(600, 2), 7, 0, diff=())]


def _sorts():
    keys = integers(0, 3, 3, 4)
    return [
        Example(o.sort, (A,), ref=lambda x: np.sort(x, -1), ulps=0, accepts="biufc"),
        Example(o.sort, (B,), dict(dimension=0), ref=lambda x, dimension: np.sort(x, dimension),
                ulps=0),
        Example(o.sort, (B,), dict(dimension=1, is_stable=False), ulps=0,
                ref=lambda x, dimension, is_stable: np.sort(x, dimension)),
        Example(o.sort, (WILD,), ref=lambda x: np.sort(x, -1, kind="stable"), diff=(), ulps=0,
                maps=()),
        Example(o.sort, (normal(0),), ref=lambda x: x),
        # One key of up to 32 bits with others is sorted by its digits.
        Example(sort_pairs, (keys.astype(np.int32), A), dict(num_keys=1), ref=lexsorted, ulps=0,
                name="sort_pairs", jax=False),
        Example(sort_pairs, (A.astype(np.float32), A, I), dict(num_keys=1, dimension=0),
                ref=lexsorted, ulps=0, name="sort_pairs", jax=False, diff=(1,)),
        Example(sort_pairs, (keys, A), dict(num_keys=1), ref=lexsorted, ulps=0, name="sort_pairs",
                jax=False),
        Example(sort_pairs, (keys, A, I), dict(num_keys=2, dimension=0), ref=lexsorted, ulps=0,
                name="sort_pairs", jax=False),
        Example(o.sort_key_val, (A, normal(3, 4)), ref=lexsorted, ulps=0),
        Example(o.top_k, (A,), dict(k=2), ref=top, ulps=0, accepts="biuf"),
        Example(o.top_k, (B,), dict(k=2, axis=1), ref=top, ulps=0, jax=False),
        Example(o.top_k, (TIES,), dict(k=3), ref=top, ulps=0, diff=()),
        Example(o.top_k, (WILD,), dict(k=4), ref=top, ulps=0, diff=(), maps=()),
        Example(o.top_k, (A,), dict(k=0), ref=top, ulps=0),
        Example(o.approx_min_k, (A,), dict(k=2), ulps=0, ref=lambda x, k: [
            np.sort(x, -1)[:, :k], np.argsort(x, -1)[:, :k].astype(np.int32)]),
    ]


EXAMPLES = [*_extremes(), *_products(), *_bits(), *_places(), *_selections(), *_sorts(),
            *_searches()]

BAD = [
    Bad(r.reduce_max, (A, (2,)), error="reduce_max"),
    Bad(r.reduce_prod, (booleans(3), (0,)), error=r"reduce_prod: .*bool\[3\]"),
    Bad(r.reduce_and, (A, (0,)), error=r"reduce_and: .*f64\[3,4\]"),
    Bad(r.argmax, (normal(0, 2), 0, np.int32), error=r"argmax: .*f64\[0,2\]"),
    Bad(r.argmax, (complex_normal(3), 0, np.int32), error="argmax: .*c128"),
    Bad(r.argmax, (A, 0, np.float32), error="argmax: index_dtype"),
    Bad(o.sort, (normal(),), error=r"sort: .*f64\[\]"),
    Bad(o.sort, ([A, normal(3)],), error=r"sort: .*f64\[3,4\].*f64\[3\]"),
    Bad(o.sort, ([A, A],), dict(num_keys=3), error="sort: num_keys"),
    Bad(p.argpartition, (A, (4,)), error=r"argpartition: ranks \(4,\)"),
    Bad(p.argpartition, (complex_normal(3), (1,)), error="argpartition: .*c128"),
    Bad(o.searchsorted, (A, I), error=r"searchsorted: .*f64\[3,4\] and i64\[3,4\]"),
    Bad(o.top_k, (A, 5), error=r"top_k: k = 5"), Bad(o.top_k, (A, -1), error="top_k: k = -1"),
]
