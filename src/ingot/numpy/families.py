"""Makers of elementwise functions: how one or two arguments are promoted before the operation."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.array import ArrayBase
from ingot.core.interpreter import typeof
from ingot.core.native_calls import native_calls
from ingot.numpy import primitives as lax
from ingot.numpy.promotion import as_array, constant, convert, inexact, promote
from ingot.util import renamed


def named(function: Callable[..., Any], name: str, doc: str) -> Callable[..., Any]:
    """The function itself, now with this name and docstring."""
    function.__name__ = function.__qualname__ = name
    if function.__module__ == __name__:  # where pickles find it
        function.__module__ = "ingot.numpy"
    function.__doc__ = functools.reduce(lambda text, part: text.replace(*part), TYPES.items(), doc)
    return function


# What the docstrings of families say of arguments and results, where they name one of these.
TYPES = {
    "{x}": """x: [...] of any numeric dtype -> [...] of the same dtype, of integers and booleans the
    default float dtype.""",
    "{x, y: same}": """x, y: [...] of any dtype, broadcast -> [...] of the dtype they promote to.
    Raises ValueError if the shapes do not broadcast.""",
    "{x, y: inexact}": """x, y: [...] of any numeric dtype, broadcast -> [...] of the float or
    complex dtype they promote to. Raises ValueError if the shapes do not broadcast.""",
    "{x, y: truth}": """x, y: [...] of any dtype, broadcast -> booleans [...]. Raises ValueError if
    the shapes do not broadcast.""",
    "{x, y: bits}": """x, y: [...] integers or booleans, broadcast -> [...] of the dtype they
    promote to. Raises TypeError for other dtypes, ValueError if the shapes do not broadcast.""",
}


def with_loop(function: Callable[..., Any], name: str, loop: np.ufunc | None, doc: str | None = None
              ) -> Callable[..., Any]:
    """A function with a name, and NumPy's loop that it is for most types."""
    function = named(function, name, doc or function.__doc__ or "")
    return function if loop is None else native_calls().elementwise(function, loop)


def alias(function: Any, name: str) -> Any:
    """The same function under another name of NumPy's, by which it is called and printed."""
    loop = getattr(function, "_loop", None)
    if loop is not None:
        return native_calls().elementwise(alias(function._function, name), loop)
    return renamed(function, name, "ingot.numpy")


# `loop` is NumPy's function where the operation's `eval` is nothing else.
def unary(name: str, op: Callable[..., Any], doc: str, loop: np.ufunc | None = None
          ) -> Callable[..., Any]:
    """A function of one array in its own dtype."""

    def function(x: Any, /) -> Any:
        return op(x if isinstance(x, ArrayBase) else as_array(name, x))

    return with_loop(function, name, loop, doc)


def unary_inexact(name: str, op: Callable[..., Any], doc: str, loop: np.ufunc | None = None
                  ) -> Callable[..., Any]:
    """A function of one array; integers become floats."""

    def function(x: Any, /) -> Any:
        return op(inexact(name, x))

    return with_loop(function, name, loop, doc)


def binary(name: str, op: Callable[..., Any], doc: str, kind: str = "same",
           loop: np.ufunc | None = None) -> Callable[..., Any]:
    """A function of two arrays, promoted to one dtype and shape."""

    def function(x: Any, y: Any, /) -> Any:
        if (isinstance(x, ArrayBase) and isinstance(y, ArrayBase) and kind == "same"
                and x.aval == y.aval):  # type: ignore[attr-defined]
            return op(x, y)
        return op(*promote(name, x, y, kind=kind))

    return with_loop(function, name, loop, doc)


def like(x: Any, value: Any) -> Any:
    """A number as an array of the type of `x`."""
    aval = x.aval if isinstance(x, ArrayBase) else typeof(x)  # rules get numbers as they are
    if type(value) in (int, float, bool, complex):
        return constant(value, aval.dtype, aval.weak_type, aval.shape)
    return lax.broadcast_in_dim(convert(value, aval.dtype, aval.weak_type), aval.shape, ())


def kind_of(x: Any) -> str:
    """The kind of an array's dtype: one of 'b', 'i', 'u', 'f', 'c'."""
    return dtypes.kind(x.aval.dtype)


def check_real(name: str, *arrays: Any) -> None:
    """Raise TypeError, with the function's name, for complex numbers."""
    for x in arrays:
        if kind_of(x) == "c":
            raise TypeError(f"{name}: complex numbers are not ordered, got {x.aval}; apply it"
                            " to their real and imaginary parts")


def truth(name: str, x: Any) -> Any:
    """An array as booleans: whether elements differ from zero."""
    x = as_array(name, x)
    return x if x.aval.dtype == dtypes.bool_ else lax.ne(x, like(x, 0))
