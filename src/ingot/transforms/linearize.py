"""Split a function into a known part and a linear program that maps tangents to tangents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ingot.core.avals import is_inexact
from ingot.core.interpreter import Tracer, current, interpreting, typeof
from ingot.core.jaxpr import Jaxpr, Literal, Var, eval_jaxpr
from ingot.core.rewrite import Renaming
from ingot.core.typecheck import checked
from ingot.primitives.movement import zeros
from ingot.transforms.jvp import JVPInterpreter
from ingot.transforms.stage import StagingInterpreter, stage


@dataclass
class LinearizedFunction:
    """A linear program at a point: its arguments are the tangents, its constants the residuals.

    `has` says which results depend on the tangents; the program returns those alone.
    """

    jaxpr: Jaxpr
    has: list[bool]


def linearize(fun: Callable[..., Sequence[Any]], primals: Sequence[Any],
              nonzero: Sequence[bool] | None = None) -> tuple[list[Any], LinearizedFunction]:
    """Results of a function on flat lists, and the linear program of its derivative there."""
    if nonzero is None:
        nonzero = [is_inexact(typeof(x)) for x in primals]
    parent = current()
    linear = StagingInterpreter(parent, only_traced=True)
    interpreter = JVPInterpreter(parent, linear)
    try:
        arguments = linear.arguments([typeof(x).to_tangent_aval()
                                      for x, nz in zip(primals, nonzero, strict=True) if nz])
        rest = iter(arguments)
        with interpreting(interpreter):
            outs = fun(*[interpreter.join(x, next(rest) if nz else None)
                         for x, nz in zip(primals, nonzero, strict=True)])
            pairs = [interpreter.split(o) for o in outs]
        has = [t is not None for _, t in pairs]
        jaxpr = linear.finish(arguments, [t for _, t in pairs if t is not None], "linear")
    finally:
        interpreter.alive = linear.alive = False
    return [p for p, _ in pairs], LinearizedFunction(jaxpr, has)


@dataclass
class LinearizedJaxpr:
    """`known`: arguments -> results and residuals; `linear`: residuals and nonzero tangents ->
    tangents of those results for which `has` holds.

    `forwarded[i]` is the number of the argument that residual i merely repeats, or None; such
    residuals are not among the results of `known`.
    """

    known: Jaxpr
    linear: Jaxpr
    has: list[bool]
    forwarded: list[int | None]

    def residuals(self, args: Sequence[Any], computed: Sequence[Any]) -> list[Any]:
        """All residuals, from the arguments and the extra results of `known`."""
        rest = iter(computed)
        return [next(rest) if f is None else args[f] for f in self.forwarded]


def linearize_jaxpr(jaxpr: Jaxpr, nonzero: Sequence[bool],
                    force: Sequence[bool] | None = None) -> LinearizedJaxpr:
    """Split a program; `force` asks for (zero) tangents of results that have none."""
    key = ("linearize", tuple(nonzero), None if force is None else tuple(force))
    return jaxpr.memo(key, lambda: _linearize_jaxpr(jaxpr, nonzero, force))


def _linearize_jaxpr(jaxpr: Jaxpr, nonzero: Sequence[bool], force: Sequence[bool] | None
                     ) -> LinearizedJaxpr:
    found: list[LinearizedFunction] = []
    kept: list[tuple[Var, Any]] = []

    def fun(*args: Any) -> list[Any]:
        outs, linear = linearize(lambda *xs: eval_jaxpr(jaxpr, jaxpr.consts, *xs), args, nonzero)
        found.append(linear)
        residuals = [(v, c) for v, c in zip(linear.jaxpr.constvars, linear.jaxpr.consts,
                                            strict=True)
                     if isinstance(c, Tracer)]
        kept.extend(residuals)
        return [*outs, *(c for _, c in residuals)]

    known = stage(fun, jaxpr.in_avals, jaxpr.debug_name)
    (linear,) = found
    known, variables, forwarded = _dedupe(known, len(jaxpr.outvars), [v for v, _ in kept])
    if force is not None:
        linear = _instantiate_outs(linear, force, jaxpr)
    traced = {v for v, _ in kept}
    fixed = [(v, c) for v, c in zip(linear.jaxpr.constvars, linear.jaxpr.consts,
                                            strict=True)
             if v not in traced]
    program = Jaxpr([v for v, _ in fixed], [*variables, *linear.jaxpr.invars],
                    linear.jaxpr.outvars, linear.jaxpr.eqns, [c for _, c in fixed],
                    debug_name=f"linear_{jaxpr.debug_name}")
    return LinearizedJaxpr(checked(known, "linearize_jaxpr"), checked(program, "linearize_jaxpr"),
                           linear.has, forwarded)


def _instantiate_outs(linear: LinearizedFunction, force: Sequence[bool],
                      jaxpr: Jaxpr) -> LinearizedFunction:
    """Add zero tangents for results that must have one."""
    inner = linear.jaxpr

    def fun(*args: Any) -> list[Any]:
        rest = iter(eval_jaxpr(inner, args[: len(inner.constvars)],
                               *args[len(inner.constvars) :]))
        outs = [next(rest) if h else None for h in linear.has]
        return [zeros(v.aval.to_tangent_aval()) if t is None and f else t
                for t, f, v in zip(outs, force, jaxpr.outvars, strict=True)
                if t is not None or f]

    if all(h or not f for h, f in zip(linear.has, force, strict=True)):
        return linear
    avals = [v.aval for v in (*inner.constvars, *inner.invars)]
    staged = stage(fun, avals, inner.debug_name)
    n = len(inner.constvars)
    closed = Jaxpr([*staged.constvars, *staged.invars[:n]], staged.invars[n:], staged.outvars,
                   staged.eqns, [*staged.consts, *inner.consts], debug_name=inner.debug_name)
    has = [h or f for h, f in zip(linear.has, force, strict=True)]
    # Residuals are known by the names of the constant variables.
    names = Renaming(dict(zip(staged.invars[:n], inner.constvars, strict=True)))
    return LinearizedFunction(closed.replace(
        constvars=names.atoms(closed.constvars), outvars=names.atoms(closed.outvars),
        eqns=[names.eqn(e) for e in closed.eqns]), has)


def _dedupe(known: Jaxpr, num_outs: int, variables: list[Var]
            ) -> tuple[Jaxpr, list[Var], list[int | None]]:
    """Drop residual results that repeat arguments; say which."""
    place = {v: i for i, v in enumerate(known.invars)}
    forwarded: list[int | None] = []
    outs: list[Any] = list(known.outvars[:num_outs])
    for atom in known.outvars[num_outs:]:
        where = place.get(atom) if type(atom) is not Literal else None  # type: ignore[arg-type]
        forwarded.append(where)
        if where is None:
            outs.append(atom)
    return known.replace(outvars=outs), variables, forwarded
