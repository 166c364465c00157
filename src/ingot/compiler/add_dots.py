"""Sums of contractions: BLAS adds a product to an array that is there, in place.

What a loop adds up (gradients of weights, in steps) is read and written once for each step, by the
product; and the sum of two products is one array, written twice, instead of two.
"""

from __future__ import annotations

import operator
from collections import Counter
from typing import Any

from ingot.core.jaxpr import Eqn, Jaxpr
from ingot.core.rewrite import primitives_of, use_counts
from ingot.primitives.add_dot import add_dot_p
from ingot.primitives.arithmetic import add_any_p, add_p
from ingot.primitives.dot import dot_general_p
from ingot.primitives.dot_loops import adds_in_place

ADDITIONS = (add_p, add_any_p)


def add_dots_in_place(jaxpr: Jaxpr) -> Jaxpr:
    """The program in which products are added to sums that are arguments and results, and to other
    products."""
    primitives = primitives_of(jaxpr)
    if dot_general_p not in primitives or primitives.isdisjoint(ADDITIONS):
        return jaxpr
    made: dict[Any, int] = {v: k for k, eqn in enumerate(jaxpr.eqns) for v in eqn.outvars}
    uses: Counter[Any] = use_counts(jaxpr)
    arguments, results = set[Any](jaxpr.invars), set[Any](jaxpr.outvars)
    eqns: list[Eqn | None] = list(jaxpr.eqns)

    def product(atom: Any) -> Eqn | None:
        """The product that a value is, if it is read here alone and BLAS makes it."""
        eqn = eqns[made[atom]] if atom in made else None
        if eqn is None or eqn.primitive is not dot_general_p or uses[atom] != 1:
            return None
        x, y = eqn.invars
        numbers = eqn.params["dimension_numbers"]
        return eqn if adds_in_place(x.aval, y.aval, atom.aval, numbers) else None

    for k, eqn in enumerate(jaxpr.eqns):
        if eqn.primitive not in ADDITIONS:
            continue
        dots = [(made[v], v, dot) for v in eqn.invars if (dot := product(v)) is not None]
        if not dots:
            continue
        place, atom, dot = max(dots, key=operator.itemgetter(0))
        (other,) = [v for v in eqn.invars if v is not atom]
        total = other in arguments and uses[other] == 1 and eqn.outvars[0] in results
        if total or len(dots) == 2:
            eqns[k] = dot.replace(primitive=add_dot_p, invars=[other, *dot.invars],
                                  outvars=eqn.outvars)
            eqns[place] = None
    return jaxpr.replace(eqns=[e for e in eqns if e is not None])


__all__ = ["add_dots_in_place"]
