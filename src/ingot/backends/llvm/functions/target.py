"""What the processor offers to elementary functions."""

from __future__ import annotations

import functools

from ingot.backends.llvm import codegen


@functools.cache
def _features() -> dict[str, bool]:
    return dict(codegen.llvm().get_host_cpu_features())


def _is_x86() -> bool:
    return codegen.llvm().get_default_triple().startswith(("x86_64", "i686", "i386"))


@functools.cache
def has_fma() -> bool:
    """Whether x * y + z rounded once is an instruction."""
    triple = codegen.llvm().get_default_triple()
    return _features().get("fma", False) or triple.startswith(("aarch64", "arm64"))


@functools.cache
def vector_bytes() -> tuple[int, ...]:
    """The sizes of vectors that loops are made of."""
    if not _is_x86():
        return (16,)
    return (32, 64) if _features().get("avx512f", False) else (32,)
