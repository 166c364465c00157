"""The laws: what must hold of every operation on every row of the table of examples.

Each law is a function of a row that raises AssertionError. Derivatives are compared with
three-level Richardson central differences in float64, transposes with derivatives by a random
inner product, vmap with a loop, compiled programs with eager evaluation.
"""

from __future__ import annotations

import itertools
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from examples import Bad, Example
from harness import (
    Fun,
    array,
    close_to,
    compiled,
    data,
    differences,
    evaluate,
    inexact,
    inner,
    jvp,
    moved,
    program,
    random_like,
    same,
    subsets,
    tangents_of,
    vjp,
    wide,
)
from ingot import dtypes
from ingot.core.avals import ShapedArray, is_inexact
from ingot.core.axis_env import Axis
from ingot.core.interpreter import typeof
from ingot.core.jaxpr import Jaxpr
from ingot.core.primitive import UndefinedPrimal
from ingot.errors import UndefinedRuleError
from ingot.kernel.schedule import SCHEDULE
from ingot.transforms.batch import batch, matchaxis
from ingot.transforms.transpose import transpose

Law = Callable[[Example], None]


# ---- value, type, jit ----------------------------------------------------------------------------
def law_value(row: Example) -> None:
    """Eager results equal the independent reference; operands are left as they were."""
    before = [x.copy() for x in row.args]
    outs = evaluate(row.fun, row.args)
    for x, old in zip(row.args, before, strict=True):
        np.testing.assert_array_equal(x, old, err_msg="an operand was changed")
    if row.ref is None:
        return
    with np.errstate(all="ignore"):
        want = row.ref(*row.args, **row.params)
    want = list(want) if isinstance(want, (list, tuple)) else [want]
    assert len(outs) == len(want), f"{len(outs)} results, expected {len(want)}"
    for i, (got, ref) in enumerate(zip(outs, want, strict=True)):
        same(got, np.asarray(ref), row.ulps, f"result {i}")


def types_agree(row: Example, args: Sequence[Any]) -> Jaxpr:
    """The program's types are those of the eager results, weak types included."""
    jaxpr = program(row.fun, args)
    outs = row.fun(*map(array, args))
    assert not any(o.aval.weak_type for o in outs), "a weak type without a weak argument"
    for o, aval in zip(outs, jaxpr.out_avals, strict=True):
        data(o)
        assert o.aval == aval, f"eager result {o.aval!r}, the program says {aval!r}"
    strong_types_stay(jaxpr)
    for eqn in jaxpr.eqns:
        if not eqn.primitive.higher_order:
            raw_types_agree(eqn.primitive, [v.aval for v in eqn.invars], eqn.params)
    return jaxpr


def strong_types_stay(jaxpr: Jaxpr) -> None:
    """No equation makes a weak type of strong ones, but those whose parameters say so."""
    for eqn in jaxpr.eqns:
        if not eqn.primitive.higher_order and not eqn.params.get("weak_type") and not any(
                v.aval.weak_type for v in eqn.invars):
            assert not any(v.aval.weak_type for v in eqn.outvars), (
                f"{eqn.primitive} makes a weak type")


def raw_types_agree(primitive: Any, avals: Sequence[ShapedArray], params: dict[str, Any]) -> None:
    """What `eval` itself returns has the shape and dtype that the type rule promises."""
    if any(isinstance(a.dtype, dtypes.KeyDType) for a in avals):
        return
    zeros = [np.zeros(a.shape, a.dtype) for a in avals]
    expected = primitive.out_avals(list(avals), params)
    with np.errstate(all="ignore"):
        outs = primitive.rule("eval")(*zeros, **params)
    for out, aval in zip(outs if primitive.multiple_results else [outs], expected, strict=True):
        found = np.asarray(out)
        assert (found.shape, found.dtype) == (aval.shape, aval.storage), (
            f"eval gives {found.dtype}{found.shape} for {aval}")


# "F" stands for float32 and float64 alone, the parts of complex numbers.
KINDS = {"b": [np.bool_], "i": [np.int8, np.int16, np.int32, np.int64],
         "u": [np.uint8, np.uint16, np.uint32, np.uint64],
         "f": [dtypes.float8_e4m3fn, np.float16, dtypes.bfloat16, np.float32, np.float64],
         "c": [np.complex64, np.complex128]}


def cast(x: np.ndarray, dtype: Any) -> np.ndarray:
    """Values of another dtype, made from those of a row; never all alike."""
    with np.errstate(all="ignore"):
        return _cast(x, np.dtype(dtype))


