"""Simplification of programs: dead code, common subexpressions, products where they cost least.

The meaning stays; but for the order in which products are added up, bit for bit.
"""

from __future__ import annotations

from typing import Any

from ingot.compiler.dot_transposes import fold_transposes
from ingot.compiler.loop_products import multiply_after_loops
from ingot.compiler.passes import PassRunner
from ingot.core.array import fetch
from ingot.core.interpreter import Tracer
from ingot.core.jaxpr import DropVar, Eqn, Jaxpr, Literal, Var
from ingot.core.rewrite import Renaming, map_subjaxprs, primitives_of
from ingot.core.typecheck import checked
from ingot.primitives.select import select_n_p
from ingot.primitives.shape import stop_gradient_p
from ingot.transforms.stage import live_equations


def simplify(jaxpr: Jaxpr, run: PassRunner | None = None) -> Jaxpr:
    """All passes, in order; first in the jaxprs that equations run."""
    run = run or PassRunner()
    return jaxpr.memo(run.memo_key("simplify"), lambda: _simplify(jaxpr, run))


def _simplify(jaxpr: Jaxpr, run: PassRunner) -> Jaxpr:
    def inner(sub: Jaxpr) -> Jaxpr:
        """Programs that only rules know of have traced constants; they are not run as they are."""
        return sub if any(isinstance(c, Tracer) for c in sub.consts) else simplify(sub, run)

    jaxpr = jaxpr.replace(eqns=[
        map_subjaxprs(inner, e) if e.primitive.higher_order else e for e in jaxpr.eqns])
    jaxpr = run.on_program("common-subexpressions", eliminate_common_subexpressions, jaxpr)
    jaxpr = run.on_program("fold-transposes", fold_transposes, jaxpr)
    jaxpr = run.on_program("multiply-after-loops", multiply_after_loops, jaxpr)
    return checked(run.on_program("dead-equations", dead_equations, jaxpr), "simplify")


def dead_equations(jaxpr: Jaxpr) -> Jaxpr:
    """The program without equations that neither results nor effects need, in which results that
    nobody reads are marked."""
    eqns, used = live_equations(jaxpr.eqns, jaxpr.outvars)
    return jaxpr.replace(eqns=[
        e if used.issuperset(e.outvars) else
        e.replace(outvars=[v if v in used else DropVar(v.aval) for v in e.outvars])
        for e in eqns])


def remove_identities(jaxpr: Jaxpr) -> Jaxpr:
    """The program without equations that matter only to derivatives: stop_gradient, and choices
    between an array and itself."""
    if primitives_of(jaxpr).isdisjoint((stop_gradient_p, select_n_p)):
        return jaxpr
    renaming, kept = Renaming(), list[Eqn]()
    for eqn in jaxpr.eqns:
        eqn = renaming.eqn(eqn)
        invars = eqn.invars
        same = invars[-1] if eqn.primitive is stop_gradient_p or (
            eqn.primitive is select_n_p and all(v is invars[1] for v in invars[2:])) else None
        if same is not None and same.aval == eqn.outvars[0].aval:
            renaming.replace(eqn.outvars, [same])
        else:
            kept.append(eqn)
    if not renaming.names:
        return jaxpr
    return jaxpr.replace(eqns=kept, outvars=renaming.atoms(jaxpr.outvars))


def eliminate_common_subexpressions(jaxpr: Jaxpr) -> Jaxpr:
    """Each distinct pure computation once."""
    renaming, kept = Renaming(), list[Eqn]()
    seen: dict[Any, list[Var]] = {}
    for eqn in jaxpr.eqns:
        eqn = renaming.eqn(eqn)
        key = None if eqn.effects else _key(eqn)
        if key is not None and key in seen:
            renaming.replace(eqn.outvars, seen[key])
            continue
        if key is not None:
            seen[key] = eqn.outvars
        kept.append(eqn)
    return jaxpr.replace(eqns=kept, outvars=renaming.atoms(jaxpr.outvars))


def _key(eqn: Eqn) -> Any:
    """What makes two equations the same computation; None if that cannot be told cheaply."""
    if eqn.primitive.higher_order:
        return None
    operands = [
        (fetch(v.val).tobytes(), v.aval) if type(v) is Literal else v for v in eqn.invars]
    key = (eqn.primitive, tuple(operands), tuple(eqn.params.items()))
    try:
        hash(key)
    except TypeError:
        return None
    return key
