"""How much Python runs in a first call: calls are counted, which are the same on every machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "first_call.py"


@pytest.mark.llvm("calls until LLVM is asked for machine code")
@pytest.mark.skipif(not SCRIPT.exists(), reason="benchmarks are not installed")
def test_calls_of_a_first_gradient():
    """What is done twice, or for programs in which it cannot act, shows here first."""
    environment = {name: value for name, value in os.environ.items() if name[:6] != "INGOT_"}
    done = subprocess.run([sys.executable, SCRIPT, "grad", "--most", "20", "--check", "5800"],
                          capture_output=True, text=True, env=environment)
    assert not done.returncode, done.stdout + done.stderr
