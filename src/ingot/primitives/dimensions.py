"""What is known when an exported program is called: lengths as numbers, and the platform."""

from __future__ import annotations

from typing import Any

from ingot import dtypes
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import EVAL, current
from ingot.core.primitive import INTEGER_ONLY, NoRule, Primitive
from ingot.core.symbolic import AS_ARRAY, DimExpr
from ingot.errors import InconclusiveDimensionOperation

_UNKNOWN = NoRule("the length of an axis is not known before the program is called")
dim_as_value_p = Primitive(
    "dim_as_value", type=lambda *, dim, dtype: ShapedArray((), dtype, True), eval=_UNKNOWN,
    jvp=INTEGER_ONLY, transpose=INTEGER_ONLY, batch=_UNKNOWN, kernel=_UNKNOWN)


def dim_as_value(dim: DimExpr) -> Any:
    """A symbolic dimension as an integer [] with weak type.

    Raises InconclusiveDimensionOperation outside of functions that are traced.
    """
    if current() is EVAL:
        raise InconclusiveDimensionOperation(
            f"the symbolic dimension '{dim}' has no value outside of a function that is exported")
    return dim_as_value_p.bind(dim=dim, dtype=dtypes.default_int())


_CHOSEN = NoRule("the platform is not known before the program is called")
platform_index_p = Primitive(
    "platform_index", type=lambda: ShapedArray((), "int32"), eval=_CHOSEN, jvp=INTEGER_ONLY,
    transpose=INTEGER_ONLY, batch=_CHOSEN, kernel=_CHOSEN)

AS_ARRAY.append(dim_as_value)

__all__ = ["dim_as_value", "dim_as_value_p", "platform_index_p"]
