"""Safety checks of exported programs: which custom calls are stable, and which may be skipped."""

from __future__ import annotations

import re
from typing import Any

from ingot.core.backend import get_backend


class DisabledSafetyCheck:
    """A check that exporting or calling a program skips; made by `platform` and `custom_call`.

    >>> export.DisabledSafetyCheck.custom_call("my_target")
    custom_call:my_target
    """

    def __init__(self, _impl: str):
        self._impl = _impl

    @classmethod
    def platform(cls) -> DisabledSafetyCheck:
        """Let the program run on platforms that it was not exported for."""
        return cls("platform")

    @classmethod
    def custom_call(cls, target_name: str) -> DisabledSafetyCheck:
        """Let the program call a target that is not known to be stable; "ALL" stands for any."""
        return cls(f"custom_call:{target_name}")

    def is_custom_call(self) -> str | None:
        """The target that is allowed; None if it is about something else."""
        match = re.match(r"custom_call:(.+)$", self._impl)
        return match[1] if match else None

    def __repr__(self) -> str:
        return self._impl

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DisabledSafetyCheck) and self._impl == other._impl

    def __hash__(self) -> int:
        return hash(self._impl)


_LAPACK = ("potrf", "geqrf", "orgqr", "ungqr", "syevd", "heevd", "geev", "gesdd", "getrf", "sytrd",
           "hetrd", "gehrd", "gees", "trsm", "gtsv")
STABLE = frozenset([
    *(f"lapack_{kind}{name}_ffi" for kind in "sdcz" for name in _LAPACK),
    *(f"{lib}_lu_pivots_to_permutation" for lib in ("cu", "hip")),
    *(f"{lib}_{name}_ffi" for lib in ("cusolver", "hipsolver") for name in (
        "getrf", "geqrf", "orgqr", "potrf", "syevd", "gesvd", "gesvdj")),
    "cusolver_sytrd_ffi", "hipsolver_gesdd_ffi", "cusparse_gtsv2_ffi", "cu_threefry2x32_ffi",
    "hip_threefry2x32_ffi", "Sharding", "SPMDFullToShardShape", "SPMDShardToFullShape",
    "annotate_device_placement", "Eigh", "Qr", "ProductOfElementaryHouseholderReflectors",
    "LuDecomposition", "ApproxTopK", "stablehlo.dynamic_approx_top_k", "tf.call_tf_function",
    "tpu_custom_call", "AllocateBuffer", "mosaic_gpu_v2", "stablehlo.dynamic_reduce_window",
    "stablehlo.dynamic_rng_bit_generator", "stablehlo.dynamic_top_k", "shape_assertion"])
"""Targets of custom calls whose meaning JAX promises to keep."""


def check_custom_calls(fun_name: str, data: bytes, disabled: tuple[DisabledSafetyCheck, ...]
                       ) -> None:
    """Raise ValueError if a module calls what is not known to be stable, unless it is allowed."""
    allowed = {c.is_custom_call() for c in disabled} - {None}
    if "ALL" in allowed:
        return
    found = portable().custom_calls(data)
    refused = {target: call for target, call in found.items()
               if target not in STABLE and target not in allowed}
    if refused:
        calls = "\n".join(refused.values())
        raise ValueError(
            "Cannot serialize code with custom calls whose targets have no compatibility"
            f" guarantees: {fun_name} calls {', '.join(sorted(refused))}; allow them by"
            f" disabled_checks=[DisabledSafetyCheck.custom_call(target)]. The calls are:\n{calls}")


def portable() -> Any:
    """Return what writes and reads modules: a part of the XLA back end, which needs jaxlib."""
    backend: Any = get_backend("xla")
    return backend.portable


__all__ = ["DisabledSafetyCheck", "check_custom_calls", "portable"]
