"""Faults that ingot had, planted again: how soon random programs show them.

    PYTHONPATH=tests python -m fuzz.bites FAULT MODE START COUNT

runs programs in a mode until one fails, and prints which, how, and after how many seconds. A crash
is one way to fail, so run it in a process for that.
"""

from __future__ import annotations

import contextlib
import faulthandler
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import numpy as np

from fuzz.batch import BATCH, Mode, findings
from ingot.backends.llvm import builtins, engine
from ingot.backends.llvm.scalar import ScalarEmitter
from ingot.compiler.lower import Lowering
from ingot.control import native
from ingot.kernel import ir, sorts
from ingot.kernel.builder import Builder
from ingot.kernel.values import Unsupported
from ingot.ops import lapack, sort
from ingot.ops.sort import sort_p


@contextlib.contextmanager
def late_buffers() -> Iterator[None]:
    """A loop's buffer that is made late is not among what its pointers may stand for."""
    late: set[ir.Memory] = set()
    written, reached = native._Large.written, ir.reached

    def remembering(self: Any, value: Any, pointers: Any) -> Any:
        missing = self.second is None
        out = written(self, value, pointers)
        if missing:
            late.add(self.second)
        return out

    def without(phi: Any) -> Any:
        found, complete = reached(phi)
        return found - late, complete

    with mock.patch.object(native._Large, "written", remembering), \
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
    """A library's sort of float16 is not sorted: compiled code calls it, as it did."""
    def available(build: Any, dtype: Any) -> bool:
        return dtype == np.float16 or before(build, dtype)

    def unsorted(*args: Any) -> Any:
        raise NotImplementedError

    before = sorts.available
    with mock.patch.object(sorts, "available", available), \
            mock.patch.object(sort, "_unsorted", unsorted, create=True):
        yield


@contextlib.contextmanager
def unbound_symbols() -> Iterator[None]:
    """What LLVM calls to convert float16 is at address 0."""
    resolve = engine.resolve
    with mock.patch.object(engine, "resolve", lambda symbol: 0 if symbol in builtins.NAMES
                           else resolve(symbol)), \
            mock.patch.object(ScalarEmitter, "_to_odd", lambda self, x: x):
        yield


FAULTS: dict[str, Callable[[], Any]] = {
    f.__name__: f for f in (late_buffers, late_refusals, one_operand_twice, donation_by_bytes,
                            sorts_that_err, unbound_symbols)}


def first(fault: str, mode: str, start: int, count: int) -> str:
    """The first finding of programs with a fault, and when."""
    begun = time.monotonic()
    with FAULTS[fault]():
        for seed in range(start, start + count, BATCH):
            for where, message in findings(Mode(mode), seed, min(BATCH, start + count - seed)):
                return f"seed {where}, {time.monotonic() - begun:.1f} s: {message[:200]}"
    return f"nothing in {count} programs, {time.monotonic() - begun:.1f} s"


if __name__ == "__main__":
    faulthandler.enable()
    warnings.simplefilter("ignore")
    print(first(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
