"""Changes of dtype: convert_element_type, bitcast_convert_type, reduce_precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.config import config
from ingot.core.avals import ShapedArray
from ingot.core.division import Operands, Spec, carried
from ingot.core.interpreter import to_array, typeof
from ingot.core.primitive import LINEAR, ZERO, NoRule, Primitive
from ingot.core.specs import names_of
from ingot.kernel.rules import (
    ArrayValue,
    Complex,
    Index,
    LazyArray,
    Lowering,
    check_native_dtypes,
    elementwise,
    real_dtype,
)
from ingot.primitives.families import FLOAT, elementwise_type
from ingot.primitives.movement import move_axis
from ingot.primitives.numerics import wide
from ingot.util import warn

BOOL = np.dtype(np.bool_)


# ---- convert_element_type ------------------------------------------------------------------------
def _convert_type(x: ShapedArray, *, new_dtype: Any, weak_type: bool = False,
                  sharding: Any = None) -> ShapedArray:
    if not all(d in dtypes.ANY or d == dtypes.float0 for d in (x.dtype, new_dtype)):
        raise TypeError(
            f"convert_element_type: only numbers and booleans convert, got {x} to"
            f" {dtypes.short_name(new_dtype)}; use random.key_data for keys")
    return ShapedArray(x.shape, new_dtype, weak_type)


def _convert_eval(x: np.ndarray, *, new_dtype: Any, **_: Any) -> np.ndarray:
    have, want = dtypes.kind(x.dtype), dtypes.kind(new_dtype)
    if x.dtype == new_dtype:
        return x
    if have == "c" and want == "b":
        return x != 0
    if have == "c" and want != "c":
        x, have = np.real(x), "f"
    if have == "f" and want in "iu":
        return _saturate(x, new_dtype)
    if want in "V" or have == "V":
        return np.zeros(x.shape, new_dtype)
    if x.dtype == np.float64 and want == "f" and new_dtype.itemsize == 1:
        x = _to_odd(x)
    if wide(new_dtype) != new_dtype:  # not every pair of narrow dtypes has a cast of its own
        x = x.astype(wide(x.dtype))
    return x.astype(new_dtype)


def _to_odd(x: np.ndarray) -> np.ndarray:
    """Floats that are rounded to 8 bits as the doubles would be: by way of the nearest float they
    would be rounded twice. The last bit says whether anything was cut off."""
    low = np.uint64((1 << 29) - 1)
    bits = x.view(np.uint64)
    bits = (bits | ((bits & low) + low)) & ~low
    return bits.view(np.float64).astype(np.float32)


def _saturate(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Floats truncated to integers; nan becomes 0 and what is out of range the nearest limit."""
    if x.dtype.itemsize < 4:
        x = x.astype(np.float32)
    limits = dtypes.iinfo(dtype)
    # 2**k is a float where the largest integer is not: so compare with one beyond the limit.
    low, high = x <= float(limits.min), x >= float(limits.max + 1)
    inside = np.where(low | high | np.isnan(x), x.dtype.type(0), x)
    word = np.uint64 if limits.min == 0 else np.int64
    out = inside.astype(word)
    out = np.where(high, word(limits.max), np.where(low, word(limits.min), out))
    return out.astype(dtype)


def _convert_scalar(build: Lowering, x: Any, *, out_dtype: np.dtype, **_: Any) -> Any:
    if type(x) is Complex:
        if out_dtype.kind == "c":
            part = real_dtype(out_dtype)
            return Complex(build.op("convert", x.real, dtype=part),
                           build.op("convert", x.imag, dtype=part), out_dtype)
        if out_dtype == BOOL:
            zero = build.const(0, x.real.dtype)
            return build.op("or", build.op("ne", x.real, zero), build.op("ne", x.imag, zero))
        return build.op("convert", x.real, dtype=out_dtype)
    if out_dtype.kind == "c":
        part = real_dtype(out_dtype)
        return Complex(build.op("convert", x, dtype=part), build.const(0, part), out_dtype)
    if out_dtype == BOOL and x.dtype != BOOL:
        return build.op("ne", x, build.const(0, x.dtype))
    return build.op("convert", x, dtype=out_dtype)


def _convert_transpose(ct: Any, x: Any, **_: Any) -> list[Any]:
    return [convert_element_type_p.bind(ct, new_dtype=x.dtype, weak_type=x.aval.weak_type,
                                        sharding=None)]


