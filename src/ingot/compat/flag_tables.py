"""JAX's flags that ingot has not: those without a meaning here, by kind, and those it refuses."""

from __future__ import annotations

from typing import Any

# Any value is accepted, and nothing depends on it: no result, no message, no error.
WITHOUT_MEANING: dict[str, dict[str, Any]] = {
    "how XLA compiles": {
        "eager_constant_folding": False, "jax_allow_f16_reductions": True,
        "jax_bcoo_cusparse_lowering": False, "jax_captured_constants_report_frames": 0,
        "jax_captured_constants_warn_bytes": 2_000_000_000,
        "jax_compiler_detailed_logging_min_ops": 10, "jax_compiler_enable_remat_pass": True,
        "jax_cpu_enable_async_dispatch": True, "jax_disable_most_optimizations": False,
        "jax_embedded_constants_max_bytes": 32, "jax_enable_pgle": False,
        "jax_exec_time_optimization_effort": 0.0, "jax_memory_fitting_effort": 0.0,
        "jax_memory_fitting_level": "O2", "jax_optimization_level": "UNKNOWN",
        "jax_pgle_aggregation_percentile": 90, "jax_pgle_profiling_runs": 3,
        "jax_ragged_dot_use_gpu_pallas_triton_lowering": False,
        "jax_ragged_dot_use_ragged_dot_instruction": True,
        "jax_threefry_gpu_kernel_lowering": False, "jax_use_hlo_logistic_lowering": None,
        "jax_use_magma": "auto", "jax_use_shardy_partitioner": True, "jax_xla_profile_version": 0,
    },
    "what is written into HLO": {
        "jax_dump_ir_modes": "stablehlo", "jax_hlo_source_file_canonicalization_regex": None,
        "jax_include_debug_info_in_dumps": True, "jax_include_full_tracebacks_in_locations": True,
        "jax_send_traceback_to_runtime": "off", "jax_source_url_schema": None,
        "jax_traceback_in_locations_limit": 100,
    },
    "what XLA's cache keeps": {
        "jax_compilation_cache_check_contents": False,
        "jax_compilation_cache_expect_pgle": False,
        "jax_compilation_cache_include_metadata_in_key": False,
        "jax_persistent_cache_enable_xla_caches": "xla_gpu_per_fusion_autotune_cache_dir",
        "jax_persistent_cache_min_compile_time_secs": 1.0,
        "jax_persistent_cache_min_entry_size_bytes": 0,
        "jax_remove_custom_partitioning_ptr_from_cache_key": False,
    },
    "GPUs, TPUs, several processes": {
        "jax_check_proxy_envs": True, "jax_cpu_collectives_implementation": "gloo",
        "jax_cpu_get_global_topology_timeout_minutes": 5,
        "jax_cpu_get_local_topology_timeout_minutes": 2,
        "jax_cross_host_transfer_socket_address": "",
        "jax_cross_host_transfer_timeout_seconds": None,
        "jax_cross_host_transfer_transfer_size": None, "jax_cross_host_transport_addresses": "",
        "jax_cuda_visible_devices": "all", "jax_debug_leaked_clients_on_clear_backends": False,
        "jax_distributed_debug": False, "jax_distributed_verify_secure_credentials": False,
        "jax_enable_preemption_service": True, "jax_enable_recoverability": False,
        "jax_force_dcn_cross_host_transfers": False, "jax_mtls_ca_file": None,
        "jax_mtls_cert_file": None, "jax_mtls_key_file": None, "jax_mtls_peer_uri_prefix": None,
        "jax_oneapi_visible_devices": "all", "jax_pjrt_client_create_options": None,
        "jax_rocm_visible_devices": "all", "jax_share_binary_between_hosts": False,
        "jax_share_binary_between_hosts_timeout_ms": 1_200_000,
        "jax_sort_devices_by_process_index": True,
    },
    "which of JAX's own code does a thing": {
        "jax_accurate_erf_inv": False, "jax_custom_jvp3": False, "jax_custom_vjp3": False,
        "jax_pprint_use_color": True, "jax_refs_to_pins": False, "jax_remat3": False,
        "jax_remat_barrier_no_cotangents": False, "jax_scan3": False,
        "jax_softmax_custom_jvp": False, "jax_use_cpp_shard_args": False,
        "jax_use_direct_linearize": True, "jax_use_emit_pipeline_primitive": False,
        "jax_use_rgv3": True, "jax_use_simplified_jaxpr_constants": False,
    },
    "parts of JAX that ingot has not": {
        "jax2tf_associative_scan_reductions": False, "jax2tf_default_native_serialization": True,
        "jax_export_deserialize_expired_versions": False,
        "jax_export_ignore_forward_compatibility": False, "jax_mosaic_allow_hlo": False,
        "jax_mosaic_unzip_debug_locations": True, "jax_mutable_array_checks": True,
        "jax_pallas_auto_assign_collective_ids": "no",
        "jax_pallas_auto_assign_collective_ids_limit": 25,
        "jax_pallas_enable_debug_checks": False, "jax_pallas_poison_buffers": False,
        "jax_pallas_use_mosaic_gpu": True, "jax_pallas_verbose_errors": False,
        "jax_serialization_version": 0,
    },
}

