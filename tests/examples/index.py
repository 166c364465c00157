"""Rows of dynamic slices, gather and scatter, against loops over windows."""

import numpy as np

from examples import Bad, Example, complex_normal, distinct, integers, normal
from ingot.primitives import dynamic_slice as x, gather as g, gather_scatter, scatter as s

G, S = gather_scatter.GatherDimensionNumbers, gather_scatter.ScatterDimensionNumbers
A, B = normal(4, 3), normal(2, 4, 3)


def places(d, shape, indices, sizes):
    """For each index: where its window starts, the window's axes, and the batch position."""
    k_axis = indices.ndim - 1
    for batch in np.ndindex(*indices.shape[:k_axis]):
        start = np.zeros(len(shape), int)
        for k, axis in enumerate(d[2]):
            start[axis] = indices[(*batch, k)]
        for axis, i in zip(d[3], d[4], strict=True):
            start[axis] = batch[i]
        yield batch, start


def gathered(a, indices, dimension_numbers, slice_sizes, mode=None, fill_value=None):
    d = dimension_numbers
    inner = [n for i, n in enumerate(slice_sizes)
             if i not in d.collapsed_slice_dims and i not in d.operand_batching_dims]
    lead = list(indices.shape[:-1])
    rank = len(inner) + len(lead)
    batch_axes = [i for i in range(rank) if i not in d.offset_dims]
    out = np.zeros([inner[list(d.offset_dims).index(i)] if i in d.offset_dims
                    else lead[batch_axes.index(i)] for i in range(rank)], a.dtype)
    drop = tuple(sorted([*d.collapsed_slice_dims, *d.operand_batching_dims]))
    for batch, start in places(d, a.shape, indices, slice_sizes):
        high = np.array(a.shape) - np.array(slice_sizes)
        inside = np.all((start >= 0) & (start <= high))
        start = np.clip(start, 0, high)
        window = a[tuple(slice(b, b + n) for b, n in zip(start, slice_sizes, strict=True))]
        window = np.squeeze(window, drop) if drop else window
        if mode == "fill" and not inside:
            window = np.full_like(window, np.nan if a.dtype.kind in "fc" else
                                  np.iinfo(a.dtype).min if fill_value is None else fill_value)
        place = [slice(None)] * rank
        for i, b in zip(batch_axes, batch, strict=True):
            place[i] = b
        out[tuple(place)] = window
    return out


def scattered(combine):
    def ref(a, indices, updates, dimension_numbers, mode=None, **_):
        d = dimension_numbers
        out = a.copy()
        absent = [*d.inserted_window_dims, *d.operand_batching_dims]
        sizes = [1] * a.ndim
        for axis, u in zip([i for i in range(a.ndim) if i not in absent], d.update_window_dims,
                           strict=True):
            sizes[axis] = updates.shape[u]
        batch_axes = [i for i in range(updates.ndim) if i not in d.update_window_dims]
        for batch, start in places(d, a.shape, indices, sizes):
            high = np.array(a.shape) - np.array(sizes)
            if mode == "clip":
                start = np.clip(start, 0, high)
            elif not np.all((start >= 0) & (start <= high)):
                continue
            where = tuple(slice(b, b + n) for b, n in zip(start, sizes, strict=True))
            place = [slice(None)] * updates.ndim
            for i, b in zip(batch_axes, batch, strict=True):
                place[i] = b
            out[where] = combine(out[where], updates[tuple(place)].reshape(sizes))
        return out
    return ref


ROWS = np.array([[2], [0], [3]])
OUT = np.array([[2], [-3], [9]])
PAIRS = np.array([[1, 0], [3, 2], [0, 1]])
BATCHED = np.array([[1], [3]])

GATHERS = [  # operand, indices, numbers, sizes
    (A, ROWS, G((1,), (0,), (0,)), (1, 3)), (A, PAIRS, G((), (0, 1), (0, 1)), (1, 1)),
    (A, ROWS, G((1, 2), (), (0,)), (2, 2)), (A, ROWS, G((0,), (0,), (0,)), (1, 2)),
    (B, BATCHED, G((1,), (1,), (1,), (0,), (0,)), (1, 1, 3)),
    (A, PAIRS.reshape(3, 1, 2), G((2,), (0,), (1, 0)), (1, 2)),
    (A, OUT, G((1,), (0,), (0,)), (1, 3)),
    (A, np.zeros((0, 1), int), G((1,), (0,), (0,)), (1, 3)),
    (complex_normal(3, 2), ROWS[:2], G((1,), (0,), (0,)), (1, 2)),
    (integers(0, 9, 4, 3), ROWS, G((1,), (0,), (0,)), (1, 3)),
]


