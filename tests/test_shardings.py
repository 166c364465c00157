"""Meshes, specs, shardings, and arrays divided by them, against facts about JAX.

The facts are kept in `tests/facts/`; where JAX is installed, a process of its own asks it again.
"""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import ingot
import ingot.numpy as jnp
from facts import is_asked, namespace, outcome, read
from ingot import sharding
from ingot.config import config

FILES = ("shardings",)

DIFFERENT = {
    'P("x") + 3': "JAX raises NotImplementedError, Python's own sequences a TypeError",
}


@pytest.mark.parametrize("name", FILES)
def test_outcomes_are_those_of_jax(name):
    wrong = []
    with config.override("num_cpu_devices", 8):
        names = namespace(ingot, sharding, jnp)
        for line, expected in read(name):
            if is_asked(line) and line not in DIFFERENT:
                found = outcome(line, names)
                if found != expected:
                    wrong.append(f"{line}\n  ingot: {found}\n  JAX:   {expected}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.oracle
@pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")
@pytest.mark.parametrize("name", FILES)
def test_facts_are_still_true(name):
    """What JAX of the version of the facts says is what is written down."""
    script = ("import facts, sys\n"
              "names = facts.of_jax()\n"
              "if names['jax'].__version_info__ < (0, 12): sys.exit(77)\n"
              f"for line, expected in facts.read({name!r}):\n"
              "    if facts.is_asked(line) and facts.outcome(line, names) != expected:\n"
              "        print(line)\n")
    done = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parent,
                          capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip("the facts are those of JAX 0.12")
    assert done.returncode == 0, done.stderr
    assert not done.stdout, done.stdout
