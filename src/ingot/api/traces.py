"""Traces of functions under `jit`: programs made for types of arguments, kept with the function."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ingot.api.arguments import FlatFunction, function_name
from ingot.api.leaks import leaks_checked
from ingot.core.avals import ShapedArray
from ingot.core.jaxpr import Jaxpr
from ingot.transforms.stage import hoist_traced_constants, stage
from ingot.tree import PyTreeDef
from ingot.util import register_cache


@dataclass
class TracedFunction:
    """A traced function: its jaxpr, the tracers it closes over (its leading arguments), and the
    structures of arguments and result."""

    jaxpr: Jaxpr
    consts: list[Any]
    in_tree: PyTreeDef
    out_tree: PyTreeDef

    @property
    def is_usable(self) -> bool:
        """Whether the tracers that the function closes over are still alive."""
        return all(c._interpreter.alive for c in self.consts)


def trace(transform: str, fun: Callable[..., Any], in_tree: PyTreeDef,
          avals: Sequence[ShapedArray], static: tuple[Any, ...] = ()) -> TracedFunction:
    """Trace a user function for arguments of these types."""
    flat = FlatFunction(transform, fun, in_tree, static)
    with leaks_checked(transform, fun):
        jaxpr = stage(flat, avals, function_name(fun))
    jaxpr, consts = hoist_traced_constants(jaxpr)
    return TracedFunction(jaxpr, consts, in_tree, flat.out_tree)


class _TraceCache(weakref.WeakKeyDictionary[Any, dict[Any, TracedFunction]]):
    """The traces of each function, for as long as it lives."""

    __hash__ = object.__hash__  # type: ignore[assignment]

    def clear(self) -> None:
        """Forget the traces, but not which table belongs to which function."""
        for table in list(self.values()):
            table.clear()


_traces = _TraceCache()
register_cache(_traces)


def traces_of(fun: Any) -> dict[Any, TracedFunction]:
    """Return the table of a function's traces, shared by all `jit(fun)`.

    A callable that may equal another one, or that has no weak references, gets a separate one.
    """
    if type(fun).__eq__ is not object.__eq__:
        return {}
    try:
        return _traces.setdefault(fun, {})
    except TypeError:
        return {}
