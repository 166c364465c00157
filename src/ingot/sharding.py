"""Meshes and partitions of arrays, in JAX's terms; all parts are in the same memory."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from ingot.api.devices import CPU, Device, SingleDeviceSharding, devices as all_devices
from ingot.api.shard_map import shard_map
from ingot.config import config
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of


class AxisType(enum.Enum):
    """How an axis of a mesh is partitioned; it makes no difference here."""

    Auto = enum.auto()
    Explicit = enum.auto()
    Manual = enum.auto()


class _Unconstrained:
    """The entry of an axis that may be divided in any way; there is one."""

    def __repr__(self) -> str:
        return "UNCONSTRAINED"

    def __reduce__(self) -> str:
        return "UNCONSTRAINED"


class PartitionSpec(tuple[Any, ...]):
    """For each axis of an array, the mesh axes over which it is divided: names, tuples, None.

    >>> PartitionSpec("x", None)
    PartitionSpec('x', None)
    """

    UNCONSTRAINED = _Unconstrained()

    def __new__(cls, *partitions: Any, unreduced: Any = frozenset(), reduced: Any = frozenset()
                ) -> PartitionSpec:
        """From the entries, one per axis."""
        return super().__new__(cls, partitions)

    def __repr__(self) -> str:
        return f"PartitionSpec({', '.join(map(repr, self))})"

    def __reduce__(self) -> Any:
        return PartitionSpec, tuple(self)


UNCONSTRAINED = PartitionSpec.UNCONSTRAINED


class AbstractMesh:
    """Names and sizes of the axes of a mesh, without devices."""

    def __init__(self, axis_sizes: Sequence[int] = (), axis_names: Sequence[Any] = (),
                 axis_types: Any = None, **_: Any):
        self.axis_sizes, self.axis_names = tuple(axis_sizes), tuple(axis_names)
        self.axis_types = tuple(axis_types or (AxisType.Auto,) * len(self.axis_names))
        if len(self.axis_sizes) != len(self.axis_names):
            raise ValueError(f"mesh: expected a name for each axis, got {self.axis_names} for axes"
                             f" of sizes {self.axis_sizes}")

    @property
    def shape(self) -> dict[Any, int]:
        """Sizes of the axes by name."""
        return dict(zip(self.axis_names, self.axis_sizes, strict=True))

    @property
    def shape_tuple(self) -> tuple[tuple[Any, int], ...]:
        """Names and sizes of the axes."""
        return tuple(self.shape.items())

    @property
    def size(self) -> int:
        """How many devices it would take."""
        return int(np.prod(self.axis_sizes, dtype=int))

    @property
    def empty(self) -> bool:
        """Whether it has no axes."""
        return not self.axis_names

    @property
    def are_all_axes_explicit(self) -> bool:
        """Whether all axes, and at least one, are explicit."""
        return not self.empty and all(t is AxisType.Explicit for t in self.axis_types)

    @property
    def are_all_axes_auto(self) -> bool:
        """Whether all axes are automatic."""
        return all(t is AxisType.Auto for t in self.axis_types)

    def _key(self) -> Any:
        return self.axis_sizes, self.axis_names, self.axis_types

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._key() == self._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        axes = ", ".join(f"{n!r}: {s}" for n, s in self.shape_tuple)
        return f"{type(self).__name__}({axes})"


class Mesh(AbstractMesh):
    """Devices in an array with named axes.

    >>> from ingot import devices
    >>> Mesh(devices()[:2], ("x",))
    Mesh('x': 2)
    """

    def __init__(self, devices: Any, axis_names: Any, axis_types: Any = None):
        self.devices = np.array(devices, dtype=object)
        if not all(isinstance(d, Device) for d in self.devices.flat):
            raise ValueError(f"Mesh: devices must be an array of devices like {CPU!r}, got"
                             f" {devices!r:.80}")
        names = (axis_names,) if isinstance(axis_names, str) else tuple(axis_names)
        super().__init__(self.devices.shape, names, axis_types)

    @property
    def abstract_mesh(self) -> AbstractMesh:
        """The same without devices."""
        return AbstractMesh(self.axis_sizes, self.axis_names, self.axis_types)

    @property
    def device_ids(self) -> np.ndarray:
        """The numbers of the devices."""
        return np.reshape([d.id for d in self.devices.flat], self.devices.shape)

    local_mesh = property(lambda self: self)

    def __enter__(self) -> Mesh:
        return self

    def __exit__(self, *_: Any) -> None:
        """Nothing changes within the context."""


class NamedSharding:
    """How an array is divided over a mesh; here it stays whole, in the one memory."""

    def __init__(self, mesh: AbstractMesh, spec: Any = (), *,
                 memory_kind: str | None = None, **_: Any):
        self.mesh = mesh
        self.spec = spec if isinstance(spec, PartitionSpec) else PartitionSpec(*spec)
        self.memory_kind = memory_kind

    is_fully_addressable = is_fully_replicated = True

    @property
    def device_set(self) -> set[Device]:
        """The devices that hold a part: one."""
        return {CPU}

    def shard_shape(self, global_shape: Sequence[int]) -> tuple[int, ...]:
        """The shape of the part on a device: the whole."""
        return tuple(global_shape)

    def is_equivalent_to(self, other: Any, ndim: int) -> bool:
        """Whether another sharding puts the array on the same device."""
        return getattr(other, "device_set", None) == self.device_set

    def update(self, **changes: Any) -> NamedSharding:
        """A copy with some fields replaced."""
        return NamedSharding(changes.get("mesh", self.mesh), changes.get("spec", self.spec))

    def __eq__(self, other: object) -> bool:
        return (isinstance(other, NamedSharding) and self.mesh == other.mesh
                and self.spec == other.spec)

    def __hash__(self) -> int:
        return hash((self.mesh, self.spec))

    def __repr__(self) -> str:
        return f"NamedSharding(mesh={self.mesh!r}, spec={self.spec!r})"


class _ShardingMeta(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, (SingleDeviceSharding, NamedSharding))


class Sharding(metaclass=_ShardingMeta):
    """What all shardings are instances of."""


def make_mesh(axis_shapes: Sequence[int], axis_names: Sequence[Any], axis_types: Any = None, *,
              devices: Any = None) -> Mesh:
    """A mesh of the first devices: ValueError if the sizes multiply to more than there are.

    >>> make_mesh((1, 1), ("x", "y"))
    Mesh('x': 1, 'y': 1)
    """
    found = list(all_devices() if devices is None else devices)
    needed = int(np.prod(axis_shapes, dtype=int))
    if needed > len(found):
        raise ValueError(f"make_mesh: sizes {tuple(axis_shapes)} need {needed} devices, there are"
                         f" {len(found)}; the flag num_cpu_devices gives the CPU more names")
    array = np.array(found[:needed], dtype=object).reshape(tuple(axis_shapes))
    return Mesh(array, axis_names, axis_types)


_EMPTY = AbstractMesh()


def get_abstract_mesh() -> AbstractMesh:
    """The mesh that `set_mesh` has set, without its devices; an empty one if there is none."""
    mesh = get_mesh()
    return mesh.abstract_mesh if isinstance(mesh, Mesh) else mesh


def get_mesh() -> AbstractMesh:
    """The mesh that `set_mesh` has set; an empty one if there is none."""
    return _EMPTY if config.mesh is None else config.mesh


class set_mesh:  # noqa: N801 - a function, and a context
    """Set the mesh that `shard_map` maps over where it is given none, for all threads.

    As a context, it sets the mesh before again at its end. Raises TypeError unless `mesh` is a mesh
    or None.

    >>> with set_mesh(make_mesh((1,), "x")):
    ...     get_abstract_mesh()
    AbstractMesh('x': 1)
    """

    def __init__(self, mesh: AbstractMesh | None):
        if not (mesh is None or isinstance(mesh, AbstractMesh)):
            raise TypeError(f"set_mesh: expected a mesh or None, got {mesh!r:.80}")
        self._before = config.mesh
        config.update("mesh", mesh)

    def __enter__(self) -> AbstractMesh:
        return get_mesh()

    def __exit__(self, *_: Any) -> None:
        config.update("mesh", self._before)


def use_abstract_mesh(mesh: AbstractMesh) -> AbstractContextManager[None]:
    """A context in which a mesh is set for this thread alone."""
    return config.override("mesh", mesh)


def reshard(x: Any, sharding: Any) -> Any:
    """The same array: all devices share the memory.

    >>> reshard(3, None)
    3
    """
    return x


def make_single_device_sharding(device: Any = CPU) -> SingleDeviceSharding:
    """The sharding of all arrays."""
    return SingleDeviceSharding(device)


def auto_axes(fun: Any = None, /, **_: Any) -> Any:
    """The function itself: no axis is explicit."""
    return (lambda f: f) if fun is None else fun


explicit_axes = auto_axes

__all__ = ["AbstractMesh", "AxisType", "Mesh", "NamedSharding", "PartitionSpec", "Sharding",
           "SingleDeviceSharding", "auto_axes", "explicit_axes", "get_abstract_mesh", "get_mesh",
           "make_mesh", "make_single_device_sharding", "reshard", "set_mesh",
           "shard_map", "use_abstract_mesh"]

_hide_frames_of(__name__)
