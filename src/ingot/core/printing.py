"""The text form of types, equations and programs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, product
from typing import Any

import numpy as np

from ingot.core.array import fetch
from ingot.core.jaxpr import DropVar, Eqn, Jaxpr, Literal, Var, subjaxprs
from ingot.core.source_info import describe

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def letters() -> Iterator[str]:
    """Yield names of variables: a to z, then aa, ab and so on."""
    for size in count(1):
        yield from map("".join, product(_LETTERS, repeat=size))


class _Names:
    """Letters for variables, in order of first appearance."""

    def __init__(self) -> None:
        self.names: dict[Var, str] = {}
        self.fresh = letters()

    def __call__(self, atom: Any) -> str:
        if isinstance(atom, Literal):
            return literal_text(atom)
        if isinstance(atom, DropVar):
            return "_"
        if atom not in self.names:
            self.names[atom] = next(self.fresh)
        return self.names[atom]

    def typed(self, var: Any) -> str:
        return f"{self(var)}:{var.aval.str_short(True)}"


def literal_text(atom: Literal) -> str:
    """A literal as text: its value and its type."""
    value = fetch(atom.val)
    number = value.item() if value.dtype.kind in "biufc" else value
    return f"{number}:{atom.aval.str_short(True)}"


def param_text(value: Any) -> str:
    """A parameter of an equation as text."""
    if isinstance(value, np.dtype):
        return value.name
    if isinstance(value, type):
        return value.__name__
    if callable(value) and hasattr(value, "__name__"):
        return value.__name__
    return str(value)


def _eqn_lines(eqn: Eqn, names: _Names, indent: str, sources: bool) -> list[str]:
    outs = " ".join(names.typed(v) if not isinstance(v, DropVar) else "_" for v in eqn.outvars)
    ins = " ".join(names(v) for v in eqn.invars)
    inner = subjaxprs(eqn)
    head = f"{indent}{outs} = {eqn.primitive.name}" if eqn.outvars else f"{indent}{eqn.primitive}"
    tail = f"  # {describe(eqn.source)}" if sources else ""
    if not inner:
        params = " ".join(f"{k}={param_text(v)}" for k, v in sorted(eqn.params.items()))
        return [f"{head}[{params}] {ins}{tail}" if params else f"{head} {ins}{tail}"]
    lines = [f"{head}[{tail}"]
    for key, value in sorted(eqn.params.items()):
        programs = [value] if isinstance(value, Jaxpr) else value
        if isinstance(programs, (tuple, list)) and any(isinstance(v, Jaxpr) for v in programs):
            for n, sub in enumerate(programs):
                label = key if len(programs) == 1 else f"{key}[{n}]"
                if not isinstance(sub, Jaxpr):
                    lines.append(f"{indent}  {label}={param_text(sub)}")
                    continue
                lines.append(f"{indent}  {label}={{")
                lines.extend(_jaxpr_lines(sub, indent + "    ", sources))
                lines.append(f"{indent}  }}")
        else:
            lines.append(f"{indent}  {key}={param_text(value)}")
    lines.append(f"{indent}] {ins}")
    return lines


def _jaxpr_lines(jaxpr: Jaxpr, indent: str, sources: bool) -> list[str]:
    names = _Names()
    consts = " ".join(names.typed(v) for v in jaxpr.constvars)
    ins = " ".join(names.typed(v) for v in jaxpr.invars)
    lines = [f"{indent}lambda {consts}; {ins}. let" if consts else f"{indent}lambda ; {ins}. let"]
    for eqn in jaxpr.eqns:
        lines.extend(_eqn_lines(eqn, names, indent + "  ", sources))
    outs = ", ".join(names(v) for v in jaxpr.outvars)
    outs = f"({outs},)" if len(jaxpr.outvars) == 1 else f"({outs})"
    lines.append(f"{indent}in {outs}")
    return lines


def pretty(jaxpr: Jaxpr, sources: bool = False) -> str:
    """The program as text; with `sources`, each equation with the user's line."""
    return "{ " + "\n".join(_jaxpr_lines(jaxpr, "", sources)) + " }"


def pretty_eqn(eqn: Eqn) -> str:
    """One equation as text."""
    return "\n".join(_eqn_lines(eqn, _Names(), "", False))


Jaxpr.__repr__ = pretty  # type: ignore[method-assign]
Jaxpr.__str__ = pretty  # type: ignore[method-assign]
Eqn.__repr__ = pretty_eqn  # type: ignore[method-assign]
