"""Meshes: devices, or only their number, in an array whose axes have names and types."""

from __future__ import annotations

import enum
import math
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import ContextDecorator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingot.config import config
from ingot.core.devices import Device


class AxisType(enum.Enum):
    """Who divides arrays over an axis of a mesh.

    Auto: the compiler. Explicit: the types of arrays say it, and the operations infer it. Manual:
    the program, which sees one part of each array, as inside `shard_map`.
    """

    Auto = enum.auto()
    Explicit = enum.auto()
    Manual = enum.auto()

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True)
class AbstractDevice:
    """What is known of the devices of an abstract mesh: their kind, their cores, the platform.

    >>> ingot.sharding.AbstractDevice("cpu", None, "cpu").platform
    'cpu'
    """

    device_kind: str
    num_cores: int | None
    platform: str

    def __repr__(self) -> str:
        return f"AbstractDevice({self._fields()})"

    def _fields(self) -> str:
        return (f"device_kind={self.device_kind}, num_cores={self.num_cores},"
                f" platform={self.platform}")


def _axis_types(kind: str, names: tuple[Any, ...], types: Any, default: AxisType
                ) -> tuple[AxisType, ...]:
    """Return a type for each axis: those given, else the default."""
    if types is None:
        return (default,) * len(names)
    types = tuple(types) if isinstance(types, (tuple, list)) else (types,)
    if not all(isinstance(t, AxisType) for t in types):
        raise TypeError(f"axis_types passed to {kind} must be of type `AxisType`, got"
                        f" {types} of type {tuple(map(type, types))}")
    if len(types) != len(names):
        raise ValueError(f"{kind}: Number of axis names should match the number of axis_types, got"
                         f" axis_names={names} and axis_types={types}")
    return types


class BaseMesh:
    """What meshes with and without devices have in common: names, sizes and types of axes."""

    axis_names: tuple[Any, ...]
    axis_sizes: tuple[int, ...]
    axis_types: tuple[AxisType, ...]

    @property
    def abstract_mesh(self) -> AbstractMesh:
        """The same without devices."""
        raise NotImplementedError("mesh: a subclass must say what it is without devices")

    @property
    def shape(self) -> OrderedDict[Any, int]:
        """Sizes of the axes by name."""
        return OrderedDict(self.shape_tuple)

    @property
    def shape_tuple(self) -> tuple[tuple[Any, int], ...]:
        """Names and sizes of the axes."""
        return tuple(zip(self.axis_names, self.axis_sizes, strict=True))

    @property
    def size(self) -> int:
        """How many devices there are, or would be."""
        return math.prod(self.axis_sizes) if self.axis_names else 0

    @property
    def empty(self) -> bool:
        """Whether there are no axes."""
        return self.size == 0

    def _of_type(self, *types: AxisType) -> tuple[Any, ...]:
        return tuple(n for n, t in zip(self.axis_names, self.axis_types, strict=True)
                     if t in types)

    def _all(self, *types: AxisType) -> bool:
        return bool(self.axis_types) and all(t in types for t in self.axis_types)

    auto_axes = property(lambda self: self._of_type(AxisType.Auto), doc="The Auto axes.")
    explicit_axes = property(lambda self: self._of_type(AxisType.Explicit),
                             doc="The Explicit axes.")
    manual_axes = property(lambda self: self._of_type(AxisType.Manual), doc="The Manual axes.")
    are_all_axes_auto = property(lambda self: self._all(AxisType.Auto),
                                 doc="Whether there are axes, and all of them are Auto.")
    are_all_axes_explicit = property(lambda self: self._all(AxisType.Explicit),
                                     doc="Whether there are axes, and all of them are Explicit.")
    are_all_axes_manual = property(lambda self: self._all(AxisType.Manual),
                                   doc="Whether there are axes, and all of them are Manual.")
    are_all_axes_explicit_or_manual = property(
        lambda self: self._all(AxisType.Explicit, AxisType.Manual),
        doc="Whether there are axes, and none of them is Auto.")
    _are_all_axes_auto_or_manual = property(lambda self: self._all(AxisType.Auto, AxisType.Manual))
    _any_axis_auto = property(lambda self: bool(self.auto_axes))
    _any_axis_explicit = property(lambda self: bool(self.explicit_axes))
    _any_axis_manual = property(lambda self: bool(self.manual_axes))
    _any_axis_auto_or_manual = property(
        lambda self: bool(self._of_type(AxisType.Auto, AxisType.Manual)))
    _name_to_type = property(
        lambda self: dict(zip(self.axis_names, self.axis_types, strict=True)))

    def _axes(self) -> str:
        return ", ".join(f"{n!r}: {s}" for n, s in self.shape_tuple)


