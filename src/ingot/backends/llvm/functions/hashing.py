"""Threefry-2x32 as a function: called where a loop hashes several times, written out where once.

A hash is some hundred instructions, and each copy of it costs LLVM as much as the rest of a
sampler. Vectorized loops call a variant that hashes a vector of counters, see `slow_path.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from ingot.backends.llvm.functions import target
from ingot.backends.llvm.functions.slow_path import PURE, VARIANT, variant_of

NAME = "ingot.threefry"
ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA


class _Words:
    """Instructions on words, or on vectors of them."""

    def __init__(self, lanes: int):
        self.lanes, self.lines = lanes, []
        self.word, self.pair = (f"<{lanes} x {k}>" if lanes else k for k in ("i32", "i64"))

    def new(self, text: str) -> str:
        self.lines.append(f"  %v{len(self.lines)} = {text}")
        return f"%v{len(self.lines) - 1}"

    def const(self, value: int, kind: str = "i32") -> str:
        if not self.lanes:
            return str(value)
        return f"<{', '.join([f'{kind} {value}'] * self.lanes)}>"

    def op(self, name: str, x: str, y: str) -> str:
        return self.new(f"{name} {self.word} {x}, {y}")

    def rotated(self, x: str, bits: int) -> str:
        """Rotated left; the intrinsic is for vectors alone, as fast selection does not know it."""
        if self.lanes:
            return self.new(f"call {self.word} @llvm.fshl.v{self.lanes}i32({self.word} {x},"
                            f" {self.word} {x}, {self.word} {self.const(bits)})")
        return self.op("or", self.op("shl", x, str(bits)), self.op("lshr", x, str(32 - bits)))

    def hash(self) -> str:
        """The lines of the body; the name of the result."""
        keys = ["%k0", "%k1", self.op("xor", self.op("xor", "%k0", "%k1"), self.const(PARITY))]
        x0, x1 = self.op("add", "%x0", keys[0]), self.op("add", "%x1", keys[1])
        for group in range(5):
            for turn in ROTATIONS[group % 2]:
                x0 = self.op("add", x0, x1)
                x1 = self.op("xor", self.rotated(x1, turn), x0)
            x0 = self.op("add", x0, keys[(group + 1) % 3])
            x1 = self.op("add", self.op("add", x1, keys[(group + 2) % 3]), self.const(group + 1))
        low, high = (self.new(f"zext {self.word} {x} to {self.pair}") for x in (x0, x1))
        shifted = self.new(f"shl {self.pair} {high}, {self.const(32, 'i64')}")
        return self.new(f"or {self.pair} {shifted}, {low}")

    def definition(self, name: str, attributes: str) -> str:
        out = self.hash()
        given = ", ".join(f"{self.word} %{x}" for x in ("k0", "k1", "x0", "x1"))
        # Not internal: LLVM would drop arguments that are the same in all calls, variants do not.
        linkage = "" if self.lanes else "linkonce_odr hidden "
        return "\n".join([f"define {linkage}{self.pair} @{name}({given}) {attributes}{PURE} {{",
                          *self.lines, f"  ret {self.pair} {out}", "}"])


@functools.cache
def definitions(called: bool) -> dict[str, str]:
    """The function, and the variant that loops over lanes call, by name."""
    found = {NAME: _Words(0).definition(NAME, "")}
    if called:
        n = target.lanes()
        v = f"<{n} x i32>"
        found[f"{VARIANT}llvm.fshl.v{n}i32"] = f"declare {v} @llvm.fshl.v{n}i32({v}, {v}, {v})"
        found[f"{VARIANT}{NAME}x{n}"] = _Words(n).definition(f"{NAME}x{n}", "noinline ")
    return found


def call(args: Sequence[str], called: bool, lanes: bool) -> str:
    """A call that stays one, from a loop over `lanes` or not; or one that is written out."""
    text = f"call i64 @{NAME}({', '.join(f'i32 {a}' for a in args)})"
    if not called:
        return f"{text} alwaysinline"
    if not lanes:
        return f"{text} noinline {PURE}"
    return f"{text} noinline {variant_of(NAME, 4, target.lanes())}"
