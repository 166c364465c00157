"""Programs as bytes for other processes, machines and versions: StableHLO in JAX's format."""

from ingot.core.symbolic_parse import SymbolicScope, symbolic_shape
from ingot.export.checks import DisabledSafetyCheck
from ingot.export.exported import Exported, call
from ingot.export.exporting import (
    default_export_platform,
    export,
    maximum_supported_calling_convention_version,
    minimum_supported_calling_convention_version,
)
from ingot.export.reading import deserialize
from ingot.export.shapes import is_symbolic_dim, symbolic_args_specs, symbolic_dim_bounds
from ingot.export.trees import (
    register_namedtuple_serialization,
    register_pytree_node_serialization,
)
from ingot.export.writing import serialize
from ingot.primitives import dimensions as _dimensions  # noqa: F401 (lengths become numbers)

__all__ = ["DisabledSafetyCheck", "Exported", "SymbolicScope", "call", "default_export_platform",
           "deserialize", "export", "is_symbolic_dim",
           "maximum_supported_calling_convention_version",
           "minimum_supported_calling_convention_version", "register_namedtuple_serialization",
           "register_pytree_node_serialization", "serialize", "symbolic_args_specs",
           "symbolic_dim_bounds", "symbolic_shape"]
