"""Shardings of a program that is compiled ahead of time: of its arguments and results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingot.api.arguments import function_name
from ingot.api.shapes import ShapeDtypeStruct
from ingot.api.shardings import CallShardings, ResultPlaces
from ingot.config import config
from ingot.core.array import Array
from ingot.core.avals import ShapedArray
from ingot.core.devices import Device
from ingot.core.interpreter import Tracer
from ingot.core.jaxpr import Jaxpr
from ingot.core.mesh import AbstractMesh, BaseMesh, Mesh, abstract_mesh
from ingot.core.placement import (
    PlacedBuffer,
    check_divisible,
    default_sharding,
    is_committed,
    place,
    sharding_of,
    type_at,
)
from ingot.core.sharding import NamedSharding, Sharding
from ingot.core.specs import PartitionSpec
from ingot.tree import PyTreeDef


@dataclass(frozen=True)
class AheadShardings:
    """Where arguments and results of a program lie, before there are any.

    call: what `jit` was told; asked: for each leaf of the arguments where it was said to lie, by
    `jit`, by a ShapeDtypeStruct, or by an array that has to stay there; None if by nothing. mesh:
    that which was set, or if it has Explicit axes, seen, while the program was traced.
    """

    call: CallShardings
    asked: tuple[Sharding | None, ...] = ()
    mesh: BaseMesh | None = None

    @staticmethod
    def of(call: CallShardings, tree: PyTreeDef, leaves: Sequence[Any],
           avals: Sequence[ShapedArray]) -> AheadShardings:
        """Return what a call with these leaves of arguments says; ValueError where `jit` was told
        of other places, and where shardings do not fit or do not divide into equal parts."""
        call, mesh = call.over_mesh(), config.mesh
        if mesh is None and abstract_mesh()._any_axis_explicit:
            mesh = abstract_mesh()
        if call.device is not None:
            return AheadShardings(call, (call.device,) * len(leaves), mesh)
        told, name, asked = call.of_arguments(tree, leaves), function_name(call.fun), list[Any]()
        for k, (x, aval, sharding) in enumerate(zip(leaves, avals, told, strict=True)):
            own = _own(x)
            _check_size(mesh, own, f"argument {k} of {name}")
            if own is not None:
                check_divisible(f"argument {k} of {name}", aval, own)
            if sharding is not None:
                check_divisible(f"One of pjit arguments: argument {k} of {name}", aval, sharding)
                if own is not None and not own.is_equivalent_to(sharding, aval.ndim):
                    raise ValueError(
                        "Sharding passed to jit does not match the sharding on the respective arg."
                        f" Got sharding {sharding} for argument {k} of {name}, which lies as {own}")
            asked.append(own if sharding is None else sharding)
        return AheadShardings(call, tuple(asked), mesh)

    def types(self, avals: Sequence[ShapedArray]) -> list[ShapedArray]:
        """Return the types of arguments that lie as `jit` was told: Explicit axes are part of them.
        """
        if self.call.ins is None:
            return list(avals)
        return [a if s is None else type_at(a, s) for a, s in zip(avals, self.asked, strict=True)]

    # ---- meshes without devices ------------------------------------------------------------------
    def _abstract_meshes(self) -> list[BaseMesh]:
        found: list[BaseMesh] = [self.mesh] if isinstance(self.mesh, AbstractMesh) else []

        def note(sharding: Sharding) -> Sharding:
            if isinstance(sharding, NamedSharding) and not sharding._is_concrete:
                found.append(sharding.mesh)
            return sharding

        self.call.map(note)
        for sharding in self.asked:
            if sharding is not None:
                note(sharding)
        return found

    def devices(self, jaxpr: Jaxpr, consts: Sequence[Any], names: Sequence[str]
                ) -> tuple[Device, ...] | None:
        """Return the devices on which what was said has the program run; None if all meshes are
        without. ValueError for meshes without devices that have another number of them."""
        abstract = self._abstract_meshes()
        common = ResultPlaces(jaxpr, names, self.call).meeting(self._arguments(jaxpr, consts))
        if common is None:
            return None if abstract else default_sharding()._device_assignment
        devices = common._device_assignment
        for mesh in abstract:
            if mesh.size != len(devices):
                raise ValueError(f"AbstractMesh size: {mesh.size} does not match the device"
                                 f" assignment size: {len(devices)}, for {mesh}")
        return devices

    def check_platforms(self, known: tuple[Device, ...] | None, given: Any) -> None:
        """Raise ValueError if nothing says for which platforms to lower."""
        if known is None and given is None and not isinstance(self.mesh, AbstractMesh):
            raise ValueError("Passing lowering_platforms via jax.export or jit(f).trace(*args)"
                             ".lower(lowering_platforms=...) is required when only AbstractMesh"
                             f" exists in a jitted computation, got {self._abstract_meshes()[0]}")

    def on_devices(self, known: tuple[Device, ...] | None, given: Sequence[Device] | None
                   ) -> AheadShardings:
        """Return the same with devices in all meshes: those `known`, else those that are given.
        ValueError if both are there and differ, RuntimeError if neither is, or in other numbers."""
        if known is not None and given is not None and tuple(given) != known:
            raise ValueError(
                "device_assignment passed to `.compile` must match the device_assignment"
                f" calculated from array shardings and out_shardings, got {list(given)} and"
                f" {list(known)}")
        devices = known if given is None else tuple(given)
        abstract = self._abstract_meshes()
        if devices is None:
            raise RuntimeError("device_assignment cannot be `None` during compilation. Please pass"
                               " a tuple of devices to `.compile(device_assignment=)`")
        size = abstract[0].size if abstract else len(devices)
        if size != len(devices):
            raise RuntimeError(f"Length of device_assignment ({len(devices)}) passed to"
                               " `.compile()` must be equal to the number of devices the jitted"
                               f" function was lowered with ({size}).")

        def over(mesh: Any) -> Mesh:
            grid = np.array(devices, dtype=object).reshape(mesh.axis_sizes)
            return Mesh(grid, mesh.axis_names, mesh.axis_types)

        def placed(s: Any) -> Any:
            known = not isinstance(s, NamedSharding) or s._is_concrete
            return s if known else s.update(mesh=over(s.mesh))

        mesh = over(self.mesh) if isinstance(self.mesh, AbstractMesh) else self.mesh
        return AheadShardings(self.call.map(placed), tuple(map(placed, self.asked)), mesh)

    def places(self, jaxpr: Jaxpr, names: Sequence[str]) -> ResultPlaces:
        """Return where results lie, on the mesh that was set."""
        with config.override("mesh", self.mesh):
            return ResultPlaces(jaxpr, names, self.call)

    def backend(self, jaxpr: Jaxpr, consts: Sequence[Any], names: Sequence[str]) -> str:
        """Return the name of the back end that a call of `jit` would choose."""
        return self.places(jaxpr, names).backend(self._arguments(jaxpr, consts)).name

    # ---- arguments and results -------------------------------------------------------------------
    def of_arguments(self, jaxpr: Jaxpr, consts: Sequence[Any], names: Sequence[str]
                     ) -> list[Sharding]:
        """Return where each leaf of the arguments lies: those of which nothing was said, as a whole
        on the devices of the others."""
        places, arrays = self.places(jaxpr, names), self._arguments(jaxpr, consts)
        common = places.meeting(arrays)
        if isinstance(common, NamedSharding):
            common = common.update(spec=PartitionSpec())
        elif common is not None:
            common = common.replicated()
        return [(common or default_sharding()) if s is None else s for s in self.asked]

    def of_results(self, jaxpr: Jaxpr, consts: Sequence[Any], names: Sequence[str],
                   out_tree: PyTreeDef) -> list[Sharding]:
        """Return where each leaf of the result lies."""
        told = self.call.of_results(out_tree, jaxpr.out_avals)
        places = self.places(jaxpr, names).of_results(self._arguments(jaxpr, consts))
        found = [default_sharding()] * len(told) if places is None else places
        return [f if t is None else t for f, t in zip(found, told, strict=True)]

    def _arguments(self, jaxpr: Jaxpr, consts: Sequence[Any]) -> list[Any]:
        """Arrays that lie where the arguments do, whose elements take no memory."""
        avals = jaxpr.in_avals[len(consts):]
        return [*consts, *[_standing(a, s) for a, s in zip(avals, self.asked, strict=True)]]

    def placed(self, arrays: Sequence[Any]) -> list[Any]:
        """Return arguments of a call where they were said to lie."""
        moves = self.call.device is not None
        return [x if s is None or isinstance(x, Tracer) or (is_committed(x) and not moves)
                else place(x, s)
                for x, s in zip(arrays, self.asked, strict=True)]

    def check(self, arrays: Sequence[Array], names: Callable[[], Sequence[str]]) -> None:
        """Raise ValueError where arrays that have to stay where they are lie elsewhere than the
        program was compiled for."""
        if self.call.device is not None:
            return
        wrong = [k for k, (x, sharding) in enumerate(zip(arrays, self.asked, strict=True))
                 if sharding is not None and not isinstance(x, Tracer) and is_committed(x)
                 and not sharding_of(x).is_equivalent_to(sharding, x.ndim)]
        if wrong:
            wanted, got = [self.asked[k] for k in wrong], [sharding_of(arrays[k]) for k in wrong]
            lines = "\n".join(f"Argument {names()[k]!r}: compiled for {w}, got {g}"
                              for k, w, g in zip(wrong, wanted, got, strict=True))
            raise ValueError(
                f"Computation was compiled for input shardings {wanted} that disagree with the"
                f" shardings {got} of arguments passed to it. Here are the {len(wrong)} mismatches:"
                f"\n{lines}")


def _own(x: Any) -> Sharding | None:
    """Return where a leaf was said to lie."""
    if type(x) is Array:
        return sharding_of(x) if is_committed(x) else None
    return x.sharding if isinstance(x, ShapeDtypeStruct) else None


def _check_size(mesh: BaseMesh | None, sharding: Sharding | None, what: str) -> None:
    """Raise ValueError for an argument over a mesh of another size than the abstract one in force.
    """
    if isinstance(mesh, AbstractMesh) and isinstance(sharding, NamedSharding) and (
            not sharding.mesh.empty and sharding.mesh.size != mesh.size):
        raise ValueError(f"{what} lies as {sharding}, over a mesh of size {sharding.mesh.size},"
                         f" where {mesh} of size {mesh.size} is in force; place it over that mesh,"
                         " or leave use_abstract_mesh")


def _standing(aval: ShapedArray, sharding: Sharding | None) -> Array:
    data = np.broadcast_to(np.zeros((), bool), aval.shape)
    nowhere = sharding is None or (isinstance(sharding, NamedSharding)
                                   and not sharding._is_concrete)
    buffer: Any = data if sharding is None or nowhere else PlacedBuffer(data, sharding)
    return Array(buffer, aval)
