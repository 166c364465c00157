"""Sessions in the pages of the documentation print what the pages show."""

import doctest
import re
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


@pytest.mark.llvm("pages show its stages")
@pytest.mark.parametrize("page", [p for p in PAGES if sessions(p)], ids=lambda p: p.stem)
def test_sessions(page):
    if PORTABLE is not None and page.stem == "how_it_works":
        pytest.skip(f"calls go through Python: {PORTABLE}")
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    names, output, flags = {}, [], config.snapshot()
    config.update("check_memory", False)  # which `make memcheck` sets, and pages do not show
    for text, line in sessions(page):
        examples = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), line)
        examples.globs = names  # which the next block goes on with
        runner.run(examples, out=output.append, clear_globs=False)
    for flag in ("cache", "optimize", "check_memory"):  # the first two a page may change
        config.update(flag, flags[flag])
    assert runner.tries and not runner.failures, "".join(output)
