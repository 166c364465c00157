"""Programs rewritten so that arrays are updated in place: sums of updates, reads before writes.

The cotangent of an array that is read in parts is a sum of arrays that are zero but for a part:
it becomes one array that the parts are added to. What reads an array comes before what
overwrites it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot.compiler.add_dots import add_dots_in_place
from ingot.compiler.masked_scatter import mask_scatters
from ingot.compiler.passes import PassRunner
from ingot.compiler.simplify import remove_identities
from ingot.core.array import fetch
from ingot.core.interpreter import to_array
from ingot.core.jaxpr import Eqn, Jaxpr, Literal, Var
from ingot.core.rewrite import Environment, bind_equation, primitives_of, use_counts
from ingot.kernel.schedule import SCHEDULE
from ingot.primitives.arithmetic import add_any_p
from ingot.primitives.dynamic_slice import dynamic_update_slice_p
from ingot.primitives.gather import scatter_add_p
from ingot.primitives.gather_scatter import CLIP, ScatterDimensionNumbers
from ingot.primitives.movement import broadcast_in_dim_p, reshape
from ingot.primitives.slicing import concatenate, pad_p
from ingot.transforms.stage import stage

MOST_MOVED = 64
"""Equations that are moved before one that writes; more are left where they are."""


def rewrite_for_in_place(jaxpr: Jaxpr, run: PassRunner) -> Jaxpr:
    """The program with its updates done in place where that is possible."""
    key = run.memo_key("in place")

    def rewritten() -> Jaxpr:
        out = run.on_program("identities", remove_identities, jaxpr)
        out = run.on_program("mask-scatters", mask_scatters, out)
        out = run.on_program("accumulate-in-place", accumulate_in_place, out)
        out = run.on_program("add-products-in-place", add_dots_in_place, out)
        out = run.on_program("reads-first", schedule_reads_first, out)
        return out if out is jaxpr else out.memo(key, lambda: out)

    return jaxpr.memo(key, rewritten)


# ---- sums of updates -----------------------------------------------------------------------------
class _Parts:
    """Runs a program and defers updates of zeros until it is known what they are added to."""

    def __init__(self, jaxpr: Jaxpr, args: Sequence[Any]):
        self.summands = _summands(jaxpr)
        self.env = Environment(jaxpr, args)
        self.zeros: dict[Any, Eqn] = {}  # large arrays of zeros, which are made for each use
        self.deferred: dict[Any, tuple[Eqn, list[Callable[[Any], Any]]]] = {}  # zeros, updates

    def read(self, atom: Any) -> Any:
        if atom in self.deferred:
            zero, updates = self.deferred.pop(atom)
            self.env.define([atom], [self.updated(self.bind(zero)[0], updates)])
        return self.env.read(atom)

    def is_deferred(self, atom: Any) -> bool:
        return atom in self.deferred or atom in self.zeros

    def take(self, atom: Any) -> tuple[Eqn, list[Callable[[Any], Any]]]:
        """Zeros and the updates of them that a value is made of."""
        return self.deferred.pop(atom) if atom in self.deferred else (self.zeros[atom], [])

    def bind(self, eqn: Eqn) -> Sequence[Any]:
        return bind_equation(eqn, [self.read(a) for a in eqn.invars])

    def updated(self, x: Any, updates: list[Callable[[Any], Any]]) -> Any:
        for update in updates:
            x = update(x)
        return x

    def equation(self, eqn: Eqn) -> None:
        out = eqn.outvars[0] if eqn.outvars else None
        if (zero := self.zero(eqn)) is not None:
            self.zeros[out] = zero
        elif out in self.summands:
            found = self.parts(eqn)
            if found is not None:
                self.deferred[out] = found
                return
        if eqn.primitive is add_any_p:
            x, y = eqn.invars
            if self.is_deferred(x) and not self.is_deferred(y):
                x, y = y, x
            if self.is_deferred(y) and y is not x:
                _, updates = self.take(y)
                self.env.define(eqn.outvars, [self.updated(self.read(x), updates)])
                return
        self.env.define(eqn.outvars, self.bind(eqn))

    def parts(self, eqn: Eqn) -> tuple[Eqn, list[Callable[[Any], Any]]] | None:
        """What a value is made of: zeros and the deferred updates; None if it is not."""
        first = eqn.invars[0] if eqn.invars else None
        if eqn.primitive is add_any_p and all(map(self.is_deferred, eqn.invars)) \
                and eqn.invars[0] is not eqn.invars[1]:
            (zero, some), (_, more) = map(self.take, eqn.invars)
            return zero, some + more
        if eqn.primitive is pad_p:
            return self.padded(eqn)
        if eqn.primitive not in PARTIAL or not self.is_deferred(first):
            return None
        if eqn.primitive is dynamic_update_slice_p and first not in self.zeros:
            return None
        zero, updates = self.take(first)
        values = [self.read(v) for v in eqn.invars[1:]]
        if eqn.primitive is scatter_add_p:
            return zero, [*updates, lambda x: scatter_add_p.bind(x, *values, **eqn.params)]
        return zero, [lambda x: _add_update(x, values[0], values[1:])]

    def zero(self, eqn: Eqn) -> Eqn | None:
        """An equation as one that makes an array of zeros; None if it does not."""
        if eqn.primitive is not broadcast_in_dim_p:
            return None
        (value,) = eqn.invars
        if type(value) is Literal:
            return eqn if _plus_zero(value) else None
        if value not in self.zeros:
            return None
        params = {**eqn.params, "broadcast_dimensions": ()}
        return eqn.replace(invars=self.zeros[value].invars, params=params)

    def padded(self, eqn: Eqn) -> tuple[Eqn, list[Callable[[Any], Any]]] | None:
        """An array with zeros around it."""
        value, config = eqn.invars[1], eqn.params["padding_config"]
        if type(value) is not Literal or not _plus_zero(value) or any(
                low < 0 or high < 0 or inner for low, high, inner in config):
            return None
        x, starts = self.read(eqn.invars[0]), [to_array(np.int64(low)) for low, _, _ in config]
        shape = eqn.outvars[0].aval.shape
        zero = Eqn(broadcast_in_dim_p, [value], eqn.outvars,
                   dict(shape=shape, broadcast_dimensions=()))
        return zero, [lambda y: _add_update(y, x, starts)]


PARTIAL = frozenset([scatter_add_p, dynamic_update_slice_p])


def _summands(jaxpr: Jaxpr) -> set[Var]:
    """Large values that are read once, by a sum of cotangents or by an update of such a value."""
    count = use_counts(jaxpr)
    found: set[Var] = set()
    for eqn in reversed(jaxpr.eqns):
        update = eqn.primitive in PARTIAL and eqn.outvars[0] in found
        if update or eqn.primitive is add_any_p:
            found.update(v for v in (eqn.invars[:1] if update else eqn.invars)
                         if type(v) is Var and count[v] == 1 and v.aval.size > SCHEDULE.max_scalars)
    return found


def _plus_zero(literal: Literal) -> bool:
    value: np.ndarray = fetch(literal.val)  # type: ignore[assignment]
    return value.dtype.kind in "fc" and value == 0 and not np.signbit(np.real(value))


def _add_update(x: Any, update: Any, starts: list[Any]) -> Any:
    """An update added to a slice."""
    axes = tuple(range(len(starts)))
    return scatter_add_p.bind(
        x, concatenate([reshape(s, (1,)) for s in starts], 0), update,
        dimension_numbers=ScatterDimensionNumbers(axes, (), axes), indices_are_sorted=True,
        unique_indices=True, mode=CLIP, update_jaxpr=None, update_consts=())


def accumulate_in_place(jaxpr: Jaxpr) -> Jaxpr:
    """The program with updates of zeros added to what the sums of cotangents add them to."""
    primitives = primitives_of(jaxpr)
    if add_any_p not in primitives or primitives.isdisjoint((*PARTIAL, pad_p)):
        return jaxpr

    def fun(*args: Any) -> list[Any]:
        parts = _Parts(jaxpr, args)
        for eqn in jaxpr.eqns:
            parts.equation(eqn)
        return [parts.read(a) for a in jaxpr.outvars]

    return stage(fun, jaxpr.in_avals, jaxpr.debug_name)


# ---- reads before writes -------------------------------------------------------------------------
def schedule_reads_first(jaxpr: Jaxpr) -> Jaxpr:
    """The equations in an order in which what reads an array precedes what overwrites it."""
    if not any([p.in_place or p.higher_order for p in primitives_of(jaxpr)]):
        return jaxpr
    order = _Schedule(jaxpr.eqns).order
    if order == sorted(order):
        return jaxpr
    return jaxpr.replace(eqns=[jaxpr.eqns[i] for i in order])


class _Schedule:
    """An order of equations, by their indices; small reads are moved before what overwrites."""

    def __init__(self, eqns: Sequence[Eqn]):
        self.eqns = eqns
        self.definition: dict[Any, int] = {
            v: i for i, e in enumerate(eqns) for v in e.outvars}
        self.readers: dict[Any, list[int]] = {}
        for i, eqn in enumerate(eqns):
            for atom in eqn.invars:
                if type(atom) is not Literal:
                    self.readers.setdefault(atom, []).append(i)
        self.done = [False] * len(eqns)
        self.order: list[int] = []
        for i, eqn in enumerate(eqns):
            if not self.done[i]:
                self._move_readers(i, eqn)
                self._append([i])

    def _move_readers(self, i: int, eqn: Eqn) -> None:
        """Append what reads the arrays that equation i overwrites, where it can come before."""
        for var in _overwritten(eqn):
            for reader in self.readers[var][-MOST_MOVED:]:
                if reader > i and not self.done[reader] and _small(self.eqns[reader], var):
                    self._append(self._needed_first(reader, i) or [])

    def _needed_first(self, i: int, before: int) -> list[int] | None:
        """Return equation i and those it needs that are not yet in order; None if it has to stay
        after equation `before`."""
        found, todo = {i}, [i]
        while todo:
            eqn = self.eqns[todo.pop()]
            if eqn.effects or len(found) > MOST_MOVED:
                return None
            for atom in eqn.invars:
                j = None if type(atom) is Literal else self.definition.get(atom)
                if j is None or self.done[j] or j in found:
                    continue
                if j == before:
                    return None
                found.add(j)
                todo.append(j)
        return sorted(found)

    def _append(self, indices: list[int]) -> None:
        for i in indices:
            self.done[i] = True
            self.order.append(i)


def _overwritten(eqn: Eqn) -> list[Var]:
    """The operands that an equation may update in place."""
    atoms = eqn.invars if eqn.primitive.higher_order else eqn.invars[:1] \
        if eqn.primitive.in_place else []
    return [v for v in dict.fromkeys(atoms)
            if type(v) is Var and v.aval.size > SCHEDULE.max_scalars]


def _small(eqn: Eqn, var: Var) -> bool:
    """Whether what an equation makes of an array takes less memory than a copy of the array."""
    return not eqn.primitive.in_place and \
        2 * sum(v.aval.nbytes for v in eqn.outvars) <= var.aval.nbytes


__all__ = ["rewrite_for_in_place"]
