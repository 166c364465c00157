"""Our shardings as XLA and Shardy describe them, and XLA's as ours: `GSPMDSharding`, specs."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ingot.compat.hlo_sharding import (
    HloSharding,
    OpSharding,
    Type,
    are_hlo_shardings_equal,
    get_num_ways_dim_sharded,
    is_hlo_sharding_replicated,
)
from ingot.core.devices import Device
from ingot.core.mesh import AbstractMesh, BaseMesh, Mesh
from ingot.core.sharding import (
    NamedSharding,
    Sharding,
    devices_indices as common_devices_indices_map,
    memory_kind_on,
)
from ingot.core.specs import UNCONSTRAINED, PartitionSpec, names_of
from ingot.errors import IndivisibleError


# ---- of shardings --------------------------------------------------------------------------------
@functools.lru_cache(maxsize=1024)
def named_sharding_to_xla_hlo_sharding(sharding: NamedSharding, ndim: int) -> HloSharding:
    """The grid of devices of a named sharding, as axes of the mesh turned and joined."""
    sizes = sharding.mesh.shape
    entries = [names_of(p) for p in sharding.spec.padded(ndim).partitions]
    manual = tuple(n for n in sizes if n in sharding.mesh.manual_axes)
    unreduced = tuple(n for n in sizes if n in sharding.spec.unreduced)
    used = {*(n for names in entries for n in names), *manual, *unreduced}
    rest = tuple(n for n in sizes if n not in used)
    groups = [(Type.MANUAL, manual), (Type.UNREDUCED, unreduced), (Type.REPLICATED, rest)]
    groups = [(t, names) for t, names in groups if math.prod(sizes[n] for n in names) > 1]
    if len(groups) == 1 and math.prod(sizes[n] for e in entries for n in e) == 1:
        return HloSharding(groups[0][0])
    names = list(sizes)
    order = [*(n for e in entries for n in e), *(n for _, group in groups for n in group)]
    order += [n for n in names if n not in order]  # axes of size 1
    dims = [math.prod(sizes[n] for n in e) for e in [*entries, *(g for _, g in groups)]]
    if not dims:
        return HloSharding()
    reshape, perm = _joined([sizes[n] for n in names], [names.index(n) for n in order])
    return HloSharding.iota_tile(dims, reshape, perm, [t for t, _ in groups])


def _joined(sizes: list[int], perm: list[int]) -> tuple[list[int], list[int]]:
    """The same transposition with as few axes as possible: none of size 1, neighbors joined."""
    runs: list[list[int]] = []
    big = [k for k, n in enumerate(sizes) if n > 1]
    for axis in (k for k in perm if sizes[k] > 1):
        if runs and big.index(axis) == big.index(runs[-1][-1]) + 1:
            runs[-1].append(axis)
        else:
            runs.append([axis])
    order = sorted(range(len(runs)), key=lambda r: runs[r][0])
    if not runs:
        return [1], [0]
    return [math.prod(sizes[k] for k in runs[r]) for r in order], [order.index(r)
                                                                     for r in range(len(runs))]


def to_hlo(sharding: Sharding, ndim: int) -> HloSharding:
    """The sharding of arrays with this many axes, as XLA describes it."""
    if isinstance(sharding, GSPMDSharding):
        return sharding._hlo_sharding
    if isinstance(sharding, NamedSharding):
        return named_sharding_to_xla_hlo_sharding(sharding, ndim)
    counts, where = sharding._grid(ndim)
    copies = len(where) // max(math.prod(counts), 1)
    if copies == len(where):
        return HloSharding()
    order = np.argsort(np.ravel_multi_index(tuple(where.T), counts), kind="stable")
    return HloSharding.from_proto(OpSharding(
        Type.OTHER, [*counts, copies], order.tolist(), replicate_on_last_tile_dim=True))


# ---- a sharding by XLA's description -------------------------------------------------------------
class GSPMDSharding(Sharding):
    """How an array is divided over a list of devices by a description of XLA.

    devices: in the order of the description's numbers; op_sharding: an OpSharding or HloSharding.
    """

    def __init__(self, devices: Iterable[Device], op_sharding: Any, *,
                 memory_kind: str | None = None):
        self._devices = tuple(devices)
        self._hlo_sharding: HloSharding = (HloSharding.from_proto(op_sharding)
                                           if isinstance(op_sharding, OpSharding) else op_sharding)
        self.memory_kind = memory_kind_on(memory_kind, self._devices)

    @classmethod
    def get_replicated(cls, devices: Iterable[Device], *, memory_kind: str | None = None
                       ) -> GSPMDSharding:
        """The sharding by which each of the devices holds all."""
        return cls(devices, HloSharding(), memory_kind=memory_kind)

    @property
    def _device_assignment(self) -> tuple[Device, ...]:
        return self._devices

    def _grid(self, ndim: int) -> tuple[tuple[int, ...], np.ndarray]:
        hlo, count = self._hlo_sharding, len(self._devices)
        if is_hlo_sharding_replicated(hlo) or hlo.grid is None:
            return (1,) * ndim, np.zeros((count, ndim), int)
        self.check_compatible_aval((1,) * ndim)
        ways, _ = get_num_ways_dim_sharded(hlo)
        where = np.zeros((count, ndim), int)
        for place, device in np.ndenumerate(hlo.grid):
            where[device, :len(ways)] = place[:len(ways)]
        return (*ways, *(1,) * (ndim - len(ways))), where

    def device_grid(self) -> np.ndarray:
        """The devices in the grid of the description, in a row where it has none."""
        devices, grid = np.array(self._devices, dtype=object), self._hlo_sharding.grid
        return devices if grid is None or self.is_fully_replicated else devices[grid]

    @property
    def is_fully_replicated(self) -> bool:
        """Whether each device holds the whole array."""
        return is_hlo_sharding_replicated(self._hlo_sharding)

    def check_compatible_aval(self, aval_shape: Sequence[int]) -> None:
        """Raise ValueError unless arrays of this shape have as many axes as are divided."""
        ways, _ = get_num_ways_dim_sharded(self._hlo_sharding)
        if len(aval_shape) < len(ways):
            raise ValueError(f"Sharding {self} is only valid for values of rank at least"
                             f" {len(ways)}, but was applied to a value of rank {len(aval_shape)}")

    def replicated(self) -> GSPMDSharding:
        """Return the sharding by which each of these devices holds the whole array."""
        return GSPMDSharding.get_replicated(self._devices, memory_kind=self.memory_kind)

    def with_memory_kind(self, kind: str | None) -> GSPMDSharding:
        """The same division, another kind of the devices' memory."""
        return GSPMDSharding(self._devices, self._hlo_sharding, memory_kind=kind)

    def _key(self) -> Any:
        hlo = HloSharding() if self.is_fully_replicated else self._hlo_sharding
        return self._devices, hlo, self.memory_kind

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GSPMDSharding) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        kind = "" if self.memory_kind is None else f", memory_kind={self.memory_kind}"
        return f"GSPMDSharding({self._hlo_sharding!r}{kind})"

    def __reduce__(self) -> Any:
        return _gspmd, (self._devices, self._hlo_sharding.to_proto(), self.memory_kind)


