"""How results are divided over the axes of a mesh, given how the arguments of an operation are.

A division has an entry for each axis of an array, as those of a PartitionSpec. Where the axes of
the mesh are Auto, each division is as right as any other, and the rules choose one that needs no
communication where there is one; where they are Explicit, a rule raises ShardingTypeError if there
is more than one answer. Explicit axes may also be marked: an array is unreduced over those along
which its parts are still to be combined, reduced over those along which its cotangent is unreduced.

The rules here are those that families share; others stand beside their primitives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ingot.core.avals import ShapedArray
from ingot.core.specs import PartitionSpec, UnreducedKind, names_of
from ingot.errors import ShardingTypeError

Spec = tuple[Any, ...]
_REMEDY = "reshard an argument first, or give out_sharding= where the function has it"


class Marks(NamedTuple):
    """The mesh axes over which an array is unreduced, and how its parts are to be combined; those
    over which it is reduced."""

    unreduced: frozenset[Any] = frozenset()
    reduced: frozenset[Any] = frozenset()
    kind: UnreducedKind | None = None


UNMARKED = Marks()


def marks_of(aval: ShapedArray) -> Marks:
    """Return the marks of a type."""
    if aval._sharding is None:
        return UNMARKED
    spec = aval._sharding.spec
    return Marks(spec.unreduced, spec.reduced, spec.unreduced_kind)


@dataclass(frozen=True)
class Operands:
    """What a rule of division knows: the operation's name and parameters, types and divisions of
    its arguments, types of its results, sizes of the mesh's axes, whether they are Explicit, and
    then the marks of the arguments."""

    name: str
    params: Mapping[str, Any]
    avals: Sequence[ShapedArray]
    specs: Sequence[Spec]
    outs: Sequence[ShapedArray]
    sizes: Mapping[Any, int]
    strict: bool = False
    marks: Sequence[Marks] = ()

    def refuse(self, why: str, remedy: str = _REMEDY) -> None:
        """Raise ShardingTypeError if the axes are Explicit."""
        if self.strict:
            raise ShardingTypeError(f"{self.name} of {self.types()}: {why}; {remedy}")

    def types(self) -> str:
        """The arguments' types."""
        return ", ".join(map(str, self.avals))

    def parts(self, entry: Any) -> int:
        """Into how many parts an entry divides an axis."""
        return math.prod(self.sizes[n] for n in names_of(entry))


Rule = Callable[[Operands], list[Spec]]
MarkRule = Callable[[Operands], Marks]


def whole(ndim: int) -> Spec:
    """Return the division of an array that is not divided."""
    return (None,) * ndim


def require_whole(why: str, aval: ShapedArray, axes: Sequence[int]) -> None:
    """Raise ShardingTypeError if Explicit axes divide an array along one of these axes."""
    spec = aval.sharding.spec
    if any(names_of(spec[axis]) for axis in axes):
        raise ShardingTypeError(f"{why}, got {aval} and axes {tuple(axes)}; reshard it first")


# ---- arguments that agree ------------------------------------------------------------------------
def merged(given: Operands, specs: Sequence[Spec]) -> Spec:
    """Return the division that arguments with the same axes agree on: what one of them says of an
    axis, others that leave it whole follow."""
    if len(specs) == 1:
        return specs[0]
    entries: list[Any] = []
    for choices in zip(*specs, strict=True):
        said = list(dict.fromkeys(c for c in choices if names_of(c)))
        if len(said) > 1:
            _conflict(given, specs)
        entries.append(max(said, key=lambda e: len(names_of(e)), default=None))
    return without_repeats(given, tuple(entries), specs)


def without_repeats(given: Operands, entries: Spec, specs: Sequence[Spec]) -> Spec:
    """Return the entries, those that name an axis of the mesh again left out."""
    used: set[Any] = set()
    kept: list[Any] = []
    for entry in entries:
        names = names_of(entry)
        if used.intersection(names):
            _conflict(given, specs)
            entry, names = None, ()
        used.update(names)
        kept.append(entry)
    return tuple(kept)


def _conflict(given: Operands, specs: Sequence[Spec]) -> None:
    if given.strict:
        raise ShardingTypeError(
            f"{given.name} got incompatible shardings for broadcasting:"
            f" {', '.join(map(str, specs))}, of {given.types()}; {_REMEDY}")


def like_operands(given: Operands) -> list[Spec]:
    """The rule where there is no other: each result is divided as the arguments of its rank, along
    axes that have the same length in both."""
    found = []
    for out in given.outs:
        alike = [(a, s) for a, s in zip(given.avals, given.specs, strict=True)
                 if a.ndim == out.ndim]
        specs = [tuple(e if n == m else None for e, n, m in zip(s, a.shape, out.shape, strict=True))
                 for a, s in alike]
        if given.strict and not (alike and all(a.shape == out.shape or not a.ndim
                                               for a in given.avals)):
            given.refuse("it is not known how its result is divided")
        found.append(merged(given, specs) if specs else whole(out.ndim))
    return found


