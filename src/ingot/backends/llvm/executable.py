"""A compiled program: machine code in this process, called on NumPy buffers."""

from __future__ import annotations

import ctypes
import threading
import time
import weakref
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from ingot.backends.host import serialized
from ingot.backends.llvm import engine, host
from ingot.backends.llvm.buffers import is_unshared, pool
from ingot.backends.llvm.compilation import Compilation, ExecutableInfo
from ingot.backends.llvm.native import fields
from ingot.backends.llvm.native.abi import PORTABLE
from ingot.backends.llvm.native.program_structs import UNLIMITED, program_record, replace_program
from ingot.backends.llvm.native.structs import NativeStruct
from ingot.backends.llvm.worker import WorkerError
from ingot.compiler.passes import PassReport, table
from ingot.config import config
from ingot.core.array import Array, delete, make_contiguous
from ingot.core.avals import ShapedArray
from ingot.core.backend import DEFAULTS, CompileOptions
from ingot.core.jaxpr import Eqn, Jaxpr
from ingot.core.logs import compiling
from ingot.core.native_calls import NativeCalls
from ingot.core.printing import pretty
from ingot.core.spans import span
from ingot.kernel import ir
from ingot.kernel.printing import pretty_kernel

HOT_SECONDS = 0.02
"""Time spent in fast code after which the optimized code is made in the background."""

MAX_CALL_BUDGET = 256
"""Native calls of a program in the fast tier between two measurements of its time."""

_Arrays = ctypes.py_object if PORTABLE is None else ctypes.c_void_p
_Run = ctypes.PYFUNCTYPE(ctypes.c_int32, _Arrays, _Arrays, ctypes.c_void_p, ctypes.c_void_p,
                         ctypes.c_int64)
UNFIT = 3


_alive: weakref.WeakSet[LLVMExecutable] = weakref.WeakSet()


def executables() -> list[LLVMExecutable]:
    """The compiled programs that are in use, in no particular order."""
    return list(_alive)


