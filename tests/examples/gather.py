"""Rows of gather and the scatters, checked element by element."""

import numpy as np

from examples import Bad, Example, booleans, complex_normal, integers, normal
from examples.arithmetic import slope
from ingot.primitives import arithmetic as a, gather as g, scatter as s
from ingot.primitives.gather_scatter import Windows, gather_dims

A, B = normal(3, 4), normal(2, 3, 4)
G, S = g.GatherDimensionNumbers, g.ScatterDimensionNumbers
ROWS = np.array([[0], [2], [0], [1]])
OUT = np.array([[0], [5], [-1], [2]])


def places(x_shape, indices, dims, sizes):
    """For each index of the result: the operand's index moved inside, whether it was there."""
    shape = Windows(dims, x_shape, indices.shape, sizes).shape
    inside = [d for d in range(len(x_shape))
              if d not in dims.collapsed_slice_dims + dims.operand_batching_dims]
    for out in np.ndindex(*shape):
        outer = [i for d, i in enumerate(out) if d not in dims.offset_dims]
        inner = [i for d, i in enumerate(out) if d in dims.offset_dims]
        start = [0] * len(x_shape)
        for d, b in zip(dims.operand_batching_dims, dims.start_indices_batching_dims,
                        strict=True):
            start[d] = outer[b]
        for k, d in enumerate(dims.start_index_map):
            start[d] = int(indices[(*outer, k)])
        ok = all(0 <= p <= n - m for p, n, m in zip(start, x_shape, sizes, strict=True))
        start = [min(max(p, 0), n - m)
                 for p, n, m in zip(start, x_shape, sizes, strict=True)]
        for d, i in zip(inside, inner, strict=True):
            start[d] += i
        yield out, tuple(start), ok


def gathered(x, indices, dimension_numbers, slice_sizes, mode=None, fill_value=None):
    dims = dimension_numbers
    result = np.empty(Windows(dims, x.shape, indices.shape, slice_sizes).shape, x.dtype)
    if fill_value is None:
        fill_value = {"b": True, "i": np.iinfo(np.int64).min}.get(x.dtype.kind, np.nan)
    for out, place, ok in places(x.shape, indices, dims, slice_sizes):
        result[out] = x[place] if ok or mode != "fill" else fill_value
    return result


def _gather(x, indices, dims, sizes, mode=None, **more):
    params = dict(dimension_numbers=dims, slice_sizes=sizes, mode=mode, **more.pop("params", {}))
    return Example(g.gather, (x, indices), params, ref=gathered, ulps=0, **more)


PICK = G((1,), (0,), (0,))
DIMS = [  # of a [3, 4] operand: dimension numbers, indices, slice sizes
    (PICK, ROWS, (1, 4)), (PICK, OUT, (1, 3)), (G((0,), (1,), (1,)), ROWS, (3, 1)),
    (G((0, 2), (), (0, 1)), np.array([[1, 1], [2, 3], [0, -1]]), (2, 2)),
    (G((), (0, 1), (1, 0)), np.array([[3, 2], [1, 1], [9, 0]]), (1, 1)),
    (G((), (1,), (1,), (0,), (0,)), np.array([[3], [7], [0]]), (1, 1)),
    (G((1,), (), (1,), (0,), (0,)), np.array([[1], [3], [0]]), (1, 2)),
    (G((0, 1), (), ()), np.zeros((2, 0), int), (2, 3)),
    (G((0,), (0,), (0,)), np.array([1]), (1, 4)), (PICK, np.zeros((0, 1), int), (1, 4)),
]


