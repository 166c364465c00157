"""How results of a program are divided over a mesh, from how its arguments are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ingot.core.division import Operands, Spec, divide, whole
from ingot.core.jaxpr import Jaxpr, Literal, subjaxprs
from ingot.core.mesh import BaseMesh, Mesh
from ingot.core.placement import check_same_devices
from ingot.core.sharding import NamedSharding, Sharding
from ingot.core.specs import PartitionSpec


def divide_program(jaxpr: Jaxpr, specs: Sequence[Spec], sizes: Mapping[Any, int]
                   ) -> list[Spec]:
    """Return how the results of a program are divided, given how its arguments are."""
    known: dict[Any, Spec] = dict(zip(jaxpr.invars, specs, strict=True))

    def read(atom: Any) -> Spec:
        found = None if type(atom) is Literal else known.get(atom)
        return whole(atom.aval.ndim) if found is None else found

    for eqn in jaxpr.eqns:
        given = Operands(eqn.primitive.name, eqn.params, [a.aval for a in eqn.invars],
                         [read(a) for a in eqn.invars], [v.aval for v in eqn.outvars], sizes)
        known.update(zip(eqn.outvars, divide(eqn.primitive, given), strict=True))
    return [read(a) for a in jaxpr.outvars]


def own_sharding(jaxpr: Jaxpr) -> tuple[Sharding, str] | None:
    """Return the sharding by which a program's own mesh holds whole arrays, and what told it: the
    first constraint or shard_map in it; None if there is none. ValueError if others have other
    devices."""
    return jaxpr.memo("placed", lambda: _own_sharding(jaxpr))


def whole_arrays(sharding: Sharding) -> Sharding:
    """Return how whole arrays lie on the devices of a sharding."""
    if isinstance(sharding, NamedSharding):
        return sharding.update(spec=PartitionSpec())
    return sharding.replicated()


def made_of_arguments(jaxpr: Jaxpr) -> list[bool]:
    """Return which results of a program depend on its arguments."""
    def find() -> list[bool]:
        reached = set[Any](jaxpr.invars)
        for eqn in jaxpr.eqns:
            if not reached.isdisjoint(a for a in eqn.invars if type(a) is not Literal):
                reached.update(eqn.outvars)
        return [type(v) is not Literal and v in reached for v in jaxpr.outvars]

    return jaxpr.memo("made of arguments", find)


def on_told_meshes(jaxpr: Jaxpr, given: Sequence[Sharding | None], places: Sequence[Sharding]
                   ) -> list[Sharding]:
    """Return where results lie over meshes whose axes have other types than the arguments' common
    one: arguments that are returned stay what they are, and others follow what was told last."""
    known = {v: s for v, s in zip(jaxpr.invars, given, strict=True) if s is not None}
    told = jaxpr.memo("told meshes", lambda: {
        v: s.mesh for e in jaxpr.eqns for v in e.outvars
        if isinstance(s := e.params.get("dst_sharding"), NamedSharding)})
    return [_over_types(s, known[v] if v in known else None, told.get(v))
            for s, v in zip(places, jaxpr.outvars, strict=True)]


def _over_types(place: Sharding, given: Sharding | None, told: BaseMesh | None) -> Sharding:
    if not isinstance(place, NamedSharding) or not isinstance(place.mesh, Mesh):
        return place
    own = getattr(given, "mesh", None)
    if isinstance(own, Mesh) and own.axis_names == place.mesh.axis_names and (
            own.axis_types != place.mesh.axis_types) and (
            own == place.mesh.update(axis_types=own.axis_types)):
        return given or place
    if told is None or told.shape_tuple != place.mesh.shape_tuple or (
            told.axis_types == place.mesh.axis_types or told.manual_axes):
        return place
    return place.update(mesh=place.mesh.update(axis_types=told.axis_types))


def _own_sharding(jaxpr: Jaxpr) -> tuple[Sharding, str] | None:
    first: tuple[Sharding, str] | None = None
    for said in _said(jaxpr):
        first = first or said
        check_same_devices(first, said)
    return first


def _said(jaxpr: Jaxpr) -> Iterator[tuple[Sharding, str]]:
    """Yield the shardings of a program's meshes."""
    for eqn in jaxpr.eqns:
        sharding = eqn.params.get("sharding")
        if isinstance(sharding, NamedSharding) and sharding._is_concrete:
            told_by = eqn.params.get("told_by", "sharding_constraint")
            yield whole_arrays(sharding), f"{told_by} inside jit"
        mesh = eqn.params.get("mesh")
        if isinstance(mesh, Mesh):
            yield NamedSharding(mesh, PartitionSpec()), f"{eqn.primitive.name} inside jit"
        for inner in subjaxprs(eqn) if eqn.primitive.higher_order else ():
            found = own_sharding(inner)
            if found is not None:
                yield found