class AbstractMesh(BaseMesh):
    """Names, sizes and types of the axes of a mesh, without devices.

    axis_sizes: ints; axis_names: a name for each; axis_types: an AxisType for each, by default
    Explicit; abstract_device: what is known of the devices. Raises ValueError where the numbers of
    names, sizes and types differ, TypeError for types that are none.

    >>> ingot.sharding.AbstractMesh((2, 4), ("x", "y"))
    AbstractMesh('x': 2, 'y': 4, axis_types=(Explicit, Explicit))
    """

    def __init__(self, axis_sizes: Sequence[int], axis_names: Any, axis_types: Any = None, *,
                 abstract_device: AbstractDevice | None = None):
        self.axis_sizes = tuple(axis_sizes)
        self.axis_names = (axis_names,) if isinstance(axis_names, str) else tuple(axis_names)
        self.axis_types = _axis_types("AbstractMesh", self.axis_names, axis_types,
                                      AxisType.Explicit)
        if len(self.axis_sizes) != len(self.axis_names):
            raise ValueError(f"AbstractMesh: expected a name for each axis, got {self.axis_names}"
                             f" for axes of sizes {self.axis_sizes}")
        self.abstract_device = abstract_device
        self._key = self.axis_sizes, self.axis_names, self.axis_types, abstract_device
        self._hash = hash(self._key)

    @property
    def abstract_mesh(self) -> AbstractMesh:
        """The mesh itself."""
        return self

    @property
    def _unknown(self) -> Any:
        raise ValueError("AbstractMesh does not implement devices, device_ids, local_devices,"
                         " local_mesh or is_multi_process: a Mesh has these")

    devices = device_ids = local_devices = local_mesh = is_multi_process = _unknown

    def update(self, axis_sizes: Any = None, axis_names: Any = None, axis_types: Any = None,
               **changes: Any) -> AbstractMesh:
        """A copy with some fields replaced."""
        return AbstractMesh(
            self.axis_sizes if axis_sizes is None else axis_sizes,
            self.axis_names if axis_names is None else axis_names,
            self.axis_types if axis_types is None else axis_types,
            abstract_device=changes.get("abstract_device", self.abstract_device))

    def update_axis_types(self, types: dict[Any, AxisType]) -> AbstractMesh:
        """A copy with the types of some axes replaced."""
        return self.update(axis_types=tuple(
            types.get(n, t) for n, t in zip(self.axis_names, self.axis_types, strict=True)))

    def __eq__(self, other: object) -> bool:
        return self is other or (type(other) is AbstractMesh and self._hash == other._hash
                                 and self._key == other._key)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        device = "" if self.abstract_device is None else f", {self.abstract_device._fields()}"
        return f"AbstractMesh({self._axes() or '()'}, axis_types={self.axis_types}{device})"

    def __reduce__(self) -> Any:
        return _abstract_mesh, self._key


def _abstract_mesh(sizes: Any, names: Any, types: Any, device: Any) -> AbstractMesh:
    return AbstractMesh(sizes, names, types, abstract_device=device)


