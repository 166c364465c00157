"""Programs as JAX shows them: operands of elementwise operations that fit are not broadcast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingot.api.stages import Traced
from ingot.config import config
from ingot.core.interpreter import EVAL, current, to_array
from ingot.core.jaxpr import Eqn, Jaxpr, Literal
from ingot.core.primitive import Primitive
from ingot.core.printing import pretty
from ingot.core.program_text import program_text
from ingot.primitives.movement import broadcast_in_dim, broadcast_in_dim_p
from ingot.transforms.stage import StagingInterpreter


def shown(jaxpr: Jaxpr) -> Jaxpr:
    """The program with operands of rank 0, and axes of length 1, where elementwise operations of
    two arguments get what was broadcast to the other's shape.

    Packages that walk over equations tell numbers from variables so (distrax inverts functions by
    it), and count equations. `bind` takes such operands, and so the program can be evaluated.
    """
    return jaxpr.memo("shown", lambda: _shown(jaxpr))


def _shown(jaxpr: Jaxpr) -> Jaxpr:
    whole = {e.outvars[0]: e.invars[0] for e in jaxpr.eqns
             if e.primitive is broadcast_in_dim_p and _fits(e)}
    if not whole:
        return jaxpr
    eqns = [_as_given(e, whole) for e in jaxpr.eqns]
    read = {v for e in eqns for v in e.invars if type(v) is not Literal}
    read.update(v for v in jaxpr.outvars if type(v) is not Literal)
    return jaxpr.replace(eqns=[e for e in eqns if e.outvars[0:1] == [] or e.outvars[0] in read
                               or e.outvars[0] not in whole])


def _fits(eqn: Eqn) -> bool:
    """Whether the operand of a broadcast may stand beside its result: it is a scalar, or of the
    same rank."""
    given, out = eqn.invars[0].aval.shape, eqn.outvars[0].aval.shape
    return not given or (len(given) == len(out) and len(eqn.invars) == 1
                         and tuple(eqn.params["broadcast_dimensions"]) == tuple(range(len(out))))


def _as_given(eqn: Eqn, whole: dict[Any, Any]) -> Eqn:
    if not eqn.primitive.elementwise or len(eqn.invars) != 2:
        return eqn
    given = [v if type(v) is Literal else whole.get(v, v) for v in eqn.invars]
    whole_shape = tuple(map(_longest, zip(*[v.aval.shape for v in given], strict=False)))
    if all(g is v for g, v in zip(given, eqn.invars, strict=True)) or (
            given[0] is not eqn.invars[0] and given[1] is not eqn.invars[1]
            and whole_shape != eqn.outvars[0].aval.shape):
        return eqn
    return eqn.replace(invars=given)


def bind(primitive: Primitive, *args: Any, **params: Any) -> Any:
    """Apply an operation in the current interpreter; elementwise ones broadcast operands of rank 0.

    Evaluation and staging are asked first, as they refuse them, and most calls have none. Other
    interpreters would take one operand after the other, and see no difference.
    """
    interpreter = current()
    if interpreter is EVAL or type(interpreter) is StagingInterpreter or not primitive.elementwise:
        try:
            return interpreter.process(primitive, args, params)
        except TypeError:
            whole = _broadcast(args) if primitive.elementwise else args
            if whole is args:
                raise
    else:
        whole = _broadcast(args)
    return interpreter.process(primitive, whole, params)


def _broadcast(args: Sequence[Any]) -> Sequence[Any]:
    """Operands of one shape, if they are that but for some of rank 0 and axes of length 1; else
    themselves."""
    shapes = [getattr(x, "shape", ()) for x in args]
    ranks = {len(s) for s in shapes} - {0}
    if all(s == shapes[0] for s in shapes) or len(ranks) != 1:
        return args
    shape = tuple(map(_longest, zip(*[s for s in shapes if s], strict=True)))
    if any(n not in (1, m) for s in shapes for n, m in zip(s, shape, strict=False)):
        return args
    return [x if s == shape else broadcast_in_dim(to_array(x), shape, tuple(range(len(s))))
            for x, s in zip(args, shapes, strict=True)]


def _longest(lengths: Sequence[Any]) -> Any:
    """The length of an axis to which others of length 1 are stretched."""
    return next((n for n in lengths if n != 1), 1)


Primitive.bind = bind  # type: ignore[method-assign]
def pretty_print(jaxpr: Jaxpr, **how: Any) -> str:
    """The program as text, with numbers as `shown` has them."""
    return program_text(jaxpr, view=shown if config.match_jax else lambda jaxpr: jaxpr, **how)


def _repr(jaxpr: Jaxpr) -> str:
    return pretty_print(jaxpr) if config.match_jax else pretty(jaxpr)


Jaxpr.pretty_print = pretty_print  # type: ignore[attr-defined]
Jaxpr.__repr__ = Jaxpr.__str__ = _repr  # type: ignore[method-assign]
Traced.jaxpr = property(  # type: ignore[assignment]
    lambda self: shown(self._jaxpr) if config.match_jax else self._jaxpr)
Jaxpr.jaxpr = property(  # type: ignore[assignment]
    lambda self: shown(self) if config.match_jax else self)

__all__ = ["bind", "shown"]
