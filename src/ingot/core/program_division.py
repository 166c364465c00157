"""How results of a program are divided over a mesh, from how its arguments are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ingot.core.division import Operands, Spec, divide, whole
from ingot.core.jaxpr import Jaxpr, Literal, subjaxprs
from ingot.core.mesh import Mesh
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
