"""Random programs from fixed seeds, compiled in every mode, against the reference back end."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz.batch import GROUP
from fuzz.limits import LOWERED
from fuzz.run import SETS
from ingot.kernel.schedule import SCHEDULE

pytestmark = pytest.mark.llvm("compiled programs, in processes of their own")

TESTS = Path(__file__).resolve().parents[1]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("k", range(len(SETS)), ids=["+".join(modes) for modes in SETS])
def test_programs(k: int) -> None:
    modes, start = SETS[k], 1000 * (1 + k)  # `make fuzz` runs others for as long as asked
    done = subprocess.run(
        [sys.executable, "-m", "fuzz.run", "--modes", ",".join(modes), "--seed", str(start),
         "--count", str(GROUP), "--no-shrink"], capture_output=True, text=True, cwd=TESTS,
        env=os.environ | {"PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent / 'src'}"})
    assert done.returncode == 0, done.stdout + done.stderr
    for mode in modes:
        assert f"\n{mode}: {GROUP} programs, " in done.stdout


def test_constants_are_there() -> None:
    for module, values in LOWERED:
        owner = SCHEDULE if module == "schedule" else importlib.import_module(module)
        assert all(hasattr(owner, name) for name in values), module
