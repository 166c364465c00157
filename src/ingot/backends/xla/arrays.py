"""Memory of XLA's devices: arrays put there, fetched, moved and divided."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.backends.xla.client import without_jax
from ingot.backends.xla.launches import Execute, Launches
from ingot.backends.xla.rules import on_device
from ingot.backends.xla.spmd import copying, on_devices, tiles
from ingot.backends.xla.types import Shape, device_dtype
from ingot.config import config
from ingot.core.avals import ShapedArray
from ingot.core.devices import Device
from ingot.core.placement import on_mesh_in_force
from ingot.core.sharding import NamedSharding, Sharding, SingleDeviceSharding
from ingot.core.specs import PartitionSpec, UnreducedKind


class Stored:
    """What an array is on a device, in the attributes that jaxlib asks for.

    `host` is the dtype as which the host reads the elements: another one for keys and float0.
    """

    __slots__ = ("dtype", "host", "shape", "weak_type")

    def __init__(self, shape: Shape, dtype: Any):
        self.shape, self.weak_type = shape, False
        self.dtype = device_dtype(dtype)
        self.host = dtype if isinstance(dtype, np.dtype) else dtype.storage

    def of_shape(self, shape: Shape) -> Stored:
        """Return what an array of this dtype and another shape is."""
        return Stored(shape, self.host)

    def __repr__(self) -> str:
        return f"{self.dtype.name}{list(self.shape)}"


def stored(aval: ShapedArray) -> Stored:
    """Return what arrays of a type are on a device."""
    return Stored(aval.shape, aval.dtype)


class Memory:
    """Moves arrays to, from and between the devices of one client.

    A place is jaxlib's object for a sharding of arrays of some rank; equal places are one object.
    Arrays that operations need not follow have places of their own.
    """

    def __init__(self, xc: Any, client: Any, devices: Sequence[Device]):
        self.xc, self.devices, self._client = xc, list(devices), client
        self._theirs = {d.id: d for d in client.devices()}
        self._on_host = client.platform == "cpu"
        self._places: dict[Any, Any] = {}
        self._shardings: dict[int, Sharding] = {}
        self._uncommitted: set[int] = set()
        self._divisions: dict[Any, Any] = {}
        self._launches = Launches()
        self.singles = {d.id: SingleDeviceSharding(d) for d in self.devices}
        self.first = next(s for s in self.singles.values() if s.is_fully_addressable)

    def home(self, own: tuple[Sharding, str] | None = None) -> Sharding:
        """Return where arrays lie about which nothing is said, in a program with a mesh of its own
        over that."""
        mesh = on_mesh_in_force() if own is None else own[0]
        if mesh is not None and mesh._device_assignment[0] in self.devices:
            return mesh
        device = config.default_device
        return SingleDeviceSharding(device) if device in self.devices else self.first

    # ---- places ----------------------------------------------------------------------------------
    def theirs(self, sharding: Sharding) -> list[Any]:
        """Return jaxlib's devices of a sharding, in its order."""
        return [self._theirs[d.id] for d in sharding._device_assignment]

    def place(self, sharding: Sharding, ndim: int, committed: bool = True) -> Any:
        """Return the place that a sharding means for arrays with `ndim` axes."""
        single = isinstance(sharding, SingleDeviceSharding)
        key = (sharding, 0 if single else ndim, committed)
        found = self._places.get(key)
        if found is None:
            devices = self.xc.DeviceList(tuple(self.theirs(sharding)))
            found = self.xc.GSPMDSharding(devices, tiles(self.xc, sharding, ndim),
                                          memory_kind=sharding.memory_kind)
            self._places[key], self._shardings[id(found)] = found, sharding
            if not committed:
                self._uncommitted.add(id(found))
        return found

    def is_committed(self, buffer: Any) -> bool:
        """Return whether operations have to follow an array."""
        return id(buffer._sharding) not in self._uncommitted

    def sharding(self, buffer: Any) -> Sharding:
        """Return which device holds which part of an array."""
        return self._shardings[id(buffer._sharding)]

    def execute(self, loaded: Any, devices: int) -> Execute:
        """Return what runs a loaded program on so many devices."""
        if devices > 1 and self._on_host:
            return self._launches.in_turn(loaded.execute_sharded)
        return loaded.execute_sharded

    def handlers(self, avals: Any, places: Any) -> list[Any]:
        """Return what makes arrays of the results of a program."""
        make = self.xc.array_result_handler
        try:
            return [make(a, p, True, True) for a, p in zip(avals, places, strict=True)]
        except TypeError:  # from jaxlib 0.11.2 on without the last argument
            return [make(a, p, True) for a, p in zip(avals, places, strict=True)]

    # ---- to the devices --------------------------------------------------------------------------
    def put(self, x: np.ndarray, sharding: Sharding, committed: bool = True) -> Any:
        """Return an array of the host on devices; it may share memory with `x`, which must not
        change."""
        indices = sharding.addressable_devices_indices_map(x.shape)
        parts = {device: x[index] for device, index in indices.items()}
        if isinstance(sharding, NamedSharding) and sharding.spec.unreduced:
            parts = {d: part if sharding.adds(d) else np.zeros_like(part)
                     for d, part in parts.items()}
        return self.assembled(Stored(x.shape, x.dtype), sharding, parts, committed)

    def assembled(self, whole: Stored, sharding: Sharding, parts: dict[Device, np.ndarray],
                  committed: bool = True) -> Any:
        """Return the array of which devices of this process hold these parts, in any order."""
        parts = {d: parts[d] for d in sharding._device_assignment if d in parts}
        if not parts:
            raise ValueError(
                f"an array cannot lie on {sharding} in this process, number"
                f" {self._client.process_index()}, which has none of the devices; use one of"
                " local_devices(), or a sharding over a mesh that has some of them")
        data = [on_device(x, x.dtype) for x in parts.values()]
        return self.xc.batched_device_put(
            whole, self.place(sharding, len(whole.shape), committed), data,
            [self._theirs[d.id] for d in parts], True, False,
            self.xc.HostBufferSemantics.ZERO_COPY, True)

    def part(self, buffer: Any, device: Device) -> Any:
        """Return the part of an array that a device of this process holds, as an array there."""
        sharding = self.sharding(buffer)
        if isinstance(sharding, SingleDeviceSharding):
            return buffer
        local = [d for d in sharding._device_assignment if d.is_local]
        with without_jax:
            found = buffer._arrays[local.index(device)]
        aval = buffer.aval.of_shape(sharding.shard_shape(buffer.aval.shape))
        place = self.place(self.singles[device.id], len(aval.shape), self.is_committed(buffer))
        return self.xc.batched_device_put(
            aval, place, [found], [self._theirs[device.id]], True, False,
            self.xc.HostBufferSemantics.ZERO_COPY, True)

    def moved(self, buffer: Any, sharding: Sharding, committed: bool = True) -> Any:
        """Return an array where a sharding says: the same if it is there."""
        place = self.place(sharding, len(buffer.aval.shape), committed)
        if buffer._sharding is place:
            return buffer
        given = self.sharding(buffer)
        if same_parts(given, sharding, len(buffer.aval.shape)):
            return self._copied(buffer, place, self.xc.ArrayCopySemantics.REUSE_INPUT)
        if len(given._device_assignment) == 1 == len(sharding._device_assignment):
            return self._copied(buffer, place, self.xc.ArrayCopySemantics.ALWAYS_COPY)
        if not all_here(given, buffer.aval.shape) or _keep_own_parts(given, sharding):
            return self._divided_anew(buffer, sharding, place)
        return self.put(self.fetch(buffer), sharding, committed)

    def _divided_anew(self, buffer: Any, to: Sharding, place: Any) -> Any:
        """An array whose parts are in several processes, divided in another way."""
        given, aval = self.sharding(buffer), buffer.aval
        if to.device_set != given.device_set:
            raise ValueError(
                f"an array of type {aval!r} that lies on devices of several processes cannot be"
                f" moved from {given} to {to}, which has other devices; use shardings over the same"
                " devices, or multihost_utils.process_allgather to have all of it in each process")
        key = (given, id(place), aval.shape, aval.dtype)
        run = self._divisions.get(key)
        if run is None:
            text, shardy = copying(self.xc, given, to, aval)
            loaded = self._client.compile_and_load(
                text, self.theirs(given), on_devices(self.xc, self.theirs(given), True, shardy))
            run = self._divisions[key] = (
                self.execute(loaded, len(to.device_set)), self.handlers([aval], [place]))
        execute, handlers = run
        return execute([buffer], False).consume_with_handlers(handlers)[0]

    def copy(self, buffer: Any) -> Any:
        """Return a copy at the same place."""
        return self._copied(buffer, buffer._sharding, self.xc.ArrayCopySemantics.ALWAYS_COPY)

    def _copied(self, buffer: Any, place: Any, how: Any) -> Any:
        """An array at a place. Once jax is imported, places of other meshes may be equal, and then
        jaxlib gives back what it got, if it is not told to copy."""
        devices = self.theirs(self._shardings[id(place)])
        (out,) = self.xc.batched_copy_array_to_devices_with_sharding(
            [buffer], [self.xc.DeviceList(tuple(devices))], [place], [how])
        if out._sharding is not place:
            return self._copied(buffer, place, self.xc.ArrayCopySemantics.ALWAYS_COPY)
        return out

    # ---- to the host -----------------------------------------------------------------------------
    def fetch(self, buffer: Any) -> np.ndarray:
        """Return the elements of an array on the host, read-only."""
        host, dtype = buffer.aval.host, buffer.aval.dtype
        if host.itemsize == 0:
            return np.zeros(buffer.aval.shape, host)
        found = self._elements(buffer, dtype)
        return found if host == dtype else found.view(host)

    def _elements(self, buffer: Any, dtype: np.dtype) -> np.ndarray:
        alone = isinstance(self.sharding(buffer), SingleDeviceSharding)
        if alone and self._on_host and dtype.isbuiltin == 1:
            found = np.asarray(buffer)
            if found.dtype.kind == "O":  # there is no memory to look at where a program failed
                buffer.block_until_ready()
            return found
        if alone and self._on_host and dtypes.itemsize_bits(dtype) >= 8:  # less: they share bytes
            return _view(buffer, dtype)
        sharding, shape = self.sharding(buffer), buffer.aval.shape
        if not sharding.is_fully_addressable and not all_here(sharding, shape):
            raise RuntimeError(
                "Fetching value for `jax.Array` that spans non-addressable (non process local)"
                f" devices is not possible: an array of type {buffer.aval!r} lies on {sharding}, of"
                f" which process {self._client.process_index()} has a part;"
                " experimental.multihost_utils.process_allgather gives all of it to each process,"
                " and addressable_shards are the parts that are here")
        buffer.block_until_ready()  # without, what failed on several devices ends the process
        with without_jax:
            if alone or sharding.is_fully_replicated:
                return buffer._single_device_array_to_np_array_did_copy()[0]
            return self._assembled(buffer)

    def _assembled(self, buffer: Any) -> np.ndarray:
        """The elements of an array in parts, put together, or combined where it is unreduced."""
        sharding: Any = self.sharding(buffer)
        out = np.empty(buffer.aval.shape, buffer.aval.dtype)
        combine = _COMBINED.get(getattr(sharding, "spec", NOT_DIVIDED).unreduced_kind)
        seen: set[Any] = set()
        indices = sharding.addressable_devices_indices_map(buffer.aval.shape)
        for (device, index), part in zip(indices.items(), buffer._arrays, strict=True):
            data = part._single_device_array_to_np_array_did_copy()[0]
            key = tuple((s.start, s.stop) for s in index) if combine else ()
            if combine is None or key not in seen:
                out[index] = data
            elif sharding.is_first(device, sharding.replicated_axes):
                out[index] = combine(out[index], data)
            seen.add(key)
        out.flags.writeable = False
        return out


