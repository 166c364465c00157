"""Laws of messages: they name the user's line first, the operation, the types and a remedy."""

import re

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import lax
from ingot.util import HERE
from mistakes.show import outcome
from mistakes.table import MISTAKES

NAMES = {"jax": ingot, "jnp": jnp, "lax": lax, "np": np}
LINES = 25


def faults(mistake):
    """What a message does not do, in words."""
    error, text = outcome(mistake, NAMES)
    if error is None:
        return ["nothing is raised"]
    lines = text.splitlines()
    number = next(i for i, s in enumerate(mistake.code.splitlines(), 1) if s.endswith("#!"))
    file = f"{mistake.name.replace(' ', '_')}.py"
    found = []
    classes = {c.__name__ for c in type(error).__mro__}
    if not classes & set(mistake.raised.split("|")):
        found.append(f"raises {type(error).__name__}")
    at = [i for i, s in enumerate(lines)
          if re.search(rf'{re.escape(file)}(", line |:){number}\b', s)]
    ours = [i for i, s in enumerate(lines) if HERE in s]
    if not at or at[0] >= LINES:
        found.append(f"does not name line {number} within {LINES} lines")
    elif ours and ours[0] < at[0]:
        found.append(f"shows ours first: {lines[ours[0]].strip()}")
    message = "\n".join([str(error), *getattr(error, "__notes__", ())])
    found += [f"does not say {word!r}" for word in mistake.says if word not in message]
    if not any(word in message for word in mistake.remedy.split("|")):
        found.append(f"has no remedy ({mistake.remedy})")
    return [*found, message] if found else []


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: m.name)
def test_messages(mistake, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some write files
    told = faults(mistake)
    assert not told, "\n".join(told)


def test_what_has_no_derivative_is_at_hand_under_grad():
    def f(x):
        return int(x) * float(lax.stop_gradient(x)) * x if x > 0 else x

    assert ingot.grad(f)(2.5) == 5.0


def test_there_are_many():
    assert len({m.name for m in MISTAKES}) == len(MISTAKES) >= 120
