"""Dimension variables from the lengths of arguments: what they are, and what must hold.

Each length is known by a name, as args[0].shape[1], and is itself a variable here. A solution gives
the variables of the specifications in terms of these; conditions say which shapes fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ingot.core.avals import ShapedArray
from ingot.core.symbolic import evaluate, is_symbolic, variable
from ingot.core.symbolic_scope import Scope
from ingot.errors import InconclusiveDimensionOperation

HELP = (". Please see https://docs.jax.dev/en/latest/501/shape-polymorphism.html for what can be"
        " solved and checked.")
START = "Input shapes do not match the polymorphic shapes specification. "


@dataclass(frozen=True)
class Condition:
    """That `left` is zero, or at least zero; `message` has texts and expressions."""

    left: Any
    equal: bool
    message: tuple[Any, ...]

    def check(self, values: Mapping[str, Any]) -> None:
        """Raise ValueError unless it holds for lengths with these names."""
        left = evaluate(self.left, values)
        try:
            holds = left == 0 if self.equal else left >= 0
        except InconclusiveDimensionOperation:
            holds = False
        if not holds:
            raise ValueError("".join(
                p if isinstance(p, str) else str(evaluate(p, values)) for p in self.message))


@dataclass(frozen=True)
class Solution:
    """The variables in terms of lengths, the conditions, and where each length is found: its name,
    the argument and the axis."""

    variables: dict[str, Any]
    conditions: list[Condition]
    lengths: list[tuple[str, int, int]]


def solve(avals: Sequence[ShapedArray], names: Sequence[str]) -> Solution:
    """Solve for the variables in the types of arguments, which have these names.

    Raises ValueError if equations are left that are not linear in one variable.
    """
    lengths = [(f"{name}.shape[{k}]", i, k) for i, (name, a) in enumerate(
        zip(names, avals, strict=True)) for k, n in enumerate(a.shape) if is_symbolic(n)]
    if not lengths:
        return Solution({}, [], [])
    specs = ",".join(f"{name}.shape = {a.shape}" for name, a in zip(names, avals, strict=True)
                     if any(map(is_symbolic, a.shape)))
    return _Solver(avals, lengths, specs).solution()


class _Solver:
    """Takes equations one by one, those first that have one unknown variable."""

    def __init__(self, avals: Sequence[ShapedArray], lengths: list[tuple[str, int, int]],
                 specs: str):
        self.lengths, self.found, self.conditions = lengths, dict[str, Any](), list[Condition]()
        self.equations: list[tuple[Any, str]] = [
            (avals[i].shape[k], name) for name, i, k in lengths]
        self.theirs: Scope = self.equations[0][0].scope
        self.scope = Scope()
        self.specs = f" Using the following polymorphic shapes specifications: {specs}."
        self.obtained: list[Any] = [" Obtained dimension variables: "]

    def solution(self) -> Solution:
        """Solve all equations."""
        rest = self.equations
        while rest:
            left = [e for e in rest if not self._solved(*e)]
            if len(left) == len(rest):
                self._refuse(left)
            rest = left
        self._constrain()
        return Solution(self.found, self.conditions, self.lengths)

    def _value(self, expression: Any) -> Any:
        """An expression in terms of lengths; KeyError if a variable is not known yet."""
        return evaluate(expression, self.found)

    def _solved(self, spec: Any, name: str) -> bool:
        length: Any = variable(name, self.scope)
        unknown: tuple[str, int] | None = None
        rest = length
        for term, c in spec.terms.items():
            part = type(spec)({term: c}, spec.scope) if term else c
            try:
                rest = rest - self._value(part)
            except KeyError:
                factor = type(spec)({term: 1}, spec.scope).as_factor()
                if factor is None or factor.operands or unknown is not None:
                    return False
                unknown = factor.name, c
        if unknown is None:
            value = self._value(spec)
            self._require(length - value, True, START, "Found inconsistency between dimension size"
                          f" {name} (= ", length, f") and the specification '{spec}' (= ", value,
                          ").")
            return True
        self._take(*unknown, rest, spec, name, length)
        return True

    def _take(self, unknown: str, factor: int, rest: Any, spec: Any, name: str, length: Any
              ) -> None:
        value = rest
        if factor != 1:
            value, remainder = divmod(rest, factor)
            self._require(remainder, True, START, "Division had remainder ", remainder,
                          f" when computing the value of '{unknown}'.")
        self.found[unknown] = value
        self.obtained += [f"'{unknown}' = ", value, f" from specification '{spec}' for dimension"
                          f" {name} (= ", length, "), "]
        self._require(value - 1, False, START, "Expected value >= 1 for dimension variable"
                      f" '{unknown}'.")

    def _require(self, left: Any, equal: bool, *message: Any) -> None:
        self.conditions.append(Condition(
            left, equal, (*message, self.specs, *self.obtained, HELP)))

    def _constrain(self) -> None:
        """The assumptions of the scope are conditions."""
        for text, difference, equal in self.theirs.assumed:
            try:
                left = self._value(difference)
            except KeyError as error:
                raise ValueError(
                    f"Encountered dimension variable {error} that is not appearing in the shapes of"
                    f" the function arguments, in the constraint {text}{HELP}") from None
            self._require(left, equal, "Input shapes do not match the symbolic shape constraint"
                          f" {text}. Expected '{difference}' to be"
                          f" {'equal' if equal else 'greater or equal'} to 0, but found ", left,
                          ". ")

    def _refuse(self, rest: Sequence[tuple[Any, str]]) -> None:
        unknown = set[str]().union(*(spec.variables() for spec, _ in rest)) - set(self.found)
        raise ValueError(
            f"Cannot solve for values of dimension variables {unknown}. We can only solve linear"
            f" uni-variate constraints.{self.specs} Unprocessed specifications: "
            + ", ".join(f"'{spec}' for dimension size {name}" for spec, name in rest) + HELP)


__all__ = ["Condition", "Solution", "solve"]
