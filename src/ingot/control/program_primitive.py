"""Primitives that run programs, whose constants become arguments where they are traced."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ingot.core.interpreter import Tracer
from ingot.core.jaxpr import Jaxpr
from ingot.core.primitive import Primitive
from ingot.transforms.stage import hoist_traced_constants

Equation = tuple[Sequence[Any], dict[str, Any]]
"""Arguments and parameters."""


class ProgramPrimitive(Primitive):
    """A primitive that runs programs.

    Users' rules run when a program is differentiated or mapped, and may close over values of an
    enclosing transformation. These become constants of the program that results, but only an
    argument can be computed, differentiated and mapped. So `close(args, params)`, which has to
    return arguments and parameters without such constants, is called before the primitive is bound.
    """

    def __init__(self, name: str, *, close: Callable[[Sequence[Any], dict[str, Any]], Equation],
                 **slots: Any):
        super().__init__(name, multiple_results=True, higher_order=True, **slots)
        self.close = close

    def bind(self, *args: Any, **params: Any) -> Any:
        """Apply the operation in the current interpreter."""
        closed, params = self.close(args, params)
        return super().bind(*closed, **params)


def closes_over_traced(jaxprs: Iterable[Jaxpr]) -> bool:
    """Whether a constant of any program is traced."""
    return any(isinstance(c, Tracer) for jaxpr in jaxprs for c in jaxpr.consts)


def close_jaxpr(args: Sequence[Any], params: dict[str, Any]) -> Equation:
    """The `close` slot of primitives with one program, `jaxpr`, of all arguments."""
    jaxpr, traced = hoist_traced_constants(params["jaxpr"])
    return ([*traced, *args], {**params, "jaxpr": jaxpr}) if traced else (args, params)