def _gspmd(devices: Any, op: OpSharding, memory_kind: str | None) -> GSPMDSharding:
    return GSPMDSharding(devices, op, memory_kind=memory_kind)


# ---- named again ---------------------------------------------------------------------------------
def parse_flatten_op_sharding(hlo_sharding: Any, mesh: BaseMesh) -> list[PartitionSpec]:
    """The specs over a mesh by which arrays are divided as XLA says, one for each leaf of a tuple.

    Raises ValueError where axes of the mesh do not describe the grid of devices.
    """
    hlo = (HloSharding.from_proto(hlo_sharding) if isinstance(hlo_sharding, OpSharding)
           else hlo_sharding)
    if hlo.kind is Type.TUPLE:
        return [s for part in hlo.tuple_shardings for s in parse_flatten_op_sharding(part, mesh)]
    if hlo.is_replicated() or hlo.grid is None:
        return [PartitionSpec()]
    ways, _ = get_num_ways_dim_sharded(hlo)
    strides = np.cumprod([1, *reversed(mesh.axis_sizes)])[-2::-1].tolist()
    by_stride = {s: n for n, s, k in zip(mesh.axis_names, strides, mesh.axis_sizes, strict=True)
                 if k > 1}
    entries = [_axes_along(hlo.grid, axis, count, by_stride, mesh)
               for axis, count in enumerate(ways)]
    while entries and not entries[-1]:
        entries.pop()
    return [PartitionSpec(*entries)]


