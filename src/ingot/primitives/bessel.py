"""Modified Bessel functions of the first kind of integer order, scaled and not."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from ingot.core.interpreter import typeof
from ingot.core.primitive import Primitive
from ingot.kernel.rules import Lowering, elementwise
from ingot.primitives.arithmetic import abs, add, div, max, mul, neg, sign, sub
from ingot.primitives.compare import gt
from ingot.primitives.complex import complex
from ingot.primitives.convert import in_double_parts
from ingot.primitives.families import FLOAT, unary
from ingot.primitives.movement import full_like
from ingot.primitives.select import select
from ingot.primitives.special import (
    DOUBLE,
    cython_special,
    in_double,
    odd_scipy_special,
    scipy_special,
)

FAR = 1e8
"""Beyond this SciPy has no functions of higher order, and two terms for large arguments suffice."""

STEP = 700.0
"""Of larger numbers exponentials are products, since the smaller result may be finite."""

LARGE, TERMS = 30.0, 20
"""From there on, and where it is twice the square of the order, so many terms of the asymptotic
series have all digits."""


# ---- bessel_i0e, bessel_i1e, and those of higher order -------------------------------------------
def _ive(order: int, x: Any) -> Any:
    if order == 0:
        return bessel_i0e(x)
    return bessel_i1e(x) if order == 1 else bessel_ive_p.bind(x, order=order)


def relative_slope(order: Any, x: Any, second_kind: bool) -> tuple[Any, Any]:
    """Where |x| is large, and what a scaled function is multiplied by there to give its derivative,
    by the asymptotic series (DLMF 10.40.1 and 2): differences of neighbours cancel.

    order: real. x: real, or complex for functions of the second kind.
    """
    square, size = mul(order, order), abs(x)
    far = gt(size, max(full_like(size, LARGE), add(square, square)))
    x = select(far, x, full_like(x, LARGE))
    one = full_like(x, 1)
    inverse, term = div(one, x if second_kind else abs(x)), one
    total, slope = one, full_like(x, 0.5)
    for k in range(1, TERMS):
        factor = sub(mul(full_like(size, 4), square), full_like(size, (2 * k - 1) ** 2))
        factor = mul(factor, full_like(size, (1 if second_kind else -1) / (8 * k)))
        term = mul(mul(term, _as(factor, x)), inverse)
        total, slope = add(total, term), add(slope, mul(term, full_like(x, k + 0.5)))
    return far, neg(div(slope, mul(x, total)))


def _as(factor: Any, x: Any) -> Any:
    """A real factor in the type of x."""
    same = typeof(factor).dtype == typeof(x).dtype
    return factor if same else complex(factor, full_like(factor, 0))


def _slope(x: Any, order: int) -> Any:
    """With I' = (I of the order below + I of the order above) / 2, there is no quotient at 0."""
    if order == 0:
        around = _ive(1, x)
    else:
        around = mul(full_like(x, 0.5), add(_ive(order - 1, x), _ive(order + 1, x)))
    out = _ive(order, x)
    far, relative = relative_slope(full_like(x, order), x, False)
    return select(far, mul(out, relative), sub(around, mul(sign(x), out)))


def _ive_jvp(t: Any, out: Any, x: Any, *, order: int) -> Any:
    return mul(t, in_double_parts(lambda x: _slope(x, order), x))


def _ive_eval(x: np.ndarray, *, order: int) -> np.ndarray:
    import scipy.special

    def evaluate(x: np.ndarray) -> np.ndarray:
        sign = np.where(x < 0, (-1.0) ** order, 1.0)
        far = sign * (1 - (4 * order**2 - 1) / (8 * np.abs(x))) / np.sqrt(2 * np.pi * np.abs(x))
        return np.where(np.abs(x) > FAR, far, scipy.special.ive(order, x))

    return in_double(evaluate)(x)


def _ive_scalar(build: Lowering, x: Any, *, out_dtype: np.dtype, order: int) -> Any:
    def const(value: float) -> Any:
        return build.const(value, DOUBLE)

    x = build.op("convert", x, dtype=DOUBLE)
    near = build.external("scipy.special.cython_special:ive", const(order), x, dtype=DOUBLE)
    size = build.op("abs", x)
    series = build.op("sub", const(1), build.op("div", const((4 * order**2 - 1) / 8), size))
    far = build.op("div", series, build.op("sqrt", build.op("mul", const(2 * math.pi), size)))
    if order % 2:
        far = build.op("copysign", far, x)
    out = build.select(build.op("gt", size, const(FAR)), far, near)
    return build.op("convert", out, dtype=out_dtype)


