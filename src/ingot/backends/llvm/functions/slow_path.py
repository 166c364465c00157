"""Slow paths: vector code calls the library for those lanes alone that its formula excludes.

The fast formula marks such lanes by NaN. LLVM puts a vector variant, named by the attribute
`vector-function-abi-variant`, in place of the scalar function when it vectorizes a loop; the
variant looks at all lanes at once and returns if none is marked.
"""

from __future__ import annotations

from ingot.backends.llvm.functions.assembler import F64, Format, Value, where
from ingot.backends.llvm.functions.target import vector_bytes

VARIANT = "vector:"
"""Before the names of definitions that only vectorized loops call."""

PURE = "nounwind willreturn memory(none)"


def with_libm_fallback(name: str, x: Value, is_rare: Value, fast: Value) -> Value:
    """The fast value, or the C function's where the test holds."""
    f, code = x.format, x.code
    library = name if f is F64 else name + "f"
    code.declarations[library] = f"declare {f.kind} @{library}({f.kind}) {PURE}"
    scalar = f"ingot.{name}.rare.{f.name}"
    code.declarations[scalar] = _scalar(scalar, library, f)
    marked = where(is_rare, x.nan(), fast)
    if code.lanes > 1:
        reduction = f"llvm.vector.reduce.or.v{code.lanes}i1"
        code.declarations[reduction] = f"declare i1 @{reduction}(<{code.lanes} x i1>)"
        vector = f"{scalar}.x{code.lanes}"
        code.declarations[vector] = _vector(vector, scalar, code.lanes, f, "internal ")
        return code.call(vector, f.kind, [x, marked])
    variants = []
    for lanes in (8 * size // f.width for size in vector_bytes()):
        vector = f"{scalar}x{lanes}"
        code.declarations[f"{VARIANT}llvm.vector.reduce.or.v{lanes}i1"] = (
            f"declare i1 @llvm.vector.reduce.or.v{lanes}i1(<{lanes} x i1>)")
        code.declarations[VARIANT + vector] = _vector(vector, scalar, lanes, f)
        variants.append(f"_ZGV_LLVM_N{lanes}vv_{scalar}({vector})")
    return code.new(f.kind, f"call {f.kind} @{scalar}({f.kind} {x.text}, {f.kind} {marked.text})"
                    f' {PURE} "vector-function-abi-variant"="{",".join(variants)}"')


def variant_of(name: str, count: int, lanes: int) -> str:
    """What marks a call, with so many arguments, of a function that has a variant for lanes."""
    return (f'{PURE} "vector-function-abi-variant"='
            f'"_ZGV_LLVM_N{lanes}{"v" * count}_{name}({name}x{lanes})"')


def _scalar(name: str, library: str, f: Format) -> str:
    return f"""define internal {f.kind} @{name}({f.kind} %x, {f.kind} %fast) noinline {PURE} {{
  %marked = fcmp uno {f.kind} %fast, %fast
  %number = fcmp ord {f.kind} %x, %x
  %rare = and i1 %marked, %number
  br i1 %rare, label %call, label %done
call:
  %exact = call {f.kind} @{library}({f.kind} %x)
  ret {f.kind} %exact
done:
  ret {f.kind} %fast
}}"""


def _vector(name: str, scalar: str, lanes: int, f: Format, linkage: str = "") -> str:
    """Not internal where nothing refers to it until LLVM vectorizes."""
    v = f"<{lanes} x {f.kind}>"
    return f"""define {linkage}{v} @{name}({v} %x, {v} %fast) noinline {PURE} {{
entry:
  %marked = fcmp uno {v} %fast, %fast
  %number = fcmp ord {v} %x, %x
  %rare = and <{lanes} x i1> %marked, %number
  %any = call i1 @llvm.vector.reduce.or.v{lanes}i1(<{lanes} x i1> %rare)
  br i1 %any, label %lane, label %done
lane:
  %i = phi i64 [0, %entry], [%next, %lane]
  %sofar = phi {v} [%fast, %entry], [%changed, %lane]
  %xi = extractelement {v} %x, i64 %i
  %fasti = extractelement {v} %fast, i64 %i
  %out = call {f.kind} @{scalar}({f.kind} %xi, {f.kind} %fasti)
  %changed = insertelement {v} %sofar, {f.kind} %out, i64 %i
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, {lanes}
  br i1 %more, label %lane, label %done
done:
  %result = phi {v} [%fast, %entry], [%changed, %lane]
  ret {v} %result
}}"""
