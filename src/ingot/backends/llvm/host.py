"""Calls from native code back into Python: the one trampoline and what it does with errors."""

from __future__ import annotations

import ctypes
import functools
import threading
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.backends.host import evaluate_equation
from ingot.backends.llvm import checks
from ingot.backends.llvm.host_calls import DONE, HOST_CALL
from ingot.core.primitive import PythonFallback
from ingot.errors import HostCallError, MemoryCheckError

_executables: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
_state = threading.local()
_elsewhere: list[Any] = [None]
"""The last error of any thread: where a loop was divided, the one that asks is not the one that
failed. Only one loop is divided at a time."""
_UNKNOWN = RuntimeError("a host call failed, and so did one of another thread, or the handler of"
                        " a signal raised as it began"), "host call"


def register(executable: Any) -> int:
    """The context number by which native code names an executable."""
    number = id(executable)
    _executables[number] = executable
    return number


@functools.lru_cache(maxsize=1024)
def _bytes(nbytes: int) -> Any:
    return ctypes.c_char * max(nbytes, 1)


def _view(address: int, aval: Any) -> np.ndarray:
    return np.ndarray(aval.shape, aval.storage, _bytes(aval.nbytes).from_address(address))


def _host_call(context: int, number: int, table: int) -> int:
    name = "memory check"
    try:
        if number < 0:
            checks.report(_executables[context].info.checks, number, table)
            return DONE
        function = _executables[context].host_functions[number]
        name = function.eqn.primitive.name
        avals = [*function.in_avals, *function.out_avals]
        pointers = (ctypes.c_void_p * len(avals)).from_address(table)
        views = [_view(p, a) for p, a in zip(pointers, avals, strict=True)]
        n, eqn = len(function.in_avals), function.eqn
        inputs = _inputs(eqn, views[:n])
        into = getattr(eqn.primitive.kernel, "into", None)
        if into is not None:
            into(views[n:], *inputs, **eqn.params)
            return DONE
        outs = evaluate_equation(eqn, inputs, function.in_avals, function.out_avals)
        for view, out in zip(views[n:], outs, strict=True):
            view[...] = out
        return DONE
    except BaseException as error:
        _state.error = _elsewhere[0] = error, name
        return 1


def _inputs(eqn: Any, views: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Arguments that the operation may look at, or keep if it does: functions of users may."""
    kernel = eqn.primitive.kernel
    if eqn.primitive.higher_order or (isinstance(kernel, PythonFallback) and kernel.retains_inputs):
        return [np.array(v) for v in views]
    for view in views:
        view.flags.writeable = False
    return list(views)


def raise_error() -> None:
    """Raise in the caller what the host function raised, errors as causes of HostCallError."""
    error, name = getattr(_state, "error", None) or _elsewhere[0] or _UNKNOWN
    _state.error = _elsewhere[0] = None
    # Interrupts are not errors; what `debug_nans` found, the caller looks for in eager code.
    if not isinstance(error, Exception) or isinstance(
            error, (HostCallError, FloatingPointError, MemoryCheckError)):
        raise error
    raise HostCallError.of(f"{name}: called from compiled code, it", error) from error


_INT, _LONG, _POINTER = ctypes.c_int32, ctypes.c_int64, ctypes.c_void_p
PYTHON = ("PyGILState_Ensure", "PyGILState_Release", "PyGILState_GetThisThreadState",
          "PyErr_CheckSignals", "PyEval_SaveThread", "PyEval_RestoreThread")


@functools.cache
def _trampoline() -> Any:
    """The C function `i32 (i64 context, i64 number, ptr table)`; kept alive by the cache."""
    return ctypes.CFUNCTYPE(_INT, _LONG, _LONG, _POINTER)(_host_call)


NAMES = frozenset([HOST_CALL, *PYTHON])


@functools.cache
def address(name: str) -> int:
    """The address of a C function by which native code enters Python, one of `NAMES`."""
    function = _trampoline() if name == HOST_CALL else getattr(ctypes.pythonapi, name)
    return ctypes.cast(function, _POINTER).value or 0