def _gather(a, indices, numbers, sizes, mode=None, **more):
    return Example(g.gather, (a, indices), dict(dimension_numbers=numbers, slice_sizes=sizes,
                                                **({"mode": mode} if mode else {})),
                   ref=gathered, ulps=0, jax=False, **more)


SCATTERS = [  # operand, indices, updates, numbers
    (A, ROWS, normal(3, 3), S((1,), (0,), (0,))), (A, PAIRS, normal(3), S((), (0, 1), (0, 1))),
    (A, ROWS[:2], normal(2, 2, 2), S((1, 2), (), (0,))),
    (A, ROWS, normal(3, 3), S((0,), (0,), (0,))), (A, OUT, normal(3, 3), S((1,), (0,), (0,))),
    (B, BATCHED, normal(2, 3), S((1,), (1,), (1,), (0,), (0,))),
    (A, np.zeros((0, 1), int), normal(0, 3), S((1,), (0,), (0,))),
]
REPEATED = (A, np.array([[1], [1], [3]]), normal(3, 3), S((1,), (0,), (0,)))


def _scatter(op, combine, a, indices, updates, numbers, ulps=4, **more):
    params = {k: more.pop(k) for k in ("mode", "unique_indices") if k in more}
    return Example(op, (a, indices, updates), dict(dimension_numbers=numbers, **params),
                   ref=scattered(combine), ulps=ulps, jax=False, **more)


def _scatters():
    rows = []
    for op, combine, kinds in (
            (s.scatter, lambda a, b: b, "biufc"), (g.scatter_add, np.add, "iufc"),
            (s.scatter_sub, np.subtract, "iufc"), (s.scatter_mul, np.multiply, "iufc"),
            (s.scatter_min, np.minimum, "biufc"),
            (s.scatter_max, np.maximum, "biufc")):
        unique = dict(unique_indices=True) if op is s.scatter_mul else {}
        cases = SCATTERS if op is g.scatter_add else [SCATTERS[i] for i in (0, 1, 4, 5)]
        rows += [_scatter(op, combine, *case, **unique, accepts=None if i else kinds)
                 for i, case in enumerate(cases)]
        rows.append(_scatter(op, combine, *SCATTERS[4], mode="clip", **unique))
        rows.append(_scatter(op, combine, integers(0, 9, 4, 3), ROWS, integers(-9, 9, 3, 3),
                             SCATTERS[0][3], ulps=0))
        rows.append(_scatter(op, combine, normal(4, 30), ROWS, normal(3, 30), SCATTERS[0][3],
                             maps=(), diff=()))
    for op, combine in ((g.scatter_add, np.add), (s.scatter_sub, np.subtract)):
        rows.append(_scatter(op, combine, *REPEATED))
    return rows


def sliced(a, *start, slice_sizes):
    start = [np.clip(int(i) + (n if i < 0 else 0), 0, n - m)
             for i, n, m in zip(start, a.shape, slice_sizes, strict=True)]
    return a[tuple(slice(b, b + m) for b, m in zip(start, slice_sizes, strict=True))]


def updated(a, update, *start):
    start = [np.clip(int(i) + (n if i < 0 else 0), 0, n - m)
             for i, n, m in zip(start, a.shape, update.shape, strict=True)]
    out = a.copy()
    out[tuple(slice(b, b + m) for b, m in zip(start, update.shape, strict=True))] = update
    return out


def dynamic_slice(a, *start, **params):
    return x.dynamic_slice(a, start, **params)


def dynamic_update_slice(a, update, *start):
    return x.dynamic_update_slice(a, update, start)


def _dynamic():
    pairs = [(np.array(1), np.array(0)), (np.array(3), np.array(2)), (np.array(-1), np.array(-2)),
             (np.array(9, np.int32), np.array(-9, np.int32))]
    rows = []
    for n, (i, j) in enumerate(pairs):
        kinds = None if n else "biufc"
        rows += [Example(dynamic_slice, (A, i, j), dict(slice_sizes=(2, 2)), ref=sliced, ulps=0,
                         jax=False, accepts=kinds),
                 Example(dynamic_update_slice, (A, normal(2, 2), i, j), ref=updated, ulps=0,
                         jax=False, accepts=kinds)]
    big = normal(9, 30)
    return [*rows,
            Example(dynamic_slice, (big, np.array(3), np.array(4)), dict(slice_sizes=(5, 20)),
                    ref=sliced, ulps=0, maps=(), diff=(), jax=False),
            Example(dynamic_update_slice, (big, normal(5, 20), np.array(3), np.array(4)),
                    ref=updated, ulps=0, maps=(), diff=(), jax=False),
            Example(x.dynamic_slice_in_dim, (A, np.array(1)), dict(slice_size=2), ulps=0,
                    ref=lambda a, i, slice_size: a[1:3]),
            Example(x.dynamic_index_in_dim, (A, np.array(2)), dict(keepdims=False), ulps=0,
                    ref=lambda a, i, keepdims: a[2]),
            Example(x.dynamic_update_slice_in_dim, (A, normal(2, 3), np.array(1)), dict(axis=0),
                    ref=lambda a, u, i, axis: np.concatenate([a[:1], u, a[3:]]), ulps=0),
            Example(x.dynamic_update_index_in_dim, (A, normal(3), np.array(1)), dict(axis=0),
                    ref=lambda a, u, i, axis: np.concatenate([a[:1], u[None], a[2:]]), ulps=0),
            Example(lambda a, i: x.index_take(a, (i,), (0,)), (A, np.array([0, 2, 2])), ulps=0,
                    ref=lambda a, i: a[i], name="index_take", jax=False)]


