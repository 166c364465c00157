"""Writes LLVM functions as formulas: values with Python's operators append instructions.

A `Value` is a register or a literal of one function under construction. Comparisons are false when
either side is NaN. Python numbers become literals of the other operand's type. Nothing here
branches, so LLVM may turn a loop over such a function into vector instructions; the same formula
writes a function of vectors.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Format:
    """A binary floating-point format: LLVM's names for it, its precision and exponents."""

    name: str
    kind: str
    integer: str
    mantissa: int
    bias: int

    @property
    def width(self) -> int:
        return int(self.integer[1:])

    @property
    def shifter(self) -> float:
        """1.5 * 2^mantissa: adding it to a small number leaves its integer in the low bits."""
        return 1.5 * 2.0**self.mantissa

    @property
    def smallest_normal(self) -> float:
        return 2.0 ** (1 - self.bias)

    @property
    def tiny(self) -> float:
        """Below it x and x + x * x are the same number."""
        return 2.0 ** -(self.mantissa + 2)

    def round(self, x: float) -> float:
        return float(np.float32(x)) if self is F32 else float(x)

    def bits(self, x: float) -> int:
        """The integer that has the bits of a float."""
        pack = ("<f", "<i") if self is F32 else ("<d", "<q")
        return struct.unpack(pack[1], struct.pack(pack[0], self.round(x)))[0]


F64 = Format("f64", "double", "i64", 52, 1023)
F32 = Format("f32", "float", "i32", 23, 127)
FORMATS = {"double": F64, "float": F32}
FORMAT_OF = {"double": F64, "i64": F64, "float": F32, "i32": F32, "i1": F32}
"""The format of a float, or the one whose bits an integer holds."""

FLOAT_OPERATIONS = {"add": "fadd", "sub": "fsub", "mul": "fmul"}
"""What LLVM calls the operations of floats that integers have too."""


def float_literal(value: float) -> str:
    """A float as LLVM writes it exactly, for float and double alike."""
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


class Value:
    """A register or literal, with the operators of its type; `typed` is how it stands as an operand
    with its type."""

    __slots__ = ("code", "format", "kind", "text", "typed")

    def __init__(self, code: Code, kind: str, text: str):
        self.code, self.kind, self.text = code, kind, text
        self.typed, self.format = f"{code.types[kind]} {text}", FORMAT_OF[kind]

    def constant(self, value: float) -> Value:
        """A literal of the same type."""
        return self.code.literal(value, self.kind)

    def nan(self) -> Value:
        return self.constant(float("nan"))

    def _binary(self, op: str, other: Any, swap: bool = False) -> Value:
        if not isinstance(other, Value):
            other = self.code.literal(other, self.kind)
        if self.kind[0] != "i":
            op = FLOAT_OPERATIONS.get(op, op)
        x, y = (other, self) if swap else (self, other)
        return self.code.new(self.kind, f"{op} {x.typed}, {y.text}")

    def __add__(self, other: Any) -> Value:
        return self._binary("add", other)

    def __sub__(self, other: Any) -> Value:
        return self._binary("sub", other)

    def __rsub__(self, other: Any) -> Value:
        return self._binary("sub", other, swap=True)

    def __mul__(self, other: Any) -> Value:
        return self._binary("mul", other)

    __radd__, __rmul__ = __add__, __mul__

    def __truediv__(self, other: Any) -> Value:
        return self._binary("fdiv", other)

    def __rtruediv__(self, other: Any) -> Value:
        return self._binary("fdiv", other, swap=True)

    def __neg__(self) -> Value:
        return self.code.new(self.kind, f"fneg {self.typed}")

    def __and__(self, other: Any) -> Value:
        return self._binary("and", other)

    def __or__(self, other: Any) -> Value:
        return self._binary("or", other)

    def __xor__(self, other: Any) -> Value:
        return self._binary("xor", other)

    def __lshift__(self, other: int) -> Value:
        return self._binary("shl", other)

    def __rshift__(self, other: int) -> Value:
        """Shift in zeros."""
        return self._binary("lshr", other)

    def __invert__(self) -> Value:
        return self._binary("xor", 1 if self.kind == "i1" else -1)

    def compare(self, name: str, other: Any) -> Value:
        if not isinstance(other, Value):
            other = self.code.literal(other, self.kind)
        signed = "" if name in ("eq", "ne") else "s"
        op = f"icmp {signed}{name}" if self.kind[0] == "i" else f"fcmp o{name}"
        return self.code.new("i1", f"{op} {self.typed}, {other.text}")

    def __lt__(self, other: Any) -> Value:
        return self.compare("lt", other)

    def __le__(self, other: Any) -> Value:
        return self.compare("le", other)

    def __gt__(self, other: Any) -> Value:
        return self.compare("gt", other)

    def __ge__(self, other: Any) -> Value:
        return self.compare("ge", other)

    def equals(self, other: Any) -> Value:
        return self.compare("eq", other)

    def agrees(self, other: Value) -> Value:
        """Whether two truth values are the same."""
        return ~(self ^ other)

    def is_nan(self) -> Value:
        return self.code.new("i1", f"fcmp uno {self.typed}, {self.text}")


