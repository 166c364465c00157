"""Staging: a Python function becomes a Jaxpr."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.config import config
from ingot.core.array import Array, fetch
from ingot.core.avals import ShapedArray
from ingot.core.effects import NO_EFFECTS
from ingot.core.interpreter import (
    Interpreter,
    Tracer,
    current,
    interpreting,
    leaked_tracer_error,
    to_array,
)
from ingot.core.jaxpr import (
    Eqn,
    Jaxpr,
    Literal,
    Var,
    lasting_effects,
    subjaxprs,
)
from ingot.core.primitive import Primitive
from ingot.core.references import ReferencesUsed, used_references
from ingot.core.source_info import Source, source_context, user_source
from ingot.core.typecheck import checked
from ingot.util import gc_disabled


class JaxprTracer(Tracer):
    """A value of a program under construction."""

    __slots__ = ("atom",)  # `var` is a method of arrays

    def __init__(self, interpreter: StagingInterpreter, aval: ShapedArray, atom: Var | Literal,
                 source: Source | None):
        self._interpreter, self.aval, self.atom, self._source = interpreter, aval, atom, source

    def concrete(self) -> Any:
        return self.atom.val if type(self.atom) is Literal else None

    def computed(self) -> Any:
        known, values = self.concrete(), self._interpreter.values  # type: ignore[attr-defined]
        return known if known is not None or values is None else values.value(self)

    def __repr__(self) -> str:
        values = self._interpreter.values  # type: ignore[attr-defined]
        return (values and values.text(self)) or super().__repr__()

    __str__ = __repr__


class StagingInterpreter(Interpreter):
    """Records equations. With `only_traced`, operations on known values go to the parent, so the
    program holds just what depends on its arguments (that is how linear programs are made)."""

    # What computes values of its tracers while it is at work, if something does: `EagerParts`.
    values: Any = None

    def __init__(self, parent: Interpreter, only_traced: bool = False):
        self.parent: Interpreter = parent
        self.only_traced = only_traced
        self.keeps_references = not only_traced
        self.eqns: list[Eqn] = []
        self.constants: dict[int, tuple[Var, Any, Any]] = {}
        # Scalars that become constants, by their identities; all others become literals.
        self.kept: dict[int, Array] = {}

    def name(self) -> str:
        return "jit or another staging transformation"

    def arguments(self, avals: Sequence[ShapedArray]) -> list[JaxprTracer]:
        """New arguments of the program."""
        source = user_source()
        return [JaxprTracer(self, a, Var(a), source) for a in avals]

    def owns(self, x: Any) -> bool:
        return isinstance(x, Tracer) and x._interpreter is self

    def encloses(self, interpreter: Interpreter | None) -> bool:
        """Whether another interpreter hands its operations on to this one."""
        while interpreter is not None and interpreter is not self:
            interpreter = getattr(interpreter, "parent", None)
        return interpreter is self

    def atom(self, x: Any) -> Var | Literal:
        """The variable or literal that stands for a value; foreign values become constants."""
        if isinstance(x, Tracer):
            if x._interpreter is self:
                return x.atom  # type: ignore[attr-defined]
            if not x._interpreter.alive or self.encloses(x._interpreter):
                raise leaked_tracer_error(x)
            return self.constant(x, x)
        array = to_array(x)
        if not array.aval.shape and array.aval.dtype != dtypes.float0 and not isinstance(
                array.aval.dtype, dtypes.KeyDType) and id(x) not in self.kept:
            return Literal(array)
        return self.constant(x, array)

    def constant(self, given: Any, value: Any) -> Var:
        """The variable of a constant; one for each object, which is kept alive with it.

        NumPy arrays may have changed between two uses, so their contents are compared.
        """
        key = id(given)
        found = self.constants.get(key)
        if found is not None and given is not value and (
                fetch(found[1]).tobytes() != fetch(value).tobytes()):
            key, found = id(value), None
        if found is None:
            found = self.constants[key] = (Var(value.aval), value, given)
        return found[0]

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        if self.only_traced:
            for x in args:
                if type(x) is JaxprTracer and x._interpreter is self:
                    break
            else:
                with interpreting(self.parent):
                    return primitive.bind(*args, **params)
        if primitive.stage is not None:
            args, params = primitive.stage(args, params)
        atoms: list[Any] = []
        avals: list[ShapedArray] = []
        for x in args:
            atom = x.atom if type(x) is JaxprTracer and x._interpreter is self else self.atom(x)
            atoms.append(atom)
            avals.append(atom.aval)
        outs = self.emit(primitive, atoms, primitive.out_avals(avals, params), params)
        return outs if primitive.multiple_results else outs[0]

    def emit(self, primitive: Primitive, atoms: list[Any], out_avals: Sequence[ShapedArray],
             params: dict[str, Any]) -> list[JaxprTracer]:
        """Append an equation and return tracers of its results."""
        outvars = list(map(Var, out_avals))
        source = source_context.origin or user_source()
        effects = NO_EFFECTS
        if primitive.higher_order or primitive.effects is not None:
            effects = effects_of(primitive, params)
        self.eqns.append(Eqn(primitive, atoms, outvars, params, effects, source))
        return [JaxprTracer(self, v.aval, v, source) for v in outvars]

    def finish(self, args: Sequence[JaxprTracer], outs: Sequence[Any], name: str) -> Jaxpr:
        """The program from the given arguments to the given values, without dead equations."""
        outvars = [self.atom(x) for x in outs]
        self.alive = False
        pairs = list(self.constants.values())
        invars = [a.atom for a in args]
        eqns, used = live_equations(self.eqns, outvars)
        kept = [(v, c) for v, c, _ in pairs if v in used]
        return Jaxpr([v for v, _ in kept], invars, outvars, eqns, [c for _, c in kept],  # type: ignore[arg-type]
                     debug_name=name)


def effects_of(primitive: Primitive, params: dict[str, Any]) -> Any:
    """Effects of an equation: the primitive's own and those of the programs it runs."""
    if primitive.effects is not None:
        return primitive.effects(**params)
    if not primitive.higher_order:
        return NO_EFFECTS
    eqn = Eqn(primitive, [], [], params)
    return frozenset().union(*(j.effects for j in subjaxprs(eqn)))


