"""Exported programs as bytes, in the format of JAX's export."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ingot import dtypes
from ingot.core.avals import ShapedArray
from ingot.core.mesh import AbstractMesh
from ingot.core.specs import PartitionSpec, names_of
from ingot.export.checks import DisabledSafetyCheck
from ingot.export.flatbuffer import write
from ingot.export.schema import AXIS_TYPES, CHECK_KINDS, DTYPES, KEYS, SCHEMA, VERSION
from ingot.export.trees import write_tree
from ingot.version import __version__

Table = dict[str, Any]


def serialize(exported: Any, vjp_order: int = 0) -> bytearray:
    """Return an exported program as bytes, with `vjp_order` orders of its derivative."""
    return write(SCHEMA, "Exported", _write(exported, vjp_order))


class _Numbered:
    """Tables that are written once and referred to by their numbers."""

    def __init__(self, make: Callable[[Any], Table]):
        self._make, self._numbers, self.tables = make, {}, list[Table]()

    def number(self, x: Any) -> int:
        """Return the number of the table of an object."""
        if x not in self._numbers:
            table = self._make(x)
            self._numbers[x] = len(self.tables)
            self.tables.append(table)
        return self._numbers[x]


def _write(exported: Any, vjp_order: int) -> Table:
    meshes = _Numbered(_write_mesh)
    avals = _Numbered(_write_aval)
    places = _Numbered(lambda s: {
        "mesh": _write_mesh(s.mesh.abstract_mesh), "spec": _write_spec(s.spec),
        "memory_kind": s.memory_kind, "abstract_mesh_idx": meshes.number(s.mesh.abstract_mesh)})

    def sides(which: str) -> Table:
        types = getattr(exported, f"{which}_avals")
        shardings = getattr(exported, f"_{which}_named_shardings")
        numbers = [0 if s is None else places.number(s) + 1 for s in shardings]
        return {f"{which}_avals": [_write_aval(a) for a in types],
                f"{which}_avals_idxs": [avals.number(a.unplaced().strip_weak_type())
                                        for a in types],
                f"{which}_shardings_idxs": numbers,
                f"{which}_shardings": [{"named_sharding": places.tables[n - 1] if n else None}
                                       for n in numbers]}

    if vjp_order > 0 and not exported.has_vjp():
        raise ValueError(f"serialize: {exported.fun_name} was read with fewer orders of its"
                         " derivative than are to be written; serialize it where it was exported")
    return {
        "serialization_version": VERSION, "function_name": exported.fun_name,
        "in_tree": write_tree(exported.in_tree), "out_tree": write_tree(exported.out_tree),
        **sides("in"), **sides("out"), "nr_devices": exported.nr_devices,
        "platforms": list(exported.platforms),
        "ordered_effects": [_write_effect(e) for e in exported.ordered_effects],
        "unordered_effects": [_write_effect(e) for e in exported.unordered_effects],
        "disabled_checks": [_write_check(c) for c in exported.disabled_safety_checks],
        "mlir_module_serialized": exported.mlir_module_serialized,
        "calling_convention_version": exported.calling_convention_version,
        "module_kept_var_idx": list(exported.module_kept_var_idx),
        "uses_global_constants": exported.uses_global_constants,
        "vjp": _write(exported.vjp(), vjp_order - 1) if vjp_order > 0 else None,
        "unique_avals": avals.tables, "unique_abstract_meshes": meshes.tables,
        "unique_named_shardings": places.tables, "jax_version": f"ingot {__version__}"}


def _write_aval(aval: ShapedArray) -> Table:
    number = KEYS.get(aval.dtype) if isinstance(aval.dtype, dtypes.KeyDType) else DTYPES.get(
        aval.dtype)
    if number is None:
        raise TypeError(f"serialize: the format has no arrays of dtype"
                        f" {dtypes.short_name(aval.dtype)}; convert them inside the function")
    return {"kind": 0, "shape": [str(n) for n in aval.shape], "dtype": number, "memory_space": 1}


def _write_mesh(mesh: AbstractMesh) -> Table:
    device = mesh.abstract_device
    return {"axis_sizes": list(mesh.axis_sizes), "axis_names": [str(n) for n in mesh.axis_names],
            "axis_types": [AXIS_TYPES[t] for t in mesh.axis_types],
            "abstract_device": None if device is None else {
                "device_kind": device.device_kind, "num_cores": device.num_cores,
                "platform": device.platform}}


def _write_spec(spec: PartitionSpec) -> Table:
    return {"partitions": [{"axes": list(names_of(p))} for p in spec.partitions],
            "reduced": sorted(spec.reduced), "unreduced": sorted(spec.unreduced)}


def _write_check(check: DisabledSafetyCheck) -> Table:
    target = check.is_custom_call()
    kind = "platform" if target is None else "custom_call"
    return {"kind": CHECK_KINDS[kind], "custom_call_target": target}


def _write_effect(effect: Any) -> Table:
    try:
        same = type(effect)()
    except Exception:
        raise NotImplementedError(f"Effect {effect} must have a nullary constructor to be"
                                  " serializable") from None
    if same != effect or hash(same) != hash(effect):
        raise NotImplementedError(f"Effect {effect} must have a nullary class constructor that"
                                  " produces an equal effect object")
    return {"type_name": str(type(effect))}


__all__ = ["serialize"]
