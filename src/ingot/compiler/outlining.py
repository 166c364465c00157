"""Outlining: sub-programs that occur several times become functions that the program calls.

A function under `jit`, a loop or a branch counts as the same if its equations are, wherever they
come from. It stays inlined if it is small, or if passing its arguments and results through memory
would cost a noticeable part of its work: values that are computed where they are used, arrays that
it updates in place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingot.compiler.fingerprint import Fingerprint, NotFingerprintable, constant_key
from ingot.compiler.pipeline import run_function_passes
from ingot.core.array import fetch
from ingot.core.effects import NamedAxisEffect
from ingot.core.interpreter import Tracer
from ingot.core.jaxpr import DropVar, Eqn, Jaxpr, Literal, Var, subjaxprs
from ingot.kernel import cost, ir
from ingot.kernel.rules import ArrayValue, Buffer, LazyArray
from ingot.kernel.visit import callees, referred

MIN_EQUATIONS = 5
"""Equations from which on it is worth to compare sub-programs."""

MIN_INSTRUCTIONS = 100
"""Instructions from which on a second copy costs more than a call."""

MIN_WORK_IN_LOOPS, MIN_WORK_ONCE = 20, 2
"""How many times as much as a call costs the work of a function must be: in loops, and in code that
runs once."""

MAX_COMPARED_BYTES = 1 << 16
"""Bytes of a constant up to which its elements are compared, not its identity."""


# ---- which sub-programs occur several times ------------------------------------------------------
@dataclass(eq=False)
class Candidate:
    """Equations that do the same, on other arguments. Arguments that are the same number in all of
    them are its `literals`."""

    eqn: Eqn
    used: tuple[bool, ...]  # which results are read
    literals: list[Literal | None]
    call_sites: int = 0
    function: ir.Function | None = None
    passed: tuple[int, ...] = ()  # the arguments that the function reads
    extra_copies: int = 0  # elements that are copied because the function is called
    lowered: bool = False

    def add_call_site(self, eqn: Eqn) -> None:
        """Count an equation."""
        self.call_sites += 1
        self.literals = [x if x is not None and _same(x, y) else None
                         for x, y in zip(self.literals, eqn.invars, strict=True)]

    def program(self) -> Jaxpr:
        """The equation as a program of what is passed to it."""
        invars = [Var(a.aval) if x is None else x
                  for a, x in zip(self.eqn.invars, self.literals, strict=True)]
        eqn = self.eqn.replace(invars=invars)
        return Jaxpr([], [v for v in invars if type(v) is Var],
                     [v for v, u in zip(eqn.outvars, self.used, strict=True) if u], [eqn])


def _same(x: Any, y: Any) -> bool:
    return (type(x) is type(y) is Literal and _type(x.aval) == _type(y.aval)
            and fetch(x.val).tobytes() == fetch(y.val).tobytes())


def _type(aval: Any) -> Any:
    """What of a type counts in compiled code, which knows nothing of weak types."""
    return aval.shape, aval.dtype


class OutlineCandidates:
    """The equations of a program, in the form in which it is lowered, whose groups have several."""

    def __init__(self, jaxpr: Jaxpr, prepared: Any):
        self.prepared = prepared
        self.looks: dict[Any, int] = {}
        self._by_key: dict[Any, Candidate] = {}
        # By the identity of parameters, which the equation beside the key keeps alive.
        self._keys: dict[Any, tuple[Any, Eqn]] = {}
        # By the identity of the equation, which may be part of several programs: what one of them
        # reads is a result for all. `_alive` keeps the identities what they are.
        self._used: dict[int, tuple[bool, ...]] = {}
        self._alive: list[Eqn] = []
        self.groups: dict[int, Candidate] = {}
        for eqn, _ in self._call_sites(jaxpr, {}):
            self.looks[_coarse_key(eqn)] = self.looks.get(_coarse_key(eqn), 0) + 1
        if any(n > 1 for n in self.looks.values()):
            found = list(self._call_sites(jaxpr, {}, grouped=True))
            groups = [(eqn, self._by_key[key]) for eqn, key in found if key is not None]
            self.groups = {id(eqn): group for eqn, group in groups if group.call_sites > 1}

    def _call_sites(self, jaxpr: Jaxpr, visits: dict[int, int], grouped: bool = False
               ) -> Iterator[tuple[Eqn, Any]]:
        """Equations large enough, and if they are to be grouped the keys of their groups. A program
        that is part of several is looked at twice, so that what it contains counts as repeated, but
        not if it is part of a function already."""
        visits[id(jaxpr)] = visits.get(id(jaxpr), 0) + 1
        if visits[id(jaxpr)] > 2:
            return
        read = {a for e in jaxpr.eqns for a in e.invars if type(a) is not Literal}
        read.update(a for a in jaxpr.outvars if type(a) is not Literal)
        for eqn in jaxpr.eqns:
            if not eqn.primitive.higher_order:
                continue
            if equations(eqn) >= MIN_EQUATIONS and not any(
                    isinstance(e, NamedAxisEffect) for e in eqn.effects):
                key = self._group(eqn) if grouped else self._read(eqn, read)
                yield eqn, key
                if key is not None and self._by_key[key].call_sites > 1:
                    continue
            for inner in _programs(eqn):
                yield from self._call_sites(self.prepared(inner), visits, grouped)

    def _read(self, eqn: Eqn, read: set[Any]) -> None:
        """Note which results of an equation a program reads."""
        before = self._used.get(id(eqn), (False,) * len(eqn.outvars))
        self._used[id(eqn)] = tuple(b or (type(v) is not DropVar and v in read)
                                    for b, v in zip(before, eqn.outvars, strict=True))
        self._alive.append(eqn)

    def _group(self, eqn: Eqn) -> Any:
        """Add an equation to its group, whose key is the answer; None if it is unlike others."""
        look, used = _coarse_key(eqn), self._used[id(eqn)]
        if self.looks[look] == 1:
            return None
        same = (look, used, *((name, id(value)) for name, value in eqn.params.items()))
        if same not in self._keys:
            self._keys[same] = _key(eqn, used), eqn
        key, _ = self._keys[same]
        if key is not None:
            self._by_key.setdefault(key, Candidate(eqn, used, [
                v if type(v) is Literal else None for v in eqn.invars])).add_call_site(eqn)
        return key


def equations(eqn: Eqn) -> int:
    """How many equations the programs of one have, those inside of these included."""
    return sum([j.memo("equations", lambda j=j: len(j.eqns) + sum(
        [equations(e) for e in j.eqns if e.primitive.higher_order])) for j in _programs(eqn)])


def _programs(eqn: Eqn) -> list[Jaxpr]:
    """The programs that an equation runs. Parameters of packages' primitives also hold programs
    that its rules know of: their constants are traced values, so that they cannot be run as they
    are, nor staged again."""
    return [j for j in subjaxprs(eqn) if not any(isinstance(c, Tracer) for c in j.consts)]


def _coarse_key(eqn: Eqn) -> Any:
    """What equations that do the same have in common, found quickly."""
    return (eqn.primitive, equations(eqn), *[_type(v.aval) for v in eqn.invars],
            *[_type(v.aval) for v in eqn.outvars])


class _Structure(Fingerprint):
    """A fingerprint within one process: what only identity tells apart may be part of it."""

    def _type(self, aval: Any) -> str:
        return super()._type(aval.strip_weak_type())

    def _foreign(self, eqn: Eqn) -> None:
        for name, value in eqn.params.items():
            self._parts.append(name)
            try:
                self._value(value)
            except NotFingerprintable:
                self._parts.append(f"{id(value)}")


def _key(eqn: Eqn, used: tuple[bool, ...]) -> Any:
    """What equations that do the same have in common; None if that cannot be told."""
    alone = Jaxpr([], [Var(a.aval) for a in eqn.invars], [], [])
    alone.eqns = [eqn.replace(invars=alone.invars)]
    try:
        found = _Structure(alone)
    except NotFingerprintable:
        return None
    return (found.digest, used, *[
        constant_key(c, always=True) if c.nbytes <= MAX_COMPARED_BYTES else id(c)
        for c in found.constants])


# ---- calling them --------------------------------------------------------------------------------
def call(build: Any, group: Candidate, eqn: Eqn, args: Sequence[ArrayValue]
         ) -> list[Any] | None:
    """The results of an equation by a call, None where nobody reads them; None if the equation is
    better inlined."""
    if not group.lowered:
        group.lowered = True  # what it contains of itself is inlined
        _lower(build, group)
    function = group.function
    if function is None or not all(x is None or _same(x, y) for x, y in zip(
            group.literals, eqn.invars, strict=True)):
        return None
    given = [args[k] for k in group.passed]
    price = cost.CALL + 2 * (group.extra_copies + sum(x.size for x in given if not _in_memory(x)))
    often = build.is_called or build.block is not build.root
    if any(isinstance(x, LazyArray) and x.expanded for x in given) or (
            price * (MIN_WORK_IN_LOOPS if often else MIN_WORK_ONCE) > cost.work(function.body)):
        return None
    places = [build.contiguous(x) for x in given]
    outs = [build.allocate(v.aval.shape, v.aval.storage) if u else None
            for v, u in zip(eqn.outvars, group.used, strict=True)]
    arena = build.allocate((function.arena_bytes,), np.dtype(np.uint8))
    build.block.nodes.append(ir.Call(
        function, [(x.memory, x.offset) for x in places],
        [(x.memory, x.offset) for x in outs if x is not None], arena.memory))
    return outs


def _in_memory(x: ArrayValue) -> bool:
    return isinstance(x, Buffer) and x.contiguous


def _lower(build: Any, group: Candidate) -> None:
    """Set the group's function, if it is large enough to be one."""
    constants, hosts = len(build.constants), len(build.host_functions)
    program, lowerings = group.program(), []

    def lowered() -> ir.Function:
        lowerings.append(type(build)(build))
        return lowerings[-1].function(program)

    function = run_function_passes(lowered, build.full, build.run)
    if cost.size(function.body) < MIN_INSTRUCTIONS or lowerings[-1].has_expanded_result:
        if not callees(function.body):  # else those may need what was found
            del build.constants[constants:], build.host_functions[hosts:]
        return
    memories = referred(function.body.nodes)
    function.constants = [m for m in memories if m.kind == "constant"]
    places = [k for k, x in enumerate(group.literals) if x is None]
    group.passed = tuple(k for k, m in zip(places, function.arguments, strict=True)
                         if m in memories)
    function.arguments = [m for m in function.arguments if m in memories]
    group.function, group.extra_copies = function, lowerings[-1].extra_copies + sum(
        v.aval.size for v in program.outvars if v.aval.size <= build.schedule.max_scalars)
