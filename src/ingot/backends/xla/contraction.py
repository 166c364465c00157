"""Contractions and convolutions in StableHLO."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot import dtypes
from ingot.backends.xla.elementwise import imag, real
from ingot.backends.xla.rules import rule
from ingot.backends.xla.stablehlo import Builder, Value
from ingot.backends.xla.types import GPUS, device_dtype, i64_array, integers
from ingot.errors import UndefinedRuleError

PRECISIONS = {"default": "DEFAULT", "high": "HIGH", "highest": "HIGHEST"}


def _precision(precision: Any) -> str:
    """The precision of both operands; by default all digits of the dtype, as on the CPU."""
    pair = precision if isinstance(precision, (tuple, list)) else (precision, precision)
    names = [PRECISIONS.get(str(getattr(p, "name", p) or "highest").lower(), "HIGHEST")
             for p in pair]
    return (f"precision_config = [#stablehlo<precision {names[0]}>,"
            f" #stablehlo<precision {names[1]}>]")


def _check_dtype(b: Builder, name: str, dtype: Any, refused: bool, remedy: str) -> None:
    if refused:
        raise UndefinedRuleError(f"{name}: no rule for XLA on {b.module.platform} for"
                                 f" {dtypes.short_name(dtype)}; {remedy}")


def _is_wide(dtype: Any) -> bool:
    """Whether a dtype is of integers that TPUs make of pairs, which XLA cannot multiply so."""
    return dtypes.kind(dtype) in "iu" and dtype.itemsize == 8


@rule("dot_general")
def _dot_general(b: Builder, x: Value, y: Value, out: Any, dimension_numbers: Any,
                 precision: Any = None, **_: Any) -> Value:
    (x_contract, y_contract), (x_batch, y_batch) = dimension_numbers
    dtype = device_dtype(out.dtype)
    _check_dtype(b, "dot_general", dtype, b.module.platform == "tpu" and _is_wide(dtype),
                 "convert the arrays to i32 first")
    if dtypes.kind(dtype) != dtypes.kind(x.dtype) or dtype == np.bool_:
        x, y = b.convert(x, dtype), b.convert(y, dtype)
    numbers = (f"dot_dimension_numbers = #stablehlo.dot<"
               f"lhs_batching_dimensions = {integers(x_batch)},"
               f" rhs_batching_dimensions = {integers(y_batch)},"
               f" lhs_contracting_dimensions = {integers(x_contract)},"
               f" rhs_contracting_dimensions = {integers(y_contract)}>")
    return b.op("stablehlo.dot_general", [x, y], out.shape, dtype,
                f"{numbers}, {_precision(precision)}")


def _layout(spec: Any, first: str, second: str) -> str:
    """The axes of an operand in their order: [b, f, 0, 1]."""
    names: list[str] = [""] * len(spec)
    names[spec[0]], names[spec[1]] = first, second
    for k, axis in enumerate(spec[2:]):
        names[axis] = str(k)
    return f"[{', '.join(names)}]"


@rule("conv_general_dilated")
def _convolution(b: Builder, x: Value, kernel: Value, out: Any, **params: Any) -> Value:
    dtype = device_dtype(out.dtype)
    kind = dtypes.kind(dtype)
    _check_dtype(b, "conv_general_dilated", dtype,
                 b.module.platform in GPUS and kind in "iu" and dtype != np.int8,
                 "convert the arrays to f64 first, which is exact up to 2**53")
    _check_dtype(b, "conv_general_dilated", dtype,
                 b.module.platform == "tpu" and _is_wide(dtype), "convert the arrays to i32 first")
    if b.module.platform not in GPUS or kind != "c":
        return _real_convolution(b, x, kernel, out.shape, dtype, **params)
    # XLA's convolutions on GPUs have no complex numbers.
    def part(f: Any, g: Any) -> Value:
        p, q = f(b, x), g(b, kernel)
        return _real_convolution(b, p, q, out.shape, p.dtype, **params)

    return b.op("stablehlo.complex", [
        b.same("subtract", part(real, real), part(imag, imag)),
        b.same("add", part(real, imag), part(imag, real))], out.shape, dtype)


def _real_convolution(b: Builder, x: Value, kernel: Value, shape: Any, dtype: Any,
                      window_strides: Any, padding: Any, lhs_dilation: Any, rhs_dilation: Any,
                      dimension_numbers: Any, feature_group_count: int, batch_group_count: int,
                      precision: Any = None, **_: Any) -> Value:
    d, rank = dimension_numbers, len(window_strides)
    pads = f"[{', '.join(f'[{low}, {high}]' for low, high in padding)}]" if rank else ""
    numbers = (f"#stablehlo.conv<{_layout(d.lhs_spec, 'b', 'f')}x{_layout(d.rhs_spec, 'o', 'i')}"
               f"->{_layout(d.out_spec, 'b', 'f')}>")
    return b.op(
        "stablehlo.convolution", [x, kernel], shape, dtype,
        f"window_strides = {i64_array(window_strides)}, padding = dense<{pads}> :"
        f" tensor<{rank}x2xi64>, lhs_dilation = {i64_array(lhs_dilation)}, rhs_dilation ="
        f" {i64_array(rhs_dilation)}, dimension_numbers = {numbers}, feature_group_count ="
        f" {feature_group_count} : i64, batch_group_count = {batch_group_count} : i64,"
        f" {_precision(precision)}")
