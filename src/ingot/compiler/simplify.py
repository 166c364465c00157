"""Simplification of programs: dead code, common subexpressions; the meaning stays, bit for bit."""

from __future__ import annotations

from typing import Any

from ingot.core.check import checked
from ingot.core.jaxpr import Eqn, Jaxpr, Literal, Var
from ingot.ops.select import select_n_p
from ingot.ops.shape import stop_gradient_p
from ingot.transforms.stage import drop_unused_results, live_equations


def simplify(jaxpr: Jaxpr) -> Jaxpr:
    """All passes, in order."""
    jaxpr = common_subexpressions(jaxpr)
    eqns, _ = live_equations(jaxpr.eqns, jaxpr.outvars)
    return checked(drop_unused_results(jaxpr.replace(eqns=eqns)), "simplify")


def identities(jaxpr: Jaxpr) -> Jaxpr:
    """The program without equations that matter only to derivatives: stop_gradient, and choices
    between an array and itself."""
    if not any(eqn.primitive in (stop_gradient_p, select_n_p) for eqn in jaxpr.eqns):
        return jaxpr
    names: dict[Var, Any] = {}
    kept: list[Eqn] = []

    def name(atom: Any) -> Any:
        return atom if type(atom) is Literal else names.get(atom, atom)

    for eqn in jaxpr.eqns:
        invars = [name(v) for v in eqn.invars]
        same = invars[-1] if eqn.primitive is stop_gradient_p or (
            eqn.primitive is select_n_p and all(v is invars[1] for v in invars[2:])) else None
        if same is not None and same.aval == eqn.outvars[0].aval:
            names[eqn.outvars[0]] = same
        else:
            kept.append(eqn.replace(invars=invars) if names else eqn)
    return jaxpr.replace(eqns=kept, outvars=[name(v) for v in jaxpr.outvars]) if names else jaxpr


def common_subexpressions(jaxpr: Jaxpr) -> Jaxpr:
    """Each distinct pure computation once."""
    names: dict[Var, Any] = {}
    seen: dict[Any, list[Var]] = {}
    kept: list[Eqn] = []

    def name(atom: Any) -> Any:
        return atom if type(atom) is Literal else names.get(atom, atom)

    for eqn in jaxpr.eqns:
        if names:
            invars = [name(v) for v in eqn.invars]
            if any(a is not b for a, b in zip(invars, eqn.invars, strict=True)):
                eqn = eqn.replace(invars=invars)
        key = None if eqn.effects else _key(eqn)
        if key is not None and key in seen:
            names.update(zip(eqn.outvars, seen[key], strict=True))
            continue
        if key is not None:
            seen[key] = eqn.outvars
        kept.append(eqn)
    return jaxpr.replace(eqns=kept, outvars=[name(v) for v in jaxpr.outvars])


def _key(eqn: Eqn) -> Any:
    """What makes two equations the same computation; None if that cannot be told cheaply."""
    if eqn.primitive.higher_order:
        return None
    operands = tuple(
        (v.val._data.tobytes(), v.aval) if type(v) is Literal else v for v in eqn.invars)
    key = (eqn.primitive, operands, tuple(eqn.params.items()))
    try:
        hash(key)
    except TypeError:
        return None
    return key
