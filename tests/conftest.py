"""What all tests share: programs are checked after every pass, hypothesis is reproducible, and a
process that crashed says at the end of the report where."""

import faulthandler
import gc
import os
import re
import shutil
import signal
import sys
import tempfile
import zlib
from importlib.util import find_spec
from pathlib import Path

import hypothesis
import pytest

from ingot.backends.llvm.native.abi import PORTABLE
from ingot.config import TABLE, config
from ingot.util import clear_caches

config.update("enable_checks", True)

# ci: the same examples in every run. fuzz: new ones each time, until stopped (make fuzz).
hypothesis.settings.register_profile(
    "ci", derandomize=True, deadline=None, max_examples=60, print_blob=True
)
hypothesis.settings.register_profile(
    "fuzz",
    deadline=None,
    max_examples=2000,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


# Where there is no JAX to compare with, modules that cannot do without it are left out.
collect_ignore = [] if find_spec("jax") else [
    str(path) for path in Path(__file__).parent.rglob("*.py")
    if re.search(r"^(import jax|from (jax|control_laws|numpy_oracle)\b)", path.read_text(), re.M)]

# pytest's own plugin writes a crash between the dots, where the end of a report does not show it.
CRASHES = "INGOT_TEST_CRASHES"
CRASH_LINES = 40

BETWEEN_CLEARING = 500
_ended = 0


def pytest_configure(config):
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in what a shell runs behind
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        os.environ[CRASHES] = tempfile.mkdtemp(prefix="ingot-crashes-")
    faulthandler.enable(open(Path(os.environ[CRASHES], str(os.getpid())), "w"))  # noqa: SIM115


@pytest.hookimpl(tryfirst=True)  # before those that `-m` deselects
def pytest_collection_modifyitems(items):
    """Leave out what the portable mode does in another way, and what is about LLVM's code where
    another back end is chosen; of samples, all but a part is long."""
    for item in items:
        sampled = item.get_closest_marker("sampled")
        if sampled and zlib.crc32(item.name.encode()) % sampled.args[0]:
            item.add_marker(pytest.mark.long)
    left_out = {} if PORTABLE is None else {"native": PORTABLE}
    if config.backend != "llvm":
        left_out |= {"llvm": "about LLVM", "native": f"the back end is {config.backend}"}
    for item in items if left_out else ():
        for name, why in left_out.items():
            for mark in item.iter_markers(name):
                item.add_marker(pytest.mark.skip(reason=f"{why}: {mark.args[0]}"))


def pytest_collection_finish():
    """JAX is here to compare with: to optimize its programs takes longer than to run them."""
    if "jax" in sys.modules:
        sys.modules["jax"].config.update("jax_disable_most_optimizations", True)


def pytest_terminal_summary(terminalreporter):
    for crash in Path(os.environ[CRASHES]).iterdir():
        cause, _, stacks = crash.read_text().partition("\n")
        others, current, here = stacks.partition("Current thread")
        if cause:
            terminalreporter.section(f"process {crash.name} crashed")
            terminalreporter.line(cause)
            terminalreporter.line("\n".join((current + here or others).split("\n")[:CRASH_LINES]))


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ[CRASHES])


def pytest_runtest_teardown(item):
    """Now and then forget programs, and have collections of garbage leave out what is there: to
    walk through gigabytes again and again takes ten times as long as the tests themselves."""
    global _ended
    _ended += 1
    if _ended % BETWEEN_CLEARING == 0:
        clear_caches()
        if "jax" in sys.modules:
            sys.modules["jax"].clear_caches()
        gc.unfreeze()
        gc.collect()
        gc.freeze()


@pytest.fixture(autouse=True)
def flags_stay():
    """A test that changes a flag must put it back."""
    before = {flag.name: getattr(config, flag.name) for flag in TABLE}
    yield
    after = {flag.name: getattr(config, flag.name) for flag in TABLE}
    for name, value in before.items():
        if after[name] != value:  # to set what a fixture of the module has overridden would last
            config.update(name, value)
    assert after == before, "a test left a flag changed; use config.override"


@pytest.fixture
def x32():
    """64-bit types are off while the test runs."""
    with config.override("enable_x64", False):
        yield
