"""Faults planted in passes: the verifier objects, or the law that results are the reference's."""

import pytest

import ingot
from ingot.errors import InternalError
from pass_faults import FAULTS
from pass_programs import agree, busy_passes, compiled, expected


@pytest.fixture(autouse=True, scope="module")
def busy():
    with busy_passes():
        yield
    ingot.clear_caches()


def objection(name: str) -> str:
    """Who objects to a fault: 'verifier', 'law', or nobody."""
    plant, program = FAULTS[name]
    want = expected(program)
    with plant():
        try:
            got = compiled(program)
        except InternalError:
            return "verifier"
    return "" if agree(got, want) else "law"


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_caught(name):
    assert objection(name)


def test_there_are_faults_of_all_passes():
    assert len(FAULTS) >= 30
