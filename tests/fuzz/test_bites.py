"""Faults that compiled programs had, planted again: a law, random programs or the checks of memory
object to each."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz.bites import LAWS

pytestmark = pytest.mark.llvm("compiled programs, in processes of their own")

TESTS = Path(__file__).resolve().parents[1]


def run(*args: object) -> subprocess.CompletedProcess[str]:
    """The module `fuzz.bites` in a process, which may die of the fault."""
    return subprocess.run(
        [sys.executable, "-m", "fuzz.bites", *map(str, args)], capture_output=True, text=True,
        cwd=TESTS, timeout=600,
        env=os.environ | {"PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent / 'src'}"})


@pytest.mark.sampled(2)
@pytest.mark.parametrize("fault", LAWS)
def test_laws_object(fault: str) -> None:
    done = run("law", fault)  # which passes without the fault, with the rest of the suite
    assert done.returncode == 1 or done.returncode < 0, done.stdout + done.stderr


@pytest.mark.long
@pytest.mark.parametrize("fault", ["late_buffers", "late_refusals"])  # `make bites` tries them all
def test_random_programs_object(fault: str) -> None:
    done = run("programs", fault, 1_000_000)
    assert done.returncode == 0, done.stdout + done.stderr
