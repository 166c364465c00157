"""Functions that bring their own derivatives: custom_jvp, custom_vjp and what belongs to them."""

from ingot.control.custom_common import SymbolicZero, zero_from_primal
from ingot.control.custom_gradient import closure_convert, custom_gradient, linear_call
from ingot.control.custom_jvp import custom_jvp, custom_jvp_call_p
from ingot.control.custom_vjp import (
    CustomVJPPrimal,
    custom_vjp,
    custom_vjp_call_p,
    custom_vjp_primal_tree_values,
)
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of

__all__ = [
    "CustomVJPPrimal",
    "SymbolicZero",
    "closure_convert",
    "custom_gradient",
    "custom_jvp",
    "custom_jvp_call_p",
    "custom_vjp",
    "custom_vjp_call_p",
    "custom_vjp_primal_tree_values",
    "linear_call",
    "zero_from_primal",
]

_hide_frames_of(__name__)
