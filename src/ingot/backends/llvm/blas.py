"""How many threads BLAS uses: one within our own loops and for small products.

Two threads of BLAS cost a small product more than they save, and inside a loop that our threads
divide they are too many. Programs lower the number around such calls and restore what they found.
SciPy's library serves programs, NumPy's the operations outside of them.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
from typing import Any

from ingot.backends.llvm import symbols
from ingot.backends.llvm.native.abi import PORTABLE
from ingot.kernel import ir

GET, SET = "ingot:blas_threads", "ingot:set_blas_threads"

SMALL, LARGE = 1 << 12, 1 << 22
"""Work of a product, in instructions, below which BLAS uses one thread by itself, and from which
on it may use its threads."""

TEXT = [
    "define internal i32 @blas.enter() {", "entry:",
    f'  %n = call i32 @"{GET}"(i32 1)',
    "  %many = icmp sgt i32 %n, 1", "  br i1 %many, label %lower, label %out", "lower:",
    f'  %old = call i32 @"{SET}"(i32 1)', "  ret i32 %n", "out:", "  ret i32 0", "}",
    "define internal void @blas.leave(i32 %n) {", "entry:",
    "  %lowered = icmp ne i32 %n, 0", "  br i1 %lowered, label %restore, label %out", "restore:",
    f'  %old = call i32 @"{SET}"(i32 %n)', "  br label %out", "out:", "  ret void", "}"]


CONTROLLED = PORTABLE is None
"""Whether the libraries are found that SciPy's and NumPy's modules are linked with."""



class BlasThreads:
    """The threads of one BLAS library, as the extension module sees it that is linked with it.

    What cannot be asked has one thread.
    """

    def __init__(self, library: ctypes.CDLL):
        self.get = self.set = ctypes.CDLL(None).abs  # one thread, and nothing to set
        for form in ("scipy_openblas_{}_num_threads", "scipy_openblas_{}_num_threads64_",
                     "openblas_{}_num_threads", "openblas_{}_num_threads64_"):
            if hasattr(library, form.format("get")):
                self.get, self.set = (getattr(library, form.format(f)) for f in ("get", "set"))

    @property
    def threads(self) -> int:
        return self.get(1)

    @threads.setter
    def threads(self, number: int) -> None:
        self.set(number)


@functools.cache
def of_programs() -> BlasThreads:
    """SciPy's."""
    return BlasThreads(symbols.fortran_library("scipy.linalg.cython_blas"))


@functools.cache
def outside() -> BlasThreads:
    """NumPy's."""
    spec: Any = importlib.util.find_spec("numpy._core._multiarray_umath")
    return BlasThreads(ctypes.CDLL(spec.origin))


def libraries() -> list[BlasThreads]:
    """All that can be told how many threads to use."""
    return [of_programs(), outside()] if CONTROLLED else []


@functools.cache
def _prepare() -> BlasThreads:
    """SciPy's library, with as many threads as the environment variable says."""
    if os.environ.get("INGOT_NUM_THREADS"):
        of_programs().threads = int(os.environ["INGOT_NUM_THREADS"])
    return of_programs()


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


symbols.provide(GET, lambda: _address(_prepare().get))
symbols.provide(SET, lambda: _address(_prepare().set))


def is_routine(node: ir.ExternCall) -> bool:
    """Whether it is one of BLAS or LAPACK, whose threads can be told."""
    return CONTROLLED and node.symbol.startswith("scipy.linalg.cython_")


# ---- in LLVM's text ------------------------------------------------------------------------------
def enter(emitter: Any) -> str:
    """From here on one thread; the name of what `leave` restores."""
    emitter.declare(GET, f'declare i32 @"{GET}"(i32)')
    emitter.declare(SET, f'declare i32 @"{SET}"(i32)')
    if not emitter.uses_blas:
        emitter.uses_blas = True
        emitter.functions += TEXT
    return emitter.new("call i32 @blas.enter()")


def leave(emitter: Any, before: str) -> None:
    """As many threads as before."""
    emitter.do(f"call void @blas.leave(i32 {before})")
