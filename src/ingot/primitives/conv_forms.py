"""Convolutions in other forms: plain, transposed, patches, and with a kernel for each place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.core.interpreter import typeof
from ingot.primitives.conv import (
    ConvDimensionNumbers,
    conv_dimension_numbers,
    conv_general_dilated,
    dilated,
)
from ingot.primitives.dot import dot_general
from ingot.primitives.movement import transpose
from ingot.primitives.shape import rev
from ingot.util import size_of

Ints = Sequence[int]


def conv(lhs: Any, rhs: Any, window_strides: Ints, padding: Any, precision: Any = None,
         preferred_element_type: Any = None) -> Any:
    """Convolve with batch and features first, without dilation.

    lhs, rhs, window_strides, padding, precision, preferred_element_type -> result and errors: those
    of `conv_general_dilated`.

    >>> lax.conv(np.ones((1, 1, 3)), np.ones((1, 1, 2)), (1,), "VALID")
    Array([[[2., 2.]]], dtype=float64)
    """
    return conv_general_dilated(lhs, rhs, window_strides, padding, precision=precision,
                                preferred_element_type=preferred_element_type)


def conv_with_general_padding(lhs: Any, rhs: Any, window_strides: Ints, padding: Any,
                              lhs_dilation: Ints | None, rhs_dilation: Ints | None,
                              precision: Any = None, preferred_element_type: Any = None) -> Any:
    """Convolve with batch and features first, dilated.

    lhs, rhs, window_strides, padding, lhs_dilation, rhs_dilation, precision, preferred_element_type
    -> result and errors: those of `conv_general_dilated`.

    >>> x, w = np.ones((1, 1, 3)), np.ones((1, 1, 2))
    >>> lax.conv_with_general_padding(x, w, (1,), [(0, 1)], None, None)
    Array([[[2., 2., 1.]]], dtype=float64)
    """
    return conv_general_dilated(lhs, rhs, window_strides, padding, lhs_dilation, rhs_dilation,
                                precision=precision, preferred_element_type=preferred_element_type)


def _transposed_padding(size: int, stride: int, padding: Any) -> tuple[int, int]:
    """Padding of the dilated input that undoes a convolution with this padding."""
    if padding == "SAME":
        total = size + stride - 2
        low = size - 1 if stride > size - 1 else -(-total // 2)
    elif padding == "VALID":
        total = size + stride - 2 + max(size - stride, 0)
        low = size - 1
    else:
        low, high = (size - 1 - p for p in padding)
        total = low + high
    return low, total - low


_CHANNELS_LAST = {2: ("NC", "IO", "NC"), 3: ("NHC", "HIO", "NHC"), 4: ("NHWC", "HWIO", "NHWC"),
                  5: ("NHWDC", "HWDIO", "NHWDC")}


def conv_transpose(lhs: Any, rhs: Any, strides: Ints, padding: Any,
                   rhs_dilation: Ints | None = None, dimension_numbers: Any = None,
                   transpose_kernel: bool = False, precision: Any = None,
                   preferred_element_type: Any = None, use_consistent_padding: bool = False) -> Any:
    """Convolve with fractional strides, features last by default.

    lhs, rhs, rhs_dilation, dimension_numbers, precision, preferred_element_type: those of
    `conv_general_dilated`. strides: the inverse steps. padding: strings, and with
    `use_consistent_padding` numbers as well, are those of the convolution that it transposes.
    transpose_kernel: whether it is the gradient of a convolution with this kernel -> [batch,
    spatial..., out feature]. Raises ValueError where no default of dimension_numbers exists.

    >>> lax.conv_transpose(np.ones((1, 2, 1)), np.ones((2, 1, 1)), (2,), "VALID").shape
    (1, 4, 1)
    """
    x, w = typeof(lhs), typeof(rhs)
    if dimension_numbers is None:
        if x.ndim not in _CHANNELS_LAST:
            raise ValueError("conv_transpose: give dimension_numbers for operands of rank"
                             f" {x.ndim}")
        dimension_numbers = _CHANNELS_LAST[x.ndim]
    dims = conv_dimension_numbers(x.shape, w.shape, dimension_numbers)
    spatial = tuple(dims.rhs_spec[2:])
    taps = (1,) * len(spatial) if rhs_dilation is None else tuple(rhs_dilation)
    named = isinstance(padding, str)
    if use_consistent_padding or (named and padding in ("SAME", "VALID")):
        each = [padding] * len(strides) if named else [tuple(p) for p in padding]
        padding = [_transposed_padding(dilated(w.shape[i], d), s, p)
                   for i, d, s, p in zip(spatial, taps, strides, each, strict=True)]
    if transpose_kernel:
        rhs = rev(rhs, spatial)
        order = list(range(w.ndim))
        outs, ins = dims.rhs_spec[:2]
        order[outs], order[ins] = ins, outs
        rhs = transpose(rhs, order)
    return conv_general_dilated(lhs, rhs, (1,) * len(spatial), padding, strides, taps, dims,
                                precision=precision, preferred_element_type=preferred_element_type)


def conv_general_dilated_patches(lhs: Any, filter_shape: Ints, window_strides: Ints, padding: Any,
                                 lhs_dilation: Ints | None = None, rhs_dilation: Ints | None = None,
                                 dimension_numbers: Any = None, precision: Any = None,
                                 preferred_element_type: Any = None) -> Any:
    """Lay out the window around each place along the feature axis, input feature slowest.

    lhs: [batch, c, spatial...]. filter_shape: lengths of a window. window_strides, padding,
    lhs_dilation, rhs_dilation, dimension_numbers, precision, preferred_element_type, errors: those
    of `conv_general_dilated` -> [batch, c * prod(filter_shape), spatial...].

    >>> lax.conv_general_dilated_patches(np.arange(3.).reshape(1, 1, 3), (2,), (1,), "VALID")
    Array([[[0., 1.],
            [1., 2.]]], dtype=float64)
    """
    x = typeof(lhs)
    filter_shape = tuple(filter_shape)
    dims = conv_dimension_numbers(x.shape, (1,) * x.ndim, dimension_numbers)
    channels, size = x.shape[dims.lhs_spec[1]], size_of(filter_shape)
    kernel = np.tile(np.eye(size).reshape(size, 1, *filter_shape),
                     (channels, *[1] * (x.ndim - 1))).astype(x.dtype)
    kernel = kernel.transpose([int(i) for i in np.argsort(dims.rhs_spec)])
    return conv_general_dilated(
        lhs, kernel, window_strides, padding, lhs_dilation, rhs_dilation, dims,
        feature_group_count=channels, precision=precision,
        preferred_element_type=preferred_element_type)


def conv_general_dilated_local(lhs: Any, rhs: Any, window_strides: Ints, padding: Any,
                               filter_shape: Ints, lhs_dilation: Ints | None = None,
                               rhs_dilation: Ints | None = None, dimension_numbers: Any = None,
                               precision: Any = None) -> Any:
    """Convolve with a kernel that differs from place to place.

    lhs: [batch, c, spatial...]. rhs: [out, c * prod(filter_shape), spatial of the result...].
    filter_shape: lengths of a window. window_strides, padding, lhs_dilation, rhs_dilation,
    dimension_numbers, precision, errors: those of `conv_general_dilated` -> [batch, out,
    spatial...].

    >>> x, w = np.ones((1, 1, 3)), np.ones((1, 2, 2))
    >>> lax.conv_general_dilated_local(x, w, (1,), "VALID", (2,))
    Array([[[2., 2.]]], dtype=float64)
    """
    dims = conv_dimension_numbers(typeof(lhs).shape, typeof(rhs).shape, dimension_numbers)
    patches = conv_general_dilated_patches(
        lhs, filter_shape, window_strides, padding, lhs_dilation, rhs_dilation,
        ConvDimensionNumbers(dims.lhs_spec, dims.rhs_spec, dims.out_spec), precision)
    out = dot_general(rhs, patches, (((dims.rhs_spec[1],), (dims.out_spec[1],)),
                                     (dims.rhs_spec[2:], dims.out_spec[2:])), precision)
    # [spatial..., out feature, batch]
    spatial = len(dims.out_spec) - 2
    places = (spatial + 1, spatial, *range(spatial))
    return transpose(out, tuple(places[i] for i in np.argsort(dims.out_spec)))


__all__ = ["conv", "conv_general_dilated_local", "conv_general_dilated_patches", "conv_transpose",
           "conv_with_general_padding"]
