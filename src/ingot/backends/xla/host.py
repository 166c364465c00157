"""Calls of the host from programs: what they pass, and what it raises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.backends.host import evaluate_equation
from ingot.backends.xla.sharding_text import on_first_device
from ingot.backends.xla.stablehlo import Builder, Token, Value
from ingot.backends.xla.types import GPUS, device_dtype, tensor_of
from ingot.core.avals import ShapedArray
from ingot.core.jaxpr import Eqn, Var
from ingot.core.primitive import Primitive
from ingot.errors import HostCallError, UndefinedRuleError

TARGETS = {"cpu": "xla_ffi_python_cpu_callback",
           **dict.fromkeys(GPUS, "xla_ffi_python_gpu_callback")}


class HostFunction:
    """A function of Python that a program calls: it evaluates an equation.

    What it raises is kept until the program returns, as XLA passes on its text alone.
    """

    def __init__(self, eqn: Eqn, ordered: bool, raised: list[BaseException]):
        self.eqn, self.raised, self._ordered = eqn, raised, ordered
        self._in_avals = [v.aval for v in eqn.invars]
        self._out_avals = [v.aval for v in eqn.outvars]

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        """Evaluate on what the program passes; tokens come and go as None."""
        inputs = [np.array(x) for x in arrays[self._ordered:]]
        for x in inputs:
            x.flags.writeable = False
        try:
            outs = evaluate_equation(self.eqn, inputs, self._in_avals, self._out_avals)
        except BaseException as error:
            self.raised.append(error)
            raise
        ready = [np.ascontiguousarray(x).reshape(x.shape).view(device_dtype(a.dtype))
                 for x, a in zip(outs, self._out_avals, strict=True)]
        return (*[None] * self._ordered, *ready)


def call_host(b: Builder, primitive: Primitive, args: Sequence[Value],
              avals: Sequence[ShapedArray], out: Sequence[ShapedArray], params: dict[str, Any], *,
              effect: bool = False, ordered: bool = False) -> list[Value]:
    """Append a call of the host that evaluates a primitive."""
    target = TARGETS.get(b.module.platform)
    if target is None:
        raise UndefinedRuleError(f"{primitive.name}: no rule for XLA on {b.module.platform}, where"
                                 " programs cannot call the host; compute it outside of jit, or on"
                                 " a CPU")
    eqn = Eqn(primitive, [Var(a) for a in avals], [Var(a) for a in out], params)
    callbacks = b.module.callbacks
    callbacks.append(HostFunction(eqn, ordered, b.module.raised))
    operands: list[Any] = [b.ordering_token(), *args] if ordered else list(args)
    types = [o.type for o in operands[:ordered]] + [tensor_of(a) for a in out]
    names = b.raw("stablehlo.custom_call", operands, types,
                  f'call_target_name = "{target}", api_version = 4 : i32, has_side_effect ='
                  f" {'true' if effect else 'false'}, backend_config ="
                  f" {{index = {len(callbacks) - 1} : ui64}}"
                  f"{on_first_device(b.module, len(types)) if effect else ''}")
    if ordered:
        b.token = Token(names[0])
    return [Value(n, a.shape, device_dtype(a.dtype))
            for n, a in zip(names[ordered:], out, strict=True)]


def evaluated_on_host(primitive: Primitive, b: Builder, args: Sequence[Value], out: Any,
                      params: dict[str, Any]) -> Any:
    """Append a call of the host that evaluates a primitive without side effects."""
    several = isinstance(out, list)
    outs = call_host(b, primitive, args, b.avals, out if several else [out], params)
    return outs if several else outs[0]


def raise_first(raised: list[BaseException]) -> None:
    """Raise what a function of the host raised while a program ran; errors as HostCallError."""
    error = raised[0]
    raised.clear()
    if not isinstance(error, Exception) or isinstance(error, (HostCallError, FloatingPointError)):
        raise error
    raise HostCallError.of("a function that compiled code called", error) from error
