"""Shardings: which device holds which part of an array, by the names of a mesh's axes."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ingot.core.devices import CPU, MEMORY_KINDS, Device
from ingot.core.mesh import AbstractMesh, AxisType, BaseMesh, Mesh, is_local
from ingot.core.specs import UNCONSTRAINED, PartitionSpec, UnreducedKind, names_of
from ingot.errors import DuplicateSpecError, IndivisibleError
from ingot.util import register_cache

Index = tuple[slice, ...]


class Sharding:
    """Which device holds which part of an array. Subclasses say `_device_assignment` and `_grid`,
    from which all else follows.

    >>> isinstance(ingot.numpy.ones(3).sharding, ingot.sharding.Sharding)
    True
    """

    memory_kind: str | None

    @property
    def _device_assignment(self) -> tuple[Device, ...]:
        """The devices in their order."""
        raise NotImplementedError("sharding: a subclass must say which devices there are")

    def _grid(self, ndim: int) -> tuple[tuple[int, ...], np.ndarray]:
        """Return into how many parts each of `ndim` axes is divided, and which part of each axis
        the devices hold: integers of shape [devices, ndim]."""
        raise NotImplementedError("sharding: a subclass must say how axes are divided")

    @property
    def device_set(self) -> set[Device]:
        """The devices that hold a part."""
        return set(self._device_assignment)

    @property
    def num_devices(self) -> int:
        """How many devices hold a part."""
        return len(self._device_assignment)

    @property
    def addressable_devices(self) -> set[Device]:
        """The devices of this process that hold a part."""
        return {d for d in self._device_assignment if is_local(d)}

    @property
    def has_addressable_devices(self) -> bool:
        """Whether a device of this process holds a part."""
        return any(is_local(d) for d in self._device_assignment)

    @property
    def is_fully_addressable(self) -> bool:
        """Whether all parts are on devices of this process."""
        return all(is_local(d) for d in self._device_assignment)

    @property
    def is_fully_replicated(self) -> bool:
        """Whether each device holds the whole array."""
        raise NotImplementedError("sharding: a subclass must say whether it is replicated")

    def device_grid(self) -> np.ndarray | None:
        """Return the devices in an array with axes that divide arrays, where no mesh says it; None
        for shardings over a mesh, and on one device."""
        return None

    def shard_shape(self, global_shape: Sequence[int]) -> tuple[int, ...]:
        """Return the shape of the part on one device; IndivisibleError if parts are not equal."""
        shape = tuple(global_shape)
        counts, _ = self._grid(len(shape))
        for axis, (n, count) in enumerate(zip(shape, counts, strict=True)):
            if n % count:
                raise IndivisibleError(
                    f"{self} implies that array axis {axis} is partitioned {count} times, but the"
                    f" dimension size is {n} (full shape: {shape}, per-dimension tiling factors:"
                    f" {counts} should evenly divide the shape)")
        return tuple(n // count for n, count in zip(shape, counts, strict=True))

    def devices_indices_map(self, global_shape: Sequence[int]) -> dict[Device, Index]:
        """Return the index of the part that each device holds."""
        return dict(devices_indices(self, tuple(global_shape)))

    def addressable_devices_indices_map(self, global_shape: Sequence[int]) -> dict[Device, Index]:
        """Return the index of the part that each device of this process holds."""
        return {d: index for d, index in self.devices_indices_map(global_shape).items()
                if is_local(d)}

    def is_equivalent_to(self, other: Any, ndim: int) -> bool:
        """Return whether both put the same parts of an array with `ndim` axes on the same
        devices, which they list in the same order."""
        if self is other or self == other:
            return True
        if not isinstance(other, Sharding):
            return False
        mine, yours = self._grid(ndim), other._grid(ndim)
        return (self._device_assignment == other._device_assignment
                and self.memory_kind == other.memory_kind
                and mine[0] == yours[0] and bool((mine[1] == yours[1]).all()))

    def check_compatible_aval(self, aval_shape: Sequence[int]) -> None:
        """Raise ValueError unless arrays of this shape have as many axes as are divided."""

    def with_memory_kind(self, kind: str | None) -> Sharding:
        """The same in another memory of the devices, None being their default."""
        raise NotImplementedError(f"{type(self).__name__}: it has no other memory kind")

    def replicated(self) -> Sharding:
        """Return the sharding by which each of these devices holds the whole array."""
        if self.num_devices == 1:
            return SingleDeviceSharding(self._device_assignment[0], memory_kind=self.memory_kind)
        return PositionalSharding(self._device_assignment, memory_kind=self.memory_kind)


@functools.lru_cache(maxsize=4096)
def devices_indices(sharding: Sharding, shape: tuple[int, ...]) -> dict[Device, Index]:
    """Return the index of the part of an array of this shape that each device holds; callers share
    the result."""
    part = sharding.shard_shape(shape)
    counts, where = sharding._grid(len(shape))
    return {device: tuple(
        slice(None) if c == 1 else slice(i * n, (i + 1) * n)
        for i, n, c in zip(place.tolist(), part, counts, strict=True))
        for device, place in zip(sharding._device_assignment, where, strict=True)}


register_cache(devices_indices)


def memory_kind_on(kind: str | None, devices: Iterable[Device]) -> str | None:
    """Return the kind of memory, by default that of the devices; ValueError if it is unknown."""
    device = next(iter(devices), None)
    if device is None:
        if kind not in (None, *MEMORY_KINDS):
            raise ValueError(f"Got invalid memory kind: {kind!r}; the kinds are"
                             f" {', '.join(MEMORY_KINDS)}")
        return kind
    if not isinstance(device, Device):  # it stands for one in a mesh that is planned without it
        return kind
    return (device.default_memory() if kind is None else device.memory(kind)).kind


# ---- one device ----------------------------------------------------------------------------------
class SingleDeviceSharding(Sharding):
    """The whole array is on one device.

    >>> ingot.sharding.SingleDeviceSharding(ingot.devices()[1])
    SingleDeviceSharding(device=CpuDevice(id=1), memory_kind=device)
    """

    def __init__(self, device: Device = CPU, *, memory_kind: str | None = None):
        self.device = device
        self.memory_kind = memory_kind_on(memory_kind, (device,))

    @property
    def _device_assignment(self) -> tuple[Device, ...]:
        return (self.device,)

    def _grid(self, ndim: int) -> tuple[tuple[int, ...], np.ndarray]:
        return (1,) * ndim, np.zeros((1, ndim), int)

    @property
    def is_fully_replicated(self) -> bool:
        """Whether each device holds the whole array: yes."""
        return True

    def with_memory_kind(self, kind: str | None) -> SingleDeviceSharding:
        """The same device, another kind of its memory."""
        return SingleDeviceSharding(self.device, memory_kind=kind)

    def __eq__(self, other: object) -> bool:
        return self is other or (
            type(other) is SingleDeviceSharding and self.device == other.device
            and self.memory_kind == other.memory_kind)

    def __hash__(self) -> int:
        return hash((self.device, self.memory_kind))

    def __repr__(self) -> str:
        return f"SingleDeviceSharding(device={self.device!r}, memory_kind={self.memory_kind})"

    def __reduce__(self) -> Any:
        return _single, (self.device, self.memory_kind)


def _single(device: Device, memory_kind: str | None) -> SingleDeviceSharding:
    return SingleDeviceSharding(device, memory_kind=memory_kind)


ON_CPU = SingleDeviceSharding(CPU)


# ---- named axes ----------------------------------------------------------------------------------
class NamedSharding(Sharding):
    """How an array is divided over a mesh, by the names of its axes.

    mesh: a Mesh, or an AbstractMesh where no devices are needed; spec: a PartitionSpec;
    memory_kind: by default that of the devices. Raises ValueError if the spec names axes that the
    mesh does not have, DuplicateSpecError if it names one twice.

    >>> halves = ingot.NamedSharding(ingot.make_mesh((2,), "x"), ingot.P("x"))
    >>> halves.shard_shape((6, 3))
    (3, 3)
    """

    def __init__(self, mesh: Any, spec: PartitionSpec, memory_kind: str | None = None, *,
                 _logical_device_ids: Any = None):
        if not isinstance(mesh, BaseMesh) or not isinstance(spec, PartitionSpec):
            unexpected = "Unexpected None: " if spec is None else ""
            raise TypeError(f"NamedSharding: {unexpected}expected a Mesh and a PartitionSpec, got"
                            f" {mesh!r:.80} and {spec!r:.80}")
        self.mesh, self.spec, self._logical_device_ids = mesh, spec, _logical_device_ids
        self._memory_kind = memory_kind
        self.memory_kind = memory_kind_on(
            memory_kind, mesh.devices.flat if isinstance(mesh, Mesh) and not mesh.empty else ())
        _check_spec(mesh, spec)
        self._hash = hash((mesh, spec, self.memory_kind))

    @property
    def _is_concrete(self) -> bool:
        return isinstance(self.mesh, Mesh)

    @property
    def _device_assignment(self) -> tuple[Device, ...]:
        if not isinstance(self.mesh, Mesh):
            raise ValueError("device_set, is_fully_addressable and the like are not implemented for"
                             f" `AbstractMesh`: {self} has no devices; use a Mesh")
        return tuple(self.mesh.devices.flat)

    @property
    def num_devices(self) -> int:
        """How many devices hold a part."""
        return self.mesh.size

    @property
    def is_fully_replicated(self) -> bool:
        """Whether each device holds the whole array."""
        sizes = self.mesh.shape
        return not self.spec.unreduced and all(sizes[n] == 1 for n in self.spec.names())

    def is_first(self, device: Device, axes: Any) -> bool:
        """Return whether a device is the first one along some axes of the mesh."""
        mesh: Any = self.mesh
        where = np.argwhere(mesh.devices == device)[0]
        return all(k == 0 for n, k in zip(mesh.axis_names, where, strict=True) if n in axes)

    def adds(self, device: Device) -> bool:
        """Return whether the part on a device counts in an array of one memory: of parts that are
        to be summed the first has the elements, the others zeros."""
        return self.spec.unreduced_kind is not UnreducedKind.sum or self.is_first(
            device, self.spec.unreduced)

    @property
    def replicated_axes(self) -> frozenset[Any]:
        """The mesh axes along which devices hold the same part."""
        used = {*self.spec.names(), *self.spec.unreduced}
        return frozenset(n for n in self.mesh.axis_names if n not in used)

    def _grid(self, ndim: int) -> tuple[tuple[int, ...], np.ndarray]:
        self.check_compatible_aval((1,) * ndim)
        return _named_grid(self.mesh.shape_tuple, self.spec.padded(ndim).partitions)

    def check_compatible_aval(self, aval_shape: Sequence[int]) -> None:
        """Raise ValueError unless arrays of this shape have as many axes as the spec."""
        if len(aval_shape) < len(self.spec):
            scalar = ". For scalars the PartitionSpec should be P()" if not aval_shape else ""
            raise ValueError(
                f"Sharding {self} is only valid for values of rank at least {len(self.spec)}, but"
                f" was applied to a value of rank {len(aval_shape)}{scalar}")

    def update(self, **changes: Any) -> NamedSharding:
        """A copy with some fields replaced: mesh, spec, memory_kind."""
        return NamedSharding(changes.get("mesh", self.mesh), changes.get("spec", self.spec),
                             memory_kind=changes.get("memory_kind", self._memory_kind))

    def with_memory_kind(self, kind: str | None) -> NamedSharding:
        """The same division, another kind of the devices' memory."""
        return self.update(memory_kind=kind)

    def __eq__(self, other: object) -> bool:
        return self is other or (
            type(other) is NamedSharding and self._hash == other._hash and self.mesh == other.mesh
            and self.spec == other.spec and self.memory_kind == other.memory_kind)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        kind = "" if self.memory_kind is None else f", memory_kind={self.memory_kind}"
        return f"NamedSharding(mesh={self.mesh!s}, spec={self.spec!r}{kind})"

    def __reduce__(self) -> Any:
        return NamedSharding, (self.mesh, self.spec, self._memory_kind)


