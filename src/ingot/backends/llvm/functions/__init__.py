"""Elementary functions as branch-free LLVM code, which loops over arrays vectorize.

Each is an internal function of one scalar type, added to the modules that use it; both tiers run
the same operations in the same order, so their results agree to the last bit.
"""

from __future__ import annotations

import functools

from ingot.backends.llvm.functions import errors, exponential, gamma, hyperbolic, trigonometric
from ingot.backends.llvm.functions.assembler import FORMATS, Code, Formula, Value, float_literal
from ingot.backends.llvm.functions.slow_path import PURE, VARIANT, variant_of
from ingot.backends.llvm.functions.target import has_fma, lanes

FORMULAS: dict[str, tuple[Formula, int]] = {
    **{f.__name__: (f, 1) for f in (
        exponential.exp, exponential.exp2, exponential.expm1, exponential.log, exponential.log1p,
        exponential.log2, exponential.cbrt, trigonometric.sin, trigonometric.cos, trigonometric.tan,
        trigonometric.asin, trigonometric.acos, trigonometric.atan, hyperbolic.sinh,
        hyperbolic.cosh, hyperbolic.tanh, hyperbolic.asinh, hyperbolic.acosh, hyperbolic.atanh,
        errors.erf, errors.erfc, errors.erf_inv, gamma.lgamma, gamma.digamma)},
    **{f.__name__: (f, 2) for f in (exponential.pow, trigonometric.atan2)},
}
"""The formula of each operation and how many arguments it takes."""

def function_name(op: str, kind: str, lanes: int = 1) -> str:
    """The name of the function that `definitions` defines."""
    return f"ingot.{op}.{FORMATS[kind].name}" + (f".x{lanes}" if lanes > 1 else "")


def available(op: str, kind: str) -> bool:
    """Whether there is a formula for the operation that this processor runs well."""
    return op in FORMULAS and has_fma()


@functools.cache
def definitions(op: str, kind: str, lanes: int = 1) -> dict[str, str]:
    """The function for `kind` (double or float), with all that it needs, by name; or for vectors
    of so many lanes."""
    formula, count = FORMULAS[op]
    code = Code(lanes)
    given = [Value(code, kind, f"%x{k}") for k in range(count)]
    out = formula(*given)
    name = function_name(op, kind, lanes)
    text = "\n".join([
        f"define internal {code.types[kind]} @{name}({', '.join(x.typed for x in given)})"
        " alwaysinline nounwind willreturn memory(none) {",
        *code.lines, f"  ret {out.typed}", "}"])
    return {**code.declarations, name: text}


# ---- called from lanes ---------------------------------------------------------------------------
@functools.cache
def called_definitions(op: str, kind: str) -> dict[str, str]:
    """The function as one that loops over lanes call, with its variant for vectors."""
    name, n = called_name(op, kind), lanes()

    def calling(name: str, kind: str, inside: str, linkage: str) -> str:
        xs = ", ".join(f"{kind} %x{k}" for k in range(FORMULAS[op][1]))
        return (f"define {linkage}{kind} @{name}({xs}) noinline {PURE} {{\n"
                f"  %out = call {kind} @{inside}({xs})\n  ret {kind} %out\n}}")

    vector = {**definitions(op, kind, n),
              f"{name}x{n}": calling(f"{name}x{n}", f"<{n} x {kind}>",
                                     function_name(op, kind, n), "")}
    return {**definitions(op, kind),
            name: calling(name, kind, function_name(op, kind), "linkonce_odr hidden "),
            **{VARIANT + key: text for key, text in vector.items()}}


def called_name(op: str, kind: str) -> str:
    """The name of the function that lanes call."""
    return f"{function_name(op, kind)}.lanes"


__all__ = ["available", "called_definitions", "called_name", "definitions", "float_literal",
           "function_name", "lanes", "variant_of"]
