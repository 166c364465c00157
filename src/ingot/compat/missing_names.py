"""Names of JAX's public modules that are not here, and why: whole modules, and single names."""

from __future__ import annotations

_CUDA = "an interface to CUDA's libraries; use jax.lax and jax.nn"
_XLA = "it is about XLA's compiler; programs here are compiled by LLVM, see ingot.debug"
_FILES = "arrays are written by packages such as orbax, or by numpy.save"
_COLOCATED = "functions run in this process; call them, or use pure_callback"
_MLIR = "programs are not built as MLIR; lowering rules may use what jax.interpreters.mlir has"
_TRANSFER = "arrays do not move between processes outside of programs"
_ANALYSIS = "compiled.cost_analysis() says how much a program computes"
_MAPS = "equations know their lines; see ingot.debug and ingot.profiler"
_CUSTOM = "it is XLA's; ingot.debug shows what programs become"

MODULES: dict[str, str] = {
    "jax.experimental.array_serialization.tensorstore_impl": _FILES,
    "jax.experimental.buffer_callback": "callbacks get NumPy arrays; use pure_callback",
    **{f"jax.experimental.colocated_python.{name}": _COLOCATED for name in (
        "api", "func_backend", "obj", "obj_backend")},
    "jax.experimental.fused": _XLA,
    "jax.experimental.key_reuse": "keys are not followed; see the flag jax_debug_key_reuse",
    "jax.experimental.overlap": _XLA,
    "jax.experimental.profiler": "jax.profiler and ingot.profiler take profiles",
    "jax.experimental.random": "generators have no state; pass keys of jax.random",
    "jax.experimental.rnn": _CUDA,
    "jax.experimental.roofline": _ANALYSIS,
    "jax.experimental.scheduling_groups": _XLA,
    "jax.experimental.source_mapper": _MAPS,
    "jax.experimental.sparse.test_util": "tests of JAX's own",
    "jax.experimental.thunky": _XLA,
    "jax.experimental.topologies": "programs are compiled for the devices that are here",
    "jax.experimental.transfer": _TRANSFER,
    "jax.experimental.xla_metadata": _XLA,
    "jax.extend.lowering": _MLIR,
    **{f"jax.extend.mlir.{name}": _MLIR for name in ("dialects", "ir", "passmanager")},
    "jax.extend.pallas": "kernels of Pallas can be described, not run",
    "jax.extend.sharding": "jax.sharding has the shardings",
    "jax.extend.xla": _XLA,
}
"""Modules that are not here; their submodules are not either."""

INSIDE: dict[str, str] = {
    "jax.api_util": "a part of how JAX's jit reads its arguments; use inspect.signature",
    "jax.core": "a part of how JAX traces; jax.extend.core has what packages need",
    "jax.custom_derivatives": "a part of how JAX stages custom rules",
    "jax.debug": "a part of how JAX orders effects; pass ordered=True",
    "jax.ad_checkpoint": "a part of how JAX stages checkpoint",
    "jax.example_libraries.optimizers": "a helper of JAX's own; it is in Python or jax.tree_util",
    "jax.experimental": "an experiment that is not here",
    "jax.experimental.array_serialization.serialization": _FILES,
    "jax.experimental.checkify": "a part of how JAX tracks errors; use checkify.checkify",
    "jax.experimental.colocated_python": _COLOCATED,
    "jax.experimental.colocated_python.func": _COLOCATED,
    "jax.experimental.colocated_python.serialization": _COLOCATED,
    "jax.experimental.hijax": "types other than arrays can be described, not used",
    "jax.experimental.jet": "a part of JAX's own rules for series; use jet.jet",
    "jax.experimental.layout": "arrays lie in memory as NumPy's do",
    "jax.experimental.mesh_utils": "a table of kinds of devices; use create_device_mesh",
    "jax.experimental.multihost_utils": "a part of how JAX talks to other processes",
    "jax.experimental.ode": "a part of JAX's own integrator; use ode.odeint",
    "jax.experimental.sparse": "a primitive or a helper of JAX's own; use the function of its name,"
                               " or todense()",
    "jax.experimental.sparse.linalg": "a primitive or a helper of JAX's own; use spsolve or"
                                      " jax.scipy.sparse.linalg",
    "jax.extend": "a part of JAX's compiler interface",
    "jax.extend.backend": "clients of XLA are chosen by the flags backend and jax_platforms",
    "jax.extend.core": "a part of how JAX stages programs; use jax.extend.core.Primitive",
    "jax.extend.core.primitives": "there is no such primitive; the function is made of others",
    "jax.extend.mlir": _MLIR,
    "jax.extend.random": "generators are threefry2x32, rbg and unsafe_rbg; name one in"
                         " jax.random.key(seed, impl=...)",
    "jax.interpreters.ad": "a part of how JAX differentiates; use jax.jvp, jax.vjp, jax.linearize",
    "jax.interpreters.batching": "a part of how JAX maps; use jax.vmap and primitive_batchers",
    "jax.interpreters.mlir": _MLIR,
    "jax.interpreters.partial_eval": "a part of how JAX splits programs; use jax.make_jaxpr and"
                                     " jax.linearize",
    "jax.interpreters.pxla": _XLA,
    "jax.interpreters.xla": _XLA,
    "jax.nn": "block-scaled products of GPUs; use jax.lax.scaled_dot or jnp.matmul",
    "jax.profiler": "profiles are files of spans; see ingot.profiler",
    "jax.sharding": "an experiment of JAX with Manual axes",
}
"""What the names are that a module of JAX has and the served one has not."""


def why_missing(module: str, name: str) -> str:
    """Why a served module does not have a name; '' where nothing is known of it."""
    full = f"{module}.{name}"
    found = MODULES.get(full) or INSIDE.get(module, "")
    if not found and module.startswith("jax.experimental.sparse."):
        return INSIDE["jax.experimental.sparse"]
    return found


def why_no_module(module: str) -> str:
    """Why there is no module of this name; '' where nothing is known of it."""
    while module:
        if module in MODULES:
            return MODULES[module]
        module = module.rpartition(".")[0]
    return ""