class Code:
    """The body of one function, of numbers or of vectors of them, and what it declares."""

    def __init__(self, lanes: int = 1) -> None:
        self.lanes = lanes
        self.types = {kind: kind if lanes == 1 else f"<{lanes} x {kind}>" for kind in FORMAT_OF}
        self.lines: list[str] = []
        self.declarations: dict[str, str] = {}

    def new(self, kind: str, text: str) -> Value:
        """Append an instruction."""
        name = f"%v{len(self.lines)}"
        self.lines.append(f"  {name} = {text}")
        return Value(self, kind, name)

    def literal(self, value: float, kind: str) -> Value:
        """A number, in each lane."""
        if kind in FORMATS:
            text = float_literal(FORMATS[kind].round(value))
        else:
            text = "true" if kind == "i1" else str(int(value))
        return Value(self, kind, text if self.lanes == 1 else f"splat ({kind} {text})")

    def call(self, name: str, kind: str, args: Sequence[Value], attributes: str = "") -> Value:
        """Call a function; intrinsics and C functions are declared here."""
        out = self.types[kind]
        if name not in self.declarations:
            kinds = ", ".join([self.types[a.kind] for a in args])
            self.declarations[name] = f"declare {out} @{name}({kinds}) {attributes}"
        return self.new(kind, f"call {out} @{name}({', '.join([a.typed for a in args])})")

    def intrinsic(self, name: str, *args: Value) -> Value:
        vector = f"v{self.lanes}" if self.lanes > 1 else ""
        return self.call(f"llvm.{name}.{vector}{args[0].format.name}", args[0].kind, args)


# ---- operations ----------------------------------------------------------------------------------
def fma(x: Any, y: Any, z: Any) -> Value:
    """x * y + z, rounded once."""
    one = x if isinstance(x, Value) else y if isinstance(y, Value) else z
    return one.code.intrinsic("fma", *[
        a if isinstance(a, Value) else one.code.literal(a, one.kind) for a in (x, y, z)])


def where(test: Value, x: Any, y: Any) -> Value:
    """x where the test holds, else y; at least one of them is a Value."""
    one = x if isinstance(x, Value) else y
    x, y = (a if isinstance(a, Value) else one.constant(a) for a in (x, y))
    return test.code.new(one.kind, f"select {test.typed}, {x.typed}, {y.typed}")


def fabs(x: Value) -> Value:
    """Made of its bits: LLVM's passes see what it is, and fast selection lacks the intrinsic."""
    return from_bits(bits(x) & ((1 << x.format.width - 1) - 1))


def copysign(x: Value, sign: Value) -> Value:
    return x.code.intrinsic("copysign", x, sign)


def sqrt(x: Value) -> Value:
    return x.code.intrinsic("sqrt", x)


def trunc(x: Value) -> Value:
    return x.code.intrinsic("trunc", x)


def minimum(x: Value, bound: Any) -> Value:
    """The smaller one; x if it is NaN."""
    return where(x > bound, bound, x)


def maximum(x: Value, bound: Any) -> Value:
    """The larger one; x if it is NaN."""
    return where(x < bound, bound, x)


def bits(x: Value) -> Value:
    """The bits of a float as an integer."""
    kind = x.format.integer
    return x.code.new(kind, f"bitcast {x.typed} to {x.code.types[kind]}")


def from_bits(x: Value) -> Value:
    """The float that has the bits of an integer."""
    kind = x.format.kind
    return x.code.new(kind, f"bitcast {x.typed} to {x.code.types[kind]}")


# ---- polynomials ---------------------------------------------------------------------------------
def horner(x: Value, coefficients: Sequence[float]) -> Value:
    """c0 + c1 x + c2 x^2 ...: the fewest operations."""
    *rest, last = coefficients
    out: Any = last
    for c in reversed(rest):
        out = fma(out, x, c)
    return out


def estrin(x: Value, coefficients: Sequence[float]) -> Value:
    """c0 + c1 x + c2 x^2 ...: halves at a time, so that processors work on several at once; three
    by Horner's scheme, which takes as long with a product less."""
    level: list[Any] = list(coefficients)
    power = x
    while len(level) > 1:
        if len(level) == 3:
            return horner(power, level)
        pairs = [fma(level[k + 1], power, level[k]) for k in range(0, len(level) - 1, 2)]
        level = pairs + level[len(pairs) * 2 :]
        if len(level) > 1:
            power = power * power
    return level[0]


# ---- pairs: numbers of twice the precision, as unevaluated sums ----------------------------------
Pair = tuple[Value, Value]


def fast_two_sum(x: Value, y: Value) -> Pair:
    """x + y exactly, |x| >= |y|."""
    total = x + y
    return total, y - (total - x)


def two_sum(x: Any, y: Value) -> Pair:
    """x + y exactly."""
    total = x + y
    seen = total - x
    return total, (x - (total - seen)) + (y - seen)


def two_product(x: Value, y: Value | float) -> Pair:
    """x * y exactly."""
    product = x * y
    return product, fma(x, y, -product)


Formula = Callable[..., Value]
