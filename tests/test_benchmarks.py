"""What the benchmarks' summary says of the ratios that were measured."""

import importlib.util
import math
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def harness(monkeypatch):
    """The benchmarks' module of that name; the tests have one, too."""
    if not FOLDER.exists():
        pytest.skip("benchmarks are not installed")
    spec = importlib.util.spec_from_file_location("benchmarks_harness", FOLDER / "harness.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


def test_a_summary_names_every_row_where_ingot_is_not_the_fastest(harness):
    summary = harness.Summary("loops")
    summary.add("scan", {"jax": 1.25, "numba": 1.5}, {"numba": 1.3})
    summary.add("while", {"jax": 0.5, "numba": math.nan}, {})
    summary.add("sort", {"jax": 3.0, "numba": 1.0}, {})
    assert [line.strip() for line in summary.lines({"jax": 0.3})] == [
        "loops: 3 rows, mean 1.23 of jax (asked 0.3), largest 3: sort",
        "loops: 2 rows, mean 1.22 of numba, largest 1.5: scan",
        "above: scan: 1.5 of numba (asked 1.3)",
        "not the fastest: sort: 3 of jax", "not the fastest: scan: 1.5 of numba"]


def test_figures_say_on_what_they_were_measured(harness):
    assert f"Python {sys.version.split()[0]}" in harness.machine()
