"""Arithmetic, elementwise: add, sub, mul, div, rem, neg, abs, sign, max, min, nextafter."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.division import Marks, Operands, additive, bilinear, carried
from ingot.core.interpreter import typeof
from ingot.core.primitive import LINEAR
from ingot.kernel.rules import Lowering, Unsupported, elementwise
from ingot.primitives.compare import eq
from ingot.primitives.complex import complex, conj, real
from ingot.primitives.complex_values import quotient, sign as complex_sign
from ingot.primitives.convert import convert_element_type
from ingot.primitives.families import ANY, FLOAT, INTEGER, NUMBER, SIGNED, binary, is_linear, unary
from ingot.primitives.movement import full_like
from ingot.primitives.numerics import product, same_shape, widened
from ingot.primitives.rounding import round


def is_complex(x: Any) -> bool:
    """Whether the dtype of an array, tracer or type is complex."""
    return x.dtype in dtypes.COMPLEX


def indicator(condition: Any, like: Any) -> Any:
    """1 where the condition holds and 0 elsewhere, of the dtype of `like`."""
    return convert_element_type(condition, typeof(like).dtype)


# ---- neg -----------------------------------------------------------------------------------------
neg_p = unary("neg", NUMBER, eval=widened(np.negative), jvp=LINEAR, kernel="neg",
              transpose=lambda ct, x: [neg(ct)], recompute_cost=1)
neg_p.marks = carried


def neg(x: Any) -> Any:
    """Elementwise negation.

    x: number [...] -> same type. Raises TypeError for booleans.

    >>> lax.neg(1.5)
    Array(-1.5, dtype=float64, weak_type=True)
    """
    return neg_p.bind(x)


# ---- add -----------------------------------------------------------------------------------------
def _add_transpose(ct: Any, x: Any, y: Any) -> list[Any]:
    return [ct if is_linear(x) else None, ct if is_linear(y) else None]


add_p = binary("add", NUMBER, eval=np.add, kernel="add", transpose=_add_transpose,
               jvp=[lambda t, out, x, y: t, lambda t, out, x, y: t], recompute_cost=1)
add_p.marks = additive


def add(x: Any, y: Any) -> Any:
    """Elementwise sum of two arrays of the same dtype.

    x, y: number [...] of one shape, or one of them a scalar -> same type. Raises TypeError.

    >>> lax.add(1.0, 2.0)
    Array(3., dtype=float64, weak_type=True)
    """
    return add_p.bind(*same_shape("add", x, y))


# add_any sums cotangents and tangents: the same operation under JAX's name for it.
add_any_p = binary("add_any", ANY, eval=np.add, kernel="add", transpose=_add_transpose,
                   jvp=[lambda t, out, x, y: t, lambda t, out, x, y: t], recompute_cost=1)
add_any_p.marks = additive


# ---- sub -----------------------------------------------------------------------------------------
sub_p = binary("sub", NUMBER, eval=np.subtract, kernel="sub",
               jvp=[lambda t, out, x, y: t, lambda t, out, x, y: neg(t)],
               transpose=lambda ct, x, y: [ct if is_linear(x) else None,
                                           neg(ct) if is_linear(y) else None], recompute_cost=1)
sub_p.marks = additive


def sub(x: Any, y: Any) -> Any:
    """Elementwise difference of two arrays of the same dtype.

    x, y: number [...] of one shape, or one of them a scalar -> same type. Raises TypeError.

    >>> lax.sub(1.0, 2.0)
    Array(-1., dtype=float64, weak_type=True)
    """
    return sub_p.bind(*same_shape("sub", x, y))


# ---- mul -----------------------------------------------------------------------------------------
mul_p = binary("mul", NUMBER, eval=product, kernel="mul",
               jvp=[lambda t, out, x, y: mul(t, y), lambda t, out, x, y: mul(x, t)],
               transpose=lambda ct, x, y: [mul(ct, y) if is_linear(x) else None,
                                           mul(x, ct) if is_linear(y) else None], recompute_cost=1)
mul_p.marks = bilinear


def mul(x: Any, y: Any, *, out_dtype: Any = None) -> Any:
    """Elementwise product of two arrays of the same dtype.

    x, y: number [...] of one shape, or one of them a scalar -> same type, or `out_dtype`, to which
    the operands are converted first. Raises TypeError.

    >>> lax.mul(1.5, 2.0)
    Array(3., dtype=float64, weak_type=True)
    """
    if out_dtype is not None:
        x, y = convert_element_type(x, out_dtype), convert_element_type(y, out_dtype)
    return mul_p.bind(*same_shape("mul", x, y))


# ---- div -----------------------------------------------------------------------------------------
def _div_eval(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if dtypes.kind(x.dtype) not in "iu":
        return quotient(x, y) if x.dtype.kind == "c" else np.true_divide(x, y)
    whole = (x - np.fmod(x, y)) // y
    return np.where(y == 0, np.array(-1).astype(x.dtype), whole)


def _div_marks(given: Operands) -> Marks:
    x, y = given.marks
    if y.unreduced:
        raise ValueError(f"The denominator cannot be unreduced passed to `div`, got"
                         f" {given.types()}; reshard it first")
    if x.unreduced and x.unreduced != y.reduced:
        raise ValueError("div: the denominator should be reduced along the same axes the numerator"
                         f" is unreduced on, got {given.types()}; reshard it first")
    return bilinear(given)


div_p = binary("div", NUMBER, eval=widened(_div_eval), kernel="div",
               jvp=[lambda t, out, x, y: div(t, y),
                    lambda t, out, x, y: mul(t, neg(div(out, y)))],
               transpose=lambda ct, x, y: [div(ct, y) if is_linear(x) else None, None],
               recompute_cost=2)
div_p.marks = _div_marks


def div(x: Any, y: Any) -> Any:
    """Elementwise quotient; of integers rounded towards zero.

    x, y: number [...] of one shape, or one of them a scalar -> same type. An integer divided by
    zero gives -1 (all bits set), the smallest one divided by -1 itself. Raises TypeError.

    >>> lax.div(-7, 2), lax.div(1.0, 0.0)
    (Array(-3, dtype=int64, weak_type=True), Array(inf, dtype=float64, weak_type=True))
    """
    return div_p.bind(*same_shape("div", x, y))


# ---- rem -----------------------------------------------------------------------------------------
def _rem_eval(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    out = np.fmod(x, y)
    return np.where(y == 0, x, out) if dtypes.kind(x.dtype) in "iu" else out


rem_p = binary("rem", (*FLOAT, *INTEGER), eval=widened(_rem_eval), kernel="rem",
               # (x - rem) / y is the truncated quotient up to rounding.
               jvp=[lambda t, out, x, y: t,
                    lambda t, out, x, y: mul(t, neg(round(div(sub(x, out), y))))])


def rem(x: Any, y: Any) -> Any:
    """Elementwise remainder of the division rounded towards zero; it has the sign of `x`.

    x, y: real [...] of one shape, or one of them a scalar -> same type, exact. An integer modulo
    zero is itself. Raises TypeError for booleans and complex numbers.

    >>> lax.rem(-7, 3), lax.rem(5.5, 2.0)
    (Array(-1, dtype=int64, weak_type=True), Array(1.5, dtype=float64, weak_type=True))
    """
    return rem_p.bind(*same_shape("rem", x, y))


# ---- abs -----------------------------------------------------------------------------------------
def _real_dtype(dtype: Any) -> Any:
    return dtypes.real_of(dtype)


def _abs_jvp(t: Any, out: Any, x: Any) -> Any:
    if is_complex(x):
        return real(mul(t, conj(sign(x))))
    return mul(t, add(sign(x), indicator(eq(x, full_like(x, 0)), x)))


abs_p = unary("abs", SIGNED, eval=widened(np.abs), jvp=[_abs_jvp], kernel="abs",
              result=_real_dtype, recompute_cost=1)


def abs(x: Any) -> Any:
    """Elementwise absolute value; the smallest integer maps to itself.

    x: float, complex or signed integer [...] -> same type, real for complex numbers. The
    derivative at 0 is 1, and 0 for complex numbers. Raises TypeError for other dtypes.

    >>> lax.abs(-1.5), lax.abs(3 + 4j)
    (Array(1.5, dtype=float64, weak_type=True), Array(5., dtype=float64, weak_type=True))
    """
    return abs_p.bind(x)


# ---- sign ----------------------------------------------------------------------------------------
def _sign_eval(x: np.ndarray) -> np.ndarray:
    if x.dtype.kind == "c":
        return complex_sign(x)
    return np.where(x == 0, x, np.sign(x)) if dtypes.kind(x.dtype) == "f" else np.sign(x)


def _sign_jvp(t: Any, out: Any, x: Any) -> Any:
    if not is_complex(x):
        return None
    # The part of t along x changes the modulus only; at 0 no derivative exists, so it is nan.
    modulus = abs(x)
    along = real(mul(t, conj(out)))
    across = sub(t, mul(out, _as_complex(along)))
    return mul(across, _as_complex(div(full_like(modulus, 1), modulus)))


def _as_complex(x: Any) -> Any:
    return complex(x, full_like(x, 0))


sign_p = unary("sign", NUMBER, eval=widened(_sign_eval), jvp=[_sign_jvp], kernel="sign")


def sign(x: Any) -> Any:
    """Elementwise sign: -1, 0 (with its sign) or 1; `x / abs(x)` for complex numbers; nan for nan.

    x: number [...] -> same type. Raises TypeError for booleans.

    >>> lax.sign(-1.5), lax.sign(3 + 4j)
    (Array(-1., dtype=float64, weak_type=True), Array(0.6+0.8j, dtype=complex128, weak_type=True))
    """
    return sign_p.bind(x)


# ---- max, min ------------------------------------------------------------------------------------
def _later(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Whether complex `x` follows `y` in the order of real, then of imaginary parts."""
    real, other = np.real(x), np.real(y)
    return (real > other) | ((real == other) & (np.imag(x) > np.imag(y)))