class Mesh(BaseMesh, ContextDecorator):
    """Devices in an array with named axes; equal meshes are one object.

    devices: an array of devices; axis_names: a name for each of its axes; axis_types: an AxisType
    for each, by default Auto. Raises ValueError unless there is a name and a type for each axis.

    >>> str(ingot.sharding.Mesh(ingot.devices()[:2], ("x",)))
    "Mesh('x': 2, axis_types=(Auto,))"
    """

    devices: np.ndarray
    _key: tuple[Any, ...]
    _hash: int
    _known: weakref.WeakValueDictionary[Any, Mesh] = weakref.WeakValueDictionary()

    def __new__(cls, devices: Any, axis_names: Any, axis_types: Any = None) -> Mesh:
        grid = np.array(devices, dtype=object)
        names = (axis_names,) if isinstance(axis_names, str) else tuple(axis_names)
        if any(n is None for n in names):
            raise ValueError(f"Mesh axis names cannot be None, got {names}")
        if grid.ndim != len(names):
            raise ValueError(
                "Mesh requires the ndim of its first argument (`devices`) to equal the length of"
                f" its second argument (`axis_names`), but got devices.ndim == {grid.ndim} and"
                f" len(axis_names) == {len(names)}")
        types = _axis_types("Mesh", names, axis_types, AxisType.Auto)
        key = tuple(grid.flat), grid.shape, names, types
        found = cls._known.get(key)
        return found if found is not None else cls._make(key, grid)

    @classmethod
    def _make(cls, key: Any, grid: np.ndarray) -> Mesh:
        if key[0] != (None,) and not all(map(_is_device, key[0])):
            raise ValueError("Mesh: devices must be an array of devices, or of objects with the"
                             f" attributes id and platform that stand for some, got {grid!r:.80}")
        self = object.__new__(cls)
        grid.flags.writeable = False
        self.devices, (_, self.axis_sizes, self.axis_names, self.axis_types) = grid, key
        self._key, self._hash = key, hash(key)
        return cls._known.setdefault(key, self)

    @property
    def size(self) -> int:
        """How many devices there are."""
        return sum(d is not None for d in self.devices.flat)

    @property
    def empty(self) -> bool:
        """Whether there are no devices."""
        return self.size == 0

    @property
    def is_scalar(self) -> bool:
        """Whether it is one device without axes."""
        return self.devices.ndim == 0

    @property
    def abstract_mesh(self) -> AbstractMesh:
        """The same without devices, but with what they are."""
        device = None
        if not self.empty:
            first = self.devices.flat[0]
            device = AbstractDevice(first.device_kind, getattr(first, "num_cores", None),
                                    first.platform)
        return AbstractMesh(self.axis_sizes, self.axis_names, self.axis_types,
                            abstract_device=device)

    @property
    def device_ids(self) -> np.ndarray:
        """The numbers of the devices."""
        return np.reshape([d.id for d in self.devices.flat], self.devices.shape)

    @property
    def local_devices(self) -> list[Device]:
        """The devices of this process."""
        return [d for d in self.devices.flat if is_local(d)]

    @property
    def is_multi_process(self) -> bool:
        """Whether some devices belong to other processes."""
        return len(self.local_devices) < self.size

    @property
    def local_mesh(self) -> Mesh:
        """The part of the mesh whose devices belong to this process."""
        return self._block_of(is_local, "this process")

    def _local_mesh(self, process_index: int) -> Mesh:
        return self._block_of(lambda d: d.process_index == process_index,
                              f"process {process_index}")

    def _block_of(self, chosen: Callable[[Device], bool], whose: str) -> Mesh:
        """The part of the mesh with some of the devices; ValueError if they are no block of it."""
        local = np.reshape([chosen(d) for d in self.devices.flat], self.devices.shape)
        if local.all():
            return self
        places = np.ix_(*[np.unique(i) for i in np.nonzero(local)])
        if not local[places].all():
            raise ValueError(f"{self}: the devices of {whose} are not a block of the mesh")
        return Mesh(self.devices[places], self.axis_names, self.axis_types)

    def update(self, devices: Any = None, axis_names: Any = None, axis_types: Any = None) -> Mesh:
        """A copy with some fields replaced."""
        return Mesh(self.devices if devices is None else devices,
                    self.axis_names if axis_names is None else axis_names,
                    self.axis_types if axis_types is None else axis_types)

    def __enter__(self) -> Mesh:
        """Let specs without a mesh refer to this one within the context."""
        _entered.meshes.append(self)
        return self

    def __exit__(self, *_: Any) -> None:
        _entered.meshes.pop()

    def __eq__(self, other: object) -> bool:
        return self is other or (type(other) is Mesh and self._key == other._key)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        types = f", axis_types={self.axis_types}" if not self.empty else ""
        return (f"Mesh(axis_sizes={self.axis_sizes if not self.empty else ()},"
                f" axis_names={self.axis_names}{types})")

    def __str__(self) -> str:
        types = f", axis_types={self.axis_types}" if not self.empty else ""
        return f"Mesh({self._axes()}{types})" if not self.empty else "Mesh()"

    def __reduce__(self) -> Any:
        return Mesh, (self.devices, self.axis_names, self.axis_types)


def _is_device(x: Any) -> bool:
    """Whether something is a device, or stands for one in a mesh that is planned without it."""
    return isinstance(x, Device) or (hasattr(x, "id") and hasattr(x, "platform"))


def is_local(device: Any) -> bool:
    """Return whether a device, or what stands for one, belongs to this process."""
    if isinstance(device, Device):
        return device.is_local
    client = getattr(device, "client", None)
    return client is None or device.process_index == client.process_index()


class _Entered(threading.local):
    """The meshes that are entered as contexts in this thread."""

    def __init__(self) -> None:
        self.meshes: list[Mesh] = []


_entered = _Entered()
EMPTY_ABSTRACT_MESH = AbstractMesh((), ())
EMPTY_MESH = Mesh(np.empty((), object), ())


def concrete_mesh() -> Mesh:
    """Return the mesh that `set_mesh` has set; an empty one if there is none."""
    return EMPTY_MESH if config.mesh is None else config.mesh


def abstract_mesh() -> AbstractMesh:
    """Return the mesh without devices to which specs in programs refer; empty if there is none."""
    if config.abstract_mesh is not None:
        return config.abstract_mesh
    return EMPTY_ABSTRACT_MESH if config.mesh is None else config.mesh.abstract_mesh


def entered_mesh() -> Mesh:
    """Return the mesh that is entered as a context, else the one that is set."""
    return _entered.meshes[-1] if _entered.meshes else concrete_mesh()
