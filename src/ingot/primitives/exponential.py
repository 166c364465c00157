"""Exponentials and logarithms, elementwise: exp, exp2, expm1, log, log1p, log2, logistic."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.kernel.rules import BOOL, Complex, Lowering, elementwise
from ingot.primitives.arithmetic import add, div, mul, neg
from ingot.primitives.complex_values import mended, quotient, two_product, unit
from ingot.primitives.families import INEXACT, unary
from ingot.primitives.movement import full_like
from ingot.primitives.numerics import accurate, check_accuracy, complex_of, widened

_exp, _expm1, _log1p = accurate(np.exp), accurate(np.expm1), accurate(np.log1p)


LOST_OF_LOG_2 = 2.3190468138462996e-17
"""log(2) less the float nearest to it."""


# ---- exp, exp2, expm1 ----------------------------------------------------------------------------
def _exp2_eval(x: np.ndarray) -> np.ndarray:
    if x.dtype.kind != "c":
        return np.exp2(x)
    wide = x.astype(np.complex128)
    scaled = complex_of(wide.real * math.log(2), wide.imag * math.log(2))
    inside = np.isfinite(wide.imag) & (wide.imag != 0)
    out: Any = mended(np.exp(scaled), inside, _complex_exp2, wide)
    level = wide.imag == 0
    out[level] = complex_of(np.exp2(wide.real[level]), wide.imag[level])
    return out.astype(x.dtype)


def _complex_exp2(z: Any) -> Any:
    angle, low = two_product(z.imag, np.full(z.shape, math.log(2)))
    cosine, sine = unit(angle, low + z.imag * LOST_OF_LOG_2)
    size, half = np.exp2(z.real), np.exp2(z.real / 2)
    far = np.isinf(size)  # in two steps: a small sine or cosine may bring it back
    return complex_of(*(np.where(far, half * part * half, size * part) for part in (cosine, sine)))


def _expm1_eval(x: Any) -> Any:
    if x.dtype.kind != "c":
        return _expm1(x)
    exp, sine = np.exp(x), np.sin(x.imag / 2)
    near = np.expm1(x.real) * np.cos(x.imag) - 2 * sine * sine + 0.0  # 0.0: never -0
    out: Any = np.empty_like(x)
    out.real = np.where(np.isfinite(x), near, exp.real - 1)
    out.imag = exp.imag
    return out


def _complex_expm1(build: Lowering, z: Any, *, out_dtype: np.dtype, **params: Any) -> Any:
    """exp(z) - 1 by parts: expm1(x) cos y - 2 sin(y/2)^2, which does not cancel near zero."""
    x, y = z.real, z.imag
    exp = build.op("exp", z)
    sine = build.op("sin", build.op("mul", y, build.const(0.5, x.dtype)))
    twice = build.op("mul", build.op("add", sine, sine), sine)
    near = build.op("sub", build.op("mul", build.op("expm1", x), build.op("cos", y)), twice)
    near = build.op("add", near, build.const(0, x.dtype))  # never -0
    finite = build.op("and", *(build.op("is_finite", part, dtype=BOOL) for part in (x, y)))
    far = build.op("sub", exp.real, build.const(1, x.dtype))
    return Complex(build.select(finite, near, far), exp.imag, out_dtype)


def _expm1_kernel(build: Lowering, x: Any, *, out: Any, **params: Any) -> Any:
    complex_ = out.storage.kind == "c"
    rule = elementwise(_complex_expm1, cost=60) if complex_ else elementwise("expm1")
    return rule(build, x, out=out, **params)


exp_p = unary("exp", INEXACT, eval=widened(np.exp), kernel="exp",
              jvp=[lambda t, out, x, **_: mul(t, out)])
exp2_p = unary("exp2", INEXACT, eval=widened(_exp2_eval), kernel="exp2",
               jvp=[lambda t, out, x, **_: mul(t, mul(full_like(x, math.log(2)), out))])
expm1_p = unary("expm1", INEXACT, eval=widened(_expm1_eval), kernel=_expm1_kernel,
                jvp=[lambda t, out, x, **_: mul(t, exp(x))])


def exp(x: Any, *, accuracy: Any = None) -> Any:
    """The exponential of each element.

    x: inexact [...]; accuracy: what is asked for, with no effect on the result -> same type. Error
    1 ulp for real numbers. Raises TypeError for integers.

    >>> lax.exp(0.0)
    Array(1., dtype=float64, weak_type=True)
    """
    return exp_p.bind(x, accuracy=check_accuracy("exp", accuracy))


def exp2(x: Any, *, accuracy: Any = None) -> Any:
    """Two to the power of each element.

    x: inexact [...]; accuracy: what is asked for, with no effect on the result -> same type. Error
    1 ulp for real numbers. Raises TypeError for integers.

    >>> lax.exp2(3.0)
    Array(8., dtype=float64, weak_type=True)
    """
    return exp2_p.bind(x, accuracy=check_accuracy("exp2", accuracy))


def expm1(x: Any, *, accuracy: Any = None) -> Any:
    """`exp(x) - 1` of each element, accurate near zero.

    x: inexact [...]; accuracy: what is asked for, with no effect on the result -> same type. Error
    1 ulp for real numbers. Raises TypeError for integers.

    >>> lax.expm1(1e-20)
    Array(1.e-20, dtype=float64, weak_type=True)
    """
    return expm1_p.bind(x, accuracy=check_accuracy("expm1", accuracy))


# ---- log, log1p, log2 ----------------------------------------------------------------------------
def _log1p_eval(x: Any) -> Any:
    if x.dtype.kind != "c":
        return _log1p(x)
    import scipy.special  # NumPy's loses all digits near zero

    out: Any = scipy.special.log1p(x, out=np.empty_like(x))
    out.imag = np.arctan2(x.imag, 1 + x.real)  # the side of the cut is that of the argument
    return out


def _log2_eval(x: np.ndarray) -> np.ndarray:
    if x.dtype.kind != "c":
        return np.log2(x)
    logarithm: Any = np.log(x)
    base = dtypes.real_of(x.dtype).type(math.log(2))
    return complex_of(logarithm.real / base, logarithm.imag / base)


log_p = unary("log", INEXACT, eval=widened(np.log), kernel="log",
              jvp=[lambda t, out, x, **_: div(t, x)])
log1p_p = unary("log1p", INEXACT, eval=widened(_log1p_eval), kernel="log1p",
                jvp=[lambda t, out, x, **_: div(t, add(x, full_like(x, 1)))])

log2_p = unary("log2", INEXACT, eval=widened(_log2_eval), kernel="log2",
               jvp=[lambda t, out, x, **_: div(t, mul(full_like(x, math.log(2)), x))])


def log(x: Any, *, accuracy: Any = None) -> Any:
    """The natural logarithm of each element; nan below zero, the principal value if complex.

    x: inexact [...]; accuracy: what is asked for, with no effect on the result -> same type. Error
    1 ulp for real numbers. Raises TypeError for integers.

    >>> lax.log(1.0)
    Array(0., dtype=float64, weak_type=True)
    """
    return log_p.bind(x, accuracy=check_accuracy("log", accuracy))


def log1p(x: Any, *, accuracy: Any = None) -> Any:
    """`log(1 + x)` of each element, accurate near zero.

    x: inexact [...]; accuracy: what is asked for, with no effect on the result -> same type. Error
    1 ulp for real numbers. Raises TypeError for integers.

    >>> lax.log1p(1e-20)
    Array(1.e-20, dtype=float64, weak_type=True)
    """
    return log1p_p.bind(x, accuracy=check_accuracy("log1p", accuracy))


def log2(x: Any, *, accuracy: Any = None) -> Any:
    """The logarithm of each element to base 2, exact for powers of two; nan below zero.

    x: inexact [...]; accuracy: what is asked for, with no effect on the result -> same type. Error
    1.5 ulp for real numbers. Raises TypeError for integers.

    >>> lax.log2(8.0)
    Array(3., dtype=float64, weak_type=True)
    """
    return log2_p.bind(x, accuracy=check_accuracy("log2", accuracy))


# ---- logistic ------------------------------------------------------------------------------------
def _logistic_eval(x: Any) -> Any:
    if x.dtype.kind != "c":
        return np.reciprocal(_exp(-x) + x.dtype.type(1))
    falls = x.real < 0
    small, one = np.exp(np.where(falls, x, -x)), x.dtype.type(1)
    return quotient(np.where(falls, small, one), one + small)


def _logistic_scalar(build: Lowering, x: Any, *, out_dtype: np.dtype, **_: Any) -> Any:
    one = build.const(1, out_dtype)
    if type(x) is not Complex:
        return build.op("div", one, build.op("add", one, build.op("exp", build.op("neg", x))))
    falls = build.op("lt", x.real, build.const(0, x.real.dtype))
    small = build.op("exp", build.select(falls, x, build.op("neg", x)))
    return build.op("div", build.select(falls, small, one), build.op("add", one, small))


def _logistic_jvp(t: Any, out: Any, x: Any, **_: Any) -> Any:
    # logistic(-x) is 1 - logistic(x) without cancellation where that is small.
    return mul(t, mul(out, logistic(neg(x))))


logistic_p = unary("logistic", INEXACT, eval=widened(_logistic_eval), jvp=[_logistic_jvp],
                   kernel=elementwise(_logistic_scalar, cost=30))


def logistic(x: Any, *, accuracy: Any = None) -> Any:
    """`1 / (1 + exp(-x))` of each element.

    x: inexact [...]; accuracy: what is asked for, with no effect on the result -> same type. Error
    3 ulp for real numbers. Raises TypeError for integers.

    >>> lax.logistic(0.0)
    Array(0.5, dtype=float64, weak_type=True)
    """
    return logistic_p.bind(x, accuracy=check_accuracy("logistic", accuracy))


__all__ = ["exp", "exp2", "exp2_p", "exp_p", "expm1", "expm1_p", "log", "log1p", "log1p_p", "log2",
           "log2_p", "log_p", "logistic", "logistic_p"]
