"""The Euclidean norm over axes, whose squares neither overflow nor underflow."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot import dtypes
from ingot.config import config
from ingot.control.cond import cond
from ingot.core.avals import ShapedArray
from ingot.core.division import dropping
from ingot.core.jaxpr import Jaxpr
from ingot.core.primitive import NOT_LINEAR, Primitive
from ingot.numpy import primitives as lax
from ingot.primitives.families import INEXACT, check_kind
from ingot.primitives.movement import Shape, full_like, reduce_sum, reduced_axes, reduced_type
from ingot.transforms.stage import stage
from ingot.util import memoize, size_of


# ---- two_norm ------------------------------------------------------------------------------------
def _type(x: ShapedArray, *, axes: Shape) -> ShapedArray:
    check_kind("two_norm", INEXACT, x)
    real = x.update(dtype=dtypes.real_of(x.dtype)) if x.dtype.kind == "c" else x
    return reduced_type("two_norm", real, axes)


def _squares(x: Any) -> Any:
    if dtypes.kind(x.dtype) != "c":
        return lax.square(x)
    return lax.square(lax.real(x)) + lax.square(lax.imag(x))


FEW = 16
"""Elements per norm up to which all are scaled in any case: registers hold them."""


def _norm(x: Any, axes: Shape) -> Any:
    """The root of the sum of squares; of scaled numbers where that is very large or small."""
    dtype = dtypes.real_of(x.dtype) if dtypes.kind(x.dtype) == "c" else x.dtype
    if dtype.itemsize < 4:
        x = lax.convert_element_type(x, dtypes.float32)
    if dtype == dtypes.float16:
        out = lax.sqrt(reduce_sum(_squares(x), axes))
    elif size_of([x.shape[a] for a in axes]) <= FEW:
        out = _scale(x, axes)
    else:
        total = reduce_sum(_squares(x), axes)
        limits = dtypes.finfo(total.dtype)
        tiny, huge = float(limits.tiny) / float(limits.eps), float(limits.max)
        extreme = ~((total >= tiny) & (total <= huge))
        extreme = lax.reduce_or(extreme, tuple(range(extreme.ndim)))
        out = cond(extreme, lambda x, total: _scale(x, axes), lambda x, total: lax.sqrt(total),
                   x, total)
    return lax.convert_element_type(out, dtype)


def _scale(x: Any, axes: Shape) -> Any:
    """The norm of numbers times a power of two, by which the largest is neither large nor small."""
    complex_ = dtypes.kind(x.dtype) == "c"
    parts = (lax.real(x), lax.imag(x)) if complex_ else (x,)
    size = lax.max(lax.abs(parts[0]), lax.abs(parts[-1])) if complex_ else lax.abs(x)
    largest = lax.reduce_max(size, axes)
    bits = 500 if largest.dtype == dtypes.float64 else 60

    def power(k: int) -> Any:
        return full_like(largest, 2.0**k)

    large, small = largest > power(bits), largest < power(-bits)
    up, down = (600, 600) if bits == 500 else (80, 100)  # subnormal numbers become normal ones
    scale = lax.select(large, power(-up), lax.select(small, power(down), power(0)))
    back = lax.select(large, power(up), lax.select(small, power(-down), power(0)))
    kept = [i for i in range(x.ndim) if i not in axes]
    wide = lax.broadcast_in_dim(scale, x.shape, kept)
    squares = [lax.square(part * wide) for part in parts]
    total = squares[0] + squares[1] if complex_ else squares[0]
    return back * lax.sqrt(reduce_sum(total, axes))


def _program(x: ShapedArray, axes: Shape) -> Jaxpr:
    return _staged(x.strip_weak_type(), axes, config.trace_key())


@memoize()
def _staged(x: ShapedArray, axes: Shape, flags: Any) -> Jaxpr:
    return stage(lambda x: [_norm(x, axes)], [x], "two_norm")


def _eval(x: np.ndarray, *, axes: Shape) -> np.ndarray:
    real = dtypes.real_of(x.dtype) if x.dtype.kind == "c" else x.dtype
    wide = x.astype(np.float32) if real.itemsize < 4 else x
    size = np.abs(wide)
    largest = np.max(size, axis=axes, keepdims=True, initial=0)
    scale = np.where((largest > 0) & np.isfinite(largest), largest, 1).astype(size.dtype)
    with np.errstate(all="ignore"):
        total = np.sqrt(np.sum(np.square(size / scale), axis=axes, dtype=size.dtype))
        return np.asarray(total * np.squeeze(scale, axes)).astype(real)


def _partial(t: Any, out: Any, x: Any, *, axes: Shape) -> Any:
    kept = [i for i in range(x.ndim) if i not in axes]
    unit = x / lax.convert_element_type(lax.broadcast_in_dim(out, x.shape, kept), x.dtype)
    if dtypes.kind(x.dtype) == "c":
        return reduce_sum(lax.real(lax.mul(t, lax.conj(unit))), axes)
    return reduce_sum(lax.mul(t, unit), axes)


def _batch(args: Any, dims: Any, *, axes: Shape) -> Any:
    inner, out = reduced_axes(axes, dims[0])
    return two_norm_p.bind(args[0], axes=inner), out


def _kernel(build: Any, x: Any, *, axes: Shape, out: ShapedArray) -> Any:
    return build.inline(_program(ShapedArray(x.shape, x.dtype), axes), [x])[0]


two_norm_p = Primitive("two_norm", type=_type, eval=_eval, jvp=[_partial], transpose=NOT_LINEAR,
                       batch=_batch, kernel=_kernel)
two_norm_p.division = dropping("axes")


def two_norm(x: Any, axes: Shape) -> Any:
    """Roots of sums of |x|^2 over axes; nan derivative where that is 0.

    x: inexact [...] -> its real dtype, the axes removed; 16 bits are computed in 32. Raises
    TypeError for other dtypes.

    >>> two_norm(np.array([3e200, 4e200]), (0,))
    Array(5.e+200, dtype=float64)
    """
    return two_norm_p.bind(x, axes=tuple(axes))
