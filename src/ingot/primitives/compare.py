"""Comparisons, elementwise: eq, ne, lt, le, gt, ge, and the total order of floats."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.primitive import ZERO, Primitive
from ingot.kernel.rules import Lowering, elementwise
from ingot.primitives.families import ANY, compare, nary
from ingot.primitives.numerics import same_shape

REAL = (np.integer, np.floating, np.bool_)
EQUALITY = (*ANY, dtypes.prng_key, np.void)  # float0 is void; its only value equals itself
BOOL = np.dtype(np.bool_)

# ---- eq, ne --------------------------------------------------------------------------------------
eq_p = compare("eq", EQUALITY, eval=operator.eq, kernel="eq", recompute_cost=1)
ne_p = compare("ne", EQUALITY, eval=operator.ne, kernel="ne", recompute_cost=1)


def eq(x: Any, y: Any) -> Any:
    """Elementwise `x == y`; nan equals nothing.

    x, y: any, or PRNG keys [...] of one type -> bool [...]. Raises TypeError when types differ.

    >>> lax.eq(1.0, 2.0)
    Array(False, dtype=bool)
    """
    return eq_p.bind(*same_shape("eq", x, y))


def ne(x: Any, y: Any) -> Any:
    """Elementwise `x != y`; nan differs from everything.

    x, y: any, or PRNG keys [...] of one type -> bool [...]. Raises TypeError when types differ.

    >>> lax.ne(1.0, 2.0)
    Array(True, dtype=bool)
    """
    return ne_p.bind(*same_shape("ne", x, y))


# ---- lt, le, gt, ge ------------------------------------------------------------------------------
lt_p = compare("lt", REAL, eval=np.less, kernel="lt", recompute_cost=1)
le_p = compare("le", REAL, eval=np.less_equal, kernel="le", recompute_cost=1)
gt_p = compare("gt", REAL, eval=np.greater, kernel="gt", recompute_cost=1)
ge_p = compare("ge", REAL, eval=np.greater_equal, kernel="ge", recompute_cost=1)


def lt(x: Any, y: Any) -> Any:
    """Elementwise `x < y`; False where either is nan.

    x, y: real or boolean [...] of one type -> bool [...]. Raises TypeError for complex numbers.

    >>> lax.lt(1.0, 2.0)
    Array(True, dtype=bool)
    """
    return lt_p.bind(*same_shape("lt", x, y))


def le(x: Any, y: Any) -> Any:
    """Elementwise `x <= y`; False where either is nan.

    x, y: real or boolean [...] of one type -> bool [...]. Raises TypeError for complex numbers.

    >>> lax.le(2.0, 2.0)
    Array(True, dtype=bool)
    """
    return le_p.bind(*same_shape("le", x, y))


def gt(x: Any, y: Any) -> Any:
    """Elementwise `x > y`; False where either is nan.

    x, y: real or boolean [...] of one type -> bool [...]. Raises TypeError for complex numbers.

    >>> lax.gt(1.0, 2.0)
    Array(False, dtype=bool)
    """
    return gt_p.bind(*same_shape("gt", x, y))


def ge(x: Any, y: Any) -> Any:
    """Elementwise `x >= y`; False where either is nan.

    x, y: real or boolean [...] of one type -> bool [...]. Raises TypeError for complex numbers.

    >>> lax.ge(2.0, 2.0)
    Array(True, dtype=bool)
    """
    return ge_p.bind(*same_shape("ge", x, y))


# ---- eq_to, lt_to, le_to -------------------------------------------------------------------------
def order_key(x: np.ndarray) -> np.ndarray:
    """Integers in the total order of floats: -nan < -inf < ... < -0 < 0 < ... < inf < nan."""
    if dtypes.kind(x.dtype) != "f":
        return x
    bits = np.ascontiguousarray(x).reshape(x.shape).view(f"i{x.dtype.itemsize}")
    width = dtypes.finfo(x.dtype).bits
    if width < 8 * bits.itemsize:  # floats of 4 and 6 bits lie in the low bits of a byte
        unused = 8 - width
        bits = (bits << unused).astype(np.int8)
    return np.where(bits < 0, bits ^ np.iinfo(bits.dtype).max, bits)


def _order_scalar(build: Lowering, x: Any) -> Any:
    if dtypes.kind(x.dtype) != "f":
        return x
    word = np.dtype(f"i{x.dtype.itemsize}")
    bits = build.op("bitcast", x, dtype=word)
    flipped = build.op("xor", bits, build.const(np.iinfo(word).max, word))
    return build.select(build.op("lt", bits, build.const(0, word)), flipped, bits)


def _total(name: str, fun: Callable[..., Any]) -> Primitive:
    def kernel(build: Lowering, x: Any, y: Any, *, out_dtype: Any) -> Any:
        return build.op(name, _order_scalar(build, x), _order_scalar(build, y))

    return nary(f"{name}_to", REAL, eval=lambda x, y: fun(order_key(x), order_key(y)), jvp=ZERO,
                kernel=elementwise(kernel), result=lambda _: BOOL)


eq_to_p = _total("eq", np.equal)
lt_to_p = _total("lt", np.less)
le_to_p = _total("le", np.less_equal)


def eq_to(x: Any, y: Any) -> Any:
    """Elementwise equality in the total order: nan equals nan of the same bits, -0 differs from 0.

    x, y: real or boolean [...] of one type -> bool [...]. Raises TypeError for complex numbers.

    >>> eq_to(0.0, -0.0)
    Array(False, dtype=bool)
    """
    return eq_to_p.bind(*same_shape("eq_to", x, y))


def lt_to(x: Any, y: Any) -> Any:
    """Elementwise `x < y` in the total order -nan < -inf < ... < -0 < 0 < ... < inf < nan.

    x, y: real or boolean [...] of one type -> bool [...]. Raises TypeError for complex numbers.

    >>> lt_to(-0.0, 0.0)
    Array(True, dtype=bool)
    """
    return lt_to_p.bind(*same_shape("lt_to", x, y))


def le_to(x: Any, y: Any) -> Any:
    """Elementwise `x <= y` in the total order -nan < -inf < ... < -0 < 0 < ... < inf < nan.

    x, y: real or boolean [...] of one type -> bool [...]. Raises TypeError for complex numbers.

    >>> le_to(0.0, -0.0)
    Array(False, dtype=bool)
    """
    return le_to_p.bind(*same_shape("le_to", x, y))


__all__ = ["eq", "eq_p", "eq_to_p", "ge", "ge_p", "gt", "gt_p", "le", "le_p", "le_to_p", "lt",
           "lt_p", "lt_to_p", "ne", "ne_p"]
