"""Activation functions: piecewise linear ones and smooth ones."""

from __future__ import annotations

import math
from typing import Any

from ingot import dtypes
from ingot.control.custom_jvp import custom_jvp
from ingot.numpy import primitives as lax
from ingot.numpy.arithmetic import multiply
from ingot.numpy.elementary import logaddexp
from ingot.numpy.families import kind_of, like
from ingot.numpy.logic import clip, where as choose
from ingot.numpy.promotion import (
    as_array,
    inexact,
    promote,
)
from ingot.numpy.reductions import (
    axes_of,
)
from ingot.numpy.rounding import maximum, minimum

# ---- piecewise linear ----


def identity(x: Any) -> Any:
    """Return the argument as an array.

    x: an array or number -> an array of the same shape and dtype. Raises TypeError for anything
    else.

    >>> nn.identity(2.0)
    Array(2., dtype=float64, weak_type=True)
    """
    return as_array("identity", x)


def relu(x: Any) -> Any:
    """Rectified linear unit, elementwise: max(x, 0), whose derivative at 0 is 0.

    x: [...] of any real dtype -> [...] of the same dtype. Raises TypeError for complex dtypes.

    >>> nn.relu(np.array([-1.0, 2.0]))
    Array([0., 2.], dtype=float64)
    """
    return _relu(_ordered("relu", as_array("relu", x)))


def _ordered(name: str, x: Any) -> Any:
    """The array; TypeError if it is complex, as these have no order."""
    if kind_of(x) == "c":
        raise TypeError(f"{name}: the argument must be real, got {x.aval}")
    return x


def _relu(x: Any) -> Any:
    zero = like(x, 0)
    return lax.select(lax.gt(x, zero), x, lax.stop_gradient(lax.max(x, zero)))


def relu6(x: Any) -> Any:
    """Rectified linear unit that is limited to 6, elementwise: min(max(x, 0), 6).

    x: [...] of any real dtype -> [...] of the same dtype, floating; the derivative at 0 and 6 is 0.
    Raises TypeError for complex dtypes.

    >>> nn.relu6(np.array([-1.0, 2.0, 8.0]))
    Array([0., 2., 6.], dtype=float64)
    """
    x = _relu(_ordered("relu6", inexact("relu6", x)))
    six = like(x, 6)
    return lax.select(lax.ge(x, six), six, x)


def leaky_relu(x: Any, negative_slope: Any = 1e-2) -> Any:
    """Leaky rectified linear unit, elementwise: x where x >= 0, else negative_slope x.

    x: [...] of any real dtype. negative_slope: a number or array that broadcasts with x -> [...]
    floating. Raises TypeError for complex dtypes.

    >>> nn.leaky_relu(np.array([-1.0, 2.0]), 0.5)
    Array([-0.5,  2. ], dtype=float64)
    """
    x = inexact("leaky_relu", x)
    return choose(lax.ge(x, like(x, 0)), x, multiply(negative_slope, x))


def hard_tanh(x: Any) -> Any:
    """Piecewise linear hyperbolic tangent, elementwise: x limited to [-1, 1].

    x: [...] of any real dtype -> [...] of the same dtype. Raises TypeError for complex dtypes.

    >>> nn.hard_tanh(np.array([-3.0, 0.5, 3.0]))
    Array([-1. ,  0.5,  1. ], dtype=float64)
    """
    x = as_array("hard_tanh", x)
    return choose(lax.gt(x, like(x, 1)), 1, choose(lax.lt(x, like(x, -1)), -1, x))


def hard_sigmoid(x: Any) -> Any:
    """Piecewise linear sigmoid, elementwise: relu6(x + 3) / 6.

    x: [...] of any real dtype -> [...] floating, in [0, 1]. Raises TypeError for complex dtypes.

    >>> nn.hard_sigmoid(np.array([-3.0, 0.0, 3.0]))
    Array([0. , 0.5, 1. ], dtype=float64)
    """
    return relu6(as_array("hard_sigmoid", x) + 3.0) / 6.0


def hard_silu(x: Any) -> Any:
    """Piecewise quadratic form of `silu`, elementwise: x hard_sigmoid(x).

    x: [...] of any real dtype -> [...] floating. Raises TypeError for complex dtypes.

    >>> nn.hard_silu(np.array([-1.5, 1.5, 3.0]))
    Array([-0.375,  1.125,  3.   ], dtype=float64)
    """
    return _tails(inexact("hard_silu", x), 1000, lambda x: x * hard_sigmoid(x))


hard_swish = hard_silu


# ---- smooth ----


def _tails(x: Any, bound: float, fun: Any) -> Any:
    """fun(x), which is 0 below -bound and x above: there without products of 0 and infinity."""
    if kind_of(x) == "c":
        return fun(x)
    middle = lax.clamp(like(x, -bound), x, like(x, bound))
    return lax.select(lax.ge(x, like(x, bound)), x, fun(middle))


