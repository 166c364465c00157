"""Elementary functions as branch-free LLVM code, which loops over arrays vectorize.

Each is an internal function of one scalar type, added to the modules that use it; both tiers run
the same operations in the same order, so their results agree to the last bit.
"""

from __future__ import annotations

import functools

from ingot.backends.llvm.functions import errors, exponential, gamma, hyperbolic, trigonometric
from ingot.backends.llvm.functions.assembler import FORMATS, Code, Formula, Value, float_literal
from ingot.backends.llvm.functions.target import has_fma

FORMULAS: dict[str, tuple[Formula, int]] = {
    **{f.__name__: (f, 1) for f in (
        exponential.exp, exponential.exp2, exponential.expm1, exponential.log, exponential.log1p,
        exponential.cbrt, trigonometric.sin, trigonometric.cos, trigonometric.tan,
        trigonometric.asin, trigonometric.acos, trigonometric.atan, hyperbolic.sinh,
        hyperbolic.cosh, hyperbolic.tanh, hyperbolic.asinh, hyperbolic.acosh, hyperbolic.atanh,
        errors.erf, errors.erfc, errors.erf_inv, gamma.lgamma)},
    **{f.__name__: (f, 2) for f in (exponential.pow, trigonometric.atan2)},
}
"""The formula of each operation and how many arguments it takes."""

FLOAT_ONLY = frozenset(["lgamma"])
"""Operations whose formula is for float alone."""


def function_name(op: str, kind: str) -> str:
    """The name of the function that `definitions` defines."""
    return f"ingot.{op}.{FORMATS[kind].name}"


def available(op: str, kind: str) -> bool:
    """Whether there is a formula for the operation that this processor runs well."""
    return op in FORMULAS and has_fma() and not (op in FLOAT_ONLY and kind != "float")


@functools.cache
def definitions(op: str, kind: str) -> dict[str, str]:
    """The function for `kind` (double or float), with all that it needs, by name."""
    formula, count = FORMULAS[op]
    code = Code()
    out = formula(*(Value(code, kind, f"%x{k}") for k in range(count)))
    name = function_name(op, kind)
    parameters = ", ".join(f"{kind} %x{k}" for k in range(count))
    text = "\n".join([
        f"define internal {kind} @{name}({parameters}) alwaysinline nounwind willreturn"
        " memory(none) {",
        *code.lines, f"  ret {kind} {out.text}", "}"])
    return {**code.declarations, name: text}


__all__ = ["available", "definitions", "float_literal", "function_name"]