class LLVMExecutable:
    """A program as machine code; starts in the fast tier unless its work is large."""

    def __init__(self, jaxpr: Jaxpr, options: CompileOptions = DEFAULTS,
                 native_calls: NativeCalls | None = None):
        self.jaxpr, self.options = jaxpr, options
        self.native_calls = native_calls
        self.compilation = Compilation(jaxpr, options.donated)
        self.seconds_run = 0.0
        self._upgrading = False
        self._in_dtypes = [a.storage for a in jaxpr.in_avals]
        self._out_types = [(a.shape, a.storage) for a in jaxpr.out_avals]
        self.native = MachineCode(*self.compilation.first())
        self._natives = [self.native]
        self.record = self._record(self.native)
        self._hot_threshold = HOT_SECONDS + self.native.info.compile_seconds / 10
        self._may_upgrade = config.optimize == "auto" and self.code.tier is not engine.FULL
        self._set_call_budget(0 if self._may_upgrade else UNLIMITED)
        _alive.add(self)

    @property
    def in_avals(self) -> list[ShapedArray]:
        """The types of the arguments."""
        return self.jaxpr.in_avals

    def _record(self, native: MachineCode) -> NativeStruct:
        return program_record(native.kernel, len(self.jaxpr.in_avals), self.jaxpr.out_avals,
                              native.others_may_run, native.info.overwritten,
                              native.info.result_aliases)

    def _install(self, native: MachineCode) -> None:
        self._natives.append(native)  # another thread may still be running the code replaced
        self.native = native
        replace_program(self.record, self._record(native))

    @property
    def code(self) -> engine.Code:
        """The machine code that runs now."""
        return self.native.code

    def caller(self, out_avals: Any, rebuild: Any) -> None:
        """Return None: calls that are short go the native call path."""

    # ---- running -----------------------------------------------------------------------------
    def __call__(self, *buffers: np.ndarray) -> tuple[np.ndarray, ...]:
        """Run on ndarrays, none of which is written to."""
        return self._execute(buffers, ())

    def run(self, arrays: Sequence[Array], consume: bool = False) -> tuple[np.ndarray, ...]:
        """Run on arrays; with `consume` in the memory of donated ones without other references."""
        owned: Collection[int] = ()
        if consume and self.native.info.overwritten:
            owned = [k for k in self.native.info.overwritten
                     if is_unshared(arrays[k]) and sum([x is arrays[k] for x in arrays]) == 1]
        buffers = tuple([
            x._data if type(x._data) is np.ndarray and x._data.flags.c_contiguous
            else make_contiguous(x) for x in arrays])
        if not owned:
            return self._execute(buffers, ())
        try:
            return self._execute(buffers, owned)
        except BaseException:
            for k in owned:
                delete(arrays[k])
            raise

    def _execute(self, args: tuple[np.ndarray, ...], owned: Collection[int]
                 ) -> tuple[np.ndarray, ...]:
        """Run on ndarrays; of those that the program writes to, all but the owned are copied."""
        for x, dtype in zip(args, self._in_dtypes, strict=True):
            if x.dtype is not dtype and x.dtype != dtype:
                args = tuple(map(_ready, args, self._in_dtypes))
                break
        native = self.native  # another thread may replace it
        if native.info.overwritten:
            args = self._private(native, args, owned)
            outs = self._with_taken(native, args)
        else:
            outs = tuple([pool.empty(shape, dtype) for shape, dtype in self._out_types])
        start = time.perf_counter()
        with span("run", self.jaxpr.debug_name):
            status = native(args, outs)
        if self._may_upgrade:
            self._account(time.perf_counter() - start)
        if status == UNFIT:
            return self(*map(_ready, args, self._in_dtypes))
        if status:
            host.raise_error()
        return outs

    def _private(self, native: MachineCode, args: Sequence[np.ndarray], owned: Collection[int]
                 ) -> tuple[np.ndarray, ...]:
        """The arguments, with copies of those that are overwritten but not owned."""
        private = list(args)
        for k in set(native.info.overwritten).difference(owned):
            private[k] = pool.empty(args[k].shape, args[k].dtype)
            np.copyto(private[k], args[k])
        return tuple(private)

    def _with_taken(self, native: MachineCode, args: Sequence[np.ndarray]
                    ) -> tuple[np.ndarray, ...]:
        """Arrays for the results, some of which are arguments."""
        return tuple([pool.empty(shape, dtype) if k < 0 else args[k] for (shape, dtype), k in
                      zip(self._out_types, native.info.result_aliases, strict=True)])

    def _account(self, seconds: float) -> None:
        """Start the optimizing compilation once the program has proved hot.

        Native calls are not timed: those since the last measurement are taken to last as long.
        """
        made = self._call_budget - max(self.record[fields.CALLS], 0)
        self.seconds_run += seconds * (1 + made)
        if self.seconds_run > self._hot_threshold and not self._upgrading:
            self._upgrading, self._may_upgrade = True, False
            self._set_call_budget(UNLIMITED)
            threading.Thread(target=self._upgrade, args=(config.snapshot(),), daemon=True).start()
        elif self._may_upgrade:
            calls = int(0.05 * self._hot_threshold / max(seconds, 1e-7))
            self._set_call_budget(min(MAX_CALL_BUDGET, calls))

    @property
    def sampling_due(self) -> bool:
        """Whether the last call was one the fast path knows, sent here to be timed."""
        return self.record[fields.CALLS] < 0

    def _set_call_budget(self, calls: int) -> None:
        self._call_budget = calls
        self.record[fields.CALLS] = calls

    def _upgrade(self, flags: dict[str, Any]) -> None:
        config.adopt(flags)
        try:
            self._install(compiling(
                f"{self.jaxpr.debug_name} again, optimized,", self.jaxpr.in_avals,
                lambda: MachineCode(*self.compilation.compiled(engine.FULL, background=True)),
                in_background=True))
        except WorkerError:
            pass  # the process ends, or the worker was stopped: go on as before

    @property
    def upgrading(self) -> bool:
        """Whether optimized code is on its way."""
        return self._upgrading and self.code.tier is not engine.FULL

    @property
    def function(self) -> ir.Function:
        """The program as kernels."""
        return self.compilation.kernels(self.code.tier).function

    def how_compiled(self) -> str:
        """What `log_compiles` adds: how long the parts took, and what came of it."""
        if self.code.cached:
            return f": {self.code.tier.name} code, from the cache on disk"
        compilation = self.compilation
        return (f": lowering {compilation.lowering_seconds:.6f} sec, LLVM"
                f" {compilation.llvm_seconds:.6f} sec, {self.code.tier.name} code,"
                f" {len(self.native.host_functions)} host calls")

    # ---- looking inside ----------------------------------------------------------------------
    def as_text(self, stage: str | None = None) -> str:
        """The program at a stage: jaxpr, simplified, passes, kernels, llvm, optimized or assembly.
        """
        module = self.compilation.module
        texts = {
            "jaxpr": lambda: pretty(self.jaxpr),
            "simplified": lambda: pretty(self.compilation.kernels().simplified),
            "passes": self._passes_text,
            "kernels": self._kernels_text,
            "llvm": lambda: module(self.code.tier).text,
            "optimized": lambda: engine.optimized_text(
                module(engine.FULL).text, opt_level=module(engine.FULL).opt_level),
            "assembly": lambda: engine.assembly_text(
                module(self.code.tier).text, self.code.tier, module(self.code.tier).opt_level),
        }
        name = stage or "assembly"
        if name not in texts:
            raise ValueError(f"stage must be one of {list(texts)}, got {name!r}")
        return texts[name]()

    def _passes_text(self) -> str:
        reports: list[PassReport] = []
        self.compilation.kernels(self.code.tier, reports)
        return table(reports)

    def _kernels_text(self) -> str:
        text = pretty_kernel(self.function)
        for number, function in enumerate(self.native.host_functions):
            text = text.replace(f"host call {number}(",
                                f"host call {number} of {function.eqn.primitive.name}(")
        return text

    def cost_analysis(self) -> dict[str, float]:
        """Estimates: instructions executed, bytes of arguments and results, host calls."""
        nbytes = sum(a.nbytes for a in (*self.jaxpr.in_avals, *self.jaxpr.out_avals))
        names = [f.eqn.primitive.name for f in self.native.host_functions]
        return {"instructions": float(self.native.info.work), "bytes accessed": float(nbytes),
                "host calls": float(len(names)),
                **{f"host calls of {name}": float(names.count(name)) for name in names}}

    def memory_analysis(self) -> dict[str, int]:
        """Bytes of arguments, results, temporaries and constants."""
        return {
            "argument_size_in_bytes": sum(a.nbytes for a in self.jaxpr.in_avals),
            "output_size_in_bytes": sum(a.nbytes for a in self.jaxpr.out_avals),
            "temp_size_in_bytes": self.native.info.temporary_bytes,
            "constant_size_in_bytes": sum(c.nbytes for c in self.native.info.constants),
        }

    def serialize(self) -> bytes:
        """Return the program for `deserialize`: its machine code is in the cache on disk."""
        return serialized("llvm", self)

    @property
    def host_functions(self) -> Sequence[Eqn]:
        """The equations that run in Python."""
        return [f.eqn for f in self.native.host_functions]


