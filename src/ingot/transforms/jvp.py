"""Forward derivative: values travel with their tangents. An absent tangent is None."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ingot.core.avals import is_inexact
from ingot.core.interpreter import (
    Interpreter,
    Tracer,
    current,
    interpreting,
    to_array,
    typeof,
)
from ingot.core.jaxpr import Jaxpr, eval_jaxpr
from ingot.core.primitive import LINEAR, ZERO, Primitive
from ingot.core.source_info import Source, derivative_of, source_context, user_source
from ingot.core.typecheck import checked
from ingot.primitives.arithmetic import add_any_p
from ingot.primitives.movement import zeros
from ingot.transforms.stage import StagingInterpreter, stage


class JVPTracer(Tracer):
    """A value and its tangent: arrays, tracers, or the Python numbers that `jvp` was given."""

    __slots__ = ("primal", "tangent")

    def __init__(self, interpreter: JVPInterpreter, primal: Any, tangent: Any):
        Tracer.__init__(self, interpreter, typeof(primal))
        self.primal, self.tangent = primal, tangent
        self._source = getattr(primal, "_source", None)

    def concrete(self) -> Any:
        return self.primal.concrete() if isinstance(self.primal, Tracer) else to_array(self.primal)

    def differentiated(self) -> bool:
        return True


class JVPInterpreter(Interpreter):
    """Primals are computed by `parent`, tangents by `tangents` (the same, or a linear stage)."""

    def __init__(self, parent: Interpreter, tangents: Interpreter | None = None):
        self.parent: Interpreter = parent
        self.tangents: Interpreter = tangents or parent

    def name(self) -> str:
        return "a derivative: grad, jvp, vjp or linearize"

    def split(self, x: Any) -> tuple[Any, Any]:
        """Primal and tangent (None where there is none)."""
        if isinstance(x, JVPTracer) and x._interpreter is self:
            return x.primal, x.tangent
        return x, None

    def join(self, primal: Any, tangent: Any, source: Source | None = None) -> Any:
        """A tracer if there is a tangent, else the plain value; `source` says where it was made."""
        if tangent is None or not is_inexact(typeof(primal)):
            return primal
        tracer = JVPTracer(self, primal, tangent)
        tracer._source = tracer._source or source
        return tracer

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        primals: list[Any] = []
        tangents: list[Any] = []
        for x in args:
            primal, tangent = self.split(x)
            if not primitive.takes_numbers:
                primal = to_array(primal)
                tangent = tangent if tangent is None else to_array(tangent)
            primals.append(primal)
            tangents.append(tangent)
        if not any([t is not None for t in tangents]):
            with interpreting(self.parent):
                return primitive.bind(*primals, **params)
        source = source_context.origin or (None if primitive.higher_order else user_source())
        if primitive.higher_order:
            outs, out_tangents = self.rule(primitive, primals, tangents, params)
        else:  # the equations of a rule come from one line: it is looked for once
            before = source_context.origin
            source_context.origin = source
            try:
                outs, out_tangents = self.rule(primitive, primals, tangents, params)
            finally:
                source_context.origin = before
        if primitive.multiple_results:
            return [self.join(o, t, source) for o, t in zip(outs, out_tangents, strict=True)]
        return self.join(outs, out_tangents, source)

    def rule(self, primitive: Primitive, primals: list[Any], tangents: list[Any],
             params: dict[str, Any]) -> tuple[Any, Any]:
        """Results and their tangents, in lists if the primitive has several results."""
        if primitive.linearize is not None and self.linear:
            return self._linearize(primitive, primals, tangents, params)
        rule = primitive.rule("jvp")
        if rule is ZERO or rule is LINEAR or isinstance(rule, (list, tuple)):
            with interpreting(self.parent):
                out = primitive.bind(*primals, **params)
            if source_context.origin is not None and not primitive.higher_order:
                source_context.origin = derivative_of(primitive.name, source_context.origin)
            with interpreting(self.tangents):
                return out, _tangent_out(primitive, rule, primals, tangents, out, params)
        with interpreting(self.tangents):
            if not primitive.higher_order:
                tangents = [instantiate(t, x) for t, x in zip(tangents, primals, strict=True)]
            return rule(primals, tangents, **params)

    @property
    def linear(self) -> bool:
        """Whether tangents go into a linear program, so that primals must not depend on them."""
        return isinstance(self.tangents, StagingInterpreter) and self.tangents.only_traced

    def _linearize(self, primitive: Primitive, primals: list[Any], tangents: list[Any],
                   params: dict[str, Any]) -> tuple[list[Any], list[Any]]:
        nonzero = [t is not None for t in tangents]
        with interpreting(self.parent):
            outs, has, apply = primitive.linearize(nonzero, *primals, **params)  # type: ignore[misc]
        with interpreting(self.tangents):
            given = apply(*[t for t in tangents if t is not None])
        rest = iter(given)
        return outs, [next(rest) if h else None for h in has]


def instantiate(tangent: Any, primal: Any) -> Any:
    """A tangent, with zeros in place of None."""
    return zeros(typeof(primal).to_tangent_aval()) if tangent is None else tangent


def add_tangents(x: Any, y: Any) -> Any:
    """Sum of two tangents or cotangents, either of which may be absent."""
    if x is None or y is None:
        return y if x is None else x
    return add_any_p.bind(x, y)


def _tangent_out(primitive: Primitive, rule: Any, primals: list[Any], tangents: list[Any],
                 out: Any, params: dict[str, Any]) -> Any:
    several = primitive.multiple_results
    if rule is ZERO:
        return [None] * len(out) if several else None
    if rule is LINEAR:
        tangents = [instantiate(t, x) for t, x in zip(tangents, primals, strict=True)]
        return primitive.bind(*tangents, **params)
    total: Any = [None] * len(out) if several else None
    partials = list(rule)
    if len(partials) != len(primals):  # variadic: the one partial is told which argument it is for
        partials = [_nth(rule[0], i) for i in range(len(primals))]
    for partial, t in zip(partials, tangents, strict=True):
        if t is None or partial is None:
            continue
        d = partial(t, out, *primals, **params)
        if several:
            total = [add_tangents(a, b) for a, b in zip(total, d, strict=True)]
        else:
            total = add_tangents(total, d)
    return total


def _nth(partial: Callable[..., Any], i: int) -> Callable[..., Any]:
    return lambda t, out, *args, **params: partial(t, out, *args, argument=i, **params)


def jvp(fun: Callable[..., Sequence[Any]], primals: Sequence[Any], tangents: Sequence[Any]
        ) -> tuple[list[Any], list[Any]]:
    """Results of a function on flat lists and their tangents; None stands for no tangent."""
    interpreter = JVPInterpreter(current())
    try:
        with interpreting(interpreter):
            outs = fun(*[interpreter.join(x, t) for x, t in zip(primals, tangents, strict=True)])
            pairs = [interpreter.split(o) for o in outs]
    finally:
        interpreter.alive = False
    return [p for p, _ in pairs], [t for _, t in pairs]


def jvp_jaxpr(jaxpr: Jaxpr, nonzero: Sequence[bool], instantiate_outs: Any = False
              ) -> tuple[Jaxpr, list[bool]]:
    """The program (primals, nonzero tangents) -> (results, nonzero tangents of results).

    `instantiate_outs` (a bool, or one for each result) asks for zeros where there is no tangent.
    Returns the program and which results have tangents.
    """
    n_out = len(jaxpr.outvars)
    forced = ([instantiate_outs] * n_out if isinstance(instantiate_outs, bool)
              else list(instantiate_outs))
    key = ("jvp", tuple(nonzero), tuple(forced))
    return jaxpr.memo(key, lambda: _jvp_jaxpr(jaxpr, nonzero, forced))


def _jvp_jaxpr(jaxpr: Jaxpr, nonzero: Sequence[bool], forced: Sequence[bool]
               ) -> tuple[Jaxpr, list[bool]]:
    n = len(jaxpr.invars)
    has: list[bool] = []

    def fun(*args: Any) -> list[Any]:
        primals, rest = args[:n], iter(args[n:])
        tangents = [next(rest) if nz else None for nz in nonzero]
        outs, out_ts = jvp(lambda *xs: eval_jaxpr(jaxpr, jaxpr.consts, *xs), primals, tangents)
        out_ts = [instantiate(t, o) if f and is_inexact(typeof(o)) else t
                  for t, o, f in zip(out_ts, outs, forced, strict=True)]
        has[:] = [t is not None for t in out_ts]
        return [*outs, *(t for t in out_ts if t is not None)]

    avals = jaxpr.in_avals
    tangent_avals = [a.to_tangent_aval()
                     for a, nz in zip(avals, nonzero, strict=True) if nz]
    out = stage(fun, [*avals, *tangent_avals], f"jvp_{jaxpr.debug_name}")
    return checked(out, "jvp_jaxpr"), list(has)
