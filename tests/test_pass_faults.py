"""Faults planted in passes: the verifier objects, or the law that results are the reference's."""

import pytest

import ingot
from ingot.backends.llvm import threads
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


OF_THREADS = {"a_parallel_loop_with_a_dependence", "a_temporary_that_threads_share"}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_caught(name):
    if name in OF_THREADS and not threads.supported():
        pytest.skip("loops are not divided among threads")
    assert objection(name)


def test_there_are_faults_of_all_passes():
    assert len(FAULTS) >= 30