class MachineCode:
    """Machine code with its constants, temporaries and host functions."""

    def __init__(self, code: engine.Code, info: ExecutableInfo):
        self.code, self.info, self.host_functions = code, info, info.host_functions
        self._run = _Run(code.address)
        self._context = host.register(self)
        self._constants = pointers(info.constants)
        self._arenas: list[Arena] = []  # pop and append are atomic: no lock is needed
        arena = Arena(info.arena_bytes)
        self.others_may_run = info.releases_gil or bool(info.host_functions)
        self.kernel = NativeStruct([code.address, ctypes.addressof(self._constants), arena.address,
                                    self._context], arena, self._constants)

    def __call__(self, args: Sequence[np.ndarray], outs: Sequence[np.ndarray]) -> int:
        """Run on two tuples of arrays; the status is not 0 if it could not."""
        try:
            arena = self._arenas.pop()
        except IndexError:
            arena = Arena(self.info.arena_bytes)
        if PORTABLE is None:
            status = self._run(args, outs, self._constants, arena.address, self._context)
        elif all([x.flags.c_contiguous and x.flags.aligned for x in args]):
            status = self._run(pointers(args), pointers(outs), self._constants, arena.address,
                               self._context)
        else:
            status = UNFIT
        self._arenas.append(arena)
        return status


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


__all__ = ["LLVMExecutable", "executables"]
