"""Programs as JAX shows them: numbers beside arrays are literals of rank 0, not broadcast."""

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
    """The program with literals of rank 0 where elementwise operations of two arguments get numbers
    that were broadcast to the other's shape.

    Packages that walk over equations tell numbers from variables so (distrax inverts functions by
    it), and count equations. `bind` takes such operands, and so the program can be evaluated.
    """
    return jaxpr.memo("shown", lambda: _shown(jaxpr))


def _shown(jaxpr: Jaxpr) -> Jaxpr:
    numbers = {e.outvars[0]: e.invars[0] for e in jaxpr.eqns if e.primitive is broadcast_in_dim_p
               and type(e.invars[0]) is Literal}
    if not numbers:
        return jaxpr
    eqns = [_with_numbers(e, numbers) for e in jaxpr.eqns]
    read = {v for e in eqns for v in e.invars if type(v) is not Literal}
    read.update(v for v in jaxpr.outvars if type(v) is not Literal)
    return jaxpr.replace(eqns=[e for e in eqns if e.outvars[0:1] == [] or e.outvars[0] in read
                               or e.outvars[0] not in numbers])


def _with_numbers(eqn: Eqn, numbers: dict[Any, Any]) -> Eqn:
    if not eqn.primitive.elementwise or len(eqn.invars) != 2:
        return eqn
    known = [type(v) is not Literal and v in numbers for v in eqn.invars]
    if known[0] == known[1]:
        return eqn
    return eqn.replace(invars=[numbers[v] if k else v
                               for v, k in zip(eqn.invars, known, strict=True)])


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
    """Operands of one shape, if they are that but for some of rank 0; else themselves."""
    shapes = [getattr(x, "shape", ()) for x in args]
    if all(s == shapes[0] for s in shapes) or len({*shapes} - {()}) != 1:
        return args
    shape = max(shapes, key=len)
    return [x if s else broadcast_in_dim(to_array(x), shape, ())
            for x, s in zip(args, shapes, strict=True)]


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
