"""Run a linear program backwards: cotangents of results to cotangents of arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingot.core.avals import ShapedArray, is_inexact
from ingot.core.interpreter import typeof
from ingot.core.jaxpr import Jaxpr, Literal, Var
from ingot.core.primitive import UndefinedPrimal
from ingot.core.rewrite import Environment, bind_equation
from ingot.core.source_info import source_context
from ingot.core.typecheck import checked
from ingot.primitives.collective import as_cotangent
from ingot.primitives.constraint import reshard
from ingot.primitives.movement import zeros
from ingot.primitives.out_sharding import undivided
from ingot.transforms.jvp import add_tangents
from ingot.transforms.stage import stage


def transpose(jaxpr: Jaxpr, consts: Sequence[Any], args: Sequence[Any], cts: Sequence[Any]
              ) -> list[Any]:
    """Cotangents of the linear arguments of a program, given those of its results.

    args: `Linear` where a cotangent is asked for, values elsewhere; cts: None where absent.
    Equations that do not depend on a linear argument are evaluated first. Returns a list with
    None for the other arguments and for cotangents that are zero.
    """
    env = Environment(jaxpr, args, consts)
    linear = {var for var, arg in zip(jaxpr.invars, args, strict=True)
              if type(arg) is UndefinedPrimal}
    backwards = _run_nonlinear(jaxpr, env, linear)
    ct_env: dict[Var, Any] = {}
    given = {v for v, ct in zip(jaxpr.outvars, cts, strict=True) if ct is not None}
    for atom, ct in zip(jaxpr.outvars, cts, strict=True):
        _add(ct_env, linear, atom, ct)
    before = source_context.origin
    try:
        for eqn in reversed(backwards):
            if not given.isdisjoint(eqn.outvars):  # some cotangent depends on it
                given.update(eqn.invars)
                source_context.origin = eqn.source
                _transpose_eqn(eqn, env, linear, ct_env)
    finally:
        source_context.origin = before
    return [ct_env.get(v) if v in linear else None for v in jaxpr.invars]


def _run_nonlinear(jaxpr: Jaxpr, env: Environment, linear: set[Var]) -> list[Any]:
    """Evaluate equations without linear operands; return the others."""
    rest: list[Any] = []
    for eqn in jaxpr.eqns:
        if not linear.isdisjoint(eqn.invars):
            rest.append(eqn)
            linear.update(eqn.outvars)
            env.define(eqn.outvars, [UndefinedPrimal(v.aval) for v in eqn.outvars])
        else:
            env.define(eqn.outvars, bind_equation(eqn, env.read_all(eqn.invars)))
    return rest


def _add(ct_env: dict[Var, Any], linear: set[Var], atom: Any, ct: Any) -> None:
    if ct is not None and type(atom) is not Literal and atom in linear and is_inexact(atom.aval):
        ct_env[atom] = add_tangents(ct_env.get(atom), _as_varied(ct, atom.aval))


def _as_varied(ct: Any, aval: ShapedArray) -> Any:
    """Sum a cotangent over the Manual axes over which the value did not vary, and divide it as the
    value is over Explicit ones."""
    given = typeof(ct)
    if not (given.is_placed or aval.is_placed):
        return ct
    ct = as_cotangent(ct, aval.mat)
    wanted = aval.to_ct_aval()
    if given._sharding != wanted._sharding:
        ct = reshard(ct, (given if wanted._sharding is None else wanted).sharding.update(
            spec=wanted.sharding.spec))
    return ct


def _ambiguous(primitive: Any, avals: Sequence[ShapedArray]) -> bool:
    """Whether a transpose rule may meet operations whose results can be divided in several ways
    over Explicit axes: that of an elementwise one does not."""
    return not primitive.higher_order and primitive.division is not None and any(
        [a._sharding is not None for a in avals])


def _undivided(x: Any) -> Any:
    """Return an argument of a transpose rule whose type says nothing of Explicit axes."""
    if type(x) is UndefinedPrimal:
        return UndefinedPrimal(x.aval.update(sharding=None))
    return x if x is None else undivided(x)


def _transpose_eqn(eqn: Any, env: Environment, linear: set[Var], ct_env: dict[Var, Any]) -> None:
    primitive = eqn.primitive
    cts = [ct_env.pop(v, None) for v in eqn.outvars]
    if not primitive.transposes_zeros and not any([ct is not None for ct in cts]):
        return
    args = given = env.read_all(eqn.invars)
    if primitive.multiple_results and not primitive.higher_order:
        cts = [zeros(v.aval.to_ct_aval()) if ct is None else ct
               for ct, v in zip(cts, eqn.outvars, strict=True)]
    if primitive.divides is None and _ambiguous(
            primitive, [a.aval for a in (*eqn.invars, *eqn.outvars)]):
        args, cts = list(map(_undivided, args)), list(map(_undivided, cts))
    if primitive.multiple_results:
        found = primitive.rule("transpose")(cts, *args, **eqn.params)
    else:
        found = primitive.rule("transpose")(cts[0], *args, **eqn.params)
    for atom, arg, ct in zip(eqn.invars, given, found, strict=True):
        if type(arg) is UndefinedPrimal:
            _add(ct_env, linear, atom, ct)


def transpose_jaxpr(jaxpr: Jaxpr, linear: Sequence[bool], ct_nonzero: Sequence[bool],
                    force: bool = False) -> tuple[Jaxpr, list[bool]]:
    """The program (values of nonlinear arguments, cotangents present) -> cotangents of linear ones.

    Returns which linear arguments get a cotangent; with `force`, all do.
    """
    key = ("transpose", tuple(linear), tuple(ct_nonzero), force)
    return jaxpr.memo(key, lambda: _transpose_jaxpr(jaxpr, linear, ct_nonzero, force))


def _transpose_jaxpr(jaxpr: Jaxpr, linear: Sequence[bool], ct_nonzero: Sequence[bool], force: bool
                     ) -> tuple[Jaxpr, list[bool]]:
    has: list[bool] = []
    num_known = len(linear) - sum(linear)

    def fun(*args: Any) -> list[Any]:
        known, given = iter(args[:num_known]), iter(args[num_known:])
        full = [UndefinedPrimal(v.aval) if lin else next(known)
                for v, lin in zip(jaxpr.invars, linear, strict=True)]
        cts = [next(given) if nz else None for nz in ct_nonzero]
        found = transpose(jaxpr, jaxpr.consts, full, cts)
        picked = [(ct, v) for ct, v, lin in zip(found, jaxpr.invars, linear, strict=True) if lin]
        has[:] = [force or ct is not None for ct, _ in picked]
        return [zeros(v.aval.to_ct_aval()) if ct is None else ct
                for ct, v in picked if force or ct is not None]

    avals = [v.aval for v, lin in zip(jaxpr.invars, linear, strict=True) if not lin]
    avals += [v.aval.to_ct_aval() for v, nz in zip(jaxpr.outvars, ct_nonzero, strict=True) if nz]
    out = stage(fun, avals, f"transpose_{jaxpr.debug_name}")
    return checked(out, "transpose_jaxpr"), list(has)