def _cast(x: np.ndarray, dtype: Any) -> np.ndarray:
    kind = dtypes.kind(dtype)
    if kind == "c":
        return (x * (1 + 0.5j)).astype(dtype)
    if x.dtype.kind == "c":
        x = x.real
    if kind == "b":
        return np.asarray(x > np.median(x) if x.size else x.astype(bool))
    if kind in "iu":
        x = x if x.dtype.kind in "iu" else np.round(x * 4)
        return np.asarray(abs(x) % 100 if kind == "u" else x % 100).astype(dtype)
    return np.asarray(x).astype(dtype)


def with_dtype(row: Example, dtype: Any) -> list[np.ndarray]:
    """The row's arguments with the dtype of the first one changed, wherever it occurs."""
    principal = row.args[0].dtype
    return [cast(x, dtype) if x.dtype == principal else x for x in row.args]


def law_type(row: Example) -> None:
    """Type rule and result agree for each accepted dtype, in both engines; others are refused."""
    types_agree(row, row.args)
    if row.differentiable:
        ts = tangents_of(row.args, row.differentiable)
        strong_types_stay(program(lambda *xs: jvp(row.fun, xs, ts), row.args))
    if row.accepts is None:
        return
    for kind, members in KINDS.items():
        for dtype in members:
            args = with_dtype(row, dtype)
            full = np.dtype(dtype) in (np.dtype(np.float32), np.dtype(np.float64))
            if kind not in row.accepts and not (full and "F" in row.accepts):
                for run in (evaluate, program):
                    try:
                        run(row.fun, args)
                    except (TypeError, ValueError) as e:
                        assert str(e), "an error without a text"
                    else:
                        raise AssertionError(f"{np.dtype(dtype)} was not refused")
                continue
            jaxpr = types_agree(row, args)
            eager = evaluate(row.fun, args)
            for o, c in zip(eager, compiled(jaxpr, args), strict=True):
                # Of complex numbers both are rounded more than once, though a real root is not.
                ulps = max(row.ulps, 2) if o.dtype.kind == "c" else row.ulps
                same(c, o, ulps, f"jit in {np.dtype(dtype)}")
            if kind in "fc":
                _agrees_with_double(row, args, eager, dtypes.finfo(dtype).eps)


def _agrees_with_double(row: Example, args: Sequence[np.ndarray], outs: Sequence[np.ndarray],
                        eps: float) -> None:
    exact = evaluate(row.fun, [wide(x) for x in args])
    for got, want in zip(outs, exact, strict=True):
        if got.dtype in dtypes.INEXACT and got.dtype != want.dtype:
            tol = 16 * float(eps)
            big = float(dtypes.finfo(got.dtype).max)
            want = np.where(np.abs(want) > big, np.nan, want)
            ok = np.isfinite(want)
            close_to(wide(got)[ok], want[ok], tol, f"{got.dtype} against double")


def law_jit(row: Example) -> None:
    """The compiled program gives the eager results."""
    _same_compiled(row.fun, row.args, row.ulps, "jit")


def _same_compiled(fun: Fun, args: Sequence[Any], ulps: float, what: str) -> None:
    for got, want in zip(compiled(program(fun, args), args), evaluate(fun, args), strict=True):
        same(got, want, ulps, what)


SCALAR_LIMITS = (0, 1, 2)


def law_loops(row: Example) -> None:
    """Compiled programs give the eager results where small arrays are loops, too, and those of
    derivatives."""
    for limit in SCALAR_LIMITS:
        with SCHEDULE.override(max_scalars=limit):
            _same_compiled(row.fun, row.args, row.ulps, f"jit, at most {limit} scalars")
    if row.differentiable:
        limit = SCALAR_LIMITS[zlib.crc32(repr((row.name, row.args)).encode()) % 3]
        for what, fun, args in (("jvp", *forward(row)), ("vjp", *backward(row))):
            want = evaluate(fun, args)
            with SCHEDULE.override(max_scalars=limit):
                for g, w in zip(compiled(program(fun, args), args), want, strict=True):
                    close_to(g, w, 1e-11, f"{what} under jit, at most {limit} scalars")


def forward(row: Example) -> tuple[Fun, list[Any]]:
    """The forward derivative of a row as a function of arguments and tangents, and these."""
    ts, n = tangents_of(row.args, row.differentiable), len(row.args)

    def tangents(*xs: Any) -> list[Any]:
        rest = iter(xs[n:])
        return jvp(row.fun, xs[:n], [None if t is None else next(rest) for t in ts])

    return tangents, [*row.args, *(t for t in ts if t is not None)]


