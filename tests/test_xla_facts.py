"""Facts about JAX's shardings, asked of ingot with XLA as the chosen back end and 8 devices."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from test_shardings import DIFFERENT, FILES

pytestmark = pytest.mark.skipif(find_spec("jaxlib") is None, reason="needs jaxlib")

CHOSEN_BY_XLA = {
    "(a @ a.T).sharding, (a.T @ a).sharding, a[0].sharding, a[:4].sharding, a[0, 0].sharding":
        "XLA divides a slice as it likes, and JAX's is a gather",
}
"""Outcomes that are JAX's on LLVM alone, and why."""


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_outcomes_are_those_of_jax(name):
    script = ("import ingot, ingot.numpy, facts\n"
              "names = facts.namespace(ingot, ingot.sharding, ingot.numpy)\n"
              f"for line, expected in facts.read({name!r}):\n"
              f"    if facts.is_asked(line) and line not in {[*DIFFERENT, *CHOSEN_BY_XLA]!r}:\n"
              "        found = facts.outcome(line, names)\n"
              "        if found != expected:\n"
              "            print('WRONG', line, found, expected, sep='\\n    ')\n")
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parent, capture_output=True, text=True,
        check=False, env={**os.environ, "INGOT_BACKEND": "xla", "INGOT_NUM_CPU_DEVICES": "8"})
    assert done.returncode == 0, done.stderr
    assert "WRONG" not in done.stdout, done.stdout
