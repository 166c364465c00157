"""`jax.interpreters.partial_eval`: known and unknown values, programs of the unknown part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingot.compat.linear_util import WrappedFun
from ingot.control.call import jit_p
from ingot.control.checkpoint import checkpoint_p
from ingot.control.shard_map import shard_map_p
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import current, interpreting, to_array
from ingot.core.jaxpr import Eqn, Jaxpr, lasting_effects
from ingot.transforms.stage import (
    JaxprTracer,
    JaxprTracer as DynamicJaxprTracer,
    StagingInterpreter,
    dce_jaxpr as _dce_jaxpr,
    stage,
)


class PartialVal(tuple[Any, Any]):
    """(None, value) of what is known, (type, None) of what is not."""

    @classmethod
    def known(cls, const: Any) -> PartialVal:
        """A known value."""
        return cls((None, const))

    @classmethod
    def unknown(cls, aval: ShapedArray) -> PartialVal:
        """An unknown value of a type."""
        return cls((aval, None))

    def is_known(self) -> bool:
        """Whether the value is known."""
        return self[0] is None

    def get_known(self) -> Any:
        """The value, None if it is not known."""
        return self[1]

    def get_aval(self) -> Any:
        """The type."""
        return to_array(self[1]).aval if self[0] is None else self[0]


def trace_to_jaxpr_nounits(fun: WrappedFun, pvals: Sequence[PartialVal], instantiate: Any = False,
                           ) -> tuple[Jaxpr, list[PartialVal], list[Any]]:
    """Run a flat function on known and unknown values.

    Results that do not depend on an unknown one are known. Returns the program of the others, whose
    constants are its leading arguments, the results, and the constants.
    """
    interpreter = StagingInterpreter(current(), only_traced=True)
    try:
        arguments = interpreter.arguments([p[0] for p in pvals if not p.is_known()])
        rest = iter(arguments)
        args = [p[1] if p.is_known() else next(rest) for p in pvals]
        with interpreting(interpreter):
            outs = list(fun.call_wrapped(*args))
        force = [instantiate] * len(outs) if isinstance(instantiate, bool) else list(instantiate)
        unknown = [interpreter.owns(o) or f for o, f in zip(outs, force, strict=True)]
        jaxpr = interpreter.finish(
            arguments, [o for o, u in zip(outs, unknown, strict=True) if u], "partial")
    finally:
        interpreter.alive = False
    rest = iter(jaxpr.out_avals)
    found = [PartialVal.unknown(next(rest)) if u else PartialVal.known(o)
             for o, u in zip(outs, unknown, strict=True)]
    program = Jaxpr([], [*jaxpr.constvars, *jaxpr.invars], jaxpr.outvars, jaxpr.eqns)
    return program, found, list(jaxpr.consts)


def trace_to_jaxpr_dynamic(fun: WrappedFun, in_avals: Sequence[ShapedArray], **_: Any
                           ) -> tuple[Jaxpr, list[ShapedArray], list[Any]]:
    """The program of a flat function, the types of its results, its constants."""
    jaxpr = stage(lambda *xs: list(fun.call_wrapped(*xs)), in_avals)
    return jaxpr, jaxpr.out_avals, list(jaxpr.consts)


def dce_jaxpr(jaxpr: Jaxpr, used_outputs: Sequence[bool], instantiate: Any = False
              ) -> tuple[Jaxpr, list[bool]]:
    """Keep some results and what they need; also says which arguments are still read, or kept where
    `instantiate` says so. Programs that equations call keep what is used of them."""
    keep = [instantiate] * len(jaxpr.invars) if isinstance(instantiate, bool) else instantiate
    needed = {v for v, u in zip(jaxpr.outvars, used_outputs, strict=True) if u}
    eqns: list[Eqn] = []
    for eqn in reversed(jaxpr.eqns):
        used = [v in needed for v in eqn.outvars]
        if not (any(used) or lasting_effects(eqn.effects)):
            continue
        eqn = _DCE.get(eqn.primitive, _all_of_it)(eqn, used)
        needed.update(eqn.invars)
        eqns.append(eqn)
    out, read = _dce_jaxpr(jaxpr.replace(eqns=eqns[::-1]), used_outputs)
    read = [r or k for r, k in zip(read, keep, strict=True)]
    return out.replace(invars=[v for v, r in zip(jaxpr.invars, read, strict=True) if r]), read


def _all_of_it(eqn: Eqn, used: Sequence[bool]) -> Eqn:
    return eqn


def _call_dce(eqn: Eqn, used: Sequence[bool]) -> Eqn:
    """A call of which only some results are used; what its specs say goes with each of them."""
    program, read = dce_jaxpr(eqn.params["jaxpr"], used)

    def rest(values: Sequence[Any], kept: Sequence[bool]) -> list[Any]:
        return [v for v, k in zip(values, kept, strict=True) if k]

    params = {**eqn.params, "jaxpr": program}
    for name, kept in (("in_specs", read), ("out_specs", used)):
        if name in params:
            params[name] = tuple(rest(params[name], kept))
    return eqn.replace(invars=rest(eqn.invars, read), outvars=rest(eqn.outvars, used),
                       params=params)


_DCE = dict.fromkeys((jit_p, checkpoint_p, shard_map_p), _call_dce)


def convert_constvars_jaxpr(jaxpr: Jaxpr) -> Jaxpr:
    """The program with its constants as leading arguments."""
    return Jaxpr([], [*jaxpr.constvars, *jaxpr.invars], jaxpr.outvars, jaxpr.eqns)


__all__ = ["DynamicJaxprTracer", "JaxprTracer", "PartialVal", "convert_constvars_jaxpr",
           "dce_jaxpr", "trace_to_jaxpr_dynamic", "trace_to_jaxpr_nounits"]