def backward(row: Example) -> tuple[Fun, list[Any]]:
    """The reverse derivative of a row as a function of arguments and cotangents, and these."""
    n = len(row.args)
    cts = [random_like(typeof(o), i) for i, o in enumerate(evaluate(row.fun, row.args))
           if o.dtype in dtypes.INEXACT]

    def cotangents(*xs: Any) -> list[Any]:
        return [ct for ct in vjp(row.fun, xs[:n], row.differentiable)[1](list(xs[n:]))
                if ct is not None]

    return cotangents, [*row.args, *cts]


SIZES = (5, 67, 1027, 9001)


def law_sizes(row: Example) -> None:
    """Compiled programs of a mapped axis give the eager results, at two sizes with a remainder of
    any vector or block."""
    first = zlib.crc32(repr((row.name, row.args)).encode()) % 2
    for dims, size in zip(in_axes(row), SIZES[first::2], strict=False):
        mapped_at_size(row, dims, size)


def mapped_at_size(row: Example, dims: Sequence[int | None], size: int) -> None:
    """The law of sizes at one of them."""
    args = [x if d is None else np.take(stacked(x, d, 5), np.arange(size) % 5, d)
            for x, d in zip(row.args, dims, strict=True)]
    _same_compiled(vmap(row.fun, dims, size), args, row.ulps, f"jit of vmap of size {size}")


# ---- derivatives ---------------------------------------------------------------------------------
def law_jvp(row: Example) -> None:
    """Forward derivatives are those of differences, for each subset of arguments."""
    for subset in subsets(row.differentiable):
        ts = tangents_of(row.args, subset)
        want = differences(lambda h, ts=ts: inexact(evaluate(row.fun, moved(row.args, ts, h))))
        got = [data(t) for t in jvp(row.fun, row.args, ts)]
        for g, w in zip(got, want, strict=True):
            close_to(g, w, row.tol, f"jvp of arguments {subset}")


def law_vjp(row: Example) -> None:
    """<ct, J t> = <J' ct, t> with random ct and t, for each subset of arguments."""
    for subset in subsets(row.differentiable):
        _dot_test(row.fun, row.args, subset, 1e-12, f"vjp of arguments {subset}")


def _dot_test(fun: Fun, args: Sequence[Any], subset: Sequence[int], tol: float, what: str) -> None:
    outs, back = vjp(fun, args, subset)
    for seed in (11, 12):
        ts = tangents_of(args, subset, seed)
        cts = [array(random_like(typeof(o), seed + 5 + i)) for i, o in enumerate(outs)
               if is_inexact(typeof(o))]
        want = inner(cts, jvp(fun, args, ts))
        got = inner(back(cts), [ts[i] for i in subset])
        close_to(got, want, tol * (1 + abs(want)), what)


def law_transpose(row: Example) -> None:
    """Where the operation is linear, <ct, f(x)> = <f'(ct), x> for the transposed program itself."""
    floats = [i for i in row.differentiable if dtypes.kind(row.args[i].dtype) in "fc"]
    for subset in subsets(floats):
        if not _is_linear(row, subset):
            continue
        j = program(row.fun, row.args)
        xs = [random_like(x, 40 + i) if i in subset else x for i, x in enumerate(row.args)]
        cts = [array(random_like(a, 50 + i)) for i, a in enumerate(j.out_avals)]
        args = [UndefinedPrimal(typeof(x)) if i in subset else array(x) for i,
                x in enumerate(row.args)]
        try:
            found = transpose(j, j.consts, args, cts)
        except UndefinedRuleError:
            continue
        got = inner([found[i] for i in subset if found[i] is not None],
                    [xs[i] for i in subset if found[i] is not None])
        want = inner(cts, [array(o) for o in evaluate(row.fun, xs)])
        close_to(got, want, 1e-12 * (1 + abs(want)), f"transpose of arguments {subset}")


def _is_linear(row: Example, subset: Sequence[int]) -> bool:
    """Whether f(x + 2 y) = f(x) + 2 f(y) for random x and y in some arguments, the others fixed."""
    if not all(row.args[i].size for i in subset):
        return False

    def at(xs: dict[int, np.ndarray]) -> list[np.ndarray]:
        return evaluate(row.fun, [xs.get(i, x) for i, x in enumerate(row.args)])

    x, y = ({i: random_like(row.args[i], seed + i) for i in subset} for seed in (60, 70))
    try:
        outs = zip(at({i: x[i] + 2 * y[i] for i in subset}), at(x), at(y), strict=True)
    except (TypeError, ValueError):
        return False
    return all(o.dtype in dtypes.INEXACT and np.allclose(wide(o), wide(a + 2 * b), 1e-9, 1e-9)
               for o, a, b in outs)


