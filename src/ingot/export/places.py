"""Where arguments and results of exported programs lie: over meshes without devices, and with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.api.jit import PjitFunction
from ingot.api.stages import Traced
from ingot.core.array import Array
from ingot.core.interpreter import Tracer
from ingot.core.mesh import AbstractMesh, AxisType, BaseMesh, Mesh, abstract_mesh, concrete_mesh
from ingot.core.placement import is_committed, place, sharding_of
from ingot.core.sharding import NamedSharding, Sharding
from ingot.core.specs import PartitionSpec
from ingot.primitives.constraint import sharding_constraint_p
from ingot.tree import tree_leaves, tree_unflatten

Places = tuple[NamedSharding | None, ...]


def abstract_place(sharding: Sharding | None, ndim: int) -> NamedSharding | None:
    """Return a sharding over the same mesh, or one like it, without devices; None for one."""
    if isinstance(sharding, NamedSharding):
        if sharding.mesh.empty:
            return None
        return NamedSharding(sharding.mesh.abstract_mesh, sharding.spec,
                             memory_kind=sharding.memory_kind)
    if sharding is None or sharding.num_devices == 1:
        return None
    return _by_grid(sharding, ndim)


def _by_grid(sharding: Sharding, ndim: int) -> NamedSharding:
    """A sharding that names no axes, over a mesh with an axis for each divided one."""
    counts, _ = sharding._grid(ndim)
    divided = [c for c in counts if c > 1]
    copies = sharding.num_devices // math.prod(divided)
    sizes = (*divided, *([copies] if copies > 1 else []))
    mesh = AbstractMesh(sizes, tuple(f"_axis_{k}" for k in range(len(sizes))),
                        (AxisType.Auto,) * len(sizes))
    names = iter(mesh.axis_names)
    return NamedSharding(mesh, PartitionSpec(*(next(names) if c > 1 else None for c in counts)))


def shardings_of(fun: Any, traced: Traced, args: tuple[Any, ...], kwargs: dict[str, Any]
                 ) -> tuple[Places, Places]:
    """Return where `jit` was told that arguments and results lie, and where given arguments do."""
    leaves = [x for x in tree_leaves((args, kwargs)) if hasattr(x, "shape") or np.isscalar(x)]
    ins: list[Any] = [None] * len(traced.jaxpr.in_avals)
    if len(leaves) == len(ins):
        ins = [_given(x) for x in leaves]
    outs: list[Any] = [None] * len(traced.jaxpr.out_avals)
    told = getattr(fun, "_shardings", None) if isinstance(fun, PjitFunction) else None
    if told is not None and told.ins is not None:
        values, _ = tree_unflatten(traced.in_tree, list(range(len(ins))))
        ins = [s or x for s, x in zip(told._resolved("in_shardings", told.ins, values), ins,
                                      strict=True)]
    if told is not None and told.outs is not None:
        outs = told._resolved("out_shardings", told.outs, tree_unflatten(
            traced.out_tree, list(range(len(outs)))))
    outs = [s or (a.sharding if a._sharding is not None else None)
            for s, a in zip(outs, traced.jaxpr.out_avals, strict=True)]
    return (tuple(abstract_place(s, a.ndim) for s, a in zip(
                ins, traced.jaxpr.in_avals, strict=True)),
            tuple(abstract_place(s, a.ndim) for s, a in zip(
                outs, traced.jaxpr.out_avals, strict=True)))


def _given(x: Any) -> Sharding | None:
    if type(x) is Array:
        return sharding_of(x) if is_committed(x) else None
    return getattr(x, "sharding", None)


def over(sharding: NamedSharding | None, mesh: BaseMesh | None) -> NamedSharding | None:
    """Return a sharding over a mesh of the same axes. Raises ValueError for other axes."""
    if sharding is None or mesh is None:
        return sharding
    theirs, ours = mesh.abstract_mesh, sharding.mesh
    if (theirs.shape_tuple, theirs.axis_types) != (ours.shape_tuple, ours.axis_types):
        raise ValueError(f"the mesh {mesh} does not match the one of the export, {ours}; names,"
                         " sizes and types of the axes must be the same")
    return sharding.update(mesh=mesh)


def devices_of(arrays: Sequence[Any]) -> tuple[Any, ...] | None:
    """Return the devices of the arrays that lie on most of them; None if none is concrete."""
    found = [sharding_of(x) for x in arrays if type(x) is Array]
    mesh = concrete_mesh()
    assignments = [s._device_assignment for s in found if s is not None]
    if isinstance(mesh, Mesh) and not mesh.empty:
        assignments.append(tuple(mesh.devices.flat))
    return max(assignments, key=len, default=None)


def placed(values: Sequence[Any], shardings: Places, arrays: Sequence[Any]) -> list[Any]:
    """Return arguments or results where an exported program says, on the devices of its arguments;
    traced ones with a constraint."""
    devices = devices_of(arrays)
    return [x if s is None else _constrained(x, s) if isinstance(x, Tracer)
            else _placed(x, s, devices) for x, s in zip(values, shardings, strict=True)]


def _constrained(x: Any, sharding: NamedSharding) -> Any:
    """A traced value that lies as told over the mesh that is set, or over one without devices; as
    it is where types say how values lie."""
    mesh = concrete_mesh()
    if mesh.empty or mesh.shape_tuple != sharding.mesh.shape_tuple:
        mesh = sharding.mesh
    if not (mesh.are_all_axes_auto and abstract_mesh().are_all_axes_auto):
        return x
    return sharding_constraint_p.bind(x, sharding=NamedSharding(mesh, sharding.spec))


def _placed(x: Any, sharding: NamedSharding, devices: tuple[Any, ...] | None) -> Any:
    if type(x) is not Array or devices is None:
        return x
    mesh = sharding.mesh
    if mesh.size != len(devices) or mesh.size < 2:
        return x
    grid = np.array(devices, dtype=object).reshape(mesh.axis_sizes)
    here = Mesh(grid, mesh.axis_names, axis_types=mesh.axis_types)
    return place(x, NamedSharding(here, sharding.spec))


__all__ = ["Places", "abstract_place", "devices_of", "over", "placed", "shardings_of"]