convert_element_type_p = Primitive(
    "convert_element_type", type=_convert_type, eval=_convert_eval, jvp=LINEAR,
    transpose=_convert_transpose,
    batch=lambda args, dims, **params: (convert_element_type_p.bind(*args, **params), dims[0]),
    kernel=elementwise(_convert_scalar, cost=1), recompute_cost=1)
convert_element_type_p.marks = carried


def convert_element_type(operand: Any, new_dtype: Any) -> Any:
    """The values of an array in another dtype, without weak type.

    operand: number or boolean [...] -> `new_dtype` [...]. Floats truncate towards zero to integers,
    those out of range become the nearest limit and nan becomes 0; integers wrap around; complex
    numbers lose their imaginary part, with a ComplexWarning. Raises TypeError for PRNG keys.

    >>> lax.convert_element_type(300.7, "int8")
    Array(127, dtype=int8)
    """
    dtype: Any = dtypes.as_user_dtype(new_dtype, "convert_element_type")
    if type(operand) is int and dtypes.kind(dtype) in "biufc":  # larger than the default dtype
        operand = np.asarray(operand).astype(dtype)
    x = to_array(operand)
    aval = x.aval
    if aval.dtype == dtype and not aval.weak_type:
        return x
    if aval.dtype in dtypes.COMPLEX and dtypes.kind(dtype) in "iuf":
        warn(f"convert_element_type: {aval} to {dtypes.short_name(dtype)} discards the"
                      " imaginary part", np.exceptions.ComplexWarning)
    return convert_element_type_p.bind(x, new_dtype=dtype, weak_type=False, sharding=None)


def in_double_parts(fun: Callable[..., Any], *xs: Any) -> Any:
    """`fun` of floats or complex numbers of one type, computed in 64-bit parts, in their type: for
    formulas in which digits cancel."""
    have = typeof(xs[0]).dtype
    want = np.dtype(np.complex128 if have in dtypes.COMPLEX else np.float64)
    if have == want:
        return fun(*xs)
    with config.override("enable_x64", True):  # whatever is offered to users
        out = fun(*(convert_element_type_p.bind(x, new_dtype=want, weak_type=False, sharding=None)
                    for x in xs))
    return convert_element_type_p.bind(out, new_dtype=have, weak_type=False, sharding=None)


