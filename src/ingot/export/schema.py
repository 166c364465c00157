"""The tables of a serialized program: fields in the order of their numbers, and numbers of kinds.

The layout is that of JAX's export format, from version 12 of its serialization backwards.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.mesh import AxisType
from ingot.export.flatbuffer import STRING, Schema, Vector

VERSION = 12
_TEXTS = Vector(STRING)

SCHEMA: Schema = {
    "PyTreeDef": [("kind", "i1"), ("children", Vector("PyTreeDef")), ("children_names", _TEXTS),
                  ("custom_name", STRING), ("custom_auxdata", Vector("i1"))],
    "AbstractDevice": [("device_kind", STRING), ("num_cores", "u4"), ("platform", STRING)],
    "AbstractMesh": [("axis_sizes", Vector("u4")), ("axis_names", _TEXTS),
                     ("axis_types", Vector("i1")), ("abstract_device", "AbstractDevice")],
    "OneAxis": [("axes", _TEXTS)],
    "PartitionSpec": [("partitions", Vector("OneAxis")), ("reduced", _TEXTS),
                      ("unreduced", _TEXTS)],
    "NamedSharding": [("mesh", "AbstractMesh"), ("spec", "PartitionSpec"), ("memory_kind", STRING),
                      ("abstract_mesh_idx", "u4")],
    "AbstractValue": [("kind", "i1"), ("shape", _TEXTS), ("dtype", "i1"), ("memory_space", "i1")],
    "Sharding": [("kind", "i1"), ("hlo_sharding_proto", Vector("i1")),
                 ("named_sharding", "NamedSharding")],
    "Effect": [("type_name", STRING)],
    "DisabledCheck": [("kind", "i1"), ("custom_call_target", STRING)],
    "Exported": [
        ("serialization_version", "u2"), ("function_name", STRING), ("in_tree", "PyTreeDef"),
        ("in_avals", Vector("AbstractValue")), ("out_tree", "PyTreeDef"),
        ("out_avals", Vector("AbstractValue")), ("nr_devices_short", "i2"),
        ("in_shardings", Vector("Sharding")), ("out_shardings", Vector("Sharding")),
        ("platforms", _TEXTS), ("ordered_effects", Vector("Effect")),
        ("unordered_effects", Vector("Effect")), ("disabled_checks", Vector("DisabledCheck")),
        ("mlir_module_serialized", Vector("u1")), ("calling_convention_version", "u2"),
        ("module_kept_var_idx", Vector("u2")), ("uses_global_constants", "u1"),
        ("vjp", "Exported"), ("nr_devices", "u4"), ("unique_avals", Vector("AbstractValue")),
        ("unique_abstract_meshes", Vector("AbstractMesh")),
        ("unique_named_shardings", Vector("NamedSharding")), ("in_avals_idxs", Vector("u4")),
        ("out_avals_idxs", Vector("u4")), ("in_shardings_idxs", Vector("u4")),
        ("out_shardings_idxs", Vector("u4")), ("jax_version", STRING)],
}

TREE_KINDS = {"leaf": 0, "none": 1, "tuple": 2, "list": 3, "dict": 4, "custom": 5}
CHECK_KINDS = {"platform": 0, "custom_call": 1}
AXIS_TYPES = {AxisType.Auto: 1, AxisType.Explicit: 2, AxisType.Manual: 3}

_ORDER = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
          "float16", "float32", "float64", "complex64", "complex128", "bfloat16", "int4", "uint4",
          "float8_e4m3b11fnuz", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2",
          "float8_e5m2fnuz", "float0", "float8_e4m3", "float8_e3m4", "float8_e8m0fnu",
          "float4_e2m1fn")


def _dtype(name: str) -> Any:
    if name == "float0":
        return np.dtype(dtypes.float0)
    try:
        return np.dtype(name)
    except TypeError:
        return np.dtype(getattr(dtypes, name))


DTYPES: dict[Any, int] = {_dtype(name): k for k, name in enumerate(_ORDER)}
"""The number of each dtype but those of keys."""
KEYS: dict[Any, int] = {dtype: 27 + k for k, dtype in enumerate(
    dtypes.KEY_DTYPES[name] for name in ("threefry2x32", "rbg", "unsafe_rbg"))}
"""The number of each dtype of keys."""
