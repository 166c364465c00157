"""`jax.extend.core.primitives`: our primitives by name, and unused call primitives."""

from __future__ import annotations

from typing import Any

import ingot.lax
from ingot.compat.primitive import CallPrimitive
from ingot.control.call import jit_p
from ingot.control.checkpoint import checkpoint_p as remat_p, name_p
from ingot.control.custom_jvp import custom_jvp_call_p
from ingot.control.custom_vjp import custom_vjp_call_p
from ingot.primitives.arithmetic import add_any_p as add_jaxvals_p

call_p = CallPrimitive("call")
closed_call_p = core_call_p = CallPrimitive("closed_call")


def __getattr__(name: str) -> Any:
    if name.endswith("_p"):
        return getattr(ingot.lax, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["add_jaxvals_p", "call_p", "closed_call_p", "core_call_p", "custom_jvp_call_p",
           "custom_vjp_call_p", "jit_p", "name_p", "remat_p"]
