"""Exported programs from bytes, in the format of JAX's export, ours or JAX's.

Reading runs nothing: bytes become types, structures and the bytes of a module.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingot.core.avals import ShapedArray
from ingot.core.mesh import AbstractDevice, AbstractMesh
from ingot.core.sharding import NamedSharding
from ingot.core.specs import PartitionSpec
from ingot.core.symbolic_parse import SymbolicScope
from ingot.export.checks import DisabledSafetyCheck
from ingot.export.exported import Exported
from ingot.export.flatbuffer import read
from ingot.export.schema import AXIS_TYPES, CHECK_KINDS, DTYPES, KEYS, SCHEMA
from ingot.export.shapes import parse_shape
from ingot.export.trees import read_tree

Table = dict[str, Any]
_dtypes_by_number = {number: dtype for dtype, number in {**DTYPES, **KEYS}.items()}
_axis_types = {number: kind for kind, number in AXIS_TYPES.items()}


def deserialize(blob: bytes | bytearray) -> Exported:
    """Read an exported program; nothing of it runs before it is called.

    blob: what `Exported.serialize` returned, ours or JAX's -> an Exported. When it is called, the
    program runs like any other, and may call what is registered as custom calls: read artifacts
    from sources you trust. Raises ValueError for bytes that are no such artifact.

    >>> exported = export.export(ingot.jit(lambda x: x + 1))(np.ones(2, "float32"))
    >>> export.deserialize(exported.serialize()).call(np.ones(2, "float32"))
    Array([2., 2.], dtype=float32)
    """
    if not isinstance(blob, (bytes, bytearray, memoryview)):
        raise TypeError(f"deserialize: expected bytes, got {type(blob).__name__}")
    try:
        return _read(read(SCHEMA, "Exported", bytes(blob)))
    except (ValueError, UnicodeDecodeError, KeyError, IndexError, RecursionError) as error:
        raise ValueError(f"deserialize: these {len(blob)} bytes are no exported program: {error}"
                         ) from None


def _required(table: Table, *names: str) -> None:
    for name in names:
        if table[name] is None:
            raise ValueError(f"it has no {name}")


def _read(table: Table) -> Exported:
    scope = SymbolicScope()
    _required(table, "function_name", "in_tree", "out_tree", "platforms", "mlir_module_serialized",
              "calling_convention_version")
    meshes = [_read_mesh(m) for m in table["unique_abstract_meshes"] or ()]
    places = [_read_sharding(s, meshes) for s in table["unique_named_shardings"] or ()]
    unique = [_read_aval(a, scope) for a in table["unique_avals"] or ()]

    def side(which: str) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        numbers, types = table[f"{which}_shardings_idxs"], table[f"{which}_avals_idxs"]
        shardings = [places[n - 1] if n else None for n in numbers] if numbers else [
            _read_old_sharding(s, meshes) for s in table[f"{which}_shardings"] or ()]
        avals = [unique[n] for n in types] if types else [
            _read_aval(a, scope) for a in table[f"{which}_avals"] or ()]
        if len(shardings) != len(avals):
            raise ValueError(f"it has {len(avals)} {which}_avals and {len(shardings)} shardings")
        return tuple(a if s is None else a.update(sharding=s)
                     for a, s in zip(avals, shardings, strict=True)), tuple(shardings)

    (in_avals, ins), (out_avals, outs) = side("in"), side("out")
    vjp = table["vjp"]
    kept = tuple(table["module_kept_var_idx"] or ())
    if any(k >= len(in_avals) for k in kept):
        raise ValueError(f"it keeps the arguments {kept} of {len(in_avals)}")
    return Exported(
        fun_name=table["function_name"], in_tree=read_tree(table["in_tree"], in_avals),
        in_avals=in_avals, out_tree=read_tree(table["out_tree"], out_avals), out_avals=out_avals,
        _in_named_shardings=ins, _out_named_shardings=outs,
        in_shardings_hlo=(None,) * len(ins), out_shardings_hlo=(None,) * len(outs),
        nr_devices=table["nr_devices"] or table["nr_devices_short"] or 1,
        platforms=tuple(table["platforms"]),
        ordered_effects=tuple(map(_read_effect, table["ordered_effects"] or ())),
        unordered_effects=tuple(map(_read_effect, table["unordered_effects"] or ())),
        disabled_safety_checks=tuple(map(_read_check, table["disabled_checks"] or ())),
        mlir_module_serialized=bytes(table["mlir_module_serialized"]),
        calling_convention_version=table["calling_convention_version"],
        module_kept_var_idx=kept,
        uses_global_constants=bool(table["uses_global_constants"]),
        _get_vjp=None if vjp is None else lambda _: _read(vjp))


def _read_aval(table: Table, scope: SymbolicScope) -> ShapedArray:
    number = table["dtype"] or 0
    if number not in _dtypes_by_number:
        raise ValueError(f"it has an unknown dtype, number {number}")
    return ShapedArray(parse_shape(table["shape"] or (), scope), _dtypes_by_number[number])


def _read_mesh(table: Table) -> AbstractMesh:
    device = table["abstract_device"]
    types = tuple(_axis_types[t] for t in table["axis_types"] or b"")
    return AbstractMesh(
        tuple(table["axis_sizes"] or ()), tuple(table["axis_names"] or ()), types or None,
        abstract_device=None if device is None else AbstractDevice(
            device["device_kind"], device["num_cores"], device["platform"]))


def _read_sharding(table: Table, meshes: Sequence[AbstractMesh]) -> NamedSharding:
    mesh = meshes[table["abstract_mesh_idx"] or 0] if meshes else _read_mesh(table["mesh"])
    spec = table["spec"]
    entries = [tuple(p["axes"] or ()) or None for p in spec["partitions"] or ()]
    return NamedSharding(
        mesh, PartitionSpec(*entries, reduced=frozenset(spec["reduced"] or ()),
                            unreduced=frozenset(spec["unreduced"] or ())),
        memory_kind=table["memory_kind"])


def _read_old_sharding(table: Table, meshes: Sequence[AbstractMesh]) -> NamedSharding | None:
    if table["named_sharding"] is not None:
        return _read_sharding(table["named_sharding"], meshes)
    if table["hlo_sharding_proto"]:
        raise ValueError("it is older than the six months for which artifacts stay readable")
    return None


def _read_check(table: Table) -> DisabledSafetyCheck:
    if (table["kind"] or 0) == CHECK_KINDS["platform"]:
        return DisabledSafetyCheck.platform()
    return DisabledSafetyCheck.custom_call(table["custom_call_target"])


def _read_effect(table: Table) -> Any:
    raise ValueError(f"its side effect {table['type_name']} is not known here")


__all__ = ["deserialize"]
