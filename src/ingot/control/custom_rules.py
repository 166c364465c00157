"""Functions with rules of their own, in one namespace."""

from ingot.control.custom_common import (
    SymbolicZero as SymbolicZero,
    zero_from_primal as zero_from_primal,
)
from ingot.control.custom_gradient import (
    closure_convert as closure_convert,
    custom_gradient as custom_gradient,
    linear_call as linear_call,
    linear_call_p as linear_call_p,
)
from ingot.control.custom_jvp import (
    custom_jvp as custom_jvp,
    custom_jvp_call_p as custom_jvp_call_p,
)
from ingot.control.custom_vjp import (
    CustomVJPPrimal as CustomVJPPrimal,
    custom_lin_p as custom_lin_p,
    custom_vjp as custom_vjp,
    custom_vjp_call_p as custom_vjp_call_p,
    custom_vjp_primal_tree_values as custom_vjp_primal_tree_values,
)
from ingot.control.custom_vmap import (
    custom_vmap as custom_vmap,
    custom_vmap_call_p as custom_vmap_call_p,
    sequential_vmap as sequential_vmap,
)
