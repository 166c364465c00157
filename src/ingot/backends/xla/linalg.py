"""Linear algebra and Fourier transforms in StableHLO."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot.backends.xla import lapack_calls
from ingot.backends.xla.elementwise import conj
from ingot.backends.xla.rules import rule
from ingot.backends.xla.stablehlo import Builder, Value
from ingot.backends.xla.types import device_dtype, i64_array
from ingot.dtypes import complex_of

PLACE = np.dtype(np.int32)


def below(b: Builder, x: Value) -> Value:
    """Append which elements of matrices are on the diagonal or below it."""
    rank = len(x.shape)
    return b.compare("GE", b.iota(x.shape, PLACE, rank - 2), b.iota(x.shape, PLACE, rank - 1))


@rule("cholesky")
def _cholesky(b: Builder, x: Value, out: Any) -> Value:
    if lapack_calls.divides(b, [x]):
        factor = lapack_calls.cholesky(b, x)
    else:
        factor = b.same("cholesky", x, attributes="lower = true")
    return b.select(below(b, x), factor, b.full_like(x, 0))


@rule("triangular_solve")
def _triangular_solve(b: Builder, a: Value, right: Value, out: Any, left_side: bool, lower: bool,
                      transpose_a: bool, conjugate_a: bool, unit_diagonal: bool) -> Value:
    if conjugate_a and not transpose_a and a.dtype.kind == "c":
        a = conj(b, a)
    if lapack_calls.divides(b, [a, right]):
        return lapack_calls.triangular_solve(b, a, right, left_side, lower, transpose_a,
                                             conjugate_a, unit_diagonal)
    form = ("ADJOINT" if conjugate_a else "TRANSPOSE") if transpose_a else "NO_TRANSPOSE"
    truth = {True: "true", False: "false"}
    return b.op("stablehlo.triangular_solve", [a, right], right.shape, right.dtype,
                f"left_side = {truth[left_side]}, lower = {truth[lower]}, unit_diagonal ="
                f" {truth[unit_diagonal]}, transpose_a = #stablehlo<transpose {form}>")


@rule("fft")
def _fft(b: Builder, x: Value, out: Any, fft_type: Any, fft_lengths: Any) -> Value:
    if fft_type.name != "RFFT":
        x = b.convert(x, complex_of(x.dtype) if x.dtype.kind == "f" else x.dtype)
    if not fft_lengths:
        return b.convert(x, device_dtype(out.dtype))
    return b.op("stablehlo.fft", [x], out.shape, device_dtype(out.dtype),
                f"fft_type = #stablehlo<fft_type {fft_type.name}>,"
                f" fft_length = {i64_array(fft_lengths)}")


@rule("divide_by_gap")
def _divide_by_gap(b: Builder, x: Value, gap: Value, out: Any) -> Value:
    zero = b.full_like(x, 0)
    nan = b.select(b.compare("EQ", x, zero), x, b.full_like(x, np.nan))
    return b.select(b.compare("EQ", gap, zero), nan, b.same("divide", x, gap))