def _check_spec(mesh: BaseMesh, spec: PartitionSpec) -> None:
    """Raise unless a spec fits a mesh."""
    seen: set[Any] = set()
    for name in spec.names():
        if name not in mesh.axis_names:
            raise ValueError(f"Resource axis: {name} of {spec!r} is not found in mesh:"
                             f" {mesh.axis_names}.")
        if name in seen:
            raise DuplicateSpecError(
                "NamedSharding: a spec can map every mesh axis to at most one positional dimension,"
                f" but {spec!r} has duplicate entries for `{name}`")
        seen.add(name)
    if UNCONSTRAINED in spec.partitions and not mesh.empty and not mesh.auto_axes:
        raise ValueError(f"{spec!r} cannot contain `P.UNCONSTRAINED` when no mesh axis_types are"
                         f" `Auto`. Got mesh axis_types: {mesh.axis_types}")
    for what in ("unreduced", "reduced"):
        _check_unreduced(mesh, spec, what)


def _check_unreduced(mesh: BaseMesh, spec: PartitionSpec, what: str) -> None:
    for name in getattr(spec, what):
        if name not in mesh.axis_names:
            raise ValueError(f"{what.title()} axes {name} is not found in"
                             f" mesh.axis_names={mesh.axis_names}. Got pspec={spec!r}")
        if mesh._name_to_type[name] is AxisType.Auto:
            raise ValueError(
                f"{what.title()} axes can only refer to mesh axes that is of type `Explicit`. Got"
                f" {what} axes: {getattr(spec, what)} and mesh: {mesh}")


