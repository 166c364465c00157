"""Residuals of a linearized jaxpr: those that are cheap to rematerialize are not kept.

A derivative rule asks for whatever it needs, be it a number broadcast to an array or twice an
argument. Kept in memory, such values cost more than to compute them anew where they are used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ingot.core.jaxpr import Eqn, Jaxpr, Literal, Var
from ingot.core.rewrite import Renaming
from ingot.core.symbolic import is_symbolic
from ingot.core.typecheck import checked
from ingot.kernel.schedule import SCHEDULE
from ingot.transforms.linearize import LinearizedJaxpr

MAX_RECOMPUTE_COST = 6
"""Instructions that an element of a residual may cost to be computed again."""


@dataclass
class PrunedLinearization:
    """`known`: arguments -> results and what is kept; `linear`: residuals and nonzero tangents ->
    tangents of results. Each residual is ("argument", i), ("result", i) or ("kept", i)."""

    known: Jaxpr
    linear: Jaxpr
    sources: list[tuple[str, int]]

    def residuals(self, args: Sequence[Any], outs: Sequence[Any], kept: Sequence[Any]
                  ) -> list[Any]:
        """The residuals' values."""
        found = {"argument": args, "result": outs, "kept": kept}
        return [found[kind][i] for kind, i in self.sources]


def prune_residuals(split: LinearizedJaxpr, num_outs: int) -> PrunedLinearization:
    """A linearized program that keeps as little as it can without computing much again."""
    choice = _Choice(split, num_outs)
    names: dict[Any, Any] = {}
    sources: list[tuple[str, int]] = []
    invars: list[Var] = []
    eqns: list[Eqn] = []
    consts: list[tuple[Var, Any]] = []
    kept: list[Var] = []

    def name(atom: Any) -> Any:
        """What stands in the linear program for a value of the known one."""
        if type(atom) is Literal or atom in names:
            return names.get(atom, atom)
        var = names[atom] = Var(atom.aval)
        if atom in choice.constants:
            consts.append((var, choice.constants[atom]))
        elif atom in choice.arguments or atom in choice.results or atom in choice.kept:
            invars.append(var)
            sources.append(choice.source(atom, kept))
        else:
            eqn = choice.made[atom]
            eqns.append(eqn.replace(invars=[name(a) for a in eqn.invars], outvars=[var]))
        return var

    again = Renaming({var: name(atom) for var, atom in choice.atoms.items()})
    inner = split.linear
    linear = Jaxpr([*inner.constvars, *(v for v, _ in consts)],
                   [*invars, *inner.invars[len(split.forwarded) :]],
                   again.atoms(inner.outvars), [*eqns, *map(again.eqn, inner.eqns)],
                   [*inner.consts, *(c for _, c in consts)], debug_name=inner.debug_name)
    known = split.known.replace(outvars=[*split.known.outvars[:num_outs], *kept])
    return PrunedLinearization(checked(known, "prune_residuals"),
                               checked(linear, "prune_residuals"), sources)


class _Choice:
    """Which values are kept; the others are made from these, arguments and results."""

    def __init__(self, split: LinearizedJaxpr, num_outs: int):
        known = split.known
        computed = iter(known.outvars[num_outs:])
        self.atoms = {
            var: next(computed) if f is None else known.invars[f]
            for var, f in zip(split.linear.invars[: len(split.forwarded)], split.forwarded,
                              strict=True)}
        self.constants = dict(zip(known.constvars, known.consts, strict=True))
        self.arguments = {v: i for i, v in enumerate(known.invars)}
        self.results = {v: i for i, v in enumerate(known.outvars[:num_outs])
                        if type(v) is not Literal}
        self.made = {e.outvars[0]: e for e in known.eqns
                     if e.primitive.recompute_cost is not None and not e.effects}
        wanted = [a for a in dict.fromkeys(self.atoms.values()) if type(a) is not Literal]
        self.kept = {a for a in wanted if not self.given(a) and a not in self.made}
        for atom in wanted:
            if not self.given(atom) and atom not in self.kept:
                self.kept |= self.instead(atom)

    def given(self, atom: Any) -> bool:
        """Whether a value is there in any case."""
        return (type(atom) is Literal or atom in self.constants or atom in self.arguments
                or atom in self.results)

    def instead(self, atom: Any) -> set[Any]:
        """What to keep so that a value can be made again: itself, if that is not better."""
        roots: set[Any] = set()
        cost = self.visit(atom, roots)
        nbytes = sum(v.aval.nbytes for v in roots)
        size = atom.aval.size
        small = not is_symbolic(size) and size <= SCHEDULE.max_scalars and (roots or cost)
        return {atom} if cost > MAX_RECOMPUTE_COST or nbytes > atom.aval.nbytes or small else roots

    def visit(self, atom: Any, roots: set[Any]) -> int:
        """Add what must be kept to make a value again, and return what that costs; it stops when
        it is too much."""
        if self.given(atom) or atom in self.kept or atom in roots:
            return 0
        eqn = self.made.get(atom)
        if eqn is None:
            roots.add(atom)
            return 0
        cost: int = eqn.primitive.recompute_cost
        for a in eqn.invars:
            cost += self.visit(a, roots) if cost <= MAX_RECOMPUTE_COST else 0
        return cost

    def source(self, atom: Any, kept: list[Var]) -> tuple[str, int]:
        """Where the value of a residual is found; what is kept gets a place."""
        if atom in self.arguments:
            return "argument", self.arguments[atom]
        if atom in self.results:
            return "result", self.results[atom]
        kept.append(atom)
        return "kept", len(kept) - 1
