"""Rows of contractions."""

import string

import numpy as np

from examples import Bad, Example, complex_normal, integers, normal
from ingot.lax.scaled import scaled_dot
from ingot.primitives import dot as d


def contract(x, y, dimension_numbers, preferred_element_type=None):
    """The contraction as sums of products of Python's exact enumeration of indices."""
    (xc, yc), (xb, yb) = dimension_numbers
    letters = iter(string.ascii_lowercase)
    xs, ys = [""] * x.ndim, [""] * y.ndim
    batch = ""
    for i, j in zip(xb, yb, strict=True):
        xs[i] = ys[j] = letter = next(letters)
        batch += letter
    for i, j in zip(xc, yc, strict=True):
        xs[i] = ys[j] = next(letters)
    free = ""
    for axes in (xs, ys):
        for i, letter in enumerate(axes):
            if not letter:
                axes[i] = next(letters)
                free += axes[i]
    out = np.einsum(f"{''.join(xs)},{''.join(ys)}->{batch}{free}", x, y)
    return out if preferred_element_type is None else out.astype(preferred_element_type)


def _row(x, y, contracting, batch=((), ()), ulps=16, **more):
    return Example(d.dot_general, (x, y), dict(dimension_numbers=(contracting, batch)),
                   ref=contract, ulps=ulps, **more)


def scaled(x, y, s, t):
    return scaled_dot(x, y, lhs_scale=s, rhs_scale=t, preferred_element_type=x.dtype)


def by_hand(x, y, s, t):
    """Products of what the scales are repeated for."""
    return (x * np.repeat(s, x.shape[-1] // s.shape[-1], -1)
            ) @ (y * np.repeat(t, y.shape[-2] // t.shape[-2], -2))


EXAMPLES = [
    *(Example(scaled, (normal(*batch, 2, 6), normal(*batch, 6, 4), normal(*batch, 2, 3, seed=1),
                       normal(*batch, 2, 4, seed=1)), ref=by_hand, ulps=64, jax=False,
              name="scaled_dot") for batch in ((), (3,))),
    _row(normal(3, 4), normal(4, 2), ((1,), (0,)), accepts="biufc"),
    _row(normal(3), normal(3, seed=1), ((0,), (0,))),
    _row(normal(3, 4), normal(4), ((1,), (0,))), _row(normal(4), normal(4, 3), ((0,), (0,))),
    _row(normal(2, 3, 4), normal(2, 4, 3), ((2,), (1,)), ((0,), (0,))),
    _row(normal(4, 2, 3), normal(3, 4, 2), ((0,), (1,)), ((2,), (0,))),
    _row(normal(2, 3), normal(3, 2), ((0, 1), (1, 0))),
    _row(normal(2), normal(3), ((), ())), _row(normal(), normal(3), ((), ())),
    _row(normal(2, 3), normal(2, 3, seed=1), ((), ()), ((0, 1), (0, 1))),
    _row(normal(2, 3), normal(3, 2, seed=1), ((1,), (0,)), ((0,), (1,))),
    _row(normal(2, 0), normal(0, 3), ((1,), (0,))), _row(normal(0, 2), normal(2, 3), ((1,), (0,))),
    _row(complex_normal(2, 3), complex_normal(3, 2), ((1,), (0,)), ulps=64),
    _row(integers(-9, 9, 3, 4), integers(-9, 9, 4, 2), ((1,), (0,)), ulps=0),
    _row(integers(-9, 9, 3, 4, dtype=np.int8), integers(-9, 9, 4, 2, dtype=np.int8), ((1,), (0,)),
         ulps=0),
    # Beyond what is unrolled: native loops and BLAS.
    _row(normal(20, 30), normal(30, 25), ((1,), (0,)), ulps=4096, maps=(), diff=()),
    _row(normal(30, 20), normal(25, 30), ((0,), (1,)), ulps=4096, maps=(), diff=()),
    _row(normal(3, 20, 30), normal(3, 30, 5), ((2,), (1,)), ((0,), (0,)), ulps=4096, maps=(),
         diff=()),
    _row(normal(40, 30), normal(30), ((1,), (0,)), ulps=4096, maps=(), diff=()),
    _row(normal(30), normal(30, 40), ((0,), (0,)), ulps=4096, maps=(), diff=()),
    _row(normal(300), normal(300, seed=1), ((0,), (0,)), ulps=4096, maps=(), diff=()),
    _row(complex_normal(20, 30), complex_normal(30, 25), ((1,), (0,)), ulps=4096, maps=(), diff=()),
    _row(normal(20, 30).astype(np.float32), normal(30, 25).astype(np.float32), ((1,), (0,)),
         ulps=4096, maps=(), diff=()),
    Example(d.dot_general, (normal(3, 4).astype(np.float16), normal(4, 2).astype(np.float16)),
            dict(dimension_numbers=(((1,), (0,)), ((), ())), preferred_element_type=np.float32),
            ref=lambda x, y, **_: x.astype(np.float32) @ y.astype(np.float32), diff=(), ulps=16),
    Example(d.dot, (normal(2, 3), normal(3, 2)), ref=lambda x, y: np.einsum("ij,jk", x, y),
            ulps=16),
    Example(d.dot, (normal(3), normal(3, 2)), ref=lambda x, y: np.einsum("j,jk", x, y), ulps=16),
    Example(d.batch_matmul, (normal(2, 2, 3), normal(2, 3, 2)), ulps=16,
            ref=lambda x, y: np.einsum("bij,bjk->bik", x, y)),
]

BAD = [
    Bad(scaled, (normal(2, 6), normal(6, 2), normal(2, 4), normal(3, 2)),
        error=r"scaled_dot: lhs_scale must have .* got f64\[2,4\] for f64\[2,6\]"),
    Bad(scaled, (normal(6), normal(6), normal(3), normal(3)),
        error=r"scaled_dot: expected \[\.\.\., m, k\] .* got f64\[6\] and f64\[6\]"),
    Bad(d.dot_general, (normal(3, 4), normal(3, 2)), dict(dimension_numbers=(((1,), (0,)),
                                                                             ((), ()))),
        error=r"dot_general: contracting .*f64\[3,4\].*f64\[3,2\]"),
    Bad(d.dot_general, (normal(3, 4), normal(4, 2)), dict(dimension_numbers=(((2,), (0,)),
                                                                             ((), ()))),
        error="dot_general: lhs axes"),
    Bad(d.dot_general, (normal(3, 3), normal(3, 3)), dict(dimension_numbers=(((1,), (0,)),
                                                                             ((1,), (0,)))),
        error="dot_general: lhs axes must be distinct"),
    Bad(d.dot, (normal(3), normal(4)), error="dot: "),
    Bad(d.batch_matmul, (normal(3), normal(3)), error="batch_matmul: "),
]
