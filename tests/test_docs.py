"""Sessions in the pages of the documentation print what the pages show."""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ingot.backends.llvm.native.abi import PORTABLE
from ingot.config import config

PAGES = sorted((Path(__file__).parent.parent / "docs").glob("*.md"))
SESSION = re.compile(r"^```pycon\n(.*?)^```$", re.M | re.S)


def sessions(page):
    """The blocks of a page that are typed at Python's prompt, each with the line it begins at."""
    text = page.read_text(encoding="utf-8")
    return [(found[1], text.count("\n", 0, found.start())) for found in SESSION.finditer(text)]


DEVICES = "INGOT_NUM_CPU_DEVICES=8"  # what a page tells to start Python with


def run(page):
    """Run the sessions of a page one after the other; return how many lines failed, and why."""
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    names, output = {}, []
    for text, line in sessions(page):
        examples = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), line)
        examples.globs = names  # which the next block goes on with
        runner.run(examples, out=output.append, clear_globs=False)
    return runner.failures + (not runner.tries), "".join(output)


@pytest.mark.llvm("pages show its stages")
@pytest.mark.parametrize("page", [p for p in PAGES if sessions(p) and DEVICES not in p.read_text(
    encoding="utf-8")], ids=lambda p: p.stem)
def test_sessions(page):
    if PORTABLE is not None and page.stem == "how_it_works":
        pytest.skip(f"calls go through Python: {PORTABLE}")
    flags = config.snapshot()
    config.update("check_memory", False)  # which `make memcheck` sets, and pages do not show
    failures, output = run(page)
    for flag in ("cache", "optimize", "check_memory"):  # the first two a page may change
        config.update(flag, flags[flag])
    assert not failures, output


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["llvm", "xla"])
@pytest.mark.parametrize("page", [p for p in PAGES if DEVICES in p.read_text(encoding="utf-8")],
                         ids=lambda p: p.stem)
def test_sessions_on_eight_devices(page, backend):
    if backend == "xla":
        pytest.importorskip("jaxlib")
    name, _, number = DEVICES.partition("=")
    done = subprocess.run(
        [sys.executable, __file__, page], capture_output=True, text=True, check=False,
        env={**os.environ, name: number, "INGOT_BACKEND": backend})
    assert done.returncode == 0, done.stdout + done.stderr


if __name__ == "__main__":
    FAILURES, OUTPUT = run(Path(sys.argv[1]))
    print(OUTPUT)
    sys.exit(FAILURES > 0)
