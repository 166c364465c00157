"""Products of arrays whose blocks have scales, as formats of few bits keep numbers."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.interpreter import to_array
from ingot.primitives.arithmetic import mul
from ingot.primitives.convert import convert_element_type
from ingot.primitives.dot import dot_general
from ingot.primitives.movement import broadcast_in_dim, reshape


def scaled_dot(lhs: Any, rhs: Any, *, lhs_scale: Any = None, rhs_scale: Any = None,
               dimension_numbers: Any = None, preferred_element_type: Any = None) -> Any:
    """Contract arrays each of which is multiplied by scales, one for a block of contracted entries.

    lhs [..., m, k], rhs [..., k, n], or as `dimension_numbers` say, those of `dot_general`;
    lhs_scale, rhs_scale: of the shape of the operand but for contracted axes, which are shorter by
    a whole factor of 2 or more; preferred_element_type: the dtype of the result, bfloat16 if not
    given -> the product, of terms in bfloat16 or the widest dtype given, summed in float32 or that.
    Raises TypeError for shapes that do not fit.

    >>> lax.scaled_dot(np.ones((1, 4)), np.ones((4, 1)), lhs_scale=np.array([[2.0, 8.0]]))
    Array([[20]], dtype=bfloat16)
    """
    x, y = to_array(lhs), to_array(rhs)
    if dimension_numbers is None:
        n = x.aval.ndim
        if n < 2 or y.aval.ndim != n:
            raise TypeError(f"scaled_dot: expected [..., m, k] and [..., k, n] of equal rank, got"
                            f" {x.aval} and {y.aval}; give dimension_numbers for other products")
        batch = tuple(range(n - 2))
        dimension_numbers = (((n - 1,), (n - 2,)), (batch, batch))
    dtype = dtypes.bfloat16 if preferred_element_type is None else dtypes.as_user_dtype(
        preferred_element_type, "scaled_dot")
    contracted = dimension_numbers[0]
    scales = [None if s is None else to_array(s) for s in (lhs_scale, rhs_scale)]
    given = [a.aval.dtype for a in (x, y, *scales) if a is not None and a.aval.dtype.itemsize > 1]
    # In bfloat16, products of numbers of 8 bits and their scales are exact.
    wide = functools.reduce(dtypes.promote_types, given, np.dtype(dtypes.bfloat16))
    x = _scaled("lhs", x, scales[0], contracted[0], wide)
    y = _scaled("rhs", y, scales[1], contracted[1], wide)
    out = dot_general(x, y, dimension_numbers,
                      preferred_element_type=dtypes.promote_types(wide, np.dtype(np.float32)))
    return convert_element_type(out, dtype)


def _scaled(name: str, x: Any, scale: Any, contracted: Any, dtype: Any) -> Any:
    """An operand times its scales, each of which holds for a block of it."""
    values = convert_element_type(x, dtype)
    if scale is None:
        return values
    shape, blocks = x.aval.shape, scale.aval.shape
    fits = len(shape) == len(blocks) and all(
        (m > 0 and n % m == 0 and n >= 2 * m) if axis in contracted else n == m
        for axis, (n, m) in enumerate(zip(shape, blocks, strict=True)))
    if not fits:
        raise TypeError(f"scaled_dot: {name}_scale must have the shape of {name}, but for"
                        f" contracted axes, here {tuple(contracted)}, shorter by a whole factor"
                        f" of 2 or more; got {scale.aval} for {x.aval}")
    # [.., n, ..] is [.., m, n / m, ..], where the scale of a block does not depend on the second.
    pairs = tuple(k for n, m in zip(shape, blocks, strict=True) for k in (m, n // m if m else 0))
    kept = tuple(range(0, 2 * len(shape), 2))
    each = broadcast_in_dim(convert_element_type(scale, dtype), pairs, kept)
    return mul(values, reshape(each, shape))


__all__ = ["scaled_dot"]