def equally(given: Operands) -> list[Spec]:
    """The rule of operations whose arguments must be divided in one way, if at all."""
    if given.strict and len({s for s in given.specs if any(s)}) > 1:
        given.refuse("All operands should have the same sharding, got"
                     f" {', '.join(map(str, given.specs))}")
    return [merged(given, given.specs)] * len(given.outs)


# ---- one argument decides ------------------------------------------------------------------------
def like_first(given: Operands) -> list[Spec]:
    """The rule of operations whose results are divided as their first argument."""
    return [given.specs[0]] * len(given.outs)


def like_each(given: Operands) -> list[Spec]:
    """The rule of operations with a result for each argument."""
    return list(given.specs)


def like_leading_axes(given: Operands) -> list[Spec]:
    """The rule of operations whose results have the first argument's leading axes, and new ones."""
    spec = given.specs[0]
    return [(*spec, *whole(out.ndim))[:out.ndim] for out in given.outs]


def dropping(parameter: str) -> Rule:
    """The rule of operations that take away the axes in a parameter."""

    def rule(given: Operands) -> list[Spec]:
        axes = given.params[parameter]
        gone = {axis % given.avals[0].ndim for axis in axes}
        kept = tuple(e for axis, e in enumerate(given.specs[0]) if axis not in gone)
        return [kept] * len(given.outs)

    return rule


def whole_along(parameter: str, why: str) -> Rule:
    """The rule of operations that need the axis in a parameter whole; `why` is the error's text."""

    def rule(given: Operands) -> list[Spec]:
        axes = given.params[parameter]
        axes = axes if isinstance(axes, tuple) else (axes,)
        ndim = given.outs[0].ndim
        spec = merged(given, [s for s, a in zip(given.specs, given.avals, strict=True)
                              if a.ndim == ndim])
        if any(names_of(spec[axis]) for axis in axes):
            given.refuse(f"{why}, and axis {axes[0]} is divided")
        return [tuple(None if k in {a % ndim for a in axes} else e
                      for k, e in enumerate(spec))] * len(given.outs)

    return rule


def with_other_lengths(verb: str) -> Rule:
    """The rule of operations whose results have the first argument's axes, some of other lengths,
    which must still be divisible; `verb` says what happens to them."""

    def rule(given: Operands) -> list[Spec]:
        x, spec = given.avals[0], given.specs[0]
        found = []
        for out in given.outs:
            if all(n == 1 for n in out.shape):
                found.append(whole(out.ndim))
                continue
            entries = list(spec)
            for axis, (n, m, e) in enumerate(zip(x.shape, out.shape, spec, strict=True)):
                if n == m or not names_of(e):
                    continue
                if m % given.parts(e):
                    given.refuse(f"{verb} on sharded dims needs lengths that stay divisible, and"
                                 f" axis {axis} of length {m} is not by {given.parts(e)}")
                if not given.strict:  # what is kept lies on some of the devices alone
                    entries[axis] = None
            found.append(tuple(entries))
        return found

    return rule


def along_leading_axes(*ranks: int) -> Rule:
    """The rule of operations on the last axes of each argument, `ranks` of them, which must be
    whole: leading axes are divided in one way, which arguments that leave them whole follow."""

    def rule(given: Operands) -> list[Spec]:
        leading = [tuple(s[:len(s) - r]) for s, r in zip(given.specs, ranks, strict=False)]
        for k, (spec, rank) in enumerate(zip(given.specs, ranks, strict=False)):
            if any(map(names_of, spec[len(spec) - rank:])):
                given.refuse(f"argument {k} must be unsharded on non-batch dimensions, the last"
                             f" {rank}")
        if given.strict and len(set(leading)) > 1:
            given.refuse("all arguments must have the same batch sharding, got"
                         f" {', '.join(map(str, leading))}")
        batch = merged(given, leading) if leading else ()
        return [(*batch, *whole(out.ndim - len(batch)))[:out.ndim] for out in given.outs]

    return rule


def divide(primitive: Any, given: Operands) -> list[Spec]:
    """Return how each result of an operation is divided."""
    rule: Rule | None = primitive.division
    if rule is not None:
        return rule(given)
    if not any(map(any, given.specs)):
        return [whole(a.ndim) for a in given.outs]
    return like_operands(given)


