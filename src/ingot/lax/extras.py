"""Functions of lax that are not operations: the choice of platform, named composites, dtypes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.config import config
from ingot.control.cond import switch
from ingot.core.array import Array
from ingot.core.interpreter import to_array
from ingot.core.tracebacks import api_boundary
from ingot.primitives.arithmetic import add, mul
from ingot.primitives.convert import convert_element_type
from ingot.primitives.dimensions import platform_index_p
from ingot.primitives.movement import full_like
from ingot.primitives.shape import constant
from ingot.util import wraps


def dtype(x: Any) -> Any:
    """Return the dtype of an array or a number.

    x: one of these, or a dtype -> a NumPy dtype.

    >>> lax.dtype(1.5)
    dtype('float64')
    """
    return dtypes.dtype_of(x)


def shape_as_value(shape: Any) -> Array:
    """Return a shape as an integer array.

    shape: a tuple of integers -> [rank] of the default integer.

    >>> lax.shape_as_value((2, 3))
    Array([2, 3], dtype=int64)
    """
    return constant(np.asarray([int(n) for n in shape], dtypes.default_int()), dtypes.default_int())


def polynomial(x: Any, coeffs: Any, *, unroll: int | None = None) -> Any:
    """Return the polynomial of given coefficients, that of the constant first, at points.

    x: number [...]; coeffs: a sequence of numbers or arrays of that rank, which are converted to
    the dtype of `x`; unroll: without effect -> [...] of the dtype of `x`.

    >>> lax.polynomial(2.0, [1, 0, 3])
    Array(13., dtype=float64, weak_type=True)
    """
    x = to_array(x)
    out = full_like(x, 0)
    for k, c in enumerate(reversed(coeffs)):
        number = isinstance(c, bool | int | float | complex)
        term = full_like(x, c) if number else convert_element_type(to_array(c), x.aval.dtype)
        out = add(mul(out, x), term) if k else add(out, term)
    return out


_FAMILY = {"cuda": "gpu", "rocm": "gpu"}


def platform_dependent(*args: Any, default: Callable[..., Any] | None = None,
                       **per_platform: Callable[..., Any]) -> Any:
    """Apply the function that is given for the platform.

    args: passed on. default: the function for other platforms. per_platform: functions by platform,
    as cpu=... -> what the function for this platform, `cpu`, or else `default` returns. Raises
    ValueError if there is neither.

    >>> lax.platform_dependent(3, cpu=lambda x: x + 1)
    4
    """
    platforms = config.export_platforms or ("cpu",)
    chosen = []
    for platform in platforms:
        fun = per_platform.get(platform, per_platform.get(_FAMILY.get(platform, ""), default))
        if fun is None:
            raise ValueError(f"platform_dependent: programs run on {platform!r}, but only"
                             f" {sorted(per_platform)} and no default are given")
        chosen.append(fun)
    if len(chosen) == 1:
        return chosen[0](*args)
    return switch(platform_index_p.bind(), chosen, *args)


def composite(decomposition: Callable[..., Any], name: str, version: int = 0) -> Callable[..., Any]:
    """Name a function so that back ends may know it; here it is what its decomposition says.

    decomposition: arrays or pytrees -> the same. name: a string. version: of what the name means,
    without effect -> a function of the same values.

    >>> lax.composite(lambda x: x + 1, name="my.increment")(3)
    4
    """
    if not isinstance(name, str) or not name:
        raise ValueError(f"composite: name must be a nonempty string, got {name!r:.60}")

    @api_boundary
    @wraps(decomposition)
    def call(*args: Any, **kwargs: Any) -> Any:
        return decomposition(*args, **kwargs)

    return call


# Names for annotations; checks at run time say more than they could.
ConvGeneralDilatedDimensionNumbers = DotDimensionNumbers = PrecisionLike = Any

__all__ = ["ConvGeneralDilatedDimensionNumbers", "DotDimensionNumbers", "PrecisionLike",
           "composite", "dtype", "platform_dependent", "polynomial", "shape_as_value"]
