"""Rows of operations on shapes and parts: squeeze, rev, tile, slice, split, concatenate, pad."""

import numpy as np

from examples import Bad, Example, booleans, complex_normal, integers, normal
from ingot.primitives import barriers, shape as s, slicing as c
from ingot.primitives.constraint import (
    layout_constraint_p,
    own_part_p,
    reshard_p,
    sharding_constraint_p,
)
from ingot.sharding import AxisType, NamedSharding, PartitionSpec, UnreducedKind, make_mesh

A, B = normal(3, 4), normal(2, 3, 4)
ANY = "biufc"


def _row(op, args, params, ref, **more):
    return Example(op, args if isinstance(args, tuple) else (args,), params, ref=ref, ulps=0,
                   **more)


def _cut(x, start, stop, step=None, **more):
    return _row(c.slice, x, dict(start_indices=start, limit_indices=stop, strides=step),
                lambda x, start_indices, limit_indices, strides: x[tuple(map(
                    slice, start_indices, limit_indices, strides or [1] * x.ndim))], **more)


def padded(x, value, padding_config):
    """Element by element; what negative padding cuts off is dropped."""
    shape = [n + low + high + max(n - 1, 0) * gap
             for n, (low, high, gap) in zip(x.shape, padding_config, strict=True)]
    out = np.full(shape, value, x.dtype)
    for index in np.ndindex(*x.shape):
        place = tuple(low + i * (gap + 1) for i, (low, _, gap) in
                      zip(index, padding_config, strict=True))
        if all(0 <= p < n for p, n in zip(place, shape, strict=True)):
            out[place] = x[index]
    return out


def _pad(x, *padding_config, value=0.5, **more):
    return _row(c.pad, (x, np.array(value, x.dtype)), dict(padding_config=padding_config), padded,
                **more)


def concatenated(*xs, dimension):
    return c.concatenate(xs, dimension)


def _join(*xs, dimension=0, **more):
    return _row(concatenated, xs, dict(dimension=dimension),
                lambda *xs, dimension: np.concatenate(xs, dimension), name="concatenate",
                jax=False, **more)


def _split(x, *sizes, axis=0, **more):
    return _row(c.split, x, dict(sizes=sizes, axis=axis),
                lambda x, sizes, axis: np.split(x, np.cumsum(sizes)[:-1], axis), **more)


MESH = make_mesh((2,), ("x",), axis_types=AxisType.Auto)


def divided(x):
    return sharding_constraint_p.bind(x, sharding=NamedSharding(MESH, PartitionSpec(None, "x")))


def columns(x):
    return layout_constraint_p.bind(x, major_to_minor=tuple(reversed(range(x.ndim))))


def redivided(x):
    return reshard_p.bind(x, dst_sharding=NamedSharding(MESH, PartitionSpec(None, "x")))


def own_half(x):
    return own_part_p.bind(x, axes=("x",), sharding=NamedSharding(MESH, PartitionSpec(None, "x")),
                           kind=UnreducedKind.sum, fill=0)


def barrier(*xs):
    return barriers.optimization_barrier(xs)


def sunk(x, prevent_mlir_dce):
    barriers.dce_sink(x, prevent_mlir_dce=prevent_mlir_dce)
    return x


