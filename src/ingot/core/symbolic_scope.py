"""Scopes of symbolic dimensions: constraints on variables, and bounds that follow from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

MAX_DEPTH = 3
MAX_CONSTRAINTS = 24
MAX_SPLITS = 8
"""How many of the extremes in an expression are taken for one operand and the other in turn."""


class Scope:
    """Variables that belong together, with what is assumed of them besides being positive.

    assumed: what the user said: texts, differences, whether these are zero or never negative.
    equalities: pairs (term, expression) by which the first is replaced; differences: expressions
    that are never negative.
    """

    def __init__(self) -> None:
        self.constraints: list[str] = []
        self.assumed: list[tuple[str, Any, bool]] = []
        self.differences: list[Any] = []
        self.equalities: list[tuple[Any, Any]] = []
        self._bounds: dict[Any, tuple[float, float]] = {}
        self._lowest: dict[Any, float] = {}

    def check_same(self, x: Any) -> None:
        """Raise ValueError for an expression of another scope."""
        if x.scope is not self:
            raise ValueError(
                f"Invalid mixing of symbolic scopes: expected {self}, and found for '{x}' the scope"
                f" {x.scope}; make all shapes with one scope: symbolic_shape(..., scope=scope)")

    def __repr__(self) -> str:
        inside = "".join(f"\n  {c}" for c in self.constraints)
        return f"scope {id(self):#x}" + (f" with constraints:{inside}" if inside else "")

    # ---- what is assumed -------------------------------------------------------------------------
    def assume(self, text: str, difference: Any, equal: bool) -> None:
        """Add a constraint: that a difference is zero, or that it is never negative."""
        self.constraints.append(text)
        self.assumed.append((text, difference, equal))
        self._forget()
        if not equal:
            self.differences.append(difference)
            return
        self.differences += [difference, -difference]

    def replace(self, term: Any, by: Any) -> None:
        """Let an expression stand for a term from now on."""
        self.equalities.append((term, by))
        self._forget()

    def _forget(self) -> None:
        self._bounds.clear()
        self._lowest.clear()

    def normal(self, x: Any) -> Any:
        """Return an expression with what stands for its terms."""
        for term, by in self.equalities:
            while type(x) is not int and not isinstance(x, int):
                found = next((t for t in x.terms if t.times(term, -1) is not None), None)
                if found is None:
                    break
                rest = type(x)({found.times(term, -1): x.terms[found]}, self)
                others = type(x)({t: c for t, c in x.terms.items() if t != found} or {type(
                    found)(): 0}, self)
                x = _plain(others) + _plain(rest) * by
        return x

    # ---- bounds ----------------------------------------------------------------------------------
    def bounds(self, x: Any) -> tuple[float, float]:
        """Return numbers between which an expression always lies, infinite where none is known."""
        if isinstance(x, int):
            return x, x
        if x not in self._bounds_keys():
            self._bounds[x.key] = self._lower(x, MAX_DEPTH), -self._lower(-x, MAX_DEPTH)
        return self._bounds[x.key]

    def _bounds_keys(self) -> Any:
        return _Keys(self._bounds)

    def _lower(self, x: Any, depth: int, splits: int = MAX_SPLITS) -> float:
        """A number that an expression is never below."""
        if isinstance(x, int):
            return x
        key = x.key, depth, splits
        if key not in self._lowest:
            chosen = _extreme_in(x) if splits else None
            self._lowest[key] = (self._without_extremes(x, depth) if chosen is None
                                 else self._split(x, *chosen, depth, splits - 1))
        return self._lowest[key]

    def _split(self, x: Any, term: Any, raises: bool, depth: int, splits: int) -> float:
        """The bound that follows from x with an operand of max or min in the place of that.

        Where the extreme is no help (it is a maximum that is subtracted, or a minimum that is
        added), x may be either of the two; else it is at least each of them.
        """
        coefficient, here = x.terms[term], type(x)({term: 1}, self)
        rest = x - here * coefficient
        either = [self._lower(rest + _plain(o) * coefficient, depth, splits)
                  for o in term[0][0].operands]
        return max(either) if raises else min(either)

    def _without_extremes(self, x: Any, depth: int) -> float:
        best = sum(_scaled(c, *self._term(t, depth)) for t, c in x.terms.items())
        if depth == 0:
            return best
        for d in self._known(x)[:MAX_CONSTRAINTS]:
            for t, c in d.terms.items():
                here = x.terms.get(t, 0)
                if t and here and (here > 0) == (c > 0):
                    # x = here / c * d + (the rest), and the first part is not negative.
                    rest = x * abs(c) - d * abs(here)
                    low = self._lower(rest, depth - 1)
                    best = max(best, low if math.isinf(low) else -(-low // abs(c)))
        return best

    def _term(self, term: Any, depth: int) -> tuple[float, float]:
        """Bounds of a product of factors."""
        low: float = 1
        high: float = 1
        for f, power in term:
            a, b = self._factor(f, depth)
            for _ in range(power):
                corners = [_times(p, q) for p in (low, high) for q in (a, b)]
                low, high = min(corners), max(corners)
            if power % 2 == 0 and low < 0:
                low = 0
        return low, high

    def _factor(self, f: Any, depth: int) -> tuple[float, float]:
        if not f.operands:
            return 1, math.inf
        (a, b), (c, d) = (self._range(o, depth) for o in f.operands)
        if f.name == "max":
            return max(a, c), max(b, d)
        if f.name == "min":
            return min(a, c), min(b, d)
        if f.name == "mod":
            if c > 0:
                return 0, min(d - 1, b if a >= 0 else math.inf)
            return (c + 1, 0) if d < 0 else (-math.inf, math.inf)
        if c > 0 or d < 0:
            corners = [_quotient(p, q) for p in (a, b) for q in (c, d)]
            return min(corners), max(corners)
        return -math.inf, math.inf

    def _range(self, x: Any, depth: int) -> tuple[float, float]:
        if len(x.terms) == 1 and not next(iter(x.terms)):
            return x.constant, x.constant
        step = max(depth - 1, 0)
        return self._lower(x, step), -self._lower(-x, step)

    def _known(self, x: Any) -> list[Any]:
        """Differences that are never negative: those assumed, and those of the factors of x."""
        term: Any = type(next(iter(x.terms)))
        found = list(self.differences)
        for f in {f: None for t in x.terms for f, _ in t if f.operands}:
            here = type(x)({term([(f, 1)]): 1}, self)
            p, q = (_plain(o) for o in f.operands)
            found += [d for d in _implied(f.name, here, p, q, self) if not isinstance(d, int)]
        return found


class _Keys:
    def __init__(self, known: dict[Any, Any]):
        self._known = known

    def __contains__(self, x: Any) -> bool:
        return x.key in self._known


def _extreme_in(x: Any) -> tuple[Any, bool] | None:
    """A term of x that is a maximum or minimum, and whether x is at least what it is with each of
    the operands instead. Those of which x may be either come first: that gives closer bounds."""
    found = None
    for t, c in x.terms.items():
        if len(t) == 1 and t[0][1] == 1 and t[0][0].name in ("max", "min") and t[0][0].operands:
            raises = (t[0][0].name == "max") == (c > 0)
            if not raises:
                return t, raises
            found = found or (t, raises)
    return found


def _plain(x: Any) -> Any:
    """An expression as an integer if it is one."""
    if len(x.terms) == 1 and not next(iter(x.terms)):
        return x.constant
    return x


def _implied(name: str, here: Any, p: Any, q: Any, scope: Scope) -> Sequence[Any]:
    """Differences that are never negative, for an operation of p and q."""
    if name == "max":
        return here - p, here - q
    if name == "min":
        return p - here, q - here
    if scope.bounds(q)[0] <= 0:
        return ()
    if name == "floordiv":
        return p - here * q, here * q + q - 1 - p
    return (q - 1 - here, p - here) if scope.bounds(p)[0] >= 0 else (q - 1 - here,)


def _times(a: float, b: float) -> float:
    return 0 if a == 0 or b == 0 else a * b


def _scaled(c: int, low: float, high: float) -> float:
    return _times(c, low if c > 0 else high)


def _quotient(a: float, b: float) -> float:
    if math.isinf(a):
        return a if b > 0 else -a
    if math.isinf(b):
        return 0 if (a >= 0) == (b > 0) or a == 0 else -1
    return a // b
