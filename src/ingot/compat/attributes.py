"""Attributes by which packages ask primitives, equations, tracers and programs what they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from ingot.api.stages import Compiled, Stage
from ingot.compat.hlo import hlo_text
from ingot.control.custom_jvp import custom_jvp_call_p
from ingot.control.custom_vjp import custom_vjp_call_p
from ingot.core.array import Array, fetch, is_deleted
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import EVAL, Interpreter, Tracer, current
from ingot.core.jaxpr import Eqn, Jaxpr
from ingot.core.primitive import Primitive
from ingot.core.shards import local_shards
from ingot.core.source_info import describe


@dataclass(frozen=True)
class NameStack:
    """Names of the scopes around an equation; ours keep none.

    >>> from ingot.extend import source_info_util
    >>> source_info_util.new_name_stack("layer").stack
    ('layer',)
    """

    stack: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return "/".join(map(str, self.stack))

    def __len__(self) -> int:
        return len(self.stack)


@dataclass(frozen=True)
class SourceInfo:
    """Where an equation comes from: the user's line, as text, and its (empty) name stack.

    >>> from ingot.extend import source_info_util
    >>> source_info_util.new_source_info().line
    'unknown location'
    """

    traceback: Any = None
    name_stack: NameStack = NameStack()
    line: str = "unknown location"

    def __str__(self) -> str:
        return self.line


@dataclass(frozen=True)
class DebugInfo:
    """What a traced function and its arguments are called.

    >>> from ingot.extend import core
    >>> core.DebugInfo("jit", "f").func_src_info
    'f'
    """

    traced_for: str = ""
    func_src_info: str = ""
    arg_names: tuple[str, ...] | None = None
    result_paths: tuple[str, ...] | None = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in ("func_name", "func_filename", "func_lineno"):
            return self.func_src_info if name == "func_name" else None
        if name.startswith(("with_", "resolve_", "safe_", "assert_")):
            return lambda *args, **kwargs: self
        raise AttributeError(name)


class OpaqueTraceState:
    """Which interpreter is in force; equal to another if it is the same one.

    >>> from ingot.extend import core
    >>> core.get_opaque_trace_state() == core.get_opaque_trace_state()
    True
    """

    def __init__(self, interpreter: Interpreter):
        self._interpreter = interpreter

    def __eq__(self, other: object) -> bool:
        return (isinstance(other, OpaqueTraceState)
                and self._interpreter is other._interpreter)

    def __hash__(self) -> int:
        return id(self._interpreter)


def get_opaque_trace_state(convention: str = "flax") -> OpaqueTraceState:
    """Return a token of the interpreter in force, to be compared with a later one.

    convention: without effect -> an OpaqueTraceState.

    >>> from ingot.extend import core
    >>> core.get_opaque_trace_state() == core.get_opaque_trace_state()
    True
    """
    return OpaqueTraceState(current())


def find_top_trace(xs: Any) -> Interpreter:
    """Return the interpreter that an operation on these values would run in.

    xs: values -> an interpreter.

    >>> from ingot.extend import core
    >>> core.find_top_trace([1.0]) is core.find_top_trace([2.0])
    True
    """
    found = [x._interpreter for x in xs if isinstance(x, Tracer)]
    return max(found, key=_depth) if found else current()


def _depth(interpreter: Interpreter | None) -> int:
    depth = 0
    while interpreter is not None and interpreter is not EVAL:
        depth, interpreter = depth + 1, interpreter.parent
    return depth


class _Default:
    """An attribute that is computed where a subclass or an instance has not set it."""

    def __init__(self, compute: Callable[[Any], Any]):
        self._compute = compute

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else self._compute(instance)


def _set(cls: Any, **attributes: Any) -> None:
    for name, value in attributes.items():
        setattr(cls, name, value)


def _with_functions(primitive: Primitive) -> None:
    """Give a call primitive bind parameters with the function called, as JAX's have them."""
    bind = primitive.bind
    _set(primitive, bind=lambda *args, subfuns=(), **params: bind(*args, **params),
         get_bind_params=lambda params: {**params, "subfuns": (params["call_jaxpr"],)})


_set(Primitive, impl=property(lambda self: self.bind), call_primitive=False, map_primitive=False,
     get_bind_params=lambda self, params: params)


_set(ShapedArray, memory_space="device",
     at_least_vspace=ShapedArray.to_tangent_aval)
_set(Tracer, _trace=property(lambda self: self._interpreter,
                             lambda self, trace: setattr(self, "_interpreter", trace)))
_set(Interpreter, main=_Default(lambda self: self), level=_Default(_depth),
     tag=_Default(lambda self: self))
_set(Eqn, source_info=property(lambda self: SourceInfo(line=describe(self.source))), ctx=None)
_set(Jaxpr, debug_info=property(lambda self: DebugInfo("jit", self.debug_name)), is_high=False,
     call_wrapped=Jaxpr.__call__, as_hlo_text=hlo_text)
for _call in (custom_jvp_call_p, custom_vjp_call_p):
    _with_functions(_call)

# ---- arrays --------------------------------------------------------------------------------------
def _parts(x: Array) -> list[Any] | None:
    return None if is_deleted(x) else [s.data for s in local_shards(x)]


def _refuse_deleted(x: Array) -> None:
    """Raise RuntimeError if an array was deleted."""
    fetch(x).shape  # noqa: B018 - the attribute of a deleted buffer raises


def _one_replica(x: Array) -> Any:
    """The whole array as its first device holds it."""
    return local_shards(x)[0].data


_set(Array, _value=property(np.asarray), _npy_value=property(
    lambda self: None if is_deleted(self) else np.asarray(self)), _arrays=property(_parts),
     _check_if_deleted=_refuse_deleted, _fully_replicated_shard=_one_replica)

# ---- programs compiled ahead of time -------------------------------------------------------------
_set(Stage, _no_kwargs=False)
_set(Compiled, _params=property(lambda self: SimpleNamespace(  # constants are in the program
    const_args=[], in_tree=self.in_tree, out_tree=self.out_tree, no_kwargs=False)))

__all__ = ["DebugInfo", "NameStack", "OpaqueTraceState", "SourceInfo", "find_top_trace",
           "get_opaque_trace_state"]
