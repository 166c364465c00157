"""The language's parts for packages: types, programs, primitives, the interpreter in force."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ingot.api.make_jaxpr import ensure_compile_time_eval
from ingot.compat.attributes import (
    DebugInfo,
    OpaqueTraceState,
    find_top_trace,
    get_opaque_trace_state,
)
from ingot.compat.facades import AbstractValue, ClosedJaxpr, Jaxpr, new_jaxpr_eqn
from ingot.compat.primitive import CallPrimitive, Primitive
from ingot.compat.tables import mapped_aval, unmapped_aval
from ingot.compat.traces import Trace
from ingot.core.avals import ShapedArray
from ingot.core.axis_env import axis_sizes
from ingot.core.effects import NO_EFFECTS as no_effects, Effect
from ingot.core.interpreter import (
    EVAL,
    Interpreter,
    Tracer,
    current,
    interpreting as set_current_trace,
    to_array,
    trace_state_clean,
)
from ingot.core.jaxpr import (
    Atom,
    DropVar,
    Eqn as JaxprEqn,
    Literal,
    Var,
    eval_jaxpr,
    jaxpr_as_fun,
    subjaxprs,
)
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.core.typecheck import check_jaxpr
from ingot.errors import (
    ConcretizationTypeError,
    InconclusiveDimensionOperation,
    InternalError as JaxprTypeError,
)
from ingot.transforms.batch import BatchInterpreter
from ingot.transforms.stage import StagingInterpreter

TraceTag = object
Effects = frozenset
Value = Any
ParamDict = dict[str, Any]


def valid_jaxtype(x: Any) -> bool:
    """Whether a value is an array or a number, so that operations take it."""
    try:
        to_array(x)
    except TypeError:
        return False
    return True


def concrete_or_error(force: Any, val: Any, context: str = "") -> Any:
    """A value that is known now, through `force`; ConcretizationTypeError for other tracers."""
    if isinstance(val, Tracer):
        known = val.concrete()
        if known is None:
            raise ConcretizationTypeError(f"a concrete value is needed, got {val!r}. {context}")
        val = known
    return val if force is None else force(val)


@contextmanager
def take_current_trace() -> Iterator[Interpreter]:
    """The interpreter in force; within, operations are evaluated."""
    interpreter = current()
    with set_current_trace(EVAL):
        yield interpreter


@contextmanager
def eval_context() -> Iterator[None]:
    """Evaluate what is computed meanwhile; traced values are refused."""
    with set_current_trace(EVAL):
        yield


def primal_dtype_to_tangent_dtype(dtype: Any) -> Any:
    """The dtype of tangents of values of a dtype."""
    return ShapedArray((), dtype).to_tangent_aval().dtype


def jaxprs_in_params(params: dict[str, Any]) -> list[Any]:
    """Programs among an equation's parameters."""
    return subjaxprs(JaxprEqn(None, [], [], params))


def gensym(suffix: str = "") -> Any:
    """A maker of new variables."""
    return Var


def _within(kind: type) -> bool:
    interpreter: Interpreter | None = current()
    while interpreter is not None:
        if isinstance(interpreter, kind):
            return True
        interpreter = interpreter.parent
    return False


def unsafe_am_i_under_a_jit_DO_NOT_USE() -> bool:
    """Whether a program is being recorded."""
    return _within(StagingInterpreter)


def unsafe_am_i_under_a_vmap_DO_NOT_USE() -> bool:
    """Whether a function is being mapped."""
    return _within(BatchInterpreter)


def unsafe_get_axis_names_DO_NOT_USE() -> list[Any]:
    """Names of the axes in scope."""
    return list(axis_sizes())


def nonempty_axis_env_DO_NOT_USE() -> bool:
    """Whether any named axis is in scope."""
    return bool(axis_sizes())


__all__ = [
    "AbstractValue", "Atom", "CallPrimitive", "ClosedJaxpr", "DebugInfo", "DropVar", "Effect",
    "Effects", "InconclusiveDimensionOperation", "Jaxpr", "JaxprEqn", "JaxprTypeError", "Literal",
    "OpaqueTraceState", "ParamDict", "Primitive", "ShapedArray", "Trace", "TraceTag", "Tracer",
    "Value", "Var", "check_jaxpr", "concrete_or_error", "ensure_compile_time_eval", "eval_context",
    "eval_jaxpr", "find_top_trace", "gensym", "get_opaque_trace_state", "jaxpr_as_fun",
    "jaxprs_in_params", "mapped_aval", "new_jaxpr_eqn", "no_effects",
    "nonempty_axis_env_DO_NOT_USE", "primal_dtype_to_tangent_dtype", "set_current_trace",
    "subjaxprs", "take_current_trace", "trace_state_clean", "unmapped_aval",
    "unsafe_am_i_under_a_jit_DO_NOT_USE", "unsafe_am_i_under_a_vmap_DO_NOT_USE",
    "unsafe_get_axis_names_DO_NOT_USE", "valid_jaxtype",
]

_hide_frames_of(__name__)
