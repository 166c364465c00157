"""The runner of other packages' tests, and small programs of packages on ingot beside JAX."""

import dataclasses
import importlib.util
import os
import re
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from ecosystem import comparing, running, suites

TOY = """
import os, sys, time
import pytest

INGOT = "ingot" in sys.modules

def test_same(): pass
def test_skipped(): pytest.skip("as it is")
def test_differs(): assert not INGOT, "another result"
def test_known(): assert not INGOT
def test_crashes():
    if INGOT: os.abort()
def test_after_a_crash(): pass
def test_hangs():
    if INGOT: time.sleep(100)
def test_after_a_hang(): pass
def test_fails_on_both(): assert False
@pytest.mark.parametrize("x", [1, 2], ids=[repr(object()), "two"])
def test_address_in_name(x): pass
@pytest.fixture
def ends_badly():
    yield
    assert not INGOT
def test_fails_at_its_end(ends_badly): pass
"""


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A suite, and its outcomes on both sides."""
    root = tmp_path_factory.mktemp("toy")
    (root / "pytest.ini").write_text("[pytest]\n")
    (root / "toy.toml").write_text(textwrap.dedent("""
        version = "1.0"
        source = "wheel"
        tests = ["."]
        timeout = 5
        [[differences]]
        tests = ["test_toy.py::test_kn*n"]
        reason = "known to differ"
        [[differences]]
        tests = ["test_toy.py::test_same", "test_toy.py::test_nowhere"]
        reason = "does not differ any more"
    """))
    (root / "test_toy.py").write_text(TOY)
    (root / "test_import.py").write_text(
        "import sys\nassert 'ingot' not in sys.modules\ndef test_in_it(): pass\n")
    suite = dataclasses.replace(suites.load("toy", root), source="checkout")
    return suite, {side: running.run(side, suite, root, root / "out" / f"{side}.jsonl")
                   for side in ("jax", "ingot")}


def outcomes(lines):
    return {test.removeprefix("test_toy.py::test_"): line["outcome"]
            for test, line in lines.items()}


def test_each_test_has_its_outcome_after_crashes_and_hangs(toy):
    _, both = toy
    found = outcomes(both["ingot"])
    assert found == {
        "same": "passed", "skipped": "skipped", "differs": "failed", "known": "failed",
        "crashes": "crash", "after_a_crash": "passed", "hangs": "hang", "after_a_hang": "passed",
        "fails_on_both": "failed", "address_in_name[<object object at 0x>]": "passed",
        "address_in_name[two]": "passed", "fails_at_its_end": "failed",
        "test_import.py": "uncollected"}
    assert "another result" in both["ingot"]["test_toy.py::test_differs"]["message"]
    assert "after 5 s" in both["ingot"]["test_toy.py::test_hangs"]["message"]
    assert set(outcomes(both["jax"]).values()) == {"passed", "skipped", "failed"}


def test_only_what_passes_on_jax_is_compared(toy):
    suite, both = toy
    result = comparing.compare(both["jax"], both["ingot"], suite.differences)
    assert (result.passed, result.total, result.broken) == (5, 11, 2)
    assert result.explained == {"test_toy.py::test_known": "known to differ"}
    assert {t.rpartition("test_")[2]: o["outcome"] for t, o in result.unexplained.items()} == {
        "differs": "failed", "crashes": "crash", "hangs": "hang", "fails_at_its_end": "failed",
        "in_it": "absent"}
    assert result.stale == ("test_toy.py::test_same", "test_toy.py::test_nowhere")
    assert not result.good
    text = comparing.report(suite, result)
    assert "toy 1.0: 11 pass on JAX, 5 on ingot (45.45 %), 1 differences explained, 5 not" in text
    assert "STALE test_toy.py::test_nowhere" in text


def test_a_suite_without_differences_is_good(toy):
    _, both = toy
    assert comparing.compare(both["jax"], both["jax"], ()).good
    assert not comparing.compare({}, {}, ()).good


def test_chosen_tests_are_run_alone(toy, tmp_path):
    suite, _ = toy
    only = tmp_path / "only.txt"
    only.write_text("test_toy.py::test_same\ntest_toy.py::test_differs")
    (tmp_path / "test_toy.py").write_text(TOY)
    found = running.run("ingot", suite, tmp_path, tmp_path / "out" / "o.jsonl", only=only)
    assert outcomes(found) == {"same": "passed", "differs": "failed"}


def test_jax_can_be_spared_what_passes_on_ingot(toy, tmp_path):
    suite, both = toy
    assumed = comparing.assume(both["ingot"])
    assert set(outcomes(assumed)) == {
        t for t, o in outcomes(both["ingot"]).items() if o == "passed"}
    but = tmp_path / "but.txt"
    but.write_text("\n".join(assumed))
    root = tmp_path / "toy"
    root.mkdir()
    (root / "test_toy.py").write_text(TOY)
    (root / "test_import.py").write_text("def test_in_it(): pass\n")
    jax = running.run("jax", suite, root, tmp_path / "out" / "jax.jsonl", but=but)
    assert outcomes(jax) == {t: o for t, o in outcomes(both["jax"]).items()
                             if f"test_toy.py::test_{t}" not in assumed}
    whole = comparing.compare(both["jax"], both["ingot"], suite.differences)
    part = comparing.compare({**assumed, **jax}, both["ingot"], suite.differences)
    assert (part.passed, part.total, part.unexplained) == (
        whole.passed, whole.total, whole.unexplained)
    assert "toy 1.0: at most 11 pass on JAX, 5 on ingot" in comparing.report(suite, part)


@pytest.mark.parametrize("package", suites.known())
def test_files_of_packages_are_complete(package):
    suite = suites.load(package)
    assert suite.version and suite.tests and suite.timeout > 0
    assert suite.source in ("wheel", "sdist") or "@" in suite.source
    assert all(d.reason and d.tests for d in suite.differences)
    assert suites.load(f"{package}==9.9").version == "9.9"


# ---- samples ----
SAMPLES = sorted((running.HERE / "samples").glob("*.py"))


@pytest.mark.sampled(2)
@pytest.mark.oracle
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_programs_of_packages_print_the_same_numbers(sample):
    for package in re.findall(r"^(?:import|from) (\w+)", sample.read_text("utf-8"), re.MULTILINE):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")

    def numbers(*how):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("JAX_", "INGOT_"))}
        done = subprocess.run([sys.executable, *how, str(sample)], text=True, capture_output=True,
                              env={**kept, "PYTHONPATH": str(running.SOURCE)}, timeout=120)
        assert done.returncode == 0, done.stderr
        return [float(word) for word in done.stdout.split()]

    ours, theirs = numbers("-m", "ingot"), numbers()
    assert len(ours) > 1
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
