"""Random programs from fixed seeds, compiled in every mode, against the reference back end."""

import importlib

import pytest

from fuzz.batch import GROUP, run
from fuzz.check import REJECTED
from fuzz.limits import LOWERED
from fuzz.run import SETS


@pytest.mark.parametrize("k", range(len(SETS)), ids=["+".join(modes) for modes in SETS])
def test_programs(k: int) -> None:
    start = 1000 * (1 + k)  # `make fuzz` runs others for as long as asked
    done = list(run(SETS[k], range(start, start + GROUP)))
    assert len(done) == len(SETS[k]) * GROUP
    assert sum(outcome.message == REJECTED for outcome in done) < len(done) / 10
    found = [f"{outcome.mode}, seed {outcome.seed}: {outcome.message}" for outcome in done
             if outcome.message not in (None, REJECTED)]
    again = f"PYTHONPATH=tests python -m fuzz.run --modes {','.join(SETS[k])} --seed {start}" \
        f" --count {GROUP}"
    assert not found, "\n".join([*found, again])


def test_constants_are_there() -> None:
    assert all(hasattr(importlib.import_module(module), name)
               for module, values in LOWERED for name in values)
