"""Random programs from fixed seeds, compiled in every mode, against the reference back end."""

import importlib

import pytest

from fuzz.limits import LOWERED
from fuzz.run import MODES, batch

SEEDS = 6  # each mode; `make fuzz` runs others for as long as asked


@pytest.mark.parametrize("mode", MODES)
def test_programs(mode: str) -> None:
    start = 1000 * (1 + MODES.index(mode))
    found = [f"seed {seed}: {message}" for seed, message in batch(mode, start, SEEDS)]
    again = f"PYTHONPATH=tests python -m fuzz.run --modes {mode} --seed {start} --count {SEEDS}"
    assert not found, "\n".join([*found, again])


def test_constants_are_there() -> None:
    assert all(hasattr(importlib.import_module(module), name)
               for module, values in LOWERED for name in values)
