"""Rows of control flow: scan, while, cond, switch, fori_loop, jit, alone and nested."""

import numpy as np

from examples import Bad, Example, between, normal
from examples.arithmetic import slope
from ingot.api.jit import jit
from ingot.api.shard_map import shard_map
from ingot.api.vmap import vmap
from ingot.control import cond as branch, scan as loop, while_loop as until
from ingot.core.jaxpr import eval_jaxpr
from ingot.experimental.custom_partitioning import custom_partitioning
from ingot.primitives.arithmetic import add, mul
from ingot.primitives.bits import bitwise_and
from ingot.primitives.collective import psum
from ingot.primitives.compare import lt
from ingot.primitives.exponential import exp
from ingot.primitives.movement import broadcast_in_dim, full_like, reduce_sum
from ingot.primitives.trig import cos, sin
from ingot.sharding import AxisType, PartitionSpec, make_mesh
from ingot.transforms.linearize import linearize


def total(x):
    return reduce_sum(x, tuple(range(x.ndim)))


# ---- shard_map ---------------------------------------------------------------------------------
PARTS = make_mesh((2, 2), ("a", "b"), axis_types=(AxisType.Auto,) * 2)


def divided(x, w):
    """Sums over one axis of the mesh, sines of parts, and an argument that all devices have."""
    def part(x, w):
        return psum(mul(sin(x), x), "a"), mul(cos(x), broadcast_in_dim(w, x.shape, ()))

    spec = PartitionSpec("a", "b")
    return shard_map(part, mesh=PARTS, in_specs=(spec, PartitionSpec()),
                     out_specs=(PartitionSpec(None, "b"), spec))(x, w)


def divided_ref(x, w):
    half = len(x) // 2
    y = np.sin(x) * x
    return [y[:half] + y[half:], np.cos(x) * w]


# ---- scan ----------------------------------------------------------------------------------------
def recurrence(init, xs, **options):
    """carry' = sin(carry) * x + carry; y = carry * x."""
    return loop.scan(lambda c, x: (add(mul(sin(c), x), c), mul(c, x)), init, xs, **options)


def recurrence_ref(c, xs, reverse=False, unroll=1):
    ys = np.zeros((len(xs), *c.shape))
    for i in (range(len(xs))[::-1] if reverse else range(len(xs))):
        ys[i], c = c * xs[i], np.sin(c) * xs[i] + c
    return [c, ys]


def closed_over(w, init, xs):
    """A constant of the body, an integer counter, two carries."""
    def body(carry, x):
        c, n = carry
        return (add(mul(w, c), x), add(n, np.int64(1))), mul(sin(c), w)
    (c, n), ys = loop.scan(body, (init, np.int64(0)), xs)
    return c, n, ys


def closed_over_ref(w, c, xs):
    ys = []
    for x in xs:
        ys.append(np.sin(c) * w)
        c = w * c + x
    return [c, np.asarray(len(xs)), np.array(ys).reshape(len(xs), *c.shape)]


def triangle(x, rows):
    """A scan in a scan."""
    def outer(c, row):
        inner, _ = loop.scan(lambda d, v: (add(d, mul(v, cos(c))), None), c, row)
        return inner, mul(inner, c)
    return loop.scan(outer, x, rows)


def triangle_ref(c, rows):
    ys = []
    for row in rows:
        d = c
        for v in row:
            d = d + v * np.cos(c)
        ys.append(d * c)
        c = d
    return [c, np.array(ys)]


def counted(x, **options):
    return loop.scan(lambda c, _: (mul(c, x), sin(c)), x, None, length=3, **options)


# ---- while ---------------------------------------------------------------------------------------
MOST = 2000


def doubling(x, limit):
    """Doubled until the sum exceeds the limit: forward derivatives alone.

    No more than MOST times: the fuzzer gives zeros as well.
    """
    out = until.while_loop(lambda c: bitwise_and(lt(total(c[0]), limit), lt(c[1], np.int64(MOST))),
                           lambda c: (mul(c[0], np.full(x.shape, 2.0)), add(c[1], np.int64(1))),
                           (x, np.int64(0)))
    return out


