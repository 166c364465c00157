"""What the processor offers to elementary functions."""

from __future__ import annotations

import functools

from ingot.backends.llvm import codegen


@functools.cache
def _features() -> frozenset[str]:
    return frozenset(codegen.processor()[1].split(","))


def _triple() -> str:
    return codegen.processor()[2]


@functools.cache
def has_fma() -> bool:
    """Whether x * y + z rounded once is an instruction."""
    return "+fma" in _features() or _triple().startswith(("aarch64", "arm64"))


@functools.cache
def vector_bytes() -> tuple[int, ...]:
    """The sizes of vectors that loops are made of."""
    if not _triple().startswith(("x86_64", "i686", "i386")):
        return (16,)
    return (32, 64) if "+avx512f" in _features() else (32,)


def lanes() -> int:
    """Elements that a loop over lanes takes at a time: as many as the longest vector has words."""
    return max(vector_bytes()) // 4