def law_second(row: Example) -> None:
    """Derivatives of the derivative: against differences, and backwards over forwards."""
    where = row.differentiable
    if not where or row.once:
        return
    ts = tangents_of(row.args, where)

    def first(*xs: Any) -> list[Any]:
        return jvp(row.fun, xs, ts)

    dirs = tangents_of(row.args, where, 20)
    want = differences(lambda h: evaluate(first, moved(row.args, dirs, h)))
    for g, w in zip(jvp(first, row.args, dirs), want, strict=True):
        close_to(data(g), w, 10 * row.tol, "jvp of jvp")
    _dot_test(first, row.args, where, 1e-11, "vjp of jvp")
    outs, _ = vjp(row.fun, row.args, where)
    cts = [array(random_like(typeof(o), 30 + i)) for i, o in enumerate(outs)
           if is_inexact(typeof(o))]

    def backwards(*xs: Any) -> list[Any]:
        return vjp(row.fun, xs, where)[1](cts)

    _dot_test(backwards, row.args, where, 1e-11, "vjp of vjp")


def law_single(row: Example) -> None:
    """Derivatives in single precision are those in double precision, and single themselves."""
    narrow = {np.dtype(np.float64): np.float32, np.dtype(np.complex128): np.complex64}
    where = row.differentiable
    if not where:
        return
    with np.errstate(over="ignore"):
        args = [x.astype(narrow.get(x.dtype, x.dtype)) for x in row.args]
    ts = tangents_of(args, where)
    got = jvp(row.fun, args, ts)
    exact = jvp(row.fun, [wide(x) for x in args], [t if t is None else wide(t) for t in ts])
    for g, w in zip(got, exact, strict=True):
        if data(g).dtype != data(w).dtype:
            close_to(data(g), data(w), 1e-4, "jvp in single precision")
    outs, back = vjp(row.fun, args, where)
    cts = [random_like(typeof(o), i) for i, o in enumerate(outs) if is_inexact(typeof(o))]
    _, exact_back = vjp(row.fun, [wide(x) for x in args], where)
    exact_cts = [array(wide(ct)) for ct in cts]
    for g, w in zip(back([array(ct) for ct in cts]), exact_back(exact_cts), strict=True):
        close_to(data(g), data(w), 1e-4, "vjp in single precision")


