"""Names of `jax.lax` that are not here, and why."""

from ingot.names import MissingNameError

_TOKENS = "effects keep their order by themselves; there are no tokens"
_SHAPES = "shapes of convolutions come from eval_shape of conv_general_dilated"
_DEVICES = "communication between devices; programs run on one device"
_LIBRARY = "there is no such primitive; the function is made of others"

MISSING = {
    "after_all": _TOKENS,
    "after_all_p": _TOKENS,
    "create_token": _TOKENS,
    "create_token_p": _TOKENS,
    "approx_top_k_p": _LIBRARY,
    "conv_general_permutations": _SHAPES,
    "conv_general_shape_tuple": _SHAPES,
    "conv_shape_tuple": _SHAPES,
    "conv_transpose_shape_tuple": _SHAPES,
    "device_put_p": _DEVICES,
    "precv": _DEVICES,
    "psend": _DEVICES,
    "ragged_all_to_all_p": _DEVICES,
    "reduce_p": _LIBRARY,
    "reduce_window_p": _LIBRARY,
    "select_and_scatter_p": _LIBRARY,
    "stack_p": _LIBRARY,
    "unstack_p": _LIBRARY,
    "rng_uniform": "a generator with hidden state; use ingot.random.uniform with a key",
    "rng_uniform_p": "a generator with hidden state; use ingot.random.uniform with a key",
    "stage": "an experiment of JAX",
    "stage_p": "an experiment of JAX",
}

MISSING_LINALG = {
    "cholesky_update_p": "there is no such primitive; the function is made of others",
    "symmetric_product_p": "a kernel of accelerators; use a matrix product with the transpose",
}


def absent(module: str, table: dict[str, str], name: str) -> AttributeError:
    """The error for a name that a module does not have, with the reason if there is one."""
    return MissingNameError(module, name, table.get(name, ""))
