"""Texts of compiled programs are the same in all processes, whatever addresses and hashes are."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ingot.kernel import ir
from ingot.kernel.access_analysis import AffineExprs

SCRIPT = """
import sys
filler = [bytearray(37 * (k % {seed} + 1)) for k in range(1000 * {seed})][:: {seed} + 1]
import ingot
from pass_programs import PROGRAMS, busy_passes
with busy_passes():
    for name in ("gradient of a scan", "batch of loops", "masked", "exchanged", "sums", "calls"):
        fun, args = PROGRAMS[name]
        compiled = ingot.jit(fun).lower(*args).compile()
        for stage in ("simplified", "kernels", "llvm"):
            print("========", name, stage)
            print(compiled.as_text(stage))
"""


def text_of_process(seed: int) -> str:
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(seed=seed)], capture_output=True, text=True,
        env={**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": path})
    assert process.returncode == 0, process.stderr
    return process.stdout


@pytest.mark.llvm("its text is compared")
def test_processes_give_one_text():
    first, second = map(text_of_process, (1, 7))
    assert first.count("========") == 18
    assert first == second


def test_terms_are_in_the_order_in_which_they_are_met():
    """Memory gives objects addresses in any order, so each pair is added both ways."""
    values = [ir.Value("load", (), np.dtype(np.int64)) for _ in range(20)]
    for x, y in [*zip(values, values[1:], strict=False), *zip(values[1:], values, strict=False)]:
        for op, sign in (("add", 1), ("sub", -1)):
            form = AffineExprs().of(ir.Value(op, (x, y), np.dtype(np.int64)))
            assert form == (0, ((id(x), 1), (id(y), sign)))