EXAMPLES = [
    _row(s.squeeze, normal(1, 3, 1), dict(dimensions=(0, 2)), lambda x, dimensions: x[0, :, 0],
         accepts=ANY),
    _row(s.squeeze, normal(2, 1, 3), dict(dimensions=(1,)), lambda x, dimensions: x[:, 0]),
    _row(s.squeeze, normal(2, 1, 40), dict(dimensions=(-2,)), lambda x, dimensions: x[:, 0],
         maps=(), diff=()),
    _row(s.expand_dims, A, dict(dimensions=(0, -1)), lambda x, dimensions: x[None, ..., None]),
    _row(s.collapse, B, dict(start_dimension=0, stop_dimension=2),
         lambda x, **_: x.reshape(6, 4)),
    _row(s.broadcast, A, dict(sizes=(2,)), lambda x, sizes: np.stack([x, x])),
    _row(s.rev, A, dict(dimensions=(0,)), lambda x, dimensions: x[::-1], accepts=ANY),
    _row(s.rev, B, dict(dimensions=(0, 2)), lambda x, dimensions: x[::-1, :, ::-1]),
    _row(s.rev, normal(7, 40), dict(dimensions=(1,)), lambda x, dimensions: x[:, ::-1], maps=(),
         diff=()),
    _row(s.tile, A, dict(reps=(2, 1)), lambda x, reps: np.concatenate([x, x]), accepts=ANY),
    _row(s.tile, normal(2, 3), dict(reps=(2, 3)), np.tile),
    _row(s.tile, normal(2, 3), dict(reps=(0, 2)), np.tile),
    _row(s.tile, normal(5, 30), dict(reps=(2, 3)), np.tile, maps=(), diff=()),
    *(_row(lambda **params: s.broadcasted_iota(**params), (), dict(
        dtype=np.dtype(d), shape=(2, 3), dimension=1), name="iota", jax=False,
        ref=lambda dtype, shape, dimension: np.array([[0, 1, 2]] * 2, dtype))
      for d in ("int8", "uint32", "int64", "float32", "float16", "complex64")),
    _row(lambda: s.iota(np.dtype(np.int32), 100), (), {}, lambda: np.arange(100, dtype=np.int32),
         name="iota", jax=False),
    _row(lambda: s.iota(np.dtype(np.int64), 0), (), {}, lambda: np.arange(0), name="iota",
         jax=False),
    _row(s.copy, A, {}, lambda x: x, accepts=ANY, jax=False),
    _row(s.stop_gradient, A, {}, lambda x: x, diff=(), accepts=ANY),
    _row(barrier, (A, integers(0, 5, 3), B), {}, lambda *xs: list(xs), jax=False,
         name="optimization_barrier", accepts=ANY),
    *(_row(sunk, A, dict(prevent_mlir_dce=kept), lambda x, prevent_mlir_dce: x, jax=False,
           name="dce_sink", accepts=ANY) for kept in (False, True)),
    *(_row(divided, x, {}, lambda x: x, jax=False, name="sharding_constraint", accepts=ANY)
      for x in (A, normal(0, 4))),
    *(_row(columns, x, {}, lambda x: x, jax=False, name="layout_constraint", accepts=ANY)
      for x in (A, normal(2, 3, 4), normal())),
    *(_row(redivided, x, {}, lambda x: x, jax=False, name="reshard", accepts=ANY)
      for x in (A, normal(0, 4))),
    *(_row(own_half, x, {}, lambda x: x, jax=False, name="own_part", accepts=ANY)
      for x in (A, normal(0, 4))),
    _cut(A, (0, 1), (2, 4), accepts=ANY), _cut(A, (0, 0), (3, 4), (2, 3)),
    _cut(B, (1, 0, 2), (2, 3, 3)), _cut(A, (2, 1), (2, 3)),
    _cut(complex_normal(3, 2), (1, 0), (3, 2)),
    _cut(normal(9, 40), (1, 3), (8, 37), (2, 5), maps=(), diff=()),
    _row(c.slice_in_dim, A, dict(start_index=1, limit_index=-1, axis=1), lambda x, **_: x[:, 1:-1]),
    _row(c.index_in_dim, A, dict(index=-1, axis=0, keepdims=False), lambda x, **_: x[-1]),
    _split(A, 1, 2, accepts=ANY), _split(A, 1, 0, 3, axis=1), _split(A, 4, axis=-1),
    _split(normal(5, 40), 10, 30, axis=1, maps=(), diff=()),
    _join(A, normal(2, 4), accepts=ANY), _join(A, normal(3, 1), normal(3, 2), dimension=1),
    _join(normal(0, 2), normal(2, 2)), _join(A), _join(complex_normal(2), complex_normal(1)),
    _join(normal(5, 40), normal(5, 30), dimension=1, maps=(), diff=()),
    _row(lambda x, y: c.stack([x, y], 1), (A, A + 1), {}, lambda x, y: np.stack([x, y], 1),
         name="stack", jax=False),
    _row(lambda x: c.unstack(x, 1), A, {}, lambda x: list(x.T), name="unstack", jax=False),
    _pad(A, (1, 2, 0), (0, 1, 1), value=1, accepts=ANY), _pad(A, (-1, 1, 0), (2, -2, 2)),
    _pad(normal(3), (-2, 1, 2)), _pad(normal(0, 2), (1, 1, 0), (0, 0, 1)),
    _pad(A, (0, 0, 0), (0, 0, 0)),
    _pad(normal(2), (-3, 2, 3)), _pad(complex_normal(2, 2), (1, 0, 0), (0, 1, 1)),
    _pad(normal(7, 30), (2, 1, 0), (1, -3, 2), maps=(), diff=()),
]

BAD = [
    Bad(s.squeeze, (A, (0,)), error=r"squeeze: .*f64\[3,4\]"),
    Bad(s.squeeze, (A, (5,)), error="squeeze"),
    Bad(s.expand_dims, (A, (0, 0)), error="expand_dims"),
    Bad(s.collapse, (B, 2, 1), error=r"collapse: .*f64\[2,3,4\]"),
    Bad(s.rev, (A, (2,)), error=r"rev: .*f64\[3,4\]"), Bad(s.rev, (A, (0, 0)), error="rev: "),
    Bad(s.tile, (A, (2,)), error=r"tile: .*f64\[3,4\]"),
    Bad(s.tile, (A, (2, -1)), error="tile: "),
    Bad(s.iota, ("bool", 3), error="iota: .*bool"), Bad(s.iota, ("int32", -3), error="iota: "),
    Bad(s.full, ((2,), normal(3)), error=r"full: .*f64\[3\]"),
    Bad(c.slice, (A, (0, 0), (4, 4)), error=r"slice: .*f64\[3,4\]"),
    Bad(c.slice, (A, (0,), (3,)), error="slice: "),
    Bad(c.slice, (A, (2, 0), (1, 4)), error="slice: "),
    Bad(c.slice, (A, (0, 0), (3, 4), (0, 1)), error="slice: "),
    Bad(c.index_in_dim, (A, 3), error="index_in_dim: ", kind=IndexError),
    Bad(c.split, (A, (1, 1)), error=r"split: .*f64\[3,4\]"),
    Bad(c.split, (A, (4, -1)), error="split: "),
    Bad(c.concatenate, ([A, normal(2, 3)], 0), error=r"concatenate: .*f64\[3,4\]"),
    Bad(c.concatenate, ([A, booleans(3, 4)], 0), error="concatenate: .*bool"),
    Bad(c.concatenate, ([A], 2), error="concatenate: dimension 2"),
    Bad(c.concatenate, ([], 0), error="concatenate: at least one"),
    Bad(c.pad, (A, 0.0, [(0, 0, 0)]), error="pad: "),
    Bad(c.pad, (A, np.int32(0), [(0, 0, 0)] * 2), error="pad: "),
    Bad(c.pad, (A, 0.0, [(0, 0, -1), (0, 0, 0)]), error="pad: "),
    Bad(c.pad, (A, 0.0, [(-4, 0, 0), (0, 0, 0)]), error="pad: "),
    Bad(c.stack, ([A, normal(2)],), error="stack: "),
]
