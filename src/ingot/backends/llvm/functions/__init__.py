"""Elementary functions as branch-free LLVM code, which loops over arrays vectorize.

Each is an internal function of one scalar type, added to the modules that use it; both tiers run
the same operations in the same order, so their results agree to the last bit.
"""

from __future__ import annotations

import functools

from ingot.backends.llvm.functions import errors, exponential, gamma, hyperbolic, trigonometric
from ingot.backends.llvm.functions.assembler import FORMATS, Code, Formula, Value, float_literal
from ingot.backends.llvm.functions.rare import PURE, VARIANT, variant_of
from ingot.backends.llvm.functions.target import has_fma, lanes

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


def function_name(op: str, kind: str, lanes: int = 1) -> str:
    """The name of the function that `definitions` defines."""
    return f"ingot.{op}.{FORMATS[kind].name}" + (f".x{lanes}" if lanes > 1 else "")


def available(op: str, kind: str) -> bool:
    """Whether there is a formula for the operation that this processor runs well."""
    return op in FORMULAS and has_fma() and not (op in FLOAT_ONLY and kind != "float")


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
        f"define internal {code.type(kind)} @{name}({', '.join(x.typed for x in given)})"
        " alwaysinline nounwind willreturn memory(none) {",
        *code.lines, f"  ret {out.typed}", "}"])
    return {**code.declarations, name: text}


# ---- called from lanes ---------------------------------------------------------------------------
LOOPS = 2_000_000
"""Number of the first metadata node of the loops in variants."""


@functools.cache
def called_definitions(op: str, kind: str) -> dict[str, str]:
    """The function as one that loops over lanes call, with its variant: a loop that vectorizes."""
    count, n = FORMULAS[op][1], lanes()
    inside, name = function_name(op, kind), called_name(op, kind)
    xs = [f"%x{k}" for k in range(count)]
    given = ", ".join(f"{kind} {x}" for x in xs)
    scalar = (f"define linkonce_odr hidden {kind} @{name}({given}) noinline {PURE} {{\n"
              f"  %out = call {kind} @{inside}({given})\n  ret {kind} %out\n}}")
    v, mark = f"<{n} x {kind}>", LOOPS + 4 * (2 * list(FORMULAS).index(op) + (kind == "float"))
    lines = [f"define {v} @{name}x{n}({', '.join(f'{v} {x}' for x in xs)}) noinline {PURE} {{",
             "entry:", f"  %out = alloca {v}"]
    for x in xs:
        lines += [f"  {x}.all = alloca {v}", f"  store {v} {x}, ptr {x}.all"]
    lines += ["  br label %lane", "lane:", "  %i = phi i64 [0, %entry], [%next, %lane]"]
    for x in xs:
        lines += [f"  {x}.at = getelementptr {kind}, ptr {x}.all, i64 %i",
                  f"  {x}.one = load {kind}, ptr {x}.at"]
    one = ", ".join(f"{kind} {x}.one" for x in xs)
    lines += [f"  %y = call {kind} @{inside}({one})",
              f"  %y.at = getelementptr {kind}, ptr %out, i64 %i", f"  store {kind} %y, ptr %y.at",
              "  %next = add nuw nsw i64 %i, 1", f"  %more = icmp ult i64 %next, {n}",
              f"  br i1 %more, label %lane, label %done, !llvm.loop !{mark}", "done:",
              f"  %result = load {v}, ptr %out", f"  ret {v} %result", "}",
              f"!{mark} = distinct !{{!{mark}, !{mark + 1}, !{mark + 2}}}",
              f'!{mark + 1} = !{{!"llvm.loop.vectorize.width", i32 {n}}}',
              f'!{mark + 2} = !{{!"llvm.loop.unroll.disable"}}']
    return {**definitions(op, kind), name: scalar, f"{VARIANT}{name}x{n}": "\n".join(lines)}


def called_name(op: str, kind: str) -> str:
    """The name of the function that lanes call."""
    return f"{function_name(op, kind)}.lanes"


__all__ = ["available", "called_definitions", "called_name", "definitions", "float_literal",
           "function_name", "lanes", "variant_of"]
