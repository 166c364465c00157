"""The table of names: which modules of JAX are served from which of ours, and single names.

MODULES says where a served module looks for its attributes, in order. NAMES has the single names
that are elsewhere (`module:attribute`), and those that are not here with the reason why not.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Missing:
    """A name of JAX that is not here; the reason is what its user is told."""

    why: str


_COMPAT = "ingot.compat."
_CORE = ("ingot.extend.core",)
_AD = (_COMPAT + "tables", "ingot.transforms.jvp")
_STATS = ("bernoulli", "beta", "betabinom", "binom", "cauchy", "chi2", "dirichlet", "expon",
          "gamma", "gennorm", "geom", "gumbel_l", "gumbel_r", "laplace", "logistic",
          "multinomial", "multivariate_normal", "nbinom", "norm", "pareto", "poisson", "t",
          "truncnorm", "uniform", "vonmises", "wrapcauchy")

_PUBLIC: dict[str, str | tuple[str, ...]] = {
    "jax": (_COMPAT + "top", "ingot"),
    "jax.ad_checkpoint": "ingot.ad_checkpoint",
    "jax.api_util": _COMPAT + "linear_util",
    "jax.core": _CORE,
    "jax.custom_batching": "ingot.custom_batching",
    "jax.custom_derivatives": "ingot.custom_derivatives",
    "jax.debug": "ingot.debug",
    "jax.distributed": "ingot.distributed",
    "jax.dlpack": "ingot.dlpack",
    "jax.dtypes": "ingot.dtypes",
    "jax.errors": "ingot.errors",
    "jax.example_libraries": "ingot.example_libraries",
    "jax.example_libraries.optimizers": "ingot.example_libraries.optimizers",
    "jax.example_libraries.stax": "ingot.example_libraries.stax",
    "jax.experimental": "ingot.experimental",
    "jax.experimental.array_serialization": _COMPAT + "array_serialization",
    "jax.experimental.array_serialization.serialization": _COMPAT + "array_serialization",
    **{f"jax.experimental.colocated_python{name}": _COMPAT + "colocated"
       for name in ("", ".func", ".serialization")},
    "jax.experimental.custom_partitioning": "ingot.experimental.custom_partitioning",
    "jax.experimental.hijax": _COMPAT + "hijax",
    "jax.experimental.mesh_utils": "ingot.experimental.mesh_utils",
    "jax.experimental.multihost_utils": "ingot.experimental.multihost_utils",
    "jax.experimental.jet": "ingot.experimental.jet",
    "jax.experimental.ode": "ingot.experimental.ode",
    "jax.experimental.pjit": (_COMPAT + "meshes", "ingot"),
    "jax.experimental.shard_map": _COMPAT + "meshes",
    "jax.experimental.layout": "ingot.api.formats",
    "jax.experimental.compute_on": "ingot.experimental.compute_on",
    "jax.experimental.serialize_executable": "ingot.experimental.serialize_executable",
    "jax.memory": "ingot.memory",
    "jax.experimental.checkify": "ingot.experimental.checkify",
    "jax.experimental.sparse": "ingot.experimental.sparse",
    "jax.experimental.sparse.linalg": "ingot.experimental.sparse_linalg",
    "jax.extend": "ingot.extend",
    "jax.extend.backend": (_COMPAT + "clients", "ingot"),
    "jax.extend.core": _CORE,
    "jax.extend.core.primitives": _COMPAT + "primitives",
    "jax.extend.ifrt_programs": _COMPAT + "ifrt_programs",
    "jax.extend.mlir": _COMPAT + "mlir",
    "jax.extend.mlir.dialects": _COMPAT + "mlir",
    "jax.extend.linear_util": "ingot.extend.linear_util",
    "jax.extend.random": ("ingot.random",),
    "jax.extend.source_info_util": "ingot.extend.source_info_util",
    "jax.export": "ingot.export",
    "jax.flatten_util": "ingot.flatten_util",
    "jax.image": "ingot.image",
    "jax.interpreters": _COMPAT + "tables",
    "jax.interpreters.ad": _AD,
    "jax.interpreters.batching": (_COMPAT + "tables", _COMPAT + "vmappable",
                                  "ingot.transforms.batch"),
    "jax.interpreters.mlir": (_COMPAT + "tables", _COMPAT + "lowering", _COMPAT + "mlir"),
    "jax.interpreters.partial_eval": (_COMPAT + "partial_eval",),
    "jax.interpreters.pxla": ("ingot.sharding", _COMPAT + "meshes"),
    "jax._src.interpreters.pxla": ("ingot.sharding", _COMPAT + "meshes"),
    "jax.interpreters.xla": _COMPAT + "privates",
    "jax.lax": "ingot.lax",
    "jax.lax.linalg": "ingot.lax.linalg",
    "jax.lib": _COMPAT + "version",
    "jax.monitoring": "ingot.monitoring",
    "jax.nn": "ingot.nn",
    "jax.nn.initializers": "ingot.nn.initializers",
    "jax.numpy": "ingot.numpy",
    "jax.numpy.fft": "ingot.numpy.fft",
    "jax.numpy.linalg": "ingot.numpy.linalg",
    "jax.ops": "ingot.ops",
    "jax.profiler": "ingot.profiler",
    "jax.random": "ingot.random",
    **{f"jax.experimental.pallas{name}": _COMPAT + "pallas" for name in (
        "", ".fuser", ".gpu", ".mosaic_gpu", ".ops", ".ops.gpu", ".ops.tpu", ".tpu", ".triton")},
    "jax.scipy": "ingot.scipy",
    **{f"jax.scipy.{name}": f"ingot.scipy.{name}" for name in (
        "cluster", "cluster.vq", "fft", "integrate", "interpolate", "linalg", "ndimage", "optimize",
        "signal", "sparse", "sparse.linalg", "spatial", "spatial.transform", "special", "stats")},
    **{f"jax.scipy.stats.{name}": f"ingot.scipy.stats.{name}" for name in _STATS},
    "jax.sharding": "ingot.sharding",
    "jax.stages": "ingot.stages",
    "jax.test_util": "ingot.test_util",
    "jax.tree": "ingot.tree",
    "jax.tree_util": "ingot.tree_util",
    "jax.typing": "ingot.typing",
    "jax.util": "ingot.util",
    "jax.version": _COMPAT + "version",
    "jaxlib": _COMPAT + "version",
    "jaxlib.version": _COMPAT + "version",
    "jaxlib.xla_client": ("ingot.api.devices", _COMPAT + "version", _COMPAT + "extension",
                          _COMPAT + "hlo_sharding"),
    "jaxlib._jax": _COMPAT + "extension",
    "jaxlib._jax.pytree": _COMPAT + "extension",
}

_PRIVATE: dict[str, str | tuple[str, ...]] = {
    "jax._src": _COMPAT + "privates",
    "jax._src.abstract_arrays": _COMPAT + "privates",
    "jax._src.ad_util": (_COMPAT + "tables", _COMPAT + "privates", "ingot.lax"),
    "jax._src.ad_checkpoint": ("ingot.control.checkpoint", "ingot.ad_checkpoint"),
    "jax._src.api": (_COMPAT + "top", "ingot"),
    "jax._src.api_util": _COMPAT + "linear_util",
    "jax._src.array": _COMPAT + "privates",
    "jax._src.basearray": "ingot.core.array",
    "jax._src.callback": "ingot.control.callback",
    "jax._src.checkify": "ingot.experimental.checkify",
    "jax._src.cloud_tpu_init": _COMPAT + "privates",
    "jax._src.compiler": _COMPAT + "privates",
    "jax._src.config": (_COMPAT + "flags", _COMPAT + "states", "ingot"),
    "jax._src.core": (*_CORE, _COMPAT + "privates", "ingot.core.jaxpr", "ingot.core.axis_env",
                      "ingot.errors"),
    "jax._src.custom_batching": "ingot.custom_batching",
    "jax._src.custom_partitioning": "ingot.experimental.custom_partitioning",
    "jax._src.custom_derivatives": "ingot.custom_derivatives",
    "jax._src.debugging": "ingot.debug",
    "jax._src.dispatch": _COMPAT + "privates",
    "jax._src.distributed": _COMPAT + "processes",
    "jax._src.dtypes": (_COMPAT + "privates", "ingot.dtypes"),
    "jax._src.earray": _COMPAT + "privates",
    "jax._src.effects": _COMPAT + "hijax",
    "jax._src.errors": "ingot.errors",
    "jax._src.export": "ingot.export",
    "jax._src.export._export": "ingot.export",
    "jax._src.flatten_util": "ingot.flatten_util",
    "jax._src.interpreters": _COMPAT + "tables",
    "jax._src.interpreters.ad": _AD,
    "jax._src.interpreters.batching": (_COMPAT + "tables", _COMPAT + "vmappable",
                                       "ingot.transforms.batch"),
    "jax._src.interpreters.mlir": (_COMPAT + "tables", _COMPAT + "lowering", _COMPAT + "mlir"),
    "jax._src.interpreters.partial_eval": (_COMPAT + "partial_eval",),
    "jax._src.lax": "ingot.lax",
    "jax._src.lax.control_flow": "ingot.lax",
    "jax._src.lax.control_flow.loops": "ingot.lax",
    "jax._src.lax.lax": ("ingot.lax", _COMPAT + "privates"),
    "jax._src.lax.linalg": "ingot.lax.linalg",
    "jax._src.lax.parallel": ("ingot.lax", _COMPAT + "parallel"),
    "jax._src.lax.slicing": "ingot.lax",
    "jax._src.linear_util": "ingot.extend.linear_util",
    "jax._src.layout": "ingot.api.formats",
    "jax._src.lib": _COMPAT + "extension",
    "jax._src.lib.mlir": _COMPAT + "mlir",
    "jax._src.lib.mlir.dialects": _COMPAT + "mlir",
    "jax._src.lib.xla_client": ("ingot.api.devices", _COMPAT + "version", _COMPAT + "extension",
                                _COMPAT + "hlo_sharding"),
    "jax._src.literals": _COMPAT + "literals",
    "jax._src.mesh": ("ingot.sharding", _COMPAT + "meshes"),
    "jax._src.mesh_utils": "ingot.experimental.mesh_utils",
    "jax._src.named_sharding": ("ingot.sharding", "ingot.errors"),
    "jax._src.nn": "ingot.nn",
    "jax._src.nn.functions": "ingot.nn",
    "jax._src.nn.initializers": "ingot.nn.initializers",
    "jax._src.numpy": "ingot.numpy",
    "jax._src.numpy.lax_numpy": "ingot.numpy",
    "jax._src.numpy.linalg": "ingot.numpy.linalg",
    "jax._src.numpy.reductions": "ingot.numpy",
    "jax._src.numpy.ufuncs": "ingot.numpy",
    "jax._src.numpy.util": "ingot.numpy.promotion",
    "jax._src.partition_spec": "ingot.sharding",
    "jax._src.op_shardings": (_COMPAT + "op_shardings", _COMPAT + "hlo_sharding"),
    "jax._src.pjit": (_COMPAT + "meshes", "ingot.sharding", "ingot", "ingot.control.call"),
    "jax._src.prng": ("ingot.random",),
    "jax._src.public_test_util": _COMPAT + "checks",
    "jax._src.random": "ingot.random",
    **{f"jax._src.random.{name}": _COMPAT + "prng" for name in ("prng", "rbg", "threefry2x32")},
    "jax._src.scipy": "ingot.scipy",
    "jax._src.scipy.linalg": "ingot.scipy.linalg",
    "jax._src.scipy.special": "ingot.scipy.special",
    "jax._src.shard_map": ("ingot", _COMPAT + "meshes"),
    "jax._src.sharding": ("ingot.sharding", _COMPAT + "op_shardings"),
    "jax._src.sharding_impls": (_COMPAT + "op_shardings", _COMPAT + "privates", "ingot.sharding",
                                "ingot.api.process_local"),
    "jax._src.source_info_util": "ingot.extend.source_info_util",
    "jax._src.stages": "ingot.stages",
    "jax._src.state": _COMPAT + "privates",
    "jax._src.state.types": _COMPAT + "privates",
    "jax._src.traceback_util": _COMPAT + "privates",
    "jax._src.tree_util": ("ingot.tree_util", "ingot.tree", _COMPAT + "privates"),
    "jax._src.typing": (_COMPAT + "privates", "ingot.typing"),
    "jax._src.util": "ingot.util",
    "jax._src.xla_bridge": (_COMPAT + "clients", "ingot"),
}

MODULES: dict[str, str | tuple[str, ...]] = {**_PUBLIC, **_PRIVATE}


_REFS = "arrays are immutable; carry them through loops, where they are updated in place"

NAMES: dict[str, str | Missing] = {
    "jax.Device": "ingot.api.devices:Device",
    "jax.config": _COMPAT + "flags:config",
    "jax._src.config.config": _COMPAT + "flags:config",
    "jax.core.JaxprTypeError": "ingot.errors:InternalError",
    "jax.core.pytype_aval_mappings": _COMPAT + "privates:pytype_aval_mappings",
    "jax._src.lib.jaxlib": "jaxlib",
    "jax._src.api._infer_argnums_and_argnames":
        _COMPAT + "linear_util:infer_argnums_and_argnames",
    "jax._src.lib._jax": "jaxlib._jax",
    "jax._src.lib.pytree": "jaxlib._jax.pytree",
    "jax.dtypes.bfloat16": "ml_dtypes:bfloat16",
    "jax._src.dtypes.bfloat16": "ml_dtypes:bfloat16",
    "jax.dtypes.TypePromotionError": "ingot.errors:TypePromotionError",
    "jax._src.dtypes.TypePromotionError": "ingot.errors:TypePromotionError",
    "jax._src.dtypes.default_int_dtype": "ingot.dtypes:default_int",
    "jax._src.dtypes.default_float_dtype": "ingot.dtypes:default_float",
    "jax.errors.JaxprTypeError": "ingot.errors:InternalError",
    "jax.extend.core.primitives.jit_p": "ingot.control.call:jit_p",
    "jax.interpreters.ad.JVPTrace": "ingot.transforms.jvp:Jvp",
    "jax.interpreters.ad.jvp": Missing("use jax.jvp"),
    "jax.interpreters.ad.linearize": Missing("use jax.linearize"),
    "jax.interpreters.batching.BatchTrace": "ingot.transforms.batch:Batch",
    "jax._src.interpreters.batching.BatchTrace": "ingot.transforms.batch:Batch",
    "jax._src.interpreters.ad.JVPTrace": "ingot.transforms.jvp:Jvp",
    "jax.lib.xla_bridge": _COMPAT + "clients",
    "jax._src.tree_util._registry": _COMPAT + "privates:_registry",
    "jaxlib.xla_client.Device": "ingot.api.devices:Device",
    "jax.Ref": _COMPAT + "top:Ref",
    "jax.experimental.MutableArray": _COMPAT + "top:Ref",  # what flax asks for without new_ref
    "jax.new_ref": Missing(_REFS),
    "jax.freeze": Missing(_REFS),
    "jax.empty_ref": Missing(_REFS),
    "jax.free_ref": Missing(_REFS),
    "jax.ref": Missing(_REFS),
    "jax.ds": Missing("it indexes references; use lax.dynamic_slice"),
    **{f"jax.{name}": f"{_COMPAT}top:{name}" for name in (
        "array_garbage_collection_guard", "debug_key_reuse", "legacy_prng_key",
        "softmax_custom_jvp", "thread_guard")},
    "jax.CompilerEffortLevel": Missing("how long XLA's compiler tries; the flag optimize says how"
                                       " long ours does"),
    "jax.Inline": Missing("pass inline=True or inline=False to jit"),
    "jax.ad": Missing("use jax.interpreters.ad"),
    "jax.allow_f16_reductions": Missing("sums of halves keep their digits; leave it out"),
    "jax.auto_pcast": Missing("types are always cast by themselves; leave it out"),
    "jax.jax2tf_associative_scan_reductions": Missing("no conversion to TensorFlow"),
    "jax.make_user_context": Missing("flags are a fixed table; pass static arguments to jit"),
    "jax.tools": Missing("programs of the command line; see ingot.debug and ingot.profiler"),
    "jax.collect_profile": Missing("profiles are not taken from outside; use profiler.trace"),
    "jax.no_tracing": Missing("use checking_leaks and make_jaxpr to see what is traced"),
    "jax.no_execution": Missing("use eval_shape to trace without running"),
    "jax.ffi": Missing("functions of C are called by pure_callback with ctypes"),
    "jax.experimental.mosaic": Missing("a compiler of kernels for accelerators"),
    "jax.experimental.jax2tf": Missing("no conversion to TensorFlow"),
}

for _theirs, _ours in {
        "_get_physical_tpu_mesh": "physical_grid", "_create_device_mesh_for_nd_torus": "over_grid",
        "_create_device_mesh_for_nd_torus_splitting_axes": "over_split_grid",
        "_generate_logical_mesh": "transposed",
        "_TPU_V4": "TPU_V4", "_TPU_7": "TPU_7", "_TPU_7X": "TPU_7X",
        "_TRANSPOSE_TRICKS": "CONTIGUOUS"}.items():
    NAMES[f"jax._src.mesh_utils.{_theirs}"] = f"ingot.api.device_grids:{_ours}"

# Modules of jaxlib, if it is installed: MLIR and its dialects.
for _module in ("jax.interpreters.mlir", "jax._src.interpreters.mlir", "jax.extend.mlir",
                "jax.extend.mlir.dialects", "jax._src.lib.mlir", "jax._src.lib.mlir.dialects"):
    NAMES.update({f"{_module}.{name}": f"{_COMPAT}mlir:{name}" for name in (
        "chlo", "func", "func_dialect", "hlo", "ir", "sdy", "stablehlo")})

# Names that JAX itself does not have (any more) and packages probe for: not worth a report.
ABSENT = frozenset({
    "jax.ArrayRef", "jax.array_ref", "jax._src.compiler.backend_compile",
    "jax._src.literals.LiteralArray", "jax.core.TraceTag", "jax.core.cur_sublevel",
    "jax.core.get_aval", "jax.core.raise_to_shaped", "jax.core.thread_local_state",
    "jax.errors.JAXRuntimeError",
    "jax.interpreters.xla.pytype_aval_mappings", "jax.lib.xla_extension", "jax.linear_util",
    "jaxlib.xla_extension", "jax.numpy.random", "jax.numpy.str_", "jax.numpy.string", "jax.pxla",
    "jax.random.KeyArray",
    "jax.random.PRNGKeyArray", "jax.extend.core.primitives.xla_pmap_p",
})

# The old names that programs still use, and JAX itself has removed.
for _name in ("all", "flatten", "leaves", "map", "reduce", "structure", "transpose", "unflatten"):
    NAMES[f"jax.tree_{_name}"] = f"ingot.tree:tree_{_name}"
