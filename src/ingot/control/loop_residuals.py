"""Residuals of a loop's body: which are constants, inputs, invariant, or must be stacked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ingot.control.tracing import evaluate, invariants, permuted
from ingot.core.jaxpr import Jaxpr, Literal
from ingot.transforms.stage import dce_jaxpr


@dataclass
class ClassifiedResiduals:
    """A loop body without those residuals that need not be stacked.

    body: (consts, carry, xs) -> (carry, ys, stacked residuals); hoisted: consts -> invariant
    residuals, to be run once before the loop. `kinds` says for each residual where it is found:
    ("const", i), ("xs", i), ("hoisted", i) or ("stacked", i).
    """

    body: Jaxpr
    hoisted: Jaxpr
    kinds: list[tuple[str, int]]

    @property
    def num_stacked(self) -> int:
        """How many residuals come with the loop axis."""
        return sum(kind == "stacked" for kind, _ in self.kinds)

    @property
    def constant(self) -> list[bool]:
        """For each residual, whether it is the same in every iteration."""
        return [kind in ("const", "hoisted") for kind, _ in self.kinds]

    def values(self, consts: Sequence[Any], xs: Sequence[Any], stacked: Sequence[Any]) -> list[Any]:
        """The residuals: of constant kind as they are, others with the loop axis first."""
        sources = {"const": consts, "xs": xs, "stacked": stacked,
                   "hoisted": evaluate(self.hoisted, *consts)}
        return [sources[kind][i] for kind, i in self.kinds]


def classify_residuals(body: Jaxpr, num_outs: int, num_consts: int,
                       num_carry: int) -> ClassifiedResiduals:
    """Sort out the results of a body that come after the first `num_outs`."""
    consts = {v: i for i, v in enumerate(body.invars[:num_consts])}
    xs = {v: i for i, v in enumerate(body.invars[num_consts + num_carry :])}
    fixed = invariants(body, num_consts)
    kinds: list[tuple[str, int]] = []
    hoisted: dict[Any, int] = {}
    stacked: dict[Any, int] = {}
    for atom in body.outvars[num_outs:]:
        if type(atom) is not Literal and atom in consts:
            kinds.append(("const", consts[atom]))
        elif type(atom) is not Literal and atom in xs:
            kinds.append(("xs", xs[atom]))
        elif type(atom) is Literal or atom in fixed:
            kinds.append(("hoisted", hoisted.setdefault(atom, len(hoisted))))
        else:
            kinds.append(("stacked", stacked.setdefault(atom, len(stacked))))
    once = body.replace(invars=body.invars[:num_consts], outvars=list(hoisted),
                        eqns=[e for e in body.eqns if e.outvars and fixed.issuperset(e.outvars)])
    loop = permuted(body, body.invars, [*body.outvars[:num_outs], *stacked])
    kept, _ = dce_jaxpr(loop)
    return ClassifiedResiduals(kept.replace(invars=body.invars), dce_jaxpr(once)[0].replace(
        invars=body.invars[:num_consts]), kinds)
