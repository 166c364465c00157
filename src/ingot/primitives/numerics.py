"""What elementwise operations share: narrow dtypes in NumPy, operands of one shape, accuracy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import wraps
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.array import ArrayBase
from ingot.core.interpreter import typeof
from ingot.primitives.movement import broadcast_in_dim
from ingot.primitives.out_sharding import divided_like
from ingot.util import memoize

FLOAT32, INT32, DOUBLE = np.dtype(np.float32), np.dtype(np.int32), np.dtype(np.float64)

IN_DOUBLE = frozenset([np.exp, np.expm1, np.log, np.log1p, np.tan, np.arcsin, np.arccos, np.arctan,
                       np.arctan2, np.cosh, np.cbrt])
"""Functions whose loops for float32 err more than ours may, by up to 3 ulp on processors with long
vectors: they are computed in float64."""

REAL_ONLY = frozenset([np.expm1, np.tanh])
"""Functions whose loops for complex numbers are not used, as they err at infinities and zeros."""


@memoize()
def wide(dtype: np.dtype) -> np.dtype:
    """The dtype in which values of `dtype` are computed: its own, or 32 bits for narrow ones."""
    kind = dtypes.kind(dtype)
    if kind == "f" and dtype.itemsize < 4:
        return FLOAT32
    return INT32 if kind in "iu" and dtypes.itemsize_bits(dtype) < 8 else dtype


def accurate(fun: np.ufunc) -> Callable[..., Any]:
    """A function of NumPy's, with float32 computed in float64 where its accuracy needs that."""
    if fun not in IN_DOUBLE:
        return fun

    @wraps(fun)
    def evaluate(*xs: np.ndarray) -> np.ndarray:
        if xs[0].dtype != FLOAT32:
            return fun(*xs)
        out = np.empty(np.broadcast_shapes(*(x.shape for x in xs)), FLOAT32)
        return fun(*xs, out=out, dtype=DOUBLE, casting="same_kind")

    return evaluate


def widened(fun: Callable[..., Any]) -> Callable[..., Any]:
    """An `eval` that computes float16, bfloat16, 8-bit floats and 4-bit integers in 32 bits.

    Parameters are dropped: for functions of the elements alone.
    """
    fun = accurate(fun) if isinstance(fun, np.ufunc) else fun

    @wraps(fun)
    def evaluate(*xs: np.ndarray, **params: Any) -> Any:
        dtype = xs[0].dtype
        computed = wide(dtype)
        if computed is dtype or computed == dtype:
            return fun(*xs)
        out = fun(*(x.astype(computed) for x in xs))
        return out.astype(dtype) if out.dtype == computed else out

    return evaluate


def product(x: Any, y: Any) -> Any:
    """Products; of complex numbers those that compiled code gives, also where parts overflow.

    NumPy's depend on the processor there, which may subtract products that it has not rounded.
    """
    out = np.multiply(x, y)
    if out.dtype.kind != "c" or np.isfinite(out).all():
        return out
    out = np.asarray(out)
    lost = ~np.isfinite(out)
    x, y = (np.broadcast_to(v, out.shape)[lost] for v in (x, y))
    out[lost] = complex_of(x.real * y.real - x.imag * y.imag, x.real * y.imag + x.imag * y.real)
    return out


def complex_of(real: Any, imag: Any) -> np.ndarray:
    """Complex numbers of given parts, which may be infinite."""
    out = np.empty(np.shape(real), np.result_type(real, np.complex64))
    out.real, out.imag = real, imag
    return out


def same_shape(name: str, *xs: Any) -> tuple[Any, ...]:
    """Operands broadcast to one shape: those of rank 0, and axes of length 1 at equal rank.

    Anything else is left to the type rule, which raises; TypeError for operands of other ranks.
    """
    shapes = [x.aval.shape if isinstance(x, ArrayBase) else typeof(x).shape  # type: ignore
              for x in xs]
    first = shapes[0]
    if shapes.count(first) == len(shapes):
        return xs
    ranks = {len(s) for s in shapes} - {0}
    if len(ranks) > 1:
        raise TypeError(
            f"{name}: ranks must match, got {', '.join(str(typeof(x)) for x in xs)}; broadcast one"
            " of them first (numpy functions do this for you)")
    sizes = zip(*(s for s in shapes if s), strict=True)
    target = tuple(next((n for n in ns if n != 1), 1) for ns in sizes)
    like = next((a for a in map(typeof, xs) if a._sharding is not None), None)
    out = [x if s == target or any(n not in (1, m) for n, m in zip(s, target, strict=False))
           else broadcast_in_dim(x, target, tuple(range(len(s))))
           for x, s in zip(xs, shapes, strict=True)]
    return tuple(out) if like is None else tuple(
        x if s else divided_like(x, like) for x, s in zip(out, shapes, strict=True))


# ---- accuracy ------------------------------------------------------------------------------------
class AccuracyMode(Enum):
    """How accurate an elementary function must be; here both mean what its docstring states."""

    HIGHEST = 1
    DEFAULT = 2


@dataclass(frozen=True)
class Tolerance:
    """The error allowed in an elementary function, absolute, relative, or in last places.

    atol, rtol, ulps: numbers from 0 on; ValueError for negative ones. They have no effect on
    results, whose errors are smaller.

    >>> lax.sin(0.0, accuracy=lax.Tolerance(ulps=4))
    Array(0., dtype=float64, weak_type=True)
    """

    atol: float = 0.0
    rtol: float = 0.0
    ulps: int = 0

    def __post_init__(self) -> None:
        if min(self.atol, self.rtol, self.ulps) < 0:
            raise ValueError(f"Tolerance: bounds must not be negative, got {self}")


def check_accuracy(name: str, accuracy: Any) -> Any:
    """`accuracy` itself; TypeError unless it is None, a Tolerance or an AccuracyMode."""
    if accuracy is not None and not isinstance(accuracy, (AccuracyMode, Tolerance)):
        raise TypeError(f"{name}: accuracy must be a Tolerance, an AccuracyMode or None, got"
                        f" {accuracy!r}")
    return accuracy


__all__ = ["AccuracyMode", "Tolerance"]
