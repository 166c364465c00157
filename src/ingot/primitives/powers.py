"""Powers and roots, elementwise: pow, integer_pow, reciprocal, square, sqrt, rsqrt, cbrt."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import typeof
from ingot.core.primitive import NOT_LINEAR, Primitive
from ingot.kernel.rules import Complex, Lowering, Unsupported, elementwise
from ingot.primitives.arithmetic import div, indicator, mul, sub
from ingot.primitives.bits import bitwise_or
from ingot.primitives.compare import eq, ne
from ingot.primitives.complex_values import power, reciprocal as complex_reciprocal
from ingot.primitives.convert import convert_element_type
from ingot.primitives.exponential import log
from ingot.primitives.families import FLOAT, INEXACT, NUMBER, check_kind, elementwise_type, unary
from ingot.primitives.movement import align, full_like
from ingot.primitives.numerics import (
    check_accuracy,
    complex_of,
    product,
    same_shape,
    widened,
)
from ingot.primitives.select import select

MAX_PRODUCT = 16
"""Integer powers up to this one are products; larger ones call pow, which is more accurate."""


# ---- integer_pow ---------------------------------------------------------------------------------
def _integer_pow_type(x: ShapedArray, *, y: int) -> ShapedArray:
    check_kind("integer_pow", NUMBER, x)
    if y < 0 and dtypes.kind(x.dtype) in "iu":
        raise TypeError(f"integer_pow: integers have no negative powers, got {x} to the power {y};"
                        " convert them to a float dtype first")
    return x


def _product(x: Any, y: int, times: Callable[[Any, Any], Any], squared: Callable[[Any], Any]
             ) -> Any:
    """`x` to a positive power by repeated squaring."""
    out = None
    while True:
        if y & 1:
            out = x if out is None else times(out, x)
        y >>= 1
        if not y:
            return out
        x = squared(x)


def _integer_pow_eval(x: np.ndarray, *, y: int) -> np.ndarray:
    def evaluate(x: np.ndarray) -> np.ndarray:
        if y == 0:
            return np.ones(x.shape, x.dtype)
        if dtypes.kind(x.dtype) in "fc" and abs(y) > MAX_PRODUCT:
            return _pow_eval(x, np.array(y, x.dtype))
        if y < 0 and x.dtype.kind == "c":  # whose squares may overflow to what has no reciprocal
            return _product(complex_reciprocal(x), -y, product, _square_eval)
        out = _product(x, abs(y), product, _square_eval)
        return out if y > 0 else np.reciprocal(out)

    return widened(evaluate)(x)


def _integer_pow_scalar(build: Lowering, x: Any, *, out_dtype: np.dtype, y: int) -> Any:
    one = build.const(1, out_dtype)
    if y == 0:
        return one
    if dtypes.kind(out_dtype) in "fc" and abs(y) > MAX_PRODUCT:
        return build.op("pow", x, build.const(y, out_dtype))
    if type(x) is Complex and y < 0:  # whose squares may overflow to what has no reciprocal
        x, y = build.op("div", one, x), -y
    out = _product(x, abs(y), lambda a, b: build.op("mul", a, b), lambda a: _squared(build, a))
    return out if y > 0 else build.op("div", one, out)


def _integer_pow_jvp(t: Any, out: Any, x: Any, *, y: int) -> Any:
    if y == 0:
        return None
    return mul(t, mul(full_like(x, y), integer_pow(x, y - 1)))


integer_pow_p = unary("integer_pow", NUMBER, eval=_integer_pow_eval, jvp=[_integer_pow_jvp],
                      kernel=elementwise(_integer_pow_scalar, cost=2), recompute_cost=2)
integer_pow_p.type = _integer_pow_type


def integer_pow(x: Any, y: int) -> Any:
    """Elementwise `x` to the power of a Python integer.

    x: number [...] -> same type. Error up to 4 ulp. Raises TypeError for negative powers of
    integers and for a `y` that is no integer.

    >>> lax.integer_pow(2.0, -3)
    Array(0.125, dtype=float64, weak_type=True)
    """
    if isinstance(y, float) and y.is_integer():
        y = int(y)
    try:
        y = operator.index(y)
    except TypeError:
        raise TypeError(f"integer_pow: the power must be an integer, got {y!r}; use pow") from None
    return integer_pow_p.bind(x, y=y)


def reciprocal(x: Any) -> Any:
    """Elementwise `1 / x`.

    x: inexact [...] -> same type. Error 0.5 ulp for real numbers. Raises TypeError for integers.

    >>> lax.reciprocal(4.0)
    Array(0.25, dtype=float64, weak_type=True)
    """
    return integer_pow(x, -1)


# ---- square --------------------------------------------------------------------------------------
def _square_eval(x: Any) -> Any:
    """Squares; (a - b) (a + b) is the real part of complex ones, and zero where a factor is."""
    if x.dtype.kind != "c":
        return np.square(x)
    a, b = x.real, x.imag
    less, more = a - b, a + b
    real = np.where(less == 0, less, np.where(more == 0, more, less * more))
    return complex_of(real, a * b + a * b)


def _squared(build: Lowering, x: Any) -> Any:
    if type(x) is not Complex:
        return build.op("mul", x, x)
    a, b = x.real, x.imag
    less, more = build.op("sub", a, b), build.op("add", a, b)
    zero, half = build.const(0, a.dtype), build.op("mul", a, b)
    real = build.select(build.op("eq", more, zero), more, build.op("mul", less, more))
    real = build.select(build.op("eq", less, zero), less, real)
    return Complex(real, build.op("add", half, half), x.dtype)


square_p = unary("square", NUMBER, eval=widened(_square_eval),
                 kernel=elementwise(lambda build, x, *, out_dtype: _squared(build, x), 1),
                 jvp=[lambda t, out, x: mul(t, mul(full_like(x, 2), x))], recompute_cost=1)


def square(x: Any) -> Any:
    """Elementwise `x * x`.

    x: number [...] -> same type. Raises TypeError for booleans.

    >>> lax.square(3.0)
    Array(9., dtype=float64, weak_type=True)
    """
    return square_p.bind(x)


# ---- one_minus_square ----------------------------------------------------------------------------
def _one_minus_square_eval(x: Any) -> Any:
    one = np.ones((), x.dtype)
    return product(one + x, one - x)


def _one_minus_square(build: Lowering, x: Any, *, out_dtype: np.dtype) -> Any:
    one = build.const(1, out_dtype)
    return build.op("mul", build.op("add", one, x), build.op("sub", one, x))


one_minus_square_p = unary(
    "one_minus_square", NUMBER, eval=widened(_one_minus_square_eval),
    kernel=elementwise(_one_minus_square, 2),
    jvp=[lambda t, out, x: mul(t, mul(full_like(x, -2), x))], recompute_cost=3)


def one_minus_square(x: Any) -> Any:
    """Elementwise `1 - x * x`, as (1 + x) (1 - x): no digits are lost near 1 and -1.

    x: number [...] -> same type. Error 1.5 ulp for real numbers. Raises TypeError for booleans.

    >>> lax.one_minus_square(0.5)
    Array(0.75, dtype=float64, weak_type=True)
    """
    return one_minus_square_p.bind(x)


# ---- pow -----------------------------------------------------------------------------------------
def _pow_type(x: ShapedArray, y: ShapedArray) -> ShapedArray:
    check_kind("pow", INEXACT, x)
    check_kind("pow", NUMBER, x, y)
    if dtypes.kind(y.dtype) in "iu":
        return _POW_TYPE(x, y.update(dtype=x.dtype))
    return _POW_TYPE(x, y)


_POW_TYPE = elementwise_type("pow", INEXACT)


def _pow_eval(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if dtypes.kind(y.dtype) in "iu" and x.dtype.kind != "c":
        # Powers of -1 need every bit of the exponent: take its parity from the integer.
        sign = np.where((x < 0) & (y % 2 != 0), -1.0, 1.0)
        size = np.power(np.abs(x).astype(np.float64), y.astype(np.float64))
        zero = (x == 0) & (y % 2 != 0)
        return np.where(zero, np.copysign(size, x.astype(np.float64)), sign * size).astype(x.dtype)
    if dtypes.kind(y.dtype) in "iu":
        y = y.astype(x.dtype)
    return power(x, y) if x.dtype.kind == "c" else widened(_real_power)(x, y)


def _real_power(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    out = np.power(x, y)
    root = y == 0.5
    if root.any():  # of which NumPy may make square roots, that have other values at -0 and -inf
        out = np.where(root & ((x == 0) | np.isneginf(x)), np.abs(x), out)
    return out


def _pow_scalar(build: Lowering, x: Any, y: Any, *, out_dtype: np.dtype) -> Any:
    if out_dtype.kind == "c":
        return build.op("pow", x, build.converted(y, out_dtype))
    if dtypes.kind(y.dtype) == "f":
        known = _power_of_known(build, x, float(y.attr)) if y.op == "const" else None
        return build.op("pow", x, y) if known is None else known
    if y.dtype.itemsize == 8:
        raise Unsupported("pow with exponents that float64 does not hold")
    double = np.dtype(np.float64)
    out = build.op("pow", build.op("convert", x, dtype=double),
                   build.op("convert", y, dtype=double))
    return build.op("convert", out, dtype=out_dtype)


def _power_of_known(build: Lowering, x: Any, y: float) -> Any:
    """The power by products and roots, where that is right to 1.5 ulp, else None."""
    one = build.const(1, x.dtype)
    if y == 0:
        return one
    if y in (1, 2):
        return x if y == 1 else build.op("mul", x, x)
    if y == -1:
        return build.op("div", one, x)
    if abs(y) not in (0.5, 1.5) or y == -1.5:
        return None
    # Unlike those of its root, powers of -0 are those of 0, and those of -inf of inf.
    zero, infinity = build.const(0, x.dtype), build.const(math.inf, x.dtype)
    root = build.op("add", build.op("sqrt", x), zero)
    root = build.select(build.op("eq", x, build.op("neg", infinity)), infinity, root)
    if y == 1.5:
        return build.op("mul", build.op("abs", x), root)
    return root if y == 0.5 else build.op("div", one, root)


def _pow_jvp_x(t: Any, out: Any, x: Any, y: Any) -> Any:
    # At x = 0 the exponent 0 stays 0 instead of becoming -1: the factor 0 meets no infinity. That
    # of unsigned integers cannot become -1.
    less = ne(y, full_like(y, 0))
    if dtypes.kind(typeof(y).dtype) not in "iu":
        less = bitwise_or(less, ne(x, full_like(x, 0)))
    lower = pow(x, sub(y, indicator(less, y)))
    return mul(t, mul(convert_element_type(y, typeof(x).dtype), lower))


def _pow_jvp_y(t: Any, out: Any, x: Any, y: Any) -> Any:
    nonzero = select(eq(x, full_like(x, 0)), full_like(x, 1), x)
    return mul(t, mul(log(nonzero), out))


def _pow_batch(args: Sequence[Any], dims: Sequence[Any]) -> Any:
    args, dim = align(args, dims)
    return pow_p.bind(*args), dim


pow_p = Primitive("pow", type=_pow_type, eval=_pow_eval, jvp=[_pow_jvp_x, _pow_jvp_y],
                  transpose=NOT_LINEAR, batch=_pow_batch, kernel=elementwise(_pow_scalar, cost=20))
pow_p.elementwise = True


def pow(x: Any, y: Any) -> Any:
    """Elementwise `x` to the power `y`.

    x: inexact [...]; y: same dtype, or any integer dtype, of the same shape or one a scalar ->
    type of `x`. 1 ulp, in compiled programs 1.5 for the constants 1.5 and -0.5. At x = 0 the
    derivative with respect to `y` is 0 for y >= 0. Raises TypeError.

    >>> lax.pow(2.0, 0.5), lax.pow(-2.0, 3)
    (Array(1.41421356, dtype=float64, weak_type=True), Array(-8., dtype=float64, weak_type=True))
    """
    return pow_p.bind(*same_shape("pow", x, y))


# ---- sqrt, rsqrt, cbrt ---------------------------------------------------------------------------
def _rsqrt_eval(x: Any) -> Any:
    root = np.sqrt(x)
    return complex_reciprocal(root) if x.dtype.kind == "c" else np.reciprocal(root)


def _rsqrt_scalar(build: Lowering, x: Any, *, out_dtype: np.dtype, **_: Any) -> Any:
    return build.op("div", build.const(1, out_dtype), build.op("sqrt", x))


sqrt_p = unary("sqrt", INEXACT, eval=widened(np.sqrt), kernel="sqrt",
               jvp=[lambda t, out, x, **_: mul(t, div(full_like(x, 0.5), out))])
rsqrt_p = unary("rsqrt", INEXACT, eval=widened(_rsqrt_eval),
                kernel=elementwise(_rsqrt_scalar, cost=10),
                jvp=[lambda t, out, x, **_: mul(t, mul(full_like(x, -0.5), div(out, x)))])
cbrt_p = unary("cbrt", FLOAT, eval=widened(np.cbrt), kernel="cbrt",
               jvp=[lambda t, out, x, **_: mul(t, mul(full_like(x, 1 / 3),
                                                      integer_pow(out, -2)))])


def sqrt(x: Any, *, accuracy: Any = None) -> Any:
    """Elementwise square root; nan for negative numbers, the principal value of complex ones.

    x: inexact [...]; accuracy: what is asked for, with no effect on the result -> same type.
    Correctly rounded for real numbers. Raises TypeError for integers.

    >>> lax.sqrt(2.25)
    Array(1.5, dtype=float64, weak_type=True)
    """
    return sqrt_p.bind(x, accuracy=check_accuracy("sqrt", accuracy))


def rsqrt(x: Any, *, accuracy: Any = None) -> Any:
    """Elementwise `1 / sqrt(x)`.

    x: inexact [...]; accuracy: what is asked for, with no effect on the result -> same type. Error
    1 ulp for real numbers. Raises TypeError for integers.

    >>> lax.rsqrt(4.0)
    Array(0.5, dtype=float64, weak_type=True)
    """
    return rsqrt_p.bind(x, accuracy=check_accuracy("rsqrt", accuracy))


def cbrt(x: Any, *, accuracy: Any = None) -> Any:
    """Elementwise cube root, negative for negative numbers.

    x: floating [...]; accuracy: what is asked for, with no effect on the result -> same type. Error
    1 ulp. Raises TypeError for integers and complex numbers.

    >>> lax.cbrt(-8.0)
    Array(-2., dtype=float64, weak_type=True)
    """
    return cbrt_p.bind(x, accuracy=check_accuracy("cbrt", accuracy))


__all__ = ["cbrt", "cbrt_p", "integer_pow", "integer_pow_p", "one_minus_square",
           "one_minus_square_p", "pow", "pow_p", "reciprocal", "rsqrt", "rsqrt_p",
           "sqrt", "sqrt_p", "square", "square_p"]
