"""Devices: which there are, and where arrays are moved, and when they are ready."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.api.formats import Format
from ingot.api.shapes import ShapeDtypeStruct
from ingot.config import config
from ingot.control import division as _programs  # noqa: F401  (operations know where results lie)
from ingot.core.array import OWNERS, Array, delete, is_deleted, live_arrays as arrays_in_memory
from ingot.core.avals import ShapedArray, restricted, shown_axes
from ingot.core.backend import Backend, backends, get_backend, owner_of
from ingot.core.devices import CPU, Device, Space
from ingot.core.interpreter import Tracer, current, to_array, trace_state_clean, typeof
from ingot.core.mesh import BaseMesh, abstract_mesh, concrete_mesh, entered_mesh
from ingot.core.placement import (
    argument,
    check_devices_agree,
    check_divisible,
    check_rank,
    guard_move,
    is_committed,
    on_mesh_in_force,
    place as moved,
    settled,
    settled_spec,
    sharding_of,
)
from ingot.core.processes import PROCESSES
from ingot.core.sharding import NamedSharding, Sharding, SingleDeviceSharding
from ingot.core.specs import UNCONSTRAINED, PartitionSpec, UnreducedKind, names_of
from ingot.core.transfers import guard
from ingot.dtypes import KeyDType
from ingot.primitives.casts import varied
from ingot.primitives.constraint import reshard as bind_reshard, sharding_constraint_p
from ingot.primitives.out_sharding import (
    divided_like,
    explicit_sharding,
    over_mesh,
    says_nothing,
)
from ingot.tree import broadcast_prefix, tree_flatten, tree_leaves, tree_map, tree_unflatten
from ingot.util import renamed


def _backend(name: str, backend: Any) -> Backend:
    """Return the back end of a name or platform, or of a device; RuntimeError if there is none."""
    if isinstance(backend, Device):
        backend = backend.platform
    try:
        return get_backend(backend)
    except RuntimeError as error:
        raise RuntimeError(f"{name}: {error}") from None


def devices(backend: Any = None) -> list[Device]:
    """Return the devices of a back end.

    backend: a name or platform, by default that chosen -> a list of devices. For the CPU these are
    names of the one CPU, as many as the flag `num_cpu_devices` says; by default as many as cores,
    rounded down to a power of two, and at least four. Raises RuntimeError for unknown back ends.

    >>> ingot.devices()[:2]
    [CpuDevice(id=0), CpuDevice(id=1)]
    """
    return list(_backend("devices", backend).devices())


def local_devices(process_index: int | None = None, backend: Any = None, host_id: Any = None
                  ) -> list[Device]:
    """Return the devices of one process.

    process_index, host_id: of which, by default this one. backend: a name or platform, by default
    that chosen -> a list of devices. Raises RuntimeError for an unknown one, ValueError for a
    process that is not there.

    >>> ingot.local_devices()[0]
    CpuDevice(id=0)
    """
    wanted = host_id if process_index is None else process_index
    if wanted is not None and wanted not in process_indices():
        raise ValueError(f"local_devices: Unknown process_index {wanted}; there are"
                         f" {PROCESSES.count} processes, numbered from 0")
    return [d for d in devices(backend)
            if (d.is_local if wanted is None else d.process_index == wanted)]


def device_count(backend: Any = None) -> int:
    """Count the devices of a back end.

    backend: a name or platform, by default that chosen -> an integer. Raises RuntimeError for an
    unknown one.

    >>> ingot.device_count() == len(ingot.devices())
    True
    """
    return len(devices(backend))


def local_device_count(backend: Any = None) -> int:
    """Count the devices of this process.

    backend: a name or platform, by default that chosen -> an integer. Raises RuntimeError for an
    unknown one.

    >>> ingot.local_device_count() == ingot.device_count()
    True
    """
    return len(local_devices(backend=backend))


def process_index(backend: Any = None) -> int:
    """Return the number of this process among all; `distributed.initialize` says which it is.

    backend: without effect -> an integer, 0 if there is one process.

    >>> ingot.process_index()
    0
    """
    return PROCESSES.index


def process_count(backend: Any = None) -> int:
    """Count the processes that programs run on.

    backend: without effect -> an integer, 1 without `distributed.initialize`.

    >>> ingot.process_count()
    1
    """
    return PROCESSES.count


def process_indices(backend: Any = None) -> list[int]:
    """Return the numbers of all processes.

    backend: without effect -> a list of integers.

    >>> ingot.process_indices()
    [0]
    """
    return list(range(PROCESSES.count))


host_id, host_count = renamed(process_index, "host_id"), renamed(process_count, "host_count")
host_ids = renamed(process_indices, "host_ids")


def default_backend() -> str:
    """Return the platform on which programs run.

    -> 'cpu', unless another back end is chosen.

    >>> ingot.default_backend()
    'cpu'
    """
    return get_backend().platform


def device_put(x: Any, device: Any = None, *, src: Any = None, donate: Any = False,
               may_alias: bool | None = None) -> Any:
    """Return the same pytree with its leaves as arrays on the device.

    x: arrays, NumPy arrays or numbers -> arrays. device: a device, a sharding, a PartitionSpec for
    the mesh that is set, a `memory.Space`, or a pytree of them that is a prefix of x. src: where x
    is from, without effect. donate: whether arrays that lie on the same devices in another order
    are given up, or a pytree of this; may_alias: whether memory may be shared. On the CPU no bytes
    move, as all devices have the same memory; operations follow the arrays. Raises TypeError for
    leaves that are not arrays, ValueError for trees of another structure, for donate with
    may_alias, a spec without a mesh, and a sharding that does not divide an array.

    >>> ingot.device_put(1.5, ingot.devices()[1]).devices()
    {CpuDevice(id=1)}
    """
    if isinstance(device, (list, tuple, dict)) or donate is not False:
        places = broadcast_prefix(device, x, is_leaf=lambda d: d is None)
        given_up = broadcast_prefix(donate, x)
        if may_alias and any(given_up):
            raise ValueError("device_put: may_alias and donate cannot be True at the same time;"
                             " memory that is given up is not shared")
        leaves, tree = tree_flatten(x)
        return tree_unflatten(tree, list(map(_put_giving_up, leaves, places, given_up)))
    return tree_map(lambda leaf: _put(leaf, device), x)


def _put_giving_up(x: Any, place: Any, donated: bool) -> Any:
    """Return a leaf as an array at a device or sharding. A donated one is deleted, as in
    JAX, if each of its devices holds a part of the new array."""
    out = _put(x, place)
    if donated and type(x) is Array and type(out) is Array:
        before, after = (sharding_of(a)._device_assignment for a in (x, out))
        if before != after and set(before) == set(after):
            delete(x)
    return out


def put_as_asked(x: Any, device: Any, out_sharding: Any, like: Any = None) -> Any:
    """Return a new array at a device or sharding, or divided by a sharding or spec, if one is
    given; else where one lies that it is like, if it has its shape."""
    if not says_nothing(out_sharding):
        return bind_reshard(x, explicit_sharding("out_sharding", out_sharding))
    if not says_nothing(device):
        return _put(x, device, stays=True)
    found = getattr(like, "aval", None)
    if type(found) is ShapedArray and found.is_placed:
        return varied(divided_like(x, found), found.vma)
    if isinstance(like, ShapeDtypeStruct) and x.shape == like.shape and like.sharding is not None:
        return _put(x, like.sharding)
    if (type(x) is Array and type(like) is Array and type(like._data) is not np.ndarray
            and x.shape == like.shape):
        return moved(x, sharding_of(like), is_committed(like))
    return _on_mesh(x)


def _on_mesh(x: Any) -> Any:
    """Return a new array on the mesh that is set, outside of programs."""
    where = on_mesh_in_force() if type(x) is Array and trace_state_clean() else None
    if where is None or type(x._data) is not np.ndarray:
        return settled(x)
    return moved(x, where)


def _put(x: Any, place: Any, stays: bool = False) -> Any:
    """Return a leaf as an array at a device or sharding; traced values stay traced. With `stays` a
    committed array has to be on those devices already."""
    array = to_array(x) if config.transfer_guard_host_to_device is None else _guarded(x, place)
    if isinstance(place, Space):
        return _in_space(array, place)
    sharding = SingleDeviceSharding(place) if isinstance(place, Device) else place
    if isinstance(sharding, Format):
        sharding = sharding.concrete("device_put", array.aval)
    if sharding is None:
        return settled(array)
    if isinstance(sharding, PartitionSpec):
        sharding = over_mesh("device_put", sharding, "Please set a mesh via"
                             " `jax.set_mesh` if a PartitionSpec is passed to device_put, got"
                             f" {sharding!r}; or pass a NamedSharding")
    if not isinstance(sharding, Sharding):
        raise ValueError(f"device_put: expected a device or a sharding, got {place!r:.80}")
    if isinstance(sharding, NamedSharding) and (
            sharding.spec.unreduced_kind not in (None, UnreducedKind.sum)):
        raise NotImplementedError("device_put: only parts that are to be summed can be made of an"
                                  f" array, got {sharding}")
    check_divisible("device_put", array.aval, sharding)
    if isinstance(place, Device) and getattr(current(), "values", None) is not None:
        raise ValueError("device_put: inside shard_map outside of compiled programs, each device"
                         f" has its own values, and none can be put on one, got device {place!r};"
                         " leave it out, or compile the function with jit")
    if isinstance(array, Tracer) or not trace_state_clean():
        source = _source(array, sharding)
        return sharding_constraint_p.bind(array, sharding=sharding, **source)
    if stays:
        check_devices_agree([array], lambda _: argument("x", array, "array"), sharding,
                            "sharding_constraint inside jit")
    else:
        guard_move(x, sharding, explicit=True)
    return moved(array, sharding)


def _source(x: Any, sharding: Sharding) -> dict[str, Any]:
    """Return where a traced value lies, by name, if that is known and on other devices than it is
    put to: derivatives go back there."""
    known = x.concrete() if isinstance(x, Tracer) else x
    if type(known) is not Array or not is_committed(known) or (
            isinstance(sharding, NamedSharding) and not sharding._is_concrete):
        return {}
    source = sharding_of(known)
    other = source._device_assignment != sharding._device_assignment
    return {"source": source} if other else {}


def _guarded(x: Any, place: Any) -> Any:
    """Return a leaf as an array, which the program asks for."""
    with config.override("transfer_guard_host_to_device", None):
        array = to_array(x)
    if array is not x:
        guard("host_to_device", array.aval, place, explicit=True)
    return array


def _in_space(x: Any, space: Space) -> Any:
    """Return an array in a memory of its devices; in programs the compiler places values."""
    if isinstance(x, Tracer) or space is Space.Any:
        return settled(x)
    sharding = sharding_of(x)
    kind = space.kind_on(sharding._device_assignment[0])
    return moved(x, sharding.with_memory_kind(kind), is_committed(x))


def device_get(x: Any) -> Any:
    """Return the same pytree with NumPy arrays in place of arrays.

    x: a pytree -> a pytree of ndarrays, which are read-only views where memory is the host's. Other
    leaves stay as they are: Python's numbers, PRNG keys, traced values.

    >>> ingot.device_get(ingot.device_put(1.5))
    array(1.5)
    """
    if config.transfer_guard_device_to_host is None:
        return tree_map(_to_numpy, x)
    for leaf in tree_leaves(x):
        if type(leaf) is Array and owner_of(leaf).platform != "cpu":
            guard("device_to_host", leaf.aval, explicit=True)
    with config.override("transfer_guard_device_to_host", None):
        return tree_map(_to_numpy, x)


def _to_numpy(x: Any) -> Any:
    if isinstance(x, Tracer) or isinstance(getattr(x, "dtype", None), KeyDType):
        return x
    return np.asarray(x) if hasattr(type(x), "__array__") else x


def block_until_ready(x: Any) -> Any:
    """Wait until the arrays of a pytree are computed, and return it.

    x: a pytree -> the same. On the CPU, computations are complete when they return.

    >>> ingot.block_until_ready(1.5)
    1.5
    """
    if type(x) is Array and type(x._data) is np.ndarray:
        return x
    for leaf in tree_leaves(x):
        owner = OWNERS.get(type(leaf._data)) if type(leaf) is Array else None
        if owner is not None:
            owner.wait([leaf._data])
    return x


def effects_barrier() -> None:
    """Wait for callbacks under way, and raise what they raised.

    On the CPU they are complete when the program that calls them returns.

    >>> ingot.effects_barrier()
    """
    for backend in backends().values():
        backend.wait_for_effects()


def copy_to_host_async(x: Any) -> Any:
    """Start copying the arrays of a pytree to the host's memory.

    x: a pytree -> the same. On the CPU they are there already.

    >>> ingot.copy_to_host_async(1.5)
    1.5
    """
    return x


def live_arrays(platform: str | None = None) -> list[Array]:
    """Return all arrays in memory.

    platform: only those on this one -> a list of arrays. It searches the whole heap, which takes
    its time.

    >>> x = jnp.zeros(3)
    >>> any(y is x for y in ingot.live_arrays())
    True
    """
    found = arrays_in_memory()
    if platform is not None:
        wanted = _backend("live_arrays", platform).platform
        found = [x for x in found if not is_deleted(x) and owner_of(x).platform == wanted]
    return found


def with_sharding_constraint(x: Any, shardings: Any) -> Any:
    """Return the same pytree of arrays, divided over devices as is said.

    x: arrays -> the same; shardings: a sharding, a PartitionSpec for the mesh that is set, or a
    pytree of them that is a prefix of x. Raises ValueError for shardings that do not divide arrays
    into equal parts or that name Explicit axes, RuntimeError for a spec where no mesh is set.

    >>> from ingot.sharding import AxisType, NamedSharding, PartitionSpec, make_mesh
    >>> mesh = make_mesh((2,), "x", axis_types=AxisType.Auto)
    >>> place = NamedSharding(mesh, PartitionSpec("x"))
    >>> lax.with_sharding_constraint(np.arange(4), place).sharding == place
    True
    """
    leaves, tree = tree_flatten(x)
    places = broadcast_prefix(shardings, x, is_leaf=lambda s: s is None)
    return tree_unflatten(tree, [_constrained(leaf, place)
                                 for leaf, place in zip(leaves, places, strict=True)])


def _constrained(x: Any, place: Any) -> Any:
    if isinstance(place, Format):
        place = place.sharding
    if place is None:
        raise ValueError("One of with_sharding_constraint arguments got sharding None which is not"
                         " allowed; leave that array out")
    sharding = named("with_sharding_constraint", place)
    if isinstance(sharding, NamedSharding):
        manual = set(abstract_mesh().manual_axes).intersection(sharding.spec.names())
        if manual:
            raise ValueError(f"with_sharding_constraint: {sharding} contains a manual axes"
                             f" {manual} of mesh {abstract_mesh()}: the program sees one part along"
                             " these; leave them out")
        if isinstance(place, PartitionSpec) and sharding.mesh.are_all_axes_explicit:
            return _asserted(x, sharding.spec)
        explicit = set(sharding.mesh.explicit_axes)
        if explicit.intersection(sharding.spec.names()):
            raise ValueError("with_sharding_constraint: the spec of a NamedSharding can only refer"
                             f" to Auto axes of the mesh, got {sharding}; use reshard for Explicit"
                             " ones")
        if isinstance(x, Tracer) or not trace_state_clean():
            if isinstance(place, PartitionSpec) and sharding.mesh == config.mesh:
                sharding = sharding.update(mesh=abstract_mesh())  # it is for any such devices
            sharding = _beside_explicit(typeof(x), sharding)
        elif not sharding._is_concrete:
            sharding = _on_devices_of(x, sharding)
    return resharded("One of with_sharding_constraint arguments", to_array(x), sharding)


def _beside_explicit(aval: ShapedArray, sharding: NamedSharding) -> NamedSharding:
    """Return a sharding by Auto axes with what the type says of Explicit ones in front."""
    if aval._sharding is None:
        return sharding
    spec, told = sharding.spec.padded(aval.ndim), aval._sharding.spec
    return sharding.update(spec=told.update(partitions=tuple(
        w if w is UNCONSTRAINED else (*names_of(t), *names_of(w))
        for t, w in zip(told, spec, strict=True))))


def _on_devices_of(x: Any, sharding: NamedSharding) -> NamedSharding:
    """Return a sharding over a mesh without devices as one over the devices of an array."""
    title = "with_sharding_constraint with a mesh without devices"
    if type(x) is not Array:
        raise ValueError(f"{title} requires the input passed should be a `jax.Array`, got"
                         f" {type(x)}")
    own = sharding_of(x)
    if not isinstance(own, NamedSharding):
        raise TypeError(f"{title}: The sharding on the input must be a `NamedSharding`, got {own}")
    if own.mesh.shape_tuple != sharding.mesh.shape_tuple:
        raise ValueError(f"{title}: Mesh shape of the input {own.mesh.shape_tuple} does not match"
                         f" the mesh shape of the target sharding {sharding.mesh.shape_tuple}")
    return sharding.update(mesh=own.mesh)


def _asserted(x: Any, spec: PartitionSpec) -> Any:
    """Return an array, whose type must say that it is divided so."""
    found = typeof(x).sharding.spec
    if found != restricted(spec, shown_axes(abstract_mesh())).padded(x.ndim):
        raise AssertionError("`with_sharding_constraint` acts as an assert when all axes of mesh"
                             f" are of type `Explicit`, and {typeof(x)} is not divided as {spec!r};"
                             " use reshard to divide it so")
    return x


def resharded(title: str, x: Any, sharding: Sharding) -> Any:
    """Return an array where it lies by this sharding, in a program from this point on."""
    check_rank(title, x.aval, sharding)
    if isinstance(x, Tracer) or not trace_state_clean():
        return sharding_constraint_p.bind(x, sharding=sharding)
    check_divisible(title, x.aval, sharding)
    check_devices_agree([x], lambda _: argument("x", x, "with_sharding_constraint"), sharding,
                        "sharding_constraint inside jit")
    return moved(x, settled_spec(sharding, x))


def named(title: str, place: Any, entered: bool = True) -> Sharding:
    """Return the sharding that a spec stands for, over the mesh in force: one that is entered as a
    context, if that counts, else the one that is set."""
    if not isinstance(place, PartitionSpec):
        if not isinstance(place, Sharding):
            raise TypeError(f"{title}: expected a sharding or a PartitionSpec, got {place!r:.80}")
        return place
    mesh: BaseMesh | None = config.abstract_mesh
    if mesh is None:
        mesh = entered_mesh() if entered else concrete_mesh()
    if mesh.empty:
        raise RuntimeError(f"{title} requires a non-empty mesh in context if a PartitionSpec is"
                           f" passed, got {place!r}; use set_mesh, or pass a NamedSharding")
    return NamedSharding(mesh, place)


def check_devices(transform: str, wanted: Sequence[Any] | None) -> None:
    """Raise ValueError unless all are devices."""
    for device in wanted or ():
        if not isinstance(device, Device):
            raise ValueError(f"{transform}: the only device is {CPU!r}, got {device!r}")
