"""The slots that members of a family share: unary, binary, comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.avals import ShapedArray
from ingot.core.division import nonlinear
from ingot.core.primitive import NOT_LINEAR, ZERO, Primitive, is_linear
from ingot.kernel.rules import elementwise
from ingot.primitives.movement import align

Kinds = tuple[Any, ...]
FLOAT: Kinds = (np.floating,)
COMPLEX: Kinds = (np.complexfloating,)
INEXACT: Kinds = (np.inexact,)
SIGNED: Kinds = (np.inexact, np.signedinteger)
NUMBER: Kinds = (np.number,)
INTEGER: Kinds = (np.integer,)
BOOLEAN: Kinds = (np.bool_,)
ANY: Kinds = (np.number, np.bool_)

_KIND_NAMES = {np.floating: "floating", np.complexfloating: "complex", np.inexact: "inexact",
               np.signedinteger: "signed integer", np.number: "number", np.integer: "integer",
               np.bool_: "boolean", np.float32: "float32", np.float64: "float64",
               dtypes.prng_key: "PRNG key", np.void: "float0"}


def check_kind(name: str, kinds: Kinds, *avals: ShapedArray) -> None:
    """Raise TypeError unless every dtype is of one of the kinds."""
    for i, aval in enumerate(avals):
        if not any(dtypes.issubdtype(aval.dtype, k) for k in kinds):
            accepted = " or ".join(_KIND_NAMES[k] for k in kinds)
            raise TypeError(
                f"{name}: argument {i} must be of {accepted} dtype, got {aval};"
                f" {_remedy(name, kinds, aval)}")


def _remedy(name: str, kinds: Kinds, aval: ShapedArray) -> str:
    if name == "neg" and aval.dtype == dtypes.bool_:
        return "write ~x for the opposite of truth values, or convert it first: x.astype(int)"
    integral = {np.integer, np.signedinteger, np.bool_}
    wanted = "int" if integral.issuperset(kinds) else "float"
    return f"convert it first, e.g. x.astype({wanted})"


def check_same(name: str, *avals: ShapedArray) -> None:
    """Raise TypeError unless shapes and dtypes agree."""
    first = avals[0]
    for aval in avals[1:]:
        if aval.dtype != first.dtype:
            raise TypeError(
                f"{name}: dtypes must match, got {first} and {aval}; convert one with"
                " lax.convert_element_type (numpy functions do this for you)"
            )
        if aval.shape != first.shape:
            raise TypeError(
                f"{name}: shapes must match, got {first} and {aval}; broadcast one of them first"
                " (numpy functions do this for you)"
            )


def elementwise_type(name: str, kinds: Kinds, result: Callable[[Any], Any] | None = None,
                     check: Callable[..., None] = check_same) -> Callable[..., ShapedArray]:
    """Type rule: equal operand types of certain kinds; the result's dtype is `result(dtype)`."""

    def rule(*avals: ShapedArray, **params: Any) -> ShapedArray:
        check_kind(name, kinds, *avals)
        check(name, *avals)
        dtype = avals[0].dtype if result is None else result(avals[0].dtype)
        weak = all(a.weak_type for a in avals) and dtype != np.bool_
        return ShapedArray(avals[0].shape, dtype, weak)

    return rule


def unary(name: str, kinds: Kinds, *, eval: Any, jvp: Any, kernel: Any, transpose: Any = NOT_LINEAR,
          result: Callable[[Any], Any] | None = None, recompute_cost: int | None = None
          ) -> Primitive:
    """An elementwise operation of one argument. `kernel` may be the name of a scalar operation."""

    def batch(args: Sequence[Any], dims: Sequence[Any], **params: Any) -> Any:
        return primitive.bind(*args, **params), dims[0]

    primitive = Primitive(
        name, type=elementwise_type(name, kinds, result), eval=eval, jvp=jvp,
        transpose=transpose, batch=batch, kernel=elementwise(kernel) if isinstance(kernel, str)
        else kernel, recompute_cost=recompute_cost)
    primitive.marks = nonlinear
    return primitive


def nary(name: str, kinds: Kinds, *, eval: Any, jvp: Any, kernel: Any, transpose: Any = NOT_LINEAR,
         result: Callable[[Any], Any] | None = None, recompute_cost: int | None = None
         ) -> Primitive:
    """An elementwise operation of several arguments of the same type."""

    def batch(args: Sequence[Any], dims: Sequence[Any], **params: Any) -> Any:
        args, dim = align(args, dims)
        return primitive.bind(*args, **params), dim

    primitive = Primitive(
        name, type=elementwise_type(name, kinds, result), eval=eval, jvp=jvp,
        transpose=transpose, batch=batch, kernel=elementwise(kernel) if isinstance(kernel, str)
        else kernel, recompute_cost=recompute_cost)
    primitive.elementwise, primitive.marks = True, nonlinear
    return primitive


binary = nary


def compare(name: str, kinds: Kinds, *, eval: Any, kernel: str,
            recompute_cost: int | None = None) -> Primitive:
    """An elementwise comparison: boolean result, no derivative."""
    return nary(name, kinds, eval=eval, jvp=ZERO, kernel=kernel,
                result=lambda _: np.dtype(np.bool_), recompute_cost=recompute_cost)


__all__ = ["ANY", "BOOLEAN", "COMPLEX", "FLOAT", "INEXACT", "INTEGER", "NUMBER", "SIGNED", "binary",
           "check_kind", "check_same", "compare", "is_linear", "nary", "unary"]