def live_equations(eqns: Sequence[Eqn], outvars: Sequence[Any]) -> tuple[list[Eqn], set[Any]]:
    """Equations that the results or an effect need, and the variables and literals they use."""
    used = set(outvars)
    kept: list[Eqn] = []
    for eqn in reversed(eqns):
        if not used.isdisjoint(eqn.outvars) or (eqn.effects and lasting_effects(eqn.effects)):
            kept.append(eqn)
            used.update(eqn.invars)
    return kept[::-1], used


def stage(fun: Callable[..., Sequence[Any]], avals: Sequence[ShapedArray], name: str = "fun",
          kept: dict[int, Array] | None = None) -> Jaxpr:
    """The program of a function on flat lists, for arguments of these types.

    Operations on constants are staged as well (omnistaging); arrays and outer tracers that the
    function closes over become constants of the program, scalars among them if they are in `kept`
    (by their identities).
    """
    interpreter = StagingInterpreter(current())
    interpreter.kept = kept or {}
    with interpreting(interpreter), gc_disabled():
        args = interpreter.arguments(avals)
        try:
            outs = fun(*args)
            jaxpr = interpreter.finish(args, outs, name)
        finally:
            interpreter.alive = False
        if interpreter.references and (used := used_references(interpreter)):
            raise ReferencesUsed(used)
    return checked(jaxpr, "stage")


def constants_to_arguments(jaxpr: Jaxpr) -> Jaxpr:
    """The same program with its constants as leading arguments (and none attached)."""
    return Jaxpr([], [*jaxpr.constvars, *jaxpr.invars], jaxpr.outvars, jaxpr.eqns, (),
                 jaxpr.effects, jaxpr.debug_name)


def close(jaxpr: Jaxpr, consts: Sequence[Any]) -> Jaxpr:
    """Turn the first arguments into constants with these values."""
    n = len(consts)
    return Jaxpr([*jaxpr.constvars, *jaxpr.invars[:n]], jaxpr.invars[n:], jaxpr.outvars,
                 jaxpr.eqns, [*jaxpr.consts, *consts], jaxpr.effects, jaxpr.debug_name)


def hoist_traced_constants(jaxpr: Jaxpr) -> tuple[Jaxpr, list[Any]]:
    """Make constants that are tracers leading arguments, so that the program can be kept.

    Returns the program and the values of its new leading arguments; concrete constants stay.
    """
    if not any(isinstance(c, Tracer) for c in jaxpr.consts):
        return jaxpr, []
    traced = [isinstance(c, Tracer) for c in jaxpr.consts]
    fixed = [(v, c) for v, c, t in zip(jaxpr.constvars, jaxpr.consts, traced, strict=True) if not t]
    moved = [(v, c) for v, c, t in zip(jaxpr.constvars, jaxpr.consts, traced, strict=True) if t]
    out = Jaxpr([v for v, _ in fixed], [*(v for v, _ in moved), *jaxpr.invars], jaxpr.outvars,
                jaxpr.eqns, [c for _, c in fixed], jaxpr.effects, jaxpr.debug_name)
    return out, [c for _, c in moved]


def dce_jaxpr(jaxpr: Jaxpr, used_outputs: Sequence[bool] | None = None
              ) -> tuple[Jaxpr, list[bool]]:
    """Keep some results and what they need; also says which arguments are still read."""
    keep = [True] * len(jaxpr.outvars) if used_outputs is None else list(used_outputs)
    outvars = [v for v, k in zip(jaxpr.outvars, keep, strict=True) if k]
    eqns, used = live_equations(jaxpr.eqns, outvars)
    consts = [(v, c) for v, c in zip(jaxpr.constvars, jaxpr.consts, strict=True) if v in used]
    read = [v in used for v in jaxpr.invars]
    invars = [v for v, r in zip(jaxpr.invars, read, strict=True) if r]
    out = Jaxpr([v for v, _ in consts], invars, outvars, eqns, [c for _, c in consts],
                debug_name=jaxpr.debug_name)
    return out, read


def known_array(x: Any) -> np.ndarray | None:
    """The NumPy data of a concrete value, None for a tracer without one."""
    if isinstance(x, Tracer):
        x = x.concrete()
        return None if x is None else known_array(x)
    return fetch(x) if type(x) is Array else np.asarray(x)


def checks_enabled() -> bool:
    """Whether programs are type-checked after every pass."""
    return config.enable_checks
