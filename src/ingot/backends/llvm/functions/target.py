"""What the processor offers to elementary functions.

Found without LLVM where the system says it, so that modules are written while LLVM is loaded.
"""

from __future__ import annotations

import functools
import platform

from ingot.backends.llvm import codegen
from ingot.backends.llvm.native.abi import PORTABLE

MACHINE = platform.machine().lower()
X86 = ("x86_64", "amd64", "i686", "i386")


@functools.cache
def _features() -> frozenset[str]:
    for line in codegen.first_processor().splitlines() if MACHINE in X86 else ():
        if line.startswith("flags"):
            return frozenset(line.split())
    return frozenset(codegen.processor()[1].replace("+", "").split(","))


@functools.cache
def has_fma() -> bool:
    """Whether x * y + z rounded once is an instruction."""
    return MACHINE in ("aarch64", "arm64") or "fma" in _features()


@functools.cache
def vector_bytes() -> tuple[int, ...]:
    """The sizes of vectors that loops are made of."""
    if MACHINE not in X86 or PORTABLE is not None:
        return (16,)
    return (32, 64) if "avx512f" in _features() else (32,)


def lanes() -> int:
    """Elements that a loop over lanes takes at a time: as many as the longest vector has words."""
    return max(vector_bytes()) // 4
