"""Partial evaluation of jaxprs: what the known arguments determine, and the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ingot.core.jaxpr import Eqn, Jaxpr, Literal, Var
from ingot.core.rewrite import definitions, free_variables
from ingot.core.typecheck import checked

Policy = Callable[..., bool]


@dataclass
class PartialEvalResult:
    """`known`: known arguments -> known results and residuals. `unknown`: residuals and unknown
    arguments -> unknown results. The flags say which results are unknown."""

    known: Jaxpr
    unknown: Jaxpr
    out_unknown: list[bool]
    num_residuals: int


def partial_eval_jaxpr(jaxpr: Jaxpr, unknown_in: Sequence[bool],
                       force_unknown: Sequence[bool] | None = None,
                       saveable: Policy | None = None) -> PartialEvalResult:
    """Split a program by dependence on unknown arguments.

    Equations with known operands run early. With a `saveable` policy, only results for which
    `saveable(primitive, *avals, **params)` holds become residuals; others are recomputed late.
    """
    unknown: set[Var] = {v for v, u in zip(jaxpr.invars, unknown_in, strict=True) if u}
    early: list[Eqn] = []
    late: list[Eqn] = []
    for eqn in jaxpr.eqns:
        if not unknown.isdisjoint(eqn.invars):
            late.append(eqn)
            unknown.update(eqn.outvars)
        else:
            early.append(eqn)
    forced = list(force_unknown or [False] * len(jaxpr.outvars))
    out_unknown = [f or (type(v) is not Literal and v in unknown)
                   for v, f in zip(jaxpr.outvars, forced, strict=True)]
    late_outs = [v for v, u in zip(jaxpr.outvars, out_unknown, strict=True) if u]
    free = free_variables(late, late_outs, unknown)
    if saveable is not None:
        late, free = _recompute(early, late, late_outs, free, saveable)
    residuals = [v for v in free if v not in set(jaxpr.constvars)]
    return _assemble(jaxpr, unknown_in, out_unknown, early, late, late_outs, residuals)


def _assemble(jaxpr: Jaxpr, unknown_in: Sequence[bool], out_unknown: list[bool], early: list[Eqn],
              late: list[Eqn], late_outs: list[Any], residuals: list[Var]) -> PartialEvalResult:
    known_in = [v for v, u in zip(jaxpr.invars, unknown_in, strict=True) if not u]
    unknown_args = [v for v, u in zip(jaxpr.invars, unknown_in, strict=True) if u]
    known_outs = [v for v, u in zip(jaxpr.outvars, out_unknown, strict=True) if not u]
    known = Jaxpr(jaxpr.constvars, known_in, [*known_outs, *residuals], early, jaxpr.consts,
                  debug_name=jaxpr.debug_name)
    rest = Jaxpr(jaxpr.constvars, [*residuals, *unknown_args], late_outs, late, jaxpr.consts,
                 debug_name=jaxpr.debug_name)
    return PartialEvalResult(checked(known, "partial_eval_jaxpr"),
                             checked(rest, "partial_eval_jaxpr"), out_unknown,
                             len(residuals))


def _recompute(early: list[Eqn], late: list[Eqn], late_outs: list[Any], free: list[Var],
               saveable: Policy) -> tuple[list[Eqn], list[Var]]:
    """Move early equations whose results may not be saved in front of the late ones."""
    producer = definitions(early)
    needed: set[int] = set()
    saved: dict[Var, None] = {}
    todo = list(free)
    while todo:
        var = todo.pop()
        eqn = producer.get(var)
        if eqn is None or eqn.effects or saveable(
                eqn.primitive, *(a.aval for a in eqn.invars), **eqn.params):
            saved[var] = None
        elif id(eqn) not in needed:
            needed.add(id(eqn))
            todo.extend(v for v in eqn.invars if isinstance(v, Var))
    again = [e for e in early if id(e) in needed]
    recomputed = {v for e in again for v in e.outvars}
    return [*again, *late], [v for v in saved if v not in recomputed]
