"""Malformed arguments end in errors for users, never in a crash, and jit agrees with eager."""

import os
import subprocess
import sys
from pathlib import Path

import hypothesis
import hypothesis.strategies as st

CI = hypothesis.settings.default.derandomize


@hypothesis.settings(max_examples=2 if CI else 1000, phases=[hypothesis.Phase.generate])
@hypothesis.given(st.integers(0, 2**31))
def test_attack(seed: int) -> None:
    checking = os.environ | {"INGOT_CHECK_MEMORY": str(seed % 2)}  # of every second attack
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("attack.py")), str(seed), "300"],
        capture_output=True, text=True, timeout=600, env=checking)
    last = done.stderr.strip().splitlines()[-1:]
    assert done.returncode >= 0, f"the process died of signal {-done.returncode} at {last}"
    assert done.returncode == 0, done.stdout + "".join(last)
