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
    """Tell whether a value is an array or a number, so that operations take it.

    x: any value -> a bool.

    >>> from ingot.extend import core
    >>> core.valid_jaxtype(1.0), core.valid_jaxtype("text")
    (True, False)
    """
    try:
        to_array(x)
    except TypeError:
        return False
    return True


def concrete_or_error(force: Any, val: Any, context: str = "") -> Any:
    """Return a value that is known now.

    force: what is applied to it, as int, or None. val: any value. context: what it is needed for ->
    force(val). Raises ConcretizationTypeError for tracers whose value is not known.

    >>> from ingot.extend import core
    >>> core.concrete_or_error(int, np.array(3))
    3
    """
    if isinstance(val, Tracer):
        known = val.concrete()
        if known is None:
            raise ConcretizationTypeError(f"a concrete value is needed, got {val!r}. {context}")
        val = known
    return val if force is None else force(val)


@contextmanager
def take_current_trace() -> Iterator[Interpreter]:
    """Take the interpreter in force away in a context, in which operations are evaluated.

    -> a context manager that gives this interpreter.

    >>> from ingot.extend import core
    >>> with core.take_current_trace():
    ...     float(lax.add(1.0, 2.0))
    3.0
    """
    interpreter = current()
    with set_current_trace(EVAL):
        yield interpreter


@contextmanager
def eval_context() -> Iterator[None]:
    """Evaluate what is computed in a context; traced values are refused.

    -> a context manager.

    >>> from ingot.extend import core
    >>> with core.eval_context():
    ...     float(lax.add(1.0, 2.0))
    3.0
    """
    with set_current_trace(EVAL):
        yield


def primal_dtype_to_tangent_dtype(dtype: Any) -> Any:
    """Return the dtype of tangents of values of a dtype.

    dtype: whatever stands for one -> a dtype, float0 for integers and booleans.

    >>> from ingot.extend import core
    >>> core.primal_dtype_to_tangent_dtype(np.dtype("float32"))
    dtype('float32')
    """
    return ShapedArray((), dtype).to_tangent_aval().dtype


def jaxprs_in_params(params: dict[str, Any]) -> list[Any]:
    """List the programs among an equation's parameters.

    params: a dict -> a list of programs.

    >>> from ingot.extend import core
    >>> program = ingot.make_jaxpr(ingot.jit(lambda x: x + 1))(1.0)
    >>> len(core.jaxprs_in_params(program.eqns[0].params))
    1
    """
    return subjaxprs(JaxprEqn(None, [], [], params))


def gensym(suffix: str = "") -> Any:
    """Make a maker of new variables.

    suffix: without effect, as names are made by the printer -> a function from a type to a
    variable.

    >>> from ingot.extend import core
    >>> core.gensym()(ingot.typeof(1.0)).aval.str_short(True)
    'f64[]'
    """
    return Var


def _within(kind: type) -> bool:
    interpreter: Interpreter | None = current()
    while interpreter is not None:
        if isinstance(interpreter, kind):
            return True
        interpreter = interpreter.parent
    return False


def unsafe_am_i_under_a_jit_DO_NOT_USE() -> bool:
    """Tell whether a program is being recorded.

    -> a bool.

    >>> from ingot.extend import core
    >>> ingot.jit(lambda: core.unsafe_am_i_under_a_jit_DO_NOT_USE())()
    Array(True, dtype=bool)
    """
    return _within(StagingInterpreter)


def unsafe_am_i_under_a_vmap_DO_NOT_USE() -> bool:
    """Tell whether a function is being mapped.

    -> a bool.

    >>> from ingot.extend import core
    >>> core.unsafe_am_i_under_a_vmap_DO_NOT_USE()
    False
    """
    return _within(BatchInterpreter)


def unsafe_get_axis_names_DO_NOT_USE() -> list[Any]:
    """List the names of the axes in scope.

    -> a list.

    >>> from ingot.extend import core
    >>> core.unsafe_get_axis_names_DO_NOT_USE()
    []
    """
    return list(axis_sizes())


def nonempty_axis_env_DO_NOT_USE() -> bool:
    """Tell whether any named axis is in scope.

    -> a bool.

    >>> from ingot.extend import core
    >>> core.nonempty_axis_env_DO_NOT_USE()
    False
    """
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
