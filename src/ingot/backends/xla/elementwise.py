"""Elementwise operations in StableHLO: arithmetic, bits, comparisons, functions, conversions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.backends.xla.rules import RULES, rule
from ingot.backends.xla.stablehlo import Builder, Value
from ingot.backends.xla.types import device_dtype
from ingot.dtypes import complex_of, real_of
from ingot.errors import UndefinedRuleError

# ---- operations of the same meaning: ours, and StableHLO's ---------------------------------------
SAME = {
    "add": "add", "add_any": "add", "sub": "subtract", "mul": "multiply", "div": "divide",
    "rem": "remainder", "atan2": "atan2", "neg": "negate",
    "and": "and", "or": "or", "xor": "xor", "not": "not",
    "clz": "count_leading_zeros", "population_count": "popcnt",
    "shift_left": "shift_left", "shift_right_logical": "shift_right_logical",
    "shift_right_arithmetic": "shift_right_arithmetic",
    "exp": "exponential", "expm1": "exponential_minus_one", "log": "log", "log1p": "log_plus_one",
    "logistic": "logistic", "sin": "sine", "cos": "cosine", "tan": "tan", "tanh": "tanh",
    "sqrt": "sqrt", "rsqrt": "rsqrt", "cbrt": "cbrt", "floor": "floor", "ceil": "ceil",
    "sinh": "chlo.sinh", "cosh": "chlo.cosh", "asin": "chlo.asin", "acos": "chlo.acos",
    "atan": "chlo.atan", "asinh": "chlo.asinh", "acosh": "chlo.acosh",
    "erf": "chlo.erf", "erfc": "chlo.erfc", "erf_inv": "chlo.erf_inv",
    "digamma": "chlo.digamma", "bessel_i1e": "chlo.bessel_i1e", "nextafter": "chlo.next_after",
}  # fmt: skip
COMPARISONS = {"eq": "EQ", "ne": "NE", "lt": "LT", "le": "LE", "gt": "GT", "ge": "GE"}

Pair = Callable[[Builder, Value, Value], Value]


def _same(name: str) -> Any:
    def apply(b: Builder, *xs: Value, out: Any, **_: Any) -> Value:
        if name.startswith("chlo.") and xs[0].dtype.itemsize == 1:  # which CHLO does not have
            wide = b.same(name, *(b.convert(x, dtypes.float32) for x in xs))
            return b.convert(wide, xs[0].dtype)
        return b.same(name, *xs)

    return apply


def _compare(direction: str) -> Any:
    def apply(b: Builder, x: Value, y: Value, out: Any) -> Value:
        if isinstance(b.avals[0].dtype, dtypes.KeyDType) and x.dtype.kind == "c":
            (p0, p1), (q0, q1) = key_halves(b, x), key_halves(b, y)
            both = b.compare(direction, p0, q0), b.compare(direction, p1, q1)
            return b.same("and" if direction == "EQ" else "or", *both)
        return b.compare(direction, x, y)

    return apply


RULES.update({ours: _same(theirs) for ours, theirs in SAME.items()})
RULES.update({ours: _compare(theirs) for ours, theirs in COMPARISONS.items()})


# ---- keys ----------------------------------------------------------------------------------------
def key_halves(b: Builder, keys: Value) -> list[Value]:
    """Append the halves of keys of 128 bits, which are stored as complex numbers."""
    return [b.bitcast(part, keys.shape, dtypes.uint64) for part in (real(b, keys), imag(b, keys))]


def key_of_halves(b: Builder, first: Value, second: Value) -> Value:
    """Append keys of 128 bits made of their halves."""
    parts = [b.bitcast(half, half.shape, dtypes.float64) for half in (first, second)]
    return b.op("stablehlo.complex", parts, first.shape, dtypes.complex128)


# ---- order ---------------------------------------------------------------------------------------
def real(b: Builder, x: Value) -> Value:
    """Append the real part."""
    return b.op("stablehlo.real", [x], x.shape, real_of(x.dtype))


def imag(b: Builder, x: Value) -> Value:
    """Append the imaginary part."""
    return b.op("stablehlo.imag", [x], x.shape, real_of(x.dtype))


def is_nan(b: Builder, x: Value) -> Value:
    """Append whether elements are not numbers."""
    return b.compare("NE", x, x)


def _extreme(name: str, direction: str) -> Pair:
    """The larger or smaller of two; complex numbers compare by their real parts first."""

    def apply(b: Builder, x: Value, y: Value) -> Value:
        if x.dtype.kind != "c":
            return b.same(name, x, y)
        parts = [(real(b, x), real(b, y)), (imag(b, x), imag(b, y))]
        (before, after), tie = (b.compare(direction, *p) for p in parts), b.compare("EQ", *parts[0])
        first = b.same("or", b.same("or", before, b.same("and", tie, after)), is_nan(b, x))
        return b.select(first, x, y)

    return apply


maximum, minimum = _extreme("maximum", "GT"), _extreme("minimum", "LT")
RULES["max"] = lambda b, x, y, out: maximum(b, x, y)
RULES["min"] = lambda b, x, y, out: minimum(b, x, y)


@rule("clamp")
def _clamp(b: Builder, low: Value, x: Value, high: Value, out: Any) -> Value:
    if x.dtype != np.bool_:
        return b.op("stablehlo.clamp", [low, x, high], x.shape, x.dtype)
    bounds = [b.convert(v, dtypes.uint8) for v in (low, x, high)]  # TPUs clamp no booleans
    return b.convert(b.op("stablehlo.clamp", bounds, x.shape, dtypes.uint8), x.dtype)


@rule("select_n")
def _select_n(b: Builder, which: Value, *cases: Value, out: Any) -> Value:
    chosen = cases[0]
    for k, case in enumerate(cases[1:], 1):
        taken = which if which.dtype == np.bool_ else b.compare("GE", which, b.full_like(which, k))
        chosen = b.select(taken, case, chosen)
    return chosen


# ---- arithmetic ----------------------------------------------------------------------------------
@rule("abs")
def _abs(b: Builder, x: Value, out: Any) -> Value:
    return b.op("stablehlo.abs", [x], x.shape, device_dtype(out.dtype))


@rule("sign")
def _sign(b: Builder, x: Value, out: Any) -> Value:
    if dtypes.kind(x.dtype) == "u":
        return b.same("minimum", x, b.full_like(x, 1))
    return b.same("sign", x)


@rule("square")
def _square(b: Builder, x: Value, out: Any) -> Value:
    return square(b, x)


def square(b: Builder, x: Value) -> Value:
    """Append squares; (p - q) (p + q) is the real part of complex ones, zero where a factor is."""
    if dtypes.kind(x.dtype) != "c":
        return b.same("multiply", x, x)
    p, q = real(b, x), imag(b, x)
    half, zero = b.same("multiply", p, q), b.full_like(p, 0)
    out = b.same("multiply", less := b.same("subtract", p, q), more := b.same("add", p, q))
    for factor in (more, less):
        out = b.select(b.compare("EQ", factor, zero), factor, out)
    return b.op("stablehlo.complex", [out, b.same("add", half, half)], x.shape, x.dtype)


@rule("one_minus_square")
def _one_minus_square(b: Builder, x: Value, out: Any) -> Value:
    one = b.full_like(x, 1)
    return b.same("multiply", b.same("add", one, x), b.same("subtract", one, x))


@rule("log2")
def _log2(b: Builder, x: Value, out: Any, **_: Any) -> Value:
    if x.dtype.kind == "c":
        log = b.same("log", x)
        parts = [_over_log_2(b, part) for part in (real(b, log), imag(b, log))]
        return b.op("stablehlo.complex", parts, x.shape, x.dtype)
    # What is a whole number but for rounding is that number: powers of two are exact.
    quotient = _over_log_2(b, b.same("log", x))
    nearest = b.same("round_nearest_even", quotient)
    error = b.same("abs", b.same("subtract", nearest, quotient))
    rounding = b.full_like(x, 2 * float(dtypes.finfo(x.dtype).eps))
    near = b.compare("LE", error, b.same("multiply", b.same("abs", nearest), rounding))
    return b.select(near, nearest, quotient)


def _over_log_2(b: Builder, x: Value) -> Value:
    return b.same("divide", x, b.full_like(x, math.log(2)))


@rule("exp2")
def _exp2(b: Builder, x: Value, out: Any, **_: Any) -> Value:
    return b.same("power", b.full_like(x, 2), x)


@rule("pow")
def _pow(b: Builder, x: Value, y: Value, out: Any) -> Value:
    x, y = (b.broadcast(v, out.shape) for v in (x, y))
    if dtypes.kind(x.dtype) == "c" or dtypes.kind(y.dtype) not in "iu":
        return b.same("power", x, b.convert(y, x.dtype))
    # Powers of negative numbers need every bit of the exponent: its parity decides the sign.
    one, zero = b.full_like(y, 1), b.full_like(y, 0)
    odd = b.compare("NE", b.same("and", y, one), zero)
    size = b.same("power", b.same("abs", x), b.convert(y, x.dtype))
    return b.select(b.same("and", odd, sign_bit(b, x)), b.same("negate", size), size)


def sign_bit(b: Builder, x: Value) -> Value:
    """Append whether floats have the sign of -0 and negative numbers."""
    bits = b.bitcast(x, x.shape, np.dtype(f"i{x.dtype.itemsize}"))
    return b.compare("LT", bits, b.full_like(bits, 0))


@rule("atanh")
def _atanh(b: Builder, x: Value, out: Any) -> Value:
    if dtypes.kind(x.dtype) == "c":
        return b.same("chlo.atanh", x)
    # With all digits near 0, and odd: half of log1p(2 |x| / (1 - |x|)), with the sign of x.
    size, one = b.same("abs", x), b.full_like(x, 1)
    ratio = b.same("divide", b.same("add", size, size), b.same("subtract", one, size))
    half = b.same("multiply", b.same("log_plus_one", ratio), b.full_like(x, 0.5))
    return b.select(sign_bit(b, x), b.same("negate", half), half)


MAX_PRODUCT = 16
"""The greatest power of floats that is a product; `primitives/powers.py` says why."""


@rule("integer_pow")
def _integer_pow(b: Builder, x: Value, out: Any, y: int) -> Value:
    if y == 0:
        return b.full_like(x, 1)
    if dtypes.kind(x.dtype) in "fc" and abs(y) > MAX_PRODUCT:
        return b.same("power", x, b.full_like(x, y))
    product = power(b, x, abs(y))
    return product if y > 0 else b.same("divide", b.full_like(x, 1), product)


def power(b: Builder, x: Value, n: int) -> Value:
    """Append a positive power as products."""
    if n == 1:
        return x
    half = power(b, x, n // 2)
    whole = square(b, half)
    return b.same("multiply", whole, x) if n % 2 else whole


@rule("round")
def _round(b: Builder, x: Value, out: Any, rounding_method: Any) -> Value:
    return b.same("round_nearest_even" if rounding_method.name == "TO_NEAREST_EVEN"
                  else "round_nearest_afz", x)


@rule("is_finite")
def _is_finite(b: Builder, x: Value, out: Any) -> Value:
    return b.op("stablehlo.is_finite", [x], x.shape, dtypes.bool_)


@rule("mulhi")
def _mulhi(b: Builder, x: Value, y: Value, out: Any) -> Value:
    bits = dtypes.itemsize_bits(x.dtype)
    if bits < 64:
        wide = np.dtype(f"{'u' if dtypes.kind(x.dtype) == 'u' else ''}int64")
        product = b.same("multiply", b.convert(x, wide), b.convert(y, wide))
        shift = b.full_like(product, bits)
        return b.convert(b.same("shift_right_arithmetic", product, shift), x.dtype)
    return b.same("stablehlo.multiply", x, y) if bits < 8 else _mulhi64(b, x, y)


def _mulhi64(b: Builder, x: Value, y: Value) -> Value:
    """The upper half of products of 64 bits, from products of halves."""
    u, half, mask = np.dtype(np.uint64), 32, (1 << 32) - 1

    def low(v: Value) -> Value:
        return b.same("and", v, b.full_like(v, mask))

    def high(v: Value) -> Value:
        return b.same("shift_right_logical", v, b.full_like(v, half))

    p, q = b.convert(x, u), b.convert(y, u)
    a0, a1, c0, c1 = low(p), high(p), low(q), high(q)
    cross = b.same("add", b.same("multiply", a1, c0), high(b.same("multiply", a0, c0)))
    other = b.same("add", b.same("multiply", a0, c1), low(cross))
    out = b.same("add", b.same("add", b.same("multiply", a1, c1), high(cross)), high(other))
    if dtypes.kind(x.dtype) == "i":  # take off what the sign bits stand for
        zero = b.full_like(p, 0)
        for v, w in ((x, q), (y, p)):
            negative = b.compare("LT", v, b.full_like(v, 0))
            out = b.same("subtract", out, b.select(negative, w, zero))
    return b.convert(out, x.dtype)


# ---- complex -------------------------------------------------------------------------------------
@rule("complex")
def _complex(b: Builder, x: Value, y: Value, out: Any) -> Value:
    return b.op("stablehlo.complex", [x, y], x.shape, complex_of(x.dtype))


RULES["real"] = lambda b, x, out: real(b, x)
RULES["imag"] = lambda b, x, out: imag(b, x)


def conj(b: Builder, x: Value) -> Value:
    """Append the conjugates of complex numbers."""
    return b.op("stablehlo.complex", [real(b, x), b.same("negate", imag(b, x))], x.shape, x.dtype)


@rule("conj")
def _conj(b: Builder, x: Value, out: Any, **_: Any) -> Value:
    if x.dtype.kind != "c":
        return b.op("stablehlo.complex", [x, b.full_like(x, 0)], x.shape, complex_of(x.dtype))
    return conj(b, x)


# ---- changes of dtype ----------------------------------------------------------------------------
@rule("convert_element_type")
def _convert(b: Builder, x: Value, out: Any, **_: Any) -> Value:
    dtype = device_dtype(out.dtype)
    if dtype == np.bool_ and x.dtype != np.bool_:
        return b.compare("NE", x, b.full_like(x, 0))
    if x.dtype.kind == "c" and dtype.kind != "c":
        return b.convert(real(b, x), dtype)
    return b.convert(x, dtype)


@rule("bitcast_convert_type")
def _bitcast(b: Builder, x: Value, out: Any, **_: Any) -> Value:
    dtype = device_dtype(out.dtype)
    return x if dtype == x.dtype else b.bitcast(x, out.shape, dtype)


@rule("reduce_precision")
def _reduce_precision(b: Builder, x: Value, out: Any, exponent_bits: int, mantissa_bits: int
                      ) -> Value:
    if b.module.platform == "tpu" and x.dtype == np.float64:  # which XLA emulates by pairs of f32
        raise UndefinedRuleError("reduce_precision: no rule for XLA on tpu for f64; convert the"
                                 " array to f32 first")
    return b.same("reduce_precision", x, attributes=(
        f"exponent_bits = {exponent_bits} : i32, mantissa_bits = {mantissa_bits} : i32"))
