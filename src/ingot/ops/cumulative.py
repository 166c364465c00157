"""Cumulative operations along an axis: sum, product, maximum, minimum, logsumexp."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingot.core.avals import ShapedArray
from ingot.core.interpreter import typeof
from ingot.core.primitive import LINEAR, NOT_LINEAR, Primitive
from ingot.kernel.build import (
    CHEAP,
    ArrayValue,
    Buffer,
    Builder,
    Index,
    Scalars,
    Unsupported,
    supported,
)
from ingot.ops.arithmetic import add, div, max, min, mul, sub
from ingot.ops.compare import eq
from ingot.ops.cutting import concatenate, slice_in_dim
from ingot.ops.exponential import exp, log
from ingot.ops.families import INEXACT, NUMBER, check_kind
from ingot.ops.movement import full_like, unravel
from ingot.ops.select import select
from ingot.util import canonicalize_axis, size_of

Combine = Callable[[Any, Any], Any]


def _family(name: str, kinds: Any, *, eval: Any, jvp: Any, transpose: Any, combine: str | None
            ) -> Primitive:
    """A cumulative operation: the slots they share."""

    def type(x: ShapedArray, *, axis: int, reverse: bool) -> ShapedArray:
        check_kind(name, kinds, x)
        if not 0 <= axis < x.ndim:
            raise ValueError(f"{name}: axis {axis} is out of range for {x}")
        return x

    def batch(args: Any, dims: Any, *, axis: int, reverse: bool) -> Any:
        inner = axis + (axis >= dims[0])
        return primitive.bind(args[0], axis=inner, reverse=reverse), dims[0]

    def evaluate(x: np.ndarray, *, axis: int, reverse: bool) -> np.ndarray:
        if reverse:
            return np.flip(eval(np.flip(x, axis), axis), axis)
        return eval(x, axis)

    primitive = Primitive(name, type=type, eval=evaluate, jvp=jvp, transpose=transpose,
                          batch=batch, kernel=_kernel(combine))
    return primitive


def _kernel(combine: str | None) -> Callable[..., Any]:
    def kernel(build: Builder, x: ArrayValue, *, out: Any, axis: int, reverse: bool) -> ArrayValue:
        supported(x.dtype)
        if x.dtype.kind == "c" and combine in ("max", "min", None):
            raise Unsupported("no order of complex numbers in kernels")
        if x.size <= 64:
            return _unrolled(build, x, axis, reverse, combine)
        if x.cost > CHEAP:
            x = build.materialize(x)
        target = build.allocate(x.shape, x.dtype)
        _Cumulative(build, x, target, axis, reverse, combine).write()
        return target

    return kernel


LINES = 4
"""Lines that are combined at a time, as each waits for its own last result."""

SEGMENTS = 64
"""Parts of a long line, of which each begins with the combination of those before it."""

LONG = 1 << 15
"""Elements of a line that is worth being divided."""

TILE = 1024
"""Elements of a row that stay in the first cache while the next row is made from it."""


@dataclass
class _Cumulative:
    """The loops of one operation on `x`, into `target`."""

    build: Builder
    x: ArrayValue
    target: Buffer
    axis: int
    reverse: bool
    combine: str | None

    def write(self) -> None:
        build, axis, n = self.build, self.axis, self.x.shape[self.axis]
        before, behind = self.x.shape[:axis], self.x.shape[axis + 1 :]
        if size_of(behind) > LINES:
            build.lines(before, lambda index: self.rows(index, behind))
            return
        others = (*before, *behind)
        count = size_of(others)
        if count < LINES and n >= LONG:
            build.nest(others, self.segments)
            return

        def group(first: Index, size: int) -> None:
            self.lines([unravel(build, build.iadd(first, k), others) for k in range(size)])

        if count >= LINES:
            with build.loop(count // LINES, independent=True) as g:
                group(build.imul(g, LINES), LINES)
        if count % LINES:
            group(count - count % LINES, count % LINES)

    # ---- elements ----------------------------------------------------------------------------
    def place(self, line: Sequence[Index], i: Index) -> list[Index]:
        """The index of element i of a line, from the end if so wanted."""
        at = self.build.isub(self.x.shape[self.axis] - 1, i) if self.reverse else i
        return [*line[: self.axis], at, *line[self.axis :]]

    def load(self, line: Sequence[Index], i: Index) -> Any:
        return self.x.at(self.build, self.place(line, i))

    def combined(self, a: Any, b: Any) -> Any:
        return _combined(self.build, self.combine, a, b)

    # ---- loops -------------------------------------------------------------------------------
    def lines(self, lines: Sequence[Sequence[Index]]) -> None:
        """Several lines at a time, from their first elements on."""
        carry = [self.load(line, 0) for line in lines]
        for line, value in zip(lines, carry, strict=True):
            self.build.store(self.target, self.place(line, 0), value)
        self.extend([(line, 1) for line in lines], self.x.shape[self.axis] - 1, carry)

    def extend(self, starts: Sequence[tuple[Sequence[Index], Index]], n: int, carry: Sequence[Any]
               ) -> list[Any]:
        """The next n elements of lines, each from its own start, given what comes before."""
        build = self.build

        def step(i: Index, carry: Sequence[Any]) -> list[Any]:
            out = []
            for (line, start), before in zip(starts, carry, strict=True):
                at = build.iadd(start, i)
                out.append(self.combined(before, self.load(line, at)))
                build.store(self.target, self.place(line, at), out[-1])
            return out

        return build.accumulate(n, carry, step) if n else list(carry)

    def segments(self, line: Sequence[Index]) -> None:
        """One long line in parts: what each begins with is found first."""
        build, x = self.build, self.x
        length, rest = divmod(x.shape[self.axis], SEGMENTS)
        neutral = build.const(_neutral(self.combine, x.dtype), x.dtype)
        starts = build.allocate((SEGMENTS + 1,), x.dtype)
        with build.loop(SEGMENTS, independent=True) as s:
            first = build.imul(s, length)
            (total,) = build.accumulate(length, [neutral], lambda i, c: [_combined(
                build, self.combine, c[0], self.load(line, build.iadd(first, i)), "reassociate")])
            build.store(starts, (build.iadd(s, 1),), total)
        build.store(starts, (0,), neutral)

        def add_up(s: Index, carry: Sequence[Any]) -> list[Any]:
            at = (build.iadd(s, 1),)
            out = self.combined(carry[0], starts.at(build, at))
            build.store(starts, at, out)
            return [out]

        (last,) = build.accumulate(SEGMENTS, [neutral], add_up)
        with build.loop(SEGMENTS // LINES, independent=True) as g:
            parts = [build.iadd(build.imul(g, LINES), k) for k in range(LINES)]
            self.extend([(line, build.imul(s, length)) for s in parts], length,
                        [starts.at(build, (s,)) for s in parts])
        self.extend([(line, SEGMENTS * length)], rest, [last])

    def rows(self, outer: Sequence[Index], shape: Sequence[int]) -> None:
        """Element by element of whole rows, each made from the one before."""
        build = self.build
        n, width = self.x.shape[self.axis], shape[-1]
        tile = TILE if len(shape) == 1 else width
        rest = width % tile
        for first, size, tiles in ((0, tile, width // tile), (width - rest, rest, 1)):
            if not size or not tiles:
                continue
            with build.loop(tiles, independent=True) as t:
                start = build.iadd(first, build.imul(t, size))

                def line(inner: Sequence[Index], start: Index = start) -> list[Index]:
                    return [*outer, *inner[:-1], build.iadd(start, inner[-1])]

                part = (*shape[:-1], size)
                build.nest(part, lambda inner: build.store(
                    self.target, self.place(line(inner), 0), self.load(line(inner), 0)),
                    vector=True)
                with build.loop(n - 1) as i:
                    build.nest(part, lambda inner: self.next_row(line(inner), i), vector=True)

    def next_row(self, line: Sequence[Index], i: Index) -> None:
        before = self.target.at(self.build, self.place(line, i))
        here = self.build.iadd(i, 1)
        self.build.store(self.target, self.place(line, here),
                         self.combined(before, self.load(line, here)))


def _neutral(combine: str | None, dtype: np.dtype) -> Any:
    """What changes nothing that it is combined with; the sum's keeps the sign of -0."""
    if combine in ("add", "mul"):
        return 1 if combine == "mul" else dtype.type(-0.0) if dtype.kind in "fV" else 0
    lowest = combine != "min"
    if dtype.kind in "fV":
        return -np.inf if lowest else np.inf
    if dtype.kind == "b":
        return not lowest
    return np.iinfo(dtype).min if lowest else np.iinfo(dtype).max