def _max_eval(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.where(_later(x, y), x, y) if x.dtype.kind == "c" else np.maximum(x, y)


def _min_eval(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.where(_later(y, x), x, y) if x.dtype.kind == "c" else np.minimum(x, y)


def _share(x: Any, out: Any, y: Any) -> Any:
    """The derivative with respect to x: 1 where it is the result, a half where y is so too."""
    other = indicator(eq(y, out), y)
    return div(indicator(eq(x, out), x), add(other, full_like(other, 1)))


def _follows(build: Lowering, x: Any, y: Any) -> Any:
    """`_later` on scalars."""
    equal = build.op("and", build.op("eq", x.real, y.real), build.op("gt", x.imag, y.imag))
    return build.op("or", build.op("gt", x.real, y.real), equal)


def _extremum_kernel(name: str, logical: str) -> Any:
    def rule(build: Lowering, x: Any, y: Any, *, out_dtype: Any) -> Any:
        if out_dtype.kind == "c":
            chosen = _follows(build, x, y) if name == "max" else _follows(build, y, x)
            return build.select(chosen, x, y)
        return build.op(logical if out_dtype.kind == "b" else name, x, y)

    return elementwise(rule, cost=1)


_SHARES = [lambda t, out, x, y: mul(t, _share(x, out, y)),
           lambda t, out, x, y: mul(t, _share(y, out, x))]
max_p = binary("max", ANY, eval=widened(_max_eval), jvp=_SHARES,
               kernel=_extremum_kernel("max", "or"), recompute_cost=1)
min_p = binary("min", ANY, eval=widened(_min_eval), jvp=_SHARES,
               kernel=_extremum_kernel("min", "and"), recompute_cost=1)


def max(x: Any, y: Any) -> Any:
    """Elementwise larger one; nan if either is nan; complex numbers compare by real part first.

    x, y: any [...] of one shape, or one of them a scalar -> same type. Where both are equal each
    gets half the derivative. Raises TypeError.

    >>> lax.max(1.0, 2.0)
    Array(2., dtype=float64, weak_type=True)
    """
    return max_p.bind(*same_shape("max", x, y))


def min(x: Any, y: Any) -> Any:
    """Elementwise smaller one; nan if either is nan; complex numbers compare by real part first.

    x, y: any [...] of one shape, or one of them a scalar -> same type. Where both are equal each
    gets half the derivative. Raises TypeError.

    >>> lax.min(1.0, 2.0)
    Array(1., dtype=float64, weak_type=True)
    """
    return min_p.bind(*same_shape("min", x, y))


# ---- nextafter -----------------------------------------------------------------------------------
def _nextafter_scalar(build: Lowering, x: Any, y: Any, *, out_dtype: Any) -> Any:
    if out_dtype.itemsize < 4:
        raise Unsupported("nextafter of floats that are computed with in float32")
    return build.op("nextafter", x, y)


def _nextafter_eval(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.where(x == y, y, np.nextafter(x, y))  # NumPy's of float16 keeps the sign of zero


nextafter_p = binary("nextafter", FLOAT, eval=_nextafter_eval,
                     kernel=elementwise(_nextafter_scalar, cost=4),
                     jvp=[lambda t, out, x, y: t, None])


def nextafter(x1: Any, x2: Any) -> Any:
    """The next float after `x1` in the direction of `x2`; `x2` itself where they are equal.

    x1, x2: floating [...] of one shape, or one a scalar -> same type. The derivative with respect
    to `x1` is 1. Raises TypeError for other dtypes.

    >>> lax.nextafter(0.0, 1.0)
    Array(5.e-324, dtype=float64, weak_type=True)
    """
    return nextafter_p.bind(*same_shape("nextafter", x1, x2))


__all__ = ["abs", "abs_p", "add", "add_p", "div", "div_p", "max", "max_p", "min", "min_p", "mul",
           "mul_p", "neg", "neg_p", "nextafter", "nextafter_p", "rem", "rem_p", "sign", "sign_p",
           "sub", "sub_p"]
