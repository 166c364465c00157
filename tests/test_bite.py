"""The laws bite: faults planted in the slots of every primitive are found by some law."""

from __future__ import annotations

import re
import zlib

import pytest

from faults import Fault, faults_of, planted
from ingot.backends.llvm.native.abi import PORTABLE
from ingot.config import config
from ingot.core.primitive import REGISTRY
from laws import LAWS
from rows import rows_by_primitive

REFUSES = "the rule does nothing but raise the user's error"
SURVIVORS = {
    r"(add|add_any)\.jvp: partials swapped": "both are the identity",
    r"(debug_callback|dce_sink)\.": "it has no results",
    r"axis_index\.transpose": "it has no arguments",
    r"(pure|io)_callback\.jvp": REFUSES,
    r"(polygamma|expn|hyp1f1|hyp2f1|jv)\.jvp: partial 0": REFUSES,
    r"(all_gather_invariant|all_gather_reduced|unreduced_psum|unreduced_reduce_scatter)"
    r"\.(jvp|transpose|batch|type)":
        "rows run them without derivatives and maps; facts about shard_map have those",
    r"stop_gradient\.kernel": "programs are compiled without it",
    r"digamma_complex\.jvp": REFUSES,
    r"check\.": "it has no results that could be wrong; test_checkify.py looks at what it reports",
    r"while\.transpose": REFUSES,
    r"custom_lin\.": "it stands for a rule in a linear program until that is transposed",
    r"(custom_vjp_call|select_branches|stop_gradient)\.transpose":
        "only linear_transpose of a linear function gets there",
}
"""Faults, by pattern, that no law finds, with the reason: they are none, or cannot be seen."""


def excused(fault: Fault) -> bool:
    if PORTABLE is not None and str(fault).startswith("argpartition.kernel"):
        return True  # NumPy's own code, which is called in its place, is not linked there
    return any(re.match(pattern, str(fault)) for pattern in SURVIVORS)


FIRST = {"eval": "law_value", "type": "law_type", "jvp": "law_jvp", "transpose": "law_vjp",
         "batch": "law_vmap", "kernel": "law_jit", "linearize": "law_vjp"}


def catcher(fault: Fault) -> str | None:
    """The first law that objects to a planted fault, and on which row; None if none does."""
    laws = sorted(LAWS, key=lambda law: law.__name__ != FIRST[fault.slot])
    rows = rows_by_primitive().get(fault.primitive.name, [])[:16]
    # Wrong types may write beyond the memory of compiled programs.
    backend = "reference" if fault.slot == "type" else config.backend
    # On disk, a program is found by its equations, which do not tell that a rule is wrong.
    with config.override("backend", backend), config.override("cache", False), planted(fault):
        for law in laws:
            for row in rows:
                try:
                    law(row)
                except Exception:
                    return f"{law.__name__} on {row.name}"
    return None


def sample(faults: list[Fault], n: int) -> list[Fault]:
    """A few faults, the same in every run."""
    return sorted(faults, key=lambda f: zlib.crc32(str(f).encode()))[:n]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", sorted(rows_by_primitive()))
def test_sample(name: str) -> None:
    for fault in sample(faults_of(REGISTRY[name]), 3):
        assert excused(fault) or catcher(fault), f"no law objects to {fault}"


@pytest.mark.long
def test_all() -> None:
    faults = [f for name in sorted(rows_by_primitive()) for f in faults_of(REGISTRY[name])]
    survivors = [f for f in faults if catcher(f) is None]
    assert len(survivors) <= 0.05 * len(faults), f"{len(survivors)} of {len(faults)}"
    unexplained = [str(f) for f in survivors if not excused(f)]
    assert not unexplained, "\n".join(unexplained)
    unused = [p for p in SURVIVORS if not any(re.match(p, str(f)) for f in survivors)]
    assert not unused, f"found by now; take them off the list: {unused}"
