"""How results of a program are divided over a mesh, from how its arguments are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ingot.core.division import Operands, Spec, divide, whole
from ingot.core.jaxpr import Jaxpr, Literal


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
