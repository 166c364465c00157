"""From arrays to Python values, and the errors where a tracer has no value to give."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from ingot.core.array import Array, fetch, to_host
from ingot.core.interpreter import Tracer
from ingot.core.source_info import describe, here
from ingot.core.static import items
from ingot.core.symbolic import length
from ingot.errors import (
    ConcretizationTypeError,
    ShapeError,
    TracerArrayConversionError,
    TracerBoolConversionError,
    TracerIntegerConversionError,
)

_ERRORS: dict[str, tuple[type[Exception], str, str]] = {
    "bool": (
        TracerBoolConversionError, "its truth value was asked for (by if, while, and, or, not, in)",
        "jnp.where(c, a, b) chooses between values, lax.cond(c, f, g, x) between computations,\n"
        "lax.while_loop loops, and & | ~ combine conditions"),
    "index": (
        TracerIntegerConversionError, "it was used as a Python integer (range, list index, shape)",
        "index arrays instead of lists, use lax.fori_loop instead of range, keep shapes static"),
    "array": (
        TracerArrayConversionError, "NumPy, or code that calls NumPy, was given it",
        "call ingot.numpy there, with o = o.at[i].set(x) for o[i] = x,\n"
        "or pure_callback for code that must run on the host"),
    "item": (
        ConcretizationTypeError, "a Python number was asked of it",
        "compute with arrays: astype(int) instead of int(x), jnp functions instead of math's,\n"
        "o = o.at[i].set(x) on a jnp array instead of o[i] = x on a NumPy array"),
}
_ERRORS["int"], _ERRORS["text"] = _ERRORS["item"], _ERRORS["array"]

_CUTS = ("array", "item")
"""Uses of a value that would silently make its derivative 0; whole numbers have none to lose."""


def concrete_array(x: Any, use: str) -> Array:
    """The array behind an array or tracer; the error for this use if there is no value yet."""
    if type(x) is Array:
        return x
    known = x.computed()
    if known is not None:
        if use in _CUTS and x.differentiated():
            raise _cut_derivative(x, use)
        return known
    error, what, remedy = _ERRORS[use]
    made = f"\nThe value was made at {describe(x._source)}." if getattr(x, "_source", None) else ""
    raise error(
        f"a value of type {x.aval} is traced by {x._interpreter.name()}, so it has a"
        f" shape and a dtype but no value yet,\nand {what}\nat {here()}.{made}\n"
        f"Instead: {remedy};\nor, if the value is known before tracing, mark the argument static"
        " (static_argnums, static_argnames).")


def _cut_derivative(x: Any, use: str) -> Exception:
    """The error for a value that leaves what differentiates it, as a constant would."""
    error, what, remedy = _ERRORS[use]
    return error(
        f"a value of type {x.aval} is traced by {x._interpreter.name()},\nand {what}\nat {here()},"
        f" where its derivative would be lost.\nInstead: {remedy};\nor, if it is meant as a"
        " constant, give lax.stop_gradient(x).")


def scalar_of(x: Any, kind: type) -> Any:
    """An array of rank 0 as a Python int, float or complex."""
    if x.aval.ndim:
        raise TypeError(f"{kind.__name__}: only scalar arrays can be converted to Python scalars,"
                        f" got {x.aval}")
    data: Any = concrete_array(x, "int" if kind is int else "item")._data
    if type(data) is not ndarray:
        data = to_host(data)
    if kind is not complex and np.iscomplexobj(data):
        raise TypeError(f"{kind.__name__}: {x.aval} is complex; take its real part first")
    return kind(data.item())


def at_hand(x: Any) -> ndarray | None:
    """The buffer of an array that is not traced and in the memory of the CPU, else None."""
    data = x._data if type(x) is Array else None
    return data if type(data) is ndarray else None


# ---- arguments that shapes depend on ----


_STATIC = "pass a Python number or mark the argument static (static_argnums)"


def concrete(name: str, x: Any, what: str, remedy: str = _STATIC) -> Any:
    """A Python or NumPy value for something that must be known while tracing."""
    if isinstance(x, Tracer):
        known = x.concrete()
        if known is None:
            raise ConcretizationTypeError(
                f"{name}: {what} must be known while tracing, got {x.aval} at {here()};\nthe"
                f" result's shape depends on it: {remedy}")
        x = known
    return fetch(x) if type(x) is Array else x


def concrete_int(name: str, x: Any, what: str) -> int:
    """A Python int; errors name the function and what the number is for."""
    try:
        return length(x)
    except TypeError:
        if isinstance(x, Tracer) and x.concrete() is None:
            raise ConcretizationTypeError(
                f"{name}: {what} must be known while tracing, got {x.aval} at {here()};\nshapes are"
                " static: use x.shape, a Python int, or mark the argument static (static_argnums)"
            ) from None
        raise TypeError(f"{name}: {what} must be an integer, got {x!r:.60}") from None


def canonical_shape(name: str, shape: Any) -> tuple[int, ...]:
    """A shape as a tuple of non-negative Python ints."""
    out = tuple(n if type(n) is int else concrete_int(name, n, "shape") for n in items(shape))
    if any(n < 0 for n in out):
        raise ShapeError(f"{name}: lengths must not be negative, got shape {out}")
    return out
