"""Scalar operations in LLVM: which instruction, intrinsic or C function each one is.

float16 and bfloat16 travel as floats that hold a value of the narrow type: each operation is done
in float and rounded, as NumPy and ml_dtypes do it.

Accuracy: + - * / sqrt are correctly rounded; exp, log, sin, cos ... are ours (see `functions`), or
those of the C library and SciPy where there is no formula or the processor lacks fma.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import ml_dtypes
import numpy as np

from ingot.backends.llvm import functions
from ingot.backends.llvm.functions import hashing
from ingot.backends.llvm.ranges import Ranges
from ingot.kernel import ir

CYTHON_SPECIAL = "scipy.special.cython_special:"

# Operations that are C functions `double f(double, ...)`, with an `f` suffix for float.
LIBM = {"cbrt": "cbrt", "expm1": "expm1", "log1p": "log1p", "tan": "tan", "asin": "asin",
        "acos": "acos", "atan": "atan", "atan2": "atan2", "sinh": "sinh", "cosh": "cosh",
        "tanh": "tanh", "asinh": "asinh", "acosh": "acosh", "atanh": "atanh", "erf": "erf",
        "erfc": "erfc", "lgamma": "lgamma", "nextafter": "nextafter", "exp": "exp",
        "exp2": "exp2", "log": "log", "log2": "log2", "pow": "pow", "sin": "sin", "cos": "cos"}
SPECIAL = {"erf_inv": "erfinv", "digamma": "psi"}
INTRINSICS = {"sqrt": "sqrt", "floor": "floor", "ceil": "ceil", "rint": "roundeven",
              "round_away": "round", "trunc": "trunc", "copysign": "copysign", "fma": "fma"}
FLOAT_BINARY = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
INT_BINARY = {"add": "add", "sub": "sub", "mul": "mul", "and": "and", "or": "or", "xor": "xor"}
FLOAT_COMPARE = {"eq": "oeq", "ne": "une", "lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge"}


HALF = np.dtype(np.float16)
BRAIN = np.dtype(ml_dtypes.bfloat16)
LOW_BITS = (1 << 29) - 1
"""Bits of a double's significand that a float does not have."""

_FLOATS = {np.dtype(np.float64): "double", np.dtype(np.float32): "float", HALF: "float",
           BRAIN: "float"}


@functools.cache
def llvm_type(dtype: np.dtype) -> str:
    """The register type of a dtype; dtypes without arithmetic travel as integers of their size."""
    found = _FLOATS.get(dtype)
    if found is not None:
        return found
    return "i1" if dtype.kind == "b" else f"i{8 * dtype.itemsize}"


@functools.cache
def memory_type(dtype: np.dtype) -> str:
    """The type of a dtype in memory: a boolean is a byte, narrow floats are their bits."""
    if dtype.kind == "b":
        return "i8"
    return "i16" if is_narrow(dtype) else llvm_type(dtype)


@functools.cache
def is_narrow(dtype: np.dtype) -> bool:
    """Whether the dtype is one of the 16-bit floats."""
    return dtype == HALF or dtype == BRAIN


def literal(value: Any, dtype: np.dtype) -> str:
    """A constant as LLVM writes it."""
    if dtype in _FLOATS:
        return functions.float_literal(float(value))
    if dtype.kind == "b":
        return "true" if value else "false"
    if dtype.kind in "iu":
        return str(int(value))
    return str(int.from_bytes(np.asarray(value, dtype).tobytes(), "little"))


@functools.cache
def is_float(dtype: np.dtype) -> bool:
    """Whether values of the dtype travel as floats of LLVM's."""
    return dtype in _FLOATS


def is_signed(dtype: np.dtype) -> bool:
    return dtype.kind == "i"


Emit = Callable[[str], str]