def _gathers():
    rows = [_gather(A, indices, dims, sizes, mode, params=dict(fill_value=value))
            for dims, indices, sizes in DIMS for mode, value in ((None, None), ("fill", 0.5))]
    return [
        *rows, _gather(A, ROWS, PICK, (1, 4), accepts="biufc"),
        _gather(A, OUT, PICK, (1, 4), "clip"), _gather(A, OUT, PICK, (1, 4), "promise_in_bounds"),
        _gather(A, OUT, PICK, (1, 4), "fill", params=dict(fill_value=7.0)),
        _gather(A, np.array([9]), G((0,), (0,), (0,)), (1, 4), "fill", params=dict(fill_value=7.0)),
        _gather(A > 0, OUT, PICK, (1, 4), "fill"),
        _gather((9 * A).astype(int), OUT, PICK, (1, 4), "fill"),
        _gather(complex_normal(3, 4), OUT, PICK, (1, 4), "fill", diff=()),
        _gather(A, ROWS.astype(np.uint8), PICK, (1, 4)),
        _gather(A, OUT.astype(np.int8), PICK, (1, 4)),
        _gather(normal(50, 3), integers(-9, 60, 40, 1), PICK, (1, 3), maps=(), diff=()),
        _gather(normal(50, 3), integers(-9, 60, 40, 1), PICK, (1, 3), "fill", maps=(), diff=()),
        _gather(normal(20), np.stack([integers(0, 20, 7, 9)], -1), G((), (0,), (0,)), (1,), maps=(),
                diff=()),
    ]


def scattered(combine):
    def ref(x, indices, updates, dimension_numbers, mode=None, unique_indices=False):
        dims = gather_dims(dimension_numbers)
        removed = dims.collapsed_slice_dims + dims.operand_batching_dims
        lengths = iter(updates.shape[d] for d in dims.offset_dims)
        sizes = tuple(1 if d in removed else next(lengths) for d in range(x.ndim))
        out = x.copy()
        for index, place, ok in places(x.shape, indices, dims, sizes):
            if ok or mode == "clip":
                out[place] = combine(out[place], updates[index])
        return out
    return ref


OPS = {s.scatter: lambda old, new: new, s.scatter_add: np.add, s.scatter_sub: np.subtract,
       s.scatter_mul: np.multiply, s.scatter_min: np.minimum, s.scatter_max: np.maximum}


def _scatter(op, x, indices, updates, dims, mode=None, **more):
    if op is s.scatter_mul and "diff" not in more:
        more["diff"] = (0,)
    params = dict(dimension_numbers=S(*dims), mode=mode, **more.pop("params", {}))
    return Example(op, (x, indices, updates), params, ref=scattered(OPS[op]),
                   ulps=4 if op is not s.scatter else 0, **more)


def _scatters():
    rows = []
    for op in OPS:
        for dims, indices, sizes in DIMS:
            shape = Windows(dims, A.shape, indices.shape, sizes).shape
            for mode in (None, "clip") if op is s.scatter_add else (None,):
                rows.append(_scatter(op, A, indices, normal(*shape, seed=3), dims, mode))
        updates = normal(4, 4, seed=3)
        kinds = "iufc" if op in (s.scatter_add, s.scatter_sub, s.scatter_mul) else "biufc"
        more = {"diff": (0,)} if op is s.scatter_mul else {}
        rows += [
            _scatter(op, A, ROWS, updates, PICK, accepts=kinds),
            _scatter(op, A, OUT, updates, PICK, "promise_in_bounds"),
            _scatter(op, A, OUT.astype(np.int8), updates, PICK, "drop", maps=()),
            _scatter(op, A, ROWS[[0, 1, 3]], normal(3, 4, seed=4), PICK,
                     params=dict(unique_indices=True), diff=(0, 2), maps=(0, 2)),
            _scatter(op, normal(50, 3), integers(-9, 60, 40, 1), normal(40, 3, seed=5), PICK,
                     maps=(), diff=()),
            _scatter(op, normal(50), integers(-9, 60, 90, 1), normal(90, seed=5), G((), (0,), (0,)),
                     maps=(), diff=()),
            _scatter(op, normal(0), np.zeros((2, 1), int), normal(2), G((), (0,), (0,)), maps=(),
                     diff=()),
        ]
        if op not in (s.scatter_min, s.scatter_max):
            rows.append(
                _scatter(op, complex_normal(3, 4), ROWS, complex_normal(4, 4), PICK, **more))
    return rows


