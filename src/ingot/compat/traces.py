"""Interpreters that packages write as JAX has them: subclasses of `Trace`."""

from __future__ import annotations

from typing import Any

from ingot.compat.facades import Facade
from ingot.compat.linear_util import wrap_init
from ingot.control.custom_jvp import custom_jvp_call_p
from ingot.control.custom_vjp import custom_vjp_call_p
from ingot.core.interpreter import EVAL, Interpreter, interpreting
from ingot.core.primitive import Primitive


class Trace(Interpreter, metaclass=Facade, stands_for=Interpreter):
    """An interpreter that a package writes: its methods give operations their meaning.

    `process_primitive(primitive, tracers, params)` does so; `process_custom_jvp_call` and
    `process_custom_vjp_call`, where they are defined, for functions with derivatives of their own.
    Operations in these methods are evaluated.

    >>> from ingot.extend import core
    >>> class Spy(core.Trace):
    ...     def process_primitive(self, primitive, tracers, params):
    ...         print(primitive.name)
    ...         return primitive.bind(*tracers, **params)
    >>> with core.set_current_trace(Spy()):
    ...     float(lax.sin(0.0))
    sin
    0.0
    """

    parent_trace: Any = None
    process_primitive: Any

    def process(self, primitive: Any, args: Any, params: dict[str, Any]) -> Any:
        """Hand an operation to the method that the package has written for it."""
        custom = getattr(self, _CUSTOM.get(primitive, ""), None)
        with interpreting(EVAL):
            if custom is None:
                return self.process_primitive(primitive, args, params)
            fun = wrap_init(params["call_jaxpr"])
            if primitive is custom_jvp_call_p:
                return custom(primitive, fun, params["jvp_jaxpr_fun"], args,
                              symbolic_zeros=params["symbolic_zeros"])
            return custom(primitive, fun, params["fwd_jaxpr_thunk"], params["bwd"], args,
                          out_trees=params["out_trees"], symbolic_zeros=params["symbolic_zeros"])


_CUSTOM = {custom_jvp_call_p: "process_custom_jvp_call",
           custom_vjp_call_p: "process_custom_vjp_call"}


def _bind_with_trace(self: Primitive, trace: Interpreter, args: Any, *types_params: Any) -> Any:
    """Apply a primitive in an interpreter; JAX passes types before the parameters since 0.9.2."""
    with interpreting(trace):
        return self.bind(*args, **types_params[-1])


Primitive.bind_with_trace = _bind_with_trace  # type: ignore[attr-defined]

__all__ = ["Trace"]
