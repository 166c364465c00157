"""Rows of reductions over windows of all kinds of shapes: sums, extremes, products."""

import numpy as np

from examples import Bad, Example, booleans, complex_normal, distinct, integers, normal
from examples.arithmetic import slope
from ingot.primitives import arithmetic as a, window as w

A, B = distinct(5, 4), distinct(2, 5, 3)
I = integers(-9, 9, 4, 5)
ONES = np.ones((3, 3))


def summed(x, **params):
    return w.reduce_window(x, np.zeros((), x.dtype), a.add, **params)


def largest(x, **params):
    return w.reduce_window(x, _limit(x.dtype, -1), a.max, **params)


def smallest(x, **params):
    return w.reduce_window(x, _limit(x.dtype, 1), a.min, **params)


def multiplied(x, **params):
    return w.reduce_window(x, np.ones((), x.dtype), a.mul, **params)


def pairs(x, y, **params):
    return w.reduce_window((x, y), (np.zeros((), x.dtype), np.ones((), y.dtype)),
                           lambda p, q: (a.add(p[0], q[0]), a.mul(p[1], q[1])), **params)


def _limit(dtype, sign):
    if dtype.kind == "b":
        return np.array(sign > 0)
    if dtype.kind in "iu":
        return np.array(np.iinfo(dtype).max if sign > 0 else np.iinfo(dtype).min, dtype)
    if dtype.kind == "c":
        return np.array(0, dtype)
    infinite = np.array(sign * np.inf).astype(dtype)
    return infinite if np.isinf(infinite) else np.array(sign * 448.0).astype(dtype)


def windowed(ufunc, init):
    """Window by window, element by element."""
    def ref(x, window_dimensions, window_strides=None, padding="VALID", base_dilation=None,
            window_dilation=None):
        ones = (1,) * x.ndim
        strides, base, spread = (v or ones for v in (window_strides, base_dilation,
                                                     window_dilation))
        pads = [(0, 0)] * x.ndim if isinstance(padding, str) else padding
        full = {tuple(i * b + low for i, b, (low, _) in zip(index, base, pads, strict=True)):
                x[index] for index in np.ndindex(*x.shape)}
        out = [((n - 1) * b + 1 + low + high - (k - 1) * d - 1) // s + 1 for n, b, (low, high), k,
               d, s in zip(x.shape, base, pads, window_dimensions, spread, strides, strict=True)]
        result = np.empty(out, x.dtype)
        for index in np.ndindex(*out):
            total = np.asarray(init(x.dtype)).astype(x.dtype)
            for k in np.ndindex(*window_dimensions):
                place = tuple(i * s + j * d for i, s, j, d in zip(
                    index, strides, k, spread, strict=True))
                if place in full:
                    total = ufunc(total, full[place])
            result[index] = total
        return result
    return ref


SHAPES = [
    dict(window_dimensions=(2, 2)), dict(window_dimensions=(3, 1), window_strides=(2, 2)),
    dict(window_dimensions=(2, 3), padding=((1, 1), (0, 1))),
    dict(window_dimensions=(2, 2), padding=((-1, 1), (1, -1)), window_strides=(2, 1)),
    dict(window_dimensions=(2, 3), base_dilation=(2, 3), padding=((1, 0), (0, 2))),
    dict(window_dimensions=(2, 2), window_dilation=(2, 1), window_strides=(1, 2),
         padding=((0, 1), (1, 1)), base_dilation=(1, 2)),
]


def _rows(op, ufunc, init, accepts, ulps):
    ref = windowed(ufunc, init)
    rows = [Example(op, (A,), params, ref=ref, ulps=ulps, jax=False) for params in SHAPES]
    rows[0] = Example(op, (A,), SHAPES[0], ref=ref, ulps=ulps, jax=False, accepts=accepts)
    return [*rows, Example(op, (B,), dict(window_dimensions=(1, 2, 2)), ref=ref, ulps=ulps,
                           jax=False),
            Example(op, (I,), dict(window_dimensions=(2, 2)), ref=ref, ulps=0, jax=False),
            Example(op, (normal(2, 40),), dict(window_dimensions=(1, 9)), ref=ref, ulps=64, maps=(),
                    diff=(), jax=False),
            Example(op, (distinct(12, 12),), dict(window_dimensions=(9, 8)), ref=ref, ulps=256,
                    jax=False, maps=())]


def pooled_gradient(x):
    return slope(lambda v: largest(v, window_dimensions=(2, 2)), x)


EXAMPLES = [
    *_rows(summed, np.add, lambda d: 0, "iufc", 16),
    *_rows(largest, np.maximum, lambda d: _limit(d, -1), "biufc", 0),
    *_rows(smallest, np.minimum, lambda d: _limit(d, 1), "biufc", 0),
    *[Example(multiplied, (A,), params, ref=windowed(np.multiply, lambda d: 1), ulps=16, jax=False)
      for params in SHAPES[:3]],
    Example(summed, (complex_normal(3, 3),), dict(window_dimensions=(2, 2)), ulps=16, jax=False,
            ref=windowed(np.add, lambda d: 0)),
    Example(pairs, (A, normal(5, 4)), dict(window_dimensions=(2, 2), padding="SAME"), jax=False),
    Example(summed, (normal(0, 3),), dict(window_dimensions=(1, 2), padding=((1, 1), (0, 0))),
            ref=lambda x, **_: np.zeros((2, 2)), jax=False),
    Example(summed, (normal(2, 2),), dict(window_dimensions=(3, 1)), jax=False,
            ref=lambda x, **_: np.zeros((0, 2))),
    Example(pooled_gradient, (ONES,), ref=lambda x: np.ones((2, 2)), diff=(), maps=(), jax=False),
]

BAD = [
    Bad(summed, (A,), dict(window_dimensions=(2,)), error="reduce_window: window_dimensions"),
    Bad(summed, (A,), dict(window_dimensions=(2, 0)), error="reduce_window: .*positive"),
    Bad(summed, (A,), dict(window_dimensions=(2, 2), window_strides=(0, 1)), error="positive"),
    Bad(summed, (A,), dict(window_dimensions=(2, 2), padding=((-9, 0), (0, 0))),
        error=r"reduce_window: negative padding .*f64\[5,4\]"),
    Bad(summed, (A,), dict(window_dimensions=(2, 2), padding="ALL"), error="'ALL'"),
    Bad(w.reduce_window, (A, np.ones(2), a.add, (2, 2)), error="scalar initial value"),
    Bad(w.reduce_window, (A, np.float32(1), a.add, (2, 2)), error="same dtypes"),
    Bad(summed, (booleans(3, 3),), dict(window_dimensions=(2, 2)), error=r"bool\[3,3\]"),
]
