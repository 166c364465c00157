"""Rows of collectives over a mapped axis, against NumPy on the whole array; and of callbacks."""

import numpy as np

import ingot.numpy as jnp
from examples import Bad, Example, distinct, integers, normal
from ingot.api.jit import jit
from ingot.control.callback import debug_callback, io_callback, pure_callback
from ingot.core.avals import ShapedArray
from ingot.core.axis_env import Axis
from ingot.core.interpreter import typeof
from ingot.core.primitive import UndefinedPrimal
from ingot.experimental.checkify import check
from ingot.primitives import (
    casts,
    collective as c,
    collective_gather as g,
    collective_permute as e,
)
from ingot.primitives.arithmetic import add, mul
from ingot.primitives.convert import convert_element_type
from ingot.primitives.movement import broadcast_in_dim
from ingot.transforms.batch import batch, matchaxis
from ingot.transforms.jvp import jvp
from ingot.transforms.linearize import linearize
from ingot.transforms.stage import stage
from ingot.transforms.transpose import transpose as back

N = 3


def over(op, **params):
    """The operation on the entries of axis 0, which is called "i"."""
    def fun(x):
        outs, dims = batch(lambda v: [op(v, "i", **params)], Axis("i", N), [x], [0])
        return matchaxis(outs[0], dims[0], 0, N)
    return fun


def _row(op, x, ref, runs, **more):
    params = more.pop("params", {})
    return Example(over(op, **params), (x,), ref=ref, runs=runs, name=op.__name__, jax=False,
                   **more)


def _all_ways(op, x, ref, runs, **more):
    """Rows of a linear collective: itself, inside another mapped axis, its derivatives inside."""
    params = more.pop("params", {})
    inside = dict(runs=runs, jax=False, diff=(), maps=(), ulps=64)
    each = lambda v, name: jit(lambda u: op(u, name, **params))(v)

    def unnamed(v, name):
        outs, dims = batch(lambda u: [each(u, name)], Axis(None, 2), [v], [typeof(v).ndim - 1])
        return matchaxis(outs[0], dims[0], typeof(outs[0]).ndim - 1, 2)

    def tangent(v, name):
        return jvp(lambda u: [each(u, name)], [v], [mul(v, v)])[1][0]

    def cotangent(v, name):
        outs, linear = linearize(lambda u: [op(u, name, **params)], [v])
        j = linear.jaxpr
        ct = mul(outs[0], outs[0])
        return back(j, j.consts, [UndefinedPrimal(a) for a in j.in_avals], [ct])[0]

    matrix = lambda x: np.stack([ref(e.reshape(x.shape)).reshape(-1)
                                 for e in np.eye(x.size)], 1)
    check = typed(lambda v, name: op(v, name, **params))
    rows = [_row(op, x, ref, runs, params=params, **more),
            Example(over(check), (x,), ref=ref, name=f"{op.__name__}_type", **inside),
            Example(over(unnamed), (np.stack([x, 2 * x], -1),), name=f"{op.__name__}_unnamed",
                    ref=lambda x: np.stack([ref(x[..., 0]), ref(x[..., 1])], -1), **inside)]
    if x.dtype.kind == "f":
        rows += [Example(over(tangent), (x,), ref=lambda x: ref(x * x),
                         name=f"{op.__name__}_tangent", **inside),
                 Example(over(cotangent), (x,), name=f"{op.__name__}_cotangent", **inside,
                         ref=lambda x: (matrix(x).T @ ref(x).reshape(-1) ** 2).reshape(x.shape))]
    return rows


def typed(op, *more):
    """The operation, whose type by the type rule must be that of its result."""
    def fun(v, name):
        (promised,) = stage(lambda u: [op(u, name, *more)], [typeof(v)]).out_avals
        out = op(v, name, *more)
        assert typeof(out) == promised, f"{typeof(out)!r} instead of {promised!r}"
        return out
    return fun


def everywhere(reduce):
    """The same reduction for all entries."""
    return lambda x: np.stack([reduce(x, axis=0)] * N)