def negated(x, indices, **params):
    return s.scatter_apply(x, indices, a.neg, S(*PICK), update_shape=(2, 4), **params)


def own_elements(x, indices):
    """Updates that read the operand they are written to."""
    dims = G((), (0,), (0,))
    return s.scatter(x, indices, g.gather(x, a.sub(np.full((90, 1), 99), indices), dims, (1,)),
                     S(*dims))


def reversed_elements(x, indices):
    out = x.copy()
    out[indices[:, 0]] = x[99 - indices[:, 0]]
    return out


def tied_slope(x):
    indices, dims = np.array([[0], [1], [1]]), S((), (0,), (0,))
    return slope(lambda v: s.scatter_max(v, indices, np.ones(3), dims), x)


EXAMPLES = [
    *_gathers(), *_scatters(),
    Example(negated, (A, np.array([[0], [2]])), jax=False, ulps=0,
            ref=lambda x, i: x * np.array([-1, 1, -1])[:, None]),
    Example(own_elements, (normal(100), np.random.default_rng(0).permutation(100)[:90, None]),
            ref=reversed_elements, ulps=0, maps=(), diff=(), jax=False),
    Example(tied_slope, (np.array([1.0, 1.0, 5.0]),), ref=lambda x: np.array([1 / 2, 1 / 3, 1]),
            diff=(), maps=(), jax=False),
]


UPDATES = normal(4, 4)


def _bad_gather(error, dims=PICK, sizes=(1, 4), x=A, indices=ROWS):
    return Bad(lambda x, i: g.gather(x, i, dims, sizes), (x, indices), error=f"gather: .*{error}",
               name="gather")


def _bad_scatter(error, x=A, indices=ROWS, updates=UPDATES, dims=PICK, op=s.scatter_add):
    return Bad(lambda x, i, u: op(x, i, u, S(*dims)), (x, indices, updates), error=error,
               name=op.__name__)


BAD = [
    _bad_gather(r"integers, got f64\[4,1\]", indices=ROWS * 1.0),
    _bad_gather("last axis", indices=np.array(1)), _bad_gather("within the operand", sizes=(4, 4)),
    _bad_gather("within the operand", sizes=(1,)), _bad_gather("slice size 1", sizes=(2, 4)),
    _bad_gather("each component", G((1,), (0,), (0, 1))),
    _bad_gather("distinct", G((1,), (0,), (5,))),
    _bad_gather("sorted axes of the result", G((5,), (0,), (0,))),
    _bad_gather("collapsed and batching", G((1,), (1, 0), (0,))),
    _bad_gather("each axis", G((0, 1), (0,), (0,))),
    _bad_gather("pair up", G((), (1,), (1,), (0,), (0,)), sizes=(1, 1)),
    _bad_gather("indexed as well", G((), (1,), (0,), (0,), (0,)), sizes=(1, 1), indices=ROWS[:3]),
    Bad(lambda x, i: g.gather(x, i, PICK, (1, 4), mode="wrap"), (A, ROWS), error="mode 'wrap'",
        name="gather"),
    _bad_scatter(r"scatter_add: dtypes must match, got f64\[3,4\] and f32",
                 updates=np.ones((4, 4), np.float32)),
    _bad_scatter("scatter_add: updates must be of rank 2", updates=normal(4)),
    _bad_scatter("scatter_add: updates must have", updates=normal(3, 4)),
    _bad_scatter("scatter_add: updates must have", updates=normal(4, 5)),
    _bad_scatter(r"scatter_add: .*bool\[3,4\]", x=A > 0, updates=booleans(4, 4)),
    _bad_scatter(r"scatter: indices must be integers", indices=ROWS * 1.0, op=s.scatter),
]
