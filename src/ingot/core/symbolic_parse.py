"""Shapes and constraints of symbolic dimensions as text: "b, 2*c, floordiv(b, 2)", "b >= 4"."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from ingot.core.symbolic import DimExpr, Number, is_symbolic, max_dim, min_dim, variable
from ingot.core.symbolic_scope import Scope

_CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "floordiv": lambda x, y: x // y, "mod": lambda x, y: x % y, "max": max_dim, "min": min_dim}
_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: lambda x, y: x + y, ast.Sub: lambda x, y: x - y, ast.Mult: lambda x, y: x * y,
    ast.Pow: lambda x, y: x**y, ast.FloorDiv: lambda x, y: x // y, ast.Mod: lambda x, y: x % y}


class SymbolicScope(Scope):
    """Variables that may be used together, and what is assumed of them: each is at least 1.

    constraints_str: texts of the form 'e1 >= e2', 'e1 <= e2' or 'e1 == e2', where the left side of
    an equality is an integer times a product. Raises ValueError for others, and for contradictions.

    >>> scope = export.SymbolicScope(["b >= 4"])
    >>> (b,) = export.symbolic_shape("b", scope=scope)
    >>> b >= 3
    True
    """

    def __init__(self, constraints_str: Sequence[str] = ()):
        if isinstance(constraints_str, str):
            raise ValueError("The symbolic constraints should be a sequence of strings, got"
                             f" {constraints_str!r}")
        super().__init__()
        for text in constraints_str:
            self._constrain(text)

    def _constrain(self, text: str) -> None:
        if not isinstance(text, str):
            raise ValueError(f"SymbolicScope constraint must be a string: got {text!r}")
        sign = next((s for s in ("==", ">=", "<=") if s in text), None)
        if sign is None:
            raise ValueError("Constraint parsing error: must contain one of '==' or '>=' or '<=',"
                             f" got {text!r}")
        left, right = (_single(part, text, self) for part in text.split(sign, 1))
        if sign == "<=":
            left, right = right, left
        difference = left - right
        if not is_symbolic(difference):
            if difference < 0 or (sign == "==" and difference):
                raise ValueError(f"Unsatisfiable explicit constraint: {text}")
            return
        self.assume(text, difference, sign == "==")
        if sign == "==":
            self._replace(left, right, text)

    def _replace(self, left: Number, right: Number, text: str) -> None:
        if not is_symbolic(left) or len(left.terms) != 1:
            raise ValueError(f"Invalid equality constraint: {text}; the left-hand-side must be of"
                             " the form `term * coefficient`")
        ((term, coefficient),) = left.terms.items()
        if any(term == t for t, _ in self.equalities):
            raise NotImplementedError("Found multiple equality constraints with the same"
                                      f" left-hand-side: {term}")
        if coefficient == 1:
            self.replace(term, right)
            factor = left.as_factor()
            if factor is not None and factor.name == "mod" and right == 0:
                # What divides without remainder is a product.
                whole, part = (o.constant if not o.variables() else o for o in factor.operands)
                quotient = whole // part
                if is_symbolic(quotient) and len(quotient.terms) == 1:
                    self.differences += [part * quotient - whole, whole - part * quotient]


def symbolic_shape(shape_spec: str | None, *, constraints: Sequence[str] = (),
                   scope: SymbolicScope | None = None, like: Sequence[int | None] | None = None
                   ) -> tuple[Number, ...]:
    """Make a shape with symbolic dimensions from its text.

    shape_spec: lengths separated by commas: integers, variables, sums, products, floordiv(a, b),
    mod(a, b), max(a, b), min(a, b); '_' and '...' stand for lengths of `like`, None for all of
    them. constraints: assumptions, as in SymbolicScope; scope: that of other shapes, in place of
    constraints -> a tuple. Raises ValueError for texts that are no such shape, or do not fit
    `like`.

    >>> export.symbolic_shape("2*b + 1, floordiv(b, 2)")
    (2*b + 1, floordiv(b, 2))
    """
    if shape_spec is not None and not isinstance(shape_spec, str):
        raise ValueError("polymorphic shape spec should be None or a string, got"
                         f" {shape_spec!r}")
    if scope is not None and constraints:
        raise ValueError("Cannot specify both a `scope` and `constraints`")
    return _parse("..." if shape_spec is None else shape_spec,
                  SymbolicScope(constraints) if scope is None else scope, like)


def _parse(text: str, scope: Scope, like: Any = None) -> tuple[Number, ...]:
    inside = text.strip()
    if inside.startswith("(") and inside.endswith(")") and _is_enclosed(inside):
        inside = inside[1:-1].strip()
    inside = inside.rstrip().removesuffix(",")
    if not inside:
        return ()
    try:
        nodes = ast.parse(f"({inside.replace('^', '**')},)", mode="eval").body.elts  # type: ignore
    except SyntaxError as error:
        raise ValueError(f"syntax error in symbolic shape {text!r}: {error.msg}") from None
    parser = _Parser(text, scope, like)
    return parser.shape(nodes)


def _is_enclosed(text: str) -> bool:
    """Whether the first parenthesis is closed by the last one."""
    depth = 0
    for k, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if depth == 0:
            return k == len(text) - 1
    return False


def _single(text: str, whole: str, scope: Scope) -> Number:
    found = _parse(text, scope)
    if len(found) != 1:
        raise ValueError(f"syntax error in symbolic shape {whole!r}: one expression expected on"
                         " each side")
    return found[0]


class _Parser:
    """Turns Python's syntax trees into lengths."""

    def __init__(self, text: str, scope: Scope, like: Any):
        self._text, self._scope, self._like = text, scope, like

    def _error(self, why: str) -> ValueError:
        return ValueError(f"syntax error in symbolic shape {self._text!r}: {why}")

    def shape(self, nodes: Sequence[ast.expr]) -> tuple[Number, ...]:
        """Return the lengths, with placeholders filled in."""
        dots = [k for k, n in enumerate(nodes) if isinstance(n, ast.Constant) and n.value is ...]
        found: list[Number] = []
        for k, node in enumerate(nodes):
            if k in dots:
                if k != len(nodes) - 1:
                    raise self._error("'...' must be the last entry")
                rest = [] if self._like is None else list(self._like[len(found):])
                if self._like is None or None in rest:
                    raise self._error(f"unexpected placeholder; like={self._like}")
                found.extend(rest)
            elif isinstance(node, ast.Name) and node.id == "_":
                here = self._like[len(found)] if (
                    self._like is not None and len(found) < len(self._like)) else None
                if here is None:
                    raise self._error(f"unexpected placeholder; like={self._like}")
                found.append(here)
            else:
                found.append(self._length(node))
        self._check_like(found)
        return tuple(found)

    def _check_like(self, found: Sequence[Number]) -> None:
        if self._like is None:
            return
        if len(found) != len(self._like):
            raise self._error(f"it has {len(found)} dimensions, like={self._like}")
        for n, m in zip(found, self._like, strict=True):
            if m is not None and not is_symbolic(n) and not is_symbolic(m) and n != m:
                raise self._error(f"different size {n} for known dimension; like={self._like}")

    def _length(self, node: ast.expr) -> Number:
        if isinstance(node, ast.Constant) and type(node.value) is int:
            return node.value
        if isinstance(node, ast.Name):
            return self._scope.normal(variable(node.id, self._scope))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
            inner = self._length(node.operand)
            return -inner if isinstance(node.op, ast.USub) else inner
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](self._length(node.left), self._length(node.right))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and (
                node.func.id in _CALLS and len(node.args) == 2 and not node.keywords):
            return _CALLS[node.func.id](*map(self._length, node.args))
        raise self._error(f"unexpected {ast.unparse(node)!r}")


__all__ = ["DimExpr", "SymbolicScope", "symbolic_shape"]
