"""Activation functions, softmax and its relatives, normalization, one-hot encodings."""

from __future__ import annotations

import math
from typing import Any

from ingot import dtypes
from ingot.control.custom_jvp import custom_jvp
from ingot.core.source_info import here
from ingot.errors import ConcretizationTypeError
from ingot.numpy import primitives as lax
from ingot.numpy.arithmetic import multiply
from ingot.numpy.creation import asarray, broadcast_to
from ingot.numpy.elementary import logaddexp
from ingot.numpy.families import kind_of, like, truth
from ingot.numpy.logic import clip, where as choose
from ingot.numpy.promotion import (
    as_array,
    convert,
    holding,
    inexact,
    promote,
    promote_shapes,
)
from ingot.numpy.reductions import (
    Axis,
    axes_of,
    max as max_,
    mean as mean_,
    narrowed,
    sum as sum_,
    var as var_,
    wide,
    widened,
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

    x: [...] of any real dtype -> [...] of the same dtype; the derivative at 0 and 6 is 0. Raises
    TypeError for complex dtypes.

    >>> nn.relu6(np.array([-1.0, 2.0, 8.0]))
    Array([0., 2., 6.], dtype=float64)
    """
    x = _relu(_ordered("relu6", as_array("relu6", x)))
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


# ---- sums of exponentials ----


def _largest(a: Any, axes: Axis, where: Any) -> tuple[Any, Any, Any]:
    """The largest real part along axes, 0 if it is infinite or there is none; whether all are -inf
    or left out; and `where` as an array of booleans."""
    size = lax.real(a) if kind_of(a) == "c" else a
    if where is not None:
        where, size = promote_shapes("logsumexp", truth("logsumexp", where), size)
    top = max_(size, axes, keepdims=True, initial=-math.inf, where=where)
    nothing = lax.eq(top, like(top, -math.inf))
    return lax.stop_gradient(lax.select(lax.is_finite(top), top, like(top, 0))), nothing, where


def logsumexp(a: Any, axis: Axis = None, b: Any = None, keepdims: bool = False,
              return_sign: bool = False, where: Any = None) -> Any:
    """Logarithm of the sum of b exp(a) along axes, without overflow.

    a: [...] of any numeric dtype. b: weights that broadcast with a, 1 by default. axis: an integer,
    a tuple, or None for all axes. keepdims: whether they stay with length 1. where: a mask that
    broadcasts with a. return_sign: also return the sign of the sum; without it, a negative sum
    gives nan. -> the other axes, floating or complex; -inf for an empty sum, with derivative 0.

    >>> nn.logsumexp(np.array([1000.0, 1000.0]))
    Array(1000.69314718, dtype=float64)
    """
    if b is not None:
        a, b = promote("logsumexp", a, b, kind="inexact")
        b = convert(b, b.aval.dtype)
        a = choose(lax.ne(b, like(b, 0)), a, -math.inf)
    a = inexact("logsumexp", a)
    result = a.aval.dtype
    a = convert(a, wide(result))
    b = b if b is None else widened(b)
    axes = axes_of("logsumexp", axis, a.aval.ndim)
    top, nothing, where = _largest(a, axes, where)
    shift = convert(top, a.aval.dtype)
    shifted = lax.sub(*promote_shapes("logsumexp", a, shift))
    if where is not None:  # so that the others have no derivatives, whatever they are
        shifted = choose(broadcast_to(where, shifted.aval.shape), shifted, 0)
    terms = lax.exp(shifted)
    terms = terms if b is None else lax.mul(*promote_shapes("logsumexp", b, terms))
    total = sum_(terms, axes, keepdims=True, where=where)
    sign = lax.sign(total)
    total = lax.select(nothing, like(total, 1), total)
    if return_sign or b is None and kind_of(a) != "c":
        out = lax.add(lax.log(lax.abs(total)), top)
    else:
        out = lax.add(lax.log(total), shift)
    out = lax.select(nothing, like(out, -math.inf), out)
    if not keepdims:
        sign, out = (lax.squeeze(x, axes) for x in (sign, out))
    sign, out = narrowed(sign, result), narrowed(out, result)
    if not return_sign:
        return out
    return out, sign


def logmeanexp(x: Any, axis: Axis = None, where: Any = None, keepdims: bool = False) -> Any:
    """Logarithm of the mean of exp(x) along axes, without overflow.

    x: [...] of any numeric dtype. axis: an integer, a tuple, or None for all axes. where: a mask
    that broadcasts with x, which leaves elements out. keepdims: whether the axes stay with length 1
    -> the other axes, floating or complex.

    >>> nn.logmeanexp(np.array([1000.0, 1000.0]))
    Array(1000., dtype=float64)
    """
    x = inexact("logmeanexp", x)
    total = logsumexp(x, axis, keepdims=keepdims, where=where)
    if where is None:
        axes = axes_of("logmeanexp", axis, x.aval.ndim)
        return total - math.log(math.prod(x.aval.shape[i] for i in axes))
    mask, _ = promote_shapes("logmeanexp", truth("logmeanexp", where), x)
    return total - lax.log(sum_(mask, axis, dtype=total.aval.dtype, keepdims=keepdims))


def log_softmax(x: Any, axis: Axis = -1, where: Any = None, initial: Any = None) -> Any:
    """Logarithm of `softmax`: x minus logsumexp(x) along axes.

    x: [...] of any numeric dtype. axis: an integer, a tuple, or None for all axes. where: a mask
    that broadcasts with x; the result is -inf where it does not hold. initial: without effect, as
    JAX has it -> [...] floating. Raises ValueError if the axis is out of bounds.

    >>> nn.log_softmax(np.array([0.0, 0.0]))
    Array([-0.69314718, -0.69314718], dtype=float64)
    """
    x = inexact("log_softmax", x)
    result, x = x.aval.dtype, widened(x)
    axes = axes_of("log_softmax", axis, x.aval.ndim)
    mask = None if where is None else truth("log_softmax", where)
    top = max_(x, axes, keepdims=True, where=mask, initial=-math.inf)
    shifted = lax.sub(*promote_shapes("log_softmax", convert(x, x.aval.dtype),
                                      lax.stop_gradient(top)))
    if mask is not None:
        mask = broadcast_to(mask, x.aval.shape)
        shifted = choose(mask, shifted, 0)
    total = lax.log(sum_(lax.exp(shifted), axes, keepdims=True, where=mask))
    out = narrowed(lax.sub(*promote_shapes("log_softmax", shifted, total)), result)
    return out if mask is None else choose(mask, out, -math.inf)


def _softmax(x: Any, axes: tuple[int, ...], mask: Any = None) -> Any:
    top = max_(x, axes, keepdims=True, where=mask, initial=-math.inf)
    shifted = lax.sub(*promote_shapes("softmax", x, top))
    terms = lax.exp(shifted if mask is None else choose(mask, shifted, 0))
    total = sum_(terms if mask is None else choose(mask, terms, 0), axes, keepdims=True)
    if mask is None:
        return lax.div(*promote_shapes("softmax", terms, total))
    total = choose(lax.eq(total, like(total, 0)), 1, total)  # where nothing is left
    return choose(mask, lax.div(*promote_shapes("softmax", terms, total)), 0)


_softmax_rule = custom_jvp(lambda x, axes: _softmax(x, axes), nondiff_argnums=(1,))


@_softmax_rule.defjvp
def _softmax_jvp(axes: tuple[int, ...], primals: Any, tangents: Any) -> Any:
    """Closed form: y (t - sum(y t))."""
    y = _softmax_rule(primals[0], axes)
    t = tangents[0]
    inner = sum_(lax.mul(y, t), axes, keepdims=True)
    return y, lax.mul(y, lax.sub(*promote_shapes("softmax", t, inner)))


def softmax(x: Any, axis: Axis = -1, where: Any = None, initial: Any = None) -> Any:
    """Exponentials divided by their sum along axes: positive numbers that sum to 1.

    x: [...] of any numeric dtype. axis: an integer, a tuple, or None for all axes. where: a mask
    that broadcasts with x; the result is 0 where it does not hold. initial: without effect, as JAX
    has it -> [...] floating. Raises ValueError if the axis is out of bounds.

    >>> nn.softmax(np.array([0.0, np.log(3.0)]))
    Array([0.25, 0.75], dtype=float64)
    """
    x = inexact("softmax", x)
    result = x.aval.dtype
    x = convert(x, wide(result))
    axes = axes_of("softmax", axis, x.aval.ndim)
    if where is None:
        return narrowed(_softmax_rule(x, axes), result)
    mask = broadcast_to(truth("softmax", where), x.aval.shape)
    return narrowed(_softmax(x, axes, mask), result)


# ---- normalization and encoding ----


def standardize(x: Any, axis: Axis = -1, mean: Any = None, variance: Any = None,
                epsilon: Any = 1e-5, where: Any = None, *, algorithm: str = "fast") -> Any:
    """Shift and scale an array to mean 0 and variance 1 along axes.

    x: [...]; axis: an integer, a tuple, or None for all. mean, variance: those to use in place of
    those of x. epsilon: added to the variance. where: a mask of the elements that count for both.
    algorithm: 'fast' takes E[x^2] - mean^2 for the variance where a mean is given, which loses the
    digits that both have in common; else, and if 'stable', it is the mean squared deviation. ->
    [...] floating. Raises ValueError for another algorithm.

    >>> nn.standardize(np.array([1.0, 3.0]), epsilon=0.0)
    Array([-1.,  1.], dtype=float64)
    """
    x = inexact("standardize", x)
    if algorithm not in ("fast", "stable"):
        raise ValueError(f"standardize: algorithm must be 'fast' or 'stable', got {algorithm!r}")
    if mean is None and variance is None and kind_of(x) == "f":
        variance = var_(x, axis, keepdims=True, where=where)
    mean = mean_(x, axis, keepdims=True, where=where) if mean is None else as_array(
        "standardize", mean)
    if variance is None:
        squares = lax.square(x) if algorithm == "fast" else lax.square(
            lax.sub(*promote("standardize", x, mean)))
        variance = mean_(squares, axis, keepdims=True, where=where)
        if algorithm == "fast":
            variance = clip(variance - lax.square(mean), 0)
    return (x - mean) * lax.rsqrt(as_array("standardize", variance) + epsilon)


def one_hot(x: Any, num_classes: int, *, dtype: Any = None, axis: Any = -1) -> Any:
    """Make a vector of zeros with a one in it for each integer.

    x: [...] integers; those outside of [0, num_classes) give zeros alone. num_classes: the length
    of the vectors. dtype: by default the default float. axis: where the vectors go in the result,
    or the name of a mapped axis -> [..., num_classes]. Raises ValueError if the axis is out of
    bounds or num_classes is negative.

    >>> nn.one_hot(np.array([1, 5]), 3)
    Array([[0., 1., 0.],
           [0., 0., 0.]], dtype=float64)
    """
    x = asarray(x)
    try:
        classes = num_classes.__index__()
    except (AttributeError, TypeError) as error:
        raise ConcretizationTypeError(
            f"one_hot: num_classes must be known while tracing, got {num_classes!r} at {here()}"
        ) from error
    if classes < 0:
        raise ValueError(f"one_hot: num_classes must not be negative, got {classes}")
    x = holding(x, classes) if kind_of(x) in "iu" else x
    rank = x.aval.ndim
    (place,) = axes_of("one_hot", axis, rank + 1)
    shape = [*x.aval.shape[:place], classes, *x.aval.shape[place:]]
    wide = lax.broadcast_in_dim(x, shape, [i + (i >= place) for i in range(rank)])
    counts = lax.broadcasted_iota(x.aval.dtype if kind_of(x) != "b" else dtypes.int32, shape, place)
    want = dtypes.default_float() if dtype is None else dtypes.as_user_dtype(dtype, "one_hot")
    return convert(lax.eq(convert(wide, counts.aval.dtype), counts), want)
