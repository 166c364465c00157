"""ingot: NumPy programs, cast into native code; grad, jit and vmap, and what composes from them."""

from typing import TYPE_CHECKING

import ingot.backends.llvm  # back ends before what has the native call path: see core/native_calls
import ingot.backends.reference
import ingot.backends.xla  # noqa: F401
from ingot import dtypes, errors, numpy, tree, tree_util, typing
from ingot.api.devices import (
    Device,
    block_until_ready,
    copy_to_host_async,
    default_backend,
    device_count,
    device_get,
    device_put,
    devices,
    effects_barrier,
    host_count,
    host_id,
    host_ids,
    live_arrays,
    local_device_count,
    local_devices,
    process_count,
    process_index,
    process_indices,
)
from ingot.api.grad import (
    fwd_and_bwd,
    grad,
    jvp,
    linear_transpose,
    linearize,
    value_and_grad,
    vjp,
)
from ingot.api.jacobian import hessian, jacfwd, jacobian, jacrev
from ingot.api.jit import jit
from ingot.api.make_jaxpr import (
    ensure_compile_time_eval,
    eval_shape,
    make_jaxpr,
    named_call,
    named_scope,
)
from ingot.api.pmap import pmap
from ingot.api.recompiles import explain_recompiles
from ingot.api.shapes import ShapeDtypeStruct
from ingot.api.vmap import vmap
from ingot.backends.llvm.threads import get_num_threads, num_threads, set_num_threads
from ingot.config import config, context as _context
from ingot.control.callback import pure_callback
from ingot.control.checkpoint import checkpoint, checkpoint_policies, remat
from ingot.control.custom_gradient import closure_convert, custom_gradient
from ingot.control.custom_jvp import custom_jvp
from ingot.control.custom_vjp import custom_vjp
from ingot.core.array import Array
from ingot.core.backend import prepare as _prepare
from ingot.core.interpreter import typeof
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.dtypes import float0
from ingot.util import clear_caches, lazily as _lazily

if TYPE_CHECKING:  # what is found lazily below, for readers of types
    from ingot import (
        ad_checkpoint as ad_checkpoint,
        cache as cache,
        custom_batching as custom_batching,
        custom_derivatives as custom_derivatives,
        debug as debug,
        distributed as distributed,
        dlpack as dlpack,
        example_libraries as example_libraries,
        experimental as experimental,
        export as export,
        extend as extend,
        flatten_util as flatten_util,
        image as image,
        lax as lax,
        memory as memory,
        monitoring as monitoring,
        nn as nn,
        ops as ops,
        profiler as profiler,
        random as random,
        ref as ref,
        scipy as scipy,
        sharding as sharding,
        stages as stages,
        test_util as test_util,
    )
    from ingot.api.progress import progress as progress
    from ingot.compat.environment import print_environment_info as print_environment_info
    from ingot.core.shards import Shard as Shard
    from ingot.core.transfers import transfer_guard as transfer_guard
    from ingot.ref import (
        Ref as Ref,
        empty_ref as empty_ref,
        free_ref as free_ref,
        freeze as freeze,
        new_ref as new_ref,
    )
    from ingot.sharding import (
        NamedSharding as NamedSharding,
        PartitionSpec as P,
        get_abstract_mesh as get_abstract_mesh,
        get_mesh as get_mesh,
        make_array_from_callback as make_array_from_callback,
        make_array_from_process_local_data as make_array_from_process_local_data,
        make_array_from_single_device_arrays as make_array_from_single_device_arrays,
        make_mesh as make_mesh,
        reshard as reshard,
        set_mesh as set_mesh,
        shard_map as shard_map,
        smap as smap,
        use_abstract_mesh as use_abstract_mesh,
    )