def sigmoid(x: Any) -> Any:
    """Logistic function, elementwise: 1 / (1 + exp(-x)), without overflow.

    x: [...] of any numeric dtype -> [...] floating or complex.

    >>> nn.sigmoid(np.array([-1000.0, 0.0]))
    Array([0. , 0.5], dtype=float64)
    """
    return lax.logistic(inexact("sigmoid", x))


def log_sigmoid(x: Any) -> Any:
    """Logarithm of the logistic function, elementwise: -log(1 + exp(-x)), without overflow.

    x: [...] of any numeric dtype -> [...] floating or complex.

    >>> nn.log_sigmoid(np.array([-1000.0, 0.0]))
    Array([-1.00000000e+03, -6.93147181e-01], dtype=float64)
    """
    return -softplus(-inexact("log_sigmoid", x))


def softplus(x: Any) -> Any:
    """Softplus, elementwise: log(1 + exp(x)), without overflow.

    x: [...] of any numeric dtype -> [...] floating or complex.

    >>> nn.softplus(np.array([0.0, 1000.0]))
    Array([6.93147181e-01, 1.00000000e+03], dtype=float64)
    """
    x = inexact("softplus", x)
    return logaddexp(x, like(x, 0))


def silu(x: Any) -> Any:
    """Sigmoid linear unit (swish), elementwise: x sigmoid(x).

    x: [...] of any numeric dtype -> [...] floating or complex.

    >>> nn.silu(np.array([-1.0, 1.0]))
    Array([-0.26894142,  0.73105858], dtype=float64)
    """
    return _tails(inexact("silu", x), 1000, lambda x: lax.mul(x, lax.logistic(x)))


swish = silu


def tanh(x: Any, /) -> Any:
    """Hyperbolic tangent, elementwise.

    x: [...] of any numeric dtype -> [...] floating or complex, in [-1, 1] for reals.

    >>> nn.tanh(np.array([0.0, 1000.0]))
    Array([0., 1.], dtype=float64)
    """
    return lax.tanh(inexact("tanh", x))


def mish(x: Any) -> Any:
    """Mish, elementwise: x tanh(softplus(x)) (Misra, 2019).

    x: [...] of any numeric dtype -> [...] floating or complex.

    >>> nn.mish(np.array([-1.0, 1.0]))
    Array([-0.30340146,  0.86509839], dtype=float64)
    """
    return _tails(inexact("mish", x), 1000, lambda x: lax.mul(x, lax.tanh(softplus(x))))


def soft_sign(x: Any) -> Any:
    """Soft sign, elementwise: x / (1 + |x|).

    x: [...] of any numeric dtype -> [...] floating or complex.

    >>> nn.soft_sign(np.array([-3.0, 1.0]))
    Array([-0.75,  0.5 ], dtype=float64)
    """
    return _soft_sign(inexact("soft_sign", x))


@custom_jvp
def _soft_sign(x: Any) -> Any:
    return lax.div(x, lax.add(lax.abs(x), like(x, 1)))


# 1 / (1 + |x|)^2, where the difference of two quotients would cancel.
_soft_sign.defjvps(lambda t, out, x: lax.mul(t, lax.square(
    lax.div(like(x, 1), lax.add(lax.abs(x), like(x, 1))))))


def sparse_plus(x: Any) -> Any:
    """Softplus that reaches its ends, elementwise: 0 below -1, x above 1, (x + 1)^2 / 4 between.

    x: [...] of any real dtype -> [...] floating.

    >>> nn.sparse_plus(np.array([-2.0, 0.0, 2.0]))
    Array([0.  , 0.25, 2.  ], dtype=float64)
    """
    x = inexact("sparse_plus", x)
    middle = choose(lax.ge(lax.abs(x), like(x, 1)), 0.0, x)  # nan stays nan
    return choose(x <= -1.0, 0.0, choose(x >= 1.0, x, (middle + 1.0) ** 2 / 4))


def sparse_sigmoid(x: Any) -> Any:
    """Sigmoid that reaches its ends, elementwise: (x + 1) / 2 limited to [0, 1].

    x: [...] of any real dtype -> [...] floating; the derivative of `sparse_plus`.

    >>> nn.sparse_sigmoid(np.array([-2.0, 0.0, 2.0]))
    Array([0. , 0.5, 1. ], dtype=float64)
    """
    return 0.5 * clip(inexact("sparse_sigmoid", x) + 1.0, 0.0, 2.0)


