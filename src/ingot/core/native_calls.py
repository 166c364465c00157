"""The native call path: the hook by which a back end serves calls without running Python.

Callables that are called often (functions under jit, elementwise functions of NumPy) derive from
`native_calls().callable_base`. The class here serves none: all calls go to `__call__`. A back end
that can do better hands over an instance of a subclass when it registers, which must be before
the modules with such callables are imported; `ingot/__init__.py` imports back ends first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingot.core.avals import ShapedArray
from ingot.tree import PyTreeDef


class PythonCallable:
    """Base class of callables all calls of which are served by `__call__`."""

    def _forget_signatures(self) -> None:
        """Let `__call__` serve all calls again; called when caches are cleared."""


@dataclass(frozen=True)
class CallSignature:
    """What tells the calls of one executable apart from others: identity of the trace key, nesting
    and types of the arguments, positions or names of static ones, leaves that are donated."""

    key: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    static: Collection[Any]
    in_tree: PyTreeDef
    in_avals: Sequence[ShapedArray]
    out_tree: PyTreeDef
    donated: Collection[int]


class NativeCalls:
    """Calls that do not run Python; this class is the hook without any."""

    callable_base: type = PythonCallable

    def ready(self, executable: Any) -> bool:
        """Return whether signatures of this executable may be recorded now.

        Called for calls that Python served, so that loading can wait until calls are frequent.
        """
        return False

    def record(self, function: Any, executable: Any, call: CallSignature) -> None:
        """Serve later calls of `function` (a `callable_base`) that match `call` by running
        `executable`; does nothing if such calls cannot be told apart natively."""

    def elementwise(self, function: Callable[..., Any], loop: np.ufunc) -> Callable[..., Any]:
        """Return a function equal to `function` that may run NumPy's `loop` where it gives the same
        bits; if it is another object, it has these as `_function` and `_loop`."""
        return function

    def set_operators(self, functions: Mapping[str, Any]) -> None:
        """Use these functions, by names like 'add', for Python's operators on arrays."""


_registered: list[NativeCalls] = [NativeCalls()]


def native_calls() -> NativeCalls:
    """Return the native call path in use: the first that a back end registered."""
    return _registered[-1]


def register_native_calls(calls: NativeCalls) -> None:
    """Make this the native call path, unless there is one already."""
    if len(_registered) == 1:
        _registered.append(calls)