__all__ = ["Array", "Device", "ShapeDtypeStruct", "auto_pcast", "block_until_ready",
           "check_tracer_leaks", "checking_leaks", "checkpoint", "checkpoint_policies",
           "clear_caches", "closure_convert", "config", "copy_to_host_async", "custom_gradient",
           "custom_jvp", "custom_vjp", "debug_infs", "debug_nans", "default_backend",
           "default_device",
           "default_matmul_precision", "default_prng_impl", "device_count", "device_get",
           "device_put", "devices", "disable_jit", "dtypes", "effects_barrier", "enable_checks",
           "enable_custom_prng", "enable_x64", "ensure_compile_time_eval", "errors", "eval_shape",
           "explain_cache_misses", "explain_recompiles", "float0", "fwd_and_bwd", "get_num_threads",
           "grad", "hessian", "host_count", "host_id", "host_ids", "jacfwd", "jacobian", "jacrev",
           "jit", "jvp", "linear_transpose", "linearize", "live_arrays", "local_device_count",
           "local_devices", "log_compiles", "make_jaxpr", "named_call", "named_scope",
           "num_threads", "numpy", "numpy_dtype_promotion", "numpy_rank_promotion", "pmap",
           "process_count", "process_index", "process_indices", "pure_callback", "remat",
           "remove_size_one_mesh_axis_from_type", "set_num_threads", "threefry_partitionable",
           "transfer_guard_device_to_device", "transfer_guard_device_to_host",
           "transfer_guard_host_to_device", "tree", "tree_util", "typeof", "typing",
           "value_and_grad", "vjp", "vmap"]

__version__ = "0.1.0"

check_tracer_leaks = checking_leaks = _context("check_tracer_leaks")
auto_pcast = _context("auto_pcast")
debug_infs = _context("debug_infs")
debug_nans = _context("debug_nans")
default_device = _context("default_device")
default_matmul_precision = _context("default_matmul_precision")
default_prng_impl = _context("default_prng_impl")
disable_jit = _context("disable_jit")
enable_checks = _context("enable_checks")
enable_custom_prng = _context("enable_custom_prng")
enable_x64 = _context("enable_x64")
explain_cache_misses = _context("explain_cache_misses")
log_compiles = _context("log_compiles")
numpy_dtype_promotion = _context("numpy_dtype_promotion")
numpy_rank_promotion = _context("numpy_rank_promotion")
remove_size_one_mesh_axis_from_type = _context("remove_size_one_mesh_axis_from_type")
threefry_partitionable = _context("threefry_partitionable")
transfer_guard_device_to_device = _context("transfer_guard_device_to_device")
transfer_guard_device_to_host = _context("transfer_guard_device_to_host")
transfer_guard_host_to_device = _context("transfer_guard_host_to_device")

# Imported when first asked for, so that `import ingot` stays quick.
__getattr__, __dir__ = _lazily(__name__, (
    "ad_checkpoint", "cache", "custom_batching", "custom_derivatives", "debug", "distributed",
    "dlpack", "example_libraries", "experimental", "export", "extend", "flatten_util", "image",
    "lax", "memory", "monitoring", "nn", "ops", "profiler", "random", "ref", "scipy", "sharding",
    "stages", "test_util"),
    {"P": "sharding:PartitionSpec", "Shard": "core.shards", "progress": "api.progress",
     "print_environment_info": "compat.environment",
     "transfer_guard": "core.transfers",
     **dict.fromkeys(("Ref", "empty_ref", "free_ref", "freeze", "new_ref"), "ref"),
     **dict.fromkeys((
         "NamedSharding", "get_abstract_mesh", "get_mesh", "make_array_from_callback",
         "make_array_from_process_local_data", "make_array_from_single_device_arrays", "make_mesh",
         "reshard", "set_mesh", "shard_map", "smap", "use_abstract_mesh"), "sharding")})

for _name in (__name__, "ingot.tree", "ingot.tree_util"):
    _hide_frames_of(_name, ("block_until_ready",))
_prepare()  # where nothing is cached yet, LLVM is loaded in the background