# ---- marks ---------------------------------------------------------------------------------------
def mark(primitive: Any, given: Operands) -> Marks:
    """Return the marks of the results of an operation: none if no argument has any.

    Raises NotImplementedError if there is no rule, ShardingTypeError where it does not allow them.
    """
    if all(m == UNMARKED for m in given.marks):
        return UNMARKED
    rule: MarkRule | None = primitive.marks
    if rule is None:
        raise NotImplementedError(f"{given.name} of {given.types()}: there is no rule for unreduced"
                                  " or reduced arguments; reshard them first")
    return rule(given)


def _reject(given: Operands, why: str) -> None:
    raise ShardingTypeError(f"{why}, got {given.types()}; reshard an argument first")


def reduced_alike(given: Operands) -> frozenset[Any]:
    """Return the axes over which arguments are reduced: all of them over the same ones."""
    said = {m.reduced for m in given.marks if m.reduced}
    if len(said) > 1:
        _reject(given, f"{given.name}: All inputs should be reduced across the same mesh axes")
    axes = next(iter(said), frozenset())
    for spec, m in zip(given.specs, given.marks, strict=True):
        names = {n for e in spec for n in names_of(e)}
        if axes & names:
            _reject(given, f"{given.name}: Inputs cannot be sharded/varying on the same axes that"
                    f" another input is reduced on, {sorted(axes, key=str)}")
        if axes - names - m.unreduced - m.reduced:
            _reject(given, f"{given.name}: Inputs cannot be replicated on the same axes that"
                    f" another input is reduced on, {sorted(axes, key=str)}")
    return axes


def nonlinear(given: Operands) -> Marks:
    """The rule of elementwise operations: parts of a sum cannot be given to them."""
    if any(m.unreduced for m in given.marks):
        _reject(given, f"{given.name} is a non-linear operation and cannot accept inputs that are"
                " unreduced")
    return Marks(reduced=reduced_alike(given))


def carried(given: Operands) -> Marks:
    """The rule of operations that are linear in their first argument and only move it."""
    return given.marks[0]


def only_reduced(given: Operands) -> Marks:
    """The rule of operations whose first argument may be reduced, and none unreduced."""
    if any(m.unreduced for m in given.marks) or any(m.reduced for m in given.marks[1:]):
        raise NotImplementedError(f"{given.name} of {given.types()}: only the first argument may be"
                                  " reduced, and none unreduced; reshard them first")
    return Marks(reduced=given.marks[0].reduced)


def all_alike(given: Operands) -> Marks:
    """The rule of operations whose arguments must have the same marks."""
    if len(set(given.marks)) > 1:
        _reject(given, f"{given.name}: All operands should be unreduced and reduced along the same"
                " mesh axes")
    return given.marks[0]


def additive(given: Operands) -> Marks:
    """The rule of sums and differences: both arguments are unreduced, or none."""
    x, y = given.marks
    if x.unreduced and y.unreduced:
        if x.unreduced != y.unreduced:
            _reject(given, f"lhs and rhs to `{given.name}` must be unreduced along the same mesh"
                    " axes")
    elif x.unreduced or y.unreduced:
        one, other = ("lhs", "rhs") if x.unreduced else ("rhs", "lhs")
        _reject(given, f"{given.name}: {one} is unreduced while {other} is not")
    return Marks(x.unreduced, reduced_alike(given), x.kind)


def bilinear(given: Operands) -> Marks:
    """The rule of products: one argument may be unreduced if the other is reduced over the same
    axes."""
    x, y = given.marks
    reduced = reduced_alike(given)
    if x.unreduced and y.unreduced:
        _reject(given, f"lhs and rhs to `{given.name}` cannot be unreduced since it is bilinear")
    for m, other, names in ((x, y, ("RHS", "LHS")), (y, x, ("LHS", "RHS"))):
        if m.unreduced:
            if other.reduced != m.unreduced:
                _reject(given, f"{given.name}: {names[0]} should be reduced along the same axes"
                        f" {names[1]} is unreduced on")
            return Marks(m.unreduced, frozenset(), m.kind)
    return Marks(reduced=reduced)


def reducing(kind: UnreducedKind) -> MarkRule:
    """The rule of reductions, which keep an argument unreduced of the same kind."""

    def rule(given: Operands) -> Marks:
        found = given.marks[0]
        if found.unreduced and found.kind is not kind:
            raise ValueError(f"{given.name} of {given.types()}: expected unreduced_kind"
                             f" {kind.name}; reshard it first")
        return found

    return rule


def marked(spec: Spec, marks: Marks) -> PartitionSpec:
    """Return the division with these marks."""
    return PartitionSpec(*spec, unreduced=marks.unreduced, reduced=marks.reduced,
                         unreduced_kind=marks.kind)
