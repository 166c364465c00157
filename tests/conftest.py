"""What all tests share: programs are checked after every pass, hypothesis is reproducible."""

import os

import hypothesis
import pytest

from ingot.config import TABLE, config

config.update("enable_checks", True)

# ci: the same examples in every run. fuzz: new ones each time, until stopped (make fuzz).
hypothesis.settings.register_profile(
    "ci", derandomize=True, deadline=None, max_examples=100, print_blob=True
)
hypothesis.settings.register_profile(
    "fuzz",
    deadline=None,
    max_examples=2000,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(autouse=True)
def flags_stay():
    """A test that changes a flag must put it back."""
    before = {flag.name: getattr(config, flag.name) for flag in TABLE}
    yield
    after = {flag.name: getattr(config, flag.name) for flag in TABLE}
    for name, value in before.items():
        config.update(name, value)
    assert after == before, "a test left a flag changed; use config.override"


@pytest.fixture
def x32():
    """64-bit types are off while the test runs."""
    with config.override("enable_x64", False):
        yield
