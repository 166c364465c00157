"""Rows of operations that move elements: broadcast, transpose, reshape; and of reduce_sum."""

import numpy as np

from examples import Bad, Example, booleans, complex_normal, integers, normal
from ingot.primitives import movement as m

A, B3, Z = normal(3, 4), normal(2, 3, 4), complex_normal(2, 3)
ANY = "biufc"


def broadcast(x, shape, broadcast_dimensions):
    out = np.empty(shape, x.dtype)
    for index in np.ndindex(*shape):
        out[index] = x[tuple(0 if n == 1 else index[d]
                             for n, d in zip(x.shape, broadcast_dimensions, strict=True))]
    return out


def transposed(x, permutation):
    out = np.empty([x.shape[p] for p in permutation], x.dtype)
    for index in np.ndindex(*out.shape):
        source = [0] * x.ndim
        for i, p in zip(index, permutation, strict=True):
            source[p] = i
        out[index] = x[tuple(source)]
    return out


def reshaped(x, new_sizes, dimensions=None):
    if dimensions is not None:
        x = transposed(x, dimensions)
    return np.array(list(x.flat), x.dtype).reshape(new_sizes)


def sums(x, axes):
    out = x
    for a in sorted(axes, reverse=True):
        total = np.zeros(out.shape[:a] + out.shape[a + 1:], x.dtype)
        for i in range(out.shape[a]):
            total = total + np.take(out, i, a)
        out = total
    return out


def _to(x, shape, dims, **more):
    return Example(m.broadcast_in_dim, (x,), dict(shape=shape, broadcast_dimensions=dims),
                   ref=broadcast, ulps=0, **more)


def _as(x, *new_sizes, dimensions=None, **more):
    return Example(m.reshape, (x,), dict(new_sizes=new_sizes, dimensions=dimensions),
                   ref=reshaped, ulps=0, **more)


def _perm(x, *permutation, **more):
    return Example(m.transpose, (x,), dict(permutation=permutation), ref=transposed, ulps=0, **more)


def _sum(x, *axes, ulps=32, **more):
    # jax.lax has the primitive under another name.
    return Example(m.reduce_sum, (x,), dict(axes=axes), ref=sums, ulps=ulps, jax="reduce_sum",
                   **more)


EXAMPLES = [
    _to(A, (3, 2, 4), (0, 2), accepts=ANY), _to(normal(3, 1), (3, 4), (0, 1)),
    _to(normal(1, 1), (2, 1, 3), (0, 2)), _to(normal(), (2, 3), ()), _to(A, (0, 3, 4), (1, 2)),
    _to(Z, (2, 3, 2), (0, 1)), _to(normal(1, 4), (5, 4), (0, 1)),
    _to(normal(3, 60), (2, 3, 60), (1, 2), maps=(), diff=()),
    _perm(B3, 2, 0, 1, accepts=ANY), _perm(A, 1, 0), _perm(B3, 0, 2, 1), _perm(Z, 1, 0),
    _perm(normal(2, 0, 3), 2, 1, 0), _perm(normal(2, 3, 2, 4), 3, 1, 0, 2, maps=()),
    _perm(normal(20, 30), 1, 0, maps=(), diff=()), _perm(normal(3, 9, 8), 2, 0, 1, maps=(),
                                                         diff=()),
    _as(A, 2, 6, accepts=ANY), _as(A, 12), _as(normal(), 1, 1), _as(normal(1), jax=None),
    _as(B3, 4, 6), _as(B3, 6, 4, dimensions=(2, 0, 1)), _as(normal(0, 3), 3, 0, 2), _as(Z, 3, 2),
    _as(normal(1, 3, 1), 3), _as(normal(6, 30), 9, 20, maps=(), diff=()),
    _sum(A, 1, accepts="iufc"), _sum(A, 0), _sum(B3, 0, 2), _sum(A, 0, 1), _sum(B3, 1), _sum(Z, 0),
    _sum(normal(0, 3), 0), _sum(normal(2, 0), 1), _sum(integers(-9, 9, 3, 4), 1, ulps=0),
    _sum(normal(7, 40), 1, ulps=64, maps=(), diff=()),
    _sum(normal(40, 7), 0, ulps=64, maps=(), diff=()),
    _sum(np.array([[np.inf, 1.0], [np.nan, 2.0], [-np.inf, np.inf]]), 1, diff=(), maps=()),
]

BAD = [
    Bad(m.broadcast_in_dim, (A,), dict(shape=(3, 5), broadcast_dimensions=(0, 1)),
        error="broadcast_in_dim: .*f64"),
    Bad(m.broadcast_in_dim, (A,), dict(shape=(4, 3), broadcast_dimensions=(0, 0)),
        error="broadcast_in_dim"),
    Bad(m.broadcast_in_dim, (A,), dict(shape=(3,), broadcast_dimensions=(0,)),
        error="broadcast_in_dim"),
    Bad(m.transpose, (A,), dict(permutation=(0, 0)), error=r"transpose: .*f64\[3,4\]"),
    Bad(m.transpose, (A,), dict(permutation=(0,)), error=r"transpose: .*f64\[3,4\]"),
    Bad(m.reshape, (A,), dict(new_sizes=(5, 2)), error=r"reshape: .*f64\[3,4\]"),
    Bad(m.reshape, (A,), dict(new_sizes=(-3, -4)), error="reshape"),
    Bad(m.reduce_sum, (booleans(3),), dict(axes=(0,)), error=r"reduce_sum: .*bool\[3\]"),
    Bad(m.reduce_sum, (A,), dict(axes=(2,)), error="reduce_sum"),
    Bad(m.reduce_sum, (A,), dict(axes=(0, 0)), error="reduce_sum"),
]
