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
    """The argument itself.

    >>> nn.identity(2.0)
    Array(2., dtype=float64, weak_type=True)
    """
    return as_array("identity", x)


def relu(x: Any) -> Any:
    """max(x, 0), with derivative 0 at 0.

    >>> nn.relu(np.array([-1.0, 2.0]))
    Array([0., 2.], dtype=float64)
    """
    x = as_array("relu", x)
    zero = like(x, 0)
    return lax.select(lax.gt(x, zero), x, lax.stop_gradient(lax.max(x, zero)))


def relu6(x: Any) -> Any:
    """min(max(x, 0), 6), with derivative 0 at both ends.

    >>> nn.relu6(8.0)
    Array(6., dtype=float64, weak_type=True)
    """
    x = relu(x)
    six = like(x, 6)
    return lax.select(lax.ge(x, six), six, x)


def leaky_relu(x: Any, negative_slope: Any = 1e-2) -> Any:
    """x where x >= 0, else negative_slope * x.

    >>> nn.leaky_relu(-1.0, 0.5)
    Array(-0.5, dtype=float64, weak_type=True)
    """
    x = inexact("leaky_relu", x)
    return choose(lax.ge(x, like(x, 0)), x, multiply(negative_slope, x))


def hard_tanh(x: Any) -> Any:
    """x limited to [-1, 1].

    >>> nn.hard_tanh(3.0)
    Array(1., dtype=float64, weak_type=True)
    """
    x = as_array("hard_tanh", x)
    return choose(lax.gt(x, like(x, 1)), 1, choose(lax.lt(x, like(x, -1)), -1, x))


def hard_sigmoid(x: Any) -> Any:
    """relu6(x + 3) / 6.

    >>> nn.hard_sigmoid(0.0)
    Array(0.5, dtype=float64, weak_type=True)
    """
    return relu6(as_array("hard_sigmoid", x) + 3.0) / 6.0


def hard_silu(x: Any) -> Any:
    """x * hard_sigmoid(x).

    >>> nn.hard_silu(3.0)
    Array(3., dtype=float64, weak_type=True)
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
    """1 / (1 + exp(-x)).

    >>> nn.sigmoid(0.0)
    Array(0.5, dtype=float64, weak_type=True)
    """
    return lax.logistic(inexact("sigmoid", x))


def log_sigmoid(x: Any) -> Any:
    """log(sigmoid(x)), without overflow.

    >>> nn.log_sigmoid(0.0)
    Array(-0.69314718, dtype=float64, weak_type=True)
    """
    return -softplus(-inexact("log_sigmoid", x))


def softplus(x: Any) -> Any:
    """log(1 + exp(x)), without overflow.

    >>> nn.softplus(0.0)
    Array(0.69314718, dtype=float64, weak_type=True)
    """
    x = inexact("softplus", x)
    return logaddexp(x, like(x, 0))


def silu(x: Any) -> Any:
    """x * sigmoid(x).

    >>> nn.silu(0.0)
    Array(0., dtype=float64, weak_type=True)
    """
    return _tails(inexact("silu", x), 1000, lambda x: lax.mul(x, lax.logistic(x)))


swish = silu


def tanh(x: Any, /) -> Any:
    """Hyperbolic tangent.

    >>> nn.tanh(0.0)
    Array(0., dtype=float64, weak_type=True)
    """
    return lax.tanh(inexact("tanh", x))


def mish(x: Any) -> Any:
    """x * tanh(softplus(x)).

    >>> nn.mish(0.0)
    Array(0., dtype=float64, weak_type=True)
    """
    return _tails(inexact("mish", x), 1000, lambda x: lax.mul(x, lax.tanh(softplus(x))))


def soft_sign(x: Any) -> Any:
    """x / (1 + |x|).

    >>> nn.soft_sign(1.0)
    Array(0.5, dtype=float64, weak_type=True)
    """
    return _soft_sign(inexact("soft_sign", x))


@custom_jvp
def _soft_sign(x: Any) -> Any:
    return lax.div(x, lax.add(lax.abs(x), like(x, 1)))


# 1 / (1 + |x|)^2, where the difference of two quotients would cancel.
_soft_sign.defjvps(lambda t, out, x: lax.mul(t, lax.square(
    lax.div(like(x, 1), lax.add(lax.abs(x), like(x, 1))))))


def sparse_plus(x: Any) -> Any:
    """0 below -1, x above 1, and (x + 1)^2 / 4 between.

    >>> nn.sparse_plus(0.0)
    Array(0.25, dtype=float64, weak_type=True)
    """
    x = inexact("sparse_plus", x)
    middle = choose(lax.ge(lax.abs(x), like(x, 1)), 0.0, x)  # nan stays nan
    return choose(x <= -1.0, 0.0, choose(x >= 1.0, x, (middle + 1.0) ** 2 / 4))


def sparse_sigmoid(x: Any) -> Any:
    """(x + 1) / 2 limited to [0, 1].

    >>> nn.sparse_sigmoid(0.0)
    Array(0.5, dtype=float64, weak_type=True)
    """
    return 0.5 * clip(inexact("sparse_sigmoid", x) + 1.0, 0.0, 2.0)


def squareplus(x: Any, b: Any = 4) -> Any:
    """(x + sqrt(x^2 + b)) / 2.

    >>> nn.squareplus(0.0)
    Array(1., dtype=float64, weak_type=True)
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
    """x where x > 0, else alpha (exp(x) - 1).

    >>> nn.elu(-1.0)
    Array(-0.63212056, dtype=float64, weak_type=True)
    """
    x = inexact("elu", x)
    below = lax.select(lax.gt(x, like(x, 0)), like(x, 0), x)
    return choose(lax.gt(x, like(x, 0)), x, multiply(alpha, lax.expm1(below)))


