"""Trigonometric and hyperbolic functions and their inverses, elementwise."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot.core.primitive import Primitive
from ingot.primitives.arithmetic import abs, add, div, is_complex, mul, neg, sub
from ingot.primitives.compare import ge, gt
from ingot.primitives.complex import complex, imag, real
from ingot.primitives.exponential import logistic
from ingot.primitives.families import INEXACT, nary, unary
from ingot.primitives.movement import full_like
from ingot.primitives.numerics import accurate, check_accuracy, same_shape, widened
from ingot.primitives.powers import one_minus_square, rsqrt, square
from ingot.primitives.select import select


def _one(x: Any) -> Any:
    return full_like(x, 1)


def _square_of_sech(x: Any, tanh_x: Any) -> Any:
    """1 / cosh(x)^2, which does not cancel in the tails as 1 - tanh^2 does, nor overflow. Near the
    poles of complex numbers it is 1 - tanh^2 that does not cancel."""
    twice = add(x, x)
    out = mul(full_like(x, 4), mul(logistic(twice), logistic(neg(twice))))
    if not is_complex(x):
        return out
    across = abs(real(x))
    return select(gt(across, _one(across)), out, one_minus_square(tanh_x))


# ---- sin, cos, tan -------------------------------------------------------------------------------
sin_p = unary("sin", INEXACT, eval=widened(np.sin), kernel="sin",
              jvp=[lambda t, out, x, **_: mul(t, cos(x))])
cos_p = unary("cos", INEXACT, eval=widened(np.cos), kernel="cos",
              jvp=[lambda t, out, x, **_: neg(mul(t, sin(x)))])


def _tan_jvp(t: Any, out: Any, x: Any, **_: Any) -> Any:
    if is_complex(x):
        turned, up = (complex(neg(imag(z)), real(z)) for z in (x, out))
        return mul(t, _square_of_sech(turned, up))
    return mul(t, add(_one(out), square(out)))


tan_p = unary("tan", INEXACT, eval=widened(np.tan), kernel="tan", jvp=[_tan_jvp])


def sin(x: Any, *, accuracy: Any = None) -> Any:
    """The sine of each element, in radians.

    x: inexact [...]; accuracy: what is asked for, with no effect on the result -> same type. Error
    1 ulp for real numbers. Raises TypeError for integers.

    >>> lax.sin(0.0)
    Array(0., dtype=float64, weak_type=True)
    """
    return sin_p.bind(x, accuracy=check_accuracy("sin", accuracy))


def cos(x: Any, *, accuracy: Any = None) -> Any:
    """The cosine of each element, in radians.

    x: inexact [...]; accuracy: what is asked for, with no effect on the result -> same type. Error
    1 ulp for real numbers. Raises TypeError for integers.

    >>> lax.cos(0.0)
    Array(1., dtype=float64, weak_type=True)
    """
    return cos_p.bind(x, accuracy=check_accuracy("cos", accuracy))


def tan(x: Any, *, accuracy: Any = None) -> Any:
    """The tangent of each element, in radians.

    x: inexact [...]; accuracy: what is asked for, with no effect on the result -> same type. Error
    2 ulp for real numbers. Raises TypeError for integers.

    >>> lax.tan(0.0)
    Array(0., dtype=float64, weak_type=True)
    """
    return tan_p.bind(x, accuracy=check_accuracy("tan", accuracy))


# ---- asin, acos, atan ----------------------------------------------------------------------------
def _over_one_plus_square(x: Any, root: bool = False) -> Any:
    """1 / (1 + x^2), or its root, whose derivatives are 0 at infinity: no square overflows."""
    if is_complex(x):
        total = add(square(x), _one(x))
        return rsqrt(total) if root else div(_one(x), total)
    far = gt(abs(x), _one(x))
    small = select(far, div(_one(x), select(far, x, _one(x))), x)
    total = add(square(small), _one(x))
    near = rsqrt(total) if root else div(_one(x), total)
    return select(far, mul(abs(small) if root else square(small), near), near)


def _inverse(name: str, fun: Any, derivative: Any) -> Primitive:
    return unary(name, INEXACT, eval=widened(fun), kernel=name, jvp=[derivative])


asin_p = _inverse("asin", np.arcsin, lambda t, out, x: mul(t, rsqrt(one_minus_square(x))))
acos_p = _inverse("acos", np.arccos, lambda t, out, x: mul(t, neg(rsqrt(one_minus_square(x)))))
atan_p = _inverse("atan", np.arctan, lambda t, out, x: mul(t, _over_one_plus_square(x)))


def asin(x: Any) -> Any:
    """The angle in [-pi/2, pi/2] whose sine is each element; nan outside [-1, 1] for real numbers.

    x: inexact [...] -> same type, in radians. Error 1 ulp for real numbers. Raises TypeError for
    integers.

    >>> lax.asin(0.0)
    Array(0., dtype=float64, weak_type=True)
    """
    return asin_p.bind(x)


def acos(x: Any) -> Any:
    """The angle in [0, pi] whose cosine is each element; nan outside [-1, 1] for real numbers.

    x: inexact [...] -> same type, in radians. Error 1 ulp for real numbers. Raises TypeError for
    integers.

    >>> lax.acos(1.0)
    Array(0., dtype=float64, weak_type=True)
    """
    return acos_p.bind(x)


def atan(x: Any) -> Any:
    """The angle in [-pi/2, pi/2] whose tangent is each element.

    x: inexact [...] -> same type, in radians. Error 1 ulp for real numbers. Raises TypeError for
    integers.

    >>> lax.atan(0.0)
    Array(0., dtype=float64, weak_type=True)
    """
    return atan_p.bind(x)


# ---- atan2 ---------------------------------------------------------------------------------------
_arctan2 = accurate(np.arctan2)


def _atan2_eval(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    if y.dtype.kind != "c":
        return _arctan2(y, x)
    return -1j * np.log((x + 1j * y) / np.sqrt(x * x + y * y))


def _atan2_slopes(y: Any, x: Any) -> tuple[Any, Any]:
    """x / (x^2 + y^2) and y / (x^2 + y^2), by the quotient of the smaller and the larger one."""
    if is_complex(x):
        square_sum = add(square(x), square(y))
        return div(x, square_sum), div(y, square_sum)
    wide = ge(abs(x), abs(y))
    ratio = div(select(wide, y, x), select(wide, x, y))
    large = div(div(_one(x), add(square(ratio), _one(x))), select(wide, x, y))
    small = mul(ratio, large)
    return select(wide, large, small), select(wide, small, large)


def _atan2_jvp_y(t: Any, out: Any, y: Any, x: Any) -> Any:
    return mul(t, _atan2_slopes(y, x)[0])


def _atan2_jvp_x(t: Any, out: Any, y: Any, x: Any) -> Any:
    return mul(t, neg(_atan2_slopes(y, x)[1]))


atan2_p = nary("atan2", INEXACT, eval=widened(_atan2_eval), kernel="atan2",
               jvp=[_atan2_jvp_y, _atan2_jvp_x])


def atan2(x: Any, y: Any) -> Any:
    """The angle in [-pi, pi] of the point with ordinate `x` (the first argument) and abscissa `y`.

    x, y: inexact [...] of one shape, or one a scalar -> same type, in radians. Error 1 ulp for real
    numbers. Raises TypeError for integers.

    >>> lax.atan2(1.0, 0.0)
    Array(1.57079633, dtype=float64, weak_type=True)
    """
    return atan2_p.bind(*same_shape("atan2", x, y))


# ---- sinh, cosh, tanh ----------------------------------------------------------------------------
def _tanh_jvp(t: Any, out: Any, x: Any, **_: Any) -> Any:
    return mul(t, _square_of_sech(x, out))


def _tanh_eval(x: Any) -> Any:
    if x.dtype.kind != "c":
        return np.tanh(x)
    out: Any = np.tanh(x, out=np.empty_like(x))
    far = np.isinf(x.real) & np.isfinite(x.imag)
    out.imag[far] = np.copysign(0, x.imag[far])  # the sign is that of the argument
    return out


sinh_p = unary("sinh", INEXACT, eval=widened(np.sinh), kernel="sinh",
               jvp=[lambda t, out, x: mul(t, cosh(x))])
cosh_p = unary("cosh", INEXACT, eval=widened(np.cosh), kernel="cosh",
               jvp=[lambda t, out, x: mul(t, sinh(x))])
tanh_p = unary("tanh", INEXACT, eval=widened(_tanh_eval), kernel="tanh", jvp=[_tanh_jvp])


def sinh(x: Any) -> Any:
    """The hyperbolic sine of each element.

    x: inexact [...] -> same type. Error 2 ulp for real numbers. Raises TypeError for integers.

    >>> lax.sinh(0.0)
    Array(0., dtype=float64, weak_type=True)
    """
    return sinh_p.bind(x)


def cosh(x: Any) -> Any:
    """The hyperbolic cosine of each element.

    x: inexact [...] -> same type. Error 2 ulp for real numbers. Raises TypeError for integers.

    >>> lax.cosh(0.0)
    Array(1., dtype=float64, weak_type=True)
    """
    return cosh_p.bind(x)


def tanh(x: Any, *, accuracy: Any = None) -> Any:
    """The hyperbolic tangent of each element.

    x: inexact [...]; accuracy: what is asked for, with no effect on the result -> same type. Error
    2 ulp for real numbers. Raises TypeError for integers.

    >>> lax.tanh(0.0)
    Array(0., dtype=float64, weak_type=True)
    """
    return tanh_p.bind(x, accuracy=check_accuracy("tanh", accuracy))


# ---- asinh, acosh, atanh -------------------------------------------------------------------------
asinh_p = _inverse("asinh", np.arcsinh,
                   lambda t, out, x: mul(t, _over_one_plus_square(x, root=True)))
acosh_p = _inverse("acosh", np.arccosh, lambda t, out, x: mul(
    t, mul(rsqrt(sub(x, _one(x))), rsqrt(add(x, _one(x))))))
atanh_p = _inverse("atanh", np.arctanh, lambda t, out, x: div(t, one_minus_square(x)))


def asinh(x: Any) -> Any:
    """The number whose hyperbolic sine is each element.

    x: inexact [...] -> same type. Error 2 ulp for real numbers. Raises TypeError for integers.

    >>> lax.asinh(0.0)
    Array(0., dtype=float64, weak_type=True)
    """
    return asinh_p.bind(x)


def acosh(x: Any) -> Any:
    """The nonnegative number whose hyperbolic cosine is each element; nan below 1 for real numbers.

    x: inexact [...] -> same type. Error 2 ulp for real numbers. Raises TypeError for integers.

    >>> lax.acosh(1.0)
    Array(0., dtype=float64, weak_type=True)
    """
    return acosh_p.bind(x)


def atanh(x: Any) -> Any:
    """The number whose hyperbolic tangent is each element; nan outside [-1, 1] for real numbers.

    x: inexact [...] -> same type. Error 2 ulp for real numbers. Raises TypeError for integers.

    >>> lax.atanh(0.0)
    Array(0., dtype=float64, weak_type=True)
    """
    return atanh_p.bind(x)


__all__ = ["acos", "acos_p", "acosh", "acosh_p", "asin", "asin_p", "asinh", "asinh_p", "atan",
           "atan2", "atan2_p", "atan_p", "atanh", "atanh_p", "cos", "cos_p", "cosh", "cosh_p",
           "sin", "sin_p", "sinh", "sinh_p", "tan", "tan_p", "tanh", "tanh_p"]