KINDS = [np.bool_, np.int8, np.uint16, np.float16, np.float32, np.complex64]
TYPED = [row for k in KINDS for row in (
    Example(g.gather, (distinct(4, 3).astype(k), ROWS), dict(
        dimension_numbers=GATHERS[0][2], slice_sizes=(1, 3)), ref=gathered, ulps=0, diff=(),
        jax=False),
    Example(dynamic_slice, (distinct(4, 3).astype(k), np.array(1), np.array(1)), dict(
        slice_sizes=(2, 2)), ref=sliced, ulps=0, diff=(), jax=False),
    Example(dynamic_update_slice, (distinct(4, 3).astype(k), np.ones((2, 2), k), np.array(1),
                                   np.array(1)), ref=updated, ulps=0, diff=(), jax=False),
    Example(s.scatter, (distinct(4, 3).astype(k), ROWS, np.ones((3, 3), k)), dict(
        dimension_numbers=SCATTERS[0][3]), ref=scattered(lambda a, b: b), ulps=0, diff=(),
        jax=False))]
TYPED += [Example(op, (distinct(4, 3).astype(k), ROWS, np.full((3, 3), 2, k)), dict(
    dimension_numbers=SCATTERS[0][3]), ref=scattered(f), diff=(), jax=False)
    for op, f in ((g.scatter_add, np.add), (s.scatter_sub, np.subtract),
                  (s.scatter_mul, np.multiply), (s.scatter_min, np.minimum),
                  (s.scatter_max, np.maximum))
    for k in KINDS[1:-1]]

EXAMPLES = [
    # Only reading is defined for indices outside, unless the mode says what to do.
    *(_gather(*case, mode="clip" if i in (2, 5, 6) else None) for i, case in enumerate(GATHERS)),
    _gather(*GATHERS[6], diff=()),
    _gather(*GATHERS[6], mode="fill", diff=()), _gather(*GATHERS[9][:1], OUT, *GATHERS[9][2:],
                                                      mode="fill"),
    _gather(normal(9, 30), ROWS, G((1,), (0,), (0,)), (1, 30), maps=(), diff=()),
    *_scatters(), *_dynamic(), *TYPED,
]

BAD = [
    Bad(g.gather, (A, ROWS, G((1,), (0,), (0,)), (1, 4)), error=r"gather: .*f64\[4,3\]"),
    Bad(g.gather, (A, normal(3, 1), G((1,), (0,), (0,)), (1, 3)), error="gather: "),
    Bad(g.gather, (A, ROWS, G((1,), (0,), (0,)), (2, 3)), error="gather: "),
    Bad(g.gather, (A, ROWS, G((1,), (0,), (5,)), (1, 3)), error="gather: "),
    Bad(g.gather, (A, ROWS, G((1,), (0,), (0,)), (1, 3)), dict(mode="wrap"), error="mode 'wrap'"),
    Bad(g.scatter_add, (A, ROWS, normal(3, 4), S((1,), (0,), (0,))), error="scatter_add: "),
    Bad(g.scatter_add, (A, ROWS, integers(0, 3, 3, 3), S((1,), (0,), (0,))), error="scatter_add: "),
    Bad(x.dynamic_slice, (A, (0, 0), (5, 1)), error="dynamic_slice: "),
    Bad(x.dynamic_slice, (A, (0,), (1, 1)), error="dynamic_slice: "),
    Bad(x.dynamic_slice, (A, (0.5, 0), (1, 1)), error="dynamic_slice: "),
    Bad(x.dynamic_update_slice, (A, normal(5, 1), (0, 0)), error="dynamic_update_slice: "),
    Bad(x.dynamic_update_slice, (A, integers(0, 3, 1, 1), (0, 0)), error="dynamic_update_slice: "),
]