def squareplus(x: Any, b: Any = 4) -> Any:
    """Algebraic form of softplus, elementwise: (x + sqrt(x^2 + b)) / 2 (Barron, 2021).

    x: [...] of any real dtype. b: smoothness, a number or array that broadcasts with x; 0 gives
    relu -> [...] floating.

    >>> nn.squareplus(np.array([0.0, 1000.0]))
    Array([1.000000e+00, 1.000001e+03], dtype=float64)
    """
    x, b = promote("squareplus", x, b, kind="inexact")
    # max(x, 0) + b / (2 (|x| + sqrt(x^2 + b))), where nothing cancels; squares could overflow.
    size = lax.abs(x)
    far = lax.gt(size, like(x, float(dtypes.finfo(x.aval.dtype).max) ** 0.5 / 2))
    middle = lax.select(far, like(x, 1), size)
    half = lax.select(far, size, (middle + lax.sqrt(lax.square(middle) + b)) / 2)
    half = lax.select(lax.eq(half, like(x, 0)), like(x, 1), half)
    return lax.select(lax.ge(x, like(x, 0)), x, like(x, 0)) + b / (4 * half)


def elu(x: Any, alpha: Any = 1.0) -> Any:
    """Exponential linear unit, elementwise: x where x > 0, else alpha (exp(x) - 1).

    x: [...] of any real dtype. alpha: a number or array that broadcasts with x -> [...] floating.
    Raises TypeError for complex dtypes.

    >>> nn.elu(np.array([-1.0, 2.0]))
    Array([-0.63212056,  2.        ], dtype=float64)
    """
    x = _ordered("elu", inexact("elu", x))
    below = lax.select(lax.gt(x, like(x, 0)), like(x, 0), x)
    return choose(lax.gt(x, like(x, 0)), x, multiply(alpha, lax.expm1(below)))


def selu(x: Any) -> Any:
    """Scaled `elu` whose iterates tend to mean 0 and variance 1 (Klambauer et al., 2017).

    x: [...] of any real dtype -> [...] floating. Raises TypeError for complex dtypes.

    >>> nn.selu(np.array([-1.0, 1.0]))
    Array([-1.11133074,  1.05070099], dtype=float64)
    """
    return 1.0507009873554804934193349852946 * elu(x, 1.6732632423543772848170429916717)


def celu(x: Any, alpha: Any = 1.0) -> Any:
    """Continuously differentiable exponential linear unit, elementwise (Barron, 2017).

    x: [...]; alpha: a number or array that broadcasts with x -> max(x, 0) + min(0, alpha (exp(x /
    alpha) - 1)), [...] floating.

    >>> nn.celu(np.array([-1.0, 2.0]))
    Array([-0.63212056,  2.        ], dtype=float64)
    """
    x = inexact("celu", x)
    return maximum(x, 0.0) + multiply(alpha, lax.expm1(minimum(x, 0.0) / alpha))


def gelu(x: Any, approximate: bool = True) -> Any:
    """Gaussian error linear unit, elementwise: x times the normal distribution function of x.

    x: [...]; approximate: if true, x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, which differs
    by up to 5e-4 -> [...] floating.

    >>> nn.gelu(np.array([-1.0, 1.0]), approximate=False)
    Array([-0.15865525,  0.84134475], dtype=float64)
    """
    return _tails(inexact("gelu", x), 32, _gelu_by_tanh if approximate else _gelu)


def _gelu(x: Any) -> Any:
    return 0.5 * x * lax.erfc(-x * math.sqrt(0.5))


def _gelu_by_tanh(x: Any) -> Any:
    # (1 + tanh(y)) / 2 is logistic(2 y), which does not cancel.
    twice = math.sqrt(8 / math.pi) * (x + 0.044715 * lax.integer_pow(x, 3))
    return x * lax.logistic(twice)


def glu(x: Any, axis: int = -1) -> Any:
    """Gated linear unit: the first half of an axis times the sigmoid of the second.

    x: [..., 2 n, ...] with the even length at `axis` -> [..., n, ...] floating. Raises ValueError
    if the length is odd.

    >>> nn.glu(np.array([2.0, 0.0]))
    Array([1.], dtype=float64)
    """
    x = inexact("glu", x)
    (axis,) = axes_of("glu", axis, x.aval.ndim)
    n = x.aval.shape[axis]
    if n % 2:
        raise ValueError(f"glu: the length of axis {axis} must be even, got {x.aval}")
    first, second = (lax.slice_in_dim(x, a, b, axis=axis) for a, b in ((0, n // 2), (n // 2, n)))
    return lax.mul(first, lax.logistic(second))


def log1mexp(x: Any) -> Any:
    """Logarithm of 1 - exp(-x), elementwise, accurate for small and for large x (Mächler, 2012).

    x: [...] of any real dtype, from 0 on; nan below -> [...] floating, -inf at 0.

    >>> nn.log1mexp(np.array([1e-20, 1.0]))
    Array([-46.05170186,  -0.45867515], dtype=float64)
    """
    x = inexact("log1mexp", x)
    small = lax.lt(x, like(x, math.log(2)))
    low = lax.select(small, x, like(x, 1))
    high = lax.select(small, like(x, 1), x)
    return lax.select(small, lax.log(lax.neg(lax.expm1(lax.neg(low)))),
                      lax.log1p(lax.neg(lax.exp(lax.neg(high)))))