def _unrolled(build: Builder, x: ArrayValue, axis: int, reverse: bool, combine: str | None
              ) -> ArrayValue:
    values = build.scalars(x)
    table = np.empty(x.shape, object)
    for k, index in enumerate(np.ndindex(*x.shape)):
        table[index] = values.elements[k]
    lines = np.moveaxis(table, axis, 0)
    order = range(x.shape[axis])[::-1] if reverse else range(x.shape[axis])
    before = None
    for i in order:
        if before is not None:
            for index in np.ndindex(*lines.shape[1:]):
                lines[(i, *index)] = _combined(build, combine, lines[(before, *index)],
                                               lines[(i, *index)])
        before = i
    return Scalars(x.shape, x.dtype, list(table.ravel()))


def _combined(build: Builder, combine: str | None, x: Any, y: Any, attr: Any = None) -> Any:
    if combine is not None:
        return build.op(combine, x, y, attr=attr if combine in ("add", "mul") else None)
    high, low = build.op("max", x, y), build.op("min", x, y)
    grown = build.op("log1p", build.op("exp", build.op("sub", low, high)))
    same = build.op("eq", low, high)  # equal infinities: their difference is NaN
    finite = build.op("add", high, grown)
    log2 = build.op("add", high, build.const(np.log(2.0), x.dtype))
    return build.select(same, log2, finite)