def doubling_ref(x, limit):
    n = 0
    while x.sum() < limit and n < MOST:
        x, n = x * 2, n + 1
    return [x, np.asarray(n)]


def fori(x):
    return until.fori_loop(0, 3, lambda i, c: mul(sin(c), x), x)


def fori_ref(x):
    c = x
    for _ in range(3):
        c = np.sin(c) * x
    return c


def fori_traced(n, x):
    return until.fori_loop(np.int64(0), n, lambda i, c: mul(c, exp(c)), x)


def fori_traced_ref(n, c):
    for _ in range(int(n)):
        c = c * np.exp(c)
    return c


def linearized(x):
    """The linear program of the loop's derivative, on a tangent of ones."""
    _, linear = linearize(lambda v: [doubling(v, np.array(40.0))[0]], [x])
    return eval_jaxpr(linear.jaxpr, linear.jaxpr.consts, full_like(x, 1))[0]


# ---- cond ----------------------------------------------------------------------------------------
def branches(pred, x, y):
    return branch.cond(pred, lambda a, b: (mul(sin(a), b), a), lambda a, b: (exp(b), add(a, b)),
                       x, y)


def branches_ref(pred, x, y):
    return [np.sin(x) * y, x] if pred else [np.exp(y), x + y]


def switched(index, x):
    return branch.switch(index, [sin, lambda v: mul(v, v), lambda v: mul(exp(v), x)], x)


def switched_ref(index, x):
    return [np.sin(x), x * x, np.exp(x) * x][int(np.clip(index, 0, 2))]


def mapped_branches(flags, x):
    """Branches for each flag of an operand that is too large to be copied for each, but once it is
    differentiated."""
    def f(flags, x):
        return vmap(lambda p: branch.cond(p, lambda x: total(sin(x)), lambda x: total(exp(x)), x)
                    )(flags)
    return jit(f)(flags, x)


def mapped_branches_ref(flags, x):
    return np.where(flags, np.sin(x).sum(), np.exp(x).sum())


def cond_in_scan(x, flags):
    return loop.scan(lambda c, f: (branch.cond(f, sin, lambda v: mul(v, x), c), c), x, flags)


def cond_in_scan_ref(x, flags):
    c, ys = x, []
    for f in flags:
        ys.append(c)
        c = np.sin(c) if f else c * x
    return [c, np.array(ys)]


# ---- custom_partitioning ------------------------------------------------------------------------
in_parts = custom_partitioning(lambda x, y: (mul(sin(x), y), add(x, y)))
in_parts.def_partition(lambda mesh, args, results: (
    mesh, in_parts.fun, tuple(r.sharding for r in results), tuple(a.sharding for a in args)),
    sharding_rule="..., ... -> ..., ...")


# ---- jit -----------------------------------------------------------------------------------------
def jitted(x, y):
    return jit(lambda a, b: (mul(sin(a), b), jit(exp)(a)))(x, y)


X, XS = normal(2), normal(4, 2)
ULPS = 64

