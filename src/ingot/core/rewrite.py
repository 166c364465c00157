"""Rewriting jaxprs: values of variables, renaming, definitions and uses, sub-jaxprs replaced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ingot.core.jaxpr import Atom, Eqn, Jaxpr, Literal, Var
from ingot.core.primitive import Primitive

Rule = Callable[[Eqn, list[Any]], Sequence[Any]]
"""An equation and the values of its operands -> the values of its results."""


def is_var(atom: Atom) -> bool:
    """Whether an atom is a variable, not a literal."""
    return type(atom) is not Literal


class Environment:
    """The values of a jaxpr's variables while it is interpreted."""

    __slots__ = ("values",)

    def __init__(self, jaxpr: Jaxpr, args: Sequence[Any], consts: Sequence[Any] | None = None):
        self.values: dict[Any, Any] = dict(
            zip(jaxpr.constvars, jaxpr.consts if consts is None else consts, strict=True))
        self.values.update(zip(jaxpr.invars, args, strict=True))

    def read(self, atom: Any) -> Any:
        """The value of a variable or literal."""
        return atom.val if type(atom) is Literal else self.values[atom]

    def read_all(self, atoms: Iterable[Any]) -> list[Any]:
        """The values of several variables and literals."""
        values = self.values
        return [a.val if type(a) is Literal else values[a] for a in atoms]

    def define(self, variables: Iterable[Var], values: Iterable[Any]) -> None:
        """Set the values of variables."""
        self.values.update(zip(variables, values, strict=True))


def bind_equation(eqn: Eqn, args: Sequence[Any], params: dict[str, Any] | None = None
                  ) -> Sequence[Any]:
    """The results of an equation in the current interpreter, always as a list."""
    outs = eqn.primitive.bind(*args, **(eqn.params if params is None else params))
    return outs if eqn.primitive.multiple_results else [outs]


def interpret_jaxpr(jaxpr: Jaxpr, args: Sequence[Any], rule: Rule) -> list[Any]:
    """Run a jaxpr equation by equation, each by `rule`; `eval_jaxpr` is the faster form of it in
    which the rule is `bind_equation`."""
    env = Environment(jaxpr, args)
    for eqn in jaxpr.eqns:
        env.define(eqn.outvars, rule(eqn, env.read_all(eqn.invars)))
    return env.read_all(jaxpr.outvars)


class Renaming:
    """Variables replaced by other atoms, in equations and results."""

    __slots__ = ("names",)

    def __init__(self, names: dict[Any, Any] | None = None):
        self.names: dict[Any, Any] = {} if names is None else names

    def replace(self, variables: Iterable[Var], atoms: Iterable[Any]) -> None:
        """Replace variables by atoms from now on."""
        self.names.update(zip(variables, atoms, strict=True))

    def atom(self, atom: Any) -> Any:
        """What an atom is called now."""
        return atom if type(atom) is Literal else self.names.get(atom, atom)

    def atoms(self, atoms: Iterable[Any]) -> list[Any]:
        """What several atoms are called now."""
        return [self.atom(a) for a in atoms]

    def eqn(self, eqn: Eqn) -> Eqn:
        """An equation with its operands renamed; the same object if none is."""
        names = self.names
        if names:
            for a in eqn.invars:
                if type(a) is not Literal and a in names:
                    return eqn.replace(invars=self.atoms(eqn.invars))
        return eqn


def definitions(eqns: Iterable[Eqn]) -> dict[Var, Eqn]:
    """The equation that defines each variable."""
    return {v: eqn for eqn in eqns for v in eqn.outvars}


def use_counts(jaxpr: Jaxpr, weight: Callable[[Eqn], int] | None = None) -> Counter[Var]:
    """How often each variable is read by an equation or as a result; reads of an equation count
    as `weight` says."""
    counts: Counter[Var] = Counter()
    for eqn in jaxpr.eqns:
        n = 1 if weight is None else weight(eqn)
        for atom in eqn.invars:
            if type(atom) is not Literal:
                counts[atom] += n  # type: ignore[index]
    for atom in jaxpr.outvars:
        if type(atom) is not Literal:
            counts[atom] += 1  # type: ignore[index]
    return counts


def used_arguments(jaxpr: Jaxpr) -> list[bool]:
    """Return which arguments some equation or the results need."""
    used = use_counts(jaxpr)
    return [v in used for v in jaxpr.invars]


def primitives_of(jaxpr: Jaxpr) -> frozenset[Primitive]:
    """The primitives of a jaxpr's own equations, by which a pass sees whether it can act."""
    return jaxpr.memo("primitives", lambda: frozenset([eqn.primitive for eqn in jaxpr.eqns]))


def free_variables(eqns: Iterable[Eqn], outs: Iterable[Atom], bound: set[Var]) -> list[Var]:
    """Variables that equations or results read and that are not in `bound`, in order."""
    free: dict[Any, None] = {}
    for atoms in (*[e.invars for e in eqns], outs):
        for atom in atoms:
            if type(atom) is not Literal and atom not in bound:
                free[atom] = None
    return list(free)


def map_subjaxprs(fun: Callable[[Jaxpr], Jaxpr], eqn: Eqn) -> Eqn:
    """The equation with `fun` of each jaxpr in its parameters; the same object if none changes."""
    changed = {name: new for name, value in eqn.params.items()
               if (new := _map_jaxprs(fun, value)) is not value}
    return eqn.replace(params={**eqn.params, **changed}) if changed else eqn


def _map_jaxprs(fun: Callable[[Jaxpr], Jaxpr], value: Any) -> Any:
    if isinstance(value, Jaxpr):
        return fun(value)
    if type(value) in (tuple, list) and any(isinstance(v, Jaxpr) for v in value):
        new = [fun(v) if isinstance(v, Jaxpr) else v for v in value]
        if any(a is not b for a, b in zip(new, value, strict=True)):
            return type(value)(new)
    return value