NOT_DIVIDED = PartitionSpec()
_COMBINED: dict[Any, Any] = {UnreducedKind.sum: np.add, UnreducedKind.max: np.maximum,
                             UnreducedKind.min: np.minimum}


def same_parts(given: Sharding, other: Sharding, ndim: int) -> bool:
    """Return whether devices hold the same parts of an array by both shardings."""
    marks = [getattr(s, "spec", NOT_DIVIDED) for s in (given, other)]
    return given == other or (given.is_equivalent_to(other, ndim) and (
        marks[0].unreduced == marks[1].unreduced))


def _keep_own_parts(given: Sharding, to: Sharding) -> bool:
    """Whether an array becomes unreduced over axes that divide it: each device has what it had."""
    return isinstance(given, NamedSharding) and isinstance(to, NamedSharding) and (
        given.mesh == to.mesh and bool(to.spec.unreduced.intersection(given.spec.names())))


def all_here(sharding: Sharding, shape: Shape) -> bool:
    """Return whether devices of this process together hold all elements of an array."""
    if sharding.is_fully_addressable:
        return True
    counts, where = sharding._grid(len(shape))
    here = [p for p, d in zip(where.tolist(), sharding._device_assignment, strict=True)
            if d.is_local]
    return len(set(map(tuple, here))) == int(np.prod(counts, dtype=int))


def _view(buffer: Any, dtype: np.dtype) -> np.ndarray:
    """The memory of an array on the CPU, for dtypes that the buffer protocol does not know."""
    buffer.block_until_ready()
    shape = buffer.aval.shape
    count = int(np.prod(shape, dtype=np.int64))
    if count == 0:
        return np.zeros(shape, dtype)
    kind = ctypes.c_char * (count * dtype.itemsize)
    memory: Any = kind.from_address(buffer.unsafe_buffer_pointer())
    memory.owner = buffer  # which is alive as long as the view
    view = np.ndarray(shape, dtype, memory)
    view.flags.writeable = False
    return view
