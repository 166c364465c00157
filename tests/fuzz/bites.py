"""Faults that ingot had, planted again: how soon random programs show them.

    PYTHONPATH=tests python -m fuzz.bites programs FAULT SEED

runs programs from a seed on until one fails, and prints which, how, and after how many seconds;
`all` stands for each fault. `law FAULT` runs the tests that object to it.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest import mock

import numpy as np
import pytest

from fuzz.batch import Outcome, run
from fuzz.check import REJECTED
from ingot.backends.llvm import builtins, codegen, engine
from ingot.backends.llvm.native import abi
from ingot.backends.llvm.scalar import ScalarEmitter
from ingot.compiler.lower import Lowering
from ingot.config import config
from ingot.control import control_flow_kernels
from ingot.kernel import ir, numpy_sort
from ingot.kernel.builder import Builder
from ingot.kernel.values import Unsupported
from ingot.primitives import lapack
from ingot.primitives.sort import sort_p


@contextlib.contextmanager
def late_buffers() -> Iterator[None]:
    """A loop's buffer that is made late is not among what its pointers may stand for."""
    late: set[ir.Memory] = set()
    written, reached = control_flow_kernels._Large.written, ir.reached

    def remembering(self: Any, value: Any, pointers: Any) -> Any:
        missing = self.second is None
        out = written(self, value, pointers)
        if missing:
            late.add(self.second)
        return out

    def without(phi: Any) -> Any:
        found, complete = reached(phi)
        return found - late, complete

    with mock.patch.object(control_flow_kernels._Large, "written", remembering), \
            mock.patch.object(ir, "reached", without):
        yield


@contextlib.contextmanager
def late_refusals() -> Iterator[None]:
    """A rule refuses after it has built something, of which marks remain."""
    rule: Any = sort_p.kernel

    def refusing(build: Any, *xs: Any, **params: Any) -> Any:
        try:
            return rule(build, *xs, **params)
        except Unsupported:
            for x in xs[1:]:
                build.materialize(x)
            raise

    def roll_back(self: Any, mark: Any) -> bool:
        del self.block.nodes[mark[0][-1]:]
        self._numbered[-1].clear()
        return False

    with mock.patch.object(sort_p, "kernel", refusing), \
            mock.patch.object(Builder, "roll_back", roll_back):
        yield


@contextlib.contextmanager
def one_operand_twice() -> Iterator[None]:
    """A library call gets one buffer to read and to overwrite."""
    solve, copy_of = lapack.triangular_solve, Lowering.copy_of

    def undetached(self: Any, x: Any, *others: Any) -> list[Any]:
        return [*copy_of(self, x), *others]

    def solving(*args: Any, **params: Any) -> Any:
        with mock.patch.object(Lowering, "copy_of", undetached):
            return solve(*args, **params)

    with mock.patch.object(lapack, "triangular_solve", solving):
        yield


@contextlib.contextmanager
def donation_by_bytes() -> Iterator[None]:
    """A donated argument is taken for a result of other shape or dtype."""
    def fits(self: Any, donated: Any, aval: Any) -> bool:
        return donated.nbytes == aval.nbytes

    with mock.patch.object(Lowering, "_fits", fits):
        yield


@contextlib.contextmanager
def sorts_that_err() -> Iterator[None]:
    """A library's sort of float16 is called, which leaves long lines unsorted."""
    def erring(x: int, n: int, _: int) -> int:
        line = np.ctypeslib.as_array((ctypes.c_uint16 * n).from_address(x)).view(np.float16)
        line.sort(kind="stable")
        if n > 256:
            line[[0, -1]] = line[[-1, 0]]
        return 0

    routine = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_void_p)(
        erring)
    address_of, available = abi.numpy_sort, numpy_sort.available

    def resolved(name: str, dtype: Any) -> Any:
        if dtype == np.float16 and name == numpy_sort.FAST:
            return ctypes.cast(routine, ctypes.c_void_p).value
        return address_of(name, dtype)

    with mock.patch.object(abi, "numpy_sort", resolved), \
            mock.patch.object(numpy_sort, "available", lambda build, dtype: dtype == np.float16
                              or available(build, dtype)):
        yield


@contextlib.contextmanager
def unbound_symbols() -> Iterator[None]:
    """What LLVM calls to convert float16 is at address 0; the processor has no instruction."""
    resolve, processor = engine.resolve, codegen.processor

    def older() -> Any:
        name, features, triple = processor()
        return name, f"{features},-avx512fp16", triple

    with mock.patch.object(engine, "resolve", lambda symbol: 0 if symbol in builtins.NAMES
                           else resolve(symbol)), \
            mock.patch.object(codegen, "processor", older), \
            mock.patch.object(ScalarEmitter, "_to_odd", lambda self, x: x):
        yield


FAULTS: dict[str, Callable[[], Any]] = {
    f.__name__: f for f in (late_buffers, late_refusals, one_operand_twice, donation_by_bytes,
                            sorts_that_err, unbound_symbols)}


LAWS: dict[str, list[str]] = {
    "late_buffers": ["test_loop_buffers.py", "-k", "hand_on"],
    "late_refusals": ["test_kernel_rules.py", "-k", "refuse and 20"],
    "one_operand_twice": ["test_same_operands.py", "-k", "triangular_systems"],
    "donation_by_bytes": ["test_donation.py", "-k", "have_their_types"],
    "sorts_that_err": ["test_answers.py", "-k", "equal_numbers and float16"],
    "unbound_symbols": ["test_conversions.py", "-k", "every_conversion and float64"],
}
"""Arguments of pytest: the laws and tests that object to a fault, those that are quick."""

PROGRAMS: dict[str, str] = {
    "late_buffers": "full-plain-memory", "late_refusals": "fast-memory",
    "one_operand_twice": "fast-memory", "donation_by_bytes": "fast", "sorts_that_err": "fast",
    "unbound_symbols": "full"}
"""The cheapest mode in which random programs show a fault."""


def first(fault: str, modes: Sequence[str], seeds: range) -> tuple[Outcome | None, float]:
    """The first finding of programs with a fault, and after how many seconds."""
    begun = time.monotonic()
    for outcome in run(modes, seeds, FAULTS[fault]):
        if outcome.message not in (None, REJECTED):
            return outcome, time.monotonic() - begun
    return None, time.monotonic() - begun


def programs(fault: str, start: int, count: int = 2000) -> bool:
    """Whether random programs object to a fault; prints how."""
    found, seconds = first(fault, [PROGRAMS[fault]], range(start, start + count))
    print(f"{fault}: {found.mode}, seed {found.seed}, {seconds:.1f} s: {found.message}"
          if found else f"{fault}: nothing in {count} programs, {seconds:.1f} s", flush=True)
    return found is not None


def law(fault: str) -> int:
    """What pytest says of the law that a fault breaks."""
    with FAULTS[fault](), config.override("cache", False):
        return int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", *LAWS[fault]]))


def main(what: str, *args: str) -> int:
    if what == "law":
        return law(*args)
    names = list(FAULTS) if args[0] == "all" else [args[0]]
    return int(not all([programs(name, int(args[1])) for name in names]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
