"""Convolutions with strides, padding, dilation of both operands, and groups."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ingot import dtypes
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import typeof
from ingot.core.primitive import Primitive, is_linear
from ingot.primitives.conv_loops import conv_kernel, dilated
from ingot.primitives.convert import convert_element_type
from ingot.primitives.dot import accumulator, canonicalize_precision, typeof_or
from ingot.primitives.dot_division import conv_division
from ingot.primitives.movement import full, move_axis, reshape, transpose
from ingot.primitives.out_sharding import takes_out_sharding
from ingot.primitives.shape import rev
from ingot.primitives.sums import product
from ingot.util import size_of

Ints = Sequence[int]
Padding = Sequence[tuple[int, int]]


class ConvDimensionNumbers(NamedTuple):
    """Which axes of a convolution are which.

    lhs_spec, out_spec: places of (batch, feature, spatial...). rhs_spec: places of (out feature, in
    feature, spatial...).

    >>> lax.conv_dimension_numbers((1, 2, 5), (4, 2, 3), None)
    ConvDimensionNumbers(lhs_spec=(0, 1, 2), rhs_spec=(0, 1, 2), out_spec=(0, 1, 2))
    """

    lhs_spec: Ints
    rhs_spec: Ints
    out_spec: Ints


# ---- shapes --------------------------------------------------------------------------------------
def padtype_to_pads(in_shape: Ints, window_shape: Ints, window_strides: Ints,
                    padding: Any) -> list[tuple[int, int]]:
    """Find how many elements a kind of padding adds before and after each axis.

    in_shape: lengths of the array. window_shape, window_strides: lengths of windows, and steps
    between them. padding: 'SAME', 'SAME_LOWER' or 'VALID' -> a list of pairs. Raises ValueError for
    other kinds.

    >>> lax.padtype_to_pads((5,), (3,), (2,), "SAME")
    [(1, 1)]
    """
    mode = padding.upper() if isinstance(padding, str) else getattr(padding, "name", padding)
    if mode == "VALID":
        return [(0, 0)] * len(in_shape)
    if mode not in ("SAME", "SAME_LOWER"):
        raise ValueError(f"padding: expected 'SAME', 'SAME_LOWER' or 'VALID', got {padding!r}")
    pads = []
    for n, k, s in zip(in_shape, window_shape, window_strides, strict=True):
        total = max((-(-n // s) - 1) * s + k - n, 0)
        less, more = total // 2, total - total // 2
        pads.append((less, more) if mode == "SAME" else (more, less))
    return pads


def _inverse(spec: Ints) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argsort(spec))


def _conv_type(lhs: ShapedArray, rhs: ShapedArray, *, window_strides: Ints, padding: Padding,
               lhs_dilation: Ints, rhs_dilation: Ints, dimension_numbers: ConvDimensionNumbers,
               feature_group_count: int, batch_group_count: int, precision: Any,
               preferred_element_type: Any) -> ShapedArray:
    _check_operands(lhs, rhs, preferred_element_type)
    spatial = lhs.ndim - 2
    for what, value in (("window_strides", window_strides), ("padding", padding),
                        ("lhs_dilation", lhs_dilation), ("rhs_dilation", rhs_dilation)):
        if len(value) != spatial:
            raise ValueError(f"conv_general_dilated: {what} must have one entry for each of the"
                             f" {spatial} spatial axes, got {value}")
    for what, value in (("window_strides", window_strides), ("lhs_dilation", lhs_dilation),
                        ("rhs_dilation", rhs_dilation)):
        if any(n < 1 for n in value):
            raise ValueError(f"conv_general_dilated: {what} must be positive, got {value}")
    batch, features, *sizes = (lhs.shape[i] for i in dimension_numbers.lhs_spec)
    outs, ins, *window = (rhs.shape[i] for i in dimension_numbers.rhs_spec)
    _check_groups(batch, features, outs, ins, feature_group_count, batch_group_count,
                  f"of {lhs} and {rhs}")
    shape = [batch // batch_group_count, outs]
    for n, k, s, (low, high), d, e in zip(sizes, window, window_strides, padding, lhs_dilation,
                                          rhs_dilation, strict=True):
        padded = dilated(n, d) + low + high
        if padded < 0:
            raise ValueError(f"conv_general_dilated: negative padding {(low, high)} is more than"
                             f" the axis of length {dilated(n, d)} has")
        reach = padded - dilated(k, e)
        shape.append(reach // s + 1 if reach >= 0 else 0)
    dtype = preferred_element_type or lhs.dtype
    return ShapedArray([shape[i] for i in _inverse(dimension_numbers.out_spec)], dtype)


_PREFERRED = {"b": "b", "i": "if", "u": "uif", "f": "f", "c": "c"}
"""For each kind of operands the kinds of results that may be asked for."""


def _check_operands(lhs: ShapedArray, rhs: ShapedArray, preferred: Any) -> None:
    if lhs.ndim != rhs.ndim or lhs.ndim < 2:
        raise ValueError("conv_general_dilated: operands must have one rank of at least 2, got"
                         f" {lhs} and {rhs}")
    if lhs.dtype != rhs.dtype or dtypes.kind(lhs.dtype) not in "biufc":
        raise TypeError(f"conv_general_dilated: dtypes must match, got {lhs} and {rhs}; convert one"
                        " with lax.convert_element_type")
    if preferred is not None and (
            dtypes.kind(preferred) not in _PREFERRED[dtypes.kind(lhs.dtype)]
            or dtypes.itemsize_bits(preferred) < dtypes.itemsize_bits(lhs.dtype)):
        raise TypeError("conv_general_dilated: preferred_element_type must be of the operands' kind"
                        " (or a float for integers) and not narrower, got"
                        f" {dtypes.short_name(preferred)} for {lhs}")


def _check_groups(batch: int, features: int, outs: int, ins: int, feature_groups: int,
                  batch_groups: int, operands: str) -> None:
    name = "conv_general_dilated"
    if feature_groups < 1 or batch_groups < 1 or (feature_groups > 1 and batch_groups > 1):
        raise ValueError(f"{name}: group counts must be positive, and one of them 1, got"
                         f" feature_group_count={feature_groups},"
                         f" batch_group_count={batch_groups}")
    if features % feature_groups or features // feature_groups != ins:
        raise ValueError(f"{name}: lhs features divided by feature_group_count must be rhs input"
                         f" features, got {features} / {feature_groups} and {ins} {operands};"
                         " choose which axes are features by dimension_numbers")
    if outs % feature_groups or outs % batch_groups or batch % batch_groups:
        raise ValueError(f"{name}: groups must divide rhs output features and the batch evenly, got"
                         f" feature_group_count={feature_groups} and {outs} features,"
                         f" batch_group_count={batch_groups} and a batch of {batch}")


# ---- evaluation ----------------------------------------------------------------------------------
COLUMNS = 1 << 22
"""Elements of the matrix of windows that are laid out at a time."""


def _conv_eval(lhs: np.ndarray, rhs: np.ndarray, *, window_strides: Ints, padding: Padding,
               lhs_dilation: Ints, rhs_dilation: Ints, dimension_numbers: ConvDimensionNumbers,
               feature_group_count: int, batch_group_count: int, precision: Any,
               preferred_element_type: Any) -> np.ndarray:
    out_dtype = preferred_element_type or lhs.dtype
    dtype = accumulator(lhs.dtype, rhs.dtype, out_dtype)
    x = lhs.transpose(dimension_numbers.lhs_spec)
    w = rhs.transpose(dimension_numbers.rhs_spec).astype(dtype)
    x = _pad(x, padding, lhs_dilation, dtype)
    groups = feature_group_count * batch_group_count
    # [group, batch, feature, spatial...] and [group, out, feature, spatial...]
    if batch_group_count > 1:
        x = x.reshape(groups, x.shape[0] // groups, *x.shape[1:])
    else:
        x = np.moveaxis(x.reshape(x.shape[0], groups, x.shape[1] // groups, *x.shape[2:]), 1, 0)
    w = w.reshape(groups, w.shape[0] // groups, *w.shape[1:])
    y = _windows_times(x, w, window_strides, rhs_dilation)
    y = np.moveaxis(y, 0, 1)
    y = y.reshape(y.shape[0], y.shape[1] * y.shape[2], *y.shape[3:])
    return y.transpose(_inverse(dimension_numbers.out_spec)).astype(out_dtype, copy=False)


def _pad(x: np.ndarray, padding: Padding, dilation: Ints, dtype: Any) -> np.ndarray:
    """`x` with holes and padding of zeros along its spatial axes (negative padding crops)."""
    sizes = x.shape[2:]
    total = [dilated(n, d) + low + high
             for n, d, (low, high) in zip(sizes, dilation, padding, strict=True)]
    out = np.zeros((*x.shape[:2], *total), dtype)
    source, target = [slice(None)] * 2, [slice(None)] * 2
    for n, d, (low, _), t in zip(sizes, dilation, padding, total, strict=True):
        first = -(low // d) if low < 0 else 0  # ceil(-low / d)
        last = min(n, (t - 1 - low) // d + 1)
        source.append(slice(first, max(last, first)))
        start = low + first * d
        target.append(slice(start, start + dilated(max(last - first, 0), d), d))
    out[tuple(target)] = x[tuple(source)]
    return out


def _windows_times(x: np.ndarray, w: np.ndarray, strides: Ints, dilation: Ints) -> np.ndarray:
    """out[g, n, o, t] = sum over c, k of x[g, n, c, t * stride + k * dilation] w[g, o, c, k]."""
    window = w.shape[3:]
    places = [max((n - dilated(k, e)) // s + 1, 0)
              for n, k, s, e in zip(x.shape[3:], window, strides, dilation, strict=True)]
    groups, batch, features = x.shape[:3]
    outs, terms = w.shape[1], features * size_of(window)
    y = np.zeros((groups, batch, *places, outs), w.dtype)
    if y.size and terms:
        step = x.strides[3:]
        view = np.lib.stride_tricks.as_strided(
            x, (groups, batch, *places, features, *window),
            (*x.strides[:2], *(a * s for a, s in zip(step, strides, strict=True)), x.strides[2],
             *(a * e for a, e in zip(step, dilation, strict=True))), writeable=False)
        matrix = w.reshape(groups, outs, terms).swapaxes(1, 2)
        rows = places[0] if places else 1
        block = max(1, COLUMNS * rows // max(1, view.size)) if places else 1
        for start in range(0, rows, block):
            part = (slice(None), slice(None), slice(start, start + block)) if places else ()
            some = view[part]
            shape = some.shape[: 2 + len(places)]
            products = product(some.reshape(groups, size_of(shape[1:]), terms), matrix)
            y[part] = products.reshape(*shape, outs)
    return np.moveaxis(y, -1, 2)


# ---- derivatives and batching, in the layout [batch, feature, spatial...] ------------------------
def _swap(spec: Ints) -> tuple[int, ...]:
    return (spec[1], spec[0], *spec[2:])


def _conv_transpose(ct: Any, lhs: Any, rhs: Any, **params: Any) -> list[Any]:
    x, w = typeof_or(lhs), typeof_or(rhs)
    if is_linear(lhs):
        out = _lhs_cotangent(ct, x, rhs, **params)
        return [convert_element_type(out, x.dtype), None]
    out = _rhs_cotangent(ct, lhs, w, **params)
    return [None, convert_element_type(out, w.dtype)]


def _lengths(x: ShapedArray, w: ShapedArray, ct: ShapedArray, dims: ConvDimensionNumbers,
             strides: Ints, x_dilation: Ints, w_dilation: Ints) -> list[tuple[int, int, int]]:
    """Dilated lengths of lhs, rhs and result along each spatial axis."""
    return [(dilated(x.shape[i], d), dilated(w.shape[j], e), dilated(ct.shape[k], s))
            for i, j, k, d, e, s in zip(dims.lhs_spec[2:], dims.rhs_spec[2:], dims.out_spec[2:],
                                        x_dilation, w_dilation, strides, strict=True)]


def _lhs_cotangent(ct: Any, x: ShapedArray, rhs: Any, *, window_strides: Ints, padding: Padding,
                   lhs_dilation: Ints, rhs_dilation: Ints, dimension_numbers: ConvDimensionNumbers,
                   feature_group_count: int, batch_group_count: int, **params: Any) -> Any:
    dims, groups = dimension_numbers, feature_group_count * batch_group_count
    lengths = _lengths(x, typeof(rhs), typeof(ct), dims, window_strides, lhs_dilation, rhs_dilation)
    pads = []
    for (n, k, t), (low, _) in zip(lengths, padding, strict=True):
        before = k - 1 - low
        pads.append((before, n + k - 1 - t - before))
    kernel = convert_element_type(transpose(rhs, dims.rhs_spec), typeof(ct).dtype)
    outs, ins, *window = typeof(kernel).shape
    kernel = rev(kernel, tuple(range(2, 2 + len(window))))
    kernel = move_axis(reshape(kernel, (groups, outs // groups, ins, *window)), 2, 1)
    kernel = reshape(kernel, (groups * ins, outs // groups, *window))
    iota = tuple(range(x.ndim))
    out = conv_general_dilated_p.bind(
        ct, kernel, window_strides=lhs_dilation, padding=tuple(pads), lhs_dilation=window_strides,
        rhs_dilation=rhs_dilation, feature_group_count=groups, batch_group_count=1,
        dimension_numbers=ConvDimensionNumbers(dims.out_spec, iota, iota), **params)
    if batch_group_count > 1:  # the groups come back as features: [n, (g c)] -> [(g n), c]
        n, features, *spatial = typeof(out).shape
        out = move_axis(reshape(out, (n, groups, features // groups, *spatial)), 1, 0)
        out = reshape(out, (groups * n, features // groups, *spatial))
    return transpose(out, _inverse(dims.lhs_spec))


def _rhs_cotangent(ct: Any, lhs: Any, w: ShapedArray, *, window_strides: Ints, padding: Padding,
                   lhs_dilation: Ints, rhs_dilation: Ints, dimension_numbers: ConvDimensionNumbers,
                   feature_group_count: int, batch_group_count: int, **params: Any) -> Any:
    dims = dimension_numbers
    lengths = _lengths(typeof(lhs), w, typeof(ct), dims, window_strides, lhs_dilation, rhs_dilation)
    pads = [(low, k + t - 1 - n - low)
            for (n, k, t), (low, _) in zip(lengths, padding, strict=True)]
    return conv_general_dilated_p.bind(
        convert_element_type(lhs, typeof(ct).dtype), ct, window_strides=rhs_dilation,
        padding=tuple(pads), lhs_dilation=lhs_dilation, rhs_dilation=window_strides,
        feature_group_count=batch_group_count, batch_group_count=feature_group_count,
        dimension_numbers=ConvDimensionNumbers(
            _swap(dims.lhs_spec), _swap(dims.out_spec), _swap(dims.rhs_spec)), **params)


def _conv_batch(args: Any, batch_dims: Any, *, dimension_numbers: ConvDimensionNumbers,
                feature_group_count: int, batch_group_count: int, **params: Any) -> Any:
    """Fold the mapped axis into the batch, the output features, or the groups."""
    (lhs, rhs), (lhs_dim, rhs_dim) = args, batch_dims
    size = typeof(lhs).shape[lhs_dim] if lhs_dim is not None else typeof(rhs).shape[rhs_dim]
    dims, groups = dimension_numbers, feature_group_count * batch_group_count
    x, w = _canonical(lhs, lhs_dim, dims.lhs_spec), _canonical(rhs, rhs_dim, dims.rhs_spec)
    iota = tuple(range(len(dims.lhs_spec)))
    if size == 0:
        strip = [ShapedArray(typeof(v).shape[d is not None :], typeof(v).dtype)
                 for v, d in ((x, lhs_dim), (w, rhs_dim))]
        out = _conv_type(*strip, dimension_numbers=ConvDimensionNumbers(iota, iota, dims.out_spec),
                         feature_group_count=feature_group_count,
                         batch_group_count=batch_group_count, **params)
        return full((0, *out.shape), 0, out.dtype), 0
    if rhs_dim is None:
        x = _merge(x, 0, batch_group_count)
    elif lhs_dim is None:
        w = _merge(w, 0, groups)
    else:
        x = _merge(x, 0, 1) if batch_group_count > 1 else _merge(move_axis(x, 0, 1), 1, 1)
        w = _merge(w, 0, 1)
        if batch_group_count > 1:
            batch_group_count *= size
        else:
            feature_group_count *= size
    out = conv_general_dilated_p.bind(
        x, w, dimension_numbers=ConvDimensionNumbers(iota, iota, iota),
        feature_group_count=feature_group_count, batch_group_count=batch_group_count, **params)
    n, outs, *spatial = typeof(out).shape
    if rhs_dim is None:
        out = reshape(out, (size, n // size, outs, *spatial))
    else:
        inner = groups if lhs_dim is None else 1
        out = reshape(out, (n, inner, size, outs // size // inner, *spatial))
        out = move_axis(out, 2, 0)
        out = reshape(out, (size, n, outs // size, *spatial))
    return transpose(out, (0, *(i + 1 for i in _inverse(dims.out_spec)))), 0


def _canonical(x: Any, dim: int | None, spec: Ints) -> Any:
    """Axes in the order of `spec`, the mapped one (if any) in front."""
    if dim is None:
        return transpose(x, spec)
    return transpose(move_axis(x, dim, 0), (0, *(i + 1 for i in spec)))


def _merge(x: Any, axis: int, groups: int) -> Any:
    """Fold an axis into the next, inside its groups: [b, (g n)] -> [(g b n)]."""
    shape = typeof(x).shape
    size, inner = shape[axis : axis + 2]
    if groups > 1:
        x = reshape(x, (*shape[:axis], size, groups, inner // groups, *shape[axis + 2 :]))
        x = move_axis(x, axis, axis + 1)
    return reshape(x, (*shape[:axis], size * inner, *shape[axis + 2 :]))


# ---- conv_general_dilated -----------------------------------------------------------------------
conv_general_dilated_p = Primitive(
    "conv_general_dilated", type=_conv_type, eval=_conv_eval, transpose=_conv_transpose,
    jvp=[lambda t, out, x, y, **params: conv_general_dilated_p.bind(t, y, **params),
         lambda t, out, x, y, **params: conv_general_dilated_p.bind(x, t, **params)],
    batch=_conv_batch, kernel=conv_kernel)
conv_general_dilated_p.division = conv_division


def conv_dimension_numbers(lhs_shape: Ints, rhs_shape: Ints, dimension_numbers: Any
                           ) -> ConvDimensionNumbers:
    """Write the axes of a convolution as numbers.

    lhs_shape, rhs_shape: shapes of the operands. dimension_numbers: None for batch and feature
    first, and output features first in rhs; strings such as ("NHWC", "HWIO", "NHWC"); or numbers ->
    a ConvDimensionNumbers. Raises TypeError for others.

    >>> lax.conv_dimension_numbers((1, 5, 2), (3, 2, 4), ("NWC", "WIO", "NWC")).rhs_spec
    (2, 1, 0)
    """
    if isinstance(dimension_numbers, ConvDimensionNumbers):
        return dimension_numbers
    rank = len(lhs_shape)
    if rank != len(rhs_shape):
        raise TypeError(f"convolution: operands must have one rank, got {rank} and"
                        f" {len(rhs_shape)}")
    if dimension_numbers is None:
        iota = tuple(range(rank))
        return ConvDimensionNumbers(iota, iota, iota)
    specs = dimension_numbers
    if not (isinstance(specs, (tuple, list)) and len(specs) == 3
            and all(isinstance(s, str) and len(s) == len(set(s)) == rank for s in specs)):
        raise TypeError("convolution: dimension_numbers must be None or three strings of"
                        f" {rank} different letters each, got {specs!r}")
    pairs = ("NC", "OI", "NC")
    labels = [set(s) - set(p) for s, p in zip(specs, pairs, strict=True)]
    if any(not set(p) <= set(s) for s, p in zip(specs, pairs, strict=True)) or not (
            labels[0] == labels[1] == labels[2]):
        raise TypeError("convolution: dimension_numbers must contain N and C, O and I, N and C, and"
                        f" the same spatial letters, got {specs!r}")
    order = [c for c in specs[1] if c not in "OI"]
    return ConvDimensionNumbers(*(tuple(s.index(c) for c in (*p, *order))
                                  for s, p in zip(specs, pairs, strict=True)))


def _pairs(padding: Any) -> tuple[tuple[int, int], ...]:
    """Numbers of elements to add before and after each axis, as integers."""
    try:
        return tuple((operator.index(low), operator.index(high)) for low, high in padding)
    except (TypeError, ValueError):
        raise ValueError("conv_general_dilated: padding must be a string or pairs (low, high) of"
                         f" integers, got {padding!r}") from None


@takes_out_sharding
def _check_strides(strides: Ints, x: ShapedArray) -> None:
    if len(strides) != x.ndim - 2:
        raise ValueError("conv_general_dilated: window_strides must have an entry for each spatial"
                         f" axis of lhs, got {strides} for {x}; the other two axes are batch and"
                         " features, as x[None, None] gives them")


def conv_general_dilated(lhs: Any, rhs: Any, window_strides: Ints, padding: Any,
                         lhs_dilation: Ints | None = None, rhs_dilation: Ints | None = None,
                         dimension_numbers: Any = None, feature_group_count: int = 1,
                         batch_group_count: int = 1, precision: Any = None,
                         preferred_element_type: Any = None, out_sharding: Any = None) -> Any:
    """Correlate windows of `lhs` with the kernel `rhs`.

    lhs: number [batch, feature, spatial...]. rhs: [out feature, in feature, spatial...], or as
    `dimension_numbers` says. window_strides: steps between windows. padding: 'SAME', 'SAME_LOWER',
    'VALID' or pairs (may be negative). lhs_dilation, rhs_dilation: spread of elements.
    feature_group_count, batch_group_count: groups convolved apart. preferred_element_type: the
    dtype of the result. precision: without effect. out_sharding: how Explicit axes divide the
    result -> [batch, out feature, spatial...]. Raises TypeError, ValueError for what does not fit.

    >>> lax.conv_general_dilated(np.arange(4.).reshape(1, 1, 4), np.ones((1, 1, 2)), (1,), "VALID")
    Array([[[1., 3., 5.]]], dtype=float64)
    """
    x, w = typeof(lhs), typeof(rhs)
    dims = conv_dimension_numbers(x.shape, w.shape, dimension_numbers)
    ones = (1,) * (x.ndim - 2)
    holes = ones if lhs_dilation is None else tuple(int(d) for d in lhs_dilation)
    taps = ones if rhs_dilation is None else tuple(int(d) for d in rhs_dilation)
    strides = tuple(int(s) for s in window_strides)
    _check_strides(strides, x)
    if isinstance(padding, str) or hasattr(padding, "name"):
        if any(d != 1 for d in holes):
            raise ValueError("conv_general_dilated: padding of a dilated lhs must be given as pairs"
                             f" of numbers, got {padding!r}; or use conv_transpose")
        window = [dilated(w.shape[i], d) for i, d in zip(dims.rhs_spec[2:], taps, strict=True)]
        padding = padtype_to_pads([x.shape[i] for i in dims.lhs_spec[2:]], window, strides, padding)
    pads = _pairs(padding)
    preferred = None if preferred_element_type is None else dtypes.as_user_dtype(
        preferred_element_type, "conv_general_dilated")
    return conv_general_dilated_p.bind(
        lhs, rhs, window_strides=strides, padding=pads, lhs_dilation=holes, rhs_dilation=taps,
        dimension_numbers=dims, feature_group_count=int(feature_group_count),
        batch_group_count=int(batch_group_count), precision=canonicalize_precision(precision),
        preferred_element_type=preferred)


__all__ = ["ConvDimensionNumbers", "conv_dimension_numbers", "conv_general_dilated",
           "conv_general_dilated_p", "padtype_to_pads"]
