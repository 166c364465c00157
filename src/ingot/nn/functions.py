"""Softmax and its relatives, normalization, one-hot encodings."""

from __future__ import annotations

import math
from typing import Any

from ingot import dtypes
from ingot.control.custom_jvp import custom_jvp
from ingot.core.source_info import here
from ingot.errors import ConcretizationTypeError, ShardingTypeError
from ingot.numpy import primitives as lax
from ingot.numpy.creation import asarray, broadcast_to
from ingot.numpy.families import kind_of, like, truth
from ingot.numpy.logic import clip, where as choose
from ingot.numpy.means import mean as mean_, narrowed, var as var_, wide, widened
from ingot.numpy.promotion import (
    as_array,
    convert,
    holding,
    inexact,
    promote,
    promote_shapes,
)
from ingot.numpy.reductions import Axis, axes_of, max as max_, sum as sum_
from ingot.primitives.out_sharding import divided

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
    gives nan, with derivative 0. -> the other axes, floating or complex; -inf for an empty sum,
    with derivative 0.

    >>> nn.logsumexp(np.array([1000.0, 1000.0]))
    Array(1000.69314718, dtype=float64)
    """
    if b is not None:
        a, b = promote("logsumexp", a, b, kind="inexact")
        b = convert(b, b.aval.dtype)
    a = inexact("logsumexp", a)
    result = a.aval.dtype
    a = convert(a, wide(result))
    axes = axes_of("logsumexp", axis, a.aval.ndim if b is None else max(a.aval.ndim, b.aval.ndim))
    if b is None:
        top, nothing, where = _largest(a, axes, where)
        terms, steep = _shifted_exp(a, convert(top, a.aval.dtype), where), None
    else:
        top, nothing, where, terms, steep = _weighted(a, widened(b), axes, where)
    total = sum_(terms, axes, keepdims=True, where=where)
    of_size = return_sign or (b is None and kind_of(total) != "c")
    sign, out = lax.sign(total), _logarithm(total, top, nothing, of_size)
    if steep is not None:
        out = lax.select(steep, _steepest(total, steep, out), out)
    if not keepdims:
        sign, out = (lax.squeeze(x, axes) for x in (sign, out))
    sign, out = narrowed(sign, result), narrowed(out, result)
    return (out, sign) if return_sign else out


def _shifted_exp(a: Any, shift: Any, where: Any, huge: Any = None, most: float = 0) -> Any:
    """exp(a - shift); where the mask does not hold 1, without derivatives, whatever a is; where it
    is huge exp(most)."""
    shifted = lax.sub(*promote_shapes("logsumexp", a, shift))
    if huge is not None:
        shifted = choose(huge, most, shifted)
    if where is not None:
        shifted = choose(broadcast_to(where, shifted.aval.shape), shifted, 0)
    return lax.exp(shifted)


def _weighted(a: Any, b: Any, axes: Axis, where: Any) -> tuple[Any, Any, Any, Any, Any]:
    """The largest a that counts, whether there is none, the mask, b exp(a - largest), and where it
    is for want of weights that there is none.

    A weight of 0 hides whatever a is, yet has a slope, infinite where all weights are 0.
    """
    hidden = lax.eq(b, like(b, 0))
    counted = choose(hidden, -math.inf, a)
    hidden, a, b = (broadcast_to(x, counted.aval.shape) for x in (hidden, a, b))
    top, nothing, where = _largest(counted, axes, where)
    steep = lax.bitwise_and(nothing, lax.bitwise_not(_largest(a, axes, where)[1]))
    a = choose(steep, lax.stop_gradient(a), a)
    # Hidden exponentials that overflow must be finite, and the slopes of their weights infinite.
    most = math.floor(math.log(float(dtypes.finfo(a.aval.dtype).max)))
    size = lax.sub(*promote_shapes("logsumexp", lax.real(a) if kind_of(a) == "c" else a, top))
    huge = lax.bitwise_and(hidden, lax.bitwise_not(lax.lt(size, like(size, most))))
    b = choose(huge, lax.mul(b, like(b, 4)), b)
    terms = lax.mul(b, _shifted_exp(a, convert(top, a.aval.dtype), where, huge, most))
    return top, nothing, where, terms, steep


def _logarithm(total: Any, top: Any, nothing: Any, of_size: bool) -> Any:
    """log(total) + top, or that of its size; -inf where there is nothing, and for real numbers
    below 0 nan without a slope."""
    safe = lax.select(nothing, like(total, 1), total)
    complex_ = kind_of(total) == "c"
    if complex_ and not of_size:
        out = lax.add(lax.log(safe), convert(top, total.aval.dtype))
    else:
        out = lax.add(lax.log(lax.abs(safe)), top)
    out = lax.select(nothing, like(out, -math.inf), out)
    if complex_ or of_size:
        return out
    return lax.select(lax.lt(safe, like(safe, 0)), like(out, math.nan), out)


def _steepest(total: Any, steep: Any, out: Any) -> Any:
    """log(total) where total is 0: its slope is infinite, yet what does not move it has none."""
    rising = total if kind_of(total) == kind_of(out) else lax.real(total)
    rising = lax.select(steep, rising, like(rising, 0))
    most = float(dtypes.finfo(rising.aval.dtype).max)
    risen = lax.mul(lax.mul(rising, like(rising, most)), like(rising, most))
    return lax.add(like(rising, -math.inf), lax.log1p(risen))


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


def one_hot(x: Any, num_classes: int, *, dtype: Any = None, axis: Any = -1,
            out_sharding: Any = None) -> Any:
    """Make a vector of zeros with a one in it for each integer.

    x: [...] integers; those outside of [0, num_classes) give zeros alone. num_classes: the length
    of the vectors. dtype: by default the default float. axis: where the vectors go in the result,
    or the name of a mapped axis. out_sharding: how Explicit axes divide the result -> [...,
    num_classes]. Raises ValueError if the axis is out of bounds or num_classes is negative,
    ShardingTypeError if out_sharding divides the other axes otherwise than those of x.

    >>> nn.one_hot(np.array([1, 5]), 3)
    Array([[0., 1., 0.],
           [0., 0., 0.]], dtype=float64)
    """
    x = asarray(x)
    if out_sharding is not None:
        (place,) = axes_of("one_hot", axis, x.aval.ndim + 1)
        wanted = getattr(out_sharding, "spec", out_sharding).padded(x.aval.ndim + 1).partitions
        if wanted[:place] + wanted[place + 1:] != x.aval.sharding.spec.partitions:
            raise ShardingTypeError("one_hot: The input part of spec in out_sharding should match"
                                    f" the spec of `x`, got {x.aval} and {out_sharding!r}; reshard"
                                    " x first")
    return divided("one_hot", _one_hot, out_sharding, x, num_classes, dtype, axis)


def _one_hot(x: Any, num_classes: int, dtype: Any, axis: Any) -> Any:
    try:
        classes = num_classes.__index__()
    except (AttributeError, TypeError):
        raise ConcretizationTypeError(
            f"one_hot: num_classes must be known while tracing, got {num_classes!r} at {here()}"
        ) from None
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
