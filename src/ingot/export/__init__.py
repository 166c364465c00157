"""Programs as bytes for other processes, machines and versions: StableHLO in JAX's format."""

from ingot.export.checks import DisabledSafetyCheck
from ingot.export.exported import Exported, call
from ingot.export.exporting import (
    default_export_platform,
    export,
    maximum_supported_calling_convention_version,
    minimum_supported_calling_convention_version,
)
from ingot.export.reading import deserialize
from ingot.export.trees import (
    register_namedtuple_serialization,
    register_pytree_node_serialization,
)
from ingot.export.writing import serialize

__all__ = ["DisabledSafetyCheck", "Exported", "call", "default_export_platform", "deserialize",
           "export", "maximum_supported_calling_convention_version",
           "minimum_supported_calling_convention_version", "register_namedtuple_serialization",
           "register_pytree_node_serialization", "serialize"]
