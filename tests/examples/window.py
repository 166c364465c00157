"""Rows of reductions over windows."""

import itertools

import numpy as np

from examples import Bad, Example, booleans, distinct, integers, normal
from ingot import dtypes
from ingot.primitives import window as w
from ingot.primitives.arithmetic import add, max, min, mul
from ingot.primitives.compare import ge_p


def windowed(combine):
    """Loops over windows and their elements; what lies outside is left out."""
    def ref(x, dims, strides=None, padding="VALID", base_dilation=None, window_dilation=None,
            init=0):
        ones = (1,) * x.ndim
        strides, base, wide = strides or ones, base_dilation or ones, window_dilation or ones
        pads = [(0, 0)] * x.ndim if padding == "VALID" else padding
        spread = [(n - 1) * b + 1 if n else 0 for n, b in zip(x.shape, base, strict=True)]
        sizes = [(n + lo + hi - ((k - 1) * d + 1)) // s + 1 for n, (lo, hi), k, d, s in
                 zip(spread, pads, dims, wide, strides, strict=True)]
        out = np.full(sizes, init, x.dtype)
        for place in np.ndindex(*sizes):
            for tap in itertools.product(*map(range, dims)):
                at = [p * s + t * d - lo for p, s, t, d, (lo, _) in
                      zip(place, strides, tap, wide, pads, strict=True)]
                if all(0 <= a < n and a % b == 0 for a, n, b in zip(at, spread, base, strict=True)):
                    source = tuple(a // b for a, b in zip(at, base, strict=True))
                    out[place] = combine(out[place], x[source])
        return out
    return ref


def reduced(x, init, op, dims, strides=None, padding="VALID", base_dilation=None,
            window_dilation=None):
    return w.reduce_window(x, init, op, dims, strides, padding, base_dilation, window_dilation)


def _row(name, op, combine, init, x, dims, ulps=0, **more):
    keys = ("strides", "padding", "base_dilation", "window_dilation")
    params = {k: more.pop(k) for k in keys if k in more}
    return Example(lambda x, **params: reduced(x, init, op, dims, **params), (x,), params,
                   ref=lambda x, **params: windowed(combine)(x, dims, init=init, **params),
                   ulps=ulps, name=name, jax=False, **more)


def _family(name, op, combine, init, ulps=0):
    x, y = distinct(4, 5), distinct(6)
    row = lambda *args, **more: _row(name, op, combine, init, *args, ulps=ulps, **more)
    return [row(y, (2,)), row(y, (3,), strides=(2,), padding=[(1, 1)]), row(x, (2, 3)),
            row(x, (2, 2), strides=(2, 1), padding=[(0, 1), (1, 0)]),
            row(y, (2,), base_dilation=(2,), window_dilation=(3,), padding=[(2, 1)],
                diff=() if np.isinf(init) else None),
            row(normal(20, 30), (3, 4), strides=(2, 1), maps=(), diff=())]


def highest(dtype):
    """What minima start from: infinity, or the largest value of a dtype without it."""
    if dtypes.kind(dtype) == "f":
        top = np.array(np.inf).astype(dtype)
        return top if np.isinf(top) else np.asarray(dtypes.finfo(dtype).max, dtype)
    return np.asarray(dtypes.iinfo(dtype).max if dtypes.kind(dtype) in "iu" else True, dtype)


def lowest(dtype):
    """What maxima start from."""
    if dtypes.kind(dtype) == "f":
        return -highest(dtype)
    return np.asarray(dtypes.iinfo(dtype).min if dtypes.kind(dtype) in "iu" else False, dtype)


def together(x, y):
    """Two operands reduced together, by a function that is no monoid known to the op."""
    pick = lambda a, b: (add(a[0], b[0]), mul(a[1], b[1]))
    return w.reduce_window((x, y), (0.0, 1.0), pick, (2,))


# ---- the derivatives of extremes, which no public function binds ---------------------------------
PARAMS = dict(window_dimensions=(3,), window_strides=(2,), padding=((1, 1),), base_dilation=(1,),
              window_dilation=(1,))


def lines(x):
    """For each window, the place of its largest element."""
    padded = np.concatenate([[-np.inf], x, [-np.inf]])
    return [int(np.argmax(padded[i:i + 3])) + i - 1 for i in range(0, len(x), 2)]


def picked(t, x):
    return w.select_and_gather_add_p.bind(t, x, select_prim=ge_p, **PARAMS)


def put(source, x):
    return w.select_and_scatter_add_p.bind(source, x, select_prim=ge_p, **PARAMS)


def put_ref(source, x):
    out = np.zeros_like(x)
    np.add.at(out, lines(x), source)
    return out


EXAMPLES = [
    Example(picked, (normal(6), distinct(6)), ref=lambda t, x: t[lines(x)], diff=(0,), accepts="f",
            name="select_and_gather_add", ulps=0, jax=False),
    Example(put, (normal(3), distinct(6)), ref=put_ref, diff=(0,), accepts="f", ulps=4,
            name="select_and_scatter_add", jax=False),
    Example(put, (np.array([1.0, 2.0, 4.0]), np.array([0.0, 9.0, 9.5, 9.25, 1.0, 5.0])),
            ref=put_ref, diff=(0,), name="select_and_scatter_add", jax=False),
    *_family("reduce_window_sum", add, np.add, 0.0, ulps=64),
    *_family("reduce_window_max", max, np.maximum, -np.inf),
    *_family("reduce_window_min", min, np.minimum, np.inf),
    Example(lambda x: w.reduce_window(x, 0, add, (2,)), (distinct(5) * 3,), accepts="iufc", ulps=8,
            name="reduce_window_sum", jax=False),
    Example(lambda x: w.reduce_window(x, lowest(x.dtype), max, (2,)), (distinct(5) * 3,),
            accepts="biufc", name="reduce_window_max", jax=False),
    Example(lambda x: w.reduce_window(x, highest(x.dtype), min, (2,)), (distinct(5) * 3,),
            accepts="biufc", name="reduce_window_min", jax=False),
    _row("reduce_window_max", max, np.maximum, np.iinfo(np.int64).min, integers(-9, 9, 6), (2,)),
    Example(together, (normal(5), normal(5, seed=1)), name="reduce_window_pair", ulps=4,
            ref=lambda x, y: [x[1:] + x[:-1], y[1:] * y[:-1]], jax=False),
    _row("reduce_window_prod", mul, np.multiply, 1.0, normal(5), (3,), ulps=8),
]

BAD = [
    Bad(reduced, (normal(4), 0.0, add, (2, 2)), error="reduce_window: "),
    Bad(reduced, (normal(4), 0.0, add, (0,)), error="reduce_window: "),
    Bad(reduced, (normal(4), 0.0, add, (2,)), dict(strides=(0,)), error="reduce_window: "),
    Bad(reduced, (normal(4), np.int32(0), add, (2,)), error="reduce_window: "),
    Bad(reduced, (normal(4), 0.0, add, (2,)), dict(padding="MIDDLE"), error="MIDDLE"),
    Bad(reduced, (booleans(4), False, add, (2,)), error="(reduce_window_sum|add): "),
]