# ---- bitcast_convert_type ------------------------------------------------------------------------
def _bitcast_type(x: ShapedArray, *, new_dtype: Any) -> ShapedArray:
    if x.dtype == new_dtype:
        return x.strip_weak_type()
    if not all(dtypes.kind(d) in "iuf" for d in (x.dtype, new_dtype)):
        raise TypeError(
            f"bitcast_convert_type: real numbers only, got {x} to {dtypes.short_name(new_dtype)};"
            " use x.view(dtype) for booleans and complex numbers")
    have, want = dtypes.itemsize_bits(x.dtype), dtypes.itemsize_bits(new_dtype)
    if have == want:
        return ShapedArray(x.shape, new_dtype)
    if have > want and have % want == 0:
        return ShapedArray((*x.shape, have // want), new_dtype)
    if have < want and x.ndim and x.shape[-1] * have == want:
        return ShapedArray(x.shape[:-1], new_dtype)
    raise ValueError(
        f"bitcast_convert_type: {x} has no {want}-bit elements along its last axis, which must have"
        f" length {want / have:g} for {dtypes.short_name(new_dtype)}; reshape it first")


def _bitcast_eval(x: np.ndarray, *, new_dtype: Any) -> np.ndarray:
    have, want = dtypes.itemsize_bits(x.dtype), dtypes.itemsize_bits(new_dtype)
    x = np.ascontiguousarray(x).reshape(x.shape)
    if have == want:
        return x.view(new_dtype)
    if min(have, want) >= 8:
        if have > want:
            return x[..., None].view(new_dtype)
        return x.view(new_dtype)[..., 0]
    if have > want:  # 4 bits and less: one element a byte in memory, the lowest bits first
        shifts = np.arange(0, have, want, dtype=np.uint64)
        bits = x.view(f"u{have // 8}").astype(np.uint64)[..., None] >> shifts
        return (bits & ((1 << want) - 1)).astype(np.uint8).astype(f"uint{want}").view(new_dtype)
    shifts = np.arange(0, want, have, dtype=np.uint64)
    bits = (x.view(np.uint8) & ((1 << have) - 1)).astype(np.uint64) << shifts
    return np.bitwise_or.reduce(bits, axis=-1).astype(f"u{want // 8}").view(new_dtype)


def _bitcast_batch(args: Sequence[Any], dims: Sequence[Any], *, new_dtype: Any) -> Any:
    x = move_axis(args[0], dims[0], 0)
    return bitcast_convert_type(x, new_dtype), 0


def _to_unsigned(dtype: np.dtype) -> np.dtype:
    return np.dtype(f"u{dtype.itemsize}")


def _bitcast_kernel(build: Lowering, x: ArrayValue, *, out: Any, new_dtype: Any) -> ArrayValue:
    check_native_dtypes(x.dtype, out.storage)
    have, want = x.dtype, out.storage

    def same(build: Lowering, index: Sequence[Index]) -> Any:
        return build.op("bitcast", x.at(build, index), dtype=want)

    def narrow(build: Lowering, index: Sequence[Index]) -> Any:
        word = _to_unsigned(have)
        bits = build.op("bitcast", x.at(build, index[:-1]), dtype=word)
        offset = build.op("convert", build.index(build.index_mul(index[-1], 8 * want.itemsize)),
                          dtype=word)
        part = build.op("shift_right_logical", bits, offset)
        return build.op("bitcast", build.op("convert", part, dtype=_to_unsigned(want)), dtype=want)

    def widen(build: Lowering, index: Sequence[Index]) -> Any:
        word = _to_unsigned(want)
        bits = build.const(0, word)
        for i in range(x.shape[-1]):
            part = build.op("bitcast", x.at(build, (*index, i)), dtype=_to_unsigned(have))
            part = build.op("shift_left", build.op("convert", part, dtype=word),
                            build.const(8 * have.itemsize * i, word))
            bits = build.op("or", bits, part)
        return build.op("bitcast", bits, dtype=want)

    if have == want:
        return x
    at = same if have.itemsize == want.itemsize else (
        narrow if have.itemsize > want.itemsize else widen)
    return LazyArray(out.shape, want, at, [x], 1 if at is same else 4)


def _bitcast_division(given: Operands) -> list[Spec]:
    (x,), (spec,), (out,) = given.avals, given.specs, given.outs
    if x.ndim == out.ndim:
        return [spec]
    if x.ndim > out.ndim and names_of(spec[-1]):
        given.refuse("the last axis, whose elements are joined, must be whole")
    return [spec[:-1] if x.ndim > out.ndim else (*spec, None)]


bitcast_convert_type_p = Primitive(
    "bitcast_convert_type", type=_bitcast_type, eval=_bitcast_eval, jvp=ZERO,
    transpose=NoRule("the bits of a number carry no derivative"), batch=_bitcast_batch,
    kernel=_bitcast_kernel)
bitcast_convert_type_p.division = _bitcast_division


def bitcast_convert_type(operand: Any, new_dtype: Any) -> Any:
    """The same bits read as another dtype, without derivative.

    operand: real number [...] -> `new_dtype` [...] for equal widths; a narrower dtype appends an
    axis (the lowest bits first), a wider one consumes the last axis, whose length must be the
    ratio of widths. Raises TypeError for booleans and complex numbers, ValueError for a wrong last
    axis.

    >>> lax.bitcast_convert_type(1.0, "int64")
    Array(4607182418800017408, dtype=int64)
    """
    dtype = dtypes.as_user_dtype(new_dtype, "bitcast_convert_type")
    return bitcast_convert_type_p.bind(operand, new_dtype=dtype)


# ---- reduce_precision ----------------------------------------------------------------------------
def _reduce_type(x: ShapedArray, *, exponent_bits: int, mantissa_bits: int) -> ShapedArray:
    if exponent_bits < 1:
        raise ValueError(f"reduce_precision: exponent_bits must be positive, got {exponent_bits}")
    if mantissa_bits < 0:
        raise ValueError(
            f"reduce_precision: mantissa_bits must not be negative, got {mantissa_bits}")
    return _REDUCE_TYPE(x)


_REDUCE_TYPE = elementwise_type("reduce_precision", FLOAT)


def _reduce_eval(x: np.ndarray, *, exponent_bits: int, mantissa_bits: int) -> np.ndarray:
    info = dtypes.finfo(x.dtype)
    word = f"u{x.dtype.itemsize}"
    bits = np.ascontiguousarray(x).reshape(x.shape).view(word)
    one, sign = bits.dtype.type(1), bits.dtype.type(1 << (info.bits - 1))
    magnitude = bits & ~sign
    inf = bits.dtype.type(((1 << info.nexp) - 1) << info.nmant)
    drop = info.nmant - mantissa_bits
    if drop > 0:  # round half to even on the bits; a carry into the exponent is what is wanted
        last = (magnitude >> bits.dtype.type(drop)) & one
        half = bits.dtype.type((1 << (drop - 1)) - 1)
        magnitude = (magnitude + half + last) & (sign - one) & ~bits.dtype.type((1 << drop) - 1)
    if exponent_bits < info.nexp:
        bias, own = (1 << (exponent_bits - 1)) - 1, (1 << (info.nexp - 1)) - 1
        exponent = magnitude >> bits.dtype.type(info.nmant)
        magnitude = np.where(exponent > own + bias, inf, magnitude)
        magnitude = np.where(exponent <= own - bias, bits.dtype.type(0), magnitude)
    out = (magnitude | (bits & sign)).astype(word)
    return np.where(np.isnan(x), x, out.view(x.dtype))


def _reduce_kernel(build: Lowering, x: ArrayValue, *, out: Any, exponent_bits: int,
                   mantissa_bits: int) -> ArrayValue:
    check_native_dtypes(x.dtype)
    info = dtypes.finfo(x.dtype)
    drop, narrower = info.nmant - mantissa_bits, exponent_bits < info.nexp
    if drop <= 0 and not narrower:
        return x
    word, sign = _to_unsigned(x.dtype), 1 << (info.bits - 1)
    bias, own = (1 << (exponent_bits - 1)) - 1, (1 << (info.nexp - 1)) - 1

    def at(build: Lowering, index: Sequence[Index]) -> Any:
        def const(value: int) -> Any:
            return build.const(value, word)

        value = x.at(build, index)
        bits = build.op("bitcast", value, dtype=word)
        magnitude = build.op("and", bits, const(sign - 1))
        if drop > 0:
            last = build.op("shift_right_logical", magnitude, const(drop))
            up = build.op("add", build.op("and", last, const(1)), const((1 << (drop - 1)) - 1))
            magnitude = build.op("and", build.op("add", magnitude, up),
                                 const(~((1 << drop) - 1) & (sign - 1)))
        if narrower:
            exponent = build.op("shift_right_logical", magnitude, const(info.nmant))
            over = build.op("gt", exponent, const(own + bias))
            under = build.op("le", exponent, const(own - bias))
            inf = const(((1 << info.nexp) - 1) << info.nmant)
            magnitude = build.select(under, const(0), build.select(over, inf, magnitude))
        bits = build.op("or", magnitude, build.op("and", bits, const(sign)))
        return build.select(build.op("ne", value, value), value,
                            build.op("bitcast", bits, dtype=x.dtype))

    return LazyArray(out.shape, x.dtype, at, [x], 8)


reduce_precision_p = Primitive(
    "reduce_precision", type=_reduce_type, eval=_reduce_eval, jvp=LINEAR,
    transpose=lambda ct, x, **params: [reduce_precision_p.bind(ct, **params)],
    batch=lambda args, dims, **params: (reduce_precision_p.bind(*args, **params), dims[0]),
    kernel=_reduce_kernel)
reduce_precision_p.marks = carried


def reduce_precision(operand: Any, exponent_bits: int, mantissa_bits: int) -> Any:
    """Round to a float format of fewer bits, within the same dtype.

    operand: floating [...] -> same type, rounded half to even; what is too large becomes infinite,
    what would be subnormal becomes zero. Derivatives are rounded in the same way. Raises ValueError
    for exponent_bits < 1 or mantissa_bits < 0, TypeError for other dtypes.

    >>> lax.reduce_precision(1.1, 5, 3)
    Array(1.125, dtype=float64, weak_type=True)
    """
    return reduce_precision_p.bind(operand, exponent_bits=int(exponent_bits),
                                   mantissa_bits=int(mantissa_bits))


__all__ = ["bitcast_convert_type", "bitcast_convert_type_p", "convert_element_type",
           "convert_element_type_p", "reduce_precision", "reduce_precision_p"]