def named(name, op):
    op.__name__ = name
    return op


def summed(p):
    return named(p.name, lambda x, name: p.bind(x, axes=(name,)))


def gathered(p):
    return named(p.name, lambda x, name: p.bind(
        x, axis_name=(name,), all_gather_dimension=0, axis_size=N, axis_index_groups=None,
        tiled=False))


def scattered(x, name):
    return g.unreduced_reduce_scatter_p.bind(
        x, axis_name=(name,), scatter_dimension=0, axis_size=N, axis_index_groups=None, tiled=False)


def position(x, name):
    return mul(x, add(x, float_of(c.axis_index(name), x)))


def float_of(index, x):
    return broadcast_in_dim(convert_element_type(index, typeof(x).dtype), typeof(x).shape, ())


X, D, I = normal(N, 2), distinct(N, 2), integers(-5, 5, N, 2)


def permuted(x):
    out = np.zeros_like(x)
    out[1], out[0] = x[0], x[2]
    return out


# ---- callbacks -----------------------------------------------------------------------------------
def called(x, **options):
    return pure_callback(lambda v: np.cosh(v), ShapedArray(typeof(x).shape, typeof(x).dtype), x,
                         vmap_method="sequential", **options)


def called_twice(x):
    aval = ShapedArray(typeof(x).shape, typeof(x).dtype)
    return pure_callback(lambda v: (np.cosh(v), np.sinh(v)), (aval, aval), x,
                         vmap_method="sequential")


def io_called_twice(x):
    aval = ShapedArray(typeof(x).shape, typeof(x).dtype)
    return io_callback(lambda v: (np.cosh(v), np.sinh(v)), (aval, aval), x)


def passed(x):
    return pure_callback(lambda v: v, ShapedArray(typeof(x).shape, typeof(x).dtype), x,
                         vmap_method="expand_dims")


def io_passed(x):
    return io_callback(lambda v: v, ShapedArray(typeof(x).shape, typeof(x).dtype), x)


def io_called(x):
    return io_callback(lambda v: np.cosh(v), ShapedArray(typeof(x).shape, typeof(x).dtype), x)


def debugged(x):
    debug_callback(lambda v: None, x)
    return mul(x, x)


def checked(x):
    check(jnp.all(x > -100), "{} is too small", jnp.min(x), debug=True)
    return mul(x, x)


def attained(reduce):
    """The tangents x * x of the entries that are the extreme."""
    return lambda x: np.stack([np.where(x == reduce(x, axis=0), x * x, 0).sum(0)] * N)


def along(op):
    """The derivative of an extreme inside the mapped axis."""
    return lambda v, name: jvp(lambda u: [jit(lambda w: op(w, name))(u)], [v], [mul(v, v)])[1][0]


def nested(op):
    """The operation inside another mapped axis."""
    def fun(v, name):
        outs, dims = batch(lambda u: [op(u, name)], Axis(None, 2), [v], [0])
        return matchaxis(outs[0], dims[0], 0, 2)
    return fun


def _extreme(op, reduce, name):
    quiet = dict(runs=(name,), jax=False, diff=(), maps=())
    return [_row(op, D, everywhere(reduce), (name,)),
            Example(over(typed(op)), (D,), ref=everywhere(reduce), name=f"{name}_type", **quiet),
            Example(over(along(op)), (D,), ref=attained(reduce), name=f"{name}_tangent", **quiet),
            Example(over(nested(op)), (D,), ref=everywhere(reduce), name=f"{name}_nested", **quiet)]


