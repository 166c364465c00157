"""Symbolic dimensions: lengths of axes as polynomials of variables, which are positive integers.

An expression is a sum of terms, integers times products of factors; a factor is a variable or one
of floordiv, mod, max, min of two expressions. Comparisons answer if all values of the variables
agree.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeGuard

from ingot.core.symbolic_scope import Scope
from ingot.errors import InconclusiveDimensionOperation

Number = Any
"""An integer or an expression."""


@functools.total_ordering
class Factor:
    """A variable (`operands` is empty), or an operation of two expressions. Ordered as printed."""

    __slots__ = ("_key", "name", "operands", "size")

    def __init__(self, name: str, operands: tuple[DimExpr, ...] = ()):
        self.name, self.operands = name, operands
        self.size = 1 + sum(o.size for o in operands)
        self._key = (self.size, bool(operands), name, tuple(o.key for o in operands))

    @property
    def key(self) -> Any:
        """What it is ordered by."""
        return self._key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Factor) and self._key == other._key

    def __lt__(self, other: Factor) -> bool:
        return self._key < other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.operands))})" if self.operands else self.name


class Term(tuple[tuple[Factor, int], ...]):
    """A product of factors with exponents, the largest factor first; the empty one is 1."""

    __slots__ = ()

    @property
    def key(self) -> Any:
        """What terms are ordered by: the size, then the factors."""
        return sum(1 + n * f.size for f, n in self), tuple((f.key, n) for f, n in self)

    def times(self, other: Term, sign: int = 1) -> Term | None:
        """Return the product, or with sign -1 the quotient; None if that is no product."""
        powers: dict[Factor, int] = dict(self)
        for f, n in other:
            powers[f] = powers.get(f, 0) + sign * n
        if any(n < 0 for n in powers.values()):
            return None
        return Term(sorted(((f, n) for f, n in powers.items() if n), reverse=True))

    def __repr__(self) -> str:
        return "*".join(f"{f}^{n}" if n != 1 else str(f) for f, n in sorted(self))


ONE = Term()


def _make(terms: Mapping[Term, int], scope: Scope) -> Number:
    """An expression, or an integer if it is one."""
    kept = {t: c for t, c in terms.items() if c}
    if not kept:
        return 0
    if len(kept) == 1 and ONE in kept:
        return kept[ONE]
    return DimExpr(kept, scope)


def variable(name: str, scope: Scope) -> DimExpr:
    """Return a dimension variable."""
    return DimExpr({Term([(Factor(name), 1)]): 1}, scope)


def is_symbolic(n: Any) -> TypeGuard[DimExpr]:
    """Return whether a length is an expression of variables."""
    return type(n) is DimExpr


def length(n: Any) -> Number:
    """Return a length as an integer or an expression. Raises TypeError for other things."""
    return n if is_symbolic(n) else operator.index(n)


def _operation(name: str, x: Number, y: Number, scope: Scope) -> Number:
    operands = tuple(o if is_symbolic(o) else DimExpr({ONE: o}, scope) for o in (x, y))
    return scope.normal(DimExpr({Term([(Factor(name, operands), 1)]): 1}, scope))


class DimExpr:
    """A length that is not known: a sum of terms, the largest first. It acts like an integer where
    the answer does not depend on the variables, and raises InconclusiveDimensionOperation else."""

    __slots__ = ("_hash", "key", "scope", "size", "terms")
    __array_priority__ = 1000

    def __init__(self, terms: Mapping[Term, int], scope: Scope):
        self.terms = dict(sorted(terms.items(), key=lambda item: item[0].key, reverse=True))
        self.scope = scope
        self.size = sum(t.key[0] for t in self.terms)
        self.key = tuple((t.key, c) for t, c in self.terms.items())
        self._hash = hash(self.key)

    # ---- what it is ------------------------------------------------------------------------------
    @property
    def constant(self) -> int:
        """The number that is added to the other terms."""
        return self.terms.get(ONE, 0)

    def as_factor(self) -> Factor | None:
        """The factor that the expression is; None if it is another one."""
        if len(self.terms) != 1:
            return None
        (term, coefficient), = self.terms.items()
        return term[0][0] if coefficient == 1 and len(term) == 1 and term[0][1] == 1 else None

    def variables(self) -> set[str]:
        """The names of the variables."""
        found: set[str] = set()
        for term in self.terms:
            for f, _ in term:
                found |= {f.name} if not f.operands else set[str]().union(
                    *(o.variables() for o in f.operands))
        return found

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        text = ""
        for term, c in self.terms.items():
            size = str(abs(c)) if term == ONE else (
                str(term) if abs(c) == 1 else f"{abs(c)}*{term}")
            sign = ("- " if c < 0 else "") if not text else (" - " if c < 0 else " + ")
            text += sign + size
        return text

    def __int__(self) -> int:
        return self.__index__()

    def __index__(self) -> int:
        raise InconclusiveDimensionOperation(
            f"the symbolic dimension '{self}' used where an integer constant is expected; write the"
            " function so that it does not depend on the value")

    def __bool__(self) -> bool:
        return self != 0

    # ---- arithmetic ------------------------------------------------------------------------------
    def _combined(self, other: Number, sign: int) -> Number:
        found = dict(self.terms)
        for term, c in _terms(other, self.scope).items():
            found[term] = found.get(term, 0) + sign * c
        return self.scope.normal(_make(found, self.scope))

    def __add__(self, other: Any) -> Any:
        return _arithmetic(self, other, lambda x, y: x._combined(y, 1), "add")

    def __sub__(self, other: Any) -> Any:
        return _arithmetic(self, other, lambda x, y: x._combined(y, -1), "subtract")

    def __neg__(self) -> Number:
        return self * -1

    def __pos__(self) -> DimExpr:
        return self

    def __mul__(self, other: Any) -> Any:
        return _arithmetic(self, other, _product, "multiply")

    def __pow__(self, power: int) -> Number:
        if not isinstance(power, int) or power < 0:
            raise InconclusiveDimensionOperation(
                f"Symbolic dimension cannot be raised to the power '{power}', got '{self}'")
        return functools.reduce(lambda x, _: x * self, range(power), 1)

    def __floordiv__(self, other: Any) -> Any:
        return _arithmetic(self, other, lambda x, y: divide(x, y)[0], "floor_divide")

    def __mod__(self, other: Any) -> Any:
        return _arithmetic(self, other, lambda x, y: divide(x, y)[1], "remainder")

    def __divmod__(self, other: Any) -> Any:
        return divide(self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return divide(_lift(other, self.scope), self)[0]

    def __rmod__(self, other: Any) -> Any:
        return divide(_lift(other, self.scope), self)[1]

    def __rdivmod__(self, other: Any) -> Any:
        return divide(_lift(other, self.scope), self)

    def __radd__(self, other: Any) -> Any:
        return self.__add__(other)

    def __rmul__(self, other: Any) -> Any:
        return self.__mul__(other)

    def __rsub__(self, other: Any) -> Any:
        return (self * -1) + other

    def __truediv__(self, other: Any) -> Any:
        return AS_ARRAY[0](self) / other

    def __rtruediv__(self, other: Any) -> Any:
        return other / AS_ARRAY[0](self)

    def __jax_array__(self) -> Any:
        return AS_ARRAY[0](self)

    # ---- comparisons -----------------------------------------------------------------------------
    def __eq__(self, other: object) -> Any:
        if self is other:
            return True
        if not (is_symbolic(other) or _is_int(other)):
            return NotImplemented
        if is_symbolic(other) and other.scope is not self.scope:
            return False
        difference = self - other
        if not is_symbolic(difference):
            return difference == 0
        low, high = self.scope.bounds(difference)
        return low == high == 0

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __ge__(self, other: Any) -> bool:
        return _is_at_least(self - other, self, other, ">=")

    def __le__(self, other: Any) -> bool:
        return _is_at_least(other - self, self, other, "<=")

    def __gt__(self, other: Any) -> bool:
        return not _is_at_least(other - self, self, other, ">")

    def __lt__(self, other: Any) -> bool:
        return not _is_at_least(self - other, self, other, "<")


AS_ARRAY: list[Callable[[DimExpr], Any]] = []
"""What makes an array of an expression: `primitives/dimensions.py` enters it."""


def _is_int(x: Any) -> bool:
    return isinstance(x, int) or (hasattr(x, "__index__") and not hasattr(x, "aval")
                                  and getattr(x, "shape", ()) == ())


def _terms(x: Number, scope: Scope) -> Mapping[Term, int]:
    if not is_symbolic(x):
        return {ONE: int(x)}
    scope.check_same(x)
    return x.terms


def _lift(x: Number, scope: Scope) -> DimExpr:
    return x if is_symbolic(x) else DimExpr({ONE: int(x)}, scope)


def _arithmetic(x: DimExpr, y: Any, apply: Callable[..., Any], name: str) -> Any:
    """An operation of lengths, or of arrays if the other operand is one."""
    if is_symbolic(y) or _is_int(y):
        return apply(x, y)
    if hasattr(y, "shape") or isinstance(y, (float, complex)):
        array = AS_ARRAY[0](x)
        return {"add": lambda: array + y, "subtract": lambda: array - y,
                "multiply": lambda: array * y, "floor_divide": lambda: array // y,
                "remainder": lambda: array % y}[name]()
    return NotImplemented


def _product(x: DimExpr, y: Number) -> Number:
    found: dict[Term, int] = {}
    for t, c in x.terms.items():
        for u, d in _terms(y, x.scope).items():
            product = t.times(u)
            assert product is not None
            found[product] = found.get(product, 0) + c * d
    return x.scope.normal(_make(found, x.scope))


def divide(x: DimExpr, y: Number) -> tuple[Number, Number]:
    """Return quotient and remainder as of integers: x = q y + r, 0 <= r < y for positive y.

    Terms that y divides are divided; what is left is a floordiv and a mod.
    """
    scope = x.scope
    if not is_symbolic(y) and int(y) == 0:
        raise ZeroDivisionError(f"the symbolic dimension '{x}' is divided by zero")
    if not is_symbolic(y) and abs(int(y)) == 1:
        return x * int(y), 0
    divisor = _lift(y, scope)
    scope.check_same(divisor)
    leading, coefficient = next(iter(divisor.terms.items()))
    quotient: Number = 0
    rest: Number = _make(x.terms, scope)
    while is_symbolic(rest) or rest:
        for t, c in _lift(rest, scope).terms.items():
            q = t.times(leading, -1)
            if q is not None and c % coefficient == 0:
                part = _make({q: c // coefficient}, scope)
                break
        else:
            break
        quotient, rest = quotient + part, rest - part * y
    if not is_symbolic(rest) and rest == 0:
        return quotient, 0
    if not is_symbolic(rest) and not is_symbolic(y):
        more, rest = divmod(rest, int(y))
        return quotient + more, rest
    if is_symbolic(y) and scope.bounds(rest)[0] >= 0 and scope.bounds(y - rest)[0] > 0:
        return quotient, rest  # for 0 <= rest < y
    return (quotient + _operation("floordiv", rest, y, scope),
            _operation("mod", rest, y, scope))


def _is_at_least(difference: Number, x: Number, y: Number, sign: str) -> bool:
    """Whether a difference is never negative; false if it always is."""
    if not is_symbolic(difference):
        return difference >= 0
    low, high = difference.scope.bounds(difference)
    if low >= 0:
        return True
    if high < 0:
        return False
    raise InconclusiveDimensionOperation(
        f"Symbolic dimension comparison '{x}' {sign} '{y}' is inconclusive; add a constraint to the"
        f" scope: symbolic_shape(..., constraints=['{x} {'>=' if '>' in sign else '<='} {y}'])")


def _extreme(name: str, x: Number, y: Number) -> Number:
    if not is_symbolic(x) and not is_symbolic(y):
        return max(x, y) if name == "max" else min(x, y)
    scope = x.scope if is_symbolic(x) else y.scope
    low, high = scope.bounds(x - y)
    if low >= 0 or high <= 0:
        return x if (low >= 0) == (name == "max") else y
    return _operation(name, x, y, scope)


def max_dim(x: Number, y: Number) -> Number:
    """Return the larger of two lengths."""
    return _extreme("max", x, y)


def min_dim(x: Number, y: Number) -> Number:
    """Return the smaller of two lengths."""
    return _extreme("min", x, y)


def evaluate(n: Number, values: Mapping[str, Any], scope_hint: str = "",
             operations: Mapping[str, Callable[[Any, Any], Any]] | None = None) -> Any:
    """Return what an expression is for values of its variables: integers, expressions or arrays.

    operations: what stands for floordiv, mod, max, min. Raises KeyError for variables without one.
    """
    if not is_symbolic(n):
        return n
    apply = operations or {"floordiv": lambda x, y: x // y, "mod": lambda x, y: x % y,
                           "max": max_dim, "min": min_dim}

    def factor(f: Factor) -> Any:
        if not f.operands:
            return values[f.name]
        return apply[f.name](*(evaluate(o, values, scope_hint, operations) for o in f.operands))

    total: Any = None
    for term, c in n.terms.items():
        product: Any = None
        for f, power in term:
            value = factor(f)
            for _ in range(power):
                product = value if product is None else product * value
        part = c if product is None else (product if c == 1 else product * c)
        total = part if total is None else total + part
    return total


def variables_of(shapes: Iterable[Sequence[Number]]) -> list[str]:
    """Return the names of all variables of shapes, in the order of the alphabet."""
    return sorted(set[str]().union(*(n.variables() for shape in shapes for n in shape
                                     if is_symbolic(n))))


def size(shape: Sequence[Number]) -> Number:
    """Return the product of lengths."""
    return math.prod(shape)
