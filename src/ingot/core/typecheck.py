"""The type checker of programs, run after every pass in tests."""

from __future__ import annotations

from ingot.config import config
from ingot.core.avals import short
from ingot.core.interpreter import typeof
from ingot.core.jaxpr import DropVar, Eqn, Jaxpr, Literal, Var, subjaxprs
from ingot.core.printing import pretty, pretty_eqn
from ingot.errors import InternalError


def check_jaxpr(jaxpr: Jaxpr, made_by: str = "") -> Jaxpr:
    """Check a program, and those in its equations.

    jaxpr: a program. made_by: what is blamed in the message -> the program. Raises InternalError
    unless variables are bound before use, once, and types agree.

    >>> from ingot.extend import core
    >>> program = ingot.make_jaxpr(lambda x: x)(1.0)
    >>> core.check_jaxpr(program) is program
    True
    """
    try:
        _check(jaxpr)
    except InternalError as e:
        raise InternalError(f"{made_by or 'a pass'} made an ill-typed program: {e}\n"
                            f"{pretty(jaxpr)}") from None
    return jaxpr


def checked(jaxpr: Jaxpr, made_by: str) -> Jaxpr:
    """`check_jaxpr` when `enable_checks` is on."""
    return check_jaxpr(jaxpr, made_by) if config.enable_checks else jaxpr


def _check(jaxpr: Jaxpr) -> None:
    bound: set[Var] = set()
    for var in [*jaxpr.constvars, *jaxpr.invars]:
        _bind(var, bound)
    for var, value in zip(jaxpr.constvars, jaxpr.consts, strict=True):
        if not typeof(value).same_type(var.aval):
            raise InternalError(f"constant {typeof(value)} for a variable of type {var.aval}")
    for eqn in jaxpr.eqns:
        _check_eqn(eqn, bound)
    for atom in jaxpr.outvars:
        _read(atom, bound, "result")


def _bind(var: Var, bound: set[Var]) -> None:
    if var in bound:
        raise InternalError(f"variable {var!r} is bound twice")
    if not isinstance(var, DropVar):
        bound.add(var)


def _read(atom: Var | Literal, bound: set[Var], what: str) -> None:
    if not isinstance(atom, Literal) and atom not in bound:
        raise InternalError(f"{what} reads {atom!r}, which is not bound")


def _check_eqn(eqn: Eqn, bound: set[Var]) -> None:
    for atom in eqn.invars:
        _read(atom, bound, eqn.primitive.name)
    expected = eqn.primitive.out_avals([a.aval for a in eqn.invars], eqn.params)
    if len(expected) != len(eqn.outvars) or not all(
        isinstance(v, DropVar) or a.same_type(v.aval)
        for a, v in zip(expected, eqn.outvars, strict=True)
    ):
        raise InternalError(
            f"{eqn.primitive}: the type rule gives ({short(expected)}), the equation says"
            f" ({short(v.aval for v in eqn.outvars)})\n{pretty_eqn(eqn)}"
        )
    for var in eqn.outvars:
        _bind(var, bound)
    for inner in subjaxprs(eqn) if eqn.primitive.higher_order else ():
        inner.memo("well typed", lambda inner=inner: _check(inner))