def selu(x: Any) -> Any:
    """Scaled elu whose iterates keep mean 0 and variance 1.

    >>> nn.selu(1.0)
    Array(1.05070099, dtype=float64, weak_type=True)
    """
    return 1.0507009873554804934193349852946 * elu(x, 1.6732632423543772848170429916717)


def celu(x: Any, alpha: Any = 1.0) -> Any:
    """max(x, 0) + min(0, alpha (exp(x / alpha) - 1)).

    >>> nn.celu(1.0)
    Array(1., dtype=float64, weak_type=True)
    """
    x = inexact("celu", x)
    return maximum(x, 0.0) + multiply(alpha, lax.expm1(minimum(x, 0.0) / alpha))


def gelu(x: Any, approximate: bool = True) -> Any:
    """x times the normal distribution function of x, or its approximation by tanh.

    >>> nn.gelu(0.0)
    Array(0., dtype=float64, weak_type=True)
    """
    return _tails(inexact("gelu", x), 32, _gelu_by_tanh if approximate else _gelu)


def _gelu(x: Any) -> Any:
    return 0.5 * x * lax.erfc(-x * math.sqrt(0.5))


def _gelu_by_tanh(x: Any) -> Any:
    # (1 + tanh(y)) / 2 is logistic(2 y), which does not cancel.
    twice = math.sqrt(8 / math.pi) * (x + 0.044715 * lax.integer_pow(x, 3))
    return x * lax.logistic(twice)


def glu(x: Any, axis: int = -1) -> Any:
    """The first half of an axis times the sigmoid of the second.

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
    """log(1 - exp(-x)) for x > 0, accurate for small and for large x.

    >>> nn.log1mexp(1.0)
    Array(-0.45867515, dtype=float64, weak_type=True)
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
    """log of the sum of b exp(a) over axes, without overflow; with `return_sign` of its size.

    Where all of a is -inf (or b is 0) nothing is added: the result is -inf, the derivative in a 0.

    >>> nn.logsumexp(np.array([0.0, 0.0]))
    Array(0.69314718, dtype=float64)
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
    """log of the mean of exp(x) over axes.

    >>> nn.logmeanexp(np.array([0.0, 0.0]))
    Array(0., dtype=float64)
    """
    x = inexact("logmeanexp", x)
    total = logsumexp(x, axis, keepdims=keepdims, where=where)
    if where is None:
        axes = axes_of("logmeanexp", axis, x.aval.ndim)
        return total - math.log(math.prod(x.aval.shape[i] for i in axes))
    mask, _ = promote_shapes("logmeanexp", truth("logmeanexp", where), x)
    return total - lax.log(sum_(mask, axis, dtype=total.aval.dtype, keepdims=keepdims))


def log_softmax(x: Any, axis: Axis = -1, where: Any = None, initial: Any = None) -> Any:
    """x minus logsumexp(x) along axes; -inf where the mask does not hold; initial has no effect.

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
    """exp(x) divided by its sum along axes; 0 where the mask does not hold; initial has no effect.

    >>> nn.softmax(np.array([0.0, 0.0]))
    Array([0.5, 0.5], dtype=float64)
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
    """x shifted and scaled to mean 0 and variance 1 along axes.

    algorithm: 'fast' takes E[x^2] - mean^2 for the variance where a mean is given, which loses the
    digits that both have in common; else, and if 'stable', it is the mean squared deviation.

    >>> nn.standardize(np.array([-1.0, 1.0]), epsilon=0.0)
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
    """For each integer a vector of zeros with a one there; all zeros out of range.

    >>> nn.one_hot(np.array([1]), 2)
    Array([[0., 1.]], dtype=float64)
    """
    x = asarray(x)
    try:
        classes = num_classes.__index__()
    except (AttributeError, TypeError) as error:
        raise ConcretizationTypeError(
            f"one_hot: num_classes must be known while tracing, got {num_classes!r} at {here()}"
        ) from error
    x = holding(x, classes) if kind_of(x) in "iu" else x
    rank = x.aval.ndim
    (place,) = axes_of("one_hot", axis, rank + 1)
    shape = [*x.aval.shape[:place], classes, *x.aval.shape[place:]]
    wide = lax.broadcast_in_dim(x, shape, [i + (i >= place) for i in range(rank)])
    counts = lax.broadcasted_iota(x.aval.dtype if kind_of(x) != "b" else dtypes.int32, shape, place)
    want = dtypes.default_float() if dtype is None else dtypes.as_user_dtype(dtype, "one_hot")
    return convert(lax.eq(convert(wide, counts.aval.dtype), counts), want)