EXAMPLES = [
    *_all_ways(c.psum, X, everywhere(np.sum), ("psum",)),
    *_all_ways(c.psum, I, everywhere(np.sum), ("psum",)),
    _row(c.pmean, X, everywhere(np.mean), ("psum",)),
    *_extreme(c.pmax, np.max, "pmax"), *_extreme(c.pmin, np.min, "pmin"),
    _row(position, X, lambda x: x * (x + np.arange(N)[:, None]), ("axis_index",)),
    Example(over(typed(lambda v, name: c.axis_index(name))), (X,), jax=False, maps=(), diff=(),
            ref=lambda x: np.arange(N, dtype=np.int32), runs=("axis_index",), name="axis_index"),
    Example(over(lambda v, name: jit(lambda u: position(u, name))(v)), (X,), jax=False,
            ref=lambda x: x * (x + np.arange(N)[:, None]), runs=("axis_index",), name="position",
            maps=()),
    *_all_ways(g.all_gather, X, lambda x: np.stack([x] * N), ("all_gather",)),
    *_all_ways(g.all_gather, X, lambda x: np.stack([x.reshape(-1)] * N), ("all_gather",),
               params=dict(tiled=True)),
    *_all_ways(g.psum_scatter, normal(N, N, 2), lambda x: x.sum(0), ("reduce_scatter",)),
    *_all_ways(e.all_to_all, normal(N, N, 2), lambda x: x.swapaxes(0, 1), ("all_to_all",),
               params=dict(split_axis=0, concat_axis=0)),
    *_all_ways(e.ppermute, X, permuted, ("ppermute",), params=dict(perm=[(0, 1), (2, 0)])),
    *_all_ways(e.pbroadcast, X, lambda x: np.stack([x[1]] * N), ("pbroadcast",),
               params=dict(source=1)),
    Example(called_twice, (X,), ref=lambda x: [np.cosh(x), np.sinh(x)], diff=(),
            name="pure_callback", jax=False),
    Example(io_called_twice, (X,), ref=lambda x: [np.cosh(x), np.sinh(x)], diff=(),
            name="io_callback", jax=False),
    Example(called, (X,), ref=np.cosh, diff=(), name="pure_callback", jax=False),
    Example(passed, (X,), ref=lambda x: x, diff=(), name="pure_callback", jax=False,
            accepts="biufc"),
    Example(io_passed, (X,), ref=lambda x: x, diff=(), name="io_callback", jax=False,
            accepts="biufc"),
    Example(io_called, (X,), ref=np.cosh, diff=(), name="io_callback", jax=False),
    Example(debugged, (X,), ref=lambda x: x * x, name="debug_callback", jax=False),
    Example(checked, (X,), ref=lambda x: x * x, name="check", jax=False),
    *(Example(lambda x, p=p: p.bind(x, axes=()), (X,), ref=lambda x: x, name=p.name, ulps=0,
              accepts="biufc", jax=False)
      for p in (casts.pvary_p, casts.preduced_p, casts.reduced_vary_cast_p,
                casts.vary_unreduced_cast_p)),
    *(_row(summed(p), X, everywhere(np.sum), (p.name,), accepts="iufc")
      for p in (c.psum_invariant_p, c.unreduced_psum_p)),
    *(_row(gathered(p), X, lambda x: np.stack([x] * N), (p.name,), accepts="biufc")
      for p in (g.all_gather_invariant_p, g.all_gather_reduced_p)),
    _row(scattered, normal(N, N, 2), lambda x: x.sum(0), ("unreduced_reduce_scatter",),
         accepts="iufc"),
]

BAD = [
    Bad(c.psum, (X, "i"), error="unbound axis name: i", kind=NameError),
    Bad(c.axis_index, ("i",), error="unbound axis name: i", kind=NameError),
    Bad(over(e.ppermute, perm=[(0, 1), (0, 2)]), (X,), error="ppermute: ", name="ppermute"),
    Bad(over(e.pbroadcast, source=3), (X,), error="pbroadcast: source", name="pbroadcast"),
    Bad(over(g.psum_scatter), (X,), error="(psum|reduce)_scatter: ", name="psum_scatter"),
    Bad(over(e.all_to_all, split_axis=0, concat_axis=0), (X,), error="all_to_all: ",
        name="all_to_all"),
    Bad(lambda x: check(x, "text"), (normal(2),), error="check: pred must be a boolean scalar"),
    Bad(lambda x: pure_callback(np.cosh, ShapedArray((2,), np.float64), x, vmap_method="any"),
        (normal(2),), error="pure_callback: vmap_method"),
]