bessel_i0e_p = unary("bessel_i0e", FLOAT, eval=scipy_special("i0e"), kernel=cython_special("i0e"),
                     jvp=[partial(_ive_jvp, order=0)])
bessel_i1e_p = unary("bessel_i1e", FLOAT, eval=odd_scipy_special("i1e"),
                     kernel=cython_special("i1e", odd=True),
                     jvp=[partial(_ive_jvp, order=1)])
bessel_ive_p: Primitive = unary("bessel_ive", FLOAT, eval=_ive_eval,
                                kernel=elementwise(_ive_scalar, cost=200),
                                jvp=[_ive_jvp])


def bessel_i0e(x: Any) -> Any:
    """The modified Bessel function of order 0, times `exp(-abs(x))`.

    x: floating [...] -> same type. Error 4 ulp. Raises TypeError for other dtypes.

    >>> lax.bessel_i0e(1.0)
    Array(0.46575961, dtype=float64, weak_type=True)
    """
    return bessel_i0e_p.bind(x)


def bessel_i1e(x: Any) -> Any:
    """The modified Bessel function of order 1, times `exp(-abs(x))`.

    x: floating [...] -> same type. Error 4 ulp. Raises TypeError for other dtypes.

    >>> lax.bessel_i1e(1.0)
    Array(0.20791042, dtype=float64, weak_type=True)
    """
    return bessel_i1e_p.bind(x)


# ---- bessel_i0, bessel_i1 ------------------------------------------------------------------------
def _iv(order: int, x: Any) -> Any:
    return bessel_iv_p.bind(x, order=order)


def _iv_jvp(t: Any, out: Any, x: Any, *, order: int) -> Any:
    if order == 0:
        return mul(t, _iv(1, x))
    return mul(t, mul(full_like(x, 0.5), add(_iv(order - 1, x), _iv(order + 1, x))))


def _iv_eval(x: np.ndarray, *, order: int) -> np.ndarray:
    scaled = {0: bessel_i0e_p, 1: bessel_i1e_p}.get(order, bessel_ive_p)
    params = {"order": order} if scaled is bessel_ive_p else {}

    def evaluate(x: np.ndarray) -> np.ndarray:
        size = np.abs(x)
        first = np.minimum(size, STEP)
        value = scaled.rule("eval")(x, **params)
        with np.errstate(invalid="ignore", over="ignore"):
            out = np.exp(first) * value * np.exp(size - first)
        return np.where(size == np.inf, np.copysign(np.inf, value), out)

    return in_double(evaluate)(x)


def _iv_scalar(build: Lowering, x: Any, *, out_dtype: np.dtype, order: int) -> Any:
    x = build.op("convert", x, dtype=DOUBLE)
    if order < 2:
        scaled = build.external(f"scipy.special.cython_special:i{order}e", x, dtype=DOUBLE)
        scaled = build.op("copysign", scaled, x) if order else scaled
    else:
        scaled = _ive_scalar(build, x, out_dtype=DOUBLE, order=order)
    size = build.op("abs", x)
    first = build.op("min", size, build.const(STEP, DOUBLE))
    out = build.op("mul", build.op("exp", first), scaled)
    out = build.op("mul", out, build.op("exp", build.op("sub", size, first)))
    infinity = build.const(math.inf, DOUBLE)
    out = build.select(build.op("eq", size, infinity), build.op("copysign", infinity, scaled), out)
    return build.op("convert", out, dtype=out_dtype)


bessel_iv_p: Primitive = unary("bessel_iv", FLOAT, eval=_iv_eval,
                               kernel=elementwise(_iv_scalar, cost=200), jvp=[_iv_jvp])


def bessel_i0(x: Any) -> Any:
    """The modified Bessel function of order 0; overflows where `exp(abs(x))` does.

    x: floating [...] -> same type. Relative error 1e-15 times abs(x). Raises TypeError otherwise.

    >>> bessel_i0(1.0)
    Array(1.26606588, dtype=float64, weak_type=True)
    """
    return _iv(0, x)


def bessel_i1(x: Any) -> Any:
    """The modified Bessel function of order 1; overflows where `exp(abs(x))` does.

    x: floating [...] -> same type. Relative error 1e-15 times abs(x). Raises TypeError otherwise.

    >>> bessel_i1(1.0)
    Array(0.5651591, dtype=float64, weak_type=True)
    """
    return _iv(1, x)


__all__ = ["bessel_i0e", "bessel_i0e_p", "bessel_i1e", "bessel_i1e_p"]