def _axes_along(grid: np.ndarray, axis: int, count: int, by_stride: dict[int, Any],
                mesh: BaseMesh) -> tuple[Any, ...]:
    """The mesh axes along one axis of a grid of devices: each has the stride of its devices."""
    first = [0] * grid.ndim
    line = grid[tuple(slice(None) if k == axis else i for k, i in enumerate(first))]
    found: list[Any] = []
    left = count
    while left > 1:
        name = next((n for s, n in by_stride.items() if left % mesh.shape[n] == 0
                     and line[left // mesh.shape[n]] - line[0] == s), None)
        if name is None:
            raise ValueError(f"axes of {mesh} do not describe devices {line.tolist()} in a line")
        found.append(name)
        left //= mesh.shape[name]
    return tuple(found)


def array_mapping_to_axis_resources(mapping: dict[Any, int]) -> PartitionSpec:
    """The spec by which each mesh axis divides the axis of an array that it is mapped to."""
    entries: list[tuple[Any, ...]] = [()] * (max(mapping.values(), default=-1) + 1)
    for name, axis in mapping.items():
        entries[axis] = (*entries[axis], name)
    return PartitionSpec(*(e or None for e in entries))


# ---- Shardy --------------------------------------------------------------------------------------
@dataclass(frozen=True)
class SdyDim:
    """The mesh axes along an axis of an array; open: the compiler may add some."""

    axes: tuple[Any, ...]
    is_open: bool = False


@dataclass(frozen=True)
class SdyArray:
    """A sharding as Shardy describes it: by the axes of a mesh."""

    mesh_shape: tuple[tuple[Any, int], ...]
    dim_shardings: tuple[SdyDim, ...]
    replicated_axes: tuple[Any, ...] = ()
    unreduced_axes: frozenset[Any] = field(default_factory=frozenset)


def to_sdy(sharding: Sharding, ndim: int, modify_wrt_axis_types: bool = False) -> SdyArray:
    """The sharding of arrays with this many axes as Shardy describes it; TypeError if the devices
    do not stand along the axes of a mesh."""
    if isinstance(sharding, GSPMDSharding):
        hlo = sharding._hlo_sharding
        if hlo.is_replicated():
            return SdyArray((), (SdyDim(()),) * ndim)
        if hlo.iota is None:
            raise TypeError(f"Cannot convert GSPMDSharding {hlo} into SdyArray.")
        sizes = hlo.get_axis_sizes()
        mesh = AbstractMesh(sizes, [f"_axis_{k}" for k in range(len(sizes))])
        sharding = NamedSharding(mesh, parse_flatten_op_sharding(hlo, mesh)[0])
    if not isinstance(sharding, NamedSharding):
        raise TypeError(f"Cannot convert {sharding} into SdyArray: it has no mesh")
    dims = tuple(SdyDim(names_of(p), p is UNCONSTRAINED)
                 for p in sharding.spec.padded(ndim).partitions)
    return SdyArray(sharding.mesh.shape_tuple, dims, unreduced_axes=sharding.spec.unreduced)


for _name, _function in {"_to_xla_hlo_sharding": to_hlo, "_to_sdy_sharding": to_sdy}.items():
    setattr(Sharding, _name, _function)
Sharding._addressable_device_assignment = property(  # type: ignore[attr-defined]
    lambda self: tuple(d for d in self._device_assignment if d.is_local))
Mesh._flat_devices_tuple = property(lambda self: tuple(self.devices.flat))  # type: ignore[attr-defined]

__all__ = ["GSPMDSharding", "HloSharding", "IndivisibleError", "OpSharding", "SdyArray", "SdyDim",
           "are_hlo_shardings_equal", "common_devices_indices_map"]
