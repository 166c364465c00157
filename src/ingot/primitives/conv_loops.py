"""Convolutions as native code: loops over windows, or products of matrices of windows by BLAS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.kernel.rules import (
    ArrayValue,
    Buffer,
    Index,
    LazyArray,
    Lowering,
    RowReduction,
    Unsupported,
    check_native_dtypes,
    index_of,
    is_inexact,
    nest_sum,
)
from ingot.kernel.tile_product import LETTERS
from ingot.primitives.blas import BLAS_PREFIX, matrix_matrix
from ingot.primitives.conv_tiles import Convolution, spatial_axis
from ingot.primitives.dot import accumulator
from ingot.util import size_of

Ints = Sequence[int]
Padding = Sequence[tuple[int, int]]

FLOATS = (dtypes.float16, dtypes.bfloat16, dtypes.float32, dtypes.float64)

PIECE = 512
"""Elements of the result, of one feature, that stay in the first cache while all taps are added to
them."""

WINDOW_BYTES = 1 << 19
"""Memory that the windows multiplied at a time may take: a part of the second cache."""


def dilated(n: int, dilation: int) -> int:
    """Length of an axis with `dilation - 1` holes between neighbors."""
    return 0 if n == 0 else 1 + dilation * (n - 1)


def conv_kernel(build: Lowering, lhs: ArrayValue, rhs: ArrayValue, *, out: Any,
                window_strides: Ints, padding: Padding, lhs_dilation: Ints, rhs_dilation: Ints,
                dimension_numbers: Any, feature_group_count: int, batch_group_count: int,
                **params: Any) -> ArrayValue:
    """The `kernel` of `conv_general_dilated`."""
    dims = dimension_numbers
    dtype = accumulator(lhs.dtype, rhs.dtype, out.dtype)
    check_native_dtypes(lhs.dtype, rhs.dtype, out.dtype, dtype)
    outs, features, *window = (rhs.shape[i] for i in dims.rhs_spec)
    terms, groups = features * size_of(window), feature_group_count * batch_group_count
    same = lhs.dtype == rhs.dtype == out.dtype == dtype
    work, limits = terms * out.size, build.schedule
    slides = (same and groups == outs == features == 1 and tuple(window_strides[-1:]) == (1,)
              and terms >= limits.conv_sliding_taps and work > limits.conv_blas_work >> 6)
    loops = outs == groups and terms <= limits.conv_loop_terms
    if same and _is_rows(lhs, rhs, dims, lhs_dilation, batch_group_count) \
            and is_inexact(dtype) and work > limits.conv_tile_work:
        return _depthwise_rows(build, lhs, rhs, out, dims, window_strides, padding, rhs_dilation)
    if (dtype in LETTERS and lhs.dtype in FLOATS and work > limits.conv_tile_work
            and not (slides or loops)):
        return _tiles(build, lhs, rhs, out, dims, dtype, window_strides, padding, lhs_dilation,
                      rhs_dilation, feature_group_count, batch_group_count)
    if slides or work > limits.conv_blas_work:
        multiplies = not slides and max(terms, outs) > limits.conv_loop_terms
        if multiplies and (groups > 1 or not same or dtype not in BLAS_PREFIX):
            raise Unsupported("no library multiplies windows of these types, or in groups")
        lhs, rhs = (build.materialize(v) if v.cost else v for v in (lhs, rhs))
        lhs = _pad(build, lhs, dims.lhs_spec, padding, lhs_dilation)
        identity = tuple(range(lhs.ndim))
        dims = dims._replace(lhs_spec=identity)
        padding, lhs_dilation = [(0, 0)] * len(window), [1] * len(window)
        if slides:
            return _slide(build, lhs, rhs, out, dims, window_strides, rhs_dilation)
        if multiplies:
            return _products(build, lhs, rhs, out, dims, window_strides, rhs_dilation)
    return _loops(build, lhs, rhs, out, dims, dtype, window_strides, padding, lhs_dilation,
                  rhs_dilation, feature_group_count, batch_group_count)


def _tiles(build: Lowering, lhs: ArrayValue, rhs: ArrayValue, out: Any, dims: Any,
           dtype: np.dtype[Any], strides: Ints, padding: Padding, lhs_dilation: Ints,
           rhs_dilation: Ints, feature_group_count: int, batch_group_count: int) -> ArrayValue:
    """See `conv_tiles.py`; an operand with holes that windows step over has zeros in these."""
    if any(s > 1 and d > 1 for s, d in zip(strides, lhs_dilation, strict=True)):
        lhs = _pad(build, lhs, dims.lhs_spec, padding, lhs_dilation)
        dims = dims._replace(lhs_spec=tuple(range(lhs.ndim)))
        padding, lhs_dilation = [(0, 0)] * len(strides), [1] * len(strides)
    axes = [spatial_axis(lhs.shape[i], rhs.shape[j], out.shape[k], s, low, d, e)
            for i, j, k, s, (low, _), d, e in zip(
                dims.lhs_spec[2:], dims.rhs_spec[2:], dims.out_spec[2:], strides, padding,
                lhs_dilation, rhs_dilation, strict=True)]
    return Convolution(build, lhs, rhs, out, dims, dtype, axes, feature_group_count,
                       batch_group_count).run()


def _pad(build: Lowering, x: ArrayValue, spec: Ints, padding: Padding, dilation: Ints) -> Buffer:
    """A view [batch, feature, spatial...] of memory with zeros around and between the elements,
    in the order of the axes of `x`."""
    shape = [x.shape[i] for i in spec]
    sizes = [dilated(n, d) + low + high
             for n, d, (low, high) in zip(shape[2:], dilation, padding, strict=True)]
    order = [int(i) for i in np.argsort(spec)]  # of the axes of x among these
    whole = build.allocate([(*shape[:2], *sizes)[i] for i in order], x.dtype)
    target = Buffer(whole.memory, (*shape[:2], *sizes), x.dtype, whole.offset,
                    [whole.strides[i] for i in spec])
    zero = build.const(0, x.dtype)
    build.nest(whole.shape, lambda index: build.store(whole, index, zero), vector=True)
    # Elements that negative padding cuts off are at either end of an axis.
    firsts = [-(low // d) if low < 0 else 0 for (low, _), d in zip(padding, dilation, strict=True)]
    counts = [max(0, min(n, (size - 1 - low) // d + 1) - first) for n, size, (low, _), d, first in
              zip(shape[2:], sizes, padding, dilation, firsts, strict=True)]

    def body(index: tuple[Index, ...]) -> None:
        ordered = [index[i] for i in spec]
        source = [build.index_add(i, first)
                  for i, first in zip(ordered[2:], firsts, strict=True)]
        places = [build.index_add(build.index_mul(i, d), low)
                  for i, d, (low, _) in zip(source, dilation, padding, strict=True)]
        element = x.at(build, index_of(x.ndim, (spec, (*ordered[:2], *source))))
        build.store(target, (*ordered[:2], *places), element)

    copied = (*shape[:2], *counts)
    build.nest([copied[i] for i in order], body, vector=True)
    return target


def _slide(build: Lowering, x: Buffer, weights: ArrayValue, out: Any, dims: Any, strides: Ints,
           dilation: Ints) -> ArrayValue:
    """One feature: the operand, shifted by each tap and scaled, is added to the result."""
    taps = [weights.shape[i] for i in dims.rhs_spec[2:]]
    batch, _, *spatial = (out.shape[i] for i in dims.out_spec)
    target = build.allocate((batch, 1, *spatial), out.dtype)

    def piece(place: Sequence[Index], first: Index, count: int) -> None:
        n, *line = place

        def term(tap: Sequence[Index], j: Index) -> Any:
            column = build.index_add(first, j)
            places = [build.index_add(build.index_mul(i, s), build.index_mul(t, d)) for i, s, t,
                      d in
                      zip((*line, column), strides, tap, dilation, strict=True)]
            factor = weights.at(build, index_of(weights.ndim, (dims.rhs_spec, (0, 0, *tap))))
            return build.op("mul", x.at(build, (n, 0, *places)), factor)

        RowReduction(build, taps, term, lambda a, b: build.op("add", a, b),
                     build.const(0, out.dtype), is_inexact(out.dtype)).into(
            count, lambda j: (target, (n, 0, *line, build.index_add(first, j))))

    def line(place: tuple[Index, ...]) -> None:
        with build.loop(spatial[-1] // PIECE, independent=True) as block:
            piece(place, build.index_mul(block, PIECE), PIECE)
        if spatial[-1] % PIECE:
            piece(place, spatial[-1] - spatial[-1] % PIECE, spatial[-1] % PIECE)

    build.lines((batch, *spatial[:-1]), line)
    if tuple(dims.out_spec) == tuple(range(len(out.shape))):
        return target
    return LazyArray(out.shape, out.dtype, lambda b, index: target.at(
        b, [index[i] for i in dims.out_spec]), [target])


def _is_rows(lhs: ArrayValue, rhs: ArrayValue, dims: Any, holes: Ints, groups: int) -> bool:
    """Whether `_depthwise_rows` takes it: rows of some length, which are last in memory."""
    last = lhs.ndim - 1
    return (groups == rhs.shape[dims.rhs_spec[0]] > 8 and dims.lhs_spec[0] == dims.rhs_spec[0]
            and dims.lhs_spec[0] == last and max(holes, default=1) == 1)


def _depthwise_rows(build: Lowering, lhs: ArrayValue, rhs: ArrayValue, out: Any, dims: Any,
                    strides: Ints, padding: Padding, dilation: Ints) -> ArrayValue:
    """Weights' gradient of a convolution of each feature by itself, the features being last in
    memory: rows of features are multiplied, and added up over the windows."""
    x = _pad(build, build.materialize(lhs), dims.lhs_spec, padding, [1] * len(strides))
    weights = build.contiguous(rhs)
    outs, features, *window = (rhs.shape[i] for i in dims.rhs_spec)
    batch, _, *places = (out.shape[i] for i in dims.out_spec)
    target = build.allocate((batch, *places, outs), out.dtype)

    def row(index: tuple[Index, ...]) -> None:
        n, *place = index

        def term(inner: Sequence[Index], j: Index) -> Any:
            feature, *taps = inner
            at = [build.index_add(build.index_mul(i, s), build.index_mul(t, d))
                  for i, s, t, d in zip(place, strides, taps, dilation, strict=True)]
            lane = build.index_add(build.index_mul(j, batch), n)
            weight = weights.at(build, index_of(rhs.ndim, (dims.rhs_spec, (j, *inner))))
            return build.op("mul", x.at(build, (lane, feature, *at)), weight)

        RowReduction(build, [features, *window], term, lambda a, b: build.op("add", a, b),
                     build.const(0, out.dtype), True).into(
            outs, lambda j: (target, (n, *place, j)))

    with build.holding(x, weights):
        build.lines((batch, *places), row)
    spec = (dims.out_spec[0], *dims.out_spec[2:], dims.out_spec[1])
    return target if tuple(spec) == tuple(range(len(spec))) else LazyArray(
        out.shape, out.dtype, lambda b, index: target.at(b, [index[i] for i in spec]), [target])


def _ordered_weights(build: Lowering, weights: ArrayValue, dims: Any) -> Buffer:
    """Return the weights in memory, [outputs, features, ...taps]."""
    shape = [weights.shape[i] for i in dims.rhs_spec]
    return build.contiguous(LazyArray(shape, weights.dtype, lambda b, index: weights.at(
        b, index_of(weights.ndim, (dims.rhs_spec, index))), [weights]))


def _products(build: Lowering, x: Buffer, weights: ArrayValue, out: Any, dims: Any, strides: Ints,
              dilation: Ints) -> ArrayValue:
    """Windows are written side by side, a part of the result at a time, and multiplied."""
    outs, *taps = (weights.shape[i] for i in dims.rhs_spec)
    terms, factors = size_of(taps), _ordered_weights(build, weights, dims)
    batch, _, height, *rest = (out.shape[i] for i in dims.out_spec)
    width, features_last = size_of(rest), dims.out_spec[1] == len(out.shape) - 1
    whole = height * width
    shape = (batch, height, *rest, outs) if features_last else (batch, outs, height, *rest)
    target = build.allocate(shape, x.dtype)
    rows = max(1, min(height, WINDOW_BYTES // (terms * width * x.dtype.itemsize)))
    windows = build.allocate((*taps, rows, *rest), x.dtype)

    def multiply(n: Index, row: Index, count: int) -> None:
        here = Buffer(windows.memory, (*taps, count, *rest), x.dtype, windows.offset)
        _windows(build, here, x, n, row, len(taps), strides, dilation)
        wide = count * width
        left, right = (("pointer", b.memory, b.offset) for b in (here, factors))
        first = build.index_mul(row, width * (outs if features_last else 1))
        place = build.index_add(target.offset,
                                build.index_add(build.index_mul(n, outs * whole), first))
        result = ("pointer", target.memory, place)
        if features_last:
            matrix_matrix(build, (right, terms, True), (left, wide, True), (result, outs),
                          (outs, wide, terms), x.dtype)
        else:
            matrix_matrix(build, (left, wide, False), (right, terms, False), (result, whole),
                          (wide, outs, terms), x.dtype)

    with build.loop(batch) as n:
        with build.loop(height // rows) as block:
            multiply(n, build.index_mul(block, rows), rows)
        if height % rows:
            multiply(n, height - height % rows, height % rows)
    spec = (dims.out_spec[0], *dims.out_spec[2:], dims.out_spec[1]) if features_last \
        else dims.out_spec
    if tuple(spec) == tuple(range(len(shape))):
        return target
    return LazyArray(out.shape, out.dtype, lambda b, index: target.at(b, [index[i] for i in spec]),
                     [target])


def _windows(build: Lowering, target: Buffer, x: Buffer, n: Index, row: Index, axes: int,
             strides: Ints, dilation: Ints) -> None:
    """Write, for each feature and tap, the elements that it meets from a row on."""

    def one(tap: tuple[Index, ...]) -> None:
        feature, *taps = tap

        def element(index: tuple[Index, ...]) -> None:
            spatial = (build.index_add(row, index[0]), *index[1:])
            places = [build.index_add(build.index_mul(i, s), build.index_mul(t, d))
                      for i, s, t, d in zip(spatial, strides, taps, dilation, strict=True)]
            build.store(target, (*tap, *index), x.at(build, (n, feature, *places)))

        build.nest(target.shape[axes:], element, vector=True)

    build.nest(target.shape[:axes], one)


def _undilate(build: Lowering, place: Index, padding: tuple[int, int], n: int, d: int
              ) -> tuple[Index, list[Any]]:
    """Return where on an axis of length n the element at an index of the padded and dilated axis
    lies, and conditions that it does; where they fail, the index is inside all the same."""
    low, high = padding
    tests = []
    at = build.index_add(place, -low)
    if low > 0 or high > 0:
        scalar = build.index(at)
        tests += [build.op("ge", scalar, build.index(0)),
                  build.op("lt", scalar, build.index(dilated(n, d)))]
        at = build.iclamp(at, dilated(n, d) - 1)
    if d > 1:
        tests.append(build.op("eq", build.index(build.index_rem(at, d)), build.index(0)))
        at = build.index_div(at, d)
    return at, tests


def _window_places(build: Lowering, spatial: Sequence[Index], taps: Sequence[Index],
                   lengths: Ints, strides: Ints, padding: Padding, lhs_dilation: Ints,
                   rhs_dilation: Ints) -> tuple[list[Index], list[Any]]:
    """Return the spatial index in lhs of a tap of the window at an index of the result, and
    conditions that there is such an element."""
    places, tests = [], []
    for k, (place, tap) in enumerate(zip(spatial, taps, strict=True)):
        place = build.index_add(build.index_mul(place, strides[k]),
                                build.index_mul(tap, rhs_dilation[k]))
        place, more = _undilate(build, place, padding[k], lengths[k], lhs_dilation[k])
        places.append(place)
        tests += more
    return places, tests


def _loops(build: Lowering, lhs: ArrayValue, rhs: ArrayValue, out: Any, dims: Any,
           dtype: np.dtype[Any], window_strides: Ints, padding: Padding, lhs_dilation: Ints,
           rhs_dilation: Ints, feature_group_count: int, batch_group_count: int) -> LazyArray:
    """Each element of the result as a sum over its window, computed where it is used."""
    outs, features, *window = (rhs.shape[i] for i in dims.rhs_spec)
    terms = features * size_of(window)
    lhs, rhs = (build.materialize(v) if v.cost else v for v in (lhs, rhs))
    group_outs = outs // (feature_group_count * batch_group_count)
    group_batch, lengths = out.shape[dims.out_spec[0]], [lhs.shape[i] for i in dims.lhs_spec[2:]]
    times, plus = ("and", "or") if dtype == dtypes.bool_ else ("mul", "add")

    def at(build: Lowering, index: Sequence[Index]) -> Any:
        n, o, *spatial = (index[i] for i in dims.out_spec)
        group = build.index_div(o, group_outs)
        outer = n if batch_group_count == 1 else build.index_add(
            build.index_mul(group, group_batch), n)

        def product(inner: Sequence[Index]) -> Any:
            feature, *taps = inner
            channel = feature if feature_group_count == 1 else build.index_add(
                build.index_mul(group, features), feature)
            places, tests = _window_places(build, spatial, taps, lengths, window_strides, padding,
                                           lhs_dilation, rhs_dilation)
            x = build.converted(lhs.at(build, index_of(
                lhs.ndim, (dims.lhs_spec, [outer, channel, *places]))), dtype)
            for test in tests:
                x = build.select(test, x, build.const(0, dtype))
            weight = rhs.at(build, index_of(rhs.ndim, (dims.rhs_spec, [o, *inner])))
            return build.op(times, x, build.converted(weight, dtype))

        if not lhs.size:
            return build.const(0, out.dtype)
        zero = build.const(0, dtype)
        total = (nest_sum(build, (features, *window), product, zero, 8) if is_inexact(dtype) else
                 build.fold((features, *window), zero, lambda carry, inner: build.op(
                     plus, carry, product(inner))))
        return build.converted(total, out.dtype)

    return LazyArray(out.shape, out.dtype, at, [lhs, rhs], 4 * terms)