class ScalarEmitter:
    """Writes scalar operations; `new(text)` appends an instruction and returns its name."""

    def __init__(self, new: Emit, declarations: dict[str, str]):
        self.new = new
        self.declarations = declarations
        self.hashes = "called"  # 'written out' in loops that vectorize, or 'of lanes'
        self.inlining = False  # of elementary functions: in loops that have few
        self.ranges = Ranges()

    def call(self, name: str, result: str, types: Sequence[str], args: Sequence[str],
             attributes: str = "") -> str:
        """Call a pure function by name."""
        symbol = quoted(name)
        self.declarations[name] = f"declare {result} @{symbol}({', '.join(types)}) {attributes}"
        given = ", ".join([f"{t} {a}" for t, a in zip(types, args, strict=True)])
        return self.new(f"call {result} @{symbol}({given})")

    def intrinsic(self, name: str, suffix: str, result: str, types: Sequence[str],
                  args: Sequence[str]) -> str:
        return self.call(f"llvm.{name}.{suffix}", result, types, args)

    def operation(self, node: ir.Value, args: Sequence[str]) -> str:
        """The name of the result of a scalar operation."""
        out = self._exact(node, args)
        if is_narrow(node.dtype) and node.op not in _ALREADY_NARROW:
            return self.narrow(out, node.dtype)
        return out

    def _exact(self, node: ir.Value, args: Sequence[str]) -> str:
        dtype = node.args[0].dtype if node.args else node.dtype
        flags = self.ranges.flags(node) if dtype.kind == "i" else ""
        method = getattr(self, "op_" + node.op, None)
        if method is not None:
            return method(node, args, dtype)
        kind = llvm_type(dtype)
        if is_float(dtype):
            return self._float(node, args, dtype, kind)
        if node.op in ir.COMPARE:
            sign = "" if node.op in ("eq", "ne") else "s" if is_signed(dtype) else "u"
            return self.new(f"icmp {sign}{node.op} {kind} {args[0]}, {args[1]}")
        if dtype.kind == "b" and node.op in ("add", "mul"):
            return self.new(f"{'or' if node.op == 'add' else 'and'} i1 {args[0]}, {args[1]}")
        return self.new(f"{INT_BINARY[node.op]} {flags}{kind} {args[0]}, {args[1]}")

    def _float(self, node: ir.Value, args: Sequence[str], dtype: np.dtype, kind: str) -> str:
        if node.op in FLOAT_BINARY:
            flags = "reassoc " if node.attr == "reassociate" else ""
            return self.new(f"{FLOAT_BINARY[node.op]} {flags}{kind} {args[0]}, {args[1]}")
        if node.op in FLOAT_COMPARE:
            return self.new(f"fcmp {FLOAT_COMPARE[node.op]} {kind} {args[0]}, {args[1]}")
        bits = "f64" if kind == "double" else "f32"
        if node.op in INTRINSICS:
            return self.intrinsic(INTRINSICS[node.op], bits, kind, [kind] * len(args), args)
        if functions.available(node.op, kind):
            return self._elementary(node.op, args, kind)
        if node.op in SPECIAL:
            return self._special(SPECIAL[node.op], args, kind)
        name = LIBM[node.op] if kind == "double" else LIBM[node.op] + "f"
        return self.call(name, kind, [kind] * len(args), args,
                         "nounwind willreturn memory(none)")

    def _elementary(self, op: str, args: Sequence[str], kind: str) -> str:
        given = ", ".join(f"{kind} {a}" for a in args)
        if self.hashes == "of lanes":
            self.declarations.update(functions.called_definitions(op, kind))
            name = functions.called_name(op, kind)
            variant = functions.variant_of(name, len(args), functions.lanes())
            return self.new(f"call {kind} @{name}({given}) noinline {variant}")
        self.declarations.update(functions.definitions(op, kind))
        return self.new(f"call {kind} @{functions.function_name(op, kind)}({given}){self._stays()}")

    def _stays(self) -> str:
        """What keeps LLVM from inlining a call, for which it takes long where there are many."""
        return "" if self.inlining else " noinline"

    def together(self, op: str, kind: str, lanes: int, calls: Sequence[Sequence[str]]
                 ) -> list[str]:
        """The results of calls of an elementary function, made with vectors."""
        self.declarations.update(functions.definitions(op, kind, lanes))
        vector, given = f"<{lanes} x {kind}>", []
        for column in zip(*calls, strict=True):
            packed = "poison"
            for k in range(lanes):  # those left over compute the first once more
                one = column[k] if k < len(column) else column[0]
                packed = self.new(f"insertelement {vector} {packed}, {kind} {one}, i64 {k}")
            given.append(f"{vector} {packed}")
        name = functions.function_name(op, kind, lanes)
        out = self.new(f"call {vector} @{name}({', '.join(given)}){self._stays()}")
        return [self.new(f"extractelement {vector} {out}, i64 {k}") for k in range(len(calls))]

    def _special(self, name: str, args: Sequence[str], kind: str) -> str:
        wide = [a if kind == "double" else self.new(f"fpext float {a} to double") for a in args]
        out = self.external(CYTHON_SPECIAL + name, wide, "double")
        return out if kind == "double" else self.new(f"fptrunc double {out} to float")

    def external(self, symbol: str, args: Sequence[str], result: str) -> str:
        """A pure C function of doubles; Cython's take a flag more."""
        extra = [("i32", "0")] if symbol.startswith(CYTHON_SPECIAL) else []
        types = ["double"] * len(args) + [t for t, _ in extra]
        return self.call(symbol, result, types, [*args, *(v for _, v in extra)],
                         "nounwind willreturn memory(none)")

    # ---- operations that are more than one instruction ---------------------------------------
    def op_neg(self, node: ir.Value, args: Sequence[str], dtype: np.dtype) -> str:
        kind = llvm_type(dtype)
        return self.new(f"fneg {kind} {args[0]}" if is_float(dtype) else f"sub {kind} 0, {args[0]}")

    def op_abs(self, node: ir.Value, args: Sequence[str], dtype: np.dtype) -> str:
        kind = llvm_type(dtype)
        if is_float(dtype):
            size = self.new(f"and {bits_of(kind)} {self.float_bits(args[0], kind)},"
                            f" {(1 << int(bits_of(kind)[1:]) - 1) - 1}")
            return self.new(f"bitcast {bits_of(kind)} {size} to {kind}")
        if not is_signed(dtype):
            return args[0]
        return self.intrinsic("abs", kind, kind, [kind, "i1"], [args[0], "false"])

    def op_sign(self, node: ir.Value, args: Sequence[str], dtype: np.dtype) -> str:
        kind, (x,) = llvm_type(dtype), args
        if is_float(dtype):
            one = self.intrinsic("copysign", "f64" if kind == "double" else "f32", kind,
                                 [kind, kind], [literal(1.0, dtype), x])
            keep = self.new(f"fcmp ueq {kind} {x}, {literal(0.0, dtype)}")
            return self.new(f"select i1 {keep}, {kind} {x}, {kind} {one}")
        zero = self.new(f"icmp ne {kind} {x}, 0")
        positive = self.new(f"zext i1 {zero} to {kind}") if kind != "i1" else zero
        if not is_signed(dtype):
            return positive
        negative = self.new(f"icmp slt {kind} {x}, 0")
        return self.new(f"select i1 {negative}, {kind} -1, {kind} {positive}")

    def _extreme(self, node: ir.Value, args: Sequence[str], dtype: np.dtype) -> str:
        kind = llvm_type(dtype)
        if dtype.kind == "b":
            return self.new(f"{'or' if node.op == 'max' else 'and'} i1 {args[0]}, {args[1]}")
        if not is_float(dtype):
            test = ("s" if is_signed(dtype) else "u") + ("gt" if node.op == "max" else "lt")
            better = self.new(f"icmp {test} {kind} {args[0]}, {args[1]}")
            return self.new(f"select i1 {better}, {kind} {args[0]}, {kind} {args[1]}")
        test = "ogt" if node.op == "max" else "olt"
        if node.attr == "no nan":  # as a reduction that loops over arrays vectorize
            better = self.new(f"fcmp nnan nsz {test} {kind} {args[0]}, {args[1]}")
            return self.new(f"select nnan nsz i1 {better}, {kind} {args[0]}, {kind} {args[1]}")
        # The left operand unless the right one is as good (NumPy's choice among zeros) or NaN: one
        # instruction keeps a NaN on the left, where loops have what they carry, and the other does
        # not wait for it.
        test = test.replace("t", "e")
        better = self.new(f"fcmp {test} {kind} {args[1]}, {args[0]}")
        chosen = self.new(f"select i1 {better}, {kind} {args[1]}, {kind} {args[0]}")
        right_nan = self.new(f"fcmp uno {kind} {args[1]}, {args[1]}")
        return self.new(f"select i1 {right_nan}, {kind} {args[1]}, {kind} {chosen}")

    op_max = op_min = _extreme

    def _quotient(self, node: ir.Value, args: Sequence[str], dtype: np.dtype) -> str:
        kind, (x, y) = llvm_type(dtype), args
        if is_float(dtype):
            op = "fdiv" if node.op == "div" else "frem"
            return self.new(f"{op} {kind} {x}, {y}")
        if dtype.kind == "b":
            return x
        divide = ("s" if is_signed(dtype) else "u") + node.op
        if node.args[1].op == "const" and int(node.args[1].attr) > 0:
            return self.new(f"{divide} {kind} {x}, {y}")
        # Division by zero and the one overflow trap in hardware: divide by 1 and fix up.
        bad = self.new(f"icmp eq {kind} {y}, 0")
        zero = bad
        if is_signed(dtype):
            lowest = self.new(f"icmp eq {kind} {x}, {-(2 ** (8 * dtype.itemsize - 1))}")
            minus = self.new(f"icmp eq {kind} {y}, -1")
            bad = self.new(f"or i1 {zero}, {self.new(f'and i1 {lowest}, {minus}')}")
        safe = self.new(f"select i1 {bad}, {kind} 1, {kind} {y}")
        out = self.new(f"{divide} {kind} {x}, {safe}")
        instead = "-1" if node.op == "div" else x
        return self.new(f"select i1 {zero}, {kind} {instead}, {kind} {out}")

    op_div = op_rem = _quotient

    def _shift(self, node: ir.Value, args: Sequence[str], dtype: np.dtype) -> str:
        kind, (x, y) = llvm_type(dtype), args
        bits = 8 * dtype.itemsize
        op = {"shift_left": "shl", "shift_right_logical": "lshr",
              "shift_right_arithmetic": "ashr"}[node.op]
        if node.args[1].op == "const" and 0 <= int(node.args[1].attr) < bits:
            return self.new(f"{op} {kind} {x}, {y}")
        wide = self.new(f"icmp uge {kind} {y}, {bits}")
        if op == "ashr":
            amount = self.new(f"select i1 {wide}, {kind} {bits - 1}, {kind} {y}")
            return self.new(f"ashr {kind} {x}, {amount}")
        amount = self.new(f"select i1 {wide}, {kind} 0, {kind} {y}")
        out = self.new(f"{op} {kind} {x}, {amount}")
        return self.new(f"select i1 {wide}, {kind} 0, {kind} {out}")

    op_shift_left = op_shift_right_logical = op_shift_right_arithmetic = _shift

    def op_not(self, node: ir.Value, args: Sequence[str], dtype: np.dtype) -> str:
        ones = "true" if dtype.kind == "b" else "-1"
        return self.new(f"xor {llvm_type(dtype)} {args[0]}, {ones}")

    def op_population_count(self, node: ir.Value, args: Sequence[str], dtype: np.dtype) -> str:
        kind = llvm_type(dtype)
        return self.intrinsic("ctpop", kind, kind, [kind], args)

    def op_clz(self, node: ir.Value, args: Sequence[str], dtype: np.dtype) -> str:
        kind = llvm_type(dtype)
        return self.intrinsic("ctlz", kind, kind, [kind, "i1"], [args[0], "false"])

    def op_umulhi(self, node: ir.Value, args: Sequence[str], dtype: np.dtype) -> str:
        kind, bits = llvm_type(dtype), 8 * dtype.itemsize
        wide = f"i{2 * bits}"
        x, y = (self.new(f"zext {kind} {a} to {wide}") for a in args)
        product = self.new(f"mul {wide} {x}, {y}")
        high = self.new(f"lshr {wide} {product}, {bits}")
        return self.new(f"trunc {wide} {high} to {kind}")

    def op_threefry(self, node: ir.Value, args: Sequence[str], dtype: np.dtype) -> str:
        self.declarations.update(hashing.definitions(self.hashes == "of lanes"))
        return self.new(hashing.call(args, self.hashes != "written out", self.hashes == "of lanes"))

    def op_select(self, node: ir.Value, args: Sequence[str], dtype: np.dtype) -> str:
        kind = llvm_type(node.dtype)
        return self.new(f"select i1 {args[0]}, {kind} {args[1]}, {kind} {args[2]}")

    def op_is_finite(self, node: ir.Value, args: Sequence[str], dtype: np.dtype) -> str:
        if not is_float(dtype):
            return "true"
        kind = llvm_type(dtype)
        infinite = 0x7FF << 52 if kind == "double" else 0xFF << 23
        exponent = self.new(f"and {bits_of(kind)} {self.float_bits(args[0], kind)}, {infinite}")
        return self.new(f"icmp ne {bits_of(kind)} {exponent}, {infinite}")

    def float_bits(self, x: str, kind: str) -> str:
        """The bits of a float as an integer; intrinsics would do, which fast selection lacks."""
        return self.new(f"bitcast {kind} {x} to {bits_of(kind)}")

    # ---- 16-bit floats -----------------------------------------------------------------------
    def narrow(self, x: str, dtype: np.dtype) -> str:
        """A float rounded to a value of the narrow type, ties to even."""
        if dtype == HALF:
            half = self.new(f"fptrunc float {x} to half")
            return self.new(f"fpext half {half} to float")
        bits = self.new(f"bitcast float {x} to i32")
        odd = self.new(f"and i32 {self.new(f'lshr i32 {bits}, 16')}, 1")
        bias = self.new(f"add i32 {odd}, 32767")
        rounded = self.new(f"and i32 {self.new(f'add i32 {bits}, {bias}')}, -65536")
        nan = self.new(f"fcmp uno float {x}, {x}")
        quiet = self.new(f"and i32 {self.new(f'or i32 {bits}, 4194304')}, -65536")
        kept = self.new(f"select i1 {nan}, i32 {quiet}, i32 {rounded}")
        return self.new(f"bitcast i32 {kept} to float")

    def to_bits(self, x: str, dtype: np.dtype) -> str:
        """The i16 that stands for a narrow float in memory."""
        if dtype == HALF:
            return self.new(f"bitcast half {self.new(f'fptrunc float {x} to half')} to i16")
        bits = self.new(f"bitcast float {x} to i32")
        return self.new(f"trunc i32 {self.new(f'lshr i32 {bits}, 16')} to i16")

    def from_bits(self, x: str, dtype: np.dtype) -> str:
        """The float that an i16 of memory stands for."""
        if dtype == HALF:
            return self.new(f"fpext half {self.new(f'bitcast i16 {x} to half')} to float")
        wide = self.new(f"shl i32 {self.new(f'zext i16 {x} to i32')}, 16")
        return self.new(f"bitcast i32 {wide} to float")

    def op_bitcast(self, node: ir.Value, args: Sequence[str], dtype: np.dtype) -> str:
        x, source, target = args[0], memory_type(dtype), memory_type(node.dtype)
        if is_narrow(dtype):
            x = self.to_bits(x, dtype)
        if source != target:
            x = self.new(f"bitcast {source} {x} to {target}")
        return self.from_bits(x, node.dtype) if is_narrow(node.dtype) else x

    def op_convert(self, node: ir.Value, args: Sequence[str], dtype: np.dtype) -> str:
        return self.convert(args[0], dtype, node.dtype)

    def convert(self, x: str, source: np.dtype, target: np.dtype) -> str:
        """Value conversion: wraps among integers, saturates from floats, != 0 to booleans."""
        old, new = llvm_type(source), llvm_type(target)
        if target.kind == "b":
            if source.kind == "b":
                return x
            return self.new(f"fcmp une {old} {x}, {literal(0, source)}" if is_float(source)
                            else f"icmp ne {old} {x}, 0")
        if is_float(source):
            if is_float(target):
                if old == new:
                    return self._narrow(x, target)
                if target == HALF:
                    x = self._to_odd(x)
                op = "fptrunc" if new == "float" else "fpext"
                return self._narrow(self.new(f"{op} {old} {x} to {new}"), target)
            name = "fptosi" if is_signed(target) else "fptoui"
            suffix = f"sat.{new}.{'f64' if old == 'double' else 'f32'}"
            return self.intrinsic(name, suffix, new, [old], [x])
        if is_float(target) and source.kind == "b":
            # LLVM 22 dies of uitofp of comparisons of truncated i64 where masks are registers.
            return self.new(f"select i1 {x}, {new} 1.0, {new} 0.0")
        if is_float(target):
            op = "sitofp" if is_signed(source) else "uitofp"
            return self._narrow(self.new(f"{op} {old} {x} to {new}"), target)
        if source.kind == "b":
            return self.new(f"zext i1 {x} to {new}")
        if source.itemsize == target.itemsize:
            return x
        if source.itemsize > target.itemsize:
            return self.new(f"trunc {old} {x} to {new}")
        return self.new(f"{'sext' if is_signed(source) else 'zext'} {old} {x} to {new}")


    def _to_odd(self, x: str) -> str:
        """A double whose last 29 bits are cut off, the bit above them set if any was: as a float,
        which it is, it is rounded to fewer bits as the double would have been."""
        bits = self.new(f"bitcast double {x} to i64")
        low = self.new(f"and i64 {bits}, {LOW_BITS}")
        carried = self.new(f"or i64 {bits}, {self.new(f'add i64 {low}, {LOW_BITS}')}")
        return self.new(f"bitcast i64 {self.new(f'and i64 {carried}, {~LOW_BITS}')} to double")

    def _narrow(self, x: str, target: np.dtype) -> str:
        return self.narrow(x, target) if is_narrow(target) else x


# Operations whose result is a value of the narrow type without rounding.
_ALREADY_NARROW = frozenset(["select", "min", "max", "neg", "abs", "bitcast", "convert", "sign"])


def bits_of(kind: str) -> str:
    """The integer as wide as a float."""
    return "i64" if kind == "double" else "i32"


def quoted(name: str) -> str:
    """A global name as LLVM accepts it."""
    return name if name.replace(".", "").replace("_", "").isalnum() else f'"{name}"'
