"""`debug_nans` and `debug_infs`: which operation made the first NaN or infinity, at which line."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.config import config
from ingot.core.array import Array, fetch
from ingot.core.source_info import Derivative, describe, source_context, user_source


class _State(threading.local):
    """The operation that last made an infinity out of finite numbers: NaN often comes of it."""

    infinity = ""


_state = _State()


def checking() -> bool:
    """Whether results are looked at."""
    return config.debug_nans or config.debug_infs


def found_in(arrays: Sequence[Any]) -> str | None:
    """'nan' or 'inf' if one of these NumPy arrays has what the flags forbid."""
    for data in arrays:
        if not dtypes.issubdtype(data.dtype, np.inexact):
            continue
        if data.dtype.kind not in "fc":
            data = data.astype(np.float32)
        if config.debug_nans and np.isnan(data).any():
            return "nan"
        if config.debug_infs and np.isinf(data).any():
            return "inf"
    return None


def debug_check(name: str, results: Sequence[Array], args: Sequence[np.ndarray]) -> None:
    """Raise FloatingPointError if an operation gave what the flags forbid.

    Not if a scalar among its arguments is the same: it was put there on purpose, to be chosen where
    there is no number, and what is chosen is checked.
    """
    data = [fetch(x) for x in results]
    found = found_in(data)
    if found is None or _any(np.isnan if found == "nan" else np.isinf,
                             [x for x in args if x.ndim == 0]):
        if _any(np.isinf, data) and not _any(np.isinf, args):
            _state.infinity = _operation(name)[1]
        return
    derivative, what = _operation(name)
    types = " and ".join(str(x.aval) for x in results)
    raise FloatingPointError(f"invalid value ({found}) encountered in {what}: the result {types}"
                             f" holds {found}, and {_told_of(args)}. {_remedy(derivative)}")


def note_iteration(error: FloatingPointError, number: int) -> None:
    """Complete the text of an error by the iteration of the loop in which it was raised."""
    where = describe(source_context.origin or user_source())
    error.args = (f"{error}; in iteration {number}, counted from 0, of the loop at {where}",)


def _operation(name: str) -> tuple[bool, str]:
    """Whether the operation under way belongs to a derivative; what and where it is."""
    source = source_context.origin or user_source()
    if type(source) is not Derivative:
        return False, f"{name} at {describe(source)}"
    return True, f"the derivative of {source.operation} (in {name}) at {describe(source)}"


def _any(test: Any, arrays: Sequence[np.ndarray]) -> bool:
    """Whether a test of floats holds for an element of some array."""
    return any(test(x.astype(np.complex128)).any() for x in arrays
               if dtypes.issubdtype(x.dtype, np.inexact))


def _told_of(args: Sequence[np.ndarray]) -> str:
    """What is to be said of the arguments of an operation that went wrong."""
    if _any(np.isnan, args):
        return "so does an argument"
    if _any(np.isinf, args):
        made = f"; the last infinity was made by {_state.infinity}" if _state.infinity else ""
        return f"an argument is infinite{made}"
    if args and all(x.size == 1 for x in args):
        return f"it was given {' and '.join(str(x) for x in args)}"
    return "its arguments are finite"


def _remedy(derivative: bool) -> str:
    if derivative:
        return ("Derivatives are multiplied even where `where` drops the value: replace the"
                " argument before the operation, as in f(jnp.where(ok, x, 1.0))")
    return ("Print the arguments with debug.print, or run the program op by op, under disable_jit,"
            " in a debugger; where the value is not used, replace the argument with jnp.where"
            " before the operation")