EXAMPLES = [
    Example(divided, (normal(4, 2), normal()), ref=divided_ref, ulps=ULPS, name="shard_map",
            jax=False),
    Example(divided, (normal(0, 2), normal()), ref=divided_ref, name="shard_map", jax=False),
    Example(in_parts, (XS, normal(4, 2, seed=1)), ref=lambda x, y: [np.sin(x) * y, x + y],
            ulps=ULPS, maps=(), diff=(), name="custom_partitioning", jax=False),
    Example(recurrence, (X, XS), ref=recurrence_ref, ulps=ULPS, name="scan", jax=False),
    Example(recurrence, (X, XS), dict(reverse=True), ref=recurrence_ref, ulps=ULPS, name="scan",
            jax=False),
    Example(recurrence, (X, XS), dict(unroll=3), ref=recurrence_ref, ulps=ULPS, name="scan",
            jax=False),
    Example(recurrence, (X, normal(0, 2)), ref=recurrence_ref, ulps=ULPS, name="scan", jax=False),
    Example(recurrence, (normal(), normal(3)), ref=recurrence_ref, ulps=ULPS, name="scan",
            jax=False),
    Example(recurrence, (normal(20, 5), normal(6, 20, 5)), ref=recurrence_ref, ulps=ULPS, maps=(),
            diff=(), name="scan", jax=False),
    Example(closed_over, (X, normal(2, seed=3), XS), ref=closed_over_ref, ulps=ULPS,
            name="scan_constant", jax=False),
    Example(triangle, (normal(), normal(3, 2)), ref=triangle_ref, ulps=ULPS, name="scan_nested",
            jax=False),
    Example(counted, (X,), ulps=ULPS, name="scan_counted", jax=False,
            ref=lambda x: [x**4, np.sin([x, x**2, x**3])]),
    # Reverse derivatives of while do not exist: its forward one is a row of values.
    Example(lambda x: slope(lambda v: doubling(v, np.array(40.0))[0], x), (between(0.5, 1.5, 3),),
            ref=lambda x: x * 0 + 2.0 ** doubling_ref(x, 40.0)[1], diff=(), name="while_forward",
            jax=False),
    Example(doubling, (between(0.5, 1.5, 3), np.array(40.0)), ref=doubling_ref, diff=(),
            name="while", jax=False),
    Example(linearized, (between(0.5, 1.5, 3),), diff=(), name="while_linearized", jax=False,
            ref=lambda x: x * 0 + 2.0 ** doubling_ref(x, 40.0)[1]),
    Example(fori, (X,), ref=fori_ref, ulps=ULPS, name="fori_loop", jax=False),
    Example(fori_traced, (np.array(3), X * 0.3), ref=fori_traced_ref, ulps=ULPS, diff=(),
            name="fori_loop_traced", jax=False),
    Example(branches, (np.array(True), X, X + 1), ref=branches_ref, name="cond", jax=False),
    Example(branches, (np.array(False), X, X + 1), ref=branches_ref, name="cond", jax=False),
    *(Example(switched, (np.array(i, np.int32), X), ref=switched_ref, name="switch", jax=False)
      for i in (0, 1, 2, 7, -3)),
    Example(mapped_branches, (np.arange(40) % 3 == 1, normal(40)), ref=mapped_branches_ref,
            ulps=ULPS, name="mapped_branches", jax=False, tol=1e-7),
    Example(cond_in_scan, (X, np.array([True, False, True])), ref=cond_in_scan_ref, ulps=ULPS,
            name="cond_in_scan", jax=False),
    Example(jitted, (X, X + 1), ref=lambda x, y: [np.sin(x) * y, np.exp(x)], name="jit",
            jax=False),
]

BAD = [
    Bad(lambda c: loop.scan(lambda c, x: (c, x), c, (normal(3), normal(4))), (X,), error="scan: "),
    Bad(lambda c: loop.scan(lambda c, x: ((c, c), x), c, normal(3)), (X,), error="scan: "),
    Bad(lambda c: loop.scan(lambda c, x: (c, x), c), (X,), error="scan: .*length"),
    Bad(lambda x: until.while_loop(lambda c: c, lambda c: c, x), (X,), error="while_loop: "),
    Bad(lambda x: until.while_loop(lambda c: True, lambda c: total(c), x), (X,),
        error="while_loop: "),
    Bad(lambda x: branch.cond(True, sin, total, x), (X,), error="cond: "),
    Bad(lambda x: branch.cond(x, sin, sin, x), (X,), error="cond: "),
    Bad(lambda x: branch.switch(0.5, [sin], x), (X,), error="switch: "),
    Bad(lambda x: branch.switch(0, [], x), (X,), error="switch: "),
]