# ---- vmap ----------------------------------------------------------------------------------------
def variants(x: np.ndarray, size: int) -> list[np.ndarray]:
    """Different arrays much like `x`: floats scaled a little, indices smaller or permuted."""
    factors = [1, 1.0625, 0.9375, 1.03125, 0.96875]

    def variant(k: int) -> np.ndarray:
        if x.dtype.kind in "fc":
            return np.asarray(x * factors[k])
        if x.dtype.kind in "iu":
            less = np.where(x > 0, x - 1, x).astype(x.dtype) if k % 2 else x
            return np.roll(less.reshape(-1), k // 2).reshape(x.shape)
        if x.dtype.kind == "b":
            return np.roll(x.reshape(-1), k).reshape(x.shape) if x.size > 1 else x ^ bool(k % 2)
        return np.roll(x.reshape(-1), k).reshape(x.shape)

    with np.errstate(over="ignore"):
        return [variant(k) for k in range(size)]


def stacked(x: np.ndarray, dim: int | None, size: int) -> np.ndarray:
    """`x` or variants of it along a new axis."""
    if dim is None:
        return x
    if size == 0:
        return np.zeros((*x.shape[:dim], 0, *x.shape[dim:]), x.dtype)
    return np.stack(variants(x, size), dim)


def vmap(fun: Fun, dims: Sequence[int | None], size: int, out: int = 0) -> Fun:
    """The mapped function, results with the axis at `out`."""
    def mapped(*args: Any) -> list[Any]:
        outs, found = batch(fun, Axis(None, size), args, dims)
        return [matchaxis(o, d, min(out, typeof(o).ndim - (d is not None)), size)
                for o, d in zip(outs, found, strict=True)]

    return mapped


def in_axes(row: Example) -> Iterator[tuple[int | None, ...]]:
    """Every placement of the mapped axis in the arguments but that in none."""
    choices = [[None, *range(x.ndim + 1)] if i in row.mapped else [None]
               for i, x in enumerate(row.args)]
    return (d for d in itertools.product(*choices) if any(i is not None for i in d))


def law_vmap(row: Example) -> None:
    """Mapping is a loop: for every placement of the axis, for sizes 5, 1 and 0."""
    placements = list(in_axes(row))
    for dims in placements:
        _same_as_loop(row, dims, 5)
    for dims in placements[-1:] + placements[:1]:
        _same_as_loop(row, dims, 1)
        _same_as_loop(row, dims, 0)


def _same_as_loop(row: Example, dims: Sequence[int | None], size: int) -> None:
    args = [stacked(x, d, size) for x, d in zip(row.args, dims, strict=True)]
    outs = evaluate(vmap(row.fun, dims, size), args)
    if size == 0:
        for o, aval in zip(outs, program(row.fun, row.args).out_avals, strict=True):
            assert o.shape == (0, *aval.shape) and o.dtype == aval.storage, (
                f"size 0, in_axes {dims}: {o.dtype}{o.shape} for {aval}")
        return
    each = [evaluate(row.fun, [x if d is None else np.take(x, i, d)
                               for x, d in zip(args, dims, strict=True)]) for i in range(size)]
    for i, o in enumerate(outs):
        same(o, np.stack([e[i] for e in each]), row.ulps, f"vmap of size {size}, in_axes {dims}")


def law_nested(row: Example) -> None:
    """vmap of vmap, vmap under jit, jvp and vjp of vmap against vmap of jvp."""
    placements = list(in_axes(row))
    if not placements:
        return
    first, last = placements[0], placements[-1]
    args = [stacked(stacked(x, d, 3), None if e is None else e, 2)
            for x, d, e in zip(row.args, last, first, strict=True)]
    outer = [None if e is None else e for e in first]
    inner_dims = last
    twice = vmap(vmap(row.fun, inner_dims, 3), outer, 2)
    outs = evaluate(twice, args)
    for k in range(2):
        once = [x if e is None else np.take(x, k, e) for x, e in zip(args, outer, strict=True)]
        want = evaluate(vmap(row.fun, inner_dims, 3), once)
        for o, w in zip(outs, want, strict=True):
            same(o[k], w, row.ulps, "vmap of vmap")
    for got, want in zip(compiled(program(twice, args), args), outs, strict=True):
        same(got, want, row.ulps, "vmap under jit")
    if row.differentiable:
        _derivative_commutes(row, last)


def _derivative_commutes(row: Example, dims: Sequence[int | None]) -> None:
    where = row.differentiable
    args = [stacked(x, d, 2) for x, d in zip(row.args, dims, strict=True)]
    ts = [stacked(random_like(x, i), d, 2) if i in where else None
          for i, (x, d) in enumerate(zip(row.args, dims, strict=True))]
    outside = [data(t) for t in jvp(vmap(row.fun, dims, 2), args, ts)]
    n = len(args)

    def tangent(*xs: Any) -> list[Any]:
        rest = iter(xs[n:])
        return jvp(row.fun, xs[:n], [None if t is None else next(rest) for t in ts])

    both = [*args, *(t for t in ts if t is not None)]
    both_dims = [*dims, *(d for t, d in zip(ts, dims, strict=True) if t is not None)]
    inside = evaluate(vmap(tangent, both_dims, 2), both)
    for a, b in zip(outside, inside, strict=True):
        close_to(a, b, 1e-12, "jvp of vmap against vmap of jvp")
    for got, want in zip(compiled(program(tangent, _first(both, both_dims)),
                                  _first(both, both_dims)),
                         evaluate(tangent, _first(both, both_dims)), strict=True):
        close_to(got, want, 1e-12, "jvp under jit")
    _dot_test(vmap(row.fun, dims, 2), args, where, 1e-11, "vjp of vmap")


def _first(args: Sequence[Any], dims: Sequence[int | None]) -> list[Any]:
    return [x if d is None else np.take(x, 0, d) for x, d in zip(args, dims, strict=True)]


LAWS: list[Law] = [law_value, law_type, law_jit, law_jvp, law_vjp, law_transpose, law_second,
                   law_single, law_vmap, law_nested, law_loops, law_sizes]


# ---- rows that must be refused -------------------------------------------------------------------
def law_refused(row: Bad) -> None:
    """The row's error, with its text, eagerly and under staging."""
    arrays = [x for x in row.args if isinstance(x, (np.ndarray, np.generic))]

    def fun(*xs: Any) -> list[Any]:
        rest = iter(xs)
        return [row.op(*[next(rest) if isinstance(x, (np.ndarray, np.generic)) else x
                         for x in row.args], **row.params)]

    for run in (lambda: fun(*arrays), lambda: program(fun, arrays)):
        try:
            run()
        except row.kind as e:
            assert re.search(row.error, str(e)), f"{e}\ndoes not match {row.error!r}"
        else:
            raise AssertionError("not refused")
