"""`jax.config`: ingot's flags under JAX's names, and JAX's other flags, without effect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ingot.config import TABLE, config as ours

# Defaults that differ from ours.
DEFAULTS: dict[str, Any] = {"check_static_indices": False, "enable_x64": False, "match_jax": True}

# How to compile, where, and what to tell about it: no result depends on these.
IGNORED: dict[str, Any] = {
    "jax_allow_f16_reductions": True, "jax_array_garbage_collection_guard": None,
    "jax_backend_target": "", "jax_captured_constants_report_frames": 0,
    "jax_captured_constants_warn_bytes": 2_000_000_000, "jax_check_proxy_envs": True,
    "jax_compilation_cache_check_contents": False, "jax_compilation_cache_dir": None,
    "jax_compilation_cache_expect_pgle": False,
    "jax_compilation_cache_include_metadata_in_key": False,
    "jax_compilation_cache_max_size": -1, "jax_compiler_detailed_logging_min_ops": 10,
    "jax_compiler_enable_remat_pass": True, "jax_cpu_collectives_implementation": "gloo",
    "jax_cpu_enable_async_dispatch": True, "jax_cuda_visible_devices": "all",
    "jax_debug_leaked_clients_on_clear_backends": False, "jax_debug_log_modules": "",
    "jax_default_device": None, "jax_disable_most_optimizations": False,
    "jax_disallow_mesh_context_manager": False, "jax_distributed_debug": False,
    "jax_dump_ir_modes": "stablehlo", "jax_dump_ir_to": "",
    "jax_embedded_constants_max_bytes": 32, "jax_enable_compilation_cache": True,
    "jax_enable_pgle": False, "jax_enable_preemption_service": True,
    "jax_enable_recoverability": False, "jax_exec_time_optimization_effort": 0.0,
    "jax_hlo_source_file_canonicalization_regex": None,
    "jax_include_debug_info_in_dumps": True, "jax_include_full_tracebacks_in_locations": True,
    "jax_log_checkpoint_residuals": False, "jax_logging_level": "NOTSET",
    "jax_memory_fitting_effort": 0.0, "jax_memory_fitting_level": "O2",
    "jax_optimization_level": "UNKNOWN",
    "jax_persistent_cache_enable_xla_caches": "",
    "jax_persistent_cache_min_compile_time_secs": 1.0,
    "jax_persistent_cache_min_entry_size_bytes": 0, "jax_pgle_aggregation_percentile": 90,
    "jax_pgle_profiling_runs": 3, "jax_pprint_use_color": True,
    "jax_raise_persistent_cache_errors": False, "jax_rocm_visible_devices": "all",
    "jax_send_traceback_to_runtime": "off", "jax_source_url_schema": None,
    "jax_thread_guard": False, "jax_threefry_gpu_kernel_lowering": False,
    "jax_traceback_in_locations_limit": 100, "jax_tracer_error_num_traceback_frames": 5,
    "jax_transfer_guard": None, "jax_transfer_guard_device_to_device": None,
    "jax_transfer_guard_device_to_host": None, "jax_transfer_guard_host_to_device": None,
    "jax_use_direct_linearize": True, "jax_use_shardy_partitioner": True,
    "jax_use_simplified_jaxpr_constants": False, "jax_xla_profile_version": 0,
    "eager_constant_folding": False,
}

# What asks for another behavior than there is: only the default is accepted.
FIXED: dict[str, Any] = {
    "check_vma": False, "jax_debug_key_reuse": False,
    "jax_error_checking_behavior_divide": "ignore", "jax_error_checking_behavior_nan": "ignore",
    "jax_error_checking_behavior_oob": "ignore", "jax_high_dynamic_range_gumbel": False,
    "jax_legacy_prng_key": "allow", "jax_no_execution": False, "jax_no_tracing": False,
    "jax_random_seed_offset": 0,
}

# Where programs run: on the CPU.
PLATFORMS: dict[str, Any] = {"jax_platforms": None, "jax_platform_name": "", "jax_xla_backend": ""}
_CPU = ("", "cpu", None)


class Config:
    """JAX's configuration object: attributes, `update`, `read` and `values`."""

    def __init__(self) -> None:
        self.__dict__["_kept"] = {**IGNORED, **FIXED, **PLATFORMS}

    def __getattr__(self, name: str) -> Any:
        if name in self._kept:
            return self._kept[name]
        if name == "x64_enabled":
            return ours.enable_x64
        if name.startswith("jax_"):
            return getattr(ours, name)
        raise AttributeError(f"jax.config has no option {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        self.update(name, value)

    def update(self, name: str, val: Any) -> None:
        """Set an option. ValueError if it would need what ingot does not do."""
        if name in FIXED and val != FIXED[name]:
            raise ValueError(f"jax.config: {name} is always {FIXED[name]!r} under ingot, got"
                             f" {val!r}; leave it out")
        if name in PLATFORMS and val not in _CPU and "cpu" not in str(val).split(","):
            raise ValueError(f"jax.config: {name} must be 'cpu', the only platform of ingot, got"
                             f" {val!r}")
        if name in self._kept:
            self._kept[name] = val
        elif name.startswith("jax_"):
            ours.update(name, getattr(val, "value", val))
        else:
            raise AttributeError(f"jax.config has no option {name!r}")

    def read(self, name: str) -> Any:
        """The value of an option by its name."""
        return getattr(self, name)

    @property
    def values(self) -> dict[str, Any]:
        """All options."""
        return {**self._kept, **{f"jax_{f.name}": getattr(ours, f.name) for f in TABLE}}

    def config_with_absl(self) -> None:
        """Options are not absl flags; there is nothing to define."""

    parse_flags_with_absl = config_with_absl


config = Config()


def apply_environment(environment: Mapping[str, str]) -> None:
    """Give our flags JAX's defaults, then what JAX_* variables say.

    INGOT_* variables, and what the program itself has set before, win over defaults.
    """
    for flag in TABLE:
        variable = f"JAX_{flag.name.upper()}"
        if variable in environment:
            ours.update(flag.name, environment[variable])
        elif flag.name in DEFAULTS and not ours.chosen(flag.name):
            ours.update(flag.name, DEFAULTS[flag.name])
    for name in PLATFORMS:
        if environment.get(name.upper()):
            config.update(name, environment[name.upper()])


@contextmanager
def default_device(device: Any = None) -> Iterator[None]:
    """Where new arrays go meanwhile: there is one device, so nothing changes."""
    yield


@contextmanager
def transfer_guard(new_val: Any = None) -> Iterator[None]:
    """Between host and device nothing is transferred, so nothing is guarded."""
    yield


__all__ = ["Config", "apply_environment", "config", "default_device", "transfer_guard"]