@functools.lru_cache(maxsize=1024)
def _named_grid(sizes: tuple[tuple[Any, int], ...], partitions: tuple[Any, ...]
                ) -> tuple[tuple[int, ...], np.ndarray]:
    by_name = dict(sizes)
    places = dict(zip(by_name, np.indices([*by_name.values()]).reshape(len(by_name), -1),
                      strict=True))
    counts = tuple(math.prod(by_name[n] for n in names_of(p)) for p in partitions)
    where = np.zeros((math.prod(by_name.values()), len(partitions)), int)
    for axis, entry in enumerate(partitions):
        for name in names_of(entry):
            where[:, axis] = where[:, axis] * by_name[name] + places[name]
    where.flags.writeable = False
    return counts, where


# ---- any grid of parts ---------------------------------------------------------------------------
class PositionalSharding(Sharding):
    """How an array is divided by an array of devices with an axis for each of its axes, and one
    more at the end for devices that hold the same part.

    devices: an array of devices; its shape but for the last axis says how often each axis of the
    array is divided.

    >>> first, second = ingot.devices()[:2]
    >>> ingot.sharding.PositionalSharding([[first], [second]]).shard_shape((4,))
    (2,)
    """

    def __init__(self, devices: Any, *, memory_kind: str | None = None):
        self.devices = np.array(devices, dtype=object)
        self.memory_kind = memory_kind_on(memory_kind, self.devices.flat)

    @property
    def _device_assignment(self) -> tuple[Device, ...]:
        return tuple(self.devices.flat)

    def _grid(self, ndim: int) -> tuple[tuple[int, ...], np.ndarray]:
        divided = self.devices.ndim - 1
        if ndim < divided:
            raise ValueError(f"{self} divides {divided} axes, but the array has {ndim}")
        places = np.indices(self.devices.shape).reshape(divided + 1, -1).T[:, :divided]
        rest = ndim - divided
        return (*self.devices.shape[:-1], *(1,) * rest), np.pad(places, ((0, 0), (0, rest)))

    def device_grid(self) -> np.ndarray:
        """The array of devices."""
        return self.devices

    @property
    def is_fully_replicated(self) -> bool:
        """Whether each device holds the whole array."""
        return self.devices.shape[-1] == self.devices.size

    def __eq__(self, other: object) -> bool:
        return type(other) is PositionalSharding and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def with_memory_kind(self, kind: str | None) -> PositionalSharding:
        """The same in another memory of the devices, None being their default."""
        return PositionalSharding(self.devices, memory_kind=kind)

    def _key(self) -> Any:
        return self.devices.shape, self._device_assignment, self.memory_kind

    def __repr__(self) -> str:
        return (f"PositionalSharding({self.devices.tolist()!r}, memory_kind={self.memory_kind})")

    def __reduce__(self) -> Any:
        return _positional, (self.devices, self.memory_kind)


def _positional(devices: np.ndarray, memory_kind: str | None) -> PositionalSharding:
    return PositionalSharding(devices, memory_kind=memory_kind)


def abstract(sharding: NamedSharding) -> NamedSharding:
    """Return a sharding over the mesh without its devices."""
    mesh: AbstractMesh = sharding.mesh.abstract_mesh
    return NamedSharding(mesh, sharding.spec)
