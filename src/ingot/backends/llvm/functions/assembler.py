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


def float_literal(value: float) -> str:
    """A float as LLVM writes it exactly, for float and double alike."""
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


class Value:
    """A register or literal, with the operators of its type."""

    __slots__ = ("code", "kind", "text")

    def __init__(self, code: Code, kind: str, text: str):
        self.code, self.kind, self.text = code, kind, text

    @property
    def format(self) -> Format:
        """The format of a float, or the one whose bits an integer holds."""
        return F64 if self.kind in ("double", "i64") else F32

    def constant(self, value: float) -> Value:
        """A literal of the same type."""
        return self.code.literal(value, self.kind)

    @property
    def typed(self) -> str:
        """The value as an operand with its type."""
        return f"{self.code.type(self.kind)} {self.text}"

    def nan(self) -> Value:
        return self.code.splat(self.kind, "0x7FF8000000000000")

    def _binary(self, op: str, other: Any, swap: bool = False) -> Value:
        other = self.code.literal(other, self.kind)
        x, y = (other, self) if swap else (self, other)
        return self.code.new(self.kind, f"{op} {x.typed}, {y.text}")

    def _arithmetic(self, name: str, other: Any, swap: bool = False) -> Value:
        return self._binary(name if self.kind[0] == "i" else "f" + name, other, swap)

    def __add__(self, other: Any) -> Value:
        return self._arithmetic("add", other)

    def __sub__(self, other: Any) -> Value:
        return self._arithmetic("sub", other)

    def __rsub__(self, other: Any) -> Value:
        return self._arithmetic("sub", other, swap=True)

    def __mul__(self, other: Any) -> Value:
        return self._arithmetic("mul", other)

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
        self.lines: list[str] = []
        self.declarations: dict[str, str] = {}

    def type(self, kind: str) -> str:
        """What the values of a kind are: numbers, or vectors."""
        return kind if self.lanes == 1 else f"<{self.lanes} x {kind}>"

    def splat(self, kind: str, text: str) -> Value:
        """A literal, in each lane."""
        return Value(self, kind, text if self.lanes == 1 else f"splat ({kind} {text})")

    def new(self, kind: str, text: str) -> Value:
        """Append an instruction."""
        name = f"%v{len(self.lines)}"
        self.lines.append(f"  {name} = {text}")
        return Value(self, kind, name)

    def literal(self, value: Any, kind: str) -> Value:
        if isinstance(value, Value):
            return value
        if kind in FORMATS:
            return self.splat(kind, float_literal(FORMATS[kind].round(value)))
        return self.splat(kind, "true" if kind == "i1" else str(int(value)))

    def call(self, name: str, kind: str, args: Sequence[Value], attributes: str = "") -> Value:
        """Call a function; intrinsics and C functions are declared here."""
        kinds, out = ", ".join(self.type(a.kind) for a in args), self.type(kind)
        self.declarations.setdefault(name, f"declare {out} @{name}({kinds}) {attributes}")
        return self.new(kind, f"call {out} @{name}({', '.join(a.typed for a in args)})")

    def intrinsic(self, name: str, *args: Value) -> Value:
        vector = f"v{self.lanes}" if self.lanes > 1 else ""
        return self.call(f"llvm.{name}.{vector}{args[0].format.name}", args[0].kind, args)


# ---- operations ----------------------------------------------------------------------------------
def fma(x: Any, y: Any, z: Any) -> Value:
    """x * y + z, rounded once."""
    one = next(a for a in (x, y, z) if isinstance(a, Value))
    return one.code.intrinsic("fma", *(one.code.literal(a, one.kind) for a in (x, y, z)))


def where(test: Value, x: Any, y: Any) -> Value:
    """x where the test holds, else y; at least one of them is a Value."""
    kind = (x if isinstance(x, Value) else y).kind
    x, y = test.code.literal(x, kind), test.code.literal(y, kind)
    return test.code.new(kind, f"select {test.typed}, {x.typed}, {y.typed}")


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
    return x.code.new(kind, f"bitcast {x.typed} to {x.code.type(kind)}")


def from_bits(x: Value) -> Value:
    """The float that has the bits of an integer."""
    kind = x.format.kind
    return x.code.new(kind, f"bitcast {x.typed} to {x.code.type(kind)}")


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
