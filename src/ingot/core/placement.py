"""Where arrays lie: buffers of the host with a sharding, and the places that results follow."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot.config import config
from ingot.core.array import CHOOSERS, OWNERS, Array, to_host
from ingot.core.avals import ShapedArray
from ingot.core.devices import Device
from ingot.core.division import Operands, Spec, divide, whole
from ingot.core.mesh import Mesh, concrete_mesh
from ingot.core.sharding import ON_CPU, NamedSharding, Sharding, SingleDeviceSharding
from ingot.core.specs import UNCONSTRAINED, PartitionSpec, filled, names_of
from ingot.core.transfers import guard
from ingot.core.unreduced import parts_of_whole, unreduced_axes
from ingot.errors import IndivisibleError


class PlacedBuffer:
    """A buffer of the host that knows where it lies: an ndarray with all elements, the sharding by
    which devices hold parts of it, and whether operations have to follow it there; of an
    unreduced array, the parts along leading axes, None if the first one is all of it."""

    __slots__ = ("committed", "data", "parts", "sharding")

    def __init__(self, data: np.ndarray, sharding: Sharding, committed: bool = True,
                 parts: np.ndarray | None = None):
        self.data, self.sharding, self.committed = data, sharding, committed
        self.parts = parts


def default_device() -> Device:
    """Return the device of what nothing else places: the flag `default_device`, else the first one
    of the chosen back end in this process."""
    device = config.default_device
    if isinstance(device, Device):
        return device
    return next(d for d in CHOOSERS[-1](device).devices() if d.is_local)


def default_sharding() -> Sharding:
    """Return where an array lies about which nothing is said.

    >>> from ingot.core.placement import default_sharding
    >>> default_sharding()
    SingleDeviceSharding(device=CpuDevice(id=0), memory_kind=device)
    """
    return SingleDeviceSharding(default_device()) if config.elsewhere else ON_CPU


def sharding_of(x: Array) -> Sharding:
    """Return where the parts of an array are."""
    owner = OWNERS.get(type(x._data))
    return default_sharding() if owner is None else owner.sharding_of(x._data)


def is_committed(x: Array) -> bool:
    """Return whether operations have to follow an array to where it lies."""
    owner = OWNERS.get(type(x._data))
    return owner is not None and owner.is_committed(x._data)


def client_of(sharding: Sharding) -> Any:
    """Return what runs programs on the devices of a sharding: a back end, or a name of the host."""
    return sharding._device_assignment[0].client


def type_at(aval: ShapedArray, sharding: Sharding) -> ShapedArray:
    """Return the type of an array that lies there: Explicit axes are part of it."""
    if isinstance(sharding, NamedSharding) or aval.is_placed:
        return aval.update(sharding=sharding)
    return aval


def check_rank(title: str, aval: ShapedArray, sharding: Sharding) -> None:
    """Raise ValueError unless arrays of this type have as many axes as a sharding divides."""
    try:
        sharding.check_compatible_aval(aval.shape)
    except ValueError as error:
        raise ValueError(f"{title}: {error}") from None


def check_divisible(title: str, aval: ShapedArray, sharding: Sharding) -> None:
    """Raise IndivisibleError, a ValueError, unless a sharding divides an array of this type into
    equal parts."""
    check_rank(title, aval, sharding)
    counts, _ = sharding._grid(aval.ndim)
    for axis, (n, count) in enumerate(zip(aval.shape, counts, strict=True)):
        if n % count:
            raise IndivisibleError(
                f"{title}: the sharding {sharding} implies that axis {axis} of {aval} is divided"
                f" {count} times, but it should be divisible by {count}, and its size is {n}: parts"
                " should evenly divide the shape; pad the array, or leave that axis whole")


# ---- devices that arrays agree on ----------------------------------------------------------------
def common_sharding(xs: Sequence[Any], describe: Callable[[int], str]) -> Sharding | None:
    """Return a sharding over the devices on which arrays meet; None if none is said.

    It is that of a committed array, else of one that does not lie where arrays do by default.

    Of several meshes on the same devices it is the first. Raises ValueError, with what `describe`
    says of two arrays, if committed ones lie on different devices.
    """
    found: Sharding | None = None
    where, committed = 0, False
    for k, x in enumerate(xs):
        if type(x) is not Array or type(x._data) is np.ndarray:
            continue
        sharding, fixed = sharding_of(x), is_committed(x)
        if found is None or (fixed and not committed):
            found, where, committed = sharding, k, fixed
        elif fixed and sharding._device_assignment != found._device_assignment:
            raise ValueError(
                "Received incompatible devices for jitted computation. Got"
                f" {describe(where)} {on_devices(found)} and {describe(k)}"
                f" {on_devices(sharding)}; move one of"
                " them with device_put")
        elif isinstance(sharding, NamedSharding) and not isinstance(found, NamedSharding) and fixed:
            found, where = sharding, k
    return found


def on_devices(sharding: Sharding) -> str:
    """Return how the message about devices calls those of a sharding."""
    devices = sharding._device_assignment
    return (f"with device ids {[d.id for d in devices]} on platform"
            f" {devices[0].platform.upper()}")


def argument(name: str, x: Array, of: str) -> str:
    """Return how the message about devices calls an argument."""
    shape = ",".join(map(str, x.aval.shape))
    return f"argument {name} of {of} with shape {x.aval.dtype}[{shape}] and"


def check_devices_agree(xs: Sequence[Any], describe: Callable[[int], str], own: Sharding,
                        what: str) -> None:
    """Raise ValueError if one of the arrays has to stay on other devices than those of a program's
    own sharding, which is that of `what`."""
    devices = own._device_assignment
    for k, x in enumerate(xs):
        if type(x) is Array and is_committed(x) and (
                sharding_of(x)._device_assignment != devices):
            raise ValueError(
                "Received incompatible devices for jitted computation. Got"
                f" {describe(k)} {on_devices(sharding_of(x))} and {what} {on_devices(own)}; move"
                " one of them with device_put")


def check_same_devices(first: tuple[Sharding, str], second: tuple[Sharding, str]) -> None:
    """Raise ValueError if two shardings, each with what told it, have other devices."""
    if first[0]._device_assignment != second[0]._device_assignment:
        told = [f"{title} {on_devices(sharding)}" for sharding, title in (first, second)]
        raise ValueError("Received incompatible devices for jitted computation. Got"
                         f" {' and '.join(told)}; say the same devices everywhere, or call jit once"
                         " for each")


def guard_move(x: Any, sharding: Sharding | None, explicit: bool = False) -> None:
    """Let the guard of transfers see that an array goes to devices that have no part of it yet."""
    if (config.transfer_guard_device_to_device is not None and type(x) is Array
            and sharding is not None and not sharding.device_set <= sharding_of(x).device_set):
        guard("device_to_device", x.aval, sharding, explicit)


# ---- places of results ---------------------------------------------------------------------------
def spec_in(x: Any, mesh: Any) -> Spec:
    """Return how an argument is divided over a mesh: not at all if it lies on another one."""
    ndim = x.aval.ndim
    if type(x) is Array and type(x._data) is not np.ndarray:
        sharding = sharding_of(x)
        if isinstance(sharding, NamedSharding) and _same_but_types(sharding.mesh, mesh):
            return sharding.spec.padded(ndim).partitions
    return whole(ndim)


def sharding_in(x: Any, mesh: Any) -> NamedSharding | None:
    """Return the sharding of a committed argument over a mesh; None if it lies elsewhere."""
    found = sharding_of(x) if type(x) is Array and type(x._data) is not np.ndarray else None
    if isinstance(found, NamedSharding) and is_committed(x) and _same_but_types(found.mesh, mesh):
        return found
    return None


def _same_but_types(a: Any, b: Any) -> bool:
    """Whether two meshes differ in the types of axes at most."""
    return a == b or (a.axis_names == b.axis_names and a.update(axis_types=b.axis_types) == b)


def places_of_results(common: Sharding, xs: Sequence[Any], out_avals: Sequence[ShapedArray],
                      specs: Callable[[list[Spec]], list[Spec]],
                      made_of_arguments: Sequence[bool] | None = None) -> list[Sharding]:
    """Return where the results of an operation lie, whose arguments meet at `common`.

    specs: from how the arguments are divided over its mesh to how the results are.
    made_of_arguments: which results depend on arguments, by default all.
    """
    if not isinstance(common, NamedSharding):
        return [common.replicated()] * len(out_avals)
    mesh = common.mesh
    divided = specs([spec_in(x, mesh) for x in xs])
    outs = [place_of_result(mesh, s, a) for s, a in zip(divided, out_avals, strict=True)]
    given = [(s, x.aval.ndim) for x in xs if (s := sharding_in(x, mesh)) is not None]
    return [in_words_of(given, s, a.ndim) if made_of_arguments is None or made_of_arguments[k]
            else s for k, (s, a) in enumerate(zip(outs, out_avals, strict=True))]


def in_words_of(given: Sequence[tuple[NamedSharding, int]], found: NamedSharding, ndim: int
                ) -> NamedSharding:
    """Return where a result lies in the words of the first argument with as many axes that lies in
    the same way; on Explicit axes of one with an entry for each."""
    own = found.spec
    for sharding, rank in given:
        spec = sharding.spec
        if found.mesh._any_axis_explicit and not (
                any(spec) and spec.partitions == own.padded(ndim).partitions):
            continue
        if rank == ndim and (spec.unreduced, spec.reduced) == (own.unreduced, own.reduced) and (
                sharding.is_equivalent_to(found, ndim)):
            return found.update(spec=spec)
    return found


def place_of_result(mesh: Any, spec: Spec, aval: ShapedArray) -> NamedSharding:
    """Return where a result lies: its type says what Explicit axes do, the spec what others do, but
    for those of another arrangement of the devices, which the mesh has not."""
    told = aval.sharding.spec
    if aval._sharding is not None and aval._sharding.mesh.shape_tuple != mesh.shape_tuple:
        other = aval._sharding.mesh  # the same devices in another arrangement
        mesh = Mesh(mesh.devices.reshape(other.axis_sizes), other.axis_names, other.axis_types)
        return NamedSharding(mesh, told)
    sizes, explicit = mesh.shape, mesh.explicit_axes
    entries: list[Any] = []
    for known, entry, n in zip(told, spec, aval.shape, strict=True):
        both = *names_of(known), *(m for m in names_of(entry)
                                   if m in sizes and m not in explicit)
        entries.append(both if n % math.prod(sizes[m] for m in both) == 0 else known)
    found = PartitionSpec(*entries)
    while entries and entries[-1] in ((), None) and not (
            mesh._any_axis_explicit and found.partitions == told.partitions):
        entries.pop()
    return NamedSharding(mesh, told.update(partitions=tuple(entries)))


def place(x: Array, sharding: Sharding, committed: bool = True) -> Array:
    """Return an array as one that lies there; it shares memory if it is there already, and on the
    host, whose devices have one memory."""
    client = client_of(sharding)
    if isinstance(client, Device):
        data: Any = PlacedBuffer(to_host(x._data), sharding, committed,
                                 _parts(x, sharding) if unreduced_axes(sharding) else None)
    else:
        data = client.put(x._data, sharding, committed)
    return Array(data, type_at(x.aval, sharding))


def _parts(x: Array, sharding: Any, before: Sharding | None = None) -> np.ndarray | None:
    """Return the parts of an array that becomes unreduced: those that it has, else what each device
    has of it; None where the first one has all of it."""
    own = before or sharding_of(x)
    if not isinstance(own, NamedSharding) or own.mesh.shape_tuple != sharding.mesh.shape_tuple:
        return None
    if own.spec.unreduced == sharding.spec.unreduced and type(x._data) is PlacedBuffer:
        return x._data.parts
    if not sharding.spec.unreduced.intersection(own.spec.names()):
        return None
    return parts_of_whole(to_host(x._data), sharding, own.spec)


def parts_of(x: Array, sharding: Any) -> Array:
    """Return the parts of an array, unreduced as told, along leading axes."""
    parts = x._data.parts if type(x._data) is PlacedBuffer else None
    if parts is None:
        parts = parts_of_whole(to_host(x._data), sharding, PartitionSpec())
    return Array(parts, ShapedArray(parts.shape, x.aval.dtype, x.aval.weak_type))


def copied(x: Array) -> Array:
    """Return an array with the same elements, which stay if the other one is deleted or donated: on
    devices of a back end, which frees memory at once, they are copied."""
    shared = type(x._data) in (np.ndarray, PlacedBuffer)
    return Array(x._data if shared else OWNERS[type(x._data)].copy(x._data), x.aval)


def settled(x: Any) -> Any:
    """Return a new array of the host where arrays lie about which nothing is said; others as they
    are."""
    if not config.elsewhere or type(x) is not Array or type(x._data) is not np.ndarray:
        return x
    sharding = default_sharding()
    if sharding == ON_CPU and config.default_device is None:
        return x
    return place(x, sharding, committed=False)


def place_over(mesh: Any, specs: Sequence[PartitionSpec], outs: Sequence[Any]) -> list[Any]:
    """Return results on the devices of a mesh, if it has devices; else as they are."""
    if not isinstance(mesh, Mesh):
        return list(outs)
    return [place(x, NamedSharding(mesh, s)) for x, s in zip(outs, specs, strict=True)]


def evaluator(name: str, xs: Sequence[Any]) -> Any:
    """Return the back end that runs an operation outside of programs on these arrays; None where
    NumPy does. ValueError if the arrays lie on different devices."""
    found = common_sharding(xs, lambda k: _operand(name, xs, k))
    if found is None or not any(is_committed(x) for x in xs if type(x) is Array):
        found = on_mesh_in_force() or default_sharding()
    client = client_of(found)
    return None if isinstance(client, Device) else client


def _operand(name: str, xs: Sequence[Any], k: int) -> str:
    return argument("xyzabcde"[min(k, 7)], xs[k], name)


def concrete(sharding: Sharding, common: Sharding | None) -> Sharding | None:
    """Return a sharding over the devices that a mesh without them stands for: those on which
    arguments meet, else those of the mesh that is set; None if there are none."""
    if not isinstance(sharding, NamedSharding) or sharding._is_concrete:
        return sharding
    known: Any = common.mesh if isinstance(common, NamedSharding) else concrete_mesh()
    if known.axis_names != sharding.mesh.axis_names:
        return None  # only the type says it, until an argument on devices is met
    return sharding.update(mesh=known.update(axis_types=sharding.mesh.axis_types))


def settled_spec(sharding: Sharding, x: Any) -> Sharding:
    """Return a sharding whose unconstrained axes are divided as those of an argument are."""
    if not isinstance(sharding, NamedSharding) or UNCONSTRAINED not in sharding.spec.partitions:
        return sharding
    entries = [*filled(sharding.spec.padded(x.ndim).partitions, spec_in(x, sharding.mesh))]
    while entries and entries[-1] is None:
        entries.pop()
    return sharding.update(spec=PartitionSpec(*entries))


def divided(primitive: Any, x: Any, params: dict[str, Any], out: Array, common: Sharding | None
            ) -> Array:
    """Return the result of an operation that says how it is divided, where it says."""
    where = concrete(params[primitive.divides], common)
    if where is None:
        return out
    if (isinstance(where, NamedSharding) and where.mesh._any_axis_auto
            and where.mesh._any_axis_explicit):
        given = Operands(primitive.name, params, [x.aval], [spec_in(x, where.mesh)], [out.aval],
                         where.mesh.shape)
        (entries,) = divide(primitive, given)
        where = where.update(spec=where.spec.update(partitions=entries))
    out = place(out, settled_spec(where, x))
    if unreduced_axes(where) and type(out._data) is PlacedBuffer:
        out._data.parts = _parts(x, where)
    return out


def on_mesh_in_force() -> Sharding | None:
    """Return how whole arrays lie on the mesh that is set, by the names of an abstract one that is
    in force; None if there is none, or programs of parts see another one in its place."""
    mesh, seen = config.mesh, config.abstract_mesh
    if mesh is None:
        return None
    if seen is not None:
        if seen.empty or seen.manual_axes or seen.size != mesh.size:
            return None
        mesh = Mesh(mesh.devices.reshape(seen.axis_sizes), seen.axis_names,
                    axis_types=seen.axis_types)
    return NamedSharding(mesh, PartitionSpec())


def follow(primitive: Any, xs: Sequence[Any], params: dict[str, Any], outs: Sequence[Array]
           ) -> list[Array]:
    """Return the results of an operation of the host where its arguments lie."""
    common = common_sharding(xs, lambda k: _operand(primitive.name, xs, k))
    fixed = any(is_committed(x) for x in xs if type(x) is Array)
    if primitive.divides:
        return [divided(primitive, xs[0], params, outs[0], common)]
    if common is None or not isinstance(client_of(common), Device):  # those need not be followed
        common, fixed = on_mesh_in_force(), True
        if common is None:
            return [settled(x) for x in outs]
    avals = [x.aval for x in xs]
    out_avals = [x.aval for x in outs]

    def specs(given: list[Spec]) -> list[Spec]:
        sizes = common.mesh.shape  # type: ignore[attr-defined] # asked for named shardings alone
        return divide(primitive, Operands(primitive.name, params, avals, given, out_avals, sizes))

    places = places_of_results(common, xs, out_avals, specs)
    return [place(x, s, fixed) for x, s in zip(outs, places, strict=True)]
