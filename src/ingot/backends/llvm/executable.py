"""A compiled program: calls machine code on NumPy buffers."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.backends.llvm import engine, host
from ingot.backends.llvm.buffers import pool
from ingot.backends.llvm.emit import emit
from ingot.compiler.dead import remove_dead
from ingot.compiler.interrupts import place_polls
from ingot.compiler.lower import Lowering
from ingot.compiler.simplify import simplify
from ingot.config import config
from ingot.core.backend import register_backend
from ingot.core.jaxpr import Jaxpr
from ingot.core.printing import pretty
from ingot.kernel.cost import size, work
from ingot.kernel.printing import pretty_kernel

COMPILE_SECONDS = 80e-6
"""What optimizing costs for each instruction of the kernel."""

SAVED_SECONDS = 0.5e-9
"""What optimized code saves for each instruction executed."""

HOT_SECONDS = 0.02
"""Time spent in fast code after which the optimized code is made in the background."""

LONG_WORK = 20_000
"""Instructions in one call above which other Python threads may run meanwhile."""

_Run = ctypes.PYFUNCTYPE(ctypes.c_int32, ctypes.py_object, ctypes.py_object, ctypes.c_void_p,
                         ctypes.c_void_p, ctypes.c_int64)
UNFIT = 3


class LLVMExecutable:
    """A program as machine code; starts in the fast tier unless its work is large."""

    def __init__(self, jaxpr: Jaxpr):
        self.jaxpr = jaxpr
        self.simplified = simplify(jaxpr)
        lowering = Lowering()
        self.function = remove_dead(lowering.function(self.simplified))
        self.host_functions = lowering.host_functions
        long = place_polls(self.function.body)
        self.work = work(self.function.body)
        self.text, self.symbols = emit(self.function, long or self.work > LONG_WORK)
        self.context = host.register(self)
        self.spent = 0.0
        self._upgrading = False
        self._constants = pointers([c.data for c in self.function.constants])
        self._arenas: list[Arena] = []  # pop and append are atomic: no lock is needed
        self._in_dtypes = [a.storage for a in jaxpr.in_avals]
        self._out_types = [(a.shape, a.storage) for a in jaxpr.out_avals]
        self._codes: list[engine.Code] = []
        tier = config.optimize
        cost = COMPILE_SECONDS * size(self.function.body)
        large = tier == "full" or (tier == "auto" and SAVED_SECONDS * self.work > cost)
        self._patience = HOT_SECONDS + cost / 4
        self._install(self._compile(engine.FULL if large else engine.FAST))
        self._may_upgrade = tier == "auto" and self.code.tier is not engine.FULL

    def _compile(self, tier: engine.Tier) -> engine.Code:
        return engine.compile_text(self.text, self.symbols, host.symbols(), tier)

    def _install(self, code: engine.Code) -> None:
        self._codes.append(code)  # another thread may still be running the code replaced
        self.code = code
        self._run = _Run(code.address)

    # ---- running -----------------------------------------------------------------------------
    def __call__(self, *args: np.ndarray) -> tuple[np.ndarray, ...]:
        for x, dtype in zip(args, self._in_dtypes, strict=True):
            if x.dtype is not dtype and x.dtype != dtype:
                args = tuple(map(_ready, args, self._in_dtypes))
                break
        outs = tuple([pool.empty(shape, dtype) for shape, dtype in self._out_types])
        arena = self._arenas.pop() if self._arenas else Arena(self.function.arena_bytes)
        start = time.perf_counter()
        status = self._run(args, outs, self._constants, arena.address, self.context)
        self._arenas.append(arena)
        if self._may_upgrade:
            self._account(time.perf_counter() - start)
        if status == UNFIT:
            return self(*map(_ready, args, self._in_dtypes))
        if status:
            host.raise_error()
        return outs

    def _account(self, seconds: float) -> None:
        """Start the optimizing compilation once the program has proved hot."""
        self.spent += seconds
        if self.spent > self._patience and not self._upgrading:
            self._upgrading, self._may_upgrade = True, False
            threading.Thread(target=self._upgrade, daemon=True).start()

    def _upgrade(self) -> None:
        self._install(self._compile(engine.FULL))

    # ---- looking inside ----------------------------------------------------------------------
    def as_text(self, stage: str | None = None) -> str:
        """The program at a stage: jaxpr, simplified, kernels, llvm, optimized or assembly."""
        texts = {
            "jaxpr": lambda: pretty(self.jaxpr),
            "simplified": lambda: pretty(self.simplified),
            "kernels": lambda: pretty_kernel(self.function),
            "llvm": lambda: self.text,
            "optimized": lambda: engine.optimized_text(self.text),
            "assembly": lambda: engine.assembly_text(self.text, self.code.tier),
        }
        name = stage or "assembly"
        if name not in texts:
            raise ValueError(f"stage must be one of {list(texts)}, got {name!r}")
        return texts[name]()

    def cost_analysis(self) -> dict[str, float]:
        """Estimates: instructions executed, bytes of arguments and results, host calls."""
        nbytes = sum(a.nbytes for a in (*self.jaxpr.in_avals, *self.jaxpr.out_avals))
        return {"flops": float(self.work), "bytes accessed": float(nbytes),
                "host calls": float(len(self.host_functions))}

    def memory_analysis(self) -> dict[str, int]:
        """Bytes of arguments, results, temporaries and constants."""
        return {
            "argument_size_in_bytes": sum(a.nbytes for a in self.jaxpr.in_avals),
            "output_size_in_bytes": sum(a.nbytes for a in self.jaxpr.out_avals),
            "temp_size_in_bytes": self.function.arena_bytes,
            "constant_size_in_bytes": sum(c.nbytes for c in self.function.constants),
        }


class Arena:
    """Memory for temporaries, aligned for vectors."""

    def __init__(self, nbytes: int):
        self._memory = np.empty(nbytes + 64, np.uint8)
        address = self._memory.ctypes.data
        self.address = address + -address % 64


def _ready(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """A contiguous array of the dtype the program expects."""
    if x.dtype == dtype and x.flags.c_contiguous and x.flags.aligned:
        return x
    return np.ascontiguousarray(x, dtype=dtype).reshape(x.shape)


def pointers(arrays: Sequence[Any]) -> Any:
    """A table of addresses."""
    return (ctypes.c_void_p * max(len(arrays), 1))(
        *[a.__array_interface__["data"][0] for a in arrays])


def compile_program(jaxpr: Jaxpr) -> LLVMExecutable:
    """Compile with LLVM."""
    return LLVMExecutable(jaxpr)


register_backend("llvm", compile_program)

__all__ = ["LLVMExecutable", "compile_program"]
