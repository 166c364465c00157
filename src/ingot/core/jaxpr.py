"""Programs: Var, Literal, Eqn, Jaxpr (constants attached), and their evaluation."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from ingot.core.array import Array, fetch
from ingot.core.avals import ShapedArray
from ingot.core.effects import NO_EFFECTS, EffectSet, NamedAxisEffect
from ingot.core.source_info import Source, source_context

_counter = itertools.count()


class Var:
    """A variable of a program. Identity is the name; the printer makes up letters.

    >>> ingot.make_jaxpr(lambda x: x)(1.0).invars[0].aval.str_short(True)
    'f64[]'
    """

    __slots__ = ("aval", "count")

    def __init__(self, aval: ShapedArray):
        self.aval = aval
        self.count = next(_counter)

    def __reduce__(self) -> Any:
        return type(self), (self.aval,)  # with a number of the process that reads it

    def __repr__(self) -> str:
        return f"Var(id={self.count}):{self.aval.str_short(True)}"


class DropVar(Var):
    """The target of a result that nobody reads; printed as `_`.

    >>> from ingot.extend import core
    >>> issubclass(core.DropVar, core.Var)
    True
    """

    __slots__ = ()


class Literal:
    """A scalar constant written inline. `val` is an Array of rank 0.

    >>> from ingot.extend import core
    >>> isinstance(ingot.make_jaxpr(lambda x: x + 1)(1.0).eqns[0].invars[1], core.Literal)
    True
    """

    __slots__ = ("aval", "val")

    def __init__(self, val: Array):
        self.val = val
        self.aval = val.aval

    def __repr__(self) -> str:
        return f"{fetch(self.val)}:{self.aval.str_short(True)}"


Atom = Var | Literal


class Eqn:
    """An equation of a program: `outvars = primitive[params] invars`.

    >>> ingot.make_jaxpr(lambda x: lax.sin(x))(1.0).eqns[0].primitive.name
    'sin'
    """

    __slots__ = ("effects", "invars", "outvars", "params", "primitive", "source")

    def __init__(
        self,
        primitive: Any,
        invars: Sequence[Atom],
        outvars: Sequence[Var],
        params: dict[str, Any],
        effects: EffectSet = NO_EFFECTS,
        source: Source | None = None,
    ):
        self.primitive = primitive
        self.invars, self.outvars = list(invars), list(outvars)
        self.params, self.effects, self.source = params, effects, source

    def replace(self, **changes: Any) -> Eqn:
        """A copy with some fields replaced."""
        fields = {name: changes.get(name, getattr(self, name)) for name in
                  ("primitive", "invars", "outvars", "params", "effects", "source")}
        return Eqn(**fields)

    def __reduce__(self) -> Any:
        return Eqn, (self.primitive, self.invars, self.outvars, self.params, self.effects)


class Jaxpr:
    """A first-order functional program: `lambda constvars; invars. let eqns in outvars`.

    `consts` are the values of `constvars`: arrays, or tracers of an enclosing transformation.
    Immutable by convention: passes build new ones.
    """

    __slots__ = ("__weakref__", "_memo", "constvars", "consts", "debug_name", "effects",
                 "eqns", "invars", "outvars")

    def __init__(
        self,
        constvars: Sequence[Var],
        invars: Sequence[Var],
        outvars: Sequence[Atom],
        eqns: Sequence[Eqn],
        consts: Sequence[Any] = (),
        effects: EffectSet | None = None,
        debug_name: str = "fun",
    ):
        self.constvars, self.consts = list(constvars), list(consts)
        self.invars, self.outvars, self.eqns = list(invars), list(outvars), list(eqns)
        self.effects = joined_effects(self.eqns) if effects is None else effects
        self.debug_name = debug_name
        self._memo: dict[Any, Any] = {}
        if len(self.constvars) != len(self.consts):
            raise ValueError("a Jaxpr needs one value for each constant variable")

    # JAX's names for the same things
    @property
    def jaxpr(self) -> Jaxpr:
        return self

    @property
    def literals(self) -> list[Any]:
        return self.consts

    @property
    def in_avals(self) -> list[ShapedArray]:
        return [v.aval for v in self.invars]

    @property
    def out_avals(self) -> list[ShapedArray]:
        return [v.aval for v in self.outvars]

    def replace(self, **changes: Any) -> Jaxpr:
        """A copy with some fields replaced; effects are recomputed when the equations change."""
        fields = {n: changes.get(n, getattr(self, n)) for n in
                  ("constvars", "invars", "outvars", "eqns", "consts", "debug_name")}
        effects = changes.get("effects", None if "eqns" in changes else self.effects)
        return Jaxpr(**fields, effects=effects)

    def __reduce__(self) -> Any:
        return Jaxpr, (self.constvars, self.invars, self.outvars, self.eqns, self.consts,
                       self.effects, self.debug_name)

    def __call__(self, *args: Any) -> list[Any]:
        return eval_jaxpr(self, self.consts, *args)

    def memo(self, key: Any, make: Any) -> Any:
        """Remember what a transformation made of this program, for as long as it lives."""
        if key not in self._memo:
            self._memo[key] = make()
        return self._memo[key]


ClosedJaxpr = Jaxpr


def joined_effects(eqns: Iterable[Eqn]) -> EffectSet:
    """Effects of a program whose equations these are."""
    found: frozenset[Any] = NO_EFFECTS
    for eqn in eqns:
        if eqn.effects:
            found = found | eqn.effects
    return found


def lasting_effects(effects: EffectSet) -> EffectSet:
    """Effects that keep an equation alive: all but references to named axes."""
    return frozenset(e for e in effects if not isinstance(e, NamedAxisEffect))


def eval_jaxpr(jaxpr: Jaxpr, consts: Sequence[Any], *args: Any) -> list[Any]:
    """Run a program in the current interpreter, equation by equation.

    jaxpr: a program. consts: values of its constants. args: one for each of its variables -> a list
    of results.

    >>> from ingot.extend import core
    >>> program = ingot.make_jaxpr(lambda x: x + 1)(1.0)
    >>> core.eval_jaxpr(program.jaxpr, program.consts, 2.0)
    [Array(3., dtype=float64, weak_type=True)]
    """
    env: dict[Var, Any] = {}
    if len(args) != len(jaxpr.invars):
        raise TypeError(
            f"{jaxpr.debug_name}: the program takes {len(jaxpr.invars)} arguments, got {len(args)}"
        )
    env.update(zip(jaxpr.constvars, consts, strict=True))
    env.update(zip(jaxpr.invars, args, strict=True))
    last = last_uses(jaxpr)

    def read(atom: Atom) -> Any:
        return atom.val if type(atom) is Literal else env[atom]  # type: ignore[index]

    before = source_context.origin
    try:
        for eqn, dying in zip(jaxpr.eqns, last, strict=True):
            source_context.origin = eqn.source
            out = eqn.primitive.bind(*[read(a) for a in eqn.invars], **eqn.params)
            if eqn.primitive.multiple_results:
                env.update(zip(eqn.outvars, out, strict=True))
            else:
                env[eqn.outvars[0]] = out
            for var in dying:
                env.pop(var, None)
    finally:
        source_context.origin = before
    return [read(a) for a in jaxpr.outvars]


def last_uses(jaxpr: Jaxpr) -> list[list[Var]]:
    """For each equation, the variables that nothing reads after it."""

    def compute() -> list[list[Var]]:
        seen: set[Any] = {v for v in jaxpr.outvars if type(v) is not Literal}
        table: list[list[Var]] = []
        for eqn in reversed(jaxpr.eqns):
            dead: list[Var] = []
            for v in [*eqn.invars, *eqn.outvars]:
                if type(v) is not Literal and v not in seen:
                    seen.add(v)
                    dead.append(v)  # type: ignore[arg-type]
            table.append(dead)
        return table[::-1]

    return jaxpr.memo("last_uses", compute)


def jaxpr_as_fun(jaxpr: Jaxpr) -> Any:
    """Make a program a function of flat arguments.

    jaxpr: a program with its constants -> a function that returns a list of results.

    >>> from ingot.extend import core
    >>> core.jaxpr_as_fun(ingot.make_jaxpr(lambda x: x + 1)(1.0))(2.0)
    [Array(3., dtype=float64, weak_type=True)]
    """
    return jaxpr.__call__


def subjaxprs(eqn: Eqn | Jaxpr) -> list[Jaxpr]:
    """List the programs among the parameters of an equation, or of all equations of a program.

    eqn: an equation or a program -> a list of programs.

    >>> from ingot.extend import core
    >>> program = ingot.make_jaxpr(ingot.jit(lambda x: x + 1))(1.0)
    >>> len(core.subjaxprs(program.eqns[0])), len(core.subjaxprs(program))
    (1, 1)
    """
    if isinstance(eqn, Jaxpr):
        return [inner for e in eqn.eqns for inner in subjaxprs(e)]
    found: list[Jaxpr] = []
    for value in eqn.params.values():
        if isinstance(value, Jaxpr):
            found.append(value)
        elif isinstance(value, (tuple, list)):
            found.extend(v for v in value if isinstance(v, Jaxpr))
    return found