_LEAVE = "leave it out"

# What would change results, messages or errors, and is not done: only this value is accepted, and
# the text is what to do instead.
REFUSED: dict[str, tuple[Any, str]] = {
    "check_vma": (False, _LEAVE),
    "jax_array_garbage_collection_guard": (None, "Python's gc module finds cycles"),
    "jax_backend_target": ("", _LEAVE),
    "jax_debug_key_reuse": (False, "keys that are used twice are not looked for; leave it out"),
    "jax_debug_log_modules": ("", "jax_log_compiles and jax_explain_cache_misses log what there"
                                  " is to log"),
    "jax_disable_bwd_checks": (False, "return cotangents of the arguments' types"),
    "jax_disable_vmap_shmap_error": (False, _LEAVE),
    "jax_disallow_mesh_context_manager": (False, _LEAVE),
    "jax_dump_ir_to": ("", "ingot.debug.stages(f)(*args) prints each form of a program"),
    "jax_error_checking_behavior_divide": ("ignore", "use checkify, or jax_debug_infs"),
    "jax_error_checking_behavior_nan": ("ignore", "use checkify, or jax_debug_nans"),
    "jax_error_checking_behavior_oob": ("ignore", "use checkify with index_checks"),
    "jax_experimental_unsafe_xla_runtime_errors": (False, _LEAVE),
    "jax_explicit_x64_dtypes": ("warn", "use the warnings module to silence warnings, or to make"
                                        " them errors"),
    "jax_high_dynamic_range_gumbel": (False, "call random.gumbel with mode='high'"),
    "jax_legacy_prng_key": ("allow", "old-style keys are always allowed"),
    "jax_log_checkpoint_residuals": (False, "jax.ad_checkpoint.print_saved_residuals(f, *args)"
                                            " prints them"),
    "jax_mock_gpu_topology": ("", _LEAVE),
    "jax_no_execution": (False, _LEAVE),
    "jax_no_tracing": (False, "jax_explain_cache_misses says why functions are traced again"),
    "jax_raise_on_ppermute_sort_diff": (True, _LEAVE),
    "jax_raise_persistent_cache_errors": (False, "what is wrong with the cache is a warning"),
    "jax_random_seed_offset": (0, "add the offset to the seed"),
    "jax_thread_guard": (False, "any thread may use any array"),
    "jax_tracer_error_num_traceback_frames": (5, "messages name the one line of the program"),
    "mock_num_gpu_processes": (0, _LEAVE),
}

# Other spellings of the only value.
SAME: dict[str, tuple[Any, ...]] = {
    **{name: ("allow",) for name in REFUSED if "guard" in name and name != "jax_thread_guard"},
}