# ---- cumsum --------------------------------------------------------------------------------------
cumsum_p = _family(
    "cumsum", NUMBER, eval=lambda x, axis: np.cumsum(x, axis, dtype=x.dtype), jvp=LINEAR,
    transpose=lambda ct, x, *, axis, reverse: [cumsum(ct, axis, not reverse)], combine="add")


def cumsum(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Running sum along an axis, from the end if `reverse`.

    operand: number [...] -> same type. Raises TypeError for booleans.

    >>> cumsum(np.array([1.0, 3.0, 2.0]))
    Array([1., 4., 6.], dtype=float64)
    """
    axis = canonicalize_axis(axis, typeof(operand).ndim)
    return cumsum_p.bind(operand, axis=axis, reverse=bool(reverse))


# ---- cumprod -------------------------------------------------------------------------------------
def _scanned(combine: Callable[[list[Any], list[Any]], list[Any]], xs: list[Any], axis: int,
             reverse: bool, neutral: Sequence[float]) -> list[Any]:
    """An associative scan by doubling: log2(n) steps of whole-array operations."""
    n = typeof(xs[0]).shape[axis]
    step = 1
    while step < n:
        shifted = []
        for x, value in zip(xs, neutral, strict=True):
            edge = full_like(slice_in_dim(x, 0, step, axis=axis), value)
            body = (slice_in_dim(x, step, n, axis=axis) if reverse
                    else slice_in_dim(x, 0, n - step, axis=axis))
            shifted.append(concatenate([body, edge] if reverse else [edge, body], axis))
        xs = combine(shifted, xs)
        step *= 2
    return xs


def _cumprod_partial(t: Any, out: Any, x: Any, *, axis: int, reverse: bool) -> Any:
    def combine(a: list[Any], b: list[Any]) -> list[Any]:
        return [mul(a[0], b[0]), add(mul(a[1], b[0]), mul(a[0], b[1]))]

    return _scanned(combine, [x, t], axis, reverse, (1, 0))[1]


cumprod_p = _family(
    "cumprod", NUMBER, eval=lambda x, axis: np.cumprod(x, axis, dtype=x.dtype),
    jvp=[_cumprod_partial], transpose=NOT_LINEAR, combine="mul")


def cumprod(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Running product along an axis, from the end if `reverse`.

    operand: number [...] -> same type. Raises TypeError for booleans.

    >>> cumprod(np.array([1.0, 3.0, 2.0]))
    Array([1., 3., 6.], dtype=float64)
    """
    axis = canonicalize_axis(axis, typeof(operand).ndim)
    return cumprod_p.bind(operand, axis=axis, reverse=bool(reverse))


# ---- cummax, cummin ------------------------------------------------------------------------------
def _extreme_partial(choose: Combine) -> Callable[..., Any]:
    def partial(t: Any, out: Any, x: Any, *, axis: int, reverse: bool) -> Any:
        def combine(a: list[Any], b: list[Any]) -> list[Any]:
            best = choose(a[0], b[0])
            from_a, from_b = eq(a[0], best), eq(b[0], best)
            both = mul(add(a[1], b[1]), full_like(b[1], 0.5))
            tangent = select(from_a, select(from_b, both, a[1]), b[1])
            return [best, tangent]

        edge = -np.inf if choose is max else np.inf
        return _scanned(combine, [x, t], axis, reverse, (edge, 0))[1]

    return partial


cummax_p = _family(
    "cummax", NUMBER, eval=lambda x, axis: np.maximum.accumulate(x, axis),
    jvp=[_extreme_partial(max)], transpose=NOT_LINEAR, combine="max")
cummin_p = _family(
    "cummin", NUMBER, eval=lambda x, axis: np.minimum.accumulate(x, axis),
    jvp=[_extreme_partial(min)], transpose=NOT_LINEAR, combine="min")


def cummax(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Running maximum along an axis, from the end if `reverse`.

    operand: any dtype [...] -> same type.

    >>> cummax(np.array([1.0, 3.0, 2.0]))
    Array([1., 3., 3.], dtype=float64)
    """
    axis = canonicalize_axis(axis, typeof(operand).ndim)
    return cummax_p.bind(operand, axis=axis, reverse=bool(reverse))


def cummin(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Running minimum along an axis, from the end if `reverse`.

    operand: any dtype [...] -> same type.

    >>> cummin(np.array([1.0, 3.0, 2.0]))
    Array([1., 1., 1.], dtype=float64)
    """
    axis = canonicalize_axis(axis, typeof(operand).ndim)
    return cummin_p.bind(operand, axis=axis, reverse=bool(reverse))


# ---- cumlogsumexp --------------------------------------------------------------------------------
def _logsumexp_eval(x: np.ndarray, axis: int) -> np.ndarray:
    if x.dtype.kind == "c":
        return _complex_logsumexp(x, axis)
    wide = x.astype(np.float32) if x.dtype.itemsize <= 2 else x
    return np.logaddexp.accumulate(wide, axis).astype(x.dtype)


def _complex_logsumexp(x: np.ndarray, axis: int) -> np.ndarray:
    out = np.array(np.moveaxis(x, axis, 0))
    for i in range(1, len(out)):
        high, low = (np.where(out[i - 1].real > out[i].real, *pair)
                     for pair in ((out[i - 1], out[i]), (out[i], out[i - 1])))
        grown = np.where(np.isneginf(low.real), 0, np.log1p(np.exp(low - high)))
        out[i] = high + grown
    return np.moveaxis(out, 0, axis)


def _logsumexp_partial(t: Any, out: Any, x: Any, *, axis: int, reverse: bool) -> Any:
    """The running sum of exp(x) t, as weighted means so that nothing overflows."""

    def combine(a: list[Any], b: list[Any]) -> list[Any]:
        high = max(a[0], b[0])
        safe = select(eq(sub(high, high), full_like(high, 0)), high, full_like(high, 0))
        left, right = exp(sub(a[0], safe)), exp(sub(b[0], safe))
        total = add(left, right)
        empty = eq(total, full_like(total, 0))
        mean = mul(add(mul(left, a[1]), mul(right, b[1])),
                   div(full_like(total, 1), select(empty, full_like(total, 1), total)))
        return [add(safe, log(total)), mean]

    return _scanned(combine, [x, t], axis, reverse, (-np.inf, 0))[1]


cumlogsumexp_p = _family(
    "cumlogsumexp", INEXACT, eval=_logsumexp_eval, jvp=[_logsumexp_partial], transpose=NOT_LINEAR,
    combine=None)


def cumlogsumexp(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Logarithm of the running sum of exponentials along an axis, from the end if `reverse`.

    operand: floating or complex [...] -> same type. Raises TypeError for other dtypes.

    >>> cumlogsumexp(np.array([0.0, -np.inf]))
    Array([0., 0.], dtype=float64)
    """
    axis = canonicalize_axis(axis, typeof(operand).ndim)
    return cumlogsumexp_p.bind(operand, axis=axis, reverse=bool(reverse))
