"""Programs as text in JAX's layout: short programs on one line, those used twice said once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from ingot.core.jaxpr import Eqn, Jaxpr, Literal, Var, subjaxprs
from ingot.core.layout import Break, Document, Group, Nest, joined, laid_out
from ingot.core.printing import letters, literal_text, param_text, pretty

_LONG = 10
"""Programs inside of others with more equations than this are printed before them."""


_UNSAID = ("accuracy", "sharding")
"""Parameters that are left out where they are None."""


class ProgramPrinter:
    """Makes documents of programs: names of variables are those of one text, and programs that are
    used several times have names too.

    view: what is printed in place of a program.
    """

    def __init__(self, program: Jaxpr, view: Callable[[Jaxpr], Jaxpr], types: bool):
        self.view, self.types = view, types
        self.names: dict[Var, str] = {}
        self.fresh = letters()
        self.shared: dict[int, str] = {}
        self._programs: list[Jaxpr] = []
        self._find_shared(program)

    def _find_shared(self, program: Jaxpr) -> None:
        counts, names, found = Counter[int](), dict[int, str](), dict[int, Jaxpr]()
        queue = [program]
        for jaxpr in queue:
            found[id(jaxpr)] = jaxpr
            eqns = self.view(jaxpr).eqns
            counts[id(jaxpr)] += 1 + (jaxpr is not program and len(eqns) > _LONG)
            self._drop_unused(self.view(jaxpr))
            for eqn in eqns:
                inner = subjaxprs(eqn)
                queue += inner
                for sub in inner if "name" in eqn.params else ():
                    names.setdefault(id(sub), eqn.params["name"].strip("<>"))
        taken = Counter[str]()
        for key, count in counts.items():
            if count > 1:
                name = names.get(key, "jaxpr")
                taken[name] += 1
                self.shared[key] = name if taken[name] == 1 else f"{name}{taken[name] - 1}"
                self._programs.append(found[key])

    def _drop_unused(self, jaxpr: Jaxpr) -> None:
        used = {v for e in jaxpr.eqns for v in e.invars if isinstance(v, Var)}
        used.update(v for v in jaxpr.outvars if isinstance(v, Var))
        self.names.update((v, "_") for e in jaxpr.eqns for v in e.outvars if v not in used)

    def document(self, program: Jaxpr) -> Document:
        """Return the document of a whole text."""
        lets = [["let ", self.shared[id(p)], " = ", self._skeleton(p), " in", Break()]
                for p in self._programs]
        return [*lets, self.program(program)]

    def program(self, jaxpr: Jaxpr) -> Document:
        """Return the document of a program: its name, if it has one."""
        return self.shared.get(id(jaxpr)) or self._skeleton(jaxpr)

    def _skeleton(self, jaxpr: Jaxpr) -> Document:
        jaxpr = self.view(jaxpr)
        consts, ins = self._binders(jaxpr.constvars), self._binders(jaxpr.invars)
        eqns = joined(Break("; "), [self._eqn(e) for e in jaxpr.eqns])
        outs = self._atoms(jaxpr.outvars, ",")
        end = ",)" if len(jaxpr.outvars) == 1 else ")"
        return Group([Nest(2, ["{ lambda ", consts, "; ", ins, ". let", Nest(2, [Break(), eqns]),
                               Break(), "in (", outs, end]), " }"])

    # ---- equations -------------------------------------------------------------------------------
    def _eqn(self, eqn: Eqn) -> Document:
        names = sorted(eqn.params)
        if eqn.primitive.name == "jit":
            names = ["name", *(n for n in names if n not in ("name", "inline"))]
            inner = eqn.params["jaxpr"]
            if id(inner) not in self.shared:
                self._name_alike(self.view(inner).invars, eqn.invars)
                self._name_alike(self.view(inner).outvars, eqn.outvars)
        left = self._binders(eqn.outvars)
        params = [[f"{n}=", self._param(eqn.params[n])] for n in names
                  if n not in _UNSAID or eqn.params[n] is not None]
        brackets = Group([Nest(2, ["[", Break(""), joined(Break(), params)]), Break(""), "]"])
        right = [eqn.primitive.name, brackets if params else "", " ", self._atoms(eqn.invars)]
        return [left, " = ", *right] if eqn.outvars else right

    def _param(self, value: Any) -> Document:
        if isinstance(value, Jaxpr):
            return self.program(value)
        if isinstance(value, (tuple, list)) and value and all(isinstance(v, Jaxpr) for v in value):
            programs = joined(Break(), map(self.program, value))
            return Group([Nest(2, ["(", Break(""), programs]), Break(""), ")"])
        return param_text(value)

    # ---- variables -------------------------------------------------------------------------------
    def _name_alike(self, variables: Sequence[Any], others: Sequence[Any]) -> None:
        """Give variables without names those of others, each once."""
        seen = set[Var]()
        for v, other in zip(variables, others, strict=True):
            if (isinstance(v, Var) and isinstance(other, Var) and v not in self.names
                    and other not in seen):
                seen.add(other)
                self.names[v] = self._name(other)

    def _name(self, atom: Any) -> str:
        if isinstance(atom, Literal):
            return literal_text(atom)
        if atom not in self.names:
            self.names[atom] = next(n for n in self.fresh if n not in self.shared.values())
        return self.names[atom]

    def _binders(self, variables: Sequence[Any]) -> Document:
        found = [self._name(v) + (f":{v.aval.str_short(True)}" if self.types else "")
                 for v in variables]
        return Nest(2, Group(joined(Group(Break()), found)))

    def _atoms(self, atoms: Sequence[Any], separator: str = "") -> Document:
        return Nest(2, Group(joined([separator, Group(Break())], map(self._name, atoms))))


def program_text(jaxpr: Jaxpr, *, source_info: bool = False, print_shapes: bool = True,
                 view: Callable[[Jaxpr], Jaxpr] = lambda jaxpr: jaxpr, **_: Any) -> str:
    """The program as text; with `source_info`, each equation on a line with the user's."""
    if source_info:
        return pretty(jaxpr, sources=True)
    return laid_out(ProgramPrinter(jaxpr, view, print_shapes).document(jaxpr))


Jaxpr.pretty_print = program_text  # type: ignore[attr-defined]
