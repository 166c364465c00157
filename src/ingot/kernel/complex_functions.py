"""The operations of complex scalars: arithmetic and elementary functions, in pairs of real ones.

Each function has the values of C's standard at infinities, nan and signed zeros (C17, annex G) and
computes nothing that overflows before its result does. Parts in float32 are computed in float64
where squares are added.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ingot.kernel import complex_arithmetic as of, complex_circular as circular, complex_powers
from ingot.kernel.values import Unsupported

RULES: dict[str, Callable[..., Any]] = {
    "neg": of.negated, "add": of.by_parts("add"), "sub": of.by_parts("sub"), "mul": of.product,
    "div": of.quotient, "eq": of.compared("eq", "and"), "ne": of.compared("ne", "or"),
    "abs": of.modulus, "sign": of.direction, "sqrt": of.root, "log": of.logarithm,
    "log1p": of.logarithm_of_more, "log2": of.logarithm_to_base_2,
    "exp": complex_powers.exp, "exp2": complex_powers.exp2, "pow": complex_powers.power,
    "sinh": circular.sinh, "cosh": circular.cosh, "tanh": circular.tanh,
    "sin": circular.sin, "cos": circular.cos, "tan": circular.tan,
    "asinh": circular.asinh, "acosh": circular.acosh, "atanh": circular.atanh,
    "asin": circular.asin, "acos": circular.acos, "atan": circular.atan,
}  # fmt: skip

COMPLEX = frozenset([*RULES, "select"])
"""The operations of complex scalars; others go to the host."""

COSTS = {"div": 40, "abs": 20, "sign": 40, "sqrt": 40, "log": 80, "log1p": 100, "log2": 90,
         "exp": 40, "exp2": 60, "pow": 300, "sinh": 80, "cosh": 80, "tanh": 80, "sin": 80,
         "cos": 80, "tan": 80, "asinh": 200, "acosh": 200, "atanh": 100, "asin": 200, "acos": 200,
         "atan": 100}
"""Instructions of those that are more than a few."""


def complex_op(build: of.Scalars, name: str, x: Any, y: Any = None) -> Any:
    """One of `COMPLEX` applied to complex scalars; raises Unsupported for other operations."""
    rule = RULES.get(name)
    if rule is None:
        raise Unsupported(f"{name} of complex numbers")
    return rule(build, x) if y is None else rule(build, x, y)
